// The loopback harness: answers: is every reply the right one, and may it be told already?
#include "sim/loop_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

bool loop_line_is(const struct command_line *line, uint32_t index, const char *word)
{
    uint32_t length;
    const uint8_t *arg = command_line_arg(line, index, &length);
    return length == strlen(word) && strncasecmp((const char *)arg, word, length) == 0;
}

void loop_exchange_execute(struct loop *loop, struct loop_exchange *exchange)
{
    struct loop_client *client = &loop->clients[exchange->client];
    exchange->executed = true;
    model_execute(loop->model, &client->session, &exchange->line, loop->wall_ms, &exchange->reply);
    exchange->newest = model_newest(loop->model);
    loop->result->tally.operations++;
}

// --- what may be told ------------------------------------------------------------------------

bool loop_round_held(const struct loop *loop)
{
    return atomic_load(&loop->shared->held[LOOP_INTENT]) > 0 ||
           atomic_load(&loop->shared->held[LOOP_COMPLETION]) > 0;
}

static uint64_t completions_passed(const struct loop *loop)
{
    return loop->shared->requests[LOOP_WRITE_COMPLETION] -
           atomic_load(&loop->shared->held_ever[LOOP_COMPLETION]);
}

void loop_round_safe(struct loop *loop, uint64_t change)
{
    for (uint32_t log = 0; log < 2; log++)
        loop->hold[log] = (struct loop_hold){.safe = change,
                                             .covered = change,
                                             .number = atomic_load(&loop->shared->held_ever[log]),
                                             .passed = completions_passed(loop)};
}

// A write that is held covers everything up to `change` when it is seen for the first time. When it is
// not there any more, or another one is, it has ended.
static void hold_observe(struct loop *loop, enum loop_log log, uint64_t change)
{
    struct loop_hold *hold = &loop->hold[log];
    uint64_t number = atomic_load(&loop->shared->held_ever[log]);
    bool held = atomic_load(&loop->shared->held[log]) > 0;
    bool another = number != hold->number;
    if ((!held || another) && hold->covered > hold->safe)
        hold->safe = hold->covered;
    if (held && another)
        hold->covered = change;
    if (another)
        loop_trace(loop, held ? "held" : "was held", log, hold->safe, hold->covered);
    hold->number = number;
}

// The server is at rest: what is written now, and what is on its way? A completion record covers what
// the intent log had when it was begun.
void loop_hold_observe(struct loop *loop)
{
    uint64_t newest = model_newest(loop->model);
    hold_observe(loop, LOOP_INTENT, newest);
    struct loop_hold *intent = &loop->hold[LOOP_INTENT];
    bool held = atomic_load(&loop->shared->held[LOOP_INTENT]) > 0;
    // When a completion record is all that is waited for, the intent log has everything.
    if (!held && atomic_load(&loop->shared->held[LOOP_COMPLETION]) > 0)
        intent->safe = newest;
    hold_observe(loop, LOOP_COMPLETION, held ? intent->safe : newest);
    // One that nothing held, perhaps before the one that is held now: nobody has seen what it covers,
    // at most what the intent log has.
    struct loop_hold *completion = &loop->hold[LOOP_COMPLETION];
    uint64_t passed = completions_passed(loop);
    if (passed != completion->passed && intent->safe > completion->safe)
        completion->safe = intent->safe;
    completion->passed = passed;
}

bool loop_round_has_config(const struct loop *loop)
{
    for (uint32_t i = 0; i < loop->round_count; i++) {
        if (loop_line_is(&loop->round[i].line, 0, "CONFIG"))
            return true;
    }
    return false;
}

// Do replies wait for this log, and has it a write that is held back?
static bool round_waits_for(const struct loop *loop, enum loop_log log)
{
    if (atomic_load(&loop->shared->held[log]) == 0)
        return false;
    return log == LOOP_INTENT ||
           (model_appendfsync(loop->model) == MODEL_ALWAYS && model_ack_completion(loop->model) &&
            !loop_round_has_config(loop));
}

// --- checking --------------------------------------------------------------------------------

// The reason, when the reply is an error of one of these kinds. EXEC has words of its own in front.
static bool reply_is_refusal(const struct bytes *replies, char text[256])
{
#define DISCARDED "-EXECABORT Transaction discarded because of: "
    static const char *const kinds[] = {"-OOM ", "-MISCONF ", DISCARDED "OOM ",
                                        DISCARDED "MISCONF "};
    const uint8_t *end = memchr(replies->data, '\n', replies->length);
    for (size_t i = 0; i < 4 && end != NULL; i++) {
        size_t length = strlen(kinds[i]);
        if (replies->length < length || memcmp(replies->data, kinds[i], length) != 0)
            continue;
        size_t before = i < 2 ? 1 : sizeof(DISCARDED) - 1;
        size_t line = (size_t)(end - replies->data) - 1 - before;
        line = line < 255 ? line : 255;
        memcpy(text, replies->data + before, line);
        text[line] = '\0';
        return true;
    }
    return false;
}

// Commands that need no space.
static bool line_never_refused(const struct command_line *line)
{
    static const char *const names[] = {"GET",  "MGET", "EXISTS", "STRLEN", "TTL",  "PTTL",
                                        "TYPE", "PING", "DBSIZE", "KEYS",   "SCAN", "ECHO",
                                        "INFO", "TIME", "SELECT", "HELLO",  "RESET"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (loop_line_is(line, 0, names[i]))
            return true;
    }
    return false;
}

