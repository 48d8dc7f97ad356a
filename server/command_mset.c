// Commands that set several values, all or none: MSET, MSETNX, MSETEX.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/command_docs.h"
#include "server/commands.h"
#include "server/condition.h"
#include "server/data.h"
#include "server/expiry.h"
#include "server/server.h"
#include "storage/entry.h"

#include <assert.h>
#include <limits.h>

// Pairs of a key and a value.
struct pairs {
    uint32_t first; // index of the first key
    uint32_t end;   // index after the last value
    bool keep_expiry;
    int64_t expiry_ms; // 0: none
};

// Memory that all pairs need: what the database grows by, and one block more, since a new value is
// written before the old one is freed.
static uint64_t pairs_bytes(struct call *call, const struct pairs *pairs)
{
    uint64_t growth = 0;
    uint64_t largest = 0;
    for (uint32_t i = pairs->first; i < pairs->end; i += 2) {
        struct key key = call_key(call, i);
        // A large value lies in the block that becomes the entry already.
        if (data_adoptable(call, &key, i + 1))
            continue;
        const struct entry *old = keyspace_find(call->server->keyspace, &key);
        bool expires =
            pairs->expiry_ms != 0 || (pairs->keep_expiry && old != NULL && entry_expiry(old) != 0);
        uint64_t bytes = keyspace_entry_bytes(key.length, call->args[i + 1].length, expires);
        uint64_t before = 0;
        if (old != NULL)
            before =
                keyspace_entry_bytes(key.length, entry_value_length(old), entry_expiry(old) != 0);
        if (bytes > before)
            growth += bytes - before;
        if (old != NULL && bytes > largest)
            largest = bytes;
    }
    return growth + largest;
}

// False after an error reply, nothing has changed then.
static bool pairs_set(struct call *call, const struct pairs *pairs)
{
    // All or nothing: room for every pair is made sure of first.
    if (!data_room(call, pairs_bytes(call, pairs)))
        return false;
    for (uint32_t i = pairs->first; i < pairs->end; i += 2) {
        struct key key = call_key(call, i);
        int64_t expiry_ms = pairs->expiry_ms;
        if (pairs->keep_expiry) {
            const struct entry *old = data_find(call, &key, false);
            expiry_ms = old != NULL ? entry_expiry(old) : 0;
        }
        if (!data_set(call, &key, i + 1, NULL, 0, expiry_ms))
            return false;
    }
    return true;
}

// Is the condition, NX or XX, true of every key?
static bool pairs_allowed(struct call *call, const struct pairs *pairs, enum condition_kind kind)
{
    if (kind == CONDITION_NONE)
        return true;
    for (uint32_t i = pairs->first; i < pairs->end; i += 2) {
        struct key key = call_key(call, i);
        bool exists = data_find(call, &key, false) != NULL;
        if (exists == (kind == CONDITION_NX))
            return false;
    }
    return true;
}

// All arguments are pairs. False after an error reply.
static bool pairs_all(struct call *call, struct pairs *pairs)
{
    *pairs = (struct pairs){.first = 1, .end = call->argc};
    if (call->argc % 2 != 0)
        return true;
    resp_errorf(call->reply, "ERR wrong number of arguments for '%s' command",
                call->command->doc->name);
    return false;
}

void command_mset(struct call *call)
{
    struct pairs pairs;
    if (pairs_all(call, &pairs) && pairs_set(call, &pairs))
        call_ok(call);
}

void command_msetnx(struct call *call)
{
    struct pairs pairs;
    if (!pairs_all(call, &pairs))
        return;
    if (!pairs_allowed(call, &pairs, CONDITION_NX))
        resp_integer(call->reply, 0);
    else if (pairs_set(call, &pairs))
        resp_integer(call->reply, 1);
}

// --- MSETEX ----------------------------------------------------------------------------------

// How many pairs there are, says the first argument. False after an error reply.
static bool pairs_counted(struct call *call, struct pairs *pairs)
{
    struct span text = call_arg(call, 1);
    int64_t count;
    if (!number_parse(text.data, text.length, &count) || count <= 0 || count > INT_MAX) {
        resp_error(call->reply, "ERR invalid numkeys value");
        return false;
    }
    if (count * 2 > call->argc - 2) {
        resp_error(call->reply, "ERR wrong number of key-value pairs");
        return false;
    }
    *pairs = (struct pairs){.first = 2, .end = 2 + (uint32_t)count * 2};
    return true;
}

// The options behind the pairs. False after an error reply.
static bool pairs_options(struct call *call, struct pairs *pairs, enum condition_kind *kind)
{
    struct expiry_unit unit = {0};
    uint32_t expiry_argument = 0;
    *kind = CONDITION_NONE;
    for (uint32_t i = pairs->end; i < call->argc; i++) {
        struct expiry_unit named;
        if (call_arg_is(call, i, "nx") && *kind != CONDITION_XX) {
            *kind = CONDITION_NX;
        } else if (call_arg_is(call, i, "xx") && *kind != CONDITION_NX) {
            *kind = CONDITION_XX;
        } else if (call_arg_is(call, i, "keepttl") && expiry_argument == 0) {
            pairs->keep_expiry = true;
        } else if (!pairs->keep_expiry && i + 1 < call->argc && expiry_unit_find(call, i, &named) &&
                   (expiry_argument == 0 || expiry_unit_same(&named, &unit))) {
            unit = named;
            expiry_argument = ++i;
        } else {
            call_error_syntax(call);
            return false;
        }
    }
    return expiry_argument == 0 ||
           expiry_read_positive(call, expiry_argument, &unit, &pairs->expiry_ms);
}

void command_msetex(struct call *call)
{
    struct pairs pairs;
    enum condition_kind kind;
    if (!pairs_counted(call, &pairs) || !pairs_options(call, &pairs, &kind))
        return;
    if (!pairs_allowed(call, &pairs, kind))
        resp_integer(call->reply, 0);
    else if (pairs_set(call, &pairs))
        resp_integer(call->reply, 1);
}
