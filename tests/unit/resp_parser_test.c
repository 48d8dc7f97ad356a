// The RESP parser: what comes out of a stream, however it is cut, and as redis-server 7.0.15 has
// it.
#include "protocol/resp_parser.h"

#include <criterion/criterion.h>

#include "tests/unit/resp_feed.h"

#define TEXT(text) text, sizeof(text) - 1
#define PING "*1\r\n$4\r\nPING\r\n"
#define FORTY "0123456789012345678901234567890123456789"
#define ERROR_COUNT "!ERR Protocol error: invalid multibulk length"
#define ERROR_BULK "!ERR Protocol error: invalid bulk length"
#define ERROR_DOLLAR(byte) "!ERR Protocol error: expected '$', got '" byte "'"
#define ERROR_QUOTES "!ERR Protocol error: unbalanced quotes in request"
#define ERROR_STRANGER_COUNT "!ERR Protocol error: unauthenticated multibulk length"
#define ERROR_STRANGER_BULK "!ERR Protocol error: unauthenticated bulk length"

struct sample {
    const char *stream;
    size_t stream_length;
    const char *transcript;
    size_t transcript_length;
};

static const struct resp_limits usual = {.authenticated = true,
                                         .argument_bytes_max = ARGUMENT_BYTES_MAX};
static const struct resp_limits stranger = {.authenticated = false,
                                            .argument_bytes_max = ARGUMENT_BYTES_MAX};

