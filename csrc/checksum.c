/* The CRC-32 of a book's best levels (IEEE 802.3, polynomial 0xEDB88320), in the text form of the exchange.
 *
 * The text is made of the book's integers: a float's detour would lose the trailing zeros that count. The remainder
 * takes eight bytes at a time ("slicing-by-8": Kounavis and Berry, 2005), digits are made eight at a time (the reverse
 * of quick.h): for a message of two levels the checksum is the larger part of the work. The tables are linear, each
 * entry is the sum of the entries of its bits, so the compiler makes all 2048 of the 64 that are written down here.
 * Rejected: tables filled at the start (a global that is written), CRC instructions (CPU-specific, another polynomial
 * on x86), zlib (a dependency for one function), a checksum kept up to date level by level (every insertion moves the
 * text behind it).
 */
#include <string.h>

#include "internal.h"

/* clang-format off */
#define BIT(i, bit, entry) ((i) >> (bit) & 1 ? entry : 0)
#define ENTRY(i, a, b, c, d, e, f, g, h) (BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ \
    BIT(i, 4, e) ^ BIT(i, 5, f) ^ BIT(i, 6, g) ^ BIT(i, 7, h))
#define FOUR(i, ...) ENTRY(i, __VA_ARGS__), ENTRY(i + 1, __VA_ARGS__), ENTRY(i + 2, __VA_ARGS__), \
    ENTRY(i + 3, __VA_ARGS__)
#define SIXTEEN(i, ...) FOUR(i, __VA_ARGS__), FOUR(i + 4, __VA_ARGS__), FOUR(i + 8, __VA_ARGS__), \
    FOUR(i + 12, __VA_ARGS__)
#define SIXTY_FOUR(i, ...) SIXTEEN(i, __VA_ARGS__), SIXTEEN(i + 16, __VA_ARGS__), SIXTEEN(i + 32, __VA_ARGS__), \
    SIXTEEN(i + 48, __VA_ARGS__)
#define TABLE(...) {SIXTY_FOUR(0, __VA_ARGS__), SIXTY_FOUR(64, __VA_ARGS__), SIXTY_FOUR(128, __VA_ARGS__), \
    SIXTY_FOUR(192, __VA_ARGS__)}

/* tables[k][byte]: the remainder of the byte with k zero bytes behind it. */
static const uint32_t tables[8][256] = {
    TABLE(0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832, 0x1db71064, 0x3b6e20c8, 0x76dc4190, 0xedb88320),
    TABLE(0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08, 0x4ac21251, 0x958424a2, 0xf0794f05, 0x3b83984b),
    TABLE(0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8, 0x1c26a370, 0x384d46e0, 0x709a8dc0, 0xe1351b80),
    TABLE(0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef, 0x5019579f, 0xa032af3e, 0x9b14583d, 0xed59b63b),
    TABLE(0x3d6029b0, 0x7ac05360, 0xf580a6c0, 0x30704bc1, 0x60e09782, 0xc1c12f04, 0x58f35849, 0xb1e6b092),
    TABLE(0xcb5cd3a5, 0x4dc8a10b, 0x9b914216, 0xec53826d, 0x03d6029b, 0x07ac0536, 0x0f580a6c, 0x1eb014d8),
    TABLE(0xa6770bb4, 0x979f1129, 0xf44f2413, 0x33ef4e67, 0x67de9cce, 0xcfbd399c, 0x440b7579, 0x8816eaf2),
    TABLE(0xccaa009e, 0x4225077d, 0x844a0efa, 0xd3e51bb5, 0x7cbb312b, 0xf9766256, 0x299dc2ed, 0x533b85da),
};
/* clang-format on */

static uint64_t load_little(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

uint32_t frs_crc_words(uint32_t crc, const char *p, size_t words, uint32_t *states) {
    for (size_t k = 0; k < words; k++, p += 8) {
        uint64_t word = load_little(p) ^ crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= tables[7 - i][word >> 8 * i & 0xff];
        if (states)
            states[k] = crc;
    }
    return crc;
}

uint32_t frs_crc_end(uint32_t crc, const char *p, size_t size) {
    for (; size; p++, size--)
        crc = crc >> 8 ^ tables[0][(crc ^ (unsigned char)*p) & 0xff];
    return ~crc;
}

/* Eight digits of a number below 10^8, the first one in the lowest byte: halves, then pairs, then all. */
static uint64_t eight_digits(uint64_t value) {
    uint64_t fours = value / 10000 | value % 10000 << 32;
    uint64_t top = fours * 10486 >> 20 & 0x0000007f0000007f; /* 10486 / 2^20: a hundredth */
    uint64_t pairs = top | (fours - top * 100) << 16;
    top = pairs * 103 >> 10 & 0x000f000f000f000f; /* 103 / 2^10: a tenth */
    return top | (pairs - top * 10) << 8;
}

static void store_little(char *out, uint64_t word) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(out, &word, sizeof word);
}

