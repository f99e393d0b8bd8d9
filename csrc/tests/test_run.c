/* A run reads each frame before the one before it is in its book, and nobody can tell: what comes of it is the same as
 * frame by frame, for several books, trades in between, and frames that somebody else sees to. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "internal.h"
#include "lanes.h"

enum { BOOKS = 3, FRAMES = 24, TEXT = 2000, ROUNDS = 400, SHOWN = 5, DEEP = 400, TAPED = 100 };

static const char *const symbols[BOOKS] = {"BTC", "ETH", "SOLUSDT"};

typedef struct {
    const lane_kind *kind;
    frs_arena *arena;
    frs_ring *ring;
    frs_scratch *scratch;
    frs_spelling *spelling;
    frs_lane *lane;
    frs_book *books[BOOKS];
    frs_tape *tapes[BOOKS];
    uint32_t capacity[BOOKS];
} desk;

/* A frame, what taking it alone came to, and what somebody does then who does not leave it at that. */
typedef struct {
    char text[TEXT];
    size_t size;
    int which, answer;
    int64_t number, after; /* of the connection, 0: none; of the book */
    bool is_update, grows;
} plan;

static size_t length(const char *text) {
    return text ? strlen(text) : 0;
}

static void fill(desk *d, int which, int64_t last) {
    const char *const *snapshot = d->kind->snapshot;
    frs_book *book = d->books[which];
    CHECK(frs_book_apply(book, FRS_SNAPSHOT, d->spelling, snapshot[0], length(snapshot[0]), snapshot[1],
                         length(snapshot[1]), (uint64_t)last, 1) >= 0);
    CHECK(frs_book_mark(book, FRS_LIVE, 0, FRS_BY_SEQUENCE, 1) >= 0);
    CHECK(frs_lane_open(d->lane, which, book, last) == 0);
}

static void begin(desk *d, const lane_kind *kind) {
    static const char numbered[] = "{\"n\":<number>,\"t\":\"<symbol>\",\"p\":<price>,\"q\":<quantity>}";
    static const char plain[] = "{\"t\":\"<symbol>\",\"p\":<price>,\"q\":<quantity>,\"T\":<time>}";
    const char *trade = kind->continuity == FRS_CONNECTION ? numbered : plain;
    *d = (desk){.kind = kind, .arena = frs_arena_new(BOOKS, SHOWN), .ring = frs_ring_new(64)};
    d->scratch = frs_scratch_new(12);
    if (kind->kind)
        d->spelling = frs_spelling_new(kind->kind, kind->spelling, strlen(kind->spelling));
    d->lane = frs_lane_new(d->spelling, kind->continuity, 1000000, kind->form, 10, BOOKS);
    CHECK(frs_lane_template(d->lane, kind->template, strlen(kind->template)) == 0);
    CHECK(frs_lane_template(d->lane, trade, strlen(trade)) == 0);
    frs_ring_begin(d->ring);
    frs_lane_count(d->lane, 3);
    for (int i = 0; i < BOOKS; i++) {
        d->capacity[i] = 30;
        d->books[i] = frs_book_new(30, 2, 3, i == 2 ? 10 : 0);
        d->tapes[i] = i == 1 ? frs_tape_new(3, 40) : frs_tape_new(TAPED, 8000);
        CHECK(frs_book_attach(d->books[i], d->scratch, d->ring, d->arena, (uint32_t)i, symbols[i],
                              strlen(symbols[i])) == 0);
        CHECK(frs_lane_add(d->lane, symbols[i], strlen(symbols[i]), 2, 3) == i);
        CHECK(frs_lane_keep(d->lane, i, d->tapes[i]) == 0);
        fill(d, i, 7);
    }
}

static void end(desk *d) {
    for (int i = 0; i < BOOKS; i++) {
        frs_book_free(d->books[i]);
        frs_tape_free(d->tapes[i]);
    }
    frs_lane_free(d->lane);
    frs_spelling_free(d->spelling);
    frs_scratch_free(d->scratch);
    frs_ring_free(d->ring);
    frs_arena_free(d->arena);
}

/* What is done to a frame that was not simply well: it is counted, and its book has a new snapshot, perhaps as another
 * and larger book. */
