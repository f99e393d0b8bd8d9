/* The lane takes what a template shows and what follows, and leaves everything else as it was. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lanes.h"

enum { TEXT = 2000 };

static const int64_t TIME = 1700000000123000000;

static bool holds(const frs_book *book, int side, const char *expected) {
    char text[4000];
    int64_t size = frs_book_text(book, side, 0, SIZE_MAX, text, sizeof text);
    return size == (int64_t)strlen(expected) && memcmp(text, expected, (size_t)size) == 0;
}

/* The frame with the first `old` in it replaced. */
static const char *with(char out[TEXT], const char *frame, const char *old, const char *new) {
    const char *at = strstr(frame, old);
    CHECK(at != NULL);
    snprintf(out, TEXT, "%.*s%s%s", (int)(at - frame), frame, new, at + strlen(old));
    return out;
}

static bool leaves(lane_desk *d, const char *frame, size_t size) {
    lane_sight before, after;
    lane_look(d, &before);
    bool left = frs_lane_take(d->lane, frame, size, 5) == FRS_E_LEFT;
    lane_look(d, &after);
    return left && lane_same(&before, &after);
}

static bool leaves_text(lane_desk *d, const char *frame) {
    return leaves(d, frame, strlen(frame));
}

static void a_frame_as_the_template_shows_is_taken_and_published(void) {
    static const int64_t numbers[] = {9, 12, 8, 4, 8};
    for (int i = 0; i < LANE_KINDS; i++) {
        lane_desk d;
        frs_view slot;
        frs_level bids[5], asks[5];
        CHECK(lane_desk_open(&d, &lane_kinds[i], 100));
        CHECK(lane_take(&d, d.kind->frame) == 0);
        CHECK(holds(d.book, FRS_BID, "[[\"100.00\",\"1.000\"],[\"99.50\",\"3.000\"],[\"99.00\",\"2.000\"]]"));
        CHECK(holds(d.book, FRS_ASK, "[[\"102.00\",\"2.000\"],[\"102.25\",\"5.500\"]]"));
        CHECK(frs_view_read(d.arena, 0, &slot, bids, asks, 5) == 0 && slot.seq == (uint64_t)numbers[i]);
        CHECK(slot.state == FRS_LIVE && slot.count[0] == 3 && bids[1].price == 9950 && asks[1].quantity == 5500);
        CHECK(slot.exchange_ns == *frs_lane_time(d.lane) && slot.exchange_ns == (i == 1 ? 0 : TIME));
        CHECK(frs_ring_count(d.ring) == 2 && frs_lane_close(d.lane, 0) == numbers[i]);
        lane_desk_close(&d);
    }
}

static void what_differs_from_the_template_by_any_byte_is_left(void) {
    for (int i = 0; i < LANE_KINDS; i++) {
        lane_desk d;
        CHECK(lane_desk_open(&d, &lane_kinds[i], 100));
        size_t size = strlen(d.kind->frame);
        char frame[TEXT];
        for (size_t at = 0; at <= size; at++) { /* cut off, too long, doubled, and with a byte that is nothing */
            guarded cut = guard_behind(d.kind->frame, at);
            CHECK(at == size || leaves(&d, cut.text, at));
            guard_free(&cut);
            snprintf(frame, TEXT, "%.*s\\%s", (int)at, d.kind->frame, d.kind->frame + at);
            CHECK(leaves(&d, frame, size + 1));
            memcpy(frame, d.kind->frame, size);
            frame[at < size ? at : 0] = '\1';
            CHECK(leaves(&d, frame, size));
        }
        CHECK(lane_take(&d, d.kind->frame) == 0);
        lane_desk_close(&d);
    }
}

static void a_frame_is_never_read_beyond_its_ends(void) {
    for (int i = 0; i < LANE_KINDS; i++)
        for (int before = 0; before < 2; before++) {
            lane_desk d;
            CHECK(lane_desk_open(&d, &lane_kinds[i], 100));
            size_t size = strlen(d.kind->frame);
            guarded whole = before ? guard_before(d.kind->frame, size) : guard_behind(d.kind->frame, size);
            CHECK(frs_lane_take(d.lane, whole.text, size, 5) == 0);
            guard_free(&whole);
            lane_desk_close(&d);
        }
}

static void a_run_ends_with_the_first_frame_that_is_not_simply_well(void) {
    lane_desk d;
    const char *frame = lane_kinds[0].frame;
    char next[TEXT], later[TEXT], crossing[TEXT], buf[5 * TEXT];
    CHECK(lane_desk_open(&d, &lane_kinds[0], 100));
    with(next, frame, "8,\"u\":9", "10,\"u\":10");
    with(crossing, with(later, frame, "8,\"u\":9", "11,\"u\":11"), "99.50", "103.0");
    const char *const frames[] = {frame, next, frame, crossing, frame};
    uint32_t words[5 * FRS_FRAME_WORDS] = {0};
    guarded copy = guard_behind(buf, lane_lay(frames, 5, buf, words));
    const uint8_t *bytes = (const uint8_t *)copy.text;
    size_t at = 0;
    CHECK(frs_lane_run(d.lane, bytes, words, 2, 5, &at) == 0 && at == 2 &&
          frs_lane_run(d.lane, bytes, words, 2, 5, &at) == 0);
    CHECK(frs_lane_run(d.lane, bytes, words, 5, 5, &at) == FRS_E_LEFT && at == 2);
    at = 3;
    CHECK(frs_lane_run(d.lane, bytes, words, 5, 5, &at) == FRS_CROSSED && at == 4 && frs_lane_close(d.lane, 0) == 11);
    CHECK(frs_lane_run(d.lane, bytes, words, 5, 5, &at) == FRS_E_LEFT && at == 4);
    guard_free(&copy);
    lane_desk_close(&d);
}

