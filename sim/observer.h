// The observer: sees, at the server's own function calls, in which order commands are executed and
// keys expire, and lets the model do the same; knows what has been told to anybody.
//
// The functions are those that the linker puts in front (--wrap): they call the server's own and
// change nothing.
#ifndef PORO_SIM_OBSERVER_H
#define PORO_SIM_OBSERVER_H

#include "sim/conversation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;
struct observer;
struct observer_evict;
struct observer_room;
struct observer *observer_create(void);
void observer_destroy(struct observer *observer);
// What the command that is being executed has asked room for.
struct observer_room *observer_room(struct world *world);
// ... and what is being evicted.
struct observer_evict *observer_evict(struct world *world);

// A part of this reply has been handed to the kernel: what it shows is told.
void observer_told(struct world *world, const struct exchange *exchange);
// A write to an intent segment was handed over: a frame, a segment's header, a header and a frame, or
// zeros.
void observer_frame(struct world *world, const uint8_t *bytes, size_t length);

// A start begins, with these settings: what is executed before it is over tells nothing of data.
struct config;
void observer_starts(struct world *world, const struct config *config);
// The server has started: its state has to be one that the told changes allow. From then on
// everything that it has is durable.
void observer_recovered(struct world *world);
// The process is gone, whatever the reason; and then: the power, too.
void observer_died(struct world *world);
void observer_power_cut(struct world *world);
// A clean stop: everything executed must be there after it.
void observer_stopped(struct world *world);

// The last change that is proved by a durable witness for this sequence.
uint64_t observer_change_of(const struct observer *observer, uint64_t sequence);
// What has been told: as safe against the end of the process, and as safe against a power cut.
struct observer_marks {
    uint64_t told;
    uint64_t durable;
};
struct observer_marks observer_marks(const struct observer *observer);
void observer_set_marks(struct observer *observer, struct observer_marks marks);
// A fault beyond the model has taken the proof of everything after this change.
void observer_lower(struct observer *observer, uint64_t change);
// The newest change of which the server has said, with wal-ack completion in force, that it is
// witnessed.
uint64_t observer_witnessed(const struct observer *observer);

#endif
