/* Book updates straight out of their frames: matched against a template, checked, applied and published in one call;
 * and trades, which are only matched and kept as they came, because hardly any is ever looked at.
 *
 * A frame is read once, from its start to its end: texts are compared, values are read where they stand, and levels go
 * from the frame into the scratch of the book that the symbol names, without a copy in between. Nothing changes before
 * the last byte has been looked at; so whatever is not exactly as the example shows can be left to another reader, who
 * finds all as it was. What is left is no error: it is what the lane does not know.
 *
 * A run reads each frame before the one before it is in its book: while that one is entered, the memory is on its way
 * that this one needs of a book which is in no fast cache, as with many symbols each is. Whatever the one before does
 * but succeed, what has been read is forgotten, and read again: so nobody can tell.
 *
 * A book that may be wrong is closed here and by nobody else, and what would show that it is wrong (a crossed book, a
 * checksum) waits to be published by the one who decides what it is worth. Rejected: the undo of a change that a
 * checksum disproves (a copy of what is changed, on each frame, for what hardly ever happens), and a snapshot's
 * template (it begins a new epoch, and that is for the reader who keeps the epochs).
 */
#include <string.h>

#include "internal.h"

enum { COLD = 8 }; /* after so many messages for others a book may be in no cache that is fast */

/* What a frame has told so far. */
typedef struct {
    frs_door *door;
    int64_t integers[FRS_INTEGERS];
    int64_t time; /* ns */
    frs_message message;
    uint32_t scanned; /* levels in the scratch */
    unsigned turn;    /* of the scratch */
} reading;

/* The first symbol chooses the door, which has to be open for such a frame; a further one has to be the same. */
static inline const char *take_symbol(frs_lane *lane, bool trade, const char *p, const char *end, reading *out) {
    const frs_door *chosen = out->door;
    if (chosen)
        return (size_t)(end - p) > chosen->size && memcmp(p, chosen->name, chosen->size) == 0 && p[chosen->size] == '"'
                   ? p + chosen->size
                   : NULL;
    const char *start = p, *most = end - p < FRS_NAME_SIZE ? end : p + FRS_NAME_SIZE;
    uint32_t hash = FRS_NAME_HASH;
    for (; p < most && *p != '"'; p++)
        hash = frs_name_hash(hash, *p);
    out->door = p < most ? frs_lane_find(lane, start, (size_t)(p - start), hash) : NULL;
    if (!out->door)
        return NULL;
    if (trade)
        return out->door->tape ? p : NULL;
    if (!out->door->book)
        return NULL;
    for (size_t at = 0; at < sizeof(frs_book); at += FRS_LINE)
        __builtin_prefetch((const char *)out->door->book + at, 1);
    return p;
}

/* A side, behind those levels of the message that are in the scratch already. */
static const char *take_levels(frs_lane *lane, const char *p, const char *end, int which, reading *out) {
    const frs_book *book = out->door->book;
    size_t room = book->scratch->room;
    frs_level *levels = frs_scratch_levels(book->scratch, out->turn);
    const frs_scan job = {.spelling = lane->spelling,
                          .price_scale = book->view.price_scale,
                          .quantity_scale = book->view.quantity_scale,
                          .out = levels + out->scanned,
                          .room = room - out->scanned,
                          .verbatim = true};
    int count = frs_list_scan(&p, end, &job);
    if (count < 0)
        return NULL;
    if (lane->spelling && lane->spelling->kind == FRS_SIDED) {
        frs_message_part(levels, room, (uint32_t)count, &out->message);
        return p;
    }
    out->message.levels[which] = job.out;
    out->message.counts[which] = (uint32_t)count;
    out->scanned += (uint32_t)count;
    return p;
}

static inline bool same(const char *p, const char *end, const char *text, size_t size) {
    return (size_t)(end - p) >= size && memcmp(p, text, size) == 0;
}

