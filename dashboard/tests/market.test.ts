import { beforeEach, describe, expect, it } from "vitest";

import { ageMs, HISTORY, Market, TRADES, UNREACHED } from "../src/market";
import { ANYWHERE } from "../src/place";
import { compare, Digits, grid, ladder } from "../src/view";
import type { Trade } from "../src/wire";
import { book, status } from "./books";

let market: Market;

beforeEach(() => {
  market = new Market();
  market.take({ type: "symbol_list", data: ["BTCUSDT", "ETHUSDT"] }, 0);
  market.choose("BTCUSDT");
  market.take({ type: "status", data: ["Binance", "Kraken"].map((name) => status(name)) }, 0);
  for (const name of ["Binance", "Kraken"]) market.take({ type: "book_update", data: book(name) }, 0);
});

const states = () => [...market.books.values()].map((each) => [each.exchange, each.state, each.reason]);
const shown = (place = ANYWHERE) => ladder(market, place, new Digits());

const trade = (timestamp: number, more: Partial<Trade> = {}): Trade => {
  return { exchange: "Kraken", symbol: "BTCUSDT", price: "100", quantity: "1", side: "buy", timestamp, ...more };
};

describe("the market", () => {
  it("holds books of the chosen symbol alone", () => {
    market.take({ type: "book_update", data: book("Bybit", { symbol: "ETHUSDT" }) }, 0);
    expect(market.books.size).toBe(2);
    market.choose("ETHUSDT");
    expect(market.books.size).toBe(0);
  });

  it("doubts a book as soon as a status does", () => {
    market.take({ type: "status", data: [status("Binance"), status("Kraken", { state: "stale", reason: "gap" })] }, 1);
    expect(states()).toEqual([
      ["Binance", "live", null],
      ["Kraken", "stale", "gap"],
    ]);
  });

  it("never makes levels live that came as stale, whatever a status says", () => {
    market.take({ type: "book_update", data: book("Kraken", { state: "stale", reason: "gap" }) }, 1);
    market.take({ type: "status", data: [status("Binance"), status("Kraken", { epoch: 2 })] }, 2);
    expect(states()[1]).toEqual(["Kraken", "stale", "gap"]);
    market.take({ type: "book_update", data: book("Kraken", { epoch: 2 }) }, 3);
    expect(states()[1]).toEqual(["Kraken", "live", null]);
  });

  it("trusts no book without a connection, nor after the next one begins, until it is told again", () => {
    market.lost();
    market.begin();
    expect(states().map(([, state, reason]) => [state, reason])).toEqual([
      ["stale", UNREACHED],
      ["stale", UNREACHED],
    ]);
    expect(grid(market).live).toBe(0);
    market.take({ type: "book_update", data: book("Kraken") }, 1);
    expect(states()[1]).toEqual(["Kraken", "live", null]);
  });

  it("has no measurements of a daemon that is gone, but still those that it had", () => {
    const metrics = { venues: [], latency_p50_us: 1, latency_p95_us: 2, latency_p99_us: 3 };
    for (const end of [
      () => market.lost(),
      () => market.take({ type: "gateway", data: { daemon: "down", message: "", version: "" } }, 0),
    ]) {
      market.take({ type: "metrics", data: metrics as never }, 0);
      end();
      expect(market.metrics).toBeNull();
    }
    expect(market.history).toHaveLength(2);
  });

  it("forgets books that are no longer followed", () => {
    market.take({ type: "status", data: [status("Binance")] }, 1);
    expect(states()).toEqual([["Binance", "live", null]]);
  });

  it("keeps the newest trades of the symbol, newest first, and no more than it shows", () => {
    for (const time of [5, 3, 9]) market.take({ type: "trade", data: trade(time) }, 0);
    market.take({ type: "trade", data: trade(8, { symbol: "ETHUSDT" }) }, 0);
    expect(market.trades.map((each) => each.timestamp)).toEqual([9, 5, 3]);
    for (let time = 10; time < 200; time++) market.take({ type: "trade", data: trade(time) }, 0);
    expect(market.trades).toHaveLength(TRADES);
    market.take({ type: "trade", data: trade(1) }, 0);
    expect(market.trades.at(-1)?.timestamp).toBe(200 - TRADES);
    market.begin();
    expect(market.trades).toEqual([]);
  });

  it("keeps five minutes of latencies", () => {
    const metrics = { venues: [], latency_p50_us: 1, latency_p95_us: 2, latency_p99_us: 3 };
    for (let second = 0; second < HISTORY + 10; second++) {
      market.take({ type: "metrics", data: metrics as never }, 0, second * 1000);
    }
    expect(market.history).toHaveLength(HISTORY);
    expect(market.history.at(-1)).toEqual({ time: HISTORY + 9, p50: 1, p95: 2, p99: 3 });
  });

  it("lets books grow older between messages", () => {
    expect(ageMs({ age_ms: 10, at: 100 }, 350)).toBe(260);
    expect(ageMs({ age_ms: null, at: 100 }, 350)).toBeNull();
  });
});

