"""An auction that a collar began has an end of its own, with a timetable or without.

The instrument's reference is 230 fen and its dynamic limit 5, so that a bid that meets an offer at 250 begins one.
"""

import asyncio
from pathlib import Path
from random import Random

import pytest

from exchange.calendar import Timetable, VolatilityAuction
from exchange.clock import RealClock
from exchange.protocol import Entry
from matching.messages import DefineInstrument
from settlement.messages import OrderDelivery
from tests.exchange.house import CHEN, OTHER, SECOND_NS, SYMBOL, USUAL, House, at, house
from tests.running import found, let_in, listening, lot_cut, serving, take_in

DAY, DAY_OFF = "2026-11-23", "2026-11-28"
UNTIL_THE_OPERATOR = VolatilityAuction(0, 30)
WITH_OR_WITHOUT = pytest.mark.parametrize("timetable", [USUAL, None], ids=["sessions", "round-the-clock"])


async def open_with_a_collar(venue: House) -> None:
    """There is something to sell."""
    await venue.do(DefineInstrument(SYMBOL, reference_price=230, collar=5))
    await venue.receipt()


async def leave_the_limit(venue: House, price: int = 250) -> None:
    """Li's bid meets Chen's offer of 100 kg beyond the limit, and waits."""
    await venue.order("sell", 100, price)
    bid = await venue.order("buy", 100, price)
    assert (bid.status, bid.filled) == ("resting", 0)
    assert (await venue.news())[-1] == "auction"


