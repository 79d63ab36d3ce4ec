"""Continuous trading, told rule by rule (rules 1 to 7 and 9 of the console's contract)."""

import pytest

from matching.messages import PlaceOrder
from tests.matching.story import SYMBOL, Story

# Rule 1: price, then time


def test_best_price_first_then_first_come_and_the_resting_price_is_the_trade_price() -> None:
    story = Story()
    story.sell(1, 10, 102)
    story.sell(2, 10, 101)
    story.sell(3, 10, 101)
    story.shows("""
        102  #1 10
        101  #2 10  #3 10
        ---
    """)
    story.buy(4, 25, 103)
    story.tells("""
        accepted 1
        accepted 2
        accepted 3
        accepted 4
        trade 1: 4 buys 10 of 2 at 101
        trade 2: 4 buys 10 of 3 at 101
        trade 3: 4 buys 5 of 1 at 102
    """)
    story.shows("""
        102  #1 5
        ---
    """)


def test_what_is_left_of_a_limit_order_rests_at_its_own_price() -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.sell(2, 25, 99)
    story.tells("trade 1: 1 buys 10 of 2 at 100")
    story.shows("""
        99  #2 15
        ---
    """)


def test_an_id_is_taken_while_its_order_lives_and_free_again_afterwards() -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.buy(1, 10, 100, by=2)
    story.tells("rejected 1: duplicate_order_id")
    story.sell(2, 10, 100)
    story.buy(1, 5, 100)
    story.buy(3, 0, 100)
    story.buy(3, 5, 99)
    story.tells("""
        accepted 2
        trade 1: 1 buys 10 of 2 at 100
        accepted 1
        rejected 3: invalid_quantity
        accepted 3
    """)
    story.shows("""
        ---
        100  #1 5
        99  #3 5
    """)


def test_a_cancel_is_for_the_owner_alone() -> None:
    story = Story()
    story.buy(1, 10, 100, by=7)
    story.cancel(1, by=8)
    story.cancel(2, by=8)
    story.cancel(1, by=7)
    story.cancel(1, by=7)
    story.tells("""
        cancel rejected 1: unknown_order
        cancel rejected 2: unknown_order
        cancelled 1: 10, requested
        cancel rejected 1: unknown_order
    """)


def test_a_mass_cancel_takes_one_participants_orders_in_ascending_id_waiting_ones_too() -> None:
    story = Story()
    story.buy(9, 1, 99, by=1)
    story.sell(5, 2, 105, by=1)
    story.buy(7, 3, stop_price=110, by=1)
    story.buy(3, 4, 98, by=2)
    story.sell(2, 5, time_in_force="closing", by=1)
    story.mass_cancel(1, side="sell")
    story.tells("""
        cancelled 2: 5, mass_cancel
        cancelled 5: 2, mass_cancel
    """)
    story.mass_cancel(1, symbol=SYMBOL)
    story.mass_cancel(1)
    story.mass_cancel(1, symbol="GJ")
    story.tells("""
        cancelled 7: 3, mass_cancel
        cancelled 9: 1, mass_cancel
        mass_cancel rejected: unknown_symbol
    """)
    story.shows("""
        ---
        98  #3 4
    """)


# Rule 3: amending


def test_less_keeps_its_place_more_goes_to_the_back() -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.buy(2, 10, 100)
    story.buy(3, 10, 100)
    story.amend(1, quantity=4)
    story.amend(2, quantity=11)
    story.amend(3)
    story.tells("""
        amended 1: 4 at 100, keeps priority
        amended 2: 11 at 100, loses priority
        amended 3: 10 at 100, keeps priority
    """)
    story.shows("""
        ---
        100  #1 4  #3 10  #2 11
    """)


def test_the_same_price_is_no_change_and_another_price_loses_the_place_even_with_less() -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.buy(2, 10, 100)
    story.amend(1, price=100)
    story.amend(1, price=101, quantity=5)
    story.amend(1, price=100)
    story.tells("""
        amended 1: 10 at 100, keeps priority
        amended 1: 5 at 101, loses priority
        amended 1: 5 at 100, loses priority
    """)
    story.shows("""
        ---
        100  #2 10  #1 5
    """)


