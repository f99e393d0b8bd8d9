/* Any levels of a side, in order: rows of at most 32, and a directory of the rows by their lowest prices.
 *
 * A level is found by its row and then within it, both by halving; the row of the last one is tried first, since the
 * levels of a message and what moves to or from a ladder come in order. Insertion and removal move a row's half at
 * most. A full row is parted in two, and two neighbours that hold little are made one: so two neighbours always hold
 * more than LITTLE, which bounds the rows that a number of levels can take. Rejected: one sorted array (a level moves
 * all of it), a hash table (no order: best levels then need a pass over all), and trees (a cache miss a step).
 */
#include <string.h>

#include "internal.h"

enum { ROW = FRS_ROW, LITTLE = 28 };

/* One more than the neighbours' rule allows, for a row that is being parted, and one for the odd one out. */
static uint32_t rows_of(uint32_t capacity) {
    return 2 * (capacity / (LITTLE + 1)) + 4;
}

size_t frs_rows_bytes(uint32_t capacity) {
    return rows_of(capacity) * (ROW * sizeof(frs_level) + sizeof(frs_row));
}

void frs_rows_init(frs_rows *rows, uint32_t capacity, void *memory) {
    uint32_t room = rows_of(capacity);
    frs_level *levels = memory;
    *rows = (frs_rows){.levels = levels, .rows = (frs_row *)(void *)(levels + (size_t)room * ROW)};
    for (uint32_t i = 0; i < room; i++)
        rows->rows[i].place = i;
}

void frs_rows_clear(frs_rows *rows) {
    rows->used = rows->count = rows->last = 0;
}

static inline frs_level *levels_of(const frs_rows *rows, const frs_row *row) {
    return rows->levels + (size_t)row->place * ROW;
}

static inline bool covers(const frs_rows *rows, uint32_t i, int64_t price) {
    return (i == 0 || rows->rows[i].low <= price) && (i + 1 == rows->used || price < rows->rows[i + 1].low);
}

/* The row that a price is in, or belongs to; there is one. */
static uint32_t row_of(const frs_rows *rows, int64_t price) {
    const frs_row *base = rows->rows;
    uint32_t count = rows->used, last = rows->last;
    if (last < count && covers(rows, last, price))
        return last;
    while (count > 1) {
        uint32_t half = count / 2;
        base += half & (0 - (uint32_t)(base[half].low <= price));
        count -= half;
    }
    return (uint32_t)(base - rows->rows);
}

/* How many of the levels are below the price. Branchless, since no branch could be predicted. */
static inline uint32_t rank(const frs_level *levels, uint32_t count, int64_t price) {
    const frs_level *base = levels;
    while (count > 1) {
        uint32_t half = count / 2;
        base += half & (0 - (uint32_t)(base[half - 1].price < price));
        count -= half;
    }
    return (uint32_t)(base - levels) + (count == 1 && base->price < price);
}

/* A new row before the i-th, empty and from nowhere. Behind the used rows of the directory are the free ones. */
static frs_row *add_row(frs_rows *rows, uint32_t i) {
    frs_row *row = rows->rows + i;
    uint32_t place = rows->rows[rows->used].place;
    memmove(row + 1, row, (rows->used - i) * sizeof *row);
    rows->used++;
    *row = (frs_row){.place = place};
    return row;
}

static void drop_row(frs_rows *rows, uint32_t i) {
    frs_row *row = rows->rows + i;
    uint32_t place = row->place;
    rows->used--;
    memmove(row, row + 1, (rows->used - i) * sizeof *row);
    rows->rows[rows->used].place = place;
}

/* Makes one row of the i-th and the next, if there is one and they hold little. */
static bool join(frs_rows *rows, uint32_t i) {
    frs_row *row = rows->rows + i, *next = row + 1;
    if (i + 1 >= rows->used || row->count + next->count > LITTLE)
        return false;
    memcpy(levels_of(rows, row) + row->count, levels_of(rows, next), next->count * sizeof(frs_level));
    row->count += next->count;
    drop_row(rows, i + 1);
    return true;
}

/* The upper half of a full row becomes a row of its own. */
static void part(frs_rows *rows, uint32_t i) {
    frs_row *upper = add_row(rows, i + 1), *row = upper - 1;
    row->count = ROW / 2;
    upper->count = ROW - ROW / 2;
    memcpy(levels_of(rows, upper), levels_of(rows, row) + row->count, upper->count * sizeof(frs_level));
    upper->low = levels_of(rows, upper)->price;
    join(rows, i + 1);
    if (i > 0)
        join(rows, i - 1);
}

