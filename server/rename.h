// rename-command: commands that clients call by other names, or by none.
#ifndef PORO_SERVER_RENAME_H
#define PORO_SERVER_RENAME_H

#include "server/commands.h"
#include "server/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command_doc;

// The command that clients call by this name, or NULL.
const struct command *rename_find_other(const struct config *config, const uint8_t *name,
                                        uint32_t length);
static inline const struct command *rename_find(const struct config *config, const uint8_t *name,
                                                uint32_t length)
{
    if (config->renames_count == 0)
        return commands_find(name, length);
    return rename_find_other(config, name, length);
}
// The same for documentation: also "container|subcommand".
const struct command_doc *rename_find_doc(const struct config *config, const void *name,
                                          size_t length);
// True when clients cannot call the command (not a subcommand) at all.
bool rename_hides(const struct config *config, const struct command_doc *doc);

// Adds one line of the configuration, `from` being a name as it is up to now; an empty `to` takes
// the command away. NULL, or what is wrong.
const char *rename_add(struct config *config, const char *from, const char *to);

#endif
