// The model's INCREX: adds within bounds, and sets the expiry.
#include "sim/model_internal.h"

#include <float.h>
#include <math.h>

// Indexes of arguments, 0: not there.
struct options {
    uint32_t by, lowest, highest, time;
    bool fraction, saturate, persist, enx;
    char unit;
};

static bool option_take(const struct model_call *call, struct options *options, uint32_t *index)
{
    uint32_t i = *index;
    static const char *const flags[] = {"saturate", "persist", "enx"};
    bool *const flag_places[] = {&options->saturate, &options->persist, &options->enx};
    for (uint32_t k = 0; k < 3; k++) {
        if (!model_arg_is(call, i, flags[k]))
            continue;
        bool first = !*flag_places[k];
        *flag_places[k] = true;
        return first;
    }
    char unit = model_arg_unit(call, i);
    bool fraction = model_arg_is(call, i, "byfloat");
    uint32_t *place = unit != 0                                    ? &options->time
                      : fraction || model_arg_is(call, i, "byint") ? &options->by
                      : model_arg_is(call, i, "lbound")            ? &options->lowest
                      : model_arg_is(call, i, "ubound")            ? &options->highest
                                                                   : NULL;
    if (place == NULL || *place != 0 || i + 1 == call->argc)
        return false;
    options->unit = unit != 0 ? unit : options->unit;
    options->fraction = options->fraction || fraction;
    *place = ++*index;
    return true;
}

// False after an error.
static bool options_read(struct model_call *call, struct options *options)
{
    *options = (struct options){0};
    for (uint32_t i = 2; i < call->argc; i++) {
        if (option_take(call, options, &i) &&
            !(options->persist && (options->time != 0 || options->enx)))
            continue;
        model_reply_syntax(call);
        return false;
    }
    if (!options->enx || options->time != 0)
        return true;
    model_reply_error(call, "ERR ENX flag requires an expiration");
    return false;
}

// The expiry that the key gets. False after an error.
static bool expiry_after(struct model_call *call, const struct options *options,
                         const struct model_key *key, int64_t *expiry_ms)
{
    int64_t before = key != NULL ? key->state.expiry_ms : 0;
    *expiry_ms = options->persist ? 0 : before;
    if (options->time == 0)
        return true;
    if (!model_arg_expiry(call, options->time, options->unit, expiry_ms))
        return false;
    if (options->enx && before != 0)
        *expiry_ms = before;
    return true;
}

static void store(struct model_call *call, struct model_key *key, const char *text, uint32_t length,
                  int64_t expiry_ms)
{
    if (expiry_ms == 0 || expiry_ms > call->now_ms)
        model_call_set(call, 1, text, length, expiry_ms);
    else if (key != NULL)
        model_call_delete(call, key);
}

static bool bounds_right(struct model_call *call, bool right)
{
    if (!right)
        model_reply_error(call, "ERR LBOUND can't be greater than UBOUND");
    return right;
}

// --- integers --------------------------------------------------------------------------------

static bool integer_read(struct model_call *call, uint32_t index, const char *what, int64_t *value)
{
    if (index == 0 || model_text_integer(model_arg(call, index), value))
        return true;
    model_reply_errorf(call, "ERR %s is not an integer or out of range", what);
    return false;
}

static void reply_integers(struct model_call *call, int64_t value, int64_t applied)
{
    model_reply_array(call, 2);
    model_reply_integer(call, value);
    model_reply_integer(call, applied);
}