static void insert(frs_rows *rows, uint32_t i, uint32_t at, int64_t price, int64_t quantity) {
    if (rows->used == 0 || (rows->rows[i].count == ROW && at == ROW && i + 1 == rows->used)) {
        i = rows->used; /* what only ever grows at its end has full rows */
        at = 0;
        add_row(rows, i);
    } else if (rows->rows[i].count == ROW) {
        part(rows, i);
        i = row_of(rows, price);
        at = rank(levels_of(rows, &rows->rows[i]), rows->rows[i].count, price);
    }
    frs_row *row = rows->rows + i;
    frs_level *place = levels_of(rows, row) + at;
    memmove(place + 1, place, (row->count - at) * sizeof *place);
    *place = (frs_level){price, quantity};
    row->low = at ? row->low : price;
    row->count++;
    rows->count++;
    rows->last = i;
}

static void take_out(frs_rows *rows, uint32_t i, uint32_t at) {
    frs_row *row = rows->rows + i;
    frs_level *levels = levels_of(rows, row);
    row->count--;
    rows->count--;
    memmove(levels + at, levels + at + 1, (row->count - at) * sizeof *levels);
    if (row->count == 0) {
        drop_row(rows, i);
        return;
    }
    if (!join(rows, i) && i > 0)
        join(rows, i - 1);
}

void frs_rows_expect(const frs_rows *rows) {
    const char *directory = (const char *)rows->rows;
    for (size_t at = 0; at < rows->used * sizeof(frs_row); at += FRS_LINE)
        __builtin_prefetch(directory + at, 1);
}

void frs_rows_expect_row(const frs_rows *rows, int64_t price) {
    if (rows->used == 0)
        return;
    const frs_row *row = rows->rows + row_of(rows, price);
    const char *levels = (const char *)levels_of(rows, row);
    for (size_t at = 0; at < row->count * sizeof(frs_level); at += FRS_LINE)
        __builtin_prefetch(levels + at, 1);
}

bool frs_rows_set(frs_rows *rows, int64_t price, int64_t quantity) {
    uint32_t i = 0, at = 0;
    if (rows->used) {
        i = rows->last = row_of(rows, price);
        frs_row *row = rows->rows + i;
        frs_level *levels = levels_of(rows, row);
        at = rank(levels, row->count, price);
        if (at < row->count && levels[at].price == price) {
            if (quantity == 0) {
                take_out(rows, i, at);
                return true;
            }
            bool changes = levels[at].quantity != quantity;
            levels[at].quantity = quantity;
            return changes;
        }
    }
    if (quantity)
        insert(rows, i, at, price, quantity);
    return quantity != 0;
}

bool frs_rows_holds(const frs_rows *rows, int64_t price) {
    if (rows->used == 0)
        return false;
    const frs_row *row = rows->rows + row_of(rows, price);
    const frs_level *levels = levels_of(rows, row);
    uint32_t at = rank(levels, row->count, price);
    return at < row->count && levels[at].price == price;
}

const frs_level *frs_rows_best(const frs_rows *rows) {
    const frs_row *row = rows->rows + rows->used - 1;
    return rows->used ? levels_of(rows, row) + row->count - 1 : NULL;
}

const frs_level *frs_rows_worst(const frs_rows *rows) {
    return rows->used ? levels_of(rows, rows->rows) : NULL;
}

const frs_level *frs_rows_next(const frs_rows *rows, uint32_t *at) {
    uint32_t i = *at / ROW;
    if (i < rows->used && *at % ROW == rows->rows[i].count)
        *at = ++i * ROW;
    return i < rows->used ? levels_of(rows, &rows->rows[i]) + (*at)++ % ROW : NULL;
}

uint32_t frs_rows_read(const frs_rows *rows, int which, int64_t floor, int64_t top, frs_level *out, uint32_t room) {
    uint32_t count = 0;
    for (uint32_t i = rows->used ? row_of(rows, top) + 1 : 0; i-- > 0;) {
        const frs_row *row = rows->rows + i;
        const frs_level *levels = levels_of(rows, row);
        for (uint32_t at = row->count; at-- > 0;) {
            if (levels[at].price > top)
                continue;
            if (count == room || levels[at].price < floor)
                return count;
            out[count++] = (frs_level){frs_signed(which, levels[at].price), levels[at].quantity};
        }
    }
    return count;
}
