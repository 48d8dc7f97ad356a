// The model's transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
#include "sim/model_internal.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct model_transaction *transaction_of(struct model_session *session)
{
    if (session->transaction == NULL)
        session->transaction = sim_alloc(1, sizeof(struct model_transaction));
    return session->transaction;
}

bool model_session_queues(const struct model_session *session)
{
    return session->transaction != NULL && session->transaction->open;
}

void model_session_spoil(struct model_session *session)
{
    struct model_transaction *transaction = session->transaction;
    if (transaction != NULL && transaction->watches != NULL)
        transaction->dirty = true;
}

// --- watches ---------------------------------------------------------------------------------

static void watch_unlink(struct model_watch *watch)
{
    if (watch->link == NULL)
        return;
    *watch->link = watch->next;
    if (watch->next != NULL)
        watch->next->link = watch->link;
}

static void unwatch(struct model_transaction *transaction)
{
    while (transaction->watches != NULL) {
        struct model_watch *watch = transaction->watches;
        transaction->watches = watch->next_own;
        watch_unlink(watch);
        free(watch);
    }
    transaction->dirty = false;
    transaction->dirtied = 0;
}

void model_watch_end(struct model_key *key)
{
    while (key->watches != NULL) {
        struct model_watch *watch = key->watches;
        watch_unlink(watch);
        watch->link = NULL;
    }
}

static bool key_expired(const struct model_key *key, int64_t now_ms)
{
    return key->state.block != NULL && !model_key_live(key, now_ms);
}

static void watch_add(struct model_call *call, struct model_key *key)
{
    struct model_transaction *transaction = transaction_of(call->session);
    for (const struct model_watch *w = transaction->watches; w != NULL; w = w->next_own) {
        if (w->key == key)
            return;
    }
    struct model_watch *watch = sim_alloc(1, sizeof(struct model_watch));
    *watch = (struct model_watch){
        .next_own = transaction->watches,
        .next = key->watches,
        .link = &key->watches,
        .transaction = transaction,
        .key = key,
        .expired = key_expired(key, call->now_ms),
    };
    if (watch->next != NULL)
        watch->next->link = &watch->next;
    key->watches = watch;
    transaction->watches = watch;
}

static void watch_spoil(const struct model_watch *watch, uint64_t change)
{
    if (watch->transaction->dirty)
        return;
    watch->transaction->dirty = true;
    watch->transaction->dirtied = change;
}

void model_watch_touch(struct model_key *key, uint64_t change, bool deleted)
{
    for (struct model_watch *watch = key->watches; watch != NULL; watch = watch->next) {
        // It was as good as gone.
        if (watch->expired && deleted)
            watch->expired = false;
        else
            watch_spoil(watch, change);
    }
}

void model_watch_swap(struct model_key *key, uint64_t change, bool was_there, int64_t now_ms)
{
    bool expired = key_expired(key, now_ms);
    bool live = key->state.block != NULL && !expired;
    for (struct model_watch *watch = key->watches; watch != NULL; watch = watch->next) {
        bool was_live = was_there && !watch->expired;
        watch->expired = expired;
        if (live || was_live)
            watch_spoil(watch, change);
    }
}

// --- the queue -------------------------------------------------------------------------------

void model_transaction_drop(struct model_session *session)
{
    struct model_transaction *transaction = session->transaction;
    if (transaction == NULL)
        return;
    unwatch(transaction);
    transaction->open = false;
    transaction->refused = false;
    transaction->count = 0;
}

void model_transaction_free(struct model_session *session)
{
    struct model_transaction *transaction = session->transaction;
    if (transaction == NULL)
        return;
    unwatch(transaction);
    for (uint32_t i = 0; i < transaction->capacity; i++)
        command_line_free(&transaction->queue[i].line);
    free(transaction->queue);
    free(transaction);
    session->transaction = NULL;
}

void model_transaction_refuse(struct model_session *session)
{
    if (model_session_queues(session))
        session->transaction->refused = true;
}

static bool is_immediate(model_handler handler)
{
    return handler == model_do_exec || handler == model_do_discard || handler == model_do_multi ||
           handler == model_do_watch || handler == model_do_quit || handler == model_do_reset;
}

