// The log's format: what is encoded is decoded again, and not one bit of it may differ.
#include "wal/format.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const struct wal_identity identity = {
    .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, .segment_bytes = MIB(64)};

static struct wal_identity other_identity(void)
{
    struct wal_identity other = identity;
    other.id[15] ^= 1;
    return other;
}

Test(wal_format, sizes)
{
    cr_assert_eq(wal_round(0), 0);
    cr_assert_eq(wal_round(1), WAL_BLOCK_BYTES);
    cr_assert_eq(wal_round(WAL_BLOCK_BYTES), WAL_BLOCK_BYTES);
    cr_assert_eq(wal_frame_bytes_max(KIB(256)), KIB(60));
    cr_assert_eq(wal_frame_bytes_max(MIB(64)), MIB(16) - WAL_BLOCK_BYTES);
    cr_assert_eq(wal_frame_bytes_max(GIB(1)), MIB(16));
    cr_assert(wal_segment_bytes_valid(KIB(256) + WAL_BLOCK_BYTES));
    cr_assert_eq(wal_frame_bytes_max(KIB(256) + WAL_BLOCK_BYTES) % WAL_BLOCK_BYTES, 0);
    cr_assert(!wal_segment_bytes_valid(KIB(256) + 1));
    cr_assert(!wal_segment_bytes_valid(KIB(128)));
    cr_assert(!wal_segment_bytes_valid(GIB(2)));
    uint8_t block[WAL_BLOCK_BYTES] = {0};
    cr_assert(wal_block_is_zero(block));
    for (uint32_t i = 0; i < WAL_BLOCK_BYTES; i += 511) {
        block[i] = 1;
        cr_assert(!wal_block_is_zero(block));
        block[i] = 0;
    }
    block[WAL_BLOCK_BYTES - 1] = 1;
    cr_assert(!wal_block_is_zero(block));
}

