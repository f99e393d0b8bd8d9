from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowrs.config import (
    DEFAULT_SYMBOLS,
    Config,
    DaemonConfig,
    VenueConfig,
    default_path,
    default_socket,
    find_socket,
    load,
)
from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def refusal(tmp_path: Path, text: str | bytes) -> str:
    """Return what is said about a file, after the file's name."""
    path = tmp_path / "flowrs.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    return message.removeprefix(f"{path}: ")


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "flowrs.toml"
    path.write_text(text)
    return load(path)


def test_without_a_file_nine_pairs_of_four_exchanges_are_followed() -> None:
    config = load(None)
    assert list(config.venues) == ["binance", "bybit", "kraken", "coinbase"]
    assert sum(len(venue.symbols) for venue in config.venues.values()) == 36
    assert config.venues["binance"] == VenueConfig(symbols=DEFAULT_SYMBOLS["binance"])
    assert config.venues["kraken"].symbols[0] == "BTC-USD"
    assert config.daemon == DaemonConfig(socket=None, log_level="info")


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, "")
    assert config == Config(file=config.file)
    assert load(None) == Config()


def test_every_key_can_be_set(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [daemon]
        socket = "/run/x.sock"
        log_level = "debug"
        [venues.kraken]
        symbols = ["BTC-USD", "ETH-USD-PERP"]
        url = "wss://example.org/ws"
        rest_url = "http://127.0.0.1:80"
        enabled = false
        silence_s = 30
        retry_base_s = 0.5
        retry_cap_s = 0.5
        max_message_mb = 1
        """,
    )
    assert config.daemon == DaemonConfig(socket="/run/x.sock", log_level="debug")
    assert config.venues == {
        "kraken": VenueConfig(
            symbols=("BTC-USD", "ETH-USD-PERP"),
            url="wss://example.org/ws",
            rest_url="http://127.0.0.1:80",
            enabled=False,
            silence_s=30.0,
            retry_base_s=0.5,
            retry_cap_s=0.5,
            max_message_mb=1.0,
        )
    }


def test_venues_of_a_file_replace_the_default_venue(tmp_path: Path) -> None:
    assert set(loaded(tmp_path, '[venues.kraken]\nsymbols = ["BTC-USD"]').venues) == {"kraken"}


@pytest.mark.parametrize("venue", ["binance", "binance-usdm", "bybit", "bybit-linear", "kraken", "coinbase"])
def test_the_built_in_venues_have_default_symbols(tmp_path: Path, venue: str) -> None:
    assert loaded(tmp_path, f"[venues.{venue}]").venues[venue].symbols == DEFAULT_SYMBOLS[venue]
    assert len(DEFAULT_SYMBOLS[venue]) == 9


def test_other_venues_have_none(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[venues.okx]").startswith("venues.okx.symbols: missing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('symbols = ["A-B", "C-D", 5]', 'symbols[2]: expected a symbol such as "BTC-USDT" or "BTC-USDT-PERP", got 5'),
        (
            'symbols = ["btc-usdt"]',
            'symbols[0]: expected a symbol such as "BTC-USDT" or "BTC-USDT-PERP", got "btc-usdt"',
        ),
        ('symbols = ["A-B\\n"]', 'symbols[0]: expected a symbol such as "BTC-USDT" or "BTC-USDT-PERP", got "A-B\\n"'),
        ('symbols = ["A-B", "A-B"]', "symbols[1]: A-B is listed already, as symbols[0]"),
        ("symbols = []", "symbols: expected a list of at least one symbol, got an empty list"),
        ("symbols = {}", "symbols: expected a list of at least one symbol, got a table"),
        ('url = "http://x"', 'url: expected a ws:// or wss:// address, got "http://x"'),
        ('url = "ws:///x"', 'url: expected a ws:// or wss:// address, got "ws:///x"'),
        ("rest_url = []", "rest_url: expected an http:// or https:// address, got an empty list"),
        ("enabled = 1", "enabled: expected true or false, got 1"),
        ("silence_s = 0", "silence_s: expected a number of seconds, above 0 and at most 86400, got 0"),
        ("silence_s = nan", "silence_s: expected a number of seconds, above 0 and at most 86400, got nan"),
        ("silence_s = inf", "silence_s: expected a number of seconds, above 0 and at most 86400, got inf"),
        ("silence_s = true", "silence_s: expected a number of seconds, above 0 and at most 86400, got true"),
        ("max_message_mb = -1", "max_message_mb: expected a number of megabytes, above 0 and at most 1024, got -1"),
        ("retry_base_s = 61", "retry_cap_s: expected at least retry_base_s (61.0), got 60.0"),
        ("fee_percent = 0.1", 'fee_percent: expected a percentage from 0 to 99 as text, such as "0.1", got 0.1'),
        ('fee_percent = "-1"', 'fee_percent: expected a percentage from 0 to 99 as text, such as "0.1", got "-1"'),
        (
            'fee_percent = "0.1\\n"',
            'fee_percent: expected a percentage from 0 to 99 as text, such as "0.1", got "0.1\\n"',
        ),
        ("symbol = []", 'symbol: unknown key; did you mean "symbols"?'),
    ],
)
def test_a_wrong_venue_key_is_named_with_what_it_expects(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, f"[venues.binance]\n{text}") == f"venues.binance.{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[demon]", 'demon: unknown key; did you mean "daemon"?'),
        ("x = 1", "x: unknown key; known are daemon, venues, groups, plugins"),
        ("daemon = 1", "daemon: expected a table, got 1"),
        ("[daemon]\nlog_level = 'x'", 'daemon.log_level: expected "debug", "info", "warning" or "error", got "x"'),
        ("[daemon]\nsocket = ''", 'daemon.socket: expected a path of 1 to 107 characters, got ""'),
        ("venues = []", "venues: expected a table, got an empty list"),
        ("[venues]", "venues: expected at least one table [venues.NAME], or no [venues] at all for the defaults"),
        ("venues.binance = 1", "venues.binance: expected a table, got 1"),
        ("groups = 1", "groups: expected a table, got 1"),
        (
            "groups.equivalents = 5",
            'groups.equivalents: expected a list of lists of at least two currencies, such as [["USD", "USDT"]], got 5',
        ),
        ("[groups]\nequivalents = [['USD', 'EUR'], ['EUR', 'X']]", "groups.equivalents[1]: EUR is listed already"),
        (
            "[groups]\nBTC = ['BTC-USD']",
            """groups.'BTC': expected a symbol such as "BTC-USDT" or "BTC-USDT-PERP", got "BTC\"""",
        ),
        (
            "[groups]\nBTC-USD = ['BTC-USDT', 5]",
            'groups.BTC-USD[1]: expected a symbol such as "BTC-USDT" or "BTC-USDT-PERP", got 5',
        ),
        ("[groups]\nBTC-USD = []", "groups.BTC-USD: expected a list of at least one symbol, got an empty list"),
        (
            "[groups]\nBTC-USD = ['BTC-USDT']\nBTC-EUR = ['BTC-USDT']",
            "groups.BTC-EUR: BTC-USDT is in the group BTC-USD already",
        ),
        (
            "[groups]\nequivalents = [['USD', 'USDT']]\nBTC-EUR = ['BTC-USDT']\nBTC-GBP = ['BTC-USD']",
            "groups.BTC-GBP: BTC-USD is in the group BTC-EUR already",
        ),
        (
            '[venues."a\\nb"]',
            "venues.'a\\nb': expected a venue's name: a lower-case letter, then letters, digits, _ or -",
        ),
    ],
)
def test_a_wrong_table_is_named_with_what_is_expected(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text) == message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[daemon]\nlog_level = ", "line 2, at the end: "),
        ("[daemon]\n\nlog_level 5", "line 3, column 11: "),
        ("a = [", "line 1, at the end: "),
        ("a = 1\na = 2\n", "line 2, column 6: "),
    ],
)
def test_broken_toml_is_told_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    assert refusal(tmp_path, text).startswith(place)


