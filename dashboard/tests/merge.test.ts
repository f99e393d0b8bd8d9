import { describe, expect, it } from "vitest";

import { plain } from "../src/decimal";
import { merge, type Merged, type Part, spread, steps } from "../src/merge";

function part(key: string, bids: [string, string][], asks: [string, string][]): Part {
  const levels = (list: [string, string][]) => list.map(([price, quantity]) => ({ price, quantity }));
  return { key, bids: levels(bids), asks: levels(asks) };
}

function shown({ bids, asks, priceScale, quantityScale }: Merged) {
  const side = (rows: Merged["bids"]) =>
    rows.map((row) => [
      plain(row.price, priceScale),
      plain(row.total, quantityScale),
      plain(row.cumulative, quantityScale),
      Object.fromEntries([...row.parts].map(([key, value]) => [key, plain(value, quantityScale)])),
    ]);
  return { bids: side(bids), asks: side(asks) };
}

describe("a merged book", () => {
  const binance = part("binance", [["100.10", "1.5"], ["100.0", "2"]], [["100.2", "0.1"]]);
  const kraken = part("kraken", [["100.1", "0.25"]], [["100.15", "3"], ["100.20", "0.2"]]);

  it("adds up what stands at equal prices, whatever zeros they end with, and keeps each venue's part", () => {
    expect(shown(merge([binance, kraken]))).toEqual({
      bids: [
        ["100.10", "1.75", "1.75", { binance: "1.50", kraken: "0.25" }],
        ["100.00", "2.00", "3.75", { binance: "2.00" }],
      ],
      asks: [
        ["100.15", "3.00", "3.00", { kraken: "3.00" }],
        ["100.20", "0.30", "3.30", { binance: "0.10", kraken: "0.20" }],
      ],
    });
  });

  it("says to which price every venue is known, and which rows are beyond it", () => {
    const { bids, asks, completeTo } = merge([binance, kraken]);
    expect(completeTo).toEqual({ bid: 10010n, ask: 10020n });
    expect(bids.map((row) => row.complete)).toEqual([true, false]);
    expect(asks.map((row) => row.complete)).toEqual([true, true]);
  });

  it("gathers bids downward and asks upward, so that no row is better than its levels", () => {
    const { bids, asks } = shown(merge([binance, kraken], "1"));
    expect(bids).toEqual([["100.00", "3.75", "3.75", { binance: "3.50", kraken: "0.25" }]]);
    expect(asks).toEqual([["101.00", "3.30", "3.30", { kraken: "3.20", binance: "0.10" }]]);
  });

  it("leaves prices that are multiples of the step where they are", () => {
    const { bids, asks } = merge([part("a", [["5.0", "1"]], [["6", "1"]])], "0.5");
    expect([bids[0]?.price, asks[0]?.price]).toEqual([50n, 60n]);
  });

  it("of nothing is empty", () => {
    expect(merge([])).toMatchObject({ bids: [], asks: [], completeTo: { bid: null, ask: null } });
  });

  it("equals a model of plain sums for random books", () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    for (let round = 0; round < 200; round++) {
      const parts = ["a", "b", "c"].map((key) => {
        const prices = [...new Set(Array.from({ length: random(12) }, () => random(40)))].sort((a, b) => b - a);
        return part(key, prices.map((price) => [(price / 4).toFixed(2), `${1 + random(99)}.${random(10)}`]), []);
      });
      const model = new Map<number, number>(); // in tenths, which floats hold exactly
      for (const { bids } of parts) {
        for (const { price, quantity } of bids) {
          model.set(Number(price), (model.get(Number(price)) ?? 0) + Math.round(Number(quantity) * 10));
        }
      }
      const expected = [...model].sort(([a], [b]) => b - a);
      const { bids, priceScale, quantityScale } = merge(parts);
      const found = bids.map((row) => [
        Number(plain(row.price, priceScale)),
        Math.round(Number(plain(row.total, quantityScale)) * 10),
      ]);
      expect(found).toEqual(expected);
      expect(bids.at(-1)?.cumulative ?? 0n).toBe(bids.reduce((sum, row) => sum + row.total, 0n));
    }
  });
});

describe("the spread", () => {
  it("is absolute, and percent of the middle", () => {
    expect(spread(9950n, 10050n)).toEqual({ absolute: 100n, percent: 1, twiceMiddle: 20000n, market: "normal" });
  });

  it("is negative where venues cross each other, and says so", () => {
    expect(spread(101n, 100n)).toMatchObject({ absolute: -1n, market: "crossed" });
    expect(spread(100n, 100n)).toMatchObject({ absolute: 0n, market: "locked" });
  });

  it("is unknown without both sides", () => {
    expect(spread(undefined, 100n)).toBeNull();
    expect(spread(100n, undefined)).toBeNull();
  });
});

describe("the steps of grouping", () => {
  it("are powers of ten above the tick, and none so coarse that nothing is left", () => {
    expect(steps(2, 61826)).toEqual(["0.1", "1", "10", "100"]);
    expect(steps(5, 0.106)).toEqual(["0.0001", "0.001"]);
    expect(steps(0, 5)).toEqual([]);
  });
});
