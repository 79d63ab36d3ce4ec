"""The gateway that the web layer needs of the venue; `exchange/app.py` supplies it, tests may supply another.

Writing: `submit` takes one command and returns when the journal has it. Live state (orders, balances, books,
instruments) is answered from the engine at `sequence`; everything that has ended is answered from the database by
`history`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from matching.messages import Phase
from matching.views import AuctionView, CounterView, ListingView, ReportView
from settlement.climate import LoggerView
from settlement.load_out_slots import Span
from settlement.messages import BalanceChanged, ConfigureVenue, ExecutionReport, Lot, ParticipantRegistered, Receipt
from settlement.messages.contracts import Contract, TradingDaysAnnounced
from settlement.messages.delivery import BuyIn, DeliveryOrder, Dock, Load
from settlement.storekeeper import StorageDue
from web.figures import Figures

T = TypeVar("T")


class Outcome(Struct, frozen=True):
    """What a command led to, once durable: its sequence, the time of its batch, its events in order
    (`exchange.protocol.Event`).
    """

    sequence: int
    time_ns: int
    events: tuple[Any, ...]


class InstrumentView(Struct, frozen=True, kw_only=True):
    """An instrument's definition and where it stands. Prices in fen per kilogram."""

    symbol: str
    tick_size: int
    lot_size: int
    mode: str
    phase: Phase
    reference_price: int | None
    band: int | None
    collar: int | None
    protection: int | None
    cancel_on_halt: bool
    last: int | None
    variety: str
    grade: str
    warehouse: str
    harvest_week: str


class BookView(Struct, frozen=True, kw_only=True):
    """Levels `(price, quantity, orders)`, best first, displayed quantity, true of `sequence`."""

    symbol: str
    sequence: int
    time_ns: int
    phase: Phase
    bids: list[tuple[int, int, int]]
    asks: list[tuple[int, int, int]]


class VenueBusy(Exception):
    """There was no place in the queue: nothing was taken, come back after `retry_after_ms`. `own`: the places that this
    participant may hold are taken, by himself; else all are.
    """

    def __init__(self, retry_after_ms: int, *, own: bool = False) -> None:
        super().__init__(f"busy, retry after {retry_after_ms} ms")
        self.retry_after_ms = retry_after_ms
        self.own = own


class DatabaseBehind(Exception):
    """Nothing that may lead to trades is taken until the database has caught up; cancels are. The text says how far
    behind it is.
    """


class VenueHalted(Exception):
    """The venue has stopped acknowledging; the text says why, fit for everybody to read. Whether a command in flight
    became durable is unknown.
    """


class VenueClosing(VenueHalted):
    """As one that is stopped does. What it had taken is answered first."""


class ViewBehind(Exception):
    """The database has not reached the sequence that the reader asked for."""

    def __init__(self, reached: int, wanted: int) -> None:
        super().__init__(f"the view is at sequence {reached}, {wanted} was asked for")
        self.reached = reached
        self.wanted = wanted


class HistoryUnavailable(Exception):
    """The database cannot be read at the moment; the text says why."""


class Answering(Protocol):
    """Who is told once what became of a command: right after the commit, by a plain call in the event loop that is
    short and raises nothing. An `asyncio.Future` of the outcome is one.
    """

    def done(self) -> bool:
        """Whether nobody waits any more, or the answer is there."""
        ...

    def set_result(self, outcome: Outcome, /) -> None: ...

    def set_exception(self, error: Exception, /) -> None:
        """`VenueHalted`: whether the command is durable, the next start will see."""
        ...

    def exception(self) -> BaseException | None:
        """Called after `set_exception`, since an answer that nobody awaits is no second complaint."""
        ...


ExportForm = Literal["csv", "parquet"]


class ExportColumn(Struct, frozen=True):
    """A column of a dataset. One named `…_ns` comes twice: as an integer, and readable under the name without that."""

    name: str
    kind: Literal["integer", "text", "boolean"]


