import { describe, expect, it } from "vitest";

import { ANYWHERE, format, parse } from "../src/place";

describe("the address", () => {
  it("holds all that was chosen, and gives it back", () => {
    const place = { symbol: "BTCUSDT-PERP", hidden: new Set(["Kraken", "Binance Perp"]), theme: "dark", step: "0.5" } as const;
    expect(format(place)).toBe("#symbol=BTCUSDT-PERP&hide=Binance+Perp,Kraken&group=0.5&theme=dark");
    expect(parse(format(place))).toEqual(place);
  });

  it("is empty where nothing was chosen", () => {
    expect(format(ANYWHERE)).toBe("");
    expect(parse("")).toEqual(ANYWHERE);
  });

  it("is as if they were not there of words that it does not understand", () => {
    expect(parse("#theme=pink&group=0&hide=,,&symbol=&other=1")).toEqual(ANYWHERE);
    expect(parse("#group=1e9")).toEqual(ANYWHERE);
    expect(parse("#%%%")).toEqual(ANYWHERE);
  });
});
