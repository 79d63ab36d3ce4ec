"""What handlers work with, put together once by `create_app`."""

import functools
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from settlement.messages import Role
from web.bodies import Body, decode
from web.desk import Desk
from web.errors import Fault, InvalidRequest, parameter_names
from web.metrics import Metrics
from web.ports import Gateway
from web.sessions import Caller, Sessions
from web.settings import WebSettings

SignedIn = Request[Caller, None, State]
"""A request whose `user` is the caller."""

Anyone = Request[Any, Any, State]
"""A request that may come from nobody in particular."""

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]
"""How the API's description says that a route wants a session."""


_NO_PARAMETERS = frozenset(("request", "socket", "data"))
"""Names that handlers have for other things than query parameters."""


class Services(Struct, frozen=True):
    """The venue and what the web layer has built around it."""

    gateway: Gateway
    sessions: Sessions
    desk: Desk
    metrics: Metrics
    settings: WebSettings


def services(connection: ASGIConnection[Any, Any, Any, Any]) -> Services:
    """The services of the application that serves the connection."""
    found: Services = connection.app.state["services"]
    return found


def gateway_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Gateway:
    return services(connection).gateway


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: puts the caller into the request. Raises `Unauthenticated`, and `Forbidden` `csrf`."""
    scope: Any = connection.scope
    scope["user"] = await services(connection).sessions.caller_of_request(scope["method"], scope["headers"])


def in_role(*roles: Role) -> Any:
    """Guard: the caller has one of the roles; stands after `signed_in`. Raises `Forbidden`."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        caller: Caller = connection.user
        caller.must_be(*roles)

    return guard


async def known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: an unknown query parameter is an error that names it, or a misspelt filter would show everything."""
    if not connection.scope["query_string"]:
        return
    known = _known_parameters(handler)
    unknown = [name for name in connection.query_params if name not in known]
    if unknown:
        raise InvalidRequest(*(Fault(name[:64], "unknown parameter") for name in unknown[:20]))


async def without_fields(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of writes that say everything by their address: no body, or an empty object. Raises `InvalidRequest`."""
    body = await Request[Any, Any, State](connection.scope, connection.receive).body()
    if body:
        decode(Nothing, body)


class Nothing(Body, frozen=True):
    """A body without fields."""


@functools.cache
def _known_parameters(handler: BaseRouteHandler) -> frozenset[str]:
    """The names by which a handler's query parameters go."""
    names = parameter_names(handler)
    return frozenset(names[argument] for argument in names if argument not in _NO_PARAMETERS)
