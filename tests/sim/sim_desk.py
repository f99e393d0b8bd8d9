"""A venue without sockets: it hands messages to sessions at once, and its clock goes where a test sets it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowrs.sim import CoinbaseAdvanced, KrakenV2, Message
    from flowrs.sim.dialect import Session


class Client:
    """What one session has been sent."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.frames: list[bytes] = []

    def say(self, **request: Any) -> None:
        self.frames += self.session.receive(json.dumps(request))

    def take(self) -> list[bytes]:
        """What came since the last call."""
        frames, self.frames = self.frames, []
        return frames


class Desk:
    """It stands between a dialect and its clients."""

    def __init__(self, dialect: KrakenV2 | CoinbaseAdvanced) -> None:
        self.dialect = dialect
        self.clients: list[Client] = []
        self.now_s = 1000.0

    def open(self) -> Client:
        session = self.dialect.session(self.dialect.ws_path)
        assert session is not None
        self.clients.append(Client(session))
        return self.clients[-1]

    def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            for client in self.clients:
                client.frames += client.session.payloads(message)

    async def room(self) -> None: ...

    async def drained(self) -> None: ...

    def wanted(self, message: Message) -> bool:
        return any(client.session.wants(message) for client in self.clients)

    def pass_time(self, seconds: float) -> None:
        """Let happen what is due meanwhile, each thing at its time."""
        end_s = self.now_s + seconds
        while (due_s := self.dialect.tick(self.now_s, self)) <= end_s:
            self.now_s = max(due_s, self.now_s)
        self.now_s = end_s


@contextmanager
def desk(dialect: KrakenV2 | CoinbaseAdvanced) -> Iterator[Desk]:
    opened = Desk(dialect)
    with dialect.quoting(opened):
        yield opened
