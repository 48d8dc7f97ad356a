// The command table: joins every command's documentation with its handler, and finds names.
#include "server/commands.h"

#include "server/command_handlers.h"
#include "server/command_table.h"
#include "server/commands_list.h"
#include "server/rename.h"
#include "server/server.h"
#include "server/text_reply.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

// --- rows ------------------------------------------------------------------------------------

// Positions in command_table, and in the tables of subcommands.
#define ROW_INDEX(name, how, ...) ROW_##name,
enum row { COMMANDS(ROW_INDEX) ROWS };
#define SUB_INDEX(container, name) SUB_##container##_##name,
#define SUB_INDEXES(container, list) enum { list(SUB_INDEX) SUBS_##container };
CONTAINERS(SUB_INDEXES)

// Every row has a number of its own: first the commands, then each container's subcommands.
#define SUB_NUMBERS(container, list)                                                               \
    FIRST_##container, LAST_##container = FIRST_##container + SUBS_##container - 1,
enum { LAST_row = ROWS - 1, CONTAINERS(SUB_NUMBERS) NUMBERS };

#define SUB_ROW(container, name)                                                                   \
    [SUB_##container##_##name] = {.doc = &command_table_##container[SUB_##container##_##name],     \
                                  .handler = command_##container##_##name,                         \
                                  .number = FIRST_##container + SUB_##container##_##name,          \
                                  .length = sizeof(#container "|" #name) - 1},
// The rows of a container's subcommands, in the order of their documentation.
#define SUB_ROWS(container, list)                                                                  \
    static const struct command subrows_##container[SUBS_##container] = {list(SUB_ROW)};
CONTAINERS(SUB_ROWS)

#define PLAIN(name) .handler = command_##name
#define BRIEF(name) PLAIN(name), .brief = true
#define STORES(name) PLAIN(name), .stores = true
#define BRIEF_STORES(name) BRIEF(name), .stores = true
#define VALUES(name) .handler = command_##name, .bytes = command_##name##_bytes
#define REACHING(name)                                                                             \
    .handler = command_##name, .reach = command_##name##_reach, .log = command_##name##_log
#define BRIEF_REACHING(name) REACHING(name), .brief = true
#define CONTAINER(name) .subcommands = subrows_##name, .subcommands_count = SUBS_##name
#define BOTH(name) PLAIN(name), CONTAINER(name)
#define ROW(name, how, ...)                                                                        \
    [ROW_##name] = {.doc = &command_table[ROW_##name],                                             \
                    .number = ROW_##name,                                                          \
                    .length = sizeof(#name) - 1,                                                   \
                    how(name)},

static const struct command rows[ROWS] = {COMMANDS(ROW)};

uint32_t commands_count(void)
{
    return NUMBERS;
}

const struct command *commands_at(uint32_t number)
{
#define SUB_TABLE(container, list) {subrows_##container, FIRST_##container, SUBS_##container},
    static const struct {
        const struct command *rows;
        uint32_t first, count;
    } tables[] = {{rows, 0, ROWS}, CONTAINERS(SUB_TABLE)};
    assert(number < NUMBERS);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (number - tables[i].first >= tables[i].count)
            continue;
        const struct command *row = &tables[i].rows[number - tables[i].first];
        assert(row->number == number);
        return row;
    }
    assert(false);
    return NULL;
}

// --- finding a name --------------------------------------------------------------------------

// A name's length, its first two and its last two characters make a number that no other command
// has. The factors were found by trial, for about 130 names, those of commands to come included.
// Should two names ever collide, the compiler refuses the table (an initialiser is overridden), and
// new factors are needed.
#define SLOTS 1024
#define SLOT_OF(length, first, second, before_last, last)                                          \
    (((length)*141U + (first)*174U + (second)*241U + (before_last)*188U + (last)*35U) % SLOTS)
#define SLOT(name, how, first, second, before_last, last)                                          \
    [SLOT_OF(sizeof(#name) - 1, first, second, before_last, last)] = ROW_##name + 1,

static_assert(ROWS < UINT8_MAX, "a slot is one byte");

// Row number + 1; 0: no command.
static const uint8_t slots[SLOTS] = {COMMANDS(SLOT)};

const struct command *commands_find(const uint8_t *name, uint32_t length)
{
    if (length < 2 || length > UINT8_MAX)
        return NULL;
    // The bit that makes letters small changes other characters too: the comparison tells.
    uint32_t slot = SLOT_OF(length, name[0] | 0x20U, name[1] | 0x20U, name[length - 2] | 0x20U,
                            name[length - 1] | 0x20U);
    if (slots[slot] == 0)
        return NULL;
    const struct command *command = &rows[slots[slot] - 1];
    assert(command->doc == &command_table[slots[slot] - 1]);
    if (command->length != length ||
        strncasecmp((const char *)name, command->doc->name, length) != 0)
        return NULL;
    return command;
}

// --- subcommands -----------------------------------------------------------------------------

const struct command *commands_resolve(const struct command *command, const struct call *call)
{
    if (command->subcommands == NULL || call->argc < 2)
        return command;
    struct span name = call_arg(call, 1);
    const struct command_doc *doc = command_doc_subcommand(command->doc, name.data, name.length);
    if (doc == NULL)
        return NULL;
    size_t index = (size_t)(doc - command->doc->subcommands);
    assert(index < command->subcommands_count);
    const struct command *row = &command->subcommands[index];
    assert(row->doc == doc && row->length == strlen(doc->name));
    return row;
}

// A container's name as the client has written it, in capitals.
static void commands_name(const struct call *call, char name[COMMAND_NAME_MAX])
{
    struct span text = call_arg(call, 0);
    uint32_t length = text.length < COMMAND_NAME_MAX - 1 ? text.length : COMMAND_NAME_MAX - 1;
    for (uint32_t i = 0; i < length; i++)
        name[i] = (char)toupper(text.data[i]);
    name[length] = '\0';
}

void commands_error_subcommand(struct call *call)
{
    char container[COMMAND_NAME_MAX];
    commands_name(call, container);
    struct span name = call_arg(call, 1);
    int length = name.length < 128 ? (int)name.length : 128;
    resp_errorf(call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.", length,
                (const char *)name.data, container);
}

void commands_error_arguments(struct call *call)
{
    char container[COMMAND_NAME_MAX];
    commands_name(call, container);
    struct span name = call_arg(call, 1);
    int length = name.length < 128 ? (int)name.length : 128;
    resp_errorf(call->reply,
                "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
                length, (const char *)name.data, container);
}

void commands_help(struct call *call, const char *const *lines)
{
    char container[COMMAND_NAME_MAX];
    commands_name(call, container);
    text_reply_help(call->reply, container, lines);
}

const struct command_doc *commands_line_doc(const struct call *call, uint32_t start)
{
    struct span name = call_arg(call, start);
    if (memchr(name.data, '|', name.length) != NULL)
        return NULL;
    const struct command_doc *doc = rename_find_doc(&call->server->config, name.data, name.length);
    if (doc == NULL || doc->subcommands == NULL || call->argc == start + 1)
        return doc;
    struct span subcommand = call_arg(call, start + 1);
    return command_doc_subcommand(doc, subcommand.data, subcommand.length);
}
