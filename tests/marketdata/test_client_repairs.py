"""The client against a real server: books it keeps, what it repairs, how it comes back."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from marketdata.client import Disconnected, FeedClient, Overflow, Patience, Refused
from marketdata.depth import Depth
from marketdata.messages import AccountChange, AccountMessage, AccountSnapshot, TickerMessage, TradesMessage
from marketdata.wire import Encoding, Packet
from matching.messages import PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, on_book
from tests.marketdata.small_venue import DEADLINE_S, QUICK, SmallVenue


@pytest.fixture
async def venue() -> AsyncIterator[SmallVenue]:
    async with SmallVenue().living() as venue:
        yield venue


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_client_keeps_books(venue: SmallVenue, encoding: Encoding) -> None:
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


async def test_messages_are_told_in_order_and_typed(venue: SmallVenue) -> None:
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


async def test_messages_end_with_the_client(venue: SmallVenue) -> None:
    client = FeedClient(venue.url, patience=QUICK)
    await client.open()
    messages = client.messages()
    await client.subscribe("ticker", ["A"])
    await client.synchronised("ticker", "A")
    await client.close()
    assert [type(message) for message in [message async for message in messages]].count(TickerMessage) == 1
    with pytest.raises(Disconnected):
        await client.subscribe("ticker", ["A"])


async def test_messages_left_unread_are_not_lost_in_silence(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=Patience(unread=5)) as client:
        messages = client.messages("trades")
        await client.subscribe("trades", ["A"])
        await client.subscribe("book", ["A"])
        venue.change(10)
        await client.until(lambda: "A" in client.books and client.books["A"].sequence == 12)
        assert [(await anext(messages)).sequence for _ in range(5)] == [2, 3, 4, 5, 6]
        with pytest.raises(Overflow):
            await anext(messages)


async def test_good_symbols_are_read_and_bad_ones_are_told(venue: SmallVenue) -> None:
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


async def test_orders(venue: SmallVenue) -> None:
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


async def test_who_is_not_welcome_is_told_at_once(venue: SmallVenue) -> None:
    with pytest.raises(Refused, match="not_signed_in"):
        async with FeedClient(venue.url, token="bad"):
            pass
    port, venue.port = venue.port, 1
    with pytest.raises(ConnectionRefusedError):
        async with FeedClient(venue.url, patience=QUICK):
            pass
    venue.port = port


async def test_an_account_comes_with_the_sign_in(venue: SmallVenue) -> None:
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


async def test_a_client_that_was_cut_off_comes_back_and_misses_nothing(venue: SmallVenue) -> None:
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


async def test_after_a_new_start_of_the_venue_there_is_a_snapshot(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        venue.change(1)
        await client.until(lambda: client.books["A"].sequence == 3)
        await venue.server.stop()
        venue.pump.stop()
        restarted = SmallVenue()
        restarted.port = venue.port
        restarted.change(7)
        await restarted.open()
        restarted.pump.start()
        await client.until(lambda: client.books["A"].sequence == 9)
        assert client.books["A"].bids() == [(250, 9, 1)]
        assert client.gaps == 0
        restarted.pump.stop()
        await restarted.server.stop()


async def test_an_answer_that_never_came_is_no_answer(venue: SmallVenue) -> None:
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


async def test_a_client_may_be_told_not_to_come_back(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, reconnect=False) as client:
        await client.subscribe("status", ["A"])
        venue.connection.close(4008, "too slow")
        with pytest.raises(Disconnected):
            await client.until(lambda: False)


async def test_a_token_that_ran_out_ends_the_client(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, token="good", patience=QUICK) as client:
        venue.desk.tokens.clear()
        venue.connection.close(4008, "too slow")
        with pytest.raises(Refused, match="not_signed_in"):
            await client.until(lambda: False)


def forge(venue: SmallVenue, **changes: Any) -> None:
    """Send what the feed would never say: the last book message again, with something changed."""
    stream = venue.feed.stream("book", "A", 25, None, 0)
    message = {**_fields(stream.snapshot().message), "kind": "delta", "previous": stream.sequence, **changes}
    venue.connection.put([Packet(message)])


def _fields(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


async def test_a_gap_is_found_and_repaired(venue: SmallVenue) -> None:
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


async def test_a_wrong_checksum_is_found_and_repaired(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        forge(venue, bids=[(251, 7, 1)], sequence=2)
        await client.until(lambda: client.bad_checksums == 1)
        await client.synchronised("book", "A")
        assert client.books["A"].bids() == [(250, 400, 1)]


async def test_a_last_message_that_was_lost_is_missed_by_the_heartbeat(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        # The feed speaks, but these words are lost on the way, and nothing follows them.
        venue.change(1)
        venue.feed.unsealed[0]._unsealed.clear()
        await client.until(lambda: client.gaps == 1)
        await client.until(lambda: client.books["A"].sequence == 3)
        assert client.books["A"].bids() == [(250, 3, 1)]


async def test_silence_is_a_lost_connection(venue: SmallVenue) -> None:
    hasty = Patience(first_delay_s=0.01, longest_delay_s=0.05, silence_s=0.2)
    async with FeedClient(venue.url, patience=hasty) as client:
        venue.pump.stop()  # no heart beats any more
        await client.until(lambda: not client.online)
        venue.pump.start()
        await client.until(lambda: client.online)
        assert client.connections >= 2


async def test_a_book_in_an_auction_is_empty_and_then_back(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        venue.feed.publish(3, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
        await client.until(lambda: "A" in client.books and client.books["A"].bids() == [])
        venue.feed.publish(4, NOON_NS, [PhaseChanged(symbol="A", phase="continuous")])
        await client.until(lambda: client.books["A"].bids() == [(250, 400, 1)])
        assert client.gaps == 0


@pytest.mark.parametrize("nonsense", ['{"channel":', '"channel"', '{"channel":"gossip","kind":"delta"}', "[1,2]"])
async def test_a_message_that_nobody_can_read_is_counted_and_costs_nothing(venue: SmallVenue, nonsense: str) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        venue.say(nonsense)
        await client.until(lambda: client.bad_messages == 1)
        venue.change(1)
        await client.until(lambda: client.books["A"].sequence == 3)
        assert (client.gaps, client.connections) == (0, 1)


async def test_a_message_of_wrong_types_is_repaired(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        forge(venue, bids="none")
        await client.until(lambda: client.bad_messages == 1)
        await client.synchronised("book", "A")
        venue.change(1)
        await client.until(lambda: client.books["A"].sequence == 3)
        assert client.books["A"].bids() == [(250, 3, 1)]


async def test_answers_of_no_known_shape_are_counted(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        venue.say('{"op":"error"}')
        venue.say('{"op":"subscribed","id":1,"symbols":7}')
        await client.until(lambda: client.bad_messages >= 1)
        assert (await client.subscribe("book", ["A"])).symbols == ["A"]


async def test_what_stays_wrong_is_asked_for_less_and_less(venue: SmallVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Depth, "checksum", lambda depth: 1)
    patience = Patience(first_delay_s=0.02, longest_delay_s=0.08)
    loop = asyncio.get_running_loop()
    found: list[float] = []
    async with FeedClient(venue.url, patience=patience) as client:
        await client.subscribe("book", ["A"])
        while len(found) < 6:
            await client.until(lambda: client.bad_checksums > len(found))
            found.append(loop.time())
        assert client.connections == 1
    waits = [later - before for before, later in pairwise(found)]
    # At once, then after 20, 40, 80 and again 80 thousandths; a clock may be read a little late.
    assert all(wait > least for wait, least in zip(waits, (0.0, 0.015, 0.035, 0.07, 0.07), strict=True)), waits


async def test_a_snapshot_that_never_came_is_asked_for_again(venue: SmallVenue) -> None:
    hasty = Patience(first_delay_s=0.01, longest_delay_s=0.05, answer_s=0.1)
    async with FeedClient(venue.url, patience=hasty) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A", 10)
        # As if it had been lost on the way.
        client._streams["book", "A"].last = None
        await client.until(lambda: client._streams["book", "A"].last is not None, 10)
        assert client.connections == 1


async def test_an_instrument_that_is_gone_costs_itself_alone(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        await client.subscribe("trades", ["A"])
        lost = await client.read_trades(["B"])
        assert [message.kind for message in await lost.take(1)] == ["snapshot"]
        await venue.server.stop()
        venue.pump.stop()
        smaller = SmallVenue(("A",))
        smaller.port = venue.port
        async with smaller.living():
            with pytest.raises(Refused, match="unknown_symbol"):
                await anext(lost)
            await client.until(lambda: client.online)
            assert list(client.refused) == [("trades", "B")]
            with client.messages("trades", "A") as trades:
                smaller.change(1)
                assert [message.sequence for message in await trades.take(1, DEADLINE_S)] == [3]
            await client.close()


async def test_a_session_that_ends_is_told_to_who_reads_his_account(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, token="good", patience=QUICK) as client:
        account = await client.read_account()
        assert len(await account.take(1)) == 1
        venue.connection.sign_out("he has signed out elsewhere")
        with pytest.raises(Refused, match="signed_out"):
            await anext(account)
        assert (await client.subscribe("book", ["A"])).symbols == ["A"]


async def test_a_long_symbol_is_refused_like_any_other(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        answer = await client.subscribe("book", ["A", "X" * 200])
        assert (answer.symbols, [refusal.code for refusal in answer.refused]) == (["A"], ["unknown_symbol"])


async def test_the_venue_tells_its_time(venue: SmallVenue) -> None:
    async with FeedClient(venue.url, patience=QUICK) as client:
        assert NOON_NS <= await client.ping() < NOON_NS + 60 * 10**9
