"""The feed's description: valid AsyncAPI 3.0 that says what the code does, and true of what a live feed sends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator
from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from marketdata.connection import ORDER_ENTRY_OPS
from marketdata.feed import Feed
from marketdata.messages import CHANNELS, LotOffered, Offer
from marketdata.pump import Pump
from marketdata.server import FeedServer
from marketdata.wire import SUBPROTOCOLS
from matching.messages import InstrumentDefined
from tests.marketdata.feed_reader import NOON_NS, Reader
from tests.web.office import SYMBOL, Office, buy, post, sell
from tests.web.serving import serving
from web.asyncapi import DATA, ORDER_ENTRY, REQUESTS, description, name_of
from web.feed_words import CODES, LIMITS

ROOT = Path(__file__).parents[2]
OFFICIAL = ROOT / "web" / "terminal" / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0-without-$id.json"
DEADLINE_S = 10.0
DESCRIPTION = description("0.1.0", 8000, 8001)


def closed(schema: Any) -> Any:
    """The same, with no room for a field that is not described."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if "properties" in made and "type" in made:
        made["additionalProperties"] = False
    return made


COMPONENTS = {"schemas": closed(DESCRIPTION["components"]["schemas"])}


def faults(message: dict[str, Any]) -> list[str]:
    """What of the message its schema does not allow."""
    name = name_of(message)
    payload = DESCRIPTION["components"]["messages"][name]["payload"]
    validator = Draft7Validator({**payload, "components": COMPONENTS})
    return [f"{name} {[*error.absolute_path]}: {error.message}" for error in validator.iter_errors(message)]


