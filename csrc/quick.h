/* quick.h: the scanner's quick path, for levels in the spelling that an exchange always uses: nearly all there are.
 *
 * It takes a level only if the plain grammar of levels.c would give the same value; for anything else it steps aside.
 * The usual spellings are ["1.5","2",...] with a few short further elements, {"price":1.5,"qty":2} and
 * {"side":"bid",...,"price":"1.5","quantity":"2"} with at most one string in between, all without white space.
 *
 * Eight decimals, which some exchanges always send, are converted as one integer (SWAR), and so is a pair's price that
 * is spelled as the one before it; all other digits one by one: an instrument's numbers keep their lengths, so a loop's
 * end is predicted, while a length found by arithmetic is what the next number would have to wait for (measured: 10
 * against 16 ns a level). Rejected: SIMD (CPU-specific), a first pass for the structural characters, short quantities
 * by arithmetic (measured: 0.3 ns a level). A header of its own only so that each file keeps to one idea; levels.c
 * alone includes it.
 */
#ifndef FLOWRS_QUICK_H
#define FLOWRS_QUICK_H

#include <limits.h>
#include <string.h>

#include "internal.h"

enum { WORD = 8, NUMBER_MOST = 2 * WORD + 1, STRING_MOST = 40 };

/* How far behind a level's start the quick path may read: at least its longest level. */
enum {
    PAIR_REACH = 48,
    OBJECT_REACH = 96,
    SIDED_REACH = 256,
    MOST_REACH = SIDED_REACH,
    PAIR_MOST = 2 + NUMBER_MOST + 3 + NUMBER_MOST + 1 + 1,
    OBJECT_MOST = 2 * (FRS_WORD_SIZE + 4 + 1 + NUMBER_MOST + 1) + 1,
    SIDED_MOST = FRS_WORD_SIZE + 5 + FRS_WORD_SIZE + 1 + 2 * STRING_MOST + 6 + FRS_WORD_SIZE + 5 + NUMBER_MOST +
        FRS_WORD_SIZE + 6 + NUMBER_MOST + 2
};
_Static_assert(PAIR_MOST <= PAIR_REACH, "pairs are read too far");
_Static_assert(OBJECT_MOST <= OBJECT_REACH, "objects are read too far");
_Static_assert(SIDED_MOST <= SIDED_REACH, "sided levels are read too far");
_Static_assert(FRS_WORD_SIZE + 6 <= FRS_PATTERN_SIZE && FRS_PATTERN_SIZE <= OBJECT_MOST / 2 + 1 + NUMBER_MOST,
               "a pattern is too long");

static const uint64_t ONES = 0x0101010101010101;

/* What the quick path needs to know of a scale. */
typedef struct {
    int scale;
    uint64_t beyond;   /* the bytes of eight decimals that have to be 0 */
    uint64_t multiple; /* of eight decimals read at the least of scale and 8 */
    unsigned half; /* twice this shifts the decimals within the scale to the word's end (once could be all 64 bits) */
} quick_scale;

static quick_scale quick_scale_of(int scale) {
    unsigned beyond = scale < WORD ? (unsigned)(WORD - scale) * CHAR_BIT : 0;
    quick_scale quick = {scale, 0, frs_powers[scale > WORD ? scale - WORD : 0], beyond / 2};
    if (beyond)
        quick.beyond = UINT64_MAX << (64 - beyond);
    return quick;
}

/* Eight characters, the first one in the lowest byte, each less '0'. */
static inline uint64_t load_word(const char *p) {
    uint64_t word;
    memcpy(&word, p, WORD);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word ^ '0' * ONES;
}

static inline bool all_digits(uint64_t word) {
    return (((word + 0x76 * ONES) | word) & 0x80 * ONES) == 0;
}

/* Eight digits, the most significant one in the lowest byte, to their number: pairs, then fours, then all. */
static inline uint64_t word_value(uint64_t word) {
    word = (word * (1 + (10 << 8)) >> 8) & 0x00ff00ff00ff00ff;
    word = (word * (1 + (100 << 16)) >> 16) & 0x0000ffff0000ffff;
    return word * (1 + (10000ull << 32)) >> 32;
}

