/* How a book grows and gets a finer scale: into another book, which then publishes in its place.
 *
 * All values are converted once to see that they fit and once more to store them: so a refused copy leaves both books
 * as they were. Of a book that only grows nothing is converted, and its levels go where they were: it has to be quick,
 * since a message waits for it. Rejected: changing a book in place, which would take memory in the middle of a message.
 */
#include "internal.h"

typedef struct {
    uint64_t up, down;
} rescale;

static rescale rescale_between(int from, int to) {
    return (rescale){frs_powers[to > from ? to - from : 0], frs_powers[from > to ? from - to : 0]};
}

static int convert(const rescale *by, int64_t *value) {
    if (*value % (int64_t)by->down)
        return FRS_E_PRECISION;
    return __builtin_mul_overflow(*value / (int64_t)by->down, (int64_t)by->up, value) ? FRS_E_RANGE : 0;
}

static int convert_level(const rescale by[2], frs_level *level) {
    int error = convert(&by[0], &level->price);
    return error ? error : convert(&by[1], &level->quantity);
}

/* Whether values stay as they are. */
static bool is_same(const rescale by[2]) {
    return by[0].up == by[0].down && by[1].up == by[1].down;
}

static int convert_floor(const rescale by[2], int64_t *floor) {
    return *floor == INT64_MIN ? 0 : convert(&by[0], floor);
}

static int check_side(const frs_book *to, const frs_book *from, int which, const rescale by[2], int64_t *floor) {
    const frs_side *side = &from->sides[which];
    if (frs_side_total(side) > to->capacity)
        return FRS_E_FULL;
    *floor = from->floor[which];
    if (is_same(by))
        return 0;
    frs_side_cursor at = {0, 0};
    for (frs_level level; frs_side_each(side, &at, &level);) {
        int error = convert_level(by, &level);
        if (error)
            return error;
    }
    return convert_floor(by, floor);
}

static void copy_side(frs_book *to, const frs_book *from, int which, const rescale by[2]) {
    frs_side *side = &to->sides[which];
    frs_side_clear(side);
    bool same = is_same(by);
    if (same)
        frs_side_look(side, &from->sides[which]);
    frs_side_cursor at = {0, 0};
    for (frs_level level; frs_side_each(&from->sides[which], &at, &level);) {
        if (!same)
            convert_level(by, &level);
        frs_side_add(side, level.price, level.quantity);
    }
    frs_side_settle(side);
    if (to->depth)
        frs_side_cut(side, to->depth);
    to->touched[which] = true;
}

static void take_over(frs_book *to, frs_book *from) {
    uint8_t price_scale = to->view.price_scale, quantity_scale = to->view.quantity_scale;
    to->view = from->view;
    to->view.price_scale = price_scale;
    to->view.quantity_scale = quantity_scale;
    to->limit = from->limit;
    to->reach = from->reach;
    to->shown = from->shown;
    to->pending = from->pending;
    to->scratch = from->scratch;
    to->ring = from->ring;
    to->arena = from->arena;
    to->slot = from->slot;
    to->journal = from->journal;
    from->arena = NULL;
    from->journal = NULL;
    if (to->journal && (price_scale != from->view.price_scale || quantity_scale != from->view.quantity_scale)) {
        /* Prices have other texts now, and readers may know them by these: nobody goes on from before. */
        frs_view nobodys = to->view;
        nobodys.epoch = UINT64_MAX;
        frs_journal_reset(to->journal, &nobodys);
    }
}

int frs_book_copy(frs_book *to, frs_book *from) {
    if (to == from)
        return FRS_E_ARGUMENT;
    const rescale by[2] = {rescale_between(from->view.price_scale, to->view.price_scale),
                           rescale_between(from->view.quantity_scale, to->view.quantity_scale)};
    int64_t floor[2];
    for (int which = 0; which < 2; which++) {
        int error = check_side(to, from, which, by, &floor[which]);
        if (error)
            return error;
    }
    take_over(to, from);
    for (int which = 0; which < 2; which++) {
        copy_side(to, from, which, by);
        to->floor[which] = floor[which];
    }
    if (to->arena && !to->pending)
        frs_book_show(to, false);
    return 0;
}
