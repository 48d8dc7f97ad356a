// The rows behind command_docs.h: only command_docs.c and commands.c read them.
#ifndef PORO_SERVER_COMMAND_TABLE_H
#define PORO_SERVER_COMMAND_TABLE_H

#include "server/command_docs.h"

// All commands in alphabetical order, then an empty row.
extern const struct command_doc command_table[];
// Subcommands of the containers, likewise.
extern const struct command_doc command_table_acl[];
extern const struct command_doc command_table_client[];
extern const struct command_doc command_table_cluster[];
extern const struct command_doc command_table_command[];
extern const struct command_doc command_table_config[];
extern const struct command_doc command_table_latency[];
extern const struct command_doc command_table_memory[];
extern const struct command_doc command_table_module[];
extern const struct command_doc command_table_object[];
extern const struct command_doc command_table_slowlog[];

// Argument trees, each ends with an empty line.
extern const struct command_argument arguments_acl_cat[];
extern const struct command_argument arguments_acl_deluser[];
extern const struct command_argument arguments_acl_dryrun[];
extern const struct command_argument arguments_acl_genpass[];
extern const struct command_argument arguments_acl_getuser[];
extern const struct command_argument arguments_acl_log[];
extern const struct command_argument arguments_acl_setuser[];
extern const struct command_argument arguments_append[];
extern const struct command_argument arguments_auth[];
extern const struct command_argument arguments_bgsave[];
extern const struct command_argument arguments_bitcount[];
extern const struct command_argument arguments_bitfield[];
extern const struct command_argument arguments_bitfield_ro[];
extern const struct command_argument arguments_bitop[];
extern const struct command_argument arguments_bitpos[];
extern const struct command_argument arguments_client_kill[];
extern const struct command_argument arguments_client_list[];
extern const struct command_argument arguments_client_pause[];
extern const struct command_argument arguments_client_reply[];
extern const struct command_argument arguments_client_setinfo[];
extern const struct command_argument arguments_client_setname[];
extern const struct command_argument arguments_client_unblock[];
extern const struct command_argument arguments_cluster_addslots[];
extern const struct command_argument arguments_cluster_addslotsrange[];
extern const struct command_argument arguments_cluster_count_failure_reports[];
extern const struct command_argument arguments_cluster_countkeysinslot[];
extern const struct command_argument arguments_cluster_failover[];
extern const struct command_argument arguments_cluster_getkeysinslot[];
extern const struct command_argument arguments_cluster_keyslot[];
extern const struct command_argument arguments_cluster_meet[];
extern const struct command_argument arguments_cluster_reset[];
extern const struct command_argument arguments_cluster_set_config_epoch[];
extern const struct command_argument arguments_cluster_setslot[];
extern const struct command_argument arguments_command_list[];
extern const struct command_argument arguments_command_names[];
extern const struct command_argument arguments_config_get[];
extern const struct command_argument arguments_config_set[];
extern const struct command_argument arguments_copy[];
extern const struct command_argument arguments_decrby[];
extern const struct command_argument arguments_delex[];
extern const struct command_argument arguments_expire[];
extern const struct command_argument arguments_expireat[];
extern const struct command_argument arguments_flush[];
extern const struct command_argument arguments_getbit[];
extern const struct command_argument arguments_getex[];
extern const struct command_argument arguments_getrange[];
extern const struct command_argument arguments_hello[];
extern const struct command_argument arguments_incrby[];
extern const struct command_argument arguments_incrbyfloat[];
extern const struct command_argument arguments_increx[];
extern const struct command_argument arguments_info[];
extern const struct command_argument arguments_key[];
extern const struct command_argument arguments_keys[];
extern const struct command_argument arguments_latency_graph[];
extern const struct command_argument arguments_latency_histogram[];
extern const struct command_argument arguments_latency_reset[];
extern const struct command_argument arguments_lcs[];
extern const struct command_argument arguments_lolwut[];
extern const struct command_argument arguments_memory_usage[];
extern const struct command_argument arguments_message[];
extern const struct command_argument arguments_module_load[];
extern const struct command_argument arguments_module_loadex[];
extern const struct command_argument arguments_module_unload[];
extern const struct command_argument arguments_move[];
extern const struct command_argument arguments_mset[];
extern const struct command_argument arguments_msetex[];
extern const struct command_argument arguments_on_off[];
extern const struct command_argument arguments_pexpire[];
extern const struct command_argument arguments_pexpireat[];
extern const struct command_argument arguments_ping[];
extern const struct command_argument arguments_psetex[];
extern const struct command_argument arguments_rename[];
extern const struct command_argument arguments_replicaof[];
extern const struct command_argument arguments_restore[];
extern const struct command_argument arguments_scan[];
extern const struct command_argument arguments_select[];
extern const struct command_argument arguments_set[];
extern const struct command_argument arguments_setbit[];
extern const struct command_argument arguments_setex[];
extern const struct command_argument arguments_setrange[];
extern const struct command_argument arguments_shutdown[];
extern const struct command_argument arguments_slowlog_get[];
extern const struct command_argument arguments_some_keys[];
extern const struct command_argument arguments_swapdb[];
extern const struct command_argument arguments_wait[];
extern const struct command_argument arguments_waitaof[];

#endif
