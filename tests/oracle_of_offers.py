"""The oracle's second story: listings, one-way auctions and negotiated trades, written from the rules of their modes.

One plain list of everything that is offered; a counter-bid is one of them that names its listing. Prices are compared
from the seller's point of view by turning them round for a buyer.
"""

from dataclasses import dataclass, field
from typing import Any

from matching.messages import (
    AcceptanceRejected,
    AcceptCounter,
    AuctionClosed,
    AuctionExtended,
    AuctionOpened,
    AuctionRejected,
    Bid,
    BidPlaced,
    BidRejected,
    ConfirmRejected,
    ConfirmTrade,
    CounterBid,
    CounterClosed,
    CounterPlaced,
    CounterRejected,
    DeclineReport,
    DefineInstrument,
    ListingClosed,
    ListingOpened,
    ListingRejected,
    ListLot,
    OpenAuction,
    ReportClosed,
    ReportRejected,
    ReportTrade,
    TakeListing,
    TakeRejected,
    TradeExecuted,
    TradeReported,
    WithdrawalRejected,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)

LATEST = 2**63 - 1


@dataclass(eq=False)
class Offer:
    kind: str  # listing, counter, auction, report
    id: int
    owner: int
    symbol: str
    side: str
    command: Any
    left: int
    ends: int | None
    listing: int | None = None  # whose counter-bid it is
    opened: int = 0
    best: Bid | None = None

    @property
    def only_today(self) -> bool:
        return self.kind == "auction" or (self.kind == "listing" and self.ends is None)


