/* The shared arena: no torn views, a dead writer is noticed, and nobody else can write. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"

enum { DEPTH = 20, READERS = 2, WRITES = 60000 };

/* A view whose every part follows from one number. */
static void write_view(frs_arena *arena, uint64_t n) {
    frs_level levels[2][DEPTH];
    frs_view view = {.name = "torn?", .seq = n, .epoch = ~n, .count = {1 + (uint32_t)(n % DEPTH), DEPTH}};
    for (int i = 0; i < DEPTH; i++) {
        levels[0][i] = (frs_level){(int64_t)n + DEPTH - 1 - i, (int64_t)(n * 3)};
        levels[1][i] = (frs_level){(int64_t)n + DEPTH - 1 - i, (int64_t)(n * 5)};
    }
    frs_slot_begin(arena, 0);
    for (int side = 0; side < 2; side++)
        frs_slot_side(arena, 0, side, levels[side], view.count[side]);
    frs_slot_end(arena, 0, &view);
}

static bool whole(const frs_view *view, frs_level levels[2][DEPTH]) {
    uint64_t n = view->seq;
    bool right = view->epoch == ~n && view->count[0] == 1 + n % DEPTH && view->count[1] == DEPTH;
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t i = 0; i < view->count[side] && i < DEPTH; i++) {
            right = right && levels[side][i].price == (int64_t)n + DEPTH - 1 - (int64_t)i;
            right = right && levels[side][i].quantity == (int64_t)(n * (side ? 5 : 3));
        }
    return right;
}

typedef struct {
    int fd;
    int done; /* atomic */
    uint64_t reads[READERS], torn[READERS], back[READERS];
} race;

typedef struct {
    race *race;
    int number;
} reader;

static void *read_on(void *argument) {
    reader *self = argument;
    race *r = self->race;
    frs_arena *arena = frs_arena_open(r->fd);
    uint64_t last = 0;
    while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE)) {
        frs_view view;
        frs_level levels[2][DEPTH];
        int error = frs_view_read(arena, 0, &view, levels[0], levels[1], DEPTH);
        r->torn[self->number] += error || !whole(&view, levels);
        r->back[self->number] += view.seq < last;
        r->reads[self->number]++;
        last = view.seq;
    }
    frs_arena_free(arena);
    return NULL;
}

static void readers_never_see_a_torn_view(void) {
    frs_arena *arena = frs_arena_new(1, DEPTH);
    race r = {.fd = frs_arena_fd(arena)};
    pthread_t threads[READERS];
    reader readers[READERS];
    write_view(arena, 1);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reader){&r, i};
        pthread_create(&threads[i], NULL, read_on, &readers[i]);
    }
    for (uint64_t n = 2; n < WRITES; n++)
        write_view(arena, n);
    __atomic_store_n(&r.done, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(r.torn[i] == 0 && r.back[i] == 0 && r.reads[i] > 0);
    }
    frs_arena_free(arena);
}

static void a_writer_that_died_in_mid_write_is_noticed(void) {
    frs_arena *arena = frs_arena_new(1, DEPTH);
    frs_view view;
    frs_level levels[2][DEPTH];
    write_view(arena, 1);
    frs_slot_begin(arena, 0);
    int64_t start = frs_clock_steady();
    CHECK(frs_view_read(arena, 0, &view, levels[0], levels[1], DEPTH) == FRS_E_SYSTEM && errno == EOWNERDEAD);
    int64_t waited = frs_clock_steady() - start;
    CHECK(waited > 900000000 && waited < 5000000000);
    frs_arena_free(arena);
}