/* The first of the texts, which have | in between, that is there. */
static const char *take_choice(const char *texts, size_t size, const char *p, const char *end) {
    for (const char *behind = texts + size;;) {
        const char *bar = memchr(texts, '|', (size_t)(behind - texts)), *stop = bar ? bar : behind;
        if (same(p, end, texts, (size_t)(stop - texts)))
            return p + (stop - texts);
        if (!bar)
            return NULL;
        texts = bar + 1;
    }
}

/* A price or quantity of a trade: a number that is not negative. */
static const char *take_decimal(const char *p, const char *end) {
    frs_number ignored;
    return *p == '-' ? NULL : frs_number_scan(p, end, &ignored);
}

/* What a trade is known by: within quotes any plain text, else an integer. */
static const char *take_id(const char *p, const char *end) {
    int64_t ignored;
    if (p[-1] != '"')
        return frs_json_count(p, end, &ignored);
    p = frs_json_plain(p - 1, end);
    return p ? p - 1 : NULL;
}

static const char *take_value(frs_lane *lane, bool trade, int name, const char *p, const char *end, reading *out) {
    switch (name) {
    case FRS_SYMBOL:
        return take_symbol(lane, trade, p, end, out);
    case FRS_TRADE_PRICE:
    case FRS_TRADE_QUANTITY:
        return take_decimal(p, end);
    case FRS_TRADE_ID:
        return take_id(p, end);
    case FRS_BIDS:
    case FRS_ASKS:
        return *p == '[' ? take_levels(lane, p, end, name - FRS_BIDS, out) : NULL;
    case FRS_MOMENT:
        return frs_moment_scan(p, end, &out->time);
    case FRS_ANY:
        return frs_json_plain(p, end);
    case FRS_CHECKSUM:
        if (lane->form == FRS_COLON && *p == '-') {
            int64_t *number = &out->integers[name];
            p = frs_json_count(p + 1, end, number);
            *number = -*number;
            return p;
        }
        /* fall through */
    default:
        return frs_json_count(p, end, &out->integers[name]);
    }
}

/* Whether all of the frame is as the template says. The scratch is all that has changed. */
static bool matches(frs_lane *lane, const frs_template *template, const char *p, const char *end, reading *out) {
    const frs_field *field = template->fields, *last = field + template->count;
    *out = (reading){.turn = out->turn};
    for (; field < last; field++) {
        if (!same(p, end, template->text + field->at, field->size) || (p += field->size) == end)
            return false;
        p = field->name == FRS_CHOICE ? take_choice(template->text + field->at + field->size, field->choices, p, end)
                                      : take_value(lane, template->trade, field->name, p, end, out);
        if (!p)
            return false;
    }
    if ((size_t)(end - p) != last->size || memcmp(p, template->text + last->at, last->size) != 0)
        return false;
    return !(template->names & 1u << FRS_TIME) ||
           !__builtin_mul_overflow(out->integers[FRS_TIME], lane->unit_ns, &out->time);
}

static bool is_next(const frs_lane *lane, const reading *told) {
    return lane->number < INT64_MAX && told->integers[FRS_NUMBER] == lane->number + 1;
}

/* The book's number after an update that follows, or a negative number. */
static int64_t number_after(frs_lane *lane, unsigned names, const reading *told) {
    const int64_t *integers = told->integers, before = told->door->last, last = integers[FRS_LAST];
    switch (lane->continuity) {
    case FRS_CHAINED:
        return before < integers[FRS_FIRST] && integers[FRS_FIRST] - 1 == before && integers[FRS_FIRST] <= last ? last
                                                                                                                : -1;
    case FRS_LINKED:
        return integers[FRS_PREV] == before && before <= last ? last : -1;
    case FRS_COUNTED:
        return before < last && last - 1 == before ? last : -1;
    case FRS_CONNECTION:
        if (!is_next(lane, told))
            return -1;
        return names & 1u << FRS_LAST ? last : integers[FRS_NUMBER];
    default:
        return before < INT64_MAX ? before + 1 : -1;
    }
}

/* FRS_UNPROVEN unless the checksum is the book's. */
static int prove(const frs_lane *lane, frs_door *to, int64_t told) {
    uint32_t ours;
    if (!lane->form)
        return 0;
    int error = frs_digest_sum(&to->digest, to->book, lane->form, to->decimals, &ours);
    return error || ours != (uint32_t)told ? FRS_UNPROVEN : 0;
}

