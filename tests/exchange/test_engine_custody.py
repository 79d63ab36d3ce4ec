"""Whatever holders, lenders, the warehouse and traders do, DOMAIN's invariants of receipts hold after every command.

Hypothesis sends commands of trade, custody, delivery and time to one engine, sensible and hostile. A clerk who reads
nothing but the events keeps lots and receipts of his own, and judges each step by them:

    Σ live receipts of a lot = received − left − recorded shrinkage, in his books and in the ledger
    a split conserves weight, a merger too; one live receipt after a replacement
    nothing pledged, held or expired is offered, traded, given away or delivered
    no receipt outlives the green life that was predicted for its lot
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exchange.engine import Engine
from exchange.protocol import decode_commands, encode
from settlement.civil import day_number
from settlement.life import green_until_ns
from settlement.messages import (
    ENDED_STATES,
    ExecutionReport,
    LedgerPosted,
    Lot,
    LotChanged,
    LotRegraded,
    Receipt,
    ReceiptChanged,
    ReceiptsMerged,
    ReceiptTransferred,
    RequestRefused,
    StockChanged,
    TradeBusted,
    TradeSettled,
)
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, OPERATOR, WANG, WAREHOUSE
from tests.settlement.depot import Depot

FIRST, SECOND = "BXJ-1-SX1-26W47", "BXJ-2-SX1-26W47"
LISTED = "BXJ-E-SX1-26W47"
PEOPLE = (CHEN, LI, WANG)
GREEN_LIFE_DAYS = 28

people = st.sampled_from(PEOPLE)
staff = st.sampled_from([*[WAREHOUSE] * 8, OPERATOR, LI])
picks = st.integers(0, 30)
causes = st.sampled_from(["quality", "court", "cold_chain", "loss"])
symbols = st.sampled_from([FIRST, FIRST, SECOND])


class Clerk:
    """Lots and receipts as the events tell them; asserts what a command may have done to a receipt."""

    def __init__(self) -> None:
        self.lots: dict[int, Lot] = {}
        self.receipts: dict[int, Receipt] = {}
        self.predicted_ns: dict[int, int] = {}
        self.received_g: dict[int, int] = {}
        self.left_g: dict[int, int] = {}
        self.shrinkage_g: dict[int, int] = {}
        self.accounts: dict[tuple[str, str], int] = {}
        self.orders: dict[int, ExecutionReport] = {}

    def live(self, lot_id: int | None = None) -> list[Receipt]:
        return [
            receipt
            for receipt in self.receipts.values()
            if receipt.state not in ENDED_STATES and lot_id in (None, receipt.lot_id)
        ]

    def take(self, events: list[Any]) -> None:
        before = dict(self.receipts)
        for event in events:
            match event:
                case LotChanged():
                    self._lot(event.lot)
                case ReceiptChanged():
                    self._receipt(event.cause, event.receipt, before)
                case LotRegraded():
                    self._predict(event.lot_id, event.colour_stage)
                case StockChanged():
                    assert event.booked_g == sum(receipt.weight_g for receipt in self.live(event.lot_id))
                    assert event.shrinkage_g - self.shrinkage_g[event.lot_id] == event.booked_g - event.weight_g
                    self.shrinkage_g[event.lot_id] = event.shrinkage_g
                case LedgerPosted():
                    for transfer in event.transfers:
                        for account, amount in ((transfer.debit, -transfer.amount), (transfer.credit, transfer.amount)):
                            key = (transfer.asset, account)
                            self.accounts[key] = self.accounts.get(key, 0) + amount
                case ExecutionReport():
                    if event.status in ("accepted", "resting", "partly_filled"):
                        self.orders[event.order_id] = event
                    else:
                        self.orders.pop(event.order_id, None)
                case TradeSettled():
                    for sold, bought, kilograms in event.lots:
                        assert before[sold].state == "issued"
                        assert self.receipts[bought].weight_g == 1_000 * kilograms
                case _:
                    pass
        self._judge_whole(events, before)

    def _lot(self, lot: Lot) -> None:
        self.lots[lot.lot_id] = lot
        if lot.status == "inspected":
            assert lot.colour_stage is not None
            self._predict(lot.lot_id, lot.colour_stage)

    def _predict(self, lot_id: int, colour_stage: int) -> None:
        harvested = day_number(self.lots[lot_id].harvest_date)
        assert harvested is not None
        until_ns = green_until_ns(GREEN_LIFE_DAYS, colour_stage, harvested)
        self.predicted_ns[lot_id] = min(until_ns, self.predicted_ns.get(lot_id, until_ns))

    def _receipt(self, cause: str, receipt: Receipt, before: dict[int, Receipt]) -> None:
        lot_id = receipt.lot_id
        was = self.receipts.get(receipt.receipt_id)
        self.receipts[receipt.receipt_id] = receipt
        assert receipt.expires_ns <= self.predicted_ns[lot_id]
        if cause == "issued":
            self.received_g[lot_id] = receipt.weight_g
            self.left_g[lot_id] = self.shrinkage_g[lot_id] = 0
            return
        if receipt.state in ("delivered", "void") and cause in ("delivered", "void"):
            self.left_g[lot_id] += receipt.weight_g
        if was is None:
            # A part of another: who was not free before could not be parted with.
            parent = before.get(receipt.parent_receipt_id or 0)
            assert parent is None or parent.state == "issued" or cause == "replaced"
            return
        assert was.state not in ENDED_STATES
        if cause in ("transferred", "split", "merged", "returned", "pledged", "delivery_ordered", "void"):
            assert was.state == "issued", (cause, was)
            assert was.pledge is None
            assert not was.holds
        elif cause == "delivered":
            assert was.state in ("delivery_ordered", "expired")
            assert was.pledge is None
        elif cause == "replaced":
            assert any(hold.cause == "loss" for hold in was.holds)

    def _judge_whole(self, events: list[Any], before: dict[int, Receipt]) -> None:
        """What several events of one command say together."""
        told = [event.receipt for event in events if type(event) is ReceiptChanged]
        for cause in ("split", "merged", "replaced"):
            changed = [event.receipt for event in events if type(event) is ReceiptChanged and event.cause == cause]
            ended = [receipt for receipt in changed if receipt.state in ENDED_STATES]
            made = [receipt for receipt in changed if receipt.state not in ENDED_STATES]
            assert sum(before[each.receipt_id].weight_g for each in ended) == sum(each.weight_g for each in made)
            if cause == "replaced" and ended:
                assert (len(ended), len(made)) == (1, 1)
                assert made[0].parent_receipt_id == ended[0].receipt_id
        for event in events:
            if type(event) is ReceiptsMerged:
                assert all(self.receipts[merged].state == "merged" for merged in event.merged)
            elif type(event) is ReceiptTransferred:
                assert self.receipts[event.receipt_id].state == "split"
                assert self.receipts[event.new_receipt_id].participant_id == event.to_participant_id
        if any(type(event) is TradeBusted for event in events):
            assert any(receipt.state == "issued" for receipt in told)


class Store(RuleBasedStateMachine):
    """A day is an hour's step here, so that green life ends within a run."""

    def __init__(self) -> None:
        super().__init__()
        self.depot = Depot()
        self.clerk = Clerk()
        self.heard = 0
        self.references = 0
        depot = self.depot
        depot.define(LISTED, mode="one_way_auction")
        for participant_id in PEOPLE:
            depot.deposit(participant_id, 10_000_000)
        self.trades = 0
        for grade, weight_g in (("1", 30_000), ("1", 12_500), ("E", 20_000)):
            self.stock(grade, weight_g, 1, 20)
        self.heed(depot.split(CHEN, 1, 10_000, 9_999, 10_001))
        self.heed(depot.give(CHEN, 4, LI, "first"))
        self.heed(depot.give(CHEN, 5, WANG, "second"))

    # Finding

    def heed(self, events: list[Any]) -> None:
        """The clerk reads what the command led to."""
        self.clerk.take(events)
        self.trades += sum(type(event) is TradeSettled for event in events)

    def receipt(self, pick: int, *states: str) -> int:
        """Any live receipt, one in these states if there is one; sometimes a number that is nobody's."""
        if pick == 30:
            return 999
        live = self.clerk.live()
        found = [receipt for receipt in live if receipt.state in states] or live
        return found[pick % len(found)].receipt_id if found else 1

    def holder(self, receipt_id: int, pick: int) -> int:
        """Whose it is; now and then another."""
        receipt = self.clerk.receipts.get(receipt_id)
        return CHEN if receipt is None else LI if pick == 29 else receipt.participant_id

    def lot(self, pick: int) -> int:
        live = self.clerk.live()
        return live[pick % len(live)].lot_id if live and pick != 30 else pick + 1

    # Goods come

    @rule(
        grade=st.sampled_from(["1", "1", "E"]),
        weight_g=st.integers(1, 40_000),
        stage=st.sampled_from([1, 1, 2, 3]),
        day=st.sampled_from([17, 20, 22]),
    )
    def stock(self, grade: Any, weight_g: int, stage: int, day: int) -> None:
        depot = self.depot
        self.heed(depot.announce(grade=grade, harvest_date=f"2026-11-{day}", weight_g=weight_g))
        lots = depot.all(LotChanged)
        if not lots:
            return
        lot_id = lots[0].lot.lot_id
        self.heed(depot.weigh(lot_id, weight_g, 100))
        self.heed(depot.inspect(lot_id, grade=grade, colour_stage=stage, defect_permille=10))
        if depot.only(LotChanged).lot.status == "inspected":
            self.heed(depot.issue(lot_id))
            assert depot.only(ReceiptChanged).receipt.weight_g == weight_g

    # Trade

    @rule(who=people, side=st.sampled_from(["buy", "sell"]), quantity=st.integers(1, 12), symbol=symbols)
    def order(self, who: int, side: Any, quantity: int, symbol: str) -> None:
        self.depot.enter(who, side, quantity, 100, symbol=symbol)
        self.heed(self.depot.events)

    @rule(who=people, pick=picks, quantity=st.integers(1, 6))
    def order_named(self, who: int, pick: int, quantity: int) -> None:
        receipt_id = self.receipt(pick, "issued", "pledged", "held")
        report = self.depot.enter(self.holder(receipt_id, pick), "sell", quantity, 101, lots=(receipt_id,))
        self.heed(self.depot.events)
        receipt = self.clerk.receipts.get(receipt_id)
        assert report.status == "rejected" or (receipt is not None and receipt.state in ("issued", "split"))

    @rule(pick=picks, quantity=st.integers(1, 6), more=st.integers(0, 2), buyer=people)
    def trade(self, pick: int, quantity: int, more: int, buyer: int) -> None:
        """Offer a receipt's kilograms, and take most of them at once."""
        receipt_id = self.receipt(pick, "issued")
        receipt = self.clerk.receipts.get(receipt_id)
        if receipt is not None:
            self.depot.sell(receipt.participant_id, quantity + more, 90, symbol=receipt.symbol, lots=(receipt_id,))
            self.heed(self.depot.events)
            self.depot.buy(buyer, quantity, 90, symbol=receipt.symbol)
            self.heed(self.depot.events)

    @rule(pick=picks, quantity=st.integers(1, 4))
    def open_auction(self, pick: int, quantity: int) -> None:
        receipt_id = self.receipt(pick, "issued")
        self.depot.auction(self.holder(receipt_id, pick), quantity, 100, symbol=LISTED, receipt_id=receipt_id)
        self.heed(self.depot.events)

    @rule(who=people, pick=picks)
    def bid(self, who: int, pick: int) -> None:
        auctions = [order for order in self.clerk.orders.values() if order.via == "auction"]
        if auctions:
            self.depot.bid(who, auctions[pick % len(auctions)].order_id, 100 + 5 * pick)
            self.heed(self.depot.events)

    @rule(who=people)
    def cancel(self, who: int) -> None:
        self.heed(self.depot.cancel_all(who))

    @rule(back=st.integers(0, 3))
    def bust(self, back: int) -> None:
        if self.trades:
            self.heed(self.depot.bust(max(1, self.trades - back)))

    # Custody

    @rule(pick=picks, at=st.integers(1, 999), off=st.sampled_from([0, 0, 0, 1]))
    def split(self, pick: int, at: int, off: int) -> None:
        receipt_id = self.receipt(pick, "issued")
        receipt = self.clerk.receipts.get(receipt_id)
        weight_g = 2 if receipt is None else receipt.weight_g
        first_g = max(1, weight_g * at // 1_000)
        parts = (first_g, max(1, weight_g - first_g) + off)
        self.heed(self.depot.split(self.holder(receipt_id, pick), receipt_id, *parts))
        if off:
            assert type(self.depot.events[-1]) is RequestRefused

    @rule(pick=picks, whole=st.booleans())
    def merge(self, pick: int, whole: bool) -> None:
        first = self.clerk.receipts.get(self.receipt(pick, "issued"))
        if first is None:
            return
        mine = [
            receipt.receipt_id
            for receipt in self.clerk.live()
            if receipt.participant_id == first.participant_id and (not whole or receipt.lot_id == first.lot_id)
        ]
        if len(mine) > 1:
            self.heed(self.depot.merge(first.participant_id, *reversed(mine[:5])))

    @rule(pick=picks, to=people)
    def give(self, pick: int, to: int) -> None:
        receipt_id = self.receipt(pick, "issued")
        self.references += 1
        self.heed(self.depot.give(self.holder(receipt_id, pick), receipt_id, to, f"note {self.references}"))

    @rule(pick=picks, lender=people)
    def pledge(self, pick: int, lender: int) -> None:
        receipt_id = self.receipt(pick, "issued")
        self.references += 1
        self.heed(self.depot.pledge(self.holder(receipt_id, pick), receipt_id, lender, f"loan {self.references}"))

    @rule(pick=picks, lender=people)
    def release(self, pick: int, lender: int) -> None:
        receipt_id = self.receipt(pick, "pledged", "held", "expired")
        receipt = self.clerk.receipts.get(receipt_id)
        if receipt is not None and receipt.pledge is not None and pick < 25:
            lender = receipt.pledge.lender_id
        self.heed(self.depot.release(receipt_id, lender))

    @rule(pick=picks, cause=causes, operator_id=staff)
    def hold(self, pick: int, cause: str, operator_id: int) -> None:
        receipt_id = self.receipt(pick)
        if cause == "loss":
            self.heed(self.depot.lose(self.holder(receipt_id, pick), receipt_id))
        else:
            self.heed(self.depot.hold(receipt_id, cause, operator_id))

    @rule(pick=picks, cause=causes, operator_id=staff)
    def lift(self, pick: int, cause: str, operator_id: int) -> None:
        receipt_id = self.receipt(pick, "held")
        receipt = self.clerk.receipts.get(receipt_id)
        if receipt is not None and receipt.holds and pick < 25:
            cause = receipt.holds[pick % len(receipt.holds)].cause
        self.heed(self.depot.lift(receipt_id, cause, operator_id))

    @rule(pick=picks, operator_id=staff)
    def replace(self, pick: int, operator_id: int) -> None:
        lost = [each.receipt_id for each in self.clerk.live() if any(hold.cause == "loss" for hold in each.holds)]
        receipt_id = lost[pick % len(lost)] if lost else self.receipt(pick, "held")
        self.heed(self.depot.replace(receipt_id, operator_id))

    @rule(pick=picks, operator_id=staff)
    def void(self, pick: int, operator_id: int) -> None:
        first = [each.receipt_id for each in self.clerk.live() if each.parent_receipt_id is None and pick % 6 == 0]
        self.heed(self.depot.void(first[pick % len(first)] if first else self.receipt(pick), operator_id))

    @rule(
        pick=picks,
        grade=st.sampled_from(["E", "1", "2"]),
        stage=st.sampled_from([1, 1, 1, 2, 3, 5]),
        defects=st.sampled_from([0, 0, 0, 60, 101]),
    )
    def regrade(self, pick: int, grade: Any, stage: int, defects: int) -> None:
        self.heed(self.depot.regrade(self.lot(pick), grade, stage, defect_permille=defects))

    @rule(pick=picks, weight_g=st.integers(1, 25_000), operator_id=staff)
    def shrink(self, pick: int, weight_g: int, operator_id: int) -> None:
        self.heed(self.depot.shrink(self.lot(pick), weight_g if pick % 11 == 0 else weight_g % 900 + 1, operator_id))

    @rule(pick=picks, weight_g=st.integers(0, 25_000))
    def count(self, pick: int, weight_g: int) -> None:
        lot_id = self.lot(pick)
        booked_g = sum(receipt.weight_g for receipt in self.clerk.live(lot_id))
        near_g = max(0, booked_g + weight_g % 900 - 450 * (pick % 2))
        self.heed(self.depot.count(lot_id, weight_g if pick % 11 == 0 else near_g))

    # Goods leave, time passes

    @rule(pick=picks)
    def order_delivery(self, pick: int) -> None:
        receipt_id = self.receipt(pick, "issued")
        self.heed(self.depot.order_delivery(self.holder(receipt_id, pick), receipt_id))

    @rule(pick=picks)
    def load_out(self, pick: int) -> None:
        self.heed(self.depot.load_out(self.receipt(pick, "delivery_ordered", "expired")))

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.heed(self.depot.wait_until(self.depot.time_ns + hours * HOUR_NS))

    @rule(days=st.integers(0, 20))
    def wait_long(self, days: int) -> None:
        if days > 16:
            self.heed(self.depot.wait_until(self.depot.time_ns + (days - 14) * DAY_NS))

    @rule()
    def restart(self) -> None:
        restored = Engine.restore(self.depot.engine.snapshot())
        assert restored.state_hash() == self.depot.engine.state_hash()
        assert restored.next_deadline_ns() == self.depot.engine.next_deadline_ns()
        self.depot.engine = restored

    # What must hold, whatever was done

    @invariant()
    def weighs_right(self) -> None:
        clerk = self.clerk
        for lot_id in clerk.received_g:
            asset = f"LOT-{lot_id}"
            live_g = sum(receipt.weight_g for receipt in clerk.live(lot_id))
            assert live_g == clerk.received_g[lot_id] - clerk.left_g[lot_id] - clerk.shrinkage_g[lot_id]
            held: dict[str, int] = {}
            for receipt in clerk.live(lot_id):
                account = f"participant:{receipt.participant_id}"
                held[account] = held.get(account, 0) + receipt.weight_g
            booked = {account: grams for (kind, account), grams in clerk.accounts.items() if kind == asset and grams}
            if live_g:
                shrinkage_g = clerk.shrinkage_g[lot_id]
                assert booked.pop("warehouse:SX1") == -live_g - shrinkage_g
                assert booked.pop("shrinkage", 0) == shrinkage_g
            assert booked == held

    @invariant()
    def nothing_that_is_not_free_is_offered(self) -> None:
        for order in self.clerk.orders.values():
            for receipt_id, _ in order.lots or ():
                receipt = self.clerk.receipts[receipt_id]
                assert receipt.state == "issued"
                assert receipt.participant_id == order.participant_id
                assert receipt.symbol == order.symbol

    @invariant()
    def the_clerk_and_the_engine_agree(self) -> None:
        engine = self.depot.engine
        told = {receipt.receipt_id: receipt for receipt in self.clerk.live()}
        shown = {receipt.receipt_id: receipt for receipt in engine.all_receipts()}
        assert told.keys() == shown.keys()
        for receipt_id, receipt in shown.items():
            for field in Receipt.__struct_fields__:
                if field != "reserved_g":
                    assert getattr(receipt, field) == getattr(told[receipt_id], field), (receipt_id, field)

    @invariant()
    def nothing_green_is_past_its_life(self) -> None:
        for receipt in self.clerk.live():
            if receipt.expires_ns <= self.depot.time_ns:
                assert receipt.state not in ("issued", "pledged")

    def teardown(self) -> None:
        """The same commands, read back from their journaled form, lead to the same state."""
        again = Engine()
        for command, time_ns in self.depot.commands:
            (read,) = decode_commands(encode((command,)))
            again.execute(read, again.sequence + 1, time_ns)
        assert again.snapshot() == self.depot.engine.snapshot()
        assert again.state_hash() == self.depot.engine.state_hash()


@pytest.mark.slow
@pytest.mark.soak
class TestStore(Store.TestCase):  # type: ignore[name-defined,misc]
    """Half as many examples as the profile says, and its steps."""

    settings = settings(max_examples=settings.default.max_examples // 2)
