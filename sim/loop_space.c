// The loopback harness: a full disk. Writes are refused before they change anything, reads go on, and
// writes are taken again as soon as there is space.
#include "sim/loop_internal.h"

#include <stdio.h>
#include <string.h>

// How often, against what the plan says of a turn of the loop.
#define ODDS 6
#define BIG_BYTES 50000
#define BIG_KEYS 400 // far more than all segments together hold
#define ROUNDS_MAX 25
// The server tries again every second.
#define AGAIN_NS 5000000000

struct loop_rule loop_space_rule(void)
{
    return (struct loop_rule){.classes = LOOP_BIT(LOOP_CREATE) | LOOP_BIT(LOOP_ALLOCATE) |
                                         LOOP_BIT(LOOP_WRITE_PREPARE),
                              .action = LOOP_FAIL,
                              .value = 28,
                              .ppm = 1000000,
                              .left = UINT32_MAX,
                              .fault = FAULT_DISK_FULL};
}

static void space_back(struct loop *loop)
{
    for (uint32_t i = 0; i < LOOP_RULES_MAX; i++) {
        if (loop->shared->rules[i].fault == FAULT_DISK_FULL)
            loop->shared->rules[i] = (struct loop_rule){0};
    }
}

// Whoever wants no replies would not tell us of a refusal.
static bool space_unmute(struct loop *loop)
{
    for (uint32_t i = 1; i < loop->clients_count; i++) {
        if (loop->clients[i].session.reply == 0)
            continue;
        if (!loop_client_close(loop, i, false) || !loop_client_connect(loop, i))
            return false;
    }
    return true;
}

static bool big_set(struct loop *loop, uint32_t number)
{
    static const uint8_t value[BIG_BYTES];
    char key[24];
    snprintf(key, sizeof(key), "big:%u", number);
    loop_round_begin(loop);
    struct command_line *line = loop_round_add(loop, 0);
    command_line_begin(line, 3);
    command_line_text(line, "SET");
    command_line_text(line, key);
    command_line_add(line, value, sizeof(value));
    return loop_round_run(loop);
}

// Until nothing is left. Returns how many there are, -1 when the server ended.
static int32_t space_use_up(struct loop *loop)
{
    uint64_t refused = loop->refused;
    for (uint32_t i = 0; i < BIG_KEYS; i++) {
        if (!big_set(loop, i))
            return -1;
        if (loop->refused > refused)
            return (int32_t)i;
    }
    loop_fail(loop, VERDICT_WRONG, "on a full disk, %d values of %d bytes were taken", BIG_KEYS,
              BIG_BYTES);
}

static bool space_work(struct loop *loop)
{
    uint64_t rounds = random_below(&loop->work, ROUNDS_MAX);
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t client = 1 + (uint32_t)random_below(&loop->work, loop->clients_count - 1);
        loop_round_begin(loop);
        loop_round_draw(loop, client);
        if (!loop_round_run(loop))
            return false;
        if (random_below(&loop->work, 8) == 0 &&
            !loop_server_pass(loop, (int64_t)random_log(&loop->times, 2000000000)))
            return false;
    }
    return true;
}

static bool space_episode(struct loop *loop)
{
    bool refuses = loop->may_refuse;
    loop_rule_add(loop, loop_space_rule());
    if (!space_unmute(loop))
        return false;
    loop->may_refuse = true;
    int32_t count = space_use_up(loop);
    if (count < 0 || !space_work(loop))
        return false;
    loop_trace(loop, "disk full", (uint64_t)count, loop->refused, 0);
    space_back(loop);
    if (!loop_server_pass(loop, AGAIN_NS))
        return false;
    loop->may_refuse = refuses;
    // From here on a refusal is wrong, if nothing else fails.
    bool alive = big_set(loop, 0);
    for (int32_t i = 0; i <= count && alive; i++) {
        char key[24];
        snprintf(key, sizeof(key), "big:%d", i);
        alive = loop_ask(loop, "DEL", key, NULL);
    }
    return alive;
}

bool loop_space_fault(struct loop *loop)
{
    uint64_t ppm = ODDS * (uint64_t)loop->plan.ppm[FAULT_DISK_FULL];
    return !loop_chance(loop, FAULT_DISK_FULL, ppm) || space_episode(loop);
}
