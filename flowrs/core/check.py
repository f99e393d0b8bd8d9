"""The one place where a negative result of the C library becomes an exception."""

from __future__ import annotations

from typing import NoReturn

from flowrs.core._native import ffi, lib
from flowrs.errors import (
    ArgumentError,
    CapacityError,
    CoreError,
    FrameError,
    FrameSizeError,
    NumberSyntaxError,
    PrecisionError,
    RangeError,
    SystemCallError,
)

_ERRORS: dict[int, type[CoreError]] = {
    lib.FRS_E_SYNTAX: NumberSyntaxError,
    lib.FRS_E_PRECISION: PrecisionError,
    lib.FRS_E_RANGE: RangeError,
    lib.FRS_E_FULL: CapacityError,
    lib.FRS_E_ARGUMENT: ArgumentError,
    lib.FRS_E_FRAME: FrameError,
    lib.FRS_E_SIZE: FrameSizeError,
    lib.FRS_E_SYSTEM: SystemCallError,
}


def fail(code: int) -> NoReturn:
    """Raise the exception that belongs to a negative result."""
    raise _ERRORS.get(code, CoreError)(ffi.string(lib.frs_error_text(code)).decode())


def made(pointer: object, what: str) -> object:
    """Return what a `_new` or `_open` function returned, or raise `ArgumentError` if that was NULL."""
    if pointer == ffi.NULL:
        message = f"cannot make {what}: no memory, or an argument outside its range"
        raise ArgumentError(message)
    return pointer
