/* A frame that the lane takes must be what a slow reading by the same template finds, and change the book as
 * frs_book_apply does with that; one that it leaves must have changed nothing, and the slow reading must know why. The
 * first byte says which of the five lanes.
 */
#include <stdio.h>
#include <string.h>

#include "../tests/lanes.h"
#include "fuzz.h"

#define SEED(kind, text) {kind text, sizeof kind text - 1}

const fuzz_seed fuzz_seeds[] = {
    SEED("\0", "{\"e\":\"depth\",\"E\":1700000000123,\"s\":\"BTC\",\"U\":8,\"u\":9,\"b\":[[\"99.50\",\"3.000\"]],\"a\":"
               "[[\"101.00\",\"0.000\"],[\"102.25\",\"5.5\"]]}"),
    SEED("\1", "{\"T\":17,\"s\":\"BTC\",\"u\":12,\"pu\":7,\"a\":[[\"101.00\",\"0.000\"],[\"102.25\",\"5.5\"]],\"b\":[["
               "\"99.50\",\"3.000\"]]}"),
    SEED("\1", "{\"T\":null,\"s\":\"BTC\",\"u\":7,\"pu\":7,\"a\":[],\"b\":[[\"103\",\"1\"]]}"),
    SEED("\2", "{\"topic\":\"book.BTC\",\"ts\":\"x "
               "y\",\"data\":{\"s\":\"BTC\",\"b\":[[\"99.50\",\"3.000\",\"0\",\"1\"]],\"a\":[[\"101\",\"0\"],[ "
               "1.0225e2 ,5.5]],\"u\":\"8\"},\"cts\":1700000000123}"),
    SEED("\3", "{\"timestamp\":\"2023-11-14T22:13:20.1234567Z\",\"sequence_num\":4,\"events\":[{\"product_id\":\"BTC\","
               "\"updates\":[{\"side\":\"bid\",\"x\":\"[]\",\"price\":\"99.5\",\"qty\":\"3\"},{\"side\":\"offer\","
               "\"price\":\"101\",\"qty\":\"0\"}]}]}"),
    SEED("\4",
         "{\"symbol\":\"BTC\",\"bids\":[{\"price\":99.50,\"qty\":3.000}],\"asks\":[{\"price\":101.00,\"qty\":0.000},{"
         "\"price\":102.25,\"qty\":5.5}],\"checksum\":3003298512,\"timestamp\":\"2023-11-14T22:13:20.123Z\"}"),
    {NULL, 0}};
const size_t fuzz_runs = 100000;

enum { NAMES = 8 };

/* Where the values of the names lie in a frame; of a repeated name the first one. */
typedef struct {
    const char *start[NAMES], *end[NAMES];
} slow;

static const char *const NAME[NAMES] = {"first", "last", "prev", "number", "checksum", "symbol", "bids", "asks"};

/* The end of a JSON value, as far as brackets and quotes tell. */
static const char *value_end(const char *p, const char *end) {
    int open = 0;
    for (bool quoted = false; p < end; p++) {
        if (quoted ? *p == '"' : open == 0 && (*p == ',' || *p == '}' || *p == ']' || *p == '"'))
            if (open == 0)
                return p;
        if (*p == '"' && open)
            quoted = !quoted;
        else if (!quoted)
            open += (*p == '[' || *p == '{') - (*p == ']' || *p == '}');
        if (open == 0 && !quoted && *p == ']')
            return p + 1;
    }
    return NULL;
}

/* Reads without judging the values. */
static bool read_slowly(const char *template, const char *p, const char *end, slow *out) {
    memset(out, 0, sizeof *out);
    while (*template) {
        if (*template != '<') {
            if (p == end || *p++ != *template++)
                return false;
            continue;
        }
        size_t size = strcspn(template + 1, ">");
        const char *behind = *p == '"' ? NULL : value_end(p, end);
        if (size == 0 && p < end && *p == '"') {
            behind = memchr(p + 1, '"', (size_t)(end - p - 1));
            behind = behind ? behind + 1 : NULL;
        }
        if (!behind)
            return false;
        for (int i = 0; i < NAMES; i++)
            if (strlen(NAME[i]) == size && memcmp(NAME[i], template + 1, size) == 0 && !out->start[i]) {
                out->start[i] = p;
                out->end[i] = behind;
            }
        p = behind;
        template += size + 2;
    }
    return p == end;
}

static int64_t integer(const slow *found, int name) {
    int64_t value = -1;
    const char *start = found->start[name];
    if (start && frs_decimal_parse(start, (size_t)(found->end[name] - start), 0, &value))
        return -1;
    return value;
}

/* The number after the update, -1 if it does not follow; written down anew from the rules. */
static int64_t number_after(int continuity, const slow *found) {
    int64_t first = integer(found, 0), last = integer(found, 1), prev = integer(found, 2), number = integer(found, 3);
    bool follows = (continuity == FRS_CHAINED && first == 8 && last >= 8) ||
                   (continuity == FRS_LINKED && prev == 7 && last >= 7) || (continuity == FRS_COUNTED && last == 8) ||
                   (continuity == FRS_CONNECTION && number == 4);
    return continuity == FRS_UNNUMBERED ? 8 : !follows ? -1 : continuity == FRS_CONNECTION ? 4 : last;
}

/* The same frame by frs_book_apply, into a book beside: the bits of frs_lane_take, or FRS_E_LEFT. */
static int apply_slowly(lane_desk *d, const slow *found) {
    int64_t number = number_after(d->kind->continuity, found);
    uint32_t crc;
    size_t sizes[2] = {(size_t)(found->end[6] - found->start[6]), (size_t)(found->end[7] - found->start[7])};
    if (number < 0 || found->end[5] - found->start[5] != 3 || memcmp(found->start[5], "BTC", 3) != 0)
        return FRS_E_LEFT;
    int bits = frs_book_apply(d->book, FRS_QUIET, d->spelling, found->start[6], sizes[0], found->start[7], sizes[1],
                              (uint64_t)number, 0);
    if (bits < 0)
        return FRS_E_LEFT;
    if (d->kind->form && (frs_book_checksum(d->book, d->kind->form, 10, 2, 3, &crc) || crc != integer(found, 4)))
        bits |= FRS_UNPROVEN;
    if (!bits)
        must(frs_book_publish(d->book) >= 0);
    return bits;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lane_desk desks[LANE_KINDS], beside[LANE_KINDS];
    if (size == 0)
        return 0;
    int which = data[0] % LANE_KINDS;
    lane_desk *d = &desks[which], *other = &beside[which];
    must(lane_desk_open(d, &lane_kinds[which], 100) && lane_desk_open(other, &lane_kinds[which], 100));
    lane_sight before, after, expected;
    slow found;
    const char *frame = (const char *)data + 1;
    lane_look(d, &before);
    int taken = frs_lane_take(d->lane, frame, size - 1, 5);
    lane_look(d, &after);
    if (taken == FRS_E_LEFT) {
        must(lane_same(&before, &after));
    } else {
        must(read_slowly(d->kind->template, frame, frame + size - 1, &found));
        must(apply_slowly(other, &found) == taken);
        lane_look(other, &expected);
        must(memcmp(after.counts, expected.counts, sizeof after.counts) == 0 && after.view.seq == expected.view.seq);
        must(memcmp(after.bids, expected.bids, sizeof after.bids) == 0);
        must(memcmp(after.asks, expected.asks, sizeof after.asks) == 0);
        must(frs_lane_close(d->lane, 0) == (int64_t)after.view.seq);
    }
    lane_desk_close(d);
    lane_desk_close(other);
    return 0;
}
