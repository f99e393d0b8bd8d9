/* The published tops of the books in shared memory, each slot under a sequence lock.
 *
 *   arena   64 bytes: magic (8), version, slots, depth, bytes a slot (4 each); 128 bytes: the pulse; then the slots
 *   slot    lock (8), frs_view (136), to 192; then `depth` bids and `depth` asks, best first, 16 bytes each, each side
 *           padded to a multiple of 64: so no two slots share a cache line
 *
 * The lock is odd while the slot is written (Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?",
 * 2012). What it guards is written between fences by plain stores, and copied by volatile accesses of 16 bytes: whole
 * or not, a copy that met a write is thrown away. Atomic words would satisfy the letter of C11 too, and take half as
 * long again. The file is a sealed memfd (memfd_create(2), fcntl(2) F_ADD_SEALS): the writer's mapping is made first,
 * and after that nobody can map the file for writing or change its size. Rejected: a lock that readers take (a dead or
 * slow reader would stop the writer), and shm_open (a name that others can open, and that outlives a crash).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum { WORD = 8, SLOTS_MOST = 65536, SPINS = 200, SLOTS_AT = FRS_LINE + FRS_PULSE_BYTES };
enum { VIEW_WORDS = sizeof(frs_view) / WORD, LEVEL_WORDS = sizeof(frs_level) / WORD };
enum { NAME_WORDS = FRS_NAME_SIZE / WORD, HEAD_BYTES = 192 };

static const uint64_t MAGIC = 0x3173776f6c66; /* "flows1" */
static const int64_t PATIENCE_NS = 1000000000;

_Static_assert(sizeof(frs_view) == 136 && sizeof(frs_level) == 16, "these are the layout other processes rely on");
_Static_assert(VIEW_WORDS % 2 == 1 && LEVEL_WORDS == 2, "a view is a word and pairs, a level a pair");
_Static_assert(sizeof(frs_view) + WORD <= HEAD_BYTES, "a slot's head holds lock and view");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a reader's mapping cannot be written, even by a lock");

typedef struct {
    uint64_t magic;
    uint32_t version, slots, depth, slot_bytes;
} arena_head;

struct frs_arena {
    unsigned char *memory;
    size_t bytes, slot_bytes, side_bytes;
    frs_pulse *pulse;
    uint32_t slots, depth;
    int fd;     /* -1: only for reading */
    bool ended; /* the pulse */
    /* Of the writer alone: the slots written since somebody last asked, each once. */
    uint32_t *changed;
    uint32_t changes;
    bool *noted;
};

static void lay_out(frs_arena *arena, uint32_t slots, uint32_t depth) {
    arena->slots = slots;
    arena->depth = depth;
    arena->side_bytes = (depth * sizeof(frs_level) + FRS_LINE - 1) / FRS_LINE * FRS_LINE;
    arena->slot_bytes = HEAD_BYTES + 2 * arena->side_bytes;
    arena->bytes = SLOTS_AT + slots * arena->slot_bytes;
}

static bool good_size(uint32_t slots, uint32_t depth) {
    return slots >= 1 && slots <= SLOTS_MOST && depth >= 1 && depth <= FRS_SHOWN_MOST;
}

