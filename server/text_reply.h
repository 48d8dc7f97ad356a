// Replies made of lines of text: HELP, and long texts whose length is known before they are
// written.
#ifndef PORO_SERVER_TEXT_REPLY_H
#define PORO_SERVER_TEXT_REPLY_H

#include <stddef.h>

struct resp_writer;

// An array of lines: "NAME <subcommand> ..." and then `lines`, which NULL ends.
void text_reply_help(struct resp_writer *writer, const char *name, const char *const *lines);

// A text of `length` bytes (RESP3: verbatim), which the caller writes with resp_write in between.
void text_reply_begin(struct resp_writer *writer, size_t length);
void text_reply_end(struct resp_writer *writer);

#endif
