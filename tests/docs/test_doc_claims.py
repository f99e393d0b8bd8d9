"""What the documentation names exists, and what exists it names."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import socket
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
import msgspec
import pytest
from doc_pages import PAGES, README, ROOT, anchors, blocks, page, prose, rows, section, spans

import flowrs.sim
from flowrs import api, registry
from flowrs._version import __version__
from flowrs.cli import scaffold
from flowrs.cli.failure import USAGE
from flowrs.cli.root import COMMANDS, root
from flowrs.client import Client
from flowrs.config import DEFAULT_SYMBOLS, DEFAULT_VENUES, DaemonConfig, Equivalents, Symbols, VenueConfig
from flowrs.core import Arena, Notices, Reason, State
from flowrs.groups import Groups
from flowrs.serve import Administration, Answers, Consolidation, Hub, Metrics, Subscriptions
from flowrs.serve.protocol import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worlds import World

PROTOCOL = page("docs/protocol.md")
ANSWERS = Answers({}, Metrics({}), ROOT)
TOGETHER = Consolidation({}, Arena(1), Groups(), {})
SUBSCRIPTIONS = Subscriptions(Hub(Arena(1)), {}, ANSWERS, Metrics({}), Notices(), TOGETHER)
METHODS = {
    **ANSWERS.methods,
    **TOGETHER.methods,
    **SUBSCRIPTIONS.methods,
    **Administration({}, ANSWERS).methods,
}
FOLDERS = "flowrs|csrc|tests|docs|benchmarks|scripts|\\.ci"


def code_lines(path: Path) -> list[str]:
    """What a page shows as code: spans, and the lines of its blocks."""
    shown = [line.removeprefix("$ ") for each in blocks() if each.page == path for line in each.text.splitlines()]
    return shown + spans(path.read_text(encoding="utf-8"))


# -- names


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_relative_links_lead_to_a_file_and_a_heading(path: Path) -> None:
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(path.read_text(encoding="utf-8"))):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(rf"(?<![\w/.$-])((?:{FOLDERS})/[\w./-]+\.(?:py|c|h|md|sh|svg|toml))\b(?!\.)", text))
    named |= {span for span in spans(text) if re.fullmatch(rf"(?:{FOLDERS})/[\w./-]*", span)}
    named -= {name.replace("NAME", "tulip") for name in scaffold.FILES}  # of the tutorial's own package
    missing = [name for name in sorted(named) if not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_make_targets_that_are_named_exist(path: Path) -> None:
    for line in code_lines(path):
        if found := re.match(r"make (-C csrc )?([a-z][a-z-]*)", line):
            rules = (ROOT / ("csrc/Makefile" if found[1] else "Makefile")).read_text(encoding="utf-8")
            assert re.search(rf"^{found[2]}:", rules, re.MULTILINE), line


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_nothing_of_the_machine_it_was_written_on_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("../shared/captures", "")
    assert str(ROOT) not in text
    assert not re.search(r"/home/|/root/|/tmp/|shared/", text)


def test_the_changelog_begins_with_the_version_of_the_code() -> None:
    versions = re.findall(r"^## \[([^\]]+)\]", page("CHANGELOG.md"), re.MULTILINE)
    assert next(version for version in versions if version != "Unreleased") == __version__


def test_there_is_one_place_for_the_numbers() -> None:
    assert README.count("<!-- numbers -->") == README.count("<!-- /numbers -->") == 1


# -- the command line


def test_every_command_is_in_the_readme() -> None:
    missing = [name for name in COMMANDS if not any(re.match(rf"flowrs {name}\b", span) for span in spans(README))]
    assert not missing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_and_options_that_are_shown_exist(path: Path) -> None:
    for line in code_lines(path):
        found = re.match(r"flowrs ([a-z][a-z-]+)\b([^|>#;]*)", line)
        if not found:
            continue
        command = root.get_command(click.Context(root), found[1])
        assert command, line
        if isinstance(command, click.Group) and (word := re.match(r" +([a-z]+)", found[2])):
            command = command.commands.get(word[1])
            assert command, line
        known = {name for option in command.params for name in option.opts} | {"--help"}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", found[2])) <= known, line


def test_every_exit_code_is_in_the_readme_with_its_meaning() -> None:
    told = re.search(r"Exit codes:\n(.*?)\n\n", str(root.epilog), re.DOTALL)
    assert told
    documented = {(cells[0], cells[1]) for cells in rows(section(README, "On the command line")) if cells[0].isdigit()}
    assert documented == {tuple(line.split(None, 1)) for line in told[1].splitlines()}


def test_the_unit_does_not_start_again_what_a_person_has_to_change() -> None:
    for path in ROOT.glob("systemd/*.service"):
        assert f"\nRestartPreventExitStatus={USAGE}\n" in path.read_text(encoding="utf-8"), path


# -- the configuration


@pytest.mark.parametrize(
    ("heading", "struct"), [("`[daemon]`", DaemonConfig), ("`[venues.NAME]`", VenueConfig)], ids=["daemon", "venues"]
)
def test_every_key_is_documented_with_its_default_and_its_bounds(heading: str, struct: type[msgspec.Struct]) -> None:
    table = rows(section(page("docs/configuration.md"), heading))
    assert [cells[0] for cells in table] == [f"`{name}`" for name in struct.__struct_fields__]
    hints = get_type_hints(struct, include_extras=True)
    for (key, default, expected), field in zip(table, msgspec.structs.fields(struct), strict=True):
        assert expected == description(hints[field.name]), key
        if field.default not in (None, msgspec.NODEFAULT):
            assert default == f"`{msgspec.json.encode(field.default).decode()}`", key


def test_every_key_of_the_groups_is_documented_with_what_it_expects() -> None:
    table = {cells[0]: cells[2] for cells in rows(section(page("docs/configuration.md"), "`[groups]`"))}
    assert table == {"`equivalents`": description(Equivalents), "a symbol": description(Symbols)}


def description(hint: Any) -> str:
    """What the configuration's error messages say that they expect."""
    parts = (hint, *get_args(hint))
    return next(meta.description for part in parts for meta in getattr(part, "__metadata__", ()) if meta.description)


