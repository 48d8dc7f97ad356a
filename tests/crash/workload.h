// What the clients send: random commands, each entered into the model as it is sent.
#ifndef PORO_TESTS_CRASH_WORKLOAD_H
#define PORO_TESTS_CRASH_WORKLOAD_H

#include "tests/crash/client.h"

struct workload {
    struct test *test;
    struct random random;
    int64_t bytes_left; // of values in this round; then they become short
    bool changes_mode;  // CONFIG SET appendfsync and wal-ack while clients write
    bool saves;         // BGSAVE while clients write
    char *values;       // room for the values of one command
};

// Keys that expire within a moment: not in the model.
#define SHORT_LIVED_KEYS 64
#define SHORT_LIVED_MS_MAX 60
#define SHORT_LIVED_DATABASE 4

void workload_create(struct workload *workload, struct test *test);
void workload_destroy(struct workload *workload);
// One more command, perhaps with a SELECT in front.
void workload_send(struct workload *workload, struct client *client);

// What the value of this command in a hot key or a group must look like.
uint32_t workload_labelled_length(uint32_t writer, uint64_t op);

#endif
