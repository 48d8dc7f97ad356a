// Checkpoint files: what is written is read again, and nothing else passes for it.
#include "wal/checkpoint.h"
#include "wal/names.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER 7

static const struct wal_identity small_identity = {
    .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, .segment_bytes = KIB(256)};
static const struct wal_identity large_identity = {.id = {9}, .segment_bytes = MIB(64)};

static const struct wal_checkpoint_begin begin_usual = {.first = 101,
                                                        .chain = 0x1234567890abcdef,
                                                        .segment = 9,
                                                        .offset = 5 * WAL_BLOCK_BYTES,
                                                        .keys = 3,
                                                        .next_id = 17,
                                                        .ids = {4, 5, 6}};

// A file in memory, with the writer that fills it.
struct file {
    uint8_t *bytes;
    uint64_t room;
    uint64_t length;
    struct wal_checkpoint_writer writer;
};

static void file_begin(struct file *file, const struct wal_identity *identity)
{
    uint64_t frame = wal_checkpoint_frame_bytes_max(identity->segment_bytes);
    file->room = 2 * frame + MIB(8);
    if (identity == &small_identity)
        file->room = frame + MIB(2);
    file->bytes = aligned_alloc(WAL_BLOCK_BYTES, file->room);
    // What is left of earlier use must not matter.
    memset(file->bytes, 0xa5, file->room);
    wal_checkpoint_open(&file->writer, identity, NUMBER);
    file->length = wal_checkpoint_write_begin(&file->writer, file->bytes, &begin_usual);
    cr_assert_eq(file->length, WAL_BLOCK_BYTES);
}

static void file_end(struct file *file)
{
    file->length +=
        wal_checkpoint_write_end(&file->writer, file->bytes + file->length, 200, 0xfeed);
    cr_assert_eq(file->length, file->writer.offset);
}

static void file_free(struct file *file)
{
    free(file->bytes);
}

// Closes the frame that is being filled and begins the next.
static void frame_next(struct file *file)
{
    file->length += wal_checkpoint_frame_close(&file->writer);
    cr_assert_eq(file->length, file->writer.offset);
    uint64_t most = wal_checkpoint_frame_bytes_max(file->writer.identity->segment_bytes);
    cr_assert(file->length + most <= file->room);
    wal_checkpoint_frame(&file->writer, file->bytes + file->length);
}

static uint8_t byte_at(uint64_t seed, uint64_t index)
{
    return (uint8_t)((seed + index) * 0x9e3779b97f4a7c15ULL >> 56);
}

static struct wal_record set_record(uint8_t *key, uint32_t key_length, uint8_t *data,
                                    uint32_t length, uint64_t seed)
{
    for (uint32_t i = 0; i < key_length; i++)
        key[i] = byte_at(seed, i);
    for (uint32_t i = 0; i < length; i++)
        data[i] = byte_at(seed + 1, i);
    return (struct wal_record){.type = WAL_RECORD_SET,
                               .keyspace = (uint32_t)seed % 5,
                               .key = key,
                               .key_length = key_length,
                               .data = data,
                               .length = length,
                               .total = length,
                               .expiry_ms = seed % 3 == 0 ? (int64_t)seed * 1000 : 0};
}

// A file of a few frames of a few records each.
static void file_make(struct file *file, const struct wal_identity *identity, uint32_t frames)
{
    static uint8_t key[64];
    static uint8_t data[12000];
    file_begin(file, identity);
    wal_checkpoint_frame(&file->writer, file->bytes + file->length);
    for (uint32_t i = 0; i < frames; i++) {
        for (uint32_t j = 0; j <= i; j++) {
            struct wal_record record = set_record(key, 3 + j, data, 2000 * j + 10, 10 * i + j);
            cr_assert(wal_checkpoint_append(&file->writer, &record));
        }
        frame_next(file);
    }
    cr_assert_eq(wal_checkpoint_frame_close(&file->writer), 0);
    file_end(file);
}

