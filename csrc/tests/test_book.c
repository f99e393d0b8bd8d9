/* Single claims about the book; long random sequences are in test_book_random.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* A book with all it can be attached to. */
typedef struct {
    frs_arena *arena;
    frs_ring *ring;
    frs_scratch *scratch;
    frs_book *book;
} desk;

static desk desk_new(uint32_t capacity, uint32_t depth, uint32_t shown) {
    desk d = {frs_arena_new(2, shown), frs_ring_new(64), frs_scratch_new(1000), frs_book_new(capacity, 2, 3, depth)};
    CHECK(frs_book_attach(d.book, d.scratch, d.ring, d.arena, 1, "venue:symbol", 12) == 0);
    return d;
}

static void desk_free(desk *d) {
    frs_book_free(d->book);
    frs_scratch_free(d->scratch);
    frs_ring_free(d->ring);
    frs_arena_free(d->arena);
}

static int apply(frs_book *book, uint32_t flags, const char *bids, const char *asks) {
    static uint64_t seq;
    return frs_book_apply(book, flags, NULL, bids, strlen(bids), asks, strlen(asks), ++seq, 0);
}

static bool holds(const frs_book *book, int side, uint32_t flags, const char *expected) {
    char text[4000];
    int64_t size = frs_book_text(book, side, flags, SIZE_MAX, text, sizeof text);
    return size == (int64_t)strlen(expected) && memcmp(text, expected, (size_t)size) == 0;
}

static frs_view published(const desk *d, frs_level *bids, frs_level *asks, uint32_t depth) {
    frs_view view;
    CHECK(frs_view_read(d->arena, 1, &view, bids, asks, depth) == 0);
    return view;
}

static const char bids1[] = "[[\"100\",\"1\"],[\"99\",\"2\"],[\"98\",\"3\"]]";
static const char asks1[] = "[[\"101\",\"1\"],[\"102\",\"2\"],[\"103\",\"3\"]]";

static void a_snapshot_replaces_and_a_delta_changes(void) {
    desk d = desk_new(100, 0, 5);
    CHECK(apply(d.book, FRS_SNAPSHOT, bids1, asks1) == FRS_TOP);
    CHECK(apply(d.book, 0, "[[\"99\",\"0\"],[\"98.5\",\"7\"],[\"100\",\"0.5\"],[\"12\",\"0\"]]", "") == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, 0, "[[\"100.00\",\"0.500\"],[\"98.50\",\"7.000\"],[\"98.00\",\"3.000\"]]"));
    CHECK(holds(d.book, FRS_ASK, 0, "[[\"101.00\",\"1.000\"],[\"102.00\",\"2.000\"],[\"103.00\",\"3.000\"]]"));
    CHECK(apply(d.book, FRS_SNAPSHOT, "[[\"1\",\"1\"]]", "null") == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, 0, "[[\"1.00\",\"1.000\"]]") && holds(d.book, FRS_ASK, 0, "[]"));
    desk_free(&d);
}

/* The ticks are as far from each other as before, and none of them is where one was. */
static void levels_between_the_ticks_of_those_that_all_are_gone_are_levels_like_others(void) {
    desk d = desk_new(100, 0, 5);
    frs_level bids[5], asks[5];
    CHECK(apply(d.book, FRS_SNAPSHOT, "[[\"100.02\",\"1\"],[\"100.00\",\"1\"]]",
                "[[\"101.00\",\"1\"],[\"101.50\",\"1\"]]") == FRS_TOP);
    CHECK(apply(d.book, 0, "[[\"100.02\",\"0\"],[\"100.00\",\"0\"],[\"100.01\",\"1\"],[\"99.99\",\"2\"]]",
                "[[\"101.00\",\"0\"],[\"101.50\",\"0\"],[\"101.20\",\"1\"],[\"101.70\",\"2\"]]") == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, 0, "[[\"100.01\",\"1.000\"],[\"99.99\",\"2.000\"]]"));
    CHECK(holds(d.book, FRS_ASK, 0, "[[\"101.20\",\"1.000\"],[\"101.70\",\"2.000\"]]"));
    frs_view view = published(&d, bids, asks, 5);
    CHECK(view.count[0] == 2 && bids[0].price == 10001 && view.count[1] == 2 && asks[0].price == 10120);
    desk_free(&d);
}

