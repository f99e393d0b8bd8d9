"""A terminal for tests."""

from __future__ import annotations

import os
import pty


class Screen:
    """A pseudo terminal that a child writes to."""

    def __init__(self) -> None:
        self.ours, self.childs = pty.openpty()
        self.text = ""

    def read_until(self, wanted: str) -> str:
        """Return all that was printed up to now, once it has `wanted` in it; fails if the child ends before."""
        while wanted not in self.text:
            self._read()
        return self.text

    def read_all(self) -> str:
        """Return all that the child printed until it ended."""
        self.hand_over()
        try:
            while True:
                self._read()
        except (OSError, EOFError):  # Linux: EIO when the last writer has closed the terminal
            return self.text

    def hand_over(self) -> None:
        """Close our copy of the child's side, so that its end is seen."""
        if self.childs >= 0:
            os.close(self.childs)
            self.childs = -1

    def _read(self) -> None:
        chunk = os.read(self.ours, 65536)
        if not chunk:
            raise EOFError
        self.text += chunk.decode()
