// Records: what is encoded is decoded again; anything else is refused without reading beyond it.
#include "wal/record.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t key[] = "some key";
static const uint8_t data[] = "some data, longer than the key";

static const struct wal_record records[] = {
    {.type = WAL_RECORD_SET,
     .keyspace = 3,
     .key = key,
     .key_length = 8,
     .data = data,
     .length = 30,
     .total = 30},
    {.type = WAL_RECORD_SET,
     .key = key,
     .key_length = 8,
     .data = data,
     .length = 30,
     .total = 30,
     .expiry_ms = 1234567890123},
    {.type = WAL_RECORD_SET,
     .keyspace = UINT32_MAX,
     .key = key,
     .key_length = 8,
     .data = data,
     .length = 10,
     .total = 1000,
     .expiry_ms = -5},
    {.type = WAL_RECORD_SET, .key = key, .key_length = 0, .data = data},
    {.type = WAL_RECORD_RANGE,
     .keyspace = 3,
     .key = key,
     .key_length = 8,
     .data = data,
     .length = 30,
     .offset = 70,
     .total = 100},
    {.type = WAL_RECORD_SET,
     .keyspace = 3,
     .key = key,
     .key_length = 8,
     .data = data,
     .total = 100000,
     .spool = WAL_SPOOLS_MAX,
     .expiry_ms = 5},
    {.type = WAL_RECORD_SPOOL,
     .keyspace = 3,
     .key = key,
     .key_length = 8,
     .data = data,
     .total = 9,
     .spool = 1},
    {.type = WAL_RECORD_SPOOL,
     .key = key,
     .data = data,
     .length = 30,
     .offset = 70,
     .total = 100,
     .spool = WAL_SPOOLS_MAX},
    {.type = WAL_RECORD_SPOOL, .key = key, .data = data, .spool = 7},
    {.type = WAL_RECORD_EXPIRE, .keyspace = 3, .key = key, .key_length = 8},
    {.type = WAL_RECORD_EXPIRE, .keyspace = 3, .key = key, .key_length = 8, .expiry_ms = 77},
    {.type = WAL_RECORD_DELETE, .keyspace = 3, .key = key, .key_length = 8},
    {.type = WAL_RECORD_MAP, .map = {.next_id = 40, .ids = {1, 2, 3, [DATABASES_MAX - 1] = 9}}},
};
#define RECORDS (sizeof(records) / sizeof(records[0]))

static void assert_equal(const struct wal_record *a, const struct wal_record *b)
{
    cr_assert_eq(a->type, b->type);
    cr_assert_eq(a->keyspace, b->keyspace);
    cr_assert_eq(a->key_length, b->key_length);
    cr_assert_eq(a->length, b->length);
    cr_assert_eq(a->total, b->total);
    cr_assert_eq(a->offset, b->offset);
    cr_assert_eq(a->spool, b->spool);
    cr_assert_eq(a->expiry_ms, b->expiry_ms);
    cr_assert_eq(memcmp(&a->map, &b->map, sizeof(a->map)), 0);
    if (a->key_length > 0)
        cr_assert_eq(memcmp(a->key, b->key, a->key_length), 0);
    if (a->length > 0)
        cr_assert_eq(memcmp(a->data, b->data, a->length), 0);
}

Test(wal_record, round_trip_and_every_truncation)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        size_t bytes = wal_record_bytes(&records[i]);
        cr_assert_leq(bytes, records[i].key_length + records[i].length + WAL_RECORD_OVERHEAD_MAX);
        uint8_t encoded[256];
        cr_assert_eq(wal_record_encode(encoded, &records[i]), bytes);
        struct wal_record decoded;
        for (size_t available = 0; available <= bytes; available++) {
            // Exactly as many bytes as it is told, so that a sanitizer sees each one too many.
            uint8_t *copy = malloc(available + 1);
            memcpy(copy, encoded, available);
            int64_t result = wal_record_decode(copy, available, &decoded);
            cr_assert_eq(result, available < bytes ? -EBADMSG : (int64_t)bytes);
            if (result > 0)
                assert_equal(&decoded, &records[i]);
            free(copy);
        }
    }
}

Test(wal_record, header_bits_never_make_it_read_too_far)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        size_t bytes = wal_record_bytes(&records[i]);
        uint8_t *encoded = malloc(bytes);
        wal_record_encode(encoded, &records[i]);
        for (uint32_t bit = 0; bit < 8 * sizeof(struct wal_record_header); bit++) {
            encoded[bit / 8] ^= (uint8_t)(1 << bit % 8);
            struct wal_record decoded;
            int64_t result = wal_record_decode(encoded, bytes, &decoded);
            cr_assert(result == -EBADMSG || (result > 0 && (size_t)result <= bytes));
            if (result > 0 && decoded.key != NULL) {
                cr_assert(decoded.key >= encoded);
                cr_assert(decoded.data + decoded.length <= encoded + bytes);
            }
            encoded[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(encoded);
    }
}

Test(wal_record, refuses_what_cannot_be)
{
    uint8_t encoded[256];
    struct wal_record decoded;
    size_t bytes = wal_record_encode(encoded, &records[4]);
    uint32_t total = 99; // the range ends at 100
    memcpy(encoded + sizeof(struct wal_record_header), &total, sizeof(total));
    cr_assert_eq(wal_record_decode(encoded, bytes, &decoded), -EBADMSG);
    bytes = wal_record_encode(encoded, &records[2]);
    total = 9; // less than what is here
    memcpy(encoded + sizeof(struct wal_record_header) + 8, &total, sizeof(total));
    cr_assert_eq(wal_record_decode(encoded, bytes, &decoded), -EBADMSG);
    // A spool that there is not: of a SET, behind expiry and total; of its own, behind total and offset.
    static const size_t spool_at[][2] = {{5, 12}, {6, 8}, {7, 8}, {8, 8}};
    static const uint32_t spools[] = {0, WAL_SPOOLS_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 3; j++) {
            bytes = wal_record_encode(encoded, &records[spool_at[i][0]]);
            memcpy(encoded + sizeof(struct wal_record_header) + spool_at[i][1], &spools[j],
                   sizeof(spools[j]));
            cr_assert_eq(wal_record_decode(encoded, bytes, &decoded), -EBADMSG);
        }
    }
    memset(encoded, 0, sizeof(encoded));
    cr_assert_eq(wal_record_decode(encoded, sizeof(encoded), &decoded), -EBADMSG);
}
