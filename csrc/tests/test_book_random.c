/* The book against the model, under long random sequences from markets of different shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "model.h"

enum { PRICE_SCALE = 2, QUANTITY_SCALE = 3, BATCH = 40, TEXT = BATCH * 64, SHOWN = 50 };

/* How a market draws prices: all distances are from the touch, in ticks. */
typedef enum {
    AT_TOUCH,
    UNIFORM,
    RISING,
    FALLING,
    SPARSE,
    SWEEPING,
    SWINGING,
    DOUBLING, /* and halving, within some tens of messages */
    APART,    /* prices a thousand times the others */
    COARSE,   /* ticks that turn out to be finer, again and again */
    SHAPES
} shape;

typedef struct {
    uint64_t seed;
    shape shape;
    int64_t mid;
    int step;
} market;

static int64_t distance(market *m) {
    uint64_t *seed = &m->seed;
    switch (m->shape) {
    case AT_TOUCH:
        return (int64_t)random_below(seed, 1 + random_below(seed, 300));
    case APART:
        return random_below(seed, 4) ? (int64_t)random_below(seed, 4000) : (int64_t)random_below(seed, 9000000) * 1000;
    case COARSE:
        return (m->step % 200 < 100 ? 60 : m->step % 200 < 150 ? 12 : 1) * (int64_t)random_below(seed, 800);
    case SPARSE:
        return 1000 * (int64_t)random_below(seed, 2000);
    case SWEEPING:
    case SWINGING:
        return (int64_t)random_below(seed, 1500);
    default:
        return (int64_t)random_below(seed, 4000);
    }
}

static frs_level draw(market *m, int side) {
    int64_t away = distance(m) + 1, price = side == FRS_BID ? m->mid - away : m->mid + away;
    uint64_t removals = m->shape == SWEEPING && away < 400 ? 9 : 4;
    bool removal = random_below(&m->seed, 10) < removals;
    return (frs_level){price > 0 ? price : 1, removal ? 0 : 1 + (int64_t)random_below(&m->seed, 1000000)};
}

static void move(market *m) {
    m->step++;
    if (m->shape == RISING && m->mid < 20000000)
        m->mid += m->mid / 2000;
    if (m->shape == FALLING && m->mid > 5000000)
        m->mid -= m->mid / 2000;
    if (m->shape == DOUBLING)
        m->mid += m->step / 70 % 2 ? -m->mid / 100 : m->mid / 100;
    if (m->shape == SWEEPING)
        m->mid += 3;
    if (m->shape == SWINGING)
        m->mid += m->step / 60 % 2 ? 20 : -20;
}

typedef struct {
    model *model;
    frs_level *out;
    frs_arena *arena;
    frs_ring *ring;
    frs_scratch *scratch;
    frs_book *book;
    uint32_t shown;
    int price_scale, quantity_scale;
} trial;

static trial trial_new(uint32_t capacity, uint32_t depth, uint32_t limit, uint32_t shown) {
    trial t = {malloc(sizeof(model)),
               malloc(MODEL_ROOM * sizeof(frs_level)),
               frs_arena_new(1, shown),
               frs_ring_new(64),
               frs_scratch_new(2 * BATCH),
               frs_book_new(capacity, PRICE_SCALE, QUANTITY_SCALE, depth),
               shown,
               PRICE_SCALE,
               QUANTITY_SCALE};
    model_clear(t.model, depth, limit);
    frs_book_attach(t.book, t.scratch, t.ring, t.arena, 0, "t", 1);
    frs_book_limit(t.book, limit);
    return t;
}

static void trial_free(trial *t) {
    free(t->model);
    free(t->out);
    frs_book_free(t->book);
    frs_arena_free(t->arena);
    frs_ring_free(t->ring);
    frs_scratch_free(t->scratch);
}

/* To a book of this capacity and with `finer` more digits. */
static void change_book(trial *t, uint32_t capacity, int finer) {
    frs_book *old = t->book;
    t->price_scale += finer;
    t->quantity_scale += finer;
    t->book = frs_book_new(capacity, t->price_scale, t->quantity_scale, t->model->depth);
    CHECK(frs_book_copy(t->book, old) == 0);
    frs_book_free(old);
    for (int i = 0; i < finer; i++)
        model_multiply(t->model, 10, 10);
}

static int apply(trial *t, uint32_t flags, frs_level levels[2][BATCH], const size_t counts[2]) {
    char bids[TEXT], asks[TEXT];
    size_t bids_size = model_text(bids, levels[0], counts[0], t->price_scale, t->quantity_scale);
    size_t asks_size = model_text(asks, levels[1], counts[1], t->price_scale, t->quantity_scale);
    int bits;
    while ((bits = frs_book_apply(t->book, flags, NULL, bids, bids_size, asks, asks_size, 1, 1)) == FRS_E_FULL)
        change_book(t, 2 * frs_book_capacity(t->book), 0);
    (flags & FRS_SNAPSHOT ? model_snapshot : model_delta)(t->model, levels[0], counts[0], levels[1], counts[1]);
    return bits;
}

