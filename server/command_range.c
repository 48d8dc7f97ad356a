// Commands on a part of a value: GETRANGE, SUBSTR, SETRANGE; and what all commands need that may
// make a value longer than their arguments.
#include "server/command_range.h"

#include "conf/limits.h"
#include "protocol/number.h"
#include "server/call.h"
#include "server/command_handlers.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/reply.h"
#include "server/server.h"
#include "storage/entry.h"
#include "wal/record.h"

// --- GETRANGE --------------------------------------------------------------------------------

bool range_cut(int64_t *first, int64_t *last, int64_t length)
{
    if (*first < 0 && *last < 0 && *first > *last)
        return false;
    if (*first < 0)
        *first += length;
    if (*last < 0)
        *last += length;
    if (*first < 0)
        *first = 0;
    if (*last < 0)
        *last = 0;
    if (*last >= length)
        *last = length - 1;
    return *first <= *last;
}

void command_getrange(struct call *call)
{
    int64_t first;
    int64_t last;
    if (!call_arg_integer(call, 2, &first) || !call_arg_integer(call, 3, &last))
        return;
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, true);
    if (entry != NULL && range_cut(&first, &last, entry_value_length(entry)))
        reply_part(&call->connection->reply, entry, (uint32_t)first, (uint32_t)(last - first + 1));
    else
        resp_bulk(call->reply, "", 0);
}

void command_substr(struct call *call)
{
    command_getrange(call);
}

// --- growing ---------------------------------------------------------------------------------

bool range_allowed(struct call *call, uint64_t total)
{
    if (total <= (uint64_t)call->server->config.proto_max_bulk_len && total <= VALUE_BYTES_MAX)
        return true;
    resp_error(call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

bool range_write(struct call *call, const struct key *key, struct entry *entry, uint32_t offset,
                 const void *data, uint32_t length)
{
    uint32_t total = offset + length;
    if (entry == NULL)
        return data_write_new(call, key, offset, data, length, total);
    uint32_t before = entry_value_length(entry);
    return data_write(call, key, entry, offset, data, length, total > before ? total : before);
}

uint64_t range_record_bytes(const struct call *call)
{
    return (uint64_t)call->args[1].length + WAL_RECORD_OVERHEAD_MAX;
}

// --- SETRANGE --------------------------------------------------------------------------------

uint64_t command_setrange_reach(struct call *call)
{
    struct span text = call_arg(call, 2);
    int64_t offset;
    bool valid = number_parse(text.data, text.length, &offset) && offset >= 0 &&
                 (uint64_t)offset + call->args[3].length <= VALUE_BYTES_MAX;
    return valid ? (uint64_t)offset : 0;
}

uint64_t command_setrange_log(struct call *call)
{
    return range_record_bytes(call);
}

void command_setrange(struct call *call)
{
    int64_t offset;
    if (!call_arg_integer(call, 2, &offset))
        return;
    if (offset < 0) {
        resp_error(call->reply, "ERR offset is out of range");
        return;
    }
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, false);
    struct span value = call_arg(call, 3);
    uint32_t before = entry != NULL ? entry_value_length(entry) : 0;
    if (value.length == 0) {
        resp_integer(call->reply, before);
        return;
    }
    uint64_t total = (uint64_t)offset + value.length;
    if (!range_allowed(call, total))
        return;
    if (range_write(call, &key, entry, (uint32_t)offset, value.data, value.length))
        resp_integer(call->reply, total > before ? (int64_t)total : before);
}
