"""One-way auctions with money and goods behind every bid."""

from typing import Any

import pytest

from exchange.engine import Engine
from matching.messages import (
    AuctionClosed,
    AuctionExtended,
    BidPlaced,
    BidRejected,
    CancelOrder,
    CancelRejected,
    WithdrawalRejected,
    WithdrawAuction,
)
from settlement.messages import EnterBid, ExecutionReport, RequestRefused, TradeSettled
from tests.exchange.floor import CHEN, HOUR_NS, LI, SYMBOL, WANG, Floor

MINUTE_NS = HOUR_NS // 60


@pytest.fixture
def floor() -> Floor:
    """Chen has 10 t in receipt 1; he, Li and Wang have 10,000 yuan each; the instrument is for auctions."""
    floor = Floor()
    floor.define(mode="one_way_auction")
    floor.receipt(CHEN)
    for participant_id in (CHEN, LI, WANG):
        floor.deposit(participant_id, 1_000_000)
    return floor


def ends(floor: Floor) -> dict[int, tuple[str, str | None]]:
    return {report.order_id: (report.status, report.reason) for report in floor.all(ExecutionReport)}


def test_the_best_bid_at_the_end_has_the_lot_and_who_is_outbid_is_free(floor: Floor) -> None:
    auction = floor.auction(CHEN, 1_000, 200, receipt_id=1)
    assert (auction.via, auction.price, auction.expires_ns) == ("auction", 200, floor.time_ns + HOUR_NS)
    assert floor.goods(CHEN) == (10_000_000, 1_000_000)
    first = floor.bid(LI, auction.order_id, 210)
    assert (first.via, first.offer_id, first.status, first.quantity) == ("bid", auction.order_id, "resting", 1_000)
    assert floor.money(LI) == (1_000_000, 210_105)
    second = floor.bid(WANG, auction.order_id, 230)
    assert ends(floor) == {first.order_id: ("cancelled", "outbid"), second.order_id: ("resting", None)}
    assert (floor.money(LI), floor.money(WANG)) == ((1_000_000, 0), (1_000_000, 230_115))
    floor.wait_until(floor.time_ns + HOUR_NS)
    assert floor.only(TradeSettled).amount_fen == 230_000
    assert floor.only(AuctionClosed).reason == "sold"
    assert ends(floor) == {auction.order_id: ("filled", None), second.order_id: ("filled", None)}
    assert floor.money(WANG) == (1_000_000 - 230_115, 0)
    assert (floor.goods(CHEN), floor.goods(WANG)) == ((9_000_000, 0), (1_000_000, 0))


def test_who_raises_his_own_bid_has_its_money_for_it(floor: Floor) -> None:
    """Li's 10,000 yuan cover either bid, not both."""
    auction = floor.auction(CHEN, 4_000, 200, receipt_id=1)
    first = floor.bid(LI, auction.order_id, 200)
    second = floor.bid(LI, auction.order_id, 220)
    assert ends(floor) == {first.order_id: ("cancelled", "outbid"), second.order_id: ("resting", None)}
    assert floor.money(LI) == (1_000_000, 880_440)
    third = floor.bid(LI, auction.order_id, 251)
    assert [type(event) for event in floor.events] == [BidRejected, ExecutionReport]
    assert third.reason == "insufficient_funds"
    assert floor.money(LI) == (1_000_000, 880_440)


def test_a_late_bid_moves_the_end(floor: Floor) -> None:
    auction = floor.auction(CHEN, 1_000, 200, receipt_id=1, extension_ns=10 * MINUTE_NS)
    floor.wait_until(floor.time_ns + 55 * MINUTE_NS)
    floor.bid(LI, auction.order_id, 200)
    ends_ns = floor.time_ns + 10 * MINUTE_NS
    assert floor.only(AuctionExtended).ends_ns == ends_ns
    (live,) = floor.engine.live_orders(CHEN)
    assert live.expires_ns == ends_ns
    floor.wait_until(ends_ns - 1)
    assert floor.events == []
    floor.wait_until(ends_ns)
    assert floor.only(TradeSettled)


