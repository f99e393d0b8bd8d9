"""Both venues keep the contract: one test for each claim of flowrs' conformance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowrs_okx import Okx, OkxSwap

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.flowrs(Okx, "okx.toml")
def test_spot_conforms(flowrs_check: Callable[[], None]) -> None:
    flowrs_check()


@pytest.mark.flowrs(OkxSwap, "okx-swap.toml")
def test_swaps_conform(flowrs_check: Callable[[], None]) -> None:
    flowrs_check()


def test_a_checksum_of_0_is_none() -> None:
    frame = (
        b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[],'
        b'"ts":"1787612486116","checksum":0,"prevSeqId":4,"seqId":5}]}'
    )
    (update,) = Okx().decode(frame)
    assert (update.checksum, update.prev, update.last) == (None, 4, 5)


def test_a_notice_of_maintenance_is_a_farewell() -> None:
    (event,) = Okx().decode(b'{"event":"notice","code":"64008","msg":"The connection will soon be closed"}')
    assert type(event).__name__ == "Farewell"
