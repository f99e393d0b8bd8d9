/* The journal: who follows its lines holds the same book, whatever happens to it and however late they read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { BYTES = 1 << 12, ROOM = 1 << 16 };

static const char head[] = "{\"data\":";

typedef struct {
    frs_scratch *scratch;
    frs_book *book;
    frs_journal *journal;
    uint64_t position;
    frs_notice notice;
    char text[ROOM];
} desk;

static void use(desk *d, frs_book *book) {
    frs_book_attach(book, d->scratch, NULL, NULL, 0, "venue:symbol", 12);
    d->book = book;
}

static desk *desk_new(uint32_t limit) {
    desk *d = calloc(1, sizeof *d);
    d->scratch = frs_scratch_new(1000);
    d->journal = frs_journal_new(BYTES);
    use(d, frs_book_new(100, 1, 1, 0));
    frs_book_limit(d->book, limit);
    return d;
}

static void desk_free(desk *d) {
    frs_book_free(d->book);
    frs_scratch_free(d->scratch);
    frs_journal_free(d->journal);
    free(d);
}

static int apply(desk *d, uint32_t flags, const char *bids, const char *asks, uint64_t seq) {
    return frs_book_apply(d->book, flags, NULL, bids, strlen(bids), asks, strlen(asks), seq, 0);
}

static void live(desk *d, uint64_t epoch) {
    frs_book_mark(d->book, FRS_LIVE, 0, FRS_BY_SEQUENCE, epoch);
}

static void stale(desk *d) {
    frs_book_mark(d->book, FRS_STALE, 1, 0, 1);
}

/* A book that is recorded from seq 10 of epoch 1 on, and a reader who knows it. */
static desk *recorded(uint32_t limit) {
    desk *d = desk_new(limit);
    apply(d, FRS_SNAPSHOT, "[[\"9\",\"1\"],[\"8\",\"1\"]]", "[[\"10\",\"1\"]]", 10);
    live(d, 1);
    frs_book_record(d->book, d->journal);
    d->position = frs_journal_end(d->journal);
    return d;
}

static int64_t read_into(desk *d, char *out, size_t room) {
    return frs_journal_text(d->journal, &d->position, head, strlen(head), out, room, &d->notice);
}

static int read_on(desk *d) {
    int64_t size = read_into(d, d->text, ROOM - 1);
    d->text[size] = 0;
    return d->notice.kind;
}

/* Whether the text has such lines: of each, what is between exchange_ns and recv_ns differs from run to run. */
static bool is_line(const char *text, const char *start, const char *levels) {
    const char *recv = strstr(text, ",\"recv_ns\":");
    if (!recv || strncmp(text, start, strlen(start)))
        return false;
    recv += strlen(",\"recv_ns\":");
    recv += strspn(recv, "0123456789");
    return strncmp(recv, levels, strlen(levels)) == 0 && recv[strlen(levels)] == '\n';
}

static void a_change_is_a_line_of_its_exact_numbers_and_a_removal_is_0(void) {
    desk *d = recorded(0);
    apply(d, 0, "[[\"9\",\"0\"],[\"8.5\",\"2\"]]", "[]", 12);
    CHECK(read_on(d) == FRS_END);
    CHECK(is_line(d->text, "{\"data\":{\"epoch\":1,\"prev_seq\":10,\"seq\":12,\"exchange_ns\":0,",
                  ",\"bids\":[[\"9.0\",\"0\"],[\"8.5\",\"2.0\"]],\"asks\":[]}}"));
    CHECK(read_on(d) == FRS_END && d->text[0] == 0 && d->position == frs_journal_end(d->journal));
    desk_free(d);
}

