"""A symbol's trades: kept as frames, decoded when somebody asks, in order, and none of them twice."""

from __future__ import annotations

import logging
import weakref
from typing import Any, ClassVar

import msgspec
import pytest
import trio
from events import Chained, Update, levels

import flowrs
from flowrs.config import VenueConfig
from flowrs.core import Batch, Book, Scratch, Tape
from flowrs.feed.conduct import Conduct
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.trades import KEPT, TradeLog

SHAPE = '{"p":"<price>","q":"<quantity>","s":"<symbol>","i":<id>,"t":<time>,"k":<true|false>}'


class Traded(flowrs.Trade):
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    symbol: str = msgspec.field(name="s")
    id: int = msgspec.field(name="i")
    time: int = msgspec.field(name="t")
    buys: bool = msgspec.field(name="k")

    @property
    def side(self) -> flowrs.Side:
        return "buy" if self.buys else "sell"


class Exchange(Chained):
    """Counts what it decodes."""

    templates: ClassVar = (SHAPE,)
    trades_url = "wss://fake.test/trades"

    def __init__(self) -> None:
        self.decoded = 0
        self.instead: Any = None

    def decode(self, frame: bytes) -> Any:
        self.decoded += 1
        return self.instead(frame) if self.instead else (msgspec.json.decode(frame, type=Traded),)


def spelled(number: int, symbol: str = "BTCUSDT") -> bytes:
    return b'{"p":"100.50","q":"0.5","s":"%s","i":%d,"t":%d,"k":true}' % (symbol.encode(), number, 1000 + number)


def several(number: int) -> bytes:
    """A frame that no template shows."""
    return spelled(number).replace(b":", b": ", 1)


class Desk:
    """A session without a socket, for two symbols: with books or for trades alone."""

    def __init__(self, *, books: bool = True) -> None:
        self.exchange, self.counters = Exchange(), Counters()
        self.logs = {name: TradeLog(self.exchange, name, self.counters.conduct) for name in ("BTCUSDT", "ETHUSDT")}
        self.replicas = {}
        if books:
            for symbol in ("BTC-USDT", "ETH-USDT"):
                replica = Replica(self.exchange, symbol, Book(f"fake:{symbol}", 2, 3, scratch=Scratch()))
                self.replicas[replica.native] = replica
                replica.connected()
        route = Route("wss://fake.test", list)
        self.session = Session(
            self.exchange,
            VenueConfig(("BTC-USDT", "ETH-USDT")),
            route,
            [],
            dict(self.replicas),
            self.logs,
            None,
            None,  # type: ignore[arg-type] - nothing is sent
            self.counters,
        )

    def take(self, *frames: bytes, recv_ns: int = 5) -> int:
        return self.session.take(frames, recv_ns)

    def ids(self, native: str = "BTCUSDT") -> list[int | str]:
        return [trade.id for trade, _ in self.logs[native]]


@pytest.mark.parametrize("books", [True, False])
def test_a_trade_by_template_is_decoded_when_somebody_asks_and_then_never_again(*, books: bool) -> None:
    desk = Desk(books=books)
    assert desk.take(spelled(1), spelled(2), spelled(3, "ETHUSDT"), recv_ns=77) == 1_003_000_000
    assert (desk.exchange.decoded, desk.counters.templated) == (0, 3)
    log = desk.logs["BTCUSDT"]
    assert [(trade.id, trade.side, trade.price, recv_ns) for trade, recv_ns in log] == [
        (1, "buy", "100.50", 77),
        (2, "buy", "100.50", 77),
    ]
    assert desk.exchange.decoded == 2
    newest = log[-1]
    desk.take(spelled(4))
    assert log[1] is newest
    assert desk.exchange.decoded == 3
    assert (desk.ids(), desk.ids("ETHUSDT")) == ([1, 2, 4], [3])


def test_trades_are_in_order_whichever_way_they_came() -> None:
    desk = Desk()
    desk.take(several(1), spelled(2), spelled(3), several(4), several(5), spelled(6), several(7))
    assert desk.exchange.decoded == 4
    assert desk.ids() == [1, 2, 3, 4, 5, 6, 7]
    desk.take(several(8))
    assert len(desk.logs["BTCUSDT"]) == 8
    desk.take(spelled(9))
    assert [trade.id for trade, _ in reversed(desk.logs["BTCUSDT"])] == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert [trade.id for trade, _ in desk.logs["BTCUSDT"][-2:]] == [8, 9]


@pytest.mark.parametrize("way", ["template", "decode()", "both"])
def test_the_newest_thousand_are_kept(way: str) -> None:
    desk = Desk()
    spell = {"template": (spelled, spelled), "decode()": (several, several), "both": (spelled, several)}[way]
    for number in range(2 * KEPT + 7):
        desk.take(spell[number % 2](number))
    assert desk.ids() == list(range(KEPT + 7, 2 * KEPT + 7))
    for number in range(2 * KEPT + 7, 2 * KEPT + 20):
        desk.take(spell[number % 2](number))
    assert desk.ids() == list(range(KEPT + 20, 2 * KEPT + 20))


