// ACL: there is one user, "default", who may do everything; who has its password is that user.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/clock.h"
#include "server/command_docs.h"
#include "server/commands.h"
#include "server/server.h"
#include "server/sha256.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define GENPASS_BITS_DEFAULT 256
#define GENPASS_BITS_MAX 4096

static bool acl_is_default(struct span name)
{
    return name.length == 7 && memcmp(name.data, "default", 7) == 0;
}

void command_acl_whoami(struct call *call)
{
    resp_bulk_text(call->reply, "default");
}

void command_acl_users(struct call *call)
{
    resp_array(call->reply, 1);
    resp_bulk_text(call->reply, "default");
}

// The digest of the password. False when there is none.
static bool acl_password(const struct call *call, char hex[SHA256_HEX_BYTES + 1])
{
    const char *password = call->server->config.requirepass;
    if (password[0] == '\0')
        return false;
    sha256_hex(password, strlen(password), hex);
    return true;
}

void command_acl_list(struct call *call)
{
    char hex[SHA256_HEX_BYTES + 1];
    char rules[SHA256_HEX_BYTES + 64];
    bool password = acl_password(call, hex);
    int length = snprintf(rules, sizeof(rules), "user default on %s%s ~* &* +@all",
                          password ? "#" : "nopass", password ? hex : "");
    assert(length > 0 && (size_t)length < sizeof(rules));
    resp_array(call->reply, 1);
    resp_bulk_text(call->reply, rules);
}

void command_acl_getuser(struct call *call)
{
    if (!acl_is_default(call_arg(call, 2))) {
        resp_null(call->reply);
        return;
    }
    char hex[SHA256_HEX_BYTES + 1];
    bool password = acl_password(call, hex);
    struct resp_writer *reply = call->reply;
    resp_map(reply, 6);
    resp_bulk_text(reply, "flags");
    resp_set(reply, password ? 1 : 2);
    resp_bulk_text(reply, "on");
    if (!password)
        resp_bulk_text(reply, "nopass");
    resp_bulk_text(reply, "passwords");
    resp_array(reply, password ? 1 : 0);
    if (password)
        resp_bulk_text(reply, hex);
    resp_bulk_text(reply, "commands");
    resp_bulk_text(reply, "+@all");
    resp_bulk_text(reply, "keys");
    resp_bulk_text(reply, "~*");
    resp_bulk_text(reply, "channels");
    resp_bulk_text(reply, "&*");
    resp_bulk_text(reply, "selectors");
    resp_array(reply, 0);
}

void command_acl_deluser(struct call *call)
{
    for (uint32_t i = 2; i < call->argc; i++) {
        if (!acl_is_default(call_arg(call, i)))
            continue;
        resp_error(call->reply, "ERR The 'default' user cannot be removed");
        return;
    }
    resp_integer(call->reply, 0);
}

// --- categories ------------------------------------------------------------------------------

static bool acl_category_exists(struct span name)
{
    for (size_t i = 0; i < command_categories_count(); i++) {
        const char *category = command_category_name(i);
        if (strlen(category) == name.length &&
            strncasecmp(category, (const char *)name.data, name.length) == 0)
            return true;
    }
    return false;
}

// Counts the commands in the category, and writes their names when `reply` is not NULL.
static size_t acl_category_walk(struct resp_writer *reply, struct span category)
{
    size_t count = 0;
    for (uint32_t i = 0; i < commands_count(); i++) {
        const struct command_doc *doc = commands_at(i)->doc;
        if (!command_doc_in_category(doc, category.data, category.length))
            continue;
        count++;
        if (reply != NULL)
            resp_bulk_text(reply, doc->name);
    }
    return count;
}

void command_acl_cat(struct call *call)
{
    if (call->argc > 3) {
        commands_error_arguments(call);
        return;
    }
    if (call->argc == 2) {
        resp_array(call->reply, command_categories_count());
        for (size_t i = 0; i < command_categories_count(); i++)
            resp_bulk_text(call->reply, command_category_name(i));
        return;
    }
    struct span category = call_arg(call, 2);
    if (!acl_category_exists(category)) {
        int length = category.length < 128 ? (int)category.length : 128;
        resp_errorf(call->reply, "ERR Unknown category '%.*s'", length,
                    (const char *)category.data);
        return;
    }
    resp_array(call->reply, acl_category_walk(NULL, category));
    acl_category_walk(call->reply, category);
}

