"""The treasury for operators: the bank's statements, lines that nobody matched, reconciliations, vouchers.

What leaves the usual way takes two: one operator proposes, another approves (409 `same_operator` for the same one).
"""

import base64
import binascii
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from settlement.messages.ledger import PendingTransfer
from settlement.messages.treasury import (
    MAXIMUM_ENTRIES,
    MAXIMUM_LINES,
    ApproveRelease,
    ApproveVoucher,
    BankLine,
    BankLineChanged,
    ImportStatement,
    ProposeRelease,
    ProposeVoucher,
    RejectRelease,
    RejectVoucher,
    ReleaseTo,
    StatementImported,
    StatementLine,
    StatementReconciled,
    Voucher,
    VoucherChanged,
    VoucherEntry,
)
from settlement.queries import bank as queries
from settlement.queries.bank import BankStatement, Reconciliation
from web.bank_csv import decode_file, read_statement
from web.bodies import (
    PRINTABLE,
    Answer,
    Body,
    Cursor,
    Integer,
    Limit,
    MinSequence,
    Natural,
    PositiveInteger,
    ShortText,
    Text,
)
from web.context import SignedIn, gateway_of, without_fields
from web.errors import Fault, InvalidRequest, NotFound, problems
from web.operators import done, runs_the_venue
from web.ports import Outcome
from web.views import Items, is_id, kept
from web.withdrawals import Rejection

BankText = Annotated[str, Meta(max_length=500, pattern=PRINTABLE)]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\n)$", examples=["2026-11-24"])]


class NewLine(Body, frozen=True):
    """A movement: in is positive, out negative."""

    bank_reference: Text
    amount_fen: Integer
    counterparty: BankText = ""
    counterparty_account: BankText = ""
    virtual_account: BankText = ""
    memo: BankText = ""


class NewStatement(Body, frozen=True):
    """The bank's statement of a day, whole."""

    date: Day
    opening_fen: Natural
    closing_fen: Natural
    lines: Annotated[list[NewLine], Meta(max_length=MAXIMUM_LINES)]


class NewStatementFile(Body, frozen=True):
    """The bank's file as text, or its bytes in base64 (UTF-8, UTF-16 or GB 18030): one of the two."""

    content: str | None = None
    content_base64: str | None = None


class ImportedStatement(Answer, frozen=True):
    """What became of a statement. `booked` lines found their participant or withdrawal, the others wait for two
    operators.
    """

    statement_id: int
    date: str
    opening_fen: int
    closing_fen: int
    lines: int
    paid_in_fen: int
    paid_out_fen: int
    booked: int
    suspense: int
    unassigned: int
    ledger_fen: int
    difference_fen: int
    unexplained_fen: Annotated[int, Meta(description="What neither deposits by hand nor unassigned lines explain.")]
    sequence: int
    time_ns: int


class BankLineView(BankLine, frozen=True, kw_only=True):
    """A line as it stands."""

    sequence: int


class NewRelease(Body, frozen=True):
    """What is to become of a line: to a participant, back to the sender, to one of the venue's own accounts, or it was
    this withdrawal. The field that belongs to it is named, and no other.
    """

    to: ReleaseTo
    reason: Text
    participant_id: PositiveInteger | None = None
    account: ShortText | None = None
    withdrawal_id: PositiveInteger | None = None


class NewVoucherEntry(Body, frozen=True):
    """`bank`, `fees`, `storage`, `risk_fund`, or `participant:<id>`."""

    debit: ShortText
    credit: ShortText
    amount_fen: PositiveInteger


class NewVoucher(Body, frozen=True):
    """Linked transfers by hand; each `reference` is taken once."""

    reference: Text
    reason: Text
    entries: Annotated[list[NewVoucherEntry], Meta(min_length=1, max_length=MAXIMUM_ENTRIES)]


class VoucherView(Voucher, frozen=True, kw_only=True):
    """A voucher as it stands."""

    sequence: int


# The bank's statements


