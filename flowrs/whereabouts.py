"""Where in a plugin's own files an exception came from.

The innermost place of all is often a library's, or flowrs' own; what its author can mend is the innermost of his.
"""

from __future__ import annotations

import traceback
from importlib.util import find_spec
from pathlib import Path

_FLOWRS = Path(__file__).parent
_BUILT_IN = _FLOWRS / "plugins"


def place_in(module: str, error: BaseException) -> str:
    """Return the innermost place of an exception in the files of a module's package, as FILE:LINE; "" if there is none.

    module: as an entry point has it, "flowrs_okx" or "flowrs_okx.venues:Okx".
    """
    return _innermost(_roots(module), error)


def place_called(error: BaseException) -> str:
    """Return the innermost place of an exception in the files of whose code flowrs has called; "" if in none."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if _FLOWRS not in path.parents or _BUILT_IN in path.parents:
            return _innermost([_package(path)], error)
    return ""


def _innermost(roots: list[Path], error: BaseException) -> str:
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        for root in roots:
            if path == root or root in path.parents:
                found = f"{path.relative_to(root.parent)}:{line}"
    return found


def _package(path: Path) -> Path:
    """Return the folder of the outermost package that a file belongs to; a file that is in none as it is."""
    if _BUILT_IN in path.parents:
        return path
    while (path.parent / "__init__.py").exists():
        path = path.parent
    return path


def _roots(module: str) -> list[Path]:
    """Return the file or the folders of the outermost package."""
    try:
        spec = find_spec(module.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):  # it was begun to be imported, or is no name
        return []
    if spec is None:
        return []
    return [Path(each) for each in spec.submodule_search_locations or ([spec.origin] if spec.origin else [])]
