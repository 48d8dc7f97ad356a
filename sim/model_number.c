// The model's commands on numbers: INCR and its relatives, INCRBYFLOAT.
#include "sim/model_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

// --- numbers with a fraction -----------------------------------------------------------------

bool model_text_float(struct model_text text, long double *value)
{
    char copy[MODEL_FLOAT_BYTES];
    if (text.length == 0 || text.length >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (strchr(" \t\n\v\f\r", copy[0]) != NULL)
        return false;
    char *end;
    errno = 0;
    *value = strtold(copy, &end);
    bool lost = errno == ERANGE && (isinf(*value) || fpclassify(*value) == FP_ZERO);
    return end == copy + text.length && !lost && !isnan(*value);
}

// Seventeen places, of which zeros at the end are left out.
uint32_t model_float_text(char text[MODEL_FLOAT_BYTES], long double value)
{
    uint32_t length = (uint32_t)snprintf(text, MODEL_FLOAT_BYTES, "%.17Lf", value);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    if (length == 2 && memcmp(text, "-0", 2) == 0) {
        text[0] = '0';
        length = 1;
    }
    return length;
}

void model_do_incrbyfloat(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 1);
    long double value = 0;
    long double difference;
    if ((key != NULL && !model_text_float(model_value(key), &value)) ||
        !model_text_float(model_arg(call, 2), &difference)) {
        model_reply_error(call, "ERR value is not a valid float");
        return;
    }
    value += difference;
    if (isnan(value) || isinf(value)) {
        model_reply_error(call, "ERR increment would produce NaN or Infinity");
        return;
    }
    char text[MODEL_FLOAT_BYTES];
    uint32_t length = model_float_text(text, value);
    model_call_set(call, 1, text, length, key != NULL ? key->state.expiry_ms : 0);
    model_reply_bulk(call, text, length);
}
