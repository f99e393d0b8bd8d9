/* Frames must lie within the buffer one behind the other, and be the same however the bytes are cut: the first byte
 * says where. */
#include <string.h>

#include "flowrs.h"
#include "fuzz.h"

#define SEED(text) {text, sizeof text - 1}

const fuzz_seed fuzz_seeds[] = {SEED("\005\x81\x05hello\x89\x00\x82\x03"
                                     "abc"),
                                SEED("\003\x01\x02xy\x00\x01z\x80\x00"),
                                SEED("\004\x82\x7e\x00\x7e"
                                     "0123456789012345678901234567890123456789012345678901234567890123456789"
                                     "012345678901234567890123456789012345678901234567890123456"),
                                SEED("\013\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00xyz"),
                                SEED("\002\x88\x02\x03\xe8\x8a\x01p"),
                                {NULL, 0}};
const size_t fuzz_runs = 300000;

enum { ROOM = 256, MOST = 100000 };

static size_t split_all(const uint8_t *data, size_t size, size_t first_cut, uint32_t *out, int *error) {
    size_t used = 0, count = 0, seen = first_cut < size ? first_cut : size;
    *error = 0;
    for (;;) {
        size_t progress[4] = {0, 0, 0, 0};
        int n = frs_frames_split(data + used, seen - used, MOST, out + count * FRS_FRAME_WORDS, ROOM - count, progress);
        if (n < 0) {
            *error = n;
            return count;
        }
        must(progress[0] <= seen - used && (progress[1] == 0 || progress[1] > seen - used - progress[0]));
        for (size_t k = count; k < count + (size_t)n; k++) {
            out[k * FRS_FRAME_WORDS + 1] += (uint32_t)used;
            out[k * FRS_FRAME_WORDS + 2] += (uint32_t)used;
        }
        count += (size_t)n;
        used += progress[0];
        if (n == 0 && seen == size)
            return count;
        seen = size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t whole[ROOM * FRS_FRAME_WORDS], cut[ROOM * FRS_FRAME_WORDS];
    int error, cut_error;
    if (size == 0)
        return 0;
    size_t at = data[0];
    data++;
    size--;
    size_t count = split_all(data, size, size, whole, &error), end = 0;
    for (size_t k = 0; k < count; k++) {
        const uint32_t *frame = whole + k * FRS_FRAME_WORDS;
        must(frame[1] == end && frame[0] == data[end] && frame[2] > frame[1] && frame[2] - frame[1] <= 10);
        end = (size_t)frame[2] + frame[3];
        must(end <= size);
    }
    must(split_all(data, size, at, cut, &cut_error) == count && cut_error == error);
    must(memcmp(whole, cut, count * FRS_FRAME_WORDS * sizeof *whole) == 0);
    return 0;
}
