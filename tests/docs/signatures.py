"""The signatures of what plugin authors use, as docs/plugins.md shows them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec

import flowrs
from flowrs import api, hookspecs

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVENTS = (
    "BookUpdate",
    "BookSnapshot",
    "Trade",
    "Reply",
    "Numbered",
    "Heartbeat",
    "Farewell",
    "Listing",
)
_VALUES = ("Instrument", "Request", "Pairs", "Objects", "Sided", "Checksum", "Ping", "Rate", "Lost")


def lines() -> Iterator[str]:
    """One for each hook, method, fact, event and value."""
    for name, each in vars(hookspecs).items():
        if hasattr(each, f"{hookspecs.PROJECT}_spec"):
            yield f"{name}{_signature(each)}"
    yield from _members(flowrs.Connector)
    yield from _members(flowrs.Sink)
    for name in _VALUES:
        fields = msgspec.structs.fields(getattr(flowrs, name))
        yield f"{name}({', '.join(_field(each, getattr(flowrs, name)) for each in fields)})"
    for name in _EVENTS:
        yield f"class {name}({getattr(api, name).__base__.__name__})"


def _members(kind: type) -> Iterator[str]:
    """The facts and methods of a class."""
    for name, told in vars(kind)["__annotations__"].items():
        default = f" = {_value(getattr(kind, name))}" if hasattr(kind, name) else ""
        plain = told.removeprefix("ClassVar[").removesuffix("]") if told.startswith("ClassVar") else told
        yield f"{kind.__name__}.{name}: {plain}{default}"
    for name, each in vars(kind).items():
        if inspect.isfunction(each):
            yield f"{kind.__name__}.{name}{_signature(each)}"


def _signature(function: Any) -> str:
    found = inspect.signature(function)
    plain = [each for name, each in found.parameters.items() if name != "self"]
    return str(found.replace(parameters=plain)).replace("'", "")


def _field(told: msgspec.structs.FieldInfo, kind: type) -> str:
    annotation = kind.__annotations__[told.name]
    return f"{told.name}: {annotation}" + ("" if told.required else f" = {told.default!r}")


def _value(value: object) -> str:
    return getattr(value, "__name__", None) or (str(value) if hasattr(value, "name") else repr(value))
