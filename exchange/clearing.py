"""Clearing: what lives in the market, what each trade settles, and what the command at hand has touched.

    market's events ──► clear ──► settlement of each trade, ends, what is freed
                                        └──► close: one execution report for each order touched, its own last

Who reserves and enters is `exchange.trading`; what an order has promised and paid is `settlement.clearing`.
"""

from collections.abc import Iterable
from typing import Any, Final

from exchange.protocol import Event
from matching import Market
from matching.messages import (
    AuctionClosed,
    AuctionExtended,
    AuctionUncrossed,
    BidPlaced,
    CancelOrder,
    CounterClosed,
    InstrumentDefined,
    ListingClosed,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    PhaseChanged,
    ReportClosed,
    SelfTradePrevented,
    StopTriggered,
    TradeExecuted,
)
from settlement.books import Books
from settlement.busts import SettledTrades
from settlement.clearing import Order
from settlement.client_ids import ClientIds
from settlement.contracts import Contracts
from settlement.digest import Digest
from settlement.dvp import settle
from settlement.messages import (
    CASH,
    MAXIMUM_LOTS_PER_ORDER,
    OrderStatus,
)
from settlement.receipts import LiveReceipt

EXPIRED: Final = "expired"

OUTBID: Final = "outbid"

RUN_OUT: Final = (EXPIRED, "no_bids", "reserve_not_met")
"""Reasons by which what trades without a book ends because its time has come."""


