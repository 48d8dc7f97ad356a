// The model executes a command: finds its row, checks the number of arguments, calls its function.
#include "sim/model_internal.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

// --- the commands ----------------------------------------------------------------------------

// To add one: a row here, in alphabetical order, and its function.

static const struct model_command client_rows[] = {
    {"client|getname", 2, model_do_client_getname, NULL},
    {"client|help", 2, model_do_value, NULL},
    {"client|id", 2, model_do_client_id, NULL},
    {"client|info", 2, model_do_bulk, NULL},
    {"client|kill", -3, model_do_any, NULL},
    {"client|list", -2, model_do_any, NULL},
    {"client|no-evict", 3, model_do_client_switch, NULL},
    {"client|no-touch", 3, model_do_client_switch, NULL},
    {"client|reply", 3, model_do_client_reply, NULL},
    {"client|setinfo", 4, model_do_client_setinfo, NULL},
    {"client|setname", 3, model_do_client_setname, NULL},
    {NULL, 0, NULL, NULL},
};

static const struct model_command command_rows[] = {
    {"command|count", 2, model_do_value, NULL},
    {"command|docs", -2, model_do_value, NULL},
    {"command|getkeys", -4, model_do_any, NULL},
    {"command|getkeysandflags", -4, model_do_any, NULL},
    {"command|help", 2, model_do_value, NULL},
    {"command|info", -2, model_do_value, NULL},
    {"command|list", -2, model_do_any, NULL},
    {NULL, 0, NULL, NULL},
};

static const struct model_command config_rows[] = {
    {"config|get", -3, model_do_config_get, NULL},
    {"config|help", 2, model_do_value, NULL},
    {"config|resetstat", 2, model_do_config_resetstat, NULL},
    {"config|set", -4, model_do_config_set, NULL},
    {NULL, 0, NULL, NULL},
};

static const struct model_command rows[] = {
    {"append", 3, model_do_append, NULL},
    {"auth", -2, model_do_auth, NULL},
    {"client", -2, NULL, client_rows},
    {"command", -1, model_do_value, command_rows},
    {"config", -2, NULL, config_rows},
    {"dbsize", 1, model_do_dbsize, NULL},
    {"decr", 2, model_do_decr, NULL},
    {"decrby", 3, model_do_decrby, NULL},
    {"del", -2, model_do_del, NULL},
    {"echo", 2, model_do_echo, NULL},
    {"exists", -2, model_do_exists, NULL},
    {"expire", -3, model_do_expire, NULL},
    {"flushall", -1, model_do_flushall, NULL},
    {"flushdb", -1, model_do_flushdb, NULL},
    {"get", 2, model_do_get, NULL},
    {"hello", -1, model_do_hello, NULL},
    {"incr", 2, model_do_incr, NULL},
    {"incrby", 3, model_do_incrby, NULL},
    {"info", -1, model_do_info, NULL},
    {"keys", 2, model_do_keys, NULL},
    {"mget", -2, model_do_mget, NULL},
    {"mset", -3, model_do_mset, NULL},
    {"persist", 2, model_do_persist, NULL},
    {"pexpire", -3, model_do_pexpire, NULL},
    {"ping", -1, model_do_ping, NULL},
    {"pttl", 2, model_do_pttl, NULL},
    {"quit", -1, model_do_quit, NULL},
    {"reset", 1, model_do_reset, NULL},
    {"scan", -2, model_do_scan, NULL},
    {"select", 2, model_do_select, NULL},
    {"set", -3, model_do_set, NULL},
    {"strlen", 2, model_do_strlen, NULL},
    {"time", 1, model_do_time, NULL},
    {"ttl", 2, model_do_ttl, NULL},
    {"type", 2, model_do_type, NULL},
    {"unlink", -2, model_do_del, NULL},
};

