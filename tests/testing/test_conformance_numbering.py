"""The suite knows each kind of numbering: who keeps the contract has an A, and who is wrong about it has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gardens import FERN, LILY, ORCHID, Fern, Lily, Orchid

from flowrs import Checksum, testing

if TYPE_CHECKING:
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


def checked(tmp_path: Path, kind: type[Connector], dialect: str) -> Report:
    path = tmp_path / "dialect.toml"
    path.write_text(dialect, encoding="utf-8")
    return testing.check(kind, path)


@pytest.mark.parametrize(("kind", "dialect"), [(Orchid, ORCHID), (Lily, LILY), (Fern, FERN)])
def test_each_kind_of_numbering_is_known(tmp_path: Path, kind: type[Connector], dialect: str) -> None:
    report = checked(tmp_path, kind, dialect)
    slow = "decode() is about as fast as reading the JSON"  # two of them decode a frame twice
    wrong = [each for each in report.outcomes if each.state != "pass" and each.claim != slow]
    assert [each.claim for each in wrong] == ["a ping is answered, and the answer understood"], wrong
    assert report.passes


@pytest.mark.parametrize(("kind", "dialect", "grade"), [(Whole, ORCHID, "F"), (Shallow, FERN, "E"), (Cut, FERN, "E")])
def test_who_is_wrong_about_levels_is_found(tmp_path: Path, kind: type[Connector], dialect: str, grade: str) -> None:
    assert checked(tmp_path, kind, dialect).grade == grade
