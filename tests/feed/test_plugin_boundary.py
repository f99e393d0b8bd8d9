"""The boundary to plugins: whatever a connector returns, its fault is told by its venue's name and is nobody else's."""

from __future__ import annotations

import inspect
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from events import Chained, Snapshot, Update, levels

import flowrs
from flowrs import Continuity, Recovery
from flowrs.config import VenueConfig
from flowrs.core import Book, Reason, Scratch, State
from flowrs.errors import PluginError, ProtocolError
from flowrs.feed import vouch
from flowrs.feed.budget import Budget, Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.trades import TradeLog

if TYPE_CHECKING:
    from collections.abc import Callable

BTC = flowrs.Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", 2, 2)
BIDS, ASKS = levels(("1", "1")), levels(("2", "1"))
FRAME = b"{}"


class Told(Chained):
    """Decodes every frame to what it was told."""

    told: Any = ()

    def decode(self, frame: bytes) -> Any:
        return self.told(frame) if inspect.isfunction(self.told) else self.told


class Unproved(Told):
    """As Kraken: only the checksum shows a loss."""

    continuity = Continuity.UNNUMBERED
    recovery = Recovery.RESUBSCRIBE
    checksum = flowrs.Checksum("digits", 10)


class Counted(Told):
    """As Coinbase: the frames of the connection are numbered."""

    continuity = Continuity.CONNECTION
    recovery = Recovery.RESUBSCRIBE


class Line:
    """A session without a connection: it is given frames by hand."""

    def __init__(self, connector: Told, *, live: bool = False) -> None:
        self.connector = connector
        self.replica = Replica(connector, "BTC-USDT", Book("fake:BTC-USDT", 2, 2, scratch=Scratch()))
        self.replica.list_as(BTC)
        self.replica.connected()
        self.counters = Counters()
        self.trades = TradeLog(connector, "BTCUSDT", self.counters.conduct)
        self.session = Session(
            connector,
            VenueConfig(("BTC-USDT",)),
            Route("wss://fake.test", connector.subscribe),
            [BTC],
            {"BTCUSDT": self.replica},
            {"BTCUSDT": self.trades},
            None,
            Budgets(connector, Budget(connector.connects)),
            self.counters,
        )
        if live:
            self.take([Update(1, 1, BIDS, ASKS)])
            self.replica.snapshot(Snapshot(0))
            assert self.replica.is_live

    def take(self, told: Any) -> int:
        self.connector.told = told
        return self.session.take([FRAME], 1)


class Anything(flowrs.BookUpdate):
    """An update of whatever kind each attribute is given."""

    symbol: Any = "BTCUSDT"
    first: Any = 2
    last: Any = 2
    prev: Any = 0
    time: Any = 0
    bids: Any = BIDS
    asks: Any = ASKS
    checksum: Any = None


class AnySnapshot(flowrs.BookSnapshot):
    symbol: Any = "BTCUSDT"
    last: Any = 1
    time: Any = 0
    bids: Any = BIDS
    asks: Any = ASKS
    checksum: Any = None


class AnyTrade(flowrs.Trade):
    price: Any = "1.5"
    quantity: Any = "1"
    id: Any = 7
    time: Any = 1
    side: Any = "buy"
    symbol: Any = "BTCUSDT"


class AnyReply(flowrs.Reply):
    refusal: Any = None


def raising(kind: type, name: str, error: BaseException) -> Any:
    """An event of which one attribute cannot be had."""

    def get(_: object) -> object:
        raise error

    return type("Raising", (kind,), {name: property(get)})


class Lacking(flowrs.BookUpdate):
    """What an author forgot."""

    first: int = 2
    last: int = 2


