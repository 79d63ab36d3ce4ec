"""Lots on their way to market: a grower announces one and sees what becomes of it."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from settlement import queries
from settlement.messages import AnnounceLot, CivilDate, Grade, Lot, LotChanged, LotStatus, RequestRefused
from web.bodies import PRINTABLE, Body, Cursor, Limit, MinSequence, PositiveInteger, ShortText, Text
from web.context import SignedIn, gateway_of, in_role
from web.errors import NotFound, Refused, problems
from web.ports import Gateway, Outcome
from web.sessions import Caller
from web.views import Items, is_id, live_unless_halted, past


class NewLot(Body, frozen=True):
    """A lot as its grower declares it; the warehouse will weigh and grade."""

    variety: Annotated[ShortText, Meta(description="A code of `/venue`.", examples=["BXJ"])]
    grade: Annotated[Grade, Meta(description="Extra, I or II.")]
    warehouse: Annotated[ShortText, Meta(description="A code of `/venue`.", examples=["SX1"])]
    harvest_date: Annotated[
        CivilDate, Meta(description="The day it was cut; its ISO week is part of the symbol.", examples=["2026-11-20"])
    ]
    cartons: Annotated[PositiveInteger, Meta(examples=[50])]
    weight_g: Annotated[PositiveInteger, Meta(description="Declared weight in grams.", examples=[675_000])]
    town: Annotated[Text, Meta(examples=["北坡镇"])]
    village: Text
    certificate_number: Annotated[Text, Meta(description="Of the compliance certificate (承诺达标合格证).")] | None = (
        None
    )
    marks: Annotated[Text, Meta(description="What stands on the cartons; the receipt repeats it.")] | None = None


class LotView(Lot, frozen=True, kw_only=True):
    """A lot as it stands, with its grower's name. `symbol` is what it trades as, or would."""

    grower: str
    sequence: int


WarehouseFilter = Annotated[
    str | None, QueryParameter(max_length=64, pattern=PRINTABLE, description="This warehouse only.")
]


@post(
    "/lots",
    tags=["lots"],
    summary="Announce a lot",
    guards=[in_role("grower")],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def announce_lot(request: SignedIn, data: JSONBody[NewLot]) -> LotView:
    """The lot as announced, on its way to the warehouse."""
    gateway = gateway_of(request)
    outcome = await gateway.submit(
        AnnounceLot(
            participant_id=request.user.participant_id,
            variety=data.variety,
            grade=data.grade,
            warehouse=data.warehouse,
            harvest_date=data.harvest_date,
            cartons=data.cartons,
            weight_g=data.weight_g,
            town=data.town,
            village=data.village,
            certificate_number=data.certificate_number,
            marks=data.marks,
        )
    )
    return changed_lot(gateway, outcome)


@get("/lots", tags=["lots"], summary="Lots", responses=problems(401))
async def list_lots(
    request: SignedIn,
    status: Annotated[LotStatus | None, QueryParameter(description="In this state only.")] = None,
    warehouse: WarehouseFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[LotView]:
    """The newest first. Warehouse and operators see everyone's, others their own."""
    gateway = gateway_of(request)
    whose = None if sees_all(request.user) else request.user.participant_id
    sequence, page = await gateway.history(
        lambda connection: queries.lots(
            connection, whose, status=status, warehouse=warehouse, cursor=cursor, limit=limit
        ),
        min_sequence=min_sequence,
    )
    return Items(items=[lot_of(gateway, lot, sequence) for lot in page.items], next=page.next, sequence=sequence)


@get("/lots/{lot_id:int}", tags=["lots"], summary="A lot", responses=problems(401, 404))
async def read_lot(request: SignedIn, lot_id: FromPath[int], min_sequence: MinSequence = None) -> LotView:
    """For its grower, the warehouse and operators."""
    gateway = gateway_of(request)
    at = await live_unless_halted(gateway, min_sequence)
    sequence = gateway.sequence if at is None else at
    lot = gateway.lot(lot_id) if is_id(lot_id) and at is not None else None
    if lot is None and is_id(lot_id):
        sequence, lot = await past(gateway, lambda connection: queries.lot(connection, lot_id), sequence, min_sequence)
    if lot is None or not (sees_all(request.user) or lot.participant_id == request.user.participant_id):
        raise NotFound("unknown_lot")
    return lot_of(gateway, lot, sequence)


def sees_all(caller: Caller) -> bool:
    """Goods pass through the warehouse's hands, whoever's they are."""
    return caller.is_in("warehouse", "operator")


def lot_of(gateway: Gateway, lot: Lot, sequence: int) -> LotView:
    grower = gateway.participant(lot.participant_id)
    return LotView(
        **msgspec.structs.asdict(lot), grower="" if grower is None else grower.display_name, sequence=sequence
    )


def changed_lot(gateway: Gateway, outcome: Outcome) -> LotView:
    """The lot that a command changed. Raises `Refused`."""
    for event in reversed(outcome.events):
        if isinstance(event, LotChanged):
            return lot_of(gateway, event.lot, outcome.sequence)
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError("a lot was changed and nothing was said of it")


PRIVATE = [announce_lot, list_lots, read_lot]
