// The workload: draws weights, and commands by them.
#include "sim/workload_internal.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

// --- weights ---------------------------------------------------------------------------------

// Often nothing, otherwise anything up to `most`, small shares likelier.
static uint32_t ppm_or_none(struct random *random, uint32_t most)
{
    return random_below(random, 3) == 0 ? 0 : (uint32_t)random_log(random, most);
}

// The same, and as often a good part of `most`.
static uint32_t ppm_or_many(struct random *random, uint32_t most)
{
    bool many = random_below(random, 3) == 0;
    return many ? (uint32_t)random_between(random, most / 8, most) : ppm_or_none(random, most);
}

static void draw_weights_of_groups(struct workload *workload, struct random *random)
{
    workload->range_ppm = ppm_or_many(random, 300000);
    workload->bit_ppm = ppm_or_many(random, 300000);
    workload->float_ppm = ppm_or_many(random, 200000);
    workload->rename_ppm = ppm_or_many(random, 300000);
    workload->newer_ppm = ppm_or_many(random, 300000);
    workload->lcs_ppm = ppm_or_none(random, 50000);
    workload->transaction_ppm = ppm_or_many(random, 300000);
    workload->transaction_max = (uint32_t)random_log(random, 20);
    workload->watch_ppm = ppm_or_many(random, 800000);
    workload->discard_ppm = ppm_or_none(random, 200000);
    workload->swap_ppm = ppm_or_none(random, 10000);
}

void workload_draw(struct workload *workload, struct random *random)
{
    *workload = (struct workload){
        .keys = (uint32_t)random_between(random, 8, 16) + (uint32_t)random_log(random, 4984),
        .hot_ppm = ppm_or_many(random, 900000),
        .databases = random_below(random, 2) == 0 ? 1 : (uint32_t)random_between(random, 2, 16),
        .value_bytes_max = (uint32_t)random_log(random, 16384),
        .large_ppm = random_below(random, 3) == 0 ? (uint32_t)random_log(random, 50000) : 0,
        .large_bytes_max = (1 << 16) + (uint32_t)random_log(random, 4 << 20),
        .write_ppm = (uint32_t)random_between(random, 200000, 1000000),
        .delete_ppm = ppm_or_none(random, 400000),
        .expiry_ppm = ppm_or_none(random, 500000),
        .multi_ppm = ppm_or_none(random, 300000),
        .multi_keys_max = (uint32_t)random_between(random, 2, 20),
        .flush_ppm = ppm_or_none(random, 10000),
        .whole_ppm = ppm_or_none(random, 100000),
        .save_ppm = ppm_or_none(random, 30000),
        .config_ppm = random_below(random, 8) == 0 ? 50000 : ppm_or_none(random, 10000),
        .session_ppm = ppm_or_none(random, 100000),
        .wrong_ppm = ppm_or_none(random, 100000),
        .quit_ppm = ppm_or_none(random, 5000),
    };
    draw_weights_of_groups(workload, random);
}

void workload_default(struct workload *workload)
{
    *workload = (struct workload){
        .keys = 500,
        .hot_ppm = 100000,
        .databases = 4,
        .value_bytes_max = 256,
        .large_ppm = 3000,
        .large_bytes_max = 1 << 20,
        .write_ppm = 600000,
        .delete_ppm = 100000,
        .expiry_ppm = 100000,
        .range_ppm = 100000,
        .bit_ppm = 100000,
        .float_ppm = 50000,
        .rename_ppm = 100000,
        .newer_ppm = 100000,
        .lcs_ppm = 10000,
        .multi_ppm = 50000,
        .multi_keys_max = 8,
        .transaction_ppm = 30000,
        .transaction_max = 8,
        .watch_ppm = 500000,
        .discard_ppm = 50000,
        .swap_ppm = 200,
        .flush_ppm = 500,
        .whole_ppm = 5000,
        .save_ppm = 2000,
        .session_ppm = 10000,
        .wrong_ppm = 10000,
    };
}

void workload_grow(struct workload *workload, struct random *random)
{
    workload->keys = (uint32_t)random_between(random, 200, 4000);
    workload->hot_ppm = 0;
    workload->databases = 2;
    workload->value_bytes_max = 32;
    workload->large_ppm = 2000;
    workload->large_bytes_max = 1 << 16;
    workload->write_ppm = 800000;
    workload->delete_ppm = (uint32_t)random_between(random, 50000, 500000);
    workload->expiry_ppm = workload->range_ppm = workload->bit_ppm = 10000;
    workload->float_ppm = workload->rename_ppm = workload->newer_ppm = 10000;
    workload->lcs_ppm = 0;
    workload->multi_ppm = 900000;
    workload->multi_keys_max = 20;
    workload->transaction_ppm = 2000;
    workload->flush_ppm = 200;
}

