// The loopback harness: the server's process: started, let go on step by step, killed, stopped.
#include "sim/loop_internal.h"

#include "server/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// In real time: a server that is silent for so long is stuck.
#define PATIENCE_NS 20000000000
#define PAUSE_NS 2000000
// In its own time: what a clean stop may take.
#define STOP_STEP_NS 1000000000
#define STOP_NS_MAX 60000000000
#define LOG_SHOWN_BYTES 3000
#define SERVER_WORDS_MAX 48
#define MEMORY_ENOUGH (int64_t) MIB(512)

static int64_t real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// --- rules -----------------------------------------------------------------------------------

void loop_rule_add(struct loop *loop, struct loop_rule rule)
{
    for (uint32_t i = 0; i < LOOP_RULES_MAX; i++) {
        if (loop->shared->rules[i].classes != 0)
            continue;
        loop->shared->rules[i] = rule;
        return;
    }
    assert(false && "too many rules");
}

void loop_rules_clear(struct loop *loop)
{
    memset(loop->shared->rules, 0, sizeof(loop->shared->rules));
}

// --- starting --------------------------------------------------------------------------------

static uint16_t free_port(void)
{
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
    } address = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int bound = bind(file, &address.any, length);
    int named = getsockname(file, &address.any, &length);
    assert(file >= 0 && bound == 0 && named == 0);
    close(file);
    return ntohs(address.v4.sin_port);
}

struct arguments {
    uint32_t count;
    const char *words[SERVER_WORDS_MAX];
    char numbers[16][24];
    uint32_t numbers_count;
};

static void argument_add(struct arguments *arguments, const char *name, const char *value)
{
    assert(arguments->count + 3 <= SERVER_WORDS_MAX);
    arguments->words[arguments->count++] = name;
    arguments->words[arguments->count++] = value;
    arguments->words[arguments->count] = NULL;
}

static void argument_number(struct arguments *arguments, const char *name, int64_t value)
{
    char *text = arguments->numbers[arguments->numbers_count++];
    snprintf(text, sizeof(arguments->numbers[0]), "%lld", (long long)value);
    argument_add(arguments, name, text);
}

static void server_arguments(const struct loop *loop, struct arguments *arguments)
{
    static const char *const modes[] = {"always", "everysec", "no"};
    const struct config *config = &loop->plan.config;
    arguments->words[arguments->count++] = loop->program;
    argument_add(arguments, "--bind", "127.0.0.1");
    argument_number(arguments, "--port", loop->port);
    argument_add(arguments, "--dir", loop->data);
    argument_number(arguments, "--maxclients", 200);
    argument_number(arguments, "--maxmemory", loop->evicts ? MEMORY_ENOUGH : config->maxmemory);
    argument_add(arguments, "--maxmemory-policy", loop_evict_policy(loop));
    argument_number(arguments, "--maxmemory-samples", config->maxmemory_samples);
    argument_number(arguments, "--wal-segment-size", config->wal_segment_size);
    argument_number(arguments, "--wal-segments-ahead", config->wal_segments_ahead);
    argument_number(arguments, "--auto-aof-rewrite-percentage",
                    config->auto_aof_rewrite_percentage);
    argument_number(arguments, "--auto-aof-rewrite-min-size", config->auto_aof_rewrite_min_size);
    argument_add(arguments, "--save", config->save);
    argument_add(arguments, "--wal-direct-io",
                 config->wal_direct_io == WAL_DIRECT_NO ? "no" : "auto");
    argument_add(arguments, "--appendfsync", modes[config->appendfsync]);
    argument_add(arguments, "--wal-ack",
                 config->wal_ack == WAL_ACK_COMPLETION ? "completion" : "intent");
    argument_number(arguments, "--completion-interval", config->completion_interval_ms);
    argument_number(arguments, "--hz", config->hz);
}

static void server_exec(const struct loop *loop, struct arguments *arguments)
{
    char path[LOOP_PATH_BYTES + 8];
    char number[16];
    snprintf(path, sizeof(path), "%s/log", loop->folder);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)
        _exit(127);
    snprintf(number, sizeof(number), "%d", loop->shared_file);
    setenv(LOOP_ENVIRONMENT, number, 1);
    signal(SIGPROF, SIG_DFL);
    execv(loop->program, (char *const *)arguments->words);
    _exit(127);
}

