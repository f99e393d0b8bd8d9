/* Latency samples: the newest ones in a ring of a power of two, and a log-linear histogram of all (as HdrHistogram's).
 *
 * One writer, which never waits: a sample is one relaxed store and the count behind it a release store, so a reader
 * that loads the count first finds every sample it promises (or a newer one in its place). The histogram's counters are
 * each stored alone: a reader may see one ahead of another, never a torn one. Rejected: a lock, and quantile sketches
 * (their cost varies with the data).
 */
#include <stdlib.h>
#include <time.h>

#include "internal.h"

enum { SAMPLES_MOST = 1 << 24, PER_OCTAVE = 16, OCTAVE_BITS = 4 };

struct frs_ring {
    int64_t wall, steady; /* when the work under way began, by both clocks */
    uint64_t count;
    int64_t sum, max;
    uint64_t buckets[FRS_BUCKETS];
    uint32_t size;
    int64_t samples[];
};

static int64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t frs_clock_wall(void) {
    return clock_ns(CLOCK_REALTIME);
}

int64_t frs_clock_steady(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

frs_ring *frs_ring_new(uint32_t samples) {
    if (samples < 2 || samples > SAMPLES_MOST || (samples & (samples - 1)))
        return NULL;
    frs_ring *ring = calloc(1, sizeof *ring + samples * sizeof ring->samples[0]);
    if (!ring)
        return NULL;
    ring->size = samples;
    frs_ring_begin(ring);
    return ring;
}

void frs_ring_free(frs_ring *ring) {
    free(ring);
}

int64_t frs_ring_begin(frs_ring *ring) {
    ring->steady = frs_clock_steady();
    ring->wall = frs_clock_wall();
    return ring->wall;
}

int64_t frs_ring_elapsed(const frs_ring *ring) {
    return frs_clock_steady() - ring->steady;
}

int64_t frs_ring_end(frs_ring *ring) {
    int64_t ns = frs_ring_elapsed(ring);
    frs_ring_add(ring, ns);
    return ns;
}

void frs_ring_add(frs_ring *ring, int64_t ns) {
    if (ns < 0)
        ns = 0;
    uint64_t *bucket = &ring->buckets[frs_bucket_of(ns)];
    __atomic_store_n(bucket, *bucket + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->sum, (int64_t)((uint64_t)ring->sum + (uint64_t)ns), __ATOMIC_RELAXED);
    if (ns > ring->max)
        __atomic_store_n(&ring->max, ns, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->samples[ring->count & (ring->size - 1)], ns, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->count, ring->count + 1, __ATOMIC_RELEASE);
}

uint64_t frs_ring_count(const frs_ring *ring) {
    return __atomic_load_n(&ring->count, __ATOMIC_ACQUIRE);
}

const int64_t *frs_ring_samples(const frs_ring *ring) {
    return ring->samples;
}

uint32_t frs_ring_size(const frs_ring *ring) {
    return ring->size;
}

int64_t frs_ring_sum(const frs_ring *ring) {
    return __atomic_load_n(&ring->sum, __ATOMIC_RELAXED);
}

int64_t frs_ring_max(const frs_ring *ring) {
    return __atomic_load_n(&ring->max, __ATOMIC_RELAXED);
}

const uint64_t *frs_ring_buckets(const frs_ring *ring) {
    return ring->buckets;
}

int64_t frs_ring_wall(const frs_ring *ring) {
    return ring->wall;
}

int64_t frs_ring_steady(const frs_ring *ring) {
    return ring->steady;
}

int frs_bucket_of(int64_t ns) {
    if (ns < PER_OCTAVE)
        return ns < 0 ? 0 : (int)ns;
    int octave = 63 - __builtin_clzll((uint64_t)ns) - OCTAVE_BITS; /* 0 for 16 to 31 ns */
    int bucket = PER_OCTAVE * octave + (int)(ns >> octave);
    return bucket < FRS_BUCKETS ? bucket : FRS_BUCKETS - 1;
}

int64_t frs_bucket_floor(int bucket) {
    if (bucket < 0 || bucket >= FRS_BUCKETS)
        return FRS_E_ARGUMENT;
    if (bucket < PER_OCTAVE)
        return bucket;
    int octave = bucket / PER_OCTAVE - 1;
    return (int64_t)(bucket - PER_OCTAVE * octave) << octave;
}
