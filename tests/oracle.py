"""A second matching engine, slow and obvious, written from the rules of the contract alone.

Live orders stand in one plain list; whoever is wanted is found by looking at all of them. Nothing is cached, nothing is
linked. A fill-or-kill order is tried out on a deep copy of the whole market; an auction tries every tick. It shares
nothing with `matching` but the message types, so where the two agree, two different readings of the rules agree.

The modes without a book are told in `tests/oracle_of_offers.py`.
"""

from copy import deepcopy
from dataclasses import dataclass, field

from matching.messages import (
    AdvanceTime,
    AmendOrder,
    AmendRejected,
    AuctionUncrossed,
    CancelOrder,
    CancelRejected,
    Command,
    CommandRejected,
    DefineInstrument,
    Event,
    InstrumentDefined,
    MassCancel,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    PhaseChanged,
    PlaceOrder,
    SelfTradePrevented,
    SetPhase,
    StopTriggered,
    TradeExecuted,
)
from tests.oracle_of_offers import Offers

BIGGEST = 2**53 - 1
BOOKS = ("continuous", "call_auction")


@dataclass(eq=False)
class Order:
    placed: PlaceOrder
    price: int | None
    total: int
    left: int
    display: int | None
    time: int  # of its priority, not of its arrival
    where: str = "nowhere"  # book, stop, market, closing
    tip: int = 0

    @property
    def id(self) -> int:
        return self.placed.order_id

    @property
    def owner(self) -> int:
        return self.placed.participant_id

    @property
    def buys(self) -> bool:
        return self.placed.side == "buy"

    def show_tip(self) -> None:
        self.tip = self.left if self.display is None else min(self.display, self.left)


@dataclass(eq=False)
class Listed:
    definition: DefineInstrument
    phase: str
    last: int | None = None

    @property
    def reference(self) -> int | None:
        return self.last if self.last is not None else self.definition.reference_price


