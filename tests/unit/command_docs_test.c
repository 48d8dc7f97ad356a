// Tests of the command table: it is well formed, names are found, replies have the right bytes.
#include "protocol/resp_writer.h"
#include "server/command_docs.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX 65536

static bool no_more(struct resp_writer *writer)
{
    (void)writer;
    return false;
}

struct reply {
    struct resp_writer writer;
    uint8_t bytes[REPLY_MAX];
};

static void reply_begin(struct reply *reply, uint8_t version)
{
    reply->writer = (struct resp_writer){.cursor = reply->bytes,
                                         .end = reply->bytes + REPLY_MAX,
                                         .more = no_more,
                                         .version = version};
}

static const struct command_doc *find(const char *name)
{
    return command_doc_find(name, strlen(name));
}

// Steps over one RESP value, of any depth, and returns what follows; NULL when there is none.
static const char *skip_value(const char *at, const char *end)
{
    for (long pending = 1; pending > 0; pending--) {
        if (at >= end)
            return NULL;
        long number = atol(at + 1);
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end)
            return NULL;
        char kind = *at;
        at = line_end + 1;
        if (kind == '$')
            at += number + 2;
        else if (kind == '%')
            pending += 2 * number;
        else if (kind == '*' || kind == '~')
            pending += number;
        else if (kind != '+' && kind != ':')
            return NULL;
    }
    return at;
}

static void check_row(const struct command_doc *doc, const struct command_doc *container)
{
    cr_assert(doc->summary && doc->since, "%s", doc->name);
    cr_assert_neq(doc->arity, 0);
    cr_assert_eq(doc->first_key == 0, doc->key_step == 0, "%s", doc->name);
    cr_assert_eq(doc->first_key == 0, doc->last_key == 0, "%s", doc->name);
    uint16_t about_key = doc->key_flags & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
    cr_assert_eq(__builtin_popcount(about_key), doc->first_key != 0, "%s", doc->name);
    uint16_t about_second = doc->second_key_flags & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
    cr_assert_eq(__builtin_popcount(about_second), doc->second_key != 0, "%s", doc->name);
    cr_assert(doc->second_key == 0 || doc->second_key > doc->first_key, "%s", doc->name);
    cr_assert_neq(doc->flags & (COMMAND_WRITE | COMMAND_READONLY),
                  COMMAND_WRITE | COMMAND_READONLY);
    cr_assert(!(doc->flags & COMMAND_DENYOOM) || doc->flags & COMMAND_WRITE, "%s", doc->name);
    cr_assert_eq(find(doc->name), doc);
    for (const char *c = doc->name; *c; c++)
        cr_assert(*c < 'A' || *c > 'Z', "%s is lower case", doc->name);
    if (container) {
        size_t length = strlen(container->name);
        cr_assert(strncmp(doc->name, container->name, length) == 0 && doc->name[length] == '|');
        cr_assert_null(doc->subcommands);
    }
}

static void check_replies(const struct command_doc *doc)
{
    static struct reply reply;
    for (uint8_t version = 2; version <= 3; version++) {
        reply_begin(&reply, version);
        command_doc_info(&reply.writer, doc);
        cr_assert_eq(skip_value((char *)reply.bytes, (char *)reply.writer.cursor),
                     (char *)reply.writer.cursor, "INFO %s", doc->name);
        reply_begin(&reply, version);
        command_doc_docs(&reply.writer, doc);
        const char *value = skip_value((char *)reply.bytes, (char *)reply.writer.cursor);
        cr_assert_not_null(value);
        cr_assert_eq(skip_value(value, (char *)reply.writer.cursor), (char *)reply.writer.cursor,
                     "DOCS %s", doc->name);
        cr_assert_not(reply.writer.overflow);
    }
}

Test(command_docs, every_row_is_well_formed)
{
    cr_assert_gt(command_docs_count(), 30);
    for (size_t i = 0; i < command_docs_count(); i++) {
        const struct command_doc *doc = command_docs_at(i);
        cr_assert(i == 0 || strcmp(command_docs_at(i - 1)->name, doc->name) < 0, "%s", doc->name);
        check_row(doc, NULL);
        check_replies(doc);
        const struct command_doc *sub = doc->subcommands;
        for (size_t j = 0; sub && sub[j].name; j++) {
            cr_assert(j == 0 || strcmp(sub[j - 1].name, sub[j].name) < 0, "%s", sub[j].name);
            check_row(&sub[j], doc);
            check_replies(&sub[j]);
        }
    }
}

