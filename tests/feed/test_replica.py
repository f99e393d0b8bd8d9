"""One replica, told by hand what the exchange says: what it is worth after each step, and why."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest
from events import Chained, Linked, Snapshot, Update, levels
from msgspec import Raw

from flowrs import Checksum, Continuity, Instrument, Recovery
from flowrs.core import ASKS, BIDS, Arena, ArenaReader, Book, Journal, Reason, Scratch, State, Verified
from flowrs.feed import replica as module
from flowrs.feed import sync
from flowrs.feed.replica import Replica
from flowrs.feed.sync import OldSnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import flowrs

SCRATCH = Scratch()
ARENA = Arena(1, 5)


class Told(Replica):
    """A replica of BTC-USDT with a few words for what a session tells it."""

    def __init__(self, connector: flowrs.Connector, snapshot_levels: int = 0) -> None:
        book = Book("fake:BTC-USDT", 2, 3, scratch=SCRATCH, arena=ARENA, snapshot_levels=snapshot_levels)
        super().__init__(connector, "BTC-USDT", book)
        self.connected()

    @property
    def worth(self) -> tuple[State, Reason, int]:
        return self.book.state, self.book.reason, self.book.epoch

    @property
    def tops(self) -> tuple[tuple[int, int] | None, ...]:
        return self.book.best(BIDS), self.book.best(ASKS)


@pytest.fixture
def told() -> Iterator[Told]:
    """Live at 101, bid 99.00, ask 101.00."""
    replica = Told(Chained())
    replica.update(Update(101, 101, time=7))
    replica.snapshot(Snapshot(100, levels(("99.00", "1"), ("98.00", "1")), levels(("101.00", "1"))))
    assert replica.worth == (State.LIVE, Reason.NONE, 1)
    yield replica
    replica.book.close()


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Live at 101 with a window of 6 levels of which 5 are shown."""
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    replica = Told(Chained(), snapshot_levels=6)
    replica.clock = clock
    replica.update(Update(101, 101))
    replica.snapshot(Snapshot(100, ladder(99, -1), ladder(101, 1)))
    assert replica.worth == (State.LIVE, Reason.NONE, 1)
    yield replica
    replica.book.close()


def ladder(first: int, step: int, count: int = 6) -> Raw:
    return levels(*[(str(first + i * step), "1") for i in range(count)])


def history(replica: Replica) -> list[tuple[State, Reason, int]]:
    return [(each.state, each.reason, each.epoch) for each in replica.transitions]


def test_a_book_is_empty_then_syncing_then_live_and_verified_by_sequence() -> None:
    replica = Told(Chained())
    assert replica.worth == (State.EMPTY, Reason.NONE, 0)
    assert not replica.wants_snapshot
    replica.update(Update(101, 105))
    assert replica.wants_snapshot
    replica.syncing()
    replica.snapshot(Snapshot(103, levels(("99", "1")), levels(("101", "1"))))
    assert replica.book.verified is Verified.SEQUENCE
    assert history(replica) == [(State.SYNCING, Reason.NONE, 0), (State.LIVE, Reason.NONE, 1)]
    assert not replica.wants_snapshot
    replica.book.close()


def test_a_snapshot_alone_is_not_live_until_an_update_reaches_beyond_it() -> None:
    replica = Told(Chained())
    replica.update(Update(101, 105))
    replica.snapshot(Snapshot(110, levels(("99", "1")), levels(("101", "1"))))
    assert not replica.is_live
    assert not replica.wants_snapshot
    assert replica.tops == (None, None)
    replica.update(Update(106, 110))
    assert not replica.is_live
    replica.update(Update(111, 111, bids=levels(("100", "5"))))
    assert replica.is_live
    assert replica.tops == ((10000, 5000), (10100, 1000))
    replica.book.close()


def test_a_snapshot_older_than_what_is_held_is_refused_and_a_newer_one_wanted() -> None:
    replica = Told(Chained())
    replica.update(Update(101, 105))
    with pytest.raises(OldSnapshotError):
        replica.snapshot(Snapshot(99))
    assert replica.wants_snapshot
    replica.snapshot(Snapshot(100))
    assert replica.is_live
    replica.book.close()


