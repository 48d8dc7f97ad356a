// The journal at work: commits, syncs, completion records.
#include "server/journal_internal.h"

#include "server/checkpoint.h"
#include "server/io.h"
#include "server/server.h"
#include "server/token.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t journal_overhead(const struct config *config)
{
    assert(config->wal_segments_ahead > 0);
    return sizeof(struct journal) + ZERO_BYTES + 2 * 4096;
}

static uint64_t journal_token(enum token_operation operation, uint32_t slot)
{
    return token_pack((struct token){operation, slot, 0});
}

static bool journal_always(const struct server *server)
{
    return server->config.appendfsync == APPENDFSYNC_ALWAYS;
}

uint64_t journal_released(const struct server *server)
{
    if (!journal_always(server))
        return wal_batch_written(server->wal);
    if (server->config.wal_ack == WAL_ACK_COMPLETION)
        return wal_batch_completed(server->wal);
    return wal_batch_durable(server->wal);
}

// --- intent writes ---------------------------------------------------------------------------

void journal_count_writer(struct server *server)
{
    server->journal->writers_open++;
}

// Clients whose last batch has just been answered are likely to send again at once: waiting for them a
// little makes one large write of several small ones. A lone client never waits.
static bool journal_gathers(const struct server *server)
{
    const struct journal *journal = server->journal;
    return journal->writers_open > 0 && journal->writers_open < journal->writers_last &&
           wal_open_bytes(server->wal) < GATHER_BYTES && server->state == SERVER_SERVING &&
           server->now_ns < journal->write_ended_ns + GATHER_NS;
}

void journal_commit(struct server *server)
{
    struct journal *journal = server->journal;
    if (!wal_write_in_flight(server->wal) && journal_gathers(server))
        return;
    if (wal_write_closes(server->wal))
        spool_append(server);
    uint64_t open = wal_open_batch(server->wal);
    if (!wal_write_next(server->wal, &journal->write))
        return;
    if (wal_open_batch(server->wal) != open) {
        journal->writers_last = journal->writers_open;
        journal->writers_open = 0;
    }
    const struct wal_write *write = &journal->write;
    int file = journal->files[write->slot];
    assert(file >= 0);
    struct iovec pieces[2];
    uint32_t count = 0;
    for (int i = 0; i < 2; i++) {
        if (write->lengths[i] > 0)
            pieces[count++] = (struct iovec){(void *)write->pieces[i], write->lengths[i]};
    }
    journal->write_durable = journal_always(server);
    journal->write_started_ns = server->now_ns;
    io_write(server->io, file, pieces, count, write->offset,
             journal->write_durable && journal->dsync,
             journal_token(TOKEN_INTENT_WRITE, write->slot));
}

static void journal_count_latency(struct journal_stats *stats, int64_t ns)
{
    uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
    uint32_t bucket = 0;
    while ((us >> (bucket + 1)) > 0 && bucket < 23)
        bucket++;
    stats->sync_us_buckets[bucket]++;
    stats->sync_us_total += us;
    if (us > stats->sync_us_max)
        stats->sync_us_max = us;
}

static void journal_write_ended(struct server *server, int64_t result)
{
    struct journal *journal = server->journal;
    struct journal_stats *stats = &journal->stats;
    uint64_t length = (uint64_t)journal->write.lengths[0] + journal->write.lengths[1];
    stats->writes++;
    if (result == (int64_t)length) {
        stats->written_bytes += length;
    } else {
        stats->write_failures++;
        stats->last_error = result < 0 ? (int)result : -EIO;
        notice(&server->notices, LOGLEVEL_WARNING,
               "writing the log failed (segment file %u, offset %llu): %s", journal->write.slot,
               (unsigned long long)journal->write.offset, strerror(-stats->last_error));
    }
    journal_count_latency(stats, server->now_ns - journal->write_started_ns);
    latency_note(server, journal->write_durable ? LATENCY_LOG_SYNC : LATENCY_LOG_WRITE,
                 (server->now_ns - journal->write_started_ns) / 1000000);
    journal->write_ended_ns = server->now_ns;
    // The kernel tells of a failed write-back only once: after this one, a sync of what was written
    // without would prove nothing.
    if (result != (int64_t)length && wal_has_unsynced(server->wal)) {
        server_fail(server, "the log failed while writes were not yet synced");
        return;
    }
    switch (wal_write_done(server->wal, result, journal->write_durable)) {
    case WAL_OK:
        return;
    case WAL_REWRITE:
        journal_commit(server);
        return;
    case WAL_FATAL:
        server_fail(server, "the log cannot be written");
        return;
    }
}

static void journal_write_event(struct server *server, int32_t result)
{
    struct journal *journal = server->journal;
    uint64_t length = (uint64_t)journal->write.lengths[0] + journal->write.lengths[1];
    bool whole = result >= 0 && (uint64_t)result == length;
    if (!whole || !journal->write_durable || journal->dsync) {
        journal_write_ended(server, result);
        return;
    }
    journal->write_result = result;
    io_sync(server->io, journal->files[journal->write.slot], true,
            journal_token(TOKEN_INTENT_SYNC, journal->write.slot));
}

