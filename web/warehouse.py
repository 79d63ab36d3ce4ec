"""The warehouse's hands: take in, weigh, grade, issue the receipt, hold, count, regrade, replace, load out.

Operators may hold receipts and lift holds, and replace and void receipts, as the warehouse may.
"""

from typing import Annotated, Literal, TypeVar

from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from settlement import queries
from settlement.messages import (
    ArriveLot,
    Grade,
    HoldReceipt,
    InspectLot,
    IssueReceipt,
    LiftHold,
    LoadOut,
    LotRegraded,
    RecordShrinkage,
    RegradeLot,
    ReplaceReceipt,
    RequestRefused,
    StockCause,
    StockChanged,
    TakeStock,
    VoidReceipt,
    WeighLot,
)
from settlement.queries import StockChange
from web.bodies import Answer, Body, Cursor, Limit, MinSequence, Natural, PositiveInteger, Text, TimeNs, decode
from web.context import SignedIn, gateway_of, in_role, without_fields
from web.errors import NotFound, Refused, problems
from web.growers import LotView, changed_lot, sees_all
from web.ports import Outcome
from web.receipts import Reason, ReceiptView, changed_receipt, known_id
from web.views import Items, is_id

E = TypeVar("E", LotRegraded, StockChanged)

works_here = in_role("warehouse")
keeps_watch = in_role("warehouse", "operator")


class TruckArrival(Body, frozen=True):
    """The truck that brought the lot."""

    plate: Annotated[Text, Meta(examples=["粤G12345"])]
    carrier: Text
    arrived_ns: Annotated[TimeNs, Meta(description="Null: now.")] | None = None


class Weighing(Body, frozen=True):
    """What the scale says; net is gross less tare."""

    gross_g: Annotated[PositiveInteger, Meta(examples=[701_500])]
    tare_g: Annotated[Natural, Meta(examples=[26_500])]
    scale_id: Annotated[Text, Meta(description="Which scale it was.", examples=["SX1-2"])]


class Inspection(Body, frozen=True):
    """What the inspector finds. The found grade decides the symbol; too many defects for it refuse the lot, and so do
    fingers that are too short or too thin for the variety, where they were measured.
    """

    grade: Grade
    colour_stage: Annotated[int, Meta(ge=1, le=7, description="1 all green … 7 flecked.")]
    defect_permille: Annotated[int, Meta(ge=0, le=1000, description="Share by weight outside the grade.")] = 0
    temperature_dc: Annotated[int, Meta(ge=-500, le=600, description="Tenths of a degree Celsius in the pulp.")] = 140
    finger_length_mm: Annotated[int, Meta(ge=1, le=1_000, description="The sample's shortest finger.")] | None = None
    thickness_mm: Annotated[int, Meta(ge=1, le=1_000, description="The sample's thinnest finger.")] | None = None
    blemish_mm2: (
        Annotated[int, Meta(ge=0, le=100_000, description="Blemished skin of the worst finger, in mm².")] | None
    ) = None


class IssuedWeight(Body, frozen=True):
    """What the receipt is for; null: all that was weighed."""

    weight_g: PositiveInteger | None = None


class NewHold(Body, frozen=True):
    """Why nothing may be done with the receipt."""

    cause: Literal["quality", "court", "cold_chain"]
    reason: Text


class LiftedHold(Body, frozen=True):
    """Which cause is gone; `loss`: the document was found again."""

    cause: Literal["quality", "court", "cold_chain", "loss"]


class StoredInspection(Body, frozen=True):
    """What an inspection of stored goods finds; it is the whole lot's."""

    grade: Grade
    colour_stage: Annotated[int, Meta(ge=1, le=7, description="1 all green … 7 flecked.")]
    reason: Text
    defect_permille: Annotated[int, Meta(ge=0, le=1000, description="Share by weight outside the grade.")] = 0


class LostWeight(Body, frozen=True):
    weight_g: Annotated[PositiveInteger, Meta(description="Grams that are gone.")]
    reason: Text


class Count(Body, frozen=True):
    weight_g: Annotated[Natural, Meta(description="Grams that lie there, whatever the books say.")]
    reason: Text = "stock-take"


class RegradeView(Answer, frozen=True, kw_only=True):
    lot_id: int
    previous_symbol: str
    symbol: str
    grade: Grade
    colour_stage: int
    defect_permille: int
    expires_ns: int
    sequence: int


class StockView(Answer, frozen=True, kw_only=True):
    """A lot on the books before and after; `shrinkage_g` is all that has been recorded as lost of it."""

    lot_id: int
    warehouse: str
    cause: StockCause
    booked_g: int
    weight_g: int
    shrinkage_g: int
    sequence: int


