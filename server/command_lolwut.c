// LOLWUT: a picture, and the version.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/server.h"

#include <string.h>

// VERSION, with which Redis chooses a picture, is understood; there is only this one.
void command_lolwut(struct call *call)
{
    static const char picture[] =
        "             _        _\n"
        "            | |_|  |_| |\n"
        "             \\__|  |__/      *\n"
        "        *       \\  /\n"
        "               ( oo )_________\n"
        "                \\ _/          \\~\n"
        "      *           |  poro     |\n"
        "                  | |~~~~~| | |      *\n"
        "                  |_|     |_|_|\n"
        "    ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "\n"
        "Poro ver. " PORO_VERSION ", commands of Redis ver. " PORO_REDIS_VERSION "\n";
    int64_t version;
    if (call->argc >= 3 && call_arg_is(call, 1, "version") && !call_arg_integer(call, 2, &version))
        return;
    resp_verbatim(call->reply, "txt", picture, strlen(picture));
}
