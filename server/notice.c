// The server's messages to its operator, in the format of Redis's log.
#include "server/notice.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

struct date {
    int64_t year;
    int month; // 0..11
    int day;   // 1..31
};

// Proleptic Gregorian calendar in eras of 400 years that begin on 1 March, so that the leap day
// comes last: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
// The C library's functions look at the time zone's files and need the heap.
static struct date date_of(int64_t days_since_1970)
{
    int64_t days = days_since_1970 + 719468; // since 1 March of year 0
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    assert(day_of_era >= 0 && day_of_era < 146097);
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int month = (int)((month_from_march + 2) % 12);
    return (struct date){
        .year = era * 400 + year_of_era + (month < 2 ? 1 : 0),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

static int header(const struct notice_sink *sink, enum config_loglevel level,
                  char text[NOTICE_BYTES_MAX])
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char marks[] = ".-*#"; // by level
    int64_t ms = sink->wall_ms(sink->context) + (int64_t)sink->utc_offset_s * 1000;
    int64_t of_day = (ms % DAY_MS + DAY_MS) % DAY_MS;
    struct date date = date_of((ms - of_day) / DAY_MS);
    return snprintf(text, NOTICE_BYTES_MAX, "%d:M %02d %s %04lld %02d:%02d:%02d.%03d %c ",
                    (int)sink->pid, date.day, months[date.month], (long long)date.year,
                    (int)(of_day / 3600000), (int)(of_day / 60000 % 60), (int)(of_day / 1000 % 60),
                    (int)(of_day % 1000), marks[level]);
}

static void make_printable(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f) {
            text[i] = '?';
        }
    }
}

void notice(const struct notice_sink *sink, enum config_loglevel level, const char *format, ...)
{
    assert(sink->wall_ms != NULL);
    assert(level >= LOGLEVEL_DEBUG && level <= LOGLEVEL_WARNING);
    if (level < sink->level) {
        return;
    }
    char text[NOTICE_BYTES_MAX];
    size_t begin = (size_t)header(sink, level, text);
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(text + begin, sizeof text - 1 - begin, format, arguments);
    va_end(arguments);
    size_t end = begin + (wanted > 0 ? (size_t)wanted : 0);
    if (end > sizeof text - 2) {
        end = sizeof text - 2;
        memset(text + end - 3, '.', 3);
    }
    make_printable(text + begin, end - begin);
    text[end++] = '\n';
    ssize_t written;
    do {
        written = write(sink->descriptor, text, end);
    } while (written < 0 && errno == EINTR);
    // A message that cannot be written is no reason to stop serving.
}

void notice_init(struct notice_sink *sink, int descriptor, enum config_loglevel level,
                 int64_t (*wall_ms)(void *context), void *context)
{
    assert(wall_ms != NULL);
    time_t now = (time_t)(wall_ms(context) / 1000);
    struct tm local;
    *sink = (struct notice_sink){
        .descriptor = descriptor,
        .pid = getpid(),
        .utc_offset_s = localtime_r(&now, &local) != NULL ? (int32_t)local.tm_gmtoff : 0,
        .level = level,
        .wall_ms = wall_ms,
        .context = context,
    };
}

int notice_open(struct notice_sink *sink, const char *path)
{
    if (*path == '\0') {
        return 0;
    }
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) {
        return -errno;
    }
    sink->descriptor = descriptor;
    return 0;
}

void notice_close(struct notice_sink *sink)
{
    if (sink->descriptor != STDOUT_FILENO)
        close(sink->descriptor);
    sink->descriptor = STDOUT_FILENO;
}
