"""One WebSocket client as Bybit sees it: its topics and its requests.

https://bybit-exchange.github.io/docs/v5/ws/connect. One bad topic fails the whole request; spot takes 10 topics a
request, linear 21,000 characters of topics a connection. Words of refusals are from memory but for "Invalid topic".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowrs.sim.dialect import Message

_MOST_SPOT_ARGS = 10
_MOST_CHARACTERS = 21_000


class _RefusalError(Exception):
    """A request that is refused, with Bybit's words."""


class BybitSession:
    """One client, by its topics in the order of subscription."""

    def __init__(
        self,
        category: str,
        conn_id: str,
        exists: Callable[[str], bool],
        snapshot: Callable[[str], bytes | None],
        *,
        idle_s: float,
        pong_by_op: bool,
    ) -> None:
        """Begin without topics; `snapshot` gives the first frame of a topic, None if it has none."""
        self.topics: dict[str, None] = {}
        self.patience_s = idle_s
        self._category = category
        self._conn_id = conn_id
        self._exists = exists
        self._snapshot = snapshot
        self._pong_by_op = pong_by_op

    def wants(self, message: Message) -> bool:
        """Say whether this client gets anything for a message."""
        return message.names[0] in self.topics

    def payloads(self, message: Message) -> Sequence[bytes]:
        """Return what this client gets for a message."""
        return (message.data,) if self.wants(message) else ()

    def receive(self, text: str | bytes) -> list[bytes]:
        """Take one message of the client; return the answer, and the snapshots of new topics."""
        request: dict[str, Any] = {}
        snapshots: list[bytes | None] = []
        try:
            request = _parse(text)
            if request.get("op") == "ping":
                return [self._pong(request)]
            words = self._execute(request, snapshots)
            answer = self._answer(request, words, success=True)
        except _RefusalError as refusal:
            answer = self._answer(request, str(refusal), success=False)
        return [answer, *(snapshot for snapshot in snapshots if snapshot is not None)]

    def _execute(self, request: dict[str, Any], snapshots: list[bytes | None]) -> str:
        op, topics = request.get("op"), request.get("args")
        if op not in ("subscribe", "unsubscribe"):
            raise _RefusalError(f"error:request not supported, op:{op}")
        if not isinstance(topics, list) or not topics or not all(isinstance(topic, str) for topic in topics):
            raise _RefusalError("Params Error")
        if self._category == "spot" and len(topics) > _MOST_SPOT_ARGS:
            raise _RefusalError(f"args size >{_MOST_SPOT_ARGS}")
        if bad := next((topic for topic in topics if not self._exists(topic)), None):
            raise _RefusalError(f"Invalid topic: {bad}")
        if op == "unsubscribe":
            for topic in topics:
                self.topics.pop(topic, None)
        else:
            if held := next((topic for topic in topics if topic in self.topics), None):
                raise _RefusalError(f"error:already subscribed,topic:{held}")
            if len("".join((*self.topics, *topics))) > _MOST_CHARACTERS:
                raise _RefusalError(f"error:args are longer than {_MOST_CHARACTERS} characters")
            self.topics.update(dict.fromkeys(topics))
            snapshots.extend(self._snapshot(topic) for topic in dict.fromkeys(topics))
        return str(op) if self._category == "spot" else ""

    def _answer(self, request: dict[str, Any], words: str, *, success: bool) -> bytes:
        answer = {"success": success, "ret_msg": words, "conn_id": self._conn_id}
        if "req_id" in request:
            answer["req_id"] = request["req_id"]
        return msgspec.json.encode(answer | {"op": request.get("op", "")})

    def _pong(self, request: dict[str, Any]) -> bytes:
        if not self._pong_by_op:
            return self._answer(request, "pong", success=True)
        return msgspec.json.encode({"req_id": request.get("req_id", ""), "op": "pong", "conn_id": self._conn_id})


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _RefusalError("error:request is no JSON") from error
    if not isinstance(request, dict):
        raise _RefusalError("error:request is no object")
    return request
