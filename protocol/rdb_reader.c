// Reads a snapshot (RDB): goes through its parts step by step, as their shapes tell.
#include "protocol/rdb_reader.h"

#include "protocol/rdb_reader_internal.h"
#include "protocol/rdb_string.h"

#include <assert.h>
#include <string.h>

#define HEAD_BYTES 9
#define CHECKSUM_BYTES 8
// Older files end without a checksum.
#define VERSION_CHECKSUM 5

// --- parts -----------------------------------------------------------------------------------

static enum progress take_head(struct rdb_reader *reader, struct rdb_event *event)
{
    const uint8_t *head = reader_take(reader, HEAD_BYTES);
    if (head == NULL)
        return STARVED;
    uint32_t letters = 5;
    if (memcmp(head, "VALKEY", 6) == 0) {
        reader->valkey = true;
        letters = 6;
    } else if (memcmp(head, "REDIS", 5) != 0) {
        return reader_broken(reader, "this is no RDB file: it does not begin with REDIS");
    }
    for (uint32_t i = letters; i < HEAD_BYTES; i++) {
        if (head[i] < '0' || head[i] > '9')
            return reader_broken(reader, "the version is no number");
        reader->version = reader->version * 10 + (head[i] - (uint32_t)'0');
    }
    bool known = reader->valkey ? reader->version == RDB_VERSION_VALKEY
                                : reader->version >= 1 && reader->version <= RDB_VERSION_MAX;
    if (!known)
        return reader_broken(reader, "its version is not known here");
    reader->state = STATE_PARTS;
    *event = (struct rdb_event){.kind = RDB_EVENT_BEGIN, .number = reader->version};
    return TELL;
}

static enum progress take_end(struct rdb_reader *reader, struct rdb_event *event)
{
    reader_sum_up(reader);
    if (reader->version >= VERSION_CHECKSUM) {
        reader->state = STATE_CHECKSUM;
        return GO_ON;
    }
    reader->state = STATE_END;
    *event = (struct rdb_event){.kind = RDB_EVENT_END};
    return TELL;
}

static enum progress take_first(struct rdb_reader *reader, struct rdb_event *event)
{
    reader->part = reader_position(reader);
    const uint8_t *first = reader_take(reader, 1);
    if (first == NULL)
        return STARVED;
    reader->first = *first;
    reader->shape = rdb_shape(reader->first, reader->valkey);
    if (reader->first == RDB_OPCODE_END)
        return take_end(reader, event);
    if (reader->shape.name == NULL)
        return reader_broken(reader, "there is no such type or opcode");
    if (reader->shape.steps == NULL)
        return reader_broken(reader, "this cannot be read or passed over here");
    reader->string_state = STRING_HEAD;
    reader->step = reader->shape.steps;
    if (reader->first < RDB_OPCODE_FIRST) {
        reader->type = reader->first;
        reader->type_name = reader->shape.name;
        reader->type_steps = reader->shape.steps;
        reader->step = "k";
        return GO_ON;
    }
    if (reader->first != RDB_OPCODE_KEY_META || reader->valkey)
        return GO_ON;
    *event = (struct rdb_event){.kind = RDB_EVENT_META};
    return TELL;
}

// A row of steps has come to its end.
static enum progress end_steps(struct rdb_reader *reader, struct rdb_event *event)
{
    reader->step = NULL;
    if (reader->first >= RDB_OPCODE_FIRST)
        return GO_ON;
    if (reader->type_steps != NULL) { // that was the key
        reader->step = reader->type_steps;
        reader->type_steps = NULL;
        return GO_ON;
    }
    bool passed = reader->type != RDB_TYPE_STRING;
    if (passed)
        *event = (struct rdb_event){
            .kind = RDB_EVENT_PASSED,
            .type = reader->type,
            .type_name = reader->type_name,
            .expires = reader->expires,
            .expiry_ms = reader->expiry_ms,
        };
    reader->expires = false;
    reader->expiry_ms = 0;
    return passed ? TELL : GO_ON;
}

