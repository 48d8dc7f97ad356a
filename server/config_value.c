// One setting's value: from text into struct config, back, and compared.
#include "server/config_table.h"

#include "protocol/number.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// A value must not be written to another one's bytes: every access to a field goes through here.
static void *field(const struct setting *setting, struct config *config)
{
    assert(setting->offset < sizeof *config);
    return (char *)config + setting->offset;
}

static const void *field_const(const struct setting *setting, const struct config *config)
{
    assert(setting->offset < sizeof *config);
    return (const char *)config + setting->offset;
}

static bool refuse(char reason[SETTING_REASON_MAX], const char *text)
{
    snprintf(reason, SETTING_REASON_MAX, "%s", text);
    return false;
}

// Words are kept separated by single spaces.
static bool assign_text(const struct setting *setting, struct config *config, const char *text,
                        size_t length, char reason[SETTING_REASON_MAX])
{
    char *to = field(setting, config);
    bool words = setting->type == SETTING_WORDS;
    if (memchr(text, '\0', length) != NULL) {
        return refuse(reason, "argument must not contain a zero byte");
    }
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (words && text[i] == ' ' && (used == 0 || to[used - 1] == ' ')) {
            continue;
        }
        if (used == CONFIG_TEXT_MAX - 1) {
            snprintf(reason, SETTING_REASON_MAX, "argument must be at most %d bytes long",
                     CONFIG_TEXT_MAX - 1);
            return false;
        }
        to[used++] = text[i];
    }
    if (words && used > 0 && to[used - 1] == ' ') {
        used--;
    }
    to[used] = '\0';
    return true;
}

static bool assign_integer(const struct setting *setting, struct config *config, int64_t value,
                           char reason[SETTING_REASON_MAX])
{
    if (value < setting->min || value > setting->max) {
        snprintf(reason, SETTING_REASON_MAX,
                 "argument must be between %" PRId64 " and %" PRId64 " inclusive", setting->min,
                 setting->max);
        return false;
    }
    *(int64_t *)field(setting, config) = value;
    return true;
}

static bool assign_number(const struct setting *setting, struct config *config, const char *text,
                          size_t length, char reason[SETTING_REASON_MAX])
{
    int64_t value;
    if (!number_parse((const uint8_t *)text, length, &value)) {
        return refuse(reason, "argument couldn't be parsed into an integer");
    }
    return assign_integer(setting, config, value, reason);
}

// Redis's units: k, m, g count in thousands, kb, mb, gb in 1024s; case does not matter.
static bool memory_unit(const char *text, size_t length, uint64_t *unit)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"", 1},           {"b", 1},
                 {"k", 1000},       {"kb", 1024},
                 {"m", 1000000},    {"mb", 1024 * 1024},
                 {"g", 1000000000}, {"gb", 1024 * 1024 * 1024}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) == length && strncasecmp(units[i].name, text, length) == 0) {
            *unit = units[i].bytes;
            return true;
        }
    }
    return false;
}

// No digits at all count as 0, as in Redis.
bool memory_parse(const char *text, size_t length, uint64_t *value, bool *large)
{
    uint64_t unit = 0;
    size_t i = 0;
    *value = 0;
    *large = false;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        *large = *large || __builtin_mul_overflow(*value, 10, value) ||
                 __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value);
    }
    if (!memory_unit(text + i, length - i, &unit)) {
        return false;
    }
    *large = *large || __builtin_mul_overflow(*value, unit, value);
    return true;
}

// Too large is out of bounds here; Redis wraps around.
static bool assign_memory(const struct setting *setting, struct config *config, const char *text,
                          size_t length, char reason[SETTING_REASON_MAX])
{
    uint64_t value;
    bool large;
    if (!memory_parse(text, strnlen(text, length), &value, &large)) {
        return refuse(reason, "argument must be a memory value");
    }
    large = large || value > INT64_MAX;
    if (large && setting->max == INT64_MAX) {
        return refuse(reason, "argument must be less than 9223372036854775808");
    }
    return assign_integer(setting, config, large ? INT64_MAX : (int64_t)value, reason);
}

