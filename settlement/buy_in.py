"""Buy-in: a delivery that failed is made good from the market, at the defaulter's cost.

    goods had cost 250, 4 000 kg failed            paid from, in this order
      attempt 1   limit 300: 2 500 kg at 270         escrow     the buyer's own money that a contract holds
      attempt 2   a day later: nothing to be had     earnest    the defaulter's, in that contract
      attempt 3   1 000 kg at 295                    cash       what the defaulter has free
      the rest      500 kg in money, at 275          risk fund  what the venue keeps for this

An attempt is an order of the buyer's, at once or not at all, with money that he is lent for it: the most that it may
cost goes to him before, what it did not cost returns the way it came. So he never needs money of his own, and nobody's
balance falls below zero: an attempt buys no more than there is money for. What is left of his escrow in the end is his.
"""

from typing import Any, Final, NamedTuple

from msgspec import Struct, msgpack
from msgspec.structs import replace

from matching.messages import OrderAccepted, OrderCancelled, OrderRejected
from settlement.books import Account, Books
from settlement.civil import NANOSECONDS
from settlement.clearing import MILLION
from settlement.delivery import Delivery
from settlement.digest import Digest
from settlement.messages import CASH, EnterOrder, OrderRepeated, RequestRefused, TradeSettled, Transfer
from settlement.messages.delivery import (
    BuyIn,
    BuyInAttempted,
    BuyInChanged,
    DeliveryOrder,
    DeliveryTerms,
    StartBuyIn,
)
from settlement.office import Handlers

KILOGRAM_G: Final = 1_000
RISK_FUND: Final = "risk_fund"
EARNEST: Final = "earnest"
ESCROW: Final = "escrow"
CONTRACT_ENDED: Final = "contract_ended"

_encode = msgpack.Encoder().encode


