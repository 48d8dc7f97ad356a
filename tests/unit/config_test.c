// The table of settings: defaults, conf/poro.conf, values as text, CONFIG SET.
#include "server/config.h"

#include "server/config_table.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES (UINT64_C(8) << 30)

static const char *value_of(const struct config *config, const char *name)
{
    static _Thread_local char text[CONFIG_TEXT_MAX];
    size_t length = config_format(config, config_find(name, strlen(name)), text);
    cr_assert(eq(sz, length, strlen(text)));
    return text;
}

static bool config_differs(const struct config *a, const struct config *b, size_t index)
{
    char text_a[CONFIG_TEXT_MAX];
    char text_b[CONFIG_TEXT_MAX];
    size_t length_a = config_format(a, index, text_a);
    size_t length_b = config_format(b, index, text_b);
    return length_a != length_b || memcmp(text_a, text_b, length_a) != 0;
}

static void same(const struct config *a, const struct config *b)
{
    for (size_t i = 0; i < config_count(); i++) {
        cr_expect(not(config_differs(a, b, i)), "%s", config_name(i));
    }
}

Test(config, defaults)
{
    struct config config;
    config_init(&config, MEMORY_BYTES);
    cr_assert(eq(str, config.bind, "127.0.0.1 -::1"));
    cr_assert(config.port == 6379 && config.tcp_backlog == 511 && config.timeout_s == 0);
    cr_assert(config.tcp_keepalive_s == 300 && config.protected_mode);
    cr_assert(config.maxclients == 10000 && config.requirepass[0] == '\0');
    cr_assert(config.proto_max_bulk_len == 512 * 1024 * 1024);
    cr_assert(eq(i64, config.maxmemory, INT64_C(6) << 30));
    cr_assert(eq(str, config.dir, "./data"));
    cr_assert(config.appendfsync == APPENDFSYNC_ALWAYS && config.wal_ack == WAL_ACK_INTENT);
    cr_assert(config.completion_interval_ms == 100 && config.wal_segments_ahead == 4);
    cr_assert(eq(i64, config.wal_segment_size, 64 * 1024 * 1024));
    cr_assert(config.wal_direct_io == WAL_DIRECT_AUTO && config.loglevel == LOGLEVEL_NOTICE);
    cr_assert(config.logfile[0] == '\0' && config.hz == 10 && config.databases == 16);
    cr_assert(config.appendonly && config.save[0] == '\0');
    // As redis-benchmark and others ask.
    cr_assert(eq(str, (char *)value_of(&config, "save"), ""));
    cr_assert(eq(str, (char *)value_of(&config, "appendonly"), "yes"));
    cr_assert(eq(str, (char *)value_of(&config, "maxmemory"), "6442450944"));
}

// --- conf/poro.conf --------------------------------------------------------------------------

static FILE *shipped(void)
{
    FILE *file = fopen("conf/poro.conf", "r");
    cr_assert(file != NULL, "run from the top of the sources");
    return file;
}

Test(shipped, gives_the_defaults)
{
    struct config config, defaults;
    char error[CONFIG_ERROR_MAX];
    config_init(&defaults, MEMORY_BYTES);
    config_init(&config, MEMORY_BYTES);
    // Other values everywhere, so that only what the file says makes them equal.
    for (size_t i = 0; i < config_count(); i++) {
        const struct setting *setting = setting_at(i);
        char *at = (char *)&config + setting->offset;
        switch (setting->type) {
        case SETTING_TEXT:
        case SETTING_WORDS:
            strcpy(at, "other");
            break;
        case SETTING_NUMBER:
        case SETTING_MEMORY:
        case SETTING_OCTAL:
        case SETTING_SHARE:
        case SETTING_LIMITS: // the first class's hard limit
            *(int64_t *)at += 4711;
            break;
        case SETTING_BOOL:
            *(bool *)at = !*(bool *)at;
            break;
        case SETTING_FLAGS:
            *(int *)at ^= setting->choices[1].value;
            break;
        case SETTING_CHOICE:
            *(int *)at = *(int *)at == setting->choices[0].value ? setting->choices[1].value
                                                                 : setting->choices[0].value;
            break;
        }
        cr_assert(config_differs(&config, &defaults, i), "%s", setting->name);
    }
    int result = config_load(&config, "conf/poro.conf", error);
    cr_assert(result == 0, "%s", error);
    same(&config, &defaults);
}

