"""Orders over a feed connection: sign in, then place, amend and cancel with the fields and the meaning of the HTTP
calls.

    {"op":"sign_in","id":1,"token":"…","cancel_on_disconnect":false,"cancel_after_ms":null}
    {"op":"place","id":2, …}      {"op":"amend","id":3,"order_id":7, …}      {"op":"cancel","id":4,"order_id":7}
    {"op":"cancel_all","id":5,"symbol":null,"side":null}

Answers come once the journal has the command: `{"op":"order","id":2,"order":{…}}`, in any order; refusals are `error`
with the code that HTTP would give. Many requests may be under way; they enter the venue in the order in which they
arrived.

Two ways to be safe when the line breaks, both for all live orders of the participant: `cancel_on_disconnect` when the
connection ends, `cancel_after_ms` when nothing has been heard for so long, pings included: once for each silence. When
the session ends the connection is told at once (`error`, code `signed_out`, id null), takes no more orders and hears
no more of the account; what it has promised for a broken line holds on.
"""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta, Struct

from marketdata.connection import Connection
from marketdata.messages import Error, RequestId, echo_of
from matching.messages import Side
from web.bodies import Answer, Body, PositiveInteger, ShortText, convert
from web.desk import Desk, NewOrder, Order, OrderChange
from web.errors import Problem, Unauthenticated, problem_of
from web.ports import VenueBusy, VenueHalted
from web.sessions import Caller, Sessions

RETRY_S = 0.1
"""Between attempts to cancel while the venue is busy."""

logger = logging.getLogger("exchange.web")


class SignInRequest(Body, frozen=True):
    token: Annotated[str, Meta(max_length=200)]
    cancel_on_disconnect: bool = False
    cancel_after_ms: Annotated[int, Meta(ge=100, le=86_400_000)] | None = None


class AmendRequest(OrderChange, frozen=True, kw_only=True):
    order_id: PositiveInteger


class CancelRequest(Body, frozen=True):
    order_id: PositiveInteger


class CancelAllRequest(Body, frozen=True):
    symbol: ShortText | None = None
    side: Side | None = None


class SignedIn(Answer, tag_field="op", tag="signed_in", kw_only=True, frozen=True):
    """The connection speaks for this participant; the channel `account` is open to it."""

    id: RequestId
    participant_id: int
    name: str
    roles: tuple[str, ...]
    expires_ns: int


class OrderAnswer(Answer, tag_field="op", tag="order", kw_only=True, frozen=True):
    """The order as it stands. `repeated`: the first answer again, for a `client_order_id` sent again."""

    id: RequestId
    order: Order
    repeated: bool = False


class OrdersAnswer(Answer, tag_field="op", tag="orders", kw_only=True, frozen=True):
    """What `cancel_all` cancelled."""

    id: RequestId
    orders: list[Order]
    sequence: int


class _Desk(Struct, eq=False):
    """What one connection has said of itself."""

    gate: asyncio.Lock
    """Held while signing in, so that what was sent after it waits, in order."""
    caller: Caller | None = None
    unwatch: Callable[[], None] | None = None
    """Ends the watch of the caller's session."""
    guarded_id: int | None = None
    """Whose orders are cancelled when the line breaks: the last one who signed in, his session may have ended."""
    cancel_on_disconnect: bool = False
    cancel_after_s: float | None = None
    heard_s: float = 0.0
    """When the last message came, by the loop's clock."""
    timer: asyncio.TimerHandle | None = None
    """Runs from a message until `cancel_after_s` of silence; not while a silence goes on that it has told of."""


