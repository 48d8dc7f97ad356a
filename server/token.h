// Tokens: what a request of the ring is for, packed into its 64-bit user_data.
#ifndef PORO_SERVER_TOKEN_H
#define PORO_SERVER_TOKEN_H

#include <stdint.h>

enum token_operation {
    TOKEN_NONE,
    TOKEN_ACCEPT,         // slot: listener
    TOKEN_RECEIVE,        // slot: connection; multishot, into provided buffers
    TOKEN_RECEIVE_DIRECT, // slot: connection; into a large argument
    TOKEN_SEND,           // slot: connection
    TOKEN_CANCEL,         // slot: connection; the end of a cancel request itself
    TOKEN_CLOSE,          // slot: connection
    TOKEN_SIGNAL,
    TOKEN_INTENT_WRITE, // slot: segment
    TOKEN_INTENT_SYNC,  // slot: segment; the second half of an intent write without DSYNC
    TOKEN_LOG_SYNC,     // slot: segment; of what was written without a sync
    TOKEN_COMPLETION_WRITE,
    TOKEN_SEGMENT,    // slot: segment; one step of its preparation
    TOKEN_FILE_CLOSE, // slot: segment
    TOKEN_CHECKPOINT, // slot: see checkpoint.c
    TOKEN_REWRITE,    // one step of CONFIG REWRITE
    TOKEN_TRIM,       // one step of giving space back
    TOKEN_POPULATE,   // memory that is needed soon
    TOKEN_START,      // requests of the start, one at a time
    TOKEN_OPERATIONS,
};

struct token {
    enum token_operation operation;
    uint32_t slot;       // 24 bits
    uint32_t generation; // tells a late completion of a reused slot from one of the present owner
};

#define TOKEN_SLOT_MAX ((1U << 24) - 1)

static inline uint64_t token_pack(struct token token)
{
    return (uint64_t)token.operation << 56 | (uint64_t)(token.slot & TOKEN_SLOT_MAX) << 32 |
           token.generation;
}

static inline struct token token_unpack(uint64_t packed)
{
    return (struct token){
        .operation = (enum token_operation)(packed >> 56),
        .slot = (uint32_t)(packed >> 32) & TOKEN_SLOT_MAX,
        .generation = (uint32_t)packed,
    };
}

#endif
