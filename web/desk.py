"""The order desk: what placing, amending and cancelling mean, whoever asks, HTTP or a feed connection.

An answer is made from the events of the command alone, once they are durable. The first thing that each verb does is
submit: no await stands before it, so requests started in some order enter the venue in that order.
"""

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta
from sqlalchemy import Connection

from matching.messages import (
    AcceptanceRejected,
    AcceptCounter,
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    CommandRejected,
    DeclineReport,
    Kind,
    MassCancel,
    SelfTrade,
    Side,
    TimeInForce,
    WithdrawalRejected,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)
from settlement import queries
from settlement.messages import (
    EnterOffer,
    EnterOrder,
    ExecutionReport,
    OrderRepeated,
    RequestRefused,
)
from web.account_views import Order, order_of
from web.bodies import Body, Integer, PositiveInteger, ShortText, TimeNs
from web.errors import NotFound, Problem, Refused
from web.metrics import Metrics
from web.ports import Answering, Gateway, Outcome, VenueHalted, ViewBehind
from web.views import is_id, live_unless_halted, past

MAXIMUM_LOTS = 100

Withdrawal = WithdrawListing | WithdrawCounter | WithdrawAuction | WithdrawReport | DeclineReport


class NewOrder(Body, frozen=True):
    """An order as a participant sends it. What only the market can judge (a price off the tick, a quantity of 0) is
    not judged here: such an order reaches the market and comes back `rejected` with the reason.
    """

    client_order_id: Annotated[
        ShortText,
        Meta(description="Your name for the order: sent again, it is not placed again.", examples=["desk-1-000042"]),
    ]
    symbol: Annotated[ShortText, Meta(examples=["BXJ-1-SX1-26W47"])]
    side: Side
    quantity: Annotated[Integer, Meta(description="Kilograms.", examples=[500])]
    kind: Kind = "limit"
    price: (
        Annotated[Integer, Meta(description="Fen per kilogram; with `limit` and `stop_limit` only.", examples=[265])]
        | None
    ) = None
    stop_price: Annotated[Integer, Meta(description="Fen per kilogram; with `stop` and `stop_limit` only.")] | None = (
        None
    )
    time_in_force: TimeInForce = "gtc"
    expires_ns: TimeNs | None = None
    display_quantity: Annotated[Integer, Meta(description="Kilograms shown of an iceberg.")] | None = None
    minimum_quantity: Annotated[Integer, Meta(description="Kilograms; with `ioc` only.")] | None = None
    post_only: bool = False
    self_trade: SelfTrade = "cancel_resting"
    lots: (
        Annotated[
            list[PositiveInteger],
            Meta(
                max_length=MAXIMUM_LOTS,
                description="Sells: receipt ids in the order of delivery; null: oldest harvest first, then number.",
            ),
        ]
        | None
    ) = None


class OrderChange(Body, frozen=True):
    """What to change about an order; what is null or left out stays as it is."""

    quantity: Annotated[Integer, Meta(description="The new total in kilograms, what is filled included.")] | None = None
    price: (
        Annotated[Integer, Meta(description="Fen per kilogram. A change gives up the place in the queue.")] | None
    ) = None
    display_quantity: Annotated[Integer, Meta(description="Kilograms shown from the next tip on.")] | None = None


