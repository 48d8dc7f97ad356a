// Words of an inline command's line: counting them, and taking their quotes off in place.
#include "protocol/resp_inline.h"

#include <assert.h>

#include "protocol/resp_parser.h"

// Where the scan of a line stands. With `out`, the word's bytes are stored there; as a word never
// grows by unquoting, `out` may be the very place that is being read.
struct scan {
    const uint8_t *line;
    size_t length;
    size_t at;
    uint8_t *out;
    size_t out_length;
};

// Blanks between words. A word that is not quoted ends only at a space, tab or line break: Redis
// uses isspace for the one and a switch for the other, and clients can see the difference.
static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool ends_bare_word(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static uint8_t escape_value(uint8_t letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return letter;
    }
}

static void put(struct scan *scan, uint8_t byte)
{
    if (scan->out != NULL)
        scan->out[scan->out_length] = byte;
    scan->out_length++;
}

// After a closing quote, which `at` has passed: a blank or the end of the line must follow.
static bool quote_closed(const struct scan *scan)
{
    return scan->at == scan->length || is_blank(scan->line[scan->at]);
}

// The inside of "...", from behind the opening quote to behind the closing one.
static bool scan_double_quoted(struct scan *scan)
{
    const uint8_t *line = scan->line;
    while (scan->at < scan->length) {
        const size_t left = scan->length - scan->at;
        const uint8_t byte = line[scan->at];
        if (byte == '"') {
            scan->at++;
            return quote_closed(scan);
        }
        if (byte != '\\' || left < 2) {
            put(scan, byte);
            scan->at++;
            continue;
        }
        const uint8_t letter = line[scan->at + 1];
        const int high = left >= 4 ? hex_value(line[scan->at + 2]) : -1;
        const int low = left >= 4 ? hex_value(line[scan->at + 3]) : -1;
        if (letter == 'x' && high >= 0 && low >= 0) {
            put(scan, (uint8_t)(high << 4 | low));
            scan->at += 4;
        } else {
            put(scan, escape_value(letter));
            scan->at += 2;
        }
    }
    return false;
}

// The inside of '...', where only \' is an escape.
static bool scan_single_quoted(struct scan *scan)
{
    const uint8_t *line = scan->line;
    while (scan->at < scan->length) {
        const uint8_t byte = line[scan->at];
        if (byte == '\'') {
            scan->at++;
            return quote_closed(scan);
        }
        if (byte == '\\' && scan->length - scan->at >= 2 && line[scan->at + 1] == '\'')
            scan->at++;
        put(scan, line[scan->at]);
        scan->at++;
    }
    return false;
}

// One word, from its first byte. A quote may open in its middle, but the word ends where it closes.
static bool scan_word(struct scan *scan)
{
    while (scan->at < scan->length) {
        const uint8_t byte = scan->line[scan->at];
        if (ends_bare_word(byte))
            return true;
        scan->at++;
        if (byte == '"')
            return scan_double_quoted(scan);
        if (byte == '\'')
            return scan_single_quoted(scan);
        put(scan, byte);
    }
    return true;
}

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->length && is_blank(scan->line[scan->at]))
        scan->at++;
}

bool resp_inline_count(const uint8_t *line, size_t length, uint32_t *count)
{
    assert(line != NULL);
    assert(count != NULL);
    struct scan scan = {.line = line, .length = length};
    uint32_t words = 0;
    for (skip_blanks(&scan); scan.at < length; skip_blanks(&scan)) {
        if (!scan_word(&scan))
            return false;
        words++;
    }
    *count = words;
    return true;
}

void resp_inline_split(uint8_t *line, size_t length, uint64_t base, struct resp_arg *args,
                       uint32_t count)
{
    assert(line != NULL);
    assert(args != NULL || count == 0);
    struct scan scan = {.line = line, .length = length};
    for (uint32_t i = 0; i < count; i++) {
        skip_blanks(&scan);
        const size_t start = scan.at;
        scan.out = line + start;
        scan.out_length = 0;
        const bool matched = scan_word(&scan);
        assert(matched && scan.at > start);
        assert(scan.out_length <= scan.at - start);
        args[i] = (struct resp_arg){.where = base + start, .length = (uint32_t)scan.out_length};
    }
    skip_blanks(&scan);
    assert(scan.at == length);
}
