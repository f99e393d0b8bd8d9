/* Times frs_view_read of ten levels a side against a memcpy of the same bytes:
 *
 *     shared [quiet]
 *
 * Another process applies updates at the touch to the book as fast as it can, unless it is to be quiet. Reading and
 * copying take turns; a memcpy does not care whether what it copies is whole. On a busy machine the writer may not run
 * meanwhile: passes in which few of the views were new do not count (quiet: many). Prints the median of the passes'
 * ratios, the first and ninth tenth, and the medians of both in ns.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flowrs.h"

enum { SHOWN = 50, DEPTH = 10, ROUNDS = 101, READS = 5000, NS_A_CHANGE = 2000, BUFFER = 16, BEAT_WRITES = 1 << 12 };
enum { ARENA_HEAD = 192, SLOT_HEAD = 192, SIDE_BYTES = (SHOWN * sizeof(frs_level) + 63) / 64 * 64 };

static const int64_t GIVE_UP_NS = 20000000000;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef struct {
    frs_view view;
    frs_level bids[DEPTH], asks[DEPTH];
} copy;

static void apply(frs_book *book, uint32_t flags, uint64_t seq) {
    char side[2][64 * SHOWN];
    int size[2];
    for (int which = 0; which < 2; which++) {
        char *p = side[which];
        *p++ = '[';
        for (int i = 0; i < (flags ? 2 * SHOWN : 2); i++)
            p += sprintf(p, "%s[\"%d.00\",\"%u\"]", i ? "," : "", which ? 61826 + i : 61825 - i,
                         (unsigned)(seq % 1000 + 1));
        *p++ = ']';
        size[which] = (int)(p - side[which]);
    }
    frs_book_apply(book, flags, NULL, side[0], (size_t)size[0], side[1], (size_t)size[1], seq, 0);
}

/* Makes the arena, tells its descriptor, and writes on; ends with its parent. */
static void write_on(int told, bool quiet) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    frs_arena *arena = frs_arena_new(1, SHOWN);
    frs_scratch *scratch = frs_scratch_new(4 * SHOWN);
    frs_ring *ring = frs_ring_new(4096);
    frs_book *book = frs_book_new(1024, 2, 5, 0);
    int fd = frs_arena_fd(arena);
    if (frs_book_attach(book, scratch, ring, arena, 0, "x:BTC-USDT", 10) < 0)
        _exit(1);
    apply(book, FRS_SNAPSHOT, 1);
    frs_book_mark(book, FRS_LIVE, 0, FRS_BY_SEQUENCE, 1);
    if (write(told, &fd, sizeof fd) != sizeof fd)
        _exit(1);
    for (uint64_t seq = 2;; seq++) {
        if (seq % BUFFER == 0)
            frs_ring_begin(ring);
        if (quiet)
            usleep(100000);
        else
            apply(book, 0, seq);
        if (quiet || seq % BEAT_WRITES == 0)
            frs_arena_beat(arena);
    }
}

typedef struct {
    double ns;   /* for each of READS; 0 if one failed */
    int changes; /* how often the view was another than the one before */
} pass;

static pass read_on(const frs_arena *arena) {
    copy c = {0};
    pass p = {0};
    uint64_t seq = 0;
    int64_t start = now();
    for (int i = 0; i < READS; i++) {
        if (frs_view_read(arena, 0, &c.view, c.bids, c.asks, DEPTH) < 0 || c.view.state != FRS_LIVE)
            return p;
        p.changes += c.view.seq != seq;
        seq = c.view.seq;
    }
    p.ns = (double)(now() - start) / READS;
    return p;
}

static pass copy_on(const char *slot) {
    copy c = {0};
    pass p = {0};
    uint64_t seq = 0;
    int64_t start = now();
    for (int i = 0; i < READS; i++) {
        memcpy(&c.view, slot + 8, sizeof c.view);
        memcpy(c.bids, slot + SLOT_HEAD, sizeof c.bids);
        memcpy(c.asks, slot + SLOT_HEAD + SIDE_BYTES, sizeof c.asks);
        __asm__ volatile("" : : "r"(&c) : "memory"); /* all of it has to be done each time */
        p.changes += c.view.seq != seq;
        seq = c.view.seq;
    }
    p.ns = (double)(now() - start) / READS;
    return p;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

/* The writer's memory: to read as flowrs does, and as it is. */
static frs_arena *map(pid_t writer, int fd, const char **slot) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)writer, fd);
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &status))
        return NULL;
    const char *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fileno(file), 0);
    *slot = memory + ARENA_HEAD;
    return memory == MAP_FAILED ? NULL : frs_arena_open(fileno(file));
}

int main(int count, char **words) {
    static double ratio[ROUNDS], read_ns[ROUNDS], copy_ns[ROUNDS];
    bool quiet = count > 1 && !strcmp(words[1], "quiet");
    int pipes[2], fd = -1, rounds = 0;
    if (pipe(pipes))
        return 1;
    pid_t writer = fork();
    if (writer == 0)
        write_on(pipes[1], quiet);
    const char *slot = NULL;
    frs_arena *arena = read(pipes[0], &fd, sizeof fd) == sizeof fd ? map(writer, fd, &slot) : NULL;
    if (!arena)
        return 1;
    for (int64_t give_up = now() + GIVE_UP_NS; rounds < ROUNDS && now() < give_up;) {
        pass reads = read_on(arena), copies = copy_on(slot);
        bool met = reads.changes * NS_A_CHANGE > reads.ns * READS && copies.changes * NS_A_CHANGE > copies.ns * READS;
        if (!reads.ns || met == quiet)
            continue;
        read_ns[rounds] = reads.ns;
        copy_ns[rounds] = copies.ns;
        ratio[rounds++] = reads.ns / copies.ns;
    }
    kill(writer, SIGKILL);
    if (rounds < ROUNDS / 10) {
        fprintf(stderr, "reader and writer have hardly run at the same time\n");
        return 1;
    }
    double middle = median(ratio, rounds), reading = median(read_ns, rounds), copying = median(copy_ns, rounds);
    printf("%.2f %.2f %.2f %.1f %.1f\n", middle, ratio[rounds / 10], ratio[rounds * 9 / 10], reading, copying);
    return 0;
}
