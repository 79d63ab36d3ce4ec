"""A client of the exchange for programs: it keeps books, finds gaps, verifies checksums, comes back when it was cut
off, and trades.

    async with FeedClient("ws://127.0.0.1:8001") as client:           with SyncFeedClient("ws://…:8001") as client:
        trades = await client.read_trades(["BXJ-1-SX1-26W47"])             for message in client.read_trades(["…"]):
        async for message in trades:                                           …
            …

It needs msgspec, websockets, httpx and sortedcontainers, and nothing of the venue's own programs.
"""

from marketdata.client.books import Book, BookView, OrderBook, Queued
from marketdata.client.errors import Disconnected, FeedError, Overflow, Refused
from marketdata.client.feed_client import FeedClient, Patience, Subscription
from marketdata.client.listening import Messages

__all__ = [
    "FeedClient",
    "Patience",
    "Messages",
    "Subscription",
    "Book",
    "BookView",
    "OrderBook",
    "Queued",
    "FeedError",
    "Refused",
    "Disconnected",
    "Overflow",
]
