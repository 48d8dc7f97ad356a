// The loopback harness: the state of a run, and what its sources offer each other.
#ifndef PORO_SIM_LOOP_INTERNAL_H
#define PORO_SIM_LOOP_INTERNAL_H

#include "sim/bytes.h"
#include "sim/disk_damage.h"
#include "sim/loop.h"
#include "sim/loop_shared.h"
#include "sim/model.h"
#include "sim/scenario.h"
#include "sim/trace.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOOP_CLIENTS_MAX 48
#define LOOP_ROUND_MAX 96
#define LOOP_ROUND_DRAWN 48 // from the workload
#define LOOP_PATH_BYTES 160
// A server starts at this time of the wall clock, so that nothing has expired before its state has
// been read, and PTTL is exact; loop_state_verify sets the clock right.
#define LOOP_START_WALL_MS 1

struct redisContext;

struct loop_client {
    struct redisContext *context; // NULL: not connected
    uint16_t port;
    bool stalled; // it does not read for now
    bool last;    // it says no more in this round
    struct model_session session;
    struct workload_client workload;
    uint64_t asked;       // bytes sent, on this port ever
    uint64_t answered;    // bytes received, on this port ever
    struct bytes replies; // received and not yet checked
};

// A command of the present round.
struct loop_exchange {
    uint32_t client;
    bool executed;
    bool answered;
    uint64_t newest; // change, when it was executed
    struct command_line line;
    struct model_reply reply;
};

// What a log makes safe to tell, as far as it is known.
struct loop_hold {
    uint64_t safe;    // newest change that it has taken for sure
    uint64_t covered; // ... that it has when the write ends that is held now
    uint64_t number;  // of that write
    uint64_t passed;  // COMPLETION: writes so far that no rule has held
};

// How the server has ended.
enum loop_end {
    LOOP_RUNNING,
    LOOP_KILLED,  // by us, or by a rule
    LOOP_STOPPED, // asked to
    LOOP_REFUSED, // to start: the log is damaged
    LOOP_FAILED,  // by itself: it could not start, or the log failed
};

struct loop {
    struct plan plan;
    FILE *report;
    struct loop_result *result;
    jmp_buf failed;

    struct random work;   // commands, and who sends them
    struct random faults; // disasters, damage
    struct random times;  // steps of the clocks
    struct trace *trace;

    char program[LOOP_PATH_BYTES]; // of the server
    char folder[64];               // of this run
    char data[LOOP_PATH_BYTES];    // ... the server's
    int shared_file;
    struct loop_shared *shared;

    // the server
    pid_t pid; // 0: none
    uint16_t port;
    enum loop_end end;
    int exit_code;
    bool kill_sent;
    bool stop_sent;

    // the clients; 0 is the harness's own
    struct loop_client clients[LOOP_CLIENTS_MAX];
    struct loop_exchange round[LOOP_ROUND_MAX];
    uint32_t round_count;
    uint32_t round_sent; // of these
    uint64_t round_told; // newest change that a reply of it has shown

    // the oracle
    struct model *model;
    uint64_t told;            // newest change that a client knows of
    uint64_t floor;           // newest change that even a power cut must leave
    struct loop_hold hold[2]; // by enum loop_log
    uint64_t witnessed;       // newest change told while replies waited for completion records
    bool clean;               // the last life ended by a clean stop
    uint64_t lowest;          // newest change that the next start must still have
    uint32_t clients_count;   // of this life, client 0 included
    int64_t wall_ms;
    bool may_refuse;               // commands for want of space or memory
    uint64_t refused;              // ... and were
    bool evicts;                   // keys leave for want of memory: which, only the server knows
    uint32_t told_at;              // of what the layer has told, so much has been taken
    bool no_flush;                 // nobody may remove all keys for now
    bool kill_when_held;           // the server, as soon as a reply waits for a delayed write
    struct disk *image;            // of the folder, to be surveyed and damaged
    struct damage_backup *older;   // the image some lives ago, or NULL
    uint64_t counted[FAULT_COUNT]; // the layer's counters, as far as they are in the tally
};

