// The model's LCS: the longest common subsequence of two values, by the plain table.
#include "sim/model_internal.h"

#include <stdlib.h>

struct options {
    bool length, pieces, piece_lengths;
    int64_t shortest;
};

// False after an error.
static bool options_read(struct model_call *call, struct options *options)
{
    *options = (struct options){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        if (model_arg_is(call, i, "len")) {
            options->length = true;
        } else if (model_arg_is(call, i, "idx")) {
            options->pieces = true;
        } else if (model_arg_is(call, i, "withmatchlen")) {
            options->piece_lengths = true;
        } else if (model_arg_is(call, i, "minmatchlen") && i + 1 < call->argc) {
            if (!model_arg_integer(call, ++i, &options->shortest))
                return false;
        } else {
            model_reply_syntax(call);
            return false;
        }
    }
    if (!options->length || !options->pieces)
        return true;
    model_reply_error(call, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

// The length of the subsequence of the first i and the first j bytes.
struct table {
    struct model_text a, b;
    uint32_t *cells;
};

static uint32_t *cell(const struct table *table, uint32_t i, uint32_t j)
{
    return &table->cells[(size_t)i * (table->b.length + 1) + j];
}

static void table_fill(struct table *table)
{
    table->cells =
        sim_alloc((size_t)(table->a.length + 1) * (table->b.length + 1), sizeof(uint32_t));
    for (uint32_t i = 1; i <= table->a.length; i++) {
        for (uint32_t j = 1; j <= table->b.length; j++) {
            uint32_t up = *cell(table, i - 1, j);
            uint32_t left = *cell(table, i, j - 1);
            bool equal = table->a.data[i - 1] == table->b.data[j - 1];
            *cell(table, i, j) = equal ? *cell(table, i - 1, j - 1) + 1 : up > left ? up : left;
        }
    }
}

// A run of equal bytes: a[i, i + length) and b[j, j + length).
struct piece {
    uint32_t i, j, length;
};

// The next piece towards the beginning; its start is where to go on from. False when there is none.
static bool piece_next(const struct table *table, struct piece *piece)
{
    uint32_t i = piece->i;
    uint32_t j = piece->j;
    while (i > 0 && j > 0 && table->a.data[i - 1] != table->b.data[j - 1]) {
        if (*cell(table, i - 1, j) > *cell(table, i, j - 1))
            i--;
        else
            j--;
    }
    piece->length = 0;
    for (; i > 0 && j > 0 && table->a.data[i - 1] == table->b.data[j - 1]; i--, j--)
        piece->length++;
    piece->i = i;
    piece->j = j;
    return piece->length > 0;
}

static void reply_text(struct model_call *call, const struct table *table)
{
    uint32_t left = *cell(table, table->a.length, table->b.length);
    struct bytes text = {0};
    bytes_room(&text, left + 1);
    text.length = left;
    struct piece piece = {table->a.length, table->b.length, 0};
    while (piece_next(table, &piece)) {
        for (uint32_t k = piece.length; k > 0; k--)
            text.data[--left] = table->a.data[piece.i + k - 1];
    }
    model_reply_bulk(call, text.data, (uint32_t)text.length);
    bytes_free(&text);
}

static void reply_ends(struct model_call *call, uint32_t first, uint32_t length)
{
    model_reply_array(call, 2);
    model_reply_integer(call, first);
    model_reply_integer(call, (int64_t)first + length - 1);
}

static void reply_pieces(struct model_call *call, const struct table *table,
                         const struct options *options)
{
    uint32_t count = 0;
    struct piece piece = {table->a.length, table->b.length, 0};
    while (piece_next(table, &piece))
        count += piece.length >= options->shortest;
    model_reply_map(call, 2);
    model_reply_bulk(call, "matches", 7);
    model_reply_array(call, count);
    piece = (struct piece){table->a.length, table->b.length, 0};
    while (piece_next(table, &piece)) {
        if (piece.length < options->shortest)
            continue;
        model_reply_array(call, options->piece_lengths ? 3 : 2);
        reply_ends(call, piece.i, piece.length);
        reply_ends(call, piece.j, piece.length);
        if (options->piece_lengths)
            model_reply_integer(call, piece.length);
    }
    model_reply_bulk(call, "len", 3);
    model_reply_integer(call, *cell(table, table->a.length, table->b.length));
}

// A workload takes care that the values are short.
void model_do_lcs(struct model_call *call)
{
    struct options options;
    if (!options_read(call, &options))
        return;
    struct table table = {.a = model_value(model_arg_live(call, 1)),
                          .b = model_value(model_arg_live(call, 2))};
    if ((uint64_t)(table.a.length + 1) * (table.b.length + 1) * 4 > MODEL_VALUE_BYTES_MAX) {
        model_reply_error(call, "ERR Insufficient memory, transient memory for LCS exceeds "
                                "proto-max-bulk-len");
        return;
    }
    table_fill(&table);
    if (options.pieces)
        reply_pieces(call, &table, &options);
    else if (options.length)
        model_reply_integer(call, *cell(&table, table.a.length, table.b.length));
    else
        reply_text(call, &table);
    free(table.cells);
}
