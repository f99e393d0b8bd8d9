"""Plugins: found through real entry points, switched off alone when they are wrong; and the built-in connectors."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

import msgspec
import pytest
import recordings
from click.testing import CliRunner

import flowrs
from flowrs import Connector, Continuity, Recovery, hookspecs, registry
from flowrs.cli.root import root
from flowrs.config import Config, PluginsConfig, VenueConfig
from flowrs.daemon import make_venues
from flowrs.errors import ConfigError, PluginError
from flowrs.facts import FACTS
from flowrs.feed import boundary
from flowrs.plugins.binance import Binance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Install = Callable[..., None]

GOOD = """
import flowrs

FLOWRS_PLUGIN_API = 1

class Tiny(flowrs.Connector):
    name = "tiny"
    title = "Tiny"
    url = "wss://tiny.test/ws"
    rest_url = "https://tiny.test"
    continuity = flowrs.Continuity.CHAINED

    def native(self, symbol):
        return symbol.replace("-", "_")

    def subscribe(self, instruments):
        return []

    def decode(self, frame):
        return []

    def ask_instruments(self, natives):
        return []

    def snapshot_request(self, instrument):
        return flowrs.Request("/")

    def decode_snapshot(self, body):
        raise NotImplementedError

@flowrs.hookimpl
def flowrs_connectors():
    return [Tiny]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution as pip would: a module, and the metadata with its entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    modules: list[str] = []

    def install(source: str, name: str = "tiny") -> None:
        module = f"flowrs_test_{name}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[flowrs]\n{name} = {module}\n")

    yield install
    for module in modules:
        sys.modules.pop(module, None)


# -- third parties


def test_a_third_partys_venue_is_there_beside_the_built_in_ones(install: Install) -> None:
    install(GOOD)
    found = registry.load()
    assert found.errors == {}
    assert set(found.connectors) >= {"binance", "tiny"}
    assert found.origins["tiny"] == "flowrs_test_tiny"
    venues = make_venues(Config(venues={"tiny": VenueConfig(("BTC-USDT",))}))
    assert (venues["tiny"].title, venues["tiny"].plugin) == ("Tiny", "flowrs_test_tiny")
    assert venues["tiny"].replicas["BTC-USDT"].native == "BTC_USDT"


def returning(value: str) -> str:
    return f"{GOOD.replace('return [Tiny]', f'return {value}')}"


def lacking(fact: str, value: str | None = None) -> str:
    lines = [line for line in GOOD.splitlines() if not line.startswith(f"    {fact} = ")]
    return "\n".join([*lines, f"Tiny.{fact} = {value}" if value else ""])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError"),
        ("def", "cannot be loaded: SyntaxError"),
        (returning("1 / 0"), "cannot be loaded: ZeroDivisionError"),
        (returning("7"), "cannot be loaded: TypeError"),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("raise type('Novel', (BaseException,), {})('oops')", "cannot be loaded: Novel: oops"),
        (returning("[7]"), "7 is not a subclass of Connector"),
        (returning("['Tiny']"), "'Tiny' is not a subclass of Connector"),
        (returning("[Tiny()]"), "is not a subclass of Connector"),
        (returning("[int]"), "<class 'int'> is not a subclass of Connector"),
        (returning("(1 / 0 for _ in range(1))"), "cannot be loaded: ZeroDivisionError"),
        (GOOD.replace("def flowrs_connectors()", "def flowrs_conectors()"), "flowrs_conectors"),
        (lacking("name", "property(lambda self: 1 / 0)"), "Tiny.name is <property object"),
        (GOOD.replace("title =", "def __init__(self, x): pass\n    title ="), "cannot be loaded: TypeError"),
        (GOOD.replace('"tiny"', '"binance"'), "brings venue binance, as flowrs.plugins.binance does"),
    ],
)
def test_a_plugin_that_is_wrong_is_named_with_its_fault_and_the_others_load(
    install: Install, source: str, words: str
) -> None:
    install(source, "aaa")  # before all others, if it went by the name alone
    install(GOOD.replace('"tiny"', '"good"'), "good")
    found = registry.load()
    assert set(found.errors) == {"aaa"}
    error = found.errors["aaa"]
    assert isinstance(error, PluginError)
    assert "plugin aaa" in str(error)
    assert words in str(error)
    assert found.connectors["binance"] is Binance
    assert found.connectors["good"].title == "Tiny"
    assert "tiny" not in found.connectors


