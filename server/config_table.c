// The settings: their names, types, defaults, bounds, and what else must be true of their values.
#include "server/config_table.h"

#include "conf/limits.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static_assert(sizeof(enum config_loglevel) == sizeof(int), "choices are stored as int");
static_assert(sizeof(enum config_appendfsync) == sizeof(int), "choices are stored as int");
static_assert(sizeof(enum config_wal_ack) == sizeof(int), "choices are stored as int");
static_assert(sizeof(enum config_debug_command) == sizeof(int), "choices are stored as int");
static_assert(sizeof(enum config_maxmemory_policy) == sizeof(int), "choices are stored as int");
static_assert(sizeof(enum config_direct_io) == sizeof(int), "choices are stored as int");

// In the order in which Redis's error message lists them.
static const struct setting_choice appendfsync_choices[] = {
    {"everysec", APPENDFSYNC_EVERYSEC},
    {"always", APPENDFSYNC_ALWAYS},
    {"no", APPENDFSYNC_NO},
    {NULL, 0},
};
static const struct setting_choice maxmemory_policy_choices[] = {
    {"volatile-lru", MAXMEMORY_VOLATILE_LRU},
    {"volatile-lfu", MAXMEMORY_VOLATILE_LFU},
    {"volatile-random", MAXMEMORY_VOLATILE_RANDOM},
    {"volatile-ttl", MAXMEMORY_VOLATILE_TTL},
    {"allkeys-lru", MAXMEMORY_ALLKEYS_LRU},
    {"allkeys-lfu", MAXMEMORY_ALLKEYS_LFU},
    {"allkeys-random", MAXMEMORY_ALLKEYS_RANDOM},
    {"noeviction", MAXMEMORY_NOEVICTION},
    {NULL, 0},
};
static const struct setting_choice wal_ack_choices[] = {
    {"intent", WAL_ACK_INTENT},
    {"completion", WAL_ACK_COMPLETION},
    {NULL, 0},
};
static const struct setting_choice direct_io_choices[] = {
    {"auto", WAL_DIRECT_AUTO},
    {"no", WAL_DIRECT_NO},
    {NULL, 0},
};
static const struct setting_choice debug_command_choices[] = {
    {"no", DEBUG_COMMAND_NO},
    {"yes", DEBUG_COMMAND_YES},
    {"local", DEBUG_COMMAND_LOCAL},
    {NULL, 0},
};
static const struct setting_choice shutdown_choices[] = {
    {"default", SHUTDOWN_DEFAULT}, {"save", SHUTDOWN_SAVE},   {"nosave", SHUTDOWN_NOSAVE},
    {"now", SHUTDOWN_NOW},         {"force", SHUTDOWN_FORCE}, {NULL, 0},
};
static const struct setting_choice loglevel_choices[] = {
    {"debug", LOGLEVEL_DEBUG},
    {"verbose", LOGLEVEL_VERBOSE},
    {"notice", LOGLEVEL_NOTICE},
    {"warning", LOGLEVEL_WARNING},
    {NULL, 0},
};

static const char *check_bind(struct config *config)
{
    if (config->bind[0] == '\0') {
        return "at least one address is needed";
    }
    size_t count = 1;
    for (const char *p = config->bind; *p != '\0'; p++) {
        count += *p == ' ';
    }
    return count > CONFIG_BINDS_MAX ? "Too many bind addresses specified." : NULL;
}

static const char *check_maxmemory(struct config *config)
{
    if (config->maxmemory == 0) {
        config->maxmemory = config->maxmemory_default;
    }
    return NULL;
}

static const char *check_dir(struct config *config)
{
    return config->dir[0] == '\0' ? "a folder is needed" : NULL;
}

static const char *check_segment_size(struct config *config)
{
    return (uint64_t)config->wal_segment_size % WAL_BLOCK_BYTES != 0
               ? "argument must be a multiple of 4096 bytes"
               : NULL;
}

// Redis takes any hz and clips it silently; so do its users' scripts expect.
static const char *check_hz(struct config *config)
{
    if (config->hz < 1) {
        config->hz = 1;
    }
    if (config->hz > 500) {
        config->hz = 500;
    }
    return NULL;
}

static const char *check_databases(struct config *config)
{
    return config->databases != DATABASES_MAX ? "the number of databases is fixed at 16" : NULL;
}

static const char *check_appendonly(struct config *config)
{
    return config->appendonly ? NULL
                              : "the log cannot be switched off: every write goes through it "
                                "(appendfsync sets when it is synced)";
}

