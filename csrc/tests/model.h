/* model.h: a book as simple as can be, to compare the real one with: a sorted array a side and nothing clever. */
#ifndef FLOWRS_MODEL_H
#define FLOWRS_MODEL_H

#include <stdbool.h>

#include "flowrs.h"

enum { MODEL_ROOM = 20000 };

typedef struct {
    frs_level levels[2][MODEL_ROOM]; /* best first */
    size_t count[2];
    int64_t edge[2]; /* the last known price; 0: all is known */
    uint32_t depth, limit;
} model;

void model_clear(model *m, uint32_t depth, uint32_t limit);
void model_snapshot(model *m, const frs_level *bids, size_t bid_count, const frs_level *asks, size_t ask_count);
void model_delta(model *m, const frs_level *bids, size_t bid_count, const frs_level *asks, size_t ask_count);
void model_multiply(model *m, int64_t price_by, int64_t quantity_by);
/* How many levels of a side are known. */
size_t model_known(const model *m, int side);

/* NULL if the book holds what the model holds, by every way of asking it; else what differs. `out` has MODEL_ROOM. */
const char *model_differs(const model *m, const frs_book *book, size_t room, frs_level *out);
/* The same for what is published, in a slot with room for `depth` levels. */
const char *model_differs_from_view(const model *m, const frs_view *view, const frs_level *bids, const frs_level *asks,
                                    uint32_t depth);

/* Levels as JSON, [["price","quantity"],...]; returns the length. */
size_t model_text(char *out, const frs_level *levels, size_t count, int price_scale, int quantity_scale);

#endif
