"""Gets the snapshots that the replicas of one session want, each symbol's for itself, one task a symbol at most.

Two ways, as the exchange has it: by REST, or by subscribing anew. The first snapshot is asked for without delay; what
has to be asked for again soon after waits longer each time, and in the end the connection is given up.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

import trio

from flowrs.api import Recovery as Way
from flowrs.errors import FeedError, PluginError
from flowrs.feed import vouch
from flowrs.feed.backoff import RESET_AFTER_S, Backoff
from flowrs.feed.boundary import UNREADABLE
from flowrs.feed.rest import RestError
from flowrs.feed.sync import OldSnapshotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from flowrs.api import Connector, Instrument
    from flowrs.feed.conduct import Conduct
    from flowrs.feed.replica import Replica
    from flowrs.feed.rest import Rest

_log = logging.getLogger(__name__)
_TRIES = 6
_ANSWER_S = 5.0  # a lost snapshot is soon missed; a slow one is taken when it comes, after whichever request
_QUOTE = 240


class _Starts(Protocol):
    """What is needed of a nursery."""

    def start_soon(self, async_fn: Callable[..., Awaitable[Any]], /, *args: Any) -> None:
        """See `trio.Nursery.start_soon`."""


class Recovery:
    """The snapshots of one session."""

    def __init__(
        self,
        connector: Connector,
        replicas: Collection[Replica],
        rest: Rest | None,
        send: Callable[[str], Awaitable[None]],
        nursery: _Starts,
        retry: tuple[float, float],
        subscribed: trio.Event,
        conduct: Conduct,
    ) -> None:
        """Ask `rest`, or `send` subscriptions, by tasks in `nursery`.

        `replicas` are those of the connection, as they come and go; `retry`: base and cap of the back-off in s;
        `subscribed`: set when the session has sent its own subscriptions; `conduct`: where the plugin's time is noted.
        """
        self._connector, self._replicas = connector, replicas
        self._rest, self._send, self._nursery = rest, send, nursery
        self._retry, self._subscribed, self._conduct = retry, subscribed, conduct
        self._busy: set[str] = set()
        self._backoffs: dict[str, Backoff] = {}
        self._arrivals: dict[str, trio.Event] = {}
        self._leaving: dict[str, Sequence[str]] = {}  # what ends their subscriptions, after the recovery under way

    def attend(self, replica: Replica) -> None:
        """See to it that a replica gets the snapshot that it wants, if it wants one."""
        if replica.wants_snapshot and replica.symbol not in self._busy:
            self._busy.add(replica.symbol)
            self._nursery.start_soon(self._recover, replica)

    def leave(self, replica: Replica, frames: Sequence[str]) -> None:
        """End the subscription of a symbol that is disabled now; a recovery that is under way comes to its end first.

        Two requests about one subscription must not cross: an exchange may refuse the second, which ends the session.
        """
        self._leaving[replica.symbol] = frames
        self.arrived(replica)
        if replica.symbol not in self._busy:
            self._busy.add(replica.symbol)
            self._nursery.start_soon(self._end, replica)

    def arrived(self, replica: Replica) -> None:
        """Note that a snapshot has come through the stream."""
        if (arrival := self._arrivals.pop(replica.symbol, None)) is not None:
            arrival.set()

    async def _recover(self, replica: Replica) -> None:
        backoff = self._patience(replica)
        if backoff.attempt:
            await trio.sleep(backoff.after(0.0))
        while replica.wants_snapshot and (instrument := replica.instrument) is not None:
            if backoff.attempt > _TRIES and not replica.give_up_renewal() and self._may_another_help(replica):
                message = f"{_TRIES} snapshots in a row were of no use"
                raise FeedError(message, venue=self._connector.name, symbol=replica.symbol)
            backoff.attempt += not backoff.attempt  # what follows soon after this one has to wait
            replica.syncing()
            try:
                await (self._fetch if self._connector.recovery is Way.REST else self._subscribe)(replica, instrument)
            except (RestError, OldSnapshotError, *UNREADABLE) as error:
                _log.warning("%s: no usable snapshot: %s", replica.book.name, str(error)[:_QUOTE])
                replica.no_snapshot()
                await trio.sleep(backoff.after(0.0))
            else:
                if replica.wants_snapshot:  # it came, and is of no use
                    await trio.sleep(backoff.after(0.0))
        await self._end(replica)

    async def _end(self, replica: Replica) -> None:
        """A recovery is over."""
        if (frames := self._leaving.pop(replica.symbol, None)) is not None:
            await self._subscribed.wait()
            for frame in frames:
                await self._send(frame)
        self._busy.discard(replica.symbol)
        self.attend(replica)

    def _may_another_help(self, replica: Replica) -> bool:
        """Whether another connection may do better: not if this one serves others, and never has served this symbol."""
        return replica.was_joined or not any(each.was_joined for each in self._replicas)

    def _patience(self, replica: Replica) -> Backoff:
        """Return the back-off of a symbol's snapshots; a book that was live for long begins anew."""
        if replica.lived_s >= RESET_AFTER_S or replica.symbol not in self._backoffs:
            self._backoffs[replica.symbol] = Backoff(*self._retry)
        return self._backoffs[replica.symbol]

    async def _fetch(self, replica: Replica, instrument: Instrument) -> None:
        """Ask for the snapshot by REST."""
        with self._conduct.timed("snapshot_request()"):
            request = vouch.request(self._connector, self._connector.snapshot_request, instrument)
        if self._rest is None:
            raise PluginError("it recovers by REST, but has no rest_url", venue=self._connector.name)
        body = await self._rest.get(request)
        with self._conduct.timed("decode_snapshot()"):
            snapshot = vouch.snapshot(self._connector, body)
        replica.snapshot(snapshot)

    async def _subscribe(self, replica: Replica, instrument: Instrument) -> None:
        """Subscribe anew, and wait for the snapshot that the stream begins with: OldSnapshotError if none comes."""
        arrival = self._arrivals[replica.symbol] = trio.Event()
        with self._conduct.timed("resubscribe()"):
            frames = vouch.texts(self._connector, self._connector.resubscribe, [instrument])
        for frame in frames:
            await self._send(frame)
        with trio.move_on_after(_ANSWER_S) as scope:
            await arrival.wait()
        if scope.cancelled_caught:
            message = f"no snapshot came within {_ANSWER_S:.0f} s of subscribing"
            raise OldSnapshotError(message, symbol=replica.symbol)
