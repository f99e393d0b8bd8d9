/* flowrs.h: the C library of flowrs, and its only documentation.
 *
 * Order books from the bytes of an exchange's JSON, exact and in full depth, and the published top of them in shared
 * memory. Conventions of every function:
 *
 *   - names start with frs_; structs whose fields are not shown are opaque;
 *   - text and bytes come as pointer + length, need no terminator, are only borrowed for the call, and are never read
 *     past their end;
 *   - a result >= 0 is success, a negative one is an FRS_E_ code (frs_error_text says it in words), and a call that
 *     fails has changed nothing (only an output buffer's contents are then undefined);
 *   - memory is taken in the _new and _open functions alone (NULL: no memory, or an argument out of its range);
 *   - no globals: two threads may use two sets of objects. One object has one writer.
 *
 * Prices and quantities are int64 counts of 10^-scale, exact: what does not fit is an error, never rounded.
 */
#ifndef FLOWRS_H
#define FLOWRS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cdef begin: the part between these marks is what Python's cffi is given, word for word. */

enum {
    FRS_E_SYNTAX = -1,    /* the text is not of the form it has to have */
    FRS_E_PRECISION = -2, /* the number has more decimals than the scale holds */
    FRS_E_RANGE = -3,     /* the number is too large for int64 at this scale, or a price <= 0, or a quantity < 0 */
    FRS_E_FULL = -4,      /* there is no room: a larger book (frs_book_copy) or buffer is needed */
    FRS_E_ARGUMENT = -5,  /* an argument is outside its documented range */
    FRS_E_FRAME = -6,     /* not a plain unmasked WebSocket frame: RFC 6455 judges it, not the splitter */
    FRS_E_SIZE = -7,      /* a frame claims more bytes than the limit */
    FRS_E_SYSTEM = -8,    /* the operating system refused; errno says why */
    FRS_E_LEFT = -9       /* the frame is left to another reader */
};

enum { FRS_BID = 0, FRS_ASK = 1 };
enum { FRS_MAX_SCALE = 18, FRS_DECIMAL_TEXT = 24, FRS_NAME_SIZE = 64 };

/* The words for an FRS_E_ code; never NULL. */
const char *frs_error_text(int code);

/* ---- decimal: JSON's number grammar (RFC 8259, section 6: no "+", no ".5", no "1.", no leading zero, exponent
 * allowed) <-> int64. Trailing zeros beyond the scale are no loss and are accepted, whatever their number. */

/* Parses the whole text as a decimal into *out, counted in 10^-scale (0 <= scale <= 18). Returns 0, FRS_E_SYNTAX,
 * FRS_E_PRECISION or FRS_E_RANGE (also if the number is both too large and too fine: no scale would help). INT64_MIN is
 * refused, so that a value can always be negated. */
int frs_decimal_parse(const char *text, size_t size, int scale, int64_t *out);

/* Writes value as a decimal with exactly `scale` digits behind the point ("-0.50"; no point at scale 0), without
 * terminator. Returns the length, at most FRS_DECIMAL_TEXT; FRS_E_FULL if room is too small. */
int frs_decimal_format(int64_t value, int scale, char *out, size_t room);

/* The least scale that holds the text exactly, 0 to 18; FRS_E_SYNTAX, or FRS_E_PRECISION if 18 is not enough. */
int frs_decimal_scale(const char *text, size_t size);

/* ---- levels: one side of a book update, scanned from its JSON in one pass. */

typedef struct {
    int64_t price;
    int64_t quantity;
} frs_level;

/* How an exchange spells levels. No spelling, NULL, stands for the most common one:
 *   PAIRS    [["price","quantity", ...], ...]: further elements of a level (strings, numbers, true, false, null) are
 *            skipped.
 *   OBJECTS  [{"price":1.5,"qty":2}, ...]: the keys in any order. Other keys, and whatever JSON value they have (nested
 *            up to 16 deep), are skipped.
 *   SIDED    [{"side":"bid","price_level":"1.5","new_quantity":"2"}, ...]: objects as above, both sides in one list.
 * Numbers are bare or strings. Both "" and "null" as the whole text are an empty side, as is []. White space as in
 * JSON. Strict: a level that lacks a key or repeats one, and a side that is neither word, is FRS_E_SYNTAX. So is a
 * backslash in a level's own keys, its side or its numbers: they are compared byte by byte, and an escape could hide a
 * repeated key. In skipped values escapes are JSON's. */
