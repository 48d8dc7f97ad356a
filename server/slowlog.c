// The slow log: entries one behind the other, oldest first, in a fixed piece of memory that is used
// round and round.
#include "server/slowlog.h"

#include "conf/limits.h"
#include "protocol/resp_writer.h"
#include "server/call.h"
#include "server/clock.h"
#include "server/connection.h"
#include "server/redact.h"
#include "server/server.h"
#include "storage/allocator.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// As in Redis: so many arguments, the last of which tells how many more there were, and so much of
// each.
#define ENTRY_ARGUMENTS_MAX 32
#define ENTRY_ARGUMENT_BYTES_MAX 128

// Followed by the texts: address, name, arguments; each is a length and bytes.
struct slow_entry {
    int64_t id;
    int64_t time_s;
    int64_t us;
    uint32_t bytes; // of the whole entry
    uint32_t texts;
};

struct slowlog {
    int64_t next_id;
    uint32_t first; // place of the oldest entry in `places`
    uint32_t count;
    uint32_t end; // where the next entry would begin
    uint32_t places[SLOWLOG_ENTRIES_MAX];
    _Alignas(8) uint8_t bytes[SLOWLOG_BYTES];
};

// A text in an entry has room for what is added to a cut argument.
#define TEXT_BYTES_MAX 256
#define ENTRY_BYTES_MAX                                                                            \
    (sizeof(struct slow_entry) + (ENTRY_ARGUMENTS_MAX + 2) * (sizeof(uint32_t) + TEXT_BYTES_MAX))
static_assert(CLIENT_NAME_MAX <= TEXT_BYTES_MAX, "a name fits an entry");
static_assert(ENTRY_BYTES_MAX * 2 < SLOWLOG_BYTES, "entries fit");

size_t slowlog_overhead(void)
{
    return sizeof(struct slowlog) + 64;
}

struct slowlog *slowlog_create(struct allocator *allocator)
{
    return allocator_take(allocator, sizeof(struct slowlog), 64);
}

uint32_t slowlog_count(const struct slowlog *slowlog)
{
    return slowlog->count;
}

void slowlog_reset(struct slowlog *slowlog)
{
    slowlog->first = slowlog->count = slowlog->end = 0;
}

static const struct slow_entry *slowlog_at(const struct slowlog *slowlog, uint32_t index)
{
    uint32_t place = slowlog->places[(slowlog->first + index) % SLOWLOG_ENTRIES_MAX];
    return (const struct slow_entry *)(slowlog->bytes + place);
}

static void slowlog_drop_oldest(struct slowlog *slowlog)
{
    assert(slowlog->count > 0);
    slowlog->first = (slowlog->first + 1) % SLOWLOG_ENTRIES_MAX;
    slowlog->count--;
}

void slowlog_trim(struct slowlog *slowlog, int64_t count_max)
{
    while (slowlog->count > 0 && slowlog->count > count_max)
        slowlog_drop_oldest(slowlog);
}

// --- adding ----------------------------------------------------------------------------------

static void entry_text(uint8_t *entry, uint32_t *used, const void *text, uint32_t length)
{
    struct slow_entry *head = (struct slow_entry *)entry;
    assert(length <= TEXT_BYTES_MAX && *used + sizeof(length) + length <= ENTRY_BYTES_MAX);
    memcpy(entry + *used, &length, sizeof(length));
    memcpy(entry + *used + sizeof(length), text, length);
    *used += (uint32_t)sizeof(length) + length;
    head->texts++;
}

static void entry_argument(uint8_t *entry, uint32_t *used, const struct call *call, uint32_t index)
{
    struct redacted arg = redact_argument(call, index);
    if (arg.length <= ENTRY_ARGUMENT_BYTES_MAX && arg.data != NULL) {
        entry_text(entry, used, arg.data, arg.length);
        return;
    }
    char text[TEXT_BYTES_MAX];
    uint32_t shown = arg.data != NULL ? ENTRY_ARGUMENT_BYTES_MAX : 0;
    memcpy(text, arg.data != NULL ? arg.data : (const uint8_t *)text, shown);
    int added =
        snprintf(text + shown, sizeof(text) - shown, "... (%u more bytes)", arg.length - shown);
    assert(added > 0 && (size_t)added < sizeof(text) - shown);
    entry_text(entry, used, text, shown + (uint32_t)added);
}

