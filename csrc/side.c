/* One side of a book: its best levels in a small sorted array, all others in a hash table.
 *
 * Updates cluster at the touch. The array holds its best level at the end, so an update there moves next to nothing;
 * the table takes the far ones in constant time. When the array is full, its worse half goes to the table; when it is
 * down to a quarter, one pass over the table fills it to three. So at least a quarter of the array lies between two
 * such steps, whether a market sweeps level after level away or swings around the boundary. A pass costs what the table
 * holds, and a large array costs every insertion: so the array grows with the root of the table, where the two are
 * even. Rejected: one sorted array (a level far away moves it all), trees (a cache miss a step), arrays indexed by
 * price (sparse prices, and no bound on memory), looking up a batch of ranks ahead (measured: no gain).
 */
#include <string.h>

#include "internal.h"

/* The array's limit: at least this, so often what is shown, and so often the root of the far levels' number. */
enum { NEAR_LEAST = 128, NEAR_SHARE = 4, ROOT_SHARE = 3 };

static uint32_t near_room(uint32_t capacity) {
    const uint32_t most = NEAR_SHARE * FRS_SHOWN_MOST;
    return capacity < most ? capacity + 1 : most;
}

size_t frs_side_levels(uint32_t capacity) {
    return near_room(capacity) + frs_table_levels(capacity);
}

void frs_side_init(frs_side *side, uint32_t capacity, frs_level *memory) {
    *side = (frs_side){.near = memory, .near_room = near_room(capacity)};
    frs_table_init(&side->far, capacity, memory + side->near_room);
    frs_side_show(side, 0);
}

uint32_t frs_side_total(const frs_side *side) {
    return side->near_count + side->far.count;
}

void frs_side_clear(frs_side *side) {
    side->near_count = 0;
    frs_table_clear(&side->far);
}

/* How many levels of the array are below the price: where it is, or belongs. Branchless, since no branch could be
 * predicted. */
static inline uint32_t rank(const frs_side *side, int64_t price) {
    const frs_level *base = side->near;
    uint32_t count = side->near_count;
    while (count > 1) {
        uint32_t half = count / 2;
        base += half & (0 - (uint32_t)(base[half - 1].price < price));
        count -= half;
    }
    return (uint32_t)(base - side->near) + (count == 1 && base->price < price);
}

uint32_t frs_side_near_from(const frs_side *side, int64_t floor) {
    return side->near_count - rank(side, floor);
}

static void tune(frs_side *side) {
    uint32_t far = side->far.count, bits = far ? 32 - (uint32_t)__builtin_clz(far) : 0;
    uint32_t limit = (uint32_t)ROOT_SHARE << bits / 2;
    limit = limit > side->near_least ? limit : side->near_least;
    side->near_limit = limit < side->near_room ? limit : side->near_room;
}

static void spill(frs_side *side) {
    uint32_t keep = side->near_limit / 2, give = side->near_count - keep;
    for (uint32_t i = 0; i < give; i++)
        frs_table_put(&side->far, side->near[i].price, side->near[i].quantity);
    memmove(side->near, side->near + give, keep * sizeof *side->near);
    side->near_count = keep;
    tune(side);
}

static void refill(frs_side *side) {
    tune(side);
    uint32_t full = side->near_limit / 4 * 3, want = full > side->near_count ? full - side->near_count : 0;
    uint32_t take = want < side->far.count ? want : side->far.count;
    memmove(side->near + take, side->near, side->near_count * sizeof *side->near);
    frs_table_best(&side->far, INT64_MIN, INT64_MAX, side->near, take);
    for (uint32_t i = 0, j = take; i < j--; i++) {
        frs_level best = side->near[i];
        side->near[i] = side->near[j];
        side->near[j] = best;
    }
    for (uint32_t i = 0; i < take; i++)
        frs_table_remove(&side->far, side->near[i].price);
    side->near_count += take;
}

/* Returns whether the array's levels have moved. */
static inline bool settle(frs_side *side) {
    if (side->near_count >= side->near_limit)
        spill(side);
    else if (side->near_count < side->near_limit / 4 && side->far.count)
        refill(side);
    else
        return false;
    return true;
}

void frs_side_show(frs_side *side, uint32_t shown) {
    side->near_least = shown * NEAR_SHARE > NEAR_LEAST ? shown * NEAR_SHARE : NEAR_LEAST;
    tune(side);
    settle(side);
}