def test_the_total_counts_what_is_filled() -> None:
    story = Story()
    story.buy(1, 10, 100)
    story.sell(2, 6, 100)
    story.amend(1, quantity=8)
    story.shows("""
        ---
        100  #1 2
    """)
    story.amend(1, quantity=6)
    story.tells("""
        trade 1: 1 buys 6 of 2 at 100
        amended 1: 8 at 100, keeps priority
        cancelled 1: 2, amended_below_filled
    """)


def test_an_amended_price_that_crosses_trades_after_it_was_amended() -> None:
    story = Story()
    story.sell(1, 10, 102)
    story.buy(2, 15, 100)
    story.amend(2, price=102)
    story.tells("""
        amended 2: 15 at 102, loses priority
        trade 1: 2 buys 10 of 1 at 102
    """)
    story.shows("""
        ---
        102  #2 5
    """)


def test_an_amended_post_only_order_is_rejected_rather_than_trade_and_nothing_changes() -> None:
    story = Story()
    story.sell(1, 10, 102)
    story.buy(2, 15, 100, post_only=True)
    story.amend(2, price=102, quantity=20)
    story.tells("amend rejected 2: would_trade")
    story.shows("""
        102  #1 10
        ---
        100  #2 15
    """)


def test_an_amend_that_ends_a_post_only_order_cannot_make_it_trade() -> None:
    story = Story()
    story.sell(1, 10, 102)
    story.buy(2, 15, 100, post_only=True)
    story.sell(3, 5, 100)
    story.amend(2, price=102, quantity=5)
    story.tells("""
        trade 1: 2 buys 5 of 3 at 100
        cancelled 2: 10, amended_below_filled
    """)


def test_less_of_an_iceberg_comes_from_what_it_hides() -> None:
    story = Story()
    story.buy(1, 30, 100, display_quantity=10)
    story.buy(2, 5, 100)
    story.amend(1, quantity=12)
    story.shows("""
        ---
        100  #1 10+2  #2 5
    """)
    story.amend(1, quantity=7)
    story.shows("""
        ---
        100  #1 7  #2 5
    """)


def test_a_new_display_shows_from_the_next_tip_on() -> None:
    story = Story()
    story.buy(1, 30, 100, display_quantity=10)
    story.amend(1, display_quantity=4)
    story.shows("""
        ---
        100  #1 10+20
    """)
    story.sell(2, 10, 100)
    story.shows("""
        ---
        100  #1 4+16
    """)
    story.amend(1, quantity=31)
    story.shows("""
        ---
        100  #1 4+17
    """)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": 0}, "invalid_quantity"),
        ({"quantity": -10}, "invalid_quantity"),
        ({"quantity": 15}, "invalid_quantity"),
        ({"price": 0}, "invalid_price"),
        ({"price": 101}, "invalid_price"),
        ({"price": 120}, "outside_band"),
        ({"display_quantity": 0}, "invalid_display_quantity"),
        ({"display_quantity": 30}, "invalid_display_quantity"),
        ({"quantity": 10, "display_quantity": 20}, "invalid_display_quantity"),
        ({"quantity": 15, "price": 101, "display_quantity": 0}, "invalid_quantity"),
        ({"price": 121, "display_quantity": 0}, "invalid_price"),
    ],
)
def test_an_amend_is_refused_by_its_first_bad_field(changes: dict[str, int], reason: str) -> None:
    story = Story(tick_size=2, lot_size=10, reference_price=100, band=5)
    story.buy(1, 20, 100)
    story.amend(1, **changes)
    story.tells(f"amend rejected 1: {reason}")
    story.shows("""
        ---
        100  #1 20
    """)


def test_orders_without_a_price_are_given_none() -> None:
    story = Story()
    story.buy(1, 10, stop_price=105)
    story.amend(1, price=100)
    story.amend(1, quantity=12)
    story.phase("auction")
    story.sell(2, 10)
    story.amend(2, price=100)
    story.amend(2, display_quantity=5)
    story.tells("""
        amend rejected 1: invalid_price
        amended 1: 12 at None, loses priority
        phase auction
        amend rejected 2: invalid_price
        amend rejected 2: invalid_display_quantity
    """)


# Rule 4: immediate orders, post_only, market orders


def test_immediate_or_cancel_takes_what_there_is() -> None:
    story = Story()
    story.sell(1, 10, 100)
    story.buy(2, 25, 100, time_in_force="ioc")
    story.buy(3, 25, 100, time_in_force="ioc")
    story.tells("""
        trade 1: 2 buys 10 of 1 at 100
        cancelled 2: 15, immediate_or_cancel
        cancelled 3: 25, immediate_or_cancel
    """)


