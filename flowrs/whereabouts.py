"""Where in a plugin's own files an exception came from.

The innermost place of all is often a library's, or flowrs' own; what its author can mend is the innermost of his.
"""

from __future__ import annotations

import traceback
from importlib.util import find_spec
from pathlib import Path


def place_in(module: str, error: BaseException) -> str:
    """Return the innermost place of an exception in the files of a module's package, as FILE:LINE; "" if there is none.

    module: as an entry point has it, "flowrs_okx" or "flowrs_okx.venues:Okx".
    """
    roots = _roots(module)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        for root in roots:
            if path == root or root in path.parents:
                return f"{path.relative_to(root.parent)}:{frame.lineno}"
    return ""


def _roots(module: str) -> list[Path]:
    """Return the file or the folders of the outermost package."""
    try:
        spec = find_spec(module.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):  # it was begun to be imported, or is no name
        return []
    if spec is None:
        return []
    return [Path(each) for each in spec.submodule_search_locations or ([spec.origin] if spec.origin else [])]
