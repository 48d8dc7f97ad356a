// Names of the files in a data folder: the server, the offline tool and messages share them.
#ifndef PORO_WAL_NAMES_H
#define PORO_WAL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#define WAL_NAME_INSTANCE "instance"
#define WAL_NAME_INSTANCE_NEW "instance.new" // renamed when it is on stable storage
#define WAL_NAME_COMPLETION "completion"
#define WAL_NAME_LOCK "lock"

// A segment file's name, with its terminator.
#define WAL_SEGMENT_NAME_BYTES 16

// Writes the name of the segment file in `slot` (below WAL_SEGMENTS_MAX).
void wal_segment_name(char name[WAL_SEGMENT_NAME_BYTES], uint32_t slot);
// True, and the slot, when `name` is exactly the name of a segment file.
bool wal_segment_name_parse(const char *name, uint32_t *slot);

#endif
