/* What a merge has made, as its users see it: the arrays, and one side as JSON.
 *
 * A part's name is written as the JSON string it is (RFC 8259, section 7): it comes from a configuration, so it may
 * hold what has to be escaped. Bytes above 127 are taken for UTF-8 and passed on.
 */
#include <string.h>

#include "internal.h"

enum {
    QUOTED = FRS_DECIMAL_TEXT + 2,
    KEY_ROOM = 6 * (FRS_NAME_SIZE - 1) + 3, /* "name": */
    LEVEL_ROOM = 2 * QUOTED + 6,            /* ,["price","total",{}] */
    SHARE_ROOM = 1 + QUOTED + 2             /* ,"name":"quantity", and what closes the level */
};

const frs_merged *frs_merge_result(const frs_merge *merge) {
    return &merge->result;
}

static bool good_side(int side) {
    return side == FRS_BID || side == FRS_ASK;
}

const frs_level *frs_merge_side(const frs_merge *merge, int side) {
    return good_side(side) ? merge->levels[side] : NULL;
}

const frs_share *frs_merge_shares(const frs_merge *merge, int side) {
    return good_side(side) ? merge->shares[side] : NULL;
}

const frs_view *frs_merge_view(const frs_merge *merge, uint32_t part) {
    return part < merge->count ? &merge->parts[part].view : NULL;
}

int frs_merge_fate(const frs_merge *merge, uint32_t part) {
    return part < merge->count ? merge->parts[part].fate : FRS_E_ARGUMENT;
}

typedef struct {
    char text[KEY_ROOM];
    size_t size;
} name_text;

static size_t put_escaped(char *out, char c) {
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = c;
        return 2;
    }
    if ((unsigned char)c >= ' ') {
        *out = c;
        return 1;
    }
    memcpy(out, "\\u00", 4);
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

static void set_key(name_text *key, const char *name) {
    char *p = key->text;
    *p++ = '"';
    for (size_t i = 0; i < FRS_NAME_SIZE - 1 && name[i]; i++)
        p += put_escaped(p, name[i]);
    *p++ = '"';
    *p++ = ':';
    key->size = (size_t)(p - key->text);
}

/* A value between quotes; most levels are of one part, whose share is the total: its text is there already. */
typedef struct {
    char text[QUOTED];
    size_t size;
    int64_t value;
} number_text;

static void quote(number_text *quoted, int64_t value, int scale) {
    char *text = quoted->text;
    size_t size = (size_t)frs_decimal_format(value, scale, text + 1, FRS_DECIMAL_TEXT);
    text[0] = text[size + 1] = '"';
    quoted->size = size + 2;
    quoted->value = value;
}

static char *put(char *p, const number_text *quoted) {
    memcpy(p, quoted->text, sizeof quoted->text); /* a fixed size is faster, and there is room for it */
    return p + quoted->size;
}

/* ["price","total",{ with a comma before all but the first; the total's text is left for the shares. */
static char *put_level(char *p, const frs_merged *result, const frs_level *level, bool comma, number_text *total) {
    number_text price;
    quote(&price, level->price, result->price_scale);
    quote(total, level->quantity, result->quantity_scale);
    *p = ',';
    p += comma;
    *p++ = '[';
    p = put(p, &price);
    *p++ = ',';
    p = put(p, total);
    memcpy(p, ",{", 2);
    return p + 2;
}

static char *put_share(char *p, const frs_merged *result, const frs_share *share, const name_text *key, bool comma,
                       number_text *last) {
    if (share->quantity != last->value)
        quote(last, share->quantity, result->quantity_scale);
    *p = ',';
    p += comma;
    memcpy(p, key->text, key->size);
    return put(p + key->size, last);
}

int64_t frs_merge_text(const frs_merge *merge, int side, uint32_t levels, char *out, size_t room) {
    if (!good_side(side))
        return FRS_E_ARGUMENT;
    if (room < 2)
        return FRS_E_FULL;
    const frs_merged *result = &merge->result;
    const frs_share *share = merge->shares[side], *end = share + result->shares[side];
    uint32_t count = levels && levels < result->count[side] ? levels : result->count[side];
    name_text keys[FRS_MERGE_PARTS];
    for (uint32_t i = 0; i < merge->count; i++)
        set_key(&keys[i], merge->parts[i].view.name);
    char *p = out, *wall = out + room - 1; /* the last byte is kept for the closing bracket */
    *p++ = '[';
    for (uint32_t i = 0; i < count; i++) {
        if ((size_t)(wall - p) < LEVEL_ROOM)
            return FRS_E_FULL;
        number_text quantity;
        p = put_level(p, result, &merge->levels[side][i], i > 0, &quantity);
        for (bool first = true; share < end && share->level == i; share++, first = false) {
            const name_text *key = &keys[share->part];
            if ((size_t)(wall - p) < SHARE_ROOM + key->size)
                return FRS_E_FULL;
            p = put_share(p, result, share, key, !first, &quantity);
        }
        *p++ = '}';
        *p++ = ']';
    }
    *p++ = ']';
    return p - out;
}
