"""The mode `one_way_auction` (单向竞价): one lot, one seller and many who bid to buy it, or one buyer and many who bid
to sell it to him, until a time that is known.

    english   bids rise (a buyer's fall) by a step at least; the best at the end has the lot, if it reaches the reserve
    dutch     a clock's price falls (a buyer's rises) step by step; the first bid has the lot at the clock's price
"""

from typing import assert_never

from matching.board import OTHER_SIDE, Board, Offer, misfits
from matching.instrument import SIDES, Instrument
from matching.messages import (
    MAX_INTEGER,
    MAX_TIME_NS,
    AuctionClosed,
    AuctionCommand,
    AuctionExtended,
    AuctionOpened,
    AuctionRejected,
    Bid,
    BidPlaced,
    BidRejected,
    Event,
    OpenAuction,
    Rejection,
    WithdrawalRejected,
    WithdrawAuction,
)

STYLES = ("english", "dutch")


class Auction(Offer):
    """A live auction: `terms` as it was opened, `best` the leading bid of an English one.

    The leading bid is live too: its id is taken until another leads or the auction ends. A Dutch auction ends with its
    first bid and never has one. `deadline_ns` is the end, late bids counted in.
    """

    __slots__ = ("best", "opened_ns", "terms")

    def __init__(self, terms: OpenAuction, instrument: Instrument, opened_ns: int) -> None:
        super().__init__(terms.auction_id, terms.participant_id, instrument, terms.side, terms.ends_ns)
        self.terms = terms
        self.opened_ns = opened_ns
        self.best: Bid | None = None

    def worse(self, price: int, than: int) -> bool:
        """Whether a price is worse for who opened the auction: a seller's is lower, a buyer's higher."""
        return price < than if self.side == "sell" else price > than

    def better_by(self, price: int, amount: int) -> int:
        """The price that is better by this much for who opened the auction."""
        return price + amount if self.side == "sell" else price - amount

    def asked(self) -> int:
        """The worst price that the next English bid may offer."""
        if self.best is None:
            return self.terms.start_price
        assert self.best.price is not None
        return self.better_by(self.best.price, self.terms.step)

    def clock(self, now_ns: int) -> int:
        """A Dutch auction's price now: a step worse each interval; it stops at the reserve, or the band's end."""
        terms = self.terms
        assert terms.interval_ns is not None
        price = self.better_by(terms.start_price, -terms.step * ((now_ns - self.opened_ns) // terms.interval_ns))
        limits = [_last_price(self.instrument, terms.side)]
        if terms.reserve_price is not None:
            limits.append(terms.reserve_price)
        return max(price, *limits) if self.side == "sell" else min(price, *limits)

    def lead(self, board: Board, bid: Bid) -> None:
        """From now on this bid is the best one; the one before it has ended."""
        if self.best is not None:
            del board.live[self.best.bid_id]
        self.best = bid
        board.live[bid.bid_id] = bid

    def end(self, board: Board) -> None:
        """Auction and leading bid are live no more."""
        board.remove(self)
        if self.best is not None:
            del board.live[self.best.bid_id]

    def close(self, board: Board, reason: str, events: list[Event]) -> None:
        self.end(board)
        events.append(AuctionClosed(self.id, None, 0, reason))

    def fall_due(self, board: Board, events: list[Event]) -> None:
        """The end: sold to the best bid, if there is one that reaches the reserve. Nothing is sold in a halt."""
        best = self.best
        reserve = self.terms.reserve_price
        if self.instrument.phase == "halted":
            self.close(board, "halted", events)
        elif best is None:
            self.close(board, "no_bids", events)
        else:
            assert best.price is not None
            if reserve is not None and self.worse(best.price, reserve):
                self.close(board, "reserve_not_met", events)
            else:
                self.sell(board, best.bid_id, best.price, events)

    def sell(self, board: Board, bid_id: int, price: int, events: list[Event]) -> None:
        """The whole lot changes hands; the bidder is the aggressor."""
        self.end(board)
        quantity = self.terms.quantity
        buy_id, sell_id = (bid_id, self.id) if self.side == "sell" else (self.id, bid_id)
        events.append(board.trade(self.instrument, price, quantity, buy_id, sell_id, OTHER_SIDE[self.side]))
        events.append(AuctionClosed(self.id, price, quantity, "sold"))

    def withdrawable(self) -> bool:
        """Nobody takes an auction back that someone has bid in."""
        return self.best is None

    def ends_with_day(self) -> bool:
        return True

    def misfits(self) -> bool:
        return misfits(self.instrument, "one_way_auction", self.terms.start_price, self.terms.quantity)

    def audit(self) -> None:
        assert (self.terms.lot_id is None) == (self.side == "buy")
        assert self.terms.style == "english" or self.best is None
        if self.best is not None:
            assert self.best.auction_id == self.id
            assert self.best.participant_id != self.participant_id
            assert self.best.price is not None
            assert not self.worse(self.best.price, self.terms.start_price)


def refuse(command: AuctionCommand, board: Board, now_ns: int) -> str | None:
    """The first reason for which the command cannot be done, or None. O(1)."""
    match command:
        case OpenAuction():
            return _refuse_auction(command, board, now_ns)
        case Bid():
            return _refuse_bid(command, board, now_ns)
        case WithdrawAuction():
            auction = board.find(Auction, command.auction_id)
            if auction is None or auction.participant_id != command.participant_id:
                return "unknown_auction"
            return None if auction.withdrawable() else "has_bids"
    assert_never(command)


def rejection(command: AuctionCommand, reason: str) -> Rejection:
    match command:
        case OpenAuction():
            return AuctionRejected(command.auction_id, reason)
        case Bid():
            return BidRejected(command.bid_id, reason)
        case WithdrawAuction():
            return WithdrawalRejected("withdraw_auction", command.auction_id, reason)
    assert_never(command)


def run(command: AuctionCommand, board: Board, now_ns: int) -> list[Event]:
    """Do what `refuse` has nothing against. O(log offers)."""
    match command:
        case OpenAuction():
            board.post(Auction(command, board.instrument(command.symbol), now_ns))
            return [AuctionOpened(command.auction_id, command.symbol)]
        case Bid():
            return _bid(command, board, now_ns)
        case WithdrawAuction():
            return board.close(command.auction_id, "requested")
    assert_never(command)


def _refuse_auction(command: OpenAuction, board: Board, now_ns: int) -> str | None:
    reason = board.refuse_new(command.symbol, command.auction_id, "one_way_auction")
    if reason is not None:
        return reason
    instrument = board.instrument(command.symbol)
    start = command.start_price
    reserve = command.reserve_price
    dutch = command.style == "dutch"
    if command.side not in SIDES:
        return "invalid_side"
    if not instrument.on_lot(command.quantity, MAX_INTEGER):
        return "invalid_quantity"
    if (command.lot_id is None) != (command.side == "buy"):
        return "invalid_lot_id"
    if command.style not in STYLES:
        return "invalid_style"
    if not instrument.on_tick(start):
        return "invalid_start_price"
    if reserve is not None:
        if not instrument.on_tick(reserve):
            return "invalid_reserve_price"
        # A clock that starts beyond its reserve would have nowhere to go.
        if dutch and (reserve > start if command.side == "sell" else reserve < start):
            return "invalid_reserve_price"
    if not instrument.on_tick(command.step):
        return "invalid_step"
    if not now_ns < command.ends_ns <= MAX_TIME_NS:
        return "invalid_ends_ns"
    if not 0 <= command.extension_ns <= (0 if dutch else MAX_TIME_NS):
        return "invalid_extension_ns"
    if (command.interval_ns is not None) != dutch:
        return "invalid_interval_ns"
    if command.interval_ns is not None and not 0 < command.interval_ns <= MAX_TIME_NS:
        return "invalid_interval_ns"
    if not instrument.in_band(start) or (reserve is not None and not instrument.in_band(reserve)):
        return "outside_band"
    return None


def _refuse_bid(command: Bid, board: Board, now_ns: int) -> str | None:
    auction = board.find(Auction, command.auction_id)
    if auction is None:
        return "unknown_auction"
    reason = board.refuse_answer(auction, command.bid_id)
    if reason is not None:
        return reason
    if auction.participant_id == command.participant_id:
        return "own_auction"
    english = auction.terms.style == "english"
    price = command.price
    if (price is None and english) or (price is not None and not auction.instrument.on_tick(price)):
        return "invalid_price"
    if (command.lot_id is None) != (auction.side == "sell"):
        return "invalid_lot_id"
    if price is None:
        return None
    if not auction.instrument.in_band(price):
        return "outside_band"
    if english:
        return "below_step" if auction.worse(price, auction.asked()) else None
    return "clock_not_reached" if auction.worse(price, auction.clock(now_ns)) else None


def _bid(command: Bid, board: Board, now_ns: int) -> list[Event]:
    auction = board.find(Auction, command.auction_id)
    assert auction is not None
    if auction.terms.style == "dutch":
        price = auction.clock(now_ns)
        events: list[Event] = [BidPlaced(command.bid_id, auction.id, price)]
        auction.sell(board, command.bid_id, price, events)
        return events
    assert command.price is not None
    auction.lead(board, command)
    events = [BidPlaced(command.bid_id, auction.id, command.price)]
    ends_ns = min(now_ns + auction.terms.extension_ns, MAX_TIME_NS)
    assert auction.deadline_ns is not None
    if ends_ns > auction.deadline_ns:
        board.postpone(auction, ends_ns)
        events.append(AuctionExtended(auction.id, ends_ns))
    return events


def _last_price(instrument: Instrument, side: str) -> int:
    """The last price on tick and in the band that a seller's clock falls to, or a buyer's rises to."""
    tick = instrument.tick_size
    return -(-instrument.floor // tick) * tick if side == "sell" else instrument.ceiling // tick * tick
