// The agenda: a binary heap by time.
#include "sim/agenda.h"

#include "sim/bytes.h"

#include <assert.h>
#include <stdlib.h>

static bool agenda_before(const struct agenda_item *a, const struct agenda_item *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void agenda_add(struct agenda *agenda, int64_t at_ns, enum agenda_kind kind, uint32_t index,
                uint32_t generation)
{
    if (agenda->count == agenda->capacity) {
        agenda->capacity = agenda->capacity > 0 ? 2 * agenda->capacity : 64;
        agenda->items = sim_realloc(agenda->items, agenda->capacity, sizeof(*agenda->items));
    }
    struct agenda_item item = {at_ns, agenda->added++, kind, index, generation};
    uint32_t place = agenda->count++;
    while (place > 0 && agenda_before(&item, &agenda->items[(place - 1) / 2])) {
        agenda->items[place] = agenda->items[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    agenda->items[place] = item;
}

const struct agenda_item *agenda_first(const struct agenda *agenda)
{
    return agenda->count > 0 ? &agenda->items[0] : NULL;
}

struct agenda_item agenda_take(struct agenda *agenda)
{
    assert(agenda->count > 0);
    struct agenda_item first = agenda->items[0];
    struct agenda_item last = agenda->items[--agenda->count];
    uint32_t place = 0;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= agenda->count)
            break;
        if (child + 1 < agenda->count &&
            agenda_before(&agenda->items[child + 1], &agenda->items[child]))
            child++;
        if (!agenda_before(&agenda->items[child], &last))
            break;
        agenda->items[place] = agenda->items[child];
        place = child;
    }
    if (agenda->count > 0)
        agenda->items[place] = last;
    return first;
}

void agenda_free(struct agenda *agenda)
{
    free(agenda->items);
    *agenda = (struct agenda){0};
}
