"""The outermost ring of every HTTP request: size, kind, headers, counting; and the short way that orders take.

    request ─► edge ─┬─► lane: POST /orders, PATCH and DELETE /orders/{id} ─┐
                     └─► Litestar: everything else ─────────────────────────┴─► answer, with the headers of every answer

By Litestar's dispatch an order costs the server 247 µs, by the lane 96 (measured: uvicorn with httptools, the engine
behind it, no journal). So the three verbs are answered here, by the same sessions, decoder and desk that Litestar's
handlers call.
"""

import re
import time
from typing import Any

import msgspec
from litestar.types import ASGIApp, Message, Receive, Send

from web.bodies import MAXIMUM_BODY, decode
from web.context import Services
from web.desk import NewOrder, OrderChange
from web.errors import PROBLEM_JSON, ClientGone, Problem, problem_of

API = "/api/v1/"
ORDERS = "/api/v1/orders"
ORDER = "/api/v1/orders/{order_id}"

TAKES_CSV = frozenset(("/api/v1/warehouse/readings",))
"""Addresses that take a file as well: `text/csv` beside JSON."""

ANSWERS_OTHERWISE = (".csv", ".sig", ".pem", ".pdf")
"""Addresses whose answer is the file that their name says."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""Counted by name; whatever else clients invent is one series."""

DRAINED = 16 * MAXIMUM_BODY
"""Of a body that is too large so much is read and thrown away, so that the client hears why instead of a broken
connection.
"""

_POLICY = (
    b"default-src 'self'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    b"img-src 'self' data:; font-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'"
)

SECURITY_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""On every page. Inline style attributes are what the charts need; scripts and style sheets come as files alone."""

_ORDER_ID = re.compile(r"0|[1-9][0-9]{0,15}")

_encode = msgspec.json.Encoder().encode


class Edge:
    """Wraps Litestar's application; O(headers) a request."""

    def __init__(self, web: Services) -> None:
        self._web = web

    async def __call__(self, scope: Any, receive: Receive, send: Send, inner: ASGIApp) -> None:
        started = time.perf_counter()
        method: str = scope["method"]
        path: str = scope["path"]
        if path.startswith(ORDERS) and not scope["query_string"]:
            if method == "POST" and len(path) == len(ORDERS):
                return await self._order(scope, receive, send, "POST", ORDERS, 0, started)
            tail = path.removeprefix(f"{ORDERS}/")
            if method in ("PATCH", "DELETE") and _ORDER_ID.fullmatch(tail):
                return await self._order(scope, receive, send, method, ORDER, int(tail), started)
        answer = _Answer(send, private=path.startswith(API), bodiless=method == "HEAD")
        if method == "HEAD":
            scope["method"] = "GET"
        problem = _refusal(scope, path)
        if problem is None:
            await inner(scope, _whole(receive), answer.send)
        else:
            if problem.status == 413:
                await _drain(receive)
            self._web.metrics.problem(problem.code)
            await _answer_problem(answer.send, problem)
        counted = method if method in METHODS else "other"
        self._web.metrics.request(counted, _route(scope, path), answer.status, time.perf_counter() - started)
        return None

    async def _order(
        self, scope: Any, receive: Receive, send: Send, method: str, route: str, order_id: int, started: float
    ) -> None:
        """What the handlers of `web/trading.py` do, without the way there."""
        web = self._web
        headers: tuple[tuple[bytes, bytes], ...] = _JSON
        try:
            problem = _refusal(scope, route)
            if problem is not None:
                raise problem
            caller = await web.sessions.caller_of_request(method, scope["headers"])
            caller.must_be("trader", "grower")
            if method == "POST":
                new = decode(NewOrder, await _body(receive))
                status, order = await web.desk.place(caller.participant_id, new)
            elif method == "PATCH":
                change = decode(OrderChange, await _body(receive))
                status, order = 200, await web.desk.amend(caller.participant_id, order_id, change)
            else:
                status, order = 200, await web.desk.cancel(caller.participant_id, order_id)
            payload = _encode(order)
        except ClientGone as gone:
            web.metrics.request(method, route, gone.status, time.perf_counter() - started)
            return
        except Exception as error:
            problem = problem_of(error)
            web.metrics.problem(problem.code)
            if problem.status == 413:
                await _drain(receive)
            status, payload = problem.status, problem.body()
            headers = _PROBLEM + tuple((name.encode(), value.encode()) for name, value in problem.headers.items())
        start: Any = {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(payload)), *_PRIVATE],
        }
        await send(start)
        await send({"type": "http.response.body", "body": payload, "more_body": False})
        web.metrics.request(method, route, status, time.perf_counter() - started)


