"""The market: all instruments, their live orders and what else is offered, changed by commands alone."""

from collections.abc import Iterable, Iterator
from typing import Final

from sortedcontainers import SortedDict

from matching import auction, listing, negotiated, one_way_auction
from matching import snapshot as states
from matching.board import Board, Offer
from matching.book import Ladder
from matching.instrument import PLAIN_INTEGER, Instrument, refuse_definition
from matching.messages import (
    MAX_TIME_NS,
    AdvanceTime,
    AmendOrder,
    AmendRejected,
    AuctionCommand,
    AuctionUncrossed,
    CancelOrder,
    CancelRejected,
    Command,
    CommandRejected,
    DefineInstrument,
    Event,
    InstrumentDefined,
    ListingCommand,
    MassCancel,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    Phase,
    PhaseChanged,
    PlaceOrder,
    ReportCommand,
    SelfTradePrevented,
    SetPhase,
    Side,
    StopTriggered,
    TradeExecuted,
)
from matching.order import BOOK, CLOSING, MARKET, STOPS, Order, OrderId, new_order
from matching.views import (
    AuctionView,
    CounterView,
    InstrumentView,
    ListingView,
    OrderView,
    ReportView,
    auction_view,
    counter_view,
    listing_view,
    report_view,
    view_of,
)

Level = tuple[int, int, int]
"""(price, displayed quantity, number of orders)."""

ANY_PRICE: Final = 1 << 62
"""The key that a market order without protection may reach."""


# What is met at every command: mypyc finds a constant of the module at once, but an imported class by its name.
PLACE: Final = PlaceOrder
CANCEL: Final = CancelOrder
ACCEPTED: Final = OrderAccepted
CANCELLED: Final = OrderCancelled
TRADED: Final = TradeExecuted


