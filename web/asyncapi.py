"""The feed described for programs: AsyncAPI 3.0, made from the message types, served as `/asyncapi.json`.

    components.schemas  ◄── msgspec's JSON Schema of each type, in the draft 7 that AsyncAPI speaks
    components.messages ◄── one a request, answer and data message, with words (`web.feed_words`) and examples
    channels            ◄── `feed` on both ports, `order_entry` on the programs' alone: one socket, one address
    operations          ◄── the venue's view: it `receive`s requests and replies, and `send`s data

Chinese stands beside the English as `x-zh`. `x-error-codes` and `x-limits` are what no standard field has room for.
"""

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from marketdata import messages
from marketdata.messages import CHANNELS, INTERVALS, RATES, Depths
from marketdata.wire import SUBPROTOCOLS
from settlement.queries import Fill
from web.account_views import Balance
from web.desk import NewOrder
from web.feed_socket import LANES
from web.feed_words import ANSWERS, CODES, FIELDS, LIMITS, OPERATIONS, Words
from web.feed_words import CHANNELS as CHANNEL_WORDS
from web.order_entry import (
    AmendRequest,
    CancelAllRequest,
    CancelRequest,
    OrderAnswer,
    OrdersAnswer,
    SignedIn,
    SignInRequest,
)
from web.sessions import COOKIE

Json = dict[str, Any]

EXAMPLES: Final = Path(__file__).parent / "docs" / "feed-examples.jsonl"

REQUESTS: Final[dict[str, type]] = {
    "subscribe": messages.Subscribe,
    "unsubscribe": messages.Unsubscribe,
    "ping": messages.Ping,
    "sign_in": SignInRequest,
    "place": NewOrder,
    "amend": AmendRequest,
    "cancel": CancelRequest,
    "cancel_all": CancelAllRequest,
}
ORDER_ENTRY: Final = ("sign_in", "place", "amend", "cancel", "cancel_all")
"""Operations of the programs' port alone."""

REPLIES: Final = {
    "subscribe": "subscribed",
    "unsubscribe": "unsubscribed",
    "ping": "pong",
    "sign_in": "signed_in",
    "place": "order",
    "amend": "order",
    "cancel": "order",
    "cancel_all": "cancelled",
}
"""What answers an operation; or `error` does."""

REPLY_TYPES: Final[dict[str, type]] = {
    "subscribed": messages.Subscribed,
    "unsubscribed": messages.Unsubscribed,
    "pong": messages.Pong,
    "error": messages.Error,
    "signed_in": SignedIn,
    "order": OrderAnswer,
    "cancelled": OrdersAnswer,
}

DATA: Final[dict[str, tuple[messages.Channel, messages.Kind | None, type]]] = {
    "book": ("book", None, messages.BookMessage),
    "orders_snapshot": ("orders", "snapshot", messages.OrdersSnapshot),
    "orders_delta": ("orders", "delta", messages.OrdersMessage),
    "trades": ("trades", None, messages.TradesMessage),
    "ticker": ("ticker", None, messages.TickerMessage),
    "candles": ("candles", None, messages.CandlesMessage),
    "auction": ("auction", None, messages.AuctionMessage),
    "lots_snapshot": ("lots", "snapshot", messages.LotsSnapshot),
    "lots_delta": ("lots", "delta", messages.LotsMessage),
    "status": ("status", None, messages.StatusMessage),
    "index": ("index", None, messages.IndexMessage),
    "heartbeat": ("heartbeat", "snapshot", messages.HeartbeatMessage),
    "account_snapshot": ("account", "snapshot", messages.AccountSnapshot),
    "account_delta": ("account", "delta", messages.AccountMessage),
}
"""Every data message: its channel, its kind where it has only the one, its type."""

OWN: Final = ("heartbeat", "account")
"""Channels of the connection itself: no symbol."""

_SCHEMA: Final = "#/components/schemas/"

