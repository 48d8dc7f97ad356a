// Reads a snapshot (RDB): strings in all their forms, piece by piece.
#include "protocol/rdb_reader_internal.h"

#include "protocol/lzf.h"
#include "protocol/lzf_stream.h"

#include <assert.h>

#define SPECIAL_FORMS 4

static enum progress tell_text(struct rdb_reader *reader, struct rdb_event *event,
                               const uint8_t *bytes, size_t count, bool last)
{
    *event = (struct rdb_event){
        .kind = RDB_EVENT_TEXT,
        .step = (enum rdb_step) * reader->step,
        .bytes = bytes,
        .count = count,
        .offset = reader->string_offset,
        .length = reader->string_length,
        .last = last,
        .type = reader->type,
        .type_name = reader->type_name,
        .expires = reader->expires,
        .expiry_ms = reader->expiry_ms,
    };
    reader->string_offset += count;
    assert(last == (reader->string_offset == reader->string_length));
    if (last)
        reader->string_state = STRING_HEAD;
    return TELL;
}

static enum progress string_body(struct rdb_reader *reader, enum string_state state, bool told)
{
    reader->string_state = state;
    reader->string_offset = 0;
    if (told && state == STRING_PACKED)
        lzf_stream_begin(&reader->unpack, reader->string_left, reader->string_length);
    if (!told) {
        reader->pass = reader->string_left;
        reader->string_state = STRING_HEAD;
    }
    return GO_ON;
}

static enum progress string_head(struct rdb_reader *reader, bool told)
{
    uint64_t length = 0;
    bool special = false;
    enum progress progress = reader_take_length(reader, &length, &special);
    if (progress != GO_ON)
        return progress;
    if (!special) {
        reader->string_left = length;
        reader->string_length = length;
        return string_body(reader, STRING_PLAIN, told);
    }
    if (length >= SPECIAL_FORMS)
        return reader_broken(reader, "this is no string");
    reader->string_state = (uint32_t)(STRING_INT8 + length);
    return GO_ON;
}

static enum progress string_integer(struct rdb_reader *reader, struct rdb_event *event, bool told)
{
    uint32_t bytes = 1U << (reader->string_state - STRING_INT8);
    const uint8_t *from = reader_take(reader, bytes);
    if (from == NULL)
        return STARVED;
    uint64_t value = reader_little(from, bytes);
    int64_t number = bytes == 1 ? (int8_t)value : bytes == 2 ? (int16_t)value : (int32_t)value;
    reader->string_state = STRING_HEAD;
    if (!told)
        return GO_ON;
    size_t count = number_format(reader->digits, number);
    reader->string_length = count;
    reader->string_offset = 0;
    return tell_text(reader, event, (const uint8_t *)reader->digits, count, true);
}

static enum progress string_packed_length(struct rdb_reader *reader, bool told)
{
    bool first = reader->string_state == STRING_PACKED_BYTES;
    enum progress progress =
        reader_take_length(reader, first ? &reader->string_left : &reader->string_length, NULL);
    if (progress != GO_ON)
        return progress;
    if (first) {
        reader->string_state = STRING_PACKED_LENGTH;
        return GO_ON;
    }
    // Divided, because a product might not fit its type.
    if (reader->string_length / LZF_RATIO_MAX > reader->string_left)
        return reader_broken(reader, "a packed string is longer than it can be");
    return string_body(reader, STRING_PACKED, told);
}

static enum progress string_plain(struct rdb_reader *reader, struct rdb_event *event)
{
    size_t available = (size_t)(reader->end - reader->at);
    size_t count = reader->string_left < available ? (size_t)reader->string_left : available;
    if (count == 0 && reader->string_left > 0)
        return STARVED;
    const uint8_t *bytes = reader->at;
    reader->at += count;
    reader->string_left -= count;
    return tell_text(reader, event, bytes, count, reader->string_left == 0);
}

static enum progress string_packed(struct rdb_reader *reader, struct rdb_event *event)
{
    const uint8_t *piece;
    size_t count;
    bool last;
    switch (lzf_stream_next(&reader->unpack, &reader->at, reader->end, &piece, &count)) {
    case LZF_MORE:
        return STARVED;
    case LZF_PIECE:
        last = reader->string_offset + count == reader->string_length;
        // What else is packed there would be more than the string has.
        if (last && reader->unpack.packed_left > 0)
            break;
        return tell_text(reader, event, piece, count, last);
    case LZF_END:
        return tell_text(reader, event, piece, count, true);
    case LZF_BAD:
        break;
    }
    return reader_broken(reader, "a packed string is damaged");
}

enum progress reader_string(struct rdb_reader *reader, struct rdb_event *event, bool told)
{
    switch ((enum string_state)reader->string_state) {
    case STRING_HEAD:
        return string_head(reader, told);
    case STRING_INT8:
    case STRING_INT16:
    case STRING_INT32:
        return string_integer(reader, event, told);
    case STRING_PACKED_BYTES:
    case STRING_PACKED_LENGTH:
        return string_packed_length(reader, told);
    case STRING_PLAIN:
        return string_plain(reader, event);
    case STRING_PACKED:
        return string_packed(reader, event);
    }
    assert(false);
    return BROKEN;
}
