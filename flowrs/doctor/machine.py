"""What flowrs finds on the machine: Python, its own C library, the clock."""

from __future__ import annotations

import ctypes
import platform
import resource
import sys
from typing import TYPE_CHECKING

from flowrs._version import __version__
from flowrs.doctor.finding import doubtful, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowrs.doctor.finding import Finding

_OLDEST = (3, 11)
_FILES = 1024
_TIMEX_BYTES = 208  # struct timex, adjtimex(2), on every Linux of 64 bits
_TIME_ERROR = 5


def machine() -> Iterator[Finding]:
    """Look at what does not depend on any configuration."""
    yield _python()
    yield _library()
    yield _files()
    yield _clock()


def _python() -> Finding:
    what = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < _OLDEST:
        return wrong("python", what, "flowrs needs Python 3.11 or newer: make its virtual environment with one")
    return ok("python", what)


def _library() -> Finding:
    try:
        from flowrs.core.arena import VERSION  # noqa: PLC0415 - whether that can be done is the question
    except ImportError as error:
        return wrong("library", f"flowrs {__version__}: {error}", "install flowrs again: pip install --force-reinstall")
    return ok("library", f"flowrs {__version__}, shared memory of version {VERSION}")


def _files() -> Finding:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    what = f"{limit:,} open files are allowed in this session"
    if limit < _FILES:
        return doubtful("limits", what, "each client takes one: raise it with ulimit -n or LimitNOFILE=")
    return ok("limits", what)


def _clock() -> Finding:
    """Ask the kernel whether something keeps the clock right: adjtimex(2), which only reads with modes = 0."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None).adjtimex(buffer)
    if state < 0:
        return doubtful(
            "clock", "the kernel does not tell whether it is synchronised", "compare it with another machine"
        )
    if state == _TIME_ERROR:
        remedy = "ages and delays of books are as wrong as it is: run chrony or systemd-timesyncd"
        return doubtful("clock", "nothing keeps it synchronised", remedy)
    return ok("clock", "synchronised")
