"""The web application: all routes under one roof. `exchange/app.py` calls `create_app`; nothing here knows of it."""

from typing import Any, cast

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.exceptions import LitestarException, NotFoundException
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from marketdata.addresses import Addresses
from marketdata.feed import Feed
from web import (
    accounts,
    climate,
    contracts,
    corrections,
    delivery,
    docs,
    exports,
    feed_socket,
    growers,
    health,
    history,
    invoices,
    market,
    offers,
    operators,
    prices,
    receipts,
    reserves,
    statements,
    statistics,
    storage,
    trading,
    treasury,
    warehouse,
    withdrawals,
)
from web.bodies import MAXIMUM_BODY, JsonBody
from web.context import SECURITY, Services, canonical_ids, known_parameters, signed_in
from web.desk import Desk
from web.disclosure import DisclosedDays
from web.documents import routes as documents
from web.documents import verification
from web.documents.printing import Documents
from web.edge import API, Edge
from web.errors import Problem, answer_problem, logger
from web.metrics import Metrics
from web.order_entry import OrderEntry
from web.pages import Terminal
from web.ports import Gateway
from web.sessions import Sessions
from web.settings import WebSettings

DEFAULTS = WebSettings()


async def _log_broken_socket(error: Exception, scope: Scope) -> None:
    """Litestar closes a WebSocket whose handler fails and says nothing; a bug in HTTP is logged with its answer."""
    kind: str = scope["type"]
    if kind == "websocket" and not isinstance(error, (LitestarException, Problem)):
        logger.error("a reader of /feed broke the web layer", exc_info=error)


class WebApplication(Litestar):
    """Litestar with the edge around it."""

    edge: Edge | None = None

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Messages are msgspec's. Litestar would also import pydantic and attrs where they happen to be installed,
        which takes a tenth of a second of a start, and ask them about each type.
        """
        return [*plugins, MsgspecDIPlugin()]

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        kind: str = scope["type"]
        if kind == "http" and self.edge is not None:
            await self.edge(scope, cast(Receive, receive), cast(Send, send), super().__call__)
        else:
            await super().__call__(scope, receive, send)


def create_app(gateway: Gateway, feed: Feed, settings: WebSettings = DEFAULTS) -> Litestar:
    """The application over a venue; `app.state["order_entry"]` is for the programs' port.

    It owns two threads for passwords and, once a document was asked for, a process that prints; they end with it.
    """
    app = routes(settings)
    put_to_work(app, gateway, feed, settings)
    return app


def put_to_work(app: WebApplication, gateway: Gateway, feed: Feed, settings: WebSettings) -> None:
    """Give the routes a venue, and all that is built around it."""
    metrics = Metrics(gateway, feed)
    web = Services(
        gateway=gateway,
        sessions=Sessions(gateway, settings),
        desk=Desk(gateway, metrics),
        metrics=metrics,
        settings=settings,
        documents=Documents(settings),
    )
    app.state = State(
        {
            "services": web,
            "docs": docs.Docs(settings),
            "feed": feed,
            "feed_addresses": Addresses(feed_socket.MAXIMUM_OF_AN_ADDRESS),
            "reserves": reserves.Statements(settings.reserves_key, settings.reserves_every_seconds),
            "statistics": DisclosedDays(),
            "order_entry": OrderEntry(web.desk, web.sessions),
        }
    )
    app.on_shutdown = [web.sessions.close, web.documents.close]
    app.edge = Edge(web)


def routes(settings: WebSettings) -> WebApplication:
    """All routes, with no venue behind them yet. It costs a quarter of a second."""
    terminal = Terminal(settings.static)

    def answer_missing(request: Request[Any, Any, Any], error: NotFoundException) -> Response[bytes]:
        """What is no route may be the terminal's."""
        path = request.scope["path"]
        if request.method == "GET" and not f"{path}/".startswith("/api/"):
            page = terminal.find(path, request.headers.get("accept"))
            if page is not None:
                return page
        return answer_problem(request, error)

    public = Router(
        API,
        route_handlers=[
            *accounts.PUBLIC,
            *market.PUBLIC,
            *history.PUBLIC,
            *exports.PUBLIC,
            *storage.PUBLIC,
            *climate.PUBLIC,
            *contracts.PUBLIC,
            *reserves.PUBLIC,
            *statistics.PUBLIC,
            *prices.PUBLIC,
        ],
    )
    private = Router(
        API,
        route_handlers=[
            *accounts.PRIVATE,
            *trading.PRIVATE,
            *offers.PRIVATE,
            *growers.PRIVATE,
            *receipts.PRIVATE,
            *contracts.PRIVATE,
            *delivery.PRIVATE,
            *documents.PRIVATE,
            *invoices.PRIVATE,
            *warehouse.PRIVATE,
            *storage.PRIVATE,
            *climate.PRIVATE,
            *reserves.PRIVATE,
            *operators.PRIVATE,
            *prices.PRIVATE,
            *corrections.PRIVATE,
            *withdrawals.PRIVATE,
            *treasury.PRIVATE,
            *statements.PRIVATE,
        ],
        guards=[signed_in],
        security=SECURITY,
    )
    return WebApplication(
        route_handlers=[
            public,
            private,
            *health.PUBLIC,
            *docs.PUBLIC,
            *verification.PUBLIC,
            *statements.PAGES,
            feed_socket.feed_socket,
        ],
        dto=JsonBody,
        return_dto=None,
        guards=[known_parameters, canonical_ids],
        exception_handlers={NotFoundException: answer_missing, Exception: answer_problem},
        request_max_body_size=MAXIMUM_BODY,
        openapi_config=docs.description(settings),
        after_exception=[_log_broken_socket],
        logging_config=None,
        debug=False,
    )
