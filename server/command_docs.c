// Access to the command table, and the replies of COMMAND INFO and COMMAND DOCS made from it.
#include "server/command_docs.h"

#include "protocol/resp_writer.h"
#include "server/command_table.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

// Enough for any list in the table; bounds every walk through one.
#define LIST_MAX 128
#define DEPTH_MAX 5

// Names of bits, from bit 0 on.
static const char *const flag_names[] = {
    "write",
    "readonly",
    "denyoom",
    "admin",
    "pubsub",
    "noscript",
    "blocking",
    "loading",
    "stale",
    "skip_monitor",
    "skip_slowlog",
    "asking",
    "fast",
    "no_auth",
    "may_replicate",
    "no_mandatory_keys",
    "no_async_loading",
    "no_multi",
    "movablekeys",
    "allow_busy",
};
static const char *const category_names[] = {
    "@keyspace",   "@read",        "@write",     "@set",         "@sortedset", "@list",
    "@hash",       "@string",      "@bitmap",    "@hyperloglog", "@geo",       "@stream",
    "@pubsub",     "@admin",       "@fast",      "@slow",        "@blocking",  "@dangerous",
    "@connection", "@transaction", "@scripting",
};
static const char *const key_flag_names[] = {
    "RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags",
};
static const char *const argument_flag_names[] = {"optional", "multiple", "multiple_token"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
static_assert(1 << (COUNT(flag_names) - 1) == COMMAND_ALLOW_BUSY, "a name for every flag");
static_assert(1 << (COUNT(category_names) - 1) == CATEGORY_SCRIPTING, "for every category");
static_assert(1 << (COUNT(key_flag_names) - 1) == KEY_VARIABLE_FLAGS, "for every key flag");
static_assert(1 << (COUNT(argument_flag_names) - 1) == ARGUMENT_MULTIPLE_TOKEN, "for every flag");

static const char *group_name(uint8_t group)
{
    static const char *const names[] = {
        [GROUP_BITMAP] = "bitmap",
        [GROUP_CLUSTER] = "cluster",
        [GROUP_CONNECTION] = "connection",
        [GROUP_GENERIC] = "generic",
        [GROUP_SERVER] = "server",
        [GROUP_STRING] = "string",
        [GROUP_TRANSACTIONS] = "transactions",
    };
    assert(group < COUNT(names));
    return names[group];
}

static const char *argument_type_name(uint8_t type)
{
    static const char *const names[] = {
        [ARGUMENT_STRING] = "string",    [ARGUMENT_INTEGER] = "integer",
        [ARGUMENT_DOUBLE] = "double",    [ARGUMENT_KEY] = "key",
        [ARGUMENT_PATTERN] = "pattern",  [ARGUMENT_UNIX_TIME] = "unix-time",
        [ARGUMENT_TOKEN] = "pure-token", [ARGUMENT_ONEOF] = "oneof",
        [ARGUMENT_BLOCK] = "block",
    };
    assert(type < COUNT(names));
    return names[type];
}

// --- access ----------------------------------------------------------------------------------

static size_t rows_count(const struct command_doc *rows)
{
    size_t count = 0;
    if (!rows)
        return 0;
    while (rows[count].name)
        count++;
    assert(count < LIST_MAX);
    return count;
}

size_t command_docs_count(void)
{
    return rows_count(command_table);
}

const struct command_doc *command_docs_at(size_t index)
{
    assert(index < command_docs_count());
    return &command_table[index];
}

const char *command_doc_own_name(const struct command_doc *doc)
{
    assert(doc && doc->name);
    const char *bar = strrchr(doc->name, '|');
    return bar ? bar + 1 : doc->name;
}

// True when the text equals the terminated name, ignoring case.
static bool same_name(const char *name, const void *text, size_t length)
{
    return strlen(name) == length && strncasecmp(name, text, length) == 0;
}

static const struct command_doc *find_row(const struct command_doc *rows, const void *name,
                                          size_t length)
{
    assert(name || length == 0);
    for (size_t i = 0; rows && rows[i].name; i++) {
        if (same_name(command_doc_own_name(&rows[i]), name, length))
            return &rows[i];
    }
    return NULL;
}

const struct command_doc *command_doc_subcommand(const struct command_doc *container,
                                                 const void *name, size_t length)
{
    assert(container);
    return find_row(container->subcommands, name, length);
}

const struct command_doc *command_doc_find(const void *name, size_t length)
{
    const char *text = name;
    const char *bar = length ? memchr(text, '|', length) : NULL;
    size_t first = bar ? (size_t)(bar - text) : length;
    const struct command_doc *doc = find_row(command_table, text, first);
    if (!doc || !bar)
        return doc;
    return command_doc_subcommand(doc, bar + 1, length - first - 1);
}

bool command_doc_arity_ok(const struct command_doc *doc, uint32_t argc)
{
    assert(doc && doc->arity != 0);
    return doc->arity > 0 ? argc == (uint32_t)doc->arity : argc >= (uint32_t)-doc->arity;
}

uint32_t command_doc_categories(const struct command_doc *doc)
{
    assert(doc);
    uint32_t categories = doc->categories;
    if (doc->flags & COMMAND_WRITE)
        categories |= CATEGORY_WRITE;
    if (doc->flags & COMMAND_READONLY)
        categories |= CATEGORY_READ;
    if (doc->flags & COMMAND_ADMIN)
        categories |= CATEGORY_ADMIN | CATEGORY_DANGEROUS;
    categories |= doc->flags & COMMAND_FAST ? CATEGORY_FAST : CATEGORY_SLOW;
    return categories;
}

bool command_doc_in_category(const struct command_doc *doc, const void *name, size_t length)
{
    uint32_t categories = command_doc_categories(doc);
    for (size_t i = 0; i < COUNT(category_names); i++) {
        if (same_name(category_names[i] + 1, name, length))
            return categories >> i & 1;
    }
    return false;
}

size_t command_categories_count(void)
{
    return COUNT(category_names);
}

const char *command_category_name(size_t index)
{
    assert(index < COUNT(category_names));
    return category_names[index] + 1;
}

// --- replies ---------------------------------------------------------------------------------

// A set of status replies, one for each bit that is set.
static void reply_bits(struct resp_writer *writer, uint32_t bits, const char *const *names,
                       size_t names_count)
{
    assert(bits >> names_count == 0);
    resp_set(writer, (size_t)__builtin_popcount(bits));
    for (size_t i = 0; i < names_count; i++) {
        if (bits >> i & 1)
            resp_simple(writer, names[i]);
    }
}

uint16_t command_doc_key_flags(const struct command_doc *doc, uint32_t index)
{
    assert(doc->first_key > 0 && index >= (uint32_t)doc->first_key);
    bool second = doc->second_key != 0 && index >= (uint32_t)doc->second_key;
    return second ? doc->second_key_flags : doc->key_flags;
}

void command_key_flags_reply(struct resp_writer *writer, uint16_t key_flags)
{
    reply_bits(writer, key_flags, key_flag_names, COUNT(key_flag_names));
}

static void reply_field(struct resp_writer *writer, const char *field, const char *text)
{
    if (!text)
        return;
    resp_bulk_text(writer, field);
    resp_bulk_text(writer, text);
}

static void reply_number(struct resp_writer *writer, const char *field, int64_t number)
{
    resp_bulk_text(writer, field);
    resp_integer(writer, number);
}

static void reply_tips(struct resp_writer *writer, const struct command_doc *doc)
{
    size_t count = 0;
    while (count < COMMAND_TIPS_MAX && doc->tips[count])
        count++;
    resp_set(writer, count);
    for (size_t i = 0; i < count; i++)
        resp_bulk_text(writer, doc->tips[i]);
}

// How keys are found from index `first` on: counted by an argument, or up to a last one.
static void reply_find_keys(struct resp_writer *writer, const struct command_doc *doc, int first,
                            int last)
{
    resp_bulk_text(writer, "find_keys");
    resp_map(writer, 2);
    reply_field(writer, "type", doc->key_count ? "keynum" : "range");
    resp_bulk_text(writer, "spec");
    resp_map(writer, 3);
    if (doc->key_count) {
        // from where the search begins, which is the count itself
        reply_number(writer, "keynumidx", 0);
        reply_number(writer, "firstkey", first - doc->key_count);
        reply_number(writer, "keystep", doc->key_step);
        return;
    }
    // here the last key counts from the first one, unless it counts from the end
    reply_number(writer, "lastkey", last < 0 ? last : last - first);
    reply_number(writer, "keystep", doc->key_step);
    reply_number(writer, "limit", 0);
}

// Where keys are, the way that cluster clients read it: begin at an index, then go on in steps. The
// last index counts from the end when it is negative.
static void reply_key_spec(struct resp_writer *writer, const struct command_doc *doc, int first,
                           int last, uint16_t flags)
{
    resp_map(writer, doc->key_notes ? 4 : 3);
    reply_field(writer, "notes", doc->key_notes);
    resp_bulk_text(writer, "flags");
    command_key_flags_reply(writer, flags);

    resp_bulk_text(writer, "begin_search");
    resp_map(writer, 2);
    reply_field(writer, "type", "index");
    resp_bulk_text(writer, "spec");
    resp_map(writer, 1);
    reply_number(writer, "index", doc->key_count ? doc->key_count : first);
    reply_find_keys(writer, doc, first, last);
}

static void reply_key_specs(struct resp_writer *writer, const struct command_doc *doc)
{
    int first = (int)doc->first_key;
    int second = (int)doc->second_key;
    resp_set(writer, first == 0 ? 0 : second == 0 ? 1 : 2);
    if (first == 0)
        return;
    reply_key_spec(writer, doc, first, second ? second - 1 : doc->last_key, doc->key_flags);
    if (second != 0)
        reply_key_spec(writer, doc, second, doc->last_key, doc->second_key_flags);
}

// All of the element except its last field, the subcommands.
static void reply_info_fields(struct resp_writer *writer, const struct command_doc *doc)
{
    assert(doc->name);
    resp_array(writer, 10);
    resp_bulk_text(writer, doc->name);
    resp_integer(writer, doc->arity);
    reply_bits(writer, doc->flags, flag_names, COUNT(flag_names));
    // a range that clients of old look at: not for keys that are counted
    resp_integer(writer, doc->key_count ? 0 : doc->first_key);
    resp_integer(writer, doc->key_count ? 0 : doc->last_key);
    resp_integer(writer, doc->key_count ? 0 : doc->key_step);
    reply_bits(writer, command_doc_categories(doc), category_names, COUNT(category_names));
    reply_tips(writer, doc);
    reply_key_specs(writer, doc);
}

void command_doc_info(struct resp_writer *writer, const struct command_doc *doc)
{
    size_t count = rows_count(doc->subcommands);
    reply_info_fields(writer, doc);
    // Redis sends an empty set where there are none, and an array where there are
    if (count == 0)
        resp_set(writer, 0);
    else
        resp_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        assert(!doc->subcommands[i].subcommands);
        reply_info_fields(writer, &doc->subcommands[i]);
        resp_set(writer, 0);
    }
}

