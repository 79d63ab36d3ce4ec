"""Every answer that is not what was asked for, as RFC 9457 problem details with a stable `code`.

    Problem                 status, code, detail, and the field at fault
      InvalidRequest        400: the body or the query is not what the description says; names every fault it can
      Unauthenticated       401: no session, or one that has ended
      Forbidden             403: signed in, but not in a role that may
      NotFound              404: `unknown_order`, `unknown_lot`, …; another's counts as unknown
      Refused               409 (422, 404, 403): the market's own reason as `code`
      ClientGone            499: hung up before the request was whole
      Unavailable           503 with Retry-After: `busy`, `venue_halted`, `database_behind`, `view_behind`, …

Codes and HTTP statuses are part of the contract; titles and details are for people and may be reworded. Nothing here
is logged: these are answers, not faults. Only what is no `Problem` at all (a bug) is logged, and its text never
leaves.

Litestar is imported where an answer is made: whoever raises these without a web server, as `exchange init` and
`exchange export`, saves its third of a second.
"""

import functools
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from marketdata import queries as market_queries
from settlement import queries as settlement_queries
from web.ports import DatabaseBehind, HistoryUnavailable, VenueBusy, VenueClosing, VenueHalted, ViewBehind

if TYPE_CHECKING:
    from litestar import Request, Response
    from litestar.exceptions import ValidationException
    from litestar.handlers import BaseRouteHandler
    from litestar.openapi.datastructures import ResponseSpec

PROBLEM_JSON = "application/problem+json"

TITLES = {
    "invalid_request": "The request is not as the description says",
    "unauthenticated": "Sign in first",
    "invalid_credentials": "Name or password is wrong",
    "forbidden": "Your role may not do this",
    "csrf": "The request did not come from the exchange's own page",
    "not_found": "There is nothing at this address",
    "method_not_allowed": "The address does not take this method",
    "not_acceptable": "The answer is JSON, which the request does not accept",
    "unsupported_media_type": "The body must be JSON",
    "body_too_large": "The body is too large",
    "too_many_attempts": "Too many failed attempts to sign in",
    "busy": "The venue is busy",
    "database_behind": "The database is too far behind the market",
    "venue_closing": "The venue is being stopped",
    "venue_halted": "The venue has halted",
    "view_behind": "The database has not reached that sequence yet",
    "history_unavailable": "The database cannot be read at the moment",
    "client_gone": "The request ended before it was whole",
    "internal": "Something went wrong on our side",
}
"""What the codes mean; reasons of the market (`unknown_order`, `insufficient_funds`, …) are titled by their own
words.
"""

STATUS_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
}

MISSING_BODY = "the body is missing; a JSON object is expected"

logger = logging.getLogger("exchange.web")


class Fault(Struct, frozen=True):
    """One field and what is wrong with it; null where it is the body as a whole."""

    field: str | None
    detail: str


class ProblemDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457. `code` is stable and meant for programs; `field` and `errors` name what is at fault in the request."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    errors: list[Fault] = []


class Problem(Exception):
    """An answer other than the one asked for."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        errors: list[Fault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.status = status
        self.code = code
        self.detail = detail or TITLES.get(code) or _words(code)
        self.field = field
        self.errors = errors or []
        self.headers = dict(headers or {})

    def details(self) -> ProblemDetails:
        return ProblemDetails(
            type=f"urn:banana-exchange:problem:{self.code}",
            title=TITLES.get(self.code) or _words(self.code),
            status=self.status,
            detail=self.detail,
            code=self.code,
            field=self.field,
            errors=self.errors,
        )

    def body(self) -> bytes:
        return _encode(self.details())


class InvalidRequest(Problem):
    """Every fault that could be found; `field` is the first one's."""

    def __init__(self, *faults: Fault) -> None:
        first = faults[0]
        detail = first.detail if first.field is None else f"{first.field}: {first.detail}"
        super().__init__(400, "invalid_request", detail, field=first.field, errors=list(faults))


class Unauthenticated(Problem):
    def __init__(self, detail: str = "") -> None:
        super().__init__(401, "unauthenticated", detail, headers={"www-authenticate": 'Bearer realm="banana-exchange"'})


class Forbidden(Problem):
    def __init__(self, detail: str = "", *, code: str = "forbidden") -> None:
        super().__init__(403, code, detail)


class NotFound(Problem):
    def __init__(self, code: str = "not_found", detail: str = "", *, field: str | None = None) -> None:
        super().__init__(404, code, detail, field=field)


class Refused(Problem):
    """The market's refusal of a request that reached it; the reason is the code."""

    def __init__(self, reason: str, detail: str = "", *, field: str | None = None, status: int | None = None) -> None:
        super().__init__(status or _status_of(reason), reason, detail, field=field or _field_of(reason))


class ClientGone(Problem):
    """The client hung up, or sent nonsense, before its request was whole: nobody hears this answer, it is counted."""

    def __init__(self) -> None:
        super().__init__(499, "client_gone")


