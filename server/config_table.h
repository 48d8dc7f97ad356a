// The table of settings: what config.c, config_parse.c and config_set.c share; nobody else's.
#ifndef PORO_SERVER_CONFIG_TABLE_H
#define PORO_SERVER_CONFIG_TABLE_H

#include "server/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
    SETTING_TEXT,   // char[CONFIG_TEXT_MAX]
    SETTING_WORDS,  // char[CONFIG_TEXT_MAX]; may be written as several words
    SETTING_NUMBER, // int64_t
    SETTING_MEMORY, // int64_t, written with or without a unit
    SETTING_BOOL,   // bool
    SETTING_CHOICE, // an enum
    SETTING_FLAGS,  // int, choices that may be written together, separated by spaces
    SETTING_OCTAL,  // int64_t, written in base 8
    SETTING_SHARE,  // int64_t: SETTING_MEMORY, or a percentage, which is kept negative
    SETTING_LIMITS, // struct config_output_limit[CONFIG_OUTPUT_CLASSES]; may be written as several
                    // words, and class by class
};

// May CONFIG SET change it?
enum setting_change {
    SETTING_MUTABLE,
    SETTING_IMMUTABLE, // fixed at start
    SETTING_PROTECTED, // fixed, and told in the words that Redis has for settings that an intruder
                       // would like to change
};

struct setting_choice {
    const char *name; // NULL ends the list
    int value;
};

#define SETTING_REASON_MAX 256

struct setting {
    const char *name;
    enum setting_type type;
    enum setting_change change;
    size_t offset;       // in struct config
    const char *initial; // the default, as the file would say it
    int64_t min, max;    // SETTING_NUMBER, SETTING_MEMORY
    const struct setting_choice *choices;
    // Looks at the value just stored, with everything stored before it; may normalise it. NULL, or
    // the reason why it cannot be.
    const char *(*check)(struct config *config);
};

const struct setting *setting_at(size_t index);
// NULL when there is none of this name. Case does not matter.
const struct setting *setting_find(const char *name, size_t length);

// Stores the value written as `text`. False with a reason, the words of which are Redis's where
// Redis refuses too; then what is stored is undefined.
bool setting_assign(const struct setting *setting, struct config *config, const char *text,
                    size_t length, char reason[SETTING_REASON_MAX]);

// May it be written as several words, without quotes?
bool setting_takes_words(const struct setting *setting);

// A number with one of Redis's units. False when it is none; *large: beyond 64 bits.
bool memory_parse(const char *text, size_t length, uint64_t *value, bool *large);

// "CLASS HARD SOFT SECONDS" for some classes, and for all of them. NULL, or the reason why not.
const char *limits_parse(struct config_output_limit *limits, const char *text, size_t length);
int limits_format(const struct config_output_limit *limits, char text[CONFIG_TEXT_MAX]);

struct config_words;
// Applies a line's words, a setting's name and its value. False with an explanation.
bool setting_apply(struct config *config, const struct config_words *words,
                   char explanation[CONFIG_ERROR_MAX]);

#endif
