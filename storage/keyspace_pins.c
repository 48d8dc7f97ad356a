// Pins: which entries' bytes are lent to the kernel, and how often.
#include "storage/keyspace_internal.h"

// The cells are an open hash over the entry's offset, without tombstones: a removal moves later
// cells of the same cluster back. (Knuth, The Art of Computer Programming 3, 6.4, algorithm R.)
static uint32_t cell_of(uint64_t offset)
{
    return (uint32_t)((offset * 0x9E3779B97F4A7C15ULL) >> 40) & (PIN_CELLS - 1);
}

// The entry's cell, or the free one where it belongs.
static uint32_t find_cell(const struct keyspace *keyspace, uint64_t offset)
{
    uint32_t cell = cell_of(offset);
    for (uint32_t i = 0; i < PIN_CELLS; i++) {
        const struct pin *pin = &keyspace->pin_cells[cell];
        if (pin->count == 0 || pin->offset == offset)
            return cell;
        cell = (cell + 1) & (PIN_CELLS - 1);
    }
    assert(!"half of the cells are free");
    return 0;
}

static void remove_cell(struct keyspace *keyspace, uint32_t hole)
{
    struct pin *cells = keyspace->pin_cells;
    cells[hole].count = 0;
    uint32_t cell = hole;
    for (uint32_t i = 0; i < PIN_CELLS; i++) {
        cell = (cell + 1) & (PIN_CELLS - 1);
        if (cells[cell].count == 0)
            return;
        // It may fill the hole unless its home lies behind the hole.
        uint32_t from_home = (cell - cell_of(cells[cell].offset)) & (PIN_CELLS - 1);
        uint32_t from_hole = (cell - hole) & (PIN_CELLS - 1);
        if (from_home < from_hole)
            continue;
        cells[hole] = cells[cell];
        cells[cell].count = 0;
        hole = cell;
    }
}

bool keyspace_pin(struct keyspace *keyspace, struct entry *entry)
{
    assert(!(entry->flags & ENTRY_DEAD));
    uint64_t offset = keyspace_offset(keyspace, entry);
    if (!(entry->flags & ENTRY_PINNED)) {
        if (keyspace->pins == PINS_MAX)
            return false;
        keyspace->pins++;
        entry->flags |= ENTRY_PINNED;
    }
    struct pin *pin = &keyspace->pin_cells[find_cell(keyspace, offset)];
    assert(pin->count < (1U << 24) - 1);
    pin->offset = offset;
    pin->count++;
    return true;
}

void keyspace_unpin(struct keyspace *keyspace, struct entry *entry)
{
    assert(entry->flags & ENTRY_PINNED);
    uint32_t cell = find_cell(keyspace, keyspace_offset(keyspace, entry));
    struct pin *pin = &keyspace->pin_cells[cell];
    assert(pin->count > 0 && keyspace->pins > 0);
    if (pin->count > 1) {
        pin->count--;
        return;
    }
    remove_cell(keyspace, cell);
    keyspace->pins--;
    entry->flags &= (uint8_t)~ENTRY_PINNED;
    if (entry->flags & ENTRY_DEAD) {
        keyspace->pinned_dead_bytes -= arena_block_bytes(keyspace->arena, entry);
        arena_free(keyspace->arena, entry);
    }
}
