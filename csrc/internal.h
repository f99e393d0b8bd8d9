/* internal.h: what the files of the library share among themselves; nothing here is for its users.
 *
 * Inside the book a level's price is negated on the ask side, so that the greater price is the better one on both sides
 * and all ordering code exists once. frs_signed converts, in both directions.
 */
#ifndef FLOWRS_INTERNAL_H
#define FLOWRS_INTERNAL_H

#include <stdbool.h>

#include "flowrs.h"

/* ---- decimal.c */

/* A number's text, taken apart by the grammar alone: value = whole.fraction * 10^exponent. */
typedef struct {
    const char *whole, *fraction;
    int64_t whole_size, fraction_size;
    int64_t exponent; /* saturated far beyond any text's length */
    bool negative;
} frs_number;

extern const uint64_t frs_powers[20]; /* 10^0 to 10^19 */

/* Returns the end of the number that starts at p, or NULL. */
const char *frs_number_scan(const char *p, const char *end, frs_number *number);
int frs_number_value(const frs_number *number, int scale, int64_t *out);
int frs_number_scale(const frs_number *number);

/* ---- json.c: each returns the place behind what it took, or NULL. */

/* Text that is only pointed to. */
typedef struct {
    const char *start;
    size_t size;
} frs_text;

static inline const char *frs_json_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* One character with white space around it. */
static inline const char *frs_json_mark(const char *p, const char *end, char c) {
    if (!p)
        return NULL;
    p = frs_json_space(p, end);
    return p < end && *p == c ? frs_json_space(p + 1, end) : NULL;
}

/* The text itself, up to its NUL. */
const char *frs_json_word(const char *p, const char *end, const char *text);
/* A number, bare or as the whole of a string. */
const char *frs_json_number(const char *p, const char *end, frs_number *out);
/* A string without escapes: its bytes are its text. */
const char *frs_json_verbatim(const char *p, const char *end, frs_text *out);
/* A string, a number, true, false or null. */
const char *frs_json_scalar(const char *p, const char *end);
const char *frs_json_value(const char *p, const char *end);
/* An integer from 0 to 2^63 - 1. */
const char *frs_json_count(const char *p, const char *end, int64_t *out);
/* A scalar; of strings only those of printable ASCII without escapes. */
const char *frs_json_plain(const char *p, const char *end);

/* ---- checksum.c */

enum { FRS_CHECKSUM_TEXT = 96 }; /* at most of one level, and what is written beyond it */

/* The CRC's state after so many more words of eight bytes (it begins with UINT32_MAX), and after each of them in
 * states, unless that is NULL; and the CRC after the last few bytes. */
uint32_t frs_crc_words(uint32_t crc, const char *p, size_t words, uint32_t *states);
uint32_t frs_crc_end(uint32_t crc, const char *p, size_t size);
/* The levels that the checksum covers, in the order of its text; room for twice `levels`. Returns their number. */
uint32_t frs_checksum_levels(const frs_book *book, int form, uint32_t levels, frs_level *out);
char *frs_checksum_put(char *out, int form, const frs_level *level, const int scales[2], const int decimals[2]);

/* ---- digest.c: the same checksum, made again and again of a book that changes little from one time to the next. */

/* What a text was made of: the levels, where in it each one's part ends, and the text itself. */
typedef struct {
    frs_level *levels;
    uint32_t *ends;
    char *text;
    uint32_t count;
} frs_sheet;

typedef struct {
    uint32_t levels;
    unsigned newest; /* sheet */
    frs_sheet sheets[2];
    uint32_t *states; /* of the CRC, before each eight bytes of the newest text, and behind the last ones */
    size_t known;     /* how many of the states, without the first */
} frs_digest;

/* Bytes of memory that a digest of `levels` levels a side needs beside itself. */
size_t frs_digest_bytes(uint32_t levels);
void frs_digest_init(frs_digest *digest, uint32_t levels, void *memory);
/* Forgets the book: before it is another one, or has other scales. */
void frs_digest_reset(frs_digest *digest);
/* As frs_book_checksum, with arguments that are good and always the same. */
int frs_digest_sum(frs_digest *digest, const frs_book *book, int form, const int decimals[2], uint32_t *out);

/* ---- moment.c */

/* A time as RFC 3339 in UTC (T and Z), in ns since 1970; the place behind it, or NULL if it is none or before 1970. */
const char *frs_moment_scan(const char *p, const char *end, int64_t *ns);

