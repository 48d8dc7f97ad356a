// The model's commands on bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.
#include "sim/model_internal.h"

#include <stddef.h>
#include <string.h>

// --- single bits -----------------------------------------------------------------------------

// The bit in front is the highest one of the first byte. Behind the end are zeros.
static bool bit_at(struct model_text value, uint64_t offset)
{
    return offset / 8 < value.length && (value.data[offset / 8] >> (7 - offset % 8) & 1) != 0;
}

bool model_bit_offset(struct model_call *call, uint32_t index, uint32_t width, uint64_t *offset)
{
    struct model_text text = model_arg(call, index);
    int64_t number;
    bool scaled = width > 0 && text.length > 0 && text.data[0] == '#';
    if (scaled)
        text = (struct model_text){text.data + 1, text.length - 1};
    if (!model_text_integer(text, &number) ||
        (scaled && __builtin_mul_overflow(number, (int64_t)width, &number)) || number < 0 ||
        number / 8 >= MODEL_VALUE_BYTES_MAX) {
        model_reply_error(call, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *offset = (uint64_t)number;
    return true;
}

void model_do_setbit(struct model_call *call)
{
    uint64_t offset;
    int64_t bit;
    if (!model_bit_offset(call, 2, 0, &offset))
        return;
    if (!model_text_integer(model_arg(call, 3), &bit) || bit < 0 || bit > 1) {
        model_reply_error(call, "ERR bit is not an integer or out of range");
        return;
    }
    struct model_text value = model_value(model_arg_live(call, 1));
    uint32_t place = (uint32_t)(offset / 8);
    uint8_t byte = place < value.length ? value.data[place] : 0;
    uint8_t mask = (uint8_t)(1 << (7 - offset % 8));
    bool before = (byte & mask) != 0;
    uint8_t after = (uint8_t)(bit != 0 ? byte | mask : byte & ~mask);
    // A bit that is right already changes nothing, unless the value becomes longer.
    if (after != byte || place >= value.length)
        model_call_write(call, 1, place, &after, 1,
                         place >= value.length ? place + 1 : value.length);
    else
        model_key_edited(model_arg_changed(call, 1));
    model_reply_integer(call, before);
}

void model_do_getbit(struct model_call *call)
{
    uint64_t offset;
    if (model_bit_offset(call, 2, 0, &offset))
        model_reply_integer(call, bit_at(model_value(model_arg_live(call, 1)), offset));
}

// --- BITCOUNT, BITPOS ------------------------------------------------------------------------

// Bits [from, to), both of them bits of the value.
static uint64_t count_ones(struct model_text value, uint64_t from, uint64_t to)
{
    uint64_t count = 0;
    for (; from < to && from % 8 != 0; from++)
        count += bit_at(value, from);
    for (; from + 8 <= to; from += 8)
        count += (uint64_t)__builtin_popcount(value.data[from / 8]);
    for (; from < to; from++)
        count += bit_at(value, from);
    return count;
}

// The first bit of [from, to) that is like that, or `to`.
static uint64_t find_bit(struct model_text value, uint64_t from, uint64_t to, bool bit)
{
    uint8_t dull = bit ? 0 : 0xff;
    while (from < to && bit_at(value, from) != bit) {
        bool whole = from % 8 == 0 && value.data[from / 8] == dull;
        from += whole ? 8 : 1;
    }
    return from < to ? from : to;
}

// "bit" or "byte". False after an error.
static bool unit_read(struct model_call *call, uint32_t index, bool *bits)
{
    *bits = model_arg_is(call, index, "bit");
    if (*bits || model_arg_is(call, index, "byte"))
        return true;
    model_reply_syntax(call);
    return false;
}

// Both ends inclusive, from the end when below 0. False when nothing is between them.
static bool ends_cut(int64_t *first, int64_t *last, int64_t length)
{
    if (*first < 0)
        *first = *first + length < 0 ? 0 : *first + length;
    if (*last < 0)
        *last = *last + length < 0 ? 0 : *last + length;
    if (*last >= length)
        *last = length - 1;
    return *first <= *last;
}

// Nothing is looked at without a key, and a range that is none ends it all.
void model_do_bitcount(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 1);
    struct model_text value = model_value(key);
    int64_t first = 0;
    int64_t last = -1;
    bool bits = false;
    if (key == NULL) {
        model_reply_integer(call, 0);
        return;
    }
    if (call->argc == 3 || call->argc > 5) {
        model_reply_syntax(call);
        return;
    }
    if (call->argc > 3 &&
        (!model_arg_integer(call, 2, &first) || !model_arg_integer(call, 3, &last)))
        return;
    if (first < 0 && last < 0 && first > last) {
        model_reply_integer(call, 0);
        return;
    }
    if (call->argc == 5 && !unit_read(call, 4, &bits))
        return;
    uint64_t unit = bits ? 1 : 8;
    uint64_t count = 0;
    if (ends_cut(&first, &last, (int64_t)(value.length * (8 / unit))))
        count = count_ones(value, (uint64_t)first * unit, ((uint64_t)last + 1) * unit);
    model_reply_integer(call, (int64_t)count);
}

// The range of BITPOS. False after an error.
static bool bitpos_range(struct model_call *call, int64_t *first, int64_t *last, bool *bits)
{
    *first = 0;
    *last = -1;
    *bits = false;
    if (call->argc > 6) {
        model_reply_syntax(call);
        return false;
    }
    return (call->argc <= 3 || model_arg_integer(call, 3, first)) &&
           (call->argc <= 5 || unit_read(call, 5, bits)) &&
           (call->argc <= 4 || model_arg_integer(call, 4, last));
}

void model_do_bitpos(struct model_call *call)
{
    int64_t bit;
    int64_t first;
    int64_t last;
    bool bits;
    if (!model_arg_integer(call, 2, &bit))
        return;
    if (bit != 0 && bit != 1) {
        model_reply_error(call, "ERR The bit argument must be 1 or 0.");
        return;
    }
    const struct model_key *key = model_arg_live(call, 1);
    struct model_text value = model_value(key);
    if (key == NULL) {
        model_reply_integer(call, bit == 0 ? 0 : -1);
        return;
    }
    if (!bitpos_range(call, &first, &last, &bits))
        return;
    uint64_t unit = bits ? 1 : 8;
    if (!ends_cut(&first, &last, (int64_t)(value.length * (8 / unit)))) {
        model_reply_integer(call, -1);
        return;
    }
    uint64_t end = ((uint64_t)last + 1) * unit;
    uint64_t found = find_bit(value, (uint64_t)first * unit, end, bit != 0);
    // Zeros follow a value, but not an end that was asked for.
    bool none = found == end && (bit == 1 || call->argc > 4);
    model_reply_integer(call, none ? -1 : (int64_t)found);
}

// --- BITOP -----------------------------------------------------------------------------------

static char bitop_of(const struct model_call *call)
{
    static const struct {
        const char *word;
        char sign;
    } words[] = {{"and", '&'}, {"or", '|'}, {"xor", '^'}, {"not", '~'}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (model_arg_is(call, 1, words[i].word))
            return words[i].sign;
    }
    return 0;
}

static void combine(char sign, uint8_t *result, uint32_t length, struct model_text operand)
{
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = i < operand.length ? operand.data[i] : 0;
        if (sign == '&')
            result[i] &= byte;
        else if (sign == '|')
            result[i] |= byte;
        else
            result[i] ^= byte;
    }
}

