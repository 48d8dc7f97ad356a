// Sliding: large entries, and all that lies between them, move towards the arena's start, so that its
// free pages come to lie in a row.
#include "storage/keyspace_internal.h"

// Bytes copied in one call: with memory that has to be found for them it takes some 100 us.
#define PIECE_BYTES KIB(128)
// Calls that wait for the kernel to give back an entry which has been copied.
#define WAITS_MAX 64

void keyspace_mover_drop(struct keyspace *keyspace)
{
    struct keyspace_mover *mover = &keyspace->mover;
    assert(mover->entry != NULL);
    // The same entry is not tried again in this round.
    arena_slide_skip(keyspace->arena, mover->entry);
    arena_slide_drop(keyspace->arena, mover->place);
    *mover = (struct keyspace_mover){0};
}

static enum keyspace_defrag mover_end(struct keyspace *keyspace)
{
    struct keyspace_mover *mover = &keyspace->mover;
    struct entry *entry = mover->entry;
    if (entry->flags & ENTRY_PINNED) {
        if (++mover->waits < WAITS_MAX)
            return KEYSPACE_DEFRAG_PART;
        keyspace_mover_drop(keyspace);
        return KEYSPACE_DEFRAG_STUCK;
    }
    struct key key = entry_make_key(keyspace, entry);
    struct place place = keyspace_place(keyspace, key.hash, entry);
    struct entry *moved = (struct entry *)(void *)mover->place;
    // What is in front of the value may have changed.
    memcpy(moved, entry, entry_key_offset(entry));
    *mover = (struct keyspace_mover){0};
    bucket_point(place.bucket, place.slot, keyspace_offset(keyspace, moved));
    arena_slide_done(keyspace->arena, entry, moved);
    return KEYSPACE_DEFRAG_FREED;
}

static enum keyspace_defrag mover_go_on(struct keyspace *keyspace)
{
    struct keyspace_mover *mover = &keyspace->mover;
    size_t rest = mover->bytes - mover->done;
    size_t piece = rest < PIECE_BYTES ? rest : PIECE_BYTES;
    memcpy(mover->place + mover->done, (const uint8_t *)mover->entry + mover->done, piece);
    mover->done += piece;
    return mover->done < mover->bytes ? KEYSPACE_DEFRAG_PART : mover_end(keyspace);
}

// False when it has to stay where it is.
static bool mover_begin(struct keyspace *keyspace, struct entry *entry, size_t most)
{
    struct place place;
    if (!keyspace_is_entry_like(keyspace, entry) || (entry->flags & (ENTRY_PINNED | ENTRY_DEAD)) ||
        entry_bytes(entry) > most || !keyspace_find_place(keyspace, entry, &place))
        return false;
    size_t bytes = entry_bytes(entry);
    uint8_t *to = arena_slide_place(keyspace->arena, entry, bytes);
    if (to == NULL)
        return false;
    keyspace->mover = (struct keyspace_mover){.entry = entry, .place = to, .bytes = bytes};
    return true;
}

static enum keyspace_defrag slide_span(struct keyspace *keyspace, struct arena_span *span,
                                       uint32_t *moved)
{
    bool all = keyspace_empty_span(keyspace, span, moved);
    if (all && *moved == KEYSPACE_MOVES_MAX) {
        arena_slide_pause(keyspace->arena, span);
        return KEYSPACE_DEFRAG_PART;
    }
    arena_slide_end(keyspace->arena, span, all);
    return all ? KEYSPACE_DEFRAG_FREED : KEYSPACE_DEFRAG_STUCK;
}

enum keyspace_defrag keyspace_slide(struct keyspace *keyspace, uint32_t runs, size_t most,
                                    uint32_t *moved)
{
    struct arena_span span;
    void *block;
    enum keyspace_defrag result = KEYSPACE_DEFRAG_NOTHING;
    *moved = 0;
    if (keyspace->mover.entry != NULL) {
        result = mover_go_on(keyspace);
        *moved = result == KEYSPACE_DEFRAG_FREED;
        return result;
    }
    switch (arena_slide(keyspace->arena, runs, &span, &block)) {
    case ARENA_SLIDE_NOTHING:
        break;
    case ARENA_SLIDE_ROUND:
        result = KEYSPACE_DEFRAG_ROUND;
        break;
    case ARENA_SLIDE_SPAN:
        result = slide_span(keyspace, &span, moved);
        break;
    case ARENA_SLIDE_LARGE:
        if (mover_begin(keyspace, block, most)) {
            result = mover_go_on(keyspace);
            *moved = result == KEYSPACE_DEFRAG_FREED;
            break;
        }
        arena_slide_skip(keyspace->arena, block);
        result = KEYSPACE_DEFRAG_STUCK;
        break;
    }
    return result;
}

size_t keyspace_slide_bytes(const struct keyspace *keyspace)
{
    const struct keyspace_mover *mover = &keyspace->mover;
    return mover->entry != NULL ? arena_block_bytes(keyspace->arena, mover->place) : 0;
}

void keyspace_slide_stop(struct keyspace *keyspace)
{
    if (keyspace->mover.entry != NULL)
        keyspace_mover_drop(keyspace);
    arena_slide_stop(keyspace->arena);
}
