// The model's commands on keys: COPY, DEL, EXISTS, MOVE, RENAME, TYPE, and on whole databases: FLUSHDB,
// FLUSHALL, SWAPDB.
#include "sim/model_internal.h"

#include <limits.h>
#include <stddef.h>

void model_do_del(struct model_call *call)
{
    int64_t deleted = 0;
    for (uint32_t i = 1; i < call->argc; i++) {
        struct model_key *key = model_arg_key(call, i);
        if (key == NULL || key->state.block == NULL)
            continue;
        // One that has expired goes too, but is not counted.
        deleted += model_key_live(key, call->now_ms);
        model_call_delete(call, key);
    }
    model_reply_integer(call, deleted);
}

void model_do_exists(struct model_call *call)
{
    int64_t found = 0;
    for (uint32_t i = 1; i < call->argc; i++)
        found += model_arg_live(call, i) != NULL;
    model_reply_integer(call, found);
}

void model_do_type(struct model_call *call)
{
    model_reply_simple(call, model_arg_live(call, 1) != NULL ? "string" : "none");
}

// --- other keys ------------------------------------------------------------------------------

// What `from` has becomes what the key of this argument has. `from` goes when `moves`.
static void pass_on(struct model_call *call, struct model_key *from, uint32_t database,
                    uint32_t index, bool moves)
{
    struct model_key *to = model_arg_changed_in(call, database, index);
    model_key_copy(call->model, to, model_call_change(call), &from->state);
    if (moves)
        model_call_delete(call, from);
}

static void rename_key(struct model_call *call, bool only_new)
{
    struct model_key *from = model_arg_live(call, 1);
    bool same = model_text_equal(model_arg(call, 1), model_arg(call, 2));
    if (from == NULL) {
        model_reply_error(call, "ERR no such key");
    } else if (only_new && (same || model_arg_live(call, 2) != NULL)) {
        model_reply_integer(call, 0);
    } else {
        if (!same)
            pass_on(call, from, call->session->database, 2, true);
        if (only_new)
            model_reply_integer(call, 1);
        else
            model_reply_ok(call);
    }
}

void model_do_rename(struct model_call *call)
{
    rename_key(call, false);
}

void model_do_renamenx(struct model_call *call)
{
    rename_key(call, true);
}

void model_do_move(struct model_call *call)
{
    uint32_t database;
    if (!model_arg_database(call, 2, &database))
        return;
    if (database == call->session->database) {
        model_reply_error(call, "ERR source and destination objects are the same");
        return;
    }
    struct model_key *from = model_arg_live(call, 1);
    bool moves = from != NULL && model_arg_live_in(call, database, 1) == NULL;
    if (moves)
        pass_on(call, from, database, 1, true);
    model_reply_integer(call, moves);
}

void model_do_copy(struct model_call *call)
{
    uint32_t database = call->session->database;
    bool replace = false;
    for (uint32_t i = 3; i < call->argc; i++) {
        if (model_arg_is(call, i, "replace")) {
            replace = true;
        } else if (model_arg_is(call, i, "db") && i + 1 < call->argc) {
            if (!model_arg_database(call, ++i, &database))
                return;
        } else {
            model_reply_syntax(call);
            return;
        }
    }
    if (database == call->session->database &&
        model_text_equal(model_arg(call, 1), model_arg(call, 2))) {
        model_reply_error(call, "ERR source and destination objects are the same");
        return;
    }
    struct model_key *from = model_arg_live(call, 1);
    bool copies = from != NULL && (replace || model_arg_live_in(call, database, 2) == NULL);
    if (copies)
        pass_on(call, from, database, 2, false);
    model_reply_integer(call, copies);
}

// --- whole databases --------------------------------------------------------------------------------

static bool flush_arguments_right(const struct model_call *call)
{
    return call->argc == 1 ||
           (call->argc == 2 && (model_arg_is(call, 1, "sync") || model_arg_is(call, 1, "async")));
}

static void flush(struct model_call *call, bool all)
{
    struct model *model = call->model;
    if (!flush_arguments_right(call)) {
        model_reply_syntax(call);
        return;
    }
    for (uint32_t i = 0; i < model->keys_count; i++) {
        struct model_key *key = model->keys[i];
        if (key->state.block != NULL && (all || key->database == call->session->database))
            model_call_delete(call, key);
    }
    model_call_shows_all(call);
    model_reply_ok(call);
}

void model_do_flushdb(struct model_call *call)
{
    flush(call, false);
}

void model_do_flushall(struct model_call *call)
{
    flush(call, true);
}

void model_do_swapdb(struct model_call *call)
{
    static const char *const errors[] = {"ERR invalid first DB index",
                                         "ERR invalid second DB index"};
    int64_t numbers[2];
    for (uint32_t i = 0; i < 2; i++) {
        if (!model_text_integer(model_arg(call, 1 + i), &numbers[i]) || numbers[i] < INT_MIN ||
            numbers[i] > INT_MAX) {
            model_reply_error(call, errors[i]);
            return;
        }
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (numbers[i] >= 0 && numbers[i] < MODEL_DATABASES)
            continue;
        model_reply_error(call, "ERR DB index is out of range");
        return;
    }
    if (numbers[0] != numbers[1])
        model_keys_swap(call->model, model_call_change(call), (uint32_t)numbers[0],
                        (uint32_t)numbers[1], call->now_ms);
    model_call_shows_all(call);
    model_reply_ok(call);
}
