// The virtual disk's writes, in two steps: what is to be written is taken, and later it arrives.
#include "sim/disk_internal.h"

#include "server/io.h"
#include "sim/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// --- beginning -------------------------------------------------------------------------------

static struct disk_write *write_take(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->writes_count; i++) {
        if (disk->writes[i].file == NULL)
            return &disk->writes[i];
    }
    uint32_t count = disk->writes_count + 16;
    disk->writes = sim_realloc(disk->writes, count, sizeof(*disk->writes));
    memset(disk->writes + disk->writes_count, 0, 16 * sizeof(*disk->writes));
    struct disk_write *write = &disk->writes[disk->writes_count];
    disk->writes_count = count;
    return write;
}

// Pieces of memory, read one after the other.
struct write_source {
    const struct iovec *pieces;
    size_t done; // of the first one
};

static void source_skip(struct write_source *source, size_t bytes)
{
    source->done += bytes;
    if (source->done == source->pieces->iov_len) {
        source->pieces++;
        source->done = 0;
    }
}

static struct disk_block *source_block(struct disk *disk, struct write_source *source,
                                       uint64_t from, uint64_t length)
{
    while (source->pieces->iov_len == 0)
        source->pieces++;
    const uint8_t *bytes = (const uint8_t *)source->pieces->iov_base + source->done;
    size_t there = source->pieces->iov_len - source->done;
    if (length == DISK_BLOCK_BYTES && there >= length && disk_is_zero(bytes, length)) {
        source_skip(source, length);
        return NULL;
    }
    struct disk_block *block = disk_block_take(disk);
    if (length < DISK_BLOCK_BYTES)
        memset(block->bytes, 0, DISK_BLOCK_BYTES);
    while (length > 0) {
        there = source->pieces->iov_len - source->done;
        size_t piece = there < length ? there : length;
        if (piece > 0)
            memcpy(block->bytes + from, (const uint8_t *)source->pieces->iov_base + source->done,
                   piece);
        source_skip(source, piece);
        from += piece;
        length -= piece;
    }
    return block;
}

static void write_copy(struct disk *disk, struct disk_write *write, const struct iovec *pieces)
{
    struct write_source source = {.pieces = pieces};
    uint64_t offset = write->offset;
    uint64_t end = write->offset + write->length;
    uint32_t count = 0;
    while (offset < end) {
        uint64_t from = offset % DISK_BLOCK_BYTES;
        uint64_t length = DISK_BLOCK_BYTES - from;
        if (length > end - offset)
            length = end - offset;
        if (count == write->capacity) {
            write->capacity = 2 * write->capacity + 64;
            write->blocks =
                sim_realloc(write->blocks, write->capacity, sizeof(struct disk_block *));
        }
        write->blocks[count++] = source_block(disk, &source, from, length);
        offset += length;
    }
    write->count = count;
}

static bool write_is_aligned(const struct iovec *pieces, uint32_t count, uint64_t offset)
{
    if (offset % DISK_SECTOR_BYTES != 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if ((uintptr_t)pieces[i].iov_base % DISK_SECTOR_BYTES != 0 ||
            pieces[i].iov_len % DISK_SECTOR_BYTES != 0)
            return false;
    }
    return true;
}

int64_t disk_write_begin(struct disk *disk, int handle, const struct iovec *pieces, uint32_t count,
                         uint64_t offset, bool dsync)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL)
        return -EBADF;
    if ((h->flags & IO_OPEN_WRITE) == 0)
        return -EACCES;
    if ((h->flags & IO_OPEN_DIRECT) != 0 && !write_is_aligned(pieces, count, offset))
        return -EINVAL;
    uint64_t length = 0;
    for (uint32_t i = 0; i < count; i++)
        length += pieces[i].iov_len;
    if (offset > DISK_FILE_BYTES_MAX || length > DISK_FILE_BYTES_MAX - offset)
        return -EFBIG;
    if (!disk_file_allocate(disk, h->file, offset, length))
        return -ENOSPC;
    struct disk_write *write = write_take(disk);
    write->file = h->file;
    write->offset = offset;
    write->length = length;
    write->dsync = dsync && !disk->options.ignores_dsync;
    write_copy(disk, write, pieces);
    write->file->pending++;
    disk->writes_used++;
    return write - disk->writes;
}

uint32_t disk_writes_in_flight(const struct disk *disk)
{
    return disk->writes_used;
}

void disk_write_free(struct disk *disk, struct disk_write *write)
{
    for (uint32_t i = 0; i < write->count; i++)
        disk_block_drop(disk, write->blocks[i]);
    struct disk_file *file = write->file;
    write->file = NULL;
    write->count = 0;
    assert(file->pending > 0 && disk->writes_used > 0);
    file->pending--;
    disk->writes_used--;
    disk_file_release(disk, file);
}

