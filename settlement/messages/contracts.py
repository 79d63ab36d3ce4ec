"""The contract that a listing, a one-way auction or an agreed trade leads to, from the trade to the last payment."""

from typing import Annotated, Literal

from msgspec import Meta

from settlement.messages.common import MAXIMUM_MONEY_FEN, CivilDate, Message, PositiveInteger, Text

MAXIMUM_DAYS = 1_000
"""Days in one announcement at most."""

MAXIMUM_PHOTOGRAPHS = 50
MAXIMUM_DIFFERENTIAL_FEN = 100_000
MAXIMUM_NAMED_RECEIPTS = 100

Permille = Annotated[int, Meta(ge=0, le=1_000)]
TradingDays = Annotated[int, Meta(ge=0, le=250)]
Money = Annotated[int, Meta(ge=0, le=MAXIMUM_MONEY_FEN)]
ContractDigest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a file in hexadecimal; the file itself is kept elsewhere."""

ContractState = Literal[
    "concluded",
    "paid",
    "tendered",
    "overdue",
    "delivering",
    "uncollected",
    "failed",
    "weighed",
    "part_paid",
    "objected",
    "disputed",
    "completed",
    "terminated",
    "defaulted",
    "resolved",
    "annulled",
]
ContractCause = Literal[
    "concluded",
    "paid",
    "tendered",
    "title_passed",
    "overdue",
    "charged",
    "picked_up",
    "failed",
    "failure_dismissed",
    "drawn",
    "made_good",
    "weighed",
    "weight_stated",
    "quantity_agreed",
    "accepted",
    "objected",
    "answered",
    "withdrawn",
    "invoiced",
    "disputed",
    "proposed",
    "completed",
    "terminated",
    "defaulted",
    "resolved",
    "annulled",
]
Party = Literal["buyer", "seller", "both"]
DifferentialKind = Literal["location", "grade", "ripeness"]


class ContractTerms(Message, frozen=True, kw_only=True):
    """The venue's choices for contracts; one that is concluded keeps those of its offers' entry.

    Days are trading days after the day of the trade, which is D1, and end with the local day: 2 is the end of D3.
    `late_permille` of the agreed value a begun civil day, and after `termination_days` of them the contract ends.
    The rule that this is taken from, its days and rates: DOMAIN, "The listing contract, to the fen".
    """

    earnest_permille: Permille = 200
    payment_days: TradingDays = 2
    pickup_days: TradingDays = 4
    final_days: TradingDays = 14
    first_part_permille: Permille = 800
    tolerance_permille: Permille = 100
    objection_hours: Annotated[int, Meta(ge=0, le=2_400)] = 48
    late_permille: Permille = 1
    termination_days: Annotated[int, Meta(ge=1, le=365)] = 30
    substitution: bool = False
    automatic_tender: bool = True
    """Whether the goods set aside count as tendered at the end of the term where the seller has not said anything."""

    def earnest_fen(self, traded_fen: int) -> int:
        """The earnest money on all that an order has traded, rounded up to the fen: each trade pays the increase."""
        return -(-self.earnest_permille * traded_fen // 1_000)


class Differential(Message, frozen=True, kw_only=True):
    """What a kilogram of goods is worth more (or less) than the venue's standard for being there, or being such.

    `value` is a warehouse (`location`), a grade, or a colour stage (`ripeness`: 1 to 7). For one variety, or for all
    that have no entry of their own.
    """

    kind: DifferentialKind
    value: Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,8}$")]
    fen_per_kg: Annotated[int, Meta(ge=-MAXIMUM_DIFFERENTIAL_FEN, le=MAXIMUM_DIFFERENTIAL_FEN)]
    variety: Annotated[str, Meta(pattern=r"^[A-Z]{2,4}$")] | None = None


class Objection(Message, frozen=True, kw_only=True):
    """What the buyer holds against the goods, and how much he asks off; `answer` is the seller's reason."""

    reason: str
    claim_fen: int
    photo_digests: tuple[str, ...]
    laboratory: str | None
    report_number: str | None
    report_digest: str | None
    time_ns: int
    standing: Literal["open", "accepted", "withdrawn"] = "open"
    answer: str | None = None


class Proposal(Message, frozen=True, kw_only=True):
    """How an operator would end a contract; it is done when another one agrees.

    The amounts are all that the contract holds. `goods_to` is who has the goods that have not left the warehouse.
    """

    kind: Literal["outcome", "force_majeure"]
    operator_id: int
    reason: str
    buyer_fen: int
    seller_fen: int
    risk_fund_fen: int
    goods_to: Literal["buyer", "seller"]
    time_ns: int


class StorageDue(Message, frozen=True, kw_only=True):
    """What a receipt of the seller's had cost in the store when title passed; fields as of `StoragePaid`."""

    receipt_id: int
    lot_id: int
    warehouse: str
    weight_g: int
    from_day: int
    to_day: int
    due_fen: int


