/* Runs a fuzz target without libFuzzer: the same mutations of its seeds each time, or the files that are named.
 *
 *     smoke_NAME [RUNS | FILE...]
 *
 * It knows nothing of coverage, so it finds shallow faults only; libFuzzer is for the deep ones.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

enum { MOST = 4096 };

static uint64_t state = 1;

/* splitmix64 (Steele, Lea and Flood, 2014). */
static size_t below(size_t limit) {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (size_t)((z ^ z >> 31) % limit);
}

/* An exact copy on the heap, so that the sanitizer sees a read beyond the end. */
static void run(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    must(copy != NULL);
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t mutate(uint8_t *bytes, size_t size, const fuzz_seed *other) {
    size_t at = below(size + 1), from = below(other->size + 1), length = below(other->size - from + 1);
    switch (below(6)) {
    case 0: /* another byte */
        if (at < size)
            bytes[at] = (uint8_t)below(256);
        return size;
    case 1: /* a bit */
        if (at < size)
            bytes[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 2: /* cut off */
        return at;
    case 3: /* taken out */
        length = below(size - at + 1);
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    case 4: /* written over */
        length = length < size - at ? length : size - at;
        memcpy(bytes + at, other->bytes + from, length);
        return size;
    default: /* put in */
        if (size + length > MOST)
            return size;
        memmove(bytes + at + length, bytes + at, size - at);
        memcpy(bytes + at, other->bytes + from, length);
        return size + length;
    }
}

static void run_file(const char *path) {
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    must(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run(bytes, size);
}

int main(int argc, char **argv) {
    size_t seeds = 0, runs = argc > 1 ? strtoul(argv[1], NULL, 10) : fuzz_runs;
    if (argc > 1 && runs == 0) {
        for (int i = 1; i < argc; i++)
            run_file(argv[i]);
        return 0;
    }
    while (fuzz_seeds[seeds].bytes)
        seeds++;
    for (size_t i = 0; i < runs; i++) {
        uint8_t bytes[MOST];
        const fuzz_seed *seed = &fuzz_seeds[i % seeds];
        size_t size = seed->size;
        memcpy(bytes, seed->bytes, size);
        for (size_t n = i < seeds ? 0 : 1 + below(6); n > 0; n--)
            size = mutate(bytes, size, &fuzz_seeds[below(seeds)]);
        run(bytes, size);
    }
    printf("%s: %zu runs\n", argv[0], runs);
    return 0;
}