static bool matches(trial *t, size_t room, bool published) {
    const char *differs = model_differs(t->model, t->book, room, t->out);
    if (!differs && published) {
        frs_view view;
        frs_level bids[1000], asks[1000];
        CHECK(frs_view_read(t->arena, 0, &view, bids, asks, t->shown) == 0);
        differs = model_differs_from_view(t->model, &view, bids, asks, t->shown);
    }
    if (differs)
        fprintf(stderr, "differs: %s\n", differs);
    return !differs;
}

static bool bits_are_right(const trial *t, int bits) {
    const model *m = t->model;
    bool narrow = false, crossed = m->count[0] && m->count[1] && m->levels[0][0].price >= m->levels[1][0].price;
    for (int side = 0; side < 2; side++) {
        uint32_t most = m->depth && m->depth < t->shown ? m->depth : t->shown;
        narrow |= m->edge[side] && model_known(m, side) < most;
    }
    return bits >= 0 && crossed == !!(bits & FRS_CROSSED) && narrow == !!(bits & FRS_NARROW);
}

static void run(market m, trial t, int steps, uint64_t snapshots) {
    for (int i = 0; i < steps; i++, move(&m)) {
        frs_level levels[2][BATCH];
        size_t counts[2];
        int64_t unit = 1;
        for (int s = PRICE_SCALE; s < t.price_scale; s++)
            unit *= 10;
        for (int side = 0; side < 2; side++) {
            counts[side] = random_below(&m.seed, BATCH);
            for (size_t k = 0; k < counts[side]; k++) {
                levels[side][k] = draw(&m, side);
                levels[side][k].price *= unit;
            }
        }
        bool quiet = random_below(&m.seed, 10) == 0;
        uint32_t flags = (quiet ? FRS_QUIET : 0) | (i == 0 || random_below(&m.seed, snapshots) == 0 ? FRS_SNAPSHOT : 0);
        int bits = apply(&t, flags, levels, counts);
        if (quiet)
            CHECK(bits == 0 || bits == FRS_CROSSED);
        else
            CHECK(bits_are_right(&t, bits));
        if (i % 8 == 0 || t.model->depth)
            CHECK(matches(&t, random_below(&m.seed, 3000), !quiet));
        if (i % 400 == 399)
            change_book(&t, frs_book_capacity(t.book), i == 399 ? 2 : 0);
    }
    CHECK(matches(&t, 100, false));
    trial_free(&t);
}

static market market_of(shape s, uint64_t seed) {
    return (market){seed, s, 10000000, 0};
}

static void every_market_leaves_the_book_as_the_model(void) {
    for (int s = 0; s < SHAPES; s++)
        run(market_of((shape)s, 10 + (uint64_t)s), trial_new(16, 0, 0, SHOWN), 1200, 100000);
}

/* As far from each other as prices can be. */
static void the_last_prices_there_are_leave_the_book_as_the_model(void) {
    for (int64_t step = 1; step < INT64_MAX / 2000; step *= 1001) {
        trial t = trial_new(64, 0, 0, SHOWN);
        uint64_t seed = (uint64_t)step;
        t.price_scale = t.quantity_scale = 0;
        frs_book *old = t.book;
        t.book = frs_book_new(64, 0, 0, 0);
        CHECK(frs_book_attach(t.book, t.scratch, t.ring, t.arena, 0, "t", 1) == 0);
        frs_book_free(old);
        for (int i = 0; i < 300; i++) {
            frs_level levels[2][BATCH];
            for (size_t k = 0; k < BATCH; k++)
                for (int side = 0; side < 2; side++) {
                    int64_t away = step * (int64_t)random_below(&seed, 1500),
                            quantity = (int64_t)random_below(&seed, 3);
                    bool high = random_below(&seed, 20) < (i % 100 < 50 ? 1 : 19);
                    levels[side][k] = (frs_level){high ? INT64_MAX - away : 1 + away, quantity};
                }
            apply(&t, 0, levels, (size_t[2]){BATCH, BATCH});
            CHECK(matches(&t, 100, true));
        }
        trial_free(&t);
    }
}

/* Takes away what is held, nearly all of it at times, and adds some levels on a grid of their own. */
static size_t thin_message(const trial *t, int side, uint64_t *seed, frs_level *out) {
    static const int64_t steps[] = {1, 2, 3, 5, 10, 100, 1024, 99991};
    const int64_t step = steps[random_below(seed, 8)], begin = 1 + (int64_t)random_below(seed, (uint64_t)(2 * step));
    const uint64_t left = random_below(seed, 3) ? 10 : 2, reach = random_below(seed, 4) ? 6 : 9000;
    const int64_t way = side == FRS_BID ? -1 : 1;
    size_t count = 0;
    for (size_t k = 0; k < t->model->count[side] && count < BATCH / 2; k++)
        if (random_below(seed, 10) < left)
            out[count++] = (frs_level){t->model->levels[side][k].price, 0};
    for (uint64_t k = random_below(seed, 5); k > 0; k--) {
        int64_t away = begin + step * (int64_t)random_below(seed, reach);
        out[count++] = (frs_level){1000000000 + way * away, 1 + (int64_t)random_below(seed, 9)};
    }
    return count;
}

