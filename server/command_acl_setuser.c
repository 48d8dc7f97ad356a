// ACL SETUSER: as far as it is about the password of the one user, "default".
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/config_apply.h"
#include "server/server.h"
#include "server/sha256.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// What the rules read so far lead to.
struct user {
    bool open; // every password is right
    bool has_password;
    struct span password;
};

static bool rule_is(struct span rule, const char *text)
{
    return rule.length == strlen(text) &&
           strncasecmp((const char *)rule.data, text, rule.length) == 0;
}

static bool rule_among(struct span rule, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rule_is(rule, texts[i]))
            return true;
    }
    return false;
}

static const char *rule_add_password(struct user *user, struct span password)
{
    if (password.length == 0 || password.length >= CONFIG_TEXT_MAX ||
        memchr(password.data, '\0', password.length) != NULL)
        return "Not supported: the password is empty, too long, or has a zero byte";
    bool same = user->has_password && user->password.length == password.length &&
                memcmp(user->password.data, password.data, password.length) == 0;
    if (user->has_password && !same)
        return "Not supported: the user has one password, say resetpass before";
    *user = (struct user){.has_password = true, .password = password};
    return NULL;
}

static const char *rule_remove_password(struct user *user, struct span password)
{
    if (!user->has_password || user->password.length != password.length ||
        memcmp(user->password.data, password.data, password.length) != 0)
        return "The password you are trying to remove from the user does not exist";
    *user = (struct user){0};
    return NULL;
}

// A password by its digest, which must be the present one.
static const char *rule_digest(struct user *user, struct span digest, bool remove)
{
    char hex[SHA256_HEX_BYTES + 1] = "";
    for (uint32_t i = 0; i < digest.length; i++) {
        uint8_t c = digest.data[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            digest.length = 0;
    }
    if (digest.length != SHA256_HEX_BYTES)
        return "The password hash must be exactly 64 characters and contain only lowercase "
               "hexadecimal characters";
    if (user->has_password)
        sha256_hex(user->password.data, user->password.length, hex);
    bool same = memcmp(hex, digest.data, SHA256_HEX_BYTES) == 0;
    if (remove)
        return same ? rule_remove_password(user, user->password)
                    : rule_remove_password(user, (struct span){NULL, 0});
    return same ? NULL : "Not supported: the password itself is needed";
}

// NULL, or what is wrong with the rule.
static const char *rule_read(struct user *user, struct span rule)
{
    static const char *const harmless[] = {
        "on",
        "allkeys",
        "~*",
        "allchannels",
        "&*",
        "allcommands",
        "+@all",
        "sanitize-payload",
        "clearselectors",
    };
    static const char *const limits[] = {
        "off", "reset", "resetkeys", "resetchannels", "nocommands", "skip-sanitize-payload",
    };
    if (rule.length == 0 || rule_among(rule, harmless, sizeof(harmless) / sizeof(harmless[0])))
        return NULL;
    struct span rest = {rule.data + 1, rule.length - 1};
    if (rule_is(rule, "nopass")) {
        *user = (struct user){.open = true};
        return NULL;
    }
    if (rule_is(rule, "resetpass")) {
        *user = (struct user){0};
        return NULL;
    }
    if (rule_among(rule, limits, sizeof(limits) / sizeof(limits[0])) ||
        (strchr("+-~&%(", rule.data[0]) != NULL && rule.data[0] != '\0'))
        return "Not supported: the user 'default' may do everything";
    switch (rule.data[0]) {
    case '>':
        return rule_add_password(user, rest);
    case '<':
        return rule_remove_password(user, rest);
    case '#':
        return rule_digest(user, rest, false);
    case '!':
        return rule_digest(user, rest, true);
    default:
        return "Syntax error";
    }
}

static bool rules_read(struct call *call, struct user *user)
{
    for (uint32_t i = 3; i < call->argc; i++) {
        struct span rule = call_arg(call, i);
        const char *wrong = rule_read(user, rule);
        if (wrong == NULL)
            continue;
        int length = rule.length < 128 ? (int)rule.length : 128;
        resp_errorf(call->reply, "ERR Error in ACL SETUSER modifier '%.*s': %s", length,
                    (const char *)rule.data, wrong);
        return false;
    }
    if (user->open || user->has_password)
        return true;
    resp_error(call->reply, "ERR the user 'default' needs a password, or nopass");
    return false;
}

void command_acl_setuser(struct call *call)
{
    struct span name = call_arg(call, 2);
    struct config after = call->server->config;
    const char *now = call->server->config.requirepass;
    if (name.length != 7 || memcmp(name.data, "default", 7) != 0) {
        resp_error(call->reply, "ERR users other than 'default' are not supported");
        return;
    }
    struct user user = {.open = now[0] == '\0', .has_password = now[0] != '\0'};
    user.password = (struct span){(const uint8_t *)now, (uint32_t)strlen(now)};
    if (!rules_read(call, &user))
        return;
    assert(user.open || user.password.length < CONFIG_TEXT_MAX);
    snprintf(after.requirepass, sizeof(after.requirepass), "%.*s",
             user.open ? 0 : (int)user.password.length, (const char *)user.password.data);
    config_apply(call, &after);
    call_ok(call);
}
