/* The reference for decimals. Exponents beyond a million are cut to that: no text here is long enough to undo them. */
#include "reference.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flowrs.h"

enum { FAR = 1000000, DIGITS = 19 };

enum state { START, MINUS, ZERO, WHOLE, POINT, FRACTION, E, SIGN, EXPONENT, WRONG };

static enum state step(enum state s, char c) {
    bool zero = c == '0', digit = c >= '0' && c <= '9', e = c == 'e' || c == 'E';
    switch (s) {
    case START:
    case MINUS:
        return zero ? ZERO : digit ? WHOLE : s == START && c == '-' ? MINUS : WRONG;
    case ZERO:
    case WHOLE:
        return s == WHOLE && digit ? WHOLE : c == '.' ? POINT : e ? E : WRONG;
    case POINT:
        return digit ? FRACTION : WRONG;
    case FRACTION:
        return digit ? FRACTION : e ? E : WRONG;
    case E:
        return digit ? EXPONENT : c == '+' || c == '-' ? SIGN : WRONG;
    case SIGN:
    case EXPONENT:
        return digit ? EXPONENT : WRONG;
    default:
        return WRONG;
    }
}

static bool is_number(const char *text, size_t size) {
    enum state s = START;
    for (size_t i = 0; i < size; i++)
        s = step(s, text[i]);
    return s == ZERO || s == WHOLE || s == FRACTION || s == EXPONENT;
}

/* All digits of the mantissa, and at which power of ten they end. */
static long mantissa(const char *text, size_t size, char *digits, size_t *count) {
    long power = 0, exponent = 0, sign = 1;
    bool behind_point = false;
    size_t i = text[0] == '-';
    *count = 0;
    for (; i < size && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            behind_point = true;
            continue;
        }
        digits[(*count)++] = text[i];
        power -= behind_point;
    }
    for (i++; i < size; i++) {
        if (text[i] == '-')
            sign = -1;
        else if (text[i] != '+')
            exponent = exponent * 10 + (text[i] - '0') < FAR ? exponent * 10 + (text[i] - '0') : FAR;
    }
    while (*count && digits[*count - 1] == '0') {
        --*count;
        power++;
    }
    size_t zeros = 0;
    while (zeros < *count && digits[zeros] == '0')
        zeros++;
    memmove(digits, digits + zeros, *count - zeros);
    *count -= zeros;
    return power + sign * exponent;
}

/* The first `count` digits, and zeros up to `length`, as a text of 19 digits: does it exceed int64? */
static bool too_large(const char *digits, size_t count, long length, bool more, int64_t *value) {
    char all[DIGITS + 1];
    memset(all, '0', DIGITS);
    all[DIGITS] = 0;
    if (length > DIGITS)
        return true;
    for (long i = 0; i < length; i++)
        all[DIGITS - length + i] = i < (long)count ? digits[i] : '0';
    *value = (int64_t)strtoull(all, NULL, 10);
    int order = memcmp(all, "9223372036854775807", DIGITS);
    return order > 0 || (order == 0 && more);
}

int reference_parse(const char *text, size_t size, int scale, int64_t *out) {
    if (!is_number(text, size))
        return FRS_E_SYNTAX;
    char *digits = malloc(size);
    size_t count;
    long power = mantissa(text, size, digits, &count) + scale;
    int64_t value = 0;
    int error = 0;
    bool more = count && power < 0;
    if (count && too_large(digits, count, (long)count + power, more, &value))
        error = FRS_E_RANGE;
    else if (more)
        error = FRS_E_PRECISION;
    else
        *out = text[0] == '-' ? -value : value;
    free(digits);
    return error;
}

int reference_scale(const char *text, size_t size) {
    if (!is_number(text, size))
        return FRS_E_SYNTAX;
    char *digits = malloc(size);
    size_t count;
    long power = mantissa(text, size, digits, &count);
    free(digits);
    if (count == 0 || power >= 0)
        return 0;
    return power < -FRS_MAX_SCALE ? FRS_E_PRECISION : (int)-power;
}
