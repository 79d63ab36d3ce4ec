"""The API's description for programs (`/openapi.json`) and for people (`/docs`), without the internet; the feed's
likewise (`/asyncapi.json`, `/docs/feed`).

Litestar gathers the first from the handlers: their types, their docstrings, the problems they name; `web.asyncapi`
makes the second. The pages are ours; the first is drawn by Swagger UI, whose files the terminal's build takes from npm
into `web/static/docs`.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Server, Tag
from litestar.params import FromPath

from web import asyncapi
from web.context import Anyone
from web.errors import NotFound
from web.pages import Folder
from web.sessions import COOKIE
from web.settings import WebSettings

PAGE = Path(__file__).parent / "docs"

DESCRIPTION = """\
The exchange of the Suixi banana trade: orders, market data, lots, receipts, money.

**Units.** Prices are integers in fen per kilogram (`price`), orders' quantities integers in kilograms (`quantity`),
weighed goods integers in grams (`…_g`), money integers in fen (`…_fen`), times integers in nanoseconds since 1970 UTC
(`…_ns`). No floats.

**Signing in.** `POST /api/v1/sessions`; programs send the `token` as `Authorization: Bearer …`. Browsers have the
session as a cookie and send its `csrf_token` as `X-CSRF-Token` with every write.

**Errors** are problem details (RFC 9457) with a stable `code`; `field` and `errors` name what is at fault in the
request.

**Sequences.** Answers say which `sequence` of the market they are true of; a read with `min_sequence` waits up to two
seconds for it.

**Lists** are pages: `next` goes into `cursor`.

The live market is a WebSocket: `/feed` here for browsers, and a port of its own for programs. It is described by
[/asyncapi.json](/asyncapi.json), for people at [/docs/feed](/docs/feed).
"""


async def _nothing_here(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]
    """Litestar insists on a place for its own pages, which would load files from elsewhere: it is closed."""
    raise NotFound


def description(settings: WebSettings) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Banana exchange",
        version=settings.version,
        description=DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, method, path: handler.handler_name,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", description="The `token` of `POST /sessions`."),
                "cookie": SecurityScheme(
                    type="apiKey",
                    security_scheme_in="cookie",
                    name=COOKIE,
                    description="Set by `POST /sessions`; writes carry `X-CSRF-Token` too.",
                ),
            }
        ),
        tags=[
            Tag(name="sessions", description="Who is signed in."),
            Tag(name="market", description="What everyone may see."),
            Tag(name="offers", description="Listings, one-way auctions, reported trades."),
            Tag(name="orders", description="Own orders and fills."),
            Tag(name="accounts", description="Own money and goods."),
            Tag(name="lots", description="Lots on their way to the warehouse."),
            Tag(name="receipts", description="Title to goods."),
            Tag(name="contracts", description="What a listing, an auction or an agreed trade leads to, day by day."),
            Tag(name="deliveries", description="Goods on their way out: docks, trucks, the code at the gate."),
            Tag(name="documents", description="What leaves as PDF, with a code that verifies it."),
            Tag(name="invoices", description="Ask for a VAT invoice and register it; no line to the tax bureau."),
            Tag(name="warehouse", description="Weigh, grade, issue, load out."),
            Tag(name="storage", description="What lying in a store costs, and what a store owes."),
            Tag(name="climate", description="Loggers, their readings, and broken cold chains."),
            Tag(name="reserves", description="Receipts held against stock, signed, for everyone."),
            Tag(name="operator", description="Open the venue and run it."),
            Tag(name="treasury", description="The bank's statements, suspense, withdrawals, vouchers: four eyes."),
            Tag(name="health", description="For whoever watches the venue."),
        ],
        openapi_router=Router("/openapi", route_handlers=[], guards=[_nothing_here], include_in_schema=False),
        render_plugins=[JsonRenderPlugin()],
    )


class Docs:
    """The descriptions, each made once, and the pages' files."""

    def __init__(self, settings: WebSettings) -> None:
        self._ours = Folder(PAGE, "/docs/")
        self._swagger = Folder(settings.static / "docs", "/docs/")
        self._settings = settings
        self._description: bytes | None = None
        self._feed: bytes | None = None

    def description(self, app: Litestar) -> bytes:
        if self._description is None:
            self._description = msgspec.json.encode(_finished(app.openapi_schema.to_schema()))
        return self._description

    def feed(self) -> bytes:
        if self._feed is None:
            described = asyncapi.description(self._settings.version, self._settings.port, self._settings.feed_port)
            self._feed = msgspec.json.encode(described)
        return self._feed

    def find(self, path: str) -> Response[bytes] | None:
        for folder in (self._ours, self._swagger):
            if path in folder:
                return folder.answer(path)
        return None


def _finished(description: dict[str, Any]) -> Any:
    """What Litestar leaves out or names for itself.

    Bodies take no unknown fields. `Items_web.desk.Order_` is a page of orders: `OrderPage` for readers and the code
    that they generate.
    """
    schemas = description["components"]["schemas"]
    for item in description["paths"].values():
        for operation in item.values():
            if "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                schemas[reference.rpartition("/")[2]]["additionalProperties"] = False
    text = msgspec.json.encode(description).decode()
    for name in schemas:
        if match := _PAGE.fullmatch(name):
            text = text.replace(f'"{name}"', f'"{match[1]}Page"').replace(f'/{name}"', f'/{match[1]}Page"')
    return msgspec.json.decode(text.replace("Items_tuple_int_int_int_int_int_int_", "CandlePage"))


_PAGE = re.compile(r"Items_(?:\w+\.)+(\w+?)(?:View)?_")


@get("/openapi.json", include_in_schema=False)
async def openapi_json(request: Anyone) -> Response[bytes]:
    docs: Docs = request.app.state["docs"]
    return Response(docs.description(request.app), media_type="application/json")


@get("/asyncapi.json", include_in_schema=False)
async def asyncapi_json(request: Anyone) -> Response[bytes]:
    docs: Docs = request.app.state["docs"]
    return Response(docs.feed(), media_type="application/json")


@get("/docs", include_in_schema=False)
async def docs_page(request: Anyone) -> Response[bytes]:
    docs: Docs = request.app.state["docs"]
    page = docs.find("/docs/index.html")
    assert page is not None
    return page


@get("/docs/feed", include_in_schema=False)
async def feed_page(request: Anyone) -> Response[bytes]:
    docs: Docs = request.app.state["docs"]
    page = docs.find("/docs/feed.html")
    assert page is not None
    return page


@get("/docs/{name:str}", include_in_schema=False)
async def docs_file(request: Anyone, name: FromPath[str]) -> Response[bytes]:
    docs: Docs = request.app.state["docs"]
    found = docs.find(f"/docs/{name}")
    if found is None:
        raise NotFound
    return found


PUBLIC = [openapi_json, asyncapi_json, docs_page, feed_page, docs_file]
