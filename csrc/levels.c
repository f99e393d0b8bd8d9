/* Scans one side of a book update from its JSON in one pass (RFC 8259; the spellings are listed in flowrs.h).
 *
 * A scan begins with the first level and stops at the bracket that closes the list, wherever that is: so a list is read
 * as well where it stands in a frame as cut out of it.
 *
 * Each level goes to the quick path of quick.h first and, if that does not take it, to the plain grammar here, which
 * alone decides what is an error. Near its end the text moves into a padded buffer, so that the quick path may always
 * read ahead. Another spelling needs its own quick path, plain grammar and line in `scan`, nothing more. Rejected: a
 * general JSON parser (levels are a small language), and a list of tokens between scanner and numbers (a second pass).
 */
#include <limits.h>
#include <string.h>

#include "internal.h"
#include "quick.h"

enum { PAIRS = 0 }; /* the kind of no spelling */

/* What the plain grammar makes of a level. */
typedef struct {
    frs_number numbers[2]; /* price and quantity */
    bool ask;              /* says a sided level */
} reading;

static const char *plain_pair(const char *p, const char *end, reading *out) {
    p = frs_json_number(frs_json_mark(p, end, '['), end, &out->numbers[0]);
    p = frs_json_number(frs_json_mark(p, end, ','), end, &out->numbers[1]);
    while (p) {
        p = frs_json_space(p, end);
        if (p == end || *p != ',')
            break;
        p = frs_json_scalar(frs_json_mark(p, end, ','), end);
    }
    return frs_json_mark(p, end, ']');
}

static bool is_word(const frs_text *text, const frs_word *word) {
    return text->size == word->size && memcmp(text->start, word->text, word->size) == 0;
}

static const char *plain_side(const char *p, const char *end, const frs_spelling *spelling, bool *ask) {
    frs_text side;
    p = frs_json_verbatim(p, end, &side);
    if (!p)
        return NULL;
    *ask = is_word(&side, &spelling->words[FRS_ASK_WORD]);
    return *ask || is_word(&side, &spelling->words[FRS_BID_WORD]) ? p : NULL;
}

/* One member of a level; seen: a bit for each needed key that has come. */
static const char *plain_member(const char *p, const char *end, const frs_spelling *spelling, unsigned *seen,
                                reading *out) {
    frs_text key;
    int which = FRS_PRICE_KEY, keys = spelling->kind == FRS_SIDED ? FRS_SIDE_KEY + 1 : FRS_SIDE_KEY;
    p = frs_json_mark(frs_json_verbatim(p, end, &key), end, ':');
    if (!p)
        return NULL;
    while (which < keys && !is_word(&key, &spelling->words[which]))
        which++;
    if (which == keys)
        return frs_json_value(p, end);
    if (*seen & 1u << which)
        return NULL;
    *seen |= 1u << which;
    return which == FRS_SIDE_KEY ? plain_side(p, end, spelling, &out->ask)
                                 : frs_json_number(p, end, &out->numbers[which]);
}

static const char *plain_object(const char *p, const char *end, const frs_spelling *spelling, reading *out) {
    unsigned seen = 0, needed = spelling->kind == FRS_SIDED ? 7 : 3;
    const char *next = frs_json_mark(p, end, '{');
    do {
        p = next ? plain_member(next, end, spelling, &seen, out) : NULL;
        next = frs_json_mark(p, end, ',');
    } while (next);
    return seen == needed ? frs_json_mark(p, end, '}') : NULL;
}

/* The level at p; returns the place behind it and the white space there, or NULL. */
static const char *plain_level(const char *p, const char *end, const frs_spelling *spelling, reading *out) {
    return spelling ? plain_object(p, end, spelling, out) : plain_pair(p, end, out);
}

/* Steps into the list: to its first level, or, if it is empty, with *closed to behind it; NULL: there is no list. */
static const char *enter(const char *p, const char *end, bool *closed) {
    const char *level = frs_json_mark(p, end, '[');
    *closed = level && level < end && *level == ']';
    return *closed ? level + 1 : level;
}

/* Steps from behind a level to the next one, or, with *closed, behind the list; NULL: neither is there. */
static const char *step(const char *p, const char *end, bool *closed) {
    p = frs_json_space(p, end);
    if (p == end)
        return NULL;
    *closed = *p == ']';
    if (*closed)
        return p + 1;
    p = *p == ',' ? frs_json_space(p + 1, end) : end;
    return p < end ? p : NULL;
}

/* Whether a text that is no list stands for an empty one. */
static bool is_nothing(const char *p, const char *end) {
    const char *null = frs_json_word(frs_json_space(p, end), end, "null");
    return p == end || (null && frs_json_space(null, end) == end);
}

/* NULL and 0 bytes are an empty text, but NULL + 0 is no C. */
static const char *no_null(const char *text, size_t size) {
    return size ? text : "";
}

static bool good_scale(int scale) {
    return scale >= 0 && scale <= FRS_MAX_SCALE;
}

/* Moves what is left of the text to where the quick path may read on; NULs behind it cannot be taken for anything. */
static inline const char *pad(char *tail, const char *p, const char *end, size_t reach) {
    size_t left = (size_t)(end - p);
    memcpy(tail, p, left);
    memset(tail + left, 0, reach);
    return tail + left;
}

