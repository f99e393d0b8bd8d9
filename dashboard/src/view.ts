/** What the panels show, made of what is known and what the reader chose. Functions without state, but for `Digits`. */

import { approximately, scaled, scaleOf } from "./decimal";
import { digitsFor } from "./format";
import { type Book, type Known, type Market } from "./market";
import { merge, type Merged, type Row, spread, type Spread, steps } from "./merge";
import type { Place } from "./place";

/** A book that does not take part, and why. */
export interface LeftOut {
  key: string;
  name: string;
  why: string;
}

/** The consolidated book. */
export interface Ladder {
  /** The books whose columns are shown, in the gateway's order. */
  columns: Book[];
  /** Whether they are of different instruments, which the daemon's configuration makes equal. */
  mixed: boolean;
  merged: Merged;
  /** As `merged`, prices gathered by the reader's step. */
  shown: Merged;
  spread: Spread | null;
  leftOut: LeftOut[];
  /** False if no book is live: then the last known levels are shown, as such. */
  live: boolean;
  steps: string[];
  /** Digits behind the point of prices and quantities. */
  priceDigits: number;
  quantityDigits: number;
}

/** Remembers per symbol how fine its numbers are, so that columns do not dance when a level with more digits goes. */
export class Digits {
  private symbol: string | null = null;
  private price = 0;
  private quantity = Infinity;

  /** Digits of prices: the most that were seen; of quantities: what the largest one leaves room for. */
  seen(symbol: string | null, priceScale: number, largest: number): { price: number; quantity: number } {
    if (symbol !== this.symbol) {
      this.symbol = symbol;
      this.price = 0;
      this.quantity = Infinity;
    }
    this.price = Math.max(this.price, priceScale);
    if (largest > 0) this.quantity = Math.min(this.quantity, digitsFor(largest));
    return { price: this.price, quantity: this.quantity === Infinity ? 2 : this.quantity };
  }
}

/** Why a book that is not live is not: its reason, else its state. */
export function why(book: { state: string; reason: string | null }): string {
  return book.reason ?? book.state;
}

/** Whether books of one symbol are of several instruments, such as BTC-USDT and BTC-USD. */
function isMixed(books: readonly Book[]): boolean {
  return new Set(books.map((book) => book.instrument)).size > 1;
}

/** What tells an instrument from the others of its symbol: its currency, "USD" of BTC-USD, or "USD-PERP". */
export function currency(book: { instrument: string }): string {
  return book.instrument.slice(book.instrument.indexOf("-") + 1);
}

function name(book: Book, mixed: boolean): string {
  return mixed ? `${book.exchange} ${currency(book)}` : book.exchange;
}

/** The consolidated book of what the market has and the place chooses. */
export function ladder(market: Market, place: Place, digits: Digits): Ladder {
  const visible = [...market.books.values()].filter((book) => !place.hidden.has(book.exchange));
  visible.sort((a, b) => a.exchange.localeCompare(b.exchange) || a.key.localeCompare(b.key));
  const mixed = isMixed(visible);
  const live = visible.filter((book) => book.state === "live");
  const columns = live.length ? live : visible;
  const merged = merge(columns);
  const shown = place.step ? merge(columns, place.step) : merged;
  const best = spread(merged.bids[0]?.price, merged.asks[0]?.price);
  const largest = Math.max(0, ...[...shown.bids, ...shown.asks].map((row) => size(row, shown)));
  const fine = digits.seen(market.symbol, merged.priceScale, largest);
  const price = best ? approximately(best.twiceMiddle, merged.priceScale) / 2 : 0;
  return {
    columns: visible,
    mixed,
    merged,
    shown,
    spread: best,
    leftOut: visible
      .filter((book) => book.state !== "live")
      .map((book) => ({ key: book.key, name: name(book, mixed), why: why(book) })),
    live: live.length > 0,
    steps: price > 0 ? steps(fine.price, price) : [],
    priceDigits: fine.price,
    quantityDigits: fine.quantity,
  };
}

function size(row: Row, { quantityScale }: Merged): number {
  return approximately(row.total, quantityScale);
}

/** A venue's line in the table of all venues. */
export interface Across {
  book: Book;
  hidden: boolean;
  live: boolean;
  bid: Best | null;
  ask: Best | null;
  spread: Spread | null;
}