/* The digits of a positive value; up to seven more bytes are written behind them. */
static char *put_digits(char *out, uint64_t value) {
    const uint64_t zeros = 0x3030303030303030;
    if (value >= frs_powers[8]) {
        out = put_digits(out, value / frs_powers[8]);
        store_little(out, eight_digits(value % frs_powers[8]) | zeros);
        return out + 8;
    }
    uint64_t digits = eight_digits(value);
    unsigned leading = (unsigned)__builtin_ctzll(digits) / 8;
    store_little(out, (digits | zeros) >> 8 * leading);
    return out + 8 - leading;
}

/* At most 19 digits and 18 zeros. NULL: more decimals than these are needed. */
static char *put_whole(char *out, int64_t value, int scale, int decimals) {
    if (scale > decimals) {
        int64_t divisor = (int64_t)frs_powers[scale - decimals];
        if (value % divisor)
            return NULL;
        value /= divisor;
        scale = decimals;
    }
    out = put_digits(out, (uint64_t)value);
    memset(out, '0', (size_t)(decimals - scale));
    return out + (decimals - scale);
}

static char *put_least(char *out, int64_t value, int scale) {
    while (scale > 0 && value % 10 == 0) {
        value /= 10;
        scale--;
    }
    return out + frs_decimal_format(value, scale, out, FRS_DECIMAL_TEXT);
}

/* One level's part of the text; COLON ends each with a colon, also the last. NULL: it has more decimals than these. */
char *frs_checksum_put(char *out, int form, const frs_level *level, const int scales[2], const int decimals[2]) {
    if (form == FRS_COLON) {
        out = put_least(out, level->price, scales[0]);
        *out++ = ':';
        out = put_least(out, level->quantity, scales[1]);
        *out++ = ':';
        return out;
    }
    out = put_whole(out, level->price, scales[0], decimals[0]);
    return out ? put_whole(out, level->quantity, scales[1], decimals[1]) : NULL;
}

uint32_t frs_checksum_levels(const frs_book *book, int form, uint32_t levels, frs_level *out) {
    if (form == FRS_DIGITS) {
        uint32_t asks = (uint32_t)frs_book_read(book, FRS_ASK, 0, out, levels);
        return asks + (uint32_t)frs_book_read(book, FRS_BID, 0, out + asks, levels);
    }
    frs_level sides[2][FRS_CHECKSUM_LEVELS];
    uint32_t counts[2], count = 0;
    for (int side = FRS_BID; side <= FRS_ASK; side++)
        counts[side] = (uint32_t)frs_book_read(book, side, 0, sides[side], levels);
    for (uint32_t i = 0; i < counts[FRS_BID] || i < counts[FRS_ASK]; i++)
        for (int side = FRS_BID; side <= FRS_ASK; side++)
            if (i < counts[side])
                out[count++] = sides[side][i];
    return count;
}

static bool good_decimals(int decimals) {
    return decimals >= 0 && decimals <= FRS_MAX_SCALE;
}

int frs_book_checksum(const frs_book *book, int form, uint32_t levels, int price_decimals, int quantity_decimals,
                      uint32_t *out) {
    if ((form != FRS_DIGITS && form != FRS_COLON) || levels < 1 || levels > FRS_CHECKSUM_LEVELS ||
        !good_decimals(price_decimals) || !good_decimals(quantity_decimals))
        return FRS_E_ARGUMENT;
    const int scales[2] = {book->view.price_scale, book->view.quantity_scale};
    const int decimals[2] = {price_decimals, quantity_decimals};
    frs_level top[2 * FRS_CHECKSUM_LEVELS];
    char text[2 * FRS_CHECKSUM_LEVELS * FRS_CHECKSUM_TEXT], *end = text;
    uint32_t count = frs_checksum_levels(book, form, levels, top);
    for (uint32_t i = 0; i < count; i++) {
        end = frs_checksum_put(end, form, &top[i], scales, decimals);
        if (!end)
            return FRS_E_PRECISION;
    }
    end -= form == FRS_COLON && count;
    size_t size = (size_t)(end - text), words = size / 8;
    *out = frs_crc_end(frs_crc_words(UINT32_MAX, text, words, NULL), text + 8 * words, size % 8);
    return 0;
}
