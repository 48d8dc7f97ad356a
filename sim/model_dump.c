// The model's DUMP and RESTORE.
#include "sim/dump.h"
#include "sim/model_internal.h"

#include <stddef.h>

// Redis packs longer ones, if it can.
#define UNPACKED_BYTES 20

void model_do_dump(struct model_call *call)
{
    const struct model_key *key = model_arg_live(call, 1);
    if (key == NULL) {
        model_reply_null(call);
        return;
    }
    if (call->model->redis && key->state.length > UNPACKED_BYTES) {
        call->reply->kind = MODEL_BULK;
        return;
    }
    struct bytes dump = {0};
    struct model_text value = model_value(key);
    dump_add(&dump, value.data, value.length);
    model_reply_bulk(call, dump.data, (uint32_t)dump.length);
    bytes_free(&dump);
}

struct restore_options {
    bool replace, absolute;
    int64_t idle;
    int64_t frequency;
};

// False after an error.
static bool restore_number(struct model_call *call, uint32_t index, bool idle, int64_t *value)
{
    if (!model_arg_integer(call, index, value))
        return false;
    if (*value >= 0 && (idle || *value <= 255))
        return true;
    model_reply_error(call, idle ? "ERR Invalid IDLETIME value, must be >= 0"
                                 : "ERR Invalid FREQ value, must be >= 0 and <= 255");
    return false;
}

// False after an error.
static bool restore_options(struct model_call *call, struct restore_options *options)
{
    *options = (struct restore_options){.idle = -1, .frequency = -1};
    for (uint32_t i = 4; i < call->argc; i++) {
        bool more = i + 1 < call->argc;
        if (model_arg_is(call, i, "replace")) {
            options->replace = true;
        } else if (model_arg_is(call, i, "absttl")) {
            options->absolute = true;
        } else if (model_arg_is(call, i, "idletime") && more && options->frequency < 0) {
            if (!restore_number(call, ++i, true, &options->idle))
                return false;
        } else if (model_arg_is(call, i, "freq") && more && options->idle < 0) {
            if (!restore_number(call, ++i, false, &options->frequency))
                return false;
        } else {
            model_reply_syntax(call);
            return false;
        }
    }
    return true;
}

// The absolute expiry, 0 for none. False after an error.
static bool restore_expiry(struct model_call *call, bool absolute, int64_t *expiry_ms)
{
    if (!model_arg_integer(call, 2, expiry_ms))
        return false;
    bool relative = *expiry_ms > 0 && !absolute;
    if (*expiry_ms >= 0 &&
        !(relative && __builtin_add_overflow(*expiry_ms, call->now_ms, expiry_ms)))
        return true;
    model_reply_error(call, "ERR Invalid TTL value, must be >= 0");
    return false;
}

static void restore_value(struct model_call *call, const struct bytes *value, int64_t expiry_ms)
{
    if (expiry_ms == 0 || expiry_ms > call->now_ms) {
        model_call_set(call, 1, value->data, (uint32_t)value->length, expiry_ms);
    } else {
        struct model_key *key = model_arg_changed(call, 1);
        if (key->state.block != NULL)
            model_call_delete(call, key);
    }
    model_reply_ok(call);
}

void model_do_restore(struct model_call *call)
{
    struct restore_options options;
    int64_t expiry_ms;
    if (!restore_options(call, &options))
        return;
    if (!options.replace && model_arg_live(call, 1) != NULL) {
        model_reply_error(call, "BUSYKEY Target key name already exists.");
        return;
    }
    if (!restore_expiry(call, options.absolute, &expiry_ms))
        return;
    struct model_text dump = model_arg(call, 3);
    struct bytes value = {0};
    bytes_room(&value, 1);
    switch (dump_read(dump.data, dump.length, &value)) {
    case DUMP_STRING:
        restore_value(call, &value, expiry_ms);
        break;
    case DUMP_FOOTER:
        model_reply_error(call, "ERR DUMP payload version or checksum are wrong");
        break;
    case DUMP_DATA:
        model_reply_error(call, "ERR Bad data format");
        break;
    }
    bytes_free(&value);
}
