// The verdict: the decision table, and the line for people that explains one.
#include "wal/recovery_internal.h"

#include "wal/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// Rows: what is left of the completion log, what follows E, E against D. The second number is for a
// witness that saw another frame at its D than the one that was walked.
//
// - E < D refuses always: whatever the damage looks like, it hit something acknowledged. So does a
//   newest segment that is gone: nothing vouches for what it did not hold.
// - A witness that disagrees refuses always: the chain is whole but it is not the one that was
//   acknowledged (an old copy of a file, a restored backup of a part).
// - E >= D with a witness: what follows E, if anything, was never acknowledged as durable. In
//   `everysec` even whole segments may follow a gap.
// - E >= D without any witness: D comes from the intent log alone, whose last frames nobody vouches
//   for. If nothing at all follows E, nothing is lost. Else it cannot be told whether what follows
//   was acknowledged. A crash does not lead here: a folder begins with a valid block, and one write
//   at a time damages at most one.
struct verdict_row {
    uint8_t agrees;
    uint8_t disagrees;
};
#define CLEAN WAL_VERDICT_CLEAN
#define TORN WAL_VERDICT_TORN
#define DAMAGED WAL_VERDICT_DAMAGED
#define UNDECIDABLE WAL_VERDICT_UNDECIDABLE
#define MISMATCH WAL_VERDICT_CHAIN_MISMATCH
// clang-format off
static const struct verdict_row verdicts[3][3][2] = {
    [WAL_COMPLETION_INTACT] = {
        [WAL_TAIL_NONE] = {
            [WAL_EXTENT_AT_LEAST] = {CLEAN, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
        [WAL_TAIL_TORN] = {
            [WAL_EXTENT_AT_LEAST] = {TORN, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
        [WAL_TAIL_FRAMES] = {
            [WAL_EXTENT_AT_LEAST] = {TORN, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
    },
    [WAL_COMPLETION_TORN] = { // an ordinary torn write; the other witnesses decide
        [WAL_TAIL_NONE] = {
            [WAL_EXTENT_AT_LEAST] = {CLEAN, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
        [WAL_TAIL_TORN] = {
            [WAL_EXTENT_AT_LEAST] = {TORN, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
        [WAL_TAIL_FRAMES] = {
            [WAL_EXTENT_AT_LEAST] = {TORN, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
    },
    [WAL_COMPLETION_MISSING] = { // only what follows E can disagree then
        [WAL_TAIL_NONE] = {
            [WAL_EXTENT_AT_LEAST] = {CLEAN, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
        [WAL_TAIL_TORN] = {
            [WAL_EXTENT_AT_LEAST] = {UNDECIDABLE, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
        [WAL_TAIL_FRAMES] = {
            [WAL_EXTENT_AT_LEAST] = {UNDECIDABLE, MISMATCH},
            [WAL_EXTENT_BELOW]    = {DAMAGED, MISMATCH},
        },
    },
};
// clang-format on
#undef CLEAN
#undef TORN
#undef DAMAGED
#undef UNDECIDABLE
#undef MISMATCH

enum wal_verdict wal_decide(enum wal_completion_shape completion, enum wal_tail_shape tail,
                            enum wal_extent extent, bool witness_agrees)
{
    assert(completion <= WAL_COMPLETION_MISSING && tail <= WAL_TAIL_FRAMES);
    assert(extent <= WAL_EXTENT_BELOW);
    const struct verdict_row *row = &verdicts[completion][tail][extent];
    return (enum wal_verdict)(witness_agrees ? row->agrees : row->disagrees);
}

bool wal_verdict_refuses(enum wal_verdict verdict)
{
    assert(verdict < WAL_VERDICT_COUNT);
    return verdict != WAL_VERDICT_CLEAN && verdict != WAL_VERDICT_TORN;
}

const char *wal_verdict_name(enum wal_verdict verdict)
{
    switch (verdict) {
    case WAL_VERDICT_CLEAN:
        return "clean";
    case WAL_VERDICT_TORN:
        return "torn";
    case WAL_VERDICT_DAMAGED:
        return "damaged";
    case WAL_VERDICT_UNDECIDABLE:
        return "undecidable";
    case WAL_VERDICT_CHAIN_MISMATCH:
        return "chain-mismatch";
    case WAL_VERDICT_UNREADABLE:
        return "unreadable";
    case WAL_VERDICT_COUNT:
        break;
    }
    assert(false);
}

static const char *damage_text(enum wal_damage_kind kind)
{
    switch (kind) {
    case WAL_DAMAGE_NONE:
        return "the log ends";
    case WAL_DAMAGE_MISSING:
        return "the file is missing or too short, or a segment is missing";
    case WAL_DAMAGE_ZERO:
        return "zeros where a frame should be";
    case WAL_DAMAGE_CHECKSUM:
        return "the checksum does not match";
    case WAL_DAMAGE_STALE:
        return "a frame or segment that belongs elsewhere in the order";
    case WAL_DAMAGE_MISPLACED:
        return "a segment that belongs to another file";
    case WAL_DAMAGE_UNREADABLE:
        return "the device reports an error";
    }
    assert(false);
}

static void describe_file(char name[32], size_t bytes, uint32_t slot)
{
    if (slot == WAL_SLOT_COMPLETION)
        snprintf(name, bytes, WAL_NAME_COMPLETION);
    else if (slot >= WAL_SEGMENTS_MAX)
        snprintf(name, bytes, "(no segment)");
    else
        wal_segment_name(name, slot);
}

// " (and FILE byte 0: ...)" when the header of a file is suspect that the message does not name yet.
static void describe_header(char *to, size_t bytes, const struct wal_recovery_result *result)
{
    char file[32];
    bool names_end = result->verdict != WAL_VERDICT_CHAIN_MISMATCH;
    to[0] = '\0';
    if (result->damage.header_kind == WAL_DAMAGE_NONE ||
        (names_end && result->damage.header_slot == result->damage.slot))
        return;
    describe_file(file, sizeof(file), result->damage.header_slot);
    snprintf(to, bytes, " (and %s byte 0: %s)", file, damage_text(result->damage.header_kind));
}

// The checkpoint is not to be relied upon: without it the log says nothing.
static void describe_checkpoint(struct wal_recovery *r)
{
    struct wal_recovery_result *result = r->result;
    char name[WAL_CHECKPOINT_NAME_BYTES];
    wal_checkpoint_name(name, result->damage.checkpoint);
    unsigned long long offset = result->damage.offset;
    unsigned long long durable = result->durable;
    char *to = result->message;
    size_t size = sizeof(result->message);
    if (r->undecodable)
        snprintf(
            to, size,
            "the checkpoint %s is whole but its records, before byte %llu, make no sense: it was "
            "not written by this version",
            name, offset);
    else if (result->damage.kind == WAL_DAMAGE_MISSING)
        snprintf(
            to, size,
            "the checkpoint %s is missing: it holds acknowledged writes up to sequence %llu that "
            "are nowhere else",
            name, durable);
    else if (result->damage.kind == WAL_DAMAGE_UNREADABLE)
        snprintf(to, size,
                 "the checkpoint %s cannot be read at byte %llu (error %d); it holds acknowledged "
                 "writes, acknowledged up to %llu",
                 name, offset, result->damage.error, durable);
    else
        snprintf(to, size,
                 "the checkpoint %s is damaged at byte %llu: %s; it holds acknowledged writes, "
                 "acknowledged up to %llu",
                 name, offset, damage_text(result->damage.kind), durable);
}

void recovery_describe(struct wal_recovery *r)
{
    struct wal_recovery_result *result = r->result;
    char *to = result->message;
    size_t size = sizeof(result->message);
    if (result->damage.checkpoint != 0) {
        describe_checkpoint(r);
        return;
    }
    char file[32];
    describe_file(file, sizeof(file), result->damage.slot);
    char header[128];
    describe_header(header, sizeof(header), result);
    const char *kind = damage_text(result->damage.kind);
    unsigned long long offset = result->damage.offset;
    unsigned long long end = result->end;
    unsigned long long durable = result->durable;
    unsigned long long first = result->damage.sequence;
    switch (result->verdict) {
    case WAL_VERDICT_CLEAN:
        snprintf(to, size, "log is whole up to sequence %llu%s", end,
                 result->clean_stop ? ", after a clean stop" : "");
        return;
    case WAL_VERDICT_TORN:
        if (result->dropped_frames == 0 && r->tail == WAL_TAIL_TORN) {
            snprintf(
                to, size,
                "log ends at sequence %llu; dropped a tail without any whole frame, of a write "
                "that was never acknowledged or of an earlier use of the file, at %s byte %llu: "
                "%s",
                end, file, offset, kind);
            return;
        }
        snprintf(
            to, size,
            "log ends at sequence %llu; dropped a tail of %llu bytes (%llu whole frames) that was "
            "never acknowledged as durable, at %s byte %llu: %s",
            end, (unsigned long long)result->dropped_bytes,
            (unsigned long long)result->dropped_frames, file, offset, kind);
        return;
    case WAL_VERDICT_DAMAGED:
        if (r->undecodable) {
            snprintf(to, size,
                     "frame %llu in %s, before byte %llu, is whole but its records make no "
                     "sense: it was not written by this version",
                     first, file, offset);
            return;
        }
        if (result->end >= result->durable) {
            snprintf(to, size,
                     "segment %llu is damaged or missing, and it was in use: the log ends at "
                     "sequence %llu, at %s byte %llu: %s%s; what followed cannot be told",
                     (unsigned long long)result->damage.segment, end, file, offset, kind, header);
            return;
        }
        snprintf(
            to, size,
            "acknowledged writes are damaged or missing: sequences %llu to %llu, at %s byte %llu: "
            "%s%s; %llu whole frames lie beyond",
            first, durable, file, offset, kind, header, (unsigned long long)result->dropped_frames);
        return;
    case WAL_VERDICT_UNDECIDABLE:
        snprintf(
            to, size,
            "the completion log has no valid record, and something follows the last good frame "
            "(sequence %llu) at %s byte %llu: %s; whether it was acknowledged cannot be told",
            end, file, offset, kind);
        return;
    case WAL_VERDICT_CHAIN_MISMATCH:
        snprintf(to, size,
                 "the completion log has witnessed other frames than the intent log holds (ends at "
                 "sequence %llu, acknowledged up to %llu): files of different times are mixed%s",
                 end, durable, header);
        return;
    case WAL_VERDICT_UNREADABLE:
        snprintf(to, size,
                 "%s cannot be read at byte %llu (error %d); good up to sequence %llu, "
                 "acknowledged up to %llu",
                 file, offset, result->damage.error, end, durable);
        return;
    case WAL_VERDICT_COUNT:
        break;
    }
    assert(false);
}
