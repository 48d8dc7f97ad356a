// The observer: the order of execution, what has been told, and what a recovered state must be.
#include "sim/observer.h"

#include "server/call.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/evict.h"
#include "server/journal.h"
#include "server/server.h"
#include "sim/bytes.h"
#include "sim/clients.h"
#include "sim/model.h"
#include "sim/network.h"
#include "sim/observer_evict.h"
#include "sim/observer_room.h"
#include "sim/world.h"
#include "storage/entry.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// In everysec, what was told so long ago is safe, unless a disk was slow.
#define EVERYSEC_NS 3000000000
#define EVERYSEC_SAMPLES 16
#define EVERYSEC_SAMPLE_NS 500000000

// A batch that was closed: the newest change in it.
struct observed_frame {
    uint64_t sequence; // of its commit frame
    uint64_t change;
};

// What was told in everysec, and when.
struct observed_sample {
    int64_t at_ns;
    uint64_t change;
};

struct observer {
    bool in_call;
    int64_t call_now_ms;
    struct observer_room room;
    struct observer_evict evict;
    uint32_t steps;     // commands of the transaction under way that have begun
    uint64_t told;      // safe against the end of the process
    uint64_t durable;   // ... against a power cut
    uint64_t witnessed; // ... and witnessed by the completion log
    uint32_t weakened;  // how often CONFIG SET has chosen a weaker mode
    uint64_t *closed;   // changes of batches that are closed and whose frames are not written yet
    uint32_t closed_first, closed_count, closed_capacity;
    struct observed_frame *frames; // by sequence
    uint32_t frames_count, frames_capacity;
    struct observed_sample samples[EVERYSEC_SAMPLES]; // a ring
    uint32_t samples_count;
};

struct observer *observer_create(void)
{
    return sim_alloc(1, sizeof(struct observer));
}

struct observer_room *observer_room(struct world *world)
{
    return &world->observer->room;
}

struct observer_evict *observer_evict(struct world *world)
{
    return &world->observer->evict;
}

void observer_destroy(struct observer *observer)
{
    free(observer->closed);
    free(observer->frames);
    free(observer);
}

// --- what has been told ----------------------------------------------------------------------

static void observer_sample(struct world *world, uint64_t change)
{
    struct observer *observer = world->observer;
    uint32_t last = (observer->samples_count + EVERYSEC_SAMPLES - 1) % EVERYSEC_SAMPLES;
    if (observer->samples_count > 0 &&
        world->now_ns - observer->samples[last].at_ns < EVERYSEC_SAMPLE_NS)
        return;
    observer->samples[observer->samples_count++ % EVERYSEC_SAMPLES] =
        (struct observed_sample){world->now_ns, change};
}

// In everysec a power cut takes what was told of late, but nothing older: the server was there to
// sync it.
void observer_died(struct world *world)
{
    struct observer *observer = world->observer;
    const uint32_t *ppm = world->plan.ppm;
    bool prompt = ppm[FAULT_SLOW] == 0 && ppm[FAULT_STUCK] == 0 && !world->lying &&
                  !world->sync_failed && model_appendfsync(world->model) == MODEL_EVERYSEC;
    for (uint32_t i = 0; i < EVERYSEC_SAMPLES && i < observer->samples_count && prompt; i++) {
        const struct observed_sample *sample = &observer->samples[i];
        if (sample->at_ns + EVERYSEC_NS <= world->now_ns && sample->change > observer->durable)
            observer->durable = sample->change;
    }
    observer->samples_count = 0;
}

// A mode that has become weaker since also counts for what was executed before: replies leave by the
// mode of that moment.
void observer_told(struct world *world, const struct exchange *exchange)
{
    struct observer *observer = world->observer;
    uint64_t change = exchange->reply.shows;
    enum promise promise =
        exchange->weakened == observer->weakened ? exchange->promise : PROMISE_PROCESS;
    if (change > observer->told)
        observer->told = change;
    if (model_appendfsync(world->model) == MODEL_EVERYSEC)
        observer_sample(world, observer->told);
    if (promise >= PROMISE_DURABLE && change > observer->durable)
        observer->durable = change;
    if (promise == PROMISE_WITNESSED && change > observer->witnessed)
        observer->witnessed = change;
}

