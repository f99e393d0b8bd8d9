"""The conformance suite is tested by connectors that are wrong in one way each: it has to find that, and its grade."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace
from playback import okx_frames

from flowrs import testing
from flowrs.api import BookSnapshot, BookUpdate, Continuity, Heartbeat, Instrument, Objects, Trade
from flowrs.errors import ConfigError
from flowrs.testing.report import Outcome, Report
from flowrs_okx import Okx, OkxSwap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import Connector, Event

HERE = Path(__file__).parents[2] / "plugins-example/flowrs-okx/tests"
SWAPS = HERE / "okx-swap.toml"  # without checksums, which would notice everything


class Changed(OkxSwap):
    """A connector whose events are changed."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        return [self.change(event) for event in super().decode(frame)]

    def change(self, event: Any) -> Event:
        raise NotImplementedError


class Counting(Changed):
    """Counts by itself, so that nothing is ever missing."""

    continuity = Continuity.COUNTED

    def __init__(self) -> None:
        self._counts: dict[str, Any] = {}

    def change(self, event: Any) -> Event:
        if isinstance(event, BookUpdate | BookSnapshot):
            return replace(event, last=next(self._counts.setdefault(event.symbol, itertools.count(1))))
        return event


class Rounding(Changed):
    """Reads quantities as floats."""

    def change(self, event: Any) -> Event:
        if not isinstance(event, BookUpdate | BookSnapshot):
            return event
        sides = [json.loads(bytes(side)) for side in (event.bids, event.asks)]
        spelled = [json.dumps([[price, f"{float(size):.3f}"] for price, size, *_ in side]).encode() for side in sides]
        return replace(event, bids=msgspec.Raw(spelled[0]), asks=msgspec.Raw(spelled[1]))


class Keeping(Changed):
    """Leaves the removals out."""

    def change(self, event: Any) -> Event:
        if not isinstance(event, BookUpdate):
            return event
        sides = [[row for row in json.loads(bytes(side)) if row[1] != "0"] for side in (event.bids, event.asks)]
        bids, asks = (msgspec.Raw(json.dumps(side).encode()) for side in sides)
        return replace(event, bids=bids, asks=asks)


class OneSided(Changed):
    """Takes each for the other side."""

    def change(self, event: Any) -> Event:
        return replace(event, bids=event.asks, asks=event.bids) if hasattr(event, "bids") else event


class Buying(Changed):
    """Does not look at the taker's side."""

    def change(self, event: Any) -> Event:
        return replace(event, side="buy") if isinstance(event, Trade) else event


class InMicroseconds(OkxSwap):
    """Takes milliseconds for microseconds."""

    time_unit_ns = 1_000


class Dropping(OkxSwap):
    """Says nothing of what it does not know."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        try:
            return super().decode(frame)
        except msgspec.MsgspecError:
            return ()


class Picky(OkxSwap):
    """Takes the JSON apart by hand."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        if frame != b"pong":
            _ = json.loads(frame)["arg"]["channel"]
        return super().decode(frame)


class Slow(OkxSwap):
    """Decodes the frame three times."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        for _ in range(3):
            msgspec.json.decode(frame) if frame != b"pong" else None
        return super().decode(frame)


class Sleepy(OkxSwap):
    """Knows no answer to its ping."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        if frame == b"pong":
            raise msgspec.ValidationError("what is that?")
        return super().decode(frame)


class Forgetful(OkxSwap):
    """Leaves an instrument out."""

    def subscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return super().subscribe(instruments[:1])


class Leaving(OkxSwap):
    """Ends a subscription and does not begin it again."""

    def resubscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return super().resubscribe(instruments)[:1]


class Staying(OkxSwap):
    """Has the wrong words to unsubscribe."""

    unsubscribing = ("subscribe", "leave")


class Misnaming(OkxSwap):
    """Has another name than the exchange's."""

    def native(self, symbol: str) -> str:
        return symbol.removesuffix("-SWAP")


