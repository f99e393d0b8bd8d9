/* Levels as objects, with and without a side: any order of keys, anything skipped, nothing doubtful let through. */
#include <stdio.h>
#include <string.h>

#include "check.h"

enum { ROOM = 64, PRICE_SCALE = 2, QUANTITY_SCALE = 8 };

#define WORDS(text) text, sizeof text - 1
#define TEXT(text) text, strlen(text)

static frs_spelling *objects_new(void) {
    return frs_spelling_new(FRS_OBJECTS, WORDS("price qty"));
}

static frs_spelling *sided_new(void) {
    return frs_spelling_new(FRS_SIDED, WORDS("price_level new_quantity side bid offer"));
}

static int scan(const frs_spelling *spelling, const char *text, frs_level *out) {
    return frs_levels_scan(TEXT(text), spelling, PRICE_SCALE, QUANTITY_SCALE, out, ROOM);
}

static int result(const frs_spelling *spelling, const char *text) {
    frs_level out[ROOM];
    return scan(spelling, text, out);
}

static bool is(const frs_level *level, int64_t price, int64_t quantity) {
    return level->price == price && level->quantity == quantity;
}

static void objects_are_read_with_bare_numbers_and_with_strings(void) {
    frs_spelling *objects = objects_new();
    frs_level out[ROOM];
    CHECK(scan(objects, "[{\"price\":63388.7,\"qty\":0.25761908},{\"price\":\"1.25\",\"qty\":\"12\"}]", out) == 2);
    CHECK(is(&out[0], 6338870, 25761908) && is(&out[1], 125, 1200000000));
    CHECK(scan(objects, "[{\"price\":\"5\",\"qty\":1e-08},{\"price\":7e1,\"qty\":\"0.00000000\"}]", out) == 2);
    CHECK(is(&out[0], 500, 1) && is(&out[1], 7000, 0));
    CHECK(scan(objects, " [ { \"price\" : 1 ,\n\"qty\"\t: \"2\" } ] ", out) == 1 && is(&out[0], 100, 200000000));
    CHECK(scan(objects, "", out) == 0 && scan(objects, "null", out) == 0 && scan(objects, " [ ] ", out) == 0);
    frs_spelling_free(objects);
}

static void a_sided_ask_comes_out_with_a_negative_price(void) {
    frs_spelling *sided = sided_new();
    frs_level out[ROOM];
    const char text[] =
        "[{\"side\":\"bid\",\"event_time\":\"2026-08-24T22:34:13.483122Z\",\"price_level\":\"78856.05\","
        "\"new_quantity\":\"0.0476177\"},{\"side\":\"offer\",\"price_level\":\"78857\","
        "\"new_quantity\":\"0\"},{\"new_quantity\":1.5,\"price_level\":2.5,\"side\":\"offer\"}]";
    CHECK(scan(sided, text, out) == 3);
    CHECK(is(&out[0], 7885605, 4761770) && is(&out[1], -7885700, 0) && is(&out[2], -250, 150000000));
    frs_spelling_free(sided);
}

/* Puts the members in the order that `order` encodes, with `between` in front of each. */
static void permuted(char *out, const char *const *members, int count, unsigned order, const char *between) {
    char *p = out;
    unsigned left = (1u << count) - 1;
    p += sprintf(p, "[{");
    for (int n = count; n > 0; n--) {
        unsigned choice = order % (unsigned)n;
        order /= (unsigned)n;
        for (int i = 0; i < count; i++)
            if (left & 1u << i && choice-- == 0) {
                p += sprintf(p, "%s%s%s", n < count ? "," : "", between, members[i]);
                left &= ~(1u << i);
                break;
            }
    }
    sprintf(p, "}]");
}

static const char *const sided_members[] = {"\"side\":\"offer\"", "\"event_time\":\"1970-01-01T00:00:00Z\"",
                                            "\"price_level\":\"78856.05\"", "\"new_quantity\":\"0.25\""};
static const char *const object_members[] = {"\"price\":63388.7", "\"qty\":0.25761908", "\"id\":7"};

