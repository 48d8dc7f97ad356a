// Tests of the buckets that latencies are counted in.
#include "server/command_stats.h"

#include <criterion/criterion.h>

Test(command_stats, every_time_is_in_its_bucket)
{
    for (uint64_t ns = 0; ns < 100000; ns++) {
        uint32_t bucket = stats_bucket(ns);
        cr_assert_lt(bucket, STATS_BUCKETS);
        cr_assert_leq(ns, stats_bucket_last(bucket));
        cr_assert(bucket == 0 || ns > stats_bucket_last(bucket - 1));
    }
}

Test(command_stats, buckets_are_narrow)
{
    for (uint32_t bucket = 1; bucket < STATS_BUCKETS; bucket++) {
        uint64_t first = stats_bucket_last(bucket - 1) + 1;
        uint64_t last = stats_bucket_last(bucket);
        cr_assert_eq(stats_bucket(first), bucket);
        cr_assert_eq(stats_bucket(last), bucket);
        cr_assert_leq((last - first) * 32, first);
    }
}

Test(command_stats, powers_of_two_end_buckets)
{
    for (uint32_t exponent = 5; exponent <= STATS_EXPONENT_MAX; exponent++)
        cr_assert_eq(stats_bucket((1ULL << exponent) - 1) + 1, stats_bucket(1ULL << exponent));
    cr_assert_eq(stats_bucket(UINT64_MAX), STATS_BUCKETS - 1);
}

Test(command_stats, percentiles)
{
    static struct command_stat stat;
    cr_assert_eq(stats_percentile(&stat, 50), 0);
    stat.buckets[stats_bucket(10)] = 90;
    stat.buckets[stats_bucket(1000)] = 9;
    stat.buckets[stats_bucket(1000000)] = 1;
    stat.timed = 100;
    cr_assert_eq(stats_percentile(&stat, 0), 10);
    cr_assert_eq(stats_percentile(&stat, 50), 10);
    cr_assert_eq(stats_percentile(&stat, 90), 10);
    cr_assert_eq(stats_percentile(&stat, 99), stats_bucket_last(stats_bucket(1000)));
    cr_assert_eq(stats_percentile(&stat, 100), stats_bucket_last(stats_bucket(1000000)));
}
