// DEBUG: what testers of servers and clients ask for, as far as it means something here.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/guard.h"
#include "server/idle.h"
#include "server/server.h"
#include "storage/entry.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Redis keeps a string up to this length together with its object.
#define EMBEDDED_BYTES_MAX 44
#define SLEEP_SECONDS_MAX 1000000

// --- SLEEP -----------------------------------------------------------------------------------

// As in Redis, what is no number counts as 0.
static int64_t debug_seconds_ns(const struct call *call)
{
    struct span text = call_arg(call, 2);
    char digits[64];
    size_t length = text.length < sizeof(digits) - 1 ? text.length : sizeof(digits) - 1;
    memcpy(digits, text.data, length);
    digits[length] = '\0';
    double seconds = strtod(digits, NULL);
    if (!(seconds > 0))
        return 0;
    return (int64_t)((seconds < SLEEP_SECONDS_MAX ? seconds : SLEEP_SECONDS_MAX) * 1e9);
}

// Nothing is executed meanwhile, though the log goes on. Inside a transaction the sleep follows it.
static void debug_sleep(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    int64_t ns = debug_seconds_ns(call);
    if (connection->wait_until_ns == 0 && ns > 0) {
        server->pause.sleep_until_ns = server->now_ns + ns;
        if (!call->inner) {
            connection->wait_until_ns = server->pause.sleep_until_ns;
            call->again = true;
            call->wait = WAIT_SLEEP;
            return;
        }
    }
    connection->wait_until_ns = 0;
    connection->slept_ns = ns;
    call_ok(call);
}

// --- OBJECT ----------------------------------------------------------------------------------

// Bytes of an integer in Redis's files; 0 when they keep it as text.
static uint32_t debug_number_bytes(int64_t number)
{
    if (number >= INT8_MIN && number <= INT8_MAX)
        return 2;
    if (number >= INT16_MIN && number <= INT16_MAX)
        return 3;
    return number >= INT32_MIN && number <= INT32_MAX ? 5 : 0;
}

static uint64_t debug_text_bytes(uint64_t length)
{
    return length + (length < 64 ? 1 : length < 16384 ? 2 : 5);
}

static void debug_object(struct call *call)
{
    struct key key = call_key(call, 2);
    struct entry *entry = data_peek(call, &key, false);
    if (entry == NULL) {
        resp_error(call->reply, "ERR no such key");
        return;
    }
    uint32_t length = entry_value_length(entry);
    bool edited = (entry->flags & ENTRY_EDITED) != 0;
    int64_t number;
    const char *encoding = edited || length > EMBEDDED_BYTES_MAX ? "raw" : "embstr";
    uint64_t bytes = debug_text_bytes(length);
    if (!edited && number_parse(entry_value(entry), length, &number)) {
        encoding = "int";
        if (debug_number_bytes(number) > 0)
            bytes = debug_number_bytes(number);
    }
    int64_t idle_s = idle_seconds(call->server, entry);
    char text[256];
    int written =
        snprintf(text, sizeof(text),
                 "Value at:%p refcount:1 encoding:%s serializedlength:%llu lru:%lld "
                 "lru_seconds_idle:%lld",
                 (void *)entry, encoding, (unsigned long long)bytes,
                 (long long)((call->now_ms / 1000 - idle_s) & 0xffffff), (long long)idle_s);
    assert(written > 0 && (size_t)written < sizeof(text));
    resp_simple(call->reply, text);
}

// --- PROTOCOL --------------------------------------------------------------------------------

static void protocol_numbers(struct resp_writer *reply)
{
    for (int64_t i = 0; i < 3; i++)
        resp_integer(reply, i);
}

static void protocol_map(struct resp_writer *reply)
{
    resp_map(reply, 3);
    for (int64_t i = 0; i < 3; i++) {
        resp_integer(reply, i);
        resp_bool(reply, i == 1);
    }
}

static void protocol_attribute(struct resp_writer *reply)
{
    static const char head[] = "|1\r\n";
    if (reply->version > 2) {
        resp_write(reply, head, strlen(head));
        resp_bulk_text(reply, "key-popularity");
        resp_array(reply, 2);
        resp_bulk_text(reply, "key:123");
        resp_integer(reply, 90);
    }
    resp_bulk_text(reply, "Some real reply following the attribute");
}

static void protocol_push(struct resp_writer *reply)
{
    if (reply->version < 3) {
        resp_error(reply, "ERR RESP2 is not supported by this command");
        return;
    }
    resp_push(reply, 2);
    resp_bulk_text(reply, "server-cpu-usage");
    resp_integer(reply, 42);
    resp_bulk_text(reply, "Some real reply following the push reply");
}

static void protocol_big_number(struct resp_writer *reply)
{
    static const char digits[] = "1234567999999999999999999999999999999";
    if (reply->version < 3) {
        resp_bulk_text(reply, digits);
        return;
    }
    resp_write(reply, "(", 1);
    resp_write(reply, digits, strlen(digits));
    resp_write(reply, "\r\n", 2);
}

