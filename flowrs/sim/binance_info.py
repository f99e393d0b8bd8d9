"""Binance's `exchangeInfo`: the list of instruments with their grids, as far as market data clients read it.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "GBP", "JPY", "USD")


def split_symbol(symbol: str) -> tuple[str, str]:
    """Guess base and quote from a symbol's end: `BTCUSDT` is (BTC, USDT); an unknown quote is taken for 4 letters."""
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), symbol[-4:])
    return symbol.removesuffix(quote), quote


def symbol_entry(base: str, quote: str, tick: str, step: str) -> dict[str, Any]:
    """Describe one instrument; `tick` and `step` with 8 decimals."""
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "90000000.00000000", "stepSize": step},
        ],
        "permissions": ["SPOT"],
    }


def perpetual_entry(base: str, quote: str, tick: str, step: str) -> dict[str, Any]:
    """Describe one USD-M perpetual; the decimals of `tick` and `step` are those of the messages."""
    decimals, qty_decimals = (len(grid.partition(".")[2]) for grid in (tick, step))
    return {
        "symbol": base + quote,
        "pair": base + quote,
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": decimals,
        "quantityPrecision": qty_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "filters": [
            {"minPrice": tick, "maxPrice": "1000000", "filterType": "PRICE_FILTER", "tickSize": tick},
            {"stepSize": step, "filterType": "LOT_SIZE", "maxQty": "100000000", "minQty": step},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def exchange_info(entries: Iterable[dict[str, Any]], weight_limit: int = 6000) -> dict[str, Any]:
    """Put the whole answer together."""
    return {
        "timezone": "UTC",
        "serverTime": 0,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit}
        ],
        "exchangeFilters": [],
        "symbols": list(entries),
    }
