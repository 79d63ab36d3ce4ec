"""A venue for the web layer's tests: the real engine, a real database (SQLite in memory), no journal, no second
process.

Commands are executed and projected before their answer, unless a test holds one of the two back. The day is
2026-11-23, a Monday, 10:00 in Suixi; the clock is manual and stands still.
"""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine

import exchange.projector
from exchange.datasets import DATASETS, rows_of
from exchange.engine import Engine
from exchange.export import export
from exchange.gateway import VenueGateway
from exchange.protocol import Entry
from exchange.publication import Publication
from matching.views import AuctionView, CounterView, ListingView, ReportView
from settlement.climate import LoggerView
from settlement.load_out_slots import Span
from settlement.messages import BalanceChanged, ConfigureVenue, ExecutionReport, Lot, ParticipantRegistered, Receipt
from settlement.messages.contracts import Contract, TradingDaysAnnounced
from settlement.messages.delivery import BuyIn, DeliveryOrder, Dock, Load
from settlement.storekeeper import StorageDue
from settlement.venue import DEFAULT_VENUE
from web.figures import Figures
from web.ports import (
    Answering,
    BookView,
    DatasetView,
    ExportForm,
    HistoryUnavailable,
    InstrumentView,
    Outcome,
    VenueHalted,
    ViewBehind,
    Wanted,
)

T = TypeVar("T")

MONDAY_NS = 1_795_399_200_000_000_000
"""2026-11-23 10:00 in Suixi."""


@functools.cache
def _template() -> sqlite3.Connection:
    """All tables, made once: to copy them takes a tenth of the time."""
    made = sqlite3.connect(":memory:", check_same_thread=False)
    engine = create_engine("sqlite://", poolclass=StaticPool, creator=lambda: made)
    for metadata in exchange.projector.all_metadata():
        metadata.create_all(engine)
    return made


def _empty_database() -> sqlite3.Connection:
    copied = sqlite3.connect(":memory:", check_same_thread=False)
    _template().backup(copied)
    return copied