Test(command_docs, names_are_found_in_any_case)
{
    cr_assert_str_eq(find("GeT")->name, "get");
    cr_assert_str_eq(find("CLIENT|No-Evict")->name, "client|no-evict");
    cr_assert_str_eq(command_doc_own_name(find("client|kill")), "kill");
    cr_assert_eq(command_doc_subcommand(find("config"), "SETxx", 3), find("config|set"));
    const char *const strangers[] = {"",     "g",        "gett",       "ge t",         "get|",
                                     "|get", "get|get",  "client|",    "client|kil",   "kill",
                                     "|",    "client||", "client|set", "client|kill|x"};
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        cr_assert_null(find(strangers[i]), "%s", strangers[i]);
    cr_assert_null(command_doc_find("get\0", 4));
    cr_assert_null(command_doc_find(NULL, 0));
    cr_assert_null(command_doc_subcommand(find("get"), "get", 3));
}

Test(command_docs, arity_is_exact_or_a_minimum)
{
    cr_assert(command_doc_arity_ok(find("get"), 2));
    cr_assert_not(command_doc_arity_ok(find("get"), 1));
    cr_assert_not(command_doc_arity_ok(find("get"), 3));
    cr_assert(command_doc_arity_ok(find("set"), 3));
    cr_assert(command_doc_arity_ok(find("set"), 1000000));
    cr_assert_not(command_doc_arity_ok(find("set"), 2));
}

Test(command_docs, categories_include_what_flags_imply)
{
    cr_assert_eq(command_doc_categories(find("get")),
                 CATEGORY_READ | CATEGORY_STRING | CATEGORY_FAST);
    cr_assert_eq(command_doc_categories(find("shutdown")),
                 CATEGORY_ADMIN | CATEGORY_SLOW | CATEGORY_DANGEROUS);
    cr_assert(command_doc_in_category(find("set"), "WRITE", 5));
    cr_assert_not(command_doc_in_category(find("set"), "read", 4));
    cr_assert_not(command_doc_in_category(find("set"), "@write", 6));
    cr_assert_not(command_doc_in_category(find("set"), "geo", 3));
}

Test(command_docs, info_bytes)
{
    static struct reply reply;
    static const char expected3[] =
        "*10\r\n$3\r\ndel\r\n:-2\r\n~1\r\n+write\r\n:1\r\n:-1\r\n:1\r\n"
        "~3\r\n+@keyspace\r\n+@write\r\n+@slow\r\n"
        "~2\r\n$26\r\nrequest_policy:multi_shard\r\n$23\r\nresponse_policy:agg_sum\r\n"
        "~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RM\r\n+delete\r\n"
        "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n"
        "$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"
        "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n"
        "$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
        "~0\r\n";
    reply_begin(&reply, 3);
    command_doc_info(&reply.writer, find("del"));
    *reply.writer.cursor = 0;
    cr_assert_str_eq((char *)reply.bytes, expected3);

    static const char expected2[] =
        "*10\r\n$4\r\ntime\r\n:1\r\n*3\r\n+loading\r\n+stale\r\n+fast\r\n"
        ":0\r\n:0\r\n:0\r\n*1\r\n+@fast\r\n"
        "*1\r\n$23\r\nnondeterministic_output\r\n*0\r\n*0\r\n";
    reply_begin(&reply, 2);
    command_doc_info(&reply.writer, find("time"));
    *reply.writer.cursor = 0;
    cr_assert_str_eq((char *)reply.bytes, expected2);
}

Test(command_docs, arguments_nest)
{
    static struct reply reply;
    static const char expected[] =
        "$9\r\narguments\r\n*1\r\n"
        "%4\r\n$4\r\nname\r\n$5\r\nasync\r\n$4\r\ntype\r\n$5\r\noneof\r\n"
        "$5\r\nflags\r\n~1\r\n+optional\r\n$9\r\narguments\r\n*2\r\n"
        "%4\r\n$4\r\nname\r\n$5\r\nasync\r\n$4\r\ntype\r\n$10\r\npure-token\r\n"
        "$5\r\ntoken\r\n$5\r\nASYNC\r\n$5\r\nsince\r\n$5\r\n4.0.0\r\n"
        "%4\r\n$4\r\nname\r\n$4\r\nsync\r\n$4\r\ntype\r\n$10\r\npure-token\r\n"
        "$5\r\ntoken\r\n$4\r\nSYNC\r\n$5\r\nsince\r\n$5\r\n6.2.0\r\n";
    reply_begin(&reply, 3);
    command_doc_docs(&reply.writer, find("flushdb"));
    *reply.writer.cursor = 0;
    const char *arguments = strstr((char *)reply.bytes, "$9\r\narguments\r\n");
    cr_assert_not_null(arguments);
    cr_assert_str_eq(arguments, expected);
}