static void reply_history(struct resp_writer *writer, const struct command_change *history)
{
    size_t count = 0;
    while (history[count].version)
        count++;
    assert(count < LIST_MAX);
    resp_bulk_text(writer, "history");
    resp_set(writer, count);
    for (size_t i = 0; i < count; i++) {
        resp_array(writer, 2);
        resp_bulk_text(writer, history[i].version);
        resp_bulk_text(writer, history[i].what);
    }
}

// How many lines belong directly below the line before `lines`, being one deeper than it is; at the
// very start of a tree: how many are not below another.
static size_t children_count(const struct command_argument *lines, uint8_t depth)
{
    size_t count = 0;
    for (size_t i = 0; lines[i].name && lines[i].depth >= depth; i++) {
        assert(i < LIST_MAX);
        count += lines[i].depth == depth;
    }
    return count;
}

// Because a map's fields follow its header, and "arguments" is an argument's last field, the whole
// tree is written line by line, without recursion.
static void reply_arguments(struct resp_writer *writer, const struct command_argument *lines)
{
    resp_bulk_text(writer, "arguments");
    resp_array(writer, children_count(lines, 0));
    for (size_t i = 0; lines[i].name; i++) {
        const struct command_argument *line = &lines[i];
        size_t children = children_count(line + 1, (uint8_t)(line->depth + 1));
        bool is_key = line->type == ARGUMENT_KEY;
        assert(i < LIST_MAX && line->depth < DEPTH_MAX);
        assert((children > 0) == (line->type == ARGUMENT_ONEOF || line->type == ARGUMENT_BLOCK));
        resp_map(writer, 2 + is_key + !!line->token + !!line->since + !!line->deprecated_since +
                             !!line->flags + !!children);
        reply_field(writer, "name", line->name);
        reply_field(writer, "type", argument_type_name(line->type));
        if (is_key)
            reply_number(writer, "key_spec_index", line->key_spec);
        reply_field(writer, "token", line->token);
        reply_field(writer, "since", line->since);
        reply_field(writer, "deprecated_since", line->deprecated_since);
        if (line->flags) {
            resp_bulk_text(writer, "flags");
            reply_bits(writer, line->flags, argument_flag_names, COUNT(argument_flag_names));
        }
        if (children) {
            resp_bulk_text(writer, "arguments");
            resp_array(writer, children);
        }
    }
}

