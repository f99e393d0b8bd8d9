"""Readers of recorded traffic: a file becomes a sequence of records in the order of the recording.

Two forms, told apart by their first line, gzipped if the name ends in `.gz`:

- lines `<local clock ns> <payload>`, WebSocket messages and REST answers alike (hftbacktest's collector);
- lines `<unix s>: <payload>` of a WebSocket and `<url> -> <unix s>: <payload>` of REST (cryptofeed's collector). What
  the client sent (`<-`), the connect (`<->`) and the closing `configuration:` line are left out.

Payloads stay the bytes that were received.
"""

from __future__ import annotations

import gzip
import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COLLECTED = re.compile(rb"\d+ [{\[]")
_URL_OR_TIME = re.compile(rb"(?:\S+://|\d+\.\d+: )")
_LINE = re.compile(rb"(?:(?P<url>\S+) (?P<way>->|<-|<->) )?(?P<at>\d+(?:\.\d+)?)(?:: (?P<payload>.*))?")


class Record(NamedTuple):
    """One received message: local clock, the URL of a REST answer (else empty), payload and where it was found."""

    at_ns: int
    url: str
    payload: bytes
    file: Path
    line: int

    def error(self, words: str) -> ConfigError:
        """Make the error that says what is wrong with this record."""
        return ConfigError(f"{self.file}:{self.line}: {words}")


def read(file: Path) -> Iterator[Record]:
    """Read one file; raises ConfigError if there is none, it is damaged or it has neither form."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                record = _parse(line.rstrip(b"\r\n"), file, number)
                if record is not None:
                    yield record
    except FileNotFoundError as error:
        message = f"{file}: no such recording; give the path of one"
        raise ConfigError(message) from error
    except (OSError, EOFError) as error:
        message = f"{file}: cannot be read ({error}); record or copy it again"
        raise ConfigError(message) from error


def _parse(line: bytes, file: Path, number: int) -> Record | None:
    if _COLLECTED.match(line):
        at, _, payload = line.partition(b" ")
        return Record(int(at), "", payload, file, number)
    if not line or line.startswith(b"configuration: "):
        return None
    match = _LINE.fullmatch(line) if _URL_OR_TIME.match(line) else None
    if match is None:
        message = f"{file}:{number}: neither '<ns> <json>' nor '<url> -> <s>: <json>'; only these forms are replayed"
        raise ConfigError(message)
    if match["payload"] is None or match["way"] in (b"<-", b"<->"):
        return None
    at_ns = int(Decimal(match["at"].decode()) * 1_000_000_000)
    return Record(at_ns, (match["url"] or b"").decode(), match["payload"], file, number)
