/**
 * Several venues' books as one: per price the total and each venue's part, exact, best first.
 *
 * The daemon can do this too; it is done here because which venues are hidden is each reader's own choice, and 200
 * readers' choices are not the gateway's work.
 */

import { approximately, scaled, scaleOf } from "./decimal";
import type { Level } from "./wire";

/** A book that takes part. */
export interface Part {
  key: string;
  bids: readonly Level[];
  asks: readonly Level[];
}

/** One price of the consolidated book. Integers at the book's scales. */
export interface Row {
  price: bigint;
  total: bigint;
  /** What stands at this price and at better ones. */
  cumulative: bigint;
  parts: ReadonlyMap<string, bigint>;
  /** Whether every venue's quantity at this price is known: see `Merged.completeTo`. */
  complete: boolean;
}

export interface Merged {
  priceScale: number;
  quantityScale: number;
  bids: Row[];
  asks: Row[];
  /** The worst price down to which all parts are known: a book shows only its best levels, and no one knows what it
   * has behind the last of them. */
  completeTo: { bid: bigint | null; ask: bigint | null };
}

/** Merges books. `step`, a decimal such as "0.5", gathers prices: bids downward, asks upward to its multiples. */
export function merge(parts: readonly Part[], step: string | null = null): Merged {
  const levels = parts.flatMap((part) => [...part.bids, ...part.asks]);
  const priceScale = Math.max(0, step ? scaleOf(step) : 0, ...levels.map((level) => scaleOf(level.price)));
  const quantityScale = Math.max(0, ...levels.map((level) => scaleOf(level.quantity)));
  const unit = step ? scaled(step, priceScale) : 1n;
  const side = (name: "bids" | "asks") => {
    const rows = new Map<bigint, { total: bigint; parts: Map<string, bigint> }>();
    let limit: bigint | null = null;
    for (const part of parts) {
      let last: bigint | null = null;
      for (const level of part[name]) {
        const price = scaled(level.price, priceScale);
        const quantity = scaled(level.quantity, quantityScale);
        last = price;
        const at = name === "bids" ? price - (price % unit) : price + ((unit - (price % unit)) % unit);
        let row = rows.get(at);
        if (!row) rows.set(at, (row = { total: 0n, parts: new Map() }));
        row.total += quantity;
        row.parts.set(part.key, (row.parts.get(part.key) ?? 0n) + quantity);
      }
      if (last !== null && (limit === null || (name === "bids" ? last > limit : last < limit))) limit = last;
    }
    return { rows: ordered(rows, name, limit), limit };
  };
  const [bids, asks] = [side("bids"), side("asks")];
  return {
    priceScale,
    quantityScale,
    bids: bids.rows,
    asks: asks.rows,
    completeTo: { bid: bids.limit, ask: asks.limit },
  };
}

function ordered(
  rows: Map<bigint, { total: bigint; parts: Map<string, bigint> }>,
  side: "bids" | "asks",
  limit: bigint | null,
): Row[] {
  const sign = side === "bids" ? -1 : 1;
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
  let cumulative = 0n;
  return sorted.map(([price, { total, parts }]) => {
    cumulative += total;
    const complete = limit === null || (side === "bids" ? price >= limit : price <= limit);
    return { price, total, cumulative, parts, complete };
  });
}

/** The difference of the best prices. Negative where a venue bids more than another asks: the market is crossed. */
export interface Spread {
  absolute: bigint;
  /** Of the price in the middle. */
  percent: number;
  /** Twice the price in the middle, so that it is an integer. */
  twiceMiddle: bigint;
  market: "normal" | "locked" | "crossed";
}

/** The spread between the best prices, null if a side is empty. */
export function spread(bid: bigint | undefined, ask: bigint | undefined): Spread | null {
  if (bid === undefined || ask === undefined) return null;
  const absolute = ask - bid;
  const twiceMiddle = ask + bid;
  return {
    absolute,
    percent: twiceMiddle === 0n ? 0 : (200 * approximately(absolute, 0)) / approximately(twiceMiddle, 0),
    twiceMiddle,
    market: absolute > 0n ? "normal" : absolute === 0n ? "locked" : "crossed",
  };
}

/** The steps by which prices can be gathered: powers of ten, from ten times the finest tick on. */
export function steps(priceScale: number, price: number): string[] {
  const found: string[] = [];
  for (let digits = priceScale - 1; 10 ** -digits <= price / 100 && found.length < 4; digits--) {
    found.push(digits > 0 ? `0.${"0".repeat(digits - 1)}1` : `1${"0".repeat(-digits)}`);
  }
  return found;
}
