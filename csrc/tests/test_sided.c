/* Books from objects and from sided lists: the same book as from pairs, and all or nothing as well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { CAPACITY = 400, SCRATCH = 64, BATCH = 40, TEXT = BATCH * 200 };

static const char words[] = "price_level new_quantity side bid offer";

typedef struct {
    frs_arena *arena;
    frs_scratch *scratch;
    frs_spelling *sided, *objects;
    frs_book *book;
} desk;

static desk desk_new(uint32_t capacity, size_t scratch) {
    desk d = {frs_arena_new(1, 5), frs_scratch_new(scratch), frs_spelling_new(FRS_SIDED, words, strlen(words)),
              frs_spelling_new(FRS_OBJECTS, "price qty", 9), frs_book_new(capacity, 2, 3, 0)};
    CHECK(d.sided && d.objects && frs_book_attach(d.book, d.scratch, NULL, d.arena, 0, "s", 1) == 0);
    return d;
}

static void desk_free(desk *d) {
    frs_book_free(d->book);
    frs_spelling_free(d->sided);
    frs_spelling_free(d->objects);
    frs_scratch_free(d->scratch);
    frs_arena_free(d->arena);
}

#define BID(price, quantity) "{\"side\":\"bid\",\"price_level\":\"" price "\",\"new_quantity\":\"" quantity "\"}"
#define ASK(price, quantity) "{\"side\":\"offer\",\"price_level\":\"" price "\",\"new_quantity\":\"" quantity "\"}"

static int apply(desk *d, uint32_t flags, const char *list) {
    static uint64_t seq;
    return frs_book_apply(d->book, flags, d->sided, list, strlen(list), NULL, 0, ++seq, 0);
}

static bool holds(const frs_book *book, int side, const char *expected) {
    char text[4000];
    int64_t size = frs_book_text(book, side, 0, SIZE_MAX, text, sizeof text);
    return size == (int64_t)strlen(expected) && memcmp(text, expected, (size_t)size) == 0;
}

static const char start[] = "[" BID("100", "1") "," ASK("101", "1") "," ASK("102", "2") "," BID("99", "2") "]";
static const char start_bids[] = "[[\"100.00\",\"1.000\"],[\"99.00\",\"2.000\"]]";
static const char start_asks[] = "[[\"101.00\",\"1.000\"],[\"102.00\",\"2.000\"]]";

static void a_sided_list_changes_both_sides(void) {
    desk d = desk_new(CAPACITY, SCRATCH);
    CHECK(apply(&d, FRS_SNAPSHOT, start) == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, start_bids) && holds(d.book, FRS_ASK, start_asks));
    CHECK(apply(&d, 0, "[" ASK("101", "0") "," BID("100.5", "7") "," ASK("102", "3") "]") == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, "[[\"100.50\",\"7.000\"],[\"100.00\",\"1.000\"],[\"99.00\",\"2.000\"]]"));
    CHECK(holds(d.book, FRS_ASK, "[[\"102.00\",\"3.000\"]]"));
    CHECK(apply(&d, 0, "[]") == 0 && apply(&d, 0, "") == 0 && apply(&d, 0, "null") == 0);
    CHECK(apply(&d, FRS_SNAPSHOT, "[" ASK("7", "1") "]") == FRS_TOP);
    CHECK(holds(d.book, FRS_BID, "[]") && holds(d.book, FRS_ASK, "[[\"7.00\",\"1.000\"]]"));
    desk_free(&d);
}

static void of_a_price_told_twice_the_last_one_counts_on_its_side(void) {
    desk d = desk_new(CAPACITY, SCRATCH);
    static const char list[] = "[" BID("5", "1") "," ASK("5", "2") "," ASK("5", "3") "," BID("5", "4") "]";
    for (uint32_t flags = 0; flags < 2; flags++) {
        CHECK(apply(&d, flags, list) == (FRS_TOP | FRS_CROSSED));
        CHECK(holds(d.book, FRS_BID, "[[\"5.00\",\"4.000\"]]") && holds(d.book, FRS_ASK, "[[\"5.00\",\"3.000\"]]"));
    }
    desk_free(&d);
}

static void a_failed_sided_list_changes_nothing(void) {
    static const char *const bad[] = {
        "[" BID("98", "5") "," ASK("101", "0") "," BID("97.001", "1") "]",
        "[" BID("100", "0") "," ASK("101", "0") ",{\"side\":\"ask\",\"price_level\":\"1\",\"new_quantity\":\"1\"}]",
        "[" BID("100", "0") "," ASK("101", "9") "," ASK("0", "1") "]",
        "[" BID("100", "0") "," ASK("101", "9") "," ASK("103", "-1") "]",
        "[" BID("100", "0") "," ASK("101", "9"),
        "[" BID("100", "9") "," ASK("103", "9") "," ASK("104", "1") "]",
        "[" BID("98", "9") "," BID("97", "9") "," ASK("101", "0") "]",
    };
    static const int errors[] = {FRS_E_PRECISION, FRS_E_SYNTAX, FRS_E_RANGE, FRS_E_RANGE,
                                 FRS_E_SYNTAX,    FRS_E_FULL,   FRS_E_FULL};
    for (uint32_t flags = 0; flags < 4; flags++)
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            if (flags & FRS_SNAPSHOT && errors[i] == FRS_E_FULL)
                continue;
            desk d = desk_new(3, SCRATCH);
            frs_view before, after, slot;
            frs_level bids[5], asks[5];
            CHECK(apply(&d, FRS_SNAPSHOT, start) == FRS_TOP);
            frs_book_view(d.book, &before);
            CHECK(apply(&d, flags, bad[i]) == errors[i]);
            frs_book_view(d.book, &after);
            CHECK(frs_view_read(d.arena, 0, &slot, bids, asks, 5) == 0);
            CHECK(memcmp(&before, &after, sizeof before) == 0 && memcmp(&before, &slot, sizeof before) == 0);
            CHECK(holds(d.book, FRS_BID, start_bids) && holds(d.book, FRS_ASK, start_asks));
            desk_free(&d);
        }
}

static void a_sided_list_beside_asks_is_refused(void) {
    desk d = desk_new(CAPACITY, SCRATCH);
    CHECK(frs_book_apply(d.book, 0, d.sided, start, strlen(start), "[]", 2, 1, 1) == FRS_E_ARGUMENT);
    CHECK(frs_book_apply(d.book, 0, d.sided, "", 0, start, strlen(start), 1, 1) == FRS_E_ARGUMENT);
    CHECK(frs_book_total(d.book, FRS_BID) == 0 && frs_book_total(d.book, FRS_ASK) == 0);
    desk_free(&d);
}

static void a_list_may_fill_the_scratch_with_either_side(void) {
    for (int side = 0; side < 2; side++) {
        desk d = desk_new(CAPACITY, 3);
        static const char *const full[] = {"[" BID("1", "1") "," BID("2", "1") "," BID("3", "1") "]",
                                           "[" ASK("1", "1") "," ASK("2", "1") "," ASK("3", "1") "]"};
        CHECK(apply(&d, FRS_SNAPSHOT, full[side]) == FRS_TOP);
        CHECK(frs_book_total(d.book, side) == 3 && frs_book_total(d.book, !side) == 0);
        CHECK(apply(&d, 0, "[" BID("1", "1") "," ASK("2", "1") "," BID("3", "1") "," ASK("4", "1") "]") == FRS_E_FULL);
        desk_free(&d);
    }
}

static char *put_member(char *p, const char *key, int64_t value, int scale, bool quoted) {
    p += sprintf(p, ",\"%s\":%s", key, quoted ? "\"" : "");
    p += frs_decimal_format(value, scale, p, FRS_DECIMAL_TEXT);
    return p + sprintf(p, "%s", quoted ? "\"" : "");
}

/* One message's changes in all three spellings. */
typedef struct {
    char pairs[2][TEXT], objects[2][TEXT], sided[TEXT];
} telling;

