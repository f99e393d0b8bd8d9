/* The merge of arrays: against a model that sorts all levels, its text, and what it refuses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "internal.h"

enum { ROOM = 40, PARTS = 8 };

/* ---- parts given as arrays */

typedef struct {
    uint32_t parts;
    frs_view views[PARTS];
    frs_level levels[2][PARTS][ROOM];
    const frs_level *sides[2][PARTS];
} input;

static void input_clear(input *in) {
    memset(in, 0, sizeof *in);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < PARTS; i++)
            in->sides[side][i] = in->levels[side][i];
}

/* A new live part whose sides are whole; `price` and `quantity` are scales. */
static frs_view *input_add(input *in, const char *name, int price, int quantity) {
    frs_view *view = &in->views[in->parts++];
    snprintf(view->name, sizeof view->name, "%s", name);
    view->state = FRS_LIVE;
    view->price_scale = (uint8_t)price;
    view->quantity_scale = (uint8_t)quantity;
    view->whole = 1 << FRS_BID | 1 << FRS_ASK;
    return view;
}

static void put(input *in, int side, int64_t price, int64_t quantity) {
    frs_view *view = &in->views[in->parts - 1];
    in->levels[side][in->parts - 1][view->count[side]++] = (frs_level){price, quantity};
    view->total[side] = view->count[side];
}

static int merge_input(frs_merge *merge, const input *in, uint32_t depth) {
    return frs_merge_levels(merge, in->parts, in->views, in->sides[FRS_BID], in->sides[FRS_ASK], depth);
}

static bool text_is(const frs_merge *merge, int side, uint32_t levels, const char *expected) {
    char out[4096];
    int64_t size = frs_merge_text(merge, side, levels, out, sizeof out);
    return size == (int64_t)strlen(expected) && memcmp(out, expected, (size_t)size) == 0;
}

static void two_venues_become_one_book(void) {
    static input in;
    input_clear(&in);
    input_add(&in, "a:X", 1, 0);
    put(&in, FRS_BID, 1000, 3);
    put(&in, FRS_BID, 998, 4);
    put(&in, FRS_ASK, 1001, 5);
    input_add(&in, "b:X", 2, 2);
    put(&in, FRS_BID, 10000, 50);
    put(&in, FRS_BID, 9985, 7);
    put(&in, FRS_ASK, 10005, 100);
    frs_merge *merge = frs_merge_new(2, 2);
    CHECK(merge_input(merge, &in, 0) == 2);
    const frs_merged *found = frs_merge_result(merge);
    CHECK(found->price_scale == 2 && found->quantity_scale == 2 && found->taken == 2);
    CHECK(found->count[FRS_BID] == 3 && found->count[FRS_ASK] == 2 && found->shares[FRS_BID] == 4);
    CHECK(found->complete[FRS_BID] == 3 && found->complete[FRS_ASK] == 2);
    CHECK(found->complete_to[FRS_BID] == 0 && found->complete_to[FRS_ASK] == INT64_MAX);
    CHECK(text_is(merge, FRS_BID, 0,
                  "[[\"100.00\",\"3.50\",{\"a:X\":\"3.00\",\"b:X\":\"0.50\"}],[\"99.85\",\"0.07\",{\"b:X\":\"0.07\"}],"
                  "[\"99.80\",\"4.00\",{\"a:X\":\"4.00\"}]]"));
    CHECK(text_is(merge, FRS_ASK, 1, "[[\"100.05\",\"1.00\",{\"b:X\":\"1.00\"}]]"));
    CHECK(frs_merge_side(merge, FRS_BID)[0].price == 10000 && frs_merge_side(merge, FRS_BID)[0].quantity == 350);
    const frs_share *share = frs_merge_shares(merge, FRS_BID);
    CHECK(share[1].quantity == 50 && share[1].part == 1 && share[1].level == 0 && share[2].level == 1);
    frs_merge_free(merge);
}

/* ---- the model: all levels in one list, sorted by insertion */

typedef struct {
    int64_t price, quantity;
    uint32_t part;
} entry;

typedef struct {
    entry entries[PARTS * ROOM];
    uint32_t count;
    int64_t known; /* all behind this price lacks a part's share; INT64_MIN or INT64_MAX as they come */
} model_side;

static bool better(int side, int64_t a, int64_t b) {
    return side == FRS_BID ? a > b : a < b;
}

