/* The levels of one message, scanned as a whole before the book changes.
 *
 * They go to the scratch, which all books of a thread share. A message whose list holds both sides is scanned in its
 * own order and then parted: so the scanner knows nothing of lists, and of a price told twice the last one still
 * counts.
 */
#include <limits.h>
#include <stdlib.h>

#include "internal.h"

frs_scratch *frs_scratch_new(size_t levels) {
    if (levels == 0 || levels > INT_MAX)
        return NULL;
    frs_scratch *scratch = malloc(sizeof *scratch + FRS_TURNS * 2 * levels * sizeof scratch->levels[0]);
    if (scratch)
        scratch->room = levels;
    return scratch;
}

void frs_scratch_free(frs_scratch *scratch) {
    free(scratch);
}

/* Without a branch, since nobody could predict it: every level is put into both lists, and stays in one. */
void frs_message_part(frs_level *levels, size_t room, uint32_t count, frs_message *message) {
    frs_level *bid = levels, *ask = levels + room;
    for (uint32_t i = 0; i < count; i++) {
        frs_level level = levels[i];
        bool is_ask = level.price < 0;
        *bid = level;
        *ask = (frs_level){-level.price, level.quantity};
        bid += !is_ask;
        ask += is_ask;
    }
    uint32_t bids = (uint32_t)(bid - levels);
    *message = (frs_message){{levels, levels + room}, {bids, count - bids}};
}

int frs_message_scan(const frs_book *book, const frs_spelling *spelling, const char *bids, size_t bids_size,
                     const char *asks, size_t asks_size, frs_message *message) {
    frs_scratch *scratch = book->scratch;
    int price_scale = book->view.price_scale, quantity_scale = book->view.quantity_scale;
    bool sided = spelling && spelling->kind == FRS_SIDED;
    if (sided && asks_size)
        return FRS_E_ARGUMENT;
    int bid_count =
        frs_levels_scan(bids, bids_size, spelling, price_scale, quantity_scale, scratch->levels, scratch->room);
    if (bid_count < 0)
        return bid_count;
    if (sided) {
        frs_message_part(scratch->levels, scratch->room, (uint32_t)bid_count, message);
        return 0;
    }
    int ask_count = frs_levels_scan(asks, asks_size, spelling, price_scale, quantity_scale, scratch->levels + bid_count,
                                    scratch->room - (size_t)bid_count);
    if (ask_count < 0)
        return ask_count;
    *message =
        (frs_message){{scratch->levels, scratch->levels + bid_count}, {(uint32_t)bid_count, (uint32_t)ask_count}};
    return 0;
}
