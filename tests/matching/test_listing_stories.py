"""The mode `listing` told rule by rule (rule 11 of docs/matching.md): list, take, counter, accept, withdraw."""

import pytest

from matching import Market
from matching.messages import AcceptCounter, CancelOrder, DefineInstrument, ListLot, PlaceOrder, TakeListing
from tests.matching.story import SYMBOL, Story


def board(**definition: object) -> Story:
    return Story(mode="listing", **definition)


def test_a_listing_is_taken_in_parts_at_its_price_first_come_first_served() -> None:
    story = board()
    story.list_lot(1, 500, 230)
    story.take(2, 1, 200)
    story.take(3, 1, 400)
    story.take(3, 1, 300)
    story.take(4, 1, 1)
    story.tells("""
        listed 1
        trade 1: 2 buys 200 of 1 at 230
        rejected 3: exceeds_listing
        trade 2: 3 buys 300 of 1 at 230
        closed 1: 0, taken
        rejected 4: unknown_listing
    """)
    view = story.market.instrument(SYMBOL)
    assert view is not None
    assert view.last_price == 230


def test_nothing_crosses_by_itself() -> None:
    story = board()
    story.list_lot(1, 500, 230)
    story.list_lot(2, 500, 400, side="buy")
    story.tells("""
        listed 1
        listed 2
    """)
    assert [(view.listing_id, view.side, view.remaining) for view in story.market.listings(SYMBOL)] == [
        (1, "sell", 500), (2, "buy", 500),
    ]  # fmt: skip


def test_who_takes_a_want_sells_and_says_which_goods() -> None:
    story = board()
    story.list_lot(1, 500, 230, side="buy")
    story.take(2, 1, 200)
    story.take(2, 1, 200, lot_id=77)
    story.list_lot(3, 100, 230, side="buy", lot_id=3)
    story.list_lot(3, 100, 230, lot_id=None)
    story.list_lot(3, 100, 230)
    story.take(4, 3, 100, lot_id=77)
    story.tells("""
        listed 1
        rejected 2: invalid_lot_id
        trade 1: 1 buys 200 of 2 at 230
        rejected 3: invalid_lot_id
        rejected 3: invalid_lot_id
        listed 3
        rejected 4: invalid_lot_id
    """)


def test_a_part_is_at_least_the_minimum_but_the_rest_may_be_taken_whole() -> None:
    story = board()
    story.list_lot(1, 500, 230, minimum_quantity=200)
    story.take(2, 1, 199)
    story.take(2, 1, 400)
    story.take(3, 1, 99)
    story.take(3, 1, 100)
    story.list_lot(4, 500, 230, minimum_quantity=501)
    story.list_lot(4, 500, 230, minimum_quantity=0)
    story.tells("""
        listed 1
        rejected 2: below_minimum
        trade 1: 2 buys 400 of 1 at 230
        rejected 3: below_minimum
        trade 2: 3 buys 100 of 1 at 230
        closed 1: 0, taken
        rejected 4: invalid_minimum_quantity
        rejected 4: invalid_minimum_quantity
    """)


def test_nobody_takes_or_counters_his_own() -> None:
    story = board()
    story.list_lot(1, 500, 230)
    story.take(2, 1, 500, by=1)
    story.counter(3, 1, 500, 220, by=1)
    story.tells("""
        listed 1
        rejected 2: own_listing
        rejected 3: own_listing
    """)


def test_an_accepted_counter_bid_trades_at_its_price_for_the_smaller_quantity_and_the_rest_stays_listed() -> None:
    story = board()
    story.list_lot(1, 500, 230, minimum_quantity=400)
    story.counter(2, 1, 300, 221)
    story.counter(3, 1, 600, 215)
    story.counter(4, 1, 10, 229)
    story.accept(2, by=3)
    story.accept(2, by=1)
    story.accept(2, by=1)
    story.tells("""
        listed 1
        countered 1 by 2
        countered 1 by 3
        countered 1 by 4
        acceptance rejected 2: unknown_counter
        trade 1: 2 buys 300 of 1 at 221
        closed 2: accepted
        acceptance rejected 2: unknown_counter
    """)
    assert [(view.remaining, view.counters) for view in story.market.listings(SYMBOL)] == [(200, 2)]
    story.accept(3, by=1)
    story.tells("""
        trade 2: 3 buys 200 of 1 at 215
        closed 3: accepted
        closed 1: 0, taken
        closed 4: listing_closed
    """)


def test_a_counter_bid_on_a_want_sells_and_the_lister_is_the_aggressor() -> None:
    story = board()
    story.list_lot(1, 500, 230, side="buy")
    story.counter(2, 1, 300, 240, lot_id=9)
    assert [(view.side, view.lot_id) for view in story.market.counters(1)] == [("sell", 9)]
    story.lines.clear()
    trade, closed = story.market.apply(AcceptCounter(2, 1))
    assert (trade.buy_order_id, trade.sell_order_id, trade.aggressor_side) == (1, 2, "buy")
    assert closed.reason == "accepted"


