// BITFIELD and BITFIELD_RO: values as fields of numbers of any width.
#include "server/command_handlers.h"

#include "conf/limits.h"
#include "protocol/number.h"
#include "server/call.h"
#include "server/command_bit.h"
#include "server/command_range.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/bits.h"
#include "storage/entry.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum field_kind { FIELD_GET, FIELD_SET, FIELD_INCREASE };
enum field_overflow { OVERFLOW_WRAP, OVERFLOW_SATURATE, OVERFLOW_FAIL };

// One operation.
struct field {
    enum field_kind kind;
    enum field_overflow overflow; // the last one that was named
    bool is_signed;
    uint32_t width;
    uint64_t offset;
    int64_t number; // SET, INCRBY
};

// --- arguments -------------------------------------------------------------------------------

// "u8", "i64" ... False when it is none.
static bool field_type_parse(struct span text, struct field *field)
{
    int64_t width;
    if (text.length < 2 || (text.data[0] != 'i' && text.data[0] != 'u') ||
        !number_parse(text.data + 1, text.length - 1, &width))
        return false;
    field->is_signed = text.data[0] == 'i';
    field->width = (uint32_t)width;
    return width >= 1 && width <= (field->is_signed ? 64 : 63);
}

static bool field_overflow_read(struct call *call, uint32_t index, enum field_overflow *overflow)
{
    static const char *const names[] = {
        [OVERFLOW_WRAP] = "wrap", [OVERFLOW_SATURATE] = "sat", [OVERFLOW_FAIL] = "fail"};
    for (*overflow = OVERFLOW_WRAP; *overflow <= OVERFLOW_FAIL; (*overflow)++) {
        if (call_arg_is(call, index, names[*overflow]))
            return true;
    }
    resp_error(call->reply, "ERR Invalid OVERFLOW type specified");
    return false;
}

// How many arguments an operation has with its name, 0 for an unknown name.
static uint32_t field_kind_find(const struct call *call, uint32_t index, enum field_kind *kind)
{
    if (call_arg_is(call, index, "get"))
        *kind = FIELD_GET;
    else if (call_arg_is(call, index, "set"))
        *kind = FIELD_SET;
    else if (call_arg_is(call, index, "incrby"))
        *kind = FIELD_INCREASE;
    else
        return 0;
    return *kind == FIELD_GET ? 3 : 4;
}

// Reads OVERFLOWs and the operation behind them, from *index on. False after the last one and after
// an error reply (*failed).
static bool field_next(struct call *call, uint32_t *index, struct field *field, bool *failed)
{
    *failed = true;
    while (*index + 1 < call->argc && call_arg_is(call, *index, "overflow")) {
        if (!field_overflow_read(call, *index + 1, &field->overflow))
            return false;
        *index += 2;
    }
    if (*index >= call->argc) {
        *failed = false;
        return false;
    }
    uint32_t count = field_kind_find(call, *index, &field->kind);
    if (count == 0 || *index + count > call->argc) {
        call_error_syntax(call);
        return false;
    }
    if (!field_type_parse(call_arg(call, *index + 1), field)) {
        resp_error(call->reply, "ERR Invalid bitfield type. Use something like i16 u8. Note that "
                                "u64 is not supported but i64 is.");
        return false;
    }
    if (!bit_offset_read(call, *index + 2, field->width, &field->offset) ||
        (field->kind != FIELD_GET && !call_arg_integer(call, *index + 3, &field->number)))
        return false;
    *index += count;
    *failed = false;
    return true;
}

// What all operations are about.
struct fields {
    size_t count;
    uint32_t reach; // bytes up to the last one that is written, 0: nothing is
};

// Checks all arguments. False after an error reply.
static bool fields_read(struct call *call, struct fields *fields)
{
    struct field field = {0};
    uint32_t index = 2;
    bool failed;
    *fields = (struct fields){0};
    while (field_next(call, &index, &field, &failed)) {
        fields->count++;
        uint64_t end = (field.offset + field.width + 7) / 8;
        if (field.kind != FIELD_GET && end > fields->reach)
            fields->reach = (uint32_t)end;
    }
    if (failed)
        return false;
    // An offset is within the longest value, its number's end may be behind it.
    if (fields->reach > VALUE_BYTES_MAX) {
        resp_error(call->reply, "ERR bit offset is not an integer or out of range");
        return false;
    }
    return true;
}

// --- numbers ---------------------------------------------------------------------------------

// The number that `bits` stand for.
static __int128 field_number(const struct field *field, uint64_t bits)
{
    if (!field->is_signed)
        return bits;
    uint32_t unused = 64 - field->width;
    return (int64_t)(bits << unused) >> unused;
}

// Puts `wanted` into the field's range as OVERFLOW says. False when it is to fail.
static bool field_fit(const struct field *field, __int128 wanted, uint64_t *bits)
{
    uint32_t places = field->is_signed ? field->width - 1 : field->width;
    __int128 highest = ((__int128)1 << places) - 1;
    __int128 lowest = field->is_signed ? -highest - 1 : 0;
    *bits = (uint64_t)wanted & UINT64_MAX >> (64 - field->width);
    if (wanted >= lowest && wanted <= highest)
        return true;
    // As in Redis, which reckons with 64 bits: a number to be set that is further below than they
    // reach counts as too high.
    bool far = field->kind == FIELD_SET && field->is_signed && wanted < highest - INT64_MAX;
    bool high = wanted > highest || far;
    if (field->overflow == OVERFLOW_SATURATE)
        *bits = (uint64_t)(high ? highest : lowest) & UINT64_MAX >> (64 - field->width);
    return field->overflow != OVERFLOW_FAIL;
}

