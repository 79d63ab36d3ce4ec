"""Phases, auctions and expiries, told rule by rule (rules 8 and 10 of the console's contract)."""

import pytest

from matching.messages import DefineInstrument
from tests.matching.story import SYMBOL, Story


def auction(**definition: object) -> Story:
    return Story(phase="auction", **definition)


# Rule 8: the price


def test_an_auction_collects_without_trading_and_uncrosses_at_one_price() -> None:
    story = auction()
    story.buy(1, 30, 103)
    story.buy(2, 20, 101)
    story.sell(3, 20, 100)
    story.sell(4, 40, 102)
    story.shows("""
        102  #4 40
        100  #3 20
        ---
        103  #1 30
        101  #2 20
    """)
    assert story.market.indicative(SYMBOL) == (102, 30, -30)
    story.phase("continuous")
    story.tells("""
        trade 1: 1 buys 20 of 3 at 102 in the auction
        trade 2: 1 buys 10 of 4 at 102 in the auction
        uncrossed 30 at 102, surplus -30
        phase continuous
    """)
    story.shows("""
        102  #4 30
        ---
        101  #2 20
    """)


@pytest.mark.parametrize(
    ("reference", "orders", "price"),
    [
        # Most volume: 20 at 101, 10 elsewhere.
        (None, ["buy 10 102", "buy 10 101", "sell 10 100", "sell 10 101"], (101, 20, 0)),
        # Equal volume, least surplus: at 100 there is none left over.
        (None, ["buy 10 101", "buy 5 100", "sell 15 100"], (100, 15, 0)),
        (None, ["buy 10 102", "sell 10 100", "sell 7 102"], (100, 10, 0)),
        # All in surplus to buy: the highest.
        (100, ["buy 20 105", "sell 10 101"], (105, 10, 10)),
        # All in surplus to sell: the lowest.
        (105, ["buy 10 105", "sell 20 101"], (101, 10, -10)),
        # No surplus: nearest the reference, from within, from below, from above.
        (103, ["buy 10 105", "sell 10 101"], (103, 10, 0)),
        (90, ["buy 10 105", "sell 10 101"], (101, 10, 0)),
        (120, ["buy 10 105", "sell 10 101"], (105, 10, 0)),
        # No surplus and no reference: the lowest.
        (None, ["buy 10 105", "sell 10 101"], (101, 10, 0)),
        # Surplus on both sides of equal size: pressure says nothing, the reference decides, then the lowest.
        (None, ["buy 10 102", "buy 10 101", "sell 10 101", "sell 10 102"], (101, 10, 10)),
        (102, ["buy 10 102", "buy 10 101", "sell 10 101", "sell 10 102"], (102, 10, -10)),
        # Market orders count at every price.
        (None, ["buy 10", "sell 10 101", "sell 10 105"], (101, 10, 0)),
        (None, ["buy 15", "sell 10 101", "sell 10 105"], (105, 15, -5)),
        (None, ["sell 10", "buy 20 99", "buy 5 101"], (99, 10, 15)),
        # Only market orders: the reference alone, and none without one.
        (100, ["buy 10", "sell 7"], (100, 7, 3)),
        (None, ["buy 10", "sell 7"], (None, 0, 0)),
        # Nothing crosses.
        (100, ["buy 10 99", "sell 7 101"], (None, 0, 0)),
        (100, ["buy 10"], (None, 0, 0)),
        (100, [], (None, 0, 0)),
    ],
)
def test_the_price_is_chosen_step_by_step(
    reference: int | None, orders: list[str], price: tuple[int | None, int, int]
) -> None:
    story = auction(reference_price=reference)
    for number, order in enumerate(orders, start=1):
        side, quantity, *limit = order.split()
        verb = story.buy if side == "buy" else story.sell
        verb(number, int(quantity), int(limit[0]) if limit else None)
    assert story.market.indicative(SYMBOL) == price
    story.phase("continuous")
    uncrossed = [line for line in story.lines if line.startswith("uncrossed")]
    assert uncrossed == [f"uncrossed {price[1]} at {price[0]}, surplus {price[2]}"]


