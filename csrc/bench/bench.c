/* Times a book on recorded messages, part by part:
 *
 *     bench FILE PRICE_SCALE QUANTITY_SCALE [objects|sided WORDS]
 *
 * FILE is as extract.py or respell.py writes it, WORDS as frs_spelling_new takes them. Quantities that a recording pads
 * with zeros need no more scale than their digits.
 * The whole recording is applied several times to a fresh book with ring and slot, as the daemon does it; of each
 * message's times the least one counts, the others saw more of the machine's other work. A message's parts are the scan
 * of its levels, the change of the book, and the publication of its top; the clock's own time is taken off each. What a
 * level costs beyond the scan is change and publication.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

enum { ROUNDS = 9, HEAD_WORDS = 4, SCRATCH = 1 << 18, CAPACITY = 8192, SHOWN = 50, CHECKSUMS = 10000 };
enum { SCAN, CHANGE, PUBLISH, PARTS };

static const char *const PART_NAMES[PARTS] = {"scan", "change", "publish"};

typedef struct {
    uint32_t snapshot, size[2], pad;
    const char *side[2];
} message;

typedef struct {
    message *messages;
    size_t count;
    char *bytes;
} recording;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What is measured where nothing happens. */
static double clock_cost(void) {
    double least = 1e9;
    for (int i = 0; i < 10000; i++) {
        double start = now(), took = now() - start;
        least = took < least ? took : least;
    }
    return least;
}

static recording load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)ftell(file), head = HEAD_WORDS * sizeof(uint32_t);
    rewind(file);
    recording all = {calloc(size / head, sizeof(message)), 0, malloc(size)};
    if (!all.messages || !all.bytes || fread(all.bytes, 1, size, file) != size)
        exit(1);
    fclose(file);
    for (const char *p = all.bytes; p < all.bytes + size;) {
        message *m = &all.messages[all.count++];
        memcpy(m, p, head);
        m->side[0] = p + head;
        m->side[1] = m->side[0] + m->size[0];
        p = m->side[1] + m->size[1];
    }
    return all;
}

typedef struct {
    double *ns[PARTS + 1]; /* of each message; the last: of all parts together */
    double mean[PARTS + 1], checksum_ns;
    size_t levels, deltas, tops, bytes;
    uint32_t total[2];
} result;

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void good(int bits, size_t i) {
    if (bits < 0) {
        fprintf(stderr, "message %zu: %s\n", i, frs_error_text(bits));
        exit(1);
    }
}

static void take(frs_book *book, const message *m, const frs_spelling *spelling, size_t i, double off, result *r) {
    frs_message levels;
    double at[PARTS + 1];
    at[SCAN] = now();
    good(frs_message_scan(book, spelling, m->side[0], m->size[0], m->side[1], m->size[1], &levels), i);
    at[CHANGE] = now();
    good(frs_book_change(book, &levels, m->snapshot, i, 0), i);
    at[PUBLISH] = now();
    int bits = frs_book_show(book, true);
    at[PARTS] = now();
    if (m->snapshot)
        return;
    double sum = 0;
    for (int part = 0; part <= PARTS; part++) {
        double took = part < PARTS ? at[part + 1] - at[part] - off : sum, *least = &r->ns[part][r->deltas];
        sum += took;
        *least = *least == 0 || took < *least ? took : *least;
    }
    r->deltas++;
    r->levels += levels.counts[0] + levels.counts[1];
    r->tops += (bits & FRS_TOP) != 0;
}

static void run(const recording *all, const frs_spelling *spelling, const int scales[2], result *r) {
    frs_arena *arena = frs_arena_new(1, SHOWN);
    frs_ring *ring = frs_ring_new(1024);
    frs_scratch *scratch = frs_scratch_new(SCRATCH);
    frs_book *book = frs_book_new(CAPACITY, scales[0], scales[1], 0);
    frs_book_attach(book, scratch, ring, arena, 0, "bench", 5);
    double off = clock_cost();
    r->levels = r->deltas = r->tops = 0;
    for (size_t i = 0; i < all->count; i++)
        take(book, &all->messages[i], spelling, i, off, r);
    uint32_t sum = 0;
    double start = now();
    for (int i = 0; i < CHECKSUMS; i++)
        frs_book_checksum(book, FRS_DIGITS, 10, scales[0], scales[1], &sum);
    r->checksum_ns = (now() - start) / CHECKSUMS;
    r->total[0] = frs_book_total(book, FRS_BID);
    r->total[1] = frs_book_total(book, FRS_ASK);
    r->bytes = frs_book_memory(book);
    frs_book_free(book);
    frs_scratch_free(scratch);
    frs_ring_free(ring);
    frs_arena_free(arena);
}

static void sum_up(result *r) {
    for (int part = 0; part <= PARTS; part++) {
        double sum = 0;
        for (size_t i = 0; i < r->deltas; i++)
            sum += r->ns[part][i];
        r->mean[part] = sum / (double)r->deltas;
        qsort(r->ns[part], r->deltas, sizeof(double), ascending);
    }
}

static void print(const result *r) {
    double levels = (double)r->levels / (double)r->deltas;
    size_t last = r->deltas - 1;
    printf("%zu messages, %.1f levels each, tops %zu, totals %u %u, %zu kB\n", r->deltas, levels, r->tops, r->total[0],
           r->total[1], r->bytes / 1000);
    for (int part = 0; part <= PARTS; part++)
        printf("%-8s mean %5.0f ns  p50 %5.0f  p99 %5.0f  most %6.0f  %6.2f ns a level\n",
               part < PARTS ? PART_NAMES[part] : "all", r->mean[part], r->ns[part][last / 2],
               r->ns[part][last * 99 / 100], r->ns[part][last], r->mean[part] / levels);
    printf("beyond the scan %.2f ns a level; checksum of 10 levels a side %.0f ns\n",
           (r->mean[CHANGE] + r->mean[PUBLISH]) / levels, r->checksum_ns);
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
    const int scales[2] = {atoi(argv[2]), atoi(argv[3])};
    result r = {.levels = 0};
    for (int part = 0; part <= PARTS; part++)
        r.ns[part] = calloc(all.count, sizeof(double));
    for (int i = 0; i < ROUNDS; i++)
        run(&all, spelling, scales, &r);
    sum_up(&r);
    print(&r);
    for (int part = 0; part <= PARTS; part++)
        free(r.ns[part]);
    frs_spelling_free(spelling);
    free(all.messages);
    free(all.bytes);
    return 0;
}
