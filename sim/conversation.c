// A conversation: commands in order, replies byte for byte.
#include "sim/conversation.h"

#include "sim/bytes.h"
#include "sim/observer.h"
#include "sim/world.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// An error after which the server closes a connection, allowed where memory is made short.
static const char out_of_memory[] =
    "-OOM no memory for the input of this connection, closing it\r\n";

void conversation_init(struct conversation *conversation)
{
    *conversation = (struct conversation){0};
    model_session_init(&conversation->session);
}

void conversation_free(struct conversation *conversation)
{
    for (uint32_t i = 0; i < conversation->capacity; i++) {
        command_line_free(&conversation->exchanges[i].line);
        model_reply_free(&conversation->exchanges[i].reply);
    }
    free(conversation->exchanges);
    bytes_free(&conversation->stream);
    model_session_free(&conversation->session);
    *conversation = (struct conversation){0};
}

struct exchange *conversation_at(struct conversation *conversation, uint64_t number)
{
    assert(number < conversation->asked && conversation->asked - number <= conversation->capacity);
    return &conversation->exchanges[number % conversation->capacity];
}

static void conversation_grow(struct conversation *conversation)
{
    uint32_t capacity = conversation->capacity > 0 ? 2 * conversation->capacity : 16;
    struct exchange *exchanges = sim_alloc(capacity, sizeof(*exchanges));
    uint64_t first = conversation->asked - conversation->capacity;
    for (uint32_t i = 0; i < conversation->capacity; i++) {
        uint64_t number = first + i;
        exchanges[number % capacity] = conversation->exchanges[number % conversation->capacity];
    }
    free(conversation->exchanges);
    conversation->exchanges = exchanges;
    conversation->capacity = capacity;
}

struct exchange *conversation_ask(struct conversation *conversation)
{
    if (conversation->asked - conversation->answered == conversation->capacity)
        conversation_grow(conversation);
    return &conversation->exchanges[conversation->asked++ % conversation->capacity];
}

struct exchange *conversation_next(struct conversation *conversation)
{
    if (conversation->executed == conversation->asked)
        return NULL;
    return conversation_at(conversation, conversation->executed);
}

// --- checking --------------------------------------------------------------------------------

static uint64_t conversation_end(const struct conversation *conversation)
{
    return conversation->stream_at + conversation->stream.length;
}

static void conversation_wrong(struct world *world, struct conversation *conversation,
                               const char *error)
{
    char command[256] = "(nothing was asked)";
    if (conversation->checked < conversation->executed)
        command_line_show(&conversation_at(conversation, conversation->checked)->line, command,
                          sizeof(command));
    world_fail(world, VERDICT_WRONG, "wrong reply to: %s\n  %s", command, error);
}

// Bytes that answer nothing: only the end of a connection for lack of memory may look like that.
static bool conversation_is_last_error(const struct world *world,
                                       const struct conversation *conversation, const uint8_t *sent,
                                       size_t length)
{
    if (world->plan.ppm[FAULT_MEMORY_FULL] == 0 || conversation->checked < conversation->executed)
        return false;
    size_t whole = sizeof(out_of_memory) - 1;
    return length <= whole && memcmp(sent, out_of_memory, length) == 0;
}

// Goes on to check the stream; false when more bytes are needed.
static bool conversation_check_one(struct world *world, struct conversation *conversation)
{
    size_t offset = (size_t)(conversation->check_at - conversation->stream_at);
    const uint8_t *sent = conversation->stream.data + offset;
    size_t length = conversation->stream.length - offset;
    if (conversation->checked == conversation->executed) {
        if (length == 0)
            return false;
        if (!conversation_is_last_error(world, conversation, sent, length))
            conversation_wrong(world, conversation, "bytes are sent that answer no command");
        conversation->over = true;
        return false;
    }
    struct exchange *exchange = conversation_at(conversation, conversation->checked);
    if (length == 0 && exchange->reply.kind != MODEL_NONE)
        return false;
    char error[512] = "";
    int64_t result = model_reply_check(&exchange->reply, sent, length, error);
    if (result == -EBADMSG)
        conversation_wrong(world, conversation, error);
    if (length > 0 && exchange->reply.kind != MODEL_NONE)
        observer_told(world, exchange);
    if (result < 0)
        return false;
    conversation->check_at += (uint64_t)result;
    exchange->end = conversation->check_at;
    conversation->checked++;
    return true;
}

uint64_t conversation_executed(struct world *world, struct conversation *conversation)
{
    assert(conversation->executed < conversation->asked);
    conversation->executed++;
    while (conversation_check_one(world, conversation))
        ;
    return conversation_deliver(conversation, 0);
}

static void conversation_trim(struct conversation *conversation)
{
    uint64_t keep = conversation->check_at < conversation->confirmed ? conversation->check_at
                                                                     : conversation->confirmed;
    if (keep - conversation->stream_at < 65536 && keep < conversation_end(conversation))
        return;
    bytes_drop(&conversation->stream, (size_t)(keep - conversation->stream_at));
    conversation->stream_at = keep;
}

// Bytes that were submitted before, and taken by the kernel only in part, must be the same again.
static void conversation_add(struct world *world, struct conversation *conversation,
                             const uint8_t *bytes, size_t length, uint64_t at)
{
    uint64_t end = conversation_end(conversation);
    assert(at <= end && at >= conversation->stream_at);
    size_t again = end - at < length ? (size_t)(end - at) : length;
    if (again > 0 &&
        memcmp(conversation->stream.data + (at - conversation->stream_at), bytes, again) != 0)
        conversation_wrong(world, conversation,
                           "what is sent again after a partial send is not the same");
    bytes_add(&conversation->stream, bytes + again, length - again);
}

void conversation_submit(struct world *world, struct conversation *conversation,
                         const struct iovec *pieces, uint32_t count)
{
    uint64_t at = conversation->confirmed;
    for (uint32_t i = 0; i < count; i++) {
        conversation_add(world, conversation, pieces[i].iov_base, pieces[i].iov_len, at);
        at += pieces[i].iov_len;
    }
    if (conversation->over)
        return;
    while (conversation_check_one(world, conversation))
        ;
    conversation_trim(conversation);
}

void conversation_confirm(struct world *world, struct conversation *conversation, uint64_t bytes)
{
    conversation->confirmed += bytes;
    if (conversation->confirmed > conversation_end(conversation))
        world_fail(world, VERDICT_WRONG, "more bytes were sent than submitted");
    conversation_trim(conversation);
}

uint64_t conversation_deliver(struct conversation *conversation, uint64_t bytes)
{
    conversation->delivered += bytes;
    while (conversation->answered < conversation->checked) {
        struct exchange *exchange = conversation_at(conversation, conversation->answered);
        if (exchange->end > conversation->delivered)
            break;
        conversation->answered++;
    }
    return conversation->answered;
}
