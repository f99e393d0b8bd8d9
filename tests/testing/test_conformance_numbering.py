"""The suite knows each kind of numbering: who keeps the contract has an A, and who is wrong about it has not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from gardens import FERN, LILY, ORCHID, Fern, Lily, Orchid
from msgspec import Raw, field

import flowrs
from flowrs import Checksum, Continuity, testing
from flowrs.testing.claims import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flowrs import Connector
    from flowrs.testing import Report


class Whole(Orchid):
    """Takes 200 levels for all there are."""

    snapshot_levels = 0


class Shallow(Fern):
    """Makes checksums of five levels."""

    checksum = Checksum("digits", 5)


class Cut(Fern):
    """Cuts the book, which the exchange does not."""

    depth = 10


class _Swapped(flowrs.BookUpdate, tag_field="ch", tag="depth"):
    """Takes the first number for the last."""

    symbol: str = field(name="id")
    first: int = field(name="to")
    last: int = field(name="from")
    bids: Raw = field(name="bid")
    asks: Raw = field(name="ask")


def _swapped(self: Orchid, frame: bytes) -> Sequence[flowrs.Event]:
    try:
        return (msgspec.json.decode(frame, type=_Swapped),)
    except msgspec.ValidationError:
        return Orchid.decode(self, frame)


def checked(tmp_path: Path, kind: type[Connector], dialect: str) -> Report:
    path = tmp_path / "dialect.toml"
    path.write_text(dialect, encoding="utf-8")
    return testing.check(kind, path)


@pytest.mark.parametrize(("kind", "dialect"), [(Orchid, ORCHID), (Lily, LILY), (Fern, FERN)])
def test_each_kind_of_numbering_is_known(tmp_path: Path, kind: type[Connector], dialect: str) -> None:
    report = checked(tmp_path, kind, dialect)
    slow = "decode() is about as fast as reading the JSON"  # two of them decode a frame twice
    wrong = [each for each in report.outcomes if each.state != "pass" and each.claim != slow]
    untold = ["a ping is answered, and the answer understood", "a refusal is understood as one"]
    assert [each.claim for each in wrong if each.state == "skip"] == untold == [each.claim for each in wrong], wrong
    assert report.passes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"continuity": Continuity.LINKED}, r"does not follow \d+, but would as CHAINED\)"),
        ({"decode": _swapped}, r"\(gap: update (\d+) to \d+ does not follow \d+\)"),
    ],
)
def test_the_numbers_that_do_not_follow_are_told_also_where_the_snapshot_comes_late(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    report = checked(tmp_path, type("Changed", (Orchid,), change), ORCHID)
    failed = {each.claim: each for each in report.outcomes if each.state == "fail"}
    assert re.search(words, failed["books get live, and stay so"].seen)
    assert {each.todo for each in failed.values()} == {NUMBERS}


@pytest.mark.parametrize(("kind", "dialect", "grade"), [(Whole, ORCHID, "F"), (Shallow, FERN, "E"), (Cut, FERN, "E")])
def test_who_is_wrong_about_levels_is_found(tmp_path: Path, kind: type[Connector], dialect: str, grade: str) -> None:
    assert checked(tmp_path, kind, dialect).grade == grade
