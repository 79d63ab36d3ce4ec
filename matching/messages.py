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


Command = DefineInstrument | PlaceOrder | CancelOrder | AmendOrder | MassCancel | SetPhase | AdvanceTime


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
    """`trade_id` counts 1, 2, 3 … over all instruments; `aggressor_side` is null in an auction."""

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


Event = (
    InstrumentDefined
    | OrderAccepted
    | OrderRejected
    | CancelRejected
    | AmendRejected
    | CommandRejected
    | TradeExecuted
    | OrderCancelled
    | OrderAmended
    | StopTriggered
    | SelfTradePrevented
    | PhaseChanged
    | AuctionUncrossed
)
