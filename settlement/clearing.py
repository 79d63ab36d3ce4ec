"""Clearing: what an order has promised, what it has paid, and what it costs.

An order's fee is the larger of the venue's minimum and the rates on all that it has traded, the maker's on what it
traded while it rested or in an auction, the taker's on what it took, rounded up to the fen once for the whole order;
each fill pays the increase. A seller never pays more than the proceeds. The schedule is that of the order's entry.

A buy keeps reserved what it may still cost, the dearer of the two rates to be expected:

    price × remaining + fee(traded so far + price × remaining) - fee paid so far

where `price` is its limit or, for an order without one, the highest price that it can meet. The fee grows with the
value, so no fill at that price or below costs more than it frees, whatever the order of fills.

What leads to a contract (`settlement.contracts`) pays its price later: the earnest money on the value stands for the
price here, on both sides, so a seller keeps money reserved as well as goods.
"""

from typing import Final

from msgspec import Struct

from matching.messages import Kind, Side, TimeInForce
from settlement.messages import ExecutionReport, OrderStatus, Via
from settlement.messages.contracts import ContractTerms
from settlement.receipts import Lots

MILLION: Final = 1_000_000


class Purse(Struct, gc=False, array_like=True):
    """A participant's money: what the ledger says is his, and the part of it that his live buys hold."""

    participant_id: int
    account: str
    total_fen: int = 0
    reserved_fen: int = 0


class Order(Struct, gc=False, array_like=True):
    """A live order as clearing sees it, or whatever else reserves and trades; its place in the market is the market's.

    `bound` is the price per kilogram up to which money is reserved for its remainder; none for sells without terms, and
    for a market buy that trades at once against what was reserved for exactly that. `named` are the receipts that the
    seller chose.
    `plain` says that the order, while it lives, rests with all that is left of it shown, so that nobody need ask the
    market how it stands. `displayed` and `waiting` are as last reported, as are `sequence` and `time_ns`.

    `via` and `offer_id` are those of its report. An auction's `price` is its start price. `rated` sums
    value × rate over what it has traded, in millionths of a fen. `terms` are those of the contracts to which its trades
    lead; none: they settle at once.
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
    time_in_force: TimeInForce
    expires_ns: int | None
    display_quantity: int | None
    minimum_quantity: int | None
    post_only: bool
    named: tuple[int, ...] | None
    fee_rate_ppm: int
    fee_taker_rate_ppm: int
    fee_minimum_fen: int
    bound: int | None
    lots: Lots
    plain: bool
    filled: int = 0
    traded_fen: int = 0
    fee_fen: int = 0
    reserved_fen: int = 0
    displayed: int = 0
    waiting: bool = False
    sequence: int = 0
    time_ns: int = 0
    via: Via = "order"
    offer_id: int | None = None
    rated: int = 0
    terms: ContractTerms | None = None

    def required_fen(self, quantity: int, bound: int) -> int:
        """What money an order of this total must have reserved, its remainder bounded by this price."""
        return self.cost_fen(bound * (quantity - self.filled))

    def cost_fen(self, open_fen: int) -> int:
        """What it costs at most to trade for so much more: that, or its earnest money, and the increase of the fee."""
        if not open_fen and not self.traded_fen:
            return 0
        terms = self.terms
        price_fen = open_fen
        if terms is not None:
            price_fen = terms.earnest_fen(self.traded_fen + open_fen) - terms.earnest_fen(self.traded_fen)
        maker, taker = self.fee_rate_ppm, self.fee_taker_rate_ppm
        fee_fen = -(-(self.rated + (maker if maker > taker else taker) * open_fen) // MILLION)
        minimum_fen = self.fee_minimum_fen
        return price_fen + (fee_fen if fee_fen > minimum_fen else minimum_fen) - self.fee_fen

    def charge(self, amount_fen: int, aggressor: bool) -> int:
        """Count a fill of this value; the increase of the fee that it pays, a seller's out of the proceeds."""
        self.traded_fen += amount_fen
        self.rated += (self.fee_taker_rate_ppm if aggressor else self.fee_rate_ppm) * amount_fen
        fee_fen = -(-self.rated // MILLION)
        if fee_fen < self.fee_minimum_fen:
            fee_fen = self.fee_minimum_fen
        if self.side == "sell" and fee_fen > self.traded_fen:
            fee_fen = self.traded_fen
        due_fen = fee_fen - self.fee_fen
        self.fee_fen = fee_fen
        return due_fen

    def report(self, status: OrderStatus, reason: str | None, remaining: int) -> ExecutionReport:
        """The order as `sequence`, `displayed` and the given end or standing show it."""
        return ExecutionReport(
            self.order_id,
            self.client_order_id,
            self.participant_id,
            self.symbol,
            self.side,
            self.kind,
            self.price,
            self.stop_price,
            self.quantity,
            self.filled,
            remaining,
            self.time_in_force,
            status,
            reason,
            self.traded_fen,
            self.fee_fen,
            self.sequence,
            self.time_ns,
            self.displayed,
            self.expires_ns,
            self.display_quantity,
            self.minimum_quantity,
            self.post_only,
            None if self.side == "buy" else tuple([(receipt_id, held) for receipt_id, held in self.lots]),
            self.via,
            self.offer_id,
        )

    def live_report(self) -> ExecutionReport:
        """The order as it lives: a fill is told before whether it rests or waits."""
        filled = self.filled
        standing: OrderStatus = "partly_filled" if filled else "accepted" if self.waiting else "resting"
        return self.report(standing, None, self.quantity - filled)
