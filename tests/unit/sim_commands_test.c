// The simulator's model of single commands: their replies as Redis gives them, or documents them.
#include "tests/unit/sim_model.h"

#include "sim/dump.h"

struct exchange {
    const char *text;
    const char *right;
};

static void check_all(const struct exchange *exchanges)
{
    struct talk talk;
    talk_begin(&talk);
    for (size_t i = 0; exchanges[i].text != NULL; i++)
        TALK(&talk, exchanges[i].text, exchanges[i].right);
    talk_end(&talk);
}

Test(sim_commands, parts_of_values)
{
    static const struct exchange exchanges[] = {
        {"SETRANGE a 3 xyz", ":6\r\n"},
        {"GETRANGE a 3 -1", "$3\r\nxyz\r\n"},
        {"GETRANGE a -2 4", "$1\r\ny\r\n"},
        {"SUBSTR a 5 4", "$0\r\n\r\n"},
        {"GETRANGE a -1 -5", "$0\r\n\r\n"},
        {"SETRANGE a 1 \"\"", ":6\r\n"},
        {"SETRANGE nothing 1 \"\"", ":0\r\n"},
        {"EXISTS nothing", ":0\r\n"},
        {"SETRANGE a -1 x", "-ERR offset is out of range\r\n"},
        {"SETRANGE a 536870912 x",
         "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"},
        {"SET a hello EX 100", "+OK\r\n"},
        {"SETRANGE a 1 u", ":5\r\n"},
        {"GETEX a", "$5\r\nhullo\r\n"},
        {"TTL a", ":100\r\n"},
        {"GETEX a PERSIST", "$5\r\nhullo\r\n"},
        {"TTL a", ":-1\r\n"},
        {"GETEX a PX 5000", "$5\r\nhullo\r\n"},
        {"PTTL a", ":5000\r\n"},
        {"GETEX a PERSIST PX 5000", "-ERR syntax error\r\n"},
        {"GETEX a PXAT 1", "$5\r\nhullo\r\n"},
        {"GETEX a EX 0", "$-1\r\n"},
        {"SETNX a 1", ":1\r\n"},
        {"SETNX a 2", ":0\r\n"},
        {"GETSET a 3", "$1\r\n1\r\n"},
        {"GETDEL a", "$1\r\n3\r\n"},
        {"GETDEL a", "$-1\r\n"},
        {"SETEX a 10 x", "+OK\r\n"},
        {"PSETEX a 0 x", "-ERR invalid expire time in 'psetex' command\r\n"},
        {"PEXPIRETIME a", ":1700000010000\r\n"},
        {"EXPIREAT a 1700000020", ":1\r\n"},
        {"EXPIRETIME a", ":1700000020\r\n"},
        {"MSETNX a 1 b 2", ":0\r\n"},
        {"MSETNX b 1 c 2", ":1\r\n"},
        {"MGET b c", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"},
        {NULL, NULL},
    };
    check_all(exchanges);
}

Test(sim_commands, numbers_with_a_fraction)
{
    static const struct exchange exchanges[] = {
        {"SET a 10.50 EX 100", "+OK\r\n"},
        {"INCRBYFLOAT a 0.1", "$4\r\n10.6\r\n"},
        {"TTL a", ":100\r\n"},
        {"INCRBYFLOAT a -10.6", "$1\r\n0\r\n"},
        {"INCRBYFLOAT a 5.0e3", "$4\r\n5000\r\n"},
        {"INCRBYFLOAT a x", "-ERR value is not a valid float\r\n"},
        {"INCRBYFLOAT a inf", "-ERR increment would produce NaN or Infinity\r\n"},
        {"INCRBYFLOAT b 3.0e-5", "$7\r\n0.00003\r\n"},
        {NULL, NULL},
    };
    check_all(exchanges);
}

Test(sim_commands, bits)
{
    static const struct exchange exchanges[] = {
        {"SETBIT a 7 1", ":0\r\n"},
        {"SETBIT a 7 1", ":1\r\n"},
        {"GETBIT a 7", ":1\r\n"},
        {"GETBIT a 700", ":0\r\n"},
        {"SETBIT a 4294967296 1", "-ERR bit offset is not an integer or out of range\r\n"},
        {"SETBIT a 1 2", "-ERR bit is not an integer or out of range\r\n"},
        {"SET a foobar", "+OK\r\n"},
        {"BITCOUNT a", ":26\r\n"},
        {"BITCOUNT a 0 0", ":4\r\n"},
        {"BITCOUNT a 1 1", ":6\r\n"},
        {"BITCOUNT a 5 30 BIT", ":17\r\n"},
        {"BITCOUNT a 0", "-ERR syntax error\r\n"},
        {"BITPOS a 1", ":1\r\n"},
        {"BITPOS a 0 2", ":16\r\n"},
        {"BITPOS a 1 7 15 BIT", ":9\r\n"},
        {"SETRANGE z 2 \"\"", ":0\r\n"},
        {"BITPOS z 0", ":0\r\n"},
        {"BITPOS z 1", ":-1\r\n"},
        {"SET k1 foobar", "+OK\r\n"},
        {"SET k2 abcdef", "+OK\r\n"},
        {"BITOP AND d k1 k2", ":6\r\n"},
        {"GET d", "$6\r\n`bc`ab\r\n"},
        {"BITOP AND d nothing", ":0\r\n"},
        {"EXISTS d", ":0\r\n"},
        {"BITOP NOT d k1 k2", "-ERR BITOP NOT must be called with a single source key.\r\n"},
        {"BITFIELD f INCRBY i5 100 1 GET u4 0", "*2\r\n:1\r\n:0\r\n"},
        {"BITFIELD f INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1", "*2\r\n:1\r\n:1\r\n"},
        {"BITFIELD f INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1", "*2\r\n:2\r\n:2\r\n"},
        {"BITFIELD f INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1", "*2\r\n:3\r\n:3\r\n"},
        {"BITFIELD f INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1", "*2\r\n:0\r\n:3\r\n"},
        {"BITFIELD f OVERFLOW FAIL INCRBY u2 102 1", "*1\r\n$-1\r\n"},
        {"BITFIELD f SET i64 #3 -1", "*1\r\n:0\r\n"},
        {"BITFIELD_RO f GET i64 #3 GET u8 184", "*2\r\n:-1\r\n:0\r\n"},
        {"BITFIELD_RO f SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand\r\n"},
        {NULL, NULL},
    };
    check_all(exchanges);
}

Test(sim_commands, names_of_keys)
{
    static const struct exchange exchanges[] = {
        {"RENAME a b", "-ERR no such key\r\n"},
        {"SET a 1 EX 100", "+OK\r\n"},
        {"SET b 2", "+OK\r\n"},
        {"RENAMENX a b", ":0\r\n"},
        {"RENAME a b", "+OK\r\n"},
        {"TTL b", ":100\r\n"},
        {"GET a", "$-1\r\n"},
        {"COPY b c", ":1\r\n"},
        {"TTL c", ":100\r\n"},
        {"COPY b c", ":0\r\n"},
        {"COPY b b", "-ERR source and destination objects are the same\r\n"},
        {"COPY b b DB 2", ":1\r\n"},
        {"MOVE b 2", ":0\r\n"},
        {"MOVE b 3", ":1\r\n"},
        {"MOVE c 0", "-ERR source and destination objects are the same\r\n"},
        {"EXISTS b c", ":1\r\n"},
        {"SELECT 3", "+OK\r\n"},
        {"PTTL b", ":100000\r\n"},
        {"OBJECT ENCODING b", "$3\r\nint\r\n"},
        {"OBJECT REFCOUNT b", ":2147483647\r\n"},
        {"APPEND b 1", ":2\r\n"},
        {"OBJECT ENCODING b", "$3\r\nraw\r\n"},
        {"COPY b c", ":1\r\n"},
        {"OBJECT ENCODING c", "$3\r\nraw\r\n"},
        {"SET b abc", "+OK\r\n"},
        {"OBJECT ENCODING b", "$6\r\nembstr\r\n"},
        {"OBJECT IDLETIME b", ":3\r\n"},
        {"OBJECT ENCODING nothing", "$-1\r\n"},
        {"SWAPDB 0 x", "-ERR invalid second DB index\r\n"},
        {"SWAPDB 0 16", "-ERR DB index is out of range\r\n"},
        {"WAIT 0 0", ":0\r\n"},
        {NULL, NULL},
    };
    check_all(exchanges);
}

Test(sim_commands, longest_common_subsequence)
{
    static const struct exchange exchanges[] = {
        {"MSET a ohmytext b mynewtext", "+OK\r\n"},
        {"LCS a b", "$6\r\nmytext\r\n"},
        {"LCS a b LEN", ":6\r\n"},
        {"LCS a b IDX", "*4\r\n$7\r\nmatches\r\n*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
                        "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n"},
        {"LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
         "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
         "$3\r\nlen\r\n:6\r\n"},
        {"LCS a nothing", "$0\r\n\r\n"},
        {"LCS a b LEN IDX",
         "-ERR If you want both the length and indexes, please just use IDX.\r\n"},
        {NULL, NULL},
    };
    check_all(exchanges);
}

Test(sim_commands, newer_ones)
{
    static const struct exchange exchanges[] = {
        {"SET a 1 IFEQ 1", "$-1\r\n"},
        {"SET a 1 IFNE 1", "+OK\r\n"},
        {"SET a 2 IFEQ 1 GET", "$1\r\n1\r\n"},
        {"SET a 3 IFEQ 1 GET", "$1\r\n2\r\n"},
        {"SET a 3 IFEQ 1 NX", "-ERR syntax error\r\n"},
        {"SET h Hello_world", "+OK\r\n"},
        {"DIGEST nothing", "$-1\r\n"},
        {"SET h 1 IFDEQ 01", "-ERR must be exactly 16 hexadecimal characters\r\n"},
        {"DELEX a IFEQ 1", ":0\r\n"},
        {"DELEX a IFNE 1", ":1\r\n"},
        {"DELEX a IFNE 1", ":0\r\n"},
        {"DELEX h NX 1", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n"},
        {"DELEX h", ":1\r\n"},
        {"SET lock me", "+OK\r\n"},
        {"DELIFEQ lock you", ":0\r\n"},
        {"DELIFEQ lock me", ":1\r\n"},
        {"MSETEX 2 a 1 b 2 EX 10", ":1\r\n"},
        {"TTL b", ":10\r\n"},
        {"MSETEX 2 a 1 c 2 NX", ":0\r\n"},
        {"MSETEX 1 a 5 XX KEEPTTL", ":1\r\n"},
        {"TTL a", ":10\r\n"},
        {"MSETEX 3 a 1 b 2", "-ERR wrong number of key-value pairs\r\n"},
        {"MSETEX 0 a 1", "-ERR invalid numkeys value\r\n"},
        {"INCREX n", "*2\r\n:1\r\n:1\r\n"},
        {"INCREX n BYINT 5 UBOUND 3", "*2\r\n:1\r\n:0\r\n"},
        {"INCREX n BYINT 5 UBOUND 3 SATURATE EX 10", "*2\r\n:3\r\n:2\r\n"},
        {"INCREX n EX 50 ENX", "*2\r\n:4\r\n:1\r\n"},
        {"TTL n", ":10\r\n"},
        {"INCREX n PERSIST", "*2\r\n:5\r\n:1\r\n"},
        {"TTL n", ":-1\r\n"},
        {"INCREX n BYFLOAT 0.5", "*2\r\n$3\r\n5.5\r\n$3\r\n0.5\r\n"},
        {"INCREX n BYINT 1", "-ERR value is not an integer or out of range\r\n"},
        {"INCREX n LBOUND 5 UBOUND 4", "-ERR LBOUND can't be greater than UBOUND\r\n"},
        {"INCREX n ENX", "-ERR ENX flag requires an expiration\r\n"},
        {NULL, NULL},
    };
    check_all(exchanges);
}

// --- dumps -----------------------------------------------------------------------------------

static void check_dump(const char *value, const char *right, size_t right_length)
{
    struct bytes dump = {0};
    struct bytes again = {0};
    dump_add(&dump, value, (uint32_t)strlen(value));
    cr_assert(dump.length == right_length && memcmp(dump.data, right, right_length) == 0, "%s",
              value);
    cr_assert(dump_read(dump.data, dump.length, &again) == DUMP_STRING);
    cr_assert(again.length == strlen(value));
    cr_assert(again.length == 0 || memcmp(again.data, value, again.length) == 0);
    for (size_t i = 0; i < dump.length; i++) {
        again.length = 0;
        dump.data[i] ^= 16;
        cr_assert(dump_read(dump.data, dump.length, &again) == DUMP_FOOTER, "%zu", i);
        dump.data[i] ^= 16;
    }
    bytes_free(&dump);
    bytes_free(&again);
}

// As redis-server 7.0 has them.
Test(sim_commands, dumps)
{
#define CHECK_DUMP(value, dump) check_dump(value, dump, sizeof(dump) - 1)
    CHECK_DUMP("10", "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb");
    CHECK_DUMP("-1000", "\x00\xc1\x18\xfc\x0a\x00\x46\x02\x35\x5e\x70\x22\x5a\x90");
    CHECK_DUMP("100000", "\x00\xc2\xa0\x86\x01\x00\x0a\x00\xf1\x24\x03\x50\x6f\x2f\xa6\x74");
    CHECK_DUMP("hello", "\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a");
    CHECK_DUMP("01", "\x00\x02\x30\x31\x0a\x00\x6c\xdd\xc4\x41\x14\x4c\x7d\xa4");
    CHECK_DUMP("", "\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda");
}
