"""`plugins check`: the conformance suite on an installed plugin or on a folder, as a report with a grade."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from flowrs import registry, testing
from flowrs.cli.output import Cell, Table, show, show_json
from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from flowrs.registry import Plugin
    from flowrs.testing import Report

_STYLES = {"pass": "green", "fail": "red", "skip": "yellow"}


def check(name: str, dialect: Path | None, *, as_json: bool) -> int:
    """Check what a plugin brings and print it; returns the exit code. Raises ConfigError, or the plugin's error."""
    folder = Path(name)
    in_folder = folder.is_dir()
    plugins = _of_folder(folder) if in_folder else [_installed(name)]
    places = [folder / "tests", folder] if in_folder else [Path("tests"), Path()]
    reports = []
    for plugin in plugins:
        if plugin.error is not None:
            raise plugin.error
        reports += [testing.check(kind, _dialect(kind.name, dialect, places)) for kind in plugin.connectors]
    if not reports:
        message = f"{name} brings no venue to check; a sink is tried in a test, by flowrs.testing.run_sink"
        raise ConfigError(message)
    if as_json:
        show_json([report.as_json() for report in reports])
    else:
        for report in reports:
            _print(report)
    return 0 if all(report.passes for report in reports) else 1


def _installed(name: str) -> Plugin:
    found = {plugin.name: plugin for plugin in registry.load().plugins}
    if name not in found:
        message = f"{name} is neither a folder nor an installed plugin; there are {', '.join(found)}"
        raise ConfigError(message)
    return found[name]


def _of_folder(folder: Path) -> list[Plugin]:
    """Load the plugins of a package that need not be installed."""
    path = folder / "pyproject.toml"
    if not path.exists():
        message = (
            f"there is no plugin in {folder.resolve()}: it has no pyproject.toml; name the folder of a plugin's "
            'package, or an installed plugin ("flowrs plugins" lists them)'
        )
        raise ConfigError(message)
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path} cannot be read: {error}"
        raise ConfigError(message) from None
    entries = told.get("project", {}).get("entry-points", {}).get("flowrs", {})
    if not entries:
        message = (
            f'{path} names no plugin; expected a table [project.entry-points.flowrs], such as {{okx = "flowrs_okx"}}'
        )
        raise ConfigError(message)
    sys.path[:0] = [str(folder.resolve()), str((folder / "src").resolve())]
    return registry.beside_built_in(EntryPoint(name, value, "flowrs") for name, value in entries.items())


def _dialect(venue: str, told: Path | None, places: list[Path]) -> Path:
    """Find the file that describes a venue's exchange."""
    if told is not None and not told.is_dir():
        return told
    tried = [place / f"{venue}.toml" for place in ([told / "tests", told] if told is not None else places)]
    for path in tried:
        if path.is_file():
            return path
    message = (
        f"there is no dialect file of {venue}: tried {', '.join(map(str, tried))}; write one (docs/simulator.md), or "
        "name it with --dialect"
    )
    raise ConfigError(message)


def _print(report: Report) -> None:
    rows: list[tuple[Cell | str, ...]] = [
        (Cell(state, _STYLES[state]), claim, seen) for state, claim, seen in report.rows()
    ]
    show(Table((report.venue, "claim", "seen"), rows))
    for words in report.advice():
        show(Cell(words, "red"))
    show(Cell(f"grade {report.grade}: {testing.GRADES[report.grade]}", "green" if report.passes else "red"))