Test(wal_format, instance)
{
    uint8_t block[WAL_BLOCK_BYTES];
    struct wal_identity found = {0};
    wal_instance_encode(block, &identity);
    cr_assert_eq(wal_instance_decode(block, &found), 0);
    cr_assert_eq(memcmp(found.id, identity.id, 16), 0);
    cr_assert_eq(found.segment_bytes, identity.segment_bytes);
    for (uint32_t bit = 0; bit < 8 * sizeof(struct wal_instance_block); bit++) {
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(wal_instance_decode(block, &found), -EBADMSG, "bit %u", bit);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(wal_format, segment)
{
    uint8_t block[WAL_BLOCK_BYTES];
    struct wal_segment_block header = {
        .slot = 7, .number = 9, .first = 100, .chain = 12345, .durable = 99};
    struct wal_segment_block found;
    wal_segment_encode(block, &identity, header);
    cr_assert(wal_segment_decode(block, &identity, 7, &found));
    cr_assert(found.number == 9 && found.first == 100 && found.chain == 12345);
    cr_assert_eq(found.durable, 99);
    cr_assert(!wal_segment_decode(block, &identity, 8, &found));
    struct wal_identity other = other_identity();
    cr_assert(!wal_segment_decode(block, &other, 7, &found));
    for (uint32_t bit = 0; bit < 8 * sizeof(header); bit++) {
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(!wal_segment_decode(block, &identity, 7, &found), "bit %u", bit);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(wal_format, completion)
{
    uint8_t block[WAL_BLOCK_BYTES];
    struct wal_completion_block record = {
        .flags = WAL_COMPLETION_CLEAN, .counter = 70, .durable = 5, .chain = 6, .segment = 7};
    struct wal_completion_block found;
    wal_completion_encode(block, &identity, record);
    cr_assert(wal_completion_decode(block, &identity, 6, &found));
    cr_assert(found.counter == 70 && found.durable == 5 && found.chain == 6);
    cr_assert(found.segment == 7 && found.flags == WAL_COMPLETION_CLEAN);
    cr_assert(!wal_completion_decode(block, &identity, 7, &found));
    struct wal_identity other = other_identity();
    cr_assert(!wal_completion_decode(block, &other, 6, &found));
    for (uint32_t bit = 0; bit < 8 * sizeof(record); bit++) {
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(!wal_completion_decode(block, &identity, 6, &found), "bit %u", bit);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint64_t offset = wal_completion_initial(block, &identity);
    uint32_t index = (uint32_t)(offset / WAL_BLOCK_BYTES);
    cr_assert(wal_completion_decode(block, &identity, index, &found));
    cr_assert(found.counter == 1 && found.durable == 0);
    cr_assert_eq(found.chain, wal_chain_start(&identity));
}

Test(wal_format, frame)
{
    uint8_t frame[2 * WAL_BLOCK_BYTES] = {0};
    struct wal_frame_header header = {
        .magic = WAL_FRAME_MAGIC,
        .version = WAL_FORMAT_VERSION,
        .flags = WAL_FRAME_COMMIT,
        .segment = 3,
        .sequence = 10,
        .batch_first = 9,
        .durable = 8,
        .chain = 77,
        .length = 5000,
        .count = 2,
    };
    memcpy(frame, &header, sizeof(header));
    memset(frame + sizeof(header), 0xab, header.length);
    uint64_t chain = wal_frame_seal(frame, &identity, 8192);
    memcpy(&header, frame, sizeof(header));
    cr_assert_eq(header.checksum, chain);
    cr_assert(wal_frame_plausible(frame, sizeof(frame)));
    cr_assert(!wal_frame_plausible(frame, WAL_BLOCK_BYTES));
    cr_assert(!wal_frame_plausible(frame, 63));
    cr_assert(wal_frame_valid(frame, &identity, 3, 8192));
    // Elsewhere it is not valid: offset, segment, instance.
    cr_assert(!wal_frame_valid(frame, &identity, 3, 4096));
    cr_assert(!wal_frame_valid(frame, &identity, 4, 8192));
    struct wal_identity other = other_identity();
    cr_assert(!wal_frame_valid(frame, &other, 3, 8192));
    for (uint32_t bit = 0; bit < 8 * (sizeof(header) + header.length); bit++) {
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool valid =
            wal_frame_plausible(frame, sizeof(frame)) && wal_frame_valid(frame, &identity, 3, 8192);
        cr_assert(!valid, "bit %u", bit);
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    // D never reaches into a frame's own batch.
    header.durable = 9;
    memcpy(frame, &header, sizeof(header));
    cr_assert(!wal_frame_plausible(frame, sizeof(frame)));
}

// The values on disk stay what they are: another program version must read them.
Test(wal_format, golden)
{
    cr_assert_eq(wal_chain_start(&identity), 0xb90615cbb7b4506eULL);
    uint8_t block[WAL_BLOCK_BYTES];
    struct wal_completion_block record = {
        .counter = 1, .durable = 2, .chain = 3, .segment = 4, .checkpoint = 5};
    wal_completion_encode(block, &identity, record);
    memcpy(&record, block, sizeof(record));
    cr_assert_eq(record.checksum, 0x24e814cdf14e0ee9ULL);
    uint8_t frame[WAL_BLOCK_BYTES] = {0};
    struct wal_frame_header header = {
        .magic = WAL_FRAME_MAGIC,
        .version = WAL_FORMAT_VERSION,
        .flags = WAL_FRAME_COMMIT,
        .segment = 1,
        .sequence = 1,
        .batch_first = 1,
        .length = 20,
        .count = 1,
    };
    memcpy(frame, &header, sizeof(header));
    memcpy(frame + sizeof(header), "0123456789abcdefghij", 20);
    cr_assert_eq(wal_frame_seal(frame, &identity, 4096), 0xe88b97b26ddbc7e2ULL);
}