def test_a_snapshot_that_no_update_reaches_is_given_up_after_five_seconds_of_updates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exchange has begun to count anew, and the snapshot was still on its way with a number of before."""
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    told = Told(Chained())
    told.update(Update(1, 1))
    told.snapshot(Snapshot(900))
    for number in range(2, 7):
        clock[0] += 1
        told.update(Update(number, number))
        assert not told.wants_snapshot
    clock[0] += 1
    told.update(Update(7, 7))
    assert told.worth == (State.STALE, Reason.GAP, 0)
    told.update(Update(8, 8))
    assert told.wants_snapshot
    told.snapshot(Snapshot(7))
    assert told.is_live
    told.book.close()


def test_a_gap_while_a_snapshot_waits_asks_for_another() -> None:
    replica = Told(Chained())
    replica.update(Update(101, 105))
    replica.snapshot(Snapshot(105))
    replica.update(Update(107, 110))
    assert not replica.is_live
    replica.update(Update(111, 112))
    assert replica.wants_snapshot
    replica.snapshot(Snapshot(110))
    assert replica.is_live
    replica.book.close()


def test_an_update_that_follows_keeps_it_live_and_says_that_all_is_well(told: Told) -> None:
    assert told.update(Update(102, 103, bids=levels(("100", "2")), time=9)) is True
    assert told.tops[0] == (10000, 2000)
    assert (told.book.header().seq, told.book.header().exchange_ns) == (103, 9_000_000)
    assert told.worth == (State.LIVE, Reason.NONE, 1)


@pytest.mark.parametrize("first", [100, 101, 103, 200])
def test_an_update_that_does_not_follow_is_a_gap_and_is_not_applied(told: Told, first: int) -> None:
    assert told.update(Update(first, first + 5, bids=levels(("100", "2")))) is False
    assert told.worth == (State.STALE, Reason.GAP, 1)
    assert told.book.verified is Verified.NOT
    assert told.tops[0] == (9900, 1000)
    assert (told.gaps, told.wants_snapshot) == (1, True)


def test_linked_updates_live_and_are_lost_by_their_links() -> None:
    replica = Told(Linked())
    replica.update(Update(150, 160, prev=140))
    replica.snapshot(Snapshot(155, levels(("99", "1")), levels(("101", "1"))))
    assert replica.update(Update(190, 195, prev=160)) is True
    assert replica.update(Update(196, 197, prev=194)) is False
    assert replica.worth == (State.STALE, Reason.GAP, 1)
    replica.book.close()


def test_a_doubt_ends_when_the_next_update_follows(told: Told) -> None:
    told.doubt(Reason.DECODE)
    assert told.worth == (State.STALE, Reason.DECODE, 1)
    assert not told.wants_snapshot
    told.update(Update(102, 102))
    assert told.worth == (State.LIVE, Reason.NONE, 1)


def test_a_doubt_that_was_a_lost_update_ends_in_a_resync(told: Told) -> None:
    told.doubt(Reason.DECODE)
    told.update(Update(103, 103))
    assert told.worth == (State.STALE, Reason.GAP, 1)
    told.syncing()
    told.snapshot(Snapshot(102))
    assert told.worth == (State.LIVE, Reason.NONE, 2)


def test_a_doubt_does_not_hide_a_worse_reason(told: Told) -> None:
    told.update(Update(103, 103))
    told.doubt(Reason.DECODE)
    assert told.worth == (State.STALE, Reason.GAP, 1)


def test_a_doubt_while_a_snapshot_is_fetched_is_not_ended_by_the_snapshot_but_by_the_next_update() -> None:
    """What nobody understood may have been the update behind those that are held."""
    replica = Told(Chained())
    replica.update(Update(101, 101))
    replica.syncing()
    replica.doubt(Reason.DECODE)
    replica.snapshot(Snapshot(100, levels(("99", "1")), levels(("101", "1"))))
    assert not replica.is_live
    assert not replica.wants_snapshot
    replica.update(Update(102, 102))
    assert replica.worth == (State.LIVE, Reason.NONE, 1)
    replica.book.close()


def test_an_update_that_was_lost_in_a_doubt_while_a_snapshot_is_fetched_needs_a_newer_snapshot() -> None:
    replica = Told(Chained())
    replica.update(Update(101, 101))
    replica.doubt(Reason.DECODE)
    replica.snapshot(Snapshot(100))
    replica.update(Update(103, 103))
    assert replica.worth == (State.STALE, Reason.GAP, 0)
    replica.update(Update(104, 104))
    assert replica.wants_snapshot
    replica.snapshot(Snapshot(103))
    assert replica.worth == (State.LIVE, Reason.NONE, 1)
    replica.book.close()


def test_a_doubt_during_a_renewal_is_not_ended_by_the_new_snapshot(narrow: Told) -> None:
    narrow.update(Update(102, 102, bids=levels(("99", "0"), ("98", "0"))))
    assert narrow.wants_snapshot
    narrow.doubt(Reason.DECODE)
    narrow.snapshot(Snapshot(101, ladder(97, -1), ladder(101, 1)))
    assert narrow.worth == (State.STALE, Reason.DECODE, 1)
    narrow.update(Update(103, 103))
    assert narrow.worth == (State.LIVE, Reason.NONE, 2)


def test_a_disconnected_book_is_kept_as_stale_and_needs_a_snapshot_again(told: Told) -> None:
    told.disconnected(Reason.DISCONNECTED)
    assert told.worth == (State.STALE, Reason.DISCONNECTED, 1)
    assert told.tops[0] == (9900, 1000)
    told.connected()
    told.update(Update(102, 102))
    assert not told.is_live
    told.syncing()
    assert told.worth == (State.SYNCING, Reason.DISCONNECTED, 1)
    told.snapshot(Snapshot(101))
    assert told.worth == (State.LIVE, Reason.NONE, 2)


def test_a_snapshot_of_an_older_connection_is_not_used(told: Told) -> None:
    told.update(Update(103, 103))
    told.snapshot(Snapshot(110))
    told.disconnected(Reason.DISCONNECTED)
    told.connected()
    told.update(Update(111, 111))
    assert not told.is_live
    assert told.wants_snapshot


def test_a_book_that_never_was_stays_empty_when_disconnected() -> None:
    replica = Told(Chained())
    replica.disconnected(Reason.DISCONNECTED)
    assert replica.worth == (State.EMPTY, Reason.DISCONNECTED, 0)
    replica.book.close()


def test_a_crossed_book_is_stale_at_once_and_needs_a_snapshot(told: Told) -> None:
    told.update(Update(102, 102, bids=levels(("101.00", "1"))))
    assert told.worth == (State.STALE, Reason.CROSSED, 1)
    assert told.wants_snapshot
    told.update(Update(103, 103, bids=levels(("101.00", "0"))))
    told.snapshot(Snapshot(102, levels(("99.00", "1")), levels(("101.00", "1"))))
    assert told.worth == (State.LIVE, Reason.NONE, 2)


def test_a_book_that_is_no_longer_crossed_because_the_market_moved_on_is_not_proved_by_that(told: Told) -> None:
    """The bid that crossed it may never have been there, and would stay."""
    told.update(Update(102, 102, bids=levels(("101.00", "1"))))
    told.update(Update(103, 103, asks=levels(("101.00", "0"), ("102", "1"))))
    assert told.worth == (State.STALE, Reason.CROSSED, 1)
    assert told.wants_snapshot


def test_a_crossed_snapshot_is_not_live_and_another_is_needed(told: Told) -> None:
    told.update(Update(103, 103))
    told.snapshot(Snapshot(102, levels(("101", "1")), levels(("101", "1"))))
    assert told.worth == (State.STALE, Reason.CROSSED, 2)
    told.update(Update(104, 104, bids=levels(("101", "0"))))
    assert told.worth == (State.STALE, Reason.CROSSED, 2)
    assert told.wants_snapshot


def test_a_book_that_was_crossed_on_the_way_from_the_snapshot_is_not_live(told: Told) -> None:
    told.update(Update(103, 103))
    told.update(Update(104, 104, bids=levels(("101.00", "1"))))
    told.update(Update(105, 105, asks=levels(("101.00", "0"), ("102", "1"))))
    told.snapshot(Snapshot(102, levels(("99", "1")), levels(("101", "1"))))
    assert told.worth == (State.STALE, Reason.CROSSED, 2)
    told.update(Update(106, 106))
    assert told.wants_snapshot


class Proved(Chained):
    """As Kraken: each message is proved by its checksum."""

    continuity = Continuity.UNNUMBERED
    recovery = Recovery.RESUBSCRIBE
    checksum = Checksum("digits", 10)


class Summed(Snapshot):
    checksum: int = 0


class SummedUpdate(Update):
    checksum: int = 0


@pytest.fixture
def checked() -> Iterator[Told]:
    """Live, bid 99, ask 101, proved by checksums."""
    replica = Told(Proved())
    replica.list_as(Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", 2, 3))
    replica.replace(Summed(1, levels(("99", "1")), levels(("101", "1")), checksum=crc(("101", "99"))))
    assert replica.worth == (State.LIVE, Reason.NONE, 1)
    yield replica
    replica.book.close()


def crc(prices: Sequence[str]) -> int:
    """The checksum of a book of these prices, asks before bids, best first, each with a quantity of 1."""
    return zlib.crc32("".join(f"{price}001000" for price in prices).encode())


def crossing(told: Told, bid: str, prices: Sequence[str]) -> None:
    told.update(SummedUpdate(0, 0, levels(("101", bid)), checksum=crc(prices)))


def test_where_checksums_prove_each_message_a_crossed_book_is_live_again_when_it_is_not_crossed(checked: Told) -> None:
    crossing(checked, "1", ("101", "101", "99"))
    assert checked.worth == (State.STALE, Reason.CROSSED, 1)
    assert not checked.wants_snapshot
    crossing(checked, "0", ("101", "99"))
    assert checked.worth == (State.LIVE, Reason.NONE, 1)


def test_whoever_follows_each_change_hears_that_a_book_is_stale_before_the_change_that_crosses_it(
    checked: Told,
) -> None:
    journal = Journal()
    checked.book.record(journal)
    at = journal.end
    crossing(checked, "1", ("101", "101", "99"))
    text, at, mark, _, _ = journal.read(at, b"{")
    assert (text, mark and mark.reason) == (b"", Reason.CROSSED)
    assert journal.read(at, b"{").text.count(b"\n") == 1


def test_no_crossed_snapshot_is_published_as_live(checked: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = published(checked, monkeypatch)
    checked.replace(Summed(2, levels(("101", "1")), levels(("101", "1")), checksum=crc(("101", "101"))))
    assert checked.worth == (State.STALE, Reason.CROSSED, 2)
    assert shown == [(State.STALE, 2, [(10100, 1000)])]


def test_a_snapshot_of_a_live_book_is_never_published_in_the_epoch_before(
    checked: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have any number, also a lower one, and within an epoch numbers only grow."""
    shown = published(checked, monkeypatch)
    checked.replace(Summed(2, levels(("98", "1")), levels(("101", "1")), checksum=crc(("101", "98"))))
    assert shown == [(State.LIVE, 2, [(9800, 1000)])]


