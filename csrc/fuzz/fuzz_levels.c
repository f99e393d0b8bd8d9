/* Levels must be the same at every spelling of the white space, and hold at the scales that frs_levels_scales finds.
 * The first two bytes are the scales, and by the first one's upper half which spelling it is. White space switches the
 * scanner's quick path off, so this compares both paths.
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
    SEED("\001\000[[\"30249.4\",\"0\",\"0\",\"0\"],[\"30261\",\"4\",\"0\",\"1\"]]"),
    SEED("\041\010[{\"price\":63388.7,\"qty\":0.25761908},{\"price\":\"63417.0\",\"qty\":\"0.78843100\"}]"),
    SEED(
        "\042\010[{\"price\":1877.6,\"qty\":0.00000000},{\"qty\":1e-3,\"id\":[{\"a\":\"\\u00e9\"},null],\"price\":2}]"),
    SEED("\102\010[{\"side\":\"bid\",\"event_time\":\"2026-08-24T22:34:13.483122Z\",\"price_level\":\"78856.05\","
         "\"new_quantity\":\"0.0476177\"},{\"side\":\"offer\",\"price_level\":\"78857\",\"new_quantity\":\"0\"}]"),
    SEED("\102\010[{\"side\":\"offer\",\"a\":{},\"price_level\":\"1\",\"new_quantity\":1},{\"side\":\"bid\",\"price_"
         "level\":\"2\",\"new_quantity\":\"1\",\"b\":\"\\\\\"}]"),
    SEED("\142\003[{\"p\":\"1.5\",\"s\":2},{\"p\":3,\"s\":\"4\"}]"),
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
        else if (!quoted && (text[i] == '[' || text[i] == '{'))
            out[length++] = ' ';
    }
    return length;
}

static const frs_spelling *spelling_of(int choice) {
    static frs_spelling *spellings[4];
    static const char words[] = "price_level new_quantity side bid offer";
    if (!spellings[1]) {
        spellings[1] = frs_spelling_new(FRS_OBJECTS, "price qty", 9);
        spellings[2] = frs_spelling_new(FRS_SIDED, words, sizeof words - 1);
        spellings[3] = frs_spelling_new(FRS_OBJECTS, "p s", 3);
    }
    return spellings[choice];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static frs_level levels[ROOM], again[ROOM];
    if (size < 2)
        return 0;
    int price_scale = data[0] % 32 % 19, quantity_scale = data[1] % 19;
    const frs_spelling *spelling = spelling_of(data[0] / 32 % 4);
    const char *text = (const char *)data + 2;
    size -= 2;
    int n = frs_levels_scan(text, size, spelling, price_scale, quantity_scale, levels, ROOM);
    char *spaced = malloc(2 * size + 1);
    must(spaced != NULL);
    size_t length = spread(text, size, spaced);
    must(frs_levels_scan(spaced, length, spelling, price_scale, quantity_scale, again, ROOM) == n);
    must(n <= 0 || memcmp(levels, again, (size_t)n * sizeof *levels) == 0);
    free(spaced);
    for (int i = 0; i < n; i++)
        must((levels[i].price > 0 || (data[0] / 32 % 4 == 2 && levels[i].price < 0)) && levels[i].quantity >= 0);
    int finest_price = 0, finest_quantity = 0;
    int error = frs_levels_scales(text, size, spelling, &finest_price, &finest_quantity);
    must(n < 0 || (error == 0 && finest_price <= price_scale && finest_quantity <= quantity_scale));
    if (error == 0) {
        int exact = frs_levels_scan(text, size, spelling, finest_price, finest_quantity, again, ROOM);
        must(exact >= 0 || exact == FRS_E_RANGE || exact == FRS_E_FULL);
    }
    return 0;
}
