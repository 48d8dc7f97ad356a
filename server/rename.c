// rename-command: a short list of names that are looked through in turn.
#include "server/rename.h"

#include "server/command_docs.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool same(const char *text, const void *name, size_t length)
{
    return strlen(text) == length && strncasecmp(text, name, length) == 0;
}

const struct command *rename_find_other(const struct config *config, const uint8_t *name,
                                        uint32_t length)
{
    const struct command *command = commands_find(name, length);
    for (uint32_t i = 0; i < config->renames_count; i++) {
        const struct config_rename *rename = &config->renames[i];
        if (rename->to[0] != '\0' && same(rename->to, name, length))
            return commands_find((const uint8_t *)rename->from, (uint32_t)strlen(rename->from));
        if (command != NULL && same(rename->from, name, length))
            command = NULL;
    }
    return command;
}

const struct command_doc *rename_find_doc(const struct config *config, const void *name,
                                          size_t length)
{
    const char *text = name;
    const char *bar = length > 0 ? memchr(text, '|', length) : NULL;
    size_t first = bar != NULL ? (size_t)(bar - text) : length;
    if (first > UINT8_MAX)
        return NULL;
    const struct command *command = rename_find(config, name, (uint32_t)first);
    if (command == NULL || bar == NULL)
        return command != NULL ? command->doc : NULL;
    return command_doc_subcommand(command->doc, bar + 1, length - first - 1);
}

bool rename_hides(const struct config *config, const struct command_doc *doc)
{
    for (uint32_t i = 0; i < config->renames_count; i++) {
        if (strcmp(config->renames[i].from, doc->name) == 0)
            return config->renames[i].to[0] == '\0';
    }
    return false;
}

const char *rename_add(struct config *config, const char *from, const char *to)
{
    size_t length = strlen(from) < UINT8_MAX ? strlen(from) : UINT8_MAX;
    const struct command *command = rename_find(config, (const uint8_t *)from, (uint32_t)length);
    if (command == NULL)
        return "No such command in rename-command";
    if (strlen(to) >= sizeof(config->renames[0].to))
        return "the new name is too long";
    const struct command *other = rename_find(config, (const uint8_t *)to, (uint32_t)strlen(to));
    if (other != NULL && other != command)
        return "Target command name already exists";
    uint32_t at = 0;
    while (at < config->renames_count && strcmp(config->renames[at].from, command->doc->name) != 0)
        at++;
    struct config_rename *rename = &config->renames[at];
    if (same(command->doc->name, to, strlen(to))) {
        if (at < config->renames_count)
            *rename = config->renames[--config->renames_count];
        return NULL;
    }
    if (at == CONFIG_RENAMES_MAX)
        return "too many renamed commands";
    assert(strlen(command->doc->name) < sizeof(rename->from));
    snprintf(rename->from, sizeof(rename->from), "%s", command->doc->name);
    snprintf(rename->to, sizeof(rename->to), "%s", to);
    if (at == config->renames_count)
        config->renames_count++;
    return NULL;
}
