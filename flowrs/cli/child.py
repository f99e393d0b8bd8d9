"""`python -m flowrs.cli.child PARENT …`: the flowrs command as a process that does not outlive its parent.

The kernel does it (prctl(2), PR_SET_PDEATHSIG), even when the parent is killed with SIGKILL. A pipe that the child
watches was rejected: it needs a thread in the daemon, and a hanging daemon would not watch. Only Linux has it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from flowrs.cli.root import root

_PR_SET_PDEATHSIG = 1


def main(parent: int, words: list[str]) -> None:
    """Run the command, tied to the process `parent`; exit at once if that has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)
    root.main(args=words, prog_name="flowrs")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
