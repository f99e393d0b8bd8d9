/* The merge of published books: which of them take part, and down to which price they make it complete. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static bool text_is(const frs_merge *merge, int side, uint32_t levels, const char *expected) {
    char out[4096];
    int64_t size = frs_merge_text(merge, side, levels, out, sizeof out);
    return size == (int64_t)strlen(expected) && memcmp(out, expected, (size_t)size) == 0;
}

typedef struct {
    frs_arena *arena;
    frs_scratch *scratch;
    frs_book *books[3];
    frs_merge *merge;
} desk;

enum { SHOWN = 4 };

static void desk_open(desk *d, uint32_t depth, uint32_t limit) {
    static const char *names[] = {"a:X", "b:X", "c:X"};
    d->arena = frs_arena_new(3, SHOWN);
    d->scratch = frs_scratch_new(100);
    d->merge = frs_merge_new(3, SHOWN);
    for (uint32_t i = 0; i < 3; i++) {
        d->books[i] = frs_book_new(100, 2, 3, depth);
        frs_book_limit(d->books[i], limit);
        CHECK(frs_book_attach(d->books[i], d->scratch, NULL, d->arena, i, names[i], 3) == 0);
        CHECK(frs_merge_part(d->merge, i, i, names[i], 3) == 0);
    }
}

static void desk_close(desk *d) {
    for (int i = 0; i < 3; i++)
        frs_book_free(d->books[i]);
    frs_merge_free(d->merge);
    frs_scratch_free(d->scratch);
    frs_arena_free(d->arena);
}

static void say(desk *d, int book, const char *bids, const char *asks) {
    CHECK(frs_book_apply(d->books[book], FRS_SNAPSHOT, NULL, bids, strlen(bids), asks, strlen(asks), 1, 1) >= 0);
    CHECK(frs_book_mark(d->books[book], FRS_LIVE, 0, FRS_BY_SEQUENCE, 1) >= 0);
}

static const frs_merged *merged(desk *d, int taken) {
    CHECK(frs_merge_read(d->merge, d->arena, 0) == taken);
    return frs_merge_result(d->merge);
}

static const char TWO[] = "[[\"9\",\"1\"],[\"8\",\"1\"]]", THREE[] = "[[\"9\",\"1\"],[\"8\",\"1\"],[\"7\",\"1\"]]",
                  FIVE[] = "[[\"9\",\"1\"],[\"8\",\"1\"],[\"7\",\"1\"],[\"6\",\"1\"],[\"5\",\"1\"]]";

static void published_books_merge(void) {
    desk d;
    desk_open(&d, 0, 0);
    say(&d, 0, TWO, "");
    say(&d, 2, FIVE, "[[\"9.5\",\"2\"]]");
    const frs_merged *found = merged(&d, 2);
    CHECK(frs_merge_fate(d.merge, 1) == FRS_NOT_LIVE && frs_merge_view(d.merge, 1)->state == FRS_EMPTY);
    CHECK(frs_merge_view(d.merge, 2)->epoch == 1 && strcmp(frs_merge_view(d.merge, 2)->name, "c:X") == 0);
    CHECK(text_is(d.merge, FRS_ASK, 0, "[[\"9.50\",\"2.000\",{\"c:X\":\"2.000\"}]]"));
    CHECK(found->count[FRS_BID] == SHOWN && found->shares[FRS_BID] == SHOWN + 2);
    CHECK(frs_merge_read(d.merge, d.arena, 1) == 2 && found->count[FRS_BID] == 1 && found->shares[FRS_BID] == 2);
    desk_close(&d);
}

static void a_part_that_shows_all_it_has_bounds_nothing(void) {
    desk d;
    desk_open(&d, 0, 0);
    say(&d, 0, TWO, TWO);
    say(&d, 1, THREE, THREE);
    CHECK(merged(&d, 2)->complete_to[FRS_BID] == 0 && merged(&d, 2)->complete_to[FRS_ASK] == INT64_MAX);
    say(&d, 2, FIVE, FIVE); /* four of them are shown */
    CHECK(merged(&d, 3)->complete_to[FRS_BID] == 600 && merged(&d, 3)->complete_to[FRS_ASK] == 800);
    desk_close(&d);
}

static void a_book_cut_by_rule_is_known_to_its_last_level(void) {
    desk d;
    desk_open(&d, 3, 0);
    say(&d, 0, TWO, TWO); /* fewer than the rule cuts to: all that there is */
    CHECK(merged(&d, 1)->complete_to[FRS_BID] == 0);
    say(&d, 1, FIVE, THREE); /* of five three are kept */
    CHECK(merged(&d, 2)->complete_to[FRS_BID] == 700 && merged(&d, 2)->complete_to[FRS_ASK] == 900);
    desk_close(&d);
}

