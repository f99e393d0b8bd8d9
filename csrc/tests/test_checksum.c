/* Checksums: against a CRC made bit by bit from a text made digit by digit, and against what exchanges have published.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

enum { SCRATCH = 400, MOST = FRS_CHECKSUM_LEVELS };

static uint32_t crc_bit_by_bit(const char *text, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static frs_scratch *scratch;

static frs_book *book_new(int price_scale, int quantity_scale, const char *bids, const char *asks) {
    frs_book *book = frs_book_new(SCRATCH, price_scale, quantity_scale, 0);
    CHECK(frs_book_attach(book, scratch, NULL, NULL, 0, "c", 1) == 0);
    CHECK(frs_book_apply(book, FRS_SNAPSHOT, NULL, bids, strlen(bids), asks, strlen(asks), 1, 1) >= 0);
    return book;
}

static uint32_t digits(const frs_book *book, uint32_t levels, int price_decimals, int quantity_decimals) {
    uint32_t sum = 77;
    CHECK(frs_book_checksum(book, FRS_DIGITS, levels, price_decimals, quantity_decimals, &sum) == 0);
    return sum;
}

static uint32_t colon(const frs_book *book, uint32_t levels) {
    uint32_t sum = 77;
    CHECK(frs_book_checksum(book, FRS_COLON, levels, 0, 0, &sum) == 0);
    return sum;
}

static bool is_crc_of(uint32_t sum, const char *text) {
    return sum == crc_bit_by_bit(text, strlen(text));
}

static void the_check_value_of_crc_32_comes_out(void) {
    frs_book *book = book_new(0, 0, "", "[[1234,56789]]");
    CHECK(digits(book, 10, 0, 0) == 0xcbf43926);
    frs_book_free(book);
}

/* docs.kraken.com, guides/websockets/book-checksum-v2. */
static void kraken_s_published_example_comes_out(void) {
    static const char asks[] = "[[45285.2,0.00100000],[45286.4,1.54571953],[45286.6,1.54571109],[45289.6,1.54560911],"
                               "[45290.2,0.15890660],[45291.8,1.54553491],[45294.7,0.04454749],[45296.1,0.35380000],"
                               "[45297.5,0.09945542],[45299.5,0.18772827]]";
    static const char bids[] = "[[45283.5,0.10000000],[45283.4,1.54582015],[45282.1,0.10000000],[45281.0,0.10000000],"
                               "[45280.3,1.54592586],[45279.0,0.07990000],[45277.6,0.03310103],[45277.5,0.30000000],"
                               "[45277.3,1.54602737],[45276.6,0.15445238]]";
    for (int finer = 0; finer < 5; finer++) {
        frs_book *book = book_new(1 + finer, 8 + finer, bids, asks);
        CHECK(digits(book, 10, 1, 8) == 3310070434);
        CHECK(digits(book, 9, 1, 8) != 3310070434);
        frs_book_free(book);
    }
}

static void digits_are_those_of_the_decimals_whatever_the_scale(void) {
    frs_book *coarse = book_new(1, 3, "[[45285.2,0.001]]", "[[45290,12]]");
    CHECK(is_crc_of(digits(coarse, 10, 1, 3), "452900120004528521"));
    CHECK(is_crc_of(digits(coarse, 10, 1, 8), "4529001200000000452852100000"));
    CHECK(is_crc_of(digits(coarse, 10, 18, 18), "45290000000000000000000"
                                                "12000000000000000000"
                                                "45285200000000000000000"
                                                "1000000000000000"));
    frs_book *fine = book_new(5, 8, "[[45285.2,0.001]]", "[[45290,12]]");
    CHECK(is_crc_of(digits(fine, 10, 1, 3), "452900120004528521"));
    frs_book_free(coarse);
    frs_book_free(fine);
}

