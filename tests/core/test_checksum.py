"""Recorded traffic of four exchanges in their own spellings: the exchanges' checksums prove the books."""

from __future__ import annotations

import json
import zipfile
import zlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from flowrs.core import ASKS, BIDS, COLON, DIGITS, PAIRS, SNAPSHOT, Book, Scratch, Spelling
from flowrs.errors import ArgumentError, NumberSyntaxError, PrecisionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KRAKEN = Spelling.objects(price="price", quantity="qty")
COINBASE = Spelling.sided(price="price_level", quantity="new_quantity", side="side", bid="bid", ask="offer")
CRC_BITS = (1 << 32) - 1


class Sides(msgspec.Struct):
    """The two sides of one message, undecoded."""

    bids: msgspec.Raw
    asks: msgspec.Raw
    checksum: int


class Message(msgspec.Struct):
    """A Kraken or OKX book message."""

    data: list[Sides]
    type: str = ""
    action: str = ""


def book_of(price_scale: int, quantity_scale: int, depth: int = 0) -> Book:
    return Book("x:Y", price_scale, quantity_scale, scratch=Scratch(), depth=depth)


def cbcap(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        assert file.readline().startswith(b"CBCAP1 ")
        while head := file.readline():
            frame = file.read(int(head.split()[1]))
            assert file.read(1) == b"\n"
            yield frame


def kraken_matches(path: Path, scales: tuple[int, int], depth: int) -> Iterator[bool]:
    """After each message: is the book's checksum the exchange's?"""
    book = book_of(*scales, depth)
    for frame in cbcap(path):
        if not frame.startswith(b'{"channel":"book"'):
            continue
        message = msgspec.json.decode(frame, type=Message)
        for sides in message.data:
            flags = SNAPSHOT if message.type == "snapshot" else 0
            book.apply(flags, sides.bids, sides.asks, 0, 0, KRAKEN)
            yield book.checksum(DIGITS, 10, *scales) == sides.checksum


@pytest.mark.parametrize(
    ("name", "scales", "messages"), [("btcusd", (1, 8), 2052), ("ethusd", (2, 8), 1129)], ids=["BTC/USD", "ETH/USD"]
)
def test_krakens_checksum_holds_on_every_recorded_message(
    captures: Path, name: str, scales: tuple[int, int], messages: int
) -> None:
    found = list(kraken_matches(captures / f"kraken/kraken_{name}_sample.cbcap", scales, 25))
    assert found.count(True) == len(found) == messages


def test_krakens_checksum_fails_soon_on_a_book_that_is_not_cut(captures: Path) -> None:
    # Not on ETH/USD: in its recording no level that should have been cut comes back among the best ten.
    found = list(kraken_matches(captures / "kraken/kraken_btcusd_sample.cbcap", (1, 8), 0))
    assert found.index(False) == 188
    assert found.count(False) == 1832


@pytest.mark.parametrize(("name", "scales"), [("btcusd", (1, 8)), ("ethusd", (2, 8))], ids=["BTC/USD", "ETH/USD"])
def test_krakens_checksum_fails_soon_on_a_book_that_is_cut_too_short(
    captures: Path, name: str, scales: tuple[int, int]
) -> None:
    found = list(kraken_matches(captures / f"kraken/kraken_{name}_sample.cbcap", scales, 10))
    assert found[0]
    assert found.index(False) < 20


def test_a_finer_book_has_krakens_checksum_too(captures: Path) -> None:
    book = book_of(1, 8, 25)
    book.rescale(5, 10)
    frame = next(f for f in cbcap(captures / "kraken/kraken_btcusd_sample.cbcap") if b'"snapshot","data"' in f)
    sides = msgspec.json.decode(frame, type=Message).data[0]
    book.apply(SNAPSHOT, sides.bids, sides.asks, 0, 0, KRAKEN)
    assert (book.price_scale, book.quantity_scale) == (5, 10)
    assert book.checksum(DIGITS, 10, 1, 8) == sides.checksum
    with pytest.raises(PrecisionError):
        book.checksum(DIGITS, 10, 0, 8)


def okx_books(path: Path) -> Iterator[tuple[str, Message]]:
    for line in path.read_bytes().splitlines():
        _, _, frame = line.partition(b": ")
        if b'"action"' not in frame or b'"channel":"books"' not in frame:
            continue
        yield json.loads(frame)["arg"]["instId"], msgspec.json.decode(frame, type=Message)


@pytest.mark.parametrize(("name", "messages"), [("OKX", 290), ("OKCOIN", 6)])
def test_okxs_checksum_holds_on_every_recorded_message(captures: Path, name: str, messages: int) -> None:
    books: dict[str, Book] = {}
    checked = 0
    for instrument, message in okx_books(captures / f"okx/{name}.ws.1.0"):
        if message.action == "snapshot":
            books[instrument] = book_of(0, 0)  # it finds the scales by itself
        for sides in message.data:
            book = books[instrument]
            book.apply(SNAPSHOT if message.action == "snapshot" else 0, sides.bids, sides.asks, 0, 0)
            assert book.checksum(COLON, 25, 0, 0) == sides.checksum  # which may be negative
            checked += 1
    assert checked == messages


class Coinbase(msgspec.Struct):
    """An l2_data message."""

    class Event(msgspec.Struct):
        type: str = ""
        updates: msgspec.Raw = msgspec.Raw()

    events: list[Event]


def test_coinbases_sided_lists_make_the_book_that_a_dict_makes(captures: Path) -> None:
    book = book_of(2, 8)
    model: dict[str, dict[str, str]] = {"bid": {}, "offer": {}}
    applied = 0
    for line in (captures / "coinbase/advanced_trade_l2_btcusd_trimmed.jsonl").read_bytes().splitlines():
        for event in msgspec.json.decode(line, type=Coinbase).events:
            if event.type == "":
                continue  # the answer to the subscription
            book.apply(SNAPSHOT if event.type == "snapshot" else 0, event.updates, b"", 0, 0, COINBASE)
            applied += 1
            for update in json.loads(bytes(event.updates)):
                model[update["side"]].pop(update["price_level"], None)
                if float(update["new_quantity"]):
                    model[update["side"]][update["price_level"]] = update["new_quantity"]
    assert applied == 11
    for side, word in ((BIDS, "bid"), (ASKS, "offer")):
        held = {float(price): float(quantity) for price, quantity in json.loads(book.text(side, 0))}
        assert held == {float(price): float(quantity) for price, quantity in model[word].items()}
        assert len(held) > 10


class Bybit(msgspec.Struct):
    """An orderbook message; the answer to the subscription has no data."""

    class Data(msgspec.Struct):
        bids: msgspec.Raw = msgspec.field(name="b")
        asks: msgspec.Raw = msgspec.field(name="a")

    type: str = ""
    data: Data | None = None


def bybit_totals(lines: list[bytes], book: Book) -> Iterator[tuple[int, int]]:
    """The levels held after each message."""
    for line in lines:
        message = msgspec.json.decode(line, type=Bybit)
        if message.data is None:
            continue
        flags = SNAPSHOT if message.type == "snapshot" else 0
        book.apply(flags, message.data.bids, message.data.asks, 0, 0, PAIRS)
        yield book.total(BIDS), book.total(ASKS)


def test_a_linear_book_of_bybit_has_500_levels_a_side_after_every_message(captures: Path) -> None:
    with zipfile.ZipFile(captures / "bybit/xrpusdt-ob500.data.zip") as archive:
        lines = archive.read(archive.namelist()[0]).splitlines()
    assert list(bybit_totals(lines, book_of(4, 0))) == [(500, 500)] * 50


def test_a_spot_book_of_bybit_keeps_its_50_levels_a_side(captures: Path) -> None:
    lines = (captures / "bybit/spot_orderbook50_btcusdt.jsonl").read_bytes().splitlines()
    assert list(bybit_totals(lines, book_of(1, 6))) == [(50, 50)] * 9


def test_a_sided_message_that_fails_changes_neither_side() -> None:
    book = book_of(2, 8)
    good = (
        b'[{"side":"bid","price_level":"1","new_quantity":"1"},{"side":"offer","price_level":"2","new_quantity":"1"}]'
    )
    book.apply(SNAPSHOT, good, b"", 1, 0, COINBASE)
    with pytest.raises(NumberSyntaxError):
        book.apply(0, good.replace(b'"1"}', b'"0"}').replace(b"offer", b"ask"), b"", 2, 0, COINBASE)
    with pytest.raises(ArgumentError):
        book.apply(0, good, b"[]", 2, 0, COINBASE)
    assert book.text(BIDS, 0) == b'[["1.00","1.00000000"]]'
    assert book.header().seq == 1


def test_a_sided_book_is_refined_and_grows_by_itself() -> None:
    book = book_of(0, 0)
    levels = [
        {"side": "bid" if i % 3 else "offer", "price_level": f"{100 + i}.5", "new_quantity": "0.001"}
        for i in range(6000)
    ]
    book.apply(SNAPSHOT, json.dumps(levels).encode(), b"", 1, 0, COINBASE)
    assert (book.price_scale, book.quantity_scale) == (1, 3)
    assert (book.total(BIDS), book.total(ASKS)) == (4000, 2000)


def test_a_checksum_is_that_of_zlib() -> None:
    book = book_of(1, 8)
    book.apply(SNAPSHOT, b"[[45283.5,0.1]]", b"[[45285.2,0.001]]", 1, 0)
    assert book.checksum(DIGITS, 10, 1, 8) == zlib.crc32(b"45285210000045283510000000")
    assert book.checksum(COLON, 25, 0, 0) & CRC_BITS == zlib.crc32(b"45283.5:0.1:45285.2:0.001")
    with pytest.raises(ArgumentError):
        book.checksum(3, 10, 1, 8)


def test_words_that_cannot_be_told_apart_make_no_spelling() -> None:
    with pytest.raises(ArgumentError, match="price"):
        Spelling.objects(price="price", quantity="price")
    with pytest.raises(ArgumentError):
        Spelling.objects(price="a price", quantity="q")