static void a_window_is_known_to_its_last_level(void) {
    desk d;
    desk_open(&d, 0, 3);
    say(&d, 0, THREE, TWO);
    CHECK(merged(&d, 1)->complete_to[FRS_BID] == 700 && merged(&d, 1)->complete_to[FRS_ASK] == INT64_MAX);
    const char gone[] = "[[\"8\",\"0\"],[\"7\",\"0\"],[\"3\",\"1\"]]";
    CHECK(frs_book_apply(d.books[0], 0, NULL, gone, strlen(gone), "", 0, 2, 2) >= 0);
    frs_book_publish(d.books[0]); /* although it is crossed */
    CHECK(merged(&d, 1)->complete_to[FRS_BID] == 900 && merged(&d, 1)->count[FRS_BID] == 1);
    CHECK(frs_book_apply(d.books[0], 0, NULL, "[[\"9\",\"0\"]]", 11, "", 0, 3, 3) >= 0);
    CHECK(merged(&d, 1)->complete_to[FRS_BID] == INT64_MAX && merged(&d, 1)->count[FRS_BID] == 0);
    desk_close(&d);
}

static void a_small_workspace_reads_less_and_says_so(void) {
    desk d;
    desk_open(&d, 0, 0);
    say(&d, 0, THREE, THREE);
    frs_merge *small = frs_merge_new(1, 2);
    CHECK(frs_merge_part(small, 0, 0, "a:X", 3) == 0 && frs_merge_read(small, d.arena, 0) == 1);
    CHECK(frs_merge_result(small)->count[FRS_BID] == 2 && frs_merge_result(small)->complete_to[FRS_BID] == 800);
    frs_merge_free(small);
    desk_close(&d);
}

static void a_slot_that_another_book_has_taken_is_not_merged(void) {
    desk d;
    desk_open(&d, 0, 0);
    say(&d, 0, TWO, TWO);
    say(&d, 1, TWO, TWO);
    CHECK(frs_book_attach(d.books[1], d.scratch, NULL, d.arena, 1, "b:XY", 4) == 0);
    merged(&d, 1);
    CHECK(frs_merge_fate(d.merge, 1) == FRS_RENAMED && frs_merge_view(d.merge, 1)->state == FRS_LIVE);
    CHECK(frs_merge_part(d.merge, 1, 1, "b:XY", 4) == 0);
    merged(&d, 2);
    desk_close(&d);
}

/* ---- readers beside a writer: all quantities of one writing are equal, and so are those of a merge of one slot */

typedef struct {
    desk *desk;
    int done; /* atomic */
    uint64_t reads, torn;
} race;

static void *merge_on(void *argument) {
    race *r = argument;
    frs_arena *arena = frs_arena_open(frs_arena_fd(r->desk->arena));
    frs_merge *merge = frs_merge_new(1, SHOWN);
    frs_merge_part(merge, 0, 0, "a:X", 3);
    while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE)) {
        bool whole = frs_merge_read(merge, arena, 0) == 1;
        for (int side = 0; side < 2; side++)
            for (uint32_t i = 0; i < SHOWN; i++)
                whole &= frs_merge_side(merge, side)[i].quantity == (int64_t)frs_merge_view(merge, 0)->seq * 1000;
        r->torn += !whole;
        r->reads++;
    }
    frs_merge_free(merge);
    frs_arena_free(arena);
    return NULL;
}

static void write_once(desk *d, unsigned seq) {
    char text[200];
    int size = sprintf(text, "[[9,%u],[8,%u],[7,%u],[6,%u]]", seq, seq, seq, seq);
    frs_book_apply(d->books[0], FRS_SNAPSHOT, NULL, text, (size_t)size, text, (size_t)size, seq, 1);
    frs_book_publish(d->books[0]); /* although it is crossed */
}

static void a_merge_beside_a_writer_is_never_torn(void) {
    desk d;
    desk_open(&d, 0, 0);
    say(&d, 0, TWO, TWO);
    write_once(&d, 1);
    race r = {.desk = &d};
    pthread_t reader;
    pthread_create(&reader, NULL, merge_on, &r);
    for (unsigned seq = 2; seq < 20000; seq++)
        write_once(&d, seq);
    __atomic_store_n(&r.done, 1, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    CHECK(r.reads > 0 && r.torn == 0);
    desk_close(&d);
}

void test_merge_slots(void) {
    TEST(published_books_merge);
    TEST(a_part_that_shows_all_it_has_bounds_nothing);
    TEST(a_book_cut_by_rule_is_known_to_its_last_level);
    TEST(a_window_is_known_to_its_last_level);
    TEST(a_small_workspace_reads_less_and_says_so);
    TEST(a_slot_that_another_book_has_taken_is_not_merged);
    TEST(a_merge_beside_a_writer_is_never_torn);
}
