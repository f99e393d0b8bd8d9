import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the gateway that it passes /ws on to. */
const GATEWAY = process.env["FLOWRS_GATEWAY"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./", // so that a reverse proxy may serve the page below any path
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
  build: {
    outDir: "../flowrs/gateway/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // an inlined asset is a data: address, which the page's policy forbids
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" },
  },
  server: {
    proxy: { "/ws": { target: GATEWAY, ws: true, changeOrigin: true, rewriteWsOrigin: true } },
  },
  test: {
    projects: [
      { test: { name: "pure", include: ["tests/**/*.test.ts"], environment: "node" } },
      {
        test: {
          name: "browser",
          include: ["e2e/**/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
          hookTimeout: 90_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
