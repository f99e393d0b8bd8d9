/* A lane: its templates, and the doors to its books, found by the exchange's names of their instruments.
 *
 * Doors lie in the order in which they were added, so that an index is a door's for ever; an open-addressing index over
 * the names' hashes finds them. Nothing is ever removed: a lane lives as long as its connection. Rejected: a perfect
 * hash (symbols are told one by one), and remembering the last door (the updates of a connection's books alternate).
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { BOOKS_MOST = 1 << 16 };

frs_lane *frs_lane_new(const frs_spelling *spelling, int continuity, int64_t time_unit_ns, int form, uint32_t levels,
                       uint32_t books) {
    if (continuity < FRS_CHAINED || continuity > FRS_UNNUMBERED || time_unit_ns < 1 || form < 0 || form > FRS_COLON ||
        (form && (levels < 1 || levels > FRS_CHECKSUM_LEVELS)) || books < 1 || books > BOOKS_MOST)
        return NULL;
    uint32_t places = 2;
    while (places < 2 * books)
        places *= 2;
    size_t digest = form ? frs_digest_bytes(levels) : 0;
    frs_lane *lane = calloc(1, sizeof *lane + books * (sizeof(frs_door) + digest) + places * sizeof lane->index[0]);
    if (!lane)
        return NULL;
    lane->spelling = spelling;
    lane->continuity = continuity;
    lane->unit_ns = time_unit_ns;
    lane->form = form;
    lane->levels = levels;
    lane->number = -1;
    lane->room = books;
    lane->mask = places - 1;
    char *digests = (char *)(lane->doors + books);
    for (uint32_t i = 0; form && i < books; i++)
        frs_digest_init(&lane->doors[i].digest, levels, digests + i * digest);
    lane->index = (uint32_t *)(void *)(digests + books * digest);
    return lane;
}

void frs_lane_free(frs_lane *lane) {
    free(lane);
}

int frs_lane_template(frs_lane *lane, const char *text, size_t size) {
    size_t at;
    if (lane->templates == FRS_TEMPLATES)
        return FRS_E_FULL;
    bool sided = lane->spelling && lane->spelling->kind == FRS_SIDED;
    unsigned needs = frs_template_needs(lane->continuity, sided, lane->form != 0);
    if (frs_template_make(&lane->template[lane->templates], text, size, needs, &at))
        return FRS_E_SYNTAX;
    lane->templates++;
    return 0;
}

/* The place in the index where the name is, or would be put. */
static uint32_t *seek(const frs_lane *lane, const char *name, size_t size, uint32_t hash) {
    uint32_t place = (hash ^ hash >> 16) & lane->mask;
    for (; lane->index[place]; place = (place + 1) & lane->mask) {
        const frs_door *each = &lane->doors[lane->index[place] - 1];
        if (each->size == size && memcmp(each->name, name, size) == 0)
            break;
    }
    return &lane->index[place];
}

frs_door *frs_lane_find(frs_lane *lane, const char *name, size_t size, uint32_t hash) {
    uint32_t number = *seek(lane, name, size, hash);
    return number ? &lane->doors[number - 1] : NULL;
}

int frs_lane_add(frs_lane *lane, const char *name, size_t size, int price_decimals, int quantity_decimals) {
    if (size < 1 || size >= FRS_NAME_SIZE || price_decimals < 0 || price_decimals > FRS_MAX_SCALE ||
        quantity_decimals < 0 || quantity_decimals > FRS_MAX_SCALE)
        return FRS_E_ARGUMENT;
    uint32_t hash = FRS_NAME_HASH;
    for (size_t i = 0; i < size; i++) {
        if (name[i] < ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\')
            return FRS_E_ARGUMENT;
        hash = frs_name_hash(hash, name[i]);
    }
    uint32_t *place = seek(lane, name, size, hash);
    if (*place)
        return FRS_E_ARGUMENT;
    if (lane->count == lane->room)
        return FRS_E_FULL;
    frs_door *added = &lane->doors[lane->count++];
    memcpy(added->name, name, size);
    added->size = size;
    added->decimals[0] = price_decimals;
    added->decimals[1] = quantity_decimals;
    *place = lane->count;
    return (int)lane->count - 1;
}

static frs_door *door_at(frs_lane *lane, int index) {
    return index >= 0 && (uint32_t)index < lane->count ? &lane->doors[index] : NULL;
}

int frs_lane_open(frs_lane *lane, int index, frs_book *book, int64_t last) {
    frs_door *to = door_at(lane, index);
    if (!to || last < 0 || !book->scratch || book->pending || book->view.state != FRS_LIVE)
        return FRS_E_ARGUMENT;
    to->book = book;
    to->last = last;
    frs_digest_reset(&to->digest);
    return 0;
}

int64_t frs_lane_close(frs_lane *lane, int index) {
    frs_door *to = door_at(lane, index);
    if (!to)
        return FRS_E_ARGUMENT;
    to->book = NULL;
    return to->last;
}

int frs_lane_keep(frs_lane *lane, int index, frs_tape *tape) {
    frs_door *to = door_at(lane, index);
    if (!to)
        return FRS_E_ARGUMENT;
    to->tape = tape;
    return 0;
}

int64_t frs_lane_count(frs_lane *lane, int64_t number) {
    int64_t before = lane->number;
    lane->number = number;
    return before;
}

const int64_t *frs_lane_time(const frs_lane *lane) {
    return &lane->time;
}
