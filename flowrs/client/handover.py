"""Receives the daemon's shared memory: the method `attach`, whose answer's line brings a file descriptor.

unix(7), SCM_RIGHTS. The connection ends with that: whether the daemon lives is told in the memory itself.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from flowrs.client.conversation import decoded
from flowrs.client.link import CHUNK, Link, open_link, unconnected
from flowrs.client.refusals import refusal
from flowrs.client.subscription import run
from flowrs.core.arena import ArenaReader
from flowrs.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from flowrs.client.link import Steps


class Attached(Struct, frozen=True, kw_only=True):
    """What the daemon says of its memory; `version` is its layout's."""

    version: int
    slots: int
    depth: int
    bytes: int
    pid: int


class _ReceivingLink(Link):
    """A connection that keeps the descriptors that come."""

    descriptors: tuple[int, ...] = ()

    def _receive(self) -> bytes:
        data, descriptors, _, _ = socket.recv_fds(self.socket, CHUNK, 1, socket.MSG_CMSG_CLOEXEC)
        self.descriptors += tuple(descriptors)
        return data

    def close(self) -> None:
        """End the connection, and let go what came with it; a second time it does nothing."""
        super().close()
        descriptors, self.descriptors = self.descriptors, ()
        for each in descriptors:
            os.close(each)


def receive(path: Path, timeout_s: float) -> tuple[ArenaReader, Attached]:
    """Return the memory of the daemon at `path`, mapped for reading, and what it says of it.

    Raises NotRunning, ControlError, and FlowrsError if the socket may not be opened.
    """
    return run(_receive(path, timeout_s))


def _receive(path: Path, timeout_s: float) -> Steps[tuple[ArenaReader, Attached]]:
    until = time.monotonic() + timeout_s
    link = _ReceivingLink(path, unconnected(), time.monotonic)
    try:
        yield from open_link(link, timeout_s, time.monotonic)
        raw = yield from link.ask("attach", {}, until)
        attached = decoded("attach", raw, Attached)
        reader = ArenaReader(link.descriptors[0]) if link.descriptors else None
    except ArgumentError:
        reader = None
    finally:
        link.close()
    if reader is None:
        raise refusal("protocol", f"the daemon at {path} has handed over memory that this client does not know")
    return reader, attached
