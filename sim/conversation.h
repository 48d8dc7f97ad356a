// A conversation: what one connection has asked, what was executed of it, and whether every byte that
// the server sends back is the right one.
#ifndef PORO_SIM_CONVERSATION_H
#define PORO_SIM_CONVERSATION_H

#include "sim/command_line.h"
#include "sim/model.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct world;

// What a reply promises of all that it shows, by the mode that it was executed in.
enum promise {
    PROMISE_PROCESS,  // it outlives the process
    PROMISE_DURABLE,  // ... and a power cut
    PROMISE_WITNESSED // ... and the completion log says so
};

// A command and its reply.
struct exchange {
    struct command_line line;
    struct model_reply reply;
    enum promise promise;
    uint32_t weakened; // how often the mode had become weaker by then
    uint64_t end;      // of the reply in the stream
};

struct conversation {
    struct model_session session;
    struct exchange *exchanges; // a ring
    uint32_t capacity;
    uint64_t answered; // numbers of exchanges: replies that have reached the client whole
    uint64_t checked;  // ... that were submitted whole and right
    uint64_t executed;
    uint64_t asked;
    struct bytes stream; // what was submitted, from `stream_at` on
    uint64_t stream_at;
    uint64_t check_at;  // where the next reply begins
    uint64_t confirmed; // bytes that the kernel has taken
    uint64_t delivered; // ... that have reached the client
    bool over;          // nothing more may be sent: an error that ends the connection was
};

void conversation_init(struct conversation *conversation);
void conversation_free(struct conversation *conversation);

// The client sends one more: fill in its line.
struct exchange *conversation_ask(struct conversation *conversation);
// The oldest one that has not been executed, NULL when there is none.
struct exchange *conversation_next(struct conversation *conversation);
// It has been executed, and its reply filled in. Returns the number of commands answered so far: some
// are answered by nothing at all.
uint64_t conversation_executed(struct world *world, struct conversation *conversation);
// An exchange by number, from `answered` (or older, if it is still there) to `asked`.
struct exchange *conversation_at(struct conversation *conversation, uint64_t number);

// The server hands these bytes to the kernel. Everything that they tell is told.
void conversation_submit(struct world *world, struct conversation *conversation,
                         const struct iovec *pieces, uint32_t count);
// The kernel has taken so many of them.
void conversation_confirm(struct world *world, struct conversation *conversation, uint64_t bytes);
// They have reached the client. Returns the number of commands answered so far.
uint64_t conversation_deliver(struct conversation *conversation, uint64_t bytes);

#endif