def test_the_taker_is_the_aggressor() -> None:
    story = board()
    story.list_lot(1, 500, 230)
    story.list_lot(2, 500, 230, side="buy")
    assert story.market.apply(TakeListing(3, 1, 3, 100))[0].aggressor_side == "buy"
    assert story.market.apply(TakeListing(4, 2, 4, 100, lot_id=5))[0].aggressor_side == "sell"


def test_withdrawn_listings_take_their_counter_bids_along_and_only_ones_own_can_be_withdrawn() -> None:
    story = board()
    story.list_lot(5, 500, 230)
    story.counter(9, 5, 300, 221)
    story.counter(2, 5, 300, 222)
    story.counter(7, 5, 300, 223)
    story.withdraw("counter", 7, by=5)
    story.withdraw("counter", 7)
    story.withdraw("listing", 5, by=9)
    story.withdraw("listing", 9)
    story.withdraw("listing", 5)
    story.withdraw("listing", 5)
    story.tells("""
        listed 5
        countered 5 by 9
        countered 5 by 2
        countered 5 by 7
        withdraw_counter rejected 7: unknown_counter
        closed 7: requested
        withdraw_listing rejected 5: unknown_listing
        withdraw_listing rejected 9: unknown_listing
        closed 5: 500, requested
        closed 2: listing_closed
        closed 9: listing_closed
        withdraw_listing rejected 5: unknown_listing
    """)


def test_expiry_goes_by_time_then_by_id() -> None:
    story = board()
    story.list_lot(5, 500, 230, expires_ns=20)
    story.counter(9, 5, 300, 221, expires_ns=20)
    story.counter(2, 5, 300, 222, expires_ns=20)
    story.counter(7, 5, 300, 223, expires_ns=10)
    story.list_lot(6, 100, 230, expires_ns=19)
    story.list_lot(8, 100, 230, expires_ns=0)
    story.counter(8, 6, 100, 229, expires_ns=0)
    assert story.market.next_deadline_ns() == 10
    story.time(9)
    story.time(20)
    story.tells("""
        listed 5
        countered 5 by 9
        countered 5 by 2
        countered 5 by 7
        listed 6
        rejected 8: invalid_expires_ns
        rejected 8: invalid_expires_ns
        closed 7: expired
        closed 6: 100, expired
        closed 2: expired
        closed 5: 500, expired
        closed 9: listing_closed
    """)
    assert story.market.next_deadline_ns() is None


def test_a_listing_without_a_time_is_good_for_the_day_and_one_with_a_time_outlives_it() -> None:
    story = board()
    story.list_lot(1, 500, 230)
    story.counter(2, 1, 500, 229, expires_ns=50)
    story.list_lot(3, 500, 230, expires_ns=50)
    story.counter(4, 3, 500, 229)
    story.phase("closed")
    story.tells("""
        listed 1
        countered 1 by 2
        listed 3
        countered 3 by 4
        phase closed
        closed 1: 500, closed
        closed 2: listing_closed
    """)
    story.take(5, 3, 10)
    story.counter(5, 3, 10, 229)
    story.accept(4, by=3)
    story.list_lot(5, 10, 230)
    story.withdraw("counter", 4)
    story.phase("continuous")
    story.take(5, 3, 10)
    story.tells("""
        rejected 5: wrong_phase
        rejected 5: wrong_phase
        acceptance rejected 4: wrong_phase
        rejected 5: wrong_phase
        closed 4: requested
        phase continuous
        trade 1: 5 buys 10 of 3 at 230
    """)


@pytest.mark.parametrize("cancel", [False, True])
def test_a_halt_refuses_business_and_closes_everything_only_if_the_instrument_says_so(cancel: bool) -> None:
    story = board(cancel_on_halt=cancel)
    story.list_lot(3, 500, 230, expires_ns=50)
    story.counter(2, 3, 500, 229)
    story.counter(4, 3, 500, 229)
    story.lines.clear()
    story.phase("halted")
    if cancel:
        story.tells("""
            phase halted
            closed 2: halted
            closed 3: 500, halted
            closed 4: listing_closed
        """)
    else:
        story.take(5, 3, 10)
        story.time(50)
        story.tells("""
            phase halted
            rejected 5: wrong_phase
            closed 3: 500, expired
            closed 2: listing_closed
            closed 4: listing_closed
        """)


def test_there_is_no_auction_phase_and_no_order() -> None:
    story = board()
    story.phase("auction")
    story.buy(1, 10, 100)
    story.cancel(1)
    story.tells("""
        set_phase rejected: wrong_mode
        rejected 1: wrong_mode
        cancel rejected 1: unknown_order
    """)
    story.phase("closed")
    story.buy(1, 10, 100)
    story.apply(DefineInstrument(SYMBOL, mode="listing", phase="auction"))
    story.tells("""
        phase closed
        rejected 1: wrong_mode
        define_instrument rejected: invalid_phase
    """)


