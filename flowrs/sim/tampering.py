"""What happens to messages on their way from the dialect to the sockets.

There are two places. A *message* is changed before the sessions make frames of it: what is put in its place is numbered
as if the exchange had meant it. *Frames* are lost, repeated, held or swapped after that, when an exchange that numbers
each connection's frames has counted them: the client sees the hole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowrs.sim.connection import Connection
    from flowrs.sim.dialect import Message

    Concerns = Callable[[Message], bool]
    Edit = Callable[[Connection, Sequence[bytes]], Sequence[bytes]]


class Aim:
    """Accept messages of one kind and symbol; without a symbol, those of the first that comes."""

    def __init__(self, symbol: str | None = None, kind: str = "depth") -> None:
        """Aim; `BTC-USDT`, `BTC/USDT` and `BTCUSDT` are the same."""
        self._symbol = symbol and _plain(symbol)
        self._kind = kind

    def __call__(self, message: Message) -> bool:
        """Say whether this is one."""
        if message.kind != self._kind or self._symbol not in (None, _plain(message.symbol)):
            return False
        self._symbol = _plain(message.symbol)
        return True


def _plain(symbol: str) -> str:
    return symbol.replace("-", "").replace("/", "").upper()


class Swap:
    """An edit of two messages: the frames of the first come after those of the second."""

    def __init__(self) -> None:
        """Begin with the first."""
        self._held: dict[Connection, Sequence[bytes]] = {}

    def __call__(self, connection: Connection, frames: Sequence[bytes]) -> Sequence[bytes]:
        """Hold the frames, or send them before those held."""
        if connection in self._held:
            return [*frames, *self._held.pop(connection)]
        self._held[connection] = frames
        return ()


class Hold:
    """An edit that keeps frames back until they are released, in their order."""

    def __init__(self) -> None:
        """Begin with nothing held."""
        self._held: list[tuple[Connection, Sequence[bytes]]] = []

    def __call__(self, connection: Connection, frames: Sequence[bytes]) -> Sequence[bytes]:
        """Hold the frames."""
        self._held.append((connection, frames))
        return ()

    def release(self) -> None:
        """Send what was held."""
        for connection, frames in self._held:
            connection.put(frames)


class _Pending(msgspec.Struct):
    concerns: Concerns
    into: Callable[[Message], Sequence[Message]] | None
    edit: Edit | None
    left: float


class Tampering:
    """The changes that are still to be made, in the order in which they were asked for."""

    def __init__(self, wanted: Callable[[Message], bool]) -> None:
        """Begin without any; `wanted` says whether a client gets a message."""
        self._wanted = wanted
        self._pending: list[_Pending] = []

    def replace_next(self, concerns: Concerns, into: Callable[[Message], Sequence[Message]], count: float = 1) -> None:
        """Replace the next `count` messages that a client wants and `concerns` accepts by those that `into` returns."""
        self._pending.append(_Pending(concerns, into, None, count))

    def edit_next(self, concerns: Concerns, edit: Edit, count: float = 1) -> Callable[[], None]:
        """Replace the frames of such messages by those that `edit` returns for a connection; return how to end that."""
        pending = _Pending(concerns, None, edit, count)
        self._pending.append(pending)

        def end() -> None:
            pending.left = 0

        return end

    def replace(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return what is to be sent in place of these messages."""
        if not self._pending:
            return messages
        messages = [result for message in messages for result in self._replace(message)]
        self._pending = [pending for pending in self._pending if pending.left]
        return messages

    def _replace(self, message: Message) -> Sequence[Message]:
        results: Sequence[Message] = (message,)
        for pending in tuple(self._pending):  # a change may ask for another one, of later messages
            if pending.into is not None:
                results = [
                    new for each in results for new in (pending.into(each) if self._takes(pending, each) else (each,))
                ]
        return results

    def edit_of(self, message: Message) -> Edit | None:
        """Return what changes the frames of this message, None if nothing does."""
        for pending in self._pending:
            if pending.edit is not None and self._takes(pending, message):
                return pending.edit
        return None

    def _takes(self, pending: _Pending, message: Message) -> bool:
        if not pending.left or not self._wanted(message) or not pending.concerns(message):
            return False
        pending.left -= 1
        return True

    def clear(self) -> None:
        """Make no more changes."""
        for pending in self._pending:
            pending.left = 0
        self._pending.clear()
