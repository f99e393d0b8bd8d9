/* How an exchange spells a level, made ready for the scanner: the words, and the patterns of the quick path.
 *
 * A pattern is all that stands between two values in the usual spelling of a level, so the quick path compares eight
 * bytes at once and knows nothing of keys. The words are kept too: the plain grammar takes them in any order. They come
 * as one text, because two to five pairs of pointer and length in a row are asked to be confused.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Appends; the room is enough by the limit on words. */
static void put(frs_pattern *pattern, const char *text, size_t size) {
    memcpy(pattern->text + pattern->size, text, size);
    memset(pattern->mask + pattern->size, 0xff, size);
    pattern->size += size;
}

static frs_pattern pattern_of(const char *before, const frs_word *word, const char *behind) {
    frs_pattern pattern = {.size = 0};
    put(&pattern, before, strlen(before));
    put(&pattern, word->text, word->size);
    put(&pattern, behind, strlen(behind));
    return pattern;
}

/* Takes one word and the space behind it; returns the place behind, or NULL. */
static const char *take_word(const char *p, const char *end, frs_word *word) {
    for (; p < end && *p != ' '; p++) {
        if (word->size == FRS_WORD_SIZE || *p < '!' || *p > '~' || *p == '"' || *p == '\\')
            return NULL;
        word->text[word->size++] = *p;
    }
    return word->size ? p + (p < end) : NULL;
}

static bool same(const frs_word *a, const frs_word *b) {
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* The keys have to differ from each other, and so do the words for the sides. */
static bool distinct(const frs_word words[FRS_WORDS], int kind) {
    if (same(&words[FRS_PRICE_KEY], &words[FRS_QUANTITY_KEY]))
        return false;
    return kind == FRS_OBJECTS ||
           !(same(&words[FRS_SIDE_KEY], &words[FRS_PRICE_KEY]) ||
             same(&words[FRS_SIDE_KEY], &words[FRS_QUANTITY_KEY]) || same(&words[FRS_BID_WORD], &words[FRS_ASK_WORD]));
}

static bool take_words(const char *p, size_t size, frs_spelling *spelling) {
    const char *end = p + size;
    int count = spelling->kind == FRS_OBJECTS ? FRS_SIDE_KEY : FRS_WORDS;
    for (int i = 0; i < count && p; i++)
        p = take_word(p, end, &spelling->words[i]);
    return p == end && end[-1] != ' ' && distinct(spelling->words, spelling->kind);
}

static void make_patterns(frs_spelling *spelling) {
    const frs_word *words = spelling->words;
    frs_pattern *patterns = spelling->patterns;
    if (spelling->kind == FRS_OBJECTS) {
        patterns[FRS_PRICE_KEY] = pattern_of("{\"", &words[FRS_PRICE_KEY], "\":");
        patterns[FRS_QUANTITY_KEY] = pattern_of(",\"", &words[FRS_QUANTITY_KEY], "\":");
        return;
    }
    patterns[FRS_SIDE_KEY] = pattern_of("{\"", &words[FRS_SIDE_KEY], "\":\"");
    patterns[FRS_BID_WORD] = pattern_of("", &words[FRS_BID_WORD], "\"");
    patterns[FRS_ASK_WORD] = pattern_of("", &words[FRS_ASK_WORD], "\"");
    patterns[FRS_PRICE_KEY] = pattern_of(",\"", &words[FRS_PRICE_KEY], "\":\"");
    patterns[FRS_QUANTITY_KEY] = pattern_of("\",\"", &words[FRS_QUANTITY_KEY], "\":\"");
}

frs_spelling *frs_spelling_new(int kind, const char *words, size_t size) {
    if ((kind != FRS_OBJECTS && kind != FRS_SIDED) || size == 0)
        return NULL;
    frs_spelling *spelling = calloc(1, sizeof *spelling);
    if (!spelling)
        return NULL;
    spelling->kind = kind;
    if (!take_words(words, size, spelling)) {
        free(spelling);
        return NULL;
    }
    make_patterns(spelling);
    return spelling;
}

void frs_spelling_free(frs_spelling *spelling) {
    free(spelling);
}
