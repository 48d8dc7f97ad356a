// LZF: unpacks what Redis's dumps have compressed.
#include "protocol/lzf.h"

#include <string.h>

// A step begins with a byte. Below 32: so many bytes and one more follow as they are. Otherwise its
// upper three bits are a length and its lower five, with the next byte, how far back there are
// bytes to repeat: one less than that, and two more than the length. A length of 7 is continued in
// a byte of its own, before the distance's second one.
#define LITERALS_MAX 32
#define LENGTH_CONTINUED 7

// The bytes to repeat may reach into what is written here.
static void repeat(uint8_t *to, const uint8_t *from, size_t count)
{
    if ((size_t)(to - from) >= count) {
        memcpy(to, from, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

bool lzf_unpack(const uint8_t *packed, size_t packed_length, uint8_t *to, size_t length)
{
    size_t in = 0;
    size_t out = 0;
    while (in < packed_length) {
        uint8_t first = packed[in++];
        if (first < LITERALS_MAX) {
            size_t count = (size_t)first + 1;
            if (count > packed_length - in || count > length - out)
                return false;
            memcpy(to + out, packed + in, count);
            in += count;
            out += count;
            continue;
        }
        size_t count = first >> 5;
        size_t bytes = count == LENGTH_CONTINUED ? 2 : 1;
        if (bytes > packed_length - in)
            return false;
        if (count == LENGTH_CONTINUED)
            count += packed[in++];
        count += 2;
        size_t back = ((size_t)(first & 31) << 8) + packed[in++] + 1;
        if (back > out || count > length - out)
            return false;
        repeat(to + out, to + out - back, count);
        out += count;
    }
    return out == length;
}
