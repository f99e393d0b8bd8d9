"""Builds the extension `flowrs.core._native` from csrc/: cffi's out-of-line API mode, one abi3 file.

The cdef is cut out of flowrs.h, so the header stays the single source of what the library offers.
https://cffi.readthedocs.io/en/stable/cdef.html
"""

from pathlib import Path

from cffi import FFI

_ROOT = Path(__file__).resolve().parent.parent.parent
_CSRC = _ROOT / "csrc"


def _cdef(header: str) -> str:
    """Returns the part of the header between its two cdef marks."""
    _, _, rest = header.partition("/* cdef begin")
    declarations, _, _ = rest.partition("/* cdef end")
    return declarations.partition("*/")[2]


ffibuilder = FFI()
ffibuilder.cdef(_cdef((_CSRC / "flowrs.h").read_text(encoding="utf-8")))
ffibuilder.set_source(
    "flowrs.core._native",
    '#include "flowrs.h"',
    # setuptools wants paths relative to the project's root, where it runs.
    sources=[str(path.relative_to(_ROOT)) for path in sorted(_CSRC.glob("*.c"))],
    include_dirs=["csrc"],
    define_macros=[("_GNU_SOURCE", "1")],
    extra_compile_args=["-std=c11", "-O3", "-falign-functions=64", "-falign-loops=32", "-fvisibility=hidden"],
    py_limited_api=True,
)
