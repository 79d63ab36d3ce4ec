"""The office of contracts: what a listing, a one-way auction or an agreed trade leads to, day by day.

    D1 trade             both: earnest money and fee            the seller's goods are set aside
    D3 at the latest     buyer: the price ► escrow              seller: tenders the goods
                         both done: title passes, the goods are ordered out
    D5 at the latest     the buyer fetches them; the scale says what they weigh
                         quantity agreed ► first part of the price to the seller
    D15 at the latest    no objection, invoice registered ► the rest; both have their earnest money back

Terms are civil time: whatever is late becomes so by a deadline that the journal holds, and by nothing else.
"""

from typing import Any, Final

from msgspec import Struct, msgpack

from matching.messages import TradeExecuted
from settlement.books import Books
from settlement.civil import iso_date, venue_day
from settlement.clearing import Order
from settlement.contracts.arbitration import Arbitration
from settlement.contracts.collection import Collection
from settlement.contracts.endings import Endings
from settlement.contracts.goods import GoodsRoom
from settlement.contracts.lateness import Lateness
from settlement.contracts.money import Till
from settlement.contracts.performance import Performance
from settlement.contracts.quality import Quality
from settlement.contracts.register import Deliveries, Register
from settlement.contracts.terms import deadlines, deadlines_at_last
from settlement.contracts.weighing import Weighing
from settlement.ledger import FEES
from settlement.messages import CASH, MAXIMUM_INTEGER, LotsDelivered, TradeSettled
from settlement.messages.contracts import (
    AcceptGoods,
    AgreeWeight,
    AnnounceTradingDays,
    AnswerObjection,
    ApproveOutcome,
    ConfirmForceMajeure,
    Contract,
    ContractTerms,
    DeclareForceMajeure,
    ObjectQuality,
    OpenDispute,
    PayContract,
    ProposeOutcome,
    RegisterInvoice,
    TenderGoods,
    WithdrawObjection,
)
from settlement.office import Handlers
from settlement.receipts import Lots
from settlement.trading_days import TradingDays, TradingDaysState

_encode = msgpack.Encoder().encode


class ContractsState(Struct, frozen=True, array_like=True):
    last_contract_id: int
    contracts: list[Contract]
    days: TradingDaysState
    invoices: list[str]


