// One damage under way, shared by the sources that damage files at rest.
#ifndef PORO_SIM_DISK_DAMAGE_INTERNAL_H
#define PORO_SIM_DISK_DAMAGE_INTERNAL_H

#include "sim/disk_damage.h"
#include "sim/disk_internal.h"
#include "sim/disk_survey.h"

struct damage_work {
    struct disk *disk;
    struct random *random;
    const struct damage_backup *older; // NULL: none
    struct survey before;
    struct survey after;
    struct damage *damage;
};

// Notes what is hit: the file that it is in, where, and for people.
void damage_note(struct damage_work *work, const char *file, uint64_t offset, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));
// The file of a segment.
struct disk_file *damage_file(const struct damage_work *work, const struct survey_segment *segment);
// One that `fits` says, NULL when there is none.
struct survey_segment *damage_segment(struct damage_work *work,
                                      bool (*fits)(const struct survey_segment *segment));
// The bytes of a file's block on both sides, to be changed.
uint8_t *damage_block(struct disk *disk, struct disk_file *file, uint32_t index);

// Damages bytes [from, from + length) of a file: never so that they stay as they are.
void damage_rot(struct damage_work *work, struct disk_file *file, uint64_t from, uint64_t length);
// A frame of the log; a block of the completion log.
bool damage_rot_frame(struct damage_work *work, const struct survey_frame *frame);
void damage_rot_completion_block(struct damage_work *work, struct disk_file *file, uint32_t index);
// A new length: nothing, whole blocks, or any.
void damage_truncate(struct damage_work *work, struct disk_file *file);
// The file is gone. False when there was none.
bool damage_missing(struct damage_work *work, const char *name);

// Each kind of damage: false when there is nothing that it could hit.
// disk_damage_rot.c
bool damage_rot_tail(struct damage_work *work);
bool damage_rot_intent(struct damage_work *work);
bool damage_rot_newest(struct damage_work *work);
bool damage_rot_header(struct damage_work *work);
bool damage_rot_completion(struct damage_work *work);
bool damage_rot_completion_all(struct damage_work *work);
bool damage_rot_instance(struct damage_work *work);
bool damage_rot_anywhere(struct damage_work *work);
bool damage_unreadable(struct damage_work *work);
// disk_damage_file.c
bool damage_truncate_segment(struct damage_work *work);
bool damage_truncate_completion(struct damage_work *work);
bool damage_missing_segment(struct damage_work *work);
bool damage_missing_newest(struct damage_work *work);
bool damage_missing_ready(struct damage_work *work);
bool damage_missing_completion(struct damage_work *work);
bool damage_missing_instance(struct damage_work *work);
bool damage_swapped_segments(struct damage_work *work);
bool damage_duplicate_segment(struct damage_work *work);
bool damage_stale_segment(struct damage_work *work);
bool damage_stale_segments(struct damage_work *work);
bool damage_stale_completion(struct damage_work *work);
bool damage_misdirected(struct damage_work *work);
bool damage_foreign_segment(struct damage_work *work);

// disk_damage_checkpoint.c
bool damage_rot_checkpoint(struct damage_work *work);
bool damage_rot_checkpoint_tail(struct damage_work *work);
bool damage_truncate_checkpoint(struct damage_work *work);
bool damage_missing_checkpoint(struct damage_work *work);
bool damage_stale_checkpoint(struct damage_work *work);
bool damage_unreadable_checkpoint(struct damage_work *work);

// disk_judge.c: what recovery owes. False when what is left is not to be judged: see there.
bool damage_judge(struct damage_work *work);

#endif
