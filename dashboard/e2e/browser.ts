/** Chromium, and pages that remember what went wrong in them. */

import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

import type { BookUpdate } from "../src/wire";

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

declare global {
  interface Window {
    seen: { shifts: string[]; violations: string[] };
  }
}

/** A page, what its console said that it should not have, and each venue's book as the gateway sent it last. */
export interface Watched {
  page: Page;
  faults: string[];
  books: Map<string, BookUpdate>;
}

export class Browser {
  private readonly contexts: BrowserContext[] = [];
  private readonly browser = chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS });

  /** Opens an address in a window of its own. */
  async open(address: string, options: BrowserContextOptions = {}): Promise<Watched> {
    const context = await (await this.browser).newContext({ viewport: { width: 1440, height: 1000 }, ...options });
    this.contexts.push(context);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("response", (answer) => answer.status() >= 400 && faults.push(`${answer.status()} ${answer.url()}`));
    const books = new Map<string, BookUpdate>();
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => {
        const { type, data } = JSON.parse(String(payload));
        if (type === "book_update") books.set(`${data.venue}:${data.instrument}`, data);
      });
    });
    await page.addInitScript(observe);
    await page.goto(address);
    return { page, faults, books };
  }

  /** Closes all windows. */
  async clear(): Promise<void> {
    await Promise.all(this.contexts.splice(0).map((context) => context.close()));
  }

  async end(): Promise<void> {
    await (await this.browser).close();
  }
}

/** Runs in the page before anything else. */
function observe(): void {
  window.seen = { shifts: [], violations: [] };
  document.addEventListener("securitypolicyviolation", (event) => {
    window.seen.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
  });
  type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node: Node | null }[] };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as Shift[]) {
      if (entry.hadRecentInput) continue;
      const what = entry.sources.map(({ node }) => (node instanceof Element ? node.outerHTML : node?.nodeValue));
      window.seen.shifts.push(`${entry.value}: ${what.join(" ").slice(0, 300)}`);
    }
  }).observe({ type: "layout-shift", buffered: true });
}
