"""What the matching floor hears and says: commands are imperative, events past tense.

Every message is a Struct tagged by `type` in snake_case. Prices are integers in fen per kilogram, quantities integers
in kilograms, time integers in nanoseconds since 1970 UTC. The types refuse what is no command at all (a wrong type, an
unknown field, a word that is not listed, an integer too large for a browser to show); what is a command but breaks a
rule of the market (a quantity of 0, a price off the tick) is refused by an event that says why.

The contract that these types spell out is section 1 of the public face of the exchange.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

MAX_INTEGER: Final = 2**53 - 1
"""The largest id, price and quantity: what a browser can show without loss."""

MAX_TIME_NS: Final = 2**63 - 1
"""The largest time, in the year 2262: what a database column holds."""

Integer = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
"""An id, price or quantity as it may arrive; whether zero or a negative makes sense is for the market to say."""

TimeNs = Annotated[int, Meta(ge=-MAX_TIME_NS, le=MAX_TIME_NS)]

Side = Literal["buy", "sell"]
Kind = Literal["limit", "market", "stop", "stop_limit"]
TimeInForce = Literal["gtc", "day", "gtd", "ioc", "fok", "opening", "closing"]
Phase = Literal["closed", "auction", "continuous", "halted"]
SelfTrade = Literal["cancel_resting", "cancel_incoming", "cancel_both", "decrement"]
Style = Literal["english", "dutch"]


def _snake_case(name: str) -> str:
    """`PlaceOrder` is `place_order` on the wire."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class Message(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag=_snake_case):
    """The common shape. Messages hold integers and texts only, so the garbage collector need not look at them."""


# Commands


class DefineInstrument(Message, frozen=True):
    """Make `symbol` tradable, or define it anew while it is closed."""

    symbol: str
    tick_size: Integer = 1
    lot_size: Integer = 1
    # Not a Literal: an undefined mode is a refusal (`invalid_mode`), since modes are added by later releases.
    mode: str = "continuous"
    phase: Phase = "continuous"
    reference_price: Integer | None = None
    band: Integer | None = None
    collar: Integer | None = None
    protection: Integer | None = None
    cancel_on_halt: bool = False


class PlaceOrder(Message, frozen=True):
    order_id: Integer
    participant_id: Integer
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


class CancelOrder(Message, frozen=True):
    order_id: Integer
    participant_id: Integer


class AmendOrder(Message, frozen=True):
    """Null leaves a field as it is. `quantity` is the total, what is filled included."""

    order_id: Integer
    participant_id: Integer
    quantity: Integer | None = None
    price: Integer | None = None
    display_quantity: Integer | None = None


class MassCancel(Message, frozen=True):
    """Null means all symbols, or both sides. Waiting orders are cancelled too."""

    participant_id: Integer
    symbol: str | None = None
    side: Side | None = None


class SetPhase(Message, frozen=True):
    symbol: str
    phase: Phase


class AdvanceTime(Message, frozen=True):
    time_ns: TimeNs


# Commands of the mode `listing`


class ListLot(Message, frozen=True, kw_only=True):
    """Offer a lot at a price, or a want (`buy`). `lot_id` names the goods: who sells says it, who buys cannot."""

    listing_id: Integer
    participant_id: Integer
    symbol: str
    side: Side = "sell"
    quantity: Integer
    price: Integer
    lot_id: Integer | None = None
    minimum_quantity: Integer | None = None
    expires_ns: TimeNs | None = None


class TakeListing(Message, frozen=True):
    """Take of that listing at its price. `lot_id` names the goods of someone who takes a want."""

    take_id: Integer
    listing_id: Integer
    participant_id: Integer
    quantity: Integer
    lot_id: Integer | None = None


class WithdrawListing(Message, frozen=True):
    listing_id: Integer
    participant_id: Integer


