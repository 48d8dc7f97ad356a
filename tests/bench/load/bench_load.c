// Load for benchmarks: streams of GETs and SETs from one thread; tells what it has seen as JSON.
#include "tests/bench/load/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STREAMS_MAX 4
#define EVENTS_MAX 256

struct load {
    struct stream streams[STREAMS_MAX];
    uint32_t count;
    int port;
    uint64_t keys;
    uint32_t value_bytes;
    double seconds; // ends after so long, 0: when the first stream is done or a signal comes
};

static void usage(void)
{
    printf(
        "usage: bench_load --port P [--keys N] [--value BYTES] [--seconds S] STREAM...\n"
        "  STREAM  clients=N,pipeline=N,set=PERCENT,rate=R,count=N,from=KEY\n"
        "  rate    requests a second, sent whether the server answers or not; without it, each\n"
        "          client sends its next pipeline when the last one has been answered\n"
        "  from    keys in order, from this one on; without it, random ones below --keys\n"
        "It ends after --seconds, or when the first stream has sent its count, or at SIGTERM.\n");
    exit(2);
}

static void parse_stream(struct load *load, char *text)
{
    if (load->count == STREAMS_MAX)
        usage();
    struct stream *stream = &load->streams[load->count++];
    *stream = (struct stream){.clients = 1, .pipeline = 1, .set_percent = 100};
    for (char *rest = NULL, *part = strtok_r(text, ",", &rest); part != NULL;
         part = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(part, '=');
        if (value == NULL)
            usage();
        *value++ = '\0';
        uint64_t number = strtoull(value, NULL, 10);
        if (strcmp(part, "clients") == 0)
            stream->clients = (uint32_t)number;
        else if (strcmp(part, "pipeline") == 0)
            stream->pipeline = (uint32_t)number;
        else if (strcmp(part, "set") == 0)
            stream->set_percent = (uint32_t)number;
        else if (strcmp(part, "rate") == 0)
            stream->rate = number;
        else if (strcmp(part, "count") == 0)
            stream->count = number;
        else if (strcmp(part, "from") == 0)
            stream->in_order = true, stream->first = number;
        else
            usage();
    }
    if (stream->clients == 0 || stream->clients > STREAM_CLIENTS_MAX || stream->pipeline == 0)
        usage();
}

static void parse(struct load *load, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            parse_stream(load, argv[i]);
            continue;
        }
        if (i + 1 == argc)
            usage();
        const char *name = argv[i++] + 2;
        if (strcmp(name, "port") == 0)
            load->port = atoi(argv[i]);
        else if (strcmp(name, "keys") == 0)
            load->keys = strtoull(argv[i], NULL, 10);
        else if (strcmp(name, "value") == 0)
            load->value_bytes = (uint32_t)strtoul(argv[i], NULL, 10);
        else if (strcmp(name, "seconds") == 0)
            load->seconds = strtod(argv[i], NULL);
        else
            usage();
    }
    if (load->port == 0 || load->count == 0 || load->keys == 0 ||
        load->value_bytes > STREAM_VALUE_MAX)
        usage();
    for (uint32_t i = 0; i < load->count; i++) {
        load->streams[i].port = load->port;
        load->streams[i].keys = load->keys;
        load->streams[i].value_bytes = load->value_bytes;
    }
}

static void tell_histogram(const char *name, const struct histogram *histogram)
{
    printf("\"%s\": {\"count\": %" PRIu64 ", \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, "
           "\"max\": %.1f}",
           name, histogram->count, (double)histogram_at(histogram, 500000) / 1e3,
           (double)histogram_at(histogram, 990000) / 1e3,
           (double)histogram_at(histogram, 999000) / 1e3, (double)histogram->max / 1e3);
}

static void tell(const struct load *load, double seconds)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\": %.4f, \"cpu\": %.4f, \"streams\": [", seconds, cpu);
    for (uint32_t i = 0; i < load->count; i++) {
        const struct stream *stream = &load->streams[i];
        printf("%s{\"answered\": %" PRIu64 ", ", i == 0 ? "" : ", ", stream->answered);
        tell_histogram("get", &stream->get);
        printf(", ");
        tell_histogram("set", &stream->set);
        printf(", ");
        tell_histogram("late", &stream->late);
        printf("}");
    }
    printf("]}\n");
}

static void run(struct load *load, int epoll, int signals)
{
    struct epoll_event events[EVENTS_MAX];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &event);
    int64_t end_ns = load->seconds > 0 ? load_now_ns() + (int64_t)(load->seconds * 1e9) : INT64_MAX;
    while (!stream_done(&load->streams[0])) {
        int64_t now_ns = load_now_ns();
        if (now_ns >= end_ns)
            return;
        int64_t next_ns = end_ns;
        for (uint32_t i = 0; i < load->count; i++) {
            int64_t due_ns = stream_send(&load->streams[i], now_ns);
            next_ns = due_ns < next_ns ? due_ns : next_ns;
        }
        now_ns = load_now_ns();
        int64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
        wait_ns = wait_ns < 999999999 ? wait_ns : 999999999;
        int count = epoll_pwait2(epoll, events, EVENTS_MAX, &(struct timespec){0, wait_ns}, NULL);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                return;
            stream_event(events[i].data.ptr,
                         (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0);
        }
    }
}

int main(int argc, char **argv)
{
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL)
        return 1;
    load->keys = 1;
    load->value_bytes = 64;
    parse(load, argc, argv);
    prctl(PR_SET_TIMERSLACK, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < load->count; i++)
        stream_open(&load->streams[i], epoll, load_now_ns());
    int64_t began_ns = load_now_ns();
    for (uint32_t i = 0; i < load->count; i++)
        load->streams[i].due_ns = began_ns;
    run(load, epoll, signalfd(-1, &set, SFD_CLOEXEC));
    tell(load, (double)(load_now_ns() - began_ns) / 1e9);
    for (uint32_t i = 0; i < load->count; i++)
        stream_close(&load->streams[i]);
    free(load);
    return 0;
}
