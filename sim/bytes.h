// A growing run of bytes. The simulator's memory comes from malloc; without any it ends.
#ifndef PORO_SIM_BYTES_H
#define PORO_SIM_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct bytes {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

// Zeroed memory. Ends the program when there is none.
void *sim_alloc(size_t count, size_t size);
// As realloc; what is new is not zeroed. Ends the program when there is no memory.
void *sim_realloc(void *memory, size_t count, size_t size);

// A sum over the bytes of some pieces, or over samples of them where they are long: what was lent and
// has changed is to be noticed.
uint64_t bytes_sum(const struct iovec *pieces, uint32_t count);

// Makes room for `more` bytes behind the end and returns where they begin; length is unchanged.
uint8_t *bytes_room(struct bytes *bytes, size_t more);
void bytes_add(struct bytes *bytes, const void *data, size_t length);
void bytes_text(struct bytes *bytes, const char *text);
void bytes_format(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Removes the first `length` bytes.
void bytes_drop(struct bytes *bytes, size_t length);
void bytes_free(struct bytes *bytes);

#endif