def test_fill_or_kill_counts_hidden_quantity_and_leaves_no_trace_otherwise() -> None:
    story = Story()
    story.sell(1, 30, 100, display_quantity=10)
    story.buy(2, 31, 100, time_in_force="fok")
    story.buy(3, 30, 100, time_in_force="fok")
    story.tells("""
        accepted 1
        accepted 2
        cancelled 2: 31, fill_or_kill
        accepted 3
        trade 1: 3 buys 10 of 1 at 100
        trade 2: 3 buys 10 of 1 at 100
        trade 3: 3 buys 10 of 1 at 100
    """)


def test_fill_or_kill_counts_protection_collar_and_ones_own_orders() -> None:
    story = Story(reference_price=100, protection=1, collar=5)
    story.sell(1, 10, 101)
    story.sell(2, 10, 103)
    story.sell(3, 10, 107)
    story.buy(4, 15, time_in_force="fok")
    story.buy(5, 25, 110, time_in_force="fok")
    story.buy(1, 15, 105, time_in_force="fok")
    story.buy(6, 15, 105, by=1, time_in_force="fok")
    story.buy(7, 20, 105, by=1, time_in_force="fok", self_trade="decrement")
    story.tells("""
        cancelled 4: 15, fill_or_kill
        cancelled 5: 25, fill_or_kill
        rejected 1: duplicate_order_id
        cancelled 6: 15, fill_or_kill
        cancelled 7: 20, fill_or_kill
    """)
    story.shows("""
        107  #3 10
        103  #2 10
        101  #1 10
        ---
    """)


def test_a_minimum_quantity_is_traded_at_once_or_nothing_is() -> None:
    story = Story()
    story.sell(1, 10, 100)
    story.buy(2, 20, 100, time_in_force="ioc", minimum_quantity=11)
    story.buy(3, 20, 100, time_in_force="ioc", minimum_quantity=10)
    story.tells("""
        cancelled 2: 20, minimum_quantity
        trade 1: 3 buys 10 of 1 at 100
        cancelled 3: 10, immediate_or_cancel
    """)


def test_post_only_never_meets_anyone_not_even_itself() -> None:
    story = Story()
    story.sell(1, 10, 100)
    story.buy(2, 10, 100, post_only=True)
    story.buy(3, 10, 101, by=1, post_only=True)
    story.buy(4, 10, 99, post_only=True)
    story.tells("""
        rejected 2: would_trade
        rejected 3: would_trade
    """)
    story.shows("""
        100  #1 10
        ---
        99  #4 10
    """)


@pytest.mark.parametrize("time_in_force", ["gtc", "day", "ioc"])
def test_a_market_order_never_rests(time_in_force: str) -> None:
    story = Story()
    story.sell(1, 10, 100)
    story.buy(2, 25, time_in_force=time_in_force)
    story.buy(3, 25, time_in_force=time_in_force)
    story.tells("""
        trade 1: 2 buys 10 of 1 at 100
        cancelled 2: 15, no_liquidity
        cancelled 3: 25, no_liquidity
    """)


def test_protection_is_measured_from_the_best_price_at_entry() -> None:
    story = Story(protection=2, tick_size=5)
    story.sell(1, 10, 100)
    story.sell(2, 10, 110)
    story.sell(3, 10, 115)
    story.buy(4, 30)
    story.buy(5, 10)
    story.tells("""
        trade 1: 4 buys 10 of 1 at 100
        trade 2: 4 buys 10 of 2 at 110
        cancelled 4: 10, protection
        trade 3: 5 buys 10 of 3 at 115
    """)
    story.buy(6, 10, 100)
    story.buy(7, 10, 85)
    story.sell(8, 15)
    story.tells("""
        trade 4: 6 buys 10 of 8 at 100
        cancelled 8: 5, protection
    """)


def test_a_protection_of_zero_ticks_reaches_the_best_price_alone() -> None:
    story = Story(protection=0)
    story.sell(1, 10, 100)
    story.sell(2, 10, 101)
    story.buy(3, 15)
    story.tells("""
        trade 1: 3 buys 10 of 1 at 100
        cancelled 3: 5, protection
    """)


