/* The scanner of levels: its grammar, its two paths, its bounds. */
#include <stdio.h>
#include <string.h>

#include "check.h"

enum { ROOM = 64 };

static int scan(const char *text, frs_level *out) {
    return frs_levels_scan(text, strlen(text), NULL, 2, 3, out, ROOM);
}

static int result(const char *text) {
    frs_level out[ROOM];
    return scan(text, out);
}

static void pairs_are_read_as_strings_and_as_numbers(void) {
    frs_level out[ROOM];
    CHECK(scan("[[\"100.50\",\"1.250\"],[99,2e-3]]", out) == 2);
    CHECK(out[0].price == 10050 && out[0].quantity == 1250);
    CHECK(out[1].price == 9900 && out[1].quantity == 2);
    CHECK(scan(" [ [ \"1\" , 0 ] ,\t[\n2.5\r, \"0.125\" ] ] ", out) == 2);
    CHECK(out[1].price == 250 && out[1].quantity == 125);
}

static void further_elements_are_skipped(void) {
    frs_level out[ROOM];
    CHECK(scan("[[\"30249.4\",\"5\",\"0\",\"12\"],[1,2,true,false,null,-1.5e3,\"a\\\"]\\u00e9\\\\\"]]", out) == 2);
    CHECK(out[0].price == 3024940 && out[0].quantity == 5000 && out[1].price == 100 && out[1].quantity == 2000);
    CHECK(result("[[1,2,\"\x01\"]]") == FRS_E_SYNTAX);
    CHECK(result("[[1,2,\"\\x\"]]") == FRS_E_SYNTAX);
    CHECK(result("[[1,2,\"\\u12g4\"]]") == FRS_E_SYNTAX);
    CHECK(result("[[1,2,[3]]]") == FRS_E_SYNTAX);
    CHECK(result("[[1,2,]]") == FRS_E_SYNTAX);
    CHECK(result("[[1,2,tru]]") == FRS_E_SYNTAX);
}

static void an_empty_side_has_three_spellings(void) {
    CHECK(result("") == 0);
    CHECK(result("null") == 0);
    CHECK(result("[]") == 0);
    CHECK(result(" [ ] ") == 0);
    CHECK(result("\tnull\n") == 0);
    CHECK(frs_levels_scan(NULL, 0, NULL, 0, 0, NULL, 0) == 0);
}

