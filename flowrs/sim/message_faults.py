"""Faults in what a venue sends: lost, late, damaged, out of order, or not what anybody asked for.

COUNT is a number of messages, unless it is one of seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from flowrs.sim.fault_kinds import Register
from flowrs.sim.tampering import Hold, Swap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowrs.sim.anatomy import Anatomy
    from flowrs.sim.dialect import Message
    from flowrs.sim.fault_kinds import Start
    from flowrs.sim.faults import Faults
    from flowrs.sim.tampering import Aim

MESSAGE_FAULTS = Register()

_DEEP = 10  # levels into the other side: where a bid is put that crosses the book


# Frames, after they were numbered


@MESSAGE_FAULTS("drop")
def _drop(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol are lost."""
    faults.edit_next(aim, lambda _, __: (), count)


@MESSAGE_FAULTS("duplicate")
def _duplicate(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol come twice."""
    faults.edit_next(aim, lambda _, frames: [*frames, *frames], count)


@MESSAGE_FAULTS("reorder")
def _reorder(faults: Faults, aim: Aim, count: float) -> None:
    """The next two updates of a symbol change places, COUNT times."""
    faults.edit_next(aim, Swap(), 2 * count)


@MESSAGE_FAULTS("delay", lasting=True)
def _delay(faults: Faults, aim: Aim, count: float) -> None:
    """The updates of a symbol are held for COUNT seconds, then come in order; all else comes meanwhile."""
    hold = Hold()
    end = faults.edit_next(aim, hold, math.inf)

    def release() -> None:
        end()
        hold.release()

    faults.for_a_while(count, release)


# Messages, before they are numbered


def _change(faults: Faults, aim: Aim, count: float, change: Callable[[Anatomy, bytes], bytes | None]) -> None:
    """Change the data of the next updates that have what is to be changed."""
    anatomy = faults.venue.dialect.anatomy

    def into(message: Message) -> Sequence[Message]:
        data = change(anatomy, message.data)
        return (message if data is None else msgspec.structs.replace(message, data=data),)

    faults.tamper_next(lambda message: change(anatomy, message.data) is not None and aim(message), into, int(count))


def _append(faults: Faults, aim: Aim, count: float, more: Callable[[Anatomy, Message], bytes | None]) -> None:
    """Send another message after each of the next updates."""
    anatomy = faults.venue.dialect.anatomy

    def into(message: Message) -> Sequence[Message]:
        data = more(anatomy, message)
        return (message,) if data is None else (message, msgspec.structs.replace(message, data=data))

    faults.tamper_next(aim, into, int(count))


@MESSAGE_FAULTS("corrupt-level")
def _corrupt_level(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol have a wrong digit in a quantity."""
    _change(faults, aim, count, lambda anatomy, data: anatomy.corrupt_level(data))


@MESSAGE_FAULTS("bad-json")
def _bad_json(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol are no valid JSON."""
    _change(faults, aim, count, lambda _, data: data[:-1] + b"?")


@MESSAGE_FAULTS("truncate")
def _truncate(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol end in the middle."""
    _change(faults, aim, count, lambda _, data: data[: len(data) // 2])


@MESSAGE_FAULTS("bad-checksum", needs="checksum")
def _bad_checksum(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol have a wrong checksum."""
    _change(faults, aim, count, lambda anatomy, data: anatomy.corrupt_checksum(data))


@MESSAGE_FAULTS("no-checksum", needs="checksum")
def _no_checksum(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol have no checksum."""
    _change(faults, aim, count, lambda anatomy, data: anatomy.omit_checksum(data))


@MESSAGE_FAULTS("skip-number", needs="number")
def _skip_number(faults: Faults, aim: Aim, count: float) -> None:
    """The next updates of a symbol are numbered as if one before them had been lost."""
    _change(faults, aim, count, lambda anatomy, data: anatomy.skip_number(data))


@MESSAGE_FAULTS("unknown-kind")
def _unknown_kind(faults: Faults, aim: Aim, count: float) -> None:
    """After the next updates of a symbol comes a message of a kind that no client knows."""
    _append(faults, aim, count, lambda anatomy, _: anatomy.novelty)


@MESSAGE_FAULTS("stranger")
def _stranger(faults: Faults, aim: Aim, count: float) -> None:
    """After the next updates of a symbol comes one of a symbol that nobody asked for."""
    _append(faults, aim, count, lambda anatomy, message: anatomy.estrange(message.data, message.symbol))


@MESSAGE_FAULTS("crossed")
def _crossed(faults: Faults, aim: Aim, count: float) -> None:
    """The next update of a symbol crosses its book, the one after it heals that; COUNT times."""
    _cross(faults, aim, int(count), heals=True)


@MESSAGE_FAULTS("stays-crossed")
def _stays_crossed(faults: Faults, aim: Aim, count: float) -> None:
    """The next update of a symbol crosses its book, and nothing heals that."""
    _cross(faults, aim, int(count), heals=False)


def _cross(faults: Faults, aim: Aim, count: int, *, heals: bool) -> None:
    anatomy = faults.venue.dialect.anatomy

    def into(message: Message) -> Sequence[Message]:
        price, added = _crossing(faults, message)

        def heal(later: Message) -> Sequence[Message]:
            if any(f"{bid:f}".rstrip("0") == price.rstrip("0") for bid in faults.venue.book(later.symbol).bids):
                return (later,)  # the market has come there by itself
            return (_with_bid(anatomy, later, price, "0"),)

        if heals:
            faults.tamper_next(lambda later: aim(later) and anatomy.bids.search(later.data) is not None, heal)
        return (added,)

    faults.tamper_next(lambda message: anatomy.decimals(message.data) is not None and aim(message), into, count)


def _crossing(faults: Faults, message: Message) -> tuple[str, Message]:
    """Return the price of a bid that crosses, spelled as the message spells prices, and the message with it."""
    anatomy = faults.venue.dialect.anatomy
    price_decimals, qty_decimals = anatomy.decimals(message.data) or (0, 0)
    _, asks = faults.venue.book(message.symbol).top(_DEEP)
    whole, _, part = f"{asks[-1][0].normalize():f}".partition(".")
    part = part.ljust(price_decimals, "0")
    price = f"{whole}.{part}" if part else whole
    return price, _with_bid(anatomy, message, price, f"{1:.{qty_decimals}f}")


def _with_bid(anatomy: Anatomy, message: Message, price: str, qty: str) -> Message:
    data = anatomy.add_bid(message.data, price, qty)
    return message if data is None else msgspec.structs.replace(message, data=data)


@MESSAGE_FAULTS("empty-update", needs="sides")
def _empty_update(faults: Faults, aim: Aim, count: float) -> None:
    """An update of a symbol comes that changes nothing."""
    if "empty-update" in faults.venue.dialect.tricks:
        _trick("empty-update")(faults, aim, count)
    else:
        _append(faults, aim, count, lambda anatomy, message: anatomy.empty(message.data))


@MESSAGE_FAULTS("silent-symbol", count=3, lasting=True)
def _silent_symbol(faults: Faults, aim: Aim, count: float) -> None:
    """Nothing new about a symbol is sent for COUNT seconds, while all else goes on."""

    def begin(message: Message) -> Sequence[Message]:
        symbol = message.symbol
        faults.for_a_while(count, faults.go_silent(lambda each: each.symbol == symbol and each.kind != "snapshot"))
        return ()

    faults.tamper_next(aim, begin)


@MESSAGE_FAULTS("silent", count=3, lasting=True)
def _silent(faults: Faults, _: Aim, count: float) -> None:
    """No data is sent for COUNT seconds, while sockets stay open and pings go on."""
    faults.for_a_while(count, faults.go_silent())


# What only the dialect can do


def _trick(name: str) -> Start:
    def start(faults: Faults, aim: Aim, count: float) -> None:
        def after(message: Message) -> Sequence[Message]:
            async def play() -> None:  # not now: the message has not been sent yet
                faults.venue.dialect.tricks[name](message.symbol)

            faults.venue.start_soon(play)
            return (message,)

        faults.tamper_next(aim, after, int(count))

    return start


def _register_trick(name: str, words: str) -> None:
    start = _trick(name)
    start.__doc__ = words
    MESSAGE_FAULTS(name, needs="trick")(start)


_register_trick("restart-numbers", "The numbers of a symbol begin again, lower than they were.")
_register_trick("fresh-snapshot", "A snapshot of a symbol comes in the stream that nobody asked for.")
_register_trick("lower-snapshot", "A snapshot of a symbol comes in the stream, with a number lower than the last.")
_register_trick("rest-old", "The next snapshot of a symbol by REST is of a book older than the stream.")
_register_trick("rest-lower", "The next snapshot of a symbol by REST has a number lower than its book.")
