// Everything that check and repair want to know about a folder.
#include "server/wal_tool_survey.h"

#include "server/server.h"
#include "server/wal_tool.h"
#include "server/wal_tool_text.h"
#include "wal/names.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// --- reading ---------------------------------------------------------------------------------

static int survey_apply(void *context, const struct wal_record *record)
{
    struct survey *survey = context;
    if (record->type == WAL_RECORD_MAP)
        databases_change(&survey->databases, record);
    return 0;
}

static void survey_completion(struct survey *survey)
{
    struct folder *folder = survey->folder;
    for (uint32_t index = 0; index < WAL_COMPLETION_BLOCKS; index++) {
        struct wal_completion_block record;
        int64_t got = folder_read(&folder, WAL_SLOT_COMPLETION, index * WAL_BLOCK_BYTES,
                                  folder->block, WAL_BLOCK_BYTES);
        if (got != (int64_t)WAL_BLOCK_BYTES) {
            survey->completion_missing++;
        } else if (wal_completion_decode(folder->block, &folder->identity, index, &record)) {
            survey->completion_valid++;
            if (record.counter > survey->completion_newest.counter)
                survey->completion_newest = record;
        } else if (wal_block_is_zero(folder->block)) {
            survey->completion_empty++;
        } else {
            survey->completion_damaged++;
        }
    }
}

// --- naming keys -----------------------------------------------------------------------------

struct naming {
    struct databases databases;
    struct key_list *keys;
};

static void name_record(void *context, const struct wal_record *record)
{
    struct naming *naming = context;
    if (record->type == WAL_RECORD_MAP) {
        databases_change(&naming->databases, record);
        return;
    }
    // What a spool is for is named by the SET behind it.
    if (record->type == WAL_RECORD_SPOOL)
        return;
    int database = databases_find(&naming->databases, record->keyspace);
    key_list_add(naming->keys, database, record->keyspace, record->key, record->key_length);
}

static int name_frame(void *context, const struct beyond_frame *frame)
{
    (void)records_decode(frame->records, frame->header.length, frame->header.count, name_record,
                         context);
    return 0;
}

// Reads what a damaged frame at this place seems to say, as far as it makes sense.
static void name_damaged(struct survey *survey, uint32_t slot, uint64_t offset)
{
    struct folder *folder = survey->folder;
    uint64_t segment_bytes = folder->identity.segment_bytes;
    if (slot >= folder->slots || offset < WAL_BLOCK_BYTES || offset >= segment_bytes)
        return;
    uint64_t most = wal_frame_bytes_max(segment_bytes);
    if (segment_bytes - offset < most)
        most = segment_bytes - offset;
    uint8_t *frame = tool_memory(most);
    int64_t got = folder_read(&folder, slot, offset, frame, most);
    struct wal_frame_header header;
    if (got >= (int64_t)WAL_BLOCK_BYTES && !wal_block_is_zero(frame)) {
        memcpy(&header, frame, sizeof(header));
        uint64_t length = (uint64_t)got - sizeof(header);
        uint32_t count = UINT32_MAX;
        if (wal_frame_plausible(frame, (uint64_t)got)) {
            length = header.length;
            count = header.count;
        }
        struct naming naming = {survey->databases, &survey->damaged_keys};
        (void)records_decode(frame + sizeof(header), length, count, name_record, &naming);
    }
    tool_memory_free(frame);
}

static void survey_name_keys(struct survey *survey)
{
    const struct wal_recovery_result *result = &survey->result;
    struct naming naming = {survey->databases, &survey->beyond_keys};
    beyond_walk(survey->folder, &survey->segments, result->end, result->end_chain, name_frame,
                &naming);
    if (survey_starts(survey))
        return;
    name_damaged(survey, result->damage.slot, result->damage.offset);
    for (size_t i = 0; i < survey->beyond.count; i++) {
        const struct beyond_run *run = &survey->beyond.runs[i];
        if (!run->gap)
            continue;
        if (run->before != result->damage.slot || run->before_offset != result->damage.offset)
            name_damaged(survey, run->before, run->before_offset);
        bool elsewhere = run->slot != run->before && run->offset > WAL_BLOCK_BYTES;
        if (elsewhere && run->slot != result->damage.slot)
            name_damaged(survey, run->slot, WAL_BLOCK_BYTES);
    }
}

// --- life ------------------------------------------------------------------------------------

static void missing_add(void *context, uint64_t first, uint64_t last, uint32_t slot,
                        uint64_t offset)
{
    (void)slot;
    (void)offset;
    uint64_t *missing = context;
    *missing += last - first + 1;
}

int survey_create(struct survey *survey, struct folder *folder, uint32_t names)
{
    *survey = (struct survey){.folder = folder};
    databases_create(&survey->databases);
    key_list_create(&survey->beyond_keys, names);
    key_list_create(&survey->damaged_keys, names);
    struct wal_recovery_result *result = &survey->result;
    int error = folder_replay(folder, survey_apply, survey, result);
    if (error < 0) {
        fprintf(stderr, "poro-wal: reading the log failed: %s\n", strerror(-error));
        return EXIT_START;
    }
    survey_completion(survey);
    segments_create(&survey->segments, folder);
    beyond_create(&survey->beyond, folder, &survey->segments, result->end, result->end_chain);
    survey_each_missing(survey, missing_add, &survey->missing);
    survey_name_keys(survey);
    return 0;
}

