// Names of the files in a data folder: the server, the offline tool and messages share them.
#ifndef PORO_WAL_NAMES_H
#define PORO_WAL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#define WAL_NAME_INSTANCE "instance"
#define WAL_NAME_INSTANCE_NEW "instance.new" // renamed when it is on stable storage
#define WAL_NAME_COMPLETION "completion"
#define WAL_NAME_LOCK "lock"
// A checkpoint that is being written, or space kept for the next one.
#define WAL_NAME_CHECKPOINT_NEW "checkpoint.new"

// A segment file's name, with its terminator.
#define WAL_SEGMENT_NAME_BYTES 16

// Writes the name of the segment file in `slot` (below WAL_SEGMENTS_MAX).
void wal_segment_name(char name[WAL_SEGMENT_NAME_BYTES], uint32_t slot);
// True, and the slot, when `name` is exactly the name of a segment file.
bool wal_segment_name_parse(const char *name, uint32_t *slot);

// A published checkpoint's name, with its terminator.
#define WAL_CHECKPOINT_NAME_BYTES 32

// The same for checkpoints, by number: above 0, never reused.
void wal_checkpoint_name(char name[WAL_CHECKPOINT_NAME_BYTES], uint64_t number);
bool wal_checkpoint_name_parse(const char *name, uint64_t *number);

#endif