class _Answer:
    """Adds the headers of every answer on its way out and remembers the status."""

    def __init__(self, send: Send, *, private: bool, bodiless: bool) -> None:
        self._send = send
        self._headers = _PRIVATE if private else SECURITY_HEADERS
        self._bodiless = bodiless
        self.status = 500

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        elif self._bodiless and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)


_PRIVATE = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""On the API's answers, which are data: nothing may run in them, nothing keep them."""
_JSON = ((b"content-type", b"application/json"),)
_PROBLEM = ((b"content-type", PROBLEM_JSON.encode()),)


def _refusal(scope: Any, path: str) -> Problem | None:
    """What the head alone gives away: a body too large or in no form that is read here, an answer that would not be
    read.
    """
    if not path.startswith(API):
        return None
    takes_csv = path in TAKES_CSV
    answers_json = not path.endswith(ANSWERS_OTHERWISE)
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit() or len(value) > 7 or int(value) > MAXIMUM_BODY:
                return Problem(413, "body_too_large", f"a body has at most {MAXIMUM_BODY} bytes")
        elif name == b"content-type":
            if value != b"application/json" and not _is_json(value) and not (takes_csv and _is_csv(value)):
                return Problem(415, "unsupported_media_type", "send the body as application/json")
        elif name == b"accept":
            if answers_json and b"*/*" not in value and b"json" not in value and b"application/*" not in value:
                return Problem(406, "not_acceptable", "this address answers in application/json")
    return None


def _is_json(content_type: bytes) -> bool:
    """JSON is UTF-8 whatever the header says of it, so another charset is not JSON."""
    kind, _, parameters = content_type.lower().partition(b";")
    charset = parameters.strip().removeprefix(b"charset=").strip(b'"')
    return kind.strip() == b"application/json" and charset in (b"", b"utf-8")


def _is_csv(content_type: bytes) -> bool:
    return content_type.lower().partition(b";")[0].strip() == b"text/csv"


def _whole(receive: Receive) -> Receive:
    """Like `receive`, but raises `ClientGone` where the request ends before its body does."""
    is_whole = False

    async def receive_whole() -> Any:
        nonlocal is_whole
        message = await receive()
        if message["type"] == "http.request":
            is_whole = not message.get("more_body")
        elif not is_whole:
            raise ClientGone
        return message

    return receive_whole


async def _body(receive: Receive) -> bytes:
    """The whole body; `Problem` `body_too_large` as soon as it is too large."""
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > MAXIMUM_BODY:
            raise Problem(413, "body_too_large", f"a body has at most {MAXIMUM_BODY} bytes")
        return body
    parts = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body"):
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAXIMUM_BODY:
            raise Problem(413, "body_too_large", f"a body has at most {MAXIMUM_BODY} bytes")
    return b"".join(parts)


async def _drain(receive: Receive) -> None:
    """Read on, but not for ever."""
    drained = 0
    while drained < DRAINED:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        drained += len(message.get("body", b""))


async def _answer_problem(send: Send, problem: Problem) -> None:
    payload = problem.body()
    start: Any = {
        "type": "http.response.start",
        "status": problem.status,
        "headers": [
            *_PROBLEM,
            *((name.encode(), value.encode()) for name, value in problem.headers.items()),
            (b"content-length", b"%d" % len(payload)),
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": payload, "more_body": False})


def _route(scope: Any, path: str) -> str:
    """The template that Litestar routed by; everything unknown is one series."""
    template: str | None = scope.get("path_template")
    if template is not None:
        return template
    return "unrouted" if path.startswith(API) else "page"
