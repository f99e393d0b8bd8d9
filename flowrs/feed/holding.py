"""How much memory a plugin holds: all that can be reached from its modules and its connector.

A connector has no state of its own, so what it holds beyond its code is a leak, or about to be one. It is counted by
following references (gc.get_referents), a few at a time, so that no book waits. Other modules, their contents and their
classes are not followed: what is shared with the interpreter belongs to nobody.

Rejected: tracemalloc, which makes every allocation of the daemon several times dearer while it runs, and names who
allocated and not who holds on (a frame that a plugin keeps was made by the tap). Not seen: what C libraries allocate
beside Python, and what hangs on threads and closures that no module leads to.
"""

from __future__ import annotations

import gc
import sys
from array import array
from collections import OrderedDict, defaultdict, deque
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import trio
from msgspec import Raw

if TYPE_CHECKING:
    from flowrs.api import Connector

MOST_OBJECTS = 200_000
"""How many are counted; whoever holds more is told of all the same."""
_AT_ONCE = 500  # between two looks at whether others want to go on
_BUILT_IN = (bytes, bytearray, str, int, float, list, tuple, dict, set, frozenset)
_PLAIN = frozenset((*_BUILT_IN, deque, defaultdict, OrderedDict, array, np.ndarray))
"""What may be asked for its size; a plugin's own class may do anything then."""


class Holding(NamedTuple):
    """What was found; `whole` says whether it is all."""

    bytes: int
    objects: int
    whole: bool


async def measure(plugin: str, connector: Connector) -> Holding:
    """Count what the plugin of an entry point's value holds."""
    own = _own(plugin)
    names = frozenset(module.__name__ for module in own)
    seen = set(map(id, _foreign(own)))
    waiting: list[Any] = [connector, *(vars(module) for module in own)]
    size = objects = 0
    while waiting and objects < MOST_OBJECTS:
        for _ in range(min(_AT_ONCE, len(waiting))):
            each = waiting.pop()
            if id(each) in seen or _is_foreign(each, names):
                continue
            seen.add(id(each))
            objects += 1
            size += _size(each)
            waiting.extend(gc.get_referents(each))
        await trio.lowlevel.checkpoint()
    return Holding(size, objects, not waiting)


def _own(plugin: str) -> list[ModuleType]:
    """Return the modules of a plugin: of a package all, of flowrs the one."""
    name = plugin.partition(":")[0].strip()
    root = name if name.startswith("flowrs.") else name.partition(".")[0]
    return [each for key, each in list(sys.modules.items()) if key == root or key.startswith(f"{root}.")]


def _foreign(own: list[ModuleType]) -> list[object]:
    """Return all other modules and their contents' places."""
    others = [each for each in list(sys.modules.values()) if isinstance(each, ModuleType) and each not in own]
    return [*others, *map(vars, others), sys.modules]


def _is_foreign(each: object, own: frozenset[str]) -> bool:
    """Whether it is a class that another module has made."""
    return isinstance(each, type) and type.__getattribute__(each, "__module__") not in own


def _size(each: object) -> int:
    """Return the bytes of an object alone; of one whose class may do anything when it is asked, the least."""
    if type(each) is Raw:
        return Raw.__basicsize__ + memoryview(each).nbytes
    if type(each) in _PLAIN:
        return sys.getsizeof(each, 0)
    return type(each).__basicsize__