NAME = "1 to 30 of a-z, 0-9, - and _, the first a letter"
TITLE = "1 to 60 printable characters"
SOCKET = "a ws:// or wss:// address"
SPELLING = "Pairs(), Objects(…) or Sided(…), of different words of 1 to 24 printable ASCII characters each"
CHECKSUM = 'None, or a Checksum of form "digits" or "colon" over 1 to 100 levels'
PING = "None, or a Ping of some text every 0.1 s or more"
RATE = "a Rate of at least 1 in a number of seconds"
LIFETIME = "a number of seconds, at least 60, or math.inf"
NONSENSE = [
    *[("name", value, NAME) for value in (None, "['tiny']", "''", "'Tiny'", "'a:b'", "'1tiny'", "'a' * 31", "b'tiny'")],
    *[("title", value, TITLE) for value in (None, "''", "7", "'a\\nb'", "'a' * 61")],
    *[("url", value, SOCKET) for value in (None, "''", "'tiny.test'", "'https://tiny.test'", "'wss://'", "['x']")],
    *[("rest_url", value, 'an http:// or https:// address, or ""') for value in ("None", "'tiny.test'", "'wss://x'")],
    *[("trades_url", value, f"{SOCKET}, or None") for value in ("''", "'tiny.test'", "7")],
    *[("continuity", value, "a Continuity") for value in (None, "'chained'", "flowrs.Continuity", "1")],
    *[("recovery", value, "a Recovery") for value in ("None", "'rest'")],
    *[("separator", value, 'what stands between base and quote, such as "/", or ""') for value in ("None", "' '", "7")],
    *[("perpetual", value, "True or False") for value in ("None", "'PERP'", "1")],
    *[("templates", value, "a tuple of at most 8 str") for value in ("None", "'{}'", "(7,)", "('',) * 9", "{''}")],
    *[("depth", value, "a whole number from 0 to 1,000") for value in ("-1", "1001", "None", "10.0", "True")],
    *[("snapshot_levels", value, "a whole number from 0 to 1,000,000") for value in ("'many'", "-1", "1e3")],
    *[("stream_levels", value, "a whole number from 0 to 1,000,000") for value in ("'all'", "-1", "None")],
    *[("time_unit_ns", value, "a whole number from 1 to 1,000,000,000") for value in ("0", "'ms'", "1e6", "10**10")],
    *[("instruments_per_connection", value, "a whole number from 1 to 1,000,000") for value in ("0", "None", "1.5")],
    *[("checksum", value, CHECKSUM) for value in ("True", "'crc'", "flowrs.Checksum('crc', 10)", "flowrs.Checksum")],
    *[("checksum", f"flowrs.Checksum('digits', {levels})", CHECKSUM) for levels in ("0", "101", "'10'", "True")],
    *[
        ("ping", value, PING)
        for value in ("'ping'", "flowrs.Ping('', 20)", "flowrs.Ping('p', 0)", "flowrs.Ping(7, 20)")
    ],
    *[("ping", f"flowrs.Ping('p', {every_s})", PING) for every_s in ("0", "'20'", "float('nan')", "-1", "True")],
    *[("lifetime_s", value, LIFETIME) for value in ("None", "0", "-1", "59", "'24h'", "float('nan')", "True")],
    *[("connects", value, RATE) for value in ("None", "5", "(5, 1.0)", "flowrs.Rate", "flowrs.Rate(0, 1)")],
    *[("messages", f"flowrs.Rate({value})", RATE) for value in ("1.5, 1", "True, 1", "'5', 1", "-1, 1")],
    *[("weight", f"flowrs.Rate({value})", RATE) for value in ("5, 0", "5, -1", "5, None", "5, float('inf')")],
    *[("spelling", value, SPELLING) for value in ("None", "'pairs'", "flowrs.Pairs", "flowrs.Checksum('colon', 1)")],
    *[("spelling", f"flowrs.Objects({words})", SPELLING) for words in ("'p', 'p'", "'p', 7", "'p', ''", "'p', 'a b'")],
    *[("spelling", f"flowrs.Objects('p', {word})", SPELLING) for word in ("'a' * 25", "'ä'", r"'\"'", r"'\\'", "None")],
    *[("spelling", f"flowrs.Sided('s', {words})", SPELLING) for words in ("'b', 'b', 'p', 'q'", "'b', 'a', 's', 'q'")],
]