class LocalGateway:
    """`web.ports.Gateway`; what it can be told to do wrong stands first."""

    def __init__(self) -> None:
        self.refuses: Exception | None = None
        """Raised by the next submissions instead of taking them."""
        self.halted: str | None = None
        self.paused: str | None = None
        self.shown = Figures()
        self.history_is_down = False
        self.export_refused: Exception | None = None
        self.projection_fault: str | None = None
        self.projecting = True
        self.clock_mode = "manual"
        self.submitted: list[Any] = []
        self.hold: asyncio.Event | None = None
        """Answers wait for it, as they would for a slow disk."""

        self.engine = Engine()
        self.publication = Publication()
        self.feed = self.publication.feed
        self.entries: list[Entry] = []
        self.projected_sequence = 0
        self.projection_lag_seconds = 0.0
        self._time_ns = MONDAY_NS
        self._database = create_engine("sqlite://", poolclass=StaticPool, creator=_empty_database)
        self.take(DEFAULT_VENUE)

    # Commands

    def take(self, command: Any) -> Outcome:
        """Execute, keep, project and publish one command."""
        self.submitted.append(command)
        sequence = self.engine.sequence + 1
        events = self.engine.execute(command, sequence, self._time_ns)
        entry = Entry(first_sequence=sequence, time_ns=self._time_ns, commands=(command,), events=(events,))
        self.entries.append(entry)
        if self.projecting:
            self.project()
        self.publication.publish(entry)
        return Outcome(sequence, self._time_ns, events)

    def project(self) -> None:
        """Let the database catch up."""
        entries = self.entries[self.projected_sequence :]
        with self._database.begin() as connection:
            exchange.projector.project(connection, entries)
        self.projected_sequence = self.engine.sequence

    def figures(self) -> Figures:
        return self.shown

    async def submit(self, command: Any) -> Outcome:
        if self.refuses is not None:
            raise self.refuses
        if self.halted is not None:
            raise VenueHalted(self.halted)
        outcome = self.take(command)
        if self.hold is not None:
            await self.hold.wait()
        return outcome

    def offer(self, command: Any, answering: Answering) -> None:
        if self.refuses is not None:
            raise self.refuses
        if self.halted is not None:
            raise VenueHalted(self.halted)
        outcome = self.take(command)

        def answer() -> None:
            answering.set_result(outcome)

        if self.hold is None:
            asyncio.get_running_loop().call_soon(answer)
        else:
            asyncio.ensure_future(self.hold.wait()).add_done_callback(lambda _: answer())

    async def recorded(self, sequence: int) -> Outcome:
        if not 1 <= sequence <= len(self.entries):
            raise LookupError(sequence)
        entry = self.entries[sequence - 1]
        return Outcome(sequence, entry.time_ns, entry.events[0])

    # The database

    async def history(self, query: Callable[[Connection], T], *, min_sequence: int | None = None) -> tuple[int, T]:
        if self.history_is_down:
            raise HistoryUnavailable("the database is gone")
        if min_sequence is not None and self.projected_sequence < min_sequence:
            raise ViewBehind(self.projected_sequence, min_sequence)
        with self._database.begin() as connection:
            return self.projected_sequence, query(connection)

    def datasets(self) -> Sequence[DatasetView]:
        return self._roof().datasets()

    async def export(self, name: str, form: ExportForm, wanted: Wanted) -> AsyncIterator[bytes]:
        """Without a process; what the others do is `exchange.export_process`'s business."""
        if self.export_refused is not None:
            raise self.export_refused
        made = BytesIO()
        dataset = DATASETS[name]
        with self._database.begin() as connection:
            export(dataset, rows_of(dataset, connection, wanted), form, made)
        yield made.getvalue()

    async def own_records(self, work: Callable[[Connection], T]) -> T:
        if self.history_is_down:
            raise HistoryUnavailable("the database is gone")
        with self._database.begin() as connection:
            return work(connection)

    def close(self) -> None:
        self._database.dispose()

    # The engine

    async def settled(self) -> None:
        if self.halted is not None:
            raise VenueHalted(self.halted)

    @property
    def sequence(self) -> int:
        return self.engine.sequence

    @property
    def time_ns(self) -> int:
        return self._time_ns

    async def set_clock(self, time_ns: int) -> int:
        if self.clock_mode != "manual" or time_ns < self._time_ns:
            raise ValueError("the clock cannot be set so")
        self._time_ns = time_ns
        return time_ns

    # How the engine is read is the roof's business, so it is read as the roof does.

    def venue(self) -> ConfigureVenue:
        return self._roof().venue()

    def instruments(self) -> Sequence[InstrumentView]:
        return self._roof().instruments()

    def instrument(self, symbol: str) -> InstrumentView | None:
        return self._roof().instrument(symbol)

    def book(self, symbol: str, depth: int | None) -> BookView | None:
        return self._roof().book(symbol, depth)

    def listings(self, symbol: str | None) -> Sequence[ListingView]:
        return self._roof().listings(symbol)

    def counters(self, listing_id: int) -> Sequence[CounterView]:
        return self._roof().counters(listing_id)

    def auctions(self, symbol: str | None) -> Sequence[AuctionView]:
        return self._roof().auctions(symbol)

    def reports(self, participant_id: int) -> Sequence[ReportView]:
        return self._roof().reports(participant_id)

    def report(self, report_id: int) -> ReportView | None:
        return self._roof().report(report_id)

    def _roof(self) -> VenueGateway:
        nothing: Any = None
        return VenueGateway(
            sequencer=self,  # type: ignore[arg-type]
            engine=self.engine,
            publication=self.publication,
            follower=nothing,
            database=nothing,
            readers=nothing,
        )

    def live_order(self, order_id: int) -> ExecutionReport | None:
        return self.engine.live_order(order_id)

    def live_orders(self, participant_id: int) -> Sequence[ExecutionReport]:
        return self.engine.live_orders(participant_id)

    @property
    def last_order_id(self) -> int:
        return self.publication.last_order_id

    def ended_order(self, order_id: int) -> ExecutionReport | None:
        return self.publication.ended_order(order_id)

    def order_id_of(self, participant_id: int, client_order_id: str) -> int | None:
        return self.engine.order_id_of(participant_id, client_order_id)

    def balances(self, participant_id: int) -> Sequence[BalanceChanged]:
        return self.engine.balances(participant_id)

    def receipts(self, participant_id: int) -> Sequence[Receipt]:
        return self.engine.receipts(participant_id)

    def receipt(self, receipt_id: int) -> Receipt | None:
        return self.engine.receipt(receipt_id)

    def lots(self) -> Sequence[Lot]:
        return self.engine.lots()

    def lot(self, lot_id: int) -> Lot | None:
        return self.engine.lot(lot_id)

    def storage_due(self, receipt_id: int) -> StorageDue | None:
        return self._roof().storage_due(receipt_id)

    def storage_outstanding(self) -> Mapping[str, int]:
        return self._roof().storage_outstanding()

    def loggers(self) -> Sequence[LoggerView]:
        return self._roof().loggers()

    def deliveries(self, participant_id: int | None) -> Sequence[DeliveryOrder]:
        return self._roof().deliveries(participant_id)

    def delivery(self, delivery_id: int) -> DeliveryOrder | None:
        return self._roof().delivery(delivery_id)

    def loads(self, delivery_id: int) -> Sequence[Load]:
        return self._roof().loads(delivery_id)

    def buy_in(self, delivery_id: int) -> BuyIn | None:
        return self._roof().buy_in(delivery_id)

    def dock_day(self, dock: Dock, day: int) -> Sequence[Span]:
        return self._roof().dock_day(dock, day)

    def contracts(self, participant_id: int | None) -> Sequence[Contract]:
        return self._roof().contracts(participant_id)

    def contract(self, contract_id: int) -> Contract | None:
        return self._roof().contract(contract_id)

    def trading_days(self) -> TradingDaysAnnounced | None:
        return self._roof().trading_days()

    def participant(self, participant_id: int) -> ParticipantRegistered | None:
        return self.engine.participant(participant_id)

    def participants(self) -> Sequence[ParticipantRegistered]:
        return self.engine.participants()
