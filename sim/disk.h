// The virtual disk: one folder of files, a volatile cache over a durable medium.
//
// What a program reads is the cache. What a power cut leaves is the medium, plus whatever of the
// cache chance lets through, in sectors of 512 bytes. Every operation takes effect when it is called:
// when that is, and whether it fails, is decided by the caller (sim/files.c).
//
// Rules, taken from what Linux file systems promise:
// - A finished write is in the cache. With `dsync` its own sectors are on the medium as well (and
//   what is needed to find them: the file's size), unless the disk ignores that flag.
// - A sync puts on the medium what was in the cache when it began. A failed sync marks the dirty
//   sectors clean without having written them: the next sync succeeds and proves nothing; they are
//   read until the cache is dropped.
// - Names (create, rename, unlink) are durable after a sync of the folder; before it, a power cut
//   keeps or loses each of them.
// - A write in flight at a power cut leaves any mix of old and new sectors.
#ifndef PORO_SIM_DISK_H
#define PORO_SIM_DISK_H

#include "sim/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define DISK_SECTOR_BYTES 512
#define DISK_BLOCK_BYTES 4096
#define DISK_FOLDER 3 // the handle of the folder
#define DISK_FILE_BYTES_MAX (256ULL << 20)

struct disk;

struct disk_options {
    uint64_t capacity_blocks; // of all files together
    bool refuses_direct;      // O_DIRECT answers -EINVAL
    bool ignores_dsync;       // the flag is accepted and does nothing
};

struct disk *disk_create(const struct disk_options *options, struct random *random);
void disk_destroy(struct disk *disk);
// May be changed at any time (a full disk: a capacity below what is used).
struct disk_options *disk_options(struct disk *disk);
uint64_t disk_used_blocks(const struct disk *disk);

// --- handles -----------------------------------------------------------------------------------

// As open(2) with the flags of server/io.h: a handle (the lowest that is free, from 4 on; `shared`:
// called for each candidate, true when that number is a socket's), or -ENOENT, -EEXIST, -ENOSPC,
// -EACCES, -EINVAL (O_DIRECT refused).
int disk_open(struct disk *disk, const char *name, uint32_t flags,
              bool (*shared)(void *context, int handle), void *context);
int disk_close(struct disk *disk, int handle); // 0 or -EBADF
bool disk_is_open(const struct disk *disk, int handle);
// The file's name (as of now, "" when it has been unlinked), for traces and faults.
const char *disk_name(const struct disk *disk, int handle);
uint64_t disk_size(const struct disk *disk, int handle);

// Bytes read (fewer at the end of the file) or -EBADF, -EINVAL (unaligned on a direct handle), -EIO
// (a block marked unreadable, see disk_damage.h).
int64_t disk_read(struct disk *disk, int handle, uint8_t *bytes, uint64_t length, uint64_t offset);

// A write in two steps. `begin`: takes a copy of the pieces; the number of the write, or -EBADF,
// -EINVAL, -EFBIG, -ENOSPC (nothing has happened), -EACCES (not opened for writing). `end`: with
// `result` = the whole length: done; less, not negative: only the first bytes are done (on the medium
// too if dsync); negative: failed, chance decides which sectors have changed (cache and medium).
int64_t disk_write_begin(struct disk *disk, int handle, const struct iovec *pieces, uint32_t count,
                         uint64_t offset, bool dsync);
void disk_write_end(struct disk *disk, int64_t write, int64_t result);
uint32_t disk_writes_in_flight(const struct disk *disk);

// A sync in two steps, of a file or of DISK_FOLDER. `result` 0 or -errno (failed, see above).
int64_t disk_sync_begin(struct disk *disk, int handle);
void disk_sync_end(struct disk *disk, int64_t sync, int result);

// Bits flip on the medium somewhere in the file, which a sync has just written; the cache does not know.
void disk_spoil(struct disk *disk, int handle, struct random *random);

int disk_allocate(struct disk *disk, int handle, uint64_t offset, uint64_t length);
// Gives back the blocks that lie within these bytes; they are zero from now on, whatever a power cut does.
int disk_punch(struct disk *disk, int handle, uint64_t offset, uint64_t length);
// Has the file no name, and would it have none after a power cut?
bool disk_is_removed(const struct disk *disk, int handle);
int disk_rename(struct disk *disk, const char *from, const char *to);
int disk_unlink(struct disk *disk, const char *name);
void disk_list(struct disk *disk, void (*each)(void *context, const char *name), void *context);
// Forgets clean cached bytes: what failed syncs left there is gone.
int disk_drop_cache(struct disk *disk, int handle);

// --- disasters ---------------------------------------------------------------------------------

// The process is gone: every handle is closed; writes and syncs in flight stay in flight, and the
// caller ends them in time.
void disk_kill(struct disk *disk);
// The power is gone: handles, writes and syncs in flight, and the cache; see above. How likely
// something volatile survives is drawn anew for each cut: nothing, all, half, by file, by sector.
void disk_power_cut(struct disk *disk);
// True when a power cut now could lose or tear something.
bool disk_is_volatile(const struct disk *disk);

#endif
