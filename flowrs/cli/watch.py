"""Following a book: a live table on a terminal, a line for each change in a pipe.

It asks five times a second: the eye needs no more, and a program that does should subscribe instead of run a command.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from flowrs.cli import book, together
from flowrs.cli.output import clean, echo, is_terminal, show_json
from flowrs.cli.signals import ends_tidily
from flowrs.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.cli.output import Cell, Table

    Answer = dict[str, Any]
    Ask = Callable[[], Answer]

PERIOD_S = 0.2


class View(NamedTuple):
    """How an answer is shown (tables, or a line), when it has changed, and what there is while it is `not_live`."""

    parts: Callable[[Answer], tuple[Cell | Table, ...]]
    line: Callable[[Answer], str]
    change: Callable[[Answer], object]
    nothing: Callable[[Answer], Answer]


ONE = View(book.parts, book.line, book.change, book.nothing)
SEVERAL = View(together.parts, together.line, together.change, together.nothing)


def follow(ask: Ask, view: View = ONE, *, as_json: bool = False, seconds: float | None = None) -> None:
    """Show what `ask` returns again and again, for so many seconds; None means until interrupted."""
    until = time.monotonic() + seconds if seconds is not None else float("inf")
    with ends_tidily():
        if is_terminal() and not as_json:
            _draw(ask, view, until)
        else:
            _print(ask, view, until, as_json=as_json)


def _draw(ask: Ask, view: View, until: float) -> None:
    from rich.live import Live  # noqa: PLC0415 - rich only on a terminal

    from flowrs.cli import screen  # noqa: PLC0415 - as above

    with Live(console=screen.console(), auto_refresh=False) as live:
        while time.monotonic() < until:
            live.update(screen.drawn(*view.parts(_answer(ask, view))), refresh=True)
            time.sleep(PERIOD_S)


def _print(ask: Ask, view: View, until: float, *, as_json: bool) -> None:
    last = None
    while time.monotonic() < until:
        answer = _answer(ask, view)
        change = view.change(answer)
        if change != last:
            last = change
            if as_json:
                show_json(answer)
            else:
                echo(clean(f"{time.strftime('%H:%M:%SZ', time.gmtime())}  {view.line(answer)}"))
        time.sleep(PERIOD_S)


def _answer(ask: Ask, view: View) -> Answer:
    """Return the answer, or what is known while it is refused as not live. Raises other `ControlError`s."""
    try:
        return ask()
    except ControlError as error:
        if error.code != "not_live":
            raise
        return view.nothing(error.data)