// Tells what is wrong and ends the run.
_Noreturn void loop_fail(struct loop *loop, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void loop_count(struct loop *loop, enum fault fault);
// True `ppm` times in a million, unless this fault is left out. Counts nothing.
bool loop_chance(struct loop *loop, enum fault fault, uint64_t ppm);
int64_t loop_now_ns(const struct loop *loop);
void loop_trace(struct loop *loop, const char *what, uint64_t a, uint64_t b, uint64_t c);

// --- loop_server.c: the process

// Starts it and waits until it serves or has ended. `unhindered`: see loop_shared.
enum loop_end loop_server_start(struct loop *loop, bool unhindered);
// Waits until the server has nothing left to do. False when it has ended: see loop->end.
bool loop_server_settle(struct loop *loop);
// Lets time pass, and settles.
bool loop_server_pass(struct loop *loop, int64_t ns);
void loop_server_kill(struct loop *loop);
// Asks it to stop, by a signal or by what client 0 says, and waits for its end.
void loop_server_stop(struct loop *loop, const char *command);
// Waits for its end, which is to come by itself.
void loop_server_reap(struct loop *loop);
// Has the server said this in its present life?
bool loop_server_said(struct loop *loop, const char *text);
void loop_server_show(struct loop *loop, FILE *to);
// For the layer: rules. The first free place; all places.
void loop_rule_add(struct loop *loop, struct loop_rule rule);
void loop_rules_clear(struct loop *loop);

// --- loop_client.c: connections, through hiredis

// False when the server ended.
bool loop_client_connect(struct loop *loop, uint32_t index);
// Closes it and waits until the server has noticed. `reset`: by a reset.
bool loop_client_close(struct loop *loop, uint32_t index, bool reset);
// The server is gone: forgets all connections.
void loop_clients_forget(struct loop *loop);
void loop_client_send(struct loop *loop, uint32_t index, const void *bytes, size_t length);
// Takes everything that the server has sent so far.
void loop_client_drain(struct loop *loop, uint32_t index);
// Removes the first reply, of this length. hiredis must understand it, too, if it knows the protocol.
void loop_client_parse(struct loop *loop, uint32_t index, size_t length, uint8_t resp);

// --- loop_round.c: commands in a known order, and their replies

// Begins an empty round; adds a command of this client: fill in the line.
void loop_round_begin(struct loop *loop);
struct command_line *loop_round_add(struct loop *loop, uint32_t client);
// Draws a command, if there is room for one and the client has not said QUIT.
void loop_round_draw(struct loop *loop, uint32_t client);
// Sends all of it at once, executes it in the model, and checks the replies until all are there.
// False when the server has ended before.
bool loop_round_run(struct loop *loop);
// The same for a single command of which `skip` bytes have been sent before.
bool loop_round_run_rest(struct loop *loop, size_t skip);
// Only sends and executes what has been added since the last time, until the server has nothing left
// to do without time passing. False when it has ended.
bool loop_round_send(struct loop *loop);
void loop_rounds_free(struct loop *loop);
// Does the client wait for the checkpoint before it is answered?
bool loop_line_saves(const struct command_line *line);
// Does the round change the durability?
bool loop_round_has_config(const struct loop *loop);
// Is argument `index` this word, in upper or lower case?
bool loop_line_is(const struct command_line *line, uint32_t index, const char *word);
// One command of client 0, from words up to NULL, in a round of its own.
bool loop_ask(struct loop *loop, const char *word, ...) __attribute__((sentinel));

// --- loop_answer.c: replies, and what may be told

// Executes a command in the model.
void loop_exchange_execute(struct loop *loop, struct loop_exchange *exchange);
// Checks the replies that have come. True when all are there.
bool loop_round_check(struct loop *loop);
// The server is at rest: notes what is written, and what is on its way.
void loop_hold_observe(struct loop *loop);
// Everything up to this change may be told.
void loop_round_safe(struct loop *loop, uint64_t change);
// Is a write that replies wait for held back?
bool loop_round_held(const struct loop *loop);

// --- loop_probe.c

// Adds commands to the round that look at what those before have changed.
void loop_probe_draw(struct loop *loop);

// --- loop_evict.c: keys that leave

// A start has a policy, and memory for everything; then the plan's. False when the server ended.
const char *loop_evict_policy(const struct loop *loop);
void loop_evict_begin(struct loop *loop);
bool loop_evict_limit(struct loop *loop);
// Tells the model which keys have gone since the last time; `to_command`: up to the next command that
// the server has executed or refused. Returns which, LOOP_TOLD_NOTHING when there is none.
enum loop_told_kind loop_evict_take(struct loop *loop, bool to_command);

// --- loop_state.c: states

// What the server has must be the state after some change from `lowest` on; the model goes back to
// it.
void loop_state_verify(struct loop *loop, uint64_t lowest);
// As above for a server that may have lost what `lowest` does not cover; the model stays as it is.
void loop_state_check(struct loop *loop, uint64_t lowest);
// Moves the wall clock, and has everything deleted that has expired. False when the server ended.
bool loop_state_wall(struct loop *loop, int64_t wall_ms);

// --- loop_disk.c: files at rest

// The process is gone: what it was writing is in the page cache now.
void loop_disk_process_gone(struct loop *loop);
// The power is gone: what was volatile is lost, kept, torn. The server must be dead.
void loop_disk_power_cut(struct loop *loop);
// The disk knows of no file; it has this one, all of it durable, at this index.
void loop_disk_forget(struct loop *loop);
void loop_disk_know(struct loop *loop, uint32_t index, const char *name, const uint8_t *bytes,
                    uint64_t size);

void loop_file_path(const struct loop *loop, const char *name,
                    char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES]);
// The whole file, and zeros behind its end. Its size, 0 when there is no such file.
uint64_t loop_file_read(const struct loop *loop, const char *name, struct bytes *bytes);
void loop_file_write(const struct loop *loop, const char *name, const uint8_t *bytes,
                     uint64_t size);

// --- loop_image.c: the folder as a virtual disk, loop->image

// The image becomes what the folder is; the folder becomes what the image is, all of it durable.
void loop_image_take(struct loop *loop);
void loop_image_put(struct loop *loop);

// --- loop_rest.c

// Between two lives: damages the files, sees what the server makes of it, and mends them.
void loop_rest(struct loop *loop);
void loop_rest_free(struct loop *loop);

// --- loop_network.c

// A fault of the network, by chance: a client vanishes with replies in flight, sends in fragments, or
// does not read. False when the server ended.
bool loop_network_fault(struct loop *loop);

// --- loop_space.c

// By chance: the disk is full for some time. False when the server ended.
bool loop_space_fault(struct loop *loop);
// A rule by which there is no space.
struct loop_rule loop_space_rule(void);

// --- loop_life.c, loop_massive.c, loop_inspect.c

// Lives until the plan's work is done.
void loop_lives_run(struct loop *loop);
void loop_massive_run(struct loop *loop);
// Looks at what the server tells about itself. False when it ended.
bool loop_inspect(struct loop *loop);

#endif