class OrderEntry:
    """Answers the operations beyond market data for all connections of the programs' port
    (`marketdata.feed.OrderEntry`).
    """

    def __init__(self, desk: Desk, sessions: Sessions) -> None:
        self._desk = desk
        self._sessions = sessions
        self._cancelling: set[asyncio.Task[None]] = set()

    async def handle(self, connection: Connection, op: str, message: dict[str, Any]) -> Any:
        """One request's answer; nothing is raised."""
        try:
            body = {name: value for name, value in message.items() if name not in ("op", "id")}
            request_id = convert(_Id, {"id": message.get("id")}).id
            return await self._answer(connection, op, request_id, body)
        except Exception as error:
            problem = problem_of(error)
            self._desk.metrics.problem(problem.code)
            return Error(id=echo_of(message), code=problem.code, detail=problem.detail, field=problem.field)

    async def disconnected(self, connection: Connection) -> None:
        """Cancel what was to be cancelled in that case. The timer of a connection that is gone is settled by the
        same cancel.
        """
        desk = _of(connection)
        # Behind a sign-in under way, and behind the orders that wait for it: they were sent before the line broke.
        async with desk.gate:
            self._leave(desk)
        if desk.timer is not None:
            desk.timer.cancel()
        if desk.guarded_id is not None and (desk.cancel_on_disconnect or desk.cancel_after_s is not None):
            await self._cancel_for_safety(desk.guarded_id)

    async def _answer(self, connection: Connection, op: str, request_id: RequestId, body: dict[str, Any]) -> Any:
        desk = _of(connection)
        if op == "sign_in":
            return await self._sign_in(connection, desk, request_id, convert(SignInRequest, body))
        async with desk.gate:
            caller = desk.caller
        # From here on nothing is awaited before the command is submitted: requests keep their order.
        if caller is None:
            raise Unauthenticated("sign_in comes first")
        if not self._sessions.is_alive(caller.session):
            self._ended(connection, desk, "the session has run out")
            raise Unauthenticated("the session has ended, sign in again")
        self._sessions.current(caller).must_be("trader", "grower")
        participant_id = caller.participant_id
        match op:
            case "place":
                status, order = await self._desk.place(participant_id, convert(NewOrder, body))
                return OrderAnswer(id=request_id, order=order, repeated=status == 200)
            case "amend":
                amend = convert(AmendRequest, body)
                return OrderAnswer(id=request_id, order=await self._desk.amend(participant_id, amend.order_id, amend))
            case "cancel":
                cancel = convert(CancelRequest, body)
                return OrderAnswer(id=request_id, order=await self._desk.cancel(participant_id, cancel.order_id))
            case "cancel_all":
                everything = convert(CancelAllRequest, body)
                sequence, orders = await self._desk.cancel_all(participant_id, everything.symbol, everything.side)
                return OrdersAnswer(id=request_id, orders=orders, sequence=sequence)
        raise Problem(400, "unknown_op", f"there is no op {op[:64]}", field="op")

    async def _sign_in(
        self, connection: Connection, desk: _Desk, request_id: RequestId, request: SignInRequest
    ) -> SignedIn:
        """Signing in again replaces who the connection speaks for, and what happens when it breaks."""
        async with desk.gate:
            caller = await self._sessions.caller_of_token(request.token)
            self._leave(desk)
            desk.caller = caller
            desk.guarded_id = caller.participant_id
            desk.cancel_on_disconnect = request.cancel_on_disconnect
            desk.cancel_after_s = None if request.cancel_after_ms is None else request.cancel_after_ms / 1000
            connection.sign_in(caller.participant_id)
            if connection.open:
                desk.unwatch = self._sessions.watch(caller.session, functools.partial(self._ended, connection, desk))
            self._guard(connection, desk)
        return SignedIn(
            id=request_id,
            participant_id=caller.participant_id,
            name=caller.name,
            roles=caller.roles,
            expires_ns=caller.session.expires_ns,
        )

    def _ended(self, connection: Connection, desk: _Desk, reason: str) -> None:
        """The session has: nobody speaks here any more."""
        self._leave(desk)
        desk.caller = None
        connection.sign_out(reason)

    def _leave(self, desk: _Desk) -> None:
        if desk.unwatch is not None:
            desk.unwatch()
            desk.unwatch = None

    # The dead man's switch

    def _guard(self, connection: Connection, desk: _Desk) -> None:
        """Begin to listen for silence, or stop."""
        if desk.timer is not None:
            desk.timer.cancel()
            desk.timer = None
        if desk.cancel_after_s is None or not connection.open:
            connection.heard = None
            return
        connection.heard = functools.partial(self._heard, desk)
        self._heard(desk)

    def _heard(self, desk: _Desk) -> None:
        """Of each message. The timer is not moved by it: it looks itself how long ago the last one was."""
        loop = asyncio.get_running_loop()
        desk.heard_s = loop.time()
        if desk.timer is None:
            assert desk.cancel_after_s is not None
            desk.timer = loop.call_later(desk.cancel_after_s, self._look, desk)

    def _look(self, desk: _Desk) -> None:
        assert desk.cancel_after_s is not None
        assert desk.guarded_id is not None
        loop = asyncio.get_running_loop()
        due_s = desk.heard_s + desk.cancel_after_s
        if loop.time() < due_s:
            desk.timer = loop.call_at(due_s, self._look, desk)
            return
        desk.timer = None
        task = asyncio.ensure_future(self._cancel_for_safety(desk.guarded_id))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _cancel_for_safety(self, participant_id: int) -> None:
        """Nobody is there to try again, so this does, until the venue takes it or has halted."""
        while True:
            try:
                await self._desk.cancel_all(participant_id, None, None)
                return
            except VenueBusy:
                await asyncio.sleep(RETRY_S)
            except VenueHalted:
                logger.warning("participant %d is gone and its orders stand: the venue has halted", participant_id)
                return


class _Id(Struct):
    id: RequestId


def _of(connection: Connection) -> _Desk:
    desk: _Desk | None = connection.context
    if desk is None:
        desk = connection.context = _Desk(asyncio.Lock())
    return desk
