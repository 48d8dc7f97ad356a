// The loopback harness: its connections, through hiredis.
#include "sim/loop_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_SECONDS 20
#define PATIENCE_MS 20000
// Time of the server's that the end of a connection may take, in growing steps.
#define STEP_FIRST_NS 150000
#define STEP_NS_MAX 100000000000

static uint16_t own_port(int socket)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
    } address = {0};
    socklen_t length = sizeof(address);
    int named = getsockname(socket, &address.any, &length);
    assert(named == 0);
    return ntohs(address.v4.sin_port);
}

bool loop_client_connect(struct loop *loop, uint32_t index)
{
    struct loop_client *client = &loop->clients[index];
    assert(client->context == NULL && loop->pid > 0);
    redisContext *context =
        redisConnectWithTimeout("127.0.0.1", loop->port, (struct timeval){CONNECT_SECONDS, 0});
    if (context == NULL || context->err != 0)
        loop_fail(loop, VERDICT_STUCK, "cannot connect to the server: %s",
                  context != NULL ? context->errstr : "no memory");
    client->context = context;
    client->port = own_port(context->fd);
    client->asked = loop->shared->received[client->port];
    client->answered = atomic_load(&loop->shared->sent[client->port]);
    client->stalled = false;
    client->replies.length = 0;
    model_session_init(&client->session);
    loop->shared->accepted_wanted++;
    return loop_server_settle(loop);
}

static void client_forget(struct loop *loop, struct loop_client *client)
{
    redisFree(client->context);
    model_session_free(&client->session);
    bytes_free(&client->replies);
    atomic_store(&loop->shared->sending[client->port], 0);
    *client = (struct loop_client){0};
}

// The server knows that the stream has ended. It closes its side when the replies are gone, which may
// have to wait for time to pass.
static bool client_await_close(struct loop *loop, uint64_t closed)
{
    bool alive = loop_server_settle(loop);
    int64_t step_ns = STEP_FIRST_NS;
    while (alive && atomic_load(&loop->shared->closed) < closed) {
        if (step_ns > STEP_NS_MAX)
            loop_fail(loop, VERDICT_STUCK, "a connection that has ended is not closed");
        alive = loop_server_pass(loop, step_ns);
        step_ns *= 4;
    }
    return alive;
}

bool loop_client_close(struct loop *loop, uint32_t index, bool reset)
{
    struct loop_client *client = &loop->clients[index];
    const struct linger linger = {.l_onoff = 1};
    if (reset)
        setsockopt(client->context->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    loop->shared->ended_wanted++;
    loop->shared->ending = client->port;
    close(client->context->fd);
    client->context->fd = -1;
    bool alive = client_await_close(loop, loop->shared->ended_wanted);
    loop->shared->ending = 0;
    client_forget(loop, client);
    return alive;
}

void loop_clients_forget(struct loop *loop)
{
    for (uint32_t i = 0; i < LOOP_CLIENTS_MAX; i++) {
        if (loop->clients[i].context != NULL)
            client_forget(loop, &loop->clients[i]);
    }
}

void loop_client_send(struct loop *loop, uint32_t index, const void *bytes, size_t length)
{
    struct loop_client *client = &loop->clients[index];
    int done = 0;
    int result = redisAppendFormattedCommand(client->context, bytes, length);
    while (result == REDIS_OK && !done)
        result = redisBufferWrite(client->context, &done);
    if (result != REDIS_OK && loop->pid > 0)
        loop_fail(loop, VERDICT_WRONG, "client %u cannot send: %s", index, client->context->errstr);
    client->asked += length;
}

// --- replies ---------------------------------------------------------------------------------

static bool client_has_more(const struct loop *loop, const struct loop_client *client)
{
    // In this order: what is in flight is counted before it is no longer in flight.
    bool sending = loop->pid > 0 && atomic_load(&loop->shared->sending[client->port]) > 0;
    return sending || client->answered < atomic_load(&loop->shared->sent[client->port]);
}

// Moves what hiredis has read to the replies. Its reader keeps the bytes for loop_client_parse.
static bool client_read(struct loop_client *client)
{
    redisReader *reader = client->context->reader;
    size_t before = reader->len;
    if (redisBufferRead(client->context) != REDIS_OK)
        return false;
    size_t more = reader->len - before;
    bytes_add(&client->replies, reader->buf + before, more);
    client->answered += more;
    return true;
}

void loop_client_drain(struct loop *loop, uint32_t index)
{
    struct loop_client *client = &loop->clients[index];
    int waited_ms = 0;
    while (client->context->err == 0 && client_has_more(loop, client)) {
        struct pollfd poll_for = {.fd = client->context->fd, .events = POLLIN};
        int ready = poll(&poll_for, 1, 2);
        if (ready > 0 && !client_read(client))
            return;
        waited_ms += ready == 0 ? 2 : 0;
        if (waited_ms > PATIENCE_MS)
            loop_fail(loop, VERDICT_STUCK, "client %u: the server's reply does not arrive", index);
    }
}

// Older versions know only RESP2.
static bool hiredis_knows(uint8_t resp, uint8_t type)
{
    return HIREDIS_MAJOR >= 1 || (resp == 2 && type != '%');
}

void loop_client_parse(struct loop *loop, uint32_t index, size_t length, uint8_t resp)
{
    struct loop_client *client = &loop->clients[index];
    redisReader *reader = client->context->reader;
    if (!hiredis_knows(resp, client->replies.data[0]) ||
        reader->len - reader->pos != client->replies.length) {
        // A reader that has seen a protocol which it does not know is of no use any more.
        redisReaderFree(reader);
        client->context->reader = redisReaderCreate();
        bytes_drop(&client->replies, length);
        assert(client->context->reader != NULL);
        redisReaderFeed(client->context->reader, (const char *)client->replies.data,
                        client->replies.length);
        return;
    }
    void *reply = NULL;
    size_t before = reader->len - reader->pos;
    int result = redisReaderGetReply(reader, &reply);
    size_t used = before - (reader->len - reader->pos);
    if (result != REDIS_OK || reply == NULL || used != length)
        loop_fail(loop, VERDICT_WRONG, "hiredis does not understand a reply to client %u: %s",
                  index, reader->errstr);
    freeReplyObject(reply);
    bytes_drop(&client->replies, length);
}