/* ---- template.c */

enum {
    FRS_FIRST,
    FRS_LAST,
    FRS_PREV,
    FRS_NUMBER,
    FRS_CHECKSUM,
    FRS_TIME,
    FRS_INTEGERS, /* how many of the names are integers */
    FRS_MOMENT = FRS_INTEGERS,
    FRS_BIDS,
    FRS_ASKS,
    FRS_SYMBOL,
    FRS_ANY,
    FRS_NAMES
};

/* The literal text before a name, and the name. */
typedef struct {
    uint16_t at, size;
    uint8_t name;
} frs_field;

typedef struct {
    frs_field fields[FRS_FIELDS + 1]; /* the one behind the last has no name: the text that ends the frame */
    uint32_t count;
    unsigned names; /* a bit for each that is there */
    char text[FRS_TEMPLATE_SIZE];
} frs_template;

/* What a template has to have, by the bits of its names. */
unsigned frs_template_needs(int continuity, bool sided, bool checked);
/* NULL if all is well; else what is wrong, in words, and *at where. */
const char *frs_template_make(frs_template *template, const char *text, size_t size, unsigned needs, size_t *at);

/* ---- spelling.c */

enum { FRS_PRICE_KEY, FRS_QUANTITY_KEY, FRS_SIDE_KEY, FRS_BID_WORD, FRS_ASK_WORD, FRS_WORDS };
enum { FRS_WORD_SIZE = 24, FRS_PATTERN_SIZE = 32 };

typedef struct {
    char text[FRS_WORD_SIZE];
    size_t size;
} frs_word;

/* The text that the quick path expects at a place. mask: all bits of its bytes, no bit of those behind it. */
typedef struct {
    char text[FRS_PATTERN_SIZE];
    char mask[FRS_PATTERN_SIZE];
    size_t size;
} frs_pattern;

struct frs_spelling {
    int kind;
    frs_word words[FRS_WORDS];
    frs_pattern patterns[FRS_WORDS]; /* each ends where the value, or what follows the word, begins */
};

/* ---- levels.c */

typedef struct {
    const frs_spelling *spelling;
    int price_scale, quantity_scale;
    frs_level *out;
    size_t room;
    bool verbatim; /* refuse what has a backslash in it: other readers of JSON are stricter with escapes */
} frs_scan;

/* Scans the list that begins at *list, and moves *list behind its closing bracket. Returns as frs_levels_scan, but
 * *list has to be a list. */
int frs_list_scan(const char **list, const char *end, const frs_scan *job);

/* ---- table.c: price -> quantity, unordered. */

typedef struct {
    frs_level *levels; /* in no order */
    uint32_t *index;   /* by hash: 1 + where in levels, 0 if free */
    uint32_t count;
    uint32_t mask;
    unsigned shift;
} frs_table;

/* How many frs_level of memory, all zero, a table of this capacity takes. */
size_t frs_table_levels(uint32_t capacity);
void frs_table_init(frs_table *table, uint32_t capacity, frs_level *memory);
void frs_table_clear(frs_table *table);
const frs_level *frs_table_find(const frs_table *table, int64_t price);
/* Both return whether anything has changed. */
bool frs_table_put(frs_table *table, int64_t price, int64_t quantity);
bool frs_table_remove(frs_table *table, int64_t price);
/* The best `room` levels with floor <= price <= top, best first; returns their number. */
uint32_t frs_table_best(const frs_table *table, int64_t floor, int64_t top, frs_level *out, uint32_t room);

/* ---- side.c: one side of a book. */

typedef struct {
    frs_level *near; /* the best levels, worst first */
    uint32_t near_count;
    uint32_t near_room;  /* of the array */
    uint32_t near_least; /* of near_limit: four times what has to be near */
    uint32_t near_limit; /* near_count stays below it, and at or above a quarter of it while far has levels */
    frs_table far;       /* all the others: each is worse than every near one */
} frs_side;

