// What recovery owes after a damage: judged by the chain and the witnesses before and after it.
#include "sim/disk_damage_internal.h"

#include "wal/names.h"

#include <assert.h>
#include <string.h>

static void judge(struct damage_work *work, enum fault_class expected)
{
    work->damage->expected = expected;
    if (expected != FAULT_REFUSE)
        work->damage->file[0] = '\0';
}

// Is the file that was hit the only one whose header is damaged or belongs elsewhere?
static bool judge_only_header(const struct damage_work *work)
{
    char name[WAL_SEGMENT_NAME_BYTES];
    uint32_t count = 0;
    bool hit = false;
    for (uint32_t i = 0; i < work->after.segments_count; i++) {
        const struct survey_segment *segment = &work->after.segments[i];
        if (segment->kind != SURVEY_BROKEN && segment->kind != SURVEY_MISPLACED &&
            !segment->duplicate)
            continue;
        wal_segment_name(name, segment->slot);
        hit = hit || strcmp(name, work->damage->file) == 0;
        count++;
    }
    return hit && count == 1;
}

// The message must name the file that was hit when the chain ends right there, when its header is
// what is wrong, or when a read of it has failed. When a whole segment is gone, it may name the one
// before it; when one is old, it may say that files of different times are mixed.
static bool judge_names(const struct damage_work *work)
{
    const struct survey_segment *last = NULL;
    for (uint32_t i = 0; i < work->after.segments_count; i++) {
        const struct survey_segment *segment = &work->after.segments[i];
        if (segment->reached && (last == NULL || segment->number > last->number))
            last = segment;
    }
    if (work->damage->kind == FAULT_UNREADABLE || work->damage->kind == FAULT_UNREADABLE_CHECKPOINT)
        return true;
    if (work->damage->kind == FAULT_STALE_SEGMENT || work->damage->kind == FAULT_STALE_SEGMENTS)
        return false;
    if (judge_only_header(work))
        return true;
    char name[WAL_SEGMENT_NAME_BYTES];
    if (last == NULL)
        return false;
    wal_segment_name(name, last->slot);
    return strcmp(name, work->damage->file) == 0 && work->after.walked_to < last->limit;
}

// A log that contradicts itself already (a disk has lied) proves nothing about what comes next.
static bool judge_agrees(const struct survey *survey)
{
    for (uint32_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        const struct wal_completion_block *record = &survey->completion[i].record;
        if (survey->completion[i].valid && survey_has(survey, record->durable) &&
            record->chain != survey_chain_at(survey, record->durable))
            return false;
    }
    if (survey->base < 0)
        return true;
    const struct wal_checkpoint_end *end = &survey->checkpoints[survey->base].end;
    return !survey_has(survey, end->durable) || end->chain == survey_chain_at(survey, end->durable);
}

// A completion record names a segment that was durable, and neither it nor a newer one is there.
static bool judge_segment_missing(const struct survey *survey)
{
    uint64_t witnessed = 0;
    uint64_t found = 0;
    for (uint32_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        const struct survey_completion *completion = &survey->completion[i];
        if (completion->valid && completion->record.segment > witnessed)
            witnessed = completion->record.segment;
    }
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        const struct survey_segment *segment = &survey->segments[i];
        if (segment->kind == SURVEY_VALID && !segment->duplicate && segment->number > found)
            found = segment->number;
    }
    return found < witnessed;
}

static bool judge_any_unreadable(const struct survey *survey, bool segments)
{
    for (uint32_t i = 0; i < survey->segments_count && segments; i++) {
        if (survey->segments[i].unreadable)
            return true;
    }
    for (uint32_t i = 0; i < WAL_COMPLETION_BLOCKS && !segments; i++) {
        if (survey->completion[i].unreadable)
            return true;
    }
    return false;
}

// --- something behind the end --------------------------------------------------------------------

enum follow { FOLLOW_NOTHING, FOLLOW_PERHAPS, FOLLOW_SOMETHING };

