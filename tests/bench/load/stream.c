// A stream of GETs and SETs over some connections: as fast as the server answers, or at a fixed rate.
#include "tests/bench/load/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Batches of one connection that have not been answered. When the server stands still, so many of the
// others' requests are sent; then the stream falls behind, which `late` shows.
#define BATCHES_MAX 4096
#define OUTPUT_BYTES (1 << 20)
#define INPUT_BYTES (1 << 18)
#define NEVER INT64_MAX

struct batch {
    int64_t sent_ns;
    uint32_t left; // replies
};

struct load_client {
    struct stream *stream;
    int fd;
    struct batch batches[BATCHES_MAX];
    uint32_t head, tail; // free-running
    char *output;
    size_t output_from, output_to;
    size_t held; // bytes received of a reply that is not whole
    char *input;
};

int64_t load_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *take(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL)
        die("memory");
    return memory;
}

void stream_open(struct stream *stream, int epoll, int64_t now_ns)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)stream->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(stream->value, 'v', sizeof stream->value);
    stream->random = 88172645463325252 + stream->clients;
    stream->next = stream->first;
    stream->due_ns = now_ns;
    stream->connections = take(stream->clients * sizeof *stream->connections);
    for (uint32_t i = 0; i < stream->clients; i++) {
        struct load_client *client = &stream->connections[i];
        client->stream = stream;
        client->output = take(OUTPUT_BYTES);
        client->input = take(INPUT_BYTES);
        client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
            die("connect");
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
            die("epoll");
    }
}

void stream_close(struct stream *stream)
{
    for (uint32_t i = 0; i < stream->clients; i++) {
        close(stream->connections[i].fd);
        free(stream->connections[i].output);
        free(stream->connections[i].input);
    }
    free(stream->connections);
}

// --- sending ---------------------------------------------------------------------------------

static uint64_t stream_random(struct stream *stream)
{
    stream->random ^= stream->random << 13;
    stream->random ^= stream->random >> 7;
    stream->random ^= stream->random << 17;
    return stream->random;
}

// One request behind what is to be sent.
static void append(struct stream *stream, struct load_client *client)
{
    uint64_t key = stream->in_order ? stream->next++ : stream_random(stream) % stream->keys;
    bool set =
        stream->set_percent == 100 ||
        (stream->set_percent > 0 && (stream_random(stream) >> 20) % 100 < stream->set_percent);
    char *to = client->output + client->output_to;
    memcpy(to, set ? "*3\r\n$3\r\nSET\r\n$16\r\nkey:" : "*2\r\n$3\r\nGET\r\n$16\r\nkey:", 22);
    to += 22;
    for (int i = 11; i >= 0; i--, key /= 10)
        to[i] = (char)('0' + key % 10);
    to += 12;
    memcpy(to, "\r\n", 2);
    to += 2;
    if (set) {
        to += sprintf(to, "$%u\r\n", stream->value_bytes);
        memcpy(to, stream->value, stream->value_bytes);
        memcpy(to + stream->value_bytes, "\r\n", 2);
        to += stream->value_bytes + 2;
    }
    client->output_to = (size_t)(to - client->output);
}

static void flush(struct load_client *client)
{
    while (client->output_from < client->output_to) {
        ssize_t sent = send(client->fd, client->output + client->output_from,
                            client->output_to - client->output_from, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            die("send");
        client->output_from += (size_t)sent;
    }
    client->output_from = client->output_to = 0;
}

static bool has_room(const struct stream *stream, const struct load_client *client)
{
    size_t bytes = (size_t)stream->pipeline * (stream->value_bytes + 64);
    return client->tail - client->head < BATCHES_MAX && OUTPUT_BYTES - client->output_to >= bytes;
}

static void send_batch(struct stream *stream, struct load_client *client, int64_t now_ns)
{
    uint32_t count = stream->pipeline;
    if (stream->count > 0 && stream->count - stream->sent < count)
        count = (uint32_t)(stream->count - stream->sent);
    for (uint32_t i = 0; i < count; i++)
        append(stream, client);
    client->batches[client->tail++ % BATCHES_MAX] = (struct batch){now_ns, count};
    stream->sent += count;
    flush(client);
}

static bool all_sent(const struct stream *stream)
{
    return stream->count > 0 && stream->sent >= stream->count;
}

static int64_t send_paced(struct stream *stream, int64_t now_ns)
{
    int64_t interval_ns = (int64_t)(stream->pipeline * 1000000000ULL / stream->rate);
    while (stream->due_ns <= now_ns && !all_sent(stream)) {
        struct load_client *client = &stream->connections[stream->turn];
        stream->turn = (stream->turn + 1) % stream->clients;
        if (!has_room(stream, client))
            return now_ns + 100000;
        histogram_add(&stream->late, (uint64_t)(now_ns - stream->due_ns));
        send_batch(stream, client, now_ns);
        stream->due_ns += interval_ns;
        now_ns = load_now_ns();
    }
    return all_sent(stream) ? NEVER : stream->due_ns;
}

int64_t stream_send(struct stream *stream, int64_t now_ns)
{
    if (stream->rate > 0)
        return send_paced(stream, now_ns);
    for (uint32_t i = 0; i < stream->clients; i++) {
        struct load_client *client = &stream->connections[i];
        if (client->head == client->tail && !all_sent(stream))
            send_batch(stream, client, now_ns);
    }
    return NEVER;
}

// --- receiving -------------------------------------------------------------------------------

// Length of the reply at the start; 0: it is not whole. Only what the values of this run bring.
static size_t reply_bytes(const struct stream *stream, const char *at, size_t held)
{
    if (held < 5)
        return 0;
    if (memcmp(at, "+OK\r\n", 5) == 0 || memcmp(at, "$-1\r\n", 5) == 0)
        return 5;
    if (at[0] != '$') {
        fprintf(stderr, "bench_load: the server says: %.*s\n", (int)(held < 200 ? held : 200), at);
        exit(1);
    }
    uint32_t digits = 1;
    for (uint32_t n = stream->value_bytes; n >= 10; n /= 10)
        digits++;
    size_t bytes = 1 + digits + 2 + stream->value_bytes + 2;
    return held < bytes ? 0 : bytes;
}

static void take_reply(struct stream *stream, struct load_client *client, bool set, int64_t now_ns)
{
    struct batch *batch = &client->batches[client->head % BATCHES_MAX];
    if (client->head == client->tail)
        die("a reply too many");
    histogram_add(set ? &stream->set : &stream->get, (uint64_t)(now_ns - batch->sent_ns));
    stream->answered++;
    if (--batch->left == 0)
        client->head++;
}

static void receive(struct load_client *client)
{
    struct stream *stream = client->stream;
    for (;;) {
        ssize_t got = recv(client->fd, client->input + client->held, INPUT_BYTES - client->held,
                           MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            die("the server has closed a connection");
        int64_t now_ns = load_now_ns();
        size_t room = INPUT_BYTES - client->held;
        size_t end = client->held + (size_t)got, at = 0, bytes;
        while ((bytes = reply_bytes(stream, client->input + at, end - at)) > 0) {
            take_reply(stream, client, client->input[at] == '+', now_ns);
            at += bytes;
        }
        memmove(client->input, client->input + at, end - at);
        client->held = end - at;
        if ((size_t)got < room)
            return;
    }
}

void stream_event(void *pointer, bool readable)
{
    struct load_client *client = pointer;
    if (readable)
        receive(client);
    flush(client);
}

bool stream_done(const struct stream *stream)
{
    return all_sent(stream) && stream->answered == stream->sent;
}
