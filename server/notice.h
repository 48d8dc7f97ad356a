// The server's messages to its operator, in the format of Redis's log:
//   PID:M DD Mon YYYY HH:MM:SS.mmm * text
// (Not to be mixed up with the write-ahead log.)
#ifndef PORO_SERVER_NOTICE_H
#define PORO_SERVER_NOTICE_H

#include "server/config.h"

#include <stdint.h>

#define NOTICE_BYTES_MAX 1024 // of one line, line break included; longer ones end in "..."

// Where they go.
struct notice_sink {
    int descriptor;
    int32_t pid;
    int32_t utc_offset_s;              // what to add to UTC for the time shown; 0: UTC is shown
    enum config_loglevel level;        // what is below is not written; may be changed at any time
    int64_t (*wall_ms)(void *context); // milliseconds since 1970
    void *context;
};

// A sink that writes to `descriptor`, with this process's id and the present offset from UTC (which
// is not followed when daylight saving begins or ends). At start only: looks at the time zone.
void notice_init(struct notice_sink *sink, int descriptor, enum config_loglevel level,
                 int64_t (*wall_ms)(void *context), void *context);

// Lets the sink write to the end of the file `path`, which is created if need be; an empty path
// changes nothing. 0 or -errno. The file stays open: rotate it by copying and truncating.
int notice_open(struct notice_sink *sink, const char *path);

// Closes the file; what is said after that goes to standard output.
void notice_close(struct notice_sink *sink);

// One line in one write(2), from a buffer on the stack. Control characters become '?', so
// that nothing a client sends can look like a line of its own.
void notice(const struct notice_sink *sink, enum config_loglevel level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
