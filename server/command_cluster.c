// CLUSTER, READONLY, READWRITE, ASKING: the answers of a server that is not part of a cluster.
#include "server/command_handlers.h"

#include "server/call.h"

static void cluster_error(struct call *call)
{
    resp_error(call->reply, "ERR This instance has cluster support disabled");
}

// Every subcommand, known and with the right number of arguments, gets that answer, HELP too.
#define HANDLER(container, name)                                                                   \
    void command_##container##_##name(struct call *call)                                           \
    {                                                                                              \
        cluster_error(call);                                                                       \
    }
COMMANDS_CLUSTER(HANDLER)

void command_readonly(struct call *call)
{
    cluster_error(call);
}

void command_readwrite(struct call *call)
{
    cluster_error(call);
}

void command_asking(struct call *call)
{
    cluster_error(call);
}
