// Feeds a stream to the parser as a connection does and writes down what comes out, as text.
#ifndef PORO_TESTS_UNIT_RESP_FEED_H
#define PORO_TESTS_UNIT_RESP_FEED_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/limits.h"
#include "protocol/resp_parser.h"

// How the stream is fed; all ways must give the same transcript.
struct feed_way {
    size_t chunk;      // bytes at a time; 0: everything at once
    size_t first;      // bytes of the first chunk, if not 0
    uint32_t capacity; // args at first; grows by one, or to what is expected with `grow_whole`
    bool grow_whole;
    bool discard; // drop empty commands while a command is incomplete
    bool exact;   // copy the buffer for every call, so that a sanitizer sees each overrun
};

struct feed {
    struct feed_way way;
    struct resp_limits limits;
    struct resp_parser parser;
    uint8_t *buffer; // the present command and what follows it
    size_t length;
    uint8_t *large[64]; // bytes of large arguments, each with the two bytes behind it
    uint32_t large_count;
    size_t large_missing;
    size_t large_have;
    bool failed;
    char *transcript;
    size_t transcript_length;
    size_t transcript_room;
};

static void feed_note(struct feed *feed, const void *bytes, size_t length)
{
    if (feed->transcript_length + length + 1 > feed->transcript_room) {
        feed->transcript_room = 2 * (feed->transcript_length + length + 1);
        feed->transcript = realloc(feed->transcript, feed->transcript_room);
        assert(feed->transcript != NULL);
    }
    memcpy(feed->transcript + feed->transcript_length, bytes, length);
    feed->transcript_length += length;
    feed->transcript[feed->transcript_length] = '\0';
}

static void feed_start(struct feed *feed, struct feed_way way, struct resp_limits limits)
{
    memset(feed, 0, sizeof(*feed));
    feed->way = way;
    feed->limits = limits;
    resp_parser_init(&feed->parser);
    feed->parser.args = malloc(way.capacity * sizeof(struct resp_arg) + 1);
    feed->parser.args_capacity = way.capacity;
    feed->buffer = malloc(1);
    feed_note(feed, "", 0);
}

static void feed_free_large(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->large_count; i++)
        free(feed->large[i]);
    feed->large_count = 0;
}

static void feed_end(struct feed *feed)
{
    feed_free_large(feed);
    free(feed->parser.args);
    free(feed->buffer);
    free(feed->transcript);
}

// Removes bytes [from, from + count) of the buffer.
static void feed_remove(struct feed *feed, size_t from, size_t count)
{
    assert(from + count <= feed->length);
    memmove(feed->buffer + from, feed->buffer + from + count, feed->length - from - count);
    feed->length -= count;
}

static void feed_command(struct feed *feed)
{
    struct resp_parser *parser = &feed->parser;
    assert(parser->argc > 0 && parser->offset <= feed->length);
    for (uint32_t i = 0; i < parser->argc; i++) {
        const struct resp_arg *arg = &parser->args[i];
        assert(arg->external || arg->where + arg->length <= parser->offset);
        assert(!arg->external || arg->where < feed->large_count);
        feed_note(feed, arg->external ? "[^" : "[", arg->external ? 2 : 1);
        feed_note(feed, arg->external ? feed->large[arg->where] : feed->buffer + arg->where,
                  arg->length);
        feed_note(feed, "]", 1);
    }
    feed_note(feed, ";", 1);
    feed_free_large(feed);
    feed_remove(feed, 0, parser->offset);
    resp_parser_next(parser);
}

static void feed_grow(struct feed *feed)
{
    struct resp_parser *parser = &feed->parser;
    const uint32_t expected = resp_parser_args_expected(parser);
    assert(expected > parser->args_capacity);
    const uint32_t capacity = feed->way.grow_whole ? expected : parser->args_capacity + 1;
    // A new place, freed in the old one: the array moves.
    struct resp_arg *args = malloc(capacity * sizeof(struct resp_arg));
    memcpy(args, parser->args, parser->argc * sizeof(struct resp_arg));
    free(parser->args);
    parser->args = args;
    parser->args_capacity = capacity;
}

