// The load of one round: all writers at once, until the server is killed or asked to stop.
#ifndef PORO_TESTS_CRASH_LOAD_H
#define PORO_TESTS_CRASH_LOAD_H

#include "tests/crash/test.h"

#include <stdint.h>

enum ending {
    ENDING_KILL,      // kill -9
    ENDING_KILL_IDLE, // kill -9 after everything has been answered
    ENDING_STOP,      // SIGTERM
};

struct load_plan {
    enum ending ending;
    uint32_t duration_ms;
    int64_t bytes;     // of values
    bool changes_mode; // CONFIG SET appendfsync and wal-ack in between
    bool vanishing;    // also clients that go away with requests in flight
    bool saves;        // BGSAVE in between
    uint32_t ops_max;  // of one writer; keeps the model small when the server is quick
};

// Runs until the server has been sent the signal; after SIGTERM until it has ended. Every reply that
// can still be read counts as an answer.
void load_run(struct test *test, const struct load_plan *plan);

#endif
