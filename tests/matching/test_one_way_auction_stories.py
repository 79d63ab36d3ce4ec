"""The mode `one_way_auction` told rule by rule (rule 12 of docs/matching.md): English, Dutch, to buyers, to sellers."""

import pytest

from matching import Market
from matching.messages import AdvanceTime, Bid, DefineInstrument, OpenAuction, PlaceOrder
from tests.matching.story import SYMBOL, Story


def room(**definition: object) -> Story:
    return Story(mode="one_way_auction", **definition)


# English


def test_the_best_bid_at_the_end_has_the_whole_lot() -> None:
    story = room()
    story.open_auction(1, 800, 180, step=5)
    story.bid(2, 1, 179)
    story.bid(2, 1, 180)
    story.bid(3, 1, 184)
    story.bid(3, 1, 190)
    story.bid(4, 1, 195)
    story.time(99)
    story.time(100)
    story.tells("""
        auction 1
        rejected 2: below_step
        bid 2 in 1: 180
        rejected 3: below_step
        bid 3 in 1: 190
        bid 4 in 1: 195
        trade 1: 4 buys 800 of 1 at 195
        closed 1: 800 at 195, sold
    """)
    assert story.market.auctions(SYMBOL) == []


def test_a_buyers_auction_falls_and_bidders_name_their_goods() -> None:
    story = room()
    story.open_auction(1, 800, 180, side="buy", step=5, reserve_price=170)
    story.bid(2, 1, 181, lot_id=22)
    story.bid(2, 1, 180)
    story.bid(2, 1, 180, lot_id=22)
    story.bid(3, 1, 176, lot_id=33)
    story.bid(3, 1, 170, lot_id=33)
    view = story.market.auction(1)
    assert view is not None
    assert (view.price, view.bid_id, view.bidder_id, view.bid_lot_id) == (170, 3, 3, 33)
    story.time(100)
    story.tells("""
        auction 1
        rejected 2: below_step
        rejected 2: invalid_lot_id
        bid 2 in 1: 180
        rejected 3: below_step
        bid 3 in 1: 170
        trade 1: 1 buys 800 of 3 at 170
        closed 1: 800 at 170, sold
    """)


def test_the_bidder_is_the_aggressor() -> None:
    story = room()
    story.open_auction(1, 800, 180)
    story.open_auction(2, 800, 180, side="buy")
    story.open_auction(3, 800, 180, style="dutch", interval_ns=5)
    story.bid(4, 1, 180)
    story.bid(5, 2, 180, lot_id=1)
    dutch = story.market.apply(Bid(6, 3, 6))
    sides = [
        event.aggressor_side for event in [*dutch, *story.market.apply(AdvanceTime(100))] if hasattr(event, "trade_id")
    ]
    assert sides == ["buy", "buy", "sell"]


@pytest.mark.parametrize(("side", "reserve", "bids", "ends"), [
    ("sell", 200, [199], "closed 1: reserve_not_met"),
    ("sell", 200, [199, 200], "closed 1: 10 at 200, sold"),
    ("buy", 150, [151], "closed 1: reserve_not_met"),
    ("buy", 150, [151, 150], "closed 1: 10 at 150, sold"),
    ("sell", 200, [], "closed 1: no_bids"),
])  # fmt: skip
def test_a_reserve_is_kept_and_not_shown(side: str, reserve: int, bids: list[int], ends: str) -> None:
    story = room()
    story.open_auction(1, 10, 180, side=side, reserve_price=reserve)
    for number, price in enumerate(bids, start=2):
        story.bid(number, 1, price, lot_id=number if side == "buy" else None)
    assert not hasattr(story.market.auction(1), "reserve_price")
    story.time(100)
    assert story.lines[-1] == ends
    assert any(line.startswith("trade") for line in story.lines) == ends.endswith("sold")


