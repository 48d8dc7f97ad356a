// The model compares what has been sent with the right reply, as early as possible.
#include "sim/model_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BYTES 512

struct check {
    struct model_reply *reply;
    const uint8_t *sent;
    size_t length;
    char *error;
};

static int64_t wrong(const struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int64_t wrong(const struct check *check, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(check->error, ERROR_BYTES, format, list);
    va_end(list);
    return -EBADMSG;
}

// --- messages --------------------------------------------------------------------------------

static void show(const uint8_t *bytes, size_t length, char text[160])
{
    size_t used = 0;
    size_t i = 0;
    for (; i < length && used < 140; i++) {
        if (bytes[i] == '\r')
            used += (size_t)snprintf(text + used, 160 - used, "\\r");
        else if (bytes[i] == '\n')
            used += (size_t)snprintf(text + used, 160 - used, "\\n");
        else if (bytes[i] >= ' ' && bytes[i] < 127)
            text[used++] = (char)bytes[i];
        else
            used += (size_t)snprintf(text + used, 160 - used, "\\x%02x", bytes[i]);
    }
    snprintf(text + used, 160 - used, "%s", i < length ? "..." : "");
}

// The reply differs at `sent_at`, where `right_at` of reply->bytes should be.
static int64_t wrong_bytes(const struct check *check, size_t sent_at, size_t right_at)
{
    char right[160];
    char is[160];
    const struct bytes *bytes = &check->reply->bytes;
    // With some bytes before it, so that people see where it is.
    size_t before = sent_at < right_at ? sent_at : right_at;
    if (before > 32)
        before = 32;
    show(bytes->data + right_at - before, bytes->length - right_at + before, right);
    show(check->sent + sent_at - before, check->length - sent_at + before, is);
    return wrong(check, "at byte %zu: right is [%s], sent was [%s]", sent_at, right, is);
}

// --- whole replies ---------------------------------------------------------------------------

static int64_t check_exact(const struct check *check)
{
    struct model_reply *reply = check->reply;
    const struct bytes *right = &reply->bytes;
    size_t common = check->length < right->length ? check->length : right->length;
    size_t from = reply->checked;
    if (common > from && memcmp(right->data + from, check->sent + from, common - from) != 0) {
        while (right->data[from] == check->sent[from])
            from++;
        return wrong_bytes(check, from, from);
    }
    if (common > from)
        reply->checked = common;
    return common == right->length ? (int64_t)right->length : -EAGAIN;
}

static int64_t check_time(const struct check *check)
{
    const struct model_reply *reply = check->reply;
    size_t line = 1;
    int64_t sent = 0;
    if (check->length > 0 && check->sent[0] != ':')
        return wrong_bytes(check, 0, 0);
    for (; line < check->length && check->sent[line] != '\r'; line++) {
        if (check->sent[line] < '0' || check->sent[line] > '9' || line > 19)
            return wrong(check, "at byte %zu: no time", line);
        sent = sent * 10 + (check->sent[line] - '0');
    }
    if (line + 1 >= check->length)
        return -EAGAIN;
    int64_t right = strtoll((const char *)reply->bytes.data + 1, NULL, 10);
    if (check->sent[line + 1] != '\n' || llabs(sent - right) > reply->tolerance)
        return wrong(check, "the time is %lld, or about that, not %lld", (long long)right,
                     (long long)sent);
    return (int64_t)line + 2;
}

// Lines, none of which begins another one.
static int64_t check_choice(const struct check *check)
{
    const struct bytes *lines = &check->reply->bytes;
    size_t at = 0;
    while (at < lines->length) {
        const uint8_t *line = lines->data + at;
        size_t length =
            (size_t)((const uint8_t *)memchr(line, '\n', lines->length - at) - line) + 1;
        size_t common = check->length < length ? check->length : length;
        if (memcmp(line, check->sent, common) == 0)
            return common == length ? (int64_t)length : -EAGAIN;
        at += length;
    }
    return wrong_bytes(check, 0, 0);
}

static int64_t check_pattern(const struct check *check)
{
    const struct bytes *right = &check->reply->bytes;
    size_t at = 0;
    for (size_t i = 0; i < right->length; i++) {
        if (right->data[i] != 1) {
            if (at == check->length)
                return -EAGAIN;
            if (check->sent[at] != right->data[i])
                return wrong_bytes(check, at, i);
            at++;
            continue;
        }
        size_t first = at;
        while (at < check->length && check->sent[at] >= '0' && check->sent[at] <= '9')
            at++;
        if (at == check->length)
            return at - first > 20 ? wrong_bytes(check, first, i) : -EAGAIN;
        if (at == first || at - first > 20)
            return wrong_bytes(check, first, i);
    }
    return (int64_t)at;
}

// --- elements --------------------------------------------------------------------------------

// Reads "<type><number>\r\n" at `at`. The bytes of the line, -EAGAIN or -EBADMSG. A number below 0
// is taken only when it is -1 and `null` allows it.
static int64_t header(const struct check *check, size_t at, bool null, int64_t *number)
{
    *number = 0;
    uint64_t value = 0;
    size_t i = at + 1;
    bool negative = i < check->length && check->sent[i] == '-';
    if (negative && !null)
        return wrong(check, "at byte %zu: a length below 0", at);
    if (negative)
        i++;
    size_t first = i;
    for (; i < check->length && check->sent[i] != '\r'; i++) {
        uint8_t digit = (uint8_t)(check->sent[i] - '0');
        if (digit > 9 || i - first >= 18 || (i > first && value == 0))
            return wrong(check, "at byte %zu: no length", i);
        value = value * 10 + digit;
    }
    if (i == check->length)
        return -EAGAIN;
    if (i == first || (negative && value != 1))
        return wrong(check, "at byte %zu: no length", i);
    if (i + 1 == check->length)
        return -EAGAIN;
    if (check->sent[i + 1] != '\n')
        return wrong(check, "at byte %zu: no line break", i + 1);
    *number = negative ? -1 : (int64_t)value;
    return (int64_t)(i + 2 - at);
}

// A bulk string (or what has its form) at `at`: its bytes with the header, -EAGAIN or -EBADMSG.
static int64_t bulk(const struct check *check, size_t at, bool null, struct model_text *text)
{
    int64_t length;
    int64_t line = header(check, at, null, &length);
    if (line < 0)
        return line;
    *text = (struct model_text){0};
    if (length < 0)
        return line;
    size_t begin = at + (size_t)line;
    size_t end = begin + (size_t)length;
    if (end < check->length && check->sent[end] != '\r')
        return wrong(check, "at byte %zu: a string does not end here", end);
    if (end + 1 < check->length && check->sent[end + 1] != '\n')
        return wrong(check, "at byte %zu: no line break", end + 1);
    if (end + 1 >= check->length)
        return -EAGAIN;
    *text = (struct model_text){check->sent + begin, (uint32_t)length};
    return line + length + 2;
}

static int64_t simple(const struct check *check, size_t at)
{
    size_t i = at + 1;
    while (i < check->length && check->sent[i] != '\r' && check->sent[i] != '\n')
        i++;
    if (i < check->length && check->sent[i] == '\n')
        return wrong(check, "at byte %zu: a bare line feed", i);
    if (i + 1 >= check->length)
        return -EAGAIN;
    if (check->sent[i + 1] != '\n')
        return wrong(check, "at byte %zu: no line break", i + 1);
    return (int64_t)(i + 2 - at);
}

static int64_t check_integer(const struct check *check, size_t at)
{
    for (size_t i = at + 1; i < check->length && check->sent[i] != '\r'; i++) {
        bool sign = i == at + 1 && check->sent[i] == '-';
        if ((check->sent[i] < '0' || check->sent[i] > '9') && !sign)
            return wrong(check, "at byte %zu: no integer", i);
    }
    return simple(check, at);
}

// One element without its members, whose number is added to *members.
static int64_t element(const struct check *check, size_t at, uint64_t *members)
{
    bool resp3 = check->reply->resp == 3;
    uint8_t type = check->sent[at];
    struct model_text text;
    int64_t count = 0;
    int64_t bytes;
    if (!resp3 && strchr("+-:$*", type) == NULL)
        return wrong(check, "at byte %zu: type 0x%02x", at, type);
    switch (type) {
    case '+':
    case '-':
    case '_':
    case '#':
    case ',':
    case '(':
        return simple(check, at);
    case ':':
        return check_integer(check, at);
    case '$':
        return bulk(check, at, !resp3, &text);
    case '=':
        return bulk(check, at, false, &text);
    case '*':
    case '~':
    case '%':
        bytes = header(check, at, !resp3 && type == '*', &count);
        if (bytes > 0 && count > 0)
            *members += type == '%' ? 2 * (uint64_t)count : (uint64_t)count;
        return bytes;
    default:
        return wrong(check, "at byte %zu: type 0x%02x", at, type);
    }
}

static int64_t check_value(const struct check *check)
{
    struct model_reply *reply = check->reply;
    if (reply->stage == 0) {
        reply->stage = 1;
        reply->left = 1;
    }
    if (check->length > 0 && check->sent[0] == '-' && reply->kind != MODEL_ANY) {
        char text[160];
        show(check->sent, check->length, text);
        return wrong(check, "an error: %s", text);
    }
    while (reply->left > 0) {
        if (reply->checked >= check->length)
            return -EAGAIN;
        int64_t bytes = element(check, reply->checked, &reply->left);
        if (bytes < 0)
            return bytes;
        reply->checked += (size_t)bytes;
        reply->left--;
    }
    return (int64_t)reply->checked;
}

static int64_t check_bulk(const struct check *check)
{
    struct model_text text;
    if (check->length == 0)
        return -EAGAIN;
    uint8_t type = check->sent[0];
    bool verbatim = type == '=' && check->reply->resp == 3;
    if (type != '$' && !verbatim)
        return wrong(check, "a bulk string is due, type 0x%02x was sent", type);
    return bulk(check, 0, false, &text);
}

// --- sets of keys ----------------------------------------------------------------------------

// Says something about a key that has been sent, or has not.
static int64_t wrong_key(const struct check *check, const char *what, const uint8_t *key,
                         uint32_t length)
{
    char text[160];
    show(key, length, text);
    return wrong(check, "%s [%s]", what, text);
}

static int64_t take_key(const struct check *check, struct model_text name)
{
    struct model_reply *reply = check->reply;
    struct bytes *wanted = &reply->bytes;
    const struct model *model = reply->model;
    const struct model_key *key = model_key_find(model, reply->database, name.data, name.length);
    if (key != NULL && !model_set_has(wanted, key->number))
        key = NULL;
    if (key == NULL)
        return wrong_key(check, "this key should not have been returned", name.data, name.length);
    if (reply->kind == MODEL_KEYS) {
        model_set_remove(wanted, key->number);
        reply->keys--;
    } else if (reply->scan != NULL) {
        model_set_add(&reply->scan->returned, key->number);
    }
    return 0;
}

// The keys of an array, of which reply->left are still to come.
static int64_t take_keys(const struct check *check)
{
    struct model_reply *reply = check->reply;
    while (reply->left > 0) {
        struct model_text name;
        if (reply->checked >= check->length)
            return -EAGAIN;
        if (check->sent[reply->checked] != '$')
            return wrong(check, "at byte %zu: no bulk string", reply->checked);
        int64_t bytes = bulk(check, reply->checked, false, &name);
        if (bytes < 0)
            return bytes;
        int64_t result = take_key(check, name);
        if (result < 0)
            return result;
        reply->checked += (size_t)bytes;
        reply->left--;
    }
    return (int64_t)reply->checked;
}

// The first key of a set that another one does not have, or NULL.
static const struct model_key *first_of(const struct model *model, const struct bytes *set,
                                        const struct bytes *without)
{
    for (uint32_t i = 0; i < model->keys_count && i / 8 < set->length; i++) {
        if (model_set_has(set, i) && (without == NULL || !model_set_has(without, i)))
            return model->keys[i];
    }
    return NULL;
}

// An array's header, and how many elements it announces.
static int64_t take_header(const struct check *check, uint64_t *count)
{
    struct model_reply *reply = check->reply;
    *count = 0;
    if (reply->checked >= check->length)
        return -EAGAIN;
    if (check->sent[reply->checked] != '*')
        return wrong(check, "at byte %zu: no array", reply->checked);
    int64_t number;
    int64_t bytes = header(check, reply->checked, false, &number);
    if (bytes < 0)
        return bytes;
    *count = (uint64_t)number;
    reply->checked += (size_t)bytes;
    reply->stage++;
    return 0;
}

static int64_t check_key(const struct check *check)
{
    struct model_text text;
    if (check->length == 0)
        return -EAGAIN;
    if (check->sent[0] != '$')
        return wrong(check, "a key is due, type 0x%02x was sent", check->sent[0]);
    int64_t bytes = bulk(check, 0, false, &text);
    int64_t result = bytes > 0 ? take_key(check, text) : 0;
    return result < 0 ? result : bytes;
}

static int64_t check_keys(const struct check *check)
{
    struct model_reply *reply = check->reply;
    if (reply->stage == 0) {
        int64_t result = take_header(check, &reply->left);
        if (result < 0)
            return result;
        if (reply->left > reply->keys)
            return wrong(check, "%llu keys are announced, %llu are right",
                         (unsigned long long)reply->left, (unsigned long long)reply->keys);
    }
    if (reply->left < reply->keys) {
        const struct model_key *key = first_of(reply->model, &reply->bytes, NULL);
        assert(key != NULL);
        return wrong_key(check, "too few keys are announced; among the right ones is", key->name,
                         key->length);
    }
    return take_keys(check);
}

static int64_t take_cursor(const struct check *check)
{
    struct model_reply *reply = check->reply;
    struct model_text text;
    if (reply->checked >= check->length)
        return -EAGAIN;
    if (check->sent[reply->checked] != '$')
        return wrong(check, "at byte %zu: no cursor", reply->checked);
    int64_t bytes = bulk(check, reply->checked, false, &text);
    if (bytes < 0)
        return bytes;
    uint64_t cursor = 0;
    bool valid = text.length > 0 && (text.length == 1 || text.data[0] != '0');
    for (uint32_t i = 0; i < text.length && valid; i++) {
        valid = text.data[i] >= '0' && text.data[i] <= '9' &&
                !__builtin_mul_overflow(cursor, (uint64_t)10, &cursor) &&
                !__builtin_add_overflow(cursor, (uint64_t)(text.data[i] - '0'), &cursor);
    }
    if (!valid)
        return wrong(check, "at byte %zu: no cursor", reply->checked);
    reply->cursor = cursor;
    reply->checked += (size_t)bytes;
    reply->stage++;
    return 0;
}

// The end of a step, which may be the end of its iteration.
static int64_t scan_step_done(const struct check *check)
{
    struct model_reply *reply = check->reply;
    struct model_scan *scan = reply->scan;
    if (reply->stage == 4 || scan == NULL)
        return (int64_t)reply->checked;
    if (reply->cursor == 0) {
        const struct model_key *key = first_of(reply->model, &reply->missing, &scan->returned);
        if (key != NULL)
            return wrong_key(check, "the iteration has ended without this key, there all the time",
                             key->name, key->length);
    }
    scan->cursor = reply->cursor;
    scan->broken = scan->broken || reply->cursor == 0;
    reply->stage = 4;
    return (int64_t)reply->checked;
}

static int64_t check_scan(const struct check *check)
{
    struct model_reply *reply = check->reply;
    int64_t result = 0;
    if (reply->stage == 0) {
        uint64_t two;
        result = take_header(check, &two);
        if (result == 0 && two != 2)
            result =
                wrong(check, "cursor and keys are two elements, not %llu", (unsigned long long)two);
    }
    if (result == 0 && reply->stage == 1)
        result = take_cursor(check);
    if (result == 0 && reply->stage == 2)
        result = take_header(check, &reply->left);
    if (result == 0)
        result = take_keys(check);
    return result < 0 ? result : scan_step_done(check);
}

// --- several, one after the other ------------------------------------------------------------

// `checked`: offset of the part that is to be looked at, number `left`.
static int64_t check_parts(const struct check *check)
{
    struct model_reply *reply = check->reply;
    if (reply->stage == 0) {
        int64_t header = check_exact(check);
        if (header < 0)
            return header;
        reply->stage = 1;
        reply->checked = (size_t)header;
        reply->left = 0;
    }
    while (reply->left < reply->parts_count) {
        struct model_reply *part = &reply->parts[reply->left];
        int64_t bytes = model_reply_check(part, check->sent + reply->checked,
                                          check->length - reply->checked, check->error);
        if (bytes == -EBADMSG) {
            char error[ERROR_BYTES];
            memcpy(error, check->error, sizeof(error));
            return wrong(check, "element %llu: %.*s", (unsigned long long)reply->left,
                         ERROR_BYTES - 40, error);
        }
        if (bytes < 0)
            return bytes;
        reply->checked += (size_t)bytes;
        reply->left++;
    }
    return (int64_t)reply->checked;
}

// --- all of them -----------------------------------------------------------------------------

int64_t model_reply_check(struct model_reply *reply, const uint8_t *sent, size_t length,
                          char error[512])
{
    struct check check = {reply, sent, length, error};
    switch (reply->kind) {
    case MODEL_NONE:
        return 0;
    case MODEL_EXACT:
        return check_exact(&check);
    case MODEL_TIME:
        return check_time(&check);
    case MODEL_PATTERN:
        return check_pattern(&check);
    case MODEL_CHOICE:
        return check_choice(&check);
    case MODEL_BULK:
        return check_bulk(&check);
    case MODEL_KEYS:
        return check_keys(&check);
    case MODEL_SCAN:
        return check_scan(&check);
    case MODEL_KEY:
        return check_key(&check);
    case MODEL_PARTS:
        return check_parts(&check);
    case MODEL_VALUE:
    case MODEL_ANY:
        return check_value(&check);
    }
    assert(false);
    return -EBADMSG;
}
