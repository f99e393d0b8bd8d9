"""One client of an exchange out of a dialect file: what it asked for, and the numbers of its frames."""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING

from flowrs.sim.description import filled
from flowrs.sim.spelling import micros

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowrs.sim.by_example import Described
    from flowrs.sim.dialect import Message

_NUMBER = b"<number>"


class DescribedSession:
    """What one client subscribed to."""

    patience_s = math.inf

    def __init__(self, dialect: Described) -> None:
        """Begin without a subscription."""
        self._dialect = dialect
        self._topics: set[str] = {"heartbeat"}
        self._number = 0

    def receive(self, text: str | bytes) -> list[bytes]:
        """Answer a message of the client: what is subscribed to, or no more, and what that begins with."""
        said = text if isinstance(text, str) else text.decode(errors="replace")
        return [self._numbered(answer.encode()) for answer in self._answers(said)]

    def wants(self, message: Message) -> bool:
        """Say whether this client gets anything for a message."""
        return message.names[0] in self._topics

    def follows(self, channel: str, native: str) -> bool:
        """Say whether it is subscribed to a channel of an instrument."""
        return f"{channel} {native}" in self._topics

    def payloads(self, message: Message) -> list[bytes]:
        """Return what this client gets for a message."""
        return [self._numbered(message.data)] if self.wants(message) else []

    def _numbered(self, frame: bytes) -> bytes:
        if _NUMBER in frame:
            frame = frame.replace(_NUMBER, b"%d" % self._number)
            self._number += 1
        return frame

    def _answers(self, said: str) -> Iterator[str]:
        told = self._dialect.told
        asks, list_word = told.requests, told.instruments.word
        if asks.ping and said == asks.ping:
            yield filled(asks.pong, times())
            return
        words = _words(said, (asks.unsubscribe, list_word, asks.subscribe))
        if asks.unsubscribe in words:
            yield from self._change(said, asks.unsubscribe, begins=False)
        elif list_word in words:
            yield self._dialect.instruments()
        elif asks.subscribe in words:
            yield from self._change(said, asks.subscribe, begins=True)
        elif asks.refusal:
            yield filled(asks.refusal, times())

    def _change(self, said: str, word: str, *, begins: bool) -> Iterator[str]:
        told, dialect = self._dialect.told, self._dialect
        channels = _words(said, (told.book.channel, told.trades.channel if told.trades is not None else ""))
        natives = _words(said, [*dialect.natives.values()])
        if not channels or not natives:
            yield from filter(None, [filled(told.requests.refusal, times())])
            return
        asked = [(channel, native) for native in natives for channel in channels]
        known = {pair for pair in asked if begins and told.requests.again and self.follows(*pair)}
        for channel, native in asked:
            (self._topics.add if begins else self._topics.discard)(f"{channel} {native}")
        values = times() | {"word": word}
        answers = [
            filled(template, values | {"channel": pair[0], "native": pair[1]})
            for pair in asked
            if (template := told.requests.again if pair in known else told.requests.ack)
        ]
        yield from dict.fromkeys(answers)
        for channel, native in asked:
            if begins and channel == told.book.channel and (channel, native) not in known:
                yield from filter(None, [dialect.snapshot(native)])


def times(at_ns: int | None = None) -> dict[str, object]:
    """Spell an instant, or now, in each way that a file may ask for."""
    at_ns = time.time_ns() if at_ns is None else at_ns
    return {"ms": at_ns // 1_000_000, "ns": at_ns, "iso": micros(at_ns)}


def has(said: str, word: str) -> bool:
    """Whether a word, or an instrument's name, stands somewhere in it: not as a part of another."""
    return bool(_words(said, (word,)))


def _words(said: str, words: Sequence[str]) -> list[str]:
    """Return those of the words that stand somewhere in it; where one is a part of another, the longer one."""
    longest = sorted(filter(None, words), key=len, reverse=True)
    alone = rf"(?<![A-Za-z0-9])({'|'.join(map(re.escape, longest))})(?![A-Za-z0-9]|[-_/][A-Za-z0-9])"
    found = {each.lower() for each in re.findall(alone, said, re.IGNORECASE)}
    return [word for word in words if word.lower() in found]
