import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { batched } from "../src/frames";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("requestAnimationFrame", (frame: (now: number) => void) =>
    setTimeout(() => frame(performance.now()), 16),
  );
});
afterEach(() => vi.useRealTimers());

it("draws once for any number of changes, and not more often than it should", () => {
  const draw = vi.fn();
  const redraw = batched(draw, 100);
  for (let message = 0; message < 1000; message++) {
    redraw();
    vi.advanceTimersByTime(1);
  }
  expect(draw.mock.calls.length).toBeGreaterThan(5);
  expect(draw.mock.calls.length).toBeLessThanOrEqual(10);
});

it("draws the last change too", () => {
  let [value, drawn] = [0, 0];
  const redraw = batched(() => (drawn = value), 100);
  for (value = 1; value < 50; value++) redraw();
  vi.advanceTimersByTime(200);
  redraw();
  value = 99;
  redraw();
  vi.advanceTimersByTime(200);
  expect(drawn).toBe(99);
});
