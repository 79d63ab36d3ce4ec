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

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct, msgpack

from exchange.offers import WITHDRAWALS, Unknown, draft, reason_here, rejection
from exchange.protocol import Event
from matching import Market
from matching.messages import (
    AcceptanceRejected,
    AcceptCounter,
    AdvanceTime,
    AmendOrder,
    AmendRejected,
    AuctionClosed,
    AuctionExtended,
    AuctionUncrossed,
    Bid,
    BidPlaced,
    CancelOrder,
    CancelRejected,
    CommandRejected,
    CounterClosed,
    DeclineReport,
    DefineInstrument,
    InstrumentDefined,
    ListingClosed,
    MassCancel,
    OpenAuction,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    Phase,
    PhaseChanged,
    PlaceOrder,
    ReportClosed,
    SelfTradePrevented,
    SetPhase,
    StopTriggered,
    TradeExecuted,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)
from settlement.books import OWN_ACCOUNTS, Books
from settlement.busts import SettledTrades, TradesState, refuse_unwinding, unwind
from settlement.clearing import Order, Purse
from settlement.client_ids import ClientIds, Remembered
from settlement.depository import Depository
from settlement.digest import Digest
from settlement.dvp import settle
from settlement.messages import (
    CASH,
    MAXIMUM_LOTS_PER_ORDER,
    BalanceChanged,
    BustTrade,
    ConfigureVenue,
    EnterAuction,
    EnterBid,
    EnterConfirmation,
    EnterCounter,
    EnterListing,
    EnterOffer,
    EnterOrder,
    EnterReport,
    EnterTake,
    ExecutionReport,
    Lot,
    OrderStatus,
    ParticipantRegistered,
    Receipt,
    RegisterParticipant,
    TradeSettled,
    VenueConfigured,
)
from settlement.office import Office
from settlement.receipts import LiveReceipt, Lots, Stock
from settlement.symbols import parse_symbol
from settlement.treasury import Treasury
from settlement.venue import first_definition, permits, refuse_venue

ENGINE_VERSION: Final = 3
"""Grows when old commands would give other events or another state: then a journal's new segment begins.

2: reports say by what way they trade, trades are remembered for busts, further commands. 3: offices
keep state of their own, and a trade can lead to a contract. Nothing was released with 1 or 2.
"""

EXPIRED: Final = "expired"

OUTBID: Final = "outbid"

RUN_OUT: Final = (EXPIRED, "no_bids", "reserve_not_met")
"""Reasons by which what trades without a book ends because its time has come."""

NO_LOTS: Final[Lots] = []
"""What a buy holds of receipts, one for all of them: nobody adds to it."""

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


