"""The units that a machine gets: what is said about them elsewhere, and that those of the same kind do not differ."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("flowrs.service", "flowrs@.service", "flowrs-gateway.service")
UNITS = ("flowrs.socket", "flowrs@.socket", *SERVICES)


def text(unit: str) -> str:
    return (ROOT / "systemd" / unit).read_text(encoding="utf-8")


def settings(unit: str) -> list[str]:
    return [line for line in text(unit).splitlines() if line and not line.startswith(("#", "["))]


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("systemd-analyze is missing: CI has to have it")
        pytest.skip("systemd-analyze is missing; on Debian it is in the package systemd")
    return found


def test_an_instance_is_the_daemon_by_another_name() -> None:
    one, each = settings("flowrs.service"), settings("flowrs@.service")
    named = ("Description", "Requires", "After", "ExecStart", "ExecReload", "User", "StateDirectory=", "Also")
    named = (*named, "RuntimeDirectory=")
    assert [line for line in one if not line.startswith(named)] == [line for line in each if not line.startswith(named)]
    assert [line.partition("=")[0] for line in one] == [line.partition("=")[0] for line in each]


def test_the_daemon_can_tell_who_its_clients_are() -> None:
    for unit in ("flowrs.service", "flowrs@.service"):
        assert "PrivateUsers=yes" not in text(unit)


def test_a_socket_is_the_group_s_alone() -> None:
    for unit in ("flowrs.socket", "flowrs@.socket"):
        assert {"SocketUser=root", "SocketGroup=flowrs", "SocketMode=0660"} <= set(settings(unit))
    assert "\ng flowrs - -\n" in f"\n{text('sysusers.d/flowrs.conf')}"


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_whose_loop_is_blocked_is_ended_before_it_would_be_forgotten(unit: str) -> None:
    found = dict(line.split("=", 1) for line in settings(unit) if "=" in line)
    assert found["Type"] == "notify"
    assert float(found["WatchdogSec"].removesuffix("s")) <= 10
    assert found["Restart"] == "always"


def test_systemd_finds_nothing_wrong(tmp_path: Path, analyze: str) -> None:
    for unit in UNITS:
        (tmp_path / unit).write_text(text(unit).replace("/opt/flowrs/bin/flowrs", "/bin/true"))
    names = [str(tmp_path / unit.replace("@", "@one")) for unit in UNITS]
    for unit in ("flowrs@.socket", "flowrs@.service"):
        shutil.copy(tmp_path / unit, tmp_path / unit.replace("@", "@one"))
    done = subprocess.run([analyze, "verify", *names], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(("unit", "exposure"), [*zip(SERVICES, (1.4, 1.4, 1.0), strict=True)])
def test_what_is_exposed_is_as_little_as_the_pages_say(unit: str, exposure: float, analyze: str) -> None:
    words = (analyze, "security", "--offline=true", "--threshold=15", "--no-pager", str(ROOT / "systemd" / unit))
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    assert found
    assert float(found[1]) <= exposure


def test_a_destination_gets_the_files_and_nothing_else_is_done(tmp_path: Path) -> None:
    script = str(ROOT / "scripts" / "install-systemd.sh")
    environ = {**os.environ, "DESTDIR": str(tmp_path), "PREFIX": "/srv/books"}
    for _ in range(2):  # what is there already is left alone
        subprocess.run(["sh", script, "install"], check=True, env=environ)  # noqa: S603, S607 - ours
        config = tmp_path / "etc/flowrs/flowrs.toml"
        token = (tmp_path / "etc/flowrs/gateway-token").read_text()
        assert re.fullmatch(r"[0-9a-f]{32}", token)
        config.write_text("mine")
    assert config.read_text() == "mine"
    unit = (tmp_path / "etc/systemd/system/flowrs.service").read_text()
    assert "ExecStart=/srv/books/bin/flowrs run" in unit
    assert "/opt/" not in unit
    assert (tmp_path / "etc/flowrs/gateway-token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/flowrs/credentials").stat().st_mode & 0o777 == 0o700
