// Statistics of commands: calls, time and errors of every command, for INFO and LATENCY HISTOGRAM.
//
// Reading the clock for every command would cost more than some commands do. A command that takes
// constant time, whatever the data (brief: see commands_list.h), is not timed by itself: the
// commands of a pipeline that are executed together share the time since the clock was read last,
// parsing and fetching of keys included. All others are timed one by one; so are brief ones, too,
// when the slow log asks for times that short.
#ifndef PORO_SERVER_COMMAND_STATS_H
#define PORO_SERVER_COMMAND_STATS_H

#include "conf/limits.h"
#include "server/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator;
struct call;
struct command;
struct command_stats;
struct server;

// A command with more arguments than this is not brief.
#define BRIEF_ARGUMENTS_MAX 8

// Latencies are counted in 32 buckets for every power of two of nanoseconds, up to about a minute.
#define STATS_BUCKETS_SHIFT 5
#define STATS_EXPONENT_MAX 36
#define STATS_BUCKETS ((STATS_EXPONENT_MAX - STATS_BUCKETS_SHIFT + 2) << STATS_BUCKETS_SHIFT)

struct command_stat {
    uint64_t calls;
    uint64_t ns;       // of all calls
    uint64_t rejected; // not executed
    uint64_t failed;   // executed, with an error as reply
    uint64_t timed;    // calls that are in the buckets
    uint64_t buckets[STATS_BUCKETS];
};

// --- time, part of the server ----------------------------------------------------------------

// Rows of the command table at most, and different brief commands between two readings of the
// clock.
#define TIMING_ROWS_MAX 512
#define TIMING_BRIEF_MAX 32

struct timing {
    int64_t stamp_ns; // when the clock was read last
    bool fresh;       // nothing has been done since
    bool exact;       // every command is timed by itself
    uint32_t brief_count;
    uint16_t brief[TIMING_BRIEF_MAX]; // numbers of the brief commands executed since the stamp, and
    uint32_t calls[TIMING_ROWS_MAX];  // ... how many calls of each
};

// Reads the clock; brief commands since it was read last get their shares of the time.
void timing_flush(struct server *server);
// A brief command has been executed, the first one of its kind since the clock was read.
void timing_brief_first(struct server *server, uint16_t number);
// Just before a command that is timed by itself: when it begins.
int64_t timing_begin(struct server *server);
// The command has been executed: counts it, and tells the slow log and the latency monitor.
void timing_end(const struct call *call, int64_t began_ns);
// A command that was taken for a brief one turned out not to be.
void timing_late(const struct call *call);
// After a setting has changed that decides what is timed.
void timing_settings(struct server *server);

// --- counters --------------------------------------------------------------------------------

size_t command_stats_overhead(void);
struct command_stats *command_stats_create(struct allocator *allocator);
void command_stats_reset(struct command_stats *stats);
const struct command_stat *command_stats_of(const struct command_stats *stats,
                                            const struct command *command);

// The reply of the call is an error, which begins at `point` of the connection's reply. `executed`:
// its handler has run.
void command_stats_error(const struct call *call, struct reply_point point, bool executed);
// An error reply that belongs to no command, such as "ERR".
void command_stats_error_named(struct server *server, const char *name);
// Errors by the first word of their text: the name of kind `index` and its number; false beyond the
// last one.
bool command_stats_error_at(const struct command_stats *stats, uint32_t index, const char **name,
                            uint64_t *count);

// The bucket that counts `ns`, and the largest time that it counts.
uint32_t stats_bucket(uint64_t ns);
uint64_t stats_bucket_last(uint32_t bucket);
// The smallest time that `percent` (0..100) of the calls did not exceed, in nanoseconds.
uint64_t stats_percentile(const struct command_stat *stat, double percent);

#endif