@pytest.mark.parametrize(("fact", "value", "expected"), NONSENSE)
def test_a_fact_that_makes_no_sense_is_told_with_class_fact_value_and_what_is_expected(
    install: Install, fact: str, value: str | None, expected: str
) -> None:
    install(lacking(fact, value), "aaa")
    error = str(registry.load().errors["aaa"])
    assert error.startswith("plugin aaa (flowrs_test_aaa) brings no usable venue: Tiny.")
    shown = "not set" if value is None else repr(eval(value, {"flowrs": flowrs}))  # noqa: S307 - the lines above
    assert f"Tiny.{fact} is {shown if len(shown) <= 60 else shown[:60] + '…'}, expected {expected}" in error


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import flowrs\n\n1 / 0\n", "ZeroDivisionError: division by zero (flowrs_test_tiny.py:3)"),
        ("import json\n\nx = json.loads('{')\n", "char 1) (flowrs_test_tiny.py:3)"),  # raised in json's own file
        ("x: int = 1\nfrom decimal import Decimal\nDecimal('x')", "(flowrs_test_tiny.py:3)"),
        ("\n\nx = =\n", "SyntaxError: invalid syntax (flowrs_test_tiny.py, line 3)"),
    ],
)
def test_what_keeps_a_plugin_from_being_loaded_is_told_with_the_line_of_its_own_file(
    install: Install, source: str, words: str
) -> None:
    install(source)
    assert str(registry.load().errors["tiny"]).endswith(words)
    assert words in CliRunner().invoke(root, ["plugins", "--json"]).output


def test_of_a_package_the_innermost_of_its_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "flowrs_test_deep"
    folder.mkdir()
    (folder / "__init__.py").write_text("from flowrs_test_deep.wire import x\n")
    (folder / "wire.py").write_text("import json\nx = json.loads('{')\n")
    monkeypatch.syspath_prepend(tmp_path)
    error = registry.load([EntryPoint("deep", "flowrs_test_deep", "flowrs")]).errors["deep"]
    assert str(error).endswith("(flowrs_test_deep/wire.py:2)")


def test_what_a_connector_raises_while_it_runs_is_told_with_the_innermost_line_of_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "flowrs_test_running"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from flowrs_test_running import wire\ndef decode(frame):\n    wire.read(frame)\n"
    )
    (folder / "wire.py").write_text("import decimal, json\n\ndef read(frame):\n    json.loads(frame)\n")
    monkeypatch.syspath_prepend(tmp_path)
    decode = importlib.import_module("flowrs_test_running").decode
    with pytest.raises(PluginError) as caught:
        boundary.call("pond", decode, b"{")
    assert caught.value.message.endswith("char 1) (flowrs_test_running/wire.py:4)")


def without(method: str) -> str:
    return GOOD.replace(f"def {method}(", f"def no_{method}(")


RESUBSCRIBING = "recovery = flowrs.Recovery.RESUBSCRIBE"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        *[
            (without(method), f"Tiny.{method}() is not written, but every connector needs it")
            for method in ("subscribe", "decode", "ask_instruments")
        ],
        *[
            (without(method), f"Tiny.{method}() is not written, but Recovery.REST needs it")
            for method in ("snapshot_request", "decode_snapshot")
        ],
        (
            GOOD.replace("rest_url =", f"{RESUBSCRIBING}; rest_url ="),
            "Tiny.resubscribe() is not written, but Recovery.RESUBSCRIBE needs it",
        ),
        (lacking("trades_url", "'wss://x.test'"), "Tiny.subscribe_trades() is not written, but trades_url needs it"),
        (lacking("decode", "7"), "Tiny.decode is 7, expected a method"),
        (lacking("rest_url"), 'Tiny.rest_url is "" and recovery is REST; expected the address of the snapshots'),
        (lacking("continuity", "flowrs.Continuity.UNNUMBERED"), "Tiny.continuity is UNNUMBERED and checksum is None"),
        *[
            (
                lacking("continuity", f"flowrs.Continuity.{rule}"),
                f"Tiny.recovery is REST and continuity is {rule}: nothing tells where a snapshot joins the stream",
            )
            for rule in ("COUNTED", "CONNECTION", "UNNUMBERED")
        ],
        (
            lacking("templates", """('{"s":"<symbol>","U":<frist>,"u":<last>,"b":<bids>,"a":<asks>}',)"""),
            """"b":<bids>,"a":<asks>}' is wrong: there is no such name, at '<frist>,""",
        ),
        (
            lacking("templates", """('{"s":"<symbol>","u":<last>,"b":<bids>,"a":<asks>}',)"""),
            "is wrong: it lacks <first>",
        ),
        (
            GOOD.replace("rest_url =", f"{RESUBSCRIBING}; snapshot_levels = 50; rest_url ="),
            "Tiny.snapshot_levels is 50 and recovery is RESUBSCRIBE; expected 0",
        ),
    ],
)
def test_facts_that_contradict_each_other_or_lack_their_method_are_told(
    install: Install, source: str, words: str
) -> None:
    install(source, "aaa")
    found = registry.load()
    assert words in str(found.errors["aaa"])
    assert "tiny" not in found.connectors


