// The reply writer: RESP2 and RESP3 replies into memory that the caller provides piece by piece.
#ifndef PORO_PROTOCOL_RESP_WRITER_H
#define PORO_PROTOCOL_RESP_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resp_writer;

// Called when the present piece is full: sets cursor and end to a new piece of at least 64 bytes
// and returns true, or returns false when there is none.
typedef bool (*resp_writer_more)(struct resp_writer *writer);

struct resp_writer {
    uint8_t *cursor; // next byte to write
    uint8_t *end;    // end of the present piece
    resp_writer_more more;
    void *context;   // the owner's
    uint8_t version; // 2 or 3
    bool overflow;   // no memory came: bytes have been dropped, the reply is worthless
};

// Raw bytes, across pieces.
void resp_write(struct resp_writer *writer, const void *bytes, size_t length);

void resp_simple(struct resp_writer *writer, const char *text); // +text
void resp_error(struct resp_writer *writer, const char *text);  // -text
// printf-like error; line breaks at its end are dropped, others become spaces, at most 1 KiB of it is sent.
void resp_errorf(struct resp_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void resp_integer(struct resp_writer *writer, int64_t value);                 // :value
void resp_bulk(struct resp_writer *writer, const void *bytes, size_t length); // $length bytes
void resp_bulk_text(struct resp_writer *writer, const char *text);
void resp_bulk_integer(struct resp_writer *writer, int64_t value); // an integer as a bulk string
// Only "$length\r\n": the caller sends the bytes and the newline itself.
void resp_bulk_header(struct resp_writer *writer, size_t length);
void resp_null(struct resp_writer *writer);       // RESP2 $-1, RESP3 _
void resp_null_array(struct resp_writer *writer); // RESP2 *-1, RESP3 _
void resp_array(struct resp_writer *writer, size_t count);
void resp_map(struct resp_writer *writer, size_t pairs);    // RESP2: an array of 2 * pairs
void resp_set(struct resp_writer *writer, size_t count);    // RESP2: an array
void resp_push(struct resp_writer *writer, size_t count);   // RESP2: an array
void resp_bool(struct resp_writer *writer, bool value);     // RESP2 :0 and :1
void resp_double(struct resp_writer *writer, double value); // RESP2: a bulk string, as Redis 7.0
// RESP2: a bulk string. `format`: three letters, "txt" or "mkd".
void resp_verbatim(struct resp_writer *writer, const char format[4], const void *bytes,
                   size_t length);

#endif
