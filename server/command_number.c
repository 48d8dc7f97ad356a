// Commands on integers: INCR, DECR, INCRBY, DECRBY.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/data.h"
#include "storage/entry.h"

static void number_add(struct call *call, int64_t difference)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, false);
    int64_t value = 0;
    int64_t expiry_ms = 0;
    if (entry != NULL) {
        if (!number_parse(entry_value(entry), entry_value_length(entry), &value)) {
            resp_error(call->reply, "ERR value is not an integer or out of range");
            return;
        }
        expiry_ms = entry_expiry(entry);
    }
    if (__builtin_add_overflow(value, difference, &value)) {
        resp_error(call->reply, "ERR increment or decrement would overflow");
        return;
    }
    char text[NUMBER_TEXT_MAX];
    uint32_t length = (uint32_t)number_format(text, value);
    if (data_set(call, &key, 0, text, length, expiry_ms))
        resp_integer(call->reply, value);
}

void command_incr(struct call *call)
{
    number_add(call, 1);
}

void command_decr(struct call *call)
{
    number_add(call, -1);
}

void command_incrby(struct call *call)
{
    int64_t difference;
    if (call_arg_integer(call, 2, &difference))
        number_add(call, difference);
}

void command_decrby(struct call *call)
{
    int64_t difference;
    if (!call_arg_integer(call, 2, &difference))
        return;
    if (difference == INT64_MIN) {
        resp_error(call->reply, "ERR decrement would overflow");
        return;
    }
    number_add(call, -difference);
}