static const struct model_command *row_find(struct model_text name)
{
    char small[16];
    if (name.length >= sizeof(small))
        return NULL;
    for (uint32_t i = 0; i < name.length; i++) {
        uint8_t byte = name.data[i];
        if (byte == '\0')
            return NULL;
        small[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
    }
    small[name.length] = '\0';
    size_t low = 0;
    size_t high = sizeof(rows) / sizeof(rows[0]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(small, rows[middle].name);
        if (order == 0)
            return &rows[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

// --- arguments -------------------------------------------------------------------------------

struct model_text model_arg(const struct model_call *call, uint32_t index)
{
    struct model_text text;
    text.data = command_line_arg(call->line, index, &text.length);
    return text;
}

bool model_text_is(struct model_text text, const char *word)
{
    for (uint32_t i = 0; i < text.length; i++) {
        uint8_t byte = text.data[i];
        if (byte >= 'A' && byte <= 'Z')
            byte = (uint8_t)(byte + ('a' - 'A'));
        if (word[i] == '\0' || byte != (uint8_t)word[i])
            return false;
    }
    return word[text.length] == '\0';
}

bool model_arg_is(const struct model_call *call, uint32_t index, const char *text)
{
    return model_text_is(model_arg(call, index), text);
}

// Redis's rules: no spaces, no plus, no zero in front, no "-0", 64 bits.
bool model_text_integer(struct model_text text, int64_t *value)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    uint32_t first = negative ? 1 : 0;
    if (text.length == first || text.length > 20)
        return false;
    if (text.data[first] == '0' && text.length > 1)
        return false;
    int64_t sum = 0;
    for (uint32_t i = first; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        int64_t digit = text.data[i] - '0';
        // Below zero there is one number more.
        if (__builtin_mul_overflow(sum, (int64_t)10, &sum) ||
            __builtin_sub_overflow(sum, digit, &sum))
            return false;
    }
    if (!negative && sum == INT64_MIN)
        return false;
    *value = negative ? sum : -sum;
    return true;
}

bool model_arg_integer(struct model_call *call, uint32_t index, int64_t *value)
{
    if (model_text_integer(model_arg(call, index), value))
        return true;
    model_reply_error(call, "ERR value is not an integer or out of range");
    return false;
}

size_t model_integer_text(char text[24], int64_t value)
{
    char digits[24];
    size_t count = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    size_t length = 0;
    if (value < 0)
        text[length++] = '-';
    while (count > 0)
        text[length++] = digits[--count];
    return length;
}

// --- keys ------------------------------------------------------------------------------------

static void call_shows(struct model_call *call, uint64_t change)
{
    if (change > call->reply->shows)
        call->reply->shows = change;
}

void model_call_shows_all(struct model_call *call)
{
    call_shows(call, call->model->newest);
}

struct model_key *model_arg_key(struct model_call *call, uint32_t index)
{
    struct model_text name = model_arg(call, index);
    struct model_key *key =
        model_key_find(call->model, call->session->database, name.data, name.length);
    if (key != NULL)
        call_shows(call, key->state.touched);
    return key;
}

struct model_key *model_arg_live(struct model_call *call, uint32_t index)
{
    struct model_key *key = model_arg_key(call, index);
    return model_key_live(key, call->now_ms) ? key : NULL;
}

uint64_t model_call_change(struct model_call *call)
{
    if (call->change == 0) {
        call->change = model_change_begin(call->model);
        call_shows(call, call->change);
    }
    return call->change;
}

struct model_key *model_arg_changed(struct model_call *call, uint32_t index)
{
    struct model_text name = model_arg(call, index);
    return model_key_make(call->model, call->session->database, name.data, name.length);
}

void model_call_delete(struct model_call *call, struct model_key *key)
{
    model_key_delete(call->model, key, model_call_change(call));
}

// --- execution -------------------------------------------------------------------------------

// The name cut at 128 bytes, then arguments for as long as their text is below that. printf ends
// an argument at its first zero byte.
static void reply_unknown(struct model_call *call)
{
    char arguments[512];
    size_t used = 0;
    arguments[0] = '\0';
    for (uint32_t i = 1; i < call->argc && used < 128; i++) {
        struct model_text arg = model_arg(call, i);
        size_t most = 128 - used;
        int shown = (int)(arg.length < most ? arg.length : most);
        used += (size_t)snprintf(arguments + used, sizeof(arguments) - used, "'%.*s' ", shown,
                                 (const char *)arg.data);
    }
    struct model_text name = model_arg(call, 0);
    model_reply_errorf(call, "ERR unknown command '%.*s', with args beginning with: %s",
                       (int)(name.length < 128 ? name.length : 128), (const char *)name.data,
                       arguments);
}

static void reply_unknown_subcommand(struct model_call *call)
{
    char upper[16];
    size_t length = strlen(call->command->name);
    assert(length < sizeof(upper));
    for (size_t i = 0; i <= length; i++) {
        char letter = call->command->name[i];
        upper[i] = (char)(letter >= 'a' && letter <= 'z' ? letter - ('a' - 'A') : letter);
    }
    struct model_text name = model_arg(call, 1);
    model_reply_errorf(call, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                       (int)(name.length < 128 ? name.length : 128), (const char *)name.data,
                       upper);
}

// Steps down to a subcommand. False when there is none of this name, which has been answered.
static bool call_descend(struct model_call *call)
{
    const struct model_command *sub = call->command->subcommands;
    if (sub == NULL || call->argc < 2)
        return true;
    size_t container = strlen(call->command->name) + 1;
    for (; sub->name != NULL; sub++) {
        if (!model_arg_is(call, 1, sub->name + container))
            continue;
        call->command = sub;
        return true;
    }
    reply_unknown_subcommand(call);
    return false;
}

static bool call_arity_right(const struct model_call *call)
{
    int64_t arity = call->command->arity;
    return arity >= 0 ? call->argc == arity : call->argc >= -arity;
}

static void call_run(struct model_call *call)
{
    call->command = row_find(model_arg(call, 0));
    if (call->command == NULL) {
        reply_unknown(call);
        return;
    }
    if (!call_descend(call))
        return;
    if (!call_arity_right(call))
        model_reply_errorf(call, "ERR wrong number of arguments for '%s' command",
                           call->command->name);
    else
        call->command->handler(call);
}

enum { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT, REPLY_SKIP };

// What CLIENT REPLY makes of the reply.
static void call_finish(struct model_session *session, struct model_reply *reply)
{
    if (session->reply == REPLY_OFF || session->reply == REPLY_SKIP)
        reply->kind = MODEL_NONE;
    if (session->reply == REPLY_SKIP)
        session->reply = REPLY_ON;
    if (session->reply == REPLY_SKIP_NEXT)
        session->reply = REPLY_SKIP;
    if (reply->kind == MODEL_NONE) {
        reply->shows = 0;
        model_scan_release(reply->scan);
        reply->scan = NULL;
    }
    session->executed++;
}

uint64_t model_execute(struct model *model, struct model_session *session,
                       const struct command_line *line, int64_t now_ms, struct model_reply *reply)
{
    assert(line->argc == line->expected && now_ms > 0 && !session->closing);
    model_reply_begin(reply, model, session->resp);
    struct model_call call = {
        .model = model,
        .session = session,
        .line = line,
        .reply = reply,
        .argc = line->argc,
        .now_ms = now_ms,
    };
    if (now_ms > model->latest_ms)
        model->latest_ms = now_ms;
    call_run(&call);
    if (call.change != 0)
        model_change_end(model);
    call_finish(session, reply);
    return call.change;
}

void model_refused(struct model *model, struct model_session *session, const char *error,
                   struct model_reply *reply)
{
    model_reply_begin(reply, model, session->resp);
    struct model_call call = {.model = model, .session = session, .reply = reply};
    model_reply_error(&call, error);
    call_finish(session, reply);
}
