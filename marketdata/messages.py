"""What the feed is told (`MarketEvent`), what its readers ask (operations), and what they are told (answers and data
messages).

The feed learns the market from matching's own events and from `OrderOnBook`, which the roof derives from execution
reports, so that market data knows neither money nor people.

Prices are integers in fen per kilogram, quantities in kilograms, turnover in fen, time in nanoseconds since 1970 UTC.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from matching.messages import (
    MAX_INTEGER,
    AuctionUncrossed,
    InstrumentDefined,
    Integer,
    Phase,
    PhaseChanged,
    Side,
    TradeExecuted,
)

Channel = Literal[
    "book", "orders", "trades", "ticker", "candles", "auction", "lots", "status", "index", "heartbeat", "account"
]
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)

Interval = Literal["1m", "5m", "15m", "1h", "1d", "1w"]
INTERVALS: Final[tuple[Interval, ...]] = ("1m", "5m", "15m", "1h", "1d", "1w")

OfferKind = Literal["listing", "english", "dutch"]
"""A listing, or a one-way auction by rising bids or by a clock."""

Depths: Final = (25, 100, None)
"""Levels a side that a reader of a book may ask for; null is all of them."""

Rate = Literal[0, 10, 4]
"""Messages a second at most in one stream of levels, tickers or candles; 0 is real time."""

RATES: Final[tuple[Rate, ...]] = (0, 10, 4)

Kind = Literal["snapshot", "delta"]
Level = tuple[int, int, int]
"""Price, quantity, number of orders. Quantity 0 takes the level away."""

Action = Literal["add", "change", "remove"]
"""What happens to one of several that stand: it joins, it stays in its place otherwise, or it leaves."""

CandleRow = tuple[int, int, int, int, int, int]
"""Start in nanoseconds, open, high, low, close, volume."""


# What the feed is told


class OrderOnBook(Struct, frozen=True, kw_only=True, tag="order_on_book", gc=False):
    """What an order shows in the book after a command: `quantity` kilograms at `price`; 0: it shows nothing (any more).

    A command that makes an order lose its place in the queue (a price change, a new iceberg tip) says `priority_lost`;
    those that join a queue by one command come in the order in which they joined. `hidden` kilograms stand behind what
    is shown.
    """

    symbol: str
    order_id: int
    side: Side
    price: int
    quantity: int
    priority_lost: bool = False
    hidden: int = 0


class OrderAtMarket(Struct, frozen=True, kw_only=True, tag="order_at_market", gc=False):
    """A market order waits with `quantity` kilograms for an uncross; 0: it does not (any more)."""

    symbol: str
    order_id: int
    side: Side
    quantity: int


class TermsDefined(Struct, frozen=True, kw_only=True, tag="terms_defined", gc=False):
    """What of an instrument's definition bears on the price of an uncross; follows `InstrumentDefined`."""

    symbol: str
    tick_size: int
    reference_price: int | None
    band: int | None


class PhaseExplained(Struct, frozen=True, kw_only=True, tag="phase_explained", gc=False):
    """Why the instrument is in the phase that the `PhaseChanged` before has told, where the venue gives a reason."""

    symbol: str
    reason: str


class Offer(Struct, frozen=True, kw_only=True, gc=False):
    """What is offered without a book, as `LotRow` tells it to readers, but for the days that pass."""

    id: int
    kind: OfferKind
    side: Side
    price: int | None
    quantity: int
    remaining: int
    minimum: int | None
    expires_ns: int | None
    opened_ns: int | None
    start_price: int | None
    step: int | None
    interval_ns: int | None
    variety: str
    grade: str
    warehouse: str
    origin: str | None
    harvest_date: str | None
    green_until_ns: int | None
    certificate: bool | None


class LotOffered(Struct, frozen=True, kw_only=True, tag="lot_offered", gc=False):
    """An offer that stands without a book, as it is after the command; nothing remaining: it stands no more."""

    symbol: str
    offer: Offer


class TradeBusted(Struct, frozen=True, kw_only=True, tag="trade_busted", gc=False):
    """A trade of `traded_ns` has been taken back: it counts in no figure and no candle any more."""

    symbol: str
    trade_id: int
    price: int
    quantity: int
    aggressor_side: Side | None
    traded_ns: int


MarketEvent = (
    InstrumentDefined
    | TermsDefined
    | PhaseChanged
    | PhaseExplained
    | TradeExecuted
    | AuctionUncrossed
    | OrderOnBook
    | OrderAtMarket
    | LotOffered
    | TradeBusted
)


# What readers ask

MAX_ID_TEXT: Final = 64

MAX_SYMBOLS: Final = 1_024
"""Of one request."""

RequestId = Integer | Annotated[str, Meta(max_length=MAX_ID_TEXT)] | None
"""What the reader wants its answer marked with: an integer, a short text, or nothing."""

