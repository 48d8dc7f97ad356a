// The fault layer inside the server: what its sources share.
//
// The server is linked with --wrap for the functions of the seam: its calls of io_write come to
// __wrap_io_write here, and __real_io_write is the ring's. Nothing here allocates after the start.
#ifndef PORO_SIM_LOOP_LAYER_H
#define PORO_SIM_LOOP_LAYER_H

#include "server/io.h"
#include "sim/loop_shared.h"

#include <stdbool.h>
#include <stdint.h>

#define LAYER_REQUESTS_MAX 256
#define LAYER_EVENTS_MAX 8192
#define LAYER_DESCRIPTORS_MAX 4096
#define LAYER_SLOTS_MAX 65536
#define LAYER_NO_FILE LOOP_NO_FILE

// A request on a file, from its submission until the server has been told of its end.
struct layer_request {
    bool used;
    bool in_kernel;
    enum loop_class class;
    uint64_t token; // the server's
    uint64_t serial;
    int32_t result;
    int64_t due_ns; // when the server is told
    uint16_t file;  // LAYER_NO_FILE: the folder, or none
    uint64_t offset;
    uint64_t length;
    bool dsync;
    struct iovec pieces[IO_SEND_PIECES_MAX];
    uint32_t count;
    uint64_t sum;     // of the bytes to be written, when they were submitted
    uint32_t time;    // SYNC: it covers what was written until then
    uint64_t size;    // SYNC: ...
    bool spoils;      // SYNC: ... and puts other bytes on the medium
    uint32_t namings; // SYNC_FOLDER: ...
    bool named;       // CREATE, RENAME, UNLINK: it has changed the folder
    bool delayed;     // counted in loop_shared.delayed
    bool held;        // counted in loop_shared.held
    enum loop_log log;
    uint32_t generation;
};

struct layer {
    struct loop_shared *shared;
    int directory; // of the data, -1 before it is known
    uint64_t serial;
    uint32_t in_kernel;
    bool kill_due;
    uint64_t need; // memory, of whoever waits for an eviction
    bool touched;  // something was handed to the ring since it was looked at
    bool started;  // everything that a start waits for is done
    bool accepts;  // as it does already while data is loaded
    struct layer_request requests[LAYER_REQUESTS_MAX];
    uint16_t file_of[LAYER_DESCRIPTORS_MAX]; // open descriptors
    uint16_t port_of[LAYER_DESCRIPTORS_MAX]; // accepted sockets
    uint16_t port_of_slot[LAYER_SLOTS_MAX];  // connections
    uint32_t receives[LOOP_PORTS];           // in flight
    uint32_t events;                         // of sockets and signals, not yet delivered
    struct io_event event[LAYER_EVENTS_MAX];
    struct io_event batch[IO_EVENTS_MAX]; // fresh from the ring
};

struct layer *layer_current(void);
// True when the layer only passes everything on.
bool layer_unhindered(void);
// Notes that the server has broken a rule of the seam; the first one stays.
void layer_violation(struct layer *layer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void layer_die(struct layer *layer);

// --- loop_layer_files.c

// An end of a request on a file, from the ring. False when the event is not one of these.
bool layer_file_event(struct layer *layer, const struct io_event *event);
// The server is about to be told: the effects on the disk. Fills in the server's event.
void layer_file_finish(struct layer *layer, struct layer_request *request, struct io_event *event);

// --- loop_layer_disk.c: what requests do to the disk

// The file of this name, LAYER_NO_FILE when there is none.
uint16_t layer_disk_find(const struct layer *layer, const char *name);
bool layer_disk_is_checkpoint(const struct layer *layer, uint16_t file);
// Makes a file, renames or removes one: takes effect at once, is durable when the folder is synced. A
// file that has the new name already is replaced.
uint16_t layer_disk_create(struct layer *layer, const char *name);
void layer_disk_rename(struct layer *layer, uint16_t file, const char *to);
void layer_disk_unlink(struct layer *layer, uint16_t file);
// Its space is about to be given back: no start may find the file any more.
void layer_disk_expect_removed(struct layer *layer, uint16_t file);
// ... and did not come about.
void layer_disk_undo_naming(struct layer *layer, const struct layer_request *request);
// A write begins: whatever of it arrives is volatile.
void layer_disk_writing(struct layer *layer, const struct layer_request *request);
// A write has ended: `bytes` of it are in the cache, and on the medium if it is `dsync`.
void layer_disk_written(struct layer *layer, const struct layer_request *request, uint64_t bytes);
// Writes some sectors of the request, as a failed write may, or the first `bytes`.
void layer_disk_write_some(struct layer *layer, const struct layer_request *request);
void layer_disk_write_first(struct layer *layer, const struct layer_request *request,
                            uint64_t bytes);
void layer_disk_synced(struct layer *layer, const struct layer_request *request);
void layer_disk_sync_failed(struct layer *layer, const struct layer_request *request);
void layer_disk_folder_synced(struct layer *layer, const struct layer_request *request);
// What failed syncs left in the cache is gone.
void layer_disk_drop_cache(struct layer *layer, uint16_t file);

#endif
