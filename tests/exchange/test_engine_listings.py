"""Listings, takes and counter-bids with money and goods behind them: what stands can be settled, what ends is free."""

from typing import Any

import pytest

from exchange.engine import Engine
from matching.messages import (
    AcceptanceRejected,
    AcceptCounter,
    CancelOrder,
    CancelRejected,
    CounterClosed,
    ListingClosed,
    ListingOpened,
    ListingRejected,
    TakeRejected,
    TradeExecuted,
    WithdrawalRejected,
    WithdrawCounter,
    WithdrawListing,
)
from settlement.messages import (
    BalanceChanged,
    EnterListing,
    EnterTake,
    ExecutionReport,
    LedgerPosted,
    OrderRepeated,
    RequestRefused,
    TradeBusted,
    TradeSettled,
)
from tests.exchange.floor import CHEN, HOUR_NS, LI, SYMBOL, WANG, Floor, told


@pytest.fixture
def floor() -> Floor:
    """Chen has 10 t in receipt 1; Li and Wang have 10,000 yuan each; the instrument is for listings."""
    floor = Floor()
    floor.define(mode="listing")
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.deposit(WANG, 1_000_000)
    return floor


def ends(floor: Floor) -> dict[int, tuple[str, str | None]]:
    """How the reports of the last command end, by id."""
    return {report.order_id: (report.status, report.reason) for report in floor.all(ExecutionReport)}


def test_a_lot_is_listed_and_taken_in_part(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 3_000, 250, receipt_id=1)
    assert [type(event) for event in floor.events] == [ListingOpened, ExecutionReport, BalanceChanged]
    assert (listing.via, listing.side, listing.kind, listing.time_in_force) == ("listing", "sell", "limit", "day")
    assert (listing.status, listing.remaining, listing.displayed, listing.lots) == ("resting", 3_000, 0, ((1, 3_000),))
    assert floor.goods(CHEN) == (10_000_000, 3_000_000)

    take = floor.take(LI, listing.order_id, 1_000)
    assert (take.via, take.offer_id, take.status, take.filled) == ("take", listing.order_id, "filled", 1_000)
    assert (take.price, take.traded_fen, take.fee_fen) == (250, 250_000, 125)
    trade = floor.only(TradeExecuted)
    assert (trade.buy_order_id, trade.sell_order_id) == (take.order_id, listing.order_id)
    assert told(floor.only(LedgerPosted).transfers) == [
        "CNY participant:4 -> participant:3 250000",
        "CNY participant:4 -> fees 125",
        "CNY participant:3 -> fees 125",
        "LOT-1 participant:3 -> participant:4 1000000",
    ]
    assert ends(floor) == {listing.order_id: ("partly_filled", None), take.order_id: ("filled", None)}
    assert floor.goods(CHEN) == (9_000_000, 2_000_000)
    assert floor.engine.live_orders(CHEN)[0].remaining == 2_000
    assert floor.book() == "---"


def test_the_rest_of_a_listing_is_free_when_it_is_withdrawn(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 3_000, 250, receipt_id=1)
    floor.take(LI, listing.order_id, 1_000)
    floor.do(WithdrawListing(listing.order_id, CHEN))
    report = floor.only(ExecutionReport)
    assert (report.status, report.reason, report.filled, report.remaining) == ("cancelled", "requested", 1_000, 0)
    assert floor.goods(CHEN) == (9_000_000, 0)
    floor.do(WithdrawListing(listing.order_id, CHEN))
    assert floor.events == [WithdrawalRejected("withdraw_listing", listing.order_id, "unknown_listing")]


def test_a_listing_that_is_taken_whole_is_filled(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1)
    bid = floor.counter(WANG, listing.order_id, 500, 200)
    take = floor.take(LI, listing.order_id, 1_000)
    assert ends(floor) == {
        listing.order_id: ("filled", None),
        bid.order_id: ("cancelled", "listing_closed"),
        take.order_id: ("filled", None),
    }
    assert floor.money(WANG) == (1_000_000, 0)


def test_a_want_reserves_money_and_is_taken_with_goods(floor: Floor) -> None:
    want = floor.list_lot(LI, 1_000, 300, side="buy")
    assert floor.money(LI) == (1_000_000, 300_150)
    take = floor.take(CHEN, want.order_id, 400, receipt_id=1)
    assert (take.side, take.status) == ("sell", "filled")
    assert floor.money(LI) == (1_000_000 - 120_060, 180_090)
    assert floor.goods(CHEN) == (9_600_000, 0)
    floor.do(WithdrawListing(want.order_id, LI))
    assert floor.money(LI) == (879_940, 0)


