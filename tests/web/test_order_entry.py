"""Orders over the programs' WebSocket: HTTP's meaning, many under way at once, safety when the line breaks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from marketdata.connection import REST_S
from marketdata.pump import Pump
from marketdata.server import FeedServer
from matching.messages import MassCancel
from settlement.messages import EnterOrder
from tests.web.office import SYMBOL, TRADER, Office, buy, get, new_lot, post
from web.ports import VenueBusy
from web.sessions import Caller

DEADLINE_S = 10.0


class Line:
    """One connection to the programs' port."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def ask(self, **message: Any) -> dict[str, Any]:
        await self.send(**message)
        return await self.hear(message.get("id"))

    async def hear(self, request_id: Any = None) -> dict[str, Any]:
        """The next answer; with an id, it must be that one's."""
        async with asyncio.timeout(DEADLINE_S):
            answer: dict[str, Any] = json.loads(await self.socket.recv())
        if request_id is not None:
            assert answer["id"] == request_id, answer
        return answer

    async def sign_in(self, office: Office, name: str = "trader", **options: Any) -> dict[str, Any]:
        return await self.ask(op="sign_in", id="in", token=await office.token(name), **options)


@pytest_asyncio.fixture
async def port(office: Office) -> AsyncIterator[int]:
    await office.stock(1000)
    pump = Pump(office.gateway.feed, lambda: office.gateway.time_ns)
    server = FeedServer(office.gateway.feed, order_entry=office.app.state["order_entry"])
    pump.start()
    await server.start()
    yield server.port
    await server.stop()
    pump.stop()


@pytest_asyncio.fixture
async def line(port: int) -> AsyncIterator[Line]:
    async with connect(f"ws://127.0.0.1:{port}/", compression=None) as socket:
        yield Line(socket)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_sign_in_place_amend_cancel(office: Office, line: Line) -> None:
    signed = await line.sign_in(office)
    assert (signed["op"], signed["id"], signed["participant_id"], signed["roles"]) == (
        *("signed_in", "in", TRADER, ["trader"]),
    )
    placed = await line.ask(op="place", id=1, **buy("a", 50, 240))
    assert (placed["op"], placed["repeated"]) == ("order", False)
    trader = await office.as_("trader")
    order_id = placed["order"]["order_id"]
    assert placed["order"] == await get(trader, f"orders/{order_id}")

    again = await line.ask(op="place", id=2, **buy("a", 50, 240))
    assert (again["order"], again["repeated"]) == (placed["order"], True)
    amended = await line.ask(op="amend", id=3, order_id=order_id, quantity=20)
    assert amended["order"]["quantity"] == 20
    cancelled = await line.ask(op="cancel", id=4, order_id=order_id)
    assert cancelled["order"]["status"] == "cancelled"
    assert (await line.ask(op="cancel", id=5, order_id=order_id))["order"] == cancelled["order"]
    refused = await line.ask(op="place", id=6, **buy("b", 0))
    assert (refused["order"]["status"], refused["order"]["reason"]) == ("rejected", "invalid_quantity")
    for number in range(3):
        await line.ask(op="place", id=7, **buy(f"c{number}", 1, 200 + number))
    gone = await line.ask(op="cancel_all", id=8, symbol=SYMBOL, side="buy")
    assert gone["op"] == "orders"
    assert [order["client_order_id"] for order in gone["orders"]] == ["c0", "c1", "c2"]
    assert gone["sequence"] == office.gateway.sequence


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"op": "place"}, "invalid_request", "client_order_id"),
        ({"op": "place", **buy("a", 1), "quantity": "1"}, "invalid_request", "quantity"),
        ({"op": "place", **buy("a", 1), "colour": "green"}, "invalid_request", "colour"),
        ({"op": "place", **buy("a\u0000", 1)}, "invalid_request", "client_order_id"),
        ({"op": "amend", "order_id": 99, "quantity": 1}, "unknown_order", None),
        ({"op": "amend", "quantity": 1}, "invalid_request", "order_id"),
        ({"op": "cancel", "order_id": 99}, "unknown_order", None),
        ({"op": "cancel", "order_id": 0}, "invalid_request", "order_id"),
        ({"op": "cancel", "order_id": "1"}, "invalid_request", "order_id"),
        ({"op": "cancel_all", "side": "up"}, "invalid_request", "side"),
        ({"op": "cancel_all", "symbol": "NO"}, "unknown_symbol", "symbol"),
        ({"op": "sign_in"}, "invalid_request", "token"),
        ({"op": "sign_in", "token": "x"}, "unauthenticated", None),
        ({"op": "sign_in", "token": "x", "cancel_after_ms": 1}, "invalid_request", "cancel_after_ms"),
        ({"op": "place", "id": [1], **buy("a", 1)}, "invalid_request", "id"),
        ({"op": "place", "id": 1.5, **buy("a", 1)}, "invalid_request", "id"),
    ],
)
async def test_what_is_wrong_is_answered(
    office: Office, line: Line, message: dict[str, Any], code: str, field: str | None
) -> None:
    await line.sign_in(office)
    await line.send(**{"id": "q", **message})
    answer = await line.hear()
    assert (answer["op"], answer["code"], answer.get("field")) == ("error", code, field)
    assert answer["id"] == (None if isinstance(message.get("id"), list) else message.get("id", "q"))
    assert answer["detail"]
    assert (await line.ask(op="ping", id=2))["op"] == "pong"


