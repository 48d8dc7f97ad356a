// The loopback harness: faults of the network: clients that vanish, send in fragments, do not read.
#include "sim/loop_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// How often, against what the plan says of each action of a client.
#define ODDS 3
#define FLOOD_KEY "the key of the flood"
#define FLOOD_VALUE_BYTES 100000
#define FLOOD_GETS 120
#define FRAGMENTS_MAX 6

// Any client but our own.
static uint32_t some_client(struct loop *loop)
{
    return 1 + (uint32_t)random_below(&loop->work, loop->clients_count - 1);
}

// --- vanishing -------------------------------------------------------------------------------

// Everything that it has sent is executed, none of the replies is read.
static bool network_vanish(struct loop *loop)
{
    uint32_t index = some_client(loop);
    bool reset = random_below(&loop->work, 2) == 0;
    uint64_t count = random_log(&loop->work, 12);
    loop_round_begin(loop);
    for (uint64_t i = 0; i < count; i++)
        loop_round_draw(loop, index);
    loop->clients[index].stalled = true;
    loop_count(loop, FAULT_RESET);
    return loop_round_send(loop) && loop_client_close(loop, index, reset) &&
           loop_client_connect(loop, index);
}

// In the middle of a command: nothing of it is executed.
static bool network_vanish_halfway(struct loop *loop)
{
    uint32_t index = some_client(loop);
    loop_round_begin(loop);
    loop_round_draw(loop, index);
    const struct bytes *wire = &loop->round[0].line.wire;
    size_t part = 1 + (size_t)random_below(&loop->work, wire->length - 1);
    loop_client_send(loop, index, wire->data, part);
    loop_count(loop, FAULT_RESET);
    return loop_server_settle(loop) &&
           loop_client_close(loop, index, random_below(&loop->work, 2) == 0) &&
           loop_client_connect(loop, index);
}

// --- fragments -------------------------------------------------------------------------------

// A command in pieces, each of which the server has seen before the next one comes.
static bool network_fragment(struct loop *loop)
{
    struct loop_shared *shared = loop->shared;
    uint32_t index = some_client(loop);
    struct loop_client *client = &loop->clients[index];
    struct command_line kept = {0};
    loop_round_begin(loop);
    loop_round_draw(loop, index);
    command_line_copy(&kept, &loop->round[0].line);
    uint64_t pieces = 1 + random_below(&loop->work, FRAGMENTS_MAX);
    size_t at = 0;
    bool alive = true;
    for (uint64_t i = 0; i < pieces && alive && at + 1 < kept.wire.length; i++) {
        size_t length = 1 + (size_t)random_below(&loop->work, kept.wire.length - at - 1);
        loop_client_send(loop, index, kept.wire.data + at, length);
        at += length;
        shared->gate_holds = false;
        shared->gates = 1;
        shared->gate[0].port = client->port;
        shared->gate[0].received = client->asked;
        alive = loop_server_settle(loop);
    }
    loop_count(loop, FAULT_FRAGMENT);
    // The rest of it goes as a round: what has been sent is no longer part of the line.
    if (alive)
        alive = loop_round_run_rest(loop, at);
    command_line_free(&kept);
    return alive;
}

// --- a client that does not read -------------------------------------------------------------

static bool flood_others(struct loop *loop, uint32_t index)
{
    uint64_t rounds = random_below(&loop->work, 4);
    bool alive = true;
    // The server keeps commands that have no room for their replies: the value must still be there.
    loop->no_flush = true;
    for (uint64_t i = 0; i < rounds && alive; i++) {
        uint32_t other = some_client(loop);
        if (other == index)
            continue;
        loop_round_begin(loop);
        loop_round_draw(loop, other);
        alive = loop_round_run(loop);
    }
    loop->no_flush = false;
    return alive;
}

static void flood_check(struct loop *loop, uint32_t index, const struct bytes *value)
{
    struct loop_client *client = &loop->clients[index];
    struct bytes reply = {0};
    bytes_format(&reply, "$%zu\r\n", value->length);
    bytes_add(&reply, value->data, value->length);
    bytes_text(&reply, "\r\n");
    for (uint32_t i = 0; i < FLOOD_GETS; i++) {
        const struct bytes *replies = &client->replies;
        if (replies->length < reply.length || memcmp(replies->data, reply.data, reply.length) != 0)
            loop_fail(loop, VERDICT_WRONG, "a slow client's reply %u of %d is wrong or missing", i,
                      FLOOD_GETS);
        loop_client_parse(loop, index, reply.length, 2);
    }
    loop_trace(loop, "flood", reply.length, FLOOD_GETS, 0);
    bytes_free(&reply);
}

// What it has not read so far; the server sends the next part as soon as there is room again.
static bool flood_take(struct loop *loop, uint32_t index)
{
    const struct loop_client *client = &loop->clients[index];
    uint64_t before;
    do {
        before = client->answered;
        loop_client_drain(loop, index);
        if (!loop_server_settle(loop))
            return false;
    } while (client->answered != before);
    return true;
}

// More replies than the sockets hold: the server must keep them, and go on with everybody else.
static bool network_flood(struct loop *loop)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$20\r\n" FLOOD_KEY "\r\n";
    struct bytes value = {0};
    uint32_t index = some_client(loop);
    bytes_room(&value, FLOOD_VALUE_BYTES);
    memset(value.data, 'f', FLOOD_VALUE_BYTES);
    value.length = FLOOD_VALUE_BYTES;
    loop_round_begin(loop);
    struct command_line *line = loop_round_add(loop, 0);
    command_line_begin(line, 3);
    command_line_text(line, "SET");
    command_line_text(line, FLOOD_KEY);
    command_line_add(line, value.data, (uint32_t)value.length);
    // A new connection: database 0, RESP2.
    bool alive = loop_round_run(loop) && loop_client_close(loop, index, false) &&
                 loop_client_connect(loop, index);
    loop->clients[index].stalled = true;
    for (uint32_t i = 0; i < FLOOD_GETS && alive; i++)
        loop_client_send(loop, index, get, sizeof(get) - 1);
    alive = alive && loop_server_settle(loop) && flood_others(loop, index);
    loop_count(loop, FAULT_STALL);
    if (alive && random_below(&loop->work, 2) == 0)
        alive = loop_client_close(loop, index, true) && loop_client_connect(loop, index);
    else if (alive) {
        loop->clients[index].stalled = false;
        alive = flood_take(loop, index);
        flood_check(loop, index, &value);
    }
    bytes_free(&value);
    return alive && loop_ask(loop, "DEL", FLOOD_KEY, NULL);
}

// --- by chance -------------------------------------------------------------------------------

bool loop_network_fault(struct loop *loop)
{
    const uint32_t *ppm = loop->plan.ppm;
    bool alive = true;
    if (loop_chance(loop, FAULT_RESET, ODDS * (uint64_t)ppm[FAULT_RESET]))
        alive = network_vanish(loop);
    if (loop_chance(loop, FAULT_RESET, ODDS * (uint64_t)ppm[FAULT_RESET]) && alive)
        alive = network_vanish_halfway(loop);
    if (loop_chance(loop, FAULT_FRAGMENT, ppm[FAULT_FRAGMENT] / ODDS) && alive)
        alive = network_fragment(loop);
    if (loop_chance(loop, FAULT_STALL, ppm[FAULT_STALL]) && alive)
        alive = network_flood(loop);
    return alive;
}
