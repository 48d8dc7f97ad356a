// The virtual disk's state, shared by its sources and by what damages files at rest.
#ifndef PORO_SIM_DISK_INTERNAL_H
#define PORO_SIM_DISK_INTERNAL_H

#include "sim/disk.h"

#define DISK_NAME_BYTES 32
#define DISK_BLOCK_SECTORS (DISK_BLOCK_BYTES / DISK_SECTOR_BYTES)
#define DISK_ALL_SECTORS 0xffU

// A block's bytes, shared by everything that has the same; changed only by its single owner. Zeros
// are no block at all: NULL.
struct disk_block {
    struct disk_block *next; // while it is free
    uint32_t references;
    uint8_t bytes[DISK_BLOCK_BYTES];
};

// The place of a block in a file. A sector that is neither dirty nor a phantom is the same in cache
// and medium; when the whole block is, they share it.
struct disk_place {
    struct disk_block *cache;
    struct disk_block *medium;
    uint64_t written; // the disk's time of the last write to it
    uint8_t dirty;    // sectors, a bit each: in the cache and not yet on the medium
    uint8_t phantom;  // ... which a failed sync has left there as clean
    bool allocated;
    bool unreadable;
};

struct disk_file {
    char name[DISK_NAME_BYTES];   // "" when it has none
    char medium[DISK_NAME_BYTES]; // its name on the medium
    uint64_t size;
    uint64_t size_medium;
    uint64_t size_written; // the disk's time when the size last changed
    struct disk_place *places;
    uint32_t places_count;
    uint32_t blocks; // places that are allocated
    uint32_t handles;
    uint32_t pending; // writes, syncs and changes of its name
    uint32_t syncs;   // in flight
    uint32_t dirty;   // places with dirty sectors, all of them in [dirty_low, dirty_high)
    uint32_t dirty_low;
    uint32_t dirty_high;
    uint32_t phantoms; // places with phantom sectors
};

struct disk_handle {
    struct disk_file *file; // NULL: free
    uint32_t flags;
};

struct disk_write {
    struct disk_file *file; // NULL: free
    uint64_t offset;
    uint64_t length;
    bool dsync;
    struct disk_block **blocks; // the bytes of every block that it touches, in their place
    uint32_t count;
    uint32_t capacity;
};

// Sectors that a sync has found dirty, as they were then.
struct disk_sync_item {
    struct disk_block *block;
    uint32_t index;
    uint8_t sectors;
    uint8_t again; // written again since
};

struct disk_sync {
    bool used;
    struct disk_file *file; // NULL: the folder
    uint64_t began;
    uint64_t size;
    struct disk_sync_item *items; // by index
    uint32_t count;
    uint32_t capacity;
};

// A change of a name that is not on the medium yet.
enum disk_naming_kind { DISK_CREATE, DISK_RENAME, DISK_UNLINK };
struct disk_naming {
    enum disk_naming_kind kind;
    struct disk_file *file;
    uint64_t time;
    char from[DISK_NAME_BYTES]; // of RENAME and UNLINK
    char to[DISK_NAME_BYTES];   // of CREATE and RENAME
};

struct disk {
    struct disk_options options;
    struct random random;
    uint64_t time; // of changes: 1, 2, 3, ...

    struct disk_file **files;
    uint32_t files_count;
    uint32_t files_capacity;
    struct disk_handle *handles;
    uint32_t handles_count;
    struct disk_write *writes;
    uint32_t writes_count;
    uint32_t writes_used;
    struct disk_sync *syncs;
    uint32_t syncs_count;
    struct disk_naming *namings; // in order
    uint32_t namings_count;
    uint32_t namings_capacity;

    struct disk_block *free;
    void **chunks;
    uint32_t chunks_count;
};

// disk.c: NULL when it is not open.
struct disk_handle *disk_handle_of(const struct disk *disk, int handle);

// --- blocks (disk_block.c) ---------------------------------------------------------------------