// What belongs to one life of the server; the disk stays.
static void shared_begin(struct loop_shared *shared, bool unhindered)
{
    shared->unhindered = unhindered;
    shared->gates = 0;
    shared->gate_holds = false;
    shared->accepted_wanted = 0;
    shared->ended_wanted = 0;
    shared->ending = 0;
    shared->signals_wanted = 0;
    shared->violation[0] = '\0';
    shared->based = false;
    shared->told_bytes = 0;
    atomic_store(&shared->accepted, 0);
    atomic_store(&shared->ended, 0);
    atomic_store(&shared->signals, 0);
    atomic_store(&shared->closed, 0);
    atomic_store(&shared->held[LOOP_INTENT], 0);
    atomic_store(&shared->held[LOOP_COMPLETION], 0);
    atomic_store(&shared->delayed, 0);
    atomic_store(&shared->serving, false);
    atomic_store(&shared->killed, false);
    atomic_fetch_add(&shared->request, 1);
}

// --- waiting ---------------------------------------------------------------------------------

static enum loop_end end_of(struct loop *loop, int status)
{
    if (WIFSIGNALED(status)) {
        bool ours = loop->kill_sent || atomic_load(&loop->shared->killed);
        if (WTERMSIG(status) == SIGKILL && ours)
            return LOOP_KILLED;
        loop_fail(loop, VERDICT_CRASHED, "the server crashed (signal %d)", WTERMSIG(status));
    }
    loop->exit_code = WEXITSTATUS(status);
    switch (loop->exit_code) {
    case EXIT_CLEAN:
        if (!loop->stop_sent)
            loop_fail(loop, VERDICT_WRONG, "the server has stopped without being asked to");
        return LOOP_STOPPED;
    case EXIT_DAMAGED:
        return LOOP_REFUSED;
    case EXIT_START:
    case EXIT_LOG_FAILED:
        return LOOP_FAILED;
    default:
        loop_fail(loop, VERDICT_CRASHED, "the server ended with exit code %d", loop->exit_code);
    }
}

// Counts what the layer has injected since the last time.
static void faults_take(struct loop *loop)
{
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        uint64_t now = loop->shared->faults[i];
        loop->result->tally.faults[i] += now - loop->counted[i];
        loop->counted[i] = now;
    }
    loop->result->tally.checkpoints += loop->shared->published;
    loop->shared->published = 0;
}

// Has the process ended? Never blocks.
static bool server_ended(struct loop *loop)
{
    int status;
    pid_t got = waitpid(loop->pid, &status, WNOHANG);
    assert(got >= 0);
    if (got == 0)
        return false;
    loop->pid = 0;
    faults_take(loop);
    loop_disk_process_gone(loop);
    loop->end = end_of(loop, status);
    return true;
}

static void check_violation(struct loop *loop)
{
    if (loop->shared->violation[0] != '\0')
        loop_fail(loop, VERDICT_WRONG, "%s", loop->shared->violation);
}

// Tells what the layer is still waiting for.
static _Noreturn void server_restless(struct loop *loop)
{
    const struct loop_shared *shared = loop->shared;
    fprintf(loop->report, "accepted %llu of %llu, ended %llu of %llu\n",
            (unsigned long long)atomic_load(&shared->accepted),
            (unsigned long long)shared->accepted_wanted,
            (unsigned long long)atomic_load(&shared->ended),
            (unsigned long long)shared->ended_wanted);
    for (uint32_t i = 0; i < shared->gates; i++)
        fprintf(loop->report, "received %llu of %llu on port %u\n",
                (unsigned long long)shared->received[shared->gate[i].port],
                (unsigned long long)shared->gate[i].received, shared->gate[i].port);
    loop_fail(loop, VERDICT_STUCK, "the server does not come to rest");
}

// Waits until the layer says that the server is parked, or until it has ended.
static bool server_wait_parked(struct loop *loop)
{
    struct loop_shared *shared = loop->shared;
    uint64_t request = atomic_load(&shared->request);
    int64_t began_ns = real_ns();
    for (;;) {
        uint32_t parked = atomic_load(&shared->parked);
        if (atomic_load(&shared->parked_for) == request)
            break;
        const struct timespec pause = {.tv_nsec = PAUSE_NS};
        syscall(SYS_futex, &shared->parked, FUTEX_WAIT, parked, &pause, NULL, 0);
        if (atomic_load(&shared->parked_for) == request)
            break;
        if (server_ended(loop)) {
            check_violation(loop);
            return false;
        }
        if (real_ns() - began_ns > PATIENCE_NS)
            server_restless(loop);
    }
    check_violation(loop);
    faults_take(loop);
    return true;
}

