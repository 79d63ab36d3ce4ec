"""The state of a market as bytes: canonical, so that equal states are equal bytes and can be hashed.

Orders stand in the order of their queues, so the links between them need not be written. MessagePack, arrays without
field names; a field that a later release adds comes last, with a default.
"""

from typing import Final

from msgspec import Struct, msgpack
from msgspec.structs import astuple

from matching.board import Board
from matching.listing import Counter, Listing, add_counter
from matching.messages import Bid, CounterBid, DefineInstrument, ListLot, OpenAuction, Phase, PlaceOrder, ReportTrade
from matching.negotiated import Report
from matching.one_way_auction import Auction
from matching.order import Order

VERSION: Final = 1


class OrderState(Struct, frozen=True, array_like=True, gc=False):
    """A live order, and in which queue (its kind) it stands."""

    queue: int
    order_id: int
    participant_id: int
    terms: PlaceOrder
    price: int | None
    quantity: int
    remaining: int
    hidden: int
    display: int
    stamp: int


class InstrumentState(Struct, frozen=True, array_like=True):
    definition: DefineInstrument
    phase: Phase
    last_price: int | None
    orders: list[OrderState]


class ListingState(Struct, frozen=True, array_like=True, tag="listing"):
    """A live listing with its counter-bids, ascending id."""

    terms: ListLot
    remaining: int
    counters: list[CounterBid]


class AuctionState(Struct, frozen=True, array_like=True, tag="auction"):
    """A live one-way auction and its leading bid."""

    terms: OpenAuction
    opened_ns: int
    ends_ns: int
    best: Bid | None


class ReportState(Struct, frozen=True, array_like=True, tag="report"):
    terms: ReportTrade


OfferState = ListingState | AuctionState | ReportState


class MarketState(Struct, frozen=True, array_like=True):
    version: int
    now_ns: int
    stamp: int
    trade_id: int
    instruments: list[InstrumentState]
    offers: list[OfferState] = []


def encode(state: MarketState) -> bytes:
    """Without offers the list of them is left out: such a market's bytes are those from before there were any."""
    return msgpack.encode(state if state.offers else astuple(state)[:-1])


def decode(data: bytes) -> MarketState:
    """Raises `msgspec.MsgspecError` on bytes that are no state, ValueError on another version's."""
    state = msgpack.decode(data, type=MarketState)
    if state.version != VERSION:
        raise ValueError(f"market state version {state.version}, this release reads {VERSION}")
    return state


def state_of(order: Order) -> OrderState:
    """The live order as it is kept. O(1)."""
    queue = order.queue
    assert queue is not None
    return OrderState(
        queue.kind,
        order.order_id,
        order.participant_id,
        order.terms,
        order.price,
        order.quantity,
        order.remaining,
        order.hidden,
        order.display,
        order.stamp,
    )


def offers_on(board: Board) -> list[OfferState]:
    """All live offers as they are kept, ascending id, counter-bids within their listing. O(offers log offers)."""
    kept: list[OfferState] = []
    for _, offer in sorted(board.live.items()):
        if isinstance(offer, Listing):
            counters = [counter.terms for _, counter in sorted(offer.counters.items())]
            kept.append(ListingState(offer.terms, offer.remaining, counters))
        elif isinstance(offer, Auction):
            assert offer.deadline_ns is not None
            kept.append(AuctionState(offer.terms, offer.opened_ns, offer.deadline_ns, offer.best))
        elif isinstance(offer, Report):
            kept.append(ReportState(offer.terms))
        else:
            assert isinstance(offer, Counter | Bid), "kept within its listing, or its auction"
    return kept


def put_back(kept: OfferState, board: Board) -> None:
    """Make the offer live again as it was kept. O(log offers)."""
    instrument = board.instrument(kept.terms.symbol)
    if isinstance(kept, ListingState):
        listing = Listing(kept.terms, instrument)
        listing.remaining = kept.remaining
        board.post(listing)
        for terms in kept.counters:
            board.post(add_counter(listing, terms))
    elif isinstance(kept, AuctionState):
        auction = Auction(kept.terms, instrument, kept.opened_ns)
        auction.deadline_ns = kept.ends_ns
        board.post(auction)
        if kept.best is not None:
            auction.lead(board, kept.best)
    else:
        board.post(Report(kept.terms, instrument))
