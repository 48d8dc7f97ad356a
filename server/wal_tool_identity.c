// The identity of a data folder whose file `instance` is lost, from the headers of its segments.
//
// A header carries the id, and a checksum that is seeded with it: a whole header proves its id. The
// size of a segment is found in the chain value of the first one, which depends on both; without
// that one it is the size of the files, of most of them (a truncated one has the right id and a
// wrong size).
#include "server/wal_tool_folder.h"

#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define CANDIDATES_MAX 16

struct candidate {
    struct wal_identity identity;
    uint32_t votes;
    bool confirmed;
};

// Counts a header for its candidate, a new one if there is room for it.
static void candidate_vote(struct candidate *candidates, const struct wal_identity *identity,
                           bool confirmed)
{
    for (uint32_t i = 0; i < CANDIDATES_MAX; i++) {
        struct candidate *candidate = &candidates[i];
        if (candidate->votes > 0 &&
            (memcmp(candidate->identity.id, identity->id, sizeof(identity->id)) != 0 ||
             candidate->identity.segment_bytes != identity->segment_bytes))
            continue;
        candidate->identity = *identity;
        candidate->votes++;
        candidate->confirmed = candidate->confirmed || confirmed;
        return;
    }
}

// The size with which a chain begins with this value, 0 when there is none.
static uint64_t size_of_chain(struct wal_identity identity, uint64_t chain)
{
    for (uint64_t bytes = WAL_SEGMENT_BYTES_MIN; bytes <= WAL_SEGMENT_BYTES_MAX;
         bytes += WAL_BLOCK_BYTES) {
        identity.segment_bytes = bytes;
        if (wal_chain_start(&identity) == chain)
            return bytes;
    }
    return 0;
}

static bool candidate_better(const struct candidate *a, const struct candidate *b)
{
    if (a->confirmed != b->confirmed)
        return a->confirmed;
    return a->votes > b->votes;
}

static void candidate_from_slot(struct folder *folder, uint32_t slot, struct candidate *candidates)
{
    if (folder_read(&folder, slot, 0, folder->block, WAL_BLOCK_BYTES) != (int64_t)WAL_BLOCK_BYTES)
        return;
    struct wal_segment_block header;
    memcpy(&header, folder->block, sizeof(header));
    struct wal_identity identity = {.segment_bytes = 0};
    memcpy(identity.id, header.id, sizeof(identity.id));
    // A segment that stands in another's place is a witness all the same.
    if (!wal_segment_decode(folder->block, &identity, header.slot, &header))
        return;
    uint64_t proven = header.first == 1 ? size_of_chain(identity, header.chain) : 0;
    int64_t bytes = proven > 0 ? (int64_t)proven : folder_file_bytes(folder, slot);
    if (bytes < 0 || !wal_segment_bytes_valid((uint64_t)bytes))
        return;
    identity.segment_bytes = (uint64_t)bytes;
    candidate_vote(candidates, &identity, proven > 0);
}

bool folder_rebuild_identity(struct folder *folder)
{
    struct candidate candidates[CANDIDATES_MAX] = {0};
    for (uint32_t slot = 0; slot < folder->slots; slot++)
        candidate_from_slot(folder, slot, candidates);
    const struct candidate *best = &candidates[0];
    for (uint32_t i = 1; i < CANDIDATES_MAX; i++) {
        if (candidate_better(&candidates[i], best))
            best = &candidates[i];
    }
    if (best->votes == 0)
        return false;
    assert(wal_segment_bytes_valid(best->identity.segment_bytes));
    folder->identity = best->identity;
    folder->headers = best->votes;
    return true;
}

uint32_t folder_fingerprint(const struct wal_identity *identity)
{
    static const char salt[] = "fingerprint of a data folder";
    uint64_t seed = XXH3_64bits(salt, sizeof(salt));
    return (uint32_t)(XXH3_64bits_withSeed(identity->id, sizeof(identity->id), seed) >> 32);
}
