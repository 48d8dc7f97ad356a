// CONFIG: reading and changing settings while the server runs.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/commands.h"
#include "server/config.h"
#include "server/config_apply.h"
#include "server/descriptors.h"
#include "server/server.h"
#include "storage/glob.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// --- GET -------------------------------------------------------------------------------------

static bool config_is_pattern(struct span text)
{
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] == '*' || text.data[i] == '?' || text.data[i] == '[')
            return true;
    }
    return false;
}

// Does an argument ask for this setting? *name is what the reply calls it then: as in Redis, what
// the client wrote, unless that is a pattern.
static bool config_wanted(const struct call *call, size_t setting, struct span *name)
{
    struct span own = {(const uint8_t *)config_name(setting), 0};
    own.length = (uint32_t)strlen(config_name(setting));
    for (uint32_t i = 2; i < call->argc; i++) {
        struct span text = call_arg(call, i);
        bool pattern = config_is_pattern(text);
        if (pattern ? glob_match(text.data, text.length, own.data, own.length, true)
                    : call_arg_is(call, i, config_name(setting))) {
            *name = pattern ? own : text;
            return true;
        }
    }
    return false;
}

void command_config_get(struct call *call)
{
    struct span name;
    size_t wanted = 0;
    for (size_t i = 0; i < config_count(); i++)
        wanted += config_wanted(call, i, &name);
    resp_map(call->reply, wanted);
    for (size_t i = 0; i < config_count(); i++) {
        if (!config_wanted(call, i, &name))
            continue;
        char text[CONFIG_TEXT_MAX];
        size_t length = config_format(&call->server->config, i, text);
        assert(length < sizeof(text));
        resp_bulk(call->reply, name.data, name.length);
        resp_bulk(call->reply, text, length);
    }
}

// --- SET -------------------------------------------------------------------------------------

// Of more pairs than there are settings one is unknown or a duplicate, and it is among the first.
#define PAIRS_MAX 64

// What only the running server can refuse.
static bool config_possible(const struct server *server, const struct config *after,
                            char error[CONFIG_ERROR_MAX])
{
    char reason[128];
    if (after->maxclients <= server->config.maxclients)
        return true;
    int64_t wanted = after->maxclients < CLIENTS_MAX ? after->maxclients : CLIENTS_MAX;
    int64_t possible = descriptors_raise(wanted);
    if (possible == after->maxclients)
        return true;
    int length = snprintf(reason, sizeof(reason),
                          "The operating system is not able to handle the specified number of "
                          "clients, try with %lld",
                          (long long)possible);
    assert(length > 0 && (size_t)length < sizeof(reason));
    config_refuse("maxclients", reason, error);
    return false;
}

void command_config_set(struct call *call)
{
    if (call->argc % 2 != 0) {
        call_error_syntax(call);
        return;
    }
    struct config_pair pairs[PAIRS_MAX];
    static_assert(PAIRS_MAX > 0, "at least one pair");
    assert(config_count() < PAIRS_MAX);
    size_t count = 0;
    for (uint32_t i = 2; i + 1 < call->argc && count < PAIRS_MAX; i += 2) {
        struct span name = call_arg(call, i);
        struct span value = call_arg(call, i + 1);
        pairs[count++] = (struct config_pair){(const char *)name.data, name.length,
                                              (const char *)value.data, value.length};
    }
    char error[CONFIG_ERROR_MAX];
    struct config after = call->server->config;
    if (config_set(&after, pairs, count, error) < 0 ||
        !config_possible(call->server, &after, error)) {
        resp_error(call->reply, error);
        return;
    }
    config_apply(call, &after);
    call_ok(call);
}

// --- the rest --------------------------------------------------------------------------------

void command_config_resetstat(struct call *call)
{
    struct server *server = call->server;
    uint64_t peak_bytes = server->stats.peak_bytes; // not a count of events
    server->stats = (struct server_stats){.peak_bytes = peak_bytes};
    server->stats.sample.at_ms = server->wall_ms;
    turn_reset(&server->turn);
    command_stats_reset(server->command_stats);
    call_ok(call);
}

void command_config_help(struct call *call)
{
    static const char *const lines[] = {
        "GET <pattern> [<pattern> ...]",
        "    Tells the settings whose names match.",
        "HELP",
        "    Shows this text.",
        "RESETSTAT",
        "    Sets the counters that INFO shows back to zero.",
        "REWRITE",
        "    Writes the settings in force into the configuration file.",
        "SET <name> <value> [<name> <value> ...]",
        "    Changes settings, all or none.",
        NULL,
    };
    commands_help(call, lines);
}