Echo = RequestId | float
"""What an error is marked with: the request's `id` also where it is another JSON scalar of sane size, so that the
reader finds his request again (`echo_of`).
"""


class Subscribe(Struct, frozen=True, kw_only=True, tag_field="op", tag="subscribe", forbid_unknown_fields=True):
    """Read a channel of some symbols from now on, or from after `resume_from`.

    `depth` goes with `book` (left out: 25; null: all levels), `interval` with `candles`; elsewhere they mean nothing.
    `rate` asks for a slower stream than the connection's own; null takes the connection's. `symbols` is a list of
    anything: one that is no symbol costs only itself.
    """

    channel: str
    symbols: Annotated[list[Any], Meta(max_length=MAX_SYMBOLS)] | None = None
    depth: int | UnsetType | None = UNSET
    interval: str | None = None
    rate: int | None = None
    resume_from: Annotated[int, Meta(ge=0)] | None = None
    id: RequestId = None


class Unsubscribe(Struct, frozen=True, kw_only=True, tag_field="op", tag="unsubscribe", forbid_unknown_fields=True):
    """Stop reading. What `subscribe` takes may be repeated here; only the channel and the symbols count."""

    channel: str
    symbols: Annotated[list[Any], Meta(max_length=MAX_SYMBOLS)] | None = None
    depth: int | None = None
    interval: str | None = None
    rate: int | None = None
    resume_from: int | None = None
    id: RequestId = None


class Ping(Struct, frozen=True, kw_only=True, tag_field="op", tag="ping", forbid_unknown_fields=True):
    """Are you there?"""

    id: RequestId = None


# What they are answered


class Subscribed(Struct, frozen=True, kw_only=True, tag_field="op", tag="subscribed"):
    """Data of these symbols follows: what came after `resume_from` where `resumed`, else a snapshot, then deltas."""

    id: RequestId
    channel: str
    symbols: list[str]
    resumed: bool
    rate: int
    depth: int | UnsetType | None = UNSET
    interval: str | UnsetType = UNSET


class Unsubscribed(Struct, frozen=True, kw_only=True, tag_field="op", tag="unsubscribed"):
    """No more data of these symbols follows."""

    id: RequestId
    channel: str
    symbols: list[str]


class Pong(Struct, frozen=True, kw_only=True, tag_field="op", tag="pong"):
    """Here I am; `time_ns` is the venue's time."""

    id: RequestId
    time_ns: int


class Error(Struct, frozen=True, kw_only=True, tag_field="op", tag="error", omit_defaults=True):
    """The request was refused for a stable `code`; `field` and `symbol` say what of it, `detail` tells a person.

    `id` is the request's. One that is no integer and no text of at most 64 characters is refused too, and repeated
    where it is a number or a truth value; a longer text, a larger integer, a list, an object comes back as null.
    `signed_out` answers no request: the session has ended, and with it the channel `account`. `retry_after_ms` stands
    where trying again helps (`busy`), and says when.
    """

    id: Echo
    code: str
    detail: str
    field: str | None = None
    symbol: str | None = None
    retry_after_ms: int | None = None


# Data messages


class DataMessage(Struct, frozen=True, kw_only=True, gc=False):
    """What all data messages have.

    `previous` is the sequence of the message before it in the same stream, null on a snapshot. Messages never hold
    each other, so the garbage collector need not look for rings of them.
    """

    channel: Channel
    symbol: str | None
    kind: Kind
    sequence: int
    previous: int | None
    time_ns: int


class BookMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """Levels best first. `checksum` is that of the best ten a side after this message (`marketdata.depth.checksum`)."""

    depth: int | None
    bids: list[Level]
    asks: list[Level]
    checksum: int


class OrderRow(Struct, frozen=True, kw_only=True, gc=False):
    """One order in the book by what it shows. `order` is the venue's number for it, which names nobody."""

    order: int
    side: Side
    price: int
    quantity: int


class OrdersSnapshot(DataMessage, frozen=True, kw_only=True, gc=False):
    """All that stands in the book: bids, then asks, best price first, in each price those who came first."""

    orders: list[OrderRow]


class OrdersMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """`add`: at the back of its price. `change`: in its place. `remove`: it is not shown any more; `quantity` is 0.

    An order that loses its place is removed and added. The first message of a command carries the sequence of the
    message before it as `previous`, the others that of their own command.
    """

    action: Action
    order: int
    side: Side
    price: int
    quantity: int


class Trade(Struct, frozen=True, kw_only=True, gc=False):
    """One trade; `aggressor_side` is null in an auction. A trade that is taken back is told again, `busted`."""

    trade_id: int
    price: int
    quantity: int
    aggressor_side: Side | None
    time_ns: int
    busted: bool = False


class TradesMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """Trades in the order in which they happened; the snapshot is the last 50."""

    trades: list[Trade]


class TickerMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """The market in one line; every message is complete. `bid` and `ask` are price and quantity, null where there is
    none.

    `open` to `vwap` are of the trading day, Asia/Shanghai; `previous_close` is the last price of the day that traded
    before it.
    """

    bid: tuple[int, int] | None
    ask: tuple[int, int] | None
    last: int | None
    open: int | None
    high: int | None
    low: int | None
    previous_close: int | None
    volume: int
    turnover_fen: int
    vwap: int | None


class CandlesMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """The candles that changed, each complete; the snapshot has all that are kept.

    Volume 0: all that traded in it was taken back; its prices are then the close before.
    """

    interval: Interval
    candles: list[CandleRow]


class AuctionMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """What an uncross would come to now: hidden kilograms and market orders count. Every message is complete.

    `price` is null, and the others 0, while nothing crosses and once the auction has ended. `surplus` is bought minus
    sold at the price.
    """

    price: int | None
    quantity: int
    surplus: int


class LotRow(Offer, frozen=True, kw_only=True, gc=False):
    """An offer that stands without a book. `remaining` kilograms can be had; `minimum`: at once, but for the last.

    `price` is a listing's, or the leading bid's of an `english` auction, null before the first; a `dutch` one's clock
    shows `start_price`, worse for its owner by `step` each `interval_ns` since `opened_ns`. What is said of goods is
    null where somebody wants some. `origin` is the town; `green_until_ns` ends their predicted green life, which is
    `green_days` whole days away at the message's time.
    """

    green_days: int | None


class LotsSnapshot(DataMessage, frozen=True, kw_only=True, gc=False):
    """All offers of the instrument that stand, by id."""

    lots: list[LotRow]


class LotsMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """One offer as it is now, or as it ended (`remove`: nothing remains). Chained as `OrdersMessage`."""

    action: Action
    lot: LotRow


class IndexMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """A code of the banana index on one trading day, complete: it takes the place of what was told of that `date`.

    `value` is hundredths of a point for `SXBI`, hundredths of a fen per kilogram for a variety, null (with `date`)
    before the first. `constituents` are `[code or symbol, weight in kilograms, price]`; `final` once a later day has
    begun; `carried` where too little traded (`docs/index.md`). `symbol` is the code. Chained as `OrdersMessage`.
    """

    value: int | None
    date: str | None
    constituents: list[tuple[str, int, int]]
    final: bool
    carried: bool


class StatusMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """The phase the instrument is in, and why where the venue gave a reason.

    `collar`: a price left the collar, an auction follows. `no_goods`: nothing is left to sell. `goods`: there is
    something to sell again. `venue_halted: …`: the venue has stopped. Null: timetable or operator.
    """

    phase: Phase
    reason: str | None


class HeartbeatMessage(DataMessage, frozen=True, kw_only=True, gc=False):
    """Each second: `[channel, symbol, last sequence]` of every stream that this connection reads."""

    streams: list[tuple[str, str | None, int]]


class AccountSnapshot(DataMessage, frozen=True, kw_only=True, gc=False):
    """One's own live orders and balances."""

    orders: list[Any]
    balances: list[Any]


class AccountMessage(DataMessage, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A change of one's own: exactly one of `order`, `fill` and `balance`."""

    order: Any = None
    fill: Any = None
    balance: Any = None


class AccountChange(Struct, frozen=True, kw_only=True):
    """What `Feed.publish_account` is given: exactly one of the three."""

    order: Any = None
    fill: Any = None
    balance: Any = None


_AT = re.compile(r"at `\$\.([^`.\[]+)")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")


def echo_of(request: Mapping[str, Any]) -> Echo:
    """What a request's error is marked with."""
    request_id = request.get("id")
    if isinstance(request_id, str):
        return request_id if len(request_id) <= MAX_ID_TEXT else None
    if isinstance(request_id, int):
        return request_id if abs(request_id) <= MAX_INTEGER else None
    if isinstance(request_id, float):
        return request_id if isfinite(request_id) else None
    return None


def refusal(request_id: Echo, error: msgspec.ValidationError) -> Error:
    """The answer to a request that msgspec would not convert; it names the field, as far as the error does."""
    text = str(error)
    if found := _UNKNOWN.search(text):
        return Error(id=request_id, code="unknown_field", detail=text, field=found[1][:64])
    if found := _MISSING.search(text):
        return Error(id=request_id, code="missing_field", detail=text, field=found[1])
    if found := _AT.search(text):
        return Error(id=request_id, code=f"invalid_{found[1]}", detail=text, field=found[1])
    return Error(id=request_id, code="invalid_message", detail=text)
