// poro-wal dump: every frame and record of a folder, in the order of the segments.
#include "server/server.h"
#include "server/wal_tool.h"
#include "server/wal_tool_record.h"
#include "server/wal_tool_survey.h"
#include "server/wal_tool_text.h"
#include "storage/glob.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct dump {
    struct folder *folder; // first: folder_read takes it from here
    const struct tool_options *options;
    const struct survey *survey;
    const struct segment *segment;
    uint64_t superseded_from;
    struct databases databases;
    uint64_t expected; // offset where the next frame should be
    // The last frame that counts.
    uint64_t sequence;
    uint64_t chain;
    bool printing; // the segment is wanted
};

static bool dump_wants(const struct dump *dump, const struct wal_record *record)
{
    const char *pattern = dump->options->keys;
    if (pattern == NULL)
        return true;
    return record->type != WAL_RECORD_MAP && glob_match((const uint8_t *)pattern, strlen(pattern),
                                                        record->key, record->key_length, false);
}

static void dump_record(void *context, const struct wal_record *record)
{
    struct dump *dump = context;
    if (dump->printing && dump_wants(dump, record))
        record_print(record, &dump->databases, dump->options->values);
    if (record->type == WAL_RECORD_MAP)
        databases_change(&dump->databases, record);
}

static void print_frame(uint64_t offset, const struct wal_frame_header *header, const char *mark)
{
    printf("  frame %llu at byte %llu: batch from %llu%s, D %llu, records %u, bytes %u%s\n",
           (unsigned long long)header->sequence, (unsigned long long)offset,
           (unsigned long long)header->batch_first,
           header->flags & WAL_FRAME_COMMIT ? ", commit" : "", (unsigned long long)header->durable,
           header->count, header->length, mark);
}

// What lies between the last frame and this one.
static void print_breaks(const struct dump *dump, uint64_t offset,
                         const struct wal_frame_header *header, bool counts)
{
    if (offset > dump->expected)
        printf("! bytes %llu to %llu hold no valid frame\n", (unsigned long long)dump->expected,
               (unsigned long long)offset);
    if (!counts || (header->sequence == dump->sequence + 1 && header->chain == dump->chain))
        return;
    if (header->sequence == dump->sequence + 1)
        printf("! the chain breaks here: frame %llu does not follow the one that stands before "
               "it\n",
               (unsigned long long)header->sequence);
    else
        printf("! the chain breaks here: frame %llu is due\n",
               (unsigned long long)dump->sequence + 1);
}

static int dump_frame(void *context, uint32_t slot, uint64_t offset,
                      const struct wal_frame_header *header, const uint8_t *records)
{
    struct dump *dump = context;
    assert(slot == dump->segment->slot);
    const struct wal_recovery_result *result = &dump->survey->result;
    bool stale = header->segment != dump->segment->number;
    bool superseded = header->sequence >= dump->superseded_from;
    bool counts = !stale && !superseded && header->sequence > dump->sequence;
    const char *mark = "";
    if (stale)
        mark = " [left over from an earlier use of the file]";
    else if (superseded)
        mark = " [superseded]";
    else if (header->sequence > result->end)
        mark = " [beyond E]";
    if (dump->printing) {
        print_breaks(dump, offset, header, counts);
        print_frame(offset, header, mark);
    }
    struct databases before = dump->databases;
    if (!records_decode(records, header->length, header->count, dump_record, dump) &&
        dump->printing)
        printf("! the records of this frame make no sense\n");
    if (!counts)
        dump->databases = before;
    dump->expected = offset + wal_round(sizeof(*header) + (uint64_t)header->length);
    if (!counts)
        return 0;
    dump->sequence = header->sequence;
    dump->chain = header->checksum;
    if (dump->printing && header->sequence == result->end)
        printf("= E: the unbroken chain ends with frame %llu\n", (unsigned long long)result->end);
    return 0;
}

// What follows the last frame: zeros, if all is well.
static void print_rest(struct dump *dump)
{
    struct folder *folder = dump->folder;
    if (dump->expected >= folder->identity.segment_bytes)
        return;
    int64_t got =
        folder_read(&folder, dump->segment->slot, dump->expected, folder->block, WAL_BLOCK_BYTES);
    if (got < 0)
        printf("! byte %llu: %s\n", (unsigned long long)dump->expected, strerror((int)-got));
    else if (got < (int64_t)WAL_BLOCK_BYTES)
        printf("! the file ends at byte %llu\n", (unsigned long long)dump->segment->bytes);
    else if (!wal_block_is_zero(folder->block))
        printf("! what follows at byte %llu is no valid frame\n",
               (unsigned long long)dump->expected);
}

static void print_header(const struct segment *segment)
{
    char file[TEXT_SIZE_BYTES];
    printf("segment %llu in %s", (unsigned long long)segment->number,
           text_file(file, segment->slot));
    if (segment->first > 0)
        printf(": first sequence %llu, D then %llu", (unsigned long long)segment->first,
               (unsigned long long)segment->durable);
    else
        printf(": ! its header is lost");
    if (segment->kind == SEGMENT_MISPLACED)
        printf(" ! belongs to %s", text_file(file, segment->slot_meant));
    putchar('\n');
}

static void dump_segment(struct dump *dump, const struct segment *segment)
{
    struct folder *folder = dump->folder;
    uint64_t wanted = dump->options->segment;
    dump->segment = segment;
    dump->superseded_from = segments_superseded_from(&dump->survey->segments, segment->number);
    dump->expected = WAL_BLOCK_BYTES;
    dump->printing = wanted == 0 || wanted == segment->number;
    if (dump->printing)
        print_header(segment);
    struct wal_source source = {.context = dump, .read = folder_read};
    int result = wal_scan_slot(folder->recovery, &folder->identity, &source, segment->slot,
                               dump_frame, dump);
    if (dump->printing && result < 0)
        printf("! parts of this file cannot be read: %s\n", strerror(-result));
    if (dump->printing)
        print_rest(dump);
}

static int dump_all(struct folder *folder, const struct survey *survey,
                    const struct tool_options *options)
{
    struct dump dump = {.folder = folder, .options = options, .survey = survey};
    dump.chain = wal_chain_start(&folder->identity);
    databases_create(&dump.databases);
    bool found = false;
    for (uint32_t i = 0; i < survey->segments.count; i++) {
        const struct segment *segment = &survey->segments.list[i];
        if (segment->number == 0 || (options->segment > 0 && segment->number > options->segment))
            continue;
        dump_segment(&dump, segment);
        found = found || dump.printing;
    }
    if (options->segment > 0 && !found) {
        fprintf(stderr, "poro-wal: there is no segment %llu\n",
                (unsigned long long)options->segment);
        return EXIT_USAGE;
    }
    printf("%s: %s\n", wal_verdict_name(survey->result.verdict), survey->result.message);
    return EXIT_CLEAN;
}

int tool_dump(const struct tool_options *options)
{
    struct folder folder;
    int code = folder_open(&folder, options->folder, options->force);
    if (code == 0) {
        struct survey survey;
        code = survey_create(&survey, &folder, 0);
        if (code == 0)
            code = dump_all(&folder, &survey, options);
        survey_destroy(&survey);
    }
    folder_close(&folder);
    return code;
}
