// Fuzzes the RESP parser: any stream, cut in any way, gives what the whole stream gives.
#include "tests/unit/resp_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct feed feed_all(const uint8_t *data, size_t size, struct feed_way way,
                            struct resp_limits limits)
{
    struct feed feed;
    feed_start(&feed, way, limits);
    feed_stream(&feed, data, size);
    return feed;
}

// The first two bytes say how the stream is cut and limited; the others are the stream.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // Lines of more than 64 KiB are refused or not depending on when they come, as in Redis.
    if (size < 2 || size > INLINE_BYTES_MAX)
        return 0;
    const struct resp_limits limits = {
        .authenticated = data[0] & 1,
        .argument_bytes_max = data[0] & 2 ? 64 : ARGUMENT_BYTES_MAX,
    };
    const struct feed_way cut = {
        .chunk = (size_t)1 + data[1] % 16,
        .first = data[1] / 16,
        .capacity = data[0] & 4 ? 1 : 8,
        .grow_whole = data[0] & 8,
        .discard = data[0] & 16,
        .exact = true,
    };
    const struct feed_way whole = {.capacity = 64, .grow_whole = true, .exact = true};
    struct feed one = feed_all(data + 2, size - 2, whole, limits);
    struct feed other = feed_all(data + 2, size - 2, cut, limits);
    assert(one.transcript_length == other.transcript_length);
    assert(memcmp(one.transcript, other.transcript, one.transcript_length) == 0);
    feed_end(&one);
    feed_end(&other);
    return 0;
}
