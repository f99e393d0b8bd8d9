"""A mistake costs what it does to books, and the report points at it: not at what is right, not ten times."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace
from zeniths import ZENITH, Zenith

from flowrs import BookSnapshot, BookUpdate, Continuity, Heartbeat, Objects, Ping, Reply, Trade, testing
from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from flowrs import Connector, Event, Instrument
    from flowrs.testing import Report

TALK = "it talks with the exchange"
VENUE = "the dialect file is of its venue"
SUBSCRIPTIONS = "subscriptions name every instrument"
FRAMES = "every frame of the exchange is understood"
TRADES = "trades have a price, a quantity and a side"
TRADED = "trades are the exchange's, and none is left out"
REFUSALS = "a refusal is understood as one"
PINGS = "a ping is answered, and the answer understood"
LIVE = "books get live, and stay so"
EQUAL = "books equal the exchange's, digit by digit"
TEMPLATES = "templates are like what comes"
BACK = "a lost book comes back, and the others stay"
GOES_ON = "a book that came back goes on, and equals the exchange's"
TRADES_GO_ON = "trades go on when a book comes back"
LEFT = "what is unsubscribed from comes no more"


class Bookish(Zenith):
    """Does not subscribe to trades."""

    def subscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return [frame for frame in super().subscribe(instruments) if "tape" not in frame]


class Deaf(Zenith):
    """Makes nothing of trades."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        events = super().decode(frame)
        return [Heartbeat() if isinstance(each, Trade) else each for each in events]


class Traded(Zenith):
    """Its trades are changed, each by itself."""

    change: Callable[[Any], dict[str, Any]]

    def decode(self, frame: bytes) -> Sequence[Event]:
        return [
            replace(each, **type(self).change(each)) if isinstance(each, Trade) else each
            for each in super().decode(frame)
        ]


class Swapping(Traded):
    """Takes the price for the quantity."""

    change = staticmethod(lambda each: {"price": each.quantity, "quantity": each.price})


class Inverting(Traded):
    """Takes the maker's side for the taker's."""

    change = staticmethod(lambda each: {"taker": "S" if each.taker == "B" else "B"})


class Misplacing(Traded):
    """Gives all trades to one instrument."""

    change = staticmethod(lambda _: {"symbol": "BTC:USDT"})


class First(Zenith):
    """Returns the first trade of a frame that has several."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        return super().decode(frame)[:1]


class Granted(Zenith):
    """Takes a refusal for an answer like the others."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        return [_Granted() if isinstance(each, Reply) else each for each in super().decode(frame)]


class _Granted(Reply):
    refusal: str | None = None


class Baffled(Zenith):
    """Cannot read a refusal."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        if b'"no"' in frame:
            raise msgspec.ValidationError("what is no?")
        return super().decode(frame)


class Silent(Zenith):
    """Says no ping."""

    ping = None


class Hailing(Zenith):
    """Says another ping."""

    ping = Ping("hello", 15.0)


class Renamed(Zenith):
    """Has another name than the file."""

    name = "zenit"


class Unlike(Zenith):
    """Has a template with its keys in another order."""

    templates = (Zenith.templates[0].replace('"n":<last>,"was":<prev>', '"was":<prev>,"n":<last>'),)


class Counted(Zenith):
    """Takes linked numbers for counted ones."""

    continuity = Continuity.COUNTED
    templates = (Zenith.templates[0].replace("<prev>", "<>"),)


class Ackless(Zenith):
    """Does not know the answer to its subscriptions."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        if b'"ok"' in frame:
            raise msgspec.ValidationError("what is ok?")
        return super().decode(frame)


class Backwards(Zenith):
    """Leaves after it has joined: the book that begins so is the last that comes of it."""

    def resubscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return super().resubscribe(instruments)[::-1]


class Parting(Zenith):
    """Leaves trades with the book, and joins the book alone."""

    def resubscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return [*(f"part tape {each.native}" for each in instruments), *super().resubscribe(instruments)]


class Stubborn(Zenith):
    """Gives every bid the same quantity, after a second snapshot."""

    templates = ()

    def __init__(self) -> None:
        self._snapshots: defaultdict[str, set[int]] = defaultdict(set)

    def decode(self, frame: bytes) -> Sequence[Event]:
        return [self._levelled(each) for each in super().decode(frame)]

    def _levelled(self, event: Any) -> Any:
        if isinstance(event, BookSnapshot):
            self._snapshots[event.symbol].add(event.last)
        elif isinstance(event, BookUpdate) and len(self._snapshots[event.symbol]) > 1:
            rows = [
                [price, "7" if float(quantity) else quantity] for price, quantity in msgspec.json.decode(event.bids)
            ]
            event.chg.b = msgspec.Raw(msgspec.json.encode(rows))  # type: ignore[attr-defined]
        return event