def test_a_renewal_that_crosses_the_book_is_not_published_as_live(
    narrow: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow.update(Update(102, 102, bids=levels(("99", "0"), ("98", "0"))))
    shown = published(narrow, monkeypatch)
    narrow.snapshot(Snapshot(101, ladder(102, -1), ladder(101, 1)))
    assert narrow.worth == (State.STALE, Reason.CROSSED, 2)
    assert [state for state, *_ in shown] == [State.STALE]


def published(told: Told, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """What other programs see from now on after each publication: state, epoch and bids."""
    seen: list[tuple[int, int, list[tuple[int, int]]]] = []
    reader = ArenaReader(ARENA)
    for name in ("publish", "mark"):
        real = getattr(told.book, name)

        def spied(*words: object, real: Callable[..., object] = real) -> object:
            found = real(*words)
            view = reader.read(0)
            seen.append((view.state, view.epoch, view.bids))
            return found

        monkeypatch.setattr(told.book, name, spied)
    return seen


def test_a_doubt_about_a_crossed_book_that_only_checksums_prove_needs_a_snapshot(checked: Told) -> None:
    """They cover the best levels alone: what nobody understood may have been about another one."""
    crossing(checked, "1", ("101", "101", "99"))
    checked.doubt(Reason.DECODE)
    crossing(checked, "0", ("101", "99"))
    assert not checked.is_live
    assert checked.wants_snapshot


def test_a_book_still_crossed_after_five_right_checksums_needs_a_snapshot_and_the_count_begins_anew(
    checked: Told,
) -> None:
    for _ in range(3):
        for _ in range(4):
            crossing(checked, "1", ("101", "101", "99"))
        crossing(checked, "0", ("101", "99"))
        assert checked.is_live
    for _ in range(5):
        assert not checked.wants_snapshot
        crossing(checked, "1", ("101", "101", "99"))
    assert checked.worth == (State.STALE, Reason.CROSSED, 1)
    assert checked.wants_snapshot


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (b'[["100","1e400"]]', Reason.PRECISION),
        (b'[["100","1e-19"]]', Reason.PRECISION),
        (b'[["-1","1"]]', Reason.PRECISION),
        (b'[["NaN","1"]]', Reason.DECODE),
        (b'{"100":"1"}', Reason.DECODE),
    ],
)
def test_an_update_that_cannot_be_held_makes_the_book_stale_and_says_why(
    told: Told, side: bytes, reason: Reason
) -> None:
    assert told.update(Update(102, 102, bids=Raw(side))) is False
    assert told.worth == (State.STALE, reason, 1)
    assert told.tops[0] == (9900, 1000)
    told.update(Update(103, 103))
    assert told.wants_snapshot
    told.snapshot(Snapshot(102, levels(("99.5", "1")), levels(("101.00", "1"))))
    assert told.worth == (State.LIVE, Reason.NONE, 2)


