// Copies of a disk at rest, for what damages files.
#ifndef PORO_SIM_DISK_BACKUP_H
#define PORO_SIM_DISK_BACKUP_H

#include "sim/disk_damage.h"

#include <stdbool.h>

// Makes one file what it was, on a disk where everything is durable. False when it is not in both,
// or has not changed.
bool backup_put(struct disk *disk, const struct damage_backup *backup, const char *name);

// A file of the backup under a name, which may be another than it had: made anew, or written over.
void backup_put_as(struct disk *disk, const struct damage_backup *backup, const char *name,
                   const char *as);
// Names of the files by index, NULL behind the last one.
const char *backup_name(const struct damage_backup *backup, uint32_t index);

bool backup_has(const struct damage_backup *backup, const char *name);

#endif
