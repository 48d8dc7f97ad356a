// The observer: does a command keep within the room, in memory and in the log, that it has made sure of?
#ifndef PORO_SIM_OBSERVER_ROOM_H
#define PORO_SIM_OBSERVER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct wal_record;
struct world;

struct observer_room {
    uint64_t used;     // memory before the command
    uint64_t admitted; // to the log, during the command
    uint64_t logged;
};

void observer_room_begin(struct observer_room *room, const struct call *call);
void observer_room_logged(struct observer_room *room, const struct wal_record *record);
// The command has been executed; `transaction`: it was EXEC, which may not fail half-way.
void observer_room_end(struct world *world, const struct observer_room *room,
                       const struct call *call, bool transaction);

#endif
