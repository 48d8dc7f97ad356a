// What the tests of the simulator's model share: commands from text, and replies compared.
#ifndef PORO_TESTS_UNIT_SIM_MODEL_H
#define PORO_TESTS_UNIT_SIM_MODEL_H

#include "sim/model.h"
#include "sim/workload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NOW_MS 1700000000000

// One client of a model.
struct talk {
    struct model *model;
    struct model_session session;
    struct model_reply reply;
    struct command_line line;
    struct workload_client client;
    int64_t now_ms;
    uint64_t change; // that the last command made
};

static inline void talk_begin(struct talk *talk)
{
    *talk = (struct talk){.model = model_create(), .now_ms = NOW_MS};
    model_session_init(&talk->session);
}

static inline void talk_end(struct talk *talk)
{
    model_session_free(&talk->session);
    model_reply_free(&talk->reply);
    command_line_free(&talk->line);
    model_destroy(talk->model);
}

// Words separated by single spaces; "" is an empty one.
static inline void talk_line(struct command_line *line, const char *text)
{
    uint32_t argc = 1;
    for (const char *p = text; *p != '\0'; p++)
        argc += *p == ' ';
    command_line_begin(line, argc);
    for (uint32_t i = 0; i < argc; i++) {
        uint32_t length = (uint32_t)strcspn(text, " ");
        command_line_add(line, text, length == 2 && memcmp(text, "\"\"", 2) == 0 ? 0 : length);
        text += length + (text[length] == ' ');
    }
}

static inline void talk_say(struct talk *talk, const char *text)
{
    talk_line(&talk->line, text);
    talk->change =
        model_execute(talk->model, &talk->session, &talk->line, talk->now_ms, &talk->reply);
}

static inline int64_t talk_check(struct talk *talk, const char *sent)
{
    char error[512];
    return model_reply_check(&talk->reply, (const uint8_t *)sent, strlen(sent), error);
}

// Says it, and the right reply must be `right`.
#define TALK(talk, text, right)                                                                    \
    do {                                                                                           \
        char talk_error[512] = "";                                                                 \
        talk_say(talk, text);                                                                      \
        int64_t talk_result = model_reply_check(&(talk)->reply, (const uint8_t *)(right),          \
                                                strlen(right), talk_error);                        \
        cr_assert(talk_result == (int64_t)strlen(right), "%s: %s", text, talk_error);              \
    } while (0)

#endif
