/* Scans one side of a book update from its JSON in one pass (RFC 8259; the spellings are listed in flowrs.h).
 *
 * Nearly every level of every exchange is ["digits.digits","digits.digits"], so that shape has a quick path. It takes a
 * level only if the plain grammar below would give the same value; for anything else it steps aside and the plain path
 * decides. Eight decimals, which some exchanges always send, are converted as one integer (SWAR); all other digits one by
 * one: an instrument's numbers keep their lengths, so a loop's end is predicted, while a length found by arithmetic is
 * what the next number would have to wait for (measured: 10 against 16 ns a level). Another spelling needs its own
 * quick_level and plain_level, nothing more. Rejected: SIMD (CPU-specific), a first pass for the structural characters.
 */
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
    unsigned half;     /* twice this shifts the decimals within the scale to the word's end (once could be all 64 bits) */
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
    const char *behind = quick_digits(p, WORD, &value);
    int decimals = (int)(behind - p);
    return decimals == 0 || decimals > scale->scale ? NULL : quick_sum(behind, value, scale->scale - decimals, 0, out);
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

/* From here on the plain grammar. Every step takes the place to read at and returns the place behind what it took, or
 * NULL if that is not there; given NULL it returns NULL, so steps can be chained and asked once. */

static const char *skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* One character with white space around it. */
static const char *mark(const char *p, const char *end, char c) {
    if (!p)
        return NULL;
    p = skip_space(p, end);
    return p < end && *p == c ? skip_space(p + 1, end) : NULL;
}

static const char *word(const char *p, const char *end, const char *text) {
    size_t size = strlen(text);
    return (size_t)(end - p) >= size && memcmp(p, text, size) == 0 ? p + size : NULL;
}

static const char *number(const char *p, const char *end, frs_number *out) {
    if (!p)
        return NULL;
    bool quoted = p < end && *p == '"';
    p = frs_number_scan(p + quoted, end, out);
    if (p && quoted)
        p = p < end && *p == '"' ? p + 1 : NULL;
    return p;
}

static const char *escape(const char *p, const char *end) {
    if (p == end)
        return NULL;
    if (*p != 'u')
        return memchr("\"\\/bfnrt", *p, 8) ? p + 1 : NULL;
    p++;
    for (int i = 0; i < 4; i++, p++)
        if (p == end || !((*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'f')))
            return NULL;
    return p;
}

static const char *string(const char *p, const char *end) {
    for (p++; p && p < end && *p != '"';) {
        if ((unsigned char)*p < ' ')
            return NULL;
        p = *p == '\\' ? escape(p + 1, end) : p + 1;
    }
    return p && p < end ? p + 1 : NULL;
}

static const char *scalar(const char *p, const char *end) {
    frs_number ignored;
    if (!p || p == end)
        return NULL;
    switch (*p) {
    case '"':
        return string(p, end);
    case 't':
        return word(p, end, "true");
    case 'f':
        return word(p, end, "false");
    case 'n':
        return word(p, end, "null");
    default:
        return frs_number_scan(p, end, &ignored);
    }
}

static const char *plain_level(const char *p, const char *end, frs_number *price, frs_number *quantity) {
    p = number(mark(p, end, '['), end, price);
    p = number(mark(p, end, ','), end, quantity);
    while (p) {
        p = skip_space(p, end);
        if (p == end || *p != ',')
            break;
        p = scalar(mark(p, end, ','), end);
    }
    p = mark(p, end, ']');
    return p;
}

/* Steps into the text: the first level, `end` if there are none, or NULL. */
static const char *first(const char *p, const char *end) {
    if (p == end)
        return end;
    p = skip_space(p, end);
    const char *null = word(p, end, "null");
    if (null)
        return skip_space(null, end) == end ? end : NULL;
    p = mark(p, end, '[');
    const char *close = mark(p, end, ']');
    if (close)
        return close == end ? end : NULL;
    return p == end ? NULL : p;
}

