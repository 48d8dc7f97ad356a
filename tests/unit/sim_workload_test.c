// The simulator's workload: well-formed, the same from the same seed, and of every kind.
#include "tests/unit/sim_model.h"

#include "sim/workload.h"

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
        struct command_line line[2] = {0};
        for (int i = 0; i < 2; i++) {
            random_init(&random[i], seed, "same");
            workload_draw(&workload[i], &random[i]);
        }
        for (int k = 0; k < 300; k++) {
            for (int i = 0; i < 2; i++)
                workload_next(&workload[i], &random[i], NOW_MS + k, (uint64_t)k, &line[i]);
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
        "append", "auth",   "client", "command",  "config",  "dbsize",  "decr",  "decrby", "del",
        "echo",   "exists", "expire", "flushall", "flushdb", "get",     "hello", "incr",   "incrby",
        "info",   "keys",   "mget",   "mset",     "persist", "pexpire", "ping",  "pttl",   "quit",
        "reset",  "scan",   "select", "set",      "strlen",  "time",    "ttl",   "type",   "unlink",
    };
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    uint64_t counts[NAMES] = {0};
    struct random random;
    struct workload workload;
    struct command_line line = {0};
    random_init(&random, 1, "every");
    workload_default(&workload);
    workload.quit_ppm = workload.config_ppm = 5000;
    for (int i = 0; i < 200000; i++) {
        workload_next(&workload, &random, NOW_MS, 0, &line);
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
        workload_next(&workload, &random, talk.now_ms, 0, &talk.line);
        changes +=
            model_execute(talk.model, &talk.session, &talk.line, talk.now_ms, &talk.reply) != 0;
        bool exact = talk.reply.kind == MODEL_EXACT;
        errors += exact && talk.reply.bytes.data[0] == '-';
        counted += exact && talk.reply.bytes.data[0] == ':';
    }
    cr_assert(changes > 8000 && errors < 1500 && counted > 2000);
    talk_end(&talk);
}