static const struct sample multibulk_samples[] = {
    {TEXT(""), TEXT("?0")},
    {TEXT(PING), TEXT("[PING];?0")},
    {TEXT("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"), TEXT("[SET][k][];?0")},
    {TEXT("*2\r\n$4\r\nECHO\r\n$12\r\na\r\nb\0c$*1\r\n9\r\n"),
     TEXT("[ECHO][a\r\nb\0c$*1\r\n9];?0")},
    {TEXT(PING PING PING), TEXT("[PING];[PING];[PING];?0")},
    {TEXT(PING "*2\r\n$4\r\nEC"), TEXT("[PING];?2")},
    {TEXT("*12\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n"
          "$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$1\r\na\r\n$1\r\nb\r\n" PING),
     TEXT("[0][1][2][3][4][5][6][7][8][9][a][b];[PING];?0")},
    // Tolerated: any byte behind the '\r' of a count line, any two bytes behind an argument.
    {TEXT("*1\rX$4\rYPINGab" PING), TEXT("[PING];[PING];?0")},
    {TEXT("*1\r\n$4\r\nPING\0\0" PING), TEXT("[PING];[PING];?0")},
    // Empty commands.
    {TEXT("*0\r\n" PING), TEXT("[PING];?0")},
    {TEXT("*-1\r\n" PING), TEXT("[PING];?0")},
    {TEXT("*-9223372036854775808\r\n*0\r\n\r\n\n" PING "*0\r\n"), TEXT("[PING];?0")},
    {TEXT("*0\r\n*0\r\n*"), TEXT("?1")},
    // Count lines that are no canonical numbers, or too large.
    {TEXT("*\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*-\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*+1\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*01\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*00\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*-0\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("* 1\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*1 \r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*1a\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*abc\rZ"), TEXT(ERROR_COUNT)},
    {TEXT("*1048577\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*2147483648\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*4294967297\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*9223372036854775808\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*-9223372036854775809\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*18446744073709551617\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*1048576\r\n" PING), TEXT(ERROR_DOLLAR("*"))},
    {TEXT(PING "*x\r\n" PING), TEXT("[PING];" ERROR_COUNT)},
    // An error needs the whole line, '\r' and one byte more.
    {TEXT("*abc\r"), TEXT("?5")},
    {TEXT("*1\n$4\nPING\n"), TEXT("?11")},
    // Bulk lengths.
    {TEXT("*1\r\n$-1\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$-0\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$04\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$00\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$004\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$+4\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$ 4\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$4x\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$x4\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$:\r\n1234567890"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$/\r\n1234567890"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$1:\r\n" FORTY), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$1/\r\n" FORTY), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$01\r\n" FORTY), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$10:\r\n" FORTY FORTY FORTY FORTY), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$11/\r\n" FORTY FORTY FORTY FORTY), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$100x\r\n" FORTY FORTY FORTY FORTY), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$536870913\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$4294967300\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$18446744073709551620\r\nPING\r\n"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$536870912\r\n"), TEXT("?large 536870914")},
    {TEXT("*2\r\n$4\r\nECHO\r\n$9223372036854775808\r\n"), TEXT(ERROR_BULK)},
    // Something else where '$' should be; the byte is shown as it is, but for line breaks.
    {TEXT("*1\r\nxabc\r\nPING\r\n"), TEXT(ERROR_DOLLAR("x"))},
    {TEXT("*1\r\n\r\nPING\r\n"), TEXT(ERROR_DOLLAR(" "))},
    {TEXT("*1\r\n\n$4\r\nPING\r\n"), TEXT(ERROR_DOLLAR(" "))},
    {TEXT("*1\r\n\xff\r\n"), TEXT(ERROR_DOLLAR("\xff"))},
    {TEXT("*1\r\n\x01\r\n"), TEXT(ERROR_DOLLAR("\x01"))},
    {TEXT("*1\r\n%\r\n"), TEXT(ERROR_DOLLAR("%"))},
    {TEXT("*1\r\n'\r\n"), TEXT(ERROR_DOLLAR("'"))},
    {TEXT("*2\r\n$4\r\nECHO\r\n4\r\nPING\r\n"), TEXT(ERROR_DOLLAR("4"))},
    {TEXT("*1\r\n\r"), TEXT("?1")},
    {TEXT("*1\r\nx"), TEXT("?1")},
    // A NUL hides what follows it on a line.
    {TEXT("*1\0\r\n$4\r\nPING\r\n"), TEXT("?15")},
    {TEXT("*1\r\n\0\r\n"), TEXT("?3")},
    {TEXT("*1\r\n$4\0\r\nPING\r\n"), TEXT("?11")},
};

static const struct sample inline_samples[] = {
    {TEXT("PING\n"), TEXT("[PING];?0")},
    {TEXT("PING\r\n"), TEXT("[PING];?0")},
    {TEXT("PING"), TEXT("?4")},
    {TEXT("\r\n\r\n\nPING\r\n"), TEXT("[PING];?0")},
    {TEXT("\n\r\n\n"), TEXT("?0")},
    {TEXT("\n\r\n \t\r\nPI"), TEXT("?2")},
    {TEXT(" PING \r\n"), TEXT("[PING];?0")},
    {TEXT("   \r\n" PING), TEXT("[PING];?0")},
    {TEXT("PING\r\r\n"), TEXT("[PING];?0")},
    {TEXT("PI\rNG\r\n"), TEXT("[PI][NG];?0")},
    {TEXT("SET k v\r\nGET k\n" PING "GET k\r\n"), TEXT("[SET][k][v];[GET][k];[PING];[GET][k];?0")},
    {TEXT("ECHO a\tb\r\n"), TEXT("[ECHO][a][b];?0")},
    // \v and \f stand between words, but end none.
    {TEXT("ECHO a\x0b"
          "b\r\n"),
     TEXT("[ECHO][a\x0b"
          "b];?0")},
    {TEXT("ECHO a\x0c"
          "b\r\n"),
     TEXT("[ECHO][a\x0c"
          "b];?0")},
    {TEXT("ECHO \x0b\x0c"
          "ab\r\n"),
     TEXT("[ECHO][ab];?0")},
    {TEXT("ECHO \"a\"\x0b\r\n"), TEXT("[ECHO][a];?0")},
    {TEXT("ECHO \xa0\x85\xff\r\n"), TEXT("[ECHO][\xa0\x85\xff];?0")},
    {TEXT("PI\0NG\r\n" PING), TEXT("?21")},
    {TEXT("$4\r\nPING\r\n"), TEXT("[$4];[PING];?0")},
    // Double quotes.
    {TEXT("ECHO \"\" x\r\n"), TEXT("[ECHO][][x];?0")},
    {TEXT("\"\" \r\n"), TEXT("[];?0")},
    {TEXT("ECHO a\"b c\"\r\n"), TEXT("[ECHO][ab c];?0")},
    {TEXT("ECHO \"a\"\tb\r\n"), TEXT("[ECHO][a][b];?0")},
    {TEXT("ECHO \"a\rb\"\r\n"), TEXT("[ECHO][a\rb];?0")},
    {TEXT("ECHO \"'\" '\"'\r\n"), TEXT("[ECHO]['][\"];?0")},
    {TEXT("ECHO \"\\x41\\x4\\n\\r\\t\\b\\a\\q\\\\\\\"\\x00\\xfF\\xg0\" after\r\n"),
     TEXT("[ECHO][Ax4\n\r\t\b\aq\\\"\0\xffxg0][after];?0")},
    {TEXT("ECHO \"a\\x4\"\r\n"), TEXT("[ECHO][ax4];?0")},
    {TEXT("ECHO \"\\x\"\n"), TEXT("[ECHO][x];?0")},
    {TEXT("ECHO \"\\xAf\"\n"), TEXT("[ECHO][\xaf];?0")},
    {TEXT("ECHO \\x41\r\n"), TEXT("[ECHO][\\x41];?0")},
    {TEXT("ECHO \"a\"x\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO \"a\"\"b\"\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO \"abc\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO \"abc\\\"\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO \"abc\\\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO \"abc\\\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO \"abc\\x4\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO abc\"\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO \"a"), TEXT("?7")},
    // Single quotes.
    {TEXT("ECHO 'a\\'b\\n\\x41' c\r\n"), TEXT("[ECHO][a'b\\n\\x41][c];?0")},
    {TEXT("ECHO '\\''\r\n"), TEXT("[ECHO]['];?0")},
    {TEXT("ECHO 'a'\r\n"), TEXT("[ECHO][a];?0")},
    {TEXT("ECHO ''\n"), TEXT("[ECHO][];?0")},
    {TEXT("ECHO 'a\\\\'\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO 'a'x\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO a'b c'd\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO 'abc\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("ECHO 'abc\\'\r\n"), TEXT(ERROR_QUOTES)},
    {TEXT("SET 1 \"two\\x20words\" '3' \"\" 5\r\nSET 1 \"two\\x20words\" '3'\r\n"),
     TEXT("[SET][1][two words][3][][5];[SET][1][two words][3];?0")},
};

static const struct sample stranger_samples[] = {
    {TEXT("*10\r\n" PING), TEXT(ERROR_DOLLAR("*"))},
    {TEXT("*11\r\n" PING), TEXT(ERROR_STRANGER_COUNT)},
    {TEXT("*0\r\n" PING), TEXT("[PING];?0")},
    {TEXT("*-1\r\n" PING), TEXT("[PING];?0")},
    {TEXT("*1048577\r\n"), TEXT(ERROR_COUNT)},
    {TEXT("*1\r\n$16384\r\nabc"), TEXT("?3")},
    {TEXT("*1\r\n$16385\r\nabc"), TEXT(ERROR_STRANGER_BULK)},
    {TEXT("*1\r\n$32768\r\nabc"), TEXT(ERROR_STRANGER_BULK)},
    {TEXT("*1\r\n$600000000\r\nabc"), TEXT(ERROR_BULK)},
    {TEXT("*1\r\n$-1\r\nabc"), TEXT(ERROR_BULK)},
    {TEXT("PING 1 2 3 4 5 6 7 8 9 10 11\r\n"),
     TEXT("[PING][1][2][3][4][5][6][7][8][9][10][11];?0")},
};

static void expect_way(const struct sample *sample, struct resp_limits limits, struct feed_way way,
                       size_t index)
{
    struct feed feed;
    feed_start(&feed, way, limits);
    feed_stream(&feed, (const uint8_t *)sample->stream, sample->stream_length);
    cr_assert(feed.transcript_length == sample->transcript_length &&
                  memcmp(feed.transcript, sample->transcript, sample->transcript_length) == 0,
              "sample %zu, chunk %zu, first %zu, capacity %u: got %s instead of %s", index,
              way.chunk, way.first, way.capacity, feed.transcript, sample->transcript);
    feed_end(&feed);
}

// Whole, in chunks of every size, and cut in two at every byte, with small and large arrays.
static void expect_all_ways(const struct sample *sample, struct resp_limits limits, size_t index)
{
    for (uint32_t variant = 0; variant < 8; variant++) {
        struct feed_way way = {
            .capacity = variant & 1   ? 64
                        : variant & 2 ? 1
                                      : 0,
            .grow_whole = variant & 2,
            .discard = variant & 4,
            .exact = true,
        };
        expect_way(sample, limits, way, index);
        for (way.chunk = 1; way.chunk < sample->stream_length; way.chunk++)
            expect_way(sample, limits, way, index);
        way.chunk = 0;
        for (way.first = 1; way.first < sample->stream_length; way.first++)
            expect_way(sample, limits, way, index);
    }
}

static void expect_samples(const struct sample *samples, size_t count, struct resp_limits limits)
{
    cr_assert_gt(count, 0);
    for (size_t i = 0; i < count; i++)
        expect_all_ways(&samples[i], limits, i);
}

Test(resp_parser, multibulk_at_every_split)
{
    expect_samples(multibulk_samples, sizeof(multibulk_samples) / sizeof(multibulk_samples[0]),
                   usual);
}

Test(resp_parser, inline_at_every_split)
{
    expect_samples(inline_samples, sizeof(inline_samples) / sizeof(inline_samples[0]), usual);
}

Test(resp_parser, strangers_at_every_split)
{
    expect_samples(stranger_samples, sizeof(stranger_samples) / sizeof(stranger_samples[0]),
                   stranger);
}

Test(resp_parser, lower_limit_of_arguments)
{
    static const struct sample samples[] = {
        {TEXT("*1\r\n$4\r\nPING\r\n"), TEXT("[PING];?0")},
        {TEXT("*1\r\n$5\r\nPINGS\r\n"), TEXT(ERROR_BULK)},
        {TEXT("*1\r\n$100\r\n"), TEXT(ERROR_BULK)},
    };
    const struct resp_limits limits = {.authenticated = true, .argument_bytes_max = 4};
    expect_samples(samples, sizeof(samples) / sizeof(samples[0]), limits);
}

Test(resp_parser, limit_of_arguments_above_what_a_value_can_be)
{
    static const struct sample samples[] = {
        {TEXT("*1\r\n$536870912\r\n"), TEXT("?large 536870914")},
        {TEXT("*1\r\n$536870913\r\n"), TEXT(ERROR_BULK)},
        {TEXT("*1\r\n$-1\r\n"), TEXT(ERROR_BULK)},
    };
    const struct resp_limits limits = {.authenticated = true, .argument_bytes_max = UINT64_MAX};
    expect_samples(samples, sizeof(samples) / sizeof(samples[0]), limits);
}

// --- long lines ------------------------------------------------------------------------------

// Feeds `prefix`, then `fill` up to `total` bytes, then `rest`; returns whether the transcript is
// `transcript`. What comes first, comes in two pieces.
static bool long_line_gives(const char *prefix, char fill, size_t total, const char *rest,
                            const char *transcript)
{
    char *line = malloc(total);
    memset(line, fill, total);
    memcpy(line, prefix, strlen(prefix));
    struct feed feed;
    feed_start(&feed, (struct feed_way){.capacity = 4}, usual);
    feed_bytes(&feed, line, total / 2);
    feed_bytes(&feed, line + total / 2, total - total / 2);
    free(line);
    if (rest != NULL)
        feed_bytes(&feed, rest, strlen(rest));
    const bool same = strcmp(feed.transcript, transcript) == 0;
    feed_end(&feed);
    return same;
}

#define TOO_BIG_INLINE "!ERR Protocol error: too big inline request"
#define TOO_BIG_COUNT "!ERR Protocol error: too big mbulk count string"
#define TOO_BIG_BULK "!ERR Protocol error: too big bulk count string"

Test(resp_parser, lines_without_end)
{
    cr_assert(long_line_gives("", 'a', 65536, NULL, ""));
    cr_assert(long_line_gives("", 'a', 65537, NULL, TOO_BIG_INLINE));
    cr_assert(long_line_gives("*", '1', 65536, NULL, ""));
    cr_assert(long_line_gives("*", '1', 65537, NULL, TOO_BIG_COUNT));
    cr_assert(long_line_gives("*", '1', 65536, "\r\n", ERROR_COUNT));
    // 65536 bytes of the line itself, behind the four of "*1\r\n".
    cr_assert(long_line_gives("*1\r\n$", '1', 65540, NULL, ""));
    cr_assert(long_line_gives("*1\r\n$", '1', 65541, NULL, TOO_BIG_BULK));
    cr_assert(long_line_gives("*1\r\n$", '1', 65540, "\r\n", ERROR_BULK));
    cr_assert(long_line_gives("*1\r\nx", '1', 65541, NULL, TOO_BIG_BULK));
    // '\n' ends no count line, and '\r' no inline line.
    cr_assert(long_line_gives("*1\n", 'a', 65537, NULL, TOO_BIG_COUNT));
    cr_assert(long_line_gives("PING\r", 'a', 65537, NULL, TOO_BIG_INLINE));
    // What a NUL hides is no end; all that has come counts, as in Redis.
    cr_assert(long_line_gives("*1\r\n", '\0', 65541, NULL, TOO_BIG_BULK));
    cr_assert(long_line_gives("PING", '\0', 65535, "\n", ""));
    cr_assert(long_line_gives("PING", '\0', 65536, "\n", TOO_BIG_INLINE));
    // Empty commands before the line do not count.
    cr_assert(long_line_gives("\r\n*0\r\n", 'a', 65542, NULL, ""));
    cr_assert(long_line_gives("\r\n*0\r\n", 'a', 65543, NULL, TOO_BIG_INLINE));
}

Test(resp_parser, a_long_inline_line_that_ends_in_time)
{
    const size_t lengths[] = {65535, 65536};
    for (size_t i = 0; i < 2; i++) {
        char *expected = malloc(lengths[i] + 4);
        memset(expected, 'a', lengths[i] + 1);
        expected[0] = '[';
        memcpy(expected + lengths[i] + 1, "];", 3);
        cr_assert(long_line_gives("", 'a', lengths[i], "\n", expected));
        free(expected);
    }
}

Test(resp_parser, never_searches_twice)
{
    static uint8_t line[65536];
    const char *starts[] = {"", "*", "*1\r\n$"};
    for (size_t i = 0; i < 3; i++) {
        memset(line, '1', sizeof(line));
        memcpy(line, starts[i], strlen(starts[i]));
        struct resp_arg args[1];
        struct resp_parser parser;
        resp_parser_init(&parser);
        parser.args = args;
        parser.args_capacity = 1;
        for (size_t length = 0; length <= sizeof(line); length++) {
            cr_assert_eq(resp_parse(&parser, &usual, line, length), RESP_PARTIAL);
            cr_assert(parser.scanned == length || length < 8);
        }
    }
}

// --- many arguments, large arguments ---------------------------------------------------------

Test(resp_parser, inline_with_many_arguments_and_a_growing_array)
{
    char line[3 * 3000 + 8];
    char expected[3 * 3000 + 8];
    size_t length = 0, expected_length = 0;
    for (int i = 0; i < 3000; i++) {
        length += (size_t)sprintf(line + length, i % 2 ? "a " : "'' ");
        expected_length += (size_t)sprintf(expected + expected_length, i % 2 ? "[a]" : "[]");
    }
    line[length++] = '\n';
    expected_length += (size_t)sprintf(expected + expected_length, ";?0");
    const struct sample sample = {line, length, expected, expected_length};
    expect_way(&sample, usual, (struct feed_way){.capacity = 1}, 0);
    expect_way(&sample, usual, (struct feed_way){.capacity = 1, .grow_whole = true}, 0);
    expect_way(&sample, usual, (struct feed_way){.capacity = 4000, .chunk = 7}, 0);
}

Test(resp_parser, most_arguments_that_there_can_be)
{
    const size_t unit = 7; // "$1\r\na\r\n"
    const size_t header = 10;
    const size_t length = header + unit * ARGUMENTS_MAX;
    uint8_t *bytes = malloc(length);
    memcpy(bytes, "*1048576\r\n", header);
    for (size_t i = 0; i < ARGUMENTS_MAX; i++)
        memcpy(bytes + header + i * unit, "$1\r\na\r\n", unit);
    struct resp_parser parser;
    resp_parser_init(&parser);
    parser.args_capacity = ARGUMENTS_MAX;
    parser.args = calloc(ARGUMENTS_MAX, sizeof(struct resp_arg));
    cr_assert_eq(resp_parse(&parser, &usual, bytes, length - 1), RESP_PARTIAL);
    cr_assert_eq(parser.argc, ARGUMENTS_MAX - 1);
    cr_assert_eq(resp_parse(&parser, &usual, bytes, length), RESP_COMMAND);
    cr_assert_eq(parser.argc, ARGUMENTS_MAX);
    cr_assert_eq(parser.offset, length);
    for (size_t i = 0; i < ARGUMENTS_MAX; i++) {
        cr_assert(parser.args[i].where == header + i * unit + 4 && parser.args[i].length == 1);
    }
    free(parser.args);
    free(bytes);
}

static size_t add_argument(char *stream, size_t at, size_t size, char fill)
{
    at += (size_t)sprintf(stream + at, "$%zu\r\n", size);
    memset(stream + at, fill, size);
    memcpy(stream + at + size, "\r\n", 2);
    return at + size + 2;
}

static size_t add_expected(char *transcript, size_t at, size_t size, char fill)
{
    transcript[at++] = '[';
    if (size >= LARGE_ARGUMENT_BYTES)
        transcript[at++] = '^';
    memset(transcript + at, fill, size);
    transcript[at + size] = ']';
    return at + size + 1;
}

Test(resp_parser, large_arguments_anywhere_in_a_pipeline)
{
    static char stream[2000000], transcript[2000000];
    const size_t sizes[] = {3, 32767, 32768, 0, 100000, 100001, 40000, 1000, 999, 9999, 10000, 1};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    size_t length = 0, expected = 0;
    for (size_t command = 0; command < 3; command++) {
        length += (size_t)sprintf(stream + length, "\r\n*%zu\r\n", count - command);
        for (size_t i = command; i < count; i++) {
            length = add_argument(stream, length, sizes[i], (char)('a' + i));
            expected = add_expected(transcript, expected, sizes[i], (char)('a' + i));
        }
        transcript[expected++] = ';';
    }
    memcpy(stream + length, "*1\r\n$32768\r\nabc", 15);
    length += 15;
    expected += (size_t)sprintf(transcript + expected, "?large 32767");
    const struct sample sample = {stream, length, transcript, expected};
    const size_t chunks[] = {0, 997, 4096, 16384, 16385, 32768, 65536, 100003};
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        for (uint32_t capacity = 1; capacity < 20; capacity += 5)
            expect_way(
                &sample, usual,
                (struct feed_way){.capacity = capacity, .chunk = chunks[i], .discard = i & 1}, i);
    }
    for (size_t first = 1; first < 32850; first += first < 40 || first > 32830 ? 1 : 1331)
        expect_way(&sample, usual,
                   (struct feed_way){.capacity = 1, .first = first, .chunk = 500000}, first);
}

Test(resp_parser, a_large_argument_is_announced_until_it_is_done)
{
    uint8_t bytes[] = "*2\r\n$40000\r\n$1\r\nx\r\n";
    struct resp_arg args[2];
    struct resp_parser parser;
    resp_parser_init(&parser);
    cr_assert_eq(resp_parser_args_expected(&parser), 1);
    parser.args = args;
    cr_assert_eq(resp_parse(&parser, &usual, bytes, 12), RESP_ARGS_FULL);
    cr_assert_eq(resp_parser_args_expected(&parser), 2);
    parser.args_capacity = 1;
    cr_assert_eq(resp_parse(&parser, &usual, bytes, 12), RESP_LARGE);
    cr_assert_eq(resp_parse(&parser, &usual, bytes, 12), RESP_LARGE);
    cr_assert(parser.large_length == 40000 && parser.offset == 12 && parser.argc == 0);
    cr_assert_eq(resp_parser_discard(&parser), 0);
    resp_parser_large_done(&parser, 77);
    cr_assert(args[0].external && args[0].where == 77 && args[0].length == 40000);
    cr_assert_eq(resp_parse(&parser, &usual, bytes, 12), RESP_ARGS_FULL);
    parser.args_capacity = 2;
    cr_assert_eq(resp_parse(&parser, &usual, bytes, 12), RESP_PARTIAL);
    cr_assert_eq(resp_parse(&parser, &usual, bytes, sizeof(bytes) - 1), RESP_COMMAND);
    cr_assert(parser.argc == 2 && args[1].where == 16 && !args[1].external);
    cr_assert_eq(parser.offset, 19);
    resp_parser_next(&parser);
    cr_assert(parser.args == args && parser.args_capacity == 2 && parser.offset == 0);
}

Test(resp_parser, discards_only_empty_commands)
{
    uint8_t bytes[] = "\r\n*0\r\n*1\r\n$4\r\nPI";
    struct resp_arg args[1];
    struct resp_parser parser;
    resp_parser_init(&parser);
    parser.args = args;
    parser.args_capacity = 1;
    cr_assert_eq(resp_parse(&parser, &usual, bytes, 8), RESP_PARTIAL);
    cr_assert_eq(resp_parser_discard(&parser), 6);
    cr_assert_eq(resp_parser_discard(&parser), 0);
    cr_assert_eq(resp_parse(&parser, &usual, bytes + 6, 4), RESP_PARTIAL);
    cr_assert_eq(resp_parser_discard(&parser), 0);
    cr_assert_eq(resp_parse(&parser, &usual, bytes + 6, 10), RESP_PARTIAL);
    cr_assert_eq(parser.offset, 8);
}

// --- random streams --------------------------------------------------------------------------

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 33;
}

Test(resp_parser, random_pipelines_come_out_as_they_went_in)
{
    static char stream[300000], transcript[300000];
    uint64_t random = 1;
    for (size_t round = 0; round < 200; round++) {
        size_t length = 0, expected = 0;
        while (length < 20000) {
            const size_t argc = 1 + next_random(&random) % (next_random(&random) % 8 ? 5 : 200);
            length += (size_t)sprintf(stream + length, "*%zu\r\n", argc);
            for (size_t i = 0; i < argc; i++) {
                const size_t bound = (size_t[]){4, 20, 200, 3000}[next_random(&random) % 4];
                const size_t size = next_random(&random) % bound / (argc > 20 ? 10 : 1);
                const char fill = (char)next_random(&random);
                length = add_argument(stream, length, size, fill);
                expected = add_expected(transcript, expected, size, fill);
            }
            transcript[expected++] = ';';
        }
        expected += (size_t)sprintf(transcript + expected, "?0");
        const struct sample sample = {stream, length, transcript, expected};
        const struct feed_way way = {
            .chunk = round % 4 ? 1 + next_random(&random) % 3000 : 0,
            .capacity = (uint32_t)(round % 3),
            .grow_whole = round & 1,
        };
        expect_way(&sample, usual, way, round);
    }
}