class Unavailable(Problem):
    """`retry_after_ms` is told where there are no headers; those count in whole seconds."""

    def __init__(self, code: str, detail: str, *, retry_after_s: int = 1, retry_after_ms: int | None = None) -> None:
        self.retry_after_ms = 1_000 * retry_after_s if retry_after_ms is None else retry_after_ms
        super().__init__(503, code, detail, headers={"retry-after": str(-(-self.retry_after_ms // 1_000))})


def problem_of(error: Exception) -> Problem:
    """The problem that an exception means; an unknown one is a bug, which is logged and answered by `internal`."""
    from litestar.exceptions import HTTPException

    match error:
        case Problem():
            return error
        case VenueBusy():
            whose = "your share of the queue" if error.own else "the queue"
            return Unavailable("busy", f"{whose} is full, nothing was taken", retry_after_ms=error.retry_after_ms)
        case DatabaseBehind():
            return Unavailable(
                "database_behind",
                f"{error}: nothing that may lead to trades is taken until it has caught up; cancels are",
                retry_after_s=5,
            )
        case VenueClosing():
            return Unavailable("venue_closing", "nothing more is taken", retry_after_s=10)
        case VenueHalted():
            return Unavailable("venue_halted", str(error), retry_after_s=30)
        case ViewBehind():
            return Unavailable(
                "view_behind", f"the database is at sequence {error.reached}, {error.wanted} was asked for"
            )
        case HistoryUnavailable():
            return Unavailable(
                "history_unavailable", "the market goes on; only its past cannot be read", retry_after_s=5
            )
        case market_queries.InvalidCursor() | settlement_queries.InvalidCursor():
            return InvalidRequest(Fault("cursor", "this is not the next of any page"))
        case HTTPException() if error.status_code < 500:
            headers = {name.lower(): value for name, value in (error.headers or {}).items()}
            code = STATUS_CODES.get(error.status_code, "invalid_request")
            return Problem(error.status_code, code, headers=headers)
    logger.error("a request broke the web layer", exc_info=error)
    return Problem(500, "internal", "the fault has been recorded")


def answer_problem(request: "Request[Any, Any, Any]", error: Exception) -> "Response[bytes]":
    """Litestar's exception handler for everything."""
    from litestar import Response
    from litestar.exceptions import ValidationException

    if isinstance(error, ValidationException):
        error = InvalidRequest(*_faults_of(error, parameter_names(request.route_handler)))
    problem = problem_of(error)
    request.app.state["services"].metrics.problem(problem.code)
    return Response(problem.body(), status_code=problem.status, media_type=PROBLEM_JSON, headers=problem.headers)


@functools.cache
def parameter_names(handler: "BaseRouteHandler") -> dict[str, str]:
    """What a handler's arguments are called in a request: `state` is a word that Litestar keeps for itself, for one."""
    return {
        name: getattr(field.kwarg_definition, "name", None) or name
        for name, field in handler.parsed_fn_signature.parameters.items()
    }


def problems(*statuses: int) -> "dict[int, ResponseSpec]":
    """The problems that a route may answer with, for the API's description.

    400 and 503 go without saying: an unknown parameter is a fault everywhere, and no venue is always there.
    """
    from litestar.openapi.datastructures import ResponseSpec

    return {
        status: ResponseSpec(
            ProblemDetails, generate_examples=False, description=_DESCRIPTIONS[status], media_type=PROBLEM_JSON
        )
        for status in (400, *statuses, 503)
    }


_DESCRIPTIONS = {
    400: "`invalid_request`: the body or a parameter is not as described; `errors` names the fields.",
    401: "`unauthenticated`: no session, or one that has ended. `invalid_credentials` when signing in.",
    403: "`forbidden`: not in a role that may do this. `csrf`: a write by cookie without its token.",
    404: "`unknown_…`: there is no such thing, or it is another's.",
    409: "Refused by the rules of the market; `code` is the reason.",
    413: "`body_too_large`: more than 1 MiB.",
    415: "`unsupported_media_type`: the body is not JSON.",
    422: "Refused by the rules of the market for a field's value; `code` is the reason and `field` names it.",
    429: "`too_many_attempts`: wait as long as `Retry-After` says.",
    503: "`busy`, `database_behind`, `view_behind`, `history_unavailable`, `venue_closing`: `Retry-After` says when to "
    "try again. `venue_halted`: the venue has stopped acknowledging, `detail` says why.",
}

_encode = msgspec.json.Encoder().encode


def _status_of(reason: str) -> int:
    """A value at fault is 422, a thing that does not exist 404, a missing right 403; a state that does not allow
    it 409.
    """
    if reason.startswith("invalid_"):
        return 422
    if reason.startswith("unknown_"):
        return 404
    if reason in ("not_allowed", "forbidden", "wrong_role"):
        return 403
    return 409


def _field_of(reason: str) -> str | None:
    """`invalid_price` is about `price`, `unknown_symbol` about `symbol`."""
    prefix, _, field = reason.partition("_")
    return field if field and prefix in ("invalid", "unknown") else None


def _words(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _faults_of(error: "ValidationException", names: Mapping[str, str]) -> list[Fault]:
    """Litestar's list of parameter errors in our words."""
    extra: Any = error.extra
    faults = []
    for entry in extra if isinstance(extra, list) else []:
        name = entry.get("key", "")
        detail = str(entry.get("message", ""))
        faults.append(Fault(None, MISSING_BODY) if name == "data" else Fault(names.get(name, name) or None, detail))
    return faults or [Fault(None, "the request could not be understood")]