static bool assign_octal(const struct setting *setting, struct config *config, const char *text,
                         size_t length, char reason[SETTING_REASON_MAX])
{
    int64_t value = 0;
    for (size_t i = 0; i < length && value <= setting->max; i++) {
        if (text[i] < '0' || text[i] > '7') {
            return refuse(reason, "argument couldn't be parsed as an octal number");
        }
        value = value * 8 + (text[i] - '0');
    }
    if (length == 0 || value < setting->min || value > setting->max) {
        snprintf(reason, SETTING_REASON_MAX,
                 "argument must be between %" PRIo64 " and %" PRIo64 " inclusive", setting->min,
                 setting->max);
        return false;
    }
    *(int64_t *)field(setting, config) = value;
    return true;
}

static bool assign_share(const struct setting *setting, struct config *config, const char *text,
                         size_t length, char reason[SETTING_REASON_MAX])
{
    int64_t percent;
    length = strnlen(text, length);
    if (length < 2 || text[length - 1] != '%') {
        bool assigned = assign_memory(setting, config, text, length, reason);
        if (!assigned && strcmp(reason, "argument must be a memory value") == 0) {
            return refuse(reason, "argument must be a memory or percent value");
        }
        return assigned;
    }
    if (!number_parse((const uint8_t *)text, length - 1, &percent) || percent < 0) {
        return refuse(reason, "argument must be a memory or percent value");
    }
    if (percent > 100) {
        return refuse(reason, "percentage argument must be less or equal to 100");
    }
    *(int64_t *)field(setting, config) = -percent;
    return true;
}

static bool assign_limits(const struct setting *setting, struct config *config, const char *text,
                          size_t length, char reason[SETTING_REASON_MAX])
{
    const char *objection = limits_parse(field(setting, config), text, length);
    return objection == NULL || refuse(reason, objection);
}

static bool is_text(const char *text, size_t length, const char *wanted)
{
    length = strnlen(text, length);
    return strlen(wanted) == length && strncasecmp(text, wanted, length) == 0;
}

static bool assign_bool(const struct setting *setting, struct config *config, const char *text,
                        size_t length, char reason[SETTING_REASON_MAX])
{
    bool yes = is_text(text, length, "yes");
    if (!yes && !is_text(text, length, "no")) {
        return refuse(reason, "argument must be 'yes' or 'no'");
    }
    *(bool *)field(setting, config) = yes;
    return true;
}

// Why a word is none of the choices.
static bool refuse_choice(const struct setting *setting, char reason[SETTING_REASON_MAX])
{
    size_t used = 0;
    for (const struct setting_choice *choice = setting->choices; choice->name != NULL; choice++) {
        int added =
            snprintf(reason + used, SETTING_REASON_MAX - used, "%s%s",
                     used == 0 ? "argument(s) must be one of the following: " : ", ", choice->name);
        used += (size_t)added;
        assert(added > 0 && used < SETTING_REASON_MAX);
    }
    return false;
}

static const struct setting_choice *choice_find(const struct setting *setting, const char *text,
                                                size_t length)
{
    assert(setting->choices != NULL && setting->choices[0].name != NULL);
    for (const struct setting_choice *choice = setting->choices; choice->name != NULL; choice++) {
        if (is_text(text, length, choice->name))
            return choice;
    }
    return NULL;
}

static bool assign_choice(const struct setting *setting, struct config *config, const char *text,
                          size_t length, char reason[SETTING_REASON_MAX])
{
    const struct setting_choice *choice = choice_find(setting, text, length);
    if (choice == NULL)
        return refuse_choice(setting, reason);
    *(int *)field(setting, config) = choice->value;
    return true;
}

static bool assign_flags(const struct setting *setting, struct config *config, const char *text,
                         size_t length, char reason[SETTING_REASON_MAX])
{
    int flags = 0;
    const char *end = text + length;
    for (const char *word = text; word <= end;) {
        const char *space = memchr(word, ' ', (size_t)(end - word));
        const char *stop = space != NULL ? space : end;
        const struct setting_choice *choice = choice_find(setting, word, (size_t)(stop - word));
        if (choice == NULL)
            return refuse_choice(setting, reason);
        flags |= choice->value;
        word = stop + 1;
    }
    *(int *)field(setting, config) = flags;
    return true;
}

