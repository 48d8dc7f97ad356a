// Shorthands of the command tables: flags that often go together, rows' lists, argument lines.
#ifndef PORO_SERVER_COMMAND_TABLE_MACROS_H
#define PORO_SERVER_COMMAND_TABLE_MACROS_H

#include "server/command_docs.h"

// Flags that often go together.
#define CONNECTION_STATE (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define ADMINISTRATION (COMMAND_ADMIN | CONNECTION_STATE)

#define HISTORY(...)                                                                               \
    (const struct command_change[])                                                                \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

// A line of an argument tree; the first number is its depth.
#define LINE(level, text, kind, ...)                                                               \
    {                                                                                              \
        .depth = level, .name = text, .type = ARGUMENT_##kind, __VA_ARGS__                         \
    }
#define OPTIONAL .flags = ARGUMENT_OPTIONAL
#define MULTIPLE .flags = ARGUMENT_MULTIPLE
#define OPTIONAL_MULTIPLE .flags = ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE
#define OPTIONAL_MULTIPLE_MULTIPLE_TOKEN                                                           \
    .flags = ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE | ARGUMENT_MULTIPLE_TOKEN

#endif
