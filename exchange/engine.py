"""The engine: commands in one order become events; the same commands give the same events, always.

    reserve ──► match ──► clear
    cash and receipts    matching.Market    settlement: ledger, title, fees, what is freed
    are set aside first  decides            so that no trade can fail

A refusal is an event that says why and changes nothing. After an exception, which is a bug,
the engine is not to be used.

What a command leads to, in this order: matching's events, each trade followed at once by its settlement; then one
`execution_report` for each order that the command touched, ascending, its own order last; then one `balance_changed`
for each participant and asset that it touched.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct, msgpack

from exchange.clearing import Clearing
from exchange.instruments import Instruments
from exchange.protocol import Event
from exchange.trading import Trading
from matching import Market
from matching.messages import (
    AdvanceTime,
)
from settlement.books import OWN_ACCOUNTS, Books
from settlement.busts import TradesState
from settlement.buy_in import BuyIns
from settlement.clearing import Order, Purse
from settlement.client_ids import Remembered
from settlement.climate import Climate
from settlement.contracts import Contracts
from settlement.custody import Custody
from settlement.delivery import Delivery
from settlement.depository import Depository
from settlement.messages import (
    CASH,
    BalanceChanged,
    ConfigureVenue,
    ExecutionReport,
    Lot,
    ParticipantRegistered,
    Receipt,
    RegisterParticipant,
    VenueConfigured,
)
from settlement.office import Office
from settlement.receipts import LiveReceipt, Stock
from settlement.storekeeper import Storekeeper
from settlement.treasury import Treasury
from settlement.venue import refuse_venue

ENGINE_VERSION: Final = 3
"""Grows when old commands would give other events or another state: then a journal's new segment begins.

2: reports say by what way they trade, trades are remembered for busts, further commands. 3: offices
keep state of their own, and trades can lead to contracts. Nothing was released with 1 or 2.
"""

MAXIMUM_CHANGED: Final = 100_000
"""So many changed orders may await the next hash, then they are taken into its parts without being asked for."""

EndedClientIds = tuple[int, bytes, list[bytes], list[Remembered]]
"""What `ClientIds.state` gives."""

_encode = msgpack.Encoder().encode


class EngineState(Struct, frozen=True, array_like=True):
    """Everything that decides what comes next, canonical: equal states are equal bytes."""

    version: int
    sequence: int
    time_ns: int
    venue: ConfigureVenue | None
    participants: list[ParticipantRegistered]
    purses: list[Purse]
    last_transfer_id: int
    balances: list[tuple[str, str, int]]
    trades: TradesState
    last_receipt_id: int
    stocks: list[Stock]
    receipts: list[LiveReceipt]
    last_order_id: int
    orders: list[Order]
    live_client_ids: list[Remembered]
    ended_client_ids: EndedClientIds
    exhausted: list[str]
    offices: list[bytes]
    market: bytes


class Desk:
    """What offices ask of trading (`settlement.books.Desk`)."""

    def __init__(
        self, clearing: Clearing, instruments: Instruments, handlers: Mapping[type, Callable[[Any], None]]
    ) -> None:
        self.binding: Final = clearing.binding
        self.uncover: Final = clearing.uncover
        self.uncover_all: Final = clearing.uncover_all
        self.open: Final = instruments.open
        self.close_exhausted: Final = instruments.close_exhausted
        self.lot_size: Final = instruments.lot_size
        self._handlers: Final = handlers

    def execute_within(self, command: Any) -> None:
        """Let a command of a participant's be part of the command at hand."""
        self._handlers[type(command)](command)