static void a_repeated_price_in_a_snapshot_counts_as_told_last(void) {
    desk d = desk_new(100, 0, 5);
    apply(d.book, FRS_SNAPSHOT, "[[1,5],[2,1],[1,6],[2,0],[3,0]]", "[[9,1],[9,2],[8,3],[9,4]]");
    CHECK(holds(d.book, FRS_BID, 0, "[[\"2.00\",\"1.000\"],[\"1.00\",\"6.000\"]]"));
    CHECK(holds(d.book, FRS_ASK, 0, "[[\"8.00\",\"3.000\"],[\"9.00\",\"4.000\"]]"));
    desk_free(&d);
}

static void a_failed_message_changes_nothing(void) {
    static const char *bad[] = {"[[\"99\",\"0\"],[\"97\",\"1\"],[\"96\"]]", "[[\"99\",\"0\"],[\"97.001\",\"1\"]]",
                                "[[\"99\",\"0\"],[\"-97\",\"1\"]]",         "[[\"99\",\"0\"],[\"97\",\"-1\"]]",
                                "[[9,1],[8,1],[7,1],[6,1],[5,1],[4,1]]",    "["};
    static const int errors[] = {FRS_E_SYNTAX, FRS_E_PRECISION, FRS_E_RANGE, FRS_E_RANGE, FRS_E_FULL, FRS_E_SYNTAX};
    for (uint32_t flags = 0; flags < 4; flags++)
        for (size_t i = 0; i < 6; i++) {
            desk d = desk_new(5, 0, 5);
            frs_view before, after, slot_before, slot_after;
            frs_level bids[5], asks[5];
            apply(d.book, FRS_SNAPSHOT, bids1, asks1);
            frs_book_view(d.book, &before);
            slot_before = published(&d, bids, asks, 5);
            uint64_t samples = frs_ring_count(d.ring);
            CHECK(apply(d.book, flags, bad[i], "[[104,1],[101,0],[102,9]]") == errors[i]);
            CHECK(apply(d.book, flags, "[[97,1],[100,0],[99,9]]", bad[i]) == errors[i]);
            frs_book_view(d.book, &after);
            slot_after = published(&d, bids, asks, 5);
            CHECK(memcmp(&before, &after, sizeof before) == 0 && frs_ring_count(d.ring) == samples);
            CHECK(memcmp(&slot_before, &slot_after, sizeof before) == 0 && bids[1].price == 9900);
            CHECK(holds(d.book, FRS_BID, 0, "[[\"100.00\",\"1.000\"],[\"99.00\",\"2.000\"],[\"98.00\",\"3.000\"]]"));
            CHECK(holds(d.book, FRS_ASK, 0, "[[\"101.00\",\"1.000\"],[\"102.00\",\"2.000\"],[\"103.00\",\"3.000\"]]"));
            desk_free(&d);
        }
}

static void only_new_levels_need_room(void) {
    desk d = desk_new(3, 0, 5);
    CHECK(apply(d.book, FRS_SNAPSHOT, bids1, asks1) >= 0);
    CHECK(apply(d.book, 0, "[[100,5],[99,5],[98,5],[97,0],[96,0]]", "[[101,0]]") >= 0);
    CHECK(apply(d.book, 0, "[[97,1]]", "") == FRS_E_FULL);
    CHECK(apply(d.book, 0, "", "[[104,1]]") >= 0);
    CHECK(apply(d.book, FRS_SNAPSHOT, "[[1,1],[2,1],[3,1],[4,1]]", "") == FRS_E_FULL);
    CHECK(frs_book_total(d.book, FRS_BID) == 3 && frs_book_total(d.book, FRS_ASK) == 3);
    desk_free(&d);
}