static void tell(telling *t, uint64_t *seed) {
    char *pairs[2] = {t->pairs[0], t->pairs[1]}, *objects[2] = {t->objects[0], t->objects[1]}, *sided = t->sided;
    for (uint64_t n = random_below(seed, BATCH); n > 0; n--) {
        int side = (int)random_below(seed, 2);
        int64_t price = 10000 + (int64_t)random_below(seed, 300) * (side ? 1 : -1);
        int64_t quantity = random_below(seed, 3) ? (int64_t)random_below(seed, 100000) : 0;
        char *p = pairs[side];
        *p = p == t->pairs[side] ? '[' : ',';
        p += 1 + sprintf(p + 1, "[\"");
        p += frs_decimal_format(price, 2, p, FRS_DECIMAL_TEXT);
        p += sprintf(p, "\",\"");
        p += frs_decimal_format(quantity, 3, p, FRS_DECIMAL_TEXT);
        pairs[side] = p + sprintf(p, "\"]");
        p = put_member(objects[side], "price", price, 2, false);
        objects[side][0] = objects[side] == t->objects[side] ? '[' : ',';
        memmove(objects[side] + 2, objects[side] + 1, (size_t)(p - objects[side]) - 1);
        objects[side][1] = '{';
        p = put_member(p + 1, "qty", quantity, 3, false);
        objects[side] = p + sprintf(p, "}");
        sided += sprintf(sided, "%s{\"side\":\"%s\"", sided == t->sided ? "[" : ",", side ? "offer" : "bid");
        if (random_below(seed, 2))
            sided += sprintf(sided, ",\"event_time\":\"1970-01-01T00:00:00Z\"");
        sided = put_member(sided, "price_level", price, 2, true);
        sided = put_member(sided, "new_quantity", quantity, 3, random_below(seed, 9));
        sided += sprintf(sided, "}");
    }
    for (int side = 0; side < 2; side++) {
        strcpy(pairs[side], pairs[side] == t->pairs[side] ? "" : "]");
        strcpy(objects[side], objects[side] == t->objects[side] ? "" : "]");
    }
    strcpy(sided, sided == t->sided ? "" : "]");
}

