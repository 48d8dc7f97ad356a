// The model explains to people how a recovered state differs from those that would have been right.
#include "sim/model_internal.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 8

static void show_bytes(FILE *to, const uint8_t *bytes, uint32_t length)
{
    uint32_t shown = length < 24 ? length : 24;
    for (uint32_t i = 0; i < shown; i++) {
        if (bytes[i] > ' ' && bytes[i] < 127)
            fputc(bytes[i], to);
        else
            fprintf(to, "\\x%02x", bytes[i]);
    }
    if (shown < length)
        fprintf(to, "...(%u)", length);
}

static void show_state(FILE *to, const char *when, bool there, const uint8_t *value,
                       uint32_t length, int64_t expiry_ms)
{
    fprintf(to, " %s: ", when);
    if (!there) {
        fprintf(to, "not there;");
        return;
    }
    fputc('"', to);
    show_bytes(to, value, length);
    fprintf(to, "\" (%u bytes)", length);
    if (expiry_ms != 0)
        fprintf(to, " until %lld", (long long)expiry_ms);
    fputc(';', to);
}

static bool state_is(const struct model_state *state, const struct model_entry *entry)
{
    if (state->block == NULL || entry == NULL)
        return state->block == NULL && entry == NULL;
    return state->length == entry->value_length && state->expiry_ms == entry->expiry_ms &&
           (state->length == 0 || memcmp(state->block->bytes, entry->value, state->length) == 0);
}

// The changes after which the key was as it is in the recovered state.
static void show_when(const struct model *model, const struct model_key *key,
                      const struct model_entry *entry, FILE *to)
{
    const struct model_state *state = &key->state;
    uint64_t until = model->newest;
    size_t i = model->undo_end;
    bool any = false;
    while (true) {
        if (state_is(state, entry) && state->touched <= until) {
            fprintf(to, "%s after %llu to %llu", any ? "," : " it was like that",
                    (unsigned long long)state->touched, (unsigned long long)until);
            any = true;
        }
        while (i > model->undo_first && model->undo[i - 1].key != key->number)
            i--;
        if (i == model->undo_first)
            break;
        i--;
        // Steps inside one change leave no state of their own.
        if (model->undo[i].change - 1 < until)
            until = model->undo[i].change - 1;
        state = &model->undo[i].before;
    }
    fprintf(to, any ? "\n" : " it has never been like that since change %llu\n",
            (unsigned long long)model->settled);
}

static void show_key(const struct model *model, const struct model_key *key,
                     const struct model_entry *entry, const struct model_state *lowest, FILE *to)
{
    const struct model_state *newest = &key->state;
    fprintf(to, "  db%u ", key->database);
    show_bytes(to, key->name, key->length);
    show_state(to, "recovered", entry != NULL, entry != NULL ? entry->value : NULL,
               entry != NULL ? entry->value_length : 0, entry != NULL ? entry->expiry_ms : 0);
    show_state(to, "lowest", lowest->block != NULL,
               lowest->block != NULL ? lowest->block->bytes : NULL, lowest->length,
               lowest->expiry_ms);
    show_state(to, "newest", newest->block != NULL,
               newest->block != NULL ? newest->block->bytes : NULL, newest->length,
               newest->expiry_ms);
    show_when(model, key, entry, to);
}

// What every key had after change `lowest`.
static struct model_state *states_after(const struct model *model, uint64_t lowest)
{
    struct model_state *states = sim_alloc(model->keys_count, sizeof(struct model_state));
    for (uint32_t i = 0; i < model->keys_count; i++)
        states[i] = model->keys[i]->state;
    for (size_t i = model->undo_end; i > model->undo_first && model->undo[i - 1].change > lowest;
         i--)
        states[model->undo[i - 1].key] = model->undo[i - 1].before;
    return states;
}

void model_explain(struct model *model, const struct model_entry *entries, size_t count,
                   uint64_t lowest, FILE *to)
{
    const struct model_entry **recovered =
        sim_alloc(model->keys_count, sizeof(const struct model_entry *));
    struct model_state *states = states_after(model, lowest);
    uint64_t strangers = 0;
    for (size_t i = 0; i < count; i++) {
        const struct model_entry *entry = &entries[i];
        const struct model_key *key =
            model_key_find(model, entry->database, entry->key, entry->key_length);
        if (key != NULL) {
            recovered[key->number] = entry;
        } else if (strangers++ < LINES_MAX / 2) {
            fprintf(to, "  db%u ", entry->database);
            show_bytes(to, entry->key, entry->key_length);
            fprintf(to, " has never been there\n");
        }
    }
    uint64_t from_lowest = 0;
    uint64_t from_newest = 0;
    uint64_t from_both = 0;
    for (uint32_t i = 0; i < model->keys_count; i++) {
        bool low = !state_is(&states[i], recovered[i]);
        bool high = !state_is(&model->keys[i]->state, recovered[i]);
        from_lowest += low;
        from_newest += high;
        from_both += low && high;
    }
    // What agrees with one of both may be right; if everything does, the mixture is wrong.
    uint64_t shown = 0;
    for (uint32_t i = 0; i < model->keys_count && shown < LINES_MAX; i++) {
        bool low = !state_is(&states[i], recovered[i]);
        bool high = !state_is(&model->keys[i]->state, recovered[i]);
        if (from_both > 0 ? !(low && high) : !(low || high))
            continue;
        show_key(model, model->keys[i], recovered[i], &states[i], to);
        shown++;
    }
    fprintf(to,
            "  %zu keys; %llu differ from the state after change %llu, %llu from that after the "
            "newest, %llu; %llu were never there\n",
            count, (unsigned long long)from_lowest, (unsigned long long)lowest,
            (unsigned long long)from_newest, (unsigned long long)model->newest,
            (unsigned long long)strangers);
    free(states);
    free(recovered);
}
