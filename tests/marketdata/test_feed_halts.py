"""A venue that halts tells everybody who listens for it, and who comes later; nothing else on the feed changes."""

from typing import Any

import pytest

from marketdata.connection import MAX_OUTGOING
from marketdata.feed import Feed
from matching.messages import InstrumentDefined, PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS, Reader, on_book

REASON = "the journal cannot be written at sequence 5: the disk is full"


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), InstrumentDefined(symbol="B")])
    feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 400)])
    feed.publish(3, NOON_NS, [PhaseChanged(symbol="B", phase="closed")])
    return feed


def status(message: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(message[name] for name in ("symbol", "kind", "sequence", "previous", "phase", "reason"))


def test_every_reader_of_status_is_told_at_once_in_every_lane(feed: Feed) -> None:
    readers = [Reader(feed), Reader(feed, lane=4), Reader(feed, encoding="msgpack", framed=True)]
    for reader in readers:
        reader.ask(op="subscribe", channel="status", symbols=["A", "B"])
        reader.read()
    feed.publish(4, NOON_NS + SECOND_NS, [])
    feed.halt(REASON)
    for reader in readers:
        assert [status(message) for message in reader.read()] == [
            (symbol, "snapshot", 4, None, "halted", f"venue_halted: {REASON}") for symbol in ("A", "B")
        ]


def test_who_comes_later_or_comes_back_hears_it_too(feed: Feed) -> None:
    before = Reader(feed)
    before.ask(op="subscribe", channel="status", symbols=["B"])
    before.read()
    feed.publish(4, NOON_NS, [PhaseChanged(symbol="B", phase="continuous")])
    assert before.data("status")[0]["sequence"] == 4
    before.connection.disconnected()
    feed.halt(REASON)
    for options in ({}, {"resume_from": 4}, {"resume_from": 2}):
        later = Reader(feed)
        later.ask(op="subscribe", channel="status", symbols=["B"], **options)
        answer, snapshot = later.read()
        assert not answer["resumed"], "no command carries the halt's sequence"
        assert (snapshot["phase"], snapshot["reason"]) == ("halted", f"venue_halted: {REASON}")


def test_who_reads_slowly_hears_it_when_he_can(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="status", symbols=["A"])
    reader.read()
    reader.stick(MAX_OUTGOING)
    feed.halt(REASON)
    assert reader.read() == []
    reader.stick(0)
    reader.connection.drained()
    (late,) = reader.read()
    assert late["phase"] == "halted"
    assert reader.outlet.closed is None


def test_who_is_signed_in_hears_it_unasked_and_nobody_else_does(feed: Feed) -> None:
    trader, public = Reader(feed), Reader(feed)
    trader.connection.sign_in(7)
    feed.halt(REASON)
    assert trader.read() == [{"op": "error", "id": None, "code": "venue_halted", "detail": REASON}]
    assert public.read() == []


def test_books_stand_as_they_were(feed: Feed) -> None:
    feed.halt(REASON)
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    assert reader.drawn() == "bid 250 400/1"
