import { describe, expect, it } from "vitest";

import { read, Unreadable } from "../src/wire";
import { book, status } from "./books";

const text = (type: string, data: unknown) => JSON.stringify({ type, data });

describe("a message", () => {
  it("is read as the contract has it, and more fields do no harm", () => {
    const sent = { ...book("Kraken"), spread: "0.1", spread_percent: 0.1, later: [1] };
    expect(read(text("book_update", sent))).toEqual({ type: "book_update", data: book("Kraken") });
    expect(read(text("status", [status("Kraken")]))).toEqual({ type: "status", data: [status("Kraken")] });
    expect(read(text("symbol_list", ["BTCUSDT"]))).toEqual({ type: "symbol_list", data: ["BTCUSDT"] });
    expect(read(text("gateway", { daemon: "down", message: "gone", version: "1" }))).toMatchObject({
      data: { daemon: "down" },
    });
  });

  it("has null for what was not measured", () => {
    expect(read(text("metrics", { venues: [], latency_p50_us: null }))).toMatchObject({
      data: { latency_p50_us: null, total_messages: null },
    });
  });

  it("of another kind is let pass", () => {
    expect(read(text("weather", {}))).toBeNull();
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["level.price", text("book_update", book("A", { bids: [{ price: "1e5", quantity: "1" }] }))],
    ["level.quantity", text("book_update", book("A", { asks: [{ price: "1", quantity: 1 as never }] }))],
    ["book_update.state", text("book_update", book("A", { state: "fine" as never }))],
    ["book_update.bids", text("book_update", { ...book("A"), bids: null })],
    ["status.bid", text("status", [status("A", { bid: "-1" })])],
    ["trade.side", text("trade", { side: "BUY" })],
    ["symbol_list", text("symbol_list", [1])],
    ["metrics.total_messages", text("metrics", { venues: [], total_messages: "12" })],
    ["gateway.daemon", text("gateway", { daemon: "maybe" })],
  ])("that is not as it should be is refused, and says why: %s", (why, wrong) => {
    expect(() => read(wrong)).toThrow(Unreadable);
    expect(() => read(wrong)).toThrow(why);
  });
});