class CounterBid(Message, frozen=True):
    """Answer a listing with another price, for its lister to accept. `lot_id` as in `take_listing`."""

    counter_id: Integer
    listing_id: Integer
    participant_id: Integer
    quantity: Integer
    price: Integer
    lot_id: Integer | None = None
    expires_ns: TimeNs | None = None


class AcceptCounter(Message, frozen=True):
    """`participant_id` is the lister."""

    counter_id: Integer
    participant_id: Integer


class WithdrawCounter(Message, frozen=True):
    counter_id: Integer
    participant_id: Integer


# Commands of the mode `one_way_auction`


class OpenAuction(Message, frozen=True, kw_only=True):
    """Auction one lot, to buyers (`sell`) or, a want, to sellers (`buy`); everything turns round for the latter."""

    auction_id: Integer
    participant_id: Integer
    symbol: str
    side: Side = "sell"
    quantity: Integer
    lot_id: Integer | None = None
    style: Style
    start_price: Integer
    reserve_price: Integer | None = None
    step: Integer
    ends_ns: TimeNs
    extension_ns: TimeNs = 0
    interval_ns: TimeNs | None = None


class Bid(Message, frozen=True):
    """`price` is what an English bid offers; a Dutch one may leave it out, or say the worst price it would take.

    `lot_id` names the goods of someone who bids to sell.
    """

    bid_id: Integer
    auction_id: Integer
    participant_id: Integer
    price: Integer | None = None
    lot_id: Integer | None = None


class WithdrawAuction(Message, frozen=True):
    auction_id: Integer
    participant_id: Integer


# Commands of the mode `negotiated`


class ReportTrade(Message, frozen=True, kw_only=True):
    """Report a trade agreed with `counterparty_id`, who is to confirm it. `side` is the reporter's."""

    report_id: Integer
    participant_id: Integer
    counterparty_id: Integer
    symbol: str
    side: Side
    quantity: Integer
    price: Integer
    lot_id: Integer | None = None
    expires_ns: TimeNs


class ConfirmTrade(Message, frozen=True):
    """`participant_id` is the counterparty that the report names."""

    confirm_id: Integer
    report_id: Integer
    participant_id: Integer


class WithdrawReport(Message, frozen=True):
    """By the one who reported."""

    report_id: Integer
    participant_id: Integer


class DeclineReport(Message, frozen=True):
    """By the counterparty that the report names."""

    report_id: Integer
    participant_id: Integer


BookCommand = PlaceOrder | CancelOrder | AmendOrder
ListingCommand = ListLot | TakeListing | WithdrawListing | CounterBid | AcceptCounter | WithdrawCounter
AuctionCommand = OpenAuction | Bid | WithdrawAuction
ReportCommand = ReportTrade | ConfirmTrade | WithdrawReport | DeclineReport

Command = (
    DefineInstrument
    | BookCommand
    | ListingCommand
    | AuctionCommand
    | ReportCommand
    | MassCancel
    | SetPhase
    | AdvanceTime
)


# Events


class InstrumentDefined(Message, frozen=True):
    symbol: str


class OrderAccepted(Message, frozen=True):
    order_id: int
    symbol: str


class OrderRejected(Message, frozen=True):
    order_id: int
    reason: str


class CancelRejected(Message, frozen=True):
    order_id: int
    reason: str


class AmendRejected(Message, frozen=True):
    order_id: int
    reason: str


class CommandRejected(Message, frozen=True):
    """`command` is the refused command's type; `symbol` is null where it names none."""

    command: str
    symbol: str | None
    reason: str


class TradeExecuted(Message, frozen=True):
    """`trade_id` counts 1, 2, 3 … over all instruments.

    In the modes without a book the two ids are those of listing and take, listing and counter-bid, auction and bid, or
    report and confirmation. `aggressor_side` is null where a call auction or a negotiation made the trade.
    """

    trade_id: int
    symbol: str
    price: int
    quantity: int
    buy_order_id: int
    sell_order_id: int
    aggressor_side: Side | None


