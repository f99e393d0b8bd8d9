/* price -> quantity, for the levels of a side that are far from the touch: densely stored, found through a hash index.
 *
 * The index is open addressing: linear probing from a multiplicative hash (Knuth, TAOCP 6.4), and removal by shifting
 * back what follows (algorithm R), so that there are no tombstones and it never degrades; at most half of it is used.
 * The levels themselves have no gaps, the last one fills any: so the pass that looks for the best ones costs what is
 * held and not what there is room for. Rejected: levels in the hash places themselves (a book with spare room paid for
 * it at every such pass), and a balanced tree or skip list, whose order is only needed when a side is read as a whole.
 */
#include <string.h>

#include "internal.h"

/* A power of two, at least twice the capacity. */
static size_t index_places(uint32_t capacity) {
    size_t places = 16;
    while (places < (size_t)capacity * 2)
        places *= 2;
    return places;
}

size_t frs_table_levels(uint32_t capacity) {
    return capacity + index_places(capacity) * sizeof(uint32_t) / sizeof(frs_level);
}

void frs_table_init(frs_table *table, uint32_t capacity, frs_level *memory) {
    size_t places = index_places(capacity);
    *table = (frs_table){.levels = memory,
                         .index = (uint32_t *)(void *)(memory + capacity),
                         .mask = (uint32_t)(places - 1),
                         .shift = (unsigned)__builtin_clzll(places) + 1};
}

void frs_table_clear(frs_table *table) {
    if (table->count)
        memset(table->index, 0, ((size_t)table->mask + 1) * sizeof *table->index);
    table->count = 0;
}

static inline uint32_t home(const frs_table *table, int64_t price) {
    return (uint32_t)((uint64_t)price * 0x9e3779b97f4a7c15 >> table->shift);
}

static inline frs_level *level_of(const frs_table *table, uint32_t place) {
    return &table->levels[table->index[place] - 1];
}

/* The place in the index where the price is, or would be put. */
static inline uint32_t seek(const frs_table *table, int64_t price) {
    uint32_t place = home(table, price);
    while (table->index[place] && level_of(table, place)->price != price)
        place = (place + 1) & table->mask;
    return place;
}

const frs_level *frs_table_find(const frs_table *table, int64_t price) {
    uint32_t place = seek(table, price);
    return table->index[place] ? level_of(table, place) : NULL;
}

bool frs_table_put(frs_table *table, int64_t price, int64_t quantity) {
    uint32_t place = seek(table, price);
    if (table->index[place]) {
        frs_level *held = level_of(table, place);
        bool changes = held->quantity != quantity;
        held->quantity = quantity;
        return changes;
    }
    table->levels[table->count++] = (frs_level){price, quantity};
    table->index[place] = table->count;
    return true;
}

/* Closes the hole: each one behind it may move back into it unless its home lies behind the hole. */
static void shift_back(frs_table *table, uint32_t hole) {
    for (uint32_t at = (hole + 1) & table->mask; table->index[at]; at = (at + 1) & table->mask) {
        uint32_t from_home = (at - home(table, level_of(table, at)->price)) & table->mask;
        if (from_home >= ((at - hole) & table->mask)) {
            table->index[hole] = table->index[at];
            hole = at;
        }
    }
    table->index[hole] = 0;
}

bool frs_table_remove(frs_table *table, int64_t price) {
    uint32_t place = seek(table, price), number = table->index[place];
    if (number == 0)
        return false;
    shift_back(table, place);
    uint32_t last = table->count--;
    if (number != last) {
        frs_level *gap = &table->levels[number - 1];
        *gap = table->levels[last - 1];
        for (place = home(table, gap->price); table->index[place] != last;)
            place = (place + 1) & table->mask;
        table->index[place] = number;
    }
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

/* One pass with a heap of the best so far, in `out` itself: no memory, and n log room at worst. From the end, where the
 * better ones usually are (they came last): then nearly all others are refused by one comparison. */
uint32_t frs_table_best(const frs_table *table, int64_t floor, int64_t top, frs_level *out, uint32_t room) {
    uint32_t count = 0;
    if (room == 0)
        return 0;
    for (uint32_t i = table->count; i-- > 0;) {
        const frs_level level = table->levels[i];
        if (level.price < floor || level.price > top)
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
