// The command table: every command's row, and how a name is found.
#ifndef PORO_SERVER_COMMANDS_H
#define PORO_SERVER_COMMANDS_H

#include "server/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command {
    const struct command_doc *doc;
    command_handler handler;
};

// Finds a command by name in any case; NULL when there is none. (Subcommands are found by their
// container's handler.)
const struct command *commands_find(const uint8_t *name, uint32_t length);

// Runs one call: arity, authentication, memory, admission to the log, handler, stamping. False when
// it has to be executed once more later: nothing has changed, nothing has been written.
bool commands_call(struct call *call);

#endif
