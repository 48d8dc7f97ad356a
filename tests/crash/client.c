// One writer's connection: sends commands without blocking and checks every reply.
#include "tests/crash/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FLYING_BYTES_MAX (2 * 1024 * 1024)

void command_add_bytes(struct command *command, const char *bytes, size_t length)
{
    assert(command->count < CLIENT_ARGUMENTS_MAX);
    command->arguments[command->count] = bytes;
    command->lengths[command->count++] = length;
}

void command_add(struct command *command, const char *text)
{
    command_add_bytes(command, text, strlen(text));
}

bool client_open(struct client *client)
{
    client->context = redisConnectNonBlock("127.0.0.1", client->test->process.port);
    client->database = 0;
    client->bytes_flying = 0;
    client->closed = client->context == NULL || client->context->err != 0;
    return !client->closed;
}

void client_close(struct client *client)
{
    if (client->context != NULL)
        redisFree(client->context);
    client->context = NULL;
    client->closed = true;
}

void client_send(struct client *client, const struct command *command)
{
    struct op *op = &client->writer->ops[client->writer->op_count - 1];
    for (int i = 0; i < command->count; i++)
        op->bytes += (uint32_t)command->lengths[i] + 16;
    client->bytes_flying += op->bytes;
    client->test->sent++;
    int result = redisAppendCommandArgv(client->context, command->count,
                                        (const char **)command->arguments, command->lengths);
    assert(result == REDIS_OK);
}

void client_select(struct client *client, uint8_t database)
{
    if (client->database == database)
        return;
    char text[8];
    snprintf(text, sizeof text, "%u", database);
    struct command command = {0};
    command_add(&command, "SELECT");
    command_add(&command, text);
    model_add_op(client->writer, EXPECT_OK);
    client_send(client, &command);
    client->database = database;
}

bool client_ready(const struct client *client)
{
    return !client->closed &&
           client->writer->op_count - client->writer->answered < client->window &&
           client->bytes_flying < FLYING_BYTES_MAX;
}

bool client_has_output(const struct client *client)
{
    return !client->closed && sdslen(client->context->obuf) > 0;
}

void client_write(struct client *client)
{
    int done = 0;
    if (redisBufferWrite(client->context, &done) != REDIS_OK)
        client->closed = true;
}

// Replies that have arrived count even when the connection has ended behind them.
static void client_take_replies(struct client *client)
{
    for (;;) {
        void *reply = NULL;
        int result = redisReaderGetReply(client->context->reader, &reply);
        if (result != REDIS_OK) {
            test_fail(client->test, "writer %u: not a reply: %s", client->writer->number,
                      client->context->reader->errstr);
            client->closed = true;
            return;
        }
        if (reply == NULL)
            return;
        struct writer *writer = client->writer;
        if (writer->answered == writer->op_count) {
            test_fail(client->test, "writer %u: a reply without a request", writer->number);
        } else {
            const struct op *op = &writer->ops[writer->answered];
            client_check(client, op, reply);
            client->bytes_flying -= op->bytes;
            writer->answered++;
            client->test->answered++;
        }
        freeReplyObject(reply);
    }
}

void client_read(struct client *client)
{
    ssize_t length = read(client->context->fd, client->scratch, CLIENT_READ_BYTES);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        client->closed = true;
        return;
    }
    redisReaderFeed(client->context->reader, client->scratch, (size_t)length);
    client_take_replies(client);
}