// What there is to say against using the command.
static void reply_doc_flags(struct resp_writer *writer, const struct command_doc *doc)
{
    resp_bulk_text(writer, "doc_flags");
    resp_set(writer, 1);
    resp_simple(writer, doc->deprecated_since ? "deprecated" : "syscmd");
}

// All of the pair except the subcommands, which are its last field.
static void reply_docs_fields(struct resp_writer *writer, const struct command_doc *doc)
{
    assert(doc->name && doc->summary && doc->since);
    resp_bulk_text(writer, doc->name);
    bool flagged = doc->deprecated_since || doc->system;
    assert(!(doc->deprecated_since && doc->system));
    resp_map(writer, 3 + !!doc->complexity + flagged + !!doc->deprecated_since +
                         !!doc->replaced_by + !!doc->history + !!doc->arguments +
                         !!doc->subcommands);
    reply_field(writer, "summary", doc->summary);
    reply_field(writer, "since", doc->since);
    reply_field(writer, "group", group_name(doc->group));
    reply_field(writer, "complexity", doc->complexity);
    if (flagged)
        reply_doc_flags(writer, doc);
    reply_field(writer, "deprecated_since", doc->deprecated_since);
    reply_field(writer, "replaced_by", doc->replaced_by);
    if (doc->history)
        reply_history(writer, doc->history);
    if (doc->arguments)
        reply_arguments(writer, doc->arguments);
}

void command_doc_docs(struct resp_writer *writer, const struct command_doc *doc)
{
    reply_docs_fields(writer, doc);
    if (!doc->subcommands)
        return;
    size_t count = rows_count(doc->subcommands);
    resp_bulk_text(writer, "subcommands");
    resp_map(writer, count);
    for (size_t i = 0; i < count; i++) {
        assert(!doc->subcommands[i].subcommands);
        reply_docs_fields(writer, &doc->subcommands[i]);
    }
}