// The value that the operations are done on.
struct field_target {
    struct key key;
    struct entry *entry; // NULL: there is none
};

static uint64_t field_bits(const struct field_target *target, const struct field *field)
{
    if (target->entry == NULL)
        return 0;
    return bits_read(entry_value(target->entry), entry_value_length(target->entry), field->offset,
                     field->width);
}

static bool field_write(struct call *call, struct field_target *target, const struct field *field,
                        uint64_t bits)
{
    // A number that is right already is no change, as in Redis, for those who watch the key.
    if (bits == field_bits(target, field))
        return true;
    uint8_t window[BITS_WINDOW_MAX];
    uint32_t first = (uint32_t)(field->offset / 8);
    uint32_t length = bits_window(field->offset, field->width);
    assert(first + length <= entry_value_length(target->entry));
    memcpy(window, entry_value(target->entry) + first, length);
    bits_write(window, field->offset, field->width, bits);
    if (!data_write(call, &target->key, target->entry, first, window, length,
                    entry_value_length(target->entry)))
        return false;
    // The value may have moved.
    target->entry = keyspace_find(call->server->keyspace, &target->key);
    return true;
}

// False after an error reply.
static bool field_execute(struct call *call, struct field_target *target, const struct field *field)
{
    __int128 before = field_number(field, field_bits(target, field));
    if (field->kind == FIELD_GET) {
        resp_integer(call->reply, (int64_t)before);
        return true;
    }
    // A number without a sign takes what is below zero for something very large.
    __int128 wanted = field->is_signed ? field->number : (__int128)(uint64_t)field->number;
    if (field->kind == FIELD_INCREASE)
        wanted = before + field->number;
    uint64_t bits;
    if (!field_fit(field, wanted, &bits)) {
        resp_null(call->reply);
        return true;
    }
    __int128 shown = field->kind == FIELD_SET ? before : field_number(field, bits);
    resp_integer(call->reply, (int64_t)shown);
    return field_write(call, target, field, bits);
}

static void fields_execute(struct call *call, struct field_target *target, size_t count)
{
    struct field field = {0};
    uint32_t index = 2;
    bool failed;
    struct reply_point point = reply_point(&call->connection->reply);
    resp_array(call->reply, count);
    while (field_next(call, &index, &field, &failed)) {
        if (field_execute(call, target, &field))
            continue;
        // Room has been made sure of, so this is not expected.
        reply_rollback(&call->connection->reply, point);
        call_error_memory(call);
        return;
    }
    assert(!failed);
}

// --- the commands ----------------------------------------------------------------------------

uint64_t command_bitfield_reach(struct call *call)
{
    uint64_t reach = 0;
    for (uint32_t i = 2; i + 3 < call->argc; i++) {
        struct field field;
        uint64_t offset;
        if (field_kind_find(call, i, &field.kind) == 4 &&
            field_type_parse(call_arg(call, i + 1), &field) &&
            bit_offset_parse(call, call_arg(call, i + 2), field.width, &offset) &&
            offset / 8 + BITS_WINDOW_MAX > reach)
            reach = offset / 8 + BITS_WINDOW_MAX;
    }
    return reach;
}

// Every write is a record of its own.
uint64_t command_bitfield_log(struct call *call)
{
    return (call->argc / 4 + 1) * range_record_bytes(call);
}

// Makes the value long enough, before anything is written. False after an error reply.
static bool fields_grow(struct call *call, struct field_target *target, uint32_t reach)
{
    if (target->entry == NULL || entry_value_length(target->entry) < reach) {
        if (!range_write(call, &target->key, target->entry, reach, "", 0))
            return false;
        target->entry = keyspace_find(call->server->keyspace, &target->key);
    } else if (target->entry->flags & ENTRY_PINNED) {
        // The first write makes a copy, for which there must be room.
        return data_room(call, keyspace_entry_bytes(target->key.length,
                                                    entry_value_length(target->entry), true));
    }
    return true;
}

void command_bitfield(struct call *call)
{
    struct fields fields;
    if (!fields_read(call, &fields))
        return;
    struct field_target target = {.key = call_key(call, 1)};
    target.entry = data_find(call, &target.key, fields.reach == 0);
    if (fields.reach > 0 && !fields_grow(call, &target, fields.reach))
        return;
    // What is to be written, even if it then is not, makes the value one that is kept as text.
    if (fields.reach > 0)
        entry_mark_edited(target.entry);
    fields_execute(call, &target, fields.count);
}

void command_bitfield_ro(struct call *call)
{
    struct fields fields;
    if (!fields_read(call, &fields))
        return;
    if (fields.reach > 0) {
        resp_error(call->reply, "ERR BITFIELD_RO only supports the GET subcommand");
        return;
    }
    struct field_target target = {.key = call_key(call, 1)};
    target.entry = data_find(call, &target.key, true);
    fields_execute(call, &target, fields.count);
}
