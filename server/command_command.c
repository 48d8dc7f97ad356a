// COMMAND: what is known of the commands, for clients.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/command_docs.h"
#include "server/commands.h"
#include "server/rename.h"
#include "server/server.h"
#include "storage/glob.h"

#include <assert.h>
#include <string.h>

// The documentation of the command at `index`; NULL when rename-command has taken it away.
static const struct command_doc *command_visible(const struct call *call, size_t index)
{
    const struct command_doc *doc = command_docs_at(index);
    return rename_hides(&call->server->config, doc) ? NULL : doc;
}

static size_t command_visible_count(const struct call *call)
{
    size_t count = 0;
    for (size_t i = 0; i < command_docs_count(); i++)
        count += command_visible(call, i) != NULL;
    return count;
}

// The command that argument `index` names, or NULL.
static const struct command_doc *command_named(const struct call *call, uint32_t index)
{
    struct span name = call_arg(call, index);
    return rename_find_doc(&call->server->config, name.data, name.length);
}

void command_command(struct call *call)
{
    resp_array(call->reply, command_visible_count(call));
    for (size_t i = 0; i < command_docs_count(); i++) {
        if (command_visible(call, i) != NULL)
            command_doc_info(call->reply, command_docs_at(i));
    }
}

void command_command_count(struct call *call)
{
    resp_integer(call->reply, (int64_t)command_visible_count(call));
}

void command_command_info(struct call *call)
{
    if (call->argc == 2) {
        command_command(call);
        return;
    }
    resp_array(call->reply, call->argc - 2);
    // A reply that finds no memory is not sent.
    for (uint32_t i = 2; i < call->argc && !call->reply->overflow; i++) {
        const struct command_doc *doc = command_named(call, i);
        if (doc != NULL)
            command_doc_info(call->reply, doc);
        else
            resp_null(call->reply);
    }
}

void command_command_docs(struct call *call)
{
    if (call->argc == 2) {
        resp_map(call->reply, command_visible_count(call));
        for (size_t i = 0; i < command_docs_count(); i++) {
            if (command_visible(call, i) != NULL)
                command_doc_docs(call->reply, command_docs_at(i));
        }
        return;
    }
    // Unknown names are left out.
    size_t known = 0;
    for (uint32_t i = 2; i < call->argc; i++)
        known += command_named(call, i) != NULL;
    resp_map(call->reply, known);
    for (uint32_t i = 2; i < call->argc && !call->reply->overflow; i++) {
        const struct command_doc *doc = command_named(call, i);
        if (doc != NULL)
            command_doc_docs(call->reply, doc);
    }
}

// --- LIST -----------------------------------------------------------------------------------

enum list_filter { LIST_EVERYTHING, LIST_MODULE, LIST_CATEGORY, LIST_PATTERN };

static bool list_wants(const struct command_doc *doc, enum list_filter filter, struct span value)
{
    switch (filter) {
    case LIST_EVERYTHING:
        return true;
    case LIST_MODULE: // there are no modules
        return false;
    case LIST_CATEGORY:
        return command_doc_in_category(doc, value.data, value.length);
    case LIST_PATTERN:
        return glob_match(value.data, value.length, (const uint8_t *)doc->name, strlen(doc->name),
                          true);
    }
    assert(false);
    return false;
}

// Counts what is wanted, subcommands too, and writes it when `reply` is not NULL.
static size_t list_walk(const struct call *call, struct resp_writer *reply, enum list_filter filter,
                        struct span value)
{
    size_t wanted = 0;
    for (size_t i = 0; i < command_docs_count(); i++) {
        const struct command_doc *doc = command_visible(call, i);
        if (doc == NULL)
            continue;
        if (list_wants(doc, filter, value)) {
            wanted++;
            if (reply != NULL)
                resp_bulk_text(reply, doc->name);
        }
        for (const struct command_doc *sub = doc->subcommands; sub != NULL && sub->name != NULL;
             sub++) {
            if (!list_wants(sub, filter, value))
                continue;
            wanted++;
            if (reply != NULL)
                resp_bulk_text(reply, sub->name);
        }
    }
    return wanted;
}

