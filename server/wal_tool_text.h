// Bytes, sizes and times as poro-wal prints them.
#ifndef PORO_SERVER_WAL_TOOL_TEXT_H
#define PORO_SERVER_WAL_TOOL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE_BYTES 32
#define TEXT_TIME_BYTES 48
// Names are cut after this many bytes in lists.
#define TEXT_NAME_BYTES 120

// In double quotes, with \n \r \t \a \b \\ \" and \xHH for what is not printable. After `most`
// bytes (0: all) it is cut, and its length given.
void text_print_bytes(const uint8_t *bytes, size_t length, size_t most);
// "812 bytes", "64.0 MiB".
const char *text_size(char text[TEXT_SIZE_BYTES], uint64_t bytes);
// A time in ms since 1970, in UTC: "2025-01-31 12:00:00.000 UTC".
const char *text_time(char text[TEXT_TIME_BYTES], int64_t time_ms);
// The name of a file of the log (WAL_SLOT_COMPLETION: the completion log).
const char *text_file(char text[TEXT_SIZE_BYTES], uint32_t slot);

#endif
