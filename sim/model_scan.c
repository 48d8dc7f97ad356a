// The model's commands that walk through a database: DBSIZE, INFO, KEYS, RANDOMKEY,
// SCAN.
#include "sim/model_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// --- sets ------------------------------------------------------------------------------------

static void set_reach(struct bytes *set, size_t length)
{
    if (set->length >= length)
        return;
    memset(bytes_room(set, length - set->length), 0, length - set->length);
    set->length = length;
}

void model_set_add(struct bytes *set, uint32_t key)
{
    set_reach(set, (size_t)key / 8 + 1);
    set->data[key / 8] |= (uint8_t)(1U << key % 8);
}

// --- patterns --------------------------------------------------------------------------------

// Matches one byte against the set that begins behind a [ at `*at`, which moves behind it.
static bool glob_set(struct model_text pattern, uint32_t *at, uint8_t byte)
{
    uint32_t i = *at;
    bool negated = i < pattern.length && pattern.data[i] == '^';
    bool found = false;
    if (negated)
        i++;
    while (i < pattern.length && pattern.data[i] != ']') {
        // Characters are signed where Redis compares ranges.
        int8_t low = (int8_t)pattern.data[i];
        if (low == '\\' && i + 1 < pattern.length) {
            found = found || pattern.data[i + 1] == byte;
            i += 2;
        } else if (i + 2 < pattern.length && pattern.data[i + 1] == '-') {
            int8_t high = (int8_t)pattern.data[i + 2];
            int8_t is = (int8_t)byte;
            found = found || (is >= low && is <= high) || (is >= high && is <= low);
            i += 3;
        } else {
            found = found || pattern.data[i] == byte;
            i++;
        }
    }
    *at = i < pattern.length ? i + 1 : i;
    return found != negated;
}

static bool glob_here(struct model_text pattern, struct model_text text)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        if (at == pattern.length)
            return false;
        uint8_t element = pattern.data[at++];
        if (element == '*') {
            struct model_text rest = {pattern.data + at, pattern.length - at};
            while (rest.length > 0 && rest.data[0] == '*')
                rest = (struct model_text){rest.data + 1, rest.length - 1};
            if (rest.length == 0)
                return true;
            for (; i < text.length; i++) {
                struct model_text tail = {text.data + i, text.length - i};
                if (glob_here(rest, tail))
                    return true;
            }
            return false;
        }
        if (element == '[') {
            if (!glob_set(pattern, &at, text.data[i]))
                return false;
        } else if (element != '?') {
            if (element == '\\' && at < pattern.length)
                element = pattern.data[at++];
            if (element != text.data[i])
                return false;
        }
    }
    while (at < pattern.length && pattern.data[at] == '*')
        at++;
    return at == pattern.length;
}

// Not even a star matches the empty text, except alone, which KEYS and SCAN take for "no pattern".
bool model_glob(struct model_text pattern, struct model_text text)
{
    return text.length == 0 ? pattern.length == 0 : glob_here(pattern, text);
}

static bool pattern_is_all(struct model_text pattern)
{
    return pattern.length == 1 && pattern.data[0] == '*';
}

// --- KEYS ------------------------------------------------------------------------------------

static bool key_wanted(const struct model_call *call, const struct model_key *key,
                       struct model_text pattern, bool all)
{
    if (key->database != call->session->database || !model_key_live(key, call->now_ms))
        return false;
    return all || model_glob(pattern, (struct model_text){key->name, key->length});
}

void model_do_keys(struct model_call *call)
{
    const struct model *model = call->model;
    struct model_reply *reply = call->reply;
    struct model_text pattern = model_arg(call, 1);
    bool all = pattern_is_all(pattern);
    reply->kind = MODEL_KEYS;
    reply->database = call->session->database;
    set_reach(&reply->bytes, (size_t)model->keys_count / 8 + 1);
    for (uint32_t i = 0; i < model->keys_count; i++) {
        if (!key_wanted(call, model->keys[i], pattern, all))
            continue;
        model_set_add(&reply->bytes, i);
        reply->keys++;
    }
    model_call_shows_all(call);
}

// --- RANDOMKEY -------------------------------------------------------------------------------

void model_do_randomkey(struct model_call *call)
{
    const struct model *model = call->model;
    struct model_reply *reply = call->reply;
    model_call_shows_all(call);
    reply->kind = MODEL_KEY;
    reply->database = call->session->database;
    for (uint32_t i = 0; i < model->keys_count; i++) {
        if (!key_wanted(call, model->keys[i], (struct model_text){0}, true))
            continue;
        model_set_add(&reply->bytes, i);
        reply->keys++;
    }
    if (reply->keys > 0)
        return;
    reply->kind = MODEL_NONE;
    reply->bytes.length = 0;
    model_reply_null(call);
}

// --- SCAN ------------------------------------------------------------------------------------

void model_scan_release(struct model_scan *scan)
{
    if (scan == NULL || --scan->references > 0)
        return;
    bytes_free(&scan->pattern);
    bytes_free(&scan->returned);
    free(scan);
}

// As strtoul reads it, sign and all.
static bool scan_cursor(struct model_text text, uint64_t *cursor)
{
    char *copy = sim_alloc(text.length + 1, 1);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    char *end;
    errno = 0;
    *cursor = strtoul(copy, &end, 10);
    bool valid =
        *end == '\0' && errno != ERANGE && (copy[0] < '\t' || copy[0] > '\r') && copy[0] != ' ';
    free(copy);
    return valid;
}

