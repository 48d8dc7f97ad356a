// Execution: parse a run of commands, hash and prefetch their keys, then execute them one by one.
#include "server/execute.h"

#include "server/call.h"
#include "server/command_docs.h"
#include "server/commands.h"
#include "server/hold.h"
#include "server/input.h"
#include "server/io.h"
#include "server/rename.h"
#include "server/server.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct run_command {
    struct resp_arg *args;
    uint32_t argc;
    uint32_t first_key;
    uint64_t bytes;
    const struct command *command;
    struct key key;
};

// Commands of one connection, parsed together so that the memory that they need can be fetched
// while they are still being parsed.
struct run {
    uint32_t count;
    uint32_t database;
    uint64_t map_version;
    struct run_command commands[RUN_COMMANDS];
};

// --- errors that end a connection ------------------------------------------------------------

static void execute_refuse(struct server *server, struct connection *connection, const char *error)
{
    command_stats_error_named(server, strncmp(error, "OOM ", 4) == 0 ? "OOM" : "ERR");
    resp_error(&connection->reply.writer, error);
    reply_stamp(&connection->reply, 0);
    if (reply_held(&connection->reply))
        connection_list_add(server, connection, LIST_HELD);
    connection_finish(server, connection);
}

static void execute_out_of_memory(struct server *server, struct connection *connection)
{
    server->stats.denied_memory++;
    execute_refuse(server, connection,
                   "OOM no memory for the input of this connection, closing it");
}

// False: it waits, or has been refused.
static bool execute_no_memory(struct server *server, struct connection *connection)
{
    if (input_may_wait(server, connection)) {
        connection->wait = WAIT_INPUT;
        connection_list_add(server, connection, LIST_WAITING);
    } else {
        execute_out_of_memory(server, connection);
    }
    return false;
}

// --- one command -----------------------------------------------------------------------------

static struct call execute_call(struct server *server, struct connection *connection, uint8_t *base,
                                struct resp_arg *args, uint32_t argc)
{
    return (struct call){
        .server = server,
        .connection = connection,
        .reply = &connection->reply.writer,
        .args = args,
        .argc = argc,
        .base = base,
        .now_ms = server->wall_ms,
    };
}

// A command one of whose arguments found no memory: its bytes have been skipped, and it is refused.
static void execute_refused_command(struct server *server, struct connection *connection)
{
    struct call call = execute_call(server, connection, NULL, NULL, 0);
    commands_refuse_memory(&call);
}

// The complete command in the carry. False when it has to wait.
static bool execute_spanning(struct server *server, struct connection *connection)
{
    struct resp_parser *parser = &connection->parser;
    assert(connection->spanning && connection->complete);
    if (connection->large_refused) {
        execute_refused_command(server, connection);
    } else {
        uint8_t *base = connection->carry + connection->carry_offset;
        struct call call =
            execute_call(server, connection, base, connection->saved_args, parser->argc);
        struct span name = call_arg(&call, 0);
        call.command = rename_find(&server->config, name.data, name.length);
        call.timed = true;
        server->timing.fresh = false;
        if (!commands_call(&call))
            return false;
    }
    if (connection->state == CONNECTION_CLOSING)
        return false;
    uint64_t bytes = parser->offset;
    input_span_done(server, connection, bytes);
    resp_parser_next(parser);
    // What follows QUIT or SHUTDOWN is not executed.
    return connection->state == CONNECTION_OPEN && server_executes(server);
}

// False when the connection has to wait until some of its output has been sent.
static bool execute_has_room(struct server *server, struct connection *connection)
{
    uint64_t pending = reply_pending(&connection->reply);
    if (pending < reply_pool_output_limit(server->replies))
        return true;
    connection->wait = WAIT_OUTPUT;
    connection_list_add(server, connection, LIST_CLOGGED);
    return false;
}

// --- runs ------------------------------------------------------------------------------------