// --- arriving --------------------------------------------------------------------------------

// The part of the write's block `i` that it covers: bytes [*low, *high) of the block at *index.
static void write_part(const struct disk_write *write, uint32_t i, uint32_t *index, uint64_t *low,
                       uint64_t *high)
{
    uint64_t start = write->offset / DISK_BLOCK_BYTES * DISK_BLOCK_BYTES + i * DISK_BLOCK_BYTES;
    uint64_t end = write->offset + write->length;
    *index = (uint32_t)(start / DISK_BLOCK_BYTES);
    *low = start < write->offset ? write->offset - start : 0;
    *high = end <= start ? 0 : end - start > DISK_BLOCK_BYTES ? DISK_BLOCK_BYTES : end - start;
}

static uint8_t sectors_of(uint64_t low, uint64_t high)
{
    if (low >= high)
        return 0;
    uint32_t first = (uint32_t)(low / DISK_SECTOR_BYTES);
    uint32_t last = (uint32_t)((high - 1) / DISK_SECTOR_BYTES);
    return (uint8_t)((DISK_ALL_SECTORS << first) & (DISK_ALL_SECTORS >> (7 - last)));
}

static void write_copy_sectors(struct disk *disk, struct disk_place *place,
                               const struct disk_block *from, uint8_t sectors, uint64_t low,
                               uint64_t high)
{
    uint8_t *to = disk_block_own(disk, &place->cache);
    for (uint32_t i = 0; i < DISK_BLOCK_SECTORS; i++) {
        uint64_t start = (uint64_t)i * DISK_SECTOR_BYTES;
        uint64_t end = start + DISK_SECTOR_BYTES;
        if ((sectors >> i & 1) == 0)
            continue;
        start = start < low ? low : start;
        end = end > high ? high : end;
        if (from != NULL)
            memcpy(to + start, from->bytes + start, end - start);
        else
            memset(to + start, 0, end - start);
    }
}

void disk_write_put(struct disk *disk, const struct disk_write *write, uint32_t i, uint8_t sectors)
{
    struct disk_file *file = write->file;
    uint32_t index;
    uint64_t low;
    uint64_t high;
    write_part(write, i, &index, &low, &high);
    sectors &= sectors_of(low, high);
    if (sectors == 0)
        return;
    struct disk_place *place = &file->places[index];
    file->blocks += !place->allocated;
    place->allocated = true;
    bool whole = sectors == DISK_ALL_SECTORS && low == 0 && high == DISK_BLOCK_BYTES;
    if (whole) {
        disk_block_assign(disk, &place->cache, write->blocks[i]);
        place->unreadable = false; // the device puts another one in its place
    } else {
        write_copy_sectors(disk, place, write->blocks[i], sectors, low, high);
    }
    place->written = disk->time;
    // Zeros over zeros make no difference.
    bool same = whole && place->cache == NULL && place->medium == NULL && file->syncs == 0;
    disk_place_mark(file, index, same ? 0 : place->dirty | sectors,
                    place->phantom & (uint8_t)~sectors);
    disk_syncs_note(disk, file, index, sectors, 0);
    // The file reaches as far as the last byte that has arrived.
    uint32_t last = 7 - (uint32_t)(__builtin_clz(sectors) - 24);
    uint64_t end = (last + 1) * (uint64_t)DISK_SECTOR_BYTES;
    end = (uint64_t)index * DISK_BLOCK_BYTES + (end < high ? end : high);
    if (end > file->size) {
        file->size = end;
        file->size_written = disk->time;
    }
}

// --- torn ------------------------------------------------------------------------------------

enum torn_kind {
    TORN_NONE,  // nothing has arrived
    TORN_ALL,   // all of it
    TORN_HALF,  // any of the sectors
    TORN_FIRST, // those below `at`
    TORN_LAST,  // those from `at` on
    TORN_HOLE,  // all but one
    TORN_KINDS,
};

struct disk_torn disk_torn_draw(struct disk *disk, uint64_t sectors)
{
    struct disk_torn torn = {.kind = (uint32_t)random_below(&disk->random, TORN_KINDS)};
    torn.at = random_below(&disk->random, sectors > 0 ? sectors : 1);
    return torn;
}

bool disk_torn_keeps(struct disk *disk, const struct disk_torn *torn, uint64_t sector)
{
    switch ((enum torn_kind)torn->kind) {
    case TORN_NONE:
        return false;
    case TORN_ALL:
        return true;
    case TORN_HALF:
        return random_below(&disk->random, 2) == 0;
    case TORN_FIRST:
        return sector < torn->at;
    case TORN_LAST:
        return sector >= torn->at;
    case TORN_HOLE:
        return sector != torn->at;
    case TORN_KINDS:
        break;
    }
    assert(false);
    return false;
}

