/* A time of day in UTC as ns since 1970: RFC 3339, section 5.6, in the spelling that exchanges use.
 *
 * The digits stand at fixed places, so they are read from there. Days are counted from 1 March, so that the leap day is
 * a year's last (Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil). What is beyond microseconds
 * is rounded, half up: so does msgspec, and both ways of reading a frame have to yield the same. Rejected: timegm(3)
 * and strptime(3) (not C, and they take more than RFC 3339 does).
 */
#include "internal.h"

enum {
    SECOND_END = 19,
    MICROS = 6,
    DAYS_TO_1970 = 719468,
    DAYS_OF_400_YEARS = 146097,
    YEAR_LEAST = 1970,
    YEAR_MOST = 2261
};

/* `count` digits, or a negative number. */
static int digits(const char *p, int count) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)(p[i] - '0');
        if (digit > 9)
            return -1;
        value = value * 10 + (int)digit;
    }
    return value;
}

static int days_of_month(int year, int month) {
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 ? 28 + leap : 30 + ((month + month / 8) & 1);
}

static int64_t days_since_1970(int year, int month, int day) {
    year -= month <= 2;
    int era = year / 400, of_era = year % 400, of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * DAYS_OF_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

/* The fraction behind the point, rounded to microseconds. */
static const char *fraction(const char *p, const char *end, int64_t *micros) {
    const char *start = p;
    int64_t value = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (p - start < MICROS)
            value = value * 10 + (*p - '0');
        else if (p - start == MICROS)
            value += *p >= '5';
    }
    if (p == start)
        return NULL;
    *micros = value * (int64_t)frs_powers[p - start < MICROS ? MICROS - (p - start) : 0];
    return p;
}

const char *frs_moment_scan(const char *p, const char *end, int64_t *ns) {
    if (end - p <= SECOND_END || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':')
        return NULL;
    int year = digits(p, 4), month = digits(p + 5, 2), day = digits(p + 8, 2);
    int hour = digits(p + 11, 2), minute = digits(p + 14, 2), second = digits(p + 17, 2);
    if (year < YEAR_LEAST || year > YEAR_MOST || month < 1 || month > 12 || day < 1 ||
        day > days_of_month(year, month) || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 59)
        return NULL;
    int64_t micros = 0;
    p += SECOND_END;
    if (*p == '.')
        p = fraction(p + 1, end, &micros);
    if (!p || p == end || *p != 'Z')
        return NULL;
    int64_t seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    *ns = (seconds * 1000000 + micros) * 1000;
    return p + 1;
}
