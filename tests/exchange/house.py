"""A venue in memory with its bell, on a clock that the test moves: the real engine, sequencer and journal.

One instrument unless a test defines more. Participants: 1 operator, 2 warehouse, 3 the grower Chen with 10 t of Brazil
bananas, 4 the trader Li. 2026-11-23 is a Monday.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from exchange.bell import Bell
from exchange.calendar import Timetable, TradingCalendar, VolatilityAuction, read_hours
from exchange.clock import Clock, ManualClock
from exchange.engine import Engine
from exchange.protocol import Entry
from exchange.replay import replay
from exchange.sequencer import Sequencer
from exchange.sqlite_journal import SqliteJournal
from matching.messages import AuctionUncrossed, MassCancel, PhaseChanged, SetPhase
from settlement.civil import day_number, day_start_ns
from settlement.messages import (
    AnnounceLot,
    Deposit,
    EnterOrder,
    ExecutionReport,
    InspectLot,
    IssueReceipt,
    RegisterParticipant,
    WeighLot,
)
from settlement.venue import DEFAULT_VENUE
from web.ports import Outcome

DEADLINE_SECONDS = 20
SECOND_NS = 10**9
SYMBOL = "BXJ-1-SX1-26W47"
OTHER = "BXJ-1-SX1-26W48"
WAREHOUSE, CHEN, LI = 2, 3, 4
USUAL = Timetable(TradingCalendar(), read_hours(("08:30-11:30", "13:30-15:30"), 600, 0, 300, 0))
FIVE_MINUTES = VolatilityAuction(300, 0)


def at(date: str, time: str) -> int:
    """The time in nanoseconds of `HH:MM[:SS]` on the venue's wall."""
    day = day_number(date)
    assert day is not None
    hours, minutes, seconds = (int(part) for part in f"{time}:00".split(":")[:3])
    return day_start_ns(day) + (hours * 3_600 + minutes * 60 + seconds) * SECOND_NS


class House:
    """A running venue, and what happened to phases in it."""

    def __init__(self, sequencer: Sequencer, engine: Engine, bell: Bell) -> None:
        self.sequencer = sequencer
        self.engine = engine
        self.bell = bell
        self.heard: list[str] = []
        self._orders = 0
        self._lots = 0
        sequencer.on_committed.append(self._hear)

    def phase(self, symbol: str = SYMBOL) -> str:
        view = self.engine.market.instrument(symbol)
        assert view is not None
        return view.phase

    async def go(self, date: str, time: str) -> list[str]:
        """Move the clock; what happened to phases since the last call."""
        await self.sequencer.set_clock(at(date, time))
        return await self.news()

    async def news(self) -> list[str]:
        await self.sequencer.settled()
        news, self.heard = self.heard, []
        return news

    async def do(self, command: Any) -> Outcome:
        outcome = await self.sequencer.submit(command)
        await self.sequencer.settled()
        return outcome

    async def set_phase(self, phase: Any, symbol: str = SYMBOL) -> None:
        """By hand."""
        outcome = await self.do(SetPhase(symbol, phase))
        assert any(isinstance(event, PhaseChanged) for event in outcome.events), outcome.events

    async def order(self, side: Any, quantity: int, price: int, **more: Any) -> ExecutionReport:
        self._orders += 1
        command = EnterOrder(
            participant_id=CHEN if side == "sell" else LI,
            client_order_id=f"{self.engine.sequence}-{self._orders}",
            symbol=SYMBOL,
            side=side,
            quantity=quantity,
            price=price,
            **more,
        )
        return [event for event in (await self.do(command)).events if isinstance(event, ExecutionReport)][-1]

    async def cancel_all(self, participant_id: int) -> None:
        await self.do(MassCancel(participant_id))

    async def found(self) -> None:
        """People, money, no goods yet."""
        await self.do(DEFAULT_VENUE)
        for name, role in (("operator", "operator"), ("warehouse", "warehouse"), ("chen", "grower"), ("li", "trader")):
            await self.do(RegisterParticipant(name=name, display_name=name, roles=(role,)))  # type: ignore[arg-type]
        await self.do(Deposit(participant_id=LI, amount_fen=10**9, reference="bank"))

    async def receipt(self) -> int:
        """Another lot from announcement to receipt; the receipt's number."""
        self._lots += 1
        lot = {"variety": "BXJ", "grade": "1", "warehouse": "SX1", "harvest_date": "2026-11-20"}
        announced = AnnounceLot(
            participant_id=CHEN, cartons=1_000, weight_g=10_000_000, town="岭北镇", village="synthetic 7", **lot
        )
        lot_id = (await self.do(announced)).events[-1].lot.lot_id
        weighed = WeighLot(operator_id=WAREHOUSE, lot_id=lot_id, gross_g=10_500_000, tare_g=500_000, scale_id="scale-1")
        await self.do(weighed)
        inspected = {"grade": "1", "colour_stage": 1, "defect_permille": 40, "temperature_dc": 138}
        await self.do(InspectLot(operator_id=WAREHOUSE, lot_id=lot_id, **inspected))  # type: ignore[arg-type]
        outcome = await self.do(IssueReceipt(operator_id=WAREHOUSE, lot_id=lot_id))
        return int(next(event.receipt.receipt_id for event in outcome.events if hasattr(event, "receipt")))

    def _hear(self, entry: Entry) -> None:
        for events in entry.events:
            for event in events:
                if isinstance(event, PhaseChanged):
                    self.heard.append(event.phase if event.symbol == SYMBOL else f"{event.phase} {event.symbol}")
                elif isinstance(event, AuctionUncrossed) and event.quantity:
                    self.heard.append(f"uncross {event.quantity} at {event.price}")
                elif isinstance(event, ExecutionReport) and event.status == "expired":
                    self.heard.append("expired")


@asynccontextmanager
async def house(
    path: Path,
    date: str = "2026-11-23",
    time: str = "07:00",
    *,
    timetable: Timetable | None = USUAL,
    volatility: VolatilityAuction = FIVE_MINUTES,
    chance: Random | None = None,
    clock: Clock | None = None,
    stocked: bool = True,
    maximum_waiting: int = 16_384,
) -> AsyncIterator[House]:
    """A venue that starts, or starts again, at this time."""
    bell = Bell(timetable, volatility, chance or Random(1))
    journal = SqliteJournal(path / "journal.sqlite")
    engine = replay(journal, Engine, on_entry=bell.heard.hear)
    sequencer = Sequencer(engine, journal, clock or ManualClock(at(date, time)), maximum_waiting=maximum_waiting)
    running = House(sequencer, engine, bell)
    founded = engine.sequence > 0
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            bell.start(sequencer, engine)
            await sequencer.advance()
            if not founded:
                await running.found()
                if stocked:
                    await running.receipt()
            yield running
            assert sequencer.halted is None
    finally:
        bell.stop()
        await sequencer.close()
        engine.audit()
