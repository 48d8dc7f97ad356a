// The RESP parser: finds commands in a stream of bytes, resumable at any byte, without copying.
// The limits, the errors and what is tolerated were found by experiments with redis-server 7.0.15.
#include "protocol/resp_parser.h"

#include <assert.h>
#include <string.h>

#include "conf/limits.h"
#include "protocol/number.h"
#include "protocol/resp_inline.h"

enum state {
    STATE_START,       // before a command's first line; empty commands may lie behind
    STATE_INLINE,      // an inline line is complete, its words are counted, its end is `scanned`
    STATE_BULK_HEADER, // before a '$' line, or behind the last argument
    STATE_BULK_BODY,   // before the bytes of an argument of bulk_length bytes
    STATE_LARGE,       // RESP_LARGE was returned, the caller takes the argument
    STATE_COMPLETE,    // RESP_COMMAND was returned
    STATE_ERROR,       // RESP_ERROR was returned
};

// The status that sends the parser on with the next step; never seen by callers.
#define STATUS_CONTINUE ((enum resp_status)(RESP_ERROR + 1))

// Lengths below this are read without a search for the line's end.
#define SHORT_LENGTH 1000

static_assert(sizeof(struct resp_arg) == 16, "an argument takes 16 bytes of the args array");
static_assert(SHORT_LENGTH <= LARGE_ARGUMENT_BYTES, "the fast path makes no large arguments");
static_assert(SHORT_LENGTH <= UNAUTHENTICATED_ARGUMENT_BYTES_MAX,
              "the fast path serves strangers as well");
static_assert(9 <= UNAUTHENTICATED_ARGUMENTS_MAX, "one digit of count is allowed to strangers");
static_assert(ARGUMENT_BYTES_MAX <= UINT32_MAX - 2, "lengths are 32 bits wide");

void resp_parser_init(struct resp_parser *parser)
{
    assert(parser != NULL);
    memset(parser, 0, sizeof(*parser));
}

void resp_parser_next(struct resp_parser *parser)
{
    assert(parser->state == STATE_COMPLETE);
    parser->argc = 0;
    parser->offset = 0;
    parser->state = STATE_START;
    parser->args_expected = 0;
    parser->scanned = 0;
}

uint64_t resp_parser_discard(struct resp_parser *parser)
{
    if (parser->state != STATE_START)
        return 0;
    const uint64_t done = parser->offset;
    assert(parser->argc == 0 && parser->args_expected == 0);
    parser->scanned = parser->scanned > done ? parser->scanned - done : 0;
    parser->offset = 0;
    return done;
}

uint32_t resp_parser_args_expected(const struct resp_parser *parser)
{
    assert(parser != NULL);
    return parser->args_expected > 0 ? parser->args_expected : 1;
}

void resp_parser_large_done(struct resp_parser *parser, uint64_t where)
{
    assert(parser->state == STATE_LARGE);
    assert(parser->argc < parser->args_capacity && parser->argc < parser->args_expected);
    parser->args[parser->argc++] =
        (struct resp_arg){.where = where, .length = parser->large_length, .external = true};
    parser->state = STATE_BULK_HEADER;
    parser->scanned = parser->offset;
}

static enum resp_status fail(struct resp_parser *parser, const char *error)
{
    assert(error != NULL);
    parser->error = error;
    parser->state = STATE_ERROR;
    return RESP_ERROR;
}

// The byte goes out as it came, except that the error must stay one line. It is never NUL: no line
// ends behind a NUL.
static enum resp_status fail_no_dollar(struct resp_parser *parser, uint8_t got)
{
    static const char text[] = "ERR Protocol error: expected '$', got '?'";
    static_assert(sizeof(text) <= sizeof(parser->error_text), "the error has room");
    assert(got != '\0');
    memcpy(parser->error_text, text, sizeof(text));
    parser->error_text[sizeof(text) - 3] = got == '\r' || got == '\n' ? ' ' : (char)got;
    return fail(parser, parser->error_text);
}

// Looks for `end` from where the last search stopped. True: it stands at parser->scanned. A NUL
// before it hides it for ever, as Redis searches with strchr; the search then rests on the NUL.
static bool find_end(struct resp_parser *parser, const uint8_t *bytes, size_t length, uint8_t end)
{
    if (parser->scanned < parser->offset)
        parser->scanned = parser->offset;
    assert(parser->scanned <= length);
    const uint8_t *from = bytes + parser->scanned;
    const size_t left = length - parser->scanned;
    if (left == 0 || *from == '\0')
        return false;
    const uint8_t *found = memchr(from, end, left);
    const size_t clear = found != NULL ? (size_t)(found - from) : left;
    const uint8_t *nul = memchr(from, '\0', clear);
    parser->scanned += nul != NULL ? (size_t)(nul - from) : clear;
    return found != NULL && nul == NULL;
}

