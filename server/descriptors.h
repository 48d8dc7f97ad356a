// The limit on open files of this process, as far as clients need it.
#ifndef PORO_SERVER_DESCRIPTORS_H
#define PORO_SERVER_DESCRIPTORS_H

#include <stdint.h>

// Raises the limit so that so many clients fit beside what the server itself has open. Returns how
// many do: as many, or fewer (at least 1) where the system refuses.
int64_t descriptors_raise(int64_t clients);

#endif
