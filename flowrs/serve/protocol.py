"""The control protocol's grammar: newline-delimited JSON, requests checked before anything is done.

{"id":1,"method":"book","params":{"symbol":"BTC-USDT"}} is answered by {"id":1,"result":…} or
{"id":1,"error":{"code":…,"message":…}}.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from flowrs._version import __version__
from flowrs.errors import FlowrsError

PROTOCOL = 1
MAX_LINE = 64 << 10


class RequestError(FlowrsError):
    """The request cannot be answered; `code` is for programs, the message says what to do."""

    def __init__(self, code: str, message: str, data: dict[str, Any] | None = None) -> None:
        """Take the code, the words, and what else a program may want to know."""
        super().__init__(message)
        self.code = code
        self.data = data


class Request(Struct, forbid_unknown_fields=True):
    """A line of the client."""

    method: str
    id: int | str | None = None
    params: Raw = Raw(b"{}")


class _Id(Struct):
    id: int | str | None = None


_REQUEST = msgspec.json.Decoder(Request)
_ID = msgspec.json.Decoder(_Id)
_encode = msgspec.json.Encoder().encode


def greeting(pid: int, started_ns: int, methods: list[str]) -> bytes:
    """Return the line that every connection begins with."""
    about = {
        "protocol": PROTOCOL,
        "version": __version__,
        "pid": pid,
        "started_ns": started_ns,
        "capabilities": methods,
    }
    return _encode({"flowrs": about}) + b"\n"


def request(line: bytes) -> Request:
    """Return the request of a line; raises RequestError("bad_request")."""
    try:
        return _REQUEST.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        code, message = "bad_request", f"not a request: {error}"
        raise RequestError(code, message) from None


def id_of(line: bytes) -> int | str | None:
    """Return the id of a line that is not a request, so that its error can be told apart; None if it has none."""
    try:
        return _ID.decode(line).id
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def result(identity: int | str | None, value: Any) -> bytes:
    """Return the line of an answer."""
    return _encode({"id": identity, "result": value}) + b"\n"


def failure(identity: int | str | None, error: RequestError) -> bytes:
    """Return the line of an error answer."""
    about: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        about["data"] = error.data
    return _encode({"id": identity, "error": about}) + b"\n"


def event(key: str, kind: str, data: Any) -> bytes:
    """Return the line of an event."""
    return _encode({"subscription": key, "event": kind, "data": data}) + b"\n"


def event_head(key: str, kind: str) -> bytes:
    """Return the line of an event up to its data."""
    return _encode({"subscription": key, "event": kind})[:-1] + b',"data":'
