// Input: received buffers, the carry, large arguments.
#include "server/input.h"

#include "server/command_docs.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/evict.h"
#include "server/io.h"
#include "server/rename.h"
#include "server/server.h"
#include "server/token.h"
#include "storage/arena.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// A large argument is received in pieces of this size, so that one client does not keep the kernel
// busy for long.
#define LARGE_RECEIVE_BYTES MIB(1)
// The carry is at least so long.
#define CARRY_BYTES_MIN 256
// Two bytes end every argument.
#define LARGE_SLACK 2

// --- memory from the arena, within the bound for input ---------------------------------------

uint64_t input_limit(const struct server *server)
{
    uint64_t limit = (uint64_t)server->config.maxmemory / INPUT_SHARE;
    return limit < INPUT_BYTES_MIN ? INPUT_BYTES_MIN : limit;
}

// What waiting connections lay aside may take only half: the rest is for commands that cannot be
// executed before they are complete.
static void *input_alloc(struct server *server, uint64_t bytes, bool aside)
{
    uint64_t limit = input_limit(server);
    void *block = NULL;
    if (server->input_bytes + bytes <= (aside ? limit / 2 : limit))
        block = arena_alloc(server->arena, bytes);
    if (block != NULL)
        server->input_bytes += arena_block_bytes(server->arena, block);
    else
        server->input_missed = bytes;
    return block;
}

static void input_free(struct server *server, void *block)
{
    uint64_t bytes = arena_block_bytes(server->arena, block);
    assert(server->input_bytes >= bytes);
    server->input_bytes -= bytes;
    arena_free(server->arena, block);
}

bool input_has_room(const struct server *server)
{
    return server->input_bytes <= input_limit(server) / 4 * 3;
}

// Whoever wants so little that it fits when there is room again. It is found by the search for those
// that hold too much as well.
bool input_may_wait(const struct server *server, struct connection *connection)
{
    const struct resp_arg *saved = connection->saved_args;
    uint64_t held = connection->carry_capacity;
    if (saved != NULL && saved != connection->own_args)
        held += connection->parser.args_capacity * sizeof(*saved);
    if (held + server->input_missed > input_limit(server) / 4)
        return false;
    // Arguments that could not be laid by are forgotten: the command is parsed again.
    if (saved == NULL) {
        connection->spanning = false;
        connection->carry_partial = false;
        resp_parser_init(&connection->parser);
    }
    return true;
}

// --- received buffers ------------------------------------------------------------------------

static struct input_view input_buffer_view(struct server *server, struct connection *connection)
{
    if (connection->buffers_count == 0)
        return (struct input_view){NULL, 0};
    uint16_t buffer = connection->buffer_first;
    uint32_t offset = connection->buffer_offset;
    assert(offset < server->buffers[buffer].length);
    return (struct input_view){io_buffer(server->io, buffer) + offset,
                               server->buffers[buffer].length - offset};
}

static void input_buffer_consume(struct server *server, struct connection *connection,
                                 uint64_t bytes)
{
    assert(connection->buffers_count > 0);
    uint16_t buffer = connection->buffer_first;
    connection->buffer_offset += (uint32_t)bytes;
    assert(connection->buffer_offset <= server->buffers[buffer].length);
    if (connection->buffer_offset < server->buffers[buffer].length)
        return;
    connection->buffer_first = server->buffers[buffer].next;
    connection->buffers_count--;
    connection->buffer_offset = 0;
    io_buffer_return(server->io, buffer);
}

// --- the carry -------------------------------------------------------------------------------

static void carry_free(struct server *server, struct connection *connection)
{
    if (connection->carry == NULL)
        return;
    input_free(server, connection->carry);
    connection->carry = NULL;
    connection->carry_capacity = 0;
    connection->carry_length = 0;
    connection->carry_offset = 0;
    connection->carry_partial = false;
}

