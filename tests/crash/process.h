// The server under test as a process: started, killed, asked to stop, waited for.
#ifndef PORO_TESTS_CRASH_PROCESS_H
#define PORO_TESTS_CRASH_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#define PROCESS_ARGUMENTS_MAX 32

struct process {
    const char *path; // of the program
    char folder[256]; // of one life: holds the data folder and the log of what was printed
    int port;
    pid_t pid; // 0: not running
    int status;
};

// A port on loopback that nobody listens on.
int process_free_port(void);
// Starts it with these settings (NULL at the end) beside --port, --dir and --bind.
void process_start(struct process *process, const char *const *settings);
// True once a connection has been answered; false when the server has ended instead, or has said
// nothing for `seconds`.
bool process_wait_ready(struct process *process, int seconds);
// kill -9. Does not wait for the end: that is process_reap.
void process_kill(struct process *process);
// True once it has ended; its wait status is in process->status.
bool process_ended(struct process *process);
// Waits for the end; false after `seconds`.
bool process_reap(struct process *process, int seconds);
// Shows the end of what it has printed.
void process_show_log(const struct process *process);
// Removes the folder and what is in it.
void process_remove_folder(struct process *process);

#endif