static void a_live_book_that_is_crossed_is_published_with_what_it_is_worth(void) {
    desk d = desk_new(100, 0, 5);
    frs_level bids[5], asks[5];
    apply(d.book, FRS_SNAPSHOT, bids1, asks1);
    frs_book_mark(d.book, FRS_LIVE, 0, FRS_BY_SEQUENCE, 1);
    frs_view before = published(&d, bids, asks, 5);
    CHECK(apply(d.book, 0, "[[\"101.5\",\"1\"]]", "") == FRS_CROSSED);
    CHECK(published(&d, bids, asks, 5).seq == before.seq && bids[0].price == 10000);
    frs_book_mark(d.book, FRS_STALE, 4, 0, 1);
    frs_view view = published(&d, bids, asks, 5);
    CHECK(view.seq == before.seq + 1 && view.state == FRS_STALE && bids[0].price == 10150);
    CHECK(apply(d.book, 0, "[[\"101.6\",\"1\"]]", "") == (FRS_CROSSED | FRS_TOP));
    CHECK(published(&d, bids, asks, 5).seq == before.seq + 2);
    desk_free(&d);
}

static void a_crossed_book_is_told_but_kept(void) {
    desk d = desk_new(100, 0, 5);
    CHECK(apply(d.book, FRS_SNAPSHOT, bids1, asks1) == FRS_TOP);
    CHECK(apply(d.book, 0, "[[101,1]]", "") == (FRS_TOP | FRS_CROSSED));
    CHECK(apply(d.book, 0, "[[50,1]]", "[[500,1]]") & FRS_CROSSED);
    CHECK(apply(d.book, 0, "[[101,0]]", "") == FRS_TOP);
    CHECK(apply(d.book, FRS_QUIET, "[[102,1]]", "") == FRS_CROSSED);
    desk_free(&d);
}

static void only_a_change_that_can_be_seen_is_a_top(void) {
    desk d = desk_new(100, 0, 2);
    CHECK(apply(d.book, FRS_SNAPSHOT, bids1, asks1) == FRS_TOP);
    CHECK(apply(d.book, 0, "[[98,9]]", "[[103,9]]") == 0);
    CHECK(apply(d.book, 0, "[[97,9]]", "[[102.5,0]]") == 0);
    CHECK(apply(d.book, 0, "[[100,1],[99,2]]", "[[101.5,0]]") == 0);
    CHECK(apply(d.book, 0, "[[99,9]]", "") == FRS_TOP);
    CHECK(apply(d.book, 0, "", "[[101,0]]") == FRS_TOP);
    CHECK(apply(d.book, 0, "", "[[103,1]]") == FRS_TOP);
    CHECK(apply(d.book, 0, "[[99.5,9]]", "") == FRS_TOP);
    CHECK(apply(d.book, 0, "[[99,8]]", "") == 0);
    desk_free(&d);
}

static void an_unseen_change_still_publishes_the_header(void) {
    desk d = desk_new(100, 0, 2);
    frs_level bids[2], asks[2];
    apply(d.book, FRS_SNAPSHOT, bids1, asks1);
    int64_t received = frs_ring_begin(d.ring);
    CHECK(frs_book_apply(d.book, 0, NULL, "[[1,1]]", 7, NULL, 0, 4711, 12345) == 0);
    frs_view view = published(&d, bids, asks, 2);
    CHECK(view.seq == 4711 && view.exchange_ns == 12345 && view.recv_ns == received && view.publish_ns >= received);
    CHECK(view.total[0] == 4 && view.total[1] == 3 && view.count[0] == 2 && view.count[1] == 2);
    CHECK(bids[0].price == 10000 && bids[1].price == 9900 && asks[0].price == 10100 && asks[1].quantity == 2000);
    CHECK(strcmp(view.name, "venue:symbol") == 0 && view.price_scale == 2 && view.quantity_scale == 3);
    CHECK(frs_ring_count(d.ring) == 2);
    desk_free(&d);
}

static void a_quiet_change_is_published_later(void) {
    desk d = desk_new(100, 0, 5);
    frs_level bids[5], asks[5];
    CHECK(apply(d.book, FRS_SNAPSHOT | FRS_QUIET, bids1, asks1) == 0);
    CHECK(published(&d, bids, asks, 5).count[0] == 0 && frs_ring_count(d.ring) == 0);
    CHECK(apply(d.book, FRS_QUIET, "[[100,0]]", "") == 0);
    CHECK(frs_book_publish(d.book) == FRS_TOP && frs_ring_count(d.ring) == 1);
    frs_view view = published(&d, bids, asks, 5);
    CHECK(view.count[0] == 2 && view.count[1] == 3 && bids[0].price == 9900);
    CHECK(frs_book_publish(d.book) == 0);
    desk_free(&d);
}

