// CLIENT LIST and CLIENT INFO: one line for every connection.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/client_type.h"
#include "server/connection.h"
#include "server/server.h"
#include "server/text_reply.h"

#include <assert.h>
#include <stdio.h>

// Three names, two addresses, and some thirty numbers.
#define LINE_BYTES_MAX (3 * CLIENT_NAME_MAX + 2048)

// Received bytes that have not been executed.
static uint64_t line_input(const struct server *server, const struct connection *connection)
{
    uint64_t bytes = connection->carry_length - connection->carry_offset;
    uint16_t buffer = connection->buffer_first;
    for (uint32_t i = 0; i < connection->buffers_count; i++) {
        bytes += server->buffers[buffer].length;
        buffer = server->buffers[buffer].next;
    }
    if (connection->buffers_count > 0) {
        assert(bytes >= connection->buffer_offset);
        bytes -= connection->buffer_offset;
    }
    return bytes;
}

// Bytes of arguments that are being received.
static uint64_t line_arguments(const struct connection *connection)
{
    return connection->large_active ? connection->large_received : 0;
}

// Formats the line of one connection; returns its length. The own connection's output is what
// is being written, and counts as nothing: the line must be the same when it is formatted again.
static size_t line_format(const struct call *call, const struct connection *connection,
                          char line[LINE_BYTES_MAX])
{
    const struct server *server = call->server;
    bool own = connection == call->connection;
    uint64_t output = own ? 0 : reply_pending(&connection->reply);
    uint64_t chunks = (output + REPLY_CHUNK_BYTES - 1) / REPLY_CHUNK_BYTES;
    uint64_t input = line_input(server, connection);
    uint64_t arguments = line_arguments(connection);
    int64_t age_s = (server->wall_ms - connection->created_ms) / 1000;
    int64_t idle_s = (server->wall_ms - connection->active_ms) / 1000;
    const struct transaction *transaction = &connection->transaction;
    char flags[12];
    size_t flags_count = 0;
    if (connection->links[LIST_MONITORS].linked)
        flags[flags_count++] = 'O';
    if (connection->local)
        flags[flags_count++] = 'U';
    if (connection->wait == WAIT_PAUSE || connection->wait == WAIT_DURABLE ||
        connection->wait == WAIT_CHECKPOINT || connection->wait == WAIT_SHUTDOWN)
        flags[flags_count++] = 'b';
    if (transaction->open)
        flags[flags_count++] = 'x';
    if (transaction->dirty)
        flags[flags_count++] = 'd';
    if (connection->state == CONNECTION_LAST)
        flags[flags_count++] = 'c';
    if (connection->no_evict)
        flags[flags_count++] = 'e';
    if (connection->no_touch)
        flags[flags_count++] = 'T';
    if (flags_count == 0)
        flags[flags_count++] = 'N';
    int length = snprintf(
        line, LINE_BYTES_MAX,
        "id=%llu addr=%s laddr=%s fd=%d name=%.*s age=%lld idle=%lld flags=%.*s db=%u sub=0 psub=0 "
        "ssub=0 multi=%d qbuf=%llu qbuf-free=0 argv-mem=%llu multi-mem=%llu rbs=%u rbp=%u obl=0 "
        "oll=%llu omem=%llu tot-mem=%llu events=%s cmd=%s user=default redir=-1 resp=%u "
        "lib-name=%.*s lib-ver=%.*s\n",
        (unsigned long long)connection->id, connection_peer(server, connection),
        connection_own(server, connection), connection->socket, (int)connection->name.length,
        connection->name.text, (long long)(age_s > 0 ? age_s : 0),
        (long long)(idle_s > 0 ? idle_s : 0), (int)flags_count, flags, connection->database,
        transaction->open ? (int)transaction->count : -1, (unsigned long long)input,
        (unsigned long long)arguments, (unsigned long long)transaction->bytes,
        (unsigned)REPLY_CHUNK_BYTES, (unsigned)REPLY_CHUNK_BYTES, (unsigned long long)chunks,
        (unsigned long long)output,
        (unsigned long long)(sizeof(*connection) + input + arguments + transaction->bytes +
                             chunks * REPLY_CHUNK_BYTES),
        connection->sending ? "rw" : "r", connection->last_command,
        connection->reply.writer.version, (int)connection->lib_name.length,
        connection->lib_name.text, (int)connection->lib_version.length,
        connection->lib_version.text);
    assert(length > 0 && length < LINE_BYTES_MAX);
    return (size_t)length;
}

void command_client_info(struct call *call)
{
    char line[LINE_BYTES_MAX];
    resp_verbatim(call->reply, "txt", line, line_format(call, call->connection, line));
}

// --- LIST -----------------------------------------------------------------------------------

// A list is walked twice: first its length is found, then it is written.
struct list {
    struct call *call;
    bool write;
    uint64_t bytes;
};

static void list_add(struct list *list, const struct connection *connection)
{
    char line[LINE_BYTES_MAX];
    if (connection->state == CONNECTION_CLOSING)
        return;
    size_t length = line_format(list->call, connection, line);
    list->bytes += length;
    if (list->write)
        resp_write(list->call->reply, line, length);
}

static void list_all(struct list *list)
{
    struct server *server = list->call->server;
    for (struct connection *connection = connection_next(server, NULL); connection != NULL;
         connection = connection_next(server, connection))
        list_add(list, connection);
}

static void list_ids(struct list *list)
{
    const struct call *call = list->call;
    for (uint32_t i = 3; i < call->argc; i++) {
        struct span text = call_arg(call, i);
        int64_t id = 0;
        bool valid = number_parse(text.data, text.length, &id);
        assert(valid);
        const struct connection *connection =
            id > 0 ? connection_by_id(call->server, (uint64_t)id) : NULL;
        if (connection != NULL)
            list_add(list, connection);
    }
}

static void list_reply(struct call *call, void (*walk)(struct list *))
{
    struct list list = {.call = call};
    walk(&list);
    uint64_t bytes = list.bytes;
    text_reply_begin(call->reply, bytes);
    list.bytes = 0;
    list.write = true;
    walk(&list);
    assert(list.bytes == bytes);
    text_reply_end(call->reply);
}

static bool list_ids_valid(struct call *call)
{
    if (call->argc - 3 > CLIENT_IDS_MAX) {
        resp_errorf(call->reply, "ERR at most %d client IDs at once", CLIENT_IDS_MAX);
        return false;
    }
    for (uint32_t i = 3; i < call->argc; i++) {
        struct span text = call_arg(call, i);
        int64_t id;
        if (!number_parse(text.data, text.length, &id)) {
            resp_error(call->reply, "ERR Invalid client ID");
            return false;
        }
    }
    return true;
}

void command_client_list(struct call *call)
{
    bool every = true;
    if (call->argc == 2) {
        list_reply(call, list_all);
    } else if (call->argc == 4 && call_arg_is(call, 2, "type")) {
        if (!client_type_read(call, 3, &every))
            return;
        if (every)
            list_reply(call, list_all);
        else
            resp_verbatim(call->reply, "txt", "", 0);
    } else if (call->argc > 3 && call_arg_is(call, 2, "id")) {
        if (list_ids_valid(call))
            list_reply(call, list_ids);
    } else {
        call_error_syntax(call);
    }
}
