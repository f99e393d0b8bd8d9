/* What can be asked of a book: its levels as integers or as JSON, and its header.
 *
 * Levels are read best first and only as many as wanted; those outside the window do not exist here unless asked for.
 * Text is made in pieces of as many levels as the scratch holds, so nothing is allocated and the usual read is one
 * pass.
 */
#include <limits.h>
#include <string.h>

#include "internal.h"

enum { FEW = 64 };

static bool good_arguments(int side, uint32_t flags) {
    return (side == FRS_BID || side == FRS_ASK) && (flags & ~(uint32_t)FRS_ALL) == 0;
}

static int64_t floor_of(const frs_book *book, int side, uint32_t flags) {
    return flags & FRS_ALL ? INT64_MIN : book->floor[side];
}

int frs_book_read(const frs_book *book, int side, uint32_t flags, frs_level *out, size_t room) {
    if (!good_arguments(side, flags))
        return FRS_E_ARGUMENT;
    uint32_t most = room < INT_MAX ? (uint32_t)room : INT_MAX;
    return (int)frs_side_read(&book->sides[side], side, floor_of(book, side, flags), INT64_MAX, out, most);
}

static size_t put_decimal(char *out, int64_t value, int scale) {
    *out++ = '"';
    int size = frs_decimal_format(value, scale, out, FRS_DECIMAL_TEXT);
    out[size] = '"';
    return (size_t)size + 2;
}

size_t frs_level_text(char *out, int price_scale, int quantity_scale, const frs_level *level) {
    char *p = out;
    *p++ = '[';
    p += put_decimal(p, level->price, price_scale);
    *p++ = ',';
    p += put_decimal(p, level->quantity, quantity_scale);
    *p++ = ']';
    return (size_t)(p - out);
}

int64_t frs_book_text(const frs_book *book, int side, uint32_t flags, size_t levels, char *out, size_t room) {
    if (!good_arguments(side, flags))
        return FRS_E_ARGUMENT;
    if (room < 2)
        return FRS_E_FULL;
    frs_level few[FEW];
    frs_level *piece = book->scratch && book->scratch->room > FEW ? book->scratch->levels : few;
    size_t piece_room = piece == few ? FEW : book->scratch->room;
    char *p = out, *end = out + room - 1; /* the last byte is kept for the closing bracket */
    int64_t top = INT64_MAX;
    uint32_t asked = 0, count = 0;
    *p++ = '[';
    do {
        asked = (uint32_t)(levels < piece_room ? levels : piece_room);
        count = frs_side_read(&book->sides[side], side, floor_of(book, side, flags), top, piece, asked);
        for (uint32_t i = 0; i < count; i++) {
            char text[FRS_LEVEL_TEXT];
            size_t comma = p[-1] == ']';
            size_t size = frs_level_text(text, book->view.price_scale, book->view.quantity_scale, &piece[i]);
            if (size + comma > (size_t)(end - p))
                return FRS_E_FULL;
            if (comma)
                *p++ = ',';
            memcpy(p, text, size);
            p += size;
            top = frs_signed(side, piece[i].price) - 1;
        }
        levels -= count;
    } while (count == asked && levels);
    *p++ = ']';
    return p - out;
}

void frs_book_window(const frs_book *book, int64_t *low, int64_t *high) {
    *low = book->floor[FRS_BID] == INT64_MIN ? 0 : book->floor[FRS_BID];
    *high = book->floor[FRS_ASK] == INT64_MIN ? INT64_MAX : -book->floor[FRS_ASK];
}

int frs_book_whole(const frs_book *book, int side) {
    if (side != FRS_BID && side != FRS_ASK)
        return FRS_E_ARGUMENT;
    uint32_t total = frs_side_total(&book->sides[side]);
    bool ends = (book->depth && total >= book->depth) || (book->reach && total >= book->reach);
    return book->floor[side] == INT64_MIN && !ends;
}

uint32_t frs_book_total(const frs_book *book, int side) {
    return side == FRS_BID || side == FRS_ASK ? frs_side_total(&book->sides[side]) : 0;
}

uint32_t frs_book_capacity(const frs_book *book) {
    return book->capacity;
}

void frs_book_view(const frs_book *book, frs_view *view) {
    *view = book->view;
}

size_t frs_book_memory(const frs_book *book) {
    return sizeof *book + 2 * frs_ladder_bytes(book->capacity) + 2 * frs_rows_bytes(book->capacity);
}
