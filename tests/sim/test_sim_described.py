"""An exchange out of a dialect file: it is what the file says, and a venue of flowrs keeps its true books."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from playback import following

from flowrs.core import ASKS, BIDS, State, Verified
from flowrs.errors import ConfigError
from flowrs.sim import Request, SimOptions, configuration, described, description, open_venue, run_sim
from flowrs_okx import Okx

if TYPE_CHECKING:
    import flowrs.sim
    from flowrs.core import Book

OKX = Path(__file__).parents[2] / "plugins-example/flowrs-okx/tests/okx.toml"


def ask(op: str, *channels: str) -> str:
    return json.dumps({"op": op, "args": [{"channel": each, "instId": "BTC-USDT"} for each in channels]})


def session_of(dialect: flowrs.sim.Described) -> Any:
    session = dialect.session("/ws/v5/public")
    assert session is not None
    return session


def test_it_answers_with_acks_and_then_a_snapshot() -> None:
    session = session_of(described(OKX, symbols=["BTC-USDT", "ETH-USDT"]))
    books, trades, snapshot = map(json.loads, session.receive(ask("subscribe", "books", "trades")))
    assert books["arg"] == {"channel": "books", "instId": "BTC-USDT"}
    assert trades["arg"]["channel"] == "trades"
    assert snapshot["action"] == "snapshot"
    assert len(snapshot["data"][0]["bids"]) == 400  # as it begins
    assert session.receive("ping") == [b"pong"]
    assert json.loads(session.receive("nonsense")[0])["event"] == "error"


def test_after_unsubscribing_nothing_comes() -> None:
    dialect = described(OKX, symbols=["BTC-USDT"])
    session = session_of(dialect)
    session.receive(ask("subscribe", "books", "trades"))
    assert json.loads(session.receive(ask("unsubscribe", "books", "trades"))[0])["event"] == "unsubscribe"
    burst = [message for _ in range(40) for message in dialect.messages(dialect.source.burst())]
    assert burst
    assert not any(session.payloads(message) for message in burst)


def test_updates_are_linked_and_change_the_snapshot_into_the_true_book() -> None:
    dialect = described(OKX, symbols=["BTC-USDT"])
    session = session_of(dialect)
    *_, first = session.receive(ask("subscribe", "books"))
    (data,) = json.loads(first)["data"]
    sides = {side: {row[0]: row[1] for row in data[side]} for side in ("bids", "asks")}
    last = data["seqId"]
    for _ in range(200):
        for message in dialect.messages(dialect.source.burst()):
            for frame in session.payloads(message):
                (data,) = json.loads(frame)["data"]
                assert data["prevSeqId"] == last
                last = data["seqId"]
                for side, levels in sides.items():
                    levels |= {row[0]: row[1] for row in data[side]}
    true = dialect.book("BTC-USDT", last)
    for side, levels in ((true.bids, sides["bids"]), (true.asks, sides["asks"])):
        assert side == {Decimal(price): Decimal(size) for price, size in levels.items() if size != "0"}


def test_the_list_of_instruments_is_answered_as_described() -> None:
    dialect = described(OKX, symbols=["BTC-USDT"])
    answer = dialect.respond(Request.parse("GET", "/api/v5/public/instruments?instType=SPOT"))
    (listed,) = json.loads(answer.body)["data"]
    assert (listed["instId"], listed["tickSz"], listed["lotSz"]) == ("BTC-USDT", "0.01", "0.00001")
    assert dialect.respond(Request.parse("GET", "/else")).status == 404


def levels(book: Book, side: int) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(size) for price, size in json.loads(book.text(side, 0))}


async def test_a_venue_keeps_the_true_books_of_a_described_exchange() -> None:
    async with open_venue(described(OKX, symbols=["BTC-USDT", "ETH-USDT"])) as sim, trio.open_nursery() as nursery:
        async with following(Okx(), sim, "BTC-USDT", "ETH-USDT") as venue:
            replicas = list(venue.replicas.values())
            await sim.wait_until(lambda: all(each.resyncs and each.is_live for each in replicas))
            first = {each.symbol: each.book.header().seq for each in replicas}
            await sim.wait_until(lambda: all(each.book.header().seq > first[each.symbol] for each in replicas))
            for replica in replicas:
                assert replica.book.state is State.LIVE
                assert replica.book.verified == Verified.SEQUENCE | Verified.CHECKSUM
                true = sim.book(replica.symbol, replica.book.header().seq)
                assert levels(replica.book, BIDS) == true.bids
                assert levels(replica.book, ASKS) == true.asks
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<prev>", "<befor>", "book.snapshot|book.update: <befor> means nothing here; there are <asks>"),
        ('numbers = "linked"', 'numbers = "chain"', "Invalid enum value 'chain', at `.book.numbers`"),
        ('numbers = "linked"', "", "Object missing required field `numbers`, at `.book`"),
        ("snapshot = '", "#", "book.snapshot: missing"),
        ('path = "/api', '#path = "/api', "instruments: expected path"),
        ("[checksum]", "[checksums]", "unknown field `checksums`"),
        ("[book]", "[book", "Expected ']'"),
        ('ping = "ping"', "", "requests: expected both ping and pong, or none of them"),
        ("[trades]", "[trades]\neach = '{}'", "trades: expected <all> in frame where there is each"),
        ("padded", "padded", ""),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "okx.toml"
    path.write_text(OKX.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    if not words:
        assert described(path).name == "okx"
        return
    with pytest.raises(ConfigError) as refused:
        described(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert any(each in str(refused.value) for each in words.split("|")[-1:])


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml cannot be read \(No such file"):
        described(tmp_path / "none.toml")


def test_a_folder_has_the_dialect_file_that_looks_like_one(tmp_path: Path) -> None:
    def dialect() -> str:
        (found,) = SimOptions(dialect=str(tmp_path), symbols=("BTC-USDT",)).dialects()
        return found.name

    with pytest.raises(ConfigError, match=r"there is no dialect file in .* or its tests/; name one: FILE\.toml"):
        dialect()
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "flowrs-okx"\n', encoding="utf-8")
    (tmp_path / "flowrs.toml").write_text('[venues.okx]\nsymbols = ["BTC-USDT"]\n', encoding="utf-8")
    shutil.copy(OKX, tmp_path / "tests/okx.toml")
    assert dialect() == "okx"
    shutil.copy(OKX, tmp_path / "other.toml")
    with pytest.raises(ConfigError, match=r"there are several .*; name one of them: .*tests/okx\.toml, .*other\.toml"):
        dialect()
    (tmp_path / "tests/okx.toml").unlink()
    (tmp_path / "other.toml").write_text('venue = "okx"\n[book', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"other\.toml: Expected"):
        dialect()


async def test_it_is_run_and_printed_as_a_configuration() -> None:
    async with trio.open_nursery() as nursery:
        options = SimOptions(dialect=str(OKX), symbols=("BTC-USDT",))
        venues = await nursery.start(run_sim, options)
        printed = configuration(venues)
        nursery.cancel_scope.cancel()
    assert printed.startswith('[venues.okx]\nurl = "ws://127.0.0.1:')
    assert 'symbols = ["BTC-USDT"]' in printed


def test_every_place_and_key_of_a_dialect_file_is_explained() -> None:
    page = (OKX.parents[3] / "docs/simulator.md").read_text(encoding="utf-8").partition("## Dialect files")[2]
    told = page.partition("\n## ")[0]
    assert all(f"`<{place}>`" in told for places in description.PLACES.values() for place in places)
    for kind in (description.Description, *description.TABLES):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in told or f"`[{field.name}]`" in told, f"{kind.__name__}.{field.name}"


def test_a_dialect_file_excludes_venues() -> None:
    with pytest.raises(ConfigError, match="leave out either the file or the venues"):
        SimOptions(dialect="okx.toml", venues=("kraken",))


def changed(tmp_path: Path, *changes: tuple[str, str]) -> flowrs.sim.Described:
    text = OKX.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "okx.toml"
    path.write_text(text, encoding="utf-8")
    return described(path, symbols=["BTC-USDT"])


EACH = '{"id":<id>,"p":"<price>","q":"<quantity>","s":"<side>","t":<ms>}'


def test_each_answer_says_what_time_it_is_where_the_file_wants_it(tmp_path: Path) -> None:
    session = session_of(
        changed(tmp_path, ('"connId":"a4d3ae55"', '"at":<ms>'), ('pong = "pong"', """pong = '{"pong":<ns>}'"""))
    )
    asked = [ask("subscribe", "books"), "nonsense", ask("subscribe")]
    answers = [json.loads(session.receive(each)[0]) for each in asked]
    assert all(isinstance(each["at"], int) for each in answers)
    assert isinstance(json.loads(session.receive("ping")[0])["pong"], int)


def test_an_answer_without_a_channel_comes_once_also_where_it_says_the_time(tmp_path: Path) -> None:
    session = session_of(
        changed(
            tmp_path,
            ('"arg":{"channel":"<channel>","instId":"<native>"},"connId":"a4d3ae55"}\'\nre', '"at":<ns>}\'\nre'),
        )
    )
    ack, snapshot = map(json.loads, session.receive(ask("subscribe", "books", "trades")))
    assert (isinstance(ack["at"], int), snapshot["action"]) == (True, "snapshot")


def test_what_is_subscribed_to_already_is_answered_as_the_file_says(tmp_path: Path) -> None:
    again = """again = '{"event":"error","msg":"<channel> of <native> again"}'"""
    session = session_of(changed(tmp_path, ("[requests]", f"[requests]\n{again}")))
    assert len(session.receive(ask("subscribe", "books"))) == 2
    told, *more = session.receive(ask("subscribe", "books", "trades"))
    assert json.loads(told)["msg"] == "books of BTC-USDT again"
    assert [json.loads(each)["event"] for each in more] == ["subscribe"]
    assert json.loads(session.receive(ask("unsubscribe", "books"))[0])["event"] == "unsubscribe"
    assert len(session.receive(ask("subscribe", "books"))) == 2


def told_trades(tmp_path: Path, frame: str, each: str) -> flowrs.sim.Described:
    text = OKX.read_text(encoding="utf-8")
    return changed(
        tmp_path,
        (
            text[text.index("[trades]") :].split("\n\n")[0],
            f"[trades]\nchannel = \"trades\"\nframe = '{frame}'\neach = '{each}'",
        ),
    )


def test_trades_that_happen_at_once_are_one_frame_if_the_file_says_so(tmp_path: Path) -> None:
    dialect = told_trades(tmp_path, '{"inst":"<native>","data":[<all>]}', EACH)
    session = session_of(dialect)
    session.receive(ask("subscribe", "trades"))
    ids = []
    counts = set()
    for _ in range(300):
        events = dialect.source.burst()
        (*frames,) = [frame for message in dialect.messages(events) for frame in session.payloads(message)]
        assert len(frames) <= 1
        for frame in frames:
            told = json.loads(frame)
            assert told["inst"] == "BTC-USDT"
            counts.add(len(told["data"]))
            ids += [each["id"] for each in told["data"]]
    assert max(counts) > 1
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_what_a_trade_says_belongs_into_each_trade_and_not_around_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trades\.frame: there is each, which is the place for <id>, <price>"):
        told_trades(tmp_path, '{"price":"<price>","data":[<all>]}', EACH)


def test_a_file_without_trades_is_of_an_exchange_without_them(tmp_path: Path) -> None:
    text = OKX.read_text(encoding="utf-8")
    dialect = changed(tmp_path, (text[text.index("[trades]") :].split("\n\n")[0], ""))
    session = session_of(dialect)
    session.receive(ask("subscribe", "books", "trades"))
    burst = [message for _ in range(40) for message in dialect.messages(dialect.source.burst())]
    assert {message.kind for message in burst} == {"depth"}
    assert all(map(session.payloads, burst))


@pytest.mark.parametrize(
    ("said", "topics"),
    [
        ("join book BTC-USDT", {"depth"}),
        ("join book.trade BTC-USDT", {"trade"}),
        ("join book book.trade BTC-USDT", {"depth", "trade"}),
        ("JOIN BOOK btc-usdt", {"depth"}),
        ("dis-join book BTC-USDT", set()),
        ("rejoin book BTC-USDT", set()),
        ("join books BTC-USDT", set()),
        ("join book BTC-USDT-SWAP", set()),
    ],
)
def test_of_two_words_the_longer_one_is_meant(tmp_path: Path, said: str, topics: set[str]) -> None:
    dialect = changed(
        tmp_path,
        ('unsubscribe = "unsubscribe"', 'unsubscribe = "dis-join"'),
        ('\nsubscribe = "subscribe"', '\nsubscribe = "join"'),
        ('channel = "books"', 'channel = "book"'),
        ('channel = "trades"', 'channel = "book.trade"'),
    )
    session = session_of(dialect)
    session.receive(said)
    burst = [message for _ in range(40) for message in dialect.messages(dialect.source.burst())]
    assert {message.kind for message in burst if session.payloads(message)} == topics
