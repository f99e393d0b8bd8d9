/**
 * What the gateway sends, as docs/gateway.md has it, checked once where it comes in.
 *
 * Everything behind this module may rely on the types. Fields and kinds of messages that are not known here are let
 * pass, since the contract may grow; a known one that is not as described is refused whole and named.
 */

import { isDecimal } from "./decimal";

export type State = "empty" | "syncing" | "live" | "stale" | "disabled";

const STATES: ReadonlySet<unknown> = new Set<State>(["empty", "syncing", "live", "stale", "disabled"]);

/** A price and a quantity, exact. */
export interface Level {
  price: string;
  quantity: string;
}

/** What is said of a book wherever it is spoken of. */
export interface Standing {
  exchange: string;
  venue: string;
  symbol: string;
  instrument: string;
  state: State;
  reason: string | null;
  age_ms: number | null;
  epoch: number;
  seq: number;
}

export interface BookUpdate extends Standing {
  bids: Level[];
  asks: Level[];
}

export interface Status extends Standing {
  verified: string | null;
  bid: string | null;
  ask: string | null;
}

export interface Trade {
  exchange: string;
  symbol: string;
  price: string;
  quantity: string;
  side: "buy" | "sell";
  timestamp: number;
}

/** Measurements; what could not be measured, such as a latency before the first message, is null. */
export type VenueMetrics = { exchange: string; venue: string } & Record<(typeof VENUE_MEASURES)[number], number | null>;

export type Metrics = { venues: VenueMetrics[] } & Record<(typeof MEASURES)[number], number | null>;

const VENUE_MEASURES = ["messages_per_second", "reconnects", "latency_p50_us", "latency_p99_us"] as const;

const MEASURES = [
  "messages_per_second",
  "bytes_per_second",
  "latency_avg_us",
  "latency_p50_us",
  "latency_p95_us",
  "latency_p99_us",
  "total_messages",
  "uptime_seconds",
  "memory_used_mb",
  "memory_rss_mb",
  "cpu_usage_percent",
  "active_connections",
  "websocket_reconnects",
  "bytes_received",
  "books",
  "live_books",
  "clients",
] as const;

export interface Gateway {
  daemon: "up" | "down";
  message: string;
  version: string;
}

export type Message =
  | { type: "symbol_list"; data: string[] }
  | { type: "book_update"; data: BookUpdate }
  | { type: "status"; data: Status[] }
  | { type: "trade"; data: Trade }
  | { type: "metrics"; data: Metrics }
  | { type: "gateway"; data: Gateway }
  | { type: "error"; data: { message: string } };

/** A message that is not as the contract says. */
export class Unreadable extends Error {}

/** The message that a text is; null for a kind that this page does not know. Throws `Unreadable`. */
export function read(text: string): Message | null {
  const { type, data } = record(parsed(text), "message");
  switch (type) {
    case "symbol_list":
      return { type, data: list(data, "symbol_list").map((each) => string(each, "symbol_list")) };
    case "book_update":
      return { type, data: bookUpdate(record(data, type)) };
    case "status":
      return { type, data: list(data, type).map((each) => status(record(each, type))) };
    case "trade":
      return { type, data: trade(record(data, type)) };
    case "metrics":
      return { type, data: metrics(record(data, type)) };
    case "gateway":
      return { type, data: gateway(record(data, type)) };
    case "error":
      return { type, data: { message: string(record(data, type)["message"], "error.message") } };
    default:
      return null;
  }
}

type Fields = Record<string, unknown>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreadable("message: no JSON");
  }
}

function standing(data: Fields, of: string): Standing {
  const state = data["state"];
  if (!STATES.has(state)) throw new Unreadable(`${of}.state`);
  return {
    exchange: string(data["exchange"], `${of}.exchange`),
    venue: string(data["venue"], `${of}.venue`),
    symbol: string(data["symbol"], `${of}.symbol`),
    instrument: string(data["instrument"], `${of}.instrument`),
    state: state as State,
    reason: data["reason"] == null ? null : string(data["reason"], `${of}.reason`),
    age_ms: measured(data["age_ms"], `${of}.age_ms`),
    epoch: finite(data["epoch"], `${of}.epoch`),
    seq: finite(data["seq"], `${of}.seq`),
  };
}

function bookUpdate(data: Fields): BookUpdate {
  return {
    ...standing(data, "book_update"),
    bids: list(data["bids"], "book_update.bids").map(level),
    asks: list(data["asks"], "book_update.asks").map(level),
  };
}

function level(value: unknown): Level {
  const { price, quantity } = record(value, "level");
  return { price: decimal(price, "level.price"), quantity: decimal(quantity, "level.quantity") };
}

function status(data: Fields): Status {
  return {
    ...standing(data, "status"),
    verified: data["verified"] == null ? null : string(data["verified"], "status.verified"),
    bid: data["bid"] == null ? null : decimal(data["bid"], "status.bid"),
    ask: data["ask"] == null ? null : decimal(data["ask"], "status.ask"),
  };
}

function trade(data: Fields): Trade {
  const side = data["side"];
  if (side !== "buy" && side !== "sell") throw new Unreadable("trade.side");
  return {
    exchange: string(data["exchange"], "trade.exchange"),
    symbol: string(data["symbol"], "trade.symbol"),
    price: decimal(data["price"], "trade.price"),
    quantity: decimal(data["quantity"], "trade.quantity"),
    side,
    timestamp: finite(data["timestamp"], "trade.timestamp"),
  };
}

function metrics(data: Fields): Metrics {
  const venues = list(data["venues"], "metrics.venues").map((each) => venueMetrics(record(each, "metrics.venues")));
  return { ...measures(data, MEASURES, "metrics"), venues };
}

function venueMetrics(data: Fields): VenueMetrics {
  return {
    exchange: string(data["exchange"], "metrics.venues.exchange"),
    venue: string(data["venue"], "metrics.venues.venue"),
    ...measures(data, VENUE_MEASURES, "metrics.venues"),
  };
}

function measures<Name extends string>(data: Fields, names: readonly Name[], of: string): Record<Name, number | null> {
  const found = names.map((name) => [name, measured(data[name], `${of}.${name}`)]);
  return Object.fromEntries(found) as Record<Name, number | null>;
}

function gateway(data: Fields): Gateway {
  const daemon = data["daemon"];
  if (daemon !== "up" && daemon !== "down") throw new Unreadable("gateway.daemon");
  const text = (name: string) => (data[name] == null ? "" : string(data[name], `gateway.${name}`));
  return { daemon, message: text("message"), version: text("version") };
}

function record(value: unknown, of: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Unreadable(`${of}: no object`);
  return value as Fields;
}

function list(value: unknown, of: string): unknown[] {
  if (!Array.isArray(value)) throw new Unreadable(`${of}: no list`);
  return value;
}

function string(value: unknown, of: string): string {
  if (typeof value !== "string") throw new Unreadable(`${of}: no text`);
  return value;
}

function decimal(value: unknown, of: string): string {
  if (!isDecimal(value)) throw new Unreadable(`${of}: no decimal`);
  return value;
}

function finite(value: unknown, of: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Unreadable(`${of}: no number`);
  return value;
}

function measured(value: unknown, of: string): number | null {
  return value == null ? null : finite(value, of);
}
