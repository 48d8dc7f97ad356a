// The simulator's model: replies, sessions, expiry, what replies show, history and states.
#include "tests/unit/sim_model.h"

#include <stdlib.h>

// --- replies ---------------------------------------------------------------------------------

struct exchange {
    const char *text;
    const char *right;
};

static const struct exchange values[] = {
    {"GET a", "$-1\r\n"},
    {"SET a 1", "+OK\r\n"},
    {"get a", "$1\r\n1\r\n"},
    {"SET a 2 NX", "$-1\r\n"},
    {"SET a 2 XX", "+OK\r\n"},
    {"SET b 2 XX", "$-1\r\n"},
    {"SET a 3 GET", "$1\r\n2\r\n"},
    {"SET c 3 NX GET", "$-1\r\n"},
    {"SET c 4 NX GET", "$1\r\n3\r\n"},
    {"GET c", "$1\r\n3\r\n"},
    {"SET a 3 NX XX", "-ERR syntax error\r\n"},
    {"SET a 3 EX 10 KEEPTTL", "-ERR syntax error\r\n"},
    {"SET a 3 EX 10 PX 10", "-ERR syntax error\r\n"},
    {"SET a 3 EX 10 EX 20", "+OK\r\n"},
    {"TTL a", ":20\r\n"},
    {"SET a 4 KEEPTTL", "+OK\r\n"},
    {"PTTL a", ":20000\r\n"},
    {"SET a 5", "+OK\r\n"},
    {"TTL a", ":-1\r\n"},
    {"TTL nothing", ":-2\r\n"},
    {"SET a 1 PX 0", "-ERR invalid expire time in 'set' command\r\n"},
    {"SET a 1 PX x", "-ERR value is not an integer or out of range\r\n"},
    {"SET a 1 EX 9223372036854775807", "-ERR invalid expire time in 'set' command\r\n"},
    {"SET a", "-ERR wrong number of arguments for 'set' command\r\n"},
    {"INCR a", ":6\r\n"},
    {"DECR a", ":5\r\n"},
    {"INCRBY a -10", ":-5\r\n"},
    {"DECRBY a -9223372036854775808", "-ERR decrement would overflow\r\n"},
    {"DECRBY a 9223372036854775807", "-ERR increment or decrement would overflow\r\n"},
    {"INCRBY a 01", "-ERR value is not an integer or out of range\r\n"},
    {"APPEND a x", ":3\r\n"},
    {"INCR a", "-ERR value is not an integer or out of range\r\n"},
    {"APPEND d \"\"", ":0\r\n"},
    {"EXISTS a d d nothing", ":3\r\n"},
    {"STRLEN a", ":3\r\n"},
    {"STRLEN nothing", ":0\r\n"},
    {"TYPE a", "+string\r\n"},
    {"TYPE nothing", "+none\r\n"},
    {"MSET e 1 f 2 e 3", "+OK\r\n"},
    {"MSET e 1 f", "-ERR wrong number of arguments for 'mset' command\r\n"},
    {"MGET e f nothing", "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n"},
    {"DEL e e f nothing", ":2\r\n"},
    {"UNLINK d", ":1\r\n"},
    {"DBSIZE", ":2\r\n"},
    {"EXPIRE a 100 GT", ":0\r\n"},
    {"EXPIRE a 100 XX", ":0\r\n"},
    {"EXPIRE a 100 LT", ":1\r\n"},
    {"EXPIRE a 50 NX", ":0\r\n"},
    {"EXPIRE a 50 GT", ":0\r\n"},
    {"PEXPIRE a 50000 LT", ":1\r\n"},
    {"EXPIRE a 50 NX GT",
     "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"},
    {"EXPIRE a 50 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"},
    {"EXPIRE a 50 ZZ", "-ERR Unsupported option ZZ\r\n"},
    {"EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n"},
    {"PERSIST a", ":1\r\n"},
    {"PERSIST a", ":0\r\n"},
    {"EXPIRE a -1", ":1\r\n"},
    {"EXISTS a", ":0\r\n"},
    {"FLUSHDB ASYNC", "+OK\r\n"},
    {"FLUSHALL x", "-ERR syntax error\r\n"},
    {"DBSIZE", ":0\r\n"},
};

Test(sim_model, replies_to_commands_on_values)
{
    struct talk talk;
    talk_begin(&talk);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        TALK(&talk, values[i].text, values[i].right);
    talk_end(&talk);
}