/* Steps from behind a level to the next one; results as of first. */
static inline const char *next(const char *p, const char *end) {
    p = skip_space(p, end);
    if (p < end && *p == ',') {
        p = skip_space(p + 1, end);
        return p == end ? NULL : p;
    }
    return mark(p, end, ']') == end ? end : NULL;
}

/* NULL and 0 bytes are an empty text, but NULL + 0 is no C. */
static const char *no_null(const char *text, size_t size) {
    return size ? text : "";
}

static bool good_arguments(int spelling, int price_scale, int quantity_scale) {
    return spelling == FRS_PAIRS && price_scale >= 0 && price_scale <= FRS_MAX_SCALE && quantity_scale >= 0 &&
           quantity_scale <= FRS_MAX_SCALE;
}

/* Moves what is left of the text to where the quick path may read on; NULs behind it cannot be taken for anything. */
static const char *pad(char tail[2 * QUICK_BYTES], const char *p, const char *end) {
    size_t left = (size_t)(end - p);
    memcpy(tail, p, left);
    memset(tail + left, 0, 2 * QUICK_BYTES - left);
    return tail + left;
}

/* Returns how many bytes it took, or an error. */
static ptrdiff_t read_plain_level(const char *p, const char *end, int price_scale, int quantity_scale, frs_level *level) {
    frs_number price, quantity;
    const char *behind = plain_level(p, end, &price, &quantity);
    if (!behind)
        return FRS_E_SYNTAX;
    int error = frs_number_value(&price, price_scale, &level->price);
    if (!error)
        error = frs_number_value(&quantity, quantity_scale, &level->quantity);
    return error ? error : behind - p;
}

int frs_levels_scan(const char *text, size_t size, int spelling, int price_scale, int quantity_scale, frs_level *out,
                    size_t room) {
    if (!good_arguments(spelling, price_scale, quantity_scale))
        return FRS_E_ARGUMENT;
    const quick_scale scales[2] = {quick_scale_of(price_scale), quick_scale_of(quantity_scale)};
    const char *p = no_null(text, size), *end = p + size;
    char tail[2 * QUICK_BYTES];
    bool in_tail = false;
    frs_level *level = out, *full = out + (room < INT_MAX ? room : INT_MAX);
    for (p = first(p, end); p != end; p = next(p, end)) {
        if (!p)
            return FRS_E_SYNTAX;
        if (level == full)
            return FRS_E_FULL;
        if (end - p < QUICK_BYTES && !in_tail) {
            end = pad(tail, p, end);
            p = tail;
            in_tail = true;
        }
        const char *behind = quick_level(p, scales, level);
        if (!behind) {
            ptrdiff_t taken = read_plain_level(p, end, price_scale, quantity_scale, level);
            if (taken < 0)
                return (int)taken;
            behind = p + taken;
        }
        p = behind;
        if (level->price <= 0 || level->quantity < 0)
            return FRS_E_RANGE;
        level++;
    }
    return (int)(level - out);
}

int frs_levels_scales(const char *text, size_t size, int spelling, int *price_scale, int *quantity_scale) {
    if (!good_arguments(spelling, 0, 0))
        return FRS_E_ARGUMENT;
    const char *p = no_null(text, size), *end = p + size;
    int most[2] = {0, 0};
    for (p = first(p, end); p != end; p = next(p, end)) {
        frs_number numbers[2];
        p = p ? plain_level(p, end, &numbers[0], &numbers[1]) : NULL;
        if (!p)
            return FRS_E_SYNTAX;
        for (int i = 0; i < 2; i++) {
            int scale = frs_number_scale(&numbers[i]);
            if (scale < 0)
                return scale;
            most[i] = scale > most[i] ? scale : most[i];
        }
    }
    *price_scale = most[0];
    *quantity_scale = most[1];
    return 0;
}