static enum progress take_checksum(struct rdb_reader *reader, struct rdb_event *event)
{
    reader->part = reader_position(reader);
    const uint8_t *bytes = reader_take(reader, CHECKSUM_BYTES);
    if (bytes == NULL)
        return STARVED;
    uint64_t checksum = reader_little(bytes, CHECKSUM_BYTES);
    // Zero: it was written without one.
    if (checksum != 0 && checksum != reader->crc)
        return reader_broken(
            reader, "the checksum over the whole file is wrong: something in it is damaged");
    reader->state = STATE_END;
    *event = (struct rdb_event){.kind = RDB_EVENT_END, .number = checksum != 0};
    return TELL;
}

static enum progress part_go_on(struct rdb_reader *reader, struct rdb_event *event)
{
    if (reader->pass > 0) {
        size_t available = (size_t)(reader->end - reader->at);
        size_t count = reader->pass < available ? (size_t)reader->pass : available;
        reader->at += count;
        reader->pass -= count;
        return reader->pass > 0 ? STARVED : GO_ON;
    }
    if (reader->step == NULL)
        return take_first(reader, event);
    if (*reader->step == 0)
        return end_steps(reader, event);
    return reader_step(reader, event);
}

static enum progress go_on(struct rdb_reader *reader, struct rdb_event *event)
{
    switch ((enum state)reader->state) {
    case STATE_HEAD:
        return take_head(reader, event);
    case STATE_PARTS:
        return part_go_on(reader, event);
    case STATE_CHECKSUM:
        return take_checksum(reader, event);
    case STATE_END:
        if (reader->at == reader->end)
            return STARVED;
        return reader_broken(
            reader, "something follows the end of the snapshot (if that is the log of Redis, "
                    "it has changes that would be lost)");
    case STATE_BAD:
        return BROKEN;
    }
    assert(false);
    return BROKEN;
}

// --- outside ---------------------------------------------------------------------------------

void rdb_reader_create(struct rdb_reader *reader)
{
    memset(reader, 0, offsetof(struct rdb_reader, unpack));
    reader->held_count = 0;
    reader->state = STATE_HEAD;
}

void rdb_reader_give(struct rdb_reader *reader, const uint8_t *bytes, size_t count)
{
    assert(reader->at == reader->end);
    reader->before += (uint64_t)(reader->end - reader->start);
    reader->start = reader->at = reader->summed = bytes;
    reader->end = bytes + count;
}

enum rdb_event_kind rdb_reader_next(struct rdb_reader *reader, struct rdb_event *event)
{
    enum progress progress;
    do
        progress = go_on(reader, event);
    while (progress == GO_ON);
    if (progress == STARVED) {
        assert(reader->at == reader->end);
        if (reader->state == STATE_HEAD || reader->state == STATE_PARTS)
            reader_sum_up(reader);
        *event = (struct rdb_event){.kind = RDB_EVENT_MORE};
    } else if (progress == BROKEN) {
        *event = (struct rdb_event){.kind = RDB_EVENT_BAD};
    }
    return event->kind;
}

bool rdb_reader_finish(struct rdb_reader *reader)
{
    if (reader->state == STATE_END || reader->state == STATE_BAD)
        return reader->state == STATE_END;
    reader->held_count = 0; // the file ends here, not where the part that it cuts begins
    reader_broken(reader, reader->state == STATE_HEAD ? "this is no RDB file: it is too short"
                                                      : "the file ends before the snapshot does");
    return false;
}

const char *rdb_reader_problem(const struct rdb_reader *reader, uint64_t *offset, uint64_t *part)
{
    *offset = reader_position(reader);
    *part = reader->part;
    return reader->problem;
}

void rdb_module_name(char name[RDB_MODULE_NAME_BYTES], uint64_t id)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    id >>= 10; // the version of its data
    for (int i = RDB_MODULE_NAME_BYTES - 2; i >= 0; i--, id >>= 6)
        name[i] = letters[id & 63];
    name[RDB_MODULE_NAME_BYTES - 1] = 0;
}
