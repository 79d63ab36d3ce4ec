"""What handlers work with, put together once by `create_app`."""

import functools
import re
from typing import Any, get_args

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from settlement.messages import Role
from web.bodies import Body, decode
from web.desk import Desk
from web.documents.printing import Documents
from web.errors import Fault, InvalidRequest, NotFound, parameter_names
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
    documents: Documents


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
    """Guard: an unknown query parameter is an error that names it, or a misspelt filter would show everything. Each is
    given once, and integers are written as such: `1.0` and `+1` are none. A handler with the option `any_parameters`
    takes whatever comes. Raises `InvalidRequest`.
    """
    if not connection.scope["query_string"] or handler.opt.get("any_parameters"):
        return
    known = {
        name: is_integer
        for name, is_integer in _known_parameters(handler).items()
        if name not in connection.path_params
    }
    given = connection.query_params
    faults = [Fault(name[:64], "unknown parameter") for name in given if name not in known]
    for name, is_integer in known.items():
        values = given.getall(name, [])
        if len(values) > 1:
            faults.append(Fault(name, "given more than once"))
        elif values and is_integer and not _INTEGER.fullmatch(values[0]):
            faults.append(Fault(name, "an integer in decimal digits is expected"))
    if faults:
        raise InvalidRequest(*faults[:20])


async def canonical_ids(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: a thing has one address. `/orders/01`, `/orders/+1` and digits of other scripts name nothing, though
    Python reads them as 1. Raises `NotFound`.
    """
    ids = [value for value in connection.path_params.values() if isinstance(value, int)]
    if ids:
        segments = connection.scope["path"].split("/")
        if any(str(each) not in segments for each in ids):
            raise NotFound


async def without_fields(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of writes that say everything by their address: no body, or an empty object. Raises `InvalidRequest`."""
    body = await Request[Any, Any, State](connection.scope, connection.receive).body()
    if body:
        decode(Nothing, body)


class Nothing(Body, frozen=True):
    """A body without fields."""


_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")


@functools.cache
def _known_parameters(handler: BaseRouteHandler) -> dict[str, bool]:
    """The names by which a handler's parameters go, and whether each is an integer."""
    names = parameter_names(handler)
    return {
        names[argument]: int in (field.annotation, *get_args(field.annotation))
        for argument, field in handler.parsed_fn_signature.parameters.items()
        if argument not in _NO_PARAMETERS
    }
