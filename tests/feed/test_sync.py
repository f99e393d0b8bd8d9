"""The exchange's rules for what follows what, at their boundaries."""

from __future__ import annotations

import pytest
from events import Update, levels
from hypothesis import given
from hypothesis import strategies as st

from flowrs import Continuity
from flowrs.feed import sync
from flowrs.feed.sync import HeldOverflowError, Join, OldSnapshotError, follows, gap

CHAINED, LINKED = Continuity.CHAINED, Continuity.LINKED


def update(first: int, last: int, prev: int = 0) -> Update:
    return Update(first, last, prev=prev)


def holding(continuity: Continuity, *updates: Update) -> Join:
    join = Join(continuity)
    for each in updates:
        join.hold(each)
    return join


@pytest.mark.parametrize(("first", "fits"), [(99, False), (100, False), (101, True), (102, False)])
def test_chained_updates_follow_exactly_the_number_after_the_last(first: int, *, fits: bool) -> None:
    assert follows(CHAINED)(update(first, 200, prev=100), 100) is fits


@pytest.mark.parametrize(("prev", "fits"), [(99, False), (100, True), (101, False)])
def test_linked_updates_name_the_last_whatever_their_first_is(prev: int, *, fits: bool) -> None:
    for first in (50, 101, 150):
        assert follows(LINKED)(update(first, 200, prev), 100) is fits


@pytest.mark.parametrize("last", [100, 50, 0, -1])
def test_an_update_that_goes_back_follows_nothing(last: int) -> None:
    assert not follows(CHAINED)(update(101, last), 100)
    assert follows(LINKED)(update(90, last, prev=100), 100) is (last == 100)


def test_a_gap_says_which_numbers_do_not_meet() -> None:
    assert str(gap(update(105, 110), 100)) == "BTCUSDT@100: update 105 to 110 does not follow 100"
    linked = "BTCUSDT@100: update 110, which names 104 as the one before, does not follow 100"
    assert str(gap(update(0, 110, prev=104), 100)) == linked


# Held: 101 to 105, then 106 to 110.
@pytest.mark.parametrize(
    ("last", "joined"),
    [
        (98, None),
        (99, None),
        (100, [101, 106]),
        (101, [101, 106]),
        (103, [101, 106]),
        (104, [101, 106]),
        (105, [106]),
        (106, [106]),
        (109, [106]),
        (110, []),
        (111, []),
        (1000, []),
    ],
)
def test_a_chained_snapshot_joins_where_first_is_at_most_its_last_plus_1(last: int, joined: list[int] | None) -> None:
    join = holding(CHAINED, update(101, 105), update(106, 110))
    if joined is None:
        with pytest.raises(OldSnapshotError, match=f"the snapshot ends at {last}, but the updates begin with 101"):
            join.join(last)
    else:
        assert [each.first for each in join.join(last)] == joined


# Held: 101 to 105 after 90, then 120 to 130 after 105: the ids between belong to other symbols.
@pytest.mark.parametrize(
    ("last", "joined"),
    [
        (89, None),
        (90, [101, 120]),
        (91, None),
        (100, None),
        (101, [101, 120]),
        (104, [101, 120]),
        (105, [101, 120]),
        (106, None),
        (119, None),
        (120, [120]),
        (129, [120]),
        (130, [120]),
        (131, []),
    ],
)
def test_a_linked_snapshot_joins_inside_an_update_or_where_it_links(last: int, joined: list[int] | None) -> None:
    join = holding(LINKED, update(101, 105, prev=90), update(120, 130, prev=105))
    if joined is None:
        with pytest.raises(OldSnapshotError):
            join.join(last)
    else:
        assert [each.first for each in join.join(last)] == joined


@pytest.mark.parametrize(("last", "joins"), [(89, False), (90, True), (97, True), (105, True), (131, None)])
def test_where_no_first_number_is_told_a_linked_update_covers_all_behind_the_one_before(
    last: int, *, joins: bool | None
) -> None:
    join = holding(LINKED, update(0, 105, prev=90))
    if joins is False:
        with pytest.raises(OldSnapshotError):
            join.join(last)
    else:
        assert bool(join.join(last)) is bool(joins)


@pytest.mark.parametrize("continuity", [CHAINED, LINKED])
def test_a_snapshot_alone_is_not_joined(continuity: Continuity) -> None:
    assert Join(continuity).join(100) == []


@pytest.mark.parametrize("continuity", [CHAINED, LINKED])
def test_an_update_that_does_not_follow_makes_the_held_ones_useless(continuity: Continuity) -> None:
    join = holding(continuity, update(101, 105, 100), update(106, 110, 105), update(112, 115, 111))
    assert len(join) == 1
    assert [each.first for each in join.join(112)] == [112]
    with pytest.raises(OldSnapshotError):
        join.join(105)


def test_joining_takes_nothing_away_so_a_newer_snapshot_may_be_tried() -> None:
    join = holding(CHAINED, update(101, 105), update(106, 110))
    with pytest.raises(OldSnapshotError):
        join.join(50)
    assert join.join(110) == []
    assert len(join.join(100)) == len(join) == 2


def test_too_many_held_updates_are_forgotten_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "HELD_UPDATES", 3)
    join = holding(CHAINED, update(1, 1), update(2, 2), update(3, 3))
    with pytest.raises(HeldOverflowError, match="more than 3 updates"):
        join.hold(update(4, 4))
    assert len(join) == 0
    join.hold(update(5, 5))
    assert len(join) == 1


def test_too_many_held_bytes_are_forgotten_and_counted_from_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "HELD_BYTES", 100)
    rows = levels(("1.00", "1"))
    join = Join(CHAINED)
    fit = 100 // (2 * len(memoryview(rows)))
    for _ in range(3):
        for number in range(fit):
            join.hold(Update(number, number, bids=rows, asks=rows))
        with pytest.raises(HeldOverflowError):
            join.hold(Update(fit, fit, bids=rows, asks=rows))
        assert len(join) == 0


def test_the_bounds_are_far_above_what_a_snapshot_takes_to_come() -> None:
    """15 s of REST timeout at the 20 updates a second of USD-M's fastest stream."""
    assert sync.HELD_UPDATES >= 15 * 20
    assert 1 << 20 <= sync.HELD_BYTES <= 64 << 20


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(-3, 50))
def test_a_joined_chain_covers_every_number_behind_the_snapshot_and_none_is_missing(
    sizes: list[int], last: int
) -> None:
    join, first = Join(CHAINED), 11
    for size in sizes:
        join.hold(update(first, first + size - 1))
        first += size
    try:
        joined = join.join(last)
    except OldSnapshotError:
        assert last < 10
        return
    covered = [number for each in joined for number in range(each.first, each.last + 1)]
    assert covered[-1:] == ([first - 1] if last < first - 1 else [])
    assert [number for number in covered if number > last] == list(range(last + 1, first))
    assert all(each.last > last for each in joined)
