// Random commands on the connection.
#include "sim/workload_internal.h"

#include <stddef.h>

// --- the connection --------------------------------------------------------------------------

static void draw_select(const struct draw *draw)
{
    draw_begin(draw, "SELECT", 2);
    draw_number(draw, (int64_t)draw_below(draw, draw->workload->databases));
}

static void draw_hello(const struct draw *draw)
{
    const char *version = draw_below(draw, 2) == 0 ? "2" : "3";
    switch (draw_below(draw, 6)) {
    case 0:
        draw_words(draw, "HELLO", NULL);
        break;
    case 1:
        draw_words(draw, "HELLO", version, "SETNAME", "someone", NULL);
        break;
    case 2:
        draw_words(draw, "HELLO", version, "AUTH", "default", "any", "SETNAME", "", NULL);
        break;
    default:
        draw_words(draw, "HELLO", version, NULL);
        break;
    }
}

static void draw_client(const struct draw *draw)
{
    static const char *const names[] = {"a", "worker-7", "", "x:y!z~"};
    // What is silent inside a transaction leaves a gap in its reply, in Redis too.
    switch (draw_below(draw, draw->queued ? 13 : 16) + 3 * draw->queued) {
    case 0:
        draw_words(draw, "CLIENT", "REPLY", "OFF", NULL);
        break;
    case 1:
    case 2:
        draw_words(draw, "CLIENT", "REPLY", "SKIP", NULL);
        break;
    case 3:
        draw_words(draw, "CLIENT", "ID", NULL);
        break;
    case 4:
        draw_words(draw, "CLIENT", "NO-EVICT", draw_below(draw, 2) == 0 ? "ON" : "OFF", NULL);
        break;
    case 5:
    case 6:
        draw_words(draw, "CLIENT", "SETNAME", names[draw_below(draw, 4)], NULL);
        break;
    case 7:
    case 8:
    case 9:
        draw_words(draw, "CLIENT", "GETNAME", NULL);
        break;
    default: // much likelier than OFF, so that few clients are mute at a time
        draw_words(draw, "CLIENT", "REPLY", "ON", NULL);
        break;
    }
}

static void draw_other(const struct draw *draw)
{
    switch (draw_below(draw, 9)) {
    case 0:
        draw_words(draw, "RESET", NULL);
        break;
    case 1:
        draw_words(draw, "TIME", NULL);
        break;
    case 2:
        draw_words(draw, "AUTH", "default", "whatever", NULL);
        break;
    case 3:
        draw_words(draw, "COMMAND", "COUNT", NULL);
        break;
    case 4:
        draw_begin(draw, "ECHO", 2);
        draw_value(draw, 0);
        break;
    case 5:
        draw_words(draw, "WAIT", draw_below(draw, 2) == 0 ? "0" : "1", "1", NULL);
        break;
    case 6:
        draw_begin(draw, "PING", 2);
        draw_value(draw, 0);
        break;
    default:
        draw_words(draw, "PING", NULL);
        break;
    }
}

void draw_save(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
        draw_words(draw, "LASTSAVE", NULL);
        break;
    case 1:
        draw_words(draw, draw_below(draw, 8) == 0 || !draw->queued ? "SAVE" : "BGSAVE", NULL);
        break;
    case 2:
    case 3:
        draw_words(draw, "BGREWRITEAOF", NULL);
        break;
    case 4:
    case 5:
        draw_words(draw, "BGSAVE", "SCHEDULE", NULL);
        break;
    default:
        draw_words(draw, "BGSAVE", draw_below(draw, 16) == 0 ? "LATER" : NULL, NULL);
        break;
    }
}

void draw_session(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
    case 1:
    case 2:
        draw_select(draw);
        break;
    case 3:
        draw_hello(draw);
        break;
    case 4:
    case 5:
        draw_client(draw);
        break;
    default:
        draw_other(draw);
        break;
    }
}