static void a_mark_is_published_at_once(void) {
    desk d = desk_new(100, 0, 5);
    frs_level bids[5], asks[5];
    CHECK(published(&d, bids, asks, 5).state == FRS_EMPTY);
    CHECK(frs_book_mark(d.book, FRS_LIVE, 0, FRS_BY_SEQUENCE, 9) >= 0);
    frs_view view = published(&d, bids, asks, 5);
    CHECK(view.state == FRS_LIVE && view.verified == FRS_BY_SEQUENCE && view.epoch == 9 && view.change_ns > 0);
    CHECK(frs_book_mark(d.book, FRS_LIVE, 0, FRS_BY_CHECKSUM, 10) >= 0);
    CHECK(published(&d, bids, asks, 5).change_ns == view.change_ns);
    CHECK(frs_book_mark(d.book, FRS_STALE, 3, 0, 10) >= 0);
    CHECK(published(&d, bids, asks, 5).reason == 3);
    CHECK(frs_book_mark(d.book, 5, 0, 0, 0) == FRS_E_ARGUMENT && frs_book_mark(d.book, -1, 0, 0, 0) == FRS_E_ARGUMENT);
    CHECK(frs_book_mark(d.book, 0, 256, 0, 0) == FRS_E_ARGUMENT && frs_book_mark(d.book, 0, 0, 4, 0) == FRS_E_ARGUMENT);
    CHECK(published(&d, bids, asks, 5).state == FRS_STALE);
    desk_free(&d);
}

static void levels_beyond_a_limited_snapshot_are_kept_but_not_shown(void) {
    desk d = desk_new(100, 0, 4);
    int64_t low, high;
    frs_level bids[4], asks[4];
    frs_book_limit(d.book, 3);
    CHECK(apply(d.book, FRS_SNAPSHOT, bids1, "[[101,1],[102,1]]") == (FRS_TOP | FRS_NARROW));
    frs_book_window(d.book, &low, &high);
    CHECK(low == 9800 && high == INT64_MAX);
    CHECK(apply(d.book, 0, "[[97,1]]", "[[110,1]]") == (FRS_TOP | FRS_NARROW));
    CHECK(holds(d.book, FRS_BID, 0, "[[\"100.00\",\"1.000\"],[\"99.00\",\"2.000\"],[\"98.00\",\"3.000\"]]"));
    CHECK(holds(d.book, FRS_BID, FRS_ALL,
                "[[\"100.00\",\"1.000\"],[\"99.00\",\"2.000\"],[\"98.00\",\"3.000\"],[\"97.00\",\"1.000\"]]"));
    frs_view view = published(&d, bids, asks, 4);
    CHECK(view.count[0] == 3 && view.total[0] == 4 && view.count[1] == 3);
    CHECK(apply(d.book, 0, "[[96,1]]", "") == FRS_NARROW);
    CHECK(apply(d.book, 0, "[[98.5,1]]", "") == FRS_TOP);
    CHECK(apply(d.book, FRS_SNAPSHOT, "[[100,1],[99,1]]", asks1) == (FRS_TOP | FRS_NARROW));
    frs_book_window(d.book, &low, &high);
    CHECK(low == 0 && high == 10300);
    desk_free(&d);
}

static void a_market_that_leaves_its_window_shows_nothing(void) {
    desk d = desk_new(100, 0, 4);
    frs_book_limit(d.book, 3);
    apply(d.book, FRS_SNAPSHOT, bids1, asks1);
    CHECK(apply(d.book, 0, "[[100,0],[99,0],[98,0],[90,1]]", "") == (FRS_TOP | FRS_NARROW));
    CHECK(holds(d.book, FRS_BID, 0, "[]") && frs_book_total(d.book, FRS_BID) == 1);
    desk_free(&d);
}

static void a_depth_limit_cuts_after_each_message(void) {
    desk d = desk_new(100, 2, 5);
    CHECK(apply(d.book, FRS_SNAPSHOT, bids1, asks1) == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, 0, "[[\"100.00\",\"1.000\"],[\"99.00\",\"2.000\"]]"));
    CHECK(apply(d.book, 0, "[[100.5,1]]", "[[102.5,1]]") == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, 0, "[[\"100.50\",\"1.000\"],[\"100.00\",\"1.000\"]]"));
    CHECK(holds(d.book, FRS_ASK, 0, "[[\"101.00\",\"1.000\"],[\"102.00\",\"2.000\"]]"));
    CHECK(apply(d.book, 0, "[[3,1]]", "") == 0);
    CHECK(apply(d.book, 0, "[[100.5,0],[1,1]]", "") == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, 0, "[[\"100.00\",\"1.000\"],[\"1.00\",\"1.000\"]]"));
    desk_free(&d);
}

