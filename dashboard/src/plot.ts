/** uPlot in a component: as wide as its element, in the theme's colours, drawn anew when the theme changes. */

import uPlot from "uplot";
import { onBeforeUnmount, onMounted, type Ref, watch } from "vue";

import { batched } from "./frames";

/** The theme's colours by the names that style.css gives them. */
export type Ink = (name: string) => string;

export type Options = (ink: Ink) => Omit<uPlot.Options, "width" | "height">;

/** How often a chart is drawn at most. A curve says no more five times a second than twice, and its labels cost. */
const GAP_MS = 500;

/** Draws into `element` what `data` gives, again when `source` changes. */
export function usePlot(
  element: Ref<HTMLElement | null>,
  options: Options,
  data: () => uPlot.AlignedData,
  source: () => unknown,
  theme: () => unknown,
): void {
  let plot: uPlot | null = null;
  const resized = new ResizeObserver(([entry]) => {
    if (entry) plot?.setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
  });

  function build(): void {
    const at = element.value;
    if (!at) return;
    plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const ink = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const { width, height } = at.getBoundingClientRect();
    plot = new uPlot({ ...options(ink), width, height }, data(), at);
  }

  onMounted(() => {
    build();
    if (element.value) resized.observe(element.value);
  });
  onBeforeUnmount(() => {
    resized.disconnect();
    plot?.destroy();
  });
  watch(source, batched(() => plot?.setData(data()), GAP_MS));
  watch(theme, build, { flush: "post" });
}

/** An axis as all charts here have it. */
export function axis(ink: Ink, more: uPlot.Axis): uPlot.Axis {
  const line = { stroke: ink("line"), width: 1 };
  return { stroke: ink("muted"), font: "11px system-ui, sans-serif", grid: line, ticks: { ...line, size: 4 }, ...more };
}
