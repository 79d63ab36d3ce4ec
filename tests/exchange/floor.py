"""A venue in memory for stories: the engine alone, audited after each command.

The day is 2026-11-23, a Monday, 10:00 in Suixi. Participants: 1 the operator, 2 the warehouse, 3 the grower Chen, 4 the
trader Li, 5 the trader Wang. Money is fen, goods are kilograms unless the name says grams.
"""

from typing import Any

from exchange.engine import Engine
from matching.messages import AdvanceTime, AmendOrder, CancelOrder, DefineInstrument, MassCancel, SetPhase
from settlement.civil import day_number, day_start_ns
from settlement.messages import (
    AdjustCash,
    AnnounceLot,
    BustTrade,
    ConfigureVenue,
    Deposit,
    EnterAuction,
    EnterBid,
    EnterConfirmation,
    EnterCounter,
    EnterListing,
    EnterOrder,
    EnterReport,
    EnterTake,
    ExecutionReport,
    InspectLot,
    IssueReceipt,
    LoadOut,
    LotChanged,
    OrderDelivery,
    ReceiptChanged,
    RegisterParticipant,
    RequestRefused,
    Transfer,
    WeighLot,
)
from settlement.venue import VARIETIES, WAREHOUSES

OPERATOR, WAREHOUSE, CHEN, LI, WANG = 1, 2, 3, 4, 5
SYMBOL = "BXJ-1-SX1-26W47"
HARVESTED = "2026-11-20"
HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS


def time_of(date: str, hour: int = 0) -> int:
    """The time in nanoseconds of an hour on the venue's wall."""
    day = day_number(date)
    assert day is not None
    return day_start_ns(day) + hour * HOUR_NS


MONDAY = time_of("2026-11-23", 10)