enum { FRS_OBJECTS = 1, FRS_SIDED = 2 };

/* Read-only once made, so threads may share it. words: of OBJECTS "price-key quantity-key"; of SIDED "price-key
 * quantity-key side-key bid-word ask-word"; one space in between, each 1 to 24 bytes of printable ASCII but " and \,
 * keys different from each other, sides too. NULL: not so, or no memory. Levels with their keys in the order of the
 * example (SIDED: with at most one more, a string, behind the side) and without white space are scanned fastest. */
typedef struct frs_spelling frs_spelling;
frs_spelling *frs_spelling_new(int kind, const char *words, size_t size);
void frs_spelling_free(frs_spelling *spelling);

/* Scans text into out; a SIDED ask comes out with a negative price. Returns the number of levels; FRS_E_SYNTAX,
 * FRS_E_PRECISION, FRS_E_RANGE (also price <= 0, quantity < 0), or FRS_E_FULL if there are more than `room` levels. */
int frs_levels_scan(const char *text, size_t size, const frs_spelling *spelling, int price_scale, int quantity_scale,
                    frs_level *out, size_t room);

/* The least scales that hold every number of the text exactly: after FRS_E_PRECISION, to rebuild the book with.
 * Returns 0 or FRS_E_SYNTAX, FRS_E_PRECISION (18 is not enough). */
int frs_levels_scales(const char *text, size_t size, const frs_spelling *spelling, int *price_scale,
                      int *quantity_scale);

/* ---- ring: how long messages took, in ns: the newest samples, and a histogram of all since the start. */

typedef struct frs_ring frs_ring;

/* samples: a power of two, 2 to 2^24. */
frs_ring *frs_ring_new(uint32_t samples);
void frs_ring_free(frs_ring *ring);

/* A buffer has been received: its time is stamped, and every book applied until the next call counts from here.
 * Returns the wall clock in ns since 1970. */
int64_t frs_ring_begin(frs_ring *ring);

/* How long ago that was, in ns, by a clock that nobody sets. */
int64_t frs_ring_elapsed(const frs_ring *ring);

/* The work begun is done: stores now - begin as a sample. Returns the sample in ns. */
int64_t frs_ring_end(frs_ring *ring);

void frs_ring_add(frs_ring *ring, int64_t ns); /* less than 0 counts as 0 */

/* How many samples were ever stored; sample k is at k & (size - 1). The store of a sample is one atomic write. */
uint64_t frs_ring_count(const frs_ring *ring);
const int64_t *frs_ring_samples(const frs_ring *ring);
uint32_t frs_ring_size(const frs_ring *ring);
int64_t frs_ring_sum(const frs_ring *ring); /* of all samples ever, ns */
int64_t frs_ring_max(const frs_ring *ring);

/* Log-linear: 16 buckets per power of two, so a bucket's bounds lie within 1/16 of each other. */
enum { FRS_BUCKETS = 640 };
const uint64_t *frs_ring_buckets(const frs_ring *ring);
int frs_bucket_of(int64_t ns);        /* which bucket counts this; the last one also counts all that is longer */
int64_t frs_bucket_floor(int bucket); /* the least ns it counts; FRS_E_ARGUMENT if there is no such bucket */

/* ---- view: the published top of every book, in one shared-memory arena of fixed-size, cache-line aligned slots.
 * Readers in any process never block the writer and never see a torn book (a sequence lock a slot). */

typedef struct frs_arena frs_arena;

enum { FRS_EMPTY = 0, FRS_SYNCING = 1, FRS_LIVE = 2, FRS_STALE = 3, FRS_DISABLED = 4 }; /* trust states */
enum { FRS_BY_SEQUENCE = 1, FRS_BY_CHECKSUM = 2 };                                      /* bits of `verified` */