// Moves what is there of a large argument out of the stream; true when it is complete.
static bool feed_take_large(struct feed *feed)
{
    const size_t there = feed->length - feed->parser.offset;
    const size_t part = there < feed->large_missing ? there : feed->large_missing;
    // Grows with what comes: a length that is only announced costs nothing.
    feed->large[feed->large_count] =
        realloc(feed->large[feed->large_count], feed->large_have + part + 1);
    memcpy(feed->large[feed->large_count] + feed->large_have, feed->buffer + feed->parser.offset,
           part);
    feed_remove(feed, feed->parser.offset, part);
    feed->large_have += part;
    feed->large_missing -= part;
    if (feed->large_missing > 0)
        return false;
    resp_parser_large_done(&feed->parser, feed->large_count++);
    return true;
}

static enum resp_status feed_parse(struct feed *feed)
{
    if (!feed->way.exact)
        return resp_parse(&feed->parser, &feed->limits, feed->buffer, feed->length);
    uint8_t *copy = malloc(feed->length + (feed->length == 0));
    memcpy(copy, feed->buffer, feed->length);
    const enum resp_status status = resp_parse(&feed->parser, &feed->limits, copy, feed->length);
    // Only a command that is complete may have been unquoted.
    assert(status == RESP_COMMAND || memcmp(copy, feed->buffer, feed->length) == 0);
    memcpy(feed->buffer, copy, feed->length);
    free(copy);
    return status;
}

// Parses until more bytes are needed.
static void feed_run(struct feed *feed)
{
    if (feed->failed || (feed->large_missing > 0 && !feed_take_large(feed)))
        return;
    while (true) {
        switch (feed_parse(feed)) {
        case RESP_PARTIAL:
            if (feed->way.discard)
                feed_remove(feed, 0, resp_parser_discard(&feed->parser));
            return;
        case RESP_COMMAND:
            feed_command(feed);
            break;
        case RESP_ARGS_FULL:
            feed_grow(feed);
            break;
        case RESP_LARGE:
            assert(feed->parser.large_length >= LARGE_ARGUMENT_BYTES && feed->large_count < 64);
            feed->large_missing = feed->parser.large_length + 2;
            feed->large_have = 0;
            feed->large[feed->large_count] = NULL;
            if (!feed_take_large(feed))
                return;
            break;
        case RESP_ERROR:
            feed->failed = true;
            feed_note(feed, "!", 1);
            feed_note(feed, feed->parser.error, strlen(feed->parser.error));
            assert(feed_parse(feed) == RESP_ERROR);
            return;
        }
    }
}

static void feed_bytes(struct feed *feed, const void *bytes, size_t length)
{
    feed->buffer = realloc(feed->buffer, feed->length + length + 1);
    memcpy(feed->buffer + feed->length, bytes, length);
    feed->length += length;
    feed_run(feed);
}

// The whole stream, and at its end how many bytes of it could not be parsed yet.
static void feed_stream(struct feed *feed, const uint8_t *bytes, size_t length)
{
    const size_t chunk = feed->way.chunk > 0 ? feed->way.chunk : length + 1;
    size_t at = 0;
    size_t part = feed->way.first > 0 ? feed->way.first : chunk;
    while (at < length && !feed->failed) {
        if (part > length - at)
            part = length - at;
        feed_bytes(feed, bytes + at, part);
        at += part;
        part = chunk;
    }
    if (feed->failed)
        return;
    char rest[64];
    if (feed->large_missing > 0) {
        snprintf(rest, sizeof(rest), "?large %zu", feed->large_missing);
        free(feed->large[feed->large_count]);
        feed->large_missing = 0;
    } else {
        snprintf(rest, sizeof(rest), "?%zu", feed->length - (size_t)feed->parser.offset);
    }
    feed_note(feed, rest, strlen(rest));
}

#endif
