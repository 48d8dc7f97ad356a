// The model's commands on the connection: AUTH, CLIENT, ECHO, HELLO, PING, QUIT, RESET, SELECT, TIME, WAIT.
#include "sim/model_internal.h"

#include <string.h>

enum { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT, REPLY_SKIP };

#define NAME_BYTES_MAX 256 // Poro's bound

void model_do_ping(struct model_call *call)
{
    if (call->argc > 2) {
        model_reply_error(call, "ERR wrong number of arguments for 'ping' command");
    } else if (call->argc == 2) {
        struct model_text text = model_arg(call, 1);
        model_reply_bulk(call, text.data, text.length);
    } else {
        model_reply_simple(call, "PONG");
    }
}

void model_do_echo(struct model_call *call)
{
    struct model_text text = model_arg(call, 1);
    model_reply_bulk(call, text.data, text.length);
}

void model_do_select(struct model_call *call)
{
    uint32_t database;
    if (!model_arg_database(call, 1, &database))
        return;
    call->session->database = database;
    model_reply_ok(call);
}

void model_do_quit(struct model_call *call)
{
    call->session->closing = true;
    model_reply_ok(call);
}

void model_do_reset(struct model_call *call)
{
    struct model_session *session = call->session;
    session->database = 0;
    session->resp = 2;
    session->name.length = 0;
    model_transaction_drop(session);
    // Its own reply is still skipped.
    if (session->reply != REPLY_SKIP)
        session->reply = REPLY_ON;
    model_reply_simple(call, "RESET");
}

void model_do_time(struct model_call *call)
{
    bytes_text(&call->reply->bytes, "*2\r\n$\1\r\n\1\r\n$\1\r\n\1\r\n");
    call->reply->kind = MODEL_PATTERN;
}

// Nobody has anything to wait for: there are no replicas.
void model_do_wait(struct model_call *call)
{
    int64_t replicas;
    int64_t timeout_ms;
    if (!model_arg_integer(call, 1, &replicas))
        return;
    if (!model_text_integer(model_arg(call, 2), &timeout_ms))
        model_reply_error(call, "ERR timeout is not an integer or out of range");
    else if (timeout_ms < 0)
        model_reply_error(call, "ERR timeout is negative");
    else
        model_reply_integer(call, 0);
}

// --- AUTH and HELLO --------------------------------------------------------------------------

// Without a password every one is right, for the one user that there is.
static bool user_known(struct model_call *call, struct model_text user)
{
    if (user.length == 7 && memcmp(user.data, "default", 7) == 0)
        return true;
    model_reply_error(call, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

void model_do_auth(struct model_call *call)
{
    if (call->argc > 3)
        model_reply_syntax(call);
    else if (call->argc == 2)
        model_reply_error(call, "ERR AUTH <password> called without any password configured for "
                                "the default user. Are you sure your configuration is correct?");
    else if (user_known(call, model_arg(call, 1)))
        model_reply_ok(call);
}

// Returns false after an error. `name` NULL: the name is only checked.
static bool name_set(struct model_call *call, uint32_t index, const char *what, struct bytes *name)
{
    struct model_text text = model_arg(call, index);
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] > ' ' && text.data[i] < 127)
            continue;
        model_reply_errorf(call, "ERR %s cannot contain spaces, newlines or special characters.",
                           what);
        return false;
    }
    if (text.length > NAME_BYTES_MAX) {
        model_reply_errorf(call, "ERR %s cannot be longer than %d bytes.", what, NAME_BYTES_MAX);
        return false;
    }
    if (name != NULL) {
        name->length = 0;
        bytes_add(name, text.data, text.length);
    }
    return true;
}

// Every option takes effect when it is read, whatever is wrong after it.
static bool hello_options(struct model_call *call)
{
    for (uint32_t i = 2; i < call->argc; i++) {
        uint32_t more = call->argc - 1 - i;
        if (model_arg_is(call, i, "auth") && more >= 2) {
            if (!user_known(call, model_arg(call, i + 1)))
                return false;
            i += 2;
        } else if (model_arg_is(call, i, "setname") && more >= 1) {
            if (!name_set(call, i + 1, "Client names", &call->session->name))
                return false;
            i++;
        } else {
            struct model_text option = model_arg(call, i);
            model_reply_errorf(call, "ERR Syntax error in HELLO option '%.*s'",
                               (int)(option.length < 1024 ? option.length : 1024),
                               (const char *)option.data);
            return false;
        }
    }
    return true;
}

void model_do_hello(struct model_call *call)
{
    int64_t version = call->session->resp;
    if (call->argc > 1) {
        if (!model_text_integer(model_arg(call, 1), &version)) {
            model_reply_error(call, "ERR Protocol version is not an integer or out of range");
            return;
        }
        if (version != 2 && version != 3) {
            model_reply_error(call, "NOPROTO unsupported protocol version");
            return;
        }
    }
    if (!hello_options(call))
        return;
    call->session->resp = (uint8_t)version;
    call->reply->resp = (uint8_t)version;
    call->reply->kind = MODEL_PATTERN;
    struct bytes *bytes = &call->reply->bytes;
    bytes_text(bytes, version == 3 ? "%7\r\n" : "*14\r\n");
    bytes_text(bytes, "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.\1\r\n"
                      "$5\r\nproto\r\n:");
    bytes_text(bytes, version == 3 ? "3" : "2");
    bytes_text(bytes, "\r\n$2\r\nid\r\n:\1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
                      "$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
}

// --- CLIENT ----------------------------------------------------------------------------------

void model_do_client_id(struct model_call *call)
{
    bytes_text(&call->reply->bytes, ":\1\r\n");
    call->reply->kind = MODEL_PATTERN;
}

void model_do_client_getname(struct model_call *call)
{
    const struct bytes *name = &call->session->name;
    if (name->length > 0)
        model_reply_bulk(call, name->data, (uint32_t)name->length);
    else
        model_reply_null(call);
}

void model_do_client_setname(struct model_call *call)
{
    if (name_set(call, 2, "Client names", &call->session->name))
        model_reply_ok(call);
}

void model_do_client_setinfo(struct model_call *call)
{
    bool set;
    if (model_arg_is(call, 2, "lib-name")) {
        set = name_set(call, 3, "lib-name", NULL);
    } else if (model_arg_is(call, 2, "lib-ver")) {
        set = name_set(call, 3, "lib-ver", NULL);
    } else {
        struct model_text option = model_arg(call, 2);
        model_reply_errorf(call, "ERR Unrecognized option '%.*s'",
                           (int)(option.length < 1024 ? option.length : 1024),
                           (const char *)option.data);
        return;
    }
    if (set)
        model_reply_ok(call);
}

// Settings that no reply but CLIENT LIST shows.
void model_do_client_switch(struct model_call *call)
{
    if (model_arg_is(call, 2, "on") || model_arg_is(call, 2, "off"))
        model_reply_ok(call);
    else
        model_reply_syntax(call);
}

void model_do_client_reply(struct model_call *call)
{
    struct model_session *session = call->session;
    if (model_arg_is(call, 2, "on")) {
        session->reply = REPLY_ON;
        model_reply_ok(call);
    } else if (model_arg_is(call, 2, "off")) {
        session->reply = REPLY_OFF;
    } else if (model_arg_is(call, 2, "skip")) {
        if (session->reply != REPLY_OFF)
            session->reply = REPLY_SKIP_NEXT;
    } else {
        model_reply_syntax(call);
    }
}
