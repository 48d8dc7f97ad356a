// The lists of all commands and subcommands: one line for each, in the order of the command table.
//
// A command's line: its name; how it is called; its first two and last two letters, by which it is
// found. How: PLAIN has a handler command_NAME; VALUES has one too, and a function
// command_NAME_bytes, because it makes values of other values; REACHING has one, and functions
// command_NAME_reach and command_NAME_log, because its values may be longer than its arguments;
// BRIEF and BRIEF_REACHING are as PLAIN and REACHING, and take constant time, whatever the data
// (see command_stats.h); CONTAINER has subcommands and nothing of its own; BOTH has subcommands and
// a handler. A subcommand's line: its name; it is PLAIN.
#ifndef PORO_SERVER_COMMANDS_LIST_H
#define PORO_SERVER_COMMANDS_LIST_H

// clang-format off
#define COMMANDS(X) \
    X(acl, CONTAINER, 'a', 'c', 'c', 'l') \
    X(append, BRIEF, 'a', 'p', 'n', 'd') \
    X(asking, PLAIN, 'a', 's', 'n', 'g') \
    X(auth, PLAIN, 'a', 'u', 't', 'h') \
    X(bgrewriteaof, PLAIN, 'b', 'g', 'o', 'f') \
    X(bgsave, PLAIN, 'b', 'g', 'v', 'e') \
    X(bitcount, PLAIN, 'b', 'i', 'n', 't') \
    X(bitfield, BRIEF_REACHING, 'b', 'i', 'l', 'd') \
    X(bitfield_ro, PLAIN, 'b', 'i', 'r', 'o') \
    X(bitop, VALUES, 'b', 'i', 'o', 'p') \
    X(bitpos, PLAIN, 'b', 'i', 'o', 's') \
    X(client, CONTAINER, 'c', 'l', 'n', 't') \
    X(cluster, CONTAINER, 'c', 'l', 'e', 'r') \
    X(command, BOTH, 'c', 'o', 'n', 'd') \
    X(config, CONTAINER, 'c', 'o', 'i', 'g') \
    X(copy, VALUES, 'c', 'o', 'p', 'y') \
    X(dbsize, PLAIN, 'd', 'b', 'z', 'e') \
    X(debug, PLAIN, 'd', 'e', 'u', 'g') \
    X(decr, BRIEF, 'd', 'e', 'c', 'r') \
    X(decrby, BRIEF, 'd', 'e', 'b', 'y') \
    X(del, BRIEF, 'd', 'e', 'e', 'l') \
    X(delex, PLAIN, 'd', 'e', 'e', 'x') \
    X(delifeq, BRIEF, 'd', 'e', 'e', 'q') \
    X(digest, PLAIN, 'd', 'i', 's', 't') \
    X(discard, BRIEF, 'd', 'i', 'r', 'd') \
    X(dump, PLAIN, 'd', 'u', 'm', 'p') \
    X(echo, BRIEF, 'e', 'c', 'h', 'o') \
    X(exec, PLAIN, 'e', 'x', 'e', 'c') \
    X(exists, BRIEF, 'e', 'x', 't', 's') \
    X(expire, BRIEF, 'e', 'x', 'r', 'e') \
    X(expireat, BRIEF, 'e', 'x', 'a', 't') \
    X(expiretime, BRIEF, 'e', 'x', 'm', 'e') \
    X(flushall, PLAIN, 'f', 'l', 'l', 'l') \
    X(flushdb, PLAIN, 'f', 'l', 'd', 'b') \
    X(get, BRIEF, 'g', 'e', 'e', 't') \
    X(getbit, BRIEF, 'g', 'e', 'i', 't') \
    X(getdel, BRIEF, 'g', 'e', 'e', 'l') \
    X(getex, BRIEF, 'g', 'e', 'e', 'x') \
    X(getrange, PLAIN, 'g', 'e', 'g', 'e') \
    X(getset, BRIEF_STORES, 'g', 'e', 'e', 't') \
    X(hello, PLAIN, 'h', 'e', 'l', 'o') \
    X(incr, BRIEF, 'i', 'n', 'c', 'r') \
    X(incrby, BRIEF, 'i', 'n', 'b', 'y') \
    X(incrbyfloat, BRIEF_REACHING, 'i', 'n', 'a', 't') \
    X(increx, BRIEF_REACHING, 'i', 'n', 'e', 'x') \
    X(info, PLAIN, 'i', 'n', 'f', 'o') \
    X(keys, PLAIN, 'k', 'e', 'y', 's') \
    X(lastsave, PLAIN, 'l', 'a', 'v', 'e') \
    X(latency, CONTAINER, 'l', 'a', 'c', 'y') \
    X(lcs, PLAIN, 'l', 'c', 'c', 's') \
    X(lolwut, PLAIN, 'l', 'o', 'u', 't') \
    X(memory, CONTAINER, 'm', 'e', 'r', 'y') \
    X(mget, BRIEF, 'm', 'g', 'e', 't') \
    X(module, CONTAINER, 'm', 'o', 'l', 'e') \
    X(monitor, PLAIN, 'm', 'o', 'o', 'r') \
    X(move, VALUES, 'm', 'o', 'v', 'e') \
    X(mset, STORES, 'm', 's', 'e', 't') \
    X(msetex, STORES, 'm', 's', 'e', 'x') \
    X(msetnx, STORES, 'm', 's', 'n', 'x') \
    X(multi, BRIEF, 'm', 'u', 't', 'i') \
    X(object, CONTAINER, 'o', 'b', 'c', 't') \
    X(persist, BRIEF, 'p', 'e', 's', 't') \
    X(pexpire, BRIEF, 'p', 'e', 'r', 'e') \
    X(pexpireat, BRIEF, 'p', 'e', 'a', 't') \
    X(pexpiretime, BRIEF, 'p', 'e', 'm', 'e') \
    X(ping, BRIEF, 'p', 'i', 'n', 'g') \
    X(psetex, BRIEF_STORES, 'p', 's', 'e', 'x') \
    X(pttl, BRIEF, 'p', 't', 't', 'l') \
    X(quit, PLAIN, 'q', 'u', 'i', 't') \
    X(randomkey, PLAIN, 'r', 'a', 'e', 'y') \
    X(readonly, PLAIN, 'r', 'e', 'l', 'y') \
    X(readwrite, PLAIN, 'r', 'e', 't', 'e') \
    X(rename, VALUES, 'r', 'e', 'm', 'e') \
    X(renamenx, VALUES, 'r', 'e', 'n', 'x') \
    X(replicaof, PLAIN, 'r', 'e', 'o', 'f') \
    X(reset, PLAIN, 'r', 'e', 'e', 't') \
    X(restore, REACHING, 'r', 'e', 'r', 'e') \
    X(role, PLAIN, 'r', 'o', 'l', 'e') \
    X(save, PLAIN, 's', 'a', 'v', 'e') \
    X(scan, PLAIN, 's', 'c', 'a', 'n') \
    X(select, BRIEF, 's', 'e', 'c', 't') \
    X(set, BRIEF_STORES, 's', 'e', 'e', 't') \
    X(setbit, BRIEF_REACHING, 's', 'e', 'i', 't') \
    X(setex, BRIEF_STORES, 's', 'e', 'e', 'x') \
    X(setnx, BRIEF_STORES, 's', 'e', 'n', 'x') \
    X(setrange, BRIEF_REACHING, 's', 'e', 'g', 'e') \
    X(shutdown, PLAIN, 's', 'h', 'w', 'n') \
    X(slaveof, PLAIN, 's', 'l', 'o', 'f') \
    X(slowlog, CONTAINER, 's', 'l', 'o', 'g') \
    X(strlen, BRIEF, 's', 't', 'e', 'n') \
    X(substr, PLAIN, 's', 'u', 't', 'r') \
    X(swapdb, PLAIN, 's', 'w', 'd', 'b') \
    X(time, BRIEF, 't', 'i', 'm', 'e') \
    X(touch, BRIEF, 't', 'o', 'c', 'h') \
    X(ttl, BRIEF, 't', 't', 't', 'l') \
    X(type, BRIEF, 't', 'y', 'p', 'e') \
    X(unlink, BRIEF, 'u', 'n', 'n', 'k') \
    X(unwatch, BRIEF, 'u', 'n', 'c', 'h') \
    X(wait, PLAIN, 'w', 'a', 'i', 't') \
    X(waitaof, PLAIN, 'w', 'a', 'o', 'f') \
    X(watch, BRIEF, 'w', 'a', 'c', 'h')

