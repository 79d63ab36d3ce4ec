"""What belongs to one participant, as he is shown it: his orders and his balances, over HTTP and on the feed.

Nothing here needs a web server: the follower keeps the same views in its snapshots.
"""

from operator import attrgetter
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from matching.messages import Kind, Side, TimeInForce
from settlement.messages import CASH, ExecutionReport, OrderStatus, Via


class Order(Struct, frozen=True):
    """An order as it stands after the command `sequence`. Prices in fen per kilogram, quantities in kilograms."""

    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    kind: Kind
    price: int | None
    stop_price: int | None
    quantity: int
    filled: int
    remaining: int
    time_in_force: TimeInForce
    status: OrderStatus
    reason: str | None
    traded_fen: int
    fee_fen: int
    sequence: int
    time_ns: int
    expires_ns: int | None
    display_quantity: int | None
    minimum_quantity: int | None
    post_only: bool
    lots: tuple[tuple[int, int], ...] | None
    via: Annotated[Via, Meta(description="The way in which it trades: by the book (`order`), or without one.")]
    offer_id: Annotated[
        int | None, Meta(description="The listing, auction or report that a take, counter-bid, bid or so answers.")
    ]


class Balance(Struct, frozen=True):
    """A holding: money in fen, or an instrument's goods in grams. `available` is `total` less what orders reserve."""

    asset: Annotated[str, Meta(description="`CNY` or a symbol.", examples=["CNY"])]
    unit: Literal["fen", "g"]
    total: int
    available: int
    reserved: int
    total_kg: Annotated[int | None, Meta(description="Whole kilograms; null for money.")]
    available_kg: int | None
    reserved_kg: int | None


def order_of(report: ExecutionReport) -> Order:
    """The report as the public face shows it."""
    return Order(*_fields_of(report))


_fields_of: Final = attrgetter(*Order.__struct_fields__)
"""Of a report, by the names that it shares with what is shown; all at once, which takes half as long."""


def balance_of(asset: str, total: int, reserved: int) -> Balance:
    """A holding with what is derived from it; kilograms are rounded down."""
    available = total - reserved
    if asset == CASH:
        return Balance(
            asset=asset,
            unit="fen",
            total=total,
            available=available,
            reserved=reserved,
            total_kg=None,
            available_kg=None,
            reserved_kg=None,
        )
    return Balance(
        asset=asset,
        unit="g",
        total=total,
        available=available,
        reserved=reserved,
        total_kg=total // 1000,
        available_kg=available // 1000,
        reserved_kg=reserved // 1000,
    )