struct observer_marks observer_marks(const struct observer *observer)
{
    return (struct observer_marks){observer->told, observer->durable};
}

void observer_set_marks(struct observer *observer, struct observer_marks marks)
{
    observer->told = marks.told;
    observer->durable = marks.durable;
}

void observer_lower(struct observer *observer, uint64_t change)
{
    if (observer->told > change)
        observer->told = change;
    if (observer->durable > change)
        observer->durable = change;
}

uint64_t observer_witnessed(const struct observer *observer)
{
    return observer->witnessed;
}

// Whatever happens, this is there, and nothing else has been told.
static void observer_proved(struct observer *observer, uint64_t change)
{
    observer_set_marks(observer, (struct observer_marks){change, change});
}

void observer_power_cut(struct world *world)
{
    world->observer->told = world->observer->durable;
}

void observer_stopped(struct world *world)
{
    observer_proved(world->observer, model_newest(world->model));
}

// --- batches and frames ----------------------------------------------------------------------

static void observer_close_batch(struct observer *observer, uint64_t change)
{
    if (observer->closed_first > 0 && observer->closed_first == observer->closed_count)
        observer->closed_first = observer->closed_count = 0;
    if (observer->closed_count == observer->closed_capacity) {
        observer->closed_capacity =
            observer->closed_capacity > 0 ? 2 * observer->closed_capacity : 64;
        observer->closed =
            sim_realloc(observer->closed, observer->closed_capacity, sizeof(*observer->closed));
    }
    observer->closed[observer->closed_count++] = change;
}

static void observer_add_frame(struct observer *observer, uint64_t sequence, uint64_t change)
{
    if (observer->frames_count == observer->frames_capacity) {
        observer->frames_capacity =
            observer->frames_capacity > 0 ? 2 * observer->frames_capacity : 64;
        observer->frames =
            sim_realloc(observer->frames, observer->frames_capacity, sizeof(*observer->frames));
    }
    observer->frames[observer->frames_count++] = (struct observed_frame){sequence, change};
}

// Written again after a failure, a frame keeps its sequence.
void observer_frame(struct world *world, const uint8_t *bytes, size_t length)
{
    struct observer *observer = world->observer;
    uint64_t magic;
    memcpy(&magic, bytes, sizeof(magic));
    if (magic == WAL_SEGMENT_MAGIC && length > WAL_BLOCK_BYTES)
        bytes += WAL_BLOCK_BYTES;
    struct wal_frame_header header;
    memcpy(&header, bytes, sizeof(header));
    if (header.magic != WAL_FRAME_MAGIC || (header.flags & WAL_FRAME_COMMIT) == 0)
        return;
    if (observer->frames_count > 0 &&
        header.sequence <= observer->frames[observer->frames_count - 1].sequence)
        return;
    if (observer->closed_first == observer->closed_count)
        return; // a segment header with a frame of the past: nothing new
    observer_add_frame(observer, header.sequence, observer->closed[observer->closed_first++]);
}

