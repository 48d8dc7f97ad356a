// Sampling: some entries from anywhere in the table, and back to one by its hash.
#include "storage/keyspace_internal.h"

// Buckets looked at before fairness matters less than finding anything.
#define DRAWS 32

uint64_t keyspace_sample_buckets(const struct keyspace *keyspace)
{
    return keyspace_bucket_total(keyspace);
}

// The finalizer of MurmurHash3 (Appleby, 2008).
static uint64_t sample_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 33)) * 0xFF51AFD7ED558CCDULL;
    bits = (bits ^ (bits >> 33)) * 0xC4CEB9FE1A85EC53ULL;
    return bits ^ (bits >> 33);
}

static uint32_t mask_count(uint32_t mask)
{
    uint32_t count = 0;
    for (; mask != 0; mask &= mask - 1)
        count++;
    return count;
}

// Keeps `wanted` of the bits in `mask`, from the one of rank `from` on and round.
static uint32_t mask_choose(uint32_t mask, uint32_t from, uint32_t wanted)
{
    uint32_t kept = 0;
    uint32_t rest = mask;
    for (; from > 0; from--)
        rest &= rest - 1;
    for (; mask != 0 && wanted > 0; wanted--) {
        uint32_t bit = rest != 0 ? rest & -rest : mask & -mask;
        kept |= bit;
        mask &= ~bit;
        rest &= ~bit;
    }
    return kept;
}

uint32_t keyspace_sample(const struct keyspace *keyspace, bool is_volatile, uint64_t *position,
                         uint64_t random, uint32_t buckets, struct entry **entries, uint32_t count)
{
    uint64_t total = keyspace_bucket_total(keyspace);
    uint64_t index = *position % total;
    uint32_t found = 0;
    for (uint32_t i = 0; i < buckets && found < count; i++) {
        const struct bucket *bucket = keyspace_nth_bucket(keyspace, index);
        uint32_t all = is_volatile ? bucket->volatile_mask : bucket_occupied(bucket);
        uint32_t filled = mask_count(all);
        index = index + 1 == total ? 0 : index + 1;
        random = sample_mix(random + 0x9E3779B97F4A7C15ULL);
        // One by one, entries of nearly empty buckets would be met more often than others, and in
        // any case those that follow empty ones.
        if (filled == 0 || (count == 1 && i < DRAWS && (random >> 48) % TABLE_SLOTS >= filled)) {
            if (i < DRAWS)
                index = (uint64_t)(((unsigned __int128)sample_mix(~random) * total) >> 64);
            continue;
        }
        uint32_t mask = mask_choose(all, (uint32_t)((random >> 32) % filled), count - found);
        // In a large table none of them is in the cache: they are waited for together.
        keyspace_prefetch_slots(keyspace, bucket, mask, 0);
        for (; mask != 0; mask &= mask - 1) {
            uint64_t offset = bucket_offset(bucket, (uint32_t)__builtin_ctz(mask));
            struct entry *entry = keyspace_entry_at(keyspace, offset);
            if (!(entry->flags & ENTRY_PINNED) && keyspace->slots[entry->slot].database != 0)
                entries[found++] = entry;
        }
    }
    *position = index;
    return found;
}

struct key keyspace_key_of(const struct keyspace *keyspace, const struct entry *entry)
{
    return entry_make_key(keyspace, entry);
}

struct entry *keyspace_find_hash(const struct keyspace *keyspace, uint16_t slot, uint64_t hash)
{
    uint64_t home;
    const struct table *table = keyspace_table(keyspace, hash, &home);
    for (uint64_t index = home; index < table->total; index++) {
        const struct bucket *bucket = &table->buckets[index];
        for (uint32_t mask = bucket_match(bucket, table_tag(hash)); mask != 0; mask &= mask - 1) {
            uint64_t offset = bucket_offset(bucket, (uint32_t)__builtin_ctz(mask));
            struct entry *entry = keyspace_entry_at(keyspace, offset);
            if (entry->slot == slot && entry_make_key(keyspace, entry).hash == hash)
                return entry;
        }
        if (bucket->overflow == 0)
            return NULL;
    }
    return NULL;
}
