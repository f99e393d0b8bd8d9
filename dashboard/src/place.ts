/** What the page shows, as the part of its address behind #: so it can be shared, and comes back after a reload. */

import { isDecimal } from "./decimal";

export type Theme = "auto" | "light" | "dark";

export interface Place {
  /** The chosen symbol; null for the first that the gateway names. */
  symbol: string | null;
  /** Exchanges that take no part, by display name. */
  hidden: ReadonlySet<string>;
  theme: Theme;
  /** By what prices are gathered; null for each price of its own. */
  step: string | null;
}

export const ANYWHERE: Place = { symbol: null, hidden: new Set(), theme: "auto", step: null };

/** Reads an address. What it does not understand is as if it were not there. */
export function parse(hash: string): Place {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const theme = words.get("theme");
  const step = words.get("group");
  return {
    symbol: words.get("symbol") || null,
    hidden: new Set((words.get("hide") ?? "").split(",").filter(Boolean)),
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    step: isDecimal(step) && /[1-9]/.test(step) ? step : null,
  };
}

/** Writes an address: what is as it is anyway is left out. */
export function format(place: Place): string {
  const words = new URLSearchParams();
  if (place.symbol) words.set("symbol", place.symbol);
  if (place.hidden.size) words.set("hide", [...place.hidden].sort().join(","));
  if (place.step) words.set("group", place.step);
  if (place.theme !== "auto") words.set("theme", place.theme);
  const text = words.toString().replaceAll("%2C", ",");
  return text && `#${text}`;
}
