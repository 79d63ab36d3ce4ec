"""The state of a market as bytes: canonical, so that equal states are equal bytes and can be hashed.

Orders stand in the order of their queues, so the links between them need not be written. MessagePack, arrays without
field names; a field that a later release adds comes last, with a default.
"""

from typing import Final

from msgspec import Struct, msgpack

from matching.messages import DefineInstrument, Phase, PlaceOrder
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


class MarketState(Struct, frozen=True, array_like=True):
    version: int
    now_ns: int
    stamp: int
    trade_id: int
    instruments: list[InstrumentState]


def encode(state: MarketState) -> bytes:
    return msgpack.encode(state)


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
