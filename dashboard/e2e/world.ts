/** The real thing on this machine: simulated exchanges, the daemon and the gateway, each a process to be killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const TOP = fileURLToPath(new URL("../../", import.meta.url));
const PYTHON = process.env["FLOWRS_PYTHON"] ?? "python3";
const START_MS = 60_000;

type Name = "exchanges" | "kraken" | "daemon" | "gateway";

export class World {
  address = "";
  private readonly folder = mkdtempSync(join(tmpdir(), "flowrs-dashboard-"));
  private readonly socket = join(this.folder, "flowrs.sock");
  private readonly config = join(this.folder, "flowrs.toml");
  private readonly words = new Map<Name, string[]>();
  private readonly running = new Map<Name, ChildProcess>();

  /** Starts everything. Kraken is a process of its own, to be killed alone; of another seed, so that it crosses others. */
  async begin(): Promise<void> {
    this.words.set("exchanges", sim(0, "--venue", "binance", "--venue", "bybit", "--venue", "coinbase"));
    this.words.set("kraken", sim(0, "--venue", "kraken", "--seed", "5"));
    this.start("exchanges");
    this.start("kraken");
    const others = await this.said("exchanges", /coinbase[^]*^rest_url.*$/m);
    const kraken = await this.said("kraken", /^rest_url.*$/m);
    const quick = "$&\nretry_base_s = 0.1\nretry_cap_s = 0.5";
    const venues = `${others}\n${kraken}\n`.replace(/^rest_url.*$/gm, quick);
    writeFileSync(this.config, `${venues}[groups]\nequivalents = [["USDT", "USD"]]\n`); // as the demo has it
    this.words.set("kraken", sim(Number(/:(\d+)/.exec(kraken)![1]), "--venue", "kraken", "--seed", "5"));
    this.words.set("daemon", ["run", "--config", this.config, "--socket", this.socket]);
    this.words.set("gateway", ["gateway", "--port", "0", "--socket", this.socket]);
    this.start("daemon");
    this.start("gateway");
    this.address = /http:\S+/.exec(await this.said("gateway", /http:\S+/))![0];
    this.words.set("gateway", ["gateway", "--port", new URL(this.address).port, "--socket", this.socket]);
  }

  /** Starts again what has been killed. */
  mend(): void {
    for (const [name, child] of this.running) if (child.exitCode !== null || child.signalCode !== null) this.start(name);
  }

  private start(name: Name): void {
    const log = openSync(this.log(name), "w");
    // Tied to this process by the kernel, so that nothing stays behind however the tests end.
    const words = ["-m", "flowrs.cli.child", String(process.pid), ...this.words.get(name)!];
    this.running.set(name, spawn(PYTHON, words, { cwd: TOP, stdio: ["ignore", log, log] }));
    closeSync(log);
  }

  /** Ends a process as a crash does. */
  async kill(name: Name): Promise<void> {
    const child = this.running.get(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async end(): Promise<void> {
    await Promise.all([...this.running.keys()].map((name) => this.kill(name)));
    rmSync(this.folder, { recursive: true });
  }

  private log(name: Name): string {
    return join(this.folder, `${name}.log`);
  }

  /** Waits until a process has printed something, and returns all that it printed up to then. */
  private async said(name: Name, what: RegExp): Promise<string> {
    for (const end = Date.now() + START_MS; Date.now() < end; await sleep(50)) {
      const text = readFileSync(this.log(name), "utf8");
      if (what.test(text) && text.endsWith("\n")) return text;
      if (this.running.get(name)!.exitCode !== null) break;
    }
    throw new Error(`${name} did not begin: ${readFileSync(this.log(name), "utf8") || "it said nothing"}`);
  }
}

function sim(port: number, ...more: string[]): string[] {
  return ["sim", "--port", String(port), ...more];
}
