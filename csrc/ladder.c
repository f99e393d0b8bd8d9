/* The levels of a side within a window of prices: a quantity for each tick, found by arithmetic alone.
 *
 * Ticks count from the window's high end downwards: the best first. A price is the ladder's if its distance from the
 * high end is a multiple of the tick, and small enough. Both are one multiplication and one comparison: by the inverse
 * of the tick's odd part modulo 2^64, then a rotation by its twos, multiples become their quotients, and all other
 * numbers become larger than any quotient (Granlund and Montgomery, "Division by Invariant Integers using
 * Multiplication", 1994, section 9). So a level costs a load and a few stores, and no branch depends on whether it is
 * new, changed or gone.
 *
 * The places are a ring: a window that moves leaves its levels where they are. Bits mark the places that hold a level.
 * Reading first makes a list of the ticks whose bits are set, four of a word at once, so that how many it has is
 * seldom a branch; then the levels. Rejected: a window in place, moved in memory (all of it, each time),
 * and places for all prices (no bound on memory).
 */
#include <string.h>

#include "internal.h"

enum { WORD_BITS = 64, PIECE = 64 };

enum { QUIET = 1024 }; /* levels of a book that has to be small */

/* A power of two: with eight ticks a level nearly all updates of a usual book are inside, with four most. */
static uint32_t places_of(uint32_t capacity) {
    uint32_t places = 1024, each = capacity > QUIET ? 8 : 4;
    while (places < FRS_LADDER_MOST && places < each * capacity)
        places *= 2;
    return places;
}

size_t frs_ladder_bytes(uint32_t capacity) {
    uint32_t places = places_of(capacity);
    return places * sizeof(int64_t) + places / WORD_BITS * sizeof(uint64_t);
}

void frs_ladder_init(frs_ladder *ladder, uint32_t capacity, void *memory) {
    uint32_t places = places_of(capacity);
    int64_t *quantities = memory;
    *ladder =
        (frs_ladder){.quantities = quantities, .marks = (uint64_t *)(void *)(quantities + places), .places = places};
}

void frs_ladder_clear(frs_ladder *ladder) {
    if (ladder->count) {
        memset(ladder->quantities, 0, ladder->places * sizeof(int64_t));
        memset(ladder->marks, 0, ladder->places / WORD_BITS * sizeof(uint64_t));
    }
    ladder->size = ladder->count = ladder->first = 0;
}

static void find_low(frs_ladder *ladder) {
    int64_t span = (int64_t)(ladder->size - 1) * ladder->tick;
    if (__builtin_sub_overflow(ladder->high, span, &ladder->low))
        ladder->low = INT64_MIN;
}

void frs_ladder_frame(frs_ladder *ladder, int64_t high, int64_t tick) {
    ladder->high = high;
    ladder->tick = tick;
    ladder->size = ladder->first = ladder->places;
    ladder->start = 0;
    ladder->twos = (unsigned)__builtin_ctzll((uint64_t)tick);
    uint64_t odd = (uint64_t)tick >> ladder->twos,
             inverse = odd; /* right in the lowest three bits; each step doubles */
    for (int bits = 3; bits < WORD_BITS; bits *= 2)
        inverse *= 2 - odd * inverse;
    ladder->inverse = inverse;
    find_low(ladder);
}

void frs_ladder_shift(frs_ladder *ladder, int32_t by) {
    ladder->high -= by * ladder->tick;
    ladder->start = (ladder->start + (uint32_t)by) & (ladder->places - 1);
    ladder->first = ladder->count ? ladder->first - (uint32_t)by : ladder->size;
    find_low(ladder);
}

/* The marks of the word that holds a tick; the window starts with a whole word. */
static inline uint64_t word_of(const frs_ladder *ladder, uint32_t tick) {
    return ladder->marks[((ladder->start + tick) & (ladder->places - 1)) / WORD_BITS];
}