class Joining(Zenith):
    """Joins without leaving."""

    def resubscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return super().resubscribe(instruments)[1:]


class _Decoded(BookUpdate):
    symbol: str
    last: int
    prev: int
    bids: list[Any]
    asks: list[Any]


class Decoding(Zenith):
    """Decodes its levels."""

    templates = ()

    def decode(self, frame: bytes) -> Sequence[Event]:
        (event, *more) = super().decode(frame)
        if isinstance(event, BookUpdate):
            sides = [msgspec.json.decode(each) for each in (event.bids, event.asks)]
            return (_Decoded(event.symbol, event.last, event.prev, *sides),)
        return (event, *more)


class Misspelling(Zenith):
    """Takes levels for objects."""

    spelling = Objects("p", "q")


class Wrong(Zenith):
    """Drops a level of each update, and so serves wrong books."""

    templates = ()

    def decode(self, frame: bytes) -> Sequence[Event]:
        events = super().decode(frame)
        for each in events:
            if isinstance(each, BookUpdate):
                each.chg.b = msgspec.Raw(b"[]")  # type: ignore[attr-defined]
        return events


def checked(folder: Path, kind: type[Connector] = Zenith, *changes: tuple[str, str]) -> Report:
    text = ZENITH
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "dialect.toml"
    path.write_text(text, encoding="utf-8")
    return testing.check(kind, path)


NO_PING = ('ping = "hey"\npong = "ho"\n', "")
AGAIN = ("refusal = ", """again = '{"k":"no","why":"joined already"}'\nrefusal = """)
BOOKS = ('channel = "ladder"', 'channel = "books"')
WRONG: list[tuple[str, type[Connector], list[tuple[str, str]], str, dict[str, str]]] = [
    ("trades are not subscribed to", Bookish, [], "C", {TRADES: "subscribe() never says 'tape', which is trades.chan"}),
    ("trades are dropped", Deaf, [], "C", {TRADES: "decode() made no flowrs.Trade of them"}),
    ("price and quantity are swapped", Swapping, [], "C", {TRADED: "they are swapped"}),
    ("the side is inverted", Inverting, [], "C", {TRADED: "side is what the taker did: the dialect file has trades."}),
    ("trades have another symbol", Misplacing, [], "C", {TRADED: "symbol is 'BTC:USDT' of a trade of XRP:USDT"}),
    ("one trade of a frame is returned", First, [], "C", {TRADED: "decode() makes 1 of "}),
    ("a refusal is passed over", Granted, [], "C", {REFUSALS: "no refusal of {"}),
    ("a refusal is not read", Baffled, [], "C", {REFUSALS: "what is no?"}),
    ("there is no ping", Silent, [], "C", {PINGS: "the dialect file has the ping 'hey', and the connector says none"}),
    ("the ping is another", Hailing, [], "C", {PINGS: "is 'hello', and the dialect file has the ping 'hey'"}),
    ("the file has no ping", Zenith, [NO_PING], "C", {PINGS: "is 'hey', and the dialect file has no `ping`"}),
    ("the file is of another", Renamed, [], "C", {VENUE: "name is 'zenit', and venue is 'zenith' in the dialect file"}),
    ("a template is like nothing", Unlike, [], "B", {TEMPLATES: """this one has no '","was":' at that place"""}),
    ("another continuity", Counted, [], "E", {LIVE: "does not follow 81402945902, but would as LINKED"}),
    (
        "an ack is not read",
        Ackless,
        [],
        "E",
        {FRAMES: "what is ok?", BACK: "see the check of frames", LEFT: "what is ok?"},
    ),
    ("levels are lists", Decoding, [], "E", {TALK: "_Decoded.bids is [["}),
    ("levels are spelled otherwise", Misspelling, [], "E", {LIVE: 'indices must be integers or slices, not str): [["'}),
    ("books are wrong", Wrong, [], "F", {EQUAL: "in the book", LIVE: "(crossed)"}),
    (
        "joined first, left then",
        Backwards,
        [],
        "F",
        {GOES_ON: "is live, and no updates of it came after it was lost see resubscribe(): unsubscribe first, then"},
    ),
    (
        "it is joined twice, which is refused",
        Joining,
        [AGAIN],
        "D",
        {BACK: "the subscription was refused: 'joined already' see resubscribe(): unsubscribe first, then subscribe"},
    ),
    ("what came back is wrong", Stubborn, [], "F", {GOES_ON: "after BTC:USDT was lost, BTC:USDT: 7.00000 at"}),
    ("trades are left", Parting, [], "C", {TRADES_GO_ON: "no trades of BTC:USDT come any more after the book of BTC"}),
    (
        "another word for books",
        Zenith,
        [BOOKS],
        "E",
        {
            SUBSCRIPTIONS: "subscribe() never says 'books', which is book.channel of the dialect file",
            FRAMES: "the exchange refuses",
            LIVE: "see that the exchange takes what subscribe() says",
        },
    ),
]


