// Conditions under which SET and DELEX do something: what the key's present value must be.
#ifndef PORO_SERVER_CONDITION_H
#define PORO_SERVER_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct entry;

enum condition_kind {
    CONDITION_NONE,
    CONDITION_NX,    // there is no such key
    CONDITION_XX,    // there is one
    CONDITION_IFEQ,  // its value equals the argument
    CONDITION_IFNE,  // it does not; or there is no such key
    CONDITION_IFDEQ, // its value's digest equals the argument
    CONDITION_IFDNE, // it does not; or there is no such key
};

struct condition {
    enum condition_kind kind;
    uint32_t argument; // index of what is compared with
};

// The kind that argument `index` names, among those that compare with an argument; CONDITION_NONE
// when it names none of them.
enum condition_kind condition_find(const struct call *call, uint32_t index);
// False after an error reply: what is compared with is no digest. That counts only where there is a
// value to compare it with.
bool condition_valid(struct call *call, const struct condition *condition,
                     const struct entry *entry);
// Does it hold for this entry (NULL: no such key)?
bool condition_holds(const struct call *call, const struct condition *condition,
                     const struct entry *entry);

#endif
