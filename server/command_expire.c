// Commands on expiry: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL, EXPIRETIME, PEXPIRETIME,
// PERSIST.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/data.h"
#include "server/expiry.h"
#include "storage/entry.h"

struct expire_conditions {
    bool nx, xx, gt, lt;
};

static bool expire_conditions_read(struct call *call, struct expire_conditions *conditions)
{
    *conditions = (struct expire_conditions){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        if (call_arg_is(call, i, "nx")) {
            conditions->nx = true;
        } else if (call_arg_is(call, i, "xx")) {
            conditions->xx = true;
        } else if (call_arg_is(call, i, "gt")) {
            conditions->gt = true;
        } else if (call_arg_is(call, i, "lt")) {
            conditions->lt = true;
        } else {
            struct span option = call_arg(call, i);
            int length = option.length < 1024 ? (int)option.length : 1024;
            resp_errorf(call->reply, "ERR Unsupported option %.*s", length,
                        (const char *)option.data);
            return false;
        }
    }
    const char *error = NULL;
    if (conditions->nx && (conditions->xx || conditions->gt || conditions->lt))
        error = "ERR NX and XX, GT or LT options at the same time are not compatible";
    else if (conditions->gt && conditions->lt)
        error = "ERR GT and LT options at the same time are not compatible";
    if (error != NULL)
        resp_error(call->reply, error);
    return error == NULL;
}

// A key without expiry lives for ever: no time is later, every time is earlier.
static bool expire_allowed(const struct expire_conditions *conditions, int64_t old_ms,
                           int64_t new_ms)
{
    if (conditions->nx && old_ms != 0)
        return false;
    if (conditions->xx && old_ms == 0)
        return false;
    if (conditions->gt && (old_ms == 0 || new_ms <= old_ms))
        return false;
    return !conditions->lt || old_ms == 0 || new_ms < old_ms;
}

static void expire(struct call *call, struct expiry_unit unit)
{
    struct expire_conditions conditions;
    int64_t expiry_ms;
    if (!expire_conditions_read(call, &conditions) || !expiry_read(call, 2, &unit, &expiry_ms))
        return;
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, false);
    if (entry == NULL || !expire_allowed(&conditions, entry_expiry(entry), expiry_ms)) {
        resp_integer(call->reply, 0);
        return;
    }
    if (expiry_ms <= call->now_ms)
        data_delete(call, &key);
    else if (!data_set_expiry(call, &key, entry, expiry_ms))
        return;
    resp_integer(call->reply, 1);
}

void command_expire(struct call *call)
{
    expire(call, (struct expiry_unit){.seconds = true});
}

void command_pexpire(struct call *call)
{
    expire(call, (struct expiry_unit){0});
}

void command_expireat(struct call *call)
{
    expire(call, (struct expiry_unit){.seconds = true, .absolute = true});
}

void command_pexpireat(struct call *call)
{
    expire(call, (struct expiry_unit){.absolute = true});
}

// The time that is left, or the absolute one; -1 for a key that never expires, -2 for none.
static void expire_tell(struct call *call, struct expiry_unit unit)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = data_peek(call, &key, true);
    int64_t time = -2;
    if (entry != NULL && entry_expiry(entry) == 0) {
        time = -1;
    } else if (entry != NULL) {
        time = entry_expiry(entry) - (unit.absolute ? 0 : call->now_ms);
        // To the nearest second, as in Redis.
        if (unit.seconds)
            time = time / 1000 + (time % 1000 >= 500);
    }
    resp_integer(call->reply, time);
}

void command_ttl(struct call *call)
{
    expire_tell(call, (struct expiry_unit){.seconds = true});
}

void command_pttl(struct call *call)
{
    expire_tell(call, (struct expiry_unit){0});
}

void command_expiretime(struct call *call)
{
    expire_tell(call, (struct expiry_unit){.seconds = true, .absolute = true});
}

void command_pexpiretime(struct call *call)
{
    expire_tell(call, (struct expiry_unit){.absolute = true});
}

void command_persist(struct call *call)
{
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, false);
    if (entry == NULL || entry_expiry(entry) == 0)
        resp_integer(call->reply, 0);
    else if (data_set_expiry(call, &key, entry, 0))
        resp_integer(call->reply, 1);
}
