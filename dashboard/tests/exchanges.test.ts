import { describe, expect, it } from "vitest";

import { look } from "../src/exchanges";

describe("an exchange", () => {
  it("has its own colours", () => {
    const own = ["Binance", "Bybit", "Coinbase", "Kraken"].map(look);
    expect(new Set(own.map(({ code }) => code)).size).toBe(4);
    expect(new Set(own.map(({ background }) => background)).size).toBe(4);
  });

  it("is told from its perpetuals", () => {
    expect(look("Binance Perp")).toEqual({ ...look("Binance"), code: "BNP" });
  });

  it("that nobody knows looks the same each time, and can be read", () => {
    expect(look("Tulip Market")).toEqual(look("Tulip Market"));
    expect(look("Tulip Market").code).toBe("TU");
    expect(look("<b>").code).toBe("B");
    expect(look("").code).toBe("?");
    expect(look("__proto__")).toMatchObject({ ink: "#ffffff" });
  });
});
