import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { BASE_MS, CAP_MS, pauseMs } from "../src/backoff";
import { address, Link, type LinkState, SILENCE_MS, type Socket } from "../src/link";

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: string[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
}

let sockets: FakeSocket[];
let states: LinkState[];
let texts: string[];
let link: Link;

const last = () => sockets.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers();
  [sockets, states, texts] = [[], [], []];
  const connect = () => {
    sockets.push(new FakeSocket());
    return last();
  };
  link = new Link(connect, { onState: (state) => states.push(state), onText: (text) => texts.push(text) }, () => 1);
  link.attempt();
});
afterEach(() => vi.useRealTimers());

describe("a link", () => {
  it("passes on what comes, and sends", () => {
    last().onopen!();
    last().onmessage!({ data: "hello" });
    link.send({ type: "select" });
    expect(texts).toEqual(["hello"]);
    expect(last().sent).toEqual(['{"type":"select"}']);
    expect(states.map((state) => state.kind)).toEqual(["connecting", "open"]);
  });

  it("comes back by itself, and says when", () => {
    last().onopen!();
    last().onclose!();
    expect(states.at(-1)).toEqual({ kind: "waiting", failures: 1, at: Date.now() + BASE_MS });
    vi.advanceTimersByTime(BASE_MS - 1);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(sockets).toHaveLength(2);
  });

  it("waits longer after each failure, up to a bound, and is patient again after a message", () => {
    const pauses = [];
    for (let failure = 0; failure < 7; failure++) {
      last().onclose!();
      const state = states.at(-1)!;
      pauses.push(state.kind === "waiting" ? state.at - Date.now() : null);
      vi.runOnlyPendingTimers();
    }
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, CAP_MS, CAP_MS]);
    last().onopen!();
    last().onmessage!({ data: "" });
    last().onclose!();
    expect(states.at(-1)).toMatchObject({ failures: 1 });
  });

  it("does not take a connection that is closed before it says anything for a success", () => {
    last().onopen!();
    last().onclose!();
    vi.runOnlyPendingTimers();
    last().onopen!();
    last().onclose!();
    expect(states.at(-1)).toMatchObject({ kind: "waiting", failures: 2 });
  });

  it("takes silence for death, and hears no more of a socket that it gave up", () => {
    last().onopen!();
    vi.advanceTimersByTime(SILENCE_MS - 1);
    last().onmessage!({ data: "still here" });
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect(states.at(-1)).toEqual({ kind: "open" });
    vi.advanceTimersByTime(1);
    expect(states.at(-1)).toMatchObject({ kind: "waiting" });
    expect(sockets[0]).toMatchObject({ closed: true, onmessage: null, onclose: null });
  });

  it("gives up an attempt that leads nowhere", () => {
    vi.advanceTimersByTime(10_000);
    expect(states.at(-1)).toMatchObject({ kind: "waiting", failures: 1 });
  });

  it("connects at once when asked to, and only once", () => {
    last().onclose!();
    link.attempt();
    link.attempt();
    expect(sockets).toHaveLength(2);
    vi.advanceTimersByTime(BASE_MS * 2);
    expect(sockets).toHaveLength(2);
  });

  it("sends nothing while there is no connection", () => {
    link.send({ type: "select" });
    expect(last().sent).toEqual([]);
  });
});

describe("the pause", () => {
  it("is drawn at random, within its bound and never nothing", () => {
    expect([pauseMs(1, () => 0), pauseMs(1, () => 1), pauseMs(3, () => 0.5)]).toEqual([125, 500, 1250]);
    expect(pauseMs(10_000, () => 1)).toBe(CAP_MS);
  });
});

describe("the address of the WebSocket", () => {
  it("is beside the page, in its security, without its words", () => {
    expect(address("http://127.0.0.1:8080/#symbol=X")).toBe("ws://127.0.0.1:8080/ws");
    expect(address("https://books.example/flowrs/?a=1")).toBe("wss://books.example/flowrs/ws");
  });
});
