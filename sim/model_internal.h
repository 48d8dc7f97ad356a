// What the parts of the model share.
#ifndef PORO_SIM_MODEL_INTERNAL_H
#define PORO_SIM_MODEL_INTERNAL_H

#include "sim/model.h"

#define MODEL_VALUE_BYTES_MAX (512LL << 20)
// Of a long double as text.
#define MODEL_FLOAT_BYTES 5120

// --- keys (model_keys.c) -----------------------------------------------------------------------

// The bytes of a value. Several states of a key may show the same block at different lengths: bytes
// that a state shows never change, but more may be added behind them.
struct model_block {
    uint32_t references;
    uint32_t used;
    uint32_t capacity;
    uint8_t bytes[];
};

// What a key has at some time.
struct model_state {
    struct model_block *block; // NULL: the key is not there
    uint32_t length;
    bool edited; // its bytes were changed in place: OBJECT ENCODING tells
    uint64_t value_hash;
    int64_t expiry_ms; // 0: none
    uint64_t touched;  // the newest change to the key
    uint64_t born;     // it has been there, and never past its expiry, since this step
};

// A key that is or was there. Keys have numbers, from 0 in the order of their first change, and are
// kept as long as the model.
struct model_key {
    struct model_state state;
    uint64_t hash;               // of database and name
    struct model_watch *watches; // of all sessions
    uint64_t swapped;            // by the swap of this number, the last one
    uint32_t number;
    uint32_t database;
    uint32_t length;
    uint8_t name[];
};

struct model_slot {
    uint32_t tag; // of the hash
    uint32_t key; // number + 1, 0: free
};

// How to take back one step of a change.
struct model_undo {
    uint64_t change;
    uint32_t key;
    struct model_state before;
};

// A key that the server has deleted within a transaction.
struct model_deletion {
    uint32_t step;
    uint32_t key; // number
};

struct model {
    struct model_key **keys;
    uint32_t keys_count;
    uint32_t keys_capacity;
    struct model_slot *slots;
    uint32_t slots_count; // a power of two
    uint64_t hash;
    uint64_t present[MODEL_DATABASES];     // keys
    uint64_t with_expiry[MODEL_DATABASES]; // of these
    int64_t latest_ms;                     // of all times that were passed
    uint64_t newest;
    uint64_t settled;
    uint64_t steps; // of all changes: changes to one key
    // The hash after change `settled` + i is hashes[hashes_first + i].
    uint64_t *hashes;
    size_t hashes_first;
    size_t hashes_capacity;
    struct model_undo *undo; // [undo_first, undo_end), ascending
    size_t undo_first;
    size_t undo_end;
    size_t undo_capacity;
    struct model_deletion *deletions; // of the next EXEC
    uint32_t deletions_count;
    uint32_t deletions_capacity;
    uint64_t swaps;
    enum model_durability durability;
    bool completion;
    bool loading;
    bool lfu;
    bool redis;      // the model of redis-server 7.0
    int64_t late_ms; // that the server's clock may be different
};

// The key, there or not, or NULL when it has never been there.
struct model_key *model_key_find(const struct model *model, uint32_t database, const void *name,
                                 uint32_t length);
struct model_key *model_key_make(struct model *model, uint32_t database, const void *name,
                                 uint32_t length);
uint64_t model_key_hash(uint32_t database, const void *name, uint32_t length);
uint64_t model_value_hash(const void *value, uint32_t length);
uint64_t model_state_hash(uint64_t key_hash, uint64_t value_hash, int64_t expiry_ms);

struct model_block *model_block_create(const void *bytes, uint32_t length, uint32_t capacity);
void model_block_release(struct model_block *block);

// Changes to one key, as part of change `change` (the newest one).
void model_key_set(struct model *model, struct model_key *key, uint64_t change, const void *value,
                   uint32_t length, int64_t expiry_ms);
void model_key_append(struct model *model, struct model_key *key, uint64_t change, const void *tail,
                      uint32_t length);
// Makes the value `total` bytes long, zeros behind its end, and puts bytes to `offset`. A key that is
// not there begins as an empty value.
void model_key_write(struct model *model, struct model_key *key, uint64_t change, uint64_t offset,
                     const void *bytes, uint32_t length, uint32_t total);