static struct model_queued *queue_place(struct model_transaction *transaction)
{
    if (transaction->count == transaction->capacity) {
        uint32_t capacity = 2 * transaction->capacity + 8;
        transaction->queue = sim_realloc(transaction->queue, capacity, sizeof(struct model_queued));
        memset(transaction->queue + transaction->capacity, 0,
               (capacity - transaction->capacity) * sizeof(struct model_queued));
        transaction->capacity = capacity;
    }
    return &transaction->queue[transaction->count++];
}

bool model_transaction_queue(struct model_call *call)
{
    if (!model_session_queues(call->session) || is_immediate(call->command->handler))
        return false;
    if (call->command->handler == model_do_save) {
        model_transaction_refuse(call->session);
        model_reply_error(call, "ERR Command not allowed inside a transaction");
        return true;
    }
    struct model_queued *queued = queue_place(call->session->transaction);
    command_line_copy(&queued->line, call->line);
    queued->command = call->command;
    model_reply_simple(call, "QUEUED");
    return true;
}

// --- MULTI, DISCARD, WATCH, UNWATCH ----------------------------------------------------------

void model_do_multi(struct model_call *call)
{
    struct model_transaction *transaction = transaction_of(call->session);
    if (transaction->open) {
        model_reply_error(call, "ERR MULTI calls can not be nested");
        return;
    }
    transaction->open = true;
    model_reply_ok(call);
}

void model_do_discard(struct model_call *call)
{
    if (!model_session_queues(call->session)) {
        model_reply_error(call, "ERR DISCARD without MULTI");
        return;
    }
    model_transaction_drop(call->session);
    model_reply_ok(call);
}

void model_do_watch(struct model_call *call)
{
    if (model_session_queues(call->session)) {
        model_reply_error(call, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    bool spoilt = transaction_of(call->session)->dirty;
    for (uint32_t i = 1; i < call->argc && !spoilt; i++)
        watch_add(call, model_arg_changed(call, i));
    model_reply_ok(call);
}

void model_do_unwatch(struct model_call *call)
{
    if (call->session->transaction != NULL)
        unwatch(call->session->transaction);
    model_reply_ok(call);
}

// --- EXEC ------------------------------------------------------------------------------------

// Has a watched key expired since? It need not have been deleted.
static bool exec_too_late(struct model_call *call)
{
    const struct model_transaction *transaction = call->session->transaction;
    for (const struct model_watch *w = transaction->watches; w != NULL; w = w->next_own) {
        if (w->expired || !key_expired(w->key, call->now_ms))
            continue;
        model_call_shows(call, w->key->state.touched);
        return true;
    }
    return false;
}

// The server has deleted keys because they had expired.
static void exec_expire(struct model_call *call, uint32_t step)
{
    const struct model *model = call->model;
    for (uint32_t i = 0; i < model->deletions_count; i++) {
        const struct model_deletion *deletion = &model->deletions[i];
        struct model_key *key = model->keys[deletion->key];
        if (deletion->step == step && key_expired(key, call->now_ms))
            model_call_delete(call, key);
    }
}

static void exec_step(struct model_call *call, uint32_t step, struct model_reply *part)
{
    const struct model_queued *queued = &call->session->transaction->queue[step];
    model_reply_begin(part, call->model, call->session->resp);
    exec_expire(call, step);
    struct model_call inner = *call;
    inner.line = &queued->line;
    inner.command = queued->command;
    inner.argc = queued->line.argc;
    inner.reply = part;
    inner.command->handler(&inner);
    call->change = inner.change;
    model_call_shows(call, part->shows);
}

void model_do_exec(struct model_call *call)
{
    struct model_transaction *transaction = call->session->transaction;
    if (!model_session_queues(call->session)) {
        model_reply_error(call, "ERR EXEC without MULTI");
    } else if (transaction->refused) {
        model_reply_error(call, "EXECABORT Transaction discarded because of previous errors.");
        model_transaction_drop(call->session);
    } else if (transaction->dirty || exec_too_late(call)) {
        model_call_shows(call, transaction->dirtied);
        model_reply_null_array(call);
        model_transaction_drop(call->session);
    } else {
        unwatch(transaction);
        struct model_reply *parts = model_reply_parts(call, transaction->count);
        for (uint32_t i = 0; i < transaction->count; i++)
            exec_step(call, i, &parts[i]);
        model_transaction_drop(call->session);
    }
}