static const struct exchange connections[] = {
    {"PING", "+PONG\r\n"},
    {"PING a", "$1\r\na\r\n"},
    {"PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"},
    {"ECHO \"\"", "$0\r\n\r\n"},
    {"SELECT 16", "-ERR DB index is out of range\r\n"},
    {"SELECT x", "-ERR value is not an integer or out of range\r\n"},
    {"SELECT 5", "+OK\r\n"},
    {"SET a 1 EX 9", "+OK\r\n"},
    {"INFO keyspace", "$43\r\n# Keyspace\r\ndb5:keys=1,expires=1,avg_ttl=0\r\n\r\n"},
    {"CLIENT GETNAME", "$-1\r\n"},
    {"CLIENT SETNAME me", "+OK\r\n"},
    {"CLIENT GETNAME", "$2\r\nme\r\n"},
    {"CLIENT SETNAME \t",
     "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
    {"CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"},
    {"CLIENT ID 1", "-ERR wrong number of arguments for 'client|id' command\r\n"},
    {"CLIENT ID", ":77\r\n"},
    {"CLIENT x", "-ERR unknown subcommand 'x'. Try CLIENT HELP.\r\n"},
    {"HELLO 3",
     "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n"
     ":3\r\n$2\r\nid\r\n:9\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster"
     "\r\n$7\r\nmodules\r\n*0\r\n"},
    {"GET nothing", "_\r\n"},
    {"CONFIG GET appendfsync", "%1\r\n$11\r\nappendfsync\r\n$6\r\nalways\r\n"},
    {"CONFIG SET appendfsync everysec wal-ack COMPLETION", "+OK\r\n"},
    {"CONFIG GET WAL-ack", "%1\r\n$7\r\nWAL-ack\r\n$10\r\ncompletion\r\n"},
    {"CONFIG SET appendfsync x", "-ERR CONFIG SET failed (possibly related to argument "
                                 "'appendfsync') - argument(s) must be one "
                                 "of the following: everysec, always, no\r\n"},
    {"CONFIG SET wal-ack intent wal-ack intent",
     "-ERR CONFIG SET failed (possibly related to argument 'wal-ack') - duplicate parameter\r\n"},
    {"CONFIG SET x y", "-ERR Unknown option or number of arguments for CONFIG SET - 'x'\r\n"},
    {"CONFIG RESETSTAT", "+OK\r\n"},
    {"AUTH x", "-ERR AUTH <password> called without any password configured for the default user. "
               "Are you sure your configuration is correct?\r\n"},
    {"AUTH default x", "+OK\r\n"},
    {"AUTH other x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"},
    {"HELLO 4", "-NOPROTO unsupported protocol version\r\n"},
    {"HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"},
    {"RESET", "+RESET\r\n"},
    {"CLIENT GETNAME", "$-1\r\n"},
    {"GET a", "$-1\r\n"},
    {"nosuch a b", "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' \r\n"},
    {"SCAN x", "-ERR invalid cursor\r\n"},
    {"SCAN 0 COUNT 0", "-ERR syntax error\r\n"},
    {"SCAN 0 MATCH", "-ERR syntax error\r\n"},
    {"QUIT", "+OK\r\n"},
};

Test(sim_model, replies_to_commands_on_connections)
{
    struct talk talk;
    talk_begin(&talk);
    for (size_t i = 0; i < sizeof(connections) / sizeof(connections[0]); i++)
        TALK(&talk, connections[i].text, connections[i].right);
    cr_assert(talk.session.closing);
    cr_assert(model_appendfsync(talk.model) == MODEL_EVERYSEC);
    cr_assert(model_ack_completion(talk.model));
    talk_end(&talk);
}

// The search for a name needs the rows in order.
Test(sim_model, every_command_is_found)
{
    static const char *const names[] = {
        "append",  "auth",      "bitcount",    "bitfield",    "bitfield_ro", "bitop",    "bitpos",
        "client",  "command",   "config",      "copy",        "dbsize",      "decr",     "decrby",
        "del",     "delex",     "delifeq",     "digest",      "discard",     "dump",     "echo",
        "exec",    "exists",    "expire",      "expireat",    "expiretime",  "flushall", "flushdb",
        "get",     "getbit",    "getdel",      "getex",       "getrange",    "getset",   "hello",
        "incr",    "incrby",    "incrbyfloat", "increx",      "info",        "keys",     "lcs",
        "mget",    "move",      "mset",        "msetex",      "msetnx",      "multi",    "object",
        "persist", "pexpire",   "pexpireat",   "pexpiretime", "ping",        "psetex",   "pttl",
        "quit",    "randomkey", "rename",      "renamenx",    "reset",       "restore",  "scan",
        "select",  "set",       "setbit",      "setex",       "setnx",       "setrange", "strlen",
        "substr",  "swapdb",    "time",        "touch",       "ttl",         "type",     "unlink",
        "unwatch", "wait",      "watch",
    };
    struct talk talk;
    talk_begin(&talk);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        talk_say(&talk, names[i]);
        talk.session.closing = false;
        bool unknown = talk.reply.kind == MODEL_EXACT && talk.reply.bytes.length > 12 &&
                       memcmp(talk.reply.bytes.data, "-ERR unknown", 12) == 0;
        cr_assert(!unknown, "%s", names[i]);
    }
    talk_end(&talk);
}