def test_hostile_files_are_refused_without_a_traceback(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a = " + "[" * 100_000) == "is nested too deeply"
    assert refusal(tmp_path, "a = " + "9" * 5000).startswith("Exceeds the limit")
    assert refusal(tmp_path, b"\xff") == "is not UTF-8 text (byte 0)"


def test_a_long_value_is_shortened(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, f"[daemon]\nlog_level = '{'x' * 10_000}'")) < 200


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load(tmp_path / "nowhere.toml")


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load(None).daemon.socket = "x"  # type: ignore[misc]


def test_the_configuration_is_searched_only_where_the_environment_says(tmp_path: Path) -> None:
    assert default_path({}) is None
    assert default_path({"FLOWRS_CONFIG": ""}) is None
    assert default_path({"FLOWRS_CONFIG": str(tmp_path)}) == tmp_path


def test_the_socket_is_named_or_the_users_or_the_systems() -> None:
    both = {"FLOWRS_SOCKET": "/a/b.sock", "XDG_RUNTIME_DIR": "/run/user/1000"}
    assert str(default_socket(both)) == "/a/b.sock"
    assert str(default_socket({"XDG_RUNTIME_DIR": "/run/user/1000"})) == "/run/user/1000/flowrs.sock"
    assert str(default_socket({})) == "/run/flowrs/flowrs.sock"


def test_a_client_finds_the_systems_daemon_if_the_user_runs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system.sock"
    monkeypatch.setattr("flowrs.config.SYSTEM_SOCKET", system)
    own = tmp_path / "flowrs.sock"
    user = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_socket(user) == own
    system.touch()
    assert find_socket(user) == system
    assert find_socket({**user, "FLOWRS_SOCKET": "/a/b.sock"}).name == "b.sock"
    own.touch()
    assert find_socket(user) == own


def same(text: str, tmp_path: Path, *symbols: str) -> bool:
    """Whether a table [groups] makes these symbols one group."""
    groups = loaded(tmp_path, f"[groups]\n{text}").groups
    return len({groups.key(symbol) for symbol in symbols}) == 1


def test_without_configuration_nothing_but_equal_symbols_is_a_group() -> None:
    groups = load(None).groups
    keys = [groups.key(symbol) for symbol in ("BTC-USD", "BTC-USDT", "BTC-USDC", "ETH-USD", "BTC-USDT-PERP")]
    assert len(set(keys)) == len(keys)


def test_equivalent_currencies_make_groups_of_spot_and_of_perpetuals_but_not_of_both(tmp_path: Path) -> None:
    text = 'equivalents = [["USD", "USDT"], ["EUR", "EURC"]]'
    assert same(text, tmp_path, "BTC-USD", "BTC-USDT")
    assert same(text, tmp_path, "BTC-USD-PERP", "BTC-USDT-PERP")
    assert same(text, tmp_path, "ETH-EURC", "ETH-EUR")
    for other in ("BTC-USDC", "ETH-USD", "BTC-EUR", "BTC-USDT-PERP", "USDT-USD"):
        assert not same(text, tmp_path, "BTC-USD", other)


def test_a_named_group_may_hold_what_is_not_equal(tmp_path: Path) -> None:
    text = 'BTC-USD = ["BTC-USDT", "BTC-USDT-PERP"]'
    assert same(text, tmp_path, "BTC-USD", "BTC-USDT", "BTC-USDT-PERP")
    assert not same(text, tmp_path, "BTC-USD", "BTC-USDC")
    assert not same(text, tmp_path, "ETH-USD", "ETH-USDT")


def test_a_named_group_takes_the_equivalents_of_its_symbols_in(tmp_path: Path) -> None:
    text = 'BTC-EUR = ["BTC-USD"]\nequivalents = [["USD", "USDT", "USDC"]]'
    assert same(text, tmp_path, "BTC-EUR", "BTC-USD", "BTC-USDT", "BTC-USDC")
