"""Writes what extract.py wrote in another exchange's spelling, for bench.c: the same market, so the times compare.

    python respell.py IN OUT kraken|coinbase|okx

Kraken: bare numbers, prices of 2 decimals and quantities of 8 (ETH/USD). Coinbase: both sides in one list, mixed, with
times and without padding zeros. OKX: pairs of four, without padding zeros.
"""

import json
import random
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

HEAD = struct.Struct("<4I")
Level = tuple[str, str]  # as it was extracted


def messages(data: bytes) -> Iterator[tuple[int, list[Level], list[Level]]]:
    """Every message: 1 for a snapshot, bids, asks."""
    at = 0
    while at < len(data):
        snapshot, bids, asks, _ = HEAD.unpack_from(data, at)
        at += HEAD.size
        yield snapshot, json.loads(data[at : at + bids]), json.loads(data[at + bids : at + bids + asks])
        at += bids + asks


def bare(number: str, decimals: int) -> str:
    """The number with exactly so many decimals."""
    whole, _, fraction = number.partition(".")
    if fraction[decimals:].strip("0"):
        message = f"{number} has more than {decimals} decimals"
        raise ValueError(message)
    return f"{whole}.{fraction[:decimals].ljust(decimals, '0')}"


def least(number: str) -> str:
    """The number without zeros that say nothing."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def kraken(bids: list[Level], asks: list[Level]) -> tuple[str, str]:
    """Objects of bare numbers."""
    sides = (",".join(f'{{"price":{bare(p, 2)},"qty":{bare(q, 8)}}}' for p, q in side) for side in (bids, asks))
    first, second = (f"[{side}]" for side in sides)
    return first, second


def coinbase(bids: list[Level], asks: list[Level]) -> tuple[str, str]:
    """One list of sided objects, and nothing."""
    words = ["bid"] * len(bids) + ["offer"] * len(asks)
    random.shuffle(words)  # each side keeps its order; test data need no better randomness
    sides = {"bid": iter(bids), "offer": iter(asks)}
    levels = []
    for word in words:
        price, quantity = next(sides[word])
        time = f"2026-08-24T22:34:13.{random.randrange(10**6):06}Z"  # noqa: S311 (test data)
        levels.append(
            f'{{"side":"{word}","event_time":"{time}","price_level":"{least(price)}","new_quantity":"{least(quantity)}"}}'
        )
    return f"[{','.join(levels)}]", ""


def okx(bids: list[Level], asks: list[Level]) -> tuple[str, str]:
    """Pairs with two more elements."""
    sides = (",".join(f'["{least(p)}","{least(q)}","0","{len(q)}"]' for p, q in side) for side in (bids, asks))
    first, second = (f"[{side}]" for side in sides)
    return first, second


def main() -> None:
    """Read, spell, write."""
    spell: Callable[[list[Level], list[Level]], tuple[str, str]]
    spell = {"kraken": kraken, "coinbase": coinbase, "okx": okx}[sys.argv[3]]
    random.seed(1)
    with Path(sys.argv[2]).open("wb") as out:
        for snapshot, bids, asks in messages(Path(sys.argv[1]).read_bytes()):
            first, second = spell(bids, asks)
            out.write(HEAD.pack(snapshot, len(first), len(second), 0) + (first + second).encode())


main()
