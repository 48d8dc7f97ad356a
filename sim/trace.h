// The trace: every step of a run, hashed; the last ones kept for people, or all written to a file.
#ifndef PORO_SIM_TRACE_H
#define PORO_SIM_TRACE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct trace;

// `file`: where every step is written as it happens, or NULL.
struct trace *trace_create(FILE *file);
void trace_destroy(struct trace *trace);

// One step: `what` must be a literal; up to three numbers that belong to it.
void trace_step(struct trace *trace, int64_t now_ns, const char *what, uint64_t a, uint64_t b,
                uint64_t c);
// As trace_step, with bytes that count and whose beginning is shown.
void trace_bytes(struct trace *trace, int64_t now_ns, const char *what, uint64_t a,
                 const void *bytes, size_t length);
// Over all steps so far: the same seed gives the same value, always and everywhere.
uint64_t trace_hash(const struct trace *trace);
uint64_t trace_steps(const struct trace *trace);
// The last `count` steps (or as many as are kept).
void trace_tail(const struct trace *trace, uint32_t count, FILE *to);

#endif
