// LATENCY: what took long, as numbers.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/command_docs.h"
#include "server/command_stats.h"
#include "server/commands.h"
#include "server/journal.h"
#include "server/latency.h"
#include "server/rename.h"
#include "server/server.h"

#include <string.h>

// The series of the event that argument `index` names; NULL when there is no such event.
static struct latency_series *latency_find(struct call *call, uint32_t index)
{
    for (uint32_t i = 0; i < LATENCY_EVENTS; i++) {
        const char *name = latency_event_name((enum latency_event)i);
        struct span text = call_arg(call, index);
        if (text.length == strlen(name) && memcmp(text.data, name, text.length) == 0)
            return &call->server->latency.series[i];
    }
    return NULL;
}

void command_latency_latest(struct call *call)
{
    const struct latency *latency = &call->server->latency;
    uint32_t count = 0;
    for (uint32_t i = 0; i < LATENCY_EVENTS; i++)
        count += latency->series[i].count > 0;
    resp_array(call->reply, count);
    for (uint32_t i = 0; i < LATENCY_EVENTS; i++) {
        const struct latency_series *series = &latency->series[i];
        if (series->count == 0)
            continue;
        struct latency_sample last = latency_sample_at(series, series->count - 1);
        resp_array(call->reply, 4);
        resp_bulk_text(call->reply, latency_event_name((enum latency_event)i));
        resp_integer(call->reply, last.time_s);
        resp_integer(call->reply, last.ms);
        resp_integer(call->reply, series->max_ms);
    }
}

void command_latency_history(struct call *call)
{
    const struct latency_series *series = latency_find(call, 2);
    uint32_t count = series != NULL ? series->count : 0;
    resp_array(call->reply, count);
    for (uint32_t i = 0; i < count; i++) {
        struct latency_sample sample = latency_sample_at(series, i);
        resp_array(call->reply, 2);
        resp_integer(call->reply, sample.time_s);
        resp_integer(call->reply, sample.ms);
    }
}

void command_latency_reset(struct call *call)
{
    int64_t count = 0;
    for (uint32_t i = 0; call->argc == 2 && i < LATENCY_EVENTS; i++) {
        count += call->server->latency.series[i].count > 0;
        latency_series_reset(&call->server->latency.series[i]);
    }
    for (uint32_t i = 2; i < call->argc; i++) {
        struct latency_series *series = latency_find(call, i);
        if (series == NULL || series->count == 0)
            continue;
        count++;
        latency_series_reset(series);
    }
    resp_integer(call->reply, count);
}

// --- HISTOGRAM -------------------------------------------------------------------------------

// Powers of two of nanoseconds from here on end the intervals; in microseconds they are 1, 2, 4 ...
#define HISTOGRAM_EXPONENT_MIN 10

// What Redis calls this interval: its histograms keep two digits, and it tells the last value that
// counts as much as the power of two does.
static int64_t histogram_name_us(uint32_t exponent)
{
    int64_t ns = 1LL << exponent;
    return (ns + ns / 128 - 1) / 1000;
}

// Walks the intervals in which there are calls; writes them when `reply` is not NULL.
static uint32_t histogram_walk(const struct command_stat *stat, struct resp_writer *reply)
{
    uint32_t intervals = 0;
    uint32_t bucket = 0;
    uint64_t below = 0; // calls that took less than 2^e nanoseconds
    for (uint32_t e = HISTOGRAM_EXPONENT_MIN; below < stat->timed && e <= STATS_EXPONENT_MAX + 1;
         e++) {
        uint64_t before = below;
        for (; bucket < STATS_BUCKETS && stats_bucket_last(bucket) < 1ULL << e; bucket++)
            below += stat->buckets[bucket];
        if (below == before)
            continue;
        intervals++;
        if (reply == NULL)
            continue;
        resp_integer(reply, histogram_name_us(e));
        resp_integer(reply, (int64_t)below);
    }
    return intervals;
}

// Counts the command when there is something to tell, and tells it when `write`.
static uint32_t histogram_command(struct call *call, const struct command *command, bool write)
{
    const struct command_stat *stat = command_stats_of(call->server->command_stats, command);
    if (stat->timed == 0)
        return 0;
    if (!write)
        return 1;
    resp_bulk_text(call->reply, command->doc->name);
    resp_map(call->reply, 2);
    resp_bulk_text(call->reply, "calls");
    resp_integer(call->reply, (int64_t)stat->timed);
    resp_bulk_text(call->reply, "histogram_usec");
    resp_map(call->reply, histogram_walk(stat, NULL));
    histogram_walk(stat, call->reply);
    return 1;
}

