"""The browsers that follow, and what each of them is still to be told.

All browsers share one feed and its encoded messages. Each has an outbox of bounded size: of books, states and metrics
only the newest waits, of trades the latest few hundred. So a slow browser is told less often, never late, and costs
nobody anything.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import trio

from flowrs.gateway import messages

if TYPE_CHECKING:
    from flowrs.client.results import Trade
    from flowrs.gateway.market import Market

DEFAULT_DEPTH = 20
_STATUS_S = 1.0
_FRESH_S = 0.2  # how long a book's encoded message may be used, because of its age
_TRADES = 500
_PIECE_BYTES = 64 << 10


class Browser:
    """One that follows: what it has selected, and what waits to be sent to it."""

    def __init__(self) -> None:
        """Select everything."""
        self.symbol: str | None = None
        self.depth = DEFAULT_DEPTH
        self._newest: dict[str, bytes] = {}
        self._trades: deque[bytes] = deque(maxlen=_TRADES)
        self._is_welcome = False  # once everything has been told that holds at the beginning, or of a selection
        self._filled = trio.Event()

    def put(self, key: str, frame: bytes) -> None:
        """Let a frame wait, in place of the one with that key that still waits."""
        self._newest[key] = frame
        self._filled.set()

    def add(self, frame: bytes) -> None:
        """Let a trade wait; if too many do, the oldest one is lost."""
        self._trades.append(frame)
        self._filled.set()

    def clear(self) -> None:
        """Forget what waits of books and trades: another selection holds."""
        self._newest = {key: frame for key, frame in self._newest.items() if ":" not in key}
        self._trades.clear()
        self._is_welcome = False

    @property
    def has_more(self) -> bool:
        """Whether something waits."""
        return bool(self._newest or self._trades)

    async def take(self) -> bytes:
        """Wait until there is something, and return the frames that are next, as many as make a piece.

        There is room for trades in each, however many books wait, but no trade comes before the books of the beginning.
        """
        while not self.has_more:
            self._filled = trio.Event()
            await self._filled.wait()
        frames: list[bytes] = []
        size = 0
        while self._newest and size < _PIECE_BYTES:
            frames.append(self._newest.pop(next(iter(self._newest))))
            size += len(frames[-1])
        self._is_welcome = self._is_welcome or not self._newest
        while self._trades and self._is_welcome and size < 2 * _PIECE_BYTES:
            frames.append(self._trades.popleft())
            size += len(frames[-1])
        return b"".join(frames)


class Audience:
    """All browsers."""

    def __init__(self, market: Market) -> None:
        """Tell of `market`. Nobody listens yet."""
        self.browsers: dict[Browser, None] = {}
        self._market = market
        self._frames: dict[tuple[str, int], bytes] = {}
        self._made_at = 0.0
        self._symbols: list[str] = []

    async def run(self) -> None:
        """Tell everybody once a second what each book is worth, until cancelled."""
        while True:
            await trio.sleep(_STATUS_S)
            self._tell_status()

    def join(self, browser: Browser) -> None:
        """Tell one more browser how things are, and from now on what changes."""
        self.browsers[browser] = None
        browser.put("symbol_list", messages.symbol_list(self._market))
        browser.put("status", self._status())
        self._put_books(browser)
        browser.put("gateway", messages.gateway(self._market.daemon))
        if self._market.metrics is not None:
            browser.put("metrics", messages.metrics(self._market, self._market.metrics, len(self.browsers)))

    def leave(self, browser: Browser) -> None:
        """Tell it no more."""
        self.browsers.pop(browser, None)

    def select(self, browser: Browser, symbol: str | None, depth: int) -> None:
        """Tell it from now on of this symbol alone (None: of all), at once how it is and what was traded last."""
        browser.symbol, browser.depth = symbol, depth
        browser.clear()
        self._put_books(browser)
        for id_, trade in self._market.trades.get(symbol, ()) if symbol is not None else ():
            browser.add(messages.trade(self._market.books[id_], trade, is_replay=True))

    # -- what the follower says

    def tell_beginning(self) -> None:
        """Tell the list of books, if it is another, that the daemon answers, and all that has changed."""
        if self._market.symbols != self._symbols:
            self._symbols = self._market.symbols
            self._put_all("symbol_list", messages.symbol_list(self._market))
        self._put_all("gateway", messages.gateway(self._market.daemon))
        self._tell_status()
        self.tell_books()

    def tell_end(self) -> None:
        """Tell that the daemon is gone, and so that no book may be trusted."""
        self._put_all("gateway", messages.gateway(self._market.daemon))
        self.tell_doubts()

    def tell_books(self) -> None:
        """Tell each book that has changed."""
        self._tell(self._market.changed)
        self._market.changed = {}

    def tell_doubts(self) -> None:
        """Tell the books whose trust has changed; what else has changed waits for its turn."""
        doubted = self._market.doubted
        self._tell(doubted)
        for id_ in doubted:
            self._market.changed.pop(id_, None)

    def tell_trades(self, new: list[tuple[str, Trade]]) -> None:
        """Tell new trades."""
        for id_, trade in new:
            book = self._market.books[id_]
            if followers := [browser for browser in self.browsers if browser.symbol in (None, book.symbol)]:
                frame = messages.trade(book, trade)
                for browser in followers:
                    browser.add(frame)

    def tell_metrics(self) -> None:
        """Tell the newest metrics."""
        if self._market.metrics is not None:
            self._put_all("metrics", messages.metrics(self._market, self._market.metrics, len(self.browsers)))

    # --

    def _tell(self, changed: dict[str, None]) -> None:
        self._frames.clear()
        for id_ in changed:
            if (book := self._market.books.get(id_)) is None:
                continue
            for browser in self.browsers:
                if browser.symbol in (None, book.symbol):
                    browser.put(id_, self._book(id_, browser.depth))
        if self._market.doubted:
            self._market.doubted = {}
            self._tell_status()

    def _tell_status(self) -> None:
        if self.browsers:
            self._put_all("status", self._status())

    def _put_all(self, key: str, frame: bytes) -> None:
        for browser in self.browsers:
            browser.put(key, frame)

    def _put_books(self, browser: Browser) -> None:
        for book in self._market.of(browser.symbol):
            browser.put(book.id, self._book(book.id, browser.depth))

    def _status(self) -> bytes:
        return messages.status(self._market.books.values(), time.time_ns())

    def _book(self, id_: str, depth: int) -> bytes:
        """Return a book's message, made once for all who want it at this depth."""
        now = time.monotonic()
        if now - self._made_at > _FRESH_S:
            self._frames.clear()
        if not self._frames:
            self._made_at = now
        if (id_, depth) not in self._frames:
            book = self._market.books[id_]
            self._frames[id_, depth] = messages.book_update(book, depth, time.time_ns())
        return self._frames[id_, depth]