/* Has fetched what the message needs of its book, unless that has just been used: then it would only cost. */
static void expect(const frs_lane *lane, const reading *told) {
    if (lane->taken - told->door->taken >= COLD)
        frs_book_expect(told->door->book, &told->message);
}

/* Takes what has been read into its book; FRS_E_LEFT if it does not follow, or has no room. */
static int enter(frs_lane *lane, unsigned names, const reading *told) {
    frs_door *to = told->door;
    frs_book *book = to->book;
    int64_t number = number_after(lane, names, told), checksum = told->integers[FRS_CHECKSUM];
    if (number < 0 || book->view.state != FRS_LIVE || (lane->form && (checksum < INT32_MIN || checksum > UINT32_MAX)))
        return FRS_E_LEFT;
    int found = frs_book_change(book, &told->message, false, (uint64_t)number, told->time);
    if (found < 0)
        return FRS_E_LEFT;
    to->last = number;
    to->taken = ++lane->taken;
    lane->time = told->time;
    if (lane->continuity == FRS_CONNECTION)
        lane->number = told->integers[FRS_NUMBER];
    found |= prove(lane, to, checksum);
    if (!found)
        found = frs_book_show(book, true) & FRS_NARROW;
    if (!found)
        return 0;
    to->book = NULL;
    return (int)(to - lane->doors) << FRS_LANE_SHIFT | found;
}

/* Keeps a trade that has been read; FRS_E_LEFT if its frame does not follow, or has no room. */
static int keep(frs_lane *lane, const reading *told, const char *frame, size_t size, int64_t recv_ns) {
    bool numbered = lane->continuity == FRS_CONNECTION;
    if ((numbered && !is_next(lane, told)) || frs_tape_add(told->door->tape, frame, size, recv_ns))
        return FRS_E_LEFT;
    lane->time = told->time;
    if (numbered)
        lane->number = told->integers[FRS_NUMBER];
    return 0;
}

/* The template that all of a frame is as, or NULL. */
static const frs_template *match(frs_lane *lane, const char *frame, size_t size, reading *out) {
    for (uint32_t i = 0; i < lane->templates; i++)
        if (matches(lane, &lane->template[i], frame, frame + size, out))
            return &lane->template[i];
    return NULL;
}

static int admit(frs_lane *lane, const frs_template *as, const reading *told, const char *frame, size_t size,
                 int64_t recv_ns) {
    return as->trade ? keep(lane, told, frame, size, recv_ns) : enter(lane, as->names, told);
}

int frs_lane_take(frs_lane *lane, const char *frame, size_t size, int64_t recv_ns) {
    reading told = {.turn = 0};
    const frs_template *found = match(lane, frame, size, &told);
    return found ? admit(lane, found, &told, frame, size, recv_ns) : FRS_E_LEFT;
}

int frs_lane_run(frs_lane *lane, const uint8_t *buf, const uint32_t *found, size_t frames, int64_t recv_ns,
                 size_t *at) {
    reading told[FRS_TURNS] = {{.turn = 0}, {.turn = 1}};
    const frs_template *waiting = NULL; /* what the frame before is as, which has been read in the other turn */
    const uint32_t *before = NULL;      /* that frame */
    for (unsigned turn = 0;; turn = !turn, ++*at) {
        const uint32_t *frame = found + *at * FRS_FRAME_WORDS;
        const frs_template *next =
            *at < frames ? match(lane, (const char *)buf + frame[2], frame[3], &told[turn]) : NULL;
        if (next && !next->trade)
            expect(lane, &told[turn]);
        int answer =
            waiting ? admit(lane, waiting, &told[!turn], (const char *)buf + before[2], before[3], recv_ns) : 0;
        *at -= answer < 0;
        if (answer)
            return answer;
        if (!next)
            return *at < frames ? FRS_E_LEFT : 0;
        waiting = next;
        before = frame;
    }
}
