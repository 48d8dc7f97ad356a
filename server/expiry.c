// Expiry times in arguments: units, and how a number becomes an absolute time.
#include "server/expiry.h"

#include "server/call.h"
#include "server/command_docs.h"
#include "server/commands.h"

#include <assert.h>
#include <stddef.h>

bool expiry_unit_find(const struct call *call, uint32_t index, struct expiry_unit *unit)
{
    static const struct {
        const char *name;
        struct expiry_unit unit;
    } units[] = {
        {"ex", {.seconds = true}},
        {"px", {.seconds = false}},
        {"exat", {.seconds = true, .absolute = true}},
        {"pxat", {.absolute = true}},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (call_arg_is(call, index, units[i].name)) {
            *unit = units[i].unit;
            return true;
        }
    }
    return false;
}

bool expiry_unit_same(const struct expiry_unit *a, const struct expiry_unit *b)
{
    return a->seconds == b->seconds && a->absolute == b->absolute;
}

static bool expiry_invalid(struct call *call)
{
    resp_errorf(call->reply, "ERR invalid expire time in '%s' command", call->command->doc->name);
    return false;
}

static bool expiry_absolute(struct call *call, int64_t number, const struct expiry_unit *unit,
                            int64_t *ms)
{
    assert(call->now_ms > 0);
    if (unit->seconds && __builtin_mul_overflow(number, (int64_t)1000, &number))
        return expiry_invalid(call);
    if (!unit->absolute && __builtin_add_overflow(number, call->now_ms, &number))
        return expiry_invalid(call);
    *ms = number;
    return true;
}

bool expiry_read(struct call *call, uint32_t index, const struct expiry_unit *unit, int64_t *ms)
{
    int64_t number;
    return call_arg_integer(call, index, &number) && expiry_absolute(call, number, unit, ms);
}

bool expiry_read_positive(struct call *call, uint32_t index, const struct expiry_unit *unit,
                          int64_t *ms)
{
    int64_t number;
    if (!call_arg_integer(call, index, &number))
        return false;
    if (number <= 0)
        return expiry_invalid(call);
    return expiry_absolute(call, number, unit, ms);
}
