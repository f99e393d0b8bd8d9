"""A daemon for tests: it speaks the control protocol with the standard library alone, independently of flowrs."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GREETING = {"flowrs": {"protocol": 1, "version": "0.1.0", "pid": 123, "capabilities": ["status", "book"]}}
FACTS = {
    "venue": "binance",
    "symbol": "BTC-USDT",
    "state": "live",
    "reason": None,
    "verified": "sequence",
    "epoch": 1,
    "seq": 123,
    "age_ms": 12.5,
    "exchange_ns": 1_723_161_276_318_000_000,
    "recv_ns": 1_723_161_276_320_000_000,
    "publish_ns": 1_723_161_276_320_010_000,
}
BOOK = {
    **FACTS,
    "bids": [["61837.63", "3.78826000"], ["61837.60", "1.00000000"]],
    "asks": [["61837.64", "1.54698000"]],
    "levels": {"bids": 2, "asks": 1},
    "window": {"low": "55000.00", "high": None},
}
_FACTS = {key: value for key, value in BOOK.items() if key not in ("bids", "asks", "levels", "window")}
PART = {"id": "binance:BTC-USDT", **_FACTS, "included": True, "why": None}
ONE_PART = {"symbol": "BTC-USDT", "depth": 1, "parts": [PART]}  # what else there is nobody asks of a single book
CONSOLIDATED = {
    "symbol": "BTC-USDT",
    "depth": 10,
    "parts": [
        PART,
        {**PART, "id": "bybit:BTC-USDT", "venue": "bybit"},
        {**PART, "id": "kraken:BTC-USD", "venue": "kraken", "symbol": "BTC-USD"},
        {**PART, "id": "okx:BTC-USDT", "venue": "okx", "state": "stale", "reason": "gap", "included": False}
        | {"why": "not_live", "verified": None},
    ],
    "bids": [
        ["61837.63", "4.0", {"binance:BTC-USDT": "3.5", "bybit:BTC-USDT": "0.5"}],
        ["61837.60", "1.0", {"kraken:BTC-USD": "1.0"}],
    ],
    "asks": [["61837.64", "1.5", {"bybit:BTC-USDT": "1.5"}]],
    "best": {
        "bid": {"price": "61837.63", "quantity": "4.0", "ids": ["binance:BTC-USDT", "bybit:BTC-USDT"]},
        "ask": {"price": "61837.64", "quantity": "1.5", "ids": ["bybit:BTC-USDT"]},
    },
    "spread": {"absolute": "0.01", "percent": "0.00001617", "bp": "0.001617"},
    "mid": "61837.635",
    "market": "normal",
    "complete_to": {"bid": "61000.00", "ask": None},
}
QUOTE = {
    "symbol": "BTC-USDT",
    "side": "buy",
    "currency": "base",
    "amount": "5",
    "complete": True,
    "rest": "0",
    "filled": {"base": "5", "quote": "309188.2"},
    "fee": {"quote": "309.1882"},
    "total": "309497.3882",
    "average": "61837.64",
    "average_with_fees": "61899.47764",
    "best": "61837.64",
    "worst": "61837.7",
    "slippage_bp": "0.004042",
    "split": [
        {"id": "binance:BTC-USDT", "base": "5", "quote": "309188.2", "average": "61837.64", "worst": "61837.7"}
        | {"levels": 3, "fee_percent": "0.1", "fee": "309.1882"}
    ],
    "unknown": [],
    "parts": CONSOLIDATED["parts"],
}
STATUS = {
    "version": "0.1.0",
    "protocol": 1,
    "pid": 123,
    "socket": "/run/flowrs/flowrs.sock",
    "uptime_s": 3720.0,
    "books": {"total": 2, "live": 1},
    "venues": [
        {
            "venue": "binance",
            "name": "Binance",
            "connections": [
                {
                    "id": "binance/0",
                    "state": "live",
                    "since_s": 60.0,
                    "attempt": 0,
                    "error": None,
                    "retry_in_s": None,
                    "symbols": ["BTC-USDT", "ETH-USDT"],
                },
                {
                    "id": "binance/1",
                    "state": "waiting",
                    "since_s": 2.0,
                    "attempt": 3,
                    "error": "connection refused",
                    "retry_in_s": 4.0,
                    "symbols": [],
                },
            ],
            "error": None,
            "plugin": {"module": "flowrs.plugins.binance", "errors": 0, "error": None, "blocked": 0, "longest_ms": 0.4}
            | {"held_mb": 0.1},
        },
        {
            "venue": "kraken",
            "name": "Kraken",
            "connections": [],
            "error": "the plugin failed",
            "plugin": {
                "module": "flowrs.plugins.kraken",
                "errors": 3,
                "error": "the plugin failed: KeyError: 'x'",
                "blocked": 2,
                "longest_ms": 3001.5,
                "held_mb": 81.5,
            },
        },
    ],
    "left_out": {"tulip": "venues.tulip: tulip: the plugin failed: KeyError: 'y'"},
    "list": [
        {
            **FACTS,
            "bid": "61837.63",
            "ask": "61837.64",
            "levels": {"bids": 2, "asks": 1},
            "resyncs": 0,
            "gaps": 0,
            "transitions": [{"time_ns": 1_723_161_270_000_000_000, "state": "live", "reason": "none", "epoch": 1}],
        },
        {
            "venue": "binance",
            "symbol": "ETH-USDT",
            "state": "syncing",
            "reason": None,
            "verified": None,
            "epoch": 0,
            "seq": 0,
            "age_ms": None,
            "exchange_ns": 0,
            "recv_ns": 0,
            "publish_ns": 0,
            "bid": None,
            "ask": None,
            "levels": {"bids": 0, "asks": 0},
            "resyncs": 1,
            "gaps": 1,
            "transitions": [],
        },
    ],
}
VENUES = [
    {
        "venue": "binance",
        "name": "Binance",
        "plugin": "flowrs.plugins.binance",
        "url": "wss://stream.binance.com:9443/ws",
        "rest_url": "https://api.binance.com",
        "symbols": ["BTC-USDT", "ETH-USDT"],
        "groups": {"BTC-USDT": "BTC-USDT", "ETH-USDT": "ETH-USDT"},
        "budgets": {"connects": {"left": 298, "count": 300, "per_s": 300.0}},
    }
]
TRADES = {
    "venue": "binance",
    "symbol": "BTC-USDT",
    "trades": [
        {
            "price": "61837.63000000",
            "quantity": "0.02000000",
            "side": "sell",
            "id": 3735683259,
            "exchange_ns": 1_723_161_255_342_999_999,
            "recv_ns": 1_723_161_255_350_000_000,
        }
    ],
}
_BARE: dict[str, Any] = {"sum": 0.0, "histogram": []}
_NONE = dict.fromkeys(("mean", "p50", "p95", "p99", "p99_9", "max"))
_METRICS = {
    "messages": 12345,
    "messages_per_second": 101.5,
    "bytes": 10_000_000,
    "bytes_per_second": 20_000.0,
    "latency_us": {
        "mean": 9.0,
        "p50": 8.0,
        "p95": 15.0,
        "p99": 25.0,
        "p99_9": 60.0,
        "max": 400.0,
        "samples": 12345,
        **_BARE,
    },
    "feed_delay_ms": {**_NONE, "samples": 0, **_BARE},
    "connections": 1,
    "reconnects": 0,
    "gaps": 2,
    "resyncs": 2,
    "templated": 12000,
    "decode_errors": 0,
    "unrequested": 0,
    "plugin_errors": 3,
    "blocked": 2,
    "longest_ms": 3001.5,
    "held_mb": 81.5,
}
METRICS = {
    "uptime_s": 3720.0,
    "rss_mb": 45.25,
    "cpu_percent": 3.1,
    "clients": 1,
    "total": _METRICS,
    "venues": {"binance": _METRICS},
}


def error(code: str, message: str, **data: Any) -> dict[str, Any]:
    """Return an error answer's body."""
    return {"error": {"code": code, "message": message, "data": data}}


