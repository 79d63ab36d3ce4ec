"""Orders and what trades without a book, with their reservations; trades, their settlement and their busts."""

from typing import Annotated, Literal

from msgspec import Meta

from matching.messages import Integer, Kind, SelfTrade, Side, Style, TimeInForce, TimeNs
from settlement.messages.common import Message, PositiveInteger, Text

OrderStatus = Literal["accepted", "resting", "partly_filled", "filled", "cancelled", "rejected", "expired"]
Via = Literal["order", "listing", "take", "counter", "auction", "bid", "report", "confirmation"]
MAXIMUM_LOTS_PER_ORDER = 100
ClientOrderId = Annotated[str, Meta(min_length=1, max_length=64)]


class EnterOrder(Message, frozen=True, kw_only=True, tag="enter_order"):
    """An order as a participant sends it: matching's `place_order` less the `order_id`, which the engine gives.

    `lots` (sells only) are the receipts to be delivered, in that order; null: oldest harvest first, then receipt
    number. Whether a quantity or a price makes sense is not looked at here: the market refuses with its own reasons.
    """

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    symbol: str
    side: Side
    quantity: Integer
    kind: Kind = "limit"
    price: Integer | None = None
    stop_price: Integer | None = None
    time_in_force: TimeInForce = "gtc"
    expires_ns: TimeNs | None = None
    display_quantity: Integer | None = None
    minimum_quantity: Integer | None = None
    post_only: bool = False
    self_trade: SelfTrade = "cancel_resting"
    lots: tuple[Integer, ...] | None = None


class EnterListing(Message, frozen=True, kw_only=True, tag="enter_listing"):
    """Matching's `list_lot`: a lot at a price (挂牌), or a want (`buy`). `receipt_id` is the seller's receipt, of which
    the quantity is reserved; a buyer names none, and his money is.
    """

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    symbol: str
    side: Side = "sell"
    quantity: Integer
    price: Integer
    receipt_id: Integer | None = None
    minimum_quantity: Integer | None = None
    expires_ns: TimeNs | None = None


class EnterTake(Message, frozen=True, kw_only=True, tag="enter_take"):
    """Take of a listing at its price (摘牌); who takes a want names the receipt that he delivers."""

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    listing_id: PositiveInteger
    quantity: Integer
    receipt_id: Integer | None = None


class EnterCounter(Message, frozen=True, kw_only=True, tag="enter_counter"):
    """Answer a listing with another price; what it needs is reserved while it stands."""

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    listing_id: PositiveInteger
    quantity: Integer
    price: Integer
    receipt_id: Integer | None = None
    expires_ns: TimeNs | None = None


class EnterAuction(Message, frozen=True, kw_only=True, tag="enter_auction"):
    """Open a one-way auction (单向竞价) of part of a receipt, or for a want (`buy`)."""

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    symbol: str
    side: Side = "sell"
    quantity: Integer
    receipt_id: Integer | None = None
    style: Style
    start_price: Integer
    reserve_price: Integer | None = None
    step: Integer
    ends_ns: TimeNs
    extension_ns: TimeNs = 0
    interval_ns: TimeNs | None = None


class EnterBid(Message, frozen=True, kw_only=True, tag="enter_bid"):
    """Bid in an auction; in a Dutch one the price may be left out. Who bids to sell names his receipt."""

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    auction_id: PositiveInteger
    price: Integer | None = None
    receipt_id: Integer | None = None


class EnterReport(Message, frozen=True, kw_only=True, tag="enter_report"):
    """Report a trade agreed with `counterparty_id` (协议). A seller may name a receipt; null: oldest harvest first."""

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    counterparty_id: PositiveInteger
    symbol: str
    side: Side
    quantity: Integer
    price: Integer
    receipt_id: Integer | None = None
    expires_ns: TimeNs


