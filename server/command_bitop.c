// BITOP: combines the bits of several values into a new one.
#include "server/command_handlers.h"

#include "conf/limits.h"
#include "server/call.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/bits.h"
#include "storage/entry.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum bitop { BITOP_AND = BITS_AND, BITOP_OR = BITS_OR, BITOP_XOR = BITS_XOR, BITOP_NOT };

// The operands begin at this argument.
#define FIRST_OPERAND 3

// The present value, nothing when there is none.
static struct span bitop_operand(struct call *call, uint32_t index)
{
    struct key key = call_key(call, index);
    const struct entry *entry = keyspace_find(call->server->keyspace, &key);
    if (entry == NULL)
        return (struct span){(const uint8_t *)"", 0};
    return (struct span){entry_value(entry), entry_value_length(entry)};
}

// The result is as long as the longest operand.
uint64_t command_bitop_bytes(struct call *call)
{
    uint64_t longest = 0;
    for (uint32_t i = FIRST_OPERAND; i < call->argc; i++) {
        struct span operand = bitop_operand(call, i);
        longest = operand.length > longest ? operand.length : longest;
    }
    return longest;
}

// False after an error reply.
static bool bitop_read(struct call *call, enum bitop *operation)
{
    static const char *const names[] = {
        [BITOP_AND] = "and", [BITOP_OR] = "or", [BITOP_XOR] = "xor", [BITOP_NOT] = "not"};
    for (*operation = BITOP_AND; *operation <= BITOP_NOT; (*operation)++) {
        if (call_arg_is(call, 1, names[*operation]))
            break;
    }
    if (*operation > BITOP_NOT) {
        call_error_syntax(call);
        return false;
    }
    if (*operation != BITOP_NOT || call->argc == FIRST_OPERAND + 1)
        return true;
    resp_error(call->reply, "ERR BITOP NOT must be called with a single source key.");
    return false;
}

// Finds all operands, so that expired ones are gone. The bytes of all together, and of the longest.
static void bitop_measure(struct call *call, uint64_t *bytes, uint32_t *longest)
{
    *bytes = 0;
    *longest = 0;
    for (uint32_t i = FIRST_OPERAND; i < call->argc; i++) {
        struct key key = call_key(call, i);
        const struct entry *entry = data_find(call, &key, true);
        uint32_t length = entry != NULL ? entry_value_length(entry) : 0;
        *bytes += length;
        *longest = length > *longest ? length : *longest;
    }
}

// result := result OPERATION operand, of which what is missing is 0.
static void bitop_add(enum bitop operation, uint8_t *result, uint32_t length, struct span operand)
{
    bits_combine((enum bits_operation)operation, result, result, operand.data, operand.length);
    if (operation == BITOP_AND)
        memset(result + operand.length, 0, length - operand.length);
}

static void bitop_combine(struct call *call, enum bitop operation, uint8_t *result, uint32_t length)
{
    struct span operand = bitop_operand(call, FIRST_OPERAND);
    if (operation == BITOP_NOT) {
        assert(operand.length == length);
        bits_invert(result, operand.data, length);
        return;
    }
    uint32_t next = FIRST_OPERAND + 1;
    struct span second = {0};
    if (next < call->argc)
        second = bitop_operand(call, next);
    if (next < call->argc && operand.length == length && second.length == length) {
        // The usual case without a copy.
        bits_combine((enum bits_operation)operation, result, operand.data, second.data, length);
        next++;
    } else {
        memcpy(result, operand.data, operand.length);
        memset(result + operand.length, 0, length - operand.length);
    }
    for (; next < call->argc; next++)
        bitop_add(operation, result, length, bitop_operand(call, next));
}

// Results up to this length are put together on the stack.
#define SHORT_BYTES 4096

static bool bitop_short(struct call *call, const struct key *key, enum bitop operation,
                        uint32_t length)
{
    uint8_t result[SHORT_BYTES];
    assert(length <= sizeof(result));
    bitop_combine(call, operation, result, length);
    if (!data_set(call, key, 0, result, length, 0))
        return false;
    data_mark_edited(call, key);
    return true;
}

// Longer ones in the block that becomes the value.
static bool bitop_long(struct call *call, const struct key *key, enum bitop operation,
                       uint32_t length)
{
    struct keyspace *keyspace = call->server->keyspace;
    struct entry *block = data_block_create(call, key, length);
    if (block == NULL)
        return false;
    bitop_combine(call, operation, keyspace_block_value(block), length);
    if (data_adopt(call, key, block, 0))
        return true;
    keyspace_block_free(keyspace, block);
    return false;
}

void command_bitop(struct call *call)
{
    enum bitop operation;
    uint64_t bytes;
    uint32_t length;
    if (!bitop_read(call, &operation))
        return;
    bitop_measure(call, &bytes, &length);
    if (bytes > BITOP_BYTES_MAX) {
        resp_errorf(call->reply, "ERR the values are longer than %llu bytes together",
                    (unsigned long long)BITOP_BYTES_MAX);
        return;
    }
    struct key key = call_key(call, 2);
    if (length == 0)
        data_delete(call, &key);
    else if (length <= SHORT_BYTES ? !bitop_short(call, &key, operation, length)
                                   : !bitop_long(call, &key, operation, length))
        return;
    resp_integer(call->reply, length);
}
