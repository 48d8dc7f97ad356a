// The model's commands on one value: APPEND, GET, GETDEL, GETEX, GETRANGE, MGET, SETRANGE, STRLEN.
#include "sim/model_internal.h"

#include <stddef.h>

// --- reading ---------------------------------------------------------------------------------

void model_do_get(struct model_call *call)
{
    model_reply_value(call, model_arg_live(call, 1));
}

void model_do_mget(struct model_call *call)
{
    model_reply_array(call, call->argc - 1);
    for (uint32_t i = 1; i < call->argc; i++)
        model_reply_value(call, model_arg_live(call, i));
}

void model_do_strlen(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 1);
    model_reply_integer(call, key != NULL ? key->state.length : 0);
}

// Both ends count from the end when they are below 0. False when nothing is between them.
static bool range_cut(int64_t *first, int64_t *last, int64_t length)
{
    if (*first < 0 && *last < 0 && *first > *last)
        return false;
    int64_t *const ends[] = {first, last};
    for (uint32_t i = 0; i < 2; i++) {
        if (*ends[i] < 0)
            *ends[i] = *ends[i] + length < 0 ? 0 : *ends[i] + length;
    }
    if (*last >= length)
        *last = length - 1;
    return *first <= *last;
}

void model_do_getrange(struct model_call *call)
{
    int64_t first;
    int64_t last;
    if (!model_arg_integer(call, 2, &first) || !model_arg_integer(call, 3, &last))
        return;
    struct model_text value = model_value(model_arg_live(call, 1));
    if (range_cut(&first, &last, value.length))
        model_reply_bulk(call, value.data + first, (uint32_t)(last - first + 1));
    else
        model_reply_bulk(call, "", 0);
}

// --- GETDEL, GETEX ---------------------------------------------------------------------------

void model_do_getdel(struct model_call *call)
{
    struct model_key *key = model_arg_live(call, 1);
    model_reply_value(call, key);
    if (key != NULL)
        model_call_delete(call, key);
}

// What is to become of the expiry: an argument in a unit, nothing, or 'x': it goes.
struct getex_options {
    char unit;
    uint32_t number;
};

static bool getex_options(const struct model_call *call, struct getex_options *options)
{
    *options = (struct getex_options){0};
    for (uint32_t i = 2; i < call->argc; i++) {
        char unit = model_arg_is(call, i, "persist") ? 'x' : model_arg_unit(call, i);
        // The same may come again, the last number counts.
        if (unit == 0 || (options->unit != 0 && options->unit != unit) ||
            (unit != 'x' && i + 1 == call->argc))
            return false;
        options->unit = unit;
        if (unit != 'x')
            options->number = ++i;
    }
    return true;
}

void model_do_getex(struct model_call *call)
{
    struct getex_options options;
    int64_t expiry_ms = 0;
    if (!getex_options(call, &options)) {
        model_reply_syntax(call);
        return;
    }
    struct model_key *key = model_arg_live(call, 1);
    bool timed = options.unit != 0 && options.unit != 'x';
    if (key != NULL && timed && !model_arg_expiry(call, options.number, options.unit, &expiry_ms))
        return;
    model_reply_value(call, key);
    if (key == NULL || options.unit == 0)
        return;
    if (timed && expiry_ms <= call->now_ms)
        model_call_delete(call, key);
    else if (expiry_ms != 0 || key->state.expiry_ms != 0)
        model_key_set_expiry(call->model, key, model_call_change(call), expiry_ms);
}

// --- APPEND, SETRANGE ------------------------------------------------------------------------

bool model_length_right(struct model_call *call, int64_t total)
{
    if (total <= MODEL_VALUE_BYTES_MAX)
        return true;
    model_reply_error(call, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

void model_do_append(struct model_call *call)
{
    struct model_key *key = model_arg_live(call, 1);
    struct model_text tail = model_arg(call, 2);
    if (key == NULL) {
        model_call_set(call, 1, tail.data, tail.length, 0);
        model_reply_integer(call, tail.length);
        return;
    }
    int64_t total = (int64_t)key->state.length + tail.length;
    if (!model_length_right(call, total))
        return;
    if (tail.length > 0)
        model_key_append(call->model, key, model_call_change(call), tail.data, tail.length);
    else
        model_watch_touch(key, key->state.touched, false);
    model_key_edited(key);
    model_reply_integer(call, total);
}

void model_do_setrange(struct model_call *call)
{
    int64_t offset;
    if (!model_arg_integer(call, 2, &offset))
        return;
    if (offset < 0) {
        model_reply_error(call, "ERR offset is out of range");
        return;
    }
    const struct model_key *key = model_arg_live(call, 1);
    int64_t length = model_value(key).length;
    struct model_text piece = model_arg(call, 3);
    if (piece.length > 0) {
        int64_t end;
        if (__builtin_add_overflow(offset, (int64_t)piece.length, &end))
            end = INT64_MAX;
        if (!model_length_right(call, end))
            return;
        length = end > length ? end : length;
        model_call_write(call, 1, (uint64_t)offset, piece.data, piece.length, (uint32_t)length);
    }
    model_reply_integer(call, length);
}
