/* The lane keeps the frames of trades that a template shows, as they are, and leaves everything else as it was. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lanes.h"
#include "trades.h"

enum { TEXT = 600 };

/* The frame with the first `old` in it replaced. */
static const char *with(char out[TEXT], const char *frame, const char *old, const char *new) {
    const char *at = strstr(frame, old);
    CHECK(at != NULL);
    snprintf(out, TEXT, "%.*s%s%s", (int)(at - frame), frame, new, at + strlen(old));
    return out;
}

static int take(trade_desk *d, const char *frame) {
    return frs_lane_take(d->lane, frame, strlen(frame), 5);
}

static bool leaves(trade_desk *d, const char *frame, size_t size) {
    uint64_t end = frs_tape_end(d->tape);
    int64_t time = *frs_lane_time(d->lane), number = frs_lane_count(d->lane, 3);
    frs_lane_count(d->lane, number);
    bool left = frs_lane_take(d->lane, frame, size, 5) == FRS_E_LEFT;
    bool same = frs_tape_end(d->tape) == end && *frs_lane_time(d->lane) == time;
    same = same && frs_lane_count(d->lane, number) == number;
    return left && same;
}

static bool leaves_text(trade_desk *d, const char *frame) {
    return leaves(d, frame, strlen(frame));
}

static bool keeps(trade_desk *d, uint64_t number, const char *frame) {
    frs_strip found;
    return frs_tape_read(d->tape, number, &found, 1) == 1 && found.size == strlen(frame) && found.recv_ns == 5 &&
           memcmp(frs_tape_bytes(d->tape) + found.at, frame, found.size) == 0;
}

static void a_trade_as_the_template_shows_is_kept_as_it_came(void) {
    for (int i = 0; i < TRADE_KINDS; i++) {
        trade_desk d;
        CHECK(trade_desk_open(&d, &trade_kinds[i]));
        CHECK(take(&d, trade_kinds[i].frame) == 0 && frs_tape_end(d.tape) == 1);
        CHECK(keeps(&d, 0, trade_kinds[i].frame) && *frs_lane_time(d.lane) == trade_kinds[i].time);
        trade_desk_close(&d);
    }
}

static void what_differs_from_the_template_by_any_byte_is_left(void) {
    for (int i = 0; i < TRADE_KINDS; i++) {
        trade_desk d;
        CHECK(trade_desk_open(&d, &trade_kinds[i]));
        const char *whole = trade_kinds[i].frame;
        size_t size = strlen(whole);
        char frame[TEXT];
        for (size_t at = 0; at <= size; at++) { /* cut off, too long, and with a byte that is nothing */
            guarded cut = guard_behind(whole, at);
            CHECK(at == size || leaves(&d, cut.text, at));
            guard_free(&cut);
            snprintf(frame, TEXT, "%.*s\\%s", (int)at, whole, whole + at);
            CHECK(leaves(&d, frame, size + 1));
            memcpy(frame, whole, size);
            frame[at < size ? at : 0] = '\1';
            CHECK(leaves(&d, frame, size));
        }
        trade_desk_close(&d);
    }
}

static void a_frame_is_never_read_beyond_its_ends(void) {
    for (int i = 0; i < TRADE_KINDS; i++)
        for (int before = 0; before < 2; before++) {
            trade_desk d;
            CHECK(trade_desk_open(&d, &trade_kinds[i]));
            size_t size = strlen(trade_kinds[i].frame);
            guarded whole =
                before ? guard_before(trade_kinds[i].frame, size) : guard_behind(trade_kinds[i].frame, size);
            CHECK(frs_lane_take(d.lane, whole.text, size, 5) == 0);
            guard_free(&whole);
            trade_desk_close(&d);
        }
}

static void prices_and_quantities_are_numbers_that_are_not_negative(void) {
    static const char *const good[] = {"0", "1", "0.0", "61685.99", "1e5", "1.5E-7", "123456789012345678901234567890"};
    static const char *const bad[] = {"",   "-1", "-0",  "+1",  "01",  ".5",   "1.",       "1e",      "NaN",
                                      " 1", "1 ", "0x1", "1_0", "1,0", "null", "1\\u0030", "Infinity"};
    static const struct {
        int kind;
        const char *old, *form;
    } places[] = {{0, "61685.99000000", "%s"}, {0, "0.00140000", "%s"}, {2, "61685.9", "%s"}, {2, "1.5e-7", "%s"}};
    char frame[TEXT];
    for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
        trade_desk d;
        CHECK(trade_desk_open(&d, &trade_kinds[places[k].kind]));
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
            CHECK(take(&d, with(frame, trade_kinds[places[k].kind].frame, places[k].old, good[i])) == 0);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
            CHECK(leaves_text(&d, with(frame, trade_kinds[places[k].kind].frame, places[k].old, bad[i])));
        trade_desk_close(&d);
    }
}