/* Two bids and three asks; what is published has to say the same as the book. */
static bool whole_is(desk *d, int bids, int asks) {
    frs_level levels[2][5];
    frs_view view = published(d, levels[0], levels[1], 5);
    return frs_book_whole(d->book, FRS_BID) == bids && frs_book_whole(d->book, FRS_ASK) == asks &&
           view.whole == (bids | asks << FRS_ASK);
}

static void a_side_is_whole_if_nothing_can_lie_behind_it(void) {
    desk d = desk_new(100, 0, 5);
    const char two[] = "[[2,1],[1,1]]", three[] = "[[3,1],[4,1],[5,1]]";
    CHECK(frs_book_whole(d.book, 2) == FRS_E_ARGUMENT);
    apply(d.book, FRS_SNAPSHOT, two, three);
    CHECK(whole_is(&d, 1, 1));
    frs_book_limit(d.book, 3);
    apply(d.book, FRS_SNAPSHOT, two, three);
    CHECK(whole_is(&d, 1, 0));
    frs_book_limit(d.book, 0);
    frs_book_reach(d.book, 3);
    apply(d.book, FRS_SNAPSHOT, two, three);
    CHECK(whole_is(&d, 1, 0));
    apply(d.book, 0, "[[0.5,1]]", "[[5,0]]");
    CHECK(whole_is(&d, 0, 1));
    frs_book *old = d.book;
    d.book = frs_book_new(100, 2, 3, 2); /* cuts to two, and takes over how far the stream reaches */
    CHECK(frs_book_copy(d.book, old) == 0 && whole_is(&d, 0, 0));
    frs_book_free(old);
    apply(d.book, 0, "[[2,0]]", "[[4,0]]");
    CHECK(whole_is(&d, 1, 1));
    desk_free(&d);
    d = desk_new(100, 0, 5);
    frs_book_reach(d.book, 3);
    old = d.book;
    d.book = frs_book_new(100, 2, 3, 0);
    CHECK(frs_book_copy(d.book, old) == 0);
    frs_book_free(old);
    apply(d.book, FRS_SNAPSHOT, two, three);
    CHECK(whole_is(&d, 1, 0));
    desk_free(&d);
}

static void a_copy_is_finer_and_larger_and_takes_over_the_slot(void) {
    desk d = desk_new(3, 0, 5);
    frs_level bids[5], asks[5];
    frs_book_limit(d.book, 3);
    apply(d.book, FRS_SNAPSHOT, bids1, asks1);
    frs_book_mark(d.book, FRS_LIVE, 0, FRS_BY_SEQUENCE, 5);
    frs_book *old = d.book;
    d.book = frs_book_new(10, 4, 5, 0);
    CHECK(frs_book_copy(d.book, old) == 0);
    CHECK(
        holds(d.book, FRS_BID, 0, "[[\"100.0000\",\"1.00000\"],[\"99.0000\",\"2.00000\"],[\"98.0000\",\"3.00000\"]]"));
    int64_t low, high;
    frs_book_window(d.book, &low, &high);
    CHECK(low == 980000 && high == 1030000);
    frs_view view = published(&d, bids, asks, 5);
    CHECK(view.price_scale == 4 && view.quantity_scale == 5 && bids[0].price == 1000000 && view.state == FRS_LIVE);
    CHECK(apply(old, 0, "[[100,0]]", "") >= 0);
    CHECK(published(&d, bids, asks, 5).count[0] == 3);
    CHECK(apply(d.book, 0, "[[98.0001,0.00001]]", "") & FRS_TOP);
    CHECK(published(&d, bids, asks, 5).count[0] == 4);
    CHECK(frs_book_copy(d.book, d.book) == FRS_E_ARGUMENT);
    frs_book_free(old);
    desk_free(&d);
}

