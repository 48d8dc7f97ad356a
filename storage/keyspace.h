// The keyspace: all databases' keys in one table, with expiry, a cursor, and flushing in constant
// time.
#ifndef PORO_STORAGE_KEYSPACE_H
#define PORO_STORAGE_KEYSPACE_H

#include "conf/limits.h"
#include "storage/entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator;
struct arena;
struct keyspace;

// A key to look up, with everything that is computed from it once.
struct key {
    const uint8_t *data;
    uint32_t length;
    uint16_t slot; // of the database's present keyspace
    uint64_t hash;
};

// --- creation --------------------------------------------------------------------------------

// Address space for each of the two table regions that an arena of `arena_bytes` can need.
size_t keyspace_region_bytes(size_t arena_bytes);
// Static memory that keyspace_create takes.
size_t keyspace_overhead(void);

// `regions`: two reserved, zero-filled, untouched regions of `region_bytes` each. `seed`: random
// per process, seeds the hash. NULL when `allocator` has too little memory. Database i starts with
// keyspace id i + 1.
struct keyspace *keyspace_create(struct allocator *allocator, struct arena *arena,
                                 void *const regions[2], size_t region_bytes, uint64_t seed);

// Prepares the table for `keys` keys, so that it need not grow while they are loaded. Only while
// the keyspace is empty.
void keyspace_expect(struct keyspace *keyspace, uint64_t keys);

// What `idle` says in entries of keys that are new from now on (0 at first). An entry that takes the
// place of another keeps what that one's says.
void keyspace_fresh(struct keyspace *keyspace, uint16_t idle);

// --- databases and their keyspace ids --------------------------------------------------------

// Databases map to ids that are never reused: flushing gives a database a fresh id, swapping
// exchanges two. Keys under ids that no database has any more are dead: never found, freed by
// keyspace_sweep.
struct keyspace_map {
    uint32_t next_id; // lower than every id that has not been used
    uint32_t ids[DATABASES_MAX];
};

void keyspace_get_map(const struct keyspace *keyspace, struct keyspace_map *map);
// Takes over a map: databases whose id changes take the keys of that id, or none; a struct key made
// for them before is no longer valid. -ENOSPC when all slots are in use by dead keys (sweep first);
// nothing has changed then. Aborts when an id is 0, not below next_id, or there twice.
int keyspace_set_map(struct keyspace *keyspace, const struct keyspace_map *map);

// How many new ids databases can have at once, before keyspace_sweep has freed dead keys.
uint32_t keyspace_slots_free(const struct keyspace *keyspace);

uint32_t keyspace_id(const struct keyspace *keyspace, uint32_t database);
// The database that has this id, or -ENOENT.
int keyspace_database_of_id(const struct keyspace *keyspace, uint32_t id);
// The id of the keyspace that keys of this slot are in.
uint32_t keyspace_id_of_slot(const struct keyspace *keyspace, uint16_t slot);
// The database that an entry of this slot belongs to, or -ENOENT when it is dead.
int keyspace_database_of_slot(const struct keyspace *keyspace, uint16_t slot);

uint64_t keyspace_count(const struct keyspace *keyspace, uint32_t database);          // keys
uint64_t keyspace_count_volatile(const struct keyspace *keyspace, uint32_t database); // with expiry
uint64_t keyspace_count_dead(const struct keyspace *keyspace); // keys still to be freed

// --- finding ---------------------------------------------------------------------------------

struct key keyspace_key(const struct keyspace *keyspace, uint32_t database, const void *data,
                        uint32_t length);

// The same key, of the same database.
bool key_equal(const struct key *a, const struct key *b);

// Staged lookups: prefetch the bucket of many keys, then the entries, then find.
void keyspace_prefetch_bucket(const struct keyspace *keyspace, const struct key *key);
void keyspace_prefetch_entry(const struct keyspace *keyspace, const struct key *key);

// The entry, expired or not, or NULL. Valid until the next call that changes the keyspace.
struct entry *keyspace_find(const struct keyspace *keyspace, const struct key *key);

// --- changing --------------------------------------------------------------------------------

// Memory (arena_round sizes) that an entry of these lengths takes.
size_t keyspace_entry_bytes(uint32_t key_length, uint32_t value_length, bool expiry);

