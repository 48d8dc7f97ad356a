// CONFIG SET: several settings at once, all or none, with the errors that Redis 7.0 gives.
#include "server/config.h"

#include "server/config_table.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// Errors go into one line of the protocol.
static void flatten(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\r' || *text == '\n') {
            *text = ' ';
        }
    }
}

static void refuse(const char *name, size_t length, const char *reason,
                   char error[CONFIG_ERROR_MAX])
{
    assert(length < CONFIG_ERROR_MAX);
    snprintf(error, CONFIG_ERROR_MAX,
             "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s", (int)length, name,
             reason);
    flatten(error);
}

void config_refuse(const char *name, const char *reason, char error[CONFIG_ERROR_MAX])
{
    refuse(name, strlen(name), reason, error);
}

static void refuse_unknown(const struct config_pair *pair, char error[CONFIG_ERROR_MAX])
{
    // Redis prints it up to its first zero byte, if there is one.
    size_t length = strnlen(pair->name, pair->name_length);
    snprintf(error, CONFIG_ERROR_MAX,
             "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
             length < CONFIG_ERROR_MAX ? (int)length : CONFIG_ERROR_MAX, pair->name);
    flatten(error);
}

static const struct setting *setting_of(const struct config_pair *pair)
{
    return setting_find(pair->name, pair->name_length);
}

// What is wrong with the pair before its value is looked at, or NULL.
static const char *objection(const struct config_pair *pairs, size_t index)
{
    const struct setting *setting = setting_of(&pairs[index]);
    switch (setting->change) {
    case SETTING_IMMUTABLE:
        return "can't set immutable config";
    case SETTING_PROTECTED:
        return "can't set protected config";
    case SETTING_MUTABLE:
        break;
    }
    for (size_t i = 0; i < index; i++) {
        if (setting_of(&pairs[i]) == setting) {
            return "duplicate parameter";
        }
    }
    return NULL;
}

// As in Redis, these errors name the setting as the client wrote it, and those about values as the
// table does.
int config_set(struct config *config, const struct config_pair *pairs, size_t count,
               char error[CONFIG_ERROR_MAX])
{
    assert(count > 0);
    // Quadratic only in the number of settings: with more pairs, one is unknown or a duplicate.
    for (size_t i = 0; i < count; i++) {
        if (setting_of(&pairs[i]) == NULL) {
            refuse_unknown(&pairs[i], error);
            return -EINVAL;
        }
        const char *reason = objection(pairs, i);
        if (reason != NULL) {
            refuse(pairs[i].name, pairs[i].name_length, reason, error);
            return -EINVAL;
        }
    }
    struct config changed = *config;
    for (size_t i = 0; i < count; i++) {
        char reason[SETTING_REASON_MAX];
        const struct setting *setting = setting_of(&pairs[i]);
        if (!setting_assign(setting, &changed, pairs[i].value, pairs[i].value_length, reason)) {
            config_refuse(setting->name, reason, error);
            return -EINVAL;
        }
    }
    *config = changed;
    return 0;
}