/* Returns how many bytes it took, or an error. */
static ptrdiff_t read_plain_level(const char *p, const char *end, const frs_scan *job, frs_level *level, bool *ask) {
    reading read = {.ask = false};
    const char *behind = plain_level(p, end, job->spelling, &read);
    if (!behind || (job->verbatim && memchr(p, '\\', (size_t)(behind - p))))
        return FRS_E_SYNTAX;
    int error = frs_number_value(&read.numbers[0], job->price_scale, &level->price);
    if (!error)
        error = frs_number_value(&read.numbers[1], job->quantity_scale, &level->quantity);
    *ask = read.ask;
    return error ? error : behind - p;
}

/* Made once for each kind, so that no level has to ask for it; in functions of their own, so that the usual kind shares
 * no registers with the others. */
static inline __attribute__((always_inline)) int scan(int kind, size_t reach, char *tail, const char **list,
                                                      const char *end, const frs_scan *job) {
    const quick_scale scales[2] = {quick_scale_of(job->price_scale), quick_scale_of(job->quantity_scale)};
    quick_shape shape = {.size = 0};
    const frs_spelling *spelling = job->spelling;
    const char *text_end = end;
    bool in_tail = false, ask = false, closed = false;
    frs_level *level = job->out;
    const frs_level *const full = level + (job->room < INT_MAX ? job->room : INT_MAX);
    const char *p = enter(*list, end, &closed);
    while (!closed) {
        if (!p)
            return FRS_E_SYNTAX;
        do { /* the levels between which there is a comma and nothing else: nearly always all */
            if (level == full)
                return FRS_E_FULL;
            if (end - p < (ptrdiff_t)reach && !in_tail) {
                end = pad(tail, p, end, reach);
                p = tail;
                in_tail = true;
            }
            const char *behind = kind == PAIRS         ? quick_pair(p, end, scales, &shape, level)
                                 : kind == FRS_OBJECTS ? quick_object(p, spelling, scales, level)
                                                       : quick_sided(p, spelling, scales, level, &ask);
            if (!behind) {
                ptrdiff_t taken = read_plain_level(p, end, job, level, &ask);
                if (taken < 0)
                    return (int)taken;
                behind = p + taken;
            }
            p = behind;
            if (level->price <= 0 || level->quantity < 0)
                return FRS_E_RANGE;
            if (kind == FRS_SIDED && ask)
                level->price = -level->price;
            level++;
        } while (end - p > 1 && *p == ',' && p[1] > ' ' && p++);
        p = step(p, end, &closed);
    }
    *list = text_end - (end - p);
    return (int)(level - job->out);
}

static __attribute__((noinline)) int scan_pairs(const char **list, const char *end, const frs_scan *job) {
    char tail[2 * PAIR_REACH];
    return scan(PAIRS, PAIR_REACH, tail, list, end, job);
}

static __attribute__((noinline)) int scan_objects(const char **list, const char *end, const frs_scan *job) {
    char tail[2 * OBJECT_REACH];
    return scan(FRS_OBJECTS, OBJECT_REACH, tail, list, end, job);
}

static __attribute__((noinline)) int scan_sided(const char **list, const char *end, const frs_scan *job) {
    char tail[2 * SIDED_REACH];
    return scan(FRS_SIDED, SIDED_REACH, tail, list, end, job);
}

int frs_list_scan(const char **list, const char *end, const frs_scan *job) {
    if (!job->spelling)
        return scan_pairs(list, end, job);
    return job->spelling->kind == FRS_OBJECTS ? scan_objects(list, end, job) : scan_sided(list, end, job);
}

int frs_levels_scan(const char *text, size_t size, const frs_spelling *spelling, int price_scale, int quantity_scale,
                    frs_level *out, size_t room) {
    if (!good_scale(price_scale) || !good_scale(quantity_scale))
        return FRS_E_ARGUMENT;
    const char *p = no_null(text, size), *end = p + size;
    if (is_nothing(p, end))
        return 0;
    frs_level nowhere; /* NULL + 0 is no C here either */
    const frs_scan job = {spelling, price_scale, quantity_scale, room ? out : &nowhere, room, false};
    int count = frs_list_scan(&p, end, &job);
    return count >= 0 && frs_json_space(p, end) != end ? FRS_E_SYNTAX : count;
}

int frs_levels_scales(const char *text, size_t size, const frs_spelling *spelling, int *price_scale,
                      int *quantity_scale) {
    const char *p = no_null(text, size), *end = p + size;
    int most[2] = {0, 0};
    bool closed = is_nothing(p, end);
    for (p = closed ? end : enter(p, end, &closed); p && !closed; p = step(p, end, &closed)) {
        reading read;
        p = plain_level(p, end, spelling, &read);
        if (!p)
            return FRS_E_SYNTAX;
        for (int i = 0; i < 2; i++) {
            int scale = frs_number_scale(&read.numbers[i]);
            if (scale < 0)
                return scale;
            most[i] = scale > most[i] ? scale : most[i];
        }
    }
    if (!p || frs_json_space(p, end) != end)
        return FRS_E_SYNTAX;
    *price_scale = most[0];
    *quantity_scale = most[1];
    return 0;
}
