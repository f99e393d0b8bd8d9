/** How each exchange looks: two or three letters and its own colours. Never by colour alone. */

export interface Look {
  code: string;
  background: string;
  ink: string;
}

const KNOWN: Readonly<Record<string, Look>> = {
  Binance: { code: "BN", background: "#f0b90b", ink: "#1d1600" },
  Bybit: { code: "BY", background: "#17181e", ink: "#f7a600" },
  Coinbase: { code: "CB", background: "#0052ff", ink: "#ffffff" },
  Kraken: { code: "KR", background: "#6b38e8", ink: "#ffffff" },
  OKX: { code: "OK", background: "#ffffff", ink: "#000000" },
};

// For exchanges that plugins bring. Each is dark enough for white letters.
const OTHERS = ["#00695c", "#a3195b", "#33691e", "#7a3e00", "#37474f", "#004d73", "#6a1b1a", "#4a148c"];

const PERPETUAL = " Perp";

/** The look of an exchange. One that is not known gets a look that follows from its name, everywhere the same. */
export function look(exchange: string): Look {
  const perpetual = exchange.endsWith(PERPETUAL);
  const name = perpetual ? exchange.slice(0, -PERPETUAL.length) : exchange;
  const known = Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined;
  const { code, background, ink } = known ?? made(name);
  return { code: perpetual ? `${code}P` : code, background, ink };
}

function made(name: string): Look {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  const letters = name.replace(/[^\p{L}\p{N}]/gu, "").toUpperCase();
  const code = [...letters].slice(0, 2).join("") || "?";
  return { code, background: OTHERS[hash % OTHERS.length] ?? "#37474f", ink: "#ffffff" };
}
