/* Decimals against the reference and at their limits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

static int parse(const char *text, int scale, int64_t *out) {
    return frs_decimal_parse(text, strlen(text), scale, out);
}

static bool parses_to(const char *text, int scale, int64_t value) {
    int64_t out = 77;
    return parse(text, scale, &out) == 0 && out == value;
}

static bool fails_with(const char *text, int scale, int error) {
    int64_t out = 77;
    return parse(text, scale, &out) == error && out == 77;
}

static bool agrees(const char *text, size_t size, int scale) {
    int64_t ours = 77, theirs = 77;
    int error = frs_decimal_parse(text, size, scale, &ours);
    return error == reference_parse(text, size, scale, &theirs) && ours == theirs &&
           frs_decimal_scale(text, size) == reference_scale(text, size);
}

static void every_short_text_is_judged_as_the_reference_judges_it(void) {
    static const char alphabet[] = "0159.-+eE";
    const size_t symbols = sizeof alphabet - 1;
    size_t texts = 1;
    for (size_t size = 0; size <= 6; size++, texts *= symbols)
        for (size_t n = 0; n < texts; n++) {
            char text[8];
            size_t rest = n;
            for (size_t i = 0; i < size; i++, rest /= symbols)
                text[i] = alphabet[rest % symbols];
            CHECK(agrees(text, size, (int)(n % 19)));
        }
}

static void every_random_number_is_valued_as_the_reference_values_it(void) {
    uint64_t seed = 1;
    for (int round = 0; round < 200000; round++) {
        char text[80];
        int size = 0, whole = (int)random_below(&seed, 22), fraction = (int)random_below(&seed, 22);
        if (random_below(&seed, 4) == 0)
            text[size++] = '-';
        for (int i = 0; i < whole; i++)
            text[size++] = (char)('0' + random_below(&seed, random_below(&seed, 2) ? 10 : 1));
        if (fraction)
            text[size++] = '.';
        for (int i = 0; i < fraction; i++)
            text[size++] = (char)('0' + random_below(&seed, random_below(&seed, 2) ? 10 : 1));
        if (random_below(&seed, 3) == 0)
            size += snprintf(text + size, 20, "e%d", (int)random_below(&seed, 60) - 30);
        CHECK(agrees(text, (size_t)size, (int)random_below(&seed, 19)));
    }
}

static void the_limits_of_int64_are_reached_and_not_crossed(void) {
    CHECK(parses_to("9223372036854775807", 0, INT64_MAX));
    CHECK(parses_to("-9223372036854775807", 0, -INT64_MAX));
    CHECK(parses_to("9.223372036854775807", 18, INT64_MAX));
    CHECK(fails_with("9223372036854775808", 0, FRS_E_RANGE));
    CHECK(fails_with("-9223372036854775808", 0, FRS_E_RANGE));
    CHECK(fails_with("18446744073709551617", 0, FRS_E_RANGE));
    CHECK(fails_with("9.223372036854775808", 18, FRS_E_RANGE));
    CHECK(fails_with("92233720368547758.08", 2, FRS_E_RANGE));
    CHECK(fails_with("1e19", 0, FRS_E_RANGE));
    CHECK(fails_with("10", 18, FRS_E_RANGE));
}

static void what_does_not_fit_the_scale_is_never_rounded(void) {
    CHECK(fails_with("0.001", 2, FRS_E_PRECISION));
    CHECK(fails_with("0.019", 2, FRS_E_PRECISION));
    CHECK(fails_with("1e-19", 18, FRS_E_PRECISION));
    CHECK(fails_with("1e-400", 18, FRS_E_PRECISION));
    CHECK(parses_to("0.010000000000000000000000000000", 2, 1));
    CHECK(parses_to("61737.63000000", 2, 6173763));
    CHECK(parses_to("1500e-2", 0, 15));
}

static void what_is_too_large_and_too_fine_is_too_large(void) {
    CHECK(fails_with("99999999999999999999.5", 0, FRS_E_RANGE));
    CHECK(fails_with("9223372036854775807.5", 0, FRS_E_RANGE));
    CHECK(fails_with("9223372036854775806.5", 0, FRS_E_PRECISION));
}

static void exponents_of_any_size_are_read(void) {
    CHECK(parses_to("1e-08", 8, 1));
    CHECK(parses_to("1E+2", 0, 100));
    CHECK(fails_with("1e400", 0, FRS_E_RANGE));
    CHECK(parses_to("0e99999999999999999999999999", 0, 0));
    CHECK(fails_with("1e99999999999999999999999999", 0, FRS_E_RANGE));
    CHECK(fails_with("1e-99999999999999999999999999", 0, FRS_E_PRECISION));
    CHECK(parses_to("-0", 4, 0));
    CHECK(parses_to("-0.000e7", 0, 0));
}

static void what_is_no_json_number_is_refused(void) {
    static const char *texts[] = {"",     "-",  "+1",    ".5",    "1.",           "01",       "00",   "1e",   "1e+",
                                  "1.e1", " 1", "1 ",    "NaN",   "inf",          "Infinity", "0x10", "1,0",  "1_0",
                                  "--1",  "1-", "1.2.3", "1e1.5", "\xef\xbc\x91", "\xd9\xa1", "null", "\"1\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(fails_with(texts[i], 8, FRS_E_SYNTAX));
        CHECK(frs_decimal_scale(texts[i], strlen(texts[i])) == FRS_E_SYNTAX);
    }
    CHECK(frs_decimal_parse("1\0", 2, 0, &(int64_t){0}) == FRS_E_SYNTAX);
    CHECK(frs_decimal_parse(NULL, 0, 0, &(int64_t){0}) == FRS_E_SYNTAX);
}

static void thousands_of_digits_are_read_exactly(void) {
    enum { MANY = 4000 };
    char text[MANY + 40];
    memset(text, '0', sizeof text);
    text[1] = '.';
    text[MANY] = '7';
    memcpy(text + MANY + 1, "e3999", 5);
    CHECK(agrees(text, MANY + 6, 0));
    int64_t out = 0;
    CHECK(frs_decimal_parse(text, MANY + 6, 0, &out) == 0 && out == 7);
    text[0] = '5';
    CHECK(frs_decimal_parse(text, MANY, 18, &out) == 0 && out == 5000000000000000000);
    memset(text, '9', MANY);
    CHECK(frs_decimal_parse(text, MANY, 0, &out) == FRS_E_RANGE);
    memcpy(text + MANY, "e-3999", 6);
    CHECK(frs_decimal_parse(text, MANY + 6, 18, &out) == FRS_E_RANGE);
    CHECK(frs_decimal_parse(text, MANY + 6, 17, &out) == FRS_E_PRECISION);
}

static void a_formatted_value_parses_back_to_itself(void) {
    static const int64_t values[] = {0, 1, -1, 5, 10, 99, -100, 123456789, INT64_MAX, -INT64_MAX};
    uint64_t seed = 2;
    for (int scale = 0; scale <= FRS_MAX_SCALE; scale++)
        for (size_t i = 0; i < 10 + 1000; i++) {
            int64_t value = i < 10 ? values[i] : (int64_t)random_below(&seed, (uint64_t)INT64_MAX) >> (i % 63),
                    back = 77;
            char text[FRS_DECIMAL_TEXT];
            int size = frs_decimal_format(value, scale, text, sizeof text);
            CHECK(size > 0 && frs_decimal_parse(text, (size_t)size, scale, &back) == 0 && back == value);
            const char *point = memchr(text, '.', (size_t)size);
            CHECK(scale ? point && text + size - point - 1 == scale : !point);
            CHECK(frs_decimal_format(value, scale, text, (size_t)size - 1) == FRS_E_FULL);
        }
}

static bool formats_as(int64_t value, int scale, const char *expected) {
    char text[FRS_DECIMAL_TEXT];
    int size = frs_decimal_format(value, scale, text, sizeof text);
    return size == (int)strlen(expected) && memcmp(text, expected, (size_t)size) == 0;
}

static void formats_have_exactly_the_scale_s_decimals(void) {
    CHECK(formats_as(-50, 2, "-0.50"));
    CHECK(formats_as(0, 0, "0"));
    CHECK(formats_as(0, 3, "0.000"));
    CHECK(formats_as(6180020, 2, "61800.20"));
    CHECK(formats_as(INT64_MIN, 18, "-9.223372036854775808"));
    CHECK(formats_as(INT64_MIN, 0, "-9223372036854775808"));
    CHECK(formats_as(1, 18, "0.000000000000000001"));
}

static void scales_outside_0_to_18_are_refused(void) {
    char text[FRS_DECIMAL_TEXT];
    CHECK(fails_with("1", -1, FRS_E_ARGUMENT));
    CHECK(fails_with("1", 19, FRS_E_ARGUMENT));
    CHECK(frs_decimal_format(1, -1, text, sizeof text) == FRS_E_ARGUMENT);
    CHECK(frs_decimal_format(1, 19, text, sizeof text) == FRS_E_ARGUMENT);
}

static void nothing_is_read_beyond_a_number_s_end(void) {
    static const char *texts[] = {"-1234567890.0987654321e-10", "12345678", "0.00000001", "1e+5", "-"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t size = 0; size <= strlen(texts[i]); size++) {
            guarded behind = guard_behind(texts[i], size), before = guard_before(texts[i], size);
            CHECK(agrees(behind.text, size, 8));
            CHECK(agrees(before.text, size, 8));
            guard_free(&behind);
            guard_free(&before);
        }
}

static void every_error_has_its_words(void) {
    for (int code = 0; code >= -8; code--)
        CHECK(strlen(frs_error_text(code)) > 3 && strcmp(frs_error_text(code), "unknown error") != 0);
    CHECK(strcmp(frs_error_text(-99), "unknown error") == 0);
}

void test_decimal(void) {
    TEST(every_short_text_is_judged_as_the_reference_judges_it);
    TEST(every_random_number_is_valued_as_the_reference_values_it);
    TEST(the_limits_of_int64_are_reached_and_not_crossed);
    TEST(what_does_not_fit_the_scale_is_never_rounded);
    TEST(what_is_too_large_and_too_fine_is_too_large);
    TEST(exponents_of_any_size_are_read);
    TEST(what_is_no_json_number_is_refused);
    TEST(thousands_of_digits_are_read_exactly);
    TEST(a_formatted_value_parses_back_to_itself);
    TEST(formats_have_exactly_the_scale_s_decimals);
    TEST(scales_outside_0_to_18_are_refused);
    TEST(nothing_is_read_beyond_a_number_s_end);
    TEST(every_error_has_its_words);
}