static enum resp_status run_parse(struct server *server, struct connection *connection,
                                  const struct resp_limits *limits, struct input_view view,
                                  struct run *run, uint64_t *parsed)
{
    struct resp_parser *parser = &connection->parser;
    // A stranger's AUTH changes the limits for what follows it.
    uint32_t count_max = limits->authenticated ? RUN_COMMANDS : 1;
    uint32_t args_used = 0;
    uint64_t position = 0;
    enum resp_status status = RESP_COMMAND;
    while (run->count < count_max && position < view.length) {
        parser->args = server->run_args + args_used;
        parser->args_capacity = RUN_ARGUMENTS - args_used;
        status = resp_parse(parser, limits, view.bytes + position, view.length - position);
        if (status != RESP_COMMAND)
            break;
        struct run_command *command = &run->commands[run->count++];
        command->args = parser->args;
        command->argc = parser->argc;
        command->bytes = parser->offset;
        args_used += parser->argc;
        position += parser->offset;
        resp_parser_next(parser);
    }
    *parsed = position;
    return status;
}

static void run_prepare(struct server *server, struct connection *connection, uint8_t *base,
                        struct run *run)
{
    run->database = connection->database;
    run->map_version = server->map_version;
    for (uint32_t i = 0; i < run->count; i++) {
        struct run_command *command = &run->commands[i];
        const struct resp_arg *name = &command->args[0];
        command->command = rename_find(&server->config, base + name->where, name->length);
        command->first_key = 0;
        int32_t first = command->command != NULL ? command->command->doc->first_key : 0;
        if (first > 0 && (uint32_t)first < command->argc) {
            const struct resp_arg *key = &command->args[first];
            command->first_key = (uint32_t)first;
            command->key = keyspace_key(server->keyspace, connection->database, base + key->where,
                                        key->length);
            keyspace_prefetch_bucket(server->keyspace, &command->key);
            hold_prefetch(server->hold, command->key.hash);
        }
        base += command->bytes;
    }
}

// Fetches the entry that command `index` of the run will look at. Its bucket must have arrived.
static void run_prefetch(struct server *server, const struct run *run, uint32_t index)
{
    if (index < run->count && run->commands[index].first_key > 0)
        keyspace_prefetch_entry(server->keyspace, &run->commands[index].key);
}

// Executes a run. Returns the bytes done with; less than all when a command has to wait or the
// connection ends.
static uint64_t run_execute(struct server *server, struct connection *connection, uint8_t *base,
                            struct run *run)
{
    uint64_t done = 0;
    // A memory system takes only so many requests at once: entries are fetched a few commands ahead,
    // not all together.
    for (uint32_t i = 0; i < RUN_AHEAD && run->count > 1; i++)
        run_prefetch(server, run, i);
    server->timing.fresh = false;
    for (uint32_t i = 0; i < run->count; i++) {
        if (i > 0 && !execute_has_room(server, connection))
            break;
        run_prefetch(server, run, i + RUN_AHEAD);
        struct run_command *command = &run->commands[i];
        struct call call =
            execute_call(server, connection, base + done, command->args, command->argc);
        call.command = command->command;
        call.first_key = command->first_key;
        call.key = command->key;
        call.key_database = run->database;
        call.key_version = run->map_version;
        if (!commands_call(&call))
            break;
        done += command->bytes;
        // What follows QUIT or SHUTDOWN is not executed.
        if (connection->state != CONNECTION_OPEN || !server_executes(server))
            break;
    }
    if (server->timing.brief_count > 0 || !server->timing.fresh)
        timing_flush(server);
    return done;
}

// The view ends within a command, or with empty ones. `left`: its bytes that are not executed.
static int execute_partial(struct server *server, struct connection *connection, uint64_t left)
{
    uint64_t empty = resp_parser_discard(&connection->parser);
    assert(empty <= left);
    input_consume(server, connection, empty);
    if (left > empty)
        return input_span(server, connection);
    // No command has begun: nothing spans buffers (any more).
    if (connection->spanning)
        input_span_done(server, connection, 0);
    return 0;
}

// More arguments than there is room for, or an inline command: parsed on in the carry, where it is
// unquoted only once, however often it has to wait.
static int execute_args_full(struct server *server, struct connection *connection)
{
    int result = input_span(server, connection);
    connection->carry_partial = false;
    const struct resp_parser *parser = &connection->parser;
    if (result == 0 && resp_parser_args_expected(parser) > parser->args_capacity)
        result = input_more_args(server, connection);
    return result;
}

