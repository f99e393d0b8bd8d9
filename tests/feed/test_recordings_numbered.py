"""The recordings of Bybit and Coinbase through real sockets: nothing is missing, and a loss shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cases import Linear500, Spot50
from playback import (
    BTC_BYBIT,
    BTC_COINBASE,
    ETH_COINBASE,
    XRP_BYBIT,
    bybit_answer,
    bybit_linear_frames,
    bybit_spot_frames,
    coinbase_frames,
    follow,
    no_answer,
)

from flowrs.core import Reason, State
from flowrs.errors import ProtocolError
from flowrs.plugins.coinbase import Coinbase

if TYPE_CHECKING:
    from pathlib import Path

    from playback import Follower


def bybit_numbers(frames: list[bytes]) -> list[int]:
    return [message["data"]["u"] for message in map(json.loads, frames) if "data" in message]


def changes(follower: Follower, native: str) -> list[tuple[State, Reason]]:
    return [(each.state, each.reason) for each in follower.replicas[native].transitions]


async def test_bybits_linear_book_has_500_levels_a_side_after_every_recorded_message(captures: Path) -> None:
    frames = bybit_linear_frames(captures)
    follower, playback = await follow(Linear500(), [XRP_BYBIT], frames, bybit_answer)
    book = follower.books["XRPUSDT"]
    first = bybit_numbers(frames)[0]
    assert [each.levels for each in book.applied] == [(500, 500)] * 50
    assert [each.seq for each in book.applied] == bybit_numbers(frames) == list(range(first, first + 50))
    assert changes(follower, "XRPUSDT") == [(State.LIVE, Reason.NONE)]
    assert follower.replicas["XRPUSDT"].resyncs == sum(each.is_snapshot for each in book.applied) == 1
    assert follower.replicas["XRPUSDT"].gaps == follower.counters.decode_errors == 0
    assert playback.heard == [
        {"op": "subscribe", "args": ["orderbook.500.XRPUSDT", "publicTrade.XRPUSDT"]},
    ]


async def test_bybits_spot_book_keeps_its_50_levels_a_side_through_every_recorded_message(captures: Path) -> None:
    frames = bybit_spot_frames(captures)
    follower, _ = await follow(Spot50(), [BTC_BYBIT], frames, bybit_answer)
    book = follower.books["BTCUSDT"]
    assert [each.levels for each in book.applied] == [(50, 50)] * 9
    assert [each.seq for each in book.applied] == bybit_numbers(frames)
    assert changes(follower, "BTCUSDT") == [(State.LIVE, Reason.NONE)]
    assert follower.replicas["BTCUSDT"].gaps == follower.counters.decode_errors == 0


@pytest.mark.parametrize("lost", [1, 25, 40])
async def test_a_lost_update_of_bybit_is_a_gap(captures: Path, lost: int) -> None:
    frames = bybit_linear_frames(captures)
    del frames[lost]
    follower, playback = await follow(Linear500(), [XRP_BYBIT], frames, bybit_answer)
    assert changes(follower, "XRPUSDT")[:2] == [(State.LIVE, Reason.NONE), (State.STALE, Reason.GAP)]
    assert not follower.replicas["XRPUSDT"].is_live
    assert len(follower.books["XRPUSDT"].applied) == lost
    assert {"op": "unsubscribe", "args": ["orderbook.500.XRPUSDT"]} in playback.heard


async def test_coinbases_recorded_numbers_have_no_hole_over_all_channels(captures: Path) -> None:
    frames = coinbase_frames(captures)
    follower, playback = await follow(Coinbase(), [BTC_COINBASE], frames, no_answer)
    book = follower.books["BTC-USD"]
    assert [json.loads(frame)["sequence_num"] for frame in frames] == list(range(12))
    assert [each.seq for each in book.applied] == [0, 1, 2, *range(4, 12)]  # 3 is the answer to the subscription
    assert changes(follower, "BTC-USD") == [(State.LIVE, Reason.NONE)]
    assert follower.replicas["BTC-USD"].gaps == follower.counters.decode_errors == 0
    assert [message["channel"] for message in playback.heard[:1]] == ["level2"]
    assert not any(isinstance(error, ProtocolError) for error in follower.ended)


def of_two_products(frames: list[bytes]) -> list[bytes]:
    """The recording twice over one connection, numbered anew: every other frame is of another product."""
    both = (text for frame in frames for text in (frame, frame.replace(b"BTC-USD", b"ETH-USD")))
    return [json.dumps(json.loads(text) | {"sequence_num": number}).encode() for number, text in enumerate(both)]


@pytest.mark.parametrize("lost", [2, 7, 13, 22])
async def test_a_lost_frame_of_coinbase_loses_all_books_of_its_connection(captures: Path, lost: int) -> None:
    frames = of_two_products(coinbase_frames(captures))
    del frames[lost]
    follower, _ = await follow(Coinbase(), [BTC_COINBASE, ETH_COINBASE], frames, no_answer)
    for native in ("BTC-USD", "ETH-USD"):
        assert changes(follower, native) == [(State.LIVE, Reason.NONE), (State.STALE, Reason.GAP)]
        assert follower.replicas[native].gaps == 1
        assert follower.books[native].applied[-1].seq < lost
    assert [str(error) for error in follower.ended if isinstance(error, ProtocolError)] == [
        f"coinbase: frame {lost + 1} does not follow {lost - 1}"
    ]
