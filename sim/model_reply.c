// The model's replies: what commands write into them.
#include "sim/model_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_reply_begin(struct model_reply *reply, const struct model *model, uint8_t resp)
{
    assert(resp == 2 || resp == 3);
    model_scan_release(reply->scan);
    struct model_reply before = *reply;
    before.bytes.length = 0;
    before.missing.length = 0;
    *reply = (struct model_reply){
        .kind = MODEL_NONE,
        .bytes = before.bytes,
        .missing = before.missing,
        .parts = before.parts,
        .parts_capacity = before.parts_capacity,
        .model = model,
        .resp = resp,
    };
}

void model_reply_free(struct model_reply *reply)
{
    model_scan_release(reply->scan);
    bytes_free(&reply->bytes);
    bytes_free(&reply->missing);
    for (uint32_t i = 0; i < reply->parts_capacity; i++)
        model_reply_free(&reply->parts[i]);
    free(reply->parts);
    *reply = (struct model_reply){0};
}

static struct bytes *reply_exact(struct model_call *call)
{
    assert(call->reply->kind == MODEL_NONE || call->reply->kind == MODEL_EXACT);
    call->reply->kind = MODEL_EXACT;
    return &call->reply->bytes;
}

static void reply_line(struct model_call *call, char type, const char *text, size_t length)
{
    struct bytes *bytes = reply_exact(call);
    bytes_add(bytes, &type, 1);
    bytes_add(bytes, text, length);
    bytes_add(bytes, "\r\n", 2);
}

static void reply_number(struct model_call *call, char type, int64_t number)
{
    char text[24];
    reply_line(call, type, text, model_integer_text(text, number));
}

void model_reply_simple(struct model_call *call, const char *text)
{
    reply_line(call, '+', text, strlen(text));
}

void model_reply_ok(struct model_call *call)
{
    model_reply_simple(call, "OK");
}

void model_reply_error(struct model_call *call, const char *text)
{
    reply_line(call, '-', text, strlen(text));
}

void model_reply_errorf(struct model_call *call, const char *format, ...)
{
    char text[2048];
    va_list list;
    va_start(list, format);
    int wanted = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    assert(wanted >= 0);
    size_t length = (size_t)wanted < sizeof(text) ? (size_t)wanted : sizeof(text) - 1;
    while (length > 0 && (text[length - 1] == '\r' || text[length - 1] == '\n'))
        length--;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' || text[i] == '\n')
            text[i] = ' ';
    }
    reply_line(call, '-', text, length);
}

void model_reply_syntax(struct model_call *call)
{
    model_reply_error(call, "ERR syntax error");
}

void model_reply_arity(struct model_call *call)
{
    model_reply_errorf(call, "ERR wrong number of arguments for '%s' command", call->command->name);
}

void model_reply_integer(struct model_call *call, int64_t value)
{
    reply_number(call, ':', value);
}

void model_reply_bulk(struct model_call *call, const void *bytes, uint32_t length)
{
    reply_number(call, '$', length);
    bytes_add(&call->reply->bytes, bytes, length);
    bytes_add(&call->reply->bytes, "\r\n", 2);
}

void model_reply_float(struct model_call *call, const char *text, uint32_t length)
{
    if (call->reply->resp == 3)
        reply_line(call, ',', text, length);
    else
        model_reply_bulk(call, text, length);
}

void model_reply_value(struct model_call *call, const struct model_key *key)
{
    struct model_text value = model_value(key);
    if (key != NULL)
        model_reply_bulk(call, value.data, value.length);
    else
        model_reply_null(call);
}

void model_reply_null(struct model_call *call)
{
    bytes_text(reply_exact(call), call->reply->resp == 3 ? "_\r\n" : "$-1\r\n");
}

void model_reply_null_array(struct model_call *call)
{
    bytes_text(reply_exact(call), call->reply->resp == 3 ? "_\r\n" : "*-1\r\n");
}

void model_reply_array(struct model_call *call, uint64_t count)
{
    reply_number(call, '*', (int64_t)count);
}

void model_reply_map(struct model_call *call, uint64_t pairs)
{
    if (call->reply->resp == 3)
        reply_number(call, '%', (int64_t)pairs);
    else
        reply_number(call, '*', (int64_t)(2 * pairs));
}

struct model_reply *model_reply_parts(struct model_call *call, uint32_t count)
{
    struct model_reply *reply = call->reply;
    model_reply_array(call, count);
    reply->kind = MODEL_PARTS;
    if (count > reply->parts_capacity) {
        reply->parts = sim_realloc(reply->parts, count, sizeof(struct model_reply));
        memset(reply->parts + reply->parts_capacity, 0,
               (count - reply->parts_capacity) * sizeof(struct model_reply));
        reply->parts_capacity = count;
    }
    reply->parts_count = count;
    return reply->parts;
}

// --- forms -----------------------------------------------------------------------------------

void model_do_any(struct model_call *call)
{
    call->reply->kind = MODEL_ANY;
}

void model_do_value(struct model_call *call)
{
    call->reply->kind = MODEL_VALUE;
}

void model_do_bulk(struct model_call *call)
{
    call->reply->kind = MODEL_BULK;
}