def test_the_default_symbols_are_listed() -> None:
    text = " ".join(page("docs/configuration.md").split())
    bases = [symbol.removesuffix("-USDT") for symbol in DEFAULT_SYMBOLS["binance"]]
    assert f"{', '.join(bases[:-1])} and {bases[-1]}" in text
    assert f"{', '.join(f'`{name}`' for name in DEFAULT_VENUES[:-1])} and `{DEFAULT_VENUES[-1]}`" in text


def test_every_venue_is_in_the_configuration_with_the_form_of_its_symbols() -> None:
    table = rows(section(page("docs/configuration.md"), "Venues"))
    assert {cells[0]: cells[2] for cells in table} == {
        f"`{name}`": f"`{symbols[0]}`" for name, symbols in DEFAULT_SYMBOLS.items()
    }


# -- the exchanges


def test_every_venue_is_in_the_architecture_with_its_facts() -> None:
    table = {cells[0]: cells[1:] for cells in rows(section(page("docs/architecture.md"), "Venues"))}
    connectors = {f"`{name}`": found for name, found in registry.load().connectors.items() if name in DEFAULT_SYMBOLS}
    assert list(table) == list(connectors)
    for name, connector in connectors.items():
        continuity, recovery, *_, shared, connects, messages = table[name]
        assert continuity == f"`{connector.continuity.name}`"
        assert recovery == f"`{connector.recovery.name}`"
        assert shared == str(connector.instruments_per_connection)
        assert [connects, messages] == [told(connector.connects), told(connector.messages)], name


@pytest.mark.parametrize("name", ["binance", "bybit", "kraken", "coinbase"])
def test_a_connector_has_about_as_many_lines_as_the_readme_says(name: str) -> None:
    assert " ".join(README.split()).count("about 170 lines") == 2
    assert 145 <= len(page(f"flowrs/plugins/{name}.py").splitlines()) <= 195


def test_so_many_answers_are_checked_as_the_readme_says() -> None:
    assert '"FLOWRS_ANSWERS", "50000"' in page("tests/feed/test_truth_under_faults.py")
    assert "FLOWRS_ANSWERS=1000000 " in page("Makefile")
    assert "50,000 answers in every `make test`, a million in `make soak`" in " ".join(README.split())