class Engine:
    """The venue's state, changed by commands alone; everything else only looks."""

    def __init__(self) -> None:
        self.sequence = 0
        """The last command executed."""
        self.time_ns = 0
        self.market = Market()
        self._books = books = Books()
        books.desk = self
        self._participants = books.participants
        self._purses = books.purses
        self._receipts = books.receipts
        self._events = books.events
        self._balances = books.balances
        self._treasury = Treasury(books)
        self._depository = Depository(books)
        self._offices: tuple[Office, ...] = (self._treasury, self._depository)
        """What is due at one moment is done in this order."""
        self._trades = SettledTrades()
        self._client_ids = ClientIds()
        self._last_order_id = 0
        self._orders: dict[int, Order] = {}
        self._orders_of: dict[int, dict[int, Order]] = {}
        self._icebergs: dict[str, dict[int, Order]] = {}
        # The leading bid of each auction that has one.
        self._leading: dict[int, int] = {}
        # Symbols that were closed here because no receipt of theirs could be sold any more; the next one opens them.
        self._exhausted: dict[str, None] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            EnterOrder: self._enter_order,
            EnterListing: self._enter_offer,
            EnterTake: self._enter_offer,
            EnterCounter: self._enter_offer,
            EnterAuction: self._enter_offer,
            EnterBid: self._enter_offer,
            EnterReport: self._enter_offer,
            EnterConfirmation: self._enter_offer,
            AcceptCounter: self._accept_counter,
            WithdrawListing: self._withdraw_listing,
            WithdrawCounter: self._withdraw_counter,
            WithdrawAuction: self._withdraw_auction,
            WithdrawReport: self._end_report,
            DeclineReport: self._end_report,
            CancelOrder: self._cancel_order,
            AmendOrder: self._amend_order,
            MassCancel: self._mass_cancel,
            SetPhase: self._set_phase,
            DefineInstrument: self._define_instrument,
            AdvanceTime: self._advance_time,
            ConfigureVenue: self._configure_venue,
            RegisterParticipant: self._register_participant,
            BustTrade: self._bust_trade,
        }
        for office in self._offices:
            for command, handler in office.handlers().items():
                assert command not in self._handlers, command
                self._handlers[command] = handler
        # What the state's hash is made of, brought up to date when it is asked for.
        self._order_digest: Digest[int] = Digest()
        self._instrument_digest: Digest[str] = Digest()
        # What the command at hand has done so far.
        self._touched: dict[int, Order] = {}
        self._ended: dict[int, tuple[OrderStatus, str | None]] = {}
        self._unsure: dict[int, Order] = {}
        self._own_order_id = 0

    # Commands

    def execute(self, command: Any, sequence: int, time_ns: int) -> tuple[Event, ...]:
        """Execute the next command, stamped with its sequence and its batch's time; what happened, in order.

        Where the time has not been reached yet, what its coming brings stands in front. Sequences count without a gap
        and time never runs backwards: anything else is a bug of the caller.
        """
        assert sequence == self.sequence + 1, f"sequence {sequence} follows {self.sequence}"
        brought = self.advance(time_ns, sequence) if time_ns != self.time_ns else ()
        self.sequence = self._books.sequence = sequence
        handler = self._handlers[type(command)]
        if self._books.configured is None and handler != self._configure_venue and handler != self._advance_time:
            self._books.refuse(command, "venue_not_configured")
        else:
            handler(command)
        return brought + self._close()

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
        self._client_ids.forget(time_ns)
        self._trades.forget(time_ns)
        if len(self._order_digest.changed) > MAXIMUM_CHANGED:
            self.state_hash()
        return self._close()

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
        order = self._orders.get(order_id)
        return None if order is None else order.live_report()

    def live_orders(self, participant_id: int) -> list[ExecutionReport]:
        """Ascending `order_id`. O(his orders)."""
        return [order.live_report() for order in self._orders_of.get(participant_id, {}).values()]

    def order_id_of(self, participant_id: int, client_order_id: str) -> int | None:
        """The order that a client id names, while it is remembered. O(1)."""
        remembered = self._client_ids.get(participant_id, client_order_id)
        return None if remembered is None else remembered.order_id

    def balances(self, participant_id: int) -> list[BalanceChanged]:
        """Cash, then goods by ascending symbol; nothing for an unknown participant. O(his symbols)."""
        if participant_id not in self._participants:
            return []
        assets = [CASH, *self._receipts.symbols_of(participant_id)]
        return [self._books.balance(participant_id, asset) for asset in assets]

    def receipts(self, participant_id: int) -> list[Receipt]:
        """His live receipts, ascending. O(n log n)."""
        return [self._receipts.message(receipt) for receipt in self._receipts.of(participant_id)]

    def all_receipts(self) -> list[Receipt]:
        """Everyone's live receipts, ascending. O(receipts)."""
        return [self._receipts.message(receipt) for receipt in self._receipts.all()]

    def receipt(self, receipt_id: int) -> Receipt | None:
        """A live receipt. O(1)."""
        receipt = self._receipts.get(receipt_id)
        return None if receipt is None else self._receipts.message(receipt)

    def tradable(self, symbol: str) -> bool:
        """Whether any receipt of the symbol may still be sold. O(1)."""
        return self._receipts.tradable(symbol)

    def lots(self) -> list[Lot]:
        """Lots on their way to a receipt, ascending."""
        return self._depository.lots()

    def lot(self, lot_id: int) -> Lot | None:
        """A lot on its way to a receipt. O(1)."""
        return self._depository.lot(lot_id)

    def participant(self, participant_id: int) -> ParticipantRegistered | None:
        return self._participants.get(participant_id)

    def participants(self) -> list[ParticipantRegistered]:
        """Ascending `participant_id`."""
        return self._participants.all()

    # Orders: reserve, match, clear

    def _enter_order(self, command: EnterOrder) -> None:
        participant_id = command.participant_id
        client_order_id = command.client_order_id
        known = self._client_ids.get(participant_id, client_order_id)
        if known is not None:
            self._events.append(self._client_ids.repeated(known, command))
            return
        purse = self._purses.get(participant_id)
        if purse is None:
            self._books.refuse(command, "unknown_participant", "participant_id")
            return
        venue = self._books.venue
        self._last_order_id = order_id = self._last_order_id + 1
        self._client_ids.remember(command, order_id, self.sequence)
        place = PlaceOrder(
            order_id,
            participant_id,
            command.symbol,
            command.side,
            command.quantity,
            command.kind,
            command.price,
            command.stop_price,
            command.time_in_force,
            command.expires_ns,
            command.display_quantity,
            command.minimum_quantity,
            command.post_only,
            command.self_trade,
        )
        order = Order(
            order_id,
            client_order_id,
            participant_id,
            command.symbol,
            command.side,
            command.kind,
            command.price,
            command.stop_price,
            command.quantity,
            command.time_in_force,
            command.expires_ns,
            command.display_quantity,
            command.minimum_quantity,
            command.post_only,
            command.lots,
            venue.fee_rate_ppm,
            venue.taker_rate_ppm,
            venue.fee_minimum_fen,
            None,
            [] if command.side == "sell" else NO_LOTS,
            command.kind == "limit" and command.display_quantity is None and command.time_in_force != "closing",
        )
        self._touched[order_id] = order
        refusal = self._reserve(order, place, purse)
        if refusal is not None:
            # The market's own reasons come before those of clearing.
            self._reject(order, self.market.check(place) or refusal)
            return
        events = self.market.apply(place)
        if type(events[0]) is OrderRejected:
            self._free(order)
            self._reject(order, events[0].reason)
            return
        self._admit(order)
        if order.display_quantity is not None:
            self._icebergs.setdefault(order.symbol, {})[order_id] = order
        if len(events) == 1:
            self._events.append(events[0])
        else:
            self._clear(events)

    def _admit(self, order: Order) -> None:
        """The order is live from here on, and holds what it has reserved."""
        participant_id = order.participant_id
        self._orders[order.order_id] = order
        mine = self._orders_of.get(participant_id)
        if mine is None:
            mine = self._orders_of[participant_id] = {}
        mine[order.order_id] = order
        self._balances[participant_id, CASH if order.side == "buy" else order.symbol] = None

    def _reserve(self, order: Order, place: PlaceOrder, purse: Purse) -> str | None:
        """Set aside what the order may cost or deliver; the refusal, which changes nothing, or None.

        Buys: `invalid_lots` (a buy names none), `no_price_bound`, `insufficient_funds`. Sells: `invalid_lots` (none, or
        one twice), `too_many_lots`, `unknown_receipt`, `insufficient_goods`. What the market refuses anyway may pass.
        """
        quantity = order.quantity
        if order.side == "buy":
            if order.named is not None:
                return "invalid_lots"
            price = order.price
            if price is None:
                return self._reserve_unpriced(order, place, purse)
            if quantity <= 0 or price <= 0:
                return None
            order.bound = price
            needed_fen = order.required_fen(quantity, price)
            if needed_fen > purse.total_fen - purse.reserved_fen:
                return "insufficient_funds"
            order.reserved_fen = needed_fen
            purse.reserved_fen += needed_fen
            return None
        named = order.named
        if named is not None:
            if not named or len(dict.fromkeys(named)) != len(named):
                return "invalid_lots"
            if len(named) > MAXIMUM_LOTS_PER_ORDER:
                return "too_many_lots"
        if quantity <= 0:
            return None
        return self._receipts.reserve(order.participant_id, order.symbol, quantity, named, order.lots)

    def _reserve_unpriced(self, order: Order, place: PlaceOrder, purse: Purse) -> str | None:
        """A buy without a limit: what it meets now if it trades at once, else its whole quantity at the band's top."""
        refusal = self.market.check(place)
        if refusal is not None:
            return refusal
        instrument = self.market.instrument(order.symbol)
        assert instrument is not None
        if order.kind == "market" and instrument.phase == "continuous" and order.time_in_force != "closing":
            traded_fen = sum(price * quantity for price, quantity in self.market.walk(place))
            needed_fen = order.cost_fen(traded_fen)
        else:
            if instrument.band is None or instrument.reference_price is None:
                return "no_price_bound"
            order.bound = instrument.reference_price + instrument.band * instrument.tick_size
            needed_fen = order.required_fen(order.quantity, order.bound)
        if needed_fen > purse.total_fen - purse.reserved_fen:
            return "insufficient_funds"
        order.reserved_fen = needed_fen
        purse.reserved_fen += needed_fen
        return None

    def _cancel_order(self, command: CancelOrder) -> None:
        """Also withdraws whatever else he has offered; `bid_stands`, `has_bids`: nobody steps back from an auction."""
        order_id = self._own_order_id = command.order_id
        order = self._orders.get(order_id)
        if order is None or order.via == "order" or order.participant_id != command.participant_id:
            self._clear(self.market.apply(command))
            return
        withdraw = WITHDRAWALS.get(order.via)
        if withdraw is None:
            self._events.append(CancelRejected(order_id, "bid_stands"))
            return
        refusal = self.market.check(withdraw(order_id, order.participant_id))
        if refusal is not None:
            self._events.append(CancelRejected(order_id, refusal))
            return
        self._clear(self.market.apply(withdraw(order_id, order.participant_id)))

    def _mass_cancel(self, command: MassCancel) -> None:
        self._clear(self.market.apply(command))

    def _amend_order(self, command: AmendOrder) -> None:
        order_id = command.order_id
        refusal = self.market.check(command)
        order = self._orders[order_id] if refusal is None else None
        if order is not None:
            refusal = self._reserve_amendment(order, command)
        if order is None or refusal is not None:
            self._events.append(AmendRejected(order_id, refusal or "unknown_order"))
            return
        self._own_order_id = order_id
        events = self.market.apply(command)
        if command.display_quantity is not None and type(events[0]) is OrderAmended:
            order.display_quantity = command.display_quantity
            order.plain = False
            self._icebergs.setdefault(order.symbol, {})[order_id] = order
        self._clear(events)

    def _reserve_amendment(self, order: Order, command: AmendOrder) -> str | None:
        """Set aside what the amended order needs beyond what it holds; the refusal, which changes nothing, or None."""
        quantity = order.quantity if command.quantity is None else command.quantity
        if quantity <= order.filled:
            return None
        if order.side == "sell":
            extra = quantity - order.quantity
            if extra <= 0:
                return None
            refusal = self._receipts.reserve(order.participant_id, order.symbol, extra, order.named, order.lots)
            if refusal is None:
                self._balances[order.participant_id, order.symbol] = None
            return refusal
        bound = order.bound if command.price is None else command.price
        assert bound is not None
        return self._raise_reservation(order, order.required_fen(quantity, bound))

    def _raise_reservation(self, order: Order, needed_fen: int) -> str | None:
        """Let a buy hold at least so much; `insufficient_funds`, which changes nothing, or None."""
        extra_fen = needed_fen - order.reserved_fen
        if extra_fen <= 0:
            return None
        purse = self._purses[order.participant_id]
        if extra_fen > purse.total_fen - purse.reserved_fen:
            return "insufficient_funds"
        purse.reserved_fen += extra_fen
        order.reserved_fen = needed_fen
        self._balances[order.participant_id, CASH] = None
        return None

    # Trading without a book: the same, for what is listed, auctioned or reported

    def _enter_offer(self, command: EnterOffer) -> None:
        """Give it a number, reserve what it may cost or deliver, and let the market have it.

        Refused without a number: what `draft` does not know. Rejected: the market's reasons; `invalid_receipt_id` (a
        buy names none); `receipt_expires` (before an auction would end); as orders `insufficient_funds`,
        `unknown_receipt`, `insufficient_goods`, `too_many_lots`.
        """
        participant_id = command.participant_id
        known = self._client_ids.get(participant_id, command.client_order_id)
        if known is not None:
            self._events.append(self._client_ids.repeated(known, command))
            return
        if participant_id not in self._purses:
            self._books.refuse(command, "unknown_participant", "participant_id")
            return
        order_id = self._last_order_id + 1
        drafted = draft(command, order_id, self.market, self.venue(), self._participants)
        if isinstance(drafted, Unknown):
            self._books.refuse(command, drafted.reason, drafted.field)
            return
        order, said = drafted
        self._last_order_id = order_id
        self._client_ids.remember(command, order_id, self.sequence)
        self._touched[order_id] = order
        refusal = self.market.check(said) or self._refuse_receipt(order, said) or self._reserve_offer(order)
        if refusal is not None:
            refusal = reason_here(refusal)
            self._events.append(rejection(said, refusal))
            self._finish(order, "rejected", refusal)
            return
        self._admit(order)
        self._clear(self.market.apply(said))

    def _refuse_receipt(self, order: Order, said: Any) -> str | None:
        """A buyer names no receipt. An auction ends before the receipts do that it or its leading bid sells, also where
        this bid would extend it: nobody could withdraw either.
        """
        if order.side == "buy" and order.named is not None:
            return "invalid_receipt_id"
        ends_ns = None
        receipt_id = None if order.named is None else order.named[0]
        if type(said) is OpenAuction:
            ends_ns = said.ends_ns
        elif type(said) is Bid:
            auction = self.market.auction(said.auction_id)
            assert auction is not None
            if auction.style == "english":
                ends_ns = max(auction.ends_ns, self.time_ns + auction.extension_ns)
                if auction.side == "sell":
                    receipt_id = auction.lot_id
        receipt = None if receipt_id is None else self._receipts.get(receipt_id)
        if ends_ns is None or receipt is None:
            return None
        return "receipt_expires" if self._receipts.stock(receipt.lot_id).expires_ns < ends_ns else None

    def _reserve_offer(self, order: Order) -> str | None:
        """Set aside what it may cost or deliver; the refusal, which changes nothing, or None.

        The market has nothing against it any more. Who raises his own leading bid has that one's hold for it.
        """
        raised = None
        if order.via == "bid":
            assert order.offer_id is not None
            leading = self._leading.get(order.offer_id)
            if leading is not None and self._orders[leading].participant_id == order.participant_id:
                raised = self._orders[leading]
                self._free(raised)
        refusal = self._hold(order)
        if refusal is not None and raised is not None:
            back = self._hold(raised)
            assert back is None, back
        return refusal

    def _hold(self, order: Order) -> str | None:
        """Reserve for all of it, which holds nothing yet and has traded nothing."""
        if order.side == "sell":
            return self._receipts.reserve(order.participant_id, order.symbol, order.quantity, order.named, order.lots)
        assert order.bound is not None
        purse = self._purses[order.participant_id]
        needed_fen = order.required_fen(order.quantity, order.bound)
        if needed_fen > purse.total_fen - purse.reserved_fen:
            return "insufficient_funds"
        order.reserved_fen = needed_fen
        purse.reserved_fen += needed_fen
        return None

    def _accept_counter(self, command: AcceptCounter) -> None:
        """The lister's own listing answers. A want that is accepted dearer than it was listed needs the difference."""
        refusal = self.market.check(command)
        if refusal is None:
            counter = self.market.counter(command.counter_id)
            assert counter is not None
            listing = self._orders[counter.listing_id]
            if listing.side == "buy":
                assert listing.bound is not None
                left = listing.quantity - listing.filled
                accepted = min(counter.quantity, left)
                open_fen = counter.price * accepted + listing.bound * (left - accepted)
                refusal = self._raise_reservation(listing, listing.cost_fen(open_fen))
            self._own_order_id = counter.listing_id
        if refusal is not None:
            self._events.append(AcceptanceRejected(command.counter_id, refusal))
            return
        self._clear(self.market.apply(command))

    def _withdraw_listing(self, command: WithdrawListing) -> None:
        self._own_order_id = command.listing_id
        self._clear(self.market.apply(command))

    def _withdraw_counter(self, command: WithdrawCounter) -> None:
        self._own_order_id = command.counter_id
        self._clear(self.market.apply(command))

    def _withdraw_auction(self, command: WithdrawAuction) -> None:
        self._own_order_id = command.auction_id
        self._clear(self.market.apply(command))

    def _end_report(self, command: WithdrawReport | DeclineReport) -> None:
        self._own_order_id = command.report_id
        self._clear(self.market.apply(command))

    def _close_offer(self, offer_id: int, reason: str) -> None:
        """It is not offered any more; one that has traded whole has ended already."""
        order = self._orders.get(offer_id)
        if order is not None:
            self._end(order, "expired" if reason in RUN_OUT else "cancelled", reason)

    def _lead(self, bid: BidPlaced) -> None:
        """The bid that led before has ended, and is free."""
        outbid = self._leading.get(bid.auction_id)
        if outbid is not None:
            self._end(self._orders[outbid], "cancelled", OUTBID)
        self._leading[bid.auction_id] = bid.bid_id

    def _close_auction(self, event: AuctionClosed) -> None:
        self._close_offer(event.auction_id, event.reason)
        leading = self._leading.pop(event.auction_id, None)
        if leading is not None and leading in self._orders:
            self._end(self._orders[leading], "cancelled", event.reason)

    # Clearing

    def _clear(self, events: Iterable[Any]) -> None:
        """Take over what the market has done: its events as they are, each trade followed by its settlement."""
        orders = self._orders
        out = self._events
        for event in events:
            out.append(event)
            kind = type(event)
            if kind is TradeExecuted:
                self._settle(event)
            elif kind is OrderCancelled:
                order = orders[event.order_id]
                order.quantity = order.filled + event.quantity
                self._end(order, "expired" if event.reason == EXPIRED else "cancelled", event.reason)
            elif kind is OrderAmended:
                order = orders[event.order_id]
                order.quantity = event.quantity
                if event.price is not None:
                    order.price = event.price
                    if order.side == "buy":
                        order.bound = event.price
                self._touched[order.order_id] = order
                self._fit(order)
            elif kind is SelfTradePrevented:
                for order_id in (event.buy_order_id, event.sell_order_id):
                    self._touched[order_id] = self._unsure[order_id] = orders[order_id]
            elif kind is StopTriggered:
                self._touched[event.order_id] = orders[event.order_id]
            elif kind is AuctionUncrossed:
                self._touch_refreshed_icebergs(event.symbol)
            elif kind is PhaseChanged or kind is InstrumentDefined:
                self._instrument_digest.changed[event.symbol] = None
            elif kind is ListingClosed:
                self._close_offer(event.listing_id, event.reason)
            elif kind is CounterClosed:
                self._close_offer(event.counter_id, event.reason)
            elif kind is ReportClosed:
                self._close_offer(event.report_id, event.reason)
            elif kind is BidPlaced:
                self._lead(event)
            elif kind is AuctionExtended:
                order = orders[event.auction_id]
                order.expires_ns = event.ends_ns
                self._touched[order.order_id] = order
            elif kind is AuctionClosed:
                self._close_auction(event)

    def _settle(self, trade: TradeExecuted) -> None:
        buy = self._orders[trade.buy_order_id]
        sell = self._orders[trade.sell_order_id]
        buyer_id = buy.participant_id
        seller_id = sell.participant_id
        purses = self._purses
        settle(
            trade,
            buy,
            sell,
            purses[buyer_id],
            purses[seller_id],
            self._books.ledger,
            self._receipts,
            self.time_ns,
            self._events,
        )
        settled = self._events[-1]
        assert type(settled) is TradeSettled
        self._trades.remember(settled, self._books.sequence, self.time_ns)
        symbol = trade.symbol
        self._instrument_digest.changed[symbol] = None
        balances = self._balances
        balances[buyer_id, CASH] = None
        balances[seller_id, CASH] = None
        balances[buyer_id, symbol] = None
        balances[seller_id, symbol] = None
        touched = self._touched
        touched[buy.order_id] = buy
        touched[sell.order_id] = sell
        if buy.filled == buy.quantity:
            self._end(buy, "filled", None)
        if sell.filled == sell.quantity:
            self._end(sell, "filled", None)

    def _end(self, order: Order, status: OrderStatus, reason: str | None) -> None:
        """The order leaves: what it still holds is free, its client id begins to age."""
        order_id = order.order_id
        participant_id = order.participant_id
        self._free(order)
        self._balances[participant_id, CASH if order.side == "buy" else order.symbol] = None
        del self._orders[order_id]
        mine = self._orders_of[participant_id]
        del mine[order_id]
        if not mine:
            del self._orders_of[participant_id]
        if order.display_quantity is not None:
            icebergs = self._icebergs[order.symbol]
            del icebergs[order_id]
            if not icebergs:
                del self._icebergs[order.symbol]
        self._touched[order_id] = order
        self._finish(order, status, reason)

    def _reject(self, order: Order, reason: str) -> None:
        self._events.append(OrderRejected(order.order_id, reason))
        self._finish(order, "rejected", reason)

    def _finish(self, order: Order, status: OrderStatus, reason: str | None) -> None:
        order.displayed = 0
        order.waiting = False
        self._ended[order.order_id] = (status, reason)
        self._client_ids.end(order.participant_id, order.client_order_id, self.time_ns)

    def _free(self, order: Order) -> None:
        """Free all that an order holds."""
        if order.side == "sell":
            lots = order.lots
            if lots:
                self._receipts.release(lots, sum([held for _, held in lots]))
        elif order.reserved_fen:
            self._purses[order.participant_id].reserved_fen -= order.reserved_fen
            order.reserved_fen = 0

    def _fit(self, order: Order) -> None:
        """Free what a live order holds beyond the need of its present total and price."""
        if order.side == "sell":
            surplus = sum([held for _, held in order.lots]) - (order.quantity - order.filled)
            if surplus > 0:
                self._receipts.release(order.lots, surplus)
                self._balances[order.participant_id, order.symbol] = None
        elif order.bound is not None:
            surplus = order.reserved_fen - order.required_fen(order.quantity, order.bound)
            if surplus:
                assert surplus > 0
                self._purses[order.participant_id].reserved_fen -= surplus
                order.reserved_fen -= surplus
                self._balances[order.participant_id, CASH] = None

    def _touch_refreshed_icebergs(self, symbol: str) -> None:
        """An uncross gives every iceberg a full tip in place, of those too that did not trade."""
        for order_id, order in self._icebergs.get(symbol, {}).items():
            view = self.market.order(order_id)
            if view is not None and view.displayed != order.displayed:
                self._touched[order_id] = order

    def _close(self) -> tuple[Event, ...]:
        """Report what the command has touched and be ready for the next."""
        events = self._events
        touched = self._touched
        if touched:
            order_ids = list(touched)
            if len(order_ids) > 1:
                order_ids.sort()
                if self._own_order_id in touched:
                    order_ids.remove(self._own_order_id)
                    order_ids.append(self._own_order_id)
            sequence = self._books.sequence
            time_ns = self.time_ns
            ended = self._ended
            unsure = self._unsure
            changed = self._order_digest.changed
            for order_id in order_ids:
                order = touched[order_id]
                order.sequence = sequence
                order.time_ns = time_ns
                changed[order_id] = None
                if order_id not in ended:
                    if order.plain and order_id not in unsure:
                        order.displayed = order.quantity - order.filled
                    elif order.via == "order":
                        self._look_up(order)
                end = ended.get(order_id)
                events.append(order.live_report() if end is None else order.report(end[0], end[1], 0))
            touched.clear()
            ended.clear()
            unsure.clear()
        self._books.close()
        self._own_order_id = 0
        result = tuple(events)
        events.clear()
        return result

    def _look_up(self, order: Order) -> None:
        """How a touched order that has not ended stands in the market now."""
        order_id = order.order_id
        view = self.market.order(order_id)
        if view is None:
            # Lowered by what it would have traded with its owner, then filled by others.
            order.quantity = order.filled
            self._end(order, "filled", None)
            return
        order.quantity = view.quantity
        order.displayed = view.displayed
        order.waiting = view.state == "waiting"
        if order_id in self._unsure:
            self._fit(order)

    # Instruments and time

    def _set_phase(self, command: SetPhase) -> None:
        events = self.market.apply(command)
        if command.phase != "closed" and type(events[0]) is not CommandRejected:
            self._exhausted.pop(command.symbol, None)
        self._clear(events)

    def _define_instrument(self, command: DefineInstrument) -> None:
        refusal = self._refuse_symbol(command.symbol)
        if refusal is not None:
            self._books.refuse(command, refusal, "symbol")
            return
        if not permits(self.venue().profile, command.mode):
            self._books.refuse(command, "mode_not_permitted", "mode")
            return
        if self.market.check(command) is None and self.market.instrument(command.symbol) is not None:
            self._rebound(command)
        events = self.market.apply(command)
        if command.phase != "closed" and type(events[0]) is InstrumentDefined:
            self._exhausted.pop(command.symbol, None)
        self._clear(events)

    def _refuse_symbol(self, symbol: str) -> str | None:
        """What no lot here trades as: `invalid_symbol`, `unknown_variety`, `unknown_warehouse`; None: it is fine."""
        parts = parse_symbol(symbol)
        if parts is None:
            return "invalid_symbol"
        venue = self.venue()
        if all(variety.code != parts.variety for variety in venue.varieties):
            return "unknown_variety"
        if all(warehouse.code != parts.warehouse for warehouse in venue.warehouses):
            return "unknown_warehouse"
        return None

    def _rebound(self, command: DefineInstrument) -> None:
        """Let buys without a limit reserve up to the new band's top before it is in force; cancel those that cannot."""
        top = None
        if command.band is not None and command.reference_price is not None:
            top = command.reference_price + command.band * command.tick_size
        for order in self._orders_in({command.symbol: None}):
            if order.side == "sell" or order.price is not None:
                continue
            if top is None:
                self._cancel(order, "no_price_bound")
                continue
            refusal = self._raise_reservation(order, order.required_fen(order.quantity, top))
            if refusal is not None:
                self._cancel(order, refusal)
                continue
            order.bound = top
            self._order_digest.changed[order.order_id] = None
            self._fit(order)

    def _advance_time(self, command: AdvanceTime) -> None:
        """A reason for a batch when only time has passed: its own time has come already, a later one is refused."""
        if command.time_ns > self.time_ns:
            self._events.append(CommandRejected("advance_time", None, "time_ahead"))

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
        self._clear(self.market.apply(AdvanceTime(time_ns)))

    # What offices ask of trading: `settlement.books.Desk`

    def uncover(self, receipt: LiveReceipt, reason: str, kept_g: int = 0) -> None:
        """Cancel whole orders that stand on a receipt, newest first, until at most `kept_g` of it is reserved.

        O(its holder's orders).
        """
        if receipt.reserved_g <= kept_g:
            return
        receipt_id = receipt.receipt_id
        mine = self._orders_of[receipt.participant_id].values()
        for order in sorted(mine, key=lambda order: -order.order_id):
            if receipt.reserved_g <= kept_g:
                break
            if order.order_id in self._orders and any(held == receipt_id for held, _ in order.lots):
                self._cancel(order, reason)

    def uncover_all(self, receipts: Iterable[LiveReceipt], reason: str) -> None:
        """Cancel all orders that stand on any of these receipts, newest first. O(their holders' orders)."""
        lost = {receipt.receipt_id: receipt for receipt in receipts}
        sellers = dict.fromkeys(receipt.participant_id for receipt in lost.values() if receipt.reserved_g)
        doomed = [
            order
            for seller_id in sellers
            for order in self._orders_of[seller_id].values()
            if any(receipt_id in lost for receipt_id, _ in order.lots)
        ]
        for order in sorted(doomed, key=lambda order: -order.order_id):
            if order.order_id in self._orders:
                self._cancel(order, reason)

    def open(self, symbol: str) -> None:
        """There is something to sell: define the instrument, or open again what was closed for want of receipts."""
        instrument = self.market.instrument(symbol)
        if instrument is None:
            self._clear(self.market.apply(first_definition(symbol, self.venue().profile)))
        elif symbol in self._exhausted:
            del self._exhausted[symbol]
            if instrument.phase == "closed":
                phase: Phase = "auction" if instrument.mode == "call_auction" else "continuous"
                self._clear(self.market.apply(SetPhase(symbol, phase)))

    def close_exhausted(self, symbols: Iterable[str]) -> None:
        """Where no receipt can be sold any more, cancel what rests (`expired`) and close till the next receipt."""
        exhausted = {symbol: None for symbol in symbols if not self._receipts.tradable(symbol)}
        if not exhausted:
            return
        for order in self._orders_in(exhausted):
            if order.order_id in self._orders:  # A listing takes its counter-bids with it.
                self._cancel(order, EXPIRED)
        for symbol in exhausted:
            instrument = self.market.instrument(symbol)
            assert instrument is not None
            if instrument.phase != "closed":
                self._exhausted[symbol] = None
                self._clear(self.market.apply(SetPhase(symbol, "closed")))

    def execute_within(self, command: Any) -> None:
        """Let a command of a participant's be part of the command at hand."""
        self._handlers[type(command)](command)

    def _orders_in(self, symbols: dict[str, None]) -> list[Order]:
        """The live orders of these symbols, ascending. O(all orders), which only the end of an instrument pays."""
        return [order for order in self._orders.values() if order.symbol in symbols]

    def _cancel(self, order: Order, reason: str) -> None:
        """Cancel an order, or withdraw an offer, for a reason that is not the market's."""
        if order.via != "order":
            # A bid is not taken back alone: its auction ends with it.
            offer_id = order.offer_id if order.via == "bid" else order.order_id
            assert offer_id is not None
            self._clear(self.market.void(offer_id, reason))
            return
        events = self.market.apply(CancelOrder(order.order_id, order.participant_id))
        cancelled = events[0]
        assert type(cancelled) is OrderCancelled
        self._clear([OrderCancelled(order.order_id, cancelled.quantity, reason)])

    # People and money

    def _configure_venue(self, command: ConfigureVenue) -> None:
        refusal = refuse_venue(command)
        if refusal is not None:
            self._books.refuse(command, *refusal)
            return
        self._books.configured = command
        self._events.append(
            VenueConfigured(**{field: getattr(command, field) for field in VenueConfigured.__struct_fields__})
        )

    def _register_participant(self, command: RegisterParticipant) -> None:
        refusal = self._participants.refuse(command)
        if refusal is not None:
            self._books.refuse(command, *refusal)
            return
        registered = self._participants.register(command)
        self._books.admit(registered)
        self._events.append(registered)

    # Corrections by an operator

    def _bust_trade(self, command: BustTrade) -> None:
        """Refused: `unknown_trade`, `too_old`, `already_busted`, `goods_moved`, `funds_moved`."""
        if not self._books.may(command, "operator_id", ("operator",)):
            return
        settled = self._trades.find(command.trade_id)
        if isinstance(settled, str):
            self._books.refuse(command, settled, "trade_id")
            return
        trade = settled.trade
        buyer, seller = self._purses[trade.buyer_id], self._purses[trade.seller_id]
        refusal = refuse_unwinding(trade, seller, self._receipts)
        if refusal is not None:
            self._books.refuse(command, refusal, "trade_id")
            return
        self._trades.bust(trade.trade_id)
        unwind(
            settled,
            command.operator_id,
            command.reason,
            buyer,
            seller,
            self._books.ledger,
            self._receipts,
            self.time_ns,
            self._events,
        )
        for participant_id in (trade.buyer_id, trade.seller_id):
            self._balances[participant_id, CASH] = None
            self._balances[participant_id, trade.symbol] = None

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
            self._participants.digest(),
            self._books.purse_digest.bring_up_to_date(self._purses.get),
            (ledger.last_transfer_id, [ledger.balance(CASH, account) for account in OWN_ACCOUNTS]),
            self._trades.digest(),
            self._receipts.digest(),
            (self._last_order_id, self._order_digest.bring_up_to_date(self._orders.get)),
            self._client_ids.digest(),
            sorted(self._exhausted),
            self._instrument_digest.bring_up_to_date(self.market.instrument),
            [office.digest() for office in self._offices],
        )
        return blake2b(_encode(parts), digest_size=32).digest()

    def _state(self) -> EngineState:
        last_receipt_id, stocks, receipts = self._receipts.state()
        live = [self._client_ids.get(order.participant_id, order.client_order_id) for order in self._orders.values()]
        return EngineState(
            ENGINE_VERSION,
            self.sequence,
            self.time_ns,
            self._books.configured,
            self._participants.all(),
            list(self._purses.values()),
            self._books.ledger.last_transfer_id,
            self._books.ledger.state(),
            self._trades.state(),
            last_receipt_id,
            stocks,
            receipts,
            self._last_order_id,
            list(self._orders.values()),
            [remembered for remembered in live if remembered is not None],
            self._client_ids.state(),
            sorted(self._exhausted),
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
        engine = cls()
        engine.sequence = engine._books.sequence = decoded.sequence
        engine.time_ns = engine._books.time_ns = decoded.time_ns
        engine.market = Market.restore(decoded.market)
        books = engine._books
        books.configured = decoded.venue
        books.participants.restore(decoded.participants)
        for purse in decoded.purses:
            books.restore_purse(purse)
        books.ledger.restore(decoded.last_transfer_id, decoded.balances)
        books.receipts.restore(decoded.last_receipt_id, decoded.stocks, decoded.receipts, decoded.time_ns)
        engine._trades.restore(decoded.trades)
        engine._client_ids.restore(*decoded.ended_client_ids, decoded.live_client_ids)
        engine._last_order_id = decoded.last_order_id
        for order in decoded.orders:
            engine._orders[order.order_id] = order
            engine._order_digest.changed[order.order_id] = None
            engine._orders_of.setdefault(order.participant_id, {})[order.order_id] = order
            if order.via == "bid":
                assert order.offer_id is not None
                engine._leading[order.offer_id] = order.order_id
            if order.display_quantity is not None:
                engine._icebergs.setdefault(order.symbol, {})[order.order_id] = order
        engine._instrument_digest.changed.update(dict.fromkeys(engine.market.symbols()))
        engine._exhausted = dict.fromkeys(decoded.exhausted)
        for office, kept in zip(engine._offices, decoded.offices, strict=True):
            office.restore(kept)
        return engine

    def audit(self) -> None:
        """Assert every invariant: money, goods, reservations, orders, and that they agree; for tests. O(state)."""
        self.market.audit()
        for office in self._offices:
            office.audit()
        self._trades.audit(self.time_ns)
        assert not self._events
        assert not self._touched
        self._audit_orders()
        self._audit_reservations()
        live = {order.order_id: (order.participant_id, order.client_order_id) for order in self._orders.values()}
        self._client_ids.audit(live)

    def _audit_orders(self) -> None:
        """Clearing's orders are the market's, and stand as last reported."""
        assert list(self._orders) == sorted(self._orders)
        views = {view.order_id: view for view in self.market.orders()}
        offers = {order_id: order for order_id, order in self._orders.items() if order.via != "order"}
        assert views.keys() | offers.keys() == self._orders.keys()
        assert not views.keys() & offers.keys()
        self._audit_offers(offers)
        for order_id, view in views.items():
            order = self._orders[order_id]
            assert order.order_id == order_id <= self._last_order_id
            assert self._orders_of[order.participant_id][order_id] is order
            assert (order.participant_id, order.symbol, order.side) == (view.participant_id, view.symbol, view.side)
            assert (order.kind, order.price, order.stop_price) == (view.kind, view.price, view.stop_price)
            assert (order.quantity, order.filled) == (view.quantity, view.filled)
            assert order.display_quantity == view.display_quantity
            assert order.displayed == view.displayed, (order, view)
            assert order.waiting == (view.state == "waiting")
        assert sum(len(mine) for mine in self._orders_of.values()) == len(self._orders)
        icebergs = {order_id: order for kept in self._icebergs.values() for order_id, order in kept.items()}
        assert icebergs == {
            order_id: order for order_id, order in self._orders.items() if order.display_quantity is not None
        }

    def _audit_offers(self, offers: dict[int, Order]) -> None:
        """What stands on the market's board is known here, and the other way round."""
        market = self.market
        listings = {each.listing_id: each for symbol in market.symbols() for each in market.listings(symbol)}
        counters = {each.counter_id: each for listing_id in listings for each in market.counters(listing_id)}
        auctions = {each.auction_id: each for symbol in market.symbols() for each in market.auctions(symbol)}
        reports = {each.report_id: each for who in self._purses for each in market.reports_of(who)}
        bids = {each.bid_id: each for each in auctions.values() if each.bid_id is not None}
        assert self._leading == {each.auction_id: bid_id for bid_id, each in bids.items()}
        found: dict[str, dict[int, Any]] = {
            "listing": listings,
            "counter": counters,
            "auction": auctions,
            "bid": bids,
            "report": reports,
        }
        assert offers.keys() == {offer_id for each in found.values() for offer_id in each}
        for offer_id, order in offers.items():
            view = found[order.via][offer_id]
            sides = {"buy": "sell", "sell": "buy"}
            side = sides[view.side] if order.via == "bid" else view.side
            owner = view.bidder_id if order.via == "bid" else view.participant_id
            assert (order.participant_id, order.symbol, order.side) == (owner, view.symbol, side)
            remaining = view.remaining if order.via == "listing" else view.quantity
            assert order.quantity - order.filled == remaining
            assert order.price == (view.start_price if order.via == "auction" else view.price)
            assert order.displayed == 0
            assert not order.waiting
            lot_id = view.bid_lot_id if order.via == "bid" else view.lot_id
            assert order.named == (None if lot_id is None else (lot_id,))
            if order.via in ("listing", "counter", "report"):
                assert order.expires_ns == view.expires_ns
            elif order.via == "auction":
                assert order.expires_ns == view.ends_ns

    def _audit_reservations(self) -> None:
        """What is reserved is what the live orders need, to the fen and the gram."""
        reserved_fen = dict.fromkeys(self._purses, 0)
        reserved_kg: dict[int, int] = {}
        for order in self._orders.values():
            remaining = order.quantity - order.filled
            if order.side == "buy":
                assert order.bound is not None
                assert not order.lots
                assert order.price is None or order.price == order.bound or order.via == "auction"
                assert order.reserved_fen == order.required_fen(order.quantity, order.bound)
                reserved_fen[order.participant_id] += order.reserved_fen
            else:
                assert order.reserved_fen == 0
                assert sum(held for _, held in order.lots) == remaining
                assert len(order.lots) <= MAXIMUM_LOTS_PER_ORDER
                for receipt_id, held in order.lots:
                    receipt = self._receipts.get(receipt_id)
                    assert receipt is not None
                    assert receipt.participant_id == order.participant_id
                    assert self._receipts.stock(receipt.lot_id).symbol == order.symbol
                    assert held > 0
                    reserved_kg[receipt_id] = reserved_kg.get(receipt_id, 0) + held
        for purse in self._purses.values():
            assert 0 <= purse.reserved_fen == reserved_fen[purse.participant_id] <= purse.total_fen
        for receipt in self._receipts.all():
            assert receipt.reserved_g == 1_000 * reserved_kg.get(receipt.receipt_id, 0)
