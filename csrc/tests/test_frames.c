/* The frame splitter: every boundary of a length, every place to cut, everything that is not plain. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { MOST = 1 << 20, FRAMES = 64 };

static size_t put_frame(uint8_t *out, uint8_t first, size_t payload) {
    size_t head = 2;
    out[0] = first;
    out[1] = (uint8_t)payload;
    if (payload > 125) {
        int bytes = payload > 65535 ? 8 : 2;
        out[1] = bytes == 8 ? 127 : 126;
        for (int i = 0; i < bytes; i++)
            out[2 + i] = (uint8_t)((uint64_t)payload >> 8 * (bytes - 1 - i));
        head += (size_t)bytes;
    }
    for (size_t i = 0; i < payload; i++)
        out[head + i] = (uint8_t)(payload + i);
    return head + payload;
}

static int split(const uint8_t *buf, size_t size, uint32_t *out, size_t *progress) {
    return frs_frames_split(buf, size, MOST, out, FRAMES, progress);
}

/* Splits a copy that ends at an unreadable page. */
static int verdict(const uint8_t *bytes, size_t size, size_t max_payload) {
    uint32_t out[FRAMES * FRS_FRAME_WORDS];
    size_t progress[4];
    guarded copy = guard_behind(bytes, size);
    int n = frs_frames_split((const uint8_t *)copy.text, size, max_payload, out, FRAMES, progress);
    guard_free(&copy);
    return n;
}

