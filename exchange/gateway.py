"""The venue as the web layer sees it: commands to the sequencer, live state from the engine, history from the
database.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy import Engine as Database
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from exchange.brake import Brake
from exchange.datasets import DATASETS
from exchange.engine import Engine
from exchange.export_process import Exports
from exchange.follower_handle import FollowerHandle
from exchange.projector import cursor
from exchange.protocol import Command
from exchange.publication import Publication
from exchange.sequencer import Sequencer
from exchange.vitals import Vitals
from matching.views import AuctionView, CounterView, ListingView, ReportView
from settlement.civil import venue_day
from settlement.climate import LoggerView
from settlement.load_out_slots import Span
from settlement.messages import BalanceChanged, ConfigureVenue, ExecutionReport, Lot, ParticipantRegistered, Receipt
from settlement.messages.contracts import Contract, TradingDaysAnnounced
from settlement.messages.delivery import BuyIn, DeliveryOrder, Dock, Load
from settlement.storekeeper import StorageDue
from settlement.symbols import parse_symbol
from web.figures import Figures, of_seconds
from web.ports import (
    Answering,
    BookView,
    DatasetView,
    ExportForm,
    HistoryUnavailable,
    InstrumentView,
    Outcome,
    ViewBehind,
    Wanted,
)

T = TypeVar("T")

_TROUBLE = (OperationalError, InterfaceError, PoolTimeout)
"""The database's own troubles; a constraint that a record breaks is for its writer to understand."""

PATIENCE_SECONDS = 2.0
"""How long a reader who names a sequence waits for the database to reach it (CONTRACTS: up to two seconds)."""
COURTESY_SECONDS = 0.25
"""How long a reader who names none waits for what is committed when he asks."""


