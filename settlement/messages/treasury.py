"""Money between the venue and its bank: statements, what they match, withdrawals, vouchers; and who approves.

Two people decide whatever leaves the usual way: one operator proposes, another approves (four eyes).
"""

from typing import Annotated, Literal

from msgspec import Meta

from settlement.messages.common import MAXIMUM_INTEGER, CivilDate, Message, Natural, PositiveInteger, Text

MAXIMUM_LINES = 5_000
"""Of one statement."""

MAXIMUM_ENTRIES = 50
"""Linked transfers of one voucher."""

DAY_NS = 86_400 * 1_000_000_000

BankText = Annotated[str, Meta(max_length=500)]
"""What a bank writes, or leaves out: empty then."""

SignedFen = Annotated[int, Meta(ge=-MAXIMUM_INTEGER, le=MAXIMUM_INTEGER)]
ClientReference = Annotated[str, Meta(min_length=1, max_length=64)]
Life = Annotated[int, Meta(ge=1_000_000_000, le=90 * DAY_NS)]

LineState = Literal["booked", "suspense", "unassigned", "returning", "released"]
MatchedBy = Literal["virtual_account", "deposit_code", "by_hand", "withdrawal"]
Unmatched = Literal[
    "unknown_virtual_account",
    "no_code",
    "wrong_check_digits",
    "several_codes",
    "unknown_participant",
    "returned_payment",
    "unknown_withdrawal",
    "not_in_flight",
    "amount_differs",
]
ReleaseTo = Literal["participant", "sender", "venue", "withdrawal"]
WithdrawalState = Literal["requested", "approved", "paid", "cancelled", "rejected", "expired"]
VoucherState = Literal["proposed", "posted", "rejected"]


# The bank's statements


class StatementLine(Message, frozen=True, kw_only=True):
    """A movement as the bank tells it: what came in is positive, what went out negative. `bank_reference` is the
    bank's own and names the movement for ever.
    """

    bank_reference: Text
    amount_fen: SignedFen
    counterparty: BankText = ""
    counterparty_account: BankText = ""
    virtual_account: BankText = ""
    memo: BankText = ""


class ImportStatement(Message, frozen=True, kw_only=True, tag="import_statement"):
    """The bank's statement of one day, whole or not at all.

    Refused: `outside_calendar` (no such day, one to come, or more than a year old), `duplicate_statement`,
    `out_of_order` (a later day's is imported already), `too_many_lines`, `invalid_amount_fen` (a line of nothing),
    `duplicate_bank_reference` (in it, or in a statement before), `balance_gap` (it does not open with what the last one
    closed with), `lines_do_not_add_up`, `exceeds_maximum`.
    """

    operator_id: PositiveInteger
    date: CivilDate
    opening_fen: Natural
    closing_fen: Natural
    lines: Annotated[tuple[StatementLine, ...], Meta(max_length=MAXIMUM_LINES)]


class Release(Message, frozen=True, kw_only=True):
    """What is to become of a line that nothing matched: who proposed it and, once it is done, who approved it.

    To a `participant` it is credited (what went out: charged), `venue` names one of the venue's own accounts, `sender`
    has it paid back by the bank, `withdrawal` says which one in flight a payment was.
    """

    to: ReleaseTo
    participant_id: int | None = None
    account: str | None = None
    withdrawal_id: int | None = None
    reason: str
    proposed_by: int
    approved_by: int | None = None


class BankLine(Message, frozen=True, kw_only=True):
    """A line of a statement as it stands. `line_id` counts over all statements, `position` within its own.

    `booked`: matched, by `matched_by`. What was not, for the `unmatched` reason: `suspense` (came in, lies in the
    account of that name) or `unassigned` (went out, and is not in the ledger yet), then `released`; `returning` while
    the bank is asked to pay it back.
    """

    line_id: int
    statement_id: int
    position: int
    date: CivilDate
    bank_reference: str
    amount_fen: int
    counterparty: str
    counterparty_account: str
    virtual_account: str
    memo: str
    state: LineState
    matched_by: MatchedBy | None = None
    unmatched: Unmatched | None = None
    participant_id: int | None = None
    withdrawal_id: int | None = None
    release: Release | None = None