static inline bool belongs_far(const frs_side *side, int64_t price) {
    return side->far.count && price < side->near[0].price;
}

/* Where the last level of a message went. Exchanges send levels best first, so the next one's place is a few steps from
 * there, which is cheaper to walk than to search; a level out of order is searched. */
typedef struct {
    int64_t price;
    uint32_t at;
} trail;

static const trail NOWHERE = {INT64_MIN, 0};

static inline uint32_t rank_after(const frs_side *side, const trail *last, int64_t price) {
    if (price >= last->price)
        return rank(side, price);
    uint32_t at = last->at;
    while (at > 0 && side->near[at - 1].price >= price)
        at--;
    return at;
}

static inline bool set_near(frs_side *side, int64_t price, int64_t quantity, trail *last) {
    uint32_t at = rank_after(side, last, price), behind = side->near_count - at;
    *last = (trail){price, at};
    frs_level *place = side->near + at;
    bool held = behind && place->price == price;
    if (held && quantity) {
        bool changes = place->quantity != quantity;
        place->quantity = quantity;
        return changes;
    }
    if (held) {
        memmove(place, place + 1, (behind - 1) * sizeof *place);
        side->near_count--;
    } else if (quantity) {
        memmove(place + 1, place, behind * sizeof *place);
        *place = (frs_level){price, quantity};
        side->near_count++;
    } else {
        return false;
    }
    if (settle(side))
        last->price = INT64_MIN;
    return true;
}

static inline bool set(frs_side *side, int64_t price, int64_t quantity, trail *last) {
    if (!belongs_far(side, price))
        return set_near(side, price, quantity, last);
    return quantity ? frs_table_put(&side->far, price, quantity) : frs_table_remove(&side->far, price);
}

static bool holds(const frs_side *side, int64_t price) {
    if (belongs_far(side, price))
        return frs_table_find(&side->far, price) != NULL;
    uint32_t at = rank(side, price);
    return at < side->near_count && side->near[at].price == price;
}

const frs_level *frs_side_each(const frs_side *side, size_t *at) {
    size_t i = (*at)++;
    if (i < side->near_count)
        return &side->near[i];
    i -= side->near_count;
    return i < side->far.count ? &side->far.levels[i] : NULL;
}

void frs_side_add(frs_side *side, int64_t price, int64_t quantity) {
    trail last = NOWHERE;
    set(side, price, quantity, &last);
}

bool frs_side_update(frs_side *side, int which, const frs_level *levels, uint32_t count, int64_t watch) {
    bool touched = false;
    trail last = NOWHERE;
    for (uint32_t i = 0; i < count; i++) {
        int64_t price = frs_signed(which, levels[i].price);
        touched |= set(side, price, levels[i].quantity, &last) & (price >= watch);
    }
    return touched;
}

/* From the last level to the first: exchanges send the best one first, so each one is put at the array's end; and of
 * two with one price the later one stays. */
void frs_side_replace(frs_side *side, int which, const frs_level *levels, uint32_t count) {
    frs_side_clear(side);
    trail last = NOWHERE;
    for (uint32_t i = count; i-- > 0;) {
        int64_t price = frs_signed(which, levels[i].price);
        if (levels[i].quantity && !holds(side, price))
            set(side, price, levels[i].quantity, &last);
    }
}

uint32_t frs_side_missing(const frs_side *side, int which, const frs_level *levels, uint32_t count) {
    uint32_t missing = 0;
    for (uint32_t i = 0; i < count; i++)
        missing += levels[i].quantity && !holds(side, frs_signed(which, levels[i].price));
    return missing;
}

void frs_side_cut(frs_side *side, uint32_t depth) {
    if (frs_side_total(side) <= depth)
        return;
    frs_table_clear(&side->far);
    if (side->near_count > depth) {
        memmove(side->near, side->near + (side->near_count - depth), depth * sizeof *side->near);
        side->near_count = depth;
    }
}

uint32_t frs_side_read(const frs_side *side, int64_t floor, int64_t top, frs_level *out, uint32_t room) {
    uint32_t from = rank(side, floor), count = 0;
    uint32_t end = top == INT64_MAX ? side->near_count : rank(side, top + 1);
    while (end > from && count < room)
        out[count++] = side->near[--end];
    if (count < room && from == 0)
        count += frs_table_best(&side->far, floor, top, out + count, room - count);
    return count;
}
