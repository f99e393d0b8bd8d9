/* Times frs_book_apply on recorded messages:
 *
 *     bench FILE PRICE_SCALE QUANTITY_SCALE [objects|sided WORDS]
 *
 * FILE is as extract.py or respell.py writes it, WORDS as frs_spelling_new takes them.
 * The whole recording is applied several times to a fresh book with ring and slot, as the daemon does it; the best
 * round counts, the others saw more of the machine's other work. Scanning alone is timed the same way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flowrs.h"

enum { ROUNDS = 9, HEAD_WORDS = 4, SCRATCH = 1 << 18, CAPACITY = 8192, SHOWN = 50, CHECKSUMS = 10000 };

typedef struct {
    uint32_t snapshot, size[2], pad;
    const char *side[2];
} message;

typedef struct {
    message *messages;
    size_t count, deltas;
    char *bytes;
} recording;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static recording load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)ftell(file), head = HEAD_WORDS * sizeof(uint32_t);
    rewind(file);
    recording all = {calloc(size / head, sizeof(message)), 0, 0, malloc(size)};
    if (!all.messages || !all.bytes || fread(all.bytes, 1, size, file) != size)
        exit(1);
    fclose(file);
    for (const char *p = all.bytes; p < all.bytes + size;) {
        message *m = &all.messages[all.count++];
        memcpy(m, p, head);
        m->side[0] = p + head;
        m->side[1] = m->side[0] + m->size[0];
        p = m->side[1] + m->size[1];
        all.deltas += !m->snapshot;
    }
    return all;
}

typedef struct {
    double scan_ns, apply_ns, checksum_ns;
    size_t levels, tops;
    uint32_t total[2];
} result;

static result run(const recording *all, const frs_spelling *spelling, int price_scale, int quantity_scale) {
    static frs_level levels[SCRATCH];
    result r = {0};
    frs_arena *arena = frs_arena_new(1, SHOWN);
    frs_ring *ring = frs_ring_new(1024);
    frs_scratch *scratch = frs_scratch_new(SCRATCH);
    frs_book *book = frs_book_new(CAPACITY, price_scale, quantity_scale, 0);
    frs_book_attach(book, scratch, ring, arena, 0, "bench", 5);
    int64_t start = now();
    for (size_t i = 0; i < all->count; i++)
        for (int side = 0; side < 2; side++) {
            const message *m = &all->messages[i];
            int n =
                frs_levels_scan(m->side[side], m->size[side], spelling, price_scale, quantity_scale, levels, SCRATCH);
            r.levels += m->snapshot ? 0 : (size_t)n;
        }
    r.scan_ns = (double)(now() - start);
    start = now();
    for (size_t i = 0; i < all->count; i++) {
        const message *m = &all->messages[i];
        if (m->snapshot) {
            frs_book_apply(book, FRS_SNAPSHOT, spelling, m->side[0], m->size[0], m->side[1], m->size[1], i, 0);
            continue;
        }
        int bits = frs_book_apply(book, 0, spelling, m->side[0], m->size[0], m->side[1], m->size[1], i, 0);
        if (bits < 0) {
            fprintf(stderr, "message %zu: %s\n", i, frs_error_text(bits));
            exit(1);
        }
        r.tops += (bits & FRS_TOP) != 0;
    }
    r.apply_ns = (double)(now() - start);
    uint32_t sum = 0;
    start = now();
    for (int i = 0; i < CHECKSUMS; i++)
        frs_book_checksum(book, FRS_DIGITS, 10, price_scale, quantity_scale, &sum);
    r.checksum_ns = (double)(now() - start) / CHECKSUMS;
    r.total[0] = frs_book_total(book, FRS_BID);
    r.total[1] = frs_book_total(book, FRS_ASK);
    frs_book_free(book);
    frs_scratch_free(scratch);
    frs_ring_free(ring);
    frs_arena_free(arena);
    return r;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "usage: bench FILE PRICE_SCALE QUANTITY_SCALE [objects|sided WORDS]\n");
        return 2;
    }
    frs_spelling *spelling = NULL;
    if (argc == 6) {
        int kind = strcmp(argv[4], "sided") == 0 ? FRS_SIDED : FRS_OBJECTS;
        spelling = frs_spelling_new(kind, argv[5], strlen(argv[5]));
        if (!spelling) {
            fprintf(stderr, "no such spelling\n");
            return 2;
        }
    }
    recording all = load(argv[1]);
    result best = {0};
    for (int i = 0; i < ROUNDS; i++) {
        result r = run(&all, spelling, atoi(argv[2]), atoi(argv[3]));
        if (i == 0 || r.apply_ns < best.apply_ns)
            best = r;
    }
    double messages = (double)all.count, levels = (double)best.levels;
    printf("%zu messages, %.1f levels each, tops %zu, totals %u %u\n", all.count, levels / messages, best.tops,
           best.total[0], best.total[1]);
    printf("scan  %.3f us a message, %.2f ns a level\n", best.scan_ns / messages / 1000, best.scan_ns / levels);
    printf("apply %.3f us a message, %.2f ns a level beyond the scan\n", best.apply_ns / messages / 1000,
           (best.apply_ns - best.scan_ns) / levels);
    printf("checksum of 10 levels a side %.0f ns\n", best.checksum_ns);
    frs_spelling_free(spelling);
    free(all.messages);
    free(all.bytes);
    return 0;
}