static bool same(const frs_book *a, const frs_book *b) {
    frs_level out[2][CAPACITY];
    for (int side = 0; side < 2; side++) {
        int n = frs_book_read(a, side, FRS_ALL, out[0], CAPACITY);
        if (n != frs_book_read(b, side, FRS_ALL, out[1], CAPACITY) ||
            memcmp(out[0], out[1], (size_t)n * sizeof out[0][0]) != 0)
            return false;
    }
    return true;
}

static void every_spelling_makes_the_same_book(void) {
    static telling t;
    desk pairs = desk_new(CAPACITY, SCRATCH), objects = desk_new(CAPACITY, SCRATCH),
         sided = desk_new(CAPACITY, SCRATCH);
    uint64_t seed = 21;
    for (uint64_t i = 0; i < 5000; i++) {
        tell(&t, &seed);
        uint32_t flags = (uint32_t)(random_below(&seed, 50) == 0 ? FRS_SNAPSHOT : 0);
        int bits = frs_book_apply(pairs.book, flags, NULL, t.pairs[0], strlen(t.pairs[0]), t.pairs[1],
                                  strlen(t.pairs[1]), i, 0);
        CHECK(bits >= 0 && apply(&sided, flags, t.sided) == bits);
        CHECK(frs_book_apply(objects.book, flags, objects.objects, t.objects[0], strlen(t.objects[0]), t.objects[1],
                             strlen(t.objects[1]), i, 0) == bits);
        CHECK(same(pairs.book, sided.book) && same(pairs.book, objects.book));
    }
    CHECK(frs_book_total(pairs.book, FRS_BID) > 100);
    desk_free(&pairs);
    desk_free(&objects);
    desk_free(&sided);
}

void test_sided(void) {
    TEST(a_sided_list_changes_both_sides);
    TEST(of_a_price_told_twice_the_last_one_counts_on_its_side);
    TEST(a_failed_sided_list_changes_nothing);
    TEST(a_sided_list_beside_asks_is_refused);
    TEST(a_list_may_fill_the_scratch_with_either_side);
    TEST(every_spelling_makes_the_same_book);
}
