// Time and entropy of the virtual world: the seam of server/clock.h, and what the machine is like.
#include "server/clock.h"

#include "server/checkpoint_internal.h"
#include "server/memory.h"
#include "server/server.h"
#include "sim/world.h"
#include "storage/arena.h"
#include "storage/keyspace.h"

// What the server's reading of the clock costs.
#define CLOCK_READ_NS 40

int64_t clock_monotonic_ns(void)
{
    struct world *world = world_current();
    world->now_ns += CLOCK_READ_NS;
    return world->now_ns;
}

int64_t clock_wall_us(void)
{
    const struct world *world = world_current();
    return world->now_ns / 1000 + world->wall_us;
}

void clock_cpu_us(int64_t *user, int64_t *system)
{
    *user = world_current()->now_ns / 2000;
    *system = *user;
}

int64_t clock_thread_cpu_ns(void)
{
    return world_current()->now_ns;
}

void clock_entropy(void *bytes, size_t length)
{
    random_fill(&world_current()->entropy, bytes, length);
}

// --- work ------------------------------------------------------------------------------------

bool __real_checkpoint_walk(struct server *server, int64_t until_ns);
bool __wrap_checkpoint_walk(struct server *server, int64_t until_ns);

// No time passes while the server computes: a checkpoint would be made in one go. So it often finds
// that its time is over; between the pieces of a value even before it has begun.
bool __wrap_checkpoint_walk(struct server *server, int64_t until_ns)
{
    struct world *world = world_current();
    const struct checkpoint *checkpoint = server->checkpoint;
    bool hurries = random_below(&world->timing, 8) == 0;
    bool within = checkpoint->value_done > 0 && checkpoint->value_done < checkpoint->value_length;
    if (within && world->plan.scenario->checkpoints && random_below(&world->aside, 8) != 0)
        return false;
    return __real_checkpoint_walk(server, hurries ? until_ns : INT64_MIN);
}

uint64_t __real_arena_loose_bytes(const struct arena *arena);
uint64_t __wrap_arena_loose_bytes(const struct arena *arena);

// There is so little data that moving it together would never be worthwhile: in half of the runs it is
// taken for more.
uint64_t __wrap_arena_loose_bytes(const struct arena *arena)
{
    uint64_t loose = __real_arena_loose_bytes(arena);
    return world_current()->plan.seed % 2 == 0 ? loose * 1024 : loose;
}

uint64_t __real_arena_scattered_bytes(const struct arena *arena);
uint64_t __wrap_arena_scattered_bytes(const struct arena *arena);

// Likewise: in another half of the runs.
uint64_t __wrap_arena_scattered_bytes(const struct arena *arena)
{
    uint64_t scattered = __real_arena_scattered_bytes(arena);
    return world_current()->plan.seed / 2 % 2 == 0 ? scattered * 1024 : scattered;
}

enum keyspace_defrag __real_keyspace_slide(struct keyspace *keyspace, uint32_t runs, size_t most,
                                           uint32_t *moved);
enum keyspace_defrag __wrap_keyspace_slide(struct keyspace *keyspace, uint32_t runs, size_t most,
                                           uint32_t *moved);

// No time passes meanwhile: a large value would be moved in one go. So much happens between its pieces.
enum keyspace_defrag __wrap_keyspace_slide(struct keyspace *keyspace, uint32_t runs, size_t most,
                                           uint32_t *moved)
{
    *moved = 0;
    if (keyspace_slide_bytes(keyspace) > 0 && random_below(&world_current()->aside, 32) != 0)
        return KEYSPACE_DEFRAG_PART;
    return __real_keyspace_slide(keyspace, runs, most, moved);
}

// --- the machine -----------------------------------------------------------------------------

uint64_t __wrap_memory_machine_bytes(void);
uint64_t __wrap_memory_resident_bytes(void);

// Small, and the same everywhere.
uint64_t __wrap_memory_machine_bytes(void)
{
    return MIB(256);
}

uint64_t __wrap_memory_resident_bytes(void)
{
    return MIB(16);
}
