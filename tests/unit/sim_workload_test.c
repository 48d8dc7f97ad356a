// The simulator's workload: well-formed, the same from the same seed, and of every kind.
#include "tests/unit/sim_model.h"

// Replaces every argument by what the wire says, so that both must agree.
static void check_wire(const struct command_line *line)
{
    struct bytes wire = {0};
    bytes_format(&wire, "*%u\r\n", line->argc);
    for (uint32_t i = 0; i < line->argc; i++) {
        uint32_t length;
        const uint8_t *arg = command_line_arg(line, i, &length);
        bytes_format(&wire, "$%u\r\n", length);
        bytes_add(&wire, arg, length);
        bytes_text(&wire, "\r\n");
    }
    cr_assert(wire.length == line->wire.length &&
              memcmp(wire.data, line->wire.data, wire.length) == 0);
    bytes_free(&wire);
}

Test(sim_workload, same_seed_same_commands)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct random random[2];
        struct workload workload[2];
        struct workload_client client[2] = {0};
        struct command_line line[2] = {0};
        for (int i = 0; i < 2; i++) {
            random_init(&random[i], seed, "same");
            workload_draw(&workload[i], &random[i]);
        }
        for (int k = 0; k < 300; k++) {
            for (int i = 0; i < 2; i++) {
                client[i].scan_cursor = (uint64_t)k;
                workload_next(&workload[i], &random[i], &client[i], NOW_MS + k, &line[i]);
            }
            cr_assert(line[0].wire.length == line[1].wire.length &&
                      memcmp(line[0].wire.data, line[1].wire.data, line[0].wire.length) == 0);
            check_wire(&line[0]);
        }
        command_line_free(&line[0]);
        command_line_free(&line[1]);
    }
}

static void count_name(const struct command_line *line, const char *const *names, size_t count,
                       uint64_t *counts)
{
    uint32_t length;
    const uint8_t *name = command_line_arg(line, 0, &length);
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], (const char *)name, length) == 0)
            counts[i]++;
    }
}

Test(sim_workload, has_every_command)
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
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    uint64_t counts[NAMES] = {0};
    struct random random;
    struct workload workload;
    struct workload_client client = {0};
    struct command_line line = {0};
    random_init(&random, 1, "every");
    workload_default(&workload);
    workload.quit_ppm = workload.config_ppm = 5000;
    for (int i = 0; i < 400000; i++) {
        workload_next(&workload, &random, &client, NOW_MS, &line);
        count_name(&line, names, NAMES, counts);
    }
    for (size_t i = 0; i < NAMES; i++)
        cr_assert(counts[i] > 5, "%s", names[i]);
    command_line_free(&line);
}

// Most commands of a quiet workload do something.
Test(sim_workload, is_seldom_in_vain)
{
    struct talk talk;
    struct random random;
    struct workload workload;
    talk_begin(&talk);
    random_init(&random, 1, "vain");
    workload_default(&workload);
    workload.keys = 50;
    uint64_t changes = 0;
    uint64_t errors = 0;
    uint64_t counted = 0;
    for (int i = 0; i < 20000; i++) {
        talk.now_ms += 2;
        workload_next(&workload, &random, &talk.client, talk.now_ms, &talk.line);
        changes +=
            model_execute(talk.model, &talk.session, &talk.line, talk.now_ms, &talk.reply) != 0;
        bool exact = talk.reply.kind == MODEL_EXACT;
        errors += exact && talk.reply.bytes.data[0] == '-';
        counted += exact && talk.reply.bytes.data[0] == ':';
    }
    cr_assert(changes > 7000 && errors < 2000 && counted > 2000, "%llu %llu %llu",
              (unsigned long long)changes, (unsigned long long)errors, (unsigned long long)counted);
    talk_end(&talk);
}

// After MULTI comes EXEC or DISCARD, not much later.
Test(sim_workload, transactions_end)
{
    struct random random;
    struct workload workload;
    struct workload_client client = {0};
    struct command_line line = {0};
    static const char *const names[] = {"multi", "exec", "discard", "watch", "unwatch", "reset"};
    uint64_t counts[6] = {0};
    uint32_t open = 0;
    random_init(&random, 1, "transactions");
    workload_default(&workload);
    workload.transaction_ppm = 300000;
    for (int i = 0; i < 100000; i++) {
        workload_next(&workload, &random, &client, NOW_MS, &line);
        count_name(&line, names, 6, counts);
        open = client.queues ? open + 1 : 0;
        cr_assert(open <= workload.transaction_max + 1 && client.left <= workload.transaction_max);
    }
    cr_assert(counts[1] > 10 * counts[2] && counts[2] > 100 && counts[3] > 1000 && counts[4] > 10);
    cr_assert(counts[0] < counts[1] + counts[2] + 1000);
    command_line_free(&line);
}

// A transaction that was sent before is ended by what is drawn after it.
Test(sim_workload, a_transaction_asked_again_goes_on)
{
    struct random random;
    struct workload workload;
    struct workload_client client = {0};
    struct command_line line = {0};
    random_init(&random, 1, "again");
    workload_default(&workload);
    workload.discard_ppm = 0;
    talk_line(&line, "multi");
    workload_asked(&client, &line);
    talk_line(&line, "SET a 1");
    workload_asked(&client, &line);
    cr_assert(client.queues && client.left == 0);
    workload_next(&workload, &random, &client, NOW_MS, &line);
    static const char *const names[] = {"exec"};
    uint64_t count = 0;
    count_name(&line, names, 1, &count);
    cr_assert(count == 1 && !client.queues);
    command_line_free(&line);
}