// The row of a command or, as "container|subcommand", of a subcommand; NULL when there is none.
static const struct command *histogram_find(const struct call *call, struct span name)
{
    const struct config *config = &call->server->config;
    const char *bar = memchr(name.data, '|', name.length);
    uint32_t first = bar != NULL ? (uint32_t)(bar - (const char *)name.data) : name.length;
    const struct command *command = rename_find(config, name.data, first);
    if (command == NULL || bar == NULL)
        return command;
    const struct command_doc *doc = rename_find_doc(config, name.data, name.length);
    return doc != NULL ? &command->subcommands[doc - command->doc->subcommands] : NULL;
}

// A command of this name, and all subcommands where it is a container's.
static uint32_t histogram_named(struct call *call, struct span name, bool write)
{
    const struct command *command = histogram_find(call, name);
    if (command == NULL)
        return 0;
    uint32_t count = histogram_command(call, command, write);
    for (uint32_t i = 0; i < command->subcommands_count; i++)
        count += histogram_command(call, &command->subcommands[i], write);
    return count;
}

// Times that are none of a command's: bucket i counts those in [2^i, 2^(i+1)) us.
struct histogram {
    const char *name;
    const uint64_t *buckets;
    size_t count;
};

static uint32_t histogram_tell(struct call *call, const struct histogram *histogram, bool write)
{
    uint32_t intervals = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < histogram->count; i++) {
        intervals += histogram->buckets[i] > 0;
        all += histogram->buckets[i];
    }
    if (all == 0 || !write)
        return all > 0;
    resp_bulk_text(call->reply, histogram->name);
    resp_map(call->reply, 2);
    resp_bulk_text(call->reply, "calls");
    resp_integer(call->reply, (int64_t)all);
    resp_bulk_text(call->reply, "histogram_usec");
    resp_map(call->reply, intervals);
    uint64_t below = 0;
    for (size_t i = 0; i < histogram->count; i++) {
        below += histogram->buckets[i];
        if (histogram->buckets[i] == 0)
            continue;
        resp_integer(call->reply, (int64_t)2 << i);
        resp_integer(call->reply, (int64_t)below);
    }
    return 1;
}

// The loop's turns, and the waits for the log. Told only when they are named: whoever reads all finds
// nothing but commands.
static uint32_t histogram_event(struct call *call, struct span name, bool write)
{
    struct journal_stats log;
    journal_stats(call->server, &log);
    const struct turn *turn = &call->server->turn;
    const struct histogram events[] = {
        {latency_event_name(LATENCY_TURN), turn->whole.buckets, TURN_BUCKETS},
        {"loop-turn-own", turn->own.buckets, TURN_BUCKETS},
        {latency_event_name(LATENCY_LOG_SYNC), log.sync_us_buckets,
         sizeof(log.sync_us_buckets) / sizeof(log.sync_us_buckets[0])},
    };
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (name.length == strlen(events[i].name) &&
            memcmp(name.data, events[i].name, name.length) == 0)
            return histogram_tell(call, &events[i], write);
    }
    return 0;
}

static uint32_t histogram_all(struct call *call, bool write)
{
    uint32_t count = 0;
    for (uint32_t i = 0; call->argc == 2 && i < commands_count(); i++)
        count += histogram_command(call, commands_at(i), write);
    // A reply that finds no memory is not sent.
    for (uint32_t i = 2; i < call->argc && !call->reply->overflow; i++)
        count += histogram_named(call, call_arg(call, i), write) +
                 histogram_event(call, call_arg(call, i), write);
    return count;
}

void command_latency_histogram(struct call *call)
{
    resp_map(call->reply, histogram_all(call, false));
    histogram_all(call, true);
}

void command_latency_help(struct call *call)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Tells in words what took long.",
        "GRAPH <event>",
        "    Draws the samples of an event.",
        "HELP",
        "    Shows this text.",
        "HISTOGRAM [<command> ...]",
        "    Tells for all commands, or some, how many calls took how long at most; so it does",
        "    for loop-turn, loop-turn-own and aof-fsync-always, when they are named.",
        "HISTORY <event>",
        "    Shows the samples of an event.",
        "LATEST",
        "    Shows the latest sample of every event.",
        "RESET [<event> ...]",
        "    Forgets the samples of all events, or of some.",
        NULL,
    };
    commands_help(call, lines);
}