static void model_merge(const input *in, const frs_merge *merge, int side, model_side *out) {
    const frs_merged *result = frs_merge_result(merge);
    out->count = 0;
    out->known = side == FRS_BID ? 0 : INT64_MAX;
    for (uint32_t part = 0; part < in->parts; part++) {
        const frs_view *view = &in->views[part];
        if (frs_merge_fate(merge, part) != FRS_TAKEN)
            continue;
        int64_t price = (int64_t)frs_powers[result->price_scale - view->price_scale],
                last = side == FRS_BID ? INT64_MAX : 0;
        int64_t quantity = (int64_t)frs_powers[result->quantity_scale - view->quantity_scale];
        for (uint32_t i = 0; i < view->count[side]; i++) {
            frs_level level = in->sides[side][part][i];
            entry new = {level.price * price, level.quantity * quantity, part};
            uint32_t at = out->count++;
            for (; at > 0 && better(side, new.price, out->entries[at - 1].price); at--)
                out->entries[at] = out->entries[at - 1];
            out->entries[at] = new;
            last = new.price;
        }
        bool all = view->whole >> side & 1 && view->count[side] == view->total[side];
        if (!all && better(side, last, out->known))
            out->known = last;
    }
}

static bool side_is_the_models(const frs_merge *merge, int side, uint32_t depth, const model_side *model) {
    const frs_merged *result = frs_merge_result(merge);
    const frs_level *level = frs_merge_side(merge, side) - 1;
    const frs_share *share = frs_merge_shares(merge, side);
    uint32_t levels = 0, complete = 0, i = 0;
    int64_t total = 0;
    for (; i < model->count; i++, share++) {
        const entry *e = &model->entries[i];
        if (i == 0 || e->price != e[-1].price) {
            if (levels == depth)
                break;
            if (levels && level->quantity != total)
                return false;
            level++;
            levels++;
            complete += !better(side, model->known, e->price);
            total = 0;
        }
        total += e->quantity;
        if (level->price != e->price || share->quantity != e->quantity || share->part != e->part ||
            share->level != levels - 1)
            return false;
    }
    return (levels == 0 || level->quantity == total) && result->count[side] == levels && result->shares[side] == i &&
           result->complete[side] == complete && result->complete_to[side] == model->known;
}

static void draw_side(input *in, uint64_t *seed, int side) {
    const int64_t unit = (int64_t)frs_powers[in->views[in->parts - 1].price_scale];
    int64_t step = side == FRS_BID ? -1 : 1, price = 500 - 4 * step + (int64_t)random_below(seed, 9);
    uint32_t count = (uint32_t)random_below(seed, ROOM);
    for (uint32_t i = random_below(seed, 6) ? 0 : ROOM; i < count; i++) {
        int64_t finer = unit > 1 && random_below(seed, 2) ? (int64_t)random_below(seed, 10) * unit / 10 : 0;
        put(in, side, price * unit + finer, 1 + (int64_t)random_below(seed, 1000));
        price += step * (1 + (int64_t)random_below(seed, 3));
    }
}

static void draw(input *in, uint64_t *seed) {
    input_clear(in);
    uint32_t parts = (uint32_t)random_below(seed, PARTS + 1);
    for (uint32_t i = 0; i < parts; i++) {
        frs_view *view = input_add(in, "x:Y", (int)random_below(seed, 4), (int)random_below(seed, 4));
        view->state = random_below(seed, 8) ? FRS_LIVE : (uint8_t)random_below(seed, 5);
        view->whole = (uint8_t)random_below(seed, 4);
        for (int side = 0; side < 2; side++) {
            draw_side(in, seed, side);
            view->total[side] += random_below(seed, 3) == 0;
        }
    }
}

static void any_parts_merge_as_the_model_does(void) {
    static input in;
    static model_side model;
    uint64_t seed = 1;
    frs_merge *merge = frs_merge_new(PARTS, ROOM);
    for (int round = 0; round < 4000; round++) {
        draw(&in, &seed);
        uint32_t depth = random_below(&seed, 2) ? (uint32_t)random_below(&seed, 2 * ROOM) : 0;
        int live = 0;
        for (uint32_t i = 0; i < in.parts; i++)
            live += in.views[i].state == FRS_LIVE;
        CHECK(merge_input(merge, &in, depth) == live);
        for (int side = 0; side < 2 && live; side++) {
            model_merge(&in, merge, side, &model);
            CHECK(side_is_the_models(merge, side, depth ? depth : UINT32_MAX, &model));
        }
    }
    frs_merge_free(merge);
}

