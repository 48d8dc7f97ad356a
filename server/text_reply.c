// Replies made of lines of text: HELP, and long texts whose length is known before they are
// written.
#include "server/text_reply.h"

#include "protocol/resp_writer.h"

#include <assert.h>
#include <stdio.h>

void text_reply_help(struct resp_writer *writer, const char *name, const char *const *lines)
{
    size_t count = 0;
    while (lines[count] != NULL)
        count++;
    assert(count > 0);
    char title[128];
    int length = snprintf(title, sizeof(title),
                          "%s <subcommand> [<argument> ...], where the "
                          "subcommand is one of:",
                          name);
    assert(length > 0 && (size_t)length < sizeof(title));
    resp_array(writer, count + 1);
    resp_simple(writer, title);
    for (size_t i = 0; i < count; i++)
        resp_simple(writer, lines[i]);
}

void text_reply_begin(struct resp_writer *writer, size_t length)
{
    if (writer->version < 3) {
        resp_bulk_header(writer, length);
        return;
    }
    // A verbatim string's length counts its format, too.
    char header[32];
    int bytes = snprintf(header, sizeof(header), "=%zu\r\ntxt:", length + 4);
    assert(bytes > 0 && (size_t)bytes < sizeof(header));
    resp_write(writer, header, (size_t)bytes);
}

void text_reply_end(struct resp_writer *writer)
{
    resp_write(writer, "\r\n", 2);
}
