// The clients: what each does next.
#include "sim/clients.h"

#include "sim/bytes.h"
#include "sim/conversation.h"
#include "sim/model.h"
#include "sim/network.h"
#include "sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RECONNECT_NS_MAX 50000000
#define STALL_NS_MAX 3000000000
// Commands that each client still asks when the work is done.
#define LAST_QUESTIONS 6
#define RETRY_PPM 600000
#define LOAD_KEYS 20 // of one MSET
// While a start goes on they are in less of a hurry.
#define LOADING_THINK_US 5000

struct client {
    struct link *link; // NULL: not connected
    uint32_t generation;
    bool due;           // it is going to act
    uint32_t questions; // asked since the work was done
    struct workload_client workload;
    struct command_line *kept; // unanswered when the connection ended: to be sent again
    uint32_t kept_count, kept_first, kept_capacity;
};

struct clients {
    struct random random;
    uint32_t count;
    uint64_t loaded; // MSETs sent, when keys are loaded
    struct client client[];
};

static void client_later(struct world *world, struct client *client, int64_t ns)
{
    uint32_t index = (uint32_t)(client - world->clients->client);
    client->generation++;
    client->due = true;
    agenda_add(&world->agenda, world->now_ns + ns, AGENDA_CLIENT, index, client->generation);
}

struct clients *clients_create(struct world *world)
{
    uint32_t count = world->plan.clients;
    struct clients *clients = sim_alloc(1, sizeof(*clients) + count * sizeof(struct client));
    clients->count = count;
    random_init(&clients->random, world->plan.seed, "clients");
    return clients;
}

static void client_forget(struct client *client)
{
    for (uint32_t i = 0; i < client->kept_capacity; i++)
        command_line_free(&client->kept[i]);
    free(client->kept);
}

void clients_destroy(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->count; i++)
        client_forget(&clients->client[i]);
    free(clients);
}

// --- commands --------------------------------------------------------------------------------

static void client_load(struct clients *clients, struct command_line *line)
{
    unsigned long long first = clients->loaded++ * LOAD_KEYS;
    command_line_begin(line, 1 + 2 * LOAD_KEYS);
    command_line_text(line, "MSET");
    for (uint32_t i = 0; i < LOAD_KEYS; i++) {
        char text[40];
        snprintf(text, sizeof(text), "key:%llu", first + i);
        command_line_text(line, text);
        snprintf(text, sizeof(text), "value:%llu", first + i);
        command_line_text(line, text);
    }
}

static void client_ask(struct world *world, struct client *client)
{
    struct clients *clients = world->clients;
    struct conversation *conversation = &client->link->conversation;
    struct exchange *exchange = conversation_ask(conversation);
    if (client->kept_first < client->kept_count) {
        command_line_copy(&exchange->line, &client->kept[client->kept_first++]);
        workload_asked(&client->workload, &exchange->line);
    } else if (world->plan.scenario->loads && !world->closing) {
        client_load(clients, &exchange->line);
    } else {
        client->workload.scan_cursor = model_session_cursor(&conversation->session);
        workload_next(&world->plan.workload, &clients->random, &client->workload,
                      world_wall_ms(world), &exchange->line);
    }
    bytes_add(&client->link->outbox, exchange->line.wire.data, exchange->line.wire.length);
}

static uint64_t client_outstanding(const struct client *client)
{
    const struct conversation *conversation = &client->link->conversation;
    return conversation->asked - conversation->answered;
}

static bool client_may_ask(const struct world *world, const struct client *client)
{
    if (world->closing)
        return client->questions < LAST_QUESTIONS;
    return world->tally.operations < world->plan.operations;
}

static void client_send(struct world *world, struct client *client)
{
    struct clients *clients = world->clients;
    uint64_t room = world->plan.pipeline - client_outstanding(client);
    uint64_t count = random_log(&clients->random, room);
    for (uint64_t i = 0; i < count && client_may_ask(world, client); i++) {
        client_ask(world, client);
        client->questions += world->closing;
    }
    network_client_send(world, client->link);
}

// --- leaving ---------------------------------------------------------------------------------

static bool line_is(const struct command_line *line, const char *name)
{
    uint32_t length;
    const uint8_t *word = command_line_arg(line, 0, &length);
    return length == strlen(name) && strncasecmp((const char *)word, name, length) == 0;
}

// The oldest command to be sent again: the first that was not answered, or that with which its
// transaction began.
static uint64_t client_keep_from(struct conversation *conversation)
{
    uint64_t first = conversation->answered;
    uint64_t oldest = 0;
    if (conversation->asked > conversation->capacity)
        oldest = conversation->asked - conversation->capacity;
    for (uint64_t i = first; i > oldest; i--) {
        const struct command_line *line = &conversation_at(conversation, i - 1)->line;
        // Since the ring has grown, older ones are no longer there.
        if (line->argc == 0 || line_is(line, "EXEC") || line_is(line, "DISCARD") ||
            line_is(line, "UNWATCH") || line_is(line, "RESET"))
            break;
        if (line_is(line, "MULTI") || line_is(line, "WATCH"))
            first = i - 1;
    }
    return first;
}

