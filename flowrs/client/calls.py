"""One request at a time over one connection, which is made when it is needed and anew when the daemon has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flowrs.client.conversation import decoded
from flowrs.client.link import Clock, Link, Steps, connect
from flowrs.errors import ControlError

if TYPE_CHECKING:
    from pathlib import Path

    from flowrs.client.conversation import Greeting
    from flowrs.client.questions import Question

T = TypeVar("T")


class Calls:
    """The requests of one client; `greeting` is that of the newest connection."""

    greeting: Greeting

    def __init__(self, path: Path, timeout_s: float, clock: Clock) -> None:
        """Do nothing yet; `timeout_s` bounds each whole request."""
        self._path = path
        self._timeout_s = timeout_s
        self._clock = clock
        self.link: Link | None = None

    def close(self) -> None:
        """End the connection; the next request makes another."""
        if self.link is not None:
            self.link.close()
        self.link = None

    def connected(self) -> Steps[Link]:
        """Return the connection. Raises NotRunning, ControlError, FlowrsError if it may not be opened."""
        if self.link is None or self.link.has_ended():
            self.close()
            self.link = yield from connect(self._path, self._timeout_s, self._clock)
            self.greeting = self.link.greeting
        return self.link

    def call(self, method: str, params: dict[str, Any], kind: Any = None) -> Steps[Any]:
        """Return a result as a `kind`, None: as plain objects. Raises ControlError for an error answer, NotRunning."""
        link = yield from self.connected()
        try:
            raw = yield from link.ask(method, params, self._clock() + self._timeout_s)
        except ControlError:
            raise
        except BaseException:  # half an answer is on its way, which the next request must not take for its own
            self.close()
            raise
        return decoded(method, raw, kind)

    def ask(self, question: Question[T]) -> Steps[T]:
        """Return the answer to a question, checked."""
        answer: T = yield from self.call(question.method, question.params, question.kind)
        if question.check is not None:
            question.check(answer)
        return answer
