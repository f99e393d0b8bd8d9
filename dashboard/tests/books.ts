import type { BookUpdate, Status } from "../src/wire";

/** A book as the gateway sends it. */
export function book(exchange: string, more: Partial<BookUpdate> = {}): BookUpdate {
  return {
    exchange,
    venue: exchange.toLowerCase(),
    symbol: "BTCUSDT",
    instrument: "BTC-USDT",
    state: "live",
    reason: null,
    age_ms: 10,
    epoch: 1,
    seq: 5,
    bids: [{ price: "100.1", quantity: "1" }],
    asks: [{ price: "100.2", quantity: "2" }],
    ...more,
  };
}

/** What the gateway says of the same book without its levels. */
export function status(exchange: string, more: Partial<Status> = {}): Status {
  const { bids, asks, ...standing } = book(exchange);
  return { ...standing, verified: "sequence", bid: bids[0]!.price, ask: asks[0]!.price, ...more };
}
