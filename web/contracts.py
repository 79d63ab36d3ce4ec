"""Contracts over HTTP: what a listing, an auction or an agreed trade has led to, step by step, and what each may do."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy import Connection

from settlement import queries
from settlement.messages import CivilDate, RequestRefused
from settlement.messages.contracts import (
    MAXIMUM_NAMED_RECEIPTS,
    MAXIMUM_PHOTOGRAPHS,
    AcceptGoods,
    AgreeWeight,
    AnswerObjection,
    ApproveOutcome,
    ConfirmForceMajeure,
    Contract,
    ContractChanged,
    ContractDigest,
    ContractTerms,
    DeclareForceMajeure,
    Differential,
    Money,
    ObjectQuality,
    OpenDispute,
    PayContract,
    ProposeOutcome,
    RegisterInvoice,
    TenderGoods,
    WithdrawObjection,
)
from settlement.queries import ContractStep
from web.bodies import Answer, Body, Cursor, Limit, MinSequence, PositiveInteger, Text
from web.context import Anyone, SignedIn, gateway_of, in_role, without_fields
from web.errors import Forbidden, NotFound, Refused, problems
from web.ports import Gateway, Outcome
from web.views import Items, is_id, live, live_unless_halted, page_of, past, recorded

decides = in_role("operator")


class ContractView(Contract, frozen=True, kw_only=True):
    """A contract as it stands. `buyer` and `seller` are their names; `due_ns` is when it goes on by itself."""

    buyer: str
    seller: str
    sequence: int


class Tender(Body, frozen=True):
    """Which goods are ready."""

    receipt_ids: (
        Annotated[
            tuple[PositiveInteger, ...],
            Meta(max_length=MAXIMUM_NAMED_RECEIPTS, description="Others than those set aside; null: those."),
        ]
        | None
    ) = None


class StatedWeight(Body, frozen=True):
    weight_g: Annotated[PositiveInteger, Meta(description="Grams at which you settle.", examples=[4_893_500])]


class NewObjection(Body, frozen=True):
    """What is wrong with the goods, how much you ask off, and what shows it."""

    reason: Text
    claim_fen: PositiveInteger
    photo_digests: Annotated[
        tuple[ContractDigest, ...], Meta(max_length=MAXIMUM_PHOTOGRAPHS, description="SHA-256 of each photograph.")
    ] = ()
    laboratory: Annotated[Text, Meta(description="Which one has examined the goods.")] | None = None
    report_number: Text | None = None
    report_digest: Annotated[ContractDigest, Meta(description="SHA-256 of the report.")] | None = None


class ObjectionAnswer(Body, frozen=True):
    """`accepted`: the buyer gets what he asks; else it becomes a dispute."""

    accepted: bool
    reason: Text


class NewInvoice(Body, frozen=True):
    """The invoice that was made out over the settled value, less what was granted."""

    invoice_number: Annotated[Text, Meta(examples=["26442000000012345678"])]
    amount_fen: Money
    invoice_digest: Annotated[ContractDigest, Meta(description="SHA-256 of the document.")] | None = None


class Grievance(Body, frozen=True):
    reason: Text


class NewOutcome(Body, frozen=True):
    """Who gets what of all that the contract holds: escrow and both earnest monies, to the fen."""

    buyer_fen: Money
    seller_fen: Money
    goods_to: Annotated[Literal["buyer", "seller"], Meta(description="Who has the goods that have not left.")]
    reason: Text
    risk_fund_fen: Money = 0


class Terms(Answer, frozen=True, kw_only=True):
    """The terms of contracts that are concluded now, null: trades settle at once; the venue's differentials; and from
    when to when is told which days trade.
    """

    terms: ContractTerms | None
    differentials: list[Differential]
    since: CivilDate | None
    until: CivilDate | None
    trading_days: list[CivilDate]
    sequence: int


@get("/contracts/terms", tags=["contracts"], summary="Terms and trading days", responses=problems())
async def read_terms(request: Anyone) -> Terms:
    """Public. Terms count in trading days; a trade that would end beyond `until` is not concluded."""
    gateway = gateway_of(request)
    sequence = await live(gateway)
    venue = gateway.venue()
    told = gateway.trading_days()
    return Terms(
        terms=venue.contract,
        differentials=list(venue.differentials),
        since=None if told is None else told.since,
        until=None if told is None else told.until,
        trading_days=[] if told is None else list(told.days),
        sequence=sequence,
    )


# Reading


@get("/contracts", tags=["contracts"], summary="Contracts", responses=problems(401, 403))
async def list_contracts(
    request: SignedIn,
    which: Annotated[
        Literal["live", "ended", "all"], QueryParameter(name="state", description="`live` is what has not ended.")
    ] = "live",
    everyones: Annotated[bool, QueryParameter(name="all", description="Operators: everyone's, not one's own.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[ContractView]:
    """Those of which the caller is a party, the newest first."""
    gateway = gateway_of(request)
    caller = request.user
    if everyones and not caller.is_in("operator"):
        raise Forbidden("everyone's contracts are for operators")
    whose = None if everyones else caller.participant_id
    at = await live_unless_halted(gateway, min_sequence) if which == "live" else None
    if at is not None:
        shown, following = page_of(gateway.contracts(whose), lambda each: each.contract_id, cursor, limit)
        return Items(items=[_view(gateway, each, at) for each in shown], next=following, sequence=at)
    sequence, page = await gateway.history(
        lambda connection: queries.contracts(connection, whose, standing=which, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=[_view(gateway, each, sequence) for each in page.items], next=page.next, sequence=sequence)


@get("/contracts/{contract_id:int}", tags=["contracts"], summary="A contract", responses=problems(401, 404))
async def read_contract(
    request: SignedIn, contract_id: FromPath[int], min_sequence: MinSequence = None
) -> ContractView:
    """For its parties and operators."""
    sequence, contract = await _find(request, contract_id, min_sequence)
    return _view(gateway_of(request), contract, sequence)


@get(
    "/contracts/{contract_id:int}/steps",
    tags=["contracts"],
    summary="What happened to a contract",
    responses=problems(401, 404),
)
async def list_steps(
    request: SignedIn,
    contract_id: FromPath[int],
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[ContractStep]:
    """The newest first, each with what the contract held after it."""
    await _find(request, contract_id, min_sequence)
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.contract_steps(connection, contract_id, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


# What the parties do


@post(
    "/contracts/{contract_id:int}/payment",
    tags=["contracts"],
    summary="Pay",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409),
)
async def pay_contract(request: SignedIn, contract_id: FromPath[int]) -> ContractView:
    """The buyer: `due_fen` out of free cash, held by the venue. 409: `wrong_state`, `already_paid`,
    `insufficient_funds`.
    """
    return await _done(request, PayContract, contract_id)


@post(
    "/contracts/{contract_id:int}/tender",
    tags=["contracts"],
    summary="Tender the goods",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def tender_goods(request: SignedIn, contract_id: FromPath[int], data: JSONBody[Tender]) -> ContractView:
    """The seller. 409: `already_tendered`, `goods_not_at_hand`, `substitution_not_allowed`, `wrong_variety`,
    `no_differential`, `insufficient_goods`, `goods_expire`, `price_not_positive`, `premium_uncovered`.
    """
    return await _done(request, TenderGoods, contract_id, receipt_ids=data.receipt_ids)


@post(
    "/contracts/{contract_id:int}/weight",
    tags=["contracts"],
    summary="State a weight",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def agree_weight(request: SignedIn, contract_id: FromPath[int], data: JSONBody[StatedWeight]) -> ContractView:
    """Either party, where the scale shows more or less than the tolerance: once both say the same it is settled."""
    return await _done(request, AgreeWeight, contract_id, weight_g=data.weight_g)


@post(
    "/contracts/{contract_id:int}/acceptance",
    tags=["contracts"],
    summary="Accept the goods",
    status_code=200,
    guards=[without_fields],
    responses=problems(401, 403, 404, 409),
)
async def accept_goods(request: SignedIn, contract_id: FromPath[int]) -> ContractView:
    """The buyer: there will be no objection. 409 `already_accepted`."""
    return await _done(request, AcceptGoods, contract_id)


@post(
    "/contracts/{contract_id:int}/objection",
    tags=["contracts"],
    summary="Object to the quality",
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def object_quality(request: SignedIn, contract_id: FromPath[int], data: JSONBody[NewObjection]) -> ContractView:
    """The buyer, within the window. 409: `objection_too_late`, `already_objected`, `no_evidence`, `incomplete_report`,
    `claim_too_high`.
    """
    return await _done(request, ObjectQuality, contract_id, **msgspec.structs.asdict(data))


@delete(
    "/contracts/{contract_id:int}/objection",
    tags=["contracts"],
    summary="Withdraw an objection",
    status_code=200,
    responses=problems(401, 403, 404, 409),
)
async def withdraw_objection(request: SignedIn, contract_id: FromPath[int]) -> ContractView:
    """The buyer. 409 `no_objection`."""
    return await _done(request, WithdrawObjection, contract_id)


@post(
    "/contracts/{contract_id:int}/objection/answer",
    tags=["contracts"],
    summary="Answer an objection",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def answer_objection(
    request: SignedIn, contract_id: FromPath[int], data: JSONBody[ObjectionAnswer]
) -> ContractView:
    """The seller grants what is asked off, or leaves it to the venue's operators."""
    return await _done(request, AnswerObjection, contract_id, accepted=data.accepted, reason=data.reason)