// One number of a save point, and where the next one begins.
static bool save_number(const char **text, long long min)
{
    char *end;
    errno = 0;
    long long value = strtoll(*text, &end, 10);
    bool valid = end != *text && errno == 0 && value >= min && (*end == ' ' || *end == '\0');
    *text = *end == ' ' ? end + 1 : end;
    return valid;
}

static const char *check_save(struct config *config)
{
    const char *text = config->save;
    for (size_t i = 0; i < CONFIG_TEXT_MAX && *text != '\0'; i++) {
        if (!save_number(&text, 1) || !save_number(&text, 0)) {
            return "Invalid save parameters";
        }
    }
    return NULL;
}

static const char *check_shutdown(struct config *config)
{
    int both = SHUTDOWN_SAVE | SHUTDOWN_NOSAVE;
    return (config->shutdown_on_sigint & both) == both ||
                   (config->shutdown_on_sigterm & both) == both
               ? "shutdown options SAVE and NOSAVE can't be used simultaneously"
               : NULL;
}

// As in Redis: words that are no number, or none between 0 and 100, are refused in its words.
static const char *check_percentiles(struct config *config)
{
    const char *text = config->latency_tracking_info_percentiles;
    for (size_t i = 0; *text != '\0'; i++) {
        char *end;
        if (i == CONFIG_PERCENTILES_MAX) {
            return "there can be at most 16 percentiles";
        }
        double value = strtod(text, &end);
        if (end == text || (*end != ' ' && *end != '\0')) {
            return "Invalid latency-tracking-info-percentiles parameters";
        }
        if (!(value >= 0 && value <= 100)) {
            return "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
        }
        text = *end == ' ' ? end + 1 : end;
    }
    return NULL;
}