// Reads a file as far as it is good. Returns the offset behind that; *records: so many.
static uint64_t file_read(const uint8_t *bytes, uint64_t length,
                          const struct wal_identity *identity, uint64_t number,
                          struct wal_checkpoint_reader *reader, uint64_t *records)
{
    wal_checkpoint_read(reader, identity, number);
    *records = 0;
    while (!reader->ended && reader->offset + WAL_BLOCK_BYTES <= length) {
        const uint8_t *frame = bytes + reader->offset;
        const uint8_t *payload;
        uint64_t payload_length;
        uint32_t count;
        int64_t frame_bytes = wal_checkpoint_frame_length(reader, frame);
        if (frame_bytes < 0 || reader->offset + (uint64_t)frame_bytes > length ||
            wal_checkpoint_frame_take(reader, frame, &payload, &payload_length, &count) < 0)
            break;
        for (uint32_t i = 0; i < count; i++) {
            struct wal_record record;
            int64_t taken = wal_record_decode(payload, payload_length, &record);
            cr_assert(taken > 0);
            payload += taken;
            payload_length -= (uint64_t)taken;
            (*records)++;
        }
        cr_assert_eq(payload_length, 0);
    }
    return reader->offset;
}

static bool file_whole(const uint8_t *bytes, uint64_t length, const struct wal_identity *identity,
                       uint64_t number)
{
    struct wal_checkpoint_reader reader;
    uint64_t records;
    file_read(bytes, length, identity, number, &reader, &records);
    return reader.ended;
}

// --- round trips ---------------------------------------------------------------------------------

Test(wal_checkpoint, round_trip)
{
    struct file file;
    struct wal_checkpoint_reader reader;
    uint64_t records;
    file_make(&file, &small_identity, 4);
    cr_assert_eq(file_read(file.bytes, file.length, &small_identity, NUMBER, &reader, &records),
                 file.length);
    cr_assert(reader.begun && reader.ended);
    cr_assert_eq(records, 10);
    cr_assert_eq(reader.records, 10);
    cr_assert_eq(memcmp(&reader.begin, &begin_usual, sizeof(begin_usual)), 0);
    cr_assert_eq(reader.end.durable, 200);
    cr_assert_eq(reader.end.chain, 0xfeed);
    cr_assert_eq(reader.end.records, 10);
    // Nothing follows the end.
    cr_assert_eq(wal_checkpoint_frame_length(&reader, file.bytes), -EBADMSG);
    file_free(&file);
}

Test(wal_checkpoint, empty)
{
    struct file file;
    struct wal_checkpoint_reader reader;
    uint64_t records;
    file_begin(&file, &small_identity);
    wal_checkpoint_frame(&file.writer, file.bytes + file.length);
    cr_assert_eq(wal_checkpoint_frame_close(&file.writer), 0);
    file_end(&file);
    cr_assert_eq(file.length, 2 * WAL_BLOCK_BYTES);
    file_read(file.bytes, file.length, &small_identity, NUMBER, &reader, &records);
    cr_assert(reader.ended);
    cr_assert_eq(records, 0);
    file_free(&file);
}

// Values of every length around the frame's end, and keys up to the longest: one record a frame.
Test(wal_checkpoint, every_size)
{
    const uint64_t most = wal_checkpoint_frame_bytes_max(small_identity.segment_bytes);
    uint8_t *key = malloc(most);
    uint8_t *data = malloc(most);
    for (uint32_t key_length = 0; key_length < 40000; key_length = key_length * 3 + 1) {
        for (uint64_t length = 0; length < most; length = length * 2 + 1) {
            struct file file;
            struct wal_checkpoint_reader reader;
            uint64_t records;
            struct wal_record record =
                set_record(key, key_length, data, (uint32_t)length, key_length + length);
            bool fits = wal_record_bytes(&record) <= most - sizeof(struct wal_checkpoint_header);
            file_begin(&file, &small_identity);
            wal_checkpoint_frame(&file.writer, file.bytes + file.length);
            cr_assert_eq(wal_checkpoint_append(&file.writer, &record), fits);
            file.length += wal_checkpoint_frame_close(&file.writer);
            file_end(&file);
            file_read(file.bytes, file.length, &small_identity, NUMBER, &reader, &records);
            cr_assert(reader.ended);
            cr_assert_eq(records, fits);
            const uint8_t *payload =
                file.bytes + WAL_BLOCK_BYTES + sizeof(struct wal_checkpoint_header);
            struct wal_record found = {0};
            if (fits)
                cr_assert(wal_record_decode(payload, most, &found) > 0);
            cr_assert(!fits || (found.length == length && found.key_length == key_length &&
                                found.expiry_ms == record.expiry_ms &&
                                memcmp(found.data, data, length) == 0 &&
                                memcmp(found.key, key, key_length) == 0));
            file_free(&file);
        }
    }
    free(key);
    free(data);
}