# Rule 5: self trades


@pytest.mark.parametrize(
    ("self_trade", "events", "book"),
    [
        (
            "cancel_resting",
            """
            trade 1: 3 buys 5 of 1 at 100
            self trade: 3 and 2, 20
            cancelled 2: 30, self_trade
            trade 2: 3 buys 10 of 4 at 101
            """,
            """
            ---
            101  #3 10
            """,
        ),
        (
            "cancel_incoming",
            """
            trade 1: 3 buys 5 of 1 at 100
            self trade: 3 and 2, 20
            cancelled 3: 20, self_trade
            """,
            """
            101  #4 10
            100  #2 10+20
            ---
            """,
        ),
        (
            "cancel_both",
            """
            trade 1: 3 buys 5 of 1 at 100
            self trade: 3 and 2, 20
            cancelled 2: 30, self_trade
            cancelled 3: 20, self_trade
            """,
            """
            101  #4 10
            ---
            """,
        ),
        (
            "decrement",
            """
            trade 1: 3 buys 5 of 1 at 100
            self trade: 3 and 2, 20
            cancelled 3: 0, self_trade
            """,
            """
            101  #4 10
            100  #2 10
            ---
            """,
        ),
    ],
)
def test_the_incoming_orders_instruction_rules_a_self_trade(self_trade: str, events: str, book: str) -> None:
    story = Story()
    story.sell(1, 5, 100)
    story.sell(2, 30, 100, by=9, display_quantity=10)
    story.sell(4, 10, 101)
    story.buy(3, 25, 101, by=9, self_trade=self_trade)
    story.tells(events)
    story.shows(book)


def test_decrement_goes_on_after_the_smaller_resting_order_is_gone() -> None:
    story = Story()
    story.sell(1, 8, 100, by=9)
    story.sell(2, 5, 100, by=9)
    story.sell(3, 20, 100)
    story.buy(4, 18, 100, by=9, self_trade="decrement")
    story.tells("""
        self trade: 4 and 1, 8
        cancelled 1: 0, self_trade
        self trade: 4 and 2, 5
        cancelled 2: 0, self_trade
        trade 1: 4 buys 5 of 3 at 100
    """)
    story.sell(5, 15, 101, by=8)
    story.buy(6, 15, 101, by=8, self_trade="decrement")
    story.tells("""
        trade 2: 6 buys 15 of 3 at 100
    """)
    story.buy(7, 15, 101, by=8, self_trade="decrement")
    story.tells("""
        self trade: 7 and 5, 15
        cancelled 5: 0, self_trade
        cancelled 7: 0, self_trade
    """)


def test_a_decremented_total_is_what_a_later_amend_speaks_of() -> None:
    story = Story()
    story.sell(1, 30, 100, by=9)
    story.buy(2, 10, 100)
    story.buy(3, 5, 100, by=9, self_trade="decrement")
    story.shows("""
        100  #1 15
        ---
    """)
    view = story.market.order(1)
    assert view is not None
    assert (view.quantity, view.filled, view.remaining) == (25, 10, 15)
    story.amend(1, quantity=25)
    story.amend(1, quantity=10)
    story.tells("""
        trade 1: 2 buys 10 of 1 at 100
        self trade: 3 and 1, 5
        cancelled 3: 0, self_trade
        amended 1: 25 at 100, keeps priority
        cancelled 1: 15, amended_below_filled
    """)


# Rule 6: icebergs


def test_a_new_tip_joins_the_back_of_its_level() -> None:
    story = Story()
    story.sell(1, 25, 100, display_quantity=10)
    story.sell(2, 10, 100)
    story.shows("""
        100  #1 10+15  #2 10
        ---
    """)
    assert story.market.levels(SYMBOL, "sell") == [(100, 20, 2)]
    story.buy(3, 12, 100)
    story.tells("""
        trade 1: 3 buys 10 of 1 at 100
        trade 2: 3 buys 2 of 2 at 100
    """)
    story.shows("""
        100  #2 8  #1 10+5
        ---
    """)
    story.buy(4, 20, 100)
    story.tells("""
        trade 3: 4 buys 8 of 2 at 100
        trade 4: 4 buys 10 of 1 at 100
        trade 5: 4 buys 2 of 1 at 100
    """)
    story.shows("""
        100  #1 3
        ---
    """)


