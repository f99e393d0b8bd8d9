"""The shared memory: only its maker can write it, and a reader sees whole books of the right name or none."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from flowrs.core import SNAPSHOT, Arena, ArenaReader, Book, Reason, Scratch, State, Verified, Writer
from flowrs.errors import ArgumentError, CapacityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCRATCH = Scratch()
F_SEAL_FUTURE_WRITE = 0x0010  # of linux/fcntl.h; Python has no name for it


@pytest.fixture
def arena() -> Arena:
    return Arena(2, 5)


def book_of(arena: Arena, name: str = "x:Y") -> Book:
    return Book(name, 2, 3, scratch=SCRATCH, arena=arena)


def test_the_memory_file_is_sealed_against_all_but_reading(arena: Arena) -> None:
    wanted = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | F_SEAL_FUTURE_WRITE
    assert fcntl.fcntl(arena.fd, fcntl.F_GET_SEALS) & wanted == wanted
    size = os.fstat(arena.fd).st_size
    for forbidden in (
        lambda: os.ftruncate(arena.fd, size - 1),
        lambda: os.ftruncate(arena.fd, size + 1),
        lambda: os.pwrite(arena.fd, b"\1", 0),
        lambda: fcntl.fcntl(arena.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
    ):
        with pytest.raises(PermissionError):
            forbidden()


ATTACK = """
import ctypes, mmap, os, sys
fd = int(sys.argv[1])
for each in (fd, os.open(f"/proc/self/fd/{fd}", os.O_RDWR)):
    size = os.fstat(each).st_size
    for attempt in (lambda: mmap.mmap(each, size), lambda: os.pwrite(each, b"x", 0), lambda: os.ftruncate(each, 0)):
        try:
            attempt()
        except PermissionError:
            continue
        sys.exit("it can be written")
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
assert at != ctypes.c_void_p(-1).value
if libc.mprotect(at, 4096, mmap.PROT_READ | mmap.PROT_WRITE) == 0:
    sys.exit("what is mapped for reading can be made writable")