def test_a_counter_bid_holds_money_until_it_is_accepted(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1)
    bid = floor.counter(LI, listing.order_id, 400, 220)
    assert (bid.via, bid.offer_id, bid.status, bid.time_in_force) == ("counter", listing.order_id, "resting", "gtc")
    assert floor.money(LI) == (1_000_000, 88_044)
    floor.do(AcceptCounter(bid.order_id, CHEN))
    assert [type(event) for event in floor.all(CounterClosed)] == [CounterClosed]
    assert ends(floor) == {bid.order_id: ("filled", None), listing.order_id: ("partly_filled", None)}
    assert [report.order_id for report in floor.all(ExecutionReport)][-1] == listing.order_id
    assert floor.money(LI) == (1_000_000 - 88_044, 0)
    assert floor.goods(LI) == (400_000, 0)


def test_of_a_counter_bid_for_more_than_is_left_the_rest_ends(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1)
    bid = floor.counter(LI, listing.order_id, 1_500, 220)
    floor.do(AcceptCounter(bid.order_id, CHEN))
    assert ends(floor) == {bid.order_id: ("cancelled", "accepted"), listing.order_id: ("filled", None)}
    assert floor.money(LI)[1] == 0


def test_a_want_may_be_accepted_dearer_than_it_was_listed_if_the_money_is_there(floor: Floor) -> None:
    """Li wants 1 t at 3 yuan; Chen would deliver 600 kg at 3.20: then the rest of the want keeps its own hold."""
    want = floor.list_lot(LI, 1_000, 300, side="buy")
    bid = floor.counter(CHEN, want.order_id, 600, 320, receipt_id=1)
    assert floor.goods(CHEN) == (10_000_000, 600_000)
    rest = floor.list_lot(LI, 2_300, 300, side="buy")
    floor.do(AcceptCounter(bid.order_id, LI))
    assert floor.events == [AcceptanceRejected(bid.order_id, "insufficient_funds")]
    floor.do(WithdrawListing(rest.order_id, LI))
    floor.do(AcceptCounter(bid.order_id, LI))
    assert floor.only(TradeSettled).amount_fen == 192_000
    assert floor.money(LI) == (1_000_000 - 192_096, 120_060)


@pytest.mark.parametrize("how", ["withdrawn", "expired", "halted", "closed", "mass_cancel", "cancelled", "redefined"])
def test_however_listing_and_counter_bid_end_what_they_held_is_free(floor: Floor, how: str) -> None:
    floor.phase("closed")
    floor.define(mode="listing", cancel_on_halt=True)
    later = floor.time_ns + HOUR_NS
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1, expires_ns=later if how != "closed" else None)
    bid = floor.counter(LI, listing.order_id, 400, 220)
    assert (floor.goods(CHEN)[1], floor.money(LI)[1]) == (1_000_000, 88_044)
    if how == "withdrawn":
        floor.do(WithdrawCounter(bid.order_id, LI))
        assert ends(floor) == {bid.order_id: ("cancelled", "requested")}
        floor.do(WithdrawListing(listing.order_id, CHEN))
    elif how == "expired":
        floor.wait_until(later)
        assert ends(floor)[listing.order_id] == ("expired", "expired")
    elif how == "halted":
        floor.phase("halted")
    elif how == "closed":
        floor.phase("closed")
    elif how == "mass_cancel":
        floor.cancel_all(CHEN)
        assert ends(floor)[listing.order_id] == ("cancelled", "mass_cancel")
    elif how == "cancelled":
        floor.do(CancelOrder(listing.order_id, CHEN))
        assert ends(floor)[listing.order_id] == ("cancelled", "requested")
    else:
        floor.phase("closed")
        floor.define(mode="negotiated")
        assert ends(floor)[listing.order_id] == ("cancelled", "redefined")
    assert (floor.goods(CHEN)[1], floor.money(LI)[1]) == (0, 0)
    assert floor.engine.live_orders(CHEN) == floor.engine.live_orders(LI) == []