void survey_destroy(struct survey *survey)
{
    beyond_destroy(&survey->beyond);
    segments_destroy(&survey->segments);
    key_list_destroy(&survey->beyond_keys);
    key_list_destroy(&survey->damaged_keys);
}

bool survey_starts(const struct survey *survey)
{
    return survey->folder->instance == FOLDER_INSTANCE_SOUND &&
           !wal_verdict_refuses(survey->result.verdict);
}

void survey_each_missing(const struct survey *survey, missing_visit each, void *context)
{
    const struct wal_recovery_result *result = &survey->result;
    uint64_t next = result->end + 1;
    uint32_t slot = result->damage.slot;
    uint64_t offset = result->damage.offset;
    for (size_t i = 0; i < survey->beyond.count; i++) {
        const struct beyond_run *run = &survey->beyond.runs[i];
        if (i > 0) {
            slot = run->before;
            offset = run->before_offset;
        }
        if (run->first > next)
            each(context, next, run->first - 1, slot, offset);
        next = run->last + 1;
        slot = UINT32_MAX;
        offset = 0;
    }
    if (next <= result->durable)
        each(context, next, result->durable, slot, offset);
}

// --- printing --------------------------------------------------------------------------------

static void print_instance(const struct folder *folder)
{
    char size[TEXT_SIZE_BYTES];
    printf("identity     %08x, segments of %s", folder_fingerprint(&folder->identity),
           text_size(size, folder->identity.segment_bytes));
    if (folder->instance != FOLDER_INSTANCE_SOUND)
        printf(" (rebuilt from %u segment headers: the file %s is %s)", folder->headers,
               WAL_NAME_INSTANCE,
               folder->instance == FOLDER_INSTANCE_MISSING ? "missing" : "damaged");
    putchar('\n');
}

static void print_completion(const struct survey *survey)
{
    const struct wal_completion_block *newest = &survey->completion_newest;
    printf("completion   %u blocks: %u valid, %u damaged, %u never written", WAL_COMPLETION_BLOCKS,
           survey->completion_valid, survey->completion_damaged, survey->completion_empty);
    if (survey->completion_missing > 0)
        printf(", %u missing or unreadable", survey->completion_missing);
    if (newest->counter > 0)
        printf("; the newest, number %llu, says: durable through %llu%s",
               (unsigned long long)newest->counter, (unsigned long long)newest->durable,
               newest->flags & WAL_COMPLETION_CLEAN ? ", clean stop" : "");
    putchar('\n');
}

static void print_checkpoint(const struct survey *survey)
{
    const struct wal_recovery_result *result = &survey->result;
    char name[WAL_CHECKPOINT_NAME_BYTES];
    if (result->checkpoint_newest == 0) {
        printf("checkpoint   none yet: the log begins with sequence 1\n");
        return;
    }
    if (result->checkpoint == 0) { // the verdict says why
        wal_checkpoint_name(name, result->checkpoint_newest);
        printf("checkpoint   %s: of no use\n", name);
        return;
    }
    char size[TEXT_SIZE_BYTES];
    wal_checkpoint_name(name, result->checkpoint);
    printf("checkpoint   %s: %s, %llu records, %s; the log is replayed from sequence %llu\n", name,
           result->checkpoint_lost_bytes == 0 ? "whole" : "damaged",
           (unsigned long long)result->checkpoint_records,
           text_size(size, result->checkpoint_bytes), (unsigned long long)result->checkpoint_first);
}

void survey_print_folder(const struct survey *survey)
{
    const struct folder *folder = survey->folder;
    printf("folder       %s%s\n", folder->path,
           folder->in_use ? " (in use by another process: what it is writing just now may look "
                            "torn or damaged)"
                          : "");
    print_instance(folder);
    print_completion(survey);
    print_checkpoint(survey);
}

void survey_print_verdict(const struct survey *survey)
{
    const struct wal_recovery_result *result = &survey->result;
    const struct folder *folder = survey->folder;
    printf("D            %llu: everything up to this sequence is known to have been durable\n",
           (unsigned long long)result->durable);
    printf("E            %llu: the unbroken chain of frames ends here\n",
           (unsigned long long)result->end);
    if (folder->instance == FOLDER_INSTANCE_SOUND) {
        printf("verdict      %s: %s\n", wal_verdict_name(result->verdict), result->message);
        return;
    }
    printf("verdict      refused: the file %s is %s. As far as the rest goes: %s: %s\n",
           WAL_NAME_INSTANCE, folder->instance == FOLDER_INSTANCE_MISSING ? "missing" : "damaged",
           wal_verdict_name(result->verdict), result->message);
}
