"""How the books of several exchanges are shown as one: which are in it, and whose each level is."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from flowrs.cli.output import NONE, STATE_STYLE, Cell, Table

_MARKETS = {"normal": "", "locked": "locked: bid and ask are equal", "crossed": "crossed: a bid is above an ask"}


def parts(answer: dict[str, Any]) -> tuple[Cell | Table, ...]:
    """Return the heading, the levels, best first, bids on the left, and the books that are left out."""
    rows: list[tuple[Cell | str, ...]] = []
    empty: tuple[str, str, dict[str, str]] = ("", "", {})
    for bid, ask in zip_longest(answer["bids"], answer["asks"], fillvalue=empty):
        rows.append(
            (
                whose(answer, bid[2]),
                bid[1],
                Cell(bid[0], "green"),
                Cell(ask[0], "red"),
                ask[1],
                whose(answer, ask[2]),
            )
        )
    style = STATE_STYLE["live" if answer["bids"] or answer["asks"] else "stale"]
    titles = (">of", ">bid quantity", ">bid", ">ask", ">ask quantity", "of")
    levels = Table(titles, rows, spare=(("of",), ("bid quantity", "ask quantity")))
    missing = left_out(answer["parts"])
    return (Cell(heading(answer), f"bold {style}"), levels, *([missing] if missing else []))


def heading(answer: dict[str, Any]) -> str:
    """Return what it is, how many books are in it, and the spread between all of them."""
    included = sum(part["included"] for part in answer["parts"])
    words = [str(answer["symbol"]), f"{included} of {len(answer['parts'])} books live"]
    if answer["spread"]:
        words.append(f"spread {answer['spread']['absolute']} ({float(answer['spread']['bp']):.4f} bp)")
    words += filter(None, [_MARKETS.get(answer["market"], "")])
    low, high = answer["complete_to"]["bid"], answer["complete_to"]["ask"]
    if low or high:
        words.append(f"complete from {low or NONE} to {high or NONE}")
    return "  ".join(words)


def left_out(told: list[dict[str, Any]]) -> Cell | None:
    """Return the books that are not in it, with the reason of each; None if there are none."""
    names = [
        f"{part['id']} ({part['reason'] or part['why'] or part['state']})" for part in told if not part["included"]
    ]
    return Cell(f"left out: {', '.join(names)}", STATE_STYLE["stale"]) if names else None


def whose(answer: dict[str, Any], shares: dict[str, str]) -> str:
    """Return who has a level: the exchanges' names, or full names where a book is of another symbol."""
    names = (name.removesuffix(f":{answer['symbol']}") for name in shares)
    return "+".join(names)


def nothing(told: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of an answer for what an error says while no book is live."""
    unknown = {"symbol": None, "spread": None, "market": None, "complete_to": {"bid": None, "ask": None}}
    return {**unknown, "parts": [], **told, "bids": [], "asks": []}


def change(answer: dict[str, Any]) -> object:
    """Return what differs whenever there is something new to show."""
    return [(part["id"], part["included"], part["state"], part["epoch"], part["seq"]) for part in answer["parts"]]


def line(answer: dict[str, Any]) -> str:
    """Return it in a line."""
    best = [
        f"{side} {levels[0][0]} x {levels[0][1]} {whose(answer, levels[0][2])}"
        for side in ("bid", "ask")
        if (levels := answer[f"{side}s"])
    ]
    missing = left_out(answer["parts"])
    return "  ".join([heading(answer), *best, *([missing.text] if missing else [])])
