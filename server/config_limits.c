// client-output-buffer-limit: limits for classes of clients, from text and back.
#include "server/config_table.h"

#include "protocol/number.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct word {
    const char *text;
    size_t length;
};

// Words at single spaces, as Redis splits them: two spaces have an empty one between them. Returns
// their number, at most `max` + 1.
static size_t limits_split(const char *text, size_t length, struct word *words, size_t max)
{
    size_t count = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= length && length > 0; i++) {
        if (i < length && text[i] != ' ')
            continue;
        if (count == max)
            return max + 1;
        words[count++] = (struct word){text + begin, i - begin};
        begin = i + 1;
    }
    return count;
}

static bool word_is(struct word word, const char *name)
{
    return word.length == strlen(name) && strncasecmp(word.text, name, word.length) == 0;
}

static int limits_class(struct word word)
{
    if (word_is(word, "normal"))
        return 0;
    if (word_is(word, "slave") || word_is(word, "replica"))
        return 1;
    return word_is(word, "pubsub") ? 2 : -1;
}

static bool limits_bytes(struct word word, uint64_t *value)
{
    bool large;
    return memory_parse(word.text, word.length, value, &large) && !large;
}

// Without units; as of bytes, none at all are 0.
static bool limits_seconds(struct word word, int64_t *value)
{
    *value = 0;
    if (word.length == 0)
        return true;
    return number_parse((const uint8_t *)word.text, word.length, value) && *value >= 0 &&
           *value <= INT_MAX;
}

const char *limits_parse(struct config_output_limit *limits, const char *text, size_t length)
{
    // A class may be told several times; the last one counts.
    struct word words[4 * CONFIG_OUTPUT_CLASSES * CONFIG_LIMIT_WORDS];
    size_t max = sizeof(words) / sizeof(words[0]);
    size_t count = limits_split(text, length, words, max);
    if (count > max || count % CONFIG_LIMIT_WORDS != 0)
        return "Wrong number of arguments in buffer limit configuration.";
    for (size_t i = 0; i < count; i += CONFIG_LIMIT_WORDS) {
        struct config_output_limit limit;
        int class = limits_class(words[i]);
        if (class < 0)
            return "Invalid client class specified in buffer limit configuration.";
        if (!limits_bytes(words[i + 1], &limit.hard) || !limits_bytes(words[i + 2], &limit.soft) ||
            !limits_seconds(words[i + 3], &limit.soft_s))
            return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        limits[class] = limit;
    }
    return NULL;
}

int limits_format(const struct config_output_limit *limits, char text[CONFIG_TEXT_MAX])
{
    static const char *const names[CONFIG_OUTPUT_CLASSES] = {"normal", " slave", " pubsub"};
    int used = 0;
    for (size_t i = 0; i < CONFIG_OUTPUT_CLASSES; i++)
        used += snprintf(text + used, CONFIG_TEXT_MAX - (size_t)used,
                         "%s %" PRIu64 " %" PRIu64 " %" PRId64, names[i], limits[i].hard,
                         limits[i].soft, limits[i].soft_s);
    return used;
}