static void see_to(desk *d, const plan *frame) {
    if (frame->number && frame->answer == FRS_E_LEFT)
        frs_lane_count(d->lane, frame->number);
    if (!frame->is_update)
        return;
    frs_lane_close(d->lane, frame->which);
    if (frame->grows) {
        frs_book *old = d->books[frame->which];
        d->capacity[frame->which] += 10;
        d->books[frame->which] = frs_book_new(d->capacity[frame->which], 2, 3, frame->which == 2 ? 10 : 0);
        CHECK(frs_book_copy(d->books[frame->which], old) == 0);
        frs_book_free(old);
    }
    fill(d, frame->which, frame->after);
}

static void put(char *out, const char *form, ...) {
    va_list values;
    va_start(values, form);
    size_t used = strlen(out);
    vsnprintf(out + used, TEXT - used, form, values);
    va_end(values);
}

static void put_level(char *out, int kind, int which, uint64_t *state) {
    static const char *const forms[] = {[FRS_OBJECTS] = "{\"price\":%s,\"qty\":%s}"};
    unsigned price =
        which == FRS_BID ? 9000 + (unsigned)random_below(state, 1085) : 10060 + (unsigned)random_below(state, 1050);
    char text[40], quantity[40];
    if (random_below(state, 30) == 0)
        price = which == FRS_BID ? 1 + (unsigned)random_below(state, 300) : 900000 + (unsigned)random_below(state, 300);
    snprintf(text, sizeof text, "%u.%02u%s", price / 100, price % 100, random_below(state, 200) ? "" : "5");
    snprintf(quantity, sizeof quantity, "%u.%03u", (unsigned)random_below(state, 3), 0u);
    if (kind == FRS_SIDED)
        put(out, "{\"side\":\"%s\",\"price\":\"%s\",\"qty\":\"%s\"}", which == FRS_BID ? "bid" : "offer", text,
            quantity);
    else if (kind == FRS_OBJECTS)
        put(out, forms[FRS_OBJECTS], text, quantity);
    else
        put(out, "[\"%s\",\"%s\"]", text, quantity);
}

static void put_side(char *out, int kind, int which, uint64_t *state) {
    uint64_t count = random_below(state, 8);
    for (uint64_t i = 0; i < count; i++) {
        if (i || (*out && out[strlen(out) - 1] != '['))
            put(out, ",");
        put_level(out, kind, which, state);
    }
}

/* The checksum of the book after these levels, found by a book that nobody else uses. */
static uint32_t sum_after(const desk *d, frs_book *shadow, const char *bids, const char *asks) {
    uint32_t sum = 0;
    if (frs_book_apply(shadow, FRS_QUIET, d->spelling, bids, strlen(bids), asks, strlen(asks), 1, 1) >= 0)
        frs_book_checksum(shadow, d->kind->form, 10, 2, 3, &sum);
    return sum;
}

static void spell_update(const desk *d, frs_book *shadow, plan *frame, int64_t before, uint64_t *state) {
    char bids[TEXT] = "[", asks[TEXT] = "[", *out = frame->text;
    const char *name = symbols[frame->which];
    int kind = d->kind->kind;
    put_side(bids, kind, FRS_BID, state);
    put_side(kind == FRS_SIDED ? bids : asks, kind, FRS_ASK, state);
    put(bids, "]");
    put(asks, "]");
    int64_t first = before + 1, wrong = random_below(state, 25) == 0;
    frame->after = first;
    switch (d->kind->continuity) {
    case FRS_CHAINED:
        frame->after += (int64_t)random_below(state, 3);
        put(out, "{\"e\":\"depth\",\"E\":%d,\"s\":\"%s\",\"U\":%lld,\"u\":%lld,\"b\":%s,\"a\":%s}",
            (int)random_below(state, 999), name, (long long)(first + wrong), (long long)(frame->after + wrong), bids,
            asks);
        break;
    case FRS_LINKED:
        put(out, "{\"T\":1,\"s\":\"%s\",\"u\":%lld,\"pu\":%lld,\"a\":%s,\"b\":%s}", name, (long long)first,
            (long long)(before + wrong), asks, bids);
        break;
    case FRS_COUNTED:
        put(out, "{\"topic\":\"book.%s\",\"ts\":1,\"data\":{\"s\":\"%s\",\"b\":%s,\"a\":%s,\"u\":\"%lld\"},\"cts\":%d}",
            name, name, bids, asks, (long long)(first + wrong), (int)random_below(state, 999));
        break;
    case FRS_CONNECTION:
        frame->number += wrong;
        frame->after = frame->number;
        put(out,
            "{\"timestamp\":\"2023-11-14T22:13:%02dZ\",\"sequence_num\":%lld,\"events\":[{\"product_id\":\"%s\",\"up"
            "dates\":%s}]}",
            (int)random_below(state, 60), (long long)frame->number, name, bids);
        break;
    default:
        put(out, "{\"symbol\":\"%s\",\"bids\":%s,\"asks\":%s,\"checksum\":%lld,\"timestamp\":\"2023-11-14T22:13:20Z\"}",
            name, bids, asks, (long long)sum_after(d, shadow, bids, asks) + wrong);
    }
}