static bool is_as(const frs_book *book, const frs_book *other) {
    char text[4000];
    for (int side = 0; side < 2; side++) {
        int64_t size = frs_book_text(other, side, 0, SIZE_MAX, text, sizeof text - 1);
        CHECK(size > 0);
        text[size] = 0;
        if (!holds(book, side, 0, text))
            return false;
    }
    return true;
}

/* The larger window begins where the smaller one did: what was outside it, or on none of its ticks, may be inside. */
static void a_book_that_has_grown_goes_on_as_one_that_always_was_as_large(void) {
    static const char *const starts[][2] = {
        {bids1, asks1},
        {"[[\"100.02\",\"1\"],[\"100.00\",\"1\"],[\"60.01\",\"1\"]]",
         "[[\"101\",\"1\"],[\"101.5\",\"1\"],[\"700.01\",\"1\"]]"},
        {"[[\"40000000000000000\",\"1\"],[\"1\",\"1\"]]",
         "[[\"40000000000000001\",\"1\"],[\"90000000000000000\",\"1\"]]"},
        {"[]", "[[\"7\",\"1\"]]"},
    };
    static const char *const deltas[][2] = {
        {"[[\"60\",\"5\"],[\"90\",\"4\"],[\"3\",\"2\"]]",
         "[[\"701\",\"5\"],[\"109.99\",\"4\"],[\"40000000000000007\",\"1\"]]"},
        {"[[\"100\",\"0\"],[\"100.02\",\"0\"],[\"100.01\",\"1\"]]",
         "[[\"101\",\"0\"],[\"101.5\",\"0\"],[\"101.51\",\"3\"]]"},
        {"[[\"40000000000000000\",\"0\"],[\"99\",\"0\"],[\"98.99\",\"1\"]]",
         "[[\"7\",\"0\"],[\"102\",\"0\"],[\"7.01\",\"1\"]]"},
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        desk d = desk_new(100, 0, 5), always = desk_new(1000, 0, 5);
        CHECK(apply(d.book, FRS_SNAPSHOT, starts[i][0], starts[i][1]) >= 0);
        CHECK(apply(always.book, FRS_SNAPSHOT, starts[i][0], starts[i][1]) >= 0);
        frs_book *old = d.book;
        d.book = frs_book_new(1000, 2, 3, 0);
        CHECK(frs_book_copy(d.book, old) == 0 && is_as(d.book, always.book));
        frs_book_free(old);
        for (size_t j = 0; j < sizeof deltas / sizeof *deltas; j++) {
            CHECK(apply(d.book, 0, deltas[j][0], deltas[j][1]) == apply(always.book, 0, deltas[j][0], deltas[j][1]));
            CHECK(is_as(d.book, always.book));
        }
        desk_free(&d);
        desk_free(&always);
    }
}

/* At this tick the smaller window can just be; the larger one would be longer than prices are. */
static void levels_as_far_apart_as_a_window_can_have_them_are_kept_by_a_book_that_grows(void) {
    desk d = desk_new(3, 0, 5);
    frs_book *narrow = frs_book_new(3, 0, 0, 0), *wide = frs_book_new(1000, 0, 0, 0);
    CHECK(frs_book_attach(narrow, d.scratch, d.ring, d.arena, 0, "far", 3) == 0);
    CHECK(apply(narrow, FRS_SNAPSHOT, "[[8000000000000000,1],[4000000000000000,2]]",
                "[[12000000000000000,1],[16000000000000000,2]]") >= 0);
    CHECK(frs_book_copy(wide, narrow) == 0);
    CHECK(apply(wide, 0, "[[8000000000000000,0],[1,5]]", "[[9223372036854775807,4],[12000000000000000,0]]") >= 0);
    CHECK(holds(wide, FRS_BID, 0, "[[\"4000000000000000\",\"2\"],[\"1\",\"5\"]]"));
    CHECK(holds(wide, FRS_ASK, 0, "[[\"16000000000000000\",\"2\"],[\"9223372036854775807\",\"4\"]]"));
    frs_book_free(narrow);
    frs_book_free(wide);
    desk_free(&d);
}

