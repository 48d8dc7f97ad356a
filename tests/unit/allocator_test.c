// The static allocator: its states, its alignment, its end.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>

static _Alignas(4096) uint8_t region[16384];

Test(allocator, aligns_and_ends)
{
    struct allocator *allocator = allocator_create(region + 64, sizeof(region) - 64);
    cr_assert_eq(allocator_state(allocator), ALLOCATOR_INIT);
    cr_assert_eq(allocator_used_bytes(allocator), allocator_overhead());
    uint8_t *a = allocator_take(allocator, 10, 1);
    uint8_t *b = allocator_take(allocator, 10, 64);
    uint8_t *c = allocator_take(allocator, 0, 4096);
    cr_assert_geq(a, region + 64 + allocator_overhead());
    cr_assert_geq(b, a + 10);
    cr_assert_eq((uintptr_t)b % 64, 0);
    cr_assert_eq((uintptr_t)c % 4096, 0); // by address, though the region is aligned less
    size_t used = allocator_used_bytes(allocator);
    size_t rest = sizeof(region) - 64 - used;
    cr_assert_null(allocator_take(allocator, rest + 1, 1));
    cr_assert_null(allocator_take(allocator, SIZE_MAX, 8));
    cr_assert_eq(allocator_used_bytes(allocator), used);
    cr_assert_not_null(allocator_take(allocator, rest, 1));
    cr_assert_null(allocator_take(allocator, 1, 1));
}

Test(allocator, passes_through_its_states)
{
    struct allocator *allocator = allocator_create(region, sizeof(region));
    allocator_seal(allocator);
    cr_assert_eq(allocator_state(allocator), ALLOCATOR_STATIC);
    allocator_deinit(allocator);
    cr_assert_eq(allocator_state(allocator), ALLOCATOR_DEINIT);
}

Test(allocator, may_be_given_up_while_starting)
{
    struct allocator *allocator = allocator_create(region, sizeof(region));
    allocator_deinit(allocator);
    cr_assert_eq(allocator_state(allocator), ALLOCATOR_DEINIT);
}

Test(allocator, refuses_when_sealed, .signal = SIGABRT)
{
    struct allocator *allocator = allocator_create(region, sizeof(region));
    allocator_seal(allocator);
    allocator_take(allocator, 1, 1);
}

Test(allocator, refuses_when_shutting_down, .signal = SIGABRT)
{
    struct allocator *allocator = allocator_create(region, sizeof(region));
    allocator_deinit(allocator);
    allocator_take(allocator, 1, 1);
}

Test(allocator, is_sealed_once, .signal = SIGABRT)
{
    struct allocator *allocator = allocator_create(region, sizeof(region));
    allocator_seal(allocator);
    allocator_seal(allocator);
}
