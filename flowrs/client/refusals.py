"""From an error answer to the exception, with what a caller of the Python client can do about it."""

from __future__ import annotations

from flowrs.errors import ControlError, Forbidden, NotLive, TooOld, UnknownName

_CLASSES: dict[str, type[ControlError]] = {
    "not_live": NotLive,
    "too_old": TooOld,
    "unknown_symbol": UnknownName,
    "unknown_venue": UnknownName,
    "forbidden": Forbidden,
}
_REMEDIES = {
    "not_live": 'wait until it is live (a subscription tells), or take what there is with require="any"',
    "too_old": "ask again, or allow more with max_age_s",
    "unknown_symbol": "status() lists the books",
    "ambiguous": "name the venue",
    "forbidden": "run this as the daemon's user or as root",
    "already_subscribed": "share the events of the subscription that there is",
    "too_many_subscriptions": "open another subscription: each has a connection of its own",
    "too_many_clients": "close clients that are of no more use",
    "unknown_method": "a daemon of another version may have others",
    "protocol": "use the same version of flowrs for the daemon and for this program",
}


def refusal(code: str, message: str, data: dict[str, object] | None = None) -> ControlError:
    """Return the exception of an error answer."""
    remedy = _REMEDIES.get(code, "")
    if remedy and code != "unknown_method":  # then the daemon's own, in terms of the protocol, would say it twice
        message = message.partition("; ")[0]
    return _CLASSES.get(code, ControlError)(code, message, data, remedy)
