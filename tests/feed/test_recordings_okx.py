"""OKX's recordings through real sockets: the plugin of plugins-example/ keeps books whose checksums all hold.

They are of 2022 and 2023, when OKX sent checksums and no numbers; today it is the other way round.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playback import Follower, follow, no_answer, okx_frames
from recordings import rest_answer

from flowrs.api import Continuity, Instrument
from flowrs.core import Book, Reason, State, Verified
from flowrs_okx import Okx, OkxSwap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BTC = Instrument("BTC-USDT", "BTC-USDT", "BTC", "USDT", 1, 8)
SWAP = Instrument("UNI-USD-SWAP", "UNI-USD-SWAP", "UNI", "USD", 3, 0)
DATED = Instrument("BTC-USD-220527", "BTC-USD-220527", "BTC", "USD", 1, 0)


class Recorded(Okx):
    """As it was: what shows a loss are the checksums alone."""

    continuity = Continuity.UNNUMBERED


def books(frames: Sequence[bytes], native: str) -> list[int]:
    """Where the messages about one book are."""
    return [at for at, frame in enumerate(frames) if b'"action"' in frame and native.encode() in frame]


def checksums(frames: Sequence[bytes], native: str) -> list[int]:
    """What the exchange says of each message about one book."""
    return [json.loads(frames[at])["data"][0]["checksum"] for at in books(frames, native)]


def renumbered(frames: Sequence[bytes], checksum: int | None = None) -> list[bytes]:
    """The recording with the numbers of today, and today's checksum if one is given."""
    last: dict[str, int] = {}
    made = []
    for at, frame in enumerate(frames):
        message: dict[str, Any] = json.loads(frame)
        if "action" in message:
            (data,) = message["data"]
            native = message["arg"]["instId"]
            data |= {"prevSeqId": last.get(native, -1), "seqId": 1000 + at * 7}
            last[native] = data["seqId"]
            data["checksum"] = data["checksum"] if checksum is None else checksum
        made.append(json.dumps(message).encode())
    return made


def ways(follower: Follower, native: str) -> list[tuple[State, Reason]]:
    return [(each.state, each.reason) for each in follower.replicas[native].transitions]


LIVE = (State.LIVE, Reason.NONE)


async def test_all_290_checksums_of_the_recording_are_those_of_our_books(captures: Path) -> None:
    frames = okx_frames(captures)
    instruments = [BTC, SWAP, DATED]
    follower, playback = await follow(Recorded(), instruments, frames, no_answer)
    made = {native: book.checksums for native, book in follower.books.items()}
    assert made == {each.native: checksums(frames, each.native) for each in instruments}
    assert sum(map(len, made.values())) == 290
    for each in instruments:
        assert ways(follower, each.native) == [LIVE]
    assert (follower.counters.decode_errors, follower.counters.unrequested) == (0, 0)
    (heard,) = playback.heard
    assert heard["args"][0] == {"channel": "books", "instId": "BTC-USDT"}
    assert len(heard["args"]) == 6


async def test_the_checksum_shows_that_a_message_is_missing(captures: Path) -> None:
    frames = okx_frames(captures)
    place = books(frames, "BTC-USDT")
    told = checksums(frames, "BTC-USDT")
    at = next(at for at in range(20, len(told)) if told[at] != told[at - 1])
    del frames[place[at]]
    follower, playback = await follow(Recorded(), [BTC, SWAP, DATED], frames, no_answer)
    assert ways(follower, "BTC-USDT")[:2] == [LIVE, (State.STALE, Reason.CHECKSUM)]
    assert ways(follower, "UNI-USD-SWAP")[:1] == [LIVE]
    assert (State.STALE, Reason.CHECKSUM) not in ways(follower, "UNI-USD-SWAP")
    assert [message["op"] for message in playback.heard[1:3]] == ["unsubscribe", "subscribe"]


@pytest.mark.parametrize(
    ("checksum", "proof"),
    [(None, Verified.SEQUENCE | Verified.CHECKSUM), (0, Verified.SEQUENCE)],
    ids=["told", "absent"],
)
async def test_books_with_the_numbers_of_today_are_live_by_what_proves_them(
    captures: Path, checksum: int | None, proof: Verified, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = renumbered(okx_frames(captures), checksum)
    said = []
    mark = Book.mark

    def noted(self: Any, state: State, reason: Reason, verified: Verified, epoch: int) -> None:
        said.append((state, verified))
        mark(self, state, reason, verified, epoch)

    monkeypatch.setattr(Book, "mark", noted)
    follower, _ = await follow(Okx(), [BTC, SWAP, DATED], frames, no_answer)
    assert [verified for state, verified in said if state is State.LIVE] == [proof] * 3
    assert len(follower.books["BTC-USDT"].checksums) == (0 if checksum == 0 else len(books(frames, "BTC-USDT")))


@pytest.mark.parametrize("fault", ["lost", "repeated", "swapped"])
async def test_the_numbers_of_today_show_what_is_lost_repeated_or_swapped(captures: Path, fault: str) -> None:
    frames = renumbered(okx_frames(captures), 0)
    one, two = books(frames, "BTC-USDT")[20:22]
    if fault == "lost":
        del frames[one]
    elif fault == "repeated":
        frames.insert(two, frames[one])
    else:
        frames[one], frames[two] = frames[two], frames[one]
    follower, _ = await follow(Okx(), [BTC, SWAP, DATED], frames, no_answer)
    assert ways(follower, "BTC-USDT")[:2] == [LIVE, (State.STALE, Reason.GAP)]
    assert ways(follower, "UNI-USD-SWAP") == [LIVE]


async def test_without_numbers_nothing_follows_where_numbers_are_the_proof(captures: Path) -> None:
    follower, _ = await follow(Okx(), [BTC, SWAP, DATED], okx_frames(captures), no_answer)
    assert ways(follower, "BTC-USDT")[:2] == [LIVE, (State.STALE, Reason.GAP)]


@pytest.mark.parametrize(("kind", "name", "decimals"), [(Okx, "BTC-USDT", (1, 8)), (OkxSwap, "BTC-USDT-SWAP", (1, 0))])
def test_instruments_keep_the_exchanges_names(
    captures: Path, kind: type[Okx], name: str, decimals: tuple[int, int]
) -> None:
    connector = kind()
    told = connector.decode_instruments(rest_answer(captures / "okx/OKX.0.gz", f"instType={kind.kind}"))
    found = {each.native: each for each in told}[name]
    assert (found.symbol, connector.native(name)) == (name, name)
    assert (found.base, found.quote, found.price_decimals, found.quantity_decimals) == ("BTC", "USDT", *decimals)