// Sets key to value with an absolute expiry in ms (0: none), replacing whatever there was. `value`
// may lie inside the entry that it replaces. NULL when there is no memory; nothing has changed
// then.
struct entry *keyspace_set(struct keyspace *keyspace, const struct key *key, const void *value,
                           uint32_t value_length, int64_t expiry_ms);

// Gives the value a new length, keeping the common part; added bytes are zero. For APPEND-like
// growth the block gets room in reserve. NULL when there is no memory; nothing has changed then.
// Returns the entry, which may have moved.
struct entry *keyspace_resize(struct keyspace *keyspace, const struct key *key, struct entry *entry,
                              uint32_t value_length);

// Overwrites `length` bytes of the value at `offset` (both within the value). NULL when the value
// is pinned and there is no memory for a copy; nothing has changed then.
struct entry *keyspace_write(struct keyspace *keyspace, const struct key *key, struct entry *entry,
                             uint32_t offset, const void *data, uint32_t length);

// Sets (ms > 0) or removes (0) the expiry. NULL when there is no memory; nothing has changed then.
struct entry *keyspace_set_expiry(struct keyspace *keyspace, const struct key *key,
                                  struct entry *entry, int64_t expiry_ms);

// Gives the entry of `from`, which is there, the key `to` (another one, perhaps of another
// database), in place of whatever that had; its value stays in its block where that can be. The
// bytes of neither key may lie in the entry. NULL when there is no memory; nothing has changed
// then.
struct entry *keyspace_rename(struct keyspace *keyspace, const struct key *from,
                              const struct key *to);

// Removes the key. False when it was not there.
bool keyspace_delete(struct keyspace *keyspace, const struct key *key);

// --- large values: received straight into their entry ----------------------------------------

// A block that can become the entry of a key of `key_length` with a value of `value_length`, and in
// the meantime receives the value; `slack` bytes behind the value may be written too. NULL when
// there is no memory. Belongs to the caller until adopted or freed.
struct entry *keyspace_block_create(struct keyspace *keyspace, uint32_t key_length,
                                    uint32_t value_length, uint32_t slack);
uint8_t *keyspace_block_value(struct entry *block);
void keyspace_block_free(struct keyspace *keyspace, struct entry *block);
// As keyspace_set, with the value that the block holds. The block's key_length must be key->length.
// Returns the entry (the block is gone), or NULL when there is no memory for the table (the block
// still belongs to the caller).
struct entry *keyspace_adopt(struct keyspace *keyspace, const struct key *key, struct entry *block,
                             int64_t expiry_ms);

// --- pins: bytes of a value lent to the kernel -----------------------------------------------

// From now on the entry's value is neither changed, moved nor freed, though the key may be set or
// deleted; until as many keyspace_unpin calls as pins. False when PINS_MAX entries are pinned.
bool keyspace_pin(struct keyspace *keyspace, struct entry *entry);
void keyspace_unpin(struct keyspace *keyspace, struct entry *entry);

// --- walking ---------------------------------------------------------------------------------

// A position in hash order, 48 bits wide, 0 at the start and at the end. Survives growth: a key
// that is there during a whole walk from 0 to 0 is visited at least once.
typedef void (*keyspace_visit)(void *context, struct entry *entry);

// Visits every entry (expired and dead ones too) of one home bucket, the one at `cursor`, wherever
// the entries lie. Returns the next cursor. The visitor must not change the keyspace.
uint64_t keyspace_scan(const struct keyspace *keyspace, uint64_t cursor, keyspace_visit visit,
                       void *context);

// A random live entry of `database`, expired or not, or NULL when the database is empty.
struct entry *keyspace_random(const struct keyspace *keyspace, uint32_t database, uint64_t random);

// Collects up to `count` live entries, expired or not, that are not pinned, from at most `buckets`
// buckets of the table from *position (any number) on; *position becomes the one after the last one
// looked at. `is_volatile`: only those with an expiry. `random` chooses among a bucket's.
uint32_t keyspace_sample(const struct keyspace *keyspace, bool is_volatile, uint64_t *position,
                         uint64_t random, uint32_t buckets, struct entry **entries, uint32_t count);
