// Is what the server writes over, or gives up, still needed by some start?
#include "sim/spent.h"

#include "sim/disk_survey.h"
#include "sim/requests.h"
#include "sim/world.h"
#include "wal/names.h"

#include <string.h>

// Outside of starts only one in so many is looked at: reading a folder takes its time.
#define SPENT_SERVING 4

static bool spent_is_segment(const char *name)
{
    uint32_t slot;
    return wal_segment_name_parse(name, &slot);
}

// The header of a segment, not the zeros that a new file is filled with.
static bool spent_writes_header(const struct world *world, const struct request *request)
{
    return request->kind == REQUEST_WRITE && request->offset == 0 &&
           spent_is_segment(disk_name(world->disk, request->file)) &&
           !wal_block_is_zero(request->pieces[0].iov_base);
}

static bool spent_takes_away(const struct request *request)
{
    uint64_t number;
    return (request->kind == REQUEST_UNLINK || request->kind == REQUEST_RENAME) &&
           (spent_is_segment(request->name) || wal_checkpoint_name_parse(request->name, &number));
}

static bool spent_same(struct world *world, const struct survey *now,
                       const struct survey_without *without)
{
    struct survey then;
    survey_take_without(world->disk, without, &then);
    bool same = !then.base_lost && then.end == now->end && then.end_chain == now->end_chain;
    survey_free(&then);
    return same;
}

static void spent_check(struct world *world, const struct survey *now, const char *name)
{
    struct survey_without without = {.file = name};
    if (!spent_same(world, now, &without))
        world_fail(world, VERDICT_WRONG, "%s is used again or removed, and a start needs it", name);
    if (now->checkpoints_count == 0 || now->checkpoints[0].number <= now->checkpoint_witnessed)
        return;
    without.newest_checkpoint = true;
    if (!spent_same(world, now, &without))
        world_fail(world, VERDICT_WRONG,
                   "%s is used again or removed, and a start needs it should the checkpoint %llu, "
                   "which no completion record names, be damaged",
                   name, (unsigned long long)now->checkpoints[0].number);
}

void spent_look(struct world *world, const struct request *request)
{
    bool header = spent_writes_header(world, request);
    if ((!header && !spent_takes_away(request)) || world->lying ||
        (world->serving && random_below(&world->aside, SPENT_SERVING) != 0))
        return;
    struct survey now;
    survey_take(world->disk, NULL, &now);
    // Behind a header that is torn nothing could be told.
    if (header && now.has_instance && now.completions == 0)
        world_fail(world, VERDICT_WRONG, "a segment is begun, and no completion record is valid");
    if (now.base_lost && world->serving)
        world_fail(world, VERDICT_WRONG, "no start would find the checkpoint %llu any more",
                   (unsigned long long)now.base_lost_number);
    // Where damage has been done already, less can be asked.
    bool whole = now.has_instance && !now.base_lost && now.witnessed <= now.end;
    if (whole)
        spent_check(world, &now, header ? disk_name(world->disk, request->file) : request->name);
    survey_free(&now);
}
