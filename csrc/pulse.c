/* Whether an arena's writer is at work, told in the shared memory itself: its readers learn it without a system call.
 *
 *   beat   when the writer last said so; one that is stopped or stuck does not
 *   lock   a robust one (pthread_mutexattr_setrobust(3)), held by the writer's thread. However that thread ends, the
 *          kernel takes it out of the lock's word (set_robust_list(2)).
 *
 * A reader only looks at that word. Where in a pthread_mutex_t it is differs between C libraries, so the writer finds
 * the word that holds its thread's number and tells its place. Rejected: the beat alone (a book would be called live
 * for seconds after a crash), watching the control socket (a system call a read, or a thread), and the writer's pid (it
 * may be another process by now).
 */
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

enum { LOCK_WORDS = 16 };

static const int64_t SILENT_NS = 3000000000;

struct frs_pulse {
    int64_t beat_ns; /* CLOCK_MONOTONIC */
    uint32_t place;  /* of the lock's word */
    uint32_t pad[13];
    union {
        pthread_mutex_t lock;
        uint32_t words[LOCK_WORDS];
    };
};

_Static_assert(sizeof(frs_pulse) == FRS_PULSE_BYTES, "other processes rely on this layout");

void frs_pulse_beat(frs_pulse *pulse) {
    __atomic_store_n(&pulse->beat_ns, frs_clock_steady(), __ATOMIC_RELEASE);
}

static bool lock(pthread_mutex_t *mutex) {
    pthread_mutexattr_t kind;
    if (pthread_mutexattr_init(&kind))
        return false;
    bool done = !pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) &&
                !pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) && !pthread_mutex_init(mutex, &kind);
    pthread_mutexattr_destroy(&kind);
    return done && !pthread_mutex_lock(mutex);
}

bool frs_pulse_begin(frs_pulse *pulse) {
    if (!lock(&pulse->lock))
        return false;
    uint32_t thread = (uint32_t)gettid();
    while (pulse->place < LOCK_WORDS && (pulse->words[pulse->place] & FUTEX_TID_MASK) != thread)
        pulse->place++;
    frs_pulse_beat(pulse);
    return pulse->place < LOCK_WORDS;
}

/* Fails in a thread that does not hold the lock, and so in a forked child. */
bool frs_pulse_end(frs_pulse *pulse) {
    return pthread_mutex_unlock(&pulse->lock) == 0;
}

/* The clock is read last: the beat is never ahead of it. A coarse one is precise enough, and costs a fifth. */
int frs_pulse_read(const frs_pulse *pulse) {
    if (pulse->place >= LOCK_WORDS)
        return FRS_ENDED;
    uint32_t word = __atomic_load_n(&pulse->words[pulse->place], __ATOMIC_ACQUIRE);
    if (!(word & FUTEX_TID_MASK))
        return FRS_ENDED;
    int64_t beat_ns = __atomic_load_n(&pulse->beat_ns, __ATOMIC_ACQUIRE);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - beat_ns > SILENT_NS ? FRS_SILENT : FRS_AT_WORK;
}