def test_an_incoming_iceberg_trades_with_all_of_itself_and_then_shows_its_tip() -> None:
    story = Story()
    story.sell(1, 15, 100)
    story.buy(2, 40, 100, display_quantity=10)
    story.tells("trade 1: 2 buys 15 of 1 at 100")
    story.shows("""
        ---
        100  #2 10+15
    """)


# Rule 7: stops


def test_stops_trigger_after_the_whole_order_on_the_last_price() -> None:
    story = Story()
    story.buy(10, 5, stop_price=101)
    story.buy(11, 5, stop_price=103)
    story.sell(12, 5, stop_price=99)
    story.sell(1, 5, 101)
    story.sell(2, 5, 102)
    story.buy(3, 10, 102)
    story.tells("""
        trade 1: 3 buys 5 of 1 at 101
        trade 2: 3 buys 5 of 2 at 102
        triggered 10
        cancelled 10: 5, no_liquidity
    """)
    story.waits(11, 12)


def test_buys_from_the_lowest_up_then_sells_from_the_highest_down_equal_ones_by_time() -> None:
    story = Story()
    story.buy(21, 1, 90, stop_price=100)
    story.buy(20, 1, 91, stop_price=100)
    story.buy(22, 1, 92, stop_price=99)
    story.sell(30, 1, 110, stop_price=101)
    story.sell(31, 1, 111, stop_price=102)
    story.sell(1, 1, 100)
    story.buy(2, 1, 100)
    story.tells("""
        trade 1: 2 buys 1 of 1 at 100
        triggered 22
        triggered 21
        triggered 20
        triggered 31
        triggered 30
    """)
    story.shows("""
        111  #31 1
        110  #30 1
        ---
        92  #22 1
        91  #20 1
        90  #21 1
    """)


def test_each_stop_finishes_before_the_next_is_chosen_afresh() -> None:
    """The first stop's trade at 105 reaches a stop that the order itself had not; the sells come after all buys."""
    story = Story()
    story.sell(1, 5, 100)
    story.sell(2, 5, 105)
    story.sell(3, 5, 106)
    story.buy(10, 5, stop_price=100)
    story.buy(11, 5, stop_price=105)
    story.sell(12, 5, 99, stop_price=100)
    story.buy(4, 5, 100)
    story.tells("""
        trade 1: 4 buys 5 of 1 at 100
        triggered 10
        trade 2: 10 buys 5 of 2 at 105
        triggered 11
        trade 3: 11 buys 5 of 3 at 106
    """)
    story.waits(12)


def test_a_stop_limit_rests_at_its_limit_and_amending_up_loses_its_turn() -> None:
    story = Story()
    story.buy(10, 5, 102, stop_price=101)
    story.buy(11, 5, 102, stop_price=101)
    story.amend(10, quantity=6)
    story.sell(1, 1, 101)
    story.buy(2, 1, 101)
    story.tells("""
        amended 10: 6 at 102, loses priority
        trade 1: 2 buys 1 of 1 at 101
        triggered 11
        triggered 10
    """)
    story.shows("""
        ---
        102  #11 5  #10 6
    """)


def test_a_stop_already_reached_is_rejected() -> None:
    story = Story()
    story.sell(1, 1, 100)
    story.buy(2, 1, 100)
    story.buy(3, 1, stop_price=100)
    story.sell(4, 1, stop_price=100)
    story.buy(5, 1, stop_price=101)
    story.sell(6, 1, stop_price=99)
    story.tells("""
        trade 1: 2 buys 1 of 1 at 100
        rejected 3: stop_reached
        rejected 4: stop_reached
    """)
    story.waits(5, 6)


def test_a_triggered_post_only_stop_that_would_meet_someone_is_cancelled() -> None:
    story = Story()
    story.buy(10, 5, 103, stop_price=101, post_only=True)
    story.sell(1, 1, 101)
    story.sell(2, 1, 103)
    story.buy(3, 1, 101)
    story.tells("""
        trade 1: 3 buys 1 of 1 at 101
        triggered 10
        cancelled 10: 5, post_only
    """)


