"""A plugin in a package of its own, installed as pip would do it: Tulip, which `flowrs plugins new` writes, and what a
test makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowrs.cli import scaffold

if TYPE_CHECKING:
    from pathlib import Path

DECODE = "        return (_FRAME.decode(frame),)\n"
"""The body of its decode()."""


class Package(NamedTuple):
    """Where Tulip is: the folder to be found in, its module and the file that describes its exchange."""

    folder: Path
    module: Path
    dialect: Path

    def change(self, old: str, new: str) -> None:
        """Replace a part of the module."""
        text = self.module.read_text(encoding="utf-8")
        assert old in text
        self.module.write_text(text.replace(old, new), encoding="utf-8")

    def uninstall(self) -> None:
        """Take it away, as `pip uninstall` does."""
        for path in (*self.folder.glob("*.dist-info/*"), *self.folder.glob("*.py")):
            path.unlink()


def installed(parent: Path, decode: str = DECODE, *, templates: bool = False) -> Package:
    """Install Tulip below `parent`; without templates decode() gets every frame."""
    scaffold.write("tulip", parent)
    folder = parent / "flowrs-tulip"
    found = Package(folder, folder / "flowrs_tulip.py", folder / "tests/tulip.toml")
    facts = folder / "flowrs_tulip-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: flowrs-tulip\nVersion: 0.1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[flowrs]\ntulip = flowrs_tulip\n", encoding="utf-8")
    found.change(DECODE, decode)
    if not templates:
        found.change("    templates = (", "    unused = (")
    return found
