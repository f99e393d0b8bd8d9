"""What a method of the control protocol is: its parameters, what answers it, and who may ask.

The daemon's methods are one table, `dict[str, Method]`, merged from those of the modules that know what to answer
(`answers.py` and others): a new method is a line in its own module's table.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from flowrs.serve.protocol import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import trio

    from flowrs.serve.channels import Channel
    from flowrs.serve.outbox import Outbox

_CREDENTIALS = struct.Struct("3i")  # struct ucred, unix(7): pid, uid, gid
_QUOTE = 64


class NoParams(Struct, forbid_unknown_fields=True):
    """The parameters of a method that has none."""


class Peer(NamedTuple):
    """The process at the other end of a connection, as the kernel knew it when it connected."""

    pid: int
    uid: int

    @property
    def may_administer(self) -> bool:
        """Whether it is root's, or of the daemon's own user."""
        return self.uid in (0, os.geteuid())


def peer_of(connection: socket.socket | trio.socket.SocketType) -> Peer:
    """Return who has connected: unix(7), SO_PEERCRED. `connection` may be Trio's."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return Peer(pid, uid)


class Client:
    """One connection, as methods see it."""

    __slots__ = ("_outbox", "peer", "subscriptions")

    def __init__(self, peer: Peer, outbox: Outbox | None = None) -> None:
        """Take who it is, and the way to write to it: without one, nothing can be subscribed to."""
        self.peer = peer
        self.subscriptions: dict[str, Channel] = {}
        """By key."""
        self._outbox = outbox

    @property
    def outbox(self) -> Outbox:
        """What is to be written to it. Raises RequestError if nothing but answers can be."""
        if self._outbox is None:
            raise RequestError("bad_request", "events need a connection")
        return self._outbox


class Handed(NamedTuple):
    """A result that comes with a file descriptor, which stays its owner's."""

    value: Any
    fd: int


class Then(NamedTuple):
    """A result, and what is to be done as soon as its line is on its way."""

    value: Any
    begin: Callable[[], None]


class Method(NamedTuple):
    """One method: `call(params, client)` returns what is encoded as the result, or raises RequestError.

    `call` may be a coroutine function; later requests of the same client wait for it. `admin`: it changes something,
    so only root and the daemon's own user may ask.
    """

    params: type[Struct]
    call: Callable[[Any, Client], Any]
    admin: bool = False


class Table:
    """All methods of the daemon."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        """Answer by `methods`, in the order in which the greeting is to name them."""
        self._methods = {name: (msgspec.json.Decoder(each.params), *each[1:]) for name, each in methods.items()}
        self.names = list(methods)

    def answer(self, method: str, params: Raw, client: Client) -> Any:
        """Return the result, or the coroutine that returns it; either raises RequestError."""
        found = self._methods.get(method)
        if found is None:
            raise RequestError("unknown_method", f"no method {method[:_QUOTE]!r}; there are {', '.join(self.names)}")
        decoder, call, admin = found
        if admin and not client.peer.may_administer:
            message = f"{method} changes something: only root and the daemon's own user (uid {os.geteuid()}) may ask"
            raise RequestError("forbidden", message)
        try:
            checked = decoder.decode(params)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise RequestError("bad_params", f"{method}: {error}") from None
        return call(checked, client)
