/**
 * All that the gateway has told: the chosen symbol's books and trades, every book's standing, measurements.
 *
 * No Vue here. Messages change it, and `dirty` says what has changed since the page was last drawn.
 *
 * A book counts as live only if its levels came with the word live, and nothing said since contradicts it. A status
 * alone never makes levels live that were sent as stale, since they may be older than it.
 */

import type { BookUpdate, Gateway, Message, Metrics, Standing, State, Status, Trade } from "./wire";

export const TRADES = 60;
export const HISTORY = 300;

/** Why every book is stale while there is no connection. */
export const UNREACHED = "not connected";

/** A book of the chosen symbol. */
export interface Book extends BookUpdate {
  key: string;
  /** When this page received it, by `performance.now()`. */
  at: number;
}

/** What is known of a book of any symbol. */
export interface Known extends Status {
  key: string;
  at: number;
}

/** Latencies of one moment. */
export interface Sample {
  /** Seconds since 1970. */
  time: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export type Part = "symbols" | "books" | "standings" | "trades" | "metrics" | "gateway" | "notice";

/** What books are known by: a venue has each instrument once. */
export function keyOf(book: Pick<Standing, "venue" | "instrument">): string {
  return `${book.venue}:${book.instrument}`;
}

/** How old a book's last update is by now. */
export function ageMs(book: { age_ms: number | null; at: number }, now: number): number | null {
  return book.age_ms === null ? null : book.age_ms + Math.max(0, now - book.at);
}

export class Market {
  symbols: string[] = [];
  symbol: string | null = null;
  readonly books = new Map<string, Book>();
  readonly standings = new Map<string, Known>();
  trades: Trade[] = [];
  metrics: Metrics | null = null;
  gateway: Gateway | null = null;
  readonly history: Sample[] = [];
  notice = "";
  readonly dirty = new Set<Part>();

  /** Takes what the gateway says. */
  take(message: Message, now: number, time = Date.now()): void {
    switch (message.type) {
      case "symbol_list":
        this.symbols = message.data;
        this.changed("symbols");
        break;
      case "book_update":
        this.book(message.data, now);
        break;
      case "status":
        this.status(message.data, now);
        break;
      case "trade":
        this.trade(message.data);
        break;
      case "metrics":
        this.measured(message.data, time);
        break;
      case "gateway":
        this.gateway = message.data;
        if (message.data.daemon === "down") this.metrics = null; // what was measured is so no more
        this.changed("gateway", "metrics");
        break;
      case "error":
        this.say(`The gateway refused: ${message.data.message}`);
    }
  }

  /** Shows another symbol from now on: books and trades of the one before are forgotten. */
  choose(symbol: string | null): void {
    this.symbol = symbol;
    this.books.clear();
    this.trades = [];
    this.changed("symbols", "books", "trades");
  }

  /** A connection begins. The old books stay as they are, not live, until it tells newer ones; its trades come anew. */
  begin(): void {
    this.trades = [];
    this.changed("trades");
  }

  /** Nothing more comes: no book is live any more. */
  lost(): void {
    for (const known of [...this.books.values(), ...this.standings.values()]) unlive(known, "stale", UNREACHED);
    this.metrics = null;
    this.changed("books", "standings", "metrics");
  }

  /** Tells the reader something; "" for nothing. */
  say(notice: string): void {
    if (this.notice === notice) return;
    this.notice = notice;
    this.changed("notice");
  }

  private book(book: BookUpdate, now: number): void {
    const key = keyOf(book);
    const known = this.standings.get(key);
    if (known) {
      const { state, reason, age_ms, epoch, seq } = book;
      const [bid, ask] = [book.bids[0]?.price ?? null, book.asks[0]?.price ?? null];
      if (known.state !== state || known.reason !== reason) this.changed("standings");
      Object.assign(known, { state, reason, age_ms, epoch, seq, bid, ask, at: now });
    }
    if (book.symbol !== this.symbol) return;
    this.books.set(key, { ...book, key, at: now });
    this.changed("books");
  }

  private status(list: Status[], now: number): void {
    this.standings.clear();
    for (const status of list) {
      const key = keyOf(status);
      this.standings.set(key, { ...status, key, at: now });
      const book = this.books.get(key);
      if (!book) continue;
      book.age_ms = status.age_ms;
      book.at = now;
      if (status.state !== "live") unlive(book, status.state, status.reason);
    }
    for (const key of this.books.keys()) if (!this.standings.has(key)) this.books.delete(key); // no longer followed
    this.changed("standings", "books");
  }

  private trade(trade: Trade): void {
    if (trade.symbol !== this.symbol) return;
    let place = 0;
    for (const other of this.trades) {
      if (other.timestamp <= trade.timestamp) break;
      place++;
    }
    if (place >= TRADES) return;
    this.trades.splice(place, 0, trade);
    this.trades.length = Math.min(this.trades.length, TRADES);
    this.changed("trades");
  }

  private measured(metrics: Metrics, timeMs: number): void {
    this.metrics = metrics;
    const { latency_p50_us: p50, latency_p95_us: p95, latency_p99_us: p99 } = metrics;
    this.history.push({ time: timeMs / 1000, p50, p95, p99 });
    if (this.history.length > HISTORY) this.history.shift();
    this.changed("metrics");
  }

  private changed(...parts: Part[]): void {
    for (const part of parts) this.dirty.add(part);
  }
}

function unlive(known: { state: State; reason: string | null }, state: State, reason: string | null): void {
  known.state = state;
  known.reason = reason;
}
