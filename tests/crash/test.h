// One run of the crash test: options, where it is, what it has found.
#ifndef PORO_TESTS_CRASH_TEST_H
#define PORO_TESTS_CRASH_TEST_H

#include "tests/crash/model.h"
#include "tests/crash/process.h"
#include "tests/crash/random.h"

#include <stdbool.h>
#include <stdint.h>

struct test {
    uint64_t seed;
    uint32_t round;
    struct random random;
    struct process process;
    struct model *model;
    bool failed; // this round
    // statistics of the run
    uint64_t answered;
    uint64_t sent;
    uint64_t kills;
    uint64_t early_kills;
    uint64_t clean_stops;
};

// Notes and prints a failure of this round: seed, round, folder and the message.
void test_fail(struct test *test, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
