// The model's CONFIG: exact for the settings on durability, for others only that there is a reply.
#include "sim/model_internal.h"

#include <string.h>

// Poro's settings; those of them that are not on durability must not be set by a workload.
static const char *const settings[] = {
    "appendfsync",
    "wal-ack",
    "appendonly",
    "bind",
    "completion-interval",
    "databases",
    "dir",
    "hz",
    "logfile",
    "loglevel",
    "maxclients",
    "maxmemory",
    "port",
    "proto-max-bulk-len",
    "protected-mode",
    "requirepass",
    "save",
    "tcp-backlog",
    "tcp-keepalive",
    "timeout",
    "wal-direct-io",
    "wal-segment-size",
    "wal-segments-ahead",
};
enum { SETTING_APPENDFSYNC, SETTING_WAL_ACK, SETTING_UNKNOWN = sizeof(settings) / sizeof(char *) };

static const char *const appendfsync_words[] = {
    [MODEL_ALWAYS] = "always", [MODEL_EVERYSEC] = "everysec", [MODEL_NO] = "no"};
static const char *const wal_ack_words[] = {"intent", "completion"};

static size_t setting_find(struct model_text name)
{
    size_t i = 0;
    while (i < SETTING_UNKNOWN && !model_text_is(name, settings[i]))
        i++;
    return i;
}

// --- GET -------------------------------------------------------------------------------------

void model_do_config_get(struct model_call *call)
{
    struct model_text name = model_arg(call, 2);
    size_t setting = setting_find(name);
    if (call->argc != 3 || setting > SETTING_WAL_ACK) {
        model_do_value(call);
        return;
    }
    const char *value = setting == SETTING_APPENDFSYNC ? appendfsync_words[call->model->durability]
                                                       : wal_ack_words[call->model->completion];
    model_reply_map(call, 1);
    model_reply_bulk(call, name.data, name.length);
    model_reply_bulk(call, value, (uint32_t)strlen(value));
}

// --- SET -------------------------------------------------------------------------------------

// The names have to be known, and each there once. False after a reply.
static bool set_names_right(struct model_call *call)
{
    for (uint32_t i = 2; i < call->argc; i += 2) {
        struct model_text name = model_arg(call, i);
        size_t setting = setting_find(name);
        if (setting == SETTING_UNKNOWN) {
            model_reply_errorf(
                call, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                (int)(name.length < 256 ? name.length : 256), (const char *)name.data);
            return false;
        }
        if (setting > SETTING_WAL_ACK) {
            model_do_any(call);
            return false;
        }
        for (uint32_t k = 2; k < i; k += 2) {
            if (setting_find(model_arg(call, k)) != setting)
                continue;
            model_reply_errorf(call,
                               "ERR CONFIG SET failed (possibly related to argument '%.*s') - "
                               "duplicate parameter",
                               (int)name.length, (const char *)name.data);
            return false;
        }
    }
    return true;
}

// False after an error.
static bool set_value(struct model_call *call, uint32_t index, int *durability, int *completion)
{
    struct model_text value = model_arg(call, index + 1);
    bool fsync = model_arg_is(call, index, "appendfsync");
    const char *const *words = fsync ? appendfsync_words : wal_ack_words;
    int count = fsync ? 3 : 2;
    // As C compares them: up to a zero byte.
    value.length = (uint32_t)strnlen((const char *)value.data, value.length);
    for (int i = 0; i < count; i++) {
        if (model_text_is(value, words[i])) {
            *(fsync ? durability : completion) = i;
            return true;
        }
    }
    model_reply_errorf(call,
                       "ERR CONFIG SET failed (possibly related to argument '%s') - argument(s) "
                       "must be one of the following: %s",
                       fsync ? "appendfsync" : "wal-ack",
                       fsync ? "everysec, always, no" : "intent, completion");
    return false;
}

void model_do_config_set(struct model_call *call)
{
    struct model *model = call->model;
    if (call->argc % 2 != 0) {
        model_reply_syntax(call);
        return;
    }
    if (!set_names_right(call))
        return;
    int durability = (int)model->durability;
    int completion = model->completion;
    for (uint32_t i = 2; i < call->argc; i += 2) {
        if (!set_value(call, i, &durability, &completion))
            return;
    }
    // "OK" promises the new mode for what was written before it, too.
    if (durability != (int)model->durability || completion != model->completion)
        model_call_shows_all(call);
    model->durability = (enum model_durability)durability;
    model->completion = completion != 0;
    model_reply_ok(call);
}

void model_do_config_resetstat(struct model_call *call)
{
    model_reply_ok(call);
}