def test_all_that_is_wrong_with_a_connector_is_told_at_once(install: Install) -> None:
    install(GOOD.replace('"tiny"', "7").replace('"Tiny"', "8").replace("Continuity.CHAINED", "Recovery.REST"))
    assert str(registry.load().errors["tiny"]).endswith(
        f"Tiny.name is 7, expected {NAME}; Tiny.title is 8, expected {TITLE}; "
        "Tiny.continuity is <Recovery.REST: 'rest'>, expected a Continuity"
    )


def test_every_fact_that_a_connector_may_state_is_looked_at() -> None:
    declared = {name for name, hint in inspect.get_annotations(Connector).items() if "ClassVar" in str(hint)}
    assert set(FACTS) == declared


def test_a_plugin_without_connectors_brings_nothing_and_is_no_error(install: Install) -> None:
    install("FLOWRS_PLUGIN_API = 1", "other")
    found = registry.load()
    assert found.errors == {}
    assert set(found.connectors) == set(found.origins)


def test_a_wrong_plugin_does_not_keep_the_daemon_from_beginning(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("1 / 0", "broken")
    assert set(make_venues(Config())) == {"binance", "bybit", "kraken", "coinbase"}
    assert "plugin broken (flowrs_test_broken) cannot be loaded: ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "no plugin brings this venue"),
        (lacking("depth", "-1"), "no plugin brings this venue"),
        (GOOD.replace('return symbol.replace("-", "_")', "return 1 / 0"), "the plugin failed: ZeroDivisionError"),
        (GOOD.replace('return symbol.replace("-", "_")', "pass"), "native() returned None, expected a str"),
    ],
)
def test_a_wrong_plugin_costs_its_own_configured_venue_and_no_other(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, words: str
) -> None:
    install(source)
    symbols = VenueConfig(("BTC-USDT",))
    assert set(make_venues(Config(venues={"tiny": symbols, "kraken": symbols}))) == {"kraken"}
    (line,) = [each.message for each in caplog.records if "going on without it" in each.message]
    assert line.startswith("venues.tiny: ")
    assert words in line
    with pytest.raises(ConfigError, match=r"venues\.tiny: "):
        make_venues(Config(venues={"tiny": symbols}))


def test_a_venue_that_is_switched_off_is_not_made_and_needs_no_plugin() -> None:
    off = VenueConfig(("BTC-USDT",), enabled=False)
    assert make_venues(Config(venues={"nowhere": off})) == {}
    with pytest.raises(ConfigError, match="no plugin brings this venue"):
        make_venues(Config(venues={"nowhere": VenueConfig(("BTC-USDT",))}))


# -- sinks

POND = """
import flowrs

FLOWRS_PLUGIN_API = 1

class Pond(flowrs.Sink):
    name = "pond"

    def write(self, events):
        pass

@flowrs.hookimpl
def flowrs_sinks():
    return [Pond]
"""