@WITH_OR_WITHOUT
async def test_it_uncrosses_after_its_time_and_trading_goes_on(tmp_path: Path, timetable: Timetable | None) -> None:
    async with house(tmp_path, timetable=timetable, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        assert (await venue.order("buy", 100, 250, time_in_force="ioc")).reason == "wrong_phase"
        assert await venue.go(DAY, "10:04:59") == []
        assert await venue.go(DAY, "10:05") == ["uncross 100 at 250", "continuous"]

        await venue.order("sell", 200, 253)
        assert (await venue.order("buy", 200, 253)).status == "filled"
        assert await venue.go(DAY, "10:20") == []
        await leave_the_limit(venue, 270)
        assert await venue.go(DAY, "10:24:59") == [], "each has its own end"
        assert await venue.go(DAY, "10:25") == ["uncross 100 at 270", "continuous"]


@WITH_OR_WITHOUT
async def test_a_stop_that_the_uncross_sets_off_may_begin_the_next(tmp_path: Path, timetable: Timetable | None) -> None:
    """That one is caused by the bell's own command, and ends like the others."""
    async with house(tmp_path, timetable=timetable, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await venue.order("buy", 100, 300, kind="stop_limit", stop_price=245)
        await venue.order("sell", 100, 280)
        await leave_the_limit(venue)
        assert await venue.go(DAY, "10:05") == ["uncross 100 at 250", "continuous", "auction"]
        assert await venue.go(DAY, "10:09:59") == []
        assert await venue.go(DAY, "10:10") == ["uncross 100 at 280", "continuous"]


async def test_it_ends_at_the_drawn_moment(tmp_path: Path) -> None:
    lasts = VolatilityAuction(300, 30)
    drawn = lasts.end_ns(at(DAY, "10:00"), Random(5))
    assert at(DAY, "10:04:30") < drawn < at(DAY, "10:05")
    async with house(tmp_path, timetable=None, volatility=lasts, chance=Random(5), stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        await venue.sequencer.set_clock(drawn - 1)
        assert await venue.news() == []
        await venue.sequencer.set_clock(drawn)
        assert await venue.news() == ["uncross 100 at 250", "continuous"]
        assert (await venue.sequencer.recorded(venue.sequencer.sequence)).time_ns == drawn


def test_ends_are_drawn_from_the_last_seconds() -> None:
    lasts, chance = VolatilityAuction(300, 30), Random(1)
    drawn = {lasts.end_ns(0, chance) for _ in range(1_000)}
    assert min(drawn) >= 270 * SECOND_NS
    assert max(drawn) <= 300 * SECOND_NS
    assert len(drawn) > 900


# --- the timetable


async def test_a_jump_ends_it_before_the_changes_that_come_later(tmp_path: Path) -> None:
    async with house(tmp_path, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        assert await venue.go(DAY, "16:00") == [
            *("uncross 100 at 250", "continuous"),
            *("halted", "continuous", "auction", "closed"),
        ]


@pytest.mark.parametrize(("begins", "looks"), [("11:28", "11:30"), ("11:28", "12:00"), ("11:25", "11:30")])
async def test_the_break_takes_it_over(tmp_path: Path, begins: str, looks: str) -> None:
    """Also where both come at once."""
    async with house(tmp_path, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, begins)
        await leave_the_limit(venue)
        assert await venue.go(DAY, looks) == ["halted"]
        assert await venue.go(DAY, "13:29") == []
        assert await venue.go(DAY, "13:30") == ["uncross 100 at 250", "continuous"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_the_closing_auction_takes_it_over(tmp_path: Path, restarts: bool) -> None:
    async with house(tmp_path, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "15:23")
        await leave_the_limit(venue)
        assert await venue.go(DAY, "15:26") == []
        if not restarts:
            assert await venue.go(DAY, "15:29:59") == []
            assert await venue.go(DAY, "15:30") == ["uncross 100 at 250", "closed"]
    if restarts:
        async with house(tmp_path, DAY, "15:29") as venue:
            assert await venue.news() == []
            assert await venue.go(DAY, "15:30") == ["uncross 100 at 250", "closed"]


async def test_what_was_opened_by_hand_on_a_day_off_is_open_again(tmp_path: Path) -> None:
    async with house(tmp_path, DAY_OFF, "09:00", stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.set_phase("continuous")
        await leave_the_limit(venue)
        assert await venue.go(DAY_OFF, "09:05") == ["uncross 100 at 250", "continuous"]


# --- starts


@WITH_OR_WITHOUT
async def test_a_start_goes_on_with_one_that_is_under_way(tmp_path: Path, timetable: Timetable | None) -> None:
    async with house(tmp_path, timetable=timetable, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        await venue.go(DAY, "10:02")
    async with house(tmp_path, DAY, "10:03", timetable=timetable) as venue:
        assert await venue.news() == []
        assert await venue.go(DAY, "10:04:59") == []
        assert await venue.go(DAY, "10:05") == ["uncross 100 at 250", "continuous"]
    async with house(tmp_path, DAY, "10:30", timetable=timetable) as venue:
        assert await venue.news() == []


@WITH_OR_WITHOUT
async def test_a_start_ends_one_whose_time_has_passed(tmp_path: Path, timetable: Timetable | None) -> None:
    async with house(tmp_path, timetable=timetable, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
    async with house(tmp_path, DAY, "10:30", timetable=timetable) as venue:
        assert await venue.news() == ["uncross 100 at 250", "continuous"]


async def test_a_start_after_a_missed_end_makes_it_before_the_changes(tmp_path: Path) -> None:
    async with house(tmp_path, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
    async with house(tmp_path, DAY, "12:00") as venue:
        assert await venue.news() == ["uncross 100 at 250", "continuous", "halted"]


async def test_a_start_closes_at_night_what_was_opened_by_hand(tmp_path: Path) -> None:
    async with house(tmp_path, DAY, "20:00", stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.set_phase("continuous")
        await leave_the_limit(venue)
    async with house(tmp_path, DAY, "20:30") as venue:
        assert await venue.news() == ["uncross 100 at 250", "closed"]


# --- other hands


async def test_an_auction_set_by_hand_is_the_operators(tmp_path: Path) -> None:
    async with house(tmp_path, DAY, "10:00", timetable=None) as venue:
        await venue.set_phase("auction")
        await venue.do(DefineInstrument(OTHER, phase="auction"))
        await venue.news()
        assert await venue.go(DAY, "12:00") == []
    async with house(tmp_path, DAY, "13:00", timetable=None) as venue:
        assert await venue.news() == []
        assert await venue.go(DAY_OFF, "13:00") == []
        assert (venue.phase(), venue.phase(OTHER)) == ("auction", "auction")


@pytest.mark.parametrize("by_hand", [("halted",), ("closed",), ("halted", "auction")])
@WITH_OR_WITHOUT
async def test_whoever_sets_another_phase_meanwhile_has_it(
    tmp_path: Path, timetable: Timetable | None, by_hand: tuple[str, ...]
) -> None:
    async with house(tmp_path, timetable=timetable, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        await venue.go(DAY, "10:02")
        for phase in by_hand:
            await venue.set_phase(phase)
        await venue.news()
        assert await venue.go(DAY, "10:30") == []
        assert venue.phase() == by_hand[-1]


@WITH_OR_WITHOUT
async def test_a_start_remembers_who_set_another_phase(tmp_path: Path, timetable: Timetable | None) -> None:
    async with house(tmp_path, timetable=timetable, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        await venue.set_phase("halted")
    async with house(tmp_path, DAY, "10:30", timetable=timetable) as venue:
        assert await venue.news() == []
        assert venue.phase() == "halted"


async def test_a_call_auction_that_a_receipt_opens_again_is_none(tmp_path: Path) -> None:
    async with house(tmp_path, DAY, "10:00", timetable=None, stocked=False) as venue:
        await venue.do(DefineInstrument(SYMBOL, mode="call_auction", phase="auction"))
        await venue.do(OrderDelivery(participant_id=CHEN, receipt_id=await venue.receipt()))
        await venue.receipt()
        assert await venue.news() == ["closed", "auction"]
        before = venue.engine.sequence
        await venue.go(DAY, "11:00")
        assert venue.engine.sequence == before + 1, "time has come, and nothing else was tried"


async def test_one_that_the_operator_ended_has_no_end_left(tmp_path: Path) -> None:
    """The next begins at 10:03, and ends by its own count."""
    async with house(tmp_path, timetable=None, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        await venue.set_phase("continuous")
        await venue.go(DAY, "10:03")
        await leave_the_limit(venue, 270)
        assert await venue.go(DAY, "10:05") == []
        assert await venue.go(DAY, "10:08") == ["uncross 100 at 270", "continuous"]


async def test_what_sells_out_meanwhile_stays_closed(tmp_path: Path) -> None:
    async with house(tmp_path, timetable=None, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        await venue.cancel_all(CHEN)
        await venue.do(OrderDelivery(participant_id=CHEN, receipt_id=1))
        assert await venue.news() == ["closed", "expired"]
        assert await venue.go(DAY, "10:30") == []


@WITH_OR_WITHOUT
async def test_without_a_length_it_waits_for_the_operator(tmp_path: Path, timetable: Timetable | None) -> None:
    async with house(tmp_path, timetable=timetable, volatility=UNTIL_THE_OPERATOR, stocked=False) as venue:
        await open_with_a_collar(venue)
        await venue.go(DAY, "10:00")
        await leave_the_limit(venue)
        assert await venue.go(DAY, "11:00") == []
    async with house(tmp_path, DAY, "11:10", timetable=timetable, volatility=UNTIL_THE_OPERATOR) as venue:
        assert await venue.news() == []
        await venue.set_phase("continuous")
        assert await venue.news() == ["uncross 100 at 250", "continuous"]


async def test_a_venue_without_a_timetable_sets_no_other_phase(tmp_path: Path) -> None:
    async with house(tmp_path, DAY, "10:00", timetable=None, stocked=False) as venue:
        await venue.do(DefineInstrument(OTHER, phase="closed"))
        await venue.receipt()
        assert await venue.news() == []
        await venue.set_phase("halted")
        await venue.news()
        assert await venue.go("2026-11-25", "10:00") == []
    async with house(tmp_path, "2026-11-26", "10:00", timetable=None) as venue:
        assert await venue.news() == []
        assert (venue.phase(), venue.phase(OTHER)) == ("halted", "closed")


# --- clocks


async def test_on_a_real_clock_it_ends_by_itself(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    before_ns, began = at(DAY, "10:00"), loop.time()
    clock = RealClock(source=lambda: before_ns + int((loop.time() - began) * SECOND_NS))
    lasts = VolatilityAuction(1, 0)
    async with house(tmp_path, timetable=None, volatility=lasts, clock=clock, stocked=False) as venue:
        ends: asyncio.Future[Entry] = loop.create_future()
        await open_with_a_collar(venue)
        await leave_the_limit(venue)
        began_ns = venue.engine.time_ns
        venue.sequencer.on_committed.append(lambda entry: ends.set_result(entry) if venue.heard else None)
        assert (await ends).time_ns >= began_ns + SECOND_NS
        assert await venue.news() == ["uncross 100 at 250", "continuous"]


def test_its_end_as_people_see_it(tmp_path: Path) -> None:
    """A venue as it starts by default, but for its clock."""
    data = tmp_path / "data"
    found(data)
    with serving(data, "--clock", "manual") as venue, listening(venue) as feed:
        operator = venue.person("operator")
        grower = let_in(operator, "grower", "grower")
        warehouse = let_in(operator, "warehouse", "warehouse")
        trader = let_in(operator, "trader", "trader", money_fen=1_000_000)
        symbol = take_in(grower, warehouse, lot_cut(grower, 1), 1_000_000)["symbol"]
        operator.post("/operator/phases", {"symbol": symbol, "phase": "closed"}, 200)
        operator.post("/operator/instruments", {"symbol": symbol, "reference_price": 230, "collar": 5})
        feed.say(op="subscribe", id=1, channel="status", symbols=[symbol])
        feed.until(op="subscribed", id=1)

        grower.place(symbol, "sell", 100, 250, client_order_id="offer")
        assert trader.place(symbol, "buy", 100, 250, client_order_id="bid")["status"] == "resting"
        assert feed.until(channel="status", kind="delta")["phase"] == "auction"
        assert operator.get(f"/instruments/{symbol}")["phase"] == "auction"

        now_ns = operator.get("/operator/clock")["time_ns"]
        operator.post("/operator/clock", {"time_ns": now_ns + 300 * SECOND_NS}, 200)
        shown = operator.get(f"/instruments/{symbol}")
        assert (shown["phase"], shown["last"]) == ("continuous", 250)
        assert feed.until(channel="status", kind="delta", phase="continuous")["symbol"] == symbol
        assert grower.place(symbol, "sell", 50, 252, client_order_id="goes on")["status"] == "resting"
        assert trader.place(symbol, "buy", 50, 252, client_order_id="goes on")["status"] == "filled"
