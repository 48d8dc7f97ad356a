// The model's commands on checkpoints: BGREWRITEAOF, BGSAVE, LASTSAVE, SAVE. Whether one is going on is
// the server's affair: all that may be answered is right.
#include "sim/model_internal.h"

static void reply_choice(struct model_call *call, const char *lines)
{
    call->reply->kind = MODEL_CHOICE;
    bytes_text(&call->reply->bytes, lines);
}

void model_do_bgrewriteaof(struct model_call *call)
{
    reply_choice(call, "+Background append only file rewriting started\r\n"
                       "+Background append only file rewriting scheduled\r\n");
}

void model_do_bgsave(struct model_call *call)
{
    bool schedule = call->argc == 2 && model_arg_is(call, 1, "schedule");
    if (call->argc > 1 && !schedule)
        model_reply_syntax(call);
    else if (schedule)
        reply_choice(call, "+Background saving started\r\n+Background saving scheduled\r\n");
    else
        reply_choice(call, "+Background saving started\r\n+Background saving scheduled\r\n"
                           "-ERR Background save already in progress\r\n");
}

void model_do_lastsave(struct model_call *call)
{
    call->reply->kind = MODEL_PATTERN;
    bytes_text(&call->reply->bytes, ":\1\r\n");
}

// Without faults it succeeds; that it ends at all is the point.
void model_do_save(struct model_call *call)
{
    reply_choice(call, "+OK\r\n-ERR Background save already in progress\r\n-ERR\r\n");
}
