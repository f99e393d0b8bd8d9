/* quick.h: the scanner's quick path, for levels of the shape ["digits.digits","digits.digits"]: nearly all there are.
 *
 * It takes a level only if the plain grammar of levels.c would give the same value; for anything else it steps aside.
 * Eight decimals, which some exchanges always send, are converted as one integer (SWAR); all other digits one by one:
 * an instrument's numbers keep their lengths, so a loop's end is predicted, while a length found by arithmetic is what
 * the next number would have to wait for (measured: 10 against 16 ns a level). Rejected: SIMD (CPU-specific), a first
 * pass for the structural characters. A header of its own only so that each file keeps to one idea; levels.c alone
 * includes it.
 */
#ifndef FLOWRS_QUICK_H
#define FLOWRS_QUICK_H

#include <limits.h>
#include <string.h>

#include "internal.h"

enum { QUICK_BYTES = 48, WORD = 8 }; /* the quick path reads less than QUICK_BYTES behind a level's start */

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

static inline const char *quick_level(const char *p, const quick_scale scales[2], frs_level *level) {
    if (memcmp(p, "[\"", 2) != 0)
        return NULL;
    p = quick_number(p + 2, &scales[0], &level->price);
    if (!p || memcmp(p, "\",\"", 3) != 0)
        return NULL;
    p = quick_number(p + 3, &scales[1], &level->quantity);
    return p && memcmp(p, "\"]", 2) == 0 ? p + 2 : NULL;
}

#endif