static void a_number_that_does_not_fit_the_decimals_is_an_error(void) {
    frs_book *book = book_new(3, 8, "[[10.05,1]]", "[[11,0.001],[12,0.00000001],[13.001,5]]");
    uint32_t sum = 77;
    CHECK(frs_book_checksum(book, FRS_DIGITS, 3, 2, 8, &sum) == FRS_E_PRECISION);
    CHECK(frs_book_checksum(book, FRS_DIGITS, 2, 2, 7, &sum) == FRS_E_PRECISION);
    CHECK(frs_book_checksum(book, FRS_DIGITS, 1, 1, 8, &sum) == FRS_E_PRECISION);
    CHECK(sum == 77);
    CHECK(is_crc_of(digits(book, 1, 2, 3), "110011005"
                                           "1000"));
    frs_book_free(book);
}

static void colons_join_bids_and_asks_in_turns(void) {
    frs_book *book = book_new(2, 8, "[[30249.4,5],[30249.35,0.5],[100,20]]", "[[30250,0.00000001]]");
    CHECK(is_crc_of(colon(book, 25), "30249.4:5:30250:0.00000001:30249.35:0.5:100:20"));
    CHECK(is_crc_of(colon(book, 2), "30249.4:5:30250:0.00000001:30249.35:0.5"));
    frs_book_free(book);
    book = book_new(0, 0, "", "[[7,8],[9,10]]");
    CHECK(is_crc_of(colon(book, 25), "7:8:9:10"));
    frs_book_free(book);
}

static void an_empty_book_has_the_checksum_of_no_text(void) {
    frs_book *book = book_new(2, 3, "", "");
    CHECK(digits(book, 10, 2, 3) == 0 && colon(book, 25) == 0);
    frs_book_free(book);
}

static void only_known_levels_count(void) {
    frs_book *book = frs_book_new(10, 0, 0, 0);
    CHECK(frs_book_attach(book, scratch, NULL, NULL, 0, "c", 1) == 0);
    frs_book_limit(book, 1);
    CHECK(frs_book_apply(book, FRS_SNAPSHOT, NULL, "[[5,1]]", 7, "[[6,1]]", 7, 1, 1) >= 0);
    CHECK(frs_book_apply(book, 0, NULL, "[[4,1]]", 7, "[[7,1]]", 7, 1, 1) >= 0);
    CHECK(is_crc_of(digits(book, 10, 0, 0), "6151"));
    frs_book_free(book);
}

/* The text of the header's words, with sprintf and strings alone. */
static size_t digits_text(char *out, const frs_level *levels, size_t count, int price_zeros, int quantity_zeros) {
    char *p = out;
    for (size_t i = 0; i < count; i++) {
        p += sprintf(p, "%lld%0*d", (long long)levels[i].price, price_zeros, 0) - (price_zeros == 0);
        p += sprintf(p, "%lld%0*d", (long long)levels[i].quantity, quantity_zeros, 0) - (quantity_zeros == 0);
    }
    return (size_t)(p - out);
}

static size_t least_text(char *out, int64_t value, int scale) {
    size_t size = (size_t)sprintf(out, "%0*lld", scale + 1, (long long)value);
    memmove(out + size - (size_t)scale + 1, out + size - (size_t)scale, (size_t)scale);
    out[size - (size_t)scale] = '.';
    for (size++; out[size - 1] == '0'; size--)
        ;
    return out[size - 1] == '.' ? size - 1 : size;
}

static size_t colon_text(char *out, frs_level levels[2][MOST], const size_t counts[2], const int scales[2]) {
    char *p = out;
    for (size_t i = 0; i < MOST; i++)
        for (int side = 0; side < 2; side++)
            if (i < counts[side]) {
                p += p == out ? 0 : sprintf(p, ":");
                p += least_text(p, levels[side][i].price, scales[0]);
                p += sprintf(p, ":");
                p += least_text(p, levels[side][i].quantity, scales[1]);
            }
    return (size_t)(p - out);
}

/* Numbers of every length, up to the largest there is. */
static int64_t draw(uint64_t *seed) {
    uint64_t value = random_below(seed, INT64_MAX) >> random_below(seed, 63);
    for (uint64_t n = random_below(seed, 3) ? 0 : random_below(seed, 12); n > 0 && value < INT64_MAX / 10; n--)
        value *= 10;
    return random_below(seed, 40) ? (int64_t)value + 1 : INT64_MAX;
}

