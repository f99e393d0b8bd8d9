/* Levels must be the same at every spelling of the white space, and hold at the scales that frs_levels_scales finds.
 * The first two bytes are the scales. White space switches the scanner's quick path off, so this compares both paths.
 */
#include <string.h>

#include "flowrs.h"
#include "fuzz.h"

#define SEED(text) {text, sizeof text - 1}

const fuzz_seed fuzz_seeds[] = {
    SEED("\002\003[[\"61804.60\",\"0.057\"],[\"61803.10\",\"12.000\"],[\"61801.00\",\"0.000\"]]"),
    SEED("\010\010[[\"61737.63000000\",\"0.00000000\"],[\"61730.17000000\",\"3.78826000\"]]"),
    SEED("\002\010[[\"61737.63000000\",\"0.00000000\"],[\"61730.17000000\",\"3.78826000\"]]"),
    SEED("\001\000[[\"30249.4\",\"5\",\"0\",\"12\"],[1,2,true,false,null,-1.5e3,\"a\\\"]\\u00e9\\\\\"]]"),
    SEED("\022\022[[\"9.22337203\",\"9.223372036854775807\"],[\"8.99999999\",\"1e-18\"]]"),
    SEED("\000\000null"),
    SEED("\005\006 [ [ 1 , 2 ] , [ 2.5e0 , 1e-5 ] ] "),
    {NULL, 0}};
const size_t fuzz_runs = 150000;

enum { ROOM = 4096 };

/* A space behind every bracket that is not within a string. */
static size_t spread(const char *text, size_t size, char *out) {
    size_t length = 0;
    int quoted = 0;
    for (size_t i = 0; i < size; i++) {
        out[length++] = text[i];
        if (quoted && text[i] == '\\' && i + 1 < size)
            out[length++] = text[++i];
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == '[')
            out[length++] = ' ';
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static frs_level levels[ROOM], again[ROOM];
    if (size < 2)
        return 0;
    int price_scale = data[0] % 19, quantity_scale = data[1] % 19;
    const char *text = (const char *)data + 2;
    size -= 2;
    int n = frs_levels_scan(text, size, FRS_PAIRS, price_scale, quantity_scale, levels, ROOM);
    char *spaced = malloc(2 * size + 1);
    must(spaced != NULL);
    size_t length = spread(text, size, spaced);
    must(frs_levels_scan(spaced, length, FRS_PAIRS, price_scale, quantity_scale, again, ROOM) == n);
    must(n <= 0 || memcmp(levels, again, (size_t)n * sizeof *levels) == 0);
    free(spaced);
    for (int i = 0; i < n; i++)
        must(levels[i].price > 0 && levels[i].quantity >= 0);
    int finest_price = 0, finest_quantity = 0;
    int error = frs_levels_scales(text, size, FRS_PAIRS, &finest_price, &finest_quantity);
    must(n < 0 || (error == 0 && finest_price <= price_scale && finest_quantity <= quantity_scale));
    if (error == 0) {
        int exact = frs_levels_scan(text, size, FRS_PAIRS, finest_price, finest_quantity, again, ROOM);
        must(exact >= 0 || exact == FRS_E_RANGE || exact == FRS_E_FULL);
    }
    return 0;
}
