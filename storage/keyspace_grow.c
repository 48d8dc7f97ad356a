// Growing and shrinking: homes move one by one, in hash order, into the other table region.
#include "storage/keyspace_internal.h"

// Loads in percent: above the first a table grows, below the second it shrinks. Buckets looked at
// for a key that is there, and for one that is not (measured): 1.04 and 1.2 at a load of 0.70, 1.11
// and 1.7 at 0.80, 1.19 and 2.5 at 0.85, 1.34 and 4.9 at 0.90.
#define LOAD_GROW 82
#define LOAD_SHRINK 10
// ... where memory is short: not one that has just grown.
#define LOAD_SHRINK_PRESSED 50
#define LOAD_SHRINK_SMALL 38
// Small tables double. Large ones grow by half: while keys are added each is moved three times on
// average (by 30 % it would be more than four), and a slot costs 12 bytes a key at the most.
#define SMALL_HOMES 16384
#define SHRINK_HOMES_MIN 4096
// Homes that every insert moves: a table is left after half as many inserts as it has homes, when
// its load is at most 0.87 and that of the new one, 1.5 times as large, 0.58.
#define MOVES_PER_INSERT 2
// Load of the old table up to which memory for the new one is waited for.
#define LOAD_WAITING 85
// Load in percent that the new table may reach before the old one is left.
#define LOAD_MOVED 85
// Buckets between the one being moved and the ones whose entries, and whose own line, are fetched:
// the keys have to be read to be hashed again.
#define AHEAD_ENTRIES 3
#define AHEAD_BUCKETS 8
// Memory returned at a time.
#define RECLAIM_BYTES MIB(1)
// Memory asked for at a time, whole huge pages, and how far ahead of the moved homes.
#define NEEDED_BYTES MIB(2)
#define NEEDED_AHEAD MIB(8)
// Smaller tables' memory is there at once.
#define NEEDED_MIN MIB(4)

static struct table *old_table(struct keyspace *keyspace)
{
    return &keyspace->tables[keyspace->current];
}

static struct table *new_table(struct keyspace *keyspace)
{
    return &keyspace->tables[keyspace->current ^ 1];
}

static void open_new(struct keyspace *keyspace, uint64_t homes)
{
    keyspace->growing = table_open(new_table(keyspace), homes);
    assert(keyspace->growing);
    keyspace->needed = 0;
    keyspace->waits_at = UINT64_MAX;
}

// Opens a larger table when the load asks for one, and there is room for it.
static void start_growing(struct keyspace *keyspace)
{
    assert(!keyspace->growing);
    const struct table *table = old_table(keyspace);
    if (keyspace->entries * 100 <= table->homes * TABLE_SLOTS * LOAD_GROW && !keyspace->crowded)
        return;
    uint64_t homes = table->homes < SMALL_HOMES ? table->homes * 2 : table->homes * 3 / 2;
    uint64_t most = table->capacity - TABLE_SPARE;
    homes = homes < most ? homes : most;
    // When there is no room to grow, the table fills up until keyspace_link refuses.
    if (homes >= table->homes + table->homes / 10)
        open_new(keyspace, homes);
}

bool keyspace_may_shrink(const struct keyspace *keyspace, bool pressed)
{
    const struct table *table = &keyspace->tables[keyspace->current];
    uint64_t load = LOAD_SHRINK;
    if (pressed)
        load = table->homes < 2 * SMALL_HOMES ? LOAD_SHRINK_SMALL : LOAD_SHRINK_PRESSED;
    return table->homes >= SHRINK_HOMES_MIN && (pressed || !keyspace->keep_size) &&
           keyspace->entries * 100 < table->homes * TABLE_SLOTS * load;
}

// Opens a smaller one when that does, within so many buckets' work.
static void start_shrinking(struct keyspace *keyspace, uint32_t *buckets)
{
    assert(!keyspace->growing);
    if (!keyspace_may_shrink(keyspace, keyspace->pressed)) {
        keyspace->survey.homes = 0;
        return;
    }
    uint64_t homes = keyspace_shrink_to(keyspace, buckets);
    if (homes > 0)
        open_new(keyspace, homes);
}

static void finish(struct keyspace *keyspace)
{
    struct table *table = old_table(keyspace);
    assert(keyspace->growing && table->left == table->homes);
    table_close(table);
    keyspace->current ^= 1;
    keyspace->growing = false;
    keyspace->crowded = false;
}

static void move_entry(struct keyspace *keyspace, const struct place *place, uint64_t hash)
{
    struct table *table = new_table(keyspace);
    uint64_t offset = bucket_offset(place->bucket, place->slot);
    bool is_volatile = (place->bucket->volatile_mask >> place->slot) & 1;
    uint64_t home = table_home(table, hash);
    bool inserted = table_insert(table, home, table_tag(hash), offset, is_volatile);
    assert(inserted); // its load is far below that at which the spare buckets fill up
    table_erase(place);
}

static uint64_t hash_at(const struct keyspace *keyspace, const struct bucket *bucket, uint32_t slot)
{
    const struct entry *entry = keyspace_entry_at(keyspace, bucket_offset(bucket, slot));
    return keyspace_hash(keyspace, entry->slot, entry_key(entry), entry_key_length(entry));
}