static void a_time_may_be_before_1970(void) {
    desk *d = recorded(0);
    frs_book_apply(d->book, 0, NULL, NULL, 0, NULL, 0, UINT64_MAX, INT64_MIN);
    read_on(d);
    CHECK(is_line(d->text,
                  "{\"data\":{\"epoch\":1,\"prev_seq\":10,\"seq\":18446744073709551615,"
                  "\"exchange_ns\":-9223372036854775808,",
                  ",\"bids\":[],\"asks\":[]}}"));
    desk_free(d);
}

static void levels_outside_the_window_are_left_out(void) {
    desk *d = recorded(2);
    apply(d, 0, "[[\"8.5\",\"2\"],[\"7.9\",\"1\"],[\"8\",\"3\"]]", "[[\"90\",\"1\"]]", 11);
    read_on(d);
    CHECK(is_line(d->text, "{\"data\":{\"epoch\":1,\"prev_seq\":10,\"seq\":11,\"exchange_ns\":0,",
                  ",\"bids\":[[\"8.5\",\"2.0\"],[\"8.0\",\"3.0\"]],\"asks\":[[\"90.0\",\"1.0\"]]}}"));
    desk_free(d);
}

static void what_is_published_as_stale_comes_after_the_mark_that_says_so(void) {
    desk *d = recorded(0);
    apply(d, 0, "[[\"9\",\"2\"]]", "", 11);
    apply(d, FRS_QUIET, "[[\"9\",\"3\"]]", "", 12);
    apply(d, FRS_QUIET, "[[\"9\",\"4\"]]", "", 13);
    stale(d);
    CHECK(read_on(d) == FRS_MARKED && strstr(d->text, "\"seq\":11,") && !strstr(d->text, "\"seq\":12,"));
    CHECK(d->notice.state == FRS_STALE && d->notice.reason == 1 && d->notice.epoch == 1 && d->notice.verified == 0);
    CHECK(d->notice.seq == 11 && d->notice.recv_ns > 0 && d->notice.publish_ns >= d->notice.recv_ns);
    CHECK(read_on(d) == FRS_END && strstr(d->text, "\"prev_seq\":11,\"seq\":12,") && strstr(d->text, "\"seq\":13,"));
    desk_free(d);
}

static void what_makes_it_live_again_comes_before_that_is_said(void) {
    desk *d = recorded(0);
    stale(d);
    apply(d, FRS_QUIET, "[[\"9\",\"2\"]]", "", 11);
    live(d, 1);
    CHECK(read_on(d) == FRS_MARKED && d->text[0] == 0 && d->notice.state == FRS_STALE);
    CHECK(read_on(d) == FRS_MARKED && strstr(d->text, "\"seq\":11,") && d->notice.state == FRS_LIVE);
    CHECK(d->notice.seq == 11 && d->notice.verified == FRS_BY_SEQUENCE);
    CHECK(read_on(d) == FRS_END && d->text[0] == 0);
    live(d, 1); /* which is nothing new */
    CHECK(read_on(d) == FRS_END);
    desk_free(d);
}

static void a_snapshot_and_a_new_epoch_have_to_be_read_from_the_book(void) {
    desk *d = recorded(0);
    apply(d, 0, "[[\"9\",\"2\"]]", "", 11);
    apply(d, FRS_SNAPSHOT, "[[\"5\",\"1\"]]", "", 3);
    CHECK(read_on(d) == FRS_RESET && strstr(d->text, "\"seq\":11,"));
    live(d, 2);
    apply(d, 0, "[[\"5\",\"2\"]]", "", 4);
    CHECK(read_on(d) == FRS_RESET && d->text[0] == 0);
    CHECK(read_on(d) == FRS_END && d->text[0] == 0);
    apply(d, 0, "[[\"5\",\"3\"]]", "", 5);
    CHECK(read_on(d) == FRS_END && strstr(d->text, "{\"epoch\":2,\"prev_seq\":4,\"seq\":5,"));
    desk_free(d);
}

