// Walking through a database: KEYS and SCAN.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/connection.h"
#include "server/server.h"
#include "storage/entry.h"
#include "storage/glob.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

// A reply states how many keys follow, hence two walks over the same buckets: the first one counts,
// the second one writes. Nothing changes between them.
struct walk {
    const struct call *call;
    struct span pattern; // data NULL: every key
    bool no_type;        // a type is wanted that no key has
    uint16_t slot;       // the database's keyspace
    bool write;
    uint64_t seen;    // live keys of the database
    uint64_t matched; // of these
};

static void walk_begin(struct walk *walk, const struct call *call)
{
    const struct server *server = call->server;
    *walk = (struct walk){.call = call};
    walk->slot = keyspace_key(server->keyspace, call->connection->database, "", 0).slot;
}

static void walk_pattern(struct walk *walk, struct span pattern)
{
    walk->pattern = pattern;
    if (pattern.length == 1 && pattern.data[0] == '*')
        walk->pattern.data = NULL;
}

static void walk_visit(void *context, struct entry *entry)
{
    struct walk *walk = context;
    int64_t expiry_ms = entry_expiry(entry);
    if (entry->slot != walk->slot || (expiry_ms != 0 && expiry_ms <= walk->call->now_ms))
        return;
    walk->seen++;
    if (walk->no_type)
        return;
    const uint8_t *key = entry_key(entry);
    uint32_t length = entry_key_length(entry);
    if (walk->pattern.data != NULL &&
        !glob_match(walk->pattern.data, walk->pattern.length, key, length, false))
        return;
    walk->matched++;
    if (walk->write)
        resp_bulk(walk->call->reply, key, length);
}

// --- KEYS ------------------------------------------------------------------------------------

static void keys_walk(struct walk *walk)
{
    const struct keyspace *keyspace = walk->call->server->keyspace;
    uint64_t cursor = 0;
    do
        cursor = keyspace_scan(keyspace, cursor, walk_visit, walk);
    while (cursor != 0);
}

void command_keys(struct call *call)
{
    struct walk walk;
    walk_begin(&walk, call);
    walk_pattern(&walk, call_arg(call, 1));
    call_hold_all(call);
    keys_walk(&walk);
    resp_array(call->reply, walk.matched);
    if (walk.matched == 0)
        return;
    uint64_t counted = walk.matched;
    walk.matched = 0;
    walk.write = true;
    keys_walk(&walk);
    assert(walk.matched == counted);
}

// --- SCAN ------------------------------------------------------------------------------------

// Keys that a step looks at unless COUNT says otherwise.
#define SCAN_COUNT 10
// A step visits at most this many buckets for every key of COUNT, and some more: in a sparse
// database it ends without having seen COUNT keys.
#define SCAN_BUCKETS_PER_KEY 10
#define SCAN_BUCKETS_MORE 64

// A cursor as C's strtoul reads it, which Redis uses: a sign is allowed, the empty text is 0.
static bool scan_cursor_read(struct span text, uint64_t *cursor)
{
    uint32_t length = 0;
    while (length < text.length && text.data[length] != '\0')
        length++;
    uint32_t i = 0;
    bool negative = false;
    if (length > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        negative = text.data[0] == '-';
        i = 1;
        if (length == 1)
            return false;
    }
    uint64_t value = 0;
    for (; i < length; i++) {
        if (!isdigit(text.data[i]) || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
            return false;
    }
    *cursor = negative ? 0 - value : value;
    return true;
}

struct scan_options {
    int64_t count;
    struct span pattern;
    bool other_type;
};

static bool scan_options_read(struct call *call, struct scan_options *options)
{
    *options = (struct scan_options){.count = SCAN_COUNT};
    uint32_t i = 2;
    for (; i + 1 < call->argc; i += 2) {
        if (call_arg_is(call, i, "count")) {
            if (!call_arg_integer(call, i + 1, &options->count))
                return false;
            if (options->count < 1)
                break;
        } else if (call_arg_is(call, i, "match")) {
            options->pattern = call_arg(call, i + 1);
        } else if (call_arg_is(call, i, "type")) {
            options->other_type = !call_arg_is(call, i + 1, "string");
        } else {
            break;
        }
    }
    if (i < call->argc)
        call_error_syntax(call);
    return i >= call->argc;
}

// Visits buckets from `cursor` on until `count` keys were seen or `*buckets` visited, which then
// says how many they were. Returns the next cursor.
static uint64_t scan_walk(struct walk *walk, uint64_t cursor, uint64_t count, uint64_t *buckets)
{
    const struct keyspace *keyspace = walk->call->server->keyspace;
    uint64_t visited = 0;
    assert(*buckets > 0);
    do {
        cursor = keyspace_scan(keyspace, cursor, walk_visit, walk);
        visited++;
    } while (cursor != 0 && visited < *buckets && walk->seen < count);
    *buckets = visited;
    return cursor;
}

void command_scan(struct call *call)
{
    uint64_t cursor;
    struct scan_options options;
    if (!scan_cursor_read(call_arg(call, 1), &cursor)) {
        resp_error(call->reply, "ERR invalid cursor");
        return;
    }
    if (!scan_options_read(call, &options))
        return;
    struct walk walk;
    walk_begin(&walk, call);
    walk_pattern(&walk, options.pattern);
    walk.no_type = options.other_type;
    uint64_t buckets;
    if (__builtin_mul_overflow((uint64_t)options.count, SCAN_BUCKETS_PER_KEY, &buckets) ||
        __builtin_add_overflow(buckets, SCAN_BUCKETS_MORE, &buckets))
        buckets = UINT64_MAX;
    call_hold_all(call);
    uint64_t next = scan_walk(&walk, cursor, (uint64_t)options.count, &buckets);
    char text[24];
    int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)next);
    assert(length > 0 && (size_t)length < sizeof(text));
    resp_array(call->reply, 2);
    resp_bulk(call->reply, text, (size_t)length);
    resp_array(call->reply, walk.matched);
    if (walk.matched == 0)
        return;
    uint64_t counted = walk.matched;
    walk.matched = 0;
    walk.write = true;
    uint64_t end = scan_walk(&walk, cursor, UINT64_MAX, &buckets);
    assert(walk.matched == counted && end == next);
}
