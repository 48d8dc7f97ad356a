// Trimming: the disk space of removed files is given back piece by piece.
//
// Many file systems tell the device at once what has been set free (the mount option `discard`), and many
// devices do nothing else meanwhile: 64 MiB in one go kept every write of the log waiting for 18 ms, a
// gigabyte for 300. So a removed file stays open, without a name, and is emptied from its end.
#ifndef PORO_SERVER_TRIM_H
#define PORO_SERVER_TRIM_H

#include "server/token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator;
struct server;
struct trim;

// Bytes that trim_create takes.
size_t trim_overhead(void);
struct trim *trim_create(struct allocator *allocator);

// Takes over an open file, which no name leads to any more, and none will after a power cut either: its
// first `bytes` are given back, then it is closed. Of more files than there is room for the later ones
// are closed at once, which gives everything back in one go; so does 0.
void trim_file(struct server *server, int file, uint64_t bytes);
// Room for a file whose removal can wait: some is kept for those that cannot.
bool trim_has_room(const struct trim *trim);
// Is space on its way?
bool trim_busy(const struct trim *trim);
// Somebody waits for that space: no pauses until all of it is there.
void trim_hurry(struct trim *trim);

// The end of a request with TOKEN_TRIM.
void trim_event(struct server *server, int32_t result);
// Submits what is due.
void trim_housekeeping(struct server *server);
// When something will be due, in nanoseconds of the monotonic clock; INT64_MAX: nothing.
int64_t trim_deadline_ns(const struct server *server);

#endif
