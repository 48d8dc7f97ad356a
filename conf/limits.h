// Every compile-time bound of Poro in one place, with the relations between them that must hold.
#ifndef PORO_CONF_LIMITS_H
#define PORO_CONF_LIMITS_H

#include <assert.h>
#include <stdint.h>

#define KIB(n) ((n)*1024ULL)
#define MIB(n) ((n)*1024ULL * 1024ULL)
#define GIB(n) ((n)*1024ULL * 1024ULL * 1024ULL)

// --- protocol --------------------------------------------------------------------------------

// Arguments of one command. Redis 7.0 has no such bound below INT_MAX.
#define ARGUMENTS_MAX (1024 * 1024)
// Length of one argument: Redis's default proto-max-bulk-len.
#define ARGUMENT_BYTES_MAX MIB(512)
// An inline command's line, and the count line of a multibulk header, as in Redis.
#define INLINE_BYTES_MAX KIB(64)
// Before AUTH, as in Redis.
#define UNAUTHENTICATED_ARGUMENTS_MAX 10
#define UNAUTHENTICATED_ARGUMENT_BYTES_MAX 16384
// From this length an argument is received straight into its final place.
#define LARGE_ARGUMENT_BYTES KIB(32)
// All bytes of one command, as Redis's client-query-buffer-limit.
#define COMMAND_BYTES_MAX GIB(1)

// --- storage ---------------------------------------------------------------------------------

#define DATABASES_MAX 16
#define KEY_BYTES_MAX MIB(8)
#define VALUE_BYTES_MAX MIB(512)
// Keyspaces in memory: the live ones, and flushed ones whose keys are still being freed.
#define KEYSPACE_SLOTS_MAX 4096
// Values that are being sent in place, all connections together.
#define PINS_MAX 4096

// --- write-ahead log -------------------------------------------------------------------------

// The unit of every write to the log and of its alignment (O_DIRECT).
#define WAL_BLOCK_BYTES 4096ULL
#define WAL_SEGMENT_BYTES_DEFAULT MIB(64)
#define WAL_SEGMENT_BYTES_MIN KIB(256)
#define WAL_SEGMENT_BYTES_MAX GIB(1)
#define WAL_SEGMENTS_MAX 65536
// Largest frame, header and padding included; a smaller segment lowers it (see wal/format.h).
#define WAL_FRAME_BYTES_MAX MIB(16)
// From this size on the open batch takes no further command until it can be written.
#define WAL_BATCH_BYTES_SOFT MIB(1)
// One batch at most: the largest command with its keys repeated for every piece of its values.
#define WAL_BATCH_BYTES_MAX (COMMAND_BYTES_MAX + MIB(512))
// A value longer than this goes into the log in pieces of this size between other batches, ahead of the
// command that sets it (smaller segments lower this); while others write as well, in such of:
#define WAL_SPOOL_PIECE_BYTES MIB(1)
#define WAL_SPOOL_PIECE_GENTLE KIB(256)
#define WAL_COMPLETION_BLOCKS 64
// A frame of a checkpoint is full from this size on, and written at once: small, so that the log waits
// little for it.
#define CHECKPOINT_FRAME_BYTES KIB(256)
// A longer record is written in pieces, over several turns.
#define CHECKPOINT_ENTRY_BYTES KIB(64)
// For so long a turn of the loop works at a checkpoint: usually, and when the log grows too fast for it.
#define CHECKPOINT_TURN_NS 100000
#define CHECKPOINT_HURRY_NS 500000

// --- server ----------------------------------------------------------------------------------

