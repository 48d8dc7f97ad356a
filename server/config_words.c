// Splits a line of a configuration file into words, with redis.conf's quoting.
#include "server/config_words.h"

#include <assert.h>
#include <string.h>

static const char too_long[] = "the line is too long";
static const char unbalanced[] = "unbalanced quotes";

void config_words_clear(struct config_words *words)
{
    words->count = 0;
    words->used = 0;
}

static bool word_begin(struct config_words *words, const char **reason)
{
    assert(words->used < sizeof words->storage);
    if (words->count == CONFIG_WORDS_MAX) {
        *reason = "too many words";
        return false;
    }
    words->word[words->count].text = words->storage + words->used;
    words->word[words->count].length = 0;
    return true;
}

static bool word_byte(struct config_words *words, char byte, const char **reason)
{
    // One byte for the terminator, and one that word_begin may rely on.
    if (words->used + 2 >= sizeof words->storage) {
        *reason = too_long;
        return false;
    }
    words->storage[words->used++] = byte;
    words->word[words->count].length++;
    return true;
}

static void word_end(struct config_words *words)
{
    assert(words->used + 1 < sizeof words->storage);
    words->storage[words->used++] = '\0';
    words->count++;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    char lower = (char)(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The byte that an escape in "..." stands for; *at is at its backslash, and then at its last byte.
static char unescape(const char **at)
{
    const char *p = *at;
    assert(p[0] == '\\' && p[1] != '\0');
    if (p[1] == 'x' && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
        *at = p + 3;
        return (char)(hex_digit(p[2]) * 16 + hex_digit(p[3]));
    }
    *at = p + 1;
    switch (p[1]) {
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
        return p[1];
    }
}

// Appends what stands between quotes; *at is at the opening one, and then after the closing one.
static bool quoted(struct config_words *words, const char **at, const char **reason)
{
    const char quote = **at;
    const char *p = *at + 1;
    for (; *p != '\0' && *p != quote; p++) {
        char byte = *p;
        if (quote == '"' && *p == '\\' && p[1] != '\0') {
            byte = unescape(&p);
        } else if (quote == '\'' && *p == '\\' && p[1] == '\'') {
            byte = *++p;
        }
        if (!word_byte(words, byte, reason)) {
            return false;
        }
    }
    if (*p != quote || (p[1] != '\0' && !is_space(p[1]))) {
        *reason = unbalanced;
        return false;
    }
    *at = p + 1;
    return true;
}

bool config_words_split(struct config_words *words, const char *line, const char **reason)
{
    const char *p = line;
    while (*p != '\0') {
        if (is_space(*p)) {
            p++;
            continue;
        }
        if (!word_begin(words, reason)) {
            return false;
        }
        while (*p != '\0' && !is_space(*p)) {
            bool quote = *p == '"' || *p == '\'';
            if (quote ? !quoted(words, &p, reason) : !word_byte(words, *p++, reason)) {
                return false;
            }
        }
        word_end(words);
    }
    return true;
}

bool config_words_add(struct config_words *words, const char *text, size_t length,
                      const char **reason)
{
    if (!word_begin(words, reason)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!word_byte(words, text[i], reason)) {
            return false;
        }
    }
    word_end(words);
    return true;
}