Test(sim_model, client_reply)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "CLIENT REPLY SKIP", "");
    talk_say(&talk, "SET a 1");
    cr_assert(talk.reply.kind == MODEL_NONE && talk.change == 1 && talk.reply.shows == 0);
    TALK(&talk, "GET a", "$1\r\n1\r\n");
    TALK(&talk, "CLIENT REPLY OFF", "");
    TALK(&talk, "GET a", "");
    TALK(&talk, "CLIENT REPLY SKIP", "");
    TALK(&talk, "GET a", "");
    TALK(&talk, "CLIENT REPLY ON", "+OK\r\n");
    TALK(&talk, "CLIENT REPLY SKIP", "");
    TALK(&talk, "RESET", "");
    TALK(&talk, "PING", "+PONG\r\n");
    TALK(&talk, "CLIENT REPLY SKIP", "");
    model_refused(talk.model, &talk.session, &talk.line, "OOM no", &talk.reply);
    cr_assert(talk.reply.kind == MODEL_NONE);
    model_refused(talk.model, &talk.session, &talk.line, "OOM no", &talk.reply);
    cr_assert(talk_check(&talk, "-OOM no\r\n") == 9);
    cr_assert(talk.session.executed == 14);
    talk_end(&talk);
}

// --- expiry ----------------------------------------------------------------------------------

Test(sim_model, an_expired_key_counts_as_missing_until_it_is_overwritten)
{
    struct talk talk;
    talk_begin(&talk);
    uint64_t change;
    TALK(&talk, "MSET a 1 b 2 c 3", "+OK\r\n");
    TALK(&talk, "PEXPIRE a 10", ":1\r\n");
    TALK(&talk, "SET b 2 PXAT 1700000000010", "+OK\r\n");
    talk.now_ms = NOW_MS + 9;
    TALK(&talk, "PTTL a", ":1\r\n");
    cr_assert(!model_expired(talk.model, 0, "a", 1, talk.now_ms, &change));
    talk.now_ms = NOW_MS + 10;
    TALK(&talk, "GET a", "$-1\r\n");
    TALK(&talk, "KEYS *", "*1\r\n$1\r\nc\r\n");
    TALK(&talk, "DBSIZE", ":3\r\n");
    TALK(&talk, "EXPIRE a 100", ":0\r\n");
    TALK(&talk, "SET a x XX", "$-1\r\n");
    TALK(&talk, "PERSIST a", ":0\r\n");
    cr_assert(talk.change == 0 && model_newest(talk.model) == 3);
    TALK(&talk, "INCR a", ":1\r\n");
    TALK(&talk, "TTL a", ":-1\r\n");
    // Deleting it is a change, though it does not count.
    TALK(&talk, "DEL b", ":0\r\n");
    cr_assert(talk.change == 5 && model_count(talk.model) == 2);
    TALK(&talk, "PEXPIRE c 5", ":1\r\n");
    cr_assert(!model_expired(talk.model, 0, "c", 1, NOW_MS + 14, &change));
    cr_assert(!model_is_expired(talk.model, 0, "c", 1, NOW_MS + 14));
    cr_assert(model_is_expired(talk.model, 0, "c", 1, NOW_MS + 15));
    cr_assert(!model_expired(talk.model, 1, "c", 1, NOW_MS + 15, &change));
    cr_assert(model_expired(talk.model, 0, "c", 1, NOW_MS + 15, &change));
    cr_assert(change == 7 && model_count(talk.model) == 1);
    cr_assert(!model_expired(talk.model, 0, "c", 1, NOW_MS + 15, &change));
    talk_end(&talk);
}