// Cells of the hold table; a power of two.
#define HOLD_CELLS 65536
// The largest maxclients. Address space for so many connections is reserved; a slot takes memory once
// it has been used.
#define CLIENTS_MAX 65000
#define LISTENERS_MAX 17
// Replies waiting to be sent lie in chunks of this size, from one pool for all connections.
#define REPLY_CHUNK_BYTES KIB(16)
#define REPLY_CHUNKS_MIN 8192
#define REPLY_CHUNKS_MAX 65536
// ... whose size is this share of maxmemory: one part in ...
#define REPLY_SHARE 4
// A connection with this much unsent output executes nothing more until some has been sent.
#define REPLY_BYTES_SOFT MIB(1)
// The same when less than an eighth of the pool is free.
#define REPLY_BYTES_SCARCE REPLY_CHUNK_BYTES
// When less than a sixteenth is free, the client with the most unsent output is disconnected.
// A write executes only when this many chunks are free for its reply.
#define REPLY_CHUNKS_RESERVE 64
// From this length a value is sent from its entry in place instead of being copied.
#define REPLY_PIN_BYTES KIB(64)
// Distinct batches that the replies of one connection can wait for before they are merged.
#define REPLY_MARKS 8
// One turn of the loop executes for about this long, and hands about this much to the sockets; who
// is left over comes first in the next turn. One send takes at most SEND_BYTES_MAX.
#define TURN_EXECUTE_NS 1000000
#define TURN_SEND_BYTES MIB(4)
// When the server's own work in a turn has taken so long, what can wait is for the next one.
#define TURN_OWN_NS 500000
// Runs of commands that a connection may execute in a turn even when its time is up.
#define TURN_STEPS 8
#define SEND_BYTES_MAX KIB(512)
// Commands parsed, hashed and prefetched together.
#define RUN_COMMANDS 64
#define RUN_ARGUMENTS 16384
// How many commands ahead the entry of one is fetched from memory.
#define RUN_AHEAD 8
// Received buffers that a connection which may not execute keeps before it stops receiving.
#define INPUT_BUFFERS_KEPT 4
// Commands that are being received and span buffers may take one part in INPUT_SHARE of maxmemory, but
// at least this much; large arguments that are being received one part in LARGE_SHARE.
#define INPUT_SHARE 8
#define INPUT_BYTES_MIN MIB(64)
#define LARGE_SHARE 2
// Keys that maxmemory-samples lets an eviction look at, at most.
#define EVICT_SAMPLES_MAX 64
// Watched keys, all connections together; how many lists they are found in, a power of two.
#define WATCHES_MAX (1024 * 1024)
#define WATCH_BUCKETS 65536
// Commands in one transaction that empty or swap databases: each may need DATABASES_MAX keyspaces.
#define TRANSACTION_MAPS_MAX 64
// What BITOP combines at most, all values together; and how many steps of about a nanosecond LCS may
// take. The loop waits for both.
#define BITOP_BYTES_MAX GIB(8)
#define LCS_STEPS_MAX (16 * 1024 * 1024)
// A client that has not taken so much of what is pushed to it (MONITOR) is disconnected.
#define PUSH_BYTES_MAX MIB(32)
// A line of MONITOR shows so much of an argument, and no more arguments beyond so many bytes.
#define MONITOR_ARGUMENT_BYTES_MAX KIB(32)
#define MONITOR_LINE_BYTES_MAX MIB(1)
// The slow log: entries, and memory for all of them.
#define SLOWLOG_ENTRIES_MAX 4096
#define SLOWLOG_BYTES MIB(1)
// Every command is timed by itself when the slow log notes times shorter than this.
#define TIMING_EXACT_US 1000
// A brief command that copies so many bytes is timed by itself.
#define HEAVY_BYTES KIB(64)
// Samples kept of each event of the latency monitor, as in Redis.
#define LATENCY_SAMPLES 160
// A configuration file that CONFIG REWRITE can deal with.
#define CONFIG_FILE_BYTES_MAX KIB(256)
// Kinds of errors that INFO counts apart, by their first word, and its length with the terminator.
#define ERROR_NAMES_MAX 128
#define ERROR_NAME_MAX 32
// Registered names (CLIENT SETNAME, SETINFO).
#define CLIENT_NAME_MAX 256
// Ids that CLIENT LIST ID takes: each is looked for among all clients.
#define CLIENT_IDS_MAX 100

static_assert((HOLD_CELLS & (HOLD_CELLS - 1)) == 0, "the hold table is indexed by a mask");
static_assert(REPLY_CHUNKS_RESERVE < REPLY_CHUNKS_MIN / 8,
              "the reserve is a small part of the pool");
static_assert(LARGE_ARGUMENT_BYTES > UNAUTHENTICATED_ARGUMENT_BYTES_MAX,
              "a client that has not authenticated must never be given a large buffer");
static_assert(KEY_BYTES_MAX <= WAL_FRAME_BYTES_MAX / 2, "a key and a piece of value share a frame");
static_assert(VALUE_BYTES_MAX <= UINT32_MAX, "lengths of values are 32 bits wide on disk");
static_assert(ARGUMENT_BYTES_MAX <= VALUE_BYTES_MAX, "an argument fits a value");
static_assert(WAL_SEGMENT_BYTES_MIN % WAL_BLOCK_BYTES == 0, "segments consist of whole blocks");
static_assert(WAL_BATCH_BYTES_SOFT < WAL_BATCH_BYTES_MAX, "the soft limit is the lower one");

#endif
