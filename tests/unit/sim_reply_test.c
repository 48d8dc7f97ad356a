// The simulator's model as a judge: what it makes of replies that are whole, cut off or wrong, and
// of iterations with SCAN.
#include "tests/unit/sim_model.h"

#include <errno.h>
#include <stdlib.h>

static int64_t check(struct model_reply *reply, const uint8_t *sent, size_t length)
{
    char error[512];
    return model_reply_check(reply, sent, length, error);
}

// A copy that nothing has been checked with yet.
static struct model_reply fresh(const struct model_reply *reply)
{
    struct model_reply copy = *reply;
    copy.bytes = copy.missing = (struct bytes){0};
    copy.scan = NULL;
    copy.parts = NULL;
    copy.parts_capacity = 0;
    bytes_add(&copy.bytes, reply->bytes.data, reply->bytes.length);
    bytes_add(&copy.missing, reply->missing.data, reply->missing.length);
    return copy;
}

// --- every prefix, every byte ----------------------------------------------------------------

// `sent` is right; all that begins like it is not yet whole.
static void check_prefixes(const struct model_reply *reply, const char *sent, size_t length)
{
    struct model_reply once = fresh(reply);
    for (size_t i = 0; i < length; i++)
        cr_assert(check(&once, (const uint8_t *)sent, i) == -EAGAIN, "%zu of %s", i, sent);
    cr_assert(check(&once, (const uint8_t *)sent, length) == (int64_t)length, "%s", sent);
    model_reply_free(&once);
    // More may follow at once: the next reply.
    char *longer = malloc(length + 3);
    memcpy(longer, sent, length);
    memcpy(longer + length, "+OK", 3);
    struct model_reply again = fresh(reply);
    cr_assert(check(&again, (const uint8_t *)longer, length + 3) == (int64_t)length, "%s", sent);
    model_reply_free(&again);
    free(longer);
}

static void check_text(const struct model_reply *reply, const char *sent)
{
    check_prefixes(reply, sent, strlen(sent));
}

// Any other byte anywhere is wrong as soon as it is there.
static void check_damage(const struct model_reply *reply, const char *sent, size_t length)
{
    char *bad = malloc(length);
    for (size_t i = 0; i < length; i++) {
        memcpy(bad, sent, length);
        bad[i] = (char)(bad[i] ^ 1);
        struct model_reply one = fresh(reply);
        cr_assert(check(&one, (const uint8_t *)bad, i) == -EAGAIN);
        cr_assert(check(&one, (const uint8_t *)bad, i + 1) == -EBADMSG, "byte %zu of %s", i, sent);
        model_reply_free(&one);
    }
    free(bad);
}

Test(sim_reply, exact_replies)
{
    struct talk talk;
    struct random random;
    struct workload workload;
    talk_begin(&talk);
    random_init(&random, 1, "exact");
    workload_default(&workload);
    workload.keys = 20;
    workload.large_ppm = 0;
    workload.session_ppm = 100000;
    workload.wrong_ppm = 100000;
    uint64_t checked = 0;
    for (int i = 0; i < 3000; i++) {
        workload_next(&workload, &random, &talk.client, talk.now_ms, &talk.line);
        model_execute(talk.model, &talk.session, &talk.line, talk.now_ms++, &talk.reply);
        if (talk.reply.kind != MODEL_EXACT)
            continue;
        const char *sent = (const char *)talk.reply.bytes.data;
        check_prefixes(&talk.reply, sent, talk.reply.bytes.length);
        check_damage(&talk.reply, sent, talk.reply.bytes.length);
        checked++;
    }
    cr_assert(checked > 2000);
    talk_end(&talk);
}