static uint32_t entry_fill(uint8_t entry[ENTRY_BYTES_MAX], const struct call *call)
{
    const struct connection *connection = call->connection;
    uint32_t used = sizeof(struct slow_entry);
    uint32_t whole = call->argc;
    if (whole > ENTRY_ARGUMENTS_MAX)
        whole = ENTRY_ARGUMENTS_MAX - 1;
    const char *peer = connection_peer(call->server, connection);
    entry_text(entry, &used, peer, (uint32_t)strlen(peer));
    entry_text(entry, &used, connection->name.text, connection->name.length);
    for (uint32_t i = 0; i < whole; i++)
        entry_argument(entry, &used, call, i);
    if (whole < call->argc) {
        char text[64];
        int length = snprintf(text, sizeof(text), "... (%u more arguments)", call->argc - whole);
        entry_text(entry, &used, text, (uint32_t)length);
    }
    return used;
}

// Room for `bytes` at slowlog->end, which may go back to the start; what is in the way is dropped.
static void slowlog_make_room(struct slowlog *slowlog, uint32_t bytes)
{
    bool wrap = slowlog->end + bytes > SLOWLOG_BYTES;
    uint32_t from = wrap ? 0 : slowlog->end;
    while (slowlog->count > 0) {
        const struct slow_entry *oldest = slowlog_at(slowlog, 0);
        uint32_t place = (uint32_t)((const uint8_t *)oldest - slowlog->bytes);
        bool ahead = place >= slowlog->end; // written in the round before
        bool in_way = wrap ? ahead || place < bytes : ahead && place < from + bytes;
        if (!in_way && slowlog->count < SLOWLOG_ENTRIES_MAX)
            break;
        slowlog_drop_oldest(slowlog);
    }
    slowlog->end = from;
}

void slowlog_note(struct slowlog *slowlog, const struct call *call, int64_t us)
{
    _Alignas(8) uint8_t entry[ENTRY_BYTES_MAX];
    struct slow_entry *head = (struct slow_entry *)entry;
    int64_t count_max = call->server->config.slowlog_max_len;
    *head = (struct slow_entry){
        .id = slowlog->next_id++,
        .time_s = call->server->wall_ms / 1000,
        .us = us,
    };
    if (count_max == 0)
        return;
    uint32_t used = entry_fill(entry, call);
    head->bytes = (used + 7) & ~7U;
    slowlog_make_room(slowlog, head->bytes);
    memcpy(slowlog->bytes + slowlog->end, entry, used);
    slowlog->places[(slowlog->first + slowlog->count) % SLOWLOG_ENTRIES_MAX] = slowlog->end;
    slowlog->count++;
    slowlog->end += head->bytes;
    slowlog_trim(slowlog, count_max);
}

// --- showing ---------------------------------------------------------------------------------

static const uint8_t *entry_reply_text(const uint8_t *text, struct resp_writer *reply)
{
    uint32_t length;
    memcpy(&length, text, sizeof(length));
    resp_bulk(reply, text + sizeof(length), length);
    return text + sizeof(length) + length;
}

static const uint8_t *entry_skip_text(const uint8_t *text)
{
    uint32_t length;
    memcpy(&length, text, sizeof(length));
    return text + sizeof(length) + length;
}

static void entry_reply(const struct slow_entry *entry, struct resp_writer *reply)
{
    const uint8_t *peer = (const uint8_t *)(entry + 1);
    const uint8_t *name = entry_skip_text(peer);
    const uint8_t *text = entry_skip_text(name);
    resp_array(reply, 6);
    resp_integer(reply, entry->id);
    resp_integer(reply, entry->time_s);
    resp_integer(reply, entry->us);
    resp_array(reply, entry->texts - 2);
    for (uint32_t i = 2; i < entry->texts; i++)
        text = entry_reply_text(text, reply);
    entry_reply_text(peer, reply);
    entry_reply_text(name, reply);
}

void slowlog_reply(const struct slowlog *slowlog, uint32_t count, struct resp_writer *reply)
{
    if (count > slowlog->count)
        count = slowlog->count;
    resp_array(reply, count);
    for (uint32_t i = 0; i < count; i++)
        entry_reply(slowlog_at(slowlog, slowlog->count - 1 - i), reply);
}
