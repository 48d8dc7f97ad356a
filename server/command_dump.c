// DUMP and RESTORE: values in the form in which Redis exchanges them.
#include "server/command_handlers.h"

#include "conf/limits.h"
#include "protocol/crc64.h"
#include "protocol/rdb_string.h"
#include "server/call.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/idle.h"
#include "server/server.h"
#include "storage/entry.h"
#include "storage/keyspace.h"

#include <assert.h>

// Values up to this length are unpacked into memory of the call, longer ones into their entries.
#define UNPACK_BYTES 16384

// --- DUMP ------------------------------------------------------------------------------------

void command_dump(struct call *call)
{
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, true);
    if (entry == NULL) {
        resp_null(call->reply);
        return;
    }
    uint32_t length = entry_value_length(entry);
    uint8_t head[1 + RDB_STRING_HEAD_MAX] = {RDB_TYPE_STRING};
    bool whole;
    size_t head_length = 1 + rdb_string_begin(head + 1, entry_value(entry), length, &whole);
    size_t rest = whole ? 0 : length;
    uint8_t footer[RDB_FOOTER_BYTES];
    uint64_t crc = crc64(0, head, head_length);
    rdb_footer_encode(footer, crc64(crc, entry_value(entry), rest));
    resp_bulk_header(call->reply, head_length + rest + RDB_FOOTER_BYTES);
    resp_write(call->reply, head, head_length);
    if (!whole)
        reply_raw(&call->connection->reply, entry, 0, length);
    resp_write(call->reply, footer, RDB_FOOTER_BYTES);
    resp_write(call->reply, "\r\n", 2);
}

// --- RESTORE ---------------------------------------------------------------------------------

struct restore_options {
    bool replace, absolute;
    int64_t idle_s; // -1: not given, as the next one
    int64_t frequency;
};

// False after a reply.
static bool restore_options_read(struct call *call, struct restore_options *options)
{
    *options = (struct restore_options){.idle_s = -1, .frequency = -1};
    for (uint32_t i = 4; i < call->argc; i++) {
        const char *error = NULL;
        if (call_arg_is(call, i, "replace")) {
            options->replace = true;
        } else if (call_arg_is(call, i, "absttl")) {
            options->absolute = true;
        } else if (call_arg_is(call, i, "idletime") && i + 1 < call->argc &&
                   options->frequency < 0) {
            if (!call_arg_integer(call, ++i, &options->idle_s))
                return false;
            if (options->idle_s < 0)
                error = "ERR Invalid IDLETIME value, must be >= 0";
        } else if (call_arg_is(call, i, "freq") && i + 1 < call->argc && options->idle_s < 0) {
            if (!call_arg_integer(call, ++i, &options->frequency))
                return false;
            if (options->frequency < 0 || options->frequency > UINT8_MAX)
                error = "ERR Invalid FREQ value, must be >= 0 and <= 255";
        } else {
            error = "ERR syntax error";
        }
        if (error != NULL) {
            resp_error(call->reply, error);
            return false;
        }
    }
    return true;
}

// The TTL or, when that is what the options say, the absolute expiry; 0 for none. False after a reply.
static bool restore_ttl_read(struct call *call, int64_t *ms)
{
    if (!call_arg_integer(call, 2, ms))
        return false;
    if (*ms >= 0)
        return true;
    resp_error(call->reply, "ERR Invalid TTL value, must be >= 0");
    return false;
}

// The string in a payload whose footer is right. False when there is none, or not one that fits.
static bool restore_string(const uint8_t *payload, size_t length, struct rdb_string *string)
{
    return length > 0 && payload[0] == RDB_TYPE_STRING &&
           rdb_string_decode(payload + 1, length - 1, string) > 0 &&
           string->length <= VALUE_BYTES_MAX;
}

// What a packed string may become. That it is damaged is found out later.
static uint64_t restore_unpacked(const struct call *call)
{
    struct span payload = call_arg(call, 3);
    struct rdb_string string;
    if (!restore_string(payload.data, payload.length, &string) || string.form != RDB_STRING_PACKED)
        return 0;
    return string.length;
}

