"""A connection's lines, without I/O: bytes out for a request, answers and events out of the bytes that come in.

The grammar is that of docs/protocol.md: a greeting, then answers (with "id") and events (with "subscription"). What an
event holds stays undecoded (`Raw`) until its reader takes it, since of a conflated topic most are never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from flowrs.client.refusals import refusal
from flowrs.errors import ControlError, NotRunning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROTOCOL = 1
MAX_LINE = 64 * 1024 * 1024
"""Bytes of the longest line taken: a book of 400,000 levels a side stays below it."""


class Greeting(Struct, frozen=True, kw_only=True):
    """What the daemon says of itself first."""

    protocol: int
    version: str
    pid: int
    started_ns: int = 0
    capabilities: tuple[str, ...]

    @property
    def daemon(self) -> tuple[int, int]:
        """What tells this daemon from all others, whose epochs and numbers mean other books."""
        return self.pid, self.started_ns


class Answer(NamedTuple):
    """The end of a request: either part is None. An answer without an id speaks of the whole connection."""

    id: int | None
    result: Raw | None
    error: ControlError | None


class Notice(NamedTuple):
    """An event of a subscription, named by its key."""

    key: str
    kind: str
    data: Raw


class _Error(Struct):
    code: str
    message: str = ""
    data: dict[str, Any] | None = None


class _Line(Struct):
    id: int | None = None
    result: Raw = Raw()
    error: _Error | None = None
    subscription: str | None = None
    event: str = ""
    data: Raw = Raw()


class _First(Struct):
    flowrs: dict[str, Any]


_FIRST = msgspec.json.Decoder(_First)
_LINE = msgspec.json.Decoder(_Line)
_ANY = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_BAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Conversation:
    """What has been said on one connection. After an error it is of no more use: half a line has no successor."""

    def __init__(self, path: Path) -> None:
        """Begin; `path` is for messages."""
        self.greeting: Greeting | None = None
        self._path = path
        self._rest = bytearray()
        self._last_id = 0

    def request(self, method: str, params: dict[str, Any]) -> tuple[int, bytes]:
        """Return the number and the line of a request. Parameters that are None are left out: None is the default."""
        self._last_id += 1
        given = {name: value for name, value in params.items() if value is not None}
        return self._last_id, _encode({"id": self._last_id, "method": method, "params": given}) + b"\n"

    def take(self, data: bytes) -> Iterator[Answer | Notice]:
        """Yield what is complete by now.

        Raises `NotRunning` for what flowrs would not say, `ControlError` if its protocol is not ours.
        """
        searched = len(self._rest)
        self._rest += data
        begin = 0
        while (end := self._rest.find(b"\n", max(begin, searched))) >= 0:
            line = bytes(self._rest[begin:end])
            begin = end + 1
            if self.greeting is None:
                self.greeting = self._greet(line)
            else:
                yield self._read(line)
        del self._rest[:begin]
        if len(self._rest) > MAX_LINE:
            raise NotRunning(f"the daemon at {self._path} is gone: its answer is longer than {MAX_LINE} bytes")

    def _greet(self, line: bytes) -> Greeting:
        try:
            about = _FIRST.decode(line).flowrs
        except _BAD:
            raise self._stranger("is not flowrs") from None
        theirs = about.get("protocol")
        if theirs != PROTOCOL:
            raise refusal("protocol", f"the daemon at {self._path} speaks protocol {theirs}, this client {PROTOCOL}")
        try:
            return msgspec.convert(about, Greeting)
        except msgspec.ValidationError:
            raise self._stranger("is not flowrs") from None

    def _read(self, line: bytes) -> Answer | Notice:
        try:
            said = _LINE.decode(line)
        except _BAD:
            raise self._stranger(f"does not answer as flowrs does: {line[:40]!r}") from None
        if said.subscription is not None:
            return Notice(said.subscription, said.event, said.data)
        if said.error is not None:
            return Answer(said.id, None, refusal(said.error.code, said.error.message, said.error.data))
        if not memoryview(said.result):
            raise self._stranger(f"does not answer as flowrs does: {line[:40]!r}")
        return Answer(said.id, said.result, None)

    def _stranger(self, what: str) -> NotRunning:
        return NotRunning(f"what listens at {self._path} {what}")


def decoded(method: str, raw: Raw, kind: Any = None) -> Any:
    """Return a result or an event as a `kind`, None: as plain objects. Raises `ControlError` if it is none."""
    try:
        return _ANY.decode(raw) if kind is None else _decoder(kind).decode(raw)
    except _BAD as error:
        raise refusal("protocol", f"the daemon's {method} is not what this client expects: {error}") from None


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return a type's decoder; each is made once, when it is first needed: all together would take a millisecond."""
    if (found := _decoders.get(kind)) is None:
        found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found
