// The slow log: the latest commands that took long, in a ring of bytes.
#ifndef PORO_SERVER_SLOWLOG_H
#define PORO_SERVER_SLOWLOG_H

#include <stddef.h>
#include <stdint.h>

struct allocator;
struct call;
struct resp_writer;
struct slowlog;

size_t slowlog_overhead(void);
struct slowlog *slowlog_create(struct allocator *allocator);

// A command that has just been executed took `us`. Older entries go when there are more than
// slowlog-max-len, or no more room.
void slowlog_note(struct slowlog *slowlog, const struct call *call, int64_t us);
// slowlog-max-len has changed.
void slowlog_trim(struct slowlog *slowlog, int64_t count_max);
uint32_t slowlog_count(const struct slowlog *slowlog);
// Numbers go on where they were.
void slowlog_reset(struct slowlog *slowlog);
// An array of the latest `count` entries, newest first; all when there are fewer.
void slowlog_reply(const struct slowlog *slowlog, uint32_t count, struct resp_writer *reply);

#endif