class Desk:
    """The verbs. All raise `VenueBusy` and `VenueHalted`, besides what they say."""

    def __init__(self, gateway: Gateway, metrics: Metrics) -> None:
        self._gateway = gateway
        self.metrics = metrics

    async def place(self, participant_id: int, new: NewOrder) -> tuple[int, Order]:
        """201 and the order as it stands after matching, refused ones too; 200 and the first answer for a repetition.

        Raises `Problem` `client_order_id_reused` where the name stands for another order.
        """
        return await self.enter(entering(participant_id, new))

    async def enter(self, command: EnterOrder | EnterOffer) -> tuple[int, Order]:
        """201 or 200, and the order or whatever else the command enters, as `place` says.

        Raises also `Refused` where the command names what is not there.
        """
        return await self.entered(await self._gateway.submit(command))

    def offer(self, command: EnterOrder | AmendOrder | CancelOrder, answering: Answering) -> None:
        """What all verbs begin with, for whoever needs no task to wait in: the outcome goes to `reported`, and where
        that says nothing to `entered`, `amended` or `cancelled`.
        """
        self._gateway.offer(command, answering)

    def reported(self, command: EnterOrder | AmendOrder | CancelOrder, outcome: Outcome) -> Order | None:
        """The command's own order, where it came to a report of it; none where more has to be said or asked."""
        if isinstance(command, EnterOrder):
            for event in reversed(outcome.events):
                kind = type(event)
                if kind is ExecutionReport:
                    self.metrics.order(event.status, event.reason)
                    return order_of(event)
                if kind is OrderRepeated or kind is RequestRefused:
                    return None
            return None
        refusal = AmendRejected if isinstance(command, AmendOrder) else CancelRejected
        answer = _last_about(outcome, command.order_id, refusal)
        return order_of(answer) if isinstance(answer, ExecutionReport) else None

    async def entered(self, outcome: Outcome) -> tuple[int, Order]:
        """What `enter` answers, of its command's outcome."""
        for event in reversed(outcome.events):
            kind = type(event)
            if kind is ExecutionReport:
                self.metrics.order(event.status, event.reason)
                return 201, order_of(event)
            if kind is OrderRepeated:
                return 200, await self._first_answer(event)
            if kind is RequestRefused:
                raise Refused(event.reason, event.detail, field=event.field)
        raise AssertionError("an order was entered and nothing was said of it")

    async def amend(self, participant_id: int, order_id: int, change: OrderChange) -> Order:
        """The order as amended. Raises `NotFound` `unknown_order`, `Refused` with the market's reason."""
        if not is_id(order_id):
            raise NotFound("unknown_order")
        return self.amended(
            participant_id, order_id, await self._gateway.submit(amending(participant_id, order_id, change))
        )

    def amended(self, participant_id: int, order_id: int, outcome: Outcome) -> Order:
        """What `amend` answers, of its command's outcome."""
        answer = _last_about(outcome, order_id, AmendRejected)
        if isinstance(answer, ExecutionReport):
            return order_of(answer)
        if answer.reason == "unknown_order":
            ended = self._gateway.ended_order(order_id)
            is_own = ended is not None and ended.participant_id == participant_id
            raise NotFound("unknown_order", f"the order has ended: {ended.status}" if ended and is_own else "")
        raise Refused(answer.reason, status=409)

    async def cancel(self, participant_id: int, order_id: int) -> Order:
        """The cancelled order, now or long ago. Raises `NotFound` `unknown_order`, `Refused` with the market's
        reason, and for one that ended long ago `HistoryUnavailable` and `ViewBehind`.
        """
        if not is_id(order_id):
            raise NotFound("unknown_order")
        outcome = await self._gateway.submit(CancelOrder(order_id=order_id, participant_id=participant_id))
        return await self.cancelled(participant_id, order_id, outcome)

    async def cancelled(self, participant_id: int, order_id: int, outcome: Outcome) -> Order:
        """What `cancel` answers, of its command's outcome."""
        answer = _last_about(outcome, order_id, CancelRejected)
        if isinstance(answer, ExecutionReport):
            return order_of(answer)
        if answer.reason == "unknown_order":
            ended = await self._own(participant_id, order_id, outcome.sequence, None)
            if ended.status == "cancelled":
                return order_of(ended)
            detail = f"the order has ended: {ended.status}" if ended.status not in queries.LIVE_ORDERS else ""
            raise NotFound("unknown_order", detail)
        raise Refused(answer.reason, status=409)

    async def accept(self, participant_id: int, counter_id: int) -> Order:
        """The listing that a counter-bid was accepted for. Raises `NotFound` `unknown_counter`, `Refused`."""
        if not is_id(counter_id):
            raise NotFound("unknown_counter")
        outcome = await self._gateway.submit(AcceptCounter(counter_id=counter_id, participant_id=participant_id))
        for event in reversed(outcome.events):
            if isinstance(event, ExecutionReport):
                return order_of(event)
            if isinstance(event, AcceptanceRejected):
                raise Refused(event.reason)
        raise AssertionError("a counter-bid was accepted and nothing was said of it")

    async def withdraw(self, command: Withdrawal, offer_id: int) -> Order:
        """What was withdrawn or declined, as it ended. Raises `NotFound` `unknown_…`, `Refused` `has_bids`."""
        outcome = await self._gateway.submit(command)
        for event in reversed(outcome.events):
            if isinstance(event, ExecutionReport) and event.order_id == offer_id:
                return order_of(event)
            if isinstance(event, WithdrawalRejected):
                raise Refused(event.reason)
        raise AssertionError("something was withdrawn and nothing was said of it")

    async def cancel_all(self, participant_id: int, symbol: str | None, side: Side | None) -> tuple[int, list[Order]]:
        """The sequence and the orders that were cancelled, ascending. Raises `Refused` with the market's reason."""
        outcome = await self._gateway.submit(MassCancel(participant_id=participant_id, symbol=symbol, side=side))
        orders = []
        for event in outcome.events:
            if isinstance(event, CommandRejected) and event.command == "mass_cancel":
                raise Refused(event.reason)
            # What had expired by then stands in front, by its own reason.
            if isinstance(event, ExecutionReport) and event.reason == "mass_cancel":
                orders.append(order_of(event))
        return outcome.sequence, orders

    async def order(self, participant_id: int, order_id: int, min_sequence: int | None) -> Order:
        """An own order, live or ended. Raises `NotFound` `unknown_order`, and for one that ended long ago
        `HistoryUnavailable` and `ViewBehind`. Of a venue that has halted, from the database: see `_recorded`.
        """
        sequence = await live_unless_halted(self._gateway, min_sequence)
        if sequence is None:
            return await self._recorded(
                lambda connection: queries.order(connection, order_id, participant_id=participant_id), min_sequence
            )
        return order_of(await self._own(participant_id, order_id, sequence, min_sequence))

    async def order_by_client_id(self, participant_id: int, client_order_id: str, min_sequence: int | None) -> Order:
        """An own order by its client's name; of several (a day or more apart) the newest. Raises as `order` does."""

        def recorded(connection: Connection) -> ExecutionReport | None:
            return queries.order_by_client_id(connection, participant_id, client_order_id)

        sequence = await live_unless_halted(self._gateway, min_sequence)
        if sequence is None:
            return await self._recorded(recorded, min_sequence)
        order_id = self._gateway.order_id_of(participant_id, client_order_id)
        if order_id is not None:
            return order_of(await self._own(participant_id, order_id, sequence, min_sequence))
        _, report = await past(self._gateway, recorded, sequence, min_sequence)
        if report is None:
            raise NotFound("unknown_order")
        return order_of(report)

    async def _recorded(self, query: Callable[[Connection], ExecutionReport | None], min_sequence: int | None) -> Order:
        """An order of a venue that has halted, as the database has it. That there is none cannot be said: whether the
        last commands became durable, the next start will see. Raises `VenueHalted`, `HistoryUnavailable`, `ViewBehind`.
        """
        _, report = await self._gateway.history(query, min_sequence=min_sequence)
        if report is None:
            raise VenueHalted(self._gateway.halted or "the venue has halted")
        return order_of(report)

    async def _own(
        self, participant_id: int, order_id: int, sequence: int, min_sequence: int | None
    ) -> ExecutionReport:
        """An own order as it stands at `sequence`, to be asked for right after that was settled or answered.

        Live orders and those that ended lately are known here, as is which numbers were never given; only for what
        ended long ago the database is asked. Raises `NotFound` `unknown_order`, `HistoryUnavailable`, `ViewBehind`.
        """
        if not is_id(order_id) or order_id > self._gateway.last_order_id:
            raise NotFound("unknown_order")
        report = self._gateway.live_order(order_id) or self._gateway.ended_order(order_id)
        if report is None:
            reached, report = await past(
                self._gateway,
                lambda connection: queries.order(connection, order_id, participant_id=participant_id),
                sequence,
                min_sequence,
            )
            if report is not None and report.status in queries.LIVE_ORDERS:
                # It has ended since, which the database does not know yet.
                raise ViewBehind(reached, sequence)
        if report is None or report.participant_id != participant_id:
            raise NotFound("unknown_order")
        return report

    async def _first_answer(self, repeated: OrderRepeated) -> Order:
        """What the order's name was answered with the first time, read from the journal."""
        if not repeated.same_content:
            raise Problem(
                409,
                "client_order_id_reused",
                f"this client_order_id is order {repeated.order_id}, which is not the same",
                field="client_order_id",
            )
        first = await self._gateway.recorded(repeated.first_sequence)
        for event in reversed(first.events):
            if isinstance(event, ExecutionReport) and event.order_id == repeated.order_id:
                return order_of(event)
        raise AssertionError("the journal does not say how the order was answered")