def test_a_late_bid_moves_the_end() -> None:
    story = room()
    story.open_auction(1, 10, 180, extension_ns=20)
    story.time(79)
    story.bid(2, 1, 180)
    story.time(80)
    story.bid(3, 1, 181)
    story.time(81)
    story.bid(4, 1, 182)
    assert story.market.next_deadline_ns() == 101
    story.time(100)
    story.bid(5, 1, 183)
    story.time(119)
    story.time(120)
    story.tells("""
        auction 1
        bid 2 in 1: 180
        bid 3 in 1: 181
        bid 4 in 1: 182
        extended 1: 101
        bid 5 in 1: 183
        extended 1: 120
        trade 1: 5 buys 10 of 1 at 183
        closed 1: 10 at 183, sold
    """)


def test_an_end_moves_no_further_than_time_goes() -> None:
    story = room()
    story.open_auction(1, 10, 180, extension_ns=2**63 - 1)
    story.time(1)
    story.bid(2, 1, 180)
    story.bid(3, 1, 181)
    story.tells(f"""
        auction 1
        bid 2 in 1: 180
        extended 1: {2**63 - 1}
        bid 3 in 1: 181
    """)
    assert Market.restore(story.market.snapshot()).next_deadline_ns() == 2**63 - 1


def test_who_leads_may_raise_his_own_bid_and_who_opened_may_not_bid() -> None:
    story = room()
    story.open_auction(1, 10, 180)
    story.bid(2, 1, 180, by=1)
    story.bid(2, 1, 180)
    story.bid(3, 1, 190, by=2)
    story.tells("""
        auction 1
        rejected 2: own_auction
        bid 2 in 1: 180
        bid 3 in 1: 190
    """)


def test_only_the_leading_bid_keeps_its_id() -> None:
    story = room()
    story.market.apply(DefineInstrument("GJ"))
    story.open_auction(1, 10, 180)
    story.bid(2, 1, 180)
    story.bid(2, 1, 190, by=3)
    story.apply(PlaceOrder(2, 1, "GJ", "buy", 5, price=100))
    story.bid(3, 1, 190)
    story.apply(PlaceOrder(2, 1, "GJ", "buy", 5, price=100))
    story.time(100)
    story.open_auction(3, 10, 180, ends_ns=200)
    story.tells("""
        auction 1
        bid 2 in 1: 180
        rejected 2: duplicate_order_id
        rejected 2: duplicate_order_id
        bid 3 in 1: 190
        trade 1: 3 buys 10 of 1 at 190
        closed 1: 10 at 190, sold
        auction 3
    """)
    assert story.market.order(2) is not None


def test_an_auction_is_withdrawn_only_while_nobody_has_bid() -> None:
    story = room()
    story.open_auction(1, 10, 180)
    story.open_auction(2, 10, 180, by=1)
    story.bid(3, 1, 180)
    story.withdraw("auction", 1)
    story.withdraw("auction", 2, by=3)
    story.mass_cancel(1, side="buy")
    story.mass_cancel(1)
    story.withdraw("auction", 2, by=1)
    story.open_auction(4, 10, 180)
    story.withdraw("auction", 4)
    story.tells("""
        auction 1
        auction 2
        bid 3 in 1: 180
        withdraw_auction rejected 1: has_bids
        withdraw_auction rejected 2: unknown_auction
        closed 2: mass_cancel
        withdraw_auction rejected 2: unknown_auction
        auction 4
        closed 4: requested
    """)


# Dutch


def test_the_clock_falls_and_the_first_bid_has_the_lot() -> None:
    story = room()
    story.open_auction(1, 800, 300, style="dutch", step=10, interval_ns=5, reserve_price=275)
    shown = []
    for time_ns in (0, 4, 5, 9, 10, 15, 99):
        story.time(time_ns)
        view = story.market.auction(1)
        assert view is not None
        shown.append((time_ns, view.price))
    assert shown == [(0, 300), (4, 300), (5, 290), (9, 290), (10, 280), (15, 275), (99, 275)]
    story.bid(2, 1, 274)
    story.bid(2, 1, None)
    story.bid(3, 1, None)
    story.tells("""
        auction 1
        rejected 2: clock_not_reached
        bid 2 in 1: 275
        trade 1: 2 buys 800 of 1 at 275
        closed 1: 800 at 275, sold
        rejected 3: unknown_auction
    """)


