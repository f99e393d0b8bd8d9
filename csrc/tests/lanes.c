/* Lanes for the tests and the fuzz target, and what can be seen of them. */
#include "lanes.h"

#include <string.h>

#define PAIRS1 {"[[\"100\",\"1\"],[\"99\",\"2\"]]", "[[\"101\",\"1\"],[\"102\",\"2\"]]"}
#define OBJECTS1                                                                                                       \
    {"[{\"price\":100,\"qty\":1},{\"price\":99,\"qty\":2}]", "[{\"price\":101,\"qty\":1},{\"price\":102,\"qty\":2}]"}
#define LEVEL(side, price, quantity) "{\"side\":\"" side "\",\"price\":\"" price "\",\"qty\":\"" quantity "\"}"

const lane_kind lane_kinds[LANE_KINDS] = {
    {.template =
         "{\"e\":\"depth\",\"E\":<time>,\"s\":\"<symbol>\",\"U\":<first>,\"u\":<last>,\"b\":<bids>,\"a\":<asks>}",
     .snapshot = PAIRS1,
     .frame =
         "{\"e\":\"depth\",\"E\":1700000000123,\"s\":\"BTC\",\"U\":8,\"u\":9,\"b\":[[\"99.50\",\"3.000\"]],\"a\":[["
         "\"101.00\",\"0.000\"],[\"102.25\",\"5.5\"]]}",
     .continuity = FRS_CHAINED},
    {.template = "{\"T\":<>,\"s\":\"<symbol>\",\"u\":<last>,\"pu\":<prev>,\"a\":<asks>,\"b\":<bids>}",
     .snapshot = PAIRS1,
     .frame = "{\"T\":17,\"s\":\"BTC\",\"u\":12,\"pu\":7,\"a\":[[\"101.00\",\"0.000\"],[\"102.25\",\"5.5\"]],\"b\":[["
              "\"99.50\",\"3.000\"]]}",
     .continuity = FRS_LINKED},
    {.template =
         "{\"topic\":\"book.<symbol>\",\"ts\":<>,\"data\":{\"s\":\"<symbol>\",\"b\":<bids>,\"a\":<asks>,\"u\":\"<"
         "last>\"},\"cts\":<time>}",
     .snapshot = PAIRS1,
     .frame =
         "{\"topic\":\"book.BTC\",\"ts\":\"x y\",\"data\":{\"s\":\"BTC\",\"b\":[[\"99.50\",\"3.000\",\"0\",\"1\"]],"
         "\"a\":[[\"101\",\"0\"],[\"102.25\",\"5.5\"]],\"u\":\"8\"},\"cts\":1700000000123}",
     .continuity = FRS_COUNTED},
    {.template = "{\"timestamp\":\"<moment>\",\"sequence_num\":<number>,\"events\":[{\"product_id\":\"<symbol>\","
                 "\"updates\":<bids>}]}",
     .spelling = "price qty side bid offer",
     .kind = FRS_SIDED,
     .snapshot = {"[" LEVEL("bid", "100", "1") "," LEVEL("bid", "99", "2") "," LEVEL("offer", "101", "1") "," LEVEL(
         "offer", "102", "2") "]"},
     .frame = "{\"timestamp\":\"2023-11-14T22:13:20.123Z\",\"sequence_num\":4,\"events\":[{\"product_id\":\"BTC\","
              "\"updates\":[" LEVEL("bid", "99.5", "3") "," LEVEL("offer", "101", "0") "," LEVEL("offer", "102.25",
                                                                                                 "5.5") "]}]}",
     .continuity = FRS_CONNECTION},
    {.template = "{\"symbol\":\"<symbol>\",\"bids\":<bids>,\"asks\":<asks>,\"checksum\":<checksum>,\"timestamp\":\"<"
                 "moment>\"}",
     .spelling = "price qty",
     .kind = FRS_OBJECTS,
     .snapshot = OBJECTS1,
     .frame =
         "{\"symbol\":\"BTC\",\"bids\":[{\"price\":99.50,\"qty\":3.000}],\"asks\":[{\"price\":101.00,\"qty\":0.000},{"
         "\"price\":102.25,\"qty\":5.5}],\"checksum\":3003298512,\"timestamp\":\"2023-11-14T22:13:20.123Z\"}",
     .form = FRS_DIGITS,
     .continuity = FRS_UNNUMBERED},
};

static size_t length(const char *text) {
    return text ? strlen(text) : 0;
}

bool lane_desk_open(lane_desk *desk, const lane_kind *kind, uint32_t capacity) {
    *desk = (lane_desk){kind, frs_arena_new(1, 5), frs_ring_new(64), frs_scratch_new(1000), NULL, NULL, NULL, -1};
    if (kind->kind)
        desk->spelling = frs_spelling_new(kind->kind, kind->spelling, strlen(kind->spelling));
    desk->book = frs_book_new(capacity, 2, 3, 0);
    desk->lane = frs_lane_new(desk->spelling, kind->continuity, 1000000, kind->form, 10, 4);
    if (!desk->arena || !desk->ring || !desk->scratch || !desk->book || !desk->lane)
        return false;
    frs_ring_begin(desk->ring);
    desk->index = frs_lane_add(desk->lane, "BTC", 3, 2, 3);
    frs_lane_count(desk->lane, 3);
    return frs_lane_template(desk->lane, kind->template, strlen(kind->template)) == 0 && desk->index == 0 &&
           frs_book_attach(desk->book, desk->scratch, desk->ring, desk->arena, 0, "BTC", 3) == 0 &&
           frs_book_apply(desk->book, FRS_SNAPSHOT, desk->spelling, kind->snapshot[0], length(kind->snapshot[0]),
                          kind->snapshot[1], length(kind->snapshot[1]), 7, 1) == FRS_TOP &&
           frs_book_mark(desk->book, FRS_LIVE, 0, FRS_BY_SEQUENCE, 1) >= 0 &&
           frs_lane_open(desk->lane, desk->index, desk->book, 7) == 0;
}

void lane_desk_close(lane_desk *desk) {
    frs_lane_free(desk->lane);
    frs_book_free(desk->book);
    frs_spelling_free(desk->spelling);
    frs_scratch_free(desk->scratch);
    frs_ring_free(desk->ring);
    frs_arena_free(desk->arena);
}

int lane_take(lane_desk *desk, const char *frame) {
    return frs_lane_take(desk->lane, frame, strlen(frame), 5);
}

size_t lane_lay(const char *const *frames, size_t count, char *buf, uint32_t *words) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(frames[i]);
        words[FRS_FRAME_WORDS * i + 2] = (uint32_t)size;
        words[FRS_FRAME_WORDS * i + 3] = (uint32_t)bytes;
        memcpy(buf + size, frames[i], bytes);
        size += bytes;
    }
    return size;
}

void lane_look(const lane_desk *desk, lane_sight *out) {
    memset(out, 0, sizeof *out);
    frs_book_view(desk->book, &out->view);
    frs_view_read(desk->arena, 0, &out->slot, out->bids[1], out->asks[1], 5);
    out->counts[0] = frs_book_read(desk->book, FRS_BID, FRS_ALL, out->bids[0], 64);
    out->counts[1] = frs_book_read(desk->book, FRS_ASK, FRS_ALL, out->asks[0], 64);
    out->time = *frs_lane_time(desk->lane);
    out->samples = frs_ring_count(desk->ring);
}

bool lane_same(const lane_sight *a, const lane_sight *b) {
    return memcmp(a, b, sizeof *a) == 0;
}
