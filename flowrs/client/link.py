"""A connection to the daemon, as steps that say what they wait for: the same for blocking and asynchronous clients.

A step is a generator. It does its system calls itself, on a socket that never blocks, and yields a `Wait` where it has
to wait; who runs it sends True when that is so, False when the time is over (https://sans-io.readthedocs.io/). Two
implementations side by side were rejected: what to do when a daemon goes is worth being written, and tested, once.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from flowrs.client.conversation import Answer, Conversation, Greeting, Notice
from flowrs.errors import FlowrsError, NotRunning

if TYPE_CHECKING:
    from pathlib import Path

    from msgspec import Raw

    from flowrs.errors import ControlError

CHUNK = 256 * 1024
"""Bytes taken at a time."""

_FULL_S = 0.01


class Wait(NamedTuple):
    """What a step waits for: so many seconds, or less if the socket can be read or written before."""

    seconds: float
    reading: socket.socket | None = None
    writing: socket.socket | None = None


T = TypeVar("T")
Steps: TypeAlias = Generator[Wait, bool, T]
Clock: TypeAlias = Callable[[], float]


class Link:
    """A connection that has been greeted. Whatever goes wrong closes it."""

    greeting: Greeting

    def __init__(self, path: Path, connected: socket.socket, clock: Clock) -> None:
        """Take over a socket that does not block."""
        self.path = path
        self.socket = connected
        self.notices: deque[Notice] = deque()
        self._clock = clock
        self._conversation = Conversation(path)
        self._answers: deque[Answer] = deque()
        self._nonsense: FlowrsError | None = None

    def __del__(self) -> None:
        """A client in a notebook is dropped, not closed."""
        self.close()

    def close(self) -> None:
        """End the connection; a second time it does nothing."""
        self.socket.close()

    def greet(self, until: float) -> Steps[None]:
        """Wait for the greeting. Raises NotRunning, ControlError."""
        while self._conversation.greeting is None:
            yield from self._more(until)
        self.greeting = self._conversation.greeting

    def ask(self, method: str, params: dict[str, Any], until: float) -> Steps[Raw]:
        """Return the result of a method. Raises ControlError for an error answer, NotRunning if none comes in time."""
        number, line = self._conversation.request(method, params)
        yield from self._send(line, until)
        while True:
            while self._answers:
                answer = self._answers.popleft()
                if answer.id is None or answer.id >= number:
                    return self._result(answer, number)
            yield from self._more(until)

    def _result(self, answer: Answer, number: int) -> Raw:
        if answer.id != number:
            self.close()
        if answer.error is not None:
            raise answer.error
        if answer.result is None or answer.id != number:
            raise NotRunning(f"what listens at {self.path} does not answer as flowrs does")
        return answer.result

    def nudge(self) -> bool:
        """Ask for something short, the answer to which shows that the daemon lives; False if it cannot even be sent."""
        self._answers.clear()  # to what was asked so before
        _, line = self._conversation.request("venues", {})
        try:
            return self.socket.send(line) == len(line)
        except OSError:
            return False

    def has_ended(self) -> bool:
        """Whether the daemon has closed the connection while nothing was asked."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def read(self) -> bool:
        """Take in what has arrived; False if nothing has. Raises NotRunning, ControlError."""
        if self._nonsense is not None:
            raise self._nonsense
        try:
            data = self._receive()
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._gone(error.strerror or str(error)) from None
        if not data:
            raise self._gone("it closed the connection")
        said = len(self._answers) + len(self.notices)
        try:
            for each in self._conversation.take(data):
                if isinstance(each, Answer):
                    self._answers.append(each)
                else:
                    self.notices.append(each)
        except FlowrsError as error:
            self.close()
            if len(self._answers) + len(self.notices) == said:
                raise
            self._nonsense = error  # what came before it holds
        return True

    def _receive(self) -> bytes:
        return self.socket.recv(CHUNK)

    def _more(self, until: float) -> Steps[None]:
        """Read once. What comes late is taken if it is there when it is looked for, but nothing is waited for then."""
        late = self._clock() > until
        while not self.read():
            if late:
                raise self._gone("it did not answer in time")
            late = not (yield Wait(until - self._clock(), reading=self.socket))
        if late and not self._answers and self._conversation.greeting is not None:
            raise self._gone("it did not answer in time")

    def _send(self, line: bytes, until: float) -> Steps[None]:
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except BlockingIOError:
                if not (yield Wait(until - self._clock(), writing=self.socket)):
                    raise self._gone("it did not read in time") from None
            except OSError as error:
                raise self._last_words() or self._gone(error.strerror or str(error)) from None

    def _last_words(self) -> ControlError | None:
        """Return the error that the daemon has closed the connection with, None if it has not said any."""
        with suppress(FlowrsError):
            while self.read():
                pass
        self.close()
        return next((each.error for each in self._answers if each.id is None), None)

    def _gone(self, reason: str) -> NotRunning:
        self.close()
        return NotRunning(f"the daemon at {self.path} is gone: {reason}")


def connect(path: Path, timeout_s: float, clock: Clock) -> Steps[Link]:
    """Return a new connection.

    Raises `NotRunning` if nobody listens there or greets in time, `FlowrsError` if the socket may not be opened.
    """
    link = Link(path, unconnected(), clock)
    yield from open_link(link, timeout_s, clock)
    return link


def unconnected() -> socket.socket:
    """Return a socket for a new link. Raises FlowrsError if this process may have no more files open."""
    try:
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise FlowrsError(f"no socket can be made: {error.strerror}; close some files, or see ulimit -n") from None


def open_link(link: Link, timeout_s: float, clock: Clock) -> Steps[None]:
    """Connect a link and wait for its greeting; raises as `connect`."""
    until = clock() + timeout_s
    try:
        yield from _reach(link.socket, link.path, until, clock)
        yield from link.greet(until)
    except BaseException:
        link.close()
        raise


def _reach(made: socket.socket, path: Path, until: float, clock: Clock) -> Steps[None]:
    while True:
        try:
            made.connect(str(path))
        except BlockingIOError:  # its queue of new connections is full: unix(7), EAGAIN
            if clock() >= until:
                raise NotRunning(f"the daemon at {path} takes no new connections") from None
            yield Wait(_FULL_S)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(f"no daemon at {path}") from None
        except OSError as error:
            why = error.strerror or error
            raise FlowrsError(f'cannot open {path}: {why}; "flowrs doctor" says what to do') from None
        else:
            return