// Deals with what stopped the parser, with `left` bytes of the view. False when the connection ended.
static bool execute_status(struct server *server, struct connection *connection,
                           enum resp_status status, uint64_t left)
{
    int result = 0;
    switch (status) {
    case RESP_COMMAND:
        break;
    case RESP_PARTIAL:
        result = execute_partial(server, connection, left);
        break;
    case RESP_ARGS_FULL:
        result = execute_args_full(server, connection);
        break;
    case RESP_LARGE:
        result = input_large_begin(server, connection);
        break;
    case RESP_ERROR:
        execute_refuse(server, connection, connection->parser.error);
        return false;
    }
    return result < 0 ? execute_no_memory(server, connection) : true;
}

static bool execute_run(struct server *server, struct connection *connection,
                        const struct resp_limits *limits, struct input_view view)
{
    struct run run;
    run.count = 0;
    uint64_t parsed;
    enum resp_status status = run_parse(server, connection, limits, view, &run, &parsed);
    run_prepare(server, connection, view.bytes, &run);
    uint64_t done = run_execute(server, connection, view.bytes, &run);
    if (connection->state == CONNECTION_CLOSING)
        return false;
    input_consume(server, connection, done);
    if (done < parsed || !server_executes(server)) {
        // What the parser knows of later commands is forgotten: they will be parsed again.
        resp_parser_init(&connection->parser);
        return false;
    }
    if (connection->state != CONNECTION_OPEN)
        return false;
    return execute_status(server, connection, status, view.length - done);
}

// --- the connection --------------------------------------------------------------------------

// One step. False when there is nothing more to do now.
static bool execute_step(struct server *server, struct connection *connection)
{
    struct resp_limits limits = {
        .authenticated = connection->authenticated,
        .argument_bytes_max = (uint64_t)server->config.proto_max_bulk_len,
    };
    if (connection->large_active && !input_large_take(server, connection))
        return false;
    if (connection->complete)
        return execute_spanning(server, connection);
    struct input_view view;
    if (input_view(server, connection, &view) < 0)
        return execute_no_memory(server, connection);
    if (view.length == 0)
        return false;
    if (!connection->spanning) {
        limits.no_inline = true;
        return execute_run(server, connection, &limits, view);
    }
    enum resp_status status = resp_parse(&connection->parser, &limits, view.bytes, view.length);
    if (status == RESP_COMMAND) {
        connection->complete = true;
        return true;
    }
    return execute_status(server, connection, status, view.length);
}

// A connection that waits, perhaps for long, does not keep buffers that others need.
static void execute_spill(struct server *server, struct connection *connection)
{
    bool scarce = io_buffers_free(server->io) < IO_BUFFERS / 2;
    if (connection->wait == WAIT_SPOOL && !scarce)
        connection_arm(server, connection);
    if ((connection->wait == WAIT_LOG || connection->wait == WAIT_SPOOL ||
         connection->wait == WAIT_MEMORY) &&
        !scarce)
        return;
    connection_disarm(server, connection);
    if (connection->wait == WAIT_INPUT)
        return;
    if (connection->large_active) {
        input_large_take(server, connection);
        return;
    }
    // Without memory for that the buffers stay where they are, which holds others up. A client that
    // waits for the log will soon go on; one that does not take its replies may never.
    if (input_spill(server, connection) < 0 && connection->wait == WAIT_OUTPUT && scarce)
        execute_out_of_memory(server, connection);
}

void execute_connection(struct server *server, struct connection *connection)
{
    connection_list_remove(server, connection, LIST_RUNNABLE);
    if (connection->state != CONNECTION_OPEN)
        return;
    if (connection->wait != WAIT_NONE) {
        execute_spill(server, connection);
        return;
    }
    // Every step uses up received bytes or completes a command: their number bounds the loop.
    uint32_t steps = 0;
    while (execute_has_room(server, connection) && execute_step(server, connection)) {
        assert(connection->state == CONNECTION_OPEN);
        if (++steps < TURN_STEPS || server->timing.stamp_ns - server->now_ns <= TURN_EXECUTE_NS)
            continue;
        // The rest of a long pipeline is for the next turn.
        connection_list_add(server, connection, LIST_RUNNABLE);
        return;
    }
    if (connection->state != CONNECTION_OPEN)
        return;
    if ((reply_pending(&connection->reply) >= server->output_watch ||
         connection->output_soft_ns != 0) &&
        pressure_output(server, connection))
        return;
    if (connection->wait != WAIT_NONE) {
        execute_spill(server, connection);
        return;
    }
    input_large_receive(server, connection);
    connection_arm(server, connection);
    if (connection->end_of_stream)
        connection_finish(server, connection);
}
