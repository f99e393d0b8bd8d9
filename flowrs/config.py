"""The configuration: a TOML file becomes a `Config`, or a `ConfigError` that names the wrong key and what it expects.

Each key is converted on its own, by msgspec, so that a message can name the whole path and show the value; converting
the file in one call was rejected because msgspec then writes `[...]` for the venue's name. Where the daemon listens is
decided here as well, because the daemon and its clients must come to the same answer.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from flowrs.errors import ConfigError
from flowrs.groups import Groups, groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SYSTEM_SOCKET = Path("/run/flowrs/flowrs.sock")
"""Where the systemd unit's daemon listens: its RuntimeDirectory= makes the folder."""

_BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "DOT", "LINK")
_FORMS = {
    "binance": "{}-USDT",
    "binance-usdm": "{}-USDT-PERP",
    "bybit": "{}-USDT",
    "bybit-linear": "{}-USDT-PERP",
    "kraken": "{}-USD",
    "coinbase": "{}-USD",
}
DEFAULT_SYMBOLS = {venue: tuple(form.format(base) for base in _BASES) for venue, form in _FORMS.items()}
"""What is followed at the built-in venues whose table names no symbols."""

DEFAULT_VENUES = ("binance", "bybit", "kraken", "coinbase")
"""What is followed without a configuration: nine pairs at each."""

_SHOWN_LENGTH = 60
_VENUE_NAME = re.compile(r"[a-z][a-z0-9_-]*")

Symbol = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Z0-9]{1,20}-[A-Z0-9]{1,20}(-[A-Z0-9]{1,10})?\Z",  # a plugin's venue may have other kinds
        description='a symbol such as "BTC-USDT" or "BTC-USDT-PERP"',
    ),
]
Symbols = Annotated[tuple[Symbol, ...], Meta(min_length=1, description="a list of at least one symbol")]
WebSocketUrl = Annotated[str, Meta(pattern=r"\Awss?://[^\s/]\S*\Z", description="a ws:// or wss:// address")]
HttpUrl = Annotated[str, Meta(pattern=r"\Ahttps?://[^\s/]\S*\Z", description="an http:// or https:// address")]
Seconds = Annotated[float, Meta(gt=0, le=86_400, description="a number of seconds, above 0 and at most 86400")]
Megabytes = Annotated[float, Meta(gt=0, le=1024, description="a number of megabytes, above 0 and at most 1024")]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], Meta(description='"debug", "info", "warning" or "error"')
]
PluginNames = Annotated[tuple[str, ...], Meta(description="a list of plugins' names")]
SocketPath = Annotated[str, Meta(min_length=1, max_length=107, description="a path of 1 to 107 characters")]
Currency = Annotated[str, Meta(pattern=r"\A[A-Z0-9]{1,20}\Z")]
Equivalents = Annotated[
    tuple[Annotated[tuple[Currency, ...], Meta(min_length=2)], ...],
    Meta(description='a list of lists of at least two currencies, such as [["USD", "USDT"]]'),
]
Percent = Annotated[
    str, Meta(pattern=r"\A\d{1,2}(\.\d{1,8})?\Z", description='a percentage from 0 to 99 as text, such as "0.1"')
]
Switch = Annotated[bool, Meta(description="true or false")]


class DaemonConfig(Struct, frozen=True):
    """The table `[daemon]`. `socket` is None where `default_socket` decides."""

    socket: SocketPath | None = None
    log_level: LogLevel = "info"


class VenueConfig(Struct, frozen=True):
    """A table `[venues.NAME]`: what to follow at one exchange, and when to give a connection up.

    `url` and `rest_url` replace the plugin's own addresses. After `silence_s` without data a connection counts as dead;
    the pause before the next attempt starts near `retry_base_s` and never exceeds `retry_cap_s`; a message of more
    than `max_message_mb` (10^6 bytes each) ends the connection. `fee_percent` of a trade's value is what quotes reckon
    with.
    """

    symbols: Symbols
    url: WebSocketUrl | None = None
    rest_url: HttpUrl | None = None
    enabled: Switch = True
    silence_s: Seconds = 15.0
    retry_base_s: Seconds = 1.0
    retry_cap_s: Seconds = 60.0
    max_message_mb: Megabytes = 16.0
    fee_percent: Percent = "0"