typedef struct {
    char name[64];       /* "venue:symbol", ended by a NUL */
    uint64_t epoch;      /* grows with every resynchronisation */
    uint64_t seq;        /* the exchange's number of the last update in the book; only grows within an epoch */
    int64_t exchange_ns; /* the exchange's time of that update, wall clock ns since 1970; 0: not told */
    int64_t recv_ns;     /* when its bytes were received, by this machine's clock */
    int64_t publish_ns;  /* when it was published here */
    int64_t change_ns;   /* when state or reason last changed */
    uint8_t state;       /* FRS_EMPTY ... */
    uint8_t reason;      /* why not live: the number of the reason in flowrs' list, 0 if none */
    uint8_t verified;    /* FRS_BY_ bits: what shows that a live book is right */
    uint8_t price_scale;
    uint8_t quantity_scale;
    uint8_t whole; /* bit 1 << side: the exchange has no level behind those held (frs_book_whole) */
    uint8_t pad[2];
    uint32_t count[2]; /* published levels: bids, asks; all there are if the side is whole and this is its total */
    uint32_t total[2]; /* levels held by the book, the untrusted ones beyond its window too */
} frs_view;

enum { FRS_UNATTENDED = 255 };  /* the reason that a reader gives, never a writer: see frs_view_read */
enum { FRS_ARENA_VERSION = 1 }; /* of the layout; readers and writer have to agree */

/* A new arena of `slots` slots (1 to 65536) with room for `depth` levels a side (1 to 1000), in an anonymous memory
 * file (memfd_create(2)). The file is sealed: its size is fixed and nobody else can map it for writing. The thread that
 * makes it is its writer: when that thread ends, readers see it at once. Only this thread can unmap it by _free. */
frs_arena *frs_arena_new(uint32_t slots, uint32_t depth);
/* Maps an arena for reading from its file descriptor (which the caller keeps). NULL: not an arena of this version. */
frs_arena *frs_arena_open(int fd);
void frs_arena_free(frs_arena *arena);
int frs_arena_fd(const frs_arena *arena); /* of _new: the memory file's; of _open: -1 */
uint32_t frs_arena_slots(const frs_arena *arena);
uint32_t frs_arena_depth(const frs_arena *arena);

/* The writer says that it is at work: at least once a second, or readers believe nothing any more after 3 seconds. */
void frs_arena_beat(frs_arena *arena);
/* The writer's work is over. Returns 0, or FRS_E_ARGUMENT in a thread that is not the writer. */
int frs_arena_end(frs_arena *arena);

enum {
    FRS_AT_WORK = 0, /* a live book is live */
    FRS_SILENT = 1,  /* no beat for 3 seconds: stopped or stuck; it may go on */
    FRS_ENDED = 2    /* for good, in whatever way: open the arena of its successor */
};
/* How the writer is, without a system call. Its own arena always takes it to be at work. */
int frs_arena_writer(const frs_arena *arena);
/* Of the writer: which slots were written since they were last asked for, each once. Copies at most `room` of them, and
 * leaves the others for the next call. Returns their number, or FRS_E_ARGUMENT for an arena that is only read. */
int frs_arena_changed(frs_arena *arena, uint32_t *slots, uint32_t room);

/* Copies a slot, and up to `depth` levels of each side, best first, as of one moment. view->count stays what is
 * published: the lesser of it and `depth` levels are copied. A live book whose writer was not at work a moment later
 * comes out as FRS_STALE, FRS_UNATTENDED. Returns 0, FRS_E_ARGUMENT, or FRS_E_SYSTEM if there is no consistent view:
 * the writer has ended in mid-write, or was interrupted there for a second. */
int frs_view_read(const frs_arena *arena, uint32_t slot, frs_view *view, frs_level *bids, frs_level *asks,
                  uint32_t depth);

/* The slot of the book with this name; of two the one that is not FRS_DISABLED. FRS_E_ARGUMENT: there is none. Books
 * come and go, and a slot may get another book: compare view->name after each read. */
int frs_arena_find(const frs_arena *arena, const char *name, size_t size);

/* The first slot from `slot` on that has ever had a book; FRS_E_ARGUMENT: there is none. */
int frs_arena_next(const frs_arena *arena, uint32_t slot);

/* ---- book: every level the exchange has told, both sides. */

typedef struct frs_book frs_book;

/* Room for `capacity` levels a side (1 to 2^20) at these scales (0 to 18). depth: 0 for exchanges that announce every
 * removal; else the book is cut to its best `depth` levels (1 to 1000) after each update, as the exchange's rule says.
 */
frs_book *frs_book_new(uint32_t capacity, int price_scale, int quantity_scale, uint32_t depth);
void frs_book_free(frs_book *book);

/* Where the book publishes and measures. scratch: room for the levels of one message (shared by all books of a thread);
 * ring and arena may be NULL. The slot is given the name (at most 63 bytes, no NUL) and shows the book as it is. All of
 * them must outlive the book's last use; a freed book leaves its slot as it was. Returns 0 or FRS_E_ARGUMENT. */