static void keys_may_come_in_any_order(void) {
    frs_spelling *objects = objects_new(), *sided = sided_new();
    frs_level out[ROOM];
    char text[1000];
    for (unsigned order = 0; order < 24; order++) {
        permuted(text, sided_members, 4, order, "");
        CHECK(scan(sided, text, out) == 1 && is(&out[0], -7885605, 25000000));
        permuted(text, object_members, 3, order, "");
        CHECK(scan(objects, text, out) == 1 && is(&out[0], 6338870, 25761908));
    }
    frs_spelling_free(objects);
    frs_spelling_free(sided);
}

static void other_keys_are_skipped_whatever_their_value(void) {
    static const char *const values[] = {"1",
                                         "-1.5e3",
                                         "\"\"",
                                         "\"a,\\\"}]\\u00e9\\\\\"",
                                         "true",
                                         "false",
                                         "null",
                                         "[]",
                                         "{}",
                                         "[1,[2,{\"price\":3}],\"}\"]",
                                         "{\"price\":9,\"side\":\"none\",\"a\":{\"a\":[{}]},\"a\":1}",
                                         " [ 1 , 2 ] ",
                                         "{ \"\\u0070rice\" : [ ] , \"b\" : 0 }",
                                         "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"};
    frs_spelling *objects = objects_new(), *sided = sided_new();
    frs_level out[ROOM];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char between[200], text[1000];
        sprintf(between, "\"other\":%s,", values[i]);
        for (unsigned order = 0; order < 24; order++) {
            permuted(text, sided_members, 4, order, between);
            CHECK(scan(sided, text, out) == 1 && is(&out[0], -7885605, 25000000));
            permuted(text, object_members, 3, order, between);
            CHECK(scan(objects, text, out) == 1 && is(&out[0], 6338870, 25761908));
        }
    }
    frs_spelling_free(objects);
    frs_spelling_free(sided);
}

static void a_skipped_value_that_is_not_json_is_refused(void) {
    static const char *const values[] = {"",
                                         "+1",
                                         "01",
                                         ".5",
                                         "tru",
                                         "nulll",
                                         "\"\x01\"",
                                         "\"\\x\"",
                                         "\"\\u12g4\"",
                                         "[",
                                         "[1,]",
                                         "[,]",
                                         "[1 2]",
                                         "[1}",
                                         "{",
                                         "{1:2}",
                                         "{\"a\"}",
                                         "{\"a\":}",
                                         "{,}",
                                         "{\"a\":1,}",
                                         "{\"a\":1]",
                                         "{\"a\" 1}",
                                         "{\"a\":1 \"b\":2}",
                                         "]",
                                         "}",
                                         "'a'",
                                         "\"a",
                                         "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
                                         "{a:1}",
                                         "{\"a\\\":1}",
                                         "[\"\\\"]"};
    frs_spelling *objects = objects_new(), *sided = sided_new();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[300];
        sprintf(text, "[{\"other\":%s,\"price\":1,\"qty\":2}]", values[i]);
        CHECK(result(objects, text) == FRS_E_SYNTAX);
        sprintf(text, "[{\"price\":1,\"qty\":2,\"other\":%s}]", values[i]);
        CHECK(result(objects, text) == FRS_E_SYNTAX);
        sprintf(text, "[{\"side\":\"bid\",\"other\":%s,\"price_level\":\"1\",\"new_quantity\":\"2\"}]", values[i]);
        CHECK(result(sided, text) == FRS_E_SYNTAX);
    }
    frs_spelling_free(objects);
    frs_spelling_free(sided);
}