def test_it_is_valid_by_the_official_schema() -> None:
    validator = Draft7Validator(json.loads(OFFICIAL.read_text()))
    assert [error.message for error in validator.iter_errors(DESCRIPTION)] == []
    for schema in DESCRIPTION["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)
    broken = {**DESCRIPTION, "operations": {"subscribe": {"action": "publish"}}}
    assert not validator.is_valid(broken), "it would find a fault"


def test_every_reference_leads_somewhere() -> None:
    def follow(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                found: Any = DESCRIPTION
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for each in value.values():
                follow(each)
        elif isinstance(value, list):
            for each in value:
                follow(each)

    follow(DESCRIPTION)


def test_it_tells_everything() -> None:
    operations, components = DESCRIPTION["operations"], DESCRIPTION["components"]
    received = [name for name, operation in operations.items() if operation["action"] == "receive"]
    assert received == [*REQUESTS]
    assert set(ORDER_ENTRY) == set(ORDER_ENTRY_OPS)
    assert {f"send_{channel}" for channel in CHANNELS} < set(operations)
    assert {channel for channel, _, _ in DATA.values()} == set(CHANNELS)
    headers = DESCRIPTION["channels"]["feed"]["bindings"]["ws"]["headers"]["properties"]
    assert headers["Sec-WebSocket-Protocol"]["enum"] == [*SUBPROTOCOLS]
    assert DESCRIPTION["channels"]["order_entry"]["servers"] == [{"$ref": "#/servers/programs"}]
    assert [limit["name"] for limit in DESCRIPTION["x-limits"]] == [*LIMITS]
    for name, schema in components["schemas"].items():
        for field, value in schema["properties"].items():
            assert value["description"], f"{name}.{field}"
            assert value["x-zh"], f"{name}.{field}"


def test_every_example_is_what_it_is_an_example_of() -> None:
    for name, message in DESCRIPTION["components"]["messages"].items():
        assert message["examples"], name
        for example in message["examples"]:
            assert name_of(example["payload"]) == name
            assert faults(example["payload"]) == []
    assert faults({"op": "ping", "id": 1.5}), "a fault would be found"
    assert faults({"op": "pong", "id": 1, "time_ns": 1, "more": 1})


def test_the_examples_and_limits_of_the_document_are_here_too() -> None:
    document = (ROOT / "docs" / "feed.md").read_text()
    told = {line for line in document.splitlines() if line.startswith("{")}
    examples = [
        example["payload"]
        for message in DESCRIPTION["components"]["messages"].values()
        for example in message["examples"]
    ]
    assert [line for line in told if json.loads(line) not in examples] == []
    for limit in DESCRIPTION["x-limits"]:
        assert f"| `{limit['name']}` | {limit['value']} | {limit['description']} |" in document
    assert document.count("| `marketdata.") + document.count("| `web.") == len(LIMITS)


def test_the_codes_are_those_of_the_document_and_of_order_entry() -> None:
    document = (ROOT / "docs" / "feed.md").read_text()
    table = document.split("| code | what was wrong |", 1)[1].partition("\n\n")[0]
    for code in CODES:
        if code not in ("invalid_request", "unauthenticated", "forbidden", "busy"):
            assert f"`{code}`" in table or code in ("unknown_order", "client_order_id_reused"), code


@pytest.fixture
async def programs(office: Office) -> AsyncIterator[str]:
    """Where programs connect."""
    pump = Pump(office.gateway.feed, lambda: office.gateway.time_ns)
    server = FeedServer(office.gateway.feed, order_entry=office.app.state["order_entry"])
    await server.start()
    pump.start()
    yield f"ws://127.0.0.1:{server.port}/feed"
    pump.stop()
    async with asyncio.timeout(DEADLINE_S):
        await server.stop()


class Line:
    """A program's connection that holds everything it says and hears to the description."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.heard: list[dict[str, Any]] = []

    async def ask(self, **message: Any) -> dict[str, Any]:
        assert faults(message) == []
        binary = self._socket.subprotocol == "banana.feed.v1+msgpack"
        await self._socket.send(msgspec.msgpack.encode(message) if binary else json.dumps(message))
        return await self.until(lambda heard: heard.get("id") == message["id"])

    async def until(self, wanted: Any) -> dict[str, Any]:
        while True:
            async with asyncio.timeout(DEADLINE_S):
                data = await self._socket.recv()
            heard = json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
            assert faults(heard) == []
            self.heard.append(heard)
            if wanted(heard):
                return heard


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_what_a_live_feed_says_is_as_described(office: Office, programs: str, encoding: str) -> None:
    await office.stock(1000)
    async with connect(programs, subprotocols=[Subprotocol(f"banana.feed.v1+{encoding}")]) as socket:
        line = Line(socket)
        signed = await line.ask(
            op="sign_in", id=1, token=await office.token("trader"), cancel_on_disconnect=False, cancel_after_ms=None
        )
        assert signed["op"] == "signed_in"
        for number, channel in enumerate(CHANNELS, 2):
            own = channel in ("account", "heartbeat")
            symbols = {} if own else {"symbols": ["SXBI" if channel == "index" else SYMBOL]}
            interval = {"interval": "1m"} if channel == "candles" else {}
            asked = await line.ask(op="subscribe", id=number, channel=channel, **symbols, **interval)
            assert asked["op"] == "subscribed"
        grower = await office.as_("grower")
        await post(grower, "orders", sell("a", 30, 260), 201)
        placed = await line.ask(op="place", id="buy", **buy("b", 50, 260))
        assert placed["order"]["filled"] == 30
        order_id = placed["order"]["order_id"]
        assert (await line.ask(op="amend", id="amend", order_id=order_id, price=255))["op"] == "order"
        assert (await line.ask(op="cancel", id="cancel", order_id=order_id))["order"]["status"] == "cancelled"
        assert (await line.ask(op="cancel", id="gone", order_id=999))["code"] == "unknown_order"
        await line.ask(op="place", id="again", **buy("c", 5, 240))
        assert len((await line.ask(op="cancel_all", id="all", symbol=None, side=None))["orders"]) == 1
        operator = await office.as_("operator")
        await post(operator, "operator/phases", {"symbol": SYMBOL, "phase": "auction"}, 200)
        await line.until(lambda heard: heard.get("phase") == "auction")
        await line.ask(op="place", id="auction", **buy("d", 15, 261))
        await line.until(lambda heard: heard.get("channel") == "heartbeat")
        assert (await line.ask(op="unsubscribe", id=99, channel="book", symbols=[SYMBOL]))["op"] == "unsubscribed"
        assert (await line.ask(op="ping", id=100))["op"] == "pong"
    told = {name_of(each) for each in line.heard}
    assert set(DESCRIPTION["components"]["messages"]) - told == {*REQUESTS, "lots_delta"}


def test_what_is_said_of_an_offer_is_as_described() -> None:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol=SYMBOL)])
    reader = Reader(feed)
    reader.ask(op="subscribe", id=1, channel="lots", symbols=[SYMBOL])
    (example,) = DESCRIPTION["components"]["messages"]["lots_delta"]["examples"]
    offer = {name: value for name, value in example["payload"]["lot"].items() if name != "green_days"}
    feed.publish(2, NOON_NS, [LotOffered(symbol=SYMBOL, offer=Offer(**offer))])
    told = reader.read()
    assert [name_of(each) for each in told] == ["subscribed", "lots_snapshot", "lots_delta"]
    assert [fault for each in told for fault in faults(each)] == []


async def test_the_venue_serves_it_with_a_page_that_needs_nothing_from_elsewhere(office: Office) -> None:
    answer = await office.anyone.get("/asyncapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == DESCRIPTION
    page = await office.anyone.get("/docs/feed")
    assert page.headers["content-type"].startswith("text/html")
    for file in ("feed.js", "feed.css"):
        assert f'"/docs/{file}"' in page.text
        assert (await office.anyone.get(f"/docs/{file}")).status_code == 200
    assert 'href="/docs/feed"' in (await office.anyone.get("/docs")).text


async def test_what_the_web_port_says_is_as_described(office: Office) -> None:
    await office.stock(100)
    headers = {"cookie": f"banana_session={await office.token('trader')}"}
    async with serving(office) as port, connect(f"ws://127.0.0.1:{port}/feed", additional_headers=headers) as socket:
        line = Line(socket)
        assert (await line.ask(op="subscribe", id=1, channel="book", symbols=[SYMBOL]))["op"] == "subscribed"
        assert (await line.ask(op="subscribe", id=2, channel="account"))["op"] == "subscribed"
        await post(await office.as_("trader"), "orders", buy("b", 5, 260), 201)
        await line.until(lambda heard: heard.get("channel") == "book" and heard["kind"] == "delta")
        await socket.send('{"op": "place"}')
        await line.until(lambda heard: heard.get("code") == "not_available")
