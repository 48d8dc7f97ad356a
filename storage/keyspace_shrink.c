// How far a table may shrink: what is left in it may lie close together.
#include "storage/keyspace_internal.h"

// A shrunk table has twice the slots that it needs, and at least an eighth of what it had: it
// would otherwise have to be left faster than keys can be added.
#define SHRINK_FACTOR_MAX 8
// Expired keys go in hash order, and so do keys that a client finds by SCAN and deletes: those that
// are left then fill a part of the table as before, and would fill its counterpart in a smaller one
// several times over. So all buckets are counted first, a few at a time, as if they moved. Only so
// many slots of a bucket count, because keys may be added meanwhile,
#define SURVEY_SLOTS 6
#define SURVEY_SLOTS_PRESSED 9
// and so many entries may find no place in their bucket and those before it.
#define SURVEY_CARRY_MAX (TABLE_SPARE / 4 * SURVEY_SLOTS)
// Where memory is short the table gets just larger than one in which keys are loaded.
#define PRESSED_LOAD_PERCENT 75
// When nothing smaller will do, the next survey comes after one call for so many homes.
#define PAUSE_PART 16

static uint64_t target(const struct keyspace *keyspace, uint64_t homes)
{
    uint64_t least = keyspace->entries * 2 / TABLE_SLOTS;
    if (keyspace->pressed)
        least = keyspace->entries * 100 / (TABLE_SLOTS * PRESSED_LOAD_PERCENT) + 1;
    return homes / SHRINK_FACTOR_MAX > least ? homes / SHRINK_FACTOR_MAX : least;
}

static void begin(const struct keyspace *keyspace, struct survey *survey, uint64_t smaller)
{
    *survey = (struct survey){
        .homes = keyspace->tables[keyspace->current].homes,
        .target = smaller,
        .slots = keyspace->pressed ? SURVEY_SLOTS_PRESSED : SURVEY_SLOTS,
    };
}

// Counts one bucket. False: the entries up to it would lie too far from their homes.
static bool count(struct survey *survey, const struct bucket *bucket)
{
    uint64_t to = (uint64_t)((unsigned __int128)survey->next * survey->target / survey->homes);
    uint64_t room = (to - survey->reached) * survey->slots;
    survey->carry = survey->carry > room ? survey->carry - room : 0;
    survey->reached = to;
    for (uint32_t mask = bucket_occupied(bucket); mask != 0; mask &= mask - 1)
        survey->carry++;
    survey->next++;
    return survey->carry <= SURVEY_CARRY_MAX;
}

static void give_up(struct keyspace *keyspace)
{
    keyspace->survey.pause = keyspace->survey.homes / PAUSE_PART;
    if (keyspace->pressed)
        keyspace->press_failed = keyspace->entries;
}

// It would be in vain while about the same entries are there.
static bool press_fails(const struct keyspace *keyspace)
{
    uint64_t failed = keyspace->press_failed;
    uint64_t entries = keyspace->entries;
    uint64_t apart = entries > failed ? entries - failed : failed - entries;
    return failed != 0 && apart < failed / PAUSE_PART;
}

uint64_t keyspace_shrink_to(struct keyspace *keyspace, uint32_t *buckets)
{
    struct survey *survey = &keyspace->survey;
    const struct table *table = &keyspace->tables[keyspace->current];
    uint64_t least = target(keyspace, table->homes);
    // However they lie.
    if (keyspace->entries <= SURVEY_CARRY_MAX)
        return least;
    if (survey->homes != table->homes)
        begin(keyspace, survey, least);
    if (survey->pause > 0) {
        if (--survey->pause == 0)
            begin(keyspace, survey, least);
        return 0;
    }
    for (; survey->next < survey->homes; --*buckets) {
        if (*buckets == 0)
            return 0;
        if (count(survey, &table->buckets[survey->next]))
            continue;
        if (survey->target <= survey->homes / 4)
            begin(keyspace, survey, survey->target * 2);
        else
            give_up(keyspace);
        return 0;
    }
    uint64_t found = survey->target;
    survey->homes = 0;
    // Many have been added since it was begun.
    return found >= least ? found : 0;
}

uint64_t keyspace_spare_bytes(const struct keyspace *keyspace)
{
    const struct table *table = &keyspace->tables[keyspace->current];
    const struct table *other = &keyspace->tables[keyspace->current ^ 1];
    uint64_t stale = table_stale_bytes(table) + table_stale_bytes(other);
    uint64_t now = keyspace_table_bytes(keyspace) - stale;
    uint64_t after = now;
    if (keyspace->growing)
        after = other->total * sizeof(struct bucket);
    else if (keyspace_may_shrink(keyspace, true) && !press_fails(keyspace))
        after = (keyspace->entries * 100 / (TABLE_SLOTS * PRESSED_LOAD_PERCENT) + TABLE_SPARE) *
                sizeof(struct bucket);
    return stale + (now > after ? now - after : 0);
}