/* Of these marks the ones from the tick on. */
static inline uint64_t word_from(const frs_ladder *ladder, uint32_t tick) {
    return word_of(ladder, tick) >> tick % WORD_BITS << tick % WORD_BITS;
}

static inline frs_level level_at(const frs_ladder *ladder, uint32_t tick) {
    return (frs_level){ladder->high - tick * ladder->tick, frs_ladder_get(ladder, tick)};
}

bool frs_ladder_next(const frs_ladder *ladder, uint32_t *tick, frs_level *out) {
    uint32_t at = *tick;
    if (at >= ladder->size)
        return false;
    uint64_t word = word_from(ladder, at);
    for (at -= at % WORD_BITS; !word; word = word_of(ladder, at)) {
        at += WORD_BITS;
        if (at == ladder->size)
            return false;
    }
    at += (uint32_t)__builtin_ctzll(word);
    *out = level_at(ladder, at);
    *tick = at + 1;
    return true;
}

void frs_ladder_settle(frs_ladder *ladder) {
    frs_level best;
    uint32_t behind = ladder->first;
    ladder->first = frs_ladder_next(ladder, &behind, &best) ? behind - 1 : ladder->size;
}

/* From the last word backwards. */
void frs_ladder_cut(frs_ladder *ladder, uint32_t count) {
    uint32_t at = ladder->size;
    while (ladder->count > count) {
        uint64_t word = word_of(ladder, at - WORD_BITS);
        if (word)
            frs_ladder_set(ladder, at - 1 - (uint32_t)__builtin_clzll(word), 0);
        else
            at -= WORD_BITS;
    }
}

/* Lists the lowest mark of a word, if there is one, and takes it out. */
static inline uint64_t list_one(uint64_t word, uint32_t base, uint16_t *ticks, uint32_t *listed) {
    const uint64_t last = (uint64_t)1 << (WORD_BITS - 1);
    ticks[*listed] = (uint16_t)(base + (uint32_t)__builtin_ctzll(word | last));
    *listed += word != 0;
    return word & (word - 1);
}

static inline void list_word(uint64_t word, uint32_t base, uint16_t *ticks, uint32_t *listed) {
    do {
        word = list_one(word, base, ticks, listed);
        word = list_one(word, base, ticks, listed);
        word = list_one(word, base, ticks, listed);
        word = list_one(word, base, ticks, listed);
    } while (word);
}

/* The first tick whose price is at `top` or below. */
static uint32_t tick_under(const frs_ladder *ladder, int64_t top) {
    if (top >= ladder->high - ladder->first * ladder->tick)
        return ladder->first;
    return (uint32_t)(((uint64_t)(ladder->high - top) + (uint64_t)ladder->tick - 1) / (uint64_t)ladder->tick);
}

uint32_t frs_ladder_read(const frs_ladder *ladder, int which, int64_t floor, int64_t top, frs_level *out,
                         uint32_t room) {
    if (ladder->count == 0 || top < ladder->low)
        return 0;
    const int64_t high = frs_signed(which, ladder->high), down = frs_signed(which, ladder->tick);
    uint32_t at = tick_under(ladder, top), count = 0;
    uint64_t word = word_from(ladder, at);
    at -= at % WORD_BITS;
    while (count < room && count < ladder->count && at < ladder->size) {
        uint16_t ticks[PIECE + WORD_BITS];
        uint32_t listed = 0, most = room - count < PIECE ? room - count : PIECE;
        for (; listed < most && at < ladder->size; word = word_of(ladder, at += WORD_BITS))
            list_word(word, at, ticks, &listed);
        most = room - count < listed ? room - count : listed;
        for (uint32_t i = 0; i < most; i++)
            out[count + i] = (frs_level){high - ticks[i] * down, frs_ladder_get(ladder, ticks[i])};
        count += most;
    }
    while (count && frs_signed(which, out[count - 1].price) < floor)
        count--;
    return count;
}