/* How many frs_level of memory a side of this capacity takes. */
size_t frs_side_levels(uint32_t capacity);
void frs_side_init(frs_side *side, uint32_t capacity, frs_level *memory);
/* From now on the best `shown` levels are always near. */
void frs_side_show(frs_side *side, uint32_t shown);
void frs_side_clear(frs_side *side);
uint32_t frs_side_total(const frs_side *side);
/* Removes all but the best `depth` levels; `depth` must not be above what frs_side_show was told. */
void frs_side_cut(frs_side *side, uint32_t depth);
/* How many of the levels are neither held nor removals. Levels are as scanned, which is FRS_BID or FRS_ASK. */
uint32_t frs_side_missing(const frs_side *side, int which, const frs_level *levels, uint32_t count);
/* Applies a delta; returns whether a level at `watch` or better has changed. */
bool frs_side_update(frs_side *side, int which, const frs_level *levels, uint32_t count, int64_t watch);
/* Replaces all levels. */
void frs_side_replace(frs_side *side, int which, const frs_level *levels, uint32_t count);
/* All levels in no order: start with *at = 0; NULL at the end. */
const frs_level *frs_side_each(const frs_side *side, size_t *at);
void frs_side_add(frs_side *side, int64_t price, int64_t quantity);
/* The best `room` levels with floor <= price <= top, best first, still with the side's own sign. */
uint32_t frs_side_read(const frs_side *side, int64_t floor, int64_t top, frs_level *out, uint32_t room);
/* How many near levels have price >= floor. */
uint32_t frs_side_near_from(const frs_side *side, int64_t floor);

static inline int64_t frs_signed(int which, int64_t price) {
    return which == FRS_BID ? price : -price;
}

/* ---- ring.c */

int64_t frs_clock_wall(void);
int64_t frs_clock_steady(void);
/* What frs_ring_begin stamped. */
int64_t frs_ring_wall(const frs_ring *ring);
int64_t frs_ring_steady(const frs_ring *ring);

/* ---- pulse.c: zeroed memory in the arena, begun and ended by its writer's thread. */

typedef struct frs_pulse frs_pulse;
enum { FRS_PULSE_BYTES = 128 };

bool frs_pulse_begin(frs_pulse *pulse);
void frs_pulse_beat(frs_pulse *pulse);
/* False: the caller does not hold it, and the memory must stay mapped while its thread may live. */
bool frs_pulse_end(frs_pulse *pulse);
int frs_pulse_read(const frs_pulse *pulse); /* FRS_AT_WORK ... */

/* ---- view.c: one writing of a slot is begin, any sides, end. */

bool frs_arena_writable(const frs_arena *arena);
void frs_slot_begin(frs_arena *arena, uint32_t slot);
/* Writes the `count` levels that end before near_end, from there backwards. */
void frs_slot_side(frs_arena *arena, uint32_t slot, int which, const frs_level *near_end, uint32_t count);
void frs_slot_end(frs_arena *arena, uint32_t slot, const frs_view *view);

/* ---- journal.c */

enum { FRS_ENTRY_CHANGE = 1, FRS_ENTRY_MARK = 2, FRS_ENTRY_RESET = 3 };

/* The head of an entry: a message's change, or a change of trust, or that readers have to begin anew. */
typedef struct {
    uint32_t counts[2]; /* of a change: levels */
    uint8_t kind, state, reason, verified, price_scale, quantity_scale, pad[2];
    uint64_t epoch, prev_seq, seq;
    int64_t exchange_ns, recv_ns, publish_ns;
} frs_entry;

struct frs_journal {
    uint64_t units;      /* of the ring */
    uint64_t start, end; /* the oldest entry kept, and behind the newest one: positions, which count all units ever */
    uint64_t settled;    /* what is behind this has not been published yet */
    frs_entry shown;     /* the book as it was last published */
    frs_level ring[];
};

uint64_t frs_entry_units(const frs_entry *entry);
void frs_journal_head(const frs_journal *journal, uint64_t position, frs_entry *entry);
const frs_level *frs_journal_unit(const frs_journal *journal, uint64_t position);
/* Readers have to read the book anew. */
void frs_journal_reset(frs_journal *journal, const frs_view *view);

/* ---- message.c */

struct frs_scratch {
    size_t room;
    frs_level levels[]; /* twice the room: the asks of a sided list go to the second half */
};

typedef struct {
    frs_level *levels[2];
    uint32_t counts[2];
} frs_message;

/* Scans the two sides, or the list of both, into the book's scratch. Returns 0 or an error. */
int frs_message_scan(const frs_book *book, const frs_spelling *spelling, const char *bids, size_t bids_size,
                     const char *asks, size_t asks_size, frs_message *message);
/* Parts the levels at the start of the scratch, where those of the asks have negative prices. */
void frs_message_part(frs_scratch *scratch, uint32_t count, frs_message *message);

