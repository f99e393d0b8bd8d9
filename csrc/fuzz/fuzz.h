/* fuzz.h: what a fuzz target is: libFuzzer's entry point, and seeds for drive.c, which stands in where there is no
 * libFuzzer. A target that finds a contradiction calls must(false). */
#ifndef FLOWRS_FUZZ_H
#define FLOWRS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    const char *bytes;
    size_t size;
} fuzz_seed;

extern const fuzz_seed fuzz_seeds[]; /* ended by {NULL, 0} */
extern const size_t fuzz_runs;       /* of the smoke run */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool holds) {
    if (!holds)
        abort();
}

#endif