export interface Best {
  price: bigint;
  quantity: bigint;
  /** Whether no other live venue has a better one. */
  best: boolean;
}

/** Something to be gained between two venues, before fees. */
export interface Arbitrage {
  buy: string;
  sell: string;
  ask: bigint;
  bid: bigint;
  gain: Spread;
}

export interface Comparison {
  /** The instruments, if there are several that count as one. */
  instruments: string[];
  priceScale: number;
  quantityScale: number;
  rows: Across[];
  arbitrage: Arbitrage | null;
}

/** The best prices of each venue beside each other. Only those that are live and not hidden compete. */
export function compare(market: Market, place: Place): Comparison {
  const books = [...market.books.values()].sort((a, b) => a.exchange.localeCompare(b.exchange));
  const tops = books.flatMap((book) => [book.bids[0], book.asks[0]]).filter((level) => level !== undefined);
  const priceScale = Math.max(0, ...tops.map((level) => scaleOf(level.price)));
  const quantityScale = Math.max(0, ...tops.map((level) => scaleOf(level.quantity)));
  const rows = books.map((book): Across => {
    const [bid, ask] = [book.bids[0], book.asks[0]].map((level) =>
      level
        ? { price: scaled(level.price, priceScale), quantity: scaled(level.quantity, quantityScale), best: false }
        : null,
    );
    return {
      book,
      hidden: place.hidden.has(book.exchange),
      live: book.state === "live",
      bid: bid ?? null,
      ask: ask ?? null,
      spread: spread(bid?.price, ask?.price),
    };
  });
  const competing = rows.filter((row) => row.live && !row.hidden);
  const bids = competing.filter((row) => row.bid);
  const asks = competing.filter((row) => row.ask);
  const top = bids.reduce<bigint | null>((best, { bid }) => (best === null || bid!.price > best ? bid!.price : best), null);
  const low = asks.reduce<bigint | null>((best, { ask }) => (best === null || ask!.price < best ? ask!.price : best), null);
  for (const { bid } of bids) bid!.best = bid!.price === top;
  for (const { ask } of asks) ask!.best = ask!.price === low;
  const mixed = isMixed(books);
  const instruments = mixed ? [...new Set(books.map((book) => book.instrument))] : [];
  return { instruments, priceScale, quantityScale, rows, arbitrage: arbitrage(bids, asks, mixed) };
}

function arbitrage(bids: Across[], asks: Across[], mixed: boolean): Arbitrage | null {
  const [seller, buyer] = [bids.find((row) => row.bid!.best), asks.find((row) => row.ask!.best)];
  const gain = spread(seller?.bid?.price, buyer?.ask?.price);
  if (!seller || !buyer || gain?.market !== "crossed") return null;
  const [buy, sell] = [name(buyer.book, mixed), name(seller.book, mixed)];
  return { buy, sell, ask: buyer.ask!.price, bid: seller.bid!.price, gain };
}

/** All books at a glance: a line per symbol, a cell per exchange. */
export interface Grid {
  exchanges: string[];
  lines: { symbol: string; middle: string | null; cells: (Known | null)[] }[];
  live: number;
  total: number;
}

export function grid(market: Market): Grid {
  const all = [...market.standings.values()];
  const exchanges = [...new Set(all.map((known) => known.exchange))].sort((a, b) => a.localeCompare(b));
  const bySymbol = new Map<string, Known[]>(market.symbols.map((symbol) => [symbol, []]));
  for (const known of all) bySymbol.get(known.symbol)?.push(known);
  const lines = [...bySymbol].map(([symbol, own]) => {
    return {
      symbol,
      middle: middle(own.filter((known) => known.state === "live")),
      cells: exchanges.map((exchange) => worst(own.filter((known) => known.exchange === exchange))),
    };
  });
  return { exchanges, lines, live: all.filter((known) => known.state === "live").length, total: all.length };
}

function middle(live: Known[]): string | null {
  const [first] = live;
  if (!first?.bid || !first.ask) return null;
  const value = (Number(first.bid) + Number(first.ask)) / 2;
  return value.toLocaleString("en", { minimumSignificantDigits: 6, maximumSignificantDigits: 6 });
}

/** The book that most needs to be looked at, where an exchange has several of a symbol. */
function worst(books: Known[]): Known | null {
  return books.find((book) => book.state !== "live") ?? books[0] ?? null;
}