static void a_line_that_does_not_fit_waits_and_nothing_is_written_behind_the_room(void) {
    desk *d = recorded(0);
    apply(d, 0, "[[\"9\",\"2\"],[\"8\",\"2\"]]", "[[\"10\",\"0\"]]", 11);
    apply(d, 0, "[[\"9\",\"3\"]]", "", 12);
    uint64_t from = d->position;
    read_on(d);
    char whole[2000], parts[2000];
    strcpy(whole, d->text);
    for (size_t room = 1000; room > 9; room -= 9) {
        guarded out = guard_behind(d->text, room);
        size_t got = 0;
        d->position = from;
        do {
            int64_t size = read_into(d, out.text, room);
            CHECK(size >= 0 && (size_t)size <= room);
            memcpy(parts + got, out.text, (size_t)size);
            got += (size_t)size;
        } while (d->notice.kind == FRS_MORE);
        CHECK(d->notice.kind == FRS_RESET || (got == strlen(whole) && memcmp(parts, whole, got) == 0));
        CHECK(d->position == frs_journal_end(d->journal));
        guard_free(&out);
    }
    CHECK(d->notice.kind == FRS_RESET);
    desk_free(d);
}

static void a_message_larger_than_the_journal_is_a_reset(void) {
    desk *d = recorded(0);
    char bids[8000] = "[";
    for (int i = 0; i < BYTES / 16; i++)
        sprintf(bids + strlen(bids), "[\"9\",\"%d\"],", 1 + i % 10);
    strcpy(bids + strlen(bids) - 1, "]");
    CHECK(apply(d, 0, bids, "", 11) >= 0);
    CHECK(read_on(d) == FRS_RESET && d->text[0] == 0);
    desk_free(d);
}

static bool found_at(desk *d, uint64_t epoch, uint64_t seq, const char *first) {
    if (frs_journal_find(d->journal, epoch, seq, &d->position))
        return false;
    CHECK(read_on(d) == FRS_END);
    return first ? strstr(d->text, first) == d->text : d->text[0] == 0;
}

static void a_reader_goes_on_behind_any_number_that_is_kept(void) {
    desk *d = recorded(0);
    for (uint64_t seq = 20; seq <= 40; seq += 10)
        apply(d, 0, "[[\"9\",\"2\"]]", "", seq);
    CHECK(found_at(d, 1, 10, "{\"data\":{\"epoch\":1,\"prev_seq\":10,"));
    CHECK(found_at(d, 1, 20, "{\"data\":{\"epoch\":1,\"prev_seq\":20,"));
    CHECK(found_at(d, 1, 40, NULL));
    CHECK(!found_at(d, 1, 9, NULL) && !found_at(d, 1, 15, NULL) && !found_at(d, 1, 41, NULL));
    CHECK(!found_at(d, 2, 20, NULL) && !found_at(d, 0, 20, NULL));
    desk_free(d);
}

static void of_several_messages_with_one_number_none_is_left_out(void) {
    desk *d = recorded(0);
    apply(d, 0, "[[\"9\",\"2\"]]", "", 11);
    apply(d, 0, "[[\"8\",\"2\"]]", "", 11);
    CHECK(found_at(d, 1, 11, "{\"data\":{\"epoch\":1,\"prev_seq\":11,\"seq\":11,"));
    desk_free(d);
}

