// How long ago keys were used: the clock's steps, its wrap, and keys that nobody uses for weeks.
#include "tests/unit/storage_fixture.h"

#include "server/idle.h"
#include "server/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000LL
#define MOST (IDLE_STEPS_MAX * (int64_t)IDLE_STEP_S)

static struct fixture fixture;
static struct server *server;

static void begin(void)
{
    fixture = fixture_create(MIB(64), 0);
    server = calloc(1, sizeof(*server));
    server->keyspace = fixture.keyspace;
    server->started_ns = 77 * SECOND_NS;
    server->now_ns = server->started_ns;
    idle_policy(server);
}

static void end(void)
{
    free(server);
    fixture_destroy(&fixture);
}

TestSuite(idle, .init = begin, .fini = end);

static struct entry *set(uint32_t i)
{
    char name[16];
    struct key key = keyspace_key(fixture.keyspace, 0, name, (uint32_t)sprintf(name, "key:%u", i));
    struct entry *entry = keyspace_set(fixture.keyspace, &key, "v", 1, 0);
    cr_assert_not_null(entry);
    return entry;
}

static void pass(int64_t seconds)
{
    server->now_ns += seconds * SECOND_NS;
    idle_housekeeping(server);
}

Test(idle, steps)
{
    struct entry *entry = set(0);
    // What was recovered counts as used at the start.
    cr_assert_eq(entry->idle, 0);
    cr_assert_eq(idle_seconds(server, entry), 0);
    pass(9);
    cr_assert_eq(idle_seconds(server, entry), 0);
    pass(1);
    cr_assert_eq(idle_seconds(server, entry), 10);
    pass(1000);
    cr_assert_eq(idle_seconds(server, entry), 1010);
    entry_touch(entry, server->idle.clock);
    cr_assert_eq(idle_seconds(server, entry), 0);
    idle_set(server, entry, 12345);
    cr_assert_eq(idle_seconds(server, entry), 12340);
    idle_set(server, entry, INT64_MAX);
    cr_assert_eq(idle_seconds(server, entry), MOST);
}

// A month, in which the clock wraps several times: who is not used stays unused, in a table that
// the round has to go over in many steps.
Test(idle, a_month)
{
    enum { KEYS = 20000 };
    static struct entry *entries[KEYS];
    for (uint32_t i = 0; i < KEYS; i++)
        entries[i] = set(i);
    while (keyspace_grow(fixture.keyspace, UINT32_MAX))
        ;
    int64_t day = 86400;
    for (int64_t second = 0; second < 30 * day; second += 5) {
        pass(5);
        entry_touch(entries[1], server->idle.clock);
        if (second % 3600 != 0)
            continue;
        int64_t expected = second + 5 < MOST ? (second + 5) / 10 * 10 : MOST;
        for (uint32_t i = 0; i < KEYS; i += 997) {
            int64_t idle = idle_seconds(server, entries[i]);
            // Between two rounds it may count a little further.
            cr_assert_geq(idle, expected, "%lld s", (long long)second);
            cr_assert_leq(idle, expected + 5 * 3600);
        }
        cr_assert_eq(idle_seconds(server, entries[1]), 0);
    }
}
