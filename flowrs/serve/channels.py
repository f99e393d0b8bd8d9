"""What subscribers of one key are told of books: made once, whoever and how many they are.

A *channel* has a key, the text that stands for its parameters, and the outboxes of those who subscribed. There are two
kinds: of one only the newest state is told, put into words at most once a change and only if somebody can take it; of
the other, each change, made once and shared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from flowrs.core import State
from flowrs.serve import facts
from flowrs.serve.protocol import event, event_head

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.core import Journal
    from flowrs.serve.outbox import Outbox
    from flowrs.serve.sources import ReplicaSource, VenueSource


class Channel(ABC):
    """The subscribers of one key."""

    ticks = False
    """Whether it is told once a second, and at no other time."""

    def __init__(self, key: str) -> None:
        """Nobody has subscribed yet."""
        self.key = key
        self.readers: dict[Outbox, None] = {}

    @property
    def slots(self) -> Iterable[int]:
        """The books whose changes concern it; those of any book: none."""
        return ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, ever."""
        return False

    @abstractmethod
    def welcome(self, reader: Outbox) -> None:
        """Let a new reader know where things stand."""

    @abstractmethod
    def tell(self) -> bool:
        """Let what is new wait for all readers; returns whether there is anything new."""


class Newest(Channel):
    """A channel of which only the newest state is told: it is a slot of its readers' outboxes."""

    def __init__(self, key: str) -> None:
        """Nothing has been put into words yet."""
        super().__init__(key)
        self._text: bytes | None = None

    @abstractmethod
    def words(self) -> bytes:
        """Put the state into words."""

    def is_new(self) -> bool:
        """Whether it differs from what was told last."""
        return True

    def text(self) -> bytes:
        """Return the words, which all readers share."""
        if self._text is None:
            self._text = self.words()
        return self._text

    def welcome(self, reader: Outbox) -> None:
        """Tell the state as it is."""
        self._text = None
        reader.touch(self)

    def tell(self) -> bool:
        """Let it be told anew."""
        if not self.is_new():
            return False
        self._text = None
        for reader in self.readers:
            reader.touch(self)
        return True


class Each(Channel):
    """A channel of which everything is told, in order."""

    @abstractmethod
    def news(self) -> bytes:
        """Return the lines since the last time."""

    def tell(self) -> bool:
        """Pass the lines on."""
        text = self.news()
        if not text:
            return False
        for reader in self.readers:
            reader.push(text, self.key)
        return True


class Book:
    """The book of a channel."""

    def __init__(self, venue: VenueSource, replica: ReplicaSource) -> None:
        """Tell of this one, and of no other that may come to have its name."""
        self.venue, self.replica = venue, replica

    @property
    def is_kept(self) -> bool:
        """Whether it has not been removed."""
        return self.venue.replicas.get(self.replica.symbol) is self.replica

    @property
    def trust(self) -> tuple[int, int, int]:
        """What is worth an event if it changes."""
        book = self.replica.book
        return book.state, book.reason, book.epoch

    def facts(self) -> dict[str, Any]:
        """Return what is said of it everywhere."""
        return facts.facts(self.venue, self.replica)


class NewestBook(Newest):
    """The best levels of one book; while it is not live, how it is."""

    def __init__(self, key: str, book: Book, depth: int) -> None:
        """Show so many levels a side, 0: all."""
        super().__init__(key)
        self._book, self._depth = book, depth
        self._trust: tuple[int, int, int] | None = None

    @property
    def slots(self) -> Iterable[int]:
        """The book's own."""
        return (self._book.replica.book.slot,)

    @property
    def is_over(self) -> bool:
        """Whether the book has been removed."""
        return not self._book.is_kept

    def is_new(self) -> bool:
        """Whether the book is live, or is otherwise than it was."""
        before, self._trust = self._trust, self._book.trust
        return self._trust[0] == State.LIVE or self._trust != before

    def words(self) -> bytes:
        """Return the book, or how it is."""
        told = self._book.facts()
        if self._book.replica.book.state is not State.LIVE:
            return event(self.key, "state", told)
        return event(self.key, "book", {**told, **facts.levels(self._book.replica, self._depth)})


class EveryChange(Each):
    """Each change of one book: who applies them all holds the book, at every moment."""

    def __init__(self, key: str, book: Book, journal: Journal) -> None:
        """Read from `journal`, into which the book writes."""
        super().__init__(key)
        self._book, self._journal = book, journal
        self._position = journal.end
        self._head = event_head(key, "delta")

    @property
    def slots(self) -> Iterable[int]:
        """The book's own."""
        return (self._book.replica.book.slot,)

    @property
    def is_over(self) -> bool:
        """Whether the book has been removed."""
        return not self._book.is_kept

    def find(self, epoch: int, seq: int) -> int | None:
        """Return where a reader goes on who knows the book as of then, None if it has to begin anew."""
        return self._journal.find(epoch, seq)

    def welcome(self, reader: Outbox) -> None:
        """Tell the whole book."""
        reader.push(self._snapshot(), self.key)

    def resume(self, reader: Outbox, position: int) -> None:
        """Tell what has happened since a position, then how the book is."""
        text, _ = self._since(position)
        reader.push(text + self._state(), self.key)

    def news(self) -> bytes:
        """Return all that has happened."""
        text, self._position = self._since(self._position)
        return text

    def _since(self, position: int) -> tuple[bytes, int]:
        parts = []
        more = True
        while more:
            text, position, mark, reset, more = self._journal.read(position, self._head)
            parts.append(text)
            if mark is not None:
                parts.append(event(self.key, "state", facts.marked(self._book.venue, self._book.replica, mark)))
            elif reset:
                parts.append(self._snapshot())
        return b"".join(parts), position

    def _state(self) -> bytes:
        return event(self.key, "state", self._book.facts())

    def _snapshot(self) -> bytes:
        told = {**self._book.facts(), **facts.levels(self._book.replica, 0)}
        told["cut"] = self._book.replica.book.cut or None
        return event(self.key, "snapshot", told)
