// The model: what the data must be after every change, in the order in which commands were executed,
// and what the right reply to every command is. It shares no code with the server.
//
// Changes are numbered 1, 2, 3, ...; a command that changes several keys is one change. Those that a
// crash may still undo can be taken back.
#ifndef PORO_SIM_MODEL_H
#define PORO_SIM_MODEL_H

#include "sim/bytes.h"
#include "sim/command_line.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MODEL_DATABASES 16

struct model;

enum model_durability { MODEL_ALWAYS, MODEL_EVERYSEC, MODEL_NO };

struct model_transaction;

// What a connection has chosen; zeroed memory with resp = 2 is a new one. Opaque to others beyond
// model_session_init and model_session_free, except what is said here.
struct model_session {
    uint32_t database;
    uint8_t resp;            // 2 or 3
    uint8_t reply;           // CLIENT REPLY: 0 on, 1 off, 2 skip the next, 3 skip this
    bool closing;            // after QUIT: its reply is the last one
    uint64_t executed;       // commands
    struct bytes name;       // CLIENT SETNAME
    struct model_scan *scan; // the iteration under way, NULL when none
    struct model_transaction *transaction; // what is watched and queued, NULL at first
};
void model_session_init(struct model_session *session);
void model_session_free(struct model_session *session);
// What the last SCAN returned as its cursor, 0 when no iteration is under way.
uint64_t model_session_cursor(const struct model_session *session);
// MULTI has been said, and neither EXEC nor DISCARD.
bool model_session_queues(const struct model_session *session);
// What it watches counts as changed.
void model_session_spoil(struct model_session *session);

// The right reply to one command.
enum model_reply_kind {
    MODEL_EXACT,   // `bytes`
    MODEL_TIME,    // `bytes`, an integer, or about that
    MODEL_PATTERN, // `bytes`, where the byte 1 stands for a number: one or more digits
    MODEL_CHOICE,  // one of the lines of `bytes`
    MODEL_NONE,    // no reply at all
    MODEL_BULK,    // any one bulk string, or verbatim string in RESP3 (INFO, CLIENT LIST)
    MODEL_KEYS,    // an array of exactly the keys of the set `bytes`, in any order
    MODEL_SCAN,    // cursor and keys: all of them must be in the set `bytes`
    MODEL_KEY,     // one bulk string, a key of the set `bytes`
    MODEL_PARTS,   // `bytes`, then what `parts` say, one after the other
    MODEL_VALUE,   // any one well-formed reply that is no error (COMMAND, most of CONFIG GET)
    MODEL_ANY,     // any one well-formed reply, errors too
};
struct model_reply {
    enum model_reply_kind kind;
    struct bytes bytes; // sets of keys: one bit each, by the model's own numbers
    uint64_t shows;     // the newest change that this reply reveals, 0: none
    // For MODEL_SCAN, when the server's cursor comes back as 0: these keys had to be returned at some
    // time of the iteration, if they have not been before.
    struct bytes missing;
    struct model_scan *scan; // for MODEL_SCAN: learns what has been returned
    struct model_reply *parts;
    uint32_t parts_count;
    // --- the model's own
    const struct model *model;
    uint64_t keys; // of the set `bytes`
    // What has been found right already: offset behind it, and what has to follow.
    size_t checked;
    uint64_t left;
    uint64_t cursor;
    int64_t tolerance; // of a time
    uint32_t parts_capacity;
    uint32_t database;
    uint8_t stage;
    uint8_t resp;
};
// Forgets everything but the memory, which is freed.
void model_reply_free(struct model_reply *reply);

// Compares what has been sent so far with the reply. Returns the bytes of the whole reply when it is
// there and right (0 for MODEL_NONE); -EAGAIN when `sent` is right so far, and not yet whole;
// -EBADMSG when it is wrong, with an explanation in `error`. Called with the whole reply from its
// first byte each time; what a call has found right is not looked at again. The model must still
// be there, but may have gone on.
int64_t model_reply_check(struct model_reply *reply, const uint8_t *sent, size_t length,
                          char error[512]);

struct model *model_create(void);
void model_destroy(struct model *model);
// The model of redis-server 7.0 from now on, in the few places where Poro is different on purpose.
void model_imitate_redis(struct model *model);
// The server has a clock of its own: times that replies tell may differ by so much.
void model_allow_late(struct model *model, int64_t ms);