@post(
    "/operator/statements",
    tags=["treasury"],
    summary="Import a bank statement",
    guards=[runs_the_venue],
    responses=problems(401, 403, 409, 413, 415, 422),
)
async def import_statement(request: SignedIn, data: JSONBody[NewStatement]) -> ImportedStatement:
    """Whole or not at all. 409 `outside_calendar`, `duplicate_statement`, `out_of_order`, `duplicate_bank_reference`,
    `balance_gap` (it does not open with the last closing balance), `lines_do_not_add_up`.
    """
    lines = tuple(StatementLine(**msgspec.structs.asdict(line)) for line in data.lines)
    return await _import(request, data.date, data.opening_fen, data.closing_fen, lines)


@post(
    "/operator/statements/file",
    tags=["treasury"],
    summary="Import a bank's file",
    guards=[runs_the_venue],
    responses=problems(401, 403, 409, 413, 415, 422),
)
async def import_statement_file(request: SignedIn, data: JSONBody[NewStatementFile]) -> ImportedStatement:
    """A CSV file as banks write it; see `docs/settlement/money.md`. 400 names each line at fault in `errors`; else as
    a statement.
    """
    if (data.content is None) == (data.content_base64 is None):
        raise InvalidRequest(Fault("content", "send content or content_base64, one of the two"))
    text = data.content
    if text is None:
        assert data.content_base64 is not None
        try:
            text = decode_file(base64.b64decode(data.content_base64, validate=True))
        except binascii.Error:
            raise InvalidRequest(Fault("content_base64", "this is not base64")) from None
    file = read_statement(text)
    return await _import(request, file.date, file.opening_fen, file.closing_fen, file.lines)


