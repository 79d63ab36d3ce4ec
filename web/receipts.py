"""Warehouse receipts, the title to goods: read, split, merged, given, pledged, and given up for delivery."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from settlement import queries
from settlement.messages import (
    LIVE_STATES,
    MergeReceipts,
    OrderDelivery,
    PledgeReceipt,
    Receipt,
    ReceiptChanged,
    ReceiptState,
    ReceiptTransferred,
    ReleasePledge,
    ReportLoss,
    RequestRefused,
    SplitReceipt,
    TransferReceipt,
)
from settlement.messages.receipts import MAXIMUM_PARTS
from settlement.receipt_numbers import MAXIMUM_LENGTH, receipt_id_of, receipt_number
from web.bodies import Answer, Body, Cursor, Limit, MinSequence, PositiveInteger, Text
from web.context import SignedIn, gateway_of, without_fields
from web.elements import Elements, elements_of
from web.errors import Forbidden, NotFound, Problem, Refused, problems
from web.growers import WarehouseFilter, sees_all
from web.ports import Gateway, HistoryUnavailable, Outcome
from web.trading import SymbolFilter
from web.views import Items, is_id, live_unless_halted, page_of, past


class ReceiptView(Receipt, frozen=True, kw_only=True):
    """A receipt as it stands. `available_g` is what may still be sold: what no order reserves, while the receipt
    is `issued`. `number` is what people write and say; its last two characters catch what they get wrong.
    """

    number: Annotated[str, Meta(examples=["SX1-2026-0000012-70"])]
    available_g: Annotated[int, Meta(description="Grams.")]
    sequence: int


class WholeReceipt(ReceiptView, frozen=True, kw_only=True):
    """A receipt with all its elements; they are null where the database cannot tell them at the moment."""

    elements: Elements | None


class Parts(Body, frozen=True):
    """What each of the new receipts weighs."""

    weights_g: Annotated[
        tuple[PositiveInteger, ...],
        Meta(min_length=2, max_length=MAXIMUM_PARTS, description="Grams, in all the receipt's own weight."),
    ]


class Merger(Body, frozen=True):
    receipt_ids: Annotated[
        tuple[PositiveInteger, ...], Meta(min_length=2, max_length=MAXIMUM_PARTS, description="Of one lot.")
    ]


class Security(Body, frozen=True):
    """Who has lent, and for how much the receipt is his security."""

    lender_id: PositiveInteger
    amount_fen: PositiveInteger
    reference: Annotated[Text, Meta(description="The loan's; taken once.", examples=["loan 2026-117"])]


class Gift(Body, frozen=True):
    to_participant_id: PositiveInteger
    reference: Annotated[Text, Meta(description="Your own; taken once.")]


class Reason(Body, frozen=True):
    reason: Text


class TransferView(Answer, frozen=True, kw_only=True):
    """The receipt that ended, and the one that stands for its goods in the other's name."""

    receipt_id: int
    new_receipt_id: int
    to_participant_id: int
    weight_g: int
    reference: str
    sequence: int


