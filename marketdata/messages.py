"""What the feed is told (`MarketEvent`), and what it tells (`marketdata/feed.py` frames it).

The feed learns the market from matching's own events and from `OrderOnBook`, which the roof derives from execution
reports, so that market data knows neither money nor people.
"""

from msgspec import Struct

from matching.messages import (
    AuctionUncrossed,
    InstrumentDefined,
    PhaseChanged,
    Side,
    TradeExecuted,
)


class OrderOnBook(Struct, frozen=True, kw_only=True, tag="order_on_book", gc=False):
    """What an order shows in the book after a command: `quantity` kilograms at `price`; 0: it shows nothing (any more).

    A command that makes an order lose its place in the queue (a price change, a new iceberg tip) says `priority_lost`.
    """

    symbol: str
    order_id: int
    side: Side
    price: int
    quantity: int
    priority_lost: bool = False


MarketEvent = InstrumentDefined | PhaseChanged | TradeExecuted | AuctionUncrossed | OrderOnBook
