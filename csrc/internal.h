/* internal.h: what the files of the library share among themselves; nothing here is for its users.
 *
 * Inside the book a level's price is negated on the ask side, so that the greater price is the better one on both sides
 * and all ordering code exists once. frs_signed converts, in both directions.
 */
#ifndef FLOWRS_INTERNAL_H
#define FLOWRS_INTERNAL_H

#include <stdbool.h>

#include "flowrs.h"

enum { FRS_LINE = 64 }; /* bytes that a processor fetches at once */

/* ---- pages.c: zeroed memory of which only what has been used is there. */

void *frs_pages_new(size_t bytes); /* NULL: there is none */
void frs_pages_free(void *pages, size_t bytes);

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
    FRS_TRADE_PRICE,
    FRS_TRADE_QUANTITY,
    FRS_TRADE_ID,
    FRS_NAMES,
    FRS_CHOICE /* no name, but the texts of which one is there */
};

/* The literal text before a name, and the name. Of a choice the texts lie behind it, with | in between. */
typedef struct {
    uint16_t at, size, choices;
    uint8_t name;
} frs_field;

typedef struct {
    frs_field fields[FRS_FIELDS + 1]; /* the one behind the last has no name: the text that ends the frame */
    uint32_t count;
    unsigned names; /* a bit for each that is there */
    bool trade;     /* what it shows is one, else a book's update */
    char text[FRS_TEMPLATE_SIZE];
} frs_template;

/* What the template of an update has to have, by the bits of its names. */
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

static inline int64_t frs_signed(int which, int64_t price) {
    return which == FRS_BID ? price : -price;
}

/* ---- ladder.c: the levels within a window of prices, a place for each tick. */

enum { FRS_LADDER_MOST = 1 << 14 }; /* places */

typedef struct {
    int64_t *quantities; /* of tick i of the window at (start + i) % places; 0: no level */
    uint64_t *marks;     /* a bit for each place that holds a level */
    int64_t high, tick;  /* the price of tick 0, and from one to the next */
    int64_t low;         /* the price of the last one */
    uint64_t inverse;    /* of the tick's odd part, modulo 2^64 */
    unsigned twos;       /* what the tick is beside that: a power of two */
    uint32_t places;     /* a power of two, at least 1024 */
    uint32_t size;       /* ticks of the window: places, or 0 if there is no window */
    uint32_t start;      /* a multiple of 64 */
    uint32_t count;      /* levels */
    uint32_t first;      /* no level is before this tick; frs_ladder_settle makes it that of the best level */
} frs_ladder;

size_t frs_ladder_bytes(uint32_t capacity);
/* In zeroed memory. */
void frs_ladder_init(frs_ladder *ladder, uint32_t capacity, void *memory);
/* Removes the levels and the window. */
void frs_ladder_clear(frs_ladder *ladder);
/* Gives an empty ladder a window; its span must be at most 2^62. */
void frs_ladder_frame(frs_ladder *ladder, int64_t high, int64_t tick);
/* Moves the window down by so many ticks, a multiple of 64, less than its size. No level may be left outside. */
void frs_ladder_shift(frs_ladder *ladder, int32_t by);
void frs_ladder_settle(frs_ladder *ladder);
/* Removes all but the best `count` levels. */
void frs_ladder_cut(frs_ladder *ladder, uint32_t count);
/* The first level from *tick on; moves *tick behind it. False: there is none. */
bool frs_ladder_next(const frs_ladder *ladder, uint32_t *tick, frs_level *out);
/* Writes the best `room` levels with floor <= price <= top, best first, with their prices as the side `which` tells
 * them; returns their number. What is behind them in the room may be overwritten. */
uint32_t frs_ladder_read(const frs_ladder *ladder, int which, int64_t floor, int64_t top, frs_level *out,
                         uint32_t room);

/* Which tick of the window a price is; below `size`, or the price is none. */
static inline uint64_t frs_ladder_tick(const frs_ladder *ladder, int64_t price) {
    uint64_t ticks = ((uint64_t)ladder->high - (uint64_t)price) * ladder->inverse;
    return ticks >> ladder->twos | ticks << (-ladder->twos & 63);
}

static inline int64_t frs_ladder_get(const frs_ladder *ladder, uint64_t tick) {
    return ladder->quantities[(ladder->start + tick) & (ladder->places - 1)];
}

/* Returns whether anything has changed. */
static inline bool frs_ladder_set(frs_ladder *ladder, uint64_t tick, int64_t quantity) {
    uint64_t place = (ladder->start + tick) & (ladder->places - 1), *marks = &ladder->marks[place / 64];
    int64_t before = ladder->quantities[place];
    bool held = quantity != 0;
    ladder->quantities[place] = quantity;
    *marks = (*marks & ~((uint64_t)1 << place % 64)) | (uint64_t)held << place % 64;
    ladder->count += (uint32_t)held - (before != 0);
    uint64_t first = tick | ((uint64_t)held - 1);
    ladder->first = first < ladder->first ? (uint32_t)first : ladder->first;
    return before != quantity;
}

/* ---- rows.c: any levels, in order. */

enum { FRS_ROW = 32 }; /* levels */

/* An entry of the directory. */
typedef struct {
    int64_t low;    /* none of its prices is below it, and all of the rows before it are */
    uint32_t place; /* which piece of the memory */
    uint32_t count; /* levels */
} frs_row;

