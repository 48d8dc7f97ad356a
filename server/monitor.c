// MONITOR: one line for every command.
#include "server/monitor.h"

#include "server/call.h"
#include "server/clock.h"
#include "server/command_docs.h"
#include "server/command_handlers.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/push.h"
#include "server/redact.h"
#include "server/server.h"

#include <assert.h>
#include <stdio.h>

void command_monitor(struct call *call)
{
    struct connection *connection = call->connection;
    if (call->inner) {
        resp_error(call->reply, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    // As in Redis, who says it twice gets no second answer.
    if (connection->links[LIST_MONITORS].linked)
        return;
    connection_list_add(call->server, connection, LIST_MONITORS);
    call_ok(call);
}

// --- the line --------------------------------------------------------------------------------

// Bytes on their way into the line, to be written in larger pieces.
struct piece {
    struct resp_writer *writer;
    uint64_t total;
    size_t length;
    char bytes[512];
};

static void piece_flush(struct piece *piece)
{
    resp_write(piece->writer, piece->bytes, piece->length);
    piece->total += piece->length;
    piece->length = 0;
}

// Printable characters as they are, others as C would write them.
static void piece_byte(struct piece *piece, uint8_t byte)
{
    static const char named[] = "\a\b\n\r\t\"\\";
    static const char letters[] = "abnrt\"\\";
    if (piece->length + 4 > sizeof(piece->bytes))
        piece_flush(piece);
    char *to = piece->bytes + piece->length;
    for (size_t i = 0; i < sizeof(letters) - 1; i++) {
        if (byte != (uint8_t)named[i])
            continue;
        to[0] = '\\';
        to[1] = letters[i];
        piece->length += 2;
        return;
    }
    if (byte >= ' ' && byte <= '~') {
        to[0] = (char)byte;
        piece->length++;
        return;
    }
    static const char digits[] = "0123456789abcdef";
    to[0] = '\\';
    to[1] = 'x';
    to[2] = digits[byte >> 4];
    to[3] = digits[byte & 15];
    piece->length += 4;
}

static void piece_text(struct piece *piece, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (piece->length == sizeof(piece->bytes))
            piece_flush(piece);
        piece->bytes[piece->length++] = text[i];
    }
}

static void piece_more(struct piece *piece, uint32_t more, const char *what)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "... (%u more %s)", more, what);
    assert(length > 0 && (size_t)length < sizeof(text));
    piece_text(piece, text, (size_t)length);
}

static void piece_argument(struct piece *piece, const struct call *call, uint32_t index)
{
    struct redacted arg = redact_argument(call, index);
    uint32_t shown =
        arg.length < MONITOR_ARGUMENT_BYTES_MAX ? arg.length : MONITOR_ARGUMENT_BYTES_MAX;
    if (arg.data == NULL)
        shown = 0;
    piece_text(piece, " \"", 2);
    for (uint32_t i = 0; i < shown; i++)
        piece_byte(piece, arg.data[i]);
    if (shown < arg.length)
        piece_more(piece, arg.length - shown, "bytes");
    piece_text(piece, "\"", 1);
}

static void monitor_line(const struct call *call, int64_t now_us, struct resp_writer *writer)
{
    struct piece piece = {.writer = writer};
    const struct connection *connection = call->connection;
    const struct server *server = call->server;
    char head[256];
    int length = snprintf(head, sizeof(head), "+%lld.%06lld [%u %s%s]",
                          (long long)(now_us / 1000000), (long long)(now_us % 1000000),
                          connection->database, connection->local ? "unix:" : "",
                          connection->local ? server->config.unixsocket : connection->peer);
    assert(length > 0 && (size_t)length < sizeof(head));
    piece_text(&piece, head, (size_t)length);
    for (uint32_t i = 0; i < call->argc; i++) {
        if (piece.total > MONITOR_LINE_BYTES_MAX) {
            piece_text(&piece, " \"", 2);
            piece_more(&piece, call->argc - i, "arguments");
            piece_text(&piece, "\"", 1);
            break;
        }
        piece_argument(&piece, call, i);
    }
    piece_text(&piece, "\r\n", 2);
    piece_flush(&piece);
}

// --- showing ---------------------------------------------------------------------------------

void monitor_show(struct call *call)
{
    struct server *server = call->server;
    if (call->command->doc->flags & (COMMAND_SKIP_MONITOR | COMMAND_ADMIN))
        return;
    int64_t now_us = clock_wall_us();
    struct connection *next;
    for (struct connection *c = server->lists[LIST_MONITORS].first; c != NULL; c = next) {
        next = c->links[LIST_MONITORS].next;
        bool own = c == call->connection;
        struct resp_writer *writer = push_begin(c);
        // The reply of an own EXEC is not complete yet: nothing may stand between its parts.
        if (writer == NULL || (own && call->inner))
            continue;
        monitor_line(call, now_us, writer);
        // Behind the own reply, which is finished with it.
        if (!own)
            push_end(server, c, call->hold);
    }
}