@dataclass(eq=False)
class Oracle(Offers):
    now: int = 0
    clock: int = 0
    trades: int = 0
    listed: dict[str, Listed] = field(default_factory=dict)
    live: list[Order] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    # What can be asked

    def book(self, symbol: str, side: str) -> list[Order]:
        """Resting orders, the first to trade first."""
        resting = [o for o in self.live if o.where == "book" and o.placed.symbol == symbol and o.placed.side == side]
        return sorted(resting, key=lambda o: (-o.price if side == "buy" else o.price, o.time))

    def levels(self, symbol: str, side: str) -> list[tuple[int, int, int]]:
        prices: list[int] = []
        for order in self.book(symbol, side):
            if order.price not in prices:
                prices.append(order.price)
        resting = self.book(symbol, side)
        return [
            (price, sum(o.tip for o in resting if o.price == price), len([o for o in resting if o.price == price]))
            for price in prices
        ]

    def state(self) -> list[tuple[object, ...]]:
        """All that an outsider can know of the live orders."""
        return [
            (
                o.id,
                o.owner,
                o.placed.symbol,
                o.placed.side,
                o.price,
                o.total,
                o.total - o.left,
                o.left,
                o.tip if o.where == "book" else 0,
                "resting" if o.where == "book" else "waiting",
                o.display,
            )
            for o in sorted(self.live, key=lambda o: o.id)
        ]

    def check(self, command: Command) -> str | None:
        if isinstance(command, PlaceOrder):
            return self.refuse_place(command)
        if isinstance(command, CancelOrder):
            return None if self.find(command) else "unknown_order"
        if isinstance(command, AmendOrder):
            return self.refuse_amend(command)
        if isinstance(command, DefineInstrument):
            return self.refuse_definition(command)
        if isinstance(command, SetPhase):
            if command.symbol not in self.listed:
                return "unknown_symbol"
            listed = self.listed[command.symbol]
            if not self.knows_phase(listed.definition.mode, command.phase):
                return "wrong_mode"
            return "wrong_phase" if listed.phase == command.phase else None
        if isinstance(command, MassCancel):
            return None if command.symbol is None or command.symbol in self.listed else "unknown_symbol"
        if isinstance(command, AdvanceTime):
            return "invalid_time_ns" if command.time_ns < self.now else None
        return self.refuse_offer(command)

    # What can be done

    def apply(self, command: Command) -> list[Event]:
        self.events = []
        reason = self.check(command)
        if isinstance(command, PlaceOrder):
            if reason:
                self.events.append(OrderRejected(command.order_id, reason))
            else:
                self.place(command)
        elif isinstance(command, CancelOrder):
            if reason:
                self.events.append(CancelRejected(command.order_id, reason))
            else:
                self.cancel(self.find(command), "requested")
        elif isinstance(command, AmendOrder):
            if reason:
                self.events.append(AmendRejected(command.order_id, reason))
            else:
                self.amend(command)
        elif isinstance(command, MassCancel):
            if reason:
                self.events.append(CommandRejected("mass_cancel", command.symbol, reason))
            else:
                for id in sorted([o.id for o in self.live] + [o.id for o in self.offers]):
                    for order in [o for o in self.live if o.id == id and o.owner == command.participant_id]:
                        if command.symbol in (None, order.placed.symbol) and command.side in (None, order.placed.side):
                            self.cancel(order, "mass_cancel")
                    for offer in [o for o in self.offers if o.id == id and o.owner == command.participant_id]:
                        if command.symbol in (None, offer.symbol) and command.side in (None, offer.side):
                            if offer.best is None:
                                self.close(offer, "mass_cancel")
        elif isinstance(command, AdvanceTime):
            if reason:
                self.events.append(CommandRejected("advance_time", None, reason))
            else:
                self.now = command.time_ns
                due = [o for o in self.live if o.placed.expires_ns is not None and o.placed.expires_ns <= self.now]
                self.cancel_each(due, "expired")
                self.end_what_is_due()
        elif isinstance(command, SetPhase):
            if reason:
                self.events.append(CommandRejected("set_phase", command.symbol, reason))
            else:
                self.change_phase(command.symbol, command.phase)
        elif isinstance(command, DefineInstrument):
            if reason:
                self.events.append(CommandRejected("define_instrument", command.symbol, reason))
            else:
                self.define(command)
        else:
            self.offer(command, reason)
        return self.events

    # Refusals

    def refuse_place(self, c: PlaceOrder) -> str | None:
        if c.symbol not in self.listed:
            return "unknown_symbol"
        listed = self.listed[c.symbol]
        d = listed.definition
        if self.taken(c.order_id):
            return "duplicate_order_id"
        if d.mode not in BOOKS:
            return "wrong_mode"
        if listed.phase in ("closed", "halted"):
            return "wrong_phase"
        if listed.phase == "auction" and c.time_in_force in ("ioc", "fok"):
            return "wrong_phase"
        if listed.phase == "continuous" and c.time_in_force == "opening":
            return "wrong_phase"
        if not self.on_lot(d, c.quantity):
            return "invalid_quantity"
        if d.mode == "call_auction" and c.kind in ("stop", "stop_limit"):
            return "invalid_kind"
        if c.kind in ("limit", "stop_limit"):
            if c.price is None or not self.on_tick(d, c.price):
                return "invalid_price"
        elif c.price is not None:
            return "invalid_price"
        if c.kind in ("stop", "stop_limit"):
            if c.stop_price is None or not self.on_tick(d, c.stop_price):
                return "invalid_stop_price"
        elif c.stop_price is not None:
            return "invalid_stop_price"
        if d.mode == "call_auction" and c.time_in_force == "opening":
            return "invalid_time_in_force"
        if (c.expires_ns is not None) != (c.time_in_force == "gtd"):
            return "invalid_expires_ns"
        if c.expires_ns is not None and c.expires_ns <= self.now:
            return "invalid_expires_ns"
        may_rest = c.kind in ("limit", "stop_limit") and c.time_in_force not in ("ioc", "fok")
        if c.display_quantity is not None:
            if not may_rest or not self.on_lot(d, c.display_quantity) or c.display_quantity > c.quantity:
                return "invalid_display_quantity"
        if c.minimum_quantity is not None:
            if c.time_in_force != "ioc" or not self.on_lot(d, c.minimum_quantity) or c.minimum_quantity > c.quantity:
                return "invalid_minimum_quantity"
        if c.post_only and not may_rest:
            return "invalid_post_only"
        if c.price is not None and self.outside_band(d, c.price):
            return "outside_band"
        if c.stop_price is not None and self.reached(listed, c.side, c.stop_price):
            return "stop_reached"
        if c.post_only and c.kind == "limit" and c.time_in_force != "closing" and listed.phase == "continuous":
            if self.would_meet(c.symbol, c.side, c.price):
                return "would_trade"
        return None

    def refuse_amend(self, c: AmendOrder) -> str | None:
        order = self.find(c)
        if order is None:
            return "unknown_order"
        listed = self.listed[order.placed.symbol]
        d = listed.definition
        if listed.phase in ("closed", "halted"):
            return "wrong_phase"
        if c.quantity is not None and not self.on_lot(d, c.quantity):
            return "invalid_quantity"
        if c.price is not None:
            if order.placed.kind in ("market", "stop") or not self.on_tick(d, c.price):
                return "invalid_price"
        total = order.total if c.quantity is None else c.quantity
        if c.display_quantity is not None:
            may_rest = order.placed.kind in ("limit", "stop_limit") and order.placed.time_in_force not in ("ioc", "fok")
            if not may_rest or not self.on_lot(d, c.display_quantity) or c.display_quantity > total:
                return "invalid_display_quantity"
        if c.price is not None and self.outside_band(d, c.price):
            return "outside_band"
        if order.placed.post_only and order.where == "book" and listed.phase == "continuous" and c.price is not None:
            goes_on = total > order.total - order.left
            if goes_on and c.price != order.price and self.would_meet(order.placed.symbol, order.placed.side, c.price):
                return "would_trade"
        return None

    def refuse_definition(self, c: DefineInstrument) -> str | None:
        if c.symbol in self.listed and self.listed[c.symbol].phase != "closed":
            return "wrong_phase"
        if c.symbol == "":
            return "invalid_symbol"
        if not 1 <= c.tick_size <= BIGGEST:
            return "invalid_tick_size"
        if not 1 <= c.lot_size <= BIGGEST:
            return "invalid_lot_size"
        if c.mode not in (*BOOKS, "listing", "one_way_auction", "negotiated"):
            return "invalid_mode"
        if not self.knows_phase(c.mode, c.phase):
            return "invalid_phase"
        if c.reference_price is not None and not self.on_tick(c, c.reference_price):
            return "invalid_reference_price"
        if c.band is not None and (c.band < 0 or c.reference_price is None):
            return "invalid_band"
        if c.collar is not None and c.collar < 0:
            return "invalid_collar"
        if c.protection is not None and c.protection < 0:
            return "invalid_protection"
        return None

    def knows_phase(self, mode: str, phase: str) -> bool:
        if mode == "call_auction":
            return phase != "continuous"
        return mode == "continuous" or phase != "auction"

    def taken(self, id: int) -> bool:
        bids = [o.best for o in self.offers if o.best is not None]
        return id in [o.id for o in self.live] + [o.id for o in self.offers] + [bid.bid_id for bid in bids]

    def on_tick(self, d: DefineInstrument, price: int) -> bool:
        return 1 <= price <= BIGGEST and price % d.tick_size == 0

    def on_lot(self, d: DefineInstrument, quantity: int) -> bool:
        return 1 <= quantity <= BIGGEST and quantity % d.lot_size == 0

    def outside_band(self, d: DefineInstrument, price: int) -> bool:
        return d.band is not None and abs(price - d.reference_price) > d.band * d.tick_size

    def reached(self, listed: Listed, side: str, stop_price: int) -> bool:
        if listed.last is None:
            return False
        return listed.last >= stop_price if side == "buy" else listed.last <= stop_price

    def would_meet(self, symbol: str, side: str, price: int) -> bool:
        if side == "buy":
            return any(o.price <= price for o in self.book(symbol, "sell"))
        return any(o.price >= price for o in self.book(symbol, "buy"))

    # Orders

    def find(self, command: CancelOrder | AmendOrder) -> Order | None:
        for order in self.live:
            if order.id == command.order_id and order.owner == command.participant_id:
                return order
        return None

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def cancel(self, order: Order, reason: str) -> None:
        if order in self.live:
            self.live.remove(order)
        self.events.append(OrderCancelled(order.id, order.left, reason))

    def cancel_each(self, orders: list[Order], reason: str) -> None:
        for order in sorted(orders, key=lambda o: o.id):
            self.cancel(order, reason)

    def place(self, c: PlaceOrder) -> None:
        order = Order(c, c.price, c.quantity, c.quantity, c.display_quantity, self.tick())
        self.events.append(OrderAccepted(c.order_id, c.symbol))
        self.live.append(order)
        if c.kind in ("stop", "stop_limit"):
            order.where = "stop"
        else:
            self.enter(order)
            self.release_stops(c.symbol)

    def enter(self, order: Order) -> None:
        """An order that is no stop (any more) goes where its kind, its time in force and the phase send it."""
        if order.placed.time_in_force == "closing":
            order.where = "closing"
        elif self.listed[order.placed.symbol].phase == "continuous":
            self.trade(order)
        elif order.price is None:
            order.where = "market"
        else:
            order.where = "book"
            order.show_tip()

    def amend(self, c: AmendOrder) -> None:
        order = self.find(c)
        listed = self.listed[order.placed.symbol]
        filled = order.total - order.left
        total = order.total if c.quantity is None else c.quantity
        if total <= filled:
            self.cancel(order, "amended_below_filled")
            return
        if c.display_quantity is not None:
            order.display = c.display_quantity
        new_price = c.price is not None and c.price != order.price
        if new_price:
            order.price = c.price
        up = total > order.total
        order.total = total
        order.left = total - filled
        order.tip = min(order.tip, order.left)  # the hidden part goes first
        self.events.append(OrderAmended(order.id, total, order.price, not (new_price or up)))
        if new_price or up:
            order.time = self.tick()
            if order.where == "book":
                order.show_tip()
                if listed.phase == "continuous":
                    order.where = "nowhere"
                    self.trade(order)
                    self.release_stops(order.placed.symbol)

    # Continuous trading

    def reach(self, order: Order) -> int | None:
        """The worst price that the order may trade at; None for no limit."""
        if order.price is not None:
            return order.price
        listed = self.listed[order.placed.symbol]
        opposite = self.book(order.placed.symbol, "sell" if order.buys else "buy")
        if listed.definition.protection is None or not opposite:
            return None
        beyond = listed.definition.protection * listed.definition.tick_size
        return opposite[0].price + beyond if order.buys else opposite[0].price - beyond

    def trade(self, order: Order) -> None:
        """The order is an aggressor: it trades what it can, and what is left of it rests or is cancelled."""
        c = order.placed
        listed = self.listed[c.symbol]
        wanted = order.left if c.time_in_force == "fok" else c.minimum_quantity or 0
        if wanted:
            elsewhere = deepcopy(self)
            twin = next(o for o in elsewhere.live if o.id == order.id)
            elsewhere.events = []
            elsewhere.match(twin)
            if sum(e.quantity for e in elsewhere.events if isinstance(e, TradeExecuted)) < wanted:
                self.cancel(order, "fill_or_kill" if c.time_in_force == "fok" else "minimum_quantity")
                return
        ended = self.match(order)
        if order.left == 0:
            if order in self.live:
                self.live.remove(order)
            return
        if ended == "self_trade":
            self.cancel(order, "self_trade")
            return
        if ended == "collar":
            listed.phase = "auction"
            self.events.append(PhaseChanged(c.symbol, "auction"))
        if order.price is not None and c.time_in_force not in ("ioc", "fok"):
            order.where = "book"
            order.show_tip()
        elif ended == "collar":
            self.cancel(order, "collar")
        elif order.price is not None:
            self.cancel(order, "immediate_or_cancel")
        elif self.book(c.symbol, "sell" if order.buys else "buy"):
            self.cancel(order, "protection")
        else:
            self.cancel(order, "no_liquidity")

    def match(self, order: Order) -> str | None:
        c = order.placed
        listed = self.listed[c.symbol]
        d = listed.definition
        limit = self.reach(order)
        reference = listed.reference
        while order.left > 0:
            opposite = self.book(c.symbol, "sell" if order.buys else "buy")
            if not opposite:
                return None
            resting = opposite[0]
            if limit is not None and (resting.price > limit if order.buys else resting.price < limit):
                return None
            buyer, seller = (order, resting) if order.buys else (resting, order)
            if resting.owner == order.owner:
                quantity = min(order.left, resting.left)
                self.events.append(SelfTradePrevented(buyer.id, seller.id, quantity))
                if c.self_trade == "decrement":
                    for each in (resting, order):
                        each.total -= quantity
                        each.left -= quantity
                        each.tip = min(each.tip, each.left)
                        if each.left == 0:
                            self.cancel(each, "self_trade")
                    continue
                if c.self_trade in ("cancel_resting", "cancel_both"):
                    self.cancel(resting, "self_trade")
                if c.self_trade in ("cancel_incoming", "cancel_both"):
                    return "self_trade"
                continue
            if d.collar is not None and reference is not None:
                if abs(resting.price - reference) > d.collar * d.tick_size:
                    return "collar"
            quantity = min(order.left, resting.tip)
            self.trades += 1
            listed.last = resting.price
            self.events.append(
                TradeExecuted(self.trades, c.symbol, resting.price, quantity, buyer.id, seller.id, c.side)
            )
            order.left -= quantity
            resting.left -= quantity
            resting.tip -= quantity
            if resting.left == 0:
                self.live.remove(resting)
            elif resting.tip == 0:
                resting.show_tip()
                resting.time = self.tick()
        return None

    def release_stops(self, symbol: str) -> None:
        listed = self.listed[symbol]
        while listed.phase == "continuous" and listed.last is not None:
            stops = [o for o in self.live if o.where == "stop" and o.placed.symbol == symbol]
            buys = [o for o in stops if o.buys and listed.last >= o.placed.stop_price]
            sells = [o for o in stops if not o.buys and listed.last <= o.placed.stop_price]
            if buys:
                order = min(buys, key=lambda o: (o.placed.stop_price, o.time))
            elif sells:
                order = min(sells, key=lambda o: (-o.placed.stop_price, o.time))
            else:
                return
            self.events.append(StopTriggered(order.id))
            order.where = "nowhere"
            order.time = self.tick()
            if order.placed.post_only and order.placed.time_in_force != "closing":
                if self.would_meet(symbol, order.placed.side, order.price):
                    self.cancel(order, "post_only")
                    continue
            self.enter(order)

    # Phases and auctions

    def define(self, c: DefineInstrument) -> None:
        self.events.append(InstrumentDefined(c.symbol))
        if c.symbol not in self.listed:
            self.listed[c.symbol] = Listed(c, c.phase)
            return
        listed = self.listed[c.symbol]
        listed.definition = c
        self.cancel_each([o for o in self.live if o.placed.symbol == c.symbol and not self.fits(c, o)], "redefined")
        self.close_each([o for o in self.offers if o.symbol == c.symbol and not self.offer_fits(c, o)], "redefined")
        if c.phase != listed.phase:
            self.change_phase(c.symbol, c.phase)

    def fits(self, d: DefineInstrument, order: Order) -> bool:
        p = order.placed
        if d.mode not in BOOKS:
            return False
        if d.mode == "call_auction" and (order.where == "stop" or p.time_in_force == "opening"):
            return False
        if order.price is not None and (order.price % d.tick_size or self.outside_band(d, order.price)):
            return False
        if order.where == "stop" and p.stop_price % d.tick_size:
            return False
        return not any(q % d.lot_size for q in (order.total, order.left, order.display or 0))

    def change_phase(self, symbol: str, phase: str) -> None:
        listed = self.listed[symbol]
        if phase in ("continuous", "closed"):
            buys, sells = self.entrants(symbol, phase)
            if listed.phase == "auction" or self.some_cross(buys, sells) or self.some_market(buys, sells):
                self.uncross(symbol, phase)
            own = "opening" if phase == "continuous" else "closing"
            ended = [o for o in self.live if o.placed.symbol == symbol and o.placed.time_in_force == own]
            self.cancel_each(ended, "expired")
        listed.phase = phase
        self.events.append(PhaseChanged(symbol, phase))
        mine = [o for o in self.live if o.placed.symbol == symbol]
        offers = [o for o in self.offers if o.symbol == symbol]
        if phase == "continuous":
            self.release_stops(symbol)
        if phase == "closed":
            self.cancel_each([o for o in mine if o.placed.time_in_force == "day"], "expired")
            self.close_each([o for o in offers if o.only_today], "closed")
        if phase == "halted" and listed.definition.cancel_on_halt:
            self.cancel_each(mine, "halted")
            self.close_each(offers, "halted")

    def entrants(self, symbol: str, phase: str) -> tuple[list[Order], list[Order]]:
        """Who takes part in an uncross into the phase, the first to trade first: market orders, price, time."""
        waits_for_another = "opening" if phase == "closed" else "closing"
        mine = [
            o
            for o in self.live
            if o.placed.symbol == symbol and o.where != "stop" and o.placed.time_in_force != waits_for_another
        ]
        buys = sorted([o for o in mine if o.buys], key=lambda o: (o.price is not None, -(o.price or 0), o.time))
        sells = sorted([o for o in mine if not o.buys], key=lambda o: (o.price is not None, o.price or 0, o.time))
        return buys, sells

    def some_market(self, buys: list[Order], sells: list[Order]) -> bool:
        return any(o.price is None for o in buys + sells)

    def some_cross(self, buys: list[Order], sells: list[Order]) -> bool:
        return any(b.price is None or s.price is None or b.price >= s.price for b in buys for s in sells)

    def uncross(self, symbol: str, phase: str) -> None:
        listed = self.listed[symbol]
        owners = sorted({o.owner for o in self.live})
        for owner in owners:
            while True:
                buys, sells = self.entrants(symbol, phase)
                buys = [o for o in buys if o.owner == owner]
                sells = [o for o in sells if o.owner == owner]
                if not buys or not sells or not self.some_cross(buys[:1], sells[:1]):
                    break
                self.cancel(max(buys[0], sells[0], key=lambda o: o.time), "self_trade")
        buys, sells = self.entrants(symbol, phase)
        price, volume, surplus = self.auction_price(listed, buys, sells)
        if price is not None:
            listed.last = price
            left = volume
            while left:
                buyer = next(o for o in buys if o.left)
                seller = next(o for o in sells if o.left)
                quantity = min(buyer.left, seller.left, left)
                self.trades += 1
                self.events.append(TradeExecuted(self.trades, symbol, price, quantity, buyer.id, seller.id, None))
                buyer.left -= quantity
                seller.left -= quantity
                left -= quantity
            self.live = [o for o in self.live if o.left]
        for order in self.book(symbol, "buy") + self.book(symbol, "sell"):
            order.show_tip()
        self.events.append(AuctionUncrossed(symbol, price, volume, surplus))
        self.cancel_each([o for o in buys + sells if o.left and o.price is None], "no_liquidity")

    def auction_price(self, listed: Listed, buys: list[Order], sells: list[Order]) -> tuple[int | None, int, int]:
        tick = listed.definition.tick_size
        reference = listed.reference
        limits = [o.price for o in buys + sells if o.price is not None]
        if limits:
            candidates = list(range(min(limits), max(limits) + 1, tick))
        elif reference is not None and reference % tick == 0 and not self.outside_band(listed.definition, reference):
            candidates = [reference]
        else:
            candidates = []

        def bought(price: int) -> int:
            return sum(o.left for o in buys if o.price is None or o.price >= price)

        def sold(price: int) -> int:
            return sum(o.left for o in sells if o.price is None or o.price <= price)

        volume = {p: min(bought(p), sold(p)) for p in candidates}
        surplus = {p: bought(p) - sold(p) for p in candidates}
        if not candidates or max(volume.values()) == 0:
            return None, 0, 0
        most = max(volume.values())
        candidates = [p for p in candidates if volume[p] == most]
        least = min(abs(surplus[p]) for p in candidates)
        candidates = [p for p in candidates if abs(surplus[p]) == least]
        if all(surplus[p] > 0 for p in candidates):
            candidates = [max(candidates)]
        elif all(surplus[p] < 0 for p in candidates):
            candidates = [min(candidates)]
        if reference is not None:
            nearest = min(abs(p - reference) for p in candidates)
            candidates = [p for p in candidates if abs(p - reference) == nearest]
        price = min(candidates)
        return price, most, surplus[price]
