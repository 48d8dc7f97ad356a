// The trace: hashing, keeping and showing the steps of a run.
#include "sim/trace.h"

#include "sim/bytes.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define TRACE_KEPT 256
#define TRACE_SHOWN_BYTES 72

struct trace_entry {
    int64_t now_ns;
    const char *what;
    uint64_t numbers[3];
    uint8_t shown[TRACE_SHOWN_BYTES];
    uint32_t length; // of the bytes, which may be more than is kept
    uint32_t kept;
};

struct trace {
    uint64_t hash;
    uint64_t steps;
    FILE *file;
    struct trace_entry entries[TRACE_KEPT];
};

struct trace *trace_create(FILE *file)
{
    struct trace *trace = sim_alloc(1, sizeof(*trace));
    trace->file = file;
    return trace;
}

void trace_destroy(struct trace *trace)
{
    free(trace);
}

static void trace_show(const struct trace_entry *entry, uint64_t step, FILE *to)
{
    fprintf(to, "%8llu  %12.6f s  %s %llu %llu %llu", (unsigned long long)step,
            (double)entry->now_ns / 1e9, entry->what, (unsigned long long)entry->numbers[0],
            (unsigned long long)entry->numbers[1], (unsigned long long)entry->numbers[2]);
    if (entry->length > 0)
        fputs("  ", to);
    for (uint32_t i = 0; i < entry->kept; i++) {
        uint8_t byte = entry->shown[i];
        if (byte == '\r')
            continue;
        if (byte == '\n')
            fputc(' ', to);
        else if (byte >= ' ' && byte < 127)
            fputc(byte, to);
        else
            fprintf(to, "\\x%02x", byte);
    }
    if (entry->kept < entry->length)
        fprintf(to, "... (%u bytes)", entry->length);
    fputc('\n', to);
}

static void trace_fold(struct trace *trace, uint64_t value)
{
    trace->hash = (trace->hash ^ value) * 0x9e3779b97f4a7c15ULL;
    trace->hash ^= trace->hash >> 29;
}

void trace_bytes(struct trace *trace, int64_t now_ns, const char *what, uint64_t a,
                 const void *bytes, size_t length)
{
    struct trace_entry *entry = &trace->entries[trace->steps++ % TRACE_KEPT];
    *entry = (struct trace_entry){.now_ns = now_ns, .what = what, .numbers = {a, length, 0}};
    entry->length = (uint32_t)length;
    entry->kept = length < TRACE_SHOWN_BYTES ? (uint32_t)length : TRACE_SHOWN_BYTES;
    memcpy(entry->shown, bytes, entry->kept);
    trace_fold(trace, XXH3_64bits(what, strlen(what)) + (uint64_t)now_ns);
    trace_fold(trace, a);
    trace_fold(trace, XXH3_64bits(bytes, length));
    if (trace->file != NULL)
        trace_show(entry, trace->steps, trace->file);
}

void trace_step(struct trace *trace, int64_t now_ns, const char *what, uint64_t a, uint64_t b,
                uint64_t c)
{
    struct trace_entry *entry = &trace->entries[trace->steps++ % TRACE_KEPT];
    entry->now_ns = now_ns;
    entry->what = what;
    entry->numbers[0] = a;
    entry->numbers[1] = b;
    entry->numbers[2] = c;
    entry->length = 0;
    entry->kept = 0;
    trace_fold(trace, XXH3_64bits(what, strlen(what)) + (uint64_t)now_ns);
    trace_fold(trace, a);
    trace_fold(trace, b * 0x100000001b3ULL + c);
    if (trace->file != NULL)
        trace_show(entry, trace->steps, trace->file);
}

uint64_t trace_hash(const struct trace *trace)
{
    return trace->hash;
}

uint64_t trace_steps(const struct trace *trace)
{
    return trace->steps;
}

void trace_tail(const struct trace *trace, uint32_t count, FILE *to)
{
    uint64_t kept = trace->steps < TRACE_KEPT ? trace->steps : TRACE_KEPT;
    uint64_t shown = count < kept ? count : kept;
    for (uint64_t step = trace->steps - shown; step < trace->steps; step++)
        trace_show(&trace->entries[step % TRACE_KEPT], step + 1, to);
}
