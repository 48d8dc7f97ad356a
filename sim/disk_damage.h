// Damage to a disk at rest: what happens to media, and what people do to files. Each kind notes what
// it has hit, so that the verdict of recovery can be judged; all of it can be undone.
#ifndef PORO_SIM_DISK_DAMAGE_H
#define PORO_SIM_DISK_DAMAGE_H

#include "sim/disk.h"
#include "sim/fault_model.h"
#include "sim/random.h"

#include <stdbool.h>
#include <stdint.h>

// What the medium proves, from every valid block of it (as recovery is to see it).
struct damage_survey {
    bool has_instance;
    uint64_t witnessed;          // D: the largest in completion records, frames and segment headers
    uint64_t chain_end;          // E: the last commit frame of the unbroken chain from sequence 1
    uint64_t segments;           // files
    uint64_t frames;             // of the chain
    uint64_t completion_records; // valid ones
};
// The disk must be at rest: no handle open. Everything in the cache counts as it would be read after
// the cache was synced and dropped.
void damage_survey(struct disk *disk, struct damage_survey *survey);

struct damage_backup;

struct damage {
    enum fault kind;
    enum fault_class expected; // of what recovery may do, see fault_model.h
    char file[32];             // the file that the message must name, "" when it need not
    uint64_t offset;
    uint64_t witnessed_after; // D from what is left
    char what[128];           // for people
};

// Applies one damage of this kind (one that damages files at rest, see fault_model.h). `older`: an
// earlier state of the disk, for files that are to be found as they were; NULL when there is none.
// False when there is nothing that it could hit. Either way everything in the cache is durable
// afterwards. The disk must be at rest.
bool damage_apply(struct disk *disk, enum fault kind, struct random *random,
                  const struct damage_backup *older, struct damage *damage);

// A copy of the files as they would be read after the cache was synced and dropped (cheap: blocks are
// shared until they change), and the way back to it. Cache and medium are equal afterwards, and every
// block can be read.
struct damage_backup *damage_backup(struct disk *disk);
void damage_restore(struct disk *disk, const struct damage_backup *backup);
void damage_backup_free(struct disk *disk, struct damage_backup *backup);

#endif
