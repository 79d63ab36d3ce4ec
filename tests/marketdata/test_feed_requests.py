"""What readers may ask, and what they are answered when they should not have."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.connection import MAX_FRAME, MAX_IN_FLIGHT, MAX_REFUSED, MAX_SUBSCRIPTIONS, REQUESTS_AT_ONCE
from marketdata.feed import Connection, Feed
from marketdata.messages import AccountChange
from matching.messages import InstrumentDefined
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS, Reader, on_book


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), InstrumentDefined(symbol="B")])
    return feed


def test_a_ping_is_answered_with_its_id(feed: Feed) -> None:
    reader = Reader(feed)
    for request_id in (2, "two", None):
        reader.ask(op="ping", id=request_id)
    reader.ask(op="ping")
    assert [(answer["op"], answer["id"]) for answer in reader.answers()] == [
        ("pong", 2),
        ("pong", "two"),
        ("pong", None),
        ("pong", None),
    ]


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"op": "shout"}, "unknown_op", "op"),
        ({"op": ["subscribe"]}, "unknown_op", "op"),
        ({}, "unknown_op", "op"),
        ({"op": "subscribe", "channel": "gossip", "symbols": ["A"]}, "unknown_channel", "channel"),
        ({"op": "subscribe", "symbols": ["A"]}, "missing_field", "channel"),
        ({"op": "subscribe", "channel": 5, "symbols": ["A"]}, "invalid_channel", "channel"),
        ({"op": "subscribe", "channel": "book"}, "invalid_symbols", "symbols"),
        ({"op": "subscribe", "channel": "book", "symbols": "A"}, "invalid_symbols", "symbols"),
        ({"op": "subscribe", "channel": "book", "symbols": ["A"] * 1025}, "invalid_symbols", "symbols"),
        ({"op": "subscribe", "channel": "book", "symbols": ["A"], "depth": 24}, "invalid_depth", "depth"),
        ({"op": "subscribe", "channel": "book", "symbols": ["A"], "depth": "25"}, "invalid_depth", "depth"),
        ({"op": "subscribe", "channel": "book", "symbols": ["A"], "depth": 25.5}, "invalid_depth", "depth"),
        ({"op": "subscribe", "channel": "trades", "symbols": ["A"], "depth": "25"}, "invalid_depth", "depth"),
        ({"op": "subscribe", "channel": "candles", "symbols": ["A"]}, "invalid_interval", "interval"),
        ({"op": "subscribe", "channel": "candles", "symbols": ["A"], "interval": "2m"}, "invalid_interval", "interval"),
        ({"op": "subscribe", "channel": "book", "symbols": ["A"], "interval": 1}, "invalid_interval", "interval"),
        ({"op": "subscribe", "channel": "book", "symbols": ["A"], "rate": 7}, "invalid_rate", "rate"),
        (
            {"op": "subscribe", "channel": "book", "symbols": ["A"], "resume_from": -1},
            "invalid_resume_from",
            "resume_from",
        ),
        (
            {"op": "subscribe", "channel": "book", "symbols": ["A"], "resume_from": "1"},
            "invalid_resume_from",
            "resume_from",
        ),
        ({"op": "subscribe", "channel": "book", "symbols": ["A"], "dept": 25}, "unknown_field", "dept"),
        ({"op": "subscribe", "channel": "heartbeat", "symbols": ["A"]}, "invalid_symbols", "symbols"),
        ({"op": "subscribe", "channel": "account"}, "not_signed_in", None),
        ({"op": "unsubscribe", "channel": "book", "symbols": ["A"]}, "not_subscribed", "symbols"),
        ({"op": "unsubscribe", "channel": "book"}, "not_subscribed", None),
        ({"op": "unsubscribe", "channel": "account"}, "not_subscribed", None),
        ({"op": "unsubscribe", "channel": "gossip"}, "unknown_channel", "channel"),
        ({"op": "ping", "volume": 11}, "unknown_field", "volume"),
        ({"op": "place", "symbol": "A"}, "not_available", "op"),
    ],
)
def test_what_is_wrong_is_named(feed: Feed, message: dict[str, Any], code: str, field: str | None) -> None:
    for encoding in ("json", "msgpack"):
        reader = Reader(feed, encoding=encoding)
        assert reader.ask(id=9, **message) is None
        (answer,) = reader.answers()
        assert (answer["op"], answer["id"], answer["code"], answer.get("field")) == ("error", 9, code, field)
        assert answer["detail"]
        assert reader.outlet.closed is None


@pytest.mark.parametrize(
    "data",
    [
        "",
        "subscribe",
        "[]",
        "7",
        '{"op":"ping"',
        '{"op":NaN}',
        '{"op":"\\udc00"}',
        "[" * 60_000,
        b"\x00\x01",
        "\ud800",
    ],
)
def test_what_is_no_message_is_answered(feed: Feed, data: str | bytes) -> None:
    reader = Reader(feed)
    reader.connection.receive(data)
    (answer,) = reader.answers()
    assert answer["op"] == "error"
    assert answer["id"] is None
    assert answer["code"] == ("wrong_encoding" if isinstance(data, bytes) else "invalid_message")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x07", b"\x91" * 60_000, b"\xd9\x02\xff\xff", b"\x81\x01\x02", "{}"])
def test_what_is_no_messagepack_is_answered(feed: Feed, data: str | bytes) -> None:
    reader = Reader(feed, encoding="msgpack")
    reader.connection.receive(data)
    (answer,) = reader.answers()
    assert answer["code"] == ("wrong_encoding" if isinstance(data, str) else "invalid_message")


@pytest.mark.parametrize("request_id", [True, False, 1.5, -0.25])
@pytest.mark.parametrize("message", [{"op": "ping"}, {"op": "fly"}, {"op": "subscribe", "channel": "tea"}])
def test_an_id_of_another_kind_is_refused_and_repeated(feed: Feed, request_id: Any, message: dict[str, Any]) -> None:
    reader = Reader(feed)
    reader.ask(id=request_id, **message)
    (answer,) = reader.answers()
    assert answer["op"] == "error"
    assert (answer["id"], type(answer["id"])) == (request_id, type(request_id))


@pytest.mark.parametrize(
    "request_id", [[1], {"a": 1}, "x" * 65, 2**53, -(2**53), 10**30, int("9" * 4000), float("inf"), float("nan")]
)
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_an_id_that_is_none_is_not_repeated(feed: Feed, request_id: Any, encoding: str) -> None:
    reader = Reader(feed, encoding=encoding)
    try:
        reader.ask(op="ping", id=request_id)
    except OverflowError:
        return  # what MessagePack cannot write down it cannot say
    (answer,) = reader.answers()
    assert answer["id"] is None
    assert answer["code"] in ("invalid_id", "invalid_message")


def test_one_bad_symbol_never_costs_the_others(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", id=3, channel="book", symbols=["A", "Z", 5, "B", None, "A", "q" * 500])
    messages = reader.read()
    errors = [message for message in messages if message.get("op") == "error"]
    assert [(error["id"], error["code"], error.get("symbol")) for error in errors] == [
        (3, "unknown_symbol", "Z"),
        (3, "invalid_symbols", None),
        (3, "invalid_symbols", None),
        (3, "unknown_symbol", "q" * 64),
    ]
    assert [message["symbols"] for message in messages if message.get("op") == "subscribed"] == [["A", "B"]]
    assert [message["symbol"] for message in messages if "op" not in message] == ["A", "B"]
    feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 1, symbol="B")])
    assert [message["symbol"] for message in reader.read()] == ["B"]


def test_what_means_nothing_in_a_channel_may_be_said(feed: Feed) -> None:
    """So that a program can send all subscriptions in one shape."""
    reader = Reader(feed)
    shape = {"op": "subscribe", "depth": 25, "interval": "1m", "rate": None, "resume_from": None}
    for channel in ("book", "trades", "ticker", "candles", "status"):
        reader.ask(channel=channel, symbols=["A"], **shape)
    reader.ask(channel="heartbeat", symbols=None, **shape)
    answers = {answer["channel"]: answer for answer in reader.answers()}
    assert {answer["op"] for answer in answers.values()} == {"subscribed"}
    assert {channel for channel, answer in answers.items() if "depth" in answer} == {"book"}
    assert {channel for channel, answer in answers.items() if "interval" in answer} == {"candles"}


def test_subscribing_again_replaces_the_first(feed: Feed) -> None:
    feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 1)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"], depth=25)
    reader.ask(op="subscribe", channel="book", symbols=["A"], depth=None)
    reader.read()
    feed.publish(3, NOON_NS, [on_book(1, "buy", 250, 2)])
    (delta,) = reader.read()
    assert delta["depth"] is None


def test_unsubscribing_ends_it(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A", "B"])
    reader.ask(op="subscribe", channel="heartbeat")
    reader.read()
    reader.ask(op="unsubscribe", id=1, channel="book", symbols=["A"], depth=25)
    reader.ask(op="unsubscribe", id=2, channel="heartbeat")
    assert reader.answers() == [
        {"op": "unsubscribed", "id": 1, "channel": "book", "symbols": ["A"]},
        {"op": "unsubscribed", "id": 2, "channel": "heartbeat", "symbols": []},
    ]
    feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 1), on_book(2, "buy", 250, 1, symbol="B")])
    feed.tick(SECOND_NS)
    assert [message["symbol"] for message in reader.read()] == ["B"]


def test_there_is_a_limit_to_the_subscriptions_of_one_connection() -> None:
    feed = Feed()
    names = [f"S{number}" for number in range(MAX_SUBSCRIPTIONS + 2)]
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol=name) for name in names])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="status", symbols=names[:1000])
    reader.read()
    reader.ask(op="subscribe", id=4, channel="status", symbols=names[990:])
    messages = reader.read()
    assert [message["symbol"] for message in messages if message.get("code") == "too_many_subscriptions"] == names[-2:]
    assert len(reader.connection.subscriptions) == MAX_SUBSCRIPTIONS


def test_a_flood_is_refused_then_ended_and_a_pause_earns_more(feed: Feed) -> None:
    feed.tick(SECOND_NS)
    reader = Reader(feed)
    for _ in range(REQUESTS_AT_ONCE):
        reader.ask(op="ping")
    assert {answer["op"] for answer in reader.answers()} == {"pong"}
    reader.ask(op="ping", id=5)
    reader.connection.receive("nonsense")
    assert [answer["code"] for answer in reader.answers()] == ["too_many_requests", "too_many_requests"]
    feed.tick(2 * SECOND_NS)
    reader.ask(op="ping", id=6)
    assert reader.answers()[0]["op"] == "pong"
    for _ in range(REQUESTS_AT_ONCE + MAX_REFUSED + 5):
        reader.ask(op="ping")
    assert reader.outlet.closed == (1008, "too many requests")
    assert len(feed.connections) == 1, "until the adapter says that it is gone"
    assert reader.connection.disconnected() is None
    assert not feed.connections


def test_a_message_that_is_too_long_ends_the_connection(feed: Feed) -> None:
    reader = Reader(feed)
    reader.connection.receive('{"op":"ping","id":"' + "x" * MAX_FRAME + '"}')
    assert reader.outlet.closed is not None
    assert reader.outlet.closed[0] == 1009


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ).flatmap(
        lambda value: st.sampled_from(
            [
                value,
                {"op": value},
                {"op": "subscribe", "channel": value},
                {"op": "subscribe", "channel": "book", "symbols": value},
                {"op": "subscribe", "channel": "book", "symbols": ["A", value], "id": value},
                {"op": "subscribe", "channel": "book", "symbols": ["A"], "depth": value},
                {"op": "subscribe", "channel": "candles", "symbols": ["A"], "interval": value},
                {"op": "subscribe", "channel": "trades", "symbols": ["A"], "resume_from": value},
                {"op": "subscribe", "channel": "ticker", "symbols": ["A"], "rate": value},
                {"op": "unsubscribe", "channel": "book", "symbols": value},
                {"op": "ping", "id": value},
                {"op": "ping", "x": value},
            ]
        )
    )
)
def test_nothing_that_can_be_said_breaks_the_feed(message: Any) -> None:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A")])
    reader, packed = Reader(feed), Reader(feed, encoding="msgpack")
    try:
        reader.connection.receive(json.dumps(message))
        packed.connection.receive(msgspec.msgpack.encode(message))
    except (UnicodeEncodeError, OverflowError):
        return  # what cannot be written down cannot be said
    assert reader.read()
    assert packed.read()


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_noise_is_answered(noise: str | bytes) -> None:
    for encoding in ("json", "msgpack"):
        reader = Reader(Feed(), encoding=encoding)
        reader.connection.receive(noise)
        assert [answer["op"] for answer in reader.answers()] == ["error"]


class Desk:
    """An order entry that answers when it is told to."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.gone: list[Connection] = []

    async def handle(self, connection: Connection, op: str, message: dict[str, Any]) -> Any:
        if op == "sign_in":
            connection.sign_in(7)
            return {"op": "signed_in", "id": message["id"]}
        future = self.waiting[message["id"]] = asyncio.get_running_loop().create_future()
        return await future

    async def disconnected(self, connection: Connection) -> None:
        self.gone.append(connection)