typedef struct frs_scratch frs_scratch;
frs_scratch *frs_scratch_new(size_t levels);
void frs_scratch_free(frs_scratch *scratch);
int frs_book_attach(frs_book *book, frs_scratch *scratch, frs_ring *ring, frs_arena *arena, uint32_t slot,
                    const char *name, size_t name_size);

/* Makes `to` hold what `from` holds, at to's own scales, capacity and depth, and take over its header, window, slot,
 * ring and scratch: how a book grows and how it gets a finer scale. `from` publishes no more. The slot changes at once,
 * unless quiet changes are pending. Returns 0, FRS_E_FULL, FRS_E_PRECISION or FRS_E_RANGE; FRS_E_ARGUMENT if it is one
 * book. */
int frs_book_copy(frs_book *to, frs_book *from);

enum {
    FRS_SNAPSHOT =
        1,        /* the levels replace the book; else they change it: quantity 0 removes, other ones are absolute */
    FRS_QUIET = 2 /* neither publish nor measure: more is to come (frs_book_publish ends it) */
};
enum {
    FRS_CROSSED = 1, /* best bid >= best ask */
    FRS_NARROW = 2, /* a side shows fewer levels than the view has room for, because the window ends (frs_book_limit) */
    FRS_TOP = 4     /* the published levels have changed; always after a snapshot */
};

/* One message: scans both sides, changes the book, publishes its top, stores the latency sample. All or nothing. The
 * list of a SIDED spelling is given as `bids`, and asks_size has to be 0.
 * seq and exchange_ns are published as given. Of a repeated price the last one counts; in a snapshot, levels of
 * quantity 0 are ignored. A live book that the message crosses is not published, as if FRS_QUIET had been given: nobody
 * is to take it for live before frs_book_mark has said what it is worth. Returns FRS_CROSSED | ... bits (of what is not
 * published FRS_CROSSED alone), or an error with the book as it was. FRS_E_FULL: the message's new levels do not fit
 * beside those held (its own removals make no room for them), a snapshot has more than `capacity` a side, or the
 * message has more than the scratch. */
int frs_book_apply(frs_book *book, uint32_t flags, const frs_spelling *spelling, const char *bids, size_t bids_size,
                   const char *asks, size_t asks_size, uint64_t seq, int64_t exchange_ns);

/* Publishes the book as it is and measures; returns bits as frs_book_apply. */
int frs_book_publish(frs_book *book);

/* Says what the book is worth: stored, and published at once, with pending quiet changes. Returns bits as
 * frs_book_apply (FRS_TOP: there were such), or FRS_E_ARGUMENT. */
int frs_book_mark(frs_book *book, int state, int reason, int verified, uint64_t epoch);

/* A snapshot holds at most `levels` a side (0: all there are). If a side of a snapshot has that many, the levels behind
 * its last price are unknown from then on: they are kept, but neither published nor read (unless FRS_ALL). Each
 * snapshot sets the window anew, a delta never does; the limit itself takes effect with the next snapshot. Returns 0.
 */
int frs_book_limit(frs_book *book, uint32_t levels);

/* The exchange's stream shows at most its best `levels` a side (0: all there are), and tells also of levels that leave
 * or enter at that end. What lies behind a side of that many is unknown; nothing is removed. Counts from the next
 * change on. Returns 0. */
int frs_book_reach(frs_book *book, uint32_t levels);

/* The prices between which the book is known, both inclusive: *low of the bids, *high of the asks; 0 and INT64_MAX
 * where nothing is unknown. */
void frs_book_window(const frs_book *book, int64_t *low, int64_t *high);

/* 1 if the levels of a side are all that the exchange has there. 0 if more may lie behind the last known one: a window
 * ends, or the book holds as many levels as it is cut to or as the stream reaches. */
int frs_book_whole(const frs_book *book, int side);

enum { FRS_ALL = 1 };
/* Copies the best `room` levels of a side, best first. Returns their number. flags: 0 or FRS_ALL. */
int frs_book_read(const frs_book *book, int side, uint32_t flags, frs_level *out, size_t room);

/* Writes the best `levels` levels of a side as JSON, [["price","quantity"],...], exact decimals. Returns the length, or
 * FRS_E_FULL if room is too small (52 bytes a level + 2 are always enough). */
