"""Money and goods as the ledger moves them."""

from typing import Literal

from settlement.messages.common import Message, PositiveInteger, Text

PostingCause = Literal[
    "deposit",
    "trade",
    "intake",
    "load_out",
    "void",
    "bust",
    "adjustment",
    "statement",
    "suspense",
    "withdrawal",
    "voucher",
    "receipt_transfer",
    "shrinkage",
    "stock_take",
    "loss",
    "storage",
    "contract",
    "dispute",
    "delivery",
    "buy_in",
]
"""Why linked transfers were made; what their `reference_id` counts depends on it."""


PendingState = Literal["pending", "posted", "voided", "expired"]


class Transfer(Message, frozen=True, kw_only=False):
    """One posting of the double-entry ledger: `amount` of `asset` leaves the debit account and reaches the credit
    account.

    `amount` is fen where `asset` is `CNY`, else grams of the lot `LOT-<lot_id>`. Accounts are `participant:<id>`, or
    the venue's own: `bank` (custody, the other side of deposits), `fees`, `warehouse:<code>` (the other side of
    stock).
    """

    transfer_id: int
    asset: str
    debit: str
    credit: str
    amount: int


class PendingTransfer(Message, frozen=True, kw_only=True):
    """A transfer in two phases as it stands: `amount` is set aside on the debit account until it is posted, voided or
    expires.

    `key` is the name that it was asked for by, and answers a second asking. `posted` of it has been posted, by the
    `ledger_posted` beside the event; what was not, is free again. `expires_ns` is null where it waits without end.
    """

    pending_id: int
    key: str
    asset: str
    debit: str
    credit: str
    amount: int
    state: PendingState = "pending"
    posted: int = 0
    expires_ns: int | None = None


class Deposit(Message, frozen=True, kw_only=True, tag="deposit"):
    """Money that the bank has received for a participant; `reference` is the bank's and is taken once."""

    participant_id: PositiveInteger
    amount_fen: PositiveInteger
    reference: Text


class AdjustCash(Message, frozen=True, kw_only=True, tag="adjust_cash"):
    """An operator moves money from one participant to another: the remedy where a trade cannot be taken back.

    `reference` is the operator's and is taken once. Refused: `unknown_participant`, `same_participant`,
    `duplicate_reference`, `insufficient_funds` (beyond what the payer has free).
    """

    operator_id: PositiveInteger
    debit_id: PositiveInteger
    credit_id: PositiveInteger
    amount_fen: PositiveInteger
    reference: Text
    reason: Text


class CashDeposited(Message, frozen=True, kw_only=True, tag="cash_deposited"):
    participant_id: int
    amount_fen: int
    reference: str


class CashAdjusted(Message, frozen=True, kw_only=True, tag="cash_adjusted"):
    """Money that an operator moved from one participant (`debit_id`) to another."""

    operator_id: int
    debit_id: int
    credit_id: int
    amount_fen: int
    reference: str
    reason: str


class LedgerPosted(Message, frozen=True, kw_only=False, tag="ledger_posted"):
    """Linked transfers: all of them or none.

    `reference_id` is the trade, the lot or the receipt that caused them; deposits count 1, 2, 3 …, and so do
    adjustments.
    """

    cause: PostingCause
    reference_id: int
    transfers: tuple[Transfer, ...]


class PendingChanged(Message, frozen=True, kw_only=True, tag="pending_changed"):
    """The pending transfer as it stands after the command, or after the time that let it expire."""

    pending: PendingTransfer


class BalanceChanged(Message, frozen=True, kw_only=False, tag="balance_changed"):
    """A participant's holding of an asset (`CNY` in fen, or a symbol in grams) after the command that touched it.

    `total` is what the ledger says is his. `reserved` is the part of it that he cannot spend or offer: what his orders
    hold, and the goods on receipts that are ordered out or expired.
    """

    participant_id: int
    asset: str
    total: int
    reserved: int
