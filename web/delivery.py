"""Goods on their way out: delivery orders, docks, trucks over the scale, the code at the gate, and what fails."""

import secrets
from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy import Connection

from settlement import queries
from settlement.civil import day_number
from settlement.hand_over_codes import ALPHABET, LENGTH, code_digest
from settlement.messages import CivilDate, RequestRefused
from settlement.messages.delivery import (
    AcceptDelivery,
    BookSlot,
    BuyIn,
    BuyInChanged,
    CancelDelivery,
    CancelSlot,
    DeliveryChanged,
    DeliveryOrder,
    DismissFailure,
    FailureCause,
    HandOver,
    Load,
    MoveSlot,
    RenewCode,
    ReportFailedDelivery,
    RequestDelivery,
    StartBuyIn,
    VoidLoad,
    WeighOut,
)
from settlement.queries import BuyInAttempt
from web.bodies import (
    PRINTABLE,
    Answer,
    Body,
    Cursor,
    Limit,
    MinSequence,
    Natural,
    PositiveInteger,
    ShortText,
    Text,
    TimeNs,
)
from web.context import SignedIn, gateway_of, in_role, without_fields
from web.errors import Fault, Forbidden, InvalidRequest, NotFound, Refused, problems
from web.growers import WarehouseFilter, sees_all
from web.ports import Gateway, Outcome
from web.views import Items, is_id, live, live_unless_halted, page_of, past, recorded

loads_here = in_role("warehouse")
watches_the_gate = in_role("warehouse", "operator")
decides = in_role("operator")

SALT_BYTES = 16


class NewDelivery(Body, frozen=True):
    """How much of the receipt shall leave, and what the holder calls it."""

    weight_g: (
        Annotated[PositiveInteger, Meta(description="Grams; null: all of it. A part becomes a receipt of its own.")]
        | None
    ) = None
    reference: Annotated[Text, Meta(description="Taken once; sent again it is refused, not ordered again.")] | None = (
        None
    )


class NewSlot(Body, frozen=True):
    """When a truck shall be loaded, and where."""

    dock: Annotated[ShortText, Meta(description="A code of `/slots`.", examples=["A"])]
    starts_ns: TimeNs
    slots: Annotated[int, Meta(ge=1, le=24, description="So many of the dock's slots in a row.")] = 1


class NewLoad(Body, frozen=True):
    """A loaded truck on the scale; net is gross less tare."""

    ticket: Annotated[ShortText, Meta(description="The weighing's number at this scale; taken once.")]
    gross_g: Annotated[PositiveInteger, Meta(examples=[11_500_000])]
    tare_g: Annotated[Natural, Meta(examples=[7_500_000])]
    scale_id: Annotated[Text, Meta(examples=["SX1-9"])]
    plate: Annotated[ShortText, Meta(examples=["粤G·12345"])]
    carrier: Text
    driver: Text
    last: Annotated[bool, Meta(description="No other truck will come; what is left is wastage.")] = False
    reason: Annotated[Text, Meta(description="Why the last one leaves something; the buyer is told.")] | None = None


class Code(Body, frozen=True):
    """What the driver says at the gate; small letters, gaps and O for 0 do not matter."""

    code: Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE, examples=["7K0Q-1M4Z"])]


class Failure(Body, frozen=True):
    """Why what is left of the order will not be delivered."""

    cause: Annotated[
        FailureCause,
        Meta(description="`missing`, `spoiled`: the goods are no more. `refused`, `held`, `expired`: they lie there."),
    ]
    reason: Text


class Why(Body, frozen=True):
    """A reason, told to the buyer."""

    reason: Text


class NewBuyIn(Body, frozen=True):
    """Who pays, and what the goods had cost. A contract says both itself."""

    base_price: (
        Annotated[int, Meta(ge=1, le=1_000_000, description="Fen per kilogram that the buyer had paid.")] | None
    ) = None
    defaulter_id: Annotated[PositiveInteger, Meta(description="Null: who issued the receipt.")] | None = None


class DeliveryView(DeliveryOrder, frozen=True, kw_only=True):
    """A delivery order as it stands."""

    sequence: int


class NewDeliveryView(DeliveryView, frozen=True, kw_only=True):
    """A delivery order with its new hand-over code, which is shown this once."""

    hand_over_code: Annotated[str, Meta(description="For the driver. Who knows it gets the goods.")]


