"""Storage: what lying in the cold store costs, who pays it and when, and what the warehouse may lose.

    issued on day 100, 3 days free         day 103      day 110: holder pays 7 days     day 114: sold, 4 days
    ├──────────── free ────────────────────┼────────────────────────────────────────────┼───────────► buyer's days
                                           storage_from_day 103 ──► 110 ──► 114

The tariff that is in force when a receipt is issued holds for its lot as long as goods of it lie there: the receipt
states its storage fee, and a holder is owed what the paper says. A new tariff is for lots that come after it. Nothing
is booked day by day: a charge follows from grams and days alone, so a day without a payment costs no command.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from settlement.messages.storage import StorageTariff

STORAGE: Final = "storage"
"""The venue's income from storage, in the ledger."""

_FEN_GRAMS: Final = 1_000_000
"""Grams in a tonne, the unit of the tariff's rates."""


def tariff_of(tariffs: Iterable[StorageTariff], warehouse: str) -> StorageTariff | None:
    """What a warehouse asks by the configuration in force; None where storage there is free."""
    return next((tariff for tariff in tariffs if tariff.warehouse == warehouse), None)


def first_chargeable_day(tariff: StorageTariff | None, issue_day: int) -> int:
    """The first local day that costs something, where the lot's receipt is issued on `issue_day`."""
    return issue_day if tariff is None else issue_day + tariff.free_days


def chargeable_after_trade(tariff: StorageTariff | None, from_day: int, today: int) -> int:
    """From which day the buyer pays, where the seller had paid, or had to, from `from_day`."""
    return max(from_day, today if tariff is None else today + tariff.free_days_after_trade)


def chargeable_after_payment(from_day: int, today: int) -> int:
    """From which day on the holder owes, once he has paid up to today: days that are still free stay so."""
    return max(from_day, today)


def accrued_fen(tariff: StorageTariff | None, weight_g: int, from_day: int, today: int) -> int:
    """What the goods have cost from `from_day` up to today, today not included: ⌈grams × rate × days / 1 000 000⌉.

    Rounded up once, for the whole weight and time. So what is charged in n parts, of weight or of time, costs at
    least as much as the whole, and at most n - 1 fen more.
    """
    if tariff is None or today <= from_day:
        return 0
    rate = tariff.fen_per_tonne_day + tariff.insurance_fen_per_tonne_day
    return -(-weight_g * rate * (today - from_day) // _FEN_GRAMS)


def paid_from_proceeds_fen(due_fen: int, proceeds_fen: int) -> int:
    """What of a seller's storage is paid out of what he gets for the goods, fee deducted; the rest lapses."""
    return min(due_fen, proceeds_fen)


def below_storage(value_fen: int, fee_fen: int, due_fen: int) -> bool:
    """Whether an offer at this value would not pay its fee and the storage that has accrued on what it offers."""
    return due_fen > 0 and value_fen < fee_fen + due_fen


def standard_g(tariff: StorageTariff, received_g: int) -> int:
    """What of a lot may be lost in all without the warehouse's owing it: ⌊grams at issue × permille / 1000⌋."""
    return received_g * tariff.wastage_permille // 1_000


def worth_fen(tariff: StorageTariff, weight_g: int) -> int:
    """What goods are insured for, in whole fen."""
    return weight_g * tariff.insured_fen_per_kg // 1_000


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """A whole number in parts that are as the weights and add up to it: the first k parts are ⌊total × their share⌋."""
    whole = sum(weights)
    parts = []
    before = reached = 0
    for weight in weights:
        reached += weight
        parts.append(total * reached // whole - before)
        before += parts[-1]
    return parts
