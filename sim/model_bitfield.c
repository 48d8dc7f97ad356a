// The model's BITFIELD and BITFIELD_RO: numbers of any width in a value.
#include "sim/model_internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATIONS_MAX = COMMAND_LINE_ARGS };

struct operation {
    char kind;     // 'g' GET, 's' SET, 'i' INCRBY
    char overflow; // 'w' WRAP, 's' SAT, 'f' FAIL
    bool has_sign;
    uint32_t width;
    uint64_t offset;
    int64_t number;
};

struct operations {
    struct operation list[OPERATIONS_MAX];
    uint32_t count;
    uint64_t writes_to; // bytes that a write needs, 0: all only read
};

// --- arguments -------------------------------------------------------------------------------

// False after an error.
static bool type_read(struct model_call *call, uint32_t index, struct operation *operation)
{
    struct model_text text = model_arg(call, index);
    int64_t width = 0;
    bool named = text.length > 1 && (text.data[0] == 'i' || text.data[0] == 'u');
    operation->has_sign = named && text.data[0] == 'i';
    struct model_text digits = {text.data + 1, text.length - 1};
    if (named && model_text_integer(digits, &width) && width >= 1 &&
        width <= (operation->has_sign ? 64 : 63)) {
        operation->width = (uint32_t)width;
        return true;
    }
    model_reply_error(call, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 "
                            "is not supported but i64 is.");
    return false;
}

// False after an error.
static bool overflow_read(struct model_call *call, uint32_t index, char *overflow)
{
    static const char *const words[] = {"wrap", "sat", "fail"};
    for (uint32_t i = 0; i < 3; i++) {
        if (model_arg_is(call, index, words[i])) {
            *overflow = words[i][0];
            return true;
        }
    }
    model_reply_error(call, "ERR Invalid OVERFLOW type specified");
    return false;
}

static char kind_of(const struct model_call *call, uint32_t index)
{
    static const char *const words[] = {"get", "set", "incrby"};
    for (uint32_t i = 0; i < 3; i++) {
        if (model_arg_is(call, index, words[i]))
            return words[i][0];
    }
    return 0;
}

// The operation at *index, which moves behind it. False after an error.
static bool operation_read(struct model_call *call, uint32_t *index, struct operations *operations,
                           char overflow)
{
    struct operation *operation = &operations->list[operations->count];
    char kind = kind_of(call, *index);
    uint32_t arguments = kind == 'g' ? 2 : 3;
    if (kind == 0 || *index + arguments >= call->argc) {
        model_reply_syntax(call);
        return false;
    }
    *operation = (struct operation){.kind = kind, .overflow = overflow};
    if (!type_read(call, *index + 1, operation) ||
        !model_bit_offset(call, *index + 2, operation->width, &operation->offset) ||
        (kind != 'g' && !model_arg_integer(call, *index + 3, &operation->number)))
        return false;
    uint64_t end = (operation->offset + operation->width - 1) / 8 + 1;
    if (kind != 'g' && end > operations->writes_to)
        operations->writes_to = end;
    operations->count++;
    *index += arguments + 1;
    return true;
}

static bool operations_read(struct model_call *call, struct operations *operations)
{
    char overflow = 'w';
    operations->count = 0;
    operations->writes_to = 0;
    for (uint32_t i = 2; i < call->argc;) {
        if (model_arg_is(call, i, "overflow") && i + 1 < call->argc) {
            if (!overflow_read(call, i + 1, &overflow))
                return false;
            i += 2;
        } else if (!operation_read(call, &i, operations, overflow)) {
            return false;
        }
    }
    return true;
}

// --- numbers ---------------------------------------------------------------------------------

static uint64_t bits_get(const uint8_t *bytes, uint64_t length, uint64_t offset, uint32_t width)
{
    uint64_t bits = 0;
    for (uint64_t at = offset; at < offset + width; at++) {
        bool one = at / 8 < length && (bytes[at / 8] >> (7 - at % 8) & 1) != 0;
        bits = bits << 1 | one;
    }
    return bits;
}

static void bits_put(uint8_t *bytes, uint64_t offset, uint32_t width, uint64_t bits)
{
    for (uint32_t i = 0; i < width; i++) {
        uint64_t at = offset + width - 1 - i;
        uint8_t mask = (uint8_t)(1 << (7 - at % 8));
        if ((bits >> i & 1) != 0)
            bytes[at / 8] |= mask;
        else
            bytes[at / 8] &= (uint8_t)~mask;
    }
}

// 2^n, for n up to 64.
static __int128 power(uint32_t n)
{
    return (__int128)1 << n;
}

static __int128 number_of(const struct operation *operation, uint64_t bits)
{
    __int128 number = bits;
    bool negative = operation->has_sign && number >= power(operation->width - 1);
    return negative ? number - power(operation->width) : number;
}

// What is to be written for a number that may be out of range. False: nothing.
static bool number_fit(const struct operation *operation, __int128 number, uint64_t *bits)
{
    __int128 top = power(operation->has_sign ? operation->width - 1 : operation->width);
    __int128 bottom = operation->has_sign ? -top : 0;
    bool outside = number >= top || number < bottom;
    if (outside && operation->overflow == 'f')
        return false;
    if (outside && operation->overflow == 's')
        number = number >= top ? top - 1 : bottom;
    *bits = (uint64_t)number & (uint64_t)(power(operation->width) - 1);
    return true;
}

// --- the commands ----------------------------------------------------------------------------

// Does it to the bytes, and answers. False when they have stayed as they were.
static bool operation_do(struct model_call *call, const struct operation *operation, uint8_t *bytes,
                         uint64_t length)
{
    uint64_t before = bits_get(bytes, length, operation->offset, operation->width);
    __int128 number = number_of(operation, before);
    uint64_t after;
    if (operation->kind == 'g') {
        model_reply_integer(call, (int64_t)number);
        return false;
    }
    // Without a sign, what is below 0 stands for something above 2^63.
    __int128 wanted = operation->kind == 'i' ? number + operation->number
                      : operation->has_sign  ? operation->number
                                             : (__int128)(uint64_t)operation->number;
    if (!number_fit(operation, wanted, &after)) {
        model_reply_null(call);
        return false;
    }
    if (operation->kind == 'i')
        number = number_of(operation, after);
    model_reply_integer(call, (int64_t)number);
    bits_put(bytes, operation->offset, operation->width, after);
    return after != before;
}

static void operations_do(struct model_call *call, const struct operations *operations)
{
    struct model_text value = model_value(model_arg_live(call, 1));
    uint64_t length = value.length;
    bool changed = operations->writes_to > length;
    length = changed ? operations->writes_to : length;
    uint8_t *bytes = sim_alloc(length + 1, 1);
    memcpy(bytes, value.data, value.length);
    model_reply_array(call, operations->count);
    for (uint32_t i = 0; i < operations->count; i++)
        changed = operation_do(call, &operations->list[i], bytes, length) || changed;
    if (changed)
        model_call_write(call, 1, 0, bytes, (uint32_t)length, (uint32_t)length);
    else if (operations->writes_to > 0)
        model_key_edited(model_arg_changed(call, 1));
    free(bytes);
}

void model_do_bitfield(struct model_call *call)
{
    struct operations operations;
    if (operations_read(call, &operations))
        operations_do(call, &operations);
}

void model_do_bitfield_ro(struct model_call *call)
{
    struct operations operations;
    if (!operations_read(call, &operations))
        return;
    if (operations.writes_to > 0)
        model_reply_error(call, "ERR BITFIELD_RO only supports the GET subcommand");
    else
        operations_do(call, &operations);
}