int64_t frs_book_text(const frs_book *book, int side, uint32_t flags, size_t levels, char *out, size_t room);

/* How an exchange writes the levels that its checksum covers: the best known `levels` of each side.
 *   DIGITS  the asks, then the bids, best first: the digits of the price at its decimals and of the quantity at its
 * own, without point and leading zeros (Kraken v2). COLON   bid, ask, bid, ask ... in turns, best first, as
 * price:quantity, with as few decimals as show the number, all joined by colons; where one side has run out only the
 * other one goes on (OKX). */
enum { FRS_DIGITS = 1, FRS_COLON = 2 };
enum { FRS_CHECKSUM_LEVELS = 100 };

/* Puts the CRC-32 (IEEE 802.3, as zlib.crc32; some exchanges send it as an int32) of that text into *out. levels: 1 to
 * FRS_CHECKSUM_LEVELS. The decimals (0 to 18) are the instrument's, whatever the book's scales are; COLON does without
 * them. Returns 0, FRS_E_ARGUMENT, or FRS_E_PRECISION if a number has more decimals than those. */
int frs_book_checksum(const frs_book *book, int form, uint32_t levels, int price_decimals, int quantity_decimals,
                      uint32_t *out);

/* Number of levels held on a side; also the ones outside the window. */
uint32_t frs_book_total(const frs_book *book, int side);
uint32_t frs_book_capacity(const frs_book *book);
/* The book's header as it is published, whether or not it has a slot. */
void frs_book_view(const frs_book *book, frs_view *view);
/* Bytes of memory the book holds at most: what it has never needed is not there. */
size_t frs_book_memory(const frs_book *book);

/* ---- journal: the newest changes of a book, for those who follow each of them. Recording costs a copy of the changed
 * levels; a book without a journal pays nothing. */

typedef struct frs_journal frs_journal;

/* bytes: a power of two, 2^12 to 2^30. The oldest changes give way to new ones: 16 bytes a level and 64 a message. */
frs_journal *frs_journal_new(size_t bytes);
void frs_journal_free(frs_journal *journal);

/* From now on the book records its changes and marks; NULL: no longer. The journal must outlive that. Whoever read the
 * journal before has to read the book anew. A book that takes over (frs_book_copy) goes on recording. Returns 0. */
int frs_book_record(frs_book *book, frs_journal *journal);

/* Positions in a journal only grow. The position behind the newest entry is that of a reader who knows the book as it
 * is. */
uint64_t frs_journal_end(const frs_journal *journal);

/* Puts into *position where a reader goes on who knows the book as of epoch and seq. Returns 0, or FRS_E_ARGUMENT if
 * what has changed since is not kept, or was no change of the levels alone: then the book has to be read anew. */
int frs_journal_find(const frs_journal *journal, uint64_t epoch, uint64_t seq, uint64_t *position);

/* Why a text ended. FRS_END: that is all. FRS_MARKED: the book was marked, see the other fields. FRS_MORE: the room is
 * full. FRS_RESET: the reader has to read the book anew; *position is where to go on after that. */
enum { FRS_END = 0, FRS_MARKED = 1, FRS_MORE = 2, FRS_RESET = 3 };

typedef struct {
    uint64_t epoch, seq;
    int64_t exchange_ns, recv_ns, publish_ns;
    uint8_t kind; /* FRS_END ... */
    uint8_t state, reason, verified;
    uint8_t pad[4];
} frs_notice;

/* Writes the changes from *position on, a line each, and moves *position behind what is written or told:
 *   head {"epoch":1,"prev_seq":6,"seq":7,"exchange_ns":0,"recv_ns":0,"bids":[["1.50","2.0"]],"asks":[["1.60","0"]]}}
 * with the head's last brace still open, and a line feed behind. Quantities are absolute, "0" removes. Levels outside
 * the window are left out. A mark that took the book out of live stands before the changes that were published with it:
 * so this may not be called between a quiet change and the mark or publication that it waits for.
 * Returns the length. Room for one line of the longest message has to be there, else that message is an FRS_RESET. */
int64_t frs_journal_text(const frs_journal *journal, uint64_t *position, const char *head, size_t head_size, char *out,
                         size_t room, frs_notice *notice);

/* ---- merge: one book made of several venues' books. Levels come best first; of equal prices there is one, which holds
 * the total and each part's share of it. All numbers are at the finest scales among the parts, so they are exact. */