static void an_id_is_an_integer_or_within_quotes_any_plain_text(void) {
    static const char *const texts[] = {"", "1", "-", "20f43950", "a b,]}"};
    static const char *const no_texts[] = {"\\n", "\x7f", "\xc3\xa9", "\n", "\\\""};
    static const char *const integers[] = {"0", "9223372036854775807"};
    static const char *const no_integers[] = {"", "-1", "01", "1.0", "1e3", "9223372036854775808", "null", "\"1\""};
    char frame[TEXT];
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[1]));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK(take(&d, with(frame, trade_kinds[1].frame, "20f43950-d8dd, }]", texts[i])) == 0);
    for (size_t i = 0; i < sizeof no_texts / sizeof no_texts[0]; i++)
        CHECK(leaves_text(&d, with(frame, trade_kinds[1].frame, "20f43950-d8dd, }]", no_texts[i])));
    trade_desk_close(&d);
    CHECK(trade_desk_open(&d, &trade_kinds[0]));
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
        CHECK(take(&d, with(frame, trade_kinds[0].frame, "3735693015", integers[i])) == 0);
    for (size_t i = 0; i < sizeof no_integers / sizeof no_integers[0]; i++)
        CHECK(leaves_text(&d, with(frame, trade_kinds[0].frame, "3735693015", no_integers[i])));
    trade_desk_close(&d);
}

static void of_a_choice_one_text_has_to_be_there(void) {
    static const char *const bad[] = {"", "tru", "truefalse", "true|false", "True", "null", "1", "\"true\"", "|"};
    char frame[TEXT];
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[0]));
    CHECK(take(&d, with(frame, trade_kinds[0].frame, "true", "false")) == 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(leaves_text(&d, with(frame, trade_kinds[0].frame, "true", bad[i])));
    trade_desk_close(&d);
    static const char three[] = "{\"s\":\"<symbol>\",\"p\":<price>,\"q\":<quantity>,\"x\":<a|ab|[]|\"\">,\"y\":<1|2>}";
    frs_lane *lane = frs_lane_new(NULL, FRS_CHAINED, 1, 0, 0, 1);
    frs_tape *tape = frs_tape_new(4, 400);
    CHECK(frs_lane_template(lane, three, sizeof three - 1) == 0 && frs_lane_add(lane, "A", 1, 0, 0) == 0);
    CHECK(frs_lane_keep(lane, 0, tape) == 0);
    static const struct {
        const char *text;
        bool fits;
    } said[] = {{"a", true}, {"[]", true}, {"\"\"", true}, {"ab", false}, {"b", false}}; /* "a" comes before "ab" */
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        snprintf(frame, TEXT, "{\"s\":\"A\",\"p\":1,\"q\":2,\"x\":%s,\"y\":2}", said[i].text);
        CHECK((frs_lane_take(lane, frame, strlen(frame), 1) == 0) == said[i].fits);
    }
    frs_lane_free(lane);
    frs_tape_free(tape);
}

static void trades_of_a_symbol_without_a_tape_are_left(void) {
    char frame[TEXT];
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[0]));
    CHECK(leaves_text(&d, with(frame, trade_kinds[0].frame, "BTC", "ETH"))); /* known, and no tape */
    CHECK(leaves_text(&d, with(frame, trade_kinds[0].frame, "BTC", "XRP")));
    frs_tape *tape = frs_tape_new(1, 200);
    CHECK(frs_lane_keep(d.lane, 1, tape) == 0);
    CHECK(take(&d, with(frame, trade_kinds[0].frame, "BTC", "ETH")) == 0);
    CHECK(frs_tape_end(tape) == 1 && frs_tape_end(d.tape) == 0);
    CHECK(frs_lane_keep(d.lane, 1, NULL) == 0);
    CHECK(leaves_text(&d, with(frame, trade_kinds[0].frame, "BTC", "ETH")));
    CHECK(frs_lane_keep(d.lane, 2, tape) == FRS_E_ARGUMENT && frs_lane_keep(d.lane, -1, tape) == FRS_E_ARGUMENT);
    frs_tape_free(tape);
    trade_desk_close(&d);
}

static void a_frame_larger_than_the_tape_is_left(void) {
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[0]));
    size_t size = strlen(trade_kinds[0].frame);
    for (int fits = 0; fits < 2; fits++) {
        frs_tape *tape = frs_tape_new(9, size - 1 + (size_t)fits);
        CHECK(frs_lane_keep(d.lane, 0, tape) == 0);
        CHECK(take(&d, trade_kinds[0].frame) == (fits ? 0 : FRS_E_LEFT));
        CHECK(frs_lane_keep(d.lane, 0, NULL) == 0);
        frs_tape_free(tape);
    }
    trade_desk_close(&d);
}

