/* The ring of samples and its histogram. */
#include <time.h>

#include "check.h"

static void every_bucket_begins_where_the_one_before_ends(void) {
    for (int bucket = 0; bucket < FRS_BUCKETS; bucket++) {
        int64_t floor = frs_bucket_floor(bucket);
        CHECK(frs_bucket_of(floor) == bucket);
        CHECK(bucket == 0 || frs_bucket_of(floor - 1) == bucket - 1);
        CHECK(bucket == 0 || frs_bucket_floor(bucket - 1) < floor);
        CHECK(bucket < 16 || (floor - frs_bucket_floor(bucket - 1)) * 16 <= floor);
    }
    CHECK(frs_bucket_floor(0) == 0);
    CHECK(frs_bucket_floor(-1) == FRS_E_ARGUMENT && frs_bucket_floor(FRS_BUCKETS) == FRS_E_ARGUMENT);
}

static void the_last_bucket_counts_all_that_is_longer(void) {
    CHECK(frs_bucket_of(INT64_MAX) == FRS_BUCKETS - 1);
    CHECK(frs_bucket_of(-1) == 0);
}

static void the_newest_samples_stay_and_all_are_counted(void) {
    frs_ring *ring = frs_ring_new(4);
    for (int64_t ns = 1; ns <= 10; ns++)
        frs_ring_add(ring, ns * 100);
    CHECK(frs_ring_count(ring) == 10 && frs_ring_size(ring) == 4);
    for (uint64_t k = 6; k < 10; k++)
        CHECK(frs_ring_samples(ring)[k & 3] == (int64_t)(k + 1) * 100);
    CHECK(frs_ring_sum(ring) == 5500 && frs_ring_max(ring) == 1000);
    uint64_t counted = 0;
    for (int bucket = 0; bucket < FRS_BUCKETS; bucket++)
        counted += frs_ring_buckets(ring)[bucket];
    CHECK(counted == 10 && frs_ring_buckets(ring)[frs_bucket_of(700)] == 1);
    frs_ring_add(ring, -5);
    CHECK(frs_ring_samples(ring)[10 & 3] == 0 && frs_ring_buckets(ring)[0] == 1);
    frs_ring_free(ring);
}

static void end_measures_from_begin(void) {
    frs_ring *ring = frs_ring_new(2);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t before = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec, begun = frs_ring_begin(ring);
    CHECK(begun >= before && begun < before + 1000000000);
    int64_t so_far = frs_ring_elapsed(ring), ns = frs_ring_end(ring);
    CHECK(so_far >= 0 && so_far <= ns && frs_ring_elapsed(ring) >= ns && frs_ring_count(ring) == 1);
    CHECK(ns >= 0 && ns < 1000000000 && frs_ring_samples(ring)[0] == ns && frs_ring_max(ring) == ns);
    frs_ring_free(ring);
}

static void sizes_that_are_no_power_of_two_are_refused(void) {
    static const uint32_t sizes[] = {0, 1, 3, 1000, (1u << 24) + 1, 1u << 25};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        CHECK(frs_ring_new(sizes[i]) == NULL);
    frs_ring_free(NULL);
}

void test_ring(void) {
    TEST(every_bucket_begins_where_the_one_before_ends);
    TEST(the_last_bucket_counts_all_that_is_longer);
    TEST(the_newest_samples_stay_and_all_are_counted);
    TEST(end_measures_from_begin);
    TEST(sizes_that_are_no_power_of_two_are_refused);
}
