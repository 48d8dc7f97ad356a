// The handlers of all commands, by file.
#ifndef PORO_SERVER_COMMAND_HANDLERS_H
#define PORO_SERVER_COMMAND_HANDLERS_H

#include "server/commands_list.h"

#include <stdint.h>

struct call;

// command_string.c
void command_append(struct call *call);
void command_get(struct call *call);
void command_getdel(struct call *call);
void command_getex(struct call *call);
void command_mget(struct call *call);
void command_strlen(struct call *call);

// command_set.c
void command_getset(struct call *call);
void command_psetex(struct call *call);
void command_set(struct call *call);
void command_setex(struct call *call);
void command_setnx(struct call *call);

// command_mset.c
void command_mset(struct call *call);
void command_msetex(struct call *call);
void command_msetnx(struct call *call);

// command_compare.c
void command_delex(struct call *call);
void command_delifeq(struct call *call);
void command_digest(struct call *call);

// command_range.c
void command_getrange(struct call *call);
void command_setrange(struct call *call);
uint64_t command_setrange_log(struct call *call);
uint64_t command_setrange_reach(struct call *call);
void command_substr(struct call *call);

// command_lcs.c
void command_lcs(struct call *call);

// command_bit.c
void command_bitcount(struct call *call);
void command_bitpos(struct call *call);
void command_getbit(struct call *call);
void command_setbit(struct call *call);
uint64_t command_setbit_log(struct call *call);
uint64_t command_setbit_reach(struct call *call);

// command_bitop.c
void command_bitop(struct call *call);
uint64_t command_bitop_bytes(struct call *call);

// command_bitfield.c
void command_bitfield(struct call *call);
uint64_t command_bitfield_log(struct call *call);
uint64_t command_bitfield_reach(struct call *call);
void command_bitfield_ro(struct call *call);

// command_float.c
void command_incrbyfloat(struct call *call);
uint64_t command_incrbyfloat_log(struct call *call);
uint64_t command_incrbyfloat_reach(struct call *call);

// command_increx.c
void command_increx(struct call *call);
uint64_t command_increx_log(struct call *call);
uint64_t command_increx_reach(struct call *call);

// command_number.c
void command_decr(struct call *call);
void command_decrby(struct call *call);
void command_incr(struct call *call);
void command_incrby(struct call *call);

// command_key.c
void command_dbsize(struct call *call);
void command_del(struct call *call);
void command_exists(struct call *call);
void command_flushall(struct call *call);
void command_flushdb(struct call *call);
void command_randomkey(struct call *call);
void command_swapdb(struct call *call);
void command_touch(struct call *call);
void command_type(struct call *call);
void command_unlink(struct call *call);

// command_copy.c
void command_copy(struct call *call);
uint64_t command_copy_bytes(struct call *call);

// command_dump.c
void command_dump(struct call *call);
void command_restore(struct call *call);
uint64_t command_restore_log(struct call *call);
uint64_t command_restore_reach(struct call *call);

// command_wait.c
void command_wait(struct call *call);
void command_waitaof(struct call *call);

// command_rename.c
void command_move(struct call *call);
uint64_t command_move_bytes(struct call *call);
void command_rename(struct call *call);
uint64_t command_rename_bytes(struct call *call);
void command_renamenx(struct call *call);
uint64_t command_renamenx_bytes(struct call *call);

// command_object.c
void command_object_encoding(struct call *call);
void command_object_freq(struct call *call);
void command_object_help(struct call *call);
void command_object_idletime(struct call *call);
void command_object_refcount(struct call *call);

// command_expire.c
void command_expire(struct call *call);
void command_expireat(struct call *call);
void command_expiretime(struct call *call);
void command_persist(struct call *call);
void command_pexpire(struct call *call);
void command_pexpireat(struct call *call);
void command_pexpiretime(struct call *call);
void command_pttl(struct call *call);
void command_ttl(struct call *call);

// command_scan.c
void command_keys(struct call *call);
void command_scan(struct call *call);