static void no_level_behind_an_array_is_read(void) {
    static input in;
    uint64_t seed = 2;
    frs_merge *merge = frs_merge_new(PARTS, ROOM);
    for (int round = 0; round < 50; round++) {
        draw(&in, &seed);
        guarded guards[2][PARTS];
        for (int side = 0; side < 2; side++)
            for (uint32_t i = 0; i < in.parts; i++) {
                guards[side][i] = guard_behind(in.levels[side][i], in.views[i].count[side] * sizeof(frs_level));
                in.sides[side][i] = (const frs_level *)(const void *)guards[side][i].text;
            }
        CHECK(merge_input(merge, &in, 0) >= 0);
        for (int side = 0; side < 2; side++)
            for (uint32_t i = 0; i < in.parts; i++)
                guard_free(&guards[side][i]);
    }
    frs_merge_free(merge);
}

/* ---- who takes part */

static void only_live_parts_take_part_and_the_others_are_told(void) {
    static input in;
    frs_merge *merge = frs_merge_new(PARTS, ROOM);
    for (int state = FRS_EMPTY; state <= FRS_DISABLED; state++) {
        input_clear(&in);
        input_add(&in, "a:X", 3, 3)->state = (uint8_t)state;
        in.views[0].reason = 7;
        put(&in, FRS_BID, 1000, 1);
        input_add(&in, "b:X", 0, 0);
        put(&in, FRS_BID, 2, 1);
        bool live = state == FRS_LIVE;
        CHECK(merge_input(merge, &in, 0) == 1 + live);
        CHECK(frs_merge_fate(merge, 0) == (live ? FRS_TAKEN : FRS_NOT_LIVE) && frs_merge_fate(merge, 1) == FRS_TAKEN);
        CHECK(frs_merge_result(merge)->price_scale == (live ? 3 : 0));
        CHECK(frs_merge_view(merge, 0)->state == state && frs_merge_view(merge, 0)->reason == 7);
        CHECK(frs_merge_result(merge)->count[FRS_BID] == 1U + live);
    }
    CHECK(frs_merge_fate(merge, 2) == FRS_E_ARGUMENT && frs_merge_view(merge, 2) == NULL);
    frs_merge_free(merge);
}

static bool is_nothing(const frs_merge *merge) {
    const frs_merged *r = frs_merge_result(merge);
    return r->taken == 0 && r->count[0] == 0 && r->count[1] == 0 && r->complete_to[FRS_BID] == INT64_MAX &&
           r->complete_to[FRS_ASK] == 0 && text_is(merge, FRS_BID, 0, "[]") && text_is(merge, FRS_ASK, 0, "[]");
}

static void of_no_parts_nothing_is_known(void) {
    static input in;
    input_clear(&in);
    frs_merge *merge = frs_merge_new(1, 1);
    CHECK(is_nothing(merge));
    CHECK(merge_input(merge, &in, 0) == 0 && is_nothing(merge));
    input_add(&in, "a:X", 0, 0)->state = FRS_STALE;
    put(&in, FRS_BID, 1, 1);
    CHECK(merge_input(merge, &in, 0) == 0 && is_nothing(merge));
    frs_merge_free(merge);
}

/* Prices of the first part at scale 2 and of the others at scale 0; which one fits no common scale is left out. */
static void what_keeps_the_others_from_fitting_is_left_out(void) {
    static input in;
    frs_merge *merge = frs_merge_new(4, ROOM);
    input_clear(&in);
    input_add(&in, "a:X", 18, 0);
    put(&in, FRS_ASK, 5, 1);
    input_add(&in, "b:X", 0, 0);
    put(&in, FRS_ASK, 9, 1);
    CHECK(merge_input(merge, &in, 0) == 2 && frs_merge_side(merge, FRS_ASK)[1].price == 9000000000000000000);
    in.levels[FRS_ASK][1][0].price = 10;
    CHECK(merge_input(merge, &in, 0) == 1 && frs_merge_fate(merge, 0) == FRS_MISFIT);
    CHECK(text_is(merge, FRS_ASK, 0, "[[\"10\",\"1\",{\"b:X\":\"1\"}]]"));

    input_clear(&in);
    input_add(&in, "a:X", 0, 2);
    put(&in, FRS_BID, 5, INT64_MAX / 3);
    input_add(&in, "b:X", 0, 2);
    put(&in, FRS_BID, 5, INT64_MAX / 3);
    input_add(&in, "c:X", 0, 0);
    put(&in, FRS_BID, 5, INT64_MAX / 300);
    CHECK(merge_input(merge, &in, 0) == 3 && frs_merge_side(merge, FRS_BID)[0].quantity > INT64_MAX - 300);
    in.levels[FRS_BID][1][0].quantity++;
    CHECK(merge_input(merge, &in, 0) == 2 && frs_merge_fate(merge, 1) == FRS_MISFIT);
    in.levels[FRS_BID][0][0].quantity = INT64_MAX;
    CHECK(merge_input(merge, &in, 0) == 2 && frs_merge_fate(merge, 0) == FRS_MISFIT);
    in.levels[FRS_BID][1][0].quantity = INT64_MAX;
    CHECK(merge_input(merge, &in, 0) == 1 && frs_merge_fate(merge, 2) == FRS_TAKEN);
    CHECK(frs_merge_result(merge)->quantity_scale == 0);
    in.parts = 1;
    CHECK(merge_input(merge, &in, 0) == 1 && frs_merge_side(merge, FRS_BID)[0].quantity == INT64_MAX);
    in.levels[FRS_BID][0][0].price = INT64_MAX;
    CHECK(merge_input(merge, &in, 0) == 0 && frs_merge_fate(merge, 0) == FRS_MISFIT);
    in.levels[FRS_BID][0][0].price--;
    CHECK(merge_input(merge, &in, 0) == 1 && frs_merge_side(merge, FRS_BID)[0].price == INT64_MAX - 1);
    in.views[0].price_scale = 19;
    CHECK(merge_input(merge, &in, 0) == 0 && frs_merge_fate(merge, 0) == FRS_MISFIT);
    frs_merge_free(merge);
}