static void another_process_reads_what_was_published(void) {
    frs_arena *arena = frs_arena_new(3, DEPTH);
    write_view(arena, 7);
    pid_t child = fork();
    if (child == 0) {
        frs_arena *opened = frs_arena_open(frs_arena_fd(arena));
        frs_view view;
        frs_level levels[2][DEPTH];
        bool good = opened && frs_arena_slots(opened) == 3 && frs_arena_depth(opened) == DEPTH &&
                    frs_arena_fd(opened) == -1 && frs_view_read(opened, 0, &view, levels[0], levels[1], DEPTH) == 0 &&
                    whole(&view, levels) && view.seq == 7;
        _exit(!good);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    frs_arena_free(arena);
}

static void nobody_else_can_write_or_resize_the_file(void) {
    frs_arena *arena = frs_arena_new(1, DEPTH);
    int fd = dup(frs_arena_fd(arena));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        int way = i ? again : fd;
        if (way < 0)
            continue; /* the kernel refused even that */
        CHECK(mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, way, 0) == MAP_FAILED);
        CHECK(write(way, "x", 1) == -1);
        CHECK(ftruncate(way, 1) == -1 && ftruncate(way, 1 << 24) == -1);
        CHECK(fcntl(way, F_ADD_SEALS, F_SEAL_WRITE) == -1);
        CHECK(fallocate(way, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == -1);
    }
    void *memory = mmap(NULL, 64, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(memory != MAP_FAILED && mprotect(memory, 64, PROT_READ | PROT_WRITE) == -1);
    munmap(memory, 64);
    write_view(arena, 9);
    close(again);
    close(fd);
    frs_arena_free(arena);
}

static void an_opened_arena_cannot_be_published_to(void) {
    frs_arena *arena = frs_arena_new(1, DEPTH), *opened = frs_arena_open(frs_arena_fd(arena));
    frs_scratch *scratch = frs_scratch_new(1);
    frs_book *book = frs_book_new(1, 0, 0, 0);
    CHECK(frs_book_attach(book, scratch, NULL, opened, 0, "a", 1) == FRS_E_ARGUMENT);
    frs_book_free(book);
    frs_scratch_free(scratch);
    frs_arena_free(opened);
    frs_arena_free(arena);
}

static void what_is_no_arena_is_not_opened(void) {
    static const char page[4096];
    CHECK(frs_arena_open(-1) == NULL);
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    CHECK(frs_arena_open(fd) == NULL);
    close(fd);
    fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(write(fd, page, sizeof page) == sizeof page && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    CHECK(frs_arena_open(fd) == NULL);
    close(fd);
}

/* The bytes of a real arena, then damaged or not sealed: each must be refused. */
static void a_damaged_head_is_refused(void) {
    frs_arena *arena = frs_arena_new(2, DEPTH);
    char bytes[2 * (192 + 2 * 320) + 192];
    CHECK(pread(frs_arena_fd(arena), bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    for (int damage = -2; damage < 28; damage++) {
        int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        char copy[sizeof bytes];
        memcpy(copy, bytes, sizeof bytes);
        if (damage >= 0 && damage < 24)
            copy[damage] ^= 0x40;
        size_t size = sizeof bytes - (damage >= 24 ? (size_t)damage - 23 : 0);
        CHECK(write(fd, copy, size) == (ssize_t)size);
        if (damage != -2)
            CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
        frs_arena *opened = frs_arena_open(fd);
        CHECK((opened != NULL) == (damage == -1));
        frs_arena_free(opened);
        close(fd);
    }
    frs_arena_free(arena);
}

static void sizes_and_slots_outside_their_range_are_refused(void) {
    CHECK(!frs_arena_new(0, 1) && !frs_arena_new(65537, 1) && !frs_arena_new(1, 0) && !frs_arena_new(1, 1001));
    frs_arena *arena = frs_arena_new(2, 1);
    frs_view view;
    frs_level level;
    CHECK(frs_view_read(arena, 2, &view, &level, &level, 1) == FRS_E_ARGUMENT);
    CHECK(frs_view_read(arena, 1, &view, NULL, NULL, 0) == 0 && view.name[0] == 0);
    frs_arena_free(arena);
}

static void fewer_levels_than_published_can_be_read(void) {
    frs_arena *arena = frs_arena_new(1, DEPTH);
    write_view(arena, 19);
    frs_view view;
    frs_level bids[3], asks[3];
    CHECK(frs_view_read(arena, 0, &view, bids, asks, 3) == 0);
    CHECK(view.count[0] == 20 && bids[2].price == 19 + DEPTH - 3 && asks[2].price == 19 + DEPTH - 3);
    frs_arena_free(arena);
}

static void a_slot_that_was_written_is_told_once(void) {
    frs_arena *arena = frs_arena_new(3, DEPTH), *opened = frs_arena_open(frs_arena_fd(arena));
    const frs_view view = {.seq = 1};
    uint32_t slots[3] = {9, 9, 9};
    CHECK(frs_arena_changed(arena, slots, 3) == 0);
    for (int i = 0; i < 5; i++)
        for (uint32_t slot = 3; slot-- > 0;) {
            frs_slot_begin(arena, slot);
            frs_slot_end(arena, slot, &view);
        }
    CHECK(frs_arena_changed(arena, slots, 2) == 2 && slots[0] == 2 && slots[1] == 1 && slots[2] == 9);
    CHECK(frs_arena_changed(arena, slots, 0) == 0);
    CHECK(frs_arena_changed(arena, slots, 3) == 1 && slots[0] == 0);
    CHECK(frs_arena_changed(arena, slots, 3) == 0);
    write_view(arena, 2);
    CHECK(frs_arena_changed(arena, slots, 3) == 1 && slots[0] == 0);
    CHECK(frs_arena_changed(opened, slots, 3) == FRS_E_ARGUMENT);
    frs_arena_free(opened);
    frs_arena_free(arena);
}

void test_view(void) {
    TEST(a_slot_that_was_written_is_told_once);
    TEST(readers_never_see_a_torn_view);
    TEST(a_writer_that_died_in_mid_write_is_noticed);
    TEST(another_process_reads_what_was_published);
    TEST(nobody_else_can_write_or_resize_the_file);
    TEST(an_opened_arena_cannot_be_published_to);
    TEST(what_is_no_arena_is_not_opened);
    TEST(a_damaged_head_is_refused);
    TEST(sizes_and_slots_outside_their_range_are_refused);
    TEST(fewer_levels_than_published_can_be_read);
}
