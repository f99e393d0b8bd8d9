import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const sources = readdirSync(at("src"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(ts|vue|css)$/.test(name))
  .map((name) => ({ name, text: readFileSync(at(`src/${name}`), "utf8") }));

it("exchange text gets into the page as text alone: nothing writes HTML or runs code", () => {
  expect(sources.length).toBeGreaterThan(20);
  for (const { name, text } of sources) {
    expect(text, name).not.toMatch(/v-html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
  }
});

it("nothing comes from elsewhere, and no data: address, which the page's policy forbids", () => {
  for (const { name, text } of sources) expect(text, name).not.toMatch(/https?:\/\/|url\(|["'`(]data:[a-z]/);
});

it("the lock file names no registry", () => {
  const lock = readFileSync(at("package-lock.json"), "utf8");
  expect(lock).not.toMatch(/"resolved"|registry/);
});
