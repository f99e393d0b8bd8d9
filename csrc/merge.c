/* Which books are merged, and where from: slots of an arena or arrays. The merging itself is in merge_side.c.
 *
 * All memory is taken with the workspace, so a merge costs no more than its work. The parts are named to it once, and
 * each slot's name is looked at again with every reading: a slot may have got another book since.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { LEVELS_MOST = 1 << 20, PRODUCT_MOST = 1 << 22 };

static void begin(frs_merge *merge) {
    merge->result = (frs_merged){.complete_to = {INT64_MAX, 0}};
    merge->count = merge->taken = 0;
}

frs_merge *frs_merge_new(uint32_t parts, uint32_t levels) {
    if (parts < 1 || parts > FRS_MERGE_PARTS || levels < 1 || levels > LEVELS_MOST || levels > PRODUCT_MOST / parts)
        return NULL;
    size_t all = (size_t)parts * (levels + 1); /* one more a part: what ends it */
    size_t bytes = sizeof(frs_merge) + parts * sizeof(frs_part);
    size_t read = (bytes + sizeof(frs_level) - 1) / sizeof(frs_level) * sizeof(frs_level);
    frs_merge *merge = calloc(1, read + all * (5 * sizeof(frs_level) + 2 * sizeof(frs_share)));
    if (!merge)
        return NULL;
    merge->room = parts;
    merge->levels_room = levels;
    merge->read = (frs_level *)(void *)((char *)merge + read);
    merge->scaled = merge->read + 2 * all;
    for (int side = 0; side < 2; side++) {
        merge->levels[side] = merge->read + (3 + (size_t)side) * all;
        merge->shares[side] = (frs_share *)(void *)(merge->read + 5 * all) + (size_t)side * all;
    }
    begin(merge);
    return merge;
}

void frs_merge_free(frs_merge *merge) {
    free(merge);
}

int frs_merge_part(frs_merge *merge, uint32_t part, uint32_t slot, const char *name, size_t name_size) {
    if (part > merge->said || part >= merge->room || name_size < 1 || name_size >= FRS_NAME_SIZE ||
        memchr(name, 0, name_size))
        return FRS_E_ARGUMENT;
    frs_part *said = &merge->parts[part];
    memset(said->name, 0, sizeof said->name);
    memcpy(said->name, name, name_size);
    said->slot = slot;
    merge->said += part == merge->said;
    return 0;
}

static int merge_parts(frs_merge *merge, uint32_t depth) {
    frs_merge_choose_scales(merge);
    for (int side = 0; side < 2; side++)
        frs_merge_side_of(merge, side, depth ? depth : UINT32_MAX);
    return (int)merge->taken;
}

static int fail(frs_merge *merge, int error) {
    begin(merge);
    return error;
}

static int fate_of(const frs_view *view) {
    if (view->state != FRS_LIVE)
        return FRS_NOT_LIVE;
    return view->price_scale > FRS_MAX_SCALE || view->quantity_scale > FRS_MAX_SCALE ? FRS_MISFIT : FRS_TAKEN;
}

static void take(frs_merge *merge, frs_part *part, int fate) {
    part->fate = fate;
    merge->taken += part->fate == FRS_TAKEN;
    merge->count++;
}

int frs_merge_read(frs_merge *merge, const frs_arena *arena, uint32_t depth) {
    begin(merge);
    uint32_t room = merge->levels_room < frs_arena_depth(arena) ? merge->levels_room : frs_arena_depth(arena);
    for (uint32_t i = 0; i < merge->said; i++) {
        frs_part *part = &merge->parts[i];
        frs_level *levels[2];
        for (size_t side = 0; side < 2; side++)
            part->levels[side] = levels[side] = merge->read + (2 * i + side) * merge->levels_room;
        int error = frs_view_read(arena, part->slot, &part->view, levels[FRS_BID], levels[FRS_ASK], room);
        if (error)
            return fail(merge, error);
        for (int side = 0; side < 2; side++)
            part->counts[side] = part->view.count[side] < room ? part->view.count[side] : room;
        bool renamed = memcmp(part->name, part->view.name, sizeof part->name) != 0;
        take(merge, part, renamed ? FRS_RENAMED : fate_of(&part->view));
    }
    return merge_parts(merge, depth);
}

/* Prices above 0, each worse than the one before it, and quantities above 0. */
static bool good_side(const frs_level *levels, uint32_t count, int side) {
    int64_t before = side == FRS_BID ? INT64_MIN : 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t key = -frs_signed(side, levels[i].price);
        if (levels[i].price <= 0 || levels[i].quantity <= 0 || key <= before)
            return false;
        before = key;
    }
    return true;
}

int frs_merge_levels(frs_merge *merge, uint32_t parts, const frs_view *views, const frs_level *const *bids,
                     const frs_level *const *asks, uint32_t depth) {
    begin(merge);
    if (parts > merge->room)
        return FRS_E_ARGUMENT;
    for (uint32_t i = 0; i < parts; i++) {
        frs_part *part = &merge->parts[i];
        const frs_level *levels[2] = {bids[i], asks[i]};
        part->view = views[i];
        for (int side = 0; side < 2; side++) {
            part->levels[side] = levels[side];
            part->counts[side] = views[i].count[side];
            if (part->counts[side] > merge->levels_room)
                return fail(merge, FRS_E_FULL);
            if (!good_side(levels[side], part->counts[side], side))
                return fail(merge, FRS_E_ARGUMENT);
        }
        take(merge, part, fate_of(&part->view));
    }
    return merge_parts(merge, depth);
}
