// Records: encoding and decoding of the changes that a frame carries.
#include "wal/record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum record_flags {
    RECORD_EXPIRY = 1, // SET: an expiry follows
    RECORD_TOTAL = 2,  // SET: the value's whole length follows, because it is not all here
    RECORD_SPOOL = 4,  // SET: the spool follows that it is in
};

#define MAP_BYTES (sizeof(uint32_t) * (1 + DATABASES_MAX))

static_assert(sizeof(struct wal_record_header) + MAP_BYTES <= WAL_RECORD_OVERHEAD_MAX,
              "a MAP record has neither key nor data, so the overhead has to cover it");
static_assert(sizeof(struct wal_record_header) + sizeof(int64_t) + 3 * sizeof(uint32_t) <=
                  WAL_RECORD_OVERHEAD_MAX,
              "every optional field together");

static uint8_t record_flags(const struct wal_record *record)
{
    if (record->type != WAL_RECORD_SET)
        return 0;
    uint8_t flags = record->expiry_ms != 0 ? RECORD_EXPIRY : 0;
    if (record->total != record->length)
        flags |= RECORD_TOTAL;
    if (record->spool != 0)
        flags |= RECORD_SPOOL;
    return flags;
}

// Bytes between a record's header and its key.
static size_t record_optional_bytes(enum wal_record_type type, uint8_t flags)
{
    switch (type) {
    case WAL_RECORD_SET:
        return ((flags & RECORD_EXPIRY) ? sizeof(int64_t) : 0) +
               ((flags & RECORD_TOTAL) ? sizeof(uint32_t) : 0) +
               ((flags & RECORD_SPOOL) ? sizeof(uint32_t) : 0);
    case WAL_RECORD_RANGE:
        return 2 * sizeof(uint32_t);
    case WAL_RECORD_SPOOL:
        return 3 * sizeof(uint32_t);
    case WAL_RECORD_EXPIRE:
        return sizeof(int64_t);
    case WAL_RECORD_DELETE:
    case WAL_RECORD_MAP:
        return 0;
    }
    assert(false);
}

static bool record_has_offset(enum wal_record_type type)
{
    return type == WAL_RECORD_RANGE || type == WAL_RECORD_SPOOL;
}

static bool record_has_data(enum wal_record_type type)
{
    return type == WAL_RECORD_SET || record_has_offset(type);
}

// Is there data in the record, or a spool that has it?
static bool record_valid_set(const struct wal_record *record)
{
    if (record->spool == 0)
        return record->length <= record->total;
    return record->spool <= WAL_SPOOLS_MAX && record->length == 0 && record->total > 0;
}

static bool record_valid_spool(const struct wal_record *record)
{
    bool piece = record->length > 0;
    return record->spool > 0 && record->spool <= WAL_SPOOLS_MAX &&
           (uint64_t)record->offset + record->length <= record->total &&
           (piece || record->offset == 0) &&
           (record->key_length == 0 || (!piece && record->total > 0));
}

// What the encoder demands and the decoder checks.
static bool record_valid(const struct wal_record *record)
{
    if (record->key_length > KEY_BYTES_MAX || record->total > VALUE_BYTES_MAX)
        return false;
    switch (record->type) {
    case WAL_RECORD_SET:
        return record_valid_set(record);
    case WAL_RECORD_SPOOL:
        return record_valid_spool(record);
    case WAL_RECORD_RANGE:
        return (uint64_t)record->offset + record->length <= record->total;
    case WAL_RECORD_EXPIRE:
    case WAL_RECORD_DELETE:
        return record->length == 0;
    case WAL_RECORD_MAP:
        return record->key_length == 0 && record->length == 0;
    }
    return false;
}

size_t wal_record_bytes(const struct wal_record *record)
{
    assert(record_valid(record));
    if (record->type == WAL_RECORD_MAP)
        return sizeof(struct wal_record_header) + MAP_BYTES;
    return sizeof(struct wal_record_header) +
           record_optional_bytes(record->type, record_flags(record)) + record->key_length +
           record->length;
}

static uint8_t *put(uint8_t *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
    return to + bytes;
}

