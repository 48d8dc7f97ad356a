// The kinds of commands that the workload is made of.
#ifndef PORO_TESTS_CRASH_WORKLOAD_INTERNAL_H
#define PORO_TESTS_CRASH_WORKLOAD_INTERNAL_H

#include "tests/crash/workload.h"

// Length of the next value, from what is left of the round's bytes.
uint32_t workload_length(struct workload *workload);

void workload_text(struct workload *workload, struct client *client);
void workload_number(struct workload *workload, struct client *client);
void workload_unique(struct workload *workload, struct client *client);
void workload_flush(struct workload *workload, struct client *client);

#endif