def refused(line: Line, told: Any, words: str) -> None:
    with pytest.raises(PluginError) as caught:
        line.take(told)
    assert str(caught.value).startswith("fake: the plugin failed: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "decode() returned None, expected a sequence of events"),
        (7, "decode() returned 7, expected"),
        ("update", "decode() returned 'update', expected"),
        (b"update", "decode() returned b'update', expected"),
        ({}, "decode() returned {}, expected"),
        (Update(2, 2), "decode() returned Update("),
        (Update, "decode() returned <class"),
        ([None], "decode() returned NoneType, which is no event of the API"),
        (["update"], "decode() returned str, which is no event of the API"),
        ((msgspec.Struct,), "which is no event of the API"),
        (lambda _: 1 / 0, "ZeroDivisionError"),
        (lambda _: (1 / 0 for _ in "x"), "ZeroDivisionError"),
        (lambda _: (each for each in (Update(2, 2), 1 // 0)), "ZeroDivisionError"),
    ],
)
def test_what_decode_must_not_return_is_the_plugins_fault(told: Any, words: str, *, live: bool) -> None:
    refused(Line(Told(), live=live), told, words)


@pytest.mark.parametrize(
    "events",
    [
        lambda _: iter([Update(2, 2), AnyTrade()]),
        lambda _: (each for each in (Update(2, 2), AnyTrade())),
        lambda _: deque([Update(2, 2), AnyTrade()]),
        lambda _: (Update(2, 2), AnyTrade()),
    ],
    ids=["iterator", "generator", "deque", "tuple"],
)
def test_any_sequence_of_events_is_taken_whole(events: Callable[[bytes], Any]) -> None:
    line = Line(Told(), live=True)
    assert line.take(events) == 1_000_000  # of the last one, in ns
    assert line.replica.is_live
    assert line.replica.book.header().seq == 2
    assert len(line.trades) == 1


@pytest.mark.parametrize("error", [msgspec.ValidationError("x"), RecursionError("x"), b"\xff"])
def test_a_generator_that_finds_the_frame_unreadable_makes_it_a_doubt_and_no_fault(error: Any) -> None:
    def decode(_: bytes) -> Any:
        if isinstance(error, bytes):
            error.decode()
        yield from ()
        raise error

    line = Line(Told(), live=True)
    assert line.take(decode) == 0
    assert line.counters.decode_errors == 1
    assert (line.replica.book.state, line.replica.book.reason) == (State.STALE, Reason.DECODE)


WRONG = [
    *[("symbol", value, "is {}, expected a str") for value in (None, 7, b"BTCUSDT")],
    *[("first", value, "is {}, expected a whole number") for value in (None, "2", b"2", [2])],
    *[("last", value, "is {}, expected a whole number") for value in (None, "2", 2.5, [2], 2 + 0j)],
    *[("time", value, "is {}, expected a whole number") for value in (None, "0", 1.5)],
    *[("bids", value, "is {}, expected the bytes of the frame") for value in (None, "[]", [], [["1", "1"]], 0)],
    *[("asks", value, "is {}, expected the bytes of the frame") for value in (None, "[]", {})],
]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_an_update_with_an_attribute_of_a_wrong_kind_is_the_plugins_fault(
    name: str, value: object, words: str, *, live: bool
) -> None:
    refused(Line(Told(), live=live), [Anything(**{name: value})], f"Anything.{name} {words.format(repr(value))}")


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("name", ["symbol", "first", "last", "time", "bids", "asks"])
@pytest.mark.parametrize(
    "error", [KeyError("oops"), ValueError("oops"), msgspec.ValidationError("oops"), RecursionError("oops")]
)
def test_an_update_of_which_an_attribute_cannot_be_had_is_the_plugins_fault(
    name: str, error: Exception, *, live: bool
) -> None:
    words = f"Raising.{name} raised {type(error).__name__}: "
    refused(Line(Told(), live=live), [raising(Update, name, error)(2, 2)], words)


@pytest.mark.parametrize("live", [False, True])
def test_an_update_that_lacks_what_every_update_has_is_the_plugins_fault(*, live: bool) -> None:
    refused(Line(Told(), live=live), [Lacking()], "Lacking.symbol raised AttributeError")


def test_an_update_held_for_a_snapshot_is_looked_at_when_it_comes_and_not_when_it_is_joined() -> None:
    line = Line(Told())
    line.take([Update(1, 1)])
    refused(line, [Anything(time="late")], "Anything.time is 'late', expected a whole number")


@pytest.mark.parametrize("where", ["BTCUSDT", "STRANGER"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("symbol", 7, "is 7, expected a str"),
        ("last", "1", "is '1', expected a whole number"),
        ("last", True, "is True, expected a whole number"),
        ("time", 0.5, "is 0.5, expected a whole number"),
        ("bids", None, "is None, expected the bytes of the frame"),
        ("asks", "[]", "is '[]', expected the bytes of the frame"),
        ("checksum", "7", "is '7', expected a whole number or None"),
    ],
)
def test_a_snapshot_with_an_attribute_of_a_wrong_kind_is_the_plugins_fault(
    name: str, value: object, words: str, where: str
) -> None:
    refused(Line(Told()), [AnySnapshot(**{"symbol": where, name: value})], f"AnySnapshot.{name} {words}")


@pytest.mark.parametrize("where", ["BTCUSDT", "STRANGER"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("symbol", None, "is None, expected a str"),
        ("price", 1.5, "is 1.5, expected a str"),
        ("quantity", 1, "is 1, expected a str"),
        ("id", None, "is None, expected a whole number or a str"),
        ("time", "now", "is 'now', expected a whole number"),
        ("side", "BUY", 'is \'BUY\', expected "buy" or "sell"'),
        ("side", None, 'is None, expected "buy" or "sell"'),
    ],
)
def test_a_trade_with_an_attribute_of_a_wrong_kind_is_the_plugins_fault_and_never_kept(
    name: str, value: object, words: str, where: str
) -> None:
    line = Line(Told(), live=True)
    refused(line, [AnyTrade(**{"symbol": where, name: value})], f"AnyTrade.{name} {words}")
    assert not line.trades


@pytest.mark.parametrize("name", ["symbol", "price", "quantity", "id", "time", "side"])
def test_a_trade_of_which_an_attribute_cannot_be_had_is_the_plugins_fault(name: str) -> None:
    refused(Line(Told()), [raising(AnyTrade, name, KeyError("oops"))()], f"Raising.{name} raised KeyError: 'oops'")


@pytest.mark.parametrize("value", [False, 7, b"no"])
def test_a_reply_whose_refusal_is_no_text_is_the_plugins_fault(value: object) -> None:
    refused(Line(Told()), [AnyReply(value)], f"AnyReply.refusal is {value!r}, expected a str or None")


@pytest.mark.parametrize("value", ["0", None, 1.5])
def test_a_number_of_a_frame_that_is_none_is_the_plugins_fault_and_no_gap(value: Any) -> None:
    line = Line(Counted())
    refused(line, [flowrs.Numbered(value)], f"Numbered.number is {value!r}, expected a whole number")
    assert line.replica.gaps == 0


def test_a_connection_whose_frames_are_not_numbered_although_it_says_so_is_the_plugins_fault() -> None:
    """Without the numbers nothing shows a loss, so no book may become live."""
    line = Line(Counted())
    refused(line, [AnySnapshot()], "decode() puts no Numbered before the events of a frame")
    assert not line.replica.is_live
    line.take([flowrs.Numbered(0), AnySnapshot()])
    assert line.replica.is_live
    with pytest.raises(ProtocolError, match="frame 2 does not follow 0"):
        line.take([flowrs.Numbered(2), Anything()])


def test_a_book_that_only_checksums_prove_is_not_live_after_an_event_without_one() -> None:
    told = zlib.crc32(b"200100100100")  # ask 2, then bid 1, of 1 each, at two decimals
    line = Line(Unproved())
    line.take([AnySnapshot(checksum=told)])
    assert line.replica.is_live, line.replica.book.reason
    refused(line, [Anything(checksum=None)], "Anything.checksum is None, expected a whole number, because nothing else")
    assert (line.replica.book.state, line.replica.book.reason) == (State.STALE, Reason.CHECKSUM)
    refused(Line(Unproved()), [AnySnapshot()], "AnySnapshot.checksum is None, expected a whole number, because")


@pytest.mark.parametrize("error", [KeyError("ours"), TypeError("ours"), AttributeError("ours")])
def test_a_bug_of_flowrs_is_not_laid_at_the_plugins_door(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> bool:
        raise error

    line = Line(Told(), live=True)
    monkeypatch.setattr(Replica, "update", fail)
    with pytest.raises(type(error), match="ours"):
        line.take([Update(2, 2)])


class Novel(BaseException):
    """What no except Exception catches."""


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), Novel("oops")])
def test_what_is_no_exception_is_the_plugins_fault_too_and_ends_no_daemon(error: BaseException) -> None:
    def leave(_: bytes) -> Any:
        raise error

    words = f"the plugin failed: {type(error).__name__}"
    refused(Line(Told()), leave, type(error).__name__)
    refused(Line(Told(), live=True), leave, type(error).__name__)
    refused(Line(Told(), live=True), [raising(Update, "symbol", error)(2, 2)], f"symbol raised {type(error).__name__}")
    for look in (vouch.texts, vouch.instruments):
        with pytest.raises(PluginError, match=words):
            look(Told(), leave, b"")


def test_a_users_ctrl_c_is_no_fault_of_a_plugin() -> None:
    def wait(_: bytes) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Line(Told()).take(wait)


def test_a_value_whose_own_repr_fails_is_told_by_its_type() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise KeyError("no")

    refused(Line(Told()), Shy(), "decode() returned a Shy, expected a sequence of events")
    refused(Line(Told()), [Anything(symbol=Shy())], "Anything.symbol is a Shy, expected a str")
