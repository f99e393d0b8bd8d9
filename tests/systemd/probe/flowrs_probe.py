"""A plugin that does what a bad one could: tries what the sandbox forbids, and blocks the loop when it is told to."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import flowrs
from flowrs.plugins.binance import Binance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FLOWRS_PLUGIN_API = 1
BLOCK = Path("/etc/flowrs/block")
_NEWUSER, _PTRACE_TRACEME = 0x10000000, 0
_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return error.strerror or "refused"
    return "done"


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write the configuration": lambda: Path("/etc/flowrs/flowrs.toml").open("a").close(),
    "write below /usr": lambda: Path("/usr/probe").write_text("x"),
    "write below /var": lambda: Path("/var/probe").write_text("x"),
    "see a home": lambda: os.listdir("/home/alice"),  # noqa: PTH208 - as short as it gets
    "read another service's secret": lambda: Path("/etc/flowrs/gateway-token").read_text(),
    "become root": lambda: os.setuid(0),
    "mount": lambda: _call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "a new namespace": lambda: _call("unshare", _NEWUSER),
    "memory to write and run": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "trace": lambda: _call("ptrace", _PTRACE_TRACEME, 0, 0, 0),
    "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "change its priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
    "see other processes": lambda: Path("/proc/1/status").stat(),
    "write its state": lambda: Path(os.environ["STATE_DIRECTORY"], "probe").write_text("x"),
    "write its runtime folder": lambda: Path(os.environ["RUNTIME_DIRECTORY"], "probe").write_text("x"),
    "read its own secret": lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "flowrs_probe-key").read_text(),
}

if os.environ.get("INVOCATION_ID") and "run" in sys.argv:
    sys.stderr.write(f"probe: {json.dumps({name: _tried(attempt) for name, attempt in ATTEMPTS.items()})}\n")


class Probe(Binance):
    """Binance, but for the moment in which it subscribes."""

    name = "probe"
    title = "Probe"

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        """Block the loop as long as the file is there."""
        while BLOCK.exists():
            time.sleep(0.1)
        return super().subscribe(instruments)


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring it."""
    return [Probe]
