from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete
from fake_daemon import BOOK, CONSOLIDATED, METRICS, QUOTE, STATUS, TRADES, VENUES, FakeDaemon, error

from flowrs._version import __version__
from flowrs.cli.root import COMMANDS, root

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Flowrs, Spawn


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_in_its_help(flowrs: Flowrs, name: str) -> None:
    result = flowrs(name, "--help")
    assert result.exit_code == 0
    examples = result.stdout.partition("Examples:\n")[2].splitlines()
    assert any(line.startswith(f"    flowrs {name}") for line in examples)


def test_help_lists_every_command_and_exit_code(flowrs: Flowrs) -> None:
    text = flowrs("--help").stdout
    for name in COMMANDS:
        assert f"\n  {name} " in text
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert f"\n    {code}  " in text


def test_no_command_shows_the_help_and_is_wrong_usage(flowrs: Flowrs) -> None:
    result = flowrs()
    assert result.exit_code == 2
    assert "Usage: flowrs" in result.stderr


def test_version_is_the_packages(flowrs: Flowrs) -> None:
    assert flowrs("--version").stdout == f"flowrs {__version__}\n"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["book", "BTC-USDT"], BOOK),
        (["status"], STATUS),
        (["venues"], VENUES),
        (["trades", "BTC-USDT"], TRADES),
        (["metrics"], METRICS),
        (["quote", "BTC-USDT", "buy", "5"], QUOTE),
    ],
)
@pytest.mark.usefixtures("daemon")
def test_json_is_the_daemons_answer_on_one_line(flowrs: Flowrs, words: list[str], answer: object) -> None:
    result = flowrs(*words, "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    assert json.loads(result.stdout) == answer


@pytest.mark.usefixtures("daemon")
def test_a_book_is_its_state_and_its_levels(flowrs: Flowrs) -> None:
    lines = flowrs("book", "BTC-USDT").stdout.splitlines()
    assert lines[0].split("  ") == [
        "binance:BTC-USDT",
        "live",
        "by sequence",
        "age 12.5 ms",
        "seq 1:123",
        "spread 0.01 (0.0016 bp)",
        "known from 55000.00 to -",
    ]
    assert lines[1:] == [
        "bid quantity       bid       ask  ask quantity",
        "  3.78826000  61837.63  61837.64    1.54698000",
        "  1.00000000  61837.60",
    ]


def test_a_book_of_several_exchanges_names_whose_each_level_is(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    daemon.answer("consolidated", {"result": CONSOLIDATED})
    lines = flowrs("book", "BTC-USDT").stdout.splitlines()
    assert lines[0].split("  ") == [
        "BTC-USDT",
        "3 of 4 books live",
        "spread 0.01 (0.0016 bp)",
        "complete from 61000.00 to -",
    ]
    assert lines[1:] == [
        "            of  bid quantity       bid       ask  ask quantity  of",
        " binance+bybit           4.0  61837.63  61837.64           1.5  bybit",
        "kraken:BTC-USD           1.0  61837.60",
        "left out: okx:BTC-USDT (gap)",
    ]
    assert json.loads(flowrs("book", "BTC-USDT", "--json").stdout) == CONSOLIDATED


def test_a_crossed_market_is_told_in_words(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    daemon.answer("consolidated", {"result": {**CONSOLIDATED, "market": "crossed"}})
    assert "  crossed: a bid is above an ask  " in flowrs("book", "BTC-USDT").stdout


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--allow-stale"], "--allow-stale is for the book of one exchange: name it, such as binance:BTC-USDT."),
        (["--depth", "0"], "--depth of several books is 1 to 1,000; name one for more, such as binance:BTC-USDT."),
        (["--depth", "1001"], "--depth of several books is 1 to 1,000; name one for more, such as binance:BTC-USDT."),
    ],
)
def test_what_only_a_single_book_has_needs_a_name(
    flowrs: Flowrs, daemon: FakeDaemon, words: list[str], line: str
) -> None:
    daemon.answer("consolidated", {"result": CONSOLIDATED})
    result = flowrs("book", "BTC-USDT", *words)
    assert result.exit_code == 2
    assert result.stderr == f'flowrs book: {line} See "flowrs book --help".\n'


def test_without_a_live_book_of_several_the_code_is_4(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    refusal = error("not_live", "no book of BTC-USDT is live: a is gap, b is silent", parts=CONSOLIDATED["parts"])
    daemon.answer("consolidated", refusal)
    result = flowrs("book", "BTC-USDT")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("flowrs: no book of BTC-USDT is live: a is gap, b is silent. ")


@pytest.mark.usefixtures("daemon")
def test_a_quote_says_what_it_comes_to_and_where(flowrs: Flowrs) -> None:
    lines = flowrs("quote", "BTC-USDT", "buy", "5").stdout.splitlines()
    assert lines[0].split("  ") == [
        "buy 5 BTC for 309497.3882 USDT",
        "average 61837.64",
        "best 61837.64, worst 61837.7",
        "slippage 0.0040 bp",
        "fees 309.1882",
    ]
    assert lines[2].split() == ["binance:BTC-USDT", "5", "309188.2", "61837.64", "61837.7", "3", "0.1", "%", "309.1882"]
    assert lines[3] == "left out: okx:BTC-USDT (gap)"


def test_a_quote_says_what_it_lacks(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    nothing = {"average": None, "best": None, "worst": None, "slippage_bp": None, "complete": False, "rest": "5"}
    more = {"filled": {"base": "0", "quote": "0"}, "total": "0", "fee": {"quote": "0"}, "split": []}
    daemon.answer("quote", {"result": {**QUOTE, **nothing, **more, "unknown": ["kraken:BTC-USD"]}})
    result = flowrs("quote", "BTC-USDT", "sell", "5")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "buy 0 BTC for 0 USDT"
    assert "not complete: nobody is known to have the last 5 BTC" in lines
    assert "known only in part, and may have more: kraken:BTC-USD" in lines


def test_options_of_quote_reach_the_daemon(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    flowrs("quote", "bybit:btc-usdt", "sell", "100", "--quote", "--fee", "binance=0.1", "--fee", "bybit=0.055")
    assert daemon.seen[0]["params"] == {
        "symbol": "BTC-USDT",
        "side": "sell",
        "amount": "100",
        "currency": "quote",
        "venue": "bybit",
        "fees": {"binance": "0.1", "bybit": "0.055"},
    }


def test_options_of_book_reach_the_daemon(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    flowrs("book", "btc-usdt", "--venue", "binance", "--depth", "0", "--allow-stale")
    assert daemon.seen[0]["params"] == {"symbol": "BTC-USDT", "venue": "binance", "depth": 0, "allow_stale": True}


def test_a_full_id_names_the_venue(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    flowrs("book", "binance:BTC-USDT")
    flowrs("trades", "binance:BTC-USDT")
    assert [request["params"]["venue"] for request in daemon.seen] == ["binance", "binance"]
    assert flowrs("book", "binance:BTC-USDT", "--venue", "kraken").exit_code == 2


@pytest.mark.usefixtures("daemon")
def test_status_shows_connections_books_and_faults(flowrs: Flowrs) -> None:
    text = flowrs("status").stdout
    assert text.startswith("flowrs 0.1.0, pid 123, up 1 h 2 min: 1 of 2 books live\n")
    assert "connection refused (again in 4.0 s)" in text
    lines = text.splitlines()
    assert lines[1:4] == [
        "tulip is left out: venues.tulip: tulip: the plugin failed: KeyError: 'y'",
        "kraken: its plugin flowrs.plugins.kraken has failed 3 times, last: the plugin failed: KeyError: 'x'",
        "kraken: its plugin flowrs.plugins.kraken has kept all books waiting 2 times, longest 3.0 s",
    ]
    assert "binance:ETH-USDT" in text


@pytest.mark.usefixtures("daemon")
def test_top_shows_venues_and_books_that_are_not_live_first(flowrs: Flowrs) -> None:
    lines = flowrs("top").stdout.splitlines()
    assert lines[0] == ("flowrs 0.1.0, pid 123, up 1 h 2 min: 1 of 2 books live, 101.5 messages/s, 3.1 % CPU, 45.2 MB")
    assert lines[3].split()[:6] == ["binance", "0/2", "1/2", "101.5", "8.0", "25.0"]
    assert lines[4].split() == ["kraken", "0/0", "0/0", "-", "-", "-", "-", "-", "the", "plugin", "failed"]
    assert [line.split()[0] for line in lines[6:]] == ["book", "binance:ETH-USDT", "binance:BTC-USDT"]
    assert lines[7].split()[1:] == ["syncing", "-", "-", "-", "-", "-"]
    assert lines[8].endswith("  live     sequence  61837.63  61837.64  0.0016 bp  12.5 ms")


@pytest.mark.usefixtures("daemon")
def test_top_as_json_is_both_answers(flowrs: Flowrs) -> None:
    assert json.loads(flowrs("top", "--json").stdout) == {"status": STATUS, "metrics": METRICS}


@pytest.mark.usefixtures("daemon")
def test_trades_are_told_with_their_time_cut_to_milliseconds(flowrs: Flowrs) -> None:
    line = flowrs("trades", "BTC-USDT").stdout.splitlines()[-1]
    assert line.split() == ["2024-08-08", "23:54:15.342", "sell", "61837.63000000", "0.02000000", "3735683259"]


@pytest.mark.usefixtures("daemon")
def test_metrics_without_samples_are_dashes(flowrs: Flowrs) -> None:
    lines = flowrs("metrics").stdout.splitlines()
    assert lines[0] == "up 1 h 2 min, 45.2 MB resident, 3.1 % CPU, 1 clients"
    assert lines[1].split() == ["metric", "total", "binance"]
    assert next(line for line in lines if "p99.9" in line).split()[-2:] == ["60.0", "60.0"]
    assert next(line for line in lines if "delay ms p50" in line).split()[-2:] == ["-", "-"]


@pytest.mark.usefixtures("daemon")
def test_venues_are_listed_with_plugin_and_address(flowrs: Flowrs) -> None:
    line = flowrs("venues").stdout.splitlines()[-1]
    assert line.split()[:4] == ["binance", "Binance", "flowrs.plugins.binance", "wss://stream.binance.com:9443/ws"]


@pytest.mark.parametrize(
    ("code", "exit_code", "remedy"),
    [
        ("not_live", 4, "--allow-stale"),
        ("unknown_symbol", 5, "flowrs status"),
        ("unknown_venue", 5, "; do something"),
        ("bad_params", 2, "; do something"),
        ("ambiguous", 2, "binance:BTC-USDT"),
        ("too_large", 1, "--depth"),
        ("unknown_method", 1, "restart"),
        ("too_many_clients", 1, "What to do: close clients"),
        ("internal", 1, ""),
        ("of a later version", 1, ""),
    ],
)
def test_an_error_is_one_line_with_its_remedy_and_code(
    flowrs: Flowrs, daemon: FakeDaemon, code: str, exit_code: int, remedy: str
) -> None:
    daemon.answer("book", error(code, "so it is; do something"))
    result = flowrs("book", "BTC-USDT")
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("flowrs: so it is")
    assert remedy in result.stderr
    assert result.stderr.endswith(".\n")


@pytest.mark.parametrize("words", [["book", "BTC-USDT"], ["status"], ["venues"], ["trades", "BTC-USDT"], ["metrics"]])
def test_without_a_daemon_the_remedy_is_told(flowrs: Flowrs, socket_path: Path, words: list[str]) -> None:
    result = flowrs(*words)
    assert result.exit_code == 3
    assert result.stderr == (
        f'flowrs: no daemon at {socket_path}. Start one with "flowrs run", or name its socket with --socket or'
        " FLOWRS_SOCKET.\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["bok"], "flowrs: No such command 'bok'."),
        (["book"], "flowrs book: Missing argument 'SYMBOL'."),
        (["book", "X", "--dept", "3"], "flowrs book: No such option '--dept'. (Did you mean"),
        (
            ["book", "X", "--depth", "-1"],
            "flowrs book: Invalid value for '--depth': -1 is not in the range 0<=x<=1000000.",
        ),
        (
            ["watch", "X", "--depth", "2000000"],
            "flowrs watch: Invalid value for '--depth': 2000000 is not in the range",
        ),
        (["trades", "X", "--limit", "5000"], "flowrs trades: Invalid value for '--limit': 5000 is not in the range 1<"),
        (["add", "binance:x y"], "flowrs add: 'X Y' is no symbol: one is such as BTC-USDT or BTC-USDT-PERP."),
        (["status", "--socket"], "flowrs status: Option '--socket' requires an argument. See \"flowrs status --help"),
        (["quote", "X", "buy", "1", "--fee", "binance"], "flowrs quote: Invalid value for '--fee': 'binance' is not"),
        (["quote", "X", "hold", "1"], "flowrs quote: Invalid value for '{buy|sell}': 'hold' is not one of"),
        (["completion", "csh"], "flowrs completion: Invalid value for"),
        (
            ["run", "--socket", ""],
            "flowrs run: Invalid value for '--socket' (env var: 'FLOWRS_SOCKET'): expected a path, got nothing.",
        ),
        (
            ["status", "--socket", ""],
            "flowrs status: Invalid value for '--socket' (env var: 'FLOWRS_SOCKET'): expected a path, got nothing.",
        ),
    ],
)
def test_wrong_usage_is_one_line_that_points_to_the_help(flowrs: Flowrs, words: list[str], line: str) -> None:
    result = flowrs(*words)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(line)
    assert result.stderr.endswith('--help".\n')


def test_control_characters_of_an_exchange_are_not_printed(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    evil = "\x1b[2J\x9b2J\u202e\n[bold]x"
    daemon.answer("book", {"result": {**BOOK, "state": "stale", "reason": evil}})
    for words in (["book", "X-Y"], ["book", "X-Y", "--json"]):
        printed = flowrs(*words).stdout
        assert not set(printed) & set("\x1b\x9b\u202e")
        assert "[bold]x" in printed
    daemon.answer("book", error("internal", evil))
    assert flowrs("book", "X-Y").stderr == "flowrs: \ufffd[2J\ufffd2J\ufffd\ufffd[bold]x.\n"


@pytest.mark.parametrize("words", [["check-config"], ["run", "--config"]])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[venues.binanc]\nsymbols = ["BTC-USDT"]', "venues.binanc: no plugin brings this venue"),
        ("[plugins.nope]", "plugins.nope: no such plugin is installed"),
    ],
)
def test_a_configuration_that_no_plugin_is_for_is_named_with_its_file(
    spawn: Spawn, tmp_path: Path, words: list[str], text: str, line: str
) -> None:
    path = tmp_path / "flowrs.toml"
    path.write_text(text)
    child = spawn(*words, str(path))
    assert child.communicate()[1].startswith(f"flowrs: {path}: {line}")
    assert child.returncode == 2


def test_check_config_says_what_a_file_holds(flowrs: Flowrs, tmp_path: Path) -> None:
    path = tmp_path / "flowrs.toml"
    path.write_text('[venues.kraken]\nsymbols = ["BTC-USD"]\nenabled = false')
    result = flowrs("check-config", str(path))
    assert result.exit_code == 0
    assert f"{path} is a valid configuration" in result.stdout
    assert result.stdout.splitlines()[-1].split() == ["kraken", "no", "1", "BTC-USD"]


def test_check_config_tells_the_socket_as_run_takes_it(
    flowrs: Flowrs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flowrs.toml"
    path.write_text('[daemon]\nsocket = "of_the_file.sock"')
    assert f"socket {tmp_path}/flowrs.sock, " in flowrs("check-config", str(path)).stdout
    monkeypatch.delenv("FLOWRS_SOCKET")
    assert "socket of_the_file.sock, " in flowrs("check-config", str(path)).stdout


def test_check_config_says_which_different_symbols_are_one(flowrs: Flowrs, tmp_path: Path) -> None:
    path = tmp_path / "flowrs.toml"
    path.write_text(
        '[venues.kraken]\nsymbols = ["BTC-USD", "ETH-USD"]\n[venues.binance]\nsymbols = ["BTC-USDT"]\n'
        '[groups]\nequivalents = [["USD", "USDT"]]'
    )
    lines = flowrs("check-config", str(path)).stdout.splitlines()
    assert [line.split() for line in lines[-2:]] == [["consolidated"], ["BTC-USD", "BTC-USD", "BTC-USDT"]]


@pytest.mark.parametrize("words", [["check-config"], ["run", "--config"]])
def test_a_wrong_configuration_is_one_line_and_code_2(flowrs: Flowrs, tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "flowrs.toml"
    path.write_text("x = 1")
    result = flowrs(*words, str(path))
    assert result.exit_code == 2
    assert result.stderr == f"flowrs: {path}: x: unknown key; known are daemon, venues, groups, plugins\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(flowrs: Flowrs, shell: str) -> None:
    assert "_FLOWRS_COMPLETE" in flowrs("completion", shell).stdout


@pytest.mark.usefixtures("daemon")
def test_completion_offers_the_daemons_symbols() -> None:
    shell = ShellComplete(root, {}, "flowrs", "_FLOWRS_COMPLETE")
    assert [item.value for item in shell.get_completions(["book"], "btc")] == ["BTC-USDT"]


def test_completion_without_a_daemon_offers_nothing() -> None:
    assert ShellComplete(root, {}, "flowrs", "_FLOWRS_COMPLETE").get_completions(["book"], "") == []
