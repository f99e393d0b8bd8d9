/** How long to wait before the next attempt to connect: at random up to a bound that doubles with each failure. */

export const BASE_MS = 500;
export const CAP_MS = 10_000;

/** The pause after so many failures in a row. Drawn at random, so that 200 pages do not come back in one instant. */
export function pauseMs(failures: number, random: () => number = Math.random): number {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures - 1, 16));
  return Math.round(bound * (0.25 + 0.75 * random()));
}
