"""What the daemon tells systemd while it runs: that it is ready, how it is, that its loop still turns, that it ends.

Ready means that it answers on its socket. Whether books are live is the exchanges' business as well as ours, so it is
said in words (`STATUS=`) and never keeps other units from starting. The watchdog is fed by a task of the loop that
feeds and clients run in: a loop that is blocked does not feed it, whatever blocks it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NoReturn

import trio

from flowrs.core import State
from flowrs.systemd import notify, watchdog_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowrs.serve.sources import VenueSource

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_TELL_S = 2.0  # a socket that nobody reads is full some day: neither a reload nor the end may wait for it
_MOST = 200  # characters of a status: systemctl shows it on a line
_FEEDS = 10  # times within the watchdog's patience: a machine with too much to do delays each of them


class Service:
    """The daemon, as systemd sees it; without systemd, nobody."""

    def __init__(
        self, venues: Mapping[str, VenueSource], left_out: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        """Tell of `venues`, and why others are left out, to whom `environ` names."""
        self._venues, self._left_out, self._environ = venues, left_out, environ
        self._status = ""
        self._remark = ""
        self._was_told = True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Say that it is ready, then how it is and that it turns, until cancelled."""
        await self._tell("READY=1", self._news())
        task_status.started()
        async with trio.open_nursery() as nursery:
            if (patience_s := watchdog_s(self._environ)) is not None:
                nursery.start_soon(self._feed_watchdog, patience_s / _FEEDS)
            while True:
                await trio.sleep(_LOOK_S)
                before = self._status
                if self._news() != before:
                    await self._tell(self._status)

    async def reloading(self) -> None:
        """Say that the configuration is being read again."""
        await self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    async def reloaded(self, remark: str = "") -> None:
        """Say that it has been, and from now on in the status what is wrong with it."""
        self._remark = remark
        await self._tell("READY=1", self._news())

    async def stopping(self) -> None:
        """Say that it ends."""
        await self._tell("STOPPING=1", "STATUS=stopping")

    async def _feed_watchdog(self, period_s: float) -> NoReturn:
        while True:
            await self._tell("WATCHDOG=1")
            await trio.sleep(period_s)

    def _news(self) -> str:
        """Return the status as it is now: how many books are live, and what is wrong with venues."""
        states = [each.book.state for venue in self._venues.values() for each in venue.replicas.values()]
        parts = [f"{sum(each is State.LIVE for each in states)} of {len(states)} books live"]
        parts += [f"{venue.name}: {venue.error}" for venue in self._venues.values() if venue.error]
        parts += self._left_out.values()
        words = "; ".join([*parts, *([self._remark] if self._remark else [])])
        words = "".join(each if each.isprintable() else "\ufffd" for each in words)
        self._status = f"STATUS={words if len(words) <= _MOST else words[: _MOST - 1] + '…'}"
        return self._status

    async def _tell(self, *assignments: str) -> None:
        try:
            with trio.fail_after(_TELL_S):
                await notify(self._environ, *assignments)
            self._was_told = True
        except (OSError, trio.TooSlowError) as error:
            why = "it does not read" if isinstance(error, trio.TooSlowError) else error
            if self._was_told:
                _log.warning("systemd is not told how the daemon is: %s: %s", self._environ["NOTIFY_SOCKET"], why)
            self._was_told = False