async def test_orders_are_answered_as_they_are_done(feed: Feed) -> None:
    desk = Desk()
    reader = Reader(feed, order_entry=desk)
    work = reader.ask(op="sign_in", id=1, token="t")
    assert work is not None
    await work
    assert reader.answers() == [{"op": "signed_in", "id": 1}]
    assert reader.connection.participant_id == 7

    tasks = []
    for request_id in (2, 3, 4):
        work = reader.ask(op="place", id=request_id, symbol="A", anything="goes")
        assert work is not None
        tasks.append(asyncio.create_task(work))
    while len(desk.waiting) < 3:
        await asyncio.sleep(0)
    desk.waiting[3].set_result({"op": "order", "id": 3, "order": {"order_id": 1}})
    await tasks[1]
    assert [answer["id"] for answer in reader.answers()] == [3]
    desk.waiting[4].set_exception(RuntimeError("a bug"))
    await tasks[2]
    (answer,) = reader.answers()
    assert (answer["id"], answer["code"]) == (4, "internal_error")

    gone = reader.connection.disconnected()
    assert gone is not None
    await gone
    assert desk.gone == [reader.connection]
    desk.waiting[2].set_result({"op": "order", "id": 2, "order": {}})
    await tasks[0]
    assert reader.outlet.parts == [], "nobody is there to be told"
    assert reader.connection.disconnected() is None, "once is enough"


