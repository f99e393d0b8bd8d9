/**
 * Exact decimals: prices and quantities are integers at a scale (digits behind the point), never floats.
 *
 * `Number` holds 15 digits, and a level whose price differs in the 16th would be shown as another level. A library for
 * decimals was rejected: what is needed of one is these functions.
 */

const GRAMMAR = /^\d{1,30}(?:\.\d{1,30})?$/;

/** Whether a text is a decimal as the gateway writes it: digits, perhaps a point and more digits. */
export function isDecimal(text: unknown): text is string {
  return typeof text === "string" && GRAMMAR.test(text);
}

/** How many digits a decimal has behind the point, zeros at the end not counted. */
export function scaleOf(text: string): number {
  const point = text.indexOf(".");
  if (point < 0) return 0;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end--;
  return Math.max(0, end - point - 1);
}

/** The integer that a decimal is at a scale. The scale must be at least `scaleOf(text)`. */
export function scaled(text: string, scale: number): bigint {
  const point = text.indexOf(".");
  if (point < 0) return BigInt(text + "0".repeat(scale));
  const digits = text.slice(point + 1, point + 1 + scale);
  return BigInt(text.slice(0, point) + digits + "0".repeat(scale - digits.length));
}

/** The decimal that an integer is at a scale, with all its digits behind the point. */
export function plain(value: bigint, scale: number): string {
  const sign = value < 0n ? "-" : "";
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The integer at another scale; what does not fit is rounded half away from zero, for display alone. */
export function rescaled(value: bigint, from: number, to: number): bigint {
  if (to >= from) return value * 10n ** BigInt(to - from);
  const unit = 10n ** BigInt(from - to);
  const half = value < 0n ? -(unit / 2n) : unit / 2n;
  return (value + half) / unit;
}

/** The nearest float, for bars and charts, where a pixel is coarser than the error. */
export function approximately(value: bigint, scale: number): number {
  return Number(value) / 10 ** scale;
}