/* A frame of kind 0 behind number `last`, which follows or does not, is well or is not; moves *last. */
static void any_frame(char *out, unsigned *last, unsigned chance) {
    char numbers[40], price[TEXT];
    unsigned first = *last + (chance % 8 != 1);
    snprintf(numbers, sizeof numbers, "\"U\":%u,\"u\":%u", first, first + 1);
    *last = chance % 8 == 1 ? *last : first + 1;
    with(price, lane_kinds[0].frame, "99.50", chance % 64 == 3 ? "103.0" : chance % 8 == 2 ? "99.505" : "98.5");
    with(out, price, "\"U\":8,\"u\":9", numbers);
    out[chance % 16 == 4 ? strlen(out) - 2 : strlen(out)] = 0;
}

/* The next frame is read before the one before it is in its book; nobody must be able to tell. */
static void a_run_does_what_taking_each_frame_does(void) {
    enum { FRAMES = 40 };
    static char buf[FRAMES * TEXT];
    uint32_t words[FRAMES * FRS_FRAME_WORDS], chance = 1;
    for (int round = 0; round < 2000; round++) {
        lane_desk runs, takes;
        unsigned last = 7;
        uint32_t size = 0;
        CHECK(lane_desk_open(&runs, &lane_kinds[0], 100) && lane_desk_open(&takes, &lane_kinds[0], 100));
        for (int i = 0; i < FRAMES; i++, size += words[FRS_FRAME_WORDS * (i - 1) + 3]) {
            unsigned before = last;
            chance = chance * 1664525 + 1013904223;
            any_frame(buf + size, &last, chance >> 16);
            last = (chance >> 16) % 8 == 2 || (chance >> 16) % 16 == 4 ? before : last;
            words[FRS_FRAME_WORDS * i + 2] = size;
            words[FRS_FRAME_WORDS * i + 3] = (uint32_t)strlen(buf + size);
        }
        for (size_t at = 0, taken = 0; at < FRAMES;) {
            int answer = frs_lane_run(runs.lane, (const uint8_t *)buf, words, FRAMES, 5, &at), other = 0;
            for (; taken < FRAMES && !other; taken += other >= 0)
                other = frs_lane_take(takes.lane, buf + words[FRS_FRAME_WORDS * taken + 2],
                                      words[FRS_FRAME_WORDS * taken + 3], 5);
            CHECK(answer == other && at == taken);
            lane_sight run, take;
            lane_look(&runs, &run);
            lane_look(&takes, &take);
            CHECK(memcmp(run.bids, take.bids, sizeof run.bids) == 0 &&
                  memcmp(run.asks, take.asks, sizeof run.asks) == 0);
            CHECK(run.samples == take.samples && run.slot.seq == take.slot.seq && run.time == take.time);
            at += answer == FRS_E_LEFT;
            taken += answer == FRS_E_LEFT;
        }
        CHECK(frs_lane_close(runs.lane, 0) == frs_lane_close(takes.lane, 0));
        lane_desk_close(&runs);
        lane_desk_close(&takes);
    }
}

static void what_does_not_follow_is_left(void) {
    static const char *const wrong[LANE_KINDS][8] = {
        {"\"U\":8", "\"U\":7", "\"U\":8", "\"U\":9", "\"U\":8", "\"U\":10", "\"u\":9", "\"u\":7"},
        {"\"pu\":7", "\"pu\":6", "\"pu\":7", "\"pu\":8", "\"u\":12", "\"u\":6", "\"pu\":7", "\"pu\":0"},
        {"\"8\"", "\"7\"", "\"8\"", "\"9\"", "\"8\"", "\"0\"", "\"8\"", "\"9223372036854775807\""},
        {"num\":4", "num\":3", "num\":4", "num\":5", "num\":4", "num\":0", "num\":4", "num\":9223372036854775807"},
    };
    char frame[TEXT];
    for (int i = 0; i < LANE_KINDS - 1; i++) {
        lane_desk d;
        CHECK(lane_desk_open(&d, &lane_kinds[i], 100));
        for (int k = 0; k < 8; k += 2)
            CHECK(leaves_text(&d, with(frame, d.kind->frame, wrong[i][k], wrong[i][k + 1])));
        CHECK(lane_take(&d, d.kind->frame) == 0);
        CHECK(leaves_text(&d, d.kind->frame)); /* which has been */
        lane_desk_close(&d);
    }
}