// Every setting stands there once, below a comment with a unit and with its true default.
Test(shipped, says_the_truth)
{
    FILE *file = shipped();
    int seen[64] = {0};
    char line[1024], told[256] = "", name[64];
    bool unit = false;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#') {
            const char *at = strstr(line, "Default: ");
            unit = unit || strstr(line, "# Unit: ") != NULL;
            if (at != NULL) {
                cr_assert(sscanf(at, "Default: %255[^\n]", told) == 1, "%s", line);
            }
        } else if (sscanf(line, "%63s", name) == 1) {
            size_t index = config_find(name, strlen(name));
            cr_assert(index < config_count(), "%s", name);
            seen[index]++;
            bool quoted = told[0] == '"';
            if (quoted) {
                memmove(told, told + 1, strlen(told));
                told[strlen(told) - 1] = '\0';
            }
            cr_expect(unit, "%s has no unit", name);
            cr_expect(eq(str, told, (char *)setting_at(index)->initial), "%s", name);
            told[0] = '\0';
            unit = false;
        }
    }
    fclose(file);
    for (size_t i = 0; i < config_count(); i++) {
        cr_expect(seen[i] == 1, "%s stands there %d times", config_name(i), seen[i]);
    }
}

// "CONFIG SET." is written exactly where it works.
Test(shipped, tells_what_can_be_changed)
{
    FILE *file = shipped();
    char line[1024], name[64];
    bool promised = false;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#') {
            promised = promised || strstr(line, "CONFIG SET.") != NULL;
        } else if (sscanf(line, "%63s", name) == 1) {
            const struct setting *setting = setting_find(name, strlen(name));
            cr_expect(promised == (setting->change == SETTING_MUTABLE), "%s", name);
            promised = false;
        }
    }
    fclose(file);
}

// --- CONFIG SET ------------------------------------------------------------------------------

struct set_case {
    const char *name;
    const char *value;
    const char *answer; // NULL: the value is taken; else its error after the common beginning
    const char *shown;  // what CONFIG GET shows afterwards, NULL: `value`
};

#define INTEGER "argument couldn't be parsed into an integer"
#define MEMORY "argument must be a memory value"
#define UP_TO_INT "argument must be between 0 and 2147483647 inclusive"
#define POLICY                                                                                     \
    "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "      \
    "volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"