class PluginsConfig(Struct, frozen=True):
    """The table `[plugins]`: which plugins of other packages may load (None: all), and each one's own section.

    What a section may hold, its plugin says: it is checked when the plugin has been loaded.
    """

    allow: PluginNames | None = None
    sections: dict[str, dict[str, Any]] = {}


class Config(Struct, frozen=True):
    """All of it; `Config()` is what holds without a file."""

    daemon: DaemonConfig = DaemonConfig()
    venues: dict[str, VenueConfig] = msgspec.field(
        default_factory=lambda: {name: VenueConfig(DEFAULT_SYMBOLS[name]) for name in DEFAULT_VENUES}
    )
    groups: Groups = Groups()
    plugins: PluginsConfig = PluginsConfig()
    file: Path | None = None
    """Where it was read, for errors to name."""


_TABLES = tuple(field for field in Config.__struct_fields__ if field != "file")


@contextmanager
def named(file: Path | None) -> Iterator[None]:
    """Let a `ConfigError` name the file that has the mistake, if there is one and it does not name it yet."""
    try:
        yield
    except ConfigError as error:
        if file is None or error.message.startswith(f"{file}: "):
            raise
        reason = f"{file}: {error.message}"
        raise ConfigError(reason) from None


def load(path: Path | None) -> Config:
    """Read the file; None means the defaults. Raises `ConfigError`: one line with file, key and what was expected."""
    if path is None:
        return Config()
    with named(path):
        return msgspec.structs.replace(_config(_parse(path)), file=path)


def default_path(environ: Mapping[str, str]) -> Path | None:
    """Return the file of `FLOWRS_CONFIG`. No other place is searched: no file means the defaults, on every machine."""
    named = environ.get("FLOWRS_CONFIG")
    return Path(named) if named else None


def default_socket(environ: Mapping[str, str]) -> Path:
    """Return where a daemon listens that was told nothing.

    `FLOWRS_SOCKET`, else `$XDG_RUNTIME_DIR/flowrs.sock` (a user's own daemon), else `SYSTEM_SOCKET`. /tmp was rejected:
    whoever makes the name there first could serve false books to others.
    """
    if named := environ.get("FLOWRS_SOCKET"):
        return Path(named)
    if folder := environ.get("XDG_RUNTIME_DIR"):
        return Path(folder) / "flowrs.sock"
    return SYSTEM_SOCKET


def find_socket(environ: Mapping[str, str]) -> Path:
    """Return where a client looks: at `default_socket`, else at the system's daemon if the user runs none."""
    own = default_socket(environ)
    if environ.get("FLOWRS_SOCKET") or own.exists() or not SYSTEM_SOCKET.exists():
        return own
    return SYSTEM_SOCKET


def _parse(path: Path) -> dict[str, Any]:
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text (byte {error.start})"
    except RecursionError:
        reason = "is nested too deeply"
    except ValueError as error:  # also integers beyond Python's limit of digits, which tomllib lets through
        words, _, place = str(error).rpartition(" (at ")
        place = place.removesuffix(")").replace("end of document", f"line {len(text.splitlines())}, at the end")
        reason = f"{place}: {words}" if words else str(error)
    raise ConfigError(reason)


def _config(table: dict[str, Any]) -> Config:
    _known(table, _TABLES, "")
    daemon = _fields(_table(table.get("daemon", {}), "daemon"), DaemonConfig, "daemon")
    found = _groups(_table(table.get("groups", {}), "groups"))
    plugins = _plugins(_table(table.get("plugins", {}), "plugins"))
    if "venues" not in table:
        return Config(daemon=DaemonConfig(**daemon), groups=found, plugins=plugins)
    venues = _table(table["venues"], "venues")
    if not venues:
        _refuse("venues", "expected at least one table [venues.NAME], or no [venues] at all for the defaults")
    tables = {name: _venue(name, value) for name, value in venues.items()}
    return Config(daemon=DaemonConfig(**daemon), venues=tables, groups=found, plugins=plugins)


