// Commands on the connection itself: PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET.
#include "server/command_handlers.h"

#include "conf/limits.h"
#include "protocol/number.h"
#include "server/call.h"
#include "server/client_name.h"
#include "server/connection.h"
#include "server/server.h"

#include <assert.h>
#include <string.h>

void command_ping(struct call *call)
{
    if (call->argc > 2) {
        resp_error(call->reply, "ERR wrong number of arguments for 'ping' command");
    } else if (call->argc == 2) {
        struct span message = call_arg(call, 1);
        resp_bulk(call->reply, message.data, message.length);
    } else {
        resp_simple(call->reply, "PONG");
    }
}

void command_echo(struct call *call)
{
    struct span message = call_arg(call, 1);
    resp_bulk(call->reply, message.data, message.length);
}

void command_select(struct call *call)
{
    uint32_t database;
    if (!call_arg_database(call, 1, &database))
        return;
    call->connection->database = database;
    call_ok(call);
}

void command_quit(struct call *call)
{
    call->connection->close_after_reply = true;
    call_ok(call);
}

void command_reset(struct call *call)
{
    struct connection *connection = call->connection;
    transaction_drop(call->server, connection);
    connection_list_remove(call->server, connection, LIST_MONITORS);
    connection->database = 0;
    connection->name.length = 0;
    // The command after CLIENT REPLY SKIP stays unanswered, even this one.
    if (connection->reply_mode != REPLY_SKIP)
        connection->reply_mode = REPLY_ON;
    connection->authenticated = call->server->config.requirepass[0] == '\0';
    call->reply->version = 2;
    resp_simple(call->reply, "RESET");
}

// --- passwords ------------------------------------------------------------------------------

// Takes the same time whatever the texts have in common.
static bool password_equal(struct span given, const char password[CONFIG_TEXT_MAX])
{
    size_t length = strnlen(password, CONFIG_TEXT_MAX);
    assert(length < CONFIG_TEXT_MAX);
    uint32_t difference = (uint32_t)(given.length ^ length);
    for (size_t i = 0; i < CONFIG_TEXT_MAX; i++) {
        uint8_t a = i < given.length ? given.data[i] : 0;
        uint8_t b = i < length ? (uint8_t)password[i] : 0;
        difference |= (uint32_t)(a ^ b);
    }
    return difference == 0;
}

static bool user_is_default(struct span user)
{
    return user.length == 7 && memcmp(user.data, "default", 7) == 0;
}

// There is one user, "default"; without requirepass every password is right. False after an error.
static bool authenticate(struct call *call, struct span user, struct span password)
{
    const char *wanted = call->server->config.requirepass;
    bool right = wanted[0] == '\0' || password_equal(password, wanted);
    if (!user_is_default(user) || !right) {
        resp_error(call->reply, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    call->connection->authenticated = true;
    return true;
}

void command_auth(struct call *call)
{
    if (call->argc > 3) {
        call_error_syntax(call);
        return;
    }
    struct span user = {(const uint8_t *)"default", 7};
    if (call->argc == 3) {
        user = call_arg(call, 1);
    } else if (call->server->config.requirepass[0] == '\0') {
        resp_error(call->reply,
                   "ERR AUTH <password> called without any password configured for the default "
                   "user. Are you sure your configuration is correct?");
        return;
    }
    if (authenticate(call, user, call_arg(call, call->argc - 1)))
        call_ok(call);
}

// --- HELLO ----------------------------------------------------------------------------------

// As in Redis, every option takes effect when it is read, whatever is wrong after it.
static bool hello_options(struct call *call)
{
    for (uint32_t i = 2; i < call->argc; i++) {
        uint32_t more = call->argc - 1 - i;
        if (call_arg_is(call, i, "auth") && more >= 2) {
            if (!authenticate(call, call_arg(call, i + 1), call_arg(call, i + 2)))
                return false;
            i += 2;
        } else if (call_arg_is(call, i, "setname") && more >= 1) {
            if (!client_name_set(call, i + 1, &call->connection->name, "Client names"))
                return false;
            i++;
        } else {
            struct span option = call_arg(call, i);
            int length = option.length < 1024 ? (int)option.length : 1024;
            resp_errorf(call->reply, "ERR Syntax error in HELLO option '%.*s'", length,
                        (const char *)option.data);
            return false;
        }
    }
    return true;
}

static void hello_reply(struct call *call)
{
    struct resp_writer *reply = call->reply;
    resp_map(reply, 7);
    resp_bulk_text(reply, "server");
    resp_bulk_text(reply, "redis");
    resp_bulk_text(reply, "version");
    resp_bulk_text(reply, PORO_REDIS_VERSION);
    resp_bulk_text(reply, "proto");
    resp_integer(reply, reply->version);
    resp_bulk_text(reply, "id");
    resp_integer(reply, (int64_t)call->connection->id);
    resp_bulk_text(reply, "mode");
    resp_bulk_text(reply, "standalone");
    resp_bulk_text(reply, "role");
    resp_bulk_text(reply, "master");
    resp_bulk_text(reply, "modules");
    resp_array(reply, 0);
}

void command_hello(struct call *call)
{
    int64_t version = 0; // as it is
    if (call->argc > 1) {
        struct span text = call_arg(call, 1);
        if (!number_parse(text.data, text.length, &version)) {
            resp_error(call->reply, "ERR Protocol version is not an integer or out of range");
            return;
        }
        if (version != 2 && version != 3) {
            resp_error(call->reply, "NOPROTO unsupported protocol version");
            return;
        }
    }
    if (!hello_options(call))
        return;
    if (!call->connection->authenticated) {
        resp_error(call->reply,
                   "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                   "the HELLO AUTH <user> <pass> option can be used to authenticate the client "
                   "and select the RESP protocol version at the same time");
        return;
    }
    if (version != 0)
        call->reply->version = (uint8_t)version;
    hello_reply(call);
}
