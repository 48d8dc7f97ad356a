// The simulator's model of transactions: what is queued, what spoils it, and that it is one change.
#include "tests/unit/sim_model.h"

#include <errno.h>

// Two clients of one model.
struct pair {
    struct talk a;
    struct talk b;
};

static void pair_begin(struct pair *pair)
{
    talk_begin(&pair->a);
    pair->b = (struct talk){.model = pair->a.model, .now_ms = NOW_MS};
    model_session_init(&pair->b.session);
}

static void pair_end(struct pair *pair)
{
    model_session_free(&pair->b.session);
    model_reply_free(&pair->b.reply);
    command_line_free(&pair->b.line);
    talk_end(&pair->a);
}

Test(sim_transaction, is_one_change)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "SET a 0", "+OK\r\n");
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "SET a 1", "+QUEUED\r\n");
    TALK(&talk, "INCR a", "+QUEUED\r\n");
    TALK(&talk, "MSET b 1 c 2", "+QUEUED\r\n");
    TALK(&talk, "LPUSHX", "-ERR unknown command 'LPUSHX', with args beginning with: \r\n");
    TALK(&talk, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    TALK(&talk, "GET a", "$1\r\n0\r\n");
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "SET a 1", "+QUEUED\r\n");
    TALK(&talk, "INCR a", "+QUEUED\r\n");
    TALK(&talk, "APPEND a x", "+QUEUED\r\n");
    TALK(&talk, "INCR a", "+QUEUED\r\n");
    TALK(&talk, "MSET b 1 c 2", "+QUEUED\r\n");
    TALK(&talk, "EXEC",
         "*5\r\n+OK\r\n:2\r\n:2\r\n-ERR value is not an integer or out of range\r\n+OK\r\n");
    cr_assert(talk.change == 2 && talk.reply.shows == 2 && model_newest(talk.model) == 2);
    model_rollback(talk.model, 1);
    TALK(&talk, "GET a", "$1\r\n0\r\n");
    TALK(&talk, "GET b", "$-1\r\n");
    talk_end(&talk);
}

Test(sim_transaction, words_that_are_not_queued)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "EXEC", "-ERR EXEC without MULTI\r\n");
    TALK(&talk, "DISCARD", "-ERR DISCARD without MULTI\r\n");
    TALK(&talk, "UNWATCH", "+OK\r\n");
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "MULTI", "-ERR MULTI calls can not be nested\r\n");
    TALK(&talk, "WATCH a", "-ERR WATCH inside MULTI is not allowed\r\n");
    TALK(&talk, "EXEC", "*0\r\n");
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "EXEC now",
         "-EXECABORT Transaction discarded because of: wrong number of "
         "arguments for 'exec' command\r\n");
    TALK(&talk, "PING", "+PONG\r\n");
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "SET a 1", "+QUEUED\r\n");
    cr_assert(model_session_queues(&talk.session));
    TALK(&talk, "DISCARD", "+OK\r\n");
    TALK(&talk, "GET a", "$-1\r\n");
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "SELECT 3", "+QUEUED\r\n");
    TALK(&talk, "HELLO 3", "+QUEUED\r\n");
    TALK(&talk, "GET a", "+QUEUED\r\n");
    TALK(&talk, "SET a 1", "+QUEUED\r\n");
    TALK(&talk, "RESET", "+RESET\r\n");
    TALK(&talk, "GET a", "$-1\r\n");
    talk_end(&talk);
}

Test(sim_transaction, refusals)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "MULTI", "+OK\r\n");
    talk_line(&talk.line, "SET a 1");
    model_refused(talk.model, &talk.session, &talk.line, "OOM no", &talk.reply);
    cr_assert(talk_check(&talk, "-OOM no\r\n") == 9);
    TALK(&talk, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "SET a 1", "+QUEUED\r\n");
    talk_line(&talk.line, "exec");
    model_refused(talk.model, &talk.session, &talk.line, "ERR no", &talk.reply);
    cr_assert(talk_check(&talk, "-EXECABORT Transaction discarded because of: no\r\n") == 49);
    TALK(&talk, "GET a", "$-1\r\n");
    talk_end(&talk);
}

