// The loopback harness: rounds of commands. All commands of a round reach the server together and
// are executed in one turn, in an order that is known: connection by connection.
#include "sim/loop_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// Longer commands come in several turns, and may go into the log in pieces: they make a round of their
// own, in which nobody looks on, because when they are executed is not known.
#define LINE_BYTES_MAX 16384
#define ROUND_BYTES_MAX 65536
// While a write is held back, others look at what it changes, so many times.
#define PROBES 3
// What a reply may wait for, in time of the server's.
#define WAIT_FIRST_NS 150000
#define WAIT_NS_MAX 1000000000000

// --- building --------------------------------------------------------------------------------

void loop_round_begin(struct loop *loop)
{
    loop->round_count = 0;
    loop->round_sent = 0;
    loop->round_told = 0;
    for (uint32_t i = 0; i < LOOP_CLIENTS_MAX; i++)
        loop->clients[i].last = false;
}

struct command_line *loop_round_add(struct loop *loop, uint32_t client)
{
    assert(loop->round_count < LOOP_ROUND_MAX && loop->clients[client].context != NULL);
    struct loop_exchange *exchange = &loop->round[loop->round_count++];
    exchange->client = client;
    exchange->executed = false;
    exchange->answered = false;
    return &exchange->line;
}

static size_t round_bytes(const struct loop *loop)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < loop->round_count; i++)
        bytes += loop->round[i].line.wire.length;
    return bytes;
}

static bool round_is_long(const struct loop *loop)
{
    return loop->round_count > 0 && loop->round[0].line.wire.length > LINE_BYTES_MAX;
}

// While commands may be refused, the only way to know is the reply.
static bool line_is_mute(const struct command_line *line)
{
    return line->argc > 1 && loop_line_is(line, 0, "CLIENT") && loop_line_is(line, 1, "REPLY");
}

// What comes behind SAVE waits for it: nothing may, and that it is over has to be seen.
bool loop_line_saves(const struct command_line *line)
{
    return loop_line_is(line, 0, "SAVE");
}

static bool client_may_wait(const struct loop *loop, uint32_t index)
{
    const struct model_session *session = &loop->clients[index].session;
    for (uint32_t i = 0; i + 1 < loop->round_count; i++) {
        if (loop->round[i].client == index)
            return false;
    }
    return session->reply == 0 && !model_session_queues(session);
}

static bool line_may_be_drawn(const struct loop *loop, uint32_t client,
                              const struct command_line *line)
{
    if (loop_line_saves(line) && !client_may_wait(loop, client))
        return false;

    bool flushes = loop_line_is(line, 0, "FLUSHDB") || loop_line_is(line, 0, "FLUSHALL") ||
                   loop_line_is(line, 0, "SWAPDB");
    return !(loop->may_refuse && line_is_mute(line)) && !(loop->no_flush && flushes);
}

void loop_round_draw(struct loop *loop, uint32_t index)
{
    struct loop_client *client = &loop->clients[index];
    if (client->last || loop->round_count == LOOP_ROUND_DRAWN || round_is_long(loop))
        return;
    struct command_line *line = loop_round_add(loop, index);
    struct workload_client before = client->workload;
    before.scan_cursor = model_session_cursor(&client->session);
    do {
        client->workload = before;
        workload_next(&loop->plan.workload, &loop->work, &client->workload, loop->wall_ms, line);
    } while (!line_may_be_drawn(loop, index, line));
    client->last = loop_line_is(line, 0, "QUIT") || loop_line_saves(line);
    // What does not fit the round any more waits for another time.
    bool alone = loop->round_count == 1;
    if (!alone && (line->wire.length > LINE_BYTES_MAX || round_bytes(loop) > ROUND_BYTES_MAX)) {
        loop->round_count--;
        client->workload = before;
        client->last = true;
    }
}

// In the order in which the server executes them: connections by their places there. Commands of one
// connection keep their order.
static void round_sort(struct loop *loop)
{
    const uint32_t *slots = loop->shared->slot;
    for (uint32_t i = loop->round_sent + 1; i < loop->round_count; i++) {
        for (uint32_t j = i; j > loop->round_sent; j--) {
            struct loop_exchange *a = &loop->round[j - 1];
            struct loop_exchange *b = &loop->round[j];
            if (slots[loop->clients[a->client].port] <= slots[loop->clients[b->client].port])
                break;
            struct loop_exchange swap = *a;
            *a = *b;
            *b = swap;
        }
    }
}

// --- sending ---------------------------------------------------------------------------------

static void round_gate(struct loop *loop, size_t skip)
{
    struct loop_shared *shared = loop->shared;
    shared->gates = 0;
    uint32_t first = loop->round_sent;
    shared->gate_holds =
        loop->round_count > first + 1 || loop->round[first].line.wire.length <= LINE_BYTES_MAX;
    for (uint32_t i = first; i < loop->round_count; i++) {
        const struct loop_client *client = &loop->clients[loop->round[i].client];
        uint64_t bytes = loop->round[i].line.wire.length - (i == first ? skip : 0);
        uint32_t gate = 0;
        while (gate < shared->gates && shared->gate[gate].port != client->port)
            gate++;
        if (gate == shared->gates) {
            assert(gate < LOOP_GATES_MAX);
            shared->gate[shared->gates++].port = client->port;
            shared->gate[gate].received = client->asked;
        }
        shared->gate[gate].received += bytes;
    }
}