#define YESNO "argument must be 'yes' or 'no'"
#define SHARE "argument must be a memory or percent value"
#define CLASS "Invalid client class specified in buffer limit configuration."
#define COUNT "Wrong number of arguments in buffer limit configuration."
#define LIMIT "Error in hard, soft or soft_seconds setting in buffer limit configuration."
#define OTHERS " slave 268435456 67108864 60 pubsub 33554432 8388608 60"
#define FSYNC "argument(s) must be one of the following: everysec, always, no"
// Answers of redis-server 7.0.15, except where a comment says otherwise.
static const struct set_case set_cases[] = {
    {"timeout", "5", NULL, NULL},
    {"TimeOut", "5", NULL, NULL},
    {"TIMEOUT", "x", INTEGER, NULL},
    {"timeout", "abc", INTEGER, NULL},
    {"timeout", "", INTEGER, NULL},
    {"timeout", " 1", INTEGER, NULL},
    {"timeout", "+1", INTEGER, NULL},
    {"timeout", "007", INTEGER, NULL},
    {"timeout", "1.5", INTEGER, NULL},
    {"timeout", "99999999999999999999", INTEGER, NULL},
    {"timeout", "-1", UP_TO_INT, NULL},
    {"timeout", "2147483648", UP_TO_INT, NULL},
    {"timeout", "2147483647", NULL, NULL},
    {"maxmemory-policy", "foo", POLICY, NULL},
    {"maxmemory-policy", "", POLICY, NULL},
    {"maxmemory-policy", "allkeys-LFU", NULL, "allkeys-lfu"},
    {"maxmemory-policy", "volatile-ttl", NULL, NULL},
    {"maxmemory-samples", "0", "argument must be between 1 and 2147483647 inclusive", NULL},
    {"maxmemory-samples", "1000", NULL, NULL},
    {"lfu-log-factor", "-1", UP_TO_INT, NULL},
    {"lfu-decay-time", "0", NULL, NULL},
    {"lfu-decay-time", "2147483648", UP_TO_INT, NULL},
    {"tcp-keepalive", "-1", UP_TO_INT, NULL},
    {"maxclients", "0", "argument must be between 1 and 4294967295 inclusive", NULL},
    {"maxclients", "5000000000", "argument must be between 1 and 4294967295 inclusive", NULL},
    {"hz", "0", NULL, "1"},
    {"hz", "501", NULL, "500"},
    {"hz", "-1", UP_TO_INT, NULL},
    {"maxmemory", "1kb", NULL, "1024"},
    {"maxmemory", "1K", NULL, "1000"},
    {"maxmemory", "3Mb", NULL, "3145728"},
    {"maxmemory", "3m", NULL, "3000000"},
    {"maxmemory", "2gB", NULL, "2147483648"},
    {"maxmemory", "2g", NULL, "2000000000"},
    {"maxmemory", "7b", NULL, "7"},
    {"maxmemory", "0012", NULL, "12"},
    {"maxmemory", "abc", MEMORY, NULL},
    {"maxmemory", "1x", MEMORY, NULL},
    {"maxmemory", "1tb", MEMORY, NULL},
    {"maxmemory", "1.5gb", MEMORY, NULL},
    {"maxmemory", "-1", MEMORY, NULL},
    {"maxmemory", "-1gb", MEMORY, NULL},
    {"maxmemory", "+1", MEMORY, NULL},
    {"maxmemory", "1 ", MEMORY, NULL},
    {"maxmemory", "0x10", MEMORY, NULL},
    {"maxmemory", "10%", MEMORY, NULL},
    // Redis shows 0 and has no limit; here there always is one.
    {"maxmemory", "0", NULL, "6442450944"},
    {"maxmemory", "", NULL, "6442450944"},
    {"maxmemory", "b", NULL, "6442450944"},
    // Redis takes these, wrapped around or as a limit that no machine reaches.
    {"maxmemory", "9223372036854775807", NULL, NULL},
    {"maxmemory", "9223372036854775808", "argument must be less than 9223372036854775808", NULL},
    {"maxmemory", "99999999999999999999", "argument must be less than 9223372036854775808", NULL},
    {"maxmemory", "20000000000gb", "argument must be less than 9223372036854775808", NULL},
    // Redis's upper bound is 2^63 - 1; no value here can be longer than 512 MB.
    {"proto-max-bulk-len", "1", "argument must be between 1048576 and 536870912 inclusive", NULL},
    {"proto-max-bulk-len", "1gb", "argument must be between 1048576 and 536870912 inclusive", NULL},
    {"proto-max-bulk-len", "1mb", NULL, "1048576"},
    {"proto-max-bulk-len", "-1", MEMORY, NULL},
    {"protected-mode", "NO", NULL, "no"},
    {"protected-mode", "maybe", YESNO, NULL},
    {"protected-mode", "", YESNO, NULL},
    {"loglevel", "WARNING", NULL, "warning"},
    {"loglevel", "x", "argument(s) must be one of the following: debug, verbose, notice, warning",
     NULL},
    {"appendfsync", "everysec", NULL, NULL},
    {"appendfsync", "no", NULL, NULL},
    {"appendfsync", "everysec ", FSYNC, NULL},
    {"appendfsync", "", FSYNC, NULL},
    {"requirepass", "a b\"c", NULL, NULL},
    {"save", "", NULL, NULL},
    {"save", "abc", "Invalid save parameters", NULL},
    {"save", "1", "Invalid save parameters", NULL},
    {"save", "1 2 3", "Invalid save parameters", NULL},
    {"save", "-1 2", "Invalid save parameters", NULL},
    {"save", "0 2", "Invalid save parameters", NULL},
    {"appendonly", "x", YESNO, NULL},
    {"appendonly", "yes", NULL, NULL},
    {"client-output-buffer-limit", "normal 1mb 512kb 10", NULL, "normal 1048576 524288 10" OTHERS},
    {"client-output-buffer-limit", "normal 1 2 3 Normal 4 5 6", NULL, "normal 4 5 6" OTHERS},
    {"client-output-buffer-limit", "replica 1 2 3 pubsub 0 0 0", NULL,
     "normal 0 0 0 slave 1 2 3 pubsub 0 0 0"},
    {"client-output-buffer-limit", "", NULL, "normal 0 0 0" OTHERS},
    {"client-output-buffer-limit", "master 0 0 0", CLASS, NULL},
    {"client-output-buffer-limit", "normal 1 2", COUNT, NULL},
    {"client-output-buffer-limit", "normal  0 0 0", COUNT, NULL},
    {"client-output-buffer-limit", "normal 0 0 0 ", COUNT, NULL},
    {"client-output-buffer-limit", "normal  0 ", NULL, "normal 0 0 0" OTHERS},
    {"client-output-buffer-limit", "normal -1 0 0", LIMIT, NULL},
    {"client-output-buffer-limit", "normal 0 1x 0", LIMIT, NULL},
    {"client-output-buffer-limit", "normal 0 0 1s", LIMIT, NULL},
    {"client-output-buffer-limit", "normal 0 0 -1", LIMIT, NULL},
    // Redis lets these wrap.
    {"client-output-buffer-limit", "normal 0 0 2147483648", LIMIT, NULL},
    {"client-output-buffer-limit", "normal 99999999999999999999 0 0", LIMIT, NULL},
    {"maxmemory-clients", "5%", NULL, "5%"},
    {"maxmemory-clients", "0%", NULL, "0"},
    {"maxmemory-clients", "100%", NULL, "100%"},
    {"maxmemory-clients", "101%", "percentage argument must be less or equal to 100", NULL},
    {"maxmemory-clients", "-1%", SHARE, NULL},
    {"maxmemory-clients", "%", SHARE, NULL},
    {"maxmemory-clients", "5%%", SHARE, NULL},
    {"maxmemory-clients", "-1", SHARE, NULL},
    {"maxmemory-clients", "1g", NULL, "1000000000"},
    {"unixsocket", "x", "can't set immutable config", NULL},
    {"unixsocketperm", "700", "can't set immutable config", NULL},
    {"databases", "16", "can't set immutable config", NULL},
    {"DATABASES", "x", "can't set immutable config", NULL},
    {"tcp-backlog", "1", "can't set immutable config", NULL},
    {"logfile", "x", "can't set immutable config", NULL},
    {"dir", "/tmp", "can't set protected config", NULL},
    // Redis can change these two.
    {"port", "1", "can't set immutable config", NULL},
    {"bind", "::1", "can't set immutable config", NULL},
    {"save", "3600 1", NULL, "3600 1"},
    {"save", "3600 1 300 100", NULL, "3600 1 300 100"},
    {"appendonly", "no",
     "the log cannot be switched off: every write goes through it (appendfsync sets when it is "
     "synced)",
     NULL},
    // Redis does not know these.
    {"wal-ack", "completion", NULL, NULL},
    {"wal-ack", "x", "argument(s) must be one of the following: intent, completion", NULL},
    {"completion-interval", "0", "argument must be between 1 and 10000 inclusive", NULL},
    {"completion-interval", "10000", NULL, NULL},
    {"wal-segment-size", "1mb", "can't set immutable config", NULL},
    {"wal-segments-ahead", "5", "can't set immutable config", NULL},
    {"wal-direct-io", "no", "can't set immutable config", NULL},
};

