"""A dialect file: how an exchange that nobody has programmed speaks, by example.

    [book]
    update = '{"market":"<native>","was":<prev>,"now":<last>,"buy":<bids>,"sell":<asks>}'

What stands in angle brackets changes from message to message; the rest is sent as it is. `docs/simulator.md` lists what
may stand there. A small language of expressions was rejected: an exchange that needs one is better written in Python.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_PLACE = re.compile(r"<([a-z_]+)>")
_NAMES = frozenset({"native", "base", "quote", "number"})
_TIMES = frozenset({"ms", "ns", "iso"})
_BOOK = _NAMES | _TIMES | {"first", "last", "prev", "bids", "asks", "levels", "checksum"}
_TRADE = frozenset({"price", "quantity", "side", "id"})
PLACES = {
    "native": frozenset({"base", "quote"}),
    "symbol": frozenset({"base", "quote"}),
    "requests.ack": _NAMES | _TIMES | {"word", "channel"},
    "requests.again": _NAMES | _TIMES | {"word", "channel"},
    "requests.refusal": frozenset({"number"}) | _TIMES,
    "requests.pong": frozenset({"number"}) | _TIMES,
    "instruments.answer": frozenset({"all", "number"}) | _TIMES,
    "instruments.each": _NAMES | {"tick", "step", "price_decimals", "quantity_decimals"},
    "book.level": frozenset({"price", "quantity", "side"}),
    "book.snapshot": _BOOK,
    "book.update": _BOOK,
    "trades.frame": _NAMES | _TIMES | _TRADE | {"all"},
    "trades.each": frozenset({"native", "base", "quote"}) | _TIMES | _TRADE,
    "rest_snapshot.answer": _BOOK,
    "heartbeat.frame": frozenset({"number"}) | _TIMES,
}
"""By the key of the file: what may stand in angle brackets there."""

_CONFIGURATION = frozenset({"daemon", "venues", "groups", "plugins"})

Word = Annotated[str, Meta(min_length=1)]


class Requests(Struct, frozen=True, forbid_unknown_fields=True):
    """What clients say: the words by which it is known, and the answers."""

    subscribe: Word
    unsubscribe: str = ""
    ack: str = ""
    again: str = ""
    refusal: str = ""
    ping: str = ""
    pong: str = ""


class Instruments(Struct, frozen=True, forbid_unknown_fields=True):
    """The list of what is traded, by REST (`path`) or to a message that has `word` in it."""

    answer: Word
    each: Word
    path: str = ""
    word: str = ""


class Books(Struct, frozen=True, forbid_unknown_fields=True):
    """How books are spelled and numbered."""

    channel: Word
    update: Word
    level: Word
    numbers: Literal["chained", "linked", "counted", "connection", "unnumbered"]
    snapshot: str = ""
    padded: bool = False
    bid: str = "bid"
    ask: str = "ask"


class Trades(Struct, frozen=True, forbid_unknown_fields=True):
    """How a trade is spelled; with `each`, what happens at once is one frame, which has all of it."""

    channel: Word
    frame: Word
    each: str = ""
    buy: str = "buy"
    sell: str = "sell"


class RestSnapshot(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a snapshot is asked for: the query has the instrument as `key`; `levels` a side, 0: all."""

    path: Word
    key: Word
    answer: Word
    levels: Annotated[int, Meta(ge=0, le=5000)] = 0


class Checksums(Struct, frozen=True, forbid_unknown_fields=True):
    """How `<checksum>` is made: see `flowrs.Checksum`."""

    form: Literal["digits", "colon"]
    levels: Annotated[int, Meta(ge=1, le=100)]


class Heartbeat(Struct, frozen=True, forbid_unknown_fields=True):
    """What every client gets every so often."""

    frame: Word
    every_s: Annotated[float, Meta(ge=0.1)]


class Description(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    venue: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_-]{0,29}\Z")]
    native: Word
    requests: Requests
    instruments: Instruments
    book: Books
    trades: Trades | None = None
    path: Annotated[str, Meta(pattern=r"\A/\S*\Z")] = "/"
    symbol: Word = "<base>-<quote>"
    levels: Annotated[int, Meta(ge=20, le=4000)] = 400
    rest_snapshot: RestSnapshot | None = None
    checksum: Checksums | None = None
    heartbeat: Heartbeat | None = None


TABLES = (Requests, Instruments, Books, Trades, RestSnapshot, Checksums, Heartbeat)
"""The file's tables."""


def read(path: Path) -> Description:
    """Read a dialect file; raises ConfigError that names the file, the key and what is expected."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        if tables := _CONFIGURATION & told.keys():
            listed = ", ".join(f"[{each}]" for each in sorted(tables))
            message = (
                f"{path} is a configuration of the daemon (it has {listed}), not a dialect file, which says how an "
                "exchange speaks: name that one with --dialect"
            )
            raise ConfigError(message)
        found = msgspec.convert(told, Description)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})"
        raise ConfigError(message) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        message = f"{path}: {str(error).replace(' - at `$', ', at `')}"
        raise ConfigError(message) from None
    for words in _wrong_with(found):
        message = f"{path}: {words}"
        raise ConfigError(message)
    return found


def find(path: Path) -> Path:
    """Return the one dialect file of a folder, or of its tests/; a file as it is. Raises ConfigError."""
    if not path.is_dir():
        return path
    files = [each for place in (path / "tests", path) for each in sorted(place.glob("*.toml")) if _says_venue(each)]
    if len(files) == 1:
        return files[0]
    listed = ", ".join(map(str, files))
    told = (
        f"there are several dialect files in {path}" if files else f"there is no dialect file in {path} or its tests/"
    )
    raise ConfigError(f"{told}; name one of them: {listed}" if files else f"{told}; name one: FILE.toml")


def _says_venue(path: Path) -> bool:
    """Whether it looks like a dialect file, also if it is not right yet."""
    return re.search(rb"(?m)^venue\s*=", path.read_bytes()) is not None


def _wrong_with(told: Description) -> list[str]:
    """Return what makes no sense although each part alone does."""
    found = []
    for key, allowed in PLACES.items():
        value: Any = told
        for name in key.split("."):
            value = getattr(value, name, "") if value is not None else ""
        found += [
            f"{key}: <{place}> means nothing here; there are {_listed(allowed)}"
            for place in _PLACE.findall(value)
            if place not in allowed
        ]
    if not told.book.snapshot and told.rest_snapshot is None:
        found.append("book.snapshot: missing: a stream begins with one, unless there is a table [rest_snapshot]")
    if not told.instruments.path and not told.instruments.word:
        found.append("instruments: expected path, of a REST request, or word, of a message of the client")
    if bool(told.requests.ping) != bool(told.requests.pong):
        found.append("requests: expected both ping and pong, or none of them")
    if told.trades is not None and bool(told.trades.each) != ("<all>" in told.trades.frame):
        found.append("trades: expected <all> in frame where there is each, one trade of it, and only there")
    if told.trades is not None and told.trades.each and _TRADE & set(_PLACE.findall(told.trades.frame)):
        found.append(f"trades.frame: there is each, which is the place for {_listed(_TRADE)}")
    if "<checksum>" in told.book.update and told.checksum is None:
        found.append("book.update: it has a <checksum>; expected a table [checksum] that says how it is made")
    return found


def _listed(places: Collection[str]) -> str:
    return ", ".join(f"<{place}>" for place in sorted(places))


def filled(template: str, values: Mapping[str, object]) -> str:
    """Put values in the place of their names; names that have none stay, for whoever knows them."""
    return _PLACE.sub(lambda place: str(values[place[1]]) if place[1] in values else place[0], template)
