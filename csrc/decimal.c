/* Decimals between text and int64: the grammar of JSON's numbers (RFC 8259, section 6), exact or refused.
 *
 * A number is first taken apart by the grammar and then valued by the position of its first and last digit that is not
 * zero: so thousands of zeros and opposing exponents cost nothing but their reading, and nothing can overflow on the
 * way. Rejected: strtod or a long double (inexact), and multiplying digit by digit (an error depends on where the
 * digits stand). The usual short spellings never come here: levels.c has a quick path.
 */
#include <string.h>

#include "internal.h"

enum { MOST_DIGITS = 19 }; /* of an int64 */

static const int64_t EXPONENT_LIMIT = 100000000000000000;

/* clang-format off */
const uint64_t frs_powers[20] = {
    1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u,
    100000000u, 1000000000u, 10000000000u, 100000000000u, 1000000000000u,
    10000000000000u, 100000000000000u, 1000000000000000u, 10000000000000000u,
    100000000000000000u, 1000000000000000000u, 10000000000000000000u};
/* clang-format on */

static bool is_digit(const char *p, const char *end) {
    return p < end && *p >= '0' && *p <= '9';
}

static const char *skip_digits(const char *p, const char *end) {
    while (is_digit(p, end))
        p++;
    return p;
}

static const char *scan_exponent(const char *p, const char *end, frs_number *number) {
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (!is_digit(p, end))
        return NULL;
    for (; is_digit(p, end); p++)
        if (number->exponent < EXPONENT_LIMIT)
            number->exponent = number->exponent * 10 + (*p - '0');
    if (negative)
        number->exponent = -number->exponent;
    return p;
}

const char *frs_number_scan(const char *p, const char *end, frs_number *number) {
    number->negative = p < end && *p == '-';
    if (number->negative)
        p++;
    if (!is_digit(p, end))
        return NULL;
    number->whole = p;
    p = *p == '0' ? p + 1 : skip_digits(p, end);
    number->whole_size = p - number->whole;
    number->fraction = p;
    number->fraction_size = 0;
    number->exponent = 0;
    if (p < end && *p == '.') {
        number->fraction = p + 1;
        p = skip_digits(p + 1, end);
        number->fraction_size = p - number->fraction;
        if (number->fraction_size == 0)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E'))
        return scan_exponent(p + 1, end, number);
    return p;
}

/* The digits are counted through whole and fraction as if no point stood between them. */
static int digit(const frs_number *number, int64_t i) {
    return (i < number->whole_size ? number->whole[i] : number->fraction[i - number->whole_size]) - '0';
}

/* The digits that are not leading or trailing zeros are those from *first to before *last: none for a zero. */
static void significant(const frs_number *number, int64_t *first, int64_t *last) {
    int64_t from = 0, to = number->whole_size + number->fraction_size;
    while (from < to && digit(number, from) == 0)
        from++;
    while (from < to && digit(number, to - 1) == 0)
        to--;
    *first = from;
    *last = to;
}

int frs_number_value(const frs_number *number, int scale, int64_t *out) {
    int64_t first, last;
    significant(number, &first, &last);
    if (first == last) {
        *out = 0;
        return 0;
    }
    int64_t shift = number->whole_size - last + number->exponent + scale; /* zeros behind the last digit */
    int64_t length = last - first + shift;
    if (length > MOST_DIGITS)
        return FRS_E_RANGE;
    uint64_t value = 0;
    int64_t stop = shift < 0 ? last + shift : last;
    for (int64_t i = first; i < stop; i++)
        value = value * 10 + (uint64_t)digit(number, i);
    if (shift < 0)
        return value >= INT64_MAX ? FRS_E_RANGE : FRS_E_PRECISION;
    value *= frs_powers[shift];
    if (value > INT64_MAX)
        return FRS_E_RANGE;
    *out = number->negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

int frs_number_scale(const frs_number *number) {
    int64_t first, last;
    significant(number, &first, &last);
    int64_t behind = last - number->whole_size - number->exponent; /* decimals behind the point */
    if (first == last || behind <= 0)
        return 0;
    return behind <= FRS_MAX_SCALE ? (int)behind : FRS_E_PRECISION;
}

static int whole_text(const char *text, size_t size, frs_number *number) {
    if (size == 0)
        return FRS_E_SYNTAX;
    return frs_number_scan(text, text + size, number) == text + size ? 0 : FRS_E_SYNTAX;
}

int frs_decimal_parse(const char *text, size_t size, int scale, int64_t *out) {
    if (scale < 0 || scale > FRS_MAX_SCALE)
        return FRS_E_ARGUMENT;
    frs_number number;
    int error = whole_text(text, size, &number);
    return error ? error : frs_number_value(&number, scale, out);
}

int frs_decimal_scale(const char *text, size_t size) {
    frs_number number;
    int error = whole_text(text, size, &number);
    return error ? error : frs_number_scale(&number);
}

int frs_decimal_format(int64_t value, int scale, char *out, size_t room) {
    if (scale < 0 || scale > FRS_MAX_SCALE)
        return FRS_E_ARGUMENT;
    char text[FRS_DECIMAL_TEXT];
    char *p = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    for (int digits = 0; rest || digits <= scale; digits++) {
        if (digits == scale && scale)
            *--p = '.';
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (value < 0)
        *--p = '-';
    size_t size = (size_t)(text + sizeof text - p);
    if (size > room)
        return FRS_E_FULL;
    memcpy(out, p, size);
    return (int)size;
}