// Does something in this segment follow the end of the chain? Remains in a superseded one do not.
// Perhaps: it belongs to another file, or the chain has gone on elsewhere.
static enum follow follow_segment(const struct survey *survey, const struct survey_segment *segment)
{
    bool whole = segment->size == survey->identity.segment_bytes;
    bool any = segment->follows || segment->remains;
    switch (segment->kind) {
    case SURVEY_EMPTY:
        return FOLLOW_NOTHING;
    case SURVEY_ZERO:
        return any ? FOLLOW_SOMETHING : FOLLOW_NOTHING;
    case SURVEY_BROKEN:
        return FOLLOW_SOMETHING;
    case SURVEY_MISPLACED:
        return FOLLOW_PERHAPS;
    case SURVEY_VALID:
        break;
    }
    if (segment->duplicate)
        return FOLLOW_SOMETHING;
    if (segment->old)
        return FOLLOW_NOTHING;
    if (segment->first >= segment->limit)
        return segment->follows ? FOLLOW_SOMETHING : FOLLOW_NOTHING;
    if (segment->reached && segment->limit != UINT64_MAX)
        return segment->follows ? FOLLOW_PERHAPS : FOLLOW_NOTHING;
    return any || !segment->reached || !whole ? FOLLOW_SOMETHING : FOLLOW_NOTHING;
}

static enum follow judge_follow(const struct survey *survey)
{
    // Frames of a batch that is not whole.
    enum follow follow = survey->walked_to > survey->end + 1 ? FOLLOW_SOMETHING : FOLLOW_NOTHING;
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        enum follow one = follow_segment(survey, &survey->segments[i]);
        if (one > follow)
            follow = one;
    }
    return follow;
}

// Nothing of the chain is lost, but no completion record is left either: whether that is all can be
// told only when nothing at all follows.
static void judge_unwitnessed(struct damage_work *work)
{
    switch (judge_follow(&work->after)) {
    case FOLLOW_NOTHING:
        judge(work, FAULT_SURVIVE);
        return;
    case FOLLOW_PERHAPS:
        judge(work, FAULT_BEYOND);
        return;
    case FOLLOW_SOMETHING:
        judge(work, FAULT_REFUSE);
        strcpy(work->damage->file, WAL_NAME_COMPLETION);
        return;
    }
}

// --- the identity --------------------------------------------------------------------------------

static void judge_identity(struct damage_work *work)
{
    const struct survey *after = &work->after;
    bool there = disk_find(work->disk, WAL_NAME_INSTANCE) != NULL;
    if (there || after->started)
        judge(work, FAULT_REFUSE);
    else // nothing has ever been written: the folder counts as new
        judge(work, work->before.end == 0 ? FAULT_SURVIVE : FAULT_BEYOND);
    if (work->damage->expected == FAULT_REFUSE)
        strcpy(work->damage->file, WAL_NAME_INSTANCE);
}

// --- the chain -----------------------------------------------------------------------------------

// The first sequence where the chain says something else now, or something where it ended before. A
// frame that was written again elsewhere, after a failure, says the same.
static uint64_t judge_fork(const struct survey *before, const struct survey *after)
{
    // What lies before the later one of the checkpoints is in it.
    uint64_t sequence = before->first > after->first ? before->first : after->first;
    while (sequence < after->first + after->chain_count &&
           sequence < before->first + before->chain_count) {
        const struct survey_frame *old = &before->frames[before->chain[sequence - before->first]];
        const struct survey_frame *new = &after->frames[after->chain[sequence - after->first]];
        if (old->content != new->content || old->commit != new->commit)
            break;
        sequence++;
    }
    return sequence < after->first + after->chain_count ? sequence : UINT64_MAX;
}

static bool judge_had_frame(const struct survey *before, const struct survey_frame *frame)
{
    for (uint32_t i = 0; i < before->frames_count; i++) {
        if (before->frames[i].checksum == frame->checksum)
            return true;
    }
    return false;
}