@post(
    "/contracts/{contract_id:int}/invoice",
    tags=["contracts"],
    summary="Register an invoice",
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def register_invoice(request: SignedIn, contract_id: FromPath[int], data: JSONBody[NewInvoice]) -> ContractView:
    """The seller, once the quantity is agreed. 409: `already_invoiced`, `duplicate_reference`, `wrong_amount`."""
    return await _done(request, RegisterInvoice, contract_id, **msgspec.structs.asdict(data))


@post(
    "/contracts/{contract_id:int}/dispute",
    tags=["contracts"],
    summary="Open a dispute",
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def open_dispute(request: SignedIn, contract_id: FromPath[int], data: JSONBody[Grievance]) -> ContractView:
    """Either party: the venue is to decide, and all terms stand still."""
    return await _done(request, OpenDispute, contract_id, reason=data.reason)


# What two operators decide


@post(
    "/contracts/{contract_id:int}/outcome",
    tags=["contracts"],
    summary="Propose how a dispute ends",
    guards=[decides],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def propose_outcome(request: SignedIn, contract_id: FromPath[int], data: JSONBody[NewOutcome]) -> ContractView:
    """409 `amounts_do_not_add_up`: to what the contract holds. A later proposal takes the place of an earlier one."""
    return await _done(request, ProposeOutcome, contract_id, by="operator_id", **msgspec.structs.asdict(data))


@post(
    "/contracts/{contract_id:int}/outcome/approval",
    tags=["contracts"],
    summary="Approve an outcome",
    status_code=200,
    guards=[decides, without_fields],
    responses=problems(401, 403, 404, 409),
)
async def approve_outcome(request: SignedIn, contract_id: FromPath[int]) -> ContractView:
    """Another operator than who proposed it. 409: `no_proposal`, `same_operator`, `amounts_do_not_add_up`."""
    return await _done(request, ApproveOutcome, contract_id, by="operator_id")


@post(
    "/contracts/{contract_id:int}/force-majeure",
    tags=["contracts"],
    summary="Declare force majeure",
    guards=[decides],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def declare_force_majeure(
    request: SignedIn, contract_id: FromPath[int], data: JSONBody[Grievance]
) -> ContractView:
    """While nothing has left the warehouse (409 `already_delivered`)."""
    return await _done(request, DeclareForceMajeure, contract_id, by="operator_id", reason=data.reason)


@post(
    "/contracts/{contract_id:int}/force-majeure/confirmation",
    tags=["contracts"],
    summary="Confirm force majeure",
    status_code=200,
    guards=[decides, without_fields],
    responses=problems(401, 403, 404, 409),
)
async def confirm_force_majeure(request: SignedIn, contract_id: FromPath[int]) -> ContractView:
    """Another operator: all money returns to who paid it, the goods to the seller; the fees stay."""
    return await _done(request, ConfirmForceMajeure, contract_id, by="operator_id")


# Helpers


async def _find(request: SignedIn, contract_id: int, min_sequence: int | None) -> tuple[int, Contract]:
    """A contract that concerns the caller, live or ended. Raises `NotFound`."""
    gateway = gateway_of(request)
    at = await live_unless_halted(gateway, min_sequence)
    sequence, contract = at or 0, None
    if is_id(contract_id):

        def query(connection: Connection) -> Contract | None:
            return queries.contract(connection, contract_id)

        if at is None:
            sequence, contract = await recorded(gateway, query, min_sequence)
        else:
            contract = gateway.contract(contract_id)
            if contract is None:
                sequence, contract = await past(gateway, query, at, min_sequence)
    caller = request.user
    if contract is None or not (
        caller.is_in("operator") or caller.participant_id in (contract.buyer_id, contract.seller_id)
    ):
        raise NotFound("unknown_contract")
    return sequence, contract


async def _done(
    request: SignedIn, kind: Any, contract_id: int, *, by: str = "participant_id", **fields: Any
) -> ContractView:
    """The contract after the caller's command. Raises `NotFound`, `Refused`."""
    if not is_id(contract_id):
        raise NotFound("unknown_contract")
    gateway = gateway_of(request)
    outcome = await gateway.submit(kind(**{by: request.user.participant_id}, contract_id=contract_id, **fields))
    return _changed(gateway, outcome, contract_id)


def _changed(gateway: Gateway, outcome: Outcome, contract_id: int) -> ContractView:
    """What time has brought to it stands before the command's own."""
    for event in reversed(outcome.events):
        if isinstance(event, RequestRefused):
            status = 403 if event.reason == "wrong_party" else None
            raise Refused(event.reason, event.detail, field=event.field, status=status)
        if isinstance(event, ContractChanged) and event.contract.contract_id == contract_id:
            return _view(gateway, event.contract, outcome.sequence)
    raise AssertionError(outcome.events)


def _view(gateway: Gateway, contract: Contract, sequence: int) -> ContractView:
    names = []
    for participant_id in (contract.buyer_id, contract.seller_id):
        participant = gateway.participant(participant_id)
        names.append("" if participant is None else participant.display_name)
    fields = {name: getattr(contract, name) for name in Contract.__struct_fields__}
    return ContractView(**fields, buyer=names[0], seller=names[1], sequence=sequence)


PUBLIC = [read_terms]

PRIVATE = [
    list_contracts,
    read_contract,
    list_steps,
    pay_contract,
    tender_goods,
    agree_weight,
    accept_goods,
    object_quality,
    withdraw_objection,
    answer_objection,
    register_invoice,
    open_dispute,
    propose_outcome,
    approve_outcome,
    declare_force_majeure,
    confirm_force_majeure,
]