def told(rate: api.Rate) -> str:
    return f"{rate.count} in {rate.per_s:g} s"


@pytest.mark.parametrize("kind", [api.Continuity, api.Recovery])
def test_every_way_of_numbering_and_recovering_is_explained(kind: type[api.Continuity | api.Recovery]) -> None:
    explained = set(spans(page("docs/architecture.md")))
    assert {each.name for each in kind} <= explained


# -- the control protocol


def test_exactly_the_methods_that_the_daemon_answers_are_documented(world: World) -> None:
    documented = re.findall(r"^### `(\w+)`$", PROTOCOL, re.MULTILINE)
    with Client(world.socket) as client:
        assert documented == list(client.greeting.capabilities)


def test_exactly_the_fields_of_greeting_and_request_are_documented(world: World) -> None:
    documented = [name for cells in rows(section(PROTOCOL, "Lines")) for name in names(cells)]
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(world.socket))
        greeting = json.loads(stream.makefile("rb").readline())["flowrs"]
    assert documented == [*greeting, *Request.__struct_fields__]


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_is_documented_with_its_default_and_its_bounds(method: str) -> None:
    documented = {cells[0]: cells for cells in rows(section(PROTOCOL, f"`{method}`")) if len(cells) == 4}
    params = METHODS[method].params
    fields = msgspec.json.schema(params)["$defs"][params.__name__]["properties"]
    assert list(documented) == [f"`{name}`" for name in fields]
    for name, schema in fields.items():
        _, kind, default, _ = documented[f"`{name}`"]
        assert default == ("required" if "default" not in schema else msgspec.json.encode(schema["default"]).decode())
        if "minimum" in schema:
            assert f"{schema['minimum']:,} to {schema['maximum']:,}" in kind


ONE_BOOK = {"symbol": "BTC-USDT", "venue": "binance"}
ASKED = {
    "status": {},
    "venues": {},
    "book": ONE_BOOK,
    "trades": ONE_BOOK,
    "metrics": {},
    "consolidated": {"symbol": "BTC-USDT"},
    "quote": {"symbol": "BTC-USDT", "side": "buy", "amount": "0.01"},
}
OF_BOOKS = ("status", "book", "consolidated", "quote")


@pytest.mark.parametrize("method", ASKED)
def test_exactly_the_fields_that_are_answered_are_documented(method: str, world: World) -> None:
    with Client(world.socket) as client:
        answer = client.call(method, **ASKED[method])
    text = section(PROTOCOL, f"`{method}`")
    common = section(PROTOCOL, "What is said of a book") if method in OF_BOOKS else ""
    more = section(PROTOCOL, "`consolidated`") if method == "quote" else ""
    found = set(keys(answer))
    named = {key for key in found if ":" in key or key.isupper()}  # books and symbols are no fields
    answered = found - named - set(DEFAULT_VENUES)
    assert answered <= set(spans(text)) | set(spans(common)) | set(spans(more))
    documented = {name for cells in rows(text) + rows(common) if len(cells) == 3 for name in names(cells)}
    assert documented <= answered


@pytest.mark.parametrize(
    ("heading", "params", "like"),
    [
        ("Books, every change", {"topic": "book", "symbol": "BTC-USD", "venue": "kraken", "mode": "every"}, "book"),
        ("Venues", {"topic": "venues"}, "status"),
    ],
)
def test_exactly_the_fields_of_events_are_documented(
    heading: str, params: dict[str, str], like: str, world: World
) -> None:
    text = section(PROTOCOL, heading) + section(PROTOCOL, "What is said of a book") + section(PROTOCOL, f"`{like}`")
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as lines:
        connection.connect(str(world.socket))
        connection.sendall(json.dumps({"method": "subscribe", "params": params}).encode() + b"\n")
        _, _, *events = itertools.islice(lines, 4 if like == "book" else 3)
    told = [json.loads(event) for event in events]
    assert [each["event"] for each in told] == (["snapshot", "delta"] if like == "book" else ["venues"])
    assert {key for each in told for key in keys(each["data"])} <= set(spans(text))