static void a_copy_in_the_middle_of_quiet_changes_publishes_nothing(void) {
    desk d = desk_new(3, 0, 5);
    frs_level bids[5], asks[5];
    apply(d.book, FRS_SNAPSHOT, bids1, asks1);
    apply(d.book, FRS_QUIET, "[[100,0]]", "");
    frs_book *old = d.book;
    d.book = frs_book_new(10, 4, 5, 0);
    CHECK(frs_book_copy(d.book, old) == 0);
    frs_view view = published(&d, bids, asks, 5);
    CHECK(view.count[0] == 3 && view.price_scale == 2);
    CHECK(frs_book_publish(d.book) == FRS_TOP);
    view = published(&d, bids, asks, 5);
    CHECK(view.count[0] == 2 && view.price_scale == 4);
    frs_book_free(old);
    desk_free(&d);
}

static void a_copy_that_does_not_fit_changes_neither_book(void) {
    desk d = desk_new(10, 0, 5);
    apply(d.book, FRS_SNAPSHOT, "[[\"100.05\",\"1.005\"],[\"99\",\"2\"]]", "[[\"90000000000000000\",\"1\"]]");
    static const int scales[][3] = {{1, 3, FRS_E_PRECISION}, {2, 2, FRS_E_PRECISION}, {3, 3, FRS_E_RANGE}, {2, 18, 0}};
    for (size_t i = 0; i < 4; i++) {
        frs_book *to = frs_book_new(i == 3 ? 1 : 10, scales[i][0], scales[i][1], 0);
        CHECK(frs_book_copy(to, d.book) == (i == 3 ? FRS_E_FULL : scales[i][2]));
        CHECK(frs_book_total(to, FRS_BID) == 0 && frs_book_total(d.book, FRS_BID) == 2);
        frs_book_free(to);
    }
    CHECK(apply(d.book, 0, "[[101,1]]", "") == FRS_TOP);
    frs_level bids[5], asks[5];
    CHECK(published(&d, bids, asks, 5).count[0] == 3);
    desk_free(&d);
}

static void text_that_does_not_fit_is_refused_byte_by_byte(void) {
    desk d = desk_new(10, 0, 5);
    apply(d.book, FRS_SNAPSHOT, bids1, asks1);
    char text[200];
    int64_t size = frs_book_text(d.book, FRS_BID, 0, 100, text, sizeof text);
    CHECK(size == 2 + 2 + 18 + 17 + 17);
    for (size_t room = 0; room < (size_t)size; room++) {
        char *exact = malloc(room + 1);
        CHECK(frs_book_text(d.book, FRS_BID, 0, 100, exact, room) == FRS_E_FULL);
        free(exact);
    }
    CHECK(frs_book_text(d.book, FRS_BID, 0, 100, text, (size_t)size) == size);
    CHECK(frs_book_text(d.book, FRS_BID, 0, 1, text, sizeof text) == 20);
    CHECK(frs_book_text(d.book, FRS_BID, 0, 0, text, 2) == 2 && memcmp(text, "[]", 2) == 0);
    desk_free(&d);
}

static void prices_at_the_limit_of_int64_are_levels_like_others(void) {
    desk d = desk_new(10, 0, 5);
    const char text[] = "[[\"92233720368547758.07\",\"9223372036854775.807\"],[\"0.01\",\"0.001\"]]";
    CHECK(apply(d.book, FRS_SNAPSHOT, text, text) == (FRS_TOP | FRS_CROSSED));
    CHECK(holds(d.book, FRS_BID, 0, text));
    CHECK(holds(d.book, FRS_ASK, 0, "[[\"0.01\",\"0.001\"],[\"92233720368547758.07\",\"9223372036854775.807\"]]"));
    desk_free(&d);
}