uint8_t disk_torn_mask(struct disk *disk, const struct disk_torn *torn,
                       const struct disk_write *write, uint32_t i)
{
    uint32_t index;
    uint64_t low;
    uint64_t high;
    write_part(write, i, &index, &low, &high);
    uint64_t first = write->offset / DISK_SECTOR_BYTES;
    uint8_t mask = 0;
    for (uint32_t bit = 0; bit < DISK_BLOCK_SECTORS; bit++) {
        uint64_t sector = (uint64_t)index * DISK_BLOCK_SECTORS + bit;
        if ((sectors_of(low, high) >> bit & 1) != 0 && disk_torn_keeps(disk, torn, sector - first))
            mask |= (uint8_t)(1U << bit);
    }
    return mask;
}

static uint64_t write_sectors(const struct disk_write *write)
{
    return (write->offset % DISK_SECTOR_BYTES + write->length + DISK_SECTOR_BYTES - 1) /
           DISK_SECTOR_BYTES;
}

// --- ending ----------------------------------------------------------------------------------

static void write_harden(struct disk *disk, const struct disk_write *write, uint32_t i,
                         uint8_t sectors)
{
    uint32_t index;
    uint64_t low;
    uint64_t high;
    write_part(write, i, &index, &low, &high);
    disk_place_harden(disk, write->file, index, sectors & sectors_of(low, high));
}

static void write_done(struct disk *disk, const struct disk_write *write)
{
    for (uint32_t i = 0; i < write->count; i++) {
        disk_write_put(disk, write, i, DISK_ALL_SECTORS);
        if (write->dsync)
            write_harden(disk, write, i, DISK_ALL_SECTORS);
    }
    uint64_t end = write->offset + write->length;
    if (write->dsync && write->length > 0 && end > write->file->size_medium)
        write->file->size_medium = end;
}

// Sectors of a failed write that have arrived nevertheless: in the cache, on the medium as well, or
// in the cache as if they were clean (its sync is what has failed).
static void write_failed(struct disk *disk, const struct disk_write *write)
{
    struct disk_torn torn = disk_torn_draw(disk, write_sectors(write));
    uint64_t fate = random_below(&disk->random, 4);
    uint64_t size = write->file->size;
    for (uint32_t i = 0; i < write->count; i++) {
        uint8_t mask = disk_torn_mask(disk, &torn, write, i);
        disk_write_put(disk, write, i, mask);
        uint64_t here = fate == 3 ? random_below(&disk->random, 3) : fate;
        uint32_t index = (uint32_t)(write->offset / DISK_BLOCK_BYTES) + i;
        struct disk_place *place = &write->file->places[index];
        mask &= place->dirty;
        if (here == 1)
            disk_place_harden(disk, write->file, index, mask);
        if (here == 2 && write->dsync)
            disk_place_mark(write->file, index, place->dirty & (uint8_t)~mask,
                            place->phantom | mask);
    }
    if (write->file->size > size && fate == 1)
        write->file->size_medium = write->file->size;
}

void disk_write_end(struct disk *disk, int64_t number, int64_t result)
{
    assert(number >= 0 && (uint64_t)number < disk->writes_count);
    struct disk_write *write = &disk->writes[number];
    assert(write->file != NULL && result <= (int64_t)write->length);
    disk->time++;
    if (result < 0) {
        write_failed(disk, write);
    } else {
        write->length = (uint64_t)result;
        write_done(disk, write);
    }
    disk_write_free(disk, write);
}

int disk_allocate(struct disk *disk, int handle, uint64_t offset, uint64_t length)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL || (h->flags & IO_OPEN_WRITE) == 0)
        return -EBADF;
    if (length == 0)
        return -EINVAL;
    if (offset > DISK_FILE_BYTES_MAX || length > DISK_FILE_BYTES_MAX - offset)
        return -EFBIG;
    if (!disk_file_allocate(disk, h->file, offset, length))
        return -ENOSPC;
    if (offset + length > h->file->size) {
        h->file->size = offset + length;
        h->file->size_written = ++disk->time;
    }
    return 0;
}

int disk_punch(struct disk *disk, int handle, uint64_t offset, uint64_t length)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL || (h->flags & IO_OPEN_WRITE) == 0)
        return -EBADF;
    uint64_t end = offset + length;
    assert(length > 0 && end > offset);
    uint64_t below = end / DISK_BLOCK_BYTES;
    if (below > h->file->places_count)
        below = h->file->places_count;
    for (uint64_t i = (offset + DISK_BLOCK_BYTES - 1) / DISK_BLOCK_BYTES; i < below; i++)
        disk_place_clear(disk, h->file, (uint32_t)i);
    return 0;
}
