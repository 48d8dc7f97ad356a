// The longest common subsequence against the plain way: the whole table, and back through it.
#include "storage/lcs.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 300

static uint8_t a[LENGTH_MAX];
static uint8_t b[LENGTH_MAX];
static uint32_t table[LENGTH_MAX + 1][LENGTH_MAX + 1];

static void fill_table(uint32_t a_length, uint32_t b_length)
{
    for (uint32_t i = 0; i <= a_length; i++) {
        for (uint32_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0)
                table[i][j] = 0;
            else if (a[i - 1] == b[j - 1])
                table[i][j] = table[i - 1][j - 1] + 1;
            else
                table[i][j] = table[i - 1][j] > table[i][j - 1] ? table[i - 1][j] : table[i][j - 1];
        }
    }
}

// One byte of the subsequence, the last one before (*i, *j); false when there is none.
static bool step_back(uint32_t *i, uint32_t *j)
{
    while (*i > 0 && *j > 0) {
        if (a[*i - 1] == b[*j - 1]) {
            --*i;
            --*j;
            return true;
        }
        if (table[*i - 1][*j] > table[*i][*j - 1])
            --*i;
        else
            --*j;
    }
    return false;
}

static void compare(uint32_t a_length, uint32_t b_length)
{
    fill_table(a_length, b_length);
    for (int pieces = 0; pieces <= 1; pieces++) {
        uint64_t bytes = lcs_bytes(a, a_length, b_length, pieces);
        uint8_t *memory = malloc(bytes);
        struct lcs lcs;
        lcs_find(&lcs, a, a_length, b, b_length, pieces, memory);
        cr_assert_eq(lcs.length, table[a_length][b_length], "%u and %u", a_length, b_length);
        for (int round = 0; round < 2 && pieces; round++) {
            uint32_t i = a_length;
            uint32_t j = b_length;
            struct lcs_piece piece;
            while (lcs_next(&lcs, &piece)) {
                for (uint32_t at = piece.length; at-- > 0;) {
                    cr_assert(step_back(&i, &j));
                    cr_assert_eq(i, piece.a + at);
                    cr_assert_eq(j, piece.b + at);
                }
            }
            cr_assert_not(step_back(&i, &j));
            lcs_rewind(&lcs);
        }
        free(memory);
    }
}

Test(lcs, the_same_as_the_whole_table)
{
    srand(1);
    for (int round = 0; round < 1500; round++) {
        uint32_t a_length = (uint32_t)(rand() % (round % 4 == 0 ? LENGTH_MAX : 80)) + 1;
        uint32_t b_length = (uint32_t)(rand() % (round % 4 == 1 ? LENGTH_MAX : 80)) + 1;
        int letters = round % 3 == 0 ? 256 : rand() % 8 + 1;
        for (uint32_t i = 0; i < a_length; i++)
            a[i] = (uint8_t)(rand() % letters);
        for (uint32_t j = 0; j < b_length; j++)
            b[j] = (uint8_t)(rand() % letters);
        if (round % 5 == 0 && a_length < b_length)
            memcpy(b, a, a_length);
        compare(a_length, b_length);
    }
}

Test(lcs, lengths_at_the_edges_of_words)
{
    static const uint32_t lengths[] = {1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 255, 256, 257};
    size_t count = sizeof(lengths) / sizeof(lengths[0]);
    srand(2);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            for (uint32_t at = 0; at < LENGTH_MAX; at++) {
                a[at] = (uint8_t)(rand() % 3);
                b[at] = (uint8_t)(rand() % 3);
            }
            compare(lengths[i], lengths[j]);
        }
    }
}