@pytest.mark.parametrize(
    "update",
    [Update(102, 1 << 64), Update(102, 10**30), Update(102, 102, time=1 << 63), Update(102, 102, time=-(10**30))],
    ids=["number 2^64", "number 10^30", "time 2^63 ms", "time -10^30 ms"],
)
def test_a_number_or_time_beyond_64_bits_makes_the_book_stale_and_not_the_daemon_end(
    told: Told, update: Update
) -> None:
    assert told.update(update) is False
    assert told.worth == (State.STALE, Reason.PRECISION, 1)
    assert (told.tops[0], told.book.header().seq) == ((9900, 1000), 101)


def test_a_snapshot_number_beyond_64_bits_does_not_make_the_daemon_end(told: Told) -> None:
    told.update(Update(103, 1 << 70))
    told.snapshot(Snapshot((1 << 70) - 1))
    assert not told.is_live


def test_more_levels_than_a_book_may_hold_are_an_overflow(told: Told) -> None:
    many = Raw(b"[%s]" % b",".join(b"[%d,1]" % price for price in range(1, (1 << 18) + 2)))
    told.update(Update(102, 102, bids=many))
    assert told.worth == (State.STALE, Reason.OVERFLOW, 1)


def test_more_updates_than_may_wait_are_an_overflow_and_those_that_follow_are_held(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "HELD_UPDATES", 3)
    told.update(Update(103, 103))
    for number in range(104, 107):
        told.update(Update(number, number))
    assert told.worth == (State.STALE, Reason.OVERFLOW, 1)
    assert not told.wants_snapshot
    told.update(Update(107, 107))
    told.snapshot(Snapshot(106))
    assert told.worth == (State.LIVE, Reason.NONE, 2)