typedef struct frs_merge frs_merge;

enum { FRS_MERGE_PARTS = 64 };

/* What became of a part. FRS_NOT_LIVE: its state is not FRS_LIVE. FRS_RENAMED: its slot now has another book's name.
 * FRS_MISFIT: at the finest scales some number would not fit: a price is below INT64_MAX, a quantity at most INT64_MAX
 * divided by the number of parts, so that no total can overflow. Left out is then, of the parts whose own scale is the
 * finest, the first that does not fit itself, else the first: it is what keeps the others from fitting. */
enum { FRS_TAKEN = 0, FRS_NOT_LIVE = 1, FRS_RENAMED = 2, FRS_MISFIT = 3 };

typedef struct {
    uint8_t price_scale;
    uint8_t quantity_scale;
    uint8_t pad[2];
    uint32_t taken;         /* how many parts are in it */
    uint32_t count[2];      /* merged levels: bids, asks */
    uint32_t shares[2];     /* parts' shares in them */
    uint32_t complete[2];   /* how many of the levels, from the best one, have the share of every part taken */
    int64_t complete_to[2]; /* the worst price down (asks: up) to which all shares are known, inclusive: behind it some
                               part shows no more levels but has, or may have, some. 0 of bids and INT64_MAX of asks:
                               all that there is; INT64_MAX of bids and 0 of asks: nothing. */
} frs_merged;

typedef struct {
    int64_t quantity;
    uint32_t part;
    uint32_t level; /* whose total it is in: an index into the levels */
} frs_share;

/* Room for `parts` parts (1 to FRS_MERGE_PARTS) of `levels` levels a side (1 to 2^20); their product at most 2^22. */
frs_merge *frs_merge_new(uint32_t parts, uint32_t levels);
void frs_merge_free(frs_merge *merge);

/* Says which book frs_merge_read takes as a part: the one in this slot, as long as it has this name (1 to 63 bytes, no
 * NUL). Parts are numbered from 0 on without gaps. Returns 0 or FRS_E_ARGUMENT. */
int frs_merge_part(frs_merge *merge, uint32_t part, uint32_t slot, const char *name, size_t name_size);

/* Reads the slots of all parts that were said, each as of one moment, and merges the live ones: the best `depth` levels
 * a side (0: all that are published). Returns the number of parts taken, FRS_E_SYSTEM as frs_view_read, or
 * FRS_E_ARGUMENT if there is no such slot. After an error there are no parts and no levels. */
int frs_merge_read(frs_merge *merge, const frs_arena *arena, uint32_t depth);

/* The same from arrays, such as frs_book_read fills: bids[k] holds views[k].count[FRS_BID] levels, and so on. Returns
 * also FRS_E_ARGUMENT if a side is not strictly best first, or a number of it is not positive; FRS_E_FULL if a side has
 * more levels than there is room for. */
int frs_merge_levels(frs_merge *merge, uint32_t parts, const frs_view *views, const frs_level *const *bids,
                     const frs_level *const *asks, uint32_t depth);

/* What the last merge has made; all of it is valid until the next one. */
const frs_merged *frs_merge_result(const frs_merge *merge);
const frs_level *frs_merge_side(const frs_merge *merge, int side);     /* price and total; NULL: no such side */
const frs_share *frs_merge_shares(const frs_merge *merge, int side);   /* in the order of levels, then of parts */
const frs_view *frs_merge_view(const frs_merge *merge, uint32_t part); /* as it was read; NULL: no such part */
int frs_merge_fate(const frs_merge *merge, uint32_t part);             /* FRS_TAKEN ..., or FRS_E_ARGUMENT */

/* Writes the best `levels` merged levels of a side (0: all) as JSON, [["price","total",{"name":"quantity",...}],...],
 * exact decimals at the scales of the result, names as in the views. Returns the length, FRS_E_ARGUMENT, or FRS_E_FULL
 * if room is too small (2 bytes, 58 a level, and 29 a share and the size of its "name": are always enough). */
int64_t frs_merge_text(const frs_merge *merge, int side, uint32_t levels, char *out, size_t room);

/* ---- tape: the newest frames of one kind, as they came, for those who ask later. */

typedef struct frs_tape frs_tape;

/* Room for `frames` frames (1 to 65536) of `bytes` bytes in all (1 to 2^30); the oldest give way. A frame lies in one
 * piece, so up to a frame's size of the bytes may be unused. */
