/* Steps through the grammar of JSON (RFC 8259), for levels.c: strict, and in pointers instead of tokens.
 *
 * Every step takes the place to read at and returns the place behind what it took, or NULL if that is not there; given
 * NULL it returns NULL, so steps can be chained and asked once. Values that nobody wants are judged as strictly as
 * those that are: what surrounds a level is no level's text either. Nesting is refused beyond a depth that no exchange
 * comes near (RFC 8259, section 9, allows a limit), so that hostile text cannot use up the stack.
 */
#include <string.h>

#include "internal.h"

enum { NESTING = 16 };

const char *frs_json_word(const char *p, const char *end, const char *text) {
    size_t size = strlen(text);
    return (size_t)(end - p) >= size && memcmp(p, text, size) == 0 ? p + size : NULL;
}

const char *frs_json_number(const char *p, const char *end, frs_number *out) {
    if (!p)
        return NULL;
    bool quoted = p < end && *p == '"';
    p = frs_number_scan(p + quoted, end, out);
    if (p && quoted)
        p = p < end && *p == '"' ? p + 1 : NULL;
    return p;
}

const char *frs_json_verbatim(const char *p, const char *end, frs_text *out) {
    if (!p || p == end || *p != '"')
        return NULL;
    out->start = ++p;
    while (p < end && *p != '"') {
        if ((unsigned char)*p < ' ' || *p == '\\')
            return NULL;
        p++;
    }
    out->size = (size_t)(p - out->start);
    return p < end ? p + 1 : NULL;
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

const char *frs_json_scalar(const char *p, const char *end) {
    frs_number ignored;
    if (!p || p == end)
        return NULL;
    switch (*p) {
    case '"':
        return string(p, end);
    case 't':
        return frs_json_word(p, end, "true");
    case 'f':
        return frs_json_word(p, end, "false");
    case 'n':
        return frs_json_word(p, end, "null");
    default:
        return frs_number_scan(p, end, &ignored);
    }
}

static const char *value(const char *p, const char *end, int nesting);

static const char *member(const char *p, const char *end, int nesting) {
    if (p == end || *p != '"')
        return NULL;
    return value(frs_json_mark(string(p, end), end, ':'), end, nesting);
}

static const char *value(const char *p, const char *end, int nesting) {
    if (!p || p == end || (*p != '[' && *p != '{'))
        return frs_json_scalar(p, end);
    if (nesting == 0)
        return NULL;
    bool object = *p == '{';
    char close = object ? '}' : ']';
    p = frs_json_space(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    for (;;) {
        p = object ? member(p, end, nesting - 1) : value(p, end, nesting - 1);
        const char *more = frs_json_mark(p, end, ',');
        if (!more)
            break;
        p = more;
    }
    if (p)
        p = frs_json_space(p, end);
    return p && p < end && *p == close ? p + 1 : NULL;
}

const char *frs_json_value(const char *p, const char *end) {
    return value(p, end, NESTING);
}

const char *frs_json_count(const char *p, const char *end, int64_t *out) {
    const char *start = p;
    uint64_t value = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (value > INT64_MAX / 10)
            return NULL;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    if (p == start || (*start == '0' && p - start > 1) || value > INT64_MAX)
        return NULL;
    *out = (int64_t)value;
    return p;
}

const char *frs_json_plain(const char *p, const char *end) {
    if (p == end || *p != '"')
        return frs_json_scalar(p, end);
    for (p++; p < end && *p != '"'; p++)
        if (*p < ' ' || *p > '~' || *p == '\\')
            return NULL;
    return p < end ? p + 1 : NULL;
}
