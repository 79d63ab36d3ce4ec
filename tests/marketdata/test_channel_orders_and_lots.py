"""The channels that tell every change singly: `orders`, by order and without names, and `lots`."""

from typing import Any

import pytest
from msgspec.structs import replace

import marketdata.series
from marketdata.connection import MAX_OUTGOING, REQUESTS_AT_ONCE
from marketdata.feed import KEPT_UNREAD_NS, Feed
from marketdata.messages import LotOffered, Offer
from marketdata.streams import RING, ROWS_A_REQUEST
from matching.messages import AuctionUncrossed, InstrumentDefined, PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS, Reader, on_book

DAY_NS = 86_400 * SECOND_NS


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), on_book(1, "buy", 250, 400), on_book(2, "buy", 250, 100)])
    feed.publish(2, NOON_NS, [on_book(3, "buy", 251, 5), on_book(4, "sell", 260, 7)])
    return feed


def orders_of(message: dict[str, Any]) -> list[tuple[int, str, int, int]]:
    return [(row["order"], row["side"], row["price"], row["quantity"]) for row in message["orders"]]


def said(message: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(message[field] for field in ("action", "order", "side", "price", "quantity"))


def test_a_book_by_order_begins_in_priority_and_goes_on_action_by_action(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="orders", symbols=["A"])
    _, snapshot = reader.read()
    assert orders_of(snapshot) == [(3, "buy", 251, 5), (1, "buy", 250, 400), (2, "buy", 250, 100), (4, "sell", 260, 7)]
    feed.publish(
        3,
        NOON_NS,
        [
            on_book(1, "buy", 250, 300),
            on_book(3, "buy", 251, 0),
            on_book(2, "buy", 249, 100),
            on_book(4, "sell", 260, 7, priority_lost=True),
            on_book(5, "sell", 261, 1),
        ],
    )
    messages = reader.read()
    assert [said(message) for message in messages] == [
        ("change", 1, "buy", 250, 300),
        ("remove", 3, "buy", 251, 0),
        ("remove", 2, "buy", 250, 0),
        ("add", 2, "buy", 249, 100),
        ("remove", 4, "sell", 260, 0),
        ("add", 4, "sell", 260, 7),
        ("add", 5, "sell", 261, 1),
    ]
    assert [(each["previous"], each["sequence"]) for each in messages] == [(2, 3)] + [(3, 3)] * 6


def test_what_shows_what_it_showed_is_not_told(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="orders", symbols=["A"])
    reader.read()
    feed.publish(3, NOON_NS, [on_book(1, "buy", 250, 400), on_book(9, "buy", 250, 0)])
    assert reader.read() == []


def test_single_orders_are_dark_in_an_auction_as_the_book_is(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="orders", symbols=["A"])
    reader.read()
    feed.publish(3, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
    (dark,) = reader.read()
    assert (dark["kind"], dark["sequence"], dark["orders"]) == ("snapshot", 3, [])
    feed.publish(4, NOON_NS, [on_book(6, "buy", 252, 1)])
    assert reader.read() == []
    late = Reader(feed)
    late.ask(op="subscribe", channel="orders", symbols=["A"])
    assert late.read()[1]["orders"] == []
    uncrossed = AuctionUncrossed(symbol="A", price=None, quantity=0, surplus=0)
    feed.publish(5, NOON_NS, [uncrossed, PhaseChanged(symbol="A", phase="continuous")])
    (light,) = reader.read()
    assert (light["kind"], light["sequence"]) == ("snapshot", 5)
    assert [row["order"] for row in light["orders"]] == [6, 3, 1, 2, 4]


@pytest.mark.parametrize("lane", [10, 4])
def test_a_slower_lane_is_told_everything_at_its_tick(feed: Feed, lane: int) -> None:
    reader = Reader(feed, lane=lane)
    reader.ask(op="subscribe", channel="orders", symbols=["A"])
    feed.tick(SECOND_NS)
    reader.read()
    for sequence in range(3, 9):
        feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, sequence)])
    assert reader.read() == []
    feed.tick(2 * SECOND_NS)
    messages = reader.read()
    assert [(each["previous"], each["sequence"], each["quantity"]) for each in messages] == [
        (sequence - 1, sequence, sequence) for sequence in range(3, 9)
    ]


def test_more_than_a_lane_keeps_between_its_ticks_becomes_a_snapshot(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marketdata.series, "WAITING", 10)
    reader = Reader(feed, lane=10)
    reader.ask(op="subscribe", channel="orders", symbols=["A"])
    feed.tick(SECOND_NS)
    reader.read()
    for sequence in range(3, 20):
        feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, sequence)])
    feed.tick(2 * SECOND_NS)
    (message,) = reader.read()
    assert (message["kind"], message["sequence"], orders_of(message)[1]) == ("snapshot", 19, (1, "buy", 250, 19))