class Contract(Message, frozen=True, kw_only=True):
    """A contract as it stands.

    `quantity` kilograms at `price` make `value_fen`. What is tendered may be worth `differential_fen` a kilogram more
    or less, and then `due_fen` is what the buyer pays. `buyer_earnest_fen`, `seller_earnest_fen` and `escrow_fen` are
    what the contract holds now; all that came in less all that went out is their sum.
    `receipt_ids` are the goods: the seller's, set aside for this contract, and the buyer's once title has passed.

    `settled_g` and `settled_fen` are the agreed weight and its value: differential price × grams / 1,000, rounded down.
    `due_ns` is when the contract goes on by itself; null: it waits for somebody.
    """

    contract_id: int
    trade_id: int
    symbol: str
    price: int
    quantity: int
    buyer_id: int
    seller_id: int
    buy_order_id: int
    sell_order_id: int
    concluded_ns: int
    first_day: CivilDate
    terms: ContractTerms
    state: ContractState
    value_fen: int
    due_fen: int
    buyer_fee_fen: int
    seller_fee_fen: int
    buyer_earnest_fen: int
    seller_earnest_fen: int
    buyer_earnest_paid_fen: int
    seller_earnest_paid_fen: int
    pay_by_ns: int
    pickup_by_ns: int
    final_by_ns: int
    due_ns: int | None
    receipt_ids: tuple[int, ...]
    goods_symbol: str
    """What the goods are; another than `symbol` after a substitution."""
    colour_stage: int = 1
    """Of the goods that were traded, the ripest of them."""
    paid: bool = False
    tendered: bool = False
    escrow_fen: int = 0
    paid_in_fen: int = 0
    paid_out_fen: int = 0
    differential_fen: int = 0
    late: Party | None = None
    """Who is late or, of one that ended so, who was in default."""
    late_days: int = 0
    buyer_late_fen: int = 0
    seller_late_fen: int = 0
    title_ns: int | None = None
    """When title passed."""
    delivery_ids: tuple[int, ...] = ()
    """Delivery orders that are not closed yet."""
    failed_ids: tuple[int, ...] = ()
    """Those of them that failed and are not made good yet."""
    picked_g: int = 0
    undelivered_g: int = 0
    """What a failed delivery has left out, and a buy-in made good."""
    earnest_drawn_fen: int = 0
    """The seller's earnest money that a buy-in took."""
    weighed_g: int | None = None
    weighed_ns: int | None = None
    weight_reason: str | None = None
    buyer_weight_g: int | None = None
    seller_weight_g: int | None = None
    settled_g: int | None = None
    settled_fen: int | None = None
    refund_fen: int = 0
    surcharge_fen: int = 0
    uncollected_fen: int = 0
    """What the agreed weight was worth beyond all that the buyer had: it is not paid here."""
    storage: tuple[StorageDue, ...] = ()
    """The seller's storage up to the passing of title, to be paid out of what he gets first."""
    granted_fen: int = 0
    """What the seller has granted on an objection."""
    objection_by_ns: int | None = None
    accepted: bool = False
    objection: Objection | None = None
    invoice_number: str | None = None
    invoice_digest: str | None = None
    invoiced_ns: int | None = None
    dispute_opened_by: int | None = None
    """A participant; 0: nobody did, its time had come."""
    dispute_reason: str | None = None
    disputed_ns: int | None = None
    proposal: Proposal | None = None
    approved_by: int | None = None
    reason: str | None = None
    """Why it ended as it did."""
    ended_ns: int | None = None


# Commands


class AnnounceTradingDays(Message, frozen=True, kw_only=True, tag="announce_trading_days"):
    """The venue's trading days from `since` to `until`, both included: `days`, ascending. What was told of these dates
    before holds no more; deadlines that were counted stay.

    Refused: `invalid_days` (no dates, not in order, not within), `outside_calendar` (a gap to what was told, or less
    than that).
    """

    since: CivilDate
    until: CivilDate
    days: Annotated[tuple[CivilDate, ...], Meta(max_length=MAXIMUM_DAYS)]


class PayContract(Message, frozen=True, kw_only=True, tag="pay_contract"):
    """The buyer pays the price in full; the venue holds it.

    Refused: `unknown_contract` (others' too), `wrong_party` (here and below: it is the other party's to say),
    `wrong_state`, `already_paid`, `insufficient_funds`.
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger


class TenderGoods(Message, frozen=True, kw_only=True, tag="tender_goods"):
    """The seller says that the goods are ready: those set aside (null), or others in their place.

    Refused: `unknown_contract`, `wrong_state`, `already_tendered`, `substitution_not_allowed`, `invalid_receipt_ids`
    (one twice, none, or of several symbols), `unknown_receipt`, `wrong_variety`, `no_differential` (the venue's table
    does not name what differs), `insufficient_goods`, `goods_expire`, `price_not_positive`, `premium_uncovered` (the
    buyer has paid, and his earnest money might not reach for what better goods cost more), `goods_not_at_hand` (what
    was set aside is on hold, expired or of another grade by now).
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger
    receipt_ids: Annotated[tuple[PositiveInteger, ...], Meta(max_length=MAXIMUM_NAMED_RECEIPTS)] | None = None


