"""The daemon's socket, as the user who asks finds it: is it there, may it be opened, does somebody answer."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import TYPE_CHECKING, Any

from flowrs._version import __version__
from flowrs.client import Client
from flowrs.config import SYSTEM_SOCKET
from flowrs.doctor.finding import doubtful, ok, wrong
from flowrs.errors import ControlError, FlowrsError, NotRunning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowrs.doctor.finding import Finding

_SHOWN = 3


def door(path: Path) -> Iterator[Finding]:
    """Look at the socket, then ask the daemon behind it."""
    unit = unit_of(path)
    start = f"systemctl start {unit}.socket" if unit else 'start a daemon: "flowrs run"'
    try:
        found = path.stat()
    except FileNotFoundError:
        yield wrong("socket", f"{path} is not there", f"{start}, or name another path with --socket or FLOWRS_SOCKET")
        return
    except OSError as error:
        yield wrong("socket", f"{path}: {error.strerror}", "its folders must be open to you (mode 0755)")
        return
    if not stat.S_ISSOCK(found.st_mode):
        yield wrong("socket", f"{path} is no socket", "name another path with --socket or FLOWRS_SOCKET")
        return
    what = f"{path}, mode {stat.S_IMODE(found.st_mode):04o}, {_user(found.st_uid)}:{_group(found.st_gid)}"
    if not os.access(path, os.R_OK | os.W_OK):
        yield wrong("socket", f"{what}: {_user(os.geteuid())} may not open it", _way_in(found.st_gid))
        return
    if found.st_mode & stat.S_IWOTH:
        yield doubtful("socket", f"{what}: everybody may open it", "chmod o= it, and give the group to those who may")
    else:
        yield ok("socket", what)
    yield from _daemon(path, start, unit or "flowrs")


def unit_of(path: Path) -> str | None:
    """Return the unit whose socket this is, flowrs or flowrs@NAME; None if it is no service's."""
    if (path.parent, path.suffix) != (SYSTEM_SOCKET.parent, ".sock"):
        return None
    return path.stem if path == SYSTEM_SOCKET else f"flowrs@{path.stem}"


def _way_in(gid: int) -> str:
    """Return what lets this user in: membership, or a new login if that is not in force yet."""
    user, group = _user(os.geteuid()), _group(gid)
    try:
        members = grp.getgrgid(gid).gr_mem
    except KeyError:
        members = []
    if user in members and gid not in os.getgroups():
        return f"{user} is in the group {group}, but since after this login: log in anew"
    return f"as root: usermod -aG {group} {user}, then log in anew"


def _daemon(path: Path, start: str, unit: str) -> Iterator[Finding]:
    try:
        with Client(path) as client:
            status = client.call("status")
            venues = client.call("venues")
    except NotRunning as error:
        yield wrong("daemon", error.message, f"{start}; what ended it: journalctl -u {unit}")
        return
    except (ControlError, FlowrsError) as error:
        yield wrong("daemon", str(error), f"journalctl -u {unit}")
        return
    what = f"flowrs {status['version']}, pid {status['pid']}"
    if status["version"] != __version__:
        yield doubtful("daemon", f"{what}; this is flowrs {__version__}", f"restart it: systemctl restart {unit}")
    else:
        yield ok("daemon", what)
    for name, why in status.get("left_out", {}).items():
        remedy = f'once "flowrs plugins" shows it without an error: systemctl reload {unit}'
        yield wrong(f"venue {name}", f"is left out: {why}", remedy)
    yield _books(status)
    yield from _budgets(venues)


def _books(status: dict[str, Any]) -> Finding:
    books = status["books"]
    what = f"{books['live']} of {books['total']} are live"
    if books["live"] == books["total"]:
        return ok("books", what)
    bad = [each for each in status["list"] if each["state"] != "live"]
    some = [f"{each['venue']}:{each['symbol']} is {each['reason'] or each['state']}" for each in bad[:_SHOWN]]
    words = ", ".join([*some, "…"] if len(bad) > _SHOWN else some)
    return doubtful("books", f"{what}: {words}", '"flowrs status" shows the errors of their connections')


def _budgets(venues: list[dict[str, Any]]) -> Iterator[Finding]:
    """Tell what is left of the exchanges' limits, as the daemon keeps them."""
    for venue in venues:
        told = {name: (each["left"], each["count"]) for name, each in venue.get("budgets", {}).items()}
        what = ", ".join(f"{name} {left:,} of {count:,}" for name, (left, count) in told.items())
        spent = [name for name, (left, _) in told.items() if left <= 0]
        if spent:
            remedy = "requests wait: it passes by itself; if it does not, follow fewer symbols, or spread the instances"
            yield doubtful(f"budget of {venue['venue']}", f"left: {what}", remedy)
        elif told:
            yield ok(f"budget of {venue['venue']}", f"left: {what}")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
