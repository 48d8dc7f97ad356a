// Memory of the process: reserved at start as address space, touched as used, given back in ranges.
#ifndef PORO_SERVER_MEMORY_H
#define PORO_SERVER_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// Reserves `bytes` (whole pages) of zeroed, untouched memory, aligned to 2 MiB. NULL when the
// system refuses.
void *memory_reserve(size_t bytes);
void memory_unreserve(void *address, size_t bytes);
// Returns a range to the system; it reads as zero from then on.
void memory_return(void *address, size_t bytes);
// Physical memory of this machine, or less when a control group limits this process.
uint64_t memory_machine_bytes(void);
// Resident set size of this process, 0 when unknown.
uint64_t memory_resident_bytes(void);

#endif