// Takes what has come from the server, of all clients that read.
static void round_drain(struct loop *loop)
{
    for (uint32_t i = 0; i < LOOP_CLIENTS_MAX; i++) {
        if (loop->clients[i].context != NULL && !loop->clients[i].stalled)
            loop_client_drain(loop, i);
    }
}

// Settles, and takes what the server has sent: sends may have to wait for us to read.
static bool round_settle(struct loop *loop)
{
    bool alive = loop_server_settle(loop);
    round_drain(loop);
    loop_hold_observe(loop);
    return alive;
}

// `skip`: bytes of the first command that have been sent before.
static bool round_send(struct loop *loop, size_t skip)
{
    struct bytes wire = {0};
    loop_evict_take(loop, false);
    // What was executed before this round is written, unless a write is late.
    if (loop->round_sent == 0 && !loop_round_held(loop))
        loop_round_safe(loop, model_newest(loop->model));
    round_sort(loop);
    round_gate(loop, skip);
    for (uint32_t i = loop->round_sent; i < loop->round_count; i++) {
        struct loop_exchange *exchange = &loop->round[i];
        const struct command_line *line = &exchange->line;
        trace_bytes(loop->trace, loop_now_ns(loop), "ask", exchange->client, line->wire.data,
                    line->wire.length);
        bytes_add(&wire, line->wire.data, line->wire.length);
        bool last = i + 1 == loop->round_count || loop->round[i + 1].client != exchange->client;
        if (last) {
            loop_client_send(loop, exchange->client, wire.data + skip, wire.length - skip);
            wire.length = 0;
            skip = 0;
        }
        if (!loop->may_refuse)
            loop_exchange_execute(loop, exchange);
    }
    bytes_free(&wire);
    loop->round_sent = loop->round_count;
    return round_settle(loop);
}

bool loop_round_send(struct loop *loop)
{
    return round_send(loop, 0);
}

// --- the round -------------------------------------------------------------------------------

// Waits for the replies: while nothing else is left to do, time has to pass.
static bool round_await(struct loop *loop, bool alive)
{
    int64_t step_ns = WAIT_FIRST_NS;
    uint32_t probes = PROBES;
    while (!loop_round_check(loop) && alive) {
        bool held = loop_round_held(loop);
        if (step_ns > WAIT_NS_MAX)
            loop_fail(loop, VERDICT_STUCK, "a command is not answered");
        if (held && probes > 0 && !loop->may_refuse && !round_is_long(loop)) {
            probes--;
            loop_probe_draw(loop);
            alive = loop_round_send(loop);
            continue;
        }
        if (held && loop->kill_when_held && random_below(&loop->faults, 5) == 0) {
            loop_server_kill(loop);
            return false;
        }
        // Of a server that has died, too: a write that was held may have ended before.
        alive = loop_server_pass(loop, step_ns);
        round_drain(loop);
        loop_hold_observe(loop);
        step_ns *= 4;
    }
    return alive;
}

// Clients that have said QUIT, or whose protocol error ended them, come back.
static bool round_reconnect(struct loop *loop)
{
    for (uint32_t i = 0; i < LOOP_CLIENTS_MAX; i++) {
        struct loop_client *client = &loop->clients[i];
        if (client->context == NULL || !client->session.closing)
            continue;
        if (!loop_client_close(loop, i, false) || !loop_client_connect(loop, i))
            return false;
    }
    return true;
}

// The newest change that even a power cut must leave.
static void round_floor(struct loop *loop)
{
    if (model_appendfsync(loop->model) != MODEL_ALWAYS)
        return;
    loop->floor = loop->told;
    if (model_ack_completion(loop->model) && !loop_round_has_config(loop) &&
        loop->round_told > loop->witnessed)
        loop->witnessed = loop->round_told;
}

static bool round_run(struct loop *loop, size_t skip)
{
    bool alive = round_await(loop, round_send(loop, skip));
    if (!alive) {
        // Whether the unanswered ones were executed shows after the restart.
        for (uint32_t i = 0; i < loop->round_count; i++) {
            struct loop_exchange *exchange = &loop->round[i];
            if (!exchange->executed && loop_evict_take(loop, true) != LOOP_TOLD_REFUSED)
                loop_exchange_execute(loop, exchange);
        }
        return false;
    }
    round_floor(loop);
    return round_reconnect(loop);
}

bool loop_round_run(struct loop *loop)
{
    return round_run(loop, 0);
}

bool loop_round_run_rest(struct loop *loop, size_t skip)
{
    assert(loop->round_count == 1);
    return round_run(loop, skip);
}

bool loop_ask(struct loop *loop, const char *word, ...)
{
    uint32_t argc = 0;
    va_list words;
    va_start(words, word);
    for (const char *each = word; each != NULL; each = va_arg(words, const char *))
        argc++;
    va_end(words);
    loop_round_begin(loop);
    struct command_line *line = loop_round_add(loop, 0);
    command_line_begin(line, argc);
    va_start(words, word);
    for (const char *each = word; each != NULL; each = va_arg(words, const char *))
        command_line_text(line, each);
    va_end(words);
    return loop_round_run(loop);
}

void loop_rounds_free(struct loop *loop)
{
    for (uint32_t i = 0; i < LOOP_ROUND_MAX; i++) {
        command_line_free(&loop->round[i].line);
        model_reply_free(&loop->round[i].reply);
    }
}