// What was not answered may have been executed, or not: many clients send it again.
static void client_keep(struct world *world, struct client *client)
{
    struct conversation *conversation = &client->link->conversation;
    client->kept_first = client->kept_count = 0;
    if (!random_chance(&world->clients->random, RETRY_PPM))
        return;
    uint64_t first = client_keep_from(conversation);
    uint64_t count = conversation->asked - first;
    if (count > client->kept_capacity) {
        client->kept = sim_realloc(client->kept, count, sizeof(*client->kept));
        for (uint64_t i = client->kept_capacity; i < count; i++)
            client->kept[i] = (struct command_line){0};
        client->kept_capacity = (uint32_t)count;
    }
    for (uint64_t i = first; i < conversation->asked; i++)
        command_line_copy(&client->kept[client->kept_count++],
                          &conversation_at(conversation, i)->line);
}

static void client_left(struct world *world, struct client *client)
{
    client_keep(world, client);
    client->workload = (struct workload_client){0};
    client->link = NULL;
    int64_t ns = (int64_t)random_log(&world->clients->random, RECONNECT_NS_MAX);
    client_later(world, client, ns);
}

void clients_disconnected(struct world *world, struct link *link)
{
    struct client *client = &world->clients->client[link->client];
    if (client->link != link)
        return;
    trace_step(world->trace, world->now_ns, "disconnected", link->client,
               link->conversation.answered, link->conversation.asked);
    client_left(world, client);
    link->client_gone = true;
    link->stalled = false;
    network_release(world, link);
}

static void client_leave(struct world *world, struct client *client)
{
    struct link *link = client->link;
    bool reset = random_below(&world->clients->random, 2) == 0;
    trace_step(world->trace, world->now_ns, "leaves", link->client, reset, 0);
    client_left(world, client);
    network_client_close(world, link, reset);
}

// --- acting ----------------------------------------------------------------------------------

static int64_t client_think(struct world *world)
{
    int64_t most_us = world->plan.think_us;
    if (!world->serving) // nothing but refusals: asked for now and then
        most_us += LOADING_THINK_US;
    if (most_us == 0)
        return 1000;
    return (int64_t)random_log(&world->clients->random, (uint64_t)most_us) * 1000;
}

static void client_connect(struct world *world, struct client *client)
{
    uint32_t index = (uint32_t)(client - world->clients->client);
    client->link = network_connect(world, index);
    if (client->link == NULL) {
        client_later(world, client,
                     (int64_t)random_below(&world->clients->random, RECONNECT_NS_MAX));
        return;
    }
    trace_step(world->trace, world->now_ns, "connects", index, 0, 0);
    client_later(world, client, 1000);
}

void clients_act(struct world *world, uint32_t index, uint32_t generation)
{
    struct client *client = &world->clients->client[index];
    if (client->generation != generation)
        return;
    client->due = false;
    if (client->link == NULL) {
        if (client_may_ask(world, client))
            client_connect(world, client);
        return;
    }
    if (client->link->stalled) {
        network_client_stall(world, client->link, false);
    } else if (world_fault(world, FAULT_STALL)) {
        network_client_stall(world, client->link, true);
        client_later(world, client, random_between(&world->faults, 0, STALL_NS_MAX));
        return;
    }
    if (client_outstanding(client) < world->plan.pipeline)
        client_send(world, client);
    if (world_fault(world, FAULT_RESET)) {
        client_leave(world, client);
        return;
    }
    if (client_outstanding(client) < world->plan.pipeline && client_may_ask(world, client))
        client_later(world, client, client_think(world));
}

void clients_answered(struct world *world, struct link *link, uint64_t answered)
{
    struct client *client = &world->clients->client[link->client];
    if (client->link != link || link->stalled || client->due)
        return;
    if (link->conversation.asked - answered < world->plan.pipeline && client_may_ask(world, client))
        client_later(world, client, client_think(world));
}

void clients_wake(struct world *world)
{
    struct clients *clients = world->clients;
    for (uint32_t i = 0; i < clients->count; i++) {
        if (clients->client[i].link == NULL)
            client_later(world, &clients->client[i],
                         (int64_t)random_below(&clients->random, 1000000));
    }
}

void clients_calm(struct world *world)
{
    struct clients *clients = world->clients;
    for (uint32_t i = 0; i < clients->count; i++) {
        struct client *client = &clients->client[i];
        client->questions = 0;
        client_later(world, client, (int64_t)random_below(&clients->random, 1000000));
    }
}

bool clients_finished(const struct world *world)
{
    const struct clients *clients = world->clients;
    for (uint32_t i = 0; i < clients->count; i++) {
        const struct client *client = &clients->client[i];
        if (client_may_ask(world, client) ||
            (client->link != NULL && client_outstanding(client) > 0))
            return false;
    }
    return true;
}
