// The command table: joins every command's documentation with its handler, and finds names.
#include "server/commands.h"

#include "server/command_handlers.h"
#include "server/command_table.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

// Positions in command_table.
enum row {
    ROW_append,
    ROW_auth,
    ROW_client,
    ROW_command,
    ROW_config,
    ROW_dbsize,
    ROW_decr,
    ROW_decrby,
    ROW_del,
    ROW_echo,
    ROW_exists,
    ROW_expire,
    ROW_flushall,
    ROW_flushdb,
    ROW_get,
    ROW_hello,
    ROW_incr,
    ROW_incrby,
    ROW_info,
    ROW_keys,
    ROW_mget,
    ROW_mset,
    ROW_persist,
    ROW_pexpire,
    ROW_ping,
    ROW_pttl,
    ROW_quit,
    ROW_reset,
    ROW_scan,
    ROW_select,
    ROW_set,
    ROW_shutdown,
    ROW_strlen,
    ROW_time,
    ROW_ttl,
    ROW_type,
    ROW_unlink,
    ROWS,
};

#define ROW(name) [ROW_##name] = {&command_table[ROW_##name], command_##name, sizeof(#name) - 1}
#define CONTAINER(name) [ROW_##name] = {&command_table[ROW_##name], NULL, sizeof(#name) - 1}

static const struct command rows[ROWS] = {
    ROW(append),   ROW(auth),     CONTAINER(client), ROW(command), CONTAINER(config), ROW(dbsize),
    ROW(decr),     ROW(decrby),   ROW(del),          ROW(echo),    ROW(exists),       ROW(expire),
    ROW(flushall), ROW(flushdb),  ROW(get),          ROW(hello),   ROW(incr),         ROW(incrby),
    ROW(info),     ROW(keys),     ROW(mget),         ROW(mset),    ROW(persist),      ROW(pexpire),
    ROW(ping),     ROW(pttl),     ROW(quit),         ROW(reset),   ROW(scan),         ROW(select),
    ROW(set),      ROW(shutdown), ROW(strlen),       ROW(time),    ROW(ttl),          ROW(type),
    ROW(unlink),
};

// --- finding a name --------------------------------------------------------------------------

// A name's length, its first two and its last two characters make a number that no other command
// has. The factors were found by trial, for these commands and for those that are to come. Should
// two names ever collide, the compiler refuses the table (an initialiser is overridden), and new
// factors are needed.
#define SLOTS 1024
#define SLOT_OF(length, first, second, before_last, last)                                          \
    (((length)*180U + (first)*146U + (second)*198U + (before_last)*230U + (last)*41U) % SLOTS)
