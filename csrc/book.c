/* The book: both sides, what of them is known and published, and the one call that takes a message in.
 *
 * A message is scanned as a whole into the scratch and its room is checked before anything changes: that makes it all
 * or nothing without an undo. What is published is decided by one price a side, `watch`: a change at it or better is
 * visible, any other leaves the slot's levels alone. The ladders lie in malloc's memory, which may be in large pages,
 * as each message goes to many places of them; the rows have room for more than they mostly need. Rejected: comparing
 * the published levels after each message (it costs as much as publishing them), and publishing always.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { CAPACITY_MOST = 1 << 20 };

static bool good_scale(int scale) {
    return scale >= 0 && scale <= FRS_MAX_SCALE;
}

frs_book *frs_book_new(uint32_t capacity, int price_scale, int quantity_scale, uint32_t depth) {
    if (capacity < 1 || capacity > CAPACITY_MOST || !good_scale(price_scale) || !good_scale(quantity_scale) ||
        depth > FRS_SHOWN_MOST)
        return NULL;
    size_t ladder_bytes = frs_ladder_bytes(capacity), rows_bytes = frs_rows_bytes(capacity);
    frs_book *book = calloc(1, sizeof(frs_book) + 2 * ladder_bytes);
    char *rows = frs_pages_new(2 * rows_bytes);
    if (!book || !rows) {
        free(book);
        frs_pages_free(rows, 2 * rows_bytes);
        return NULL;
    }
    book->rows = rows;
    book->capacity = capacity;
    book->depth = depth;
    book->shown = FRS_SHOWN;
    book->view.price_scale = (uint8_t)price_scale;
    book->view.quantity_scale = (uint8_t)quantity_scale;
    for (int which = 0; which < 2; which++) {
        frs_side_init(&book->sides[which], capacity, (char *)book->ladders + (size_t)which * ladder_bytes,
                      rows + (size_t)which * rows_bytes);
        book->floor[which] = book->watch[which] = INT64_MIN;
    }
    return book;
}

void frs_book_free(frs_book *book) {
    if (book)
        frs_pages_free(book->rows, 2 * frs_rows_bytes(book->capacity));
    free(book);
}

int frs_book_attach(frs_book *book, frs_scratch *scratch, frs_ring *ring, frs_arena *arena, uint32_t slot,
                    const char *name, size_t name_size) {
    if (!scratch || name_size >= FRS_NAME_SIZE || (name_size && memchr(name, 0, name_size)))
        return FRS_E_ARGUMENT;
    if (arena && (!frs_arena_writable(arena) || slot >= frs_arena_slots(arena)))
        return FRS_E_ARGUMENT;
    book->scratch = scratch;
    book->ring = ring;
    book->arena = arena;
    book->slot = slot;
    book->shown = arena ? frs_arena_depth(arena) : FRS_SHOWN;
    memset(book->view.name, 0, sizeof book->view.name);
    if (name_size)
        memcpy(book->view.name, name, name_size);
    book->touched[FRS_BID] = book->touched[FRS_ASK] = true;
    if (arena)
        frs_book_show(book, false);
    return 0;
}

static uint32_t shown_most(const frs_book *book) {
    return book->depth && book->depth < book->shown ? book->depth : book->shown;
}

static void read_side(frs_book *book, int which, frs_level *levels) {
    uint32_t most = shown_most(book);
    uint32_t count = frs_side_read(&book->sides[which], which, book->floor[which], INT64_MAX, levels, most);
    book->watch[which] = count == most ? frs_signed(which, levels[count - 1].price) : book->floor[which];
    book->view.count[which] = count;
}

static int crossed(const frs_book *book) {
    const frs_side *bids = &book->sides[FRS_BID], *asks = &book->sides[FRS_ASK];
    return frs_side_total(bids) && frs_side_total(asks) && frs_side_best(bids) >= -frs_side_best(asks) ? FRS_CROSSED
                                                                                                       : 0;
}

static void stamp(frs_book *book, bool measure) {
    if (!measure || !book->ring) {
        book->view.publish_ns = frs_clock_wall();
        return;
    }
    /* One reading of the clock is both the time of publication and the sample's end. */
    int64_t ns = frs_clock_steady() - frs_ring_steady(book->ring);
    book->view.publish_ns = frs_ring_wall(book->ring) + ns;
    frs_ring_add(book->ring, ns);
}