def test_candidates_are_ticks_even_where_no_order_stands() -> None:
    story = auction(tick_size=5, reference_price=110)
    story.buy(1, 10, 120)
    story.sell(2, 10, 95)
    story.phase("continuous")
    story.tells("""
        trade 1: 1 buys 10 of 2 at 110 in the auction
        uncrossed 10 at 110, surplus 0
        phase continuous
    """)


def test_the_reference_is_the_last_trade_before_the_definitions_price() -> None:
    story = Story(reference_price=100)
    story.sell(1, 5, 104)
    story.buy(2, 5, 104)
    story.phase("auction")
    story.buy(3, 5, 110)
    story.sell(4, 5, 90)
    story.phase("continuous")
    story.tells("""
        trade 1: 2 buys 5 of 1 at 104
        phase auction
        trade 2: 3 buys 5 of 4 at 104 in the auction
        uncrossed 5 at 104, surplus 0
        phase continuous
    """)


def test_a_reference_between_two_ticks_of_a_new_definition_favours_the_lower() -> None:
    story = Story()
    story.sell(1, 5, 101)
    story.buy(2, 5, 101)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, tick_size=2, phase="auction"))
    story.buy(3, 5, 106)
    story.sell(4, 5, 96)
    story.phase("continuous")
    story.tells("""
        trade 1: 2 buys 5 of 1 at 101
        phase closed
        defined
        phase auction
        trade 2: 3 buys 5 of 4 at 100 in the auction
        uncrossed 5 at 100, surplus 0
        phase continuous
    """)


def test_a_reference_that_a_new_definition_rules_out_is_no_price_for_market_orders_alone() -> None:
    story = Story()
    story.sell(1, 5, 101)
    story.buy(2, 5, 101)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, reference_price=90, band=5, phase="auction"))
    story.buy(3, 5)
    story.sell(4, 5)
    story.phase("continuous")
    story.tells("""
        trade 1: 2 buys 5 of 1 at 101
        phase closed
        defined
        phase auction
        uncrossed 0 at None, surplus 0
        cancelled 3: 5, no_liquidity
        cancelled 4: 5, no_liquidity
        phase continuous
    """)


# Rule 8: the fills


def test_fills_run_market_orders_first_then_price_then_time() -> None:
    story = auction()
    story.sell(1, 10, 100)
    story.sell(2, 10, 99)
    story.sell(3, 10, 100)
    story.sell(4, 5)
    story.buy(5, 12, 100)
    story.buy(6, 12, 101)
    story.buy(7, 4)
    story.phase("continuous")
    story.tells("""
        trade 1: 7 buys 4 of 4 at 100 in the auction
        trade 2: 6 buys 1 of 4 at 100 in the auction
        trade 3: 6 buys 10 of 2 at 100 in the auction
        trade 4: 6 buys 1 of 1 at 100 in the auction
        trade 5: 5 buys 9 of 1 at 100 in the auction
        trade 6: 5 buys 3 of 3 at 100 in the auction
        uncrossed 28 at 100, surplus -7
        phase continuous
    """)
    story.shows("""
        100  #3 7
        ---
    """)


def test_whole_remaining_quantities_count_and_the_tip_is_refilled_in_place() -> None:
    story = auction()
    story.buy(1, 30, 100, display_quantity=10)
    story.buy(2, 10, 100)
    story.sell(3, 17, 100)
    story.shows("""
        100  #3 17
        ---
        100  #1 10+20  #2 10
    """)
    story.phase("continuous")
    story.shows("""
        ---
        100  #1 10+3  #2 10
    """)


