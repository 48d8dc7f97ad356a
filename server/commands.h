// The command table: every command's row, and how a name is found.
#ifndef PORO_SERVER_COMMANDS_H
#define PORO_SERVER_COMMANDS_H

#include "server/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command_doc;

struct command {
    const struct command_doc *doc;
    command_handler handler; // NULL for a container that does nothing by itself
    // How long the values may be, together, that the command makes of values which are there
    // already, beyond its arguments (COPY, BITOP ...): so much more memory and log it may need.
    // NULL: none.
    uint64_t (*bytes)(struct call *call);
    // How many bytes the command may put into values beyond its arguments: zeros (SETRANGE, SETBIT
    // ...), or what it unpacks. NULL: none.
    uint64_t (*reach)(struct call *call);
    // How much it may log beyond a record for each of its arguments: more records about its key, or
    // a text longer than any argument. NULL: nothing.
    uint64_t (*log)(struct call *call);
    const struct command *subcommands; // of a container
    bool stores;     // large arguments, as they are, as the values of the keys before them
    bool brief;      // takes constant time, whatever the data: see command_stats.h
    uint16_t number; // of all rows, subcommands included: see commands_at
    uint8_t subcommands_count;
    uint8_t length; // of the name
};

// All rows, commands before subcommands. The number is valid below the count.
uint32_t commands_count(void);
const struct command *commands_at(uint32_t number);

// Finds a command by name in any case; NULL when there is none. Subcommands are found by
// commands_resolve.
const struct command *commands_find(const uint8_t *name, uint32_t length);

// The row that decides about a call of `command`: the subcommand's row when `command` is a
// container and the call names a subcommand, else `command` itself. NULL when the container has no
// such subcommand: commands_error_subcommand is the answer then. When the arity of the row returned
// is respected, its handler is not NULL.
const struct command *commands_resolve(const struct command *command, const struct call *call);

// Answers for containers, which they call by the name that the client has called them.
#define COMMAND_NAME_MAX 64
// "ERR unknown subcommand 'x'. Try CLIENT HELP."
void commands_error_subcommand(struct call *call);
// "ERR unknown subcommand or wrong number of arguments for 'x'. Try CLIENT HELP."
void commands_error_arguments(struct call *call);
// An array of lines: "CLIENT <subcommand> ..." and then `lines`, which NULL ends.
void commands_help(struct call *call, const char *const *lines);

// The command that a line of arguments, from the index `start` on, names: a subcommand where it
// names one. NULL when there is none.
const struct command_doc *commands_line_doc(const struct call *call, uint32_t start);

// Runs one call: arity, authentication, memory, admission to the log, handler, stamping. False when
// it has to be executed once more later: nothing has changed, nothing has been written.
bool commands_call(struct call *call);
// Answers a command that found no memory for its arguments: OOM, in place of a call.
void commands_refuse_memory(struct call *call);

#endif
