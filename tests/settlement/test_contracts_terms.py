"""Terms that a venue may choose, and those that do not fit together."""

from typing import Any

import pytest

from settlement.contracts.terms import deadlines
from settlement.messages import ConfigureVenue
from settlement.messages.contracts import ContractTerms, Differential
from settlement.trading_days import TradingDays
from settlement.venue import VARIETIES, WAREHOUSES, refuse_venue
from tests.settlement.contract_books import announcement, day_of, time_of


def configured(**changed: Any) -> ConfigureVenue:
    return ConfigureVenue(fee_rate_ppm=0, fee_minimum_fen=0, warehouses=WAREHOUSES, varieties=VARIETIES, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"payment_days": 4},
        {"pickup_days": 15},
        {"tolerance_permille": 201},
    ],
)
def test_terms_that_do_not_fit_together_are_refused(changed: dict[str, Any]) -> None:
    assert refuse_venue(configured(contract=ContractTerms(**changed))) == ("invalid_contract", "contract")


def test_the_usual_terms_are_fine_and_so_is_none() -> None:
    assert refuse_venue(configured(contract=ContractTerms())) is None
    assert refuse_venue(configured()) is None


def test_a_table_that_says_two_things_of_one_value_is_refused() -> None:
    table = (Differential(kind="grade", value="2", fen_per_kg=-4), Differential(kind="grade", value="2", fen_per_kg=-5))
    assert refuse_venue(configured(differentials=table)) == ("invalid_differentials", "differentials")


def test_terms_end_with_trading_days_and_a_trade_on_a_weekend_is_of_monday() -> None:
    days = TradingDays()
    days.announce(announcement("2026-09-21", "2026-10-30"), day_of("2026-09-21"))
    reached = deadlines(ContractTerms(), days, day_of("2026-09-26"))
    assert reached is not None
    assert reached.first_day == day_of("2026-09-28")
    assert reached.pay_by_ns == time_of("2026-10-01")
    assert reached.pickup_by_ns == time_of("2026-10-10")
    assert deadlines(ContractTerms(), days, day_of("2026-10-19")) is None
