"""One symbol's copy of the exchange's book, and what it is worth: the book in C, the joining rules, the trust state.

No I/O: the session feeds it with updates and snapshots and asks what it wants. Whatever may make the book differ from
the exchange's takes it out of `live` before anybody can read it, and it comes back only by proof: a doubt (a frame that
nobody understood) ends when the next update follows without a gap; everything else needs a snapshot.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from flowrs.api import Continuity, Recovery
from flowrs.core import ASKS, BIDS, CROSSED, NARROW, SNAPSHOT, UNPROVEN, Book, Reason, State, Verified
from flowrs.errors import CapacityError, ChecksumError, CoreError, NumberSyntaxError
from flowrs.feed import vouch
from flowrs.feed.passage import Passage
from flowrs.feed.sync import HeldOverflowError, Join, OldSnapshotError, follows, gap
from flowrs.feed.writer import Writer

if TYPE_CHECKING:
    from flowrs.api import BookSnapshot, BookUpdate, Connector, Instrument
    from flowrs.core import Lane

_log = logging.getLogger(__name__)

_TROUBLE = CROSSED | NARROW
_CROSSED_UPDATES = 5  # with right checksums; a book still crossed after these is of no use
_RENEW_S = 10.0  # how often at most a window is renewed that stays narrow even after a new snapshot
_BEYOND_S = 5.0  # how long after a snapshot updates may come that are older than it
_TRANSITIONS = 32


class Transition(NamedTuple):
    """A change of trust: when (ns since 1970), to what, and why."""

    time_ns: int
    state: State
    reason: Reason
    epoch: int


class Replica:
    """The book of one instrument at one venue."""

    def __init__(self, connector: Connector, symbol: str, book: Book) -> None:
        """Keep `book` for the canonical `symbol`."""
        self.symbol = symbol
        self.native = vouch.text(connector, connector.native, symbol)
        self.instrument: Instrument | None = None
        self.book = book
        self.gaps = 0
        self.resyncs = 0
        self.was_joined = False
        """Whether this connection has brought a snapshot that was of use."""
        self.transitions: deque[Transition] = deque(maxlen=_TRANSITIONS)
        self._continuity = connector.continuity
        self._follows = follows(connector.continuity)
        self._by_rest = connector.recovery is Recovery.REST
        self._numbered = connector.continuity is not Continuity.UNNUMBERED
        self._plain = self._numbered and connector.checksum is None
        self._verified = (Verified.SEQUENCE if self._numbered else Verified.NOT) | (
            Verified.CHECKSUM if connector.checksum else Verified.NOT
        )
        self._writer = Writer(connector, book)
        self._spelling, self._unit_ns = self._writer.spelling, self._writer.unit_ns
        self._passage: Passage | None = None
        self._last: int | None = None  # the number up to which the book is the exchange's; None: it is not
        self._join: Join | None = None  # collects updates for the next snapshot
        self._snapshot: BookSnapshot | None = None  # has come, but no update reaches beyond it yet
        self._snapshot_at = 0.0  # when it came, on the monotonic clock
        self._proof = self._verified  # what this epoch is verified by
        self._settled = False  # live, and no new snapshot is being collected for
        self._lost = False  # there was a book on this connection, and it can only be had anew
        self._crossed = 0
        self._renew_at = 0.0
        self._joined_at: float | None = None  # on the monotonic clock
        self._lived_s = 0.0

    def list_as(self, instrument: Instrument) -> None:
        """Take the exchange's facts about the instrument; the book is still empty."""
        self.instrument = instrument
        self._writer.decimals = (instrument.price_decimals, instrument.quantity_decimals)
        try:
            self.book.rescale(*self._writer.decimals)
        except CoreError:
            # No exchange has so many decimals. The book finds by itself how many there are.
            _log.warning("%s: the exchange's list makes no sense: %s", self.book.name, instrument)

    # -- what the session tells

    def use(self, lane: Lane) -> int | None:
        """Let updates pass by this lane from now on, while the book is live. Returns its index there, if it has one."""
        self._halt()
        self._passage = None
        if (index := lane.add(self.native, *self._writer.decimals)) is not None:
            self._passage = Passage(lane, index)
        return index

    def connected(self) -> None:
        """A new connection: nothing of an older one counts."""
        self._halt()
        self.was_joined = False
        self._last = self._snapshot = None
        self._join = self._new_join()
        self._lost = False

    def disconnected(self, reason: Reason) -> None:
        """The connection is gone; what the book held stays readable as stale."""
        self._halt()
        self._last = self._join = self._snapshot = None
        self._lost = False
        self._mark(State.EMPTY if self.book.state is State.EMPTY else State.STALE, reason)

    def disable(self, reason: Reason) -> None:
        """There will be no data for this symbol."""
        self._halt()
        self._last = self._join = self._snapshot = None
        self._lost = False
        self._mark(State.DISABLED, reason)

    def close(self) -> None:
        """The symbol is given up: its book ends as disabled, and its place in the shared memory is free."""
        self.disable(Reason.REQUESTED)
        self.book.close()

    def resync(self) -> None:
        """A new snapshot was asked for by hand. Without a book one is under way already."""
        if self._last is not None:
            self.lose(Reason.REQUESTED)

    def doubt(self, reason: Reason) -> None:
        """Something may have been missed; the next update that follows proves that it was not, if there are numbers."""
        self._halt()
        if self._join is not None:
            self._join.doubt()
        if self._last is not None and not self._numbered:
            self.lose(reason)
        elif self.book.state is State.LIVE:
            self._mark(State.STALE, reason)

    def update(self, update: BookUpdate) -> bool:
        """Take an update. Returns True if the book is live and well: else look at `wants_snapshot`."""
        self._halt()
        last = self._last
        if last is None:
            self._hold(update)
            return False
        if not self._follows(update, last):
            self.lose(Reason.GAP, gap(update, last))
            self.gaps += 1
            self._hold(update)
            return False
        try:
            if self._plain:
                number = update.last
                found = self.book.apply(
                    0, update.bids, update.asks, number, update.time * self._unit_ns, self._spelling
                )
            else:
                number = update.last if self._numbered else last + 1
                found = self._writer.apply(update, number)
        except (CoreError, ChecksumError) as error:
            self.lose(_reason_of(error), error)
            return False
        self._last = number
        if self._settled and not found & _TROUBLE:
            self._go_on()
            return True
        self._judge(found)
        if self._join is not None:
            self._hold(update)
        return False

    def passed(self, update: BookUpdate, found: int) -> None:
        """An update has come into the book by the lane, and there is something to `found`, the bits of `Lane.take`."""
        self._halt()
        if found & UNPROVEN and self._last is not None:
            try:
                self._writer.prove(update, self._last)
            except (CoreError, ChecksumError) as error:
                self.lose(_reason_of(error), error)
            else:
                self.lose(Reason.CHECKSUM)  # the template and decode() do not read the same
            return
        self._judge(found)
        if self._join is not None:
            self._hold(update)

    def snapshot(self, snapshot: BookSnapshot) -> None:
        """Take the snapshot that was asked for; raises OldSnapshotError if it is too old to be joined."""
        self._halt()
        self._snapshot, self._snapshot_at = snapshot, time.monotonic()
        self._try_join()

    def replace(self, snapshot: BookSnapshot) -> None:
        """Take a snapshot that came through the stream: it is the book from now on, whatever was before."""
        self._halt()
        number = snapshot.last if self._numbered else 0
        try:
            found = self._writer.apply(snapshot, number, SNAPSHOT)
        except (CoreError, ChecksumError) as error:
            self.lose(_reason_of(error), error, self.book.epoch + 1)
            return
        # OKX declares a checksum and sends 0 today: a proof that is not there is not to be named.
        self._proof = self._verified if snapshot.checksum is not None else self._verified & ~Verified.CHECKSUM
        self._begin(number, found)

    # -- what the session asks

    @property
    def wants_snapshot(self) -> bool:
        """Whether a snapshot should be asked for now: by REST when updates wait for it, else when there is no book."""
        if not self._by_rest:
            return self._lost
        return self._join is not None and len(self._join) > 0 and self._snapshot is None

    @property
    def is_silent(self) -> bool:
        """Whether nothing at all has come for it since the connection was made."""
        return self._last is None and not self._lost and (self._join is None or not len(self._join))

    @property
    def is_live(self) -> bool:
        """Whether the book is known to equal the exchange's."""
        return self.book.state is State.LIVE

    @property
    def is_unlisted(self) -> bool:
        """Whether the exchange does not list the instrument."""
        return self.book.reason is Reason.UNKNOWN_SYMBOL

    @property
    def lived_s(self) -> float:
        """For how many seconds the book has been the exchange's, or was when it was last lost; 0 if it never was."""
        return self._lived_s if self._joined_at is None else time.monotonic() - self._joined_at

    def syncing(self) -> None:
        """A snapshot is being asked for. A live book that is only being renewed stays live."""
        if self._last is None:
            self._mark(State.SYNCING, self.book.reason)

    def silent(self) -> None:
        """Nothing has come for it since it was subscribed to."""
        self._mark(State.STALE, Reason.SILENT)

    def no_snapshot(self) -> None:
        """The snapshot that was asked for did not come, or is of no use."""
        if self._last is None:
            self._mark(State.STALE, Reason.SNAPSHOT)

    def give_up_renewal(self) -> bool:
        """Do without the new snapshot, if it was only to renew the window of a book that is right; returns whether."""
        self._halt()
        if self._last is None:
            return False
        self._join = self._snapshot = None
        self._renew_at = time.monotonic() + _RENEW_S
        self._settled = self.is_live
        return True

    # -- the steps

    def _halt(self) -> None:
        """Let no update pass by the lane, and learn how far it has come: before anything else is done."""
        if self._passage is not None and self._passage.is_open:
            self._last = self._passage.close()

    def _go_on(self) -> None:
        """Let updates pass by the lane: the book is live and well, and nothing is collected for it."""
        if self._passage is not None and self._last is not None:
            self._passage.open(self.book, self._last)

    def _hold(self, update: BookUpdate) -> None:
        """Keep an update for the snapshot, and join if the snapshot is there."""
        if not self._by_rest:
            # The snapshot comes through the stream, and holds what comes before it. But a stream begins with it.
            if not self._lost:
                self.lose(Reason.SNAPSHOT, OldSnapshotError("an update came without the snapshot that comes before it"))
            return
        if self._join is None:
            self._join = Join(self._continuity)
        try:
            self._join.hold(update)
            if self._snapshot is not None:
                self._try_join()
        except (HeldOverflowError, OldSnapshotError) as error:
            self._snapshot = None
            if self._last is None:
                self.lose(Reason.OVERFLOW if isinstance(error, HeldOverflowError) else Reason.GAP, error)

    def _try_join(self) -> None:
        snapshot, join = self._snapshot, self._join
        if snapshot is None or join is None:
            self._snapshot = None
            return
        try:
            updates = join.join(snapshot.last)
        except OldSnapshotError:
            self._snapshot = None
            raise
        if not updates:
            if time.monotonic() - self._snapshot_at > _BEYOND_S:
                self._snapshot = None
                message = f"no update reaches beyond the snapshot's {snapshot.last}: the exchange counts anew"
                raise OldSnapshotError(message, symbol=self.symbol)
            return
        self._snapshot = self._join = None
        try:
            found = self._writer.rebuild(snapshot, updates)
        except CoreError as error:
            # What is left may be older than what was shown, so it cannot be of the same epoch.
            self.lose(_reason_of(error), error, self.book.epoch + 1)
            return
        self._begin(updates[-1].last, found)

    def _begin(self, number: int, found: int) -> None:
        """Begin an epoch with a book that is right up to `number`."""
        self._last = number
        self._lost = False
        self.was_joined = True
        self._joined_at = time.monotonic()
        self.resyncs += 1
        self._crossed = 0
        self._renew_at = time.monotonic() + _RENEW_S if found & NARROW else 0.0
        self._judge(found, self.book.epoch + 1)

    def _new_join(self) -> Join | None:
        return Join(self._continuity) if self._by_rest else None

    def _judge(self, found: int, epoch: int | None = None) -> None:
        """Decide what a book is worth whose last update followed; `epoch` is given when a new one begins."""
        if found & CROSSED:
            self._crossed += 1
            # That a book is not crossed any more proves nothing but with a checksum: a price that is not there may
            # have been passed by the market, and stays in the book.
            if self._numbered or self._crossed >= _CROSSED_UPDATES:
                self.lose(Reason.CROSSED, epoch=epoch)
            else:
                self._mark(State.STALE, Reason.CROSSED, epoch)
            return
        self._crossed = 0
        if found & NARROW:
            self._renew()
            if self.book.best(BIDS) is None or self.book.best(ASKS) is None:
                self._mark(State.STALE, Reason.WINDOW, epoch)
                return
        self._mark(State.LIVE, Reason.NONE, epoch)
        if self._settled and not found & NARROW:
            self._go_on()

    def _renew(self) -> None:
        """Begin to collect updates for a new snapshot, while the book stays live."""
        if self._join is None and time.monotonic() >= self._renew_at:
            self._join = Join(self._continuity)
            self._settled = False

    def lose(self, reason: Reason, error: Exception | None = None, epoch: int | None = None) -> None:
        """The book is no longer the exchange's: only a snapshot helps."""
        self._halt()
        self._last = self._snapshot = None
        self._join = self._new_join()
        self._lost = True
        if self._joined_at is not None:
            self._lived_s, self._joined_at = time.monotonic() - self._joined_at, None
        self._mark(State.STALE, reason, epoch)
        _log.warning("%s lost: %s", self.book.name, error or reason.name.lower())

    def _mark(self, state: State, reason: Reason, epoch: int | None = None) -> None:
        self._halt()
        book = self.book
        self._settled = state is State.LIVE and self._join is None
        if book.state is State.DISABLED or ((state, reason) == (book.state, book.reason) and epoch is None):
            return  # what is disabled stays so, whatever a request that was under way still brings
        epoch = book.epoch if epoch is None else epoch
        book.mark(state, reason, self._proof if state is State.LIVE else Verified.NOT, epoch)
        self.transitions.append(Transition(time.time_ns(), state, reason, epoch))


def _reason_of(error: CoreError | ChecksumError) -> Reason:
    if isinstance(error, ChecksumError):
        return Reason.CHECKSUM
    if isinstance(error, CapacityError):
        return Reason.OVERFLOW
    return Reason.DECODE if isinstance(error, NumberSyntaxError) else Reason.PRECISION