def _plugins(table: dict[str, Any]) -> PluginsConfig:
    sections = {name: _table(value, f"plugins.{name}") for name, value in table.items() if name != "allow"}
    allow = _value(table["allow"], PluginNames, "plugins.allow") if "allow" in table else None
    return PluginsConfig(allow, sections)


def _groups(table: dict[str, Any]) -> Groups:
    equivalents = _value(table.get("equivalents", []), Equivalents, "groups.equivalents")
    named = {name: value for name, value in table.items() if name != "equivalents"}
    for name in named:
        _value(name, Symbol, f"groups.{name!r}")
    return groups({name: _value(value, Symbols, f"groups.{name}") for name, value in named.items()}, equivalents)


def _venue(name: str, value: object) -> VenueConfig:
    path = f"venues.{name}"
    if not _VENUE_NAME.fullmatch(name):
        _refuse(f"venues.{name!r}", "expected a venue's name: a lower-case letter, then letters, digits, _ or -")
    fields = _fields(_table(value, path), VenueConfig, path)
    if "symbols" not in fields:
        if name not in DEFAULT_SYMBOLS:
            _refuse(f"{path}.symbols", 'missing: expected a list of symbols, such as symbols = ["BTC-USDT"]')
        fields["symbols"] = DEFAULT_SYMBOLS[name]
    venue = VenueConfig(**fields)
    for index, symbol in enumerate(venue.symbols):
        if (first := venue.symbols.index(symbol)) < index:
            _refuse(f"{path}.symbols[{index}]", f"{symbol} is listed already, as symbols[{first}]")
    if venue.retry_cap_s < venue.retry_base_s:
        _refuse(
            f"{path}.retry_cap_s", f"expected at least retry_base_s ({venue.retry_base_s}), got {venue.retry_cap_s}"
        )
    return venue


def _table(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(path, f"expected a table, got {_shown(value)}")
    return value


def _known(table: dict[str, Any], names: Sequence[str], path: str) -> None:
    import difflib  # noqa: PLC0415 - only a mistake needs it, and every client imports this module

    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(names)}"
            _refuse(f"{path}.{key}" if path else key, f"unknown key; {hint}")


def _fields(table: dict[str, Any], struct: type[Struct], path: str) -> dict[str, Any]:
    """Return the table's values, each of its field's type, without defaults for those that are missing."""
    _known(table, struct.__struct_fields__, path)
    hints = get_type_hints(struct, include_extras=True)
    return {key: _value(value, hints[key], f"{path}.{key}") for key, value in table.items()}


def _value(value: object, hint: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        inner = re.search(r"`\$\[(\d+)\]`$", str(error))
    if inner and isinstance(value, list) and hint == Symbols:
        index = int(inner[1])
        return _value(value[index], Symbol, f"{path}[{index}]")
    return _refuse(path, f"expected {_expected(hint)}, got {_shown(value)}")


def _expected(hint: Any) -> str:
    """Return the description in the hint's `Meta`, which an optional hint holds one level down."""
    for part in (hint, *get_args(hint)):
        for meta in getattr(part, "__metadata__", ()):
            if meta.description:
                return str(meta.description)
    reason = f"a field of the configuration has no description: {hint}"
    raise TypeError(reason)


def _shown(value: object) -> str:
    """Return the value in TOML's manner, shortened: a message is one line."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list():
            return "an empty list" if not value else f"a list of {len(value)}"
        case str():
            text = msgspec.json.encode(value).decode()
        case _:
            text = str(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def _refuse(path: str, reason: str) -> NoReturn:
    message = f"{path}: {reason}"
    raise ConfigError(message)