frs_tape *frs_tape_new(uint32_t frames, size_t bytes);
void frs_tape_free(frs_tape *tape);

/* Adds a frame. Returns 0, FRS_E_FULL if it is larger than all of the tape, or FRS_E_ARGUMENT if it is empty. */
int frs_tape_add(frs_tape *tape, const char *frame, size_t size, int64_t recv_ns);

/* Frames are numbered from 0 on: the oldest that is there, and the one that comes next. */
uint64_t frs_tape_start(const frs_tape *tape);
uint64_t frs_tape_end(const frs_tape *tape);

/* A frame: where it lies in the tape's bytes, and when it was received. */
typedef struct {
    uint32_t at, size;
    int64_t recv_ns;
} frs_strip;

/* The bytes, as many as there is room for; what lies where changes with each frame that is added. */
const char *frs_tape_bytes(const frs_tape *tape);
/* Tells the frames from this number on, at most `room` of them. Returns how many, or FRS_E_ARGUMENT if that frame
 * neither is there nor comes next. */
int64_t frs_tape_read(const frs_tape *tape, uint64_t number, frs_strip *out, size_t room);

/* ---- lane: book updates and trades taken straight out of frames that are spelled as an example shows.
 *
 * A template is such an example. What changes from one frame to the next has a name in angle brackets; all else is
 * compared byte by byte:
 *
 *   {"e":"depthUpdate","E":<time>,"s":"<symbol>","U":<first>,"u":<last>,"b":<bids>,"a":<asks>}
 *   {"e":"trade","E":<>,"s":"<symbol>","t":<id>,"p":"<price>","q":"<quantity>","T":<time>,"m":<true|false>}
 *
 *   symbol      the exchange's name of the instrument, before the levels, at the end of a string; if it comes again, it
 *               has to be the same
 *   first, last, prev, number, checksum, time
 *               integers by JSON's grammar from 0 to 2^63 - 1, bare or as the whole of a string. A checksum of the form
 *               COLON may be negative. time counts in time_unit_ns
 *   moment      a time as text instead: RFC 3339 with T and Z, from 1970 on; rounded to microseconds, half up, which is
 *               what msgspec does
 *   bids, asks  lists of levels in the lane's spelling, without a backslash; of SIDED bids alone
 *   price, quantity, id
 *               of a trade: numbers by JSON's grammar that are not negative, bare or as the whole of a string; of id a
 *               number as time, or a string of printable ASCII without a backslash
 *   <>          a number, true, false, null, or a string of printable ASCII without a backslash, that is of no interest
 *   <a|b|c>     one of these texts (the first that is there), of printable ASCII but < > and |
 *
 * Each name comes at most once but for symbol and <>. Where there is a price, quantity or id it is the template of a
 * trade: it has a symbol, a price and a quantity, under CONNECTION a number, and nothing of a book. In that of an
 * update what continuity and checksum need has to be there. */

/* What has to hold between one update of a book and the next:
 *   CHAINED     first = the last number + 1 <= last
 *   LINKED      prev = the last number <= last
 *   COUNTED     last = the last number + 1
 *   CONNECTION  number = the last one of the lane, of whatever book, + 1; last is number where it is not told
 *   UNNUMBERED  nothing; the updates are counted here */
enum { FRS_CHAINED = 1, FRS_LINKED = 2, FRS_COUNTED = 3, FRS_CONNECTION = 4, FRS_UNNUMBERED = 5 };

enum { FRS_TEMPLATES = 8, FRS_TEMPLATE_SIZE = 1024, FRS_FIELDS = 32 }; /* at most: a lane's; bytes; names */

/* Says whether the text is a template: 0, or FRS_E_SYNTAX with *fault set to what is wrong with it, in words, and *at
 * to where. sided: the spelling is; checked: there is a checksum. */
int frs_template_check(const char *text, size_t size, int continuity, int sided, int checked, const char **fault,
                       size_t *at);

typedef struct frs_lane frs_lane;

/* For updates in this spelling (NULL: PAIRS; it has to outlive the lane), of up to `books` books (1 to 65536). form and
 * levels as for frs_book_checksum; form 0: there is no checksum, or it does not count. */
frs_lane *frs_lane_new(const frs_spelling *spelling, int continuity, int64_t time_unit_ns, int form, uint32_t levels,
                       uint32_t books);
void frs_lane_free(frs_lane *lane);