// Gives a key what another one has, or had: value and expiry.
void model_key_copy(struct model *model, struct model_key *key, uint64_t change,
                    const struct model_state *from);
void model_key_set_expiry(struct model *model, struct model_key *key, uint64_t change,
                          int64_t expiry_ms);
void model_key_delete(struct model *model, struct model_key *key, uint64_t change);
// The value is one whose bytes were changed in place, though nothing is different.
void model_key_edited(struct model_key *key);
// Exchanges all keys of two databases.
void model_keys_swap(struct model *model, uint64_t change, uint32_t a, uint32_t b, int64_t now_ms);
// Takes back the newest step.
void model_undo_last(struct model *model);

static inline bool model_key_live(const struct model_key *key, int64_t now_ms)
{
    return key != NULL && key->state.block != NULL &&
           (key->state.expiry_ms == 0 || key->state.expiry_ms > now_ms);
}

// --- history (model.c) -------------------------------------------------------------------------

uint64_t model_change_begin(struct model *model); // its number
void model_change_end(struct model *model);

// --- a command under way (model_call.c) --------------------------------------------------------

struct model_command;

struct model_text {
    const uint8_t *data;
    uint32_t length;
};

// The value of a key, empty when there is none.
static inline struct model_text model_value(const struct model_key *key)
{
    if (key == NULL)
        return (struct model_text){(const uint8_t *)"", 0};
    return (struct model_text){key->state.block->bytes, key->state.length};
}

struct model_call {
    struct model *model;
    struct model_session *session;
    const struct command_line *line;
    const struct model_command *command;
    struct model_reply *reply;
    uint32_t argc;
    int64_t now_ms;
    uint64_t change; // 0 as long as nothing has changed
};

typedef void (*model_handler)(struct model_call *call);

struct model_command {
    const char *name; // small letters; a subcommand's with its container: "client|id"
    int32_t arity;    // as in COMMAND INFO: at least -arity when negative
    model_handler handler;
    const struct model_command *subcommands; // of a container, ended by a row without a name
};

// The row of this name, in any letters, or NULL (model_commands.c).
const struct model_command *model_command_find(struct model_text name);

struct model_text model_arg(const struct model_call *call, uint32_t index);
bool model_arg_is(const struct model_call *call, uint32_t index, const char *text);
// A value may be that long. False after an error.
bool model_length_right(struct model_call *call, int64_t total);
// The offset of a bit, or with # in front of a number of this width. False after an error.
bool model_bit_offset(struct model_call *call, uint32_t index, uint32_t width, uint64_t *offset);
// False after "value is not an integer or out of range".
bool model_arg_integer(struct model_call *call, uint32_t index, int64_t *value);
// The key of this argument, there or not, or NULL; the reply reveals what it is.
struct model_key *model_arg_key(struct model_call *call, uint32_t index);
// The same, only when there and not expired.
struct model_key *model_arg_live(struct model_call *call, uint32_t index);
// The same in another database.
struct model_key *model_arg_live_in(struct model_call *call, uint32_t database, uint32_t index);
// The number of this command's change, which begins here if it has not yet.
uint64_t model_call_change(struct model_call *call);
// For changes: the key of this argument, made when needed.
struct model_key *model_arg_changed(struct model_call *call, uint32_t index);
struct model_key *model_arg_changed_in(struct model_call *call, uint32_t database, uint32_t index);
void model_call_set(struct model_call *call, uint32_t index, const void *value, uint32_t length,
                    int64_t expiry_ms);
void model_call_write(struct model_call *call, uint32_t index, uint64_t offset, const void *bytes,
                      uint32_t length, uint32_t total);
void model_call_delete(struct model_call *call, struct model_key *key);
// The reply reveals this change.
void model_call_shows(struct model_call *call, uint64_t change);
// The reply reveals something of a whole database.
void model_call_shows_all(struct model_call *call);

// EX, PX, EXAT or PXAT in this argument: 'e', 'p', 'E' or 'P'; 0 when it is none.
char model_arg_unit(const struct model_call *call, uint32_t index);
// The time in this argument as an absolute one. False after an error: not above 0, too large.
bool model_arg_expiry(struct model_call *call, uint32_t index, char unit, int64_t *ms);
// The number of a database. False after an error.
bool model_arg_database(struct model_call *call, uint32_t index, uint32_t *database);