static void a_level_that_lacks_or_repeats_a_key_is_refused(void) {
    static const char *const bad_objects[] = {
        "[{}]",
        "[{\"price\":1}]",
        "[{\"qty\":1}]",
        "[{\"price\":1,\"price\":1}]",
        "[{\"price\":1,\"qty\":2,\"price\":1}]",
        "[{\"price\":1,\"qty\":2,\"qty\":2}]",
        "[{\"price\":1,\"Qty\":2}]",
        "[{\"price\":1,\"qty \":2}]",
        "[{\"price\":1,\"qt\":2}]",
        "[{\"price\":1,\"qtyy\":2}]",
        "[{\"price\":1,\"other\":{\"qty\":2}}]",
    };
    static const char *const bad_sided[] = {
        "[{\"side\":\"bid\",\"price_level\":\"1\"}]",
        "[{\"side\":\"bid\",\"new_quantity\":\"1\"}]",
        "[{\"price_level\":\"1\",\"new_quantity\":\"1\"}]",
        "[{\"side\":\"bid\",\"side\":\"bid\",\"price_level\":\"1\",\"new_quantity\":\"1\"}]",
        "[{\"side\":\"bid\",\"price_level\":\"1\",\"price_level\":\"1\",\"new_quantity\":\"1\"}]",
        "[{\"side\":\"bid\",\"new_quantity\":\"1\",\"price_level\":\"1\",\"new_quantity\":\"1\"}]",
        "[{\"side\":\"bid\",\"price_level\":\"1\",\"new_quantity\":\"1\",\"side\":\"offer\"}]",
    };
    frs_spelling *objects = objects_new(), *sided = sided_new();
    for (size_t i = 0; i < sizeof bad_objects / sizeof *bad_objects; i++)
        CHECK(result(objects, bad_objects[i]) == FRS_E_SYNTAX);
    for (size_t i = 0; i < sizeof bad_sided / sizeof *bad_sided; i++)
        CHECK(result(sided, bad_sided[i]) == FRS_E_SYNTAX);
    frs_spelling_free(objects);
    frs_spelling_free(sided);
}

static void a_side_that_is_neither_word_is_refused(void) {
    static const char *const sides[] = {"\"ask\"", "\"bi\"",   "\"bids\"", "\"Bid\"",       "\"\"", "\"bid \"",
                                        "bid",     "\"offe\"", "null",     "\"\\u0062id\"", "1",    "[\"bid\"]"};
    frs_spelling *sided = sided_new();
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        char text[300];
        sprintf(text, "[{\"side\":%s,\"price_level\":\"1\",\"new_quantity\":\"2\"}]", sides[i]);
        CHECK(result(sided, text) == FRS_E_SYNTAX);
        sprintf(text, "[{\"price_level\":\"1\",\"side\":%s,\"new_quantity\":\"2\"}]", sides[i]);
        CHECK(result(sided, text) == FRS_E_SYNTAX);
    }
    frs_spelling_free(sided);
}

static void an_escape_in_a_level_s_own_key_is_refused(void) {
    frs_spelling *objects = objects_new(), *sided = sided_new();
    CHECK(result(objects, "[{\"\\u0070rice\":1,\"qty\":2}]") == FRS_E_SYNTAX);
    CHECK(result(objects, "[{\"price\":1,\"qty\":2,\"\\u0070rice\":3}]") == FRS_E_SYNTAX);
    CHECK(result(objects, "[{\"price\":1,\"a\\n\":0,\"qty\":2}]") == FRS_E_SYNTAX);
    CHECK(result(objects, "[{\"price\":\"\\u0031\",\"qty\":2}]") == FRS_E_SYNTAX);
    CHECK(result(sided, "[{\"side\":\"bid\",\"a\\\\\":\"b\",\"price_level\":\"1\",\"new_quantity\":\"2\"}]") ==
          FRS_E_SYNTAX);
    CHECK(result(sided, "[{\"side\":\"bid\",\"a\":\"b\\\\\",\"price_level\":\"1\",\"new_quantity\":\"2\"}]") == 1);
    CHECK(result(sided, "[{\"side\":\"bid\",\"a\":\"b\\\",\"price_level\":\"1\",\"new_quantity\":\"2\"}]") ==
          FRS_E_SYNTAX);
    frs_spelling_free(objects);
    frs_spelling_free(sided);
}

static void what_is_no_list_of_objects_is_refused(void) {
    static const char *const texts[] = {
        "{}",
        "[[1,2]]",
        "[1]",
        "[null]",
        "[{\"price\":1,\"qty\":2]",
        "[{\"price\":1,\"qty\":2}",
        "[{\"price\":1,\"qty\":2},]",
        "[,{\"price\":1,\"qty\":2}]",
        "[{\"price\":1,\"qty\":2}{\"price\":1,\"qty\":2}]",
        "[{\"price\":1,\"qty\":2,}]",
        "[{,\"price\":1,\"qty\":2}]",
        "[{\"price\":1 \"qty\":2}]",
        "[{\"price\" 1,\"qty\":2}]",
        "[{\"price\":1,\"qty\":2}] x",
        "[{price:1,qty:2}]",
        "[{\"price\":\"1,\"qty\":2}]",
        "[{\"price\":1\",\"qty\":2}]",
        "[{\"price\":null,\"qty\":2}]",
        "[{\"price\":1.,\"qty\":2}]",
        "[{\"price\":01,\"qty\":2}]",
        "[{\"price\":1,\"qty\":\"2}]",
        "[{\"price\":1,\"qty\":2\"}]",
        "[{\"price\":1,\"qty\":2]}",
    };
    frs_spelling *objects = objects_new();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(result(objects, texts[i]) == FRS_E_SYNTAX);
    frs_spelling_free(objects);
}

