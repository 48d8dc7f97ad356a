// What may be taken from beyond a break in the log.
//
// Beyond a break it is not known which keys the lost frames changed. What a record says of a whole
// value (SET, DELETE) holds whatever was lost, and so does an expiry. Bytes put into a value
// (RANGE) do not: into another value than they were meant for they would make one that never
// existed. They are taken only for keys whose whole value has been seen since the last loss. For
// the same reason nothing is taken of a long value of which not all pieces are there, in a spool or
// elsewhere. Records of a keyspace that no known MAP names belong to a database that was flushed in
// what is lost; which one it was cannot be told.
//
// Of a batch that is not whole (a transaction, MSET), the records that are there are taken if it was
// acknowledged; otherwise the client never heard that it happened, and none are.
#include "server/wal_tool_salvage.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void salvage_create(struct salvage *salvage, const struct survey *survey, struct target *target,
                    const struct tool_options *options)
{
    *salvage = (struct salvage){
        .survey = survey,
        .options = options,
        .target = target,
        .databases = survey->databases,
    };
    key_set_create(&salvage->known);
    key_list_create(&salvage->left_keys, options->names);
}

void salvage_destroy(struct salvage *salvage)
{
    key_list_destroy(&salvage->left_keys);
    key_set_destroy(&salvage->known);
}

// From here on no key is known.
static void salvage_note_loss(struct salvage *salvage)
{
    salvage->lost = true;
    key_set_clear(&salvage->known);
    memset(salvage->spools, 0, sizeof(salvage->spools));
}

static void salvage_take(struct salvage *salvage, const struct wal_record *record)
{
    if (record->key_length > target_key_bytes_max(salvage->target)) {
        salvage->error = -EBADMSG;
        return;
    }
    salvage->error = target_append(salvage->target, record);
    salvage->records++;
    if (salvage->partial)
        salvage->partial_records++;
}

static void salvage_leave(struct salvage *salvage, const struct wal_record *record, int database,
                          uint64_t *counter)
{
    (*counter)++;
    key_list_add(&salvage->left_keys, database, record->keyspace, record->key, record->key_length);
}

static bool salvage_known(const struct salvage *salvage, const struct wal_record *record)
{
    return !salvage->lost ||
           key_set_has(&salvage->known, record->keyspace, record->key, record->key_length);
}

// The key's value is no longer known.
static void salvage_forget(struct salvage *salvage, const struct wal_record *record)
{
    // What is known from before any loss is not listed, so the list has to be begun.
    if (!salvage->lost)
        salvage_note_loss(salvage);
    key_set_remove(&salvage->known, record->keyspace, record->key, record->key_length);
}

static void salvage_learn(struct salvage *salvage, const struct wal_record *record)
{
    if (!salvage->lost)
        return;
    // A full set forgets everything, which is safe.
    if (key_set_full(&salvage->known))
        key_set_clear(&salvage->known);
    key_set_add(&salvage->known, record->keyspace, record->key, record->key_length);
}

// The user says which database this keyspace is: a MAP record takes the place of the lost one.
static int salvage_map(struct salvage *salvage, uint32_t keyspace)
{
    const struct tool_options *options = salvage->options;
    for (uint32_t i = 0; i < options->keyspace_count; i++) {
        if (options->keyspaces[i].id != keyspace)
            continue;
        assert(keyspace >= salvage->databases.next_id && keyspace < UINT32_MAX);
        salvage->databases.ids[options->keyspaces[i].database] = keyspace;
        salvage->databases.next_id = keyspace + 1;
        struct wal_record map = {.type = WAL_RECORD_MAP};
        map.map.next_id = salvage->databases.next_id;
        for (uint32_t j = 0; j < DATABASES_MAX; j++)
            map.map.ids[j] = salvage->databases.ids[j];
        salvage_take(salvage, &map);
        return (int)options->keyspaces[i].database;
    }
    return DATABASE_UNKNOWN;
}

// Pieces are taken in one go from the first one on.
static void salvage_spool(struct salvage *salvage, const struct wal_record *record)
{
    uint32_t i = record->spool - 1;
    bool begins = record->length == 0;
    if (!begins && (!salvage->spools[i].known || salvage->spools[i].done != record->offset)) {
        salvage->spools[i].known = false;
        salvage->left_unsure++;
        return;
    }
    salvage->spools[i].known = !begins || record->total > 0;
    salvage->spools[i].done = record->offset + record->length;
    salvage_take(salvage, record);
}

