"""What lying in a store costs: tariffs, what a receipt owes, payments, the income by the day, and what a store owes."""

from typing import Annotated, Literal

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from settlement import queries
from settlement.civil import day_number, iso_date
from settlement.messages import CivilDate, RequestRefused
from settlement.messages.storage import (
    MAXIMUM_RECEIPTS,
    PayStorage,
    SettleWastage,
    StoragePaid,
    StorageTariff,
    WastageSettled,
)
from settlement.queries import StoragePayment, WastageClaim
from settlement.storage import accrued_fen, standard_g, worth_fen
from settlement.storekeeper import StorageDue
from web.bodies import Answer, Body, Cursor, Limit, MinSequence, PositiveInteger, Text
from web.context import Anyone, SignedIn, gateway_of, in_role
from web.errors import Fault, Forbidden, InvalidRequest, NotFound, Refused, problems
from web.growers import WarehouseFilter, sees_all
from web.ports import Outcome
from web.views import Items, is_id, live, rules_of

MAXIMUM_DAYS = 92
"""Days in one report of income at most."""


class Tariffs(Answer, frozen=True, kw_only=True):
    """What the warehouses ask now, for lots that are still to come. A warehouse that is not named asks nothing."""

    items: list[StorageTariff]
    sequence: int


class StorageView(Answer, frozen=True, kw_only=True):
    """What a receipt owes for storage up to today, today not included.

    `tariff` is the one that was in force when the lot's first receipt was issued, null: storage is free. The first day
    that is not paid is `from_date`, which lies ahead while days are free. `tomorrow_fen` is what will be due tomorrow.
    Of the lot `standard_g` may be lost without the warehouse's owing it; `shrinkage_g` is recorded as lost.
    """

    receipt_id: int
    warehouse: str
    weight_g: int
    tariff: StorageTariff | None
    from_date: CivilDate
    today: CivilDate
    due_fen: int
    tomorrow_fen: int
    insured_fen: Annotated[int, Meta(description="What the goods are insured for; 0: not at all.")]
    shrinkage_g: int
    standard_g: int | None
    sequence: int


class NewPayment(Body, frozen=True):
    """Own receipts whose storage is to be paid up to today: all of them or none."""

    receipt_ids: Annotated[list[PositiveInteger], Meta(min_length=1, max_length=MAXIMUM_RECEIPTS, examples=[[12, 15]])]


class PaidReceipt(Answer, frozen=True, kw_only=True):
    """From `from_date` to before `to_date`; nothing where it was paid already, or days are free."""

    receipt_id: int
    from_date: CivilDate
    to_date: CivilDate
    amount_fen: int


class Paid(Answer, frozen=True, kw_only=True):
    """`payment_id` is null where nothing was due."""

    payment_id: int | None
    amount_fen: int
    receipts: list[PaidReceipt]
    sequence: int


class IncomeOfDay(Answer, frozen=True, kw_only=True):
    """A warehouse's storage on a local day: `paid_fen` and `lapsed_fen` are what was settled on it, `earned_fen` is
    what has been paid by now for that day, whenever it was paid.
    """

    date: CivilDate
    warehouse: str
    paid_fen: int
    lapsed_fen: int
    earned_fen: int


class Outstanding(Answer, frozen=True, kw_only=True):
    warehouse: str
    due_fen: int


class Income(Answer, frozen=True, kw_only=True):
    """By day, then warehouse; days on which nothing was are left out. `outstanding` is what has accrued by today and
    is not paid.
    """

    items: list[IncomeOfDay]
    outstanding: list[Outstanding]
    sequence: int


class Settlement(Body, frozen=True):
    """`paid` out of the risk fund, to which the warehouse owes it, or `dismissed`."""

    outcome: Literal["paid", "dismissed"]
    reason: Text


class SettlementView(Answer, frozen=True, kw_only=True):
    claim_id: int
    outcome: Literal["paid", "dismissed"]
    reason: str
    sequence: int


Everyones = Annotated[
    bool, QueryParameter(name="all", description="Warehouse and operators: everyone's, not one's own.")
]
FirstDay = Annotated[str, QueryParameter(name="from", max_length=10, description="A local day, `2026-11-24`.")]
LastDay = Annotated[str, QueryParameter(name="to", max_length=10, description="The last day, itself included.")]


@get("/storage/tariffs", tags=["market"], summary="Storage tariffs", responses=problems())
async def read_tariffs(request: Anyone) -> Tariffs:
    """Public."""
    sequence, venue = await rules_of(gateway_of(request))
    return Tariffs(items=list(venue.storage), sequence=sequence)


@get("/receipts/{receipt_id:int}/storage", tags=["storage"], summary="Storage due", responses=problems(401, 404))
async def read_storage(request: SignedIn, receipt_id: FromPath[int], min_sequence: MinSequence = None) -> StorageView:
    """Of a live receipt, for its holder, its lender, the warehouse and operators."""
    gateway = gateway_of(request)
    sequence = await live(gateway, min_sequence)
    receipt = gateway.receipt(receipt_id) if is_id(receipt_id) else None
    due = None if receipt is None else gateway.storage_due(receipt_id)
    if receipt is None or due is None:
        raise NotFound("unknown_receipt")
    whose = [receipt.participant_id, None if receipt.pledge is None else receipt.pledge.lender_id]
    if not sees_all(request.user) and request.user.participant_id not in whose:
        raise NotFound("unknown_receipt")
    return storage_of(due, sequence)


