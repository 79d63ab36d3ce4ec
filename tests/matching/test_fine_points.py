"""Fine points of the market's rules, each the smallest story in which it shows."""

from typing import Any

import pytest
from msgspec.structs import asdict, replace

from matching import Market
from matching.messages import AdvanceTime, Command, DefineInstrument, PlaceOrder
from tests.matching.story import SYMBOL, Story
from tests.strategies import SYMBOLS, from_seed

# Real numbers are larger than those of the tapes: fen, kilograms, ids and times of a whole year.
TEN_TIMES = ("price", "stop_price", "reference_price", "start_price", "reserve_price", "step", "tick_size")
THOUSAND_TIMES = ("quantity", "display_quantity", "minimum_quantity", "lot_size", "surplus")
TIMES = ("time_ns", "expires_ns", "ends_ns")
LATER_NS = 10**9
NUMBERED_FROM = 10**6


def as_large_as_life(message: Any) -> Any:
    """The same command or event in a world of larger numbers; what is absurdly large already stays as it is."""
    changes: dict[str, int] = {}
    for name, value in asdict(message).items():
        if not isinstance(value, int) or value >= 2**50:
            continue
        if name in TEN_TIMES:
            changes[name] = value * 10
        elif name in THOUSAND_TIMES:
            changes[name] = value * 1000
        elif name in TIMES:
            changes[name] = value + LATER_NS
        elif name == "id" or (name.endswith("_id") and name != "trade_id"):
            changes[name] = value + NUMBERED_FROM
    return replace(message, **changes)


@pytest.mark.parametrize("seed", range(20))
def test_a_tape_tells_the_same_story_in_larger_numbers(seed: int) -> None:
    writer = from_seed(seed)
    small, large = Market(), Market()
    large.apply(AdvanceTime(LATER_NS))
    commands: list[Command] = [writer.opening(symbol) for symbol in SYMBOLS]
    for number in range(200):
        command = commands[number] if number < len(commands) else writer.command(small)
        events = small.apply(command)
        assert large.apply(as_large_as_life(command)) == [as_large_as_life(event) for event in events]
    large.audit()


@pytest.mark.parametrize("seed", range(3))
def test_no_number_of_the_book_is_a_float(seed: int) -> None:
    writer = from_seed(seed)
    market = Market()
    commands: list[Command] = [writer.opening(symbol) for symbol in SYMBOLS]
    for number in range(150):
        market.apply(commands[number] if number < len(commands) else writer.command(market))
        for instrument in market._instruments.values():
            for ladder in (instrument.bids, instrument.asks, instrument.buy_stops, instrument.sell_stops):
                for level in ladder:
                    figures = (level.price, level.key, level.quantity, level.hidden, level.count)
                    assert [type(figure) for figure in figures] == [int] * 5
            for order in instrument.orders():
                figures = (order.quantity, order.remaining, order.hidden, order.display, order.stamp)
                assert [type(figure) for figure in figures] == [int] * 5


def test_a_gap_of_no_ticks_is_no_candidate_for_the_price() -> None:
    """Between 300 and 301 nothing could be bought or sold, though there the surplus would be least.

    price   buyers at it   sellers at it   volume   surplus
      301        10              15          10        -5
      300        15              10          10        +5
    """
    story = Story(phase="auction")
    story.buy(1, 10, 301)
    story.buy(2, 5, 300)
    story.sell(3, 10, 300)
    story.sell(4, 5, 301)
    assert story.market.indicative(SYMBOL) == (300, 10, 5)


def test_a_new_definition_without_stops_takes_those_that_wait_and_leaves_what_still_fits() -> None:
    """An opening order waits on through the night; a call auction has neither those nor stops."""
    story = Story(phase="auction")
    story.buy(1, 5, 98)
    story.buy(2, 5, 99, time_in_force="opening")
    story.buy(3, 5, stop_price=105)
    story.sell(4, 5, 110, time_in_force="opening")
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, mode="call_auction", phase="closed"))
    story.tells("""
        uncrossed 0 at None, surplus 0
        phase closed
        defined
        cancelled 2: 5, redefined
        cancelled 3: 5, redefined
        cancelled 4: 5, redefined
    """)
    story.shows("""
        ---
        98  #1 5
    """)


def test_a_new_tick_takes_the_stops_that_are_off_it() -> None:
    story = Story(phase="auction")
    story.buy(1, 5, stop_price=105)
    story.buy(2, 5, stop_price=107)
    story.buy(3, 5, 110, stop_price=108)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, tick_size=5, phase="closed"))
    story.tells("""
        uncrossed 0 at None, surplus 0
        phase closed
        defined
        cancelled 2: 5, redefined
        cancelled 3: 5, redefined
    """)
    story.waits(1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": 101}, "invalid_price"),
        ({"price": 91}, "invalid_price"),
        ({"price": 2**53}, "invalid_price"),
        ({"price": 112}, "outside_band"),
        ({"price": 88}, "outside_band"),
        ({"quantity": 15}, "invalid_quantity"),
        ({"quantity": 5}, "invalid_quantity"),
        ({"quantity": 2**53 + 8}, "invalid_quantity"),
        ({"side": "seller"}, "invalid_side"),
    ],
)
def test_a_plain_order_with_one_thing_wrong_is_refused_for_that(changes: dict[str, Any], reason: str) -> None:
    story = Story(tick_size=2, lot_size=10, reference_price=100, band=5)
    plain = {"order_id": 1, "participant_id": 1, "symbol": SYMBOL, "side": "buy", "quantity": 20, "price": 100}
    story.apply(PlaceOrder(**(plain | changes)))
    story.tells(f"rejected 1: {reason}")
    story.shows("---")


def test_the_ends_of_a_band_and_the_largest_numbers_are_good() -> None:
    story = Story(tick_size=2, lot_size=10, reference_price=100, band=5)
    story.buy(1, 20, 90)
    story.sell(2, 20, 110)
    story.tells("""
        accepted 1
        accepted 2
    """)
    story = Story()
    story.buy(1, 2**53 - 1, 1)
    story.sell(2, 2**53 - 1, 2**53 - 1)
    story.shows(f"""
        {2**53 - 1}  #2 {2**53 - 1}
        ---
        1  #1 {2**53 - 1}
    """)