bool setting_takes_words(const struct setting *setting)
{
    return setting->type == SETTING_WORDS || setting->type == SETTING_LIMITS ||
           setting->type == SETTING_FLAGS;
}

bool setting_assign(const struct setting *setting, struct config *config, const char *text,
                    size_t length, char reason[SETTING_REASON_MAX])
{
    bool stored = false;
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_WORDS:
        stored = assign_text(setting, config, text, length, reason);
        break;
    case SETTING_NUMBER:
        stored = assign_number(setting, config, text, length, reason);
        break;
    case SETTING_MEMORY:
        stored = assign_memory(setting, config, text, length, reason);
        break;
    case SETTING_BOOL:
        stored = assign_bool(setting, config, text, length, reason);
        break;
    case SETTING_CHOICE:
        stored = assign_choice(setting, config, text, length, reason);
        break;
    case SETTING_FLAGS:
        stored = assign_flags(setting, config, text, length, reason);
        break;
    case SETTING_OCTAL:
        stored = assign_octal(setting, config, text, length, reason);
        break;
    case SETTING_SHARE:
        stored = assign_share(setting, config, text, length, reason);
        break;
    case SETTING_LIMITS:
        stored = assign_limits(setting, config, text, length, reason);
        break;
    }
    const char *objection = stored && setting->check != NULL ? setting->check(config) : NULL;
    return objection == NULL ? stored : refuse(reason, objection);
}

static const char *choice_name(const struct setting *setting, int value)
{
    const struct setting_choice *choice = setting->choices;
    while (choice->name != NULL && choice->value != value) {
        choice++;
    }
    assert(choice->name != NULL);
    return choice->name;
}

// All of them that are set; the first choice is that of none.
static int flags_format(const struct setting *setting, int flags, char text[CONFIG_TEXT_MAX])
{
    if (flags == 0)
        return snprintf(text, CONFIG_TEXT_MAX, "%s", choice_name(setting, 0));
    int used = 0;
    for (const struct setting_choice *choice = setting->choices; choice->name != NULL; choice++) {
        if ((flags & choice->value) != 0)
            used += snprintf(text + used, CONFIG_TEXT_MAX - (size_t)used, "%s%s",
                             used > 0 ? " " : "", choice->name);
        assert(used < CONFIG_TEXT_MAX);
    }
    return used;
}

static int share_format(int64_t value, char text[CONFIG_TEXT_MAX])
{
    return value < 0 ? snprintf(text, CONFIG_TEXT_MAX, "%" PRId64 "%%", -value)
                     : snprintf(text, CONFIG_TEXT_MAX, "%" PRId64, value);
}

size_t config_format(const struct config *config, size_t index, char text[CONFIG_TEXT_MAX])
{
    const struct setting *setting = setting_at(index);
    const void *value = field_const(setting, config);
    int length = -1;
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_WORDS:
        length = snprintf(text, CONFIG_TEXT_MAX, "%s", (const char *)value);
        break;
    case SETTING_NUMBER:
    case SETTING_MEMORY:
        length = snprintf(text, CONFIG_TEXT_MAX, "%" PRId64, *(const int64_t *)value);
        break;
    case SETTING_BOOL:
        length = snprintf(text, CONFIG_TEXT_MAX, "%s", *(const bool *)value ? "yes" : "no");
        break;
    case SETTING_CHOICE:
        length = snprintf(text, CONFIG_TEXT_MAX, "%s", choice_name(setting, *(const int *)value));
        break;
    case SETTING_FLAGS:
        length = flags_format(setting, *(const int *)value, text);
        break;
    case SETTING_OCTAL:
        length = snprintf(text, CONFIG_TEXT_MAX, "%" PRIo64, *(const int64_t *)value);
        break;
    case SETTING_SHARE:
        length = share_format(*(const int64_t *)value, text);
        break;
    case SETTING_LIMITS:
        length = limits_format(value, text);
        break;
    }
    assert(length >= 0 && length < CONFIG_TEXT_MAX);
    return (size_t)length;
}