def test_a_dutch_bid_may_say_what_it_would_pay_at_most() -> None:
    story = room()
    story.open_auction(1, 800, 300, style="dutch", step=10, interval_ns=5)
    story.time(5)
    story.bid(2, 1, 289)
    story.bid(2, 1, 295)
    story.tells("""
        auction 1
        rejected 2: clock_not_reached
        bid 2 in 1: 290
        trade 1: 2 buys 800 of 1 at 290
        closed 1: 800 at 290, sold
    """)


def test_a_buyers_clock_rises() -> None:
    story = room()
    story.open_auction(1, 800, 300, side="buy", style="dutch", step=10, interval_ns=5, reserve_price=315)
    story.time(5)
    story.bid(2, 1, 311, lot_id=22)
    story.bid(2, 1, 310)
    story.time(50)
    story.bid(2, 1, 310, lot_id=22)
    story.tells("""
        auction 1
        rejected 2: clock_not_reached
        rejected 2: invalid_lot_id
        bid 2 in 1: 315
        trade 1: 1 buys 800 of 2 at 315
        closed 1: 800 at 315, sold
    """)


@pytest.mark.parametrize(("definition", "side", "stops_at"), [
    ({}, "sell", 1),
    ({"tick_size": 10}, "sell", 10),
    ({"tick_size": 10, "reference_price": 300, "band": 4}, "sell", 260),
    ({"tick_size": 10, "reference_price": 300, "band": 4}, "buy", 340),
    ({"tick_size": 10}, "buy", (2**53 - 1) // 10 * 10),
])  # fmt: skip
def test_without_a_reserve_the_clock_stops_at_the_last_price_that_the_instrument_allows(
    definition: dict[str, int], side: str, stops_at: int
) -> None:
    story = room(**definition)
    story.open_auction(1, 10, 300, side=side, style="dutch", step=70, interval_ns=1, ends_ns=2**62)
    story.time(2**61)
    view = story.market.auction(1)
    assert view is not None
    assert view.price == stops_at


def test_a_clock_that_nobody_stops_ends_without_bids() -> None:
    story = room()
    story.open_auction(1, 10, 300, style="dutch", interval_ns=5)
    story.time(100)
    story.tells("""
        auction 1
        closed 1: no_bids
    """)


# Both


@pytest.mark.parametrize(("terms", "reason"), [
    ({"lot_id": None}, "invalid_lot_id"),
    ({"side": "buy", "lot_id": 5}, "invalid_lot_id"),
    ({"start_price": 0}, "invalid_start_price"),
    ({"start_price": 101}, "invalid_start_price"),
    ({"reserve_price": 0}, "invalid_reserve_price"),
    ({"step": 0}, "invalid_step"),
    ({"step": 3}, "invalid_step"),
    ({"ends_ns": 0}, "invalid_ends_ns"),
    ({"extension_ns": -1}, "invalid_extension_ns"),
    ({"interval_ns": 1}, "invalid_interval_ns"),
    ({"style": "dutch"}, "invalid_interval_ns"),
    ({"style": "dutch", "interval_ns": 0}, "invalid_interval_ns"),
    ({"style": "dutch", "interval_ns": 1, "extension_ns": 1}, "invalid_extension_ns"),
    ({"style": "dutch", "interval_ns": 1, "reserve_price": 102}, "invalid_reserve_price"),
    ({"style": "dutch", "interval_ns": 1, "reserve_price": 98, "side": "buy"}, "invalid_reserve_price"),
    ({"start_price": 112}, "outside_band"),
    ({"reserve_price": 112}, "outside_band"),
    ({"quantity": 5}, "invalid_quantity"),
])  # fmt: skip
def test_an_auction_that_makes_no_sense_is_not_opened(terms: dict[str, object], reason: str) -> None:
    story = room(tick_size=2, lot_size=10, reference_price=100, band=5)
    story.open_auction(1, **{"quantity": 10, "start_price": 100, "step": 2, **terms})  # type: ignore[arg-type]
    story.tells(f"rejected 1: {reason}")


def test_bids_keep_to_tick_and_band() -> None:
    story = room(tick_size=2, reference_price=100, band=5)
    story.open_auction(1, 10, 100, step=2)
    for price in (None, 101, 112, 110):
        story.bid(2, 1, price)
    story.bid(3, 9, 110)
    story.tells("""
        auction 1
        rejected 2: invalid_price
        rejected 2: invalid_price
        rejected 2: outside_band
        bid 2 in 1: 110
        rejected 3: unknown_auction
    """)


def test_the_close_of_the_instrument_ends_its_auctions_unsold() -> None:
    story = room()
    story.open_auction(1, 10, 180)
    story.open_auction(2, 10, 180)
    story.bid(3, 1, 180)
    story.phase("closed")
    story.open_auction(3, 10, 180)
    story.tells("""
        auction 1
        auction 2
        bid 3 in 1: 180
        phase closed
        closed 1: closed
        closed 2: closed
        rejected 3: wrong_phase
    """)


@pytest.mark.parametrize("cancel", [False, True])
def test_nothing_is_sold_in_a_halt(cancel: bool) -> None:
    story = room(cancel_on_halt=cancel)
    story.open_auction(1, 10, 180)
    story.bid(3, 1, 180)
    story.open_auction(2, 10, 180, ends_ns=200)
    story.lines.clear()
    story.phase("halted")
    if cancel:
        story.tells("""
            phase halted
            closed 1: halted
            closed 2: halted
        """)
    else:
        story.bid(4, 1, 190)
        story.withdraw("auction", 1)
        story.time(100)
        story.phase("continuous")
        story.bid(4, 2, 180)
        story.tells("""
            phase halted
            rejected 4: wrong_phase
            withdraw_auction rejected 1: has_bids
            closed 1: halted
            phase continuous
            bid 4 in 2: 180
        """)


def test_auctions_end_in_the_order_of_their_ends() -> None:
    story = room()
    story.open_auction(3, 10, 180, ends_ns=50)
    story.open_auction(2, 10, 180, ends_ns=60)
    story.open_auction(1, 10, 180, ends_ns=60)
    for number, auction_id in enumerate((1, 2, 3), start=10):
        story.bid(number, auction_id, 180)
    story.lines.clear()
    story.time(70)
    story.tells("""
        trade 1: 12 buys 10 of 3 at 180
        closed 3: 10 at 180, sold
        trade 2: 10 buys 10 of 1 at 180
        closed 1: 10 at 180, sold
        trade 3: 11 buys 10 of 2 at 180
        closed 2: 10 at 180, sold
    """)


def test_auctions_are_for_their_own_mode() -> None:
    story = Story(mode="listing")
    story.open_auction(1, 10, 180)
    terms = {"lot_id": 1, "style": "english", "start_price": 1, "step": 1, "ends_ns": 9}
    story.apply(OpenAuction(auction_id=1, participant_id=1, symbol="NONE", quantity=1, **terms))  # type: ignore[arg-type]
    story.tells("""
        rejected 1: wrong_mode
        rejected 1: unknown_symbol
    """)


def test_a_restored_clock_goes_on() -> None:
    story = room()
    story.time(3)
    story.open_auction(1, 800, 300, style="dutch", step=10, interval_ns=5)
    story.open_auction(2, 800, 100)
    story.bid(4, 2, 110)
    story.time(9)
    market = Market.restore(story.market.snapshot())
    market.audit()
    assert market.auctions(SYMBOL) == story.market.auctions(SYMBOL)
    assert [view.price for view in market.auctions(SYMBOL)] == [290, 110]
    assert market.check(PlaceOrder(4, 1, SYMBOL, "buy", 5, price=100)) == "duplicate_order_id"
