"""The warehouse's hands: weigh, grade, issue the receipt, load out."""

from typing import Annotated

from litestar import post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from settlement.messages import Grade, InspectLot, IssueReceipt, LoadOut, WeighLot
from web.bodies import Body, Natural, PositiveInteger, Text
from web.context import SignedIn, gateway_of, in_role, without_fields
from web.errors import NotFound, problems
from web.growers import LotView, changed_lot
from web.receipts import ReceiptView, changed_receipt
from web.views import is_id

works_here = in_role("warehouse")


class Weighing(Body, frozen=True):
    """What the scale says; net is gross less tare."""

    gross_g: Annotated[PositiveInteger, Meta(examples=[701_500])]
    tare_g: Annotated[Natural, Meta(examples=[26_500])]
    scale_id: Annotated[Text, Meta(description="Which scale it was.", examples=["SX1-2"])]


class Inspection(Body, frozen=True):
    """What the inspector finds. The found grade decides the symbol; too many defects for it refuse the lot."""

    grade: Grade
    colour_stage: Annotated[int, Meta(ge=1, le=7, description="1 all green … 7 flecked.")]
    defect_permille: Annotated[int, Meta(ge=0, le=1000, description="Share by weight outside the grade.")] = 0
    temperature_dc: Annotated[int, Meta(ge=-500, le=600, description="Tenths of a degree Celsius in the pulp.")] = 140


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
        )
    )
    return changed_lot(gateway, outcome)


@post(
    "/lots/{lot_id:int}/receipt",
    tags=["warehouse"],
    summary="Issue the receipt",
    guards=[works_here, without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def issue_receipt(request: SignedIn, lot_id: FromPath[int]) -> ReceiptView:
    """The new receipt: title to the lot's net weight, held by its grower."""
    if not is_id(lot_id):
        raise NotFound("unknown_lot")
    outcome = await gateway_of(request).submit(IssueReceipt(operator_id=request.user.participant_id, lot_id=lot_id))
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


PRIVATE = [weigh_lot, inspect_lot, issue_receipt, load_out]