/* All of a side is gone in a message, and comes again elsewhere, as in a market with few orders. */
static void thin_markets_leave_the_book_as_the_model(void) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        trial t = trial_new(16, seed % 4 ? 0 : 3, 0, SHOWN);
        uint64_t chance = seed;
        for (int i = 0; i < 1500; i++) {
            frs_level levels[2][BATCH];
            size_t counts[2];
            for (int side = 0; side < 2; side++)
                counts[side] = thin_message(&t, side, &chance, levels[side]);
            apply(&t, 0, levels, counts);
            CHECK(matches(&t, 100, true));
        }
        trial_free(&t);
    }
}

static void every_market_leaves_a_window_as_the_model(void) {
    for (int s = 0; s < SHAPES; s++)
        run(market_of((shape)s, 30 + (uint64_t)s), trial_new(1024, 0, 5, SHOWN), 600, 60);
}

static void every_market_leaves_a_cut_book_as_the_model(void) {
    for (uint32_t depth = 1; depth <= 1000; depth *= 10)
        for (int s = 0; s < SHAPES; s++)
            run(market_of((shape)s, 50 + (uint64_t)s + depth), trial_new(8000, depth, 0, SHOWN), 300, 200);
}

static void a_deep_view_is_as_exact_as_a_shallow_one(void) {
    for (int s = 0; s < SHAPES; s++) {
        run(market_of((shape)s, 70 + (uint64_t)s), trial_new(8192, 0, 0, 1000), 500, 100000);
        run(market_of((shape)s, 90 + (uint64_t)s), trial_new(8192, 0, 0, 1), 300, 100000);
    }
}

/* Sends the run of levels with these distances from the touch, in messages of a batch, and compares after each. */
static void send_run(trial *t, int64_t from, int64_t to, int64_t quantity) {
    for (int64_t away = from; away < to;) {
        frs_level levels[2][BATCH];
        size_t count = 0;
        for (; count < BATCH && away < to; count++, away++) {
            levels[0][count] = (frs_level){1000000 - away, quantity};
            levels[1][count] = (frs_level){1000001 + away, quantity};
        }
        apply(t, 0, levels, (size_t[2]){count, count});
        CHECK(matches(t, 300, true));
    }
}

static void a_market_that_sweeps_every_level_away_shows_the_ones_behind(void) {
    for (uint32_t shown = 1; shown <= 1000; shown *= 10) {
        trial t = trial_new(8192, 0, 0, shown);
        send_run(&t, 0, 3000, 5);
        send_run(&t, 0, 3000, 0);
        CHECK(frs_book_total(t.book, FRS_BID) == 0);
        trial_free(&t);
    }
}

static void a_market_that_comes_and_goes_shows_what_is_there(void) {
    trial t = trial_new(8192, 0, 0, SHOWN);
    send_run(&t, 500, 2000, 5);
    for (int64_t reach = 40; reach < 640; reach += 60) {
        send_run(&t, 500 - reach / 2, 500, 7);
        send_run(&t, 500 - reach / 2, 500 + reach, 0);
        send_run(&t, 500, 500 + reach, 8);
    }
    trial_free(&t);
}

/* The text of a side, read back, is the side: also when it needs many pieces of scratch. */
static void text_is_what_is_read(void) {
    market m = market_of(UNIFORM, 5);
    trial t = trial_new(8192, 0, 0, SHOWN);
    for (int i = 0; i < 300; i++) {
        frs_level levels[2][BATCH];
        for (size_t k = 0; k < BATCH; k++) {
            levels[0][k] = draw(&m, 0);
            levels[1][k] = draw(&m, 1);
        }
        apply(&t, 0, levels, (size_t[2]){BATCH, BATCH});
    }
    size_t room = 52 * t.model->count[FRS_ASK] + 2;
    char *text = malloc(room);
    for (size_t levels = 0; levels < 2000; levels += 37) {
        size_t expected = levels < t.model->count[FRS_ASK] ? levels : t.model->count[FRS_ASK];
        int64_t size = frs_book_text(t.book, FRS_ASK, 0, levels, text, room);
        CHECK(size >= 2);
        int n = frs_levels_scan(text, (size_t)size, NULL, PRICE_SCALE, QUANTITY_SCALE, t.out, MODEL_ROOM);
        CHECK(n == (int)expected && memcmp(t.out, t.model->levels[FRS_ASK], expected * sizeof *t.out) == 0);
    }
    free(text);
    trial_free(&t);
}

void test_book_random(void) {
    TEST(every_market_leaves_the_book_as_the_model);
    TEST(the_last_prices_there_are_leave_the_book_as_the_model);
    TEST(thin_markets_leave_the_book_as_the_model);
    TEST(every_market_leaves_a_window_as_the_model);
    TEST(every_market_leaves_a_cut_book_as_the_model);
    TEST(a_deep_view_is_as_exact_as_a_shallow_one);
    TEST(a_market_that_sweeps_every_level_away_shows_the_ones_behind);
    TEST(a_market_that_comes_and_goes_shows_what_is_there);
    TEST(text_is_what_is_read);
}