static void frames_of_trades_are_counted_with_those_of_the_connection(void) {
    char frame[TEXT];
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[3]));
    CHECK(leaves_text(&d, with(frame, trade_kinds[3].frame, "num\":4", "num\":5")));
    CHECK(leaves_text(&d, with(frame, trade_kinds[3].frame, "num\":4", "num\":3")));
    CHECK(take(&d, trade_kinds[3].frame) == 0 && leaves_text(&d, trade_kinds[3].frame));
    CHECK(frs_lane_count(d.lane, 9) == 4);
    CHECK(take(&d, with(frame, trade_kinds[3].frame, "num\":4", "num\":10")) == 0);
    frs_lane_count(d.lane, INT64_MAX);
    CHECK(leaves_text(&d, with(frame, trade_kinds[3].frame, "num\":4", "num\":9223372036854775807")));
    trade_desk_close(&d);
}

static void a_time_beyond_64_bits_of_ns_is_left(void) {
    char frame[TEXT];
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[0]));
    CHECK(leaves_text(&d, with(frame, trade_kinds[0].frame, "1700000000123", "9223372036855")));
    CHECK(take(&d, with(frame, trade_kinds[0].frame, "1700000000123", "9223372036854")) == 0);
    trade_desk_close(&d);
}

static void trades_need_no_book_and_updates_do(void) {
    static const char book[] = "{\"U\":<first>,\"u\":<last>,\"s\":\"<symbol>\",\"b\":<bids>,\"a\":<asks>}";
    static const char update[] = "{\"U\":4,\"u\":4,\"s\":\"BTC\",\"b\":[],\"a\":[]}";
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[0]));
    CHECK(frs_lane_template(d.lane, book, sizeof book - 1) == 0);
    CHECK(leaves_text(&d, update) && take(&d, trade_kinds[0].frame) == 0);
    frs_scratch *scratch = frs_scratch_new(10);
    frs_book *open = frs_book_new(10, 2, 3, 0);
    CHECK(frs_book_attach(open, scratch, NULL, NULL, 0, "b", 1) == 0 && frs_book_mark(open, FRS_LIVE, 0, 0, 1) >= 0);
    CHECK(frs_lane_open(d.lane, 0, open, 3) == 0 && frs_lane_open(d.lane, 1, open, 3) == 0);
    CHECK(take(&d, trade_kinds[0].frame) == 0 && take(&d, update) == 0 && frs_tape_end(d.tape) == 2);
    char frame[TEXT];
    CHECK(leaves_text(&d, with(frame, trade_kinds[0].frame, "BTC", "ETH"))); /* a book is no tape */
    frs_book_free(open);
    frs_scratch_free(scratch);
    trade_desk_close(&d);
}

static void a_run_takes_trades_and_updates_in_their_order(void) {
    static const char book[] = "{\"U\":<first>,\"u\":<last>,\"s\":\"<symbol>\",\"b\":<bids>,\"a\":<asks>}";
    char trades[3][TEXT], buf[6 * TEXT];
    uint32_t words[6 * FRS_FRAME_WORDS] = {0};
    size_t at = 0;
    trade_desk d;
    CHECK(trade_desk_open(&d, &trade_kinds[0]) && frs_lane_template(d.lane, book, sizeof book - 1) == 0);
    frs_scratch *scratch = frs_scratch_new(10);
    frs_book *open = frs_book_new(10, 2, 3, 0);
    CHECK(frs_book_attach(open, scratch, NULL, NULL, 0, "b", 1) == 0 && frs_book_mark(open, FRS_LIVE, 0, 0, 1) >= 0);
    CHECK(frs_lane_open(d.lane, 0, open, 3) == 0);
    for (int i = 0; i < 3; i++) {
        char id[20];
        snprintf(id, sizeof id, "%d", 40 + i);
        with(trades[i], trade_kinds[0].frame, "3735693015", id);
    }
    static const char *const updates[] = {
        "{\"U\":4,\"u\":4,\"s\":\"BTC\",\"b\":[[\"2\",\"1\"]],\"a\":[]}",
        "{\"U\":5,\"u\":5,\"s\":\"BTC\",\"b\":[],\"a\":[[\"1\",\"1\"]]}", /* crosses the book */
    };
    const char *const frames[] = {trades[0], updates[0], trades[1], updates[1], trades[2], "{}"};
    guarded copy = guard_behind(buf, lane_lay(frames, 6, buf, words));
    const uint8_t *bytes = (const uint8_t *)copy.text;
    CHECK(frs_lane_run(d.lane, bytes, words, 6, 5, &at) == FRS_CROSSED && at == 4 && frs_tape_end(d.tape) == 2);
    CHECK(frs_book_total(open, FRS_BID) == 1 && frs_lane_close(d.lane, 0) == 5);
    CHECK(frs_lane_run(d.lane, bytes, words, 6, 5, &at) == FRS_E_LEFT && at == 5 && frs_tape_end(d.tape) == 3);
    for (int i = 0; i < 3; i++)
        CHECK(keeps(&d, (uint64_t)i, trades[i]));
    guard_free(&copy);
    frs_book_free(open);
    frs_scratch_free(scratch);
    trade_desk_close(&d);
}