Test(sim_reply, patterns)
{
    struct talk talk;
    talk_begin(&talk);
    talk_say(&talk, "TIME");
    check_text(&talk.reply, "*2\r\n$10\r\n1700000000\r\n$1\r\n7\r\n");
    cr_assert(talk_check(&talk, "*2\r\n$10\r\n1700x") == -EBADMSG);
    cr_assert(talk_check(&talk, "*2\r\n$\r") == -EBADMSG);
    cr_assert(talk_check(&talk, "-") == -EBADMSG);
    talk_say(&talk, "CLIENT ID");
    check_text(&talk.reply, ":12345\r\n");
    cr_assert(talk_check(&talk, ":-") == -EBADMSG);
    talk_end(&talk);
}

Test(sim_reply, forms)
{
    struct talk talk;
    talk_begin(&talk);
    talk_say(&talk, "INFO");
    check_text(&talk.reply, "$5\r\na\r\nb\n\r\n");
    cr_assert(talk_check(&talk, "$5\r\na\r\nb\nX") == -EBADMSG);
    cr_assert(talk_check(&talk, "$-") == -EBADMSG);
    cr_assert(talk_check(&talk, "=") == -EBADMSG);
    cr_assert(talk_check(&talk, "-") == -EBADMSG);
    talk_say(&talk, "COMMAND COUNT");
    check_text(&talk.reply, ":36\r\n");
    talk_say(&talk, "COMMAND");
    check_text(&talk.reply, "*2\r\n*2\r\n$1\r\na\r\n*-1\r\n*1\r\n+a\r\n");
    talk_say(&talk, "COMMAND");
    cr_assert(talk_check(&talk, "*2\r\n*2\r\n$1\r\na\r\n%") == -EBADMSG);
    talk_say(&talk, "COMMAND");
    cr_assert(talk_check(&talk, "-ERR") == -EBADMSG);
    talk.session.resp = 3;
    talk_say(&talk, "COMMAND DOCS");
    check_text(&talk.reply, "%2\r\n+a\r\n_\r\n~1\r\n#t\r\n=5\r\ntxt:a\r\n");
    talk_say(&talk, "INFO");
    check_text(&talk.reply, "=5\r\ntxt:a\r\n");
    talk_end(&talk);
}

Test(sim_reply, parts)
{
    struct talk talk;
    talk_begin(&talk);
    talk_say(&talk, "MULTI");
    talk_say(&talk, "SET a 1");
    talk_say(&talk, "TIME");
    talk_say(&talk, "KEYS *");
    talk_say(&talk, "RANDOMKEY");
    talk_say(&talk, "GET a");
    static const char right[] = "*5\r\n+OK\r\n*2\r\n$1\r\n1\r\n$2\r\n22\r\n*1\r\n$1\r\na\r\n"
                                "$1\r\na\r\n$1\r\n1\r\n";
    talk_say(&talk, "EXEC");
    for (size_t i = 0; i < sizeof(right) - 1; i++)
        cr_assert(check(&talk.reply, (const uint8_t *)right, i) == -EAGAIN, "%zu", i);
    cr_assert(talk_check(&talk, right) == (int64_t)sizeof(right) - 1);
    char error[512];
    talk_say(&talk, "MULTI");
    talk_say(&talk, "PING");
    talk_say(&talk, "GET a");
    talk_say(&talk, "EXEC");
    cr_assert(model_reply_check(&talk.reply, (const uint8_t *)"*2\r\n+PONG\r\n$1\r\n2\r\n", 18,
                                error) == -EBADMSG);
    cr_assert(strncmp(error, "element 1: ", 11) == 0, "%s", error);
    talk_end(&talk);
}

Test(sim_reply, one_key_of_several)
{
    struct talk talk;
    talk_begin(&talk);
    TALK(&talk, "RANDOMKEY", "$-1\r\n");
    talk_say(&talk, "MSET a 1 bb 2");
    TALK(&talk, "RANDOMKEY", "$1\r\na\r\n");
    TALK(&talk, "RANDOMKEY", "$2\r\nbb\r\n");
    talk_say(&talk, "RANDOMKEY");
    cr_assert(talk_check(&talk, "$1\r\nb\r\n") == -EBADMSG);
    cr_assert(talk_check(&talk, "$-1\r\n") == -EBADMSG);
    cr_assert(talk_check(&talk, "*") == -EBADMSG);
    talk_end(&talk);
}