static void protocol_verbatim(struct resp_writer *reply)
{
    static const char text[] = "This is a verbatim\nstring";
    resp_verbatim(reply, "txt", text, strlen(text));
}

static void debug_protocol(struct call *call)
{
    struct resp_writer *reply = call->reply;
    if (call_arg_is(call, 2, "string")) {
        resp_bulk_text(reply, "Hello World");
    } else if (call_arg_is(call, 2, "integer")) {
        resp_integer(reply, 12345);
    } else if (call_arg_is(call, 2, "double")) {
        resp_double(reply, 3.141);
    } else if (call_arg_is(call, 2, "null")) {
        resp_null(reply);
    } else if (call_arg_is(call, 2, "array")) {
        resp_array(reply, 3);
        protocol_numbers(reply);
    } else if (call_arg_is(call, 2, "set")) {
        resp_set(reply, 3);
        protocol_numbers(reply);
    } else if (call_arg_is(call, 2, "map")) {
        protocol_map(reply);
    } else if (call_arg_is(call, 2, "attrib")) {
        protocol_attribute(reply);
    } else if (call_arg_is(call, 2, "push")) {
        protocol_push(reply);
    } else if (call_arg_is(call, 2, "verbatim")) {
        protocol_verbatim(reply);
    } else if (call_arg_is(call, 2, "true") || call_arg_is(call, 2, "false")) {
        resp_bool(reply, call_arg_is(call, 2, "true"));
    } else if (call_arg_is(call, 2, "bignum")) {
        protocol_big_number(reply);
    } else {
        resp_error(reply, "ERR Wrong protocol type name. Please use one of the following: "
                          "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|"
                          "true|false");
    }
}

// --- the rest --------------------------------------------------------------------------------

static void debug_set_active_expire(struct call *call)
{
    struct span text = call_arg(call, 2);
    call->server->expires_lazily = text.length == 0 || text.data[0] != '1';
    call_ok(call);
}

// Everything is in the log, and would be there after a restart: nothing has to be loaded.
static void debug_reload(struct call *call)
{
    for (uint32_t i = 2; i < call->argc; i++) {
        if (call_arg_is(call, i, "merge") || call_arg_is(call, i, "noflush") ||
            call_arg_is(call, i, "nosave"))
            continue;
        resp_error(call->reply,
                   "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
        return;
    }
    call_hold_all(call);
    call_ok(call);
}

static void debug_load_aof(struct call *call)
{
    call_hold_all(call);
    call_ok(call);
}

// There is no replication, and so no id.
static void debug_change_repl_id(struct call *call)
{
    call_ok(call);
}

static void debug_error(struct call *call)
{
    struct span text = call_arg(call, 2);
    int length = text.length < 1000 ? (int)text.length : 1000;
    resp_errorf(call->reply, "%.*s", length, (const char *)text.data);
}

static void debug_log(struct call *call)
{
    struct span text = call_arg(call, 2);
    int length = text.length < 900 ? (int)text.length : 900;
    notice(&call->server->notices, LOGLEVEL_WARNING, "DEBUG LOG: %.*s", length,
           (const char *)text.data);
    call_ok(call);
}

static void debug_help(struct call *call)
{
    static const char *const lines[] = {
        "CHANGE-REPL-ID",
        "    Does nothing: there is no replication.",
        "ERROR <text>",
        "    Answers with this error.",
        "HELP",
        "    Shows this text.",
        "LOADAOF",
        "    Waits until everything written is in the log for good.",
        "LOG <text>",
        "    Writes a line to the server's log file.",
        "OBJECT <key>",
        "    Describes how a value is kept.",
        "PROTOCOL <type>",
        "    Answers with an example of a protocol type: string, integer, double, bignum, null,",
        "    array, set, map, attrib, push, verbatim, true, false.",
        "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
        "    As LOADAOF.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    0: expired keys are deleted only when somebody asks for them. 1: always.",
        "SLEEP <seconds>",
        "    Executes nothing for so long.",
        NULL,
    };
    commands_help(call, lines);
}

void command_debug(struct call *call)
{
    static const struct {
        const char *name;
        uint32_t arguments_min, arguments_max;
        command_handler handler;
    } subcommands[] = {
        {"change-repl-id", 2, 2, debug_change_repl_id},
        {"error", 3, 3, debug_error},
        {"help", 2, 2, debug_help},
        {"loadaof", 2, 2, debug_load_aof},
        {"log", 3, 3, debug_log},
        {"object", 3, 3, debug_object},
        {"protocol", 3, 3, debug_protocol},
        {"reload", 2, UINT32_MAX, debug_reload},
        {"set-active-expire", 3, 3, debug_set_active_expire},
        {"sleep", 3, 3, debug_sleep},
    };
    const char *objection = guard_objection(call);
    if (objection != NULL) {
        resp_error(call->reply, objection);
        return;
    }
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        if (!call_arg_is(call, 1, subcommands[i].name) ||
            call->argc < subcommands[i].arguments_min || call->argc > subcommands[i].arguments_max)
            continue;
        subcommands[i].handler(call);
        return;
    }
    commands_error_arguments(call);
}