class BankLineChanged(Message, frozen=True, kw_only=True, tag="bank_line_changed"):
    """The line as it stands after the command."""

    line: BankLine


class StatementImported(Message, frozen=True, kw_only=True, tag="statement_imported"):
    """A statement was taken; a `bank_line_changed` for each of its `lines` follows, with what it led to."""

    statement_id: int
    date: CivilDate
    opening_fen: int
    closing_fen: int
    lines: int
    paid_in_fen: int
    paid_out_fen: int
    operator_id: int


class StatementReconciled(Message, frozen=True, kw_only=True, tag="statement_reconciled"):
    """The bank's closing balance against the ledger, right after the statement was booked.

    `difference_fen` is the bank's less the ledger's. Two things explain one: deposits booked by hand that no statement
    has shown yet (`by_hand_fen`), and payments that nobody has been charged with yet (`unassigned_fen`). What is left
    over, `unexplained_fen`, should be nothing. `suspense_fen` and `in_flight_fen` are told beside it: the one is the
    venue's for the moment, the other is still at the bank.
    """

    statement_id: int
    date: CivilDate
    bank_fen: int
    ledger_fen: int
    difference_fen: int
    by_hand: int
    by_hand_fen: int
    unassigned: int
    unassigned_fen: int
    unexplained_fen: int
    suspense: int
    suspense_fen: int
    in_flight: int
    in_flight_fen: int


class ProposeRelease(Message, frozen=True, kw_only=True, tag="propose_release"):
    """What is to become of a line that nothing matched; another operator approves.

    Refused: `unknown_line` (matched, too), `already_proposed`, `invalid_to` (not for this line: only what came in
    has a sender, only what went out is a withdrawal), `invalid_participant_id`, `invalid_account`,
    `invalid_withdrawal_id` (there where it belongs and only there; an account is one that operators may post to), then
    what stands against it already: `no_sender` (the bank named no account), `unknown_participant`,
    `unknown_withdrawal`, `not_in_flight`, `amount_differs`.
    """

    operator_id: PositiveInteger
    line_id: PositiveInteger
    to: ReleaseTo
    participant_id: PositiveInteger | None = None
    account: Text | None = None
    withdrawal_id: PositiveInteger | None = None
    reason: Text


class ApproveRelease(Message, frozen=True, kw_only=True, tag="approve_release"):
    """Do what another operator has proposed.

    Refused: `unknown_line`, `not_proposed`, `same_operator`, `not_in_flight`, `insufficient_funds`.
    """

    operator_id: PositiveInteger
    line_id: PositiveInteger


class RejectRelease(Message, frozen=True, kw_only=True, tag="reject_release"):
    """Take a proposal away, one's own too. Refused: `unknown_line`, `not_proposed`."""

    operator_id: PositiveInteger
    line_id: PositiveInteger
    reason: Text


# Withdrawals


class RequestWithdrawal(Message, frozen=True, kw_only=True, tag="request_withdrawal"):
    """Have money paid out by the bank; it is reserved from here on.

    `client_reference` is the participant's own: asked again with it, the same is answered and nothing done. Unless two
    operators approve within `life_ns` it expires. Refused: `unknown_participant`; with a reference that is known
    `exists_with_different_FIELD` (`amount_fen`, `payee_name`, `payee_bank`, `payee_account`); `too_many_withdrawals`,
    `insufficient_funds`.
    """

    participant_id: PositiveInteger
    client_reference: ClientReference
    amount_fen: PositiveInteger
    payee_name: Text
    payee_bank: Text
    payee_account: Text
    life_ns: Life = 5 * DAY_NS


class CancelWithdrawal(Message, frozen=True, kw_only=True, tag="cancel_withdrawal"):
    """Refused: `unknown_withdrawal` (another's too), `already_approved` (the bank has it), `already_ended`."""

    participant_id: PositiveInteger
    withdrawal_id: PositiveInteger


class ApproveWithdrawal(Message, frozen=True, kw_only=True, tag="approve_withdrawal"):
    """The first of two approvals, or the second, which hands it to the bank.

    Refused: `unknown_withdrawal`, `already_ended`, `already_approved`, `own_withdrawal`, `same_operator`.
    """

    operator_id: PositiveInteger
    withdrawal_id: PositiveInteger


