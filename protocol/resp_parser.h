// The RESP parser: finds commands in a stream of bytes, resumable at any byte, without copying.
#ifndef PORO_PROTOCOL_RESP_PARSER_H
#define PORO_PROTOCOL_RESP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One argument of a command.
struct resp_arg {
    uint64_t
        where; // offset from the command's first byte, or what resp_parser_large_done was given
    uint32_t length; // bytes
    bool external;   // `where` is the caller's own value for a large argument
};

enum resp_status {
    RESP_PARTIAL,   // more bytes are needed; call again with the same start and more bytes
    RESP_COMMAND,   // a command is complete: argc, args, bytes are valid
    RESP_ARGS_FULL, // the args array is too small: move it to a larger one, call again
    RESP_LARGE, // an argument of large_length >= LARGE_ARGUMENT_BYTES starts at `offset`: see below
    RESP_ERROR, // protocol error: `error` is the reply, the connection must be closed after it
};

// What the parser knows of the command that it is in. Read by callers, changed by this module,
// except for the args array, which the caller provides.
struct resp_parser {
    struct resp_arg *args; // the caller's array
    uint32_t args_capacity;
    uint32_t argc;         // arguments complete so far; all of them once RESP_COMMAND is returned
    uint64_t offset;       // bytes of the command parsed so far; its whole length once complete
    uint32_t large_length; // valid after RESP_LARGE
    const char *error;     // valid after RESP_ERROR: a text without the leading '-' and the newline
    // private
    uint8_t state;
    uint32_t args_expected;
    uint64_t scanned;
    uint32_t bulk_length;
    char error_text[64];
};

// What the connection is allowed to send.
struct resp_limits {
    bool authenticated;          // otherwise the limits for strangers of conf/limits.h apply
    uint64_t argument_bytes_max; // proto-max-bulk-len
    bool
        no_inline; // RESP_ARGS_FULL instead of unquoting an inline command: the caller may parse again
};

// Prepares for the first command of a connection. No args array yet: set it before resp_parse.
void resp_parser_init(struct resp_parser *parser);

// Prepares for the next command after RESP_COMMAND; keeps the args array.
void resp_parser_next(struct resp_parser *parser);

// Parses from `bytes`, the first byte of the present command, of which `length` are there (never
// less than in the call before, and with the same content). Inline commands are unquoted in place,
// hence not const. Empty commands (empty lines, *0, *-1) are part of the command that follows them.
//
// As in Redis: a line is too long when more than INLINE_BYTES_MAX of the command's bytes are there
// without its end (so one that comes with its end may be longer); count lines end with '\r', inline
// lines with '\n', and a NUL hides the end of its line. More than ARGUMENTS_MAX arguments are
// refused when they are announced; Redis 7.0 bounds them by INT_MAX.
//
// After RESP_LARGE the caller takes the argument's large_length bytes, and the two bytes after
// them, out of the stream; then calls resp_parser_large_done and resp_parse again with a `bytes` in
// which what follows the argument stands directly at `offset`.
enum resp_status resp_parse(struct resp_parser *parser, const struct resp_limits *limits,
                            uint8_t *bytes, size_t length);

// The large argument has been received: it becomes the next argument, external, with this `where`.
void resp_parser_large_done(struct resp_parser *parser, uint64_t where);

// After RESP_PARTIAL: how many bytes at the start of `bytes` are empty commands only, zero when a
// command has begun. The caller must take that many out of the stream before it calls resp_parse
// again; so a client that sends nothing but empty lines cannot fill its buffer.
uint64_t resp_parser_discard(struct resp_parser *parser);

// Hint for the size of the args array: how many arguments the present command announces, at
// least 1.
uint32_t resp_parser_args_expected(const struct resp_parser *parser);

#endif
