// The longest common subsequence of two values, 64 places of the second one at a time.
//
// L(i, j) is the length for the first i bytes of a and the first j bytes of b. From one j to the
// next it grows by nothing or by one, so that a row of the table is a row of bits: 0 where it
// grows. A row follows from the one before by one addition (Crochemore, Iliopoulos, Pinzon and
// Reid, 2001), and those bits are all that the way back through the table asks for.
#include "storage/lcs.h"

#include <assert.h>
#include <string.h>

#define BYTES 256

// Which masks there are: one for every byte that occurs in a.
struct masks {
    uint16_t index[BYTES]; // + 1, 0: the byte does not occur
    uint32_t count;
};

static void masks_number(struct masks *masks, const uint8_t *a, uint32_t a_length)
{
    bool occurs[BYTES] = {false};
    *masks = (struct masks){.count = 0};
    for (uint32_t i = 0; i < a_length; i++)
        occurs[a[i]] = true;
    for (uint32_t byte = 0; byte < BYTES; byte++) {
        if (occurs[byte])
            masks->index[byte] = (uint16_t)++masks->count;
    }
}

static uint32_t words_of(uint32_t b_length)
{
    return b_length / 64 + (b_length % 64 != 0);
}

static size_t row_bytes(uint32_t b_length)
{
    return b_length / 8 + (b_length % 8 != 0);
}

uint64_t lcs_bytes(const uint8_t *a, uint32_t a_length, uint32_t b_length, bool pieces)
{
    struct masks masks;
    masks_number(&masks, a, a_length);
    uint64_t bytes = (masks.count + 1) * (uint64_t)words_of(b_length) * sizeof(uint64_t);
    return bytes + (pieces ? (uint64_t)a_length * row_bytes(b_length) : 0);
}

uint64_t lcs_steps(uint32_t a_length, uint32_t b_length)
{
    return (uint64_t)a_length * (words_of(b_length) + 1) + b_length;
}

// --- the table -------------------------------------------------------------------------------

// A bit for every place of b where the mask's byte stands.
static void masks_fill(const struct masks *masks, uint64_t *memory, const uint8_t *b,
                       uint32_t b_length)
{
    uint32_t words = words_of(b_length);
    memset(memory, 0, (size_t)masks->count * words * sizeof(uint64_t));
    for (uint32_t j = 0; j < b_length; j++) {
        uint32_t index = masks->index[b[j]];
        if (index != 0)
            memory[(size_t)(index - 1) * words + j / 64] |= 1ULL << j % 64;
    }
}

static void row_next(uint64_t *row, const uint64_t *mask, uint32_t words)
{
    unsigned char carry = 0;
    for (uint32_t i = 0; i < words; i++) {
        uint64_t met = row[i] & mask[i];
        uint64_t sum;
        unsigned char over = __builtin_add_overflow(row[i], met, &sum);
        over |= __builtin_add_overflow(sum, (uint64_t)carry, &sum);
        row[i] = sum | (row[i] & ~mask[i]);
        carry = over;
    }
}

static uint32_t row_length(const uint64_t *row, uint32_t b_length)
{
    uint32_t length = 0;
    for (uint32_t j = 0; j < b_length; j++)
        length += !(row[j / 64] >> j % 64 & 1);
    return length;
}

void lcs_find(struct lcs *lcs, const uint8_t *a, uint32_t a_length, const uint8_t *b,
              uint32_t b_length, bool pieces, void *memory)
{
    assert(a_length > 0 && b_length > 0);
    assert((uintptr_t)memory % sizeof(uint64_t) == 0);
    struct masks masks;
    masks_number(&masks, a, a_length);
    uint32_t words = words_of(b_length);
    uint64_t *mask = memory;
    uint64_t *row = mask + (size_t)masks.count * words;
    uint8_t *rows = (uint8_t *)(row + words);
    size_t bytes = row_bytes(b_length);
    masks_fill(&masks, mask, b, b_length);
    memset(row, 0xff, (size_t)words * sizeof(uint64_t));
    for (uint32_t i = 0; i < a_length; i++) {
        row_next(row, mask + (size_t)(masks.index[a[i]] - 1) * words, words);
        if (pieces)
            memcpy(rows + i * bytes, row, bytes);
    }
    *lcs = (struct lcs){
        .a = a,
        .b = b,
        .a_length = a_length,
        .b_length = b_length,
        .length = row_length(row, b_length),
        .rows = pieces ? rows : NULL,
        .row_bytes = bytes,
    };
    lcs_rewind(lcs);
}

// --- the way back ----------------------------------------------------------------------------

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are read byte by byte");

// Does L grow from (i, j - 1) to (i, j)?
static bool grows(const struct lcs *lcs, uint32_t i, uint32_t j)
{
    const uint8_t *row = lcs->rows + (size_t)(i - 1) * lcs->row_bytes;
    return !(row[(j - 1) / 8] >> (j - 1) % 8 & 1);
}

void lcs_rewind(struct lcs *lcs)
{
    lcs->i = lcs->a_length;
    lcs->j = lcs->b_length;
}

bool lcs_next(struct lcs *lcs, struct lcs_piece *piece)
{
    assert(lcs->rows != NULL || lcs->i == 0 || lcs->j == 0);
    uint32_t i = lcs->i;
    uint32_t j = lcs->j;
    // Where the bytes differ and L grows with the last one of b, a can do without its last one:
    // Redis drops that one then, otherwise b's.
    while (i > 0 && j > 0 && lcs->a[i - 1] != lcs->b[j - 1]) {
        if (grows(lcs, i, j))
            i--;
        else
            j--;
    }
    uint32_t length = 0;
    while (i > 0 && j > 0 && lcs->a[i - 1] == lcs->b[j - 1]) {
        i--;
        j--;
        length++;
    }
    lcs->i = i;
    lcs->j = j;
    *piece = (struct lcs_piece){.a = i, .b = j, .length = length};
    return length > 0;
}