class RejectWithdrawal(Message, frozen=True, kw_only=True, tag="reject_withdrawal"):
    """One operator rejects what is requested. What the bank has already takes two, who have heard from the bank that it
    will not pay: else it would be paid twice.

    Refused: `unknown_withdrawal`, `already_ended`, `same_operator`.
    """

    operator_id: PositiveInteger
    withdrawal_id: PositiveInteger
    reason: Text


class Withdrawal(Message, frozen=True, kw_only=True):
    """A payment out as it stands. `number` goes to the bank with it, and comes back in the statement's memo.

    A participant's has a `client_reference`; one that returns a line of a statement to its sender has that `line_id`.
    `approvals` and `rejections` are the operators who gave one. `paid_line_id` is the line by which the bank showed
    that it was paid.
    """

    withdrawal_id: int
    number: str
    participant_id: int | None = None
    client_reference: str | None = None
    line_id: int | None = None
    amount_fen: int
    payee_name: str
    payee_bank: str
    payee_account: str
    state: WithdrawalState
    reason: str | None = None
    requested_ns: int
    expires_ns: int | None = None
    approvals: tuple[int, ...] = ()
    rejections: tuple[int, ...] = ()
    paid_line_id: int | None = None
    ended_ns: int | None = None


class WithdrawalChanged(Message, frozen=True, kw_only=True, tag="withdrawal_changed"):
    """The withdrawal as it stands after the command, or after the time that let it expire."""

    withdrawal: Withdrawal


class WithdrawalRepeated(Message, frozen=True, kw_only=True, tag="withdrawal_repeated"):
    """The client's reference is known and names this one, with the same content; nothing was done."""

    withdrawal: Withdrawal


# Vouchers


class VoucherEntry(Message, frozen=True, kw_only=True):
    """One transfer of money: accounts are the venue's own that operators may post to, or `participant:<id>`."""

    debit: Text
    credit: Text
    amount_fen: PositiveInteger


class ProposeVoucher(Message, frozen=True, kw_only=True, tag="propose_voucher"):
    """Linked transfers by hand; another operator approves. `reference` is the operator's and taken once.

    Refused: `duplicate_reference`, `invalid_entries` (none, or too many), `unknown_account`, `same_account`,
    `too_many_vouchers`.
    """

    operator_id: PositiveInteger
    reference: Text
    reason: Text
    entries: Annotated[tuple[VoucherEntry, ...], Meta(min_length=1, max_length=MAXIMUM_ENTRIES)]


class ApproveVoucher(Message, frozen=True, kw_only=True, tag="approve_voucher"):
    """Post what another operator has proposed, all of it in that order.

    Refused: `unknown_voucher`, `already_ended`, `same_operator`, `exceeds_maximum`, `insufficient_funds`.
    """

    operator_id: PositiveInteger
    voucher_id: PositiveInteger


class RejectVoucher(Message, frozen=True, kw_only=True, tag="reject_voucher"):
    """Take a proposal away, one's own too. Refused: `unknown_voucher`, `already_ended`."""

    operator_id: PositiveInteger
    voucher_id: PositiveInteger
    reason: Text


class Voucher(Message, frozen=True, kw_only=True):
    """Transfers by hand as they stand."""

    voucher_id: int
    reference: str
    reason: str
    entries: tuple[VoucherEntry, ...]
    state: VoucherState
    proposed_by: int
    decided_by: int | None = None
    rejection: str | None = None


class VoucherChanged(Message, frozen=True, kw_only=True, tag="voucher_changed"):
    """The voucher as it stands after the command."""

    voucher: Voucher


TreasuryCommand = (
    ImportStatement
    | ProposeRelease
    | ApproveRelease
    | RejectRelease
    | RequestWithdrawal
    | CancelWithdrawal
    | ApproveWithdrawal
    | RejectWithdrawal
    | ProposeVoucher
    | ApproveVoucher
    | RejectVoucher
)
TreasuryEvent = (
    StatementImported | BankLineChanged | StatementReconciled | WithdrawalChanged | WithdrawalRepeated | VoucherChanged
)
