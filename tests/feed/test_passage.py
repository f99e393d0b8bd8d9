"""A lane takes the updates of a book that is live and well, and of no other; nothing is lost between the two ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from events import TEMPLATE, Chained, Snapshot, TemplatedChained, Update, levels, spelled
from msgspec import Raw

import flowrs
from flowrs import Checksum, Continuity, Recovery
from flowrs.core import BIDS, CROSSED, NARROW, Arena, Batch, Book, Lane, Reason, Scratch, State
from flowrs.errors import ArgumentError
from flowrs.feed.passage import make_lane
from flowrs.feed.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable

SCRATCH = Scratch()


class Followed:
    """A replica whose lane is open, at number 101."""

    def __init__(self, connector: flowrs.Connector | None = None, **book: Any) -> None:
        connector = connector or TemplatedChained()
        self.book = Book("fake:BTC-USDT", 2, 3, scratch=SCRATCH, **book)
        self.replica = Replica(connector, "BTC-USDT", self.book)
        lane = make_lane(connector, 1)
        assert lane is not None
        self.lane = lane
        assert self.replica.use(lane) == 0
        self.replica.connected()
        self.replica.update(Update(101, 101))
        self.replica.snapshot(Snapshot(100, levels(("99", "1"), ("98", "1")), levels(("101", "1"), ("102", "1"))))
        assert self.replica.is_live

    def take(self, first: int, last: int, **told: Raw) -> int:
        frame = spelled(Update(first, last, **told))
        return self.lane.run(Batch.of([frame]), 0, 1)[1]

    @property
    def seq(self) -> int:
        return self.book.header().seq


@pytest.fixture
def followed() -> Followed:
    return Followed()


def test_the_lane_takes_what_follows_from_the_first_update_on(followed: Followed) -> None:
    assert followed.take(102, 105) == followed.take(106, 106) == 0
    assert followed.seq == 106


def test_what_the_lane_leaves_follows_what_it_has_taken(followed: Followed) -> None:
    assert followed.take(102, 105) == 0
    assert followed.replica.update(Update(106, 110)) is True
    assert followed.take(111, 111) == 0
    followed.replica.update(Update(113, 113))
    assert (followed.book.reason, followed.replica.gaps) == (Reason.GAP, 1)


ENDS: dict[str, Callable[[Replica], object]] = {
    "doubt": lambda replica: replica.doubt(Reason.DECODE),
    "loss": lambda replica: replica.lose(Reason.GAP),
    "resync": lambda replica: replica.resync(),
    "the connection's end": lambda replica: replica.disconnected(Reason.SILENT),
    "a new connection": lambda replica: replica.connected(),
    "silence": lambda replica: replica.silent(),
    "disabling": lambda replica: replica.disable(Reason.REQUESTED),
    "closing": lambda replica: replica.close(),
    "a gap": lambda replica: replica.update(Update(104, 104)),
    "rubbish": lambda replica: replica.update(Update(103, 103, bids=Raw(b'[["a"]]'))),
    "another lane": lambda replica: replica.use(make_lane(TemplatedChained(), 1)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_it_takes_no_more_after(followed: Followed, end: Callable[[Replica], object]) -> None:
    assert followed.take(102, 102) == 0
    end(followed.replica)
    before = followed.book.header(), followed.book.state
    assert followed.take(103, 103) < 0
    assert (followed.book.header(), followed.book.state) == before


def test_a_doubt_ends_by_the_next_update_and_the_lane_goes_on(followed: Followed) -> None:
    assert followed.take(102, 102) == 0
    followed.replica.doubt(Reason.DECODE)
    followed.replica.update(Update(103, 103))
    assert (followed.book.state, followed.book.epoch) == (State.LIVE, 1)
    assert followed.take(104, 104) == 0


def test_a_crossed_update_is_no_longer_live_and_the_lane_waits_for_a_snapshot(followed: Followed) -> None:
    crossing = Update(102, 102, bids=levels(("101", "5")))
    assert followed.take(102, 102, bids=crossing.bids) == CROSSED
    assert followed.seq == 102
    followed.replica.passed(crossing, CROSSED)
    assert (followed.book.state, followed.book.reason) == (State.STALE, Reason.CROSSED)
    assert followed.take(103, 103, bids=levels(("101", "0"))) < 0
    followed.replica.update(Update(103, 103, bids=levels(("101", "0"))))
    assert followed.replica.wants_snapshot
    followed.replica.snapshot(Snapshot(102, levels(("99", "1")), levels(("101", "1"))))
    assert followed.replica.is_live
    assert followed.take(104, 104) == 0


def test_a_narrow_book_is_renewed_with_that_update_and_the_lane_waits() -> None:
    followed = Followed(arena=Arena(1, 2), snapshot_levels=2)
    narrow = Update(102, 102, bids=levels(("99", "0")))
    assert followed.take(102, 102, bids=narrow.bids) == NARROW
    assert not followed.replica.wants_snapshot
    followed.replica.passed(narrow, NARROW)
    assert followed.replica.is_live
    assert followed.replica.wants_snapshot
    assert followed.take(103, 103) < 0
    followed.replica.update(Update(103, 103))
    followed.replica.snapshot(Snapshot(101, levels(("98", "1"), ("97", "1")), levels(("101", "1"), ("102", "1"))))
    assert (followed.seq, followed.book.epoch) == (103, 2)
    assert followed.take(104, 104) == 0


def test_a_book_grows_and_gets_finer_scales_although_the_lane_holds_it(followed: Followed) -> None:
    more = levels(*[(f"{price / 100}", "1") for price in range(1, 2001)])
    assert followed.take(102, 102, bids=more) < 0
    assert followed.replica.update(Update(102, 102, bids=more))
    assert followed.take(103, 103, bids=levels(("50.001", "1"))) < 0
    assert followed.replica.update(Update(103, 103, bids=levels(("50.001", "1"))))
    assert followed.book.total(BIDS) == 2003
    assert followed.take(104, 104, bids=levels(("50.002", "1"))) == 0
    assert (followed.book.total(BIDS), followed.book.price_scale) == (2004, 3)


class Summed(flowrs.Connector):
    name = "fake"
    title = "Fake"
    continuity = Continuity.UNNUMBERED
    recovery = Recovery.RESUBSCRIBE
    checksum = Checksum("digits", 10)
    templates = ('{"s":"<symbol>","b":<bids>,"a":<asks>,"c":<checksum>}',)


def test_names_that_json_may_spell_in_several_ways_never_pass() -> None:
    for symbol in ('A"B', "A\\B", "Ä", "A\nB", "", "A" * 64):
        replica = Replica(TemplatedChained(), symbol, Book("fake:BTC-USDT", 2, 3, scratch=SCRATCH))
        lane = make_lane(TemplatedChained(), 1)
        assert lane is not None
        assert replica.use(lane) is None


def test_without_templates_or_books_there_is_no_lane() -> None:
    assert make_lane(Chained(), 1) is make_lane(TemplatedChained(), 0) is None


@pytest.mark.parametrize("template", ["", "{}", TEMPLATE.replace("<first>", "<frist>")])
def test_what_is_no_template_makes_no_lane(template: str) -> None:
    class Wrong(Chained):
        templates: ClassVar = (template,)

    with pytest.raises(ArgumentError, match="no template of a chained lane"):
        make_lane(Wrong(), 1)


def test_a_number_beyond_63_bits_is_none_that_a_lane_counts() -> None:
    lane = make_lane(Summed(), 1)
    assert isinstance(lane, Lane)
    assert [lane.count(number) for number in (1 << 80, -5, 7)] == [-1, (1 << 63) - 1, -1]
    assert lane.open(0, Book("fake:A", 0, 0, scratch=SCRATCH), 1 << 63) is False
