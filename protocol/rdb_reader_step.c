// Reads a snapshot (RDB): the steps that the shapes consist of.
#include "protocol/rdb_reader_internal.h"

#include <assert.h>

// What a module's value is made of.
enum module_part { PART_END, PART_SIGNED, PART_UNSIGNED, PART_FLOAT, PART_DOUBLE, PART_STRING };

// Lengths of a score's text that stand for values: not a number, and the infinities.
#define SCORE_SPECIAL_MIN 253

static bool step_is_told(char step)
{
    return step == RDB_STEP_KEY || step == RDB_STEP_VALUE || step == RDB_STEP_AUX_NAME ||
           step == RDB_STEP_AUX_TEXT || step == RDB_STEP_FUNCTION;
}

// Behind the end of this loop's body.
static const char *loop_skip(const char *step)
{
    uint32_t depth = 0;
    do {
        if (*step == RDB_STEP_LOOP)
            depth++;
        if (*step == RDB_STEP_LOOP_END)
            depth--;
        step++;
    } while (depth > 0);
    return step;
}

static enum progress step_loop(struct rdb_reader *reader)
{
    uint64_t count;
    enum progress progress = reader_take_length(reader, &count, NULL);
    if (progress != GO_ON)
        return progress;
    if (count == 0) {
        reader->step = loop_skip(reader->step);
        return GO_ON;
    }
    assert(reader->depth < RDB_LOOPS_MAX);
    reader->step++;
    reader->loops[reader->depth++] = (struct rdb_loop){reader->step, count};
    return GO_ON;
}

static enum progress step_loop_end(struct rdb_reader *reader)
{
    struct rdb_loop *loop = &reader->loops[reader->depth - 1];
    if (--loop->left > 0) {
        reader->step = loop->body;
        return GO_ON;
    }
    reader->depth--;
    reader->step++;
    return GO_ON;
}

static enum progress step_string(struct rdb_reader *reader, struct rdb_event *event, char step)
{
    enum progress progress = reader_string(reader, event, step_is_told(step));
    bool done = progress == GO_ON || progress == TELL;
    if (!done || reader->string_state != STRING_HEAD)
        return progress;
    if (reader->inner != 0)
        reader->inner = 0;
    else
        reader->step++;
    return progress;
}

static enum progress step_number(struct rdb_reader *reader, struct rdb_event *event, char step)
{
    uint64_t number;
    enum progress progress = reader_take_length(reader, &number, NULL);
    if (progress != GO_ON)
        return progress;
    if (reader->inner != 0) {
        reader->inner = 0;
        return GO_ON;
    }
    reader->step++;
    bool module = step == RDB_STEP_MODULE && reader->first == RDB_OPCODE_MODULE_AUX;
    if (step != RDB_STEP_DATABASE && !module)
        return GO_ON;
    *event = (struct rdb_event){.kind = module ? RDB_EVENT_MODULE : RDB_EVENT_DATABASE,
                                .number = number};
    return TELL;
}

static enum progress step_score(struct rdb_reader *reader)
{
    const uint8_t *length = reader_take(reader, 1);
    if (length == NULL)
        return STARVED;
    reader->pass = *length >= SCORE_SPECIAL_MIN ? 0 : *length;
    reader->step++;
    return GO_ON;
}

static enum progress step_parts(struct rdb_reader *reader)
{
    uint64_t part;
    enum progress progress = reader_take_length(reader, &part, NULL);
    if (progress != GO_ON)
        return progress;
    switch (part) {
    case PART_END:
        reader->step++;
        return GO_ON;
    case PART_SIGNED:
    case PART_UNSIGNED:
        reader->inner = RDB_STEP_LENGTH;
        return GO_ON;
    case PART_FLOAT:
        reader->pass = 4;
        return GO_ON;
    case PART_DOUBLE:
        reader->pass = 8;
        return GO_ON;
    case PART_STRING:
        reader->inner = RDB_STEP_STRING;
        return GO_ON;
    default:
        return reader_broken(reader, "a module's value has a part of no known kind");
    }
}

static enum progress step_expiry(struct rdb_reader *reader, uint32_t bytes)
{
    const uint8_t *from = reader_take(reader, bytes);
    if (from == NULL)
        return STARVED;
    int64_t time = bytes == 4 ? (int64_t)(int32_t)reader_little(from, 4) * 1000
                              : (int64_t)reader_little(from, 8);
    // Written by nobody, and to Redis it means none.
    reader->expires = time != (bytes == 4 ? -1000 : -1);
    reader->expiry_ms = reader->expires ? time : 0;
    reader->step++;
    return GO_ON;
}

static enum progress step_pass(struct rdb_reader *reader, uint64_t bytes)
{
    reader->pass = bytes;
    reader->step++;
    return GO_ON;
}

enum progress reader_step(struct rdb_reader *reader, struct rdb_event *event)
{
    char step = reader->inner != 0 ? reader->inner : *reader->step;
    switch ((enum rdb_step)step) {
    case RDB_STEP_KEY:
    case RDB_STEP_VALUE:
    case RDB_STEP_AUX_NAME:
    case RDB_STEP_AUX_TEXT:
    case RDB_STEP_FUNCTION:
    case RDB_STEP_STRING:
        return step_string(reader, event, step);
    case RDB_STEP_LENGTH:
    case RDB_STEP_MODULE:
    case RDB_STEP_DATABASE:
        return step_number(reader, event, step);
    case RDB_STEP_SCORE:
        return step_score(reader);
    case RDB_STEP_PARTS:
        return step_parts(reader);
    case RDB_STEP_BYTE:
        return step_pass(reader, 1);
    case RDB_STEP_BYTES_4:
        return step_pass(reader, 4);
    case RDB_STEP_BYTES_8:
        return step_pass(reader, 8);
    case RDB_STEP_BYTES_16:
        return step_pass(reader, 16);
    case RDB_STEP_EXPIRY_S:
        return step_expiry(reader, 4);
    case RDB_STEP_EXPIRY_MS:
        return step_expiry(reader, 8);
    case RDB_STEP_LOOP:
        return step_loop(reader);
    case RDB_STEP_LOOP_END:
        return step_loop_end(reader);
    }
    assert(false);
    return BROKEN;
}