class OrderCancelled(Message, frozen=True):
    """`quantity` is what was cancelled: the remainder, hidden part included."""

    order_id: int
    quantity: int
    reason: str


class OrderAmended(Message, frozen=True):
    """`quantity` is the new total; `price` is null for an order that has none."""

    order_id: int
    quantity: int
    price: int | None
    priority_kept: bool


class StopTriggered(Message, frozen=True):
    order_id: int


class SelfTradePrevented(Message, frozen=True):
    """`quantity` is the smaller of the two remaining quantities, hidden parts included."""

    buy_order_id: int
    sell_order_id: int
    quantity: int


class PhaseChanged(Message, frozen=True):
    symbol: str
    phase: Phase


class AuctionUncrossed(Message, frozen=True):
    """`price` is null, and the quantities zero, if nothing crossed; `surplus` is bought minus sold at the price."""

    symbol: str
    price: int | None
    quantity: int
    surplus: int


# Events of the mode `listing`


class ListingOpened(Message, frozen=True):
    listing_id: int
    symbol: str


class ListingRejected(Message, frozen=True):
    listing_id: int
    reason: str


class TakeRejected(Message, frozen=True):
    take_id: int
    reason: str


class CounterPlaced(Message, frozen=True):
    counter_id: int
    listing_id: int


class CounterRejected(Message, frozen=True):
    """Answers `counter_bid`."""

    counter_id: int
    reason: str


class AcceptanceRejected(Message, frozen=True):
    """Answers `accept_counter`; the counter-bid stands as it did."""

    counter_id: int
    reason: str


class WithdrawalRejected(Message, frozen=True):
    """Answers every command that withdraws or declines something; `id` is what `command`, its type, named."""

    command: str
    id: int
    reason: str


class ListingClosed(Message, frozen=True):
    """`quantity` is what nobody took."""

    listing_id: int
    quantity: int
    reason: str


class CounterClosed(Message, frozen=True):
    counter_id: int
    reason: str


# Events of the mode `one_way_auction`


class AuctionOpened(Message, frozen=True):
    auction_id: int
    symbol: str


class AuctionRejected(Message, frozen=True):
    auction_id: int
    reason: str


class BidPlaced(Message, frozen=True):
    """The best bid from now on; the one before it has ended. `price` is the clock's in a Dutch auction."""

    bid_id: int
    auction_id: int
    price: int


class BidRejected(Message, frozen=True):
    bid_id: int
    reason: str


class AuctionExtended(Message, frozen=True):
    auction_id: int
    ends_ns: int


class AuctionClosed(Message, frozen=True):
    """The price and quantity that were sold; null and zero if nothing was. The best bid has ended either way."""

    auction_id: int
    price: int | None
    quantity: int
    reason: str


# Events of the mode `negotiated`


class TradeReported(Message, frozen=True):
    report_id: int
    symbol: str


class ReportRejected(Message, frozen=True):
    report_id: int
    reason: str


class ConfirmRejected(Message, frozen=True):
    """The report stands as it did."""

    confirm_id: int
    reason: str


class ReportClosed(Message, frozen=True):
    report_id: int
    reason: str


Rejection = (
    OrderRejected
    | CancelRejected
    | AmendRejected
    | CommandRejected
    | ListingRejected
    | TakeRejected
    | CounterRejected
    | AcceptanceRejected
    | WithdrawalRejected
    | AuctionRejected
    | BidRejected
    | ReportRejected
    | ConfirmRejected
)
"""What answers a refused command: one of these, alone."""

Event = (
    InstrumentDefined
    | OrderAccepted
    | TradeExecuted
    | OrderCancelled
    | OrderAmended
    | StopTriggered
    | SelfTradePrevented
    | PhaseChanged
    | AuctionUncrossed
    | ListingOpened
    | ListingClosed
    | CounterPlaced
    | CounterClosed
    | AuctionOpened
    | BidPlaced
    | AuctionExtended
    | AuctionClosed
    | TradeReported
    | ReportClosed
    | Rejection
)
