/* At which scales parts are merged, and which of them are not because their numbers do not fit there.
 *
 * It is found out before anything is merged, from each part's greatest price and quantity: so the merge itself checks
 * nothing, and no total can overflow. Rejected: refusing the merge (one venue with an absurd number of decimals would
 * take away all the others), and coarser scales (numbers would be rounded).
 */
#include "internal.h"

static int64_t greatest_quantity(const frs_part *part, int side) {
    int64_t most = 0;
    for (uint32_t i = 0; i < part->counts[side]; i++)
        most = part->levels[side][i].quantity > most ? part->levels[side][i].quantity : most;
    return most;
}

static int64_t greatest_price(const frs_part *part) {
    int64_t bid = part->counts[FRS_BID] ? part->levels[FRS_BID][0].price : 0;
    int64_t ask = part->counts[FRS_ASK] ? part->levels[FRS_ASK][part->counts[FRS_ASK] - 1].price : 0;
    return bid > ask ? bid : ask;
}

static void measure(frs_part *part) {
    int64_t bid = greatest_quantity(part, FRS_BID), ask = greatest_quantity(part, FRS_ASK);
    part->most[FRS_QUANTITY] = bid > ask ? bid : ask;
    part->most[FRS_PRICE] = greatest_price(part);
}

static int scale_of(const frs_part *part, int number) {
    return number == FRS_PRICE ? part->view.price_scale : part->view.quantity_scale;
}

static int finest_scale(const frs_merge *merge, int number) {
    int finest = 0;
    for (uint32_t i = 0; i < merge->count; i++)
        if (merge->parts[i].fate == FRS_TAKEN && scale_of(&merge->parts[i], number) > finest)
            finest = scale_of(&merge->parts[i], number);
    return finest;
}

/* If some part does not fit at the finest scale, leaves out one that has it; false: all of them fit. */
static bool leave_out_a_misfit(frs_merge *merge, int number, int scale) {
    int64_t limit = number == FRS_PRICE ? INT64_MAX - 1 : INT64_MAX / (merge->taken ? merge->taken : 1);
    bool all_fit = true, left_fits = true;
    frs_part *left = NULL;
    for (uint32_t i = 0; i < merge->count; i++) {
        frs_part *part = &merge->parts[i];
        if (part->fate != FRS_TAKEN)
            continue;
        bool fits = part->most[number] <= limit / (int64_t)frs_powers[scale - scale_of(part, number)];
        if (scale_of(part, number) == scale && (!left || (left_fits && !fits))) {
            left = part;
            left_fits = fits;
        }
        all_fit &= fits;
    }
    if (all_fit)
        return false;
    left->fate = FRS_MISFIT;
    merge->taken--;
    return true;
}

void frs_merge_choose_scales(frs_merge *merge) {
    int scales[2];
    for (uint32_t i = 0; i < merge->count; i++)
        if (merge->parts[i].fate == FRS_TAKEN)
            measure(&merge->parts[i]);
    bool again;
    do {
        again = false;
        for (int number = 0; number < 2; number++) {
            scales[number] = finest_scale(merge, number);
            again |= leave_out_a_misfit(merge, number, scales[number]);
        }
    } while (again);
    merge->result.price_scale = (uint8_t)scales[FRS_PRICE];
    merge->result.quantity_scale = (uint8_t)scales[FRS_QUANTITY];
    merge->result.taken = merge->taken;
}
