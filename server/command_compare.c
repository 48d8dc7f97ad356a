// Commands that compare a value with what the caller knows of it: DELEX, DELIFEQ, DIGEST.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/command_docs.h"
#include "server/commands.h"
#include "server/condition.h"
#include "server/data.h"
#include "storage/digest.h"
#include "storage/entry.h"

#include <inttypes.h>
#include <stdio.h>

static void delete_if(struct call *call, const struct key *key, const struct entry *entry,
                      const struct condition *condition)
{
    if (!condition_valid(call, condition, entry))
        return;
    bool holds = condition_holds(call, condition, entry);
    resp_integer(call->reply, holds && data_delete(call, key));
}

void command_delex(struct call *call)
{
    struct condition condition = {.kind = CONDITION_NONE};
    if (call->argc != 2 && call->argc != 4) {
        resp_errorf(call->reply, "ERR wrong number of arguments for '%s' command",
                    call->command->doc->name);
        return;
    }
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, false);
    // As in Redis nothing else is looked at without a key.
    if (entry == NULL) {
        resp_integer(call->reply, 0);
        return;
    }
    if (call->argc == 4) {
        condition = (struct condition){condition_find(call, 2), 3};
        if (condition.kind == CONDITION_NONE) {
            resp_error(call->reply, "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
            return;
        }
    }
    delete_if(call, &key, entry, &condition);
}

void command_delifeq(struct call *call)
{
    struct condition condition = {CONDITION_IFEQ, 2};
    struct key key = call_key(call, 1);
    delete_if(call, &key, data_find(call, &key, false), &condition);
}

void command_digest(struct call *call)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, true);
    if (entry == NULL) {
        resp_null(call->reply);
        return;
    }
    char text[17];
    snprintf(text, sizeof(text), "%016" PRIx64,
             digest_of(entry_value(entry), entry_value_length(entry)));
    resp_bulk_text(call->reply, text);
}
