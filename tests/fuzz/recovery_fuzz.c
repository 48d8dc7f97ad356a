// Fuzzes recovery: a log of real lives, damaged as the input says. Recovery must end, and what it
// replays, if it does not refuse, is a prefix of history.
//
// Build: clang -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -I. tests/fuzz/recovery_fuzz.c
//        wal/*.c storage/allocator.c
#include "tests/unit/wal_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEEDS 8

static const struct driver_options always = {
    .durable = true, .failure = 40, .large = 5, .value_max = 3000};
static const struct driver_options everysec = {
    .durable = false, .failure = 40, .large = 5, .value_max = 3000};
static const struct driver_options checkpoints = {
    .durable = true, .failure = 20, .large = 2, .value_max = 9000, .checkpoints = 50};

// Lives and crashes; the last one leaves its tail torn.
static struct driver *build(uint64_t seed)
{
    struct driver *d = malloc(sizeof(*d));
    const struct driver_options *options = seed % 2 ? &always : &everysec;
    driver_create(d, seed, seed % 4 < 2 ? options : &checkpoints);
    for (uint32_t life = 0; life < 3; life++) {
        enum wal_verdict verdict = driver_recover(d);
        assert(!wal_verdict_refuses(verdict));
        if (!driver_open(d, 3))
            break;
        for (uint32_t step = 0; step < (d->options.checkpoints > 0 ? 600 : 120); step++) {
            if (!driver_step(d))
                break;
        }
        disk_crash(&d->disk);
        driver_stop(d);
    }
    return d;
}

struct input {
    const uint8_t *data;
    size_t size;
};

static uint32_t input_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

// Changes a header's field and makes its checksum right again: what only a faulty program writes.
static void forge(struct driver *d, struct input *input)
{
    uint32_t slot = input_byte(input) % 8;
    uint64_t block = input_byte(input) % 64 * WAL_BLOCK_BYTES;
    struct disk_file *file = disk_file(&d->disk, slot);
    if (block + WAL_BLOCK_BYTES > file->length)
        return;
    uint8_t *at = file->stable + block;
    uint32_t field = 8 + input_byte(input) % 56;
    at[field] = (uint8_t)input_byte(input);
    struct wal_segment_block header;
    struct wal_frame_header frame;
    memcpy(&header, at, sizeof(header));
    memcpy(&frame, at, sizeof(frame));
    if (block == 0 && header.first > header.durable && header.number > 0 &&
        header.slot < WAL_SEGMENTS_MAX)
        wal_segment_encode(at, &d->identity, header);
    else if (block > 0 && wal_frame_plausible(at, file->length - block))
        wal_frame_seal(at, &d->identity, block);
}

// The same of a checkpoint: its frames are sealed in their order, as far as they make one.
static void forge_checkpoint(struct driver *d, struct input *input)
{
    struct disk_file *file = disk_file(&d->disk, WAL_SLOT_CHECKPOINT);
    uint64_t numbers[2];
    disk_checkpoints(&d->disk, numbers);
    uint64_t block = input_byte(input) % 16 * WAL_BLOCK_BYTES;
    uint32_t field = input_byte(input);
    uint8_t value = (uint8_t)input_byte(input);
    if (block + WAL_BLOCK_BYTES > file->length)
        return;
    file->stable[block + field] = value;
    struct wal_checkpoint_writer writer;
    uint64_t most = wal_checkpoint_frame_bytes_max(d->identity.segment_bytes);
    wal_checkpoint_open(&writer, &d->identity, numbers[0]);
    while (writer.offset + most <= file->length) {
        uint8_t *frame = file->stable + writer.offset;
        struct wal_checkpoint_header header;
        struct wal_checkpoint_begin begin;
        struct wal_checkpoint_end end;
        memcpy(&header, frame, sizeof(header));
        memcpy(&begin, frame + sizeof(header), sizeof(begin));
        memcpy(&end, frame + sizeof(header), sizeof(end));
        if (header.kind == WAL_CHECKPOINT_BEGIN && begin.first > 0 && writer.offset == 0) {
            wal_checkpoint_write_begin(&writer, frame, &begin);
        } else if (header.kind == WAL_CHECKPOINT_RECORDS && header.length > 0 &&
                   header.length <= most - sizeof(header) && writer.offset > 0) {
            wal_checkpoint_frame(&writer, frame);
            writer.used += header.length;
            writer.count = header.count > 0 ? header.count : 1;
            wal_checkpoint_frame_close(&writer);
        } else {
            if (header.kind == WAL_CHECKPOINT_END && writer.offset > 0) {
                writer.records = end.records;
                wal_checkpoint_write_end(&writer, frame, end.durable, end.chain);
            }
            return;
        }
    }
}

