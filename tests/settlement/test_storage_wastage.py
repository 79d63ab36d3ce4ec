"""What a store loses beyond its standard it owes to those whose goods they were."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.custody import Custody
from settlement.messages import LedgerPosted, RecordShrinkage, TakeStock
from settlement.messages.storage import SettleWastage, StorageTariff, WastageClaimed, WastageSettled
from settlement.storage import spread, standard_g, worth_fen
from settlement.storekeeper import RISK_FUND, Storekeeper
from tests.settlement.stores import CHEN, LI, OPERATOR, WAREHOUSE, Stores

TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, wastage_permille=50, insured_fen_per_kg=280)
"""5 % may be lost; what is lost beyond it is worth 2.80 yuan a kilogram."""


class Stocked(Stores):
    """The storekeeper's books, with the office at hand that records losses."""

    def __init__(self) -> None:
        super().__init__(Storekeeper, storage=(TARIFF,))
        self.custody = Custody(self.books)

    def lose(self, lot_id: int, weight_g: int) -> list[Any]:
        return self._custody(RecordShrinkage(operator_id=WAREHOUSE, lot_id=lot_id, weight_g=weight_g, reason="dry"))

    def count(self, lot_id: int, weight_g: int) -> list[Any]:
        return self._custody(TakeStock(operator_id=WAREHOUSE, lot_id=lot_id, weight_g=weight_g))

    def _custody(self, command: Any) -> list[Any]:
        self.custody.handlers()[type(command)](command)
        self.books.close()
        self.office.audit()
        told = [event for event in self.books.events if isinstance(event, WastageClaimed)]
        self.books.events.clear()
        return told

    def fund(self, amount_fen: int) -> None:
        self.books.pay("bank", RISK_FUND, amount_fen)


@pytest.fixture
def stores() -> Stocked:
    return Stocked()


def settle(claim_id: int, outcome: Any = "paid", operator_id: int = OPERATOR) -> SettleWastage:
    return SettleWastage(operator_id=operator_id, claim_id=claim_id, outcome=outcome, reason="as counted")


def test_within_the_standard_nobody_owes(stores: Stocked) -> None:
    stores.store(weight_g=10_000_000)
    assert stores.lose(1, 300_000) == []
    assert stores.count(1, 9_500_000) == []


def test_beyond_the_standard_the_warehouse_owes_to_those_who_lost(stores: Stocked) -> None:
    receipt = stores.store(weight_g=10_000_000)
    stores.books.receipts.split(receipt, [7_000_000, 3_000_000], stores.books.time_ns)
    stores.lose(1, 400_000)
    (claim,) = stores.lose(1, 200_000)
    assert (claim.standard_g, claim.shrinkage_g, claim.beyond_g) == (500_000, 600_000, 100_000)
    assert claim.amount_fen == 28_000
    assert [(share.weight_g, share.amount_fen) for share in claim.shares] == [(70_000, 19_600), (30_000, 8_400)]
    (more,) = stores.lose(1, 1_000)
    assert (more.claim_id, more.beyond_g, more.amount_fen) == (2, 1_000, 280)


def test_a_claim_is_paid_out_of_the_risk_fund_or_dismissed_with_the_reason(stores: Stocked) -> None:
    stores.store(LI, 1_000_000)
    (claim,) = stores.lose(1, 150_000)
    assert claim.amount_fen == 28_000
    assert stores.refused(settle(1, operator_id=WAREHOUSE)) == ("wrong_role", "operator_id")
    assert stores.refused(settle(7)) == ("unknown_claim", "claim_id")
    assert stores.refused(settle(1)) == ("insufficient_funds", None)
    stores.fund(28_000)
    events = stores.do(settle(1))
    assert [type(event) for event in events[:2]] == [LedgerPosted, WastageSettled]
    assert (events[0].cause, events[0].reference_id) == ("loss", 1)
    assert stores.cash(LI) == 28_000
    assert stores.refused(settle(1)) == ("unknown_claim", "claim_id")
    stores.lose(1, 1_000)
    (dismissed,) = stores.do(settle(2, "dismissed"))
    assert (dismissed.outcome, dismissed.reason) == ("dismissed", "as counted")
    assert list(stores.office.open_claims()) == []


def test_what_is_found_again_is_not_claimed_twice(stores: Stocked) -> None:
    stores.store(weight_g=1_000_000)
    (claim,) = stores.count(1, 900_000)
    assert claim.beyond_g == 50_000
    assert stores.count(1, 940_000) == []
    assert stores.count(1, 900_000) == [], "claimed already"
    (more,) = stores.count(1, 890_000)
    assert more.beyond_g == 10_000


def test_a_lot_that_is_all_gone_is_owed_too(stores: Stocked) -> None:
    stores.store(CHEN, 1_000_000)
    (claim,) = stores.count(1, 0)
    assert (claim.beyond_g, claim.amount_fen) == (950_000, 266_000)
    other = Storekeeper(stores.books)
    other.restore(stores.office.state())
    assert other.digest() == stores.office.digest()


def test_without_a_tariff_there_is_no_standard_to_go_beyond() -> None:
    stores = Stocked()
    stores.store(warehouse="SX2")
    assert stores.count(1, 1) == []


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**7), min_size=1, max_size=12))
def test_parts_add_up_and_none_is_a_unit_from_its_share(total: int, weights: list[int]) -> None:
    parts = spread(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    assert all(abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True))


@given(st.integers(1, 10**9), st.integers(0, 1_000), st.integers(0, 1_000_000))
def test_a_standard_is_part_of_the_lot_and_its_worth_rounds_down(weight_g: int, permille: int, fen_per_kg: int) -> None:
    tariff = StorageTariff(
        warehouse="SX1", fen_per_tonne_day=0, wastage_permille=permille, insured_fen_per_kg=fen_per_kg
    )
    assert 0 <= standard_g(tariff, weight_g) <= weight_g
    assert worth_fen(tariff, weight_g) * 1_000 <= weight_g * fen_per_kg


def test_what_was_claimed_and_found_can_be_lost_again_to_somebody_who_pays(stores: Stocked) -> None:
    stores.store(weight_g=10_000_000)
    (claim,) = stores.lose(1, 6_000_000)
    assert claim.beyond_g == 5_500_000
    assert stores.count(1, 10_000_000) == []
    stores.books.made_good(stores.books.receipts.stock(1), 6_000_000)
    assert stores.lose(1, 6_000_000) == []