class EnterConfirmation(Message, frozen=True, kw_only=True, tag="enter_confirmation"):
    """Confirm a reported trade, which then is one. A seller may name the receipt; null: oldest harvest first."""

    participant_id: PositiveInteger
    client_order_id: ClientOrderId
    report_id: PositiveInteger
    receipt_id: Integer | None = None


EnterOffer = EnterListing | EnterTake | EnterCounter | EnterAuction | EnterBid | EnterReport | EnterConfirmation
"""What trades without a book. Each is given an `order_id` and reported like an order, its way told by `via`."""


class BustTrade(Message, frozen=True, kw_only=True, tag="bust_trade"):
    """An operator takes a trade back: the same goods, the price and both fees return. `reason` is told to both sides.

    Refused: `unknown_trade`, `too_old` (see `settlement.busts`), `already_busted`, `under_contract`, `goods_moved`,
    `funds_moved`.
    """

    operator_id: PositiveInteger
    trade_id: PositiveInteger
    reason: Text


class LotsDelivered(Message, frozen=True, kw_only=False, tag="lots_delivered"):
    """The seller's receipts that a trade consumed: `(receipt_id, kilograms)` in the order of the reservation."""

    trade_id: int
    lots: tuple[tuple[int, int], ...]


class TradeSettled(Message, frozen=True, kw_only=False, tag="trade_settled"):
    """Delivery against payment of one trade: cash, fees and title moved together in the `ledger_posted` beside it.

    `lots` are `(seller's receipt_id, buyer's new receipt_id, kilograms)`. `amount_fen` is price times quantity, paid
    by the buyer on top of `buyer_fee_fen`; the seller receives it less `seller_fee_fen` and `storage_fen`, which his
    goods had cost until then.

    With a `contract_id` the trade has led to that contract: only the fees and both sides' earnest money have moved, and
    the new receipts are the seller's own, set aside.
    """

    trade_id: int
    symbol: str
    price: int
    quantity: int
    aggressor_side: Side | None
    buy_order_id: int
    sell_order_id: int
    buyer_id: int
    seller_id: int
    amount_fen: int
    buyer_fee_fen: int
    seller_fee_fen: int
    lots: tuple[tuple[int, int, int], ...]
    storage_fen: int = 0
    contract_id: int | None = None


class TradeBusted(Message, frozen=True, kw_only=True, tag="trade_busted"):
    """A trade, settled by the command `traded_sequence`, was taken back; the `ledger_posted` beside it returned the
    price, both fees and the goods.

    `lots` are `(buyer's receipt_id, seller's new receipt_id, kilograms)`. The orders stay as they were.
    """

    trade: TradeSettled
    traded_sequence: int
    traded_ns: int
    operator_id: int
    reason: str
    lots: tuple[tuple[int, int, int], ...]


class ExecutionReport(Message, frozen=True, kw_only=False, tag="execution_report"):
    """An order as it stands after the command named by `sequence`: sent once, last, for each order that the command
    touched.

    Live orders show what they show in the book as `displayed` kilograms (0 for waiting and for ended ones). The HTTP
    order is this report less `participant_id` and `displayed`.

    `remaining` is what still lives: 0 once the order has ended. `lots` are the kilograms of receipts that a live sell
    holds, in the order of delivery.

    `via` is the way in which it trades: by the book, or without one. `offer_id` is then the listing, auction or report
    that a take or counter-bid, a bid or a confirmation answers. What stands outside a book displays nothing in one.
    """

    order_id: int
    client_order_id: str
    participant_id: int
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
    displayed: int = 0
    expires_ns: int | None = None
    display_quantity: int | None = None
    minimum_quantity: int | None = None
    post_only: bool = False
    lots: tuple[tuple[int, int], ...] | None = None
    via: Via = "order"
    offer_id: int | None = None


class OrderRepeated(Message, frozen=True, kw_only=True, tag="order_repeated"):
    """The `client_order_id` is known. With the same content the first answer, given by the command `first_sequence`,
    holds.
    """

    participant_id: int
    client_order_id: str
    order_id: int
    first_sequence: int
    same_content: bool