class Contracts:
    """The live contracts, and the trading days that their terms count in. What has ended is history's to tell."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._goods: Final = GoodsRoom(books)
        self._register: Final = Register(books, self._goods)
        endings = Endings(books, self._register, self._goods)
        self._performance: Final = Performance(books, self._register, self._goods)
        self._weighing: Final = Weighing(books, self._register, self._goods, endings)
        self._arbitration: Final = Arbitration(books, self._register, endings)
        self._quality: Final = Quality(books, self._register, endings, self._arbitration)
        self._lateness: Final = Lateness(
            books, self._register, self._goods, self._performance, self._weighing, endings, self._arbitration
        )
        self.collection: Final = Collection(books, self._register, self._weighing, endings)
        """What the delivery office tells of a contract's goods."""
        self.days: Final = TradingDays()
        self.get: Final = self._register.get
        self.of: Final = self._register.of
        self.all: Final = self._register.all
        self.contract_of: Final = self._register.contract_of

    def deliver_by(self, deliveries: Deliveries) -> None:
        """The delivery office hands the goods out; to be said before the first command."""
        self._register.deliveries = deliveries

    def handlers(self) -> Handlers:
        performance, quality, arbitration = self._performance, self._quality, self._arbitration
        return {
            AnnounceTradingDays: self._announce,
            PayContract: performance.pay,
            TenderGoods: performance.tender,
            AgreeWeight: self._weighing.agree_weight,
            AcceptGoods: quality.accept,
            ObjectQuality: quality.object,
            AnswerObjection: quality.answer,
            WithdrawObjection: quality.withdraw,
            RegisterInvoice: quality.register_invoice,
            OpenDispute: arbitration.open_dispute,
            ProposeOutcome: arbitration.propose_outcome,
            ApproveOutcome: arbitration.approve_outcome,
            DeclareForceMajeure: arbitration.declare_force_majeure,
            ConfirmForceMajeure: arbitration.confirm_force_majeure,
        }

    # Trades

    def refuse_entry(self, terms: ContractTerms, value_fen: int, lots: Lots, trade_ns: int) -> str | None:
        """What stands against contracts of at most that value, traded at that time over these goods, as far as they are
        known; or None.

        `exceeds_maximum`: no cash stands for the whole price yet, so the number itself is bounded. `outside_calendar`:
        the venue's trading days are not told so far. `goods_expire`: some of the goods have no green life up to the end
        of the term for fetching them. O(lots).
        """
        if value_fen > MAXIMUM_INTEGER:
            return "exceeds_maximum"
        reached = deadlines(terms, self.days, venue_day(trade_ns))
        if reached is None:
            return "outside_calendar"
        receipts = self._books.receipts
        for receipt_id, _ in lots:
            receipt = receipts.get(receipt_id)
            if receipt is not None and receipts.stock(receipt.lot_id).expires_ns < reached.pickup_by_ns:
                return "goods_expire"
        return None

    def conclude(self, trade: TradeExecuted, buy: Order, sell: Order) -> TradeSettled:
        """A trade of two offers with terms becomes a contract. It cannot fail: both have reserved what it takes.

        Appended, in this order: `lots_delivered`; `ledger_posted` with the earnest money and the fee of both;
        `receipt_changed` of the seller's receipt and of the part that was set aside, lot by lot; `trade_settled`;
        `contract_changed`. The `trade_settled` is returned. O(lots).
        """
        books = self._books
        terms = sell.terms
        assert terms is not None
        assert buy.terms == terms
        reached = deadlines_at_last(terms, self.days, venue_day(books.time_ns))
        contract_id = self._register.last_contract_id + 1
        value = trade.price * trade.quantity
        buyer_earnest, buyer_fee = self._charge(buy, trade, value, trade.aggressor_side == "buy")
        seller_earnest, seller_fee = self._charge(sell, trade, value, trade.aggressor_side == "sell")
        handovers = self._goods.carve(sell.lots, trade.quantity, sell.participant_id, contract_id)
        contract = Contract(
            contract_id=contract_id,
            trade_id=trade.trade_id,
            symbol=trade.symbol,
            price=trade.price,
            quantity=trade.quantity,
            buyer_id=buy.participant_id,
            seller_id=sell.participant_id,
            buy_order_id=buy.order_id,
            sell_order_id=sell.order_id,
            concluded_ns=books.time_ns,
            first_day=iso_date(reached.first_day),
            terms=terms,
            state="concluded",
            value_fen=value,
            due_fen=value,
            buyer_fee_fen=buyer_fee,
            seller_fee_fen=seller_fee,
            buyer_earnest_fen=0,
            seller_earnest_fen=0,
            buyer_earnest_paid_fen=buyer_earnest,
            seller_earnest_paid_fen=seller_earnest,
            pay_by_ns=reached.pay_by_ns,
            pickup_by_ns=reached.pickup_by_ns,
            final_by_ns=reached.final_by_ns,
            due_ns=None,
            receipt_ids=tuple([handover.bought.receipt_id for handover in handovers]),
            goods_symbol=trade.symbol,
            colour_stage=max([handover.stock.colour_stage for handover in handovers]),
        )
        books.events.append(
            LotsDelivered(trade.trade_id, tuple([(each.sold.receipt_id, each.kilograms) for each in handovers]))
        )
        till = Till(books, contract)
        till.put_up("buyer", buyer_earnest)
        till.put_up("seller", seller_earnest)
        till.pay_fee("buyer", FEES, buyer_fee)
        till.pay_fee("seller", FEES, seller_fee)
        contract = till.close()
        self._goods.tell_carved(handovers)
        books.touch(contract.buyer_id, CASH)
        books.touch(contract.seller_id, CASH)
        books.touch(contract.seller_id, trade.symbol)
        settled = TradeSettled(
            trade.trade_id,
            trade.symbol,
            trade.price,
            trade.quantity,
            trade.aggressor_side,
            buy.order_id,
            sell.order_id,
            buy.participant_id,
            sell.participant_id,
            value,
            buyer_fee,
            seller_fee,
            tuple([(each.sold.receipt_id, each.bought.receipt_id, each.kilograms) for each in handovers]),
            contract_id=contract_id,
        )
        books.events.append(settled)
        self._register.add(contract)
        return settled

    def _charge(self, order: Order, trade: TradeExecuted, value: int, aggressor: bool) -> tuple[int, int]:
        """Count the trade in its order: (earnest money, fee) that it costs, which are reserved no longer."""
        terms = order.terms
        assert terms is not None
        before = order.traded_fen
        fee = order.charge(value, aggressor)
        earnest = terms.earnest_fen(before + value) - terms.earnest_fen(before)
        order.filled += trade.quantity
        assert order.bound is not None
        left = order.required_fen(order.quantity, order.bound)
        assert 0 <= left <= order.reserved_fen - earnest - fee
        self._books.purses[order.participant_id].reserved_fen -= order.reserved_fen - left
        order.reserved_fen = left
        return earnest, fee

    # Trading days

    def _announce(self, command: AnnounceTradingDays) -> None:
        """Refused: `invalid_days`, `outside_calendar`."""
        answer = self.days.announce(command, venue_day(self._books.time_ns))
        if isinstance(answer, tuple):
            self._books.refuse(command, *answer)
        else:
            self._books.events.append(answer)

    # Time

    def next_deadline_ns(self) -> int | None:
        return self._register.next_due_ns()

    def reach(self) -> None:
        """Do what is due."""
        while (contract := self._register.take_due()) is not None:
            self._lateness.fall_due(contract)

    # State

    def state(self) -> bytes:
        return _encode(
            ContractsState(
                self._register.last_contract_id,
                self._register.all(),
                self.days.state(),
                self._quality.invoices.state(),
            )
        )

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=ContractsState)
        self._register.restore(decoded.last_contract_id, decoded.contracts)
        self.days.restore(decoded.days)
        self._quality.invoices.restore(decoded.invoices)

    def digest(self) -> Any:
        return self._register.digest(), self.days.state(), self._quality.invoices.digest()

    def audit(self) -> None:
        """Money and goods of all contracts, to the fen and the gram (`Register.audit`). O(contracts)."""
        self.days.audit()
        self._register.audit()