DESCRIPTION: Final = """\
Market data and order entry over WebSocket. `receive` is what the venue receives, `send` what it sends.

Two ports speak the same words: the programs' (real time, orders) and the web port's `/feed` for screens (ten messages
a second in a stream, four by `?lane=phone`; no orders). Messages are JSON text; whoever offers the subprotocol
`banana.feed.v1+msgpack` gets and sends the same messages as MessagePack in binary frames. Frames are not compressed.

Prices are fen per kilogram, quantities kilograms, turnover and money fen, times nanoseconds since 1970 UTC: integers
all of them. In a stream (a channel, symbol, depth or interval, and rate) messages are chained: `previous` is the
sequence of the message before, null on a snapshot, so that a gap shows. `docs/feed.md` tells how to recover from one.
"""

DESCRIPTION_ZH: Final = """\
通过 WebSocket 收行情、下委托。两个端口用语相同：程序端口（实时，可下单）；网页端口的 `/feed`（每个流每秒十条，\
`?lane=phone` 四条，不可下单）。消息为 JSON 文本；握手时提出子协议 `banana.feed.v1+msgpack` 者，\
收发同样消息的 MessagePack 二进制帧。帧不压缩。

价格为分/公斤，数量为公斤，金额为分，时间为 1970 年（UTC）起的纳秒，全是整数。同一流中消息相连：\
`previous` 是上一条的序号，快照为 null，不等即有缺口。
"""


def description(version: str, port: int, feed_port: int) -> Json:
    """The whole document. Costs some milliseconds; its owner keeps it."""
    schemas = _schemas()
    told = _messages(_examples())
    market = [op for op in REQUESTS if op not in ORDER_ENTRY]
    feed = [*market, "subscribed", "unsubscribed", "pong", "error", *DATA]
    desk = [*ORDER_ENTRY, "signed_in", "order", "cancelled", "error"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Banana exchange: the feed",
            "version": version,
            "description": DESCRIPTION,
            "x-zh": {"title": "香蕉交易所：行情与委托", "description": DESCRIPTION_ZH},
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "programs": _server(feed_port, "For programs: real time, and orders.", "供程序使用：实时，可下单。", []),
            "screens": _server(
                port,
                "For browsers, on the web port: ten messages a second in a stream at most, and no orders.",
                "供网页使用：每个流每秒至多十条，不可下单。",
                ["cookie", "bearer"],
            ),
        },
        "channels": {
            "feed": _channel("Market data, and one's own account.", "行情与本人账户。", ["programs", "screens"], feed),
            "order_entry": _channel("Orders, on the same line.", "同一连接上的委托。", ["programs"], desk),
        },
        "operations": _operations(),
        "components": {
            "schemas": schemas,
            "messages": told,
            "securitySchemes": {
                "sign_in": {
                    "type": "apiKey",
                    "in": "password",
                    "description": "The operation `sign_in` with the `token` of `POST /api/v1/sessions`.",
                    "x-zh": "程序端口：操作 `sign_in`，带 `POST /api/v1/sessions` 给的 `token`。",
                },
                "cookie": {
                    "type": "httpApiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "The session's cookie, on the web port. Without it `account` is closed.",
                    "x-zh": "网页端口：会话的 cookie；没有则不能读 `account`。",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The session's token, on the web port.",
                    "x-zh": "网页端口：会话令牌。",
                },
            },
        },
        "x-error-codes": [
            {"code": code, "description": english, "x-zh": chinese} for code, (chinese, english) in CODES.items()
        ],
        "x-limits": [
            {"name": name, "value": constant(name), "description": english, "x-zh": chinese}
            for name, (chinese, english) in LIMITS.items()
        ],
    }


def constant(name: str) -> int:
    """The value of `module.NAME`."""
    module, _, attribute = name.rpartition(".")
    return int(getattr(importlib.import_module(module), attribute))


def name_of(message: Json) -> str:
    """Which of the described messages this is, a request's or what the venue has sent."""
    op = message.get("op")
    if op == "orders":
        return "cancelled"
    if op is not None:
        return str(op)
    channel: str = message["channel"]
    return channel if channel in DATA else f"{channel}_{message['kind']}"


# Servers, channels, operations


def _server(port: int, english: str, chinese: str, security: list[str]) -> Json:
    server: Json = {
        "host": "{host}:{port}",
        "protocol": "ws",
        "description": english,
        "x-zh": chinese,
        "variables": {
            "host": {"default": "localhost", "description": "Where the venue is."},
            "port": {"default": str(port)},
        },
    }
    if security:
        server["security"] = [_reference("securitySchemes", name) for name in security]
    return server


