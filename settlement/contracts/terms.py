"""What follows from a venue's terms and its trading days for one contract."""

from typing import Final, NamedTuple

from settlement.civil import day_start_ns
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
