"""A subscriber that keeps a book, as docs/protocol.md tells; it shares no code with flowrs."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


class Follower:
    """A book kept from the events of a subscription to every change."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.state = "unknown"
        self.epoch = self.seq = 0
        self.cut: int | None = None
        self.window: tuple[str | None, str | None] = (None, None)
        self.snapshots = self.deltas = 0
        self.states: list[str] = []
        self.facts: dict[str, Any] = {}

    @property
    def since(self) -> str:
        return f"{self.epoch}:{self.seq}"

    def take(self, event: dict[str, Any]) -> None:
        """Take an event; raises AssertionError if it does not follow."""
        data = event["data"]
        match event["event"]:
            case "snapshot":
                assert (data["epoch"], data["seq"]) >= (self.epoch, self.seq), "it went back"
                self.bids, self.asks = ({Decimal(p): Decimal(q) for p, q in data[side]} for side in ("bids", "asks"))
                self.epoch, self.seq, self.cut = data["epoch"], data["seq"], data["cut"]
                self.window = data["window"]["low"], data["window"]["high"]
                self.snapshots += 1
                self._facts(data)
            case "delta":
                assert data["epoch"] == self.epoch, "a delta across epochs"
                assert data["prev_seq"] == self.seq, f"a gap: {data['prev_seq']} after {self.seq}"
                assert data["seq"] >= self.seq
                self._change(self.bids, data["bids"], best_first=True)
                self._change(self.asks, data["asks"], best_first=False)
                self.seq = data["seq"]
                self.facts["exchange_ns"] = data["exchange_ns"]
                self.deltas += 1
            case "state":
                assert (data["epoch"], data["seq"]) == (self.epoch, self.seq), "it is of another moment"
                self._facts(data)
            case _:
                raise AssertionError(event)

    def _facts(self, data: dict[str, Any]) -> None:
        self.facts = {name: value for name, value in data.items() if name not in ("bids", "asks", "levels", "window")}
        self.state = data["state"]
        self.states.append(self.state)

    def _change(self, levels: dict[Decimal, Decimal], changes: list[list[str]], *, best_first: bool) -> None:
        for price, quantity in changes:
            if quantity == "0":
                levels.pop(Decimal(price), None)
            else:
                levels[Decimal(price)] = Decimal(quantity)
        if self.cut is not None:
            for price in sorted(levels, reverse=best_first)[self.cut :]:
                del levels[price]

    def assert_is(self, book: dict[str, Any]) -> None:
        """Assert that it holds what `book` with depth 0 has answered, at the same moment."""
        assert (book["epoch"], book["seq"]) == (self.epoch, self.seq)
        for side, held in (("bids", self.bids), ("asks", self.asks)):
            assert {Decimal(p): Decimal(q) for p, q in book[side]} == held


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]
