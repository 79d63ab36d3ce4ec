"""Commands and events of the venue beyond matching: people, money, lots, receipts, orders with their reservations.

Commands are imperative, events past tense; all are frozen Structs tagged by `type`. Money is integer fen (`_fen`),
goods are integer grams (`_g`) except an order's `quantity`, which is kilograms, time is nanoseconds since 1970 UTC
(`_ns`), civil dates are ISO text (`2026-11-23`). Every field that is journaled keeps its name and meaning for ever;
new ones come with defaults.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from matching.messages import Integer, Kind, SelfTrade, Side, Style, TimeInForce, TimeNs

Role = Literal["trader", "grower", "warehouse", "analyst", "operator"]
Grade = Literal["E", "1", "2"]
Profile = Literal["open", "cn-spot"]
OrderStatus = Literal["accepted", "resting", "partly_filled", "filled", "cancelled", "rejected", "expired"]
Via = Literal["order", "listing", "take", "counter", "auction", "bid", "report", "confirmation"]
LotStatus = Literal["announced", "weighed", "inspected", "receipted", "refused"]
ReceiptState = Literal["issued", "split", "expired", "delivery_ordered", "delivered"]
ReceiptCause = Literal["issued", "transferred", "expired", "delivery_ordered", "delivered", "returned"]

MAXIMUM_INTEGER = 2**53 - 1
MAXIMUM_MONEY_FEN = 2**63 - 1
MAXIMUM_TEXT = 200
MAXIMUM_LOTS_PER_ORDER = 100

PositiveInteger = Annotated[int, Meta(ge=1, le=MAXIMUM_INTEGER)]
Natural = Annotated[int, Meta(ge=0, le=MAXIMUM_INTEGER)]
Text = Annotated[str, Meta(min_length=1, max_length=MAXIMUM_TEXT)]
ClientOrderId = Annotated[str, Meta(min_length=1, max_length=64)]
CivilDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]

CASH = "CNY"
"""The one currency; every other asset is a symbol's goods, in grams."""


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What all messages share: immutable, named fields, no unknown ones.

    What every order or trade brings may be made by position too: naming each field takes the interpreter seven times
    as long.
    """


# --- values that messages carry -------------------------------------------------------------------


class Variety(Message, frozen=True, kw_only=True):
    """A banana variety and how long it stays green at 14 °C in air (DOMAIN: two to four weeks)."""

    code: Annotated[str, Meta(pattern=r"^[A-Z]{2,4}$")]
    name_zh: Text
    name_en: Text
    green_life_days: Annotated[int, Meta(ge=1, le=90)]


class Warehouse(Message, frozen=True, kw_only=True):
    """A cold store that may issue receipts."""

    code: Annotated[str, Meta(pattern=r"^[A-Z]{2,3}\d{1,2}$")]
    name_zh: Text
    name_en: Text


class Receipt(Message, frozen=True, kw_only=False):
    """A warehouse receipt (GB/T 30332-2024) as it stands: title to `weight_g` of one lot in one warehouse.

    `reserved_g` belongs to offers in the book and is 1,000 g for each of their kilograms. A fill splits a receipt:
    the buyer's part is a new receipt whose `parent_receipt_id` is the seller's; a parent that has nothing left is
    `split`.
    """

    receipt_id: int
    lot_id: int
    participant_id: int
    symbol: str
    warehouse: str
    weight_g: int
    harvest_date: CivilDate
    issued_ns: int
    expires_ns: int
    parent_receipt_id: int | None = None
    reserved_g: int = 0
    state: ReceiptState = "issued"
    issued_by: int = 0


class Transfer(Message, frozen=True, kw_only=False):
    """One posting of the double-entry ledger: `amount` of `asset` leaves the debit account and reaches the credit
    account.

    `amount` is fen where `asset` is `CNY`, else grams of the lot `LOT-<lot_id>`. Accounts are `participant:<id>`, or
    the venue's own: `bank` (custody, the other side of deposits), `fees`, `warehouse:<code>` (the other side of
    stock).
    """

    transfer_id: int
    asset: str
    debit: str
    credit: str
    amount: int


class Lot(Message, frozen=True, kw_only=True):
    """A grower's lot as announced, and what the warehouse has found so far. `symbol` is what it would trade as."""

    lot_id: int
    participant_id: int
    variety: str
    grade: Grade
    warehouse: str
    harvest_date: CivilDate
    cartons: int
    weight_g: int
    town: str
    village: str
    certificate_number: str | None = None
    status: LotStatus = "announced"
    symbol: str
    announced_ns: int
    gross_g: int | None = None
    tare_g: int | None = None
    net_g: int | None = None
    scale_id: str | None = None
    inspected_grade: Grade | None = None
    colour_stage: int | None = None
    defect_permille: int | None = None
    temperature_dc: int | None = None
    reason: str | None = None
    receipt_id: int | None = None


