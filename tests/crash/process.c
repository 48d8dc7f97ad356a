// The server under test as a process: started, killed, asked to stop, waited for.
#include "tests/crash/process.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_SHOWN_BYTES 3000

int process_free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    int bound = bind(fd, (struct sockaddr *)&address, length);
    assert(bound == 0);
    int named = getsockname(fd, (struct sockaddr *)&address, &length);
    assert(named == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void process_exec(const struct process *process, const char *const *settings)
{
    char log[300], data[300], port[16];
    snprintf(log, sizeof log, "%s/server.log", process->folder);
    snprintf(data, sizeof data, "%s/data", process->folder);
    snprintf(port, sizeof port, "%d", process->port);
    const char *arguments[PROCESS_ARGUMENTS_MAX + 8] = {process->path, "--port", port, "--bind",
                                                        "127.0.0.1",   "--dir",  data};
    int count = 7;
    for (; *settings != NULL; settings++) {
        assert(count < PROCESS_ARGUMENTS_MAX + 7);
        arguments[count++] = *settings;
    }
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        dprintf(fd, "\n--- start:");
        for (int i = 0; i < count; i++)
            dprintf(fd, " %s", arguments[i]);
        dprintf(fd, "\n");
    }
    execv(process->path, (char *const *)arguments);
    _exit(127);
}

void process_start(struct process *process, const char *const *settings)
{
    assert(process->pid == 0);
    fflush(stdout);
    pid_t parent = getpid();
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        // The server must not outlive a test that is interrupted.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(127);
        process_exec(process, settings);
    }
    process->pid = pid;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static bool process_answers(const struct process *process)
{
    redisContext *context =
        redisConnectWithTimeout("127.0.0.1", process->port, (struct timeval){5, 0});
    bool answers = false;
    if (context != NULL && context->err == 0) {
        redisSetTimeout(context, (struct timeval){5, 0});
        redisReply *reply = redisCommand(context, "PING");
        answers = reply != NULL && reply->type == REDIS_REPLY_STATUS; // and not -LOADING
        if (reply != NULL)
            freeReplyObject(reply);
    }
    if (context != NULL)
        redisFree(context);
    return answers;
}

bool process_wait_ready(struct process *process, int seconds)
{
    for (int waited_ms = 0; waited_ms < seconds * 1000; waited_ms += 2) {
        if (process_answers(process))
            return true;
        if (process_ended(process))
            return false;
        sleep_ms(2);
    }
    return false;
}

void process_kill(struct process *process)
{
    assert(process->pid > 0);
    kill(process->pid, SIGKILL);
}

bool process_ended(struct process *process)
{
    if (process->pid == 0)
        return true;
    pid_t got = waitpid(process->pid, &process->status, WNOHANG);
    assert(got >= 0);
    if (got == 0)
        return false;
    process->pid = 0;
    return true;
}

bool process_reap(struct process *process, int seconds)
{
    for (int waited_ms = 0; waited_ms < seconds * 1000; waited_ms++) {
        if (process_ended(process))
            return true;
        sleep_ms(1);
    }
    return false;
}

void process_show_log(const struct process *process)
{
    char path[300], text[LOG_SHOWN_BYTES];
    snprintf(path, sizeof path, "%s/server.log", process->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t length =
        pread(fd, text, sizeof text, size > LOG_SHOWN_BYTES ? size - LOG_SHOWN_BYTES : 0);
    close(fd);
    if (length > 0)
        printf("  the server's last words (%s):\n%.*s\n", path, (int)length, text);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

void process_remove_folder(struct process *process)
{
    assert(strlen(process->folder) > 1);
    nftw(process->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    process->folder[0] = '\0';
}