static int set(struct config *config, const char *const *words, char error[CONFIG_ERROR_MAX])
{
    struct config_pair pairs[32];
    size_t count = 0;
    for (; words[2 * count] != NULL; count++) {
        pairs[count] = (struct config_pair){words[2 * count], strlen(words[2 * count]),
                                            words[2 * count + 1], strlen(words[2 * count + 1])};
    }
    return config_set(config, pairs, count, error);
}

Test(config_set, one)
{
    for (size_t i = 0; i < sizeof set_cases / sizeof set_cases[0]; i++) {
        const struct set_case *c = &set_cases[i];
        struct config config, before;
        char error[CONFIG_ERROR_MAX] = "", wanted[CONFIG_ERROR_MAX];
        config_init(&config, MEMORY_BYTES);
        before = config;
        int result = set(&config, (const char *const[]){c->name, c->value, NULL}, error);
        if (c->answer == NULL) {
            cr_expect(result == 0, "%s '%s': %s", c->name, c->value, error);
            const char *shown = c->shown != NULL ? c->shown : c->value;
            cr_expect(eq(str, (char *)value_of(&config, c->name), (char *)shown));
        } else {
            snprintf(wanted, sizeof wanted,
                     "ERR CONFIG SET failed (possibly related to argument '%s') - %s",
                     strcmp(c->name, "TIMEOUT") == 0 ? "timeout" : c->name, c->answer);
            cr_expect(eq(int, result, -EINVAL));
            cr_expect(eq(str, error, wanted));
            same(&config, &before);
        }
    }
}