// Room for `bytes` in total behind the parsed part; keeps what is unparsed. A command of which little
// has come takes little: thousands may never be ended.
static int carry_grow(struct server *server, struct connection *connection, uint64_t bytes,
                      bool aside)
{
    if (bytes > COMMAND_BYTES_MAX)
        return -ENOMEM;
    uint64_t capacity = bytes + bytes / (aside ? 8 : 4);
    if (capacity < CARRY_BYTES_MIN)
        capacity = CARRY_BYTES_MIN;
    uint8_t *memory = input_alloc(server, capacity, aside);
    if (memory == NULL)
        return -ENOMEM;
    uint64_t unparsed = connection->carry_length - connection->carry_offset;
    assert(unparsed == 0 || connection->carry != NULL);
    if (unparsed > 0)
        memcpy(memory, connection->carry + connection->carry_offset, unparsed);
    bool partial = connection->carry_partial;
    carry_free(server, connection);
    connection->carry = memory;
    connection->carry_capacity = capacity;
    connection->carry_length = unparsed;
    connection->carry_partial = partial;
    return 0;
}

static int carry_append(struct server *server, struct connection *connection, const uint8_t *bytes,
                        uint64_t length, bool aside)
{
    uint64_t unparsed = connection->carry_length - connection->carry_offset;
    if (unparsed + length > connection->carry_capacity) {
        int result = carry_grow(server, connection, unparsed + length, aside);
        if (result < 0)
            return result;
    } else if (connection->carry_length + length > connection->carry_capacity) {
        assert(connection->carry != NULL);
        memmove(connection->carry, connection->carry + connection->carry_offset, unparsed);
        connection->carry_offset = 0;
        connection->carry_length = unparsed;
    }
    assert(connection->carry != NULL && bytes != NULL);
    memcpy(connection->carry + connection->carry_length, bytes, length);
    connection->carry_length += length;
    return 0;
}

// --- views -----------------------------------------------------------------------------------

int input_view(struct server *server, struct connection *connection, struct input_view *view)
{
    if (connection->carry == NULL) {
        *view = input_buffer_view(server, connection);
        return 0;
    }
    if (connection->carry_partial) {
        struct input_view more = input_buffer_view(server, connection);
        if (more.length == 0) {
            *view = more;
            return 0;
        }
        int result = carry_append(server, connection, more.bytes, more.length, false);
        if (result < 0)
            return result;
        input_buffer_consume(server, connection, more.length);
        connection->carry_partial = false;
    }
    *view = (struct input_view){connection->carry + connection->carry_offset,
                                connection->carry_length - connection->carry_offset};
    return 0;
}

void input_consume(struct server *server, struct connection *connection, uint64_t bytes)
{
    if (bytes == 0)
        return;
    if (connection->carry == NULL) {
        input_buffer_consume(server, connection, bytes);
        return;
    }
    connection->carry_offset += bytes;
    assert(connection->carry_offset <= connection->carry_length);
    if (connection->carry_offset == connection->carry_length)
        carry_free(server, connection);
}

int input_spill(struct server *server, struct connection *connection)
{
    while (connection->buffers_count > 0) {
        struct input_view view = input_buffer_view(server, connection);
        int result = carry_append(server, connection, view.bytes, view.length, true);
        if (result < 0)
            return result;
        input_buffer_consume(server, connection, view.length);
        connection->carry_partial = false;
    }
    return 0;
}

// --- commands that span buffers --------------------------------------------------------------

static int input_save_args(struct server *server, struct connection *connection)
{
    struct resp_parser *parser = &connection->parser;
    if (connection->saved_args != NULL)
        return 0;
    // One place is kept for a large argument that may come next.
    if (parser->argc < CONNECTION_ARGS) {
        connection->saved_args = connection->own_args;
        if (parser->argc > 0)
            memcpy(connection->own_args, parser->args, parser->argc * sizeof(*parser->args));
        parser->args = connection->own_args;
        parser->args_capacity = CONNECTION_ARGS;
        return 0;
    }
    uint64_t capacity = 2ULL * parser->argc;
    struct resp_arg *args = input_alloc(server, capacity * sizeof(*args), false);
    if (args == NULL)
        return -ENOMEM;
    memcpy(args, parser->args, parser->argc * sizeof(*args));
    connection->saved_args = args;
    parser->args = args;
    parser->args_capacity = (uint32_t)capacity;
    return 0;
}