static void any_book_has_the_checksum_of_its_text(void) {
    static char text[2 * MOST * 100];
    uint64_t seed = 31;
    for (int round = 0; round < 3000; round++) {
        frs_level levels[2][MOST];
        int scales[2] = {(int)random_below(&seed, 19), (int)random_below(&seed, 19)};
        int zeros[2] = {(int)random_below(&seed, 19u - (unsigned)scales[0]),
                        (int)random_below(&seed, 19u - (unsigned)scales[1])};
        frs_book *book = frs_book_new(SCRATCH, scales[0], scales[1], 0);
        CHECK(frs_book_attach(book, scratch, NULL, NULL, 0, "c", 1) == 0);
        for (uint64_t n = random_below(&seed, 2 * MOST); n > 0; n--) {
            char level[2][2 * FRS_DECIMAL_TEXT + 4] = {"", ""};
            size_t side = random_below(&seed, 2);
            char *p = level[side];
            p += sprintf(p, "[[");
            p += frs_decimal_format(draw(&seed), scales[0], p, FRS_DECIMAL_TEXT);
            p += sprintf(p, ",");
            p += frs_decimal_format(draw(&seed), scales[1], p, FRS_DECIMAL_TEXT);
            sprintf(p, "]]");
            CHECK(frs_book_apply(book, 0, NULL, level[0], strlen(level[0]), level[1], strlen(level[1]), 1, 1) >= 0);
        }
        uint32_t most = 1 + (uint32_t)random_below(&seed, MOST);
        size_t counts[2];
        for (int side = 0; side < 2; side++)
            counts[side] = (size_t)frs_book_read(book, side, 0, levels[side], most);
        size_t size = digits_text(text, levels[FRS_ASK], counts[FRS_ASK], zeros[0], zeros[1]);
        size += digits_text(text + size, levels[FRS_BID], counts[FRS_BID], zeros[0], zeros[1]);
        CHECK(digits(book, most, scales[0] + zeros[0], scales[1] + zeros[1]) == crc_bit_by_bit(text, size));
        size = colon_text(text, levels, counts, scales);
        CHECK(colon(book, most) == crc_bit_by_bit(text, size));
        frs_book_free(book);
    }
}

static void arguments_outside_their_range_are_refused(void) {
    frs_book *book = book_new(0, 0, "[[1,1]]", "");
    uint32_t sum = 77;
    CHECK(frs_book_checksum(book, 0, 10, 0, 0, &sum) == FRS_E_ARGUMENT);
    CHECK(frs_book_checksum(book, 3, 10, 0, 0, &sum) == FRS_E_ARGUMENT);
    CHECK(frs_book_checksum(book, FRS_DIGITS, 0, 0, 0, &sum) == FRS_E_ARGUMENT);
    CHECK(frs_book_checksum(book, FRS_DIGITS, MOST + 1, 0, 0, &sum) == FRS_E_ARGUMENT);
    CHECK(frs_book_checksum(book, FRS_DIGITS, 1, -1, 0, &sum) == FRS_E_ARGUMENT);
    CHECK(frs_book_checksum(book, FRS_COLON, 1, 0, 19, &sum) == FRS_E_ARGUMENT);
    CHECK(sum == 77);
    frs_book_free(book);
}

void test_checksum(void) {
    scratch = frs_scratch_new(SCRATCH);
    TEST(the_check_value_of_crc_32_comes_out);
    TEST(kraken_s_published_example_comes_out);
    TEST(digits_are_those_of_the_decimals_whatever_the_scale);
    TEST(a_number_that_does_not_fit_the_decimals_is_an_error);
    TEST(colons_join_bids_and_asks_in_turns);
    TEST(an_empty_book_has_the_checksum_of_no_text);
    TEST(only_known_levels_count);
    TEST(any_book_has_the_checksum_of_its_text);
    TEST(arguments_outside_their_range_are_refused);
    frs_scratch_free(scratch);
}