#define SLOT(name, first, second, before_last, last)                                               \
    [SLOT_OF(sizeof(#name) - 1, first, second, before_last, last)] = ROW_##name + 1

static_assert(ROWS < UINT8_MAX, "a slot is one byte");

// Row number + 1; 0: no command.
static const uint8_t slots[SLOTS] = {
    SLOT(append, 'a', 'p', 'n', 'd'),   SLOT(auth, 'a', 'u', 't', 'h'),
    SLOT(client, 'c', 'l', 'n', 't'),   SLOT(command, 'c', 'o', 'n', 'd'),
    SLOT(config, 'c', 'o', 'i', 'g'),   SLOT(dbsize, 'd', 'b', 'z', 'e'),
    SLOT(decr, 'd', 'e', 'c', 'r'),     SLOT(decrby, 'd', 'e', 'b', 'y'),
    SLOT(del, 'd', 'e', 'e', 'l'),      SLOT(echo, 'e', 'c', 'h', 'o'),
    SLOT(exists, 'e', 'x', 't', 's'),   SLOT(expire, 'e', 'x', 'r', 'e'),
    SLOT(flushall, 'f', 'l', 'l', 'l'), SLOT(flushdb, 'f', 'l', 'd', 'b'),
    SLOT(get, 'g', 'e', 'e', 't'),      SLOT(hello, 'h', 'e', 'l', 'o'),
    SLOT(incr, 'i', 'n', 'c', 'r'),     SLOT(incrby, 'i', 'n', 'b', 'y'),
    SLOT(info, 'i', 'n', 'f', 'o'),     SLOT(keys, 'k', 'e', 'y', 's'),
    SLOT(mget, 'm', 'g', 'e', 't'),     SLOT(mset, 'm', 's', 'e', 't'),
    SLOT(persist, 'p', 'e', 's', 't'),  SLOT(pexpire, 'p', 'e', 'r', 'e'),
    SLOT(ping, 'p', 'i', 'n', 'g'),     SLOT(pttl, 'p', 't', 't', 'l'),
    SLOT(quit, 'q', 'u', 'i', 't'),     SLOT(reset, 'r', 'e', 'e', 't'),
    SLOT(scan, 's', 'c', 'a', 'n'),     SLOT(select, 's', 'e', 'c', 't'),
    SLOT(set, 's', 'e', 'e', 't'),      SLOT(shutdown, 's', 'h', 'w', 'n'),
    SLOT(strlen, 's', 't', 'e', 'n'),   SLOT(time, 't', 'i', 'm', 'e'),
    SLOT(ttl, 't', 't', 't', 'l'),      SLOT(type, 't', 'y', 'p', 'e'),
    SLOT(unlink, 'u', 'n', 'n', 'k'),
};

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

// In the order of their documentation, which is alphabetical.
#define SUB(container, index, name)                                                                \
    {                                                                                              \
        &command_table_##container[index], command_##container##_##name,                           \
            sizeof(#container "|" #name) - 1                                                       \
    }

static const struct command client_rows[] = {
    SUB(client, 0, getname),  SUB(client, 1, help),     SUB(client, 2, id),
    SUB(client, 3, info),     SUB(client, 4, kill),     SUB(client, 5, list),
    SUB(client, 6, no_evict), SUB(client, 7, no_touch), SUB(client, 8, reply),
    SUB(client, 9, setinfo),  SUB(client, 10, setname),
};
static const struct command command_rows[] = {
    SUB(command, 0, count),   SUB(command, 1, docs),
    SUB(command, 2, getkeys), SUB(command, 3, getkeysandflags),
    SUB(command, 4, help),    SUB(command, 5, info),
    SUB(command, 6, list),
};
static const struct command config_rows[] = {
    SUB(config, 0, get),
    SUB(config, 1, help),
    SUB(config, 2, resetstat),
    SUB(config, 3, set),
};

const struct command *commands_resolve(const struct command *command, const struct call *call)
{
    const struct command_doc *subcommands = command->doc->subcommands;
    if (subcommands == NULL || call->argc < 2)
        return command;
    struct span name = call_arg(call, 1);
    const struct command_doc *doc = command_doc_subcommand(command->doc, name.data, name.length);
    if (doc == NULL)
        return NULL;
    size_t index = (size_t)(doc - subcommands);
    const struct command *row;
    if (subcommands == command_table_client) {
        assert(index < sizeof(client_rows) / sizeof(client_rows[0]));
        row = &client_rows[index];
    } else if (subcommands == command_table_command) {
        assert(index < sizeof(command_rows) / sizeof(command_rows[0]));
        row = &command_rows[index];
    } else {
        assert(subcommands == command_table_config);
        assert(index < sizeof(config_rows) / sizeof(config_rows[0]));
        row = &config_rows[index];
    }
    assert(row->doc == doc && row->length == strlen(doc->name));
    return row;
}

void commands_error_subcommand(const struct command *container, struct call *call)
{
    char upper[32];
    assert(container->length < sizeof(upper));
    for (uint32_t i = 0; i <= container->length; i++)
        upper[i] = (char)toupper((unsigned char)container->doc->name[i]);
    struct span name = call_arg(call, 1);
    int length = name.length < 128 ? (int)name.length : 128;
    resp_errorf(call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.", length,
                (const char *)name.data, upper);
}
