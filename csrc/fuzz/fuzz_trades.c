/* A trade is kept exactly if a slow reading by the same template finds one in the frame, and then as it came. The first
 * byte says which of the lanes, and whether the tape is small.
 */
#include <string.h>

#include "../tests/reference.h"
#include "../tests/trades.h"
#include "fuzz.h"

const size_t fuzz_runs = 200000;

#define SEED(kind, text) {kind text, sizeof kind text - 1}

const fuzz_seed fuzz_seeds[] = {
    SEED("\0", "{\"e\":\"trade\",\"E\":17,\"s\":\"BTC\",\"t\":3735693015,\"p\":\"61685.99000000\",\"q\":\"0.00140000\","
               "\"T\":1700000000123,\"m\":true}"),
    SEED("\4", "{\"e\":\"trade\",\"E\":null,\"s\":\"BTC\",\"t\":0,\"p\":\"1e5\",\"q\":\"-0\",\"T\":0,\"m\":false}"),
    SEED("\1", "{\"topic\":\"trade.BTC\",\"data\":[{\"T\":1700000000123,\"s\":\"BTC\",\"S\":\"Sell\",\"v\":\"0.001\","
               "\"p\":\"16578.50\",\"i\":\"20f43950-d8dd, }]\",\"BT\":false}]}"),
    SEED("\2", "{\"type\":\"update\",\"data\":[{\"symbol\":\"BTC\",\"side\":\"sell\",\"price\":61685.9,\"qty\":1.5e-7,"
               "\"trade_id\":0,\"timestamp\":\"2023-11-14T22:13:20.123456Z\"}]}"),
    SEED("\3", "{\"sequence_num\":4,\"trades\":[{\"product_id\":\"BTC\",\"price\":\"7\",\"size\":\"0.5\",\"side\":"
               "\"BUY\"}]}"),
    {NULL, 0}};

static bool is_number(const char *text, size_t size) {
    return size > 0 && *text != '-' && reference_scale(text, size) != FRS_E_SYNTAX;
}

static bool is_count(const char *text, size_t size) {
    int64_t value;
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return reference_parse(text, size, 0, &value) == 0;
}

static bool is_plain(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            return false;
    return true;
}

/* Two digits at a place of the form are 00 to 99; the calendar is moment.c's own business, and tested there. */
static bool is_moment(const char *text, size_t size) {
    return size >= 20 && text[size - 1] == 'Z' && is_plain(text, size);
}

static bool is(const char *word, size_t word_size, const char *text, size_t size) {
    return word_size == size && memcmp(word, text, size) == 0;
}

/* Whether a value is one that the name may have. `text` is all between the quotes, or all that is no quote, comma or
 * bracket. */
static bool fits(const char *name, size_t name_size, const char *text, size_t size, bool quoted) {
    if (is(name, name_size, "symbol", 6))
        return is(text, size, "BTC", 3);
    if (is(name, name_size, "price", 5) || is(name, name_size, "quantity", 8))
        return is_number(text, size);
    if (is(name, name_size, "id", 2))
        return quoted ? is_plain(text, size) : is_count(text, size);
    if (is(name, name_size, "time", 4))
        return is_count(text, size) && (size < 13 || memcmp(text, "9223372036854", 13) <= 0) && size <= 13;
    if (is(name, name_size, "number", 6))
        return is(text, size, "4", 1);
    if (is(name, name_size, "moment", 6))
        return is_moment(text, size);
    if (quoted)
        return is_plain(text, size);
    return is(text, size, "true", 4) || is(text, size, "false", 5) || is(text, size, "null", 4) ||
           reference_scale(text, size) != FRS_E_SYNTAX;
}

static size_t choose(const char *words, size_t size, const char *p, const char *end) {
    for (const char *behind = words + size; words < behind;) {
        size_t length = strcspn(words, "|>");
        if ((size_t)(end - p) >= length && memcmp(p, words, length) == 0)
            return length;
        words += length + 1;
    }
    return 0;
}

/* Whether the frame is as the template shows; a moment is only looked at from outside. */
static bool read_slowly(const char *template, const char *p, const char *end) {
    const char *start = p;
    while (*template) {
        if (*template != '<') {
            if (p == end || *p++ != *template++)
                return false;
            continue;
        }
        const char *name = template + 1;
        size_t name_size = strcspn(name, ">"), size = 0;
        template = name + name_size + 1;
        if (memchr(name, '|', name_size)) {
            size = choose(name, name_size, p, end);
            if (size == 0)
                return false;
            p += size;
            continue;
        }
        bool own = name_size == 0 && p < end && *p == '"'; /* <> has its quotes itself */
        bool symbol = is(name, name_size, "symbol", 6), quoted = own || symbol || (p > start && p[-1] == '"');
        p += own;
        while (p + size < end && (quoted ? p[size] != '"' : !strchr("\",]}", p[size])))
            size++;
        if (p + size == end || !fits(name, name_size, p, size, quoted))
            return false;
        p += size + own;
    }
    return p == end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trade_desk d;
    if (size == 0)
        return 0;
    const trade_kind *kind = &trade_kinds[data[0] % TRADE_KINDS];
    const char *frame = (const char *)data + 1;
    frs_strip kept;
    must(trade_desk_open(&d, kind));
    frs_tape *small = frs_tape_new(1, 120);
    bool is_small = data[0] / TRADE_KINDS % 2;
    frs_tape *tape = is_small ? small : d.tape;
    must(frs_lane_keep(d.lane, 0, tape) == 0);
    bool taken = frs_lane_take(d.lane, frame, size - 1, 9) == 0;
    bool shown = read_slowly(kind->template, frame, frame + size - 1);
    bool room = size - 1 <= (is_small ? 120 : 2000);
    must(!taken || (shown && room));
    must(taken || !shown || !room || strstr(kind->template, "<moment>"));
    must(frs_tape_end(tape) == taken && frs_lane_count(d.lane, 9) == (taken && strstr(kind->template, "<num") ? 4 : 3));
    if (taken)
        must(frs_tape_read(tape, 0, &kept, 1) == 1 && kept.size == size - 1 && kept.recv_ns == 9 &&
             memcmp(frs_tape_bytes(tape) + kept.at, frame, size - 1) == 0);
    frs_tape_free(small);
    trade_desk_close(&d);
    return 0;
}
