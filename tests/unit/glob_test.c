// Glob patterns, with the answers of Redis 7.
#include "storage/glob.h"

#include <criterion/criterion.h>
#include <string.h>

static bool match(const char *pattern, const char *text)
{
    return glob_match((const uint8_t *)pattern, strlen(pattern), (const uint8_t *)text,
                      strlen(text), false);
}

static bool match_any_case(const char *pattern, const char *text)
{
    return glob_match((const uint8_t *)pattern, strlen(pattern), (const uint8_t *)text,
                      strlen(text), true);
}

struct glob_case {
    const char *pattern;
    const char *text;
    bool expected;
};

static const struct glob_case cases[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"*", "", false}, // as in Redis, whose KEYS * never asks
    {"**", "", false},
    {"*", "a", true},
    {"**", "abc", true},
    {"hello", "hello", true},
    {"hello", "hell", false},
    {"hello", "helloo", false},
    {"h?llo", "hallo", true},
    {"h?llo", "hllo", false},
    {"h*llo", "hllo", true},
    {"h*llo", "heeeello", true},
    {"h*llo", "heeeell", false},
    {"h*", "h", true},
    {"h**", "h", true},
    {"*h", "h", true},
    {"*?", "a", true},
    {"?*", "a", true},
    {"*a*b*", "xaxbx", true},
    {"*a*b*", "xbxax", false},
    {"*ab", "aab", true},
    {"*aab", "aaab", true},
    {"a*a", "a", false},
    {"a*bc*d", "abcbcd", true},
    // Sets.
    {"h[ae]llo", "hello", true},
    {"h[ae]llo", "hillo", false},
    {"h[^e]llo", "hallo", true},
    {"h[^e]llo", "hello", false},
    {"h[a-b]llo", "hbllo", true},
    {"h[a-b]llo", "hcllo", false},
    {"h[b-a]llo", "hallo", true}, // a reversed range is turned round
    {"[a-cx-z]", "y", true},
    {"[a-cx-z]", "m", false},
    {"[^a-c]", "b", false},
    {"[a^]", "^", true},
    {"[!a]", "b", false}, // only ^ negates
    {"[!a]", "!", true},
    {"[]", "a", false}, // an empty set
    {"[]a]", "]", false},
    {"[^]", "a", true},
    {"[^]x", "ax", true},
    {"[\\]]", "]", true},
    {"[\\]]", "\\", false},
    {"[\\-a]", "-", true},
    {"[a\\-z]", "m", false},
    {"[a\\-z]", "-", true},
    {"[*]", "*", true},
    {"[*]", "a", false},
    {"[?]", "?", true},
    {"[-]", "-", true},
    {"[a-]", "a", true}, // the range goes to ], and the set is not closed
    {"[a-]", "_", true},
    {"[a-]", "-", false},
    {"[a-]", "b", false},
    // Unclosed sets end with the pattern.
    {"h[a-", "ha", true},
    {"h[a-", "h-", true},
    {"h[a-", "hb", false},
    {"h[a", "ha", true},
    {"h[", "h", false},
    {"h[", "h[", false},
    {"[^", "a", true},
    {"[^", "ab", false},
    {"[a\\", "a", true},
    {"[a\\", "\\", true},
    {"*[", "a", false},
    // Escapes.
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"\\a", "a", true},
    {"\\\\", "\\", true},
    {"\\", "\\", true}, // a trailing backslash stands for itself
    {"\\", "a", false},
    {"a\\", "a\\", true},
    {"\\[a]", "[a]", true},
    {"*\\*", "ab*", true},
    {"*\\*", "abc", false},
};

Test(glob, cases)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        cr_expect_eq(match(cases[i].pattern, cases[i].text), cases[i].expected, "%s %s",
                     cases[i].pattern, cases[i].text);
}

Test(glob, ignores_case)
{
    cr_expect(match_any_case("HeL*", "hElLO"));
    cr_expect_not(match("HeL*", "hElLO"));
    cr_expect(match_any_case("[a-c]", "B"));
    cr_expect(match_any_case("[A-C]", "b"));
    cr_expect(match_any_case("[XYZ]", "y"));
    cr_expect(match_any_case("\\A", "a"));
    cr_expect_not(match_any_case("[\\A]", "a")); // escaped in a set: compared exactly
    cr_expect(match_any_case("[\\A]", "A"));
}

Test(glob, is_binary_safe)
{
    static const uint8_t text[] = {'a', 0, 0xFF, 'b'};
    static const uint8_t pattern[] = {'a', 0, '[', 0x80, '-', 0xFF, ']', '*'};
    cr_expect(glob_match(pattern, sizeof(pattern), text, sizeof(text), false));
    cr_expect_not(glob_match(pattern, 2, text, sizeof(text), false));
}

// The plain definition, exponential; see glob.c for what the empty text is about.
static bool reference(const char *pattern, const char *text)
{
    if (*pattern == 0)
        return *text == 0;
    if (*pattern == '*')
        return reference(pattern + 1, text) || (*text != 0 && reference(pattern, text + 1));
    return *text != 0 && (*pattern == '?' || *pattern == *text) && reference(pattern + 1, text + 1);
}

// All patterns and texts of up to 6 and 5 characters over small alphabets.
Test(glob, agrees_with_the_definition)
{
    static const char in_pattern[] = "ab*?";
    for (uint32_t p = 0; p < 1U << 14; p++) {
        char pattern[8] = {0};
        for (uint32_t i = 0; i < (p >> 12) + 3; i++)
            pattern[i] = in_pattern[p >> (2 * i) & 3];
        for (uint32_t t = 0; t < 1U << 5; t++) {
            for (uint32_t length = 1; length <= 5; length++) {
                char text[8] = {0};
                for (uint32_t i = 0; i < length; i++)
                    text[i] = "ab"[t >> i & 1];
                cr_assert_eq(match(pattern, text), reference(pattern, text), "%s %s", pattern,
                             text);
            }
        }
    }
}

// Work is bounded by the product of the lengths, 2e8 at most here: a fraction of a second.
Test(glob, bounds_its_work, .timeout = 10)
{
    static uint8_t pattern[20000];
    static uint8_t text[10000];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(pattern); i += 2) {
        pattern[i] = 'a';
        pattern[i + 1] = '*';
    }
    pattern[sizeof(pattern) - 1] = 'b';
    cr_expect_not(glob_match(pattern, sizeof(pattern), text, sizeof(text), false));
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    cr_expect_not(glob_match(pattern, 8001, text, sizeof(text) - 9999 + 50, false));
    memcpy(pattern, "*[b-cd-ef-gh-i]", 15);
    cr_expect_not(glob_match(pattern, 15, text, sizeof(text), false));
}