def keys(value: Any) -> Iterator[str]:
    """All keys of an answer, however deep."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from keys(each)


def names(cells: list[str]) -> list[str]:
    """What a table's first cell names."""
    return re.findall(r"`(\w+)`", cells[0])


def test_exactly_the_error_codes_that_the_daemon_gives_are_documented() -> None:
    given = {code for path in (ROOT / "flowrs/serve").glob("*.py") for code in error_codes(path)}
    assert {name for cells in rows(section(PROTOCOL, "Errors")) for name in names(cells)[:1]} == given


def error_codes(path: Path) -> Iterator[str]:
    """The codes that a module gives to RequestError, directly or by a variable `code`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name("RequestError"), args=[ast.Constant(str(code)), *_]):
                yield code
            case ast.Assign(
                targets=[ast.Tuple([ast.Name("code"), *_])], value=ast.Tuple([ast.Constant(str(code)), *_])
            ):
                yield code
            case ast.Call(func=ast.Name("RequestError"), args=[ast.Name(name), *_]):
                assert name == "code", f"{path}:{node.lineno}: this test does not see which code that is"
            case _:
                pass


# -- trust and the simulator


@pytest.mark.parametrize("kind", [State, Reason])
def test_every_state_and_reason_is_explained(kind: type[State | Reason]) -> None:
    explained = set(spans(section(page("docs/architecture.md"), "Trust")))
    assert {each.name.lower() for each in kind} <= explained


def test_every_option_of_the_simulator_is_explained() -> None:
    command = root.get_command(click.Context(root), "sim")
    assert command
    documented = [cells[0] for cells in rows(section(page("docs/simulator.md"), "Run it"))]
    assert documented == [f"`{option.opts[0]}`" for option in command.params]


def test_every_fault_is_explained() -> None:
    explained = {re.match(r"\w*", span)[0] for span in spans(section(page("docs/simulator.md"), "Faults, for tests"))}
    methods = inspect.getmembers(flowrs.sim.Faults, inspect.isfunction)
    faults = {name for name, each in methods if name[0] != "_" and "for the venue" not in str(each.__doc__)}
    makers = {
        name
        for name in flowrs.sim.__all__
        if inspect.isfunction(each := getattr(flowrs.sim, name)) and each.__annotations__["return"] == "Canned"
    }
    assert faults | makers <= explained


def test_exactly_the_faults_that_have_a_name_are_listed() -> None:
    listed = [name for cells in rows(section(page("docs/simulator.md"), "Faults by name")) for name in spans(cells[1])]
    assert sorted(listed) == sorted(flowrs.sim.KINDS)


# -- the modules

PARTS = {
    "core": {"core", "errors"},
    "feed": {"feed", "core", "api", "config", "errors", "whereabouts"},
    "serve": {"serve", "core", "api", "config", "groups", "errors", "_version"},
    "client": {"client", "core", "config", "errors"},
    "sim": {"sim", "errors"},
    "plugins": {""},
}
"""What each folder of flowrs/ imports of flowrs, as docs/architecture.md has it; "" is the public names."""


@pytest.mark.parametrize("part", PARTS)
def test_imports_go_downward_only(part: str) -> None:
    for path in (ROOT / "flowrs" / part).glob("*.py"):
        for name in imports(path):
            first, _, rest = name.partition(".")
            assert first != "flowrs" or rest.partition(".")[0] in PARTS[part], f"{path} imports {name}"


def test_only_the_transport_and_the_simulator_know_trio_websocket() -> None:
    files = (ROOT / "flowrs").rglob("*.py")
    users = {path.relative_to(ROOT).as_posix() for path in files if "trio_websocket" in imports(path)}
    assert {name for name in users if not name.startswith("flowrs/sim/")} == {"flowrs/feed/transport.py"}


def imports(path: Path) -> Iterator[str]:
    """All that a module imports, also for the type checker and within functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=found):
                yield from (each.name for each in found)
            case ast.ImportFrom(module="flowrs", names=found):
                yield from ("flowrs" if each.name in flowrs.__all__ else f"flowrs.{each.name}" for each in found)
            case ast.ImportFrom(module=str(module)):
                yield module