/* ---- down to which price it is complete */

static void it_is_complete_down_to_where_the_first_part_ends(void) {
    static input in;
    frs_merge *merge = frs_merge_new(2, 3);
    input_clear(&in);
    frs_view *deep = input_add(&in, "deep:X", 0, 0);
    put(&in, FRS_BID, 100, 1);
    put(&in, FRS_BID, 98, 1);
    put(&in, FRS_BID, 97, 1);
    frs_view *cut = input_add(&in, "cut:X", 1, 0);
    put(&in, FRS_BID, 995, 1);
    put(&in, FRS_BID, 980, 1);
    cut->whole = 0;
    CHECK(merge_input(merge, &in, 0) == 2);
    const frs_merged *found = frs_merge_result(merge);
    CHECK(found->complete_to[FRS_BID] == 980 && found->count[FRS_BID] == 4 && found->complete[FRS_BID] == 3);
    CHECK(found->complete_to[FRS_ASK] == 0 && found->complete[FRS_ASK] == 0); /* of the cut one no ask is known */
    deep->total[FRS_BID]++;                                                   /* one more than it shows */
    cut->whole = 3;
    CHECK(merge_input(merge, &in, 0) == 2 && found->complete_to[FRS_BID] == 970 && found->complete[FRS_BID] == 4);
    CHECK(found->complete_to[FRS_ASK] == INT64_MAX);
    deep->state = FRS_STALE;
    CHECK(merge_input(merge, &in, 0) == 1 && found->complete_to[FRS_BID] == 0 && found->complete[FRS_BID] == 2);
    frs_merge_free(merge);
}

/* ---- text and refusals */

static void a_name_is_written_as_a_json_string(void) {
    static input in;
    input_clear(&in);
    input_add(&in, "a\"\\\n\x1f:\xc3\xa9", 0, 0);
    put(&in, FRS_BID, 1, 1);
    frs_merge *merge = frs_merge_new(1, 1);
    CHECK(merge_input(merge, &in, 0) == 1);
    CHECK(text_is(merge, FRS_BID, 0, "[[\"1\",\"1\",{\"a\\\"\\\\\\u000a\\u001f:\xc3\xa9\":\"1\"}]]"));
    memset(in.views[0].name, 1, FRS_NAME_SIZE - 1); /* the longest there is */
    CHECK(merge_input(merge, &in, 0) == 1);
    char out[1000];
    CHECK(frs_merge_text(merge, FRS_BID, 0, out, sizeof out) ==
          (int64_t)strlen("[[\"1\",\"1\",{\"\":\"1\"}]]") + 63 * 6);
    frs_merge_free(merge);
}