// While commands may be refused, they are executed only when the reply is there.
static void exchange_execute_late(struct loop *loop, struct loop_exchange *exchange)
{
    struct loop_client *client = &loop->clients[exchange->client];
    char text[256];
    uint64_t newest = model_newest(loop->model);
    loop_evict_take(loop, true);
    if (!reply_is_refusal(&client->replies, text)) {
        loop_exchange_execute(loop, exchange);
        // What has gone since is not what SAVE promises.
        if (loop_line_saves(&exchange->line))
            exchange->newest = newest;
        return;
    }
    if (line_never_refused(&exchange->line) && !model_session_queues(&client->session))
        loop_fail(loop, VERDICT_WRONG, "a command that needs no space was refused: %s", text);
    exchange->executed = true;
    loop->refused++;
    model_refused(loop->model, &client->session, &exchange->line, text, &exchange->reply);
    loop->result->tally.operations++;
}

static bool reply_is_repeatable(const struct model_reply *reply)
{
    enum model_reply_kind kind = reply->kind;
    bool parts = kind == MODEL_PARTS;
    for (uint32_t i = 0; i < reply->parts_count && parts; i++)
        parts = reply_is_repeatable(&reply->parts[i]);
    return parts || kind == MODEL_EXACT || kind == MODEL_PATTERN || kind == MODEL_KEYS ||
           kind == MODEL_SCAN || kind == MODEL_NONE;
}

// The newest protocol that the reply speaks: HELLO inside a transaction changes it for what follows.
static uint8_t reply_resp(const struct model_reply *reply)
{
    uint8_t resp = reply->resp;
    for (uint32_t i = 0; i < reply->parts_count; i++) {
        uint8_t part = reply_resp(&reply->parts[i]);
        resp = part > resp ? part : resp;
    }
    return resp;
}

static void exchange_leaks(struct loop *loop, const struct loop_exchange *exchange)
{
    uint64_t shows = exchange->reply.shows;
    char text[256];
    for (uint32_t log = 0; log < 2; log++) {
        if (!round_waits_for(loop, log) || shows <= loop->hold[log].safe)
            continue;
        command_line_show(&exchange->line, text, sizeof(text));
        loop_fail(loop, VERDICT_WRONG,
                  "client %u, %s: the reply shows change %llu, which is not yet in the %s log "
                  "(safe: %llu)",
                  exchange->client, text, (unsigned long long)shows,
                  log == LOOP_INTENT ? "intent" : "completion",
                  (unsigned long long)loop->hold[log].safe);
    }
}

// A checkpoint has everything that was executed before SAVE, on stable storage, whatever the mode.
static void exchange_saved(struct loop *loop, const struct loop_exchange *exchange)
{
    if (exchange->newest > loop->told)
        loop->told = exchange->newest;
    if (exchange->newest > loop->floor)
        loop->floor = exchange->newest;
    loop_trace(loop, "saved", exchange->newest, 0, 0);
}

static void exchange_answered(struct loop *loop, struct loop_exchange *exchange, size_t length)
{
    struct loop_client *client = &loop->clients[exchange->client];
    const struct model_reply *reply = &exchange->reply;
    exchange->answered = true;
    // Keys may have gone since, whose deletion is on its way.
    if (reply->kind != MODEL_NONE && !loop->evicts)
        exchange_leaks(loop, exchange);
    if (reply->kind != MODEL_NONE && reply->shows > loop->told)
        loop->told = reply->shows;
    if (reply->kind != MODEL_NONE && reply->shows > loop->round_told)
        loop->round_told = reply->shows;
    if (length > 0 && loop_line_saves(&exchange->line) && client->replies.data[0] == '+')
        exchange_saved(loop, exchange);
    if (reply_is_repeatable(reply))
        trace_bytes(loop->trace, loop_now_ns(loop), "reply", exchange->client, client->replies.data,
                    length);
    if (length > 0)
        loop_client_parse(loop, exchange->client, length, reply_resp(reply));
}

static bool exchange_check(struct loop *loop, struct loop_exchange *exchange)
{
    struct loop_client *client = &loop->clients[exchange->client];
    if (!exchange->executed && client->replies.length == 0)
        return false;
    if (!exchange->executed)
        exchange_execute_late(loop, exchange);
    char error[512] = "";
    int64_t length =
        model_reply_check(&exchange->reply, client->replies.data, client->replies.length, error);
    if (length == -EAGAIN)
        return false;
    if (length < 0) {
        char text[256];
        command_line_show(&exchange->line, text, sizeof(text));
        loop_fail(loop, VERDICT_WRONG, "client %u, %s: %s", exchange->client, text, error);
    }
    exchange_answered(loop, exchange, (size_t)length);
    return true;
}

bool loop_round_check(struct loop *loop)
{
    bool waits[LOOP_CLIENTS_MAX] = {false};
    bool all = true;
    for (uint32_t i = 0; i < loop->round_count; i++) {
        struct loop_exchange *exchange = &loop->round[i];
        if (!exchange->answered && !waits[exchange->client])
            waits[exchange->client] = !exchange_check(loop, exchange);
        all = all && exchange->answered;
    }
    return all;
}