def _channel(english: str, chinese: str, servers: list[str], names: Iterable[str]) -> Json:
    query: Json = {"lane": {"type": "string", "enum": [*LANES], "default": "desk", "description": "Web port only."}}
    offered = {"type": "string", "enum": [*SUBPROTOCOLS], "description": "The encoding; the first is the default."}
    return {
        "address": "/feed",
        "description": english,
        "x-zh": chinese,
        "servers": [{"$ref": f"#/servers/{name}"} for name in servers],
        "messages": {name: _reference("messages", name) for name in names},
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {"type": "object", "properties": query},
                "headers": {"type": "object", "properties": {"Sec-WebSocket-Protocol": offered}},
                "bindingVersion": "0.1.0",
            }
        },
    }


def _operations() -> Json:
    operations: Json = {}
    for op in REQUESTS:
        channel = "order_entry" if op in ORDER_ENTRY else "feed"
        operation = _operation("receive", channel, OPERATIONS[op], [op])
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in (REPLIES[op], "error")],
        }
        if op in ORDER_ENTRY and op != "sign_in":
            operation["security"] = [_reference("securitySchemes", "sign_in")]
        operations[op] = operation
    for channel in CHANNELS:
        names = [name for name, (of, _, _) in DATA.items() if of == channel]
        operations[f"send_{channel}"] = _operation("send", "feed", CHANNEL_WORDS[channel], names)
    operations["send_account"]["security"] = [
        _reference("securitySchemes", name) for name in ("sign_in", "cookie", "bearer")
    ]
    operations["send_signed_out"] = _operation("send", "feed", OPERATIONS["signed_out"], ["error"])
    return operations


