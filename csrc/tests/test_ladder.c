/* The parts of a side: which tick a price is, and that rows keep to their memory whatever comes and goes. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "internal.h"

static frs_ladder ladder_new(uint32_t capacity) {
    frs_ladder ladder;
    frs_ladder_init(&ladder, capacity, calloc(1, frs_ladder_bytes(capacity)));
    return ladder;
}

static void a_price_is_a_tick_exactly_if_it_is_one(void) {
    frs_ladder ladder = ladder_new(1);
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        int64_t tick = 1 + (int64_t)random_below(&seed, (uint64_t)1 << random_below(&seed, 50));
        int side = (int)random_below(&seed, 2);
        int64_t high = frs_signed(side, 1 + (int64_t)random_below(&seed, INT64_MAX - 1));
        frs_ladder_frame(&ladder, high, tick);
        uint64_t away = random_below(&seed, 2) ? random_below(&seed, 2 * 1024 * (uint64_t)tick)
                                               : (uint64_t)tick * random_below(&seed, 2 * 1024);
        int64_t price = random_below(&seed, 8) ? (int64_t)((uint64_t)high - away) : (int64_t)((uint64_t)high + away);
        if (frs_signed(side, price) <= 0)
            continue;
        bool inside = price <= high && away / (uint64_t)tick < 1024 && away % (uint64_t)tick == 0;
        uint64_t found = frs_ladder_tick(&ladder, price);
        CHECK(inside ? found == away / (uint64_t)tick : found >= ladder.size);
    }
    free(ladder.quantities);
}

static void a_ladder_without_a_window_has_no_price(void) {
    frs_ladder ladder = ladder_new(100);
    for (int64_t price = -2000; price < 2000; price++)
        CHECK(frs_ladder_tick(&ladder, price) >= ladder.size);
    free(ladder.quantities);
}

static void a_window_that_moves_keeps_its_levels(void) {
    frs_ladder ladder = ladder_new(1);
    frs_level out[8];
    frs_ladder_frame(&ladder, 100000, 5);
    for (uint64_t tick = 640; tick < 960; tick += 40)
        frs_ladder_set(&ladder, tick, (int64_t)tick);
    for (int i = 0; i < 64; i++) {
        int64_t high = ladder.high;
        int32_t by = ladder.first >= 512 ? 64 * (i % 8) : -64;
        frs_ladder_shift(&ladder, by);
        CHECK(ladder.high == high - 5 * by && ladder.low == ladder.high - 1023 * 5);
        CHECK(frs_ladder_read(&ladder, FRS_BID, INT64_MIN, INT64_MAX, out, 8) == 8);
        for (int k = 0; k < 8; k++)
            CHECK(out[k].quantity == 640 + 40 * k && out[k].price == 100000 - 5 * out[k].quantity);
    }
    free(ladder.quantities);
}

static void the_first_level_of_an_empty_ladder_is_the_best(void) {
    frs_ladder ladder = ladder_new(1);
    frs_ladder_frame(&ladder, 100000, 5);
    frs_ladder_settle(&ladder);
    frs_ladder_shift(&ladder, 960);
    frs_ladder_set(&ladder, 500, 1);
    CHECK(ladder.first == 500 && ladder.count == 1);
    free(ladder.quantities);
}

typedef struct {
    frs_rows rows;
    uint32_t capacity, room;
    int64_t *held; /* quantity of each price */
    int64_t prices;
} shelf;

static void check(const shelf *s) {
    uint32_t at = 0, count = 0;
    CHECK(s->rows.used <= s->room);
    for (int64_t price = 0; price < s->prices; price++) {
        if (!s->held[price])
            continue;
        const frs_level *level = frs_rows_next(&s->rows, &at);
        CHECK(level && level->price == price && level->quantity == s->held[price]);
        count++;
    }
    CHECK(count == s->rows.count && !frs_rows_next(&s->rows, &at));
}

static void set(shelf *s, int64_t price, int64_t quantity) {
    bool changes = s->held[price] != quantity;
    if (!s->held[price] && quantity && s->rows.count == s->capacity)
        return;
    CHECK(frs_rows_holds(&s->rows, price) == (s->held[price] != 0));
    CHECK(frs_rows_set(&s->rows, price, quantity) == changes);
    s->held[price] = quantity;
    CHECK(s->rows.used <= s->room);
}

static shelf shelf_new(uint32_t capacity, int64_t prices) {
    shelf s = {.capacity = capacity, .prices = prices};
    s.room = (uint32_t)(frs_rows_bytes(capacity) / (FRS_ROW * sizeof(frs_level) + sizeof(frs_row)));
    s.held = calloc((size_t)prices, sizeof *s.held);
    frs_rows_init(&s.rows, capacity, calloc(1, frs_rows_bytes(capacity)));
    return s;
}

static void shelf_free(shelf *s) {
    check(s);
    free(s->rows.levels);
    free(s->held);
}

/* Fills up, then leaves one level here and there, then fills up again elsewhere. */
static void rows_are_what_was_set(void) {
    uint64_t seed = 3;
    for (uint32_t capacity = 1; capacity < 5000; capacity = capacity * 3 + 7) {
        shelf s = shelf_new(capacity, 3 * (int64_t)capacity + 100);
        for (int round = 0; round < 12; round++) {
            int64_t step = round % 3 == 0 ? 1 : 1 + (int64_t)random_below(&seed, 70), up = round % 2;
            for (int64_t i = 0; i < s.prices; i++)
                set(&s, up ? i : s.prices - 1 - i, round % 3 == 2 ? (i % step ? 0 : 7) : i % step ? 1 : 0);
            for (uint32_t i = 0; i < capacity; i++)
                set(&s, (int64_t)random_below(&seed, (uint64_t)s.prices), (int64_t)random_below(&seed, 3));
            check(&s);
        }
        shelf_free(&s);
    }
}

/* Adds full rows at the end, and leaves one level of each but the last. */
static void add_thin_rows(shelf *s, int64_t from, int rows) {
    for (int64_t i = 0; i < rows * FRS_ROW; i++)
        set(s, from + 2 * i, 1);
    for (int64_t i = 0; i < (rows - 1) * FRS_ROW; i++)
        if (i % FRS_ROW)
            set(s, from + 2 * i, 0);
}

/* As thin as rows can be made: the memory is enough for each level that there is room for. */
static void rows_never_need_more_memory_than_their_levels_allow(void) {
    enum { GROUPS = 200, PRICES = 2 * FRS_ROW };
    for (int rows = 2; rows <= 4; rows++) {
        shelf s = shelf_new((uint32_t)(GROUPS * (FRS_ROW + rows) + rows * FRS_ROW), (int64_t)GROUPS * rows * PRICES);
        for (int64_t i = 0; i < GROUPS; i++)
            add_thin_rows(&s, i * rows * PRICES, rows);
        for (int64_t i = 1; i <= GROUPS; i++) /* a full row is parted, beside a thin one */
            set(&s, i * rows * PRICES - FRS_ROW - 1, 1);
        shelf_free(&s);
    }
}

void test_ladder(void) {
    TEST(a_price_is_a_tick_exactly_if_it_is_one);
    TEST(a_ladder_without_a_window_has_no_price);
    TEST(a_window_that_moves_keeps_its_levels);
    TEST(the_first_level_of_an_empty_ladder_is_the_best);
    TEST(rows_are_what_was_set);
    TEST(rows_never_need_more_memory_than_their_levels_allow);
}