def test_listing_is_for_its_own_mode() -> None:
    story = Story()
    story.list_lot(1, 500, 230)
    story.market.apply(DefineInstrument("GJ", mode="negotiated"))
    story.apply(ListLot(listing_id=1, participant_id=1, symbol="GJ", quantity=1, price=1, lot_id=1))
    story.apply(ListLot(listing_id=1, participant_id=1, symbol="NONE", quantity=1, price=1, lot_id=1))
    story.tells("""
        rejected 1: wrong_mode
        rejected 1: wrong_mode
        rejected 1: unknown_symbol
    """)


def test_prices_keep_to_tick_and_band_quantities_to_lots() -> None:
    story = board(tick_size=5, lot_size=10, reference_price=200, band=4)
    story.list_lot(1, 15, 200)
    story.list_lot(1, 20, 201)
    story.list_lot(1, 20, 225)
    story.list_lot(1, 20, 220)
    story.counter(2, 1, 15, 200)
    story.counter(2, 1, 20, 201)
    story.counter(2, 1, 20, 175)
    story.counter(2, 1, 20, 180)
    story.take(3, 1, 5)
    story.tells("""
        rejected 1: invalid_quantity
        rejected 1: invalid_price
        rejected 1: outside_band
        listed 1
        rejected 2: invalid_quantity
        rejected 2: invalid_price
        rejected 2: outside_band
        countered 1 by 2
        rejected 3: invalid_quantity
    """)


def test_one_namespace_of_ids_for_everything_that_lives() -> None:
    story = board()
    market = story.market
    market.apply(DefineInstrument("GJ"))
    market.apply(PlaceOrder(1, 1, "GJ", "buy", 5, price=100))
    story.list_lot(1, 500, 230)
    story.list_lot(2, 500, 230)
    story.counter(3, 2, 500, 229)
    story.list_lot(3, 500, 230)
    story.take(2, 2, 10, by=9)
    story.counter(3, 2, 500, 229)
    story.apply(PlaceOrder(2, 1, "GJ", "buy", 5, price=100))
    story.apply(PlaceOrder(3, 1, "GJ", "buy", 5, price=100))
    story.apply(CancelOrder(2, 2))
    story.tells("""
        rejected 1: duplicate_order_id
        listed 2
        countered 2 by 3
        rejected 3: duplicate_order_id
        rejected 2: duplicate_order_id
        rejected 3: duplicate_order_id
        rejected 2: duplicate_order_id
        rejected 3: duplicate_order_id
        cancel rejected 2: unknown_order
    """)
    story.take(4, 2, 10)
    story.take(4, 2, 10)
    story.tells("""
        trade 1: 4 buys 10 of 2 at 230
        trade 2: 4 buys 10 of 2 at 230
    """)


def test_a_mass_cancel_takes_orders_listings_and_counter_bids_in_ascending_id() -> None:
    story = board()
    market = story.market
    market.apply(DefineInstrument("GJ"))
    market.apply(PlaceOrder(3, 1, "GJ", "buy", 5, price=100))
    market.apply(PlaceOrder(9, 1, "GJ", "sell", 5, price=110))
    story.list_lot(2, 500, 230, by=1)
    story.list_lot(4, 500, 230)
    story.counter(5, 4, 100, 220, by=1)
    story.counter(6, 2, 100, 220, by=7)
    story.lines.clear()
    story.mass_cancel(1, symbol=SYMBOL, side="buy")
    story.tells("closed 5: mass_cancel")
    story.counter(5, 4, 100, 220, by=1)
    story.lines.clear()
    story.mass_cancel(1)
    story.tells("""
        closed 2: 500, mass_cancel
        closed 6: listing_closed
        cancelled 3: 5, mass_cancel
        closed 5: mass_cancel
        cancelled 9: 5, mass_cancel
    """)


def test_a_new_definition_closes_what_no_longer_fits() -> None:
    story = board(lot_size=5)
    story.list_lot(1, 500, 230, expires_ns=50)
    story.list_lot(2, 505, 230, expires_ns=50)
    story.list_lot(3, 500, 231, expires_ns=50)
    story.list_lot(4, 500, 230, minimum_quantity=5, expires_ns=50)
    story.counter(5, 1, 500, 229)
    story.counter(6, 1, 500, 228)
    story.phase("closed")
    story.lines.clear()
    story.apply(DefineInstrument(SYMBOL, mode="listing", tick_size=2, lot_size=10))
    story.tells("""
        defined
        closed 2: 505, redefined
        closed 3: 500, redefined
        closed 4: 500, redefined
        closed 5: redefined
        phase continuous
    """)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL))
    story.tells("""
        phase closed
        defined
        closed 1: 500, redefined
        closed 6: listing_closed
        phase continuous
    """)


def test_a_new_mode_cancels_the_orders_of_the_old_one() -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.buy(2, 10, stop_price=120)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, mode="listing"))
    story.buy(3, 10, 100)
    story.tells("""
        phase closed
        defined
        cancelled 1: 10, redefined
        cancelled 2: 10, redefined
        phase continuous
        rejected 3: wrong_mode
    """)


def test_views_of_what_is_not_there_are_empty() -> None:
    market = Market()
    assert market.listings("NONE") == market.counters(1) == market.auctions("NONE") == market.reports_of(1) == []
    assert market.listing(1) is market.counter(1) is market.auction(1) is market.report(1) is None