static void nobody_goes_on_from_before_an_epoch_a_finer_scale_or_the_recording(void) {
    desk *d = recorded(0);
    apply(d, 0, "[[\"9\",\"2\"]]", "", 11);
    apply(d, FRS_SNAPSHOT, "[[\"5\",\"1\"]]", "", 3);
    live(d, 2);
    CHECK(!found_at(d, 1, 11, NULL) && !found_at(d, 1, 3, NULL) && found_at(d, 2, 3, NULL));
    apply(d, 0, "[[\"5\",\"2\"]]", "", 4);

    frs_book *finer = frs_book_new(200, 2, 2, 0), *before = d->book;
    CHECK(frs_book_copy(finer, before) == 0);
    d->book = finer;
    frs_book_free(before);
    CHECK(!found_at(d, 2, 4, NULL));
    apply(d, 0, "[[\"5\",\"3\"]]", "", 5);
    CHECK(found_at(d, 2, 5, NULL) && !found_at(d, 2, 4, NULL));

    frs_book_record(d->book, NULL);
    apply(d, 0, "[[\"5\",\"4\"]]", "", 6);
    CHECK(!found_at(d, 2, 6, NULL));
    frs_book_record(d->book, d->journal);
    CHECK(found_at(d, 2, 6, NULL) && !found_at(d, 2, 5, NULL));
    desk_free(d);
}

static void a_book_that_takes_over_goes_on_recording(void) {
    desk *d = recorded(0);
    frs_book *larger = frs_book_new(200, 1, 1, 0), *before = d->book;
    CHECK(frs_book_copy(larger, before) == 0);
    d->book = larger;
    frs_book_free(before);
    apply(d, 0, "[[\"9\",\"2\"]]", "", 11);
    CHECK(read_on(d) == FRS_END && strstr(d->text, "\"prev_seq\":10,\"seq\":11,"));
    desk_free(d);
}

static void sizes_that_are_no_power_of_two_are_refused(void) {
    CHECK(!frs_journal_new(0) && !frs_journal_new(BYTES / 2) && !frs_journal_new(BYTES + 16) &&
          !frs_journal_new(3000000));
}

/* ---- a reader who comes late, against the book */

typedef struct {
    desk *d;
    frs_book *copy;
    uint64_t seq, random;
    int resets, lines;
} follower;

static void read_anew(follower *f) {
    static char sides[2][ROOM];
    int64_t sizes[2];
    for (int side = 0; side < 2; side++)
        sizes[side] = frs_book_text(f->d->book, side, 0, SIZE_MAX, sides[side], ROOM);
    frs_view view;
    frs_book_view(f->d->book, &view);
    frs_book_apply(f->copy, FRS_SNAPSHOT, NULL, sides[0], (size_t)sizes[0], sides[1], (size_t)sizes[1], view.seq, 0);
    f->seq = view.seq;
    f->resets++;
}

static void take_line(follower *f, const char *line) {
    unsigned long long prev = 0, seq = 0;
    CHECK(sscanf(strstr(line, "\"prev_seq\""), "\"prev_seq\":%llu,\"seq\":%llu", &prev, &seq) == 2);
    CHECK(prev == f->seq);
    const char *bids = strstr(line, "\"bids\":") + 7, *asks = strstr(line, ",\"asks\":"), *end = strchr(line, '\n');
    frs_book_apply(f->copy, 0, NULL, bids, (size_t)(asks - bids), asks + 8, (size_t)(end - 2 - asks - 8), seq, 0);
    f->seq = seq;
    f->lines++;
}

static void catch_up(follower *f) {
    desk *d = f->d;
    int kind;
    do {
        size_t room = 600 + random_below(&f->random, 2000);
        int64_t size = read_into(d, d->text, room);
        kind = d->notice.kind;
        for (char *line = d->text; line < d->text + size; line = strchr(line, '\n') + 1)
            take_line(f, line);
        if (kind == FRS_RESET)
            read_anew(f);
    } while (kind != FRS_END);
}

