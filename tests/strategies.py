"""Tapes of market commands, from Hypothesis or from a seed.

One writer serves both: it only ever picks one of several things, and who picks is an argument. A world is kept small
on purpose (few ids, few participants, prices a few ticks around 100), so that orders meet, ids are used again and
participants trade with themselves.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

from matching import Market
from matching.messages import (
    AcceptCounter,
    AdvanceTime,
    AmendOrder,
    Bid,
    CancelOrder,
    Command,
    ConfirmTrade,
    CounterBid,
    DeclineReport,
    DefineInstrument,
    ListLot,
    MassCancel,
    OpenAuction,
    PlaceOrder,
    ReportTrade,
    SetPhase,
    TakeListing,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)

T = TypeVar("T")
Pick = Callable[[Sequence[T]], T]

SYMBOLS = ["BXJ", "GJ"]
OFFER_MODES = ["listing", "one_way_auction", "negotiated"]


class Writer:
    """Writes one tape; `pick` chooses one of a sequence."""

    def __init__(self, pick: Callable[[Sequence[Any]], Any]) -> None:
        self.pick = pick
        self.now = 0
        self.tick = pick([1, 1, 1, 5])
        self.lot = pick([1, 1, 10])
        # What kind of market this tape tells of: some never leave continuous trading, some live in auctions.
        self.busy_phases = pick([0, 1, 1, 4])
        self.plain = pick([False, False, True])
        # Some tapes tell of books, some of the modes without one.
        self.offers = pick([False, False, True])

    def often(self, common: T, rare: Sequence[T], times: int = 8) -> T:
        """Mostly `common`, now and then one of `rare`."""
        return self.pick([common] * times + list(rare))

    def opening(self, symbol: str) -> DefineInstrument:
        """A first definition, one that makes sense."""
        mode = self.often("continuous", ["call_auction"], 12)
        if self.offers:
            mode = self.pick(OFFER_MODES * 4 + ["listing"] * 4 + ["continuous"])
        phase = self.often("continuous", ["auction"], 4) if mode == "continuous" else "auction"
        if mode in OFFER_MODES:
            phase = "continuous"
        band = self.pick([None, None, None, 3, 5])
        return DefineInstrument(
            symbol,
            tick_size=self.tick,
            lot_size=self.lot,
            mode=mode,
            phase=phase,
            reference_price=self.pick([None, 100, 100]) if band is None else 100,
            band=band,
            collar=self.pick([None, None, None, 1, 2, 3]),
            protection=self.pick([None, None, None, 0, 1, 2]),
            cancel_on_halt=self.pick([False, True]),
        )

    def definition(self, symbol: str, market: Market) -> DefineInstrument:
        """Another definition, one that may make none."""
        instrument = market.instrument(symbol)
        mode = instrument.mode if self.offers and instrument is not None else "continuous"
        return DefineInstrument(
            symbol,
            tick_size=self.often(self.tick, [0, -1, 2], 5 if self.offers else 20),
            lot_size=self.often(self.lot, [0, 4], 5 if self.offers else 20),
            mode=self.often(mode, [*OFFER_MODES, "lunch"] if self.offers else ["call_auction", "lunch"], 20),
            phase=self.often("continuous", ["closed", "auction"], 8)
            if self.offers
            else self.pick(["continuous", "continuous", "auction", "closed"]),
            reference_price=self.pick([None, 100, 100, 100, 110]),
            band=self.often(None, [0, 3, 5, -1], 6),
            collar=self.often(None, [0, 2, 3, -1], 6),
            protection=self.often(None, [0, 1, 2, -1], 6),
            cancel_on_halt=self.pick([False, True]),
        )

    def symbol(self) -> str:
        if self.offers:
            return self.often(self.pick(SYMBOLS), ["NONE"], 30)
        return self.often(SYMBOLS[0], [SYMBOLS[1], SYMBOLS[1], "NONE"], 20)

    def price(self) -> int:
        steps = self.pick([-5, -4, -3, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3, 4, 5])
        return self.often(100 + steps * self.tick, [0, -5, 101, 2**53], 60)

    def quantity(self) -> int:
        return self.often(self.pick([1, 2, 3, 5, 8, 13, 20]) * self.lot, [0, -1, 7, 2**53], 60)

    def place(self, symbol: str, market: Market) -> PlaceOrder:
        live = [order.order_id for order in market.orders()]
        order_id = self.often(
            self.pick([number for number in range(1, 100 + len(live)) if number not in live]), live[:1], 12
        )
        participant_id = self.pick([1, 2, 3, 4, 5])
        side = self.pick(["buy", "sell"])
        quantity = self.quantity()
        if self.plain:
            return PlaceOrder(order_id, participant_id, symbol, side, quantity, price=self.price())
        kind = self.pick(["limit"] * 10 + ["market", "market", "stop", "stop", "stop_limit", "stop_limit"])
        time_in_force = self.pick(
            ["gtc"] * 12 + ["day", "gtd", "gtd", "ioc", "ioc", "fok", "fok", "opening", "closing"]
        )
        priced = kind in ("limit", "stop_limit")
        stopped = kind in ("stop", "stop_limit")
        rests = priced and time_in_force not in ("ioc", "fok")
        return PlaceOrder(
            order_id,
            participant_id,
            symbol,
            side,
            quantity,
            kind=kind,
            price=self.price() if self.often(priced, [not priced], 40) else None,
            stop_price=self.price() if self.often(stopped, [not stopped], 40) else None,
            time_in_force=time_in_force,
            expires_ns=self.now + self.pick([-1, 0, 1, 2, 5, 10])
            if self.often(time_in_force == "gtd", [time_in_force != "gtd"], 40)
            else None,
            display_quantity=self.pick([1, 2, 3, 7]) * self.lot if rests and self.pick([False, False, True]) else None,
            minimum_quantity=self.pick([1, 3, 5, 10]) * self.lot
            if self.often(time_in_force == "ioc", [True], 20) and self.pick([False, True])
            else None,
            post_only=self.often(False, [rests] * 3 + [True], 16),
            self_trade=self.pick(["cancel_resting", "cancel_resting", "cancel_incoming", "cancel_both", "decrement"]),
        )

    def amend(self, order_id: int, participant_id: int) -> AmendOrder:
        return AmendOrder(
            order_id,
            participant_id,
            quantity=self.quantity() if self.pick([False, True]) else None,
            price=self.price() if self.pick([False, True]) else None,
            display_quantity=self.pick([1, 2, 5]) * self.lot if self.pick([False, False, True]) else None,
        )

    def fresh_id(self, market: Market) -> int:
        """Mostly an id that nothing live has."""
        live = [order.order_id for order in market.orders()]
        for symbol in SYMBOLS:
            live += [view.listing_id for view in market.listings(symbol)]
            live += [view.counter_id for listing in live for view in market.counters(listing)]
            for auction in market.auctions(symbol):
                live += [auction.auction_id] + ([auction.bid_id] if auction.bid_id is not None else [])
        live += [view.report_id for participant_id in range(1, 6) for view in market.reports_of(participant_id)]
        free = [number for number in range(1, 60 + len(live)) if number not in live]
        return self.often(self.pick(free), [self.pick(live)] if live else [], 15)

    def lot_id(self, sells: bool) -> int | None:
        return self.pick([5, 6, -7]) if self.often(sells, [not sells], 40) else None

    def expiry(self) -> int | None:
        return self.pick([None, self.now + self.often(self.pick([2, 5, 10, 20, 40]), [0, -1], 10)])

    def offer(self, symbol: str, market: Market) -> Command:
        """Something new, or an answer to what is there, in the mode of the instrument; now and then in another."""
        instrument = market.instrument(symbol)
        mode = self.often(instrument.mode if instrument else "listing", OFFER_MODES, 12)
        if mode == "listing":
            return self.listing(symbol, market)
        if mode == "one_way_auction":
            return self.auction(symbol, market)
        if mode == "negotiated":
            return self.report(symbol, market)
        return self.place(symbol, market)

    def listing(self, symbol: str, market: Market) -> Command:
        listings = market.listings(symbol)
        who = self.pick([1, 2, 3, 4, 5])
        id = self.fresh_id(market)
        verb = self.pick(["list"] * 4 + ["take"] * 3 + ["counter"] * 6 + ["accept", "withdraw"])
        if verb == "list" or not listings:
            side = self.pick(["sell", "sell", "buy"])
            return ListLot(
                listing_id=id,
                participant_id=who,
                symbol=symbol,
                side=side,
                quantity=self.quantity(),
                price=self.price(),
                lot_id=self.lot_id(side == "sell"),
                minimum_quantity=self.pick([None, None, 3 * self.lot, 5 * self.lot, 10 * self.lot, 1]),
                expires_ns=self.expiry(),
            )
        listing = self.pick(listings)
        listing_id = self.often(listing.listing_id, [id], 20)
        sells = listing.side == "buy"
        if verb == "take":
            quantity = self.often(self.pick([listing.remaining, self.lot, self.lot, 3 * self.lot]), [0, -1, 30], 15)
            return TakeListing(id, listing_id, who, quantity, lot_id=self.lot_id(sells))
        counters = market.counters(listing.listing_id)
        if verb == "counter" or not counters:
            return CounterBid(
                id, listing_id, who, self.quantity(), self.price(), lot_id=self.lot_id(sells), expires_ns=self.expiry()
            )
        counter = self.pick(counters)
        counter_id = self.often(counter.counter_id, [id], 20)
        if verb == "accept":
            return AcceptCounter(counter_id, self.often(listing.participant_id, [who], 8))
        if self.pick([False, True]):
            return WithdrawCounter(counter_id, self.often(counter.participant_id, [who], 8))
        return WithdrawListing(listing_id, self.often(listing.participant_id, [who], 4))

    def auction(self, symbol: str, market: Market) -> Command:
        auctions = market.auctions(symbol)
        who = self.pick([1, 2, 3, 4, 5])
        id = self.fresh_id(market)
        verb = self.pick(["open", "bid", "bid", "bid", "bid", "bid", "withdraw"])
        if verb == "open" or not auctions:
            side = self.pick(["sell", "sell", "buy"])
            style = self.pick(["english", "dutch"])
            return OpenAuction(
                auction_id=id,
                participant_id=who,
                symbol=symbol,
                side=side,
                quantity=self.quantity(),
                lot_id=self.lot_id(side == "sell"),
                style=style,
                start_price=self.price(),
                reserve_price=self.pick([None, self.price()]),
                step=self.often(self.pick([1, 2, 3, 50]) * self.tick, [0, -1, 7], 20),
                ends_ns=self.now + self.often(self.pick([3, 5, 10, 20]), [0, 2**63 - 1 - self.now], 20),
                extension_ns=self.often(0, [1, 3, 8, -1] if style == "dutch" else [2, 5, 8, 2**63 - 1, -1], 4),
                interval_ns=self.pick([1, 2, 3]) if self.often(style == "dutch", [style != "dutch"], 30) else None,
            )
        auction = self.pick(auctions)
        if verb == "withdraw":
            return WithdrawAuction(
                self.often(auction.auction_id, [id], 12), self.often(auction.participant_id, [who], 8)
            )
        better = 1 if auction.side == "sell" else -1
        asked = auction.start_price if auction.price is None else auction.price + auction.step * better
        price = self.pick([asked, asked, asked + better * self.tick, self.price()])
        if auction.style == "dutch":
            price = self.pick([None, asked, auction.price, (auction.price or 0) - better * self.tick])
        return Bid(
            id,
            self.often(auction.auction_id, [id], 20),
            who,
            price=self.often(price, [None], 20),
            lot_id=self.lot_id(auction.side == "buy"),
        )

    def report(self, symbol: str, market: Market) -> Command:
        who = self.pick([1, 2, 3, 4, 5])
        reports = market.reports_of(who)
        id = self.fresh_id(market)
        verb = self.pick(["report", "report", "confirm", "confirm", "withdraw", "decline"])
        if verb == "report" or not reports:
            return ReportTrade(
                report_id=id,
                participant_id=who,
                counterparty_id=self.pick([1, 2, 3, 4, 5]),
                symbol=symbol,
                side=self.pick(["buy", "sell"]),
                quantity=self.quantity(),
                price=self.price(),
                lot_id=self.pick([None, 5]),
                expires_ns=self.now + self.often(self.pick([2, 5, 10, 40]), [0, -1], 12),
            )
        report = self.pick(reports)
        report_id = self.often(report.report_id, [id], 12)
        if verb == "confirm":
            return ConfirmTrade(id, report_id, self.often(report.counterparty_id, [who, 9], 6))
        if verb == "withdraw":
            return WithdrawReport(report_id, self.often(report.participant_id, [who], 2))
        return DeclineReport(report_id, self.often(report.counterparty_id, [who], 2))

    def mass_cancel(self) -> MassCancel:
        return MassCancel(
            self.pick([1, 2, 3, 4, 5]),
            symbol=self.pick([None, SYMBOLS[0], SYMBOLS[1], "NONE"]),
            side=self.pick([None, "buy", "sell"]),
        )

    def advance(self) -> AdvanceTime:
        step = self.pick([0, 1, 2, 3, -1])
        self.now = max(self.now, self.now + step)
        return AdvanceTime(self.now + min(step, 0))

    def command(self, market: Market) -> Command:
        """The next command; it looks at the market so that cancels hit and nothing stays closed for long."""
        symbol = self.symbol()
        instrument = market.instrument(symbol)
        weights = [8] * 60 + [0] * 6 + [1] * 10 + [2] + [3] * 3 + [4] * (2 * self.busy_phases) + [5]
        if self.offers:
            weights = [8] * 60 + [0, 1, 2] + [3] * 6 + [4] * (2 + self.busy_phases) + [5]
        if instrument is not None and instrument.phase in ("closed", "halted"):
            weights += [4] * 15 + [5] * (15 if self.offers else 5)
        verb = self.pick(weights)
        if verb == 0 or verb == 1:
            owners = {order.order_id: order.participant_id for order in market.orders()}
            order_id = self.pick(list(owners) or [1])
            participant_id = self.often(owners.get(order_id, 1), [9], 10)
            if verb == 0:
                return CancelOrder(order_id, participant_id)
            return self.amend(order_id, participant_id)
        if verb == 2:
            return self.mass_cancel()
        if verb == 3:
            return self.advance()
        if verb == 4:
            phase = self.pick(["continuous"] * 4 + ["auction"] * 3 + ["closed", "closed", "halted"])
            if self.offers:
                phase = self.pick(["continuous"] * 5 + ["closed", "closed", "closed", "halted", "halted", "auction"])
            return SetPhase(symbol, phase)
        if verb == 5:
            return self.definition(symbol, market)
        if self.often(self.offers, [not self.offers], 60):
            return self.offer(symbol, market)
        return self.place(symbol, market)


def from_seed(seed: int) -> Writer:
    """The writer of the tape with this number."""
    return Writer(Random(seed).choice)


def from_hypothesis(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Writer:
    """A writer whose picks Hypothesis makes, and shrinks."""
    return Writer(lambda options: draw(st.sampled_from(options)))