// D from those witnesses that were there before: what an old copy has brought back may witness
// something that has been given up since.
static uint64_t judge_witnessed(const struct survey *before, const struct survey *after)
{
    uint64_t durable = 0;
    for (uint32_t i = 0; i < after->frames_count; i++) {
        const struct survey_frame *frame = &after->frames[i];
        if (frame->durable > durable && survey_counts(after, frame) &&
            judge_had_frame(before, frame))
            durable = frame->durable;
    }
    for (uint32_t i = 0; i < after->segments_count; i++) {
        const struct survey_segment *segment = &after->segments[i];
        for (uint32_t j = 0; j < before->segments_count; j++) {
            const struct survey_segment *old = &before->segments[j];
            if (old->number == segment->number && old->chain == segment->chain &&
                old->durable == segment->durable && segment->durable > durable)
                durable = segment->durable;
        }
    }
    for (uint32_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        const struct survey_completion *completion = &after->completion[i];
        if (completion->valid && before->completion[i].valid &&
            completion->record.checksum == before->completion[i].record.checksum &&
            completion->record.durable > durable)
            durable = completion->record.durable;
    }
    for (uint32_t i = 0; i < before->checkpoints_count && after->base >= 0; i++) {
        const struct survey_checkpoint *checkpoint = &after->checkpoints[after->base];
        if (checkpoint->number == before->checkpoints[i].number &&
            checkpoint->checksum == before->checkpoints[i].checksum &&
            checkpoint->end.durable > durable)
            durable = checkpoint->end.durable;
    }
    return durable;
}

// The chain is whole: the same frames as before.
static void judge_whole(struct damage_work *work)
{
    const struct survey *after = &work->after;
    bool witness = after->completions > 0;
    if (judge_any_unreadable(after, true) || (!witness && judge_any_unreadable(after, false)))
        judge(work, FAULT_BEYOND);
    else if (witness)
        judge(work, FAULT_SURVIVE);
    else
        judge_unwitnessed(work);
}

// The chain ends earlier, and no witness that is left knows of more.
static void judge_shorter(struct damage_work *work)
{
    const struct survey *after = &work->after;
    bool completion_whole = work->before.completion_witnessed <= after->end;
    if (after->completions > 0 && completion_whole && !judge_any_unreadable(after, true))
        judge(work, FAULT_UNDECIDABLE);
    else
        judge(work, FAULT_BEYOND);
}

// The checkpoint that everything rests on is damaged or gone: the message has to name it.
static void judge_checkpoint(struct damage_work *work)
{
    char name[WAL_CHECKPOINT_NAME_BYTES];
    judge(work, FAULT_REFUSE);
    wal_checkpoint_name(name, work->after.base_lost_number);
    snprintf(work->damage->file, sizeof(work->damage->file), "%s", name);
}

// False when frames that were cut once are back, because what kept them out is gone, and no witness
// that is left knows of those that came instead: it cannot be told then, and yet clients have seen
// otherwise.
bool damage_judge(struct damage_work *work)
{
    const struct survey *before = &work->before;
    const struct survey *after = &work->after;
    if (before->base_lost || before->witnessed > before->end || !judge_agrees(before) ||
        judge_segment_missing(before)) {
        judge(work, FAULT_BEYOND);
        return true;
    }
    if (!after->has_instance) {
        judge_identity(work);
        return true;
    }
    if (after->base_lost) {
        judge_checkpoint(work);
        return true;
    }
    uint64_t fork = judge_fork(before, after);
    uint64_t witnessed = judge_witnessed(before, after);
    work->damage->witnessed_after = witnessed;
    if (witnessed > after->end || !judge_agrees(after) || witnessed >= fork ||
        judge_segment_missing(after)) {
        judge(work, FAULT_REFUSE);
        if (witnessed <= after->end || !judge_names(work))
            work->damage->file[0] = '\0';
        return true;
    }
    if (fork != UINT64_MAX)
        return false;
    // Only an old copy says so; or frames say the same in another place than a witness may have seen.
    bool elsewhere =
        survey_has(before, after->end) && survey_chain_at(before, after->end) != after->end_chain;
    if (after->witnessed > after->end || elsewhere) {
        judge(work, FAULT_BEYOND);
        return true;
    }
    if (after->end == before->end)
        judge_whole(work);
    else
        judge_shorter(work);
    return true;
}
