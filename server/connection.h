// Connections: their state, and their way from accept to close.
#ifndef PORO_SERVER_CONNECTION_H
#define PORO_SERVER_CONNECTION_H

#include "conf/limits.h"
#include "protocol/resp_parser.h"
#include "server/reply.h"
#include "server/transaction.h"

#include <stdbool.h>
#include <stdint.h>

struct entry;
struct io_event;
struct server;

enum connection_state {
    CONNECTION_FREE,
    CONNECTION_OPEN,    // receives, executes, sends
    CONNECTION_LAST,    // executes nothing more; closes when what is written has been sent
    CONNECTION_CLOSING, // waits for its requests in flight to end
};

// Why a connection does not execute although it has input.
enum connection_wait {
    WAIT_NONE,
    WAIT_LOG,        // for room in the log
    WAIT_SPOOL,      // for its large values to be in the log
    WAIT_OUTPUT,     // for its own output to be sent, or for reply memory
    WAIT_PAUSE,      // for the end of a pause (CLIENT PAUSE)
    WAIT_SLEEP,      // for a time, wait_until_ns (DEBUG SLEEP)
    WAIT_DURABLE,    // for a batch to be on stable storage, wait_batch, or for a time (WAITAOF)
    WAIT_CHECKPOINT, // for a checkpoint to end, wait_batch (SAVE)
    WAIT_SHUTDOWN,   // for a checkpoint before a stop (SHUTDOWN SAVE)
    WAIT_MEMORY,     // for keys to be evicted
    WAIT_REWRITE,    // for a rewrite of the configuration file to end
    WAIT_INPUT,      // for memory for the command that is being received
};

enum connection_reply_mode { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT, REPLY_SKIP };

// Membership in the server's lists of connections that want something this turn.
enum connection_list {
    LIST_RUNNABLE, // has input to execute
    LIST_SENDABLE, // has released output, no send in flight
    LIST_HELD,     // has output that waits for a batch
    LIST_WAITING,  // not WAIT_NONE
    LIST_CLOGGED,  // WAIT_OUTPUT for its own output: not in the list before
    LIST_REARM,    // its multishot receive ended for lack of buffers
    LIST_MONITORS, // is shown all commands
    LIST_COUNT,
};

// Arguments of a command that spans buffers which need no memory of their own.
#define CONNECTION_ARGS 8

struct connection_links {
    struct connection *next;
    struct connection *previous;
    bool linked;
};

struct connection_name {
    uint16_t length;
    char text[CLIENT_NAME_MAX];
};

struct connection {
    uint32_t slot;
    uint32_t generation;
    enum connection_state state;
    enum connection_wait wait;
    int socket;
    struct connection_links links[LIST_COUNT];

    // A command that waits for something of its own is executed once more when that is there; what
    // it began to wait for is noted here meanwhile.
    int64_t wait_until_ns;
    uint64_t wait_batch;
    bool wait_refused; // by CLIENT UNBLOCK: the command ends with an error
    int64_t slept_ns;  // what counts as time of the present command beyond its execution

    // requests in flight
    bool receiving; // the multishot receive is armed
    bool receiving_direct;
    bool receive_cancelled; // its end has been asked for
    bool sending;
    bool closing_socket;
    uint32_t cancels;

    // input
    struct resp_parser parser;
    bool spanning; // it is within a command that spans buffers: that lies in the carry
    bool complete; // ... is complete and waits to be executed
    struct resp_arg *saved_args; // ... and has its arguments here: own_args or an arena block
    struct resp_arg own_args[CONNECTION_ARGS];
    uint16_t buffer_first; // received and not yet parsed, chained through server->buffers
    uint16_t buffer_last;
    uint32_t buffers_count;
    uint32_t buffer_offset; // parsed bytes of the first one
    uint8_t *carry;         // bytes of a command that spans buffers: an arena block
    uint64_t carry_capacity;
    uint64_t carry_length;
    uint64_t carry_offset; // parsed bytes
    bool carry_partial;    // the carry is known to end within a command
    bool end_of_stream;
    struct entry *large; // the large argument being received, NULL while one is being discarded
    bool large_active;
    bool large_refused; // no memory for an argument of the present command
    uint64_t large_received;
    uint64_t large_total; // with the two bytes behind it
    uint64_t large_bytes; // of all large arguments of the present command

    // output
    struct reply reply;
    enum connection_reply_mode reply_mode;
    int64_t output_soft_ns; // since when it has been above the soft limit; 0: it is not

    uint64_t batch; // newest batch that it has a record in
    struct transaction transaction;

    // session
    uint64_t id;
    uint32_t database;
    bool authenticated;
    bool no_evict;
    bool no_touch;
    bool close_after_reply; // set by commands: QUIT, protocol errors
    int64_t created_ms;     // wall clock
    int64_t active_ms;
    int64_t rearmed_ms; // when its receive was last begun anew for having heard nothing
    uint64_t commands;
    uint64_t bytes_in;
    uint64_t bytes_out;
    const char *last_command; // "client|list"
    bool local;               // on the unix socket
    char peer[64];            // unless local: see connection_peer
    char own[64];
    struct connection_name name;
    struct connection_name lib_name;
    struct connection_name lib_version;
};

// A connection has been accepted (or -errno). Every event of a connection ends up in one of these.
void connection_accepted(struct server *server, uint32_t listener, const struct io_event *event);
void connection_received(struct server *server, struct connection *connection,
                         const struct io_event *event);
void connection_received_direct(struct server *server, struct connection *connection,
                                const struct io_event *event);
void connection_send_done(struct server *server, struct connection *connection,
                          const struct io_event *event);
void connection_cancel_done(struct server *server, struct connection *connection);
void connection_close_done(struct server *server, struct connection *connection);

// The connection of a token, or NULL when that one is gone.
struct connection *connection_of(struct server *server, uint32_t slot, uint32_t generation);
// The connection with this id (CLIENT ID), or NULL.
struct connection *connection_by_id(struct server *server, uint64_t id);
// The addresses of both ends as Redis shows them: "ip:port", or "path:0" for the unix socket.
const char *connection_peer(const struct server *server, const struct connection *connection);
const char *connection_own(const struct server *server, const struct connection *connection);
// Is the peer on this machine itself?
bool connection_is_local(const struct connection *connection);
// Iterates over open connections: starts with NULL, ends with NULL.
struct connection *connection_next(struct server *server, struct connection *connection);

// Drops what is unsent and closes as soon as nothing is in flight.
void connection_close(struct server *server, struct connection *connection);
// Executes nothing more, sends what is written, then closes.
void connection_finish(struct server *server, struct connection *connection);

// Has a connection that waits for its output to be sent come far enough?
bool connection_has_room(const struct server *server, const struct connection *connection);
// Lets it go on if so.
void connection_unclog(struct server *server, struct connection *connection);

// Submits the next send, if there is something to send and none is in flight. Returns its bytes.
uint64_t connection_send(struct server *server, struct connection *connection);
// (Re)arms the multishot receive if it should be.
void connection_arm(struct server *server, struct connection *connection);
// Stops the multishot receive; its end comes as an event.
void connection_disarm(struct server *server, struct connection *connection);

void connection_list_add(struct server *server, struct connection *connection,
                         enum connection_list list);
void connection_list_remove(struct server *server, struct connection *connection,
                            enum connection_list list);

#endif
