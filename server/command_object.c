// OBJECT: how a value is kept, told in Redis's terms.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/commands.h"
#include "server/data.h"
#include "server/idle.h"
#include "server/server.h"
#include "storage/entry.h"

#include <limits.h>

// Redis keeps a string up to this length together with its object, and numbers as numbers, of which
// those below SHARED_NUMBERS exist only once.
#define EMBEDDED_BYTES_MAX 44
#define SHARED_NUMBERS 10000

// OBJECT itself is no use of the key. NULL after a reply.
static const struct entry *object_find(struct call *call)
{
    struct key key = call_key(call, 2);
    const struct entry *entry = data_peek(call, &key, true);
    if (entry == NULL)
        resp_null(call->reply);
    return entry;
}

static bool object_number(const struct entry *entry, int64_t *number)
{
    return !(entry->flags & ENTRY_EDITED) &&
           number_parse(entry_value(entry), entry_value_length(entry), number);
}

void command_object_encoding(struct call *call)
{
    const struct entry *entry = object_find(call);
    int64_t number;
    if (entry == NULL)
        return;
    const char *encoding = "raw";
    if (object_number(entry, &number))
        encoding = "int";
    else if (!(entry->flags & ENTRY_EDITED) && entry_value_length(entry) <= EMBEDDED_BYTES_MAX)
        encoding = "embstr";
    resp_bulk_text(call->reply, encoding);
}

void command_object_freq(struct call *call)
{
    const struct entry *entry = object_find(call);
    if (entry != NULL && call->server->idle.lfu)
        resp_integer(call->reply, idle_frequency(call->server, entry->idle));
    else if (entry != NULL)
        resp_error(call->reply, "ERR An LFU maxmemory policy is not selected, access frequency not "
                                "tracked. Please note that when switching between policies at "
                                "runtime LRU and LFU data will take some time to adjust.");
}

void command_object_idletime(struct call *call)
{
    const struct entry *entry = object_find(call);
    if (entry != NULL && call->server->idle.lfu)
        resp_error(call->reply, "ERR An LFU maxmemory policy is selected, idle time not tracked. "
                                "Please note that when switching between policies at runtime LRU "
                                "and LFU data will take some time to adjust.");
    else if (entry != NULL)
        resp_integer(call->reply, idle_seconds(call->server, entry));
}

void command_object_refcount(struct call *call)
{
    const struct entry *entry = object_find(call);
    int64_t number;
    if (entry == NULL)
        return;
    bool shared = object_number(entry, &number) && number >= 0 && number < SHARED_NUMBERS;
    resp_integer(call->reply, shared ? INT_MAX : 1);
}

void command_object_help(struct call *call)
{
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Tells in which form Redis would keep the value.",
        "FREQ <key>",
        "    Tells how often the key is used, where that is counted.",
        "HELP",
        "    Shows this text.",
        "IDLETIME <key>",
        "    Tells how many seconds ago the key was used last, in steps of ten.",
        "REFCOUNT <key>",
        "    Tells how many keys share the value.",
        NULL,
    };
    commands_help(call, lines);
}
