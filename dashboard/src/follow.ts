/** Ties link, market and address together, and draws at most every `GAP_MS`: what the components are given. */

import { computed, ref, shallowRef, triggerRef } from "vue";

import { batched } from "./frames";
import { address, Link, type LinkState, type Socket } from "./link";
import { Market, type Sample } from "./market";
import { format, parse, type Place } from "./place";
import { compare, Digits, grid, ladder } from "./view";
import { read, Unreadable } from "./wire";

const GAP_MS = 350;
/** Ages are shown in seconds: a tick of theirs draws what shows them, and what comes in between does not. */
const TICK_MS = 500;
const DEPTH = 50;

/** Begins to follow the gateway. Called once; it goes on from load to unload. */
export function follow() {
  const market = new Market();
  const digits = new Digits();
  const place = shallowRef<Place>(parse(location.hash));
  const state = shallowRef<LinkState>({ kind: "connecting", failures: 0 });
  const now = ref(performance.now());
  const symbols = shallowRef(market.symbols);
  const symbol = ref<string | null>(null);
  const book = shallowRef(ladder(market, place.value, digits));
  const venues = shallowRef(compare(market, place.value));
  const glance = shallowRef(grid(market));
  const trades = shallowRef(market.trades);
  const metrics = shallowRef(market.metrics);
  const gateway = shallowRef(market.gateway);
  const notice = ref("");
  const history = shallowRef<Sample[]>(market.history);

  /** What this connection was asked for. */
  let asked: string | null = null;

  function draw(): void {
    const dirty = new Set(market.dirty);
    market.dirty.clear();
    if (dirty.has("symbols")) {
      symbols.value = market.symbols;
      symbol.value = market.symbol;
    }
    if (dirty.has("books")) {
      book.value = ladder(market, place.value, digits);
      venues.value = compare(market, place.value);
    }
    if (dirty.has("standings") || dirty.has("symbols")) {
      now.value = performance.now();
      glance.value = grid(market);
    }
    if (dirty.has("trades")) trades.value = [...market.trades];
    if (dirty.has("metrics")) {
      metrics.value = market.metrics;
      triggerRef(history);
    }
    if (dirty.has("gateway")) gateway.value = market.gateway;
    if (dirty.has("notice")) notice.value = market.notice;
  }
  const redraw = batched(draw, GAP_MS);

  /** The symbol that the address names, if it is followed here, else the first that is. */
  function chosen(): string | null {
    const wanted = place.value.symbol;
    return wanted !== null && market.symbols.includes(wanted) ? wanted : (market.symbols[0] ?? null);
  }

  /** Turns to the chosen symbol and asks the gateway for it. */
  function settle(): void {
    const [wanted, found] = [place.value.symbol, chosen()];
    const missing = wanted !== null && wanted !== found && found !== null;
    market.say(missing ? `${wanted} is not followed here; this is ${found}.` : "");
    if (found !== market.symbol) market.choose(found);
    if (found === asked) return; // the list has changed, not the choice: to ask again would repeat its trades
    asked = found;
    if (found) link.send({ type: "select", data: { symbol: found, depth: DEPTH } });
  }

  const link = new Link(() => new WebSocket(address(document.baseURI)) as unknown as Socket, {
    onState(next) {
      const before = state.value.kind;
      state.value = next;
      if (next.kind === "open") {
        asked = null;
        market.begin();
      } else if (before === "open") market.lost();
      redraw();
    },
    onText(text) {
      try {
        const message = read(text);
        if (message) market.take(message, performance.now());
        if (message?.type === "symbol_list") settle();
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        market.say(`The gateway said something that this page does not understand (${error.message}).`);
      }
      redraw();
    },
  });

  function go(change: Partial<Place>): void {
    place.value = { ...place.value, ...change };
    window.history.replaceState(null, "", location.pathname + location.search + format(place.value));
    arrive();
  }

  /** Shows what the address says by now. */
  function arrive(): void {
    if (chosen() !== market.symbol) settle();
    market.dirty.add("books");
    redraw();
  }

  addEventListener("hashchange", () => {
    place.value = parse(location.hash);
    arrive();
  });
  const return_ = () => document.visibilityState === "visible" && link.attempt();
  addEventListener("online", return_);
  document.addEventListener("visibilitychange", return_);
  setInterval(() => (now.value = performance.now()), TICK_MS);
  link.attempt();

  const connected = computed(() => state.value.kind === "open");
  return {
    place: computed(() => place.value),
    go,
    retry: () => link.attempt(),
    state,
    connected,
    now,
    symbols,
    symbol,
    book,
    venues,
    glance,
    trades,
    metrics,
    gateway,
    notice,
    history,
  };
}