static void numbers_that_are_no_levels_are_refused(void) {
    frs_spelling *objects = objects_new(), *sided = sided_new();
    CHECK(result(objects, "[{\"price\":0,\"qty\":2}]") == FRS_E_RANGE);
    CHECK(result(objects, "[{\"price\":-1,\"qty\":2}]") == FRS_E_RANGE);
    CHECK(result(objects, "[{\"price\":1,\"qty\":-2}]") == FRS_E_RANGE);
    CHECK(result(objects, "[{\"price\":1.001,\"qty\":2}]") == FRS_E_PRECISION);
    CHECK(result(sided, "[{\"side\":\"offer\",\"price_level\":\"0\",\"new_quantity\":\"2\"}]") == FRS_E_RANGE);
    CHECK(result(sided, "[{\"side\":\"offer\",\"price_level\":\"-1\",\"new_quantity\":\"2\"}]") == FRS_E_RANGE);
    CHECK(result(sided, "[{\"side\":\"offer\",\"price_level\":\"1\",\"new_quantity\":\"0.000000001\"}]") ==
          FRS_E_PRECISION);
    frs_spelling_free(objects);
    frs_spelling_free(sided);
}

static const char valid_objects[] =
    "[{\"price\":63388.7,\"qty\":0.25761908},{\"price\":\"63388.60\",\"qty\":\"12\"},{\"qty\":1.5,\"price\":2},"
    "{\"price\":7,\"id\":[{\"a\":\"\\u00e9\"},null],\"qty\":0.00000000}, {\"price\":4.25,\"qty\":1e-3} ,"
    "{\"price\":61800.2,\"qty\":2.50700000}]";
static const char valid_sided[] =
    "[{\"side\":\"bid\",\"event_time\":\"2026-08-24T22:34:13.483122Z\",\"price_level\":\"78856.05\",\"new_quantity\":"
    "\"0.0476177\"},{\"side\":\"offer\",\"price_level\":\"78857\",\"new_quantity\":\"0\"},{\"new_quantity\":1.5,"
    "\"price_level\":2.5,\"side\":\"offer\"}, {\"side\":\"bid\",\"a\":{},\"price_level\":\"1\",\"new_quantity\":\"1\"} "
    ","
    "{\"side\":\"offer\",\"event_time\":\"1970-01-01T00:00:00Z\",\"price_level\":\"78860.5\",\"new_quantity\":\"0.25\"}"
    "]";

/* Every prefix, with an unreadable page behind it and in front of it. */
static void prefixes_are_errors(const frs_spelling *spelling, const char *text, int levels, int decimals) {
    size_t size = strlen(text);
    frs_level out[ROOM];
    int price_scale, quantity_scale;
    for (size_t cut = 0; cut <= size; cut++) {
        int expected = cut == size ? levels : cut ? FRS_E_SYNTAX : 0;
        guarded behind = guard_behind(text, cut), before = guard_before(text, cut);
        CHECK(frs_levels_scan(behind.text, cut, spelling, 2, 8, out, ROOM) == expected);
        CHECK(frs_levels_scan(before.text, cut, spelling, 2, 8, out, ROOM) == expected);
        CHECK((frs_levels_scales(behind.text, cut, spelling, &price_scale, &quantity_scale) < 0) == (expected < 0));
        guard_free(&behind);
        guard_free(&before);
    }
    CHECK(price_scale == 2 && quantity_scale == decimals);
}