typedef struct {
    frs_level *levels; /* FRS_ROW at each place; those of a row worst first */
    frs_row *rows;     /* those in use, worst first; behind them the free ones */
    uint32_t used, count;
    uint32_t last; /* row that a level was looked for in */
} frs_rows;

size_t frs_rows_bytes(uint32_t capacity);
void frs_rows_init(frs_rows *rows, uint32_t capacity, void *memory);
void frs_rows_clear(frs_rows *rows);
/* Has the directory fetched; and by it, once it is there, the row of a level. */
void frs_rows_expect(const frs_rows *rows);
void frs_rows_expect_row(const frs_rows *rows, int64_t price);
/* Quantity 0 removes. Returns whether anything has changed. */
bool frs_rows_set(frs_rows *rows, int64_t price, int64_t quantity);
bool frs_rows_holds(const frs_rows *rows, int64_t price);
/* NULL: there is none. */
const frs_level *frs_rows_best(const frs_rows *rows);
const frs_level *frs_rows_worst(const frs_rows *rows);
/* All levels, worst first: start with *at = 0; NULL at the end. */
const frs_level *frs_rows_next(const frs_rows *rows, uint32_t *at);
/* As frs_ladder_read. */
uint32_t frs_rows_read(const frs_rows *rows, int which, int64_t floor, int64_t top, frs_level *out, uint32_t room);

/* ---- side.c: one side of a book. */

typedef struct {
    frs_ladder ladder; /* the best levels */
    frs_rows rows;     /* all others, each worse than the ladder's low end */
} frs_side;

/* Where frs_side_each is. */
typedef struct {
    uint32_t row, tick;
} frs_side_cursor;

/* In zeroed memory, frs_ladder_bytes and frs_rows_bytes of it. */
void frs_side_init(frs_side *side, uint32_t capacity, void *ladder, void *rows);
void frs_side_clear(frs_side *side);
uint32_t frs_side_total(const frs_side *side);
/* The price of the best level; there has to be one. */
int64_t frs_side_best(const frs_side *side);
/* Removes all but the best `depth` levels. */
void frs_side_cut(frs_side *side, uint32_t depth);
/* How many of the levels are neither held nor removals. Levels are as scanned, which is FRS_BID or FRS_ASK. */
uint32_t frs_side_missing(const frs_side *side, int which, const frs_level *levels, uint32_t count);
/* Has what frs_side_update and frs_side_read will need fetched, all at once: else each place would be waited for. */
void frs_side_expect(const frs_side *side, int which, const frs_level *levels, uint32_t count, int64_t watch);
/* Applies a delta; returns whether a level at `watch` or better has changed. */
bool frs_side_update(frs_side *side, int which, const frs_level *levels, uint32_t count, int64_t watch);
/* Replaces all levels. */
void frs_side_replace(frs_side *side, int which, const frs_level *levels, uint32_t count);
/* All levels: start with a cursor of zeros. False: that was the last one. */
bool frs_side_each(const frs_side *side, frs_side_cursor *cursor, frs_level *out);
/* Opens the window of an empty side where the other one has its own, if there is one. */
void frs_side_look(frs_side *side, const frs_side *other);
/* After additions frs_side_settle has to come before anything else. */
void frs_side_add(frs_side *side, int64_t price, int64_t quantity);
void frs_side_settle(frs_side *side);
/* As frs_ladder_read. */
uint32_t frs_side_read(const frs_side *side, int which, int64_t floor, int64_t top, frs_level *out, uint32_t room);

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
/* Has the slot fetched. */
void frs_slot_expect(const frs_arena *arena, uint32_t slot);
void frs_slot_begin(frs_arena *arena, uint32_t slot);
/* Writes the best levels of a side, best first. */
void frs_slot_side(frs_arena *arena, uint32_t slot, int which, const frs_level *levels, uint32_t count);
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

enum { FRS_TURNS = 2 };

struct frs_scratch {
    size_t room;
    frs_level levels[]; /* of each turn twice the room: the asks of a sided list go to the second half */
};

/* Where the message of a turn is scanned to: a lane reads one while another waits. */
static inline frs_level *frs_scratch_levels(frs_scratch *scratch, unsigned turn) {
    return scratch->levels + turn * 2 * scratch->room;
}

typedef struct {
    frs_level *levels[2];
    uint32_t counts[2];
} frs_message;

/* Scans the two sides, or the list of both, into the book's scratch. Returns 0 or an error. */
int frs_message_scan(const frs_book *book, const frs_spelling *spelling, const char *bids, size_t bids_size,
                     const char *asks, size_t asks_size, frs_message *message);
/* Parts the levels at the start of a room, where those of the asks have negative prices; as many fit behind it. */
void frs_message_part(frs_level *levels, size_t room, uint32_t count, frs_message *message);

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
    char *rows;           /* memory of both sides' rows, and of their ladders */
    frs_level ladders[];  /* what type it has, each says */
};

/* Has what a message will need fetched. */
void frs_book_expect(const frs_book *book, const frs_message *message);
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
    frs_tape *tape; /* of its trades; NULL: they are left */
    int64_t last;
    uint64_t taken; /* the lane's count when it was used last */
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
    uint64_t taken;                  /* messages */
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
