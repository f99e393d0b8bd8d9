"""Plugins: found through real entry points, switched off alone when they are wrong; and the built-in connectors."""

from __future__ import annotations

import inspect
import json
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import msgspec
import pytest
import recordings

import flowrs
from flowrs import Connector, Continuity, Recovery, hookspecs, registry
from flowrs.config import Config, VenueConfig
from flowrs.daemon import make_venues
from flowrs.errors import ConfigError, PluginError
from flowrs.plugins.binance import Binance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Install = Callable[..., None]

GOOD = """
import flowrs

class Tiny(flowrs.Connector):
    name = "tiny"
    title = "Tiny"
    url = "wss://tiny.test/ws"
    rest_url = "https://tiny.test"
    continuity = flowrs.Continuity.CHAINED

    def native(self, symbol):
        return symbol.replace("-", "_")

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
        (returning("[7]"), "returned 7, which is not a subclass of Connector"),
        (returning("['Tiny']"), "returned 'Tiny', which is not a subclass of Connector"),
        (returning("[Tiny()]"), "which is not a subclass of Connector"),
        (returning("[int]"), "which is not a subclass of Connector"),
        (returning("(1 / 0 for _ in range(1))"), "cannot be loaded: ZeroDivisionError"),
        (GOOD.replace("def flowrs_connectors()", "def flowrs_conectors()"), "flowrs_conectors"),
        (lacking("name"), "whose name is not a str"),
        (lacking("title"), "whose title is not a str"),
        (lacking("url"), "whose url is not a str"),
        (lacking("continuity"), "whose continuity is not a Continuity"),
        (lacking("continuity", "'chained'"), "whose continuity is not a Continuity"),
        (lacking("name", "['tiny']"), "whose name is not a str"),
        (lacking("snapshot_levels", "'many'"), "whose snapshot_levels is not a int"),
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


def test_a_plugin_without_connectors_brings_nothing_and_is_no_error(install: Install) -> None:
    install("x = 1", "other")
    found = registry.load()
    assert found.errors == {}
    assert set(found.connectors) == set(found.origins)


def test_a_wrong_plugin_does_not_keep_the_daemon_from_beginning(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("1 / 0", "broken")
    assert set(make_venues(Config())) == {"binance", "bybit", "kraken", "coinbase"}
    assert "plugin broken (flowrs_test_broken) cannot be loaded: ZeroDivisionError" in caplog.text


def test_a_venue_that_is_switched_off_is_not_made_and_needs_no_plugin() -> None:
    off = VenueConfig(("BTC-USDT",), enabled=False)
    assert make_venues(Config(venues={"nowhere": off})) == {}
    with pytest.raises(ConfigError, match="no plugin brings this venue"):
        make_venues(Config(venues={"nowhere": VenueConfig(("BTC-USDT",))}))


# -- the hooks and the built-in plugins


def hooks() -> list[str]:
    return [name for name, each in vars(hookspecs).items() if hasattr(each, f"{hookspecs.PROJECT}_spec")]


def built_in() -> list[object]:
    return [entry.load() for entry in entry_points(group="flowrs") if entry.value.startswith("flowrs.plugins.")]


def test_there_are_hooks() -> None:
    assert hooks() == ["flowrs_connectors"]


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
