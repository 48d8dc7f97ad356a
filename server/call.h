// A call: one command being executed for one connection, and what its handler may use.
#ifndef PORO_SERVER_CALL_H
#define PORO_SERVER_CALL_H

#include "protocol/resp_parser.h"
#include "protocol/resp_writer.h"
#include "storage/keyspace.h"

#include <stdbool.h>
#include <stdint.h>

struct command;
struct command_doc;
struct connection;
struct server;

struct span {
    const uint8_t *data;
    uint32_t length;
};

struct call {
    struct server *server;
    struct connection *connection;
    struct resp_writer *reply;     // the connection's writer
    const struct command *command; // found by name, NULL when unknown; a container's own row
    struct resp_arg *args;
    uint32_t argc;
    uint8_t *base;         // what the args' offsets count from
    int64_t now_ms;        // wall clock; the same during one call
    uint64_t hold;         // newest batch that the reply must wait for
    bool again;            // set by the data layer: nothing has changed, execute once more later
    bool changed;          // something has been logged
    bool room;             // data_room has secured memory for all that the command sets
    bool admitted;         // the log has room for all that the command may log
    bool found;            // data_find has been asked for a key, which counts as a use of it
    bool denied;           // eviction has not made room: what has no memory fails
    bool inner;            // part of a transaction that is being executed
    bool timed;            // by itself, even if the command is brief: what it copies may be large
    uint8_t wait;          // with `again`: what for (enum connection_wait), 0: for room in the log
    uint64_t need;         // with WAIT_MEMORY: bytes that have to fit beside what is in use
    uint32_t first_key;    // index of the argument that `key` was computed from, 0 when none
    uint32_t key_database; // the database and map version that it was computed for
    uint64_t key_version;
    struct key key;
};

// A handler writes exactly one reply. It checks its arguments before it changes anything.
typedef void (*command_handler)(struct call *call);

// Runs the handler of a call that has passed all checks: the one place through which every command
// goes, whether it came by itself or inside a transaction.
void call_execute(struct call *call);

// Argument `index` (0 is the command's name).
struct span call_arg(const struct call *call, uint32_t index);
// True when argument `index` equals `text` (lower case, terminated), ignoring case.
bool call_arg_is(const struct call *call, uint32_t index, const char *text);
// Index of the call's `number`-th key (0 is the first). False when it has not so many.
bool call_key_index(const struct call *call, uint32_t number, uint32_t *index);
// Parses argument `index` as an integer; on failure replies "ERR value is not an integer or out of
// range" and returns false.
bool call_arg_integer(struct call *call, uint32_t index, int64_t *value);
// Parses argument `index` as the number of a database; on failure replies what Redis says.
bool call_arg_database(struct call *call, uint32_t index, uint32_t *database);
// The index of the last key of a command line that begins at argument `start` (0: the call itself)
// and whose keys `doc` describes; 0 when its arguments do not fit each other.
uint32_t call_last_key(const struct call *call, const struct command_doc *doc, uint32_t start);
// The key in argument `index` of the connection's database; the first one is computed only once.
struct key call_key(struct call *call, uint32_t index);
// The same in another database.
struct key call_key_of(const struct call *call, uint32_t index, uint32_t database);

// Does the command only make data less? It may use the space in the log that is kept for that.
bool call_deletes(const struct command_doc *doc);

void call_error_syntax(struct call *call); // "ERR syntax error"
void call_error_memory(struct call *call); // "OOM command not allowed ...", counted
void call_ok(struct call *call);           // "+OK"
// The reply shows something of a whole database: it waits for the newest batch of all.
void call_hold_all(struct call *call);

#endif