void workload_imitate_redis(struct workload *workload)
{
    workload->newer_ppm = 0;
    workload->save_ppm = 0;
}

// --- groups ----------------------------------------------------------------------------------

static void draw_write(const struct draw *draw)
{
    const struct workload *workload = draw->workload;
    bool multi = draw_chance(draw, workload->multi_ppm);
    if (draw_chance(draw, workload->delete_ppm))
        draw_keys_command(draw, draw_below(draw, 2) == 0 ? "DEL" : "UNLINK",
                          multi ? draw_several(draw) : 1);
    else if (draw_chance(draw, workload->expiry_ppm))
        draw_expiry_write(draw);
    else if (draw_chance(draw, workload->range_ppm))
        draw_range_write(draw);
    else if (draw_chance(draw, workload->bit_ppm))
        draw_bit_write(draw);
    else if (draw_chance(draw, workload->float_ppm))
        draw_float_write(draw);
    else if (draw_chance(draw, workload->rename_ppm))
        draw_rename(draw);
    else if (draw_chance(draw, workload->newer_ppm))
        draw_newer(draw);
    else if (draw_chance(draw, workload->lcs_ppm))
        draw_lcs(draw);
    else if (multi)
        draw_pairs(draw);
    else
        draw_string_write(draw);
}

static void draw_read(const struct draw *draw)
{
    static const char *const names[] = {"GET",    "GET",    "GET",  "GET",
                                        "STRLEN", "EXISTS", "TYPE", "TOUCH"};
    static const char *const many[] = {"MGET", "MGET", "EXISTS", "TOUCH"};
    const struct workload *workload = draw->workload;
    if (draw_chance(draw, workload->multi_ppm))
        draw_keys_command(draw, many[draw_below(draw, 4)], draw_several(draw));
    else if (draw_chance(draw, workload->expiry_ppm))
        draw_expiry_read(draw);
    else if (draw_chance(draw, workload->range_ppm))
        draw_range_read(draw);
    else if (draw_chance(draw, workload->bit_ppm))
        draw_bit_read(draw);
    else if (draw_chance(draw, workload->rename_ppm))
        draw_object(draw);
    else if (draw_chance(draw, workload->newer_ppm))
        draw_newer(draw);
    else if (draw_chance(draw, workload->lcs_ppm))
        draw_lcs(draw);
    else
        draw_keys_command(draw, names[draw_below(draw, sizeof(names) / sizeof(names[0]))], 1);
}

static void draw_flush(const struct draw *draw)
{
    const char *name = draw_below(draw, 2) == 0 ? "FLUSHDB" : "FLUSHALL";
    static const char *const modes[] = {NULL, NULL, "ASYNC", "SYNC"};
    draw_words(draw, name, modes[draw_below(draw, 4)], NULL);
}

// One more than are used: what goes there is seldom asked for.
static void draw_swap(const struct draw *draw)
{
    uint32_t databases = draw->workload->databases + (draw->workload->databases < 16);
    draw_begin(draw, "SWAPDB", 3);
    draw_number(draw, (int64_t)draw_below(draw, databases));
    draw_number(draw, (int64_t)draw_below(draw, databases));
}

static void draw_config(const struct draw *draw)
{
    static const char *const fsync[] = {"always", "always", "everysec", "no"};
    static const char *const ack[] = {"intent", "completion"};
    switch (draw_below(draw, 6)) {
    case 0:
        draw_words(draw, "CONFIG", "GET", draw_below(draw, 2) == 0 ? "appendfsync" : "wal-ack",
                   NULL);
        break;
    case 1:
    case 2:
        draw_words(draw, "CONFIG", "SET", "wal-ack", ack[draw_below(draw, 2)], NULL);
        break;
    case 3:
        draw_words(draw, "CONFIG", "SET", "wal-ack", ack[draw_below(draw, 2)], "appendfsync",
                   fsync[draw_below(draw, 4)], NULL);
        break;
    default:
        draw_words(draw, "CONFIG", "SET", "appendfsync", fsync[draw_below(draw, 4)], NULL);
        break;
    }
}