Test(sim_model, times_that_have_passed)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "SET a 1", "+OK\r\n");
    TALK(&talk, "PEXPIRE a 0", ":1\r\n");
    cr_assert(model_count(talk.model) == 0 && talk.change == 2);
    // SET keeps the key, expired from the beginning.
    TALK(&talk, "SET a 1 PXAT 5", "+OK\r\n");
    cr_assert(model_count(talk.model) == 1);
    cr_assert(model_hash(talk.model) == model_entry_hash(0, "a", 1, "1", 1, 5));
    TALK(&talk, "GET a", "$-1\r\n");
    TALK(&talk, "SET a 2 KEEPTTL", "+OK\r\n");
    TALK(&talk, "TTL a", ":-1\r\n");
    talk_end(&talk);
}

// --- what replies show -----------------------------------------------------------------------

Test(sim_model, shows_the_newest_change_to_what_was_looked_at)
{
    struct talk talk;
    talk_begin(&talk);
    static const struct {
        const char *text;
        uint64_t change;
        uint64_t shows;
    } steps[] = {
        {"GET a", 0, 0},        {"SET a 1", 1, 1},       {"SET b 1", 2, 2},
        {"GET a", 0, 1},        {"MGET a b", 0, 2},      {"DEL b", 3, 3},
        {"GET b", 0, 3},        {"SET a 1 NX", 0, 1},    {"INCR b x", 0, 0},
        {"SET a 1 EX x", 0, 0}, {"DBSIZE", 0, 3},        {"PING", 0, 0},
        {"APPEND a x", 4, 4},   {"INCR a", 0, 4},        {"APPEND a \"\"", 0, 4},
        {"FLUSHALL", 5, 5},     {"GET a", 0, 5},         {"GET c", 0, 0},
        {"FLUSHALL", 0, 5},     {"DEL a b", 0, 5},       {"KEYS x", 0, 5},
        {"SCAN 0", 0, 5},       {"INFO keyspace", 0, 5}, {"INFO stats", 0, 0},
        {"MSET a 1 b 2", 6, 6}, {"EXISTS b", 0, 6},      {"EXPIRE c 1", 0, 0},
        {"EXPIRE a -1", 7, 7},  {"SELECT 1", 0, 0},      {"GET a", 0, 0},
        {"DBSIZE", 0, 7},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        talk_say(&talk, steps[i].text);
        cr_assert(talk.change == steps[i].change, "%s", steps[i].text);
        cr_assert(talk.reply.shows == steps[i].shows, "%s: %llu", steps[i].text,
                  (unsigned long long)talk.reply.shows);
    }
    talk_end(&talk);
}

// --- history ---------------------------------------------------------------------------------

#define HISTORY 4000

struct sum {
    uint64_t hash;
    uint64_t count;
};

static void sum_add(void *context, const struct model_entry *entry)
{
    struct sum *sum = context;
    sum->count++;
    sum->hash += model_entry_hash(entry->database, entry->key, entry->key_length, entry->value,
                                  entry->value_length, entry->expiry_ms);
}

static void check_sum(const struct model *model)
{
    struct sum sum = {0};
    model_each(model, sum_add, &sum);
    cr_assert(sum.hash == model_hash(model) && sum.count == model_count(model));
}

// A change without a command: the server finds a key expired.
static void expire_one(struct talk *talk, struct random *random)
{
    char name[24];
    uint64_t change;
    int length = snprintf(name, sizeof(name), "k:%u", (unsigned)random_below(random, 40));
    bool is = model_is_expired(talk->model, 0, name, (uint32_t)length, talk->now_ms);
    bool done = model_expired(talk->model, 0, name, (uint32_t)length, talk->now_ms, &change);
    cr_assert(is == done);
}

static void check_found(const struct model *model, const uint64_t *hashes, uint64_t lowest,
                        uint64_t hash)
{
    uint64_t found = 0;
    uint64_t right = model_newest(model) + 1;
    while (right > lowest && hashes[right - 1] != hash)
        right--;
    bool is = model_find(model, hash, lowest, &found);
    cr_assert(is == (right > lowest));
    cr_assert(!is || found == right - 1);
}

