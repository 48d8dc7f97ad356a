// Fuzzes the reader of snapshots: whatever the bytes are, nothing outside them is touched; read in
// pieces of any size they tell the same; the strings that are read are read again when written.
#include "protocol/rdb_reader.h"

#include "protocol/rdb_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

// What may be unpacked here, all strings together.
#define UNPACKED_MAX (4 << 20)
#define WRITTEN_MAX (64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct rdb_reader reader;
    uint64_t hash; // of all that was told, however strings are cut
    uint64_t text; // of the string that is being told
    uint64_t unpacked;
    bool too_much;
    bool whole;
    // Of the string before: what must follow.
    uint64_t offset;
    bool inside;
    enum rdb_step step;
};

static void add(struct run *run, uint64_t value)
{
    run->hash = XXH3_64bits_withSeed(&value, sizeof(value), run->hash);
}

static void tell(struct run *run, const struct rdb_event *event)
{
    if (event->kind != RDB_EVENT_TEXT) {
        assert(!run->inside);
        add(run, event->kind);
        add(run, event->number);
        add(run, event->type);
        return;
    }
    assert(run->inside == (event->offset > 0));
    assert(!run->inside || (event->offset == run->offset && event->step == run->step));
    assert(event->offset + event->count <= event->length);
    assert(event->last == (event->offset + event->count == event->length));
    assert(event->count > 0 || event->length == 0);
    run->inside = !event->last;
    run->offset = event->offset + event->count;
    run->step = event->step;
    run->unpacked += event->count;
    run->too_much = run->unpacked > UNPACKED_MAX;
    for (size_t i = 0; i < event->count; i++)
        run->text = run->text * 31 + event->bytes[i];
    if (!event->last)
        return;
    add(run, run->text);
    add(run, event->length);
    add(run, event->step);
    add(run, event->expires ? (uint64_t)event->expiry_ms : 1);
    run->text = 0;
}

// Reads it in pieces whose sizes `pace` draws (0: at once), each in memory of its own.
static void read_all(struct run *run, const uint8_t *data, size_t size, uint32_t pace)
{
    memset(run, 0x5a, sizeof(*run));
    run->hash = run->text = run->unpacked = 0;
    run->too_much = run->whole = run->inside = false;
    rdb_reader_create(&run->reader);
    enum rdb_event_kind kind = RDB_EVENT_MORE;
    for (size_t at = 0; at < size && kind == RDB_EVENT_MORE && !run->too_much;) {
        pace = pace * 1664525 + (pace > 0 ? 1013904223 : 0);
        size_t count = pace == 0 ? size : 1 + (pace >> 16) % (1 + (pace >> 8) % 40);
        count = count < size - at ? count : size - at;
        uint8_t *piece = malloc(count);
        memcpy(piece, data + at, count);
        rdb_reader_give(&run->reader, piece, count);
        struct rdb_event event;
        while (!run->too_much && (kind = rdb_reader_next(&run->reader, &event)) != RDB_EVENT_MORE &&
               kind != RDB_EVENT_BAD)
            tell(run, &event);
        free(piece);
        at += count;
    }
    if (run->too_much)
        return;
    run->whole = rdb_reader_finish(&run->reader);
    uint64_t offset;
    uint64_t part;
    const char *problem = rdb_reader_problem(&run->reader, &offset, &part);
    assert(run->whole == (problem == NULL));
    assert(part <= offset && offset <= size);
}

// --- written again ---------------------------------------------------------------------------

struct file {
    uint8_t *bytes;
    size_t used;
};

static void put(struct file *file, struct rdb_writer *writer)
{
    bool done;
    do {
        done = rdb_writer_fill(writer);
        const uint8_t *bytes;
        size_t count = rdb_writer_output(writer, &bytes);
        memcpy(file->bytes + file->used, bytes, count);
        file->used += count;
    } while (!done);
}

// Two strings, as key and value, and an expiry.
static void write_again(const uint8_t *data, size_t size)
{
    if (size < 10 || size > WRITTEN_MAX)
        return;
    uint32_t body = (uint32_t)size - 10;
    uint32_t key_length = (data[0] | (uint32_t)data[1] << 8) % (body + 1);
    uint32_t value_length = body - key_length;
    const uint8_t *key = data + 10;
    const uint8_t *value = key + key_length;
    int64_t expiry_ms;
    memcpy(&expiry_ms, data + 2, sizeof(expiry_ms));
    if (expiry_ms == -1)
        return;
    uint8_t buffer[1 + 255];
    struct rdb_writer writer;
    rdb_writer_create(&writer, buffer, 1 + data[0]);
    struct file file = {malloc(2 * size + 200), 0};
    rdb_writer_begin(&writer);
    put(&file, &writer);
    rdb_writer_database(&writer, 3, data[0], data[1]);
    put(&file, &writer);
    rdb_writer_string(&writer, key, key_length, value, value_length, expiry_ms);
    put(&file, &writer);
    rdb_writer_end(&writer);
    put(&file, &writer);

    static struct rdb_reader reader;
    rdb_reader_create(&reader);
    rdb_reader_give(&reader, file.bytes, file.used);
    struct rdb_event event;
    bool end = false;
    for (enum rdb_event_kind kind = RDB_EVENT_BEGIN; kind != RDB_EVENT_MORE;) {
        kind = rdb_reader_next(&reader, &event);
        assert(kind != RDB_EVENT_BAD);
        end = end || (kind == RDB_EVENT_END && event.number == 1);
        if (kind != RDB_EVENT_TEXT)
            continue;
        bool is_key = event.step == RDB_STEP_KEY;
        assert(is_key || event.step == RDB_STEP_VALUE);
        assert(event.last && event.length == (is_key ? key_length : value_length));
        assert(event.count == 0 || memcmp(event.bytes, is_key ? key : value, event.count) == 0);
        assert(event.expires == (expiry_ms != 0) && event.expiry_ms == expiry_ms);
    }
    assert(end && rdb_reader_finish(&reader));
    free(file.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const heads[] = {"", "REDIS0010", "REDIS0014", "VALKEY080", "REDIS0003"};
    if (size == 0 || size > (1 << 20))
        return 0;
    const char *head = heads[data[0] % 5];
    size_t length = strlen(head) + size - 1;
    uint8_t *file = malloc(length + 1);
    memcpy(file, head, strlen(head));
    memcpy(file + strlen(head), data + 1, size - 1);
    static struct run whole;
    static struct run pieces;
    read_all(&whole, file, length, 0);
    read_all(&pieces, file, length, 1 + data[0]);
    assert(whole.too_much == pieces.too_much);
    assert(whole.too_much || (whole.whole == pieces.whole && whole.hash == pieces.hash));
    free(file);
    write_again(data, size);
    return 0;
}
