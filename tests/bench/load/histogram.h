// Latencies in logarithmic steps, none wider than 1 % of its value.
#ifndef PORO_TESTS_BENCH_LOAD_HISTOGRAM_H
#define PORO_TESTS_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_FINE_BITS 7
#define HISTOGRAM_STEPS ((64 - HISTOGRAM_FINE_BITS) << HISTOGRAM_FINE_BITS)

struct histogram {
    uint64_t counts[HISTOGRAM_STEPS];
    uint64_t count;
    uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t value);
// The value that so many of a million are at or below; 0 without any.
uint64_t histogram_at(const struct histogram *histogram, uint32_t of_a_million);

#endif
