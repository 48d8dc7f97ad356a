// The survey's parts, shared by its sources only.
#ifndef PORO_SIM_DISK_SURVEY_INTERNAL_H
#define PORO_SIM_DISK_SURVEY_INTERNAL_H

#include "sim/bytes.h"
#include "sim/disk_internal.h"
#include "sim/disk_survey.h"

// A file's bytes as they would be read.
struct survey_view {
    struct bytes bytes; // whole blocks
    uint64_t size;
    bool unreadable;
};

// Reads at most `most` bytes of the file; a last block that is not whole reads as zeros behind its
// end, as the file does. A block that cannot be read counts as bytes that mean nothing.
void survey_view_take(struct disk *disk, const struct disk_file *file, uint64_t most,
                      struct survey_view *view);

// Is this the file that the survey is to do without?
bool survey_lacks(const struct survey *survey, const char *name);

// disk_survey_checkpoint.c: what files have a checkpoint's name, and what is in them.
void survey_checkpoints(struct disk *disk, const struct wal_identity *identity,
                        struct survey_view *view, struct survey *survey);
// Where the chain starts; the segments and the completion log are known.
void survey_choose_base(struct survey *survey, const struct wal_identity *identity);

#endif
