// INCREX: adds a number within bounds, and sets the expiry.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/data.h"
#include "server/expiry.h"
#include "server/long_double.h"
#include "storage/entry.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stddef.h>

// --- arguments -------------------------------------------------------------------------------

// Indexes of arguments, 0: not given.
struct increx_options {
    uint32_t increment, lower, upper, expiry;
    bool is_float, saturate, persist, only_without_expiry;
    struct expiry_unit unit;
};

// An option that stands alone, at most once.
static bool increx_flag(const struct call *call, uint32_t index, struct increx_options *options)
{
    bool *flag = NULL;
    if (call_arg_is(call, index, "saturate"))
        flag = &options->saturate;
    else if (call_arg_is(call, index, "persist") && !options->only_without_expiry &&
             options->expiry == 0)
        flag = &options->persist;
    else if (call_arg_is(call, index, "enx") && !options->persist)
        flag = &options->only_without_expiry;
    if (flag == NULL || *flag)
        return false;
    *flag = true;
    return true;
}

// An option with a value behind it, at most once.
static bool increx_pair(const struct call *call, uint32_t index, struct increx_options *options)
{
    uint32_t *value = NULL;
    bool is_float = call_arg_is(call, index, "byfloat");
    if (is_float || call_arg_is(call, index, "byint"))
        value = &options->increment;
    else if (call_arg_is(call, index, "lbound"))
        value = &options->lower;
    else if (call_arg_is(call, index, "ubound"))
        value = &options->upper;
    else if (!options->persist && options->expiry == 0 &&
             expiry_unit_find(call, index, &options->unit))
        value = &options->expiry;
    if (value == NULL || *value != 0 || index + 1 >= call->argc)
        return false;
    *value = index + 1;
    options->is_float = options->is_float || is_float;
    return true;
}

// False after an error reply.
static bool increx_options_read(struct call *call, struct increx_options *options)
{
    *options = (struct increx_options){0};
    for (uint32_t i = 2; i < call->argc; i++) {
        if (increx_flag(call, i, options))
            continue;
        if (!increx_pair(call, i, options)) {
            call_error_syntax(call);
            return false;
        }
        i++;
    }
    if (!options->only_without_expiry || options->expiry != 0)
        return true;
    resp_error(call->reply, "ERR ENX flag requires an expiration");
    return false;
}

// --- the expiry ------------------------------------------------------------------------------

// What becomes of the key: its expiry from now on (0: none).
struct increx_fate {
    int64_t expiry_ms;
    bool over; // has passed already
};

// False after an error reply.
static bool increx_fate(struct call *call, const struct increx_options *options,
                        const struct entry *entry, struct increx_fate *fate)
{
    int64_t before = entry != NULL ? entry_expiry(entry) : 0;
    *fate = (struct increx_fate){.expiry_ms = options->persist ? 0 : before};
    int64_t expiry_ms;
    if (options->expiry == 0)
        return true;
    if (!expiry_read_positive(call, options->expiry, &options->unit, &expiry_ms))
        return false;
    if (options->only_without_expiry && before != 0)
        return true;
    *fate = (struct increx_fate){expiry_ms, expiry_ms <= call->now_ms};
    return true;
}

static bool increx_store(struct call *call, const struct key *key, const struct increx_fate *fate,
                         const char *text, size_t length)
{
    if (!fate->over)
        return data_set(call, key, 0, text, (uint32_t)length, fate->expiry_ms);
    data_delete(call, key);
    return true;
}

// --- integers --------------------------------------------------------------------------------

// Argument `index` (0: `value` stays as it is). False after an error reply.
static bool increx_integer(struct call *call, uint32_t index, const char *what, int64_t *value)
{
    if (index == 0)
        return true;
    struct span text = call_arg(call, index);
    if (number_parse(text.data, text.length, value))
        return true;
    resp_errorf(call->reply, "ERR %s is not an integer or out of range", what);
    return false;
}

static bool increx_bounds_crossed(struct call *call)
{
    resp_error(call->reply, "ERR LBOUND can't be greater than UBOUND");
    return false;
}

struct integers {
    int64_t increment, lower, upper;
};

// False after an error reply.
static bool increx_integers(struct call *call, const struct increx_options *options,
                            struct integers *numbers)
{
    *numbers = (struct integers){1, INT64_MIN, INT64_MAX};
    if (!increx_integer(call, options->increment, "Increment", &numbers->increment) ||
        !increx_integer(call, options->lower, "LBOUND", &numbers->lower) ||
        !increx_integer(call, options->upper, "UBOUND", &numbers->upper))
        return false;
    return numbers->lower <= numbers->upper || increx_bounds_crossed(call);
}

static void increx_reply_integers(struct call *call, int64_t value, int64_t applied)
{
    resp_array(call->reply, 2);
    resp_integer(call->reply, value);
    resp_integer(call->reply, applied);
}

