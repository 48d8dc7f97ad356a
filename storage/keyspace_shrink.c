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
// and so many entries may find no place in their bucket and those before it.
#define SURVEY_CARRY_MAX (TABLE_SPARE / 4 * SURVEY_SLOTS)
// When nothing smaller will do, the next survey comes after one call for so many homes.
#define PAUSE_PART 16

static uint64_t target(const struct keyspace *keyspace, uint64_t homes)
{
    uint64_t least = keyspace->entries * 2 / TABLE_SLOTS;
    return homes / SHRINK_FACTOR_MAX > least ? homes / SHRINK_FACTOR_MAX : least;
}

static void begin(struct survey *survey, uint64_t homes, uint64_t smaller)
{
    *survey = (struct survey){.homes = homes, .target = smaller};
}

// Counts one bucket. False: the entries up to it would lie too far from their homes.
static bool count(struct survey *survey, const struct bucket *bucket)
{
    uint64_t to = (uint64_t)((unsigned __int128)survey->next * survey->target / survey->homes);
    uint64_t room = (to - survey->reached) * SURVEY_SLOTS;
    survey->carry = survey->carry > room ? survey->carry - room : 0;
    survey->reached = to;
    for (uint32_t mask = bucket_occupied(bucket); mask != 0; mask &= mask - 1)
        survey->carry++;
    survey->next++;
    return survey->carry <= SURVEY_CARRY_MAX;
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
        begin(survey, table->homes, least);
    if (survey->pause > 0) {
        if (--survey->pause == 0)
            begin(survey, table->homes, least);
        return 0;
    }
    for (; survey->next < survey->homes; --*buckets) {
        if (*buckets == 0)
            return 0;
        if (count(survey, &table->buckets[survey->next]))
            continue;
        if (survey->target <= survey->homes / 4)
            begin(survey, survey->homes, survey->target * 2);
        else
            survey->pause = survey->homes / PAUSE_PART;
        return 0;
    }
    uint64_t found = survey->target;
    survey->homes = 0;
    // Many have been added since it was begun.
    return found >= least ? found : 0;
}