def test_market_orders_left_over_are_cancelled_before_the_phase_changes() -> None:
    story = auction()
    story.buy(9, 10)
    story.buy(8, 10)
    story.sell(1, 5, 100)
    story.waits(8, 9)
    story.phase("continuous")
    story.tells("""
        trade 1: 9 buys 5 of 1 at 100 in the auction
        uncrossed 5 at 100, surplus 15
        cancelled 8: 10, no_liquidity
        cancelled 9: 5, no_liquidity
        phase continuous
    """)


def test_nobody_trades_with_himself_in_an_uncross_the_younger_of_his_best_is_cancelled() -> None:
    story = auction()
    story.sell(1, 5, 100, by=20)
    story.buy(2, 5, 101, by=20)
    story.buy(3, 5, 102, by=20)
    story.sell(4, 5, 99, by=10)
    story.buy(5, 5, 99, by=10)
    story.buy(6, 5, by=10)
    story.buy(7, 5, 100, by=30)
    story.phase("continuous")
    story.tells("""
        cancelled 6: 5, self_trade
        cancelled 5: 5, self_trade
        cancelled 3: 5, self_trade
        cancelled 2: 5, self_trade
        trade 1: 7 buys 5 of 4 at 99 in the auction
        uncrossed 5 at 99, surplus 0
        phase continuous
    """)
    story.shows("""
        100  #1 5
        ---
    """)


def test_an_uncross_into_closed_trades_too_and_day_orders_expire_afterwards() -> None:
    story = auction()
    story.buy(2, 10, 100, time_in_force="day")
    story.buy(1, 10, 99, time_in_force="day")
    story.buy(3, 10, 98)
    story.sell(4, 5, 100)
    story.buy(5, 10, stop_price=120, time_in_force="day")
    story.phase("closed")
    story.tells("""
        trade 1: 2 buys 5 of 4 at 100 in the auction
        uncrossed 5 at 100, surplus 5
        phase closed
        cancelled 1: 10, expired
        cancelled 2: 5, expired
        cancelled 5: 10, expired
    """)
    story.shows("""
        ---
        98  #3 10
    """)


def test_a_break_in_an_auction_uncrosses_when_trading_begins_after_all() -> None:
    story = auction()
    story.buy(1, 10, 100)
    story.sell(2, 10, 100)
    story.phase("halted")
    story.tells("phase halted")
    story.phase("continuous")
    story.tells("""
        trade 1: 1 buys 10 of 2 at 100 in the auction
        uncrossed 10 at 100, surplus 0
        phase continuous
    """)


def test_waiting_market_orders_uncross_after_a_break_though_nothing_crosses() -> None:
    story = auction()
    story.buy(1, 10)
    story.phase("halted")
    story.phase("closed")
    story.tells("""
        phase halted
        uncrossed 0 at None, surplus 0
        cancelled 1: 10, no_liquidity
        phase closed
    """)


def test_a_break_in_continuous_trading_needs_no_uncross() -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.sell(2, 10, 101)
    story.phase("halted")
    story.phase("continuous")
    story.phase("closed")
    story.tells("""
        phase halted
        phase continuous
        phase closed
    """)


def test_stops_wait_outside_continuous_and_are_chosen_when_it_begins() -> None:
    story = auction()
    story.buy(10, 5, stop_price=100)
    story.buy(1, 5, 100)
    story.sell(2, 5, 100)
    story.sell(3, 5, 101)
    story.phase("closed")
    story.waits(10)
    story.phase("continuous")
    story.tells("""
        trade 1: 1 buys 5 of 2 at 100 in the auction
        uncrossed 5 at 100, surplus 0
        phase closed
        phase continuous
        triggered 10
        trade 2: 10 buys 5 of 3 at 101
    """)


def test_post_only_is_accepted_in_an_auction_immediate_orders_are_not() -> None:
    story = auction()
    story.sell(1, 5, 100)
    story.buy(2, 5, 100, post_only=True)
    story.buy(3, 5, 100, time_in_force="ioc")
    story.buy(4, 5, time_in_force="fok")
    story.phase("continuous")
    story.tells("""
        rejected 3: wrong_phase
        rejected 4: wrong_phase
        trade 1: 2 buys 5 of 1 at 100 in the auction
        uncrossed 5 at 100, surplus 0
        phase continuous
    """)


