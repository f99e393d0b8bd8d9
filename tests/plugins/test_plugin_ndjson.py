"""The sink of files: lines are whole, whatever happens, and files are bounded in size and number."""

from __future__ import annotations

import errno
import json
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from flowrs.plugins.ndjson import KINDS, Ndjson, Options
from flowrs.sink import Lost
from flowrs.testing import SINK_EVENTS, run_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def opened(path: Path, **options: Any) -> Ndjson:
    sink = Ndjson()
    sink.options = Options(path=str(path), **options)
    sink.open()
    return sink


def lines(path: Path) -> list[Any]:
    text = path.read_bytes()
    assert not text or text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def test_each_event_is_a_line_with_its_kind_and_numbers_as_exact_text(tmp_path: Path) -> None:
    run_sink(Ndjson, path=str(tmp_path / "events"))
    snapshot, delta, trades, state, gone, back, lost, unknown = lines(tmp_path / "events")
    assert (snapshot["event"], snapshot["venue"], snapshot["state"], snapshot["seq"]) == (
        "snapshot",
        "tulip",
        "live",
        10,
    )
    assert snapshot["bids"] == [["61837.63", "0.00000012"], ["61837.00", "1.50000000"]]
    assert snapshot["window"] == {"low": "61800.00", "high": None}
    assert (delta["event"], delta["symbol"], delta["prev_seq"], delta["bids"]) == (
        "delta",
        "BTC-USDT",
        10,
        [["61837.63", "0"]],
    )
    assert trades["trades"][0]["quantity"] == "0.010"
    assert (state["event"], state["state"], state["reason"]) == ("state", "stale", "gap")
    assert gone == {"event": "disconnected", "reason": "the daemon is gone"}
    assert back == {"event": "reconnected", "resumed": ["tulip:BTC-USDT"]}
    assert (lost, unknown) == ({"event": "lost", "events": 1234}, {"event": "lost", "events": None})


def test_files_are_changed_when_they_are_full_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "events"
    sink = opened(path, max_mb=0.001, files=3)
    for begin in range(0, 200, 20):
        sink.write([Lost(number) for number in range(begin, begin + 20)])
    sink.close()
    assert {each.name for each in tmp_path.iterdir()} == {"events", "events.1", "events.2"}
    assert all(each.stat().st_size <= 1000 for each in tmp_path.iterdir())
    kept = [each["events"] for name in ("events.2", "events.1", "events") for each in lines(tmp_path / name)]
    assert kept == list(range(kept[0], 200))
    assert kept[0] > 100


def test_one_file_is_a_bound_too_and_a_line_longer_than_it_is_still_written(tmp_path: Path) -> None:
    path = tmp_path / "events"
    sink = opened(path, max_mb=0.000_01, files=1)
    sink.write([Lost(1), Lost(2)])
    sink.close()
    assert [each.name for each in tmp_path.iterdir()] == ["events"]
    assert lines(path) == [{"event": "lost", "events": 2}]


@pytest.mark.parametrize("rest", [b'{"event":"lo', b"x" * 200_000])
def test_what_a_killed_process_has_left_of_a_line_is_removed_and_the_file_goes_on(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "events"
    path.write_bytes(b'{"event":"lost","events":1}\n' + rest)
    sink = opened(path)
    sink.write([Lost(2)])
    sink.close()
    assert [each["events"] for each in lines(path)] == [1, 2]
    path.write_bytes(rest)
    opened(path).close()
    assert lines(path) == []


@contextmanager
def small_disk(most_bytes: int) -> Iterator[None]:
    """No file may grow beyond this: the system says so as it says that a disk is full. Not even pytest's own output."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_full_disk_has_cut_off_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "events"
    sink = opened(path)
    with small_disk(1000), pytest.raises(OSError, match="File too large") as caught:
        sink.write([Lost(number) for number in range(100)])
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    sink.close()
    kept = [each["events"] for each in lines(path)]
    assert kept == list(range(len(kept)))
    assert 960 < path.stat().st_size < 1000


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is no plain file"):
        opened(tmp_path.joinpath("/dev/null"))
    with pytest.raises(IsADirectoryError):
        opened(tmp_path)


def test_there_is_an_event_of_each_kind_to_test_with() -> None:
    assert {type(event).__name__ for event in SINK_EVENTS} == set(KINDS)