def test_a_snapshot_that_does_not_come_is_the_reason_given(told: Told) -> None:
    told.update(Update(103, 103))
    told.syncing()
    told.no_snapshot()
    assert told.worth == (State.STALE, Reason.SNAPSHOT, 1)
    assert told.wants_snapshot


def test_a_snapshot_without_numbers_leaves_the_book_as_it_was(told: Told) -> None:
    told.update(Update(103, 103))
    told.snapshot(Snapshot(102, Raw(b'[["x","1"]]')))
    assert (told.book.state, told.book.reason) == (State.STALE, Reason.DECODE)
    assert told.tops[0] == (9900, 1000)


def test_what_a_failed_resync_leaves_is_not_called_the_old_epoch(told: Told) -> None:
    """The book may be older then than what was shown: within an epoch numbers only grow."""
    told.update(Update(102, 110))
    told.update(Update(102, 110, bids=levels(("NaN", "1"))))
    told.snapshot(Snapshot(103, levels(("98.5", "1"))))
    assert (told.book.state, told.book.reason) == (State.STALE, Reason.DECODE)
    assert told.book.header().seq == 103
    assert told.book.epoch == 2
    view = ArenaReader(ARENA).read(0)
    assert (view.epoch, view.seq, view.state) == (2, 103, State.STALE)


