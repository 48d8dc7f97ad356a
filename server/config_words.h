// Splits a line of a configuration file into words, with redis.conf's quoting.
#ifndef PORO_SERVER_CONFIG_WORDS_H
#define PORO_SERVER_CONFIG_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_LINE_MAX 8192 // longest line, terminator included
#define CONFIG_WORDS_MAX 64

struct config_words {
    size_t count;
    struct {
        const char *text; // in storage, zero-terminated; may hold zero bytes before its end
        size_t length;
    } word[CONFIG_WORDS_MAX];
    size_t used;
    char storage[CONFIG_LINE_MAX + CONFIG_WORDS_MAX];
};

void config_words_clear(struct config_words *words);

// Appends the words of `line`. They are separated by white space; "..." may hold \n \r \t \b \a
// \xHH and \ before any other character; '...' only knows \'. A closing quote must end its word.
// False with *reason.
bool config_words_split(struct config_words *words, const char *line, const char **reason);

// Appends one word as it is. False with *reason.
bool config_words_add(struct config_words *words, const char *text, size_t length,
                      const char **reason);

#endif
