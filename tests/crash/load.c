// The load of one round: all writers at once, until the server is killed or asked to stop.
#include "tests/crash/load.h"

#include "tests/crash/client.h"
#include "tests/crash/workload.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define STOP_PATIENCE_MS 30000
#define IDLE_PATIENCE_MS 30000
#define DRAIN_PATIENCE_MS 10000

struct load {
    struct test *test;
    const struct load_plan *plan;
    struct workload workload;
    struct client clients[WRITERS_MAX];
    struct pollfd polls[WRITERS_MAX];
    uint32_t count;
    char *scratch; // of all clients
    bool sending;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void load_open(struct load *load)
{
    static const uint32_t windows[] = {1, 4, 16, 64, 200};
    struct test *test = load->test;
    load->scratch = malloc(CLIENT_READ_BYTES);
    assert(load->scratch != NULL);
    load->count = test->model->writer_count;
    for (uint32_t i = 0; i < load->count; i++) {
        struct client *client = &load->clients[i];
        *client = (struct client){.test = test,
                                  .writer = &test->model->writers[i],
                                  .window = windows[random_below(&test->random, 5)],
                                  .reads_only =
                                      i > WRITERS_FLUSHING + 1 && random_percent(&test->random, 20),
                                  .scratch = load->scratch};
        if (!client_open(client))
            test_fail(test, "writer %u cannot connect", i);
    }
}

static void load_close(struct load *load)
{
    free(load->scratch);
    for (uint32_t i = 0; i < load->count; i++)
        client_close(&load->clients[i]);
}

static bool load_idle(const struct load *load)
{
    for (uint32_t i = 0; i < load->count; i++) {
        const struct writer *writer = load->clients[i].writer;
        if (writer->answered < writer->op_count)
            return false;
    }
    return true;
}

static uint32_t load_open_clients(const struct load *load)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < load->count; i++)
        open += !load->clients[i].closed;
    return open;
}

// Fills the pipelines, waits for the sockets, reads and writes.
static void load_turn(struct load *load, int wait_ms)
{
    for (uint32_t i = 0; i < load->count; i++) {
        struct client *client = &load->clients[i];
        while (load->sending && client_ready(client) &&
               client->writer->op_count < load->plan->ops_max) {
            uint32_t before = client->writer->op_count;
            workload_send(&load->workload, client);
            if (client->writer->op_count == before)
                break;
        }
        load->polls[i].fd = client->closed ? -1 : client->context->fd;
        load->polls[i].events = (short)(POLLIN | (client_has_output(client) ? POLLOUT : 0));
        load->polls[i].revents = 0;
    }
    if (poll(load->polls, load->count, wait_ms) <= 0)
        return;
    for (uint32_t i = 0; i < load->count; i++) {
        struct client *client = &load->clients[i];
        short events = load->polls[i].revents;
        // What was answered before the connection broke is still there to be read: read first.
        if (events & (POLLIN | POLLHUP | POLLERR))
            client_read(client);
        if ((events & POLLOUT) && !client->closed)
            client_write(client);
    }
}

// A client that sends and is gone.
static void load_vanish(struct load *load)
{
    redisContext *context = redisConnectNonBlock("127.0.0.1", load->test->process.port);
    if (context == NULL)
        return;
    redisAppendCommand(context, "SELECT %d", SHORT_LIVED_DATABASE);
    for (int i = 0; i < 30 && context->err == 0; i++)
        redisAppendCommand(context, "SET short:%d %s PX %d", i, "nobody waits for this", 1 + i);
    int done = 0;
    if (context->err == 0)
        redisBufferWrite(context, &done);
    redisFree(context);
}

static void load_signal(struct load *load)
{
    struct test *test = load->test;
    if (load->plan->ending == ENDING_STOP) {
        kill(test->process.pid, SIGTERM);
        test->clean_stops++;
    } else {
        process_kill(&test->process);
        test->kills++;
    }
}

static void load_steady(struct load *load)
{
    struct test *test = load->test;
    int64_t end_ms = now_ms() + load->plan->duration_ms;
    load->sending = true;
    while (now_ms() < end_ms && !test->failed) {
        load_turn(load, (int)(end_ms - now_ms() < 5 ? 1 : 5));
        if (load->plan->vanishing && random_percent(&load->workload.random, 2))
            load_vanish(load);
        if (load_open_clients(load) == load->count)
            continue;
        if (process_ended(&test->process) ||
            (process_reap(&test->process, 1), test->process.pid == 0))
            test_fail(test, "the server died by itself: wait status 0x%x", test->process.status);
        else
            test_fail(test, "the server closed a connection while it was running");
    }
    if (load->plan->ending != ENDING_KILL_IDLE)
        return;
    load->sending = false;
    end_ms = now_ms() + IDLE_PATIENCE_MS;
    while (!load_idle(load) && now_ms() < end_ms && !test->failed)
        load_turn(load, 5);
    if (!load_idle(load))
        test_fail(test, "not everything was answered within %d ms", IDLE_PATIENCE_MS);
}

static void load_drain(struct load *load)
{
    load->sending = false;
    int64_t end_ms = now_ms() + DRAIN_PATIENCE_MS;
    while (load_open_clients(load) > 0 && now_ms() < end_ms)
        load_turn(load, 5);
    if (load_open_clients(load) > 0)
        test_fail(load->test, "connections outlive the server by %d ms", DRAIN_PATIENCE_MS);
}

static void load_await_stop(struct load *load)
{
    struct test *test = load->test;
    int64_t end_ms = now_ms() + STOP_PATIENCE_MS;
    while (!process_ended(&test->process) && now_ms() < end_ms)
        load_turn(load, 2);
    if (test->process.pid != 0) {
        test_fail(test, "no clean stop within %d ms after SIGTERM", STOP_PATIENCE_MS);
        process_kill(&test->process);
    } else if (!WIFEXITED(test->process.status) || WEXITSTATUS(test->process.status) != 0) {
        test_fail(test, "clean stop: wait status 0x%x instead of exit code 0",
                  test->process.status);
    }
}

void load_run(struct test *test, const struct load_plan *plan)
{
    struct load *load = calloc(1, sizeof *load);
    assert(load != NULL);
    load->test = test;
    load->plan = plan;
    workload_create(&load->workload, test);
    load->workload.bytes_left = plan->bytes;
    load->workload.changes_mode = plan->changes_mode;
    load->workload.saves = plan->saves;
    load_open(load);
    load_steady(load);
    if (test->process.pid != 0) {
        load_signal(load);
        if (plan->ending == ENDING_STOP)
            load_await_stop(load);
    }
    load_drain(load);
    load_close(load);
    workload_destroy(&load->workload);
    free(load);
}
