"""`sim`: simulated exchanges on loopback, with a generated market or recorded traffic."""

from __future__ import annotations

from typing import Any, Literal

import click


def _speed(_ctx: click.Context, _param: click.Parameter, value: str) -> float | Literal["max"]:
    if value == "max":
        return "max"
    try:
        return float(value)
    except ValueError:
        reason = f"{value!r} is neither a number nor max."
        raise click.BadParameter(reason) from None


def _list_faults(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - as click has it
    if value:
        from flowrs.sim import list_faults  # noqa: PLC0415 - Trio and the simulator, which no other command needs

        click.echo(list_faults())
        ctx.exit()


@click.command(
    epilog="""\b
It prints its addresses as a configuration for "flowrs run". A recording is what
hftbacktest's or cryptofeed's collector wrote, gzipped or not. A fault is
NAME[:SYMBOL][@SECONDS][xCOUNT]: SECONDS after the start, COUNT times.

\b
Examples:
  flowrs sim --seed 7
  flowrs sim --symbol BTC-USDT --symbol ETH-USDT --port 9002
  flowrs sim --venue binance --venue kraken --fault drop:BTC-USDT@10x2
  flowrs sim --replay spot__btcusdt_20240808.gz --speed 10
  flowrs sim --dialect tulip.toml --symbol BTC-USDT
"""
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=9001, show_default=True, help="0 for any that is free.")
@click.option("--venue", "venues", multiple=True, help="Which exchange, may be repeated: each gets the next port.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same market.")
@click.option("--symbol", "symbols", multiple=True, help="What to trade, may be repeated.  [default: nine pairs]")
@click.option("--replay", multiple=True, metavar="FILE", help="Recorded traffic instead, may be repeated.")
@click.option("--speed", callback=_speed, default="1", show_default=True, help="A replay's pace: 1, 10, … or max.")
@click.option("--stop-at-end", is_flag=True, help="End with the recording.")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="What is to go wrong, may be repeated.")
@click.option("--dialect", default="", metavar="FILE", help="An exchange that FILE (or the one in a folder) describes.")
@click.option(
    "--list-faults", is_flag=True, is_eager=True, expose_value=False, callback=_list_faults, help="List them."
)
def sim(**options: Any) -> None:
    """Stand in for exchanges, until Ctrl-C or SIGTERM."""
    from flowrs.cli.exchange import run  # noqa: PLC0415 - Trio and the simulator, which no other command needs

    run(**options)
