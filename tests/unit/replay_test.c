// Replay of spools: values that are put together piece by piece become what a SET names them for.
#include "server/replay.h"
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define LENGTH 1000

struct bench {
    struct fixture fixture;
    struct replay replay;
    uint8_t value[LENGTH];
};

static void bench_create(struct bench *bench)
{
    bench->fixture = fixture_create(MIB(16), 0);
    replay_begin(&bench->replay, bench->fixture.keyspace);
    for (uint32_t i = 0; i < LENGTH; i++)
        bench->value[i] = (uint8_t)(i * 7 + i / 256);
}

static int begin(struct bench *bench, uint32_t spool, const char *key, uint32_t total)
{
    struct wal_record record = {.type = WAL_RECORD_SPOOL,
                                .keyspace = 1,
                                .key = (const uint8_t *)key,
                                .key_length = (uint32_t)strlen(key),
                                .total = total,
                                .spool = spool};
    return replay_record(&bench->replay, &record);
}

static int piece(struct bench *bench, uint32_t spool, uint32_t offset, uint32_t length)
{
    struct wal_record record = {.type = WAL_RECORD_SPOOL,
                                .data = bench->value + offset,
                                .length = length,
                                .offset = offset,
                                .total = LENGTH,
                                .spool = spool};
    return replay_record(&bench->replay, &record);
}

static int set(struct bench *bench, uint32_t spool, uint32_t keyspace, const char *key)
{
    struct wal_record record = {.type = WAL_RECORD_SET,
                                .keyspace = keyspace,
                                .key = (const uint8_t *)key,
                                .key_length = (uint32_t)strlen(key),
                                .total = LENGTH,
                                .spool = spool,
                                .expiry_ms = 77};
    return replay_record(&bench->replay, &record);
}

static bool has(struct bench *bench, const char *name)
{
    struct keyspace *keyspace = bench->fixture.keyspace;
    struct key key = keyspace_key(keyspace, 0, name, (uint32_t)strlen(name));
    const struct entry *entry = keyspace_find(keyspace, &key);
    return entry != NULL && entry_value_length(entry) == LENGTH && entry_expiry(entry) == 77 &&
           memcmp(entry_value(entry), bench->value, LENGTH) == 0;
}

static void fill(struct bench *bench, uint32_t spool, const char *key)
{
    cr_assert_eq(begin(bench, spool, key, LENGTH), 0);
    for (uint32_t at = 0; at < LENGTH; at += 300)
        cr_assert_eq(piece(bench, spool, at, LENGTH - at < 300 ? LENGTH - at : 300), 0);
}

Test(replay, spools_become_values)
{
    struct bench bench;
    bench_create(&bench);
    fill(&bench, 1, "a key");
    fill(&bench, WAL_SPOOLS_MAX, "other");
    cr_assert_eq(set(&bench, 1, 1, "a key"), 0);
    cr_assert_eq(set(&bench, WAL_SPOOLS_MAX, 1, "not so long a name"), 0);
    cr_assert(has(&bench, "a key") && has(&bench, "not so long a name"));
    fill(&bench, 1, "a key");
    cr_assert_eq(set(&bench, 1, 1, "a key"), 0);
    cr_assert(has(&bench, "a key"));
    cr_assert_eq(replay_end(&bench.replay), 0);
    fixture_destroy(&bench.fixture);
}

// Dropped, begun anew, for a keyspace that is gone, or left over: nothing of it stays.
Test(replay, spools_leave_nothing_behind)
{
    struct bench bench;
    bench_create(&bench);
    fill(&bench, 1, "a");
    cr_assert_eq(begin(&bench, 1, "", 0), 0); // dropped
    cr_assert_eq(begin(&bench, 5, "", 0), 0); // there is none
    cr_assert_eq(begin(&bench, 2, "b", LENGTH), 0);
    cr_assert_eq(piece(&bench, 2, 0, 10), 0);
    fill(&bench, 2, "b");
    fill(&bench, 3, "c");
    cr_assert_eq(set(&bench, 3, 99, "c"), 0);
    fill(&bench, 9, "d");
    cr_assert_eq(replay_end(&bench.replay), 1ULL << 1 | 1ULL << 8);
    cr_assert_eq(arena_used_bytes(bench.fixture.arena), 0);
    cr_assert_eq(keyspace_count(bench.fixture.keyspace, 0), 0);
    fixture_destroy(&bench.fixture);
}

Test(replay, spools_that_no_server_writes)
{
    struct bench bench;
    bench_create(&bench);
    cr_assert_eq(piece(&bench, 1, 0, 10), -EBADMSG);
    cr_assert_eq(set(&bench, 1, 1, "a"), -EBADMSG);
    cr_assert_eq(begin(&bench, 1, "a", LENGTH), 0);
    cr_assert_eq(piece(&bench, 1, 10, 10), -EBADMSG);
    cr_assert_eq(piece(&bench, 1, 0, 500), 0);
    cr_assert_eq(piece(&bench, 1, 0, 500), -EBADMSG);
    cr_assert_eq(set(&bench, 1, 1, "a"), -EBADMSG);
    cr_assert_eq(piece(&bench, 2, 500, 500), -EBADMSG);
    cr_assert_eq(begin(&bench, 3, "a", LENGTH + 1), 0);
    cr_assert_eq(piece(&bench, 3, 0, 500), -EBADMSG);
    (void)replay_end(&bench.replay);
    fixture_destroy(&bench.fixture);
}
