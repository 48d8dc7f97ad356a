// Memory of the process: reserved at start as address space, touched as used, given back in ranges.
#ifndef PORO_SERVER_MEMORY_H
#define PORO_SERVER_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// Reservations are aligned to this, so that huge pages fit.
#define MEMORY_ALIGNMENT ((size_t)2 << 20)

// Reserves `bytes` (whole pages) of zeroed, untouched memory. NULL when the system refuses.
void *memory_reserve(size_t bytes);
void memory_unreserve(void *address, size_t bytes);
// Asks for huge pages in a range: for memory that is used throughout, and at random.
void memory_huge(void *address, size_t bytes);
// Returns a range to the system; it reads as zero from then on.
void memory_return(void *address, size_t bytes);
// Physical memory of this machine, or less when a control group limits this process.
uint64_t memory_machine_bytes(void);
// Resident set size of this process, 0 when unknown.
uint64_t memory_resident_bytes(void);

#endif
