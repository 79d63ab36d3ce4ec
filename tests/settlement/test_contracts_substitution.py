"""Other goods than those agreed: what may be tendered, and what it does to the price."""

import pytest

from settlement.messages.contracts import Contract, ContractTerms, Differential, PayContract, TenderGoods
from tests.settlement.contract_books import CHEN, LI, SYMBOL, WANG, ContractBooks, causes, contract_in

TABLE = (
    Differential(kind="location", value="SX2", fen_per_kg=-6),
    Differential(kind="grade", value="2", fen_per_kg=-40),
    Differential(kind="grade", value="E", fen_per_kg=30),
    Differential(kind="ripeness", value="2", fen_per_kg=-8),
    Differential(kind="ripeness", value="3", fen_per_kg=-1_000),
)
SECOND_IN_SX2 = "BXJ-2-SX2-26W39"


def opened(**terms: bool) -> ContractBooks:
    books = ContractBooks(ContractTerms(substitution=True, **terms), differentials=TABLE)
    books.open()
    return books


def tender(*receipt_ids: int) -> TenderGoods:
    return TenderGoods(participant_id=CHEN, contract_id=1, receipt_ids=receipt_ids)


def pay() -> PayContract:
    return PayContract(participant_id=LI, contract_id=1)


def test_lesser_goods_make_the_price_lower_and_free_those_set_aside() -> None:
    books = opened()
    other = books.store(1_200, symbol=SECOND_IN_SX2, colour_stage=2)
    told = books.do(tender(other.receipt_id))
    contract = contract_in(told)
    # -6 for the place, -40 for the grade, -8 for the colour
    assert (contract.differential_fen, contract.due_fen, contract.goods_symbol) == (-54, 246_000, SECOND_IN_SX2)
    first = books.books.receipts.get(2)
    assert first is not None
    assert first.state == "issued"
    assert other.weight_g == 200_000
    assert [each.state for each in books.books.receipts.of(CHEN)] == ["issued", "issued", "held"]
    assert causes(books.do(pay())) == ["paid", "title_passed"]
    contract = contract_in(books.fetch(books.now(contract), 1_010_000))
    assert contract.settled_fen == 246 * 1_010
    assert contract.surcharge_fen == 2_460


def test_what_was_paid_too_much_for_lesser_goods_returns_with_the_weight() -> None:
    books = opened()
    books.do(pay())
    other = books.store(1_000, symbol=SECOND_IN_SX2)
    contract = contract_in(books.do(tender(other.receipt_id)))
    assert (contract.state, contract.escrow_fen, contract.due_fen) == ("delivering", 300_000, 254_000)
    contract = contract_in(books.fetch(contract, 1_000_000))
    assert (contract.settled_fen, contract.refund_fen) == (254_000, 46_000)


def test_better_goods_cost_more_as_far_as_the_earnest_money_reaches() -> None:
    books = opened()
    books.do(pay())
    # 330 fen and a tenth more weight: 363,000 of which 300,000 are paid and 60,000 are held.
    other = books.store(1_000, symbol="BXJ-E-SX1-26W39")
    assert books.refused(tender(other.receipt_id)) == "premium_uncovered"

    books = opened()
    other = books.store(1_000, symbol="BXJ-E-SX1-26W39")
    contract = contract_in(books.do(tender(other.receipt_id)))
    assert (contract.differential_fen, contract.due_fen) == (30, 330_000)
    books.do(pay())
    assert books.account("escrow") == 330_000


def test_of_several_receipts_the_least_counts_for_all() -> None:
    books = opened()
    green = books.store(400, symbol="BXJ-2-SX1-26W39")
    turning = books.store(700, symbol="BXJ-2-SX1-26W39", colour_stage=2)
    contract = contract_in(books.do(tender(green.receipt_id, turning.receipt_id)))
    assert (contract.differential_fen, len(contract.receipt_ids)) == (-48, 2)
    books.do(pay())
    contract = books.now(contract)
    assert books.gate.tolerances == {1: 40_000, 2: 60_000}
    assert contract.delivery_ids == (1, 2)
    books.load_out(1)
    told = books.let("on_weighed_out", 1, 1, 398_000, 398_000, True, 2_000, "dried")
    assert (causes(told), contract_in(told).delivery_ids) == (["picked_up"], (2,))
    books.load_out(2)
    told = books.let("on_weighed_out", 1, 2, 600_000, 600_000, True, 0, None)
    contract = contract_in(told)
    assert causes(told) == ["picked_up", "quantity_agreed"]
    assert (contract.settled_g, contract.settled_fen, contract.weight_reason) == (998_000, 252 * 998, "dried")


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("WLS-1-SX1-26W39", "wrong_variety"),
        ("BXJ-1-SX3-26W39", "no_differential"),
    ],
)
def test_not_everything_is_a_substitute(symbol: str, reason: str) -> None:
    books = opened()
    other = books.store(1_000, symbol=symbol)
    assert books.refused(tender(other.receipt_id)) == reason


def test_a_tender_names_receipts_that_are_there_free_and_enough() -> None:
    books = opened()
    small = books.store(999, symbol=SECOND_IN_SX2)
    foreign = books.store(1_000, holder_id=WANG)
    spoiling = books.store(1_000, symbol=SECOND_IN_SX2, expires="2026-09-30")
    ripe = books.store(1_000, symbol=SECOND_IN_SX2, colour_stage=3)
    first = books.store(1_000)
    assert books.refused(tender()) == "invalid_receipt_ids"
    assert books.refused(tender(small.receipt_id, small.receipt_id)) == "invalid_receipt_ids"
    assert books.refused(tender(small.receipt_id, first.receipt_id)) == "invalid_receipt_ids"
    assert books.refused(tender(99)) == "unknown_receipt"
    assert books.refused(tender(foreign.receipt_id)) == "unknown_receipt"
    # What is set aside already is no substitute for itself.
    assert books.refused(tender(2)) == "unknown_receipt"
    assert books.refused(tender(small.receipt_id)) == "insufficient_goods"
    assert books.refused(tender(spoiling.receipt_id)) == "goods_expire"
    assert books.refused(tender(ripe.receipt_id)) == "price_not_positive"


def test_where_the_venue_allows_no_substitution_there_is_none() -> None:
    books = ContractBooks(differentials=TABLE)
    books.open()
    other = books.store(1_000, symbol=SECOND_IN_SX2)
    assert books.refused(tender(other.receipt_id)) == "substitution_not_allowed"


def test_other_goods_of_the_same_kind_take_the_place_of_spoiling_ones() -> None:
    books = opened(automatic_tender=False)
    books.do(pay())
    books.wait("2026-09-30")
    fresh = books.store(1_000)
    contract: Contract = contract_in(books.do(tender(fresh.receipt_id)))
    assert (contract.state, contract.differential_fen, contract.goods_symbol) == ("delivering", 0, SYMBOL)
    assert contract.seller_late_fen == 600
