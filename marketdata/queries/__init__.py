"""Reading the market's public history: each function takes a connection and answers with values ready for the wire.

Lists are pages of at most `limit` items. `Page.next` is an opaque text that asks for what follows, null on the last
page; a page costs O(log rows + limit), however deep it lies. A cursor that no page gave raises `InvalidCursor`.
"""

from marketdata.queries.books import Book, Moment, PhaseChange, book, levels_at, moment_at, moment_of, phases
from marketdata.queries.indices import IndexDay, has_code, index, index_days
from marketdata.queries.paging import DEFAULT_LIMIT, MAXIMUM_LIMIT, InvalidCursor, Page
from marketdata.queries.trading import (
    Instrument,
    Trade,
    candles,
    instrument,
    instruments,
    last_trade,
    trade,
    trades,
)

__all__ = [
    "Book",
    "DEFAULT_LIMIT",
    "IndexDay",
    "Instrument",
    "InvalidCursor",
    "MAXIMUM_LIMIT",
    "Moment",
    "Page",
    "PhaseChange",
    "Trade",
    "book",
    "candles",
    "has_code",
    "index",
    "index_days",
    "instrument",
    "instruments",
    "last_trade",
    "levels_at",
    "moment_at",
    "moment_of",
    "phases",
    "trade",
    "trades",
]
