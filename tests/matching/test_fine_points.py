"""Fine points of the market's rules, each the smallest story in which it shows."""

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from matching import Market
from matching.messages import AdvanceTime, CancelOrder, Command, DefineInstrument, PlaceOrder
from tests.matching.story import SYMBOL, Story
from tests.strategies import SYMBOLS, from_seed

ROOT = Path(__file__).resolve().parents[2]

# Real numbers are larger than those of the tapes: fen, kilograms, ids and times of a whole year.
TEN_TIMES = ("price", "stop_price", "reference_price", "start_price", "reserve_price", "step", "tick_size")
THOUSAND_TIMES = ("quantity", "display_quantity", "minimum_quantity", "lot_size", "surplus")
TIMES = ("time_ns", "expires_ns", "ends_ns")
LATER_NS = 10**9
NUMBERED_FROM = 10**6


def as_large_as_life(message: Any) -> Any:
    """The same command or event in a world of larger numbers; what is absurdly large already stays as it is.

    Words are spelled anew, so that only their letters are the same.
    """
    changes: dict[str, int | str] = {}
    for name, value in asdict(message).items():
        if isinstance(value, str):
            changes[name] = "".join(list(value))
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
        ({"side": "both"}, "invalid_side"),
        ({"side": "seller"}, "invalid_side"),
    ],
)
def test_a_plain_order_with_one_thing_wrong_is_refused_for_that(changes: dict[str, Any], reason: str) -> None:
    story = Story(tick_size=2, lot_size=10, reference_price=100, band=5)
    plain: dict[str, Any] = {"order_id": 1, "participant_id": 1, "symbol": SYMBOL, "side": "buy"}
    plain |= {"quantity": 20, "price": 100}
    story.apply(PlaceOrder(**(plain | changes)))
    story.tells(f"rejected 1: {reason}")
    story.shows("---")


@pytest.mark.parametrize("time_in_force", ["gtc", "day", "opening", "closing"])
def test_only_an_immediate_order_has_a_minimum(time_in_force: str) -> None:
    story = Story(phase="auction")
    story.buy(1, 10, 100, time_in_force=time_in_force, minimum_quantity=5)
    story.tells("rejected 1: invalid_minimum_quantity")


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


# The price of an uncross


@pytest.mark.parametrize(("bought", "sold", "price"), [(11, 10, 105), (10, 11, 101), (10, 10, 103)])
def test_one_kilogram_of_pressure_is_pressure(bought: int, sold: int, price: int) -> None:
    """Of 101 to 105, all with the same volume: the highest under pressure to buy, the lowest under that to sell."""
    story = Story(phase="auction", reference_price=103)
    story.buy(1, bought, 105)
    story.sell(2, sold, 101)
    assert story.market.indicative(SYMBOL) == (price, 10, bought - sold)


@pytest.mark.parametrize(
    ("tick_size", "last", "price"),
    [
        *[(5, 101, 100), (5, 103, 105), (5, 107, 105), (5, 108, 110), (5, 112, 110), (5, 119, 120)],
        *[(4, 105, 104), (4, 106, 104), (4, 107, 108), (4, 118, 116), (4, 119, 120)],
    ],
)
def test_nearest_to_a_last_price_that_is_off_the_new_tick(tick_size: int, last: int, price: int) -> None:
    """All ticks from 100 to 120 are equally good: the nearest is below the last price or above it."""
    story = Story()
    story.sell(1, 5, last)
    story.buy(2, 5, last)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, phase="auction", tick_size=tick_size))
    story.sell(3, 5, 100)
    story.buy(4, 5, 120)
    assert story.market.indicative(SYMBOL) == (price, 5, 0)


@pytest.mark.parametrize(("reference_price", "tick_size"), [(200, 1), (50, 1), (104, 8), (100, 4)])
def test_market_orders_alone_do_not_trade_at_a_price_that_the_definition_would_refuse(
    reference_price: int, tick_size: int
) -> None:
    """The last price, 101, is below the new band, above it, or off the new tick."""
    story = Story()
    story.sell(1, 5, 101)
    story.buy(2, 5, 101)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, phase="auction", reference_price=reference_price, band=5, tick_size=tick_size))
    story.lines.clear()
    story.buy(3, 5)
    story.sell(4, 5)
    story.phase("continuous")
    story.tells("""
        uncrossed 0 at None, surplus 0
        cancelled 3: 5, no_liquidity
        cancelled 4: 5, no_liquidity
        phase continuous
    """)


