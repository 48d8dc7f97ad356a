// Latencies in logarithmic steps, none wider than 1 % of its value.
#include "tests/bench/load/histogram.h"

static uint32_t step_of(uint64_t value)
{
    uint32_t bits = value == 0 ? 0 : 63 - (uint32_t)__builtin_clzll(value);
    if (bits < HISTOGRAM_FINE_BITS)
        return (uint32_t)value;
    uint32_t shift = bits - HISTOGRAM_FINE_BITS;
    return (shift << HISTOGRAM_FINE_BITS) + (uint32_t)(value >> shift);
}

static uint64_t step_end(uint32_t step)
{
    if (step < 2U << HISTOGRAM_FINE_BITS)
        return step;
    uint32_t shift = (step >> HISTOGRAM_FINE_BITS) - 1;
    uint64_t fine = step - (shift << HISTOGRAM_FINE_BITS);
    return ((fine + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[step_of(value)]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t histogram_at(const struct histogram *histogram, uint32_t of_a_million)
{
    uint64_t wanted = (histogram->count * of_a_million + 999999) / 1000000;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_STEPS && wanted > 0; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted)
            return step_end(i) < histogram->max ? step_end(i) : histogram->max;
    }
    return 0;
}