static void integers_are_those_of_json_up_to_63_bits(void) {
    static const char *const bad[] = {"08",
                                      "-8",
                                      "+8",
                                      "8.0",
                                      "8e0",
                                      "",
                                      " 8",
                                      "8 ",
                                      "\"8",
                                      "9223372036854775808",
                                      "18446744073709551624",
                                      "99999999999999999999999999999"};
    char frame[TEXT], text[40];
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[0], 100));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "\"U\":%s,", bad[i]);
        CHECK(leaves_text(&d, with(frame, d.kind->frame, "\"U\":8,", text)));
    }
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "1700000000123", "9223372036855"))); /* ms: too many ns */
    CHECK(lane_take(&d, with(frame, d.kind->frame, "1700000000123", "9223372036854")) == 0);
    CHECK(*frs_lane_time(d.lane) == 9223372036854000000);
    lane_desk_close(&d);
}

static void numbers_end_where_64_bits_do(void) {
    for (int i = 0; i < LANE_KINDS; i++) {
        lane_desk d;
        CHECK(lane_desk_open(&d, &lane_kinds[i], 100));
        CHECK(frs_lane_open(d.lane, 0, d.book, INT64_MAX) == 0);
        CHECK(frs_lane_count(d.lane, INT64_MAX) == 3);
        CHECK(leaves_text(&d, d.kind->frame));
        lane_desk_close(&d);
    }
}

static void what_nobody_asks_for_may_be_any_plain_scalar(void) {
    static const char *const good[] = {"1", "-1.5e300", "true", "false", "null", "\"\"", "\"a{,:]~\""};
    static const char *const bad[] = {"",       "01",      "nul",         "[]",       "{}",
                                      "\"a",    "\"\\n\"", "\"\\u0041\"", "\"\x7f\"", "\"\xc3\xa9\"",
                                      "\"\n\"", "1 ",      "1,\"T\":2"};
    char frame[TEXT], text[40];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        lane_desk d;
        CHECK(lane_desk_open(&d, &lane_kinds[1], 100));
        snprintf(text, sizeof text, ":%s,", good[i]);
        CHECK(lane_take(&d, with(frame, d.kind->frame, ":17,", text)) == 0);
        lane_desk_close(&d);
    }
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[1], 100));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, ":%s,", bad[i]);
        CHECK(leaves_text(&d, with(frame, d.kind->frame, ":17,", text)));
    }
    lane_desk_close(&d);
}

static void a_moment_is_in_ns_rounded_to_microseconds(void) {
    static const struct {
        const char *text;
        int64_t ns;
    } moments[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T23:59:59.5Z", 1709251199500000000},
        {"2023-11-14T22:13:20.1234564Z", 1700000000123456000},
        {"2023-11-14T22:13:20.123456500Z", 1700000000123457000},
        {"2023-11-14T22:13:20.1234564999999999999Z", 1700000000123456000},
        {"2023-12-31T23:59:59.9999995Z", 1704067200000000000},
        {"2000-03-01T00:00:00Z", 951868800000000000},
        {"2261-12-31T23:59:59.999999Z", 9214646399999999000},
    };
    static const char *const bad[] = {
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-04-31T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-01-32T00:00:00Z",
        "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:00Z",
        "2023-11-14T22:13:60Z",
        "1969-12-31T23:59:59Z",
        "2262-01-01T00:00:00Z",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20z",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20,5Z",
        "2023-11-14T22:13:20+00:00",
        "2023-11-14T22:13Z",
        "2023-1-14T22:13:20.0Z",
        "+023-11-14T22:13:20Z",
        "2023-11-14T22:13:20.5",
        "",
        "Z",
        "2023-11-14T22:13:20.5Z ",
        "2023/11-14T22:13:20Z",
    };
    char frame[TEXT], text[60];
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        lane_desk d;
        CHECK(lane_desk_open(&d, &lane_kinds[3], 100));
        CHECK(lane_take(&d, with(frame, d.kind->frame, "2023-11-14T22:13:20.123Z", moments[i].text)) == 0);
        CHECK(*frs_lane_time(d.lane) == moments[i].ns);
        lane_desk_close(&d);
    }
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[3], 100));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "\"%s\"", bad[i]);
        CHECK(leaves_text(&d, with(frame, d.kind->frame, "\"2023-11-14T22:13:20.123Z\"", text)));
    }
    lane_desk_close(&d);
}

