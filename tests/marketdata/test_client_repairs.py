"""The client against a real server: books it keeps, what it repairs, how it comes back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from marketdata.client import Disconnected, FeedClient, Overflow, Patience, Refused
from marketdata.feed import Connection, Feed
from marketdata.messages import AccountChange, AccountMessage, AccountSnapshot, Error, TickerMessage, TradesMessage
from marketdata.pump import Pump
from marketdata.server import FeedServer
from marketdata.wire import Encoding, Packet
from matching.messages import InstrumentDefined, PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, on_book, trade

DEADLINE_S = 10.0


class Desk:
    """Knows one token, and takes every order but those for nothing."""

    def __init__(self) -> None:
        self.tokens = {"good": 7}
        self.held: asyncio.Event | None = None

    async def handle(self, connection: Connection, op: str, message: dict[str, Any]) -> Any:
        if op == "sign_in":
            participant_id = self.tokens.get(message["token"])
            if participant_id is None:
                return Error(id=message["id"], code="not_signed_in", detail="no such token", field="token")
            connection.sign_in(participant_id)
            return {"op": "signed_in", "id": message["id"]}
        if self.held is not None:
            await self.held.wait()
        if op == "cancel_all":
            return {"op": "orders", "id": message["id"], "orders": [message["symbol"]]}
        if message.get("quantity") == 0:
            return Error(id=message["id"], code="invalid_quantity", detail="nothing", field="quantity")
        fields = {key: value for key, value in message.items() if key not in ("op", "id")}
        return {"op": "order", "id": message["id"], "order": {"did": op, **fields}}

    async def disconnected(self, connection: Connection) -> None:
        pass


class Venue:
    """A market of two instruments whose server can be taken away and put back on its port."""

    def __init__(self) -> None:
        self.feed = Feed(account_snapshot=lambda participant_id: {"orders": [participant_id], "balances": []})
        self.feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), InstrumentDefined(symbol="B")])
        self.feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 400), on_book(2, "sell", 260, 300)])
        self.pump = Pump(self.feed, lambda: NOON_NS)
        self.desk = Desk()
        self.server = FeedServer(self.feed, order_entry=self.desk)
        self.port = 0

    async def open(self) -> None:
        self.server = FeedServer(self.feed, port=self.port, order_entry=self.desk)
        await self.server.start()
        self.port = self.server.port

    def change(self, times: int = 1) -> None:
        for sequence in range(self.feed.sequence + 1, self.feed.sequence + 1 + times):
            self.feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, sequence), trade(sequence, 250, 1)])

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/feed"

    @property
    def connection(self) -> Connection:
        (connection,) = self.feed.connections
        return connection


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    await venue.open()
    venue.pump.start()
    yield venue
    venue.pump.stop()
    async with asyncio.timeout(DEADLINE_S):
        await venue.server.stop()


QUICK = Patience(first_delay_s=0.01, longest_delay_s=0.05)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_client_keeps_books(venue: Venue, encoding: Encoding) -> None:
    async with FeedClient(venue.url, encoding=encoding) as client:
        answer = await client.subscribe("book", ["A", "B"], depth=None)
        assert (answer.symbols, answer.refused, answer.resumed) == (["A", "B"], [], False)
        await client.synchronised("book", "A")
        await client.synchronised("book", "B")
        venue.change(3)
        venue.feed.publish(6, NOON_NS, [on_book(9, "sell", 255, 10), on_book(2, "sell", 260, 0)])
        await client.until(lambda: client.books["A"].sequence == 6)
        assert client.books["A"].bids() == [(250, 5, 1)]
        assert client.books["A"].asks() == [(255, 10, 1)]
        assert client.books["B"].bids() == []
        assert (client.gaps, client.bad_checksums) == (0, 0)


async def test_messages_are_told_in_order_and_typed(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        with client.messages("trades") as trades, client.messages(symbol="A") as everything:
            await client.subscribe("trades", ["A"])
            await client.subscribe("ticker", ["A"], rate=10)
            await client.subscribe("candles", ["A"], interval="1m")
            venue.change(2)
            async with asyncio.timeout(DEADLINE_S):
                kinds = [await anext(trades) for _ in range(3)]
                channels = {(await anext(everything)).channel for _ in range(7)}
            assert all(isinstance(message, TradesMessage) for message in kinds)
            assert [message.sequence for message in kinds] == [2, 3, 4]
            assert channels == {"trades", "ticker", "candles"}


async def test_messages_end_with_the_client(venue: Venue) -> None:
    client = FeedClient(venue.url, patience=QUICK)
    await client.open()
    messages = client.messages()
    await client.subscribe("ticker", ["A"])
    await client.synchronised("ticker", "A")
    await client.close()
    assert [type(message) for message in [message async for message in messages]].count(TickerMessage) == 1
    with pytest.raises(Disconnected):
        await client.subscribe("ticker", ["A"])


async def test_messages_left_unread_are_not_lost_in_silence(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=Patience(unread=5)) as client:
        messages = client.messages("trades")
        await client.subscribe("trades", ["A"])
        await client.subscribe("book", ["A"])
        venue.change(10)
        await client.until(lambda: "A" in client.books and client.books["A"].sequence == 12)
        assert [(await anext(messages)).sequence for _ in range(5)] == [2, 3, 4, 5, 6]
        with pytest.raises(Overflow):
            await anext(messages)


async def test_good_symbols_are_read_and_bad_ones_are_told(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        answer = await client.subscribe("book", ["X", "A", "Y"])
        assert answer.symbols == ["A"]
        assert [(refusal.code, refusal.symbol) for refusal in answer.refused] == [
            ("unknown_symbol", "X"),
            ("unknown_symbol", "Y"),
        ]
        with pytest.raises(Refused, match="unknown_symbol"):
            await client.subscribe("book", ["X", "Y"])
        with pytest.raises(Refused, match="unknown_channel"):
            await client.subscribe("gossip", ["A"])
        await client.unsubscribe("book", ["A"])
        with pytest.raises(Refused, match="not_subscribed"):
            await client.unsubscribe("book", ["A"])


async def test_orders(venue: Venue) -> None:
    async with FeedClient(venue.url, token="good", patience=QUICK) as client:
        assert await client.place(symbol="A", quantity=5) == {"did": "place", "symbol": "A", "quantity": 5}
        assert await client.amend(3, price=250) == {"did": "amend", "order_id": 3, "price": 250}
        assert await client.cancel(3) == {"did": "cancel", "order_id": 3}
        assert (await client.cancel_all(symbol="A"))["orders"] == ["A"]
        with pytest.raises(Refused) as refused:
            await client.place(symbol="A", quantity=0)
        assert (refused.value.code, refused.value.field) == ("invalid_quantity", "quantity")
        many = await asyncio.gather(*(client.place(quantity=number) for number in range(1, 100)))
        assert [order["quantity"] for order in many] == list(range(1, 100))


async def test_who_is_not_welcome_is_told_at_once(venue: Venue) -> None:
    with pytest.raises(Refused, match="not_signed_in"):
        async with FeedClient(venue.url, token="bad"):
            pass
    port, venue.port = venue.port, 1
    with pytest.raises(ConnectionRefusedError):
        async with FeedClient(venue.url, patience=QUICK):
            pass
    venue.port = port


async def test_an_account_comes_with_the_sign_in(venue: Venue) -> None:
    async with FeedClient(venue.url, token="good", patience=QUICK) as client:
        messages = client.messages("account")
        await client.subscribe("account")
        await client.synchronised("account")
        venue.feed.publish(3, NOON_NS, [])
        venue.feed.publish_account(7, 3, NOON_NS, [AccountChange(order={"order_id": 1}), AccountChange(fill={"x": 1})])
        async with asyncio.timeout(DEADLINE_S):
            snapshot, order, fill = [await anext(messages) for _ in range(3)]
        assert isinstance(snapshot, AccountSnapshot)
        assert snapshot.orders == [7]
        assert isinstance(order, AccountMessage)
        assert isinstance(fill, AccountMessage)
        assert (order.order, order.previous, fill.fill, fill.previous) == ({"order_id": 1}, 2, {"x": 1}, 3)
        assert client.gaps == 0


async def test_a_client_that_was_cut_off_comes_back_and_misses_nothing(venue: Venue) -> None:
    async with FeedClient(venue.url, token="good", patience=QUICK) as client:
        trades = client.messages("trades", "A")
        await client.subscribe("trades", ["A"])
        await client.subscribe("book", ["A", "B"])
        await client.subscribe("account")
        await client.synchronised("trades", "A")
        await client.synchronised("book", "A")
        for round_ in range(3):
            await venue.server.stop()
            await client.until(lambda: not client.online)
            venue.change(5)
            await venue.open()
            await client.until(lambda: client.online)
            venue.change(1)
            assert client.connections == 2 + round_
        await client.until(lambda: client.books["A"].sequence == 20)
        assert client.books["A"].bids() == [(250, 20, 1)]
        async with asyncio.timeout(DEADLINE_S):
            heard = [await anext(trades) for _ in range(19)]
        assert [message.kind for message in heard] == ["snapshot"] + ["delta"] * 18, "resumed, not begun afresh"
        assert client.gaps == 0
        assert await client.place(quantity=1)


async def test_after_a_new_start_of_the_venue_there_is_a_snapshot(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        venue.change(1)
        await client.until(lambda: client.books["A"].sequence == 3)
        await venue.server.stop()
        venue.pump.stop()
        restarted = Venue()
        restarted.port = venue.port
        restarted.change(7)
        await restarted.open()
        restarted.pump.start()
        await client.until(lambda: client.books["A"].sequence == 9)
        assert client.books["A"].bids() == [(250, 9, 1)]
        assert client.gaps == 0
        restarted.pump.stop()
        await restarted.server.stop()


async def test_an_answer_that_never_came_is_no_answer(venue: Venue) -> None:
    venue.desk.held = asyncio.Event()
    async with FeedClient(venue.url, token="good", patience=QUICK) as client:
        placing = asyncio.create_task(client.place(quantity=1))
        await client.subscribe("status", ["A"])  # by now the order is in the venue's hands
        venue.connection.close(4008, "too slow")
        with pytest.raises(Disconnected):
            await placing
        venue.desk.held.set()
        await client.until(lambda: client.online and client.connections == 2)
        assert await client.place(quantity=1)


async def test_a_client_may_be_told_not_to_come_back(venue: Venue) -> None:
    async with FeedClient(venue.url, reconnect=False) as client:
        await client.subscribe("status", ["A"])
        venue.connection.close(4008, "too slow")
        with pytest.raises(Disconnected):
            await client.until(lambda: False)


async def test_a_token_that_ran_out_ends_the_client(venue: Venue) -> None:
    async with FeedClient(venue.url, token="good", patience=QUICK) as client:
        venue.desk.tokens.clear()
        venue.connection.close(4008, "too slow")
        with pytest.raises(Refused, match="not_signed_in"):
            await client.until(lambda: False)


def forge(venue: Venue, **changes: Any) -> None:
    """Send what the feed would never say: the last book message again, with something changed."""
    stream = venue.feed.stream("book", "A", 25, None, 0)
    message = {**_fields(stream.snapshot().message), "kind": "delta", "previous": stream.sequence, **changes}
    venue.connection.put([Packet(message)])


def _fields(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


async def test_a_gap_is_found_and_repaired(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        forge(venue, previous=999, sequence=1000, bids=[(251, 7, 1)])
        await client.until(lambda: client.gaps == 1)
        await client.synchronised("book", "A")
        venue.change(1)
        await client.until(lambda: client.books["A"].sequence == 3)
        assert client.books["A"].bids() == [(250, 3, 1)]
        assert (client.gaps, client.bad_checksums) == (1, 0)


async def test_a_wrong_checksum_is_found_and_repaired(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        forge(venue, bids=[(251, 7, 1)], sequence=2)
        await client.until(lambda: client.bad_checksums == 1)
        await client.synchronised("book", "A")
        assert client.books["A"].bids() == [(250, 400, 1)]


async def test_a_last_message_that_was_lost_is_missed_by_the_heartbeat(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        # The feed speaks, but these words are lost on the way, and nothing follows them.
        venue.change(1)
        venue.feed.unsealed[0]._unsealed.clear()
        await client.until(lambda: client.gaps == 1)
        await client.until(lambda: client.books["A"].sequence == 3)
        assert client.books["A"].bids() == [(250, 3, 1)]


async def test_silence_is_a_lost_connection(venue: Venue) -> None:
    hasty = Patience(first_delay_s=0.01, longest_delay_s=0.05, silence_s=0.2)
    async with FeedClient(venue.url, patience=hasty) as client:
        venue.pump.stop()  # no heart beats any more
        await client.until(lambda: not client.online)
        venue.pump.start()
        await client.until(lambda: client.online)
        assert client.connections >= 2


async def test_a_book_in_an_auction_is_empty_and_then_back(venue: Venue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        venue.feed.publish(3, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
        await client.until(lambda: "A" in client.books and client.books["A"].bids() == [])
        venue.feed.publish(4, NOON_NS, [PhaseChanged(symbol="A", phase="continuous")])
        await client.until(lambda: client.books["A"].bids() == [(250, 400, 1)])
        assert client.gaps == 0