class DeliveryDetail(DeliveryView, frozen=True, kw_only=True):
    """A delivery order with its trucks and, where it failed, how it is made good."""

    loads: list[Load]
    buy_in: BuyIn | None


class BuyInView(BuyIn, frozen=True, kw_only=True):
    """A buy-in as it stands, with each attempt that the database knows of."""

    tries: list[BuyInAttempt]
    sequence: int


class DockSlot(Answer, frozen=True, kw_only=True):
    """A slot of a dock's day. `delivery_id` is told to who has it and to warehouse and operators."""

    warehouse: str
    dock: str
    starts_ns: int
    ends_ns: int
    capacity_kg: int
    free: bool
    delivery_id: int | None


# Ordering


@post(
    "/receipts/{receipt_id:int}/deliveries",
    tags=["deliveries"],
    summary="Order goods out",
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def request_delivery(
    request: SignedIn, receipt_id: FromPath[int], data: JSONBody[NewDelivery]
) -> NewDeliveryView:
    """The holder orders the goods of a receipt out, or a part of them. 409: `receipt_pledged`, `receipt_held`,
    `receipt_expired`, `not_issued`, `receipt_reserved` (offers stand on it), `duplicate_reference`.
    """
    if not is_id(receipt_id):
        raise NotFound("unknown_receipt")
    code, salt = _draw()
    outcome = await gateway_of(request).submit(
        RequestDelivery(
            participant_id=request.user.participant_id,
            receipt_id=receipt_id,
            weight_g=data.weight_g,
            code_salt=salt,
            code_digest=code_digest(salt, code),
            reference=data.reference,
        )
    )
    return _with_code(outcome, code)


@get("/deliveries", tags=["deliveries"], summary="Delivery orders", responses=problems(401, 403))
async def list_deliveries(
    request: SignedIn,
    which: Annotated[
        Literal[
            "live",
            "all",
            "ordered",
            "loading",
            "loaded",
            "handed_over",
            "accepted",
            "cancelled",
            "failed",
            "buying_in",
            "made_good",
        ],
        QueryParameter(name="state", description="`live` is what has not ended; or one state."),
    ] = "live",
    everyones: Annotated[
        bool, QueryParameter(name="all", description="Warehouse and operators: everyone's, not one's own.")
    ] = False,
    warehouse: WarehouseFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[DeliveryView]:
    """The newest first."""
    gateway = gateway_of(request)
    caller = request.user
    if everyones and not sees_all(caller):
        raise Forbidden("everyone's deliveries are for warehouse and operators")
    whose = None if everyones else caller.participant_id
    at = await live_unless_halted(gateway, min_sequence) if which == "live" else None
    if at is not None:
        found = [order for order in gateway.deliveries(whose) if warehouse in (None, order.warehouse)]
        shown, following = page_of(found, lambda order: order.delivery_id, cursor, limit)
        return Items(items=[_view(order, at) for order in shown], next=following, sequence=at)
    sequence, page = await gateway.history(
        lambda connection: queries.deliveries(
            connection, whose, state=which, warehouse=warehouse, cursor=cursor, limit=limit
        ),
        min_sequence=min_sequence,
    )
    return Items(items=[_view(order, sequence) for order in page.items], next=page.next, sequence=sequence)


@get("/deliveries/{delivery_id:int}", tags=["deliveries"], summary="A delivery order", responses=problems(401, 404))
async def read_delivery(
    request: SignedIn, delivery_id: FromPath[int], min_sequence: MinSequence = None
) -> DeliveryDetail:
    """For the buyer, the warehouse and operators. Trucks that have left are in the database."""
    gateway = gateway_of(request)
    sequence, order = await _find(request, delivery_id, min_sequence)
    waiting = [] if gateway.halted else list(gateway.loads(delivery_id))
    buy_in = None if gateway.halted else gateway.buy_in(delivery_id)
    _, (gone, ended) = await gateway.history(
        lambda connection: (queries.loads(connection, delivery_id), queries.buy_in(connection, delivery_id)),
        min_sequence=min_sequence,
    )
    known = {load.load_id for load in waiting}
    loads = sorted([*waiting, *(load for load in gone if load.load_id not in known)], key=lambda load: load.load_id)
    return DeliveryDetail(
        **msgspec.structs.asdict(order), loads=loads, buy_in=ended if buy_in is None else buy_in, sequence=sequence
    )


@delete(
    "/deliveries/{delivery_id:int}",
    tags=["deliveries"],
    summary="Cancel a delivery order",
    status_code=200,
    responses=problems(401, 403, 404, 409),
)
async def cancel_delivery(request: SignedIn, delivery_id: FromPath[int]) -> DeliveryView:
    """Before a truck was weighed: the receipt can be sold again. 409: `delivery_loading` and other states,
    `under_contract`.
    """
    return await _done(request, CancelDelivery, delivery_id)


@post(
    "/deliveries/{delivery_id:int}/code",
    tags=["deliveries"],
    summary="Draw another code",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def renew_code(request: SignedIn, delivery_id: FromPath[int]) -> NewDeliveryView:
    """The code before, if any, is worth nothing any more. Each hand-over spends one."""
    code, salt = _draw()
    outcome = await _submit(request, RenewCode, delivery_id, code_salt=salt, code_digest=code_digest(salt, code))
    return _with_code(outcome, code)


# Docks


@get("/slots", tags=["deliveries"], summary="Docks and their times", responses=problems(401, 404))
async def list_slots(
    request: SignedIn,
    warehouse: Annotated[str, QueryParameter(max_length=64, pattern=PRINTABLE, description="Its code.")],
    date: Annotated[CivilDate, QueryParameter(description="A local day.")],
    min_sequence: MinSequence = None,
) -> Items[DockSlot]:
    """A day of a warehouse's docks, by dock and time. All in one page."""
    gateway = gateway_of(request)
    day = day_number(date)
    if day is None:
        raise InvalidRequest(Fault("date", "there is no such day"))
    sequence = await live(gateway, min_sequence)
    venue = gateway.venue()
    if all(known.code != warehouse for known in venue.warehouses):
        raise NotFound("unknown_warehouse")
    items = []
    for dock in venue.docks:
        if dock.warehouse != warehouse:
            continue
        for span in gateway.dock_day(dock, day):
            items.append(
                DockSlot(
                    warehouse=warehouse,
                    dock=dock.code,
                    starts_ns=span.starts_ns,
                    ends_ns=span.ends_ns,
                    capacity_kg=dock.capacity_kg,
                    free=span.delivery_id is None,
                    delivery_id=span.delivery_id if _may_know(request, gateway, span.delivery_id) else None,
                )
            )
    return Items(items=items, next=None, sequence=sequence)


@post(
    "/deliveries/{delivery_id:int}/slot",
    tags=["deliveries"],
    summary="Book a dock",
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def book_slot(request: SignedIn, delivery_id: FromPath[int], data: JSONBody[NewSlot]) -> DeliveryView:
    """By the buyer or the warehouse. 409: `slot_booked` (move it), `off_grid`, `outside_opening_hours`, `slot_in_past`,
    `receipt_expires`, `over_capacity`, `slot_taken`.
    """
    return await _done(
        request, BookSlot, delivery_id, dock=_dock(data.dock), starts_ns=data.starts_ns, slots=data.slots
    )


@patch(
    "/deliveries/{delivery_id:int}/slot",
    tags=["deliveries"],
    summary="Move a booking",
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def move_slot(request: SignedIn, delivery_id: FromPath[int], data: JSONBody[NewSlot]) -> DeliveryView:
    """To another time or dock, or nothing changes: then the time before stays booked."""
    return await _done(
        request, MoveSlot, delivery_id, dock=_dock(data.dock), starts_ns=data.starts_ns, slots=data.slots
    )


@delete(
    "/deliveries/{delivery_id:int}/slot",
    tags=["deliveries"],
    summary="Give a booking back",
    status_code=200,
    responses=problems(401, 403, 404, 409),
)
async def cancel_slot(request: SignedIn, delivery_id: FromPath[int]) -> DeliveryView:
    """The dock is free again. 409 `no_slot`."""
    return await _done(request, CancelSlot, delivery_id)


# At the gate


@post(
    "/deliveries/{delivery_id:int}/weigh-out",
    tags=["deliveries"],
    summary="Weigh a loaded truck",
    guards=[loads_here],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def weigh_out(request: SignedIn, delivery_id: FromPath[int], data: JSONBody[NewLoad]) -> DeliveryDetail:
    """Several trucks may come. Nothing leaves the books before the hand-over. 409: `storage_unpaid`, `no_slot`,
    `outside_slot`, `duplicate_reference` (the ticket), `over_order`, `reason_required`, `over_wastage`.
    """
    outcome = await _submit(request, WeighOut, delivery_id, by="operator_id", **msgspec.structs.asdict(data))
    return await _with_loads(request, outcome)


@post(
    "/deliveries/{delivery_id:int}/loads/{load_id:int}/voiding",
    tags=["deliveries"],
    summary="Take a weighing back",
    status_code=200,
    guards=[loads_here],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def void_load(
    request: SignedIn, delivery_id: FromPath[int], load_id: FromPath[int], data: JSONBody[Why]
) -> DeliveryDetail:
    """Of a truck that was not handed over: a slip of the pen, or goods that the driver refuses."""
    if not is_id(load_id):
        raise NotFound("unknown_load")
    outcome = await _submit(request, VoidLoad, delivery_id, by="operator_id", load_id=load_id, reason=data.reason)
    return await _with_loads(request, outcome)


@post(
    "/deliveries/{delivery_id:int}/hand-over",
    tags=["deliveries"],
    summary="Let the trucks go",
    status_code=200,
    guards=[loads_here],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def hand_over(request: SignedIn, delivery_id: FromPath[int], data: JSONBody[Code]) -> DeliveryView:
    """Against the buyer's code, which is then spent. 409: `wrong_code` (`tries_left` of the order falls),
    `code_locked`, `no_code`, `nothing_weighed`.
    """
    return await _done(request, HandOver, delivery_id, by="operator_id", code=data.code)


@post(
    "/deliveries/{delivery_id:int}/acceptance",
    tags=["deliveries"],
    summary="Accept a delivery",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def accept_delivery(request: SignedIn, delivery_id: FromPath[int]) -> DeliveryView:
    """The buyer has the goods. Without a word it is accepted at `accept_by_ns`."""
    return await _done(request, AcceptDelivery, delivery_id)


# What fails


@post(
    "/deliveries/{delivery_id:int}/failure",
    tags=["deliveries"],
    summary="Report a failed delivery",
    status_code=200,
    guards=[watches_the_gate],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def report_failure(request: SignedIn, delivery_id: FromPath[int], data: JSONBody[Failure]) -> DeliveryView:
    """What is left of the order will not be delivered. 409: `load_pending`, `not_held`, `not_expired`."""
    return await _done(
        request, ReportFailedDelivery, delivery_id, by="operator_id", cause=data.cause, reason=data.reason
    )


@post(
    "/deliveries/{delivery_id:int}/failure/dismissal",
    tags=["deliveries"],
    summary="Dismiss a reported failure",
    status_code=200,
    guards=[decides],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def dismiss_failure(request: SignedIn, delivery_id: FromPath[int], data: JSONBody[Why]) -> DeliveryView:
    """The delivery goes on. 409 `same_operator`: whoever reported it does not decide."""
    return await _done(request, DismissFailure, delivery_id, by="operator_id", reason=data.reason)


@post(
    "/deliveries/{delivery_id:int}/buy-in",
    tags=["deliveries"],
    summary="Start a buy-in",
    guards=[decides],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def start_buy_in(request: SignedIn, delivery_id: FromPath[int], data: JSONBody[NewBuyIn]) -> BuyInView:
    """Other goods from the book for the buyer, at the defaulter's cost; what cannot be bought, in money. 409:
    `same_operator` (whoever reported the failure), `base_price_required`, `price_of_contract`, `same_participant`.
    """
    outcome = await _submit(
        request,
        StartBuyIn,
        delivery_id,
        by="operator_id",
        base_price=data.base_price,
        defaulter_id=data.defaulter_id,
    )
    buy_in = next(event.buy_in for event in reversed(outcome.events) if isinstance(event, BuyInChanged))
    _, tries = await gateway_of(request).history(lambda connection: queries.buy_in_attempts(connection, delivery_id))
    return BuyInView(**msgspec.structs.asdict(buy_in), tries=tries, sequence=outcome.sequence)


@get("/deliveries/{delivery_id:int}/buy-in", tags=["deliveries"], summary="A buy-in", responses=problems(401, 404))
async def read_buy_in(request: SignedIn, delivery_id: FromPath[int], min_sequence: MinSequence = None) -> BuyInView:
    """For the buyer, the defaulter, the warehouse and operators."""
    gateway = gateway_of(request)
    if not is_id(delivery_id):
        raise NotFound("unknown_buy_in")
    sequence, (kept, tries) = await gateway.history(
        lambda connection: (queries.buy_in(connection, delivery_id), queries.buy_in_attempts(connection, delivery_id)),
        min_sequence=min_sequence,
    )
    at = await live_unless_halted(gateway)
    buy_in = kept if at is None else gateway.buy_in(delivery_id) or kept
    caller = request.user
    if buy_in is None or not (
        sees_all(caller) or caller.participant_id in (buy_in.participant_id, buy_in.defaulter_id)
    ):
        raise NotFound("unknown_buy_in")
    return BuyInView(**msgspec.structs.asdict(buy_in), tries=tries, sequence=sequence)


# Helpers


def _draw() -> tuple[str, str]:
    """(a new code, its salt)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH)), secrets.token_hex(SALT_BYTES)


async def _submit(
    request: SignedIn, kind: Any, delivery_id: int, *, by: str = "participant_id", **fields: Any
) -> Outcome:
    """Let the caller do something to a delivery. Raises `NotFound`, `Refused`."""
    if not is_id(delivery_id):
        raise NotFound("unknown_delivery")
    command = kind(delivery_id=delivery_id, **{by: request.user.participant_id}, **fields)
    outcome = await gateway_of(request).submit(command)
    _check(outcome, command)
    return outcome


async def _done(request: SignedIn, kind: Any, delivery_id: int, **fields: Any) -> DeliveryView:
    outcome = await _submit(request, kind, delivery_id, **fields)
    return _view(_changed(outcome), outcome.sequence)


def _check(outcome: Outcome, command: Any) -> None:
    """Raises `Refused` where the command itself was refused."""
    tag = command.__struct_config__.tag
    for event in reversed(outcome.events):
        if isinstance(event, RequestRefused) and event.command == tag:
            raise Refused(event.reason, event.detail, field=event.field)


def _changed(outcome: Outcome) -> DeliveryOrder:
    """The order as the command left it; what time brought stands before."""
    return next(event.delivery for event in reversed(outcome.events) if isinstance(event, DeliveryChanged))


def _view(order: DeliveryOrder, sequence: int) -> DeliveryView:
    return DeliveryView(**msgspec.structs.asdict(order), sequence=sequence)


def _with_code(outcome: Outcome, code: str) -> NewDeliveryView:
    """Raises `Refused`."""
    for event in reversed(outcome.events):
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
        if isinstance(event, DeliveryChanged):
            shown = f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"
            return NewDeliveryView(
                **msgspec.structs.asdict(event.delivery), hand_over_code=shown, sequence=outcome.sequence
            )
    raise AssertionError("a delivery was changed and nothing was said of it")


async def _with_loads(request: SignedIn, outcome: Outcome) -> DeliveryDetail:
    order = _changed(outcome)
    loads = list(gateway_of(request).loads(order.delivery_id))
    return DeliveryDetail(**msgspec.structs.asdict(order), loads=loads, buy_in=None, sequence=outcome.sequence)


async def _find(request: SignedIn, delivery_id: int, min_sequence: int | None) -> tuple[int, DeliveryOrder]:
    """A delivery that the caller may see. Raises `NotFound`."""
    gateway = gateway_of(request)
    at = await live_unless_halted(gateway, min_sequence)
    sequence, order = at or 0, None
    if is_id(delivery_id):

        def query(connection: Connection) -> DeliveryOrder | None:
            return queries.delivery(connection, delivery_id)

        if at is None:
            sequence, order = await recorded(gateway, query, min_sequence)
        else:
            order = gateway.delivery(delivery_id)
            if order is None:
                sequence, order = await past(gateway, query, at, min_sequence)
    if order is None or not (sees_all(request.user) or order.participant_id == request.user.participant_id):
        raise NotFound("unknown_delivery")
    return sequence, order


def _may_know(request: SignedIn, gateway: Gateway, delivery_id: int | None) -> bool:
    if delivery_id is None or sees_all(request.user):
        return True
    order = gateway.delivery(delivery_id)
    return order is not None and order.participant_id == request.user.participant_id


def _dock(code: str) -> str:
    """What is no code at all names no dock. Raises `NotFound`."""
    if not (code.isascii() and code.isalnum() and code.upper() == code and len(code) <= 8):
        raise NotFound("unknown_dock", field="dock")
    return code


PRIVATE = [
    request_delivery,
    list_deliveries,
    read_delivery,
    cancel_delivery,
    renew_code,
    list_slots,
    book_slot,
    move_slot,
    cancel_slot,
    weigh_out,
    void_load,
    hand_over,
    accept_delivery,
    report_failure,
    dismiss_failure,
    start_buy_in,
    read_buy_in,
]
