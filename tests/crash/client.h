// One writer's connection: sends commands without blocking and checks every reply.
#ifndef PORO_TESTS_CRASH_CLIENT_H
#define PORO_TESTS_CRASH_CLIENT_H

#include "tests/crash/model.h"
#include "tests/crash/test.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_ARGUMENTS_MAX 40

// A command that is being put together. The bytes stay where they are until it is sent.
struct command {
    int count;
    const char *arguments[CLIENT_ARGUMENTS_MAX];
    size_t lengths[CLIENT_ARGUMENTS_MAX];
};

void command_add(struct command *command, const char *text);
void command_add_bytes(struct command *command, const char *bytes, size_t length);

struct client {
    struct test *test;
    struct writer *writer;
    redisContext *context;
    uint8_t database;
    uint32_t window;       // commands in flight at most
    uint64_t bytes_flying; // of requests that have not been answered
    char *scratch;         // CLIENT_READ_BYTES, shared by all clients
    bool reads_only;       // in this round
    bool closed;
};

#define CLIENT_READ_BYTES (512 * 1024)

// False when the connection fails.
bool client_open(struct client *client);
void client_close(struct client *client);
// Sends the command whose op is the writer's newest; SELECT goes through client_select.
void client_send(struct client *client, const struct command *command);
void client_select(struct client *client, uint8_t database);
// Room for another command?
bool client_ready(const struct client *client);
bool client_has_output(const struct client *client);
// The socket is writable, readable. They set `closed` when the connection has ended.
void client_write(struct client *client);
void client_read(struct client *client);

// Compares a reply with what the command expects and notes what it reveals. False when it is wrong;
// the reason has been told.
bool client_check(struct client *client, const struct op *op, const redisReply *reply);

#endif
