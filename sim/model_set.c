// The model's commands that set one value, or delete it, under conditions: SET and its older forms,
// GETSET, DELEX, DELIFEQ, DIGEST.
#include "sim/model_internal.h"

#include <stdio.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

// --- conditions ------------------------------------------------------------------------------

// What the present value has to be. IF... have an argument.
enum condition { ALWAYS, IF_ABSENT, IF_THERE, IF_EQUAL, IF_OTHER, IF_DIGEST, IF_OTHER_DIGEST };

static enum condition condition_of(const struct model_call *call, uint32_t index)
{
    static const char *const words[] = {
        [IF_ABSENT] = "nx",  [IF_THERE] = "xx",     [IF_EQUAL] = "ifeq",
        [IF_OTHER] = "ifne", [IF_DIGEST] = "ifdeq", [IF_OTHER_DIGEST] = "ifdne",
    };
    enum condition condition = IF_OTHER_DIGEST;
    while (condition > ALWAYS && !model_arg_is(call, index, words[condition]))
        condition--;
    return condition;
}

static bool condition_has_digest(enum condition condition)
{
    return condition == IF_DIGEST || condition == IF_OTHER_DIGEST;
}

static void digest_text(struct model_text value, char text[17])
{
    snprintf(text, 17, "%016llx", (unsigned long long)XXH3_64bits(value.data, value.length));
}

// A digest has to be one only where it is looked at. False after an error.
static bool condition_right(struct model_call *call, enum condition condition, uint32_t index,
                            const struct model_key *key)
{
    if (key == NULL || !condition_has_digest(condition) || model_arg(call, index).length == 16)
        return true;
    model_reply_error(call, "ERR must be exactly 16 hexadecimal characters");
    return false;
}

static bool condition_met(const struct model_call *call, enum condition condition, uint32_t index,
                          const struct model_key *key)
{
    char digest[17];
    switch (condition) {
    case ALWAYS:
        return true;
    case IF_ABSENT:
        return key == NULL;
    case IF_THERE:
        return key != NULL;
    case IF_EQUAL:
        return key != NULL && model_text_equal(model_value(key), model_arg(call, index));
    case IF_OTHER:
        return key == NULL || !model_text_equal(model_value(key), model_arg(call, index));
    case IF_DIGEST:
    case IF_OTHER_DIGEST:
        if (key == NULL)
            return condition == IF_OTHER_DIGEST;
        digest_text(model_value(key), digest);
        return model_text_is(model_arg(call, index), digest) == (condition == IF_DIGEST);
    }
    return false;
}

// --- SET -------------------------------------------------------------------------------------

struct set_options {
    enum condition condition;
    uint32_t operand; // index of its argument
    bool get, keep;
    char unit;       // of the expiry, 0 none
    uint32_t number; // index of its argument
};

// Takes the option at *index, which moves on to its last argument.
static bool set_option(const struct model_call *call, struct set_options *options, uint32_t *index)
{
    uint32_t i = *index;
    char unit = model_arg_unit(call, i);
    enum condition condition = condition_of(call, i);
    bool more = i + 1 < call->argc;
    if (model_arg_is(call, i, "get")) {
        options->get = true;
    } else if (model_arg_is(call, i, "keepttl")) {
        options->keep = true;
    } else if (condition == IF_ABSENT || condition == IF_THERE) {
        // The same may come again.
        if (options->condition != ALWAYS && options->condition != condition)
            return false;
        options->condition = condition;
    } else if (condition != ALWAYS && more && options->condition == ALWAYS) {
        options->condition = condition;
        options->operand = ++*index;
    } else if (unit != 0 && more && (options->unit == 0 || options->unit == unit)) {
        // The same unit may come again, the last number counts.
        options->unit = unit;
        options->number = ++*index;
    } else {
        return false;
    }
    return !options->keep || options->unit == 0;
}

static bool set_options(const struct model_call *call, struct set_options *options)
{
    *options = (struct set_options){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        if (!set_option(call, options, &i))
            return false;
    }
    return true;
}

void model_do_set(struct model_call *call)
{
    struct set_options options;
    int64_t expiry_ms = 0;
    if (!set_options(call, &options)) {
        model_reply_syntax(call);
        return;
    }
    if (options.unit != 0 && !model_arg_expiry(call, options.number, options.unit, &expiry_ms))
        return;
    const struct model_key *key = NULL;
    if (options.condition != ALWAYS || options.get || options.keep)
        key = model_arg_live(call, 1);
    if (!condition_right(call, options.condition, options.operand, key))
        return;
    if (options.get)
        model_reply_value(call, key);
    if (!condition_met(call, options.condition, options.operand, key)) {
        if (!options.get)
            model_reply_null(call);
        return;
    }
    if (options.keep && key != NULL)
        expiry_ms = key->state.expiry_ms;
    struct model_text value = model_arg(call, 2);
    model_call_set(call, 1, value.data, value.length, expiry_ms);
    if (!options.get)
        model_reply_ok(call);
}

// --- its older forms -------------------------------------------------------------------------

void model_do_setnx(struct model_call *call)
{
    bool absent = model_arg_live(call, 1) == NULL;
    struct model_text value = model_arg(call, 2);
    if (absent)
        model_call_set(call, 1, value.data, value.length, 0);
    model_reply_integer(call, absent);
}

static void set_for(struct model_call *call, char unit)
{
    int64_t expiry_ms;
    if (!model_arg_expiry(call, 2, unit, &expiry_ms))
        return;
    struct model_text value = model_arg(call, 3);
    model_call_set(call, 1, value.data, value.length, expiry_ms);
    model_reply_ok(call);
}

void model_do_setex(struct model_call *call)
{
    set_for(call, 'e');
}

void model_do_psetex(struct model_call *call)
{
    set_for(call, 'p');
}

void model_do_getset(struct model_call *call)
{
    struct model_text value = model_arg(call, 2);
    model_reply_value(call, model_arg_live(call, 1));
    model_call_set(call, 1, value.data, value.length, 0);
}

// --- DELEX, DELIFEQ, DIGEST ------------------------------------------------------------------

static void delete_if(struct model_call *call, struct model_key *key, enum condition condition,
                      uint32_t index)
{
    if (!condition_right(call, condition, index, key))
        return;
    bool deletes = key != NULL && condition_met(call, condition, index, key);
    if (deletes)
        model_call_delete(call, key);
    model_reply_integer(call, deletes);
}

void model_do_delex(struct model_call *call)
{
    if (call->argc != 2 && call->argc != 4) {
        model_reply_arity(call);
        return;
    }
    struct model_key *key = model_arg_live(call, 1);
    enum condition condition = call->argc == 4 ? condition_of(call, 2) : ALWAYS;
    if (key != NULL && call->argc == 4 && condition < IF_EQUAL)
        model_reply_error(call, "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    else
        delete_if(call, key, condition, 3);
}

void model_do_delifeq(struct model_call *call)
{
    delete_if(call, model_arg_live(call, 1), IF_EQUAL, 2);
}

void model_do_digest(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 1);
    char text[17];
    if (key == NULL) {
        model_reply_null(call);
        return;
    }
    digest_text(model_value(key), text);
    model_reply_bulk(call, text, 16);
}
