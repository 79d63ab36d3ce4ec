"""What the market shows of itself to the layers above: read-only values, true at the moment they were asked for."""

from typing import Literal

from msgspec import Struct

from matching.messages import Kind, Phase, Side, TimeInForce
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