# --- commands -------------------------------------------------------------------------------------


class ConfigureVenue(Message, frozen=True, kw_only=True, tag="configure_venue"):
    """The venue's choices that decide money or goods; the first command of every journal, and again whenever they
    change.
    """

    profile: Profile = "open"
    fee_rate_ppm: Annotated[int, Meta(ge=0, le=1_000_000)]
    fee_minimum_fen: Annotated[int, Meta(ge=0, le=MAXIMUM_INTEGER)]
    warehouses: tuple[Warehouse, ...]
    varieties: tuple[Variety, ...]


class RegisterParticipant(Message, frozen=True, kw_only=True, tag="register_participant"):
    """A new participant; `obliged` sellers must name a compliance certificate on each lot (MARA Order 2025-4)."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    display_name: Text
    roles: tuple[Role, ...]
    obliged: bool = False


class Deposit(Message, frozen=True, kw_only=True, tag="deposit"):
    """Money that the bank has received for a participant; `reference` is the bank's and is taken once."""

    participant_id: PositiveInteger
    amount_fen: PositiveInteger
    reference: Text


class AnnounceLot(Message, frozen=True, kw_only=True, tag="announce_lot"):
    """A grower announces a lot that is on its way to a warehouse; the weight is what the grower declares."""

    participant_id: PositiveInteger
    variety: str
    grade: Grade
    warehouse: str
    harvest_date: CivilDate
    cartons: PositiveInteger
    weight_g: PositiveInteger
    town: Text
    village: Text
    certificate_number: Text | None = None


class WeighLot(Message, frozen=True, kw_only=True, tag="weigh_lot"):
    """The warehouse weighs: net is gross less tare."""

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    gross_g: PositiveInteger
    tare_g: Natural
    scale_id: Text


class InspectLot(Message, frozen=True, kw_only=True, tag="inspect_lot"):
    """The warehouse grades: the found grade decides the symbol; defects above the grade's tolerance are refused.

    `defect_permille` is the share by weight outside the grade (GB/T 9827: Extra 5 %, I and II 10 %), `temperature_dc`
    tenths of a degree Celsius in the pulp, `colour_stage` 1 (all green) to 7 (flecked).
    """

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    grade: Grade
    colour_stage: Annotated[int, Meta(ge=1, le=7)]
    defect_permille: Annotated[int, Meta(ge=0, le=1000)] = 0
    temperature_dc: Annotated[int, Meta(ge=-500, le=600)] = 140


class IssueReceipt(Message, frozen=True, kw_only=True, tag="issue_receipt"):
    """The depository issues the receipt for a weighed and graded lot; it is title, the note of intake is not."""

    operator_id: PositiveInteger
    lot_id: PositiveInteger


class OrderDelivery(Message, frozen=True, kw_only=True, tag="order_delivery"):
    """The holder asks for the goods of a whole receipt; it can no longer be sold."""

    participant_id: PositiveInteger
    receipt_id: PositiveInteger


