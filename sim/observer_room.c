// The observer: does a command keep within the room, in memory and in the log, that it has made sure of?
#include "sim/observer_room.h"

#include "server/call.h"
#include "server/data.h"
#include "server/server.h"
#include "sim/observer.h"
#include "sim/world.h"
#include "wal/log.h"

// What expiries that EXEC sets, and blocks that are rounded up, may take beyond maxmemory.
#define EXEC_OVER_BYTES 16384

enum wal_admission __real_wal_admit(struct wal *wal, uint64_t bytes, bool reserve);
enum wal_admission __wrap_wal_admit(struct wal *wal, uint64_t bytes, bool reserve);

// Not only commands ask: what was asked for before a command does not count.
enum wal_admission __wrap_wal_admit(struct wal *wal, uint64_t bytes, bool reserve)
{
    enum wal_admission admission = __real_wal_admit(wal, bytes, reserve);
    if (admission == WAL_ADMIT)
        observer_room(world_current())->admitted += bytes;
    return admission;
}

void observer_room_begin(struct observer_room *room, const struct call *call)
{
    *room = (struct observer_room){.used = data_used_bytes(call->server)};
}

void observer_room_logged(struct observer_room *room, const struct wal_record *record)
{
    room->logged += wal_record_bytes(record);
}

void observer_room_end(struct world *world, const struct observer_room *room,
                       const struct call *call, bool transaction)
{
    uint64_t most = (uint64_t)call->server->config.maxmemory;
    uint64_t used = data_used_bytes(call->server);
    most = room->used > most ? room->used : most;
    if (transaction && used > most + EXEC_OVER_BYTES)
        world_fail(world, VERDICT_WRONG, "a transaction takes %llu bytes more than there are",
                   (unsigned long long)(used - most));
    if (room->logged > room->admitted)
        world_fail(world, VERDICT_WRONG,
                   "a command logs %llu bytes and has asked for room for %llu",
                   (unsigned long long)room->logged, (unsigned long long)room->admitted);
}