/* ---- book.c, copy.c and read.c */

enum { FRS_LEVEL_TEXT = 2 * FRS_DECIMAL_TEXT + 8 };

/* Writes ["price","quantity"], at most FRS_LEVEL_TEXT bytes; returns the length. */
size_t frs_level_text(char *out, int price_scale, int quantity_scale, const frs_level *level);

enum { FRS_SHOWN = 50, FRS_SHOWN_MOST = 1000 }; /* published levels a side: of a book without a slot; at most */

struct frs_book {
    frs_side sides[2];
    int64_t floor[2]; /* the window: the worst known price, INT64_MIN if nothing is unknown (both signed) */
    int64_t watch[2]; /* a change at this price or better changes what is published */
    bool touched[2];  /* such a change has not been published yet */
    bool pending;     /* quiet changes have not been published yet */
    frs_view view;
    uint32_t capacity, depth, limit, reach, shown;
    uint32_t slot;
    frs_arena *arena;
    frs_ring *ring;
    frs_scratch *scratch;
    frs_journal *journal; /* NULL: nobody wants to know */
    size_t bytes;
    frs_level memory[]; /* of both sides */
};

/* Changes the book by a message, all of it, and publishes nothing. Returns FRS_CROSSED or 0, or FRS_E_FULL with the
 * book as it was. */
int frs_book_change(frs_book *book, const frs_message *message, bool snapshot, uint64_t seq, int64_t exchange_ns);
/* Publishes what is touched; returns the bits of frs_book_apply. measure: it ends the work that the ring began. */
int frs_book_show(frs_book *book, bool measure);

/* What the book tells its journal: a message has changed it; it is marked; it has been published. */
void frs_journal_change(frs_journal *journal, const frs_book *book, const frs_message *message, uint64_t prev_seq);
void frs_journal_mark(frs_journal *journal, const frs_view *view, const frs_view *before);
void frs_journal_settle(frs_journal *journal, const frs_view *view);

/* ---- merge.c, merge_scales.c, merge_side.c and merge_text.c */

enum { FRS_PRICE = 0, FRS_QUANTITY = 1 };

typedef struct {
    frs_view view;
    uint32_t slot;
    int fate;
    char name[FRS_NAME_SIZE]; /* which book the slot has to have */
    const frs_level *levels[2];
    uint32_t counts[2];
    int64_t most[2]; /* the greatest price and quantity */
} frs_part;

struct frs_merge {
    frs_merged result;
    uint32_t room, levels_room;  /* for parts; for levels of a side of a part */
    uint32_t said, count, taken; /* parts: of frs_merge_part; of the last merge; of those in it */
    frs_level *read;             /* bids and asks of each part, from its slot */
    frs_level *scaled;           /* one side of all parts, at the common scale */
    frs_level *levels[2];
    frs_share *shares[2];
    frs_part parts[];
};

/* Chooses the scales of the result, and leaves out of the parts taken those that do not fit. */
void frs_merge_choose_scales(frs_merge *merge);
/* Merges the best `depth` levels of a side of the parts taken. */
void frs_merge_side_of(frs_merge *merge, int side, uint32_t depth);

/* ---- lane.c */

/* The way to one book. */
typedef struct {
    char name[FRS_NAME_SIZE];
    size_t size;
    frs_book *book; /* NULL: closed */
    int64_t last;
    int decimals[2];
    frs_digest digest; /* if there are checksums */
} frs_door;

struct frs_lane {
    const frs_spelling *spelling;
    int continuity, form;
    uint32_t levels; /* of the checksum */
    int64_t unit_ns;
    int64_t number; /* of the last frame of the connection */
    int64_t time;
    uint32_t templates, room, count; /* count: of the doors, in the order in which they were added */
    uint32_t mask;
    frs_template template[FRS_TEMPLATES];
    uint32_t *index; /* by the hash of the name: 1 + which door, 0 if free; twice the room at least */
    frs_door doors[];
};

/* FNV-1a of a name, byte by byte. */
static const uint32_t FRS_NAME_HASH = 2166136261u;
static inline uint32_t frs_name_hash(uint32_t hash, char byte) {
    return (hash ^ (unsigned char)byte) * 16777619u;
}

/* The door of a name whose hash is given, or NULL. */
frs_door *frs_lane_find(frs_lane *lane, const char *name, size_t size, uint32_t hash);

#endif