def test_a_triggered_fill_or_kill_stop_counts_the_book_of_that_moment() -> None:
    story = Story()
    story.buy(10, 5, 103, stop_price=101, time_in_force="fok")
    story.sell(1, 1, 101)
    story.sell(2, 4, 103)
    story.buy(3, 1, 101)
    story.tells("""
        trade 1: 3 buys 1 of 1 at 101
        triggered 10
        cancelled 10: 5, fill_or_kill
    """)


# Rule 9: the collar


def test_a_trade_outside_the_collar_becomes_an_auction_that_the_remainder_joins() -> None:
    story = Story(reference_price=100, collar=2)
    story.sell(1, 5, 101)
    story.sell(2, 5, 102)
    story.sell(3, 5, 103)
    story.buy(4, 20, 110)
    story.tells("""
        trade 1: 4 buys 5 of 1 at 101
        trade 2: 4 buys 5 of 2 at 102
        phase auction
    """)
    story.shows("""
        103  #3 5
        ---
        110  #4 10
    """)
    story.buy(5, 5, 100, time_in_force="ioc")
    story.phase("continuous")
    story.tells("""
        rejected 5: wrong_phase
        trade 3: 4 buys 5 of 3 at 110 in the auction
        uncrossed 5 at 110, surplus 5
        phase continuous
    """)


def test_the_collars_reference_stays_while_an_order_trades_and_moves_with_the_next() -> None:
    story = Story(reference_price=100, collar=2)
    for number, price in enumerate([102, 104, 106], start=1):
        story.sell(number, 5, price)
    story.buy(4, 5, 102)
    story.buy(5, 5, 104)
    story.buy(6, 5, 110)
    story.tells("""
        trade 1: 4 buys 5 of 1 at 102
        trade 2: 5 buys 5 of 2 at 104
        trade 3: 6 buys 5 of 3 at 106
    """)


@pytest.mark.parametrize("more", [{"time_in_force": "ioc", "price": 110}, {}])
def test_a_remainder_that_may_not_rest_is_cancelled_by_the_collar(more: dict[str, int]) -> None:
    story = Story(reference_price=100, collar=2)
    story.sell(1, 5, 102)
    story.sell(2, 5, 103)
    story.buy(3, 20, **more)
    story.tells("""
        trade 1: 3 buys 5 of 1 at 102
        phase auction
        cancelled 3: 15, collar
    """)


def test_a_price_too_good_is_outside_the_collar_as_well() -> None:
    story = Story(reference_price=100, collar=2)
    story.sell(1, 5, 90)
    story.buy(2, 5, 95)
    story.tells("phase auction")
    story.shows("""
        90  #1 5
        ---
        95  #2 5
    """)


def test_ones_own_order_outside_the_collar_is_no_trade() -> None:
    story = Story(reference_price=100, collar=2)
    story.sell(1, 5, 105, by=9)
    story.buy(2, 5, 105, by=9)
    story.tells("""
        self trade: 2 and 1, 5
        cancelled 1: 5, self_trade
    """)
    story.shows("""
        ---
        105  #2 5
    """)


def test_a_triggered_stop_is_measured_from_the_price_that_triggered_it_and_ends_the_cascade() -> None:
    story = Story(reference_price=100, collar=2)
    story.sell(1, 5, 102)
    story.sell(2, 5, 104)
    story.sell(3, 5, 107)
    story.buy(10, 10, stop_price=102)
    story.buy(11, 10, stop_price=104)
    story.buy(4, 5, 102)
    story.tells("""
        trade 1: 4 buys 5 of 1 at 102
        triggered 10
        trade 2: 10 buys 5 of 2 at 104
        phase auction
        cancelled 10: 5, collar
    """)
    story.waits(11)
    story.phase("continuous")
    story.tells("""
        uncrossed 0 at None, surplus 0
        phase continuous
        triggered 11
        phase auction
        cancelled 11: 10, collar
    """)


# Rule 2 and the order of reasons

