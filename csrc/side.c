/* One side of a book: a ladder of ticks around its touch, and rows in order for all other levels.
 *
 * Nearly all updates are near the touch, where the ladder takes them without a search. Which of the two a price belongs
 * to is arithmetic: on a tick within the window it is the ladder's. After each message the window is looked at once:
 * every level in the rows has to be below it, and the touch in its upper quarter. If that is not so it is framed
 * anew, with the touch a sixteenth below its high end. So the ladder's levels are always the best ones.
 *
 * The tick is what the levels show: the largest one that they all are on. A price that is on none of the ladder's
 * ticks goes to the rows, and is seen there after the message: then the tick gets finer. Nothing depends on its being
 * right but the time that a level takes. Rejected: the instrument's tick (not every exchange tells it, some change it),
 * and one structure for all levels (a ladder has no bound for far prices, and rows search for each one).
 */
#include "internal.h"

/* A ladder with so many levels has shown what its tick is. */
enum { PLENTY = 64 };
enum { CLOSE = 512 }; /* ticks */
enum { FAR = 16 };    /* levels in the rows that are asked for ahead */

static const uint64_t SPAN_MOST = (uint64_t)1 << 62; /* of a window, in price: so that differences do not overflow */

void frs_side_init(frs_side *side, uint32_t capacity, void *ladder, void *rows) {
    frs_ladder_init(&side->ladder, capacity, ladder);
    frs_rows_init(&side->rows, capacity, rows);
}

uint32_t frs_side_total(const frs_side *side) {
    return side->ladder.count + side->rows.count;
}

void frs_side_clear(frs_side *side) {
    frs_ladder_clear(&side->ladder);
    frs_rows_clear(&side->rows);
}

int64_t frs_side_best(const frs_side *side) {
    return side->ladder.high - side->ladder.first * side->ladder.tick;
}

static uint64_t gcd(uint64_t a, uint64_t b) {
    while (a) {
        uint64_t rest = b % a;
        b = a;
        a = rest;
    }
    return b;
}

/* The largest tick that all levels are on that a ladder with this touch would have; 0: there is but one. */
static uint64_t common_tick(const frs_side *side, int64_t touch) {
    const frs_ladder *ladder = &side->ladder;
    uint64_t tick = 0;
    frs_level level, piece[FRS_ROW];
    if (ladder->count >= PLENTY)
        tick =
            gcd((uint64_t)ladder->tick, (uint64_t)(touch > ladder->high ? touch - ladder->high : ladder->high - touch));
    else
        for (uint32_t at = 0; frs_ladder_next(ladder, &at, &level);)
            tick = gcd(tick, (uint64_t)(touch - level.price));
    int64_t top = INT64_MAX;
    for (uint32_t count; (count = frs_rows_read(&side->rows, FRS_BID, INT64_MIN, top, piece, FRS_ROW));) {
        for (uint32_t i = 0; i < count; i++) {
            uint64_t distance = (uint64_t)(touch - piece[i].price);
            if (tick && distance / tick > ladder->places)
                return tick;
            tick = gcd(tick, distance);
        }
        top = piece[count - 1].price - 1;
    }
    return tick;
}

/* Moves the levels from a tick on to the rows. */
static void expel(frs_side *side, uint32_t from) {
    frs_level level;
    while (frs_ladder_next(&side->ladder, &from, &level)) {
        frs_ladder_set(&side->ladder, from - 1, 0);
        frs_rows_set(&side->rows, level.price, level.quantity);
    }
}

/* By how many ticks a window with the same tick has to move down to begin there, or a bit above. False: it has to be
 * framed anew, because it cannot move so far, or because `high` lies between its ticks: an empty one says nothing of
 * where the levels are that come next. */
static bool find_shift(const frs_ladder *ladder, int64_t high, int32_t *by) {
    int64_t away, begin;
    if (ladder->size == 0 || __builtin_sub_overflow(ladder->high, high, &away) || away % ladder->tick)
        return false;
    away = away / ladder->tick & ~(int64_t)63;
    if (away <= -(int64_t)ladder->size || away >= (int64_t)ladder->size ||
        __builtin_sub_overflow(ladder->high, away * ladder->tick, &begin))
        return false;
    *by = (int32_t)away;
    return true;
}

/* Puts the touch a sixteenth below the window's high end, and all levels where they belong then. */
static void reframe(frs_side *side) {
    frs_ladder *ladder = &side->ladder;
    const frs_level *out = frs_rows_best(&side->rows);
    int64_t touch = ladder->count && frs_side_best(side) > out->price ? frs_side_best(side) : out->price;
    uint64_t tick = common_tick(side, touch);
    if (tick == 0 || tick > SPAN_MOST / ladder->places)
        tick = 1;
    uint64_t room = ((uint64_t)INT64_MAX - (uint64_t)touch) / tick, above = ladder->places / 16;
    int64_t high = touch + (int64_t)((above < room ? above : room) * tick);
    int32_t by;
    if ((uint64_t)ladder->tick == tick && find_shift(ladder, high, &by)) {
        expel(side, by < 0 ? ladder->size - (uint32_t)-by : ladder->size);
        frs_ladder_shift(ladder, by);
    } else {
        expel(side, 0);
        frs_ladder_frame(ladder, high, (int64_t)tick);
    }
    while ((out = frs_rows_best(&side->rows)) && out->price >= ladder->low) {
        frs_ladder_set(ladder, frs_ladder_tick(ladder, out->price), out->quantity);
        frs_rows_set(&side->rows, out->price, 0);
    }
}

/* Whether the touch is not in the upper quarter of the window. */
static inline bool drifted(const frs_ladder *ladder) {
    return ladder->first >= ladder->size / 4;
}

