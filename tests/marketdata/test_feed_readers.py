"""Readers who come and go, fall behind and catch up: whoever applies what he is told sees the book at every message."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import marketdata.streams
from marketdata.connection import LOW_WATER, MAX_BUFFERED, MAX_OUTGOING, PATIENCE_NS, TOO_SLOW
from marketdata.feed import KEPT_UNREAD_NS, Feed
from marketdata.messages import AccountChange, MarketEvent
from marketdata.streams import RING
from matching.messages import AuctionUncrossed, InstrumentDefined, PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS, Levels, Reader, on_book, trade


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), on_book(1, "buy", 250, 400)])
    return feed


def change(feed: Feed, times: int) -> None:
    """That many commands, each of which changes the book and trades."""
    for sequence in range(feed.sequence + 1, feed.sequence + 1 + times):
        feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, sequence), trade(sequence, 250, 1)])


def test_a_reader_who_was_away_goes_on_where_he_was(feed: Feed) -> None:
    first = Reader(feed)
    first.ask(op="subscribe", channel="book", symbols=["A"])
    change(feed, 3)
    first.read()
    first.connection.disconnected()
    change(feed, 5)
    again = Reader(feed, encoding="msgpack")
    again.go_on_from(first)
    again.ask(op="subscribe", id=1, channel="book", symbols=["A"], resume_from=first.last["book", "A"])
    change(feed, 1)
    answer, *messages = again.read()
    assert answer["resumed"] is True
    assert [(each["sequence"], each["previous"]) for each in messages] == [(s, s - 1) for s in range(5, 11)]
    assert again.drawn() == "bid 250 10/1"


def test_who_missed_nothing_is_sent_nothing(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    reader.ask(op="subscribe", channel="book", symbols=["A"], resume_from=1)
    (answer,) = reader.read()
    assert answer["resumed"] is True
    change(feed, 1)
    assert [each["sequence"] for each in reader.read()] == [2]


@pytest.mark.parametrize("resume_from", [0, 3, 10**15])
def test_where_nobody_knows_what_was_missed_a_snapshot_is_sent(feed: Feed, resume_from: int) -> None:
    feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 1)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    feed.publish(3, NOON_NS, [])  # no message of this stream, so nobody can have applied it
    feed.publish(4, NOON_NS, [on_book(1, "buy", 250, 2)])
    reader.read()
    reader.ask(op="subscribe", channel="book", symbols=["A"], resume_from=resume_from)
    answer, snapshot = reader.read()
    assert answer["resumed"] is False
    assert (snapshot["kind"], snapshot["sequence"]) == ("snapshot", 4)


def test_some_symbols_may_go_on_while_others_begin_afresh(feed: Feed) -> None:
    feed.publish(2, NOON_NS, [on_book(5, "buy", 240, 1, symbol="B")])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    feed.publish(3, NOON_NS, [on_book(1, "buy", 250, 9)])
    again = Reader(feed)
    again.go_on_from(reader)
    again.ask(op="subscribe", id=1, channel="book", symbols=["A", "B"], resume_from=2)
    answers = [(each["symbols"], each["resumed"]) for each in again.read() if "op" in each]
    assert answers == [(["A"], True), (["B"], False)]


def test_who_was_away_when_an_auction_began_gets_a_snapshot(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    change(feed, 2)
    reader.read()
    feed.publish(4, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
    feed.publish(5, NOON_NS, [PhaseChanged(symbol="A", phase="continuous")])
    change(feed, 1)
    again = Reader(feed)
    again.go_on_from(reader)
    again.ask(op="subscribe", channel="book", symbols=["A"], resume_from=3)
    answer, snapshot = again.read()
    assert (answer["resumed"], snapshot["kind"], snapshot["sequence"]) == (False, "snapshot", 6)
    # One who had that snapshot goes on from it.
    again.ask(op="subscribe", channel="book", symbols=["A"], resume_from=6)
    assert [answer["resumed"] for answer in again.read()] == [True]


def test_as_much_is_kept_as_a_batch_may_cause(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="trades", symbols=["A"])
    reader.read()
    reader.connection.disconnected()
    change(feed, RING)
    again = Reader(feed)
    again.last["trades", "A"] = 1
    again.ask(op="subscribe", channel="trades", symbols=["A"], resume_from=1)
    assert len(again.data("trades")) == RING
    change(feed, 1)
    late = Reader(feed)
    late.ask(op="subscribe", channel="trades", symbols=["A"], resume_from=1)
    answer, snapshot = late.read()
    assert (answer["resumed"], snapshot["kind"]) == (False, "snapshot")


def test_a_stream_that_nobody_reads_is_kept_a_while_and_then_forgotten(feed: Feed) -> None:
    feed.tick(SECOND_NS)
    reader = Reader(feed)
    for rate in (0, 10):
        reader.ask(op="subscribe", channel="book", symbols=["A"], rate=rate)
    reader.connection.sign_in(7)
    reader.ask(op="subscribe", channel="account")
    reader.read()
    reader.connection.disconnected()
    feed.tick(SECOND_NS + KEPT_UNREAD_NS)
    assert len(feed.instruments["A"].streams) == 2
    feed.tick(3 * SECOND_NS + KEPT_UNREAD_NS)
    assert feed.instruments["A"].streams == []
    feed.publish_account(7, 2, NOON_NS, [AccountChange(order={})])
    again = Reader(feed)
    again.connection.sign_in(7)
    again.ask(op="subscribe", channel="account", resume_from=1)
    assert again.answers()[0]["resumed"] is True, "nothing has happened since: the feed is at 1"


def test_a_slow_reader_gets_a_fresh_snapshot_and_nobody_else_notices(feed: Feed) -> None:
    slow, quick = Reader(feed), Reader(feed)
    for reader in (slow, quick):
        reader.ask(op="subscribe", channel="book", symbols=["A"])
        reader.ask(op="subscribe", channel="ticker", symbols=["A"])
        reader.read()
    slow.stick(MAX_OUTGOING)
    change(feed, 100)
    assert len(quick.read()) == 200
    assert slow.read() == []
    assert slow.connection.waiting() == MAX_OUTGOING, "nothing piles up"
    slow.stick(LOW_WATER + 1)
    feed.tick(SECOND_NS)
    assert slow.read() == []
    slow.stick(0)
    feed.tick(2 * SECOND_NS)
    assert [(each["channel"], each["kind"]) for each in slow.read()] == [("book", "snapshot"), ("ticker", "snapshot")]
    assert slow.drawn() == quick.drawn()
    change(feed, 1)
    assert len(slow.read()) == 2


def test_a_slow_reader_of_trades_is_given_what_he_missed(feed: Feed) -> None:
    slow = Reader(feed)
    slow.ask(op="subscribe", channel="trades", symbols=["A"])
    slow.read()
    change(feed, 2)
    slow.read()
    slow.stick(MAX_OUTGOING)
    change(feed, 300)
    slow.stick(0)
    slow.connection.drained()
    messages = slow.read()
    assert [each["sequence"] for each in messages] == list(range(4, 304)), "and the reader's own check finds no gap"


def test_a_reader_of_trades_who_missed_more_than_is_kept_is_told_so(feed: Feed) -> None:
    slow = Reader(feed)
    slow.ask(op="subscribe", channel="trades", symbols=["A"])
    slow.read()
    slow.stick(MAX_OUTGOING)
    change(feed, RING + 1)
    slow.stick(0)
    feed.tick(SECOND_NS)
    assert slow.outlet.closed == (TOO_SLOW, "too slow for trades A")


def test_patience_ends(feed: Feed) -> None:
    feed.tick(SECOND_NS)
    slow = Reader(feed)
    slow.ask(op="subscribe", channel="book", symbols=["A"])
    slow.read()
    slow.stick(MAX_OUTGOING)
    change(feed, 1)
    feed.flush()
    feed.tick(SECOND_NS + PATIENCE_NS)
    assert slow.outlet.closed is None
    feed.tick(3 * SECOND_NS + PATIENCE_NS)
    assert slow.outlet.closed == (TOO_SLOW, "too slow for book A")


def test_patience_ends_for_one_who_reads_no_stream_either(feed: Feed) -> None:
    reader = Reader(feed)
    reader.stick(MAX_OUTGOING + 1)
    for second in range(40):
        feed.tick(second * SECOND_NS)
    assert reader.outlet.closed == (TOO_SLOW, "too slow for what it asked")


def test_who_asks_without_reading_the_answers_is_bounded(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="ping")
    assert not reader.connection.congested
    reader.read()
    reader.stick(MAX_OUTGOING + 1)
    reader.ask(op="ping")
    feed.flush()
    assert reader.connection.congested
    reader.stick(MAX_BUFFERED)
    reader.ask(op="ping")
    feed.flush()
    reader.ask(op="ping")
    assert reader.outlet.closed is not None
    assert reader.outlet.closed[0] == TOO_SLOW


def test_a_snapshot_larger_than_the_buffer_is_sent_to_one_who_has_room(feed: Feed) -> None:
    feed.publish(2, NOON_NS, [on_book(number, "buy", number, 1_000_000) for number in range(100_000, 170_000)])
    reader = Reader(feed, framed=True)
    reader.ask(op="subscribe", channel="book", symbols=["A"], depth=None)
    _, snapshot = reader.read()
    assert len(snapshot["bids"]) == 70_001
    assert reader.outlet.closed is None
    change(feed, 1)
    assert len(reader.read()) == 1


def test_subscriptions_of_a_reader_without_room_begin_when_he_has_some(feed: Feed) -> None:
    reader = Reader(feed)
    reader.stick(LOW_WATER + 1)
    reader.ask(op="subscribe", channel="trades", symbols=["A"])
    assert [message.get("op") for message in reader.read()] == ["subscribed"]
    change(feed, 60)
    reader.stick(0)
    feed.tick(SECOND_NS)
    (snapshot,) = reader.read()
    assert (snapshot["kind"], len(snapshot["trades"])) == ("snapshot", 50)


def test_a_heart_beats_for_what_was_delivered_not_for_what_was_not(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="heartbeat")
    reader.ask(op="subscribe", channel="trades", symbols=["A"])
    reader.read()
    reader.stick(MAX_OUTGOING)
    change(feed, 5)
    feed.tick(SECOND_NS)
    (heartbeat,) = reader.data("heartbeat")
    assert heartbeat["sequence"] == 6
    assert heartbeat["streams"] == [["trades", "A", 1]]


def test_a_large_batch_leaves_in_pieces(feed: Feed) -> None:
    reader = Reader(feed, framed=True)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    before = reader.outlet.writes
    change(feed, 4_096)
    assert reader.outlet.writes - before >= 4_096 // marketdata.streams.SEAL_AT
    assert len(reader.read()) == 4_096


def test_the_feed_asks_to_be_flushed_once() -> None:
    woken: list[int] = []
    feed = Feed(wake=lambda: woken.append(1))
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A")])
    assert woken == [], "nobody reads"
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    assert len(woken) == 1
    change(feed, 3)
    assert len(woken) == 1
    feed.flush()
    change(feed, 3)
    assert len(woken) == 2


class Readers(RuleBasedStateMachine):
    """A market and its readers, against a truth that is kept the simple way: every order ever shown, and what it
    shows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.feed = Feed()
        self.feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A")])
        self.orders: dict[int, tuple[str, int, int]] = {}
        self.dark = False
        self.truths: dict[int, tuple[Levels, Levels]] = {1: ({}, {})}
        self.trades = 0
        self.now_ns = SECOND_NS
        self.readers: list[tuple[Reader, dict[str, Any]]] = []
        self.away: list[tuple[Reader, dict[str, Any]]] = []
        self.heard: dict[Reader, list[int]] = {}

    def _publish(self, events: list[MarketEvent]) -> None:
        sequence = self.feed.sequence + 1
        self.feed.publish(sequence, NOON_NS + sequence, events)
        sides: tuple[Levels, Levels] = ({}, {})
        if not self.dark:
            for side, price, quantity in self.orders.values():
                if quantity:
                    of = sides[0 if side == "buy" else 1]
                    total, count = of.get(price, (0, 0))
                    of[price] = (total + quantity, count + 1)
        self.truths[sequence] = sides

    @rule(
        shown=st.lists(
            st.tuples(st.integers(1, 90), st.sampled_from(["buy", "sell"]), st.integers(1, 70), st.integers(0, 2)),
            min_size=1,
            max_size=6,
        )
    )
    def orders_change(self, shown: list[tuple[int, Any, int, int]]) -> None:
        events: list[MarketEvent] = []
        for order_id, side, distance, quantity in shown:
            price = 500 - distance if side == "buy" else 500 + distance
            self.orders[order_id] = (side, price, quantity)
            events.append(on_book(order_id, side, price, quantity))
        self._publish(events)

    @rule(count=st.integers(20, 120), step=st.integers(1, 3))
    def the_book_fills(self, count: int, step: int) -> None:
        events: list[MarketEvent] = []
        for number in range(count):
            for base, side, sign in ((1000, "buy", -1), (2000, "sell", 1)):
                self.orders[base + number] = (side, 500 + sign * (number + 1) * step, 1)
                events.append(on_book(base + number, side, 500 + sign * (number + 1) * step, 1))  # type: ignore[arg-type]
        self._publish(events)

    @rule(low=st.integers(0, 100), count=st.integers(1, 60))
    def the_book_thins(self, low: int, count: int) -> None:
        events: list[MarketEvent] = []
        for order_id in list(self.orders)[low : low + count]:
            side, price, _ = self.orders[order_id]
            self.orders[order_id] = (side, price, 0)
            events.append(on_book(order_id, side, price, 0))  # type: ignore[arg-type]
        self._publish(events)

    @rule(count=st.integers(1, 3))
    def they_trade(self, count: int) -> None:
        events: list[MarketEvent] = []
        for _ in range(count):
            self.trades += 1
            events.append(trade(self.trades, 500, 1))
        self._publish(events)

    @rule(phase=st.sampled_from(["closed", "auction", "continuous", "halted"]))
    def the_phase_changes(self, phase: Any) -> None:
        events: list[MarketEvent] = []
        if self.dark and phase in ("closed", "continuous"):
            events.append(AuctionUncrossed(symbol="A", price=None, quantity=0, surplus=0))
        if phase == "auction":
            self.dark = True
        elif phase != "halted":
            self.dark = False
        self._publish([*events, PhaseChanged(symbol="A", phase=phase)])

    @rule(millis=st.sampled_from([25, 100, 250, 1000]))
    def time_goes_on(self, millis: int) -> None:
        self.now_ns += millis * SECOND_NS // 1000
        self.feed.tick(self.now_ns)

    @precondition(lambda self: len(self.readers) < 8)
    @rule(
        depth=st.sampled_from([25, 100, None]),
        lane=st.sampled_from([0, 10, 4]),
        encoding=st.sampled_from(["json", "msgpack"]),
        framed=st.booleans(),
    )
    def somebody_comes(self, depth: int | None, lane: int, encoding: str, framed: bool) -> None:
        reader = Reader(self.feed, encoding=encoding, framed=framed, lane=lane)
        ask = {"depth": depth, "symbols": ["A"]}
        reader.ask(op="subscribe", channel="book", **ask)
        reader.ask(op="subscribe", channel="trades", symbols=["A"])
        self.readers.append((reader, ask))

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 7))
    def somebody_goes(self, which: int) -> None:
        reader, ask = self.readers.pop(which % len(self.readers))
        reader.connection.disconnected()
        self.away.append((reader, ask))

    @precondition(lambda self: self.away)
    @rule(which=st.integers(0, 7))
    def somebody_comes_back(self, which: int) -> None:
        old, ask = self.away.pop(which % len(self.away))
        reader = Reader(self.feed, encoding=old.encoding, framed=old.framed, lane=old.connection.lane)
        reader.go_on_from(old)
        reader.ask(op="subscribe", channel="book", resume_from=old.last.get(("book", "A")), **ask)
        reader.ask(op="subscribe", channel="trades", resume_from=old.last.get(("trades", "A")), symbols=["A"])
        self.heard[reader] = self.heard.get(old, [])
        self.readers.append((reader, ask))

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 7), depth=st.sampled_from([25, 100, None]))
    def somebody_looks_deeper(self, which: int, depth: int | None) -> None:
        reader, ask = self.readers[which % len(self.readers)]
        self._hear(reader, ask)
        ask["depth"] = depth
        # Another depth is another stream: where the old one had come to is no place to resume the new one from.
        reader.last.pop(("book", "A"), None)
        reader.ask(op="subscribe", channel="book", **ask)

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 7), stuck=st.sampled_from([0, LOW_WATER + 1, MAX_OUTGOING]))
    def somebody_is_slow_or_quick(self, which: int, stuck: int) -> None:
        reader, _ = self.readers[which % len(self.readers)]
        reader.stick(stuck)
        if not stuck:
            reader.connection.drained()

    def _hear(self, reader: Reader, ask: dict[str, Any]) -> None:
        """Read, and after every message of the book compare with the truth of its sequence; hear every trade once, in
        order.
        """
        self.feed.flush()
        parts, reader.outlet.parts = reader.outlet.parts, []
        trades = self.heard.setdefault(reader, [])
        for message in (message for part in parts for message in reader.decode(part)):
            if "op" in message:
                assert message["op"] == "subscribed"
                continue
            reader.apply(message)
            if message["channel"] == "trades":
                ids = [each["trade_id"] for each in message["trades"]]
                if message["kind"] == "snapshot":
                    trades[:] = ids
                else:
                    trades.extend(ids)
            else:
                bids, asks = self.truths[message["sequence"]]
                size = ask["depth"]
                assert reader.bids == {price: bids[price] for price in sorted(bids, reverse=True)[:size]}
                assert reader.asks == {price: asks[price] for price in sorted(asks)[:size]}
        if trades:
            assert trades == list(range(trades[0], trades[-1] + 1)), "none lost, none twice"

    @invariant()
    def all_see_the_truth(self) -> None:
        truth = self.truths[self.feed.sequence]
        for reader, ask in self.readers:
            self._hear(reader, ask)
            if reader.connection.lane == 0 and reader.outlet.stuck <= LOW_WATER and not self.feed.behind:
                size = ask["depth"]
                assert reader.bids == {price: truth[0][price] for price in sorted(truth[0], reverse=True)[:size]}

    def teardown(self) -> None:
        for reader, _ in self.readers:
            reader.stick(0)
        for _ in range(3):
            self.now_ns += SECOND_NS
            self.feed.tick(self.now_ns)
        assert not self.feed.behind
        bids, asks = self.truths[self.feed.sequence]
        for reader, ask in self.readers:
            self._hear(reader, ask)
            assert reader.bids == {price: bids[price] for price in sorted(bids, reverse=True)[: ask["depth"]]}
            assert reader.asks == {price: asks[price] for price in sorted(asks)[: ask["depth"]]}
            assert self.heard[reader][-1:] == ([self.trades] if self.trades else [])
        self.feed.instruments["A"].depth.check()


TestReaders = pytest.mark.soak(Readers.TestCase)
TestReaders.settings = settings(stateful_step_count=40)
