// Integers as text: exactly the canonical form is read, and what is written is read back.
#include "protocol/number.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 11 ^ *state << 31;
}

// The model: strtoll reads it whole, and printing gives the same text.
static bool model_parse(const char *text, size_t length, int64_t *value)
{
    char terminated[64], printed[64], *end;
    if (length == 0 || length >= sizeof(terminated) || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(terminated, text, length);
    terminated[length] = '\0';
    errno = 0;
    const long long number = strtoll(terminated, &end, 10);
    snprintf(printed, sizeof(printed), "%lld", number);
    if (errno != 0 || end != terminated + length || strcmp(printed, terminated) != 0)
        return false;
    *value = number;
    return true;
}

static void expect_like_model(const char *text, size_t length)
{
    // Exactly as long as the text, so that a sanitizer sees a read beyond it.
    uint8_t *copy = malloc(length + (length == 0));
    memcpy(copy, text, length);
    int64_t got = 12345, expected = 12345;
    const bool got_number = number_parse(copy, length, &got);
    const bool expected_number = model_parse(text, length, &expected);
    cr_assert_eq(got_number, expected_number, "\"%.*s\"", (int)length, text);
    cr_assert_eq(got, expected, "\"%.*s\"", (int)length, text);
    free(copy);
}

static void expect_format(int64_t value)
{
    char text[NUMBER_TEXT_MAX], expected[32];
    const int length = snprintf(expected, sizeof(expected), "%" PRId64, value);
    cr_assert_eq(number_format(text, value), (size_t)length, "%" PRId64, value);
    cr_assert(memcmp(text, expected, (size_t)length) == 0, "%" PRId64, value);
    int64_t back;
    cr_assert(number_parse((const uint8_t *)text, (size_t)length, &back) && back == value);
}

Test(number, edges_that_are_numbers)
{
    static const struct {
        const char *text;
        int64_t value;
    } samples[] = {
        {"0", 0},
        {"1", 1},
        {"-1", -1},
        {"9", 9},
        {"10", 10},
        {"-10", -10},
        {"999999999999999999", 999999999999999999},
        {"1000000000000000000", 1000000000000000000},
        {"9223372036854775806", INT64_MAX - 1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775807", -INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t value = 77;
        const size_t length = strlen(samples[i].text);
        cr_assert(number_parse((const uint8_t *)samples[i].text, length, &value));
        cr_assert_eq(value, samples[i].value, "%s", samples[i].text);
    }
}

Test(number, edges_that_are_none)
{
    static const char *const samples[] = {
        "",
        "-",
        "--1",
        "+1",
        "-+1",
        "00",
        "01",
        "-0",
        "-01",
        "-00",
        " 1",
        "1 ",
        "1\n",
        "\t1",
        "1a",
        "a1",
        "0x1",
        "1.0",
        "1e3",
        "1-",
        "/",
        ":",
        "1/",
        "1:",
        "9223372036854775808",
        "-9223372036854775809",
        "9223372036854775810",
        "9999999999999999999",
        "-9999999999999999999",
        "10000000000000000000",
        "-10000000000000000000",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "36893488147419103233",
        "100000000000000000000",
        "000000000000000000000000000001",
        "1000000000000000000000000000000000000000000000000",
        "inf",
        "nan",
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t value = 77;
        const size_t length = strlen(samples[i]);
        cr_assert_not(number_parse((const uint8_t *)samples[i], length, &value), "\"%s\"",
                      samples[i]);
        cr_assert_eq(value, 77, "\"%s\" changed the value", samples[i]);
        expect_like_model(samples[i], length);
    }
    int64_t value = 77;
    cr_assert_not(number_parse(NULL, 0, &value));
    cr_assert_not(number_parse((const uint8_t *)"1\0", 2, &value));
    cr_assert_not(number_parse((const uint8_t *)"\0001", 2, &value));
}

// Every text of up to four bytes from an alphabet with all that matters, and every single and
// double byte.
Test(number, every_short_text_like_the_model)
{
    static const char alphabet[] = "0129-+ a.\xff";
    const size_t letters = sizeof(alphabet) - 1;
    for (size_t code = 0; code < letters * letters * letters * letters; code++) {
        char text[4];
        size_t rest = code;
        for (size_t i = 0; i < 4; i++, rest /= letters)
            text[i] = alphabet[rest % letters];
        for (size_t length = 0; length <= 4; length++)
            expect_like_model(text, length);
    }
    for (unsigned code = 0; code < 65536; code++) {
        const char text[2] = {(char)(code >> 8), (char)code};
        expect_like_model(text, 2);
        expect_like_model(text, 1);
    }
}

Test(number, random_texts_like_the_model)
{
    uint64_t random = 7;
    for (size_t round = 0; round < 300000; round++) {
        char text[24];
        const size_t length = 1 + next_random(&random) % 22;
        for (size_t i = 0; i < length; i++)
            text[i] = (char)('0' + next_random(&random) % 10);
        if (next_random(&random) % 3 == 0)
            text[0] = '-';
        if (next_random(&random) % 8 == 0)
            text[next_random(&random) % length] = (char)next_random(&random);
        expect_like_model(text, length);
        // Close to the largest: its digits with one changed.
        memcpy(text, "-9223372036854775808", 20);
        text[1 + next_random(&random) % 19] = (char)('0' + next_random(&random) % 10);
        expect_like_model(text, 20);
        expect_like_model(text + 1, 19);
    }
}

Test(number, format_of_edges_and_random_values)
{
    for (int64_t value = -200000; value <= 200000; value++)
        expect_format(value);
    uint64_t power = 1;
    for (int digits = 0; digits < 19; digits++, power *= 10) {
        for (int64_t delta = -2; delta <= 2; delta++) {
            expect_format((int64_t)power + delta);
            expect_format(-(int64_t)power + delta);
        }
    }
    expect_format(INT64_MAX);
    expect_format(INT64_MIN);
    expect_format(INT64_MIN + 1);
    uint64_t random = 3;
    for (size_t round = 0; round < 300000; round++)
        expect_format((int64_t)(next_random(&random) >> next_random(&random) % 64));
}

Test(number, format_touches_nothing_behind_the_text)
{
    const int64_t values[] = {0, 7, -7, 42, 100, -9999, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[NUMBER_TEXT_MAX + 1];
        memset(text, '#', sizeof(text));
        const size_t length = number_format(text, values[i]);
        cr_assert_eq(text[length], '#');
    }
}

// The texts are what redis-server 7.0.15 sends for these values (a script's double in RESP3).
Test(number, doubles_as_redis_prints_them)
{
    static const struct {
        double value;
        const char *text;
    } samples[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-1.0, "-1"},
        {0.1, "0.10000000000000001"},
        {0.2, "0.20000000000000001"},
        {0.3, "0.29999999999999999"},
        {3.1, "3.1000000000000001"},
        {3.141, "3.141"},
        {1.5, "1.5"},
        {0.5, "0.5"},
        {100.0, "100"},
        {1e15, "1000000000000000"},
        {1e16, "10000000000000000"},
        {1e17, "1e+17"},
        {123456789012345678.0, "1.2345678901234568e+17"},
        {1e21, "1e+21"},
        {1e100, "1e+100"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "4.9406564584124654e-324"},
        {-5e-324, "-4.9406564584124654e-324"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {0.0001, "0.0001"},
        {0.00001, "1.0000000000000001e-05"},
        {1e-7, "9.9999999999999995e-08"},
        {1.0 / 3, "0.33333333333333331"},
        {2.0 / 3, "0.66666666666666663"},
        {-2.2250738585072011e-308, "-2.2250738585072009e-308"},
        {17179869184.0, "17179869184"},
        {9007199254740993.0, "9007199254740992"},
        {4503599627370497.5, "4503599627370498"},
        {1e22, "1e+22"},
        {1e23, "9.9999999999999992e+22"},
        {123.456, "123.456"},
        {-273.15, "-273.14999999999998"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {-NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char text[32];
        const size_t length = number_format_double(text, samples[i].value);
        cr_assert(length == strlen(samples[i].text) && memcmp(text, samples[i].text, length) == 0,
                  "%.*s instead of %s", (int)length, text, samples[i].text);
    }
}