struct scan_options {
    struct model_text pattern;
    bool all;
    bool none; // a type that no key has
};

// False after an error.
static bool scan_options(struct model_call *call, struct scan_options *options)
{
    *options = (struct scan_options){.all = true};
    for (uint32_t i = 2; i < call->argc; i += 2) {
        int64_t count = 1;
        bool more = i + 1 < call->argc;
        if (more && model_arg_is(call, i, "count")) {
            if (!model_arg_integer(call, i + 1, &count))
                return false;
        } else if (more && model_arg_is(call, i, "match")) {
            options->pattern = model_arg(call, i + 1);
            options->all = pattern_is_all(options->pattern);
            if (options->all)
                options->pattern.length = 0;
        } else if (more && model_arg_is(call, i, "type")) {
            options->none = !model_arg_is(call, i + 1, "string");
        } else {
            count = 0;
        }
        if (count < 1) {
            model_reply_syntax(call);
            return false;
        }
    }
    return true;
}

static bool scan_pattern_is(const struct model_scan *scan, struct model_text pattern)
{
    return scan->pattern.length == pattern.length &&
           (pattern.length == 0 || memcmp(scan->pattern.data, pattern.data, pattern.length) == 0);
}

// The iteration that this step belongs to: a new one from cursor 0 on. Steps that ask for something
// else than those before them make it worth nothing.
static struct model_scan *scan_iteration(struct model_call *call, uint64_t cursor,
                                         const struct scan_options *options)
{
    struct model_session *session = call->session;
    struct model_scan *scan = session->scan;
    if (cursor == 0) {
        model_scan_release(scan);
        scan = sim_alloc(1, sizeof(struct model_scan));
        scan->references = 1;
        scan->database = session->database;
        scan->start = call->model->steps;
        scan->all = options->all;
        bytes_add(&scan->pattern, options->pattern.data, options->pattern.length);
        session->scan = scan;
    }
    if (scan == NULL)
        return NULL;
    if (cursor != scan->cursor || session->database != scan->database || options->none ||
        options->all != scan->all || !scan_pattern_is(scan, options->pattern))
        scan->broken = true;
    return scan;
}

void model_do_scan(struct model_call *call)
{
    const struct model *model = call->model;
    struct model_reply *reply = call->reply;
    struct scan_options options;
    uint64_t cursor;
    if (!scan_cursor(model_arg(call, 1), &cursor)) {
        model_reply_error(call, "ERR invalid cursor");
        return;
    }
    if (!scan_options(call, &options))
        return;
    struct model_scan *scan = scan_iteration(call, cursor, &options);
    reply->kind = MODEL_SCAN;
    reply->database = call->session->database;
    reply->scan = scan;
    if (scan != NULL)
        scan->references++;
    bool complete = scan != NULL && !scan->broken;
    set_reach(&reply->bytes, (size_t)model->keys_count / 8 + 1);
    set_reach(&reply->missing, (size_t)model->keys_count / 8 + 1);
    for (uint32_t i = 0; i < model->keys_count && !options.none; i++) {
        const struct model_key *key = model->keys[i];
        if (!key_wanted(call, key, options.pattern, options.all))
            continue;
        model_set_add(&reply->bytes, i);
        // There from the first step on, and never past its expiry, not even while the clock was
        // ahead.
        const struct model_state *state = &key->state;
        if (complete && state->born <= scan->start &&
            (state->expiry_ms == 0 || state->expiry_ms > model->latest_ms))
            model_set_add(&reply->missing, i);
    }
    model_call_shows_all(call);
}

// --- DBSIZE and INFO -------------------------------------------------------------------------

void model_do_dbsize(struct model_call *call)
{
    model_call_shows_all(call);
    model_reply_integer(call, (int64_t)call->model->present[call->session->database]);
}

void model_do_info(struct model_call *call)
{
    const struct model *model = call->model;
    struct model_reply *reply = call->reply;
    bool keyspace = call->argc == 1;
    for (uint32_t i = 1; i < call->argc; i++)
        keyspace = keyspace || model_arg_is(call, i, "keyspace") || model_arg_is(call, i, "all") ||
                   model_arg_is(call, i, "default") || model_arg_is(call, i, "everything");
    if (keyspace)
        model_call_shows_all(call);
    reply->kind = MODEL_BULK;
    if (call->argc != 2 || !model_arg_is(call, 1, "keyspace"))
        return;
    reply->kind = MODEL_PATTERN;
    struct bytes *bytes = &reply->bytes;
    bytes_text(bytes, reply->resp == 3 ? "=\1\r\ntxt:# Keyspace\r\n" : "$\1\r\n# Keyspace\r\n");
    for (uint32_t i = 0; i < MODEL_DATABASES; i++) {
        if (model->present[i] > 0 && !model->loading)
            bytes_format(bytes, "db%u:keys=%llu,expires=%llu,avg_ttl=\1\r\n", i,
                         (unsigned long long)model->present[i],
                         (unsigned long long)model->with_expiry[i]);
    }
    bytes_text(bytes, "\r\n");
}

uint64_t model_session_cursor(const struct model_session *session)
{
    return session->scan != NULL ? session->scan->cursor : 0;
}