static int apply_nothing(void *context, const struct wal_record *record)
{
    (void)context;
    return record->key_length > KEY_BYTES_MAX ? -EBADMSG : 0;
}

static void forge_and_recover(struct driver *d, struct input *input)
{
    for (uint32_t i = 0; i < 16 && input->size > 0; i++) {
        if (input_byte(input) % 2 == 0)
            forge(d, input);
        else
            forge_checkpoint(d, input);
    }
    struct wal_source source = driver_source(d);
    source.apply = apply_nothing;
    int result = wal_recover(d->recovery, &d->identity, &source, DISK_SLOTS, &d->result);
    assert(result == 0);
}

static void damage(struct driver *d, struct input *input)
{
    struct disk *disk = &d->disk;
    uint32_t what = input_byte(input);
    static const uint32_t others[] = {WAL_SLOT_COMPLETION, WAL_SLOT_CHECKPOINT,
                                      WAL_SLOT_CHECKPOINT_OLDER};
    uint32_t slot = input_byte(input) % 11;
    if (slot >= 8)
        slot = others[slot - 8];
    uint64_t block = input_byte(input) * WAL_BLOCK_BYTES;
    uint32_t other = input_byte(input) % 8;
    uint64_t length = disk_file(disk, slot)->length;
    switch (what % 8) {
    case 0:
    case 1:
        disk_flip(disk, slot, block + other * 16 + input_byte(input), 1 << what / 8 % 8);
        break;
    case 2:
        disk_zero(disk, slot, block, WAL_BLOCK_BYTES);
        break;
    case 3:
        disk_truncate(disk, slot, block + input_byte(input));
        break;
    case 4:
        if (slot < DISK_SLOTS && slot != other && length > 0)
            disk_swap(disk, slot, other);
        break;
    case 5:
        if (slot < DISK_SLOTS && slot != other && length > 0)
            disk_duplicate(disk, slot, other);
        break;
    case 6: // a block elsewhere in the file
        if (block + (other + 1) * WAL_BLOCK_BYTES < length)
            memcpy(disk_file(disk, slot)->stable + block,
                   disk_file(disk, slot)->stable + block + other * WAL_BLOCK_BYTES,
                   WAL_BLOCK_BYTES);
        break;
    default: // a lower length in a frame's header, or any field
        for (uint32_t i = 0; i < 8 && block + other * 8 + i < length; i++)
            disk_file(disk, slot)->stable[block + other * 8 + i] = (uint8_t)input_byte(input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct driver *built[SEEDS]; // never changed once made
    struct input input = {.data = data, .size = size};
    uint32_t first = input_byte(&input);
    uint32_t seed = first % SEEDS;
    bool forging = first / SEEDS % 4 == 0;
    if (built[seed] == NULL)
        built[seed] = build(seed + 1);
    struct driver *d = built[seed];
    struct disk original = d->disk;
    disk_copy(&d->disk, &original);
    d->disk.bad = input_byte(&input) % 8 == 0;
    d->disk.bad_slot = input_byte(&input) % 8;
    d->disk.bad_offset = input_byte(&input) * WAL_BLOCK_BYTES;
    if (forging)
        forge_and_recover(d, &input);
    for (uint32_t i = 0; i < 64 && input.size > 0; i++)
        damage(d, &input);
    if (!forging && !wal_verdict_refuses(driver_recover(d)))
        assert(model_prefix(&d->model) != UINT32_MAX);
    disk_free(&d->disk);
    d->disk = original;
    return 0;
}