@get("/receipts", tags=["receipts"], summary="Receipts", responses=problems(401, 403))
async def list_receipts(
    request: SignedIn,
    which: Annotated[
        Literal["live", "all", ReceiptState],
        QueryParameter(
            name="state",
            description="`live` is what still stands for goods; `all` those that have ended too; or one state.",
        ),
    ] = "live",
    all_holders: Annotated[
        bool,
        QueryParameter(name="all", description="Warehouse and operators: everyone's, not one's own."),
    ] = False,
    lent: Annotated[
        bool,
        QueryParameter(description="Those that are pledged to the caller, whoever holds them."),
    ] = False,
    symbol: SymbolFilter = None,
    warehouse: WarehouseFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[ReceiptView]:
    """The newest first. While the venue has halted, reserved is what was so when the receipt last changed."""
    gateway = gateway_of(request)
    caller = request.user
    if all_holders and not sees_all(caller):
        raise Forbidden("everyone's receipts are for warehouse and operators")
    own_live = which == "live" and not all_holders and not lent
    at = await live_unless_halted(gateway, min_sequence) if own_live else None
    if at is not None:
        sequence = at
        held = [
            receipt
            for receipt in gateway.receipts(caller.participant_id)
            if symbol in (None, receipt.symbol) and warehouse in (None, receipt.warehouse)
        ]
        shown, following = page_of(held, lambda receipt: receipt.receipt_id, cursor, limit)
        return Items(items=[receipt_of(each, sequence) for each in shown], next=following, sequence=sequence)
    whose = None if all_holders or lent else caller.participant_id
    lender_id = caller.participant_id if lent else None
    sequence, page = await gateway.history(
        lambda connection: queries.receipts(
            connection,
            whose,
            state=which,
            symbol=symbol,
            warehouse=warehouse,
            lender_id=lender_id,
            cursor=cursor,
            limit=limit,
        ),
        min_sequence=min_sequence,
    )
    if await live_unless_halted(gateway) is None:
        items = [receipt_of(each, sequence) for each in page.items]
    else:
        items = [receipt_of(_with_reservation(gateway, each), sequence) for each in page.items]
    return Items(items=items, next=page.next, sequence=sequence)


@get("/receipts/{receipt_id:int}", tags=["receipts"], summary="A receipt", responses=problems(401, 404))
async def read_receipt(request: SignedIn, receipt_id: FromPath[int], min_sequence: MinSequence = None) -> WholeReceipt:
    """For its holder, its lender, the warehouse and operators."""
    return await _read(request, receipt_id, min_sequence)


@get(
    "/receipts/by-number/{number:str}",
    tags=["receipts"],
    summary="The receipt of a number",
    responses=problems(401, 404, 422),
)
async def read_receipt_by_number(
    request: SignedIn, number: FromPath[str], min_sequence: MinSequence = None
) -> WholeReceipt:
    """As people write it; 422 `invalid_number` where it was mistyped."""
    receipt_id = receipt_id_of(number) if len(number) <= 2 * MAXIMUM_LENGTH else None
    if receipt_id is None:
        raise Problem(422, "invalid_number", "no receipt can have this number", field="number")
    found = await _read(request, receipt_id, min_sequence)
    if found.number != number.strip().upper():
        raise NotFound("unknown_receipt")
    return found


async def _read(request: SignedIn, receipt_id: int, min_sequence: int | None) -> WholeReceipt:
    gateway = gateway_of(request)
    at = await live_unless_halted(gateway, min_sequence)
    sequence = gateway.sequence if at is None else at
    receipt = gateway.receipt(receipt_id) if is_id(receipt_id) and at is not None else None
    if receipt is None and is_id(receipt_id):
        sequence, receipt = await past(
            gateway, lambda connection: queries.receipt(connection, receipt_id), sequence, min_sequence
        )
    if receipt is None or not (sees_all(request.user) or _concerns(receipt, request.user.participant_id)):
        raise NotFound("unknown_receipt")
    known = receipt
    try:
        _, origin = await gateway.history(lambda connection: queries.origin(connection, known))
    except HistoryUnavailable:
        # Title is the engine's to tell, whatever the database is up to.
        if receipt.state not in LIVE_STATES:
            raise
        origin = None
    elements = None if origin is None else elements_of(gateway, receipt, origin)
    return WholeReceipt(**_fields(receipt, sequence), elements=elements)


@post(
    "/receipts/{receipt_id:int}/delivery",
    tags=["receipts"],
    summary="Order delivery",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def order_delivery(request: SignedIn, receipt_id: FromPath[int]) -> ReceiptView:
    """The holder asks for the goods of the whole receipt, which can then no longer be sold."""
    outcome = await gateway_of(request).submit(
        OrderDelivery(participant_id=request.user.participant_id, receipt_id=known_id(receipt_id))
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/split",
    tags=["receipts"],
    summary="Split a receipt",
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def split_receipt(request: SignedIn, receipt_id: FromPath[int], data: JSONBody[Parts]) -> Items[ReceiptView]:
    """The new receipts, in the order of their weights; nothing of the old one may be on offer."""
    outcome = await gateway_of(request).submit(
        SplitReceipt(
            participant_id=request.user.participant_id, receipt_id=known_id(receipt_id), weights_g=data.weights_g
        )
    )
    changed_receipt(outcome)
    parts = [
        receipt_of(event.receipt, outcome.sequence)
        for event in outcome.events
        if isinstance(event, ReceiptChanged) and event.receipt.parent_receipt_id == receipt_id
    ]
    return Items(items=parts, sequence=outcome.sequence)


@post(
    "/receipts/merge",
    tags=["receipts"],
    summary="Merge receipts",
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def merge_receipts(request: SignedIn, data: JSONBody[Merger]) -> ReceiptView:
    """The one receipt that stands for all of them; nothing of them may be on offer.

    Where storage is paid up to different days, what is owed on each is paid now.
    """
    outcome = await gateway_of(request).submit(
        MergeReceipts(participant_id=request.user.participant_id, receipt_ids=data.receipt_ids)
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/transfer",
    tags=["receipts"],
    summary="Give a receipt to another participant",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def transfer_receipt(request: SignedIn, receipt_id: FromPath[int], data: JSONBody[Gift]) -> TransferView:
    """The whole receipt, outside the market and free of payment here; venues of the profile `cn-spot` permit none."""
    outcome = await gateway_of(request).submit(
        TransferReceipt(
            participant_id=request.user.participant_id,
            receipt_id=known_id(receipt_id),
            to_participant_id=data.to_participant_id,
            reference=data.reference,
        )
    )
    changed_receipt(outcome)
    given = next(event for event in outcome.events if isinstance(event, ReceiptTransferred))
    return TransferView(
        receipt_id=given.receipt_id,
        new_receipt_id=given.new_receipt_id,
        to_participant_id=given.to_participant_id,
        weight_g=given.weight_g,
        reference=given.reference,
        sequence=outcome.sequence,
    )


@post(
    "/receipts/{receipt_id:int}/pledge",
    tags=["receipts"],
    summary="Pledge a receipt",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def pledge_receipt(request: SignedIn, receipt_id: FromPath[int], data: JSONBody[Security]) -> ReceiptView:
    """Security for a loan: offers on the receipt are cancelled, and only the lender can release it."""
    outcome = await gateway_of(request).submit(
        PledgeReceipt(
            participant_id=request.user.participant_id,
            receipt_id=known_id(receipt_id),
            lender_id=data.lender_id,
            reference=data.reference,
            amount_fen=data.amount_fen,
        )
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/release",
    tags=["receipts"],
    summary="Release a pledge",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def release_pledge(request: SignedIn, receipt_id: FromPath[int]) -> ReceiptView:
    """The lender gives his security back."""
    outcome = await gateway_of(request).submit(
        ReleasePledge(lender_id=request.user.participant_id, receipt_id=known_id(receipt_id))
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/loss",
    tags=["receipts"],
    summary="Report a receipt lost",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def report_loss(request: SignedIn, receipt_id: FromPath[int], data: JSONBody[Reason]) -> ReceiptView:
    """The holder's document is gone: offers are cancelled, and nothing is done with the receipt until the warehouse has
    found or replaced it.
    """
    outcome = await gateway_of(request).submit(
        ReportLoss(participant_id=request.user.participant_id, receipt_id=known_id(receipt_id), reason=data.reason)
    )
    return changed_receipt(outcome)


def known_id(receipt_id: int) -> int:
    """A number that can be a receipt's at all. Raises `NotFound`."""
    if not is_id(receipt_id):
        raise NotFound("unknown_receipt")
    return receipt_id


def receipt_of(receipt: Receipt, sequence: int) -> ReceiptView:
    return ReceiptView(**_fields(receipt, sequence))


def _fields(receipt: Receipt, sequence: int) -> dict[str, Any]:
    """A receipt's own, and what is reckoned from them."""
    return {
        **msgspec.structs.asdict(receipt),
        "number": receipt_number(receipt.warehouse, receipt.issued_ns, receipt.receipt_id),
        "available_g": receipt.weight_g - receipt.reserved_g if receipt.state == "issued" else 0,
        "sequence": sequence,
    }


def _concerns(receipt: Receipt, participant_id: int) -> bool:
    """Whether he holds it, or has lent on it."""
    pledge = receipt.pledge
    return participant_id == receipt.participant_id or (pledge is not None and pledge.lender_id == participant_id)


def changed_receipt(outcome: Outcome) -> ReceiptView:
    """The receipt that a command changed. Raises `Refused`."""
    for event in reversed(outcome.events):
        if isinstance(event, ReceiptChanged):
            return receipt_of(event.receipt, outcome.sequence)
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError("a receipt was changed and nothing was said of it")


def _with_reservation(gateway: Gateway, receipt: Receipt) -> Receipt:
    """The database does not follow reservations; the engine knows them."""
    held = gateway.receipt(receipt.receipt_id)
    if held is None or held.weight_g != receipt.weight_g or held.state != receipt.state:
        return receipt
    return held


PRIVATE = [
    list_receipts,
    read_receipt,
    read_receipt_by_number,
    order_delivery,
    split_receipt,
    merge_receipts,
    transfer_receipt,
    pledge_receipt,
    release_pledge,
    report_loss,
]
