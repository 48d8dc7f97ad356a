// Damage to bytes at rest: bits flip, sectors hold something else, blocks cannot be read.
#include "sim/disk_damage_internal.h"

#include "sim/bytes.h"
#include "wal/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// --- bytes -------------------------------------------------------------------------------------

enum rot_kind {
    ROT_BIT,
    ROT_BITS,    // several, close together or not
    ROT_GARBAGE, // a sector of something else
    ROT_ZEROS,   // a sector that has been forgotten
    ROT_KINDS,
};

static void rot_bits(struct random *random, uint8_t *bytes, uint64_t length, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        bytes[random_below(random, length)] ^= (uint8_t)(1U << random_below(random, 8));
}

void damage_rot(struct damage_work *work, struct disk_file *file, uint64_t from, uint64_t length)
{
    struct random *random = work->random;
    uint64_t offset = from + random_below(random, length);
    uint8_t *block = damage_block(work->disk, file, (uint32_t)(offset / DISK_BLOCK_BYTES));
    uint64_t place = offset % DISK_BLOCK_BYTES;
    // The part of the sector there that may be hit.
    uint64_t low = place / DISK_SECTOR_BYTES * DISK_SECTOR_BYTES;
    uint64_t high = low + DISK_SECTOR_BYTES;
    uint64_t start = offset - place;
    low = start + low < from ? from - start : low;
    high = start + high > from + length ? from + length - start : high;
    uint8_t was[DISK_SECTOR_BYTES];
    memcpy(was, block + low, high - low);
    switch ((enum rot_kind)random_below(random, ROT_KINDS)) {
    case ROT_BIT:
        block[place] ^= (uint8_t)(1U << random_below(random, 8));
        break;
    case ROT_BITS:
        rot_bits(random, block + low, high - low, random_log(random, 64));
        break;
    case ROT_GARBAGE:
        random_fill(random, block + low, high - low);
        break;
    default:
        memset(block + low, 0, high - low);
        break;
    }
    if (memcmp(was, block + low, high - low) == 0)
        block[place] ^= (uint8_t)(1U << random_below(random, 8));
}

bool damage_rot_frame(struct damage_work *work, const struct survey_frame *frame)
{
    const struct survey_segment *segment = &work->before.segments[frame->segment];
    struct disk_file *file = damage_file(work, segment);
    damage_rot(work, file, frame->offset, frame->covered);
    damage_note(work, file->name, frame->offset, "%s at %llu: frame %llu has rotted", file->name,
                (unsigned long long)frame->offset, (unsigned long long)frame->sequence);
    return true;
}

// --- the intent log ------------------------------------------------------------------------------

// A frame of the chain with a sequence from `low` to `high`.
static bool rot_chain(struct damage_work *work, uint64_t low, uint64_t high)
{
    const struct survey *survey = &work->before;
    if (high > survey->end)
        high = survey->end;
    if (low < survey->first)
        low = survey->first;
    if (low > high)
        return false;
    uint64_t sequence = low + random_below(work->random, high - low + 1);
    return damage_rot_frame(work, &survey->frames[survey->chain[sequence - survey->first]]);
}

bool damage_rot_intent(struct damage_work *work)
{
    return rot_chain(work, 1, work->before.witnessed);
}

bool damage_rot_newest(struct damage_work *work)
{
    return rot_chain(work, work->before.witnessed + 1, UINT64_MAX);
}

static bool header_counts(const struct survey_segment *segment)
{
    return segment->kind == SURVEY_VALID && segment->reached;
}

bool damage_rot_header(struct damage_work *work)
{
    const struct survey_segment *segment = damage_segment(work, header_counts);
    if (segment == NULL)
        return false;
    struct disk_file *file = damage_file(work, segment);
    damage_rot(work, file, 0, sizeof(struct wal_segment_block));
    damage_note(work, file->name, 0, "%s: the header of segment %llu has rotted", file->name,
                (unsigned long long)segment->number);
    return true;
}

// Blocks where nothing is that is kept: not a frame of the chain, nor a valid header, which may be
// what keeps others out.
static uint32_t tail_blocks(const struct damage_work *work, const struct survey_segment *segment,
                            uint32_t *blocks)
{
    uint32_t slots = (uint32_t)(segment->size / DISK_BLOCK_BYTES);
    uint32_t count = 0;
    bool *kept = sim_alloc(slots, sizeof(*kept));
    bool header = segment->kind == SURVEY_VALID || segment->kind == SURVEY_MISPLACED;
    if (slots > 0)
        kept[0] = header;
    const struct survey *survey = &work->before;
    uint32_t index = (uint32_t)(segment - survey->segments);
    for (uint32_t i = 0; i < survey->chain_count; i++) {
        const struct survey_frame *frame = &survey->frames[survey->chain[i]];
        for (uint64_t at = 0; frame->segment == index && at < frame->bytes; at += DISK_BLOCK_BYTES)
            kept[(frame->offset + at) / DISK_BLOCK_BYTES] = true;
    }
    for (uint32_t i = 0; i < slots; i++) {
        if (!kept[i])
            blocks[count++] = i;
    }
    free(kept);
    return count;
}

