"""Where the parts of an exchange's messages are, and what they look like damaged.

The faults cut and paste in the text and do not decode it: a decoder would lose the spelling of numbers, and with it
Kraken's checksums. So an exchange is described by regular expressions, and the faults know no exchange.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_PAIR = re.compile(rb'\["([\d.]+)","([\d.]+)"\]')
_STRANGER = b"QQQ"


class Anatomy(msgspec.Struct, frozen=True):
    """One exchange's messages.

    `level` finds a level, with price and quantity as groups; `bid` spells one, and belongs behind what `bids` finds.
    `number` finds digits which, made greater, claim that an update was lost before this one; `checksum` those that
    prove the book. An exchange without them has None. `ack` is found in what acknowledges a subscription, `subscribe`
    in what asks for one, and `refusal` makes of the latter what refuses it. `novelty` is a message of a kind that no
    client knows. `sides` finds lists of levels, if an update may be repeated without its levels. `undetectable` names
    the faults that nobody can notice on this exchange.
    """

    level: re.Pattern[bytes]
    bids: re.Pattern[bytes]
    bid: bytes
    number: re.Pattern[bytes] | None
    checksum: re.Pattern[bytes] | None
    subscribe: re.Pattern[str]
    ack: re.Pattern[bytes]
    refusal: Callable[[Any], bytes]
    novelty: bytes
    sides: re.Pattern[bytes] | None = re.compile(rb'("(?:bids|asks|updates)":\[)[^\]]*')
    undetectable: frozenset[str] = frozenset()

    def decimals(self, data: bytes) -> tuple[int, int] | None:
        """Return how many decimals price and quantity of the first level have, None if there is no level."""
        found = self.level.search(data)
        return (len(found[1].partition(b".")[2]), len(found[2].partition(b".")[2])) if found else None

    def empty(self, data: bytes) -> bytes | None:
        """Leave the levels out, None if that would break the chain."""
        return self.sides and self.sides.sub(rb"\1", data)

    def corrupt_level(self, data: bytes) -> bytes | None:
        """Change one digit of the first quantity that is not 0; None if there is none."""
        for level in self.level.finditer(data):
            if digit := re.search(rb"[1-9]", level[2]):
                at = level.start(2) + digit.start()
                return data[:at] + b"%d" % (int(digit[0]) % 9 + 1) + data[at + 1 :]
        return None

    def skip_number(self, data: bytes) -> bytes | None:
        """Raise the number by one; None if there is none."""
        return _renumber(self.number, data, 1)

    def corrupt_checksum(self, data: bytes) -> bytes | None:
        """Make the checksum wrong; None if there is none."""
        return _renumber(self.checksum, data, 1)

    def omit_checksum(self, data: bytes) -> bytes | None:
        """Leave the checksum out; None if there is none."""
        found = self.checksum and self.checksum.search(data)
        return data[: found.start()] + data[found.end() :] if found else None

    def add_bid(self, data: bytes, price: str, qty: str) -> bytes | None:
        """Add a bid to the levels; None if the message has no place for it."""
        found = self.bids.search(data)
        if found is None:
            return None
        comma = b"" if data[found.end() :].startswith(b"]") else b","
        return data[: found.end()] + self.bid % (price.encode(), qty.encode()) + comma + data[found.end() :]

    def subscription(self, text: str | bytes) -> Any:
        """Decode a request to subscribe; None if it is none."""
        spoken = text if isinstance(text, str) else text.decode(errors="replace")
        try:
            return msgspec.json.decode(spoken) if self.subscribe.search(spoken) else None
        except msgspec.DecodeError:
            return None

    def estrange(self, data: bytes, symbol: str) -> bytes | None:
        """Make it a message about an instrument that nobody asked for; None if it names none."""
        native = symbol.encode()
        strange = data.replace(native, _STRANGER + native[3:])
        return strange if strange != data else None


def _renumber(number: re.Pattern[bytes] | None, data: bytes, by: int) -> bytes | None:
    found = number and number.search(data)
    if not found:
        return None
    return data[: found.start(1)] + b"%d" % (int(found[1]) + by) + data[found.end(1) :]


def _binance_refusal(request: Any) -> bytes:
    error = {"code": 2, "msg": "Invalid request: refused"}
    return msgspec.json.encode({"error": error, "id": request.get("id")})


def _bybit_refusal(request: Any) -> bytes:
    topic = (request.get("args") or [""])[0]
    answer = {
        "success": False,
        "ret_msg": f"Invalid topic: {topic}",
        "conn_id": "0",
        "req_id": request.get("req_id", ""),
    }
    return msgspec.json.encode(answer | {"op": "subscribe"})


BINANCE = Anatomy(
    level=_PAIR,
    bids=re.compile(rb'"b":\['),
    bid=b'["%s","%s"]',
    number=re.compile(rb'"U":(\d+)'),
    checksum=None,
    subscribe=re.compile('"SUBSCRIBE"'),
    ack=re.compile(rb'^\{"result":null'),
    refusal=_binance_refusal,
    novelty=b'{"e":"novelty","E":1723161276318,"s":"BTCUSDT","x":[1,2]}',
    sides=None,
    undetectable=frozenset({"corrupt-level"}),
)

BINANCE_USDM = msgspec.structs.replace(BINANCE, number=re.compile(rb'"pu":(\d+)'))

BYBIT = msgspec.structs.replace(
    BINANCE,
    number=re.compile(rb'"type":"delta".*"u":(\d+),"seq"'),  # a snapshot may have any
    subscribe=re.compile('"op": ?"subscribe"'),
    ack=re.compile(rb'"success":true,.*"op":"subscribe"'),
    refusal=_bybit_refusal,
    novelty=b'{"topic":"novelty.BTCUSDT","type":"snapshot","ts":1723161276318,"data":{"x":[1,2]}}',
)
