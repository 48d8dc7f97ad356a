// What the data must be: every command in the order in which its writer sent it, and what each did.
//
// A writer is one connection. It alone changes its own keys, so every reply about them is known in
// advance, and after a crash they must show the effect of a prefix of its commands: of all that were
// answered, of all whose effect anybody has been shown, perhaps of more. A few keys are changed by
// all writers (groups, counters); of them less is known, but their values name their writers.
#ifndef PORO_TESTS_CRASH_MODEL_H
#define PORO_TESTS_CRASH_MODEL_H

#include "tests/crash/value.h"

#include <stdbool.h>
#include <stdint.h>

#define WRITERS_MAX 256
#define DATABASES 16
// Databases that everybody uses; then the one that only grows, and those that are flushed.
#define DATABASES_SHARED 13
#define DATABASE_GROWING 13
#define DATABASE_FLUSHED_FIRST 14
// The first writers have databases of their own: the flushed ones, then the growing one.
#define WRITERS_FLUSHING 2
#define WRITER_GROWING 2

#define BLOCK_KEYS 8 // keys of one database that are also written together
#define BLOCKS 5
#define NUMBER_KEYS 6
#define HOT_KEYS 3
#define GROUPS 12
#define GROUP_KEYS 6
#define COUNTERS 6
#define KEY_NAME_BYTES 32

enum key_kind {
    KEY_TEXT,   // everything happens to it, also expiry
    KEY_NUMBER, // is counted up and down
    KEY_HOT,    // set by its writer, never deleted, read by everybody
    KEY_UNIQUE, // written once
};

struct state {
    uint64_t hash;
    uint64_t origin; // number of the command that set it last
    int64_t number;
    int64_t expiry_s; // wall clock, 0: none
    uint32_t length;
    bool exists;
};

struct key {
    char name[KEY_NAME_BYTES];
    uint8_t kind;
    uint8_t database;
    struct state base; // at the start of the round
    struct state now;  // after everything that was sent
    struct state got;  // what the server has after its restart
};

struct effect {
    uint32_t key;
    struct state after;
};

enum expect {
    EXPECT_OK,
    EXPECT_INTEGER, // `number`
    EXPECT_NIL,
    EXPECT_BULK,  // of `length` and `hash`
    EXPECT_ARRAY, // the states of the effects
    EXPECT_SAVE,  // that it has begun or will, or is going on
    // What others wrote, as far as it can be known:
    EXPECT_HOT,     // key `number` of writer `peer`
    EXPECT_GROUP,   // group `peer`
    EXPECT_COUNTER, // counter `peer`
    EXPECT_GROWING, // the size of the growing database
};

struct op {
    uint64_t hash;
    int64_t number;
    uint32_t length;
    uint32_t effect_first;
    uint32_t effect_count;
    uint32_t bytes;     // of the request
    int32_t counter_by; // added to counter `peer`
    uint16_t peer;
    uint8_t expect;
    bool writes_group; // `peer`
};

struct writer {
    uint32_t number;
    struct key *keys;
    uint32_t key_count, key_capacity;
    uint32_t text_keys; // the first ones, in blocks
    struct op *ops;     // of this round
    uint32_t op_count, op_capacity;
    uint64_t op_first; // number of ops[0] in the life of the writer
    struct effect *effects;
    uint32_t effect_count, effect_capacity;
    uint32_t answered; // of ops
    uint32_t revealed; // so many of ops have had effects that somebody was shown
    uint32_t unique_keys;
    uint32_t prefix_low, prefix_high; // so many of ops have survived
};

struct group {
    uint8_t database;
    bool exists; // at the start of the round, written by this command:
    uint32_t writer;
    uint64_t op;
    bool got_exists;
    uint32_t got_writer;
    uint64_t got_op;
};

struct counter {
    uint8_t database;
    int64_t base;
    int64_t revealed; // the highest value that anybody was shown
    int64_t got;
};

struct model {
    uint32_t writer_count;
    struct writer writers[WRITERS_MAX];
    struct group groups[GROUPS];
    struct counter counters[COUNTERS];
    uint32_t growing_base; // keys in the growing database at the start of the round
    uint32_t *growing_ops; // of this round: which op of its writer made the next key
    uint32_t growing_count, growing_capacity;
};

// A new life: nothing exists. Ends the program when there is no memory.
struct model *model_create(uint32_t writers);
void model_destroy(struct model *model);

// The key's index.
uint32_t model_add_key(struct writer *writer, enum key_kind kind, uint8_t database,
                       const char *name);
void model_group_key(uint32_t group, uint32_t member, char name[KEY_NAME_BYTES]);
void model_counter_key(uint32_t counter, char name[KEY_NAME_BYTES]);

// The next command; it stays valid until the next call.
struct op *model_add_op(struct writer *writer, enum expect expect);
// The newest command leaves the key in this state.
void model_add_effect(struct writer *writer, uint32_t key, const struct state *after);
// The newest command added a key to the growing database.
void model_add_growth(struct model *model);
// Number of the next command.
uint64_t model_next_op(const struct writer *writer);

// Somebody has seen an effect of the writer's command `op`: false when it cannot exist.
bool model_reveal(struct writer *writer, uint64_t op);

bool state_equal(const struct state *a, const struct state *b);

// Finds prefix_low and prefix_high from what the server has: false when no prefix of the commands
// explains it. Then *key is the first that differs after `*prefix` commands, the best guess.
bool model_find_prefix(struct writer *writer, uint32_t *key, uint32_t *prefix,
                       struct state *expected);
// What the server has is now what everything goes on from.
void model_next_round(struct model *model);
// Everything has been deleted, between rounds.
void model_flush(struct model *model);

#endif