class Misspelling(OkxSwap):
    """Takes levels for objects."""

    spelling = Objects("p", "q")


class Single(OkxSwap):
    """Returns an event where it has to return several."""

    def decode(self, frame: bytes) -> Any:
        return super().decode(frame)[0]


class Lacking(BookUpdate):
    """An update of nobody."""

    last: int = 1


class Nameless(Changed):
    """Forgets which key is the symbol."""

    def change(self, event: Any) -> Event:
        return Lacking() if isinstance(event, BookUpdate) else event


class Failing(OkxSwap):
    """Raises what it must not, on every tenth frame."""

    def __init__(self) -> None:
        self._frames = itertools.count(1)

    def decode(self, frame: bytes) -> Sequence[Event]:
        if next(self._frames) % 10 == 0:
            raise KeyError("tenth")
        return super().decode(frame)


class Contradicting(OkxSwap):
    """Has no proof at all."""

    continuity = Continuity.UNNUMBERED
    checksum = None


class Timeless(OkxSwap):
    """Its template forgets the time of a trade, which decode() reads."""

    templates = tuple(each.replace('"ts":"<time>"', '"ts":<>') for each in OkxSwap.templates)


class Dreaming(OkxSwap):
    """Its template shows no frame that there is."""

    templates = tuple(each.replace('"px"', '"price"') for each in OkxSwap.templates)


class Selling(Changed):
    """Takes a trade that a template shows for something else."""

    def change(self, event: Any) -> Event:
        return Heartbeat() if isinstance(event, Trade) and event.side == "buy" else event


_UPDATE = '{"instId":"<symbol>","bids":<bids>,"asks":<asks>,"prev":<prev>,"last":<last>,"checksum":<checksum>}'


class Stale(OkxSwap):
    """Its template of updates shows none."""

    templates = (_UPDATE,)


WRONG = [
    (Counting, "F", "a lost update is noticed"),
    (Rounding, "F", "books equal the exchange's, digit by digit"),
    (Keeping, "F", "books equal the exchange's, digit by digit"),
    (OneSided, "E", "books get live, and stay so"),
    (Buying, "C", "trades have a price, a quantity and a side"),
    (InMicroseconds, "C", "times are times"),
    (Dropping, "F", "an unknown frame makes every book doubtful"),
    (Picky, "D", "an unknown frame is refused, never dropped"),
    (Slow, "B", "decode() is about as fast as reading the JSON"),
    (Sleepy, "C", "a ping is answered, and the answer understood"),
    (Forgetful, "E", "subscriptions name every instrument"),
    (Leaving, "D", "a lost book comes back, and the others stay"),
    (Staying, "C", "what is unsubscribed from comes no more"),
    (Misnaming, "E", "it talks with the exchange"),
    (Misspelling, "E", "books get live, and stay so"),
    (Failing, "E", "it talks with the exchange"),
    (Single, "E", "it talks with the exchange"),
    (Timeless, "C", "a template of trades comes to the same as decode()"),
    (Dreaming, "B", "templates are like what comes"),
    (Selling, "C", "a template of trades comes to the same as decode()"),
    (Stale, "B", "templates are like what comes"),
    (Contradicting, "E", "its facts are complete and do not contradict each other"),
]


def failed(report: Report) -> list[str]:
    return [each.claim for each in report.outcomes if each.state == "fail"]


def test_a_connector_that_keeps_its_contract_has_an_a() -> None:
    report = testing.check(OkxSwap, SWAPS)
    assert [each for each in report.outcomes if each.state != "pass"] == []
    assert (report.grade, report.passes) == ("A", True)