def test_a_slow_reader_is_given_what_he_missed_or_a_snapshot(feed: Feed) -> None:
    slow, quick = Reader(feed), Reader(feed)
    for reader in (slow, quick):
        reader.ask(op="subscribe", channel="orders", symbols=["A"])
        reader.read()
    for commands, kinds in ((5, ["delta"] * 5), (RING + 1, ["snapshot"])):
        slow.stick(MAX_OUTGOING)
        for sequence in range(feed.sequence + 1, feed.sequence + 1 + commands):
            feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, 1_000 + sequence)])
            feed.flush()
        assert len(quick.read()) == commands
        assert slow.read() == []
        slow.outlet.stuck = 0
        slow.connection.flush()
        slow.connection.drained()
        assert [message["kind"] for message in slow.read()] == kinds
    assert slow.outlet.closed is None


def test_who_may_have_read_half_a_command_that_is_half_forgotten_gets_a_snapshot(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="orders", symbols=["A"])
    reader.read()
    reader.connection.disconnected()
    feed.publish(3, NOON_NS, [on_book(10 + number, "buy", 240, 1) for number in range(RING + 5)])
    feed.publish(4, NOON_NS, [on_book(1, "buy", 250, 1)])
    for resume_from, resumed in ((2, False), (3, False), (4, True)):
        again = Reader(feed)
        again.last["orders", "A"] = resume_from
        again.ask(op="subscribe", channel="orders", symbols=["A"], resume_from=resume_from)
        assert again.read()[0]["resumed"] is resumed


def test_single_orders_are_followed_only_while_somebody_reads_them(feed: Feed) -> None:
    depth = feed.instruments["A"].depth
    assert depth.changed is None
    readers = [Reader(feed), Reader(feed, lane=10)]
    for reader in readers:
        reader.ask(op="subscribe", channel="orders", symbols=["A"])
    assert depth.changed is not None
    readers[0].connection.disconnected()
    feed.tick(KEPT_UNREAD_NS + SECOND_NS)
    assert depth.changed is not None
    readers[1].connection.disconnected()
    feed.tick(3 * KEPT_UNREAD_NS)
    assert depth.changed is None


@pytest.mark.parametrize("asked_for", [{"channel": "orders"}, {"channel": "book", "depth": None}])
def test_a_large_snapshot_is_paid_for_by_its_size(feed: Feed, asked_for: dict[str, Any]) -> None:
    many = 600 * ROWS_A_REQUEST
    feed.publish(3, NOON_NS, [on_book(10 + number, "buy", 1_000 + number, 1) for number in range(many)])
    reader = Reader(feed)
    asked = 0
    while not any(message.get("code") == "too_many_requests" for message in reader.read()):
        reader.ask(op="subscribe", symbols=["A"], **asked_for)
        asked += 1
    assert asked == REQUESTS_AT_ONCE // 600 + 2
    feed.tick(SECOND_NS)
    reader.ask(op="ping", id=1)
    assert reader.answers()[-1]["op"] == "pong"


# Offers without a book

LISTED = Offer(
    id=7,
    kind="listing",
    side="sell",
    price=260,
    quantity=1_000,
    remaining=1_000,
    minimum=100,
    expires_ns=None,
    opened_ns=NOON_NS,
    start_price=None,
    step=None,
    interval_ns=None,
    variety="BXJ",
    grade="1",
    warehouse="SX1",
    origin="北坡镇",
    harvest_date="2026-11-17",
    green_until_ns=NOON_NS + 10 * DAY_NS,
    certificate=True,
)


def offered(*offers: Offer) -> list[LotOffered]:
    return [LotOffered(symbol="A", offer=offer) for offer in offers]


def test_offers_come_change_and_go(feed: Feed) -> None:
    feed.publish(3, NOON_NS, offered(LISTED))
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="lots", symbols=["A"])
    _, snapshot = reader.read()
    (lot,) = snapshot["lots"]
    assert (lot["id"], lot["remaining"], lot["origin"], lot["green_days"]) == (7, 1_000, "北坡镇", 10)
    assert not {"participant_id", "receipt_id", "grower"} & lot.keys()
    want = replace(LISTED, id=8, side="buy", origin=None, harvest_date=None, green_until_ns=None, certificate=None)
    feed.publish(4, NOON_NS + DAY_NS // 2, offered(replace(LISTED, remaining=600), want))
    messages = reader.read()
    assert [(each["action"], each["lot"]["id"], each["lot"]["remaining"]) for each in messages] == [
        ("change", 7, 600),
        ("add", 8, 1_000),
    ]
    assert [each["lot"]["green_days"] for each in messages] == [9, None]
    assert [each["previous"] for each in messages] == [3, 4]
    feed.publish(5, NOON_NS, offered(replace(LISTED, remaining=0)))
    (gone,) = reader.read()
    assert (gone["action"], gone["lot"]["remaining"]) == ("remove", 0)
    again = Reader(feed)
    again.ask(op="subscribe", channel="lots", symbols=["A"])
    assert [lot["id"] for lot in again.read()[1]["lots"]] == [8]


def test_what_nobody_has_been_shown_is_not_taken_away(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="lots", symbols=["A"])
    reader.read()
    feed.publish(3, NOON_NS, offered(replace(LISTED, remaining=0)))
    assert reader.read() == []
