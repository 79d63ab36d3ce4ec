"""Trading: orders and offers come in, what they may cost or deliver is set aside, and the market has them.

reserve ──► match ──► clear
cash and receipts    matching.Market    `exchange.clearing`: settlement, what is freed, what is reported
are set aside first  decides            so that no trade can fail
"""

from typing import Any, Final

from exchange.clearing import Clearing
from exchange.offers import WITHDRAWALS, Unknown, draft, reason_here, rejection
from matching import Market
from matching.messages import (
    AcceptanceRejected,
    AcceptCounter,
    AmendOrder,
    AmendRejected,
    Bid,
    CancelOrder,
    CancelRejected,
    DeclineReport,
    MassCancel,
    OpenAuction,
    OrderAmended,
    OrderRejected,
    PlaceOrder,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)
from settlement.books import Books
from settlement.busts import refuse_unwinding, unwind
from settlement.civil import venue_day
from settlement.clearing import Order, Purse
from settlement.contracts import Contracts
from settlement.messages import (
    CASH,
    MAXIMUM_LOTS_PER_ORDER,
    BustTrade,
    EnterAuction,
    EnterBid,
    EnterConfirmation,
    EnterCounter,
    EnterListing,
    EnterOffer,
    EnterOrder,
    EnterReport,
    EnterTake,
)
from settlement.messages.contracts import ContractTerms
from settlement.office import Handlers
from settlement.receipts import GRAMS, Lots
from settlement.storage import accrued_fen, below_storage

NO_LOTS: Final[Lots] = []
"""What a buy holds of receipts, one for all of them: nobody adds to it."""


