/* The model of a book: linear searches and whole-array moves. */
#include "model.h"

#include <stdio.h>
#include <string.h>

static bool better(int side, int64_t a, int64_t b) {
    return side == FRS_BID ? a > b : a < b;
}

void model_clear(model *m, uint32_t depth, uint32_t limit) {
    m->count[0] = m->count[1] = 0;
    m->edge[0] = m->edge[1] = 0;
    m->depth = depth;
    m->limit = limit;
}

static void set(model *m, int side, frs_level level) {
    frs_level *levels = m->levels[side];
    size_t at = 0;
    while (at < m->count[side] && better(side, levels[at].price, level.price))
        at++;
    bool held = at < m->count[side] && levels[at].price == level.price;
    size_t behind = m->count[side] - at;
    if (held && level.quantity == 0) {
        memmove(levels + at, levels + at + 1, (behind - 1) * sizeof level);
        m->count[side]--;
    } else if (held) {
        levels[at] = level;
    } else if (level.quantity) {
        memmove(levels + at + 1, levels + at, behind * sizeof level);
        levels[at] = level;
        m->count[side]++;
    }
}

static void cut(model *m) {
    for (int side = 0; side < 2; side++)
        if (m->depth && m->count[side] > m->depth)
            m->count[side] = m->depth;
}

static void replace(model *m, int side, const frs_level *levels, size_t count) {
    m->count[side] = 0;
    m->edge[side] = 0;
    for (size_t i = 0; i < count; i++) {
        if (levels[i].quantity)
            set(m, side, levels[i]);
        if (m->limit && count >= m->limit && (m->edge[side] == 0 || better(side, m->edge[side], levels[i].price)))
            m->edge[side] = levels[i].price;
    }
}

void model_snapshot(model *m, const frs_level *bids, size_t bid_count, const frs_level *asks, size_t ask_count) {
    replace(m, FRS_BID, bids, bid_count);
    replace(m, FRS_ASK, asks, ask_count);
    cut(m);
}

void model_delta(model *m, const frs_level *bids, size_t bid_count, const frs_level *asks, size_t ask_count) {
    for (size_t i = 0; i < bid_count; i++)
        set(m, FRS_BID, bids[i]);
    for (size_t i = 0; i < ask_count; i++)
        set(m, FRS_ASK, asks[i]);
    cut(m);
}

void model_multiply(model *m, int64_t price_by, int64_t quantity_by) {
    for (int side = 0; side < 2; side++) {
        m->edge[side] *= price_by;
        for (size_t i = 0; i < m->count[side]; i++) {
            m->levels[side][i].price *= price_by;
            m->levels[side][i].quantity *= quantity_by;
        }
    }
}

size_t model_known(const model *m, int side) {
    size_t known = 0;
    while (known < m->count[side] && (m->edge[side] == 0 || !better(side, m->edge[side], m->levels[side][known].price)))
        known++;
    return known;
}

static bool model_whole(const model *m, int side) {
    return m->edge[side] == 0 && (m->depth == 0 || m->count[side] < m->depth);
}

static bool same(const frs_level *a, const frs_level *b, size_t count) {
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static const char *side_differs(const model *m, const frs_book *book, int side, size_t room, frs_level *out) {
    size_t known = model_known(m, side);
    if (frs_book_total(book, side) != m->count[side])
        return "total";
    if (frs_book_whole(book, side) != model_whole(m, side))
        return "whether it is whole";
    if (frs_book_read(book, side, FRS_ALL, out, MODEL_ROOM) != (int)m->count[side])
        return "the number of all levels";
    if (!same(out, m->levels[side], m->count[side]))
        return "all levels";
    if (frs_book_read(book, side, 0, out, MODEL_ROOM) != (int)known || !same(out, m->levels[side], known))
        return "the known levels";
    size_t some = least(known, room);
    if (frs_book_read(book, side, 0, out, room) != (int)some || !same(out, m->levels[side], some))
        return "some levels";
    return NULL;
}

const char *model_differs(const model *m, const frs_book *book, size_t room, frs_level *out) {
    int64_t low, high;
    frs_book_window(book, &low, &high);
    if (low != m->edge[FRS_BID] || high != (m->edge[FRS_ASK] ? m->edge[FRS_ASK] : INT64_MAX))
        return "the window";
    const char *differs = side_differs(m, book, FRS_BID, room, out);
    return differs ? differs : side_differs(m, book, FRS_ASK, room, out);
}

const char *model_differs_from_view(const model *m, const frs_view *view, const frs_level *bids, const frs_level *asks,
                                    uint32_t depth) {
    for (int side = 0; side < 2; side++) {
        size_t shown = least(model_known(m, side), depth);
        if (view->total[side] != m->count[side])
            return "the published total";
        if (view->count[side] != shown)
            return "the published count";
        if ((view->whole >> side & 1) != model_whole(m, side))
            return "whether it is whole";
        if (!same(side == FRS_BID ? bids : asks, m->levels[side], shown))
            return "the published levels";
    }
    return NULL;
}

size_t model_text(char *out, const frs_level *levels, size_t count, int price_scale, int quantity_scale) {
    char *p = out;
    *p++ = '[';
    for (size_t i = 0; i < count; i++) {
        p += sprintf(p, "%s[\"", i ? "," : "");
        p += frs_decimal_format(levels[i].price, price_scale, p, FRS_DECIMAL_TEXT);
        p += sprintf(p, "\",\"");
        p += frs_decimal_format(levels[i].quantity, quantity_scale, p, FRS_DECIMAL_TEXT);
        p += sprintf(p, "\"]");
    }
    *p++ = ']';
    return (size_t)(p - out);
}
