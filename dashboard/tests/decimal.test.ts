import { describe, expect, it } from "vitest";

import { isDecimal, plain, rescaled, scaled, scaleOf } from "../src/decimal";

describe("decimals", () => {
  it("are digits, perhaps with a point, and nothing else", () => {
    for (const text of ["0", "61826.11", "0.00000001", "123456789012345678.123456789"]) expect(isDecimal(text)).toBe(true);
    for (const text of ["", ".5", "5.", "-1", "1e5", "1,000", " 1", "NaN", "0x1", "1\n", 5, null, undefined]) {
      expect(isDecimal(text)).toBe(false);
    }
  });

  it("keep digits that a float would lose", () => {
    const [one, other] = ["90071992547409.93", "90071992547409.92"].map((text) => scaled(text, 2));
    expect(Number("9007199254740993")).toBe(Number("9007199254740992"));
    expect(one! - other!).toBe(1n);
  });

  it("are equal however many zeros stand at the end", () => {
    expect(scaleOf("1.500")).toBe(1);
    expect(scaleOf("100")).toBe(0);
    expect(scaleOf("100.000")).toBe(0);
    expect(scaled("1.500", 1)).toBe(scaled("1.5", 1));
    expect(scaled("1.5", 4)).toBe(15000n);
  });

  it("come back as they were", () => {
    for (const text of ["0.00000001", "61826.11", "7", "0.10"]) {
      const scale = text.split(".")[1]?.length ?? 0;
      expect(plain(scaled(text, scale), scale)).toBe(text);
    }
    expect(plain(-5n, 2)).toBe("-0.05");
  });

  it("are rounded for display alone, halves away from zero", () => {
    expect(rescaled(12345n, 3, 2)).toBe(1235n);
    expect(rescaled(-12345n, 3, 2)).toBe(-1235n);
    expect(rescaled(12344n, 3, 2)).toBe(1234n);
    expect(rescaled(12n, 1, 3)).toBe(1200n);
  });
});