static void arguments_outside_their_range_are_refused(void) {
    desk d = desk_new(10, 0, 5);
    frs_level out[5];
    char text[10];
    CHECK(!frs_book_new(0, 0, 0, 0) && !frs_book_new((1 << 20) + 1, 0, 0, 0) && !frs_book_new(1, 19, 0, 0));
    CHECK(!frs_book_new(1, 0, -1, 0) && !frs_book_new(1, 0, 0, 1001) && !frs_scratch_new(0));
    CHECK(frs_book_attach(d.book, NULL, NULL, NULL, 0, "", 0) == FRS_E_ARGUMENT);
    CHECK(frs_book_attach(d.book, d.scratch, NULL, d.arena, 2, "", 0) == FRS_E_ARGUMENT);
    CHECK(frs_book_attach(d.book, d.scratch, NULL, d.arena, 0, "a\0b", 3) == FRS_E_ARGUMENT);
    char name[64];
    memset(name, 'x', sizeof name);
    CHECK(frs_book_attach(d.book, d.scratch, NULL, d.arena, 0, name, 64) == FRS_E_ARGUMENT);
    CHECK(frs_book_attach(d.book, d.scratch, NULL, d.arena, 0, name, 63) == 0);
    CHECK(apply(d.book, 4, "", "") == FRS_E_ARGUMENT);
    CHECK(frs_book_read(d.book, 2, 0, out, 5) == FRS_E_ARGUMENT &&
          frs_book_read(d.book, 0, 2, out, 5) == FRS_E_ARGUMENT);
    CHECK(frs_book_text(d.book, -1, 0, 1, text, 10) == FRS_E_ARGUMENT);
    frs_book *loose = frs_book_new(1, 0, 0, 0);
    CHECK(apply(loose, 0, "", "") == FRS_E_ARGUMENT);
    frs_book_free(loose);
    frs_book_free(NULL);
    desk_free(&d);
}

static void a_book_without_ring_and_slot_works(void) {
    frs_scratch *scratch = frs_scratch_new(10);
    frs_book *book = frs_book_new(10, 2, 3, 0);
    frs_view view;
    CHECK(frs_book_attach(book, scratch, NULL, NULL, 0, "a", 1) == 0);
    CHECK(apply(book, FRS_SNAPSHOT, bids1, asks1) == FRS_TOP);
    frs_book_view(book, &view);
    CHECK(view.count[0] == 3 && view.total[1] == 3 && view.recv_ns > 0 && view.publish_ns >= view.recv_ns);
    CHECK(apply(book, 0, "[[1,1],[2,1],[3,1],[4,1],[5,1],[6,1]]", "[[1,1],[2,1],[3,1],[4,1],[5,1]]") == FRS_E_FULL);
    frs_book_free(book);
    frs_scratch_free(scratch);
}

static void a_book_is_modest(void) {
    frs_book *small = frs_book_new(1024, 2, 3, 0), *large = frs_book_new(8192, 2, 3, 0);
    CHECK(frs_book_memory(small) <= 150000 && frs_book_memory(large) <= 1000000);
    CHECK(frs_book_capacity(large) == 8192);
    frs_book_free(small);
    frs_book_free(large);
}

void test_book(void) {
    TEST(a_snapshot_replaces_and_a_delta_changes);
    TEST(levels_between_the_ticks_of_those_that_all_are_gone_are_levels_like_others);
    TEST(a_repeated_price_in_a_snapshot_counts_as_told_last);
    TEST(a_failed_message_changes_nothing);
    TEST(only_new_levels_need_room);
    TEST(a_crossed_book_is_told_but_kept);
    TEST(a_live_book_that_is_crossed_is_published_with_what_it_is_worth);
    TEST(only_a_change_that_can_be_seen_is_a_top);
    TEST(an_unseen_change_still_publishes_the_header);
    TEST(a_quiet_change_is_published_later);
    TEST(a_mark_is_published_at_once);
    TEST(levels_beyond_a_limited_snapshot_are_kept_but_not_shown);
    TEST(a_market_that_leaves_its_window_shows_nothing);
    TEST(a_depth_limit_cuts_after_each_message);
    TEST(a_side_is_whole_if_nothing_can_lie_behind_it);
    TEST(a_copy_is_finer_and_larger_and_takes_over_the_slot);
    TEST(a_book_that_has_grown_goes_on_as_one_that_always_was_as_large);
    TEST(levels_as_far_apart_as_a_window_can_have_them_are_kept_by_a_book_that_grows);
    TEST(a_copy_in_the_middle_of_quiet_changes_publishes_nothing);
    TEST(a_copy_that_does_not_fit_changes_neither_book);
    TEST(text_that_does_not_fit_is_refused_byte_by_byte);
    TEST(prices_at_the_limit_of_int64_are_levels_like_others);
    TEST(arguments_outside_their_range_are_refused);
    TEST(a_book_without_ring_and_slot_works);
    TEST(a_book_is_modest);
}