static void levels_that_do_not_fit_or_are_none_are_left(void) {
    static const char *const bad[] = {
        "null",
        "\"\"",
        "",
        "{}",
        "[[\"99.505\",\"3\"]]",
        "[[\"99.5\",\"3.0001\"]]",
        "[[\"0\",\"3\"]]",
        "[[\"-1\",\"3\"]]",
        "[[\"99.5\",\"-3\"]]",
        "[[\"1e30\",\"3\"]]",
        "[[\"99.5\"]]",
        "[[\"99.5\",\"3\",\"\\u0041\"]]",
        "[[\"99.5\",\"3\",\"\\\"\"]]",
        "[[\"99.5\",\"3\"],]",
        "[[\"99.5\",\"3\"]",
        "[[\"99.5\",\"3\"]]]",
        "[[\"1\",\"1\"],[\"2\",\"1\"],[\"3\",\"1\"]]", /* no room beside the two that are held */
    };
    char frame[TEXT], text[100];
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[0], 4));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "\"b\":%s,", bad[i]);
        CHECK(leaves_text(&d, with(frame, d.kind->frame, "\"b\":[[\"99.50\",\"3.000\"]],", text)));
    }
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "\"102.25\",\"5.5\"", "\"102.255\",\"5.5\"")));
    CHECK(lane_take(&d, with(frame, d.kind->frame, "[\"99.50\",\"3.000\"]", "[ 99.50e0 , 3 ,\"\xc3\xa9\"]")) == 0);
    CHECK(holds(d.book, FRS_BID, "[[\"100.00\",\"1.000\"],[\"99.50\",\"3.000\"],[\"99.00\",\"2.000\"]]"));
    lane_desk_close(&d);
}

static void a_crossed_book_waits_to_be_marked(void) {
    char frame[TEXT];
    lane_sight before, after;
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[0], 100));
    lane_look(&d, &before);
    CHECK(lane_take(&d, with(frame, d.kind->frame, "99.50", "102.00")) == FRS_CROSSED);
    lane_look(&d, &after);
    CHECK(memcmp(&before.slot, &after.slot, sizeof before.slot) == 0 && after.view.seq == 9);
    CHECK(memcmp(&before.bids[1], &after.bids[1], sizeof before.bids[1]) == 0);
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "\"U\":8,\"u\":9", "\"U\":10,\"u\":10"))); /* it is closed */
    CHECK(frs_lane_close(d.lane, 0) == 9);
    CHECK(frs_book_mark(d.book, FRS_STALE, 4, 0, 1) & FRS_CROSSED);
    lane_look(&d, &after);
    CHECK(after.slot.state == FRS_STALE && after.slot.seq == 9 && after.bids[1][0].price == 10200);
    CHECK(frs_lane_open(d.lane, 0, d.book, 9) == FRS_E_ARGUMENT); /* not live */
    lane_desk_close(&d);
}

static void a_book_whose_checksum_differs_waits_to_be_marked(void) {
    char frame[TEXT];
    lane_sight before, after;
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[4], 100));
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "3003298512", "4294967296"))); /* which is none */
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "3003298512", "-1291668784")));
    lane_look(&d, &before);
    CHECK(lane_take(&d, with(frame, d.kind->frame, "3003298512", "3003298513")) == FRS_UNPROVEN);
    lane_look(&d, &after);
    CHECK(memcmp(&before.slot, &after.slot, sizeof before.slot) == 0 && after.view.seq == 8);
    CHECK(leaves_text(&d, d.kind->frame) && frs_lane_open(d.lane, 0, d.book, 8) == FRS_E_ARGUMENT); /* pending */
    lane_desk_close(&d);
}

static void a_checksum_joined_by_colons_may_be_negative(void) {
    lane_kind signed_one = lane_kinds[4];
    char frame[TEXT], text[20];
    static const char bids[] = "[{\"price\":99.5,\"qty\":3}]",
                      asks[] = "[{\"price\":101,\"qty\":0},{\"price\":102.25,\"qty\":5.5}]";
    signed_one.form = FRS_COLON;
    uint32_t crc;
    for (int negative = 0; negative < 2; negative++) {
        lane_desk d;
        CHECK(lane_desk_open(&d, &signed_one, 100));
        CHECK(frs_book_apply(d.book, 0, d.spelling, bids, sizeof bids - 1, asks, sizeof asks - 1, 7, 0) >= 0);
        CHECK(frs_book_checksum(d.book, FRS_COLON, 10, 0, 0, &crc) == 0);
        snprintf(text, sizeof text, "%lld", negative ? (long long)(int32_t)crc : (long long)crc);
        CHECK(lane_take(&d, with(frame, signed_one.frame, "3003298512", text)) == 0);
        CHECK(leaves_text(&d, with(frame, signed_one.frame, "3003298512", "-2147483649")));
        CHECK(leaves_text(&d, with(frame, signed_one.frame, "3003298512", "-9223372036854775808")));
        CHECK(leaves_text(&d, with(frame, signed_one.frame, "3003298512", "-")));
        lane_desk_close(&d);
    }
}

static void a_checksum_that_cannot_be_made_is_not_proven(void) {
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[4], 100));
    int index = frs_lane_add(d.lane, "ETH", 3, 0, 0);
    char frame[TEXT];
    CHECK(index == 1 && frs_lane_close(d.lane, 0) == 7 && frs_lane_open(d.lane, index, d.book, 7) == 0);
    CHECK(lane_take(&d, with(frame, d.kind->frame, "BTC", "ETH")) == (1 << FRS_LANE_SHIFT | FRS_UNPROVEN));
    lane_desk_close(&d);
}