static void every_prefix_is_an_error_and_nothing_is_read_beyond_it(void) {
    frs_spelling *objects = objects_new(), *sided = sided_new();
    prefixes_are_errors(objects, valid_objects, 6, 8);
    prefixes_are_errors(sided, valid_sided, 5, 7);
    frs_spelling_free(objects);
    frs_spelling_free(sided);
}

static void the_longest_words_are_read_within_the_text(void) {
    static const char words[] = "pppppppppppppppppppppppp qqqqqqqqqqqqqqqqqqqqqqqq ssssssssssssssssssssssss "
                                "bbbbbbbbbbbbbbbbbbbbbbbb aaaaaaaaaaaaaaaaaaaaaaaa";
    static const char text[] =
        "[{\"ssssssssssssssssssssssss\":\"aaaaaaaaaaaaaaaaaaaaaaaa\",\"ooooooooooooooooooooooooooooo"
        "oooooooooo\":\"ooooooooooooooooooooooooooooooooooooooo\",\"pppppppppppppppppppppppp\":"
        "\"12345678.12345678\",\"qqqqqqqqqqqqqqqqqqqqqqqq\":\"12345678.12345678\"}]";
    frs_spelling *sided = frs_spelling_new(FRS_SIDED, WORDS(words));
    frs_level out[ROOM];
    for (size_t cut = 1; cut <= strlen(text); cut++) {
        guarded behind = guard_behind(text, cut);
        CHECK(frs_levels_scan(behind.text, cut, sided, 8, 8, out, ROOM) == (cut == strlen(text) ? 1 : FRS_E_SYNTAX));
        guard_free(&behind);
    }
    CHECK(is(&out[0], -1234567812345678, 1234567812345678));
    frs_spelling_free(sided);
}

static void a_changed_byte_is_noticed_or_harmless(void) {
    frs_spelling *spellings[] = {objects_new(), sided_new()};
    static const char *const valid[] = {valid_objects, valid_sided};
    char text[sizeof valid_objects > sizeof valid_sided ? sizeof valid_objects : sizeof valid_sided];
    for (int i = 0; i < 2; i++) {
        for (size_t at = 0; at < strlen(valid[i]); at++)
            for (int c = 0; c < 256; c++) {
                memcpy(text, valid[i], strlen(valid[i]));
                text[at] = (char)c;
                frs_level out[ROOM];
                int n = frs_levels_scan(text, strlen(valid[i]), spellings[i], 2, 8, out, ROOM);
                CHECK(n == (i ? 5 : 6) || (n < 0 && n >= FRS_E_RANGE));
            }
        frs_spelling_free(spellings[i]);
    }
}

/* What an exchange, a mistaken one or a hostile one might write. */
static const char *const keys[] = {"side",       "event_time", "price_level", "new_quantity", "e", "price_level2",
                                   "price_leve", "",           "a\\\"b",      "new_quantit"};
static const char *const numbers[] = {"\"78856.05\"", "\"0.00000001\"", "12.5", "\"12345678.12345678\"", "\"0\"", "7"};
static const char *const values[] = {"\"bid\"",
                                     "\"offer\"",
                                     "\"2026-08-24T22:34:13.483122Z\"",
                                     "\"o\"",
                                     "\"\\\\\"",
                                     "\"a\\\"\"",
                                     "\"\"",
                                     "1.5000000000",
                                     "null",
                                     "\"-5\"",
                                     "\"\xc3\xa9\"",
                                     "\"1e2\"",
                                     "\"012345678901234567890123456789012345678\"",
                                     "\"0123456789012345678901234567890123456789\""};

#define PICK(from, seed) from[random_below(seed, sizeof from / sizeof *from)]

static const char *value_of(int key, uint64_t *seed) {
    if (random_below(seed, 30) == 0)
        return PICK(values, seed);
    return key == 0 ? values[random_below(seed, 2)] : key == 1 ? values[2] : PICK(numbers, seed);
}

/* One to three levels, mostly in the usual order; `space` behind every brace is the only difference of two texts that
 * are made of one seed. */
