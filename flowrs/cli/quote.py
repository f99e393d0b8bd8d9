"""`quote`: what an amount costs, or brings, at the exchanges' books as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options, together
from flowrs.cli.output import NONE, Cell, Table, show, show_json
from flowrs.client import Client

if TYPE_CHECKING:
    from pathlib import Path

_SPARE = (("levels",), ("fee",), ("worst",), ("fees",))


def _fees(_ctx: click.Context, _param: click.Parameter, told: tuple[str, ...]) -> dict[str, str]:
    fees = {}
    for each in told:
        venue, equals, percent = each.partition("=")
        if not (venue and equals and percent):
            reason = f"{each!r} is not VENUE=PERCENT, such as binance=0.1."
            raise click.BadParameter(reason)
        fees[venue] = percent
    return fees


@click.command(
    epilog="""\b
The best levels of all live books of the symbol, or its group, are taken first, the fee reckoned in.
If the known levels do not fill the amount, it says so, and the exit code is still 0: look at "complete" with --json.

\b
Examples:
  flowrs quote BTC-USDT buy 5
  flowrs quote BTC-USDT sell 100000 --quote
  flowrs quote BTC-USDT buy 5 --fee binance=0.1 --fee bybit=0.055
  flowrs quote bybit:BTC-USDT buy 5 --json | jq -r .average
"""
)
@options.symbol
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("amount")
@click.option("--quote", "in_quote", is_flag=True, help="AMOUNT is in the quote currency, fees included.")
@click.option(
    "--fee", "fees", multiple=True, callback=_fees, metavar="VENUE=PERCENT", help="Instead of the configured one."
)
@options.venue
@options.as_json
@options.socket
def quote(
    *,
    symbol: str,
    side: str,
    amount: str,
    in_quote: bool,
    fees: dict[str, str],
    venue: str | None,
    as_json: bool,
    socket: Path | None,
) -> None:
    """Show what it costs to buy, or brings to sell, AMOUNT of SYMBOL at once, and where."""
    symbol, venue = options.place(symbol, venue)
    params: dict[str, Any] = {"symbol": symbol, "side": side, "amount": amount}
    params |= {"currency": "quote"} if in_quote else {}
    params |= {"venue": venue} if venue else {}
    params |= {"fees": fees} if fees else {}
    with Client(socket) as client:
        answer = client.call("quote", **params)
    if as_json:
        show_json(answer)
    else:
        show(*parts(answer))


def parts(answer: dict[str, Any]) -> tuple[Cell | Table, ...]:
    """Return what comes of it in all, by book, and what is missing."""
    base, currency = _currencies(answer["symbol"])
    filled, total = answer["filled"], answer["total"]
    words = [f"{answer['side']} {filled['base']} {base} for {total} {currency}"]
    if answer["average"] is not None:
        words.append(f"average {answer['average']}")
        words.append(f"best {answer['best']}, worst {answer['worst']}")
        words.append(f"slippage {float(answer['slippage_bp']):.4f} bp")
    if answer["fee"]["quote"] != "0":
        words.append(f"fees {answer['fee']['quote']}")
    rows: list[tuple[Cell | str, ...]] = [
        (
            each["id"],
            each["base"],
            each["quote"],
            each["average"],
            each["worst"],
            str(each["levels"]),
            f"{each['fee_percent']} %",
            each["fee"],
        )
        for each in answer["split"]
    ]
    titles = ("book", ">base", ">value", ">average", ">worst", ">levels", ">fee", ">fees")
    shown: list[Cell | Table] = [Cell("  ".join(words), "bold"), Table(titles, rows, _SPARE)]
    unit = base if answer["currency"] == "base" else currency
    if not answer["complete"]:
        shown.append(Cell(f"not complete: nobody is known to have the last {answer['rest']} {unit}", "red"))
    if answer["unknown"]:
        shown.append(Cell(f"known only in part, and may have more: {', '.join(answer['unknown'])}", "yellow"))
    if missing := together.left_out(answer["parts"]):
        shown.append(missing)
    return tuple(shown)


def _currencies(symbol: str) -> tuple[str, str]:
    base, _, rest = symbol.partition("-")
    return base, rest.partition("-")[0] or NONE
