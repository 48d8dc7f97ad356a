// The model's commands on expiry: EXPIRE and its relatives, PERSIST, TTL and its relatives.
#include "sim/model_internal.h"

#include <stddef.h>

struct expire_options {
    bool nx, xx, gt, lt;
};

// False after an error.
static bool expire_options(struct model_call *call, struct expire_options *options)
{
    *options = (struct expire_options){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        if (model_arg_is(call, i, "nx")) {
            options->nx = true;
        } else if (model_arg_is(call, i, "xx")) {
            options->xx = true;
        } else if (model_arg_is(call, i, "gt")) {
            options->gt = true;
        } else if (model_arg_is(call, i, "lt")) {
            options->lt = true;
        } else {
            struct model_text option = model_arg(call, i);
            model_reply_errorf(call, "ERR Unsupported option %.*s",
                               (int)(option.length < 1024 ? option.length : 1024),
                               (const char *)option.data);
            return false;
        }
    }
    if (options->nx && (options->xx || options->gt || options->lt)) {
        model_reply_error(call,
                          "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (options->gt && options->lt) {
        model_reply_error(call, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

// No expiry is later than every time.
static bool expire_wanted(const struct expire_options *options, int64_t before, int64_t after)
{
    bool none = before == 0;
    if ((options->nx && !none) || (options->xx && none))
        return false;
    if (options->gt && (none || after <= before))
        return false;
    return !options->lt || none || after < before;
}

static void expire(struct model_call *call, int64_t unit_ms, bool absolute)
{
    struct expire_options options;
    int64_t expiry_ms;
    if (!expire_options(call, &options) || !model_arg_integer(call, 2, &expiry_ms))
        return;
    if (__builtin_mul_overflow(expiry_ms, unit_ms, &expiry_ms) ||
        (!absolute && __builtin_add_overflow(expiry_ms, call->now_ms, &expiry_ms))) {
        model_reply_errorf(call, "ERR invalid expire time in '%s' command", call->command->name);
        return;
    }
    struct model_key *key = model_arg_live(call, 1);
    bool changes = key != NULL && expire_wanted(&options, key->state.expiry_ms, expiry_ms);
    if (changes && expiry_ms <= call->now_ms)
        model_call_delete(call, key);
    else if (changes)
        model_key_set_expiry(call->model, key, model_call_change(call), expiry_ms);
    model_reply_integer(call, changes);
}

void model_do_expire(struct model_call *call)
{
    expire(call, 1000, false);
}

void model_do_pexpire(struct model_call *call)
{
    expire(call, 1, false);
}

void model_do_expireat(struct model_call *call)
{
    expire(call, 1000, true);
}

void model_do_pexpireat(struct model_call *call)
{
    expire(call, 1, true);
}

void model_do_persist(struct model_call *call)
{
    struct model_key *key = model_arg_live(call, 1);
    bool changes = key != NULL && key->state.expiry_ms != 0;
    if (changes)
        model_key_set_expiry(call->model, key, model_call_change(call), 0);
    model_reply_integer(call, changes);
}

// Milliseconds left, or the time itself when `absolute`; -1 without expiry, -2 without key.
static int64_t expiry_of(struct model_call *call, bool absolute)
{
    const struct model_key *key = model_arg_live(call, 1);
    if (key == NULL)
        return -2;
    if (key->state.expiry_ms == 0)
        return -1;
    return key->state.expiry_ms - (absolute ? 0 : call->now_ms);
}

// A time that is to be told, in seconds rounded to the nearest, or in milliseconds.
static void reply_time(struct model_call *call, int64_t ms, int64_t unit_ms)
{
    bool there = ms >= 0;
    if (there)
        ms = ms / unit_ms + (ms % unit_ms * 2 >= unit_ms && unit_ms > 1);
    model_reply_integer(call, ms);
    if (!there || call->model->late_ms == 0)
        return;
    call->reply->kind = MODEL_TIME;
    call->reply->tolerance = call->model->late_ms / unit_ms;
}

void model_do_ttl(struct model_call *call)
{
    reply_time(call, expiry_of(call, false), 1000);
}

void model_do_pttl(struct model_call *call)
{
    reply_time(call, expiry_of(call, false), 1);
}

void model_do_expiretime(struct model_call *call)
{
    reply_time(call, expiry_of(call, true), 1000);
}

void model_do_pexpiretime(struct model_call *call)
{
    reply_time(call, expiry_of(call, true), 1);
}