async def test_the_name_of_another_order(office: Office, line: Line) -> None:
    await line.sign_in(office)
    await line.ask(op="place", id=1, **buy("a", 1))
    other = await line.ask(op="place", id=2, **buy("a", 2))
    assert (other["code"], other["field"]) == ("client_order_id_reused", "client_order_id")


async def test_signing_in_comes_first_and_roles_count(office: Office, line: Line) -> None:
    assert (await line.ask(op="place", id=1, **buy("a", 1)))["code"] == "unauthenticated"
    await line.sign_in(office, "analyst")
    assert (await line.ask(op="place", id=2, **buy("a", 1)))["code"] == "forbidden"
    await line.sign_in(office)
    assert (await line.ask(op="place", id=3, **buy("a", 1)))["op"] == "order"


async def test_signing_out_elsewhere_ends_it_here(office: Office, line: Line) -> None:
    token = await office.token("trader")
    await line.ask(op="sign_in", id=1, token=token)
    await line.ask(op="subscribe", id=1, channel="account")
    assert (await line.hear())["kind"] == "snapshot"
    await office.anyone.delete("/api/v1/sessions/current", headers={"authorization": f"Bearer {token}"})
    told = await line.hear()
    assert (told["op"], told["id"], told["code"]) == ("error", None, "signed_out")
    trader = await office.as_("trader")
    await post(trader, "orders", buy("elsewhere", 1), 201)
    assert (await line.ask(op="place", id=2, **buy("a", 1)))["code"] == "unauthenticated"
    assert (await line.ask(op="subscribe", id=3, channel="account"))["code"] == "not_signed_in"


async def test_a_session_that_ends_keeps_what_was_promised_for_a_broken_line(office: Office, port: int) -> None:
    await _resting(office)
    async with connect(f"ws://127.0.0.1:{port}/") as socket:
        line = Line(socket)
        token = await office.token("trader")
        await line.ask(op="sign_in", id=1, token=token, cancel_on_disconnect=True)
        await office.anyone.delete("/api/v1/sessions/current", headers={"authorization": f"Bearer {token}"})
        assert (await line.hear())["code"] == "signed_out"
        assert len(office.gateway.live_orders(TRADER)) == 1
    await until(lambda: not office.gateway.live_orders(TRADER))


async def test_account_asked_in_one_breath_with_the_sign_in(office: Office, line: Line) -> None:
    await line.send(op="sign_in", id=1, token=await office.token("trader"))
    await line.send(op="subscribe", id=2, channel="account")
    assert (await line.hear(1))["op"] == "signed_in"
    assert (await line.hear(2))["op"] == "subscribed"
    assert (await line.hear())["kind"] == "snapshot"