// Finds the '\r' of a count line; the byte after it must be there, but may be any.
static enum resp_status find_count_line(struct resp_parser *parser, const uint8_t *bytes,
                                        size_t length, const char *too_big)
{
    if (!find_end(parser, bytes, length, '\r'))
        return length - parser->offset > INLINE_BYTES_MAX ? fail(parser, too_big) : RESP_PARTIAL;
    return length - parser->scanned >= 2 ? STATUS_CONTINUE : RESP_PARTIAL;
}

// The number between a count line's first byte and its '\r'. False when it is none.
static bool count_line_value(const struct resp_parser *parser, const uint8_t *bytes, int64_t *value)
{
    const uint64_t first = parser->offset + 1;
    return parser->scanned > first && number_parse(bytes + first, parser->scanned - first, value);
}

static enum resp_status parse_count(struct resp_parser *parser, const struct resp_limits *limits,
                                    const uint8_t *bytes, size_t length)
{
    const enum resp_status status =
        find_count_line(parser, bytes, length, "ERR Protocol error: too big mbulk count string");
    if (status != STATUS_CONTINUE)
        return status;
    int64_t count;
    if (!count_line_value(parser, bytes, &count) || count > ARGUMENTS_MAX)
        return fail(parser, "ERR Protocol error: invalid multibulk length");
    if (count > UNAUTHENTICATED_ARGUMENTS_MAX && !limits->authenticated)
        return fail(parser, "ERR Protocol error: unauthenticated multibulk length");
    parser->offset = parser->scanned + 2;
    if (count > 0) {
        parser->args_expected = (uint32_t)count;
        parser->state = STATE_BULK_HEADER;
    }
    return STATUS_CONTINUE;
}

static enum resp_status parse_inline_line(struct resp_parser *parser, const uint8_t *bytes,
                                          size_t length)
{
    if (!find_end(parser, bytes, length, '\n')) {
        if (length - parser->offset > INLINE_BYTES_MAX)
            return fail(parser, "ERR Protocol error: too big inline request");
        return RESP_PARTIAL;
    }
    size_t line_length = parser->scanned - parser->offset;
    if (line_length > 0 && bytes[parser->scanned - 1] == '\r')
        line_length--;
    uint32_t count;
    if (!resp_inline_count(bytes + parser->offset, line_length, &count))
        return fail(parser, "ERR Protocol error: unbalanced quotes in request");
    if (count == 0) {
        parser->offset = parser->scanned + 1;
        return STATUS_CONTINUE;
    }
    parser->args_expected = count;
    parser->state = STATE_INLINE;
    return STATUS_CONTINUE;
}

// The first line of a command, and the empty commands before it.
static enum resp_status parse_start(struct resp_parser *parser, const struct resp_limits *limits,
                                    const uint8_t *bytes, size_t length)
{
    enum resp_status status = STATUS_CONTINUE;
    while (status == STATUS_CONTINUE && parser->state == STATE_START) {
        const uint8_t *line = bytes + parser->offset;
        const size_t left = length - parser->offset;
        if (left == 0)
            return RESP_PARTIAL;
        if (*line != '*') {
            status = parse_inline_line(parser, bytes, length);
        } else if (left >= 4 && line[2] == '\r' && line[1] >= '1' && line[1] <= '9') {
            parser->args_expected = (uint32_t)(line[1] - '0');
            parser->offset += 4;
            parser->state = STATE_BULK_HEADER;
        } else {
            status = parse_count(parser, limits, bytes, length);
        }
    }
    return status;
}

// Nothing is changed before the args array is large enough, so that unquoting happens once.
static enum resp_status take_inline(struct resp_parser *parser, const struct resp_limits *limits,
                                    uint8_t *bytes, size_t length)
{
    assert(parser->scanned < length && parser->argc == 0);
    if (limits->no_inline || parser->args_expected > parser->args_capacity)
        return RESP_ARGS_FULL;
    size_t line_length = parser->scanned - parser->offset;
    if (line_length > 0 && bytes[parser->scanned - 1] == '\r')
        line_length--;
    resp_inline_split(bytes + parser->offset, line_length, parser->offset, parser->args,
                      parser->args_expected);
    parser->argc = parser->args_expected;
    parser->offset = parser->scanned + 1;
    parser->state = STATE_COMPLETE;
    return RESP_COMMAND;
}

