"""An instrument: its definition, its phase, its book and the orders that wait beside it; and what it refuses."""

from collections.abc import Iterator
from typing import Final

from matching.book import Ladder
from matching.messages import MAX_INTEGER, MAX_TIME_NS, AmendOrder, DefineInstrument, Phase, PlaceOrder
from matching.order import BOOK, CLOSING, MARKET, STOPS, Order, Queue

BOOK_MODES: Final = ("continuous", "call_auction")
MODES: Final = (*BOOK_MODES, "listing", "one_way_auction", "negotiated")
SIDES: Final = ("buy", "sell")
KINDS: Final = ("limit", "market", "stop", "stop_limit")
TIMES_IN_FORCE: Final = ("gtc", "day", "gtd", "ioc", "fok", "opening", "closing")
PHASES: Final = ("closed", "auction", "continuous", "halted")
SELF_TRADES: Final = ("cancel_resting", "cancel_incoming", "cancel_both", "decrement")

PLAIN_INTEGER: Final = 2**30 - 1
"""The interpreter compares integers up to here several times as fast: what the common case is recognised by."""


class Instrument:
    """Everything of one symbol.

    bids, asks                 the book; also the limit orders that collect in an auction
    buy_stops, sell_stops      by stop price, the next to trigger first
    market_buys, market_sells  wait for an uncross
    closing                    both sides, for the uncross into `closed`

    In the modes without a book all of these stay empty: what is offered there stands on the market's board.
    """

    __slots__ = (
        "asks",
        "bids",
        "buy_stops",
        "ceiling",
        "closing",
        "collar",
        "definition",
        "floor",
        "has_book",
        "last_price",
        "lot_size",
        "market_buys",
        "market_sells",
        "open",
        "phase",
        "plain_buy",
        "plain_ceiling",
        "plain_sell",
        "protection",
        "sell_stops",
        "symbol",
        "tick_size",
    )

    def __init__(self, definition: DefineInstrument) -> None:
        self.symbol = definition.symbol
        self.last_price: int | None = None
        # The terms of plain orders: gtc limits that show all of themselves and cancel what of their own they meet.
        self.plain_buy = PlaceOrder(0, 0, self.symbol, "buy", 0)
        self.plain_sell = PlaceOrder(0, 0, self.symbol, "sell", 0)
        self.bids = Ladder(BOOK, -1)
        self.asks = Ladder(BOOK, 1)
        self.buy_stops = Ladder(STOPS, 1)
        self.sell_stops = Ladder(STOPS, -1)
        self.market_buys = Queue(MARKET, 0, 0)
        self.market_sells = Queue(MARKET, 0, 0)
        self.closing = Queue(CLOSING, 0, 0)
        self.define(definition)
        self.enter(definition.phase)

    def define(self, definition: DefineInstrument) -> None:
        """Take over the definition's rules; phase, last price and orders stay as they are."""
        self.definition = definition
        self.has_book = definition.mode in BOOK_MODES
        tick = definition.tick_size
        self.tick_size = tick
        self.lot_size = definition.lot_size
        self.floor, self.ceiling = fences(tick, definition.reference_price, definition.band)
        self.plain_ceiling = min(self.ceiling, PLAIN_INTEGER)
        self.collar = None if definition.collar is None else definition.collar * tick
        self.protection = None if definition.protection is None else definition.protection * tick

    def enter(self, phase: Phase) -> None:
        self.phase: Phase = phase
        self.open = phase == "continuous" and self.has_book

    def reference(self) -> int | None:
        """The last trade price, else the definition's reference price, else none."""
        return self.definition.reference_price if self.last_price is None else self.last_price

    def ladder(self, buy: bool) -> Ladder:
        return self.bids if buy else self.asks

    def stops(self, buy: bool) -> Ladder:
        return self.buy_stops if buy else self.sell_stops

    def market(self, buy: bool) -> Queue:
        return self.market_buys if buy else self.market_sells

    def orders(self) -> Iterator[Order]:
        """All live orders, queue by queue in a fixed order, each in priority. O(orders)."""
        for ladder in (self.bids, self.asks, self.buy_stops, self.sell_stops):
            yield from ladder.orders()
        for queue in (self.market_buys, self.market_sells, self.closing):
            yield from queue.orders()

    # Refusals. Each answers the first reason that applies, or None.

    def refuse_place(self, command: PlaceOrder, now_ns: int) -> str | None:
        """Why this order cannot be accepted; symbol and id have been looked at. O(1)."""
        kind = command.kind
        time_in_force = command.time_in_force
        side = command.side
        if not self.open:
            if not self.has_book:
                return "wrong_mode"
            if self.phase != "auction" or time_in_force == "ioc" or time_in_force == "fok":
                return "wrong_phase"
        elif time_in_force == "opening":
            return "wrong_phase"
        if side not in SIDES:
            return "invalid_side"
        quantity = command.quantity
        if not 0 < quantity <= MAX_INTEGER or quantity % self.lot_size:
            return "invalid_quantity"
        price = command.price
        if kind == "limit":
            if price is None or not 0 < price <= MAX_INTEGER or price % self.tick_size:
                return "invalid_price"
            if command.stop_price is not None:
                return "invalid_stop_price"
        else:
            reason = self._refuse_kind(command)
            if reason is not None:
                return reason
        if time_in_force != "gtc" or command.expires_ns is not None:
            reason = self._refuse_times(command, now_ns)
            if reason is not None:
                return reason
        if command.display_quantity is not None or command.minimum_quantity is not None or command.post_only:
            reason = self._refuse_extras(command)
            if reason is not None:
                return reason
        if command.self_trade not in SELF_TRADES:
            return "invalid_self_trade"
        if price is not None and not self.floor <= price <= self.ceiling:
            return "outside_band"
        if command.stop_price is not None:
            last = self.last_price
            if last is not None and (last >= command.stop_price if side == "buy" else last <= command.stop_price):
                return "stop_reached"
        elif command.post_only and self.open and time_in_force != "closing":
            if price is not None and self.crosses(side == "buy", price):
                return "would_trade"
        return None

    def _refuse_kind(self, command: PlaceOrder) -> str | None:
        """The prices of every kind but `limit`."""
        kind = command.kind
        if kind not in KINDS or (kind != "market" and self.definition.mode == "call_auction"):
            return "invalid_kind"
        if kind == "stop_limit":
            if not self.on_tick(command.price):
                return "invalid_price"
        elif command.price is not None:
            return "invalid_price"
        if kind == "market":
            if command.stop_price is not None:
                return "invalid_stop_price"
        elif not self.on_tick(command.stop_price):
            return "invalid_stop_price"
        return None

    def _refuse_times(self, command: PlaceOrder, now_ns: int) -> str | None:
        time_in_force = command.time_in_force
        if time_in_force not in TIMES_IN_FORCE or (
            time_in_force == "opening" and self.definition.mode == "call_auction"
        ):
            return "invalid_time_in_force"
        expires_ns = command.expires_ns
        if time_in_force == "gtd":
            if expires_ns is None or not now_ns < expires_ns <= MAX_TIME_NS:
                return "invalid_expires_ns"
        elif expires_ns is not None:
            return "invalid_expires_ns"
        return None

    def _refuse_extras(self, command: PlaceOrder) -> str | None:
        """Display quantity, minimum quantity and post_only, in the order of the command's fields."""
        may_rest = command.price is not None and command.time_in_force not in ("ioc", "fok")
        display = command.display_quantity
        if display is not None and not (may_rest and self.on_lot(display, command.quantity)):
            return "invalid_display_quantity"
        minimum = command.minimum_quantity
        if minimum is not None and not (command.time_in_force == "ioc" and self.on_lot(minimum, command.quantity)):
            return "invalid_minimum_quantity"
        if command.post_only and not may_rest:
            return "invalid_post_only"
        return None

    def refuse_amend(self, command: AmendOrder, order: Order) -> str | None:
        """Why this live order cannot be changed so. O(1)."""
        if self.phase != "continuous" and self.phase != "auction":
            return "wrong_phase"
        quantity = order.quantity if command.quantity is None else command.quantity
        if command.quantity is not None and not self.on_lot(quantity, MAX_INTEGER):
            return "invalid_quantity"
        price = command.price
        if price is not None and (order.price is None or not self.on_tick(price)):
            return "invalid_price"
        display = command.display_quantity
        if display is not None:
            may_rest = order.price is not None and order.terms.time_in_force not in ("ioc", "fok")
            if not may_rest or not self.on_lot(display, quantity):
                return "invalid_display_quantity"
        if price is None or price == order.price:
            return None
        if not self.floor <= price <= self.ceiling:
            return "outside_band"
        queue = order.queue
        assert queue is not None
        if order.terms.post_only and self.open and queue.kind == BOOK and quantity > order.quantity - order.remaining:
            if self.crosses(order.buy, price):
                return "would_trade"
        return None

    def refuse_phase(self, phase: Phase) -> str | None:
        if phase not in PHASES:
            return "invalid_phase"
        if not fits_mode(phase, self.definition.mode):
            return "wrong_mode"
        return "wrong_phase" if phase == self.phase else None

    def misfits(self, order: Order) -> bool:
        """Whether a live order does not fit the definition: off tick, off lot, outside the band, wrong for the mode."""
        if not self.has_book:
            return True
        terms = order.terms
        queue = order.queue
        assert queue is not None
        lot = self.lot_size
        if order.price is not None and (order.price % self.tick_size or not self.in_band(order.price)):
            return True
        if queue.kind == STOPS and (queue.price % self.tick_size or self.definition.mode == "call_auction"):
            return True
        if terms.time_in_force == "opening" and self.definition.mode == "call_auction":
            return True
        return bool(order.quantity % lot or order.remaining % lot or order.display % lot)

    # What its definition says of a price and a quantity

    def on_tick(self, price: int | None) -> bool:
        return price is not None and 0 < price <= MAX_INTEGER and not price % self.tick_size

    def on_lot(self, quantity: int, at_most: int) -> bool:
        return 0 < quantity <= at_most and not quantity % self.lot_size

    def in_band(self, price: int) -> bool:
        return self.floor <= price <= self.ceiling

    def crosses(self, buy: bool, price: int) -> bool:
        """Whether a limit at this price would meet a resting order. O(1)."""
        ladder = self.asks if buy else self.bids
        best = ladder.best
        return best is not None and best.key <= price * ladder.sign

    def audit(self) -> None:
        """Assert every invariant of the queues; for tests. O(orders)."""
        assert self.open == (self.phase == "continuous" and self.has_book)
        assert fits_mode(self.phase, self.definition.mode)
        assert self.has_book or not any(True for _ in self.orders())
        for ladder in (self.bids, self.asks, self.buy_stops, self.sell_stops):
            ladder.audit()
        for queue in (self.market_buys, self.market_sells, self.closing):
            queue.audit()
        for ladder, buy in ((self.bids, True), (self.asks, False), (self.buy_stops, True), (self.sell_stops, False)):
            assert all(order.buy == buy for order in ladder.orders())
        assert all(
            order.price == level.price
            for ladder in (self.bids, self.asks)
            for level in ladder
            for order in level.orders()
        )
        assert all(order.terms.time_in_force == "closing" for order in self.closing.orders())
        assert all(order.price is None and order.buy for order in self.market_buys.orders())
        assert all(order.price is None and not order.buy for order in self.market_sells.orders())
        if self.open:
            assert not self.market_buys.count
            assert not self.market_sells.count
            bid, ask = self.bids.best, self.asks.best
            assert bid is None or ask is None or bid.price < ask.price, "crossed"
            last = self.last_price
            if last is not None:
                assert self.buy_stops.best is None or self.buy_stops.best.price > last
                assert self.sell_stops.best is None or self.sell_stops.best.price < last