@get(
    "/operator/statements",
    tags=["treasury"],
    summary="Bank statements",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_bank_statements(
    request: SignedIn, limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[BankStatement]:
    """The newest first."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.bank_statements(connection, cursor=cursor, limit=limit), min_sequence=min_sequence
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get(
    "/operator/statements/{statement_id:int}",
    tags=["treasury"],
    summary="A bank statement",
    guards=[runs_the_venue],
    responses=problems(401, 403, 404),
)
async def read_bank_statement(
    request: SignedIn, statement_id: FromPath[int], min_sequence: MinSequence = None
) -> BankStatement:
    """As it was imported; `sequence` and `time_ns` are the import's."""
    gateway = gateway_of(request)
    found = None
    if is_id(statement_id):
        _, found = await kept(
            gateway, lambda connection: queries.bank_statement(connection, statement_id), min_sequence
        )
    if found is None:
        raise NotFound("unknown_statement")
    return found


@get(
    "/operator/statements/{statement_id:int}/lines",
    tags=["treasury"],
    summary="Lines of a bank statement",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_statement_lines(
    request: SignedIn,
    statement_id: FromPath[int],
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[BankLine]:
    """As they stand, the last first."""
    if not is_id(statement_id):
        raise NotFound("unknown_statement")
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.bank_lines(connection, statement_id=statement_id, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get(
    "/operator/reconciliations",
    tags=["treasury"],
    summary="The bank against the ledger",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_reconciliations(
    request: SignedIn, limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[Reconciliation]:
    """One a statement, the newest first, with what explains a difference."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.reconciliations(connection, cursor=cursor, limit=limit), min_sequence=min_sequence
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


# Lines that nobody matched


@get(
    "/operator/suspense",
    tags=["treasury"],
    summary="Lines that are nobody's",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_suspense(
    request: SignedIn,
    which: Annotated[
        Literal["open", "suspense", "unassigned", "returning", "released"],
        QueryParameter(name="state", description="`open`: all but `released`."),
    ] = "open",
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[BankLine]:
    """The newest first. What came in lies in suspense; what went out is `unassigned`, and not in the ledger yet."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.bank_lines(connection, state=which, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@get(
    "/operator/suspense/{line_id:int}",
    tags=["treasury"],
    summary="A bank line",
    guards=[runs_the_venue],
    responses=problems(401, 403, 404),
)
async def read_bank_line(request: SignedIn, line_id: FromPath[int], min_sequence: MinSequence = None) -> BankLineView:
    """Any line of a statement, matched ones too."""
    gateway = gateway_of(request)
    sequence, found = gateway.sequence, None
    if is_id(line_id):
        sequence, found = await kept(gateway, lambda connection: queries.bank_line(connection, line_id), min_sequence)
    if found is None:
        raise NotFound("unknown_line")
    return _line_view(found, sequence)


@post(
    "/operator/suspense/{line_id:int}/release",
    tags=["treasury"],
    summary="Propose what becomes of a line",
    status_code=200,
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def propose_release(request: SignedIn, line_id: FromPath[int], data: JSONBody[NewRelease]) -> BankLineView:
    """Another operator approves. 409 `already_proposed`, `no_sender`, `not_in_flight`, `amount_differs`."""
    return await _decide(
        request,
        line_id,
        ProposeRelease(
            operator_id=request.user.participant_id,
            line_id=_id(line_id),
            to=data.to,
            participant_id=data.participant_id,
            account=data.account,
            withdrawal_id=data.withdrawal_id,
            reason=data.reason,
        ),
    )


@post(
    "/operator/suspense/{line_id:int}/approval",
    tags=["treasury"],
    summary="Approve what becomes of a line",
    status_code=200,
    guards=[runs_the_venue, without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def approve_release(request: SignedIn, line_id: FromPath[int]) -> BankLineView:
    """Done at once, but for money that returns to its sender: the bank is asked for that. 409 `same_operator`,
    `not_proposed`, `insufficient_funds`, `not_in_flight`.
    """
    operator_id = request.user.participant_id
    return await _decide(request, line_id, ApproveRelease(operator_id=operator_id, line_id=_id(line_id)))


@post(
    "/operator/suspense/{line_id:int}/rejection",
    tags=["treasury"],
    summary="Reject what was proposed for a line",
    status_code=200,
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def reject_release(request: SignedIn, line_id: FromPath[int], data: JSONBody[Rejection]) -> BankLineView:
    """One's own proposal too. 409 `not_proposed`."""
    operator_id = request.user.participant_id
    return await _decide(
        request, line_id, RejectRelease(operator_id=operator_id, line_id=_id(line_id), reason=data.reason)
    )


# Vouchers


@post(
    "/operator/vouchers",
    tags=["treasury"],
    summary="Propose a voucher",
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
async def propose_voucher(request: SignedIn, data: JSONBody[NewVoucher]) -> VoucherView:
    """Another operator approves. 404 `unknown_account`: none that operators post to. 409 `duplicate_reference`,
    `same_account`, `too_many_vouchers`.
    """
    outcome = await gateway_of(request).submit(
        ProposeVoucher(
            operator_id=request.user.participant_id,
            reference=data.reference,
            reason=data.reason,
            entries=tuple(VoucherEntry(**msgspec.structs.asdict(entry)) for entry in data.entries),
        )
    )
    return _voucher_view(outcome)


@get(
    "/operator/vouchers",
    tags=["treasury"],
    summary="Vouchers",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_vouchers(
    request: SignedIn,
    which: Annotated[Literal["all", "proposed", "posted", "rejected"], QueryParameter(name="state")] = "all",
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Voucher]:
    """As they stand, the newest first."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.vouchers(connection, state=which, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@post(
    "/operator/vouchers/{voucher_id:int}/approval",
    tags=["treasury"],
    summary="Approve a voucher",
    status_code=200,
    guards=[runs_the_venue, without_fields],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def approve_voucher(request: SignedIn, voucher_id: FromPath[int]) -> VoucherView:
    """All of it is posted, in its order, or none. 409 `same_operator`, `already_ended`, `insufficient_funds`."""
    if not is_id(voucher_id):
        raise NotFound("unknown_voucher")
    return _voucher_view(
        await gateway_of(request).submit(ApproveVoucher(operator_id=request.user.participant_id, voucher_id=voucher_id))
    )


@post(
    "/operator/vouchers/{voucher_id:int}/rejection",
    tags=["treasury"],
    summary="Reject a voucher",
    status_code=200,
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def reject_voucher(request: SignedIn, voucher_id: FromPath[int], data: JSONBody[Rejection]) -> VoucherView:
    """One's own too. 409 `already_ended`."""
    if not is_id(voucher_id):
        raise NotFound("unknown_voucher")
    return _voucher_view(
        await gateway_of(request).submit(
            RejectVoucher(operator_id=request.user.participant_id, voucher_id=voucher_id, reason=data.reason)
        )
    )


@get(
    "/operator/pending-transfers",
    tags=["treasury"],
    summary="Transfers in two phases",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_pending_transfers(
    request: SignedIn,
    which: Annotated[
        Literal["all", "pending", "posted", "voided", "expired"], QueryParameter(name="state")
    ] = "pending",
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[PendingTransfer]:
    """What is set aside, and what became of it; the newest first."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.pending_transfers(connection, state=which, cursor=cursor, limit=limit),
        min_sequence=min_sequence,
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


async def _import(
    request: SignedIn, date: str, opening_fen: int, closing_fen: int, lines: tuple[StatementLine, ...]
) -> ImportedStatement:
    outcome = await gateway_of(request).submit(
        ImportStatement(
            operator_id=request.user.participant_id,
            date=date,
            opening_fen=opening_fen,
            closing_fen=closing_fen,
            lines=lines,
        )
    )
    imported = done(outcome, StatementImported)
    reconciled = done(outcome, StatementReconciled)
    states = [
        event.line.state
        for event in outcome.events
        if isinstance(event, BankLineChanged) and event.line.statement_id == imported.statement_id
    ]
    return ImportedStatement(
        statement_id=imported.statement_id,
        date=imported.date,
        opening_fen=imported.opening_fen,
        closing_fen=imported.closing_fen,
        lines=imported.lines,
        paid_in_fen=imported.paid_in_fen,
        paid_out_fen=imported.paid_out_fen,
        booked=states.count("booked"),
        suspense=states.count("suspense"),
        unassigned=states.count("unassigned"),
        ledger_fen=reconciled.ledger_fen,
        difference_fen=reconciled.difference_fen,
        unexplained_fen=reconciled.unexplained_fen,
        sequence=outcome.sequence,
        time_ns=outcome.time_ns,
    )


async def _decide(
    request: SignedIn, line_id: int, command: ProposeRelease | ApproveRelease | RejectRelease
) -> BankLineView:
    """The line after the command; another that changed with it is told in its own place. Raises `Refused`."""
    outcome = await gateway_of(request).submit(command)
    done(outcome, BankLineChanged)
    line = next(
        event.line
        for event in reversed(outcome.events)
        if isinstance(event, BankLineChanged) and event.line.line_id == line_id
    )
    return _line_view(line, outcome.sequence)


def _id(line_id: int) -> int:
    if not is_id(line_id):
        raise NotFound("unknown_line")
    return line_id


def _line_view(line: BankLine, sequence: int) -> BankLineView:
    return BankLineView(**msgspec.structs.asdict(line), sequence=sequence)


def _voucher_view(outcome: Outcome) -> VoucherView:
    voucher = done(outcome, VoucherChanged).voucher
    return VoucherView(**msgspec.structs.asdict(voucher), sequence=outcome.sequence)


PRIVATE = [
    import_statement,
    import_statement_file,
    list_bank_statements,
    read_bank_statement,
    list_statement_lines,
    list_reconciliations,
    list_suspense,
    read_bank_line,
    propose_release,
    approve_release,
    reject_release,
    propose_voucher,
    list_vouchers,
    approve_voucher,
    reject_voucher,
    list_pending_transfers,
]
