/* Times a change of a book by how deep the book is:
 *
 *     depth
 *
 * From 100 to 20,000 levels a side, a tick apart, then 100 ticks apart. Messages are the same at every depth: of 30
 * levels a side, most of them near the touch, a fifth of them removals of what an earlier message brought; the touch
 * itself walks. What is told is the least mean of several rounds, and the book's memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

enum { ROUNDS = 7, MESSAGES = 4000, LEVELS = 30, SHOWN = 50, MID = 10000000, WALK = 40 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t draw(uint64_t *state, uint64_t below) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % below;
}

static int64_t price_of(int side, int64_t mid, int64_t away) {
    return side == FRS_BID ? mid - away : mid + away;
}

/* Within some hundred ticks of the touch, best first, as exchanges send them. */
static uint32_t fill(uint64_t *state, int side, int64_t mid, int64_t tick, frs_level *out) {
    uint64_t away = 0;
    for (uint32_t i = 0; i < LEVELS; i++) {
        away += 1 + draw(state, 1 + draw(state, 5));
        out[i].price = price_of(side, mid, (int64_t)away * tick);
        out[i].quantity = draw(state, 5) ? 1 + (int64_t)draw(state, 1000) : 0;
    }
    return LEVELS;
}

static double mean_ns(uint32_t depth, int64_t tick, size_t *bytes) {
    uint32_t capacity = 1024;
    while (capacity < depth + depth / 4)
        capacity *= 2;
    frs_book *book = frs_book_new(capacity, 2, 3, 0);
    frs_scratch *scratch = frs_scratch_new(2 * capacity);
    frs_arena *arena = frs_arena_new(1, SHOWN);
    frs_book_attach(book, scratch, NULL, arena, 0, "depth", 5);
    frs_message snapshot = {{scratch->levels, scratch->levels + capacity}, {depth, depth}};
    for (int side = 0; side < 2; side++)
        for (uint32_t i = 0; i < depth; i++)
            snapshot.levels[side][i] = (frs_level){price_of(side, MID, (i + 1) * tick), 5};
    frs_book_change(book, &snapshot, true, 1, 0);
    frs_book_show(book, false);
    uint64_t state = 88172645463325252;
    double spent = 0;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        frs_level levels[2][LEVELS];
        int64_t mid = MID + tick * (int64_t)(i / 10 % WALK);
        frs_message message = {{levels[0], levels[1]}, {0, 0}};
        for (int side = 0; side < 2; side++)
            message.counts[side] = fill(&state, side, mid, tick, levels[side]);
        double start = now();
        if (frs_book_change(book, &message, false, 2 + i, 0) < 0)
            exit(1);
        frs_book_show(book, false);
        spent += now() - start;
    }
    *bytes = frs_book_memory(book);
    frs_book_free(book);
    frs_scratch_free(scratch);
    frs_arena_free(arena);
    return spent / MESSAGES;
}

int main(void) {
    static const uint32_t depths[] = {100, 300, 1000, 3000, 10000, 20000};
    for (int64_t tick = 1; tick <= 100; tick *= 100)
        for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
            size_t bytes = 0;
            double least = 1e18;
            for (int round = 0; round < ROUNDS; round++) {
                double mean = mean_ns(depths[i], tick, &bytes);
                least = mean < least ? mean : least;
            }
            printf("%6u levels a side, %3d ticks apart: %5.0f ns a message, %5.2f ns a level, %5zu kB\n", depths[i],
                   (int)tick, least, least / (2 * LEVELS), bytes / 1000);
        }
    return 0;
}