// Is the value there that this SET has in a spool? That ends with it.
static bool salvage_spooled(struct salvage *salvage, const struct wal_record *record)
{
    uint32_t i = record->spool - 1;
    bool whole = salvage->spools[i].known && salvage->spools[i].done == record->total;
    salvage->spools[i].known = false;
    return whole;
}

static void salvage_key(struct salvage *salvage, const struct wal_record *record)
{
    bool spooled = record->spool != 0 && salvage_spooled(salvage, record);
    int database = databases_find(&salvage->databases, record->keyspace);
    if (database == DATABASE_UNKNOWN)
        database = salvage_map(salvage, record->keyspace);
    if (database == DATABASE_FLUSHED) {
        salvage->left_flushed++;
        return;
    }
    if (database == DATABASE_UNKNOWN) {
        salvage_leave(salvage, record, database, &salvage->left_homeless);
        return;
    }
    bool piece = record->type == WAL_RECORD_SET && record->length < record->total && !spooled;
    bool range = record->type == WAL_RECORD_RANGE;
    bool unsure = (range && !salvage_known(salvage, record)) ||
                  ((range || piece) && salvage->partial) || (piece && record->spool != 0);
    if (unsure) {
        salvage_leave(salvage, record, database, &salvage->left_unsure);
        salvage_forget(salvage, record);
        return;
    }
    if (record->type == WAL_RECORD_SET || record->type == WAL_RECORD_DELETE)
        salvage_learn(salvage, record);
    salvage_take(salvage, record);
}

static void salvage_record(void *context, const struct wal_record *record)
{
    struct salvage *salvage = context;
    if (salvage->error != 0)
        return;
    if (record->type == WAL_RECORD_MAP) {
        databases_change(&salvage->databases, record);
        salvage_take(salvage, record);
    } else if (record->type == WAL_RECORD_SPOOL) {
        salvage_spool(salvage, record);
    } else {
        salvage_key(salvage, record);
    }
}

static void leave_unfinished(void *context, const struct wal_record *record)
{
    struct salvage *salvage = context;
    salvage->left_unfinished++;
    // It was not to be applied, and is not: what was known of its key still is.
    (void)record;
}

static int salvage_frame(void *context, const struct beyond_frame *frame)
{
    struct salvage *salvage = context;
    const struct wal_frame_header *header = &frame->header;
    const struct beyond *beyond = &salvage->survey->beyond;
    while (salvage->run < beyond->count && header->sequence > beyond->runs[salvage->run].last)
        salvage->run++;
    assert(salvage->run < beyond->count);
    const struct beyond_run *run = &beyond->runs[salvage->run];
    if (frame->gap)
        salvage_note_loss(salvage);
    salvage->partial = header->batch_first < run->first || header->sequence > run->commit;
    bool acknowledged = header->sequence <= salvage->survey->result.durable;
    record_visit each = salvage->partial && !acknowledged ? leave_unfinished : salvage_record;
    if (!records_decode(frame->records, header->length, header->count, each, salvage)) {
        salvage->left_frames++;
        salvage_note_loss(salvage);
    }
    return salvage->error != 0 ? 1 : 0;
}

int salvage_run(struct salvage *salvage)
{
    const struct wal_recovery_result *result = &salvage->survey->result;
    int stopped = beyond_walk(salvage->survey->folder, &salvage->survey->segments, result->end,
                              result->end_chain, salvage_frame, salvage);
    assert((stopped != 0) == (salvage->error != 0));
    return salvage->error;
}

// --- printing --------------------------------------------------------------------------------

static void print_left(uint64_t records, const char *why)
{
    if (records > 0)
        printf("             %llu records not taken: %s\n", (unsigned long long)records, why);
}

void salvage_print(const struct salvage *salvage)
{
    printf("salvaged     %llu records from beyond the break (best effort: keys that lost frames "
           "changed last have older values, or none)\n",
           (unsigned long long)salvage->records);
    if (salvage->partial_records > 0)
        printf("             %llu of them belong to batches (transactions, MSET) of which a part "
               "is lost\n",
               (unsigned long long)salvage->partial_records);
    print_left(salvage->left_unsure, "parts of values whose rest is not known");
    print_left(salvage->left_homeless,
               "a FLUSHDB or FLUSHALL is lost, so their database is not known (see --keyspace)");
    print_left(salvage->left_unfinished, "of batches that never were acknowledged");
    print_left(salvage->left_flushed, "of databases that have been flushed since (no loss)");
    if (salvage->left_frames > 0)
        printf("             %llu frames not taken: their records make no sense\n",
               (unsigned long long)salvage->left_frames);
    if (salvage->left_keys.set.count > 0) {
        printf("keys         in records that were not taken: ");
        key_list_print(&salvage->left_keys);
    }
}
