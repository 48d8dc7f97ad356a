// The model's commands on values: APPEND, GET, MGET, MSET, SET, STRLEN, INCR and its relatives.
#include "sim/model_internal.h"

#include <stddef.h>

#define VALUE_BYTES_MAX (512LL << 20)

// --- reading ---------------------------------------------------------------------------------

static void reply_value(struct model_call *call, const struct model_key *key)
{
    if (key != NULL)
        model_reply_bulk(call, key->state.block->bytes, key->state.length);
    else
        model_reply_null(call);
}

void model_do_get(struct model_call *call)
{
    reply_value(call, model_arg_live(call, 1));
}

void model_do_mget(struct model_call *call)
{
    model_reply_array(call, call->argc - 1);
    for (uint32_t i = 1; i < call->argc; i++)
        reply_value(call, model_arg_live(call, i));
}

void model_do_strlen(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 1);
    model_reply_integer(call, key != NULL ? key->state.length : 0);
}

// --- SET, MSET, APPEND -----------------------------------------------------------------------

static void set_arg(struct model_call *call, uint32_t key, uint32_t value, int64_t expiry_ms)
{
    struct model_text text = model_arg(call, value);
    model_key_set(call->model, model_arg_changed(call, key), model_call_change(call), text.data,
                  text.length, expiry_ms);
}

struct set_options {
    bool nx, xx, get, keep;
    char unit;       // of the expiry: 'e' EX, 'p' PX, 'E' EXAT, 'P' PXAT, 0 none
    uint32_t number; // index of its argument
};

static char set_unit(const struct model_call *call, uint32_t index)
{
    static const struct {
        const char *word;
        char unit;
    } units[] = {{"ex", 'e'}, {"px", 'p'}, {"exat", 'E'}, {"pxat", 'P'}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (model_arg_is(call, index, units[i].word))
            return units[i].unit;
    }
    return 0;
}

static bool set_options(const struct model_call *call, struct set_options *options)
{
    *options = (struct set_options){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        char unit = set_unit(call, i);
        if (model_arg_is(call, i, "nx")) {
            options->nx = true;
        } else if (model_arg_is(call, i, "xx")) {
            options->xx = true;
        } else if (model_arg_is(call, i, "get")) {
            options->get = true;
        } else if (model_arg_is(call, i, "keepttl")) {
            options->keep = true;
        } else if (unit != 0 && i + 1 < call->argc) {
            // The same unit may come again, the last number counts.
            if (options->unit != 0 && options->unit != unit)
                return false;
            options->unit = unit;
            options->number = ++i;
        } else {
            return false;
        }
        if ((options->nx && options->xx) || (options->keep && options->unit != 0))
            return false;
    }
    return true;
}

// False after an error.
static bool set_expiry(struct model_call *call, const struct set_options *options, int64_t *ms)
{
    *ms = 0;
    if (options->unit == 0)
        return true;
    if (!model_arg_integer(call, options->number, ms))
        return false;
    bool seconds = options->unit == 'e' || options->unit == 'E';
    bool relative = options->unit == 'e' || options->unit == 'p';
    if (*ms > 0 && !(seconds && __builtin_mul_overflow(*ms, (int64_t)1000, ms)) &&
        !(relative && __builtin_add_overflow(*ms, call->now_ms, ms)))
        return true;
    model_reply_error(call, "ERR invalid expire time in 'set' command");
    return false;
}

void model_do_set(struct model_call *call)
{
    struct set_options options;
    if (!set_options(call, &options)) {
        model_reply_syntax(call);
        return;
    }
    int64_t expiry_ms;
    if (!set_expiry(call, &options, &expiry_ms))
        return;
    const struct model_key *key = NULL;
    if (options.nx || options.xx || options.get || options.keep)
        key = model_arg_live(call, 1);
    if (options.get)
        reply_value(call, key);
    if ((options.nx && key != NULL) || (options.xx && key == NULL)) {
        if (!options.get)
            model_reply_null(call);
        return;
    }
    if (options.keep && key != NULL)
        expiry_ms = key->state.expiry_ms;
    set_arg(call, 1, 2, expiry_ms);
    if (!options.get)
        model_reply_ok(call);
}

void model_do_mset(struct model_call *call)
{
    if (call->argc % 2 == 0) {
        model_reply_error(call, "ERR wrong number of arguments for 'mset' command");
        return;
    }
    for (uint32_t i = 1; i < call->argc; i += 2)
        set_arg(call, i, i + 1, 0);
    model_reply_ok(call);
}

void model_do_append(struct model_call *call)
{
    struct model_key *key = model_arg_live(call, 1);
    struct model_text tail = model_arg(call, 2);
    if (key == NULL) {
        set_arg(call, 1, 2, 0);
        model_reply_integer(call, tail.length);
        return;
    }
    int64_t total = (int64_t)key->state.length + tail.length;
    if (total > VALUE_BYTES_MAX) {
        model_reply_error(call, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    if (tail.length > 0)
        model_key_append(call->model, key, model_call_change(call), tail.data, tail.length);
    model_reply_integer(call, total);
}

// --- INCR and its relatives ------------------------------------------------------------------

static void add(struct model_call *call, int64_t difference)
{
    const struct model_key *key = model_arg_live(call, 1);
    int64_t value = 0;
    int64_t expiry_ms = 0;
    if (key != NULL) {
        struct model_text text = {key->state.block->bytes, key->state.length};
        if (!model_text_integer(text, &value)) {
            model_reply_error(call, "ERR value is not an integer or out of range");
            return;
        }
        expiry_ms = key->state.expiry_ms;
    }
    if (__builtin_add_overflow(value, difference, &value)) {
        model_reply_error(call, "ERR increment or decrement would overflow");
        return;
    }
    char text[24];
    uint32_t length = (uint32_t)model_integer_text(text, value);
    model_key_set(call->model, model_arg_changed(call, 1), model_call_change(call), text, length,
                  expiry_ms);
    model_reply_integer(call, value);
}

void model_do_incr(struct model_call *call)
{
    add(call, 1);
}

void model_do_decr(struct model_call *call)
{
    add(call, -1);
}

void model_do_incrby(struct model_call *call)
{
    int64_t difference;
    if (model_arg_integer(call, 2, &difference))
        add(call, difference);
}

void model_do_decrby(struct model_call *call)
{
    int64_t difference;
    if (!model_arg_integer(call, 2, &difference))
        return;
    if (difference == INT64_MIN)
        model_reply_error(call, "ERR decrement would overflow");
    else
        add(call, -difference);
}
