/* Decimals must agree with the reference, and what parses must come back from its format. The first byte is the scale.
 */
#include "../tests/reference.h"
#include "flowrs.h"
#include "fuzz.h"

#define SEED(text) {text, sizeof text - 1}

const fuzz_seed fuzz_seeds[] = {SEED("\0020.0"),
                                SEED("\010-12345678.12345678"),
                                SEED("\0229223372036854775807"),
                                SEED("\0041e-08"),
                                SEED("\0001e400"),
                                SEED("\010000000000000000000.00000000000000001E+2"),
                                SEED("\022-9.223372036854775808"),
                                {NULL, 0}};
const size_t fuzz_runs = 300000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    int scale = data[0] % 19;
    const char *text = (const char *)data + 1;
    int64_t ours = 77, theirs = 77, back;
    int error = frs_decimal_parse(text, size - 1, scale, &ours);
    must(error == reference_parse(text, size - 1, scale, &theirs) && ours == theirs);
    must(frs_decimal_scale(text, size - 1) == reference_scale(text, size - 1));
    if (error)
        return 0;
    char out[FRS_DECIMAL_TEXT];
    int length = frs_decimal_format(ours, scale, out, sizeof out);
    must(length > 0 && frs_decimal_parse(out, (size_t)length, scale, &back) == 0 && back == ours);
    return 0;
}
