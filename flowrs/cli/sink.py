"""`sink`: runs a plugin's sink in this process, which is not the daemon's: no book notices if it is slow or ends.

Which sinks there are, plugins say; what each wants to be told, its options say.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.log import log_to_stderr
from flowrs.client import Client
from flowrs.errors import ConfigError, FlowrsError, UnknownName
from flowrs.selection import Only, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import NoReturn

    from msgspec import Struct

    from flowrs.cli.log import Format
    from flowrs.drain import Drain
    from flowrs.sink import Sink

_LOOK_S = 1.0


@click.command(
    epilog="""\b
It runs until SIGTERM or Ctrl-C (exit code 0: all is written). Without a SYMBOL it gets all books, also those
that "flowrs add" adds later. BTC-USDT is that of all exchanges, binance:BTC-USDT that of one.

\b
The sink "ndjson" writes lines of JSON. Its options: path (required), max_mb of a file (100) and files (10),
of which the older ones are path.1, path.2, …

\b
Examples:
  flowrs sink ndjson --set path=events.ndjson
  flowrs sink ndjson BTC-USDT kraken:BTC-USD --only trades --set path=trades.ndjson --set max_mb=10
"""
)
@click.argument("name")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the sink, may be repeated.")
@click.option("--only", type=click.Choice(["books", "trades"]), help="Not both.")
@click.option(
    "--queue",
    type=click.IntRange(10, 10_000_000),
    default=100_000,
    show_default=True,
    help="How many events may wait for the sink; what comes then is lost, counted and told.",
)
@options.config
@options.socket
@click.option("--log-level", type=options.LEVELS, default="info")
@options.log_format
def sink(
    *,
    name: str,
    symbols: tuple[str, ...],
    pairs: tuple[str, ...],
    only: Only,
    queue: int,
    path: Path | None,
    socket: Path | None,
    log_level: str,
    log_format: Format,
) -> None:
    """Write each change of books and each trade to where the sink NAME of a plugin puts it."""
    made = _made(name, pairs, path)
    with Client(socket) as client:
        places = _places(client, symbols)
    repeats = log_to_stderr(log_level, log_format)
    _run(made, Selection(places, only), queue, socket, repeats.look)


def _made(name: str, pairs: Sequence[str], path: Path | None) -> Sink:
    """Return the sink with its options. Raises ConfigError."""
    from flowrs import config, registry  # noqa: PLC0415 - loading plugins takes time that no other command has to spend

    found = registry.load(allow=config.load(path).plugins.allow)
    if (kind := found.sinks.get(name)) is None:
        near = difflib.get_close_matches(name, found.sinks, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(found.sinks)}"
        if barred := [plugin.name for plugin in found.plugins if not plugin.allowed]:
            hint = f"installed but not in plugins.allow: {', '.join(barred)}"
        broken = "".join(f"; {error}" for error in found.errors.values())
        raise ConfigError(f"no plugin brings a sink {name!r}; {hint}{broken}")
    made = kind()
    made.options = _options(name, kind.Options, pairs)
    return made


def _options(name: str, struct: type[Struct] | None, pairs: Sequence[str]) -> Struct | None:
    """Return what was said after --set as what the sink declares. Raises ConfigError."""
    import msgspec  # noqa: PLC0415 - as above

    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)} if struct is not None else {}
    told: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair}: expected KEY=VALUE, such as {next(iter(fields), 'key')}=…")
        if key not in fields:
            raise ConfigError(f"--set {key}: sink {name} has no such option; known are {', '.join(fields) or 'none'}")
        told[key] = value
    if missing := [key for key, field in fields.items() if field.required and key not in told]:
        raise ConfigError(f"sink {name} needs {', '.join(f'--set {key}=…' for key in missing)}")
    if struct is None:
        return None
    try:
        return msgspec.convert(told, struct, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        words, _, place = str(error).partition(" - at `$.")
        key = re.sub(r"`$", "", place)
        raise ConfigError(f"--set {key}={told.get(key, '')}: {words[:1].lower()}{words[1:]}") from None


def _places(client: Client, symbols: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return what is to be followed. Raises UnknownName if there is nothing of a name now."""
    kept = [(book.symbol, book.venue) for book in client.status().list]
    if not kept:
        raise UnknownName("unknown_symbol", "the daemon keeps no book")
    places = []
    for told in symbols:
        symbol, venue = options.place(told, None)
        if not any(each[0] == symbol and venue in (None, each[1]) for each in kept):
            raise UnknownName("unknown_symbol", f"no book of {told} is kept")
        places.append((symbol, venue))
    return places


def _run(made: Sink, selection: Selection, queue: int, socket: Path | None, each_second: Callable[[], None]) -> None:
    import trio  # noqa: PLC0415 - as above

    from flowrs.client import AsyncClient  # noqa: PLC0415 - as above
    from flowrs.drain import Drain  # noqa: PLC0415 - as above

    drain = Drain(made, AsyncClient(socket), selection, queue)
    try:
        trio.run(_drained, drain, each_second, strict_exception_groups=True)
    except* FlowrsError as group:
        raise _first(group) from None
    click.echo(f"flowrs: sink {made.name}: {drain.written:,} events written, {drain.lost:,} lost", err=True)


async def _drained(drain: Drain, each_second: Callable[[], None]) -> None:
    import trio  # noqa: PLC0415 - as above

    async def look() -> NoReturn:
        while True:
            await trio.sleep(_LOOK_S)
            each_second()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await drain.run()
        nursery.cancel_scope.cancel()


def _first(group: BaseExceptionGroup[Any]) -> Any:
    """Return the first exception of a group, of groups too."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
