// The data as commands see it: expired keys are gone, every change is logged, every key that was
// looked at holds the reply back until what it shows is safe. A key may be of any database.
#ifndef PORO_SERVER_DATA_H
#define PORO_SERVER_DATA_H

#include "server/call.h"
#include "wal/log.h"

#include <stdbool.h>
#include <stdint.h>

// The live entry of a key, or NULL. An expired one is deleted and logged first; when the log has no
// room for that just now, call->again is set (the handler need not care). Counts keyspace hits and
// misses when `count`. The key counts as used.
struct entry *data_find(struct call *call, const struct key *key, bool count);
// The same for commands that are not about the value: the key does not count as used.
struct entry *data_peek(struct call *call, const struct key *key, bool count);

// True when a live entry has this key. An expired one stays: for keys that are about to be set.
bool data_exists(struct call *call, const struct key *key);

// Changes. All log their result and stamp the key. They return false, having changed nothing and
// replied "OOM command not allowed when used memory > 'maxmemory'." when there is no memory.
// `argument`: index of the argument that the value comes from (a large one is adopted without a
// copy), or 0 with the value in data/length.
bool data_set(struct call *call, const struct key *key, uint32_t argument, const void *data,
              uint32_t length, int64_t expiry_ms);
// True when the value in this argument was received into a block that can become the key's entry.
bool data_adoptable(const struct call *call, const struct key *key, uint32_t argument);
// The same with the value that a block holds (keyspace_block_create), which remains the caller's
// when this returns false.
bool data_adopt(struct call *call, const struct key *key, struct entry *block, int64_t expiry_ms);
// A block for a value that is to take the place of the key's present one: NULL after an OOM reply.
struct entry *data_block_create(struct call *call, const struct key *key, uint32_t length);
// Sets a key to another key's value and expiry. `entry` is that one's.
bool data_copy(struct call *call, const struct key *key, const struct entry *entry);
// The value just set is one whose bytes Redis would have changed in place: OBJECT ENCODING tells.
void data_mark_edited(struct call *call, const struct key *key);
// Gives the live entry of `from` the key `to`, another one, in place of what that had.
bool data_rename(struct call *call, const struct key *from, const struct key *to);
// Makes the value `total` bytes long (zero-filled) and overwrites [offset, offset + length).
bool data_write(struct call *call, const struct key *key, struct entry *entry, uint32_t offset,
                const void *data, uint32_t length, uint32_t total);
// The same for a key that is not there: so it becomes `total` bytes long. Zeros are not logged.
bool data_write_new(struct call *call, const struct key *key, uint32_t offset, const void *data,
                    uint32_t length, uint32_t total);
bool data_set_expiry(struct call *call, const struct key *key, struct entry *entry,
                     int64_t expiry_ms);
// Deletes a key whether expired or not; true when a live one was there.
bool data_delete(struct call *call, const struct key *key);
// Empties one database (or all, database < 0), in constant time. Replies with an error and returns
// false when no keyspace is free for it.
bool data_flush(struct call *call, int database);

// Exchanges all keys of two databases, in constant time. Replies with an error and returns false as
// data_flush.
bool data_swap(struct call *call, uint32_t a, uint32_t b);

// Memory that counts against maxmemory.
uint64_t data_used_bytes(const struct server *server);
// Of these, what is not keys and values: tables, and what clients have sent.
uint64_t data_overhead_bytes(const struct server *server);
// True when `bytes` more (arena_round sizes) stay within maxmemory and within the arena.
bool data_has_room(const struct server *server, uint64_t bytes);
// The same; else replies OOM. What the call sets after that, up to this much, is not refused any more.
bool data_room(struct call *call, uint64_t bytes);
// True when eviction may make room for `bytes` more: the call is executed once more when it has, or
// when it could not, in which case this is false.
bool data_wait_room(struct call *call, uint64_t bytes);
uint64_t data_peak_bytes(const struct server *server);

// Logs that a key is gone, which the caller removes then; or tells why that cannot be just now.
enum wal_admission data_drop(struct server *server, const struct key *key);
// Goes on with the search for expired and dead keys. Returns how many have been freed.
uint64_t data_sweep_some(struct server *server, uint32_t buckets);

// One bounded step of the background cycle: expired keys, dead keyspaces, growth.
void data_housekeeping(struct server *server);
// True while that has work which should not wait for the next event.
bool data_urgent(const struct server *server);
// ... and when the rest of it should be gone on with; INT64_MAX: never.
int64_t data_deadline_ns(const struct server *server);
// The system has provided memory that was asked for ahead, or not.
void data_populated(struct server *server, int32_t result);
// Returns some unused memory to the system.
void data_reclaim(struct server *server);

#endif