class Clearing:
    """The live orders and offers, and the trades that may still be taken back."""

    def __init__(self, books: Books, market: Market, contracts: Contracts) -> None:
        self._books: Final = books
        self._market: Final = market
        self._contracts: Final = contracts
        self._purses: Final = books.purses
        self._receipts: Final = books.receipts
        self._events: Final = books.events
        self._balances: Final = books.balances
        self.trades: Final = SettledTrades()
        self.client_ids: Final = ClientIds()
        self.orders: Final[dict[int, Order]] = {}
        self.orders_of: Final[dict[int, dict[int, Order]]] = {}
        self.icebergs: Final[dict[str, dict[int, Order]]] = {}
        self.leading: Final[dict[int, int]] = {}
        """The leading bid of each auction that has one."""
        # What the state's hash is made of, brought up to date when it is asked for.
        self.order_digest: Final[Digest[int]] = Digest()
        self.instrument_digest: Final[Digest[str]] = Digest()
        # What the command at hand has done so far.
        self.touched: Final[dict[int, Order]] = {}
        self._ended: dict[int, tuple[OrderStatus, str | None]] = {}
        self._unsure: dict[int, Order] = {}
        self.own_order_id = 0
        """The command's own order, which is reported last."""

    # Coming in

    def admit(self, order: Order) -> None:
        """The order is live from here on, and holds what it has reserved."""
        participant_id = order.participant_id
        self.orders[order.order_id] = order
        mine = self.orders_of.get(participant_id)
        if mine is None:
            mine = self.orders_of[participant_id] = {}
        mine[order.order_id] = order
        self._touch_balances(order)

    def _touch_balances(self, order: Order) -> None:
        """Tell what it may hold some of."""
        participant_id = order.participant_id
        if order.side == "sell":
            self._balances[participant_id, order.symbol] = None
            if order.terms is None:
                return
        self._balances[participant_id, CASH] = None

    def raise_reservation(self, order: Order, needed_fen: int) -> str | None:
        """Let an order hold at least so much money; `insufficient_funds`, which changes nothing, or None."""
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

    # What the market has done

    def clear(self, events: Iterable[Any]) -> None:
        """Take over what the market has done: its events as they are, each trade followed by its settlement."""
        orders = self.orders
        out = self._events
        for event in events:
            out.append(event)
            kind = type(event)
            if kind is TradeExecuted:
                self._settle(event)
            elif kind is OrderCancelled:
                order = orders[event.order_id]
                order.quantity = order.filled + event.quantity
                self.end(order, "expired" if event.reason == EXPIRED else "cancelled", event.reason)
            elif kind is OrderAmended:
                order = orders[event.order_id]
                order.quantity = event.quantity
                if event.price is not None:
                    order.price = event.price
                    if order.side == "buy":
                        order.bound = event.price
                self.touched[order.order_id] = order
                self.fit(order)
            elif kind is SelfTradePrevented:
                for order_id in (event.buy_order_id, event.sell_order_id):
                    self.touched[order_id] = self._unsure[order_id] = orders[order_id]
            elif kind is StopTriggered:
                self.touched[event.order_id] = orders[event.order_id]
            elif kind is AuctionUncrossed:
                self._touch_refreshed_icebergs(event.symbol)
            elif kind is PhaseChanged or kind is InstrumentDefined:
                self.instrument_digest.changed[event.symbol] = None
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
                self.touched[order.order_id] = order
            elif kind is AuctionClosed:
                self._close_auction(event)

    def _settle(self, trade: TradeExecuted) -> None:
        buy = self.orders[trade.buy_order_id]
        sell = self.orders[trade.sell_order_id]
        buyer_id = buy.participant_id
        seller_id = sell.participant_id
        purses = self._purses
        if sell.terms is None:
            settled = settle(
                trade,
                buy,
                sell,
                purses[buyer_id],
                purses[seller_id],
                self._books.ledger,
                self._receipts,
                self._books.time_ns,
                self._events,
            )
        else:
            settled = self._contracts.conclude(trade, buy, sell)
        self.trades.remember(settled, self._books.sequence, self._books.time_ns)
        symbol = trade.symbol
        self.instrument_digest.changed[symbol] = None
        balances = self._balances
        balances[buyer_id, CASH] = None
        balances[seller_id, CASH] = None
        balances[buyer_id, symbol] = None
        balances[seller_id, symbol] = None
        touched = self.touched
        touched[buy.order_id] = buy
        touched[sell.order_id] = sell
        if buy.filled == buy.quantity:
            self.end(buy, "filled", None)
        if sell.filled == sell.quantity:
            self.end(sell, "filled", None)

    def _close_offer(self, offer_id: int, reason: str) -> None:
        """It is not offered any more; one that has traded whole has ended already."""
        order = self.orders.get(offer_id)
        if order is not None:
            self.end(order, "expired" if reason in RUN_OUT else "cancelled", reason)

    def _lead(self, bid: BidPlaced) -> None:
        """The bid that led before has ended, and is free."""
        outbid = self.leading.get(bid.auction_id)
        if outbid is not None:
            self.end(self.orders[outbid], "cancelled", OUTBID)
        self.leading[bid.auction_id] = bid.bid_id

    def _close_auction(self, event: AuctionClosed) -> None:
        self._close_offer(event.auction_id, event.reason)
        leading = self.leading.pop(event.auction_id, None)
        if leading is not None and leading in self.orders:
            self.end(self.orders[leading], "cancelled", event.reason)

    def _touch_refreshed_icebergs(self, symbol: str) -> None:
        """An uncross gives every iceberg a full tip in place, of those too that did not trade."""
        for order_id, order in self.icebergs.get(symbol, {}).items():
            view = self._market.order(order_id)
            if view is not None and view.displayed != order.displayed:
                self.touched[order_id] = order

    # Leaving

    def end(self, order: Order, status: OrderStatus, reason: str | None) -> None:
        """The order leaves: what it still holds is free, its client id begins to age."""
        order_id = order.order_id
        participant_id = order.participant_id
        self.free(order)
        self._touch_balances(order)
        del self.orders[order_id]
        mine = self.orders_of[participant_id]
        del mine[order_id]
        if not mine:
            del self.orders_of[participant_id]
        if order.display_quantity is not None:
            icebergs = self.icebergs[order.symbol]
            del icebergs[order_id]
            if not icebergs:
                del self.icebergs[order.symbol]
        self.touched[order_id] = order
        self.finish(order, status, reason)

    def reject(self, order: Order, reason: str) -> None:
        self._events.append(OrderRejected(order.order_id, reason))
        self.finish(order, "rejected", reason)

    def finish(self, order: Order, status: OrderStatus, reason: str | None) -> None:
        order.displayed = 0
        order.waiting = False
        self._ended[order.order_id] = (status, reason)
        self.client_ids.end(order.participant_id, order.client_order_id, self._books.time_ns)

    def free(self, order: Order) -> None:
        """Free all that an order holds."""
        lots = order.lots
        if lots:
            self._receipts.release(lots, sum([held for _, held in lots]))
        if order.reserved_fen:
            self._purses[order.participant_id].reserved_fen -= order.reserved_fen
            order.reserved_fen = 0

    def fit(self, order: Order) -> None:
        """Free what a live order holds beyond the need of its present total and price."""
        if order.side == "sell":
            surplus = sum([held for _, held in order.lots]) - (order.quantity - order.filled)
            if surplus > 0:
                self._receipts.release(order.lots, surplus)
                self._balances[order.participant_id, order.symbol] = None
        if order.bound is not None:
            surplus = order.reserved_fen - order.required_fen(order.quantity, order.bound)
            if surplus:
                assert surplus > 0
                self._purses[order.participant_id].reserved_fen -= surplus
                order.reserved_fen -= surplus
                self._balances[order.participant_id, CASH] = None

    def cancel(self, order: Order, reason: str) -> None:
        """Cancel an order, or withdraw an offer, for a reason that is not the market's."""
        if order.via != "order":
            # A bid is not taken back alone: its auction ends with it.
            offer_id = order.offer_id if order.via == "bid" else order.order_id
            assert offer_id is not None
            self.clear(self._market.void(offer_id, reason))
            return
        events = self._market.apply(CancelOrder(order.order_id, order.participant_id))
        cancelled = events[0]
        assert type(cancelled) is OrderCancelled
        self.clear([OrderCancelled(order.order_id, cancelled.quantity, reason)])

    def orders_in(self, symbols: dict[str, None]) -> list[Order]:
        """The live orders of these symbols, ascending. O(all orders), which only the end of an instrument pays."""
        return [order for order in self.orders.values() if order.symbol in symbols]

    def binding(self, receipt: LiveReceipt) -> str | None:
        """Why the holder himself cannot take back what stands on a receipt: `has_bids`, `bid_stands`; None if he can.

        Nobody steps back from an auction. O(its holder's orders).
        """
        if not receipt.reserved_g:
            return None
        receipt_id = receipt.receipt_id
        for order in self.orders_of[receipt.participant_id].values():
            if any(held == receipt_id for held, _ in order.lots):
                if order.via == "bid":
                    return "bid_stands"
                if order.via == "auction" and order.order_id in self.leading:
                    return "has_bids"
        return None

    def uncover(self, receipt: LiveReceipt, reason: str, kept_g: int = 0) -> None:
        """Cancel whole orders that stand on a receipt, newest first, until at most `kept_g` of it is reserved.

        O(its holder's orders).
        """
        if receipt.reserved_g <= kept_g:
            return
        receipt_id = receipt.receipt_id
        mine = self.orders_of[receipt.participant_id].values()
        for order in sorted(mine, key=lambda order: -order.order_id):
            if receipt.reserved_g <= kept_g:
                break
            if order.order_id in self.orders and any(held == receipt_id for held, _ in order.lots):
                self.cancel(order, reason)

    def uncover_all(self, receipts: Iterable[LiveReceipt], reason: str) -> None:
        """Cancel all orders that stand on any of these receipts, newest first. O(their holders' orders)."""
        lost = {receipt.receipt_id: receipt for receipt in receipts}
        sellers = dict.fromkeys(receipt.participant_id for receipt in lost.values() if receipt.reserved_g)
        doomed = [
            order
            for seller_id in sellers
            for order in self.orders_of[seller_id].values()
            if any(receipt_id in lost for receipt_id, _ in order.lots)
        ]
        for order in sorted(doomed, key=lambda order: -order.order_id):
            if order.order_id in self.orders:
                self.cancel(order, reason)

    # Reporting

    def close(self) -> tuple[Event, ...]:
        """Report what the command has touched and be ready for the next."""
        events = self._events
        touched = self.touched
        if self._receipts.emptied:
            self._books.write_off()
        if touched:
            order_ids = list(touched)
            if len(touched) > 1:
                order_ids.sort()
                if self.own_order_id in touched:
                    order_ids.remove(self.own_order_id)
                    order_ids.append(self.own_order_id)
            sequence = self._books.sequence
            time_ns = self._books.time_ns
            ended = self._ended
            unsure = self._unsure
            changed = self.order_digest.changed
            for order_id in order_ids:
                order = touched[order_id]
                order.sequence = sequence
                order.time_ns = time_ns
                changed[order_id] = None
                end = ended.get(order_id)
                if end is None:
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
        self.own_order_id = 0
        result = tuple(events)
        events.clear()
        return result

    def _look_up(self, order: Order) -> None:
        """How a touched order that has not ended stands in the market now."""
        order_id = order.order_id
        view = self._market.order(order_id)
        if view is None:
            # Lowered by what it would have traded with its owner, then filled by others.
            order.quantity = order.filled
            self.end(order, "filled", None)
            return
        order.quantity = view.quantity
        order.displayed = view.displayed
        order.waiting = view.state == "waiting"
        if order_id in self._unsure:
            self.fit(order)

    # Auditing

    def audit_orders(self, last_order_id: int) -> None:
        """Clearing's orders are the market's, and stand as last reported."""
        assert list(self.orders) == sorted(self.orders)
        views = {view.order_id: view for view in self._market.orders()}
        offers = {order_id: order for order_id, order in self.orders.items() if order.via != "order"}
        assert views.keys() | offers.keys() == self.orders.keys()
        assert not views.keys() & offers.keys()
        self._audit_offers(offers)
        for order_id, view in views.items():
            order = self.orders[order_id]
            assert order.order_id == order_id <= last_order_id
            assert self.orders_of[order.participant_id][order_id] is order
            assert (order.participant_id, order.symbol, order.side) == (view.participant_id, view.symbol, view.side)
            assert (order.kind, order.price, order.stop_price) == (view.kind, view.price, view.stop_price)
            assert (order.quantity, order.filled) == (view.quantity, view.filled)
            assert order.display_quantity == view.display_quantity
            assert order.displayed == view.displayed, (order, view)
            assert order.waiting == (view.state == "waiting")
        assert sum(len(mine) for mine in self.orders_of.values()) == len(self.orders)
        icebergs = {order_id: order for kept in self.icebergs.values() for order_id, order in kept.items()}
        assert icebergs == {
            order_id: order for order_id, order in self.orders.items() if order.display_quantity is not None
        }

    def _audit_offers(self, offers: dict[int, Order]) -> None:
        """What stands on the market's board is known here, and the other way round."""
        market = self._market
        listings = {each.listing_id: each for symbol in market.symbols() for each in market.listings(symbol)}
        counters = {each.counter_id: each for listing_id in listings for each in market.counters(listing_id)}
        auctions = {each.auction_id: each for symbol in market.symbols() for each in market.auctions(symbol)}
        reports = {each.report_id: each for who in self._purses for each in market.reports_of(who)}
        bids = {each.bid_id: each for each in auctions.values() if each.bid_id is not None}
        assert self.leading == {each.auction_id: bid_id for bid_id, each in bids.items()}
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

    def audit_reservations(self) -> None:
        """What is reserved is what the live orders need and what is pending to leave, to the fen and the gram."""
        ledger = self._books.ledger
        reserved_fen = {each: ledger.set_aside(CASH, purse.account) for each, purse in self._purses.items()}
        reserved_kg: dict[int, int] = {}
        for order in self.orders.values():
            remaining = order.quantity - order.filled
            if order.side == "buy" or order.terms is not None:
                assert order.bound is not None
                assert order.price is None or order.price == order.bound or order.via == "auction"
                assert order.reserved_fen == order.required_fen(order.quantity, order.bound)
                reserved_fen[order.participant_id] += order.reserved_fen
            else:
                assert order.bound is None
                assert order.reserved_fen == 0
            if order.side == "buy":
                assert not order.lots
            else:
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
