from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browsers import Browser
from gateways import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worlds import World


@pytest.fixture(scope="session")
def gateway(world: World) -> Iterator[Gateway]:
    """A gateway to the daemon of all tests, which nobody changes."""
    with Gateway(world.socket) as running:
        running.wait_up()
        yield running


@pytest.fixture
def browser(gateway: Gateway) -> Iterator[Browser]:
    with Browser(gateway.port) as connected:
        yield connected