def test_a_disabled_book_says_so(told: Told) -> None:
    told.disable(Reason.UNKNOWN_SYMBOL)
    assert told.worth == (State.DISABLED, Reason.UNKNOWN_SYMBOL, 1)


def test_a_window_that_gets_narrow_is_renewed_while_the_book_stays_live(narrow: Told) -> None:
    for number, gone in ((102, "99"), (103, "98")):
        assert not narrow.wants_snapshot
        narrow.update(Update(number, number, bids=levels((gone, "0"))))
    assert narrow.wants_snapshot
    narrow.syncing()
    assert narrow.worth == (State.LIVE, Reason.NONE, 1)
    narrow.update(Update(104, 104, bids=levels(("96.5", "3"))))
    narrow.snapshot(Snapshot(103, ladder(97, -1), ladder(101, 1)))
    assert narrow.worth == (State.LIVE, Reason.NONE, 2)
    assert history(narrow) == [(State.LIVE, Reason.NONE, 1), (State.LIVE, Reason.NONE, 2)]
    assert narrow.book.window()[0] == 9200
    assert narrow.book.array(BIDS).tolist()[:2] == [[9700, 1000], [9650, 3000]]
    assert not narrow.wants_snapshot
    assert narrow.update(Update(105, 105)) is True


def test_a_renewal_that_fails_leaves_the_book_live(narrow: Told) -> None:
    narrow.update(Update(102, 102, bids=levels(("99", "0"), ("98", "0"))))
    narrow.no_snapshot()
    assert narrow.worth == (State.LIVE, Reason.NONE, 1)
    with pytest.raises(OldSnapshotError):
        narrow.snapshot(Snapshot(90))
    assert narrow.worth == (State.LIVE, Reason.NONE, 1)
    assert narrow.wants_snapshot
    narrow.update(Update(103, 103))
    assert narrow.is_live


def test_a_gap_during_a_renewal_is_a_gap(narrow: Told) -> None:
    narrow.update(Update(102, 102, bids=levels(("99", "0"), ("98", "0"))))
    narrow.update(Update(104, 104))
    assert narrow.worth == (State.STALE, Reason.GAP, 1)


def test_a_window_that_has_nothing_left_is_no_longer_live(narrow: Told) -> None:
    narrow.update(Update(102, 102, bids=levels(*[(str(price), "0") for price in range(94, 100)], ("50", "1"))))
    assert narrow.worth == (State.STALE, Reason.WINDOW, 1)
    assert narrow.wants_snapshot
    narrow.snapshot(Snapshot(101, levels(("60", "1"), ("50", "1")), ladder(101, 1)))
    assert narrow.worth == (State.LIVE, Reason.NONE, 2)


def test_a_window_that_stays_narrow_after_a_snapshot_is_renewed_every_ten_seconds_at_most(narrow: Told) -> None:
    """An exchange whose book ends there would otherwise be asked without end."""
    narrow.update(Update(102, 102, bids=levels(("99", "0"), ("98", "0"))))
    narrow.snapshot(Snapshot(101, ladder(99, -1), ladder(101, 1)))
    assert narrow.worth == (State.LIVE, Reason.NONE, 2)
    narrow.update(Update(103, 103))
    assert not narrow.wants_snapshot
    narrow.clock[0] += 10
    narrow.update(Update(104, 104))
    assert narrow.wants_snapshot


def test_only_the_newest_transitions_are_kept(told: Told) -> None:
    for number in range(102, 202):
        told.doubt(Reason.DECODE)
        told.update(Update(number, number))
    assert len(told.transitions) == 32
    times = [each.time_ns for each in told.transitions]
    assert times == sorted(times)
