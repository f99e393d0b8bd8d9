/* price -> quantity in an open-addressing hash table: the levels of a side that are far from the touch.
 *
 * Linear probing from a multiplicative hash (Knuth, TAOCP 6.4), and removal by shifting back what follows (algorithm R),
 * so that there are no tombstones and the table never degrades. It is never more than three quarters full. Rejected: a
 * balanced tree or skip list, whose order is only needed when a side is read as a whole.
 */
#include <string.h>

#include "internal.h"

/* A power of two, at least 4/3 of the capacity. */
size_t frs_table_places(uint32_t capacity) {
    size_t places = 16;
    while (places * 3 < (size_t)capacity * 4)
        places *= 2;
    return places;
}

void frs_table_init(frs_table *table, frs_level *places, size_t count) {
    *table = (frs_table){places, 0, (uint32_t)(count - 1), (unsigned)__builtin_clzll(count) + 1};
}

void frs_table_clear(frs_table *table) {
    if (table->count)
        memset(table->places, 0, ((size_t)table->mask + 1) * sizeof *table->places);
    table->count = 0;
}

static inline uint32_t home(const frs_table *table, int64_t price) {
    return (uint32_t)((uint64_t)price * 0x9e3779b97f4a7c15 >> table->shift);
}

/* Where the price is, or would be put. */
static inline uint32_t seek(const frs_table *table, int64_t price) {
    uint32_t at = home(table, price);
    while (table->places[at].price && table->places[at].price != price)
        at = (at + 1) & table->mask;
    return at;
}

const frs_level *frs_table_find(const frs_table *table, int64_t price) {
    const frs_level *place = &table->places[seek(table, price)];
    return place->price ? place : NULL;
}

bool frs_table_put(frs_table *table, int64_t price, int64_t quantity) {
    frs_level *place = &table->places[seek(table, price)];
    bool changes = place->price == 0 || place->quantity != quantity;
    table->count += place->price == 0;
    *place = (frs_level){price, quantity};
    return changes;
}

bool frs_table_remove(frs_table *table, int64_t price) {
    frs_level *places = table->places;
    uint32_t hole = seek(table, price);
    if (places[hole].price == 0)
        return false;
    for (uint32_t at = (hole + 1) & table->mask; places[at].price; at = (at + 1) & table->mask) {
        /* A level may move back into the hole unless its home lies behind the hole. */
        uint32_t from_home = (at - home(table, places[at].price)) & table->mask;
        if (from_home >= ((at - hole) & table->mask)) {
            places[hole] = places[at];
            hole = at;
        }
    }
    places[hole].price = 0;
    table->count--;
    return true;
}

/* Puts level into the heap (worst on top) from place i downwards. */
static void sift(frs_level *heap, uint32_t count, uint32_t i, frs_level level) {
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= count)
            break;
        if (child + 1 < count && heap[child + 1].price < heap[child].price)
            child++;
        if (heap[child].price >= level.price)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = level;
}

static void make_heap(frs_level *heap, uint32_t count) {
    for (uint32_t i = count / 2; i-- > 0;)
        sift(heap, count, i, heap[i]);
}

static void sort_heap(frs_level *heap, uint32_t count) {
    while (count > 1) {
        frs_level last = heap[--count];
        heap[count] = heap[0];
        sift(heap, count, 0, last);
    }
}

/* One pass with a heap of the best so far, in `out` itself: no memory, and n log room at worst. */
uint32_t frs_table_best(const frs_table *table, int64_t floor, int64_t top, frs_level *out, uint32_t room) {
    uint32_t count = 0;
    if (room == 0 || table->count == 0)
        return 0;
    for (size_t i = 0; i <= table->mask; i++) {
        const frs_level level = table->places[i];
        if (level.price == 0 || level.price < floor || level.price > top)
            continue;
        if (count < room) {
            out[count++] = level;
            if (count == room)
                make_heap(out, count);
        } else if (level.price > out[0].price) {
            sift(out, count, 0, level);
        }
    }
    if (count < room)
        make_heap(out, count);
    sort_heap(out, count);
    return count;
}
