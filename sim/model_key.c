// The model's commands on keys: DEL, EXISTS, TYPE, expiry, and on whole databases: FLUSHDB, FLUSHALL.
#include "sim/model_internal.h"

#include <stddef.h>

void model_do_del(struct model_call *call)
{
    int64_t deleted = 0;
    for (uint32_t i = 1; i < call->argc; i++) {
        struct model_key *key = model_arg_key(call, i);
        if (key == NULL || key->state.block == NULL)
            continue;
        // One that has expired goes too, but is not counted.
        deleted += model_key_live(key, call->now_ms);
        model_call_delete(call, key);
    }
    model_reply_integer(call, deleted);
}

void model_do_exists(struct model_call *call)
{
    int64_t found = 0;
    for (uint32_t i = 1; i < call->argc; i++)
        found += model_arg_live(call, i) != NULL;
    model_reply_integer(call, found);
}

void model_do_type(struct model_call *call)
{
    model_reply_simple(call, model_arg_live(call, 1) != NULL ? "string" : "none");
}

// --- expiry ----------------------------------------------------------------------------------

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

static void expire(struct model_call *call, int64_t unit_ms)
{
    struct expire_options options;
    int64_t expiry_ms;
    if (!expire_options(call, &options) || !model_arg_integer(call, 2, &expiry_ms))
        return;
    if (__builtin_mul_overflow(expiry_ms, unit_ms, &expiry_ms) ||
        __builtin_add_overflow(expiry_ms, call->now_ms, &expiry_ms)) {
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
    expire(call, 1000);
}

void model_do_pexpire(struct model_call *call)
{
    expire(call, 1);
}

void model_do_persist(struct model_call *call)
{
    struct model_key *key = model_arg_live(call, 1);
    bool changes = key != NULL && key->state.expiry_ms != 0;
    if (changes)
        model_key_set_expiry(call->model, key, model_call_change(call), 0);
    model_reply_integer(call, changes);
}

// Milliseconds left, -1 without expiry, -2 without key.
static int64_t time_left(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 1);
    if (key == NULL)
        return -2;
    return key->state.expiry_ms == 0 ? -1 : key->state.expiry_ms - call->now_ms;
}

void model_do_ttl(struct model_call *call)
{
    int64_t left = time_left(call);
    // To the nearest second.
    model_reply_integer(call, left < 0 ? left : left / 1000 + (left % 1000 >= 500));
}

void model_do_pttl(struct model_call *call)
{
    model_reply_integer(call, time_left(call));
}

// --- flushing --------------------------------------------------------------------------------

static bool flush_arguments_right(const struct model_call *call)
{
    return call->argc == 1 ||
           (call->argc == 2 && (model_arg_is(call, 1, "sync") || model_arg_is(call, 1, "async")));
}

static void flush(struct model_call *call, bool all)
{
    struct model *model = call->model;
    if (!flush_arguments_right(call)) {
        model_reply_syntax(call);
        return;
    }
    for (uint32_t i = 0; i < model->keys_count; i++) {
        struct model_key *key = model->keys[i];
        if (key->state.block != NULL && (all || key->database == call->session->database))
            model_call_delete(call, key);
    }
    model_call_shows_all(call);
    model_reply_ok(call);
}

void model_do_flushdb(struct model_call *call)
{
    flush(call, false);
}

void model_do_flushall(struct model_call *call)
{
    flush(call, true);
}