async def test_orders_sent_in_one_breath_with_the_sign_in_by_a_line_that_breaks_are_cancelled(
    office: Office, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, entered = await office.token("trader"), asyncio.Event()
    caller_of_token = office.sessions.caller_of_token

    async def slowly(token: str) -> Caller:
        await entered.wait()
        return await caller_of_token(token)

    monkeypatch.setattr(office.sessions, "caller_of_token", slowly)
    async with connect(f"ws://127.0.0.1:{port}/") as socket:
        line = Line(socket)
        await line.send(op="sign_in", id=1, token=token, cancel_on_disconnect=True)
        await line.send(op="place", id=2, **buy("a", 1))
        assert (await line.ask(op="ping", id=3))["op"] == "pong"
    await until(lambda: not office.gateway.feed.connections)
    entered.set()
    await until(lambda: isinstance(office.gateway.submitted[-1], MassCancel))
    assert isinstance(office.gateway.submitted[-2], EnterOrder)
    assert not office.gateway.live_orders(TRADER)


async def test_many_under_way_enter_in_the_order_sent(office: Office, line: Line) -> None:
    """Sent in one breath with the sign-in, before anything is answered."""
    token = await office.token("trader")
    office.gateway.hold = asyncio.Event()
    await line.send(op="sign_in", id="in", token=token)
    for number in range(200):
        await line.send(op="place", id=number, **buy(f"o{number}", 1, 200))
    await until(lambda: len(office.gateway.live_orders(TRADER)) == 200)
    assert (await line.hear("in"))["op"] == "signed_in"
    entered = [command for command in office.gateway.submitted if isinstance(command, EnterOrder)]
    assert [command.client_order_id for command in entered] == [f"o{number}" for number in range(200)]
    office.gateway.hold.set()
    answers = {(await line.hear())["id"] for _ in range(200)}
    assert answers == set(range(200))


async def test_what_goes_another_way_keeps_its_place(office: Office, line: Line) -> None:
    """To cancel all takes a task and to place takes none, and yet neither overtakes the other."""
    await line.sign_in(office)
    await line.send(op="place", id=1, **buy("a", 1, 200))
    await line.send(op="cancel_all", id=2)
    await line.send(op="place", id=3, **buy("b", 1, 200))
    answers = {answer["id"]: answer for answer in [await line.hear() for _ in range(3)]}
    assert [order["client_order_id"] for order in answers[2]["orders"]] == ["a"]
    assert [order.client_order_id for order in office.gateway.live_orders(TRADER)] == ["b"]
    assert answers[1]["order"]["sequence"] < answers[2]["sequence"] < answers[3]["order"]["sequence"]


async def test_an_answer_waits_for_the_journal_and_others_do_not_wait_for_it(office: Office, line: Line) -> None:
    await line.sign_in(office)
    office.gateway.hold = asyncio.Event()
    await line.send(op="place", id=1, **buy("a", 1))
    await until(lambda: len(office.gateway.live_orders(TRADER)) == 1)
    assert (await line.ask(op="ping", id=2))["op"] == "pong"
    office.gateway.hold.set()
    assert (await line.hear(1))["order"]["status"] == "resting"


async def test_what_one_does_is_seen_on_the_account_channel(office: Office, line: Line) -> None:
    await line.sign_in(office)
    await line.ask(op="subscribe", id=1, channel="account")
    snapshot = await line.hear()
    assert (snapshot["kind"], snapshot["orders"]) == ("snapshot", [])
    await line.send(op="place", id=2, **buy("a", 1))
    heard = [await line.hear() for _ in range(3)]
    assert [sorted({"order", "balance", "op"} & set(each)) for each in heard if each.get("op") != "order"] == [
        ["order"],
        ["balance"],
    ]


async def test_a_busy_and_a_halted_venue(office: Office, line: Line) -> None:
    await line.sign_in(office)
    office.gateway.refuses = VenueBusy(70)
    busy = await line.ask(op="place", id=1, **buy("a", 1))
    assert (busy["code"], busy["retry_after_ms"]) == ("busy", 70)
    office.gateway.refuses, office.gateway.halted = None, "no disk"
    assert (await line.ask(op="place", id=2, **buy("a", 1)))["code"] == "venue_halted"
    office.gateway.halted, office.gateway.refuses = None, RuntimeError("a secret of ours")
    broken = await line.ask(op="place", id=3, **buy("a", 1))
    assert broken["code"] == "internal"
    assert "secret" not in repr(broken)


async def test_who_has_used_up_his_places_is_not_read_for_a_while(office: Office, line: Line) -> None:
    await line.sign_in(office)
    office.gateway.refuses = VenueBusy(20, own=True)
    began = asyncio.get_running_loop().time()
    for number in range(10):
        await line.send(op="place", id=number, **buy(f"b{number}", 1))
    for number in range(10):
        busy = await line.hear(number)
        assert (busy["code"], busy["detail"]) == ("busy", "your share of the queue is full, nothing was taken")
    assert asyncio.get_running_loop().time() - began >= 9 * REST_S
    office.gateway.refuses = None
    assert (await line.ask(op="place", id=11, **buy("now", 1)))["op"] == "order"


async def test_binary(office: Office, port: int) -> None:
    protocols = [Subprotocol("banana.feed.v1+msgpack")]
    async with connect(f"ws://127.0.0.1:{port}/", subprotocols=protocols, compression=None) as socket:
        for message in (
            {"op": "sign_in", "id": 1, "token": await office.token("trader")},
            {"op": "place", "id": 2, **buy("a", 1)},
            {"op": "place", "id": 3, **buy("b", 1), "quantity": b"1"},
        ):
            await socket.send(msgspec.msgpack.encode(message))
        answers = [msgspec.msgpack.decode(await socket.recv(decode=False)) for _ in range(3)]
    assert [answer["op"] for answer in answers] == ["signed_in", "order", "error"]
    assert answers[2]["field"] == "quantity"


# When the line breaks


Sign = Callable[..., Awaitable[Any]]


async def _resting(office: Office) -> None:
    trader = await office.as_("trader")
    await post(trader, "orders", buy("resting", 5), 201)


async def test_orders_stand_when_a_connection_ends_unless_asked(office: Office, port: int) -> None:
    await _resting(office)
    cases: list[tuple[dict[str, Any], int]] = [({}, 1), ({"cancel_on_disconnect": True}, 0)]
    for options, left in cases:
        async with connect(f"ws://127.0.0.1:{port}/") as socket:
            await Line(socket).sign_in(office, **options)
        await until(lambda: not office.gateway.feed.connections)
        if not left:
            await until(lambda: not office.gateway.live_orders(TRADER))
        assert len(office.gateway.live_orders(TRADER)) == left


async def test_a_line_that_is_cut_is_a_disconnect(office: Office, port: int) -> None:
    await _resting(office)
    socket = await connect(f"ws://127.0.0.1:{port}/")
    await Line(socket).sign_in(office, cancel_on_disconnect=True)
    socket.transport.abort()
    await until(lambda: not office.gateway.live_orders(TRADER))


async def test_cancelling_goes_on_until_a_busy_venue_takes_it(office: Office, port: int) -> None:
    await _resting(office)
    async with connect(f"ws://127.0.0.1:{port}/") as socket:
        await Line(socket).sign_in(office, cancel_on_disconnect=True)
        office.gateway.refuses = VenueBusy(1)
    await until(lambda: not office.gateway.feed.connections)
    assert len(office.gateway.live_orders(TRADER)) == 1
    office.gateway.refuses = None
    await until(lambda: not office.gateway.live_orders(TRADER))


async def test_silence_cancels_and_a_ping_is_no_silence(office: Office, line: Line) -> None:
    await _resting(office)
    await line.sign_in(office, cancel_after_ms=400)
    loop = asyncio.get_running_loop()
    talking_until = loop.time() + 1.5
    while loop.time() < talking_until:
        await line.ask(op="ping", id=1)
        await asyncio.sleep(0.02)
    assert len(office.gateway.live_orders(TRADER)) == 1
    await until(lambda: not office.gateway.live_orders(TRADER))
    assert loop.time() - talking_until < 5
    assert office.gateway.submitted[-1] == MassCancel(participant_id=TRADER)
    assert (await line.ask(op="ping", id=2))["op"] == "pong"


async def test_silence_is_counted_from_the_last_message_and_cancels_once(office: Office, line: Line) -> None:
    await _resting(office)
    await line.sign_in(office, cancel_after_ms=3000)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.2)
    await line.ask(op="ping", id=1)
    heard = loop.time()
    await until(lambda: not office.gateway.live_orders(TRADER))
    # Looked at once a period it would have been 5.8 s; in between a busy machine has room.
    assert 2.95 < loop.time() - heard < 5.5
    trader = await office.as_("trader")
    await post(trader, "orders", buy("after", 5), 201)
    await asyncio.sleep(3.3)
    assert len(office.gateway.live_orders(TRADER)) == 1
    await line.ask(op="ping", id=2)
    await until(lambda: not office.gateway.live_orders(TRADER))


async def test_signing_in_again_disarms(office: Office, port: int) -> None:
    await _resting(office)
    async with connect(f"ws://127.0.0.1:{port}/") as socket:
        line = Line(socket)
        await line.sign_in(office, cancel_on_disconnect=True, cancel_after_ms=60_000)
        await line.sign_in(office)
    await until(lambda: not office.gateway.feed.connections)
    grower = await office.as_("grower")
    await post(grower, "lots", new_lot(100), 201)
    assert len(office.gateway.live_orders(TRADER)) == 1
