// Proves that nothing is allocated from the heap while the server runs.
//
// The functions of malloc's family are defined in this program, in front of the C library's. From
// heap_guard_seal() on, each of them writes its name, the size and the caller's address to standard
// error and aborts, until heap_guard_open().
#ifndef PORO_SERVER_HEAP_GUARD_H
#define PORO_SERVER_HEAP_GUARD_H

#include <stdbool.h>

// After start-up, before the first turn of the loop. Freeing is as forbidden as allocating; only
// free(NULL) is not.
//
// Formatting with snprintf is allowed (glibc 2.36 needs no heap for any integer, nor for doubles
// with a sane precision), strerror of a known error too; not allowed are more than 30 positional
// arguments (%1$d), stdio streams that have not been used yet, and the first use of any function
// that looks at the time zone (gmtime_r, localtime_r, strftime).
void heap_guard_seal(void);

// At the end, before memory is given back.
void heap_guard_open(void);

// False where the guard is compiled out: under the address and thread sanitizers, which bring their
// own malloc, and with C libraries other than glibc. Seal and open do nothing then.
bool heap_guard_present(void);

#endif