@pytest.mark.parametrize(("bought", "sold"), [(7, 5), (5, 7), (13, 5), (5, 5)])
@pytest.mark.parametrize("reference_price", [96, 101, 106])
def test_market_orders_alone_trade_at_the_last_price_up_to_either_end_of_the_band(
    reference_price: int, bought: int, sold: int
) -> None:
    story = Story()
    story.sell(1, 5, 101)
    story.buy(2, 5, 101)
    story.phase("closed")
    story.apply(DefineInstrument(SYMBOL, phase="auction", reference_price=reference_price, band=5))
    story.buy(3, bought)
    story.sell(4, sold)
    story.lines.clear()
    story.phase("continuous")
    number, left = (3, bought - sold) if bought > sold else (4, sold - bought)
    cancelled = f"cancelled {number}: {left}, no_liquidity" if left else ""
    story.tells(f"""
        trade 2: 3 buys 5 of 4 at 101 in the auction
        uncrossed 5 at 101, surplus {bought - sold}
        {cancelled}
        phase continuous
    """)


# The largest and the smallest values


LAST_NS = 2**63 - 1


@pytest.mark.parametrize("field", ["tick_size", "lot_size", "reference_price", "band", "collar", "protection"])
@pytest.mark.parametrize(("value", "good"), [(2**53 - 1, True), (2**53, False), (1, True), (0, None), (-1, False)])
def test_what_a_definition_may_say_at_most_and_at_least(field: str, value: int, good: bool | None) -> None:
    """Zero is a band, collar or protection of no ticks, but no size and no price."""
    story = Story(phase="closed")
    given: dict[str, Any] = {"reference_price": 2**53 - 1 if field == "tick_size" else 100} | {field: value}
    story.apply(DefineInstrument(SYMBOL, phase="closed", **given))
    if good is None:
        good = field in ("band", "collar", "protection")
    story.tells("defined" if good else f"define_instrument rejected: invalid_{field}")


def offer_until(story: Story, mode: str, expires_ns: int) -> None:
    """Something of the mode that ends at this time."""
    if mode == "continuous":
        story.buy(1, 5, 100, time_in_force="gtd", expires_ns=expires_ns)
    elif mode == "listing":
        story.list_lot(1, 5, 100, expires_ns=expires_ns)
    elif mode == "counter":
        story.list_lot(2, 5, 100)
        story.lines.clear()
        story.counter(1, 2, 5, 90, expires_ns=expires_ns)
    elif mode == "one_way_auction":
        story.open_auction(1, 5, 100, ends_ns=expires_ns)
    else:
        story.report(1, "sell", 5, 100, to=9, expires_ns=expires_ns)


@pytest.mark.parametrize("mode", ["continuous", "listing", "counter", "one_way_auction", "negotiated"])
@pytest.mark.parametrize(("expires_ns", "good"), [(7, False), (8, True), (LAST_NS, True), (LAST_NS + 1, False)])
def test_orders_and_offers_may_last_until_the_end_of_time_and_no_longer(mode: str, expires_ns: int, good: bool) -> None:
    story = Story(mode="listing" if mode == "counter" else mode)
    story.time(7)
    offer_until(story, mode, expires_ns)
    if not good:
        story.tells(f"rejected 1: invalid_{'ends' if mode == 'one_way_auction' else 'expires'}_ns")
        return
    assert story.market.next_deadline_ns() == expires_ns
    story.lines.clear()
    story.time(expires_ns - 1)
    assert story.lines == []
    story.time(expires_ns)
    ended = {
        "continuous": "cancelled 1: 5, expired",
        "listing": "closed 1: 5, expired",
        "counter": "closed 1: expired",
        "one_way_auction": "closed 1: no_bids",
        "negotiated": "closed 1: expired",
    }
    story.tells(ended[mode])


def test_there_is_no_time_after_the_last() -> None:
    story = Story()
    story.time(LAST_NS)
    story.time(LAST_NS + 1)
    story.time(LAST_NS - 1)
    story.tells("""
        advance_time rejected: invalid_time_ns
        advance_time rejected: invalid_time_ns
    """)


# Modes without a book


@pytest.mark.parametrize(("reporter", "counterparty"), [(3, 8), (8, 3)])
def test_a_mass_cancel_leaves_what_others_have_reported(reporter: int, counterparty: int) -> None:
    story = Story(mode="negotiated")
    story.report(reporter, "sell", 5, 100, to=counterparty)
    story.lines.clear()
    story.mass_cancel(counterparty)
    assert story.lines == []
    story.mass_cancel(reporter)
    story.tells(f"closed {reporter}: mass_cancel")


