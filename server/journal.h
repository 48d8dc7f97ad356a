// The journal: drives the write-ahead log's files through the ring: start and recovery, group
// commit, segments prepared ahead, syncs, the completion log.
#ifndef PORO_SERVER_JOURNAL_H
#define PORO_SERVER_JOURNAL_H

#include "server/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_event;
struct server;
struct token;
struct wal_identity;

size_t journal_overhead(const struct config *config);

// Opens and locks the data folder (making it when it is new), recovers what it holds into the
// keyspace, opens a new segment. 0 or an exit code, the reason told; START_ENDED when it has been asked
// to stop meanwhile: nothing has been changed.
#define START_ENDED (-1)
int journal_start(struct server *server);

// A client has its first record in the open batch.
void journal_count_writer(struct server *server);
// The commit phase: submits what the log wants to write, if nothing is in flight.
void journal_commit(struct server *server);
// The housekeeping phase: segments, syncs, completion records.
void journal_housekeeping(struct server *server);
void journal_event(struct server *server, struct token token, const struct io_event *event);

// Why there is no room in the log: errno of the last segment that could not be prepared, ENOSPC when
// none failed.
int journal_space_error(const struct server *server);

// Everything up to this batch is to be on stable storage soon, whatever the durability mode.
void journal_sync_up_to(struct server *server, uint64_t batch);

// Newest batch whose replies may leave, in the present durability mode.
uint64_t journal_released(const struct server *server);
// Monotonic time at which journal_housekeeping wants to run next; INT64_MAX when never.
int64_t journal_deadline_ns(const struct server *server);
// After CONFIG SET changed appendfsync or wal-ack.
void journal_mode_changed(struct server *server, const struct config *before);

// A clean stop: true once everything is committed and the clean-stop record is durable.
bool journal_stopped(struct server *server);
// The data folder, how its files are opened (io_open_flags), and its identity.
int journal_directory(const struct server *server);
uint32_t journal_file_flags(const struct server *server);
const struct wal_identity *journal_identity(const struct server *server);

// False when that record could not be written.
bool journal_clean(const struct server *server);

struct journal_stats {
    const char *write_mode; // "direct-dsync", "direct-fdatasync", "buffered-fdatasync"
    const char *file_system;
    uint64_t writes;
    uint64_t written_bytes;
    uint64_t batches;
    uint64_t syncs;
    uint64_t completion_writes;
    uint64_t write_failures;
    uint32_t segments;
    uint32_t segments_ready;
    bool full;              // no disk space: writes are refused
    int last_error;         // -errno of the last failed operation of the log, 0
    uint64_t sync_us_total; // of intent writes, to stable storage
    uint64_t sync_us_max;
    uint64_t sync_us_buckets[24]; // bucket i counts latencies in [2^i, 2^(i+1)) us
};
void journal_stats(const struct server *server, struct journal_stats *stats);

#endif