"""


def test_no_other_process_can_write_it_by_any_way(arena: Arena) -> None:
    """Through the descriptor it is given, by opening it anew, and by changing a mapping that was for reading."""
    subprocess.run([sys.executable, "-c", ATTACK, str(arena.fd)], pass_fds=[arena.fd], check=True)  # noqa: S603


def test_its_maker_cannot_map_it_for_writing_a_second_time(arena: Arena) -> None:
    again = os.open(f"/proc/self/fd/{arena.fd}", os.O_RDWR)
    try:
        with pytest.raises(PermissionError):
            mmap.mmap(again, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    finally:
        os.close(again)


READ = """
import sys
from flowrs.core import ArenaReader
print(ArenaReader(int(sys.argv[1])).read(0))
"""


def test_another_process_reads_what_is_published(arena: Arena) -> None:
    book = book_of(arena)
    book.apply(SNAPSHOT, b'[["99.5","1"]]', b'[["100","2.5"]]', 7, 0)
    book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 3)
    command = [sys.executable, "-c", READ, str(arena.fd)]
    seen = subprocess.run(command, pass_fds=[arena.fd], check=True, capture_output=True, text=True)  # noqa: S603
    assert seen.stdout.strip() == repr(ArenaReader(arena.fd).read(0))
    assert "name='x:Y', epoch=3, seq=7" in seen.stdout
    assert "bids=[(9950, 1000)], asks=[(10000, 2500)]" in seen.stdout


@contextmanager
def closed_after(fd: int) -> Iterator[int]:
    yield fd
    os.close(fd)


def memory_file(content: bytes, seals: int) -> int:
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


@pytest.mark.parametrize(
    "made",
    [
        lambda _: os.open(os.devnull, os.O_RDONLY),
        lambda _: os.open(__file__, os.O_RDONLY),
        lambda _: memory_file(b"", fcntl.F_SEAL_SHRINK),
        lambda _: memory_file(bytes(1 << 16), fcntl.F_SEAL_SHRINK),
        lambda arena: memory_file(os.pread(arena.fd, 1 << 20, 0), 0),
        lambda arena: memory_file(os.pread(arena.fd, 1 << 20, 0)[:-1], fcntl.F_SEAL_SHRINK),
        lambda arena: memory_file(os.pread(arena.fd, 1 << 20, 0) + b"\0", fcntl.F_SEAL_SHRINK),
    ],
    ids=["a device", "a file", "empty", "zeros", "one that may shrink", "one byte short", "one byte long"],
)
def test_what_is_no_arena_is_refused(arena: Arena, made: Callable[[Arena], int]) -> None:
    with closed_after(made(arena)) as fd, pytest.raises(ArgumentError):
        ArenaReader(fd)
    with pytest.raises(ArgumentError):
        ArenaReader(-1)


def test_a_slot_beyond_the_last_is_refused(arena: Arena) -> None:
    reader = ArenaReader(arena.fd)
    assert (reader.slots, reader.depth) == (2, 5)
    with pytest.raises(ArgumentError):
        reader.read(2)


def test_a_slot_is_used_again_and_shows_nothing_of_its_last_book(arena: Arena) -> None:
    reader = ArenaReader(arena.fd)
    first, second = book_of(arena, "x:A"), book_of(arena, "x:B")
    first.apply(SNAPSHOT, b"[[1,1],[2,2]]", b"[[3,3]]", 9, 9)
    first.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 5)
    with pytest.raises(CapacityError):
        book_of(arena)
    first.close()
    assert (reader.read(0).name, reader.read(0).state) == ("x:A", State.DISABLED)
    third = book_of(arena, "x:C")
    view = reader.read(0)
    assert (view.name, view.epoch, view.seq, view.state, view.total) == ("x:C", 0, 0, State.EMPTY, (0, 0))
    assert view.bids == view.asks == []
    second.close()
    third.close()
    assert {book_of(arena).name, book_of(arena).name} == {"x:Y"}


def test_what_still_comes_to_a_closed_book_does_not_reach_its_slots_next_book(arena: Arena) -> None:
    reader = ArenaReader(arena.fd)
    old, _ = book_of(arena, "x:old"), book_of(arena, "x:other")
    old.apply(SNAPSHOT, b"[[1,1]]", b"[[2,1]]", 7, 0)
    old.mark(State.DISABLED, Reason.REQUESTED, Verified.NOT, 1)
    old.close()
    ended = reader.read(0)
    assert (ended.name, ended.state, ended.reason) == ("x:old", State.DISABLED, Reason.REQUESTED)
    old.apply(SNAPSHOT, b"[[3,1]]", b"[[4,1]]", 8, 0)
    assert reader.read(0) == ended
    book_of(arena, "x:new")
    old.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 2)
    old.apply(0, b"[[3,2]]", b"[]", 9, 0)
    old.close()
    view = reader.read(0)
    assert (view.name, view.state, view.bids) == ("x:new", State.EMPTY, [])


def test_a_slot_is_given_to_another_book_later_than_those_that_were_free() -> None:
    arena = Arena(3, 10)
    reader = ArenaReader(arena.fd)
    first = book_of(arena, "x:1")
    first.close()
    book_of(arena, "x:2"), book_of(arena, "x:3")
    assert [reader.read(slot).name for slot in range(3)] == ["x:1", "x:2", "x:3"]


def test_a_book_that_cannot_be_made_leaves_its_slot_free(arena: Arena) -> None:
    for _ in range(5):
        with pytest.raises(ArgumentError):
            book_of(arena, "x" * 64)
        with pytest.raises(ArgumentError):
            Book("x:Y", 19, 0, scratch=SCRATCH, arena=arena)
    assert (book_of(arena).name, book_of(arena).name) == ("x:Y", "x:Y")


def test_a_book_is_found_by_its_name_and_the_one_that_is_kept_first(arena: Arena) -> None:
    reader = ArenaReader(arena.fd)
    assert reader.find("x:A") is None
    old = book_of(arena, "x:A")
    assert (reader.find("x:A"), reader.books()) == (0, {"x:A": 0})
    old.close()
    assert reader.find("x:A") == 0
    book_of(arena, "x:A")
    assert (reader.find("x:A"), reader.books()) == (1, {"x:A": 1})
    assert reader.find("x" * 64) is None


def test_after_its_writers_end_no_book_is_live() -> None:
    with Arena(2, 5) as arena:
        reader, book = ArenaReader(arena.fd), book_of(arena)
        book.apply(SNAPSHOT, b"[[1,1]]", b"[[2,1]]", 7, 0)
        book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 3)
        arena.beat()
        assert (reader.writer, reader.read(0).state) == (Writer.AT_WORK, State.LIVE)
    view = reader.read(0)
    assert (reader.writer, view.state, view.reason, view.verified) == (Writer.ENDED, State.STALE, Reason.UNATTENDED, 0)
    assert (view.seq, view.epoch, view.bids) == (7, 3, [(100, 1000)])
    own = ArenaReader(arena)
    assert (own.writer, own.read(0).state) == (Writer.AT_WORK, State.LIVE)


def test_only_the_thread_that_made_it_can_end_it(arena: Arena) -> None:
    reader = ArenaReader(arena.fd)
    with ThreadPoolExecutor(1) as pool, pytest.raises(ArgumentError):
        pool.submit(arena.end).result()
    assert reader.writer is Writer.AT_WORK


def test_the_layout_is_as_the_documentation_says(arena: Arena) -> None:
    """docs/shared-memory.md, for languages that cannot call C: read here with the standard library alone."""
    book_of(arena, "x:A")
    book = book_of(arena, "x:B")
    book.apply(SNAPSHOT, b"[[99.5,1],[98,2]]", b"[[100,3]]", 7, 0)
    book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 3)
    with mmap.mmap(arena.fd, 0, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
        magic, version, slots, depth, slot_bytes = struct.unpack_from("<Q4I", memory, 0)
        assert (magic, version, slots, depth, slot_bytes) == (0x3173776F6C66, 1, 2, 5, 192 + 2 * 128)
        assert len(memory) == 192 + slots * slot_bytes
        beat_ns, place = struct.unpack_from("<qI", memory, 64)
        assert 0 <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) - beat_ns < 60_000_000_000
        assert struct.unpack_from("<16I", memory, 128)[place] & (1 << 30) - 1 == threading.get_native_id()
        slot = 192 + slot_bytes
        lock, name, epoch, seq = struct.unpack_from("<Q64s2Q", memory, slot)
        assert (lock % 2, name.rstrip(b"\0"), epoch, seq) == (0, b"x:B", 3, 7)
        assert struct.unpack_from("<4q", memory, slot + 192) == (9950, 1000, 9800, 2000)
        assert struct.unpack_from("<2q", memory, slot + 192 + 128) == (10000, 3000)
        arena.end()
        assert struct.unpack_from("<16I", memory, 128)[place] & (1 << 30) - 1 == 0


def test_what_is_read_stays_as_it_was(arena: Arena) -> None:
    """Nothing is shared by two reads: a thread may keep what another one has read."""
    reader, book = ArenaReader(arena), book_of(arena)
    book.apply(SNAPSHOT, b"[[1,1]]", b"[[2,1]]", 7, 0)
    head, rows = reader.top(0, 5)
    book.apply(0, b"[[1,9]]", b"[]", 8, 0)
    reader.top(0, 5)
    assert (head[2], rows[0, 0].tolist()) == (7, [100, 1000])


READ_ON = """
import sys
from flowrs.core import ArenaReader
reader, seen = ArenaReader(int(sys.argv[1])), [0]
while len(set(seen)) < 200:
    view = reader.read(0)
    quantities = {quantity for _, quantity in view.bids + view.asks}
    if view.seq and (quantities != {1000 * view.seq} or len(view.bids) + len(view.asks) != 100):
        sys.exit(f"torn: {view}")
    seen.append(view.seq)
if seen != sorted(seen):
    sys.exit("back in time")
"""


def test_a_reader_never_sees_a_torn_book() -> None:
    """All quantities of one message are its number; a view with two of them would be of two messages."""
    arena = Arena(1, 50)
    book = book_of(arena)
    seq = 0
    with subprocess.Popen([sys.executable, "-c", READ_ON, str(arena.fd)], pass_fds=[arena.fd]) as reader:  # noqa: S603
        while reader.poll() is None:
            seq += 1
            bids = b"[%s]" % b",".join(b"[%d,%d]" % (price, seq) for price in range(1, 51))
            asks = b"[%s]" % b",".join(b"[%d,%d]" % (price, seq) for price in range(51, 101))
            book.apply(SNAPSHOT, bids, asks, seq, 0)
    assert reader.returncode == 0


def test_of_ten_million_reads_in_two_processes_not_one_is_torn(c_build: Path) -> None:
    """The levels of each view carry its checksum; its writer is as fast as it can be: csrc/bench/torn.c."""
    done = subprocess.run(  # noqa: S603 - our own program
        [c_build / "build/torn", "10000000"], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "10000000 reads, " in done.stdout
    assert " 0 torn, " in done.stdout