static enum resp_status parse_bulk_header(struct resp_parser *parser,
                                          const struct resp_limits *limits, const uint8_t *bytes,
                                          size_t length)
{
    const enum resp_status status =
        find_count_line(parser, bytes, length, "ERR Protocol error: too big bulk count string");
    if (status != STATUS_CONTINUE)
        return status;
    if (bytes[parser->offset] != '$')
        return fail_no_dollar(parser, bytes[parser->offset]);
    int64_t size;
    if (!count_line_value(parser, bytes, &size) || size < 0 ||
        (uint64_t)size > limits->argument_bytes_max || (uint64_t)size > ARGUMENT_BYTES_MAX)
        return fail(parser, "ERR Protocol error: invalid bulk length");
    if (size > UNAUTHENTICATED_ARGUMENT_BYTES_MAX && !limits->authenticated)
        return fail(parser, "ERR Protocol error: unauthenticated bulk length");
    parser->offset = parser->scanned + 2;
    if ((uint64_t)size >= LARGE_ARGUMENT_BYTES) {
        parser->large_length = (uint32_t)size;
        parser->state = STATE_LARGE;
        return RESP_LARGE;
    }
    parser->bulk_length = (uint32_t)size;
    parser->state = STATE_BULK_BODY;
    return STATUS_CONTINUE;
}

// Takes arguments that are wholly there and whose lengths have one to three digits: nearly all of
// them. Stops, with the state before a '$' line, at the first that is different in any way.
static void take_short_arguments(struct resp_parser *parser, const uint8_t *bytes, size_t length)
{
    assert(parser->state == STATE_BULK_HEADER);
    assert(parser->args_expected <= ARGUMENTS_MAX && parser->offset <= length);
    const uint32_t wanted = parser->args_expected < parser->args_capacity ? parser->args_expected
                                                                          : parser->args_capacity;
    size_t at = parser->offset;
    uint32_t argc = parser->argc;
    struct resp_arg *args = parser->args;
    for (; argc < wanted; argc++) {
        // The shortest argument, "$0\r\n\r\n", makes every byte that is looked at below be there.
        if (length - at < 6 || bytes[at] != '$')
            break;
        uint32_t size = (uint32_t)bytes[at + 1] - '0';
        uint32_t header = 4;
        if (bytes[at + 2] != '\r') {
            const uint32_t second = (uint32_t)bytes[at + 2] - '0';
            if (size - 1 > 8 || second > 9)
                break;
            size = size * 10 + second;
            header = 5;
            if (bytes[at + 3] != '\r') {
                const uint32_t third = (uint32_t)bytes[at + 3] - '0';
                if (third > 9 || bytes[at + 4] != '\r')
                    break;
                size = size * 10 + third;
                header = 6;
            }
        } else if (size > 9) {
            break;
        }
        if (length - at < (size_t)header + size + 2)
            break;
        args[argc] = (struct resp_arg){.where = at + header, .length = size};
        at += (size_t)header + size + 2;
    }
    parser->argc = argc;
    parser->offset = at;
}

static enum resp_status parse_arguments(struct resp_parser *parser,
                                        const struct resp_limits *limits, const uint8_t *bytes,
                                        size_t length)
{
    while (true) {
        if (parser->state == STATE_BULK_HEADER) {
            if (limits->argument_bytes_max >= SHORT_LENGTH)
                take_short_arguments(parser, bytes, length);
            if (parser->argc == parser->args_expected) {
                parser->state = STATE_COMPLETE;
                return RESP_COMMAND;
            }
            if (parser->argc == parser->args_capacity)
                return RESP_ARGS_FULL;
            const enum resp_status status = parse_bulk_header(parser, limits, bytes, length);
            if (status != STATUS_CONTINUE)
                return status;
        }
        assert(parser->state == STATE_BULK_BODY && parser->argc < parser->args_capacity);
        if (length - parser->offset < (uint64_t)parser->bulk_length + 2)
            return RESP_PARTIAL;
        parser->args[parser->argc++] =
            (struct resp_arg){.where = parser->offset, .length = parser->bulk_length};
        parser->offset += (uint64_t)parser->bulk_length + 2; // what the two bytes are is not asked
        parser->state = STATE_BULK_HEADER;
    }
}

enum resp_status resp_parse(struct resp_parser *parser, const struct resp_limits *limits,
                            uint8_t *bytes, size_t length)
{
    assert(parser->offset <= length);
    assert(parser->state != STATE_COMPLETE);
    if (parser->state == STATE_START) {
        const enum resp_status status = parse_start(parser, limits, bytes, length);
        if (status != STATUS_CONTINUE)
            return status;
    }
    switch (parser->state) {
    case STATE_INLINE:
        return take_inline(parser, limits, bytes, length);
    case STATE_LARGE:
        return RESP_LARGE;
    case STATE_ERROR:
        return RESP_ERROR;
    default:
        return parse_arguments(parser, limits, bytes, length);
    }
}
