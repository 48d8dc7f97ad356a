// Reads a snapshot (RDB): what is taken from the file, and how far.
#include "protocol/rdb_reader_internal.h"

#include "protocol/crc64.h"
#include "protocol/rdb_string.h"

#include <assert.h>
#include <string.h>

uint64_t reader_position(const struct rdb_reader *reader)
{
    return reader->before + (uint64_t)(reader->at - reader->start) - reader->held_count;
}

enum progress reader_broken(struct rdb_reader *reader, const char *problem)
{
    reader->problem = problem;
    reader->state = STATE_BAD;
    return BROKEN;
}

void reader_sum_up(struct rdb_reader *reader)
{
    if (reader->at > reader->summed)
        reader->crc = crc64(reader->crc, reader->summed, (size_t)(reader->at - reader->summed));
    reader->summed = reader->at;
}

const uint8_t *reader_take(struct rdb_reader *reader, uint32_t count)
{
    assert(count <= RDB_HELD_MAX && reader->held_count < count);
    size_t available = (size_t)(reader->end - reader->at);
    if (reader->held_count == 0 && available >= count) {
        const uint8_t *bytes = reader->at;
        reader->at += count;
        return bytes;
    }
    uint32_t missing = count - reader->held_count;
    uint32_t taken = available < missing ? (uint32_t)available : missing;
    if (taken > 0)
        memcpy(reader->held + reader->held_count, reader->at, taken);
    reader->at += taken;
    reader->held_count += taken;
    if (reader->held_count < count)
        return NULL;
    reader->held_count = 0;
    return reader->held;
}

uint64_t reader_little(const uint8_t *from, uint32_t bytes)
{
    uint64_t value = 0;
    for (uint32_t i = bytes; i > 0; i--)
        value = value << 8 | from[i - 1];
    return value;
}

enum progress reader_take_length(struct rdb_reader *reader, uint64_t *length, bool *special)
{
    if (reader->held_count == 0 && reader->at == reader->end)
        return STARVED;
    // How long it is can be told from the first byte.
    uint8_t whole[RDB_STRING_HEAD_MAX] = {reader->held_count > 0 ? reader->held[0] : *reader->at};
    bool is_special;
    int bytes = rdb_length_decode(whole, sizeof(whole), length, &is_special);
    if (bytes < 0 || (is_special && special == NULL))
        return reader_broken(reader, "this is no length");
    const uint8_t *from = reader_take(reader, (uint32_t)bytes);
    if (from == NULL)
        return STARVED;
    bytes = rdb_length_decode(from, (size_t)bytes, length, &is_special);
    assert(bytes > 0);
    if (special != NULL)
        *special = is_special;
    return GO_ON;
}