/* A level of a market that moves by itself, so that levels come, go and change at all places. */
static size_t put_level(char *out, uint64_t *seed, int side) {
    int64_t price = side == FRS_BID ? 5000 - (int64_t)random_below(seed, 40) : 5001 + (int64_t)random_below(seed, 40);
    uint64_t quantity = random_below(seed, 3) ? random_below(seed, 1u << random_below(seed, 30)) : 0;
    return (size_t)sprintf(out, "{\"price\":%lld.%02lld,\"qty\":%llu.%03llu}", (long long)price / 100,
                           (long long)price % 100, (unsigned long long)quantity / 1000,
                           (unsigned long long)quantity % 1000);
}

/* Makes a frame that changes up to three levels, with the checksum of `shadow` after it, which is changed as well. */
static const char *random_frame(char out[TEXT], uint64_t *seed, frs_book *shadow, const lane_desk *d, int form,
                                uint32_t levels) {
    char sides[2][TEXT];
    size_t sizes[2];
    uint32_t crc;
    for (int side = FRS_BID; side <= FRS_ASK; side++) {
        char *p = sides[side];
        *p++ = '[';
        for (uint64_t n = random_below(seed, 4); n > 0; n--) {
            if (p[-1] == '}')
                *p++ = ',';
            p += put_level(p, seed, side);
        }
        *p++ = ']';
        sizes[side] = (size_t)(p - sides[side]);
    }
    CHECK(frs_book_apply(shadow, 0, d->spelling, sides[0], sizes[0], sides[1], sizes[1], 1, 0) >= 0);
    CHECK(frs_book_checksum(shadow, form, levels, 2, 3, &crc) == 0);
    snprintf(out, TEXT,
             "{\"symbol\":\"BTC\",\"bids\":%.*s,\"asks\":%.*s,\"checksum\":%u,\"timestamp\":\"2023-11-14T22:13:20Z\"}",
             (int)sizes[0], sides[0], (int)sizes[1], sides[1], crc);
    return out;
}

static void a_checksum_that_is_made_again_and_again_is_that_of_the_book(void) {
    static const uint32_t levels[] = {10, 1, 3, FRS_CHECKSUM_LEVELS};
    for (int form = FRS_DIGITS; form <= FRS_COLON; form++)
        for (int which = 0; which < 4; which++) {
            lane_desk d;
            uint64_t seed = 1;
            char frame[TEXT];
            CHECK(lane_desk_open(&d, &lane_kinds[4], 200));
            frs_book *shadow = frs_book_new(200, 2, 3, which == 0 ? 10 : 0);
            frs_book *book = frs_book_new(200, 2, 3, which == 0 ? 10 : 0);
            frs_lane *lane = frs_lane_new(d.spelling, FRS_UNNUMBERED, 1, form, levels[which], 2);
            CHECK(frs_lane_template(lane, d.kind->template, strlen(d.kind->template)) == 0);
            CHECK(frs_lane_add(lane, "ETH", 3, 2, 3) == 0 && frs_lane_add(lane, "BTC", 3, 2, 3) == 1);
            CHECK(frs_book_attach(shadow, d.scratch, NULL, NULL, 0, "s", 1) == 0);
            CHECK(frs_book_attach(book, d.scratch, NULL, NULL, 0, "b", 1) == 0);
            CHECK(frs_book_mark(book, FRS_LIVE, 0, 0, 1) >= 0 && frs_lane_open(lane, 1, book, 0) == 0);
            for (int i = 0; i < 3000; i++) {
                random_frame(frame, &seed, shadow, &d, form, levels[which]);
                CHECK(frs_lane_take(lane, frame, strlen(frame), 5) == 0);
                if (i % 700 == 0) /* nothing is remembered of before */
                    CHECK(frs_lane_close(lane, 1) == i + 1 && frs_lane_open(lane, 1, book, i + 1) == 0);
            }
            frs_lane_free(lane);
            frs_book_free(book);
            frs_book_free(shadow);
            lane_desk_close(&d);
        }
}

static void a_book_of_other_scales_is_summed_anew(void) {
    lane_desk d;
    char frame[TEXT];
    static const char same[] = "{\"symbol\":\"BTC\",\"bids\":[],\"asks\":[],\"checksum\":3003298512,"
                               "\"timestamp\":\"2023-11-14T22:13:20Z\"}";
    CHECK(lane_desk_open(&d, &lane_kinds[4], 100));
    CHECK(lane_take(&d, d.kind->frame) == 0 && frs_lane_close(d.lane, 0) == 8);
    for (int finer = 1; finer < 4; finer++) {
        frs_book *book = frs_book_new(100, 2 + finer, 3 + finer, 0);
        CHECK(frs_book_copy(book, d.book) == 0);
        frs_book_free(d.book);
        d.book = book;
        CHECK(frs_lane_open(d.lane, 0, d.book, 8) == 0 && lane_take(&d, same) == 0);
        CHECK(lane_take(&d, with(frame, same, "3003298512", "3003298513")) == FRS_UNPROVEN);
        CHECK(frs_book_publish(d.book) >= 0);
    }
    lane_desk_close(&d);
}

