// Requests on files in flight: their latency, their failures, and what becomes of them when the
// process dies.
#ifndef PORO_SIM_REQUESTS_H
#define PORO_SIM_REQUESTS_H

#include "sim/world.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum request_kind {
    REQUEST_OPEN,
    REQUEST_CLOSE,
    REQUEST_READ,
    REQUEST_WRITE,
    REQUEST_SYNC,
    REQUEST_ALLOCATE,
    REQUEST_PUNCH,
    REQUEST_RENAME,
    REQUEST_UNLINK,
    REQUEST_FORGET,
};

#define REQUEST_PIECES_MAX 16
#define REQUEST_NAME_BYTES 32

struct request {
    enum request_kind kind;
    uint32_t generation;
    bool used;
    bool begun;
    bool orphan; // its process is gone
    uint64_t token;
    int file;
    uint32_t flags;
    uint8_t *buffer;
    uint64_t length;
    uint64_t offset;
    bool dsync;
    struct iovec pieces[REQUEST_PIECES_MAX];
    uint32_t pieces_count;
    uint64_t sum; // of the bytes that were lent
    int64_t disk; // number of the disk's write or sync
    int error;    // decided at the beginning
    char name[REQUEST_NAME_BYTES];
    char to[REQUEST_NAME_BYTES];
};

struct requests *requests_create(void);
void requests_destroy(struct requests *requests);

// A request that waits to be handed over.
struct request *request_add(struct requests *requests, enum request_kind kind, uint64_t token);
// The kernel takes what is waiting: it begins, and ends at some later time.
void requests_hand_over(struct world *world);
// The end of one (AGENDA_FILE).
void request_end(struct world *world, uint32_t index, uint32_t generation);
// The process is gone: what was not handed over never happens; the rest lands, late perhaps, or is
// cancelled.
void requests_orphan(struct world *world);
// The power is gone.
void requests_forget(struct world *world);
// Requests of a process that is gone, still to land.
uint32_t requests_orphans(const struct requests *requests);
// Requests that have not been handed over yet.
uint32_t requests_waiting(const struct requests *requests);
// Writes handed over and not yet ended.
uint32_t requests_writing(const struct requests *requests);

#endif