def test_what_anothers_is_cannot_be_cancelled(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1)
    floor.do(CancelOrder(listing.order_id, LI))
    assert floor.events == [CancelRejected(listing.order_id, "unknown_order")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"receipt_id": None}, "invalid_receipt_id"),
        ({"receipt_id": 7}, "unknown_receipt"),
        ({"quantity": 10_001}, "insufficient_goods"),
        ({"quantity": 0}, "invalid_quantity"),
        ({"price": -1}, "invalid_price"),
        ({"side": "buy"}, "invalid_receipt_id"),
        ({"side": "buy", "receipt_id": None, "quantity": 5_000}, "insufficient_funds"),
        ({"symbol": "NONE"}, "unknown_symbol"),
        ({"expires_ns": 1}, "invalid_expires_ns"),
        ({"minimum_quantity": 9_999}, "invalid_minimum_quantity"),
    ],
)
def test_a_listing_that_cannot_be_changes_nothing(floor: Floor, changes: dict[str, Any], reason: str) -> None:
    fields: dict[str, Any] = {"quantity": 1_000, "price": 250, "receipt_id": 1} | changes
    who = LI if fields.get("side") == "buy" else CHEN
    report = floor.list_lot(who, fields.pop("quantity"), fields.pop("price"), **fields)
    assert [type(event) for event in floor.events] == [ListingRejected, ExecutionReport]
    assert floor.events[0] == ListingRejected(report.order_id, reason)
    assert (report.status, report.reason, report.via) == ("rejected", reason, "listing")


def test_takes_that_cannot_be(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1)
    floor.do(EnterTake(participant_id=LI, client_order_id="t", listing_id=77, quantity=1))
    assert floor.events == [RequestRefused(command="enter_take", reason="unknown_listing", field="listing_id")]
    assert floor.take(CHEN, listing.order_id, 1).reason == "own_listing"
    assert floor.take(LI, listing.order_id, 1_001).reason == "exceeds_listing"
    rejected = floor.take(LI, listing.order_id, 100, receipt_id=1)
    assert floor.events[0] == TakeRejected(rejected.order_id, "invalid_receipt_id")
    floor.buy(LI, 1, 1, symbol=SYMBOL)
    floor.adjust(LI, WANG, 990_000)
    assert floor.take(LI, listing.order_id, 100).reason == "insufficient_funds"


def test_a_book_order_does_not_belong_here(floor: Floor) -> None:
    assert floor.buy(LI, 1, 250).reason == "wrong_mode"


def test_what_is_sent_again_is_not_done_again(floor: Floor) -> None:
    command = EnterListing(
        participant_id=CHEN, client_order_id="mine", symbol=SYMBOL, quantity=10, price=250, receipt_id=1
    )
    first = floor.do(command)[-2]
    floor.do(command)
    assert floor.only(OrderRepeated) == OrderRepeated(
        participant_id=CHEN,
        client_order_id="mine",
        order_id=first.order_id,
        first_sequence=first.sequence,
        same_content=True,
    )
    floor.do(EnterTake(participant_id=CHEN, client_order_id="mine", listing_id=first.order_id, quantity=10))
    assert not floor.only(OrderRepeated).same_content


def test_a_listing_ends_with_its_receipt_whatever_its_own_time(floor: Floor) -> None:
    expires_ns = floor.engine.receipts(CHEN)[0].expires_ns
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1, expires_ns=expires_ns + HOUR_NS)
    bid = floor.counter(LI, listing.order_id, 400, 220)
    want = floor.list_lot(WANG, 5, 250, side="buy", expires_ns=expires_ns + HOUR_NS)
    floor.wait_until(expires_ns)
    # The last receipt of the symbol: what else rests has nothing to wait for.
    assert ends(floor) == {
        listing.order_id: ("cancelled", "receipt_expired"),
        bid.order_id: ("cancelled", "listing_closed"),
        want.order_id: ("expired", "expired"),
    }
    assert (floor.money(LI)[1], floor.money(WANG)[1]) == (0, 0)


def test_a_taken_lot_can_be_given_back(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1)
    floor.take(LI, listing.order_id, 1_000)
    floor.bust(1)
    assert floor.only(TradeBusted).lots == ((2, 3, 1_000),)


def test_listings_survive_a_restart(floor: Floor) -> None:
    listing = floor.list_lot(CHEN, 1_000, 250, receipt_id=1)
    bid = floor.counter(LI, listing.order_id, 400, 220)
    restored = Engine.restore(floor.engine.snapshot())
    restored.audit()
    assert restored.snapshot() == floor.engine.snapshot()
    assert restored.state_hash() == floor.engine.state_hash()
    floor.engine = restored
    floor.do(AcceptCounter(bid.order_id, CHEN))
    assert floor.only(TradeSettled).quantity == 400
    assert floor.all(ListingClosed) == []
