"""Goods on their way out: delivery orders, load-out slots, weigh-outs, hand-overs, and deliveries that fail."""

from typing import Annotated, Literal

from msgspec import Meta

from matching.messages import TimeNs
from settlement.messages.common import MAXIMUM_INTEGER, Message, Natural, PositiveInteger, Text

DAY_SECONDS = 86_400
MAXIMUM_SLOTS = 24
"""Grid slots in one booking at most."""

DockCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,8}$")]
Permille = Annotated[int, Meta(ge=0, le=1_000)]
CodeSalt = Annotated[str, Meta(pattern=r"^[0-9a-f]{16,64}$")]
CodeDigest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hex: see `settlement.hand_over_codes`."""

DeliveryState = Literal[
    "ordered",
    "loading",
    "loaded",
    "handed_over",
    "accepted",
    "cancelled",
    "failed",
    "buying_in",
    "made_good",
]
DeliveryCause = Literal[
    "ordered",
    "slot_booked",
    "slot_moved",
    "slot_cancelled",
    "slot_missed",
    "slot_used",
    "weighed_out",
    "load_voided",
    "code_renewed",
    "wrong_code",
    "handed_over",
    "accepted",
    "accepted_by_time",
    "cancelled",
    "failed",
    "failure_dismissed",
    "buy_in_started",
    "made_good",
]
SlotState = Literal["booked", "cancelled", "missed", "used"]
LoadState = Literal["weighed", "handed_over", "voided"]
FailureCause = Literal["missing", "spoiled", "refused", "held", "expired"]


class Dock(Message, frozen=True, kw_only=True):
    """Where trucks of a warehouse are loaded, one at a time: open each local day from `opens_s` to `closes_s`, seconds
    after midnight, in slots of `slot_seconds` counted from the opening. A slot is enough for `capacity_kg`.
    """

    warehouse: Annotated[str, Meta(pattern=r"^[A-Z]{2,3}\d{1,2}$")]
    code: DockCode
    opens_s: Annotated[int, Meta(ge=0, lt=DAY_SECONDS)]
    closes_s: Annotated[int, Meta(ge=1, le=DAY_SECONDS)]
    slot_seconds: Annotated[int, Meta(ge=60, le=DAY_SECONDS)]
    capacity_kg: Annotated[int, Meta(ge=1, le=1_000_000)]


class DeliveryTerms(Message, frozen=True, kw_only=True):
    """The venue's choices about deliveries.

    A truck may carry `tolerance_permille` of the order more than what was left of it: scales differ. The last truck may
    leave `wastage_permille` of the order unloaded as wastage where the warehouse's tariff states no standard (DOMAIN:
    about 5 % in three weeks). A slot is missed `slot_grace_seconds` after its end. A hand-over code stands
    `code_tries` wrong ones. What was handed over is accepted after `acceptance_hours` without a word.

    A buy-in pays at most `buy_in_cap_permille` above the price that the goods had, tries `buy_in_attempts` times, each
    `buy_in_interval_seconds` after the one before, and settles what it could not buy in money,
    `cash_premium_permille` above that price.
    """

    tolerance_permille: Permille = 5
    wastage_permille: Permille = 50
    slot_grace_seconds: Annotated[int, Meta(ge=0, le=DAY_SECONDS)] = 1_800
    code_tries: Annotated[int, Meta(ge=1, le=20)] = 5
    acceptance_hours: Annotated[int, Meta(ge=1, le=720)] = 24
    buy_in_cap_permille: Permille = 200
    buy_in_attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    buy_in_interval_seconds: Annotated[int, Meta(ge=60, le=7 * DAY_SECONDS)] = DAY_SECONDS
    cash_premium_permille: Permille = 100


class Slot(Message, frozen=True, kw_only=True):
    """A dock kept for a delivery from `starts_ns` to before `ends_ns`."""

    slot_id: int
    delivery_id: int
    warehouse: str
    dock: str
    starts_ns: int
    ends_ns: int
    state: SlotState = "booked"


class Load(Message, frozen=True, kw_only=True):
    """A truck on the scale: net is gross less tare. `posted_g` is what of it leaves the books, all but what the scale
    shows beyond the order. `last` closes the order; what it leaves unloaded is wastage for the stated `reason`.
    """

    load_id: int
    delivery_id: int
    ticket: str
    gross_g: int
    tare_g: int
    net_g: int
    posted_g: int
    scale_id: str
    plate: str
    carrier: str
    driver: str
    last: bool
    reason: str | None
    operator_id: int
    weighed_ns: int
    state: LoadState = "weighed"
    handed_ns: int | None = None


class DeliveryOrder(Message, frozen=True, kw_only=True):
    """An order for a receipt's goods as it stands. Its `ordered_g` are handed over, wasted, failed, or still to come.

    `loaded_g` was weighed out, handed over or about to be; `handed_g` has left. `tries_left` is null while no hand-over
    code is out, 0 when too many wrong ones were tried. Where the delivery failed, `failure` says why in one word and
    `failure_reason` in the words of who reported it; `failed_g` is then what did not come.
    """

    delivery_id: int
    receipt_id: int
    contract_id: int | None
    participant_id: int
    lot_id: int
    warehouse: str
    issued_by: int
    symbol: str
    ordered_g: int
    loaded_g: int = 0
    handed_g: int = 0
    wasted_g: int = 0
    failed_g: int = 0
    state: DeliveryState = "ordered"
    ordered_ns: int
    slot: Slot | None = None
    tries_left: int | None = None
    wastage_reason: str | None = None
    handed_ns: int | None = None
    accept_by_ns: int | None = None
    failure: FailureCause | None = None
    failure_reason: str | None = None
    reported_by: int | None = None


class BuyIn(Message, frozen=True, kw_only=True):
    """How a failed delivery is made good: `weight_g` of the same goods bought for the buyer, or their worth in money.

    Prices are fen per kilogram: `base_price` is what the goods had cost, `limit_price` what is paid at most,
    `cash_price` what is paid for what could not be bought. What that came to was paid `from_escrow_fen` (the buyer's
    own money that a contract held), `from_earnest_fen` and `from_cash_fen` by the defaulter, and `from_risk_fund_fen`;
    `returned_fen` of the buyer's own was not needed, and is his again. `uncovered_fen` of the money due nobody had: the
    defaulter owes it outside the venue. `reason` is why it stopped before all was made good, `contract_ended`: what
    becomes of the rest was decided with the contract.
    """

    delivery_id: int
    participant_id: int
    defaulter_id: int
    contract_id: int | None
    symbol: str
    weight_g: int
    base_price: int
    limit_price: int
    cash_price: int
    attempts: int = 0
    attempts_left: int
    next_attempt_ns: int | None = None
    bought_g: int = 0
    bought_fen: int = 0
    fee_fen: int = 0
    settled_g: int = 0
    settled_fen: int = 0
    from_escrow_fen: int = 0
    from_earnest_fen: int = 0
    from_cash_fen: int = 0
    from_risk_fund_fen: int = 0
    returned_fen: int = 0
    uncovered_fen: int = 0
    started_ns: int
    ended_ns: int | None = None
    reason: str | None = None


# Commands


class RequestDelivery(Message, frozen=True, kw_only=True, tag="request_delivery"):
    """The holder orders the goods of a receipt out, or `weight_g` of them: that part becomes a receipt of its own.

    The code's digest may come now or later (`renew_code`); the code itself is the buyer's. `reference` is the holder's
    own and taken once of him. Refused: `unknown_participant`, `duplicate_reference`, `invalid_code_digest` (without its
    salt, or the other way round), `unknown_receipt` (another's too), `receipt_pledged`, `receipt_held`,
    `receipt_expired`, `not_issued`, `receipt_reserved` (offers stand on it: cancel them first), `invalid_weight_g`
    (more than there is).
    """

    participant_id: PositiveInteger
    receipt_id: PositiveInteger
    weight_g: PositiveInteger | None = None
    code_salt: CodeSalt | None = None
    code_digest: CodeDigest | None = None
    reference: Text | None = None


class CancelDelivery(Message, frozen=True, kw_only=True, tag="cancel_delivery"):
    """The holder wants his receipt back before a truck was weighed: it can be sold again.

    Refused: `unknown_delivery` (another's too), `delivery_<state>`, `under_contract` (a contract's goods are fetched),
    `receipt_<state>`, `receipt_gone`.
    """

    participant_id: PositiveInteger
    delivery_id: PositiveInteger


class BookSlot(Message, frozen=True, kw_only=True, tag="book_slot"):
    """Keep a dock for `slots` of its slots in a row, from `starts_ns`; by the buyer or the warehouse.

    Refused: `unknown_participant`, `unknown_delivery`, `delivery_<state>`, `slot_booked` (move it), `unknown_dock`,
    `off_grid`, `outside_opening_hours`, `slot_in_past`, `receipt_gone`, `receipt_expires` (before the slot ends),
    `over_capacity`, `slot_taken`.
    """

    participant_id: PositiveInteger
    delivery_id: PositiveInteger
    dock: DockCode
    starts_ns: TimeNs
    slots: Annotated[int, Meta(ge=1, le=MAXIMUM_SLOTS)] = 1


class MoveSlot(Message, frozen=True, kw_only=True, tag="move_slot"):
    """Keep another time instead of the one that is booked, which is free again. Refused as a booking, and `no_slot`."""

    participant_id: PositiveInteger
    delivery_id: PositiveInteger
    dock: DockCode
    starts_ns: TimeNs
    slots: Annotated[int, Meta(ge=1, le=MAXIMUM_SLOTS)] = 1


class CancelSlot(Message, frozen=True, kw_only=True, tag="cancel_slot"):
    """Give a booked time back. Refused: `unknown_participant`, `unknown_delivery`, `no_slot`."""

    participant_id: PositiveInteger
    delivery_id: PositiveInteger


class WeighOut(Message, frozen=True, kw_only=True, tag="weigh_out"):
    """The warehouse weighs a loaded truck. `ticket` is the weighing's number at that scale and taken once.

    The truck whose weight reaches the order closes it, and so does one that is said to be the `last`; what the last one
    leaves unloaded needs a `reason`, which the buyer is told. Refused: `unknown_participant`, `wrong_role`,
    `duplicate_reference` (the ticket), `unknown_delivery`, `delivery_<state>`, `receipt_<state>` (whatever keeps the
    goods in), `receipt_gone` (all of it was recorded as lost), `storage_unpaid`, `no_slot`, `outside_slot`,
    `invalid_tare_g`, `over_order`, `reason_required`, `over_wastage` (more is missing than may be wasted: report the
    failure; a contract judges the weight itself).
    """

    operator_id: PositiveInteger
    delivery_id: PositiveInteger
    ticket: Text
    gross_g: PositiveInteger
    tare_g: Natural
    scale_id: Text
    plate: Text
    carrier: Text
    driver: Text
    last: bool = False
    reason: Text | None = None


class VoidLoad(Message, frozen=True, kw_only=True, tag="void_load"):
    """Take a weighing back, of a truck that was not handed over: a slip of the pen, or the driver refuses the goods.

    Refused: `unknown_participant`, `wrong_role`, `unknown_delivery`, `unknown_load`, `load_<state>`.
    """

    operator_id: PositiveInteger
    delivery_id: PositiveInteger
    load_id: PositiveInteger
    reason: Text


class RenewCode(Message, frozen=True, kw_only=True, tag="renew_code"):
    """The buyer draws another hand-over code; the one before, if any, is worth nothing any more.

    Refused: `unknown_delivery`, `delivery_<state>` (nothing is to be handed over any more).
    """

    participant_id: PositiveInteger
    delivery_id: PositiveInteger
    code_salt: CodeSalt
    code_digest: CodeDigest


class HandOver(Message, frozen=True, kw_only=True, tag="hand_over"):
    """The trucks that were weighed leave with whoever knows the buyer's code, which is then spent.

    Refused: `unknown_participant`, `wrong_role`, `unknown_delivery`, `nothing_weighed`, `receipt_<state>`,
    `receipt_gone`, `no_code` (the buyer has drawn none since the last), `code_locked`, `wrong_code`: the one refusal
    that is counted.
    """

    operator_id: PositiveInteger
    delivery_id: PositiveInteger
    code: Annotated[str, Meta(min_length=1, max_length=64)]


class AcceptDelivery(Message, frozen=True, kw_only=True, tag="accept_delivery"):
    """The buyer has the goods and says so. Refused: `unknown_delivery`, `delivery_<state>`."""

    participant_id: PositiveInteger
    delivery_id: PositiveInteger


class ReportFailedDelivery(Message, frozen=True, kw_only=True, tag="report_failed_delivery"):
    """Warehouse or operator: what is left of the order will not be delivered.

    `missing` and `spoiled` goods are no more. What is `refused` at the dock with cause, `held` or `expired` lies in the
    store still and will be the defaulter's. Refused: `unknown_participant`, `wrong_role`, `unknown_delivery`,
    `delivery_<state>`, `load_pending` (hand over what is on the trucks, or void it), `not_held`, `not_expired` (the
    receipt is nothing of the kind).
    """

    operator_id: PositiveInteger
    delivery_id: PositiveInteger
    cause: FailureCause
    reason: Text


class DismissFailure(Message, frozen=True, kw_only=True, tag="dismiss_failure"):
    """An operator other than who reported finds that the delivery has not failed: it goes on.

    Refused: `unknown_participant`, `wrong_role`, `unknown_delivery`, `delivery_<state>`, `same_operator`.
    """

    operator_id: PositiveInteger
    delivery_id: PositiveInteger
    reason: Text


class StartBuyIn(Message, frozen=True, kw_only=True, tag="start_buy_in"):
    """An operator other than who reported a failure lets it be made good at the defaulter's cost.

    A contract names the defaulter and the price itself. Else `base_price` is what the buyer paid per kilogram, and the
    defaulter, where none is named, is who issued the receipt: the warehouse answers for what its paper promises.
    Refused: `unknown_participant`, `wrong_role`, `unknown_delivery`, `delivery_<state>`, `same_operator`,
    `price_of_contract`, `defaulter_of_contract` (a contract says both), `contract_ended` (who bears it was decided with
    it), `base_price_required`, `unknown_participant` (`defaulter_id`), `same_participant` (the buyer's own default).
    """

    operator_id: PositiveInteger
    delivery_id: PositiveInteger
    base_price: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    defaulter_id: PositiveInteger | None = None


# Events


class DeliveryChanged(Message, frozen=True, kw_only=True, tag="delivery_changed"):
    """The delivery order as it stands after the command, and what happened to it."""

    cause: DeliveryCause
    delivery: DeliveryOrder
    reason: str | None = None


class SlotChanged(Message, frozen=True, kw_only=True, tag="slot_changed"):
    """A slot as it stands after the command; moved, it keeps its number."""

    slot: Slot


class LoadChanged(Message, frozen=True, kw_only=True, tag="load_changed"):
    """A weighed truck as it stands after the command."""

    load: Load
    reason: str | None = None


class BuyInAttempted(Message, frozen=True, kw_only=True, tag="buy_in_attempted"):
    """One attempt to buy: the order that was entered for the buyer, and what came of it.

    `order_id` is null where none could be entered. `reason` is why less was bought than was wanted: the market's own
    word, `no_offer`, `no_cover` (nobody has the money), or null.
    """

    delivery_id: int
    attempt: int
    order_id: int | None
    limit_price: int
    quantity: Annotated[int, Meta(ge=0, le=MAXIMUM_INTEGER)]
    bought: int
    amount_fen: int
    fee_fen: int
    reason: str | None = None


class BuyInChanged(Message, frozen=True, kw_only=True, tag="buy_in_changed"):
    """The buy-in as it stands after the command."""

    buy_in: BuyIn


DeliveryCommand = (
    RequestDelivery
    | CancelDelivery
    | BookSlot
    | MoveSlot
    | CancelSlot
    | WeighOut
    | VoidLoad
    | RenewCode
    | HandOver
    | AcceptDelivery
    | ReportFailedDelivery
    | DismissFailure
    | StartBuyIn
)
DeliveryEvent = DeliveryChanged | SlotChanged | LoadChanged | BuyInAttempted | BuyInChanged
