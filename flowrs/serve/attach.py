"""The method `attach`: hands over the shared memory, which its readers need not ask for anything any more.

The descriptor comes with the answer's line as SCM_RIGHTS, unix(7). Who receives it can map it for reading and nothing
else: the file is sealed, see csrc/view.c.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flowrs.core.arena import VERSION
from flowrs.serve.methods import Handed, Method, NoParams

if TYPE_CHECKING:
    from flowrs.core import Arena
    from flowrs.serve.methods import Client


def attach_method(arena: Arena) -> dict[str, Method]:
    """Return the method that hands over `arena`."""

    def attach(_params: NoParams, _: Client) -> Handed:
        about: dict[str, Any] = {
            "version": VERSION,
            "slots": arena.slots,
            "depth": arena.depth,
            "bytes": os.fstat(arena.fd).st_size,
            "pid": os.getpid(),
        }
        return Handed(about, arena.fd)

    return {"attach": Method(NoParams, attach)}
