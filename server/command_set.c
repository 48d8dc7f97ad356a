// Commands that set one value: SET, SETNX, SETEX, PSETEX, GETSET.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/condition.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/expiry.h"
#include "server/reply.h"
#include "storage/entry.h"

#include <stddef.h>

// --- SET -------------------------------------------------------------------------------------

struct set_options {
    struct condition condition;
    bool get, keep_expiry;
    struct expiry_unit unit;
    uint32_t expiry_argument; // index of the number, 0 when none
};

// A condition at argument *index, which moves on to the one's last argument. False when there is
// none, or one that another one excludes.
static bool set_condition_read(struct call *call, struct condition *condition, uint32_t *index)
{
    enum condition_kind kind = CONDITION_NONE;
    if (call_arg_is(call, *index, "nx"))
        kind = CONDITION_NX;
    else if (call_arg_is(call, *index, "xx"))
        kind = CONDITION_XX;
    if (kind != CONDITION_NONE) {
        if (condition->kind != CONDITION_NONE && condition->kind != kind)
            return false;
        condition->kind = kind;
        return true;
    }
    kind = condition_find(call, *index);
    if (kind == CONDITION_NONE || condition->kind != CONDITION_NONE || *index + 1 >= call->argc)
        return false;
    *condition = (struct condition){kind, ++*index};
    return true;
}

// Options that exclude each other make a syntax error, as does an unknown one. False after a reply.
static bool set_options_read(struct call *call, struct set_options *options)
{
    *options = (struct set_options){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        struct expiry_unit unit;
        if (call_arg_is(call, i, "get")) {
            options->get = true;
        } else if (call_arg_is(call, i, "keepttl") && options->expiry_argument == 0) {
            options->keep_expiry = true;
        } else if (!options->keep_expiry && i + 1 < call->argc &&
                   expiry_unit_find(call, i, &unit) &&
                   (options->expiry_argument == 0 || expiry_unit_same(&unit, &options->unit))) {
            options->unit = unit;
            options->expiry_argument = ++i;
        } else if (!set_condition_read(call, &options->condition, &i)) {
            call_error_syntax(call);
            return false;
        }
    }
    return true;
}

// Sets the value in this argument; when the old one stands in the reply before an error, only the
// error remains.
static bool set_after_get(struct call *call, const struct key *key, uint32_t argument,
                          int64_t expiry_ms, struct reply_point point)
{
    if (data_set(call, key, argument, NULL, 0, expiry_ms))
        return true;
    reply_rollback(&call->connection->reply, point);
    resp_error(call->reply, "OOM command not allowed when used memory > 'maxmemory'.");
    return false;
}

void command_set(struct call *call)
{
    struct set_options options;
    int64_t expiry_ms = 0;
    if (!set_options_read(call, &options))
        return;
    if (options.expiry_argument != 0 &&
        !expiry_read_positive(call, options.expiry_argument, &options.unit, &expiry_ms))
        return;
    struct key key = call_key(call, 1);
    struct reply *reply = &call->connection->reply;
    struct reply_point point = reply_point(reply);
    if (options.get || options.condition.kind != CONDITION_NONE || options.keep_expiry) {
        struct entry *entry = data_find(call, &key, options.get);
        if (!condition_valid(call, &options.condition, entry))
            return;
        if (options.get && entry != NULL)
            reply_value(reply, entry);
        else if (options.get)
            resp_null(call->reply);
        if (!condition_holds(call, &options.condition, entry)) {
            if (!options.get)
                resp_null(call->reply);
            return;
        }
        if (options.keep_expiry && entry != NULL)
            expiry_ms = entry_expiry(entry);
    }
    if (set_after_get(call, &key, 2, expiry_ms, point) && !options.get)
        call_ok(call);
}

// --- its older forms -------------------------------------------------------------------------

void command_setnx(struct call *call)
{
    struct key key = call_key(call, 1);
    if (data_find(call, &key, false) != NULL)
        resp_integer(call->reply, 0);
    else if (data_set(call, &key, 2, NULL, 0, 0))
        resp_integer(call->reply, 1);
}

static void set_for(struct call *call, bool seconds)
{
    struct expiry_unit unit = {.seconds = seconds};
    int64_t expiry_ms;
    if (!expiry_read_positive(call, 2, &unit, &expiry_ms))
        return;
    struct key key = call_key(call, 1);
    if (data_set(call, &key, 3, NULL, 0, expiry_ms))
        call_ok(call);
}

void command_setex(struct call *call)
{
    set_for(call, true);
}

void command_psetex(struct call *call)
{
    set_for(call, false);
}

void command_getset(struct call *call)
{
    struct key key = call_key(call, 1);
    struct reply_point point = reply_point(&call->connection->reply);
    struct entry *entry = data_find(call, &key, true);
    if (entry != NULL)
        reply_value(&call->connection->reply, entry);
    else
        resp_null(call->reply);
    set_after_get(call, &key, 2, 0, point);
}
