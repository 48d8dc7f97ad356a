// Time and entropy: half of the seam between the server and the world (the other is io.h).
#ifndef PORO_SERVER_CLOCK_H
#define PORO_SERVER_CLOCK_H

#include <stddef.h>
#include <stdint.h>

// Nanoseconds since an arbitrary point; never goes back.
int64_t clock_monotonic_ns(void);

// Microseconds since 1970; may jump.
int64_t clock_wall_us(void);

// CPU time that this process has used, in user mode and in the kernel, in microseconds.
void clock_cpu_us(int64_t *user, int64_t *system);

// CPU time that this thread has used, in nanoseconds. Reading it is a system call.
int64_t clock_thread_cpu_ns(void);

// Fills `bytes` with entropy; aborts when the system has none to give.
void clock_entropy(void *bytes, size_t length);

#endif
