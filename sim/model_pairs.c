// The model's commands that set several values at once: MSET, MSETNX, MSETEX.
#include "sim/model_internal.h"

#include <limits.h>

// Arguments [first, end): a key, its value, a key ...
struct pairs {
    uint32_t first;
    uint32_t end;
    bool nx, xx, keep;
    char unit;       // of the expiry, 0 none
    uint32_t number; // index of its argument
    int64_t expiry_ms;
};

// Looks no further than the first key that decides.
static bool pairs_allowed(struct model_call *call, const struct pairs *pairs)
{
    for (uint32_t i = pairs->first; i < pairs->end && (pairs->nx || pairs->xx); i += 2) {
        bool there = model_arg_live(call, i) != NULL;
        if (there ? pairs->nx : pairs->xx)
            return false;
    }
    return true;
}

static void pairs_set(struct model_call *call, const struct pairs *pairs)
{
    for (uint32_t i = pairs->first; i < pairs->end; i += 2) {
        struct model_text value = model_arg(call, i + 1);
        const struct model_key *key = pairs->keep ? model_arg_live(call, i) : NULL;
        model_call_set(call, i, value.data, value.length,
                       key != NULL ? key->state.expiry_ms : pairs->expiry_ms);
    }
}

void model_do_mset(struct model_call *call)
{
    struct pairs pairs = {.first = 1, .end = call->argc};
    if (call->argc % 2 == 0) {
        model_reply_arity(call);
        return;
    }
    pairs_set(call, &pairs);
    model_reply_ok(call);
}

static void set_allowed(struct model_call *call, const struct pairs *pairs)
{
    bool allowed = pairs_allowed(call, pairs);
    if (allowed)
        pairs_set(call, pairs);
    model_reply_integer(call, allowed);
}

void model_do_msetnx(struct model_call *call)
{
    struct pairs pairs = {.first = 1, .end = call->argc, .nx = true};
    if (call->argc % 2 == 0)
        model_reply_arity(call);
    else
        set_allowed(call, &pairs);
}

// --- MSETEX ----------------------------------------------------------------------------------

// False after an error.
static bool pairs_count(struct model_call *call, struct pairs *pairs)
{
    int64_t count;
    if (!model_text_integer(model_arg(call, 1), &count) || count < 1 || count > INT_MAX) {
        model_reply_error(call, "ERR invalid numkeys value");
        return false;
    }
    if (2 * count > (int64_t)call->argc - 2) {
        model_reply_error(call, "ERR wrong number of key-value pairs");
        return false;
    }
    *pairs = (struct pairs){.first = 2, .end = 2 + 2 * (uint32_t)count};
    return true;
}

// The options behind the pairs.
static bool pairs_options(const struct model_call *call, struct pairs *pairs)
{
    for (uint32_t i = pairs->end; i < call->argc; i++) {
        char unit = model_arg_unit(call, i);
        if (model_arg_is(call, i, "nx")) {
            pairs->nx = true;
        } else if (model_arg_is(call, i, "xx")) {
            pairs->xx = true;
        } else if (model_arg_is(call, i, "keepttl")) {
            pairs->keep = true;
        } else if (unit != 0 && i + 1 < call->argc && (pairs->unit == 0 || pairs->unit == unit)) {
            pairs->unit = unit;
            pairs->number = ++i;
        } else {
            return false;
        }
        if ((pairs->nx && pairs->xx) || (pairs->keep && pairs->unit != 0))
            return false;
    }
    return true;
}

void model_do_msetex(struct model_call *call)
{
    struct pairs pairs;
    if (!pairs_count(call, &pairs))
        return;
    if (!pairs_options(call, &pairs))
        model_reply_syntax(call);
    else if (pairs.unit == 0 || model_arg_expiry(call, pairs.number, pairs.unit, &pairs.expiry_ms))
        set_allowed(call, &pairs);
}
