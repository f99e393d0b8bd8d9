"""Exact decimals: text to scaled integer and back, by the C library. For setting up and for tests, not the hot path.

`plain` and `rounded` are for what is computed of such integers, which int64 may not hold.
"""

from __future__ import annotations

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail


def parse(text: str, scale: int) -> int:
    """Return `text` counted in 10**-scale; raises NumberSyntaxError, PrecisionError or RangeError."""
    raw = text.encode()
    out = ffi.new("int64_t *")
    if (code := lib.frs_decimal_parse(raw, len(raw), scale, out)) < 0:
        fail(code)
    return int(out[0])


def text(value: int, scale: int) -> str:
    """Return `value` * 10**-scale as a decimal with exactly `scale` digits behind the point."""
    out = ffi.new("char[]", lib.FRS_DECIMAL_TEXT)
    if (size := lib.frs_decimal_format(value, scale, out, lib.FRS_DECIMAL_TEXT)) < 0:
        fail(size)
    return bytes(ffi.buffer(out, size)).decode()


def scale_of(decimal: str) -> int:
    """Return the least scale (0 to 18) that holds the decimal exactly: 2 for "0.01000000"."""
    raw = decimal.encode()
    if (scale := lib.frs_decimal_scale(raw, len(raw))) < 0:
        fail(scale)
    return int(scale)


def plain(value: int, scale: int) -> str:
    """Return `value` * 10**-scale, however large, at least 0, without zeros at the end of its decimals."""
    if not scale:
        return str(value)
    digits = f"{value:0{scale + 1}}"
    return f"{digits[:-scale]}.{digits[-scale:]}".rstrip("0").rstrip(".")


def rounded(numerator: int, denominator: int) -> int:
    """Return the quotient as the nearest integer, half to even; the denominator is above 0."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2))