static void a_narrow_book_is_published_and_closed(void) {
    char frame[TEXT];
    lane_sight seen;
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[0], 100));
    frs_book_limit(d.book, 2);
    CHECK(frs_book_apply(d.book, FRS_SNAPSHOT, NULL, d.kind->snapshot[0], strlen(d.kind->snapshot[0]),
                         d.kind->snapshot[1], strlen(d.kind->snapshot[1]), 7, 1) >= 0);
    CHECK(lane_take(&d, d.kind->frame) == FRS_NARROW);
    lane_look(&d, &seen);
    CHECK(seen.slot.seq == 9 && seen.slot.state == FRS_LIVE && frs_ring_count(d.ring) == 3);
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "\"U\":8,\"u\":9", "\"U\":10,\"u\":10")));
    lane_desk_close(&d);
}

static void each_symbol_has_its_own_book_and_number(void) {
    char name[20], frame[TEXT], text[40];
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[2], 100));
    frs_lane *lane = frs_lane_new(NULL, FRS_COUNTED, 1, 0, 0, 300);
    frs_book *books[300];
    CHECK(lane && frs_lane_template(lane, d.kind->template, strlen(d.kind->template)) == 0);
    for (int i = 0; i < 300; i++) {
        int size = snprintf(name, sizeof name, "S%d", i * 7);
        books[i] = frs_book_new(10, 2, 3, 0);
        CHECK(frs_lane_add(lane, name, (size_t)size, 8, 8) == i);
        CHECK(frs_book_attach(books[i], d.scratch, NULL, NULL, 0, name, (size_t)size) == 0);
        CHECK(frs_book_mark(books[i], FRS_LIVE, 0, 0, 1) >= 0 && frs_lane_open(lane, i, books[i], i) == 0);
    }
    CHECK(frs_lane_add(lane, "more", 4, 8, 8) == FRS_E_FULL);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "S%d", i * 7);
        snprintf(text, sizeof text, "\"u\":\"%d\"", i + 1);
        with(frame, d.kind->frame, "BTC", name);
        char both[TEXT];
        CHECK(frs_lane_take(lane, frame, strlen(frame), 5) == FRS_E_LEFT); /* two different ones */
        with(both, frame, "BTC", name);
        with(frame, both, "\"u\":\"8\"", text);
        CHECK(frs_lane_take(lane, frame, strlen(frame), 5) == 0);
        CHECK(frs_book_total(books[i], FRS_BID) == 1 && frs_lane_close(lane, i) == i + 1);
        CHECK(frs_lane_take(lane, frame, strlen(frame), 5) == FRS_E_LEFT);
    }
    frs_lane_free(lane);
    for (int i = 0; i < 300; i++)
        frs_book_free(books[i]);
    lane_desk_close(&d);
}

static void an_unknown_symbol_is_left(void) {
    static const char *const names[] = {
        "ETH", "BT",    "BTCC",  "",
        "btc", "BTC\\", "B\"TC", "BTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTCBTC"};
    char frame[TEXT];
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[0], 100));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CHECK(leaves_text(&d, with(frame, d.kind->frame, "BTC", names[i])));
    lane_desk_close(&d);
}

static void the_frames_of_a_connection_are_counted_whoever_reads_them(void) {
    char frame[TEXT];
    lane_desk d;
    CHECK(lane_desk_open(&d, &lane_kinds[3], 100));
    CHECK(lane_take(&d, d.kind->frame) == 0);
    CHECK(frs_lane_count(d.lane, 5) == 4);
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "num\":4", "num\":5")));
    CHECK(lane_take(&d, with(frame, d.kind->frame, "num\":4", "num\":6")) == 0);
    CHECK(frs_lane_count(d.lane, 7) == 6 && frs_lane_close(d.lane, 0) == 6);
    lane_desk_close(&d);
}

static void the_first_template_that_shows_a_frame_takes_it(void) {
    lane_desk d;
    static const char other[] = "{\"u\":<last>,\"U\":<first>,\"s\":\"<symbol>\",\"b\":<bids>,\"a\":<asks>}";
    CHECK(lane_desk_open(&d, &lane_kinds[0], 100));
    for (int i = 1; i < FRS_TEMPLATES; i++)
        CHECK(frs_lane_template(d.lane, other, sizeof other - 1) == 0);
    CHECK(frs_lane_template(d.lane, other, sizeof other - 1) == FRS_E_FULL);
    CHECK(lane_take(&d, "{\"u\":8,\"U\":8,\"s\":\"BTC\",\"b\":[],\"a\":[]}") == 0 && *frs_lane_time(d.lane) == 0);
    CHECK(lane_take(&d, "{\"e\":\"depth\",\"E\":1,\"s\":\"BTC\",\"U\":9,\"u\":9,\"b\":[],\"a\":[]}") == 0);
    CHECK(*frs_lane_time(d.lane) == 1000000);
    lane_desk_close(&d);
}

