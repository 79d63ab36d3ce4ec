"""The mode `listing` (挂牌/摘牌): someone lists a lot, or a want, at a price; another takes that listing.

Nothing crosses by itself. A taker takes the whole or a part, first come, first served; who would rather pay another
price answers with a counter-bid, which all may see and the lister may accept.
"""

from typing import assert_never

from matching.board import OTHER_SIDE, Board, Offer, misfits
from matching.instrument import SIDES, Instrument
from matching.messages import (
    MAX_INTEGER,
    MAX_TIME_NS,
    AcceptanceRejected,
    AcceptCounter,
    CounterBid,
    CounterClosed,
    CounterPlaced,
    CounterRejected,
    Event,
    ListingClosed,
    ListingCommand,
    ListingOpened,
    ListingRejected,
    ListLot,
    Rejection,
    Side,
    TakeListing,
    TakeRejected,
    TradeExecuted,
    WithdrawalRejected,
    WithdrawCounter,
    WithdrawListing,
)


class Listing(Offer):
    """A live listing: `terms` as it was listed, `remaining` as nobody has taken it, and its counter-bids by id."""

    __slots__ = ("counters", "remaining", "terms")

    def __init__(self, terms: ListLot, instrument: Instrument) -> None:
        super().__init__(terms.listing_id, terms.participant_id, instrument, terms.side, terms.expires_ns)
        self.terms = terms
        self.remaining = terms.quantity
        self.counters: dict[int, Counter] = {}

    def close(self, board: Board, reason: str, events: list[Event]) -> None:
        """Its counter-bids close after it, in ascending id."""
        board.remove(self)
        events.append(ListingClosed(self.id, self.remaining, reason))
        for counter_id in sorted(self.counters):
            self.counters[counter_id].close(board, "listing_closed", events)

    def ends_with_day(self) -> bool:
        """Without a time of its own a listing is good for the day."""
        return self.deadline_ns is None

    def misfits(self) -> bool:
        terms = self.terms
        quantities = (terms.quantity, self.remaining, terms.minimum_quantity or 0)
        return misfits(self.instrument, "listing", terms.price, *quantities)

    def audit(self) -> None:
        assert 0 < self.remaining <= self.terms.quantity
        assert (self.terms.lot_id is None) == (self.side == "buy")
        assert all(counter.id == counter_id for counter_id, counter in self.counters.items())


class Counter(Offer):
    """A live counter-bid; it goes when its listing does."""

    __slots__ = ("listing", "terms")

    def __init__(self, terms: CounterBid, listing: Listing) -> None:
        side = OTHER_SIDE[listing.side]
        super().__init__(terms.counter_id, terms.participant_id, listing.instrument, side, terms.expires_ns)
        self.terms = terms
        self.listing = listing

    def close(self, board: Board, reason: str, events: list[Event]) -> None:
        board.remove(self)
        del self.listing.counters[self.id]
        events.append(CounterClosed(self.id, reason))

    def misfits(self) -> bool:
        return misfits(self.instrument, "listing", self.terms.price, self.terms.quantity)

    def audit(self) -> None:
        assert self.listing.counters[self.id] is self
        assert self.participant_id != self.listing.participant_id
        assert (self.terms.lot_id is None) == (self.side == "buy")


def refuse(command: ListingCommand, board: Board, now_ns: int) -> str | None:
    """The first reason for which the command cannot be done, or None. O(1)."""
    match command:
        case ListLot():
            return _refuse_listing(command, board, now_ns)
        case TakeListing():
            return _refuse_take(command, board)
        case CounterBid():
            return _refuse_counter(command, board, now_ns)
        case AcceptCounter():
            counter = board.find(Counter, command.counter_id)
            if counter is None or counter.listing.participant_id != command.participant_id:
                return "unknown_counter"
            return None if counter.instrument.phase == "continuous" else "wrong_phase"
        case WithdrawListing():
            listing = board.find(Listing, command.listing_id)
            return None if listing and listing.participant_id == command.participant_id else "unknown_listing"
        case WithdrawCounter():
            counter = board.find(Counter, command.counter_id)
            return None if counter and counter.participant_id == command.participant_id else "unknown_counter"
    assert_never(command)


def rejection(command: ListingCommand, reason: str) -> Rejection:
    match command:
        case ListLot():
            return ListingRejected(command.listing_id, reason)
        case TakeListing():
            return TakeRejected(command.take_id, reason)
        case CounterBid():
            return CounterRejected(command.counter_id, reason)
        case AcceptCounter():
            return AcceptanceRejected(command.counter_id, reason)
        case WithdrawListing():
            return WithdrawalRejected("withdraw_listing", command.listing_id, reason)
        case WithdrawCounter():
            return WithdrawalRejected("withdraw_counter", command.counter_id, reason)
    assert_never(command)


