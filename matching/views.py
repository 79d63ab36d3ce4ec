"""What the market shows of itself to the layers above: read-only values, true at the moment they were asked for."""

from typing import Literal

from msgspec import Struct

from matching.listing import Counter, Listing
from matching.messages import Kind, Phase, Side, Style, TimeInForce
from matching.negotiated import Report
from matching.one_way_auction import Auction
from matching.order import BOOK, Order


class OrderView(Struct, frozen=True, gc=False):
    """A live order.

    `quantity` is the total, what is filled included, so `quantity == filled + remaining`. `displayed` is the part of
    `remaining` that the book shows: all of it, or the tip of an iceberg, or 0 while the order waits unseen (a stop that
    has not triggered, a market order in an auction, an order for the close).
    """

    order_id: int
    participant_id: int
    symbol: str
    side: Side
    kind: Kind
    price: int | None
    stop_price: int | None
    time_in_force: TimeInForce
    expires_ns: int | None
    post_only: bool
    display_quantity: int | None
    quantity: int
    filled: int
    remaining: int
    displayed: int
    state: Literal["resting", "waiting"]


class InstrumentView(Struct, frozen=True, gc=False):
    """An instrument as it was defined, with the phase it is in now and its last trade price (null before the first)."""

    symbol: str
    tick_size: int
    lot_size: int
    mode: str
    phase: Phase
    reference_price: int | None
    band: int | None
    collar: int | None
    protection: int | None
    cancel_on_halt: bool
    last_price: int | None


class ListingView(Struct, frozen=True, gc=False):
    """A live listing: `quantity` was listed, `remaining` can still be taken. `lot_id` is null for a want."""

    listing_id: int
    participant_id: int
    symbol: str
    side: Side
    quantity: int
    remaining: int
    price: int
    lot_id: int | None
    minimum_quantity: int | None
    expires_ns: int | None
    counters: int


class CounterView(Struct, frozen=True, gc=False):
    """A live counter-bid; `side` is the bidder's, `lot_id` the goods of one who sells."""

    counter_id: int
    listing_id: int
    participant_id: int
    symbol: str
    side: Side
    quantity: int
    price: int
    lot_id: int | None
    expires_ns: int | None


class AuctionView(Struct, frozen=True, gc=False):
    """A live auction. `side` is that of who opened it.

    `price` is the leading bid's (null before the first), or what a Dutch clock shows now. The reserve is not shown.
    `bid_lot_id` names the goods of a leading bid that sells.
    """

    auction_id: int
    participant_id: int
    symbol: str
    side: Side
    quantity: int
    lot_id: int | None
    style: Style
    start_price: int
    step: int
    opened_ns: int
    ends_ns: int
    extension_ns: int
    interval_ns: int | None
    price: int | None
    bid_id: int | None
    bidder_id: int | None
    bid_lot_id: int | None


class ReportView(Struct, frozen=True, gc=False):
    """A reported trade that its counterparty has not answered; `side` is the reporter's."""

    report_id: int
    participant_id: int
    counterparty_id: int
    symbol: str
    side: Side
    quantity: int
    price: int
    lot_id: int | None
    expires_ns: int


def view_of(order: Order) -> OrderView:
    """The live order as it is now. O(1)."""
    terms = order.terms
    queue = order.queue
    assert queue is not None
    resting = queue.kind == BOOK
    return OrderView(
        order_id=order.order_id,
        participant_id=order.participant_id,
        symbol=terms.symbol,
        side=terms.side,
        kind=terms.kind,
        price=order.price,
        stop_price=terms.stop_price,
        time_in_force=terms.time_in_force,
        expires_ns=terms.expires_ns,
        post_only=terms.post_only,
        display_quantity=order.display or None,
        quantity=order.quantity,
        filled=order.quantity - order.remaining,
        remaining=order.remaining,
        displayed=order.remaining - order.hidden if resting else 0,
        state="resting" if resting else "waiting",
    )


def listing_view(listing: Listing) -> ListingView:
    """O(1)."""
    terms = listing.terms
    return ListingView(
        listing_id=listing.id,
        participant_id=listing.participant_id,
        symbol=terms.symbol,
        side=terms.side,
        quantity=terms.quantity,
        remaining=listing.remaining,
        price=terms.price,
        lot_id=terms.lot_id,
        minimum_quantity=terms.minimum_quantity,
        expires_ns=terms.expires_ns,
        counters=len(listing.counters),
    )


def counter_view(counter: Counter) -> CounterView:
    """O(1)."""
    terms = counter.terms
    return CounterView(
        counter_id=counter.id,
        listing_id=terms.listing_id,
        participant_id=counter.participant_id,
        symbol=counter.instrument.symbol,
        side=counter.side,
        quantity=terms.quantity,
        price=terms.price,
        lot_id=terms.lot_id,
        expires_ns=terms.expires_ns,
    )


def auction_view(auction: Auction, now_ns: int) -> AuctionView:
    """O(1)."""
    terms = auction.terms
    best = auction.best
    price = None if best is None else best.price
    assert auction.deadline_ns is not None
    return AuctionView(
        auction_id=auction.id,
        participant_id=auction.participant_id,
        symbol=terms.symbol,
        side=terms.side,
        quantity=terms.quantity,
        lot_id=terms.lot_id,
        style=terms.style,
        start_price=terms.start_price,
        step=terms.step,
        opened_ns=auction.opened_ns,
        ends_ns=auction.deadline_ns,
        extension_ns=terms.extension_ns,
        interval_ns=terms.interval_ns,
        price=auction.clock(now_ns) if terms.style == "dutch" else price,
        bid_id=None if best is None else best.bid_id,
        bidder_id=None if best is None else best.participant_id,
        bid_lot_id=None if best is None else best.lot_id,
    )


def report_view(report: Report) -> ReportView:
    """O(1)."""
    terms = report.terms
    return ReportView(
        report_id=report.id,
        participant_id=terms.participant_id,
        counterparty_id=terms.counterparty_id,
        symbol=terms.symbol,
        side=terms.side,
        quantity=terms.quantity,
        price=terms.price,
        lot_id=terms.lot_id,
        expires_ns=terms.expires_ns,
    )