class Doorkeeper(Desk):
    """Lets in whom the token names, when it is told to."""

    async def handle(self, connection: Connection, op: str, message: dict[str, Any]) -> Any:
        answer = await super().handle(connection, "wait", message)
        if op == "sign_in":
            connection.sign_in(message["token"])
        return answer


async def test_what_is_asked_of_the_account_waits_for_the_sign_ins_before_it(feed: Feed) -> None:
    desk = Doorkeeper()
    reader = Reader(feed, order_entry=desk)
    tasks = []

    def send(**message: Any) -> None:
        work = reader.ask(**message)
        if work is not None:
            tasks.append(asyncio.create_task(work))

    send(op="subscribe", id=1, channel="account")
    send(op="sign_in", id=2, token=None)
    send(op="subscribe", id=3, channel="account")
    send(op="sign_in", id=4, token=7)
    send(op="subscribe", id=5, channel="account")
    send(op="ping", id=6)
    send(op="unsubscribe", id=7, channel="account")
    while len(desk.waiting) < 2:
        await asyncio.sleep(0)
    assert [(answer["id"], answer["op"]) for answer in reader.answers()] == [(1, "error"), (6, "pong")]
    desk.waiting[2].set_result({"op": "error", "id": 2})
    await tasks[0]
    assert [(answer["id"], answer["op"]) for answer in reader.answers()] == [(2, "error"), (3, "error")]
    desk.waiting[4].set_result({"op": "signed_in", "id": 4})
    await tasks[1]
    messages = reader.read()
    assert [(each["id"], each["op"]) for each in messages if "op" in each] == [
        (4, "signed_in"),
        (5, "subscribed"),
        (7, "unsubscribed"),
    ]
    assert [each["kind"] for each in messages if "op" not in each] == ["snapshot"]