static void a_lane_without_a_checksum_reads_it_and_does_not_compare(void) {
    lane_kind unchecked = lane_kinds[4];
    unchecked.form = 0;
    char frame[TEXT];
    lane_desk d;
    CHECK(lane_desk_open(&d, &unchecked, 100));
    CHECK(leaves_text(&d, with(frame, d.kind->frame, "3003298512", "x")));
    CHECK(lane_take(&d, with(frame, d.kind->frame, "3003298512", "1")) == 0);
    lane_desk_close(&d);
}

static void what_is_no_template_is_refused_with_its_fault(void) {
    static const struct {
        const char *text, *fault;
        int at;
    } bad[] = {
        {"", "it lacks <first>", 0},
        {"{\"U\":<first>,\"u\":<last>,\"b\":<bids>}", "the levels come before <symbol>", 28},
        {"{\"s\":\"<symbol>\",\"U\":<frist>}", "there is no such name", 20},
        {"{\"s\":\"<symbol>\",\"U\":<first>,\"U\":<first>}", "the name is there already", 32},
        {"{\"s\":\"<symbol>\",\"E\":<time>,\"t\":\"<moment>\"}", "the time is there already", 32},
        {"{\"s\":\"<symbol>\",\"U\":<first}", "the bracket is not closed", 20},
        {"{\"s\":<symbol>}", "a value cannot be told from the text around it here", 5},
        {"{\"s\":\"<symbol>\",\"U\":1<first>}", "a value cannot be told from the text around it here", 21},
        {"{\"s\":\"<symbol>\",\"t\":<moment>}", "a value cannot be told from the text around it here", 20},
        {"{\"s\":\"<symbol>\",\"t\":\"<>\"}", "a value cannot be told from the text around it here", 21},
        {"{\"s\":\"<symbol>\",\"b\":<bids><asks>}", "a value cannot be told from the text around it here", 20},
        {"{\"s\":\"<symbol>\"}>", "this character cannot be compared", 16},
        {"{\"s\":\"\xc3\xa9\"}", "this character cannot be compared", 6},
        {"{\"s\":\"<symbol>\",\"U\":<first>,\"u\":<last>,\"b\":<bids>}", "it lacks <asks>", 50},
        {"{\"s\":\"<symbol>\",\"U\":<first>,\"u\":<last>,\"a\":<asks>}", "it lacks <bids>", 50},
        {"{\"U\":<first>,\"u\":<last>}", "it lacks <bids>", 24},
    };
    const char *fault;
    size_t at;
    frs_lane *lane = frs_lane_new(NULL, FRS_CHAINED, 1, 0, 0, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t size = strlen(bad[i].text);
        guarded text = guard_behind(bad[i].text, size);
        CHECK(frs_template_check(text.text, size, FRS_CHAINED, 0, 0, &fault, &at) == FRS_E_SYNTAX);
        CHECK(strcmp(fault, bad[i].fault) == 0 && at == (size_t)bad[i].at);
        CHECK(frs_lane_template(lane, text.text, size) == FRS_E_SYNTAX);
        guard_free(&text);
    }
    char large[FRS_TEMPLATE_SIZE + 1] = "";
    memset(large, ' ', sizeof large);
    CHECK(frs_template_check(large, sizeof large, FRS_CHAINED, 0, 0, &fault, &at) == FRS_E_SYNTAX);
    CHECK(strcmp(fault, "it is too long") == 0);
    size_t size = 0;
    for (int i = 0; i <= FRS_FIELDS; i++, size += 3)
        memcpy(large + size, i ? ",<>" : "[<>", 3);
    large[size++] = ']';
    CHECK(frs_template_check(large, size, FRS_UNNUMBERED, 0, 0, &fault, &at) == FRS_E_SYNTAX);
    CHECK(strcmp(fault, "it has too many names") == 0);
    CHECK(frs_template_check("", 0, 0, 0, 0, &fault, &at) == FRS_E_ARGUMENT);
    frs_lane_free(lane);
}

static void a_template_has_what_continuity_and_checksum_need(void) {
    const char *fault;
    size_t at;
    for (int i = 0; i < LANE_KINDS; i++)
        for (int continuity = FRS_CHAINED; continuity <= FRS_UNNUMBERED; continuity++) {
            const lane_kind *kind = &lane_kinds[i];
            bool sided = kind->kind == FRS_SIDED;
            int found = frs_template_check(kind->template, strlen(kind->template), continuity, sided, kind->form != 0,
                                           &fault, &at);
            bool counts_too = continuity == FRS_COUNTED && i <= 1; /* which have a <last> */
            CHECK(found ==
                  (continuity == kind->continuity || continuity == FRS_UNNUMBERED || counts_too ? 0 : FRS_E_SYNTAX));
            CHECK(frs_template_check(kind->template, strlen(kind->template), kind->continuity, !sided, 0, &fault,
                                     &at) == FRS_E_SYNTAX);
        }
    const lane_kind *kind = &lane_kinds[0];
    CHECK(frs_template_check(kind->template, strlen(kind->template), kind->continuity, 0, 1, &fault, &at) ==
          FRS_E_SYNTAX);
    CHECK(strcmp(fault, "it lacks <checksum>") == 0);
}

