// The model executes a command: finds its row, checks the number of arguments, calls its function.
#include "sim/model_internal.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

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

bool model_text_equal(struct model_text a, struct model_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
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

char model_arg_unit(const struct model_call *call, uint32_t index)
{
    static const struct {
        const char *word;
        char unit;
    } units[] = {{"ex", 'e'}, {"px", 'p'}, {"exat", 'E'}, {"pxat", 'P'}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (model_arg_is(call, index, units[i].word))
            return units[i].unit;
    }
    return 0;
}

bool model_arg_expiry(struct model_call *call, uint32_t index, char unit, int64_t *ms)
{
    if (!model_arg_integer(call, index, ms))
        return false;
    bool seconds = unit == 'e' || unit == 'E';
    bool relative = unit == 'e' || unit == 'p';
    if (*ms > 0 && !(seconds && __builtin_mul_overflow(*ms, (int64_t)1000, ms)) &&
        !(relative && __builtin_add_overflow(*ms, call->now_ms, ms)))
        return true;
    model_reply_errorf(call, "ERR invalid expire time in '%s' command", call->command->name);
    return false;
}

bool model_arg_database(struct model_call *call, uint32_t index, uint32_t *database)
{
    int64_t number;
    if (!model_arg_integer(call, index, &number))
        return false;
    *database = (uint32_t)number;
    if (number < INT_MIN || number > INT_MAX)
        model_reply_error(call, "ERR value is out of range, value must between -2147483648 and "
                                "2147483647");
    else if (number < 0 || number >= MODEL_DATABASES)
        model_reply_error(call, "ERR DB index is out of range");
    else
        return true;
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

void model_call_shows(struct model_call *call, uint64_t change)
{
    if (change > call->reply->shows)
        call->reply->shows = change;
}

void model_call_shows_all(struct model_call *call)
{
    model_call_shows(call, call->model->newest);
}

static struct model_key *arg_key_in(struct model_call *call, uint32_t database, uint32_t index)
{
    struct model_text name = model_arg(call, index);
    struct model_key *key = model_key_find(call->model, database, name.data, name.length);
    if (key != NULL)
        model_call_shows(call, key->state.touched);
    return key;
}

struct model_key *model_arg_key(struct model_call *call, uint32_t index)
{
    return arg_key_in(call, call->session->database, index);
}

struct model_key *model_arg_live_in(struct model_call *call, uint32_t database, uint32_t index)
{
    struct model_key *key = arg_key_in(call, database, index);
    return model_key_live(key, call->now_ms) ? key : NULL;
}

struct model_key *model_arg_live(struct model_call *call, uint32_t index)
{
    return model_arg_live_in(call, call->session->database, index);
}

uint64_t model_call_change(struct model_call *call)
{
    if (call->change == 0) {
        call->change = model_change_begin(call->model);
        model_call_shows(call, call->change);
    }
    return call->change;
}

struct model_key *model_arg_changed_in(struct model_call *call, uint32_t database, uint32_t index)
{
    struct model_text name = model_arg(call, index);
    return model_key_make(call->model, database, name.data, name.length);
}

struct model_key *model_arg_changed(struct model_call *call, uint32_t index)
{
    return model_arg_changed_in(call, call->session->database, index);
}

void model_call_set(struct model_call *call, uint32_t index, const void *value, uint32_t length,
                    int64_t expiry_ms)
{
    model_key_set(call->model, model_arg_changed(call, index), model_call_change(call), value,
                  length, expiry_ms);
}

void model_call_write(struct model_call *call, uint32_t index, uint64_t offset, const void *bytes,
                      uint32_t length, uint32_t total)
{
    struct model_key *key = model_arg_changed(call, index);
    // What has expired is as good as gone.
    if (key->state.block != NULL && !model_key_live(key, call->now_ms))
        model_call_delete(call, key);
    model_key_write(call->model, key, model_call_change(call), offset, bytes, length, total);
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

// The command was wrong as it stands. EXEC tells that in words of its own, and ends the transaction.
static void call_wrong_arity(struct model_call *call)
{
    if (call->command->handler != model_do_exec) {
        model_reply_arity(call);
        return;
    }
    model_transaction_drop(call->session);
    model_reply_error(call, "EXECABORT Transaction discarded because of: wrong number of arguments "
                            "for 'exec' command");
}

static bool call_resolve(struct model_call *call)
{
    call->command = model_command_find(model_arg(call, 0));
    if (call->command == NULL) {
        reply_unknown(call);
        return false;
    }
    if (!call_descend(call))
        return false;
    if (call_arity_right(call))
        return true;
    call_wrong_arity(call);
    return false;
}

static void call_run(struct model_call *call)
{
    if (!call_resolve(call))
        model_transaction_refuse(call->session);
    else if (!model_transaction_queue(call))
        call->command->handler(call);
}

enum { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT, REPLY_SKIP };

static void reply_forget_scans(struct model_reply *reply)
{
    model_scan_release(reply->scan);
    reply->scan = NULL;
    for (uint32_t i = 0; i < reply->parts_count; i++)
        reply_forget_scans(&reply->parts[i]);
}

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
        reply_forget_scans(reply);
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
    model->deletions_count = 0;
    call_finish(session, reply);
    return call.change;
}

void model_refused(struct model *model, struct model_session *session,
                   const struct command_line *line, const char *error, struct model_reply *reply)
{
    model_reply_begin(reply, model, session->resp);
    struct model_call call = {.model = model, .session = session, .line = line, .reply = reply};
    model->deletions_count = 0;
    if (model_arg_is(&call, 0, "exec") && model_session_queues(session)) {
        model_transaction_drop(session);
        model_reply_errorf(&call, "EXECABORT Transaction discarded because of: %s",
                           strncmp(error, "ERR ", 4) == 0 ? error + 4 : error);
    } else {
        model_transaction_refuse(session);
        model_reply_error(&call, error);
    }
    call_finish(session, reply);
}
