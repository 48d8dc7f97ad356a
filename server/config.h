// Configuration: one table of settings, read from a file in redis.conf syntax, from the command
// line and by CONFIG SET.
#ifndef PORO_SERVER_CONFIG_H
#define PORO_SERVER_CONFIG_H

#include "conf/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_TEXT_MAX 1024 // longest value of a text setting, terminator included
#define CONFIG_ERROR_MAX 512
#define CONFIG_BINDS_MAX 16

enum config_appendfsync { APPENDFSYNC_ALWAYS, APPENDFSYNC_EVERYSEC, APPENDFSYNC_NO };
enum config_wal_ack { WAL_ACK_INTENT, WAL_ACK_COMPLETION };
enum config_direct_io { WAL_DIRECT_AUTO, WAL_DIRECT_NO };
enum config_loglevel { LOGLEVEL_DEBUG, LOGLEVEL_VERBOSE, LOGLEVEL_NOTICE, LOGLEVEL_WARNING };

// The values in force. Sizes in bytes; times in the unit that the name ends with.
struct config {
    // network
    char bind[CONFIG_TEXT_MAX]; // space-separated addresses; default "127.0.0.1 -::1" as in Redis
    int64_t port;               // 1..65535
    int64_t tcp_backlog;
    int64_t timeout_s; // close idle clients after this; 0: never
    int64_t tcp_keepalive_s;
    bool protected_mode;
    // clients
    int64_t maxclients;
    char requirepass[CONFIG_TEXT_MAX]; // empty: none
    int64_t proto_max_bulk_len;
    // memory
    int64_t maxmemory; // 0 in the file means the default: 75 % of the machine's memory
    // durability
    char dir[CONFIG_TEXT_MAX];
    enum config_appendfsync appendfsync;
    enum config_wal_ack wal_ack;         // wal-ack intent|completion
    int64_t completion_interval_ms;      // completion-interval, 1..10000, default 100
    int64_t wal_segment_size;            // immutable once a data folder exists; default 64mb
    int64_t wal_segments_ahead;          // default 4, min 3
    enum config_direct_io wal_direct_io; // wal-direct-io auto|no
    // general
    enum config_loglevel loglevel;
    char logfile[CONFIG_TEXT_MAX]; // empty: standard output
    int64_t hz;                    // background cycles a second, 1..500, default 10
    int64_t databases;             // fixed at 16
    bool appendonly;               // fixed at yes
    char save[CONFIG_TEXT_MAX];    // accepted for tools that ask; default ""
};

// Defaults; `memory_bytes`: of the machine.
void config_init(struct config *config, uint64_t memory_bytes);

// Reads a file. 0, or -errno / -EINVAL with a message "FILE:LINE: reason" (or "FILE: reason") in
// error. Nothing is half-applied: on error the caller exits.
int config_load(struct config *config, const char *path, char error[CONFIG_ERROR_MAX]);

// Applies `poro-server [file] [--name value ...]` exactly as redis-server parses its arguments (an
// option takes all following words up to the next one that starts with "--"). `argv` without the
// program's name. Loads the file first if there is one.
int config_arguments(struct config *config, int argc, char **argv, char error[CONFIG_ERROR_MAX]);

// --- CONFIG GET and SET
// ------------------------------------------------------------------------------------

// Number of settings, the name of setting `index`, and its present value as text as CONFIG GET
// shows it; returns the length.
size_t config_count(void);
const char *config_name(size_t index);
size_t config_format(const struct config *config, size_t index, char text[CONFIG_TEXT_MAX]);

// CONFIG SET of `count` pairs, all or none: changes `config` only when every one is valid. 0, or
// -EINVAL with the reply's error text (with its "ERR " prefix, equal to Redis 7.0's) in error.
struct config_pair {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};
int config_set(struct config *config, const struct config_pair *pairs, size_t count,
               char error[CONFIG_ERROR_MAX]);

#endif
