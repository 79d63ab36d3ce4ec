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
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from marketdata.connection import Connection
from marketdata.messages import Echo, Error, RequestId, echo_of
from matching.messages import AmendOrder, CancelOrder, Side
from settlement.messages import EnterOrder
from web.account_views import Order
from web.bodies import Answer, Body, PositiveInteger, ShortText, convert
from web.desk import Desk, NewOrder, OrderChange, amending, entering
from web.errors import Problem, Unauthenticated, Unavailable, problem_of
from web.ports import Outcome, VenueBusy, VenueHalted
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


class _Place(NewOrder, frozen=True, kw_only=True, tag_field="op", tag="place"):
    id: RequestId = None


class _Amend(AmendRequest, frozen=True, kw_only=True, tag_field="op", tag="amend"):
    id: RequestId = None


class _Cancel(CancelRequest, frozen=True, kw_only=True, tag_field="op", tag="cancel"):
    id: RequestId = None


_Request = _Place | _Amend | _Cancel
"""Decoded in one pass; what is not one of these whole is looked at again, piece by piece, for what is wrong with it."""

_decode_json = msgspec.json.Decoder(_Request).decode
_decode_msgpack = msgspec.msgpack.Decoder(_Request).decode

TRADING: Final = ("trader", "grower")


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
        self._finishing: set[asyncio.Task[None]] = set()
        self._answered: dict[Connection, None] = {}
        """Whose answers leave together, as soon as all of their batch are made."""

    def enter(self, connection: Connection, data: str | bytes) -> bool:
        """The short way of `handle` for placing, amending and cancelling, without a task: nothing is awaited but the
        journal. What is not right goes the long way, which says what is wrong.
        """
        desk: _Desk | None = connection.context
        if desk is None or desk.caller is None or desk.gate.locked():
            return False
        caller = desk.caller
        try:
            request: _Request = _decode_json(data) if isinstance(data, str) else _decode_msgpack(data)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            return False
        if not self._sessions.is_alive(caller.session):
            return False
        participant_id = caller.participant_id
        command: EnterOrder | AmendOrder | CancelOrder
        try:
            self._sessions.current(caller).must_be(*TRADING)
            if isinstance(request, _Place):
                command = entering(participant_id, request)
            elif isinstance(request, _Amend):
                command = amending(participant_id, request.order_id, request)
            else:
                command = CancelOrder(order_id=request.order_id, participant_id=participant_id)
            self._desk.offer(command, _Owed(self, connection, request.id, command))
        except Exception as error:
            self._answer_owed(connection, self._refused(connection, request.id, error))
        return True

    def outcome_of(self, owed: "_Owed", outcome: Outcome) -> None:
        """The journal has a command that `enter` took."""
        try:
            order = self._desk.reported(owed.command, outcome)
        except Exception as error:
            self._answer_owed(owed.connection, self._refused(owed.connection, owed.request_id, error))
            return
        if order is None:
            task = asyncio.ensure_future(self._finish(owed, outcome))
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)
        else:
            self._answer_owed(owed.connection, OrderAnswer(id=owed.request_id, order=order))

    def failure_of(self, owed: "_Owed", error: Exception) -> None:
        """What became of a command that `enter` took is not known."""
        self._answer_owed(owed.connection, self._refused(owed.connection, owed.request_id, error))

    async def _finish(self, owed: "_Owed", outcome: Outcome) -> None:
        """Say what takes asking the journal or the database, or a refusal."""
        command = owed.command
        try:
            repeated = False
            if isinstance(command, EnterOrder):
                status, order = await self._desk.entered(outcome)
                repeated = status == 200
            elif isinstance(command, AmendOrder):
                order = self._desk.amended(command.participant_id, command.order_id, outcome)
            else:
                order = await self._desk.cancelled(command.participant_id, command.order_id, outcome)
            answer: Any = OrderAnswer(id=owed.request_id, order=order, repeated=repeated)
        except Exception as error:
            answer = self._refused(owed.connection, owed.request_id, error)
        self._answer_owed(owed.connection, answer)

    def _refused(self, connection: Connection, request_id: Echo, error: Exception) -> Error:
        problem = problem_of(error)
        self._desk.metrics.problem(problem.code)
        if isinstance(error, VenueBusy) and error.own:
            connection.rests = True
        return Error(
            id=request_id,
            code=problem.code,
            detail=problem.detail,
            field=problem.field,
            retry_after_ms=problem.retry_after_ms if isinstance(problem, Unavailable) else None,
        )

    def _answer_owed(self, connection: Connection, answer: Any) -> None:
        connection.answer(answer)
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._let_answers_leave)
        self._answered[connection] = None

    def _let_answers_leave(self) -> None:
        """One write a connection, however many; they do not wait for the turn of the market's readers."""
        answered, self._answered = self._answered, {}
        for connection in answered:
            connection.flush()

    async def handle(self, connection: Connection, op: str, message: dict[str, Any]) -> Any:
        """One request's answer; nothing is raised."""
        try:
            body = {name: value for name, value in message.items() if name not in ("op", "id")}
            request_id = convert(_Id, {"id": message.get("id")}).id
            return await self._answer(connection, op, request_id, body)
        except Exception as error:
            return self._refused(connection, echo_of(message), error)

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
        self._sessions.current(caller).must_be(*TRADING)
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


class _Owed:
    """The answer to a request that is on its way through the venue (`web.ports.Answering`)."""

    __slots__ = ("_entry", "command", "connection", "request_id")

    def __init__(
        self,
        entry: OrderEntry,
        connection: Connection,
        request_id: RequestId,
        command: EnterOrder | AmendOrder | CancelOrder,
    ) -> None:
        self._entry = entry
        self.connection = connection
        self.request_id = request_id
        self.command = command

    def done(self) -> bool:
        return False

    def set_result(self, outcome: Outcome, /) -> None:
        self._entry.outcome_of(self, outcome)

    def set_exception(self, error: Exception, /) -> None:
        self._entry.failure_of(self, error)

    def exception(self) -> None:
        return None


class _Id(Struct):
    id: RequestId


def _of(connection: Connection) -> _Desk:
    desk: _Desk | None = connection.context
    if desk is None:
        desk = connection.context = _Desk(asyncio.Lock())
    return desk
