/* lanes.h: a lane of each of the five continuities with a live book, as the exchanges that flowrs knows spell them. */
#ifndef FLOWRS_LANES_H
#define FLOWRS_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowrs.h"

enum { LANE_KINDS = 5 };

typedef struct {
    const char *template, *spelling, *snapshot[2];
    const char *frame; /* which follows */
    int kind, continuity, form;
} lane_kind;

extern const lane_kind lane_kinds[LANE_KINDS]; /* in the order of FRS_CHAINED ... */

typedef struct {
    const lane_kind *kind;
    frs_arena *arena;
    frs_ring *ring;
    frs_scratch *scratch;
    frs_spelling *spelling;
    frs_book *book;
    frs_lane *lane;
    int index;
} lane_desk;

/* The book "BTC" at 2 and 3 decimals, live at number 7; the lane's last number is 3. false: something could not be
 * made. */
bool lane_desk_open(lane_desk *desk, const lane_kind *kind, uint32_t capacity);
void lane_desk_close(lane_desk *desk);
int lane_take(lane_desk *desk, const char *frame);
/* Lays frames one behind the other, and tells where in the words of frs_frames_split; returns their size in all. */
size_t lane_lay(const char *const *frames, size_t count, char *buf, uint32_t *words);
/* Whether book, slot and the lane's numbers are as in `before`, but for nothing. */
typedef struct {
    frs_view view, slot;
    frs_level bids[2][64], asks[2][64];
    int counts[2];
    int64_t time;
    uint64_t samples;
} lane_sight;
void lane_look(const lane_desk *desk, lane_sight *out);
bool lane_same(const lane_sight *a, const lane_sight *b);

#endif
