// INFO: chooses sections and replies with them.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/info.h"
#include "server/server.h"

#define ALL_SECTIONS ((1U << INFO_SECTIONS) - 1)
#define DEFAULT_SECTIONS (ALL_SECTIONS & ~(1U << INFO_COMMANDSTATS) & ~(1U << INFO_LATENCYSTATS))

// The sections that argument `index` names, one bit each; none when it names nothing.
static uint32_t info_wanted(const struct call *call, uint32_t index)
{
    if (call_arg_is(call, index, "default"))
        return DEFAULT_SECTIONS;
    if (call_arg_is(call, index, "all") || call_arg_is(call, index, "everything"))
        return ALL_SECTIONS;
    if (call_arg_is(call, index, "module_list"))
        return 1U << INFO_MODULES;
    for (uint32_t section = 0; section < INFO_SECTIONS; section++) {
        if (call_arg_is(call, index, info_section_name((enum info_section)section)))
            return 1U << section;
    }
    return 0;
}

void command_info(struct call *call)
{
    uint32_t wanted = call->argc == 1 ? DEFAULT_SECTIONS : 0;
    for (uint32_t i = 1; i < call->argc; i++)
        wanted |= info_wanted(call, i);
    struct info *info = call->server->info;
    info->server = call->server;
    info->length = 0;
    for (uint32_t section = 0; section < INFO_SECTIONS; section++) {
        if (wanted & (1U << section))
            info_section_add(info, (enum info_section)section);
    }
    // Numbers of keys show what has been written.
    if (wanted & (1U << INFO_KEYSPACE))
        call_hold_all(call);
    resp_verbatim(call->reply, "txt", info->text, info->length);
}
