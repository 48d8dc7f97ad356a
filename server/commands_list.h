// The lists of all commands and subcommands: one line for each, in the order of the command table.
//
// A command's line: its name; how it is called; its first two and last two letters, by which it is
// found. How: PLAIN has a handler command_NAME; VALUES has one too, and a function
// command_NAME_bytes, because it makes values of other values; REACHING has one, and functions
// command_NAME_reach and command_NAME_log, because its values may be longer than its arguments;
// CONTAINER has subcommands and nothing of its own; BOTH has subcommands and a handler. A
// subcommand's line: its name; it is PLAIN.
#ifndef PORO_SERVER_COMMANDS_LIST_H
#define PORO_SERVER_COMMANDS_LIST_H

// clang-format off
#define COMMANDS(X) \
    X(append, PLAIN, 'a', 'p', 'n', 'd') \
    X(auth, PLAIN, 'a', 'u', 't', 'h') \
    X(bitcount, PLAIN, 'b', 'i', 'n', 't') \
    X(bitfield, REACHING, 'b', 'i', 'l', 'd') \
    X(bitfield_ro, PLAIN, 'b', 'i', 'r', 'o') \
    X(bitop, VALUES, 'b', 'i', 'o', 'p') \
    X(bitpos, PLAIN, 'b', 'i', 'o', 's') \
    X(client, CONTAINER, 'c', 'l', 'n', 't') \
    X(command, BOTH, 'c', 'o', 'n', 'd') \
    X(config, CONTAINER, 'c', 'o', 'i', 'g') \
    X(copy, VALUES, 'c', 'o', 'p', 'y') \
    X(dbsize, PLAIN, 'd', 'b', 'z', 'e') \
    X(decr, PLAIN, 'd', 'e', 'c', 'r') \
    X(decrby, PLAIN, 'd', 'e', 'b', 'y') \
    X(del, PLAIN, 'd', 'e', 'e', 'l') \
    X(delex, PLAIN, 'd', 'e', 'e', 'x') \
    X(delifeq, PLAIN, 'd', 'e', 'e', 'q') \
    X(digest, PLAIN, 'd', 'i', 's', 't') \
    X(discard, PLAIN, 'd', 'i', 'r', 'd') \
    X(dump, PLAIN, 'd', 'u', 'm', 'p') \
    X(echo, PLAIN, 'e', 'c', 'h', 'o') \
    X(exec, PLAIN, 'e', 'x', 'e', 'c') \
    X(exists, PLAIN, 'e', 'x', 't', 's') \
    X(expire, PLAIN, 'e', 'x', 'r', 'e') \
    X(expireat, PLAIN, 'e', 'x', 'a', 't') \
    X(expiretime, PLAIN, 'e', 'x', 'm', 'e') \
    X(flushall, PLAIN, 'f', 'l', 'l', 'l') \
    X(flushdb, PLAIN, 'f', 'l', 'd', 'b') \
    X(get, PLAIN, 'g', 'e', 'e', 't') \
    X(getbit, PLAIN, 'g', 'e', 'i', 't') \
    X(getdel, PLAIN, 'g', 'e', 'e', 'l') \
    X(getex, PLAIN, 'g', 'e', 'e', 'x') \
    X(getrange, PLAIN, 'g', 'e', 'g', 'e') \
    X(getset, PLAIN, 'g', 'e', 'e', 't') \
    X(hello, PLAIN, 'h', 'e', 'l', 'o') \
    X(incr, PLAIN, 'i', 'n', 'c', 'r') \
    X(incrby, PLAIN, 'i', 'n', 'b', 'y') \
    X(incrbyfloat, REACHING, 'i', 'n', 'a', 't') \
    X(increx, REACHING, 'i', 'n', 'e', 'x') \
    X(info, PLAIN, 'i', 'n', 'f', 'o') \
    X(keys, PLAIN, 'k', 'e', 'y', 's') \
    X(lcs, PLAIN, 'l', 'c', 'c', 's') \
    X(mget, PLAIN, 'm', 'g', 'e', 't') \
    X(move, VALUES, 'm', 'o', 'v', 'e') \
    X(mset, PLAIN, 'm', 's', 'e', 't') \
    X(msetex, PLAIN, 'm', 's', 'e', 'x') \
    X(msetnx, PLAIN, 'm', 's', 'n', 'x') \
    X(multi, PLAIN, 'm', 'u', 't', 'i') \
    X(object, CONTAINER, 'o', 'b', 'c', 't') \
    X(persist, PLAIN, 'p', 'e', 's', 't') \
    X(pexpire, PLAIN, 'p', 'e', 'r', 'e') \
    X(pexpireat, PLAIN, 'p', 'e', 'a', 't') \
    X(pexpiretime, PLAIN, 'p', 'e', 'm', 'e') \
    X(ping, PLAIN, 'p', 'i', 'n', 'g') \
    X(psetex, PLAIN, 'p', 's', 'e', 'x') \
    X(pttl, PLAIN, 'p', 't', 't', 'l') \
    X(quit, PLAIN, 'q', 'u', 'i', 't') \
    X(randomkey, PLAIN, 'r', 'a', 'e', 'y') \
    X(rename, VALUES, 'r', 'e', 'm', 'e') \
    X(renamenx, VALUES, 'r', 'e', 'n', 'x') \
    X(reset, PLAIN, 'r', 'e', 'e', 't') \
    X(restore, REACHING, 'r', 'e', 'r', 'e') \
    X(scan, PLAIN, 's', 'c', 'a', 'n') \
    X(select, PLAIN, 's', 'e', 'c', 't') \
    X(set, PLAIN, 's', 'e', 'e', 't') \
    X(setbit, REACHING, 's', 'e', 'i', 't') \
    X(setex, PLAIN, 's', 'e', 'e', 'x') \
    X(setnx, PLAIN, 's', 'e', 'n', 'x') \
    X(setrange, REACHING, 's', 'e', 'g', 'e') \
    X(shutdown, PLAIN, 's', 'h', 'w', 'n') \
    X(strlen, PLAIN, 's', 't', 'e', 'n') \
    X(substr, PLAIN, 's', 'u', 't', 'r') \
    X(swapdb, PLAIN, 's', 'w', 'd', 'b') \
    X(time, PLAIN, 't', 'i', 'm', 'e') \
    X(touch, PLAIN, 't', 'o', 'c', 'h') \
    X(ttl, PLAIN, 't', 't', 't', 'l') \
    X(type, PLAIN, 't', 'y', 'p', 'e') \
    X(unlink, PLAIN, 'u', 'n', 'n', 'k') \
    X(unwatch, PLAIN, 'u', 'n', 'c', 'h') \
    X(wait, PLAIN, 'w', 'a', 'i', 't') \
    X(watch, PLAIN, 'w', 'a', 'c', 'h')

#define COMMANDS_CLIENT(X) \
    X(client, getname) \
    X(client, help) \
    X(client, id) \
    X(client, info) \
    X(client, kill) \
    X(client, list) \
    X(client, no_evict) \
    X(client, no_touch) \
    X(client, reply) \
    X(client, setinfo) \
    X(client, setname)

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
    X(config, set)

#define COMMANDS_OBJECT(X) \
    X(object, encoding) \
    X(object, freq) \
    X(object, help) \
    X(object, idletime) \
    X(object, refcount)

// Every container with the list of its subcommands.
#define CONTAINERS(X) \
    X(client, COMMANDS_CLIENT) \
    X(command, COMMANDS_COMMAND) \
    X(config, COMMANDS_CONFIG) \
    X(object, COMMANDS_OBJECT)

// clang-format on

#endif