int input_more_args(struct server *server, struct connection *connection)
{
    struct resp_parser *parser = &connection->parser;
    uint64_t capacity = 4ULL * parser->args_capacity;
    if (parser->args_capacity >= ARGUMENTS_MAX)
        return -ENOMEM;
    if (capacity > ARGUMENTS_MAX)
        capacity = ARGUMENTS_MAX;
    struct resp_arg *args = input_alloc(server, capacity * sizeof(*args), false);
    if (args == NULL)
        return -ENOMEM;
    if (parser->argc > 0)
        memcpy(args, parser->args, parser->argc * sizeof(*args));
    if (connection->saved_args != NULL && connection->saved_args != connection->own_args)
        input_free(server, connection->saved_args);
    connection->saved_args = args;
    parser->args = args;
    parser->args_capacity = (uint32_t)capacity;
    return 0;
}

int input_span(struct server *server, struct connection *connection)
{
    if (connection->carry == NULL) {
        struct input_view rest = input_buffer_view(server, connection);
        if (rest.length == 0)
            return 0;
        int result = carry_append(server, connection, rest.bytes, rest.length, false);
        if (result < 0)
            return result;
        input_buffer_consume(server, connection, rest.length);
    }
    connection->carry_partial = true;
    connection->spanning = true;
    return input_save_args(server, connection);
}

void input_free_block(struct server *server, struct entry *block)
{
    spool_forget(server, block);
    keyspace_block_free(server->keyspace, block);
}

static void input_free_args(struct server *server, struct connection *connection)
{
    const struct resp_parser *parser = &connection->parser;
    for (uint32_t i = 0; connection->saved_args != NULL && i < parser->argc; i++) {
        struct resp_arg *arg = &connection->saved_args[i];
        if (!arg->external || arg->where == 0)
            continue;
        input_free_block(server, (struct entry *)(uintptr_t)arg->where);
        arg->where = 0;
    }
    if (connection->saved_args != NULL && connection->saved_args != connection->own_args)
        input_free(server, connection->saved_args);
    connection->saved_args = NULL;
    assert(server->large_bytes >= connection->large_bytes);
    server->large_bytes -= connection->large_bytes;
    connection->large_bytes = 0;
}

void input_span_done(struct server *server, struct connection *connection, uint64_t bytes)
{
    assert(connection->spanning);
    input_free_args(server, connection);
    connection->spanning = false;
    connection->complete = false;
    connection->large_refused = false;
    input_consume(server, connection, bytes);
}

// --- large arguments -------------------------------------------------------------------------

// The key that a large argument would be the value of: the command's only one, or the one before it, as
// in MSET. For other commands the block is only a buffer. Returns its length.
static uint32_t input_key_length(const struct server *server, struct connection *connection)
{
    const struct resp_parser *parser = &connection->parser;
    if (parser->argc < 2)
        return 0;
    uint32_t index = parser->argc - 1;
    const struct resp_arg *name = &parser->args[0];
    const uint8_t *base = connection->carry + connection->carry_offset;
    const struct command *command =
        name->external ? NULL : rename_find(&server->config, base + name->where, name->length);
    if (command != NULL && command->doc->first_key == 1 && command->doc->last_key == 1)
        index = 1;
    return parser->args[index].external ? 0 : parser->args[index].length;
}

// The block is made to become an entry. Keys that have to go for it are evicted while it is
// being received: a command that needs memory waits for that.
static struct entry *input_large_block(struct server *server, struct connection *connection,
                                       uint32_t length)
{
    uint32_t key_length = input_key_length(server, connection);
    uint64_t limit = (uint64_t)server->config.maxmemory;
    uint64_t bytes = (uint64_t)key_length + length;
    if (connection->large_refused || connection->large_bytes + bytes > COMMAND_BYTES_MAX ||
        server->large_bytes + bytes > limit / LARGE_SHARE ||
        (data_used_bytes(server) + bytes > limit && !evict_possible(server, bytes)))
        return NULL;
    return keyspace_block_create(server->keyspace, key_length, length, LARGE_SLACK);
}

