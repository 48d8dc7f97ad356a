// The server's messages: format, dates, levels, bounds, no control characters.
#include "server/notice.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t told_ms(void *context)
{
    return *(int64_t *)context;
}

struct fixture {
    struct notice_sink sink;
    int64_t now_ms;
    int ends[2];
    char text[4 * NOTICE_BYTES_MAX];
};

static void begin(struct fixture *f)
{
    cr_assert(pipe2(f->ends, O_NONBLOCK) == 0);
    f->now_ms = 0;
    notice_init(&f->sink, f->ends[1], LOGLEVEL_DEBUG, told_ms, &f->now_ms);
    f->sink.pid = 123;
    f->sink.utc_offset_s = 0;
}

static char *written(struct fixture *f)
{
    ssize_t got = read(f->ends[0], f->text, sizeof f->text - 1);
    f->text[got > 0 ? got : 0] = '\0';
    return f->text;
}

Test(notice, format)
{
    struct fixture f;
    begin(&f);
    f.now_ms = INT64_C(1795358249) * 1000 + 7;
    notice(&f.sink, LOGLEVEL_NOTICE, "port %d is %s", 6379, "open");
    cr_expect(eq(str, written(&f), "123:M 22 Nov 2026 14:37:29.007 * port 6379 is open\n"));
    notice(&f.sink, LOGLEVEL_DEBUG, "x");
    cr_expect(eq(str, written(&f), "123:M 22 Nov 2026 14:37:29.007 . x\n"));
    notice(&f.sink, LOGLEVEL_VERBOSE, "x");
    cr_expect(eq(str, written(&f), "123:M 22 Nov 2026 14:37:29.007 - x\n"));
    notice(&f.sink, LOGLEVEL_WARNING, "%s", "");
    cr_expect(eq(str, written(&f), "123:M 22 Nov 2026 14:37:29.007 # \n"));
    f.sink.utc_offset_s = 10 * 3600;
    notice(&f.sink, LOGLEVEL_NOTICE, "x");
    cr_expect(eq(str, written(&f), "123:M 23 Nov 2026 00:37:29.007 * x\n"));
    f.sink.utc_offset_s = -15 * 3600;
    notice(&f.sink, LOGLEVEL_NOTICE, "x");
    cr_expect(eq(str, written(&f), "123:M 21 Nov 2026 23:37:29.007 * x\n"));
}

Test(notice, levels)
{
    struct fixture f;
    begin(&f);
    for (int least = LOGLEVEL_DEBUG; least <= LOGLEVEL_WARNING; least++) {
        f.sink.level = (enum config_loglevel)least;
        for (int level = LOGLEVEL_DEBUG; level <= LOGLEVEL_WARNING; level++) {
            notice(&f.sink, (enum config_loglevel)level, "x");
            cr_expect(eq(int, written(&f)[0] != '\0', level >= least));
        }
    }
}

// Every day from 1600 to 2500 against the C library.
Test(notice, dates)
{
    struct fixture f;
    begin(&f);
    for (int64_t day = -135000; day < 194000; day++) {
        time_t seconds = day * 86400 + (day * 37 % 86400 + 86400) % 86400;
        char wanted[64];
        struct tm tm;
        f.now_ms = (int64_t)seconds * 1000;
        notice(&f.sink, LOGLEVEL_NOTICE, "x");
        strftime(wanted, sizeof wanted, "123:M %d %b %Y %H:%M:%S.000 * x\n",
                 gmtime_r(&seconds, &tm));
        cr_assert(strcmp(written(&f), wanted) == 0, "%s, not %s", f.text, wanted);
    }
    f.now_ms = -1;
    notice(&f.sink, LOGLEVEL_NOTICE, "x");
    cr_expect(eq(str, written(&f), "123:M 31 Dec 1969 23:59:59.999 * x\n"));
}

Test(notice, bounds)
{
    struct fixture f;
    begin(&f);
    static const char head[] = "123:M 01 Jan 1970 00:00:00.000 * ";
    size_t room = NOTICE_BYTES_MAX - strlen(head) - 2;
    char message[2 * NOTICE_BYTES_MAX];
    for (size_t length = room - 5; length < room + 5; length++) {
        memset(message, 'x', length);
        message[length] = '\0';
        notice(&f.sink, LOGLEVEL_NOTICE, "%s", message);
        const char *text = written(&f);
        bool cut = length > room;
        cr_expect(eq(sz, strlen(text), strlen(head) + (cut ? room : length) + 1));
        cr_expect(text[strlen(text) - 1] == '\n');
        cr_expect(cut == (strstr(text, "x...\n") != NULL));
    }
}

Test(notice, nothing_forges_a_line)
{
    struct fixture f;
    begin(&f);
    notice(&f.sink, LOGLEVEL_NOTICE, "name=%s", "a\r\nb\tc\x1b[0m\x7f \xc3\xa9");
    cr_expect(eq(str, written(&f), "123:M 01 Jan 1970 00:00:00.000 * name=a??b?c?[0m? \xc3\xa9\n"));
}

Test(notice, file)
{
    struct fixture f;
    char path[] = "/tmp/poro-notice-test-XXXXXX", line[256];
    begin(&f);
    int file = mkstemp(path);
    cr_assert(file >= 0 && write(file, "before\n", 7) == 7);
    cr_assert(eq(int, notice_open(&f.sink, ""), 0));
    cr_assert(eq(int, f.sink.descriptor, f.ends[1]));
    cr_assert(eq(int, notice_open(&f.sink, path), 0));
    notice(&f.sink, LOGLEVEL_NOTICE, "x");
    ssize_t got = pread(file, line, sizeof line - 1, 0);
    line[got > 0 ? got : 0] = '\0';
    cr_expect(eq(str, line, "before\n123:M 01 Jan 1970 00:00:00.000 * x\n"));
    cr_assert(eq(int, notice_open(&f.sink, "/nonexistent/x"), -ENOENT));
    unlink(path);
    // Nobody reads: the message is lost, the server is not.
    struct notice_sink closed = f.sink;
    closed.descriptor = -1;
    notice(&closed, LOGLEVEL_NOTICE, "x");
}

Test(notice, own_time)
{
    setenv("TZ", "EST5", 1);
    tzset();
    int64_t now_ms = 0;
    struct notice_sink sink;
    notice_init(&sink, 1, LOGLEVEL_NOTICE, told_ms, &now_ms);
    cr_assert(eq(int, sink.utc_offset_s, -5 * 3600));
    cr_assert(eq(int, sink.pid, getpid()));
}
