// INCRBYFLOAT: adds a floating-point number to the one in a value.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/data.h"
#include "server/long_double.h"
#include "storage/entry.h"

#include <math.h>

uint64_t command_incrbyfloat_reach(struct call *call)
{
    (void)call;
    return LONG_DOUBLE_TEXT_MAX;
}

uint64_t command_incrbyfloat_log(struct call *call)
{
    return command_incrbyfloat_reach(call);
}

void command_incrbyfloat(struct call *call)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, false);
    struct span text = call_arg(call, 2);
    long double value = 0;
    long double difference;
    if ((entry != NULL &&
         !long_double_parse(entry_value(entry), entry_value_length(entry), &value)) ||
        !long_double_parse(text.data, text.length, &difference)) {
        resp_error(call->reply, "ERR value is not a valid float");
        return;
    }
    value += difference;
    if (!isfinite(value)) {
        resp_error(call->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    char result[LONG_DOUBLE_TEXT_MAX];
    uint32_t length = (uint32_t)long_double_format(result, value);
    int64_t expiry_ms = entry != NULL ? entry_expiry(entry) : 0;
    if (data_set(call, &key, 0, result, length, expiry_ms))
        resp_bulk(call->reply, result, length);
}
