// Memory that the server has given back: it holds other bytes at once, so that whoever still reads it
// is seen to.
#include "storage/arena.h"

#include <string.h>

// Odd, no text, and no length that could be true.
#define FREED_BYTE 0xdb

void __real_arena_free(struct arena *arena, void *block);
void __wrap_arena_free(struct arena *arena, void *block);

void __wrap_arena_free(struct arena *arena, void *block)
{
    memset(block, FREED_BYTE, arena_block_bytes(arena, block));
    __real_arena_free(arena, block);
}
