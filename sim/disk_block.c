// The virtual disk's blocks: shared bytes, copied when they change.
#include "sim/disk_internal.h"

#include "sim/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BLOCKS 64

void disk_blocks_free(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->chunks_count; i++)
        free(disk->chunks[i]);
    free(disk->chunks);
    disk->chunks = NULL;
    disk->free = NULL;
    disk->chunks_count = 0;
}

static void blocks_grow(struct disk *disk)
{
    disk->chunks = sim_realloc(disk->chunks, disk->chunks_count + 1, sizeof(*disk->chunks));
    struct disk_block *chunk = sim_realloc(NULL, CHUNK_BLOCKS, sizeof(*chunk));
    disk->chunks[disk->chunks_count++] = chunk;
    for (uint32_t i = CHUNK_BLOCKS; i > 0; i--) {
        chunk[i - 1].next = disk->free;
        chunk[i - 1].references = 0;
        disk->free = &chunk[i - 1];
    }
}

struct disk_block *disk_block_take(struct disk *disk)
{
    if (disk->free == NULL)
        blocks_grow(disk);
    struct disk_block *block = disk->free;
    assert(block->references == 0);
    disk->free = block->next;
    block->references = 1;
    return block;
}

void disk_block_drop(struct disk *disk, struct disk_block *block)
{
    if (block == NULL)
        return;
    assert(block->references > 0);
    if (--block->references > 0)
        return;
    block->next = disk->free;
    disk->free = block;
}

struct disk_block *disk_block_share(struct disk_block *block)
{
    if (block != NULL)
        block->references++;
    return block;
}

void disk_block_assign(struct disk *disk, struct disk_block **to, struct disk_block *from)
{
    if (*to == from)
        return;
    disk_block_drop(disk, *to);
    *to = disk_block_share(from);
}

uint8_t *disk_block_own(struct disk *disk, struct disk_block **block)
{
    if (*block != NULL && (*block)->references == 1)
        return (*block)->bytes;
    struct disk_block *own = disk_block_take(disk);
    if (*block != NULL)
        memcpy(own->bytes, (*block)->bytes, DISK_BLOCK_BYTES);
    else
        memset(own->bytes, 0, DISK_BLOCK_BYTES);
    disk_block_drop(disk, *block);
    *block = own;
    return own->bytes;
}

void disk_block_merge(struct disk *disk, struct disk_block **to, struct disk_block *from,
                      uint8_t sectors)
{
    if (sectors == 0 || *to == from)
        return;
    if (sectors == DISK_ALL_SECTORS) {
        disk_block_assign(disk, to, from);
        return;
    }
    uint8_t *bytes = disk_block_own(disk, to);
    for (uint32_t i = 0; i < DISK_BLOCK_SECTORS; i++) {
        if ((sectors >> i & 1) == 0)
            continue;
        uint8_t *sector = bytes + i * DISK_SECTOR_BYTES;
        if (from != NULL)
            memcpy(sector, from->bytes + i * DISK_SECTOR_BYTES, DISK_SECTOR_BYTES);
        else
            memset(sector, 0, DISK_SECTOR_BYTES);
    }
}

bool disk_is_zero(const uint8_t *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}
