// What the tests of storage/ share: reserved memory, an arena and a keyspace in it.
#ifndef PORO_TESTS_STORAGE_FIXTURE_H
#define PORO_TESTS_STORAGE_FIXTURE_H

#include "storage/allocator.h"
#include "storage/arena.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>

struct fixture {
    void *static_region;
    size_t static_bytes;
    void *data_region;
    size_t data_bytes;
    void *table_regions[2];
    size_t table_bytes;
    struct allocator *allocator;
    struct arena *arena;
    struct keyspace *keyspace;
};

static inline void *fixture_reserve(size_t bytes)
{
    void *region = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(region != MAP_FAILED && (uintptr_t)region % 4096 == 0);
    return region;
}

// Aligned to an arena page; the few bytes before it are lost.
static inline void *fixture_reserve_pages(size_t bytes)
{
    uintptr_t region = (uintptr_t)fixture_reserve(bytes + ARENA_PAGE_BYTES);
    return (void *)((region + ARENA_PAGE_BYTES - 1) / ARENA_PAGE_BYTES * ARENA_PAGE_BYTES);
}

// An arena of `data_bytes` and a keyspace with tables of at most `table_bytes` (0: as needed).
static inline struct fixture fixture_create(size_t data_bytes, size_t table_bytes)
{
    struct fixture f = {.data_bytes = data_bytes};
    f.table_bytes = table_bytes != 0 ? table_bytes : keyspace_region_bytes(data_bytes);
    f.static_bytes = allocator_overhead() + arena_overhead(data_bytes) + keyspace_overhead();
    f.static_region = fixture_reserve(f.static_bytes);
    f.data_region = fixture_reserve_pages(data_bytes);
    for (int i = 0; i < 2; i++)
        f.table_regions[i] = fixture_reserve_pages(f.table_bytes);
    f.allocator = allocator_create(f.static_region, f.static_bytes);
    f.arena = arena_create(f.allocator, f.data_region, data_bytes);
    assert(f.arena != NULL);
    f.keyspace = keyspace_create(f.allocator, f.arena, f.table_regions, f.table_bytes, 12345);
    assert(f.keyspace != NULL);
    allocator_seal(f.allocator);
    return f;
}

static inline void fixture_destroy(struct fixture *f)
{
    allocator_deinit(f->allocator);
    munmap(f->static_region, f->static_bytes);
    munmap(f->data_region, f->data_bytes);
    munmap(f->table_regions[0], f->table_bytes);
    munmap(f->table_regions[1], f->table_bytes);
}

// xorshift64* (Vigna, 2016); *state != 0.
static inline uint64_t fixture_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DULL;
}

#endif