Test(sim_reply, times_of_another_clock)
{
    struct talk talk;
    talk_begin(&talk);
    talk_say(&talk, "SET a 1 PX 50000");
    TALK(&talk, "PTTL a", ":50000\r\n");
    talk_say(&talk, "PTTL a");
    cr_assert(talk_check(&talk, ":50001\r\n") == -EBADMSG);
    model_allow_late(talk.model, 2000);
    TALK(&talk, "PTTL a", ":51999\r\n");
    TALK(&talk, "TTL a", ":48\r\n");
    talk_say(&talk, "TTL a");
    cr_assert(talk_check(&talk, ":47\r\n") == -EBADMSG);
    cr_assert(talk_check(&talk, ":-1\r\n") == -EBADMSG);
    TALK(&talk, "TTL b", ":-2\r\n");
    talk_end(&talk);
}

Test(sim_reply, sets_of_keys)
{
    struct talk talk;
    talk_begin(&talk);
    talk_say(&talk, "MSET a 1 bb 2 ca 3");
    talk_say(&talk, "KEYS ?a*");
    check_text(&talk.reply, "*1\r\n$2\r\nca\r\n");
    talk_say(&talk, "KEYS *");
    check_text(&talk.reply, "*3\r\n$2\r\nca\r\n$1\r\na\r\n$2\r\nbb\r\n");
    cr_assert(talk_check(&talk, "*2\r\n") == -EBADMSG);
    talk_say(&talk, "KEYS *");
    cr_assert(talk_check(&talk, "*4\r\n") == -EBADMSG);
    talk_say(&talk, "KEYS *");
    cr_assert(talk_check(&talk, "*3\r\n$1\r\nx\r\n") == -EBADMSG);
    talk_say(&talk, "KEYS *");
    cr_assert(talk_check(&talk, "*3\r\n$1\r\na\r\n$1\r\na\r\n") == -EBADMSG);
    // The reply stays right, whatever happens after the command.
    talk_say(&talk, "KEYS *");
    struct model_reply reply = fresh(&talk.reply);
    talk_say(&talk, "FLUSHALL");
    talk_say(&talk, "SET d 1");
    check_text(&reply, "*3\r\n$2\r\nca\r\n$1\r\na\r\n$2\r\nbb\r\n");
    model_reply_free(&reply);
    talk_end(&talk);
}

Test(sim_reply, patterns_of_keys)
{
    static const struct {
        const char *pattern;
        const char *yes; // a key each, separated by spaces
        const char *no;
    } rows[] = {
        {"a*", "a ab abc", "b ba"},
        {"*", "a ab", ""},
        {"?", "a *", "ab"},
        {"[ab]?", "aa bz", "ca a"},
        {"[^a]", "b ]", "a bb"},
        {"[a-c]x", "ax cx", "dx x"},
        {"[c-a]", "a b c", "d"},
        {"\\*", "*", "a"},
        {"a*b*c", "abc aXbYc", "ab acb"},
        {"*[a-b", "a xb", "xc"},
        {"[\\]]", "]", "\\"},
        {"a\\", "a\\", "a"},
        {"k:[^12]*", "k:3 k:32", "k:1 k:"},
        {"**b", "b ab", "a"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int wanted = 0; wanted < 2; wanted++) {
            char text[64];
            char words[64];
            snprintf(words, sizeof(words), "%s", wanted ? rows[i].yes : rows[i].no);
            for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
                struct talk talk;
                talk_begin(&talk);
                snprintf(text, sizeof(text), "SET %s 1", word);
                talk_say(&talk, text);
                snprintf(text, sizeof(text), "KEYS %s", rows[i].pattern);
                talk_say(&talk, text);
                cr_assert(talk.reply.keys == (uint64_t)wanted, "%s %s", rows[i].pattern, word);
                talk_end(&talk);
            }
        }
    }
}

// --- iterations ------------------------------------------------------------------------------

