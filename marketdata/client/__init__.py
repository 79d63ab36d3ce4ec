"""A client of the exchange for programs: it keeps books, finds gaps, verifies checksums, comes back when it was cut
off, and trades.

    async with FeedClient("ws://127.0.0.1:8001") as client:           with SyncFeedClient("ws://…:8001") as client:
        trades = await client.read_trades(["BXJ-1-SX1-26W47"])             for message in client.read_trades(["…"]):
        async for message in trades:                                           …
            …

It needs msgspec, websockets, httpx and sortedcontainers, and nothing of the venue's own programs.
"""

from marketdata.client.blocking import SyncFeedClient, SyncMessages
from marketdata.client.books import Book, BookView, Offers, OrderBook
from marketdata.client.errors import Disconnected, FeedError, Overflow, Refused
from marketdata.client.feed_client import FeedClient, Patience, Subscription
from marketdata.client.frames import to_frame
from marketdata.client.history import CandleSeries, Dataset, Export, History, IndexDay, IndexSeries, Instrument, Tape
from marketdata.client.listening import Messages

__all__ = [
    "FeedClient",
    "SyncFeedClient",
    "Patience",
    "Messages",
    "SyncMessages",
    "Subscription",
    "Book",
    "BookView",
    "OrderBook",
    "Offers",
    "History",
    "Instrument",
    "Tape",
    "CandleSeries",
    "Dataset",
    "Export",
    "IndexDay",
    "IndexSeries",
    "to_frame",
    "FeedError",
    "Refused",
    "Disconnected",
    "Overflow",
]