def _operation(action: Literal["send", "receive"], channel: str, words: Words, names: list[str]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": words[1],
        "x-zh": words[0],
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


# Messages


def _examples() -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for line in EXAMPLES.read_text().splitlines():
        example = msgspec.json.decode(line)
        found.setdefault(name_of(example), []).append(example)
    return found


def _messages(examples: dict[str, list[Json]]) -> Json:
    told: Json = {}
    for name, words in {**OPERATIONS, **ANSWERS}.items():
        if name in REQUESTS or name in REPLY_TYPES:
            told[name] = _message(name, words, examples)
            told[name]["correlationId"] = {"location": "$message.payload#/id"}
    for name, (channel, kind, _) in DATA.items():
        chinese, english = CHANNEL_WORDS[channel]
        if kind is not None and channel != "heartbeat":
            chinese, english = f"{chinese}：{'快照' if kind == 'snapshot' else '变化'}", f"{english}: {kind}"
        told[name] = _message(name, (chinese, english), examples)
    return told


def _message(name: str, words: Words, examples: dict[str, list[Json]]) -> Json:
    return {
        "name": name,
        "title": words[1],
        "x-zh": words[0],
        "payload": {"$ref": f"{_SCHEMA}{_title(name)}"},
        "examples": [{"payload": example} for example in examples.get(name, [])],
    }


def _title(name: str) -> str:
    """The name of a message's schema."""
    return "".join(part.capitalize() for part in name.split("_"))


# Schemas


def _schemas() -> Json:
    named: dict[str, type] = {_title(name): kind for name, kind in {**REQUESTS, **REPLY_TYPES}.items()}
    named |= {_title(name): kind for name, (_, _, kind) in DATA.items()}
    kinds = [*dict.fromkeys(named.values()), Fill, Balance]
    references, components = msgspec.json.schema_components(kinds, ref_template=f"{_SCHEMA}{{name}}")
    schema_of = {
        kind: components[reference["$ref"].removeprefix(_SCHEMA)]
        for kind, reference in zip(kinds, references, strict=True)
    }
    messages_own = {reference["$ref"].removeprefix(_SCHEMA) for reference in references}
    schemas: Json = {}
    for name, kind in named.items():
        schemas[name] = _seventh(schema_of[kind])
    for name, schema in components.items():
        if name not in messages_own or name in ("Order", "Fill", "Balance"):
            schemas["OrderState" if name == "Order" else name] = _seventh(schema)
    for name in REQUESTS:
        _head(schemas[_title(name)], name)
    schemas["Cancelled"]["properties"]["op"] = {"const": "orders"}
    for name, (channel, only, _) in DATA.items():
        _narrow(schemas[_title(name)], channel, only)
    _fill_in(schemas)
    for name, schema in schemas.items():
        _explain(name, schema)
    return schemas


def _seventh(schema: Any) -> Any:
    """The same in JSON Schema's draft 7, which has another word for tuples and reads nothing beside a reference."""
    if isinstance(schema, list):
        return [_seventh(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        reference = schema["$ref"]
        plain = {"$ref": f"{_SCHEMA}OrderState" if reference == f"{_SCHEMA}Order" else reference}
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {"allOf": [plain], **rest} if rest else plain
    made = {key: value if key in ("default", "examples") else _seventh(value) for key, value in schema.items()}
    made.pop("title", None)
    if "description" in made and isinstance(made["description"], str):
        made["description"] = inspect.cleandoc(made["description"])
    if "prefixItems" in made:
        made["items"], made["additionalItems"] = made.pop("prefixItems"), False
    if isinstance(made.get("enum"), list) and len(made["enum"]) == 1:
        made["const"] = made.pop("enum")[0]
    return made


def _head(schema: Json, op: str) -> None:
    """What a request says beside its body: `op`, and the reader's mark."""
    given = schema["properties"]
    head = {
        "op": {"const": op},
        "id": given.get("id") or _seventh(msgspec.json.schema(messages.Ping))["$defs"]["Ping"]["properties"]["id"],
    }
    schema["properties"] = {**head, **{name: value for name, value in given.items() if name not in head}}
    schema["required"] = ["op", *(name for name in schema.get("required", []) if name != "op")]


def _narrow(schema: Json, channel: str, only: str | None) -> None:
    """What a type says for all channels, said for this one."""
    properties = schema["properties"]
    properties["channel"] = {"const": channel}
    properties["symbol"] = {"type": "null"} if channel in OWN else {"type": "string"}
    if only is not None:
        properties["kind"] = {"const": only}
        properties["previous"] = {"type": "null"} if only == "snapshot" else {"type": "integer"}


def _fill_in(schemas: Json) -> None:
    """What the types leave to the code: values from a short list, and what the account's are."""
    depths = {"enum": [*Depths]}
    for name in ("Subscribe", "Unsubscribe", "Subscribed", "Book"):
        schemas[name]["properties"]["depth"] = dict(depths)
    for name in ("Subscribe", "Unsubscribe", "Subscribed"):
        properties = schemas[name]["properties"]
        properties["channel"] = {"enum": [*CHANNELS]}
        if "rate" in properties:
            properties["rate"] = {"enum": [*RATES] if name == "Subscribed" else [*RATES, None]}
        if "interval" in properties:
            properties["interval"] = {"enum": [*INTERVALS] if name == "Subscribed" else [*INTERVALS, None]}
    for name in ("Subscribe", "Unsubscribe"):
        schemas[name]["properties"]["symbols"]["anyOf"][0]["items"] = {"type": "string"}
    snapshot, delta = schemas["AccountSnapshot"]["properties"], schemas["AccountDelta"]
    snapshot["orders"]["items"] = {"$ref": f"{_SCHEMA}OrderState"}
    snapshot["balances"]["items"] = {"$ref": f"{_SCHEMA}Balance"}
    for field, name in (("order", "OrderState"), ("fill", "Fill"), ("balance", "Balance")):
        delta["properties"][field] = {"$ref": f"{_SCHEMA}{name}"}
    delta["oneOf"] = [{"required": [field]} for field in ("order", "fill", "balance")]


def _explain(name: str, schema: Json) -> None:
    """Words for each field, in both languages; a description that comes with the type stays."""
    for field, value in schema.get("properties", {}).items():
        data = "DataMessage." if "previous" in schema["properties"] else ""
        words = FIELDS.get(f"{name}.{field}") or FIELDS.get(f"{data}{field}") or FIELDS.get(field)
        if words is None:
            continue
        if "$ref" in value:
            value = schema["properties"][field] = {"allOf": [value]}
        value.setdefault("description", words[1])
        value["x-zh"] = words[0]