static bool tail_any(const struct survey_segment *segment)
{
    return segment->size >= DISK_BLOCK_BYTES;
}

// What is not zero is likelier to be hit: it is what could be taken for something.
static uint32_t tail_choose(struct damage_work *work, const struct disk_file *file,
                            const uint32_t *blocks, uint32_t count)
{
    uint32_t chosen = blocks[random_below(work->random, count)];
    for (uint32_t i = 0; i < count && random_below(work->random, 4) != 0; i++) {
        uint32_t index = blocks[i];
        if (index < file->places_count && file->places[index].medium != NULL)
            chosen = index;
    }
    return chosen;
}

bool damage_rot_tail(struct damage_work *work)
{
    const struct survey_segment *segment = damage_segment(work, tail_any);
    if (segment == NULL)
        return false;
    struct disk_file *file = damage_file(work, segment);
    uint32_t *blocks = sim_alloc(segment->size / DISK_BLOCK_BYTES, sizeof(*blocks));
    uint32_t count = tail_blocks(work, segment, blocks);
    if (count > 0) {
        uint64_t offset = (uint64_t)tail_choose(work, file, blocks, count) * DISK_BLOCK_BYTES;
        damage_rot(work, file, offset, DISK_BLOCK_BYTES);
        damage_note(work, file->name, offset, "%s at %llu: unused bytes have rotted", file->name,
                    (unsigned long long)offset);
    }
    free(blocks);
    return count > 0;
}

// --- the completion log, the identity ------------------------------------------------------------

void damage_rot_completion_block(struct damage_work *work, struct disk_file *file, uint32_t index)
{
    damage_rot(work, file, (uint64_t)index * DISK_BLOCK_BYTES, sizeof(struct wal_completion_block));
}

bool damage_rot_completion(struct damage_work *work)
{
    struct survey *survey = &work->before;
    if (survey->completions == 0)
        return false;
    uint64_t chosen = random_below(work->random, survey->completions);
    uint32_t index = 0;
    while (!survey->completion[index].valid || chosen-- > 0)
        index++;
    struct disk_file *file = disk_find(work->disk, WAL_NAME_COMPLETION);
    damage_rot_completion_block(work, file, index);
    damage_note(work, file->name, (uint64_t)index * DISK_BLOCK_BYTES,
                "completion: block %u has rotted", index);
    return true;
}

bool damage_rot_completion_all(struct damage_work *work)
{
    struct disk_file *file = disk_find(work->disk, WAL_NAME_COMPLETION);
    if (file == NULL || file->size < DISK_BLOCK_BYTES)
        return false;
    uint32_t blocks = (uint32_t)(file->size / DISK_BLOCK_BYTES);
    for (uint32_t i = 0; i < blocks; i++)
        damage_rot_completion_block(work, file, i);
    damage_note(work, file->name, 0, "completion: all blocks have rotted");
    return true;
}

bool damage_rot_instance(struct damage_work *work)
{
    struct disk_file *file = disk_find(work->disk, WAL_NAME_INSTANCE);
    if (file == NULL || file->size < DISK_BLOCK_BYTES)
        return false;
    damage_rot(work, file, 0, sizeof(struct wal_instance_block));
    damage_note(work, file->name, 0, "instance has rotted");
    return true;
}

// --- anywhere ------------------------------------------------------------------------------------

static struct disk_file *any_file(struct damage_work *work)
{
    const struct disk *disk = work->disk;
    for (uint32_t i = 0; i < 16 && disk->files_count > 0; i++) {
        struct disk_file *file = disk->files[random_below(work->random, disk->files_count)];
        if (file->size >= DISK_BLOCK_BYTES)
            return file;
    }
    return NULL;
}

bool damage_rot_anywhere(struct damage_work *work)
{
    uint64_t count = random_log(work->random, 32);
    struct disk_file *file = NULL;
    uint64_t offset = 0;
    for (uint64_t i = 0; i < count; i++) {
        file = any_file(work);
        if (file == NULL)
            return false;
        offset = random_below(work->random, file->size / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES;
        damage_rot(work, file, offset, DISK_BLOCK_BYTES);
    }
    damage_note(work, "", offset, "%llu places have rotted, the last one in %s at %llu",
                (unsigned long long)count, file->name, (unsigned long long)offset);
    return true;
}

// The file instance is left out: a server that cannot read it ends as one that cannot start, which
// is right, and no refusal.
bool damage_unreadable(struct damage_work *work)
{
    struct disk_file *file = any_file(work);
    if (file == NULL || strcmp(file->name, WAL_NAME_INSTANCE) == 0)
        return false;
    uint32_t index = (uint32_t)random_below(work->random, file->size / DISK_BLOCK_BYTES);
    // Mostly where something is.
    for (uint32_t i = 0; i < 4 && (index >= file->places_count || !file->places[index].medium); i++)
        index = (uint32_t)random_below(work->random, file->size / DISK_BLOCK_BYTES);
    disk_file_reach(file, index + 1);
    file->places[index].unreadable = true;
    uint64_t offset = (uint64_t)index * DISK_BLOCK_BYTES;
    damage_note(work, file->name, offset, "%s at %llu cannot be read", file->name,
                (unsigned long long)offset);
    return true;
}
