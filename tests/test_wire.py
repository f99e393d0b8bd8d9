"""What plugin authors take ready-made: times as text, bare numbers, names of instruments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Instrument


class Update(flowrs.Dated, flowrs.BookUpdate):
    moment: flowrs.Moment = field(name="ts")


class Envelope(flowrs.Dated, Struct):
    moment: flowrs.Moment


class Bare(flowrs.Dated, flowrs.BareTrade):
    bare_price: Raw = field(name="p")
    bare_quantity: Raw = field(name="q")
    moment: flowrs.Moment = field(name="t")


class Shared(flowrs.Dated, Struct):
    symbol: str
    moment: flowrs.Moment


class SharedUpdate(Shared, flowrs.BookUpdate):
    pass


class SharedSnapshot(Shared, flowrs.BookSnapshot):
    pass


def update_at(text: str) -> Update:
    return msgspec.json.decode(b'{"ts":"%s"}' % text.encode(), type=Update)


# -- times


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1_000),
        ("2026-08-02T03:36:30.780149Z", 1_785_641_790_780_149_000),
        ("2026-08-02T05:36:30.780149+02:00", 1_785_641_790_780_149_000),
        ("2026-08-02T03:36:30Z", 1_785_641_790_000_000_000),
        ("2026-08-24T22:34:13.813365299Z", 1_787_610_853_813_365_000),  # msgspec keeps microseconds
        ("1969-12-31T23:59:59.999999Z", -1_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999_000),
    ],
)
def test_the_time_of_a_dated_event_is_exact(text: str, ns: int) -> None:
    assert update_at(text).time == ns


@given(st.datetimes(timezones=st.timezones()))
def test_no_moment_is_off_by_a_microsecond(moment: datetime) -> None:
    assert Envelope(moment).time == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


@pytest.mark.parametrize("text", ["2026-08-02T03:36:30.780149", "2026-08-02", "1785641790", "", "now"])
def test_a_moment_without_a_zone_or_that_is_none_is_unreadable(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        update_at(text)


def test_a_dated_event_is_still_one_and_has_the_events_defaults() -> None:
    update = update_at("1970-01-01T00:00:01Z")
    assert isinstance(update, flowrs.BookUpdate)
    assert (update.first, update.last, update.checksum) == (0, 0, None)
    assert not hasattr(update, "__dict__")


def test_a_struct_that_is_no_event_may_be_dated() -> None:
    envelope = msgspec.json.decode(b'{"moment":"1970-01-01T00:00:01Z"}', type=Envelope)
    assert envelope.time == 10**9


@pytest.mark.parametrize(("kind", "event"), [(SharedUpdate, flowrs.BookUpdate), (SharedSnapshot, flowrs.BookSnapshot)])
def test_update_and_snapshot_may_share_their_fields(kind: type, event: type) -> None:
    found = msgspec.json.decode(b'{"symbol":"X","moment":"1970-01-01T00:00:01Z"}', type=kind)
    assert isinstance(found, event)
    assert (found.symbol, found.time, found.checksum) == ("X", 10**9, None)


# -- bare numbers


def bare(price: str, quantity: str) -> Bare:
    text = f'{{"p":{price},"q":{quantity},"t":"1970-01-01T00:00:01Z"}}'
    return msgspec.json.decode(text.encode(), type=Bare)


def test_a_bare_trade_has_its_numbers_as_written() -> None:
    trade = bare("4136.40", "1e-8")
    assert isinstance(trade, flowrs.Trade)
    assert (trade.price, trade.quantity, trade.time) == ("4136.40", "1e-8", 10**9)


@pytest.mark.parametrize("wrong", ['"1"', '"x"', "null", "-1", "true", "[]", "[1]", "{}", "1.", "NaN"])
def test_a_bare_trade_without_a_number_is_unreadable(wrong: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        bare(wrong, "1")
    with pytest.raises(msgspec.MsgspecError):
        bare("1", wrong)


# -- names of instruments


class Spot(flowrs.Connector):
    pass


class Slashed(flowrs.Connector):
    separator = "/"


class Perpetual(flowrs.Connector):
    separator = "_"
    perpetual = True


@pytest.mark.parametrize(
    ("connector", "symbol", "native"),
    [
        (Spot(), "BTC-USDT", "BTCUSDT"),
        (Slashed(), "BTC-USD", "BTC/USD"),
        (Perpetual(), "BTC-USDT-PERP", "BTC_USDT"),
        (Spot(), "BTC-USDT-PERP", "BTCUSDTPERP"),  # which no exchange lists as spot
    ],
)
def test_a_native_name_follows_from_the_separator_and_the_kind(
    connector: flowrs.Connector, symbol: str, native: str
) -> None:
    assert connector.native(symbol) == native


@pytest.mark.parametrize(("connector", "symbol"), [(Spot(), "BTC-USDT"), (Perpetual(), "BTC-USDT-PERP")])
def test_an_instrument_has_the_canonical_symbol_of_its_kind(connector: flowrs.Connector, symbol: str) -> None:
    assert connector.instrument("X", "BTC", "USDT", 1, 3) == Instrument(symbol, "X", "BTC", "USDT", 1, 3)


def test_how_fine_numbers_are_is_told_by_steps_or_by_decimals() -> None:
    expected = Instrument("BTC-USDT", "X", "BTC", "USDT", 2, 0)
    assert Spot().instrument("X", "BTC", "USDT", "0.01000000", "10") == expected
    assert Spot().instrument("X", "BTC", "USDT", 2, 0) == expected
