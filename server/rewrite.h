// CONFIG REWRITE: replaces the configuration file, step by step in the ring.
//
// The new text goes into a file of its own, which is synced and then takes the old one's name: at any
// time there is one whole file.
#ifndef PORO_SERVER_REWRITE_H
#define PORO_SERVER_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator;
struct rewrite;
struct server;

size_t rewrite_overhead(void);
struct rewrite *rewrite_create(struct allocator *allocator);

// Begins, for the client with this id. Nothing must be going on.
void rewrite_begin(struct server *server, uint64_t client);
bool rewrite_going_on(const struct rewrite *rewrite);
// True when one has ended that this client began: *error is 0 or -errno. Tells it once.
bool rewrite_take_result(struct rewrite *rewrite, uint64_t client, int *error);

// A step has ended.
void rewrite_event(struct server *server, uint32_t generation, int32_t result);

#endif