// What the other client does between WATCH and EXEC; does that spoil the transaction?
static void check_watch(const char *before, const char *watch, const char *other, bool spoils)
{
    struct pair pair;
    pair_begin(&pair);
    talk_say(&pair.a, "MSET a 1 b 2");
    if (before != NULL)
        talk_say(&pair.a, before);
    TALK(&pair.a, watch, "+OK\r\n");
    talk_say(&pair.b, other);
    TALK(&pair.a, "MULTI", "+OK\r\n");
    TALK(&pair.a, "PING", "+QUEUED\r\n");
    talk_say(&pair.a, "EXEC");
    const char *right = spoils ? "*-1\r\n" : "*1\r\n+PONG\r\n";
    cr_assert(talk_check(&pair.a, right) == (int64_t)strlen(right), "%s; %s", watch, other);
    cr_assert(pair.a.reply.shows == (spoils ? model_newest(pair.a.model) : 0), "%s", other);
    // Once more without watching.
    TALK(&pair.a, "MULTI", "+OK\r\n");
    talk_say(&pair.b, "SET a 5");
    TALK(&pair.a, "EXEC", "*0\r\n");
    pair_end(&pair);
}

Test(sim_transaction, watched_keys)
{
    check_watch(NULL, "WATCH a", "SET a 1", true);
    check_watch(NULL, "WATCH c a c", "INCR a", true);
    check_watch(NULL, "WATCH a", "SET b 1", false);
    check_watch(NULL, "WATCH a", "GET a", false);
    check_watch(NULL, "WATCH a", "SET a 1 NX", false);
    check_watch(NULL, "WATCH c", "SET c 1", true);
    check_watch(NULL, "WATCH c", "DEL c", false);
    check_watch(NULL, "WATCH a", "RENAME b a", true);
    check_watch(NULL, "WATCH b", "RENAME b a", true);
    check_watch(NULL, "WATCH a", "RENAME a a", false);
    check_watch(NULL, "WATCH a", "COPY a c", false);
    check_watch(NULL, "WATCH c", "COPY a c", true);
    check_watch(NULL, "WATCH a", "MOVE a 3", true);
    check_watch(NULL, "WATCH a", "EXPIRE a 100", true);
    check_watch(NULL, "WATCH a", "PERSIST a", false);
    check_watch(NULL, "WATCH a", "FLUSHALL", true);
    check_watch(NULL, "WATCH c", "FLUSHALL", false);
    check_watch(NULL, "WATCH a", "FLUSHDB", true);
    check_watch(NULL, "WATCH a", "SWAPDB 0 1", true);
    check_watch(NULL, "WATCH a", "SWAPDB 2 1", false);
    check_watch(NULL, "WATCH c", "SWAPDB 0 1", false);
    check_watch(NULL, "WATCH a", "SETBIT a 7 1", false);
    check_watch(NULL, "WATCH a", "SETBIT a 7 0", true);
    // A key that had expired, and goes or stays so.
    check_watch("SET a 1 PXAT 1", "WATCH a", "GET a", false);
    check_watch("SET a 1 PXAT 1", "WATCH a", "DEL a", false);
    check_watch("SET a 1 PXAT 1", "WATCH a", "SET a 2", true);
    check_watch("SET a 1 PXAT 1", "WATCH a", "FLUSHALL", false);
    check_watch("SET a 1 PXAT 1", "WATCH a", "SWAPDB 0 1", false);
}

Test(sim_transaction, a_watched_key_expires)
{
    struct pair pair;
    uint64_t change;
    pair_begin(&pair);
    for (int deleted = 0; deleted < 2; deleted++) {
        TALK(&pair.a, "SET a 1 PX 10", "+OK\r\n");
        TALK(&pair.a, "WATCH a", "+OK\r\n");
        pair.a.now_ms += 10;
        if (deleted)
            cr_assert(model_expired(pair.a.model, 0, "a", 1, pair.a.now_ms, &change));
        TALK(&pair.a, "MULTI", "+OK\r\n");
        TALK(&pair.a, "EXEC", "*-1\r\n");
        cr_assert(pair.a.reply.shows == model_newest(pair.a.model));
    }
    TALK(&pair.a, "SET a 1 PX 10", "+OK\r\n");
    pair.a.now_ms += 10;
    TALK(&pair.a, "WATCH a", "+OK\r\n");
    cr_assert(model_expired(pair.a.model, 0, "a", 1, pair.a.now_ms, &change));
    TALK(&pair.a, "MULTI", "+OK\r\n");
    TALK(&pair.a, "EXEC", "*0\r\n");
    pair_end(&pair);
}

