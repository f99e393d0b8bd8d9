"""Dependencies point downward only: from the imports of every module, those inside functions and for types included."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

# What each part may import of flowrs; a part may always import itself. `cli` is at the top, `core` at the bottom.
ANYBODYS = {"errors", "_version"}
API = {"api", "hookspecs", *ANYBODYS}
ALLOWED = {
    "api": ANYBODYS,
    "hookspecs": {"api", "sink"},
    "sink": {"client"},  # for types: what its events are
    "drain": {"client", "selection", "signals", "sink", "waiting", *ANYBODYS},
    "waiting": set(),
    "signals": set(),
    "wire": {"api"},
    "config": {"groups", *ANYBODYS},
    "groups": {"errors"},
    "facts": {"core", *API},
    "whereabouts": set(),
    "selection": {"client", *API},
    "registry": {"facts", "sink", "whereabouts", *API},
    "core": ANYBODYS,
    "feed": {"core", "config", "whereabouts", *API},
    "serve": {"core", "config", "groups", *API},
    "systemd": {"errors"},
    "sections": {"registry", "systemd", *API},
    "roster": {"feed", "core", "config", "registry", "sections", *API},
    "service": {"core", "serve", "systemd"},
    "daemon": {"serve", "core", "config", "roster", "service", "signals", "systemd", "feed", *API},
    "client": {"config", "core", *ANYBODYS},  # of core what reads the shared memory: see below
    "gateway": {"client", "config", "signals", "systemd", *ANYBODYS},
    "sim": ANYBODYS,
    "doctor": {"client", "config", "core", "feed", "registry", "roster", *API},
    "cli": {
        "daemon",
        "doctor",
        "drain",
        "selection",
        "sink",
        "registry",
        "signals",
        "sim",
        "testing",
        "client",
        "gateway",
        "config",
        *ANYBODYS,
    },
    "plugins": {""},  # flowrs itself: the public names, as for third parties
    # It shows what the engine makes of a connector, so it needs the engine: a model would prove it for the model.
    "testing": {"whereabouts", "client", "sink", "sim", "feed", "core", "config", "facts", *API},
    "pytest_plugin": {"testing"},
    "": {"api", "wire", "sink", "hookspecs", "client", *ANYBODYS},
    "__main__": {"cli"},
    "errors": set(),
    "_version": set(),
}
# What the command line imports inside functions only, so that a client starts quickly.
LAZILY = {"daemon", "doctor", "drain", "gateway", "registry", "sim", "testing"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "flowrs").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path, *, at_top: bool = False) -> set[str]:
    """The full names a module imports; at_top: only those that run when it is imported."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(name: str) -> str | None:
    """The part of flowrs a full name is in: "feed" of "flowrs.feed.sync.Join"; None outside flowrs."""
    first, _, rest = name.partition(".")
    if first != "flowrs":
        return None
    head = rest.partition(".")[0]
    return head if (ROOT / "flowrs" / head).is_dir() or (ROOT / "flowrs" / f"{head}.py").is_file() else ""


EVERY = dict(modules())


@pytest.mark.parametrize("module", EVERY)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    own = part(module) or ""
    reached = {part(name) for name in imports(EVERY[module])} - {None, own}
    assert reached <= ALLOWED[own], f"{module} imports {reached - ALLOWED[own]}"


def importers(name: str) -> set[str]:
    return {
        module for module, path in EVERY.items() if any(f"{each}.".startswith(f"{name}.") for each in imports(path))
    }


def test_only_core_imports_the_extension() -> None:
    found = importers("flowrs.core._native")
    assert found
    assert all(part(module) == "core" for module in found)


def test_only_the_transport_imports_trio_websocket_in_the_feed() -> None:
    assert {module for module in importers("trio_websocket") if part(module) != "sim"} == {"flowrs.feed.transport"}


def test_only_the_gateway_speaks_http_to_browsers() -> None:
    for name in ("starlette", "hypercorn", "prometheus_client"):
        found = importers(name)
        assert found
        assert all(part(module) == "gateway" for module in found)


def test_only_who_reads_the_shared_memory_needs_the_c_library_among_the_clients() -> None:
    found = {module for module in importers("flowrs.core") if part(module) == "client"}
    assert found == {f"flowrs.client.{name}" for name in ("handover", "shared", "shown", "together")}


def test_who_only_reads_books_cannot_make_them() -> None:
    for name in ("flowrs.core.book", "flowrs.core.Book"):
        assert not {
            module for module in importers(name) if part(module) in ("client", "gateway", "sim", "cli", "plugins")
        }


@pytest.mark.parametrize("module", [module for module in EVERY if part(module) == "cli"])
def test_the_command_line_imports_what_is_heavy_when_it_is_needed(module: str) -> None:
    heavy = {part(name) for name in imports(EVERY[module], at_top=True)} & LAZILY
    assert not heavy or module in ("flowrs.cli.exchange", "flowrs.cli.conformance"), f"{module} imports {heavy} at once"