void command_command_list(struct call *call)
{
    enum list_filter filter = LIST_EVERYTHING;
    struct span value = {0};
    if (call->argc == 5 && call_arg_is(call, 2, "filterby")) {
        value = call_arg(call, 4);
        if (call_arg_is(call, 3, "module"))
            filter = LIST_MODULE;
        else if (call_arg_is(call, 3, "aclcat"))
            filter = LIST_CATEGORY;
        else if (call_arg_is(call, 3, "pattern"))
            filter = LIST_PATTERN;
    }
    if (filter == LIST_EVERYTHING && call->argc != 2) {
        call_error_syntax(call);
        return;
    }
    resp_array(call->reply, list_walk(call, NULL, filter, value));
    list_walk(call, call->reply, filter, value);
}

// --- GETKEYS --------------------------------------------------------------------------------

// The command line begins at this argument.
#define LINE_START 2

// What SET does with its key depends on GET.
static uint16_t line_set_flags(const struct call *call)
{
    for (uint32_t i = LINE_START + 3; i < call->argc; i++) {
        if (call_arg_is(call, i, "get"))
            return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    }
    return KEY_OW | KEY_UPDATE;
}

// BITFIELD changes nothing when it does nothing but GET.
static uint16_t line_bitfield_flags(const struct call *call)
{
    for (uint32_t i = LINE_START + 2; i < call->argc; i++) {
        uint32_t left = call->argc - i - 1;
        if (call_arg_is(call, i, "get") && left >= 2)
            i += 2;
        else if (call_arg_is(call, i, "overflow") && left >= 1)
            i += 1;
        else
            return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    }
    return KEY_RO | KEY_ACCESS;
}

static uint16_t line_key_flags(const struct call *call, const struct command_doc *doc,
                               uint32_t index)
{
    if (!(doc->key_flags & KEY_VARIABLE_FLAGS))
        return command_doc_key_flags(doc, index - LINE_START);
    if (strcmp(doc->name, "bitfield") == 0)
        return line_bitfield_flags(call);
    assert(strcmp(doc->name, "set") == 0);
    return line_set_flags(call);
}

static void line_keys_reply(struct call *call, const struct command_doc *doc, bool with_flags)
{
    assert(doc->first_key > 0 && doc->key_step > 0);
    uint32_t first = LINE_START + (uint32_t)doc->first_key;
    uint32_t step = (uint32_t)doc->key_step;
    uint32_t last = call_last_key(call, doc, LINE_START);
    if (last == 0) {
        resp_error(call->reply, "ERR Invalid arguments specified for command");
        return;
    }
    assert(last >= first && last < call->argc);
    resp_array(call->reply, (last - first) / step + 1);
    for (uint32_t i = first; i <= last; i += step) {
        struct span key = call_arg(call, i);
        if (with_flags)
            resp_array(call->reply, 2);
        resp_bulk(call->reply, key.data, key.length);
        if (with_flags)
            command_key_flags_reply(call->reply, line_key_flags(call, doc, i));
    }
}

static void line_keys(struct call *call, bool with_flags)
{
    const struct command_doc *doc = commands_line_doc(call, LINE_START);
    const char *error = NULL;
    if (doc == NULL)
        error = "ERR Invalid command specified";
    else if (doc->first_key == 0)
        error = "ERR The command has no key arguments";
    else if (!command_doc_arity_ok(doc, call->argc - LINE_START))
        error = "ERR Invalid number of arguments specified for command";
    if (error != NULL)
        resp_error(call->reply, error);
    else
        line_keys_reply(call, doc, with_flags);
}

void command_command_getkeys(struct call *call)
{
    line_keys(call, false);
}

void command_command_getkeysandflags(struct call *call)
{
    line_keys(call, true);
}

void command_command_help(struct call *call)
{
    static const char *const lines[] = {
        "(none)",
        "    Describes all commands, for clients.",
        "COUNT",
        "    Tells how many commands there are.",
        "DOCS [<name> ...]",
        "    Documents all commands, or some, for people.",
        "GETKEYS <command> [<argument> ...]",
        "    Finds the keys in a command line.",
        "GETKEYSANDFLAGS <command> [<argument> ...]",
        "    Finds the keys in a command line, and what happens to them.",
        "HELP",
        "    Shows this text.",
        "INFO [<name> ...]",
        "    Describes all commands, or some, for clients.",
        "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
        "    Lists the names of all commands, or of some.",
        NULL,
    };
    commands_help(call, lines);
}
