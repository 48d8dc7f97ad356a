// Writes a snapshot (RDB) of strings into a buffer.
#include "protocol/rdb_writer.h"

#include "protocol/crc64.h"
#include "protocol/rdb_shape.h"

#include <assert.h>
#include <string.h>

#define CHECKSUM_BYTES 8

void rdb_writer_create(struct rdb_writer *writer, uint8_t *buffer, size_t capacity)
{
    *writer = (struct rdb_writer){.buffer = buffer, .capacity = capacity};
}

static void sum_up(struct rdb_writer *writer)
{
    writer->crc =
        crc64(writer->crc, writer->buffer + writer->summed, writer->used - writer->summed);
    writer->summed = writer->used;
}

// --- parts -----------------------------------------------------------------------------------

static void part_begin(struct rdb_writer *writer)
{
    assert(writer->next == writer->count && !writer->ending);
    writer->count = 0;
    writer->next = 0;
}

static void part_add(struct rdb_writer *writer, const uint8_t *bytes, size_t length)
{
    assert(writer->count < sizeof(writer->pieces) / sizeof(writer->pieces[0]));
    writer->pieces[writer->count].bytes = bytes;
    writer->pieces[writer->count++].length = length;
}

static size_t put_little(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (i * 8));
    return bytes;
}

// A number that is written as a length.
static size_t put_length(uint8_t *to, uint64_t value)
{
    size_t bytes = value < 64 ? 0 : value <= UINT32_MAX ? 4 : 8;
    if (bytes == 0) {
        to[0] = (uint8_t)value;
        return 1;
    }
    to[0] = bytes == 4 ? 0x80 : 0x81;
    for (size_t i = 0; i < bytes; i++)
        to[1 + i] = (uint8_t)(value >> ((bytes - 1 - i) * 8));
    return 1 + bytes;
}

// The two strings that a part consists of behind the first `head` bytes of writer->head.
static void part_strings(struct rdb_writer *writer, size_t head, const uint8_t *first,
                         uint32_t first_length, const uint8_t *second, uint32_t second_length)
{
    bool first_whole;
    bool second_whole;
    assert(head + RDB_STRING_HEAD_MAX <= sizeof(writer->head));
    head += rdb_string_begin(writer->head + head, first, first_length, &first_whole);
    size_t between = rdb_string_begin(writer->value_head, second, second_length, &second_whole);
    part_add(writer, writer->head, head);
    if (!first_whole)
        part_add(writer, first, first_length);
    part_add(writer, writer->value_head, between);
    if (!second_whole)
        part_add(writer, second, second_length);
}

void rdb_writer_begin(struct rdb_writer *writer)
{
    static const uint8_t head[] = {
        'R', 'E', 'D', 'I', 'S', '0', '0', '0', '0' + RDB_WRITER_VERSION};
    static_assert(RDB_WRITER_VERSION < 10, "one digit");
    part_begin(writer);
    part_add(writer, head, sizeof(head));
}

void rdb_writer_aux(struct rdb_writer *writer, const char *name, const char *text)
{
    part_begin(writer);
    writer->head[0] = RDB_OPCODE_AUX;
    part_strings(writer, 1, (const uint8_t *)name, (uint32_t)strlen(name), (const uint8_t *)text,
                 (uint32_t)strlen(text));
}

void rdb_writer_database(struct rdb_writer *writer, uint32_t database, uint64_t keys,
                         uint64_t volatile_keys)
{
    part_begin(writer);
    size_t length = 0;
    writer->head[length++] = RDB_OPCODE_DATABASE;
    length += put_length(writer->head + length, database);
    writer->head[length++] = RDB_OPCODE_RESIZE;
    length += put_length(writer->head + length, keys);
    length += put_length(writer->head + length, volatile_keys);
    assert(length <= sizeof(writer->head));
    part_add(writer, writer->head, length);
}

void rdb_writer_string(struct rdb_writer *writer, const uint8_t *key, uint32_t key_length,
                       const uint8_t *value, uint32_t value_length, int64_t expiry_ms)
{
    part_begin(writer);
    size_t length = 0;
    if (expiry_ms != 0) {
        writer->head[length++] = RDB_OPCODE_EXPIRY_MS;
        length += put_little(writer->head + length, (uint64_t)expiry_ms, 8);
    }
    writer->head[length++] = RDB_TYPE_STRING;
    part_strings(writer, length, key, key_length, value, value_length);
}

void rdb_writer_end(struct rdb_writer *writer)
{
    part_begin(writer);
    writer->head[0] = RDB_OPCODE_END;
    part_add(writer, writer->head, 1);
    writer->ending = true;
}

// --- output ----------------------------------------------------------------------------------

bool rdb_writer_fill(struct rdb_writer *writer)
{
    for (;;) {
        while (writer->next < writer->count) {
            size_t room = writer->capacity - writer->used;
            size_t length = writer->pieces[writer->next].length;
            size_t count = length < room ? length : room;
            if (count > 0)
                memcpy(writer->buffer + writer->used, writer->pieces[writer->next].bytes, count);
            writer->used += count;
            writer->pieces[writer->next].bytes += count;
            writer->pieces[writer->next].length -= count;
            if (count < length)
                return false;
            writer->next++;
        }
        if (!writer->ending)
            return true;
        // The checksum covers everything before it, that is: all that was filled in so far.
        sum_up(writer);
        writer->ending = false;
        part_begin(writer);
        part_add(writer, writer->head, put_little(writer->head, writer->crc, CHECKSUM_BYTES));
    }
}

size_t rdb_writer_output(struct rdb_writer *writer, const uint8_t **bytes)
{
    sum_up(writer);
    size_t used = writer->used;
    *bytes = writer->buffer;
    writer->used = 0;
    writer->summed = 0;
    return used;
}