@pytest.mark.parametrize("how", ["no_bids", "reserve_not_met", "requested", "closed", "halted", "mass_cancel"])
def test_however_an_auction_ends_without_a_sale_all_is_free(floor: Floor, how: str) -> None:
    floor.phase("closed")
    floor.define(mode="one_way_auction", cancel_on_halt=True)
    auction = floor.auction(CHEN, 1_000, 200, receipt_id=1, reserve_price=260)
    bid = floor.bid(LI, auction.order_id, 210) if how in ("reserve_not_met", "closed", "halted") else None
    if how in ("no_bids", "reserve_not_met"):
        floor.wait_until(floor.time_ns + HOUR_NS)
    elif how == "requested":
        floor.do(WithdrawAuction(auction.order_id, CHEN))
    elif how == "mass_cancel":
        floor.cancel_all(CHEN)
    else:
        floor.phase(how)
    status = "expired" if how in ("no_bids", "reserve_not_met") else "cancelled"
    assert ends(floor)[auction.order_id] == (status, how)
    if bid is not None:
        assert ends(floor)[bid.order_id] == ("cancelled", how)
    assert (floor.goods(CHEN)[1], floor.money(LI)[1]) == (0, 0)


def test_nobody_steps_back_once_there_is_a_bid(floor: Floor) -> None:
    auction = floor.auction(CHEN, 1_000, 200, receipt_id=1)
    bid = floor.bid(LI, auction.order_id, 210)
    floor.do(WithdrawAuction(auction.order_id, CHEN))
    assert floor.events == [WithdrawalRejected("withdraw_auction", auction.order_id, "has_bids")]
    floor.do(CancelOrder(auction.order_id, CHEN))
    assert floor.events == [CancelRejected(auction.order_id, "has_bids")]
    floor.do(CancelOrder(bid.order_id, LI))
    assert floor.events == [CancelRejected(bid.order_id, "bid_stands")]
    assert floor.cancel_all(LI) == []
    assert floor.cancel_all(CHEN) == []


def test_a_dutch_clock_sells_to_the_first_bid_at_its_price(floor: Floor) -> None:
    clock: dict[str, Any] = {"style": "dutch", "step": 10, "interval_ns": MINUTE_NS, "receipt_id": 1}
    auction = floor.auction(CHEN, 1_000, 300, **clock)
    floor.wait_until(floor.time_ns + 3 * MINUTE_NS)
    too_low = floor.bid(LI, auction.order_id, 260)
    assert (too_low.status, too_low.reason) == ("rejected", "clock_not_reached")
    bid = floor.bid(LI, auction.order_id)
    assert (bid.status, bid.price, bid.traded_fen, bid.time_in_force) == ("filled", 270, 270_000, "fok")
    assert type(floor.events[0]) is BidPlaced
    assert floor.money(LI) == (1_000_000 - 270_135, 0)


def test_a_dutch_bid_may_say_what_it_would_have_paid_and_pays_the_clock(floor: Floor) -> None:
    auction = floor.auction(CHEN, 3_300, 300, style="dutch", step=10, interval_ns=MINUTE_NS, receipt_id=1)
    assert floor.bid(LI, auction.order_id, 300).status == "filled"
    assert floor.money(LI) == (1_000_000 - 990_495, 0)


def test_a_buyers_auction_goes_down_and_his_money_covers_its_start(floor: Floor) -> None:
    auction = floor.auction(LI, 1_000, 300, side="buy")
    assert floor.money(LI) == (1_000_000, 300_150)
    bid = floor.bid(CHEN, auction.order_id, 280, receipt_id=1)
    assert (bid.side, bid.lots) == ("sell", ((1, 1_000),))
    assert floor.goods(CHEN) == (10_000_000, 1_000_000)
    lower = floor.bid(CHEN, auction.order_id, 270, receipt_id=1)
    assert ends(floor) == {bid.order_id: ("cancelled", "outbid"), lower.order_id: ("resting", None)}
    floor.wait_until(floor.time_ns + HOUR_NS)
    assert floor.money(LI) == (1_000_000 - 270_135, 0)
    assert floor.goods(LI) == (1_000_000, 0)


