// Names of segment files: every slot has one, and nothing else is taken for one.
#include "wal/names.h"

#include "conf/limits.h"

#include <criterion/criterion.h>
#include <string.h>

Test(wal_names, every_slot_has_its_own)
{
    char name[WAL_SEGMENT_NAME_BYTES];
    for (uint32_t slot = 0; slot < WAL_SEGMENTS_MAX; slot++) {
        uint32_t found = UINT32_MAX;
        wal_segment_name(name, slot);
        cr_assert(wal_segment_name_parse(name, &found));
        cr_assert_eq(found, slot);
    }
    wal_segment_name(name, 42);
    cr_assert_str_eq(name, "intent.00042");
}

Test(wal_names, others_are_refused)
{
    static const char *const others[] = {
        "",
        "intent.",
        "intent.0001",
        "intent.000001",
        "intent.65536",
        "intent.-001",
        "intent.+0001",
        "intent. 0001",
        "Intent.00001",
        "intent.0000x",
        "intent_00001",
        "intent.00001 ",
        "xintent.00001",
        "completion",
        "intent.99999",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        uint32_t slot = 7;
        cr_assert_not(wal_segment_name_parse(others[i], &slot), "%s", others[i]);
        cr_assert_eq(slot, 7);
    }
}
