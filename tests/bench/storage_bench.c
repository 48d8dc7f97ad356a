// Measures the keyspace alone: nanoseconds per operation with staged prefetching, bytes per key.
// Usage: storage_bench [keys] [value bytes]
#include "tests/unit/storage_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUN 32
#define KEY_BYTES 16

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long total = 0;
    unsigned long resident = 0;
    if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2)
        abort();
    fclose(file);
    return resident * 4096;
}

// Key i in an order that has nothing to do with memory: 16 hexadecimal digits.
static void make_key(uint8_t *key, uint64_t i)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t mixed = i * 0x9E3779B97F4A7C15ULL;
    for (int d = 0; d < KEY_BYTES; d++)
        key[d] = (uint8_t)digits[(mixed >> (4 * d)) & 15];
}

enum operation { SET, GET, DELETE, MISS };

// Runs `count` operations on random keys below `keys` (or on all in order), RUN at a time.
static double measure(struct fixture *f, enum operation operation, uint64_t keys, uint64_t count,
                      bool in_order, uint32_t value_bytes)
{
    static uint8_t names[RUN][KEY_BYTES];
    static uint8_t value[65536];
    struct key prepared[RUN];
    uint64_t random = 88172645463325252ULL;
    uint64_t found = 0;
    double start = now_s();
    for (uint64_t done = 0; done < count; done += RUN) {
        for (int i = 0; i < RUN; i++) {
            uint64_t n = in_order ? done + (uint64_t)i : fixture_random(&random) % keys;
            make_key(names[i], operation == MISS ? n + keys : n);
            prepared[i] = keyspace_key(f->keyspace, 0, names[i], KEY_BYTES);
            keyspace_prefetch_bucket(f->keyspace, &prepared[i]);
        }
        for (int i = 0; i < RUN; i++)
            keyspace_prefetch_entry(f->keyspace, &prepared[i]);
        for (int i = 0; i < RUN; i++) {
            if (operation == SET) {
                found += keyspace_set(f->keyspace, &prepared[i], value, value_bytes, 0) != NULL;
            } else if (operation == DELETE) {
                found += keyspace_delete(f->keyspace, &prepared[i]);
            } else {
                const struct entry *entry = keyspace_find(f->keyspace, &prepared[i]);
                if (entry != NULL)
                    memcpy(value, entry_value(entry), value_bytes);
                found += entry != NULL;
            }
        }
    }
    double ns = (now_s() - start) * 1e9 / (double)count;
    if (found != (operation == MISS ? 0 : count))
        printf("unexpected: %llu of %llu\n", (unsigned long long)found, (unsigned long long)count);
    return ns;
}

static void count_visit(void *context, struct entry *entry)
{
    *(uint64_t *)context += entry_value(entry)[0] + 1U;
}

static void return_memory(struct fixture *f)
{
    void *address;
    size_t bytes;
    while (keyspace_reclaim(f->keyspace, &address, &bytes) ||
           arena_reclaim(f->arena, &address, &bytes))
        if (madvise(address, bytes, MADV_DONTNEED) != 0)
            abort();
}

static enum keyspace_verdict keep(void *context, const struct entry *entry, const struct key *key)
{
    (void)context, (void)entry, (void)key;
    return KEYSPACE_KEEP;
}

static void report_memory(struct fixture *f, size_t before, uint64_t keys, uint32_t value_bytes)
{
    struct keyspace_stats stats;
    while (keyspace_grow(f->keyspace, 1000))
        ;
    return_memory(f);
    keyspace_stats(f->keyspace, &stats);
    printf("load %.3f, table bytes/key %.2f, arena bytes/key %.2f, spans bytes/key %.2f\n",
           (double)stats.entries / (double)(stats.buckets * 10),
           (double)keyspace_table_bytes(f->keyspace) / (double)keys,
           (double)arena_used_bytes(f->arena) / (double)keys,
           (double)arena_span_bytes(f->arena) / (double)keys);
    printf("RSS bytes/key beyond key and value: %.2f\n",
           (double)(resident_bytes() - before) / (double)keys - KEY_BYTES - value_bytes);
}

int main(int argc, char **argv)
{
    uint64_t keys = (argc > 1 ? strtoull(argv[1], NULL, 10) : 5000000) / RUN * RUN;
    uint32_t value_bytes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 64;
    size_t before = resident_bytes();
    struct fixture f = fixture_create(GIB(8), 0);
    printf("%llu keys of %d bytes, values of %u\n", (unsigned long long)keys, KEY_BYTES,
           value_bytes);
    printf("insert (table grows)  %6.1f ns\n", measure(&f, SET, keys, keys, true, value_bytes));
    report_memory(&f, before, keys, value_bytes);
    printf("get                   %6.1f ns\n", measure(&f, GET, keys, keys, false, value_bytes));
    printf("miss                  %6.1f ns\n", measure(&f, MISS, keys, keys, false, value_bytes));
    printf("set, same length      %6.1f ns\n", measure(&f, SET, keys, keys, false, value_bytes));
    uint64_t sum = 0;
    double start = now_s();
    for (uint64_t cursor = keyspace_scan(f.keyspace, 0, count_visit, &sum); cursor != 0;)
        cursor = keyspace_scan(f.keyspace, cursor, count_visit, &sum);
    printf("scan                  %6.1f ns a key\n", (now_s() - start) * 1e9 / (double)keys);
    struct keyspace_stats stats;
    keyspace_stats(f.keyspace, &stats);
    start = now_s();
    keyspace_sweep(f.keyspace, 0, (uint32_t)stats.buckets, keep, NULL);
    printf("sweep, nothing to do  %6.1f ns a bucket\n",
           (now_s() - start) * 1e9 / (double)stats.buckets);
    printf("delete                %6.1f ns\n", measure(&f, DELETE, keys, keys, true, value_bytes));
    report_memory(&f, before, keys, value_bytes);
    keyspace_expect(f.keyspace, keys);
    printf("insert (expected)     %6.1f ns\n", measure(&f, SET, keys, keys, true, value_bytes));
    report_memory(&f, before, keys, value_bytes);
    fixture_destroy(&f);
    return 0;
}
