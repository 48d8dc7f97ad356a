// LCS: the longest common subsequence of two values.
#include "server/command_handlers.h"

#include "conf/limits.h"
#include "server/call.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/arena.h"
#include "storage/entry.h"
#include "storage/lcs.h"

#include <stddef.h>
#include <string.h>

struct lcs_options {
    bool length, indexes, with_lengths;
    int64_t shortest; // pieces that are shorter are not told
};

// False after an error reply.
static bool lcs_options_read(struct call *call, struct lcs_options *options)
{
    *options = (struct lcs_options){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        if (call_arg_is(call, i, "idx")) {
            options->indexes = true;
        } else if (call_arg_is(call, i, "len")) {
            options->length = true;
        } else if (call_arg_is(call, i, "withmatchlen")) {
            options->with_lengths = true;
        } else if (call_arg_is(call, i, "minmatchlen") && i + 1 < call->argc) {
            if (!call_arg_integer(call, ++i, &options->shortest))
                return false;
        } else {
            call_error_syntax(call);
            return false;
        }
    }
    if (!options->length || !options->indexes)
        return true;
    resp_error(call->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

// --- the values ------------------------------------------------------------------------------

// What the two keys hold, nothing where one is missing.
static void lcs_values(struct call *call, struct span values[2])
{
    // Finding one may delete it, and then the other one may move.
    for (uint32_t i = 0; i < 2; i++) {
        struct key key = call_key(call, 1 + i);
        values[i].length = data_find(call, &key, true) != NULL;
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct key key = call_key(call, 1 + i);
        const struct entry *entry =
            values[i].length != 0 ? keyspace_find(call->server->keyspace, &key) : NULL;
        values[i] = (struct span){(const uint8_t *)"", 0};
        if (entry != NULL)
            values[i] = (struct span){entry_value(entry), entry_value_length(entry)};
    }
}

// Memory for the table, and for the subsequence behind it. NULL after an error reply.
static uint8_t *lcs_memory(struct call *call, const struct span values[2], bool pieces,
                           uint64_t *table_bytes)
{
    const struct server *server = call->server;
    const struct span *a = &values[0];
    const struct span *b = &values[1];
    // Redis has four bytes for every pair of places, and a bound for them; here it bounds the time.
    unsigned __int128 cells = ((unsigned __int128)a->length + 1) * ((uint64_t)b->length + 1);
    const char *error = NULL;
    uint8_t *memory = NULL;
    *table_bytes = 0;
    if (cells * 4 > (uint64_t)server->config.proto_max_bulk_len) {
        error = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    } else if (lcs_steps(a->length, b->length) > LCS_STEPS_MAX) {
        error = "ERR String too long for LCS";
    } else {
        *table_bytes = lcs_bytes(a->data, a->length, b->length, pieces);
        uint64_t bytes = *table_bytes + (a->length < b->length ? a->length : b->length);
        if (data_has_room(server, arena_round(bytes)))
            memory = arena_alloc(server->arena, bytes);
        else if (data_wait_room(call, arena_round(bytes)))
            return NULL;
        if (memory == NULL)
            error = "ERR Insufficient memory, failed allocating transient memory for LCS";
    }
    if (error != NULL)
        resp_error(call->reply, error);
    return memory;
}

// --- replies ---------------------------------------------------------------------------------

static void lcs_reply_text(struct call *call, struct lcs *lcs, uint8_t *text)
{
    uint32_t left = lcs->length;
    struct lcs_piece piece;
    while (lcs_next(lcs, &piece)) {
        left -= piece.length;
        memcpy(text + left, lcs->a + piece.a, piece.length);
    }
    resp_bulk(call->reply, text, lcs->length);
}

static void lcs_reply_range(struct call *call, uint32_t first, uint32_t length)
{
    resp_array(call->reply, 2);
    resp_integer(call->reply, first);
    resp_integer(call->reply, (int64_t)first + length - 1);
}

static void lcs_reply_indexes(struct call *call, struct lcs *lcs, const struct lcs_options *options)
{
    size_t count = 0;
    struct lcs_piece piece;
    while (lcs_next(lcs, &piece))
        count += piece.length >= options->shortest;
    lcs_rewind(lcs);
    resp_map(call->reply, 2);
    resp_bulk_text(call->reply, "matches");
    resp_array(call->reply, count);
    while (lcs_next(lcs, &piece)) {
        if (piece.length < options->shortest)
            continue;
        resp_array(call->reply, options->with_lengths ? 3 : 2);
        lcs_reply_range(call, piece.a, piece.length);
        lcs_reply_range(call, piece.b, piece.length);
        if (options->with_lengths)
            resp_integer(call->reply, piece.length);
    }
    resp_bulk_text(call->reply, "len");
    resp_integer(call->reply, lcs->length);
}

// `text`: a place for the subsequence, NULL when it is empty.
static void lcs_reply(struct call *call, struct lcs *lcs, const struct lcs_options *options,
                      uint8_t *text)
{
    if (options->indexes)
        lcs_reply_indexes(call, lcs, options);
    else if (options->length)
        resp_integer(call->reply, lcs->length);
    else if (text == NULL)
        resp_bulk(call->reply, "", 0);
    else
        lcs_reply_text(call, lcs, text);
}

void command_lcs(struct call *call)
{
    struct lcs_options options;
    struct span values[2];
    struct lcs lcs = {0};
    uint64_t table_bytes;
    if (!lcs_options_read(call, &options))
        return;
    lcs_values(call, values);
    if (values[0].length == 0 || values[1].length == 0) {
        lcs_reply(call, &lcs, &options, NULL);
        return;
    }
    if (options.length && values[0].length > values[1].length) {
        // The length is the same either way, and found faster so.
        struct span longer = values[0];
        values[0] = values[1];
        values[1] = longer;
    }
    bool pieces = !options.length;
    uint8_t *memory = lcs_memory(call, values, pieces, &table_bytes);
    if (memory == NULL)
        return;
    lcs_find(&lcs, values[0].data, values[0].length, values[1].data, values[1].length, pieces,
             memory);
    lcs_reply(call, &lcs, &options, memory + table_bytes);
    arena_free(call->server->arena, memory);
}
