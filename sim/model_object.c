// The model's OBJECT: how Redis would keep a value.
#include "sim/model_internal.h"

#include <limits.h>

#define EMBEDDED_BYTES_MAX 44
#define SHARED_INTEGERS 10000

// NULL after a null.
static const struct model_key *object_find(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 2);
    if (key == NULL)
        model_reply_null(call);
    return key;
}

static bool is_integer(const struct model_key *key, int64_t *value)
{
    return !key->state.edited && model_text_integer(model_value(key), value);
}

void model_do_object_encoding(struct model_call *call)
{
    const struct model_key *key = object_find(call);
    int64_t value;
    if (key == NULL)
        return;
    // Redis keeps a whole number that INCRBYFLOAT has made as text, until it is set anew.
    if (is_integer(key, &value) && call->model->redis)
        model_do_value(call);
    else if (is_integer(key, &value))
        model_reply_bulk(call, "int", 3);
    else if (!key->state.edited && key->state.length <= EMBEDDED_BYTES_MAX)
        model_reply_bulk(call, "embstr", 6);
    else
        model_reply_bulk(call, "raw", 3);
}

void model_do_object_refcount(struct model_call *call)
{
    const struct model_key *key = object_find(call);
    int64_t value;
    if (key == NULL)
        return;
    // There a transaction that has set the value shares it until it ends.
    if (call->model->redis) {
        model_do_value(call);
        return;
    }
    bool shared = is_integer(key, &value) && value >= 0 && value < SHARED_INTEGERS;
    model_reply_integer(call, shared ? INT_MAX : 1);
}

static void object_number(struct model_call *call)
{
    bytes_text(&call->reply->bytes, ":\1\r\n");
    call->reply->kind = MODEL_PATTERN;
}

void model_do_object_freq(struct model_call *call)
{
    if (object_find(call) == NULL)
        return;
    if (call->model->lfu)
        object_number(call);
    else
        model_reply_error(call, "ERR An LFU maxmemory policy is not selected, access frequency not "
                                "tracked. Please note that when switching between policies at "
                                "runtime LRU and LFU data will take some time to adjust.");
}

void model_do_object_idletime(struct model_call *call)
{
    if (object_find(call) == NULL)
        return;
    if (call->model->lfu)
        model_reply_error(call, "ERR An LFU maxmemory policy is selected, idle time not tracked. "
                                "Please note that when switching between policies at runtime LRU "
                                "and LFU data will take some time to adjust.");
    else
        object_number(call);
}