uint64_t command_restore_reach(struct call *call)
{
    return restore_unpacked(call);
}

uint64_t command_restore_log(struct call *call)
{
    return restore_unpacked(call);
}

static bool restore_bad(struct call *call)
{
    resp_error(call->reply, "ERR Bad data format");
    return false;
}

static bool restore_short(struct call *call, const struct key *key, const struct rdb_string *string,
                          int64_t expiry_ms)
{
    uint8_t value[UNPACK_BYTES];
    assert(string->length <= sizeof(value));
    return rdb_string_unpack(string, value)
               ? data_set(call, key, 0, value, (uint32_t)string->length, expiry_ms)
               : restore_bad(call);
}

// Unpacks into the block that becomes the entry.
static bool restore_long(struct call *call, const struct key *key, const struct rdb_string *string,
                         int64_t expiry_ms)
{
    struct keyspace *keyspace = call->server->keyspace;
    uint32_t length = (uint32_t)string->length;
    if (!call->room && !data_room(call, keyspace_entry_bytes(key->length, length, true)))
        return false;
    struct entry *block = keyspace_block_create(keyspace, key->length, length, 0);
    if (block == NULL) {
        call_error_memory(call);
        return false;
    }
    bool unpacked = rdb_string_unpack(string, keyspace_block_value(block));
    if (unpacked && data_adopt(call, key, block, expiry_ms))
        return true;
    keyspace_block_free(keyspace, block);
    return unpacked ? false : restore_bad(call);
}

// False after a reply.
static bool restore_value(struct call *call, const struct key *key, const struct rdb_string *string,
                          int64_t expiry_ms)
{
    if (string->form == RDB_STRING_PLAIN)
        return data_set(call, key, 0, string->data, (uint32_t)string->length, expiry_ms);
    if (string->length <= UNPACK_BYTES)
        return restore_short(call, key, string, expiry_ms);
    return restore_long(call, key, string, expiry_ms);
}

// Of the two ways to tell how much a key is used, the one that the policy goes by counts.
static void restore_use(struct call *call, const struct key *key,
                        const struct restore_options *options)
{
    const struct server *server = call->server;
    bool frequency = server->idle.lfu && options->frequency >= 0;
    if (!frequency && (server->idle.lfu || options->idle_s < 0))
        return;
    struct entry *entry = keyspace_find(server->keyspace, key);
    if (frequency)
        idle_set_frequency(server, entry, (uint8_t)options->frequency);
    else
        idle_set(server, entry, options->idle_s);
}

void command_restore(struct call *call)
{
    struct key key = call_key(call, 1);
    struct restore_options options;
    if (!restore_options_read(call, &options))
        return;
    if (!options.replace && data_exists(call, &key)) {
        resp_error(call->reply, "BUSYKEY Target key name already exists.");
        return;
    }
    int64_t expiry_ms;
    if (!restore_ttl_read(call, &expiry_ms))
        return;
    struct span payload = call_arg(call, 3);
    struct rdb_string string;
    size_t length;
    if (!rdb_footer_check(payload.data, payload.length, &length)) {
        resp_error(call->reply, "ERR DUMP payload version or checksum are wrong");
        return;
    }
    if (!restore_string(payload.data, length, &string)) {
        restore_bad(call);
        return;
    }
    if (expiry_ms != 0 && !options.absolute &&
        __builtin_add_overflow(expiry_ms, call->now_ms, &expiry_ms)) {
        resp_error(call->reply, "ERR Invalid TTL value, must be >= 0");
        return;
    }
    if (expiry_ms != 0 && expiry_ms <= call->now_ms) {
        data_delete(call, &key);
    } else {
        if (!restore_value(call, &key, &string, expiry_ms))
            return;
        restore_use(call, &key, &options);
    }
    call_ok(call);
}