@pytest.mark.parametrize(
    ("kind", "changes", "grade", "told"),
    [each[1:] for each in WRONG],
    ids=[each[0].replace(" ", "-") for each in WRONG],
)
def test_a_mistake_costs_what_it_does_to_books_and_is_pointed_at(
    tmp_path: Path, kind: type[Connector], changes: list[tuple[str, str]], grade: str, told: dict[str, str]
) -> None:
    report = checked(tmp_path, kind, *changes)
    failed = {each.claim: f"{each.seen} {each.todo}" for each in report.outcomes if each.state == "fail"}
    assert (report.grade, set(failed)) == (grade, set(told))
    assert [claim for claim, words in told.items() if words not in failed[claim]] == []


def test_an_exchange_unlike_the_others_has_an_a(tmp_path: Path) -> None:
    report = checked(tmp_path)
    assert [each for each in report.outcomes if each.state != "pass"] == []


def test_who_leaves_before_it_joins_has_an_a_where_joining_twice_is_refused(tmp_path: Path) -> None:
    assert checked(tmp_path, Zenith, AGAIN).grade == checked(tmp_path, Joining).grade == "A"


def test_who_has_no_trades_takes_them_out_of_the_file(tmp_path: Path) -> None:
    trades = ZENITH[ZENITH.index("[trades]") :]
    report = checked(tmp_path, Bookish, (trades, ""))
    assert [each.claim for each in report.outcomes if each.state != "pass"] == [TRADES, TRADED]
    assert report.grade == "A"


def test_a_stream_of_which_no_book_comes_is_not_told_as_one_of_wrong_numbers(tmp_path: Path) -> None:
    class Elsewhere(Zenith):
        def decode(self, frame: bytes) -> Sequence[Event]:
            return [Heartbeat() if hasattr(each, "bids") else each for each in super().decode(frame)]

    found = {each.claim: each for each in checked(tmp_path, Elsewhere).outcomes}
    assert found[LIVE].seen == "no snapshot and no update came"
    assert found[LIVE].todo.startswith("see the subscriptions, above")


def test_what_a_check_meets_by_chance_is_no_proof_of_wrong_books() -> None:
    def show(_: object) -> str:
        raise msgspec.ValidationError("what is that?")

    outcome = testing.Check("books are right", "F", show).run(None)  # type: ignore[arg-type]
    assert (outcome.state, outcome.costs) == ("fail", "E")


def test_printed_it_is_the_table_and_shown_as_a_value_it_is_one_line(tmp_path: Path) -> None:
    report = checked(tmp_path, Decoding)
    lines = str(report).splitlines()
    assert lines[0] == "zenith:"
    assert lines[1].startswith("pass  its facts are complete")
    assert lines[3].split() == ["skip", f"{len(testing.CLAIMS) - 2}", "more", "not", "come", "to"]
    assert lines[4:] == [f"{TALK}: correct what the message names.", f"grade E: {testing.GRADES['E']}"]
    assert repr(report) == f"<Report of zenith: grade E; failed: {TALK}>"


def test_recorded_frames_that_cannot_be_events_are_told_once() -> None:
    instruments = [Zenith().instrument("BTC:USDT", "BTC", "USDT", 2, 5)]
    frame = b'{"k":"chg","i":"BTC:USDT","n":2,"was":1,"t":1723161276318,"chg":{"b":[],"a":[]}}'
    report = testing.check_frames(Decoding, instruments, [frame])
    assert [each.claim for each in report.outcomes if each.state == "fail"] == [TALK]
    with pytest.raises(ConfigError, match="check_frames of Zenith: frames is empty, expected at least one"):
        testing.check_frames(Zenith, instruments, [])
