"""`plugins new`: a package that passes the conformance suite, to begin with."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from flowrs.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,29}")
FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "MANIFEST.in": "MANIFEST.in.txt",
    "README.md": "README.md.txt",
    "flowrs_MODULE.py": "connector.py.txt",
    "tests/NAME.toml": "tests/dialect.toml.txt",
    "tests/test_conformance.py": "tests/test_conformance.py.txt",
}
"""By the path in the package: the file of flowrs/scaffold."""


def write(name: str, parent: Path = Path()) -> list[Path]:
    """Write a package for venue `name` into a new folder; returns its files. Raises ConfigError if it cannot be."""
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no name of a venue: expected 1 to 30 of a-z, 0-9, - and _, the first a letter"
        raise ConfigError(message)
    folder = parent / f"flowrs-{name}"
    words = name.replace("-", "_").split("_")
    values = {
        "NAME": name,
        "MODULE": name.replace("-", "_"),
        "CLASS": "".join(word.capitalize() for word in words),
        "TITLE": " ".join(word.capitalize() for word in words),
    }
    written = []
    try:
        folder.mkdir()
        for place, source in FILES.items():
            path = folder / _filled(place, values)
            path.parent.mkdir(exist_ok=True)
            text = files("flowrs").joinpath("scaffold", source).read_text(encoding="utf-8")
            path.write_text(_filled(text, values), encoding="utf-8")
            written.append(path)
    except OSError as error:
        message = f"{error.filename or folder} cannot be written ({error.strerror}): choose another name or folder"
        raise ConfigError(message) from None
    return written


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub("|".join(values), lambda found: values[found[0]], text)