static void what_is_no_template_of_a_trade_is_refused_with_its_fault(void) {
    static const struct {
        const char *text, *fault;
        int continuity;
    } bad[] = {
        {"{\"s\":\"<symbol>\",\"q\":<quantity>}", "it lacks <price>", FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"p\":<price>}", "it lacks <quantity>", FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"t\":<id>}", "it lacks <price>", FRS_CHAINED},
        {"{\"p\":<price>,\"q\":<quantity>}", "it lacks <symbol>", FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"p\":<price>,\"q\":<quantity>}", "it lacks <number>", FRS_CONNECTION},
        {"{\"s\":\"<symbol>\",\"p\":<price>,\"q\":<quantity>,\"u\":<last>}", "a trade has nothing of a book",
         FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"p\":<price>,\"q\":<quantity>,\"b\":<bids>}", "a trade has nothing of a book",
         FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"p\":1<price>}", "a value cannot be told from the text around it here", FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"p\":<1|2><price>}", "a value cannot be told from the text around it here", FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"p\":<price><,|}>", "a value cannot be told from the text around it here", FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"i\":\"x<id>\"}", "a value cannot be told from the text around it here", FRS_CHAINED},
        {"{\"s\":\"<symbol>\",\"p\":<price>,\"o\":<price>}", "the name is there already", FRS_CHAINED},
        {"{\"m\":<a|>}", "there is nothing to choose here", FRS_CHAINED},
        {"{\"m\":<|>}", "there is nothing to choose here", FRS_CHAINED},
        {"{\"m\":<|a>}", "there is nothing to choose here", FRS_CHAINED},
        {"{\"m\":<a||b>}", "there is nothing to choose here", FRS_CHAINED},
        {"{\"m\":<a|b<c>}", "this choice cannot be compared", FRS_CHAINED},
        {"{\"m\":<a|\xc3\xa9>}", "this choice cannot be compared", FRS_CHAINED},
        {"{\"m\":<a|b", "the bracket is not closed", FRS_CHAINED},
    };
    const char *fault;
    size_t at;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        guarded text = guard_behind(bad[i].text, strlen(bad[i].text));
        CHECK(frs_template_check(text.text, strlen(bad[i].text), bad[i].continuity, 0, 0, &fault, &at) == FRS_E_SYNTAX);
        CHECK(strcmp(fault, bad[i].fault) == 0);
        guard_free(&text);
    }
    for (int i = 0; i < TRADE_KINDS; i++) /* whatever the updates of the same connector need */
        for (int continuity = FRS_CHAINED; continuity <= FRS_UNNUMBERED; continuity++) {
            const char *text = trade_kinds[i].template;
            int found = frs_template_check(text, strlen(text), continuity, continuity == FRS_COUNTED, 1, &fault, &at);
            CHECK((found == 0) == (continuity != FRS_CONNECTION || i == 3));
        }
    char large[FRS_TEMPLATE_SIZE];
    size_t size = 0;
    for (int i = 0; i <= FRS_FIELDS; i++, size += 5)
        memcpy(large + size, "<a|b>", 5);
    CHECK(frs_template_check(large, size, FRS_CHAINED, 0, 0, &fault, &at) == FRS_E_SYNTAX);
    CHECK(strcmp(fault, "it has too many names") == 0);
}

void test_trades(void) {
    TEST(a_trade_as_the_template_shows_is_kept_as_it_came);
    TEST(what_differs_from_the_template_by_any_byte_is_left);
    TEST(a_frame_is_never_read_beyond_its_ends);
    TEST(prices_and_quantities_are_numbers_that_are_not_negative);
    TEST(an_id_is_an_integer_or_within_quotes_any_plain_text);
    TEST(of_a_choice_one_text_has_to_be_there);
    TEST(trades_of_a_symbol_without_a_tape_are_left);
    TEST(a_frame_larger_than_the_tape_is_left);
    TEST(frames_of_trades_are_counted_with_those_of_the_connection);
    TEST(a_time_beyond_64_bits_of_ns_is_left);
    TEST(trades_need_no_book_and_updates_do);
    TEST(a_run_takes_trades_and_updates_in_their_order);
    TEST(what_is_no_template_of_a_trade_is_refused_with_its_fault);
}