class AgreeWeight(Message, frozen=True, kw_only=True, tag="agree_weight"):
    """A party says which weight it settles at; where both have said the same, it is settled.

    Refused: `unknown_contract`, `wrong_state`, `insufficient_funds` (the buyer cannot pay for so much more).
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger
    weight_g: PositiveInteger


class AcceptGoods(Message, frozen=True, kw_only=True, tag="accept_goods"):
    """The buyer has nothing against the goods: the time for objections is over.

    Refused: `unknown_contract`, `wrong_state`, `already_accepted`.
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger


class ObjectQuality(Message, frozen=True, kw_only=True, tag="object_quality"):
    """The buyer objects to the quality and asks `claim_fen` off.

    A report names its laboratory and number. Refused: `unknown_contract`, `wrong_state`, `objection_too_late`,
    `already_objected`, `no_evidence` (neither photographs nor a report), `incomplete_report`, `claim_too_high` (more
    than the price at the weight that was found).
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger
    reason: Text
    claim_fen: PositiveInteger
    photo_digests: Annotated[tuple[ContractDigest, ...], Meta(max_length=MAXIMUM_PHOTOGRAPHS)] = ()
    laboratory: Text | None = None
    report_number: Text | None = None
    report_digest: ContractDigest | None = None


class AnswerObjection(Message, frozen=True, kw_only=True, tag="answer_objection"):
    """The seller grants what the buyer asks off, or does not: then it is a dispute.

    Refused: `unknown_contract`, `wrong_state`, `insufficient_funds` (the claim is more than the contract holds of the
    seller's and he has free).
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger
    accepted: bool
    reason: Text


class WithdrawObjection(Message, frozen=True, kw_only=True, tag="withdraw_objection"):
    """Refused: `unknown_contract`, `wrong_state`, `no_objection`."""

    participant_id: PositiveInteger
    contract_id: PositiveInteger


class RegisterInvoice(Message, frozen=True, kw_only=True, tag="register_invoice"):
    """The seller has invoiced the agreed weight's value, less what he has granted.

    Refused: `unknown_contract`, `wrong_state`, `already_invoiced`, `duplicate_reference` (he has used the number),
    `wrong_amount`.
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger
    invoice_number: Text
    amount_fen: Money
    invoice_digest: ContractDigest | None = None


class OpenDispute(Message, frozen=True, kw_only=True, tag="open_dispute"):
    """A party asks the venue to decide; all terms stand still.

    Refused: `unknown_contract`, `wrong_state`.
    """

    participant_id: PositiveInteger
    contract_id: PositiveInteger
    reason: Text


class ProposeOutcome(Message, frozen=True, kw_only=True, tag="propose_outcome"):
    """An operator proposes how a dispute ends; a later proposal takes the place of an earlier one.

    Refused: `unknown_contract`, `wrong_state`, `amounts_do_not_add_up` (to what the contract holds).
    """

    operator_id: PositiveInteger
    contract_id: PositiveInteger
    buyer_fen: Money
    seller_fen: Money
    risk_fund_fen: Money
    goods_to: Literal["buyer", "seller"]
    reason: Text


class ApproveOutcome(Message, frozen=True, kw_only=True, tag="approve_outcome"):
    """A second operator agrees, and the dispute is over.

    Refused: `unknown_contract`, `wrong_state`, `no_proposal`, `same_operator`, `amounts_do_not_add_up` (goods were
    picked up and weighed meanwhile, or money moved).
    """

    operator_id: PositiveInteger
    contract_id: PositiveInteger


class DeclareForceMajeure(Message, frozen=True, kw_only=True, tag="declare_force_majeure"):
    """An operator finds that nobody can be held to the contract. Refused: `unknown_contract`, `wrong_state`,
    `already_delivered` (some of the goods have left: that is a dispute).
    """

    operator_id: PositiveInteger
    contract_id: PositiveInteger
    reason: Text


class ConfirmForceMajeure(Message, frozen=True, kw_only=True, tag="confirm_force_majeure"):
    """A second operator agrees: all money that the contract holds returns to who paid it, the goods to the seller. The
    fees stay with the venue, whose part is done with the trade.

    Refused: `unknown_contract`, `wrong_state`, `no_proposal`, `same_operator`, `already_delivered`.
    """

    operator_id: PositiveInteger
    contract_id: PositiveInteger


# Events


class TradingDaysAnnounced(Message, frozen=True, kw_only=True, tag="trading_days_announced"):
    """All that is told now reaches to `until`."""

    since: CivilDate
    until: CivilDate
    days: tuple[CivilDate, ...]


class ContractChanged(Message, frozen=True, kw_only=False, tag="contract_changed"):
    """The contract as it stands, and what happened to it; money that moved with it is in the `ledger_posted` before."""

    cause: ContractCause
    contract: Contract


ContractsCommand = (
    AnnounceTradingDays
    | PayContract
    | TenderGoods
    | AgreeWeight
    | AcceptGoods
    | ObjectQuality
    | AnswerObjection
    | WithdrawObjection
    | RegisterInvoice
    | OpenDispute
    | ProposeOutcome
    | ApproveOutcome
    | DeclareForceMajeure
    | ConfirmForceMajeure
)
ContractsEvent = TradingDaysAnnounced | ContractChanged
