/** uPlot in a component: as wide as its element, in the theme's colours, drawn anew when the theme changes. */

import uPlot from "uplot";
import { onBeforeUnmount, onMounted, type Ref, watch } from "vue";

/** The theme's colours by the names that style.css gives them. */
export type Ink = (name: string) => string;

export type Options = (ink: Ink) => Omit<uPlot.Options, "width" | "height">;

/** Draws into `element` what `data` gives, and again whenever it gives something else. */
export function usePlot(
  element: Ref<HTMLElement | null>,
  options: Options,
  data: () => uPlot.AlignedData,
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
  watch(data, (now) => plot?.setData(now));
  watch(theme, build, { flush: "post" });
}

/** An axis as all charts here have it. */
export function axis(ink: Ink, more: uPlot.Axis): uPlot.Axis {
  const line = { stroke: ink("line"), width: 1 };
  return { stroke: ink("muted"), font: "11px system-ui, sans-serif", grid: line, ticks: { ...line, size: 4 }, ...more };
}