/* Adds the digits at p to *value, at most `most` of them; returns the place behind. */
static inline const char *quick_digits(const char *p, int most, uint64_t *value) {
    uint64_t sum = *value;
    for (const char *stop = p + most; p < stop; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (digit > 9)
            break;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return p;
}

/* value * 10^zeros + more, or NULL instead of p if that is no int64. */
static inline const char *quick_sum(const char *p, uint64_t value, int zeros, uint64_t more, int64_t *out) {
    int64_t sum;
    if (__builtin_mul_overflow((int64_t)value, (int64_t)frs_powers[zeros], &sum) || sum > INT64_MAX - (int64_t)more)
        return NULL;
    *out = sum + (int64_t)more;
    return p;
}

/* Takes an unsigned number of up to 8 digits and up to 8 decimals; returns the place behind it, or NULL. */
static inline const char *quick_number(const char *p, const quick_scale *scale, int64_t *out) {
    uint64_t value = (uint64_t)(*p - '0');
    if (value > 9)
        return NULL;
    p = value ? quick_digits(p + 1, WORD - 1, &value) : p + 1;
    if (*p != '.')
        return quick_sum(p, value, scale->scale, 0, out);
    uint64_t word = load_word(++p);
    if (all_digits(word)) {
        if (word & scale->beyond)
            return NULL;
        uint64_t decimals = word_value(word << scale->half << scale->half) * scale->multiple;
        return quick_sum(p + WORD, value, scale->scale, decimals, out);
    }
    const char *behind = quick_digits(p, scale->scale < WORD ? scale->scale : WORD, &value);
    int zeros = scale->scale - (int)(behind - p);
    while (behind < p + WORD && *behind == '0') /* beyond the scale: "61800.20" where a tick is 0.1 */
        behind++;
    return behind == p ? NULL : quick_sum(behind, value, zeros, 0, out);
}

/* How the last price was spelled, for the next one: an exchange gives all prices of an instrument as many decimals, and
 * those of a list have as many digits. So where a price ends is known before it is read, and it is read at once. */
typedef struct {
    uint64_t text;    /* the bytes of the price */
    uint64_t gap;     /* the byte of its point */
    uint64_t whole;   /* the bytes before it */
    uint64_t leading; /* the first byte, if others are before the point: it must not be 0 */
    uint64_t beyond;  /* of the digits without the point those beyond the scale: they have to be 0 */
    uint64_t multiple;
    unsigned shift; /* of the digits within the scale to the word's end */
    unsigned size;  /* 0: not known yet */
    bool is_long;   /* it does not fit into a word, nor will the next one */
} quick_shape;

enum { ZEROS_MOST = 11 }; /* with seven digits before them the number fits */

/* The `count` bytes that come first; at least one. */
static inline uint64_t first_bytes(int64_t count) {
    return UINT64_MAX >> (64 - CHAR_BIT * count);
}

/* Takes the shape of a number that quick_number has taken. */
static inline void quick_learn(quick_shape *shape, const char *p, const char *behind, int scale) {
    int64_t size = behind - p, whole = 1;
    while (whole < size && p[whole] != '.')
        whole++;
    int64_t decimals = size - whole - 1, zeros = scale - decimals, beyond = zeros < 0 ? -zeros : 0;
    int64_t digits = whole + decimals - beyond;
    shape->is_long = size > WORD;
    shape->size = 0;
    if (shape->is_long || decimals < 1 || zeros > ZEROS_MOST)
        return;
    shape->text = first_bytes(size);
    shape->gap = (uint64_t)UCHAR_MAX << CHAR_BIT * whole;
    shape->whole = first_bytes(whole);
    shape->leading = whole > 1 ? UCHAR_MAX : 0;
    shape->beyond = beyond ? first_bytes(beyond) << CHAR_BIT * digits : 0;
    shape->multiple = frs_powers[zeros > 0 ? zeros : 0];
    shape->shift = (unsigned)(CHAR_BIT * (WORD - digits));
    shape->size = (unsigned)size;
}

/* A number of this shape; NULL: it has another one. */
static inline const char *quick_same(const char *p, const quick_shape *shape, int64_t *out) {
    uint64_t word = (load_word(p) ^ (shape->gap & ('.' ^ '0') * ONES)) & shape->text;
    uint64_t digits = (word & shape->whole) | (word >> CHAR_BIT & ~shape->whole);
    const char *behind = p + shape->size;
    if (shape->size == 0 || !all_digits(word) || word & shape->gap || (word & shape->leading) < (shape->leading != 0) ||
        digits & shape->beyond || (unsigned)(*behind - '0') <= 9)
        return NULL;
    *out = (int64_t)(word_value(digits << shape->shift) * shape->multiple);
    return behind;
}

static inline const char *quick_price(const char *p, const quick_scale *scale, quick_shape *shape, int64_t *out) {
    const char *behind = shape->is_long ? NULL : quick_same(p, shape, out);
    if (behind)
        return behind;
    behind = quick_number(p, scale, out);
    if (behind && !shape->is_long)
        quick_learn(shape, p, behind, scale->scale);
    return behind;
}

/* What follows a pair's second number: further strings of digits alone. They are few and not worth reading ahead for.
 */
static const char *quick_further(const char *p, const char *end) {
    while (end - p > 3 && memcmp(p, "\",\"", 3) == 0)
        for (p += 3; p < end && *p >= '0' && *p <= '9';)
            p++;
    return end - p >= 2 && memcmp(p, "\"]", 2) == 0 ? p + 2 : NULL;
}

static inline const char *quick_pair(const char *p, const char *end, const quick_scale scales[2], quick_shape *shape,
                                     frs_level *level) {
    if (memcmp(p, "[\"", 2) != 0)
        return NULL;
    p = quick_price(p + 2, &scales[0], shape, &level->price);
    if (!p || memcmp(p, "\",\"", 3) != 0)
        return NULL;
    p = quick_number(p + 3, &scales[1], &level->quantity);
    if (!p)
        return NULL;
    return memcmp(p, "\"]", 2) == 0 ? p + 2 : quick_further(p, end);
}

static inline const char *quick_pattern(const char *p, const frs_pattern *pattern) {
    uint64_t differs = 0;
    for (size_t at = 0; at < FRS_PATTERN_SIZE; at += WORD) {
        uint64_t text, expected, mask;
        memcpy(&text, p + at, WORD);
        memcpy(&expected, pattern->text + at, WORD);
        memcpy(&mask, pattern->mask + at, WORD);
        differs |= (text ^ expected) & mask;
    }
    return differs ? NULL : p + pattern->size;
}

static inline const char *quick_value(const char *p, const quick_scale *scale, int64_t *out) {
    bool quoted = *p == '"';
    p = quick_number(p + quoted, scale, out);
    if (p && quoted)
        p = *p == '"' ? p + 1 : NULL;
    return p;
}

static inline const char *quick_object(const char *p, const frs_spelling *spelling, const quick_scale scales[2],
                                       frs_level *level) {
    p = quick_pattern(p, &spelling->patterns[FRS_PRICE_KEY]);
    p = p ? quick_value(p, &scales[0], &level->price) : NULL;
    p = p ? quick_pattern(p, &spelling->patterns[FRS_QUANTITY_KEY]) : NULL;
    p = p ? quick_value(p, &scales[1], &level->quantity) : NULL;
    return p && *p == '}' ? p + 1 : NULL;
}

/* The quote that ends a string of less than STRING_MOST characters, none of which needs a second look, or NULL. Of the
 * flags in `stop` the lowest is exact, those above may be too many (a borrow): only the lowest one is used. */
static inline const char *quick_string(const char *p) {
    for (const char *most = p + STRING_MOST; p < most; p += WORD) {
        uint64_t word = load_word(p) ^ '0' * ONES, quote = word ^ '"' * ONES, backslash = word ^ '\\' * ONES;
        uint64_t stop = ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | ((word - ' ' * ONES) & ~word);
        stop &= 0x80 * ONES;
        if (stop) {
            p += __builtin_ctzll(stop) / CHAR_BIT;
            return *p == '"' ? p : NULL;
        }
    }
    return NULL;
}

static inline bool quick_is(const char *start, const char *end, const frs_word *word) {
    size_t size = (size_t)(end - start);
    return size == word->size && memcmp(start, word->text, size) == 0;
}

/* One member whose value is a string and whose key is none that a level needs. */
static inline const char *quick_skip(const char *p, const frs_spelling *spelling) {
    if (memcmp(p, ",\"", 2) != 0)
        return NULL;
    const char *key = p + 2, *end = quick_string(key);
    if (!end || memcmp(end, "\":\"", 3) != 0)
        return NULL;
    for (int i = FRS_PRICE_KEY; i <= FRS_SIDE_KEY; i++)
        if (quick_is(key, end, &spelling->words[i]))
            return NULL;
    p = quick_string(end + 3);
    return p ? p + 1 : NULL;
}

static inline const char *quick_sided(const char *p, const frs_spelling *spelling, const quick_scale scales[2],
                                      frs_level *level, bool *ask) {
    const frs_pattern *patterns = spelling->patterns;
    p = quick_pattern(p, &patterns[FRS_SIDE_KEY]);
    if (!p)
        return NULL;
    const char *bid = quick_pattern(p, &patterns[FRS_BID_WORD]);
    *ask = !bid;
    p = bid ? bid : quick_pattern(p, &patterns[FRS_ASK_WORD]);
    if (!p)
        return NULL;
    const char *price = quick_pattern(p, &patterns[FRS_PRICE_KEY]);
    if (!price) {
        p = quick_skip(p, spelling);
        price = p ? quick_pattern(p, &patterns[FRS_PRICE_KEY]) : NULL;
    }
    p = price ? quick_number(price, &scales[0], &level->price) : NULL;
    p = p ? quick_pattern(p, &patterns[FRS_QUANTITY_KEY]) : NULL;
    p = p ? quick_number(p, &scales[1], &level->quantity) : NULL;
    return p && memcmp(p, "\"}", 2) == 0 ? p + 2 : NULL;
}

#endif
