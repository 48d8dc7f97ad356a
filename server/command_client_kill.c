// CLIENT KILL: closes connections, by address or by filters.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/client_type.h"
#include "server/connection.h"
#include "server/server.h"

#include <string.h>

struct kill_filter {
    uint64_t id;       // 0: any
    struct span peer;  // data NULL: any
    struct span own;   // data NULL: any
    bool no_such_type; // asks for a type that no connection has
    bool skip_me;
};

static bool kill_id_read(struct call *call, uint32_t index, uint64_t *id)
{
    struct span text = call_arg(call, index);
    int64_t number;
    if (!number_parse(text.data, text.length, &number) || number < 1) {
        resp_error(call->reply, "ERR client-id should be greater than 0");
        return false;
    }
    *id = (uint64_t)number;
    return true;
}

static bool kill_user_read(struct call *call, uint32_t index)
{
    struct span user = call_arg(call, index);
    if (user.length == 7 && memcmp(user.data, "default", 7) == 0)
        return true;
    int length = user.length < 1024 ? (int)user.length : 1024;
    resp_errorf(call->reply, "ERR No such user '%.*s'", length, (const char *)user.data);
    return false;
}

static bool kill_skip_me_read(struct call *call, uint32_t index, bool *skip_me)
{
    *skip_me = call_arg_is(call, index, "yes");
    if (*skip_me || call_arg_is(call, index, "no"))
        return true;
    call_error_syntax(call);
    return false;
}

// One filter with its value. False after an error reply.
static bool kill_filter_read_one(struct call *call, uint32_t index, struct kill_filter *filter)
{
    bool every = true;
    if (index + 1 == call->argc) {
        call_error_syntax(call);
        return false;
    }
    if (call_arg_is(call, index, "id"))
        return kill_id_read(call, index + 1, &filter->id);
    if (call_arg_is(call, index, "type")) {
        bool known = client_type_read(call, index + 1, &every);
        filter->no_such_type = !every;
        return known;
    }
    if (call_arg_is(call, index, "addr")) {
        filter->peer = call_arg(call, index + 1);
        return true;
    }
    if (call_arg_is(call, index, "laddr")) {
        filter->own = call_arg(call, index + 1);
        return true;
    }
    if (call_arg_is(call, index, "user"))
        return kill_user_read(call, index + 1);
    if (call_arg_is(call, index, "skipme"))
        return kill_skip_me_read(call, index + 1, &filter->skip_me);
    call_error_syntax(call);
    return false;
}

// An address alone, or filters. False after an error reply.
static bool kill_filter_read(struct call *call, struct kill_filter *filter)
{
    *filter = (struct kill_filter){.skip_me = call->argc > 3};
    if (call->argc == 3) {
        filter->peer = call_arg(call, 2);
        return true;
    }
    for (uint32_t i = 2; i < call->argc; i += 2) {
        if (!kill_filter_read_one(call, i, filter))
            return false;
    }
    return true;
}

static bool kill_address_is(struct span wanted, const char *address)
{
    if (wanted.data == NULL)
        return true;
    return strlen(address) == wanted.length && memcmp(address, wanted.data, wanted.length) == 0;
}

static bool kill_matches(const struct call *call, const struct kill_filter *filter,
                         const struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSING || filter->no_such_type)
        return false;
    if (filter->skip_me && connection == call->connection)
        return false;
    return (filter->id == 0 || connection->id == filter->id) &&
           kill_address_is(filter->peer, connection_peer(call->server, connection)) &&
           kill_address_is(filter->own, connection_own(call->server, connection));
}

void command_client_kill(struct call *call)
{
    struct server *server = call->server;
    struct kill_filter filter;
    if (!kill_filter_read(call, &filter))
        return;
    int64_t killed = 0;
    for (struct connection *connection = connection_next(server, NULL); connection != NULL;
         connection = connection_next(server, connection)) {
        if (!kill_matches(call, &filter, connection))
            continue;
        killed++;
        if (connection == call->connection)
            connection->close_after_reply = true;
        else
            connection_close(server, connection);
    }
    if (call->argc > 3)
        resp_integer(call->reply, killed);
    else if (killed > 0)
        call_ok(call);
    else
        resp_error(call->reply, "ERR No such client");
}