/* In every room the text is either whole or refused, and nothing is written behind the room. */
static void too_little_room_is_refused(void) {
    static input in;
    static char whole[1000];
    const int64_t enough = 2 + 2 * 58 + 4 * (29 + (int64_t)sizeof "\"a:X\":" - 1);
    frs_merge *merge = frs_merge_new(2, 2);
    input_clear(&in);
    for (int part = 0; part < 2; part++) {
        input_add(&in, part ? "b:X" : "a:X", 18, 18);
        put(&in, FRS_ASK, INT64_MAX - 2, INT64_MAX / 2);
        put(&in, FRS_ASK, INT64_MAX - 1, INT64_MAX / 2 - 1);
    }
    CHECK(merge_input(merge, &in, 0) == 2);
    int64_t size = frs_merge_text(merge, FRS_ASK, 0, whole, sizeof whole);
    CHECK(size > 0 && size <= enough);
    whole[size] = 0;
    CHECK(text_is(merge, FRS_ASK, 1000, whole));
    for (int64_t room = 0; room <= enough; room++) {
        guarded out = guard_behind(whole, (size_t)room);
        int64_t found = frs_merge_text(merge, FRS_ASK, 0, out.text, (size_t)room);
        CHECK(found == size || (found == FRS_E_FULL && room < enough));
        CHECK(found < 0 || memcmp(out.text, whole, (size_t)size) == 0);
        guard_free(&out);
    }
    CHECK(frs_merge_text(merge, 2, 0, whole, sizeof whole) == FRS_E_ARGUMENT);
    CHECK(frs_merge_side(merge, 2) == NULL && frs_merge_shares(merge, -1) == NULL);
    frs_merge_free(merge);
}

static void arguments_outside_their_range_are_refused(void) {
    CHECK(!frs_merge_new(0, 1) && !frs_merge_new(65, 1) && !frs_merge_new(1, 0) && !frs_merge_new(1, (1 << 20) + 1));
    CHECK(!frs_merge_new(5, 1 << 20));
    frs_merge *merge = frs_merge_new(2, 2);
    CHECK(frs_merge_part(merge, 1, 0, "a", 1) == FRS_E_ARGUMENT); /* 0 has not been said */
    CHECK(frs_merge_part(merge, 0, 0, "", 0) == FRS_E_ARGUMENT);
    CHECK(frs_merge_part(merge, 0, 0, "a\0b", 3) == FRS_E_ARGUMENT);
    char name[64] = {0};
    memset(name, 'x', sizeof name);
    CHECK(frs_merge_part(merge, 0, 0, name, 64) == FRS_E_ARGUMENT && frs_merge_part(merge, 0, 3, name, 63) == 0);
    CHECK(frs_merge_part(merge, 1, 0, "a", 1) == 0 && frs_merge_part(merge, 2, 0, "a", 1) == FRS_E_ARGUMENT);
    frs_arena *arena = frs_arena_new(3, 1);
    CHECK(frs_merge_read(merge, arena, 0) == FRS_E_ARGUMENT && is_nothing(merge)); /* there is no slot 3 */
    frs_arena_free(arena);
    frs_merge_free(merge);
}

static void a_side_that_is_no_side_of_a_book_is_refused(void) {
    static const frs_level bad[][2] = {{{5, 1}, {5, 1}},  {{4, 1}, {5, 1}}, {{5, 1}, {0, 1}},
                                       {{5, 1}, {-1, 1}}, {{5, 1}, {4, 0}}, {{5, -1}, {4, 1}}};
    static input in;
    frs_merge *merge = frs_merge_new(1, 2);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        input_clear(&in);
        input_add(&in, "a:X", 0, 0);
        put(&in, FRS_BID, bad[i][0].price, bad[i][0].quantity);
        put(&in, FRS_BID, bad[i][1].price, bad[i][1].quantity);
        CHECK(merge_input(merge, &in, 0) == FRS_E_ARGUMENT && is_nothing(merge));
        if (i == 1) {
            memcpy(in.levels[FRS_ASK][0], in.levels[FRS_BID][0], sizeof bad[i]);
            in.views[0].count[FRS_ASK] = 2;
            in.views[0].count[FRS_BID] = 0;
            CHECK(merge_input(merge, &in, 0) == 1); /* as asks they are in order */
        }
    }
    in.views[0].count[FRS_BID] = 3;
    CHECK(merge_input(merge, &in, 0) == FRS_E_FULL && is_nothing(merge));
    in.parts = 2;
    CHECK(merge_input(merge, &in, 0) == FRS_E_ARGUMENT);
    frs_merge_free(merge);
}

void test_merge(void) {
    TEST(two_venues_become_one_book);
    TEST(any_parts_merge_as_the_model_does);
    TEST(no_level_behind_an_array_is_read);
    TEST(only_live_parts_take_part_and_the_others_are_told);
    TEST(of_no_parts_nothing_is_known);
    TEST(what_keeps_the_others_from_fitting_is_left_out);
    TEST(it_is_complete_down_to_where_the_first_part_ends);
    TEST(a_name_is_written_as_a_json_string);
    TEST(too_little_room_is_refused);
    TEST(arguments_outside_their_range_are_refused);
    TEST(a_side_that_is_no_side_of_a_book_is_refused);
}