// Any command but those of transactions.
static void draw_any(const struct draw *draw, uint64_t scan_cursor)
{
    const struct workload *workload = draw->workload;
    bool plain = draw->queued && workload->plain_transactions;
    // One number decides between the rare kinds.
    uint32_t at = (uint32_t)draw_below(draw, 1000000);
    uint32_t end = workload->quit_ppm;
    if (at < end)
        draw_words(draw, "QUIT", NULL);
    else if (at < (end += plain ? 0 : workload->flush_ppm))
        draw_flush(draw);
    else if (at < (end += plain ? 0 : workload->swap_ppm))
        draw_swap(draw);
    else if (at < (end += workload->whole_ppm))
        draw_whole(draw, scan_cursor);
    else if (at < (end += plain ? 0 : workload->save_ppm))
        draw_save(draw);
    else if (at < (end += plain ? 0 : workload->config_ppm))
        draw_config(draw);
    else if (at < (end += workload->session_ppm))
        draw_session(draw);
    else if (at < end + workload->wrong_ppm)
        draw_wrong(draw);
    else if (draw_chance(draw, workload->write_ppm))
        draw_write(draw);
    else
        draw_read(draw);
}

// --- transactions ----------------------------------------------------------------------------

static void draw_multi(const struct draw *draw, struct workload_client *client)
{
    const struct workload *workload = draw->workload;
    draw_words(draw, "MULTI", NULL);
    client->left = (uint32_t)draw_below(draw, workload->transaction_max + 1);
    client->copies =
        !workload->plain_transactions && workload->rename_ppm > 0 && draw_below(draw, 8) == 0;
    client->copies_first = true;
    client->copied = draw_key_number(draw);
}

// What logs far more than it says: a value is set, and copied again and again.
static void draw_copies(const struct draw *draw, struct workload_client *client)
{
    bool first = client->copies_first;
    client->copies_first = false;
    draw_begin(draw, first ? "SET" : "COPY", first ? 3 : 4);
    draw_key_name(draw, client->copied);
    if (first) {
        draw_large_value(draw);
        return;
    }
    draw_spare_key(draw);
    draw_word(draw, "REPLACE");
}

// The hot keys mostly: what others change meanwhile, too.
static void draw_watch(const struct draw *draw)
{
    uint32_t count = 1 + (uint32_t)draw_below(draw, 3);
    draw_begin(draw, "WATCH", 1 + count);
    for (uint32_t i = 0; i < count; i++) {
        if (draw_below(draw, 2) == 0)
            draw_hot_key(draw);
        else
            draw_key_or_spare(draw);
    }
}

// A command that is about transactions; false when it is to be another one.
static bool draw_transaction(const struct draw *draw, struct workload_client *client)
{
    const struct workload *workload = draw->workload;
    if (client->queues) {
        if (client->left == 0) {
            draw_words(draw, draw_chance(draw, workload->discard_ppm) ? "DISCARD" : "EXEC", NULL);
        } else {
            if (client->copies)
                draw_copies(draw, client);
            client->left--;
        }
        return draw->line->argc > 0;
    }
    if (client->watches) {
        // Between WATCH and MULTI keys are read, and perhaps written; some leave it at that.
        if (draw_below(draw, 3) != 0)
            draw_multi(draw, client);
        else if (draw_below(draw, 8) == 0)
            draw_words(draw, "UNWATCH", NULL);
        return draw->line->argc > 0;
    }
    if (!draw_chance(draw, workload->transaction_ppm))
        return false;
    if (draw_chance(draw, workload->watch_ppm))
        draw_watch(draw);
    else
        draw_multi(draw, client);
    return true;
}

static bool line_is(const struct command_line *line, const char *name)
{
    uint32_t length;
    const uint8_t *arg = command_line_arg(line, 0, &length);
    return length == strlen(name) && strncasecmp((const char *)arg, name, length) == 0;
}

void workload_asked(struct workload_client *client, const struct command_line *line)
{
    if (line_is(line, "EXEC") || line_is(line, "DISCARD") || line_is(line, "RESET"))
        client->queues = client->watches = false;
    else if (line_is(line, "MULTI"))
        client->queues = true;
    else if (line_is(line, "WATCH"))
        client->watches = true;
    else if (line_is(line, "UNWATCH") && !client->queues)
        client->watches = false;
    if (!client->queues)
        client->left = 0;
}

void workload_next(const struct workload *workload, struct random *random,
                   struct workload_client *client, int64_t now_ms, struct command_line *line)
{
    struct draw draw = {workload, random, line, now_ms, client->queues};
    assert(workload->keys > 0 && workload->databases > 0);
    line->argc = 0;
    if (!draw_transaction(&draw, client))
        draw_any(&draw, client->scan_cursor);
    assert(line->argc == line->expected);
    workload_asked(client, line);
}