#define AT(field) .offset = offsetof(struct config, field)
#define FIXED .change = SETTING_IMMUTABLE
#define BETWEEN(low, high) .min = (low), .max = (high)
// Sorted as in conf/poro.conf.
static const struct setting settings[] = {
    {"bind", SETTING_WORDS, FIXED, AT(bind), .initial = "127.0.0.1 -::1", .check = check_bind},
    {"port", SETTING_NUMBER, FIXED, AT(port), .initial = "6379", BETWEEN(0, 65535)},
    {"unixsocket", SETTING_TEXT, FIXED, AT(unixsocket), .initial = ""},
    {"unixsocketperm", SETTING_OCTAL, FIXED, AT(unixsocketperm), .initial = "0", BETWEEN(0, 0777)},
    {"tcp-backlog", SETTING_NUMBER, FIXED, AT(tcp_backlog), .initial = "511", BETWEEN(0, INT_MAX)},
    {"timeout", SETTING_NUMBER, AT(timeout_s), .initial = "0", BETWEEN(0, INT_MAX)},
    {"tcp-keepalive", SETTING_NUMBER, AT(tcp_keepalive_s), .initial = "300", BETWEEN(0, INT_MAX)},
    {"protected-mode", SETTING_BOOL, AT(protected_mode), .initial = "yes"},

    {"maxclients", SETTING_NUMBER, AT(maxclients), .initial = "10000", BETWEEN(1, UINT_MAX)},
    {"requirepass", SETTING_TEXT, AT(requirepass), .initial = ""},
    {"proto-max-bulk-len", SETTING_MEMORY, AT(proto_max_bulk_len), .initial = "512mb",
     BETWEEN(MIB(1), ARGUMENT_BYTES_MAX)},
    {"client-output-buffer-limit", SETTING_LIMITS, AT(output_limits),
     .initial = "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60"},
    {"maxmemory-clients", SETTING_SHARE, AT(maxmemory_clients), .initial = "0",
     BETWEEN(0, INT64_MAX)},

    {"maxmemory", SETTING_MEMORY, AT(maxmemory), .initial = "0", BETWEEN(0, INT64_MAX),
     .check = check_maxmemory},
    {"maxmemory-policy", SETTING_CHOICE, AT(maxmemory_policy), .initial = "noeviction",
     .choices = maxmemory_policy_choices},
    {"maxmemory-samples", SETTING_NUMBER, AT(maxmemory_samples), .initial = "5",
     BETWEEN(1, INT_MAX)},
    {"lfu-log-factor", SETTING_NUMBER, AT(lfu_log_factor), .initial = "10", BETWEEN(0, INT_MAX)},
    {"lfu-decay-time", SETTING_NUMBER, AT(lfu_decay_time_min), .initial = "1", BETWEEN(0, INT_MAX)},
    {"activedefrag", SETTING_BOOL, AT(activedefrag), .initial = "yes"},

    {"dir", SETTING_TEXT, SETTING_PROTECTED, AT(dir), .initial = "./data", .check = check_dir},
    {"appendfsync", SETTING_CHOICE, AT(appendfsync), .initial = "always",
     .choices = appendfsync_choices},
    {"wal-ack", SETTING_CHOICE, AT(wal_ack), .initial = "intent", .choices = wal_ack_choices},
    {"completion-interval", SETTING_NUMBER, AT(completion_interval_ms), .initial = "100",
     BETWEEN(1, 10000)},
    {"wal-segment-size", SETTING_MEMORY, FIXED, AT(wal_segment_size), .initial = "64mb",
     BETWEEN(WAL_SEGMENT_BYTES_MIN, WAL_SEGMENT_BYTES_MAX), .check = check_segment_size},
    {"wal-segments-ahead", SETTING_NUMBER, FIXED, AT(wal_segments_ahead), .initial = "4",
     BETWEEN(3, 1024)},
    {"wal-direct-io", SETTING_CHOICE, FIXED, AT(wal_direct_io), .initial = "auto",
     .choices = direct_io_choices},
    {"auto-aof-rewrite-percentage", SETTING_NUMBER, AT(auto_aof_rewrite_percentage),
     .initial = "100", BETWEEN(0, INT_MAX)},
    {"auto-aof-rewrite-min-size", SETTING_MEMORY, AT(auto_aof_rewrite_min_size), .initial = "64mb",
     BETWEEN(0, INT64_MAX)},
    {"key-load-delay", SETTING_NUMBER, AT(key_load_delay_us), .initial = "0", BETWEEN(0, 1000000)},
    {"save", SETTING_WORDS, AT(save), .initial = "", .check = check_save},
    {"shutdown-on-sigint", SETTING_FLAGS, AT(shutdown_on_sigint), .initial = "default",
     .choices = shutdown_choices, .check = check_shutdown},
    {"shutdown-on-sigterm", SETTING_FLAGS, AT(shutdown_on_sigterm), .initial = "default",
     .choices = shutdown_choices, .check = check_shutdown},

    {"slowlog-log-slower-than", SETTING_NUMBER, AT(slowlog_log_slower_than_us), .initial = "10000",
     BETWEEN(-1, INT64_MAX)},
    {"slowlog-max-len", SETTING_NUMBER, AT(slowlog_max_len), .initial = "128",
     BETWEEN(0, INT64_MAX)},
    {"latency-monitor-threshold", SETTING_NUMBER, AT(latency_monitor_threshold_ms), .initial = "0",
     BETWEEN(0, INT64_MAX)},
    {"latency-tracking", SETTING_BOOL, AT(latency_tracking), .initial = "yes"},
    {"latency-tracking-info-percentiles", SETTING_WORDS, AT(latency_tracking_info_percentiles),
     .initial = "50 99 99.9", .check = check_percentiles},
    {"enable-debug-command", SETTING_CHOICE, FIXED, AT(enable_debug_command), .initial = "no",
     .choices = debug_command_choices},

    {"loglevel", SETTING_CHOICE, AT(loglevel), .initial = "notice", .choices = loglevel_choices},
    {"logfile", SETTING_TEXT, FIXED, AT(logfile), .initial = ""},
    {"hz", SETTING_NUMBER, AT(hz), .initial = "10", BETWEEN(0, INT_MAX), .check = check_hz},
    {"databases", SETTING_NUMBER, FIXED, AT(databases), .initial = "16", BETWEEN(1, INT_MAX),
     .check = check_databases},
    {"appendonly", SETTING_BOOL, AT(appendonly), .initial = "yes", .check = check_appendonly},
};
#undef AT
#undef FIXED
#undef BETWEEN

size_t config_count(void)
{
    return sizeof settings / sizeof settings[0];
}

const struct setting *setting_at(size_t index)
{
    assert(index < config_count());
    return &settings[index];
}

const char *config_name(size_t index)
{
    return setting_at(index)->name;
}

size_t config_find(const char *name, size_t length)
{
    for (size_t i = 0; i < config_count(); i++) {
        if (strlen(settings[i].name) == length &&
            strncasecmp(settings[i].name, name, length) == 0) {
            return i;
        }
    }
    return config_count();
}

const struct setting *setting_find(const char *name, size_t length)
{
    size_t index = config_find(name, length);
    return index < config_count() ? &settings[index] : NULL;
}

void config_init(struct config *config, uint64_t memory_bytes)
{
    memset(config, 0, sizeof *config);
    uint64_t share = memory_bytes / 4 * 3;
    assert(share <= INT64_MAX);
    config->maxmemory_default = (int64_t)share;
    for (size_t i = 0; i < config_count(); i++) {
        char reason[SETTING_REASON_MAX];
        const char *initial = settings[i].initial;
        bool valid = setting_assign(&settings[i], config, initial, strlen(initial), reason);
        assert(valid);
    }
}
