// The loopback harness: probes: while a write is on its way to the disk, other clients ask for just
// what it changes, in every way there is. Nothing that they are told may show it.
#include "sim/loop_internal.h"

#include <string.h>

#define PROBES_MAX 6

static const struct probe {
    const char *words[4]; // "*": the key
    bool whole;           // of the whole database
} probes[] = {
    {{"GET", "*"}, false},
    {{"EXISTS", "*"}, false},
    {{"STRLEN", "*"}, false},
    {{"PTTL", "*"}, false},
    {{"TYPE", "*"}, false},
    {{"MGET", "*", "*"}, false},
    {{"DEL", "*"}, false},
    {{"UNLINK", "*"}, false},
    {{"PERSIST", "*"}, false},
    {{"PEXPIRE", "*", "9999999"}, false},
    {{"SET", "*", "probe", "NX"}, false},
    {{"SET", "*", "probe", "XX"}, false},
    {{"SET", "*", "probe", "GET"}, false},
    {{"INCR", "*"}, false},
    {{"APPEND", "*", ""}, false},
    {{"SCAN", "0"}, true},
    {{"DBSIZE"}, true},
    {{"KEYS", "*"}, true},
    {{"INFO", "keyspace"}, true},
    {{"FLUSHDB"}, true}, // last: may be left out
};
#define PROBES (sizeof(probes) / sizeof(probes[0]))

// A key that a command of the round names, with the client that has named it.
static const struct loop_exchange *probe_about(struct loop *loop)
{
    const struct loop_exchange *exchange =
        &loop->round[random_below(&loop->work, loop->round_sent)];
    return exchange->line.argc > 1 ? exchange : NULL;
}

// Somebody else, who looks into the same database and is to be answered.
static bool probe_client(struct loop *loop, const struct loop_exchange *about, uint32_t *index)
{
    for (uint32_t i = 0; i < 8; i++) {
        *index = (uint32_t)random_below(&loop->work, loop->clients_count);
        const struct loop_client *client = &loop->clients[*index];
        if (client->context != NULL && !client->stalled && !client->last &&
            !client->session.closing && client->session.reply == 0 &&
            !model_session_queues(&client->session) &&
            client->session.database == loop->clients[about->client].session.database)
            return true;
    }
    return false;
}

static void probe_add(struct loop *loop, const struct probe *probe,
                      const struct loop_exchange *about, uint32_t client)
{
    uint32_t argc = 0;
    while (argc < 4 && probe->words[argc] != NULL)
        argc++;
    uint32_t length;
    const uint8_t *key = command_line_arg(&about->line, 1, &length);
    struct command_line *line = loop_round_add(loop, client);
    command_line_begin(line, argc);
    for (uint32_t i = 0; i < argc; i++) {
        if (!probe->whole && strcmp(probe->words[i], "*") == 0)
            command_line_add(line, key, length);
        else
            command_line_text(line, probe->words[i]);
    }
}

void loop_probe_draw(struct loop *loop)
{
    uint64_t count = 1 + random_below(&loop->work, PROBES_MAX);
    uint64_t kinds = loop->no_flush ? PROBES - 1 : PROBES;
    for (uint64_t i = 0; i < count && loop->round_count < LOOP_ROUND_MAX; i++) {
        const struct probe *probe = &probes[random_below(&loop->work, kinds)];
        const struct loop_exchange *about = probe_about(loop);
        uint32_t client;
        if (about == NULL || about->line.wire.length > 2000 || !probe_client(loop, about, &client))
            continue;
        probe_add(loop, probe, about, client);
    }
    // Nothing was to be had: time will do.
    if (loop->round_count == loop->round_sent) {
        struct command_line *line = loop_round_add(loop, 0);
        command_line_begin(line, 1);
        command_line_text(line, "DBSIZE");
    }
}