/* Adds a template. Returns 0, FRS_E_SYNTAX (see frs_template_check) or FRS_E_FULL. */
int frs_lane_template(frs_lane *lane, const char *text, size_t size);

/* Adds an instrument, its book closed, by the exchange's name: 1 to 63 bytes of printable ASCII but " and \, and by
 * the decimals that a checksum counts with. Returns its index, or FRS_E_ARGUMENT (also if the name is there already),
 * FRS_E_FULL. */
int frs_lane_add(frs_lane *lane, const char *name, size_t size, int price_decimals, int quantity_decimals);

/* From now on the lane may take updates of a book: it is live, without pending quiet changes, attached, and right up to
 * the number `last` (0 or more). It may not be changed or freed by others until it is closed. Returns 0 or
 * FRS_E_ARGUMENT. */
int frs_lane_open(frs_lane *lane, int index, frs_book *book, int64_t last);
/* Closes a book, if it is open. Returns the number up to which it was right when it was last open, or FRS_E_ARGUMENT.
 */
int64_t frs_lane_close(frs_lane *lane, int index);

/* From now on the trades of an instrument are kept on the tape, which has to outlive that; NULL: no longer. Returns 0
 * or FRS_E_ARGUMENT. */
int frs_lane_keep(frs_lane *lane, int index, frs_tape *tape);

/* CONNECTION: notes the number of a frame that was left. Returns the number before, -1 if there was none. */
int64_t frs_lane_count(frs_lane *lane, int64_t number);

enum {
    FRS_UNPROVEN = 8,   /* the exchange's checksum is not the book's, or the book's cannot be made */
    FRS_LANE_SHIFT = 4, /* of the index, above the bits */
};

/* Takes a frame into its book, if it is all of one template, the book is open, the numbers follow, and all levels fit.
 * Then the book is changed, published and measured as by frs_book_apply, and the result is 0; or index <<
 * FRS_LANE_SHIFT with bits: FRS_NARROW as of frs_book_apply; FRS_CROSSED or FRS_UNPROVEN, and the change waits for
 * frs_book_mark or frs_book_publish, so that no reader sees such a book as live. With any bit the book is closed.
 * A trade goes to its tape, if there is one and the frame's number follows (CONNECTION), with recv_ns as the time of
 * its receipt: 0. Anything else is FRS_E_LEFT, and nothing has changed: neither a book, a tape nor the lane. */
int frs_lane_take(frs_lane *lane, const char *frame, size_t size, int64_t recv_ns);

/* Takes the payloads of frames of a buffer, as frs_frames_split has found them (there are `frames` of them), one after
 * the other from number *at on, and ends with the first that frs_lane_take does not answer with 0: the result is its
 * answer, and *at its number if it was left, the next one's if it was taken. 0: all of them are taken. */
int frs_lane_run(frs_lane *lane, const uint8_t *buf, const uint32_t *found, size_t frames, int64_t recv_ns, size_t *at);

/* Where the lane keeps the exchange's time of the frame taken last, in ns since 1970, 0 if it tells none. */
const int64_t *frs_lane_time(const frs_lane *lane);

/* ---- frames: WebSocket frames of a server (RFC 6455, section 5.2) in a buffer of received bytes. */

enum { FRS_FRAME_WORDS = 4 };

/* Finds the complete frames at the start of buf. For frame k, out[4k] = FIN << 7 | opcode (the first byte), out[4k+1] =
 * where its header starts, out[4k+2] = where its payload starts, out[4k+3] = payload size. At most `frames` of them.
 * progress[0] = bytes used by them; progress[1] = how many bytes the next, incomplete frame takes in all, as far as its
 * header tells (0: not known yet); progress[2] = how many of them, from the first on, are whole messages (FIN, and text
 * or binary); progress[3] = payload bytes of all. Returns the number of frames. If the bytes at progress[0] start a
 * frame that is masked, uses reserved bits, an unknown opcode or a longer form of the length than it needs, or is a
 * control frame that is fragmented or over 125 bytes: FRS_E_FRAME; if it claims more than max_payload bytes (or than
 * uint32 can tell): FRS_E_SIZE; both only when no complete frame is before it, and as soon as its bytes show it. */
int frs_frames_split(const uint8_t *buf, size_t size, size_t max_payload, uint32_t *out, size_t frames,
                     size_t *progress);

/* cdef end */

#ifdef __cplusplus
}
#endif

#endif