class Floor:
    """An engine with people in it. Every verb executes one command, audits, and answers what the command led to."""

    def __init__(self, *, fee_rate_ppm: int = 500, fee_minimum_fen: int = 0) -> None:
        self.engine = Engine()
        self.time_ns = MONDAY
        self.commands: list[tuple[Any, int]] = []
        self.events: list[Any] = []
        self.configure(fee_rate_ppm, fee_minimum_fen)
        self.register("operator", "operator")
        self.register("warehouse", "warehouse")
        self.register("chen", "grower", "trader")
        self.register("li", "trader")
        self.register("wang", "trader")

    def do(self, command: Any) -> list[Any]:
        """Execute, audit, and remember."""
        self.events = list(self.engine.execute(command, self.engine.sequence + 1, self.time_ns))
        self.commands.append((command, self.time_ns))
        self.engine.audit()
        return self.events

    def wait_until(self, time_ns: int) -> list[Any]:
        """Let time pass: a command that does nothing brings it."""
        self.time_ns = time_ns
        return self.do(AdvanceTime(time_ns))

    # People and goods

    def configure(self, fee_rate_ppm: int = 500, fee_minimum_fen: int = 0, **changes: Any) -> list[Any]:
        fields: dict[str, Any] = {"warehouses": WAREHOUSES, "varieties": VARIETIES}
        return self.do(ConfigureVenue(fee_rate_ppm=fee_rate_ppm, fee_minimum_fen=fee_minimum_fen, **(fields | changes)))

    def register(self, name: str, *roles: Any, obliged: bool = False) -> list[Any]:
        return self.do(RegisterParticipant(name=name, display_name=name.title(), roles=roles, obliged=obliged))

    def deposit(self, participant_id: int, amount_fen: int, reference: str | None = None) -> list[Any]:
        reference = reference or f"bank-{self.engine.sequence}"
        return self.do(Deposit(participant_id=participant_id, amount_fen=amount_fen, reference=reference))

    def announce(self, participant_id: int = CHEN, **changes: Any) -> list[Any]:
        fields: dict[str, Any] = {
            "variety": "BXJ",
            "grade": "1",
            "warehouse": "SX1",
            "harvest_date": HARVESTED,
            "cartons": 1_000,
            "weight_g": 10_000_000,
            "town": "岭北镇",
            "village": "synthetic 7",
        }
        return self.do(AnnounceLot(participant_id=participant_id, **(fields | changes)))

    def receipt(self, participant_id: int = CHEN, weight_g: int = 10_000_000, **changes: Any) -> int:
        """A lot from announcement to receipt; the receipt's number."""
        stage = changes.pop("colour_stage", 1)
        lot_id = self.only(LotChanged, self.announce(participant_id, **changes)).lot.lot_id
        self.weigh(lot_id, weight_g)
        self.inspect(lot_id, grade=changes.get("grade", "1"), colour_stage=stage)
        return self.only(ReceiptChanged, self.issue(lot_id)).receipt.receipt_id

    def weigh(self, lot_id: int, net_g: int = 10_000_000, tare_g: int = 500_000) -> list[Any]:
        return self.do(
            WeighLot(operator_id=WAREHOUSE, lot_id=lot_id, gross_g=net_g + tare_g, tare_g=tare_g, scale_id="scale-1")
        )

    def inspect(self, lot_id: int, **changes: Any) -> list[Any]:
        fields: dict[str, Any] = {"grade": "1", "colour_stage": 1, "defect_permille": 40, "temperature_dc": 138}
        return self.do(InspectLot(operator_id=WAREHOUSE, lot_id=lot_id, **(fields | changes)))

    def issue(self, lot_id: int) -> list[Any]:
        return self.do(IssueReceipt(operator_id=WAREHOUSE, lot_id=lot_id))

    def order_delivery(self, participant_id: int, receipt_id: int) -> list[Any]:
        return self.do(OrderDelivery(participant_id=participant_id, receipt_id=receipt_id))

    def load_out(self, receipt_id: int) -> list[Any]:
        return self.do(LoadOut(operator_id=WAREHOUSE, receipt_id=receipt_id))

    # Orders: each answers the order's report

    def enter(
        self, participant_id: int, side: Any, quantity: int, price: int | None, **changes: Any
    ) -> ExecutionReport:
        fields: dict[str, Any] = {"symbol": SYMBOL, "client_order_id": f"order-{self.engine.sequence}"}
        command = EnterOrder(
            participant_id=participant_id, side=side, quantity=quantity, price=price, **(fields | changes)
        )
        reports = self.all(ExecutionReport, self.do(command))
        return reports[-1]

    def buy(self, participant_id: int, quantity: int, price: int | None, **changes: Any) -> ExecutionReport:
        return self.enter(participant_id, "buy", quantity, price, **changes)

    def sell(self, participant_id: int, quantity: int, price: int | None, **changes: Any) -> ExecutionReport:
        return self.enter(participant_id, "sell", quantity, price, **changes)

    def cancel(self, order: ExecutionReport) -> ExecutionReport:
        return self.only(ExecutionReport, self.do(CancelOrder(order.order_id, order.participant_id)))

    def amend(self, order: ExecutionReport, **changes: Any) -> list[Any]:
        return self.do(AmendOrder(order.order_id, order.participant_id, **changes))

    def cancel_all(self, participant_id: int) -> list[Any]:
        return self.do(MassCancel(participant_id))

    def phase(self, phase: Any, symbol: str = SYMBOL) -> list[Any]:
        return self.do(SetPhase(symbol, phase))

    def define(self, symbol: str = SYMBOL, **changes: Any) -> list[Any]:
        return self.do(DefineInstrument(symbol, **changes))

    # Trading without a book: each answers the report of what was entered

    def list_lot(self, participant_id: int, quantity: int, price: int, **changes: Any) -> ExecutionReport:
        return self._offer(
            EnterListing, participant_id, quantity=quantity, price=price, **({"symbol": SYMBOL} | changes)
        )

    def take(self, participant_id: int, listing_id: int, quantity: int, **changes: Any) -> ExecutionReport:
        return self._offer(EnterTake, participant_id, listing_id=listing_id, quantity=quantity, **changes)

    def counter(
        self, participant_id: int, listing_id: int, quantity: int, price: int, **changes: Any
    ) -> ExecutionReport:
        fields = {"listing_id": listing_id, "quantity": quantity, "price": price}
        return self._offer(EnterCounter, participant_id, **fields, **changes)

    def auction(self, participant_id: int, quantity: int, start_price: int, **changes: Any) -> ExecutionReport:
        """English, by steps of 5, for an hour, unless `changes` say otherwise."""
        fields = {"symbol": SYMBOL, "style": "english", "step": 5, "ends_ns": self.time_ns + HOUR_NS}
        return self._offer(
            EnterAuction, participant_id, quantity=quantity, start_price=start_price, **(fields | changes)
        )

    def bid(self, participant_id: int, auction_id: int, price: int | None = None, **changes: Any) -> ExecutionReport:
        return self._offer(EnterBid, participant_id, auction_id=auction_id, price=price, **changes)

    def report(
        self, participant_id: int, counterparty_id: int, side: Any, quantity: int, price: int, **changes: Any
    ) -> ExecutionReport:
        fields = {"symbol": SYMBOL, "expires_ns": self.time_ns + HOUR_NS}
        return self._offer(
            EnterReport,
            participant_id,
            counterparty_id=counterparty_id,
            side=side,
            quantity=quantity,
            price=price,
            **(fields | changes),
        )

    def confirm(self, participant_id: int, report_id: int, **changes: Any) -> ExecutionReport:
        return self._offer(EnterConfirmation, participant_id, report_id=report_id, **changes)

    def _offer(self, kind: Any, participant_id: int, **fields: Any) -> ExecutionReport:
        named = {"client_order_id": f"offer-{self.engine.sequence}"} | fields
        return self.all(ExecutionReport, self.do(kind(participant_id=participant_id, **named)))[-1]

    # Corrections

    def bust(self, trade_id: int, operator_id: int = OPERATOR) -> list[Any]:
        return self.do(BustTrade(operator_id=operator_id, trade_id=trade_id, reason="a digit too many"))

    def adjust(self, debit_id: int, credit_id: int, amount_fen: int, reference: str = "case-1") -> list[Any]:
        return self.do(
            AdjustCash(
                operator_id=OPERATOR,
                debit_id=debit_id,
                credit_id=credit_id,
                amount_fen=amount_fen,
                reference=reference,
                reason="goods have gone on",
            )
        )

    # Looking

    def only(self, kind: type, events: list[Any] | None = None) -> Any:
        """The one event of this kind."""
        (event,) = self.all(kind, events)
        return event

    def all(self, kind: type, events: list[Any] | None = None) -> list[Any]:
        return [event for event in (self.events if events is None else events) if type(event) is kind]

    def refusal(self) -> tuple[str, str | None]:
        """(reason, field) of the last command's refusal, which is all that it led to."""
        (event,) = self.events
        assert type(event) is RequestRefused
        return event.reason, event.field

    def money(self, participant_id: int) -> tuple[int, int]:
        """(total, reserved) fen."""
        return self._balance(participant_id, "CNY")

    def goods(self, participant_id: int, symbol: str = SYMBOL) -> tuple[int, int]:
        """(total, reserved) grams."""
        return self._balance(participant_id, symbol)

    def _balance(self, participant_id: int, asset: str) -> tuple[int, int]:
        for balance in self.engine.balances(participant_id):
            if balance.asset == asset:
                return balance.total, balance.reserved
        return 0, 0

    def held(self, participant_id: int) -> list[tuple[int, int, int]]:
        """(receipt, weight in grams, reserved grams) of each of his live receipts."""
        return [(kept.receipt_id, kept.weight_g, kept.reserved_g) for kept in self.engine.receipts(participant_id)]

    def book(self, symbol: str = SYMBOL) -> str:
        """The book as text: asks from the top down, a line, bids."""
        market = self.engine.market
        lines = [f"{price:>5} {quantity:>6}" for price, quantity, _ in reversed(market.levels(symbol, "sell"))]
        lines.append("  ---")
        lines.extend(f"{price:>5} {quantity:>6}" for price, quantity, _ in market.levels(symbol, "buy"))
        return "\n".join(line.strip() for line in lines)


def told(transfers: tuple[Transfer, ...]) -> list[str]:
    """Ledger entries as a reader of the ledger tells them."""
    return [f"{posted.asset} {posted.debit} -> {posted.credit} {posted.amount}" for posted in transfers]
