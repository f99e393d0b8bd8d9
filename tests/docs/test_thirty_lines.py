"""The client of thirty lines in docs/protocol.md keeps the daemon's book, though it knows nothing of flowrs."""

from __future__ import annotations

import json
import socket
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from doc_pages import blocks, section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worlds import World

BOOKS = {"binance": "BTC-USDT", "bybit": "ETH-USDT", "kraken": "BTC-USD", "coinbase": "ETH-USD"}
HEADING = "A book in thirty lines"


@pytest.fixture
def follow(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Iterator[dict[str, Any]]]:
    """The function of the page."""
    (block,) = (each for each in blocks() if each.page.name == "protocol.md" and "def follow(" in each.text)
    assert block.text in section(block.page.read_text(encoding="utf-8"), HEADING)
    names: dict[str, Any] = {}
    exec(block.text.partition("\n\n\nfor ")[0], names)  # noqa: S102 - the documentation's own code
    monkeypatch.setenv("FLOWRS_SOCKET", str(world.socket))
    found: Callable[[str, str], Iterator[dict[str, Any]]] = names["follow"]
    return found


@pytest.mark.parametrize("venue", BOOKS)
def test_it_keeps_the_daemons_book(
    follow: Callable[[str, str], Iterator[dict[str, Any]]], world: World, venue: str
) -> None:
    books = follow(BOOKS[venue], venue)
    for _ in range(2):
        for _ in range(10):
            book = next(books)
        told = whole(world, BOOKS[venue], venue)
        while (book["epoch"], book["seq"]) < (told["epoch"], told["seq"]):
            book = next(books)
        for side in ("bids", "asks"):
            assert book[side] == {Decimal(price): Decimal(quantity) for price, quantity in told[side]}
    books.close()  # type: ignore[attr-defined]


def whole(world: World, symbol: str, venue: str) -> dict[str, Any]:
    """The daemon's book, all of it."""
    params = {"symbol": symbol, "venue": venue, "depth": 0}
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(world.socket))
        stream.sendall(json.dumps({"id": 1, "method": "book", "params": params}).encode() + b"\n")
        lines = stream.makefile("rb")
        lines.readline()
        answer: dict[str, Any] = json.loads(lines.readline())["result"]
        return answer


def test_it_has_about_thirty_lines() -> None:
    (block,) = (each for each in blocks() if "def follow(" in each.text)
    lines = [line for line in block.text.splitlines() if line.strip() and not line.strip().startswith('"""')]
    assert 28 <= len(lines) <= 32
