/* The newest frames of one kind as they came, for those who ask later: a ring of bytes, and a ring of where they lie.
 *
 * A frame lies in one piece, so that it can be read in place: one that does not fit before the end of the memory begins
 * at its start again, and what is left behind it is lost until then. Rejected: a place of fixed size for each (frames
 * differ by much from one exchange to the next), and keeping the values that were read (the connector alone knows what
 * they mean, and most are never asked for).
 *
 * Most instruments trade seldom, and never need more than the first few of the hundreds of kilobytes.
 */
#include <string.h>

#include "internal.h"

enum { FRAMES_MOST = 1 << 16 };

static const size_t BYTES_MOST = 1 << 30;

struct frs_tape {
    uint64_t start, end; /* numbers: of the oldest frame, and behind the newest */
    uint32_t room, bytes;
    uint32_t at; /* where the next frame's bytes go */
    char *text;
    frs_strip strips[]; /* of frame k at k % room */
};

static size_t size_of(uint32_t frames, size_t bytes) {
    return sizeof(frs_tape) + frames * sizeof(frs_strip) + bytes;
}

frs_tape *frs_tape_new(uint32_t frames, size_t bytes) {
    if (frames < 1 || frames > FRAMES_MOST || bytes < 1 || bytes > BYTES_MOST)
        return NULL;
    frs_tape *tape = frs_pages_new(size_of(frames, bytes));
    if (!tape)
        return NULL;
    tape->room = frames;
    tape->bytes = (uint32_t)bytes;
    tape->text = (char *)(tape->strips + frames);
    return tape;
}

void frs_tape_free(frs_tape *tape) {
    if (tape)
        frs_pages_free(tape, size_of(tape->room, tape->bytes));
}

uint64_t frs_tape_start(const frs_tape *tape) {
    return tape->start;
}

uint64_t frs_tape_end(const frs_tape *tape) {
    return tape->end;
}

static frs_strip *strip_of(frs_tape *tape, uint64_t number) {
    return &tape->strips[number % tape->room];
}

int frs_tape_add(frs_tape *tape, const char *frame, size_t size, int64_t recv_ns) {
    if (size < 1)
        return FRS_E_ARGUMENT;
    if (size > tape->bytes)
        return FRS_E_FULL;
    uint32_t from = tape->at, at = tape->bytes - from < size ? 0 : from, behind = at + (uint32_t)size;
    while (tape->start < tape->end) {
        const frs_strip *oldest = strip_of(tape, tape->start);
        bool is_skipped = at < from && oldest->at >= from;
        bool is_under = oldest->at < behind && oldest->at + oldest->size > at;
        if (!is_skipped && !is_under && tape->end - tape->start < tape->room)
            break;
        tape->start++;
    }
    memcpy(tape->text + at, frame, size);
    *strip_of(tape, tape->end++) = (frs_strip){at, (uint32_t)size, recv_ns};
    tape->at = behind;
    return 0;
}

const char *frs_tape_bytes(const frs_tape *tape) {
    return tape->text;
}

int64_t frs_tape_read(const frs_tape *tape, uint64_t number, frs_strip *out, size_t room) {
    if (number < tape->start || number > tape->end)
        return FRS_E_ARGUMENT;
    size_t count = 0;
    for (; number < tape->end && count < room; number++)
        out[count++] = tape->strips[number % tape->room];
    return (int64_t)count;
}
