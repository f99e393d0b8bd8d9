/* Runs all tests and says how many passed; a sanitizer's report ends it at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

static int passed, failed, failures_in_test;

void check_that(bool holds, const char *condition, const char *file, int line) {
    if (holds)
        return;
    if (failures_in_test++ < 5)
        fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
}

void run_test(void (*function)(void), const char *name) {
    failures_in_test = 0;
    function();
    if (failures_in_test) {
        fprintf(stderr, "FAILED %s\n", name);
        failed++;
    } else {
        passed++;
    }
}

static guarded guard_new(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    guarded copy = {NULL, (size / page + 3) * page, NULL};
    void *pages = mmap(NULL, copy.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        abort();
    copy.pages = pages;
    return copy;
}

static void forbid(char *page) {
    if (mprotect(page, (size_t)sysconf(_SC_PAGESIZE), PROT_NONE))
        abort();
}

guarded guard_behind(const void *bytes, size_t size) {
    guarded copy = guard_new(size);
    char *wall = copy.pages + copy.bytes - (size_t)sysconf(_SC_PAGESIZE);
    copy.text = wall - size;
    memcpy(copy.text, bytes, size);
    forbid(wall);
    return copy;
}

guarded guard_before(const void *bytes, size_t size) {
    guarded copy = guard_new(size);
    copy.text = copy.pages + (size_t)sysconf(_SC_PAGESIZE);
    memcpy(copy.text, bytes, size);
    forbid(copy.pages);
    return copy;
}

void guard_free(guarded *copy) {
    munmap(copy->pages, copy->bytes);
}

/* splitmix64 (Steele, Lea and Flood, 2014). */
uint64_t random_below(uint64_t *state, uint64_t below) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % below;
}

int main(void) {
    test_decimal();
    test_levels();
    test_spelling();
    test_book();
    test_book_random();
    test_ladder();
    test_pages();
    test_sided();
    test_checksum();
    test_journal();
    test_view();
    test_pulse();
    test_merge();
    test_merge_slots();
    test_frames();
    test_ring();
    test_lane();
    test_run();
    test_tape();
    test_trades();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