// Moves all entries of the first home that is still in the old table. Entries of earlier homes are
// gone, so the bucket itself holds only its own; those behind it are told apart by their hash.
static void move_home(struct keyspace *keyspace)
{
    struct table *table = old_table(keyspace);
    uint64_t home = table->left;
    assert(home < table->homes);
    __builtin_prefetch(&table->buckets[home + AHEAD_BUCKETS]);
    const struct bucket *ahead = &table->buckets[home + AHEAD_ENTRIES];
    keyspace_prefetch_slots(keyspace, ahead, bucket_occupied(ahead), PREFETCH_KEY);
    struct place place = {.home = &table->buckets[home]};
    for (uint64_t index = home; index < table->total; index++) {
        place.bucket = &table->buckets[index];
        // Read before entries are taken out: it says whether any lie farther on.
        bool more = place.bucket->overflow > 0;
        for (uint32_t mask = bucket_occupied(place.bucket); mask != 0; mask &= mask - 1) {
            place.slot = (uint32_t)__builtin_ctz(mask);
            uint64_t hash = hash_at(keyspace, place.bucket, place.slot);
            if (index == home || table_home(table, hash) == home)
                move_entry(keyspace, &place, hash);
        }
        if (!more || place.home->overflow == 0)
            break;
    }
    // From now on this home's positions are looked up in the new table.
    table_leave(table);
    if (table->left == table->homes)
        finish(keyspace);
}

// The next home goes where memory is on its way to. A few entries of the homes before it may lie there,
// too: that does not matter.
static bool has_to_wait(const struct keyspace *keyspace)
{
    return keyspace->waits && keyspace->tables[keyspace->current].left >= keyspace->waits_at;
}

void keyspace_grow_for_insert(struct keyspace *keyspace)
{
    if (!keyspace->growing) {
        start_growing(keyspace);
        if (!keyspace->growing)
            return;
    }
    // Time that the old table has not got is not waited.
    if (has_to_wait(keyspace) && !keyspace->crowded &&
        keyspace->entries * 100 < old_table(keyspace)->homes * TABLE_SLOTS * LOAD_WAITING)
        return;
    // More than usual when the new table is so small that it could fill up before.
    const struct table *table = old_table(keyspace);
    uint64_t most = new_table(keyspace)->homes * TABLE_SLOTS * LOAD_MOVED / 100;
    uint64_t inserts = most > keyspace->entries ? most - keyspace->entries : 1;
    uint64_t moves = (table->homes - table->left) / inserts + 1;
    moves = moves > MOVES_PER_INSERT ? moves : MOVES_PER_INSERT;
    for (; moves > 0 && keyspace->growing; moves--)
        move_home(keyspace);
}

bool keyspace_grow(struct keyspace *keyspace, uint32_t buckets)
{
    if (keyspace->keep_size) {
        uint64_t slots = old_table(keyspace)->homes * TABLE_SLOTS;
        keyspace->keep_size = keyspace->entries * 100 < slots * LOAD_SHRINK * 2;
    }
    if (!keyspace->growing)
        start_growing(keyspace);
    if (!keyspace->growing)
        start_shrinking(keyspace, &buckets);
    for (; buckets > 0 && keyspace->growing && !has_to_wait(keyspace); buckets--)
        move_home(keyspace);
    return keyspace->growing || (keyspace->survey.homes > 0 && keyspace->survey.pause == 0);
}

uint64_t keyspace_reached(const struct keyspace *keyspace)
{
    if (!keyspace->growing)
        return 0;
    const struct table *table = &keyspace->tables[keyspace->current];
    const struct table *next = &keyspace->tables[keyspace->current ^ 1];
    return (uint64_t)((unsigned __int128)table->left * next->homes / table->homes);
}

void keyspace_press(struct keyspace *keyspace, bool pressed)
{
    if (keyspace->pressed == pressed)
        return;
    keyspace->pressed = pressed;
    keyspace->survey.homes = 0; // it counts on another size
}

bool keyspace_needs_soon(struct keyspace *keyspace, void **address, size_t *bytes)
{
    if (!keyspace->growing || keyspace->waits)
        return false;
    const struct table *table = new_table(keyspace);
    uint64_t total = table->total * sizeof(struct bucket);
    uint64_t reached = keyspace_reached(keyspace) * sizeof(struct bucket);
    if (total < NEEDED_MIN)
        return false;
    // What is there already has its memory.
    if (keyspace->needed < reached)
        keyspace->needed = reached / NEEDED_BYTES * NEEDED_BYTES;
    if (keyspace->needed >= total || keyspace->needed > reached + NEEDED_AHEAD)
        return false;
    uint64_t rest = (total - keyspace->needed + ARENA_PAGE_BYTES - 1) / ARENA_PAGE_BYTES;
    *address = (uint8_t *)table->buckets + keyspace->needed;
    *bytes = rest * ARENA_PAGE_BYTES < NEEDED_BYTES ? rest * ARENA_PAGE_BYTES : NEEDED_BYTES;
    unsigned __int128 first = keyspace->needed / sizeof(struct bucket);
    keyspace->waits_at = (uint64_t)(first * old_table(keyspace)->homes / table->homes);
    keyspace->waits = true;
    keyspace->needed += *bytes;
    return true;
}

void keyspace_provided(struct keyspace *keyspace)
{
    assert(keyspace->waits);
    keyspace->waits = false;
}

bool keyspace_reclaim(struct keyspace *keyspace, void **address, size_t *bytes)
{
    return table_reclaim(old_table(keyspace), RECLAIM_BYTES, address, bytes) ||
           table_reclaim(new_table(keyspace), RECLAIM_BYTES, address, bytes);
}