int input_large_begin(struct server *server, struct connection *connection)
{
    struct resp_parser *parser = &connection->parser;
    uint64_t prefix = parser->offset;
    if (connection->carry == NULL) {
        struct input_view view = input_buffer_view(server, connection);
        assert(view.length >= prefix);
        int result = carry_append(server, connection, view.bytes, prefix, false);
        if (result < 0)
            return result;
        input_buffer_consume(server, connection, prefix);
    }
    connection->spanning = true;
    connection->carry_partial = true;
    int result = input_save_args(server, connection);
    if (result < 0)
        return result;
    connection->large = input_large_block(server, connection, parser->large_length);
    connection->large_refused = connection->large_refused || connection->large == NULL;
    connection->large_active = true;
    connection->large_received = 0;
    connection->large_total = (uint64_t)parser->large_length + LARGE_SLACK;
    if (connection->large != NULL) {
        connection->large_bytes += connection->large_total;
        server->large_bytes += connection->large_total;
    }
    return 0;
}

static uint64_t input_large_copy(struct connection *connection, const uint8_t *bytes,
                                 uint64_t length)
{
    uint64_t left = connection->large_total - connection->large_received;
    uint64_t taken = length < left ? length : left;
    if (connection->large != NULL)
        memcpy(keyspace_block_value(connection->large) + connection->large_received, bytes, taken);
    connection->large_received += taken;
    return taken;
}

// Takes what the carry has behind the command's beginning.
static void input_large_take_carry(struct connection *connection)
{
    uint64_t from = connection->carry_offset + connection->parser.offset;
    assert(from <= connection->carry_length);
    uint64_t taken =
        input_large_copy(connection, connection->carry + from, connection->carry_length - from);
    memmove(connection->carry + from, connection->carry + from + taken,
            connection->carry_length - from - taken);
    connection->carry_length -= taken;
}

static void input_large_end(struct connection *connection)
{
    connection->large_active = false;
    // Not partial: the parser has not seen the end of this argument yet.
    connection->carry_partial = false;
    resp_parser_large_done(&connection->parser, (uint64_t)(uintptr_t)connection->large);
    connection->large = NULL;
}

bool input_large_take(struct server *server, struct connection *connection)
{
    assert(connection->large_active);
    input_large_take_carry(connection);
    while (connection->large_received < connection->large_total) {
        struct input_view view = input_buffer_view(server, connection);
        if (view.length == 0)
            return false;
        input_buffer_consume(server, connection,
                             input_large_copy(connection, view.bytes, view.length));
    }
    input_large_end(connection);
    return true;
}

void input_large_receive(struct server *server, struct connection *connection)
{
    if (!connection->large_active || connection->large == NULL || connection->end_of_stream ||
        connection->receiving_direct || connection->state != CONNECTION_OPEN)
        return;
    if (connection->receiving) {
        connection_disarm(server, connection);
        return;
    }
    if (connection->buffers_count > 0)
        return;
    uint64_t left = connection->large_total - connection->large_received;
    uint64_t length = left < LARGE_RECEIVE_BYTES ? left : LARGE_RECEIVE_BYTES;
    connection->receiving_direct = true;
    connection_list_remove(server, connection, LIST_REARM);
    struct token token = {TOKEN_RECEIVE_DIRECT, connection->slot, connection->generation};
    io_receive_into(server->io, connection->socket, token_pack(token),
                    keyspace_block_value(connection->large) + connection->large_received, length);
}

void input_large_received(struct connection *connection, uint64_t length)
{
    assert(connection->large_active && connection->large != NULL);
    connection->large_received += length;
    assert(connection->large_received <= connection->large_total);
    if (connection->large_received == connection->large_total)
        input_large_end(connection);
}

// --- dropping --------------------------------------------------------------------------------

void input_drop(struct server *server, struct connection *connection)
{
    while (connection->buffers_count > 0) {
        struct input_view view = input_buffer_view(server, connection);
        input_buffer_consume(server, connection, view.length);
    }
    if (connection->large_active && connection->large != NULL)
        keyspace_block_free(server->keyspace, connection->large);
    connection->large = NULL;
    connection->large_active = false;
    input_free_args(server, connection);
    carry_free(server, connection);
    connection->spanning = false;
    connection->complete = false;
}