static void what_is_not_json_is_refused(void) {
    static const char *texts[] = {" ",
                                  "[",
                                  "]",
                                  "[[]]",
                                  "[[1]]",
                                  "[[1,2]",
                                  "[[1,2]]]",
                                  "[[1,2],]",
                                  "[,[1,2]]",
                                  "[[1,2][3,4]]",
                                  "[[1 2]]",
                                  "[[1,,2]]",
                                  "[1,2]",
                                  "{}",
                                  "nul",
                                  "nulll",
                                  "[null]",
                                  "[[null,1]]",
                                  "[[\"1,2]]",
                                  "[[\"1\",2\"]]",
                                  "[[\" 1\",2]]",
                                  "[[\"\",2]]",
                                  "[[\"1\"\"2\"]]",
                                  "[[01,2]]",
                                  "[[1.,2]]",
                                  "[[+1,2]]",
                                  "[['1','2']]",
                                  "[[\"\\u0031\",\"2\"]]",
                                  "[[1,2]] x",
                                  "[[1,2]]\v",
                                  "[[\"1\",\"2\"},[1,2]]",
                                  "[[\"1\":\"2\"]]",
                                  "[[\"1\",\"2\"],[\"3\",\"4\"]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(result(texts[i]) == FRS_E_SYNTAX);
}

static void numbers_that_are_no_levels_are_refused(void) {
    CHECK(result("[[\"0\",\"1\"]]") == FRS_E_RANGE);
    CHECK(result("[[\"0.00\",\"1.000\"],[\"1.00\",\"1.000\"],[\"1.00\",\"1.000\"],[\"1.00\",\"1.000\"]]") ==
          FRS_E_RANGE);
    CHECK(result("[[\"-1\",\"1\"]]") == FRS_E_RANGE);
    CHECK(result("[[\"1\",\"-0.001\"]]") == FRS_E_RANGE);
    CHECK(result("[[\"1\",\"-0\"]]") == 1);
    CHECK(result("[[\"1.001\",\"1\"]]") == FRS_E_PRECISION);
    CHECK(result("[[\"1\",\"1.0001\"]]") == FRS_E_PRECISION);
    CHECK(result("[[\"92233720368547758.08\",\"1\"]]") == FRS_E_RANGE);
    CHECK(result("[[\"1\",\"1e30\"]]") == FRS_E_RANGE);
}

static void more_levels_than_room_is_full(void) {
    frs_level out[2];
    CHECK(frs_levels_scan("[[1,2],[3,4]]", 13, NULL, 0, 0, out, 2) == 2);
    CHECK(frs_levels_scan("[[1,2],[3,4]]", 13, NULL, 0, 0, out, 1) == FRS_E_FULL);
    CHECK(frs_levels_scan("[[1,2]]", 7, NULL, 0, 0, NULL, 0) == FRS_E_FULL);
}

static void arguments_outside_their_range_are_refused(void) {
    frs_level out[2];
    CHECK(frs_levels_scan("[]", 2, NULL, 0, 19, out, 2) == FRS_E_ARGUMENT);
    CHECK(frs_levels_scan("[]", 2, NULL, 19, 0, out, 2) == FRS_E_ARGUMENT);
    CHECK(frs_levels_scan("[]", 2, NULL, 0, -1, out, 2) == FRS_E_ARGUMENT);
}

/* A number as an exchange, a mistaken one or a hostile one might write it. */
static int put_number(char *out, uint64_t *seed) {
    static const char *odd[] = {"",           "-1",
                                ".5",         "1.",
                                "00",         "1e2",
                                "1e-3",       "99999999.99999999",
                                "0.",         "x",
                                "1..2",       "0x1",
                                "1 ",         "123456789012",
                                "-0",         "18.44674407",
                                "1.2345678x", "9.22337203",
                                "9.22337204", "100000000.00000001",
                                "12345678x"};
    uint64_t kind = random_below(seed, 16);
    int size = 0;
    if (kind == 0)
        return sprintf(out, "%s", odd[random_below(seed, sizeof odd / sizeof *odd)]);
    int whole = kind < 12 ? 1 + (int)random_below(seed, 6) : 1 + (int)random_below(seed, 11);
    int fraction = kind % 4 == 0 ? 8 : (int)random_below(seed, kind < 12 ? 9 : 12);
    for (int i = 0; i < whole; i++)
        out[size++] =
            (char)('0' + (i == 0 && whole > 1 && kind != 1 ? 1 + random_below(seed, 9) : random_below(seed, 10)));
    if (fraction)
        out[size++] = '.';
    for (int i = 0; i < fraction; i++)
        out[size++] = (char)('0' + (random_below(seed, 3) ? 0 : random_below(seed, 10)));
    return size;
}

static void the_quick_path_takes_exactly_what_the_plain_path_takes(void) {
    uint64_t seed = 3;
    for (int round = 0; round < 300000; round++) {
        char price[32], quantity[32], quick[512] = "[", plain[512] = "[";
        int price_size = put_number(price, &seed), quantity_size = put_number(quantity, &seed);
        int quick_size = 1, plain_size = 1, levels = 1 + (int)random_below(&seed, 3);
        for (int i = 0; i < levels; i++) {
            const char *comma = i ? "," : "";
            quick_size +=
                sprintf(quick + quick_size, "%s[\"%.*s\",\"%.*s\"]", comma, price_size, price, quantity_size, quantity);
            plain_size += sprintf(plain + plain_size, "%s[ \"%.*s\",\"%.*s\"]", comma, price_size, price, quantity_size,
                                  quantity);
        }
        quick[quick_size++] = plain[plain_size++] = ']';
        int price_scale = (int)random_below(&seed, 19), quantity_scale = (int)random_below(&seed, 19);
        frs_level a[3], b[3];
        int n = frs_levels_scan(quick, (size_t)quick_size, NULL, price_scale, quantity_scale, a, 3);
        CHECK(n == frs_levels_scan(plain, (size_t)plain_size, NULL, price_scale, quantity_scale, b, 3));
        CHECK(n < 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0);
    }
}

static const char valid[] =
    "[[\"61804.60000000\",\"0.057\"],[\"61803.10\",\"12\"],[1,2.5],[\"5\",\"0.1\",null,\"\\u00e9\"],"
    "[\"12345678.12345678\",\"0.00\"], [\"4.25\",\"1e-3\"] ,[\"61800.20\",\"2.507\"]]";

static int scan_valid(const char *text, size_t size) {
    frs_level out[ROOM];
    return frs_levels_scan(text, size, NULL, 8, 3, out, ROOM);
}

static void every_prefix_of_a_valid_text_is_a_syntax_error(void) {
    size_t size = strlen(valid);
    CHECK(scan_valid(valid, size) == 7);
    for (size_t cut = 1; cut < size; cut++)
        CHECK(scan_valid(valid, cut) == FRS_E_SYNTAX);
}

static void nothing_is_read_beyond_the_text_s_end(void) {
    size_t size = strlen(valid);
    int price_scale, quantity_scale;
    for (size_t cut = 0; cut <= size; cut++) {
        int expected = cut == size ? 7 : cut ? FRS_E_SYNTAX : 0;
        guarded behind = guard_behind(valid, cut), before = guard_before(valid, cut);
        CHECK(scan_valid(behind.text, cut) == expected);
        CHECK(scan_valid(before.text, cut) == expected);
        CHECK((frs_levels_scales(behind.text, cut, NULL, &price_scale, &quantity_scale) < 0) == (expected < 0));
        guard_free(&behind);
        guard_free(&before);
    }
}

static void a_changed_byte_is_noticed_or_harmless(void) {
    char text[sizeof valid];
    for (size_t at = 0; at < strlen(valid); at++)
        for (int c = 0; c < 256; c++) {
            memcpy(text, valid, sizeof valid);
            text[at] = (char)c;
            int n = scan_valid(text, strlen(valid));
            CHECK(n == 7 || (n < 0 && n >= FRS_E_RANGE));
        }
}

static void the_least_scales_are_found(void) {
    int price_scale = -1, quantity_scale = -1;
    const char text[] = "[[\"61804.60\",\"0.0570\"],[\"1e-3\",\"1\"],[5,100,\"0.000001\"]]";
    CHECK(frs_levels_scales(text, strlen(text), NULL, &price_scale, &quantity_scale) == 0);
    CHECK(price_scale == 3 && quantity_scale == 3);
    CHECK(frs_levels_scales("[[1,1e-19]]", 11, NULL, &price_scale, &quantity_scale) == FRS_E_PRECISION);
    CHECK(frs_levels_scales("[[1,1e-1]", 9, NULL, &price_scale, &quantity_scale) == FRS_E_SYNTAX);
    CHECK(price_scale == 3 && quantity_scale == 3);
    CHECK(frs_levels_scales("", 0, NULL, &price_scale, &quantity_scale) == 0);
    CHECK(price_scale == 0 && quantity_scale == 0);
}

/* The price before it is what the quick path expects, and nothing that a price is measured by. */
static void a_price_is_the_same_behind_any_other(void) {
    static const char *const prices[] = {
        "1.5",         "9.5",       "12.5",     "12.50",   "12.51",     "12.00",      "0.5",       "0.05",
        "00.5",        "01.5",      "12.",      "12",      ".5",        "12.5e1",     "12.5E-1",   "-2.5",
        "1,5",         "1..5",      "12a5",     "1a.5",    "12.5a",     "12.a5",      "12 .5",     "1\x80.5",
        "12.\xb5",     "123.45",    "123456.7", "12345.6", "1234567.8", "12345678.9", "1.2345678", "1.234567",
        "1.234000",    "1.2340000", "0.0",      "0.00",    "",          "9999999.9",  "99999.99",  "922337.2",
        "9223372.036", "12.5\"",    "12.55",    "92.5",    "100000.1",  "999999.9"};
    enum { PRICES = sizeof prices / sizeof prices[0] };
    for (int scale = 0; scale <= 18; scale++)
        for (int k = 0; k < PRICES * PRICES; k++) {
            const char *before = prices[k / PRICES], *price = prices[k % PRICES];
            char both[64], first[32], second[32];
            frs_level together[2], alone[2] = {{0, 0}, {0, 0}};
            sprintf(both, "[[\"%s\",\"1\"],[\"%s\",\"1\"]]", before, price);
            sprintf(first, "[[\"%s\",\"1\"]]", before);
            sprintf(second, "[[\"%s\",\"1\"]]", price);
            int error = frs_levels_scan(first, strlen(first), NULL, scale, 0, &alone[0], 1);
            if (error > 0)
                error = frs_levels_scan(second, strlen(second), NULL, scale, 0, &alone[1], 1);
            int count = frs_levels_scan(both, strlen(both), NULL, scale, 0, together, 2);
            CHECK(count == (error < 0 ? error : 2));
            CHECK(error < 0 || memcmp(together, alone, sizeof alone) == 0);
        }
}

void test_levels(void) {
    TEST(pairs_are_read_as_strings_and_as_numbers);
    TEST(further_elements_are_skipped);
    TEST(an_empty_side_has_three_spellings);
    TEST(what_is_not_json_is_refused);
    TEST(numbers_that_are_no_levels_are_refused);
    TEST(more_levels_than_room_is_full);
    TEST(arguments_outside_their_range_are_refused);
    TEST(the_quick_path_takes_exactly_what_the_plain_path_takes);
    TEST(a_price_is_the_same_behind_any_other);
    TEST(every_prefix_of_a_valid_text_is_a_syntax_error);
    TEST(nothing_is_read_beyond_the_text_s_end);
    TEST(a_changed_byte_is_noticed_or_harmless);
    TEST(the_least_scales_are_found);
}