def test_a_third_partys_sink_is_there_beside_the_built_in_one(install: Install) -> None:
    install(POND, "water")
    found = registry.load()
    assert found.errors == {}
    assert set(found.sinks) == {"ndjson", "pond"}
    (plugin,) = [each for each in found.plugins if each.name == "water"]
    assert (plugin.hooks, plugin.connectors) == (("flowrs_sinks",), ())
    table = CliRunner().invoke(root, ["plugins"]).output
    assert re.search(r"water +1\.0 +flowrs_test_water +1 +- +pond +flowrs_sinks +ok", table)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (POND.replace("return [Pond]", "return [7]"), "brings no usable sink: 7 is not a subclass of Sink"),
        (POND.replace("return [Pond]", "return 7"), "cannot be loaded: TypeError"),
        (POND.replace("return [Pond]", "raise SystemExit"), "cannot be loaded: SystemExit"),
        (POND.replace('name = "pond"', ""), "Pond.name is None, expected 1 to 30 of a-z"),
        (POND.replace('name = "pond"', 'name = "A Pond"'), "Pond.name is 'A Pond', expected 1 to 30 of a-z"),
        (POND.replace('name = "pond"', 'name = "pond"; Options = dict'), "Pond.Options is <class 'dict'>, expected"),
        (POND.replace("def write", "def wrote"), "Pond has no method write"),
        (POND.replace("pass", "pass\n    def __init__(self, x): pass"), "cannot be loaded: TypeError"),
        (
            POND.replace('"pond"', '"ndjson"'),
            "brings sink ndjson, as flowrs.plugins.ndjson does; give the sink another",
        ),
    ],
)
def test_a_sink_that_is_wrong_is_named_with_its_fault_and_the_others_load(
    install: Install, source: str, words: str
) -> None:
    install(source, "water")
    found = registry.load()
    assert words in str(found.errors["water"])
    assert set(found.sinks) == {"ndjson"}
    result = CliRunner().invoke(root, ["sink", "pond"])
    assert result.exit_code == 2
    assert "no plugin brings a sink 'pond'" in result.output
    assert words in result.output


def test_a_plugin_that_is_not_allowed_brings_no_sink(install: Install, tmp_path: Path) -> None:
    install(POND, "water")
    path = tmp_path / "flowrs.toml"
    path.write_text("[plugins]\nallow = []\n")
    result = CliRunner().invoke(root, ["sink", "pond", "--config", str(path)])
    assert (result.exit_code, "no plugin brings a sink 'pond'" in result.output) == (2, True)
    refused = result.output.partition("installed but not in plugins.allow: ")[2].strip().split(", ")
    assert "water" in refused  # beside others that this environment may have


# -- the hooks and the built-in plugins


def hooks() -> list[str]:
    return [name for name, each in vars(hookspecs).items() if hasattr(each, f"{hookspecs.PROJECT}_spec")]


def built_in() -> list[object]:
    return [entry.load() for entry in entry_points(group="flowrs") if entry.value.startswith("flowrs.plugins.")]


def test_there_are_hooks() -> None:
    assert hooks() == ["flowrs_connectors", "flowrs_sinks"]


@pytest.mark.parametrize("hook", hooks())
def test_every_hook_is_documented_and_implemented_by_a_built_in_plugin(hook: str) -> None:
    assert len(inspect.getdoc(getattr(hookspecs, hook)) or "") > 20
    assert any(hasattr(getattr(plugin, hook, None), f"{hookspecs.PROJECT}_impl") for plugin in built_in())


