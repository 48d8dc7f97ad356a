// The virtual world: one state that holds the clock, the disk, the network, the clients, the server
// under test and its oracle, and in which everything happens in an order that the seed decides.
#ifndef PORO_SIM_WORLD_H
#define PORO_SIM_WORLD_H

#include "sim/agenda.h"
#include "sim/disk.h"
#include "sim/random.h"
#include "sim/scenario.h"
#include "sim/trace.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct clients;
struct damage_backup;
struct model;
struct network;
struct observer;
struct requests;
struct server;

enum verdict {
    VERDICT_PASSED = 0,
    VERDICT_USAGE = 2,
    VERDICT_CRASHED = 3, // an assertion or a signal
    VERDICT_STUCK = 4,   // it did not answer, start or stop in time
    VERDICT_WRONG = 5,   // a reply, a state, a refusal that should not be
};

// How a life of the server ends from outside.
enum disaster { DISASTER_NONE, DISASTER_KILL, DISASTER_POWER_CUT };

// What the monotonic clock shows first.
#define WORLD_START_NS 1000000000

struct tally {
    uint64_t runs;
    uint64_t operations;
    uint64_t faults[FAULT_COUNT];
    uint64_t crashes; // kills and power cuts
    uint64_t starts;
    uint64_t recoveries; // starts that served
    uint64_t refusals;
    uint64_t failed_stops; // the server stopped by itself, as the log could not be written
    uint64_t loading;      // commands refused because a start was not over
    uint64_t checkpoints;  // published and verified
    uint64_t based;        // starts from one
    uint64_t evicted;      // keys
    uint64_t moved;        // by defragmentation
    uint64_t turns;
    uint64_t rows; // of the recovery table that decided, a bit each
    int64_t simulated_ns;
};

struct world {
    struct plan plan;
    struct trace *trace;
    struct tally tally;

    int64_t now_ns;
    int64_t wall_us; // wall clock - monotonic clock
    struct random timing;
    struct random faults;
    struct random entropy;
    struct random aside; // chances that leave the others what they are
    struct agenda agenda;

    struct disk *disk;
    struct damage_backup *older; // an earlier state of the disk, or NULL
    struct requests *requests;   // of the server's files, in flight
    struct network *network;
    struct clients *clients;
    struct model *model;
    struct observer *observer;

    struct server *server;
    bool serving;             // the start is over
    bool checkpoint_fails;    // the next one will, in the end
    uint64_t last_checkpoint; // the attempt that is asked for in the end
    uint32_t folder_segments; // files, then
    uint32_t folder_checkpoints;
    int64_t calm_ns;             // since when, at the end of the run
    bool lying;                  // the disk says that it honours RWF_DSYNC, and does not
    bool closing;                // the work is done: clients ask their last questions
    bool calm;                   // faults have ended, or do not happen now
    int64_t dead_until_ns;       // the disk answers nothing but errors until then
    int64_t served_ns;           // since when the present life serves
    uint64_t spools_open;        // at the end of the newest replay
    uint64_t spools;             // in use when the last process ended, a bit each
    int64_t errored_ns;          // when a single operation on a file was failed last; -1: never
    bool reserve_kept;           // the last life served, and nothing but a full disk has hit it
    int64_t faulted_ns;          // when a file fault was injected last; -1: never
    uint32_t start_reads_failed; // reads that failed in the present start
    bool sync_failed;            // in this life: what it was to write may be gone
    uint64_t turns_still;        // turns since time has moved
    jmp_buf gone;                // where a disaster leads
    enum disaster disaster;
    int notices;  // a file in memory that the server's messages go to
    FILE *report; // where a failure is told
};

// The world that the seam belongs to: its functions of time have no argument that could name it.
struct world *world_current(void);

struct world *world_create(const struct plan *plan, FILE *trace, FILE *report);
void world_destroy(struct world *world);

int64_t world_wall_ms(const struct world *world);
// True when this fault happens now; counts and traces it.
bool world_fault(struct world *world, enum fault fault);
// As world_fault with odds of its own.
bool world_fault_at(struct world *world, enum fault fault, uint32_t ppm);
void world_count(struct world *world, enum fault fault);

// Keeps the disk as it is seen now, now and then.
void world_keep_disk(struct world *world);

// Lets time pass until `until_ns` or until `enough` says so, and everything happen that is due.
void world_advance(struct world *world, int64_t until_ns, bool (*enough)(const struct world *));

// Tells the last steps and the server's last messages.
void world_tell(struct world *world);
// Tells what is wrong, with the last steps and the server's last messages, and ends the program.
void world_fail(struct world *world, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));

// The run: lives of the server until the work is done, then calm, and the last checks.
void world_run(struct world *world);

#endif