class LoadOut(Message, frozen=True, kw_only=True, tag="load_out"):
    """The warehouse hands the goods of a receipt whose delivery was ordered over to its holder: the receipt ends."""

    operator_id: PositiveInteger
    receipt_id: PositiveInteger


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

    Refused: `unknown_trade`, `too_old` (see `settlement.busts`), `already_busted`, `goods_moved`, `funds_moved`.
    """

    operator_id: PositiveInteger
    trade_id: PositiveInteger
    reason: Text


class AdjustCash(Message, frozen=True, kw_only=True, tag="adjust_cash"):
    """An operator moves money from one participant to another: the remedy where a trade cannot be taken back.

    `reference` is the operator's and is taken once. Refused: `unknown_participant`, `same_participant`,
    `duplicate_reference`, `insufficient_funds` (beyond what the payer has free).
    """

    operator_id: PositiveInteger
    debit_id: PositiveInteger
    credit_id: PositiveInteger
    amount_fen: PositiveInteger
    reference: Text
    reason: Text


# --- events ---------------------------------------------------------------------------------------


class RequestRefused(Message, frozen=True, kw_only=True, tag="request_refused"):
    """A command of this module that the rules refuse: nothing changed. `field` is the one at fault, where there is
    one.
    """

    command: str
    reason: str
    field: str | None = None
    detail: str = ""


class VenueConfigured(Message, frozen=True, kw_only=True, tag="venue_configured"):
    profile: Profile
    fee_rate_ppm: int
    fee_minimum_fen: int
    warehouses: tuple[Warehouse, ...]
    varieties: tuple[Variety, ...]


class ParticipantRegistered(Message, frozen=True, kw_only=True, tag="participant_registered"):
    participant_id: int
    name: str
    display_name: str
    roles: tuple[Role, ...]
    obliged: bool = False


class CashDeposited(Message, frozen=True, kw_only=True, tag="cash_deposited"):
    participant_id: int
    amount_fen: int
    reference: str


class LotChanged(Message, frozen=True, kw_only=True, tag="lot_changed"):
    """The lot as it stands after the command."""

    lot: Lot


class ReceiptChanged(Message, frozen=True, kw_only=False, tag="receipt_changed"):
    """The receipt as it stands after the command, and what happened to it. Reservations alone do not send it."""

    cause: ReceiptCause
    receipt: Receipt


class LedgerPosted(Message, frozen=True, kw_only=False, tag="ledger_posted"):
    """Linked transfers: all of them or none.

    `reference_id` is the trade, the lot or the receipt that caused them; deposits count 1, 2, 3 …, and so do
    adjustments.
    """

    cause: Literal["deposit", "trade", "intake", "load_out", "bust", "adjustment"]
    reference_id: int
    transfers: tuple[Transfer, ...]


class BalanceChanged(Message, frozen=True, kw_only=False, tag="balance_changed"):
    """A participant's holding of an asset (`CNY` in fen, or a symbol in grams) after the command that touched it.

    `total` is what the ledger says is his. `reserved` is the part of it that he cannot spend or offer: what his orders
    hold, and the goods on receipts that are ordered out or expired.
    """

    participant_id: int
    asset: str
    total: int
    reserved: int


class LotsDelivered(Message, frozen=True, kw_only=False, tag="lots_delivered"):
    """The seller's receipts that a trade consumed: `(receipt_id, kilograms)` in the order of the reservation."""

    trade_id: int
    lots: tuple[tuple[int, int], ...]


class TradeSettled(Message, frozen=True, kw_only=False, tag="trade_settled"):
    """Delivery against payment of one trade: cash, fees and title moved together in the `ledger_posted` beside it.

    `lots` are `(seller's receipt_id, buyer's new receipt_id, kilograms)`. `amount_fen` is price times quantity, paid
    by the buyer on top of `buyer_fee_fen`; the seller receives it less `seller_fee_fen`.
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


class CashAdjusted(Message, frozen=True, kw_only=True, tag="cash_adjusted"):
    """Money that an operator moved from one participant (`debit_id`) to another."""

    operator_id: int
    debit_id: int
    credit_id: int
    amount_fen: int
    reference: str
    reason: str


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


SettlementCommand = (
    ConfigureVenue
    | RegisterParticipant
    | Deposit
    | AnnounceLot
    | WeighLot
    | InspectLot
    | IssueReceipt
    | OrderDelivery
    | LoadOut
    | EnterOrder
    | EnterOffer
    | BustTrade
    | AdjustCash
)
SettlementEvent = (
    RequestRefused
    | VenueConfigured
    | ParticipantRegistered
    | CashDeposited
    | LotChanged
    | ReceiptChanged
    | LedgerPosted
    | BalanceChanged
    | LotsDelivered
    | TradeSettled
    | ExecutionReport
    | OrderRepeated
    | TradeBusted
    | CashAdjusted
)
