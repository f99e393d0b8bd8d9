"""What a plugin holds is counted, whatever it is held in, and what is everybody's is not."""

from __future__ import annotations

import gc
import subprocess
import sys
import types
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import trio
from events import Chained, Update

from flowrs.feed import holding
from flowrs.feed.conduct import MUCH_BYTES, Conduct
from flowrs.feed.holding import MOST_OBJECTS, Holding, measure

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def module() -> Iterator[Any]:
    """A plugin's module that holds nothing yet."""
    found = types.ModuleType("flowrs_hoarder")
    sys.modules["flowrs_hoarder"] = found
    yield found
    del sys.modules["flowrs_hoarder"]


async def mb(connector: Any = None) -> float:
    return (await measure("flowrs_hoarder", connector or Chained())).bytes / 1e6


def megabytes(count: int) -> list[bytes]:
    return [bytes(1_000_000 + each) for each in range(count)]


class Shy:
    """Must not be asked for anything."""

    __slots__ = ("held",)

    def __sizeof__(self) -> int:
        raise KeyError("no")


async def test_what_is_kept_is_found_in_whatever_it_is_kept(module: Any) -> None:
    @cache
    def cached(size: int) -> bytes:
        return bytes(size)

    def closing(held: Any) -> Any:
        return lambda: held

    assert await mb() < 0.1
    cached(5_000_000)
    shy = Shy()
    shy.held = megabytes(5)
    kept = [megabytes(5), {"a": megabytes(5)}, deque(megabytes(5)), cached, closing(megabytes(5)), shy]
    kept += [np.zeros(5_000_000, "u1"), bytearray(5_000_000), [Update(1, 1, each, b"[]") for each in megabytes(5)]]
    for each in kept:
        module.each = each
        assert 5 <= await mb() < 5.2, each


async def test_the_bytes_that_an_event_keeps_are_counted(module: Any) -> None:
    """A Raw keeps its whole frame, and no reference leads there: what it shows of it is the least that it keeps."""

    class Event(msgspec.Struct):
        bids: msgspec.Raw

    frame = b'{"bids":"%s"}' % (b"x" * 5_000_000)
    module.each = msgspec.json.decode(frame, type=Event)
    assert 5 <= await mb() < 5.2


async def test_the_connector_and_the_modules_of_its_package_are_the_plugins(module: Any) -> None:
    connector: Any = Chained()
    connector.kept = megabytes(5)
    assert 5 <= await mb(connector) < 5.2
    below = types.ModuleType("flowrs_hoarder.below")
    below.kept = megabytes(5)  # type: ignore[attr-defined]
    sys.modules["flowrs_hoarder.below"] = below
    assert 5 <= (await measure("flowrs_hoarder:plugin", Chained())).bytes / 1e6 < 5.2
    del sys.modules["flowrs_hoarder.below"]
    assert module


async def test_what_is_counted_twice_would_be_is_counted_once_and_what_is_anothers_is_not(module: Any) -> None:
    held = megabytes(5)
    module.one, module.other = held, [held, *held]
    other = types.ModuleType("flowrs_neighbour")
    other.kept, module.neighbour = megabytes(5), other  # type: ignore[attr-defined]
    sys.modules["flowrs_neighbour"] = other
    module.everything = sys.modules
    module.borrowed = types.FunctionType((lambda: None).__code__, vars(other))
    assert 5 <= await mb() < 5.2
    del sys.modules["flowrs_neighbour"]


def test_a_built_in_plugin_holds_little_although_flowrs_is_around_it() -> None:
    """In a process of its own: this one is full of what tests hold."""
    program = (
        "import trio, flowrs.daemon\nfrom flowrs.feed.holding import measure\n"
        "from flowrs.plugins.kraken import Kraken\n"
        "print(*trio.run(measure, 'flowrs.plugins.kraken', Kraken()))"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout  # noqa: S603
    size, _, whole = told.split()
    assert whole == "True"
    assert 10_000 < int(size) < 1_000_000


async def test_of_very_many_objects_only_so_many_are_counted_and_others_go_on_meanwhile(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "MOST_OBJECTS", 20_000)
    module.kept = [str(each) for each in range(30_000)]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        found = await measure("flowrs_hoarder", Chained())
        nursery.cancel_scope.cancel()
    assert not found.whole
    assert 20_000 <= found.objects < 21_000
    assert turns >= 20_000 / 500


async def test_looking_keeps_nothing_alive(module: Any) -> None:
    module.kept = megabytes(3)
    await mb()
    assert len(gc.get_referrers(module.kept)) == 1


def test_much_is_told_once_in_ten_minutes_with_the_bound(caplog: pytest.LogCaptureFixture) -> None:
    told = Conduct("tiny", "flowrs_tiny")
    told.holds(Holding(MUCH_BYTES - 1, 1000, whole=True))
    assert not caplog.records
    told.holds(Holding(80_000_000, 1000, whole=True))
    told.holds(Holding(90_000_000, 1000, whole=True))
    assert told.held_bytes == 90_000_000
    (line,) = caplog.records
    assert line.message == (
        "tiny: its plugin flowrs_tiny holds 80 MB in 1,000 objects, and no connector needs 64 MB or 200,000 objects: "
        "it seems to leak"
    )


def test_too_many_objects_are_much_however_small(caplog: pytest.LogCaptureFixture) -> None:
    Conduct("tiny", "flowrs_tiny").holds(Holding(6_000_000, MOST_OBJECTS, whole=False))
    assert "holds at least 6 MB in at least 200,000 objects" in caplog.text
