/* A book in shared memory is live only while its writer is: killed, stopped, ended, or gone from its thread. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"

enum { DEPTH = 2 };

static void publish(frs_arena *arena, uint32_t slot, const char *name, int state) {
    frs_view view = {.seq = 7, .state = (uint8_t)state, .verified = FRS_BY_SEQUENCE};
    memcpy(view.name, name, strlen(name));
    frs_slot_begin(arena, slot);
    frs_slot_end(arena, slot, &view);
}

static int state_of(const frs_arena *arena, uint32_t slot) {
    frs_view view;
    CHECK(frs_view_read(arena, slot, &view, NULL, NULL, 0) == 0);
    CHECK((view.reason == FRS_UNATTENDED) == (view.state == FRS_STALE));
    CHECK((view.verified == 0) == (view.state == FRS_STALE));
    return view.state;
}

typedef struct {
    pid_t pid;
    frs_arena *seen;
} writer;

/* Another process that publishes a live book, begins to write a second one, and then does nothing. */
static writer start_writer(void) {
    int ready[2], fd = -1;
    char path[64];
    CHECK(pipe(ready) == 0);
    writer w = {fork(), NULL};
    if (w.pid == 0) {
        alarm(60); /* if the test does not end it */
        frs_arena *arena = frs_arena_new(2, DEPTH);
        publish(arena, 0, "x:A", FRS_LIVE);
        frs_slot_begin(arena, 1);
        fd = frs_arena_fd(arena);
        _exit(write(ready[1], &fd, sizeof fd) == sizeof fd ? pause() : 1);
    }
    CHECK(read(ready[0], &fd, sizeof fd) == sizeof fd);
    close(ready[0]);
    close(ready[1]);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)w.pid, fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    w.seen = frs_arena_open(fd);
    close(fd);
    return w;
}

static void a_killed_writer_leaves_no_live_book(void) {
    writer w = start_writer();
    frs_view view;
    CHECK(frs_arena_writer(w.seen) == FRS_AT_WORK && state_of(w.seen, 0) == FRS_LIVE);
    kill(w.pid, SIGKILL);
    CHECK(waitpid(w.pid, NULL, 0) == w.pid);
    CHECK(frs_arena_writer(w.seen) == FRS_ENDED && state_of(w.seen, 0) == FRS_STALE);
    int64_t start = frs_clock_steady();
    CHECK(frs_view_read(w.seen, 1, &view, NULL, NULL, 0) == FRS_E_SYSTEM && errno == EOWNERDEAD);
    CHECK(frs_clock_steady() - start < 500000000);
    frs_arena_free(w.seen);
}

static void a_stopped_writer_leaves_no_live_book_for_long(void) {
    writer w = start_writer();
    kill(w.pid, SIGSTOP);
    int64_t start = frs_clock_steady(), waited = 0;
    while (frs_arena_writer(w.seen) == FRS_AT_WORK && waited < 10000000000) {
        usleep(10000);
        waited = frs_clock_steady() - start;
    }
    CHECK(waited > 2000000000 && waited < 5000000000);
    CHECK(frs_arena_writer(w.seen) == FRS_SILENT && state_of(w.seen, 0) == FRS_STALE);
    kill(w.pid, SIGKILL);
    CHECK(waitpid(w.pid, NULL, 0) == w.pid);
    frs_arena_free(w.seen);
}