void disk_blocks_free(struct disk *disk);
// A block with one owner whose bytes are yet to be filled in.
struct disk_block *disk_block_take(struct disk *disk);
void disk_block_drop(struct disk *disk, struct disk_block *block);
struct disk_block *disk_block_share(struct disk_block *block);
void disk_block_assign(struct disk *disk, struct disk_block **to, struct disk_block *from);
// The bytes of *block, to be changed: nobody else has them.
uint8_t *disk_block_own(struct disk *disk, struct disk_block **block);
// Copies these sectors.
void disk_block_merge(struct disk *disk, struct disk_block **to, struct disk_block *from,
                      uint8_t sectors);
bool disk_is_zero(const uint8_t *bytes, size_t length);

// --- places (disk_place.c) ---------------------------------------------------------------------

// Makes room for places up to `count`.
void disk_file_reach(struct disk_file *file, uint32_t count);
// Allocates the blocks of these bytes. False when there is no room for all of them.
bool disk_file_allocate(struct disk *disk, struct disk_file *file, uint64_t offset,
                        uint64_t length);
// What a file has on both sides is of this length from now on.
// Gives back the block at this place: cache and medium are zero there.
void disk_place_clear(struct disk *disk, struct disk_file *file, uint32_t index);
void disk_file_cut(struct disk *disk, struct disk_file *file, uint64_t size);
void disk_place_mark(struct disk_file *file, uint32_t index, uint8_t dirty, uint8_t phantom);
// These sectors are on the medium as they are in the cache.
void disk_place_harden(struct disk *disk, struct disk_file *file, uint32_t index, uint8_t sectors);
// The cache is as the medium.
void disk_place_drop(struct disk *disk, struct disk_file *file, uint32_t index);
// The block as it would be read after a sync and a drop of the cache: one more owner.
struct disk_block *disk_place_view(struct disk *disk, const struct disk_file *file, uint32_t index);

// --- names (disk_folder.c) ---------------------------------------------------------------------

struct disk_file *disk_find(const struct disk *disk, const char *name);
struct disk_file *disk_create_file(struct disk *disk, const char *name);
// Frees it if nothing knows it any more.
void disk_file_release(struct disk *disk, struct disk_file *file);
// Applies to the medium's names what happened up to `time`, and that `keeps` says so (NULL: all of
// it), and forgets it.
void disk_namings_apply(struct disk *disk, uint64_t time,
                        bool (*keeps)(void *context, const struct disk_naming *naming),
                        void *context);

// --- writes (disk_write.c) and syncs (disk_sync.c) ----------------------------------------------

// Which sectors of a write that failed, or that the power cut off, have arrived.
struct disk_torn {
    uint32_t kind;
    uint64_t at;
};
struct disk_torn disk_torn_draw(struct disk *disk, uint64_t sectors);
bool disk_torn_keeps(struct disk *disk, const struct disk_torn *torn, uint64_t sector);
// The sectors of the write's block `i` that have arrived.
uint8_t disk_torn_mask(struct disk *disk, const struct disk_torn *torn,
                       const struct disk_write *write, uint32_t i);
// Puts these sectors of the write's block `i` into the cache.
void disk_write_put(struct disk *disk, const struct disk_write *write, uint32_t i, uint8_t sectors);
void disk_write_free(struct disk *disk, struct disk_write *write);
void disk_sync_free(struct disk *disk, struct disk_sync *sync);
// These sectors are written again, or are on the medium already: tells the syncs in flight.
void disk_syncs_note(struct disk *disk, struct disk_file *file, uint32_t index, uint8_t again,
                     uint8_t done);
// Sectors that a sync in flight is to put on the medium.
uint8_t disk_syncs_pending(const struct disk *disk, const struct disk_file *file, uint32_t index);

// --- at rest (disk_cut.c) ------------------------------------------------------------------------

// Everything becomes durable: as a sync of all files and the folder, and a drop of the cache. No
// handle is open, nothing is in flight.
void disk_settle(struct disk *disk);

#endif