#define COMMANDS_CLIENT(X) \
    X(client, getname) \
    X(client, help) \
    X(client, id) \
    X(client, info) \
    X(client, kill) \
    X(client, list) \
    X(client, no_evict) \
    X(client, no_touch) \
    X(client, pause) \
    X(client, reply) \
    X(client, setinfo) \
    X(client, setname) \
    X(client, unblock) \
    X(client, unpause)

#define COMMANDS_COMMAND(X) \
    X(command, count) \
    X(command, docs) \
    X(command, getkeys) \
    X(command, getkeysandflags) \
    X(command, help) \
    X(command, info) \
    X(command, list)

#define COMMANDS_CONFIG(X) \
    X(config, get) \
    X(config, help) \
    X(config, resetstat) \
    X(config, rewrite) \
    X(config, set)

#define COMMANDS_OBJECT(X) \
    X(object, encoding) \
    X(object, freq) \
    X(object, help) \
    X(object, idletime) \
    X(object, refcount)

#define COMMANDS_ACL(X) \
    X(acl, cat) \
    X(acl, deluser) \
    X(acl, dryrun) \
    X(acl, genpass) \
    X(acl, getuser) \
    X(acl, help) \
    X(acl, list) \
    X(acl, load) \
    X(acl, log) \
    X(acl, save) \
    X(acl, setuser) \
    X(acl, users) \
    X(acl, whoami)

