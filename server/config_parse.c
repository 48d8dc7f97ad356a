// Configuration from a file and from the command line.
#include "server/config.h"

#include "server/config_table.h"
#include "server/config_words.h"
#include "server/rename.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// A file of more lines than this is not a configuration file.
#define LINES_MAX 1000000

// The words after the name as one text, for settings that may be written as several words. Returns
// its length.
static size_t join(const struct config_words *words, char text[CONFIG_LINE_MAX + CONFIG_WORDS_MAX])
{
    size_t used = 0;
    for (size_t i = 1; i < words->count; i++) {
        if (i > 1) {
            text[used++] = ' ';
        }
        assert(used + words->word[i].length <= CONFIG_LINE_MAX + CONFIG_WORDS_MAX);
        memcpy(text + used, words->word[i].text, words->word[i].length);
        used += words->word[i].length;
    }
    return used;
}

// `rename-command GET FOO`: not a setting, but a line of the file.
static bool rename_apply(struct config *config, const struct config_words *words,
                         char explanation[CONFIG_ERROR_MAX])
{
    const char *reason = "the name of a command and a new one are needed";
    if (words->count == 3)
        reason = rename_add(config, words->word[1].text, words->word[2].text);
    if (reason != NULL)
        snprintf(explanation, CONFIG_ERROR_MAX, "rename-command: %s", reason);
    return reason == NULL;
}

bool setting_apply(struct config *config, const struct config_words *words,
                   char explanation[CONFIG_ERROR_MAX])
{
    assert(words->count > 0);
    const char *name = words->word[0].text;
    if (strcasecmp(name, "rename-command") == 0)
        return rename_apply(config, words, explanation);
    const struct setting *setting = setting_find(name, words->word[0].length);
    if (setting == NULL) {
        snprintf(explanation, CONFIG_ERROR_MAX, "unknown setting '%.64s'", name);
        return false;
    }
    bool valid = false;
    char reason[SETTING_REASON_MAX];
    if (setting_takes_words(setting)) {
        char text[CONFIG_LINE_MAX + CONFIG_WORDS_MAX];
        size_t length = join(words, text);
        valid = setting_assign(setting, config, text, length, reason);
    } else if (words->count != 2) {
        snprintf(reason, sizeof reason, "exactly one value is needed");
    } else {
        valid = setting_assign(setting, config, words->word[1].text, words->word[1].length, reason);
    }
    if (!valid) {
        snprintf(explanation, CONFIG_ERROR_MAX, "%s: %s", setting->name, reason);
    }
    return valid;
}

// Reads one line without its line break into `line`. 1, 0 at the end of the file, or -errno.
static int read_line(FILE *file, char line[CONFIG_LINE_MAX], const char **reason)
{
    size_t used = 0;
    int byte = getc(file);
    if (byte == EOF) {
        return ferror(file) ? -errno : 0;
    }
    for (; byte != EOF && byte != '\n'; byte = getc(file)) {
        if (byte == '\0' || used == CONFIG_LINE_MAX - 1) {
            *reason = byte == '\0' ? "a zero byte" : "the line is too long";
            return -EINVAL;
        }
        line[used++] = (char)byte;
    }
    line[used] = '\0';
    return ferror(file) ? -errno : 1;
}

static int apply_line(struct config *config, const char *line, char explanation[CONFIG_ERROR_MAX])
{
    line += strspn(line, " \t\r\n");
    if (*line == '#') {
        return 0;
    }
    struct config_words words;
    const char *reason = NULL;
    config_words_clear(&words);
    if (!config_words_split(&words, line, &reason)) {
        snprintf(explanation, CONFIG_ERROR_MAX, "%s", reason);
        return -EINVAL;
    }
    return words.count == 0 || setting_apply(config, &words, explanation) ? 0 : -EINVAL;
}

static int load_lines(struct config *config, FILE *file, const char *path,
                      char error[CONFIG_ERROR_MAX])
{
    for (int number = 1; number <= LINES_MAX; number++) {
        char line[CONFIG_LINE_MAX];
        char explanation[CONFIG_ERROR_MAX];
        const char *reason = NULL;
        int got = read_line(file, line, &reason);
        if (got == 0) {
            return 0;
        }
        if (got == 1) {
            got = apply_line(config, line, explanation);
        } else {
            reason = reason == NULL ? strerror(-got) : reason;
            snprintf(explanation, sizeof explanation, "%s", reason);
        }
        if (got != 0) {
            snprintf(error, CONFIG_ERROR_MAX, "%.200s:%d: %.290s", path, number, explanation);
            return got;
        }
    }
    snprintf(error, CONFIG_ERROR_MAX, "%.200s: more than %d lines", path, LINES_MAX);
    return -EINVAL;
}

int config_load(struct config *config, const char *path, char error[CONFIG_ERROR_MAX])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        int result = -errno;
        snprintf(error, CONFIG_ERROR_MAX, "%.200s: %s", path, strerror(-result));
        return result;
    }
    int result = load_lines(config, file, path, error);
    fclose(file);
    return result;
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] == '-';
}

// Collects the words of the option (or stray word) at argv[at] and of those that belong to it.
// Returns how many arguments these are, or 0 with *reason.
static int collect(int argc, char **argv, int at, struct config_words *words, const char **reason)
{
    int next = at;
    // Redis takes the word after an option's bare name for its value even if it looks like an
    // option itself (a password may); but not after --save, which may stand alone.
    bool wants_value = false;
    config_words_clear(words);
    if (is_option(argv[at])) {
        if (!config_words_split(words, argv[at] + 2, reason)) {
            return 0;
        }
        bool save = words->count == 1 && strcasecmp(words->word[0].text, "save") == 0;
        wants_value = words->count <= 1 && !save;
        next++;
    }
    while (next < argc && (wants_value || !is_option(argv[next]))) {
        if (strcmp(argv[next], "-") == 0 && (next == 0 || next == argc - 1)) {
            *reason = "a configuration from standard input ('-') is not supported";
            return 0;
        }
        if (!config_words_add(words, argv[next], strlen(argv[next]), reason)) {
            return 0;
        }
        wants_value = false;
        next++;
    }
    assert(next > at);
    return next - at;
}

const char *config_arguments_file(int argc, char **argv)
{
    return argc > 0 && argv[0][0] != '-' ? argv[0] : NULL;
}

int config_arguments(struct config *config, int argc, char **argv, char error[CONFIG_ERROR_MAX])
{
    const char *path = config_arguments_file(argc, argv);
    if (path != NULL) {
        int result = config_load(config, path, error);
        if (result != 0) {
            return result;
        }
    }
    int at = path != NULL ? 1 : 0;
    while (at < argc) {
        struct config_words words;
        char explanation[CONFIG_ERROR_MAX];
        const char *reason = NULL;
        int taken = collect(argc, argv, at, &words, &reason);
        if (taken == 0) {
            snprintf(error, CONFIG_ERROR_MAX, "command line: %.64s: %s", argv[at], reason);
            return -EINVAL;
        }
        if (words.count > 0 && !setting_apply(config, &words, explanation)) {
            snprintf(error, CONFIG_ERROR_MAX, "command line: %.490s", explanation);
            return -EINVAL;
        }
        at += taken;
    }
    return 0;
}