size_t wal_record_encode(uint8_t *to, const struct wal_record *record)
{
    assert(record_valid(record));
    struct wal_record_header header = {
        .type = (uint8_t)record->type,
        .flags = record_flags(record),
        .keyspace = record->keyspace,
        .key_length = record->key_length,
        .length = record->length,
    };
    uint8_t *at = to + sizeof(header);
    if (record->type == WAL_RECORD_MAP) {
        header.keyspace = 0;
        header.length = MAP_BYTES;
        at = put(at, &record->map.next_id, sizeof(record->map.next_id));
        at = put(at, record->map.ids, sizeof(record->map.ids));
    } else {
        if ((header.flags & RECORD_EXPIRY) || record->type == WAL_RECORD_EXPIRE)
            at = put(at, &record->expiry_ms, sizeof(record->expiry_ms));
        if ((header.flags & RECORD_TOTAL) || record_has_offset(record->type))
            at = put(at, &record->total, sizeof(record->total));
        if (record_has_offset(record->type))
            at = put(at, &record->offset, sizeof(record->offset));
        if ((header.flags & RECORD_SPOOL) || record->type == WAL_RECORD_SPOOL)
            at = put(at, &record->spool, sizeof(record->spool));
        at = put(at, record->key, record->key_length);
        at = put(at, record->data, record->length);
    }
    memcpy(to, &header, sizeof(header));
    assert((size_t)(at - to) == wal_record_bytes(record));
    return (size_t)(at - to);
}

static const uint8_t *take(const uint8_t *from, void *to, size_t bytes)
{
    memcpy(to, from, bytes);
    return from + bytes;
}

// The MAP record whose header has been read.
static int64_t decode_map(const uint8_t *from, size_t available,
                          const struct wal_record_header *header, struct wal_record *record)
{
    if (header->length != MAP_BYTES || header->key_length != 0 || available < MAP_BYTES)
        return -EBADMSG;
    from = take(from, &record->map.next_id, sizeof(record->map.next_id));
    take(from, record->map.ids, sizeof(record->map.ids));
    return (int64_t)(sizeof(*header) + MAP_BYTES);
}

int64_t wal_record_decode(const uint8_t *from, size_t available, struct wal_record *record)
{
    struct wal_record_header header;
    if (available < sizeof(header))
        return -EBADMSG;
    memcpy(&header, from, sizeof(header));
    memset(record, 0, sizeof(*record));
    if (header.type < WAL_RECORD_SET || header.type > WAL_RECORD_SPOOL || header.reserved != 0)
        return -EBADMSG;
    uint8_t flags_known =
        header.type == WAL_RECORD_SET ? RECORD_EXPIRY | RECORD_TOTAL | RECORD_SPOOL : 0;
    if (header.flags & ~flags_known)
        return -EBADMSG;
    record->type = header.type;
    const uint8_t *at = from + sizeof(header);
    available -= sizeof(header);
    if (record->type == WAL_RECORD_MAP)
        return decode_map(at, available, &header, record);

    size_t optional = record_optional_bytes(record->type, header.flags);
    uint64_t bytes = (uint64_t)optional + header.key_length + header.length;
    if (bytes > available)
        return -EBADMSG;
    record->keyspace = header.keyspace;
    record->key_length = header.key_length;
    record->length = header.length;
    record->total = record_has_data(record->type) ? header.length : 0;
    if ((header.flags & RECORD_EXPIRY) || record->type == WAL_RECORD_EXPIRE)
        at = take(at, &record->expiry_ms, sizeof(record->expiry_ms));
    if ((header.flags & RECORD_TOTAL) || record_has_offset(record->type))
        at = take(at, &record->total, sizeof(record->total));
    if (record_has_offset(record->type))
        at = take(at, &record->offset, sizeof(record->offset));
    if ((header.flags & RECORD_SPOOL) || record->type == WAL_RECORD_SPOOL)
        at = take(at, &record->spool, sizeof(record->spool));
    record->key = at;
    record->data = at + header.key_length;
    if (!record_valid(record) || ((header.flags & RECORD_SPOOL) && record->spool == 0))
        return -EBADMSG;
    return (int64_t)(sizeof(header) + bytes);
}
