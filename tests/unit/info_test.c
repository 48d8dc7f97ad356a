// Tests of INFO's percentiles.
#include "server/info.h"

#include <criterion/criterion.h>

Test(info, percentile_of_nothing_is_zero)
{
    uint64_t buckets[24] = {0};
    cr_assert_eq(info_percentile(buckets, 24, 0.5), 0);
}

Test(info, percentile_is_the_upper_end_of_the_bucket)
{
    uint64_t buckets[24] = {0};
    buckets[3] = 50; // 8..15
    buckets[7] = 49; // 128..255
    buckets[10] = 1; // 1024..2047
    cr_assert_eq(info_percentile(buckets, 24, 0), 15);
    cr_assert_eq(info_percentile(buckets, 24, 0.5), 15);
    cr_assert_eq(info_percentile(buckets, 24, 0.51), 255);
    cr_assert_eq(info_percentile(buckets, 24, 0.99), 255);
    cr_assert_eq(info_percentile(buckets, 24, 0.999), 2047);
    cr_assert_eq(info_percentile(buckets, 24, 1), 2047);
}

Test(info, percentile_reaches_the_last_bucket)
{
    uint64_t buckets[24] = {0};
    buckets[23] = 1;
    cr_assert_eq(info_percentile(buckets, 24, 0.5), (1U << 24) - 1);
}