@pytest.mark.parametrize(("kind", "grade", "claim"), WRONG, ids=[kind.__name__ for kind, _, _ in WRONG])
def test_what_is_wrong_is_found(kind: type[Connector], grade: str, claim: str) -> None:
    report = testing.check(kind, SWAPS)
    assert claim in failed(report)
    assert all(each.todo for each in report.outcomes if each.state == "fail")
    assert report.grade == grade, failed(report)
    assert report.passes == (grade == "B")


def test_what_a_connector_raises_is_told_with_its_place_and_ends_no_check() -> None:
    report = testing.check(Failing, SWAPS)
    assert len(report.outcomes) == len(testing.CLAIMS)
    (found,) = [each for each in report.outcomes if each.state == "fail"]
    assert re.fullmatch(r"KeyError: 'tenth' \(test_conformance_suite\.py:\d+\)", found.seen)
    assert found.todo == "see that place of your connector"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Single, r"the plugin failed: .*decode\(\) returned .*, expected a sequence of events"),
        (Nameless, r"the plugin failed: Lacking\.symbol raised AttributeError"),
    ],
)
def test_what_decode_must_not_return_is_named(kind: type[Connector], words: str) -> None:
    seen = [each.seen for each in testing.check(kind, SWAPS).outcomes if each.state == "fail"]
    assert any(re.search(words, each) for each in seen), seen


def test_a_configuration_is_not_taken_for_a_dialect_file(tmp_path: Path) -> None:
    path = tmp_path / "tulip.toml"
    path.write_text('[venues.tulip]\nsymbols = ["BTC-USDT"]\n')
    with pytest.raises(
        ConfigError, match=r"is a configuration of the daemon \(it has \[venues\]\), not a dialect file"
    ):
        testing.check(OkxSwap, path)


def test_a_check_that_meets_what_a_connector_raises_fails_and_the_others_go_on() -> None:
    def show(_: object) -> str:
        raise KeyError("x")

    outcome = testing.Check("it holds", "D", show).run(None)  # type: ignore[arg-type]
    assert (outcome.state, outcome.costs) == ("fail", "D")
    assert outcome.seen.startswith("KeyError: 'x' (test_conformance_suite.py:")


def test_levels_that_are_not_as_spelling_says_serve_no_wrong_book_and_are_named() -> None:
    found = {each.claim: each for each in testing.check(Misspelling, SWAPS).outcomes}
    assert found["books get live, and stay so"].todo.startswith("see spelling, bids and asks")
    assert found["books equal the exchange's, digit by digit"].state == "skip"


def test_recorded_frames_are_checked_too(captures: Path) -> None:
    instruments = [Instrument("BTC-USDT", "BTC-USDT", "BTC", "USDT", 1, 8)]
    frames = [frame for frame in okx_frames(captures) if b'"BTC-USDT"' in frame]

    class Recorded(Okx):
        continuity = Continuity.UNNUMBERED

        def decode(self, frame: bytes) -> Sequence[Event]:
            events = super().decode(frame)
            if any(isinstance(each, BookUpdate | BookSnapshot) and each.checksum is None for each in events):
                raise msgspec.ValidationError("there is no checksum")
            return events

    report = testing.check_frames(Recorded, instruments, frames)
    assert failed(report) == []
    states = {each.claim: each.state for each in report.outcomes}
    assert states["books equal the exchange's, digit by digit"] == states["a lost update is noticed"] == "pass"
    assert states["a lost book comes back, and the others stay"] == "skip"
    assert states["a book that came back goes on, and equals the exchange's"] == "skip"
    assert report.grade == "A"


def test_what_was_not_shown_is_no_a() -> None:
    shown = Outcome("one", "pass", "", costs="F")
    assert Report("x", [shown]).grade == "A"
    assert Report("x", [shown, Outcome("two", "skip", "no updates", costs="F")]).grade == "C"
    assert Report("x", [shown, Outcome("two", "skip", "no pings", costs="C")]).grade == "A"


def test_a_file_that_makes_no_sense_is_no_fault_of_the_connector(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        testing.check(OkxSwap, tmp_path / "none.toml")