class FakeDaemon:
    """Answers on `path` what `answers` says: method to a body, or to a function from the params to one.

    A body is `{"result": …}` or `{"error": …}`, or bytes that are sent as they are; None closes the connection. `seen`
    collects the requests, `clients` the connections; `asked` is set by the first, `left` by the first client that goes.
    """

    def __init__(self, path: Path, greeting: bytes | None = None, *, hang_up: bool = False) -> None:
        self.path = path
        self.hang_up = hang_up
        self.greeting = json.dumps(GREETING).encode() + b"\n" if greeting is None else greeting
        self.seen: list[dict[str, Any]] = []
        self.asked = threading.Event()
        self.left = threading.Event()
        self.answers: dict[str, Any] = {
            "book": {"result": BOOK},
            "status": {"result": STATUS},
            "venues": {"result": VENUES},
            "trades": {"result": TRADES},
            "metrics": {"result": METRICS},
            "consolidated": {"result": ONE_PART},
            "quote": {"result": QUOTE},
        }
        self._listener = socket.socket(socket.AF_UNIX)
        self.clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for connection in self.clients:
            connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        for connection in self.clients:
            connection.close()

    def answer(self, method: str, body: dict[str, Any] | bytes | Callable[[dict[str, Any]], Any] | None) -> None:
        self.answers[method] = body

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.clients.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.sendall(self.greeting)
            if self.hang_up:
                connection.shutdown(socket.SHUT_RDWR)
                return
            with connection.makefile("rb") as lines:
                for line in lines:
                    if not self._reply(connection, json.loads(line)):
                        connection.shutdown(socket.SHUT_RDWR)
                        return
        except OSError:
            return
        finally:
            self.left.set()

    def _reply(self, connection: socket.socket, request: dict[str, Any]) -> bool:
        self.seen.append(request)
        self.asked.set()
        body = self.answers[request["method"]]
        if callable(body):
            body = body(request.get("params", {}))
        if body is None:
            return False
        line = body if isinstance(body, bytes) else json.dumps({"id": request["id"], **body}).encode() + b"\n"
        connection.sendall(line)
        return True