def test_every_module_of_the_built_in_plugins_is_an_entry_point(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "flowrs" / "plugins"
    modules = {f"flowrs.plugins.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"}
    assert {entry.value for entry in entry_points(group="flowrs")} >= modules


@pytest.mark.parametrize("connector", registry.load().connectors.values(), ids=lambda kind: kind.name)
def test_a_built_in_connector_translates_everything_itself(connector: type[Connector]) -> None:
    needed = {"subscribe", "decode", "ask_instruments"}
    if connector.rest_url:
        needed |= {"decode_instruments"}
    if connector.trades_url is not None:
        needed |= {"subscribe_trades"}
    if connector.recovery is Recovery.REST:
        needed |= {"snapshot_request", "decode_snapshot"}
    else:
        needed |= {"resubscribe"}
    for method in needed:
        assert getattr(connector, method) is not getattr(Connector, method), method
    assert connector.name == connector.name.lower()


# -- Binance spot

binance = Binance()
DEPTH = (
    b'{"e":"depthUpdate","E":1723161276318,"s":"BTCUSDT","U":50093247956,"u":50093247960,'
    b'"b":[["61828.09000000","3.61811000"]],"a":[]}'
)
TRADE = (
    b'{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000",'
    b'"T":1723161255342,"m":%s,"M":true}'
)


def test_binance_a_depth_frame_is_an_update_whose_sides_are_the_frames_own_bytes() -> None:
    (update,) = binance.decode(DEPTH)
    assert isinstance(update, flowrs.BookUpdate)
    assert (update.symbol, update.first, update.last, update.time) == (
        "BTCUSDT",
        50093247956,
        50093247960,
        1723161276318,
    )
    assert (bytes(update.bids), bytes(update.asks)) == (b'[["61828.09000000","3.61811000"]]', b"[]")


@pytest.mark.parametrize(("buyer_is_maker", "side"), [(b"true", "sell"), (b"false", "buy")])
def test_binance_a_trade_has_the_takers_side_and_the_exchanges_text(buyer_is_maker: bytes, side: str) -> None:
    (trade,) = binance.decode(TRADE % buyer_is_maker)
    assert isinstance(trade, flowrs.Trade)
    assert (trade.symbol, trade.price, trade.quantity, trade.id) == (
        "BTCUSDT",
        "61837.63000000",
        "0.02000000",
        3735683259,
    )
    assert (trade.time, trade.side) == (1723161255342, side)


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        (b'{"result":null,"id":1}', None),
        (b'{"id":1,"result":null}', None),
        (b'{"result":["btcusdt@depth"],"id":"x"}', None),
        (b'{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":1}', "Invalid request: unknown variant"),
        (b'{"id":null,"error":{"code":3}}', "{'code': 3}"),
    ],
)
def test_binance_an_answer_to_a_subscription_is_a_reply(frame: bytes, refusal: str | None) -> None:
    (reply,) = binance.decode(frame)
    assert isinstance(reply, flowrs.Reply)
    assert reply.refusal == refusal


def test_binance_a_server_shutdown_is_a_farewell() -> None:
    (event,) = binance.decode(b'{"e":"serverShutdown","E":1770123456789}')
    assert isinstance(event, flowrs.Farewell)


@pytest.mark.parametrize(
    "frame",
    [
        *(b"", b"null", b"[]", b"7", b'"x"', b"{}", b"{", b'{"e":"kline"}', b'{"e":7}', b'{"e":"depthUpdate"}'),
        DEPTH.replace(b'"U":50093247956,', b""),
        DEPTH.replace(b"50093247960", b'"50093247960"'),
        DEPTH.replace(b"50093247960", b"5e10"),
        DEPTH[:-1],
        DEPTH + DEPTH,
        TRADE % b'"true"',
        b'{"stream":"btcusdt@depth","data":%s}' % DEPTH,
        b'{"u":400900217,"s":"BNBUSDT","b":"25.35","B":"31.21","a":"25.36","A":"40.66"}',
    ],
)
def test_binance_what_is_not_known_is_said_to_be_unreadable(frame: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        binance.decode(frame)


def test_binance_every_recorded_frame_says_what_its_json_says(captures: Path) -> None:
    depth = trades = 0
    for line in recordings.lines(captures, recordings.SPOT):
        if b"@bookTicker" in line[:50] or not line.startswith(b'{"stream"'):
            continue
        frame = recordings.data(line)
        (event,), wire = binance.decode(frame), json.loads(frame)
        if isinstance(event, flowrs.BookUpdate):
            depth += 1
            assert (event.symbol, event.first, event.last, event.time) == (wire["s"], wire["U"], wire["u"], wire["E"])
            assert (json.loads(bytes(event.bids)), json.loads(bytes(event.asks))) == (wire["b"], wire["a"])
        else:
            trades += 1
            assert isinstance(event, flowrs.Trade)
            assert (event.id, event.price, event.quantity, event.time) == (wire["t"], wire["p"], wire["q"], wire["T"])
            assert event.side == ("sell" if wire["m"] else "buy")
    assert (depth, trades) == (6495, 19_904)


def test_binance_a_recorded_snapshot_is_a_snapshot(captures: Path) -> None:
    body = recordings.depth_frames(captures, recordings.SPOT)[0]
    snapshot = binance.decode_snapshot(body)
    assert snapshot.last == 50093239218
    assert json.loads(bytes(snapshot.bids)) == json.loads(body)["bids"]
    assert json.loads(bytes(snapshot.asks)) == json.loads(body)["asks"]


def test_binance_the_recorded_list_of_instruments_has_canonical_symbols_and_true_decimals(captures: Path) -> None:
    body = recordings.rest_answer(captures / "binance_spot" / "BINANCE.0.gz", "exchangeInfo")
    found = {each.symbol: each for each in binance.decode_instruments(body)}
    wire = {each["symbol"]: each for each in json.loads(body)["symbols"]}
    assert len(found) == len(wire) > 1000
    for symbol, each in found.items():
        filters = {each["filterType"]: each for each in wire[each.native]["filters"]}
        assert each.price_decimals == decimals_by_hand(filters["PRICE_FILTER"]["tickSize"])
        assert each.quantity_decimals == decimals_by_hand(filters["LOT_SIZE"]["stepSize"])
        assert symbol == f"{each.base}-{each.quote}"
        assert binance.native(symbol) == each.native


def decimals_by_hand(step: str) -> int:
    return len(step.rstrip("0").partition(".")[2])


def test_binance_subscribes_to_depth_and_trades_of_each_instrument() -> None:
    instruments = [flowrs.Instrument(f"{base}-USDT", f"{base}USDT", base, "USDT") for base in ("BTC", "ETH")]
    (frame,) = binance.subscribe(instruments)
    assert json.loads(frame) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@depth@100ms", "btcusdt@trade", "ethusdt@depth@100ms", "ethusdt@trade"],
        "id": 1,
    }