static void arguments_are_judged(void) {
    CHECK(!frs_lane_new(NULL, 0, 1, 0, 0, 1) && !frs_lane_new(NULL, 6, 1, 0, 0, 1));
    CHECK(!frs_lane_new(NULL, 1, 0, 0, 0, 1) && !frs_lane_new(NULL, 1, 1, 3, 1, 1) &&
          !frs_lane_new(NULL, 1, 1, -1, 1, 1));
    CHECK(!frs_lane_new(NULL, 1, 1, 1, 0, 1) && !frs_lane_new(NULL, 1, 1, 1, FRS_CHECKSUM_LEVELS + 1, 1));
    CHECK(!frs_lane_new(NULL, 1, 1, 0, 0, 0) && !frs_lane_new(NULL, 1, 1, 0, 0, 65537));
    frs_lane *lane = frs_lane_new(NULL, 1, 1, 0, 0, 2);
    static const char *const names[] = {"", "a\"", "a\\", "a\n", "\xc3\xa9", "\x7f"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CHECK(frs_lane_add(lane, names[i], strlen(names[i]), 1, 1) == FRS_E_ARGUMENT);
    CHECK(frs_lane_add(lane, "0123456789012345678901234567890123456789012345678901234567890123", 64, 1, 1) ==
          FRS_E_ARGUMENT);
    CHECK(frs_lane_add(lane, "a", 1, -1, 1) == FRS_E_ARGUMENT && frs_lane_add(lane, "a", 1, 1, 19) == FRS_E_ARGUMENT);
    CHECK(frs_lane_add(lane, "a", 1, 1, 1) == 0 && frs_lane_add(lane, "a", 1, 1, 1) == FRS_E_ARGUMENT);
    CHECK(frs_lane_add(lane, "a b", 3, 1, 1) == 1 && frs_lane_add(lane, "c", 1, 1, 1) == FRS_E_FULL);
    CHECK(frs_lane_close(lane, 0) == 0 && frs_lane_close(lane, 2) == FRS_E_ARGUMENT);
    CHECK(frs_lane_close(lane, -1) == FRS_E_ARGUMENT && frs_lane_take(lane, "", 0, 5) == FRS_E_LEFT);
    frs_scratch *scratch = frs_scratch_new(10);
    frs_book *book = frs_book_new(10, 0, 0, 0);
    CHECK(frs_lane_open(lane, 0, book, 1) == FRS_E_ARGUMENT); /* not attached */
    CHECK(frs_book_attach(book, scratch, NULL, NULL, 0, "a", 1) == 0 &&
          frs_lane_open(lane, 0, book, 1) == FRS_E_ARGUMENT);
    CHECK(frs_book_mark(book, FRS_LIVE, 0, 0, 1) >= 0 && frs_lane_open(lane, 0, book, -1) == FRS_E_ARGUMENT);
    CHECK(frs_lane_open(lane, 2, book, 1) == FRS_E_ARGUMENT && frs_lane_open(lane, 0, book, 1) == 0);
    CHECK(frs_lane_close(lane, 0) == 1 && frs_lane_close(lane, 0) == 1);
    frs_book_free(book);
    frs_scratch_free(scratch);
    frs_lane_free(lane);
    frs_lane_free(NULL);
}

void test_lane(void) {
    TEST(a_frame_as_the_template_shows_is_taken_and_published);
    TEST(what_differs_from_the_template_by_any_byte_is_left);
    TEST(a_frame_is_never_read_beyond_its_ends);
    TEST(a_run_ends_with_the_first_frame_that_is_not_simply_well);
    TEST(a_run_does_what_taking_each_frame_does);
    TEST(what_does_not_follow_is_left);
    TEST(integers_are_those_of_json_up_to_63_bits);
    TEST(numbers_end_where_64_bits_do);
    TEST(what_nobody_asks_for_may_be_any_plain_scalar);
    TEST(a_moment_is_in_ns_rounded_to_microseconds);
    TEST(levels_that_do_not_fit_or_are_none_are_left);
    TEST(a_crossed_book_waits_to_be_marked);
    TEST(a_book_whose_checksum_differs_waits_to_be_marked);
    TEST(a_checksum_joined_by_colons_may_be_negative);
    TEST(a_checksum_that_cannot_be_made_is_not_proven);
    TEST(a_checksum_that_is_made_again_and_again_is_that_of_the_book);
    TEST(a_book_of_other_scales_is_summed_anew);
    TEST(a_narrow_book_is_published_and_closed);
    TEST(each_symbol_has_its_own_book_and_number);
    TEST(an_unknown_symbol_is_left);
    TEST(the_frames_of_a_connection_are_counted_whoever_reads_them);
    TEST(the_first_template_that_shows_a_frame_takes_it);
    TEST(a_lane_without_a_checksum_reads_it_and_does_not_compare);
    TEST(what_is_no_template_is_refused_with_its_fault);
    TEST(a_template_has_what_continuity_and_checksum_need);
    TEST(arguments_are_judged);
}