class Trading:
    """The desk at which participants trade and operators take trades back."""

    def __init__(self, books: Books, market: Market, clearing: Clearing, contracts: Contracts) -> None:
        self._books: Final = books
        self._market: Final = market
        self._contracts: Final = contracts
        self._clearing: Final = clearing
        self._purses: Final = books.purses
        self._receipts: Final = books.receipts
        self._events: Final = books.events
        self._client_ids: Final = clearing.client_ids
        self.last_order_id = 0

    def handlers(self) -> Handlers:
        return {
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
            BustTrade: self._bust_trade,
        }

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
        maker_ppm, taker_ppm, minimum_fen = self._books.fees
        self.last_order_id = order_id = self.last_order_id + 1
        self._client_ids.remember(command, order_id, self._books.sequence)
        symbol = command.symbol
        side = command.side
        quantity = command.quantity
        kind = command.kind
        price = command.price
        stop_price = command.stop_price
        time_in_force = command.time_in_force
        expires_ns = command.expires_ns
        display_quantity = command.display_quantity
        minimum_quantity = command.minimum_quantity
        post_only = command.post_only
        place = PlaceOrder(
            order_id,
            participant_id,
            symbol,
            side,
            quantity,
            kind,
            price,
            stop_price,
            time_in_force,
            expires_ns,
            display_quantity,
            minimum_quantity,
            post_only,
            command.self_trade,
        )
        order = Order(
            order_id,
            client_order_id,
            participant_id,
            symbol,
            side,
            kind,
            price,
            stop_price,
            quantity,
            time_in_force,
            expires_ns,
            display_quantity,
            minimum_quantity,
            post_only,
            command.lots,
            maker_ppm,
            taker_ppm,
            minimum_fen,
            None,
            [] if side == "sell" else NO_LOTS,
            kind == "limit" and display_quantity is None and time_in_force != "closing",
        )
        clearing = self._clearing
        clearing.touched[order_id] = order
        refusal = self._reserve(order, place, purse)
        if refusal is not None:
            # The market's own reasons come before those of clearing.
            clearing.reject(order, self._market.check(place) or refusal)
            return
        events = self._market.apply(place)
        if type(events[0]) is OrderRejected:
            clearing.free(order)
            clearing.reject(order, events[0].reason)
            return
        clearing.admit(order)
        if display_quantity is not None:
            clearing.icebergs.setdefault(symbol, {})[order_id] = order
        if len(events) == 1:
            self._events.append(events[0])
        else:
            clearing.clear(events)

    def _reserve(self, order: Order, place: PlaceOrder, purse: Purse) -> str | None:
        """Set aside what the order may cost or deliver; the refusal, which changes nothing, or None.

        Buys: `invalid_lots` (a buy names none), `no_price_bound`, `insufficient_funds`. Sells: `invalid_lots` (none, or
        one twice), `too_many_lots`, `unknown_receipt`, `insufficient_goods`, `below_storage` (its price would not pay
        its fee and what storage has cost so far). What the market refuses anyway may pass.
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
        refusal = self._receipts.reserve(order.participant_id, order.symbol, quantity, named, order.lots)
        if refusal is None and order.price is not None and self._below_storage(order, order.price):
            self._receipts.release(order.lots, quantity)
            return "below_storage"
        return refusal

    def _reserve_unpriced(self, order: Order, place: PlaceOrder, purse: Purse) -> str | None:
        """A buy without a limit: what it meets now if it trades at once, else its whole quantity at the band's top."""
        refusal = self._market.check(place)
        if refusal is not None:
            return refusal
        instrument = self._market.instrument(order.symbol)
        assert instrument is not None
        if order.kind == "market" and instrument.phase == "continuous" and order.time_in_force != "closing":
            traded_fen = sum(price * quantity for price, quantity in self._market.walk(place))
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

    def _below_storage(self, order: Order, price: int) -> bool:
        """Whether what a sell holds would not bring its fee and what its storage has cost until today. O(lots)."""
        due_fen = 0
        kilograms = 0
        for receipt_id, held in order.lots:
            receipt = self._receipts.get(receipt_id)
            assert receipt is not None
            kilograms += held
            tariff = self._receipts.stock(receipt.lot_id).tariff
            if tariff is not None:
                today = venue_day(self._books.time_ns)
                due_fen += accrued_fen(tariff, held * GRAMS, receipt.storage_from_day, today)
        value_fen = price * kilograms
        return (
            due_fen > 0 and value_fen > 0 and below_storage(value_fen, order.cost_fen(value_fen) - value_fen, due_fen)
        )

    def _cancel_order(self, command: CancelOrder) -> None:
        """Also withdraws whatever else he has offered; `bid_stands`, `has_bids`: nobody steps back from an auction."""
        order_id = self._clearing.own_order_id = command.order_id
        order = self._clearing.orders.get(order_id)
        if order is None or order.via == "order" or order.participant_id != command.participant_id:
            self._clearing.clear(self._market.apply(command))
            return
        withdraw = WITHDRAWALS.get(order.via)
        if withdraw is None:
            self._events.append(CancelRejected(order_id, "bid_stands"))
            return
        refusal = self._market.check(withdraw(order_id, order.participant_id))
        if refusal is not None:
            self._events.append(CancelRejected(order_id, refusal))
            return
        self._clearing.clear(self._market.apply(withdraw(order_id, order.participant_id)))

    def _mass_cancel(self, command: MassCancel) -> None:
        self._clearing.clear(self._market.apply(command))

    def _amend_order(self, command: AmendOrder) -> None:
        order_id = command.order_id
        refusal = self._market.check(command)
        order = self._clearing.orders[order_id] if refusal is None else None
        if order is not None:
            refusal = self._reserve_amendment(order, command)
        if order is None or refusal is not None:
            self._events.append(AmendRejected(order_id, refusal or "unknown_order"))
            return
        self._clearing.own_order_id = order_id
        events = self._market.apply(command)
        if command.display_quantity is not None and type(events[0]) is OrderAmended:
            order.display_quantity = command.display_quantity
            order.plain = False
            self._clearing.icebergs.setdefault(order.symbol, {})[order_id] = order
        self._clearing.clear(events)

    def _reserve_amendment(self, order: Order, command: AmendOrder) -> str | None:
        """Set aside what the amended order needs beyond what it holds; the refusal, which changes nothing, or None."""
        quantity = order.quantity if command.quantity is None else command.quantity
        if quantity <= order.filled:
            return None
        if order.side == "sell":
            extra = quantity - order.quantity
            if extra > 0:
                refusal = self._receipts.reserve(order.participant_id, order.symbol, extra, order.named, order.lots)
                if refusal is not None:
                    return refusal
            if command.price is not None and self._below_storage(order, command.price):
                if extra > 0:
                    self._receipts.release(order.lots, extra)
                return "below_storage"
            if extra > 0:
                self._books.balances[order.participant_id, order.symbol] = None
            return None
        bound = order.bound if command.price is None else command.price
        assert bound is not None
        return self._clearing.raise_reservation(order, order.required_fen(quantity, bound))

    # Trading without a book: the same, for what is listed, auctioned or reported

    def _enter_offer(self, command: EnterOffer) -> None:
        """Give it a number, reserve what it may cost or deliver, and let the market have it.

        Refused without a number: what `draft` does not know. Rejected: the market's reasons; `invalid_receipt_id` (a
        buy names none); `receipt_expires` (before an auction would end); as orders `insufficient_funds`,
        `unknown_receipt`, `insufficient_goods`, `too_many_lots`, `below_storage`; where it leads to a contract
        `exceeds_maximum`, `outside_calendar`, `goods_expire` (see `settlement.contracts`), of a bid
        `seller_uncovered`.
        """
        participant_id = command.participant_id
        known = self._client_ids.get(participant_id, command.client_order_id)
        if known is not None:
            self._events.append(self._client_ids.repeated(known, command))
            return
        if participant_id not in self._purses:
            self._books.refuse(command, "unknown_participant", "participant_id")
            return
        order_id = self.last_order_id + 1
        drafted = draft(command, order_id, self._market, self._books.venue, self._books.participants)
        if isinstance(drafted, Unknown):
            self._books.refuse(command, drafted.reason, drafted.field)
            return
        order, said = drafted
        order.terms = self._terms(order)
        if order.side == "sell" and order.terms is None:
            order.bound = None
        self.last_order_id = order_id
        self._client_ids.remember(command, order_id, self._books.sequence)
        self._clearing.touched[order_id] = order
        refusal = self._market.check(said) or self._refuse_receipt(order, said) or self._reserve_offer(order)
        if refusal is not None:
            refusal = reason_here(refusal)
            self._events.append(rejection(said, refusal))
            self._clearing.finish(order, "rejected", refusal)
            return
        self._clearing.admit(order)
        self._clearing.clear(self._market.apply(said))

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
            auction = self._market.auction(said.auction_id)
            assert auction is not None
            if auction.style == "english":
                ends_ns = max(auction.ends_ns, self._books.time_ns + auction.extension_ns)
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
            leading = self._clearing.leading.get(order.offer_id)
            if leading is not None and self._clearing.orders[leading].participant_id == order.participant_id:
                raised = self._clearing.orders[leading]
                self._clearing.free(raised)
        refusal = self._hold(order)
        if refusal is None and order.terms is None and order.price is not None:
            if self._below_storage(order, order.price):
                self._clearing.free(order)
                refusal = "below_storage"
        if refusal is None and order.terms is not None:
            refusal = self._refuse_contract(order, order.terms)
            if refusal is None and order.via == "bid":
                refusal = self._raise_seller(order)
            if refusal is not None:
                self._clearing.free(order)
        if refusal is not None and raised is not None:
            back = self._hold(raised)
            assert back is None, back
        return refusal

    def _hold(self, order: Order) -> str | None:
        """Reserve for all of it, which holds nothing yet and has traded nothing."""
        if order.side == "sell":
            who, symbol = order.participant_id, order.symbol
            refusal = self._receipts.reserve(who, symbol, order.quantity, order.named, order.lots)
            if refusal is not None or order.terms is None:
                return refusal
        assert order.bound is not None
        purse = self._purses[order.participant_id]
        needed_fen = order.required_fen(order.quantity, order.bound)
        if needed_fen > purse.total_fen - purse.reserved_fen:
            if order.side == "sell":
                self._receipts.release(order.lots, order.quantity)
            return "insufficient_funds"
        order.reserved_fen = needed_fen
        purse.reserved_fen += needed_fen
        return None

    def _terms(self, order: Order) -> ContractTerms | None:
        """Those of the offer that it answers, so that both sides of a trade have the same; else the venue's now."""
        return self._books.venue.contract if order.offer_id is None else self._clearing.orders[order.offer_id].terms

    def _refuse_contract(self, order: Order, terms: ContractTerms) -> str | None:
        """What stands against its contract, if that is concluded as late as can be; see `Contracts.refuse_entry`."""
        trade_ns = self._books.time_ns
        lots = order.lots
        answered = None if order.offer_id is None else self._clearing.orders[order.offer_id]
        if answered is not None and not lots:
            lots = answered.lots
        auction_id = order.order_id if order.via == "auction" else order.offer_id if order.via == "bid" else None
        if auction_id is not None:
            auction = self._market.auction(auction_id)
            ends_ns = order.expires_ns if auction is None else auction.ends_ns
            assert ends_ns is not None
            extended_ns = 0 if auction is None else trade_ns + auction.extension_ns
            trade_ns = max(ends_ns, extended_ns)
        assert order.bound is not None
        return self._contracts.refuse_entry(terms, order.bound * order.quantity, lots, trade_ns)

    def _raise_seller(self, order: Order) -> str | None:
        """An auction that rises takes its seller's earnest money along; `seller_uncovered` changes nothing.

        He sells at the bid's price or above, so that he must have so much free before the bid can lead.
        """
        assert order.offer_id is not None
        auction = self._clearing.orders[order.offer_id]
        if auction.side == "buy":
            return None
        assert auction.bound is not None
        assert order.bound is not None
        if order.bound <= auction.bound:
            return None
        refusal = self._clearing.raise_reservation(auction, auction.required_fen(auction.quantity, order.bound))
        if refusal is not None:
            return "seller_uncovered"
        auction.bound = order.bound
        self._clearing.touched[auction.order_id] = auction
        return None

    def _accept_counter(self, command: AcceptCounter) -> None:
        """The lister's own listing answers. What is accepted dearer than it was listed needs the difference: a want its
        price, a contract its earnest money.
        """
        refusal = self._market.check(command)
        if refusal is None:
            counter = self._market.counter(command.counter_id)
            assert counter is not None
            listing = self._clearing.orders[counter.listing_id]
            if listing.bound is not None:
                left = listing.quantity - listing.filled
                accepted = min(counter.quantity, left)
                open_fen = counter.price * accepted + listing.bound * (left - accepted)
                if listing.terms is not None:
                    lots = listing.lots or self._clearing.orders[command.counter_id].lots
                    value_fen = listing.traded_fen + open_fen
                    refusal = self._contracts.refuse_entry(listing.terms, value_fen, lots, self._books.time_ns)
                if refusal is None:
                    refusal = self._clearing.raise_reservation(listing, listing.cost_fen(open_fen))
            self._clearing.own_order_id = counter.listing_id
        if refusal is not None:
            self._events.append(AcceptanceRejected(command.counter_id, refusal))
            return
        self._clearing.clear(self._market.apply(command))

    def _withdraw_listing(self, command: WithdrawListing) -> None:
        self._clearing.own_order_id = command.listing_id
        self._clearing.clear(self._market.apply(command))

    def _withdraw_counter(self, command: WithdrawCounter) -> None:
        self._clearing.own_order_id = command.counter_id
        self._clearing.clear(self._market.apply(command))

    def _withdraw_auction(self, command: WithdrawAuction) -> None:
        self._clearing.own_order_id = command.auction_id
        self._clearing.clear(self._market.apply(command))

    def _end_report(self, command: WithdrawReport | DeclineReport) -> None:
        self._clearing.own_order_id = command.report_id
        self._clearing.clear(self._market.apply(command))

    # Corrections by an operator

    def _bust_trade(self, command: BustTrade) -> None:
        """Refused: `unknown_trade`, `too_old`, `already_busted`, `goods_moved`, `funds_moved`."""
        if not self._books.may(command, "operator_id", ("operator",)):
            return
        settled = self._clearing.trades.find(command.trade_id)
        if isinstance(settled, str):
            self._books.refuse(command, settled, "trade_id")
            return
        trade = settled.trade
        buyer, seller = self._purses[trade.buyer_id], self._purses[trade.seller_id]
        refusal = refuse_unwinding(trade, seller, self._books.ledger, self._receipts)
        if refusal is not None:
            self._books.refuse(command, refusal, "trade_id")
            return
        self._clearing.trades.bust(trade.trade_id)
        unwind(
            settled,
            command.operator_id,
            command.reason,
            buyer,
            seller,
            self._books.ledger,
            self._receipts,
            self._books.time_ns,
            self._events,
        )
        for participant_id in (trade.buyer_id, trade.seller_id):
            self._books.balances[participant_id, CASH] = None
            self._books.balances[participant_id, trade.symbol] = None