/* The levels are read before the slot is locked: while it is, its readers wait. */
int frs_book_show(frs_book *book, bool measure) {
    frs_level levels[2][FRS_SHOWN_MOST];
    uint32_t counts[2] = {0, 0}; /* of those to write */
    int bits = crossed(book);
    unsigned whole = 0;
    for (int which = 0; which < 2; which++) {
        if (book->touched[which]) {
            read_side(book, which, levels[which]);
            counts[which] = book->view.count[which];
            bits |= FRS_TOP;
        }
        if (book->floor[which] != INT64_MIN && book->view.count[which] < shown_most(book))
            bits |= FRS_NARROW;
        book->view.total[which] = frs_side_total(&book->sides[which]);
        whole |= (unsigned)frs_book_whole(book, which) << which;
        book->touched[which] = false;
    }
    book->view.whole = (uint8_t)whole;
    book->pending = false;
    if (book->arena) {
        frs_slot_begin(book->arena, book->slot);
        for (int which = 0; which < 2; which++)
            frs_slot_side(book->arena, book->slot, which, levels[which], counts[which]);
    }
    stamp(book, measure);
    if (book->arena)
        frs_slot_end(book->arena, book->slot, &book->view);
    if (book->journal)
        frs_journal_settle(book->journal, &book->view);
    return bits;
}

int frs_book_publish(frs_book *book) {
    return frs_book_show(book, true);
}

int frs_book_mark(frs_book *book, int state, int reason, int verified, uint64_t epoch) {
    if (state < FRS_EMPTY || state > FRS_DISABLED || reason < 0 || reason > UINT8_MAX || verified < 0 ||
        verified > (FRS_BY_SEQUENCE | FRS_BY_CHECKSUM))
        return FRS_E_ARGUMENT;
    const frs_view before = book->view;
    if (state != book->view.state || reason != book->view.reason)
        book->view.change_ns = frs_clock_wall();
    book->view.state = (uint8_t)state;
    book->view.reason = (uint8_t)reason;
    book->view.verified = (uint8_t)verified;
    book->view.epoch = epoch;
    if (book->journal)
        frs_journal_mark(book->journal, &book->view, &before);
    return frs_book_show(book, false);
}

int frs_book_limit(frs_book *book, uint32_t levels) {
    book->limit = levels;
    return 0;
}

int frs_book_reach(frs_book *book, uint32_t levels) {
    book->reach = levels;
    return 0;
}

static int64_t snapshot_floor(const frs_book *book, int which, const frs_level *levels, uint32_t count) {
    int64_t floor = INT64_MAX;
    if (book->limit == 0 || count < book->limit)
        return INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        int64_t price = frs_signed(which, levels[i].price);
        floor = price < floor ? price : floor;
    }
    return floor;
}

/* Most messages are far from filling a book, so the exact count is rarely made. */
static bool has_room(const frs_book *book, int which, const frs_level *levels, uint32_t count, bool snapshot) {
    const frs_side *side = &book->sides[which];
    if (snapshot)
        return count <= book->capacity;
    uint32_t free = book->capacity - frs_side_total(side);
    return count <= free || frs_side_missing(side, which, levels, count) <= free;
}

static void change(frs_book *book, int which, const frs_level *levels, uint32_t count, bool snapshot) {
    frs_side *side = &book->sides[which];
    if (snapshot) {
        frs_side_replace(side, which, levels, count);
        book->floor[which] = snapshot_floor(book, which, levels, count);
        book->touched[which] = true;
    } else {
        book->touched[which] |= frs_side_update(side, which, levels, count, book->watch[which]);
    }
    if (book->depth)
        frs_side_cut(side, book->depth);
}

void frs_book_expect(const frs_book *book, const frs_message *message) {
    for (int which = 0; which < 2; which++)
        frs_side_expect(&book->sides[which], which, message->levels[which], message->counts[which], book->watch[which]);
    if (book->arena)
        frs_slot_expect(book->arena, book->slot);
}

int frs_book_change(frs_book *book, const frs_message *message, bool snapshot, uint64_t seq, int64_t exchange_ns) {
    for (int which = 0; which < 2; which++)
        if (!has_room(book, which, message->levels[which], message->counts[which], snapshot))
            return FRS_E_FULL;
    for (int which = 0; which < 2; which++)
        change(book, which, message->levels[which], message->counts[which], snapshot);
    frs_view *view = &book->view;
    uint64_t prev_seq = view->seq;
    view->seq = seq;
    view->exchange_ns = exchange_ns;
    view->recv_ns = book->ring ? frs_ring_wall(book->ring) : frs_clock_wall();
    book->pending = true;
    if (book->journal && snapshot)
        frs_journal_reset(book->journal, view);
    else if (book->journal)
        frs_journal_change(book->journal, book, message, prev_seq);
    return crossed(book);
}

int frs_book_apply(frs_book *book, uint32_t flags, const frs_spelling *spelling, const char *bids, size_t bids_size,
                   const char *asks, size_t asks_size, uint64_t seq, int64_t exchange_ns) {
    if (!book->scratch || (flags & ~(uint32_t)(FRS_SNAPSHOT | FRS_QUIET)))
        return FRS_E_ARGUMENT;
    frs_message message;
    int found = frs_message_scan(book, spelling, bids, bids_size, asks, asks_size, &message);
    if (!found)
        found = frs_book_change(book, &message, flags & FRS_SNAPSHOT, seq, exchange_ns);
    bool doubtful = found == FRS_CROSSED && book->view.state == FRS_LIVE;
    return found < 0 || flags & FRS_QUIET || doubtful ? found : frs_book_show(book, true);
}
