/** How numbers are written: short, of even width, and the same everywhere on the page. */

import { plain, rescaled } from "./decimal";

/** What stands where nothing is known. */
export const NONE = "–";

/** Separates the digits before the point by threes. */
export function grouped(text: string): string {
  const [whole = "", fraction] = text.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

/** A price with so many digits behind the point, which are all that it has or more. */
export function price(value: bigint, scale: number, digits: number): string {
  return grouped(plain(rescaled(value, scale, digits), digits));
}

/** A quantity rounded to so many digits; one that would round to nothing says that it is less than the last digit. */
export function quantity(value: bigint, scale: number, digits: number): string {
  const rounded = rescaled(value, scale, digits);
  if (rounded === 0n && value > 0n) return `<${plain(1n, digits).replace(/^0\./, ".")}`;
  return grouped(plain(rounded, digits));
}

/** How many digits behind the point a quantity has room for, where the largest one shown is this one. */
export function digitsFor(largest: number, room = 6): number {
  const before = Math.max(1, Math.floor(Math.log10(Math.max(largest, 1))) + 1);
  return Math.max(0, Math.min(room - before, 5));
}

/** A share of the price as percent: two digits that say something, also of a spread of a single tick. */
export function percent(value: number): string {
  const size = Math.abs(value);
  const zeros = size > 0 && size < 1 ? Math.floor(-Math.log10(size)) : 0;
  return `${value.toFixed(Math.min(zeros + 2, 7))} %`;
}

/** A number with at most three significant digits behind its unit's point, such as 1,234 or 12.3. */
export function number(value: number | null | undefined, digits = 0): string {
  return value == null || !Number.isFinite(value) ? NONE : grouped(value.toFixed(digits));
}

const BYTES = ["B", "kB", "MB", "GB", "TB"];

/** An amount of data, decimal units. */
export function bytes(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < BYTES.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${significant(value, unit === 0 ? 0 : 3)} ${BYTES[unit]}`;
}

/** A duration that was measured in microseconds. */
export function microseconds(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  if (value >= 1_000_000) return `${significant(value / 1_000_000, 3)} s`;
  if (value >= 1000) return `${significant(value / 1000, 3)} ms`;
  return `${significant(value, 3)} µs`;
}

/** A count that may get large: 12,345 or 1.23 M. */
export function count(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  if (value >= 1e9) return `${significant(value / 1e9, 4)} G`;
  if (value >= 1e6) return `${significant(value / 1e6, 4)} M`;
  return grouped(value.toFixed(0));
}

/** How long ago something was. Below a second nothing finer is said, so that a busy screen stays calm. */
export function age(ms: number | null): string {
  if (ms === null) return NONE;
  if (ms < 1000) return "< 1 s";
  return span(ms / 1000);
}

/** A span of time in its two largest units. */
export function span(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${two(Math.floor((whole % 86_400) / 3600))} h`;
}

/** The time of day of a moment, in the reader's own zone. */
export function timeOfDay(ms: number): string {
  const moment = new Date(ms);
  return [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function significant(value: number, digits: number): string {
  if (digits === 0) return value.toFixed(0);
  const before = Math.max(1, Math.floor(Math.log10(Math.max(Math.abs(value), 1))) + 1);
  return grouped(value.toFixed(Math.max(0, digits - before)));
}
