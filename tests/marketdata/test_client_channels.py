"""The client on every channel: what it keeps, and that it keeps it right."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from marketdata.client import FeedClient, Offers, OrderBook, Refused
from marketdata.messages import (
    LotOffered,
    LotsMessage,
    LotsSnapshot,
    Offer,
    OrderRow,
    OrdersMessage,
    OrdersSnapshot,
    TermsDefined,
)
from marketdata.wire import Encoding
from matching.messages import PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, on_book, trade
from tests.marketdata.small_venue import DEADLINE_S, QUICK, SmallVenue


@pytest.fixture
async def venue() -> AsyncIterator[SmallVenue]:
    async with SmallVenue().living() as venue:
        yield venue


def offer(number: int, remaining: int) -> Offer:
    return Offer(
        id=number,
        kind="listing",
        side="sell",
        price=260,
        quantity=1_000,
        remaining=remaining,
        minimum=100,
        expires_ns=None,
        opened_ns=None,
        start_price=None,
        step=None,
        interval_ns=None,
        variety="BXJ",
        grade="1",
        warehouse="SX1",
        origin="北坡镇",
        harvest_date="2026-11-17",
        green_until_ns=None,
        certificate=True,
    )


def trade_at_random(venue: SmallVenue, chance: Random, commands: int) -> None:
    """Orders come, shrink, lose their places and go."""
    for sequence in range(venue.feed.sequence + 1, venue.feed.sequence + 1 + commands):
        changes = []
        for _ in range(chance.randrange(1, 4)):
            number = chance.randrange(3, 40)
            side, price = ("buy", 240 + number % 5) if number % 2 else ("sell", 250 + number % 5)
            quantity = chance.choice((0, 0, chance.randrange(1, 500)))
            changes.append(on_book(number, side, price, quantity, priority_lost=chance.random() < 0.3))
        venue.feed.publish(sequence, NOON_NS, list({change.order_id: change for change in changes}.values()))


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_orders_add_up_to_the_book_at_every_sequence(venue: SmallVenue, encoding: Encoding) -> None:
    chance = Random(7)
    async with FeedClient(venue.url, encoding=encoding, patience=QUICK) as client:
        orders = await client.read_orders(["A"])
        await client.subscribe("book", ["A"], depth=None)
        await client.synchronised("book", "A")
        await client.synchronised("orders", "A")
        for round_ in range(60):
            if round_ == 30:
                venue.connection.close(4008, "too slow")
                await client.until(lambda: client.connections == 2 and client.online)
            trade_at_random(venue, chance, 3)
            depth = venue.feed.instruments["A"].depth
            true = (depth.bids.best(None), depth.asks.best(None))
            await client.until(lambda true=true: (client.books["A"].bids(), client.books["A"].asks()) == true)
            # The last message of one channel may come after that of the other, in the same flush.
            await client.until(
                lambda true=true: (client.order_books["A"].bids(), client.order_books["A"].asks()) == true
            )
        kept = client.order_books["A"]
        queues = [row.order for row in (*kept.orders("buy"), *kept.orders("sell"))]
        message = venue.feed.stream("orders", "A", None, None, 0).snapshot().message
        assert isinstance(message, OrdersSnapshot)
        assert queues == [row.order for row in message.orders], "in the order of priority too"
        assert (client.gaps, client.bad_checksums, client.bad_messages) == (0, 0, 0)
        assert isinstance((await orders.take(1))[0], OrdersSnapshot)


def told(action: str, order: int, quantity: int, *, previous: int = 1, sequence: int = 2) -> OrdersMessage:
    return OrdersMessage(
        channel="orders",
        symbol="A",
        kind="delta",
        sequence=sequence,
        previous=previous,
        time_ns=NOON_NS,
        action=action,  # type: ignore[arg-type]
        order=order,
        side="buy",
        price=250,
        quantity=quantity,
    )


def queue_of(*orders: tuple[int, int]) -> OrderBook:
    """Bids at 2.50, the first to trade first."""
    book = OrderBook("A")
    rows = [OrderRow(order=order, side="buy", price=250, quantity=quantity) for order, quantity in orders]
    snapshot = OrdersSnapshot(
        channel="orders", symbol="A", kind="snapshot", sequence=1, previous=None, time_ns=NOON_NS, orders=rows
    )
    assert book.apply(snapshot)
    return book


def test_a_change_keeps_the_place_and_an_order_knows_what_is_ahead_of_it() -> None:
    book = queue_of((7, 100), (8, 50), (9, 10))
    assert book.apply(told("change", 7, 40))
    assert [(row.order, row.quantity) for row in book.queue("buy", 250)] == [(7, 40), (8, 50), (9, 10)]
    assert [book.ahead_of(order) for order in (7, 8, 9, 10)] == [0, 40, 90, None]
    assert book.apply(told("remove", 7, 0, previous=2, sequence=3))
    assert book.apply(told("add", 7, 5, previous=3, sequence=3))
    assert [(row.order, row.quantity) for row in book.orders("buy")] == [(8, 50), (9, 10), (7, 5)]
    assert book.bids() == [(250, 65, 3)]
    assert book.view().bids == book.bids(1)
    assert len(book) == 3


@pytest.mark.parametrize("action", ["change", "remove"])
def test_what_does_not_fit_is_a_fault_unless_it_may_be_a_repetition(action: str) -> None:
    book = queue_of((7, 100))
    assert not book.apply(told(action, 8, 10))
    assert book.apply(told(action, 8, 10, previous=2, sequence=2))
    assert not book.apply(told("add", 7, 10))


async def test_orders_that_do_not_fit_are_repaired(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("orders", ["A"])
        await client.synchronised("orders", "A")
        venue.say(
            '{"channel":"orders","symbol":"A","kind":"delta","sequence":3,"previous":2,"time_ns":1,'
            '"action":"remove","order":99,"side":"buy","price":250,"quantity":0}'
        )
        await client.until(lambda: client.bad_messages == 1)
        await client.synchronised("orders", "A")
        assert [row.order for row in client.order_books["A"].orders("buy")] == [1]


async def test_an_auction_tells_what_it_would_come_to(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        auction = await client.read_auction(["A"])
        status = await client.read_status(["A"])
        terms = TermsDefined(symbol="A", tick_size=1, reference_price=None, band=None)
        venue.feed.publish(3, NOON_NS, [terms, PhaseChanged(symbol="A", phase="auction")])
        venue.feed.publish(4, NOON_NS, [on_book(3, "buy", 261, 120)])
        async with asyncio.timeout(DEADLINE_S):
            while (message := await anext(auction)).quantity != 120:
                pass
        # 120 kg are wanted up to 2.61, and 300 kg offered from 2.60.
        assert (message.price, message.surplus) == (260, -180)
        assert [each.phase for each in await status.take(2)] == ["continuous", "auction"]


async def test_offers_that_stand_are_kept(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        lots = await client.read_lots(["A"])
        for sequence, each in enumerate((offer(7, 1_000), offer(8, 1_000), offer(7, 400), offer(8, 0)), 3):
            venue.feed.publish(sequence, NOON_NS, [LotOffered(symbol="A", offer=each)])
        heard = await lots.take(5, DEADLINE_S)
        assert isinstance(heard[0], LotsSnapshot)
        actions = [(each.action, each.lot.id) for each in heard if isinstance(each, LotsMessage)]
        assert actions == [("add", 7), ("add", 8), ("change", 7), ("remove", 8)]
        assert {number: lot.remaining for number, lot in client.offers["A"].standing.items()} == {7: 400}
        assert client.bad_messages == 0
        # Heard again after a lost connection, a change of what is known is harmless; unheard of, it is a fault.
        stranger = LotsMessage(
            channel="lots",
            symbol="A",
            kind="delta",
            sequence=9,
            previous=8,
            time_ns=1,
            action="change",
            lot=client.offers["A"].standing[7],
        )
        assert not Offers("A").apply(stranger)
        assert client.offers["A"].apply(stranger)


async def test_the_index_is_read_by_its_codes(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        index = await client.read_index()
        venue.feed.publish(3, NOON_NS, [trade(number, 250, 2_000) for number in range(1, 6)])
        async with asyncio.timeout(DEADLINE_S):
            while (message := await anext(index)).value is None:
                pass
        assert (message.symbol, message.value, message.date, message.final) == ("SXBI", 100_000, "2026-11-19", False)
        with pytest.raises(Refused, match="unknown_symbol"):
            await client.read_index(["A"])


async def test_readers_of_one_channel_are_typed_and_filtered(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        trades, ticker = await client.read_trades(["A"]), await client.read_ticker(["A", "B"], rate=10)
        candles, book = await client.read_candles(["A"], "1m"), await client.read_book(["A", "B"], depth=100)
        venue.change(2)
        assert [message.sequence for message in await trades.take(3)] == [2, 3, 4]
        assert {message.symbol for message in await ticker.take(2)} == {"A", "B"}
        assert [message.interval for message in await candles.take(2)] == ["1m", "1m"]
        assert [message.symbol for message in await book.take(2)] == ["A", "B"]
        again = await client.read_status(["A", "C"])
        assert [(refusal.code, refusal.symbol) for refusal in again.refused] == [("unknown_symbol", "C")]
        assert [message.symbol for message in await again.take(2, 0.01)] == ["A"]
        again.close()
        assert await again.take(1) == []
