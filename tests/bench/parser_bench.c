// Measures how long the parser takes for a command: nanoseconds, best and median of many rounds.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/limits.h"
#include "protocol/resp_parser.h"

#define STREAM_BYTES 16384 // a receive buffer's worth, which stays in the cache
#define ROUNDS 400
#define PASSES 50

struct stream {
    uint8_t bytes[STREAM_BYTES];
    size_t length;
    size_t commands;
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static bool stream_add(struct stream *stream, int argc, const size_t *lengths)
{
    char command[2048];
    size_t length = (size_t)sprintf(command, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) {
        length += (size_t)sprintf(command + length, "$%zu\r\n", lengths[i]);
        memset(command + length, 'a' + i, lengths[i]);
        length += lengths[i];
        memcpy(command + length, "\r\n", 2);
        length += 2;
    }
    if (stream->length + length > STREAM_BYTES)
        return false;
    memcpy(stream->bytes + stream->length, command, length);
    stream->length += length;
    stream->commands++;
    return true;
}

static void stream_parse(struct stream *stream, struct resp_parser *parser)
{
    const struct resp_limits limits = {.authenticated = true,
                                       .argument_bytes_max = ARGUMENT_BYTES_MAX};
    size_t at = 0;
    while (at < stream->length) {
        const enum resp_status status =
            resp_parse(parser, &limits, stream->bytes + at, stream->length - at);
        assert(status == RESP_COMMAND);
        at += parser->offset;
        resp_parser_next(parser);
    }
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure(const char *name, struct stream *stream)
{
    struct resp_arg args[64];
    struct resp_parser parser;
    resp_parser_init(&parser);
    parser.args = args;
    parser.args_capacity = 64;
    double rounds[ROUNDS];
    for (size_t round = 0; round < ROUNDS; round++) {
        const double start = now_ns();
        for (size_t pass = 0; pass < PASSES; pass++)
            stream_parse(stream, &parser);
        rounds[round] = (now_ns() - start) / (double)(PASSES * stream->commands);
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_doubles);
    printf("%-34s best %6.1f ns  median %6.1f ns\n", name, rounds[0], rounds[ROUNDS / 2]);
}

int main(void)
{
    static struct stream stream;
    static const struct {
        const char *name;
        int argc;
        size_t lengths[12];
    } kinds[] = {
        {"PING", 1, {4}},
        {"GET, key of 16", 2, {3, 16}},
        {"SET, key of 16, value of 64", 3, {3, 16, 64}},
        {"SET with PX", 5, {3, 16, 64, 2, 5}},
        {"SET, key of 16, value of 1000", 3, {3, 16, 1000}},
        {"MSET, 12 arguments", 12, {4, 16, 64, 16, 64, 16, 64, 16, 64, 16, 64, 2}},
    };
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        memset(&stream, 0, sizeof(stream));
        while (stream_add(&stream, kinds[kind].argc, kinds[kind].lengths)) {
        }
        measure(kinds[kind].name, &stream);
    }
    memset(&stream, 0, sizeof(stream));
    srand(1);
    size_t lengths[3] = {3, 16, 64};
    do {
        lengths[1] = 1 + (size_t)rand() % 40;
        lengths[2] = (size_t)rand() % 300;
    } while (stream_add(&stream, 2 + rand() % 2, lengths));
    measure("GET and SET mixed, random lengths", &stream);
    memset(&stream, 0, sizeof(stream));
    while (stream.length + 27 <= STREAM_BYTES) {
        memcpy(stream.bytes + stream.length, "SET key:000001 value-0001\r\n", 27);
        stream.length += 27;
        stream.commands++;
    }
    measure("inline SET of 27 bytes", &stream);
    return 0;
}