/* Frames the ladder anew if a level of the rows belongs to it, or the touch is not where it should be. */
static void settle_rows(frs_side *side) {
    const frs_ladder *ladder = &side->ladder;
    const frs_level *out = frs_rows_best(&side->rows);
    if (out && (drifted(ladder) || out->price >= ladder->low))
        reframe(side);
}

void frs_side_settle(frs_side *side) {
    frs_ladder_settle(&side->ladder);
    settle_rows(side);
}

static inline bool set(frs_side *side, int64_t price, int64_t quantity) {
    uint64_t tick = frs_ladder_tick(&side->ladder, price);
    return tick < side->ladder.size ? frs_ladder_set(&side->ladder, tick, quantity)
                                    : frs_rows_set(&side->rows, price, quantity);
}

static bool holds(const frs_side *side, int64_t price) {
    uint64_t tick = frs_ladder_tick(&side->ladder, price);
    return tick < side->ladder.size ? frs_ladder_get(&side->ladder, tick) != 0 : frs_rows_holds(&side->rows, price);
}

void frs_side_look(frs_side *side, const frs_side *other) {
    const frs_ladder *ladder = &other->ladder;
    if (ladder->size && (uint64_t)ladder->tick <= SPAN_MOST / side->ladder.places)
        frs_ladder_frame(&side->ladder, ladder->high, ladder->tick);
}

void frs_side_add(frs_side *side, int64_t price, int64_t quantity) {
    set(side, price, quantity);
}

/* What is published, as far as it lies close together: levels far from each other are not worth asking for blindly. Its
 * marks are few, and mostly those of the levels that change. */
static void expect_shown(const frs_ladder *ladder, int64_t watch) {
    uint64_t worst = frs_ladder_tick(ladder, watch), most = ladder->first + CLOSE;
    uint64_t end = worst < ladder->size ? (worst < most ? worst : most) : 0;
    for (uint64_t tick = ladder->first; tick <= end; tick += FRS_LINE / sizeof(int64_t)) {
        uint64_t place = (ladder->start + tick) & (ladder->places - 1);
        __builtin_prefetch(&ladder->quantities[place], 1);
    }
}

/* The rows come last: where a price is in them says their directory, which is on its way until then. */
void frs_side_expect(const frs_side *side, int which, const frs_level *levels, uint32_t count, int64_t watch) {
    const frs_ladder ladder = side->ladder; /* a copy, as in frs_side_update */
    int64_t far[FAR];
    uint32_t found = 0;
    frs_rows_expect(&side->rows);
    expect_shown(&ladder, watch);
    for (uint32_t i = 0; i < count; i++) {
        int64_t price = frs_signed(which, levels[i].price);
        uint64_t tick = frs_ladder_tick(&ladder, price), place = (ladder.start + tick) & (ladder.places - 1);
        __builtin_prefetch(&ladder.quantities[place], 1); /* a place, too, if the price has none: not worth a branch */
        __builtin_prefetch(&ladder.marks[place / 64], 1);
        far[found % FAR] = price;
        found += tick >= ladder.size;
    }
    for (uint32_t i = 0; i < found && i < FAR; i++)
        frs_rows_expect_row(&side->rows, far[i]);
}

bool frs_side_update(frs_side *side, int which, const frs_level *levels, uint32_t count, int64_t watch) {
    frs_ladder ladder = side->ladder; /* a copy: the compiler knows that no store changes it */
    bool touched = false, strays = false;
    for (uint32_t i = 0; i < count; i++) {
        int64_t price = frs_signed(which, levels[i].price), quantity = levels[i].quantity;
        uint64_t tick = frs_ladder_tick(&ladder, price);
        bool changes;
        if (tick < ladder.size) {
            changes = frs_ladder_set(&ladder, tick, quantity);
        } else {
            changes = frs_rows_set(&side->rows, price, quantity);
            strays |= price >= ladder.low;
        }
        touched |= changes & (price >= watch);
    }
    side->ladder = ladder;
    frs_ladder_settle(&side->ladder);
    if (strays || drifted(&side->ladder))
        settle_rows(side);
    return touched;
}

/* From the last level to the first: exchanges send the best one first, so each one is put at the rows' end; and of two
 * with one price the later one stays. */
void frs_side_replace(frs_side *side, int which, const frs_level *levels, uint32_t count) {
    frs_side_clear(side);
    for (uint32_t i = count; i-- > 0;) {
        int64_t price = frs_signed(which, levels[i].price);
        if (levels[i].quantity && !holds(side, price))
            set(side, price, levels[i].quantity);
    }
    frs_side_settle(side);
}

uint32_t frs_side_missing(const frs_side *side, int which, const frs_level *levels, uint32_t count) {
    uint32_t missing = 0;
    for (uint32_t i = 0; i < count; i++)
        missing += levels[i].quantity && !holds(side, frs_signed(which, levels[i].price));
    return missing;
}

void frs_side_cut(frs_side *side, uint32_t depth) {
    while (side->rows.count && frs_side_total(side) > depth)
        frs_rows_set(&side->rows, frs_rows_worst(&side->rows)->price, 0);
    frs_ladder_cut(&side->ladder, depth);
}

bool frs_side_each(const frs_side *side, frs_side_cursor *cursor, frs_level *out) {
    const frs_level *level = frs_rows_next(&side->rows, &cursor->row);
    if (!level)
        return frs_ladder_next(&side->ladder, &cursor->tick, out);
    *out = *level;
    return true;
}

uint32_t frs_side_read(const frs_side *side, int which, int64_t floor, int64_t top, frs_level *out, uint32_t room) {
    uint32_t count = frs_ladder_read(&side->ladder, which, floor, top, out, room);
    if (count == room || floor >= side->ladder.low)
        return count;
    return count + frs_rows_read(&side->rows, which, floor, top, out + count, room - count);
}