@post(
    "/storage/payments",
    tags=["storage"],
    summary="Pay storage",
    status_code=200,
    responses=problems(401, 404, 409, 413, 415, 422),
)
async def pay_storage(request: SignedIn, data: JSONBody[NewPayment]) -> Paid:
    """Up to today. Asked again on the same day it costs nothing."""
    outcome = await gateway_of(request).submit(
        PayStorage(participant_id=request.user.participant_id, receipt_ids=tuple(data.receipt_ids))
    )
    return paid_of(outcome)


@get("/storage/payments", tags=["storage"], summary="Storage payments", responses=problems(401, 403))
async def list_storage_payments(
    request: SignedIn,
    all_participants: Everyones = False,
    warehouse: WarehouseFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[StoragePayment]:
    """What was settled of which receipt, the newest first; days are numbers of local days since 1970-01-01."""
    if all_participants and not sees_all(request.user):
        raise Forbidden
    whose = None if all_participants else request.user.participant_id
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.storage_payments(connection, whose, warehouse=warehouse, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get(
    "/operator/storage/income",
    tags=["operator"],
    summary="Storage income",
    guards=[in_role("operator", "warehouse")],
    responses=problems(401, 403),
)
async def read_storage_income(
    request: SignedIn,
    from_date: FirstDay,
    to_date: LastDay,
    warehouse: WarehouseFilter = None,
    min_sequence: MinSequence = None,
) -> Income:
    """By the local day. A payment is income of the days that it was for, in equal parts of whole fen."""
    first, last = _day_of("from", from_date), _day_of("to", to_date)
    if not first <= last < first + MAXIMUM_DAYS:
        raise InvalidRequest(Fault("to", f"the span is to hold 1 to {MAXIMUM_DAYS} days"))
    gateway = gateway_of(request)
    sequence, found = await gateway.history(
        lambda connection: queries.storage_income(connection, first, last + 1, warehouse), min_sequence=min_sequence
    )
    await gateway.settled()
    outstanding = gateway.storage_outstanding()
    return Income(
        items=[
            IncomeOfDay(
                date=iso_date(each.day),
                warehouse=each.warehouse,
                paid_fen=each.paid_fen,
                lapsed_fen=each.lapsed_fen,
                earned_fen=each.earned_fen,
            )
            for each in found
        ],
        outstanding=[
            Outstanding(warehouse=code, due_fen=due_fen)
            for code, due_fen in outstanding.items()
            if warehouse in (None, code)
        ],
        sequence=sequence,
    )


@get("/wastage-claims", tags=["storage"], summary="Claims for wastage", responses=problems(401, 403))
async def list_wastage_claims(
    request: SignedIn,
    all_participants: Everyones = False,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[WastageClaim]:
    """What warehouses owe for goods lost beyond their standard, the newest first; own goods', or all."""
    if all_participants and not sees_all(request.user):
        raise Forbidden
    whose = None if all_participants else request.user.participant_id
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.wastage_claims(connection, whose, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@post(
    "/operator/wastage-claims/{claim_id:int}",
    tags=["operator"],
    summary="Settle a claim for wastage",
    status_code=200,
    guards=[in_role("operator")],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def settle_wastage_claim(
    request: SignedIn, claim_id: FromPath[int], data: JSONBody[Settlement]
) -> SettlementView:
    """Pay it to those whose goods were lost, or dismiss it with the reason."""
    if not is_id(claim_id):
        raise NotFound("unknown_claim")
    outcome = await gateway_of(request).submit(
        SettleWastage(
            operator_id=request.user.participant_id, claim_id=claim_id, outcome=data.outcome, reason=data.reason
        )
    )
    for event in outcome.events:
        if isinstance(event, WastageSettled):
            return SettlementView(
                claim_id=event.claim_id, outcome=event.outcome, reason=event.reason, sequence=outcome.sequence
            )
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    raise AssertionError("a claim was settled and nothing was said of it")


def storage_of(due: StorageDue, sequence: int) -> StorageView:
    tariff = due.tariff
    return StorageView(
        receipt_id=due.receipt_id,
        warehouse=due.warehouse,
        weight_g=due.weight_g,
        tariff=tariff,
        from_date=iso_date(due.from_day),
        today=iso_date(due.today),
        due_fen=due.due_fen,
        tomorrow_fen=accrued_fen(tariff, due.weight_g, due.from_day, due.today + 1),
        insured_fen=0 if tariff is None else worth_fen(tariff, due.weight_g),
        shrinkage_g=due.shrinkage_g,
        standard_g=None if tariff is None else standard_g(tariff, due.received_g),
        sequence=sequence,
    )


def paid_of(outcome: Outcome) -> Paid:
    """What a payment led to. Raises `Refused`."""
    for event in outcome.events:
        if isinstance(event, RequestRefused):
            raise Refused(event.reason, event.detail, field=event.field)
    paid = [event for event in outcome.events if isinstance(event, StoragePaid) and event.cause == "payment"]
    return Paid(
        payment_id=max(event.reference_id for event in paid) or None,
        amount_fen=sum(event.amount_fen for event in paid),
        receipts=[
            PaidReceipt(
                receipt_id=event.receipt_id,
                from_date=iso_date(event.from_day),
                to_date=iso_date(event.to_day),
                amount_fen=event.amount_fen,
            )
            for event in paid
        ],
        sequence=outcome.sequence,
    )


def _day_of(name: str, date: str) -> int:
    day = day_number(date)
    if day is None:
        raise InvalidRequest(Fault(name, "this is no date"))
    return day


PUBLIC = [read_tariffs]
PRIVATE = [
    read_storage,
    pay_storage,
    list_storage_payments,
    read_storage_income,
    list_wastage_claims,
    settle_wastage_claim,
]
