// One command as a client sends it.
#include "sim/command_line.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void command_line_begin(struct command_line *line, uint32_t argc)
{
    assert(argc > 0 && argc <= COMMAND_LINE_ARGS);
    line->wire.length = 0;
    line->argc = 0;
    line->expected = argc;
    bytes_format(&line->wire, "*%u\r\n", argc);
}

void command_line_add(struct command_line *line, const void *data, uint32_t length)
{
    assert(line->argc < line->expected);
    bytes_format(&line->wire, "$%u\r\n", length);
    line->args[line->argc].where = (uint32_t)line->wire.length;
    line->args[line->argc].length = length;
    line->argc++;
    bytes_add(&line->wire, data, length);
    bytes_add(&line->wire, "\r\n", 2);
}

void command_line_text(struct command_line *line, const char *text)
{
    command_line_add(line, text, (uint32_t)strlen(text));
}

void command_line_number(struct command_line *line, int64_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)number);
    command_line_text(line, text);
}

const uint8_t *command_line_arg(const struct command_line *line, uint32_t index, uint32_t *length)
{
    assert(index < line->argc);
    *length = line->args[index].length;
    return line->wire.data + line->args[index].where;
}

static size_t command_line_show_arg(const uint8_t *arg, uint32_t length, char *text, size_t size)
{
    size_t used = 0;
    uint32_t shown = length < 24 ? length : 24;
    for (uint32_t i = 0; i < shown && used + 8 < size; i++) {
        if (arg[i] > ' ' && arg[i] < 127)
            text[used++] = (char)arg[i];
        else
            used += (size_t)snprintf(text + used, size - used, "\\x%02x", arg[i]);
    }
    if (shown < length && used + 24 < size)
        used += (size_t)snprintf(text + used, size - used, "...(%u)", length);
    return used;
}

void command_line_show(const struct command_line *line, char *text, size_t size)
{
    assert(size > 32);
    size_t used = 0;
    for (uint32_t i = 0; i < line->argc && used + 32 < size; i++) {
        uint32_t length;
        const uint8_t *arg = command_line_arg(line, i, &length);
        if (i > 0)
            text[used++] = ' ';
        used += command_line_show_arg(arg, length, text + used, size - used);
    }
    text[used] = '\0';
}

void command_line_copy(struct command_line *to, const struct command_line *from)
{
    struct bytes wire = to->wire;
    wire.length = 0;
    bytes_add(&wire, from->wire.data, from->wire.length);
    *to = *from;
    to->wire = wire;
}

void command_line_free(struct command_line *line)
{
    bytes_free(&line->wire);
}