@pytest.mark.parametrize("stranger", [1, 5, 9])
def test_a_stranger_withdraws_accepts_and_declines_nothing(stranger: int) -> None:
    """Neither one with a lower number than both parties, nor one between them, nor one with a higher."""
    story = Story(mode="listing")
    story.list_lot(20, 5, 100, by=3)
    story.counter(21, 20, 5, 90, by=7)
    story.lines.clear()
    story.withdraw("listing", 20, by=stranger)
    story.withdraw("counter", 21, by=stranger)
    story.accept(21, by=stranger)
    story.cancel(20, by=stranger)
    story.tells("""
        withdraw_listing rejected 20: unknown_listing
        withdraw_counter rejected 21: unknown_counter
        acceptance rejected 21: unknown_counter
        cancel rejected 20: unknown_order
    """)
    story = Story(mode="one_way_auction")
    story.open_auction(22, 5, 100, by=3)
    story.lines.clear()
    story.withdraw("auction", 22, by=stranger)
    story.tells("withdraw_auction rejected 22: unknown_auction")
    story = Story(mode="negotiated")
    story.report(3, "sell", 5, 100, to=7)
    story.lines.clear()
    story.withdraw("report", 3, by=stranger)
    story.withdraw("decline", 3, by=stranger)
    story.confirm(23, 3, by=stranger)
    story.tells("""
        withdraw_report rejected 3: unknown_report
        decline_report rejected 3: unknown_report
        rejected 23: unknown_report
    """)
    story = Story()
    story.buy(24, 5, 100, by=3)
    story.lines.clear()
    story.cancel(24, by=stranger)
    story.amend(24, by=stranger, quantity=4)
    story.tells("""
        cancel rejected 24: unknown_order
        amend rejected 24: unknown_order
    """)


# States


def test_a_state_numbers_the_queues_as_every_release_does() -> None:
    """Book 0, stops 1, market orders 2, closing orders 3: states outlive the release that wrote them."""
    story = Story(phase="auction")
    story.buy(1, 5, 99)
    story.buy(2, 5, stop_price=105)
    story.buy(3, 5)
    story.buy(4, 5, 98, time_in_force="closing")
    instruments = msgspec.msgpack.decode(story.market.snapshot())[4]
    orders = instruments[0][3]
    assert [(queue, order_id) for queue, order_id, *_ in orders] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert Market.restore(story.market.snapshot()).snapshot() == story.market.snapshot()


# The console


@pytest.mark.parametrize(("length", "good"), [(2**20, True), (2**20 + 1, False)])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_line_of_a_mebibyte_is_read_and_a_longer_one_is_not(length: int, good: bool, end: str) -> None:
    line = '{"type":"define_instrument","symbol":"GJ"}'.ljust(length)
    console = [sys.executable, "-m", "matching"]
    done = subprocess.run(console, input=(line + end).encode(), capture_output=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == (0 if good else 1)
    assert (b'"instrument_defined"' in done.stdout) == good
    assert (b"longer than 1048576 bytes" in done.stdout) != good


# Many levels


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("nearest_first", [True, False])
def test_levels_that_empty_from_either_end_are_forgotten_and_may_come_back(side: Any, nearest_first: bool) -> None:
    """150 prices, and nobody at them any more, one after the other: what stays behind is never more than what lives."""
    story = Story()
    away = -1 if side == "buy" else 1
    prices = [1000 + away * number for number in range(150)]
    place = story.buy if side == "buy" else story.sell
    for number, price in enumerate(prices):
        place(number, 5, price)
    ladder = story.market._instruments[SYMBOL].ladder(side == "buy")
    going = list(range(150)) if nearest_first else list(reversed(range(150)))
    for gone, number in enumerate(going, 1):
        story.cancel(number)
        left = sorted(going[gone:])
        assert [price for price, _, _ in story.market.levels(SYMBOL, side)] == [prices[number] for number in left]
        assert len(ladder.levels) <= max(2 * len(left), len(left) + 64)
    place(7, 5, prices[149])
    place(8, 5, prices[75])
    assert story.market.levels(SYMBOL, side) == [(prices[75], 5, 1), (prices[149], 5, 1)]
    assert story.market.best(SYMBOL, side) == (prices[75], 5, 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_book_keeps_its_order_while_levels_come_and_go(seed: int) -> None:
    """The draw is over 200 prices a side; a plain sorted list of what lives says what the book must show."""
    random = Random(seed)
    market = Market()
    market.apply(DefineInstrument(SYMBOL))
    live: dict[int, int] = {}
    for number in range(1, 1500):
        price = random.choice([random.randrange(1, 201), random.randrange(301, 501)])
        if random.random() < (0.75 if number % 500 < 250 else 0.25):
            market.apply(PlaceOrder(number, number, SYMBOL, "buy" if price < 300 else "sell", 5, price=price))
            live[number] = price
        elif live:
            gone = random.choice(list(live))
            market.apply(CancelOrder(gone, gone))
            del live[gone]
        if number % 10 == 0:
            market.audit()
            bids = sorted({price for price in live.values() if price < 300}, reverse=True)
            asks = sorted({price for price in live.values() if price > 300})
            assert [level[0] for level in market.levels(SYMBOL, "buy")] == bids
            assert [level[0] for level in market.levels(SYMBOL, "sell")] == asks
            assert [level[0] for level in market.levels(SYMBOL, "sell", 7)] == asks[:7]
            best = market.best(SYMBOL, "buy")
            assert (best and best[0]) == (bids[0] if bids else None)
