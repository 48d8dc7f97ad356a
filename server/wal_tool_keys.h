// Sets of keys in bounded memory: which keys are known, and which names a report lists.
#ifndef PORO_SERVER_WAL_TOOL_KEYS_H
#define PORO_SERVER_WAL_TOOL_KEYS_H

#include "server/wal_tool_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A set of (keyspace id, key), by 64-bit hash.
struct key_set {
    uint64_t *cells; // 0: free, 1: removed
    uint32_t used;   // not free
    uint32_t count;
    bool overflown; // more than it holds were added
};

void key_set_create(struct key_set *set);
void key_set_destroy(struct key_set *set);
void key_set_clear(struct key_set *set);
// True when the key was not there and now is. A full set takes no more and notes that.
bool key_set_add(struct key_set *set, uint32_t keyspace, const uint8_t *key, uint32_t length);
void key_set_remove(struct key_set *set, uint32_t keyspace, const uint8_t *key, uint32_t length);
bool key_set_has(const struct key_set *set, uint32_t keyspace, const uint8_t *key, uint32_t length);
bool key_set_full(const struct key_set *set);

struct key_name {
    int database; // or a negative number, see wal_tool_record.h
    uint32_t keyspace;
    uint32_t length;
    uint8_t bytes[TEXT_NAME_BYTES]; // the first of them
};

// Distinct keys: all are counted, the first `most` are kept with their names.
struct key_list {
    struct key_set set;
    struct key_name *names;
    uint32_t most;
    uint32_t kept;
};

void key_list_create(struct key_list *list, uint32_t most);
void key_list_destroy(struct key_list *list);
void key_list_add(struct key_list *list, int database, uint32_t keyspace, const uint8_t *key,
                  uint32_t length);
// Prints the count and the names, one a line.
void key_list_print(const struct key_list *list);

#endif
