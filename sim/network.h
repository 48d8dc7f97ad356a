// The virtual network: connections between clients and the server, as seen from the kernel between
// them.
#ifndef PORO_SIM_NETWORK_H
#define PORO_SIM_NETWORK_H

#include "sim/bytes.h"
#include "sim/conversation.h"
#include "sim/world.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define LINKS_MAX 512
#define LINK_SEND_PIECES_MAX 16
#define CHUNK_END UINT32_MAX         // the end of a stream, in a queue of chunks
#define CHUNK_RESET (UINT32_MAX - 1) // a reset

// Lengths of chunks on their way, in order.
struct chunks {
    uint32_t *lengths;
    uint32_t first;
    uint32_t count;
    uint32_t capacity;
    int64_t last_ns; // when the last one arrives
};

struct link {
    bool used;
    uint32_t generation;
    uint32_t client;
    int socket;       // the server's descriptor, -1 before accept and after close
    bool listed;      // waits to be accepted
    bool client_gone; // the client has closed or reset it
    bool server_gone; // the server has closed or shut it down, or is dead
    bool refused;     // the server turned it away

    struct bytes outbox; // client to server: sent, on its way; its first bytes are in `coming`
    struct chunks coming;
    struct bytes arrived; // in the socket's buffer
    bool ended;           // ... and nothing more will come
    bool reset;

    uint64_t window;     // bytes that the client's side still takes
    uint64_t unread;     // bytes that it has and has not read
    bool stalled;        // it does not read
    struct chunks going; // server to client

    struct {
        bool armed;
        uint64_t token;
    } receive;
    struct {
        bool armed;
        uint64_t token;
        uint8_t *bytes;
        size_t length;
    } direct;
    struct {
        bool armed;
        uint64_t token;
        uint32_t generation;
        struct iovec pieces[LINK_SEND_PIECES_MAX];
        uint32_t count;
        uint64_t bytes;
        uint64_t sum;
    } send;
    struct conversation conversation;
};

struct network;
struct network *network_create(void);
void network_destroy(struct network *network);

// --- the client's side -------------------------------------------------------------------------

// Asks for a connection; the link, or NULL when nobody listens.
struct link *network_connect(struct world *world, uint32_t client);
// The link in a place below network_count, NULL when it is free.
uint32_t network_count(const struct network *network);
struct link *network_link(struct network *network, uint32_t index);
uint32_t network_index(const struct network *network, const struct link *link);
// Sends what is in link->outbox beyond what is under way, in pieces.
void network_client_send(struct world *world, struct link *link);
// Closes (with what was sent still arriving) or resets.
void network_client_close(struct world *world, struct link *link, bool reset);
// The client stops reading, or reads again.
void network_client_stall(struct world *world, struct link *link, bool stalled);
// The link is forgotten once both sides are done with it.
void network_release(struct world *world, struct link *link);

// --- what happens ------------------------------------------------------------------------------

void network_arrive(struct world *world, uint32_t index, uint32_t generation);
void network_deliver(struct world *world, uint32_t index, uint32_t generation);
void network_send_end(struct world *world, uint32_t index, uint32_t generation);
// The server is gone: every connection is reset, the listener is closed.
void network_server_died(struct world *world);

// --- the server's side (sim/io_sockets.c) -------------------------------------------------------

void network_listen(struct network *network);
// The next connection that waits to be accepted gets this descriptor; NULL when none waits.
struct link *network_accept(struct network *network, int socket);
bool network_waiting(const struct network *network);
struct link *network_of_socket(struct network *network, int socket);
bool network_is_socket(const struct network *network, int socket);
void network_server_close(struct world *world, struct link *link);
void network_server_shutdown(struct world *world, struct link *link);
// The bytes of a send are the kernel's until it ends; and when that will be, given who reads now.
void network_send_lend(struct link *link);
void network_send_begin(struct world *world, struct link *link);

#endif
