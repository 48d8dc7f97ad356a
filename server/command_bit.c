// Commands on single bits of a value: SETBIT, GETBIT, BITCOUNT, BITPOS.
#include "server/command_bit.h"

#include "conf/limits.h"
#include "protocol/number.h"
#include "server/call.h"
#include "server/command_handlers.h"
#include "server/command_range.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/bits.h"
#include "storage/entry.h"

// --- arguments -------------------------------------------------------------------------------

bool bit_offset_parse(const struct call *call, struct span text, uint32_t width, uint64_t *offset)
{
    uint64_t limit = (uint64_t)call->server->config.proto_max_bulk_len;
    if (limit > VALUE_BYTES_MAX)
        limit = VALUE_BYTES_MAX;
    bool scaled = width > 0 && text.length > 0 && text.data[0] == '#';
    int64_t number;
    if (!number_parse(text.data + scaled, text.length - scaled, &number) ||
        (scaled && __builtin_mul_overflow(number, (int64_t)width, &number)) || number < 0 ||
        (uint64_t)number / 8 >= limit)
        return false;
    *offset = (uint64_t)number;
    return true;
}

bool bit_offset_read(struct call *call, uint32_t index, uint32_t width, uint64_t *offset)
{
    if (bit_offset_parse(call, call_arg(call, index), width, offset))
        return true;
    resp_error(call->reply, "ERR bit offset is not an integer or out of range");
    return false;
}

// BYTE or BIT in argument `index`. False after an error reply.
static bool bit_unit_read(struct call *call, uint32_t index, bool *bits)
{
    *bits = call_arg_is(call, index, "bit");
    if (*bits || call_arg_is(call, index, "byte"))
        return true;
    call_error_syntax(call);
    return false;
}

// --- SETBIT, GETBIT --------------------------------------------------------------------------

uint64_t command_setbit_reach(struct call *call)
{
    uint64_t offset;
    return bit_offset_parse(call, call_arg(call, 2), 0, &offset) ? offset / 8 + 1 : 0;
}

uint64_t command_setbit_log(struct call *call)
{
    return range_record_bytes(call);
}

void command_setbit(struct call *call)
{
    uint64_t offset;
    int64_t bit;
    if (!bit_offset_read(call, 2, 0, &offset))
        return;
    struct span text = call_arg(call, 3);
    if (!number_parse(text.data, text.length, &bit) || (bit != 0 && bit != 1)) {
        resp_error(call->reply, "ERR bit is not an integer or out of range");
        return;
    }
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, false);
    uint32_t place = (uint32_t)(offset / 8);
    uint8_t byte = 0;
    if (entry != NULL && place < entry_value_length(entry))
        byte = entry_value(entry)[place];
    uint8_t mask = (uint8_t)(0x80 >> offset % 8);
    bool before = (byte & mask) != 0;
    byte = (uint8_t)(bit ? byte | mask : byte & ~mask);
    // A bit that is right already is no change, as in Redis, for those who watch the key.
    if (before == (bit != 0) && entry != NULL && place < entry_value_length(entry))
        entry_mark_edited(entry);
    else if (!range_write(call, &key, entry, place, &byte, 1))
        return;
    resp_integer(call->reply, before);
}

void command_getbit(struct call *call)
{
    uint64_t offset;
    if (!bit_offset_read(call, 2, 0, &offset))
        return;
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, true);
    uint64_t bit = 0;
    if (entry != NULL)
        bit = bits_read(entry_value(entry), entry_value_length(entry), offset, 1);
    resp_integer(call->reply, (int64_t)bit);
}

// --- BITCOUNT --------------------------------------------------------------------------------

// As in Redis arguments are looked at only when there is a key, and a range that ends before it
// begins counts nothing, whatever follows it.
void command_bitcount(struct call *call)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, true);
    if (entry == NULL) {
        resp_integer(call->reply, 0);
        return;
    }
    int64_t length = entry_value_length(entry);
    int64_t first = 0;
    int64_t last = -1;
    bool bits = false;
    if (call->argc != 2 && call->argc != 4 && call->argc != 5) {
        call_error_syntax(call);
        return;
    }
    if (call->argc > 2 && (!call_arg_integer(call, 2, &first) || !call_arg_integer(call, 3, &last)))
        return;
    if (call->argc == 5 && !(first < 0 && last < 0 && first > last) &&
        !bit_unit_read(call, 4, &bits))
        return;
    uint64_t count = 0;
    if (range_cut(&first, &last, bits ? length * 8 : length)) {
        uint64_t unit = bits ? 1 : 8;
        count = bits_count_between(entry_value(entry), (uint64_t)first * unit,
                                   (uint64_t)last * unit + unit - 1);
    }
    resp_integer(call->reply, (int64_t)count);
}

// --- BITPOS ----------------------------------------------------------------------------------

// The range of a value of this many bytes that is asked for. False after a reply.
static bool bitpos_range(struct call *call, int64_t length, int64_t *first, int64_t *last,
                         bool *bits)
{
    *first = 0;
    *last = -1;
    *bits = false;
    if (call->argc > 6) {
        call_error_syntax(call);
        return false;
    }
    if ((call->argc > 3 && !call_arg_integer(call, 3, first)) ||
        (call->argc > 5 && !bit_unit_read(call, 5, bits)) ||
        (call->argc > 4 && !call_arg_integer(call, 4, last)))
        return false;
    int64_t total = *bits ? length * 8 : length;
    // Here, other than where bits are counted, both ends may be before the beginning.
    if (*first < 0)
        *first = *first + total < 0 ? 0 : *first + total;
    if (*last < 0)
        *last = *last + total < 0 ? 0 : *last + total;
    if (*last >= total)
        *last = total - 1;
    if (*first <= *last)
        return true;
    resp_integer(call->reply, -1);
    return false;
}

void command_bitpos(struct call *call)
{
    int64_t bit;
    if (!call_arg_integer(call, 2, &bit))
        return;
    if (bit != 0 && bit != 1) {
        resp_error(call->reply, "ERR The bit argument must be 1 or 0.");
        return;
    }
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, true);
    if (entry == NULL) {
        // Zeros without end.
        resp_integer(call->reply, bit ? -1 : 0);
        return;
    }
    int64_t first;
    int64_t last;
    bool bits;
    if (!bitpos_range(call, entry_value_length(entry), &first, &last, &bits))
        return;
    uint64_t unit = bits ? 1 : 8;
    uint64_t end = (uint64_t)last * unit + unit - 1;
    uint64_t found = bits_find_between(entry_value(entry), (uint64_t)first * unit, end, bit != 0);
    // Behind a value are zeros, but not behind a range whose end was given.
    bool absent = found > end && (bit != 0 || call->argc > 4);
    resp_integer(call->reply, absent ? -1 : (int64_t)found);
}
