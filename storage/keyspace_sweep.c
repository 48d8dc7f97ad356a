// Sweeping: expired and dead entries leave the table a few buckets at a time.
#include "storage/keyspace_internal.h"

// Buckets between the one swept and the one whose entries are fetched.
#define AHEAD 4

struct sweep {
    struct keyspace *keyspace;
    int64_t now_ms;
    bool any_dead; // entries without expiry have to be looked at, too
    keyspace_judge judge;
    void *context;
    uint64_t freed;
};

// Decides about one entry, and removes it where it has to go.
static enum keyspace_verdict sweep_entry(struct sweep *sweep, struct table *table,
                                         struct bucket *bucket, uint32_t slot)
{
    struct keyspace *keyspace = sweep->keyspace;
    struct entry *entry = keyspace_entry_at(keyspace, bucket_offset(bucket, slot));
    bool dead = keyspace->slots[entry->slot].database == 0;
    int64_t expiry = entry_expiry(entry);
    bool expired = expiry != 0 && expiry <= sweep->now_ms;
    if (!dead && !expired)
        return KEYSPACE_KEEP;
    struct key key = entry_make_key(keyspace, entry);
    enum keyspace_verdict verdict =
        dead ? KEYSPACE_REMOVE : sweep->judge(sweep->context, entry, &key);
    if (verdict == KEYSPACE_REMOVE) {
        struct place place = {&table->buckets[table_home(table, key.hash)], bucket, slot};
        keyspace_unlink(keyspace, &place, entry);
        sweep->freed++;
    }
    return verdict;
}

static uint32_t candidates(const struct sweep *sweep, const struct bucket *bucket)
{
    return sweep->any_dead ? bucket_occupied(bucket) : bucket->volatile_mask;
}

// Sweeps one bucket from slot `from` on. Returns the slot at which the judge stopped, or
// TABLE_SLOTS.
static uint32_t sweep_bucket(struct sweep *sweep, struct table *table, uint64_t index,
                             uint32_t from)
{
    struct bucket *bucket = &table->buckets[index];
    if (index + AHEAD < table->total) {
        const struct bucket *ahead = &table->buckets[index + AHEAD];
        keyspace_prefetch_slots(sweep->keyspace, ahead, candidates(sweep, ahead), PREFETCH_KEY);
    }
    uint32_t mask = candidates(sweep, bucket) >> from << from;
    for (; mask != 0; mask &= mask - 1) {
        uint32_t slot = (uint32_t)__builtin_ctz(mask);
        if (sweep_entry(sweep, table, bucket, slot) == KEYSPACE_STOP)
            return slot;
    }
    return TABLE_SLOTS;
}

// The buckets behind `index` that may hold entries of homes up to it.
static bool sweep_followers(struct sweep *sweep, struct table *table, uint64_t index)
{
    for (index++; index < table->total; index++) {
        if (table->buckets[index - 1].overflow == 0)
            return true;
        if (sweep_bucket(sweep, table, index, 0) < TABLE_SLOTS)
            return false;
    }
    return true;
}

uint64_t keyspace_sweep(struct keyspace *keyspace, int64_t now_ms, uint32_t buckets,
                        keyspace_judge judge, void *context)
{
    struct sweep sweep = {
        .keyspace = keyspace, .now_ms = now_ms, .judge = judge, .context = context};
    sweep.any_dead = keyspace_count_dead(keyspace) > 0;
    for (; buckets > 0; buckets--) {
        uint64_t home;
        struct table *table =
            (struct table *)keyspace_table(keyspace, keyspace->sweep_position << 16, &home);
        keyspace->sweep_slot = sweep_bucket(&sweep, table, home, keyspace->sweep_slot);
        if (keyspace->sweep_slot < TABLE_SLOTS)
            break;
        // Buckets are swept as they lie. Where a table's part ends, what lies behind its last home
        // belongs to it, too.
        uint64_t next = keyspace_next_position(keyspace, table, home);
        uint64_t next_home;
        bool last = next == 0 || keyspace_table(keyspace, next << 16, &next_home) != table;
        if (last && !sweep_followers(&sweep, table, home))
            break;
        keyspace->sweep_position = next;
        keyspace->sweep_slot = 0;
    }
    return sweep.freed;
}
