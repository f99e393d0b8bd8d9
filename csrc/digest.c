/* The checksum of a book whose best levels have changed but a little since the last time.
 *
 * A message changes a level or two, and of the text that the checksum is made of only their parts: so the parts of the
 * others are copied from the text of the last time. They may have moved by a place, where a level came or went. And up
 * to the first change the CRC is that of the last time, which is kept for every eight bytes. Rejected: a CRC for each
 * level, combined by shifting (a multiplication of polynomials costs more than the few bytes of a level), and digits
 * kept in the book itself (all books would pay, few have checksums).
 */
#include <string.h>

#include "internal.h"

enum { WORD = 8, SHORT = 32 };

static size_t sheet_bytes(uint32_t levels) {
    return 2 * (size_t)levels * (sizeof(frs_level) + sizeof(uint32_t) + FRS_CHECKSUM_TEXT);
}

size_t frs_digest_bytes(uint32_t levels) {
    size_t states = 2 * (size_t)levels * FRS_CHECKSUM_TEXT / WORD + 1;
    return 2 * sheet_bytes(levels) + (states + 1) / 2 * 2 * sizeof(uint32_t);
}

void frs_digest_init(frs_digest *digest, uint32_t levels, void *memory) {
    char *p = memory;
    digest->levels = levels;
    for (int i = 0; i < 2; i++, p += sheet_bytes(levels)) {
        frs_sheet *sheet = &digest->sheets[i];
        sheet->levels = (frs_level *)(void *)p;
        sheet->ends = (uint32_t *)(void *)(sheet->levels + 2 * levels);
        sheet->text = (char *)(sheet->ends + 2 * levels);
    }
    digest->states = (uint32_t *)(void *)p;
    frs_digest_reset(digest);
}

void frs_digest_reset(frs_digest *digest) {
    digest->newest = 0;
    digest->sheets[0].count = 0;
    digest->known = 0;
    if (digest->states)
        digest->states[0] = UINT32_MAX;
}

static bool equal(const frs_level *a, const frs_level *b) {
    return a->price == b->price && a->quantity == b->quantity;
}

static uint32_t start_of(const frs_sheet *sheet, uint32_t i) {
    return i ? sheet->ends[i - 1] : 0;
}

/* Where the level is on the sheet, around a place; the sheet's count if it is not there. */
static uint32_t find(const frs_sheet *sheet, uint32_t around, const frs_level *level) {
    const uint32_t places[] = {around, around + 1, around - 1};
    for (int i = 0; i < 3; i++)
        if (places[i] < sheet->count && equal(&sheet->levels[places[i]], level))
            return places[i];
    return sheet->count;
}

/* The part is short, nearly always: there is room to copy more than it is. */
static char *copy_part(char *out, const frs_sheet *from, uint32_t i) {
    const char *part = from->text + start_of(from, i);
    size_t size = from->ends[i] - start_of(from, i);
    memcpy(out, part, SHORT);
    if (size > SHORT)
        memcpy(out, part, size);
    return out + size;
}

int frs_digest_sum(frs_digest *digest, const frs_book *book, int form, const int decimals[2], uint32_t *out) {
    const frs_sheet *old = &digest->sheets[digest->newest];
    frs_sheet *sheet = &digest->sheets[!digest->newest];
    const int scales[2] = {book->view.price_scale, book->view.quantity_scale};
    uint32_t count = frs_checksum_levels(book, form, digest->levels, sheet->levels), same = 0;
    while (same < count && same < old->count && equal(&sheet->levels[same], &old->levels[same]))
        same++;
    size_t prefix = start_of(old, same);
    memcpy(sheet->text, old->text, prefix);
    memcpy(sheet->ends, old->ends, same * sizeof sheet->ends[0]);
    char *end = sheet->text + prefix;
    for (uint32_t i = same, around = same; i < count; i++) {
        uint32_t found = find(old, around, &sheet->levels[i]);
        bool known = found < old->count;
        end = known ? copy_part(end, old, found) : frs_checksum_put(end, form, &sheet->levels[i], scales, decimals);
        if (!end)
            return FRS_E_PRECISION;
        around = (known ? found : around) + 1;
        sheet->ends[i] = (uint32_t)(end - sheet->text);
    }
    sheet->count = count;
    digest->newest = !digest->newest;
    size_t size = start_of(sheet, count) - (form == FRS_COLON && count), words = size / WORD;
    size_t kept = (prefix < size ? prefix : size) / WORD;
    kept = kept < digest->known ? kept : digest->known;
    digest->known = words;
    uint32_t *states = digest->states;
    uint32_t crc = frs_crc_words(states[kept], sheet->text + kept * WORD, words - kept, states + kept + 1);
    *out = frs_crc_end(crc, sheet->text + words * WORD, size % WORD);
    return 0;
}