@pytest.mark.parametrize(
    ("changes", "reserved_fen"),
    [
        ({}, 600_300),  # 60 steps of 5 from 300, at the very end
        ({"reserve_price": 350}, 350_175),
        ({"interval_ns": 7 * MINUTE_NS}, 340_170),
    ],
)
def test_a_buyers_clock_rises_and_his_money_covers_what_it_can_rise_to(
    floor: Floor, changes: dict[str, Any], reserved_fen: int
) -> None:
    clock = {"side": "buy", "style": "dutch", "interval_ns": MINUTE_NS} | changes
    auction = floor.auction(LI, 1_000, 300, **clock)
    assert floor.money(LI) == (1_000_000, reserved_fen)
    floor.wait_until(floor.time_ns + 8 * MINUTE_NS)
    bid = floor.bid(CHEN, auction.order_id, receipt_id=1)
    view = floor.only(TradeSettled)
    assert (bid.status, view.price) == ("filled", 305 if changes.get("interval_ns") else 340)
    assert floor.money(LI)[1] == 0


def test_a_buyers_clock_rises_no_further_than_the_band(floor: Floor) -> None:
    floor.phase("closed")
    floor.define(mode="one_way_auction", reference_price=300, band=20)
    floor.auction(LI, 1_000, 300, side="buy", style="dutch", interval_ns=MINUTE_NS)
    assert floor.money(LI)[1] == 320_160


def test_no_auction_outlives_the_receipt_that_it_sells(floor: Floor) -> None:
    expires_ns = floor.engine.receipts(CHEN)[0].expires_ns
    floor.time_ns = expires_ns - HOUR_NS
    late = floor.auction(CHEN, 1_000, 200, receipt_id=1, ends_ns=expires_ns + 1)
    assert (late.status, late.reason) == ("rejected", "receipt_expires")
    auction = floor.auction(CHEN, 1_000, 200, receipt_id=1, ends_ns=expires_ns - 1, extension_ns=10 * MINUTE_NS)
    floor.bid(LI, auction.order_id, 200)
    floor.wait_until(expires_ns - MINUTE_NS)
    extending = floor.bid(WANG, auction.order_id, 210)
    assert (extending.status, extending.reason) == ("rejected", "receipt_expires")
    floor.wait_until(expires_ns)
    assert floor.only(TradeSettled).buyer_id == LI


def test_no_bid_to_sell_outlives_its_receipt(floor: Floor) -> None:
    expires_ns = floor.engine.receipts(CHEN)[0].expires_ns
    auction = floor.auction(LI, 1_000, 300, side="buy", ends_ns=expires_ns + 1)
    bid = floor.bid(CHEN, auction.order_id, 300, receipt_id=1)
    assert (bid.status, bid.reason) == ("rejected", "receipt_expires")
    floor.wait_until(expires_ns)
    # Nothing of the symbol is left to be sold to him.
    assert ends(floor) == {auction.order_id: ("expired", "expired")}
    assert floor.money(LI) == (1_000_000, 0)


def test_bids_that_cannot_be(floor: Floor) -> None:
    auction = floor.auction(CHEN, 1_000, 200, receipt_id=1)
    floor.do(EnterBid(participant_id=LI, client_order_id="b", auction_id=77, price=1))
    assert floor.events == [RequestRefused(command="enter_bid", reason="unknown_auction", field="auction_id")]
    for who, price, changes, reason in (
        (CHEN, 200, {}, "own_auction"),
        (LI, 199, {}, "below_step"),
        (LI, None, {}, "invalid_price"),
        (LI, 200, {"receipt_id": 1}, "invalid_receipt_id"),
        (LI, 1_000, {}, "insufficient_funds"),
    ):
        bid = floor.bid(who, auction.order_id, price, **changes)
        assert floor.events[0] == BidRejected(bid.order_id, reason)
    assert floor.engine.live_orders(LI) == []


def test_an_auction_survives_a_restart(floor: Floor) -> None:
    auction = floor.auction(CHEN, 1_000, 200, receipt_id=1)
    floor.bid(LI, auction.order_id, 210)
    restored = Engine.restore(floor.engine.snapshot())
    restored.audit()
    assert restored.snapshot() == floor.engine.snapshot()
    assert restored.state_hash() == floor.engine.state_hash()
    floor.engine = restored
    floor.bid(WANG, auction.order_id, 220)
    assert floor.money(LI) == (1_000_000, 0)
    view = floor.engine.market.instrument(SYMBOL)
    assert view is not None
    assert view.mode == "one_way_auction"
