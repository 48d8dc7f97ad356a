// A stream of GETs and SETs over some connections: as fast as the server answers, or at a fixed rate.
#ifndef PORO_TESTS_BENCH_LOAD_STREAM_H
#define PORO_TESTS_BENCH_LOAD_STREAM_H

#include "tests/bench/load/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_CLIENTS_MAX 1000
#define STREAM_KEY_BYTES 16
#define STREAM_VALUE_MAX 4096

struct load_client;

struct stream {
    // options
    uint32_t clients;
    uint32_t pipeline;    // requests that are sent together
    uint32_t set_percent; // the others are GETs
    uint64_t rate;        // requests a second, 0: as fast as they are answered
    uint64_t count;       // ends after so many, 0: never
    bool in_order;        // keys first, first + 1 ...; otherwise at random, from the first `keys`
    uint64_t first;
    // of all streams
    int port;
    uint64_t keys;
    uint32_t value_bytes;

    struct load_client *connections;
    char value[STREAM_VALUE_MAX];
    uint64_t random;
    uint64_t next;  // of the keys in order
    int64_t due_ns; // of the next requests, at a fixed rate
    uint32_t turn;  // which connection is next
    uint64_t sent;
    uint64_t answered;
    struct histogram get, set; // ns from sending to the reply
    struct histogram late;     // ns from when requests were due until they were sent
};

// Connects, and registers the connections at `epoll`. Ends the program when that fails, as everything
// here does: a benchmark with an error has no result.
void stream_open(struct stream *stream, int epoll, int64_t now_ns);
void stream_close(struct stream *stream);
// Sends what is due; `now_ns` is asked of the clock. Returns when it wants to be called again.
int64_t stream_send(struct stream *stream, int64_t now_ns);
// Something of this connection is to be read or has room; epoll's pointer.
void stream_event(void *pointer, bool readable);
// All that were to be sent have been answered.
bool stream_done(const struct stream *stream);

int64_t load_now_ns(void);

#endif
