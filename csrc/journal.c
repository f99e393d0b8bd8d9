/* A book's changes, in a ring that forgets the oldest: for those who follow every change, and those who come back.
 *
 *   units   16 bytes each, as many as a power of two; a position counts all units ever written, so it only grows
 *   entry   a head of four units, then a unit a level: the bids, then the asks, as the message told them
 *
 * An entry is written when the book changes and belongs to readers when the book is published. What is published as no
 * longer live is put behind the mark that says so: nobody is to follow into a wrong book before being told. Rejected:
 * keeping the text (four times the size, and made even if nobody reads it), and one ring for all books (a busy book
 * would push out the others' past).
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { UNIT = sizeof(frs_level), HEAD_UNITS = sizeof(frs_entry) / sizeof(frs_level) };
enum { BYTES_LEAST = 1 << 12, BYTES_MOST = 1 << 30 };

_Static_assert(sizeof(frs_entry) == 64 && UNIT == 16, "an entry's head is a whole number of units");

frs_journal *frs_journal_new(size_t bytes) {
    if (bytes < BYTES_LEAST || bytes > BYTES_MOST || (bytes & (bytes - 1)))
        return NULL;
    frs_journal *journal = calloc(1, sizeof *journal + bytes);
    if (journal)
        journal->units = bytes / UNIT;
    return journal;
}

void frs_journal_free(frs_journal *journal) {
    free(journal);
}

uint64_t frs_journal_end(const frs_journal *journal) {
    return journal->end;
}

const frs_level *frs_journal_unit(const frs_journal *journal, uint64_t position) {
    return &journal->ring[position & (journal->units - 1)];
}

static frs_level *unit_at(frs_journal *journal, uint64_t position) {
    return &journal->ring[position & (journal->units - 1)];
}

void frs_journal_head(const frs_journal *journal, uint64_t position, frs_entry *entry) {
    frs_level units[HEAD_UNITS];
    for (uint64_t i = 0; i < HEAD_UNITS; i++)
        units[i] = *frs_journal_unit(journal, position + i);
    memcpy(entry, units, sizeof *entry);
}

uint64_t frs_entry_units(const frs_entry *entry) {
    return HEAD_UNITS + (uint64_t)entry->counts[0] + entry->counts[1];
}

static void forget(frs_journal *journal, uint64_t units) {
    while (journal->end + units - journal->start > journal->units) {
        frs_entry oldest;
        frs_journal_head(journal, journal->start, &oldest);
        journal->start += frs_entry_units(&oldest);
    }
}

static void put_head(frs_journal *journal, uint64_t position, const frs_entry *entry) {
    frs_level units[HEAD_UNITS];
    memcpy(units, entry, sizeof *entry);
    for (uint64_t i = 0; i < HEAD_UNITS; i++)
        *unit_at(journal, position + i) = units[i];
}

static frs_entry entry_of(const frs_view *view, int kind) {
    return (frs_entry){.kind = (uint8_t)kind,
                       .state = view->state,
                       .reason = view->reason,
                       .verified = view->verified,
                       .price_scale = view->price_scale,
                       .quantity_scale = view->quantity_scale,
                       .epoch = view->epoch,
                       .seq = view->seq,
                       .exchange_ns = view->exchange_ns,
                       .recv_ns = view->recv_ns,
                       .publish_ns = view->publish_ns};
}

void frs_journal_reset(frs_journal *journal, const frs_view *view) {
    frs_entry entry = entry_of(view, FRS_ENTRY_RESET);
    forget(journal, HEAD_UNITS);
    put_head(journal, journal->end, &entry);
    journal->end += HEAD_UNITS;
}

/* The levels outside the window are not known to readers, so what happens to them is not told. */
static uint32_t put_side(frs_journal *journal, uint64_t position, const frs_book *book, const frs_message *message,
                         int which) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < message->counts[which]; i++) {
        const frs_level *level = &message->levels[which][i];
        if (frs_signed(which, level->price) >= book->floor[which])
            *unit_at(journal, position + count++) = *level;
    }
    return count;
}

void frs_journal_change(frs_journal *journal, const frs_book *book, const frs_message *message, uint64_t prev_seq) {
    uint64_t most = HEAD_UNITS + (uint64_t)message->counts[0] + message->counts[1];
    if (most > journal->units) {
        frs_journal_reset(journal, &book->view);
        return;
    }
    forget(journal, most);
    frs_entry entry = entry_of(&book->view, FRS_ENTRY_CHANGE);
    entry.prev_seq = prev_seq;
    for (int which = 0; which < 2; which++)
        entry.counts[which] = put_side(journal, journal->end + HEAD_UNITS + entry.counts[0], book, message, which);
    put_head(journal, journal->end, &entry);
    journal->end += frs_entry_units(&entry);
}

/* Makes room for a head before what has not been published yet. */
static uint64_t open_gap(frs_journal *journal) {
    forget(journal, HEAD_UNITS);
    if (journal->settled < journal->start)
        journal->settled = journal->start;
    for (uint64_t at = journal->end; at-- > journal->settled;)
        *unit_at(journal, at + HEAD_UNITS) = *unit_at(journal, at);
    journal->end += HEAD_UNITS;
    return journal->settled;
}

void frs_journal_mark(frs_journal *journal, const frs_view *view, const frs_view *before) {
    if (view->epoch != before->epoch) {
        frs_journal_reset(journal, view);
        return;
    }
    if (view->state == before->state && view->reason == before->reason && view->verified == before->verified)
        return;
    frs_entry entry = entry_of(view, FRS_ENTRY_MARK);
    uint64_t at = journal->end;
    if (view->state != FRS_LIVE && journal->settled < journal->end) {
        entry.seq = journal->shown.seq;
        entry.exchange_ns = journal->shown.exchange_ns;
        entry.recv_ns = journal->shown.recv_ns;
        at = open_gap(journal);
    } else {
        forget(journal, HEAD_UNITS);
        journal->end += HEAD_UNITS;
    }
    entry.publish_ns = frs_clock_wall();
    put_head(journal, at, &entry);
}

void frs_journal_settle(frs_journal *journal, const frs_view *view) {
    journal->settled = journal->end;
    journal->shown = entry_of(view, FRS_ENTRY_MARK);
}

int frs_book_record(frs_book *book, frs_journal *journal) {
    book->journal = journal;
    if (journal) {
        frs_journal_reset(journal, &book->view);
        frs_journal_settle(journal, &book->view);
    }
    return 0;
}

int frs_journal_find(const frs_journal *journal, uint64_t epoch, uint64_t seq, uint64_t *position) {
    bool found = false, anew = false;
    uint64_t behind = 0;
    frs_entry entry;
    for (uint64_t at = journal->start; at < journal->end; at += frs_entry_units(&entry)) {
        frs_journal_head(journal, at, &entry);
        bool reached = entry.epoch == epoch && entry.seq == seq;
        if (entry.kind == FRS_ENTRY_RESET) {
            found = reached; /* recording began here, or an epoch */
            anew = true;
            behind = at + frs_entry_units(&entry);
        } else if (entry.kind == FRS_ENTRY_CHANGE && !found) {
            found = reached || (!anew && entry.epoch == epoch && entry.prev_seq == seq);
            behind = reached ? at + frs_entry_units(&entry) : at;
        }
    }
    if (!found)
        return FRS_E_ARGUMENT;
    *position = behind;
    return 0;
}
