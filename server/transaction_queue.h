// A queued command, shared by the sources that keep and execute transactions.
#ifndef PORO_SERVER_TRANSACTION_QUEUE_H
#define PORO_SERVER_TRANSACTION_QUEUE_H

#include "protocol/resp_parser.h"
#include "server/call.h"

struct queued {
    struct queued *next;
    const struct command *command; // the row that decides: a subcommand's for a container
    uint64_t bytes;                // memory that it takes, large arguments included
    uint32_t argc;
    struct resp_arg args[]; // then the bytes that they stand for
};

// The queued command as a call of its own, under an EXEC that has made sure of memory and log space.
struct call queued_call(const struct call *exec, struct queued *queued);
void queued_free(struct server *server, struct queued *queued);

#endif
