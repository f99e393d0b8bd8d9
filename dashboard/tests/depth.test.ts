import { describe, expect, it } from "vitest";

import { calm, curve, extent } from "../src/depth";
import { merge } from "../src/merge";

const level = (price: string, quantity: string) => ({ price, quantity });

describe("the depth curve", () => {
  it("falls towards the middle from both sides", () => {
    const merged = merge([
      { key: "a", bids: [level("10", "1"), level("9", "2")], asks: [level("11", "3"), level("12", "4")] },
    ]);
    expect(curve(merged)).toEqual([
      [9, 10, 11, 12],
      [3, 1, null, null],
      [null, null, 3, 7],
    ]);
    expect(extent(merged)).toEqual([9, 12]);
  });

  it("has its prices in order where venues cross each other", () => {
    const merged = merge([
      { key: "a", bids: [level("12", "1")], asks: [level("13", "1")] },
      { key: "b", bids: [level("10", "1")], asks: [level("11", "2")] },
    ]);
    expect(curve(merged)).toEqual([
      [10, 11, 12, 13],
      [2, 1, 1, null],
      [null, 2, 2, 3],
    ]);
  });

  it("has no extent without both sides", () => {
    expect(extent(merge([]))).toBeNull();
    expect(extent(merge([{ key: "a", bids: [level("1", "1")], asks: [] }]))).toBeNull();
  });

  it("stands still until it has to move", () => {
    expect(calm(null, [0, 8])).toEqual([0, 8]);
    expect(calm([0, 8], [0.5, 8.5])).toEqual([0, 8]);
    expect(calm([0, 8], [2, 10])).toEqual([2, 10]);
  });
});
