"""The checks of what is said to the exchange: subscriptions, names, pings, and whether the file is of this venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.api import Recovery, Reply
from flowrs.feed import vouch
from flowrs.feed.boundary import UNREADABLE
from flowrs.sim.by_example_session import has
from flowrs.testing.claims import Check, FailedError, SkippedError, shown
from flowrs.testing.rehearsal import subscriptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.testing.rehearsal import Exchange, Rehearsal


def _venue(rehearsal: Rehearsal) -> str:
    if rehearsal.exchange is None:
        raise SkippedError("recorded frames name no venue")
    told = rehearsal.exchange.dialect.told.venue
    if told != rehearsal.connector.name:
        raise FailedError(
            f"name is {rehearsal.connector.name!r}, and venue is {told!r} in the dialect file",
            "let both be the same: flowrs sim prints a configuration of the one, and flowrs run looks for the other",
        )
    return told


def _subscriptions(rehearsal: Rehearsal) -> str:
    connector, instruments = rehearsal.connector, rehearsal.instruments
    frames = vouch.texts(connector, connector.subscribe, instruments)
    for each in instruments:
        if not any(each.native.lower() in frame.lower() for frame in frames):
            raise FailedError(
                f"subscribe() has no frame that names {each.native}: {_said(frames)}",
                "subscribe to every instrument that it is given",
            )
    if rehearsal.exchange is not None:
        _subscribed(rehearsal, rehearsal.exchange, "book.channel", rehearsal.exchange.dialect.told.book.channel)
    if connector.recovery is Recovery.RESUBSCRIBE:
        again = vouch.texts(connector, connector.resubscribe, instruments[:1])
        if not any(instruments[0].native.lower() in frame.lower() for frame in again):
            raise FailedError("resubscribe() names no instrument", "end its subscription to books and begin it again")
    return f"{len(frames)} frames for {len(instruments)} instruments"


def _subscribed(rehearsal: Rehearsal, exchange: Exchange, key: str, channel: str) -> None:
    """Raises FailedError if the exchange of the dialect file would not take the subscriptions for such."""
    frames = subscriptions(rehearsal.connector, rehearsal.instruments)
    exchange.reconnect()
    for frame in frames:
        exchange.say(frame)
    words = {"requests.subscribe": exchange.dialect.told.requests.subscribe, key: channel}
    for each in rehearsal.instruments:
        if exchange.follows(channel, each.native):
            continue
        for place, word in words.items():
            if not any(has(frame, word) for frame in frames):
                raise FailedError(
                    f"subscribe() never says {word!r}, which is {place} of the dialect file: {_said(frames)}",
                    f"say in subscribe(), and write as {place}, what the exchange calls it",
                )
        raise FailedError(
            f"no frame of subscribe() says {', '.join(words.values())} and {each.native} all at once: {_said(frames)}",
            "let each frame say what it wants, of which channel and instrument",
        )


def _said(frames: Sequence[str]) -> str:
    return shown(" ".join(frames).encode())


def _names(rehearsal: Rehearsal) -> str:
    connector = rehearsal.connector
    for each in rehearsal.instruments:
        native = vouch.text(connector, connector.native, each.symbol)
        if native != each.native:
            raise FailedError(
                f"{each.symbol} is {each.native} in the exchange's list, but native() makes {native} of it",
                "set separator and perpetual, or write native(), so that both are the same",
            )
    return ", ".join(f"{each.symbol} = {each.native}" for each in rehearsal.instruments)


def no_trades(rehearsal: Rehearsal) -> None:
    """Raises why there were no trades: SkippedError if there are none to be had, else FailedError."""
    exchange = rehearsal.exchange
    told = exchange.dialect.told.trades if exchange is not None else None
    if exchange is None or told is None:
        raise SkippedError("there were no trades")
    todo = "subscribe to trades, by the word of the exchange; if it has none, take [trades] out of the dialect file"
    try:
        _subscribed(rehearsal, exchange, "trades.channel", told.channel)
    except FailedError as found:
        raise FailedError(f"no trade came; {found.args[0]}", todo) from None
    raise FailedError("trades came, and decode() made no flowrs.Trade of them", "let it return one for each")


def _pings(rehearsal: Rehearsal) -> str:
    ping, exchange = rehearsal.connector.ping, rehearsal.exchange
    told = exchange.dialect.told.requests.ping if exchange is not None else ""
    if ping is None and told:
        raise FailedError(
            f"the dialect file has the ping {told!r}, and the connector says none",
            "set ping = Ping(…); if the exchange wants none, take requests.ping out of the dialect file",
        )
    if ping is None:
        raise SkippedError("the exchange wants none")
    if exchange is None:
        raise SkippedError("recorded frames answer nothing")
    if ping.text != told:
        other = f"the ping {told!r}" if told else "no `ping`"
        raise FailedError(
            f"the connector's ping is {ping.text!r}, and the dialect file has {other}",
            "write under [requests] the ping and the pong of the exchange, and the same text in Ping(…)",
        )
    answers = exchange.say(ping.text)
    for frame in answers:
        try:
            events = rehearsal.connector.decode(frame)
        except UNREADABLE as error:
            raise FailedError(f"{error}: {shown(frame)}", "let decode() return a Heartbeat for it") from None
        if not events or any(isinstance(event, Reply) and event.refusal for event in events):
            raise FailedError(f"{events!r} for {shown(frame)}", "let decode() return a Heartbeat for it")
    return f"{ping.text} is answered by {shown(answers[0])}"


def _refusals(rehearsal: Rehearsal) -> str:
    connector, exchange = rehearsal.connector, rehearsal.exchange
    if exchange is None:
        raise SkippedError("recorded frames answer nothing")
    if not exchange.dialect.told.requests.refusal:
        raise SkippedError("the dialect file has no `refusal`")
    exchange.reconnect()
    (frame,) = exchange.say("?")
    todo = "let decode() return a flowrs.Reply whose `refusal` is what the exchange says; None is what it grants"
    try:
        events = vouch.events_of(connector.decode(frame))
    except UNREADABLE as error:
        raise FailedError(f"{error}: {shown(frame)}", todo) from None
    refusals = [each.refusal for each in events if isinstance(each, Reply) and each.refusal is not None]
    if not refusals:
        raise FailedError(f"decode() makes no refusal of {shown(frame)}", todo)
    return f"refused: {refusals[0]}"


CHECKS = (
    Check("the dialect file is of its venue", "C", _venue),
    Check("subscriptions name every instrument", "E", _subscriptions),
    Check("a symbol leads to the exchange's name and back", "E", _names),
    Check("a ping is answered, and the answer understood", "C", _pings),
    Check("a refusal is understood as one", "C", _refusals),
)
"""Of what is said."""
