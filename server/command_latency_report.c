// LATENCY GRAPH and LATENCY DOCTOR: what took long, for people.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/latency.h"
#include "server/server.h"
#include "server/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define GRAPH_ROWS 6
// Latest samples that are drawn.
#define GRAPH_COLUMNS 80

struct range {
    int64_t low, high;
};

static struct range series_range(const struct latency_series *series)
{
    struct range range = {INT64_MAX, 0};
    for (uint32_t i = 0; i < series->count; i++) {
        int64_t ms = latency_sample_at(series, i).ms;
        range.low = ms < range.low ? ms : range.low;
        range.high = ms > range.high ? ms : range.high;
    }
    return range;
}

// --- GRAPH -----------------------------------------------------------------------------------

// Below each column stands how long ago that was: one digit or two, and the unit.
static void graph_ages(struct text *text, const struct latency_series *series, uint32_t first,
                       int64_t now_s)
{
    char rows[3][GRAPH_COLUMNS];
    uint32_t columns = series->count - first;
    for (uint32_t i = 0; i < columns; i++) {
        static const struct {
            int64_t seconds;
            char unit;
        } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
        int64_t age_s = now_s - latency_sample_at(series, first + i).time_s;
        size_t u = 0;
        while (u < 3 && age_s < units[u].seconds)
            u++;
        int64_t number = age_s > 0 ? age_s / units[u].seconds : 0;
        number = number > 99 ? 99 : number;
        rows[0][i] = number > 9 ? (char)('0' + number / 10) : ' ';
        rows[1][i] = (char)('0' + number % 10);
        rows[2][i] = units[u].unit;
    }
    for (int row = 0; row < 3; row++)
        text_add(text, "%.*s\n", (int)columns, rows[row]);
}

static void graph_draw(struct text *text, const struct latency_series *series, struct range range,
                       int64_t now_s)
{
    uint32_t first = series->count > GRAPH_COLUMNS ? series->count - GRAPH_COLUMNS : 0;
    int64_t span = range.high > range.low ? range.high - range.low : 1;
    for (int64_t row = GRAPH_ROWS; row >= 1; row--) {
        char line[GRAPH_COLUMNS];
        for (uint32_t i = first; i < series->count; i++) {
            int64_t height =
                1 + (latency_sample_at(series, i).ms - range.low) * (GRAPH_ROWS - 1) / span;
            line[i - first] = height == row ? 'o' : height > row ? '|' : ' ';
        }
        text_add(text, "%.*s\n", (int)(series->count - first), line);
    }
    graph_ages(text, series, first, now_s);
}

void command_latency_graph(struct call *call)
{
    struct span name = call_arg(call, 2);
    for (uint32_t i = 0; i < LATENCY_EVENTS; i++) {
        const struct latency_series *series = &call->server->latency.series[i];
        const char *event = latency_event_name((enum latency_event)i);
        if (series->count == 0 || name.length != strlen(event) ||
            memcmp(name.data, event, name.length) != 0)
            continue;
        struct text text = {0};
        struct range range = series_range(series);
        text_add(&text, "%s - high %lld ms, low %lld ms (all time high %lld ms)\n", event,
                 (long long)range.high, (long long)range.low, (long long)series->max_ms);
        text_add(
            &text, "%.80s\n",
            "--------------------------------------------------------------------------------");
        graph_draw(&text, series, range, call->server->wall_ms / 1000);
        resp_verbatim(call->reply, "txt", text.bytes, text.length);
        return;
    }
    int length = name.length < 128 ? (int)name.length : 128;
    resp_errorf(call->reply, "ERR No samples available for event '%.*s'", length,
                (const char *)name.data);
}

// --- DOCTOR ----------------------------------------------------------------------------------

static void doctor_series(struct text *text, const char *event, const struct latency_series *series)
{
    int64_t sum = 0;
    int64_t deviation = 0;
    for (uint32_t i = 0; i < series->count; i++)
        sum += latency_sample_at(series, i).ms;
    int64_t average = sum / series->count;
    for (uint32_t i = 0; i < series->count; i++) {
        int64_t difference = latency_sample_at(series, i).ms - average;
        deviation += difference < 0 ? -difference : difference;
    }
    int64_t first_s = latency_sample_at(series, 0).time_s;
    int64_t span_s = latency_sample_at(series, series->count - 1).time_s - first_s + 1;
    text_add(text,
             "%s: %u seconds with a sample, average %lld ms, mean deviation %lld ms, within %lld "
             "seconds. The longest of all times: %lld ms.\n",
             event, series->count, (long long)average, (long long)(deviation / series->count),
             (long long)span_s, (long long)series->max_ms);
}

static void doctor_advice(struct text *text, const struct latency *latency)
{
    text_add(text, "\n");
    if (latency->series[LATENCY_COMMAND].count > 0 ||
        latency->series[LATENCY_FAST_COMMAND].count > 0)
        text_add(text, "- SLOWLOG GET tells which commands took long. KEYS and commands with very "
                       "many keys or very large values keep everybody else waiting.\n");
    if (latency->series[LATENCY_LOG_SYNC].count > 0)
        text_add(text,
                 "- The disk was slow to take the log, and answers to writes waited for it: "
                 "see wal_sync_us in INFO. A faster disk, or one that others use less, helps; "
                 "appendfsync everysec does not wait for it, but risks the last writes.\n");
    if (latency->series[LATENCY_LOG_WRITE].count > 0)
        text_add(text, "- The kernel was slow to take the log: the disk cannot keep up.\n");
    if (latency->series[LATENCY_TURN].count > 0)
        text_add(text, "- Turns of the loop took long. When neither commands nor other events here "
                       "explain that, the process did not get a processor: turn_..._longest in "
                       "INFO tells which part of the turns it was.\n");
}

void command_latency_doctor(struct call *call)
{
    const struct server *server = call->server;
    struct text text = {0};
    for (uint32_t i = 0; i < LATENCY_EVENTS; i++) {
        if (server->latency.series[i].count > 0)
            doctor_series(&text, latency_event_name((enum latency_event)i),
                          &server->latency.series[i]);
    }
    if (text.length > 0)
        doctor_advice(&text, &server->latency);
    else if (server->config.latency_monitor_threshold_ms == 0)
        text_add(&text, "Nothing is observed: latency-monitor-threshold is 0. Say CONFIG SET "
                        "latency-monitor-threshold <milliseconds>.\n");
    else
        text_add(&text, "Nothing has taken %lld ms or more.\n",
                 (long long)server->config.latency_monitor_threshold_ms);
    resp_verbatim(call->reply, "txt", text.bytes, text.length);
}
