"""The client for programs without an event loop, against a real server."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from marketdata.client import Disconnected, Refused, SyncFeedClient
from tests.marketdata.feed_reader import NOON_NS, on_book
from tests.marketdata.small_venue import DEADLINE_S, QUICK, SmallVenue


@pytest.fixture
async def venue() -> AsyncIterator[SmallVenue]:
    async with SmallVenue().living() as venue:
        yield venue


async def elsewhere(story: Callable[[], None]) -> None:
    """Tell a story on another thread, as a program without a loop would; the venue lives on this one."""
    async with asyncio.timeout(3 * DEADLINE_S):
        await asyncio.to_thread(story)


async def test_a_program_reads_and_looks_at_books(venue: SmallVenue) -> None:
    loop = asyncio.get_running_loop()

    def change(times: int) -> None:
        loop.call_soon_threadsafe(venue.change, times)

    def story() -> None:
        with SyncFeedClient(venue.url, patience=QUICK) as client:
            with client.read_trades(["A"]) as trades:
                change(3)
                assert [message.sequence for message in trades.take(4, DEADLINE_S)] == [2, 3, 4, 5]
                change(1)
                assert next(iter(trades)).sequence == 6
                assert trades.take(1, seconds=0.01) == []
            client.subscribe("book", ["A"])
            client.subscribe("orders", ["A"])
            client.subscribe("lots", ["A"])
            book = client.book("A")
            assert (book.bids, book.asks) == ([(250, 6, 1)], [(260, 300, 1)])
            assert [(row.order, row.quantity) for row in client.orders("A", "sell")] == [(2, 300)]
            assert client.offers("A") == []
            assert client.online
            assert client.ping() >= NOON_NS
            assert (client.feed.gaps, client.feed.bad_checksums, client.feed.connections) == (0, 0, 1)

    await elsewhere(story)


async def test_a_for_ends_with_the_client_and_hears_what_came_before(venue: SmallVenue) -> None:
    def story() -> None:
        client = SyncFeedClient(venue.url, patience=QUICK)
        client.open()
        messages = client.messages("status")
        client.subscribe("status", ["A", "B"])
        client.synchronised("status", "A")
        client.synchronised("status", "B")
        closing = threading.Timer(0.05, client.close)
        closing.start()
        assert [message.symbol for message in messages] == ["A", "B"]
        closing.join()
        with pytest.raises(Disconnected):
            client.ping()
        client.close()

    await elsewhere(story)


async def test_it_comes_back_like_the_other(venue: SmallVenue) -> None:
    loop = asyncio.get_running_loop()

    def story() -> None:
        with SyncFeedClient(venue.url, patience=QUICK) as client:
            trades = client.read_trades(["A"])
            assert len(trades.take(1)) == 1
            loop.call_soon_threadsafe(venue.connection.close, 4008, "too slow")
            loop.call_soon_threadsafe(venue.change, 2)
            assert [message.sequence for message in trades.take(2, DEADLINE_S)] == [3, 4]
            assert client.feed.connections == 2

    await elsewhere(story)


async def test_it_trades(venue: SmallVenue) -> None:
    def story() -> None:
        with SyncFeedClient(venue.url, token="good", patience=QUICK) as client:
            assert client.place(symbol="A", quantity=5)["did"] == "place"
            assert client.amend(3, price=250)["did"] == "amend"
            assert client.cancel(3)["did"] == "cancel"
            assert client.cancel_all(symbol="A")["orders"] == ["A"]
            assert len(client.read_account().take(1)) == 1
            with pytest.raises(Refused, match="nothing"):
                client.place(symbol="A", quantity=0)

    await elsewhere(story)


async def test_who_cannot_be_let_in_leaves_no_thread_behind(venue: SmallVenue) -> None:
    def story() -> None:
        before = threading.active_count()
        with pytest.raises(Refused, match="not_signed_in"):
            SyncFeedClient(venue.url, token="bad").open()
        with pytest.raises(OSError, match="127"):
            SyncFeedClient("ws://127.0.0.1:1").open()
        with pytest.raises(Disconnected, match="not open"):
            SyncFeedClient(venue.url).ping()
        assert threading.active_count() == before

    await elsewhere(story)


async def test_a_thousand_messages_are_fetched_together(venue: SmallVenue) -> None:
    """Iterating takes far fewer ways to the client's thread and back than there are messages."""
    loop = asyncio.get_running_loop()

    def story() -> None:
        with SyncFeedClient(venue.url, patience=QUICK) as client:
            book = client.read_book(["A"])
            assert len(book.take(1)) == 1
            for number in range(1_000):
                changes = [on_book(1, "buy", 250, 1_000 + number)]
                loop.call_soon_threadsafe(venue.feed.publish, 3 + number, NOON_NS, changes)
            deadline = time.monotonic() + DEADLINE_S
            while client.book("A").sequence < 1_002 and time.monotonic() < deadline:
                pass
            fetches = 0
            fetch = book._messages.fetch

            async def counted() -> object:
                nonlocal fetches
                fetches += 1
                return await fetch()

            book._messages.fetch = counted  # type: ignore[method-assign, assignment]
            assert [next(book).sequence for _ in range(1_000)] == list(range(3, 1_003))
            assert fetches == 1

    await elsewhere(story)