bool model_text_is(struct model_text text, const char *word); // small letters; ignoring case
bool model_text_equal(struct model_text a, struct model_text b);
bool model_text_integer(struct model_text text, int64_t *value);
bool model_text_float(struct model_text text, long double *value);
uint32_t model_float_text(char text[MODEL_FLOAT_BYTES], long double value);
size_t model_integer_text(char text[24], int64_t value);

// --- replies (model_reply.c) -------------------------------------------------------------------

void model_reply_begin(struct model_reply *reply, const struct model *model, uint8_t resp);
void model_reply_ok(struct model_call *call);
void model_reply_simple(struct model_call *call, const char *text);
void model_reply_error(struct model_call *call, const char *text);
// Line breaks at the end are dropped, others become spaces.
void model_reply_errorf(struct model_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void model_reply_integer(struct model_call *call, int64_t value);
void model_reply_bulk(struct model_call *call, const void *bytes, uint32_t length);
void model_reply_float(struct model_call *call, const char *text, uint32_t length);
void model_reply_value(struct model_call *call, const struct model_key *key); // NULL: null
void model_reply_null(struct model_call *call);
void model_reply_array(struct model_call *call, uint64_t count);
void model_reply_map(struct model_call *call, uint64_t pairs);
void model_reply_null_array(struct model_call *call);
void model_reply_syntax(struct model_call *call);
void model_reply_arity(struct model_call *call);
// The reply is an array of `count` parts, zeroed or used before.
struct model_reply *model_reply_parts(struct model_call *call, uint32_t count);

// --- sets of keys (model_scan.c) ---------------------------------------------------------------

static inline bool model_set_has(const struct bytes *set, uint32_t key)
{
    return key / 8 < set->length && (set->data[key / 8] >> key % 8 & 1) != 0;
}
void model_set_add(struct bytes *set, uint32_t key);
static inline void model_set_remove(struct bytes *set, uint32_t key)
{
    set->data[key / 8] &= (uint8_t) ~(1U << key % 8);
}

// An iteration of SCAN: from a cursor 0 to the next one.
struct model_scan {
    uint32_t references; // the session and replies to come
    uint32_t database;
    uint64_t start;        // newest step when it began
    uint64_t cursor;       // that the next step begins with
    bool broken;           // its steps do not belong together: nothing is guaranteed
    bool all;              // no pattern
    struct bytes pattern;  // that all of its steps have
    struct bytes returned; // the set of keys that were
};
void model_scan_release(struct model_scan *scan);

bool model_glob(struct model_text pattern, struct model_text text);

// --- transactions (model_transaction.c) --------------------------------------------------------

struct model_queued {
    struct command_line line;
    const struct model_command *command;
};

struct model_transaction {
    bool open;        // MULTI has been said
    bool refused;     // something could not be queued
    bool dirty;       // a watched key has changed
    uint64_t dirtied; // by this change
    struct model_watch *watches;
    struct model_queued *queue;
    uint32_t count;
    uint32_t capacity;
};

struct model_watch {
    struct model_watch *next_own; // of the session
    struct model_watch *next;     // of the key
    struct model_watch **link;    // that leads here; NULL when the model is gone
    struct model_transaction *transaction;
    struct model_key *key;
    bool expired; // it was past its expiry already: that it goes makes no difference
};

// The key has been changed, or deleted.
void model_watch_touch(struct model_key *key, uint64_t change, bool deleted);
// What had this key at the time, and what has it now, after a swap of databases.
void model_watch_swap(struct model_key *key, uint64_t change, bool was_there, int64_t now_ms);
// The model goes: nobody watches the key any more.
void model_watch_end(struct model_key *key);
// Is the call to be queued? Then it is, and has been answered.
bool model_transaction_queue(struct model_call *call);
// A command was not right: the transaction, if there is one, will not be executed.
void model_transaction_refuse(struct model_session *session);
// Forgets what is queued and watched.
void model_transaction_drop(struct model_session *session);
void model_transaction_free(struct model_session *session);

// --- commands ----------------------------------------------------------------------------------

void model_do_append(struct model_call *call);
void model_do_auth(struct model_call *call);
void model_do_bgrewriteaof(struct model_call *call);
void model_do_bgsave(struct model_call *call);
void model_do_bitcount(struct model_call *call);
void model_do_bitfield(struct model_call *call);
void model_do_bitfield_ro(struct model_call *call);
void model_do_bitop(struct model_call *call);
void model_do_bitpos(struct model_call *call);
void model_do_client_getname(struct model_call *call);
void model_do_client_id(struct model_call *call);
void model_do_client_reply(struct model_call *call);
void model_do_client_setinfo(struct model_call *call);
void model_do_client_setname(struct model_call *call);
void model_do_client_switch(struct model_call *call);
void model_do_config_get(struct model_call *call);
void model_do_config_resetstat(struct model_call *call);
void model_do_config_set(struct model_call *call);
void model_do_copy(struct model_call *call);
void model_do_dbsize(struct model_call *call);
void model_do_decr(struct model_call *call);
void model_do_decrby(struct model_call *call);
void model_do_del(struct model_call *call);
void model_do_delex(struct model_call *call);
void model_do_delifeq(struct model_call *call);
void model_do_digest(struct model_call *call);
void model_do_discard(struct model_call *call);
void model_do_dump(struct model_call *call);
void model_do_echo(struct model_call *call);
void model_do_exec(struct model_call *call);
void model_do_exists(struct model_call *call);
void model_do_expire(struct model_call *call);
void model_do_expireat(struct model_call *call);
void model_do_expiretime(struct model_call *call);
void model_do_flushall(struct model_call *call);
void model_do_flushdb(struct model_call *call);
void model_do_get(struct model_call *call);
void model_do_getbit(struct model_call *call);
void model_do_getdel(struct model_call *call);
void model_do_getex(struct model_call *call);
void model_do_getrange(struct model_call *call);
void model_do_getset(struct model_call *call);
void model_do_hello(struct model_call *call);
void model_do_incr(struct model_call *call);
void model_do_incrby(struct model_call *call);
void model_do_incrbyfloat(struct model_call *call);
void model_do_increx(struct model_call *call);
void model_do_info(struct model_call *call);
void model_do_keys(struct model_call *call);
void model_do_lastsave(struct model_call *call);
void model_do_lcs(struct model_call *call);
void model_do_mget(struct model_call *call);
void model_do_move(struct model_call *call);
void model_do_mset(struct model_call *call);
void model_do_msetex(struct model_call *call);
void model_do_msetnx(struct model_call *call);
void model_do_multi(struct model_call *call);
void model_do_object_encoding(struct model_call *call);
void model_do_object_freq(struct model_call *call);
void model_do_object_idletime(struct model_call *call);
void model_do_object_refcount(struct model_call *call);
void model_do_persist(struct model_call *call);
void model_do_pexpire(struct model_call *call);
void model_do_pexpireat(struct model_call *call);
void model_do_pexpiretime(struct model_call *call);
void model_do_ping(struct model_call *call);
void model_do_psetex(struct model_call *call);
void model_do_pttl(struct model_call *call);
void model_do_quit(struct model_call *call);
void model_do_randomkey(struct model_call *call);
void model_do_rename(struct model_call *call);
void model_do_renamenx(struct model_call *call);
void model_do_reset(struct model_call *call);
void model_do_restore(struct model_call *call);
void model_do_save(struct model_call *call);
void model_do_scan(struct model_call *call);
void model_do_select(struct model_call *call);
void model_do_set(struct model_call *call);
void model_do_setbit(struct model_call *call);
void model_do_setex(struct model_call *call);
void model_do_setnx(struct model_call *call);
void model_do_setrange(struct model_call *call);
void model_do_strlen(struct model_call *call);
void model_do_swapdb(struct model_call *call);
void model_do_time(struct model_call *call);
void model_do_ttl(struct model_call *call);
void model_do_type(struct model_call *call);
void model_do_unwatch(struct model_call *call);
void model_do_wait(struct model_call *call);
void model_do_watch(struct model_call *call);
// Replies of which only the form is known.
void model_do_any(struct model_call *call);
void model_do_value(struct model_call *call);
void model_do_bulk(struct model_call *call);

#endif
