// LZF in pieces: unpacks as much as there is at a time, in bounded memory.
#include "protocol/lzf_stream.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

// First bytes below this begin a run of so many literal bytes, and one more.
#define LITERALS_MAX 32
// This in the three bits of a repetition's length means that it goes on in the next byte.
#define LENGTH_CONTINUED 7

enum step {
    STEP_FIRST,  // the first byte of a run
    STEP_LENGTH, // the rest of a repetition's length
    STEP_BACK,   // the rest of how far back it lies
    STEP_LITERAL,
    STEP_REPEAT,
};

void lzf_stream_begin(struct lzf_stream *stream, uint64_t packed_length, uint64_t length)
{
    stream->packed_left = packed_length;
    stream->length_left = length;
    stream->made = 0;
    stream->step = STEP_FIRST;
    stream->count = 0;
    stream->back = 0;
    stream->start = 0;
    stream->filled = 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void copy_literals(struct lzf_stream *stream, const uint8_t **at, size_t available)
{
    size_t count = least(least(stream->count, available), sizeof(stream->window) - stream->filled);
    memcpy(stream->window + stream->filled, *at, count);
    *at += count;
    stream->packed_left -= count;
    stream->filled += (uint32_t)count;
    stream->made += count;
    stream->count -= (uint32_t)count;
}

// The bytes to repeat may reach into what is written here.
static void repeat(struct lzf_stream *stream)
{
    size_t count = least(stream->count, sizeof(stream->window) - stream->filled);
    uint8_t *to = stream->window + stream->filled;
    const uint8_t *from = to - stream->back;
    if (stream->back >= count) {
        memcpy(to, from, count);
    } else {
        for (size_t i = 0; i < count; i++)
            to[i] = from[i];
    }
    stream->filled += (uint32_t)count;
    stream->made += count;
    stream->count -= (uint32_t)count;
}

// A run of stream->count bytes begins. False when there is no room for it.
static bool run_begin(struct lzf_stream *stream, enum step step)
{
    if (stream->count > stream->length_left)
        return false;
    if (step == STEP_REPEAT && stream->back > stream->made)
        return false;
    stream->length_left -= stream->count;
    stream->step = step;
    return true;
}

// One byte that is not a literal. False when it makes no sense.
static bool take_byte(struct lzf_stream *stream, uint8_t byte)
{
    switch ((enum step)stream->step) {
    case STEP_FIRST:
        if (byte < LITERALS_MAX) {
            stream->count = byte + 1U;
            return run_begin(stream, STEP_LITERAL);
        }
        stream->count = (byte >> 5) + 2U;
        stream->back = ((uint32_t)(byte & 31) << 8) + 1;
        stream->step = byte >> 5 == LENGTH_CONTINUED ? STEP_LENGTH : STEP_BACK;
        return true;
    case STEP_LENGTH:
        stream->count += byte;
        stream->step = STEP_BACK;
        return true;
    case STEP_BACK:
        stream->back += byte;
        return run_begin(stream, STEP_REPEAT);
    case STEP_LITERAL:
    case STEP_REPEAT:
        break;
    }
    assert(false);
    return false;
}

// Makes room again, keeping what may be repeated.
static void slide(struct lzf_stream *stream)
{
    if (stream->filled < sizeof(stream->window) || stream->start < stream->filled)
        return;
    memmove(stream->window, stream->window + stream->filled - LZF_REACH_BYTES, LZF_REACH_BYTES);
    stream->start = stream->filled = LZF_REACH_BYTES;
}

static void hand_out(struct lzf_stream *stream, const uint8_t **piece, size_t *count)
{
    *piece = stream->window + stream->start;
    *count = stream->filled - stream->start;
    stream->start = stream->filled;
}

enum lzf_progress lzf_stream_next(struct lzf_stream *stream, const uint8_t **at, const uint8_t *end,
                                  const uint8_t **piece, size_t *count)
{
    slide(stream);
    for (;;) {
        if (stream->filled == sizeof(stream->window)) {
            hand_out(stream, piece, count);
            return LZF_PIECE;
        }
        size_t available = (size_t)(end - *at);
        if (available > stream->packed_left)
            available = (size_t)stream->packed_left;
        if (stream->step == STEP_REPEAT) {
            repeat(stream);
        } else if (stream->packed_left == 0) {
            if (stream->step != STEP_FIRST || stream->length_left > 0)
                return LZF_BAD;
            hand_out(stream, piece, count);
            return LZF_END;
        } else if (available == 0) {
            return LZF_MORE;
        } else if (stream->step == STEP_LITERAL) {
            copy_literals(stream, at, available);
        } else {
            stream->packed_left--;
            if (!take_byte(stream, *(*at)++))
                return LZF_BAD;
        }
        if ((stream->step == STEP_REPEAT || stream->step == STEP_LITERAL) && stream->count == 0)
            stream->step = STEP_FIRST;
    }
}