void model_do_bitop(struct model_call *call)
{
    char sign = bitop_of(call);
    uint32_t length = 0;
    if (sign == 0) {
        model_reply_syntax(call);
        return;
    }
    if (sign == '~' && call->argc != 4) {
        model_reply_error(call, "ERR BITOP NOT must be called with a single source key.");
        return;
    }
    for (uint32_t i = 3; i < call->argc; i++) {
        uint32_t one = model_value(model_arg_live(call, i)).length;
        length = one > length ? one : length;
    }
    model_reply_integer(call, length);
    if (length == 0) {
        struct model_key *key = model_arg_changed(call, 2);
        if (key->state.block != NULL)
            model_call_delete(call, key);
        return;
    }
    uint8_t *result = sim_alloc(length, 1);
    struct model_text first = model_value(model_arg_live(call, 3));
    memcpy(result, first.data, first.length);
    for (uint32_t i = 0; i < length && sign == '~'; i++)
        result[i] = (uint8_t)~result[i];
    for (uint32_t i = 4; i < call->argc; i++)
        combine(sign, result, length, model_value(model_arg_live(call, i)));
    model_call_set(call, 2, result, length, 0);
    model_key_edited(model_arg_changed(call, 2));
    struct bytes done = {.data = result};
    bytes_free(&done);
}
