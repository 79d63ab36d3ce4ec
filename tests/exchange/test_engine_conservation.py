"""Whatever anyone sends, money and goods are conserved, and the events alone tell the whole state.

Hypothesis sends commands, sensible and hostile, to one engine. After each: every invariant is audited; what a reader of
the events knows is held against what the engine shows; at the end the commands are executed again.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exchange.engine import Engine
from exchange.protocol import decode_commands, encode
from matching.messages import (
    AdvanceTime,
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    DefineInstrument,
    MassCancel,
    OrderRejected,
    SetPhase,
    TradeExecuted,
)
from settlement.messages import (
    AdjustCash,
    BalanceChanged,
    BustTrade,
    Deposit,
    EnterOrder,
    ExecutionReport,
    LoadOut,
    LotChanged,
    LotsDelivered,
    OrderDelivery,
    OrderRepeated,
    ReceiptChanged,
    RequestRefused,
    TradeBusted,
    TradeSettled,
)
from tests.exchange.floor import HOUR_NS, SYMBOL, Floor

ANN, BO, CAI = 6, 7, 8
OTHER = "BXJ-2-SX1-26W47"
LIVE = ("accepted", "resting", "partly_filled")

people = st.sampled_from([ANN, BO, CAI])
symbols = st.sampled_from([SYMBOL, SYMBOL, SYMBOL, OTHER])
sides = st.sampled_from(["buy", "sell"])
quantities = st.integers(1, 12)
prices = st.integers(98, 102)
far_prices = st.integers(95, 105)
wild = st.sampled_from([0, -1, 1, 2**53 - 1, 10**6])
phases = st.sampled_from(["closed", "auction", "auction", "halted"])

anyone = {
    "who": people,
    "side": sides,
    "quantity": quantities,
    "self_trade": st.sampled_from(["cancel_resting", "cancel_incoming", "cancel_both", "decrement"]),
}
limits = st.fixed_dictionaries(
    anyone | {"price": prices},
    optional={
        "time_in_force": st.sampled_from(["day", "ioc", "fok", "gtd", "opening", "closing"]),
        "display_quantity": st.sampled_from([1, 3]),
        "minimum_quantity": st.sampled_from([2]),
        "post_only": st.booleans(),
        "symbol": symbols,
        "named": st.lists(st.integers(0, 5), max_size=3),
    },
)
plain_limits = st.fixed_dictionaries(anyone | {"price": prices})
markets = st.fixed_dictionaries(
    anyone | {"kind": st.just("market")},
    optional={"time_in_force": st.sampled_from(["day", "ioc", "fok", "closing", "opening"])},
)
stops = st.fixed_dictionaries(
    anyone | {"kind": st.just("stop"), "stop_price": prices},
    optional={"price": far_prices, "time_in_force": st.sampled_from(["day", "ioc", "closing"])},
)
batches = st.lists(st.one_of(plain_limits, plain_limits, limits, markets, stops), min_size=1, max_size=8)


class Reader:
    """What somebody knows who reads the events and nothing else."""

    def __init__(self) -> None:
        self.orders: dict[int, ExecutionReport] = {}
        self.balances: dict[tuple[int, str], BalanceChanged] = {}
        self.receipts: dict[int, Any] = {}
        self.lots: dict[int, Any] = {}
        self.trades: dict[int, TradeSettled] = {}
        self.fees_fen = 0

    def read(self, events: list[Any]) -> None:
        self._check_order(events)
        for event in events:
            if isinstance(event, ExecutionReport):
                self._check_report(event)
                self.orders[event.order_id] = event
                if event.status not in LIVE:
                    del self.orders[event.order_id]
            elif isinstance(event, BalanceChanged):
                self.balances[event.participant_id, event.asset] = event
            elif isinstance(event, ReceiptChanged):
                self.receipts[event.receipt.receipt_id] = event.receipt
                if event.receipt.state in ("split", "delivered"):
                    del self.receipts[event.receipt.receipt_id]
            elif isinstance(event, LotChanged):
                self.lots[event.lot.lot_id] = event.lot
                if event.lot.status in ("receipted", "refused"):
                    del self.lots[event.lot.lot_id]
            elif isinstance(event, TradeSettled):
                self.fees_fen += event.buyer_fee_fen + event.seller_fee_fen
                assert event.amount_fen == event.price * event.quantity
                assert event.seller_fee_fen <= event.amount_fen
                assert sum(kilograms for _, _, kilograms in event.lots) == event.quantity
                self.trades[event.trade_id] = event
            elif isinstance(event, TradeBusted):
                assert event.trade == self.trades.pop(event.trade.trade_id)
                self.fees_fen -= event.trade.buyer_fee_fen + event.trade.seller_fee_fen
                assert [given for given, _, _ in event.lots] == [bought for _, bought, _ in event.trade.lots]

    def _check_order(self, events: list[Any]) -> None:
        """Each trade is settled at once; reports follow everything else, one an order; balances come last, one each."""
        kinds = [type(event) for event in events]
        for at, event in enumerate(events):
            if isinstance(event, TradeExecuted):
                assert kinds[at + 1] is LotsDelivered
                settled = next(later for later in events[at:] if isinstance(later, TradeSettled))
                assert settled.trade_id == event.trade_id
        last = [kind for kind in kinds if kind in (ExecutionReport, BalanceChanged)]
        assert kinds[len(kinds) - len(last) :] == last
        reported = [event.order_id for event in events if isinstance(event, ExecutionReport)]
        assert len(reported) == len(set(reported))
        assert last == [ExecutionReport] * len(reported) + [BalanceChanged] * (len(last) - len(reported))
        told = [(event.participant_id, event.asset) for event in events if isinstance(event, BalanceChanged)]
        assert len(told) == len(set(told))

    def _check_report(self, report: ExecutionReport) -> None:
        if report.status in LIVE:
            assert report.remaining == report.quantity - report.filled > 0
            assert report.reason is None
            assert (report.status == "partly_filled") == (report.filled > 0)
            if report.side == "sell":
                assert report.lots is not None
                assert sum(kilograms for _, kilograms in report.lots) == report.remaining
        else:
            assert report.remaining == report.displayed == 0
            assert not report.lots
            assert (report.status == "filled") == (report.reason is None)
        assert report.filled <= report.quantity or report.status == "rejected"


class Market(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor(fee_rate_ppm=30_000, fee_minimum_fen=7)
        self.reader = Reader()
        self.all_events: list[Any] = []
        engine = self.floor.engine
        for participant_id, name in ((ANN, "ann"), (BO, "bo"), (CAI, "cai")):
            self.reader.read(self.floor.register(name, "grower", "trader"))
            self.send(Deposit(participant_id=participant_id, amount_fen=4_000, reference=f"first-{participant_id}"))
        self.send(DefineInstrument(SYMBOL, reference_price=100, band=5))
        for participant_id in (ANN, BO, CAI, ANN, BO):
            self.receive_goods(participant_id, 20_500, SYMBOL)
        assert engine.sequence == len(self.floor.commands)

    def send(self, command: Any) -> list[Any]:
        events = self.floor.do(command)
        self.reader.read(events)
        return events

    def receive_goods(self, participant_id: int, weight_g: int, symbol: str, harvest: str = "2026-11-20") -> None:
        """Commands by the floor's own verbs, whose events are read too."""
        floor = self.floor
        grade = symbol.split("-")[1]
        floor.events = []
        announced = floor.announce(participant_id, grade=grade, harvest_date=harvest, cartons=5, weight_g=weight_g)
        self.reader.read(announced)
        if isinstance(announced[0], RequestRefused):
            assert announced[0].reason == "past_green_life"
            return
        lot_id = floor.only(LotChanged).lot.lot_id
        self.reader.read(floor.weigh(lot_id, weight_g))
        self.reader.read(floor.inspect(lot_id, grade=grade, colour_stage=1 + lot_id % 2))
        issued = floor.issue(lot_id) if floor.engine.lot(lot_id) is not None else []
        self.reader.read(issued)

    @rule(batch=batches)
    def orders(self, batch: list[dict[str, Any]]) -> None:
        for fields in batch:
            self.order(**fields)

    @rule(symbol=symbols, phase=phases, batch=batches)
    def interlude(self, symbol: str, phase: Any, batch: list[dict[str, Any]]) -> None:
        """An auction, a break, a night; what was collected uncrosses."""
        self.send(SetPhase(symbol, phase))
        self.orders(batch)
        self.send(SetPhase(symbol, "continuous"))

    @rule(
        symbol=symbols, phase=st.sampled_from(["auction", "halted", "closed", "continuous", "continuous", "continuous"])
    )
    def set_phase(self, symbol: str, phase: Any) -> None:
        self.send(SetPhase(symbol, phase))

    def order(self, who: int, side: Any, quantity: int, **fields: Any) -> None:
        if fields.get("kind") == "stop" and "price" in fields:
            fields["kind"] = "stop_limit"
        if "minimum_quantity" in fields:
            fields["time_in_force"] = "ioc"
        if fields.get("time_in_force") == "gtd":
            fields["expires_ns"] = self.floor.time_ns + 30 * HOUR_NS
        named = fields.pop("named", None)
        if named is not None and side == "sell":
            receipts = self.floor.engine.receipts(who)
            fields["lots"] = tuple(receipts[at % len(receipts)].receipt_id if receipts else 1 for at in named)
        self.enter(who, fields.pop("symbol", SYMBOL), side, quantity, **fields)

    @rule(
        who=st.sampled_from([BO, 99]),
        symbol=st.sampled_from([SYMBOL, "NONE"]),
        side=sides,
        quantity=wild,
        price=st.one_of(st.none(), wild),
        kind=st.sampled_from(["limit", "market", "stop", "stop_limit"]),
        lots=st.sampled_from([None, None, (), (1,), (1, 1), (77,), tuple(range(1, 150))]),
        same_id=st.booleans(),
    )
    def hostile(
        self,
        who: int,
        symbol: str,
        side: Any,
        quantity: int,
        price: int | None,
        kind: Any,
        lots: Any,
        same_id: bool,
    ) -> None:
        changes = {"client_order_id": "again"} if same_id else {}
        self.enter(who, symbol, side, quantity, price=price, kind=kind, stop_price=price, lots=lots, **changes)

    def enter(self, who: int, symbol: str, side: Any, quantity: int, **fields: Any) -> None:
        fields.setdefault("client_order_id", f"order-{self.floor.engine.sequence}")
        events = self.send(EnterOrder(participant_id=who, symbol=symbol, side=side, quantity=quantity, **fields))
        kinds = [type(event) for event in events]
        if kinds in ([OrderRepeated], [RequestRefused]):
            return
        own = [event for event in events if type(event) is ExecutionReport][-1]
        assert own.client_order_id == fields["client_order_id"]
        assert (own.status == "rejected") == (OrderRejected in kinds)
        # The market's own reasons come before those of clearing.
        if own.status == "rejected":
            assert kinds == [OrderRejected, ExecutionReport]

    @precondition(lambda self: self.book_orders())
    @rule(
        pick=st.integers(0, 30),
        quantity=st.one_of(st.none(), st.integers(1, 15)),
        price=st.one_of(st.none(), prices),
        display=st.sampled_from([None, None, None, 1, 4]),
    )
    def amend(self, pick: int, quantity: int | None, price: int | None, display: int | None) -> None:
        order = self.picked(pick)
        events = self.send(AmendOrder(order.order_id, order.participant_id, quantity, price, display))
        if type(events[0]) is AmendRejected:
            assert len(events) == 1
        else:
            assert [event.order_id for event in events if type(event) is ExecutionReport][-1] == order.order_id

    @precondition(lambda self: self.book_orders())
    @rule(pick=st.integers(0, 30))
    def cancel(self, pick: int) -> None:
        order = self.picked(pick)
        self.send(CancelOrder(order.order_id, order.participant_id))
        assert order.order_id not in self.reader.orders

    @precondition(lambda self: self.book_orders())
    @rule(pick=st.integers(0, 30))
    def cancel_of_another(self, pick: int) -> None:
        order = self.picked(pick)
        assert self.send(CancelOrder(order.order_id, 1)) == [CancelRejected(order.order_id, "unknown_order")]

    def book_orders(self) -> list[ExecutionReport]:
        return [order for _, order in sorted(self.reader.orders.items()) if order.via == "order"]

    def picked(self, pick: int) -> ExecutionReport:
        live = self.book_orders()
        return live[pick % len(live)]

    @rule(who=people, symbol=st.sampled_from([None, SYMBOL]), side=st.sampled_from([None, "buy", "sell"]))
    def mass_cancel(self, who: int, symbol: str | None, side: Any) -> None:
        self.send(MassCancel(who, symbol, side))

    @rule(
        band=st.sampled_from([None, 2, 5, 9]),
        reference_price=st.sampled_from([None, 98, 100, 104]),
        collar=st.sampled_from([None, None, 2]),
        protection=st.sampled_from([None, None, 1]),
        phase=st.sampled_from(["auction", "continuous"]),
        cancel_on_halt=st.booleans(),
    )
    def define_anew(
        self,
        band: int | None,
        reference_price: int | None,
        collar: int | None,
        protection: int | None,
        phase: Any,
        cancel_on_halt: bool,
    ) -> None:
        self.send(SetPhase(SYMBOL, "closed"))
        self.send(
            DefineInstrument(
                SYMBOL,
                phase=phase,
                band=band,
                reference_price=reference_price,
                collar=collar,
                protection=protection,
                cancel_on_halt=cancel_on_halt,
            )
        )

    @rule(who=people, amount_fen=st.sampled_from([1, 500, 2_000]), reference=st.integers(0, 50))
    def deposit(self, who: int, amount_fen: int, reference: int) -> None:
        self.send(Deposit(participant_id=who, amount_fen=amount_fen, reference=f"bank-{reference}"))

    @precondition(lambda self: self.reader.trades)
    @rule(pick=st.integers(0, 10))
    def bust(self, pick: int) -> None:
        """Of the last trades, so that the goods of some have not gone on; of the first, which are too old."""
        trades = sorted(self.reader.trades)
        trade_id = trades[-1 - pick % len(trades)]
        events = self.send(BustTrade(operator_id=1, trade_id=trade_id, reason="by chance"))
        assert (type(events[0]) is TradeBusted) == (trade_id not in self.reader.trades)

    @rule(who=people, whom=people, amount_fen=st.sampled_from([1, 900]), reference=st.integers(0, 20))
    def adjust(self, who: int, whom: int, amount_fen: int, reference: int) -> None:
        self.send(
            AdjustCash(
                operator_id=1,
                debit_id=who,
                credit_id=whom,
                amount_fen=amount_fen,
                reference=f"case-{reference}",
                reason="by chance",
            )
        )

    @rule(
        who=people,
        weight_g=st.integers(700, 15_000),
        symbol=symbols,
        harvest=st.sampled_from(["2026-11-17", "2026-11-22"]),
    )
    def receipt(self, who: int, weight_g: int, symbol: str, harvest: str) -> None:
        self.receive_goods(who, weight_g, symbol, harvest)

    @rule(who=people, pick=st.integers(0, 10))
    def order_delivery(self, who: int, pick: int) -> None:
        receipts = self.floor.engine.receipts(who)
        receipt_id = receipts[pick % len(receipts)].receipt_id if receipts else 77
        self.send(OrderDelivery(participant_id=who, receipt_id=receipt_id))

    @precondition(lambda self: self.reader.receipts)
    @rule(pick=st.integers(0, 10))
    def load_out(self, pick: int) -> None:
        live = sorted(self.reader.receipts)
        self.send(LoadOut(operator_id=2, receipt_id=live[pick % len(live)]))

    @rule(hours=st.sampled_from([1, 5, 29, 29, 100]))
    def time_passes(self, hours: int) -> None:
        self.floor.time_ns += hours * HOUR_NS
        self.send(AdvanceTime(self.floor.time_ns))
        deadline_ns = self.floor.engine.next_deadline_ns()
        assert deadline_ns is None or deadline_ns > self.floor.time_ns

    @rule()
    def restart(self) -> None:
        """The engine goes on from its snapshot."""
        engine = self.floor.engine
        state = engine.snapshot()
        restored = Engine.restore(state)
        restored.audit()
        assert restored.snapshot() == state
        assert restored.state_hash() == engine.state_hash()
        self.floor.engine = restored

    @invariant()
    def events_tell_everything(self) -> None:
        engine = self.floor.engine
        everyone = [participant.participant_id for participant in engine.participants()]
        orders = [order for participant_id in everyone for order in engine.live_orders(participant_id)]
        assert {order.order_id: order for order in orders} == self.reader.orders
        balances = {(kept.participant_id, kept.asset): kept for who in everyone for kept in engine.balances(who)}
        told = self.reader.balances
        for key in balances.keys() | told.keys():
            now = (balances[key].total, balances[key].reserved) if key in balances else (0, 0)
            assert now == ((told[key].total, told[key].reserved) if key in told else (0, 0))
        receipts = {receipt.receipt_id: receipt for receipt in engine.all_receipts()}
        assert receipts.keys() == self.reader.receipts.keys()
        for receipt_id, receipt in receipts.items():
            told_receipt = self.reader.receipts[receipt_id]
            assert (receipt.weight_g, receipt.state) == (told_receipt.weight_g, told_receipt.state)
        assert {lot.lot_id: lot for lot in engine.lots()} == self.reader.lots
        # All the money that came is somebody's or the venue's.
        deposited = sum(
            command.amount_fen
            for command, _ in self.floor.commands
            if type(command) is Deposit and self.accepted(command)
        )
        held = sum(kept.total for (_, asset), kept in balances.items() if asset == "CNY")
        assert held + self.reader.fees_fen == deposited

    def accepted(self, command: Deposit) -> bool:
        first = next(
            sent for sent, _ in self.floor.commands if type(sent) is Deposit and sent.reference == command.reference
        )
        return first is command

    def teardown(self) -> None:
        """The same commands, read back from their journaled form, lead to the same events and the same state."""
        again = Engine()
        for command, time_ns in self.floor.commands:
            (read,) = decode_commands(encode((command,)))
            again.execute(read, again.sequence + 1, time_ns)
        assert again.snapshot() == self.floor.engine.snapshot()
        assert again.state_hash() == self.floor.engine.state_hash()


@pytest.mark.slow
@pytest.mark.soak
class TestMarket(Market.TestCase):  # type: ignore[name-defined,misc]
    """Half as many examples as the profile says, and its steps."""

    settings = settings(max_examples=settings.default.max_examples // 2)
