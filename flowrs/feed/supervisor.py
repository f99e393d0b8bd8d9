"""Keeps one connection going for ever: session after session, with back-off between them.

It catches what is expected of a connection (FeedError, OSError, a broken stream, a fault of the plugin) and nothing
else: a bug of flowrs ends the daemon with its traceback, and systemd starts it anew.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import trio

from flowrs.api import Rate
from flowrs.core import Notices, Reason
from flowrs.errors import FeedError, PluginError, StaleFeedError
from flowrs.feed.backoff import Pace
from flowrs.feed.session import RotatedError
from flowrs.feed.transport import RefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import NoReturn

    from flowrs.feed.backoff import Backoff
    from flowrs.feed.counters import Counters
    from flowrs.feed.replica import Replica
    from flowrs.feed.session import Session

_log = logging.getLogger(__name__)
_ATTEMPTS = Rate(9, 60.0)  # of one connection, after such as came to nothing
_E = TypeVar("_E", bound=Exception)
_AT_ONCE = 3  # of these: the back-off's first steps, which are short
_EXPECTED = (FeedError, PluginError, OSError, trio.BrokenResourceError, trio.ClosedResourceError)


class Connection:
    """A connection that is to be kept up, and what is known of it."""

    def __init__(
        self,
        name: str,
        replicas: Sequence[Replica],
        session: Callable[[], Session],
        backoff: Backoff,
        notices: Notices | None = None,
    ) -> None:
        """Keep `replicas` fed by sessions that `session` makes; `notices` hears of what becomes of them."""
        self.name = name
        self.replicas = replicas
        self.since = trio.current_time()
        """When the session, or the wait for it, began, on Trio's clock."""
        self.retry_at: float | None = None
        """When the next attempt is due, on Trio's clock."""
        self.error: str | None = None
        """What ended the last session."""
        self._session: Session | None = None
        self._make = session
        self._notices = notices or Notices()
        self._backoff = backoff
        self._pace = Pace(_ATTEMPTS, _AT_ONCE)
        self._scope = trio.CancelScope()  # of the session, or of the pause after it
        self._life = trio.CancelScope()

    @property
    def state(self) -> str:
        """Whether it is "connecting", "connected", or "waiting" for the next attempt."""
        if self._session is None:
            return "waiting"
        return "connected" if self._session.is_open else "connecting"

    @property
    def attempt(self) -> int:
        """How many attempts in a row have failed; 0 once a book is live."""
        is_live = self._session is not None and self._session.live_since is not None
        return 0 if is_live else self._backoff.attempt

    def reconnect(self) -> None:
        """End the session that is running, or the pause after one: another session follows as soon as it may."""
        self._scope.cancel()

    def resync(self, replica: Replica) -> None:
        """Get a new snapshot for one of the books, if there is a session: else one is under way already."""
        if self._session is not None:
            self._session.resync(replica)

    def drop(self, replica: Replica) -> None:
        """Follow a symbol no longer, while the others go on."""
        if self._session is not None:
            self._session.drop(replica)

    def lose(self, reason: Reason) -> None:
        """Nothing is read any more: no book is the exchange's, also while the connection is still being closed."""
        for replica in self.replicas:
            replica.disconnected(reason)

    def _left(self, failure: Exception | None) -> None:
        """The session reads no more. Whoever cancels all of this has said of the books what there is to say."""
        if failure is not None or self._scope.cancel_called:
            self._ended(failure)

    def _ended(self, failure: Exception | None) -> None:
        self.error = _words(failure) if failure else "reconnect was asked for"
        self.lose(Reason.SILENT if isinstance(failure, StaleFeedError) else Reason.DISCONNECTED)

    def end(self) -> None:
        """End for good."""
        self._life.cancel()

    async def supervise(
        self, counters: Counters, allowed: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    ) -> None:
        """Run sessions until cancelled or ended; `allowed` returns when the exchange allows another connection."""
        with self._life:
            await self._go_on(counters, allowed)

    async def _go_on(self, counters: Counters, allowed: Callable[[], Awaitable[None]]) -> NoReturn:
        while True:
            await allowed()
            session = self._make()
            session.when_left = self._left
            self._enter(session)
            failure = await self._live(session)
            self._ended(failure)
            _log.warning("%s: session ended: %s", self.name, self.error)
            if isinstance(failure, PluginError):
                counters.conduct.failed(failure)
            counters.reconnects += 1
            live_s = 0.0 if session.live_since is None else trio.current_time() - session.live_since
            delay = 0.0 if isinstance(failure, RotatedError) else self._backoff.after(live_s)
            await self._pause(delay, failure, came_to_nothing=session.live_since is None)

    async def _live(self, session: Session) -> Exception | None:
        """Run a session to its end; returns what ended it, None if `reconnect` did."""
        ends: list[Exception] = []
        with trio.CancelScope() as self._scope:
            try:
                await session.run()
            except* _EXPECTED as group:
                ends.extend(leaves(group))
        return ends[0] if ends else None

    async def _pause(self, delay: float, failure: Exception | None, *, came_to_nothing: bool) -> None:
        """Wait for `delay`, which `reconnect` ends, and for what nobody ends: what the exchange says, and the pace."""
        now = trio.current_time()
        least = (failure.retry_after_s or 0.0) if isinstance(failure, RefusedError) else 0.0
        if came_to_nothing:
            least = max(least, self._pace.soonest(now) - now)
        delay = max(delay, least)
        self._enter(None, delay)
        await trio.sleep(least)
        with trio.CancelScope() as self._scope:
            await trio.sleep(delay - least)
        if came_to_nothing:
            self._pace.begins(trio.current_time())

    def _enter(self, session: Session | None, delay: float | None = None) -> None:
        self._session = session
        self.since = trio.current_time()
        self.retry_at = None if delay is None else self.since + delay
        self._notices.marked()


def leaves(group: BaseExceptionGroup[_E]) -> list[_E]:
    """Return the exceptions of a group and its groups, those that say most first."""
    found: list[_E] = []
    for each in group.exceptions:
        found.extend(leaves(each) if isinstance(each, BaseExceptionGroup) else [each])
    return sorted(found, key=lambda each: not isinstance(each, (FeedError, PluginError)))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
