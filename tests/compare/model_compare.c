// Sends random commands to a server that is running and compares its replies with the model's. Several
// connections take turns, so that what one of them watches is changed by others.
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
#define SESSIONS 3
#define FAILURES_SHOWN 20
// The server reads its clock a little later than this program does.
#define TOLERANCE_MS 2000

struct step {
    struct command_line line;
    struct model_reply reply;
};

// One connection.
struct talk {
    int socket;
    struct model_session session;
    struct workload_client client;
    struct bytes received;
    bool unsure; // the last command has no reply: it may not have been executed yet
    bool broken; // replies and commands no longer go together
};

struct compare {
    uint16_t port;
    bool redis;
    bool past; // keys are set that have expired already
    struct random random;
    struct workload workload;
    struct model *model;
    struct talk talks[SESSIONS];
    struct talk *talk; // whose turn it is
    struct step steps[PIPELINE_MAX];
    struct step *last; // whose reply has been looked at
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
    compare->talk->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (compare->talk->socket < 0 ||
        connect(compare->talk->socket, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("connect");
    int on = 1;
    setsockopt(compare->talk->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    compare->talk->received.length = 0;
    compare->talk->client = (struct workload_client){0};
    compare->talk->broken = false;
    compare->talk->unsure = false;
    model_session_init(&compare->talk->session);
}

// What has not been received when the server has closed the connection stays missing.
static bool compare_receive(struct compare *compare)
{
    uint8_t *to = bytes_room(&compare->talk->received, 65536);
    ssize_t got = read(compare->talk->socket, to, 65536);
    if (got < 0)
        die("read");
    compare->talk->received.length += (size_t)got;
    return got > 0;
}

// Sends without waiting for ever: the server may want its replies to be read first.
static void compare_send(struct compare *compare, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(compare->talk->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct timespec pause = {.tv_nsec = 200000};
            nanosleep(&pause, NULL);
            uint8_t *to = bytes_room(&compare->talk->received, 65536);
            ssize_t got = recv(compare->talk->socket, to, 65536, MSG_DONTWAIT);
            if (got > 0)
                compare->talk->received.length += (size_t)got;
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
        length = model_reply_check(&any, compare->talk->received.data + at,
                                   compare->talk->received.length - at, error);
    while (length == -EAGAIN && compare_receive(compare));
    *bytes = length > 0 ? (size_t)length : 0;
    return length > 0;
}

// False when the connection has ended too early or makes no sense any more.
static bool compare_reply(struct compare *compare, struct step *step, size_t *at)
{
    char error[512];
    while (true) {
        int64_t result = model_reply_check(&step->reply, compare->talk->received.data + *at,
                                           compare->talk->received.length - *at, error);
        if (result >= 0) {
            *at += (size_t)result;
            compare->passed++;
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

// Nobody can tell when the server drops a key that has expired.
static bool line_counts_expired(const struct command_line *line)
{
    return line_is(line, 0, "dbsize") || line_is(line, 0, "info");
}

// Redis drops what the mode says at the time, even inside the array of a transaction's replies; and
// what follows a WAIT that waits, when the connection ends then.
static bool line_breaks_redis(const struct command_line *line, bool queues)
{
    return line_has(line, "wal-ack") || (line_is(line, 0, "wait") && line_is(line, 1, "1")) ||
           (queues && line_is(line, 0, "client") && line_is(line, 1, "reply"));
}

static void compare_draw(struct compare *compare, struct command_line *line)
{
    struct talk *talk = compare->talk;
    struct workload_client before = talk->client;
    before.scan_cursor = model_session_cursor(&talk->session);
    do {
        talk->client = before;
        workload_next(&compare->workload, &compare->random, &talk->client, now_ms(), line);
    } while ((compare->redis && line_breaks_redis(line, before.queues)) ||
             (compare->past && line_counts_expired(line)));
}

// Ends the connection. Only when the server has ended its side too has it executed everything: there
// may be no replies to tell.
static void compare_disconnect(struct compare *compare)
{
    // After QUIT it does so by itself; Redis only behind a reply.
    if (!compare->talk->session.closing || compare->last->reply.kind == MODEL_NONE)
        shutdown(compare->talk->socket, SHUT_WR);
    while (compare_receive(compare))
        continue;
    if (!compare->talk->broken && compare->talk->received.length > 0)
        compare_failed(compare, compare->last, "more was sent than replies");
    close(compare->talk->socket);
    model_session_free(&compare->talk->session);
}

// One pipeline, each command executed by the model just before it is sent.
static void compare_pipeline(struct compare *compare, uint32_t count)
{
    struct bytes wire = {0};
    uint32_t made = 0;
    while (made < count && !compare->talk->session.closing) {
        struct step *step = &compare->steps[made++];
        compare_draw(compare, &step->line);
        model_execute(compare->model, &compare->talk->session, &step->line, now_ms(), &step->reply);
        bytes_add(&wire, step->line.wire.data, step->line.wire.length);
        model_settle(compare->model, model_newest(compare->model));
    }
    compare_send(compare, wire.data, wire.length);
    bytes_free(&wire);
    size_t at = 0;
    for (uint32_t i = 0; i < made && !compare->talk->broken; i++) {
        compare->last = &compare->steps[i];
        compare->talk->broken = !compare_reply(compare, &compare->steps[i], &at);
    }
    bytes_drop(&compare->talk->received, at);
    compare->talk->unsure = made > 0 && compare->last->reply.kind == MODEL_NONE;
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
        model_execute(compare->model, &compare->talk->session, &step->line, now_ms(), &step->reply);
        compare_send(compare, step->line.wire.data, step->line.wire.length);
        size_t at = 0;
        compare_reply(compare, step, &at);
        bytes_drop(&compare->talk->received, at);
    }
}

static void compare_workload(struct compare *compare)
{
    struct workload *workload = &compare->workload;
    workload_draw(workload, &compare->random);
    if (compare->redis)
        workload_imitate_redis(workload);
    // An hour at least, or no time at all.
    workload->expiry_far = true;
    workload->expiry_past = compare->past;
    workload->session_ppm += 20000;
    workload->wrong_ppm += 20000;
    if (workload->large_bytes_max > 200000)
        workload->large_bytes_max = 200000;
}

// One pipeline of one connection. Another one's turn comes only when everything has been answered.
static void compare_turn(struct compare *compare)
{
    if (!compare->talk->unsure)
        compare->talk = &compare->talks[random_below(&compare->random, SESSIONS)];
    uint32_t count = (uint32_t)random_log(&compare->random, PIPELINE_MAX);
    compare_pipeline(compare, count);
    if (!compare->talk->broken && !compare->talk->session.closing)
        return;
    compare_disconnect(compare);
    compare_connect(compare);
}

static void compare_run(struct compare *compare, uint64_t commands, uint64_t seed)
{
    random_init(&compare->random, seed, "compare");
    compare->past = random_below(&compare->random, 3) == 0;
    compare_workload(compare);
    compare->model = model_create();
    model_allow_late(compare->model, TOLERANCE_MS);
    if (compare->redis)
        model_imitate_redis(compare->model);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        compare->talk = &compare->talks[i];
        compare_connect(compare);
    }
    compare_begin(compare);
    uint64_t end = compare->passed + compare->failed + commands;
    while (compare->passed + compare->failed < end)
        compare_turn(compare);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        compare->talk = &compare->talks[i];
        compare_disconnect(compare);
    }
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
    for (uint32_t i = 0; i < SESSIONS; i++)
        bytes_free(&compare->talks[i].received);
    free(compare);
    return result;
}
