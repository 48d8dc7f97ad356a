// One command as a client sends it: its RESP encoding, and where its arguments lie in that.
#ifndef PORO_SIM_COMMAND_LINE_H
#define PORO_SIM_COMMAND_LINE_H

#include "sim/bytes.h"

#include <stdint.h>

#define COMMAND_LINE_ARGS 64

struct command_line {
    struct bytes wire; // *argc $length argument ...
    uint32_t argc;
    struct {
        uint32_t where; // in wire.data
        uint32_t length;
    } args[COMMAND_LINE_ARGS];
    uint32_t expected; // arguments that are announced in the wire
};

// Begins a command of exactly `argc` arguments (1 to COMMAND_LINE_ARGS), forgetting what was there;
// its memory is used again. The arguments follow in order.
void command_line_begin(struct command_line *line, uint32_t argc);
void command_line_add(struct command_line *line, const void *data, uint32_t length);
void command_line_text(struct command_line *line, const char *text);
void command_line_number(struct command_line *line, int64_t number);
const uint8_t *command_line_arg(const struct command_line *line, uint32_t index, uint32_t *length);
// A printable, shortened form, for messages.
void command_line_show(const struct command_line *line, char *text, size_t size);
void command_line_copy(struct command_line *to, const struct command_line *from);
void command_line_free(struct command_line *line);

#endif