bool loop_server_settle(struct loop *loop)
{
    assert(loop->pid > 0);
    atomic_fetch_add(&loop->shared->request, 1);
    return server_wait_parked(loop);
}

bool loop_server_pass(struct loop *loop, int64_t ns)
{
    struct loop_shared *shared = loop->shared;
    int64_t now_ns = loop_now_ns(loop);
    shared->horizon_ns = (shared->horizon_ns > now_ns ? shared->horizon_ns : now_ns) + ns;
    return loop_server_settle(loop);
}

// --- life ------------------------------------------------------------------------------------

static enum loop_end server_await_serving(struct loop *loop)
{
    int64_t began_ns = real_ns();
    while (!atomic_load(&loop->shared->serving)) {
        if (server_ended(loop))
            return loop->end;
        if (real_ns() - began_ns > PATIENCE_NS)
            loop_fail(loop, VERDICT_STUCK, "the server does not start");
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return LOOP_RUNNING;
}

enum loop_end loop_server_start(struct loop *loop, bool unhindered)
{
    assert(loop->pid == 0);
    struct loop_shared *shared = loop->shared;
    shared_begin(shared, unhindered);
    atomic_store(&shared->wall_us, LOOP_START_WALL_MS * 1000);
    loop->port = free_port();
    loop->kill_sent = false;
    loop->stop_sent = false;
    loop->end = LOOP_RUNNING;
    struct arguments arguments = {0};
    server_arguments(loop, &arguments);
    fflush(loop->report);
    pid_t parent = getpid();
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        // The server must not outlive a run that is interrupted.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            server_exec(loop, &arguments);
        _exit(127);
    }
    loop->pid = pid;
    loop->result->tally.starts++;
    if (unhindered)
        return server_await_serving(loop);
    if (!server_wait_parked(loop))
        return loop->end;
    loop->result->tally.based += shared->based;
    // Time may have gone beyond, for requests that were held while it started.
    shared->horizon_ns = loop_now_ns(loop);
    return LOOP_RUNNING;
}

void loop_server_reap(struct loop *loop)
{
    int64_t began_ns = real_ns();
    while (!server_ended(loop)) {
        if (real_ns() - began_ns > PATIENCE_NS)
            loop_fail(loop, VERDICT_STUCK, "the server does not end");
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    check_violation(loop);
}

void loop_server_kill(struct loop *loop)
{
    assert(loop->pid > 0);
    loop->kill_sent = true;
    kill(loop->pid, SIGKILL);
    loop_server_reap(loop);
}

void loop_server_stop(struct loop *loop, const char *command)
{
    assert(loop->pid > 0);
    loop->stop_sent = true;
    if (command != NULL) {
        loop->shared->gates = 1;
        loop->shared->gate[0].port = loop->clients[0].port;
        loop->shared->gate[0].received = loop->clients[0].asked + strlen(command);
        loop_client_send(loop, 0, command, strlen(command));
    } else {
        loop->shared->signals_wanted = 1;
        kill(loop->pid, SIGTERM);
    }
    bool alive = loop_server_settle(loop);
    for (int64_t passed_ns = 0; alive; passed_ns += STOP_STEP_NS) {
        if (passed_ns > STOP_NS_MAX)
            loop_fail(loop, VERDICT_STUCK, "the server does not stop");
        alive = loop_server_pass(loop, STOP_STEP_NS);
    }
}

// --- what it says ----------------------------------------------------------------------------

static struct bytes log_read(const struct loop *loop)
{
    char path[LOOP_PATH_BYTES + 8];
    struct bytes text = {0};
    snprintf(path, sizeof(path), "%s/log", loop->folder);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : 1;
    while (got > 0) {
        got = read(file, bytes_room(&text, 65536), 65536);
        text.length += got > 0 ? (size_t)got : 0;
    }
    if (file >= 0)
        close(file);
    *bytes_room(&text, 1) = '\0';
    return text;
}

bool loop_server_said(struct loop *loop, const char *what)
{
    struct bytes text = log_read(loop);
    bool said = strstr((const char *)text.data, what) != NULL;
    bytes_free(&text);
    return said;
}

void loop_server_show(struct loop *loop, FILE *to)
{
    struct bytes text = log_read(loop);
    size_t skip = text.length > LOG_SHOWN_BYTES ? text.length - LOG_SHOWN_BYTES : 0;
    fprintf(to, "the server's last words:\n%s\n", (const char *)text.data + skip);
    bytes_free(&text);
}
