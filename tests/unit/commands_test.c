// Tests of the command table: every name is found, nothing else is.
#include "server/commands.h"

#include "server/command_docs.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct command *find(const char *name)
{
    return commands_find((const uint8_t *)name, (uint32_t)strlen(name));
}

Test(commands, finds_every_documented_command_in_any_case)
{
    for (size_t i = 0; i < command_docs_count(); i++) {
        const struct command_doc *doc = command_docs_at(i);
        char name[64];
        cr_assert(strlen(doc->name) < sizeof(name));
        strcpy(name, doc->name);
        const struct command *command = find(name);
        cr_assert_not_null(command, "%s", name);
        cr_assert_eq(command->doc, doc, "%s", name);
        cr_assert_eq(command->length, strlen(name));
        for (size_t at = 0; name[at] != '\0'; at++) {
            name[at] = (char)toupper((unsigned char)name[at]);
            cr_assert_eq(find(name), command, "%s", name);
        }
    }
}

Test(commands, numbers_every_row)
{
    uint32_t subcommands = 0;
    cr_assert_gt(commands_count(), command_docs_count());
    for (uint32_t i = 0; i < commands_count(); i++) {
        const struct command *row = commands_at(i);
        cr_assert_eq(row->number, i);
        cr_assert_eq(command_doc_find(row->doc->name, strlen(row->doc->name)), row->doc);
        subcommands += i >= command_docs_count();
        cr_assert_eq(strchr(row->doc->name, '|') != NULL, i >= command_docs_count());
    }
    cr_assert_gt(subcommands, 0);
}

// What differs in one byte, or is one byte longer or shorter, is another name.
Test(commands, finds_nothing_next_to_a_name)
{
    for (size_t i = 0; i < command_docs_count(); i++) {
        char name[64];
        strcpy(name, command_docs_at(i)->name);
        size_t length = strlen(name);
        for (size_t at = 0; at < length; at++) {
            char was = name[at];
            for (int byte = 0; byte < 256; byte++) {
                name[at] = (char)byte;
                const struct command *found =
                    commands_find((const uint8_t *)name, (uint32_t)length);
                if (found == NULL)
                    continue;
                cr_assert_eq(strncasecmp(found->doc->name, name, length), 0);
                cr_assert_eq(strlen(found->doc->name), length);
            }
            name[at] = was;
        }
        name[length] = '\0';
        cr_assert_null(commands_find((const uint8_t *)name, (uint32_t)length + 1), "%s", name);
        const struct command *shorter = commands_find((const uint8_t *)name, (uint32_t)length - 1);
        cr_assert(shorter == NULL || shorter->length == length - 1);
    }
}

Test(commands, finds_nothing_for_odd_names)
{
    static const uint8_t zeros[300];
    for (uint32_t length = 0; length < sizeof(zeros); length++)
        cr_assert_null(commands_find(zeros, length));
    cr_assert_null(find("client|list"));
    cr_assert_null(find("g"));
    cr_assert_null(find("getgetgetgetgetgetgetgetgetgetgetgetget"));
}

static const struct command *resolve(const char *container, const char *subcommand)
{
    struct resp_arg args[2] = {
        {.where = 0, .length = (uint32_t)strlen(container)},
        {.where = (uint64_t)(subcommand - container), .length = (uint32_t)strlen(subcommand)},
    };
    struct call call = {.args = args, .argc = 2, .base = (uint8_t *)(uintptr_t)container};
    return commands_resolve(find(container), &call);
}

Test(commands, resolves_every_subcommand)
{
    size_t resolved = 0;
    for (size_t i = 0; i < command_docs_count(); i++) {
        const struct command_doc *doc = command_docs_at(i);
        for (const struct command_doc *sub = doc->subcommands; sub != NULL && sub->name != NULL;
             sub++) {
            char text[128];
            size_t length = strlen(doc->name) + 1;
            strcpy(text, doc->name);
            strcpy(text + length, command_doc_own_name(sub));
            const struct command *command = resolve(text, text + length);
            cr_assert_not_null(command, "%s", sub->name);
            cr_assert_eq(command->doc, sub, "%s", sub->name);
            cr_assert_not_null(command->handler, "%s", sub->name);
            resolved++;
        }
    }
    cr_assert(resolved > 20);
}

Test(commands, resolves_no_other_subcommand)
{
    static const char text[] = "client\0nothing";
    cr_assert_null(resolve(text, text + 7));
}

// Only containers that need a subcommand have no handler.
Test(commands, has_a_handler_for_every_row)
{
    for (size_t i = 0; i < command_docs_count(); i++) {
        const struct command *command = find(command_docs_at(i)->name);
        bool container = command->doc->subcommands != NULL && command->doc->arity <= -2;
        cr_assert_eq(command->handler == NULL, container, "%s", command->doc->name);
    }
}
