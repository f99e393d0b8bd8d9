/* check.h: the whole test framework. A test is a function whose name is a claim; each file has one function that runs
 * its tests, called by main.c. */
#ifndef FLOWRS_CHECK_H
#define FLOWRS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowrs.h"

/* A macro only for the sake of the failing line. */
#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
#define TEST(function) run_test(function, #function)

void check_that(bool holds, const char *condition, const char *file, int line);
void run_test(void (*function)(void), const char *name);

/* A copy of the bytes that ends where an unreadable page begins; or, before, begins where one ends. */
typedef struct {
    char *pages;
    size_t bytes;
    char *text;
} guarded;

guarded guard_behind(const void *bytes, size_t size);
guarded guard_before(const void *bytes, size_t size);
void guard_free(guarded *copy);

/* Deterministic numbers: 0 to below - 1. */
uint64_t random_below(uint64_t *state, uint64_t below);

void test_decimal(void);
void test_levels(void);
void test_spelling(void);
void test_book(void);
void test_book_random(void);
void test_ladder(void);
void test_pages(void);
void test_sided(void);
void test_checksum(void);
void test_journal(void);
void test_view(void);
void test_pulse(void);
void test_merge(void);
void test_merge_slots(void);
void test_frames(void);
void test_ring(void);
void test_lane(void);
void test_run(void);
void test_tape(void);
void test_trades(void);

#endif