static void change_at_random(follower *f, uint64_t *seq, uint64_t *epoch) {
    char sides[2][400] = {"[", "["};
    for (int side = 0; side < 2; side++) {
        for (uint64_t i = random_below(&f->random, 8); i-- > 0;) {
            int price = (int)random_below(&f->random, 20) + (side ? 30 : 1);
            int quantity = (int)random_below(&f->random, 4); /* after it: in an argument list there is no order */
            sprintf(sides[side] + strlen(sides[side]), "%s[\"%d\",\"%d\"]", sides[side][1] ? "," : "", price, quantity);
        }
        strcat(sides[side], "]");
    }
    uint64_t what = random_below(&f->random, 40);
    apply(f->d, what == 0 ? FRS_SNAPSHOT : what < 5 ? FRS_QUIET : 0, sides[0], sides[1], ++*seq);
    if (what == 0)
        live(f->d, ++*epoch);
    else if (what < 4)
        frs_book_mark(f->d->book, what == 1 ? FRS_STALE : FRS_LIVE, what == 1, 0, *epoch);
    else if (what == 4)
        frs_book_publish(f->d->book);
}

/* Whether a reader who stopped there can go on; if so, with the very next change. */
static bool goes_on(follower *f, uint64_t epoch, uint64_t seq) {
    desk *d = f->d;
    if (frs_journal_find(d->journal, epoch, seq, &d->position))
        return false;
    while (read_on(d) == FRS_MARKED && !d->text[0])
        continue;
    unsigned long long prev = seq;
    if (d->text[0])
        sscanf(strstr(d->text, "\"prev_seq\""), "\"prev_seq\":%llu", &prev);
    CHECK(prev == seq && d->notice.kind != FRS_RESET);
    d->position = frs_journal_end(d->journal);
    return true;
}

static void who_follows_the_lines_holds_the_book_however_late_they_read(void) {
    follower f = {.d = recorded(0), .copy = frs_book_new(100, 1, 1, 0), .random = 7};
    frs_book_attach(f.copy, f.d->scratch, NULL, NULL, 0, "copy", 4);
    read_anew(&f);
    uint64_t seq = 10, epoch = 1, then[2] = {0, 0};
    int returns = 0, losses = 0;
    for (int round = 0; round < 2000; round++) {
        for (uint64_t n = random_below(&f.random, round % 50 ? 6 : 60); n-- > 0;)
            change_at_random(&f, &seq, &epoch);
        catch_up(&f);
        for (int side = 0; side < 2; side++) {
            char ours[4000], theirs[4000];
            int64_t a = frs_book_text(f.copy, side, 0, SIZE_MAX, ours, sizeof ours);
            int64_t b = frs_book_text(f.d->book, side, 0, SIZE_MAX, theirs, sizeof theirs);
            CHECK(a == b && memcmp(ours, theirs, (size_t)a) == 0);
        }
        CHECK(f.seq == seq && goes_on(&f, epoch, seq));
        if (round % 3 == 0) {
            int *what = goes_on(&f, then[0], then[1]) ? &returns : &losses;
            ++*what;
            then[0] = epoch;
            then[1] = seq;
        }
    }
    CHECK(f.resets > 50 && f.lines > 2000 && returns > 100 && losses > 100);
    frs_book_free(f.copy);
    desk_free(f.d);
}

void test_journal(void) {
    TEST(a_change_is_a_line_of_its_exact_numbers_and_a_removal_is_0);
    TEST(a_time_may_be_before_1970);
    TEST(levels_outside_the_window_are_left_out);
    TEST(what_is_published_as_stale_comes_after_the_mark_that_says_so);
    TEST(what_makes_it_live_again_comes_before_that_is_said);
    TEST(a_snapshot_and_a_new_epoch_have_to_be_read_from_the_book);
    TEST(a_line_that_does_not_fit_waits_and_nothing_is_written_behind_the_room);
    TEST(a_message_larger_than_the_journal_is_a_reset);
    TEST(a_reader_goes_on_behind_any_number_that_is_kept);
    TEST(of_several_messages_with_one_number_none_is_left_out);
    TEST(nobody_goes_on_from_before_an_epoch_a_finer_scale_or_the_recording);
    TEST(a_book_that_takes_over_goes_on_recording);
    TEST(sizes_that_are_no_power_of_two_are_refused);
    TEST(who_follows_the_lines_holds_the_book_however_late_they_read);
}
