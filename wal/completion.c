// The completion log's writing side: small witnesses of D, round robin, one write in flight.
#include "wal/log_internal.h"

#include <assert.h>

bool wal_completion_due(const struct wal *wal)
{
    uint64_t said =
        wal->completion_active ? wal->completion_point.sequence : wal->completion.sequence;
    bool any = wal->completion_any || wal->completion_active;
    uint64_t checkpoint = wal->completion_active ? wal->checkpoint_saying : wal->checkpoint_said;
    return !any || wal->durable.sequence > said || wal->checkpoint > checkpoint;
}

// Nothing is open, waiting, in flight or written but not durable.
static bool log_is_quiet(const struct wal *wal)
{
    return wal->batches[wal->open].bytes == 0 && !wal->writing && !wal->flight.active &&
           wal->unsynced_count == 0 && wal->durable.sequence == wal->written;
}

bool wal_completion_next(struct wal *wal, bool clean, const uint8_t **block, uint64_t *offset)
{
    if (wal->completion_active || (!clean && !wal_completion_due(wal)))
        return false;
    wal->completion_active = true;
    wal->completion_point = wal->durable;
    wal->checkpoint_saying = wal->checkpoint;
    // A block that failed is passed over with its counter: should it be there after all, what it
    // says is true.
    wal->completion_counter++;
    struct wal_completion_block record = {
        .flags = clean && log_is_quiet(wal) ? WAL_COMPLETION_CLEAN : 0,
        .counter = wal->completion_counter,
        .durable = wal->durable.sequence,
        .chain = wal->durable.chain,
        .segment = wal->segment_durable,
        .checkpoint = wal->checkpoint,
    };
    wal_completion_encode(wal->completion_block, &wal->identity, record);
    *block = wal->completion_block;
    *offset = wal->completion_counter % WAL_COMPLETION_BLOCKS * WAL_BLOCK_BYTES;
    return true;
}

bool wal_completion_in_flight(const struct wal *wal)
{
    return wal->completion_active;
}

void wal_completion_done(struct wal *wal, int result)
{
    assert(wal->completion_active && result <= 0);
    assert(wal->completion_point.sequence >= wal->completion.sequence);
    wal->completion_active = false;
    if (result != 0)
        return;
    wal->completion = wal->completion_point;
    wal->checkpoint_said = wal->checkpoint_saying;
    wal->completion_any = true;
}

void wal_checkpoint_verified(struct wal *wal, uint64_t number)
{
    assert(number > wal->checkpoint);
    wal->checkpoint = number;
}

bool wal_checkpoint_witnessed(const struct wal *wal, uint64_t number)
{
    return wal->checkpoint_said >= number;
}

uint64_t wal_batch_completed(const struct wal *wal)
{
    return wal->completion.batch;
}
