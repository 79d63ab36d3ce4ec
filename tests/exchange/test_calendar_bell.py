"""The bell sets the phases of the timetable through the sequencer, on a clock that the test moves."""

import asyncio
import logging
from pathlib import Path
from random import Random

import pytest

from exchange.calendar import Timetable, TradingCalendar, read_hours
from exchange.clock import ManualClock, RealClock
from exchange.engine import Engine
from exchange.protocol import Entry
from exchange.replay import replay
from exchange.sequencer import Sequencer
from exchange.sqlite_journal import SqliteJournal
from matching.messages import DefineInstrument
from settlement.civil import venue_day
from settlement.messages import HoldReceipt, LiftHold, OrderDelivery, RegradeLot
from settlement.venue import DEFAULT_VENUE
from tests.exchange.house import CHEN, OTHER, SECOND_NS, SYMBOL, USUAL, WAREHOUSE, at, house

# --- a day


async def test_a_day_goes_by(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        assert await venue.news() == ["closed"], "the first receipt opened it, and that was put right"
        day = "2026-11-23"
        assert await venue.go(day, "08:19:59") == []
        assert await venue.go(day, "08:20") == ["auction"]
        await venue.order("sell", 500, 230)
        await venue.order("buy", 300, 240)
        waits = await venue.order("buy", 100, 200, time_in_force="day")
        assert await venue.go(day, "08:29:59") == []
        assert await venue.go(day, "08:30") == ["uncross 300 at 230", "continuous"]
        assert await venue.go(day, "11:30") == ["halted"]
        assert (await venue.order("buy", 100, 200)).reason == "wrong_phase"
        assert await venue.go(day, "13:30") == ["continuous"]
        assert await venue.go(day, "15:25") == ["auction"]
        await venue.order("buy", 200, 230)
        assert await venue.go(day, "15:30") == ["uncross 200 at 230", "closed", "expired"]
        assert venue.engine.live_order(waits.order_id) is None
        assert await venue.go(day, "23:59:59") == []
        assert await venue.go("2026-11-24", "08:20") == ["auction"]


async def test_who_is_told_of_the_time_finds_its_phase(tmp_path: Path) -> None:
    """The commands that a time brings come before anything that hears of it can say."""
    async with house(tmp_path) as venue:
        await venue.sequencer.set_clock(at("2026-11-23", "08:30"))
        assert (await venue.order("buy", 100, 200, time_in_force="ioc")).reason == "immediate_or_cancel"
        await venue.sequencer.set_clock(at("2026-11-23", "15:30"))
        assert (await venue.order("buy", 100, 200)).reason == "wrong_phase"


async def test_auctions_end_at_the_drawn_moment(tmp_path: Path) -> None:
    hours = read_hours(("08:30-11:30", "13:30-15:30"), 600, 0, 300, 30)
    timetable = Timetable(TradingCalendar(), hours)
    drawn = timetable.changes(venue_day(at("2026-11-23", "07:00")), Random(5))[1].time_ns
    assert at("2026-11-23", "08:29:30") < drawn < at("2026-11-23", "08:30")
    async with house(tmp_path, timetable=timetable, chance=Random(5)) as venue:
        await venue.go("2026-11-23", "08:20")
        await venue.sequencer.set_clock(drawn - 1)
        assert await venue.news() == []
        await venue.sequencer.set_clock(drawn)
        assert await venue.news() == ["continuous"]
        outcome = await venue.sequencer.recorded(venue.sequencer.sequence)
        assert outcome.time_ns == drawn, "in the journal at the moment that was drawn"


@pytest.mark.parametrize("date", ["2026-11-28", "2026-10-01", "2026-10-10"])
async def test_a_day_off_passes_closed(tmp_path: Path, date: str) -> None:
    async with house(tmp_path, date, "06:00", stocked=False) as venue:
        await venue.do(DefineInstrument(SYMBOL))
        await venue.news()
        assert await venue.go(date, "23:00") == []
        assert venue.phase() == "closed"


# --- jumps


async def test_a_jump_over_a_session_makes_its_changes_in_order(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.news()
        assert await venue.go("2026-11-23", "13:00") == ["auction", "continuous", "halted"]
        assert await venue.go("2026-11-23", "16:00") == ["continuous", "auction", "closed"]


async def test_a_jump_over_a_night_expires_day_orders(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "10:00")
        await venue.order("buy", 100, 200, time_in_force="day")
        stays = await venue.order("buy", 100, 200)
        await venue.news()
        assert await venue.go("2026-11-24", "10:00") == [
            *("halted", "continuous", "auction", "closed", "expired"),
            *("auction", "continuous"),
        ]
        assert venue.engine.live_order(stays.order_id) is not None


async def test_a_jump_over_a_year_is_one_day_long(tmp_path: Path) -> None:
    async with house(tmp_path, "2026-01-05", "10:00", stocked=False) as venue:
        await venue.do(DefineInstrument(SYMBOL))
        await venue.order("buy", 100, 200, time_in_force="day")
        await venue.news()
        day = ["auction", "continuous", "halted", "continuous", "auction", "closed"]
        assert await venue.go("2026-12-30", "09:00") == [
            *("halted", "continuous", "auction", "closed", "expired"),
            *day,
            *("auction", "continuous"),
        ]


async def test_what_was_opened_by_hand_on_a_day_off_passes_through_the_next_close(tmp_path: Path) -> None:
    async with house(tmp_path, "2026-11-21", "10:00") as venue:
        await venue.set_phase("continuous")
        await venue.order("buy", 100, 200, time_in_force="day")
        await venue.news()
        assert "expired" in await venue.go("2026-11-24", "09:00")
        assert venue.phase() == "continuous"


@pytest.mark.parametrize("seed", range(3))
async def test_however_the_clock_jumps_the_phase_is_that_of_the_hour(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    now_ns = at("2026-09-20", "07:00")
    async with house(tmp_path, "2026-09-20", "07:00", stocked=False) as venue:
        await venue.do(DefineInstrument(SYMBOL))
        for _ in range(40):
            now_ns += chance.choice((1, 60, 3_600, 86_400)) * chance.randrange(1, 40) * SECOND_NS
            if now_ns >= at("2026-12-31", "00:00"):
                break
            await venue.sequencer.set_clock(now_ns)
            await venue.news()
            passed = [change for change in USUAL.changes(venue_day(now_ns), chance) if change.time_ns <= now_ns]
            assert venue.phase() == (passed[-1].phase if passed else "closed"), (seed, now_ns)


# --- starts


async def test_a_start_after_a_missed_close_passes_through_it(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "15:26")
        await venue.order("sell", 500, 230)
        await venue.order("buy", 300, 240)
        await venue.order("buy", 100, 200, time_in_force="day")
    async with house(tmp_path, "2026-11-24", "08:25") as venue:
        assert await venue.news() == ["uncross 300 at 230", "closed", "expired", "auction"]


async def test_a_start_uncrosses_what_an_auction_collected(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "08:25")
        await venue.order("sell", 500, 230)
        await venue.order("buy", 300, 240)
    async with house(tmp_path, "2026-11-23", "09:00") as venue:
        assert await venue.news() == ["uncross 300 at 230", "continuous"]


async def test_a_start_finds_the_same_whatever_it_wrote_first(tmp_path: Path) -> None:
    """A start with another fee journals that before the bell rings: the close was missed all the same."""
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "10:00")
        await venue.order("buy", 100, 200, time_in_force="day")
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    engine = replay(journal, Engine)
    sequencer = Sequencer(engine, journal, ManualClock(at("2026-11-24", "10:00")))
    await sequencer.submit(DEFAULT_VENUE)
    await sequencer.close()
    async with house(tmp_path, "2026-11-24", "10:00") as venue:
        assert "expired" in await venue.news()
        assert venue.phase() == "continuous"


async def test_a_call_auction_collects_all_day_and_uncrosses_at_the_close(tmp_path: Path) -> None:
    async with house(tmp_path, stocked=False) as venue:
        await venue.do(DefineInstrument(SYMBOL, mode="call_auction", phase="closed"))
        await venue.receipt()
        assert await venue.go("2026-11-23", "08:20") == ["auction"]
        await venue.order("sell", 500, 230)
        await venue.order("buy", 300, 240)
        assert await venue.go("2026-11-23", "10:00") == []
        assert await venue.go("2026-11-23", "11:30") == ["halted"]
        assert await venue.go("2026-11-23", "13:30") == ["auction"]
        assert await venue.go("2026-11-23", "15:30") == ["uncross 300 at 230", "closed"]
        assert await venue.go("2026-11-24", "10:00") == ["auction"]
        await venue.order("buy", 200, 230)
    async with house(tmp_path, "2026-11-24", "10:30") as venue:
        assert await venue.news() == []
        assert await venue.go("2026-11-24", "20:00") == ["halted", "auction", "uncross 200 at 230", "closed"]


async def test_a_start_brings_a_venue_that_traded_round_the_clock_to_its_hours(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    engine = replay(journal, Engine)
    sequencer = Sequencer(engine, journal, ManualClock(at("2026-11-23", "20:00")))
    for command in (
        DEFAULT_VENUE,
        DefineInstrument(SYMBOL),
        DefineInstrument(OTHER, mode="call_auction", phase="auction"),
    ):
        await sequencer.submit(command)
    await sequencer.close()
    async with house(tmp_path, "2026-11-23", "20:05") as venue:
        assert await venue.news() == ["closed", f"closed {OTHER}"]


@pytest.mark.parametrize("second_chance", range(5))
async def test_a_restart_in_the_last_seconds_of_an_auction_never_goes_back_into_it(
    tmp_path: Path, second_chance: int
) -> None:
    timetable = Timetable(TradingCalendar(), read_hours(("08:30-11:30",), 600, 0, 0, 300))
    async with house(tmp_path, timetable=timetable, chance=Random(2)) as venue:
        drawn = timetable.changes(venue_day(at("2026-11-23", "07:00")), Random(2))[1].time_ns
        await venue.sequencer.set_clock(drawn)
        assert (await venue.news())[-1] == "continuous"
    now = ManualClock(drawn + SECOND_NS)
    async with house(tmp_path, timetable=timetable, chance=Random(second_chance), clock=now) as venue:
        assert await venue.news() == []
        assert venue.phase() == "continuous"


# --- other hands


async def test_a_halt_by_hand_outlasts_break_night_and_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "10:00")
        await venue.set_phase("halted")
        await venue.news()
        assert await venue.go("2026-11-23", "12:00") == []
        assert await venue.go("2026-11-23", "14:00") == []
    async with house(tmp_path, "2026-11-23", "14:30") as venue:
        assert await venue.go("2026-11-24", "10:00") == []
        assert venue.phase() == "halted"
        await venue.set_phase("auction")
        await venue.news()
        assert await venue.go("2026-11-24", "11:30") == ["halted"]
        assert await venue.go("2026-11-24", "13:30") == ["continuous"], "in the calendar's hands again"


async def test_a_restart_in_the_break_tells_whose_halt_it_is(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.do(DefineInstrument(OTHER))
        await venue.go("2026-11-23", "10:00")
        await venue.set_phase("halted", OTHER)
        await venue.go("2026-11-23", "12:00")
        assert (venue.phase(), venue.phase(OTHER)) == ("halted", "halted")
    async with house(tmp_path, "2026-11-23", "12:30") as venue:
        assert await venue.go("2026-11-23", "13:30") == ["continuous"]
        assert venue.phase(OTHER) == "halted"


async def test_a_close_by_hand_lasts_until_the_next_day_begins(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "10:00")
        await venue.set_phase("closed")
        await venue.news()
        assert await venue.go("2026-11-23", "14:00") == []
    async with house(tmp_path, "2026-11-23", "14:30") as venue:
        assert await venue.news() == []
        assert await venue.go("2026-11-24", "08:20") == ["auction"]


async def test_what_is_opened_by_hand_stays_open_until_the_next_change(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "12:00")
        await venue.set_phase("continuous")
        await venue.news()
        assert await venue.go("2026-11-23", "13:29") == []
        assert await venue.go("2026-11-23", "15:25") == ["auction"]


@pytest.mark.parametrize(
    ("time", "phase"),
    [("08:25", "auction"), ("10:00", "continuous"), ("12:00", "halted"), ("15:26", "auction"), ("20:00", "closed")],
)
async def test_a_new_instrument_gets_the_phase_of_the_hour(tmp_path: Path, time: str, phase: str) -> None:
    async with house(tmp_path, stocked=False) as venue:
        await venue.go("2026-11-23", time)
        await venue.receipt()
        await venue.do(DefineInstrument(OTHER))
        await venue.do(DefineInstrument("BXJ-2-SX1-26W47", mode="call_auction", phase="auction"))
        assert (venue.phase(), venue.phase(OTHER)) == (phase, phase)
        assert venue.phase("BXJ-2-SX1-26W47") == ("auction" if phase == "continuous" else phase)


async def test_what_is_sold_out_stays_closed_until_there_is_a_receipt_again(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "10:00")
        await venue.do(OrderDelivery(participant_id=CHEN, receipt_id=1))
        assert (await venue.news())[-1] == "closed"
        assert await venue.go("2026-11-24", "10:00") == []
        await venue.receipt()
        assert await venue.news() == ["continuous"]


async def test_what_is_sold_out_overnight_opens_with_the_next_receipt(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "20:00")
        await venue.do(OrderDelivery(participant_id=CHEN, receipt_id=1))
        await venue.news()
        assert await venue.go("2026-11-24", "10:00") == []
        await venue.receipt()
        assert await venue.news() == ["continuous"]


async def test_goods_that_come_free_at_night_open_nothing_before_the_day(tmp_path: Path) -> None:
    """Held by day, which closed the instrument; lifted at night, which opens it, and the bell puts that right."""
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "10:00")
        await venue.do(HoldReceipt(operator_id=WAREHOUSE, receipt_id=1, cause="quality", reason="soft"))
        assert (await venue.news())[-1] == "closed"
        await venue.go("2026-11-23", "20:00")
        await venue.do(LiftHold(operator_id=WAREHOUSE, receipt_id=1, cause="quality"))
        assert venue.engine.tradable(SYMBOL)
        assert venue.phase() == "closed"
        await venue.go("2026-11-24", "10:00")
        assert venue.phase() == "continuous"


async def test_goods_that_were_kept_overnight_open_when_they_come_free(tmp_path: Path) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", "20:00")
        await venue.do(HoldReceipt(operator_id=WAREHOUSE, receipt_id=1, cause="quality", reason="soft"))
        await venue.go("2026-11-24", "10:00")
        assert venue.phase() == "closed"
        await venue.do(LiftHold(operator_id=WAREHOUSE, receipt_id=1, cause="quality"))
        assert venue.phase() == "continuous"


@pytest.mark.parametrize(("time", "phase"), [("10:00", "continuous"), ("20:00", "closed")])
async def test_a_regraded_lots_instrument_gets_the_phase_of_the_hour(tmp_path: Path, time: str, phase: str) -> None:
    async with house(tmp_path) as venue:
        await venue.go("2026-11-23", time)
        await venue.do(RegradeLot(operator_id=WAREHOUSE, lot_id=1, grade="2", colour_stage=1, reason="scars"))
        assert venue.phase("BXJ-2-SX1-26W47") == phase
        assert venue.phase() == "closed"


async def test_an_instrument_that_waits_for_its_first_receipt_opens_every_day(tmp_path: Path) -> None:
    async with house(tmp_path, stocked=False) as venue:
        await venue.do(DefineInstrument(SYMBOL))
        await venue.news()
        assert await venue.go("2026-11-23", "10:00") == ["auction", "continuous"]
        assert (await venue.go("2026-11-24", "10:00"))[-2:] == ["auction", "continuous"]


# --- limits


async def test_in_an_unknown_year_the_venue_stays_closed_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = TradingCalendar(["2098-12-25"])
    timetable = Timetable(told, USUAL.hours)
    with caplog.at_level(logging.WARNING, "exchange.bell"):
        async with house(tmp_path, "2098-11-20", "10:00", timetable=timetable, stocked=False) as venue:
            await venue.do(DefineInstrument(SYMBOL))
            assert venue.phase() == "continuous"
            assert caplog.messages == []
            await venue.go("2098-12-15", "10:00")
            assert [record.levelname for record in caplog.records] == ["WARNING"]
            assert "stay closed in 2099" in caplog.text
            await venue.go("2099-01-05", "10:00")
            await venue.go("2099-01-06", "10:00")
            assert venue.phase() == "closed"
            assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
            assert "holidays of 2099 are not known" in caplog.messages[-1]
            await venue.set_phase("continuous")
            await venue.go("2099-01-07", "20:00")
            assert venue.phase() == "continuous", "an operator may open it by hand"


async def test_more_instruments_than_the_queue_holds_all_follow(tmp_path: Path) -> None:
    async with house(tmp_path, "2026-11-23", "10:00", stocked=False, maximum_waiting=16) as venue:
        symbols = [f"BXJ-1-SX1-26W{week:02}" for week in range(1, 48)]
        for symbol in symbols:
            await venue.do(DefineInstrument(symbol))
        await venue.sequencer.set_clock(at("2026-11-23", "16:00"))
        while any(venue.phase(symbol) != "closed" for symbol in symbols):
            await asyncio.sleep(0)
            await venue.sequencer.settled()


async def test_on_a_real_clock_the_hours_come_by_themselves(tmp_path: Path) -> None:
    """The machine's time runs on from half a second before the opening."""
    loop = asyncio.get_running_loop()
    before_ns = at("2026-11-23", "08:29:59") + SECOND_NS // 2
    began: list[float] = []
    clock = RealClock(source=lambda: before_ns + int((loop.time() - began[0]) * SECOND_NS if began else 0))
    hours = read_hours(("08:30-11:30",), 0, 0, 0, 0)
    async with house(tmp_path, timetable=Timetable(TradingCalendar(), hours), clock=clock) as venue:
        assert await venue.news() == ["closed"]
        opening: asyncio.Future[Entry] = loop.create_future()
        venue.sequencer.on_committed.append(lambda entry: opening.set_result(entry) if venue.heard else None)
        began.append(loop.time())
        assert (await opening).time_ns >= at("2026-11-23", "08:30")
        assert await venue.news() == ["continuous"]
