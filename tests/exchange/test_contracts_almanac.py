"""The venue is told its trading days a year ahead, day by day, and again when the calendar says otherwise."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from exchange.almanac import AHEAD_DAYS, Almanac
from exchange.calendar import TradingCalendar
from exchange.protocol import Entry
from settlement.civil import day_number, iso_date
from settlement.messages.contracts import ContractTerms, TradingDaysAnnounced
from settlement.trading_days import TradingDays
from settlement.venue import DEFAULT_VENUE
from tests.exchange.house import House, at, house

WITH_CONTRACTS = replace(DEFAULT_VENUE, contract=ContractTerms())


def day_of(date: str) -> int:
    day = day_number(date)
    assert day is not None
    return day


class Told(NamedTuple):
    """A running house whose venue has an almanac, and what that has announced."""

    house: House
    announced: list[TradingDaysAnnounced]
    commands: list[str]

    @property
    def days(self) -> TradingDays:
        return self.house.engine.contracts.days

    async def configure(self) -> None:
        await self.house.do(WITH_CONTRACTS)
        await self.house.sequencer.settled()


@asynccontextmanager
async def told_house(
    path: Path, calendar: TradingCalendar | None, date: str = "2025-06-02", *, contracts: bool = True
) -> AsyncIterator[Told]:
    async with house(path, date, "10:00", timetable=None, stocked=False) as running:
        if contracts:
            await running.do(WITH_CONTRACTS)
        told = Told(running, [], [])

        def hear(entry: Entry) -> None:
            told.commands.extend(str(command.__struct_config__.tag) for command in entry.commands)
            for events in entry.events:
                told.announced.extend(event for event in events if isinstance(event, TradingDaysAnnounced))

        running.sequencer.on_committed.append(hear)
        Almanac(calendar).start(running.sequencer, running.engine)
        await running.sequencer.advance()
        await running.sequencer.settled()
        yield told


async def test_a_venue_is_told_a_year_of_trading_days_and_then_a_day_a_day(tmp_path: Path) -> None:
    async with told_house(tmp_path, TradingCalendar()) as venue:
        (first,) = venue.announced
        assert (first.since, first.until) == ("2025-06-02", iso_date(day_of("2025-06-02") + AHEAD_DAYS))
        days = venue.days
        # The second of June is a holiday of 2025 (dragon boat), the seventh of June a Saturday.
        assert days.is_trading_day(day_of("2025-06-02")) is False
        assert days.is_trading_day(day_of("2025-06-03")) is True
        assert days.is_trading_day(day_of("2025-10-01")) is False
        assert days.add(day_of("2025-06-06"), 1) == day_of("2025-06-09")

        await venue.house.go("2025-06-02", "23:59")
        assert len(venue.announced) == 1
        await venue.house.go("2025-06-03", "00:00")
        await venue.configure()
        assert [(each.since, each.until) for each in venue.announced[1:]] == [("2026-06-04", "2026-06-04")]
        await venue.house.go("2025-06-10", "00:00")
        await venue.configure()
        assert venue.announced[-1].until == iso_date(day_of("2025-06-10") + AHEAD_DAYS)


async def test_after_a_start_what_is_told_already_is_not_told_again(tmp_path: Path) -> None:
    async with told_house(tmp_path, TradingCalendar()) as venue:
        assert len(venue.announced) == 1
    async with told_house(tmp_path, TradingCalendar(), contracts=False) as again:
        assert again.announced == []
        assert again.commands == ["advance_time"]


async def test_a_day_on_which_the_venue_closes_after_all_is_told_with_what_follows(tmp_path: Path) -> None:
    async with told_house(tmp_path, TradingCalendar()):
        pass
    async with told_house(tmp_path, TradingCalendar(["2025-07-15"])) as venue:
        (correction,) = venue.announced
        assert (correction.since, correction.until) == ("2025-07-15", iso_date(day_of("2025-06-02") + AHEAD_DAYS))
        assert venue.days.is_trading_day(day_of("2025-07-15")) is False
        assert venue.days.is_trading_day(day_of("2025-07-16")) is True


async def test_a_year_that_nobody_knows_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with told_house(tmp_path, TradingCalendar(), "2026-11-23") as venue:
            assert venue.announced[-1].until < "2027-01-05"
            told = venue.days.told()
            assert told is not None
            assert venue.house.engine.contracts.refuse_entry(ContractTerms(), 1, [], at("2026-11-23", "10:00")) is None
            late = at("2026-12-28", "10:00")
            assert venue.house.engine.contracts.refuse_entry(ContractTerms(), 1, [], late) == "outside_calendar"
    assert "contracts reach no further than" in caplog.text


async def test_a_venue_that_trades_round_the_clock_trades_every_day(tmp_path: Path) -> None:
    async with told_house(tmp_path, None, "2026-11-23") as venue:
        assert len(venue.announced[-1].days) == AHEAD_DAYS + 1
        assert venue.days.is_trading_day(day_of("2027-10-01")) is True


async def test_a_venue_without_contracts_is_told_nothing_until_it_has_some(tmp_path: Path) -> None:
    async with told_house(tmp_path, TradingCalendar(), contracts=False) as venue:
        assert venue.announced == []
        await venue.configure()
        await venue.configure()
        assert len(venue.announced) == 1


async def test_a_jump_of_years_is_told_without_a_gap(tmp_path: Path) -> None:
    async with told_house(tmp_path, None, "2020-01-01") as venue:
        await venue.house.go("2026-01-01", "10:00")
        await venue.configure()
        assert len(venue.announced) == 1 + 3
        assert venue.announced[1].since == iso_date(day_of(venue.announced[0].until) + 1)
        assert venue.days.told() is not None
        assert venue.announced[-1].until == iso_date(day_of("2026-01-01") + AHEAD_DAYS)