@dataclass(eq=False)
class Offers:
    offers: list[Offer] = field(default_factory=list)

    # What can be asked

    def offered(self, kind: str, id: int) -> Offer | None:
        for offer in self.offers:
            if offer.kind == kind and offer.id == id:
                return offer
        return None

    def counters_on(self, listing: int) -> list[Offer]:
        return sorted([o for o in self.offers if o.listing == listing and o.kind == "counter"], key=lambda o: o.id)

    def shown(self, kind: str, symbol: str) -> list[Offer]:
        return sorted([o for o in self.offers if o.kind == kind and o.symbol == symbol], key=lambda o: o.id)

    def reports_with(self, participant: int) -> list[Offer]:
        reports = [o for o in self.offers if o.kind == "report"]
        return sorted([o for o in reports if participant in (o.owner, o.command.counterparty_id)], key=lambda o: o.id)

    def price_shown(self, auction: Offer) -> int | None:
        c = auction.command
        if c.style == "dutch":
            return self.clock_of(auction)
        return auction.best.price if auction.best else None

    def clock_of(self, auction: Offer) -> int:
        """Walk the clock interval by interval, but no further than a price that may stand."""
        c = auction.command
        d = self.listed[auction.symbol].definition
        price = c.start_price
        time = auction.opened + c.interval_ns
        while time <= self.now:
            next_price = price - c.step if c.side == "sell" else price + c.step
            beyond = c.reserve_price is not None and self.better(c.side, c.reserve_price, next_price)
            if beyond or not self.on_tick(d, next_price) or self.outside_band(d, next_price):
                # A step that leads beyond the last good price ends at it.
                stops = [p for p in self.ticks_between(d, next_price, price) if self.may_stand(d, c, p)]
                return min(stops) if c.side == "sell" else max(stops)
            price = next_price
            time += c.interval_ns
        return price

    def ticks_between(self, d: DefineInstrument, one: int, other: int) -> list[int]:
        return [p for p in range(min(one, other), max(one, other) + 1) if self.on_tick(d, p)]

    def may_stand(self, d: DefineInstrument, c: OpenAuction, price: int) -> bool:
        if c.reserve_price is not None and self.better(c.side, c.reserve_price, price):
            return False
        return not self.outside_band(d, price)

    def better(self, side: str, price: int, than: int) -> bool:
        """Better for somebody on that side: a seller wants more, a buyer less."""
        return price > than if side == "sell" else price < than

    # What is refused

    def refuse_offer(self, c: Any) -> str | None:
        match c:
            case ListLot():
                return self.refuse_new(c, c.listing_id, "listing") or self.refuse_list(c)
            case OpenAuction():
                return self.refuse_new(c, c.auction_id, "one_way_auction") or self.refuse_open(c)
            case ReportTrade():
                return self.refuse_new(c, c.report_id, "negotiated") or self.refuse_report(c)
            case TakeListing():
                return self.refuse_take(c)
            case CounterBid():
                return self.refuse_counter(c)
            case Bid():
                return self.refuse_bid(c)
            case ConfirmTrade():
                return self.refuse_confirm(c)
            case AcceptCounter():
                counter = self.offered("counter", c.counter_id)
                if counter is None or self.offered("listing", counter.listing).owner != c.participant_id:
                    return "unknown_counter"
                return self.refuse_phase_of(counter)
            case WithdrawListing():
                offer = self.offered("listing", c.listing_id)
                return None if offer and offer.owner == c.participant_id else "unknown_listing"
            case WithdrawCounter():
                offer = self.offered("counter", c.counter_id)
                return None if offer and offer.owner == c.participant_id else "unknown_counter"
            case WithdrawAuction():
                offer = self.offered("auction", c.auction_id)
                if offer is None or offer.owner != c.participant_id:
                    return "unknown_auction"
                return "has_bids" if offer.best else None
            case WithdrawReport():
                offer = self.offered("report", c.report_id)
                return None if offer and offer.owner == c.participant_id else "unknown_report"
            case DeclineReport():
                offer = self.offered("report", c.report_id)
                return None if offer and offer.command.counterparty_id == c.participant_id else "unknown_report"
        raise AssertionError(c)

    def refuse_new(self, c: Any, id: int, mode: str) -> str | None:
        if c.symbol not in self.listed:
            return "unknown_symbol"
        if self.taken(id):
            return "duplicate_order_id"
        if self.listed[c.symbol].definition.mode != mode:
            return "wrong_mode"
        return "wrong_phase" if self.listed[c.symbol].phase != "continuous" else None

    def refuse_phase_of(self, offer: Offer) -> str | None:
        return "wrong_phase" if self.listed[offer.symbol].phase != "continuous" else None

    def refuse_list(self, c: ListLot) -> str | None:
        d = self.listed[c.symbol].definition
        if not self.on_lot(d, c.quantity):
            return "invalid_quantity"
        if not self.on_tick(d, c.price):
            return "invalid_price"
        if c.side == "sell" and c.lot_id is None:
            return "invalid_lot_id"
        if c.side == "buy" and c.lot_id is not None:
            return "invalid_lot_id"
        if c.minimum_quantity is not None:
            if not self.on_lot(d, c.minimum_quantity) or c.minimum_quantity > c.quantity:
                return "invalid_minimum_quantity"
        if c.expires_ns is not None and c.expires_ns <= self.now:
            return "invalid_expires_ns"
        return "outside_band" if self.outside_band(d, c.price) else None

    def refuse_take(self, c: TakeListing) -> str | None:
        listing = self.offered("listing", c.listing_id)
        if listing is None:
            return "unknown_listing"
        if self.taken(c.take_id):
            return "duplicate_order_id"
        if self.refuse_phase_of(listing):
            return "wrong_phase"
        if listing.owner == c.participant_id:
            return "own_listing"
        if not self.on_lot(self.listed[listing.symbol].definition, c.quantity):
            return "invalid_quantity"
        if self.names_goods_wrongly(listing, c):
            return "invalid_lot_id"
        if c.quantity > listing.left:
            return "exceeds_listing"
        minimum = listing.command.minimum_quantity
        if minimum is not None and c.quantity < minimum and c.quantity != listing.left:
            return "below_minimum"
        return None

    def names_goods_wrongly(self, offer: Offer, c: Any) -> bool:
        """Who answers a sale buys and brings no goods; who answers a want sells, and says which."""
        return c.lot_id is not None if offer.side == "sell" else c.lot_id is None

    def refuse_counter(self, c: CounterBid) -> str | None:
        listing = self.offered("listing", c.listing_id)
        if listing is None:
            return "unknown_listing"
        d = self.listed[listing.symbol].definition
        if self.taken(c.counter_id):
            return "duplicate_order_id"
        if self.refuse_phase_of(listing):
            return "wrong_phase"
        if listing.owner == c.participant_id:
            return "own_listing"
        if not self.on_lot(d, c.quantity):
            return "invalid_quantity"
        if not self.on_tick(d, c.price):
            return "invalid_price"
        if self.names_goods_wrongly(listing, c):
            return "invalid_lot_id"
        if c.expires_ns is not None and c.expires_ns <= self.now:
            return "invalid_expires_ns"
        return "outside_band" if self.outside_band(d, c.price) else None

    def refuse_open(self, c: OpenAuction) -> str | None:
        d = self.listed[c.symbol].definition
        if not self.on_lot(d, c.quantity):
            return "invalid_quantity"
        if c.side == "sell" and c.lot_id is None:
            return "invalid_lot_id"
        if c.side == "buy" and c.lot_id is not None:
            return "invalid_lot_id"
        if not self.on_tick(d, c.start_price):
            return "invalid_start_price"
        if c.reserve_price is not None:
            if not self.on_tick(d, c.reserve_price):
                return "invalid_reserve_price"
            if c.style == "dutch" and self.better(c.side, c.reserve_price, c.start_price):
                return "invalid_reserve_price"
        if not self.on_tick(d, c.step):
            return "invalid_step"
        if c.ends_ns <= self.now:
            return "invalid_ends_ns"
        if c.extension_ns < 0:
            return "invalid_extension_ns"
        if c.style == "dutch" and c.extension_ns > 0:
            return "invalid_extension_ns"
        if c.style == "dutch" and (c.interval_ns is None or c.interval_ns < 1):
            return "invalid_interval_ns"
        if c.style == "english" and c.interval_ns is not None:
            return "invalid_interval_ns"
        if self.outside_band(d, c.start_price):
            return "outside_band"
        if c.reserve_price is not None and self.outside_band(d, c.reserve_price):
            return "outside_band"
        return None

    def refuse_bid(self, c: Bid) -> str | None:
        auction = self.offered("auction", c.auction_id)
        if auction is None:
            return "unknown_auction"
        d = self.listed[auction.symbol].definition
        if self.taken(c.bid_id):
            return "duplicate_order_id"
        if self.refuse_phase_of(auction):
            return "wrong_phase"
        if auction.owner == c.participant_id:
            return "own_auction"
        if c.price is None and auction.command.style == "english":
            return "invalid_price"
        if c.price is not None and not self.on_tick(d, c.price):
            return "invalid_price"
        if self.names_goods_wrongly(auction, c):
            return "invalid_lot_id"
        if c.price is None:
            return None
        if self.outside_band(d, c.price):
            return "outside_band"
        if auction.command.style == "dutch":
            return "clock_not_reached" if self.better(auction.side, self.clock_of(auction), c.price) else None
        asked = auction.command.start_price
        if auction.best:
            step = auction.command.step
            asked = auction.best.price + step if auction.side == "sell" else auction.best.price - step
        return "below_step" if self.better(auction.side, asked, c.price) else None

    def refuse_report(self, c: ReportTrade) -> str | None:
        d = self.listed[c.symbol].definition
        if c.participant_id == c.counterparty_id:
            return "own_report"
        if not self.on_lot(d, c.quantity):
            return "invalid_quantity"
        if not self.on_tick(d, c.price):
            return "invalid_price"
        if c.expires_ns <= self.now:
            return "invalid_expires_ns"
        return "outside_band" if self.outside_band(d, c.price) else None

    def refuse_confirm(self, c: ConfirmTrade) -> str | None:
        report = self.offered("report", c.report_id)
        if report is None or c.participant_id not in (report.owner, report.command.counterparty_id):
            return "unknown_report"
        if self.taken(c.confirm_id):
            return "duplicate_order_id"
        if self.refuse_phase_of(report):
            return "wrong_phase"
        return "own_report" if c.participant_id == report.owner else None

    # What is done

    def offer(self, c: Any, reason: str | None) -> None:
        if reason:
            self.events.append(self.refusal(c, reason))
            return
        match c:
            case ListLot():
                offer = Offer("listing", c.listing_id, c.participant_id, c.symbol, c.side, c, c.quantity, c.expires_ns)
                self.offers.append(offer)
                self.events.append(ListingOpened(c.listing_id, c.symbol))
            case TakeListing():
                listing = self.offered("listing", c.listing_id)
                taker = "buy" if listing.side == "sell" else "sell"
                self.trade_offered(listing, c.take_id, listing.command.price, c.quantity, taker)
                listing.left -= c.quantity
                if listing.left == 0:
                    self.close(listing, "taken")
            case CounterBid():
                listing = self.offered("listing", c.listing_id)
                side = "buy" if listing.side == "sell" else "sell"
                self.offers.append(
                    Offer(
                        "counter", c.counter_id, c.participant_id, listing.symbol, side, c, c.quantity, c.expires_ns,
                        listing=c.listing_id,
                    )
                )  # fmt: skip
                self.events.append(CounterPlaced(c.counter_id, c.listing_id))
            case AcceptCounter():
                counter = self.offered("counter", c.counter_id)
                listing = self.offered("listing", counter.listing)
                quantity = min(counter.left, listing.left)
                self.trade_offered(listing, counter.id, counter.command.price, quantity, listing.side)
                listing.left -= quantity
                self.close(counter, "accepted")
                if listing.left == 0:
                    self.close(listing, "taken")
            case OpenAuction():
                self.offers.append(
                    Offer(
                        "auction", c.auction_id, c.participant_id, c.symbol, c.side, c, c.quantity, c.ends_ns,
                        opened=self.now,
                    )
                )  # fmt: skip
                self.events.append(AuctionOpened(c.auction_id, c.symbol))
            case Bid():
                self.bid(c, self.offered("auction", c.auction_id))
            case ReportTrade():
                offer = Offer("report", c.report_id, c.participant_id, c.symbol, c.side, c, c.quantity, c.expires_ns)
                self.offers.append(offer)
                self.events.append(TradeReported(c.report_id, c.symbol))
            case ConfirmTrade():
                report = self.offered("report", c.report_id)
                self.trade_offered(report, c.confirm_id, report.command.price, report.command.quantity, None)
                self.close(report, "confirmed")
            case DeclineReport():
                self.close(self.offered("report", c.report_id), "declined")
            case WithdrawListing():
                self.close(self.offered("listing", c.listing_id), "requested")
            case WithdrawCounter():
                self.close(self.offered("counter", c.counter_id), "requested")
            case WithdrawAuction():
                self.close(self.offered("auction", c.auction_id), "requested")
            case WithdrawReport():
                self.close(self.offered("report", c.report_id), "requested")

    def refusal(self, c: Any, reason: str) -> Any:
        match c:
            case ListLot():
                return ListingRejected(c.listing_id, reason)
            case TakeListing():
                return TakeRejected(c.take_id, reason)
            case CounterBid():
                return CounterRejected(c.counter_id, reason)
            case AcceptCounter():
                return AcceptanceRejected(c.counter_id, reason)
            case OpenAuction():
                return AuctionRejected(c.auction_id, reason)
            case Bid():
                return BidRejected(c.bid_id, reason)
            case ReportTrade():
                return ReportRejected(c.report_id, reason)
            case ConfirmTrade():
                return ConfirmRejected(c.confirm_id, reason)
            case WithdrawListing():
                return WithdrawalRejected("withdraw_listing", c.listing_id, reason)
            case WithdrawCounter():
                return WithdrawalRejected("withdraw_counter", c.counter_id, reason)
            case WithdrawAuction():
                return WithdrawalRejected("withdraw_auction", c.auction_id, reason)
            case WithdrawReport():
                return WithdrawalRejected("withdraw_report", c.report_id, reason)
            case DeclineReport():
                return WithdrawalRejected("decline_report", c.report_id, reason)
        raise AssertionError(c)

    def trade_offered(self, offer: Offer, other_id: int, price: int, quantity: int, aggressor: str | None) -> None:
        self.trades += 1
        self.listed[offer.symbol].last = price
        buyer, seller = (other_id, offer.id) if offer.side == "sell" else (offer.id, other_id)
        self.events.append(TradeExecuted(self.trades, offer.symbol, price, quantity, buyer, seller, aggressor))

    def sell_lot(self, auction: Offer, bid_id: int, price: int) -> None:
        self.trade_offered(auction, bid_id, price, auction.left, "buy" if auction.side == "sell" else "sell")
        self.offers.remove(auction)
        self.events.append(AuctionClosed(auction.id, price, auction.left, "sold"))

    def bid(self, c: Bid, auction: Offer) -> None:
        if auction.command.style == "dutch":
            price = self.clock_of(auction)
            self.events.append(BidPlaced(c.bid_id, auction.id, price))
            self.sell_lot(auction, c.bid_id, price)
            return
        auction.best = c
        self.events.append(BidPlaced(c.bid_id, auction.id, c.price))
        later = min(self.now + auction.command.extension_ns, LATEST)
        if later > auction.ends:
            auction.ends = later
            self.events.append(AuctionExtended(auction.id, later))

    # How it ends

    def close(self, offer: Offer, reason: str) -> None:
        self.offers.remove(offer)
        if offer.kind == "listing":
            self.events.append(ListingClosed(offer.id, offer.left, reason))
            for counter in self.counters_on(offer.id):
                self.close(counter, "listing_closed")
        elif offer.kind == "counter":
            self.events.append(CounterClosed(offer.id, reason))
        elif offer.kind == "auction":
            self.events.append(AuctionClosed(offer.id, None, 0, reason))
        else:
            self.events.append(ReportClosed(offer.id, reason))

    def close_each(self, offers: list[Offer], reason: str) -> None:
        for offer in sorted(offers, key=lambda o: o.id):
            if offer in self.offers:
                self.close(offer, reason)

    def end_what_is_due(self) -> None:
        while True:
            due = [o for o in self.offers if o.ends is not None and o.ends <= self.now]
            if not due:
                return
            offer = min(due, key=lambda o: (o.ends, o.id))
            if offer.kind != "auction":
                self.close(offer, "expired")
            elif self.listed[offer.symbol].phase == "halted":
                self.close(offer, "halted")
            elif offer.best is None:
                self.close(offer, "no_bids")
            else:
                reserve = offer.command.reserve_price
                if reserve is not None and self.better(offer.side, reserve, offer.best.price):
                    self.close(offer, "reserve_not_met")
                else:
                    self.sell_lot(offer, offer.best.bid_id, offer.best.price)

    def offer_fits(self, d: DefineInstrument, offer: Offer) -> bool:
        mode = {"listing": "listing", "counter": "listing", "auction": "one_way_auction", "report": "negotiated"}
        if d.mode != mode[offer.kind]:
            return False
        c = offer.command
        if not self.on_tick(d, c.price) or self.outside_band(d, c.price):
            return False
        quantities = [c.quantity, offer.left]
        if offer.kind == "listing" and c.minimum_quantity is not None:
            quantities.append(c.minimum_quantity)
        return all(q % d.lot_size == 0 for q in quantities)