static bool map(frs_arena *arena, int fd, int protection) {
    void *memory = mmap(NULL, arena->bytes, protection, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return false;
    arena->memory = memory;
    arena->pulse = (void *)(arena->memory + FRS_LINE);
    return true;
}

/* A memory file that can never be executed, where the kernel knows that (6.3). */
static int memory_file(void) {
    int fd = memfd_create("flowrs", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    return fd < 0 && errno == EINVAL ? memfd_create("flowrs", MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

/* Linux before 5.1 does not know F_SEAL_FUTURE_WRITE; there the file's readers have to be trusted. */
static bool seal(int fd) {
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0 && errno != EINVAL)
        return false;
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

frs_arena *frs_arena_new(uint32_t slots, uint32_t depth) {
    frs_arena *arena = good_size(slots, depth) ? calloc(1, sizeof *arena) : NULL;
    if (!arena)
        return NULL;
    lay_out(arena, slots, depth);
    arena->fd = memory_file();
    arena->changed = calloc(slots, sizeof *arena->changed);
    arena->noted = calloc(slots, sizeof *arena->noted);
    if (!arena->changed || !arena->noted || arena->fd < 0 || ftruncate(arena->fd, (off_t)arena->bytes) < 0 ||
        !map(arena, arena->fd, PROT_READ | PROT_WRITE) || !seal(arena->fd) || !frs_pulse_begin(arena->pulse)) {
        frs_arena_free(arena);
        return NULL;
    }
    arena_head head = {MAGIC, FRS_ARENA_VERSION, slots, depth, (uint32_t)arena->slot_bytes};
    memcpy(arena->memory, &head, sizeof head);
    return arena;
}

/* Only a file that can no longer shrink is mapped: one that did would end the reader with SIGBUS. */
static bool read_head(int fd, arena_head *head, off_t *bytes) {
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &status) < 0)
        return false;
    *bytes = status.st_size;
    return pread(fd, head, sizeof *head, 0) == (ssize_t)sizeof *head;
}

frs_arena *frs_arena_open(int fd) {
    arena_head head;
    off_t bytes;
    if (!read_head(fd, &head, &bytes) || head.magic != MAGIC || head.version != FRS_ARENA_VERSION ||
        !good_size(head.slots, head.depth))
        return NULL;
    frs_arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return NULL;
    arena->fd = -1;
    lay_out(arena, head.slots, head.depth);
    if (head.slot_bytes != arena->slot_bytes || bytes != (off_t)arena->bytes || !map(arena, fd, PROT_READ)) {
        frs_arena_free(arena);
        return NULL;
    }
    return arena;
}

void frs_arena_free(frs_arena *arena) {
    if (!arena)
        return;
    bool writer = frs_arena_writable(arena);
    if (writer && arena->memory)
        frs_arena_end(arena);
    if (arena->memory && (arena->ended || !writer))
        munmap(arena->memory, arena->bytes);
    if (writer)
        close(arena->fd);
    free(arena->changed);
    free(arena->noted);
    free(arena);
}

void frs_arena_beat(frs_arena *arena) {
    frs_pulse_beat(arena->pulse);
}

int frs_arena_end(frs_arena *arena) {
    arena->ended = arena->ended || frs_pulse_end(arena->pulse);
    return arena->ended ? 0 : FRS_E_ARGUMENT;
}

int frs_arena_writer(const frs_arena *arena) {
    return frs_arena_writable(arena) ? FRS_AT_WORK : frs_pulse_read(arena->pulse);
}

int frs_arena_fd(const frs_arena *arena) {
    return arena->fd;
}

uint32_t frs_arena_slots(const frs_arena *arena) {
    return arena->slots;
}

uint32_t frs_arena_depth(const frs_arena *arena) {
    return arena->depth;
}

int frs_arena_changed(frs_arena *arena, uint32_t *slots, uint32_t room) {
    if (!frs_arena_writable(arena))
        return FRS_E_ARGUMENT;
    uint32_t count = arena->changes < room ? arena->changes : room;
    for (uint32_t i = 0; i < count; i++) {
        slots[i] = arena->changed[i];
        arena->noted[slots[i]] = false;
    }
    arena->changes -= count;
    memmove(arena->changed, arena->changed + count, arena->changes * sizeof *arena->changed);
    return (int)count;
}

bool frs_arena_writable(const frs_arena *arena) {
    return arena->fd >= 0;
}

/* Two words at once. */
typedef uint64_t pair __attribute__((vector_size(2 * WORD), may_alias));

static uint64_t *slot_at(const frs_arena *arena, uint32_t slot) {
    return (uint64_t *)(void *)(arena->memory + SLOTS_AT + slot * arena->slot_bytes);
}

static uint64_t *side_at(const frs_arena *arena, uint64_t *slot, int which) {
    return slot + (HEAD_BYTES + (size_t)which * arena->side_bytes) / WORD;
}

void frs_slot_expect(const frs_arena *arena, uint32_t slot) {
    const char *bytes = (const char *)slot_at(arena, slot);
    for (size_t at = 0; at < arena->slot_bytes; at += FRS_LINE)
        __builtin_prefetch(bytes + at, 1);
    __builtin_prefetch(&arena->noted[slot], 1);
}

void frs_slot_begin(frs_arena *arena, uint32_t slot) {
    uint64_t *lock = slot_at(arena, slot);
    __atomic_store_n(lock, *lock + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

void frs_slot_side(frs_arena *arena, uint32_t slot, int which, const frs_level *levels, uint32_t count) {
    memcpy(side_at(arena, slot_at(arena, slot), which), levels, count * sizeof *levels);
}

void frs_slot_end(frs_arena *arena, uint32_t slot, const frs_view *view) {
    uint64_t *lock = slot_at(arena, slot);
    uint64_t words[VIEW_WORDS];
    memcpy(words, view, sizeof words);
    for (size_t i = 0; i < VIEW_WORDS; i++)
        __atomic_store_n(&lock[1 + i], words[i], __ATOMIC_RELAXED);
    __atomic_store_n(lock, *lock + 1, __ATOMIC_RELEASE);
    if (!arena->noted[slot]) {
        arena->noted[slot] = true;
        arena->changed[arena->changes++] = slot;
    }
}

static void copy_pairs(void *to, const uint64_t *from, size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        pair two = ((const volatile pair *)(const void *)from)[i];
        memcpy((unsigned char *)to + i * sizeof two, &two, sizeof two);
    }
}

/* All of a slot's head but the lock, which is in a pair with the first word. */
static void copy_view(frs_view *view, const uint64_t *slot) {
    uint64_t first = __atomic_load_n(&slot[1], __ATOMIC_RELAXED);
    memcpy(view, &first, WORD);
    copy_pairs((unsigned char *)view + WORD, slot + 2, VIEW_WORDS / 2);
}

/* Asks for all lines that will be copied before the first is waited for: after a write each is in the writer's cache.
 */
static void fetch(const frs_arena *arena, uint64_t *slot, uint32_t depth) {
    for (size_t at = FRS_LINE; at < HEAD_BYTES; at += FRS_LINE)
        __builtin_prefetch((const unsigned char *)slot + at);
    for (int which = 0; which < 2; which++)
        for (size_t at = 0; at < depth * sizeof(frs_level); at += FRS_LINE)
            __builtin_prefetch((const unsigned char *)side_at(arena, slot, which) + at);
}

/* One attempt; false if the slot was written meanwhile. Counts may be torn until the lock is looked at again. */
static bool try_read(const frs_arena *arena, uint64_t *slot, frs_view *view, frs_level *levels[2], uint32_t depth) {
    fetch(arena, slot, depth);
    uint64_t before = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (before & 1)
        return false;
    copy_view(view, slot);
    for (int which = 0; which < 2; which++) {
        uint32_t count = view->count[which] < depth ? view->count[which] : depth;
        copy_pairs(levels[which], side_at(arena, slot, which), count);
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(slot, __ATOMIC_RELAXED) == before;
}

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* What is published as live is so only while somebody keeps it. */
static int judge(const frs_arena *arena, frs_view *view) {
    if (view->state == FRS_LIVE && frs_arena_writer(arena) != FRS_AT_WORK) {
        view->state = FRS_STALE;
        view->reason = FRS_UNATTENDED;
        view->verified = 0;
    }
    return 0;
}

int frs_view_read(const frs_arena *arena, uint32_t slot, frs_view *view, frs_level *bids, frs_level *asks,
                  uint32_t depth) {
    if (slot >= arena->slots)
        return FRS_E_ARGUMENT;
    frs_level *levels[2] = {bids, asks};
    uint64_t *words = slot_at(arena, slot);
    depth = depth < arena->depth ? depth : arena->depth;
    for (int i = 0; i < SPINS; i++) {
        if (try_read(arena, words, view, levels, depth))
            return judge(arena, view);
        pause_briefly();
    }
    int64_t give_up = frs_clock_steady() + PATIENCE_NS;
    while (!try_read(arena, words, view, levels, depth)) {
        if (frs_clock_steady() > give_up || frs_arena_writer(arena) == FRS_ENDED) {
            errno = EOWNERDEAD;
            return FRS_E_SYSTEM;
        }
        sched_yield();
    }
    return judge(arena, view);
}

static bool has_name(const uint64_t *slot, const uint64_t name[NAME_WORDS]) {
    for (size_t i = 0; i < NAME_WORDS; i++)
        if (__atomic_load_n(&slot[1 + i], __ATOMIC_RELAXED) != name[i])
            return false;
    return true;
}

int frs_arena_find(const frs_arena *arena, const char *name, size_t size) {
    uint64_t words[NAME_WORDS] = {0};
    int found = FRS_E_ARGUMENT;
    if (size == 0 || size >= FRS_NAME_SIZE)
        return FRS_E_ARGUMENT;
    memcpy(words, name, size);
    for (uint32_t slot = 0; slot < arena->slots; slot++) {
        frs_view view;
        if (!has_name(slot_at(arena, slot), words) || frs_view_read(arena, slot, &view, NULL, NULL, 0) < 0 ||
            memcmp(view.name, words, sizeof words) != 0)
            continue;
        if (view.state != FRS_DISABLED)
            return (int)slot;
        found = (int)slot;
    }
    return found;
}

int frs_arena_next(const frs_arena *arena, uint32_t slot) {
    while (slot < arena->slots && !__atomic_load_n(&slot_at(arena, slot)[1], __ATOMIC_RELAXED))
        slot++;
    return slot < arena->slots ? (int)slot : FRS_E_ARGUMENT;
}
