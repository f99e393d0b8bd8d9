import { describe, expect, it } from "vitest";

import * as format from "../src/format";

describe("numbers are written", () => {
  it("with their thousands apart", () => {
    expect(format.grouped("1234567.891011")).toBe("1,234,567.891011");
    expect(format.grouped("-1234")).toBe("-1,234");
    expect(format.grouped("999")).toBe("999");
  });

  it("as prices with the digits of the tick", () => {
    expect(format.price(6182611n, 2, 2)).toBe("61,826.11");
    expect(format.price(61826n, 0, 2)).toBe("61,826.00");
    expect(format.price(-3n, 2, 2)).toBe("-0.03");
  });

  it("as quantities that are never nothing when there is something", () => {
    expect(format.quantity(1747n, 5, 5)).toBe("0.01747");
    expect(format.quantity(1747n, 5, 1)).toBe("<.1");
    expect(format.quantity(0n, 5, 1)).toBe("0.0");
    expect(format.quantity(3n, 1, 0)).toBe("<1");
  });

  it("with as many digits as there is room for", () => {
    expect([0.001, 5, 50, 5000, 5e6, 5e9].map((largest) => format.digitsFor(largest))).toEqual([5, 5, 4, 2, 0, 0]);
  });

  it("as percent with two digits that say something", () => {
    expect(format.percent(0.0000486)).toBe("0.000049 %");
    expect(format.percent(-0.0221)).toBe("-0.022 %");
    expect(format.percent(1.5)).toBe("1.50 %");
    expect(format.percent(0)).toBe("0.00 %");
  });

  it("as durations, amounts and counts in the unit that fits", () => {
    expect([0.5, 12.34, 999, 1820, 2.5e6].map(format.microseconds)).toEqual([
      "0.50 µs",
      "12.3 µs",
      "999 µs",
      "1.82 ms",
      "2.50 s",
    ]);
    expect([12, 1234, 555_000, 1.2e9].map(format.bytes)).toEqual(["12 B", "1.23 kB", "555 kB", "1.20 GB"]);
    expect([12, 12345, 12345678].map(format.count)).toEqual(["12", "12,345", "12.35 M"]);
    expect([59, 61, 3660, 90_000].map(format.span)).toEqual(["59 s", "1 min 01 s", "1 h 01 min", "1 d 01 h"]);
  });

  it("as ages that stay calm below a second", () => {
    expect([0, 999, 1000, 65_000].map(format.age)).toEqual(["< 1 s", "< 1 s", "1 s", "1 min 05 s"]);
  });

  it("as a dash where nothing is known", () => {
    for (const write of [format.microseconds, format.bytes, format.count, format.number]) {
      expect(write(null)).toBe(format.NONE);
      expect(write(Number.NaN)).toBe(format.NONE);
    }
    expect(format.age(null)).toBe(format.NONE);
  });
});
