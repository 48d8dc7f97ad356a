// Checkpoints: their frames, put together and taken apart.
#include "wal/checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static_assert(sizeof(struct wal_checkpoint_header) + sizeof(struct wal_checkpoint_begin) <=
                  WAL_BLOCK_BYTES,
              "BEGIN is one block");

uint64_t wal_checkpoint_frame_bytes_max(uint64_t segment_bytes)
{
    return wal_frame_bytes_max(segment_bytes);
}

uint64_t wal_checkpoint_frame_bytes(uint64_t segment_bytes)
{
    uint64_t most = wal_checkpoint_frame_bytes_max(segment_bytes);
    return most < CHECKPOINT_FRAME_BYTES ? most : CHECKPOINT_FRAME_BYTES;
}

// As in a frame of the log: the header's hash is the seed of the payload's.
static uint64_t checkpoint_checksum(const struct wal_identity *identity,
                                    struct wal_checkpoint_header header, const uint8_t *payload,
                                    uint64_t offset)
{
    header.checksum = 0;
    uint64_t seed = wal_checkpoint_seed(identity, header.number, offset);
    uint64_t seed_payload = XXH3_64bits_withSeed(&header, sizeof(header), seed);
    return XXH3_64bits_withSeed(payload, header.length, seed_payload);
}

// --- writing -----------------------------------------------------------------------------------

void wal_checkpoint_open(struct wal_checkpoint_writer *writer, const struct wal_identity *identity,
                         uint64_t number)
{
    assert(number > 0);
    *writer = (struct wal_checkpoint_writer){.identity = identity, .number = number};
}

// Fills in the header of the frame with this payload, pads it and moves beyond it.
static uint64_t checkpoint_seal(struct wal_checkpoint_writer *writer, uint8_t *frame,
                                enum wal_checkpoint_kind kind, uint64_t length, uint32_t count)
{
    struct wal_checkpoint_header header = {
        .magic = WAL_CHECKPOINT_MAGIC,
        .version = WAL_FORMAT_VERSION,
        .kind = (uint16_t)kind,
        .number = writer->number,
        .chain = writer->chain,
        .length = (uint32_t)length,
        .count = count,
    };
    assert(length > 0 && length <= UINT32_MAX && writer->offset % WAL_BLOCK_BYTES == 0);
    header.checksum =
        checkpoint_checksum(writer->identity, header, frame + sizeof(header), writer->offset);
    memcpy(frame, &header, sizeof(header));
    uint64_t bytes = wal_round(sizeof(header) + length);
    memset(frame + sizeof(header) + length, 0, bytes - sizeof(header) - length);
    writer->chain = header.checksum;
    writer->offset += bytes;
    return bytes;
}

uint64_t wal_checkpoint_write_begin(struct wal_checkpoint_writer *writer, uint8_t *frame,
                                    const struct wal_checkpoint_begin *begin)
{
    assert(writer->offset == 0 && writer->frame == NULL);
    assert(begin->first > 0);
    memcpy(frame + sizeof(struct wal_checkpoint_header), begin, sizeof(*begin));
    return checkpoint_seal(writer, frame, WAL_CHECKPOINT_BEGIN, sizeof(*begin), 0);
}

uint64_t wal_checkpoint_write_end(struct wal_checkpoint_writer *writer, uint8_t *frame,
                                  uint64_t durable, uint64_t chain)
{
    assert(writer->offset > 0 && writer->frame == NULL);
    struct wal_checkpoint_end end = {
        .durable = durable, .chain = chain, .records = writer->records};
    memcpy(frame + sizeof(struct wal_checkpoint_header), &end, sizeof(end));
    return checkpoint_seal(writer, frame, WAL_CHECKPOINT_END, sizeof(end), 0);
}

void wal_checkpoint_frame(struct wal_checkpoint_writer *writer, uint8_t *frame)
{
    assert(writer->frame == NULL && writer->offset > 0);
    assert((uintptr_t)frame % WAL_BLOCK_BYTES == 0);
    writer->frame = frame;
    writer->room = wal_checkpoint_frame_bytes_max(writer->identity->segment_bytes);
    writer->used = sizeof(struct wal_checkpoint_header);
    writer->count = 0;
}

bool wal_checkpoint_append(struct wal_checkpoint_writer *writer, const struct wal_record *record)
{
    assert(writer->frame != NULL);
    size_t bytes = wal_record_bytes(record);
    if (bytes > writer->room - writer->used)
        return false;
    writer->used += wal_record_encode(writer->frame + writer->used, record);
    writer->count++;
    return true;
}