static void spell_trade(const desk *d, plan *frame, uint64_t *state) {
    static const char *const prices[] = {"1", "2.5", "-1"};
    const char *price = prices[random_below(state, 20) ? random_below(state, 2) : 2];
    if (d->kind->continuity == FRS_CONNECTION)
        put(frame->text, "{\"n\":%lld,", (long long)frame->number);
    put(frame->text, "%s\"t\":\"%s\",\"p\":%s,\"q\":%d", *frame->text ? "" : "{",
        random_below(state, 20) ? symbols[frame->which] : "DOGE", price, (int)random_below(state, 100));
    put(frame->text, d->kind->continuity == FRS_CONNECTION ? "}" : ",\"T\":%d}", (int)random_below(state, 999));
}

/* Makes frames, each of which fits to what taking those before has come to. */
static void plan_frames(desk *d, frs_book *shadows[BOOKS], int64_t last[BOOKS], int64_t *number, plan *plans,
                        uint64_t *state) {
    for (int i = 0; i < FRAMES; i++) {
        plan *frame = &plans[i];
        *frame = (plan){.which = (int)random_below(state, BOOKS), .grows = random_below(state, 2)};
        frame->is_update = random_below(state, 4) != 0;
        if (d->kind->continuity == FRS_CONNECTION)
            frame->number = *number + 1;
        if (frame->is_update)
            spell_update(d, shadows[frame->which], frame, last[frame->which], state);
        else
            spell_trade(d, frame, state);
        frame->size = strlen(frame->text) - (random_below(state, 60) == 0);
        frame->answer = frs_lane_take(d->lane, frame->text, frame->size, 5);
        *number = frame->number;
        if (frame->is_update)
            last[frame->which] = frame->after;
        if (frame->answer)
            see_to(d, frame);
        if (frame->answer && frame->is_update && d->kind->form)
            CHECK(frs_book_apply(shadows[frame->which], FRS_SNAPSHOT | FRS_QUIET, d->spelling, d->kind->snapshot[0],
                                 length(d->kind->snapshot[0]), d->kind->snapshot[1], length(d->kind->snapshot[1]), 1,
                                 1) >= 0);
    }
}

static void run_frames(desk *d, const plan *plans) {
    static uint8_t buf[FRAMES * TEXT];
    uint32_t words[FRAMES * FRS_FRAME_WORDS] = {0}, size = 0;
    for (int i = 0; i < FRAMES; i++) {
        memcpy(buf + size, plans[i].text, plans[i].size);
        words[FRS_FRAME_WORDS * i + 2] = size;
        words[FRS_FRAME_WORDS * i + 3] = (uint32_t)plans[i].size;
        size += (uint32_t)plans[i].size;
    }
    for (size_t at = 0, expected = 0;; expected++) {
        int answer = frs_lane_run(d->lane, buf, words, FRAMES, 5, &at);
        while (expected < FRAMES && plans[expected].answer == 0)
            expected++;
        if (expected == FRAMES) {
            CHECK(answer == 0 && at == FRAMES);
            return;
        }
        CHECK(answer == plans[expected].answer && at == expected + (answer > 0));
        see_to(d, &plans[expected]);
        at = expected + 1;
    }
}