static void history_step(struct talk *talk, struct random *random, uint64_t *hashes)
{
    struct model *model = talk->model;
    uint64_t newest = model_newest(model);
    for (uint64_t i = newest; i <= newest + 1 && i < HISTORY; i++)
        hashes[i] = model_hash(model);
    uint64_t settled = model_settled(model);
    if (random_below(random, 20) == 0)
        model_settle(model, (uint64_t)random_between(random, (int64_t)settled, (int64_t)newest));
    settled = model_settled(model);
    if (random_below(random, 50) == 0) {
        uint64_t to = (uint64_t)random_between(random, (int64_t)settled, (int64_t)newest);
        model_rollback(model, to);
        cr_assert(model_newest(model) == to && model_hash(model) == hashes[to]);
        check_sum(model);
    }
    if (random_below(random, 10) == 0) {
        newest = model_newest(model);
        uint64_t lowest = (uint64_t)random_between(random, (int64_t)settled, (int64_t)newest);
        check_found(model, hashes, lowest,
                    hashes[random_between(random, (int64_t)settled, (int64_t)newest)]);
        check_found(model, hashes, lowest, random_next(random));
    }
    if (random_below(random, 30) == 0)
        check_sum(model);
}

Test(sim_model, history_can_be_taken_back_and_searched)
{
    uint64_t *hashes = calloc(HISTORY + 1, sizeof(uint64_t));
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct talk talk;
        struct random random;
        struct workload workload;
        talk_begin(&talk);
        random_init(&random, seed, "history");
        workload_draw(&workload, &random);
        workload.keys = 40;
        workload.large_ppm = 0;
        workload.quit_ppm = 0;
        hashes[0] = 0;
        while (model_newest(talk.model) + 1 < HISTORY && talk.session.executed < 2 * HISTORY) {
            talk.now_ms += random_between(&random, -5, 20);
            workload_next(&workload, &random, &talk.client, talk.now_ms, &talk.line);
            uint64_t before = model_newest(talk.model);
            talk.change =
                model_execute(talk.model, &talk.session, &talk.line, talk.now_ms, &talk.reply);
            cr_assert(talk.change == 0 || talk.change == before + 1);
            history_step(&talk, &random, hashes);
            if (random_below(&random, 5) == 0) {
                expire_one(&talk, &random);
                history_step(&talk, &random, hashes);
            }
        }
        check_sum(talk.model);
        talk_end(&talk);
    }
    free(hashes);
}

Test(sim_model, flushing_is_taken_back)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "MSET a 1 b 2", "+OK\r\n");
    TALK(&talk, "APPEND a 23", ":3\r\n");
    TALK(&talk, "FLUSHALL", "+OK\r\n");
    TALK(&talk, "APPEND a 4", ":1\r\n");
    model_rollback(talk.model, 2);
    TALK(&talk, "GET a", "$3\r\n123\r\n");
    model_rollback(talk.model, 1);
    TALK(&talk, "APPEND a x", ":2\r\n");
    TALK(&talk, "GET a", "$2\r\n1x\r\n");
    cr_assert(talk.reply.shows == 2);
    talk_end(&talk);
}

// --- explanations ----------------------------------------------------------------------------

Test(sim_model, explains_what_differs)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "MSET a 1 b 2", "+OK\r\n");
    TALK(&talk, "SET a 2", "+OK\r\n");
    TALK(&talk, "SET a 3", "+OK\r\n");
    TALK(&talk, "DEL b", ":1\r\n");
    const struct model_entry entries[] = {
        {0, (const uint8_t *)"a", (const uint8_t *)"2", 1, 1, 0},
        {0, (const uint8_t *)"z", (const uint8_t *)"2", 1, 1, 0},
    };
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    model_explain(talk.model, entries, 2, 1, to);
    fclose(to);
    cr_assert(strstr(text, "db0 a recovered: \"2\" (1 bytes); lowest: \"1\" (1 bytes); newest: "
                           "\"3\" (1 bytes); it was like that after 2 to 2\n") != NULL,
              "%s", text);
    cr_assert(strstr(text, "db0 z has never been there\n") != NULL, "%s", text);
    free(text);
    talk_end(&talk);
}