static void refused(const char *const *words, const char *wanted)
{
    struct config config, before;
    char error[CONFIG_ERROR_MAX] = "";
    config_init(&config, MEMORY_BYTES);
    before = config;
    cr_expect(eq(int, set(&config, words, error), -EINVAL));
    cr_expect(eq(str, error, (char *)wanted));
    cr_expect(memcmp(&config, &before, sizeof config) == 0, "half-applied: %s", wanted);
}
#define REFUSED(wanted, ...) refused((const char *const[]){__VA_ARGS__, NULL}, wanted)
#define FAILED(name) "ERR CONFIG SET failed (possibly related to argument '" name "') - "
#define UNKNOWN "ERR Unknown option or number of arguments for CONFIG SET - "

Test(config_set, several)
{
    struct config config;
    char error[CONFIG_ERROR_MAX];
    config_init(&config, MEMORY_BYTES);
    int result = set(&config, (const char *const[]){"hz", "20", "TIMEOUT", "3", NULL}, error);
    cr_assert(eq(int, result, 0));
    cr_assert(config.hz == 20 && config.timeout_s == 3);

    REFUSED(UNKNOWN "'x'", "x", "y");
    REFUSED(UNKNOWN "''", "", "");
    REFUSED(UNKNOWN "'a  b'", "a\r\nb", "1");
    REFUSED(UNKNOWN "'timeou'", "timeou", "1");
    REFUSED(UNKNOWN "'timeout2'", "timeout2", "1");
    REFUSED(UNKNOWN "'x'", "timeout", "1", "x", "2");
    REFUSED(UNKNOWN "'x'", "timeout", "a", "x", "2");
    REFUSED(UNKNOWN "'x'", "x", "2", "databases", "3");
    REFUSED(FAILED("databases") "can't set immutable config", "databases", "3", "x", "2");
    REFUSED(FAILED("databases") "can't set immutable config", "timeout", "a", "databases", "3");
    REFUSED(FAILED("TIMEOUT") "duplicate parameter", "timeout", "1", "TIMEOUT", "2");
    REFUSED(FAILED("timeout") INTEGER, "hz", "20", "timeout", "x");
    REFUSED(FAILED("timeout") INTEGER, "timeout", "x", "hz", "y");
}

Test(config_set, long_texts)
{
    struct config config;
    char error[CONFIG_ERROR_MAX], text[2 * CONFIG_TEXT_MAX];
    memset(text, 'x', sizeof text);
    config_init(&config, MEMORY_BYTES);
    struct config_pair pair = {"requirepass", 11, text, CONFIG_TEXT_MAX - 1};
    cr_assert(eq(int, config_set(&config, &pair, 1, error), 0));
    cr_assert(eq(sz, strlen(config.requirepass), CONFIG_TEXT_MAX - 1));
    pair.value_length++;
    cr_assert(eq(int, config_set(&config, &pair, 1, error), -EINVAL));
    cr_assert(eq(str, error, FAILED("requirepass") "argument must be at most 1023 bytes long"));
    pair = (struct config_pair){"requirepass", 11, "a\0b", 3};
    cr_assert(eq(int, config_set(&config, &pair, 1, error), -EINVAL));
    // A zero byte ends a choice and a size, as in Redis, but not a name or a number.
    pair = (struct config_pair){"loglevel", 8, "debug\0x", 7};
    cr_assert(eq(int, config_set(&config, &pair, 1, error), 0));
    pair = (struct config_pair){"loglevel\0x", 10, "debug", 5};
    cr_assert(eq(int, config_set(&config, &pair, 1, error), -EINVAL));
    cr_assert(eq(str, error, UNKNOWN "'loglevel'"));
    pair = (struct config_pair){"timeout", 7, "1\0", 2};
    cr_assert(eq(int, config_set(&config, &pair, 1, error), -EINVAL));
    // Names of any length.
    pair = (struct config_pair){text, sizeof text, "1", 1};
    cr_assert(eq(int, config_set(&config, &pair, 1, error), -EINVAL));
    cr_assert(eq(sz, strlen(error), CONFIG_ERROR_MAX - 1));
}

// A value is written where it belongs and nowhere else.
Test(config, fields_are_apart)
{
    struct config config, before;
    config_init(&before, MEMORY_BYTES);
    for (size_t i = 0; i < sizeof set_cases / sizeof set_cases[0]; i++) {
        char reason[SETTING_REASON_MAX];
        const struct set_case *c = &set_cases[i];
        const struct setting *setting = setting_find(c->name, strlen(c->name));
        config = before;
        bool valid = setting_assign(setting, &config, c->value, strlen(c->value), reason);
        for (size_t j = 0; valid && j < config_count(); j++) {
            cr_expect(setting_at(j) == setting || !config_differs(&config, &before, j), "%s %s",
                      c->name, config_name(j));
        }
    }
}
