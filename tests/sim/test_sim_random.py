"""Random faults: drawn from a seed, on record, and over when they are stopped."""

from __future__ import annotations

import httpx
import pytest
import trio
from fault_clients import EXCHANGES, connected, fresh_venue

from flowrs.sim import KINDS, RandomFaults


@pytest.mark.parametrize("name", EXCHANGES)
async def test_a_venue_is_well_again_after_every_fault_was_stopped(name: str) -> None:
    async with fresh_venue(name) as venue:
        for fault, kind in KINDS.items():
            if not kind.impossible(venue.dialect) and fault not in ("close", "oversize"):
                await venue.faults.inject(fault)
        await venue.faults.clear()
        async with httpx.AsyncClient(base_url=venue.rest_url) as http:
            assert (await http.get(EXCHANGES[name].rest)).json()
        async with connected(name, venue) as watcher:
            while watcher.updates < 10:
                await watcher.read()
            assert set(watcher.notes) <= {"ack", "empty"}


async def test_random_faults_are_recorded_and_the_seed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    records = []
    for _ in range(2):
        async with fresh_venue("kraken") as venue, trio.open_nursery() as nursery:
            chaos = RandomFaults(venue, 7, ["drop", "silent", "refuse", "rest-500", "skip-number"], rate=500)
            nursery.start_soon(chaos.run)
            with trio.fail_after(5):
                while len(chaos.record) < 20:
                    await trio.lowlevel.checkpoint()
            await chaos.stop()
            assert venue.faults.edit_of is not None
        records.append([(each.name, each.count) for each in chaos.record[:20]])
    assert records[0] == records[1]
    assert {name for name, _ in records[0]} == {"drop", "silent", "refuse", "rest-500"}
    assert capsys.readouterr().err == "random faults of kraken: seed 7\n" * 2


async def test_random_faults_leave_out_what_nobody_can_notice() -> None:
    async with fresh_venue("coinbase") as venue:
        chosen = set(RandomFaults(venue, 1).names)
    assert not chosen & {"corrupt-level", "silent-symbol", "bad-checksum", "restart-numbers"}
    assert len(chosen) >= 20
