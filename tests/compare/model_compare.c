// Sends random commands to a server that is running and compares its replies with the model's.
//
// usage: model_compare PORT COMMANDS [SEED [redis]]
//
// The server's databases are emptied. "redis": leaves out what only Poro has.
#include "sim/model.h"
#include "sim/workload.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIPELINE_MAX 100
#define FAILURES_SHOWN 20
// The server reads its clock a little later than this program does.
#define TOLERANCE_MS 2000

struct step {
    struct command_line line;
    struct model_reply reply;
};

struct compare {
    uint16_t port;
    bool redis;
    int socket;
    struct random random;
    struct workload workload;
    struct model *model;
    struct model_session session;
    uint64_t scan_cursor;
    struct step steps[PIPELINE_MAX];
    struct bytes received;
    struct step *last; // whose reply has been looked at
    bool broken;       // replies and commands no longer go together
    uint64_t passed;
    uint64_t failed;
};

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// --- the connection --------------------------------------------------------------------------

static void compare_connect(struct compare *compare)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(compare->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    compare->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (compare->socket < 0 ||
        connect(compare->socket, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("connect");
    int on = 1;
    setsockopt(compare->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    compare->received.length = 0;
    compare->scan_cursor = 0;
    compare->broken = false;
    model_session_init(&compare->session);
}

// What has not been received when the server has closed the connection stays missing.
static bool compare_receive(struct compare *compare)
{
    uint8_t *to = bytes_room(&compare->received, 65536);
    ssize_t got = read(compare->socket, to, 65536);
    if (got < 0)
        die("read");
    compare->received.length += (size_t)got;
    return got > 0;
}

// Sends without waiting for ever: the server may want its replies to be read first.
static void compare_send(struct compare *compare, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(compare->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct timespec pause = {.tv_nsec = 200000};
            nanosleep(&pause, NULL);
            uint8_t *to = bytes_room(&compare->received, 65536);
            ssize_t got = recv(compare->socket, to, 65536, MSG_DONTWAIT);
            if (got > 0)
                compare->received.length += (size_t)got;
        } else {
            die("send");
        }
    }
}

// --- comparing -------------------------------------------------------------------------------

static bool line_is(const struct command_line *line, uint32_t index, const char *word)
{
    uint32_t length;
    if (index >= line->argc)
        return false;
    const uint8_t *arg = command_line_arg(line, index, &length);
    return length == strlen(word) && strncasecmp((const char *)arg, word, length) == 0;
}

static bool line_has(const struct command_line *line, const char *word)
{
    for (uint32_t i = 0; i < line->argc; i++) {
        if (line_is(line, i, word))
            return true;
    }
    return false;
}

// TTL and PTTL: integers that may differ a little. The bytes of the reply, or what is wrong.
static int64_t check_left(const struct step *step, const uint8_t *sent, size_t length)
{
    const uint8_t *end = memchr(sent, '\n', length);
    if (end == NULL)
        return -EAGAIN;
    if (length == 0 || sent[0] != ':')
        return -EBADMSG;
    struct bytes right = step->reply.bytes;
    int64_t difference =
        strtoll((const char *)right.data + 1, NULL, 10) - strtoll((const char *)sent + 1, NULL, 10);
    int64_t tolerance = line_is(&step->line, 0, "ttl") ? TOLERANCE_MS / 1000 : TOLERANCE_MS;
    if (difference < -tolerance || difference > tolerance)
        return -EBADMSG;
    return end - sent + 1;
}

static int64_t compare_check(struct step *step, const uint8_t *sent, size_t length, char error[512])
{
    struct model_reply *reply = &step->reply;
    bool left = line_is(&step->line, 0, "ttl") || line_is(&step->line, 0, "pttl");
    // From an hour on: -1 and -2 are exact.
    if (left && reply->kind == MODEL_EXACT && reply->bytes.length >= 7 &&
        reply->bytes.data[0] == ':') {
        snprintf(error, 512, "the time left is wrong");
        return check_left(step, sent, length);
    }
    return model_reply_check(reply, sent, length, error);
}

static void compare_failed(struct compare *compare, struct step *step, const char *error)
{
    char text[1024];
    compare->failed++;
    if (compare->failed > FAILURES_SHOWN)
        return;
    command_line_show(&step->line, text, sizeof(text));
    printf("after %llu commands, %s\n    %s\n", (unsigned long long)compare->passed, text, error);
}

// A wrong reply is skipped, whatever it is. False when there is none.
static bool compare_skip(struct compare *compare, size_t at, size_t *bytes)
{
    struct model_reply any = {.kind = MODEL_ANY, .resp = 3};
    char error[512];
    int64_t length;
    do
        length = model_reply_check(&any, compare->received.data + at, compare->received.length - at,
                                   error);
    while (length == -EAGAIN && compare_receive(compare));
    *bytes = length > 0 ? (size_t)length : 0;
    return length > 0;
}

static void scan_learn(struct compare *compare, const struct step *step)
{
    // The model has read it from the reply.
    if (step->reply.kind == MODEL_SCAN)
        compare->scan_cursor = step->reply.cursor;
}

// False when the connection has ended too early or makes no sense any more.
static bool compare_reply(struct compare *compare, struct step *step, size_t *at)
{
    char error[512];
    while (true) {
        int64_t result = compare_check(step, compare->received.data + *at,
                                       compare->received.length - *at, error);
        if (result >= 0) {
            *at += (size_t)result;
            compare->passed++;
            scan_learn(compare, step);
            return true;
        }
        if (result == -EBADMSG) {
            size_t bytes;
            compare_failed(compare, step, error);
            if (!compare_skip(compare, *at, &bytes))
                return false;
            *at += bytes;
            return true;
        }
        assert(result == -EAGAIN);
        if (!compare_receive(compare)) {
            compare_failed(compare, step, "the connection ended");
            return false;
        }
    }
}

// --- commands --------------------------------------------------------------------------------

static void compare_draw(struct compare *compare, struct command_line *line)
{
    do
        workload_next(&compare->workload, &compare->random, now_ms(), compare->scan_cursor, line);
    while (compare->redis && line_has(line, "wal-ack"));
}

// Ends the connection. Only when the server has ended its side too has it executed everything: there
// may be no replies to tell.
static void compare_disconnect(struct compare *compare)
{
    // After QUIT it does so by itself; Redis only behind a reply.
    if (!compare->session.closing || compare->last->reply.kind == MODEL_NONE)
        shutdown(compare->socket, SHUT_WR);
    while (compare_receive(compare))
        continue;
    if (!compare->broken && compare->received.length > 0)
        compare_failed(compare, compare->last, "more was sent than replies");
    close(compare->socket);
    model_session_free(&compare->session);
}

// One pipeline, each command executed by the model just before it is sent.
static void compare_pipeline(struct compare *compare, uint32_t count)
{
    struct bytes wire = {0};
    uint32_t made = 0;
    while (made < count && !compare->session.closing) {
        struct step *step = &compare->steps[made++];
        compare_draw(compare, &step->line);
        model_execute(compare->model, &compare->session, &step->line, now_ms(), &step->reply);
        bytes_add(&wire, step->line.wire.data, step->line.wire.length);
        model_settle(compare->model, model_newest(compare->model));
    }
    compare_send(compare, wire.data, wire.length);
    bytes_free(&wire);
    size_t at = 0;
    for (uint32_t i = 0; i < made && !compare->broken; i++) {
        compare->last = &compare->steps[i];
        compare->broken = !compare_reply(compare, &compare->steps[i], &at);
    }
    bytes_drop(&compare->received, at);
}

static void compare_begin(struct compare *compare)
{
    static const char *const lines[][4] = {
        {"FLUSHALL", NULL},
        {"CONFIG", "SET", "appendfsync", "always"},
        {"CONFIG", "SET", "wal-ack", "intent"},
    };
    for (size_t i = 0; i < (compare->redis ? 2 : 3); i++) {
        struct step *step = &compare->steps[0];
        uint32_t argc = lines[i][1] == NULL ? 1 : 4;
        command_line_begin(&step->line, argc);
        for (uint32_t k = 0; k < argc; k++)
            command_line_text(&step->line, lines[i][k]);
        model_execute(compare->model, &compare->session, &step->line, now_ms(), &step->reply);
        compare_send(compare, step->line.wire.data, step->line.wire.length);
        size_t at = 0;
        compare_reply(compare, step, &at);
        bytes_drop(&compare->received, at);
    }
}

static void compare_run(struct compare *compare, uint64_t commands, uint64_t seed)
{
    random_init(&compare->random, seed, "compare");
    workload_draw(&compare->workload, &compare->random);
    struct workload *workload = &compare->workload;
    workload->expiry_far = true;
    workload->session_ppm += 20000;
    workload->wrong_ppm += 20000;
    if (workload->large_bytes_max > 200000)
        workload->large_bytes_max = 200000;
    compare->model = model_create();
    compare_connect(compare);
    compare_begin(compare);
    uint64_t end = compare->passed + compare->failed + commands;
    while (compare->passed + compare->failed < end) {
        uint32_t count = (uint32_t)random_log(&compare->random, PIPELINE_MAX);
        compare_pipeline(compare, count);
        if (!compare->broken && !compare->session.closing)
            continue;
        compare_disconnect(compare);
        compare_connect(compare);
    }
    compare_disconnect(compare);
    for (uint32_t i = 0; i < PIPELINE_MAX; i++)
        model_reply_free(&compare->steps[i].reply);
    model_destroy(compare->model);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: model_compare PORT COMMANDS [SEED [redis]]\n");
        return 2;
    }
    struct compare *compare = sim_alloc(1, sizeof(struct compare));
    compare->port = (uint16_t)strtoul(argv[1], NULL, 10);
    uint64_t commands = strtoull(argv[2], NULL, 10);
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    compare->redis = argc > 4 && strcmp(argv[4], "redis") == 0;
    // Every workload draws other weights.
    for (uint64_t done = 0; done < commands; done += 20000)
        compare_run(compare, commands - done < 20000 ? commands - done : 20000, seed++);
    printf("model_compare: %llu passed, %llu failed\n", (unsigned long long)compare->passed,
           (unsigned long long)compare->failed);
    int result = compare->failed > 0;
    for (uint32_t i = 0; i < PIPELINE_MAX; i++)
        command_line_free(&compare->steps[i].line);
    bytes_free(&compare->received);
    free(compare);
    return result;
}
