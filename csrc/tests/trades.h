/* trades.h: a lane for trades of two instruments, as the exchanges that flowrs knows spell them. */
#ifndef FLOWRS_TRADES_H
#define FLOWRS_TRADES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowrs.h"

enum { TRADE_KINDS = 4 };

typedef struct {
    const char *template, *frame;
    int64_t time; /* that the frame tells, ns */
    int continuity;
} trade_kind;

extern const trade_kind trade_kinds[TRADE_KINDS];

typedef struct {
    frs_lane *lane; /* the last number is 3; BTC has the tape, ETH none */
    frs_tape *tape;
} trade_desk;

/* false: something could not be made. */
bool trade_desk_open(trade_desk *desk, const trade_kind *kind);
void trade_desk_close(trade_desk *desk);

#endif