class DatasetView(Struct, frozen=True, kw_only=True):
    """What can be exported, and what it can be narrowed down by."""

    name: str
    title: str
    filters: list[str]
    columns: list[ExportColumn]


class Wanted(Struct, frozen=True, kw_only=True):
    """What of a dataset is wanted; of times `from_ns` and later, before `to_ns`."""

    symbol: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    interval: str | None = None
    every_seconds: int | None = None
    depth: int | None = None

    def given(self) -> dict[str, str | int | None]:
        """By the names that filters go by."""
        return {
            "symbol": self.symbol,
            "from": self.from_ns,
            "to": self.to_ns,
            "interval": self.interval,
            "every": self.every_seconds,
            "depth": self.depth,
        }


class ExportsBusy(Exception):
    """As many exports as the venue makes at once are being made."""


class ExportFailed(Exception):
    """An export could not be made, or broke off; the text is for the log."""


class Gateway(Protocol):
    """The venue as the web layer sees it."""

    async def submit(self, command: Any) -> Outcome:
        """Stamp, execute and commit one command of `exchange.protocol.Command`. Raises `VenueBusy`, `DatabaseBehind`,
        `VenueHalted`.
        """
        ...

    def offer(self, command: Any, answering: Answering) -> None:
        """`submit` for whoever needs no task to wait in. Raises as it does, and has then not taken the command."""
        ...

    async def recorded(self, sequence: int) -> Outcome:
        """What the command of that sequence led to, read from the journal. Raises `LookupError`."""
        ...

    async def history(self, query: Callable[[Connection], T], *, min_sequence: int | None = None) -> tuple[int, T]:
        """Run a query of `settlement.queries` or `marketdata.queries` on the database, with the sequence that it is
        true of.

        With `min_sequence` it waits up to two seconds for the view to reach it and raises `ViewBehind`; without, it
        waits at most a quarter of a second for what is committed now, then answers with what is there. Raises
        `HistoryUnavailable`.
        """
        ...

    def datasets(self) -> Sequence[DatasetView]:
        """What can be exported."""
        ...

    def export(self, name: str, form: ExportForm, wanted: Wanted) -> AsyncIterator[bytes]:
        """The file of a dataset, part by part, made of one snapshot of the database elsewhere than in the venue's own
        process; who stops reading ends it. Raises `ExportsBusy` and `ExportFailed` at the first part or later.
        """
        ...

    async def own_records(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction on the tables that the database alone owns (credentials, sessions)."""
        ...

    async def settled(self) -> None:
        """Wait for a commit in flight. Await this before any read of live state: no reader sees what is not committed.

        What is read after it, without another await between, is true of `sequence`. Raises `VenueHalted` where the
        engine's state can no longer be trusted.
        """
        ...

    async def set_clock(self, time_ns: int) -> int:
        """Move a manual clock forward and return the new time. Raises `ValueError` where the clock is real or would
        go back.
        """
        ...

    @property
    def clock_mode(self) -> str:
        """`real` or `manual`."""
        ...

    @property
    def sequence(self) -> int:
        """The last committed sequence, which live state is true of."""
        ...

    @property
    def time_ns(self) -> int:
        """The venue's time."""
        ...

    @property
    def halted(self) -> str | None:
        """Why the venue has stopped acknowledging, or none. Fit for everybody to read."""
        ...

    @property
    def paused(self) -> str | None:
        """Why nothing that may lead to trades is taken at the moment, or none. Fit for everybody to read."""
        ...

    @property
    def projection_lag_seconds(self) -> float:
        """The age of the oldest commit that the database does not show yet; 0 when there is none."""
        ...

    @property
    def projected_sequence(self) -> int:
        """How far the database has followed."""
        ...

    @property
    def projection_fault(self) -> str | None:
        """What keeps the database from following at the moment, or none."""
        ...

    def figures(self) -> Figures:
        """The venue in numbers, for its metrics. O(1)."""
        ...

    @property
    def last_order_id(self) -> int:
        """Orders are numbered consecutively: a greater number was never given."""
        ...

    def venue(self) -> ConfigureVenue: ...

    def instruments(self) -> Sequence[InstrumentView]:
        """All defined instruments, ascending symbol."""
        ...

    def instrument(self, symbol: str) -> InstrumentView | None: ...

    def book(self, symbol: str, depth: int | None) -> BookView | None: ...

    def listings(self, symbol: str | None) -> Sequence[ListingView]:
        """Live listings, of all instruments where none is named, ascending `listing_id`."""
        ...

    def counters(self, listing_id: int) -> Sequence[CounterView]:
        """The live counter-bids of a listing, ascending `counter_id`."""
        ...

    def auctions(self, symbol: str | None) -> Sequence[AuctionView]:
        """Live one-way auctions, ascending `auction_id`."""
        ...

    def reports(self, participant_id: int) -> Sequence[ReportView]:
        """The live reports that he made or is to confirm, ascending `report_id`."""
        ...

    def report(self, report_id: int) -> ReportView | None: ...

    def live_order(self, order_id: int) -> ExecutionReport | None:
        """A resting or waiting order, as last reported."""
        ...

    def live_orders(self, participant_id: int) -> Sequence[ExecutionReport]:
        """Ascending `order_id`."""
        ...

    def ended_order(self, order_id: int) -> ExecutionReport | None:
        """One of the last thousands that were filled, cancelled, rejected or expired, as last reported."""
        ...

    def order_id_of(self, participant_id: int, client_order_id: str) -> int | None:
        """The order that a client id names, while it is remembered."""
        ...

    def balances(self, participant_id: int) -> Sequence[BalanceChanged]:
        """Cash first, then goods by ascending symbol; those that are zero throughout are left out, cash is always
        there.
        """
        ...

    def receipts(self, participant_id: int) -> Sequence[Receipt]:
        """Live receipts of a holder, ascending `receipt_id`."""
        ...

    def receipt(self, receipt_id: int) -> Receipt | None:
        """A live receipt."""
        ...

    def lots(self) -> Sequence[Lot]:
        """Lots on their way to a receipt (announced, weighed, inspected), ascending `lot_id`."""
        ...

    def lot(self, lot_id: int) -> Lot | None:
        """A lot on its way to a receipt."""
        ...

    def storage_due(self, receipt_id: int) -> StorageDue | None:
        """What a live receipt owes for storage today, and by which terms."""
        ...

    def storage_outstanding(self) -> Mapping[str, int]:
        """What has accrued for storage and is not paid today, in fen by warehouse. O(receipts)."""
        ...

    def loggers(self) -> Sequence[LoggerView]:
        """The loggers of all warehouses, in the order in which they were registered first."""
        ...

    def deliveries(self, participant_id: int | None) -> Sequence[DeliveryOrder]:
        """Delivery orders that have not ended, a buyer's or everyone's, ascending `delivery_id`."""
        ...

    def delivery(self, delivery_id: int) -> DeliveryOrder | None:
        """A delivery order that has not ended."""
        ...

    def loads(self, delivery_id: int) -> Sequence[Load]:
        """The trucks of a delivery that were weighed and not handed over, ascending `load_id`."""
        ...

    def buy_in(self, delivery_id: int) -> BuyIn | None:
        """A buy-in that goes on."""
        ...

    def dock_day(self, dock: Dock, day: int) -> Sequence[Span]:
        """A dock's slots on a local day, each with the delivery that has it."""
        ...

    def contracts(self, participant_id: int | None) -> Sequence[Contract]:
        """Live contracts of a party, or everyone's, ascending `contract_id`."""
        ...

    def contract(self, contract_id: int) -> Contract | None:
        """A contract that has not ended."""
        ...

    def trading_days(self) -> TradingDaysAnnounced | None:
        """All that the venue has been told, as if at once."""
        ...

    def participant(self, participant_id: int) -> ParticipantRegistered | None: ...

    def participants(self) -> Sequence[ParticipantRegistered]:
        """Ascending `participant_id`."""
        ...
