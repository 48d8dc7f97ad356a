// Strings as Redis writes them in dumps (RDB), and the footer of a dump of one value.
#ifndef PORO_PROTOCOL_RDB_STRING_H
#define PORO_PROTOCOL_RDB_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version that Redis 7.0 writes, and so do we; the newest one of Redis 8, and Valkey 9's:
// strings have been the same in all of them.
#define RDB_VERSION 10
#define RDB_VERSION_MAX 15
#define RDB_VERSION_VALKEY 80

// The first byte of a dump: the value's type.
#define RDB_TYPE_STRING 0

// --- reading ---------------------------------------------------------------------------------

enum rdb_string_form {
    RDB_STRING_PLAIN,
    RDB_STRING_INTEGER, // a number, stands for its decimal text
    RDB_STRING_PACKED,  // compressed
};

struct rdb_string {
    enum rdb_string_form form;
    const uint8_t *data; // the bytes as they lie in the dump; not of an integer
    uint64_t bytes;      // how many these are
    uint64_t length;     // of the string that they stand for
    int64_t integer;
};

// Reads one string from `from`, of which `available` bytes are there; data points into them.
// Nothing is unpacked yet, and `length` may be any number that so many packed bytes can become.
// Returns the bytes consumed, -EAGAIN when it goes on behind the available ones, -EBADMSG when it
// never is a string.
int64_t rdb_string_decode(const uint8_t *from, size_t available, struct rdb_string *string);
// Writes the string's `length` bytes to `to`. False when its packed bytes are damaged.
bool rdb_string_unpack(const struct rdb_string *string, uint8_t *to);

// Reads a length, of strings and other things. Returns as rdb_string_decode. In place of a length
// there may be a special encoding, *special: *length is its number then.
int rdb_length_decode(const uint8_t *from, size_t available, uint64_t *length, bool *special);

// --- writing ---------------------------------------------------------------------------------

// Bytes that may come before a string's own.
#define RDB_STRING_HEAD_MAX 9

// Begins a string: writes what comes before its bytes to `head` and returns how many that are. The
// string's bytes follow as they are, unless it is written as a number: then *whole, and nothing
// follows.
size_t rdb_string_begin(uint8_t head[RDB_STRING_HEAD_MAX], const uint8_t *string, uint32_t length,
                        bool *whole);

// --- the dump of one value -------------------------------------------------------------------

// Behind the value: two bytes of version, eight of checksum over everything before it.
#define RDB_FOOTER_BYTES 10

// `crc`: crc64 of everything before the footer.
void rdb_footer_encode(uint8_t footer[RDB_FOOTER_BYTES], uint64_t crc);
// True when a dump's footer is right, and of a version that we know. What is before it has
// `*length` bytes.
bool rdb_footer_check(const uint8_t *dump, size_t dump_length, size_t *length);

#endif