static void put_levels(char *out, uint64_t seed, bool sided, const char *space) {
    char *p = out;
    uint64_t levels = 1 + random_below(&seed, 3);
    p += sprintf(p, "[");
    for (uint64_t i = 0; i < levels; i++) {
        p += sprintf(p, "%s{%s", i ? "," : "", space);
        const char *comma = "";
        for (int key = sided ? 0 : 2; key < 4; key++)
            if (random_below(&seed, key == 1 ? 3 : 40)) {
                const char *name = random_below(&seed, 30) ? keys[key] : PICK(keys, &seed);
                p += sprintf(p, "%s\"%s\":%s", comma, name, value_of(key, &seed));
                comma = ",";
            }
        p += sprintf(p, "}");
    }
    sprintf(p, "]");
}

static void the_quick_path_takes_exactly_what_the_plain_path_takes(void) {
    frs_spelling *spellings[] = {frs_spelling_new(FRS_OBJECTS, WORDS("price_level new_quantity")), sided_new()};
    int taken = 0;
    for (uint64_t round = 0; round < 300000; round++) {
        char quick[1000], plain[1000];
        bool sided = round & 1;
        uint64_t seed = round;
        put_levels(quick, round, sided, "");
        put_levels(plain, round, sided, " ");
        int price_scale = (int)random_below(&seed, 3) ? 8 : (int)random_below(&seed, 19);
        int quantity_scale = (int)random_below(&seed, 3) ? 8 : (int)random_below(&seed, 19);
        frs_level a[3], b[3];
        int n = frs_levels_scan(TEXT(quick), spellings[sided], price_scale, quantity_scale, a, 3);
        CHECK(n == frs_levels_scan(TEXT(plain), spellings[sided], price_scale, quantity_scale, b, 3));
        CHECK(n < 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0);
        taken += n > 0;
    }
    CHECK(taken > 100000);
    frs_spelling_free(spellings[0]);
    frs_spelling_free(spellings[1]);
}

static void words_that_cannot_be_told_apart_are_refused(void) {
    static const char *const bad_objects[] = {"",
                                              "price",
                                              "price ",
                                              " price qty",
                                              "price qty ",
                                              "price  qty",
                                              "a b c",
                                              "a a",
                                              "a\" b",
                                              "a\\ b",
                                              "a\tb c",
                                              "a \xc3\xa9",
                                              "a 1234567890123456789012345"};
    static const char *const bad_sided[] = {"p q",       "p q s b",   "p q s b a x", "p p s b a",
                                            "p q p b a", "p q q b a", "p q s b b"};
    for (size_t i = 0; i < sizeof bad_objects / sizeof *bad_objects; i++)
        CHECK(!frs_spelling_new(FRS_OBJECTS, TEXT(bad_objects[i])));
    for (size_t i = 0; i < sizeof bad_sided / sizeof *bad_sided; i++)
        CHECK(!frs_spelling_new(FRS_SIDED, TEXT(bad_sided[i])));
    CHECK(!frs_spelling_new(0, "a b", 3) && !frs_spelling_new(3, "a b", 3) && !frs_spelling_new(FRS_OBJECTS, NULL, 0));
    frs_spelling *same = frs_spelling_new(FRS_SIDED, WORDS("bid ask side bid ask"));
    CHECK(same && result(same, "[{\"side\":\"ask\",\"bid\":\"1\",\"ask\":\"2\"}]") == 1);
    frs_spelling_free(same);
    frs_spelling_free(NULL);
}

void test_spelling(void) {
    TEST(objects_are_read_with_bare_numbers_and_with_strings);
    TEST(a_sided_ask_comes_out_with_a_negative_price);
    TEST(keys_may_come_in_any_order);
    TEST(other_keys_are_skipped_whatever_their_value);
    TEST(a_skipped_value_that_is_not_json_is_refused);
    TEST(a_level_that_lacks_or_repeats_a_key_is_refused);
    TEST(a_side_that_is_neither_word_is_refused);
    TEST(an_escape_in_a_level_s_own_key_is_refused);
    TEST(what_is_no_list_of_objects_is_refused);
    TEST(numbers_that_are_no_levels_are_refused);
    TEST(every_prefix_is_an_error_and_nothing_is_read_beyond_it);
    TEST(the_longest_words_are_read_within_the_text);
    TEST(a_changed_byte_is_noticed_or_harmless);
    TEST(the_quick_path_takes_exactly_what_the_plain_path_takes);
    TEST(words_that_cannot_be_told_apart_are_refused);
}