WRONG = [
    ({"symbol": "GJ", "quantity": 0}, "unknown_symbol"),
    ({"order_id": 1, "quantity": 0}, "duplicate_order_id"),
    ({"time_in_force": "opening", "quantity": 0}, "wrong_phase"),
    ({"side": "both", "quantity": 0}, "invalid_side"),
    ({"quantity": 0, "price": 0}, "invalid_quantity"),
    ({"quantity": -10}, "invalid_quantity"),
    ({"quantity": 15}, "invalid_quantity"),
    ({"quantity": 2**53 - 2**53 % 10 + 10}, "invalid_quantity"),
    ({"kind": "iceberg", "price": 0}, "invalid_kind"),
    ({"price": None}, "invalid_price"),
    ({"price": 0}, "invalid_price"),
    ({"price": -2}, "invalid_price"),
    ({"price": 101, "stop_price": 3}, "invalid_price"),
    ({"kind": "market"}, "invalid_price"),
    ({"kind": "stop", "stop_price": 110}, "invalid_price"),
    ({"kind": "stop_limit", "price": None, "stop_price": 110}, "invalid_price"),
    ({"stop_price": 110, "expires_ns": 9}, "invalid_stop_price"),
    ({"kind": "market", "price": None, "stop_price": 110}, "invalid_stop_price"),
    ({"kind": "stop", "price": None}, "invalid_stop_price"),
    ({"kind": "stop_limit", "stop_price": 0}, "invalid_stop_price"),
    ({"kind": "stop_limit", "stop_price": 111}, "invalid_stop_price"),
    ({"time_in_force": "forever"}, "invalid_time_in_force"),
    ({"time_in_force": "gtd"}, "invalid_expires_ns"),
    ({"time_in_force": "gtd", "expires_ns": 5}, "invalid_expires_ns"),
    ({"time_in_force": "gtd", "expires_ns": -1}, "invalid_expires_ns"),
    ({"time_in_force": "day", "expires_ns": 9, "display_quantity": 0}, "invalid_expires_ns"),
    ({"display_quantity": 0, "minimum_quantity": 0}, "invalid_display_quantity"),
    ({"display_quantity": 15}, "invalid_display_quantity"),
    ({"display_quantity": 30}, "invalid_display_quantity"),
    ({"display_quantity": 10, "time_in_force": "ioc"}, "invalid_display_quantity"),
    ({"display_quantity": 10, "kind": "market", "price": None}, "invalid_display_quantity"),
    ({"display_quantity": 10, "kind": "stop", "price": None, "stop_price": 110}, "invalid_display_quantity"),
    ({"minimum_quantity": 10}, "invalid_minimum_quantity"),
    ({"minimum_quantity": 0, "time_in_force": "ioc", "post_only": True}, "invalid_minimum_quantity"),
    ({"minimum_quantity": 15, "time_in_force": "ioc"}, "invalid_minimum_quantity"),
    ({"minimum_quantity": 30, "time_in_force": "ioc"}, "invalid_minimum_quantity"),
    ({"minimum_quantity": 10, "time_in_force": "fok"}, "invalid_minimum_quantity"),
    ({"post_only": True, "time_in_force": "ioc"}, "invalid_post_only"),
    ({"post_only": True, "time_in_force": "fok", "price": 120}, "invalid_post_only"),
    ({"post_only": True, "kind": "market", "price": None}, "invalid_post_only"),
    ({"self_trade": "allow", "price": 120}, "invalid_self_trade"),
    ({"price": 112, "post_only": True}, "outside_band"),
    ({"price": 88}, "outside_band"),
    ({"kind": "stop_limit", "price": 112, "stop_price": 90}, "outside_band"),
    ({"kind": "stop_limit", "price": 110, "stop_price": 90, "post_only": True}, "stop_reached"),
    ({"price": 104, "post_only": True}, "would_trade"),
]


@pytest.mark.parametrize(("changes", "reason"), WRONG)
def test_an_order_is_refused_by_the_first_reason_that_applies(changes: dict[str, object], reason: str) -> None:
    story = Story(tick_size=2, lot_size=10, reference_price=100, band=5)
    story.time(5)
    story.sell(8, 10, 100)
    story.buy(9, 10, 100)
    story.sell(1, 10, 104)
    story.lines.clear()
    good = {"order_id": 2, "participant_id": 2, "symbol": SYMBOL, "side": "buy", "quantity": 20, "price": 100}
    story.apply(PlaceOrder(**(good | changes)))  # type: ignore[arg-type]
    story.tells(f"rejected {changes.get('order_id', 2)}: {reason}")
    story.shows("""
        104  #1 10
        ---
    """)


def test_ids_may_be_any_integer() -> None:
    story = Story()
    story.buy(0, 5, 100, by=-3)
    story.sell(-1, 5, 100, by=0)
    story.tells("trade 1: 0 buys 5 of -1 at 100")
