// The agenda: what is going to happen in the virtual world, in order of time.
#ifndef PORO_SIM_AGENDA_H
#define PORO_SIM_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

enum agenda_kind {
    AGENDA_FILE,    // a request on a file ends; index: the request
    AGENDA_SEND,    // a send ends
    AGENDA_ARRIVE,  // bytes or the end of a client's stream reach the server's socket; index: link
    AGENDA_DELIVER, // a reply's bytes reach the client; index: link
    AGENDA_CLIENT,  // a client acts; index: client
    AGENDA_CANCEL,  // a cancel is carried out; index: its place
    AGENDA_DISK_FREE, // there is room on the disk again
};

struct agenda_item {
    int64_t at_ns;
    uint64_t order; // of being added: the earlier one first, at the same time
    enum agenda_kind kind;
    uint32_t index;
    uint32_t generation; // of what the index names: an item whose subject is gone is ignored
};

struct agenda {
    struct agenda_item *items; // a binary heap
    uint32_t count;
    uint32_t capacity;
    uint64_t added;
};

void agenda_add(struct agenda *agenda, int64_t at_ns, enum agenda_kind kind, uint32_t index,
                uint32_t generation);
// The first item, NULL when there is none.
const struct agenda_item *agenda_first(const struct agenda *agenda);
// Removes and returns the first item; there is one.
struct agenda_item agenda_take(struct agenda *agenda);
void agenda_free(struct agenda *agenda);

#endif
