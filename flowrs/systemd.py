"""What systemd and a service say to each other: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3), credentials.

Its protocols are a datagram, three numbers in the environment and a folder of files, so no library is used for them.
Without systemd each of these says "nothing" and costs nothing.
"""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

_log = logging.getLogger(__name__)
_FIRST_FD = 3  # SD_LISTEN_FDS_START
_PASSED = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_TELL_S = 2.0  # a socket that nobody reads is full some day: neither a reload nor the end may wait for it
_FEEDS = 10  # times within the watchdog's patience: a machine with too much to do delays each of them
_MOST = 200  # characters of a status: systemctl shows it on a line


class Systemd:
    """Who has started this service, and wants to know how it is; without systemd, nobody."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Tell whom `environ` names."""
        self._environ = environ
        self._hears = True

    async def tell(self, *assignments: str) -> None:
        """Tell it so, within two seconds. That it cannot be told is logged, once."""
        try:
            with trio.fail_after(_TELL_S):
                await notify(self._environ, *assignments)
            self._hears = True
        except (OSError, trio.TooSlowError) as error:
            why = "it does not read" if isinstance(error, trio.TooSlowError) else error
            if self._hears:
                _log.warning("systemd is not told how this service is: %s: %s", self._environ["NOTIFY_SOCKET"], why)
            self._hears = False

    async def feed_watchdog(self) -> None:
        """Show that the loop turns which this task is of, until cancelled; at once over if nobody watches."""
        patience_s = watchdog_s(self._environ)
        while patience_s is not None:
            await self.tell("WATCHDOG=1")
            await trio.sleep(patience_s / _FEEDS)


def status(words: str) -> str:
    """Return what tells systemd a status: words on one line, with their end in sight."""
    words = "".join(each if each.isprintable() else "\ufffd" for each in words)
    return f"STATUS={words if len(words) <= _MOST else words[: _MOST - 1] + '…'}"


async def notify(environ: Mapping[str, str], *assignments: str) -> bool:
    """Tell systemd, in one message: "READY=1", "STATUS=…". Returns whether there is anyone to tell.

    Raises OSError if the socket that systemd named does not take it.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # unix(7): of the abstract namespace
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        await sock.connect(address)  # else it counts as writable while systemd's end is full: unix(7)
        await sock.send("\n".join(assignments).encode())
    return True


def watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Return after how many seconds of silence systemd kills this process, None if it does not."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) else None


def passed_socket(environ: MutableMapping[str, str]) -> socket.socket | None:
    """Return the listening Unix socket that systemd holds for this process, None if there is none.

    It is taken out of `environ`, so that no child takes it for its own. Raises ConfigError if it is something else.
    """
    pid, count, _ = (environ.pop(name, "") for name in _PASSED)
    if pid != str(os.getpid()) or count in ("", "0"):
        return None
    if count != "1":
        raise ConfigError(f"systemd passes {count} sockets: the daemon serves one; give each its own instance")
    os.set_inheritable(_FIRST_FD, False)  # noqa: FBT003 - its only parameter
    try:
        sock = socket.socket(fileno=_FIRST_FD)
    except OSError as error:
        raise ConfigError(f"what systemd passes is no socket: {error.strerror}") from None
    listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    path = sock.getsockname()  # bytes, if it is of the abstract namespace
    if (sock.family, sock.type, listens, type(path)) != (socket.AF_UNIX, socket.SOCK_STREAM, 1, str):
        sock.close()
        raise ConfigError("systemd passes no listening Unix stream socket; use ListenStream= with a path, Accept=no")
    return sock


def credential(environ: Mapping[str, str], name: str) -> str:
    """Return a secret that systemd has laid down for this process, without the line's end. Raises ConfigError."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if "/" in name or not name:
        raise ConfigError(f"no credential {name!r}: that is no name of one")
    if not folder:
        raise ConfigError(f"no credential {name!r}: no CREDENTIALS_DIRECTORY is set; let the unit have LoadCredential=")
    try:
        return (Path(folder) / name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        there = ", ".join(sorted(os.listdir(folder))) if Path(folder).is_dir() else ""  # noqa: PTH208 - names are enough
        raise ConfigError(f"no credential {name!r}: {why}; there are {there or 'none'}") from None