static bool same_book(const desk *a, const desk *b, int which) {
    frs_view views[2], slots[2];
    frs_level levels[2][2][DEEP], shown[2][2][SHOWN];
    const desk *const both[] = {a, b};
    memset(shown, 0, sizeof shown);
    for (int i = 0; i < 2; i++) {
        frs_book *book = both[i]->books[which];
        frs_book_view(book, &views[i]);
        memset(&slots[i], 0, sizeof slots[i]);
        CHECK(frs_view_read(both[i]->arena, (uint32_t)which, &slots[i], shown[i][0], shown[i][1], SHOWN) == 0);
        for (int side = 0; side < 2; side++) {
            const frs_side *held = &book->sides[side];
            const frs_level *out = frs_rows_best(&held->rows);
            CHECK(!out || out->price < held->ladder.low);
            memset(levels[i][side], 0, sizeof levels[i][side]);
            CHECK(frs_book_read(book, side, FRS_ALL, levels[i][side], DEEP) == (int)frs_book_total(book, side));
        }
        views[i].recv_ns = views[i].publish_ns = views[i].change_ns = 0;
        slots[i].recv_ns = slots[i].publish_ns = slots[i].change_ns = 0;
    }
    return memcmp(&views[0], &views[1], sizeof views[0]) == 0 && memcmp(&slots[0], &slots[1], sizeof slots[0]) == 0 &&
           memcmp(levels[0], levels[1], sizeof levels[0]) == 0 && memcmp(shown[0], shown[1], sizeof shown[0]) == 0;
}

static bool same_tape(const frs_tape *a, const frs_tape *b) {
    const frs_tape *const both[] = {a, b};
    frs_strip strips[2][TAPED];
    int64_t counts[2];
    for (int i = 0; i < 2; i++)
        counts[i] = frs_tape_read(both[i], frs_tape_start(both[i]), strips[i], TAPED);
    bool same = frs_tape_end(a) == frs_tape_end(b) && counts[0] == counts[1];
    for (int64_t i = 0; same && i < counts[0]; i++) {
        const frs_strip *of_a = &strips[0][i], *of_b = &strips[1][i];
        same = of_a->size == of_b->size && of_a->recv_ns == of_b->recv_ns &&
               memcmp(frs_tape_bytes(a) + of_a->at, frs_tape_bytes(b) + of_b->at, of_a->size) == 0;
    }
    return same;
}

static void a_run_of_any_frames_is_taking_each(void) {
    for (int kind = 0; kind < LANE_KINDS; kind++) {
        desk runs, takes;
        static plan plans[FRAMES];
        uint64_t state = (uint64_t)kind + 1, well = 0, left = 0, found = 0;
        int64_t last[BOOKS] = {7, 7, 7}, number = 3;
        begin(&runs, &lane_kinds[kind]);
        begin(&takes, &lane_kinds[kind]);
        frs_book *shadows[BOOKS];
        for (int i = 0; i < BOOKS; i++) {
            shadows[i] = frs_book_new(1000, 2, 3, i == 2 ? 10 : 0);
            CHECK(frs_book_attach(shadows[i], takes.scratch, NULL, NULL, 0, "x", 1) == 0);
            CHECK(frs_book_apply(shadows[i], FRS_SNAPSHOT, takes.spelling, takes.kind->snapshot[0],
                                 length(takes.kind->snapshot[0]), takes.kind->snapshot[1],
                                 length(takes.kind->snapshot[1]), 1, 1) >= 0);
        }
        for (int round = 0; round < ROUNDS; round++) {
            plan_frames(&takes, shadows, last, &number, plans, &state);
            run_frames(&runs, plans);
            for (int i = 0; i < BOOKS; i++)
                CHECK(same_book(&runs, &takes, i) && same_tape(runs.tapes[i], takes.tapes[i]));
            CHECK(*frs_lane_time(runs.lane) == *frs_lane_time(takes.lane));
            CHECK(frs_ring_count(runs.ring) == frs_ring_count(takes.ring));
            for (int i = 0; i < FRAMES; i++) {
                well += plans[i].answer == 0;
                left += plans[i].answer == FRS_E_LEFT;
                found += plans[i].answer > 0;
            }
        }
        CHECK(well > left && left > 300 && found > 50);
        for (int i = 0; i < BOOKS; i++) {
            CHECK(frs_lane_close(runs.lane, i) == frs_lane_close(takes.lane, i));
            frs_book_free(shadows[i]);
        }
        end(&runs);
        end(&takes);
    }
}

void test_run(void) {
    TEST(a_run_of_any_frames_is_taking_each);
}