// A value in pieces, as long as the room says: they follow each other without a gap, and every frame
// stays within what its reader needs.
static void split(const struct wal_identity *identity, uint32_t key_length, uint32_t total)
{
    struct file file;
    struct wal_checkpoint_reader reader;
    uint8_t *key = malloc(key_length + 1);
    uint8_t *data = malloc(total);
    uint64_t usual = wal_checkpoint_frame_bytes(identity->segment_bytes);
    uint64_t most = wal_checkpoint_frame_bytes_max(identity->segment_bytes);
    struct wal_record whole = set_record(key, key_length, data, total, 77);
    file_begin(&file, identity);
    wal_checkpoint_frame(&file.writer, file.bytes + file.length);
    uint32_t done = 0;
    uint32_t pieces = 0;
    while (done < total) {
        uint64_t room = wal_checkpoint_room(&file.writer, key_length);
        if (room == 0) {
            cr_assert(file.writer.count > 0, "an empty frame has room for a piece");
            frame_next(&file);
            continue;
        }
        struct wal_record piece = whole;
        piece.type = done == 0 ? WAL_RECORD_SET : WAL_RECORD_RANGE;
        piece.data = data + done;
        piece.length = total - done < room ? total - done : (uint32_t)room;
        piece.expiry_ms = done == 0 ? whole.expiry_ms : 0;
        piece.offset = done;
        cr_assert(wal_checkpoint_append(&file.writer, &piece), "what the room says fits");
        done += piece.length;
        pieces++;
        bool long_key = WAL_RECORD_OVERHEAD_MAX + (uint64_t)key_length > usual / 4;
        cr_assert(file.writer.used <= (long_key ? most : usual));
    }
    file.length += wal_checkpoint_frame_close(&file.writer);
    file_end(&file);
    wal_checkpoint_read(&reader, identity, NUMBER);
    uint8_t *copy = malloc(total);
    uint32_t found = 0;
    while (!reader.ended) {
        const uint8_t *payload;
        uint64_t length;
        uint32_t count;
        cr_assert_eq(wal_checkpoint_frame_take(&reader, file.bytes + reader.offset, &payload,
                                               &length, &count),
                     0);
        for (uint32_t i = 0; i < count; i++) {
            struct wal_record record;
            int64_t taken = wal_record_decode(payload, length, &record);
            cr_assert(taken > 0 && record.total == total && record.key_length == key_length);
            cr_assert_eq(record.offset, found);
            memcpy(copy + found, record.data, record.length);
            found += record.length;
            payload += taken;
            length -= (uint64_t)taken;
        }
    }
    cr_assert_eq(found, total);
    cr_assert_eq(reader.records, pieces);
    cr_assert_eq(memcmp(copy, data, total), 0);
    free(copy);
    free(key);
    free(data);
    file_free(&file);
}

Test(wal_checkpoint, split_values)
{
    split(&small_identity, 3, 1);
    split(&small_identity, 3, KIB(60));
    split(&small_identity, 3, KIB(500));
    split(&small_identity, KIB(14), KIB(500));
    split(&small_identity, KIB(16), KIB(500));
    // The longest key of a log with such segments, see wal_key_bytes_max.
    split(&small_identity, (KIB(60) - 64) / 2 - WAL_RECORD_OVERHEAD_MAX, KIB(500));
    split(&large_identity, 3, MIB(5));
    split(&large_identity, KIB(300), MIB(3));
}

// --- damage --------------------------------------------------------------------------------------

// Where the bytes that a checksum covers lie: everything but padding.
static void covered(const struct file *file, const struct wal_identity *identity, bool *is)
{
    struct wal_checkpoint_reader reader;
    memset(is, 0, file->length);
    wal_checkpoint_read(&reader, identity, NUMBER);
    while (!reader.ended) {
        struct wal_checkpoint_header header;
        const uint8_t *payload;
        uint64_t length;
        uint32_t count;
        const uint8_t *frame = file->bytes + reader.offset;
        memcpy(&header, frame, sizeof(header));
        memset(is + reader.offset, 1, sizeof(header) + header.length);
        cr_assert_eq(wal_checkpoint_frame_take(&reader, frame, &payload, &length, &count), 0);
    }
}