// --- the rest --------------------------------------------------------------------------------

void command_acl_dryrun(struct call *call)
{
    struct span user = call_arg(call, 2);
    struct span name = call_arg(call, 3);
    const struct command_doc *doc = commands_line_doc(call, 3);
    int user_length = user.length < 128 ? (int)user.length : 128;
    int name_length = name.length < 128 ? (int)name.length : 128;
    if (!acl_is_default(user))
        resp_errorf(call->reply, "ERR User '%.*s' not found", user_length, (const char *)user.data);
    else if (doc == NULL)
        resp_errorf(call->reply, "ERR Command '%.*s' not found", name_length,
                    (const char *)name.data);
    else if (!command_doc_arity_ok(doc, call->argc - 3))
        resp_errorf(call->reply, "ERR wrong number of arguments for '%s' command", doc->name);
    else
        call_ok(call);
}

void command_acl_genpass(struct call *call)
{
    int64_t bits = GENPASS_BITS_DEFAULT;
    if (call->argc > 3) {
        commands_error_arguments(call);
        return;
    }
    if (call->argc == 3 && !call_arg_integer(call, 2, &bits))
        return;
    if (bits <= 0 || bits > GENPASS_BITS_MAX) {
        resp_errorf(call->reply,
                    "ERR ACL GENPASS argument must be the number of bits for the output password, "
                    "a positive number up to %d",
                    GENPASS_BITS_MAX);
        return;
    }
    uint8_t random[GENPASS_BITS_MAX / 8];
    char digits[2 * sizeof(random) + 1];
    size_t count = ((size_t)bits + 3) / 4;
    clock_entropy(random, (count + 1) / 2);
    for (size_t i = 0; i < (count + 1) / 2; i++)
        snprintf(digits + 2 * i, 3, "%02x", random[i]);
    resp_bulk(call->reply, digits, count);
}

// Nobody is refused anything but for a wrong password, which is not noted: the log is always empty.
void command_acl_log(struct call *call)
{
    int64_t count;
    if (call->argc > 3) {
        commands_error_arguments(call);
    } else if (call->argc == 3 && call_arg_is(call, 2, "reset")) {
        call_ok(call);
    } else if (call->argc == 2 || call_arg_integer(call, 2, &count)) {
        resp_array(call->reply, 0);
    }
}

static void acl_error_no_file(struct call *call)
{
    resp_error(
        call->reply,
        "ERR This Redis instance is not configured to use an ACL file. You may want to "
        "specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming "
        "you have a Redis configuration file set) in order to store users in the Redis "
        "configuration.");
}

void command_acl_load(struct call *call)
{
    acl_error_no_file(call);
}

void command_acl_save(struct call *call)
{
    acl_error_no_file(call);
}

void command_acl_help(struct call *call)
{
    static const char *const lines[] = {
        "CAT [<category>]",
        "    Lists the categories, or the commands in one.",
        "DELUSER <name> [<name> ...]",
        "    Removes users; the user 'default' stays.",
        "DRYRUN <name> <command> [<argument> ...]",
        "    Tells whether a user may execute a command.",
        "GENPASS [<bits>]",
        "    Makes a random password.",
        "GETUSER <name>",
        "    Describes a user.",
        "HELP",
        "    Shows this text.",
        "LIST",
        "    Describes all users as rules.",
        "LOAD",
        "    Reads the users from a file; there is none.",
        "LOG [<count>|RESET]",
        "    Shows refused attempts; none are noted.",
        "SAVE",
        "    Writes the users to a file; there is none.",
        "SETUSER <name> <rule> [<rule> ...]",
        "    Changes a user. Of 'default', the password can be changed:",
        "    * nopass: none is needed",
        "    * resetpass ><password>: a new one",
        "USERS",
        "    Lists the names of all users.",
        "WHOAMI",
        "    Tells the user of this connection.",
        NULL,
    };
    commands_help(call, lines);
}