uint64_t observer_change_of(const struct observer *observer, uint64_t sequence)
{
    uint32_t low = 0;
    uint32_t high = observer->frames_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (observer->frames[middle].sequence <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : observer->frames[low - 1].change;
}

// --- a recovered state -----------------------------------------------------------------------

struct observer_dump {
    const struct server *server;
    struct model_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t hash;
};

static void observer_dump_entry(void *context, struct entry *entry)
{
    struct observer_dump *dump = context;
    int database = keyspace_database_of_slot(dump->server->keyspace, entry->slot);
    if (database < 0)
        return;
    struct model_entry found = {
        .database = (uint32_t)database,
        .key = entry_key(entry),
        .key_length = entry_key_length(entry),
        .value = entry_value(entry),
        .value_length = entry_value_length(entry),
        .expiry_ms = entry_expiry(entry),
    };
    if (dump->count == dump->capacity) {
        dump->capacity = dump->capacity > 0 ? 2 * dump->capacity : 256;
        dump->entries = sim_realloc(dump->entries, dump->capacity, sizeof(*dump->entries));
    }
    dump->entries[dump->count++] = found;
    dump->hash += model_entry_hash(found.database, found.key, found.key_length, found.value,
                                   found.value_length, found.expiry_ms);
}

static void observer_dump(const struct server *server, struct observer_dump *dump)
{
    *dump = (struct observer_dump){.server = server};
    uint64_t cursor = 0;
    do {
        cursor = keyspace_scan(server->keyspace, cursor, observer_dump_entry, dump);
    } while (cursor != 0);
}

static void observer_lost(struct world *world, const struct observer_dump *dump)
{
    fprintf(world->report, "the recovered state is none that may be:\n");
    model_explain(world->model, dump->entries, dump->count, world->observer->told, world->report);
    world_fail(world, VERDICT_WRONG,
               "after recovery no state from change %llu (told) to %llu (newest) is there",
               (unsigned long long)world->observer->told,
               (unsigned long long)model_newest(world->model));
}

static void observer_mode(struct world *world, const struct config *config)
{
    model_set_durability(world->model,
                         config->appendfsync == APPENDFSYNC_ALWAYS     ? MODEL_ALWAYS
                         : config->appendfsync == APPENDFSYNC_EVERYSEC ? MODEL_EVERYSEC
                                                                       : MODEL_NO,
                         config->wal_ack == WAL_ACK_COMPLETION);
    model_set_lfu(world->model, evict_kind(config->maxmemory_policy) == EVICT_BY_FREQUENCY);
}

void observer_starts(struct world *world, const struct config *config)
{
    observer_mode(world, config);
    model_set_loading(world->model, true);
}

void observer_recovered(struct world *world)
{
    struct observer *observer = world->observer;
    struct server *server = world->server;
    struct observer_dump dump;
    observer_dump(server, &dump);
    uint64_t change;
    if (!model_find(world->model, dump.hash, observer->told, &change))
        observer_lost(world, &dump);
    trace_step(world->trace, world->now_ns, "recovered", dump.count, change,
               model_newest(world->model));
    free(dump.entries);
    model_rollback(world->model, change);
    observer_proved(observer, change);
    while (observer->frames_count > 0 &&
           observer->frames[observer->frames_count - 1].sequence >= server->recovery.end)
        observer->frames_count--;
    // Later changes may have led to the same state again: they count as recovered.
    observer_add_frame(observer, server->recovery.end, change);
    observer->closed_first = observer->closed_count = 0;
    observer_mode(world, &server->config);
    model_set_loading(world->model, false);
    observer->witnessed = 0;
}

// --- execution -------------------------------------------------------------------------------

bool __real_commands_call(struct call *call);
bool __wrap_commands_call(struct call *call);
void __real_call_execute(struct call *call);
void __wrap_call_execute(struct call *call);
void __real_commands_refuse_memory(struct call *call);
void __wrap_commands_refuse_memory(struct call *call);
void __real_wal_append(struct wal *wal, const struct wal_record *record);
void __wrap_wal_append(struct wal *wal, const struct wal_record *record);
bool __real_wal_write_next(struct wal *wal, struct wal_write *write);
bool __wrap_wal_write_next(struct wal *wal, struct wal_write *write);

static struct link *observer_link(struct world *world, const struct call *call)
{
    struct link *link = network_of_socket(world->network, call->connection->socket);
    if (link == NULL)
        world_fail(world, VERDICT_WRONG, "a command is executed for a connection that is closed");
    return link;
}

// The server must be about to execute just what the client has sent next.
static struct exchange *observer_exchange(struct world *world, struct link *link,
                                          const struct call *call)
{
    struct exchange *exchange = conversation_next(&link->conversation);
    if (exchange == NULL)
        world_fail(world, VERDICT_WRONG, "client %u: a command is executed that was not sent",
                   link->client);
    bool same = call->argc == exchange->line.argc;
    for (uint32_t i = 0; i < call->argc && same; i++) {
        uint32_t length;
        const uint8_t *expected = command_line_arg(&exchange->line, i, &length);
        struct span actual = call_arg(call, i);
        same = actual.length == length && memcmp(actual.data, expected, length) == 0;
    }
    if (!same) {
        char command[256];
        command_line_show(&exchange->line, command, sizeof(command));
        world_fail(world, VERDICT_WRONG,
                   "client %u: what is executed is not what was sent next: %s", link->client,
                   command);
    }
    return exchange;
}

// Is a refusal for lack of disk space or memory explained by a fault?
static void observer_refusal(struct world *world, const struct exchange *exchange, bool disk)
{
    const uint32_t *ppm = world->plan.ppm;
    bool explained = disk ? world->faulted_ns >= 0 : ppm[FAULT_MEMORY_FULL] > 0;
    if (explained) {
        if (!disk)
            world_count(world, FAULT_MEMORY_FULL);
        return;
    }
    char command[256];
    command_line_show(&exchange->line, command, sizeof(command));
    world_fail(world, VERDICT_WRONG, "refused for lack of %s without reason: %s",
               disk ? "disk space" : "memory", command);
}

// Only a server that recovers may say so.
static void observer_loading(struct world *world, const struct exchange *exchange)
{
    world->tally.loading++;
    if (!world->serving)
        return;
    char command[256];
    command_line_show(&exchange->line, command, sizeof(command));
    world_fail(world, VERDICT_WRONG, "refused for loading, but there is nothing to load: %s",
               command);
}

// A change to always answers only when all that was written before is durable.
static enum promise observer_promise(const struct model *model, bool always, bool completion)
{
    if (model_appendfsync(model) != MODEL_ALWAYS)
        return PROMISE_PROCESS;
    return always && completion && model_ack_completion(model) ? PROMISE_WITNESSED
                                                               : PROMISE_DURABLE;
}

static void observer_model(struct world *world, struct link *link, struct exchange *exchange,
                           const char *refused, int64_t now_ms)
{
    struct model_session *session = &link->conversation.session;
    bool before = model_appendfsync(world->model) == MODEL_ALWAYS;
    bool completion = model_ack_completion(world->model);
    world->tally.operations += world->serving; // what a start refuses is no work
    trace_bytes(world->trace, world->now_ns, refused == NULL ? "execute" : "refuse", link->client,
                exchange->line.wire.data, exchange->line.wire.length);
    if (refused != NULL)
        model_refused(world->model, session, &exchange->line, refused, &exchange->reply);
    else
        model_execute(world->model, session, &exchange->line, now_ms, &exchange->reply);
    if (!world->serving) {
        exchange->reply.shows = 0;    // nothing that can be told yet
        model_session_spoil(session); // nobody knows what the keys hold that are watched
    }
    exchange->promise = observer_promise(world->model, before, completion);
    bool weaker = (before && model_appendfsync(world->model) != MODEL_ALWAYS) ||
                  (completion && !model_ack_completion(world->model));
    world->observer->weakened += weaker;
    exchange->weakened = world->observer->weakened;
    clients_answered(world, link, conversation_executed(world, &link->conversation));
}

bool __wrap_commands_call(struct call *call)
{
    struct world *world = world_current();
    struct observer *observer = world->observer;
    struct server *server = call->server;
    struct link *link = observer_link(world, call);
    struct exchange *exchange = observer_exchange(world, link, call);
    uint64_t full = server->stats.denied_full;
    uint64_t memory = server->stats.denied_memory;
    uint64_t loading = server->stats.denied_loading;
    observer_room_begin(&observer->room, call);
    observer->in_call = true;
    observer->steps = 0;
    observer->call_now_ms = call->now_ms;
    bool done = __real_commands_call(call);
    observer_room_end(world, &observer->room, call, observer->steps > 0);
    observer->in_call = false;
    observer->steps = 0;
    if (!done)
        return false;
    char text[256];
    const char *refused = NULL;
    if (server->stats.denied_loading > loading) {
        observer_loading(world, exchange);
        refused = "LOADING Redis is loading the dataset in memory";
    } else if (server->stats.denied_full > full) {
        observer_refusal(world, exchange, true);
        snprintf(text, sizeof(text), "MISCONF Errors writing to the AOF file: %s",
                 strerror(journal_space_error(server)));
        refused = text;
    } else if (server->stats.denied_memory > memory) {
        observer_refusal(world, exchange, false);
        refused = "OOM command not allowed when used memory > 'maxmemory'.";
    }
    observer_model(world, link, exchange, refused, call->now_ms);
    return true;
}

// A command of a transaction.
void __wrap_call_execute(struct call *call)
{
    world_current()->observer->steps++;
    __real_call_execute(call);
}

// An argument found no memory; the arguments have been thrown away.
void __wrap_commands_refuse_memory(struct call *call)
{
    struct world *world = world_current();
    struct link *link = observer_link(world, call);
    struct exchange *exchange = conversation_next(&link->conversation);
    if (exchange == NULL)
        world_fail(world, VERDICT_WRONG, "client %u: a command is refused that was not sent",
                   link->client);
    __real_commands_refuse_memory(call);
    observer_refusal(world, exchange, false);
    observer_model(world, link, exchange, "OOM command not allowed when used memory > 'maxmemory'.",
                   call->now_ms);
}

// --- recovery --------------------------------------------------------------------------------

enum wal_verdict __real_wal_decide(enum wal_completion_shape completion, enum wal_tail_shape tail,
                                   enum wal_extent extent, bool witness_agrees);
enum wal_verdict __wrap_wal_decide(enum wal_completion_shape completion, enum wal_tail_shape tail,
                                   enum wal_extent extent, bool witness_agrees);

enum wal_verdict __wrap_wal_decide(enum wal_completion_shape completion, enum wal_tail_shape tail,
                                   enum wal_extent extent, bool witness_agrees)
{
    uint32_t row = (((uint32_t)completion * 3 + tail) * 2 + extent) * 2 + witness_agrees;
    world_current()->tally.rows |= 1ULL << row;
    return __real_wal_decide(completion, tail, extent, witness_agrees);
}

// --- the log ---------------------------------------------------------------------------------

// Keys are deleted for having expired in the background, or by a command that finds them so.
void __wrap_wal_append(struct wal *wal, const struct wal_record *record)
{
    struct world *world = world_current();
    struct observer *observer = world->observer;
    __real_wal_append(wal, record);
    observer_room_logged(&observer->room, record);
    if (record->type != WAL_RECORD_DELETE)
        return;
    struct server *server = world->server;
    int database = keyspace_database_of_id(server->keyspace, record->keyspace);
    int64_t now_ms = observer->in_call ? observer->call_now_ms : server->wall_ms;
    if (database < 0)
        world_fail(world, VERDICT_WRONG, "a delete is logged for a database that is not there");
    if (observer->evict.dropping) {
        observer_evicted(world, (uint32_t)database, record->key, record->key_length);
        return;
    }
    if (observer->steps > 0) {
        model_deleted_within(world->model, observer->steps - 1, (uint32_t)database, record->key,
                             record->key_length);
        return;
    }
    bool expired =
        model_is_expired(world->model, (uint32_t)database, record->key, record->key_length, now_ms);
    if (!expired && observer->in_call)
        return; // the command's own delete
    uint64_t change;
    if (!expired || !model_expired(world->model, (uint32_t)database, record->key,
                                   record->key_length, now_ms, &change))
        world_fail(world, VERDICT_WRONG, "a key that has not expired is deleted: %.*s",
                   (int)record->key_length, (const char *)record->key);
    trace_step(world->trace, world->now_ns, "expired", change, (uint64_t)database, 0);
}

bool __wrap_wal_write_next(struct wal *wal, struct wal_write *write)
{
    struct world *world = world_current();
    uint64_t open = wal_open_batch(wal);
    bool next = __real_wal_write_next(wal, write);
    if (wal_open_batch(wal) != open)
        observer_close_batch(world->observer, model_newest(world->model));
    return next;
}