class Cover(NamedTuple):
    """Fen by source, in the order in which they are taken."""

    escrow_fen: int = 0
    earnest_fen: int = 0
    cash_fen: int = 0
    risk_fund_fen: int = 0

    def first(self, amount_fen: int) -> "Cover":
        """So much of it, or all that there is, each source up to its end before the next."""
        drawn = []
        for available_fen in self:
            drawn.append(min(amount_fen, available_fen))
            amount_fen -= drawn[-1]
        return Cover(*drawn)

    def less(self, other: "Cover") -> "Cover":
        return Cover(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


class Purchase(NamedTuple):
    """What an attempt came to: kilograms, their price and fee, what paid for it, and why it was not more."""

    order_id: int | None
    quantity: int
    bought: int
    amount_fen: int
    fee_fen: int
    paid: Cover
    reason: str | None


class Settlement(NamedTuple):
    """Money instead of goods: what was due, what there was of it, and what of the escrow went back beside it."""

    due_fen: int
    paid: Cover
    returned_fen: int


def limit_price(base_price: int, terms: DeliveryTerms) -> int:
    """What a buy-in pays at most: rounded down to the fen."""
    return base_price * (1_000 + terms.buy_in_cap_permille) // 1_000


def cash_price(base_price: int, terms: DeliveryTerms) -> int:
    """What the defaulter pays for what could not be bought: rounded up to the fen, in the buyer's favour."""
    return -(-base_price * (1_000 + terms.cash_premium_permille) // 1_000)


def worth_fen(price: int, weight_g: int) -> int:
    """Grams at a price per kilogram, rounded down to the fen."""
    return price * weight_g // KILOGRAM_G


def cost_fen(price: int, quantity: int, rate_ppm: int, minimum_fen: int) -> int:
    """What so many kilograms cost at most, the fee included."""
    value_fen = price * quantity
    return value_fen + max(minimum_fen, -(-rate_ppm * value_fen // MILLION)) if quantity else 0


def affordable(wanted: int, price: int, funds_fen: int, rate_ppm: int, minimum_fen: int) -> int:
    """How many kilograms, at most `wanted`, the money reaches for. O(log wanted)."""
    least, most = 0, wanted
    while least < most:
        middle = (least + most + 1) // 2
        if cost_fen(price, middle, rate_ppm, minimum_fen) <= funds_fen:
            least = middle
        else:
            most = middle - 1
    return least


def available(books: Books, defaulter_id: int, escrow_fen: int, earnest_fen: int) -> Cover:
    """What there is to pay with now, beside what a contract gives."""
    purse = books.purses[defaulter_id]
    return Cover(
        escrow_fen,
        earnest_fen,
        max(purse.total_fen - purse.reserved_fen, 0),
        books.ledger.balance(CASH, RISK_FUND),
    )


def attempt(books: Books, buy_in: BuyIn, cover: Cover) -> Purchase:
    """Buy what is still wanted, as much as there is money for, up to the limit price."""
    venue = books.venue
    rate_ppm = max(venue.fee_rate_ppm, venue.taker_rate_ppm)
    minimum_fen = venue.fee_minimum_fen
    price = buy_in.limit_price
    lot = books.desk.lot_size(buy_in.symbol)
    wanted = (buy_in.weight_g - buy_in.bought_g) // KILOGRAM_G // lot * lot
    quantity = affordable(wanted, price, sum(cover), rate_ppm, minimum_fen) // lot * lot
    if not quantity:
        return Purchase(None, 0, 0, 0, 0, Cover(), "no_cover" if wanted else "less_than_a_lot")
    lent = cover.first(cost_fen(price, quantity, rate_ppm, minimum_fen))
    _pay(books, buy_in, lent)
    before = len(books.events)
    books.desk.execute_within(
        EnterOrder(
            participant_id=buy_in.participant_id,
            client_order_id=f"buy-in-{buy_in.delivery_id}-{buy_in.attempts + 1}-{books.sequence}",
            symbol=buy_in.symbol,
            side="buy",
            quantity=quantity,
            price=price,
            time_in_force="ioc",
        )
    )
    order_id, bought, amount_fen, fee_fen, reason = _outcome(books.events[before:])
    paid = lent.first(amount_fen + fee_fen)
    _pay_back(books, buy_in, lent.less(paid))
    if reason is None and quantity < wanted:
        reason = "no_cover"
    return Purchase(order_id, quantity, bought, amount_fen, fee_fen, paid, reason)


def settle(books: Books, buy_in: BuyIn, cover: Cover) -> Settlement:
    """Pay the worth of what was not bought, as far as the money reaches; what is left of the escrow is the buyer's."""
    due_fen = worth_fen(buy_in.cash_price, buy_in.weight_g - buy_in.bought_g)
    paid = cover.first(due_fen)
    returned_fen = cover.escrow_fen - paid.escrow_fen
    _pay(books, buy_in, paid._replace(escrow_fen=cover.escrow_fen))
    return Settlement(due_fen, paid, returned_fen)


def _outcome(events: list[Any]) -> tuple[int | None, int, int, int, str | None]:
    """What the order for the buyer led to: its number, kilograms, price, fee, and why it did not buy all."""
    order_id: int | None = None
    bought = amount_fen = fee_fen = 0
    for event in events:
        kind = type(event)
        if order_id is None:
            if kind is OrderAccepted:
                order_id = event.order_id
            elif kind is OrderRejected or kind is RequestRefused:
                return None, 0, 0, 0, event.reason
            elif kind is OrderRepeated:
                return None, 0, 0, 0, "order_repeated"
        elif kind is TradeSettled and event.buy_order_id == order_id:
            bought += event.quantity
            amount_fen += event.amount_fen
            fee_fen += event.buyer_fee_fen
        elif kind is OrderCancelled and event.order_id == order_id:
            reason = "no_offer" if event.reason == "immediate_or_cancel" else event.reason
            return order_id, bought, amount_fen, fee_fen, reason
    return order_id, bought, amount_fen, fee_fen, None


def _sources(books: Books, buy_in: BuyIn) -> tuple[Account, ...]:
    """The accounts of a `Cover`."""
    return ESCROW, EARNEST, books.purses[buy_in.defaulter_id], RISK_FUND


def _pay(books: Books, buy_in: BuyIn, cover: Cover) -> None:
    buyer = books.purses[buy_in.participant_id]
    transfers: list[Transfer] = []
    for source, amount_fen in zip(_sources(books, buy_in), cover, strict=True):
        if amount_fen:
            transfers.append(books.pay(source, buyer, amount_fen))
    books.post("buy_in", buy_in.delivery_id, transfers)


def _pay_back(books: Books, buy_in: BuyIn, cover: Cover) -> None:
    buyer = books.purses[buy_in.participant_id]
    transfers: list[Transfer] = []
    for source, amount_fen in zip(_sources(books, buy_in), cover, strict=True):
        if amount_fen:
            transfers.append(books.pay(buyer, source, amount_fen))
    books.post("buy_in", buy_in.delivery_id, transfers)


class BuyIns:
    """The office that makes failed deliveries good. Costs are O(1) and those of the market, unless said."""

    def __init__(self, books: Books, delivery: Delivery) -> None:
        self._books: Final = books
        self._delivery: Final = delivery
        self._running: Final[dict[int, Running]] = {}
        self._digest: Final[Digest[int]] = Digest()

    def handlers(self) -> Handlers:
        return {StartBuyIn: self._start}

    def get(self, delivery_id: int) -> BuyIn | None:
        """A buy-in that has not ended."""
        found = self._running.get(delivery_id)
        return None if found is None else found.buy_in

    def _start(self, command: StartBuyIn) -> None:
        """Reasons: see the command."""
        books = self._books
        if not books.may(command, "operator_id", ("operator",)):
            return
        order = self._delivery.find(command)
        if order is None:
            return
        if order.state != "failed":
            books.refuse(command, f"delivery_{order.state}", "delivery_id")
            return
        if order.reported_by == command.operator_id:
            books.refuse(command, "same_operator", "operator_id")
            return
        answerable = self._answerable(command, order)
        if answerable is None:
            return
        defaulter_id, base_price = answerable
        escrow_fen = 0
        order = self._delivery.begin_making_good(order.delivery_id, defaulter_id)
        if order.contract_id is not None:
            escrow_fen, _ = self._delivery.contracts.cover_of(order.contract_id, order.failed_g)
        terms = books.venue.delivery
        buy_in = BuyIn(
            delivery_id=order.delivery_id,
            participant_id=order.participant_id,
            defaulter_id=defaulter_id,
            contract_id=order.contract_id,
            symbol=order.symbol,
            weight_g=order.failed_g,
            base_price=base_price,
            limit_price=limit_price(base_price, terms),
            cash_price=cash_price(base_price, terms),
            attempts_left=terms.buy_in_attempts,
            started_ns=books.time_ns,
        )
        self._running[order.delivery_id] = Running(buy_in, escrow_fen)
        self._try(order.delivery_id)

    def _answerable(self, command: StartBuyIn, order: DeliveryOrder) -> tuple[int, int] | None:
        """(defaulter, price a kilogram); None where that cannot be, which is said."""
        books = self._books
        if order.contract_id is not None:
            if command.base_price is not None:
                books.refuse(command, "price_of_contract", "base_price")
                return None
            if command.defaulter_id is not None:
                books.refuse(command, "defaulter_of_contract", "defaulter_id")
                return None
            default = self._delivery.contracts.default_of(order.contract_id)
            if default is None:  # What becomes of it has been decided with the contract.
                books.refuse(command, CONTRACT_ENDED, "delivery_id")
                return None
            defaulter_id, base_price = default.defaulter_id, default.price
        elif command.base_price is None:
            books.refuse(command, "base_price_required", "base_price")
            return None
        else:
            defaulter_id = order.issued_by if command.defaulter_id is None else command.defaulter_id
            base_price = command.base_price
        if defaulter_id not in books.purses:
            books.refuse(command, "unknown_participant", "defaulter_id")
            return None
        if defaulter_id == order.participant_id:
            books.refuse(command, "same_participant", "defaulter_id")
            return None
        return defaulter_id, base_price

    def _try(self, delivery_id: int) -> None:
        """The next attempt; after the last, or when all is bought, the rest in money."""
        books = self._books
        running = self._running[delivery_id]
        buy_in = running.buy_in
        if buy_in.contract_id is not None and self._delivery.contracts.default_of(buy_in.contract_id) is None:
            self._end(replace(buy_in, attempts_left=0, next_attempt_ns=None, reason=CONTRACT_ENDED))
            return
        purchase = attempt(books, buy_in, self._cover(running))
        self._draw(running, purchase.paid)
        attempts = buy_in.attempts + 1
        books.events.append(
            BuyInAttempted(
                delivery_id=delivery_id,
                attempt=attempts,
                order_id=purchase.order_id,
                limit_price=buy_in.limit_price,
                quantity=purchase.quantity,
                bought=purchase.bought,
                amount_fen=purchase.amount_fen,
                fee_fen=purchase.fee_fen,
                reason=purchase.reason,
            )
        )
        bought_g = buy_in.bought_g + purchase.bought * KILOGRAM_G
        over = buy_in.attempts_left == 1 or buy_in.weight_g - bought_g < KILOGRAM_G
        interval_ns = books.venue.delivery.buy_in_interval_seconds * NANOSECONDS
        buy_in = running.buy_in = _paid_for(
            replace(
                buy_in,
                attempts=attempts,
                attempts_left=buy_in.attempts_left - 1,
                next_attempt_ns=None if over else books.time_ns + interval_ns,
                bought_g=bought_g,
                bought_fen=buy_in.bought_fen + purchase.amount_fen,
                fee_fen=buy_in.fee_fen + purchase.fee_fen,
            ),
            purchase.paid,
        )
        self._digest.changed[delivery_id] = None
        if over:
            self._finish(running)
        else:
            books.events.append(BuyInChanged(buy_in=buy_in))

    def _finish(self, running: "Running") -> None:
        books = self._books
        buy_in = running.buy_in
        delivery_id = buy_in.delivery_id
        settlement = settle(books, buy_in, self._cover(running))
        self._draw(running, settlement.paid._replace(escrow_fen=settlement.paid.escrow_fen + settlement.returned_fen))
        settled_g = buy_in.weight_g - buy_in.bought_g
        paid_fen = sum(settlement.paid)
        buy_in = _paid_for(
            replace(
                buy_in,
                settled_g=settled_g,
                settled_fen=paid_fen,
                returned_fen=settlement.returned_fen,
                uncovered_fen=settlement.due_fen - paid_fen,
                attempts_left=0,
            ),
            settlement.paid,
        )
        self._end(buy_in)
        if buy_in.contract_id is not None:
            self._delivery.contracts.on_made_good(
                buy_in.contract_id, delivery_id, buy_in.weight_g, buy_in.bought_g, settled_g
            )

    def _end(self, buy_in: BuyIn) -> None:
        self._books.events.append(BuyInChanged(buy_in=replace(buy_in, ended_ns=self._books.time_ns)))
        del self._running[buy_in.delivery_id]
        self._digest.changed[buy_in.delivery_id] = None
        self._delivery.end_making_good(buy_in.delivery_id)

    def _cover(self, running: "Running") -> Cover:
        """What there is to pay with now."""
        buy_in = running.buy_in
        escrow_fen = earnest_fen = 0
        if buy_in.contract_id is not None:
            escrow_fen, earnest_fen = self._delivery.contracts.cover_of(buy_in.contract_id, buy_in.weight_g)
        return available(self._books, buy_in.defaulter_id, min(running.escrow_fen, escrow_fen), earnest_fen)

    def _draw(self, running: "Running", paid: Cover) -> None:
        """What a contract held is less by so much."""
        running.escrow_fen -= paid.escrow_fen
        contract_id = running.buy_in.contract_id
        if contract_id is not None and (paid.escrow_fen or paid.earnest_fen):
            self._delivery.contracts.drawn(contract_id, paid.escrow_fen, paid.earnest_fen)

    # Time and state

    def next_deadline_ns(self) -> int | None:
        """When the next attempt is made. O(running buy-ins), which are few."""
        due = [found.buy_in.next_attempt_ns for found in self._running.values()]
        return min((due_ns for due_ns in due if due_ns is not None), default=None)

    def reach(self) -> None:
        """Attempts in the order in which the deliveries were ordered."""
        now_ns = self._books.time_ns
        due = [
            delivery_id
            for delivery_id, found in self._running.items()
            if found.buy_in.next_attempt_ns is not None and found.buy_in.next_attempt_ns <= now_ns
        ]
        for delivery_id in sorted(due):
            self._try(delivery_id)

    def state(self) -> bytes:
        return _encode([self._running[delivery_id] for delivery_id in sorted(self._running)])

    def restore(self, state: bytes) -> None:
        for running in msgpack.decode(state, type=list[Running]):
            self._running[running.buy_in.delivery_id] = running
            self._digest.changed[running.buy_in.delivery_id] = None

    def digest(self) -> Any:
        return self._digest.bring_up_to_date(self._running.get)

    def audit(self) -> None:
        """Each running buy-in has its delivery and waits for an attempt; money is never owed. O(running)."""
        buying = [order.delivery_id for order in self._delivery.all() if order.state == "buying_in"]
        assert buying == sorted(self._running)
        for running in self._running.values():
            buy_in = running.buy_in
            assert buy_in.next_attempt_ns is not None
            assert buy_in.attempts_left > 0
            assert buy_in.bought_g <= buy_in.weight_g
            assert running.escrow_fen >= 0
            paid = buy_in.from_escrow_fen + buy_in.from_earnest_fen + buy_in.from_cash_fen + buy_in.from_risk_fund_fen
            assert paid == buy_in.bought_fen + buy_in.fee_fen


class Running(Struct, gc=False, array_like=True):
    """A buy-in that goes on; `escrow_fen` is left of the buyer's own money that a contract held for these goods."""

    buy_in: BuyIn
    escrow_fen: int


def _paid_for(buy_in: BuyIn, paid: Cover) -> BuyIn:
    return replace(
        buy_in,
        from_escrow_fen=buy_in.from_escrow_fen + paid.escrow_fen,
        from_earnest_fen=buy_in.from_earnest_fen + paid.earnest_fen,
        from_cash_fen=buy_in.from_cash_fen + paid.cash_fen,
        from_risk_fund_fen=buy_in.from_risk_fund_fen + paid.risk_fund_fen,
    )
