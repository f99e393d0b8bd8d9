/** The cumulative depth as a curve: what stands at each price and at better ones. Floats: a pixel is coarser. */

import { approximately } from "./decimal";
import type { Merged, Row } from "./merge";

/** Prices ascending; what bids at each and above, what asks at each and below; null beyond a side's best price. */
export type Curve = [number[], (number | null)[], (number | null)[]];

/** The curve of a book. Where venues cross each other, the two sides overlap. */
export function curve(merged: Merged): Curve {
  const both = [...merged.bids, ...merged.asks].map((row) => row.price);
  const prices = [...new Set(both)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const bids = along(prices.toReversed(), merged.bids, merged, (at, price) => at >= price).reverse();
  const asks = along(prices, merged.asks, merged, (at, price) => at <= price);
  return [prices.map((price) => approximately(price, merged.priceScale)), bids, asks];
}

/** What a side has at each of some prices, from its best one on. */
function along(
  prices: bigint[],
  rows: readonly Row[],
  { quantityScale }: Merged,
  reaches: (at: bigint, price: bigint) => boolean,
): (number | null)[] {
  let next = 0;
  return prices.map((price) => {
    for (let row = rows[next]; row && reaches(row.price, price); row = rows[next]) next++;
    const last = rows[next - 1];
    return last ? approximately(last.cumulative, quantityScale) : null;
  });
}

/** The lowest and highest price to show: as far on each side as the farther side is known. Null without prices. */
export function extent(merged: Merged): [number, number] | null {
  const at = (price: bigint | undefined) => (price === undefined ? null : approximately(price, merged.priceScale));
  const [bid, ask] = [at(merged.bids[0]?.price), at(merged.asks[0]?.price)];
  const [low, high] = [at(merged.bids.at(-1)?.price), at(merged.asks.at(-1)?.price)];
  if (bid === null || ask === null || low === null || high === null) return null;
  const middle = (bid + ask) / 2;
  const reach = Math.max(middle - low, high - middle) || middle / 1000 || 1;
  return [middle - reach, middle + reach];
}

/** The range before, unless the new one has gone away from it by more than an eighth: so the axis stands still. */
export function calm(before: [number, number] | null, next: [number, number]): [number, number] {
  if (!before) return next;
  const tolerance = (before[1] - before[0]) / 8;
  const near = Math.abs(before[0] - next[0]) <= tolerance && Math.abs(before[1] - next[1]) <= tolerance;
  return near ? before : next;
}
