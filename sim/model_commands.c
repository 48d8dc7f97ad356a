// The model's commands: their names, how many arguments they take, and the functions that do them.
#include "sim/model_internal.h"

#include <string.h>

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

static const struct model_command object_rows[] = {
    {"object|encoding", 3, model_do_object_encoding, NULL},
    {"object|freq", 3, model_do_object_freq, NULL},
    {"object|help", 2, model_do_value, NULL},
    {"object|idletime", 3, model_do_object_idletime, NULL},
    {"object|refcount", 3, model_do_object_refcount, NULL},
    {NULL, 0, NULL, NULL},
};

static const struct model_command rows[] = {
    {"append", 3, model_do_append, NULL},
    {"auth", -2, model_do_auth, NULL},
    {"bgrewriteaof", 1, model_do_bgrewriteaof, NULL},
    {"bgsave", -1, model_do_bgsave, NULL},
    {"bitcount", -2, model_do_bitcount, NULL},
    {"bitfield", -2, model_do_bitfield, NULL},
    {"bitfield_ro", -2, model_do_bitfield_ro, NULL},
    {"bitop", -4, model_do_bitop, NULL},
    {"bitpos", -3, model_do_bitpos, NULL},
    {"client", -2, NULL, client_rows},
    {"command", -1, model_do_value, command_rows},
    {"config", -2, NULL, config_rows},
    {"copy", -3, model_do_copy, NULL},
    {"dbsize", 1, model_do_dbsize, NULL},
    {"decr", 2, model_do_decr, NULL},
    {"decrby", 3, model_do_decrby, NULL},
    {"del", -2, model_do_del, NULL},
    {"delex", -2, model_do_delex, NULL},
    {"delifeq", 3, model_do_delifeq, NULL},
    {"digest", 2, model_do_digest, NULL},
    {"discard", 1, model_do_discard, NULL},
    {"dump", 2, model_do_dump, NULL},
    {"echo", 2, model_do_echo, NULL},
    {"exec", 1, model_do_exec, NULL},
    {"exists", -2, model_do_exists, NULL},
    {"expire", -3, model_do_expire, NULL},
    {"expireat", -3, model_do_expireat, NULL},
    {"expiretime", 2, model_do_expiretime, NULL},
    {"flushall", -1, model_do_flushall, NULL},
    {"flushdb", -1, model_do_flushdb, NULL},
    {"get", 2, model_do_get, NULL},
    {"getbit", 3, model_do_getbit, NULL},
    {"getdel", 2, model_do_getdel, NULL},
    {"getex", -2, model_do_getex, NULL},
    {"getrange", 4, model_do_getrange, NULL},
    {"getset", 3, model_do_getset, NULL},
    {"hello", -1, model_do_hello, NULL},
    {"incr", 2, model_do_incr, NULL},
    {"incrby", 3, model_do_incrby, NULL},
    {"incrbyfloat", 3, model_do_incrbyfloat, NULL},
    {"increx", -2, model_do_increx, NULL},
    {"info", -1, model_do_info, NULL},
    {"keys", 2, model_do_keys, NULL},
    {"lastsave", 1, model_do_lastsave, NULL},
    {"lcs", -3, model_do_lcs, NULL},
    {"mget", -2, model_do_mget, NULL},
    {"move", 3, model_do_move, NULL},
    {"mset", -3, model_do_mset, NULL},
    {"msetex", -4, model_do_msetex, NULL},
    {"msetnx", -3, model_do_msetnx, NULL},
    {"multi", 1, model_do_multi, NULL},
    {"object", -2, NULL, object_rows},
    {"persist", 2, model_do_persist, NULL},
    {"pexpire", -3, model_do_pexpire, NULL},
    {"pexpireat", -3, model_do_pexpireat, NULL},
    {"pexpiretime", 2, model_do_pexpiretime, NULL},
    {"ping", -1, model_do_ping, NULL},
    {"psetex", 4, model_do_psetex, NULL},
    {"pttl", 2, model_do_pttl, NULL},
    {"quit", -1, model_do_quit, NULL},
    {"randomkey", 1, model_do_randomkey, NULL},
    {"rename", 3, model_do_rename, NULL},
    {"renamenx", 3, model_do_renamenx, NULL},
    {"reset", 1, model_do_reset, NULL},
    {"restore", -4, model_do_restore, NULL},
    {"save", 1, model_do_save, NULL},
    {"scan", -2, model_do_scan, NULL},
    {"select", 2, model_do_select, NULL},
    {"set", -3, model_do_set, NULL},
    {"setbit", 4, model_do_setbit, NULL},
    {"setex", 4, model_do_setex, NULL},
    {"setnx", 3, model_do_setnx, NULL},
    {"setrange", 4, model_do_setrange, NULL},
    {"strlen", 2, model_do_strlen, NULL},
    {"substr", 4, model_do_getrange, NULL},
    {"swapdb", 3, model_do_swapdb, NULL},
    {"time", 1, model_do_time, NULL},
    {"touch", -2, model_do_exists, NULL},
    {"ttl", 2, model_do_ttl, NULL},
    {"type", 2, model_do_type, NULL},
    {"unlink", -2, model_do_del, NULL},
    {"unwatch", 1, model_do_unwatch, NULL},
    {"wait", 3, model_do_wait, NULL},
    {"watch", -2, model_do_watch, NULL},
};

const struct model_command *model_command_find(struct model_text name)
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