static void every_size_boundary_comes_back_as_it_was_sent(void) {
    static const size_t sizes[] = {0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    uint8_t *buf = malloc(400000);
    uint32_t out[FRAMES * FRS_FRAME_WORDS];
    size_t progress[4], size = 0;
    for (size_t i = 0; i < COUNT; i++)
        size += put_frame(buf + size, 0x81, sizes[i]);
    CHECK(split(buf, size, out, progress) == COUNT);
    CHECK(progress[0] == size && progress[1] == 0);
    for (size_t i = 0; i < COUNT; i++) {
        const uint32_t *frame = out + i * FRS_FRAME_WORDS;
        CHECK(frame[0] == 0x81 && frame[3] == sizes[i]);
        CHECK(frame[1] + (sizes[i] > 65535 ? 10 : sizes[i] > 125 ? 4 : 2) == frame[2]);
        for (size_t k = 0; k < sizes[i]; k += 97)
            CHECK(buf[frame[2] + k] == (uint8_t)(sizes[i] + k));
    }
    free(buf);
}

static void cutting_anywhere_gives_the_same_frames(void) {
    static const uint8_t kinds[] = {0x81, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x82};
    static const size_t sizes[] = {5, 130, 0, 300, 125, 0, 2, 126};
    uint8_t buf[2000];
    uint32_t whole[FRAMES * FRS_FRAME_WORDS], part[FRAMES * FRS_FRAME_WORDS];
    size_t progress[4], size = 0;
    for (size_t i = 0; i < 8; i++)
        size += put_frame(buf + size, kinds[i], sizes[i]);
    CHECK(split(buf, size, whole, progress) == 8);
    CHECK(progress[2] == 1 && progress[3] == 5 + 130 + 300 + 125 + 2 + 126);
    for (size_t cut = 0; cut <= size; cut++) {
        guarded head = guard_behind(buf, cut);
        int first = split((const uint8_t *)head.text, cut, part, progress);
        guard_free(&head);
        CHECK(first >= 0 && progress[0] <= cut);
        CHECK(memcmp(part, whole, (size_t)first * FRS_FRAME_WORDS * sizeof *part) == 0);
        size_t used = progress[0];
        if (progress[1] && first < 8)
            CHECK(used + progress[1] == (first == 7 ? size : whole[4 * (first + 1) + 1]));
        int rest = split(buf + used, size - used, part, progress);
        CHECK(first + rest == 8 && used + progress[0] == size);
        for (int i = 0; i < rest; i++) {
            const uint32_t *expected = whole + 4 * (first + i), *got = part + 4 * i;
            CHECK(got[0] == expected[0] && got[1] + used == expected[1] && got[2] + used == expected[2]);
            CHECK(got[3] == expected[3]);
        }
    }
}

static void the_next_frame_s_size_is_told_as_soon_as_its_header_is_there(void) {
    uint8_t buf[400];
    uint32_t out[FRAMES * FRS_FRAME_WORDS];
    size_t progress[4];
    put_frame(buf, 0x82, 300);
    for (size_t size = 0; size < 304; size++) {
        CHECK(split(buf, size, out, progress) == 0);
        CHECK(progress[0] == 0 && progress[1] == (size < 4 ? 0 : 304));
    }
}

static void every_first_byte_is_judged(void) {
    for (int first = 0; first < 256; first++) {
        uint8_t bytes[2] = {(uint8_t)first, 0};
        int opcode = first & 15;
        bool control = opcode >= 8 && opcode <= 10, known = control || opcode <= 2;
        bool plain = known && !(first & 0x70) && (!control || first & 0x80);
        CHECK(verdict(bytes, 2, MOST) == (plain ? 1 : FRS_E_FRAME));
        CHECK(verdict(bytes, 1, MOST) == (plain ? 0 : FRS_E_FRAME));
    }
}

static void masked_long_control_and_padded_lengths_are_no_plain_frames(void) {
    CHECK(verdict((const uint8_t *)"\x81\x80\0\0\0\0", 6, MOST) == FRS_E_FRAME);
    CHECK(verdict((const uint8_t *)"\x89\x7e\0\x7e", 4, MOST) == FRS_E_FRAME);
    CHECK(verdict((const uint8_t *)"\x89\x7f", 2, MOST) == FRS_E_FRAME);
    CHECK(verdict((const uint8_t *)"\x81\x7e\0\x7d", 4, MOST) == FRS_E_FRAME);
    CHECK(verdict((const uint8_t *)"\x81\x7f\0\0\0\0\0\0\xff\xff", 10, MOST) == FRS_E_FRAME);
}

static void more_than_the_limit_is_refused_before_it_comes(void) {
    CHECK(verdict((const uint8_t *)"\x81\x7e\x01\x01", 4, 256) == FRS_E_SIZE);
    CHECK(verdict((const uint8_t *)"\x81\x7e\x01\x00", 4, 256) == 0);
    CHECK(verdict((const uint8_t *)"\x81\x05", 2, 4) == FRS_E_SIZE);
    CHECK(verdict((const uint8_t *)"\x81\x7f\x80\0\0\0\0\0\0\0", 10, SIZE_MAX) == FRS_E_SIZE);
    CHECK(verdict((const uint8_t *)"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10, SIZE_MAX) == FRS_E_SIZE);
    CHECK(verdict((const uint8_t *)"\x81\x7f\0\0\0\x01\0\0\0\0", 10, SIZE_MAX) == FRS_E_SIZE);
}

static void a_bad_frame_does_not_hide_the_good_ones_before_it(void) {
    uint32_t out[FRAMES * FRS_FRAME_WORDS];
    size_t progress[4] = {9, 9};
    const uint8_t bytes[] = "\x81\x01x\x81\x01y\xc1\x01z";
    CHECK(split(bytes, 9, out, progress) == 2 && progress[0] == 6 && progress[1] == 0);
    CHECK(split(bytes + 6, 3, out, progress) == FRS_E_FRAME);
}

static void no_more_frames_are_told_than_there_is_room_for(void) {
    uint32_t out[2 * FRS_FRAME_WORDS];
    size_t progress[4];
    const uint8_t bytes[] = "\x81\x01x\x81\x01y\x81\x01z";
    CHECK(frs_frames_split(bytes, 9, MOST, out, 2, progress) == 2 && progress[0] == 6 && progress[1] == 0);
    CHECK(frs_frames_split(bytes, 9, MOST, out, 0, progress) == 0 && progress[0] == 0);
}

void test_frames(void) {
    TEST(every_size_boundary_comes_back_as_it_was_sent);
    TEST(cutting_anywhere_gives_the_same_frames);
    TEST(the_next_frame_s_size_is_told_as_soon_as_its_header_is_there);
    TEST(every_first_byte_is_judged);
    TEST(masked_long_control_and_padded_lengths_are_no_plain_frames);
    TEST(more_than_the_limit_is_refused_before_it_comes);
    TEST(a_bad_frame_does_not_hide_the_good_ones_before_it);
    TEST(no_more_frames_are_told_than_there_is_room_for);
}