// Buckets that a walk over all entries by keyspace_sample goes through.
uint64_t keyspace_sample_buckets(const struct keyspace *keyspace);
// What identifies an entry, of any database, to keyspace_find_hash.
struct key keyspace_key_of(const struct keyspace *keyspace, const struct entry *entry);
// The entry whose key has this slot and hash, or NULL.
struct entry *keyspace_find_hash(const struct keyspace *keyspace, uint16_t slot, uint64_t hash);

// --- background work -------------------------------------------------------------------------

enum keyspace_verdict {
    KEYSPACE_KEEP,   // leave it
    KEYSPACE_REMOVE, // delete it, go on
    KEYSPACE_STOP,   // leave it and end this sweep; the next one starts with it (or just before)
};
typedef enum keyspace_verdict (*keyspace_judge)(void *context, const struct entry *entry,
                                                const struct key *key);

// Looks at `buckets` home buckets from where the last call stopped: frees dead entries, and asks
// `judge` about those whose expiry is at or before `now_ms`. Entries without expiry are not touched
// unless there are dead ones. Returns the number of entries freed.
uint64_t keyspace_sweep(struct keyspace *keyspace, int64_t now_ms, uint32_t buckets,
                        keyspace_judge judge, void *context);

// Moves up to `buckets` home buckets into the bigger table while it grows; starts growing when the
// load asks for it. Writes do a little of this by themselves. True while there is more to do.
bool keyspace_grow(struct keyspace *keyspace, uint32_t buckets);

// While memory is short the table shrinks sooner, and farther.
void keyspace_press(struct keyspace *keyspace, bool pressed);
// Bytes of tables that this leads to being given back, or that are being given back already.
uint64_t keyspace_spare_bytes(const struct keyspace *keyspace);

// A range of the table that is grown into which should have memory soon. False: there is none at
// present. Until keyspace_provided the table is not grown into that range unless it must be.
bool keyspace_needs_soon(struct keyspace *keyspace, void **address, size_t *bytes);
void keyspace_provided(struct keyspace *keyspace);

enum keyspace_defrag {
    KEYSPACE_DEFRAG_NOTHING, // none of these runs is a span with few blocks in use
    KEYSPACE_DEFRAG_FREED,   // one was: its entries have moved, and its pages are free
    KEYSPACE_DEFRAG_PART, // one was: some of its entries have moved, the others are for the next call
    KEYSPACE_DEFRAG_STUCK, // it holds something that cannot be moved, or there was no place
    KEYSPACE_DEFRAG_ROUND, // (keyspace_slide) the end has been reached, the next call begins anew
};

// Goes on with the search, over at most `runs` runs of pages in the arena, for a span that few
// entries are in, and moves them into others. The entries' places in the table stay; pointers to
// them do not, except to those that are pinned. All other users' blocks stay where they are.
enum keyspace_defrag keyspace_defrag(struct keyspace *keyspace, uint32_t runs, uint32_t *moved);

// The same for what has free pages in front of it, large entries, too: these, of at most `most` bytes
// each, are copied in pieces, one a call; what changes meanwhile, or is lent to the kernel, stays.
enum keyspace_defrag keyspace_slide(struct keyspace *keyspace, uint32_t runs, size_t most,
                                    uint32_t *moved);
// Bytes of free pages that an entry is on its way into: they are free again if it does not arrive.
size_t keyspace_slide_bytes(const struct keyspace *keyspace);
// It will not go on for the time being: nothing is kept for it.
void keyspace_slide_stop(struct keyspace *keyspace);

// Finds one range of table memory that is no longer needed and can be returned to the system (as
// arena_reclaim; it may then read as zero or as before). False when there is none.
bool keyspace_reclaim(struct keyspace *keyspace, void **address, size_t *bytes);

struct keyspace_stats {
    uint64_t entries;      // live and dead
    uint64_t buckets;      // of the present table
    uint64_t bucket_bytes; // memory of all table buckets in use, both tables while growing
    uint64_t grown_to;     // buckets of the table being grown into, 0 when none
    uint64_t pinned_dead_bytes;
    uint32_t pins;
};
void keyspace_stats(const struct keyspace *keyspace, struct keyspace_stats *stats);

// Bytes of entries, blocks and tables: what counts against maxmemory (other users of the arena are
// counted by arena_used_bytes, which includes the entries).
size_t keyspace_table_bytes(const struct keyspace *keyspace);

#endif