Test(sim_transaction, unwatch_and_sessions_that_end)
{
    struct pair pair;
    pair_begin(&pair);
    TALK(&pair.a, "WATCH a b", "+OK\r\n");
    TALK(&pair.b, "WATCH a", "+OK\r\n");
    TALK(&pair.b, "SET a 1", "+OK\r\n");
    TALK(&pair.a, "UNWATCH", "+OK\r\n");
    TALK(&pair.a, "MULTI", "+OK\r\n");
    TALK(&pair.a, "EXEC", "*0\r\n");
    model_session_free(&pair.b.session);
    TALK(&pair.a, "SET a 2", "+OK\r\n");
    TALK(&pair.b, "MULTI", "+OK\r\n");
    TALK(&pair.b, "EXEC", "*0\r\n");
    TALK(&pair.b, "WATCH a", "+OK\r\n");
    // The model goes first.
    model_destroy(pair.a.model);
    model_session_free(&pair.a.session);
    model_session_free(&pair.b.session);
    model_reply_free(&pair.a.reply);
    model_reply_free(&pair.b.reply);
    command_line_free(&pair.a.line);
    command_line_free(&pair.b.line);
}

// The server deletes what it finds expired, also what has been set by the transaction itself.
Test(sim_transaction, keys_deleted_within)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "SET a 1 PX 10", "+OK\r\n");
    talk.now_ms += 20;
    TALK(&talk, "MULTI", "+OK\r\n");
    TALK(&talk, "GET a", "+QUEUED\r\n");
    TALK(&talk, "SET b 1 PXAT 5", "+QUEUED\r\n");
    TALK(&talk, "DBSIZE", "+QUEUED\r\n");
    TALK(&talk, "GET b", "+QUEUED\r\n");
    TALK(&talk, "SET b 2", "+QUEUED\r\n");
    TALK(&talk, "DEL b", "+QUEUED\r\n");
    TALK(&talk, "DBSIZE", "+QUEUED\r\n");
    model_deleted_within(talk.model, 0, 0, "a", 1);
    model_deleted_within(talk.model, 3, 0, "b", 1);
    // This is DEL's own.
    model_deleted_within(talk.model, 5, 0, "b", 1);
    TALK(&talk, "EXEC", "*7\r\n$-1\r\n+OK\r\n:1\r\n$-1\r\n+OK\r\n:1\r\n:0\r\n");
    cr_assert(talk.change == 2 && model_count(talk.model) == 0);
    talk_end(&talk);
}

Test(sim_transaction, swapping_is_taken_back)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "MSET a 1 b 2", "+OK\r\n");
    TALK(&talk, "SELECT 1", "+OK\r\n");
    TALK(&talk, "MSET b 3 c 4", "+OK\r\n");
    uint64_t hash = model_hash(talk.model);
    TALK(&talk, "SWAPDB 0 1", "+OK\r\n");
    cr_assert(talk.change == 3 && model_hash(talk.model) != hash);
    TALK(&talk, "MGET a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n");
    TALK(&talk, "DBSIZE", ":2\r\n");
    TALK(&talk, "SELECT 0", "+OK\r\n");
    TALK(&talk, "MGET a b c", "*3\r\n$-1\r\n$1\r\n3\r\n$1\r\n4\r\n");
    TALK(&talk, "SWAPDB 1 0", "+OK\r\n");
    cr_assert(model_hash(talk.model) == hash);
    model_rollback(talk.model, 3);
    TALK(&talk, "GET c", "$1\r\n4\r\n");
    model_rollback(talk.model, 2);
    TALK(&talk, "MGET a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n");
    TALK(&talk, "SWAPDB 0 0", "+OK\r\n");
    cr_assert(talk.change == 0);
    talk_end(&talk);
}
