"""Exit codes, and the words for an error: what happened, then what to do about it."""

from __future__ import annotations

from flowrs.errors import ConfigError, ControlError, FlowrsError, NotRunning

FAILURE = 1
USAGE = 2
NO_DAEMON = 3
NOT_LIVE = 4
UNKNOWN = 5
INTERRUPTED = 130

_CONTROL = {
    "not_live": (NOT_LIVE, '"flowrs status" says how it stands; --allow-stale shows the book as it is.'),
    "too_old": (NOT_LIVE, '"flowrs status" says how old each book is.'),
    "not_live_yet": (NOT_LIVE, 'The daemon goes on trying; "flowrs status" says how it stands.'),
    "unknown_symbol": (UNKNOWN, '"flowrs status" lists the symbols.'),
    "unknown_venue": (UNKNOWN, ""),
    "unknown_connection": (UNKNOWN, '"flowrs status" lists the connections.'),
    "ambiguous": (USAGE, "Name one, such as binance:BTC-USDT."),
    "bad_params": (USAGE, ""),
    "forbidden": (FAILURE, "Run this as the daemon's user or as root."),
    "already_kept": (FAILURE, ""),
    "too_many_books": (FAILURE, 'Make room with "flowrs remove".'),
    "too_large": (FAILURE, "Ask for less, with --depth or --limit."),
    "unknown_method": (FAILURE, "The daemon is of another version: restart it."),
}
_START = 'Start one with "flowrs run", or name its socket with --socket or FLOWRS_SOCKET.'


def explain(error: FlowrsError) -> tuple[int, str]:
    """Return the exit code and one line for people."""
    match error:
        case NotRunning():
            return NO_DAEMON, f"{_sentence(error.message)} {_START}"
        case ConfigError():
            return USAGE, str(error)
        case ControlError():
            code, remedy = _CONTROL.get(error.code, (FAILURE, f"What to do: {error.remedy}." if error.remedy else ""))
            return code, f"{_sentence(_fact(error.message))} {remedy}" if remedy else _sentence(error.message)
        case _:
            return FAILURE, str(error)


def _fact(message: str) -> str:
    """Cut off the daemon's own remedy: after a semicolon, in terms of methods and parameters, not of options."""
    return message.partition("; ")[0]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