def entering(participant_id: int, new: NewOrder) -> EnterOrder:
    """The command that places an order."""
    return EnterOrder(
        participant_id=participant_id,
        client_order_id=new.client_order_id,
        symbol=new.symbol,
        side=new.side,
        quantity=new.quantity,
        kind=new.kind,
        price=new.price,
        stop_price=new.stop_price,
        time_in_force=new.time_in_force,
        expires_ns=new.expires_ns,
        display_quantity=new.display_quantity,
        minimum_quantity=new.minimum_quantity,
        post_only=new.post_only,
        self_trade=new.self_trade,
        lots=None if new.lots is None else tuple(new.lots),
    )


def amending(participant_id: int, order_id: int, change: OrderChange) -> AmendOrder:
    """The command that amends an order."""
    return AmendOrder(
        order_id=order_id,
        participant_id=participant_id,
        quantity=change.quantity,
        price=change.price,
        display_quantity=change.display_quantity,
    )


def _last_about(
    outcome: Outcome, order_id: int, refusal: type[AmendRejected] | type[CancelRejected]
) -> ExecutionReport | AmendRejected | CancelRejected:
    """The command's own order comes last; what an implied expiry said of the same order stands before it."""
    for event in reversed(outcome.events):
        if isinstance(event, (ExecutionReport, refusal)) and event.order_id == order_id:
            return event
    raise AssertionError("an order was named and nothing was said of it")
