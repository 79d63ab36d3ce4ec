"""What lying in a cold store costs, what its warehouse answers for, and what was paid."""

from typing import Annotated, Literal

from msgspec import Meta

from settlement.messages.common import Message, PositiveInteger, Text

MAXIMUM_RECEIPTS = 100
"""Receipts in one payment at most."""

MAXIMUM_RATE = 1_000_000
"""Ten thousand yuan a tonne and day: beyond any store's price, and small enough for sums of 63 bits."""

Rate = Annotated[int, Meta(ge=0, le=MAXIMUM_RATE)]
Days = Annotated[int, Meta(ge=0, le=365)]
StorageCause = Literal["payment", "trade", "contract", "delivery", "merge", "clearance"]


class StorageTariff(Message, frozen=True, kw_only=True):
    """What a warehouse asks and promises; a receipt states it (GB/T 30332-2024 and Civil Code art. 909: storage fee,
    storage period, wastage standard, insurance with its amount, period and insurer).

    Each day costs `fen_per_tonne_day` and, for the insurance, `insurance_fen_per_tonne_day` on top. The first
    `free_days` from the day of the receipt's issue cost nothing. Who buys by a trade pays from the day of the trade,
    or from `free_days_after_trade` later; days that are free from issue stay free whoever holds the receipt.
    `insured_fen_per_kg` is what `insurer` pays for a kilogram that is lost, while the goods lie in the store at most
    `period_days`. `wastage_permille` of a lot's weight at issue may be lost without the warehouse's owing it; what is
    lost beyond that it owes at `insured_fen_per_kg`.
    """

    warehouse: Annotated[str, Meta(pattern=r"^[A-Z]{2,3}\d{1,2}$")]
    fen_per_tonne_day: Rate
    free_days: Days = 0
    free_days_after_trade: Days = 0
    insurance_fen_per_tonne_day: Rate = 0
    insurer: Text | None = None
    insured_fen_per_kg: Rate = 0
    wastage_permille: Annotated[int, Meta(ge=0, le=1000)] = 0
    period_days: Annotated[int, Meta(ge=1, le=365)] = 90


class PayStorage(Message, frozen=True, kw_only=True, tag="pay_storage"):
    """The holder pays what has accrued on his receipts up to today; asked again on the same day it costs nothing.

    All of them or none. Refused: `unknown_participant`, `invalid_receipt_ids` (one twice), `unknown_receipt`
    (another's too), `insufficient_funds`.
    """

    participant_id: PositiveInteger
    receipt_ids: Annotated[tuple[PositiveInteger, ...], Meta(min_length=1, max_length=MAXIMUM_RECEIPTS)]


class StoragePaid(Message, frozen=True, kw_only=False, tag="storage_paid"):
    """What `weight_g` of a receipt cost from `from_day` to `to_day` (numbers of local days, the last one not charged)
    is settled, and will not be asked for again.

    Of what was due, `amount_fen` was paid by the `ledger_posted` beside it and the rest has lapsed: a trade's proceeds
    or a holder's cash did not reach further. `reference_id` counts payments, or is the trade, contract or receipt by
    which it came to be settled.
    """

    cause: StorageCause
    reference_id: int
    participant_id: int
    receipt_id: int
    lot_id: int
    warehouse: str
    weight_g: int
    from_day: int
    to_day: int
    due_fen: int
    amount_fen: int


class SettleWastage(Message, frozen=True, kw_only=True, tag="settle_wastage"):
    """An operator closes a claim for wastage beyond the warehouse's standard: `paid` out of the risk fund, to which
    the warehouse owes it, or `dismissed` with the reason.

    Refused: `unknown_participant`, `wrong_role` (operator), `unknown_claim` (settled too), `insufficient_funds` (of
    the risk fund).
    """

    operator_id: PositiveInteger
    claim_id: PositiveInteger
    outcome: Literal["paid", "dismissed"]
    reason: Text


class WastageShare(Message, frozen=True, kw_only=True):
    """What a receipt has lost beyond the standard, and what that is worth."""

    receipt_id: int
    participant_id: int
    weight_g: int
    amount_fen: int


class WastageClaimed(Message, frozen=True, kw_only=True, tag="wastage_claimed"):
    """With this loss a lot has lost more than its warehouse's standard: `beyond_g` of it is the warehouse's debt.

    Claims count 1, 2, 3 …. The debt is worth `insured_fen_per_kg` of the lot's tariff; those who lost the goods have
    their part of it. `standard_g` is what may be lost of the lot in all, `shrinkage_g` what has been.
    """

    claim_id: int
    lot_id: int
    warehouse: str
    standard_g: int
    shrinkage_g: int
    beyond_g: int
    amount_fen: int
    shares: tuple[WastageShare, ...]


class WastageSettled(Message, frozen=True, kw_only=True, tag="wastage_settled"):
    """How a claim ended; where it was paid, the `ledger_posted` beside it says to whom."""

    claim_id: int
    operator_id: int
    outcome: Literal["paid", "dismissed"]
    reason: str


StorageCommand = PayStorage | SettleWastage
StorageEvent = StoragePaid | WastageClaimed | WastageSettled