// --- commands --------------------------------------------------------------------------------

// Executes a command at wall-clock time `now_ms` and fills in the right reply (zeroed by the caller,
// or used before: its memory is used again). `shows`: for commands on keys: the newest change that
// touched any key which the command looked at or changed, this one included; for commands on a whole
// database (DBSIZE, KEYS, SCAN, FLUSHDB, INFO ...) the newest of all.
// An expired key counts as missing; it is removed only by model_expired, or when the command
// overwrites or deletes it.
// `session` is left as the command leaves it, `reply` with CLIENT REPLY taken into account.
// The number of the change that it made, 0 when it changed nothing.
uint64_t model_execute(struct model *model, struct model_session *session,
                       const struct command_line *line, int64_t now_ms, struct model_reply *reply);

// The command was refused for this reason (an error line without "-" and line break), as it may be for
// lack of memory or disk space: nothing has changed. Honours CLIENT REPLY. A transaction that it was to
// be a part of will not be executed; EXEC itself ends it.
void model_refused(struct model *model, struct model_session *session,
                   const struct command_line *line, const char *error, struct model_reply *reply);

// Said before EXEC is executed: during its command number `step` (from 0 on) the server has deleted
// this key. If it is past its expiry by then, that was why.
void model_deleted_within(struct model *model, uint32_t step, uint32_t database, const void *key,
                          uint32_t key_length);

// The server has deleted a key for having expired. False when it had no right to: no such key, or its
// expiry is not at or before now_ms. Otherwise *change is the number of this change.
bool model_expired(struct model *model, uint32_t database, const void *key, uint32_t key_length,
                   int64_t now_ms, uint64_t *change);
// The server has evicted a key. False when it had no right to: no such key, or one without expiry where
// `volatile_only`.
bool model_evicted(struct model *model, uint32_t database, const void *key, uint32_t key_length,
                   bool volatile_only, uint64_t *change);
// Is the key there, and past its expiry?
bool model_is_expired(const struct model *model, uint32_t database, const void *key,
                      uint32_t key_length, int64_t now_ms);

// What CONFIG SET has chosen (default MODEL_ALWAYS; wal-ack: default intent).
enum model_durability model_appendfsync(const struct model *model);
bool model_ack_completion(const struct model *model);
// What a start begins with.
void model_set_durability(struct model *model, enum model_durability durability, bool completion);
// The policy of eviction goes by how often keys are used.
void model_set_lfu(struct model *model, bool lfu);
// While a start recovers, INFO tells of no keys.
void model_set_loading(struct model *model, bool loading);

// --- history ---------------------------------------------------------------------------------

uint64_t model_newest(const struct model *model);
// Changes up to this one can no longer be taken back: what is needed for that is freed.
void model_settle(struct model *model, uint64_t change);
uint64_t model_settled(const struct model *model);
// Takes back everything after this change, which is at or above the settled one.
void model_rollback(struct model *model, uint64_t change);

// --- states ----------------------------------------------------------------------------------

// A state is recognised by the sum (modulo 2^64) of these over all its keys, expired ones included.
uint64_t model_entry_hash(uint32_t database, const void *key, uint32_t key_length,
                          const void *value, uint32_t value_length, int64_t expiry_ms);
uint64_t model_hash(const struct model *model);
// The newest change from `lowest` on (at or above the settled one) after which the state had this
// hash. False when there is none.
bool model_find(const struct model *model, uint64_t hash, uint64_t lowest, uint64_t *change);

uint64_t model_count(const struct model *model); // keys, all databases, expired ones included

struct model_entry {
    uint32_t database;
    const uint8_t *key;
    const uint8_t *value;
    uint32_t key_length;
    uint32_t value_length;
    int64_t expiry_ms; // 0: none
};
// Calls `each` for every key, in an order that depends on nothing but the history.
void model_each(const struct model *model,
                void (*each)(void *context, const struct model_entry *entry), void *context);

// For people: how these entries (a recovered state that model_find did not find) differ from the
// states after `lowest` and after the newest change; at most a few lines.
void model_explain(struct model *model, const struct model_entry *entries, size_t count,
                   uint64_t lowest, FILE *to);

#endif
