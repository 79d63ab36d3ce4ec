"""Money out: participants ask for it, two operators approve; and the code by which money in finds its participant."""

from typing import Annotated, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from settlement.messages.treasury import (
    ApproveWithdrawal,
    CancelWithdrawal,
    RejectWithdrawal,
    RequestWithdrawal,
    Withdrawal,
    WithdrawalChanged,
    WithdrawalRepeated,
)
from settlement.payment_codes import deposit_code, virtual_account
from settlement.queries import bank as queries
from web.bodies import Answer, Body, Cursor, Limit, MinSequence, PositiveInteger, ShortText, Text
from web.context import SignedIn, gateway_of, without_fields
from web.errors import NotFound, problems
from web.operators import done, runs_the_venue
from web.ports import Outcome
from web.views import Items, is_id, kept

WithdrawalFilter = Annotated[
    Literal["live", "all", "requested", "approved", "paid", "cancelled", "rejected", "expired"],
    QueryParameter(name="state", description="`live`: requested, or with the bank (`approved`)."),
]


class DepositCode(Answer, frozen=True):
    """How a payment to the venue's bank finds its participant: to the virtual account, or with the code in its memo."""

    participant_id: int
    deposit_code: Annotated[str, Meta(description="`RJ`, the number, two check digits (ISO 7064, MOD 97-10).")]
    virtual_account: str


class NewWithdrawal(Body, frozen=True):
    """Money to be paid out. `client_reference` is your own, once for each withdrawal."""

    client_reference: ShortText
    amount_fen: PositiveInteger
    payee_name: Text
    payee_bank: Text
    payee_account: Text


class WithdrawalView(Withdrawal, frozen=True, kw_only=True):
    """A withdrawal as it stands. `number` is what the bank writes into the memo."""

    sequence: int


class Rejection(Body, frozen=True):
    """Why; the participant is told."""

    reason: Text


@get("/deposit-code", tags=["accounts"], summary="How to pay in", responses=problems(401))
async def read_deposit_code(request: SignedIn) -> DepositCode:
    """One's own."""
    participant_id = request.user.participant_id
    return DepositCode(
        participant_id=participant_id,
        deposit_code=deposit_code(participant_id),
        virtual_account=virtual_account(participant_id),
    )


@post(
    "/withdrawals",
    tags=["accounts"],
    summary="Ask for a withdrawal",
    responses=problems(401, 409, 413, 415),
)
async def request_withdrawal(request: SignedIn, data: JSONBody[NewWithdrawal]) -> Response[WithdrawalView]:
    """201: reserved from now on. 200: the withdrawal of that `client_reference` as it stands, asked for again with the
    same content; 409 `exists_with_different_…` with other content, `insufficient_funds`, `too_many_withdrawals`.
    """
    outcome = await gateway_of(request).submit(
        RequestWithdrawal(
            participant_id=request.user.participant_id,
            client_reference=data.client_reference,
            amount_fen=data.amount_fen,
            payee_name=data.payee_name,
            payee_bank=data.payee_bank,
            payee_account=data.payee_account,
        )
    )
    for event in outcome.events:
        if isinstance(event, WithdrawalRepeated):
            return Response(view(event.withdrawal, outcome.sequence), status_code=200)
    return Response(_changed(outcome), status_code=201)


@get("/withdrawals", tags=["accounts"], summary="Own withdrawals", responses=problems(401))
async def list_withdrawals(
    request: SignedIn,
    which: WithdrawalFilter = "all",
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Withdrawal]:
    """The newest first."""
    participant_id = request.user.participant_id
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.withdrawals(connection, participant_id, state=which, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get("/withdrawals/{withdrawal_id:int}", tags=["accounts"], summary="A withdrawal", responses=problems(401, 404))
async def read_withdrawal(
    request: SignedIn, withdrawal_id: FromPath[int], min_sequence: MinSequence = None
) -> WithdrawalView:
    """For its participant and operators."""
    gateway, caller = gateway_of(request), request.user
    sequence, found = gateway.sequence, None
    if is_id(withdrawal_id):
        sequence, found = await kept(
            gateway, lambda connection: queries.withdrawal(connection, withdrawal_id), min_sequence
        )
    if found is None or not (found.participant_id == caller.participant_id or caller.is_in("operator")):
        raise NotFound("unknown_withdrawal")
    return view(found, sequence)


@delete(
    "/withdrawals/{withdrawal_id:int}",
    tags=["accounts"],
    summary="Cancel a withdrawal",
    status_code=200,
    responses=problems(401, 404, 409),
)
async def cancel_withdrawal(request: SignedIn, withdrawal_id: FromPath[int]) -> WithdrawalView:
    """409 `already_approved`: the bank has it. `already_ended`."""
    if not is_id(withdrawal_id):
        raise NotFound("unknown_withdrawal")
    return _changed(
        await gateway_of(request).submit(
            CancelWithdrawal(participant_id=request.user.participant_id, withdrawal_id=withdrawal_id)
        )
    )


@get(
    "/operator/withdrawals",
    tags=["treasury"],
    summary="Everyone's withdrawals",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_all_withdrawals(
    request: SignedIn,
    which: WithdrawalFilter = "live",
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Withdrawal]:
    """The newest first; those that return money to its sender too."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.withdrawals(connection, None, state=which, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@post(
    "/operator/withdrawals/{withdrawal_id:int}/approval",
    tags=["treasury"],
    summary="Approve a withdrawal",
    status_code=200,
    guards=[runs_the_venue, without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def approve_withdrawal(request: SignedIn, withdrawal_id: FromPath[int]) -> WithdrawalView:
    """The first approval, or another operator's second, which makes it `approved`: the bank is to pay it, with its
    `number` in the memo. 409 `same_operator`, `own_withdrawal`, `already_approved`, `already_ended`.
    """
    if not is_id(withdrawal_id):
        raise NotFound("unknown_withdrawal")
    return _changed(
        await gateway_of(request).submit(
            ApproveWithdrawal(operator_id=request.user.participant_id, withdrawal_id=withdrawal_id)
        )
    )


@post(
    "/operator/withdrawals/{withdrawal_id:int}/rejection",
    tags=["treasury"],
    summary="Reject a withdrawal",
    status_code=200,
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def reject_withdrawal(
    request: SignedIn, withdrawal_id: FromPath[int], data: JSONBody[Rejection]
) -> WithdrawalView:
    """One operator rejects what is requested; what is `approved` takes two, who know from the bank that it will not
    pay. 409 `same_operator`, `already_ended`.
    """
    if not is_id(withdrawal_id):
        raise NotFound("unknown_withdrawal")
    return _changed(
        await gateway_of(request).submit(
            RejectWithdrawal(operator_id=request.user.participant_id, withdrawal_id=withdrawal_id, reason=data.reason)
        )
    )


def view(withdrawal: Withdrawal, sequence: int) -> WithdrawalView:
    return WithdrawalView(**msgspec.structs.asdict(withdrawal), sequence=sequence)


def _changed(outcome: Outcome) -> WithdrawalView:
    """The withdrawal that a command changed. Raises `Refused`."""
    return view(done(outcome, WithdrawalChanged).withdrawal, outcome.sequence)


PRIVATE = [
    read_deposit_code,
    request_withdrawal,
    list_withdrawals,
    read_withdrawal,
    cancel_withdrawal,
    list_all_withdrawals,
    approve_withdrawal,
    reject_withdrawal,
]
