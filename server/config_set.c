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

// A name ends at a zero byte, as in Redis.
static int name_length(const struct config_pair *pair)
{
    size_t length = strnlen(pair->name, pair->name_length);
    return length < CONFIG_ERROR_MAX ? (int)length : CONFIG_ERROR_MAX;
}

void config_refuse(const struct config_pair *pair, const char *reason, char error[CONFIG_ERROR_MAX])
{
    snprintf(error, CONFIG_ERROR_MAX,
             "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s", name_length(pair),
             pair->name, reason);
    flatten(error);
}

static const struct setting *setting_of(const struct config_pair *pair)
{
    return setting_find(pair->name, strnlen(pair->name, pair->name_length));
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

int config_set(struct config *config, const struct config_pair *pairs, size_t count,
               char error[CONFIG_ERROR_MAX])
{
    assert(count > 0);
    // The search for duplicates ends early: with more pairs than settings, one is bound to come.
    for (size_t i = 0; i < count; i++) {
        if (setting_of(&pairs[i]) == NULL) {
            snprintf(error, CONFIG_ERROR_MAX,
                     "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                     name_length(&pairs[i]), pairs[i].name);
            flatten(error);
            return -EINVAL;
        }
        const char *reason = objection(pairs, i);
        if (reason != NULL) {
            config_refuse(&pairs[i], reason, error);
            return -EINVAL;
        }
    }
    struct config changed = *config;
    for (size_t i = 0; i < count; i++) {
        char reason[SETTING_REASON_MAX];
        const struct config_pair *pair = &pairs[i];
        if (!setting_assign(setting_of(pair), &changed, pair->value, pair->value_length, reason)) {
            config_refuse(pair, reason, error);
            return -EINVAL;
        }
    }
    *config = changed;
    return 0;
}