#define COMMANDS_CLUSTER(X) \
    X(cluster, addslots) \
    X(cluster, addslotsrange) \
    X(cluster, bumpepoch) \
    X(cluster, count_failure_reports) \
    X(cluster, countkeysinslot) \
    X(cluster, delslots) \
    X(cluster, delslotsrange) \
    X(cluster, failover) \
    X(cluster, flushslots) \
    X(cluster, forget) \
    X(cluster, getkeysinslot) \
    X(cluster, help) \
    X(cluster, info) \
    X(cluster, keyslot) \
    X(cluster, links) \
    X(cluster, meet) \
    X(cluster, myid) \
    X(cluster, nodes) \
    X(cluster, replicas) \
    X(cluster, replicate) \
    X(cluster, reset) \
    X(cluster, saveconfig) \
    X(cluster, set_config_epoch) \
    X(cluster, setslot) \
    X(cluster, shards) \
    X(cluster, slaves) \
    X(cluster, slots)

#define COMMANDS_LATENCY(X) \
    X(latency, doctor) \
    X(latency, graph) \
    X(latency, help) \
    X(latency, histogram) \
    X(latency, history) \
    X(latency, latest) \
    X(latency, reset)

#define COMMANDS_MEMORY(X) \
    X(memory, doctor) \
    X(memory, help) \
    X(memory, malloc_stats) \
    X(memory, purge) \
    X(memory, stats) \
    X(memory, usage)

#define COMMANDS_MODULE(X) \
    X(module, help) \
    X(module, list) \
    X(module, load) \
    X(module, loadex) \
    X(module, unload)

#define COMMANDS_SLOWLOG(X) \
    X(slowlog, get) \
    X(slowlog, help) \
    X(slowlog, len) \
    X(slowlog, reset)

// Every container with the list of its subcommands.
#define CONTAINERS(X) \
    X(acl, COMMANDS_ACL) \
    X(client, COMMANDS_CLIENT) \
    X(cluster, COMMANDS_CLUSTER) \
    X(command, COMMANDS_COMMAND) \
    X(config, COMMANDS_CONFIG) \
    X(latency, COMMANDS_LATENCY) \
    X(memory, COMMANDS_MEMORY) \
    X(module, COMMANDS_MODULE) \
    X(object, COMMANDS_OBJECT) \
    X(slowlog, COMMANDS_SLOWLOG)

// clang-format on

#endif
