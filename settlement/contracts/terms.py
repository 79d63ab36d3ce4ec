"""What a venue may choose for its contracts, and what follows from it for one of them."""

from typing import Final, NamedTuple

from settlement.civil import day_start_ns
from settlement.differentials import names_twice
from settlement.messages import ConfigureVenue
from settlement.messages.contracts import ContractTerms
from settlement.trading_days import TradingDays

HOUR_NS: Final = 3_600 * 1_000_000_000


class Deadlines(NamedTuple):
    """The local midnights with which the terms end."""

    first_day: int
    """D1, the number of a local day."""
    pay_by_ns: int
    pickup_by_ns: int
    final_by_ns: int


def deadlines(terms: ContractTerms, days: TradingDays, day: int) -> Deadlines | None:
    """The terms of a trade of that day; None where the venue's trading days are not told so far. O(log days)."""
    first = days.add(day, 0)
    payment = days.add(day, terms.payment_days)
    pickup = days.add(day, terms.pickup_days)
    final = days.add(day, terms.final_days)
    if first is None or payment is None or pickup is None or final is None:
        return None
    return Deadlines(first, day_start_ns(payment + 1), day_start_ns(pickup + 1), day_start_ns(final + 1))


def refuse_terms(command: ConfigureVenue) -> tuple[str, str] | None:
    """(reason, field), or None. `invalid_contract`: goods are not fetched before they are paid, nor is all over before
    they are fetched; and a weight within tolerance costs the buyer no more than his earnest money.
    `invalid_differentials`: the table says two things of one value.
    """
    terms = command.contract
    if terms is not None:
        in_order = terms.payment_days < terms.pickup_days <= terms.final_days
        if not in_order or terms.tolerance_permille > terms.earnest_permille:
            return "invalid_contract", "contract"
    if names_twice(command.differentials):
        return "invalid_differentials", "differentials"
    return None
