"""Events as lines of JSON in files, which are changed when they are full: the built-in sink.

A line is written whole or not at all: what a full disk has cut off is taken back, and what a killed process has left of
a line is removed at the next start. See https://github.com/ndjson/ndjson-spec.
"""

from __future__ import annotations

import errno
import os
import stat
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

import flowrs

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOWRS_PLUGIN_API = 1

KINDS = {
    "Snapshot": "snapshot",
    "Delta": "delta",
    "BookState": "state",
    "Trades": "trades",
    "Disconnected": "disconnected",
    "Reconnected": "reconnected",
    "Lost": "lost",
}
"""What a line calls each event."""
_BLOCK = 64 << 10


class Options(Struct, frozen=True, kw_only=True):
    """`path` gets the newest lines; when it has `max_mb` (10^6 bytes each) it becomes `path.1`, of `files` in all."""

    path: Annotated[str, Meta(min_length=1)]
    max_mb: Annotated[float, Meta(gt=0)] = 100.0
    files: Annotated[int, Meta(ge=1, le=10_000)] = 10


class Ndjson(flowrs.Sink):
    """Lines of JSON in files of bounded size and number."""

    name = "ndjson"
    Options = Options

    def open(self) -> None:
        self._path = Path(self.options.path)
        self._most = int(self.options.max_mb * 1e6)
        self._open()

    def write(self, events: Sequence[flowrs.SinkEvent]) -> None:
        waiting = b""
        for event in events:
            line = _line(event)
            if self._size + len(waiting) + len(line) > self._most and self._size + len(waiting):
                self._write(waiting)
                self._rotate()
                waiting = b""
            waiting += line
        self._write(waiting)

    def flush(self) -> None:
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(self._path))
        self._size = _whole(self._file)
        os.ftruncate(self._file, self._size)

    def _write(self, lines: bytes) -> None:
        """Write lines. Raises OSError, and then only whole ones are in the file."""
        done = 0
        try:
            while done < len(lines):
                done += os.write(self._file, lines[done:])
        except OSError as error:
            self._size += lines.rfind(b"\n", 0, done) + 1
            os.ftruncate(self._file, self._size)
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self._size += done

    def _rotate(self) -> None:
        os.close(self._file)
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self.options.files))]
        names[-1].unlink(missing_ok=True)
        for old, new in zip(names[-2::-1], names[:0:-1], strict=True):
            if old.exists():
                old.rename(new)
        self._open()


def _whole(file: int) -> int:
    """Return how many bytes of a file are whole lines."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _BLOCK)
        block = os.pread(file, end - start, start)
        if (last := block.rfind(b"\n")) >= 0:
            return start + last + 1
        end = start
    return 0


def _line(event: flowrs.SinkEvent) -> bytes:
    """Return an event as a line: its kind first, numbers of books and trades as text, as exact as they came."""
    told = {"event": KINDS[type(event).__name__], **msgspec.to_builtins(event, builtin_types=(Decimal,))}
    return msgspec.json.encode(_exact(told)) + b"\n"


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    return {key: _exact(each) for key, each in value.items()} if isinstance(value, dict) else value


@flowrs.hookimpl
def flowrs_sinks() -> Sequence[type[flowrs.Sink]]:
    """Called once, when plugins are loaded."""
    return [Ndjson]