class VenueGateway:
    """`web.ports.Gateway` over the venue's parts. Reads of live state follow `settled()`; see there."""

    def __init__(
        self,
        sequencer: Sequencer,
        engine: Engine,
        publication: Publication,
        follower: FollowerHandle,
        database: Database,
        readers: Database,
        brake: Brake | None = None,
        vitals: Vitals | None = None,
        exports: Exports | None = None,
    ) -> None:
        self._exports = exports
        self._sequencer = sequencer
        self._publication = publication
        self._feed = publication.feed
        self._engine = engine
        self._follower = follower
        self._database = database
        self._readers = readers
        self._brake = brake
        self._vitals = vitals
        self.flush_seconds = of_seconds()
        """Of the feed's flushes, for whoever pumps it to fill in."""

    async def submit(self, command: Command) -> Outcome:
        return await self._sequencer.submit(command)

    def offer(self, command: Command, answering: Answering) -> None:
        self._sequencer.offer_for(command, answering)

    async def recorded(self, sequence: int) -> Outcome:
        return await self._sequencer.recorded(sequence)

    async def settled(self) -> None:
        await self._sequencer.settled()

    async def history(self, query: Callable[[Connection], T], *, min_sequence: int | None = None) -> tuple[int, T]:
        if min_sequence is None:
            await self._follower.wait_for(self.sequence, COURTESY_SECONDS)
        elif not await self._follower.wait_for(min_sequence, PATIENCE_SECONDS):
            raise ViewBehind(self.projected_sequence, min_sequence)
        return await asyncio.to_thread(self._read, query)

    def _read(self, query: Callable[[Connection], T]) -> tuple[int, T]:
        try:
            with self._readers.begin() as connection:
                reached = cursor(connection)
                return (0 if reached is None else reached.sequence), query(connection)
        except _TROUBLE as error:
            raise HistoryUnavailable(f"the database cannot be read: {type(error).__name__}") from error

    def datasets(self) -> Sequence[DatasetView]:
        return [dataset.view(name) for name, dataset in DATASETS.items()]

    def export(self, name: str, form: ExportForm, wanted: Wanted) -> AsyncIterator[bytes]:
        assert self._exports is not None, "a venue that serves has some"
        return self._exports.export(name, form, wanted)

    async def own_records(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._write, work)

    def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._database.begin() as connection:
                return work(connection)
        except _TROUBLE as error:
            raise HistoryUnavailable(f"the database cannot be used: {type(error).__name__}") from error

    async def set_clock(self, time_ns: int) -> int:
        return await self._sequencer.set_clock(time_ns)

    @property
    def clock_mode(self) -> str:
        return self._sequencer.clock.mode

    @property
    def sequence(self) -> int:
        return self._sequencer.sequence

    @property
    def time_ns(self) -> int:
        return self._sequencer.time_ns

    @property
    def halted(self) -> str | None:
        return self._sequencer.halted

    @property
    def paused(self) -> str | None:
        return self._sequencer.paused

    @property
    def projected_sequence(self) -> int:
        return self._follower.projected_sequence

    @property
    def projection_lag_seconds(self) -> float:
        return self._follower.lag.seconds

    @property
    def projection_fault(self) -> str | None:
        return self._follower.fault

    def figures(self) -> Figures:
        sequencer, brake, follower = self._sequencer, self._brake, self._follower
        counted = sequencer.statistics
        figures = Figures(
            waiting=sequencer.waiting,
            refused={
                "room": counted.refused_busy - counted.refused_share,
                "share": counted.refused_share,
                "database_behind": counted.refused_behind,
            },
            batch_commands=counted.batch_commands,
            execute_seconds=counted.execute_seconds,
            commit_seconds=counted.commit_seconds,
            flush_seconds=self.flush_seconds,
            verified_sequence=follower.verified_sequence,
            halt_cause=sequencer.halt_cause,
            pauses=0 if brake is None else brake.pauses,
            paused_seconds=0.0 if brake is None else brake.paused_seconds,
            clock_ahead_seconds=sequencer.clock.ahead_ns / 1e9,
            follower_starts=follower.starts,
        )
        return figures if self._vitals is None else self._vitals.add_to(figures, follower)

    def venue(self) -> ConfigureVenue:
        return self._engine.venue()

    def instruments(self) -> Sequence[InstrumentView]:
        return [self._instrument(symbol) for symbol in sorted(self._engine.market.symbols())]

    def instrument(self, symbol: str) -> InstrumentView | None:
        return None if self._engine.market.instrument(symbol) is None else self._instrument(symbol)

    def _instrument(self, symbol: str) -> InstrumentView:
        view = self._engine.market.instrument(symbol)
        parts = parse_symbol(symbol)
        assert view is not None
        return InstrumentView(
            symbol=symbol,
            tick_size=view.tick_size,
            lot_size=view.lot_size,
            mode=view.mode,
            phase=view.phase,
            reference_price=view.reference_price,
            band=view.band,
            collar=view.collar,
            protection=view.protection,
            cancel_on_halt=view.cancel_on_halt,
            last=view.last_price,
            variety=parts.variety if parts else "",
            grade=parts.grade if parts else "",
            warehouse=parts.warehouse if parts else "",
            harvest_week=parts.harvest_week if parts else "",
        )

    def book(self, symbol: str, depth: int | None) -> BookView | None:
        market = self._engine.market
        view = market.instrument(symbol)
        if view is None:
            return None
        # What an auction collects is not shown until it has uncrossed: here as on the feed, also while it is halted.
        shown = not self._feed.instruments[symbol].dark
        return BookView(
            symbol=symbol,
            sequence=self.sequence,
            time_ns=self.time_ns,
            phase=view.phase,
            bids=market.levels(symbol, "buy", depth) if shown else [],
            asks=market.levels(symbol, "sell", depth) if shown else [],
        )

    def listings(self, symbol: str | None) -> Sequence[ListingView]:
        market = self._engine.market
        found = [each for named in self._symbols(symbol) for each in market.listings(named)]
        return sorted(found, key=lambda each: each.listing_id)

    def counters(self, listing_id: int) -> Sequence[CounterView]:
        return self._engine.market.counters(listing_id)

    def auctions(self, symbol: str | None) -> Sequence[AuctionView]:
        market = self._engine.market
        found = [each for named in self._symbols(symbol) for each in market.auctions(named)]
        return sorted(found, key=lambda each: each.auction_id)

    def reports(self, participant_id: int) -> Sequence[ReportView]:
        return self._engine.market.reports_of(participant_id)

    def report(self, report_id: int) -> ReportView | None:
        return self._engine.market.report(report_id)

    def _symbols(self, symbol: str | None) -> Sequence[str]:
        return self._engine.market.symbols() if symbol is None else [symbol]

    def live_order(self, order_id: int) -> ExecutionReport | None:
        return self._engine.live_order(order_id)

    def live_orders(self, participant_id: int) -> Sequence[ExecutionReport]:
        return self._engine.live_orders(participant_id)

    @property
    def last_order_id(self) -> int:
        return self._publication.last_order_id

    def ended_order(self, order_id: int) -> ExecutionReport | None:
        return self._publication.ended_order(order_id)

    def order_id_of(self, participant_id: int, client_order_id: str) -> int | None:
        return self._engine.order_id_of(participant_id, client_order_id)

    def balances(self, participant_id: int) -> Sequence[BalanceChanged]:
        return self._engine.balances(participant_id)

    def receipts(self, participant_id: int) -> Sequence[Receipt]:
        return self._engine.receipts(participant_id)

    def receipt(self, receipt_id: int) -> Receipt | None:
        return self._engine.receipt(receipt_id)

    def lots(self) -> Sequence[Lot]:
        return self._engine.lots()

    def lot(self, lot_id: int) -> Lot | None:
        return self._engine.lot(lot_id)

    def storage_due(self, receipt_id: int) -> StorageDue | None:
        return self._engine.storekeeper.due(receipt_id, venue_day(self.time_ns))

    def storage_outstanding(self) -> Mapping[str, int]:
        return self._engine.storekeeper.outstanding(venue_day(self.time_ns))

    def loggers(self) -> Sequence[LoggerView]:
        return self._engine.climate.loggers()

    def deliveries(self, participant_id: int | None) -> Sequence[DeliveryOrder]:
        return [order for order in self._engine.delivery.all() if participant_id in (None, order.participant_id)]

    def delivery(self, delivery_id: int) -> DeliveryOrder | None:
        return self._engine.delivery.get(delivery_id)

    def loads(self, delivery_id: int) -> Sequence[Load]:
        return self._engine.delivery.loads(delivery_id)

    def buy_in(self, delivery_id: int) -> BuyIn | None:
        return self._engine.buy_ins.get(delivery_id)

    def dock_day(self, dock: Dock, day: int) -> Sequence[Span]:
        return list(self._engine.delivery.slots.day(dock, day))

    def contracts(self, participant_id: int | None) -> Sequence[Contract]:
        contracts = self._engine.contracts
        return contracts.all() if participant_id is None else contracts.of(participant_id)

    def contract(self, contract_id: int) -> Contract | None:
        return self._engine.contracts.get(contract_id)

    def trading_days(self) -> TradingDaysAnnounced | None:
        return self._engine.contracts.days.announced()

    def participant(self, participant_id: int) -> ParticipantRegistered | None:
        return self._engine.participant(participant_id)

    def participants(self) -> Sequence[ParticipantRegistered]:
        return self._engine.participants()
