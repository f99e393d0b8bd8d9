/* A tape gives back what it was given, the newest of it, whatever the sizes. */
#include <string.h>

#include "check.h"
#include "flowrs.h"

enum { MOST = 60 };

/* The bytes of frame `number`: its size and each byte follow from it. */
static size_t spell(char *out, uint64_t number, size_t most) {
    uint64_t seed = number;
    size_t size = 1 + random_below(&seed, most);
    for (size_t i = 0; i < size; i++)
        out[i] = (char)random_below(&seed, 256);
    return size;
}

static bool holds(const frs_tape *tape, uint64_t number, size_t most) {
    char expected[MOST];
    frs_strip found;
    size_t size = spell(expected, number, most);
    return frs_tape_read(tape, number, &found, 1) == 1 && found.size == size &&
           memcmp(frs_tape_bytes(tape) + found.at, expected, size) == 0 && found.recv_ns == (int64_t)number * 7;
}

static void a_tape_holds_the_newest_frames_byte_for_byte(void) {
    static const uint32_t rooms[] = {1, 2, 7, 64};
    static const size_t sizes[] = {MOST, MOST + 1, 200, 1000, 10000};
    for (size_t r = 0; r < 4; r++)
        for (size_t s = 0; s < 5; s++) {
            frs_tape *tape = frs_tape_new(rooms[r], sizes[s]);
            for (uint64_t number = 0; number < 3000; number++) {
                char frame[MOST];
                size_t size = spell(frame, number, MOST), held = 0;
                guarded copy = guard_behind(frame, size);
                CHECK(frs_tape_add(tape, copy.text, size, (int64_t)number * 7) == 0);
                guard_free(&copy);
                uint64_t start = frs_tape_start(tape), end = frs_tape_end(tape);
                CHECK(end == number + 1 && start < end && end - start <= rooms[r]);
                for (uint64_t each = start; each < end; each++) {
                    CHECK(holds(tape, each, MOST));
                    held += spell(frame, each, MOST);
                }
                /* nothing is given up that there is room for: the oldest one's piece and what is left at the end */
                bool full = end - start == rooms[r] || start == 0;
                CHECK(full || held + 3 * MOST > sizes[s]);
            }
            frs_tape_free(tape);
        }
}

static void what_is_not_there_is_not_read(void) {
    frs_strip found[4];
    frs_tape *tape = frs_tape_new(2, 10);
    CHECK(frs_tape_read(tape, 0, found, 4) == 0 && frs_tape_read(tape, 1, found, 4) == FRS_E_ARGUMENT);
    for (int i = 0; i < 3; i++)
        CHECK(frs_tape_add(tape, "abc", 3, i) == 0);
    CHECK(frs_tape_start(tape) == 1 && frs_tape_end(tape) == 3);
    CHECK(frs_tape_read(tape, 0, found, 4) == FRS_E_ARGUMENT && frs_tape_read(tape, 4, found, 4) == FRS_E_ARGUMENT);
    CHECK(frs_tape_read(tape, 3, found, 4) == 0 && frs_tape_read(tape, 1, found, 0) == 0);
    CHECK(frs_tape_read(tape, 1, found, 4) == 2 && found[0].recv_ns == 1 && found[1].recv_ns == 2);
    CHECK(frs_tape_read(tape, 1, found, 1) == 1 && found[0].size == 3);
    CHECK(frs_tape_add(tape, "0123456789", 10, 9) == 0 && frs_tape_start(tape) == 3);
    frs_tape_free(tape);
}

static void what_does_not_fit_changes_nothing(void) {
    frs_tape *tape = frs_tape_new(2, 3);
    CHECK(frs_tape_add(tape, "abc", 3, 1) == 0);
    CHECK(frs_tape_add(tape, "abcd", 4, 2) == FRS_E_FULL && frs_tape_add(tape, "", 0, 2) == FRS_E_ARGUMENT);
    CHECK(frs_tape_start(tape) == 0 && frs_tape_end(tape) == 1);
    frs_tape_free(tape);
    CHECK(!frs_tape_new(0, 1) && !frs_tape_new(65537, 1) && !frs_tape_new(1, 0) && !frs_tape_new(1, (1u << 30) + 1));
    frs_tape_free(NULL);
}

void test_tape(void) {
    TEST(a_tape_holds_the_newest_frames_byte_for_byte);
    TEST(what_is_not_there_is_not_read);
    TEST(what_does_not_fit_changes_nothing);
}