def test_an_amend_in_an_auction_moves_the_order_without_trading() -> None:
    story = auction()
    story.sell(1, 5, 105)
    story.buy(2, 5, 100)
    story.sell(3, 5)
    story.sell(4, 5)
    story.amend(1, price=99)
    story.amend(3, quantity=6)
    story.shows("""
        99  #1 5
        ---
        100  #2 5
    """)
    story.phase("continuous")
    story.tells("""
        amended 1: 5 at 99, loses priority
        amended 3: 6 at None, loses priority
        trade 1: 2 buys 5 of 4 at 99 in the auction
        uncrossed 5 at 99, surplus -11
        cancelled 3: 6, no_liquidity
        phase continuous
    """)


# Rule 10: phases and expiries


@pytest.mark.parametrize("phase", ["closed", "halted"])
def test_while_closed_or_halted_only_cancels_are_done(phase: str) -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.phase(phase)
    story.buy(2, 10, 100)
    story.buy(1, 10, 100)
    story.amend(1, quantity=0)
    story.amend(7, quantity=0)
    story.cancel(1)
    story.tells(f"""
        phase {phase}
        rejected 2: wrong_phase
        rejected 1: duplicate_order_id
        amend rejected 1: wrong_phase
        amend rejected 7: unknown_order
        cancelled 1: 10, requested
    """)


def test_an_opening_order_takes_part_in_the_opening_alone() -> None:
    story = auction()
    story.buy(2, 10, 100, time_in_force="opening")
    story.buy(1, 10, 99, time_in_force="opening")
    story.buy(3, 5, time_in_force="opening")
    story.sell(4, 12, 100)
    story.phase("continuous")
    story.buy(5, 10, 100, time_in_force="opening")
    story.tells("""
        trade 1: 3 buys 5 of 4 at 100 in the auction
        trade 2: 2 buys 7 of 4 at 100 in the auction
        uncrossed 12 at 100, surplus 3
        cancelled 1: 10, expired
        cancelled 2: 3, expired
        phase continuous
        rejected 5: wrong_phase
    """)


def test_an_opening_order_sits_out_the_close_and_waits_for_the_next_opening() -> None:
    story = auction()
    story.buy(1, 10, 100, time_in_force="opening")
    story.sell(2, 10, 100)
    story.phase("closed")
    story.phase("auction")
    story.phase("continuous")
    story.tells("""
        uncrossed 0 at None, surplus 0
        phase closed
        phase auction
        trade 1: 1 buys 10 of 2 at 100 in the auction
        uncrossed 10 at 100, surplus 0
        phase continuous
    """)


def test_a_closing_order_waits_unseen_and_takes_part_in_the_close_alone() -> None:
    story = Story()
    story.sell(1, 10, 100)
    story.buy(2, 4, 100, time_in_force="closing")
    story.buy(3, 4, time_in_force="closing")
    story.sell(4, 5, 200, time_in_force="closing")
    story.waits(2, 3, 4)
    story.shows("""
        100  #1 10
        ---
    """)
    story.phase("auction")
    story.buy(5, 2, 101, time_in_force="closing")
    story.phase("continuous")
    story.tells("""
        phase auction
        uncrossed 0 at None, surplus 0
        phase continuous
    """)
    story.phase("auction")
    story.phase("closed")
    story.tells("""
        phase auction
        trade 1: 3 buys 4 of 1 at 100 in the auction
        trade 2: 5 buys 2 of 1 at 100 in the auction
        trade 3: 2 buys 4 of 1 at 100 in the auction
        uncrossed 10 at 100, surplus 0
        cancelled 4: 5, expired
        phase closed
    """)