@post(
    "/lots/{lot_id:int}/arrival",
    tags=["warehouse"],
    summary="A lot has arrived",
    status_code=200,
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def arrive_lot(request: SignedIn, lot_id: FromPath[int], data: JSONBody[TruckArrival]) -> LotView:
    """The lot with its truck. It may be left out: an announced lot can be weighed."""
    gateway = gateway_of(request)
    outcome = await gateway.submit(
        ArriveLot(
            operator_id=request.user.participant_id,
            lot_id=_lot(lot_id),
            plate=data.plate,
            carrier=data.carrier,
            arrived_ns=data.arrived_ns,
        )
    )
    return changed_lot(gateway, outcome)


@post(
    "/lots/{lot_id:int}/weighing",
    tags=["warehouse"],
    summary="Weigh a lot",
    status_code=200,
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def weigh_lot(request: SignedIn, lot_id: FromPath[int], data: JSONBody[Weighing]) -> LotView:
    """The lot as weighed."""
    if not is_id(lot_id):
        raise NotFound("unknown_lot")
    gateway = gateway_of(request)
    outcome = await gateway.submit(
        WeighLot(
            operator_id=request.user.participant_id,
            lot_id=lot_id,
            gross_g=data.gross_g,
            tare_g=data.tare_g,
            scale_id=data.scale_id,
        )
    )
    return changed_lot(gateway, outcome)


@post(
    "/lots/{lot_id:int}/inspection",
    tags=["warehouse"],
    summary="Grade a lot",
    status_code=200,
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def inspect_lot(request: SignedIn, lot_id: FromPath[int], data: JSONBody[Inspection]) -> LotView:
    """The lot as graded, or refused."""
    if not is_id(lot_id):
        raise NotFound("unknown_lot")
    gateway = gateway_of(request)
    outcome = await gateway.submit(
        InspectLot(
            operator_id=request.user.participant_id,
            lot_id=lot_id,
            grade=data.grade,
            colour_stage=data.colour_stage,
            defect_permille=data.defect_permille,
            temperature_dc=data.temperature_dc,
            finger_length_mm=data.finger_length_mm,
            thickness_mm=data.thickness_mm,
            blemish_mm2=data.blemish_mm2,
        )
    )
    return changed_lot(gateway, outcome)


@post(
    "/lots/{lot_id:int}/receipt",
    tags=["warehouse"],
    summary="Issue the receipt",
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def issue_receipt(request: SignedIn, lot_id: FromPath[int]) -> ReceiptView:
    """The new receipt, held by the grower: title to the lot's net weight, or to less, by a body `{"weight_g": …}`."""
    body = await request.body()
    weight_g = decode(IssuedWeight, body).weight_g if body else None
    outcome = await gateway_of(request).submit(
        IssueReceipt(operator_id=request.user.participant_id, lot_id=_lot(lot_id), weight_g=weight_g)
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/load-out",
    tags=["warehouse"],
    summary="Load out",
    status_code=200,
    guards=[works_here, without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def load_out(request: SignedIn, receipt_id: FromPath[int]) -> ReceiptView:
    """The goods of a receipt whose delivery was ordered leave with its holder: the receipt ends."""
    if not is_id(receipt_id):
        raise NotFound("unknown_receipt")
    outcome = await gateway_of(request).submit(LoadOut(operator_id=request.user.participant_id, receipt_id=receipt_id))
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/hold",
    tags=["warehouse"],
    summary="Hold a receipt",
    status_code=200,
    guards=[keeps_watch],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def hold_receipt(request: SignedIn, receipt_id: FromPath[int], data: JSONBody[NewHold]) -> ReceiptView:
    """Offers on the receipt are cancelled, and nothing is done with it until each of its holds is lifted."""
    outcome = await gateway_of(request).submit(
        HoldReceipt(
            operator_id=request.user.participant_id,
            receipt_id=known_id(receipt_id),
            cause=data.cause,
            reason=data.reason,
        )
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/lift",
    tags=["warehouse"],
    summary="Lift a hold",
    status_code=200,
    guards=[keeps_watch],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def lift_hold(request: SignedIn, receipt_id: FromPath[int], data: JSONBody[LiftedHold]) -> ReceiptView:
    """The receipt, which is what it was before once nothing holds it any more."""
    outcome = await gateway_of(request).submit(
        LiftHold(operator_id=request.user.participant_id, receipt_id=known_id(receipt_id), cause=data.cause)
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/replace",
    tags=["warehouse"],
    summary="Replace a lost receipt",
    guards=[keeps_watch, without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def replace_receipt(request: SignedIn, receipt_id: FromPath[int]) -> ReceiptView:
    """The new receipt, with a number of its own; the lost one has ended."""
    outcome = await gateway_of(request).submit(
        ReplaceReceipt(operator_id=request.user.participant_id, receipt_id=known_id(receipt_id))
    )
    return changed_receipt(outcome)


@post(
    "/receipts/{receipt_id:int}/void",
    tags=["warehouse"],
    summary="Void a receipt issued in error",
    status_code=200,
    guards=[keeps_watch],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def void_receipt(request: SignedIn, receipt_id: FromPath[int], data: JSONBody[Reason]) -> ReceiptView:
    """The receipt, which has ended; what lies there is announced anew."""
    outcome = await gateway_of(request).submit(
        VoidReceipt(operator_id=request.user.participant_id, receipt_id=known_id(receipt_id), reason=data.reason)
    )
    return changed_receipt(outcome)


@post(
    "/lots/{lot_id:int}/regrade",
    tags=["warehouse"],
    summary="Regrade a stored lot",
    status_code=200,
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def regrade_lot(request: SignedIn, lot_id: FromPath[int], data: JSONBody[StoredInspection]) -> RegradeView:
    """What all receipts of the lot trade as from now on; offers are cancelled where that changes."""
    return await _regrade(request, _lot(lot_id), data)


@post(
    "/receipts/{receipt_id:int}/regrade",
    tags=["warehouse"],
    summary="Regrade the lot of a receipt",
    status_code=200,
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def regrade_receipt(
    request: SignedIn, receipt_id: FromPath[int], data: JSONBody[StoredInspection]
) -> RegradeView:
    """As `/lots/{lot_id}/regrade`: the parts of a lot are one body of goods, whoever holds them."""
    gateway = gateway_of(request)
    await gateway.settled()
    receipt = gateway.receipt(known_id(receipt_id))
    if receipt is None:
        raise NotFound("unknown_receipt")
    return await _regrade(request, receipt.lot_id, data)


async def _regrade(request: SignedIn, lot_id: int, data: StoredInspection) -> RegradeView:
    outcome = await gateway_of(request).submit(
        RegradeLot(
            operator_id=request.user.participant_id,
            lot_id=lot_id,
            grade=data.grade,
            colour_stage=data.colour_stage,
            defect_permille=data.defect_permille,
            reason=data.reason,
        )
    )
    found = _told(outcome, LotRegraded)
    return RegradeView(
        lot_id=found.lot_id,
        previous_symbol=found.previous_symbol,
        symbol=found.symbol,
        grade=found.grade,
        colour_stage=found.colour_stage,
        defect_permille=found.defect_permille,
        expires_ns=found.expires_ns,
        sequence=outcome.sequence,
    )


@post(
    "/lots/{lot_id:int}/shrinkage",
    tags=["warehouse"],
    summary="Record shrinkage",
    status_code=200,
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def record_shrinkage(request: SignedIn, lot_id: FromPath[int], data: JSONBody[LostWeight]) -> StockView:
    """All who hold receipts of the lot lose alike; offers that are no longer covered are cancelled, newest first."""
    outcome = await gateway_of(request).submit(
        RecordShrinkage(
            operator_id=request.user.participant_id,
            lot_id=_lot(lot_id),
            weight_g=data.weight_g,
            reason=data.reason,
        )
    )
    return _stock_of(outcome)


@post(
    "/lots/{lot_id:int}/stock-take",
    tags=["warehouse"],
    summary="Take stock",
    status_code=200,
    guards=[works_here],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def take_stock(request: SignedIn, lot_id: FromPath[int], data: JSONBody[Count]) -> StockView:
    """An absolute count: the difference is posted, what is missing as shrinkage, what was found up to what was lost."""
    outcome = await gateway_of(request).submit(
        TakeStock(
            operator_id=request.user.participant_id,
            lot_id=_lot(lot_id),
            weight_g=data.weight_g,
            reason=data.reason,
        )
    )
    return _stock_of(outcome)


@get(
    "/lots/{lot_id:int}/stock-changes",
    tags=["warehouse"],
    summary="What was recorded of a lot's stock",
    responses=problems(401, 404),
)
async def list_stock_changes(
    request: SignedIn,
    lot_id: FromPath[int],
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[StockChange]:
    """The newest first; for the warehouse, operators, the depositor and all who hold receipts of the lot."""
    number, caller = _lot(lot_id), request.user
    sequence, found = await gateway_of(request).history(
        lambda connection: (
            sees_all(caller) or queries.has_part(connection, number, caller.participant_id),
            queries.stock_changes(connection, number, cursor=cursor, limit=limit),
        ),
        min_sequence=min_sequence,
    )
    allowed, page = found
    if not allowed:
        raise NotFound("unknown_lot")
    return Items(items=page.items, next=page.next, sequence=sequence)


def _lot(lot_id: int) -> int:
    if not is_id(lot_id):
        raise NotFound("unknown_lot")
    return lot_id


def _stock_of(outcome: Outcome) -> StockView:
    change = _told(outcome, StockChanged)
    return StockView(
        lot_id=change.lot_id,
        warehouse=change.warehouse,
        cause=change.cause,
        booked_g=change.booked_g,
        weight_g=change.weight_g,
        shrinkage_g=change.shrinkage_g,
        sequence=outcome.sequence,
    )


def _told(outcome: Outcome, kind: type[E]) -> E:
    """The event by which a command says what it did. Raises `Refused`."""
    for event in reversed(outcome.events):
        if isinstance(event, kind):
            return event
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError(f"nothing was said of {kind.__name__}")


PRIVATE = [
    arrive_lot,
    weigh_lot,
    inspect_lot,
    issue_receipt,
    load_out,
    hold_receipt,
    lift_hold,
    replace_receipt,
    void_receipt,
    regrade_lot,
    regrade_receipt,
    record_shrinkage,
    take_stock,
    list_stock_changes,
]
