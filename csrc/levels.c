/* Scans one side of a book update from its JSON in one pass (RFC 8259; the spellings are listed in flowrs.h).
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

/* Steps into the text: the first level, `end` if there are none, or NULL. */
static const char *first(const char *p, const char *end) {
    if (p == end)
        return end;
    const char *level = frs_json_mark(p, end, '[');
    if (level && level < end && *level != ']')
        return level;
    const char *behind = level ? frs_json_mark(level, end, ']') : frs_json_word(frs_json_space(p, end), end, "null");
    return behind && frs_json_space(behind, end) == end ? end : NULL;
}

/* Steps from behind a level to the next one; results as of first. Usually there is no white space. */
static inline const char *next(const char *p, const char *end) {
    if (end - p > 1 && *p == ',' && p[1] > ' ')
        return p + 1;
    p = frs_json_space(p, end);
    if (p < end && *p == ',') {
        p = frs_json_space(p + 1, end);
        return p == end ? NULL : p;
    }
    return frs_json_mark(p, end, ']') == end ? end : NULL;
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

/* What a scan needs beside its text. */
typedef struct {
    const frs_spelling *spelling;
    int price_scale, quantity_scale;
    frs_level *out;
    size_t room;
} task;

/* Returns how many bytes it took, or an error. */
static ptrdiff_t read_plain_level(const char *p, const char *end, const task *job, frs_level *level, bool *ask) {
    reading read = {.ask = false};
    const char *behind = plain_level(p, end, job->spelling, &read);
    if (!behind)
        return FRS_E_SYNTAX;
    int error = frs_number_value(&read.numbers[0], job->price_scale, &level->price);
    if (!error)
        error = frs_number_value(&read.numbers[1], job->quantity_scale, &level->quantity);
    *ask = read.ask;
    return error ? error : behind - p;
}

/* Made once for each kind, so that no level has to ask for it; in functions of their own, so that the usual kind shares
 * no registers with the others. */
static inline __attribute__((always_inline)) int scan(int kind, size_t reach, char *tail, const char *p,
                                                      const char *end, const task *job) {
    const quick_scale scales[2] = {quick_scale_of(job->price_scale), quick_scale_of(job->quantity_scale)};
    const frs_spelling *spelling = job->spelling;
    bool in_tail = false, ask = false;
    frs_level *level = job->out;
    const size_t most = job->room < INT_MAX ? job->room : INT_MAX;
    size_t left = most;
    for (p = first(p, end); p != end; p = next(p, end)) {
        if (!p)
            return FRS_E_SYNTAX;
        if (left == 0)
            return FRS_E_FULL;
        if (end - p < (ptrdiff_t)reach && !in_tail) {
            end = pad(tail, p, end, reach);
            p = tail;
            in_tail = true;
        }
        const char *behind = kind == PAIRS         ? quick_pair(p, end, scales, level)
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
        left--;
    }
    return (int)(most - left);
}

static __attribute__((noinline)) int scan_pairs(const char *p, const char *end, const task *job) {
    char tail[2 * PAIR_REACH];
    return scan(PAIRS, PAIR_REACH, tail, p, end, job);
}

static __attribute__((noinline)) int scan_objects(const char *p, const char *end, const task *job) {
    char tail[2 * OBJECT_REACH];
    return scan(FRS_OBJECTS, OBJECT_REACH, tail, p, end, job);
}

static __attribute__((noinline)) int scan_sided(const char *p, const char *end, const task *job) {
    char tail[2 * SIDED_REACH];
    return scan(FRS_SIDED, SIDED_REACH, tail, p, end, job);
}

int frs_levels_scan(const char *text, size_t size, const frs_spelling *spelling, int price_scale, int quantity_scale,
                    frs_level *out, size_t room) {
    if (!good_scale(price_scale) || !good_scale(quantity_scale))
        return FRS_E_ARGUMENT;
    const task job = {spelling, price_scale, quantity_scale, out, room};
    const char *p = no_null(text, size), *end = p + size;
    if (!spelling)
        return scan_pairs(p, end, &job);
    return spelling->kind == FRS_OBJECTS ? scan_objects(p, end, &job) : scan_sided(p, end, &job);
}

int frs_levels_scales(const char *text, size_t size, const frs_spelling *spelling, int *price_scale,
                      int *quantity_scale) {
    const char *p = no_null(text, size), *end = p + size;
    int most[2] = {0, 0};
    for (p = first(p, end); p != end; p = next(p, end)) {
        reading read;
        p = p ? plain_level(p, end, spelling, &read) : NULL;
        if (!p)
            return FRS_E_SYNTAX;
        for (int i = 0; i < 2; i++) {
            int scale = frs_number_scale(&read.numbers[i]);
            if (scale < 0)
                return scale;
            most[i] = scale > most[i] ? scale : most[i];
        }
    }
    *price_scale = most[0];
    *quantity_scale = most[1];
    return 0;
}