uint64_t wal_checkpoint_room(const struct wal_checkpoint_writer *writer, uint32_t key_length)
{
    assert(writer->frame != NULL);
    uint64_t usual = wal_checkpoint_frame_bytes(writer->identity->segment_bytes);
    uint64_t overhead = WAL_RECORD_OVERHEAD_MAX + (uint64_t)key_length;
    // Beside a long key there has to be much data, or the key would be most of what is written.
    if (writer->count == 0 && overhead > usual / 4) {
        assert(overhead < writer->room - writer->used);
        return writer->room - writer->used - overhead;
    }
    uint64_t left = usual > writer->used ? usual - writer->used : 0;
    return left > overhead ? left - overhead : 0;
}

uint64_t wal_checkpoint_frame_close(struct wal_checkpoint_writer *writer)
{
    assert(writer->frame != NULL);
    uint8_t *frame = writer->frame;
    writer->frame = NULL;
    if (writer->count == 0)
        return 0;
    writer->records += writer->count;
    return checkpoint_seal(writer, frame, WAL_CHECKPOINT_RECORDS,
                           writer->used - sizeof(struct wal_checkpoint_header), writer->count);
}

// --- reading -----------------------------------------------------------------------------------

void wal_checkpoint_read(struct wal_checkpoint_reader *reader, const struct wal_identity *identity,
                         uint64_t number)
{
    assert(number > 0);
    *reader = (struct wal_checkpoint_reader){.identity = identity, .number = number};
}

// Is this the length that a frame of its kind has, and is it its turn?
static bool checkpoint_kind_valid(const struct wal_checkpoint_reader *reader,
                                  const struct wal_checkpoint_header *header)
{
    switch (header->kind) {
    case WAL_CHECKPOINT_BEGIN:
        return !reader->begun && header->count == 0 &&
               header->length == sizeof(struct wal_checkpoint_begin);
    case WAL_CHECKPOINT_RECORDS:
        return reader->begun && header->count > 0 && header->length > 0;
    case WAL_CHECKPOINT_END:
        return reader->begun && header->count == 0 &&
               header->length == sizeof(struct wal_checkpoint_end);
    default:
        return false;
    }
}

int64_t wal_checkpoint_frame_length(const struct wal_checkpoint_reader *reader,
                                    const uint8_t *bytes)
{
    struct wal_checkpoint_header header;
    memcpy(&header, bytes, sizeof(header));
    if (reader->ended || header.magic != WAL_CHECKPOINT_MAGIC ||
        header.version != WAL_FORMAT_VERSION || header.number != reader->number ||
        header.chain != reader->chain || !checkpoint_kind_valid(reader, &header))
        return -EBADMSG;
    uint64_t length = wal_round(sizeof(header) + (uint64_t)header.length);
    if (length > wal_checkpoint_frame_bytes_max(reader->identity->segment_bytes))
        return -EBADMSG;
    return (int64_t)length;
}

bool wal_checkpoint_resync(struct wal_checkpoint_reader *reader, const uint8_t *bytes,
                           uint64_t offset)
{
    struct wal_checkpoint_header header;
    struct wal_checkpoint_reader there = *reader;
    memcpy(&header, bytes, sizeof(header));
    there.chain = header.chain;
    there.offset = offset;
    there.gaps = true;
    if (wal_checkpoint_frame_length(&there, bytes) < 0)
        return false;
    *reader = there;
    return true;
}

static bool checkpoint_begin_valid(const struct wal_checkpoint_begin *begin)
{
    if (begin->first == 0 || begin->segment == 0)
        return false;
    return begin->offset % WAL_BLOCK_BYTES == 0 && begin->offset >= WAL_BLOCK_BYTES;
}

int wal_checkpoint_frame_take(struct wal_checkpoint_reader *reader, const uint8_t *frame,
                              const uint8_t **records, uint64_t *length, uint32_t *count)
{
    int64_t bytes = wal_checkpoint_frame_length(reader, frame);
    if (bytes < 0)
        return -EBADMSG;
    struct wal_checkpoint_header header;
    memcpy(&header, frame, sizeof(header));
    const uint8_t *payload = frame + sizeof(header);
    if (header.checksum != checkpoint_checksum(reader->identity, header, payload, reader->offset))
        return -EBADMSG;
    *records = NULL;
    *length = 0;
    *count = 0;
    if (header.kind == WAL_CHECKPOINT_BEGIN) {
        memcpy(&reader->begin, payload, sizeof(reader->begin));
        if (!checkpoint_begin_valid(&reader->begin))
            return -EBADMSG;
        reader->begun = true;
    } else if (header.kind == WAL_CHECKPOINT_RECORDS) {
        *records = payload;
        *length = header.length;
        *count = header.count;
        reader->records += header.count;
    } else {
        memcpy(&reader->end, payload, sizeof(reader->end));
        bool all = reader->end.records == reader->records || reader->gaps;
        if (!all || reader->end.durable + 1 < wal_checkpoint_log(&reader->begin))
            return -EBADMSG;
        reader->ended = true;
    }
    reader->chain = header.checksum;
    reader->offset += (uint64_t)bytes;
    return 0;
}