// --- syncs of what was written without -------------------------------------------------------

static void journal_sync_submit(struct server *server)
{
    struct journal *journal = server->journal;
    uint32_t slot = journal->sync_slots[journal->sync_next];
    assert(journal->files[slot] >= 0);
    io_sync(server->io, journal->files[slot], true, journal_token(TOKEN_LOG_SYNC, slot));
}

// In everysec and no, replies have left before the sync: when it fails, what they said can no
// longer be kept.
static void journal_sync_event(struct server *server, int32_t result)
{
    struct journal *journal = server->journal;
    assert(journal->syncing);
    if (result < 0) {
        journal->stats.last_error = result;
        server_fail(server, "syncing the log failed: writes that were acknowledged may be lost");
        return;
    }
    journal->stats.syncs++;
    journal->sync_next++;
    if (journal->sync_next < journal->sync_count) {
        journal_sync_submit(server);
        return;
    }
    journal->syncing = false;
    wal_synced(server->wal, journal->sync_token);
    // A listing that was full was not all.
    if (journal->sync_count == SYNC_SLOTS_MAX)
        journal->sync_started_ns = server->now_ns - SYNC_INTERVAL_NS;
}

void journal_sync_up_to(struct server *server, uint64_t batch)
{
    if (batch > server->journal->sync_wanted)
        server->journal->sync_wanted = batch;
}

static void journal_sync(struct server *server)
{
    struct journal *journal = server->journal;
    if (journal->syncing)
        return;
    bool now = journal_always(server) || server->state == SERVER_STOPPING ||
               wal_batch_durable(server->wal) < journal->sync_wanted;
    bool due = server->config.appendfsync == APPENDFSYNC_EVERYSEC &&
               server->now_ns - journal->sync_started_ns >= SYNC_INTERVAL_NS;
    // Even without syncs, files that take no more writes are to be closed at some time.
    bool many = journal->open_count > OPEN_FILES_MAX;
    if (!now && !due && !many)
        return;
    journal->sync_count =
        wal_unsynced(server->wal, journal->sync_slots, SYNC_SLOTS_MAX, &journal->sync_token);
    if (journal->sync_count == 0)
        return;
    journal->syncing = true;
    journal->sync_next = 0;
    journal->sync_started_ns = server->now_ns;
    journal_sync_submit(server);
}

// --- the completion log ----------------------------------------------------------------------

static void journal_completion_submit(struct server *server, bool clean)
{
    struct journal *journal = server->journal;
    const uint8_t *block;
    uint64_t offset;
    if (!wal_completion_next(server->wal, clean, &block, &offset))
        return;
    struct iovec piece = {(void *)block, WAL_BLOCK_BYTES};
    journal->completion_started_ns = server->now_ns;
    journal->completion_synced = false;
    journal->clean_submitted = clean;
    io_write(server->io, journal->completion_file, &piece, 1, offset, journal->dsync,
             journal_token(TOKEN_COMPLETION_WRITE, 0));
}

static void journal_completion_event(struct server *server, int32_t result)
{
    struct journal *journal = server->journal;
    bool whole = journal->completion_synced ? result >= 0 : result == (int32_t)WAL_BLOCK_BYTES;
    if (whole && !journal->dsync && !journal->completion_synced) {
        journal->completion_synced = true;
        io_sync(server->io, journal->completion_file, true,
                journal_token(TOKEN_COMPLETION_WRITE, 0));
        return;
    }
    int error = whole ? 0 : (result < 0 ? result : -EIO);
    journal->stats.completion_writes++;
    journal->clean_done = journal->clean_submitted;
    journal->clean_failed = journal->clean_submitted && error != 0;
    wal_completion_done(server->wal, error);
    journal->completion_failures = error == 0 ? 0 : journal->completion_failures + 1;
    if (error == 0)
        return;
    journal->stats.last_error = error;
    notice(&server->notices, LOGLEVEL_WARNING, "writing the completion log failed: %s",
           strerror(-error));
    if (journal->completion_failures >= COMPLETION_FAILURES_MAX &&
        server->config.wal_ack == WAL_ACK_COMPLETION)
        server_fail(server, "the completion log cannot be written");
}

static int64_t journal_completion_due_ns(const struct server *server)
{
    const struct journal *journal = server->journal;
    if (!wal_completion_due(server->wal) || wal_completion_in_flight(server->wal))
        return INT64_MAX;
    if (journal->completion_failures > 0)
        return journal->completion_started_ns + COMPLETION_RETRY_NS;
    if (journal_always(server) && server->config.wal_ack == WAL_ACK_COMPLETION)
        return server->now_ns;
    if (checkpoint_awaits_witness(server->checkpoint))
        return server->now_ns;
    int64_t interval =
        journal->completion_started_ns + server->config.completion_interval_ms * 1000000;
    int64_t idle =
        wal_write_in_flight(server->wal) ? INT64_MAX : journal->write_ended_ns + COMPLETION_IDLE_NS;
    return interval < idle ? interval : idle;
}