def test_binance_asks_for_what_its_documentation_names() -> None:
    assert binance.ask_instruments(["BTCUSDT", "ETHUSDT"]).path == (
        "/api/v3/exchangeInfo?symbols=[%22BTCUSDT%22,%22ETHUSDT%22]"
    )
    instrument = flowrs.Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT")
    assert binance.snapshot_request(instrument) == flowrs.Request("/api/v3/depth?symbol=BTCUSDT&limit=5000", weight=250)
    assert binance.snapshot_levels == 5000
    assert binance.continuity is Continuity.CHAINED


@pytest.mark.parametrize(
    ("step", "decimals"),
    [("0.01000000", 2), ("1", 0), ("10", 0), ("1.00000000", 0), ("0.00000001", 8), ("1e-8", 8), ("0.5", 1), ("1e3", 0)],
)
def test_the_decimals_of_a_step_are_those_it_needs(step: str, decimals: int) -> None:
    assert flowrs.decimals_of(step) == decimals


# -- what is known of each plugin, which may load, and what the operator may set


def test_a_plugin_is_listed_with_its_package_version_api_hooks_and_venues(install: Install) -> None:
    install(GOOD)
    found = {each.name: each for each in registry.load().plugins}
    tiny, binance_plugin = found["tiny"], found["binance"]
    assert (tiny.package, tiny.version, tiny.api) == ("flowrs_test_tiny", "1.0", flowrs.PLUGIN_API)
    assert tiny.hooks == ("flowrs_connectors",)
    assert [kind.name for kind in tiny.connectors] == ["tiny"]
    assert (tiny.built_in, binance_plugin.built_in, binance_plugin.package) == (False, True, "flowrs")


@pytest.mark.parametrize(
    ("api", "words"),
    [
        (None, "states no FLOWRS_PLUGIN_API; write FLOWRS_PLUGIN_API = 1 into flowrs_test_tiny"),
        ("2", "is written for plugin API 2, this flowrs has 1: update flowrs"),
        ("0", "is written for plugin API 0, this flowrs has 1: install a newer version of it"),
        ("True", "is written for plugin API True"),
        ("'1'", "is written for plugin API '1'"),
    ],
)
def test_a_plugin_of_another_contract_is_left_out_and_told_what_to_do(
    install: Install, api: str | None, words: str
) -> None:
    install(GOOD.replace("FLOWRS_PLUGIN_API = 1", "" if api is None else f"FLOWRS_PLUGIN_API = {api}"))
    found = registry.load()
    assert words in str(found.errors["tiny"])
    assert "tiny" not in found.connectors