def run(command: ListingCommand, board: Board) -> list[Event]:
    """Do what `refuse` has nothing against. O(log offers), and the counter-bids of a listing that closes."""
    match command:
        case ListLot():
            board.post(Listing(command, board.instrument(command.symbol)))
            return [ListingOpened(command.listing_id, command.symbol)]
        case TakeListing():
            return _take(command, board)
        case CounterBid():
            listing = board.find(Listing, command.listing_id)
            assert listing is not None
            board.post(add_counter(listing, command))
            return [CounterPlaced(command.counter_id, command.listing_id)]
        case AcceptCounter():
            return _accept(command, board)
        case WithdrawListing():
            return board.close(command.listing_id, "requested")
        case WithdrawCounter():
            return board.close(command.counter_id, "requested")
    assert_never(command)


def add_counter(listing: Listing, terms: CounterBid) -> Counter:
    """The counter-bid, hung on its listing and not yet on the board."""
    counter = listing.counters[terms.counter_id] = Counter(terms, listing)
    return counter


def _refuse_listing(command: ListLot, board: Board, now_ns: int) -> str | None:
    reason = board.refuse_new(command.symbol, command.listing_id, "listing")
    if reason is not None:
        return reason
    instrument = board.instrument(command.symbol)
    if command.side not in SIDES:
        return "invalid_side"
    if not instrument.on_lot(command.quantity, MAX_INTEGER):
        return "invalid_quantity"
    if not instrument.on_tick(command.price):
        return "invalid_price"
    if (command.lot_id is None) != (command.side == "buy"):
        return "invalid_lot_id"
    minimum = command.minimum_quantity
    if minimum is not None and not instrument.on_lot(minimum, command.quantity):
        return "invalid_minimum_quantity"
    if command.expires_ns is not None and not now_ns < command.expires_ns <= MAX_TIME_NS:
        return "invalid_expires_ns"
    return None if instrument.in_band(command.price) else "outside_band"


def _refuse_take(command: TakeListing, board: Board) -> str | None:
    listing = board.find(Listing, command.listing_id)
    if listing is None:
        return "unknown_listing"
    reason = board.refuse_answer(listing, command.take_id)
    if reason is not None:
        return reason
    if listing.participant_id == command.participant_id:
        return "own_listing"
    quantity = command.quantity
    if not listing.instrument.on_lot(quantity, MAX_INTEGER):
        return "invalid_quantity"
    if (command.lot_id is None) != (listing.side == "sell"):
        return "invalid_lot_id"
    if quantity > listing.remaining:
        return "exceeds_listing"
    if quantity < (listing.terms.minimum_quantity or 0) and quantity < listing.remaining:
        return "below_minimum"
    return None


def _refuse_counter(command: CounterBid, board: Board, now_ns: int) -> str | None:
    listing = board.find(Listing, command.listing_id)
    if listing is None:
        return "unknown_listing"
    reason = board.refuse_answer(listing, command.counter_id)
    if reason is not None:
        return reason
    instrument = listing.instrument
    if listing.participant_id == command.participant_id:
        return "own_listing"
    if not instrument.on_lot(command.quantity, MAX_INTEGER):
        return "invalid_quantity"
    if not instrument.on_tick(command.price):
        return "invalid_price"
    if (command.lot_id is None) != (listing.side == "sell"):
        return "invalid_lot_id"
    if command.expires_ns is not None and not now_ns < command.expires_ns <= MAX_TIME_NS:
        return "invalid_expires_ns"
    return None if instrument.in_band(command.price) else "outside_band"


def _take(command: TakeListing, board: Board) -> list[Event]:
    """The taker is the aggressor, at the listing's price."""
    listing = board.find(Listing, command.listing_id)
    assert listing is not None
    aggressor = OTHER_SIDE[listing.side]
    trade = _trade(board, listing, listing.terms.price, command.quantity, command.take_id, aggressor)
    events: list[Event] = [trade]
    _close_if_taken(board, listing, events)
    return events


def _accept(command: AcceptCounter, board: Board) -> list[Event]:
    """The lister is the aggressor, at the counter-bid's price, for the smaller of both quantities."""
    counter = board.find(Counter, command.counter_id)
    assert counter is not None
    listing = counter.listing
    quantity = min(counter.terms.quantity, listing.remaining)
    events: list[Event] = [_trade(board, listing, counter.terms.price, quantity, counter.id, listing.side)]
    counter.close(board, "accepted", events)
    _close_if_taken(board, listing, events)
    return events


def _trade(board: Board, listing: Listing, price: int, quantity: int, other_id: int, aggressor: Side) -> TradeExecuted:
    listing.remaining -= quantity
    buy_id, sell_id = (other_id, listing.id) if listing.side == "sell" else (listing.id, other_id)
    return board.trade(listing.instrument, price, quantity, buy_id, sell_id, aggressor)


def _close_if_taken(board: Board, listing: Listing, events: list[Event]) -> None:
    if not listing.remaining:
        listing.close(board, "taken", events)
