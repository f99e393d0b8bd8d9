/* Tries to see a torn book:
 *
 *     torn [READS]
 *
 * Two processes read a slot, together READS times (10^7), while this one writes it as fast as it can. In each view that
 * is written all levels, counts, epoch and seq add up to a checksum, which is the last level's quantity. A view that is
 * not whole, or older than the one before, is torn. A read that is refused, because the machine did not let the writer
 * run for a second, is repeated. Prints how many were read, how many of them were new, torn, refused, and how many
 * written. The exit code is 1 if any was torn, or if reading and writing have hardly met.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

enum { DEPTH = 50, READERS = 2, READS = 10000000, BEAT_WRITES = 1 << 16, LOOK_WRITES = 1 << 10, DIFFERENT = 10000 };

typedef struct {
    uint64_t reads, torn, different, refused;
} tally;

/* FNV-1a over words (Fowler, Noll and Vo). */
static uint64_t mix(uint64_t hash, uint64_t word) {
    return (hash ^ word) * 0x100000001b3;
}

static uint64_t checksum(const frs_view *view, const frs_level *const levels[2]) {
    uint64_t hash = mix(mix(0xcbf29ce484222325, view->seq), view->epoch);
    for (int side = 0; side < 2; side++) {
        hash = mix(hash, view->count[side]);
        for (uint32_t i = 0; i < view->count[side]; i++) {
            bool last = side == FRS_ASK && i + 1 == view->count[side];
            hash = mix(mix(hash, (uint64_t)levels[side][i].price), last ? 0 : (uint64_t)levels[side][i].quantity);
        }
    }
    return hash >> 2;
}

static void write_view(frs_arena *arena, uint64_t n) {
    frs_level published[2][DEPTH];
    frs_view view = {.seq = n, .epoch = n * n, .state = FRS_LIVE, .count = {1 + (uint32_t)(n % DEPTH), DEPTH}};
    for (int side = 0; side < 2; side++)
        for (uint32_t i = 0; i < view.count[side]; i++)
            published[side][i] = (frs_level){(int64_t)(n + i), (int64_t)(n ^ i)};
    const frs_level *const both[2] = {published[0], published[1]};
    published[FRS_ASK][view.count[FRS_ASK] - 1].quantity = (int64_t)checksum(&view, both);
    frs_slot_begin(arena, 0);
    for (int side = 0; side < 2; side++)
        frs_slot_side(arena, 0, side, published[side], view.count[side]);
    frs_slot_end(arena, 0, &view);
}

static tally read_on(int fd, uint64_t reads) {
    frs_arena *arena = frs_arena_open(fd);
    tally t = {0};
    uint64_t newest = 0;
    while (t.reads < reads && t.refused < reads) {
        frs_view view;
        frs_level levels[2][DEPTH];
        const frs_level *const both[2] = {levels[0], levels[1]};
        if (frs_view_read(arena, 0, &view, levels[0], levels[1], DEPTH) < 0 || view.state != FRS_LIVE) {
            t.refused++;
            continue;
        }
        bool whole = view.count[FRS_BID] <= DEPTH && view.count[FRS_ASK] == DEPTH && view.seq >= newest &&
                     checksum(&view, both) == (uint64_t)levels[FRS_ASK][DEPTH - 1].quantity;
        t.torn += !whole;
        t.different += view.seq != newest;
        t.reads++;
        newest = view.seq;
    }
    frs_arena_free(arena);
    return t;
}

int main(int count, char **words) {
    uint64_t reads = count > 1 ? strtoull(words[1], NULL, 10) : READS, writes = 1;
    frs_arena *arena = frs_arena_new(1, DEPTH);
    int results[2];
    if (!arena || pipe(results))
        return 2;
    write_view(arena, writes);
    for (int i = 0; i < READERS; i++)
        if (fork() == 0) {
            tally t = read_on(frs_arena_fd(arena), reads / READERS);
            _exit(write(results[1], &t, sizeof t) != sizeof t);
        }
    for (int left = READERS; left > 0; writes++) {
        write_view(arena, writes);
        if (writes % BEAT_WRITES == 0)
            frs_arena_beat(arena);
        if (writes % LOOK_WRITES == 0)
            left -= waitpid(-1, NULL, WNOHANG) > 0;
    }
    tally all = {0}, one;
    close(results[1]);
    while (read(results[0], &one, sizeof one) == sizeof one)
        all = (tally){all.reads + one.reads, all.torn + one.torn, all.different + one.different,
                      all.refused + one.refused};
    printf("%" PRIu64 " reads, %" PRIu64 " different, %" PRIu64 " torn, %" PRIu64 " refused, %" PRIu64 " writes\n",
           all.reads, all.different, all.torn, all.refused, writes);
    frs_arena_free(arena);
    return all.torn > 0 || all.reads < reads / READERS * READERS || all.different < all.reads / DIFFERENT;
}