static void by_integer(struct model_call *call, const struct options *options)
{
    int64_t by = 1;
    int64_t lowest = INT64_MIN;
    int64_t highest = INT64_MAX;
    int64_t expiry_ms;
    int64_t before = 0;
    if (!integer_read(call, options->by, "Increment", &by) ||
        !integer_read(call, options->lowest, "LBOUND", &lowest) ||
        !integer_read(call, options->highest, "UBOUND", &highest) ||
        !bounds_right(call, lowest <= highest))
        return;
    struct model_key *key = model_arg_live(call, 1);
    if (!expiry_after(call, options, key, &expiry_ms))
        return;
    if (key != NULL && !model_text_integer(model_value(key), &before)) {
        model_reply_error(call, "ERR value is not an integer or out of range");
        return;
    }
    int64_t after;
    bool over = __builtin_add_overflow(before, by, &after);
    bool above = over ? by > 0 : after > highest;
    bool below = over ? by < 0 : after < lowest;
    if ((above || below) && !options->saturate) {
        reply_integers(call, before, 0);
        return;
    }
    after = above ? highest : below ? lowest : after;
    if (__builtin_sub_overflow(after, before, &by)) {
        model_reply_error(call, "ERR applied increment would overflow");
        return;
    }
    char text[24];
    store(call, key, text, (uint32_t)model_integer_text(text, after), expiry_ms);
    reply_integers(call, after, by);
}

// --- numbers with a fraction -----------------------------------------------------------------

static bool float_read(struct model_call *call, uint32_t index, const char *what,
                       long double *value)
{
    if (index == 0 || model_text_float(model_arg(call, index), value))
        return true;
    model_reply_errorf(call, "ERR %s is not a valid float", what);
    return false;
}

static void reply_floats(struct model_call *call, long double value, long double applied)
{
    const long double numbers[] = {value, applied};
    char text[MODEL_FLOAT_BYTES];
    model_reply_array(call, 2);
    for (uint32_t i = 0; i < 2; i++)
        model_reply_float(call, text, model_float_text(text, numbers[i]));
}

// What is there. False after an error.
static bool float_before(struct model_call *call, const struct model_key *key, long double *before)
{
    *before = 0;
    if (key == NULL)
        return true;
    if (!model_text_float(model_value(key), before))
        model_reply_error(call, "ERR value is not a valid float");
    else if (isinf(*before))
        model_reply_error(call, "ERR value cannot be Infinity");
    else
        return true;
    return false;
}

// Does the sum lie in its bounds, perhaps put there? False after an answer.
static bool float_bounded(struct model_call *call, const struct options *options,
                          const long double bounds[2], long double before, long double *after)
{
    bool above = *after > bounds[1] || (isinf(*after) && *after > 0);
    bool below = *after < bounds[0] || (isinf(*after) && *after < 0);
    if ((above || below) && !options->saturate) {
        reply_floats(call, before, 0);
        return false;
    }
    if (above || below)
        *after = above ? bounds[1] : bounds[0];
    if (!isinf(*after - before))
        return true;
    model_reply_error(call, "ERR applied increment would be Infinity");
    return false;
}

static void by_float(struct model_call *call, const struct options *options)
{
    long double by = 0;
    long double bounds[2] = {-LDBL_MAX, LDBL_MAX};
    long double before;
    int64_t expiry_ms;
    if (!float_read(call, options->by, "Increment", &by))
        return;
    if (isinf(by)) {
        model_reply_error(call, "ERR BYFLOAT increment cannot be Infinity");
        return;
    }
    if (!float_read(call, options->lowest, "LBOUND", &bounds[0]) ||
        !float_read(call, options->highest, "UBOUND", &bounds[1]) ||
        !bounds_right(call, bounds[0] <= bounds[1]))
        return;
    struct model_key *key = model_arg_live(call, 1);
    if (!expiry_after(call, options, key, &expiry_ms) || !float_before(call, key, &before))
        return;
    long double after = before + by;
    if (!float_bounded(call, options, bounds, before, &after))
        return;
    char text[MODEL_FLOAT_BYTES];
    store(call, key, text, model_float_text(text, after), expiry_ms);
    reply_floats(call, after, after - before);
}

void model_do_increx(struct model_call *call)
{
    struct options options;
    if (!options_read(call, &options))
        return;
    if (options.fraction)
        by_float(call, &options);
    else
        by_integer(call, &options);
}