static void scan_begin(struct talk *talk)
{
    talk_begin(talk);
    talk_say(talk, "MSET a 1 b 2 c 3");
    TALK(talk, "SCAN 0 COUNT 1", "*2\r\n$1\r\n5\r\n*1\r\n$1\r\na\r\n");
}

Test(sim_reply, an_iteration_returns_what_is_there_all_the_time)
{
    struct talk talk;
    scan_begin(&talk);
    TALK(&talk, "SCAN 5", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    talk_end(&talk);
    scan_begin(&talk);
    // Returned again, or after its change: both are fine.
    talk_say(&talk, "SET c 4");
    TALK(&talk, "SCAN 5", "*2\r\n$1\r\n7\r\n*2\r\n$1\r\nb\r\n$1\r\na\r\n");
    talk_say(&talk, "SCAN 7");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*0\r\n") == -EBADMSG);
    talk_say(&talk, "SCAN 7");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n") == -EBADMSG);
    talk_say(&talk, "SCAN 7");
    check_text(&talk.reply, "*2\r\n$3\r\n123\r\n*1\r\n$1\r\nc\r\n");
    cr_assert(talk_check(&talk, "*2\r\n$2\r\n01\r\n") == -EBADMSG);
    talk_end(&talk);
}

Test(sim_reply, an_iteration_may_leave_out_what_came_or_went)
{
    struct talk talk;
    scan_begin(&talk);
    talk_say(&talk, "DEL b");
    talk_say(&talk, "DEL c");
    talk_say(&talk, "MSET c 1 d 1");
    TALK(&talk, "SCAN 5", "*2\r\n$1\r\n0\r\n*0\r\n");
    // An iteration that has ended proves nothing for what follows.
    TALK(&talk, "SCAN 5", "*2\r\n$1\r\n0\r\n*0\r\n");
    talk_say(&talk, "SCAN 0");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nc\r\n$1\r\nd\r\n") == -EBADMSG);
    talk_end(&talk);
}

Test(sim_reply, an_iteration_hides_what_has_expired)
{
    struct talk talk;
    scan_begin(&talk);
    talk_say(&talk, "PEXPIRE b 10");
    talk_say(&talk, "PEXPIRE c 1000");
    talk.now_ms += 10;
    talk_say(&talk, "SCAN 5");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n6\r\n*1\r\n$1\r\nb\r\n") == -EBADMSG);
    talk_end(&talk);
    scan_begin(&talk);
    talk_say(&talk, "PEXPIRE b 10");
    talk.now_ms += 10;
    TALK(&talk, "SCAN 5", "*2\r\n$1\r\n6\r\n*0\r\n");
    // The clock goes back: b is there again, but has been hidden meanwhile.
    talk.now_ms -= 10;
    talk_say(&talk, "PERSIST b");
    talk_say(&talk, "SCAN 6");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nc\r\n") == 22);
    talk_end(&talk);
    scan_begin(&talk);
    talk_say(&talk, "PEXPIRE c 100");
    talk.now_ms += 20;
    talk_say(&talk, "PEXPIRE c 1000");
    talk_say(&talk, "SCAN 5");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n") == -EBADMSG);
    talk_end(&talk);
}

Test(sim_reply, steps_that_do_not_belong_together_prove_nothing)
{
    static const char *const between[] = {"SELECT 1", "SCAN 3", "SCAN 5 MATCH a*",
                                          "SCAN 5 TYPE set"};
    for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
        struct talk talk;
        scan_begin(&talk);
        talk_say(&talk, between[i]);
        talk_say(&talk, "SCAN 5");
        cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*0\r\n") > 0, "%s", between[i]);
        talk_end(&talk);
    }
    struct talk talk;
    scan_begin(&talk);
    // A pattern that matches everything is none.
    talk_say(&talk, "SCAN 5 MATCH *");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*0\r\n") == -EBADMSG);
    talk_say(&talk, "SCAN 0 MATCH a*");
    cr_assert(talk_check(&talk, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n") == -EBADMSG);
    TALK(&talk, "SCAN 0 MATCH a*", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
    talk_end(&talk);
}