@pytest.mark.parametrize("way", ["template", "both"])
def test_where_frames_were_lost_the_trades_before_are_not_told_as_if_nothing_was_between(way: str) -> None:
    desk = Desk()
    desk.take(*map(spelled, range(10)))
    assert desk.ids() == list(range(10))
    for number in range(10, 10 + KEPT):
        frame = spelled(number).replace(b"100.50", b"100.50" + b"0" * 1000)
        desk.take(frame if way == "template" or number % 2 else several(number))
    ids = desk.ids()
    assert 100 < len(ids) < KEPT
    assert way == "template" or ids[0] % 2 == 0  # it came decoded, right behind the last frame that was lost
    assert ids == list(range(10 + KEPT - len(ids), 10 + KEPT))
    desk.take(spelled(10 + KEPT))
    assert desk.ids() == [*ids, 10 + KEPT]


def test_a_symbol_that_is_followed_no_longer_or_never_was_is_left_to_the_decoder_and_counted() -> None:
    desk = Desk()
    log = desk.logs["BTCUSDT"]
    desk.take(spelled(1), spelled(2, "XRPUSDT"))
    assert (desk.counters.templated, desk.counters.unrequested) == (1, 1)
    desk.session.drop(desk.replicas["BTCUSDT"])
    desk.take(spelled(3), spelled(4, "ETHUSDT"))
    assert (desk.counters.templated, desk.counters.unrequested) == (2, 1)
    assert ([trade.id for trade, _ in log], desk.ids("ETHUSDT")) == ([1], [4])


def test_a_tape_lives_as_long_as_a_lane_may_write_to_it() -> None:
    desk = Desk()
    tape = weakref.ref(desk.logs["BTCUSDT"].tape)
    desk.logs.clear()
    desk.take(spelled(1))
    assert (kept := tape()) is not None
    assert kept.end == 1


async def test_a_connection_for_trades_alone_is_live_from_the_first_one_on(autojump_clock: object) -> None:  # noqa: ARG001 - the clock stands still
    desk = Desk(books=False)
    desk.take(spelled(1))
    assert desk.session.live_since is None  # not open yet
    desk.session.is_open = True
    await trio.sleep(3)
    desk.take(spelled(2))
    assert desk.session.live_since == trio.current_time()
    with_books = Desk()
    with_books.session.is_open = True
    with_books.take(spelled(1))
    assert with_books.session.live_since is None


def raising(_: bytes) -> Any:
    raise msgspec.ValidationError("no trade")


FAULTS = {
    "it raises": (raising, "ValidationError: no trade"),
    "it exits": (lambda _: exit(), "SystemExit"),  # noqa: PLR1722 - a plugin may
    "nothing": (lambda _: (), "does not read as a trade of BTCUSDT"),
    "no events": (lambda _: None, "decode() returned None"),
    "two": (lambda frame: [msgspec.json.decode(frame, type=Traded)] * 2, "does not read as a trade of BTCUSDT"),
    "an update": (lambda _: (Update(1, 1, levels(), levels()),), "does not read as a trade of BTCUSDT"),
    "another's": (
        lambda frame: (msgspec.json.decode(frame.replace(b"BTC", b"ETH"), type=Traded),),
        "does not read as a trade of BTCUSDT",
    ),
    "no price": (lambda _: (Traded(None, "1", "BTCUSDT", 1, 1, buys=True),), "Traded.price is None"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("decode", "words"), FAULTS.values(), ids=FAULTS)
def test_what_decode_does_not_read_as_that_trade_is_the_plugins_fault_told_once_and_left_out(
    decode: Any, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flowrs.feed.trades")
    desk = Desk()
    desk.take(spelled(1))
    assert desk.ids() == [1]
    desk.take(spelled(2), spelled(3))
    desk.exchange.instead = decode
    assert desk.ids() == [1]
    assert desk.counters.conduct.errors == 2
    assert words in str(desk.counters.conduct.error)
    desk.exchange.instead = None
    desk.take(spelled(4))
    assert desk.ids() == [1, 4]
    assert len(caplog.records) == 1
    assert words in caplog.text


def test_the_number_of_a_frame_before_its_trade_is_no_second_event() -> None:
    desk = Desk()
    desk.take(spelled(1))
    desk.exchange.instead = lambda frame: (flowrs.Numbered(7), msgspec.json.decode(frame, type=Traded))
    assert desk.ids() == [1]
    assert desk.counters.conduct.errors == 0


def test_a_log_says_how_long_its_plugin_takes_to_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    conduct, said = Conduct(), []
    monkeypatch.setattr(conduct, "took", lambda what, _: said.append(what))
    log = TradeLog(Exchange(), "BTCUSDT", conduct)
    assert len(log) == 0
    assert not said
    log.append((Traded("1", "1", "BTCUSDT", 1, 1, buys=True), 1))
    assert len(log) == 1
    assert not said


def test_a_tape_has_only_what_is_on_it() -> None:
    tape = Tape(2, 100)
    assert (tape.start, tape.end) == (0, 0)
    assert tape.read(0) == []
    for number in (-1, 1, 1 << 80):
        with pytest.raises(IndexError, match=f"frame {number} is not on the tape: it holds 0 to -1"):
            tape.read(number)
    desk = Desk()
    desk.take(spelled(1), spelled(2), recv_ns=9)
    assert desk.logs["BTCUSDT"].tape.read(0) == [(spelled(1), 9), (spelled(2), 9)]
    assert desk.logs["BTCUSDT"].tape.read(1) == [(spelled(2), 9)]


def test_an_empty_batch_is_nothing() -> None:
    assert Desk().session.take(Batch.of([]), 1) == 0