// command_connection.c
void command_auth(struct call *call);
void command_echo(struct call *call);
void command_hello(struct call *call);
void command_ping(struct call *call);
void command_quit(struct call *call);
void command_reset(struct call *call);
void command_select(struct call *call);

// command_client.c
void command_client_getname(struct call *call);
void command_client_help(struct call *call);
void command_client_id(struct call *call);
void command_client_no_evict(struct call *call);
void command_client_no_touch(struct call *call);
void command_client_reply(struct call *call);
void command_client_setinfo(struct call *call);
void command_client_setname(struct call *call);

// command_client_pause.c
void command_client_pause(struct call *call);
void command_client_unblock(struct call *call);
void command_client_unpause(struct call *call);

// command_client_list.c
void command_client_info(struct call *call);
void command_client_list(struct call *call);

// command_client_kill.c
void command_client_kill(struct call *call);

// command_command.c
void command_command(struct call *call);
void command_command_count(struct call *call);
void command_command_docs(struct call *call);
void command_command_getkeys(struct call *call);
void command_command_getkeysandflags(struct call *call);
void command_command_help(struct call *call);
void command_command_info(struct call *call);
void command_command_list(struct call *call);

// command_config.c
void command_config_get(struct call *call);
void command_config_help(struct call *call);
void command_config_resetstat(struct call *call);
void command_config_set(struct call *call);

// command_server.c
void command_shutdown(struct call *call);
void command_time(struct call *call);

// command_transaction.c
void command_discard(struct call *call);
void command_exec(struct call *call);
void command_multi(struct call *call);
void command_unwatch(struct call *call);
void command_watch(struct call *call);

// command_info.c
void command_info(struct call *call);

// command_acl.c, command_acl_setuser.c
void command_acl_cat(struct call *call);
void command_acl_deluser(struct call *call);
void command_acl_dryrun(struct call *call);
void command_acl_genpass(struct call *call);
void command_acl_getuser(struct call *call);
void command_acl_help(struct call *call);
void command_acl_list(struct call *call);
void command_acl_load(struct call *call);
void command_acl_log(struct call *call);
void command_acl_save(struct call *call);
void command_acl_setuser(struct call *call);
void command_acl_users(struct call *call);
void command_acl_whoami(struct call *call);

// command_cluster.c: one for every subcommand, and
#define CLUSTER_HANDLER(container, name) void command_##container##_##name(struct call *call);
COMMANDS_CLUSTER(CLUSTER_HANDLER)
void command_asking(struct call *call);
void command_readonly(struct call *call);
void command_readwrite(struct call *call);

// command_config_rewrite.c
void command_config_rewrite(struct call *call);

// command_debug.c
void command_debug(struct call *call);

// command_latency.c, command_latency_report.c
void command_latency_doctor(struct call *call);
void command_latency_graph(struct call *call);
void command_latency_help(struct call *call);
void command_latency_histogram(struct call *call);
void command_latency_history(struct call *call);
void command_latency_latest(struct call *call);
void command_latency_reset(struct call *call);

// command_lolwut.c
void command_lolwut(struct call *call);

// command_memory.c
void command_memory_doctor(struct call *call);
void command_memory_help(struct call *call);
void command_memory_malloc_stats(struct call *call);
void command_memory_purge(struct call *call);
void command_memory_stats(struct call *call);
void command_memory_usage(struct call *call);

// command_module.c
void command_module_help(struct call *call);
void command_module_list(struct call *call);
void command_module_load(struct call *call);
void command_module_loadex(struct call *call);
void command_module_unload(struct call *call);

// monitor.c
void command_monitor(struct call *call);

// command_replication.c
void command_replicaof(struct call *call);
void command_role(struct call *call);
void command_slaveof(struct call *call);

// command_save.c
void command_bgrewriteaof(struct call *call);
void command_bgsave(struct call *call);
void command_lastsave(struct call *call);
void command_save(struct call *call);

// command_slowlog.c
void command_slowlog_get(struct call *call);
void command_slowlog_help(struct call *call);
void command_slowlog_len(struct call *call);
void command_slowlog_reset(struct call *call);

#endif
