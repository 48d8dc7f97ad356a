// LZF in pieces: unpacks as much as there is at a time, in bounded memory.
#ifndef PORO_PROTOCOL_LZF_STREAM_H
#define PORO_PROTOCOL_LZF_STREAM_H

#include <stddef.h>
#include <stdint.h>

// How far back repeated bytes may lie; what is unpacked at a time, beyond that.
#define LZF_REACH_BYTES 8192
#define LZF_PIECE_BYTES 32768

struct lzf_stream {
    uint64_t packed_left; // bytes to come
    uint64_t length_left; // bytes still to be made of them
    uint64_t made;
    uint32_t step;
    uint32_t count; // bytes of the present run
    uint32_t back;  // how far back they lie
    uint32_t start; // of what was unpacked and not handed out
    uint32_t filled;
    uint8_t window[LZF_REACH_BYTES + LZF_PIECE_BYTES];
};

enum lzf_progress {
    LZF_MORE,  // all that was given is taken
    LZF_PIECE, // here is a piece; ask again
    LZF_END,   // and the last one, which may be empty
    LZF_BAD,   // damaged
};

// So many packed bytes become so many.
void lzf_stream_begin(struct lzf_stream *stream, uint64_t packed_length, uint64_t length);
// Unpacks from *at on, before `end`, and moves *at. A piece lies in the stream until the next call.
enum lzf_progress lzf_stream_next(struct lzf_stream *stream, const uint8_t **at, const uint8_t *end,
                                  const uint8_t **piece, size_t *count);

#endif
