/* The input is a list of operations on a book, which must hold what the model holds after each, and show it.
 *
 * The first byte chooses capacity, depth limit and view; then each operation is 6 bytes: kind, side, the start, step
 * and number of a run of levels, and their quantity. Runs, so that a short input fills a book beyond its ladder; the
 * kind's highest bit puts them far apart.
 */
#include <stdio.h>

#include "../tests/model.h"
#include "fuzz.h"

#define SEED(text) {text, sizeof text - 1}

const fuzz_seed fuzz_seeds[] = {
    SEED("\0\0\0\020\1\377\1\0\1\020\1\377\1\0\0\220\1\377\2\0\1\220\1\377\2\1\0\020\1\100\0\0\0\1\1\377\3"),
    SEED("\1\0\0\0\1\377\1\0\0\100\1\377\1\0\0\200\1\377\1\0\0\300\1\377\1\1\0\300\1\377\0\1\0\200\1\377\0\1\0\100\1"
         "\377\0"),
    SEED("\2\2\0\7\3\60\1\2\1\7\3\60\1\0\0\10\1\5\0\0\1\10\1\5\0\3\0\0\0\0\0\0\0\10\1\5\1"),
    SEED("\3\2\0\7\3\60\1\4\1\7\3\60\1\5\0\10\1\5\0\0\1\10\1\5\0\3\0\0\0\0\0\6\0\10\1\5\1"),
    SEED("\0\0\0\100\1\377\1\200\0\0\100\1\377\2\0\0\0\110\1\100\0\201\0\0\100\1\377\0\200\1\0\1\7\377\3"),
    {NULL, 0}};
const size_t fuzz_runs = 4000;

enum { BATCH = 255, OPERATION = 6, TEXT = BATCH * 64 + 2, MOST_OPERATIONS = 24 };

typedef struct {
    model model;
    frs_level levels[MODEL_ROOM];
    char text[TEXT];
    frs_arena *arena;
    frs_scratch *scratch;
    frs_book *book;
    uint32_t shown;
    int scale;
    int64_t unit;
} world;

static void must_match(world *w, bool published) {
    const char *differs = model_differs(&w->model, w->book, 77, w->levels);
    if (!differs && published) {
        frs_view view;
        frs_level bids[1000], asks[1000];
        must(frs_view_read(w->arena, 0, &view, bids, asks, w->shown) == 0);
        differs = model_differs_from_view(&w->model, &view, bids, asks, w->shown);
    }
    if (differs)
        fprintf(stderr, "differs: %s\n", differs);
    must(!differs);
}

static void change_book(world *w, uint32_t capacity, int finer) {
    frs_book *old = w->book;
    w->scale += finer;
    w->book = frs_book_new(capacity, w->scale, 0, w->model.depth);
    must(w->book && frs_book_copy(w->book, old) == 0);
    frs_book_free(old);
    if (finer) {
        model_multiply(&w->model, 10, 1);
        w->unit *= 10;
    }
}

static void apply(world *w, uint32_t flags, const uint8_t *operation) {
    frs_level levels[BATCH];
    int side = operation[1] & 1;
    size_t count = operation[4];
    int64_t stretch = operation[0] & 0x80 ? 4099 : 1;
    for (size_t i = 0; i < count; i++) {
        int64_t place = 1 + operation[2] * 16 + (int64_t)i * (int8_t)operation[3] + (operation[1] >> 1);
        levels[i] = (frs_level){(place > 0 ? place : 1) * stretch * w->unit, operation[5]};
    }
    size_t size = model_text(w->text, levels, count, w->scale, 0);
    const char *bids = side == FRS_BID ? w->text : "", *asks = side == FRS_BID ? "" : w->text;
    size_t bids_size = side == FRS_BID ? size : 0, asks_size = size - bids_size;
    int bits;
    while ((bits = frs_book_apply(w->book, flags, NULL, bids, bids_size, asks, asks_size, 1, 1)) == FRS_E_FULL)
        change_book(w, frs_book_capacity(w->book) * 2, 0);
    must(bits >= 0);
    size_t bid_count = side == FRS_BID ? count : 0;
    (flags & FRS_SNAPSHOT ? model_snapshot : model_delta)(&w->model, levels, bid_count, levels, count - bid_count);
    must_match(w, !(flags & FRS_QUIET));
}

static void operate(world *w, const uint8_t *operation) {
    switch (operation[0] % 8) {
    case 3:
        frs_book_publish(w->book);
        must_match(w, true);
        break;
    case 4:
        change_book(w, frs_book_capacity(w->book), w->scale < 4);
        must_match(w, false);
        break;
    case 5:
        w->model.limit = operation[2];
        frs_book_limit(w->book, operation[2]);
        break;
    case 2:
        apply(w, FRS_SNAPSHOT, operation);
        break;
    case 6:
        apply(w, FRS_QUIET, operation);
        break;
    default:
        apply(w, 0, operation);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static world w;
    static const uint32_t depths[] = {0, 0, 10, 1000}, shown[] = {50, 5, 50, 200};
    if (size == 0)
        return 0;
    int choice = data[0] & 3;
    w.shown = shown[choice];
    w.scale = 0;
    w.unit = 1;
    w.arena = frs_arena_new(1, w.shown);
    w.scratch = frs_scratch_new(BATCH);
    w.book = frs_book_new(data[0] & 4 ? 4096 : 16, 0, 0, depths[choice]);
    model_clear(&w.model, depths[choice], 0);
    must(w.arena && w.scratch && w.book && frs_book_attach(w.book, w.scratch, NULL, w.arena, 0, "f", 1) == 0);
    size_t operations = (size - 1) / OPERATION < MOST_OPERATIONS ? (size - 1) / OPERATION : MOST_OPERATIONS;
    for (size_t i = 0; i < operations; i++)
        operate(&w, data + 1 + i * OPERATION);
    frs_book_free(w.book);
    frs_scratch_free(w.scratch);
    frs_arena_free(w.arena);
    return 0;
}
