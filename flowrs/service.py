"""What the daemon tells systemd while it runs: that it is ready, how it is, that its loop still turns, that it ends.

Ready means that it answers on its socket. Whether books are live is the exchanges' business as well as ours, so it is
said in words (`STATUS=`) and never keeps other units from starting. The watchdog is fed by a task of the loop that
feeds and clients run in: a loop that is blocked does not feed it, whatever blocks it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

import trio

from flowrs.core import State
from flowrs.systemd import Systemd, status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowrs.serve.sources import VenueSource

_LOOK_S = 1.0


class Service:
    """The daemon, as systemd sees it; without systemd, nobody."""

    def __init__(
        self, venues: Mapping[str, VenueSource], left_out: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        """Tell of `venues`, and why others are left out, to whom `environ` names."""
        self._venues, self._left_out, self._systemd = venues, left_out, Systemd(environ)
        self._status = ""
        self._remark = ""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Say that it is ready, then how it is and that it turns, until cancelled."""
        await self._systemd.tell("READY=1", self._news())
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._systemd.feed_watchdog)
            while True:
                await trio.sleep(_LOOK_S)
                before = self._status
                if self._news() != before:
                    await self._systemd.tell(self._status)

    async def reloading(self) -> None:
        """Say that the configuration is being read again."""
        await self._systemd.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    async def reloaded(self, remark: str = "") -> None:
        """Say that it has been, and from now on in the status what is wrong with it."""
        self._remark = remark
        await self._systemd.tell("READY=1", self._news())

    async def stopping(self) -> None:
        """Say that it ends."""
        await self._systemd.tell("STOPPING=1", "STATUS=stopping")

    def _news(self) -> str:
        """Return the status as it is now: how many books are live, and what is wrong with venues."""
        states = [each.book.state for venue in self._venues.values() for each in venue.replicas.values()]
        parts = [f"{sum(each is State.LIVE for each in states)} of {len(states)} books live"]
        parts += [self._remark] if self._remark else []
        parts += [f"{venue.name}: {venue.error}" for venue in self._venues.values() if venue.error]
        self._status = status("; ".join([*parts, *self._left_out.values()]))
        return self._status