async def test_what_waits_for_a_sign_in_is_limited_and_goes_with_its_connection(feed: Feed) -> None:
    desk = Doorkeeper()
    reader = Reader(feed, order_entry=desk)
    work = reader.ask(op="sign_in", id=0, token=7)
    assert work is not None
    task = asyncio.create_task(work)
    for request_id in range(1, MAX_IN_FLIGHT + 1):
        assert reader.ask(op="subscribe", id=request_id, channel="account") is None
    (answer,) = reader.answers()
    assert (answer["id"], answer["code"]) == (MAX_IN_FLIGHT, "too_many_requests")
    gone = reader.connection.disconnected()
    assert gone is not None
    await gone
    while not desk.waiting:
        await asyncio.sleep(0)
    desk.waiting[0].set_result({"op": "signed_in", "id": 0})
    await task
    assert reader.outlet.parts == []
    assert not feed.account(7).readers


def test_a_session_that_ends_silences_the_account_at_once_and_says_so(feed: Feed) -> None:
    reader = Reader(feed)
    reader.connection.sign_in(7)
    reader.ask(op="subscribe", id=1, channel="account")
    reader.ask(op="subscribe", id=2, channel="book", symbols=["A"])
    reader.read()
    reader.connection.sign_out("the session was ended elsewhere")
    feed.publish(feed.sequence + 1, NOON_NS, [on_book(1, "buy", 250, 7)])
    feed.publish_account(7, feed.sequence, NOON_NS, [AccountChange(order={"order_id": 1})])
    told, book = reader.read()
    assert told == {"op": "error", "id": None, "code": "signed_out", "detail": "the session was ended elsewhere"}
    assert book["channel"] == "book"
    reader.connection.sign_out("again")
    reader.ask(op="subscribe", id=3, channel="account")
    assert [answer["code"] for answer in reader.answers()] == ["not_signed_in"]


async def test_there_is_a_limit_to_the_orders_that_wait(feed: Feed) -> None:
    desk = Desk()
    reader = Reader(feed, order_entry=desk)
    tasks = []
    for request_id in range(MAX_IN_FLIGHT):
        work = reader.ask(op="place", id=request_id)
        assert work is not None
        tasks.append(asyncio.create_task(work))
    assert reader.ask(op="place", id=9_999) is None
    (answer,) = reader.answers()
    assert (answer["id"], answer["code"]) == (9_999, "too_many_requests")
    while len(desk.waiting) < MAX_IN_FLIGHT:
        await asyncio.sleep(0)
    for future in desk.waiting.values():
        future.set_result({"op": "order"})
    await asyncio.gather(*tasks)
    work = reader.ask(op="sign_in", id=1)
    assert work is not None
    await work
