"""examples/read_book.c, compiled with the C library alone, reads what the daemon publishes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import trio
from memory import NAME, desk

from flowrs.core import Reason, State, Verified

ROOT = Path(__file__).resolve().parents[2]
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wpedantic", "-Werror")


@pytest.fixture(scope="module")
def program(c_build: Path) -> Path:
    target = c_build / "read_book"
    words = ["cc", *STRICT, f"-I{c_build}", "-o", target, ROOT / "examples/read_book.c"]
    subprocess.run([*words, c_build / "build/libflowrs.a", "-pthread"], check=True, timeout=60)  # noqa: S603 - ours
    return target


async def outcome(program: Path, *words: str | Path) -> tuple[int, str, str]:
    done = await trio.run_process([program, *words], capture_stdout=True, capture_stderr=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


LEVELS = "bid 99.50 1.250\nbid 98.00 3.000\nask 100.10 2.500\n"


async def test_it_prints_a_live_book_and_says_if_it_is_not_live(program: Path, tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        book = here.book()
        assert await outcome(program, NAME, here.path) == (0, f"{NAME} live seq 3:7\n{LEVELS}", "")
        book.mark(State.STALE, Reason.GAP, Verified.NOT, 3)
        assert await outcome(program, NAME, here.path) == (4, f"{NAME} stale seq 3:7\n{LEVELS}", "")


async def test_it_says_what_it_cannot_read(program: Path, tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        assert await outcome(program, NAME, here.path) == (5, "", f"no book of {NAME} can be read\n")
    assert await outcome(program, NAME, here.path) == (1, "", f"no daemon at {here.path}\n")
    assert await outcome(program, NAME, "x" * 200) == (1, "", f"no daemon at {'x' * 200}\n")
    assert (await outcome(program))[0] == 2
