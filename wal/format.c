// The log's format on disk: encoding, decoding and checksums of its four structures.
#include "wal/format.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

// The structures are copied to and from disk as they are.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little-endian");
static_assert(sizeof(struct wal_instance_block) <= WAL_BLOCK_BYTES, "one block each");

// Checksums of different structures are seeded differently, so that none can pass for another.
enum seed_kind {
    SEED_CHAIN = 1,
    SEED_SEGMENT,
    SEED_COMPLETION,
    SEED_FRAME,
    SEED_CHECKPOINT,
};

// XXH3 with a seed made of the secret id, the kind and the place: the same bytes elsewhere (another
// instance, segment or offset) have another checksum.
static uint64_t format_seed(const struct wal_identity *identity, enum seed_kind kind,
                            uint64_t major, uint64_t minor)
{
    struct {
        uint8_t id[16];
        uint64_t kind;
        uint64_t major;
        uint64_t minor;
    } place;
    static_assert(sizeof(place) == 40, "no padding may be hashed");
    memcpy(place.id, identity->id, sizeof(place.id));
    place.kind = kind;
    place.major = major;
    place.minor = minor;
    return XXH3_64bits(&place, sizeof(place));
}

uint64_t wal_round(uint64_t bytes)
{
    assert(bytes <= UINT64_MAX - WAL_BLOCK_BYTES);
    return (bytes + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
}

uint64_t wal_frame_bytes_max(uint64_t segment_bytes)
{
    assert(wal_segment_bytes_valid(segment_bytes));
    uint64_t quarter = (segment_bytes - WAL_BLOCK_BYTES) / 4 / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    return quarter < WAL_FRAME_BYTES_MAX ? quarter : WAL_FRAME_BYTES_MAX;
}

bool wal_segment_bytes_valid(uint64_t segment_bytes)
{
    return segment_bytes % WAL_BLOCK_BYTES == 0 && segment_bytes >= WAL_SEGMENT_BYTES_MIN &&
           segment_bytes <= WAL_SEGMENT_BYTES_MAX;
}

bool wal_block_is_zero(const uint8_t block[WAL_BLOCK_BYTES])
{
    // Comparing the block with itself, shifted by one: equal throughout and zero at the start.
    return block[0] == 0 && memcmp(block, block + 1, WAL_BLOCK_BYTES - 1) == 0;
}

// --- instance --------------------------------------------------------------------------------

void wal_instance_encode(uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity)
{
    assert(wal_segment_bytes_valid(identity->segment_bytes));
    struct wal_instance_block instance = {
        .magic = WAL_INSTANCE_MAGIC,
        .version = WAL_FORMAT_VERSION,
        .segment_bytes = identity->segment_bytes,
    };
    memcpy(instance.id, identity->id, sizeof(instance.id));
    instance.checksum = XXH3_64bits(&instance, offsetof(struct wal_instance_block, checksum));
    memset(block, 0, WAL_BLOCK_BYTES);
    memcpy(block, &instance, sizeof(instance));
}

int wal_instance_decode(const uint8_t block[WAL_BLOCK_BYTES], struct wal_identity *identity)
{
    struct wal_instance_block instance;
    memcpy(&instance, block, sizeof(instance));
    if (instance.magic != WAL_INSTANCE_MAGIC)
        return -EBADMSG;
    // Before the version: a damaged version field is damage, not a newer program. Later versions
    // therefore keep this structure and its checksum as they are.
    if (instance.checksum != XXH3_64bits(&instance, offsetof(struct wal_instance_block, checksum)))
        return -EBADMSG;
    if (instance.version != WAL_FORMAT_VERSION)
        return -EPROTONOSUPPORT;
    if (!wal_segment_bytes_valid(instance.segment_bytes))
        return -EBADMSG;
    memcpy(identity->id, instance.id, sizeof(identity->id));
    identity->segment_bytes = instance.segment_bytes;
    return 0;
}

uint64_t wal_chain_start(const struct wal_identity *identity)
{
    return format_seed(identity, SEED_CHAIN, identity->segment_bytes, 0);
}

// --- segment header --------------------------------------------------------------------------

static uint64_t segment_checksum(const struct wal_identity *identity,
                                 const struct wal_segment_block *header)
{
    uint64_t seed = format_seed(identity, SEED_SEGMENT, header->number, header->slot);
    return XXH3_64bits_withSeed(header, offsetof(struct wal_segment_block, checksum), seed);
}

void wal_segment_encode(uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity,
                        struct wal_segment_block header)
{
    assert(header.number > 0 && header.first > 0 && header.durable < header.first);
    assert(header.slot < WAL_SEGMENTS_MAX);
    header.magic = WAL_SEGMENT_MAGIC;
    header.version = WAL_FORMAT_VERSION;
    memcpy(header.id, identity->id, sizeof(header.id));
    header.checksum = segment_checksum(identity, &header);
    memset(block, 0, WAL_BLOCK_BYTES);
    memcpy(block, &header, sizeof(header));
}

bool wal_segment_decode(const uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity,
                        uint32_t slot, struct wal_segment_block *header)
{
    struct wal_segment_block found;
    memcpy(&found, block, sizeof(found));
    if (found.magic != WAL_SEGMENT_MAGIC || found.version != WAL_FORMAT_VERSION)
        return false;
    if (found.slot != slot || memcmp(found.id, identity->id, sizeof(found.id)) != 0)
        return false;
    if (found.checksum != segment_checksum(identity, &found))
        return false;
    if (found.number == 0 || found.first == 0 || found.durable >= found.first)
        return false;
    *header = found;
    return true;
}

// --- completion record -----------------------------------------------------------------------

static uint64_t completion_checksum(const struct wal_identity *identity,
                                    const struct wal_completion_block *record)
{
    uint64_t index = record->counter % WAL_COMPLETION_BLOCKS;
    uint64_t seed = format_seed(identity, SEED_COMPLETION, record->counter, index);
    return XXH3_64bits_withSeed(record, offsetof(struct wal_completion_block, checksum), seed);
}

void wal_completion_encode(uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity,
                           struct wal_completion_block record)
{
    assert(record.counter > 0);
    assert((record.flags & ~(uint32_t)WAL_COMPLETION_CLEAN) == 0);
    record.magic = WAL_COMPLETION_MAGIC;
    record.version = WAL_FORMAT_VERSION;
    record.checksum = completion_checksum(identity, &record);
    memset(block, 0, WAL_BLOCK_BYTES);
    memcpy(block, &record, sizeof(record));
}

bool wal_completion_decode(const uint8_t block[WAL_BLOCK_BYTES],
                           const struct wal_identity *identity, uint32_t index,
                           struct wal_completion_block *record)
{
    assert(index < WAL_COMPLETION_BLOCKS);
    struct wal_completion_block found;
    memcpy(&found, block, sizeof(found));
    if (found.magic != WAL_COMPLETION_MAGIC || found.version != WAL_FORMAT_VERSION)
        return false;
    if (found.counter == 0 || found.counter % WAL_COMPLETION_BLOCKS != index)
        return false;
    if (found.checksum != completion_checksum(identity, &found))
        return false;
    *record = found;
    return true;
}

uint64_t wal_completion_initial(uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity)
{
    struct wal_completion_block record = {
        .counter = WAL_COMPLETION_INITIAL,
        .durable = 0,
        .chain = wal_chain_start(identity),
    };
    wal_completion_encode(block, identity, record);
    return record.counter % WAL_COMPLETION_BLOCKS * WAL_BLOCK_BYTES;
}

// --- frame -----------------------------------------------------------------------------------

// The header's hash is the seed of the records' hash: one value over both, without a copy of the
// records to put a zero where the checksum is.
static uint64_t frame_checksum(const struct wal_identity *identity, struct wal_frame_header header,
                               const uint8_t *records, uint64_t offset)
{
    header.checksum = 0;
    uint64_t seed = format_seed(identity, SEED_FRAME, header.segment, offset);
    uint64_t seed_records = XXH3_64bits_withSeed(&header, sizeof(header), seed);
    return XXH3_64bits_withSeed(records, header.length, seed_records);
}

uint64_t wal_frame_seal(uint8_t *frame, const struct wal_identity *identity, uint64_t offset)
{
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    header.checksum = frame_checksum(identity, header, frame + sizeof(header), offset);
    memcpy(frame, &header, sizeof(header));
    assert(wal_frame_plausible(frame, WAL_FRAME_BYTES_MAX));
    assert(offset >= WAL_BLOCK_BYTES && offset % WAL_BLOCK_BYTES == 0);
    return header.checksum;
}

uint64_t wal_checkpoint_seed(const struct wal_identity *identity, uint64_t number, uint64_t offset)
{
    return format_seed(identity, SEED_CHECKPOINT, number, offset);
}

bool wal_frame_plausible(const uint8_t *frame, uint64_t available)
{
    if (available < sizeof(struct wal_frame_header))
        return false;
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    if (header.magic != WAL_FRAME_MAGIC || header.version != WAL_FORMAT_VERSION)
        return false;
    if ((header.flags & ~WAL_FRAME_COMMIT) != 0 || header.segment == 0)
        return false;
    if (header.length == 0 || header.count == 0)
        return false;
    if (wal_round(sizeof(header) + (uint64_t)header.length) > available)
        return false;
    // D is a commit frame before this one, so it lies before this one's batch.
    return header.durable < header.batch_first && header.batch_first <= header.sequence;
}

bool wal_frame_valid(const uint8_t *frame, const struct wal_identity *identity, uint64_t segment,
                     uint64_t offset)
{
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    if (header.segment != segment)
        return false;
    return header.checksum == frame_checksum(identity, header, frame + sizeof(header), offset);
}
