// Conditions under which SET and DELEX do something: what the key's present value must be.
#include "server/condition.h"

#include "server/call.h"
#include "storage/digest.h"
#include "storage/entry.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define DIGEST_TEXT 16

enum condition_kind condition_find(const struct call *call, uint32_t index)
{
    static const struct {
        const char *name;
        enum condition_kind kind;
    } names[] = {
        {"ifeq", CONDITION_IFEQ},
        {"ifne", CONDITION_IFNE},
        {"ifdeq", CONDITION_IFDEQ},
        {"ifdne", CONDITION_IFDNE},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (call_arg_is(call, index, names[i].name))
            return names[i].kind;
    }
    return CONDITION_NONE;
}

bool condition_valid(struct call *call, const struct condition *condition,
                     const struct entry *entry)
{
    bool digest = condition->kind == CONDITION_IFDEQ || condition->kind == CONDITION_IFDNE;
    if (!digest || entry == NULL || call_arg(call, condition->argument).length == DIGEST_TEXT)
        return true;
    resp_error(call->reply, "ERR must be exactly 16 hexadecimal characters");
    return false;
}

static bool value_equals(const struct entry *entry, struct span text)
{
    return entry_value_length(entry) == text.length &&
           memcmp(entry_value(entry), text.data, text.length) == 0;
}

// What is no hexadecimal digit equals no digest.
static bool digest_equals(const struct entry *entry, struct span text)
{
    assert(text.length == DIGEST_TEXT);
    uint64_t digest = digest_of(entry_value(entry), entry_value_length(entry));
    for (uint32_t i = 0; i < DIGEST_TEXT; i++) {
        uint8_t lower = (uint8_t) "0123456789abcdef"[digest >> (60 - 4 * i) & 15];
        uint8_t upper = lower >= 'a' ? (uint8_t)(lower - 'a' + 'A') : lower;
        if (text.data[i] != lower && text.data[i] != upper)
            return false;
    }
    return true;
}

bool condition_holds(const struct call *call, const struct condition *condition,
                     const struct entry *entry)
{
    enum condition_kind kind = condition->kind;
    if (entry == NULL)
        return kind == CONDITION_NONE || kind == CONDITION_NX || kind == CONDITION_IFNE ||
               kind == CONDITION_IFDNE;
    if (kind == CONDITION_NONE || kind == CONDITION_NX || kind == CONDITION_XX)
        return kind != CONDITION_NX;
    struct span text = call_arg(call, condition->argument);
    if (kind == CONDITION_IFEQ || kind == CONDITION_IFNE)
        return value_equals(entry, text) == (kind == CONDITION_IFEQ);
    return digest_equals(entry, text) == (kind == CONDITION_IFDEQ);
}