static void increx_by_integer(struct call *call, const struct increx_options *options)
{
    struct integers numbers;
    struct increx_fate fate;
    if (!increx_integers(call, options, &numbers))
        return;
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, false);
    int64_t before = 0;
    if (!increx_fate(call, options, entry, &fate))
        return;
    if (entry != NULL && !number_parse(entry_value(entry), entry_value_length(entry), &before)) {
        resp_error(call->reply, "ERR value is not an integer or out of range");
        return;
    }
    __int128 after = (__int128)before + numbers.increment;
    if (after < numbers.lower || after > numbers.upper) {
        if (!options->saturate) {
            increx_reply_integers(call, before, 0);
            return;
        }
        after = after > numbers.upper ? numbers.upper : numbers.lower;
    }
    int64_t applied;
    if (__builtin_sub_overflow((int64_t)after, before, &applied)) {
        resp_error(call->reply, "ERR applied increment would overflow");
        return;
    }
    char text[NUMBER_TEXT_MAX];
    size_t length = number_format(text, (int64_t)after);
    if (increx_store(call, &key, &fate, text, length))
        increx_reply_integers(call, (int64_t)after, applied);
}

// --- floating-point numbers ------------------------------------------------------------------

// Argument `index` (0: `value` stays as it is). False after an error reply.
static bool increx_float(struct call *call, uint32_t index, const char *what, long double *value)
{
    if (index == 0)
        return true;
    struct span text = call_arg(call, index);
    if (long_double_parse(text.data, text.length, value))
        return true;
    resp_errorf(call->reply, "ERR %s is not a valid float", what);
    return false;
}

struct floats {
    long double increment, lower, upper;
};

// False after an error reply. Bounds may be infinite.
static bool increx_floats(struct call *call, const struct increx_options *options,
                          struct floats *numbers)
{
    *numbers = (struct floats){0, -LDBL_MAX, LDBL_MAX};
    if (!increx_float(call, options->increment, "Increment", &numbers->increment))
        return false;
    if (isinf(numbers->increment)) {
        resp_error(call->reply, "ERR BYFLOAT increment cannot be Infinity");
        return false;
    }
    if (!increx_float(call, options->lower, "LBOUND", &numbers->lower) ||
        !increx_float(call, options->upper, "UBOUND", &numbers->upper))
        return false;
    return numbers->lower <= numbers->upper || increx_bounds_crossed(call);
}

// The value that is there. False after an error reply.
static bool increx_float_before(struct call *call, const struct entry *entry, long double *before)
{
    *before = 0;
    if (entry == NULL)
        return true;
    const char *error = NULL;
    if (!long_double_parse(entry_value(entry), entry_value_length(entry), before))
        error = "ERR value is not a valid float";
    else if (isinf(*before))
        error = "ERR value cannot be Infinity";
    if (error != NULL)
        resp_error(call->reply, error);
    return error == NULL;
}

// RESP3 has numbers with a fraction; RESP2 takes text for them.
static void increx_reply_float(struct call *call, long double value)
{
    char text[LONG_DOUBLE_TEXT_MAX];
    size_t length = long_double_format(text, value);
    if (call->reply->version < 3) {
        resp_bulk(call->reply, text, length);
        return;
    }
    resp_write(call->reply, ",", 1);
    resp_write(call->reply, text, length);
    resp_write(call->reply, "\r\n", 2);
}

static void increx_reply_floats(struct call *call, long double value, long double applied)
{
    resp_array(call->reply, 2);
    increx_reply_float(call, value);
    increx_reply_float(call, applied);
}

static void increx_by_float(struct call *call, const struct increx_options *options)
{
    struct floats numbers;
    struct increx_fate fate;
    long double before;
    if (!increx_floats(call, options, &numbers))
        return;
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, false);
    if (!increx_fate(call, options, entry, &fate) || !increx_float_before(call, entry, &before))
        return;
    long double after = before + numbers.increment;
    if (after < numbers.lower || after > numbers.upper || isinf(after)) {
        if (!options->saturate) {
            increx_reply_floats(call, before, 0);
            return;
        }
        after =
            after > numbers.upper || (isinf(after) && after > 0) ? numbers.upper : numbers.lower;
    }
    long double applied = after - before;
    if (isinf(applied)) {
        resp_error(call->reply, "ERR applied increment would be Infinity");
        return;
    }
    char text[LONG_DOUBLE_TEXT_MAX];
    size_t length = long_double_format(text, after);
    if (increx_store(call, &key, &fate, text, length))
        increx_reply_floats(call, after, applied);
}

// --- the command -----------------------------------------------------------------------------

uint64_t command_increx_reach(struct call *call)
{
    (void)call;
    return LONG_DOUBLE_TEXT_MAX;
}

uint64_t command_increx_log(struct call *call)
{
    return command_increx_reach(call);
}

void command_increx(struct call *call)
{
    struct increx_options options;
    if (!increx_options_read(call, &options))
        return;
    if (options.is_float)
        increx_by_float(call, &options);
    else
        increx_by_integer(call, &options);
}
