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
    counted = [days.add(day, count) for count in _counts(terms)]
    known = [each for each in counted if each is not None]
    return _deadlines(known) if len(known) == len(counted) else None


def deadlines_at_last(terms: ContractTerms, days: TradingDays, day: int) -> Deadlines:
    """The same for what was entered when they were told so far, and some of them do not trade any more since: a term
    that is not reached ends with the last day that is told.
    """
    told = days.told()
    assert told is not None
    assert day <= told[1]
    counted = [days.add(day, count) for count in _counts(terms)]
    return _deadlines([told[1] if each is None else each for each in counted])


def _counts(terms: ContractTerms) -> tuple[int, int, int, int]:
    return 0, terms.payment_days, terms.pickup_days, terms.final_days


def _deadlines(counted: list[int]) -> Deadlines:
    first, payment, pickup, final = counted
    return Deadlines(first, day_start_ns(payment + 1), day_start_ns(pickup + 1), day_start_ns(final + 1))
