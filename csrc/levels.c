/* Scans one side of a book update from its JSON in one pass (RFC 8259; the spellings are listed in flowrs.h).
 *
 * Each level goes to the quick path of quick.h first and, if that does not take it, to the plain grammar here, which
 * alone decides what is an error. Near its end the text moves into a padded buffer, so that the quick path may always
 * read ahead. Another spelling needs its own quick_level and plain_level, nothing more. Rejected: a general JSON parser
 * (levels are a small language), and a list of tokens between scanner and numbers (a second pass).
 */
#include <limits.h>
#include <string.h>

#include "internal.h"
#include "quick.h"

/* The plain grammar. Every step takes the place to read at and returns the place behind what it took, or
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
static ptrdiff_t read_plain_level(const char *p, const char *end, int price_scale, int quantity_scale,
                                  frs_level *level) {
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
    int count = 0, most = room < INT_MAX ? (int)room : INT_MAX;
    for (p = first(p, end); p != end; p = next(p, end)) {
        if (!p)
            return FRS_E_SYNTAX;
        if (count == most)
            return FRS_E_FULL;
        frs_level *level = &out[count];
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
        count++;
    }
    return count;
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
