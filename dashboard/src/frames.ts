/** Gathers changes: however many messages come, the page is drawn once per frame, and at most every `gapMs`. */

/** Returns a function that asks for `draw`, which runs soon. In a tab that nobody sees it waits until it is seen. */
export function batched(draw: () => void, gapMs: number): () => void {
  let asked = false;
  let drawn = -Infinity;
  const frame = (now: number) => {
    asked = false;
    drawn = now;
    draw();
  };
  return () => {
    if (asked) return;
    asked = true;
    const wait = drawn + gapMs - performance.now();
    if (wait <= 0) requestAnimationFrame(frame);
    else setTimeout(() => requestAnimationFrame(frame), wait);
  };
}
