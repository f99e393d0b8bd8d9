"""Faults of a venue's sockets, of its answers to subscriptions, and of its REST answers.

COUNT is a number of connections, requests or answers, unless it says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.sim.canned import banned, garbage, server_error, slow, too_many_requests
from flowrs.sim.fault_kinds import Register

if TYPE_CHECKING:
    from flowrs.sim.canned import Canned
    from flowrs.sim.faults import Faults
    from flowrs.sim.tampering import Aim

VENUE_FAULTS = Register()

_PING = b"\x89\x00"
_MEGABYTE = 1 << 20


@VENUE_FAULTS("close", count=1001)
async def _close(faults: Faults, _: Aim, count: float) -> None:
    """All connections are closed with a closing handshake; COUNT is its code."""
    await faults.close_connections(int(count), "simulated")


@VENUE_FAULTS("reset")
def _reset(faults: Faults, _: Aim, __: float) -> None:
    """All connections end with a TCP reset."""
    faults.reset_connections()


@VENUE_FAULTS("half-frame")
async def _half_frame(faults: Faults, _: Aim, __: float) -> None:
    """Every client gets the first half of a frame, and then nothing more."""
    await faults.send_half_frame()


@VENUE_FAULTS("ping-flood", count=1000)
async def _ping_flood(faults: Faults, _: Aim, count: float) -> None:
    """Every client gets COUNT pings at once."""
    await faults.send_raw(_PING * int(count))


@VENUE_FAULTS("oversize", count=20)
async def _oversize(faults: Faults, _: Aim, count: float) -> None:
    """Every client gets a frame of COUNT megabytes."""
    await faults.send_text(b"[" * int(count * _MEGABYTE))


@VENUE_FAULTS("refuse", count=3, lasting=True)
async def _refuse(faults: Faults, _: Aim, count: float) -> None:
    """Connecting is refused for COUNT seconds; open connections stay."""
    await faults.refuse_connections()
    faults.for_a_while(count, lambda: faults.venue.start_soon(faults.accept_connections))


@VENUE_FAULTS("close-after-accept")
def _close_after_accept(faults: Faults, _: Aim, count: float) -> None:
    """The next connections, WebSocket or REST, are closed as soon as they are accepted."""
    faults.close_after_accept(int(count))


@VENUE_FAULTS("handshake-429")
def _handshake_429(faults: Faults, _: Aim, count: float) -> None:
    """The next handshakes are rejected with status 429 and Retry-After."""
    faults.reject_handshakes(429, (("Retry-After", "1"),), int(count))


@VENUE_FAULTS("handshake-503")
def _handshake_503(faults: Faults, _: Aim, count: float) -> None:
    """The next handshakes are rejected with status 503."""
    faults.reject_handshakes(503, times=int(count))


@VENUE_FAULTS("refuse-subscription")
def _refuse_subscription(faults: Faults, _: Aim, count: float) -> None:
    """The next requests to subscribe are refused."""
    faults.refuse_subscriptions(int(count))


@VENUE_FAULTS("drop-ack")
def _drop_ack(faults: Faults, _: Aim, count: float) -> None:
    """The next acknowledgements of subscriptions are lost."""
    faults.drop_acks(int(count))


def _register_answer(name: str, words: str, answer: Canned) -> None:
    def start(faults: Faults, _: Aim, count: float) -> None:
        faults.answer_next(*[answer] * int(count))

    start.__doc__ = words
    VENUE_FAULTS(name)(start)


_register_answer("rest-429", "The next REST answers are status 429 with Retry-After.", too_many_requests())
_register_answer("rest-418", "The next REST answers are status 418 with Retry-After.", banned(2))
_register_answer("rest-500", "The next REST answers are status 500.", server_error())
_register_answer("rest-garbage", "The next REST answers are status 200 with half a body.", garbage())
_register_answer("rest-slow", "The next REST answers are a second late.", slow(1.0))