class Engine:
    """The venue's state, changed by commands alone; everything else only looks."""

    def __init__(self, market: Market | None = None) -> None:
        self.sequence = 0
        """The last command executed."""
        self.time_ns = 0
        self.market: Final = Market() if market is None else market
        self._books: Final = Books()
        self.contracts: Final = Contracts(self._books)
        self._clearing: Final = Clearing(self._books, self.market, self.contracts)
        self._trading: Final = Trading(self._books, self.market, self._clearing, self.contracts)
        self._instruments: Final = Instruments(self._books, self.market, self._clearing)
        self._treasury: Final = Treasury(self._books)
        self._depository: Final = Depository(self._books)
        self._custody: Final = Custody(self._books)
        self.delivery: Final = Delivery(self._books)
        self.buy_ins: Final = BuyIns(self._books, self.delivery)
        self.contracts.deliver_by(self.delivery)
        self.delivery.contracts = self.contracts.collection
        self.storekeeper: Final = Storekeeper(self._books)
        self.climate: Final = Climate(self._books)
        self.climate.buyer_of = self._promised_to
        self._offices: Final[tuple[Office, ...]] = (
            self._treasury,
            self._depository,
            self._custody,
            self.delivery,
            self.buy_ins,
            self.storekeeper,
            self.climate,
            self.contracts,
        )
        """What is due at one moment is done in this order."""
        self._handlers: Final[dict[type, Callable[[Any], None]]] = {
            ConfigureVenue: self._configure_venue,
            RegisterParticipant: self._register_participant,
        }
        for room in (self._trading, self._instruments, *self._offices):
            for command, handler in room.handlers().items():
                assert command not in self._handlers, command
                self._handlers[command] = handler
        self._books.desk = Desk(self._clearing, self._instruments, self._handlers)

    # Commands

    def execute(self, command: Any, sequence: int, time_ns: int) -> tuple[Event, ...]:
        """Execute the next command, stamped with its sequence and its batch's time; what happened, in order.

        Where the time has not been reached yet, what its coming brings stands in front. Sequences count without a gap
        and time never runs backwards: anything else is a bug of the caller.
        """
        assert sequence == self.sequence + 1, f"sequence {sequence} follows {self.sequence}"
        brought = self.advance(time_ns, sequence) if time_ns != self.time_ns else ()
        books = self._books
        self.sequence = books.sequence = sequence
        handler = self._handlers[type(command)]
        if books.configured is None and type(command) not in (ConfigureVenue, AdvanceTime):
            books.refuse(command, "venue_not_configured")
        else:
            handler(command)
        return brought + self._clearing.close()

    def advance(self, time_ns: int, sequence: int) -> tuple[Event, ...]:
        """Let the time of a batch come, before its first command, whose sequence the reports bear.

        In the order of time, and at one moment: what stands in the market expires, then what is due at the offices.
        """
        assert time_ns >= self.time_ns, f"time {time_ns} follows {self.time_ns}"
        self._books.sequence = sequence
        while (due_ns := self._next_due_ns()) is not None and due_ns <= time_ns:
            self._reach(due_ns)
            for office in self._offices:
                office.reach()
        self._reach(time_ns)
        self._clearing.client_ids.forget(time_ns)
        self._clearing.trades.forget(time_ns)
        self._treasury.forget()
        if len(self._clearing.order_digest.changed) > MAXIMUM_CHANGED:
            self.state_hash()
        return self._clearing.close()

    def next_deadline_ns(self) -> int | None:
        """The earliest time whose coming alone would change something, or None."""
        deadlines = [
            deadline_ns
            for deadline_ns in (self.market.next_deadline_ns(), self._next_due_ns())
            if deadline_ns is not None
        ]
        return min(deadlines, default=None)

    # Looking: true of `sequence` and `time_ns`

    def venue(self) -> ConfigureVenue:
        """The configuration in force; before there is one, what a venue is unless it chooses otherwise."""
        return self._books.venue

    def live_order(self, order_id: int) -> ExecutionReport | None:
        """A resting or waiting order as last reported. O(1)."""
        order = self._clearing.orders.get(order_id)
        return None if order is None else order.live_report()

    def live_orders(self, participant_id: int) -> list[ExecutionReport]:
        """Ascending `order_id`. O(his orders)."""
        return [order.live_report() for order in self._clearing.orders_of.get(participant_id, {}).values()]

    def order_id_of(self, participant_id: int, client_order_id: str) -> int | None:
        """The order that a client id names, while it is remembered. O(1)."""
        remembered = self._clearing.client_ids.get(participant_id, client_order_id)
        return None if remembered is None else remembered.order_id

    def balances(self, participant_id: int) -> list[BalanceChanged]:
        """Cash, then goods by ascending symbol; nothing for an unknown participant. O(his symbols)."""
        if participant_id not in self._books.participants:
            return []
        assets = [CASH, *self._books.receipts.symbols_of(participant_id)]
        return [self._books.balance(participant_id, asset) for asset in assets]

    def accounts(self) -> list[tuple[str, str, int]]:
        """(asset, account, what it holds) of the ledger, empty ones left out. O(n log n)."""
        return self._books.ledger.state()

    def reserved_by_orders(self) -> dict[int, int]:
        """Fen that each participant's live orders and offers hold. O(live orders)."""
        reserved: dict[int, int] = {}
        for order in self._clearing.orders.values():
            if order.reserved_fen:
                reserved[order.participant_id] = reserved.get(order.participant_id, 0) + order.reserved_fen
        return reserved

    def receipts(self, participant_id: int) -> list[Receipt]:
        """His live receipts, ascending. O(n log n)."""
        return [self._books.receipts.message(receipt) for receipt in self._books.receipts.of(participant_id)]

    def all_receipts(self) -> list[Receipt]:
        """Everyone's live receipts, ascending. O(receipts)."""
        return [self._books.receipts.message(receipt) for receipt in self._books.receipts.all()]

    def receipt(self, receipt_id: int) -> Receipt | None:
        """A live receipt. O(1)."""
        receipt = self._books.receipts.get(receipt_id)
        return None if receipt is None else self._books.receipts.message(receipt)

    def tradable(self, symbol: str) -> bool:
        """Whether any receipt of the symbol may still be sold. O(1)."""
        return self._books.receipts.tradable(symbol)

    def lots(self) -> list[Lot]:
        """Lots on their way to a receipt, ascending."""
        return self._depository.lots()

    def lot(self, lot_id: int) -> Lot | None:
        """A lot on its way to a receipt. O(1)."""
        return self._depository.lot(lot_id)

    def participant(self, participant_id: int) -> ParticipantRegistered | None:
        return self._books.participants.get(participant_id)

    def participants(self) -> list[ParticipantRegistered]:
        """Ascending `participant_id`."""
        return self._books.participants.all()

    def _next_due_ns(self) -> int | None:
        """The earliest deadline of any office."""
        first_ns = None
        for office in self._offices:
            due_ns = office.next_deadline_ns()
            if due_ns is not None and (first_ns is None or due_ns < first_ns):
                first_ns = due_ns
        return first_ns

    def _reach(self, time_ns: int) -> None:
        self.time_ns = self._books.time_ns = time_ns
        self._clearing.clear(self.market.apply(AdvanceTime(time_ns)))

    # People and money

    def _configure_venue(self, command: ConfigureVenue) -> None:
        refusal = refuse_venue(command)
        if refusal is not None:
            self._books.refuse(command, *refusal)
            return
        self._books.configure(command)
        self._books.events.append(
            VenueConfigured(**{field: getattr(command, field) for field in VenueConfigured.__struct_fields__})
        )

    def _register_participant(self, command: RegisterParticipant) -> None:
        refusal = self._books.participants.refuse(command)
        if refusal is not None:
            self._books.refuse(command, *refusal)
            return
        registered = self._books.participants.register(command)
        self._books.admit(registered)
        self._books.events.append(registered)

    def _promised_to(self, receipt_id: int) -> int | None:
        """The buyer whose contract a receipt is set aside for, or that has passed to him."""
        contract_id = self.contracts.contract_of(receipt_id)
        contract = None if contract_id is None else self.contracts.get(contract_id)
        return None if contract is None else contract.buyer_id

    # State

    def snapshot(self) -> bytes:
        """The whole state, canonical. O(state)."""
        return _encode(self._state())

    def state_hash(self) -> bytes:
        """32 bytes that stand for the state, the same for equal states whatever their past. O(what has changed).

        What each room holds goes in item by item, with what the market shows of each order and instrument. The accounts
        of participants and lots go in as purses and receipts, which the ledger equals; the order of the market's queues
        goes in as the sequences of its orders.
        """
        ledger = self._books.ledger
        parts = (
            ENGINE_VERSION,
            self.sequence,
            self.time_ns,
            self._books.configured,
            self._books.participants.digest(),
            self._books.purse_digest.bring_up_to_date(self._books.purses.get),
            (ledger.last_transfer_id, [ledger.balance(CASH, account) for account in OWN_ACCOUNTS]),
            self._clearing.trades.digest(),
            self._books.receipts.digest(),
            (self._trading.last_order_id, self._clearing.order_digest.bring_up_to_date(self._clearing.orders.get)),
            self._clearing.client_ids.digest(),
            sorted(self._instruments.exhausted),
            self._clearing.instrument_digest.bring_up_to_date(self.market.instrument),
            [office.digest() for office in self._offices],
        )
        return blake2b(_encode(parts), digest_size=32).digest()

    def _state(self) -> EngineState:
        last_receipt_id, stocks, receipts = self._books.receipts.state()
        clearing = self._clearing
        orders = list(clearing.orders.values())
        live = [clearing.client_ids.get(order.participant_id, order.client_order_id) for order in orders]
        return EngineState(
            ENGINE_VERSION,
            self.sequence,
            self.time_ns,
            self._books.configured,
            self._books.participants.all(),
            list(self._books.purses.values()),
            self._books.ledger.last_transfer_id,
            self._books.ledger.state(),
            self._clearing.trades.state(),
            last_receipt_id,
            stocks,
            receipts,
            self._trading.last_order_id,
            orders,
            [remembered for remembered in live if remembered is not None],
            self._clearing.client_ids.state(),
            sorted(self._instruments.exhausted),
            [office.state() for office in self._offices],
            self.market.snapshot(),
        )

    @classmethod
    def restore(cls, state: bytes) -> "Engine":
        """The engine that `snapshot` wrote; it goes on exactly as that one would have. O(state).

        Raises `msgspec.MsgspecError` on bytes that are no snapshot, ValueError on another version's.
        """
        decoded = msgpack.decode(state, type=EngineState)
        if decoded.version != ENGINE_VERSION:
            raise ValueError(f"engine state version {decoded.version}, this release reads {ENGINE_VERSION}")
        engine = cls(Market.restore(decoded.market))
        engine.sequence = engine._books.sequence = decoded.sequence
        engine.time_ns = engine._books.time_ns = decoded.time_ns
        books = engine._books
        books.configure(decoded.venue)
        books.participants.restore(decoded.participants)
        for purse in decoded.purses:
            books.restore_purse(purse)
        books.ledger.restore(decoded.last_transfer_id, decoded.balances)
        books.receipts.restore(decoded.last_receipt_id, decoded.stocks, decoded.receipts, decoded.time_ns)
        engine._clearing.trades.restore(decoded.trades)
        engine._clearing.client_ids.restore(*decoded.ended_client_ids, decoded.live_client_ids)
        engine._trading.last_order_id = decoded.last_order_id
        for order in decoded.orders:
            engine._clearing.orders[order.order_id] = order
            engine._clearing.order_digest.changed[order.order_id] = None
            engine._clearing.orders_of.setdefault(order.participant_id, {})[order.order_id] = order
            if order.via == "bid":
                assert order.offer_id is not None
                engine._clearing.leading[order.offer_id] = order.order_id
            if order.display_quantity is not None:
                engine._clearing.icebergs.setdefault(order.symbol, {})[order.order_id] = order
        engine._clearing.instrument_digest.changed.update(dict.fromkeys(engine.market.symbols()))
        engine._instruments.exhausted = dict.fromkeys(decoded.exhausted)
        for office, kept in zip(engine._offices, decoded.offices, strict=True):
            office.restore(kept)
        return engine

    def audit(self) -> None:
        """Assert every invariant: money, goods, reservations, orders, and that they agree; for tests, and before each
        snapshot. O(state)."""
        self.market.audit()
        for office in self._offices:
            office.audit()
        self._clearing.trades.audit(self.time_ns)
        assert not self._books.events
        assert not self._clearing.touched
        self._clearing.audit_orders(self._trading.last_order_id)
        self._clearing.audit_reservations()
        live = {
            order.order_id: (order.participant_id, order.client_order_id) for order in self._clearing.orders.values()
        }
        self._clearing.client_ids.audit(live)
