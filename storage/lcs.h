// The longest common subsequence of two values: its length, and the pieces that they have in
// common, the same ones that Redis finds.
#ifndef PORO_STORAGE_LCS_H
#define PORO_STORAGE_LCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lcs {
    const uint8_t *a;
    const uint8_t *b;
    uint32_t a_length; // both above 0
    uint32_t b_length;
    uint32_t length; // of the subsequence
    // private
    const uint8_t *rows; // one bit for each pair of places, NULL when only the length is wanted
    size_t row_bytes;
    uint32_t i; // where the walk over the pieces is
    uint32_t j;
};

// Memory (aligned to 8) that lcs_find needs: `pieces`: to walk over the pieces later, too.
uint64_t lcs_bytes(const uint8_t *a, uint32_t a_length, uint32_t b_length, bool pieces);
// Steps of about a nanosecond that finding and walking take.
uint64_t lcs_steps(uint32_t a_length, uint32_t b_length);

// Finds the length. The values and the memory must stay while pieces are asked for.
void lcs_find(struct lcs *lcs, const uint8_t *a, uint32_t a_length, const uint8_t *b,
              uint32_t b_length, bool pieces, void *memory);

// Equal bytes that follow each other in both values.
struct lcs_piece {
    uint32_t a; // where it begins
    uint32_t b;
    uint32_t length;
};

// Walks over the pieces from the values' ends to their beginnings: the next one, false after the
// last.
bool lcs_next(struct lcs *lcs, struct lcs_piece *piece);
// Begins that walk again.
void lcs_rewind(struct lcs *lcs);

#endif
