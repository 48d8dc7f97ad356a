// The state that a data folder holds, read into memory.
#include "server/wal_tool_state.h"

#include "server/memory.h"
#include "storage/allocator.h"
#include "storage/arena.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

// The machine's memory bounds what is used, and address space costs nothing. Beyond it an arena
// cannot address.
#define ARENA_BYTES_MAX GIB(4096)
#define GROW_BUCKETS 65536
// Of the static region, for alignment.
#define STATIC_EXTRA_BYTES KIB(64)

enum state_region { REGION_STATIC, REGION_ARENA, REGION_TABLE_0, REGION_TABLE_1 };

static int state_create(struct state *state)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return -EIO;
    uint64_t arena_bytes = memory_machine_bytes() * 2 + GIB(1);
    if (arena_bytes > ARENA_BYTES_MAX)
        arena_bytes = ARENA_BYTES_MAX;
    arena_bytes -= arena_bytes % ARENA_PAGE_BYTES;
    state->bytes[REGION_STATIC] = allocator_overhead() + arena_overhead(arena_bytes) +
                                  keyspace_overhead() + STATIC_EXTRA_BYTES;
    state->bytes[REGION_ARENA] = arena_bytes;
    state->bytes[REGION_TABLE_0] = keyspace_region_bytes(arena_bytes);
    state->bytes[REGION_TABLE_1] = state->bytes[REGION_TABLE_0];
    for (uint32_t i = 0; i < STATE_REGIONS; i++) {
        state->bytes[i] = (state->bytes[i] + ARENA_PAGE_BYTES - 1) & ~(ARENA_PAGE_BYTES - 1);
        state->regions[i] = memory_reserve(state->bytes[i]);
        if (state->regions[i] == NULL)
            return -ENOMEM;
    }
    struct allocator *allocator =
        allocator_create(state->regions[REGION_STATIC], state->bytes[REGION_STATIC]);
    struct arena *arena = arena_create(allocator, state->regions[REGION_ARENA], arena_bytes);
    void *const tables[2] = {state->regions[REGION_TABLE_0], state->regions[REGION_TABLE_1]};
    state->keyspace = keyspace_create(allocator, arena, tables, state->bytes[REGION_TABLE_0], seed);
    assert(state->keyspace != NULL);
    return 0;
}

static int state_apply(void *context, const struct wal_record *record)
{
    struct state *state = context;
    return replay_record(&state->replay, record);
}

static int state_replay(struct state *state, struct folder *folder)
{
    replay_begin(&state->replay, state->keyspace);
    int result = folder_replay(folder, state_apply, state, &state->result);
    (void)replay_end(&state->replay);
    return result;
}

int state_read(struct state *state, struct folder *folder)
{
    *state = (struct state){.keyspace = NULL};
    int result = state_create(state);
    if (result == 0)
        result = state_replay(state, folder);
    if (result < 0)
        return result;
    // A walk over a table that is growing may meet a key twice.
    while (keyspace_grow(state->keyspace, GROW_BUCKETS))
        ;
    return 0;
}

void state_destroy(struct state *state)
{
    for (uint32_t i = 0; i < STATE_REGIONS; i++) {
        if (state->regions[i] != NULL)
            memory_unreserve(state->regions[i], state->bytes[i]);
    }
    *state = (struct state){.keyspace = NULL};
}