def test_a_plugin_that_is_not_allowed_is_listed_and_not_even_imported(install: Install) -> None:
    install("raise AssertionError('imported')", "evil")
    install(GOOD)
    found = {each.name: each for each in registry.load(allow=["tiny"]).plugins}
    assert (found["evil"].allowed, found["evil"].error, found["evil"].connectors) == (False, None, ())
    assert "flowrs_test_evil" not in sys.modules
    assert found["tiny"].allowed
    assert found["binance"].allowed  # what comes with flowrs needs no leave
    config = Config(venues={"evil": VenueConfig(("BTC-USDT",))}, plugins=PluginsConfig(("tiny",)))
    with pytest.raises(ConfigError, match=r"installed but not in plugins\.allow: evil"):
        make_venues(config)


SETTINGS = GOOD.replace(
    "import flowrs\n",
    "import flowrs, msgspec\n\nclass Speeds(msgspec.Struct):\n    ms: int = 100\n    deep: bool = False\n",
).replace('    name = "tiny"', '    Settings = Speeds\n    name = "tiny"')


def made(sections: dict[str, object]) -> flowrs.Connector:
    config = Config(venues={"tiny": VenueConfig(("BTC-USDT",))}, plugins=PluginsConfig(None, sections))
    connector: flowrs.Connector = make_venues(config)["tiny"]._connector  # noqa: SLF001 - what it was given shows nowhere else
    return connector


def test_a_plugin_gets_its_own_section_of_the_configuration(install: Install) -> None:
    install(SETTINGS)
    assert made({"tiny": {"ms": 250}}).settings.ms == 250
    assert made({}).settings.ms == 100


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"tiny": {"msec": 5}}, r'plugins\.tiny\.msec: unknown key; did you mean "ms"\?'),
        ({"tiny": {"x": 5}}, r"plugins\.tiny\.x: unknown key; known are ms, deep"),
        ({"tiny": {"ms": "fast"}}, r"plugins\.tiny\.ms: expected `int`, got `str`"),
        ({"tinny": {}}, r'plugins\.tinny: no such plugin is installed; did you mean "tiny"\?'),
        ({"binance": {}}, r"plugins\.binance: this plugin has no settings; remove the section"),
    ],
)
def test_a_section_is_checked_and_what_is_wrong_is_named_with_its_key(
    install: Install, section: dict[str, object], words: str
) -> None:
    install(SETTINGS)
    with pytest.raises(ConfigError, match=words):
        made(section)


def test_settings_without_a_default_are_no_settings(install: Install) -> None:
    install(SETTINGS.replace("ms: int = 100", "ms: int"))
    assert "Tiny.Settings is" in str(registry.load().errors["tiny"])
    assert "whose fields all have defaults" in str(registry.load().errors["tiny"])


def test_the_plugins_command_lists_them_and_says_by_its_exit_code_that_one_is_wrong(install: Install) -> None:
    runner = CliRunner()
    assert runner.invoke(root, ["plugins"]).exit_code == 0
    install(GOOD)
    install("1 / 0", "broken")
    result = runner.invoke(root, ["plugins", "--json"])
    assert result.exit_code == 1
    found = {each["name"]: each for each in json.loads(result.output)}
    assert "ZeroDivisionError" in found["broken"]["error"]
    assert found["tiny"]["venues"] == ["tiny"]
    table = runner.invoke(root, ["plugins"]).output
    assert re.search(r"tiny +1\.0 +flowrs_test_tiny +1 +tiny +- +flowrs_connectors +ok", table)


SECRETIVE = SETTINGS.replace("    ms: int = 100\n", '    key: str = ""\n    ms: int = 100\n')


def test_a_secret_comes_from_systemd_s_folder_and_is_in_no_message(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(SECRETIVE)
    (tmp_path / "tiny-key").write_text("s3cret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert made({"tiny": {"key": {"credential": "tiny-key"}}}).settings.key == "s3cret"
    with pytest.raises(ConfigError, match=r"plugins\.tiny\.key: no credential 'tinny': .*there are .*tiny-key"):
        made({"tiny": {"key": {"credential": "tinny"}}})
    with pytest.raises(ConfigError, match=r"plugins\.tiny\.ms: expected `int`, got `str`$"):
        made({"tiny": {"ms": {"credential": "tiny-key"}}})