def test_closing_orders_that_cross_the_book_uncross_without_an_auction_phase() -> None:
    story = Story()
    story.sell(1, 10, 100)
    story.buy(2, 4, 105, time_in_force="closing")
    story.phase("closed")
    story.tells("""
        trade 1: 2 buys 4 of 1 at 100 in the auction
        uncrossed 4 at 100, surplus -6
        phase closed
    """)


def test_gtd_orders_expire_when_time_reaches_them_in_ascending_id() -> None:
    story = Story()
    story.buy(9, 1, 100, time_in_force="gtd", expires_ns=10)
    story.buy(3, 2, 99, time_in_force="gtd", expires_ns=20)
    story.buy(5, 3, stop_price=150, time_in_force="gtd", expires_ns=15)
    story.time(9)
    assert story.market.next_deadline_ns() == 10
    story.time(20)
    story.time(20)
    story.time(19)
    story.tells("""
        cancelled 3: 2, expired
        cancelled 5: 3, expired
        cancelled 9: 1, expired
        advance_time rejected: invalid_time_ns
    """)
    assert story.market.next_deadline_ns() is None


def test_a_halt_cancels_where_the_definition_says_so() -> None:
    story = Story(cancel_on_halt=True)
    story.buy(2, 10, 100)
    story.sell(1, 10, stop_price=90)
    story.phase("halted")
    story.tells("""
        phase halted
        cancelled 1: 10, halted
        cancelled 2: 10, halted
    """)


def test_a_phase_changes_to_another_or_not_at_all() -> None:
    story = Story()
    story.phase("continuous")
    story.phase("closed")
    story.phase("closed")
    story.tells("""
        set_phase rejected: wrong_phase
        phase closed
        set_phase rejected: wrong_phase
    """)


# Definitions


def test_a_second_definition_waits_until_the_instrument_is_closed() -> None:
    story = Story()
    story.buy(1, 10, 101)
    story.buy(2, 10, 100)
    story.buy(3, 15, 100)
    story.apply(DefineInstrument(SYMBOL, tick_size=2))
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, tick_size=2, lot_size=10, phase="continuous"))
    story.tells("""
        define_instrument rejected: wrong_phase
        phase closed
        defined
        cancelled 1: 10, redefined
        cancelled 3: 15, redefined
        phase continuous
    """)
    story.shows("""
        ---
        100  #2 10
    """)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tick_size": 0, "lot_size": 0}, "invalid_tick_size"),
        ({"lot_size": -1}, "invalid_lot_size"),
        ({"mode": "barter"}, "invalid_mode"),
        ({"mode": "call_auction"}, "invalid_phase"),
        ({"reference_price": 0}, "invalid_reference_price"),
        ({"reference_price": 101, "tick_size": 2}, "invalid_reference_price"),
        ({"band": 5}, "invalid_band"),
        ({"band": -1, "reference_price": 100}, "invalid_band"),
        ({"collar": -1}, "invalid_collar"),
        ({"protection": -1}, "invalid_protection"),
    ],
)
def test_a_definition_is_refused_by_its_first_bad_field(fields: dict[str, object], reason: str) -> None:
    story = Story()
    story.apply(DefineInstrument("GJ", **fields))  # type: ignore[arg-type]
    story.tells(f"define_instrument rejected: {reason}")
    assert story.market.instrument("GJ") is None


def test_a_call_auction_never_trades_continuously() -> None:
    story = Story(mode="call_auction", phase="auction")
    story.buy(1, 10, 100)
    story.sell(2, 10, 100)
    story.buy(3, 10, stop_price=100)
    story.buy(4, 10, 100, time_in_force="opening")
    story.phase("continuous")
    story.phase("closed")
    story.tells("""
        rejected 3: invalid_kind
        rejected 4: invalid_time_in_force
        set_phase rejected: wrong_mode
        trade 1: 1 buys 10 of 2 at 100 in the auction
        uncrossed 10 at 100, surplus 0
        phase closed
    """)