static void the_end_is_told_and_only_by_the_writer(void) {
    frs_arena *arena = frs_arena_new(1, DEPTH), *seen = frs_arena_open(frs_arena_fd(arena));
    publish(arena, 0, "x:A", FRS_LIVE);
    pid_t child = fork();
    if (child == 0) {
        int refused = frs_arena_end(arena) == FRS_E_ARGUMENT;
        frs_arena_free(arena);
        _exit(!refused);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(state_of(seen, 0) == FRS_LIVE && state_of(arena, 0) == FRS_LIVE);
    CHECK(frs_arena_end(arena) == 0 && frs_arena_end(arena) == 0);
    CHECK(frs_arena_writer(seen) == FRS_ENDED && state_of(seen, 0) == FRS_STALE);
    CHECK(frs_arena_writer(arena) == FRS_AT_WORK && state_of(arena, 0) == FRS_LIVE);
    frs_arena_free(arena);
    CHECK(state_of(seen, 0) == FRS_STALE);
    frs_arena_free(seen);
}

static void *make_arena(void *made) {
    frs_arena *arena = frs_arena_new(1, DEPTH);
    publish(arena, 0, "x:A", FRS_LIVE);
    *(frs_arena **)made = arena;
    return NULL;
}

static void a_writer_whose_thread_has_ended_has_ended(void) {
    pthread_t thread;
    frs_arena *arena = NULL;
    pthread_create(&thread, NULL, make_arena, &arena);
    pthread_join(thread, NULL);
    frs_arena *seen = frs_arena_open(frs_arena_fd(arena));
    CHECK(frs_arena_writer(seen) == FRS_ENDED && state_of(seen, 0) == FRS_STALE);
    frs_arena_free(seen);
    frs_arena_free(arena);
}

static void states_that_are_not_live_are_told_as_they_were(void) {
    static const int states[] = {FRS_EMPTY, FRS_SYNCING, FRS_DISABLED};
    for (size_t i = 0; i < 3; i++) {
        frs_arena *arena = frs_arena_new(1, DEPTH), *seen = frs_arena_open(frs_arena_fd(arena));
        frs_view view;
        publish(arena, 0, "x:A", states[i]);
        CHECK(frs_arena_end(arena) == 0 && frs_view_read(seen, 0, &view, NULL, NULL, 0) == 0);
        CHECK(view.state == states[i] && view.reason == 0);
        frs_arena_free(seen);
        frs_arena_free(arena);
    }
}

/* The first word of a pulse is the time of its beat. */
static void a_beat_is_believed_for_three_seconds(void) {
    frs_pulse *pulse = aligned_alloc(64, FRS_PULSE_BYTES);
    memset(pulse, 0, FRS_PULSE_BYTES);
    CHECK(frs_pulse_read(pulse) == FRS_ENDED);
    CHECK(frs_pulse_begin(pulse) && frs_pulse_read(pulse) == FRS_AT_WORK);
    int64_t beat = frs_clock_steady() - 2800000000;
    memcpy(pulse, &beat, sizeof beat);
    CHECK(frs_pulse_read(pulse) == FRS_AT_WORK);
    beat -= 300000000;
    memcpy(pulse, &beat, sizeof beat);
    CHECK(frs_pulse_read(pulse) == FRS_SILENT);
    frs_pulse_beat(pulse);
    CHECK(frs_pulse_read(pulse) == FRS_AT_WORK);
    CHECK(frs_pulse_end(pulse) && frs_pulse_read(pulse) == FRS_ENDED);
    memset((char *)pulse + 8, 0xff, 4); /* the place of the lock's word: nowhere */
    CHECK(frs_pulse_read(pulse) == FRS_ENDED);
    free(pulse);
}

static void a_book_is_found_by_its_whole_name(void) {
    static const char longest[] = "123456789012345678901234567890123456789012345678901234567890123";
    frs_arena *arena = frs_arena_new(5, DEPTH), *seen = frs_arena_open(frs_arena_fd(arena));
    publish(arena, 1, "x:A", FRS_LIVE);
    publish(arena, 2, "x:AB", FRS_EMPTY);
    publish(arena, 4, longest, FRS_LIVE);
    CHECK(frs_arena_find(seen, "x:A", 3) == 1 && frs_arena_find(seen, "x:AB", 4) == 2);
    CHECK(frs_arena_find(seen, longest, 63) == 4 && frs_arena_find(arena, "x:A", 3) == 1);
    CHECK(frs_arena_find(seen, "x:", 2) == FRS_E_ARGUMENT && frs_arena_find(seen, "x:ABC", 5) == FRS_E_ARGUMENT);
    CHECK(frs_arena_find(seen, "", 0) == FRS_E_ARGUMENT && frs_arena_find(seen, longest, 64) == FRS_E_ARGUMENT);
    CHECK(frs_arena_next(seen, 0) == 1 && frs_arena_next(seen, 1) == 1 && frs_arena_next(seen, 3) == 4);
    CHECK(frs_arena_next(seen, 5) == FRS_E_ARGUMENT && frs_arena_next(seen, UINT32_MAX) == FRS_E_ARGUMENT);
    frs_arena_free(seen);
    frs_arena_free(arena);
}

static void of_two_books_of_a_name_the_one_that_is_kept_is_found(void) {
    frs_arena *arena = frs_arena_new(3, DEPTH);
    publish(arena, 0, "x:A", FRS_DISABLED);
    CHECK(frs_arena_find(arena, "x:A", 3) == 0);
    publish(arena, 2, "x:A", FRS_EMPTY);
    CHECK(frs_arena_find(arena, "x:A", 3) == 2);
    publish(arena, 0, "x:B", FRS_LIVE);
    publish(arena, 2, "x:C", FRS_LIVE);
    CHECK(frs_arena_find(arena, "x:A", 3) == FRS_E_ARGUMENT);
    frs_arena_free(arena);
}

void test_pulse(void) {
    TEST(a_killed_writer_leaves_no_live_book);
    TEST(a_stopped_writer_leaves_no_live_book_for_long);
    TEST(the_end_is_told_and_only_by_the_writer);
    TEST(a_writer_whose_thread_has_ended_has_ended);
    TEST(states_that_are_not_live_are_told_as_they_were);
    TEST(a_beat_is_believed_for_three_seconds);
    TEST(a_book_is_found_by_its_whole_name);
    TEST(of_two_books_of_a_name_the_one_that_is_kept_is_found);
}
