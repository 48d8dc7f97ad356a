// Input: the bytes that a connection has received and not yet executed, wherever they lie: in
// received buffers, in the carry of a command that spans buffers, in large arguments.
#ifndef PORO_SERVER_INPUT_H
#define PORO_SERVER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct entry;
struct server;

// Bytes that can be parsed next, contiguous.
struct input_view {
    uint8_t *bytes;
    uint64_t length; // 0: nothing new
};

// What carried commands and their arguments may take, all connections together.
uint64_t input_limit(const struct server *server);

// There was no memory (-ENOMEM): may it help to wait until others have given some back? Then the
// connection stands where it can be executed again.
bool input_may_wait(const struct server *server, struct connection *connection);
// Memory is not short (any more).
bool input_has_room(const struct server *server);

// The next bytes to parse; appends the next received buffer to the carry when the carry ends within
// a command. -ENOMEM when there is no memory for that, else 0.
int input_view(struct server *server, struct connection *connection, struct input_view *view);
// `bytes` from the start of the view are done with.
void input_consume(struct server *server, struct connection *connection, uint64_t bytes);

// A connection that waits gives its received buffers back to the others: their bytes move to the
// carry. 0 or -ENOMEM.
int input_spill(struct server *server, struct connection *connection);

// The view ends within a command: what is left of it moves to the carry, and the parser's arguments
// to memory of the connection, until more has arrived. 0 or -ENOMEM.
int input_span(struct server *server, struct connection *connection);
// Room for more arguments of a command that spans buffers. 0 or -ENOMEM.
int input_more_args(struct server *server, struct connection *connection);
// The command that spanned buffers, `bytes` long, has been executed.
void input_span_done(struct server *server, struct connection *connection, uint64_t bytes);

// The parser stands before a large argument. Its bytes are taken out of the stream from now on,
// into a block of their own, or nowhere when there is no memory (connection->large_refused). 0 or
// -ENOMEM.
int input_large_begin(struct server *server, struct connection *connection);
// Takes what has been received of it; true once it is complete and the parser goes on.
bool input_large_take(struct server *server, struct connection *connection);
// Asks for the rest of it to be received in place, if that is possible now.
void input_large_receive(struct server *server, struct connection *connection);
// `length` bytes have arrived in place.
void input_large_received(struct connection *connection, uint64_t length);

// Gives back everything.
void input_drop(struct server *server, struct connection *connection);

// Frees the block of a large argument.
void input_free_block(struct server *server, struct entry *block);

#endif
