/**
 * The WebSocket to the gateway, which comes back by itself.
 *
 * A connection that says nothing for `SILENCE_MS` counts as dead however open it looks: the gateway speaks every
 * second, and a laptop that slept, or a proxy that lost the other side, would otherwise show old books as live ones.
 */

import { pauseMs } from "./backoff";

export const SILENCE_MS = 5000;
const CONNECT_MS = 10_000;

/** Whether there is a connection, and if not, what is being done about it. `at` is when the next attempt begins. */
export type LinkState =
  | { kind: "connecting"; failures: number }
  | { kind: "open" }
  | { kind: "waiting"; failures: number; at: number };

export interface Listener {
  onState(state: LinkState): void;
  onText(text: string): void;
}

/** What a `WebSocket` is used for here. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

export class Link {
  private socket: Socket | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private open = false;

  constructor(
    private readonly connect: () => Socket,
    private readonly listener: Listener,
    private readonly random: () => number = Math.random,
  ) {}

  /** Begins to connect, now, whatever it was waiting for. Does nothing while there is a connection. */
  attempt(): void {
    if (this.socket) return;
    clearTimeout(this.timer);
    this.listener.onState({ kind: "connecting", failures: this.failures });
    const socket = this.connect();
    this.socket = socket;
    this.watch(CONNECT_MS);
    socket.onopen = () => {
      this.open = true;
      this.watch(SILENCE_MS);
      this.listener.onState({ kind: "open" });
    };
    socket.onmessage = ({ data }) => {
      this.failures = 0; // not at `onopen`: a gateway that accepts and closes at once is not a success
      this.watch(SILENCE_MS);
      if (typeof data === "string") this.listener.onText(data);
    };
    socket.onclose = () => this.lost();
  }

  /** Sends, if there is a connection. What is said at the beginning of each one is the listener's to repeat. */
  send(message: object): void {
    if (this.open) this.socket?.send(JSON.stringify(message));
  }

  private watch(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(), ms);
  }

  private lost(): void {
    const socket = this.socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.socket = null;
    this.open = false;
    this.failures++;
    clearTimeout(this.timer);
    const pause = pauseMs(this.failures, this.random);
    this.timer = setTimeout(() => this.attempt(), pause);
    this.listener.onState({ kind: "waiting", failures: this.failures, at: Date.now() + pause });
  }
}

/** Where the gateway's WebSocket is: beside the page, also below a reverse proxy's path. */
export function address(base: string): string {
  const url = new URL("ws", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = url.hash = "";
  return url.href;
}
