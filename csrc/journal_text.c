/* The changes of a journal as lines of JSON, each made once for all who follow the book.
 *
 * A line is written only if all of it fits, so a reader that ran out of room goes on where it stopped. What is not a
 * change ends the text: the caller has the words for states and reasons, and can read the book anew.
 */
#include <string.h>

#include "internal.h"

enum { NUMBER_TEXT = 20, NUMBERS = 5, WORDS = 96 }; /* an int64's digits; such in a line; what stands around them */

static char *put_text(char *p, const char *text) {
    size_t size = strlen(text);
    memcpy(p, text, size);
    return p + size;
}

static char *put_number(char *p, uint64_t number) {
    char digits[NUMBER_TEXT];
    char *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    size_t size = (size_t)(digits + sizeof digits - first);
    memcpy(p, first, size);
    return p + size;
}

static char *put_time(char *p, int64_t ns) {
    if (ns < 0)
        *p++ = '-';
    return put_number(p, ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns);
}

static char *put_levels(char *p, const frs_journal *journal, uint64_t position, uint32_t count,
                        const frs_entry *entry) {
    *p++ = '[';
    for (uint32_t i = 0; i < count; i++) {
        frs_level level = *frs_journal_unit(journal, position + i);
        if (i)
            *p++ = ',';
        /* A removal is "0", whatever the scale, so that a reader may compare texts. */
        p += frs_level_text(p, entry->price_scale, level.quantity ? entry->quantity_scale : 0, &level);
    }
    *p++ = ']';
    return p;
}

static size_t line_most(const frs_entry *entry, size_t head_size) {
    size_t levels = (size_t)entry->counts[0] + entry->counts[1];
    return head_size + WORDS + NUMBERS * NUMBER_TEXT + levels * (FRS_LEVEL_TEXT + 1);
}

static char *put_line(char *p, const frs_journal *journal, uint64_t position, const frs_entry *entry, const char *head,
                      size_t head_size) {
    uint64_t bids = position + frs_entry_units(&(frs_entry){0}), asks = bids + entry->counts[FRS_BID];
    memcpy(p, head, head_size);
    p = put_number(put_text(p + head_size, "{\"epoch\":"), entry->epoch);
    p = put_number(put_text(p, ",\"prev_seq\":"), entry->prev_seq);
    p = put_number(put_text(p, ",\"seq\":"), entry->seq);
    p = put_time(put_text(p, ",\"exchange_ns\":"), entry->exchange_ns);
    p = put_time(put_text(p, ",\"recv_ns\":"), entry->recv_ns);
    p = put_levels(put_text(p, ",\"bids\":"), journal, bids, entry->counts[FRS_BID], entry);
    p = put_levels(put_text(p, ",\"asks\":"), journal, asks, entry->counts[FRS_ASK], entry);
    return put_text(p, "}}\n");
}

static void put_notice(const frs_entry *entry, frs_notice *notice) {
    notice->epoch = entry->epoch;
    notice->seq = entry->seq;
    notice->exchange_ns = entry->exchange_ns;
    notice->recv_ns = entry->recv_ns;
    notice->publish_ns = entry->publish_ns;
    notice->state = entry->state;
    notice->reason = entry->reason;
    notice->verified = entry->verified;
}

int64_t frs_journal_text(const frs_journal *journal, uint64_t *position, const char *head, size_t head_size, char *out,
                         size_t room, frs_notice *notice) {
    char *p = out;
    frs_entry entry;
    notice->kind = *position < journal->start || *position > journal->end ? FRS_RESET : FRS_END;
    while (notice->kind == FRS_END && *position < journal->end) {
        frs_journal_head(journal, *position, &entry);
        if (entry.kind == FRS_ENTRY_CHANGE) {
            size_t most = line_most(&entry, head_size);
            if (most > room - (size_t)(p - out)) {
                notice->kind = most > room ? FRS_RESET : FRS_MORE;
                break;
            }
            p = put_line(p, journal, *position, &entry, head, head_size);
        } else if (entry.kind == FRS_ENTRY_MARK) {
            notice->kind = FRS_MARKED;
            put_notice(&entry, notice);
        } else {
            notice->kind = FRS_RESET;
        }
        *position += frs_entry_units(&entry);
    }
    if (notice->kind == FRS_RESET)
        *position = journal->end;
    return p - out;
}