Test(wal_checkpoint, each_byte_flipped)
{
    struct file file;
    file_make(&file, &small_identity, 3);
    bool *is = malloc(file.length);
    covered(&file, &small_identity, is);
    for (uint64_t at = 0; at < file.length; at++) {
        uint8_t bits = (uint8_t)(1 << at % 8);
        file.bytes[at] ^= bits;
        // Padding means nothing.
        cr_assert_eq(file_whole(file.bytes, file.length, &small_identity, NUMBER), !is[at],
                     "byte %llu", (unsigned long long)at);
        file.bytes[at] ^= bits;
    }
    // Every bit of the headers.
    for (uint64_t block = 0; block < file.length; block += WAL_BLOCK_BYTES) {
        for (uint64_t bit = 0; bit < 8 * sizeof(struct wal_checkpoint_header); bit++) {
            file.bytes[block + bit / 8] ^= (uint8_t)(1 << bit % 8);
            cr_assert_eq(file_whole(file.bytes, file.length, &small_identity, NUMBER), !is[block]);
            file.bytes[block + bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    free(is);
    file_free(&file);
}

Test(wal_checkpoint, each_truncation)
{
    struct file file;
    file_make(&file, &small_identity, 4);
    for (uint64_t length = 0; length < file.length; length += 509)
        cr_assert(!file_whole(file.bytes, length, &small_identity, NUMBER));
    // The rest of the file is zeros instead.
    for (uint64_t length = 0; length < file.length; length += WAL_BLOCK_BYTES) {
        uint8_t *copy = calloc(1, file.length);
        memcpy(copy, file.bytes, length);
        cr_assert(!file_whole(copy, file.length, &small_identity, NUMBER));
        free(copy);
    }
    file_free(&file);
}

// Every block in the place of every other one.
Test(wal_checkpoint, swapped)
{
    struct file file;
    file_make(&file, &small_identity, 4);
    uint64_t blocks = file.length / WAL_BLOCK_BYTES;
    uint8_t *copy = malloc(file.length);
    for (uint64_t one = 0; one < blocks; one++) {
        for (uint64_t other = 0; other < blocks; other++) {
            if (one == other)
                continue;
            memcpy(copy, file.bytes, file.length);
            memcpy(copy + one * WAL_BLOCK_BYTES, file.bytes + other * WAL_BLOCK_BYTES,
                   WAL_BLOCK_BYTES);
            cr_assert(!file_whole(copy, file.length, &small_identity, NUMBER));
            memcpy(copy + other * WAL_BLOCK_BYTES, file.bytes + one * WAL_BLOCK_BYTES,
                   WAL_BLOCK_BYTES);
            cr_assert(!file_whole(copy, file.length, &small_identity, NUMBER));
        }
    }
    free(copy);
    file_free(&file);
}

Test(wal_checkpoint, of_something_else)
{
    struct file file;
    struct wal_identity other = small_identity;
    file_make(&file, &small_identity, 2);
    cr_assert(file_whole(file.bytes, file.length, &small_identity, NUMBER));
    cr_assert(!file_whole(file.bytes, file.length, &small_identity, NUMBER + 1));
    cr_assert(!file_whole(file.bytes, file.length, &small_identity, NUMBER - 1));
    other.id[3] ^= 1;
    cr_assert(!file_whole(file.bytes, file.length, &other, NUMBER));
    file_free(&file);
}

// A file that was a longer checkpoint before: what lies behind the end has no meaning, and what it was
// never goes on where the new one was torn.
Test(wal_checkpoint, written_over)
{
    struct file old;
    struct file new;
    struct wal_checkpoint_reader reader;
    uint64_t records;
    file_make(&old, &small_identity, 6);
    file_make(&new, &small_identity, 3);
    // The same content under the next number.
    wal_checkpoint_open(&new.writer, &small_identity, NUMBER + 1);
    new.length = wal_checkpoint_write_begin(&new.writer, new.bytes, &begin_usual);
    static uint8_t key[8];
    static uint8_t data[9000];
    for (uint32_t i = 0; i < 3; i++) {
        struct wal_record record = set_record(key, 3, data, 9000, i);
        wal_checkpoint_frame(&new.writer, new.bytes + new.length);
        cr_assert(wal_checkpoint_append(&new.writer, &record));
        new.length += wal_checkpoint_frame_close(&new.writer);
    }
    file_end(&new);
    cr_assert(new.length < old.length);
    uint8_t *bytes = malloc(old.length);
    for (uint64_t written = 0; written <= new.length; written += WAL_BLOCK_BYTES) {
        memcpy(bytes, old.bytes, old.length);
        memcpy(bytes, new.bytes, written);
        file_read(bytes, old.length, &small_identity, NUMBER + 1, &reader, &records);
        cr_assert_eq(reader.ended, written == new.length);
        if (written == new.length)
            cr_assert_eq(reader.offset, new.length);
        cr_assert_eq(file_whole(bytes, old.length, &small_identity, NUMBER), written == 0);
    }
    free(bytes);
    file_free(&old);
    file_free(&new);
}

// What only a faulty program would write is not taken, either: its checksums are right.
Test(wal_checkpoint, makes_no_sense)
{
    uint8_t *frame = aligned_alloc(WAL_BLOCK_BYTES, KIB(64));
    struct wal_checkpoint_begin wrong[4] = {begin_usual, begin_usual, begin_usual, begin_usual};
    wrong[0].segment = 0;
    wrong[1].offset = 0;
    wrong[2].offset = WAL_BLOCK_BYTES + 512;
    wrong[3].first = 202; // behind what END says
    for (uint32_t i = 0; i < 4; i++) {
        struct wal_checkpoint_writer writer;
        wal_checkpoint_open(&writer, &small_identity, NUMBER);
        uint64_t length = wal_checkpoint_write_begin(&writer, frame, &wrong[i]);
        length += wal_checkpoint_write_end(&writer, frame + length, 200, 1);
        cr_assert(!file_whole(frame, length, &small_identity, NUMBER), "%u", i);
    }
    // A number of records that is not theirs.
    struct wal_checkpoint_writer writer;
    wal_checkpoint_open(&writer, &small_identity, NUMBER);
    uint64_t length = wal_checkpoint_write_begin(&writer, frame, &begin_usual);
    writer.records++;
    length += wal_checkpoint_write_end(&writer, frame + length, 200, 1);
    cr_assert(!file_whole(frame, length, &small_identity, NUMBER));
    // A second BEGIN.
    wal_checkpoint_open(&writer, &small_identity, NUMBER);
    length = wal_checkpoint_write_begin(&writer, frame, &begin_usual);
    struct wal_checkpoint_writer first = writer;
    cr_assert_eq(file_whole(frame, length, &small_identity, NUMBER), false);
    length += wal_checkpoint_write_end(&writer, frame + length, 100, 1);
    cr_assert(file_whole(frame, length, &small_identity, NUMBER), "D may be just before L0");
    cr_assert_eq(first.offset, WAL_BLOCK_BYTES);
    free(frame);
}

// --- names ---------------------------------------------------------------------------------------

Test(wal_checkpoint, names)
{
    char name[WAL_CHECKPOINT_NAME_BYTES];
    static const uint64_t numbers[] = {
        1, 9, 10, 123456789, 9999999999, 10000000000, UINT64_MAX / 10 - 1};
    uint64_t number;
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        wal_checkpoint_name(name, numbers[i]);
        cr_assert(wal_checkpoint_name_parse(name, &number) && number == numbers[i], "%s", name);
    }
    static const char *const wrong[] = {"checkpoint.",
                                        "checkpoint.new",
                                        "checkpoint.0000000000",
                                        "checkpoint.1",
                                        "checkpoint.00000000001",
                                        "checkpoint.000000001",
                                        "checkpoint.0000000001x",
                                        "checkpoint.000000000-1",
                                        "Checkpoint.0000000001",
                                        "checkpoint",
                                        "intent.00001",
                                        "checkpoint.99999999999999999999999"};
    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert(!wal_checkpoint_name_parse(wrong[i], &number), "%s", wrong[i]);
    cr_assert(!wal_checkpoint_name_parse(WAL_NAME_CHECKPOINT_NEW, &number));
}