// --- housekeeping ----------------------------------------------------------------------------

// Segments that take no more writes and need no more syncs are closed.
static void journal_close_sealed(struct server *server)
{
    struct journal *journal = server->journal;
    if (journal->syncing)
        return;
    for (uint32_t i = 0; i < journal->open_count; i++) {
        uint32_t slot = journal->open_slots[i];
        enum wal_slot_state state = wal_slot_state(server->wal, slot);
        if ((state != WAL_SLOT_SEALED && state != WAL_SLOT_RELEASED) ||
            wal_slot_unsynced(server->wal, slot))
            continue;
        if (wal_write_in_flight(server->wal) && journal->write.slot == slot)
            continue;
        journal_close_file(server, slot);
        i--; // another one is in its place
    }
}

void journal_housekeeping(struct server *server)
{
    struct journal *journal = server->journal;
    journal_prepare(server);
    journal_sync(server);
    journal_close_sealed(server);
    if (server->state == SERVER_SERVING && journal_completion_due_ns(server) <= server->now_ns)
        journal_completion_submit(server, false);
    journal->stats.segments_ready = wal_segments_ready(server->wal);
}

int64_t journal_deadline_ns(const struct server *server)
{
    const struct journal *journal = server->journal;
    int64_t deadline = journal_completion_due_ns(server);
    if (!wal_write_in_flight(server->wal) && journal_gathers(server)) {
        int64_t gathered = journal->write_ended_ns + GATHER_NS;
        deadline = gathered < deadline ? gathered : deadline;
    }
    if (server->config.appendfsync == APPENDFSYNC_EVERYSEC && !journal->syncing &&
        wal_has_unsynced(server->wal)) {
        int64_t sync = journal->sync_started_ns + SYNC_INTERVAL_NS;
        deadline = sync < deadline ? sync : deadline;
    }
    if (journal->prepare_retry_ns > server->now_ns && journal->prepare_retry_ns < deadline)
        deadline = journal->prepare_retry_ns;
    return deadline;
}

void journal_event(struct server *server, struct token token, const struct io_event *event)
{
    struct journal *journal = server->journal;
    switch (token.operation) {
    case TOKEN_INTENT_WRITE:
        journal_write_event(server, event->result);
        break;
    case TOKEN_INTENT_SYNC:
        journal_write_ended(server, event->result < 0 ? event->result : journal->write_result);
        break;
    case TOKEN_LOG_SYNC:
        journal_sync_event(server, event->result);
        break;
    case TOKEN_COMPLETION_WRITE:
        journal_completion_event(server, event->result);
        break;
    case TOKEN_SEGMENT:
        journal_prepare_event(server, token.slot, token.generation, event->result);
        break;
    case TOKEN_FILE_CLOSE:
        break;
    default:
        assert(false);
    }
}

void journal_mode_changed(struct server *server, const struct config *before)
{
    struct journal *journal = server->journal;
    if (before->appendfsync == server->config.appendfsync &&
        before->wal_ack == server->config.wal_ack)
        return;
    notice(&server->notices, LOGLEVEL_NOTICE, "durability mode changed, segments ready: %u",
           wal_segments_ready(server->wal));
    journal->sync_started_ns = 0;
    if (server->state != SERVER_LOADING)
        journal_sync(server);
}

bool journal_stopped(struct server *server)
{
    struct journal *journal = server->journal;
    if (wal_newest_batch(server->wal) > wal_batch_written(server->wal) ||
        wal_write_in_flight(server->wal) || wal_completion_in_flight(server->wal) ||
        journal->syncing || wal_has_unsynced(server->wal))
        return false;
    if (!journal->clean_done)
        journal_completion_submit(server, true);
    return journal->clean_done;
}

bool journal_clean(const struct server *server)
{
    return !server->journal->clean_failed;
}

int journal_space_error(const struct server *server)
{
    int error = server->journal->prepare_error;
    return error != 0 ? -error : ENOSPC;
}

void journal_stats(const struct server *server, struct journal_stats *stats)
{
    const struct journal *journal = server->journal;
    *stats = journal->stats;
    stats->file_system = journal->file_system;
    stats->write_mode = !journal->direct ? "buffered-fdatasync"
                        : journal->dsync ? "direct-dsync"
                                         : "direct-fdatasync";
    stats->batches = wal_batch_written(server->wal);
    stats->segments = wal_segments_count(server->wal);
    stats->segments_ready = wal_segments_ready(server->wal);
}

int journal_directory(const struct server *server)
{
    return server->journal->directory;
}

uint32_t journal_file_flags(const struct server *server)
{
    return journal_open_flags(server->journal);
}

const struct wal_identity *journal_identity(const struct server *server)
{
    return &server->journal->identity;
}