describe("the order book on the page", () => {
  it("leaves stale books out and names why", () => {
    market.take({ type: "book_update", data: book("Kraken", { state: "stale", reason: "gap" }) }, 1);
    const { merged, leftOut, live, columns } = shown();
    expect(merged.bids[0]?.parts).toEqual(new Map([["binance:BTC-USDT", 10n / 10n]]));
    expect(leftOut).toEqual([{ key: "kraken:BTC-USDT", name: "Kraken", why: "gap" }]);
    expect([live, columns.length]).toEqual([true, 2]);
  });

  it("leaves hidden exchanges out without naming them", () => {
    const { merged, leftOut, columns } = shown({ ...ANYWHERE, hidden: new Set(["Kraken"]) });
    expect(merged.bids[0]?.total).toBe(1n);
    expect([leftOut, columns.length]).toEqual([[], 1]);
  });

  it("says that nothing is live where only old levels are left", () => {
    market.lost();
    const { merged, live, leftOut } = shown();
    expect(merged.bids[0]?.total).toBe(2n);
    expect([live, leftOut.length]).toEqual([false, 2]);
  });

  it("keeps its digits until the symbol changes", () => {
    const digits = new Digits();
    expect(digits.seen("A", 4, 5)).toEqual({ price: 4, quantity: 5 });
    expect(digits.seen("A", 2, 50)).toEqual({ price: 4, quantity: 4 });
    expect(digits.seen("A", 2, 5)).toEqual({ price: 4, quantity: 4 });
    expect(digits.seen("B", 1, 5)).toEqual({ price: 1, quantity: 5 });
  });
});

describe("a symbol of several instruments", () => {
  const dollars = { instrument: "BTC-USD", bids: [{ price: "100.45", quantity: "1" }] };

  it("has each book of its own, also two of one exchange, and names them by what they are", () => {
    market.take({ type: "book_update", data: book("Kraken", { ...dollars, state: "stale", reason: "gap" }) }, 1);
    const { columns, mixed, leftOut } = shown();
    expect(columns.map((each) => [each.exchange, each.instrument])).toEqual([
      ["Binance", "BTC-USDT"],
      ["Kraken", "BTC-USD"],
      ["Kraken", "BTC-USDT"],
    ]);
    expect([mixed, leftOut[0]?.name]).toEqual([true, "Kraken USD"]);
  });

  it("says of a gain between them in what it is paid", () => {
    market.take({ type: "book_update", data: book("Kraken", dollars) }, 1);
    const { arbitrage, instruments } = compare(market, ANYWHERE);
    expect(instruments).toEqual(["BTC-USDT", "BTC-USD"]);
    expect(arbitrage).toMatchObject({ buy: "Binance USDT", sell: "Kraken USD" });
  });
});

describe("the comparison of venues", () => {
  const crossing = { bids: [{ price: "100.45", quantity: "1" }], asks: [{ price: "100.5", quantity: "1" }] };

  it("marks who is best, also several", () => {
    const { rows, arbitrage } = compare(market, ANYWHERE);
    expect(rows.map((row) => [row.bid?.best, row.ask?.best])).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(arbitrage).toBeNull();
  });

  it("finds what is to be gained between two venues, exactly", () => {
    market.take({ type: "book_update", data: book("Kraken", crossing) }, 1);
    const { arbitrage, priceScale } = compare(market, ANYWHERE);
    expect(priceScale).toBe(2);
    expect(arbitrage).toMatchObject({ buy: "Binance", sell: "Kraken", ask: 10020n, bid: 10045n });
    expect(arbitrage?.gain.absolute).toBe(-25n);
  });

  it("finds nothing with a book that is stale or hidden", () => {
    market.take({ type: "book_update", data: book("Kraken", crossing) }, 1);
    expect(compare(market, { ...ANYWHERE, hidden: new Set(["Kraken"]) }).arbitrage).toBeNull();
    market.take({ type: "book_update", data: book("Kraken", { ...crossing, state: "stale", reason: "gap" }) }, 2);
    expect(compare(market, ANYWHERE).arbitrage).toBeNull();
    expect(compare(market, ANYWHERE).rows[1]).toMatchObject({ live: false, bid: { best: false } });
  });
});