class Market:
    """Every command goes in by `apply`; everything else only looks.

    A refusal is an event that says why and changes nothing; an exception is a bug. The same commands give the same
    events, always. Commands are read, never kept longer than the order that they placed lives.
    """

    def __init__(self) -> None:
        self.now_ns: int = 0
        self._instruments: dict[str, Instrument] = {}
        self._orders: dict[int, Order] = {}
        self._stamp = 0
        self._trade_id = 0
        self._deadlines: SortedDict[int, dict[int, Order]] = SortedDict()
        # Orders by participant: built when someone first asks, kept from then on. Most tapes never ask.
        self._owned: dict[int, dict[int, Order]] | None = None
        self._board = Board(self._instruments, self._orders, self._trade)
        # What is live on the board, by id: looked at for every order, so kept within reach.
        self._offers = self._board.live

    # Commands

    def apply(self, command: Command) -> list[Event]:
        """Execute the command; its events, in the order in which they happened.

        Placing and cancelling cost O(1), O(log levels) where a price level begins or ends, and O(1) a fill.
        """
        # Most commands by far place a plain limit order or cancel one. Both are spelled out here, to spare their calls.
        if type(command) is CANCEL:
            order_id: OrderId = command.order_id
            order = self._orders.get(order_id)
            if order is None or order.participant_id != command.participant_id:
                return [CancelRejected(order_id, "unknown_order")]
            remaining = order.remaining
            queue = order.queue
            assert queue is not None
            if order.hidden or order.terms.expires_ns is not None or self._owned is not None:
                self._withdraw(order)
                return [CANCELLED(order_id, remaining, "requested")]
            previous = order.previous
            following = order.next
            if previous is None:
                queue.head = following
            else:
                previous.next = following
            if following is None:
                queue.tail = previous
            else:
                following.previous = previous
            queue.quantity -= remaining
            queue.count -= 1
            if queue.head is None and queue.ladder is not None:
                queue.ladder.drop(queue)
            del self._orders[order_id]
            return [CANCELLED(order_id, remaining, "requested")]
        if type(command) is PLACE:
            order_id = command.order_id
            quantity = command.quantity
            instrument = self._instruments.get(command.symbol)
            if (
                instrument is None
                or not instrument.open
                or command.kind != "limit"
                or command.time_in_force != "gtc"
                or quantity > PLAIN_INTEGER
                or quantity <= 0
                or (instrument.lot_size != 1 and quantity % instrument.lot_size)
                or command.stop_price is not None
                or command.display_quantity is not None
                or command.minimum_quantity is not None
                or command.expires_ns is not None
                or command.post_only
                or command.self_trade != "cancel_resting"
                or order_id in self._orders
                or (self._offers and order_id in self._offers)
            ):
                return self._place(command)
            side = command.side
            if side == "buy":
                buy = True
                terms = instrument.plain_buy
                level = instrument.bids.levels.get(command.price)  # type: ignore[arg-type]
            elif side == "sell":
                buy = False
                terms = instrument.plain_sell
                level = instrument.asks.levels.get(command.price)  # type: ignore[arg-type]
            else:
                return self._place(command)
            if level is None:
                return self._place_plain(command, instrument, buy)
            tail = level.tail
            if tail is None:
                return self._place_plain(command, instrument, buy)
            # Where others of its side stand, the price is good and meets nobody of the other side.
            self._stamp = stamp = self._stamp + 1
            order = Order()
            order.order_id = order_id
            order.participant_id = command.participant_id
            order.buy = buy
            order.terms = terms
            order.price = level.price  # The same integer for all of a level, rather than each command's own.
            order.quantity = quantity
            order.remaining = quantity
            order.hidden = 0
            order.display = 0
            order.stamp = stamp
            order.next = None
            order.queue = level
            order.previous = tail
            tail.next = order
            level.tail = order
            level.quantity += quantity
            level.count += 1
            self._orders[order_id] = order
            if self._owned is not None:
                self._own(order)
            return [ACCEPTED(order_id, instrument.symbol)]
        if isinstance(command, AmendOrder):
            return self._amend(command)
        if isinstance(command, MassCancel):
            return self._mass_cancel(command)
        if isinstance(command, AdvanceTime):
            return self._advance_time(command)
        if isinstance(command, SetPhase):
            return self._set_phase(command)
        if isinstance(command, ListingCommand):
            reason = listing.refuse(command, self._board, self.now_ns)
            return listing.run(command, self._board) if reason is None else [listing.rejection(command, reason)]
        if isinstance(command, AuctionCommand):
            reason = one_way_auction.refuse(command, self._board, self.now_ns)
            if reason is not None:
                return [one_way_auction.rejection(command, reason)]
            return one_way_auction.run(command, self._board, self.now_ns)
        if isinstance(command, ReportCommand):
            reason = negotiated.refuse(command, self._board, self.now_ns)
            return negotiated.run(command, self._board) if reason is None else [negotiated.rejection(command, reason)]
        assert isinstance(command, DefineInstrument), f"{type(command).__name__} is no command"
        return self._define(command)

    def check(self, command: Command) -> str | None:
        """The reason for which `apply` would refuse the command, or None; no effect. O(1)."""
        if isinstance(command, PlaceOrder):
            instrument = self._instruments.get(command.symbol)
            if instrument is None:
                return "unknown_symbol"
            if command.order_id in self._orders or command.order_id in self._offers:
                return "duplicate_order_id"
            return instrument.refuse_place(command, self.now_ns)
        if isinstance(command, CancelOrder | AmendOrder):
            order = self._orders.get(command.order_id)
            if order is None or order.participant_id != command.participant_id:
                return "unknown_order"
            if isinstance(command, CancelOrder):
                return None
            return self._instruments[order.terms.symbol].refuse_amend(command, order)
        if isinstance(command, DefineInstrument):
            return refuse_definition(command, self._instruments.get(command.symbol))
        if isinstance(command, MassCancel):
            if command.symbol is not None and command.symbol not in self._instruments:
                return "unknown_symbol"
            return None if command.side in ("buy", "sell", None) else "invalid_side"
        if isinstance(command, AdvanceTime):
            return None if self.now_ns <= command.time_ns <= MAX_TIME_NS else "invalid_time_ns"
        if isinstance(command, ListingCommand):
            return listing.refuse(command, self._board, self.now_ns)
        if isinstance(command, AuctionCommand):
            return one_way_auction.refuse(command, self._board, self.now_ns)
        if isinstance(command, ReportCommand):
            return negotiated.refuse(command, self._board, self.now_ns)
        instrument = self._instruments.get(command.symbol)
        return "unknown_symbol" if instrument is None else instrument.refuse_phase(command.phase)

    def _place(self, command: PlaceOrder) -> list[Event]:
        order_id = command.order_id
        instrument = self._instruments.get(command.symbol)
        if instrument is None:
            return [OrderRejected(order_id, "unknown_symbol")]
        orders = self._orders
        if order_id in orders or (self._offers and order_id in self._offers):
            return [OrderRejected(order_id, "duplicate_order_id")]
        reason = instrument.refuse_place(command, self.now_ns)
        if reason is not None:
            return [OrderRejected(order_id, reason)]
        self._stamp = stamp = self._stamp + 1
        order = new_order(command, stamp)
        events: list[Event] = [OrderAccepted(order_id, instrument.symbol)]
        if command.stop_price is not None:
            self._admit(order)
            instrument.stops(order.buy).join(order, command.stop_price)
        elif instrument.open and command.time_in_force != "closing":
            self._execute(instrument, order, True, events)
            if instrument.buy_stops.best is not None or instrument.sell_stops.best is not None:
                self._trigger_stops(instrument, events)
        else:
            self._admit(order)
            self._collect(instrument, order)
        return events

    def _place_plain(self, command: PlaceOrder, instrument: Instrument, buy: bool) -> list[Event]:
        """Place a plain limit order of which all but its price is known to be good.

        Most of these trade whole: then no order is made of them.
        """
        price = command.price
        if (
            price is None
            or price < instrument.floor
            or price > instrument.ceiling
            or (instrument.tick_size != 1 and price % instrument.tick_size)
        ):
            return self._place(command)
        self._stamp = stamp = self._stamp + 1
        order_id: OrderId = command.order_id
        remaining = command.quantity
        events: list[Event] = [ACCEPTED(order_id, instrument.symbol)]
        if buy:
            opposite = instrument.asks
            reach = price
        else:
            opposite = instrument.bids
            reach = -price
        best = opposite.best
        if best is not None and best.key <= reach and instrument.collar is None:
            remaining = self._sweep(instrument, opposite, reach, order_id, command.participant_id, remaining, events)
        if remaining:
            order = new_order(command, stamp)
            order.remaining = remaining
            order.terms = instrument.plain_buy if buy else instrument.plain_sell
            self._execute(instrument, order, True, events)
        if instrument.buy_stops.best is not None or instrument.sell_stops.best is not None:
            self._trigger_stops(instrument, events)
        return events

    def _amend(self, command: AmendOrder) -> list[Event]:
        reason = self.check(command)
        if reason is not None:
            return [AmendRejected(command.order_id, reason)]
        order = self._orders[command.order_id]
        instrument = self._instruments[order.terms.symbol]
        queue = order.queue
        assert queue is not None
        total = order.quantity if command.quantity is None else command.quantity
        price = order.price if command.price is None else command.price
        remaining = total - (order.quantity - order.remaining)
        if remaining <= 0:
            self._withdraw(order)
            return [OrderCancelled(order.order_id, order.remaining, "amended_below_filled")]
        if command.display_quantity is not None:
            order.display = command.display_quantity
        if price == order.price and total <= order.quantity:
            hidden = max(0, order.hidden - (order.remaining - remaining))
            queue.resize(order, remaining, hidden)
            order.quantity = total
            return [OrderAmended(order.order_id, total, price, True)]
        queue.leave(order)
        order.quantity = total
        order.remaining = remaining
        order.price = price
        self._stamp += 1
        order.stamp = self._stamp
        events: list[Event] = [OrderAmended(order.order_id, total, price, False)]
        if queue.kind == STOPS:
            instrument.stops(order.buy).join(order, queue.price)
        elif instrument.open and queue.kind == BOOK:
            self._execute(instrument, order, False, events)
            self._trigger_stops(instrument, events)
        else:
            self._collect(instrument, order)
        return events

    def _mass_cancel(self, command: MassCancel) -> list[Event]:
        reason = self.check(command)
        if reason is not None:
            return [CommandRejected("mass_cancel", command.symbol, reason)]
        symbol, side = command.symbol, command.side
        chosen = (
            order
            for order in self._owned_by(command.participant_id)
            if (symbol is None or order.terms.symbol == symbol) and (side is None or order.terms.side == side)
        )
        events: list[Event] = []
        offers = [
            offer
            for offer in self._board.owned(command.participant_id)
            if (symbol is None or offer.instrument.symbol == symbol)
            and (side is None or offer.side == side)
            and offer.withdrawable()
        ]
        if not offers:
            self._cancel_all(chosen, "mass_cancel", events)
            return events
        mine: list[tuple[int, Order | Offer]] = [(offer.id, offer) for offer in offers]
        mine.extend((order.order_id, order) for order in chosen)
        for _, found in sorted(mine, key=_first):
            if isinstance(found, Order):
                self._cancel_all([found], "mass_cancel", events)
            else:
                self._board.close_all([found], "mass_cancel", events)
        return events

    def _advance_time(self, command: AdvanceTime) -> list[Event]:
        reason = self.check(command)
        if reason is not None:
            return [CommandRejected("advance_time", None, reason)]
        self.now_ns = command.time_ns
        expired: list[Order] = []
        for deadline, orders in self._deadlines.items():
            if deadline > command.time_ns:
                break
            expired.extend(orders.values())
        events: list[Event] = []
        self._cancel_all(expired, "expired", events)
        self._board.fall_due(command.time_ns, events)
        return events

    def _set_phase(self, command: SetPhase) -> list[Event]:
        reason = self.check(command)
        if reason is not None:
            return [CommandRejected("set_phase", command.symbol, reason)]
        events: list[Event] = []
        self._enter_phase(self._instruments[command.symbol], command.phase, events)
        return events

    def _define(self, command: DefineInstrument) -> list[Event]:
        """Define; live orders and offers that a new definition would refuse are cancelled (`redefined`)."""
        reason = self.check(command)
        if reason is not None:
            return [CommandRejected("define_instrument", command.symbol, reason)]
        events: list[Event] = [InstrumentDefined(command.symbol)]
        instrument = self._instruments.get(command.symbol)
        if instrument is None:
            self._instruments[command.symbol] = Instrument(command)
            return events
        instrument.define(command)
        self._cancel_all([order for order in instrument.orders() if instrument.misfits(order)], "redefined", events)
        offers = self._board.of_symbol(Offer, command.symbol)
        self._board.close_all([offer for offer in offers if offer.misfits()], "redefined", events)
        if command.phase != instrument.phase:
            self._enter_phase(instrument, command.phase, events)
        return events

    # Continuous trading

    def walk(self, command: PlaceOrder) -> list[tuple[int, int]]:
        """The (price, quantity) fills that this market or limit order would get now in `continuous`; no effect.

        Hidden quantity, self-trade rule, protection and collar are counted in, and so are `fok` and
        `minimum_quantity`: what would be killed gets nothing. Nothing too for a stop, a `closing` or an unknown
        symbol's order, or outside `continuous`. Whether the order would be refused is for `check`. O(fills).
        """
        instrument = self._instruments.get(command.symbol)
        if instrument is None or not instrument.open or command.stop_price is not None:
            return []
        if command.time_in_force == "closing":
            return []
        fills = self._walk(instrument, command, command.participant_id, command.price, command.quantity)
        return fills if sum(quantity for _, quantity in fills) >= _least(command, command.quantity) else []

    def _walk(
        self, instrument: Instrument, terms: PlaceOrder, participant_id: int, price: int | None, quantity: int
    ) -> list[tuple[int, int]]:
        opposite = instrument.ladder(terms.side != "buy")
        reach = _reach(instrument, opposite, price)
        low, high = _collar(instrument)
        self_trade = terms.self_trade
        fills: list[tuple[int, int]] = []
        for level in opposite:
            if level.key > reach:
                break
            inside = low <= level.price <= high
            refreshed: list[Order] = []
            for resting in level.orders():
                if resting.participant_id == participant_id:
                    if self_trade == "cancel_incoming" or self_trade == "cancel_both":
                        return fills
                    if self_trade == "decrement":
                        quantity -= min(quantity, resting.remaining)
                elif not inside:
                    return fills
                else:
                    fill = min(quantity, resting.remaining - resting.hidden)
                    quantity -= fill
                    fills.append((level.price, fill))
                    if resting.hidden:
                        refreshed.append(resting)
                if not quantity:
                    return fills
            # Tips of icebergs come back behind everyone, again and again until all of them are gone.
            hidden = [resting.hidden for resting in refreshed]
            tips = [resting.display for resting in refreshed]
            while hidden:
                for index, left in enumerate(hidden):
                    fill = min(quantity, tips[index], left)
                    quantity -= fill
                    fills.append((level.price, fill))
                    hidden[index] = left - fill
                    if not quantity:
                        return fills
                tips = [tip for tip, left in zip(tips, hidden, strict=True) if left]
                hidden = [left for left in hidden if left]
        return fills

    def _execute(self, instrument: Instrument, order: Order, new: bool, events: list[Event]) -> None:
        """Trade an incoming, triggered or amended order; what is left of it rests or is cancelled.

        The order stands in no queue; `new` says that no index knows it yet.
        """
        terms = order.terms
        price: int | None = order.price
        opposite = instrument.asks if order.buy else instrument.bids
        least = order.remaining if terms.time_in_force == "fok" else terms.minimum_quantity
        if (
            least is not None
            and sum(fill for _, fill in self._walk(instrument, terms, order.participant_id, price, order.remaining))
            < least
        ):
            reason = "fill_or_kill" if terms.time_in_force == "fok" else "minimum_quantity"
            self._finish(order, new, reason, events)
            return
        reach = price * opposite.sign if price is not None else _reach(instrument, opposite, price)
        best = opposite.best
        stopped = None if best is None or best.key > reach else self._match(instrument, order, opposite, reach, events)
        if not order.remaining:
            if not new:
                self._forget(order)
        elif stopped == "self_trade":
            self._finish(order, new, "self_trade", events)
        else:
            if stopped is not None:
                instrument.enter("auction")
                events.append(PhaseChanged(instrument.symbol, "auction"))
            if price is not None and terms.time_in_force != "ioc" and terms.time_in_force != "fok":
                if new:
                    self._admit(order)
                if order.display:
                    order.hidden = max(0, order.remaining - order.display)
                (instrument.bids if order.buy else instrument.asks).join(order, price)
            elif stopped is not None:
                self._finish(order, new, stopped, events)
            elif price is not None:
                self._finish(order, new, "immediate_or_cancel", events)
            else:
                self._finish(order, new, "no_liquidity" if opposite.best is None else "protection", events)

    def _match(
        self, instrument: Instrument, order: Order, opposite: Ladder, reach: int, events: list[Event]
    ) -> str | None:
        """Meet resting orders while they can be reached; why it ended early (`self_trade`, `collar`), or None."""
        low, high = _collar(instrument)
        near, far = (low, high) if opposite.sign > 0 else (-high, -low)
        while order.remaining:
            level = opposite.best
            if level is None or level.key > reach:
                break
            resting = level.head
            assert resting is not None
            if resting.participant_id == order.participant_id:
                if not self._prevent(order, resting, events):
                    return "self_trade"
            elif not near <= level.key <= far:
                return "collar"
            elif resting.hidden:
                order.remaining -= self._take_tip(instrument, order, resting, events)
            else:
                order.remaining = self._sweep(
                    instrument, opposite, min(reach, far), order.order_id, order.participant_id, order.remaining, events
                )
        return None

    def _sweep(
        self,
        instrument: Instrument,
        opposite: Ladder,
        reach: int,
        order_id: OrderId,
        participant_id: int,
        remaining: int,
        events: list[Event],
    ) -> int:
        """Trade with the plain orders of others that come first, best first; how much remains then.

        It ends when nothing remains, nothing can be reached, or an iceberg or an own order stands first. O(fills).
        """
        buy = opposite is instrument.asks
        symbol = instrument.symbol
        orders = self._orders
        owned = self._owned
        trade_id = self._trade_id
        level = opposite.best
        while level is not None and level.key <= reach:
            price = level.price
            resting = level.head
            traded = filled = 0
            while resting is not None:
                if resting.hidden or resting.participant_id == participant_id:
                    break
                trade_id += 1
                fill = resting.remaining
                whole = fill <= remaining
                if not whole:
                    fill = remaining
                if buy:
                    events.append(TRADED(trade_id, symbol, price, fill, order_id, resting.order_id, "buy"))
                else:
                    events.append(TRADED(trade_id, symbol, price, fill, resting.order_id, order_id, "sell"))
                traded += fill
                remaining -= fill
                if not whole:
                    resting.remaining -= fill
                    break
                filled += 1
                if owned is None and resting.terms.expires_ns is None:
                    del orders[resting.order_id]
                else:
                    self._forget(resting)
                resting = resting.next
                if resting is not None:
                    resting.previous = None  # It stands first now; and two that know each other are never freed.
                if not remaining:
                    break
            if not traded:
                break
            # The level's own figures are put right once, however many of its orders are gone.
            instrument.last_price = price
            level.quantity -= traded
            level.count -= filled
            level.head = resting
            if resting is not None:
                break
            level.tail = None
            opposite.drop(level)
            if not remaining:
                break
            level = opposite.best
        self._trade_id = trade_id
        return remaining

    def _take_tip(self, instrument: Instrument, order: Order, resting: Order, events: list[Event]) -> int:
        """Trade with the tip of an iceberg; how much. A new tip queues up behind everyone at its price."""
        level = resting.queue
        assert level is not None
        fill = min(order.remaining, resting.remaining - resting.hidden)
        left = resting.remaining - fill
        if left > resting.hidden:
            level.resize(resting, left, resting.hidden)
        else:
            level.remove(resting)
            resting.remaining = left
            resting.hidden = max(0, left - resting.display)
            self._stamp += 1
            resting.stamp = self._stamp
            level.append(resting)
        self._trade_id += 1
        instrument.last_price = level.price
        buyer, seller = (order, resting) if order.buy else (resting, order)
        events.append(
            TradeExecuted(
                self._trade_id,
                instrument.symbol,
                level.price,
                fill,
                buyer.order_id,
                seller.order_id,
                order.terms.side,
            )
        )
        return fill

    def _prevent(self, order: Order, resting: Order, events: list[Event]) -> bool:
        """Keep two orders of one participant from trading; whether the incoming one goes on."""
        mode = order.terms.self_trade
        quantity = min(order.remaining, resting.remaining)
        buyer, seller = (order, resting) if order.buy else (resting, order)
        events.append(SelfTradePrevented(buyer.order_id, seller.order_id, quantity))
        if mode == "decrement":
            queue = resting.queue
            assert queue is not None
            left = resting.remaining - quantity
            resting.quantity -= quantity
            queue.resize(resting, left, max(0, resting.hidden - quantity))
            if not left:
                self._withdraw(resting)
                events.append(OrderCancelled(resting.order_id, 0, "self_trade"))
            order.quantity -= quantity
            order.remaining -= quantity
            if not order.remaining:
                events.append(OrderCancelled(order.order_id, 0, "self_trade"))
            return True
        if mode != "cancel_incoming":
            self._withdraw(resting)
            events.append(OrderCancelled(resting.order_id, resting.remaining, "self_trade"))
        return mode == "cancel_resting"

    def _trigger_stops(self, instrument: Instrument, events: list[Event]) -> None:
        """Release the stops that the last trade has reached, each finishing before the next is chosen afresh."""
        while instrument.open and instrument.last_price is not None:
            level = instrument.buy_stops.best
            if level is None or level.key > instrument.last_price:
                level = instrument.sell_stops.best
                if level is None or level.key > -instrument.last_price:
                    return
            order = level.head
            assert order is not None
            level.leave(order)
            self._stamp += 1
            order.stamp = self._stamp
            events.append(StopTriggered(order.order_id))
            if order.terms.time_in_force == "closing":
                self._collect(instrument, order)
            elif order.terms.post_only and order.price is not None and instrument.crosses(order.buy, order.price):
                self._finish(order, False, "post_only", events)
            else:
                self._execute(instrument, order, False, events)

    # Phases and auctions

    def _enter_phase(self, instrument: Instrument, phase: Phase, events: list[Event]) -> None:
        if phase == "continuous" or phase == "closed":
            own = "opening" if phase == "continuous" else "closing"
            buyers, sellers = auction.entrants(instrument, phase)
            waiting = any(side and side[0].price is None for side in (buyers, sellers))
            crossed = bool(buyers and sellers and auction.cross(buyers[0], sellers[0]))
            if instrument.phase == "auction" or waiting or crossed:
                self._uncross(instrument, phase, buyers, sellers, events)
            leftover = [order for order in instrument.orders() if order.terms.time_in_force == own]
            self._cancel_all(leftover, "expired", events)
        instrument.enter(phase)
        events.append(PhaseChanged(instrument.symbol, phase))
        if phase == "continuous":
            self._trigger_stops(instrument, events)
        elif phase == "closed":
            days = [order for order in instrument.orders() if order.terms.time_in_force == "day"]
            self._cancel_all(days, "expired", events)
            offers = self._board.of_symbol(Offer, instrument.symbol)
            self._board.close_all([offer for offer in offers if offer.ends_with_day()], "closed", events)
        elif phase == "halted" and instrument.definition.cancel_on_halt:
            self._cancel_all(list(instrument.orders()), "halted", events)
            self._board.close_all(self._board.of_symbol(Offer, instrument.symbol), "halted", events)

    def _uncross(
        self, instrument: Instrument, phase: Phase, buyers: list[Order], sellers: list[Order], events: list[Event]
    ) -> None:
        """Trade what crosses at one price; market orders that took part and are left over are cancelled."""
        for order in auction.own_crossings(buyers, sellers):
            self._withdraw(order)
            events.append(OrderCancelled(order.order_id, order.remaining, "self_trade"))
        buyers = [order for order in buyers if order.queue is not None]
        sellers = [order for order in sellers if order.queue is not None]
        price, volume, surplus = auction.uncross_price(instrument, buyers, sellers)
        if price is not None:
            instrument.last_price = price
            for buyer, seller, quantity in auction.allot(buyers, sellers, price, volume):
                self._trade_id += 1
                events.append(
                    TradeExecuted(
                        self._trade_id, instrument.symbol, price, quantity, buyer.order_id, seller.order_id, None
                    )
                )
                for order in (buyer, seller):
                    queue = order.queue
                    assert queue is not None
                    left = order.remaining - quantity
                    queue.resize(order, left, min(order.hidden, left))
                    if not left:
                        self._withdraw(order)
        for ladder in (instrument.bids, instrument.asks):
            for level in ladder:
                for order in level.orders():
                    if order.display:
                        level.resize(order, order.remaining, max(0, order.remaining - order.display))
        events.append(AuctionUncrossed(instrument.symbol, price, volume, surplus))
        unfilled = [order for order in (*buyers, *sellers) if order.queue is not None and order.price is None]
        self._cancel_all(unfilled, "no_liquidity", events)

    def _collect(self, instrument: Instrument, order: Order) -> None:
        """Let an order wait without trading: for the close, as a market order, or at its price."""
        order.hidden = 0
        if order.terms.time_in_force == "closing":
            instrument.closing.append(order)
        elif order.price is None:
            instrument.market(order.buy).append(order)
        else:
            if order.display:
                order.hidden = max(0, order.remaining - order.display)
            instrument.ladder(order.buy).join(order, order.price)

    # Modes without a book

    def _trade(
        self, instrument: Instrument, price: int, quantity: int, buy_id: int, sell_id: int, aggressor: Side | None
    ) -> TradeExecuted:
        """Number a trade that was made on the board."""
        self._trade_id += 1
        instrument.last_price = price
        return TradeExecuted(self._trade_id, instrument.symbol, price, quantity, buy_id, sell_id, aggressor)

    # Indices

    def _admit(self, order: Order) -> None:
        """Make an accepted order known; it is live from here on."""
        self._orders[order.order_id] = order
        expires_ns = order.terms.expires_ns
        if expires_ns is not None:
            self._deadlines.setdefault(expires_ns, {})[order.order_id] = order
        if self._owned is not None:
            self._own(order)

    def _own(self, order: Order) -> None:
        assert self._owned is not None
        self._owned.setdefault(order.participant_id, {})[order.order_id] = order

    def _forget(self, order: Order) -> None:
        """The end of a live order that stands in no queue any more: nothing of it is kept."""
        order_id = order.order_id
        del self._orders[order_id]
        expires_ns = order.terms.expires_ns
        if expires_ns is not None:
            orders = self._deadlines[expires_ns]
            del orders[order_id]
            if not orders:
                del self._deadlines[expires_ns]
        if self._owned is not None:
            mine = self._owned[order.participant_id]
            del mine[order_id]
            if not mine:
                del self._owned[order.participant_id]

    def _withdraw(self, order: Order) -> None:
        """Take a live order out of its queue and forget it."""
        queue = order.queue
        assert queue is not None
        queue.leave(order)
        self._forget(order)

    def _finish(self, order: Order, new: bool, reason: str, events: list[Event]) -> None:
        """Cancel what is left of an order that stands in no queue."""
        if not new:
            self._forget(order)
        events.append(OrderCancelled(order.order_id, order.remaining, reason))

    def _cancel_all(self, orders: Iterable[Order], reason: str, events: list[Event]) -> None:
        """Cancel live orders in ascending id. O(orders log orders)."""
        for order in sorted(orders, key=_by_id):
            self._withdraw(order)
            events.append(OrderCancelled(order.order_id, order.remaining, reason))

    def _owned_by(self, participant_id: int) -> list[Order]:
        """A participant's live orders. O(his orders), but O(all orders) the first time that anyone asks."""
        owned = self._owned
        if owned is None:
            owned = self._owned = {}
            for order in self._orders.values():
                owned.setdefault(order.participant_id, {})[order.order_id] = order
        return list(owned.get(participant_id, {}).values())

    # Views

    def order(self, order_id: int) -> OrderView | None:
        """A live order, or None if there is none of that id. O(1)."""
        order = self._orders.get(order_id)
        return None if order is None else view_of(order)

    def orders(self) -> Iterator[OrderView]:
        """All live orders, ascending order_id. O(orders log orders)."""
        for order_id in sorted(self._orders):
            yield view_of(self._orders[order_id])

    def orders_of(self, participant_id: int) -> list[OrderView]:
        """A participant's live orders, ascending order_id. O(his orders), but O(all orders) the first time."""
        return [view_of(order) for order in sorted(self._owned_by(participant_id), key=_by_id)]

    def symbols(self) -> list[str]:
        """In the order of definition."""
        return list(self._instruments)

    def instrument(self, symbol: str) -> InstrumentView | None:
        """The definition, the phase and the last price, or None for an unknown symbol. O(1)."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return None
        definition = instrument.definition
        return InstrumentView(
            symbol=symbol,
            tick_size=definition.tick_size,
            lot_size=definition.lot_size,
            mode=definition.mode,
            phase=instrument.phase,
            reference_price=definition.reference_price,
            band=definition.band,
            collar=definition.collar,
            protection=definition.protection,
            cancel_on_halt=definition.cancel_on_halt,
            last_price=instrument.last_price,
        )

    def levels(self, symbol: str, side: Side, depth: int | None = None) -> list[Level]:
        """(price, displayed quantity, orders), best first; empty for an unknown symbol. O(depth)."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return []
        found: list[Level] = []
        for level in instrument.ladder(side == "buy"):
            if depth is not None and len(found) >= depth:
                break
            found.append((level.price, level.quantity, level.count))
        return found

    def best(self, symbol: str, side: Side) -> Level | None:
        """The best level, or None if that side is empty. O(1)."""
        instrument = self._instruments.get(symbol)
        level = None if instrument is None else instrument.ladder(side == "buy").best
        return None if level is None else (level.price, level.quantity, level.count)

    def queue(self, symbol: str, side: Side) -> Iterator[OrderView]:
        """The resting orders of a side in priority: best price first, then time. O(1) an order."""
        instrument = self._instruments.get(symbol)
        if instrument is not None:
            for order in instrument.ladder(side == "buy").orders():
                yield view_of(order)

    def indicative(self, symbol: str) -> tuple[int | None, int, int]:
        """(price, quantity, surplus) of an uncross now; price None and zeros if nothing crosses. O(levels).

        Self trades are found only by the uncross itself, and orders for the close show themselves only there.
        """
        instrument = self._instruments.get(symbol)
        return (None, 0, 0) if instrument is None else auction.indicative(instrument)

    def listings(self, symbol: str) -> list[ListingView]:
        """The live listings of an instrument, ascending listing_id. O(its offers, sorted)."""
        return [listing_view(found) for found in self._board.of_symbol(listing.Listing, symbol)]

    def listing(self, listing_id: int) -> ListingView | None:
        """A live listing, or None. O(1)."""
        found = self._board.find(listing.Listing, listing_id)
        return None if found is None else listing_view(found)

    def counters(self, listing_id: int) -> list[CounterView]:
        """The live counter-bids on a listing, ascending counter_id; none for an unknown one. O(n log n) of them."""
        found = self._board.find(listing.Listing, listing_id)
        return [] if found is None else [counter_view(counter) for _, counter in sorted(found.counters.items())]

    def counter(self, counter_id: int) -> CounterView | None:
        """A live counter-bid, or None. O(1)."""
        found = self._board.find(listing.Counter, counter_id)
        return None if found is None else counter_view(found)

    def auctions(self, symbol: str) -> list[AuctionView]:
        """The live one-way auctions of an instrument, ascending auction_id. O(its offers, sorted)."""
        return [auction_view(found, self.now_ns) for found in self._board.of_symbol(one_way_auction.Auction, symbol)]

    def auction(self, auction_id: int) -> AuctionView | None:
        """A live one-way auction, or None. O(1)."""
        found = self._board.find(one_way_auction.Auction, auction_id)
        return None if found is None else auction_view(found, self.now_ns)

    def void(self, offer_id: int, reason: str) -> list[Event]:
        """End a live listing, counter-bid, auction or report for a reason of the venue's own, whatever has been bid.

        The events. O(log offers), and what hangs on it.
        """
        return self._board.close(offer_id, reason)

    def reports_of(self, participant_id: int) -> list[ReportView]:
        """The live reports that he made or is to confirm, ascending report_id. O(his offers, sorted)."""
        return [report_view(found) for found in self._board.of_party(negotiated.Report, participant_id)]

    def report(self, report_id: int) -> ReportView | None:
        """A live report, or None. O(1)."""
        found = self._board.find(negotiated.Report, report_id)
        return None if found is None else report_view(found)

    def next_deadline_ns(self) -> int | None:
        """The earliest time at which a live order or offer ends, or None. O(log offers)."""
        deadline_ns = self._deadlines.peekitem(0)[0] if self._deadlines else None
        offers_ns = self._board.next_deadline_ns()
        if deadline_ns is None or offers_ns is None:
            return offers_ns if deadline_ns is None else deadline_ns
        return min(deadline_ns, offers_ns)

    # State

    def snapshot(self) -> bytes:
        """The whole state, canonical: equal states give equal bytes. O(orders)."""
        instruments = [
            states.InstrumentState(
                definition=instrument.definition,
                phase=instrument.phase,
                last_price=instrument.last_price,
                orders=[states.state_of(order) for order in instrument.orders()],
            )
            for instrument in self._instruments.values()
        ]
        offers = states.offers_on(self._board)
        return states.encode(
            states.MarketState(states.VERSION, self.now_ns, self._stamp, self._trade_id, instruments, offers)
        )

    @classmethod
    def restore(cls, state: bytes) -> "Market":
        """The market that `snapshot` wrote; it goes on exactly as that one would have. O(orders).

        Raises `msgspec.MsgspecError` on bytes that are no snapshot, ValueError on another version's.
        """
        decoded = states.decode(state)
        market = cls()
        market.now_ns = decoded.now_ns
        market._stamp = decoded.stamp
        market._trade_id = decoded.trade_id
        for kept in decoded.instruments:
            instrument = market._instruments[kept.definition.symbol] = Instrument(kept.definition)
            instrument.enter(kept.phase)
            instrument.last_price = kept.last_price
            for saved in kept.orders:
                market._readmit(instrument, saved)
        for offer in decoded.offers:
            states.put_back(offer, market._board)
        return market

    def _readmit(self, instrument: Instrument, saved: states.OrderState) -> None:
        terms = saved.terms
        for plain in (instrument.plain_buy, instrument.plain_sell):
            if terms == plain:
                terms = plain
        order = new_order(terms, saved.stamp)
        order.order_id = saved.order_id
        order.participant_id = saved.participant_id
        order.price = saved.price
        order.quantity = saved.quantity
        order.remaining = saved.remaining
        order.hidden = saved.hidden
        order.display = saved.display
        self._admit(order)
        if saved.queue == BOOK:
            assert order.price is not None
            instrument.ladder(order.buy).join(order, order.price)
        elif saved.queue == STOPS:
            assert terms.stop_price is not None
            instrument.stops(order.buy).join(order, terms.stop_price)
        elif saved.queue == MARKET:
            instrument.market(order.buy).append(order)
        else:
            assert saved.queue == CLOSING
            instrument.closing.append(order)

    def audit(self) -> None:
        """Assert every invariant of the market; for tests. O(orders log orders)."""
        live: dict[int, Order] = {}
        for symbol, instrument in self._instruments.items():
            assert instrument.symbol == symbol
            instrument.audit()
            for order in instrument.orders():
                assert order.terms.symbol == symbol
                assert order.order_id not in live
                live[order.order_id] = order
                assert order.stamp <= self._stamp
        assert live.keys() == self._orders.keys()
        assert all(self._orders[order_id] is order for order_id, order in live.items())
        dated = {order_id for order_id, order in live.items() if order.terms.expires_ns is not None}
        assert dated == {order_id for orders in self._deadlines.values() for order_id in orders}
        for deadline, orders in self._deadlines.items():
            assert orders
            assert deadline > self.now_ns
            assert all(order.terms.expires_ns == deadline for order in orders.values())
        if self._owned is not None:
            assert {order_id for orders in self._owned.values() for order_id in orders} == live.keys()
            for participant_id, orders in self._owned.items():
                assert orders
                assert all(order.participant_id == participant_id for order in orders.values())
        self._board.audit(self.now_ns)


def _least(command: PlaceOrder, quantity: int) -> int:
    """What the order must trade at once to trade at all."""
    if command.time_in_force == "fok":
        return quantity
    return command.minimum_quantity or 0


def _reach(instrument: Instrument, opposite: Ladder, price: int | None) -> int:
    """The worst key on the opposite side that an order may meet: its limit, or a market order's protection."""
    if price is not None:
        return price * opposite.sign
    best = opposite.best
    if best is None or instrument.protection is None:
        return ANY_PRICE
    return best.key + instrument.protection


def _collar(instrument: Instrument) -> tuple[int, int]:
    """(lowest, highest) price at which an order that begins now may trade without causing an auction."""
    collar = instrument.collar
    if collar is not None:
        reference = instrument.reference()
        if reference is not None:
            return reference - collar, reference + collar
    return -ANY_PRICE, ANY_PRICE


def _first(numbered: tuple[int, Order | Offer]) -> int:
    return numbered[0]


def _by_id(order: Order) -> int:
    order_id: int = order.order_id
    return order_id
