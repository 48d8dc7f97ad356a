// poro-server: reads its configuration, then serves until it is told to stop.
#include "server/clock.h"
#include "server/descriptors.h"
#include "server/heap_guard.h"
#include "server/memory.h"
#include "server/server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void main_usage(void)
{
    printf("poro-server %s: a Redis-compatible server for strings that loses nothing\n"
           "usage: poro-server [FILE] [--NAME VALUE ...]\n"
           "  FILE          settings in the syntax of redis.conf (see conf/poro.conf)\n"
           "  --NAME VALUE  one setting, e.g. --port 7000 --dir /var/lib/poro\n"
           "  --version     show the version\n"
           "  --help        show this\n",
           PORO_VERSION);
}

// The configuration file's own path, so that CONFIG REWRITE replaces the file and not a link to it.
static const char *main_config_file(int argc, char **argv, char path[PATH_MAX])
{
    const char *file = config_arguments_file(argc - 1, argv + 1);
    if (file == NULL)
        return "";
    if (realpath(file, path) != NULL && strlen(path) < CONFIG_TEXT_MAX)
        return path;
    return file;
}

static void main_note_executable(struct server *server)
{
    ssize_t length = readlink("/proc/self/exe", server->executable, sizeof(server->executable) - 1);
    server->executable[length > 0 ? length : 0] = '\0';
}

int main(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)) {
        printf("poro-server %s\n", PORO_VERSION);
        return EXIT_CLEAN;
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        main_usage();
        return EXIT_CLEAN;
    }
    struct config config;
    char error[CONFIG_ERROR_MAX];
    config_init(&config, memory_machine_bytes());
    if (config_arguments(&config, argc - 1, argv + 1, error) < 0) {
        fprintf(stderr, "poro-server: %s\n", error);
        return EXIT_USAGE;
    }
    int64_t clients = config.maxclients;
    config.maxclients = descriptors_raise(clients < CLIENTS_MAX ? clients : CLIENTS_MAX);
    char path[PATH_MAX];
    struct server *server;
    int code = server_create(&config, main_config_file(argc, argv, path), &server);
    if (code == EXIT_CLEAN) {
        main_note_executable(server);
        if (config.maxclients < clients)
            notice(
                &server->notices, LOGLEVEL_WARNING,
                "maxclients lowered from %lld to %lld: at most %d are possible, and each needs an "
                "open file (ulimit -n)",
                (long long)clients, (long long)config.maxclients, CLIENTS_MAX);
        fflush(stdout);
        heap_guard_seal();
        code = server_run(server);
        heap_guard_open();
    }
    server_destroy(server);
    return code;
}