def fences(tick_size: int, reference_price: int | None, band: int | None) -> tuple[int, int]:
    """The lowest and the highest price that an order may have: `band` ticks on either side of the reference."""
    if band is None or reference_price is None:
        return 1, MAX_INTEGER
    return max(1, reference_price - band * tick_size), min(MAX_INTEGER, reference_price + band * tick_size)


def fits_mode(phase: str, mode: str) -> bool:
    """Whether the mode has this phase. `continuous` is "open for business" where there is no book."""
    if phase == "continuous":
        return mode != "call_auction"
    return phase != "auction" or mode in BOOK_MODES


def refuse_definition(definition: DefineInstrument, current: Instrument | None) -> str | None:
    """Why the instrument cannot be defined so: while not closed, else the first field that makes no sense. O(1)."""
    if current is not None and current.phase != "closed":
        return "wrong_phase"
    if not definition.symbol:
        return "invalid_symbol"
    if not 0 < definition.tick_size <= MAX_INTEGER:
        return "invalid_tick_size"
    if not 0 < definition.lot_size <= MAX_INTEGER:
        return "invalid_lot_size"
    if definition.mode not in MODES:
        return "invalid_mode"
    if definition.phase not in PHASES or not fits_mode(definition.phase, definition.mode):
        return "invalid_phase"
    reference = definition.reference_price
    if reference is not None and (not 0 < reference <= MAX_INTEGER or reference % definition.tick_size):
        return "invalid_reference_price"
    if definition.band is not None and (reference is None or not 0 <= definition.band <= MAX_INTEGER):
        return "invalid_band"
    if definition.collar is not None and not 0 <= definition.collar <= MAX_INTEGER:
        return "invalid_collar"
    if definition.protection is not None and not 0 <= definition.protection <= MAX_INTEGER:
        return "invalid_protection"
    return None
