"""Following a book: a live table on a terminal, a line for each change in a pipe.

It asks five times a second: the eye needs no more, and a program that does should subscribe instead of run a command.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flowrs.cli.book import heading, parts
from flowrs.cli.output import clean, echo, is_terminal, show_json
from flowrs.cli.signals import ends_tidily
from flowrs.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[], dict[str, Any]]

PERIOD_S = 0.2


def follow(ask: Ask, *, as_json: bool = False, seconds: float | None = None) -> None:
    """Show what `ask` returns again and again, for so many seconds; None means until interrupted."""
    until = time.monotonic() + seconds if seconds is not None else float("inf")
    with ends_tidily():
        if is_terminal() and not as_json:
            _draw(ask, until)
        else:
            _print(ask, until, as_json=as_json)


def _draw(ask: Ask, until: float) -> None:
    from rich.live import Live  # noqa: PLC0415 - rich only on a terminal

    from flowrs.cli import screen  # noqa: PLC0415 - as above

    with Live(console=screen.console(), auto_refresh=False) as live:
        while time.monotonic() < until:
            live.update(screen.drawn(*parts(_answer(ask))), refresh=True)
            time.sleep(PERIOD_S)


def _print(ask: Ask, until: float, *, as_json: bool) -> None:
    last = None
    while time.monotonic() < until:
        answer = _answer(ask)
        change = [answer[key] for key in ("state", "reason", "epoch", "seq")]
        if change != last:
            last = change
            if as_json:
                show_json(answer)
            else:
                echo(clean(_line(answer)))
        time.sleep(PERIOD_S)


def _answer(ask: Ask) -> dict[str, Any]:
    """Return the book, or its state without levels while it is refused as not live. Raises other `ControlError`s."""
    try:
        return ask()
    except ControlError as error:
        if error.code != "not_live":
            raise
        unknown = dict.fromkeys(("venue", "symbol", "state", "reason", "verified", "epoch", "seq", "age_ms"))
        return {**unknown, **error.data, "bids": [], "asks": [], "window": {"low": None, "high": None}}


def _line(answer: dict[str, Any]) -> str:
    best = [f"{side} {levels[0][0]} x {levels[0][1]}" for side in ("bid", "ask") if (levels := answer[f"{side}s"])]
    return "  ".join([time.strftime("%H:%M:%SZ", time.gmtime()), heading(answer), *best])
