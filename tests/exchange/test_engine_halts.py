"""Halts, reopening through an auction, and new definitions: what ends by them is free again."""

import pytest

from matching.messages import CommandRejected, OrderCancelled
from settlement.messages import ExecutionReport, TradeSettled
from tests.exchange.floor import CHEN, LI, SYMBOL, WANG, Floor


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.deposit(WANG, 1_000_000)
    return floor


def test_a_halted_instrument_reopens_through_an_auction(floor: Floor) -> None:
    """In the halt the offer stands; the auction collects bids above it and uncrosses at one price for all."""
    offer = floor.sell(CHEN, 300, 250)
    floor.phase("halted")
    assert floor.buy(LI, 100, 260).reason == "wrong_phase"
    assert floor.goods(CHEN) == (10_000_000, 300_000)
    floor.phase("auction")
    first, second = floor.buy(LI, 200, 260), floor.buy(WANG, 200, 255)
    assert (floor.money(LI)[1], floor.money(WANG)[1]) == (52_026, 51_026)
    floor.phase("continuous")
    trades = floor.all(TradeSettled)
    assert [(trade.buyer_id, trade.price, trade.quantity) for trade in trades] == [(LI, 255, 200), (WANG, 255, 100)]
    ended = {report.order_id: report.status for report in floor.all(ExecutionReport)}
    assert ended == {offer.order_id: "filled", first.order_id: "filled", second.order_id: "partly_filled"}
    assert floor.money(LI) == (1_000_000 - 51_026, 0)
    assert floor.money(WANG) == (1_000_000 - 25_513, 25_513)
    assert floor.book() == "---\n255    100"


def test_a_halt_that_cancels_frees_what_rested(floor: Floor) -> None:
    floor.phase("closed")
    floor.define(cancel_on_halt=True)
    offer, bid = floor.sell(CHEN, 300, 260), floor.buy(LI, 100, 250)
    floor.phase("halted")
    assert [event.order_id for event in floor.all(OrderCancelled)] == [offer.order_id, bid.order_id]
    assert {report.reason for report in floor.all(ExecutionReport)} == {"halted"}
    assert (floor.goods(CHEN), floor.money(LI)) == ((10_000_000, 0), (1_000_000, 0))


def test_a_definition_changes_only_while_closed_and_frees_what_no_longer_fits(floor: Floor) -> None:
    """Li's bid is off the new tick, Wang's is on it; Chen's offer is above the new band."""
    odd, even, offer = floor.buy(LI, 100, 251), floor.buy(WANG, 100, 250), floor.sell(CHEN, 300, 290)
    floor.define(tick_size=5, reference_price=250, band=4)
    assert [type(event) for event in floor.events] == [CommandRejected]
    floor.phase("closed")
    floor.define(tick_size=5, reference_price=250, band=4)
    ended = {report.order_id: report.reason for report in floor.all(ExecutionReport)}
    assert ended == {odd.order_id: "redefined", offer.order_id: "redefined"}
    assert (floor.money(LI)[1], floor.goods(CHEN)[1]) == (0, 0)
    assert floor.money(WANG)[1] == 25_013
    assert floor.engine.live_order(even.order_id) is not None
    floor.phase("closed")
    floor.define(mode="listing")
    assert floor.only(ExecutionReport).reason == "redefined"
    assert floor.money(WANG) == (1_000_000, 0)


def test_an_instrument_whose_last_receipt_is_fetched_ends_what_rests(floor: Floor) -> None:
    floor.buy(LI, 100, 250)
    floor.order_delivery(CHEN, 1)
    assert floor.only(ExecutionReport).status == "expired"
    assert floor.money(LI) == (1_000_000, 0)
    view = floor.engine.market.instrument(SYMBOL)
    assert view is not None
    assert view.phase == "closed"
