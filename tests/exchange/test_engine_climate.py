"""A broken cold chain in the market: offers go, goods are held, and what has no life left expires."""

from typing import Any

import pytest

from exchange.engine import Engine
from settlement.messages import ExecutionReport, LiftHold, ReceiptChanged
from settlement.messages.climate import (
    ClimateRule,
    ColdChainBroken,
    LifeShortened,
    RecordReadings,
    RegisterLogger,
)
from tests.exchange.contract_floor import ContractFloor
from tests.exchange.floor import CHEN, HOUR_NS, LI, MONDAY, SYMBOL, WAREHOUSE, Floor


@pytest.fixture
def floor() -> Floor:
    venue = Floor()
    venue.configure(climate=ClimateRule())
    venue.do(RegisterLogger(operator_id=WAREHOUSE, logger_id="A", warehouse="SX1"))
    venue.deposit(LI, 10_000_000)
    return venue


def warm(floor: Floor, temperature_dc: int, hours: int) -> list[Any]:
    """An hourly reading, sent together when the last one has been taken."""
    start_ns = floor.time_ns
    floor.time_ns += hours * HOUR_NS
    readings = tuple((start_ns + at * HOUR_NS, temperature_dc, 900) for at in range(hours + 1))
    return floor.do(RecordReadings(operator_id=WAREHOUSE, logger_id="A", warehouse="SX1", readings=readings))


def test_offers_on_the_goods_are_cancelled_with_the_reason_and_a_fill_stands(floor: Floor) -> None:
    receipt_id = floor.receipt()
    floor.sell(CHEN, 5_000, 250)
    floor.buy(LI, 2_000, 250)
    warm(floor, 190, 3)
    reports = {each.order_id: each for each in floor.all(ExecutionReport)}
    assert [(each.filled, each.status, each.reason) for each in reports.values()] == [
        (2_000, "cancelled", "cold_chain")
    ]
    broken = floor.only(ColdChainBroken)
    assert [(each.receipt_id, each.participant_id) for each in broken.receipts] == [(receipt_id, CHEN), (2, LI)]
    assert floor.goods(LI) == (2_000_000, 2_000_000)
    assert floor.book() == "---"
    view = floor.engine.market.instrument(SYMBOL)
    assert view is not None
    assert view.phase == "closed", "nothing of it can be sold until somebody has looked at it"


def test_a_lifted_hold_lets_them_be_sold_again_for_the_life_that_is_left(floor: Floor) -> None:
    receipt_id = floor.receipt()
    before = floor.engine.receipt(receipt_id)
    assert before is not None
    warm(floor, 200, 6)
    warm(floor, 140, 0)
    after = floor.engine.receipt(receipt_id)
    assert after is not None
    assert after.expires_ns == before.expires_ns - 6 * HOUR_NS
    floor.do(LiftHold(operator_id=WAREHOUSE, receipt_id=receipt_id, cause="cold_chain"))
    assert floor.sell(CHEN, 1_000, 200).status == "resting"
    again = Engine.restore(floor.engine.snapshot())
    assert again.state_hash() == floor.engine.state_hash()
    assert again.next_deadline_ns() == floor.engine.next_deadline_ns() == after.expires_ns


def test_what_has_no_life_left_expires_with_the_next_moment(floor: Floor) -> None:
    receipt_id = floor.receipt(harvest_date="2026-10-27")
    warm(floor, 250, 5)
    assert floor.only(LifeShortened).expires_ns == floor.time_ns + 1
    assert floor.engine.next_deadline_ns() == floor.time_ns + 1, "a venue is never late for a deadline of its own"
    floor.wait_until(floor.time_ns + 1)
    expired = floor.only(ReceiptChanged)
    assert expired.cause == "expired"
    assert expired.receipt.receipt_id == receipt_id


def test_readings_go_on_while_the_market_does(floor: Floor) -> None:
    assert floor.time_ns == MONDAY
    warm(floor, 140, 20)
    floor.receipt()
    assert floor.sell(CHEN, 1_000, 200).status == "resting"
    assert not floor.all(ColdChainBroken)


def test_a_range_that_is_none_is_refused(floor: Floor) -> None:
    floor.configure(climate=ClimateRule(low_dc=151, high_dc=150))
    assert floor.refusal() == ("invalid_climate", "climate")


def test_the_buyer_of_a_contract_is_told_and_its_goods_are_held_twice() -> None:
    floor = ContractFloor(climate=ClimateRule())
    floor.do(RegisterLogger(operator_id=WAREHOUSE, logger_id="A", warehouse="SX1"))
    floor.bought(4_000)
    warm(floor, 200, 4)
    broken = floor.only(ColdChainBroken)
    assert [(each.participant_id, each.weight_g, each.counterparty_id) for each in broken.receipts] == [
        (CHEN, 6_000_000, None),
        (CHEN, 4_000_000, LI),
    ]
    promised = floor.engine.receipt(broken.receipts[1].receipt_id)
    assert promised is not None
    assert [hold.cause for hold in promised.holds] == ["contract", "cold_chain"]
    floor.do(LiftHold(operator_id=WAREHOUSE, receipt_id=promised.receipt_id, cause="cold_chain"))
    lifted = floor.engine.receipt(promised.receipt_id)
    assert lifted is not None
    assert (lifted.state, [hold.cause for hold in lifted.holds]) == ("held", ["contract"])
